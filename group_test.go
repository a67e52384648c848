package usermgmt_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

func addGroup(e *usermgmttest.Env, t *testing.T, name string) *usermgmt.Group {
	t.Helper()
	g, err := e.Groups().Create(t.Context(), e.Root(), usermgmt.NewGroup{Name: name})
	require.NoError(t, err)
	return g
}

func names(users []usermgmt.User) string {
	var out []string
	for i := range users {
		out = append(out, users[i].Username)
	}
	return strings.Join(out, " ")
}

func TestGroupsAreSystemWideLabelsThatFilterLists(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	vip, press := addGroup(e, t, "VIP"), addGroup(e, t, "Press")
	ann := e.AddUser("ann", func(n *usermgmt.NewUser) { n.Groups = []usermgmt.GroupID{vip.ID, press.ID, vip.ID} })
	assert.Equal(t, []usermgmt.GroupID{vip.ID, press.ID}, ann.Groups, "each once, in their order")
	e.AddUser("bob", func(n *usermgmt.NewUser) { n.Groups = []usermgmt.GroupID{press.ID} })

	page, err := e.Users().List(t.Context(), e.Root(), usermgmt.UserQuery{Group: press.ID})
	require.NoError(t, err)
	assert.Equal(t, "ann bob", names(page.Items))
	page, err = e.Users().List(t.Context(), e.Root(), usermgmt.UserQuery{Group: vip.ID, Search: "bo"})
	require.NoError(t, err)
	assert.Empty(t, page.Items)

	// They give no rights: nobody sees more because of one.
	page, err = e.Users().List(t.Context(), e.As(ann.ID), usermgmt.UserQuery{Group: press.ID})
	require.NoError(t, err)
	assert.Equal(t, "ann", names(page.Items))

	groups, err := e.Groups().List(t.Context(), e.Root(), usermgmt.ListQuery{Limit: 1})
	require.NoError(t, err)
	require.Len(t, groups.Items, 1)
	assert.Equal(t, "Press", groups.Items[0].Name)
	groups, err = e.Groups().List(t.Context(), e.Root(), usermgmt.ListQuery{After: groups.Next, Search: "V"})
	require.NoError(t, err)
	require.Len(t, groups.Items, 1)
	assert.Equal(t, "VIP", groups.Items[0].Name)
}

func TestAGroupHasAShortName(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	g := addGroup(e, t, strings.Repeat("Ä", 100))
	long := strings.Repeat("Ä", 101)
	_, err := e.Groups().Create(t.Context(), e.Root(), usermgmt.NewGroup{Name: long})
	require.ErrorIs(t, err, usermgmt.ErrInvalid)
	assert.Equal(t, "max_length", usermgmt.FieldErrors(err)[0].Rule)
	_, err = e.Groups().Update(t.Context(), e.Root(), g.ID, g.Version, usermgmt.GroupUpdate{Name: &long})
	require.ErrorIs(t, err, usermgmt.ErrInvalid)
	_, err = e.Groups().Create(t.Context(), e.Root(), usermgmt.NewGroup{Name: " "})
	require.ErrorIs(t, err, usermgmt.ErrInvalid)
	assert.Len(t, usermgmt.FieldErrors(err), 1)
}

func TestAGroupInUseIsNotDeleted(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	vip := addGroup(e, t, "VIP")
	ann := e.AddUser("ann", func(n *usermgmt.NewUser) { n.Groups = []usermgmt.GroupID{vip.ID} })
	_, err := e.Groups().Create(t.Context(), e.Root(), usermgmt.NewGroup{Name: "vip"})
	require.ErrorIs(t, err, usermgmt.ErrConflict)
	err = e.Groups().Delete(t.Context(), e.Root(), vip.ID)
	require.ErrorIs(t, err, usermgmt.ErrConflict)
	assert.Equal(t, "in_use", usermgmt.FieldErrors(err)[0].Rule)
	ann, err = e.Users().Update(t.Context(), e.Root(), ann.ID, ann.Version, usermgmt.UserUpdate{Groups: &[]usermgmt.GroupID{}})
	require.NoError(t, err)
	assert.Empty(t, ann.Groups)
	renamed, err := e.Groups().Update(t.Context(), e.Root(), vip.ID, vip.Version, usermgmt.GroupUpdate{Name: ptr("Guests"), Description: ptr("of honour")})
	require.NoError(t, err)
	_, err = e.Groups().Update(t.Context(), e.Root(), vip.ID, vip.Version, usermgmt.GroupUpdate{Name: ptr("Late")})
	require.ErrorIs(t, err, usermgmt.ErrStale)
	got, err := e.Groups().Get(t.Context(), e.Root(), vip.ID)
	require.NoError(t, err)
	assert.Equal(t, renamed, got)
	require.NoError(t, e.Groups().Delete(t.Context(), e.Root(), vip.ID))
	_, err = e.Groups().Get(t.Context(), e.Root(), vip.ID)
	require.ErrorIs(t, err, usermgmt.ErrNotFound)
	entries, err := e.Audit().List(t.Context(), e.Root(), usermgmt.AuditQuery{Target: vip.ID.String()})
	require.NoError(t, err)
	var verbs []string
	for _, entry := range entries {
		if entry.Outcome == usermgmt.OutcomeDone {
			verbs = append(verbs, entry.Verb)
		}
	}
	assert.Equal(t, []string{"group.delete", "group.update", "group.create"}, verbs)
}

func TestWhoeverGivesALabelSeesIt(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	vip := addGroup(e, t, "VIP")
	editor, err := e.Profiles().Create(t.Context(), e.Root(), usermgmt.NewProfile{Org: e.Organization.ID, Name: "Editor", Grants: []usermgmt.Grant{
		{Permission: usermgmt.PermUserView, Scope: usermgmt.ScopeOrganization}, {Permission: usermgmt.PermUserEdit, Scope: usermgmt.ScopeOrganization}}})
	require.NoError(t, err)
	ann := e.AddUser("ann", func(n *usermgmt.NewUser) { n.Groups = []usermgmt.GroupID{vip.ID} })
	bob := e.AddUser("bob", nil)
	eve := e.AddUser("eve", func(n *usermgmt.NewUser) { n.Profile = editor.ID })
	a := e.As(eve.ID)
	for _, id := range []usermgmt.GroupID{vip.ID, {1}} {
		_, err = e.Users().Update(t.Context(), a, bob.ID, bob.Version, usermgmt.UserUpdate{Groups: &[]usermgmt.GroupID{id}})
		require.ErrorIs(t, err, usermgmt.ErrPermission, "the answer does not tell which groups there are")
	}
	_, err = e.Users().Update(t.Context(), e.As(bob.ID), bob.ID, bob.Version, usermgmt.UserUpdate{Groups: &[]usermgmt.GroupID{vip.ID}})
	require.ErrorIs(t, err, usermgmt.ErrPermission, "nobody labels themselves")
	_, err = e.Users().Update(t.Context(), a, ann.ID, ann.Version, usermgmt.UserUpdate{Groups: &[]usermgmt.GroupID{}})
	require.NoError(t, err, "taking one away tells nothing")
	_, err = e.Users().Update(t.Context(), e.Root(), bob.ID, bob.Version, usermgmt.UserUpdate{Groups: &[]usermgmt.GroupID{{1}}})
	require.ErrorIs(t, err, usermgmt.ErrInvalid)
	assert.Equal(t, "groups", usermgmt.FieldErrors(err)[0].Field)
}

func TestGroupsTravelInFilesByName(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	vip, odd := addGroup(e, t, "VIP"), addGroup(e, t, "a;b/c")
	e.AddUser("ann", func(n *usermgmt.NewUser) { n.Groups = []usermgmt.GroupID{vip.ID, odd.ID} })
	e.AddUser("bob", nil)
	var file bytes.Buffer
	_, err := e.Exports().CSV(t.Context(), e.Root(), &file, usermgmt.ExportOptions{Fields: []string{"username", "groups"}})
	require.NoError(t, err)
	assert.Equal(t, "username,groups\r\nann,VIP;a\\;b\\/c\r\nbob,\r\nroot,\r\n", file.String())

	report, err := e.Imports().Users(t.Context(), e.Root(), strings.NewReader(file.String()), usermgmt.ImportOptions{})
	require.NoError(t, err)
	assert.Equal(t, 3, report.Unchanged)
	report, err = e.Imports().Users(t.Context(), e.Root(), strings.NewReader("username,groups\nann,\nbob,vip\nroot,nobody's\n"), usermgmt.ImportOptions{})
	require.NoError(t, err)
	assert.Equal(t, []int{2, 1}, []int{report.Updated, report.Failed})
	require.Len(t, report.Problems, 1)
	assert.Equal(t, []any{"groups", "unknown", 4}, []any{report.Problems[0].Field, report.Problems[0].Rule, report.Problems[0].Line})
	page, err := e.Users().List(t.Context(), e.Root(), usermgmt.UserQuery{Group: vip.ID})
	require.NoError(t, err)
	assert.Equal(t, "bob", names(page.Items))
}
