package usermgmt_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

func TestParallelSessionsAreLimited(t *testing.T) {
	t.Parallel()
	p := usermgmt.PolicyNIST()
	p.MaxSessions = 2
	e := usermgmttest.NewOn(t, teststores.New(t), &usermgmt.Config{Policy: &p})
	ann := e.AddUser("ann", nil)
	var sessions []*usermgmt.LoginResult
	for range 3 {
		sessions = append(sessions, e.Login("ann"))
		e.Clock.Advance(time.Second)
	}
	_, err := e.Auth().Session(t.Context(), sessions[0].Token.Reveal(), here)
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated, "the oldest made room")
	list, err := e.Sessions().List(t.Context(), e.As(ann.ID), ann.ID)
	require.NoError(t, err)
	assert.Len(t, list, 2)
	assert.Equal(t, sessions[2].Session.ID, list[0].ID, "newest first")
	for _, s := range list {
		assert.Zero(t, s.TokenHash)
	}
	require.NoError(t, e.Sessions().End(t.Context(), sessions[2].Actor, sessions[1].Session.ID))
	_, err = e.Auth().Session(t.Context(), sessions[1].Token.Reveal(), here)
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
	require.NoError(t, e.Auth().Logout(t.Context(), sessions[2].Actor))
	require.ErrorIs(t, e.Auth().Logout(t.Context(), sessions[2].Actor), usermgmt.ErrUnauthenticated)
	bob := e.AddUser("bob", nil)
	_, err = e.Sessions().List(t.Context(), e.As(bob.ID), ann.ID)
	require.ErrorIs(t, err, usermgmt.ErrNotFound)
}

func TestKeysFollowTheirOwner(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	root := c.Root()
	key, err := c.APIKeys().Generate(t.Context(), root, usermgmt.KeyRequest{User: c.lena.ID, ExpiresAt: c.Clock.Now().Add(time.Hour)})
	require.NoError(t, err)
	a, err := c.Auth().APIKey(t.Context(), key.Text.Reveal(), here)
	require.NoError(t, err)
	assert.True(t, a.Has(usermgmt.PermUserEnable))

	narrow, err := c.APIKeys().Generate(t.Context(), root, usermgmt.KeyRequest{User: c.sam.ID, Permissions: []usermgmt.Permission{"deal.view"}})
	require.NoError(t, err)
	b, err := c.Auth().APIKey(t.Context(), narrow.Text.Reveal(), here)
	require.NoError(t, err)
	assert.True(t, b.Has("deal.view"))
	assert.False(t, b.Has("deal.edit"), "narrower than its owner")

	mem, err := c.Members().Get(t.Context(), root, c.lena.ID, usermgmt.OrgID{})
	require.NoError(t, err)
	_, err = c.Members().Update(t.Context(), root, c.lena.ID, usermgmt.OrgID{}, mem.Version, usermgmt.MembershipUpdate{Profile: &c.profileRegular})
	require.NoError(t, err)
	require.ErrorIs(t, c.Users().Disable(t.Context(), a, c.nora.ID), usermgmt.ErrNotFound, "demoted since the key was verified")
	a, err = c.Auth().APIKey(t.Context(), key.Text.Reveal(), here)
	require.NoError(t, err)
	assert.False(t, a.Has(usermgmt.PermUserEnable))

	got, err := c.APIKeys().Get(t.Context(), root, c.lena.ID, usermgmt.OrgID{})
	require.NoError(t, err)
	assert.Equal(t, key.Key.PublicID, got.PublicID)
	assert.Zero(t, got.Hash)
	assert.Equal(t, c.Clock.Now(), got.LastUsedAt)
	c.Clock.Advance(time.Hour)
	_, err = c.Auth().APIKey(t.Context(), key.Text.Reveal(), here)
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated, "dead at its end")
	require.NoError(t, c.APIKeys().Delete(t.Context(), c.Root(), c.sam.ID, usermgmt.OrgID{}))
	require.NoError(t, c.APIKeys().Delete(t.Context(), c.Root(), c.sam.ID, usermgmt.OrgID{}))
	_, err = c.Auth().APIKey(t.Context(), narrow.Text.Reveal(), here)
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
}

func TestADemandedChangeIsNotEvadedByAKey(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ann := e.AddUser("ann", nil)
	key, err := e.APIKeys().Generate(t.Context(), e.As(ann.ID), usermgmt.KeyRequest{User: ann.ID})
	require.NoError(t, err)
	require.NoError(t, e.Passwords().Set(t.Context(), e.Root(), ann.ID, otherPassword, "", true))
	_, err = e.Auth().APIKey(t.Context(), key.Text.Reveal(), here)
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
	assert.True(t, e.As(ann.ID).Pending().Has(usermgmt.StepPassword))
}

func TestAssignmentsCountInTheirTime(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	now := c.Clock.Now()
	mem, err := c.Members().Get(t.Context(), c.Root(), c.sam.ID, usermgmt.OrgID{})
	require.NoError(t, err)
	roles := []usermgmt.RoleAssignment{{Role: c.seller.ID}, {Role: c.strong.ID, From: now.Add(time.Hour), Until: now.Add(2 * time.Hour)}}
	_, err = c.Members().Update(t.Context(), c.Root(), c.sam.ID, usermgmt.OrgID{}, mem.Version, usermgmt.MembershipUpdate{Roles: &roles})
	require.NoError(t, err)
	has := func() bool { return c.As(c.sam.ID).Has("deal.delete") }
	assert.False(t, has())
	c.Clock.Advance(time.Hour)
	assert.True(t, has(), "from its beginning")
	c.Clock.Advance(time.Hour - time.Microsecond)
	assert.True(t, has())
	c.Clock.Advance(time.Microsecond)
	assert.False(t, has(), "not at its end")
}

func TestAnActorIsForOneRequest(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	a := e.Root()
	e.Clock.Advance(time.Minute + time.Microsecond)
	_, err := e.Users().List(t.Context(), a, usermgmt.UserQuery{})
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
	_, err = e.Teams().Create(t.Context(), a, usermgmt.NewTeam{Name: "x"})
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
	a, err = e.Refresh(t.Context(), a)
	require.NoError(t, err)
	_, err = e.Users().List(t.Context(), a, usermgmt.UserQuery{})
	require.NoError(t, err)
}

func TestDeliveryTriesAgainAndGivesUp(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ann := e.AddUser("ann", nil)
	require.NoError(t, e.Passwords().Set(t.Context(), e.Root(), ann.ID, otherPassword, "", false))
	e.Mail.Fail(errors.New("mailbox full"))
	var dead int
	for range 20 {
		d, err := e.Deliver(t.Context(), 10)
		require.NoError(t, err)
		dead += d.Dead
		e.Clock.Advance(24 * time.Hour)
	}
	assert.Equal(t, 1, dead)
	list, err := e.Store.ListMessages(t.Context(), false, usermgmt.ListQuery{Limit: 10})
	require.NoError(t, err)
	require.Len(t, list, 1)
	assert.Equal(t, 10, list[0].Attempts)
	assert.Equal(t, "mailbox full", list[0].LastError)
	assert.Empty(t, list[0].Values, "a dead message keeps no content")
}

func TestNothingIsSentForWhatWasRolledBack(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ann := e.AddUser("ann", nil)
	root := e.Root()
	boom := errors.New("the host changed its mind")
	err := e.Store.Tx(t.Context(), func(ctx context.Context, tx usermgmt.Store) error {
		bound := e.WithStore(tx)
		if err := bound.Users().Disable(ctx, root, ann.ID); err != nil {
			return err
		}
		_, err := bound.Auth().Login(ctx, usermgmt.LoginRequest{Name: "ann", Password: usermgmttest.Password})
		require.ErrorIs(t, err, usermgmt.ErrNotConfigured, "no secret is judged inside a host's transaction")
		require.ErrorIs(t, bound.Users().Disable(ctx, root, root.Subject()), usermgmt.ErrPermission, "an error of ours leaves the transaction usable")
		return boom
	})
	require.ErrorIs(t, err, boom)
	u, err := e.Users().Get(t.Context(), e.Root(), ann.ID)
	require.NoError(t, err)
	assert.True(t, u.Enabled)
	entries, err := e.Audit().List(t.Context(), e.Root(), usermgmt.AuditQuery{Verb: "user.disable"})
	require.NoError(t, err)
	assert.Empty(t, entries)
}

func TestCatalogueHoldsThePlatformsCapabilities(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), &usermgmt.Config{Objects: []usermgmt.Object{{Name: "lead", Ownership: usermgmt.OwnedByUser, Actions: []string{"view"}}}})
	all := map[string]bool{}
	for _, o := range e.Access().Catalogue() {
		for _, a := range o.Actions {
			all[o.Name+"."+a] = true
		}
	}
	root := e.Root()
	for _, p := range []usermgmt.Permission{ // agileapps.md 3c, orocrm.md 12.3
		"user.set_password", "user.edit_profile", "user.configure", "user.export", "user.import", "user.manage_api_key", "user.assign",
		"record.change_team_owner", "personal.setup", "report.create", "report.export", "report.share", "report.manage_global", "report.print",
		"data.mass_operate", "data.import", "data.export", "audit.view", "recycle_bin.manage", "customization.objects", "application.manage",
		"customization.packages", "customization.translations", "customization.development", "customization.debug_log", "customization.sandboxes",
		"organization.edit", "proxy.login", "proxy.configure", "support_case.manage", "lead.view",
	} {
		assert.True(t, all[string(p)], p)
		assert.True(t, root.Has(p), p)
	}
}

func TestEntriesSayThatAnAccountIsShared(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	desk := e.AddUser("desk", func(n *usermgmt.NewUser) { n.Kind = usermgmt.KindShared })
	r := e.Login("desk")
	_, err := e.Users().Update(t.Context(), r.Actor, desk.ID, desk.Version, usermgmt.UserUpdate{Phone: new("1")})
	require.NoError(t, err)
	for _, verb := range []string{"auth.login", "user.update"} {
		entries, err := e.Audit().List(t.Context(), e.Root(), usermgmt.AuditQuery{Verb: verb, Operator: desk.ID, Limit: 1})
		require.NoError(t, err)
		require.Len(t, entries, 1, verb)
		assert.Equal(t, "desk (shared account)", entries[0].Detail.OperatorName)
	}
}
