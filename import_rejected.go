package usermgmt

import (
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/usermgmt/usermgmt/internal/csvcell"
)

// rejectedColumns are the columns that a file of rejected rows has before those
// of the rows. An import reads over them.
var rejectedColumns = [...]string{"error_line", "error_field", "error_rule"}

// rejectedRow is a row with what is wrong with it.
type rejectedRow struct {
	row      importRow
	problems []*Error
}

// rejectedFile writes rows that were reported, of batches that are in. A nil one
// writes nothing.
type rejectedFile struct {
	w      io.Writer
	header *importHeader
	buf    []byte
}

func (f *rejectedFile) write(rows []rejectedRow) error {
	if f == nil || len(rows) == 0 {
		return nil
	}
	f.buf = f.buf[:0]
	for i := range rows {
		f.add(&rows[i])
	}
	n, err := f.w.Write(f.buf)
	if err == nil && n < len(f.buf) {
		err = io.ErrShortWrite
	}
	return err
}

func (f *rejectedFile) add(r *rejectedRow) {
	if f.header == nil {
		f.header = r.row.h
		names := slices.Clone(rejectedColumns[:])
		for _, name := range r.row.h.names {
			if !slices.Contains(rejectedColumns[:], name) {
				names = append(names, name)
			}
		}
		f.line(names)
	}
	var fields, rules []string
	for _, p := range r.problems {
		rule := p.Rule
		if rule == "" && p.Permission != "" {
			rule = "needs " + string(p.Permission)
		}
		fields, rules = append(fields, p.Field), append(rules, rule)
	}
	cells := []string{strconv.Itoa(r.row.line), strings.Join(fields, ";"), strings.Join(rules, ";")}
	if r.row.h == f.header || slices.Equal(r.row.h.names, f.header.names) {
		for i, cell := range r.row.raw {
			if i >= len(f.header.names) || !slices.Contains(rejectedColumns[:], f.header.names[i]) {
				cells = append(cells, cell)
			}
		}
	} else {
		for _, name := range f.header.names {
			cell := ""
			if i := slices.Index(r.row.h.names, name); i >= 0 && i < len(r.row.raw) {
				cell = r.row.raw[i]
			}
			cells = append(cells, cell)
		}
	}
	f.line(cells)
}

func (f *rejectedFile) line(cells []string) {
	for i, cell := range cells {
		if i > 0 {
			f.buf = append(f.buf, ',')
		}
		f.buf = csvcell.AppendText(f.buf, cell)
	}
	f.buf = append(f.buf, "\r\n"...)
}

// kept is the row for as long as the import runs: no more than a problem needs.
func (r *importRow) kept() importRow {
	return importRow{line: r.line, h: r.h, raw: r.raw}
}
