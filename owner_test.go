package usermgmt_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

// newEstate is the fixture of OroCRM's access tests with an object that users own and
// one that units own, both with create and assign.
func newEstate(t *testing.T) *oro {
	t.Helper()
	o := &oro{Env: usermgmttest.NewOn(t, teststores.New(t), &usermgmt.Config{Objects: []usermgmt.Object{
		{Name: "note", Ownership: usermgmt.OwnedByUser, Actions: []string{"view", "create", "assign"}},
		{Name: "store", Ownership: usermgmt.OwnedByUnit, Actions: []string{"create", "assign"}},
		{Name: "fiscal_year", Ownership: usermgmt.OwnedByOrganization, Actions: []string{"create"}},
	}})}
	o.fill(t)
	return o
}

func (o *oro) owners(t *testing.T, viewer string, p usermgmt.Permission) string {
	t.Helper()
	a := o.As(o.user[viewer])
	page, err := o.Candidates().Owners(t.Context(), a, p, usermgmt.ListQuery{Limit: 100})
	if err != nil {
		require.ErrorIs(t, err, usermgmt.ErrPermission)
		return "refused"
	}
	require.True(t, page.Next.IsZero())
	listed := map[usermgmt.UserID]bool{}
	for _, u := range page.Items {
		listed[u.User] = true
	}
	var out []string
	for name, id := range o.user {
		err := o.Access().MayOwn(t.Context(), a, p, id)
		assert.Equal(t, listed[id], err == nil, "%s: the list and the call about %s: %v", viewer, name, err)
		if err == nil {
			out = append(out, name)
		} else {
			assert.ErrorIs(t, err, usermgmt.ErrPermission)
		}
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// The rules of OroCRM (orocrm.md 12.9).
func TestWhoMayBeTheOwnerOfARecord(t *testing.T) {
	t.Parallel()
	o := newEstate(t)
	everybody := "admin all uF uF1 uF1x uF2 uS uT"
	for _, test := range []struct {
		scope usermgmt.Scope
		want  map[string]string
	}{
		{0, map[string]string{"uF": "refused"}},
		{usermgmt.ScopeOwn, map[string]string{"uF": "uF", "all": "all"}},
		{usermgmt.ScopeUnit, map[string]string{"uF": "admin all uF", "uF1": "uF1", "all": "admin all uF uS uT"}},
		{usermgmt.ScopeDivision, map[string]string{"uF": "admin all uF uF1 uF1x uF2", "uF1": "uF1 uF1x", "all": everybody}},
		{usermgmt.ScopeOrganization, map[string]string{"uF1x": everybody}},
	} {
		o.grant(t, test.scope, "note.create", "note.assign")
		for viewer, want := range test.want {
			for _, p := range []usermgmt.Permission{"note.create", "note.assign"} {
				assert.Equal(t, want, o.owners(t, viewer, p), "%s with %s", viewer, test.scope)
			}
		}
	}
	o.grant(t, usermgmt.ScopeOrganization, "note.create")
	a := o.As(o.user["uF"])
	disabled := o.user["uS"]
	err := o.Users().Disable(t.Context(), o.Root(), disabled)
	require.NoError(t, err)
	err = o.Access().MayOwn(t.Context(), a, "note.create", disabled)
	require.ErrorIs(t, err, usermgmt.ErrInvalid, "enabled users only")
	assert.NotContains(t, o.names(t, a), "uS")
	require.ErrorIs(t, o.Access().MayOwn(t.Context(), a, "note.create", usermgmt.UserID{1}), usermgmt.ErrInvalid)
	require.ErrorIs(t, o.Access().MayOwn(t.Context(), a, "fiscal_year.create", o.user["uF"]), usermgmt.ErrInvalid)
}

func (o *oro) names(t *testing.T, a usermgmt.Actor) (out []string) {
	t.Helper()
	page, err := o.Candidates().Owners(t.Context(), a, "note.create", usermgmt.ListQuery{Search: "oro-", Limit: 100})
	require.NoError(t, err)
	for name, id := range o.user {
		if slices.ContainsFunc(page.Items, func(u usermgmt.Owner) bool { return u.User == id }) {
			out = append(out, name)
		}
	}
	return out
}

func TestWhichUnitsMayOwnARecord(t *testing.T) {
	t.Parallel()
	o := newEstate(t)
	for scope, want := range map[usermgmt.Scope]string{usermgmt.ScopeUnit: "F1", usermgmt.ScopeDivision: "F1 F1x", usermgmt.ScopeOrganization: "F F1 F1x F2 Main S T"} {
		o.grant(t, scope, "store.create")
		a := o.As(o.user["uF1"])
		page, err := o.Candidates().OwnerUnits(t.Context(), a, "store.create", usermgmt.ListQuery{})
		require.NoError(t, err)
		var names []string
		for _, u := range page.Items {
			names = append(names, u.Name)
		}
		assert.Equal(t, want, strings.Join(names, " "), scope.String())
		for _, id := range o.unit {
			err := o.Access().MayOwnUnit(t.Context(), a, "store.create", id)
			assert.Equal(t, err == nil, slices.ContainsFunc(page.Items, func(u usermgmt.BusinessUnit) bool { return u.ID == id }))
		}
	}
	foreign := o.AddOrg("other")
	require.ErrorIs(t, o.Access().MayOwnUnit(t.Context(), o.Root(), "store.create", foreign.MainUnit.ID), usermgmt.ErrInvalid)
}

func TestOwnersComeInPages(t *testing.T) {
	t.Parallel()
	o := newEstate(t)
	o.grant(t, usermgmt.ScopeDivision, "note.create")
	a := o.As(o.user["uF"])
	q, got := usermgmt.ListQuery{Limit: 2}, map[usermgmt.UserID]int{}
	for range 10 {
		page, err := o.Candidates().Owners(t.Context(), a, "note.create", q)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page.Items), 2)
		for _, u := range page.Items {
			got[u.User]++
		}
		if q.After = page.Next; q.After.IsZero() {
			break
		}
	}
	assert.Len(t, got, 6)
	for id, n := range got {
		assert.Equal(t, 1, n, fmt.Sprint(id))
	}
}
