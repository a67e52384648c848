package usermgmt_test

import (
	"io"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

// tenancy is a provider with a support agent, and a tenant with two
// administrators, the primary one boss, and a member.
type tenancy struct {
	*usermgmttest.Env
	tenant                 *usermgmt.CreatedOrganization
	agent, boss, vice, joe *usermgmt.User
	role                   *usermgmt.Role
}

func newTenancy(t *testing.T, cfg *usermgmt.Config) *tenancy {
	t.Helper()
	return tenancyOf(t, usermgmttest.NewOn(t, teststores.New(t), cfg))
}

func tenancyOf(t *testing.T, e *usermgmttest.Env) *tenancy {
	t.Helper()
	x := &tenancy{Env: e}
	ctx := t.Context()
	role, err := x.Roles().Create(ctx, x.Root(), usermgmt.NewRole{Org: x.Organization.ID, Name: "Support", Grants: []usermgmt.Grant{
		{Permission: usermgmt.PermSupportLogin, Scope: usermgmt.ScopeSystem}, {Permission: usermgmt.PermBreakGlass, Scope: usermgmt.ScopeSystem}}})
	require.NoError(t, err)
	x.role = role
	x.agent = x.AddUser("agent", func(n *usermgmt.NewUser) { n.Roles = []usermgmt.RoleAssignment{{Role: role.ID}} })
	x.tenant = x.AddOrg("tenant")
	in := func(profile string) func(n *usermgmt.NewUser) {
		return func(n *usermgmt.NewUser) {
			n.OwnerUnit, n.PrimaryTeam, n.Profile = x.tenant.MainUnit.ID, x.tenant.RootTeam.ID, x.Profile(profile)
		}
	}
	x.boss, x.vice = x.AddUser("boss", in(usermgmt.ProfileAdministrator)), x.AddUser("vice", in(usermgmt.ProfileAdministrator))
	x.joe = x.AddUser("joe", in(usermgmt.ProfileRegularUser))
	x.primary(t, x.boss.ID)
	return x
}

func (x *tenancy) primary(t *testing.T, user usermgmt.UserID) {
	t.Helper()
	o, err := x.Orgs().Get(t.Context(), x.Root(), x.tenant.Organization.ID)
	require.NoError(t, err)
	_, err = x.Orgs().Update(t.Context(), x.Root(), o.ID, o.Version, usermgmt.OrganizationUpdate{PrimaryAdmin: &user})
	require.NoError(t, err)
}

func (x *tenancy) consent(t *testing.T, c usermgmt.SupportConsent) {
	t.Helper()
	if c.Until.IsZero() {
		c.Until = x.Clock.Now().Add(24 * time.Hour)
	}
	_, err := x.Orgs().GrantSupport(t.Context(), x.As(x.boss.ID), x.tenant.Organization.ID, c)
	require.NoError(t, err)
}

func (x *tenancy) request() usermgmt.SupportRequest {
	return usermgmt.SupportRequest{Org: x.tenant.Organization.ID, Reason: "ticket 7", Acknowledged: true, Origin: here}
}

func (x *tenancy) enter(t *testing.T, change func(*usermgmt.SupportRequest)) (own, in *usermgmt.LoginResult) {
	t.Helper()
	own = x.Login("agent")
	req := x.request()
	if change != nil {
		change(&req)
	}
	in, err := x.Proxy().Support(t.Context(), own.Actor, req)
	require.NoError(t, err)
	return own, in
}

func (x *tenancy) verify(t *testing.T, r *usermgmt.LoginResult) (usermgmt.Actor, error) {
	t.Helper()
	return x.Auth().Session(t.Context(), r.Token.Reveal(), here)
}

func (x *tenancy) visits(t *testing.T, as usermgmt.UserID) []usermgmt.Visit {
	t.Helper()
	page, err := x.Orgs().SupportVisits(t.Context(), x.As(as), usermgmt.ListQuery{})
	require.NoError(t, err)
	return page.Items
}

func TestSupportEntersATenantAndComesBack(t *testing.T) {
	t.Parallel()
	x := newTenancy(t, nil)
	ctx := t.Context()
	x.consent(t, usermgmt.SupportConsent{Reason: "the invoices"})
	own, in := x.enter(t, nil)
	a, err := x.verify(t, in)
	require.NoError(t, err)
	assert.Equal(t, x.boss.ID, a.Subject())
	assert.Equal(t, x.agent.ID, a.Operator())
	assert.Equal(t, x.tenant.Organization.ID, a.Org())
	assert.Equal(t, usermgmt.DoorSupport, a.Door())
	assert.True(t, a.Proxied())
	assert.Equal(t, x.Clock.Now().Add(time.Hour), in.Session.ExpiresAt)
	_, err = x.verify(t, own)
	refusedRule(t, err, "unknown")

	_, err = x.Users().Update(ctx, a, x.joe.ID, x.joe.Version, usermgmt.UserUpdate{Phone: new("123")})
	require.NoError(t, err)
	_, login, err := x.Users().Status(ctx, x.As(x.vice.ID), x.boss.ID)
	require.NoError(t, err)
	assert.Zero(t, login.LoginCount, "the administrator has not logged in")

	// In the tenant's log, and visible to its people.
	log, err := x.Audit().List(ctx, x.As(x.vice.ID), usermgmt.AuditQuery{Operator: x.agent.ID})
	require.NoError(t, err)
	require.Len(t, log, 2)
	assert.Equal(t, "user.update", log[0].Verb)
	assert.Equal(t, "support.login", log[1].Verb)
	for _, e := range log {
		assert.Equal(t, "agent", e.Detail.OperatorName)
		assert.Equal(t, "ticket 7", e.Detail.Reason)
	}
	visits := x.visits(t, x.joe.ID)
	require.Len(t, visits, 1)
	v := visits[0]
	assert.Equal(t, "agent", v.OperatorName)
	assert.Equal(t, x.boss.ID, v.User)
	assert.Equal(t, "ticket 7", v.Reason)
	assert.Equal(t, usermgmt.BasisSupport, v.Basis)
	assert.Equal(t, in.Session.ExpiresAt, v.Until)
	assert.True(t, v.Running && !v.ReadOnly)
	assert.Empty(t, x.visits(t, x.agent.ID), "of one's own organization only")

	back, err := x.Proxy().SwitchBack(ctx, in.Token.Reveal(), here)
	require.NoError(t, err)
	assert.Equal(t, own.Session.ID, back.Session.ID)
	assert.Equal(t, x.Organization.ID, back.Actor.Org())
	v = x.visits(t, x.joe.ID)[0]
	assert.Equal(t, "switched back", v.EndReason)
	assert.False(t, v.Running)

	mails := map[string][]string{}
	_, err = x.Deliver(ctx, 100)
	require.NoError(t, err)
	for _, m := range x.Mail.Sent() {
		mails[m.Kind] = append(mails[m.Kind], m.To)
	}
	assert.Equal(t, []string{x.boss.Email}, mails[usermgmt.MailSupportLogin])
}

// T-IMP-11: fresh login, reason, time limit, consent.
func TestWhatSupportNeeds(t *testing.T) {
	t.Parallel()
	x := newTenancy(t, &usermgmt.Config{StepUp: []usermgmt.Permission{}})
	ctx := t.Context()
	own := x.Login("agent")
	try := func(a usermgmt.Actor, change func(*usermgmt.SupportRequest)) error {
		req := x.request()
		if change != nil {
			change(&req)
		}
		_, err := x.Proxy().Support(ctx, a, req)
		return err
	}
	permissionRule(t, try(own.Actor, nil), "no_consent")
	x.consent(t, usermgmt.SupportConsent{})
	invalidField(t, try(own.Actor, func(r *usermgmt.SupportRequest) { r.Reason = "" }), "reason", "required")
	invalidField(t, try(own.Actor, func(r *usermgmt.SupportRequest) { r.Acknowledged = false }), "acknowledged", "required")
	invalidField(t, try(own.Actor, func(r *usermgmt.SupportRequest) { r.Lifetime = 2 * time.Hour }), "lifetime", "range")
	permissionRule(t, try(own.Actor, func(r *usermgmt.SupportRequest) { r.Org = x.Organization.ID }), "own_organization")
	require.ErrorIs(t, try(own.Actor, func(r *usermgmt.SupportRequest) { r.Org = usermgmt.OrgID{1} }), usermgmt.ErrNotFound)
	permissionRule(t, try(x.As(x.agent.ID), nil), "own_session_only")
	permissionRule(t, try(x.Login("boss").Actor, nil), "")
	other := x.AddOrg("other")
	permissionRule(t, try(own.Actor, func(r *usermgmt.SupportRequest) { r.Org = other.Organization.ID }), "no_primary_admin")

	x.Clock.Advance(15 * time.Minute)
	a, err := x.verify(t, own)
	require.NoError(t, err)
	require.ErrorIs(t, try(a, nil), usermgmt.ErrStepUp, "whatever the host marks")
	fresh, err := x.Auth().StepUp(ctx, a, usermgmt.StepUpRequest{Password: usermgmttest.Password})
	require.NoError(t, err)
	require.NoError(t, x.Users().Disable(ctx, x.As(x.vice.ID), x.boss.ID))
	permissionRule(t, try(fresh.Actor, nil), "disabled")
	require.NoError(t, x.Users().Enable(ctx, x.As(x.vice.ID), x.boss.ID))
	require.NoError(t, try(fresh.Actor, nil))
	log, err := x.Audit().List(ctx, x.Root(), usermgmt.AuditQuery{Verb: "support.login", Outcome: usermgmt.OutcomeRefused})
	require.NoError(t, err)
	assert.NotEmpty(t, log, "refusals are recorded")
}

func TestSupportDiesWhenAnythingUnderItIsWithdrawn(t *testing.T) {
	t.Parallel()
	for rule, withdraw := range map[string]func(*tenancy, *testing.T){
		"support_withdrawn": func(x *tenancy, t *testing.T) {
			r, err := x.Roles().Get(t.Context(), x.Root(), x.role.ID)
			require.NoError(t, err)
			_, err = x.Roles().Update(t.Context(), x.Root(), r.ID, r.Version, usermgmt.RoleUpdate{Grants: new([]usermgmt.Grant{})})
			require.NoError(t, err)
		},
		"consent_ended": func(x *tenancy, t *testing.T) {
			x.consent(t, usermgmt.SupportConsent{Until: x.Clock.Now().Add(time.Minute)})
			x.Clock.Advance(time.Minute)
		},
		"unknown": func(x *tenancy, t *testing.T) { // ended
			_, err := x.Orgs().RevokeSupport(t.Context(), x.As(x.vice.ID), x.tenant.Organization.ID)
			require.NoError(t, err)
		},
		"primary_admin_changed": func(x *tenancy, t *testing.T) { x.primary(t, x.vice.ID) },
		"disabled": func(x *tenancy, t *testing.T) {
			require.NoError(t, x.Users().Disable(t.Context(), x.As(x.vice.ID), x.boss.ID))
		},
		"operator_session_ended": func(x *tenancy, t *testing.T) {
			require.NoError(t, x.Users().Disable(t.Context(), x.Root(), x.agent.ID))
		},
		"session_idle": func(x *tenancy, _ *testing.T) { x.Clock.Advance(15 * time.Minute) },
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			x := newTenancy(t, nil)
			x.consent(t, usermgmt.SupportConsent{})
			_, in := x.enter(t, nil)
			_, err := x.verify(t, in)
			require.NoError(t, err)
			withdraw(x, t)
			_, err = x.verify(t, in)
			require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
			if rule != "operator_session_ended" && rule != "disabled" { // which end the session itself
				assert.ErrorContains(t, err, rule)
			}
			_, err = x.Users().Update(t.Context(), in.Actor, x.joe.ID, x.joe.Version, usermgmt.UserUpdate{Phone: new("1")})
			require.ErrorIs(t, err, usermgmt.ErrUnauthenticated, "nor does an actor verified before it change anything")
		})
	}
	t.Run("organization", func(t *testing.T) {
		t.Parallel()
		x := newTenancy(t, nil)
		x.consent(t, usermgmt.SupportConsent{})
		_, in := x.enter(t, nil)
		o, err := x.Orgs().Get(t.Context(), x.Root(), x.tenant.Organization.ID)
		require.NoError(t, err)
		require.NoError(t, x.Orgs().SetEnabled(t.Context(), x.Root(), o.ID, o.Version, false))
		_, err = x.verify(t, in)
		require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
		_, err = x.Proxy().SwitchBack(t.Context(), in.Token.Reveal(), here)
		require.NoError(t, err, "and the way back is open")
	})
	t.Run("off", func(t *testing.T) {
		t.Parallel()
		x := newTenancy(t, nil)
		x.consent(t, usermgmt.SupportConsent{})
		_, in := x.enter(t, nil)
		m := x.NewManager(&usermgmt.Config{Support: usermgmt.SupportConfig{Off: true}})
		_, err := m.Auth().Session(t.Context(), in.Token.Reveal(), here)
		refusedRule(t, err, "off")
		_, err = m.Proxy().Support(t.Context(), x.Login("agent").Actor, x.request())
		permissionRule(t, err, "off")
	})
}

func TestConsentIsTheTenantsOwn(t *testing.T) {
	t.Parallel()
	x := newTenancy(t, nil)
	ctx, org := t.Context(), x.tenant.Organization.ID
	grant := func(a usermgmt.Actor, after time.Duration) error {
		_, err := x.Orgs().GrantSupport(ctx, a, org, usermgmt.SupportConsent{Until: x.Clock.Now().Add(after)})
		return err
	}
	permissionRule(t, grant(x.As(x.Administrator.ID), time.Hour), "own_organization_only")
	require.ErrorIs(t, grant(x.As(x.agent.ID), time.Hour), usermgmt.ErrNotFound)
	permissionRule(t, grant(x.As(x.joe.ID), time.Hour), "")
	stale, err := x.ActorFor(ctx, usermgmt.ActorRequest{User: x.boss.ID, Origin: here})
	require.NoError(t, err)
	require.ErrorIs(t, grant(stale, time.Hour), usermgmt.ErrStepUp)
	for _, bad := range []time.Duration{0, -time.Hour, 30*24*time.Hour + time.Microsecond} {
		invalidField(t, grant(x.As(x.boss.ID), bad), "until", "range")
	}
	require.NoError(t, grant(x.As(x.boss.ID), 30*24*time.Hour))
	_, in := x.enter(t, nil)
	a, err := x.verify(t, in)
	require.NoError(t, err)
	permissionRule(t, grant(a, time.Hour), "own_session_only")
	assert.False(t, a.Has(usermgmt.PermSupportConsent))

	o, err := x.Orgs().RevokeSupport(ctx, x.As(x.vice.ID), org)
	require.NoError(t, err)
	assert.Zero(t, o.Support)
	assert.Equal(t, "support revoked", x.visits(t, x.joe.ID)[0].EndReason)
	_, err = x.Proxy().SwitchBack(ctx, in.Token.Reveal(), here)
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated, "what the tenant ended is over")
	log, err := x.Audit().List(ctx, x.As(x.vice.ID), usermgmt.AuditQuery{Verb: "support.revoke"})
	require.NoError(t, err)
	require.Len(t, log, 1)
	assert.Contains(t, log[0].Fields, "support")
}

func TestAConsentToLookIsReadOnlyAtOnce(t *testing.T) {
	t.Parallel()
	x := newTenancy(t, nil)
	x.consent(t, usermgmt.SupportConsent{})
	_, in := x.enter(t, nil)
	x.consent(t, usermgmt.SupportConsent{ReadOnly: true})
	a, err := x.verify(t, in)
	require.NoError(t, err)
	assert.True(t, a.ReadOnly())
	_, err = x.Users().Update(t.Context(), a, x.joe.ID, x.joe.Version, usermgmt.UserUpdate{Phone: new("1")})
	permissionRule(t, err, "read_only")
	_, again := x.enter(t, nil)
	assert.True(t, again.Session.ReadOnly)
	assert.True(t, x.visits(t, x.joe.ID)[0].ReadOnly)
}

func TestAnEmergencyNeedsNoConsentAndIsTold(t *testing.T) {
	t.Parallel()
	x := newTenancy(t, nil)
	ctx := t.Context()
	_, in := x.enter(t, func(r *usermgmt.SupportRequest) { r.BreakGlass = true })
	assert.Equal(t, usermgmt.BasisBreakGlass, in.Session.Basis)
	_, err := x.verify(t, in)
	require.NoError(t, err)
	_, err = x.Deliver(ctx, 100)
	require.NoError(t, err)
	var told []string
	for _, m := range x.Mail.Sent() {
		if m.Kind == usermgmt.MailBreakGlass {
			told = append(told, m.To)
			assert.Equal(t, "ticket 7", m.Values["reason"])
			assert.Equal(t, "agent", m.Values["operator"])
		}
	}
	assert.ElementsMatch(t, []string{x.boss.Email, x.vice.Email}, told, "every administrator")
	visits := x.visits(t, x.joe.ID)
	require.Len(t, visits, 1)
	assert.Equal(t, usermgmt.BasisBreakGlass, visits[0].Basis)
	log, err := x.Audit().List(ctx, x.As(x.vice.ID), usermgmt.AuditQuery{Verb: "support.break_glass"})
	require.NoError(t, err)
	require.Len(t, log, 1)

	require.NoError(t, x.Sessions().End(ctx, x.As(x.vice.ID), in.Session.ID), "the tenant can throw it out")
	_, err = x.verify(t, in)
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)

	// The permission is its own.
	r, err := x.Roles().Get(ctx, x.Root(), x.role.ID)
	require.NoError(t, err)
	_, err = x.Roles().Update(ctx, x.Root(), r.ID, r.Version, usermgmt.RoleUpdate{
		Grants: &[]usermgmt.Grant{{Permission: usermgmt.PermSupportLogin, Scope: usermgmt.ScopeSystem}}})
	require.NoError(t, err)
	req := x.request()
	req.BreakGlass = true
	_, err = x.Proxy().Support(ctx, x.Login("agent").Actor, req)
	require.ErrorIs(t, err, usermgmt.ErrNotFound, "whom the agent may not see without it")
}

func TestAHostMayDoWithoutConsent(t *testing.T) {
	t.Parallel()
	x := newTenancy(t, &usermgmt.Config{Support: usermgmt.SupportConfig{WithoutConsent: true}})
	_, in := x.enter(t, nil)
	_, err := x.verify(t, in)
	require.NoError(t, err)
	x.Clock.Advance(14 * time.Minute)
	_, err = x.verify(t, in)
	require.NoError(t, err)
	_, err = x.NewManager(nil).Auth().Session(t.Context(), in.Token.Reveal(), here)
	refusedRule(t, err, "consent_ended")
}

// A profile's addresses and an administrator's locks do not keep help out.
func TestSupportGetsInWhereTheAdministratorCannot(t *testing.T) {
	t.Parallel()
	x := newTenancy(t, nil)
	ctx := t.Context()
	x.consent(t, usermgmt.SupportConsent{})
	for range 10 {
		_, err := x.Auth().Login(ctx, usermgmt.LoginRequest{Name: "boss", Password: "wrong"})
		require.ErrorIs(t, err, usermgmt.ErrCredentials)
	}
	profile, err := x.Profiles().Create(ctx, x.As(x.vice.ID), usermgmt.NewProfile{Org: x.tenant.Organization.ID, Name: "At the desk",
		IPRanges: []usermgmt.IPRange{{From: netip.MustParseAddr("10.0.0.1"), To: netip.MustParseAddr("10.0.0.9")}}, Grants: []usermgmt.Grant{{Permission: "*.view", Scope: usermgmt.ScopeOrganization}}})
	require.NoError(t, err)
	mem, err := x.Members().Get(ctx, x.As(x.vice.ID), x.boss.ID, usermgmt.OrgID{})
	require.NoError(t, err)
	_, err = x.Members().Update(ctx, x.As(x.vice.ID), x.boss.ID, usermgmt.OrgID{}, mem.Version, usermgmt.MembershipUpdate{Profile: &profile.ID})
	require.NoError(t, err)
	_, in := x.enter(t, nil)
	_, err = x.verify(t, in)
	require.NoError(t, err)
}

func TestSupportHoldsLessThanTheAdministrator(t *testing.T) {
	t.Parallel()
	x := newTenancy(t, nil)
	ctx := t.Context()
	x.consent(t, usermgmt.SupportConsent{})
	_, in := x.enter(t, nil)
	a := in.Actor
	for what, err := range map[string]error{
		"own password": second2(x.Passwords().Change(ctx, a, usermgmt.PasswordChange{Current: usermgmttest.Password, New: "Another-Horse-9-Staple"})),
		"key":          second2(x.APIKeys().Generate(ctx, a, usermgmt.KeyRequest{User: x.boss.ID})),
		"password":     x.Passwords().Set(ctx, a, x.joe.ID, "Another-Horse-9-Staple", "", false),
		"enter":        second2(x.Auth().Enter(ctx, a, usermgmt.EnterRequest{Org: x.Organization.ID})),
		"proxy":        second2(x.Proxy().Login(ctx, a, usermgmt.ProxyRequest{Target: x.joe.ID, Acknowledged: true})),
		"support":      second2(x.Proxy().Support(ctx, a, x.request())),
		"deputy":       second2(x.Proxy().NameDeputy(ctx, a, usermgmt.DeputyRequest{Deputy: x.joe.ID, Until: x.Clock.Now().Add(time.Hour)})),
		"step up":      second2(x.Auth().StepUp(ctx, a, usermgmt.StepUpRequest{Password: usermgmttest.Password})),
		"export":       second2(x.Exports().Start(ctx, a, usermgmt.ExportOptions{})),
		"report":       x.Users().SubjectReport(ctx, a, x.boss.ID, io.Discard),
		"question":     second2(x.Questions().Choose(ctx, a, pet)),
	} {
		require.ErrorIs(t, err, usermgmt.ErrPermission, what)
	}
	assert.False(t, a.Has(usermgmt.PermSupportLogin) || a.Has(usermgmt.PermProxyLogin))

	_, narrow := x.enter(t, func(r *usermgmt.SupportRequest) { r.Intersect = true })
	assert.False(t, narrow.Actor.Has("user.view"), "the agent does not hold it everywhere")
}
