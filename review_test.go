package usermgmt_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
)

func TestAReviewTellsWhatSomebodyMayDoAndByWhat(t *testing.T) {
	t.Parallel()
	c := explained{newCompany(t, nil)}
	now := c.Clock.Now()
	c.assign(t, c.ivan.ID, usermgmt.RoleAssignment{Role: c.strong.ID, From: now.Add(time.Hour)})
	app, err := c.Applications().Create(t.Context(), c.Root(), usermgmt.NewApplication{Name: "CRM"})
	require.NoError(t, err)
	_, err = c.Applications().Grant(t.Context(), c.Root(), usermgmt.AccessRequest{Application: app.ID, Team: c.RootTeam.ID,
		Roles: []usermgmt.RoleAssignment{{Role: c.strong.ID}}})
	require.NoError(t, err)
	policy := c.share(t, nil)

	r, err := c.Access().Review(t.Context(), c.As(c.lena.ID), c.ivan.ID)
	require.NoError(t, err)
	assert.False(t, r.Administrator)
	type line struct {
		kind   usermgmt.SourceKind
		name   string
		counts bool
		app    usermgmt.ApplicationID
	}
	var lines []line
	for _, a := range r.Assignments {
		lines = append(lines, line{a.Kind, a.Name, a.Counts, a.Application})
	}
	assert.Equal(t, []line{
		{usermgmt.SourceProfile, usermgmt.ProfileRegularUser, true, usermgmt.ApplicationID{}},
		{usermgmt.SourceRole, "Seller", true, usermgmt.ApplicationID{}},
		{usermgmt.SourceRole, "Deal owner", false, usermgmt.ApplicationID{}},
		{usermgmt.SourceSharing, policy.Name, true, usermgmt.ApplicationID{}},
		{usermgmt.SourceTeamAccess, "Deal owner", true, app.ID},
	}, lines)
	rights := map[usermgmt.Permission]usermgmt.Right{}
	for _, right := range r.Rights {
		rights[right.Permission] = right
	}
	assert.Equal(t, usermgmt.Right{Permission: "deal.view", Scope: usermgmt.ScopeTeam.Expand() | usermgmt.ScopeShared, By: []int{1, 3}}, rights["deal.view"])
	assert.Equal(t, []int{4}, rights["deal.delete"].By)
	assert.NotContains(t, rights, usermgmt.PermUserEdit)

	admin, err := c.Access().Review(t.Context(), c.Root(), c.Administrator.ID)
	require.NoError(t, err)
	assert.True(t, admin.Administrator)
	_, err = c.Access().Review(t.Context(), c.As(c.ivan.ID), c.sam.ID)
	require.ErrorIs(t, err, usermgmt.ErrNotFound)
}
