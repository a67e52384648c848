package usermgmt_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

// late is root at a session whose last proof is too long ago.
func late(t *testing.T, cfg *usermgmt.Config) (*usermgmttest.Env, *usermgmt.LoginResult, usermgmt.Actor) {
	t.Helper()
	e := usermgmttest.NewOn(t, teststores.New(t), cfg)
	r := e.Login("root")
	e.Clock.Advance(15 * time.Minute)
	a, err := e.Refresh(t.Context(), r.Actor)
	require.NoError(t, err)
	return e, r, a
}

func TestMarkedPermissionsNeedAFreshProof(t *testing.T) {
	t.Parallel()
	e, r, a := late(t, nil)
	ctx := t.Context()
	ann := e.AddUser("ann", nil)
	_, err := e.Roles().Create(ctx, a, usermgmt.NewRole{Name: "Clerk"})
	require.ErrorIs(t, err, usermgmt.ErrStepUp)
	assert.NotErrorIs(t, err, usermgmt.ErrPermission)
	assert.NotEmpty(t, usermgmt.UserMessage(err))
	_, err = e.APIKeys().Generate(ctx, a, usermgmt.KeyRequest{User: a.Subject()})
	require.ErrorIs(t, err, usermgmt.ErrStepUp)
	_, err = e.Proxy().Login(ctx, a, usermgmt.ProxyRequest{Target: ann.ID, Acknowledged: true})
	require.ErrorIs(t, err, usermgmt.ErrStepUp)
	_, err = e.Exports().CSV(ctx, a, t.Output(), usermgmt.ExportOptions{})
	require.ErrorIs(t, err, usermgmt.ErrStepUp)
	_, err = e.Users().Get(ctx, a, ann.ID)
	require.NoError(t, err, "the others go on")
	assert.True(t, a.Can(usermgmt.PermRoleCreate, usermgmt.Record{Org: e.Organization.ID}))
	require.ErrorIs(t, e.Access().Check(a, usermgmt.PermRoleCreate, usermgmt.Record{Org: e.Organization.ID}), usermgmt.ErrStepUp)
	require.NoError(t, e.Access().Check(a, usermgmt.PermUserEdit, usermgmt.Record{Org: e.Organization.ID}))

	_, err = e.Auth().StepUp(ctx, a, usermgmt.StepUpRequest{Password: "wrong"})
	require.ErrorIs(t, err, usermgmt.ErrCredentials)
	_, state, err := e.Users().Status(ctx, e.Root(), a.Subject())
	require.NoError(t, err)
	assert.Equal(t, 1, state.Failures, "a wrong secret counts like a wrong password")
	up, err := e.Auth().StepUp(ctx, a, usermgmt.StepUpRequest{Password: usermgmttest.Password})
	require.NoError(t, err)
	assert.Equal(t, r.Session.ExpiresAt, up.Session.ExpiresAt, "the absolute limit stays")
	_, err = e.Auth().Session(ctx, r.Token.Reveal(), here)
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated, "the token before is void")
	fresh, err := e.Auth().Session(ctx, up.Token.Reveal(), here)
	require.NoError(t, err)
	require.NoError(t, e.Access().Check(fresh, usermgmt.PermRoleCreate, usermgmt.Record{Org: e.Organization.ID}))
	_, err = e.Roles().Create(ctx, fresh, usermgmt.NewRole{Name: "Clerk"})
	require.NoError(t, err)
	_, state, err = e.Users().Status(ctx, e.Root(), a.Subject())
	require.NoError(t, err)
	assert.Zero(t, state.Failures)
	count := state.LoginCount
	assert.Equal(t, int64(1), count, "it is no login")
}

func TestHostsMarkTheirOwnPermissions(t *testing.T) {
	t.Parallel()
	invoice := usermgmt.Object{Name: "invoice", Ownership: usermgmt.OwnedByOrganization, Actions: []string{"view", "pay"}}
	e, _, a := late(t, &usermgmt.Config{Objects: []usermgmt.Object{invoice}, StepUp: []usermgmt.Permission{"invoice.pay"}})
	r := usermgmt.Record{Org: e.Organization.ID}
	require.ErrorIs(t, e.Access().Check(a, "invoice.pay", r), usermgmt.ErrStepUp)
	require.NoError(t, e.Access().Check(a, "invoice.view", r))
	_, err := e.Roles().Create(t.Context(), a, usermgmt.NewRole{Name: "Clerk"})
	require.NoError(t, err, "a list of the host's replaces the default")

	e, _, a = late(t, &usermgmt.Config{StepUp: []usermgmt.Permission{}})
	require.NoError(t, e.Access().Check(a, usermgmt.PermRoleCreate, usermgmt.Record{Org: e.Organization.ID}))

	for _, bad := range []*usermgmt.Config{{StepUp: []usermgmt.Permission{"no.such"}}, {StepUpAge: time.Second}, {StepUpAge: -1}} {
		_, err := usermgmt.New(e.Store, bad)
		require.ErrorIs(t, err, usermgmt.ErrInvalid)
	}
}

// What the host has proved is as fresh as it says; a key proves nothing anew, and a
// proxy login is as fresh as its operator.
func TestEachDoorIsAsFreshAsItsProof(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ctx := t.Context()
	for _, c := range []struct {
		proved time.Time
		ok     bool
	}{{time.Time{}, false}, {e.Clock.Now(), true}, {e.Clock.Now().Add(-15 * time.Minute), false},
		{e.Clock.Now().Add(time.Microsecond - 15*time.Minute), true}, {e.Clock.Now().Add(time.Hour), false}} {
		a, err := e.ActorFor(ctx, usermgmt.ActorRequest{User: e.Administrator.ID, ProvedAt: c.proved})
		require.NoError(t, err)
		err = e.Access().Check(a, usermgmt.PermRoleCreate, usermgmt.Record{Org: e.Organization.ID})
		assert.Equal(t, c.ok, err == nil, c.proved)
		_, err = e.Auth().StepUp(ctx, a, usermgmt.StepUpRequest{Password: usermgmttest.Password})
		require.ErrorIs(t, err, usermgmt.ErrPermission, "the host proves for itself")
	}
	key, err := e.APIKeys().Generate(ctx, e.Root(), usermgmt.KeyRequest{User: e.Administrator.ID})
	require.NoError(t, err)
	e.Clock.Advance(time.Hour)
	a, err := e.Auth().APIKey(ctx, key.Text.Reveal(), here)
	require.NoError(t, err)
	require.NoError(t, e.Access().Check(a, usermgmt.PermRoleCreate, usermgmt.Record{Org: e.Organization.ID}))

	ann := e.AddUser("ann", func(n *usermgmt.NewUser) { n.Profile = e.Profile(usermgmt.ProfileAdministrator) })
	p, err := e.Proxy().Login(ctx, e.Login("root").Actor, usermgmt.ProxyRequest{Target: ann.ID, Acknowledged: true})
	require.NoError(t, err)
	e.Clock.Advance(10 * time.Minute)
	proxied, err := e.Auth().Session(ctx, p.Token.Reveal(), here)
	require.NoError(t, err)
	assert.NotErrorIs(t, e.Access().Check(proxied, usermgmt.PermUserManageAPIKey, usermgmt.Record{Org: e.Organization.ID}), usermgmt.ErrStepUp)
	back, err := e.Proxy().SwitchBack(ctx, p.Token.Reveal(), here)
	require.NoError(t, err)
	e.Clock.Advance(5 * time.Minute)
	own, err := e.Auth().Session(ctx, back.Token.Reveal(), here)
	require.NoError(t, err)
	require.ErrorIs(t, e.Access().Check(own, usermgmt.PermRoleCreate, usermgmt.Record{Org: e.Organization.ID}), usermgmt.ErrStepUp,
		"switching back proves nothing")
	entered, err := e.Auth().Enter(ctx, own, usermgmt.EnterRequest{})
	require.NoError(t, err)
	require.ErrorIs(t, e.Access().Check(entered.Actor, usermgmt.PermRoleCreate, usermgmt.Record{Org: e.Organization.ID}), usermgmt.ErrStepUp)
}

func TestARefusalForAStaleProofIsRecorded(t *testing.T) {
	t.Parallel()
	e, _, a := late(t, nil)
	_, err := e.Roles().Create(t.Context(), a, usermgmt.NewRole{Name: "Clerk"})
	require.ErrorIs(t, err, usermgmt.ErrStepUp)
	entries, err := e.Audit().List(t.Context(), e.Root(), usermgmt.AuditQuery{Verb: "role.create", Outcome: usermgmt.OutcomeRefused, Limit: 9})
	require.NoError(t, err)
	require.Len(t, entries, 1)
	assert.Equal(t, "prove again: role.create", entries[0].Detail.Reason)
}

func TestAStaleProofIsRecordedWhereAPasswordIsSet(t *testing.T) {
	t.Parallel()
	e, _, a := late(t, &usermgmt.Config{StepUp: []usermgmt.Permission{usermgmt.PermUserSetPassword}})
	ann := e.AddUser("ann", nil)
	require.ErrorIs(t, e.Passwords().Set(t.Context(), a, ann.ID, otherPassword, "", false), usermgmt.ErrStepUp)
	list := auditOf(t, e, "password.set")
	require.NotEmpty(t, list)
	assert.Equal(t, usermgmt.OutcomeRefused, list[0].Outcome)
}
