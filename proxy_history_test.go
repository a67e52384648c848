package usermgmt_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/store/intercept"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

// who are the names of those who may act as a user, with how.
func (c *company) who(t *testing.T, a usermgmt.Actor, user usermgmt.UserID) []string {
	t.Helper()
	var out []string
	q := usermgmt.ListQuery{Limit: 2}
	for {
		page, err := c.Proxy().WhoMayActAs(t.Context(), a, user, q)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page.Items), 2)
		for _, m := range page.Items {
			how := m.Name
			if m.ByPermission {
				how += " by permission"
			}
			if m.Deputy != nil {
				how += " as deputy"
			}
			out = append(out, how)
		}
		if q.After = page.Next; q.After.IsZero() {
			return out
		}
	}
}

func TestEverybodySeesWhoMayActAsThem(t *testing.T) {
	t.Parallel()
	c := deputising(t, nil)
	ctx := t.Context()
	nora := c.As(c.nora.ID)
	assert.Equal(t, []string{"Flena Llena by permission", "Ruth Root by permission"}, c.who(t, nora, usermgmt.UserID{}))
	c.names(t, nil)
	c.names(t, func(r *usermgmt.DeputyRequest) { r.Deputy = c.lena.ID })
	c.names(t, func(r *usermgmt.DeputyRequest) { r.Deputy, r.From = c.sam.ID, c.Clock.Now().Add(time.Hour) })
	assert.Equal(t, []string{"Fivan Livan as deputy", "Flena Llena by permission as deputy", "Ruth Root by permission"}, c.who(t, nora, usermgmt.UserID{}))
	list, err := c.Proxy().SetGrants(ctx, c.Root(), c.lena.ID, 0, usermgmt.ProxyGrants{Restricted: true,
		Users: []usermgmt.ProxyUser{{User: c.nora.ID, Until: c.Clock.Now().Add(time.Hour)}}})
	require.NoError(t, err)
	assert.Contains(t, c.who(t, nora, usermgmt.UserID{}), "Flena Llena by permission as deputy")
	c.Clock.Advance(time.Hour)
	nora = c.As(c.nora.ID)
	assert.Equal(t, []string{"Fivan Livan as deputy", "Flena Llena as deputy", "Fsam Lsam as deputy", "Ruth Root by permission"}, c.who(t, nora, usermgmt.UserID{}), "entry and deputy in their time")
	assert.True(t, list.Restricted)
	require.NoError(t, c.Users().Disable(ctx, c.Root(), c.ivan.ID))
	assert.NotContains(t, c.who(t, nora, usermgmt.UserID{}), "Fivan Livan as deputy")

	assert.Equal(t, c.who(t, nora, usermgmt.UserID{}), c.who(t, c.Root(), c.nora.ID), "an administrator sees the same")
	_, err = c.Proxy().WhoMayActAs(ctx, c.As(c.sam.ID), c.nora.ID, usermgmt.ListQuery{})
	permissionRule(t, err, "")
	require.NoError(t, c.Settings().Change(ctx, c.Root(), usermgmt.SettingsOf{User: c.nora.ID},
		usermgmt.SettingChange{Key: usermgmt.SettingProxyExempt, Value: "true"}))
	assert.Empty(t, c.who(t, nora, usermgmt.UserID{}))
}

// What the list says, a login says.
func TestWhoMayActIsWhatLoginsAllow(t *testing.T) {
	t.Parallel()
	for _, strict := range []bool{false, true} {
		c := deputising(t, &usermgmt.Config{Proxy: usermgmt.ProxyConfig{Strict: strict}})
		ctx := t.Context()
		c.grantRole(t, c.sam.ID, c.strong.ID)
		c.names(t, nil)
		people := map[string]*usermgmt.User{"lena": c.lena, "sam": c.sam, "nora": c.nora, "ivan": c.ivan, "root": &c.Administrator}
		for target, u := range people {
			may := map[usermgmt.UserID]bool{}
			page, err := c.Proxy().WhoMayActAs(ctx, c.As(u.ID), u.ID, usermgmt.ListQuery{})
			require.NoError(t, err)
			for _, m := range page.Items {
				may[m.User] = true
			}
			for name, operator := range people {
				_, err := c.Proxy().Prepare(ctx, c.Login(name).Actor, u.ID)
				assert.Equal(t, err == nil, may[operator.ID], "%s as %s, strict %t: %v", name, target, strict, err)
			}
		}
	}
}

func TestWhoMayActReadsNoMoreForMoreMembers(t *testing.T) {
	t.Parallel()
	reads := func(members int) int64 {
		var n atomic.Int64
		store := intercept.Store(teststores.New(t), func(ctx context.Context, _ string, call func(context.Context) error) error {
			n.Add(1)
			return call(ctx)
		})
		e := usermgmttest.NewOn(t, store, nil)
		for i := range members {
			e.AddUser(fmt.Sprintf("admin%02d", i), func(n *usermgmt.NewUser) { n.Profile = e.Profile(usermgmt.ProfileAdministrator) })
		}
		a := e.Root()
		n.Store(0)
		page, err := e.Proxy().WhoMayActAs(t.Context(), a, usermgmt.UserID{}, usermgmt.ListQuery{})
		require.NoError(t, err)
		assert.Len(t, page.Items, members)
		return n.Load()
	}
	few, many := reads(2), reads(40)
	assert.Equal(t, few, many)
	assert.LessOrEqual(t, many, int64(16))
}

func TestTheHistoryOfActing(t *testing.T) {
	t.Parallel()
	c := deputising(t, nil)
	ctx := t.Context()
	c.names(t, func(r *usermgmt.DeputyRequest) { r.ReadOnly = true })
	var in [3]*usermgmt.LoginResult
	_, in[0] = c.proxied(t, c.nora.ID)
	_, err := c.Proxy().SwitchBack(ctx, in[0].Token.Reveal(), here)
	require.NoError(t, err)
	c.Clock.Advance(time.Minute)
	in[1], err = c.asNora(t, "ivan")
	require.NoError(t, err)
	c.Clock.Advance(20 * time.Minute)
	_, in[2] = c.proxied(t, c.nora.ID)
	_, err = c.Proxy().Login(ctx, c.Login("lena").Actor, usermgmt.ProxyRequest{Target: c.sam.ID, Acknowledged: true})
	require.NoError(t, err)

	history := func(a usermgmt.Actor, q usermgmt.VisitQuery) []usermgmt.Visit {
		t.Helper()
		var out []usermgmt.Visit
		for q.Limit = 2; ; {
			page, err := c.Proxy().History(ctx, a, q)
			require.NoError(t, err)
			out = append(out, page.Items...)
			if q.After = page.Next; q.After.IsZero() {
				return out
			}
		}
	}
	visits := history(c.As(c.nora.ID), usermgmt.VisitQuery{})
	require.Len(t, visits, 3)
	for i, want := range []struct {
		operator, end string
		basis         usermgmt.Basis
		readOnly      bool
	}{{"lena", "", usermgmt.BasisPermission, false}, {"ivan", "expired", usermgmt.BasisDeputy, true}, {"lena", "switched back", usermgmt.BasisPermission, false}} {
		v, ses := visits[i], in[2-i].Session
		assert.Equal(t, want.operator, v.OperatorName)
		assert.Equal(t, want.end, v.EndReason)
		assert.Equal(t, want.end == "", v.Running)
		assert.Equal(t, want.basis, v.Basis)
		assert.Equal(t, want.readOnly, v.ReadOnly)
		assert.Equal(t, ses.ID, v.Session)
		assert.Equal(t, ses.ExpiresAt, v.Until)
		assert.Equal(t, ses.CreatedAt, v.At)
		assert.Equal(t, c.nora.ID, v.User)
		assert.Equal(t, "Fnora Lnora", v.UserName)
	}
	assert.Equal(t, in[1].Session.SeenAt.Add(15*time.Minute), visits[1].EndedAt)
	assert.Equal(t, "ticket 7", visits[0].Reason)

	assert.Len(t, history(c.As(c.lena.ID), usermgmt.VisitQuery{Operator: c.lena.ID}), 3, "what one did oneself")
	assert.Equal(t, visits, history(c.Root(), usermgmt.VisitQuery{User: c.nora.ID}))
	_, err = c.Proxy().History(ctx, c.As(c.sam.ID), usermgmt.VisitQuery{User: c.nora.ID})
	permissionRule(t, err, "")
	_, err = c.Proxy().History(ctx, c.Root(), usermgmt.VisitQuery{User: c.nora.ID, Operator: c.lena.ID})
	invalidField(t, err, "operator", "excludes")

	// The log outlives the sessions.
	c.Clock.Advance(40 * 24 * time.Hour)
	_, err = c.RunOnce(ctx)
	require.NoError(t, err)
	visits = history(c.As(c.nora.ID), usermgmt.VisitQuery{})
	require.Len(t, visits, 3)
	assert.Equal(t, "lena", visits[0].OperatorName)
	assert.True(t, visits[0].EndedAt.IsZero() && !visits[0].Running)
}
