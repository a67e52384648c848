package usermgmt_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

// switching is a company in which nora has two roles and may act with one at a
// time: viewing deals of the team, or editing those of the organization.
type switching struct {
	*company
	editor *usermgmt.Role
	deal   usermgmt.Record
}

func newSwitching(t *testing.T) *switching {
	t.Helper()
	s := &switching{company: newCompany(t, nil)}
	editor, err := s.Roles().Create(t.Context(), s.Root(), usermgmt.NewRole{Org: s.Organization.ID, Name: "Editor",
		Grants: []usermgmt.Grant{{Permission: "deal.edit", Scope: usermgmt.ScopeOrganization}}})
	require.NoError(t, err)
	s.editor = editor
	s.give(t, s.nora.ID, usermgmt.RoleAssignment{Role: s.seller.ID}, usermgmt.RoleAssignment{Role: editor.ID})
	s.deal = usermgmt.Record{Org: s.Organization.ID, Owner: s.nora.ID, OwnerTeams: []usermgmt.TeamID{s.north}}
	s.switchRoles(t, true)
	return s
}

func (s *switching) switchRoles(t *testing.T, on bool) {
	t.Helper()
	org, err := s.Orgs().Get(t.Context(), s.Root(), s.Organization.ID)
	require.NoError(t, err)
	_, err = s.Orgs().Update(t.Context(), s.Root(), org.ID, org.Version, usermgmt.OrganizationUpdate{SwitchRoles: &on})
	require.NoError(t, err)
}

func (s *switching) give(t *testing.T, user usermgmt.UserID, roles ...usermgmt.RoleAssignment) {
	t.Helper()
	mem, err := s.Store.MembershipOf(t.Context(), user, s.Organization.ID)
	require.NoError(t, err)
	_, err = s.Members().Update(t.Context(), s.Root(), user, s.Organization.ID, mem.Version, usermgmt.MembershipUpdate{Roles: &roles})
	require.NoError(t, err)
}

func (s *switching) session(t *testing.T, r *usermgmt.LoginResult) usermgmt.Actor {
	t.Helper()
	a, err := s.Auth().Session(t.Context(), r.Token.Reveal(), usermgmt.Origin{})
	require.NoError(t, err)
	return a
}

func TestOneRoleAtATimeIsInForce(t *testing.T) {
	t.Parallel()
	s := newSwitching(t)
	r := s.Login("nora")
	assert.Equal(t, usermgmt.StepRole, r.Pending, "several roles, and none chosen")
	assert.False(t, r.Actor.Can("deal.view", s.deal))
	_, err := s.Users().Get(t.Context(), r.Actor, s.nora.ID)
	assert.Equal(t, "pending_role", ruleIn(err))
	roles, err := s.Auth().Roles(t.Context(), r.Actor)
	require.NoError(t, err)
	require.Len(t, roles, 2)
	assert.Equal(t, []string{"Editor", "Seller"}, []string{roles[0].Name, roles[1].Name})

	seller, err := s.Auth().TakeRole(t.Context(), r.Actor, s.seller.ID)
	require.NoError(t, err)
	assert.Zero(t, seller.Pending)
	_, err = s.Auth().Session(t.Context(), r.Token.Reveal(), usermgmt.Origin{})
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated, "the session goes on with another token")
	a := s.session(t, seller)
	assert.Equal(t, s.seller.ID, a.Role())
	assert.True(t, a.Can("deal.view", s.deal))
	other := usermgmt.Record{Org: s.Organization.ID, Owner: s.ivan.ID, OwnerTeams: []usermgmt.TeamID{s.it}}
	assert.False(t, a.Can("deal.edit", other), "the editor's right is not in force")

	editor, err := s.Auth().TakeRole(t.Context(), a, s.editor.ID)
	require.NoError(t, err)
	a = s.session(t, editor)
	assert.True(t, a.Can("deal.edit", other))
	assert.False(t, a.Can("deal.view", s.deal), "the seller's right is not in force any more")
	assert.Equal(t, seller.Session.ExpiresAt, editor.Session.ExpiresAt, "the absolute limit stays")

	entries, err := s.Audit().List(t.Context(), s.Root(), usermgmt.AuditQuery{Verb: "auth.take_role"})
	require.NoError(t, err)
	require.Len(t, entries, 2)
	assert.Equal(t, s.seller.ID.String(), entries[0].Detail.Before["role"])
	assert.Equal(t, s.editor.ID.String(), entries[0].Detail.After["role"])
}

func TestTheRoleIsChosenAtTheLoginOrFollows(t *testing.T) {
	t.Parallel()
	s := newSwitching(t)
	login := func(name string, role usermgmt.RoleID) (*usermgmt.LoginResult, error) {
		return s.Auth().Login(t.Context(), usermgmt.LoginRequest{Name: name, Password: usermgmttest.Password, Role: role})
	}
	r, err := login("nora", s.editor.ID)
	require.NoError(t, err)
	assert.Zero(t, r.Pending)
	assert.Equal(t, s.editor.ID, r.Actor.Role())
	only, err := login("sam", usermgmt.RoleID{})
	require.NoError(t, err)
	assert.Zero(t, only.Pending, "there is only one to choose")
	assert.Equal(t, s.seller.ID, only.Actor.Role())
	_, err = login("sam", s.editor.ID)
	permissionRule(t, err, "not_held")
	host, err := s.ActorFor(t.Context(), usermgmt.ActorRequest{User: s.nora.ID})
	require.NoError(t, err)
	assert.Equal(t, usermgmt.StepRole, host.Pending())
	host, err = s.ActorFor(t.Context(), usermgmt.ActorRequest{User: s.nora.ID, Role: s.seller.ID})
	require.NoError(t, err)
	assert.True(t, host.Can("deal.view", s.deal))
	_, err = s.Auth().TakeRole(t.Context(), host, s.editor.ID)
	permissionRule(t, err, "own_session_only")
	again, err := s.Auth().Enter(t.Context(), r.Actor, usermgmt.EnterRequest{Role: s.seller.ID})
	require.NoError(t, err)
	assert.Equal(t, s.seller.ID, again.Actor.Role())
}

func TestARoleInForceThatIsLostMustBeChosenAnew(t *testing.T) {
	t.Parallel()
	s := newSwitching(t)
	third, err := s.Roles().Create(t.Context(), s.Root(), usermgmt.NewRole{Org: s.Organization.ID, Name: "Third"})
	require.NoError(t, err)
	end := s.Clock.Now().Add(10 * time.Minute)
	s.give(t, s.nora.ID, usermgmt.RoleAssignment{Role: s.seller.ID}, usermgmt.RoleAssignment{Role: third.ID},
		usermgmt.RoleAssignment{Role: s.editor.ID, Until: end})
	r, err := s.Auth().Login(t.Context(), usermgmt.LoginRequest{Name: "nora", Password: usermgmttest.Password, Role: s.editor.ID})
	require.NoError(t, err)
	s.Clock.Advance(10 * time.Minute)
	a := s.session(t, r)
	assert.Equal(t, usermgmt.StepRole, a.Pending(), "it has ended, and two others are there")
	s.give(t, s.nora.ID, usermgmt.RoleAssignment{Role: s.seller.ID})
	a = s.session(t, r)
	assert.Zero(t, a.Pending(), "one is left")
	assert.Equal(t, s.seller.ID, a.Role())
}

func TestWithoutTheSwitchRolesAddUp(t *testing.T) {
	t.Parallel()
	s := newSwitching(t)
	r, err := s.Auth().Login(t.Context(), usermgmt.LoginRequest{Name: "nora", Password: usermgmttest.Password, Role: s.editor.ID})
	require.NoError(t, err)
	s.switchRoles(t, false)
	a := s.session(t, r)
	assert.True(t, a.Can("deal.view", s.deal))
	assert.True(t, a.Can("deal.edit", s.deal))
	assert.Zero(t, a.Role())
	_, err = s.Auth().TakeRole(t.Context(), a, s.seller.ID)
	require.ErrorIs(t, err, usermgmt.ErrConflict)
	s.switchRoles(t, true)
	a = s.session(t, r)
	assert.False(t, a.Can("deal.view", s.deal), "the switch counts from the next verification")
}

func TestKeysHaveAllRolesTogether(t *testing.T) {
	t.Parallel()
	s := newSwitching(t)
	r, err := s.Auth().Login(t.Context(), usermgmt.LoginRequest{Name: "nora", Password: usermgmttest.Password, Role: s.seller.ID})
	require.NoError(t, err)
	key, err := s.APIKeys().Generate(t.Context(), r.Actor, usermgmt.KeyRequest{User: s.nora.ID})
	require.NoError(t, err)
	a, err := s.Auth().APIKey(t.Context(), key.Text.Reveal(), usermgmt.Origin{})
	require.NoError(t, err)
	assert.True(t, a.Can("deal.view", s.deal))
	assert.True(t, a.Can("deal.edit", s.deal))
	_, err = s.Auth().TakeRole(t.Context(), a, s.seller.ID)
	permissionRule(t, err, "own_session_only")
}

func TestARoleIsTakenDuringAProxyLogin(t *testing.T) {
	t.Parallel()
	s := newSwitching(t)
	r, err := s.Proxy().Login(t.Context(), s.Login("lena").Actor, usermgmt.ProxyRequest{Target: s.nora.ID, Acknowledged: true})
	require.NoError(t, err)
	assert.Equal(t, usermgmt.StepRole, r.Pending)
	took, err := s.Auth().TakeRole(t.Context(), r.Actor, s.seller.ID)
	require.NoError(t, err)
	a := s.session(t, took)
	assert.True(t, a.Proxied())
	assert.Equal(t, s.lena.ID, a.Operator())
	assert.True(t, a.Can("deal.view", s.deal))
	_, err = s.Proxy().SwitchBack(t.Context(), took.Token.Reveal(), usermgmt.Origin{})
	require.NoError(t, err)
}
