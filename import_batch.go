package usermgmt

import (
	"context"
	"errors"
	"slices"

	"github.com/usermgmt/usermgmt/internal/canon"
)

// importBatch is a batch of rows inside its transaction. Nothing of it counts
// until the transaction has committed.
type importBatch struct {
	imp     *importer
	careful bool         // each row can be undone alone
	store   *importStore // nil if careful

	rows, created, updated, unchanged, failed int
	read                                      int // rows of the file up to the end of the batch

	problems []*Error
	rejected []rejectedRow
	refused  map[string]bool
	seen     []UserID
	isSeen   map[UserID]bool // who is in seen
	late     []importRow
	reports  []superior
	units    []UnitID // made by the batch
	seesAll  bool     // the actor sees every member
	taken    []int    // entries of the digests
	digests  []ImportDigest
}

// outcome is what became of a row.
type outcome int

const (
	rowUnchanged outcome = iota
	rowCreated
	rowUpdated
	rowPostponed // until everybody is there
)

// batch imports some rows in one transaction. If a row that seemed good fails
// when it is written, everything is done once more, with each row to be undone
// alone.
func (imp *importer) batch(ctx context.Context, r *importRows) error {
	r.wait()
	rows := r.rows
	return imp.commit(ctx, r.read, r.store, func(ctx context.Context, b *importBatch, w *work) error {
		if b.store != nil && !b.store.loaded {
			if err := b.store.load(ctx, rows, imp.opt.Source); err != nil {
				return err
			}
		}
		for i := range rows {
			if b.skip(&rows[i]) {
				b.rows++
				b.unchanged++
				continue
			}
			var got outcome
			err := b.guard(ctx, w, func(ctx context.Context, w *work) (err error) {
				got, err = b.row(ctx, w, &rows[i])
				return err
			})
			if got == rowPostponed && err == nil {
				continue
			}
			b.rows++
			switch {
			case err != nil:
				if err := b.problem(w, &rows[i], err); err != nil {
					return err
				}
				b.failed++
			case got == rowCreated:
				b.created++
			case got == rowUpdated:
				b.updated++
			default:
				b.unchanged++
			}
		}
		if len(b.digests) == 0 {
			return nil
		}
		return w.tx.PutImportDigests(ctx, imp.org, b.digests)
	})
}

// superiors sets who reports to whom.
func (imp *importer) superiors(ctx context.Context, list []superior) error {
	return imp.commit(ctx, imp.read, nil, func(ctx context.Context, b *importBatch, w *work) error {
		for i := range list {
			s := &list[i]
			err := b.guard(ctx, w, func(ctx context.Context, w *work) error { return b.setSuperior(ctx, w, s) })
			if err != nil {
				if err := b.problem(w, &s.row, err); err != nil {
					return err
				}
			}
			if s.unchanged { // but for this
				b.unchanged--
				if err != nil {
					b.failed++
				} else {
					b.updated++
				}
			}
		}
		return nil
	})
}

// commit runs a batch and counts what it did. found is what was looked up for it
// beforehand, if anything.
func (imp *importer) commit(ctx context.Context, read int, found *importStore, do func(ctx context.Context, b *importBatch, w *work) error) error {
	b := &importBatch{imp: imp}
	run := func(ctx context.Context, w *work) error {
		b.forget(w, 0)
		b.unskip()
		*b = importBatch{imp: imp, careful: b.careful, read: read, refused: make(map[string]bool), isSeen: make(map[UserID]bool)}
		if f := w.v.filter(PermUserImport); f.Nothing() {
			return &Error{Kind: ErrPermission, Permission: PermUserImport}
		}
		b.seesAll = imp.seesAll(w.v)
		w.known = make(map[OrgID]compiledOrg)
		if !b.careful {
			b.store = found.in(w.tx, imp)
			found = nil // it is good for one try
			w.tx = b.store
		}
		if err := do(ctx, b, w); err != nil {
			return err
		}
		return b.save(ctx, w)
	}
	err := imp.m.change(ctx, imp.actor(ctx), imp.op, verbImport, run)
	if err != nil && (errors.Is(err, errCareful) || isRowProblem(err)) && ctx.Err() == nil {
		b.careful = true
		err = imp.m.change(ctx, imp.actor(ctx), imp.op, verbImport, run)
	}
	if err != nil {
		b.forget(&work{}, 0)
		return err
	}
	r := imp.report
	r.Rows += b.rows
	r.Created += b.created
	r.Updated += b.updated
	r.Unchanged += b.unchanged
	r.Failed += b.failed
	r.ProblemCount += len(b.problems)
	r.Problems = append(r.Problems, b.problems[:min(len(b.problems), MaxImportProblems-len(r.Problems))]...)
	for _, id := range b.seen {
		imp.seen[id] = struct{}{}
	}
	imp.wrote = importWrites{all: true}
	if b.store != nil {
		imp.wrote = b.store.writes
	}
	if len(b.units) > 0 && imp.digests != nil && imp.digests.turn > 0 {
		imp.digests.turn++
	}
	imp.read = read
	imp.late = append(imp.late, b.late...)
	imp.reports = append(imp.reports, b.reports...)
	if imp.opt.Progress != nil {
		imp.opt.Progress(r.Rows)
	}
	return imp.out.write(b.rejected)
}

// see notes that a row was about a user.
func (b *importBatch) see(id UserID) {
	b.seen = append(b.seen, id)
	b.isSeen[id] = true
}

// forget takes back the names of units from number n on, which were not
// made after all.
func (b *importBatch) forget(w *work, n int) {
	if len(b.units) > n {
		clear(w.known)
	}
	for _, id := range b.units[n:] {
		b.imp.refs.units.remove(id)
	}
	b.units = b.units[:n]
}

// isRowProblem reports whether err is about a row, not about the import.
func isRowProblem(err error) bool {
	for _, kind := range [...]error{ErrInvalid, ErrPermission, ErrNotFound, ErrConflict, ErrLimit, ErrStale} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// guard runs the work for one row so that nothing stays of a failed one: in
// careful mode by a transaction inside, otherwise by giving up on the batch as
// soon as a row fails that has written something.
func (b *importBatch) guard(ctx context.Context, w *work, do func(ctx context.Context, w *work) error) error {
	entries, messages, units := len(w.entries), len(w.messages), len(b.units)
	seen, late, reports, digests := len(b.seen), len(b.late), len(b.reports), len(b.digests)
	undo := func() {
		w.entries, w.messages = w.entries[:entries], w.messages[:messages]
		b.forget(w, units)
		for _, id := range b.seen[seen:] {
			delete(b.isSeen, id)
		}
		b.seen, b.late, b.reports, b.digests = b.seen[:seen], b.late[:late], b.reports[:reports], b.digests[:digests]
	}
	if b.careful {
		rights := w.v.rights
		outer := w.tx
		err := outer.Tx(ctx, func(ctx context.Context, tx Store) error {
			undo()
			w.tx = tx
			return do(ctx, w)
		})
		w.tx = outer
		if err != nil {
			undo()
			w.v.rights = rights
		}
		return err
	}
	b.store.wrote = false
	err := do(ctx, w)
	switch {
	case err == nil:
		return nil
	case b.store.wrote && isRowProblem(err):
		return errCareful
	}
	undo()
	return err
}

// problem reports why a row failed, in all its parts; what is no matter of the
// row comes back.
func (b *importBatch) problem(w *work, row *importRow, err error) error {
	if !isRowProblem(err) {
		return err
	}
	list := FieldErrors(err)
	if len(list) == 0 {
		e := &Error{Err: err} // a plain error of the contract
		errors.As(err, &e)
		list = []*Error{e}
	}
	for _, e := range list {
		// The cause is left out: a store may speak of values in it.
		p := &Error{Kind: e.Kind, Field: e.Field, Rule: e.Rule, Permission: e.Permission, Detail: e.Detail, Line: row.line}
		switch {
		case p.Field == "" && p.Permission != "":
			p.Field = "row"
		case p.Field == "":
			p.Field = "username"
		}
		if e.Kind == nil {
			p.Kind = ErrInvalid
			for _, kind := range [...]error{ErrPermission, ErrNotFound, ErrConflict, ErrLimit, ErrStale} {
				if errors.Is(e, kind) {
					p.Kind = kind
				}
			}
		}
		b.problems = append(b.problems, p)
	}
	if b.imp.out != nil {
		b.rejected = append(b.rejected, rejectedRow{*row, b.problems[len(b.problems)-len(list):]})
	}
	if reason := reasonOf(err); errors.Is(err, ErrPermission) && !b.refused[reason] {
		b.refused[reason] = true
		e := AuditEntry{Verb: verbImport, Outcome: OutcomeRefused, TargetKind: "import", Target: b.imp.report.ID.String(), Org: b.imp.org}
		e.Detail.Reason = reason
		w.entries = append(w.entries, w.m.complete(e, w.v, w.op, w.now))
	}
	return nil
}

// find finds the user whom a row is about; nil if there is none.
func (b *importBatch) find(ctx context.Context, w *work, u *User) (*User, error) {
	if u.ExternalID != "" && u.Source != "" {
		same, err := w.tx.UsersByExternalID(ctx, u.Source, []string{u.ExternalID})
		if err != nil {
			return nil, err
		}
		if len(same) > 0 {
			return &same[0], nil
		}
	}
	key, err := canon.Username(u.Username)
	if err != nil {
		return nil, nil //nolint:nilerr // nobody has such a name; making the user will say what is wrong with it
	}
	named, err := w.tx.UsersByLogin(ctx, []string{key})
	if err != nil || len(named) == 0 {
		return nil, err
	}
	other := &named[0]
	if other.UsernameKey != key ||
		u.ExternalID != "" && other.ExternalID != "" && (other.Source != u.Source || other.ExternalID != u.ExternalID) {
		return nil, conflict("username", "taken", "belongs to another user")
	}
	return other, nil
}

// person finds a member of the organization named in a cell: by username or
// identifier.
func (w *work) person(ctx context.Context, org OrgID, text string) (NamedVersion, error) {
	colleague := func(id UserID) (NamedVersion, error) {
		mem, err := w.m.colleague(ctx, w.tx, id, org)
		if err != nil {
			return NamedVersion{User: id}, err
		}
		return NamedVersion{id, mem.User.Version}, nil
	}
	if id, err := ParseID[User](text); err == nil {
		return colleague(id)
	}
	key, err := loginKey(text)
	if err != nil {
		return NamedVersion{}, &Error{Kind: ErrNotFound}
	}
	named, err := w.tx.UsersByLogin(ctx, []string{key})
	if err != nil {
		return NamedVersion{}, err
	}
	if len(named) == 0 {
		return NamedVersion{}, &Error{Kind: ErrNotFound}
	}
	return colleague(named[0].ID)
}

// setSuperior sets whom a user reports to.
func (b *importBatch) setSuperior(ctx context.Context, w *work, s *superior) error {
	person, err := w.person(ctx, b.imp.org, s.text)
	boss := person.User
	if err != nil {
		if isNotFound(err) {
			return invalid("reports_to", "unknown", "no such member of the organization")
		}
		return err
	}
	var u *User
	if s.created { // whoever makes a user may say so
		own, err := w.tx.UserByID(ctx, s.user)
		if err != nil {
			return err
		}
		u = &own
		w.on("user", u.ID, u.Org, u.DisplayName())
	} else if u, err = w.editable(ctx, s.user, &UserUpdate{ReportsTo: &boss}); err != nil {
		return err
	}
	if u.ReportsTo == boss {
		return nil
	}
	before := *u
	before.Emails, before.EmployeeNumber = slices.Clone(u.Emails), slices.Clone(u.EmployeeNumber)
	u.ReportsTo = boss
	w.verb = verbUserUpdate
	return w.updateUser(ctx, &before, u)
}
