package usermgmt_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

func TestBootstrapOnce(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	assert.True(t, e.Organization.Provider)
	assert.Equal(t, e.Administrator.ID, e.Organization.PrimaryAdmin)
	_, err := e.Bootstrap(t.Context(), usermgmt.BootstrapRequest{Organization: usermgmt.NewOrganization{Name: "Second"},
		Administrator: usermgmt.NewUser{Username: "root2", Email: "r2@acme.test", FirstName: "A", LastName: "B", Password: usermgmttest.Password}})
	require.ErrorIs(t, err, usermgmt.ErrConflict)
}

func TestBreakGlass(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ann := e.AddUser("ann", nil)
	require.NoError(t, e.Users().Deactivate(t.Context(), e.Root(), ann.ID, usermgmt.DeactivateOptions{}))
	require.ErrorIs(t, e.BreakGlass(t.Context(), "", ann.ID, otherPassword), usermgmt.ErrInvalid)
	require.NoError(t, e.BreakGlass(t.Context(), "administrator left, ticket 12", ann.ID, otherPassword))
	r, err := login(e, t, "ann", otherPassword)
	require.NoError(t, err)
	assert.Equal(t, usermgmt.StepPassword, r.Pending)
	fresh, err := e.Passwords().Change(t.Context(), r.Actor, usermgmt.PasswordChange{Current: otherPassword, New: usermgmttest.Password})
	require.NoError(t, err)
	assert.True(t, fresh.Actor.Has(usermgmt.PermRoleEdit))
	entries, err := e.Audit().List(t.Context(), e.Root(), usermgmt.AuditQuery{Verb: "system.break_glass"})
	require.NoError(t, err)
	require.NotEmpty(t, entries)
	assert.Equal(t, "administrator left, ticket 12", entries[0].Detail.Reason)
}

func TestOrganizationsAreKeptApart(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	other := e.AddOrg("Other")
	ann := e.AddUser("ann", nil)
	olaf := e.AddUser("olaf", func(n *usermgmt.NewUser) {
		n.OwnerUnit, n.PrimaryTeam = other.MainUnit.ID, other.RootTeam.ID
		n.Profile = e.Profile(usermgmt.ProfileAdministrator)
	})
	a := e.As(olaf.ID)
	_, err := e.Users().Get(t.Context(), a, ann.ID)
	require.ErrorIs(t, err, usermgmt.ErrNotFound)
	require.ErrorIs(t, e.Users().Disable(t.Context(), a, ann.ID), usermgmt.ErrNotFound)
	_, err = e.Orgs().Get(t.Context(), a, e.Organization.ID)
	require.ErrorIs(t, err, usermgmt.ErrNotFound)
	_, err = e.Orgs().Create(t.Context(), a, usermgmt.NewOrganization{Name: "Mine"})
	require.ErrorIs(t, err, usermgmt.ErrPermission, "an organization's administrator makes no organizations")
	require.ErrorIs(t, e.Licences().SetPool(t.Context(), a, other.Organization.ID, usermgmt.LicencePlatform, usermgmt.PoolTerms{Size: 100}), usermgmt.ErrPermission,
		"pools are the provider's")

	// Ann joins the other organization: its administrator sees her there, but
	// her identity stays with her home.
	_, err = e.Members().Add(t.Context(), e.Root(), ann.ID, other.Organization.ID, usermgmt.NewMembership{
		Profile: e.Profile(usermgmt.ProfileRegularUser), PrimaryTeam: other.RootTeam.ID, Roles: []usermgmt.RoleAssignment{{Role: e.Regular.ID}}})
	require.NoError(t, err)
	_, err = e.Users().Get(t.Context(), a, ann.ID)
	require.NoError(t, err)
	permissionRule(t, e.Users().Disable(t.Context(), a, ann.ID), "home_organization")
	permissionRule(t, e.Passwords().Set(t.Context(), a, ann.ID, otherPassword, "", false), "home_organization")
	require.NoError(t, e.Members().End(t.Context(), a, ann.ID, usermgmt.OrgID{}), "they may end their own membership")
	_, err = e.Members().Get(t.Context(), e.Root(), ann.ID, e.Organization.ID)
	require.NoError(t, err)
}

func TestEndingAMembershipEndsEverythingInIt(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ann := e.AddUser("ann", nil)
	s := e.Login("ann")
	key, err := e.APIKeys().Generate(t.Context(), e.As(ann.ID), usermgmt.KeyRequest{User: ann.ID})
	require.NoError(t, err)
	used := func() int {
		pools, err := e.Licences().Report(t.Context(), e.Root(), usermgmt.OrgID{})
		require.NoError(t, err)
		return pools[0].Used
	}
	before := used()
	require.NoError(t, e.Members().End(t.Context(), e.Root(), ann.ID, usermgmt.OrgID{}))
	assert.Equal(t, before-1, used())
	_, err = e.Auth().Session(t.Context(), s.Token.Reveal(), here)
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
	_, err = e.Auth().APIKey(t.Context(), key.Text.Reveal(), here)
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
	_, err = login(e, t, "ann", usermgmttest.Password)
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated, "no organization: may be kept, cannot log in")
}

func TestOrganizationSwitch(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	other := e.AddOrg("Other")
	ann := e.AddUser("ann", nil)
	r := e.Login("ann")
	_, err := e.Auth().Enter(t.Context(), r.Actor, usermgmt.EnterRequest{Org: other.Organization.ID})
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
	_, err = e.Members().Add(t.Context(), e.Root(), ann.ID, other.Organization.ID, usermgmt.NewMembership{
		Profile: e.Profile(usermgmt.ProfilePortalUser), PrimaryTeam: other.RootTeam.ID, Roles: []usermgmt.RoleAssignment{{Role: e.Regular.ID}}})
	require.NoError(t, err)
	in, err := e.Auth().Enter(t.Context(), r.Actor, usermgmt.EnterRequest{Org: other.Organization.ID})
	require.NoError(t, err)
	assert.Equal(t, other.Organization.ID, in.Actor.Org())
	assert.Equal(t, r.Session.ExpiresAt, in.Session.ExpiresAt, "the absolute limit stays")
	_, err = e.Auth().Session(t.Context(), r.Token.Reveal(), here)
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated, "the old token is dead")
	o, err := e.Orgs().Get(t.Context(), e.Root(), other.Organization.ID)
	require.NoError(t, err)
	require.NoError(t, e.Orgs().SetEnabled(t.Context(), e.Root(), o.ID, o.Version, false))
	_, err = e.Auth().Session(t.Context(), in.Token.Reveal(), here)
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated, "a disabled organization is entered by nobody")
	back, err := login(e, t, "ann", usermgmttest.Password)
	require.NoError(t, err)
	assert.Equal(t, e.Organization.ID, back.Actor.Org())
}

func TestUnits(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	require.ErrorIs(t, e.Units().Delete(t.Context(), e.Root(), e.MainUnit.ID), usermgmt.ErrConflict, "the last unit stays")
	a := e.AddUnit("A", usermgmt.UnitID{})
	b := e.AddUnit("B", a.ID)
	_, err := e.Units().Update(t.Context(), e.Root(), a.ID, a.Version, usermgmt.UnitUpdate{Parent: &b.ID})
	assert.Equal(t, []string{"parent cycle"}, broken(err))
	_, err = e.Units().Update(t.Context(), e.Root(), a.ID, a.Version, usermgmt.UnitUpdate{Parent: &a.ID})
	assert.Equal(t, []string{"parent cycle"}, broken(err))
	require.ErrorIs(t, e.Units().Delete(t.Context(), e.Root(), a.ID), usermgmt.ErrConflict, "it has one below")
	ann := e.AddUser("ann", func(n *usermgmt.NewUser) { n.OwnerUnit = b.ID })
	require.ErrorIs(t, e.Units().Delete(t.Context(), e.Root(), b.ID), usermgmt.ErrConflict, "it owns a user")
	require.NoError(t, e.Users().Assign(t.Context(), e.Root(), ann.ID, ann.Version, e.MainUnit.ID))
	require.NoError(t, e.Units().Delete(t.Context(), e.Root(), b.ID))
	_, err = e.Units().Create(t.Context(), e.Root(), usermgmt.NewUnit{Name: " x", Email: "no", Website: "ftp://x"})
	assert.Equal(t, []string{"name space", "email format", "website format"}, broken(err))
}

func TestApplicationsLimitWhatIsReached(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), &usermgmt.Config{Objects: []usermgmt.Object{
		{Name: "lead", Ownership: usermgmt.OwnedByOrganization, Actions: []string{"view"}}}})
	crm, err := e.Applications().Create(t.Context(), e.Root(), usermgmt.NewApplication{Name: "CRM", Objects: []string{"lead"}})
	require.NoError(t, err)
	role, err := e.Roles().Create(t.Context(), e.Root(), usermgmt.NewRole{Name: "Lead viewer", App: crm.ID,
		Grants: []usermgmt.Grant{{Permission: "lead.view", Scope: usermgmt.ScopeOrganization}}})
	require.NoError(t, err)
	team := e.AddTeam("Sales", e.RootTeam.ID)
	below := e.AddTeam("North", team.ID)
	ann := e.AddUser("ann", func(n *usermgmt.NewUser) { n.PrimaryTeam = below.ID })
	r := e.Login("ann")
	_, err = e.Auth().Enter(t.Context(), r.Actor, usermgmt.EnterRequest{Application: crm.ID})
	require.ErrorIs(t, err, usermgmt.ErrPermission, "no access, no application")
	_, err = e.Applications().Grant(t.Context(), e.Root(), usermgmt.AccessRequest{Application: crm.ID, Team: team.ID,
		Roles: []usermgmt.RoleAssignment{{Role: role.ID}}})
	require.NoError(t, err)
	in, err := e.Auth().Enter(t.Context(), r.Actor, usermgmt.EnterRequest{Application: crm.ID})
	require.NoError(t, err, "through a team above")
	record := usermgmt.Record{Org: e.Organization.ID}
	assert.True(t, in.Actor.Can("lead.view", record))
	assert.Equal(t, crm.ID, in.Actor.Application())
	assert.False(t, e.As(ann.ID).Can("lead.view", record), "outside the application")
	ex, err := e.Access().Explain(t.Context(), in.Actor, "lead.view", &record)
	require.NoError(t, err)
	require.Len(t, ex.Sources, 1)
	assert.Equal(t, usermgmt.SourceTeamAccess, ex.Sources[0].Kind)
	assert.Equal(t, team.ID, ex.Sources[0].Team)
	mine, err := e.Applications().Mine(t.Context(), e.As(ann.ID))
	require.NoError(t, err)
	assert.Len(t, mine, 1)
	require.NoError(t, e.Applications().Revoke(t.Context(), e.Root(), crm.ID, usermgmt.UserID{}, team.ID))
	again, err := e.Refresh(t.Context(), in.Actor)
	require.NoError(t, err)
	assert.False(t, again.Can("lead.view", record), "revoked with the next verification")
	assert.Zero(t, again.Application(), "and is not the current one any more")
}

func TestExplainNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	places, err := c.Access().Placements(t.Context(), c.Organization.ID, c.ivan.ID)
	require.NoError(t, err)
	r := places[c.ivan.ID]
	for perm, want := range map[usermgmt.Permission]string{
		"deal.delete":       "no role, access profile or sharing policy grants deal.delete",
		"deal.view":         "outside the granted scope, which is team",
		"nonsense.whatever": "no such permission",
	} {
		ex, err := c.Access().Explain(t.Context(), c.As(c.lena.ID), perm, &r)
		require.NoError(t, err)
		assert.False(t, ex.Allowed)
		assert.Contains(t, ex.Missing, want)
	}
	other := usermgmt.Record{Org: usermgmt.OrgID{1}}
	ex, err := c.Access().Explain(t.Context(), c.As(c.lena.ID), "deal.view", &other)
	require.NoError(t, err)
	assert.Contains(t, ex.Missing, "another organization")
}

func TestAddressRangesOfProfiles(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	profile, err := e.Profiles().Create(t.Context(), e.Root(), usermgmt.NewProfile{Name: "Office only", IPRanges: []usermgmt.IPRange{
		{From: netip.MustParseAddr("192.0.2.0"), To: netip.MustParseAddr("192.0.2.255")},
		{From: netip.MustParseAddr("2001:db8::"), To: netip.MustParseAddr("2001:db8::ffff")}}})
	require.NoError(t, err)
	e.AddUser("ann", func(n *usermgmt.NewUser) { n.Profile = profile.ID })
	for address, want := range map[string]bool{"192.0.2.9": true, "::ffff:192.0.2.9": true, "2001:db8::1": true,
		"198.51.100.1": false, "2001:db9::1": false, "": false} {
		_, err := e.Auth().Login(t.Context(), usermgmt.LoginRequest{Name: "ann", Password: usermgmttest.Password,
			Origin: usermgmt.Origin{Address: address}})
		if want {
			require.NoError(t, err, address)
		} else {
			require.ErrorIs(t, err, usermgmt.ErrUnauthenticated, address)
		}
	}
	_, err = e.Profiles().Create(t.Context(), e.Root(), usermgmt.NewProfile{Name: "Bad", IPRanges: []usermgmt.IPRange{
		{From: netip.MustParseAddr("192.0.2.9"), To: netip.MustParseAddr("192.0.2.1")}}})
	require.ErrorIs(t, err, usermgmt.ErrInvalid)
}

func TestShippedProfilesAreClonedNotChanged(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	id := e.Profile(usermgmt.ProfileAdministrator)
	f, err := e.Profiles().Get(t.Context(), e.Root(), id)
	require.NoError(t, err)
	_, err = e.Profiles().Update(t.Context(), e.Root(), id, f.Version, usermgmt.ProfileUpdate{Name: new("x")})
	require.ErrorIs(t, err, usermgmt.ErrConflict)
	require.ErrorIs(t, e.Profiles().Delete(t.Context(), e.Root(), id), usermgmt.ErrConflict)
	c, err := e.Profiles().Clone(t.Context(), e.Root(), id, e.Organization.ID, "Deputy")
	require.NoError(t, err)
	assert.False(t, c.Administrator)
	assert.Equal(t, f.Grants, c.Grants)
	list, err := e.Profiles().List(t.Context(), e.Root(), usermgmt.OrgID{})
	require.NoError(t, err)
	assert.Len(t, list, 6)
}

func TestHostActionsAreRecordedInTheHostsTransaction(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	err := e.Audit().Record(t.Context(), e.Root(), usermgmt.HostEvent{Verb: "lead.convert", TargetKind: "lead", Target: "42",
		After: map[string]string{"stage": "won"}})
	require.NoError(t, err)
	list, err := e.Audit().List(t.Context(), e.Root(), usermgmt.AuditQuery{Verb: "lead.convert"})
	require.NoError(t, err)
	require.Len(t, list, 1)
	assert.Equal(t, "won", list[0].Detail.After["stage"])
	for _, verb := range []string{"user.create", "x", "Lead.Convert", strings.Repeat("a.", 100)} {
		require.ErrorIs(t, e.Audit().Record(t.Context(), e.Root(), usermgmt.HostEvent{Verb: verb}), usermgmt.ErrInvalid, verb)
	}
}

func TestAuditIsSeenByTeam(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	require.NoError(t, c.Users().Disable(t.Context(), c.As(c.lena.ID), c.nora.ID))
	require.ErrorIs(t, c.Users().Disable(t.Context(), c.As(c.lena.ID), c.ivan.ID), usermgmt.ErrPermission)
	require.ErrorIs(t, c.Users().Disable(t.Context(), c.As(c.lena.ID), c.ivan.ID), usermgmt.ErrPermission)
	_, err := c.Users().Update(t.Context(), c.As(c.ivan.ID), c.ivan.ID, c.ivan.Version, usermgmt.UserUpdate{Phone: new("1")})
	require.NoError(t, err)
	list, err := c.Audit().List(t.Context(), c.As(c.lena.ID), usermgmt.AuditQuery{})
	require.NoError(t, err)
	require.NotEmpty(t, list)
	refused := 0
	for _, e := range list {
		assert.NotEqual(t, c.ivan.ID, e.Operator, "another branch of the hierarchy")
		if e.Outcome == usermgmt.OutcomeRefused {
			refused++
			assert.Equal(t, int64(2), e.Count, "identical refusals of a minute are one entry")
		}
	}
	assert.Equal(t, 1, refused)
	own, err := c.Audit().List(t.Context(), c.As(c.ivan.ID), usermgmt.AuditQuery{})
	require.NoError(t, err)
	assert.Len(t, own, 1, "a regular user sees what concerns the own account")
}
