package usermgmt

import (
	"context"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/usermgmt/usermgmt/internal/csvcell"
)

// Audit verbs of exports and imports.
const (
	verbExport = "user.export"
	verbImport = "user.import"
)

// Exports writes users to files. [Manager.Exports] returns it.
type Exports struct{ m *Manager }

// Exports returns the service that writes users to files.
func (m *Manager) Exports() *Exports { return &Exports{m} }

// ExportOptions says what an export holds.
type ExportOptions struct {
	// Org is whose members are exported. Defaults to the actor's organization.
	Org OrgID
	// Fields chooses among the fields that the organization marked, in this
	// order. Defaults to all of them.
	Fields []string
	// BOM begins the file with a byte order mark, by which spreadsheets know
	// that it is UTF-8. Defaults to none.
	BOM bool
	// Progress is called with the number of rows after every thousand or so,
	// and at the end. Defaults to none.
	Progress func(rows int)
}

const (
	exportWindow = 1000     // rows whose people are looked up together
	exportBuffer = 64 << 10 // bytes handed to the writer at once
)

// CSV writes the members of an organization to w as a CSV file in UTF-8: a
// header of field names, then a row for each, ended by CRLF, in the order of
// names. It holds every member on whom the actor has both [PermUserExport] and
// [PermUserView], disabled and deactivated ones among them, whatever any list
// shows; and the fields that the organization marked
// ([OrganizationUpdate].ExportFields), by default [DefaultExportFields] and the
// custom fields that are exportable.
//
// A text that a spreadsheet would take for a formula is written with a single
// quote before it. Lists are separated by ";". Units, teams, roles, profiles
// and applications are written by name, a name that is there twice as a path
// such as "Europe/Sales" (of roles, "application/role"; "*/role" is the
// system-wide one), and what has no path of its own by identifier; a backslash
// stands before a ";" or "/" that belongs to a name. Other users are
// written by username, or by identifier if the actor may not see them. The file
// is what [Imports.Users] reads: imported into an empty store with the same
// units, teams, roles and profiles it gives the same users.
//
// The rows are those of one instant. Memory does not grow with their number.
// The fields "password" (the stored hash, of members at home only),
// "auth_status", "last_login_at" and "login_count" cost one read of the store a
// row, and are exported only if marked.
//
// Nothing is exported without a trace: "user.export" is recorded as attempted,
// with the fields, before the first byte; and again with the number of rows and
// the same operation at the end, as done, or as refused if the export broke
// off. The actor gets a mail at the end.
//
// The number of rows comes with every error. Errors: [ErrPermission]; [ErrStepUp];
// [ErrNotFound] for another organization; [ErrInvalid] for a field that is not
// marked; those of w and of the store.
func (s *Exports) CSV(ctx context.Context, a Actor, w io.Writer, opt ExportOptions) (rows int, err error) {
	const op = "Exports.CSV"
	x := &exporter{m: s.m, w: w, opt: &opt}
	if err := s.m.change(ctx, a, op, verbExport, x.begin); err != nil {
		return 0, err
	}
	err = x.write(ctx)
	if ferr := x.finish(ctx, err, nil); err == nil {
		err = ferr
	}
	return x.rows, failed(op, x.op, err)
}

// exporter is one export.
type exporter struct {
	m   *Manager
	w   io.Writer
	opt *ExportOptions

	v      actorValue // as the export began
	op     OperationID
	org    Organization
	fields []exportField
	q      UserQuery
	narrow bool // rows must be checked for PermUserView one by one

	// beat is called with the number of rows so far, and ends the export by an error.
	beat func(rows int) error

	refs   *csvRefs
	people map[UserID]string // the cells that name users
	buf    []byte
	rows   int
}

// begin decides what is exported, and records that it is about to be.
func (x *exporter) begin(ctx context.Context, w *work) error {
	chosen, err := x.prepare(ctx, w)
	if err != nil {
		return err
	}
	w.record(nil, map[string]string{"fields": strings.Join(chosen, " ")})
	w.entries[len(w.entries)-1].Outcome = OutcomeAttempted
	return nil
}

// prepare decides what is exported, and returns the names of the fields.
func (x *exporter) prepare(ctx context.Context, w *work) ([]string, error) {
	x.v, x.op = *w.v, w.op
	x.q = UserQuery{Org: x.opt.Org, View: ViewAll}
	if x.q.Org.IsZero() {
		x.q.Org = x.v.org
	}
	if err := x.m.scopeQuery(&x.v, &x.q, PermUserExport); err != nil {
		return nil, err
	}
	if err := x.v.freshFor(PermUserExport); err != nil {
		return nil, err
	}
	if x.q.Org.IsZero() {
		return nil, invalid("organization", "required", "say whose members to export")
	}
	org, err := w.organization(ctx, x.q.Org)
	if err != nil {
		return nil, err
	}
	x.org = *org
	view := x.v.filter(PermUserView)
	x.narrow = !view.System && !(view.All && x.q.Org == x.v.org) && !reflect.DeepEqual(view, *x.q.Visible)
	custom, err := x.m.csvFields(ctx, w.tx, x.org.ID)
	if err != nil {
		return nil, err
	}
	marked := x.org.ExportFields
	if marked == nil {
		marked = append(DefaultExportFields(), custom.exportable()...)
	}
	chosen := x.opt.Fields
	if chosen == nil {
		chosen = marked
	}
	x.fields = x.fields[:0]
	var p problems
	for _, name := range chosen {
		f, ok := exportFields[name]
		if !ok {
			if f, ok = custom.export(name); !ok && x.opt.Fields == nil && strings.HasPrefix(name, customPrefix) {
				continue // marked, and no longer defined or exportable
			}
		}
		if !ok || !slices.Contains(marked, name) {
			p.add("fields", "not_marked", "is not among the fields that the organization marked")
			continue
		}
		x.fields = append(x.fields, f)
	}
	if len(x.fields) == 0 && len(p.errs) == 0 {
		p.add("fields", "required", "no field is marked for export")
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	names := make([]string, len(x.fields))
	for i := range x.fields {
		names[i] = x.fields[i].name
	}
	return names, nil
}

// write writes the file.
func (x *exporter) write(ctx context.Context) error {
	var err error
	if x.refs, err = loadRefs(ctx, x.m.store, &x.v, x.org.ID); err != nil {
		return err
	}
	x.buf = make([]byte, 0, exportBuffer+exportBuffer/8)
	if x.opt.BOM {
		x.buf = append(x.buf, "\ufeff"...)
	}
	for i, f := range x.fields {
		if i > 0 {
			x.buf = append(x.buf, ',')
		}
		x.buf = append(x.buf, f.name...)
	}
	x.buf = append(x.buf, "\r\n"...)
	size := 64
	if x.needs(func(f *exportField) bool { return f.person != nil }) {
		size = exportWindow
	}
	window := make([]Member, 0, size)
	reported := 0
	for mem, err := range x.m.store.StreamMembers(ctx, x.q) {
		if err != nil {
			return err
		}
		window = append(window, mem)
		if len(window) < size {
			continue
		}
		if err := x.writeWindow(ctx, window); err != nil {
			return err
		}
		window = window[:0]
		if x.beat != nil {
			if err := x.beat(x.rows); err != nil {
				return err
			}
		}
		if x.opt.Progress != nil && x.rows-reported >= exportWindow {
			reported = x.rows
			x.opt.Progress(x.rows)
		}
	}
	if err := x.writeWindow(ctx, window); err != nil {
		return err
	}
	if x.beat != nil {
		if err := x.beat(x.rows); err != nil {
			return err
		}
	}
	if err := x.flush(0); err != nil {
		return err
	}
	if x.opt.Progress != nil {
		x.opt.Progress(x.rows)
	}
	return nil
}

func (x *exporter) needs(what func(*exportField) bool) bool {
	return slices.ContainsFunc(x.fields, func(f exportField) bool { return what(&f) })
}

// writeWindow writes some members.
func (x *exporter) writeWindow(ctx context.Context, window []Member) error {
	if x.narrow {
		window = slices.DeleteFunc(window, func(m Member) bool {
			return !x.v.sees(PermUserView, recordOf(&m.User, &m.Membership, x.org.ID, x.q.Now))
		})
	}
	if err := x.findPeople(ctx, window); err != nil {
		return err
	}
	account := x.needs(func(f *exportField) bool { return f.account != nil })
	var acc Account
	for i := range window {
		if account {
			var err error
			if acc, err = x.m.store.AccountByID(ctx, window[i].User.ID); err != nil {
				return err
			}
		}
		x.buf = x.appendRow(x.buf, &window[i], &acc)
		x.rows++
		if err := x.flush(exportBuffer); err != nil {
			return err
		}
	}
	return nil
}

// flush hands the buffer to the writer if it has so many bytes.
func (x *exporter) flush(least int) error {
	if len(x.buf) < least || len(x.buf) == 0 {
		return nil
	}
	n, err := x.w.Write(x.buf)
	if err == nil && n < len(x.buf) {
		err = io.ErrShortWrite
	}
	x.buf = x.buf[:0]
	return err
}

func (x *exporter) appendRow(dst []byte, mem *Member, acc *Account) []byte {
	begin := len(dst)
	for i := range x.fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		f := &x.fields[i]
		switch {
		case f.text != nil:
			dst = csvcell.AppendText(dst, f.text(&mem.User))
		case f.plain != nil:
			dst = f.plain(dst, mem)
		case f.person != nil:
			dst = append(dst, x.people[*f.person(&mem.User)]...)
		case f.named != nil:
			dst = f.named(dst, x.refs, mem)
		default:
			dst = f.account(dst, x, acc)
		}
	}
	if len(dst) == begin { // a reader would skip the empty line
		dst = append(dst, `""`...)
	}
	return append(dst, "\r\n"...)
}

const maxPeople = 20_000

// findPeople finds the usernames of the users whom the window names.
func (x *exporter) findPeople(ctx context.Context, window []Member) error {
	var ids []UserID
	if len(x.people) > maxPeople {
		clear(x.people)
	}
	if x.people == nil {
		x.people = make(map[UserID]string)
	}
	for _, f := range x.fields {
		if f.person == nil {
			continue
		}
		for i := range window {
			id := *f.person(&window[i].User)
			if _, known := x.people[id]; !known && !id.IsZero() {
				x.people[id] = id.String()
				ids = append(ids, id)
			}
		}
	}
	for chunk := range slices.Chunk(ids, MaxPageSize) {
		users, err := x.m.store.UsersByID(ctx, chunk)
		if err != nil {
			return err
		}
		members, err := x.m.store.Memberships(ctx, x.org.ID, chunk)
		if err != nil {
			return err
		}
		place := make(map[UserID]*Membership, len(members))
		for i := range members {
			place[members[i].User] = &members[i]
		}
		for i := range users {
			u := &users[i]
			r := recordOf(u, place[u.ID], x.org.ID, x.q.Now)
			if place[u.ID] == nil {
				r = recordOf(u, nil, u.Org, x.q.Now)
			}
			if x.v.sees(PermUserView, r) {
				x.people[u.ID] = string(csvcell.AppendText(nil, u.Username))
			}
		}
	}
	return nil
}

// finish records the end of the export and mails it, whatever has become of
// the actor and of the caller's context. then is done in the same transaction.
func (x *exporter) finish(ctx context.Context, cause error, then func(ctx context.Context, w *work) error) error {
	ctx = context.WithoutCancel(ctx)
	now := x.m.now()
	return x.m.store.Tx(ctx, func(ctx context.Context, tx Store) error {
		w := &work{m: x.m, tx: tx, v: &x.v, now: now, op: x.op, verb: verbExport, further: true}
		w.on("organization", x.org.ID, x.org.ID, x.org.Name)
		w.record(nil, map[string]string{"rows": strconv.Itoa(x.rows)})
		if cause != nil {
			e := &w.entries[0]
			e.Outcome, e.Detail.Reason = OutcomeRefused, "broken off"
			e.Digest = e.Detail.digest()
			return w.flush(ctx)
		}
		if then != nil {
			if err := then(ctx, w); err != nil {
				return err
			}
		}
		if !x.v.operator.IsZero() {
			u, err := tx.UserByID(ctx, x.v.operator)
			if err != nil && !isNotFound(err) {
				return err
			}
			w.mail(&u, MailExported, map[string]string{"rows": strconv.Itoa(x.rows)})
		}
		return w.flush(ctx)
	})
}
