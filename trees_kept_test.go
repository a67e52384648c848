package usermgmt_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/store/intercept"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

// A process that changes a tree knows it afterwards, and reads it again only when
// another process has changed it. What was not committed counts for nothing.
func TestOwnChangesOfTreesAreNotReadAgain(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	errLost := errors.New("lost")
	var seen calls
	lose := false
	store := teststores.New(t)
	e := usermgmttest.NewOn(t, intercept.Store(store, func(ctx context.Context, method string, call func(context.Context) error) error {
		seen.add(method)
		if method == "AppendAudit" && lose {
			return errLost
		}
		return call(ctx)
	}), nil)
	other, err := usermgmt.New(store, nil)
	require.NoError(t, err)
	north, south := e.AddTeam("North", e.RootTeam.ID), e.AddTeam("South", e.RootTeam.ID)
	below := e.AddTeam("Below", north.ID)
	sells := usermgmt.ProfileTeamAdministrator
	e.AddUser("nora", func(n *usermgmt.NewUser) { n.PrimaryTeam, n.Profile = north.ID, e.Profile(sells) })
	ben := e.AddUser("ben", func(n *usermgmt.NewUser) { n.PrimaryTeam = below.ID })
	nora, root := e.Login("nora"), e.Login("root")
	edits := func() bool {
		a, err := e.Auth().Session(ctx, nora.Token.Reveal(), here)
		require.NoError(t, err)
		return a.Can(usermgmt.PermUserEdit, usermgmt.Record{Org: e.Organization.ID, Owner: ben.ID, OwnerTeams: []usermgmt.TeamID{below.ID}})
	}
	move := func(m *usermgmt.Manager, to usermgmt.TeamID) error {
		team, err := store.TeamByID(ctx, below.ID)
		require.NoError(t, err)
		a, err := m.ActorFor(ctx, usermgmt.ActorRequest{User: e.Administrator.ID, Org: e.Organization.ID, ProvedAt: e.Clock.Now()})
		require.NoError(t, err)
		_, err = m.Teams().Update(ctx, a, below.ID, team.Version, usermgmt.TeamUpdate{Parent: &to})
		return err
	}
	reads := func() int {
		n := 0
		for _, c := range seen.take() {
			if c == "Trees" {
				n++
			}
		}
		return n
	}
	require.True(t, edits())
	reads()
	require.NoError(t, move(e.Manager, south.ID))
	assert.False(t, edits())
	require.NoError(t, move(e.Manager, north.ID))
	assert.True(t, edits())
	_, err = e.Units().Create(ctx, root.Actor, usermgmt.NewUnit{Parent: e.MainUnit.ID, Name: "Unit"})
	require.NoError(t, err)
	assert.True(t, edits())
	system, err := e.SystemActor("a sync", e.Organization.ID, usermgmt.Grant{Permission: usermgmt.PermTeamEdit, Scope: usermgmt.ScopeOrganization})
	require.NoError(t, err)
	for _, to := range []usermgmt.TeamID{south.ID, north.ID} {
		team, err := store.TeamByID(ctx, below.ID)
		require.NoError(t, err)
		_, err = e.Teams().Update(ctx, system, below.ID, team.Version, usermgmt.TeamUpdate{Parent: &to})
		require.NoError(t, err)
	}
	assert.True(t, edits())
	assert.Zero(t, reads(), "its own changes are known")

	require.NoError(t, move(other, e.RootTeam.ID))
	assert.False(t, edits())
	assert.NotZero(t, reads(), "those of others are read")
	lose = true
	require.ErrorIs(t, move(e.Manager, north.ID), errLost)
	lose = false
	require.NoError(t, move(other, south.ID), "which gives the stamp that the lost one would have had")
	assert.False(t, edits())
	require.ErrorIs(t, store.Tx(ctx, func(_ context.Context, tx usermgmt.Store) error {
		require.NoError(t, move(e.WithStore(tx), north.ID))
		return errLost
	}), errLost)
	require.NoError(t, move(other, e.RootTeam.ID))
	assert.False(t, edits())
}
