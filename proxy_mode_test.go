package usermgmt_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
)

func (c *company) orgVersion(t *testing.T) int64 {
	t.Helper()
	o, err := c.Orgs().Get(t.Context(), c.Root(), c.Organization.ID)
	require.NoError(t, err)
	return o.Version
}

// invalidField wants ErrInvalid about a field by a rule.
func invalidField(t *testing.T, err error, field, rule string) {
	t.Helper()
	require.ErrorIs(t, err, usermgmt.ErrInvalid)
	assert.ErrorContains(t, err, field)
	assert.ErrorContains(t, err, rule)
}

// refusedRule wants ErrUnauthenticated by a rule.
func refusedRule(t *testing.T, err error, rule string) {
	t.Helper()
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
	assert.ErrorContains(t, err, "("+rule+")")
}

// second is another manager with another configuration on the same store.
func (c *company) second(t *testing.T, change func(*usermgmt.Config)) *usermgmt.Manager {
	t.Helper()
	cfg := &usermgmt.Config{Objects: []usermgmt.Object{{Name: "deal", Ownership: usermgmt.OwnedByUser, Actions: []string{"view", "edit", "delete"}}}}
	change(cfg)
	return c.NewManager(cfg)
}

func TestAReadOnlyOperatorChangesNothing(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]usermgmt.ProxyConfig{"asked for": {}, "configured": {ReadOnly: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCompany(t, &usermgmt.Config{Proxy: cfg, Objects: []usermgmt.Object{{Name: "sheet", Ownership: usermgmt.OwnedByUser,
				Actions: []string{"view", "print", "edit"}, Reads: []string{"print"}}}})
			ctx := t.Context()
			in, err := c.Proxy().Login(ctx, c.Login("root").Actor, usermgmt.ProxyRequest{Target: c.lena.ID, Acknowledged: true, ReadOnly: !cfg.ReadOnly})
			require.NoError(t, err)
			admin, err := c.Proxy().Login(ctx, c.Login("root").Actor, usermgmt.ProxyRequest{Target: c.admin(t), Acknowledged: true, ReadOnly: !cfg.ReadOnly})
			require.NoError(t, err)
			for _, r := range []*usermgmt.LoginResult{in, admin} {
				a, err := c.verify(t, r)
				require.NoError(t, err)
				assert.True(t, a.ReadOnly() && r.Session.ReadOnly)
			}
			a := admin.Actor
			assert.True(t, a.Has("user.view") && a.Has("sheet.view") && a.Has("sheet.print"))
			assert.False(t, a.Has("user.edit") || a.Has("sheet.edit") || a.Has("user.disable"), "the host's checks are narrowed too")
			_, err = c.Users().Get(ctx, a, c.nora.ID)
			require.NoError(t, err)
			for what, err := range map[string]error{
				"update":  second2(c.Users().Update(ctx, a, c.nora.ID, c.nora.Version, usermgmt.UserUpdate{Phone: new("1")})),
				"own":     second2(c.Users().Update(ctx, in.Actor, c.lena.ID, c.lena.Version, usermgmt.UserUpdate{Phone: new("1")})),
				"setting": c.Settings().Change(ctx, in.Actor, usermgmt.SettingsOf{User: c.lena.ID}, usermgmt.SettingChange{Key: "language", Value: "de"}),
				"enter":   second2(c.Auth().Enter(ctx, a, usermgmt.EnterRequest{})),
				"unknown": c.Users().Disable(ctx, a, usermgmt.UserID{1}),
			} {
				permissionRule(t, err, "read_only")
				require.Error(t, err, what)
			}
			u, err := c.Users().Get(ctx, c.Root(), c.nora.ID)
			require.NoError(t, err)
			assert.Equal(t, c.nora.Version, u.Version)

			require.NoError(t, c.Audit().Record(ctx, a, usermgmt.HostEvent{Verb: "deal.look"}), "what is looked at is recorded")
			_, err = c.Proxy().SwitchBack(ctx, in.Token.Reveal(), here)
			require.NoError(t, err)
			require.NoError(t, c.Auth().Logout(ctx, a))
			log, err := c.Audit().List(ctx, c.Root(), usermgmt.AuditQuery{Verb: "user.update", Outcome: usermgmt.OutcomeRefused})
			require.NoError(t, err)
			require.NotEmpty(t, log)
			assert.Contains(t, log[0].Detail.Reason, "read_only")
			assert.Equal(t, "root", log[0].Detail.OperatorName)
		})
	}
}

// admin is an administrator besides root.
func (c *company) admin(t *testing.T) usermgmt.UserID {
	t.Helper()
	u := c.AddUser("ada", func(n *usermgmt.NewUser) { n.Profile = c.Profile(usermgmt.ProfileAdministrator) })
	return u.ID
}

func TestReadOnlyCountsForRunningSessionsAtOnce(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	_, in := c.proxied(t, c.nora.ID)
	m := c.second(t, func(cfg *usermgmt.Config) { cfg.Proxy.ReadOnly = true })
	a, err := m.Auth().Session(t.Context(), in.Token.Reveal(), here)
	require.NoError(t, err)
	assert.True(t, a.ReadOnly())
	_, err = m.Users().Update(t.Context(), a, c.nora.ID, c.nora.Version, usermgmt.UserUpdate{Phone: new("1")})
	permissionRule(t, err, "read_only")
}

func TestAnIntersectionIsWhatBothHold(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	ctx := t.Context()
	boss := c.AddUser("boss", func(n *usermgmt.NewUser) {
		n.PrimaryTeam, n.Profile = c.north, c.profileRegular
		n.Roles = []usermgmt.RoleAssignment{{Role: c.strong.ID}, {Role: c.seller.ID}}
	})
	login := func(intersect bool) usermgmt.Actor {
		in, err := c.Proxy().Login(ctx, c.Login("lena").Actor, usermgmt.ProxyRequest{Target: boss.ID, Acknowledged: true, Intersect: intersect})
		require.NoError(t, err)
		a, err := c.verify(t, in)
		require.NoError(t, err)
		return a
	}
	whole, common := login(false), login(true)
	assert.True(t, whole.Has("deal.delete"))
	assert.False(t, common.Has("deal.delete"), "lena does not hold it")
	assert.True(t, common.Has("deal.view"))
	assert.Equal(t, whole.Scope("deal.view"), common.Scope("deal.view"), "both hold it so")
	assert.False(t, common.Has("user.disable"), "boss does not hold it: it is no union")
	f := c.Access().Filter(common, "deal.delete")
	assert.True(t, f.Nothing(), "lists follow")

	// What lena gains meanwhile counts at once, and what she loses too.
	c.grantRole(t, c.lena.ID, c.strong.ID)
	again, err := c.Refresh(ctx, common)
	require.NoError(t, err)
	assert.True(t, again.Has("deal.delete"))
}

func (c *company) grantRole(t *testing.T, user usermgmt.UserID, role usermgmt.RoleID) {
	t.Helper()
	mem, err := c.Members().Get(t.Context(), c.Root(), user, usermgmt.OrgID{})
	require.NoError(t, err)
	roles := append(mem.Roles, usermgmt.RoleAssignment{Role: role})
	_, err = c.Members().Update(t.Context(), c.Root(), user, usermgmt.OrgID{}, mem.Version, usermgmt.MembershipUpdate{Roles: &roles})
	require.NoError(t, err)
}

func TestTheHostJudgesReasons(t *testing.T) {
	t.Parallel()
	asked := 0
	c := newCompany(t, &usermgmt.Config{Proxy: usermgmt.ProxyConfig{CheckReason: func(reason string) error {
		asked++
		if !strings.HasPrefix(reason, "ticket ") {
			return errors.New("name a ticket")
		}
		return nil
	}}})
	lena := c.Login("lena").Actor
	_, err := c.Proxy().Login(t.Context(), lena, usermgmt.ProxyRequest{Target: c.nora.ID, Acknowledged: true, Reason: "because"})
	invalidField(t, err, "reason", "refused")
	require.ErrorContains(t, err, "name a ticket")
	_, err = c.Proxy().Login(t.Context(), lena, usermgmt.ProxyRequest{Target: c.ivan.ID, Acknowledged: true, Reason: "because"})
	permissionRule(t, err, "")
	_, err = c.Proxy().Login(t.Context(), lena, usermgmt.ProxyRequest{Target: c.nora.ID, Acknowledged: true, Reason: "ticket 5"})
	require.NoError(t, err)
	assert.Equal(t, 3, asked)
	_, err = c.Proxy().Login(t.Context(), c.Login("lena").Actor, usermgmt.ProxyRequest{Target: c.nora.ID, Acknowledged: true})
	require.NoError(t, err, "whether there must be one is another rule")
	acts, err := c.Users().Actions(t.Context(), c.Login("lena").Actor, c.nora.ID)
	require.NoError(t, err)
	act := acts[0].Of(usermgmt.ActionProxyLogin)
	assert.True(t, act.Allowed(), "what is offered needs no reason yet")
	assert.Equal(t, 3, asked)
}

func TestASessionEndsWhenTheOperatorSaid(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	lena := c.Login("lena")
	for _, bad := range []time.Duration{-time.Hour, time.Millisecond, 4*time.Hour + 1} {
		_, err := c.Proxy().Login(t.Context(), lena.Actor, usermgmt.ProxyRequest{Target: c.nora.ID, Acknowledged: true, Lifetime: bad})
		invalidField(t, err, "lifetime", "range")
	}
	in, err := c.Proxy().Login(t.Context(), lena.Actor, usermgmt.ProxyRequest{Target: c.nora.ID, Acknowledged: true, Lifetime: 5 * time.Minute})
	require.NoError(t, err)
	assert.Equal(t, c.Clock.Now().Add(5*time.Minute), in.Session.ExpiresAt)
	c.Clock.Advance(5*time.Minute - time.Microsecond)
	_, err = c.verify(t, in)
	require.NoError(t, err)
	c.Clock.Advance(time.Microsecond)
	_, err = c.verify(t, in)
	refusedRule(t, err, "session_expired")
}

func TestNobodyActsAsWhoeverIsExempt(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	ctx := t.Context()
	_, in := c.proxied(t, c.nora.ID)
	require.NoError(t, c.Settings().Change(ctx, c.Root(), usermgmt.SettingsOf{User: c.nora.ID},
		usermgmt.SettingChange{Key: usermgmt.SettingProxyExempt, Value: "true"}))
	_, err := c.verify(t, in)
	refusedRule(t, err, "proxy_exempt")
	_, err = c.Proxy().Prepare(ctx, c.Login("lena").Actor, c.nora.ID)
	permissionRule(t, err, "exempt")
	_, err = c.Proxy().Prepare(ctx, c.Login("lena").Actor, c.sam.ID)
	require.NoError(t, err)
	err = c.Settings().Change(ctx, c.As(c.sam.ID), usermgmt.SettingsOf{User: c.sam.ID},
		usermgmt.SettingChange{Key: usermgmt.SettingProxyExempt, Value: "true"})
	require.ErrorIs(t, err, usermgmt.ErrPermission, "users do not exempt themselves unless the host lets them")
}

// T-IMP-03: turning the feature off ends what is running.
func TestTurningProxyLoginsOffEndsThem(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	_, in := c.proxied(t, c.nora.ID)
	m := c.second(t, func(cfg *usermgmt.Config) { cfg.Proxy.Off = true })
	_, err := m.Auth().Session(t.Context(), in.Token.Reveal(), here)
	refusedRule(t, err, "off")
	_, err = m.Proxy().Prepare(t.Context(), c.Login("lena").Actor, c.nora.ID)
	permissionRule(t, err, "off")
	back, err := m.Proxy().SwitchBack(t.Context(), in.Token.Reveal(), here)
	require.NoError(t, err)
	assert.Equal(t, c.lena.ID, back.Actor.Subject())
}

// T-IMP-04: what was withdrawn is in the log, with both names, however often the
// session is tried.
func TestARefusedVerificationIsRecorded(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	_, in := c.proxied(t, c.nora.ID)
	_, err := c.Proxy().SetGrants(t.Context(), c.Root(), c.lena.ID, 0, usermgmt.ProxyGrants{Restricted: true})
	require.NoError(t, err)
	for range 3 {
		_, err = c.verify(t, in)
		refusedRule(t, err, "proxy_withdrawn")
	}
	log, err := c.Audit().List(t.Context(), c.Root(), usermgmt.AuditQuery{Verb: "proxy.refused"})
	require.NoError(t, err)
	require.Len(t, log, 1)
	e := log[0]
	assert.Equal(t, usermgmt.OutcomeRefused, e.Outcome)
	assert.Equal(t, int64(3), e.Count)
	assert.Equal(t, []string{"lena", "nora"}, []string{e.Detail.OperatorName, e.Detail.SubjectName})
	assert.Equal(t, in.Session.ID.String(), e.Target)
	assert.Contains(t, e.Detail.Reason, "proxy_withdrawn")
	assert.Equal(t, usermgmt.DoorProxy, e.Door)

	own := c.Login("sam")
	c.Clock.Advance(25 * time.Hour)
	_, err = c.verify(t, own)
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
	log, err = c.Audit().List(t.Context(), c.As(c.Administrator.ID), usermgmt.AuditQuery{Verb: "proxy.refused"})
	require.NoError(t, err)
	assert.Len(t, log, 1, "of one's own sessions there is none")
}

// A target who becomes stronger than the operator is out of reach at once.
func TestATargetWhoGrowsStrongerIsOutOfReach(t *testing.T) {
	t.Parallel()
	c := newCompany(t, &usermgmt.Config{Proxy: usermgmt.ProxyConfig{Strict: true}})
	_, in := c.proxied(t, c.nora.ID)
	c.grantRole(t, c.nora.ID, c.strong.ID)
	_, err := c.verify(t, in)
	refusedRule(t, err, "target_stronger")
}

func TestEntriesOfProxyListsCountInTheirTime(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	ctx, now := t.Context(), c.Clock.Now()
	hour := func(n int) time.Time { return now.Add(time.Duration(n) * time.Hour) }
	list, err := c.Proxy().SetGrants(ctx, c.Root(), c.lena.ID, 0, usermgmt.ProxyGrants{Restricted: true,
		Users: []usermgmt.ProxyUser{{User: c.nora.ID, From: hour(1), Until: hour(3)}},
		Teams: []usermgmt.ProxyTeam{{Team: c.sales, Until: hour(2)}}})
	require.NoError(t, err)
	may := func(target usermgmt.UserID) bool {
		_, err := c.Proxy().Prepare(ctx, c.Login("lena").Actor, target)
		if err != nil {
			permissionRule(t, err, "not_on_list")
		}
		return err == nil
	}
	at := func(when time.Time, nora, sam bool) {
		t.Helper()
		c.Clock.Advance(when.Sub(c.Clock.Now()))
		assert.Equal(t, nora, may(c.nora.ID), "nora at %s", when)
		assert.Equal(t, sam, may(c.sam.ID), "sam at %s", when)
	}
	at(now, false, true)
	at(hour(1).Add(-time.Microsecond), false, true)
	at(hour(1), true, true)
	at(hour(2).Add(-time.Microsecond), true, true)
	in, err := c.Proxy().Login(ctx, c.Login("lena").Actor, usermgmt.ProxyRequest{Target: c.sam.ID, Acknowledged: true})
	require.NoError(t, err)
	at(hour(2), true, false)
	_, err = c.verify(t, in)
	refusedRule(t, err, "proxy_withdrawn")
	at(hour(3), false, false)
	assert.True(t, list.Restricted)
	got, err := c.Proxy().Grants(ctx, c.Root(), c.lena.ID)
	require.NoError(t, err)
	assert.Equal(t, list, got, "an ended entry stays, and never widens the list")

	for what, g := range map[string]usermgmt.ProxyGrants{
		"period": {Restricted: true, Users: []usermgmt.ProxyUser{{User: c.nora.ID, From: hour(2), Until: hour(2)}}},
		"twice":  {Restricted: true, Teams: []usermgmt.ProxyTeam{{Team: c.sales}, {Team: c.sales, Until: hour(9)}}},
	} {
		_, err := c.Proxy().SetGrants(ctx, c.Root(), c.lena.ID, list.Version, g)
		require.ErrorIs(t, err, usermgmt.ErrInvalid)
		assert.ErrorContains(t, err, what)
	}
}
