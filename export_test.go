package usermgmt_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/csvcell"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

// exported is the file of an export, read by the standard library.
func exported(t *testing.T, e *usermgmttest.Env, a usermgmt.Actor, opt usermgmt.ExportOptions) []map[string]string {
	t.Helper()
	var b bytes.Buffer
	rows, err := e.Exports().CSV(t.Context(), a, &b, opt)
	require.NoError(t, err)
	out := table(t, b.String())
	require.Len(t, out, rows)
	return out
}

// table reads a CSV file, whose rows have as many cells as its header.
func table(t *testing.T, file string) []map[string]string {
	t.Helper()
	records, err := csv.NewReader(strings.NewReader(file)).ReadAll()
	require.NoError(t, err)
	var out []map[string]string
	for _, r := range records[1:] {
		row := map[string]string{}
		for i, name := range records[0] {
			row[name] = r[i]
		}
		out = append(out, row)
	}
	return out
}

func column(rows []map[string]string, name string) []string {
	var out []string
	for _, r := range rows {
		out = append(out, r[name])
	}
	return out
}

// markFields marks what the organization exports.
func markFields(t *testing.T, e *usermgmttest.Env, fields ...string) {
	t.Helper()
	org, err := e.Orgs().Get(t.Context(), e.Root(), e.Organization.ID)
	require.NoError(t, err)
	_, err = e.Orgs().Update(t.Context(), e.Root(), org.ID, org.Version, usermgmt.OrganizationUpdate{ExportFields: &fields})
	require.NoError(t, err)
}

// auditOf lists the entries of a verb, newest first.
func auditOf(t *testing.T, e *usermgmttest.Env, verb string) []usermgmt.AuditEntry {
	t.Helper()
	list, err := e.Store.ListAudit(t.Context(), usermgmt.AuditQuery{Verb: verb, Limit: 100})
	require.NoError(t, err)
	return list
}

func TestExportHoldsEverybodyWithNames(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	sales := e.AddUnit("Sales; North", e.MainUnit.ID)
	team := e.AddTeam("Dealers", e.RootTeam.ID)
	boss := e.AddUser("boss", nil)
	until := e.Clock.Now().Add(time.Hour)
	u := e.AddUser("ann", func(n *usermgmt.NewUser) {
		n.FirstName, n.LastName, n.Title, n.OwnerUnit = "=Ann", "O'Hara, \"Ann\"", "-1", sales.ID
		n.Emails, n.EmployeeNumber = []string{"a@x.test", "b@x.test"}, []string{"DE;1", "007"}
		n.Birthday = usermgmt.Date{Year: 1990, Month: 2, Day: 3}
		n.ReportsTo = boss.ID
		n.Teams = []usermgmt.TeamAssignment{{Team: team.ID, Until: until}, {Team: e.RootTeam.ID}}
		n.Units = []usermgmt.UnitID{sales.ID}
		n.TimeZone, n.DateFormat, n.Licence = "Europe/Berlin", "dd.MM.yyyy", "site"
	})
	require.NoError(t, e.Users().Disable(t.Context(), e.Root(), u.ID))
	rows := exported(t, e, e.Root(), usermgmt.ExportOptions{})
	require.ElementsMatch(t, []string{"ann", "boss", "root"}, column(rows, "username"))
	var ann map[string]string
	for _, r := range rows {
		if r["username"] == "ann" {
			ann = r
		}
	}
	for field, want := range map[string]string{
		"first_name": "'=Ann", "last_name": "O'Hara, \"Ann\"", "title": "'-1", "enabled": "false", "kind": "person",
		"emails": "a@x.test;b@x.test", "employee_number": `DE\;1;007`, "birthday": "1990-02-03", "owner_unit": `Sales\; North`,
		"units": `Sales\; North`, "reports_to": "boss", "primary_team": "My Team",
		"teams": "My Team;Dealers[,2026-06-01T13:00:00Z)", "roles": "Regular", "profile": "Regular User", "licence": "site",
		"time_zone": "Europe/Berlin", "date_format": "dd.MM.yyyy", "membership_enabled": "true", "deactivated_at": "",
	} {
		assert.Equal(t, want, ann[field], field)
	}
	assert.NotContains(t, ann, "password")
	assert.Equal(t, usermgmt.DefaultExportFields(), mapKeys(t, e))
}

// mapKeys is the header of an export, in its order.
func mapKeys(t *testing.T, e *usermgmttest.Env) []string {
	t.Helper()
	var b bytes.Buffer
	_, err := e.Exports().CSV(t.Context(), e.Root(), &b, usermgmt.ExportOptions{BOM: true})
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(b.String(), "\ufeff"))
	line, _, _ := strings.Cut(b.String()[3:], "\r\n")
	return strings.Split(line, ",")
}

func TestExportHoldsMarkedFieldsOnly(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	markFields(t, e, "username", "password", "auth_status", "login_count", "id", "display_name", "organization")
	e.Login("root")
	rows := exported(t, e, e.Root(), usermgmt.ExportOptions{})
	require.Len(t, rows, 1)
	assert.Len(t, rows[0], 7)
	assert.True(t, strings.HasPrefix(rows[0]["password"], "$argon2id$"), "as a hash")
	assert.Equal(t, "active", rows[0]["auth_status"])
	assert.Equal(t, "1", rows[0]["login_count"])
	assert.Equal(t, e.Administrator.ID.String(), rows[0]["id"])
	assert.Equal(t, "Ruth Root", rows[0]["display_name"])
	assert.Equal(t, "Acme", rows[0]["organization"])

	rows = exported(t, e, e.Root(), usermgmt.ExportOptions{Fields: []string{"username"}})
	assert.Equal(t, []map[string]string{{"username": "root"}}, rows)
	_, err := e.Exports().CSV(t.Context(), e.Root(), &bytes.Buffer{}, usermgmt.ExportOptions{Fields: []string{"email"}})
	assert.Equal(t, []string{"fields not_marked"}, broken(err))
	_, err = e.Exports().CSV(t.Context(), e.Root(), &bytes.Buffer{}, usermgmt.ExportOptions{Fields: []string{}})
	assert.Equal(t, []string{"fields required"}, broken(err))
}

func TestEveryFieldCanBeExported(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	markFields(t, e, usermgmt.ExportFields()...)
	rows := exported(t, e, e.Root(), usermgmt.ExportOptions{})
	assert.Len(t, rows[0], len(usermgmt.ExportFields()))
	for _, f := range usermgmt.UserFields() {
		assert.Contains(t, rows[0], f.Name)
	}
	assert.NotContains(t, usermgmt.DefaultExportFields(), "password")
}

// TestExportHoldsWhatTheActorMaySee: a team administrator exports the own
// teams and those below.
func TestExportHoldsWhatTheActorMaySee(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	north := e.AddTeam("North", e.RootTeam.ID)
	below := e.AddTeam("Far North", north.ID)
	in := func(team usermgmt.TeamID) func(*usermgmt.NewUser) {
		return func(n *usermgmt.NewUser) { n.PrimaryTeam = team }
	}
	admin := e.AddUser("admin", func(n *usermgmt.NewUser) {
		n.PrimaryTeam, n.Profile = north.ID, e.Profile(usermgmt.ProfileTeamAdministrator)
	})
	e.AddUser("near", in(north.ID))
	e.AddUser("far", in(below.ID))
	e.AddUser("other", nil)
	regular := e.AddUser("regular", nil)
	rows := exported(t, e, e.As(admin.ID), usermgmt.ExportOptions{})
	assert.ElementsMatch(t, []string{"admin", "near", "far"}, column(rows, "username"))
	_, err := e.Exports().CSV(t.Context(), e.As(regular.ID), &bytes.Buffer{}, usermgmt.ExportOptions{})
	require.ErrorIs(t, err, usermgmt.ErrPermission)
	other := e.AddOrg("Other")
	_, err = e.Exports().CSV(t.Context(), e.As(admin.ID), &bytes.Buffer{}, usermgmt.ExportOptions{Org: other.Organization.ID})
	require.ErrorIs(t, err, usermgmt.ErrNotFound)
}

// TestExportNeedsBothRights: rows are those that the actor may both export and
// see.
func TestExportNeedsBothRights(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	boss := e.AddUser("boss", nil)
	ann := e.AddUser("ann", func(n *usermgmt.NewUser) { n.ReportsTo = boss.ID })
	role, err := e.Roles().Create(t.Context(), e.Root(), usermgmt.NewRole{Name: "Exporter", Org: e.Organization.ID,
		Grants: []usermgmt.Grant{{Permission: usermgmt.PermUserExport, Scope: usermgmt.ScopeOrganization}}})
	require.NoError(t, err)
	mem, err := e.Members().Get(t.Context(), e.Root(), ann.ID, usermgmt.OrgID{})
	require.NoError(t, err)
	_, err = e.Members().Update(t.Context(), e.Root(), ann.ID, usermgmt.OrgID{}, mem.Version,
		usermgmt.MembershipUpdate{Roles: &[]usermgmt.RoleAssignment{{Role: role.ID}}})
	require.NoError(t, err)
	rows := exported(t, e, e.As(ann.ID), usermgmt.ExportOptions{})
	assert.Equal(t, []string{"ann"}, column(rows, "username"), "a regular user sees the own record only")
	assert.Equal(t, []string{boss.ID.String()}, column(rows, "reports_to"), "who is not seen has no name")
}

func TestExportIsRecordedBeforeAndAfter(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	var seen []usermgmt.Outcome
	w := writerFunc(func(p []byte) (int, error) {
		for _, entry := range auditOf(t, e, "user.export") {
			seen = append(seen, entry.Outcome)
		}
		return len(p), nil
	})
	var progress []int
	rows, err := e.Exports().CSV(t.Context(), e.Root(), w, usermgmt.ExportOptions{
		Fields: []string{"username", "email"}, Progress: func(n int) { progress = append(progress, n) }})
	require.NoError(t, err)
	assert.Equal(t, 1, rows)
	assert.Equal(t, []int{1}, progress)
	assert.Equal(t, []usermgmt.Outcome{usermgmt.OutcomeAttempted}, seen, "before the first byte")
	list := auditOf(t, e, "user.export")
	require.Len(t, list, 2)
	assert.Equal(t, usermgmt.OutcomeDone, list[0].Outcome)
	assert.Equal(t, map[string]string{"rows": "1"}, list[0].Detail.After)
	assert.Equal(t, map[string]string{"fields": "username email"}, list[1].Detail.After)
	assert.Equal(t, list[0].Operation, list[1].Operation)

	_, err = e.Deliver(t.Context(), 10)
	require.NoError(t, err)
	sent := e.Mail.Sent()
	require.NotEmpty(t, sent)
	last := sent[len(sent)-1]
	assert.Equal(t, usermgmt.MailExported, last.Kind)
	assert.Equal(t, "root@acme.test", last.To)
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestBrokenOffExportIsRecorded(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	full := errors.New("disk full")
	_, err := e.Exports().CSV(t.Context(), e.Root(), writerFunc(func([]byte) (int, error) { return 0, full }), usermgmt.ExportOptions{})
	require.ErrorIs(t, err, full)
	ctx, cancel := context.WithCancel(t.Context())
	_, err = e.Exports().CSV(ctx, e.Root(), writerFunc(func(p []byte) (int, error) { cancel(); return len(p), nil }), usermgmt.ExportOptions{})
	require.NoError(t, err, "the last byte was written")
	list := auditOf(t, e, "user.export")
	require.Len(t, list, 4)
	assert.Equal(t, usermgmt.OutcomeRefused, list[2].Outcome)
	assert.Equal(t, "broken off", list[2].Detail.Reason)
	refused := e.AddUser("ann", nil)
	_, err = e.Exports().CSV(t.Context(), e.As(refused.ID), &bytes.Buffer{}, usermgmt.ExportOptions{})
	require.ErrorIs(t, err, usermgmt.ErrPermission)
	list = auditOf(t, e, "user.export")
	assert.Equal(t, usermgmt.OutcomeRefused, list[0].Outcome)
}

// TestMembersFromElsewhereKeepTheirPassword: credentials are a matter of the
// home organization.
func TestMembersFromElsewhereKeepTheirPassword(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	other := e.AddOrg("Other")
	_, err := e.Members().Add(t.Context(), e.Root(), e.Administrator.ID, other.Organization.ID, usermgmt.NewMembership{
		Profile: e.Profile(usermgmt.ProfileAdministrator), PrimaryTeam: other.RootTeam.ID,
		Roles: []usermgmt.RoleAssignment{{Role: e.Regular.ID}}})
	require.NoError(t, err)
	fields := []string{"username", "password", "owner_unit", "organization"}
	org := other.Organization
	_, err = e.Orgs().Update(t.Context(), e.Root(), org.ID, org.Version, usermgmt.OrganizationUpdate{ExportFields: &fields})
	require.NoError(t, err)
	rows := exported(t, e, e.Root(), usermgmt.ExportOptions{Org: org.ID})
	assert.Equal(t, []map[string]string{{"username": "root", "password": "", "owner_unit": e.MainUnit.ID.String(),
		"organization": e.Organization.ID.String()}}, rows)
}

func FuzzExportCSV(f *testing.F) {
	f.Add("Ann", "=cmd()", "a;b", `c\`)
	f.Add("'", "\ufeff", "", ";")
	f.Add("+1", `"`, "a,b", " x ")
	e := usermgmttest.NewOn(f, teststores.New(f), nil)
	ann := e.AddUser("ann", nil)
	fields := usermgmt.DefaultExportFields()
	root := e.Root()
	f.Fuzz(func(t *testing.T, first, title, street, number string) {
		ctx := t.Context()
		u, err := e.Users().Get(ctx, root, ann.ID)
		require.NoError(t, err)
		numbers := []string{number, first}
		if _, err := e.Users().Update(ctx, root, ann.ID, u.Version, usermgmt.UserUpdate{FirstName: &first, Title: &title,
			Address: &usermgmt.Address{Street: street}, EmployeeNumber: &numbers}); err != nil {
			require.ErrorIs(t, err, usermgmt.ErrInvalid)
			return
		}
		var b bytes.Buffer
		rows, err := e.Exports().CSV(ctx, root, &b, usermgmt.ExportOptions{})
		require.NoError(t, err)
		require.Equal(t, 2, rows)
		r := csv.NewReader(bytes.NewReader(b.Bytes()))
		r.FieldsPerRecord = len(fields)
		records, err := r.ReadAll()
		require.NoError(t, err)
		for _, record := range records[1:] {
			if record[0] != "ann" {
				continue
			}
			for i, name := range fields {
				want, ok := map[string]string{"first_name": first, "title": title, "street": street}[name]
				if ok {
					require.Equal(t, want, csvcell.Undefuse(record[i]), name)
				}
				if record[i] != "" {
					require.NotContains(t, "=+-@\t\r\n\x00", record[i][:1], name)
				}
			}
		}
	})
}
