package memory

import (
	"encoding/binary"

	"github.com/usermgmt/usermgmt"
)

// The rest of an audit entry is stored as bytes: strings with their lengths,
// verb and target first, then what has a fixed size. One piece of memory holds
// many entries, so that appending makes no garbage.

const (
	fixedBytes  = 8 + 8 + 32 + 16 // Count, LastAt, Digest, Salt
	lengthBytes = binary.MaxVarintLen32
)

// texts are the strings of an entry that every entry has.
func texts(e *usermgmt.AuditEntry) [11]*string {
	d := &e.Detail
	return [...]*string{
		&e.Verb, &e.Target, &e.TargetKind, &e.FoldKey, &d.OperatorName, &d.SubjectName, &d.TargetName,
		&d.Origin.Address, &d.Origin.UserAgent, &d.Origin.RequestID, &d.Reason,
	}
}

// entrySize returns a bound of the size that appendEntry needs.
func entrySize(e *usermgmt.AuditEntry) int {
	n := fixedBytes + 3*lengthBytes
	for _, s := range texts(e) {
		n += lengthBytes + len(*s)
	}
	for _, s := range e.Fields {
		n += lengthBytes + len(s)
	}
	for _, m := range [...]map[string]string{e.Detail.Before, e.Detail.After} {
		for k, v := range m {
			n += 2*lengthBytes + len(k) + len(v)
		}
	}
	return n
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendEntry(b []byte, e *usermgmt.AuditEntry) []byte {
	for _, s := range texts(e) {
		b = appendText(b, *s)
	}
	b = binary.LittleEndian.AppendUint64(b, uint64(e.Count))
	b = binary.LittleEndian.AppendUint64(b, micro(e.LastAt))
	b = append(b, e.Digest[:]...)
	b = append(b, e.Detail.Salt[:]...)
	b = binary.AppendUvarint(b, uint64(len(e.Fields)))
	for _, s := range e.Fields {
		b = appendText(b, s)
	}
	for _, m := range [...]map[string]string{e.Detail.Before, e.Detail.After} {
		b = binary.AppendUvarint(b, uint64(len(m)))
		for k, v := range m {
			b = appendText(appendText(b, k), v)
		}
	}
	return b
}

// entryReader takes apart what appendEntry wrote.
type entryReader struct {
	b    []byte
	text string // the same bytes
	at   int
}

func (r *entryReader) length() int {
	n, size := binary.Uvarint(r.b[r.at:])
	r.at += size
	return int(n)
}

func (r *entryReader) next() string {
	n := r.length()
	r.at += n
	return r.text[r.at-n : r.at]
}

func (r *entryReader) bytes() []byte {
	n := r.length()
	r.at += n
	return r.b[r.at-n : r.at]
}

func (r *entryReader) texts() map[string]string {
	n := r.length()
	if n == 0 {
		return nil
	}
	m := make(map[string]string, n)
	for range n {
		k := r.next()
		m[k] = r.next()
	}
	return m
}

// entryNames returns the verb and the target.
func entryNames(data []byte) (verb, target []byte) {
	r := entryReader{b: data}
	return r.bytes(), r.bytes()
}

func decodeEntry(e *usermgmt.AuditEntry, data []byte) {
	r := entryReader{b: data, text: string(data)}
	for _, s := range texts(e) {
		*s = r.next()
	}
	e.Count = int64(binary.LittleEndian.Uint64(data[r.at:]))
	e.LastAt = fromMicro(int64(binary.LittleEndian.Uint64(data[r.at+8:])))
	r.at += 16
	r.at += copy(e.Digest[:], data[r.at:])
	r.at += copy(e.Detail.Salt[:], data[r.at:])
	if n := r.length(); n > 0 {
		e.Fields = make([]string, n)
		for i := range e.Fields {
			e.Fields[i] = r.next()
		}
	}
	e.Detail.Before, e.Detail.After = r.texts(), r.texts()
}
