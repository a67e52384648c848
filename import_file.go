package usermgmt

import (
	"context"
	"errors"
	"io"
	"iter"
	"strconv"

	"github.com/usermgmt/usermgmt/internal/csvcell"
)

// importItem is a row, or rows that are all remembered and were not read again.
type importItem struct {
	ImportRow
	sum *[16]byte // the row's digest in the first turn, if it is known

	windows []importWindow // those of the rows; nil for a row
	skipped *bool          // to be set when they need not be read
}

// importWindow is some rows of a file that was read once, at most importBatchRows.
type importWindow struct {
	at   csvcell.Place
	sums [][16]byte // of the rows in the first turn
}

// itemsOf are rows that come from elsewhere.
func itemsOf(rows iter.Seq2[ImportRow, error]) iter.Seq2[importItem, error] {
	return func(yield func(importItem, error) bool) {
		for row, err := range rows {
			if !yield(importItem{ImportRow: row}, err) {
				return
			}
		}
	}
}

// scan reads a file that can seek once beforehand, so that one with a fault
// changes nothing, and notes the digests of its rows.
func (imp *importer) scan(ctx context.Context, r io.Reader) error {
	seeker, ok := r.(io.Seeker)
	if !ok {
		return nil
	}
	begin, err := seeker.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil //nolint:nilerr // a pipe cannot seek
	}
	cells := csvcell.NewReader(r, csvcell.Limits{})
	var h *importHeader
	for n := 0; ; n++ {
		if n%importBatchRows == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		at := cells.Next()
		fields, err := cells.Read()
		if errors.Is(err, io.EOF) {
			imp.start = begin
			_, err = seeker.Seek(begin, io.SeekStart)
			return err
		}
		if err != nil {
			return fileError(err)
		}
		if n == 0 {
			if h, err = imp.readHeader(textsOf(fields), cells.Line()); err != nil {
				return err
			}
			imp.digests.begin(imp)
			continue
		}
		switch {
		case n > imp.opt.MaxRows:
			return &Error{Kind: ErrLimit, Field: "rows", Rule: "max_rows", Line: cells.Line()}
		case n > importDigestRows:
			imp.digests.read(ctx, imp)
		}
		if imp.digests != nil {
			imp.note(h, at, fields, n)
		}
	}
}

// note notes the digest of row n.
func (imp *importer) note(h *importHeader, at csvcell.Place, fields [][]byte, n int) {
	if n%importBatchRows == 1 {
		imp.windows = append(imp.windows, importWindow{at, make([][16]byte, 0, importBatchRows)})
	}
	var sum [16]byte // of a row that is refused
	if len(fields) == len(h.names) {
		for i := range fields {
			fields[i] = csvcell.Undefuse(fields[i])
		}
		sum = rowSum(imp.digests, imp.refs, h, fields)
	}
	w := &imp.windows[len(imp.windows)-1]
	w.sums = append(w.sums, sum)
}

func textsOf(fields [][]byte) []string {
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = string(f)
	}
	return out
}

// remembered returns the windows from one on whose rows are all among the digests.
func (imp *importer) remembered(ctx context.Context, from int) ([]importWindow, error) {
	d := imp.digests
	if from >= len(imp.windows) || d.done == nil {
		return nil, nil
	}
	if _, err := d.ready(ctx, imp, 0); err != nil || d.turn > 1 {
		return nil, err
	}
	d.same = d.same[:0]
	end := from
	for end < len(imp.windows) && end-from < importSkipRows/importBatchRows && d.sameAll(imp.windows[end].sums) {
		end++
	}
	return imp.windows[from:end], nil
}

// csvRows reads the rows of a CSV file.
func (imp *importer) csvRows(ctx context.Context, r io.Reader) iter.Seq2[importItem, error] {
	return func(yield func(importItem, error) bool) {
		f := csvFile{imp: imp, r: r, cells: csvcell.NewReader(r, csvcell.Limits{})}
		err := f.begin()
		for err == nil {
			var x importItem
			if x, err = f.next(ctx); err != nil {
				break
			}
			if !yield(x, nil) {
				return
			}
			if x.windows != nil {
				err = f.pass(x.windows, *x.skipped)
			}
		}
		if !errors.Is(err, io.EOF) {
			yield(importItem{}, err)
		}
	}
}

// csvFile is a file that is read.
type csvFile struct {
	imp    *importer
	r      io.Reader
	cells  *csvcell.Reader
	header []string
	text   rowText
	n      int // rows so far
	look   int // the row up to which every row is read
}

func (f *csvFile) begin() error {
	fields, err := f.cells.Read()
	if errors.Is(err, io.EOF) {
		return &Error{Kind: ErrInvalid, Field: "file", Rule: "required", Line: 1, Detail: "has no header"}
	}
	if err != nil {
		return fileError(err)
	}
	f.header = textsOf(fields)
	// A file without rows is one whose header is wrong all the same.
	f.imp.header, err = f.imp.readHeader(f.header, f.cells.Line())
	return err
}

// next returns [io.EOF] behind the last row.
func (f *csvFile) next(ctx context.Context) (importItem, error) {
	window, i := f.n/importBatchRows, f.n%importBatchRows
	if i == 0 && f.n >= f.look {
		list, err := f.imp.remembered(ctx, window)
		if err != nil {
			return importItem{}, err
		}
		if len(list) > 0 {
			return importItem{windows: list, skipped: new(bool)}, nil
		}
	}
	fields, err := f.cells.Read()
	if errors.Is(err, io.EOF) {
		return importItem{}, io.EOF
	}
	if err != nil {
		return importItem{}, fileError(err)
	}
	x := importItem{ImportRow: ImportRow{Line: f.cells.Line(), Columns: f.header, Values: f.text.values(fields)}}
	if window < len(f.imp.windows) && i < len(f.imp.windows[window].sums) {
		x.sum = &f.imp.windows[window].sums[i]
	}
	f.n++
	return x, nil
}

// pass goes on behind the windows if their rows were skipped, and else reads them.
func (f *csvFile) pass(list []importWindow, skipped bool) error {
	rows := 0
	for _, w := range list {
		rows += len(w.sums)
	}
	if !skipped {
		f.look = f.n + rows
		return nil
	}
	f.n += rows
	next := f.n / importBatchRows
	if f.n%importBatchRows > 0 || next == len(f.imp.windows) {
		return io.EOF
	}
	at := f.imp.windows[next].at
	if _, err := f.r.(io.Seeker).Seek(f.imp.start+at.Offset, io.SeekStart); err != nil { //nolint:forcetypeassert // was read once
		return err
	}
	f.cells.Continue(at)
	return nil
}

// rowText turns the bytes of rows into texts, with one allocation a row and
// one for the slices of many rows.
type rowText struct {
	buf   []byte
	slots []string
}

func (t *rowText) values(fields [][]byte) []string {
	t.buf = t.buf[:0]
	for _, f := range fields {
		t.buf = append(t.buf, f...)
	}
	all := string(t.buf)
	if len(t.slots) < len(fields) {
		t.slots = make([]string, max(2048, len(fields)))
	}
	out := t.slots[:len(fields):len(fields)]
	t.slots = t.slots[len(fields):]
	for i, f := range fields {
		out[i], all = csvcell.Undefuse(all[:len(f)]), all[len(f):]
	}
	return out
}

// fileError is a fault of the file as an error of this package.
func fileError(err error) error {
	var syntax *csvcell.SyntaxError
	var limit *csvcell.LimitError
	switch {
	case errors.As(err, &syntax):
		return &Error{Kind: ErrInvalid, Field: "file", Rule: "syntax", Line: syntax.Line,
			Detail: "column " + strconv.Itoa(syntax.Column) + ": " + syntax.Reason}
	case errors.As(err, &limit):
		return &Error{Kind: ErrLimit, Field: "file", Rule: "too_large", Line: limit.Line,
			Detail: limit.Limit + " is " + strconv.Itoa(limit.Max)}
	}
	return err
}
