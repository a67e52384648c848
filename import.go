package usermgmt

import (
	"context"
	"errors"
	"io"
	"iter"
	"strconv"
	"time"
)

// Imports reads users from files. [Manager.Imports] returns it.
type Imports struct{ m *Manager }

// Imports returns the service that reads users from files.
func (m *Manager) Imports() *Imports { return &Imports{m} }

// ImportMode says what becomes of rows about users who exist, or do not.
type ImportMode uint8

// The modes. The zero ImportMode is ImportUpsert.
const (
	ImportUpsert ImportMode = iota // make those who are not there, change the others
	ImportCreate                   // a user who is there is a problem
	ImportUpdate                   // a user who is not there is a problem
)

// Limits of imports.
const (
	// MaxImportRows is the default of [ImportOptions.MaxRows].
	MaxImportRows = 1_000_000
	// MaxImportProblems is how many problems an [ImportReport] lists.
	MaxImportProblems = 10_000

	importBatchRows = 1000
)

// ImportOptions says how to read a file.
type ImportOptions struct {
	// Org is where the users become members. Defaults to the actor's organization.
	Org OrgID
	// Mode defaults to ImportUpsert.
	Mode ImportMode
	// DryRun does everything and takes it back.
	DryRun bool
	// Defaults are what new users get where the file says nothing.
	Defaults NewMembership
	// DefaultUnit owns new users for whom the file names no unit. Defaults to none.
	DefaultUnit UnitID
	// CreateUnits makes owner units that are not there, under DefaultUnit, which
	// needs [PermUnitCreate]. A name with "/" makes a unit in a unit.
	CreateUnits bool
	// Source is the source of rows that have an external_id and no source.
	Source string
	// Columns gives the field for a column whose name is not that of its field;
	// the empty field leaves the column out.
	Columns map[string]string
	// IgnoreUnknown leaves out columns that name no field, instead of refusing
	// the file.
	IgnoreUnknown bool
	// MaxRows is the largest number of rows. Defaults to MaxImportRows.
	MaxRows int
	// Progress is called with the number of rows after each batch. Defaults to none.
	Progress func(rows int)
	// Rejected receives a CSV file with the rows that were reported: the columns
	// "error_line", "error_field" and "error_rule", separated by ";" where a row has
	// several problems, then the row as it was. It is read over those columns, so
	// that the file can be corrected and imported. Of rows from elsewhere, whose
	// columns may differ, the columns are those of the first. Defaults to none.
	Rejected io.Writer
	// Resume is the [ImportReport].ID of an import of the actor's in the
	// organization that broke off, to be gone on with: the same rows come from the
	// beginning, and those that were in already count as unchanged whatever Mode
	// says. Defaults to a new import.
	Resume ImportID
}

// ImportReport says what an import did. Rows is the sum of Created, Updated,
// Unchanged and Failed.
type ImportReport struct {
	// ID names the import's [Checkpoint], and is the target of its audit
	// entries. A dry run has none.
	ID     ImportID
	DryRun bool
	// Rows were read. Failed ones changed nothing.
	Rows, Created, Updated, Unchanged, Failed int
	// Problems lists what is wrong, with Line, Field and Rule, and never with a
	// value from the file. A row can have several. They are in the order of lines
	// within a batch; those of reports_to come last. At most MaxImportProblems
	// are listed; ProblemCount counts all.
	Problems     []*Error
	ProblemCount int
}

// ImportRow is a row for [Imports.UsersSeq]. Both slices belong to the import
// once they are yielded; many rows may share the same Columns.
type ImportRow struct {
	// Line is where problems are reported. Defaults to the number of the row.
	Line int
	// Columns are names of fields, or of [ImportOptions.Columns].
	Columns []string
	// Values are as many as Columns.
	Values []string
}

// Users reads users from a CSV file: UTF-8, separated by commas, with a header
// of field names.
//
// Columns are the fields of [UserFields] and those of [DefaultExportFields], and
// "custom." with the name of a custom field of the host's or the organization's;
// "business_unit" is the owner_unit, "team" the primary_team, and "password" or
// "password_hash" a hash in any form that is known here. A plain password is
// refused. What [Exports.CSV] can hold besides is read over. Single quotes that
// stand before a formula are taken away. Names of units, teams and so on are
// read as Exports.CSV writes them; a path need not begin at the top. Without
// primary_team the first of teams is the primary one.
//
// A row is about the user with its source and external_id or, failing that,
// with its username. An empty cell clears a field of the record of a user who
// exists, custom fields and groups among them; an empty kind, enabled, owner_unit, password, or anything of the
// membership stands for the options' default in a new user and leaves the user
// alone otherwise. Of a user who exists only what differs is changed, and a row
// without difference writes nothing, so that a file can be read again after an
// import broke off. The password of a user who has one never changes, nor does
// the kind; API keys give none to users who exist, and proxy logins none at
// all. deactivated_at counts for new users. reports_to is set when all rows are
// in; where that fails, the problem is reported and the row stays.
//
// The actor needs [PermUserImport] with any scope, and for every row exactly
// what [Users.Create], [Users.Update], [Users.Enable], [Users.Assign],
// [Members.Update], [Passwords.Set] and, for deactivated users,
// [Users.Deactivate] ask for; the same rules hold. A row that breaks one is
// reported and changes nothing; the other rows go in.
//
// An import of more than ten thousand rows remembers, by a digest, rows that asked
// for nothing: the next such import skips them, as unchanged, while everything is as
// it was when they were compared: the row, the columns, the options, what its names
// stand for, the custom fields, the policy, the user, the membership, and whoever the
// row names. What somebody else changes while an import runs, the next one finds.
// Rows with a password are always looked at; so is every row for an actor who may not
// see every user, in the mode ImportCreate, and, of [Imports.UsersSeq] and of a
// reader that cannot seek, the first ten thousand.
//
// Rows go in by batches of at most a thousand that are looked at, and ten thousand
// with those that are skipped. Each batch is atomic: users,
// seats, mails, audit entries and the [Checkpoint], and an operation of its
// own: an error names that of the batch that failed. Of a long file rows are read one
// batch ahead, and looked up on another connection while the batch before them goes
// in. It records "user.import"
// with its counts, the entries of the calls above for each user, and refusals
// by reason. A dry run is one transaction, which is taken back; a store on which
// writers wait for each other makes them wait for it. It records one entry.
//
// Memory grows by some dozen bytes a row, and of an import that skips rows by a
// hundred for each member. If r can seek, it is read twice, and must not change
// meanwhile: a file that breaks a limit or is no CSV is refused before any row goes
// in. Otherwise what went in before the fault stays.
//
// An import that broke off is gone on with by starting it again with the same
// file, or as the same import with [ImportOptions].Resume.
//
// The report so far comes with every error but one of the beginning. Errors:
// [ErrPermission]; [ErrNotFound] for another organization; [ErrInvalid] for the
// header and for what is no CSV, with the line; [ErrLimit]; those of r, of
// Rejected and of the store.
func (s *Imports) Users(ctx context.Context, a Actor, r io.Reader, opt ImportOptions) (*ImportReport, error) {
	imp := &importer{m: s.m, a: a, opt: opt, op: "Imports.Users"}
	return imp.run(ctx, func(ctx context.Context) (iter.Seq2[importItem, error], error) {
		if err := imp.scan(ctx, r); err != nil {
			return nil, err
		}
		return imp.csvRows(ctx, r), nil
	})
}

// UsersSeq is Users for rows that come from elsewhere. An error that is yielded
// ends the import; it comes back, with the report of what went in before.
func (s *Imports) UsersSeq(ctx context.Context, a Actor, rows iter.Seq2[ImportRow, error], opt ImportOptions) (*ImportReport, error) {
	imp := &importer{m: s.m, a: a, opt: opt, op: "Imports.UsersSeq"}
	return imp.run(ctx, func(context.Context) (iter.Seq2[importItem, error], error) { return itemsOf(rows), nil })
}

// Checkpoint returns how far an import of the actor's has come.
//
// Errors: [ErrNotFound].
func (s *Imports) Checkpoint(ctx context.Context, a Actor, id ImportID) (*Checkpoint, error) {
	const op = "Imports.Checkpoint"
	v, err := s.m.read(a)
	if err != nil {
		return nil, withOp(op, err)
	}
	c, err := s.m.store.CheckpointByID(ctx, id)
	if err == nil && c.Actor != v.operator {
		err = &Error{Kind: ErrNotFound}
	}
	if err != nil {
		return nil, withOp(op, err)
	}
	return &c, nil
}

// importer is one import.
type importer struct {
	m   *Manager
	a   Actor
	op  string
	opt ImportOptions

	org    OrgID
	policy *Policy
	refs   *csvRefs
	fields csvFields
	report *ImportReport
	header *importHeader

	seen    map[UserID]struct{} // users whom a row was about
	wrote   importWrites        // by the last batch that is in
	read    int                 // rows of which the batches are in, or of an import that is resumed
	behind  int                 // rows that an import that is resumed had behind it
	base    Checkpoint          // of an import that is resumed
	out     *rejectedFile       // nil for none
	digests *importDigests      // nil for none
	windows []importWindow      // of a file that was read once, which starts at start
	start   int64
	late    []importRow // rows that name a person who is not there yet
	reports []superior
}

// importRow is a row together with what its cells mean.
type importRow struct {
	line  int
	h     *importHeader
	cells []string // nil if there are as many as the header does not have
	raw   []string // what there is, kept for the file of rejected rows
	final bool     // everybody who comes is there
	again bool     // was in already when the import broke off

	digest [16]byte
	turn   int // of importDigests; 0 is none
	same   int // the entry there whose digest it has, from 1 on; 0 is none
}

// superior is a reports_to that is to be set when all rows are in.
type superior struct {
	user      UserID
	text      string
	row       importRow
	created   bool // by this import
	unchanged bool // but for this
}

type openRows func(ctx context.Context) (iter.Seq2[importItem, error], error)

func (imp *importer) run(ctx context.Context, open openRows) (*ImportReport, error) {
	if imp.opt.MaxRows == 0 {
		imp.opt.MaxRows = MaxImportRows
	}
	if err := imp.m.change(ctx, imp.a, imp.op, verbImport, imp.begin); err != nil {
		return nil, err
	}
	defer imp.digests.end()
	rows, err := open(ctx)
	if err != nil {
		return nil, withOp(imp.op, err)
	}
	imp.report = &ImportReport{DryRun: imp.opt.DryRun}
	if imp.opt.Rejected != nil {
		imp.out = &rejectedFile{w: imp.opt.Rejected}
	}
	imp.seen = make(map[UserID]struct{})
	if imp.opt.DryRun {
		err = imp.dryRun(ctx, rows)
	} else {
		if imp.report.ID = imp.base.ID; imp.report.ID.IsZero() {
			imp.report.ID = newID[Checkpoint]()
		}
		err = imp.all(ctx, rows)
	}
	return imp.report, withOp(imp.op, err)
}

// begin checks what does not depend on rows, and reads the names.
func (imp *importer) begin(ctx context.Context, w *work) error {
	imp.org = imp.opt.Org
	if imp.org.IsZero() {
		imp.org = w.v.org
	}
	f := w.v.filter(PermUserImport)
	switch {
	case f.Nothing():
		return &Error{Kind: ErrPermission, Permission: PermUserImport}
	case imp.org.IsZero():
		return invalid("organization", "required", "say where the users become members")
	case imp.org != w.v.org && !f.System:
		return &Error{Kind: ErrNotFound, hidden: true}
	}
	org, err := w.organization(ctx, imp.org)
	if err != nil {
		return err
	}
	imp.policy = w.m.policyOf(org)
	var p problems
	if imp.opt.Mode > ImportUpdate {
		p.add("mode", "unknown", "want one of the modes")
	}
	if !imp.opt.Resume.IsZero() {
		if imp.base, err = w.tx.CheckpointByID(ctx, imp.opt.Resume); skipNotFound(err) != nil {
			return err
		}
		if err != nil || imp.base.Actor != w.v.operator || imp.base.Org != imp.org || imp.opt.DryRun {
			p.add("resume", "unknown", "no such import of the actor's in the organization")
		}
		imp.behind = imp.base.Rows
	}
	if imp.opt.MaxRows < 0 {
		p.add("max_rows", "range", "want 1 or more")
	}
	if !imp.opt.DefaultUnit.IsZero() || imp.opt.CreateUnits {
		unit, err := w.tx.UnitByID(ctx, imp.opt.DefaultUnit)
		if skipNotFound(err) != nil {
			return err
		}
		if err != nil || unit.Org != imp.org {
			p.add("default_unit", "unknown", "no such business unit in the organization")
		}
	}
	if err := p.err(); err != nil {
		return err
	}
	if imp.fields, err = w.m.csvFields(ctx, w.tx, imp.org); err != nil {
		return err
	}
	imp.digests = imp.newDigests(w.v)
	imp.refs, err = loadRefs(ctx, w.tx, w.v, imp.org)
	return err
}

var (
	errTakenBack = errors.New("usermgmt: the dry run is over")
	errCareful   = errors.New("usermgmt: the batch is tried again row by row")
)

// dryRun does everything in one transaction and takes it back.
func (imp *importer) dryRun(ctx context.Context, rows iter.Seq2[importItem, error]) error {
	unbound := imp.m
	began := false
	err := unbound.store.Tx(ctx, func(ctx context.Context, tx Store) error {
		if began { // rows can be read once only
			return &Error{Kind: ErrTransient, Detail: "the dry run met with other changes; begin again"}
		}
		// Whoever takes the turn to write before the first read is not disturbed.
		if err := tx.LockOrg(ctx, imp.org); err != nil {
			return err
		}
		began = true
		imp.m = unbound.WithStore(tx)
		if err := imp.all(ctx, rows); err != nil {
			return err
		}
		return errTakenBack
	})
	imp.m = unbound
	if !errors.Is(err, errTakenBack) {
		return err
	}
	return imp.m.change(ctx, imp.actor(ctx), imp.op, verbImport, func(_ context.Context, w *work) error {
		w.on("organization", imp.org, imp.org, imp.refs.org.Name)
		r := imp.report
		w.record(nil, counts(r.Rows, r.Created, r.Updated, r.Unchanged, r.Failed, true))
		return nil
	})
}

// actor is the actor, renewed in time: an import may take longer than an
// actor lives.
func (imp *importer) actor(ctx context.Context) Actor {
	if imp.m.now().Sub(imp.a.v.verified) > imp.m.cfg.ActorMaxAge/2 {
		if fresh, err := imp.m.Refresh(ctx, imp.a); err == nil {
			imp.a = fresh
		}
	}
	return imp.a
}

func counts(rows, created, updated, unchanged, failed int, dry bool) map[string]string {
	out := map[string]string{"rows": strconv.Itoa(rows), "created": strconv.Itoa(created), "updated": strconv.Itoa(updated),
		"unchanged": strconv.Itoa(unchanged), "failed": strconv.Itoa(failed)}
	if dry {
		out["dry_run"] = "true"
	}
	return out
}

// save records a batch and how far the import has come.
func (b *importBatch) save(ctx context.Context, w *work) error {
	imp, r := b.imp, b.imp.report
	w.verb = verbImport
	w.on("import", r.ID, imp.org, "")
	w.record(nil, counts(b.rows, b.created, b.updated, b.unchanged, b.failed, false))
	if imp.opt.DryRun {
		return nil
	}
	return w.tx.SaveCheckpoint(ctx, Checkpoint{ID: r.ID, Org: imp.org, Actor: w.v.operator, Rows: max(b.read, imp.behind),
		Created: imp.base.Created + r.Created + b.created, Updated: imp.base.Updated + r.Updated + b.updated,
		Failed:    imp.base.Failed + r.Failed + b.failed,
		UpdatedAt: w.now.Truncate(time.Microsecond)})
}
