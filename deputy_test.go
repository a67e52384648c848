package usermgmt_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
)

// deputising is a company whose members may name deputies for four weeks, and see
// each other.
func deputising(t *testing.T, cfg *usermgmt.Config) *company {
	t.Helper()
	if cfg == nil {
		cfg = &usermgmt.Config{}
	}
	policy := usermgmt.PolicyNIST()
	policy.Deputies = 28 * 24 * time.Hour
	cfg.Policy = &policy
	c := newCompany(t, cfg)
	r, err := c.Roles().Get(t.Context(), c.Root(), c.seller.ID)
	require.NoError(t, err)
	grants := append(r.Grants, usermgmt.Grant{Permission: usermgmt.PermUserView, Scope: usermgmt.ScopeOrganization})
	_, err = c.Roles().Update(t.Context(), c.Root(), r.ID, r.Version, usermgmt.RoleUpdate{Grants: &grants})
	require.NoError(t, err)
	return c
}

// names has nora name ivan, of another team, her deputy for a week.
func (c *company) names(t *testing.T, change func(*usermgmt.DeputyRequest)) *usermgmt.Deputy {
	t.Helper()
	req := usermgmt.DeputyRequest{Deputy: c.ivan.ID, Until: c.Clock.Now().Add(7 * 24 * time.Hour), Reason: "holidays"}
	if change != nil {
		change(&req)
	}
	d, err := c.Proxy().NameDeputy(t.Context(), c.Login("nora").Actor, req)
	require.NoError(t, err)
	return d
}

func (c *company) asNora(t *testing.T, deputy string) (*usermgmt.LoginResult, error) {
	t.Helper()
	return c.Proxy().Login(t.Context(), c.Login(deputy).Actor, usermgmt.ProxyRequest{Target: c.nora.ID, Acknowledged: true})
}

func TestADeputyActsWithoutPermission(t *testing.T) {
	t.Parallel()
	c := deputising(t, &usermgmt.Config{Proxy: usermgmt.ProxyConfig{Strict: true}})
	ctx := t.Context()
	c.grantRole(t, c.nora.ID, c.strong.ID)
	_, err := c.asNora(t, "ivan")
	permissionRule(t, err, "")
	_, err = c.Proxy().SetGrants(ctx, c.Root(), c.ivan.ID, 0, usermgmt.ProxyGrants{Restricted: true})
	require.NoError(t, err)
	d := c.names(t, nil)
	assert.Equal(t, c.Clock.Now(), d.From)

	notice, err := c.Proxy().Prepare(ctx, c.Login("ivan").Actor, c.nora.ID)
	require.NoError(t, err)
	assert.Equal(t, usermgmt.BasisDeputy, notice.Basis)
	in, err := c.asNora(t, "ivan")
	require.NoError(t, err, "though nora is stronger, in another team, and not on the list")
	assert.Equal(t, usermgmt.BasisDeputy, in.Session.Basis)
	a, err := c.verify(t, in)
	require.NoError(t, err)
	assert.True(t, a.Has("deal.delete"))
	_, err = c.Users().Update(ctx, a, c.nora.ID, c.nora.Version, usermgmt.UserUpdate{Phone: new("123")})
	require.NoError(t, err)
	log, err := c.Audit().List(ctx, c.Root(), usermgmt.AuditQuery{Operator: c.ivan.ID, Subject: c.nora.ID})
	require.NoError(t, err)
	require.Len(t, log, 1)
	assert.Equal(t, "user.update", log[0].Verb)

	_, err = c.Proxy().Login(ctx, c.Login("ivan").Actor, usermgmt.ProxyRequest{Target: c.sam.ID, Acknowledged: true})
	permissionRule(t, err, "")

	_, err = c.Deliver(ctx, 100)
	require.NoError(t, err)
	var told []string
	for _, m := range c.Mail.Sent() {
		if m.Kind == usermgmt.MailDeputyNamed {
			told = append(told, m.To)
			assert.Equal(t, "Fivan Livan", m.Values["deputy"])
		}
	}
	assert.ElementsMatch(t, []string{c.nora.Email, c.ivan.Email}, told)
}

func TestADeputyCountsInItsTime(t *testing.T) {
	t.Parallel()
	c := deputising(t, nil)
	from := c.Clock.Now().Add(time.Hour)
	c.names(t, func(r *usermgmt.DeputyRequest) { r.From, r.Until = from, from.Add(time.Hour) })
	_, err := c.asNora(t, "ivan")
	permissionRule(t, err, "")
	c.Clock.Advance(time.Hour)
	in, err := c.asNora(t, "ivan")
	require.NoError(t, err)
	assert.Equal(t, from.Add(time.Hour), in.Session.ExpiresAt, "no session outlives it")
	c.Clock.Advance(time.Hour)
	_, err = c.verify(t, in)
	refusedRule(t, err, "session_expired")
	_, err = c.asNora(t, "ivan")
	permissionRule(t, err, "")
}

func TestADeputysSessionDiesWithTheDeputy(t *testing.T) {
	t.Parallel()
	for name, withdraw := range map[string]func(*company, *testing.T){
		"by the user": func(c *company, t *testing.T) {
			require.NoError(t, c.Proxy().WithdrawDeputy(t.Context(), c.As(c.nora.ID), c.nora.ID, c.ivan.ID))
		},
		"by the deputy": func(c *company, t *testing.T) {
			require.NoError(t, c.Proxy().WithdrawDeputy(t.Context(), c.As(c.ivan.ID), c.nora.ID, c.ivan.ID))
		},
		"by an administrator": func(c *company, t *testing.T) {
			require.NoError(t, c.Proxy().WithdrawDeputy(t.Context(), c.Root(), c.nora.ID, c.ivan.ID))
		},
		"by naming a shorter time": func(c *company, t *testing.T) {
			c.names(t, func(r *usermgmt.DeputyRequest) { r.Until = c.Clock.Now().Add(time.Minute) })
			c.Clock.Advance(time.Minute)
		},
		"by the policy": func(c *company, t *testing.T) {
			policy := new(usermgmt.PolicyNIST())
			_, err := c.Orgs().Update(t.Context(), c.Root(), c.Organization.ID, c.orgVersion(t), usermgmt.OrganizationUpdate{Policy: &policy})
			require.NoError(t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := deputising(t, nil)
			c.names(t, nil)
			in, err := c.asNora(t, "ivan")
			require.NoError(t, err)
			_, err = c.verify(t, in)
			require.NoError(t, err)
			withdraw(c, t)
			_, err = c.verify(t, in)
			refusedRule(t, err, "deputy_withdrawn")
			_, err = c.Users().Update(t.Context(), in.Actor, c.nora.ID, c.nora.Version, usermgmt.UserUpdate{Phone: new("1")})
			require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
			log, err := c.Audit().List(t.Context(), c.Root(), usermgmt.AuditQuery{Verb: "proxy.refused"})
			require.NoError(t, err)
			require.NotEmpty(t, log)
			assert.Equal(t, []string{"ivan", "nora"}, []string{log[0].Detail.OperatorName, log[0].Detail.SubjectName})
		})
	}
	t.Run("with either membership", func(t *testing.T) {
		t.Parallel()
		for _, leaver := range []string{"nora", "ivan"} {
			c := deputising(t, nil)
			c.names(t, nil)
			in, err := c.asNora(t, "ivan")
			require.NoError(t, err)
			id := map[string]usermgmt.UserID{"nora": c.nora.ID, "ivan": c.ivan.ID}[leaver]
			require.NoError(t, c.Members().End(t.Context(), c.Root(), id, usermgmt.OrgID{}))
			_, err = c.verify(t, in)
			require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
			page, err := c.Store.ListDeputies(t.Context(), usermgmt.DeputyQuery{Org: c.Organization.ID, User: c.nora.ID, Limit: 9})
			require.NoError(t, err)
			assert.Empty(t, page)
		}
	})
}

func TestAReadOnlyDeputyChangesNothing(t *testing.T) {
	t.Parallel()
	c := deputising(t, nil)
	c.names(t, nil)
	in, err := c.asNora(t, "ivan")
	require.NoError(t, err)
	c.names(t, func(r *usermgmt.DeputyRequest) { r.ReadOnly = true })
	a, err := c.verify(t, in)
	require.NoError(t, err)
	assert.True(t, a.ReadOnly(), "a running session too")
	again, err := c.asNora(t, "ivan")
	require.NoError(t, err)
	assert.True(t, again.Session.ReadOnly)
}

func TestWhoMayNameADeputy(t *testing.T) {
	t.Parallel()
	c := deputising(t, nil)
	ctx, soon := t.Context(), c.Clock.Now().Add(time.Hour)
	nora := c.Login("nora")
	try := func(a usermgmt.Actor, change func(*usermgmt.DeputyRequest)) error {
		req := usermgmt.DeputyRequest{Deputy: c.ivan.ID, Until: soon}
		if change != nil {
			change(&req)
		}
		_, err := c.Proxy().NameDeputy(ctx, a, req)
		return err
	}
	permissionRule(t, try(c.As(c.nora.ID), nil), "own_session_only")
	permissionRule(t, try(nora.Actor, func(r *usermgmt.DeputyRequest) { r.Deputy = c.nora.ID }), "self")
	require.ErrorIs(t, try(nora.Actor, func(r *usermgmt.DeputyRequest) { r.Deputy = usermgmt.UserID{1} }), usermgmt.ErrNotFound)
	other := c.AddOrg("other")
	foreign := c.AddUser("foreign", func(n *usermgmt.NewUser) { n.OwnerUnit, n.PrimaryTeam = other.MainUnit.ID, other.RootTeam.ID })
	require.ErrorIs(t, try(nora.Actor, func(r *usermgmt.DeputyRequest) { r.Deputy = foreign.ID }), usermgmt.ErrNotFound)
	for rule, change := range map[string]func(*usermgmt.DeputyRequest){
		"required": func(r *usermgmt.DeputyRequest) { r.Until = time.Time{} },
		"period":   func(r *usermgmt.DeputyRequest) { r.From = soon },
		"range":    func(r *usermgmt.DeputyRequest) { r.Until = c.Clock.Now().Add(28*24*time.Hour + time.Microsecond) },
	} {
		invalidField(t, try(nora.Actor, change), "until", rule)
	}
	invalidField(t, try(nora.Actor, func(r *usermgmt.DeputyRequest) {
		r.From = c.Clock.Now().Add(366 * 24 * time.Hour)
		r.Until = r.From.Add(time.Hour)
	}), "from", "range")
	invalidField(t, try(nora.Actor, func(r *usermgmt.DeputyRequest) { r.Until = c.Clock.Now() }), "until", "period")
	require.NoError(t, c.Users().Disable(ctx, c.Root(), c.sam.ID))
	permissionRule(t, try(nora.Actor, func(r *usermgmt.DeputyRequest) { r.Deputy = c.sam.ID }), "disabled")

	_, in := c.proxied(t, c.nora.ID)
	permissionRule(t, try(in.Actor, nil), "own_session_only")
	c.Clock.Advance(15 * time.Minute)
	a, err := c.verify(t, nora)
	require.NoError(t, err)
	require.ErrorIs(t, try(a, nil), usermgmt.ErrStepUp)

	plain := newCompany(t, nil)
	_, err = plain.Proxy().NameDeputy(ctx, plain.Login("lena").Actor, usermgmt.DeputyRequest{Deputy: plain.nora.ID, Until: soon})
	permissionRule(t, err, "no_deputies")
}

// T-IMP-02: no chain, by whatever door its links are.
func TestADeputysDeputyIsNobody(t *testing.T) {
	t.Parallel()
	c := deputising(t, nil)
	ctx := t.Context()
	c.names(t, nil)
	_, err := c.Proxy().NameDeputy(ctx, c.Login("ivan").Actor, usermgmt.DeputyRequest{Deputy: c.sam.ID, Until: c.Clock.Now().Add(time.Hour)})
	require.NoError(t, err)
	asIvan, err := c.Proxy().Login(ctx, c.Login("sam").Actor, usermgmt.ProxyRequest{Target: c.ivan.ID, Acknowledged: true})
	require.NoError(t, err)
	_, err = c.Proxy().Login(ctx, asIvan.Actor, usermgmt.ProxyRequest{Target: c.nora.ID, Acknowledged: true})
	permissionRule(t, err, "nested")
	_, err = c.asNora(t, "sam")
	permissionRule(t, err, "")
	_, err = c.Proxy().NameDeputy(ctx, asIvan.Actor, usermgmt.DeputyRequest{Deputy: c.lena.ID, Until: c.Clock.Now().Add(time.Hour)})
	permissionRule(t, err, "own_session_only")
}

func TestDeputiesAreListedBothWays(t *testing.T) {
	t.Parallel()
	c := deputising(t, nil)
	ctx := t.Context()
	d := c.names(t, nil)
	list := func(a usermgmt.Actor, q usermgmt.DeputyQuery) []usermgmt.Deputy {
		t.Helper()
		page, err := c.Proxy().Deputies(ctx, a, q)
		require.NoError(t, err)
		return page.Items
	}
	want := []usermgmt.Deputy{*d}
	assert.Equal(t, want, list(c.As(c.nora.ID), usermgmt.DeputyQuery{}))
	assert.Equal(t, want, list(c.As(c.ivan.ID), usermgmt.DeputyQuery{Deputy: c.ivan.ID}))
	assert.Equal(t, want, list(c.Root(), usermgmt.DeputyQuery{User: c.nora.ID}))
	_, err := c.Proxy().Deputies(ctx, c.As(c.sam.ID), usermgmt.DeputyQuery{User: c.nora.ID})
	permissionRule(t, err, "")
	_, err = c.Proxy().Deputies(ctx, c.Root(), usermgmt.DeputyQuery{User: c.nora.ID, Deputy: c.ivan.ID})
	invalidField(t, err, "deputy", "excludes")
	permissionRule(t, c.Proxy().WithdrawDeputy(ctx, c.As(c.sam.ID), c.nora.ID, c.ivan.ID), "")
	require.ErrorIs(t, c.Proxy().WithdrawDeputy(ctx, c.As(c.nora.ID), c.nora.ID, c.sam.ID), usermgmt.ErrNotFound)
	_, in := c.proxied(t, c.nora.ID)
	permissionRule(t, c.Proxy().WithdrawDeputy(ctx, in.Actor, c.nora.ID, c.ivan.ID), "")
}

func TestSixtyFourCallersNameAtMostTwentyDeputies(t *testing.T) {
	t.Parallel()
	c := deputising(t, nil)
	ctx := t.Context()
	nora := c.Login("nora").Actor
	people := make([]usermgmt.UserID, 64)
	for i := range people {
		people[i] = c.AddUser("deputy"+strconv.Itoa(i), nil).ID
	}
	results := make(chan error, len(people))
	for _, p := range people {
		go func() {
			_, err := c.Proxy().NameDeputy(ctx, nora, usermgmt.DeputyRequest{Deputy: p, Until: c.Clock.Now().Add(time.Hour)})
			results <- err
		}()
	}
	named := 0
	for range people {
		if err := <-results; err == nil {
			named++
		} else {
			assert.ErrorIs(t, err, usermgmt.ErrLimit)
		}
	}
	assert.Equal(t, usermgmt.MaxDeputies, named)
	c.Clock.Advance(time.Hour)
	_, err := c.Proxy().NameDeputy(ctx, c.Login("nora").Actor, usermgmt.DeputyRequest{Deputy: c.ivan.ID, Until: c.Clock.Now().Add(time.Hour)})
	require.NoError(t, err, "those who have ended make room")
	page, err := c.Proxy().Deputies(ctx, c.As(c.nora.ID), usermgmt.DeputyQuery{})
	require.NoError(t, err)
	assert.Len(t, page.Items, 1)
}
