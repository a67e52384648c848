package usermgmt_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
)

// whatIf asks, as the root administrator, and asserts that nothing stays.
func (c *company) whatIf(t *testing.T, change func(ctx context.Context, m *usermgmt.Manager) error) map[usermgmt.UserID]usermgmt.RightsChange {
	t.Helper()
	impact, err := c.Access().WhatIf(t.Context(), c.Root(), 0, change)
	require.NoError(t, err)
	out := map[usermgmt.UserID]usermgmt.RightsChange{}
	gaining, losing := 0, 0
	for _, ch := range impact.Changes {
		out[ch.User] = ch
		if len(ch.Gained)+len(ch.GainedTeams)+len(ch.GainedUnits)+len(ch.GainedShared)+len(ch.GainedCriteria.Roles)+len(ch.GainedCriteria.Teams) > 0 {
			gaining++
		}
		if len(ch.Lost)+len(ch.LostTeams)+len(ch.LostUnits)+len(ch.LostShared)+len(ch.LostCriteria.Roles)+len(ch.LostCriteria.Teams) > 0 {
			losing++
		}
	}
	assert.Equal(t, gaining, impact.Gaining)
	assert.Equal(t, losing, impact.Losing)
	return out
}

func TestWhatIfARoleChanged(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	entries := func() int {
		list, err := c.Store.ListAudit(t.Context(), usermgmt.AuditQuery{Limit: 1000})
		require.NoError(t, err)
		return len(list)
	}
	before := entries()
	got := c.whatIf(t, func(ctx context.Context, m *usermgmt.Manager) error {
		grants := []usermgmt.Grant{{Permission: "deal.view", Scope: usermgmt.ScopeOwn}, {Permission: "deal.delete", Scope: usermgmt.ScopeOwn}}
		_, err := m.Roles().Update(ctx, c.Root(), c.seller.ID, c.seller.Version, usermgmt.RoleUpdate{Grants: &grants})
		return err
	})
	require.Len(t, got, 4, "everybody who has the role")
	ch := got[c.nora.ID]
	assert.Equal(t, []usermgmt.Grant{{Permission: "deal.delete", Scope: usermgmt.ScopeOwn}}, ch.Gained)
	assert.Equal(t, []usermgmt.Grant{{Permission: "deal.view", Scope: usermgmt.ScopeTeam}, {Permission: "deal.edit", Scope: usermgmt.ScopeOwn}}, ch.Lost)
	assert.Equal(t, before, entries(), "nothing is recorded")
	r, err := c.Roles().Get(t.Context(), c.Root(), c.seller.ID)
	require.NoError(t, err)
	assert.Equal(t, c.seller.Version, r.Version, "nothing stays")
}

func TestWhatIfAMembershipChanged(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	got := c.whatIf(t, func(ctx context.Context, m *usermgmt.Manager) error {
		if err := m.Teams().AddMember(ctx, c.Root(), c.south, c.nora.ID, usermgmt.TeamChange{}); err != nil {
			return err
		}
		return m.Members().End(ctx, c.Root(), c.ivan.ID, c.Organization.ID)
	})
	require.Len(t, got, 2)
	assert.Equal(t, []usermgmt.TeamID{c.south}, got[c.nora.ID].GainedTeams)
	assert.Empty(t, got[c.nora.ID].Gained)
	assert.NotEmpty(t, got[c.ivan.ID].Lost)
	assert.Empty(t, got[c.ivan.ID].Gained)
}

func TestWhatIfATeamMoved(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	below := c.AddTeam("Below IT", c.it).ID
	got := c.whatIf(t, func(ctx context.Context, m *usermgmt.Manager) error {
		team, err := m.Teams().Get(ctx, c.Root(), c.it)
		if err != nil {
			return err
		}
		_, err = m.Teams().Update(ctx, c.Root(), c.it, team.Version, usermgmt.TeamUpdate{Parent: &c.sales})
		return err
	})
	require.Len(t, got, 1, "Lena alone has rights over what lies below Sales")
	assert.Equal(t, []usermgmt.TeamID{c.it}, got[c.lena.ID].GainedTeams, "with %s below it", below)
	assert.Empty(t, got[c.lena.ID].LostTeams)
	got = c.whatIf(t, func(ctx context.Context, m *usermgmt.Manager) error {
		team, err := m.Teams().Get(ctx, c.Root(), c.south)
		if err != nil {
			return err
		}
		return m.Teams().Delete(ctx, c.Root(), team.ID)
	})
	assert.Equal(t, []usermgmt.TeamID{c.south}, got[c.lena.ID].LostTeams)
}

func TestWhatIfAPolicyShared(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	got := c.whatIf(t, func(ctx context.Context, m *usermgmt.Manager) error {
		_, err := m.Sharing().Create(ctx, c.Root(), usermgmt.NewSharing{Name: "S", Owning: c.sales, OwningSubteams: true,
			Sharing: []usermgmt.TeamID{c.it}, Model: usermgmt.SharingOneWay, Permissions: []usermgmt.Permission{"deal.edit"}})
		return err
	})
	require.Len(t, got, 1)
	assert.Equal(t, []usermgmt.TeamID{c.sales}, got[c.ivan.ID].GainedShared)
	assert.Equal(t, []usermgmt.Grant{{Permission: "deal.edit", Scope: usermgmt.ScopeShared}}, got[c.ivan.ID].Gained)
}

// A role or a team can open single records and grant nothing.
func TestWhatIfCriteriaAreMet(t *testing.T) {
	t.Parallel()
	c := newConfidential(t)
	badge := c.newRole(t, "Badge")
	impact, err := c.Access().WhatIf(t.Context(), c.Root(), 0, func(ctx context.Context, m *usermgmt.Manager) error {
		mem, err := m.Members().Get(ctx, c.Root(), c.ann.ID, c.Organization.ID)
		if err != nil {
			return err
		}
		roles := append(mem.Roles, usermgmt.RoleAssignment{Role: badge.ID})
		if _, err := m.Members().Update(ctx, c.Root(), c.ann.ID, c.Organization.ID, mem.Version, usermgmt.MembershipUpdate{Roles: &roles}); err != nil {
			return err
		}
		return m.Teams().AddMember(ctx, c.Root(), c.team, c.bob.ID, usermgmt.TeamChange{})
	})
	require.NoError(t, err)
	assert.Equal(t, []int{2, 0}, []int{impact.Gaining, impact.Losing})
	require.Len(t, impact.Changes, 2)
	assert.Equal(t, usermgmt.Criteria{Roles: []usermgmt.RoleID{badge.ID}}, impact.Changes[0].GainedCriteria)
	assert.Equal(t, usermgmt.Criteria{Teams: []usermgmt.TeamID{c.team}}, impact.Changes[1].GainedCriteria)

	impact, err = c.Access().WhatIf(t.Context(), c.Root(), 0, func(ctx context.Context, m *usermgmt.Manager) error {
		return m.Members().End(ctx, c.Root(), c.ann.ID, c.Organization.ID)
	})
	require.NoError(t, err)
	require.Len(t, impact.Changes, 1)
	assert.Equal(t, usermgmt.Criteria{Roles: []usermgmt.RoleID{c.role.ID}, Teams: []usermgmt.TeamID{c.team}}, impact.Changes[0].LostCriteria)
}

func TestWhatIfIsForWhoMayMakeTheChange(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	change := func(a usermgmt.Actor) func(context.Context, *usermgmt.Manager) error {
		return func(ctx context.Context, m *usermgmt.Manager) error {
			grants := []usermgmt.Grant{{Permission: "deal.delete", Scope: usermgmt.ScopeOrganization}}
			_, err := m.Roles().Update(ctx, a, c.seller.ID, c.seller.Version, usermgmt.RoleUpdate{Grants: &grants})
			return err
		}
	}
	lena := c.As(c.lena.ID)
	_, err := c.Access().WhatIf(t.Context(), lena, 0, change(lena))
	require.ErrorIs(t, err, usermgmt.ErrPermission, "the call decides as it always does")
	_, err = c.Access().WhatIf(t.Context(), c.As(c.sam.ID), 0, func(context.Context, *usermgmt.Manager) error { return nil })
	require.ErrorIs(t, err, usermgmt.ErrPermission)
	failed := errors.New("the host's")
	_, err = c.Access().WhatIf(t.Context(), c.Root(), 0, func(context.Context, *usermgmt.Manager) error { return failed })
	require.ErrorIs(t, err, failed)
	_, err = c.Access().WhatIf(t.Context(), c.Root(), usermgmt.MaxPageSize+1, change(c.Root()))
	require.ErrorIs(t, err, usermgmt.ErrLimit)
	impact, err := c.Access().WhatIf(t.Context(), c.Root(), 1, change(c.Root()))
	require.NoError(t, err)
	assert.Len(t, impact.Changes, 1)
	assert.Equal(t, 4, impact.Gaining, "counted beyond what is listed")
	nora := c.Login("nora").Actor
	_, err = c.Access().WhatIf(t.Context(), c.Root(), 0, func(ctx context.Context, m *usermgmt.Manager) error {
		_, err := m.Passwords().Change(ctx, nora, usermgmt.PasswordChange{Current: "x", New: "y"})
		return err
	})
	require.ErrorIs(t, err, usermgmt.ErrNotConfigured, "no secret is guessed without being counted")
}
