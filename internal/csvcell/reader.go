package csvcell

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"io"
	"math/bits"
	"unicode/utf8"
)

// The limits of a [Reader] whose [Limits] are zero.
const (
	DefaultMaxFieldBytes  = 64 << 10
	DefaultMaxRecordBytes = 1 << 20
	DefaultMaxFields      = 1024
)

// Limits bounds what a [Reader] accepts. A limit that is zero or less stands
// for its default, one above 1 GiB for 1 GiB.
type Limits struct {
	// MaxFieldBytes is the largest size of a field, without its quotes.
	MaxFieldBytes int
	// MaxRecordBytes is the largest size of a record as it stands in the
	// file, without the line end after it. It also bounds the memory of the
	// Reader: a buffer of that size, and a second one while it grows.
	MaxRecordBytes int
	// MaxFields is the largest number of fields in a record.
	MaxFields int
}

const (
	initialBuffer = 64 << 10
	maxEmptyReads = 100

	// lookahead is how many bytes after the largest record are needed to
	// know that it has ended, and one more so that there is always a byte
	// to read into.
	lookahead = 3
	// slack is how many bytes of the buffer stay unused at its end, so that
	// a word can be loaded from every place before.
	slack = 8
)

var errReadCount = errors.New("csv: io.Reader returned an impossible count")

// A Reader reads the records of a CSV file. It is as strict as encoding/csv
// and agrees with it about every input that it accepts, but for two things: it
// skips a byte order mark at the start, and it keeps a CRLF inside a quoted
// field, which encoding/csv turns into LF. It also refuses a field that is not
// valid UTF-8 and a CR outside quotes that no LF follows.
//
// Lines may end in LF or CRLF, the last one also in nothing. Empty lines are
// skipped. Records may differ in their number of fields.
type Reader struct {
	src    io.Reader
	limits Limits
	begun  bool
	err    error // ends all reading

	buf      []byte
	gone     int64 // bytes that were taken out of buf
	pos, end int   // the unread bytes are buf[pos:end]
	srcErr   error // of src, to be returned when its bytes are used up
	at       place

	line   int // of the record
	spans  []span
	jumps  []jump
	fields [][]byte
}

// Offsets count from Reader.pos while a record is parsed, because its bytes
// move when the buffer is filled.
type (
	// span is a field, without its quotes.
	span struct{ start, end int }
	// jump says that the fields from an index on start in a later line.
	jump struct{ field, line int }
	// place is a physical line and the offset where it starts.
	place struct{ line, start int }
)

func (p place) syntaxError(offset int, reason string) error {
	return &SyntaxError{p.line, offset - p.start + 1, reason}
}

// NewReader returns a Reader that reads from r within the limits.
func NewReader(r io.Reader, limits Limits) *Reader {
	limits.MaxFieldBytes = limitOr(limits.MaxFieldBytes, DefaultMaxFieldBytes)
	limits.MaxRecordBytes = limitOr(limits.MaxRecordBytes, DefaultMaxRecordBytes)
	limits.MaxFields = limitOr(limits.MaxFields, DefaultMaxFields)
	size := min(initialBuffer, limits.MaxRecordBytes+lookahead)
	return &Reader{src: r, limits: limits, buf: make([]byte, size+slack), at: place{line: 1}}
}

func limitOr(n, byDefault int) int { return min(cmp.Or(max(n, 0), byDefault), 1<<30) }

// Read returns the fields of the next record, at least one. The slices and
// their bytes belong to the Reader and are valid until the next call of Read.
//
// The error is io.EOF after the last record, a [*SyntaxError], a [*LimitError]
// or the error of the underlying reader. No record can be found with certainty
// after an error, so every later call returns the same one.
func (r *Reader) Read() ([][]byte, error) {
	if r.err == nil {
		r.err = r.read()
	}
	if r.err != nil {
		return nil, r.err
	}
	return r.fields, nil
}

// Line returns the physical line, counted from 1, where the record starts that
// Read returned last.
func (r *Reader) Line() int { return r.line }

// Place is where a record begins: behind how many bytes of the file, and in which
// physical line, counted from 1.
type Place struct {
	Offset int64
	Line   int
}

// Next returns where Read goes on.
func (r *Reader) Next() Place { return Place{r.gone + int64(r.pos), r.at.line} }

// Continue lets Read go on at a place that Next has returned, of the same file, at
// which the underlying reader stands now.
func (r *Reader) Continue(p Place) {
	r.begun, r.err, r.srcErr = true, nil, nil
	r.gone, r.pos, r.end = p.Offset, 0, 0
	r.at = place{line: p.Line}
}

// FieldLine returns the physical line, counted from 1, where field i of that
// record starts. It differs from Line if a quoted field before it contains a
// line end.
func (r *Reader) FieldLine(i int) int {
	line := r.line
	for _, j := range r.jumps {
		if i < j.field {
			break
		}
		line = j.line
	}
	return line
}

func (r *Reader) read() error {
	if !r.begun {
		r.begun = true
		if err := r.skipBOM(); err != nil {
			return err
		}
	}
	for {
		r.spans, r.jumps, r.line = r.spans[:0], r.jumps[:0], r.at.line
		size, err := r.parse()
		if err != nil {
			return err
		}
		if len(r.spans) > 0 {
			err = r.setFields()
		}
		r.pos += size
		r.at = place{line: r.at.line + 1}
		if len(r.spans) > 0 || err != nil {
			return err
		}
	}
}

func (r *Reader) skipBOM() error {
	const bom = "\ufeff"
	if _, err := r.has(len(bom) - 1); err != nil {
		return err
	}
	if bytes.HasPrefix(r.buf[r.pos:r.end], []byte(bom)) {
		r.pos += len(bom)
	}
	return nil
}

// parse finds the spans of the next record, none if the line is empty, and
// returns the size of the record together with its line end.
func (r *Reader) parse() (size int, err error) {
	var (
		buf   = r.buf[r.pos:]
		n     = r.end - r.pos // what is behind n has not been read yet
		spans = r.spans       // a copy, which is faster
		start = 0             // of the field
		high  = uint64(0)     // not zero if the field may be not ASCII
	)
	for i := 0; ; {
		if i >= n {
			more, err := r.has(n)
			switch {
			case err != nil:
				return 0, err
			case !more && n == 0:
				return 0, io.EOF
			case !more:
				r.spans = spans
				return r.lastField(start, n, high)
			}
			i, buf, n = n, r.buf[r.pos:], r.end-r.pos
		}
		word := binary.LittleEndian.Uint64(buf[i:])
		high |= word & highBits
		next := i + 8
		for m := candidates(word); m != 0; m &= m - 1 {
			p := i + bits.TrailingZeros64(m)/8
			if p >= n {
				break
			}
			c := buf[p]
			if c == ',' { // like addField, but in line
				if len(spans) >= r.limits.MaxFields {
					return 0, r.limitError("MaxFields", r.limits.MaxFields)
				}
				if high != 0 {
					if !utf8.Valid(buf[start:p]) {
						return 0, r.at.syntaxError(start, reasonEncoding)
					}
					high = word & highBits
				}
				spans = append(spans, span{start, p})
				start = p + 1
				continue
			}
			if class[c]&special == 0 {
				continue
			}
			r.spans = spans
			if c != '"' {
				return r.lastField(start, p, high)
			}
			if p != start {
				return 0, r.at.syntaxError(p, reasonBareQuote)
			}
			end, err := r.quoted(start)
			if err != nil {
				return 0, err
			}
			end, last, err := r.fieldEnd(end)
			if err != nil || last {
				return end, err
			}
			start, next, high = end, end, 0
			buf, n, spans = r.buf[r.pos:], r.end-r.pos, r.spans
			break
		}
		i = next
	}
}

// lastField adds the unquoted field that ends a record, unless there is
// nothing else in the line, and returns the offset behind the record.
func (r *Reader) lastField(start, end int, high uint64) (next int, err error) {
	next, _, err = r.fieldEnd(end)
	if err != nil || end == 0 {
		return next, err
	}
	return next, r.addField(span{start, end}, start, r.at, high != 0)
}

// addField adds a field that begins, with its quotes, at offset begin in the
// line at.
func (r *Reader) addField(field span, begin int, at place, validate bool) error {
	if len(r.spans) == r.limits.MaxFields {
		return r.limitError("MaxFields", r.limits.MaxFields)
	}
	if validate && !utf8.Valid(r.buf[r.pos+field.start:r.pos+field.end]) {
		return at.syntaxError(begin, reasonEncoding)
	}
	r.spans = append(r.spans, field)
	return nil
}

// quoted adds the quoted field whose first quote is at offset begin, and
// returns the offset behind its last one. Doubled quotes are undone in place.
func (r *Reader) quoted(begin int) (end int, err error) {
	at := r.at
	field := span{begin + 1, begin + 1}
	part := field.start // what is not yet copied to the field
	scan := part
	for {
		i := bytes.IndexByte(r.buf[r.pos+scan:r.end], '"')
		if i < 0 {
			scan = r.end - r.pos
			if more, err := r.has(scan); err != nil {
				return 0, err
			} else if !more {
				return 0, at.syntaxError(begin, reasonOpenQuote)
			}
			continue
		}
		quote := scan + i
		text := r.buf[r.pos+part : r.pos+quote]
		if lines := bytes.Count(text, []byte{'\n'}); lines > 0 {
			r.at.line += lines
			r.at.start = part + bytes.LastIndexByte(text, '\n') + 1
		}
		field.end += copy(r.buf[r.pos+field.end:], text)
		doubled, err := r.has(quote + 1)
		if err != nil {
			return 0, err
		}
		if !doubled || r.buf[r.pos+quote+1] != '"' {
			end = quote + 1
			break
		}
		part, scan = quote+1, quote+2
	}
	if err := r.addField(field, begin, at, true); err != nil {
		return 0, err
	}
	if r.at.line != at.line {
		r.jumps = append(r.jumps, jump{len(r.spans), r.at.line})
	}
	return end, nil
}

// fieldEnd consumes the comma or the line end, if any, at offset p, where a
// field ends. It returns the offset behind it and whether the record ends too.
func (r *Reader) fieldEnd(p int) (next int, last bool, err error) {
	more, err := r.has(p)
	if err != nil {
		return 0, false, err
	}
	next = p
	if more {
		next++
		switch r.buf[r.pos+p] {
		case ',':
			return next, false, nil
		case '\n':
		case '\r':
			more, err := r.has(next)
			if err != nil {
				return 0, false, err
			}
			if more {
				if r.buf[r.pos+next] != '\n' {
					return 0, false, r.at.syntaxError(p, reasonBareCR)
				}
				next++
			}
		default:
			return 0, false, r.at.syntaxError(p, reasonAfterQuote)
		}
	}
	if p > r.limits.MaxRecordBytes {
		return 0, false, r.limitError("MaxRecordBytes", r.limits.MaxRecordBytes)
	}
	return next, true, nil
}

// setFields turns the spans into fields.
func (r *Reader) setFields() error {
	n := len(r.spans)
	if cap(r.fields) < n {
		r.fields = make([][]byte, n, max(n, 2*cap(r.fields)))
	}
	fields := r.fields[:n]
	buf := r.buf[r.pos:r.end]
	limit := r.limits.MaxFieldBytes
	for i, s := range r.spans {
		if s.end-s.start > limit {
			return r.limitError("MaxFieldBytes", limit)
		}
		fields[i] = buf[s.start:s.end:s.end]
	}
	r.fields = fields
	return nil
}

func (r *Reader) limitError(name string, limit int) error {
	return &LimitError{r.line, name, limit}
}

// has reports whether there is a byte at offset n from pos, reading as much as
// that takes. It may move the buffer, but never the bytes relative to pos.
func (r *Reader) has(n int) (bool, error) {
	for empty := 0; r.pos+n >= r.end; empty++ {
		switch {
		case r.srcErr == io.EOF:
			return false, nil
		case r.srcErr != nil:
			return false, r.srcErr
		case n >= r.limits.MaxRecordBytes+lookahead:
			return false, r.limitError("MaxRecordBytes", r.limits.MaxRecordBytes)
		case empty == maxEmptyReads:
			return false, io.ErrNoProgress
		}
		if r.fill() > 0 {
			empty = 0
		}
	}
	return true, nil
}

// fill reads once from src, after making room for at least one byte, and
// returns how many bytes it got.
func (r *Reader) fill() int {
	if r.end == len(r.buf)-slack {
		if r.pos > 0 {
			r.gone += int64(r.pos)
			r.end = copy(r.buf, r.buf[r.pos:r.end])
			r.pos = 0
		} else {
			size := min(2*r.end, r.limits.MaxRecordBytes+lookahead)
			r.buf = append(make([]byte, 0, size+slack), r.buf[:r.end]...)[:size+slack]
		}
	}
	free := r.buf[r.end : len(r.buf)-slack]
	n, err := r.src.Read(free)
	if n < 0 || n > len(free) {
		n, err = 0, errReadCount
	}
	r.end += n
	r.srcErr = err
	return n
}
