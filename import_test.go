package usermgmt_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

// defaults are what new users get in these tests.
func defaults(e *usermgmttest.Env) usermgmt.ImportOptions {
	return usermgmt.ImportOptions{DefaultUnit: e.MainUnit.ID, Defaults: usermgmt.NewMembership{
		Profile: e.Profile(usermgmt.ProfileRegularUser), PrimaryTeam: e.RootTeam.ID,
		Roles: []usermgmt.RoleAssignment{{Role: e.Regular.ID}}}}
}

// imported imports lines, which are separated by "|" here.
func imported(t *testing.T, e *usermgmttest.Env, a usermgmt.Actor, lines string, opt usermgmt.ImportOptions) *usermgmt.ImportReport {
	t.Helper()
	r, err := e.Imports().Users(t.Context(), a, strings.NewReader(strings.ReplaceAll(lines, "|", "\n")), opt)
	require.NoError(t, err)
	require.Equal(t, r.Rows, r.Created+r.Updated+r.Unchanged+r.Failed)
	return r
}

// faults lists "line field rule" of every problem.
func faults(r *usermgmt.ImportReport) []string {
	var out []string
	for _, p := range r.Problems {
		out = append(out, fmt.Sprintf("%d %s %s", p.Line, p.Field, p.Rule))
	}
	return out
}

func tally(r *usermgmt.ImportReport) [4]int {
	return [4]int{r.Created, r.Updated, r.Unchanged, r.Failed}
}

// named finds a user by username.
func named(t *testing.T, e *usermgmttest.Env, name string) *usermgmt.Account {
	t.Helper()
	acc, err := e.Store.AccountByLogin(t.Context(), name)
	require.NoError(t, err, name)
	return &acc
}

const header = "username,first_name,last_name,email"

func TestImportCreatesChangesAndLeavesAlone(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	file := header + ",title,reports_to|ann,Ann,Lee,ann@x.test,Dr,bob|bob,Bob,Lee,bob@x.test,'=x,|"
	r := imported(t, e, e.Root(), file, defaults(e))
	assert.Equal(t, [4]int{2, 0, 0, 0}, tally(r))
	assert.Empty(t, r.Problems)
	ann, bob := named(t, e, "ann").User, named(t, e, "bob").User
	assert.Equal(t, bob.ID, ann.ReportsTo, "whoever comes later in the file is found")
	assert.Equal(t, "=x", bob.Title, "quotes before formulas are taken away")
	assert.Equal(t, e.MainUnit.ID, ann.OwnerUnit)
	assert.Empty(t, named(t, e, "ann").Credential.Hash)

	entries := len(auditOf(t, e, "user.update"))
	r = imported(t, e, e.Root(), file, defaults(e))
	assert.Equal(t, [4]int{0, 0, 2, 0}, tally(r))
	assert.Equal(t, ann.Version, named(t, e, "ann").User.Version, "nothing is written")
	assert.Len(t, auditOf(t, e, "user.update"), entries)

	r = imported(t, e, e.Root(), strings.Replace(file, "Dr,bob", ",", 1), defaults(e))
	assert.Equal(t, [4]int{0, 1, 1, 0}, tally(r))
	after := named(t, e, "ann").User
	assert.Zero(t, after.Title, "an empty cell clears")
	assert.Zero(t, after.ReportsTo)
	assert.Equal(t, ann.CreatedAt, after.CreatedAt)
	assert.Len(t, auditOf(t, e, "user.update"), entries+1)
}

// TestImportReportsBadRowsAndTakesTheOthers: every problem has line, field and
// rule, and no value.
func TestImportReportsBadRowsAndTakesTheOthers(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	file := header + ",enabled,kind,birthday,country,password,owner_unit,roles,reports_to|" +
		"good,A,B,good@x.test,,,,,,,,|" +
		"x,A,B,secret-value,maybe,robot,1.2.2000,XX,hunter2secret,Nowhere,Nothing,|" + // line 3
		",A,B,nobody@x.test,,,,,,,,|" + // 4
		"short,A|" + // 5
		"mail,A,B,GOOD@x.test,,,,,,,,|" + // 6: taken by line 2
		"good,A,B,good2@x.test,,,,,,,,|" + // 7: again
		"root2,A,B,root@acme.test,,,,,,,,|" + // 8: taken
		"boss,A,B,boss@x.test,,,,,,,,nobody|" // 9: goes in without
	r := imported(t, e, e.Root(), file, defaults(e))
	assert.Equal(t, [4]int{2, 0, 0, 6}, tally(r))
	assert.ElementsMatch(t, []string{
		"3 enabled format", "3 kind unknown", "3 birthday format", "3 country unknown", "3 password hash", "3 owner_unit unknown",
		"3 roles unknown", "3 username length", "3 email format", "4 username length", "5 row columns", "6 email taken",
		"7 username twice", "8 email taken", "9 reports_to unknown"}, faults(r))
	assert.Equal(t, len(r.Problems), r.ProblemCount)
	for _, p := range r.Problems {
		for _, value := range []string{"secret-value", "hunter2secret", "Nowhere", "robot", "maybe"} {
			assert.NotContains(t, p.Error(), value)
		}
	}
	for _, name := range []string{"mail", "root2"} {
		_, err := e.Store.AccountByLogin(t.Context(), name)
		require.ErrorIs(t, err, usermgmt.ErrNotFound)
	}
	assert.Zero(t, named(t, e, "boss").User.ReportsTo)
	c, err := e.Imports().Checkpoint(t.Context(), e.Root(), r.ID)
	require.NoError(t, err)
	assert.Equal(t, [4]int{8, 2, 0, 6}, [4]int{c.Rows, c.Created, c.Updated, c.Failed})
	pools, err := e.Licences().Report(t.Context(), e.Root(), usermgmt.OrgID{})
	require.NoError(t, err)
	assert.Equal(t, 3, pools[0].Used, "seats of rows that were taken back are free")
}

func TestImportRefusesBadHeaders(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	for file, want := range map[string][]string{
		"":                              {"file required"},
		"username,colour|":              {"colour unknown_column"},
		"first_name|":                   {"username required"},
		"ann,ann@x.test,Ann|":           {"column_1 unknown_column", "column_2 unknown_column", "column_3 unknown_column", "username required"},
		"username,Team,primary_team|":   {"primary_team twice"},
		"username,\"a|ann":              {"file syntax"},
		header + "|ann,A\"b,L,a@x.test": {"file syntax"},
		"username,id,created_at|":       nil,
		"USERNAME , Password_Hash|":     nil,
	} {
		for _, r := range []io.Reader{strings.NewReader(strings.ReplaceAll(file, "|", "\n")),
			io.MultiReader(strings.NewReader(strings.ReplaceAll(file, "|", "\n")))} {
			_, err := e.Imports().Users(t.Context(), e.Root(), r, defaults(e))
			assert.Equal(t, want, broken(err), file)
		}
	}
	_, err := e.Imports().Users(t.Context(), e.Root(), strings.NewReader("username,colour\n"), defaults(e))
	assert.Equal(t, 1, usermgmt.FieldErrors(err)[0].Line)
	opt := defaults(e)
	opt.IgnoreUnknown = true
	assert.Equal(t, [4]int{1, 0, 0, 0}, tally(imported(t, e, e.Root(), header+",colour|ann,A,L,ann@x.test,red|", opt)))
	opt = defaults(e)
	opt.Columns = map[string]string{"login": "username", "colour": ""}
	file := strings.Replace(header, "username", "login", 1) + ",colour|bob,B,L,bob@x.test,red|"
	assert.Equal(t, [4]int{1, 0, 0, 0}, tally(imported(t, e, e.Root(), file, opt)))
}

// TestAFileWithAFaultChangesNothing: a file that can seek is looked at first.
func TestAFileWithAFaultChangesNothing(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	opt := defaults(e)
	opt.MaxRows = 1
	file := header + "\nann,A,L,ann@x.test\nbob,B,L,bob@x.test\n"
	_, err := e.Imports().Users(t.Context(), e.Root(), strings.NewReader(file), opt)
	require.ErrorIs(t, err, usermgmt.ErrLimit)
	assert.Equal(t, []string{"rows max_rows"}, broken(err))
	_, err = e.Imports().Users(t.Context(), e.Root(), strings.NewReader(file+strings.Repeat("x", 1<<21)), defaults(e))
	require.ErrorIs(t, err, usermgmt.ErrLimit)
	assert.Equal(t, 4, usermgmt.FieldErrors(err)[0].Line)
	_, err = e.Store.AccountByLogin(t.Context(), "ann")
	require.ErrorIs(t, err, usermgmt.ErrNotFound)
	r, err := e.Imports().Users(t.Context(), e.Root(), io.MultiReader(strings.NewReader(file)), opt)
	require.ErrorIs(t, err, usermgmt.ErrLimit)
	assert.Zero(t, r.Rows)
}

func TestDryRunTakesEverythingBack(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	var file strings.Builder
	file.WriteString(header + ",owner_unit,reports_to\n")
	for i := range 1500 {
		fmt.Fprintf(&file, "user%d,F,L,u%d@x.test,New Unit,user1499\n", i, i)
	}
	file.WriteString("user3,F,L,again@x.test,New Unit,\nlast,F,L,u7@x.test,,\n")
	opt := defaults(e)
	opt.DryRun, opt.CreateUnits = true, true
	r, err := e.Imports().Users(t.Context(), e.Root(), strings.NewReader(file.String()), opt)
	require.NoError(t, err)
	assert.Equal(t, [4]int{1500, 0, 0, 2}, tally(r))
	assert.Equal(t, []string{"1502 username twice", "1503 email taken", "1501 reports_to cycle"}, faults(r))
	assert.Zero(t, r.ID)
	_, err = e.Store.AccountByLogin(t.Context(), "user0")
	require.ErrorIs(t, err, usermgmt.ErrNotFound)
	units, err := e.Units().List(t.Context(), e.Root(), usermgmt.OrgID{})
	require.NoError(t, err)
	assert.Len(t, units, 1)
	list := auditOf(t, e, "user.import")
	require.Len(t, list, 1)
	assert.Equal(t, "true", list[0].Detail.After["dry_run"])
	assert.Equal(t, "1500", list[0].Detail.After["created"])

	opt.DryRun = false
	real, err := e.Imports().Users(t.Context(), e.Root(), strings.NewReader(file.String()), opt)
	require.NoError(t, err)
	assert.Equal(t, tally(r), tally(real))
	assert.Equal(t, faults(r), faults(real), "a dry run says what the import will")
	assert.Equal(t, named(t, e, "user1499").User.ID, named(t, e, "user0").User.ReportsTo)
}

func TestImportTakesHashesAndNeverPasswords(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	bcrypt := "$2y$04$Fl.H6Ux4Gk1iUu1ZHWYcEO7TXVlYFZqVPqR7yoLAm9.OhMZcP2ZNu"
	ssha := "{SSHA}AhdUPgFBzwi+Cr5Dqc/3QOXxGqBzYWx0"
	r := imported(t, e, e.Root(), header+",password|ann,A,L,ann@x.test,"+bcrypt+"|bob,B,L,bob@x.test,"+ssha+"|cid,C,L,cid@x.test,letmein|",
		defaults(e))
	assert.Equal(t, []string{"4 password hash"}, faults(r))
	assert.Equal(t, bcrypt, named(t, e, "ann").Credential.Hash)
	assert.Equal(t, ssha, named(t, e, "bob").Credential.Hash)
	// Who has a password keeps it.
	r = imported(t, e, e.Root(), header+",password|ann,A,L,ann@x.test,"+ssha+"|", defaults(e))
	assert.Equal(t, [4]int{0, 0, 1, 0}, tally(r))
	assert.Equal(t, bcrypt, named(t, e, "ann").Credential.Hash)
	// Who has none gets it, but not by an API key.
	imported(t, e, e.Root(), header+"|dan,D,L,dan@x.test|", defaults(e))
	key, err := e.APIKeys().Generate(t.Context(), e.Root(), usermgmt.KeyRequest{User: e.Administrator.ID})
	require.NoError(t, err)
	byKey, err := e.Auth().APIKey(t.Context(), key.Text.Reveal(), usermgmt.Origin{})
	require.NoError(t, err)
	r = imported(t, e, byKey, header+",password|dan,D,L,dan@x.test,"+ssha+"|", defaults(e))
	assert.Equal(t, []string{"2 password own_session_only"}, faults(r))
	r = imported(t, e, e.Root(), header+",password_hash|dan,D,L,dan@x.test,"+ssha+"|", defaults(e))
	assert.Equal(t, [4]int{0, 1, 0, 0}, tally(r))
	assert.Equal(t, ssha, named(t, e, "dan").Credential.Hash)
	assert.Len(t, auditOf(t, e, "password.set"), 1)
}

func TestImportByExternalID(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	opt := defaults(e)
	opt.Source = "hr"
	imported(t, e, e.Root(), header+",external_id|ann,Ann,Lee,ann@x.test,17|", opt)
	r := imported(t, e, e.Root(), header+",external_id|anna,Ann,Lee,ann@x.test,17|", opt)
	assert.Equal(t, [4]int{0, 1, 0, 0}, tally(r), "the username can change")
	assert.Equal(t, "hr", named(t, e, "anna").User.Source)
	r = imported(t, e, e.Root(), header+",external_id|anna,Ann,Lee,ann@x.test,18|root,R,R,root@acme.test,17|", opt)
	assert.Equal(t, []string{"2 username taken", "3 username taken"}, faults(r))
	r = imported(t, e, e.Root(), "external_id,title|17,Boss|", opt)
	assert.Equal(t, [4]int{0, 1, 0, 0}, tally(r), "the username need not be there")

	opt.Mode = usermgmt.ImportCreate
	r = imported(t, e, e.Root(), header+"|anna,Ann,Lee,ann@x.test|new,N,N,n@x.test|", opt)
	assert.Equal(t, []string{"2 username taken"}, faults(r))
	opt.Mode = usermgmt.ImportUpdate
	r = imported(t, e, e.Root(), header+"|anna,Anna,Lee,ann@x.test|newer,N,N,n2@x.test|", opt)
	assert.Equal(t, []string{"3 username unknown"}, faults(r))
	assert.Equal(t, "Anna", named(t, e, "anna").User.FirstName)
}

// TestImportObeysTheRulesOfTheCalls: scope, subset rule, seats.
func TestImportObeysTheRulesOfTheCalls(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	north := e.AddTeam("North", e.RootTeam.ID)
	admin := e.AddUser("admin", func(n *usermgmt.NewUser) {
		n.PrimaryTeam, n.Profile, n.Units = north.ID, e.Profile(usermgmt.ProfileTeamAdministrator), []usermgmt.UnitID{e.MainUnit.ID}
	})
	file := header + ",team,profile|ann,A,L,ann@x.test,North,|bob,B,L,bob@x.test,My Team,|cid,C,L,cid@x.test,North,Administrator|" +
		"root,R,Changed,root@acme.test,,|"
	r := imported(t, e, e.As(admin.ID), file, defaults(e))
	assert.Equal(t, [4]int{1, 0, 0, 3}, tally(r), "%v", faults(r))
	for _, p := range r.Problems {
		assert.Equal(t, usermgmt.ErrPermission, p.Kind, p.Error())
	}
	refused := 0
	for _, entry := range auditOf(t, e, "user.import") {
		if entry.Outcome == usermgmt.OutcomeRefused {
			refused++
		}
	}
	assert.NotZero(t, refused, "refusals are in the log")
	assert.Equal(t, "Root", named(t, e, "root").User.LastName)

	_, err := e.Imports().Users(t.Context(), e.As(named(t, e, "ann").User.ID), strings.NewReader(header+"\n"), defaults(e))
	require.ErrorIs(t, err, usermgmt.ErrPermission)

	require.NoError(t, e.Licences().SetPool(t.Context(), e.Root(), e.Organization.ID, usermgmt.LicencePlatform, usermgmt.PoolTerms{Size: 5}))
	r = imported(t, e, e.Root(), header+"|s1x,A,L,s1@x.test|s2x,A,L,s2@x.test|s3x,A,L,s3@x.test|", defaults(e))
	assert.Equal(t, [4]int{2, 0, 0, 1}, tally(r))
	assert.Equal(t, []string{"4 licence "}, faults(r))
}

func TestImportChangesAccessSettings(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	east := e.AddUnit("East", e.MainUnit.ID)
	sales := e.AddUnit("Sales", east.ID)
	e.AddUnit("Sales", e.MainUnit.ID)
	team := e.AddTeam("North", e.RootTeam.ID)
	e.AddUser("ann", func(n *usermgmt.NewUser) { n.Email = "ann@x.test" })
	file := "username,owner_unit,units,team,licence,enabled,membership_enabled,time_zone|" +
		"ann,East/Sales,Main/East/Sales;East,North,site,no,false,Europe/Paris|"
	r := imported(t, e, e.Root(), file, defaults(e))
	require.Empty(t, faults(r))
	assert.Equal(t, [4]int{0, 1, 0, 0}, tally(r))
	u := named(t, e, "ann").User
	mem, err := e.Store.MembershipOf(t.Context(), u.ID, e.Organization.ID)
	require.NoError(t, err)
	assert.Equal(t, sales.ID, u.OwnerUnit)
	assert.False(t, u.Enabled)
	assert.False(t, mem.Enabled)
	assert.ElementsMatch(t, []usermgmt.UnitID{east.ID, sales.ID}, mem.Units)
	assert.Equal(t, team.ID, mem.PrimaryTeam)
	assert.Len(t, mem.Teams, 2, "the old primary team stays a team")
	assert.Equal(t, usermgmt.LicenceType("site"), mem.Licence)
	assert.Equal(t, [4]int{0, 0, 1, 0}, tally(imported(t, e, e.Root(), file, defaults(e))))

	r = imported(t, e, e.Root(), "username,owner_unit,kind|ann,Sales,|ann,,service|", defaults(e))
	assert.Equal(t, []string{"2 owner_unit ambiguous", "3 kind fixed"}, faults(r))
	for verb, want := range map[string]int{"user.assign": 1, "user.disable": 1, "membership.update": 1, "user.update": 0} {
		assert.Len(t, auditOf(t, e, verb), want, verb)
	}
}

func TestServicesAndTheirPersonsInAnyOrder(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	file := header + ",kind,responsible|robot,,,,service,ann|other,,,,service,nobody|ann,A,L,ann@x.test,,|"
	r := imported(t, e, e.Root(), file, defaults(e))
	assert.Equal(t, [4]int{2, 0, 0, 1}, tally(r))
	assert.Equal(t, []string{"3 responsible unknown"}, faults(r))
	assert.Equal(t, named(t, e, "ann").User.ID, named(t, e, "robot").User.Responsible)
}

func TestImportGoesOnWhereItBrokeOff(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	rows := func(fail error) func(func(usermgmt.ImportRow, error) bool) {
		return func(yield func(usermgmt.ImportRow, error) bool) {
			columns := strings.Split(header, ",")
			for i := range 2500 {
				if i == 2200 && fail != nil {
					yield(usermgmt.ImportRow{}, fail)
					return
				}
				name := fmt.Sprintf("user%d", i)
				if !yield(usermgmt.ImportRow{Columns: columns, Values: []string{name, "F", "L", name + "@x.test"}}, nil) {
					return
				}
			}
		}
	}
	gone := errors.New("connection lost")
	var progress []int
	opt := defaults(e)
	opt.Progress = func(n int) { progress = append(progress, n) }
	r, err := e.Imports().UsersSeq(t.Context(), e.Root(), rows(gone), opt)
	require.ErrorIs(t, err, gone)
	assert.Equal(t, 2000, r.Created)
	assert.Equal(t, []int{1000, 2000}, progress)
	c, err := e.Imports().Checkpoint(t.Context(), e.Root(), r.ID)
	require.NoError(t, err)
	assert.Equal(t, 2000, c.Rows)
	stranger := e.AddUser("stranger", nil)
	_, err = e.Imports().Checkpoint(t.Context(), e.As(stranger.ID), r.ID)
	require.ErrorIs(t, err, usermgmt.ErrNotFound)
	r, err = e.Imports().UsersSeq(t.Context(), e.Root(), rows(nil), defaults(e))
	require.NoError(t, err)
	assert.Equal(t, [4]int{500, 0, 2000, 0}, tally(r))
}

// TestImportOutlivesItsActor: an import may take longer than an actor lives.
func TestImportOutlivesItsActor(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	login := e.Login("root")
	opt := defaults(e)
	opt.Progress = func(int) { e.Clock.Advance(50 * time.Second) }
	columns := strings.Split(header, ",")
	rows := func(yield func(usermgmt.ImportRow, error) bool) {
		for i := range 4500 {
			name := fmt.Sprintf("user%d", i)
			if !yield(usermgmt.ImportRow{Columns: columns, Values: []string{name, "F", "L", name + "@x.test"}}, nil) {
				return
			}
		}
	}
	r, err := e.Imports().UsersSeq(t.Context(), login.Actor, rows, opt)
	require.NoError(t, err)
	assert.Equal(t, 4500, r.Created)

	// But one whose session ends is out.
	opt.Mode = usermgmt.ImportUpdate
	opt.Progress = func(int) {
		_, err := e.Sessions().EndAll(t.Context(), e.Root(), e.Administrator.ID)
		require.NoError(t, err)
	}
	login = e.Login("root")
	_, err = e.Imports().UsersSeq(t.Context(), login.Actor, rows, opt)
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
}

// TestExportThenImportGivesTheSameUsers is the round trip into an empty store
// with the same units, teams and roles.
func TestExportThenImportGivesTheSameUsers(t *testing.T) {
	t.Parallel()
	world := func() *usermgmttest.Env {
		e := usermgmttest.NewOn(t, teststores.New(t), nil)
		a := e.AddUnit("A/B; C\\", e.MainUnit.ID)
		e.AddUnit("Twin", a.ID)
		e.AddUnit("Twin", e.MainUnit.ID)
		e.AddTeam("Dealers", e.AddTeam("=North", e.RootTeam.ID).ID)
		_, err := e.Roles().Create(t.Context(), e.Root(), usermgmt.NewRole{Name: "Regular", Org: e.Organization.ID})
		require.NoError(t, err)
		return e
	}
	first := world()
	units, err := first.Units().List(t.Context(), first.Root(), usermgmt.OrgID{})
	require.NoError(t, err)
	teams, err := first.Teams().List(t.Context(), first.Root(), usermgmt.OrgID{})
	require.NoError(t, err)
	roles, err := first.Roles().List(t.Context(), first.Root(), usermgmt.OrgID{})
	require.NoError(t, err)
	var all []usermgmt.User
	for i := range 40 {
		all = append(all, *first.AddUser(fmt.Sprintf("user%d", i), func(n *usermgmt.NewUser) {
			n.FirstName, n.LastName = []string{"=Ann", "'Bob", "Zoë", "@x", "+1"}[i%5], "L\"e,e"
			n.OwnerUnit = units[i%len(units)].ID
			n.Units = []usermgmt.UnitID{units[(i+1)%len(units)].ID, units[(i+2)%len(units)].ID}
			n.Roles = []usermgmt.RoleAssignment{{Role: roles[i%len(roles)].ID, From: first.Clock.Now().Add(time.Microsecond)}}
			n.PrimaryTeam = teams[i%len(teams)].ID
			n.Teams = []usermgmt.TeamAssignment{{Team: teams[(i+1)%len(teams)].ID, Until: first.Clock.Now().Add(time.Hour)}}
			n.Licence = []usermgmt.LicenceType{"platform", "custom_1"}[i%2]
			n.Emails, n.EmployeeNumber = []string{"x" + n.Email}, []string{`a\;b`, " c ", "d/e"}
			n.Address = usermgmt.Address{Street: "1\n2", Country: "DE"}
			n.Birthday = usermgmt.Date{Year: 1980, Month: 2, Day: 29}
			n.SSO, n.Newsletter, n.Disabled = usermgmt.SSO{Delegated: true, FederationID: "f"}, i%3 == 0, i%7 == 0
			if n.TimeZone = "Asia/Tokyo"; i%4 == 0 {
				n.TimeZone, n.Source, n.ExternalID = "", "hr", fmt.Sprint(i)
			}
			if i >= len(teams) {
				n.ReportsTo = all[i-len(teams)].ID
			}
			if n.Disabled {
				n.ReportsTo = usermgmt.UserID{}
			}
			if i >= len(teams) && (i-len(teams))%7 == 0 {
				n.ReportsTo = usermgmt.UserID{}
			}
		}))
	}
	require.NoError(t, first.Users().Deactivate(t.Context(), first.Root(), all[39].ID, usermgmt.DeactivateOptions{LeaveTeams: true}))
	first.Clock.Advance(30 * time.Second)
	fields := append(usermgmt.DefaultExportFields(), "password")
	markFields(t, first, fields...)
	var file bytes.Buffer
	_, err = first.Exports().CSV(t.Context(), first.Root(), &file, usermgmt.ExportOptions{})
	require.NoError(t, err)

	second := world()
	second.Clock.Advance(30 * time.Second)
	r, err := second.Imports().Users(t.Context(), second.Root(), bytes.NewReader(file.Bytes()), usermgmt.ImportOptions{})
	require.NoError(t, err)
	require.Empty(t, faults(r))
	assert.Equal(t, [4]int{40, 0, 1, 0}, tally(r), "root is there")
	markFields(t, second, fields...)
	var again bytes.Buffer
	_, err = second.Exports().CSV(t.Context(), second.Root(), &again, usermgmt.ExportOptions{})
	require.NoError(t, err)
	assert.Equal(t, withoutRoot(file.String()), withoutRoot(again.String()))
	r, err = second.Imports().Users(t.Context(), second.Root(), bytes.NewReader(file.Bytes()), usermgmt.ImportOptions{})
	require.NoError(t, err)
	assert.Equal(t, [4]int{0, 0, 41, 0}, tally(r))
}

// withoutRoot leaves out the line of the root administrator, whose hash has
// another salt in every installation.
func withoutRoot(file string) string {
	var out []string
	for line := range strings.SplitSeq(file, "\r\n") {
		if !strings.HasPrefix(line, "root,") {
			out = append(out, line)
		}
	}
	return strings.Join(out, "\r\n")
}

// realFile is one of the sample files, which lie beside the repository.
func realFile(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "shared", "data", name))
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("no sample data: ../shared/data/%s is not there", name)
	}
	require.NoError(t, err)
	return data
}

func TestImportOfRealPeople(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][2]int{"example-people.csv": {150, 0}, "european-people.csv": {150, 203}} {
		data := realFile(t, name)
		e := usermgmttest.NewOn(t, teststores.New(t), nil)
		opt := defaults(e)
		opt.CreateUnits, opt.Source = true, "ldap"
		opt.Columns = map[string]string{"distinguished_name": "external_id"}
		r, err := e.Imports().Users(t.Context(), e.Root(), bytes.NewReader(data), opt)
		require.NoError(t, err)
		assert.Equal(t, want[0], r.Created, name)
		assert.Equal(t, want[1], r.Failed, name)
		without := 0
		for _, p := range r.Problems {
			if p.Field == "email" && p.Rule == "required" {
				without++
			}
		}
		assert.Equal(t, want[1], without, name)
		t.Log(name, r.Rows, "rows", faults(r)[:min(8, len(r.Problems))])
		again, err := e.Imports().Users(t.Context(), e.Root(), bytes.NewReader(data), opt)
		require.NoError(t, err)
		assert.Equal(t, [4]int{0, 0, want[0], want[1]}, tally(again), name)
	}
}

func TestPoliciesMayAllowRealPeopleWithoutMail(t *testing.T) {
	t.Parallel()
	data := realFile(t, "european-people.csv")
	policy := usermgmt.PolicyNIST()
	policy.UsernameOnly = true
	e := usermgmttest.NewOn(t, teststores.New(t), &usermgmt.Config{Policy: &policy})
	opt := defaults(e)
	opt.CreateUnits = true
	opt.Columns = map[string]string{"distinguished_name": ""}
	r, err := e.Imports().Users(t.Context(), e.Root(), bytes.NewReader(data), opt)
	require.NoError(t, err)
	assert.Equal(t, [4]int{353, 0, 0, 0}, tally(r), "%v", faults(r))
	rows := exported(t, e, e.Root(), usermgmt.ExportOptions{})
	assert.Len(t, rows, 354)
}

func FuzzImportCSV(f *testing.F) {
	f.Add([]byte(header + "\nann,A,L,ann@x.test\n"))
	f.Add([]byte("username,email,first_name,last_name,kind,enabled,team,roles,units,owner_unit\nabc,a@b.test,F,L,person,yes,My Team,Regular,Main,X/Y\n"))
	f.Add([]byte("username,external_id,source,reports_to,responsible,password\r\nroot,1,s,root,root,{SSHA}x\r\n"))
	f.Add([]byte("username,teams\nroot,\"My Team[2026-01-01T00:00:00Z,)\"\nroot,\n\"\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		e := usermgmttest.NewOn(t, teststores.New(t), nil)
		opt := defaults(e)
		opt.CreateUnits, opt.IgnoreUnknown = true, true
		r, err := e.Imports().Users(t.Context(), e.Root(), io.MultiReader(bytes.NewReader(data)), opt)
		if r == nil {
			require.Error(t, err)
			return
		}
		require.Equal(t, r.Rows, r.Created+r.Updated+r.Unchanged+r.Failed)
		require.Equal(t, min(r.ProblemCount, usermgmt.MaxImportProblems), len(r.Problems))
		for _, p := range r.Problems {
			require.NotZero(t, p.Line)
			require.NotEmpty(t, p.Field)
		}
		users, err := e.Store.ListUsers(t.Context(), usermgmt.UserQuery{View: usermgmt.ViewAll, Limit: 1000})
		require.NoError(t, err)
		require.Len(t, users, 1+r.Created, "nothing of a failed row stays")
		for _, u := range users {
			_, err := e.Store.MembershipOf(t.Context(), u.ID, u.Org)
			require.NoError(t, err)
		}
		pools, err := e.Store.ListPools(t.Context(), e.Organization.ID)
		require.NoError(t, err)
		seats := 0
		for _, p := range pools {
			seats += p.Used
		}
		persons := 0
		for _, u := range users {
			if u.Kind != usermgmt.KindService && u.DeactivatedAt.IsZero() {
				persons++
			}
		}
		require.Equal(t, persons, seats)
	})
}
