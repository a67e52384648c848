package usermgmt_test

import (
	"bytes"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

// hostFields are one of each type.
func hostFields() []usermgmt.CustomField {
	return []usermgmt.CustomField{
		{Name: "badge", Type: usermgmt.FieldText, Pattern: `[A-Z]{2}\d+`, MinLength: 3, MaxLength: 8, Searchable: true, Exportable: true},
		{Name: "notes", Type: usermgmt.FieldLines, Own: true, Exportable: true},
		{Name: "salary", Type: usermgmt.FieldNumber, Min: "0", Max: "99999.99", Hidden: true},
		{Name: "children", Type: usermgmt.FieldInteger, Min: "0"},
		{Name: "hired", Type: usermgmt.FieldDate, Min: "1990-01-01"},
		{Name: "remote", Type: usermgmt.FieldBool, Own: true},
		{Name: "shirt", Type: usermgmt.FieldEnum, Values: []string{"S", "M", "L"}, Own: true, Default: "M", Order: -1, Exportable: true},
		{Name: "skills", Type: usermgmt.FieldChoices, Values: []string{"go", "sql", "tea"}, Own: true, Searchable: true},
	}
}

func fieldEnv(t *testing.T) *usermgmttest.Env {
	t.Helper()
	return usermgmttest.NewOn(t, teststores.New(t), &usermgmt.Config{Fields: hostFields()})
}

// rules are the fields at fault with their rules.
func rules(err error) map[string]string {
	out := map[string]string{}
	for _, e := range usermgmt.FieldErrors(err) {
		out[e.Field] = e.Rule
	}
	return out
}

func TestCustomFieldsAreCheckedAndHaveOneForm(t *testing.T) {
	t.Parallel()
	e := fieldEnv(t)
	u := e.AddUser("ann", func(n *usermgmt.NewUser) {
		n.Custom = map[string]string{"badge": "AB12", "notes": "a\nb", "salary": "+007.50", "children": "02", "hired": "2001-02-03",
			"remote": "yes", "skills": "tea; go;tea"}
	})
	want := map[string]string{"badge": "AB12", "notes": "a\nb", "salary": "7.5", "children": "2", "hired": "2001-02-03",
		"remote": "true", "skills": "go;tea", "shirt": "M"}
	got, err := e.Users().Get(t.Context(), e.Root(), u.ID)
	require.NoError(t, err)
	assert.Equal(t, want, got.Custom)

	bad := newcomer(e, "bob", "bob@acme.test")
	bad.Custom = map[string]string{"badge": "ab12", "salary": "1e5", "children": "-1", "hired": "1989-12-31", "remote": "perhaps",
		"shirt": "XL", "skills": "go;rust", "notes": strings.Repeat("x", 4001), "none": "x"}
	_, err = e.Users().Create(t.Context(), e.Root(), bad)
	require.ErrorIs(t, err, usermgmt.ErrInvalid)
	assert.Equal(t, map[string]string{"custom.badge": "pattern", "custom.salary": "format", "custom.children": "range", "custom.hired": "range",
		"custom.remote": "format", "custom.shirt": "unknown", "custom.skills": "unknown", "custom.notes": "length", "custom": "unknown"}, rules(err))
	assert.NotContains(t, err.Error(), "1e5", "values are personal")

	got, err = e.Users().Update(t.Context(), e.Root(), u.ID, got.Version, usermgmt.UserUpdate{Custom: map[string]string{"badge": "", "children": "3"}})
	require.NoError(t, err)
	delete(want, "badge")
	want["children"] = "3"
	assert.Equal(t, want, got.Custom, "what is not named stays")
	entries, err := e.Audit().List(t.Context(), e.Root(), usermgmt.AuditQuery{Target: u.ID.String(), Verb: "user.update"})
	require.NoError(t, err)
	assert.Equal(t, []string{"custom.badge", "custom.children"}, entries[0].Fields)
}

func TestUsersChangeTheirOwnCustomFieldsOnly(t *testing.T) {
	t.Parallel()
	e := fieldEnv(t)
	u := e.AddUser("ann", func(n *usermgmt.NewUser) { n.Custom = map[string]string{"badge": "AB12", "salary": "10"} })
	got, err := e.Users().Update(t.Context(), e.As(u.ID), u.ID, u.Version, usermgmt.UserUpdate{Custom: map[string]string{"shirt": "L", "remote": "1"}})
	require.NoError(t, err)
	assert.Equal(t, "L", got.Custom["shirt"])
	_, err = e.Users().Update(t.Context(), e.As(u.ID), u.ID, got.Version, usermgmt.UserUpdate{Custom: map[string]string{"shirt": "S", "salary": "11"}})
	require.ErrorIs(t, err, usermgmt.ErrPermission)
	view, err := e.Users().View(t.Context(), e.As(u.ID), u.ID)
	require.NoError(t, err)
	var shown []string
	for _, f := range view {
		if strings.HasPrefix(f.Name, "custom.") {
			shown = append(shown, f.Name+"="+f.Value)
		}
	}
	assert.Equal(t, []string{"custom.shirt=L", "custom.badge=AB12", "custom.remote=true"}, shown, "in the order of forms, hidden ones left out")
}

func TestRequiredFieldsAndDefaults(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ann := e.AddUser("ann", nil)
	desk, err := e.Fields().Create(t.Context(), e.Root(), usermgmt.OrgID{}, usermgmt.CustomField{Name: "desk", Type: usermgmt.FieldText, Required: true})
	require.NoError(t, err)
	_, err = e.Users().Create(t.Context(), e.Root(), newcomer(e, "bob", "bob@acme.test"))
	require.ErrorIs(t, err, usermgmt.ErrInvalid)
	assert.Equal(t, map[string]string{"custom.desk": "required"}, rules(err))
	bob := newcomer(e, "bob", "bob@acme.test")
	bob.Custom = map[string]string{"desk": "12"}
	made, err := e.Users().Create(t.Context(), e.Root(), bob)
	require.NoError(t, err)
	mem, err := e.Members().Get(t.Context(), e.Root(), made.ID, usermgmt.OrgID{})
	require.NoError(t, err)
	assert.Equal(t, bob.Custom, mem.Custom)
	_, err = e.Members().Update(t.Context(), e.Root(), made.ID, usermgmt.OrgID{}, mem.Version, usermgmt.MembershipUpdate{Custom: map[string]string{"desk": " "}})
	assert.Equal(t, map[string]string{"custom.desk": "required"}, rules(err))

	// Who was there before is left in peace until they get one.
	_, err = e.Users().Update(t.Context(), e.Root(), ann.ID, ann.Version, usermgmt.UserUpdate{Title: ptr("Dr")})
	require.NoError(t, err)
	service := e.AddUser("robot", func(n *usermgmt.NewUser) {
		n.Kind, n.Email, n.FirstName, n.LastName, n.Password, n.Responsible = usermgmt.KindService, "", "", "", "", ann.ID
	})
	assert.NotNil(t, service, "services need none")

	desk.Default = "lobby"
	_, err = e.Fields().Update(t.Context(), e.Root(), desk.ID, desk.Version, *desk)
	require.NoError(t, err)
	cat := e.AddUser("cat", nil)
	mem, err = e.Members().Get(t.Context(), e.Root(), cat.ID, usermgmt.OrgID{})
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"desk": "lobby"}, mem.Custom)
}

func TestOrganizationFieldsStayInTheirOrganization(t *testing.T) {
	t.Parallel()
	e := fieldEnv(t)
	beta := e.AddOrg("Beta")
	admin := e.Profile(usermgmt.ProfileAdministrator)
	boss := e.AddUser("boss", func(n *usermgmt.NewUser) { n.Profile = admin })
	olaf := e.AddUser("olaf", func(n *usermgmt.NewUser) {
		n.OwnerUnit, n.PrimaryTeam, n.Profile = beta.MainUnit.ID, beta.RootTeam.ID, admin
	})
	ann := e.AddUser("ann", nil)
	_, err := e.Members().Add(t.Context(), e.Root(), ann.ID, beta.Organization.ID, usermgmt.NewMembership{
		Profile: e.Profile(usermgmt.ProfileRegularUser), PrimaryTeam: beta.RootTeam.ID, Roles: []usermgmt.RoleAssignment{{Role: e.Regular.ID}}})
	require.NoError(t, err)

	a, b := e.As(boss.ID), e.As(olaf.ID)
	_, err = e.Fields().Create(t.Context(), a, usermgmt.OrgID{}, usermgmt.CustomField{Name: "ward", Type: usermgmt.FieldText, Searchable: true, Exportable: true})
	require.NoError(t, err)
	mem, err := e.Members().Get(t.Context(), a, ann.ID, usermgmt.OrgID{})
	require.NoError(t, err)
	mem, err = e.Members().Update(t.Context(), a, ann.ID, usermgmt.OrgID{}, mem.Version, usermgmt.MembershipUpdate{Custom: map[string]string{"ward": "Oncology 7"}})
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"ward": "Oncology 7"}, mem.Custom)

	found := func(who usermgmt.Actor, q usermgmt.UserQuery) string {
		t.Helper()
		page, err := e.Users().List(t.Context(), who, q)
		require.NoError(t, err)
		return names(page.Items)
	}
	filter := map[string]string{"ward": "Oncology 7"}
	assert.Equal(t, "ann", found(a, usermgmt.UserQuery{Search: "ncolo"}))
	assert.Equal(t, "ann", found(a, usermgmt.UserQuery{Search: "7"}), "each word begins a line")
	assert.Equal(t, "ann", found(a, usermgmt.UserQuery{Custom: filter}))
	assert.Empty(t, found(a, usermgmt.UserQuery{Custom: map[string]string{"ward": "Oncology"}}))

	assert.Equal(t, "ann olaf", found(b, usermgmt.UserQuery{}))
	assert.Empty(t, found(b, usermgmt.UserQuery{Search: "ncolo"}))
	_, err = e.Users().List(t.Context(), b, usermgmt.UserQuery{Custom: filter})
	require.ErrorIs(t, err, usermgmt.ErrInvalid, "like a field that nobody has defined")
	_, err = e.Users().List(t.Context(), b, usermgmt.UserQuery{MemberCustom: filter})
	require.NoError(t, err, "List divides Custom itself")
	other, err := e.Members().Get(t.Context(), b, ann.ID, usermgmt.OrgID{})
	require.NoError(t, err)
	assert.Empty(t, other.Custom)
	view, err := e.Users().View(t.Context(), b, ann.ID)
	require.NoError(t, err)
	assert.NotContains(t, view, usermgmt.FieldValue{Name: "custom.ward", Value: "Oncology 7"})
	view, err = e.Users().View(t.Context(), a, ann.ID)
	require.NoError(t, err)
	assert.Contains(t, view, usermgmt.FieldValue{Name: "custom.ward", Value: "Oncology 7"})
	_, err = e.Members().Update(t.Context(), b, ann.ID, usermgmt.OrgID{}, other.Version, usermgmt.MembershipUpdate{Custom: filter})
	require.ErrorIs(t, err, usermgmt.ErrInvalid)
	var file bytes.Buffer
	_, err = e.Exports().CSV(t.Context(), b, &file, usermgmt.ExportOptions{})
	require.NoError(t, err)
	assert.NotContains(t, file.String(), "ward")
	list, err := e.Fields().List(t.Context(), b, usermgmt.OrgID{})
	require.NoError(t, err)
	assert.Len(t, list, len(hostFields()))
	_, err = e.Fields().List(t.Context(), b, e.Organization.ID)
	require.ErrorIs(t, err, usermgmt.ErrNotFound)
	// The same name means something else elsewhere.
	_, err = e.Fields().Create(t.Context(), b, usermgmt.OrgID{}, usermgmt.CustomField{Name: "ward", Type: usermgmt.FieldBool})
	require.NoError(t, err)
}

func TestMembersChangeTheirOwnFieldsOfAnOrganization(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	for name, own := range map[string]bool{"desk": true, "grade": false} {
		_, err := e.Fields().Create(t.Context(), e.Root(), usermgmt.OrgID{}, usermgmt.CustomField{Name: name, Type: usermgmt.FieldText, Own: own})
		require.NoError(t, err)
	}
	ann := e.AddUser("ann", nil)
	mem, err := e.Members().Get(t.Context(), e.As(ann.ID), ann.ID, usermgmt.OrgID{})
	require.NoError(t, err)
	mem, err = e.Members().Update(t.Context(), e.As(ann.ID), ann.ID, usermgmt.OrgID{}, mem.Version, usermgmt.MembershipUpdate{Custom: map[string]string{"desk": "4"}})
	require.NoError(t, err)
	_, err = e.Members().Update(t.Context(), e.As(ann.ID), ann.ID, usermgmt.OrgID{}, mem.Version, usermgmt.MembershipUpdate{Custom: map[string]string{"grade": "1"}})
	require.ErrorIs(t, err, usermgmt.ErrPermission)
	bob := e.AddUser("bob", nil)
	_, err = e.Members().Update(t.Context(), e.As(bob.ID), ann.ID, usermgmt.OrgID{}, mem.Version, usermgmt.MembershipUpdate{Custom: map[string]string{"desk": "5"}})
	require.ErrorIs(t, err, usermgmt.ErrNotFound)
}

func TestAChangedDefinitionBindsNewValuesOnly(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	f, err := e.Fields().Create(t.Context(), e.Root(), usermgmt.OrgID{}, usermgmt.CustomField{Name: "floor", Type: usermgmt.FieldEnum, Values: []string{"1", "2"}})
	require.NoError(t, err)
	ann := e.AddUser("ann", func(n *usermgmt.NewUser) { n.Custom = map[string]string{"floor": "2"} })
	for _, change := range []func(f *usermgmt.CustomField){
		func(f *usermgmt.CustomField) { f.Name = "storey" },
		func(f *usermgmt.CustomField) { f.Type = usermgmt.FieldText },
	} {
		g := *f
		change(&g)
		_, err = e.Fields().Update(t.Context(), e.Root(), f.ID, f.Version, g)
		require.ErrorIs(t, err, usermgmt.ErrInvalid)
	}
	f.Values = []string{"1", "3"}
	_, err = e.Fields().Update(t.Context(), e.Root(), f.ID, f.Version, *f)
	require.NoError(t, err)
	mem, err := e.Members().Get(t.Context(), e.Root(), ann.ID, usermgmt.OrgID{})
	require.NoError(t, err)
	assert.Equal(t, "2", mem.Custom["floor"], "what is stored stays")
	mem, err = e.Members().Update(t.Context(), e.Root(), ann.ID, usermgmt.OrgID{}, mem.Version, usermgmt.MembershipUpdate{
		Custom: map[string]string{"floor": "2"}, DateFormat: ptr("dd.MM.yyyy")})
	require.NoError(t, err, "writing it again is no change")
	mem, err = e.Members().Update(t.Context(), e.Root(), ann.ID, usermgmt.OrgID{}, mem.Version, usermgmt.MembershipUpdate{Custom: map[string]string{"floor": "3"}})
	require.NoError(t, err)
	_, err = e.Members().Update(t.Context(), e.Root(), ann.ID, usermgmt.OrgID{}, mem.Version, usermgmt.MembershipUpdate{Custom: map[string]string{"floor": "2"}})
	assert.Equal(t, map[string]string{"custom.floor": "unknown"}, rules(err))
}

func TestAStoredValueMayBeWrittenOtherwise(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	f, err := e.Fields().Create(t.Context(), e.Root(), usermgmt.OrgID{}, usermgmt.CustomField{Name: "floor", Type: usermgmt.FieldInteger})
	require.NoError(t, err)
	ann := e.AddUser("ann", func(n *usermgmt.NewUser) { n.Custom = map[string]string{"floor": "7"} })
	f.Min = "8"
	_, err = e.Fields().Update(t.Context(), e.Root(), f.ID, f.Version, *f)
	require.NoError(t, err)
	change := func(value string) (*usermgmt.Membership, error) {
		mem, err := e.Members().Get(t.Context(), e.Root(), ann.ID, usermgmt.OrgID{})
		require.NoError(t, err)
		return e.Members().Update(t.Context(), e.Root(), ann.ID, usermgmt.OrgID{}, mem.Version,
			usermgmt.MembershipUpdate{Custom: map[string]string{"floor": value}})
	}
	mem, err := change("007")
	require.NoError(t, err, "the value is the stored one, whatever the bounds are now")
	assert.Equal(t, "7", mem.Custom["floor"])
	_, err = change("6")
	assert.Equal(t, map[string]string{"custom.floor": "range"}, rules(err))
}

func TestRemovingAFieldHidesItsValues(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	define := func(kind usermgmt.FieldType) *usermgmt.CustomField {
		f, err := e.Fields().Create(t.Context(), e.Root(), usermgmt.OrgID{}, usermgmt.CustomField{Name: "desk", Type: kind, Exportable: true})
		require.NoError(t, err)
		return f
	}
	f := define(usermgmt.FieldText)
	ann := e.AddUser("ann", func(n *usermgmt.NewUser) { n.Custom = map[string]string{"desk": "by the window"} })
	custom := func() map[string]string {
		mem, err := e.Members().Get(t.Context(), e.Root(), ann.ID, usermgmt.OrgID{})
		require.NoError(t, err)
		all, err := e.Members().ListOf(t.Context(), e.Root(), ann.ID)
		require.NoError(t, err)
		assert.Equal(t, mem.Custom, all[0].Custom)
		return mem.Custom
	}
	require.NotEmpty(t, custom())
	require.NoError(t, e.Fields().Delete(t.Context(), e.Root(), f.ID))
	assert.Empty(t, custom())
	_, err := e.Users().List(t.Context(), e.Root(), usermgmt.UserQuery{Custom: map[string]string{"desk": "by the window"}})
	require.ErrorIs(t, err, usermgmt.ErrInvalid)
	var file bytes.Buffer
	_, err = e.Exports().CSV(t.Context(), e.Root(), &file, usermgmt.ExportOptions{})
	require.NoError(t, err)
	assert.NotContains(t, file.String(), "window")
	mem, err := e.Members().Get(t.Context(), e.Root(), ann.ID, usermgmt.OrgID{})
	require.NoError(t, err)
	_, err = e.Members().Update(t.Context(), e.Root(), ann.ID, usermgmt.OrgID{}, mem.Version, usermgmt.MembershipUpdate{DateFormat: ptr("dd.MM.yyyy")})
	require.NoError(t, err)

	f = define(usermgmt.FieldInteger)
	assert.Empty(t, custom(), "another type cannot read it")
	require.NoError(t, e.Fields().Delete(t.Context(), e.Root(), f.ID))
	define(usermgmt.FieldText)
	assert.Equal(t, map[string]string{"desk": "by the window"}, custom())
}

func TestCustomFieldsTravelInFiles(t *testing.T) {
	t.Parallel()
	e := fieldEnv(t)
	_, err := e.Fields().Create(t.Context(), e.Root(), usermgmt.OrgID{}, usermgmt.CustomField{Name: "desk", Type: usermgmt.FieldText, Exportable: true, Own: true})
	require.NoError(t, err)
	ann := e.AddUser("ann", func(n *usermgmt.NewUser) {
		n.Custom = map[string]string{"badge": "AB12", "notes": "=a;\n\"b\"", "desk": "4", "salary": "7"}
	})
	var file bytes.Buffer
	export := func(fields ...string) string {
		file.Reset()
		_, err := e.Exports().CSV(t.Context(), e.Root(), &file, usermgmt.ExportOptions{Fields: fields})
		require.NoError(t, err)
		return file.String()
	}
	whole := export()
	header, _, _ := strings.Cut(whole, "\r\n")
	assert.True(t, strings.HasSuffix(header, "custom.shirt,custom.badge,custom.notes,custom.desk"), header)
	assert.NotContains(t, header, "salary", "not exportable")
	_, err = e.Exports().CSV(t.Context(), e.Root(), &file, usermgmt.ExportOptions{Fields: []string{"username", "custom.salary"}})
	require.ErrorIs(t, err, usermgmt.ErrInvalid)
	report, err := e.Imports().Users(t.Context(), e.Root(), strings.NewReader(whole), usermgmt.ImportOptions{})
	require.NoError(t, err)
	assert.Equal(t, []int{2, 0}, []int{report.Unchanged, report.Failed}, report.Problems)

	rows := "username,custom.notes,custom.children,custom.desk,custom.shirt\n" +
		"ann,,07,,L\nroot,,x,9,M\nroot2,,1,2,S\n"
	report, err = e.Imports().Users(t.Context(), e.Root(), strings.NewReader(rows), usermgmt.ImportOptions{Mode: usermgmt.ImportUpdate})
	require.NoError(t, err)
	assert.Equal(t, []int{1, 2}, []int{report.Updated, report.Failed}, report.Problems)
	assert.Equal(t, []string{"custom.children", "username"}, []string{report.Problems[0].Field, report.Problems[1].Field})
	got, err := e.Users().Get(t.Context(), e.Root(), ann.ID)
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"badge": "AB12", "children": "7", "salary": "7", "shirt": "L"}, got.Custom, "an empty cell clears")
	mem, err := e.Members().Get(t.Context(), e.Root(), ann.ID, usermgmt.OrgID{})
	require.NoError(t, err)
	assert.Empty(t, mem.Custom)
	report, err = e.Imports().Users(t.Context(), e.Root(), strings.NewReader("username,custom.none\nann,1\n"), usermgmt.ImportOptions{})
	require.ErrorIs(t, err, usermgmt.ErrInvalid)
	assert.Equal(t, map[string]string{"custom_none": "unknown_column"}, columnNames(rules(err)), report)

	// Marks choose among them, and outlive a definition.
	org, err := e.Orgs().Get(t.Context(), e.Root(), e.Organization.ID)
	require.NoError(t, err)
	_, err = e.Orgs().Update(t.Context(), e.Root(), org.ID, org.Version, usermgmt.OrganizationUpdate{ExportFields: &[]string{"username", "custom.desk", "custom.gone"}})
	require.NoError(t, err)
	assert.Equal(t, "username,custom.desk\r\nann,\r\nroot,\r\n", export())
}

// columnNames makes words of columns of what stands for them in errors.
func columnNames(in map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range in {
		if strings.HasPrefix(k, "column_") {
			k = "custom_none"
		}
		out[k] = v
	}
	return out
}

func TestAnOrganizationDefinesAHundredFields(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	name := func(i int) string { return "f" + strconv.Itoa(i) }
	create := func(i int) error {
		_, err := e.Fields().Create(t.Context(), e.Root(), usermgmt.OrgID{}, usermgmt.CustomField{Name: name(i), Type: usermgmt.FieldText})
		return err
	}
	for i := range usermgmt.MaxCustomFields - 2 {
		require.NoError(t, create(i))
	}
	var mu sync.Mutex
	var made, refused int
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			err := create(1000 + i)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				made++
			} else if assert.ErrorIs(t, err, usermgmt.ErrLimit) {
				refused++
			}
		})
	}
	wg.Wait()
	assert.Equal(t, []int{2, 62}, []int{made, refused})
}

func TestDefinitionsAreChecked(t *testing.T) {
	t.Parallel()
	e := fieldEnv(t)
	for want, f := range map[string]usermgmt.CustomField{
		"name format":        {Name: "Size", Type: usermgmt.FieldText},
		"name taken":         {Name: "badge", Type: usermgmt.FieldText},
		"type unknown":       {Name: "x", Type: "colour"},
		"type bounds":        {Name: "x", Type: usermgmt.FieldBool, MaxLength: 3},
		"pattern format":     {Name: "x", Type: usermgmt.FieldText, Pattern: "a)|(b"},
		"max_length range":   {Name: "x", Type: usermgmt.FieldText, MaxLength: 256},
		"min range":          {Name: "x", Type: usermgmt.FieldNumber, Min: "2", Max: "1.5"},
		"max format":         {Name: "x", Type: usermgmt.FieldDate, Max: "tomorrow"},
		"values max_items":   {Name: "x", Type: usermgmt.FieldEnum},
		"values twice":       {Name: "x", Type: usermgmt.FieldEnum, Values: []string{"a", "a"}},
		"values format":      {Name: "x", Type: usermgmt.FieldChoices, Values: []string{"a;b"}},
		"values type":        {Name: "x", Type: usermgmt.FieldText, Values: []string{"a"}},
		"default unknown":    {Name: "x", Type: usermgmt.FieldEnum, Values: []string{"a"}, Default: "b"},
		"searchable type":    {Name: "x", Type: usermgmt.FieldLines, Searchable: true},
		"label length":       {Name: "x", Type: usermgmt.FieldText, Label: strings.Repeat("x", 101)},
		"max_length range 2": {Name: "x", Type: usermgmt.FieldText, MinLength: 4, MaxLength: 3},
	} {
		_, err := e.Fields().Create(t.Context(), e.Root(), usermgmt.OrgID{}, f)
		require.Error(t, err, want)
		got := rules(err)
		field, rule, _ := strings.Cut(strings.TrimSuffix(want, " 2"), " ")
		assert.Equal(t, map[string]string{field: rule}, got, want)
	}
	_, err := usermgmt.New(e.Store, &usermgmt.Config{Fields: []usermgmt.CustomField{
		{Name: "a", Type: usermgmt.FieldText, Pattern: "("}, {Name: "a", Type: usermgmt.FieldText}, {Name: "b", Type: usermgmt.FieldText, Org: e.Organization.ID}}})
	require.ErrorIs(t, err, usermgmt.ErrInvalid)
	var found []string
	for _, p := range usermgmt.FieldErrors(err) {
		found = append(found, p.Rule)
	}
	assert.Equal(t, []string{"format", "taken", "host"}, found)
	list, err := e.Fields().List(t.Context(), e.Root(), usermgmt.OrgID{})
	require.NoError(t, err)
	assert.Equal(t, "shirt", list[0].Name)
	assert.Equal(t, slices.Sorted(maps.Keys(byName(list[1:]))), func() (out []string) {
		for _, f := range list[1:] {
			out = append(out, f.Name)
		}
		return out
	}(), "sorted by order, then name")
}

func byName(list []usermgmt.CustomField) map[string]usermgmt.CustomField {
	out := map[string]usermgmt.CustomField{}
	for _, f := range list {
		out[f.Name] = f
	}
	return out
}
