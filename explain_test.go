package usermgmt_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
)

// explained is the company, with records of its people's deals.
type explained struct{ *company }

func (c explained) deal(t *testing.T, owner usermgmt.UserID) *usermgmt.Record {
	t.Helper()
	places, err := c.Access().Placements(t.Context(), c.Organization.ID, owner)
	require.NoError(t, err)
	r := places[owner]
	return &r
}

func (c explained) explain(t *testing.T, user usermgmt.UserID, p usermgmt.Permission, r *usermgmt.Record) usermgmt.Explanation {
	t.Helper()
	e, err := c.Access().Explain(t.Context(), c.As(user), p, r)
	require.NoError(t, err)
	if r != nil {
		assert.Equal(t, c.As(user).Can(p, *r), e.Allowed)
	}
	assert.Equal(t, e.Allowed, len(e.Missing) == 0)
	return e
}

func (c explained) assign(t *testing.T, user usermgmt.UserID, roles ...usermgmt.RoleAssignment) {
	t.Helper()
	mem, err := c.Store.MembershipOf(t.Context(), user, c.Organization.ID)
	require.NoError(t, err)
	roles = append(mem.Roles, roles...)
	_, err = c.Members().Update(t.Context(), c.Root(), user, c.Organization.ID, mem.Version, usermgmt.MembershipUpdate{Roles: &roles})
	require.NoError(t, err)
}

func kinds(misses []usermgmt.Miss) (out []usermgmt.MissKind) {
	for _, m := range misses {
		out = append(out, m.Kind)
	}
	return out
}

func TestExplainNamesWhatARecordRelatesBy(t *testing.T) {
	t.Parallel()
	c := explained{newCompany(t, nil)}
	e := c.explain(t, c.lena.ID, "deal.view", c.deal(t, c.sam.ID))
	assert.Equal(t, usermgmt.ScopeTeam, e.Relation)
	assert.Equal(t, usermgmt.Relatives{Team: c.sales, RecordTeam: c.sales}, e.By)
	require.Len(t, e.Sources, 1)
	assert.True(t, e.Sources[0].Covers)
	assert.Equal(t, usermgmt.ScopeTeam, e.Sources[0].Relation)
	assert.Empty(t, e.Misses)

	wide, err := c.Roles().Create(t.Context(), c.Root(), usermgmt.NewRole{Org: c.Organization.ID, Name: "Wide",
		Grants: []usermgmt.Grant{{Permission: "deal.view", Scope: usermgmt.ScopeSubteams}, {Permission: "deal.edit", Scope: usermgmt.ScopeDivision}}})
	require.NoError(t, err)
	c.assign(t, c.lena.ID, usermgmt.RoleAssignment{Role: wide.ID})
	e = c.explain(t, c.lena.ID, "deal.view", c.deal(t, c.nora.ID))
	assert.Equal(t, usermgmt.ScopeSubteams, e.Relation)
	assert.Equal(t, usermgmt.Relatives{Team: c.sales, RecordTeam: c.north}, e.By)
	require.Len(t, e.Sources, 2)
	assert.False(t, e.Sources[0].Covers, "the seller's right reaches the own team only")
	assert.True(t, e.Sources[1].Covers)
	e = c.explain(t, c.lena.ID, "deal.edit", c.deal(t, c.nora.ID))
	assert.Equal(t, usermgmt.Relatives{Unit: c.MainUnit.ID, RecordUnit: c.MainUnit.ID}, e.By)

	p := c.share(t, func(n *usermgmt.NewSharing) { n.Sharing = []usermgmt.TeamID{c.it} })
	c.share(t, func(n *usermgmt.NewSharing) { n.Name, n.Owning, n.Sharing = "Others", c.south, []usermgmt.TeamID{c.it} })
	e = c.explain(t, c.ivan.ID, "deal.view", c.deal(t, c.nora.ID))
	assert.Equal(t, usermgmt.ScopeShared, e.Relation)
	assert.Equal(t, usermgmt.Relatives{RecordTeam: c.north}, e.By)
	for _, s := range e.Sources {
		assert.Equal(t, s.Sharing == p.ID, s.Covers, "%s", s.Name)
	}
}

func TestExplainNamesTheNearestMisses(t *testing.T) {
	t.Parallel()
	c := explained{newCompany(t, nil)}
	deal, now := c.deal(t, c.ivan.ID), c.Clock.Now()
	e := c.explain(t, c.sam.ID, "deal.view", deal)
	require.Equal(t, []usermgmt.MissKind{usermgmt.MissScope}, kinds(e.Misses))
	assert.Equal(t, c.seller.ID, e.Misses[0].Source.Role)

	c.assign(t, c.sam.ID, usermgmt.RoleAssignment{Role: c.strong.ID, From: now.Add(time.Hour), Until: now.Add(2 * time.Hour)})
	e = c.explain(t, c.sam.ID, "deal.delete", deal)
	require.Equal(t, []usermgmt.MissKind{usermgmt.MissLater}, kinds(e.Misses))
	assert.Equal(t, now.Add(time.Hour), e.Misses[0].Source.From)
	c.Clock.Advance(time.Hour)
	assert.True(t, c.explain(t, c.sam.ID, "deal.delete", deal).Allowed)
	c.Clock.Advance(time.Hour)
	e = c.explain(t, c.sam.ID, "deal.delete", deal)
	require.Equal(t, []usermgmt.MissKind{usermgmt.MissOver}, kinds(e.Misses))
	assert.Equal(t, now.Add(2*time.Hour), e.Misses[0].Source.Until)

	app, err := c.Applications().Create(t.Context(), c.Root(), usermgmt.NewApplication{Name: "CRM"})
	require.NoError(t, err)
	_, err = c.Applications().Grant(t.Context(), c.Root(), usermgmt.AccessRequest{Application: app.ID, Team: c.it,
		Roles: []usermgmt.RoleAssignment{{Role: c.strong.ID}}})
	require.NoError(t, err)
	e = c.explain(t, c.ivan.ID, "deal.delete", deal)
	require.Equal(t, []usermgmt.MissKind{usermgmt.MissApplication}, kinds(e.Misses))
	assert.Equal(t, app.ID, e.Misses[0].Application)
	assert.Equal(t, c.it, e.Misses[0].Source.Team)
}

func TestExplainNamesTheRoleThatIsNotInForce(t *testing.T) {
	t.Parallel()
	s := newSwitching(t)
	a, err := s.ActorFor(t.Context(), usermgmt.ActorRequest{User: s.nora.ID, Role: s.seller.ID})
	require.NoError(t, err)
	other := usermgmt.Record{Org: s.Organization.ID, Owner: s.ivan.ID, OwnerTeams: []usermgmt.TeamID{s.it}}
	e, err := s.Access().Explain(t.Context(), a, "deal.edit", &other)
	require.NoError(t, err)
	assert.Contains(t, kinds(e.Misses), usermgmt.MissRole)
	mine, err := s.Access().ExplainOf(t.Context(), s.Root(), s.nora.ID, "deal.edit", &other)
	require.NoError(t, err)
	assert.True(t, mine.Allowed, "of others, all roles together are explained")
}

func TestExplainNamesTheKeyAndTheCriteria(t *testing.T) {
	t.Parallel()
	c := newConfidential(t)
	key, err := c.APIKeys().Generate(t.Context(), c.Login("ann").Actor, usermgmt.KeyRequest{User: c.ann.ID, Permissions: []usermgmt.Permission{"lead.edit"}})
	require.NoError(t, err)
	a, err := c.Auth().APIKey(t.Context(), key.Text.Reveal(), usermgmt.Origin{})
	require.NoError(t, err)
	r := c.record(nil)
	e, err := c.Access().Explain(t.Context(), a, "lead.view", &r)
	require.NoError(t, err)
	assert.Equal(t, []usermgmt.MissKind{usermgmt.MissNarrowed}, kinds(e.Misses))
	r = c.record(&usermgmt.Criteria{})
	e, err = c.Access().Explain(t.Context(), c.As(c.ann.ID), "memo.view", &r)
	require.NoError(t, err)
	assert.False(t, e.Allowed)
	assert.Contains(t, e.Missing, "criteria")
	assert.Equal(t, []usermgmt.MissKind{usermgmt.MissCriteria}, kinds(e.Misses))
}

func TestOthersRightsAreExplainedToWhoMaySeeThem(t *testing.T) {
	t.Parallel()
	c := explained{newCompany(t, nil)}
	r := c.deal(t, c.sam.ID)
	e, err := c.Access().ExplainOf(t.Context(), c.As(c.lena.ID), c.nora.ID, "deal.view", r)
	require.NoError(t, err)
	assert.False(t, e.Allowed)
	_, err = c.Access().ExplainOf(t.Context(), c.As(c.sam.ID), c.nora.ID, "deal.view", r)
	require.ErrorIs(t, err, usermgmt.ErrNotFound, "a regular user does not see her")
	_, err = c.Access().ExplainOf(t.Context(), c.As(c.sam.ID), c.sam.ID, "deal.view", r)
	require.ErrorIs(t, err, usermgmt.ErrPermission, "nor roles")
}
