package usermgmt_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/store/intercept"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

// manyRows are more than an import has that does without digests.
const manyRows = 10_050

// feed is an environment into which a long file has been imported twice, so that
// every row has been compared.
type feed struct {
	*usermgmttest.Env
	looked  atomic.Int64 // calls that look users up by name
	written atomic.Int64 // digests that were written
	opt     usermgmt.ImportOptions
}

func newFeed(t *testing.T) *feed {
	t.Helper()
	f := &feed{}
	f.Env = usermgmttest.NewOn(t, intercept.Store(teststores.New(t), func(ctx context.Context, method string, call func(context.Context) error) error {
		switch method {
		case "UsersByLogin":
			f.looked.Add(1)
		case "PutImportDigests":
			f.written.Add(1)
		}
		return call(ctx)
	}), nil)
	f.opt = defaults(f.Env)
	r := imported(t, f.Env, f.Root(), f.file(nil), f.opt)
	require.Equal(t, [4]int{manyRows, 0, 0, 0}, tally(r), r.Problems)
	f.compares(t, f.file(nil), true, [4]int{0, 0, manyRows, 0})
	f.compares(t, f.file(nil), false, [4]int{0, 0, manyRows, 0})
	return f
}

const feedHeader = "username,first_name,last_name,email,owner_unit,reports_to,time_zone,source,external_id"

// row is the i-th row; everybody reports to the first.
func (f *feed) row(i int) string {
	boss, zone, external := "user0", "", ","
	if i == 0 {
		boss, external = "", "hr,1"
	}
	if i == 3 {
		zone = "Europe/Berlin"
	}
	return fmt.Sprintf("user%d,A,B,user%d@x.test,%s,%s,%s,%s", i, i, f.MainUnit.Name, boss, zone, external)
}

func (f *feed) file(changed map[int]string) string {
	var b strings.Builder
	b.WriteString(feedHeader + "\n")
	for i := range manyRows {
		row, ok := changed[i]
		if !ok {
			row = f.row(i)
		}
		b.WriteString(row + "\n")
	}
	return b.String()
}

// imports imports and tells how many look-ups and writes of digests it took.
func (f *feed) imports(t *testing.T, a usermgmt.Actor, file string) (r *usermgmt.ImportReport, looked, written int64) {
	t.Helper()
	f.looked.Store(0)
	f.written.Store(0)
	r = imported(t, f.Env, a, file, f.opt)
	return r, f.looked.Load(), f.written.Load()
}

// compares imports the file and wants its rows to be compared, or to be skipped.
func (f *feed) compares(t *testing.T, file string, compared bool, want [4]int) {
	t.Helper()
	r, looked, _ := f.imports(t, f.Root(), file)
	assert.Equal(t, want, tally(r), faults(r))
	assert.Equal(t, compared, looked >= manyRows/1000, "%d look-ups", looked)
}

func TestImportSkipsRowsThatItRemembers(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	all := [4]int{0, 0, manyRows, 0}

	r, looked, written := f.imports(t, f.Root(), f.file(nil))
	assert.Equal(t, all, tally(r))
	assert.Zero(t, looked, "nobody is looked up")
	assert.Zero(t, written, "nothing is remembered again")

	// A dry run tells the same, and so do rows from elsewhere, of which the first
	// are looked at.
	f.opt.DryRun = true
	f.compares(t, f.file(nil), false, all)
	f.opt.DryRun = false
	lines := strings.Split(strings.TrimSuffix(f.file(nil), "\n"), "\n")
	columns := strings.Split(lines[0], ",")
	f.looked.Store(0)
	r, err := f.Imports().UsersSeq(t.Context(), f.Root(), func(yield func(usermgmt.ImportRow, error) bool) {
		for _, line := range lines[1:] {
			if !yield(usermgmt.ImportRow{Columns: columns, Values: strings.Split(line, ",")}, nil) {
				return
			}
		}
	}, f.opt)
	require.NoError(t, err)
	assert.Equal(t, all, tally(r))
	assert.EqualValues(t, 10, f.looked.Load())

	// Rows that differ go in, and are remembered when they have been compared.
	changed := f.file(map[int]string{7: strings.Replace(f.row(7), ",A,", ",Ann,", 1), 9000: "new,A,B,new@x.test," + f.MainUnit.Name + ",,,,"})
	r, looked, written = f.imports(t, f.Root(), changed)
	assert.Equal(t, [4]int{1, 1, manyRows - 2, 0}, tally(r))
	assert.Less(t, looked, int64(5))
	assert.Zero(t, written)
	assert.Equal(t, "Ann", named(t, f.Env, "user7").User.FirstName)
	r, _, written = f.imports(t, f.Root(), changed)
	assert.Equal(t, all, tally(r))
	assert.Positive(t, written)

	// Somebody who is there twice is refused, and it is the second row that is.
	r, _, _ = f.imports(t, f.Root(), f.file(map[int]string{
		11: f.row(10), 20: f.row(21), 21: f.row(20), 30: strings.Replace(f.row(31), ",A,", ",Bob,", 1), 32: strings.Replace(f.row(33), ",A,", ",Eve,", 1), 34: f.row(33),
	}))
	assert.Equal(t, []string{"13 username twice", "33 username twice", "35 username twice", "36 username twice"}, faults(r))
	assert.Equal(t, "Bob", named(t, f.Env, "user31").User.FirstName, "the first row is the one that counts")
	r, _, _ = f.imports(t, f.Root(), f.file(map[int]string{31: f.row(31), 33: f.row(33)}))
	require.Equal(t, [4]int{0, 2, manyRows - 2, 0}, tally(r))
	f.compares(t, f.file(nil), false, all)
	r, looked, _ = f.imports(t, f.Root(), f.file(map[int]string{5005: f.row(10), 10049: f.row(10)})) // rows that are all remembered
	assert.Equal(t, [4]int{0, 0, manyRows - 2, 2}, tally(r))
	assert.Equal(t, []string{"5007 username twice", "10051 username twice"}, faults(r))
	assert.Less(t, looked, int64(5))
}

// TestImportReadsOnBehindRowsThatItRemembers: a file is read on in its middle, and
// nobody can tell.
func TestImportReadsOnBehindRowsThatItRemembers(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	lines := strings.Split(strings.TrimSuffix(f.file(map[int]string{
		4500:  strings.Replace(f.row(4500), ",A,", `,"Ann ""the""`+"\n"+`second",`, 1),
		4600:  strings.Replace(f.row(4600), ",A,", `,"Ann ""the"" second",`, 1),
		7000:  "too,few",
		10030: strings.Replace(f.row(10030), f.MainUnit.Name, "Nowhere", 1),
	}), "\n"), "\n")
	lines[3] += "\r\n\r\n" // two lines that are empty count as lines
	file := "not of the file\ufeff" + strings.Join(lines, "\r\n")
	r := strings.NewReader(file)
	_, err := r.Seek(int64(len("not of the file")), io.SeekStart)
	require.NoError(t, err)
	var steps []int
	f.opt.Progress = func(rows int) { steps = append(steps, rows) }
	f.looked.Store(0)
	report, err := f.Imports().Users(t.Context(), f.Root(), r, f.opt)
	require.NoError(t, err)
	assert.Equal(t, [4]int{0, 1, manyRows - 4, 3}, tally(report))
	assert.Equal(t, []string{"4504 first_name control", "7005 row columns", "10035 owner_unit unknown"}, faults(report))
	assert.Less(t, f.looked.Load(), int64(5))
	assert.Equal(t, []int{4000, 5000, 7000, 8000, 10_000, manyRows}, steps)
	assert.Equal(t, "Ann \"the\" second", named(t, f.Env, "user4600").User.FirstName)
}

func TestImportLooksAgainAtUsersWhoHaveChanged(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	ctx, org := t.Context(), f.Organization.ID
	all := [4]int{0, 0, manyRows, 0}
	id := func(name string) usermgmt.UserID { return named(t, f.Env, name).User.ID }
	edit := func(name string, c usermgmt.UserUpdate) {
		t.Helper()
		u := named(t, f.Env, name).User
		_, err := f.Users().Update(ctx, f.Root(), u.ID, u.Version, c)
		require.NoError(t, err)
	}
	other := "Other"
	edit("user5", usermgmt.UserUpdate{FirstName: &other})
	r, _, written := f.imports(t, f.Root(), f.file(nil))
	assert.Equal(t, [4]int{0, 1, manyRows - 1, 0}, tally(r))
	assert.Equal(t, "A", named(t, f.Env, "user5").User.FirstName)
	assert.Zero(t, written, "nothing but the user is written")
	edit("user5", usermgmt.UserUpdate{Phone: &other}) // of which the file says nothing
	r, _, written = f.imports(t, f.Root(), f.file(nil))
	assert.Equal(t, all, tally(r))
	assert.EqualValues(t, 1, written)

	unit := f.AddUnit("Elsewhere", f.MainUnit.ID)
	require.NoError(t, f.Users().Assign(ctx, f.Root(), id("user6"), named(t, f.Env, "user6").User.Version, unit.ID))
	of := usermgmt.SettingsOf{Org: org, User: id("user3")}
	require.NoError(t, f.Settings().Change(ctx, f.Root(), of, usermgmt.SettingChange{Key: usermgmt.SettingTimeZone, Value: "Asia/Tokyo"}))
	r, _, _ = f.imports(t, f.Root(), f.file(nil))
	assert.Equal(t, [4]int{0, 2, manyRows - 2, 0}, tally(r))
	mem, err := f.Store.MembershipOf(ctx, id("user3"), org)
	require.NoError(t, err)
	assert.Equal(t, "Europe/Berlin", mem.Settings[usermgmt.SettingTimeZone].Value)
	assert.Equal(t, f.MainUnit.ID, named(t, f.Env, "user6").User.OwnerUnit)
	f.compares(t, f.file(nil), false, all)

	mem, err = f.Store.MembershipOf(ctx, id("user8"), org)
	require.NoError(t, err)
	no := false
	_, err = f.Members().Update(ctx, f.Root(), mem.User, org, mem.Version, usermgmt.MembershipUpdate{Enabled: &no})
	require.NoError(t, err)
	r, _, written = f.imports(t, f.Root(), f.file(nil))
	assert.Equal(t, all, tally(r))
	assert.EqualValues(t, 1, written)

	// Everybody names the first user, whose name the file itself changes.
	renamed := strings.Replace(f.row(0), "user0,", "boss,", 1)
	r, _, _ = f.imports(t, f.Root(), f.file(map[int]string{0: renamed}))
	assert.Equal(t, [4]int{0, 1, 0, manyRows - 1}, tally(r))
	assert.Equal(t, "3 reports_to unknown", faults(r)[0])
	r, _, _ = f.imports(t, f.Root(), f.file(nil))
	assert.Equal(t, [4]int{0, 1, manyRows - 1, 0}, tally(r))

	// Another takes the name.
	taken, free := "user0", "user0-old"
	edit("user0", usermgmt.UserUpdate{Username: &free})
	edit("user1", usermgmt.UserUpdate{Username: &taken})
	unnamed := strings.Replace(strings.Replace(f.row(1), "user1,", "user0,", 1), ",user0,", ",,", 1)
	file := f.file(map[int]string{0: strings.Replace(f.row(0), "user0,", "user0-old,", 1), 1: unnamed})
	r, _, _ = f.imports(t, f.Root(), file)
	assert.Equal(t, [4]int{0, manyRows - 1, 1, 0}, tally(r), faults(r))
	assert.Equal(t, id("user0"), named(t, f.Env, "user99").User.ReportsTo)
}

func TestImportLooksAgainAfterChangesOfWhatRowsMean(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	ctx, org := t.Context(), f.Organization.ID
	all := [4]int{0, 0, manyRows, 0}

	f.AddUnit("Unheard of", usermgmt.UnitID{})
	f.AddTeam("Unheard of", f.RootTeam.ID)
	f.compares(t, f.file(nil), false, all) // names that the file does not hold count for nothing
	name, was := "Renamed", f.MainUnit.Name
	unit, err := f.Units().Update(ctx, f.Root(), f.MainUnit.ID, f.MainUnit.Version, usermgmt.UnitUpdate{Name: &name})
	require.NoError(t, err)
	f.compares(t, f.file(nil), true, [4]int{0, 0, 0, manyRows})
	f.MainUnit = *unit
	f.compares(t, f.file(nil), true, all)
	f.MainUnit = *f.AddUnit(was, usermgmt.UnitID{}) // the old name
	f.compares(t, f.file(nil), true, [4]int{0, manyRows, 0, 0})
	f.compares(t, f.file(nil), true, all)
	f.compares(t, f.file(nil), false, all)

	_, err = f.Fields().Create(ctx, f.Root(), org, usermgmt.CustomField{Name: "floor", Type: usermgmt.FieldText})
	require.NoError(t, err)
	f.compares(t, f.file(nil), true, all)
	f.compares(t, f.file(nil), false, all)
	o, err := f.Orgs().Get(ctx, f.Root(), org)
	require.NoError(t, err)
	policy := usermgmt.PolicyNIST()
	policy.UsernameOnly = true
	p := &policy
	_, err = f.Orgs().Update(ctx, f.Root(), o.ID, o.Version, usermgmt.OrganizationUpdate{Policy: &p})
	require.NoError(t, err)
	f.compares(t, f.file(nil), true, all)
	f.compares(t, f.file(nil), false, all)

	// The order of columns counts, a column that means nothing does not.
	f.opt.IgnoreUnknown = true
	with := func(column, cell string) string {
		lines := strings.Split(strings.TrimSuffix(f.file(nil), "\n"), "\n")
		for i := range lines {
			if lines[i] = cell + "," + lines[i]; i == 0 {
				lines[i] = column + "," + feedHeader
			}
		}
		return strings.Join(lines, "\n")
	}
	f.compares(t, with("seen", "today"), false, all)
	f.compares(t, with("middle_name", ""), true, all)
	f.compares(t, with("middle_name", "M"), true, [4]int{0, manyRows, 0, 0})
	f.opt.Source = "hr"
	f.compares(t, with("middle_name", "M"), true, all)
	f.compares(t, with("middle_name", "M"), false, all)

	// A mode in which nobody may be there, and an actor who does not see everybody.
	f.opt.Mode = usermgmt.ImportCreate
	f.compares(t, with("middle_name", "M"), true, [4]int{0, 0, 0, manyRows})
	f.opt.Mode = usermgmt.ImportUpdate
	f.compares(t, with("middle_name", "M"), false, all)
	role, err := f.Roles().Create(ctx, f.Root(), usermgmt.NewRole{Org: org, Name: "Narrow", Grants: []usermgmt.Grant{
		{Permission: usermgmt.PermUserImport, Scope: usermgmt.ScopeUnit}, {Permission: usermgmt.PermUserView, Scope: usermgmt.ScopeUnit},
	}})
	require.NoError(t, err)
	narrow := f.AddUser("narrow", func(n *usermgmt.NewUser) { n.Roles = []usermgmt.RoleAssignment{{Role: role.ID}} })
	r, looked, _ := f.imports(t, f.As(narrow.ID), with("middle_name", "M"))
	assert.Equal(t, [4]int{0, 0, 0, manyRows}, tally(r))
	assert.GreaterOrEqual(t, looked, int64(manyRows/1000))
	assert.Equal(t, "2 username taken", faults(r)[0])
}

func TestImportThatSkipsRowsGoesOn(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	ctx, cancel := context.WithCancel(t.Context())
	changed := map[int]string{}
	for i := range 2000 {
		changed[4000+i] = strings.Replace(f.row(4000+i), ",A,", ",Ann,", 1)
	}
	f.opt.Progress = func(rows int) {
		if rows > 4000 {
			cancel()
		}
	}
	r, err := f.Imports().Users(ctx, f.Root(), strings.NewReader(f.file(changed)), f.opt)
	require.ErrorIs(t, err, context.Canceled)
	before, err := f.Imports().Checkpoint(t.Context(), f.Root(), r.ID)
	require.NoError(t, err)
	require.Equal(t, [3]int{5000, 1000, 4000}, [3]int{before.Rows, before.Updated, r.Unchanged})
	f.opt.Progress, f.opt.Resume = nil, r.ID
	rest, _, _ := f.imports(t, f.Root(), f.file(changed))
	assert.Equal(t, [4]int{0, 1000, manyRows - 1000, 0}, tally(rest))
	after, err := f.Imports().Checkpoint(t.Context(), f.Root(), r.ID)
	require.NoError(t, err)
	assert.Equal(t, [3]int{manyRows, 0, 2000}, [3]int{after.Rows, after.Created, after.Updated})
	assert.Equal(t, "Ann", named(t, f.Env, "user5999").User.FirstName)
}

// TestImportLooksAgainBehindUnitsThatItMakes: behind a row that makes a name stand
// for two units the name is refused, also in rows that were remembered.
func TestImportLooksAgainBehindUnitsThatItMakes(t *testing.T) {
	t.Parallel()
	f := newFeed(t)
	f.opt.CreateUnits, f.opt.DefaultUnit = true, f.MainUnit.ID
	f.AddUnit("Elsewhere", usermgmt.UnitID{})
	const at = 50
	row := fmt.Sprintf("newcomer,A,B,newcomer@x.test,Elsewhere/%s,user0,,,", f.MainUnit.Name)
	r, _, _ := f.imports(t, f.Root(), f.file(map[int]string{at: row}))
	assert.Equal(t, [4]int{1, 0, at, manyRows - at - 1}, tally(r), faults(r)[0])
	assert.Contains(t, faults(r)[0], "owner_unit ambiguous")
}
