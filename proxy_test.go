package usermgmt_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

// proxied logs lena in as the target.
func (c *company) proxied(t *testing.T, target usermgmt.UserID) (own, in *usermgmt.LoginResult) {
	t.Helper()
	own = c.Login("lena")
	in, err := c.Proxy().Login(t.Context(), own.Actor, usermgmt.ProxyRequest{Target: target, Acknowledged: true, Reason: "ticket 7"})
	require.NoError(t, err)
	return own, in
}

func (c *company) verify(t *testing.T, r *usermgmt.LoginResult) (usermgmt.Actor, error) {
	t.Helper()
	return c.Auth().Session(t.Context(), r.Token.Reveal(), here)
}

func TestProxyLoginAndBack(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	notice, err := c.Proxy().Prepare(t.Context(), c.Login("lena").Actor, c.nora.ID)
	require.NoError(t, err)
	assert.Equal(t, "Fnora Lnora", notice.TargetName)
	assert.Equal(t, 15*time.Minute, notice.Idle)

	own, in := c.proxied(t, c.nora.ID)
	a, err := c.verify(t, in)
	require.NoError(t, err)
	assert.Equal(t, c.nora.ID, a.Subject())
	assert.Equal(t, c.lena.ID, a.Operator())
	assert.False(t, a.Has("user.disable"), "the target's rights, not the union")
	assert.True(t, a.Has("deal.edit"))
	_, err = c.verify(t, own)
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated, "the own session is parked")

	_, err = c.Users().Update(t.Context(), a, c.nora.ID, c.nora.Version, usermgmt.UserUpdate{Phone: new("123")})
	require.NoError(t, err)
	_, login, err := c.Users().Status(t.Context(), c.Root(), c.nora.ID)
	require.NoError(t, err)
	assert.Zero(t, login.LoginCount, "the target's last login is not touched")

	back, err := c.Proxy().SwitchBack(t.Context(), in.Token.Reveal(), here)
	require.NoError(t, err)
	assert.Equal(t, own.Session.ID, back.Session.ID, "the operator's own session")
	assert.NotEqual(t, own.Token.Reveal(), back.Token.Reveal(), "with a new token")
	a, err = c.verify(t, back)
	require.NoError(t, err)
	assert.Equal(t, c.lena.ID, a.Subject())
	assert.False(t, a.Proxied())
	for _, dead := range []*usermgmt.LoginResult{own, in} {
		_, err = c.verify(t, dead)
		require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
	}
	_, err = c.Proxy().SwitchBack(t.Context(), in.Token.Reveal(), here)
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated, "once")

	var verbs []string
	for e, err := range c.Audit().Stream(t.Context(), c.Root(), usermgmt.AuditQuery{Operator: c.lena.ID, Subject: c.nora.ID}) {
		require.NoError(t, err)
		verbs = append(verbs, e.Verb)
		assert.Equal(t, "lena", e.Detail.OperatorName)
	}
	assert.Equal(t, []string{"proxy.switch_back", "user.update"}, verbs, "both names are on every entry")
}

func TestProxyLoginIsRefused(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	lena := c.Login("lena").Actor
	try := func(a usermgmt.Actor, target usermgmt.UserID) error {
		_, err := c.Proxy().Login(t.Context(), a, usermgmt.ProxyRequest{Target: target, Acknowledged: true})
		return err
	}
	_, err := c.Proxy().Login(t.Context(), lena, usermgmt.ProxyRequest{Target: c.nora.ID})
	require.ErrorIs(t, err, usermgmt.ErrInvalid, "without acknowledgement")
	permissionRule(t, try(lena, c.lena.ID), "self")
	permissionRule(t, try(lena, c.ivan.ID), "")
	permissionRule(t, try(c.As(c.lena.ID), c.nora.ID), "own_session_only")
	require.ErrorIs(t, try(c.Login("sam").Actor, c.nora.ID), usermgmt.ErrNotFound, "who may not even see the target")
	require.NoError(t, c.Users().Disable(t.Context(), c.Root(), c.nora.ID))
	permissionRule(t, try(lena, c.nora.ID), "disabled")
	in, err := c.Proxy().Login(t.Context(), lena, usermgmt.ProxyRequest{Target: c.sam.ID, Acknowledged: true})
	require.NoError(t, err)
	permissionRule(t, try(in.Actor, c.lena.ID), "nested")
}

func TestStrictProxyRefusesStrongerTargets(t *testing.T) {
	t.Parallel()
	for _, strict := range []bool{false, true} {
		c := newCompany(t, &usermgmt.Config{Proxy: usermgmt.ProxyConfig{Strict: strict}})
		boss := c.AddUser("boss", func(n *usermgmt.NewUser) {
			n.PrimaryTeam, n.Roles = c.north, []usermgmt.RoleAssignment{{Role: c.strong.ID}}
		})
		_, err := c.Proxy().Login(t.Context(), c.Login("lena").Actor, usermgmt.ProxyRequest{Target: boss.ID, Acknowledged: true})
		if strict {
			permissionRule(t, err, "stronger")
		} else {
			require.NoError(t, err, "the documented behaviour goes by teams only")
		}
	}
}

func TestProxySessionDiesWhenAnythingUnderItIsWithdrawn(t *testing.T) {
	t.Parallel()
	regular := func(c *company, t *testing.T) {
		mem, err := c.Members().Get(t.Context(), c.Root(), c.lena.ID, usermgmt.OrgID{})
		require.NoError(t, err)
		_, err = c.Members().Update(t.Context(), c.Root(), c.lena.ID, usermgmt.OrgID{}, mem.Version, usermgmt.MembershipUpdate{Profile: &c.profileRegular})
		require.NoError(t, err)
	}
	for name, withdraw := range map[string]func(*company, *testing.T){
		"permission": regular,
		"operator disabled": func(c *company, t *testing.T) {
			require.NoError(t, c.Users().Disable(t.Context(), c.Root(), c.lena.ID))
		},
		"target disabled": func(c *company, t *testing.T) {
			require.NoError(t, c.Users().Disable(t.Context(), c.Root(), c.nora.ID))
		},
		"target moved away": func(c *company, t *testing.T) {
			require.NoError(t, c.Teams().AddMember(t.Context(), c.Root(), c.it, c.nora.ID, usermgmt.TeamChange{Primary: true}))
			require.NoError(t, c.Teams().RemoveMember(t.Context(), c.Root(), c.north, c.nora.ID))
		},
		"list": func(c *company, t *testing.T) {
			_, err := c.Proxy().SetGrants(t.Context(), c.Root(), c.lena.ID, 0, usermgmt.ProxyGrants{Restricted: true, Users: []usermgmt.ProxyUser{{User: c.sam.ID}}})
			require.NoError(t, err)
		},
		"operator's password": func(c *company, t *testing.T) {
			require.NoError(t, c.Passwords().Set(t.Context(), c.Root(), c.lena.ID, "Another-Horse-9-Staple", "", false))
		},
		"operator's sessions ended": func(c *company, t *testing.T) {
			_, err := c.Sessions().EndAll(t.Context(), c.Root(), c.lena.ID)
			require.NoError(t, err)
		},
		"idle": func(c *company, _ *testing.T) { c.Clock.Advance(15 * time.Minute) },
		"target ended": func(c *company, t *testing.T) {
			require.NoError(t, c.Members().End(t.Context(), c.Root(), c.nora.ID, usermgmt.OrgID{}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCompany(t, nil)
			_, in := c.proxied(t, c.nora.ID)
			_, err := c.verify(t, in)
			require.NoError(t, err)
			withdraw(c, t)
			_, err = c.verify(t, in)
			require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
			_, err = c.Users().Update(t.Context(), in.Actor, c.nora.ID, c.nora.Version, usermgmt.UserUpdate{Phone: new("1")})
			require.ErrorIs(t, err, usermgmt.ErrUnauthenticated, "nor does an actor verified before it change anything")
		})
	}
}

func TestWithdrawnOperatorSwitchesBackToWhatIsLeft(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	_, in := c.proxied(t, c.nora.ID)
	_, err := c.Proxy().SetGrants(t.Context(), c.Root(), c.lena.ID, 0, usermgmt.ProxyGrants{Restricted: true})
	require.NoError(t, err)
	back, err := c.Proxy().SwitchBack(t.Context(), in.Token.Reveal(), here)
	require.NoError(t, err, "leaving needs no permission")
	assert.Equal(t, c.lena.ID, back.Actor.Subject())
}

func TestProxyLists(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	may := func(target usermgmt.UserID) bool {
		t.Helper()
		_, err := c.Proxy().Prepare(t.Context(), c.Login("lena").Actor, target)
		if err != nil {
			permissionRule(t, err, "not_on_list")
		}
		return err == nil
	}
	version := int64(0)
	set := func(g usermgmt.ProxyGrants) {
		t.Helper()
		l, err := c.Proxy().SetGrants(t.Context(), c.Root(), c.lena.ID, version, g)
		require.NoError(t, err)
		version = l.Version
	}
	assert.True(t, may(c.nora.ID) && may(c.sam.ID), "everybody by default, within the hierarchy")
	set(usermgmt.ProxyGrants{Restricted: true, Teams: []usermgmt.ProxyTeam{{Team: c.sales}}})
	assert.True(t, may(c.sam.ID))
	assert.False(t, may(c.nora.ID), "direct members of the team only")
	set(usermgmt.ProxyGrants{Restricted: true, Users: []usermgmt.ProxyUser{{User: c.nora.ID}}, Teams: []usermgmt.ProxyTeam{{Team: c.sales}}})
	assert.True(t, may(c.sam.ID) && may(c.nora.ID), "the union")
	require.NoError(t, c.Teams().AddMember(t.Context(), c.Root(), c.south, c.nora.ID, usermgmt.TeamChange{Primary: true}))
	assert.True(t, may(c.nora.ID), "a user's grant follows the user")
	set(usermgmt.ProxyGrants{Restricted: true})
	assert.False(t, may(c.sam.ID), "an emptied list does not widen")
	set(usermgmt.ProxyGrants{})
	assert.True(t, may(c.sam.ID))
	_, err := c.Proxy().SetGrants(t.Context(), c.Root(), c.lena.ID, 0, usermgmt.ProxyGrants{})
	require.ErrorIs(t, err, usermgmt.ErrStale)
	_, err = c.Proxy().SetGrants(t.Context(), c.Root(), c.lena.ID, version, usermgmt.ProxyGrants{Users: []usermgmt.ProxyUser{{User: c.sam.ID}}})
	require.ErrorIs(t, err, usermgmt.ErrInvalid, "a list without the restriction would do nothing")
	_, err = c.Proxy().SetGrants(t.Context(), c.As(c.lena.ID), c.lena.ID, version, usermgmt.ProxyGrants{})
	permissionRule(t, err, "self")
}

func TestWhatIsDeniedDuringAProxyLogin(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	own := c.Login("root")
	in, err := c.Proxy().Login(t.Context(), own.Actor, usermgmt.ProxyRequest{Target: c.lena.ID, Acknowledged: true})
	require.NoError(t, err)
	a := in.Actor
	_, err = c.Passwords().Change(t.Context(), a, usermgmt.PasswordChange{Current: usermgmttest.Password, New: "Another-Horse-9-Staple"})
	require.ErrorIs(t, err, usermgmt.ErrPermission)
	_, err = c.APIKeys().Generate(t.Context(), a, usermgmt.KeyRequest{User: c.lena.ID})
	require.ErrorIs(t, err, usermgmt.ErrPermission)
	require.ErrorIs(t, c.Passwords().Set(t.Context(), a, c.nora.ID, "Another-Horse-9-Staple", "", false), usermgmt.ErrPermission)
	_, err = c.Proxy().SetGrants(t.Context(), a, c.nora.ID, 0, usermgmt.ProxyGrants{})
	require.ErrorIs(t, err, usermgmt.ErrPermission)
	require.NoError(t, c.Users().Disable(t.Context(), a, c.nora.ID), "what lena may do otherwise is done as lena")
}

func TestOfManyWhoSwitchBackOneSucceeds(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	_, in := c.proxied(t, c.nora.ID)
	won := 0
	results := make(chan error, 64)
	for range 64 {
		go func() {
			_, err := c.Proxy().SwitchBack(t.Context(), in.Token.Reveal(), here)
			results <- err
		}()
	}
	for range 64 {
		if err := <-results; err == nil {
			won++
		} else {
			assert.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
		}
	}
	assert.Equal(t, 1, won)
}

// T-IMP-05: what the target sees and does gives nobody the operator's session.
func TestTheTargetNeitherLearnsNorRevivesTheOperatorsSession(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	ctx := t.Context()
	own, in := c.proxied(t, c.nora.ID)
	nora := c.Login("nora")
	list, err := c.Sessions().List(ctx, nora.Actor, c.nora.ID)
	require.NoError(t, err)
	require.Len(t, list, 2, "the target sees that somebody acts")
	for _, s := range list {
		assert.Zero(t, s.TokenHash)
	}
	n, err := c.Sessions().EndAll(ctx, nora.Actor, c.nora.ID)
	require.NoError(t, err)
	assert.Equal(t, 1, n)
	for _, r := range []*usermgmt.LoginResult{own, in} {
		_, err = c.verify(t, r)
		require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
	}
	_, err = c.Proxy().SwitchBack(ctx, in.Token.Reveal(), here)
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
	_, err = c.Proxy().SwitchBack(ctx, nora.Token.Reveal(), here)
	refusedRule(t, err, "not_proxied")
}

// T-IMP-07: no session in which somebody acts outlives the operator's own.
func TestAProxySessionEndsWithTheOperatorsOwn(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	own := c.Login("lena")
	for range 23 * 2 {
		c.Clock.Advance(30 * time.Minute)
		_, err := c.verify(t, own)
		require.NoError(t, err)
	}
	a, err := c.Auth().StepUp(t.Context(), c.verified(t, own), usermgmt.StepUpRequest{Password: usermgmttest.Password})
	require.NoError(t, err)
	in, err := c.Proxy().Login(t.Context(), a.Actor, usermgmt.ProxyRequest{Target: c.nora.ID, Acknowledged: true})
	require.NoError(t, err)
	assert.Equal(t, own.Session.ExpiresAt, in.Session.ExpiresAt)
}

func (c *company) verified(t *testing.T, r *usermgmt.LoginResult) usermgmt.Actor {
	t.Helper()
	a, err := c.verify(t, r)
	require.NoError(t, err)
	return a
}

// T-IMP-12: an operator who may no longer be in is logged out by switching back.
func TestSwitchingBackLetsNobodyInWhoMayNotBeIn(t *testing.T) {
	t.Parallel()
	for name, withdraw := range map[string]func(*company, *testing.T){
		"disabled": func(c *company, t *testing.T) {
			require.NoError(t, c.Users().Disable(t.Context(), c.Root(), c.lena.ID))
		},
		"password": func(c *company, t *testing.T) {
			require.NoError(t, c.Passwords().Set(t.Context(), c.Root(), c.lena.ID, "Another-Horse-9-Staple", "", false))
		},
		"membership": func(c *company, t *testing.T) {
			mem, err := c.Members().Get(t.Context(), c.Root(), c.lena.ID, usermgmt.OrgID{})
			require.NoError(t, err)
			_, err = c.Members().Update(t.Context(), c.Root(), c.lena.ID, usermgmt.OrgID{}, mem.Version, usermgmt.MembershipUpdate{Enabled: new(false)})
			require.NoError(t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCompany(t, nil)
			own, in := c.proxied(t, c.nora.ID)
			withdraw(c, t)
			_, err := c.Proxy().SwitchBack(t.Context(), in.Token.Reveal(), here)
			require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
			for _, r := range []*usermgmt.LoginResult{own, in} {
				_, err = c.verify(t, r)
				require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
			}
		})
	}
}
