package usermgmt

import (
	"context"
	"iter"
	"slices"
)

// importRows are the rows of a batch. Those of a long file are looked up while the
// batch before them goes in.
type importRows struct {
	rows  []importRow
	read  int           // rows of the file up to the end of the batch
	done  chan struct{} // closed when they are looked up; nil if nobody does
	store *importStore  // what was found; nil if nothing was
}

// wait waits until they are looked up, if somebody does.
func (r *importRows) wait() {
	if r.done != nil {
		<-r.done
	}
}

// lookUp begins to look rows up, outside of any transaction. What the batch before
// them writes meanwhile is forgotten and read again; what others write is no newer
// when a batch reads it itself, since it locks nobody.
func (imp *importer) lookUp(ctx context.Context, r *importRows) {
	if imp.m.bound { // the transaction takes one call at a time
		return
	}
	found, source := newImportStore(imp.m.store, imp.org), imp.opt.Source
	r.done = make(chan struct{})
	go func() {
		defer close(r.done)
		if found.load(ctx, r.rows, source) == nil { // else the batch meets with the error
			r.store = found
		}
	}()
}

// importWrites is what a batch has written that others may have looked up.
type importWrites struct {
	all   bool // nobody knows what
	users []User
	// members are users whose membership was written.
	members []UserID
}

// forget takes out what was written since.
func (s *importStore) forget(w *importWrites) {
	for i := range w.users {
		if was, ok := s.users[w.users[i].ID]; ok {
			s.forgetUser(&was)
		}
		s.forgetUser(&w.users[i])
	}
	for _, id := range w.members {
		delete(s.members, id)
	}
}

func (s *importStore) forgetUser(u *User) {
	delete(s.users, u.ID)
	delete(s.names, u.UsernameKey)
	delete(s.names, u.EmailKey)
	delete(s.externals, externalID{u.Source, u.ExternalID})
}

// all reads every row, then what had to wait for all rows.
func (imp *importer) all(ctx context.Context, rows iter.Seq2[importItem, error]) error {
	held := &importRows{}
	defer func() { held.wait() }() // after an error
	flush := func() error {
		if len(held.rows) == 0 {
			return nil
		}
		b := held
		held = &importRows{}
		return imp.batch(ctx, b)
	}
	var pending []importRow
	read, skipped := 0, 0 // skipped are those of pending that are likely to be
	for x, err := range rows {
		if err == nil && x.windows != nil {
			if err := flush(); err != nil {
				return err
			}
			held.rows, held.read = pending, read
			pending, skipped = nil, 0
			if err := flush(); err != nil {
				return err
			}
			n, err := imp.skipSame(ctx, read)
			if err != nil {
				return err
			}
			*x.skipped = n > 0
			read += n
			continue
		}
		if err == nil {
			read++
			err = imp.take(ctx, &x, read, &pending)
		}
		if err != nil {
			if ferr := flush(); ferr != nil {
				return ferr
			}
			return err
		}
		if pending[len(pending)-1].same > 0 {
			skipped++
		}
		if len(pending)-skipped == importBatchRows || len(pending) == importSkipRows {
			next := &importRows{rows: pending, read: read}
			if len(held.rows) > 0 {
				imp.lookUp(ctx, next)
			}
			pending, skipped = make([]importRow, 0, len(pending)), 0
			if err := flush(); err != nil {
				next.wait()
				return err
			}
			held = next
		}
	}
	if err := flush(); err != nil {
		return err
	}
	if len(pending) > 0 {
		if err := imp.batch(ctx, &importRows{rows: pending, read: read}); err != nil {
			return err
		}
	}
	for i := range imp.late {
		imp.late[i].final = true
	}
	for chunk := range slices.Chunk(imp.late, importBatchRows) {
		if err := imp.batch(ctx, &importRows{rows: chunk, read: read}); err != nil {
			return err
		}
	}
	for chunk := range slices.Chunk(imp.reports, importBatchRows) {
		if err := imp.superiors(ctx, chunk); err != nil {
			return err
		}
	}
	return nil
}

// take makes a row ready and appends it to those that wait.
func (imp *importer) take(ctx context.Context, row *importItem, read int, pending *[]importRow) (err error) {
	if read > imp.opt.MaxRows {
		return &Error{Kind: ErrLimit, Field: "rows", Rule: "max_rows", Line: row.Line}
	}
	if row.Line == 0 {
		row.Line = read
	}
	if imp.header == nil || !sameSlice(imp.header.names, row.Columns) {
		if imp.header, err = imp.readHeader(row.Columns, row.Line); err != nil {
			return err
		}
	}
	r := importRow{line: row.Line, h: imp.header, cells: row.Values, again: read <= imp.behind}
	if imp.out != nil {
		r.raw = row.Values
	}
	if len(row.Values) != len(row.Columns) {
		r.cells = nil
	}
	ready, err := imp.digests.ready(ctx, imp, read)
	if err != nil {
		return err
	}
	if ready && r.cells != nil {
		imp.digests.mark(imp.refs, &r, row.sum)
	}
	*pending = append(*pending, r)
	return nil
}

func sameSlice(a, b []string) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}
