package usermgmt_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/testonly"
	"github.com/usermgmt/usermgmt/internal/teststores"
)

func TestScopeText(t *testing.T) {
	t.Parallel()
	texts := map[string]usermgmt.Scope{}
	for n := range 256 {
		s := usermgmt.Scope(n)
		text := s.String()
		parsed, err := usermgmt.ParseScope(text)
		require.NoError(t, err, text)
		assert.Equal(t, s.Expand(), parsed, "%08b is %s", n, text)
		assert.Equal(t, parsed.String(), text, "the text of an expanded scope is the same")
		if other, ok := texts[text]; ok {
			assert.Equal(t, other, s.Expand(), "two scopes are %s", text)
		}
		texts[text] = s.Expand()
		assert.True(t, s.Expand().Has(s), "expanding adds and never takes away")
		assert.Equal(t, s.Expand(), s.Expand().Expand(), "expanding twice is expanding once")
		for m := range 256 {
			if wide := usermgmt.Scope(m); wide.Has(s) {
				assert.True(t, wide.Expand().Has(s.Expand()), "%s is in %s, expanded it is not", s, wide)
			}
		}
	}
	for text, want := range map[string]usermgmt.Scope{
		"none": 0, "system": ^usermgmt.Scope(0), "organization": ^usermgmt.ScopeSystem, "own": usermgmt.ScopeOwn,
		"division":      usermgmt.ScopeDivision | usermgmt.ScopeUnit | usermgmt.ScopeOwn,
		"team|subteams": usermgmt.ScopeHierarchy | usermgmt.ScopeOwn, "subteams|team": usermgmt.ScopeHierarchy | usermgmt.ScopeOwn,
	} {
		got, err := usermgmt.ParseScope(text)
		require.NoError(t, err)
		assert.Equal(t, want, got, text)
	}
}

// TestScopesOfTheLadder: those of OroCRM lie each within the next.
func TestScopesOfTheLadder(t *testing.T) {
	t.Parallel()
	ladder := []usermgmt.Scope{0, usermgmt.ScopeOwn, usermgmt.ScopeUnit, usermgmt.ScopeDivision, usermgmt.ScopeOrganization, usermgmt.ScopeSystem}
	for i := range len(ladder) - 1 {
		assert.True(t, ladder[i+1].Expand().Has(ladder[i].Expand()), "%s in %s", ladder[i], ladder[i+1])
		assert.NotEqual(t, ladder[i+1].Expand(), ladder[i].Expand())
	}
}

func FuzzParseScope(f *testing.F) {
	for _, text := range []string{"", "none", "own", "team|subteams", "division", "system|own", "own|", "|", "None", "own|none", " own", "own|own"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := usermgmt.ParseScope(text)
		if err != nil {
			require.ErrorIs(t, err, usermgmt.ErrInvalid)
			assert.Zero(t, s)
			return
		}
		assert.Equal(t, s, s.Expand())
		for part := range strings.SplitSeq(text, "|") {
			assert.Equal(t, strings.ToLower(part), part)
		}
		again, err := usermgmt.ParseScope(s.String())
		require.NoError(t, err)
		assert.Equal(t, s, again)
	})
}

// isWord says by the documentation of [usermgmt.Permission] whether s can be
// the name of an object or an action.
func isWord(s string) bool {
	if s == "" || len(s) > 64 || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_' })
}

// declares says whether the catalogue has anything that the grant's name, with
// "*" for either part, names.
func declares(objects []usermgmt.Object, name string) bool {
	return slices.ContainsFunc(objects, func(o usermgmt.Object) bool {
		return slices.ContainsFunc(o.Actions, func(action string) bool {
			return slices.Contains([]string{o.Name + "." + action, o.Name + ".*", "*." + action, "*.*"}, name)
		})
	})
}

// FuzzPermissionNames makes objects of hosts and grants of any name: nothing
// panics, names are of the documented form, and a grant is accepted if and only
// if it names something.
func FuzzPermissionNames(f *testing.F) {
	for _, seed := range []struct{ object, action, grant string }{
		{"lead", "view", "lead.view"}, {"lead", "view", "*.view"}, {"lead", "view", "lead.*"}, {"lead", "view", "*.*"},
		{"lead", "view", "lead"}, {"lead", "view", ""}, {"lead", "view", "lead.view.*"}, {"lead", "view", "*"},
		{"Lead", "view", "Lead.view"}, {"lead", "a.b", "lead.a.b"}, {"*", "*", "*.*"}, {"", "", "."}, {"user", "view", "user.view"},
		{"user", "fly", "user.fly"}, {"lead", "vi\x00ew", "lead.\xff"}, {"lead\n", "view", "lead\n.view"}, {"1lead", "_view", "1lead._view"},
		{strings.Repeat("x", 65), "view", "x.view"},
	} {
		f.Add(seed.object, seed.action, seed.grant, uint8(1), uint8(usermgmt.ScopeOrganization))
	}
	f.Fuzz(func(t *testing.T, object, action, grant string, ownership, scope uint8) {
		own := usermgmt.Object{Name: object, Ownership: usermgmt.Ownership(ownership), Actions: []string{action}}
		store := teststores.New(t)
		cheap := &usermgmt.HashConfig{MemoryKiB: 8, Passes: 1, Permit: testonly.Permit{Weak: true}}
		plain, err := usermgmt.New(store, &usermgmt.Config{Hash: cheap})
		require.NoError(t, err)
		m, err := usermgmt.New(store, &usermgmt.Config{Hash: cheap, Objects: []usermgmt.Object{own}})
		taken := declares(plain.Access().Catalogue(), object+"."+action)
		valid := isWord(object) && isWord(action) && !taken && own.Ownership.Scopes() != 0
		if !valid {
			require.ErrorIs(t, err, usermgmt.ErrInvalid)
			m = plain
		} else {
			require.NoError(t, err)
		}
		objects := m.Access().Catalogue()
		for _, o := range objects {
			assert.True(t, isWord(o.Name), o.Name)
			for _, a := range o.Actions {
				assert.True(t, isWord(a), a)
			}
		}
		everything, err := m.SystemActor("test", usermgmt.OrgID{}, usermgmt.Grant{Permission: "*.*", Scope: usermgmt.ScopeSystem})
		require.NoError(t, err)
		g := usermgmt.Grant{Permission: usermgmt.Permission(grant), Scope: usermgmt.Scope(scope)}
		role, err := m.Roles().Create(t.Context(), everything, usermgmt.NewRole{Name: "r", Grants: []usermgmt.Grant{g}})
		actor, actorErr := m.SystemActor("test", usermgmt.OrgID{}, g)
		var e *usermgmt.Error
		switch {
		case err == nil:
			require.NoError(t, actorErr)
			assert.True(t, declares(objects, grant), grant)
			require.Len(t, role.Grants, 1)
			assert.Equal(t, g.Permission, role.Grants[0].Permission)
		case !declares(objects, grant):
			require.ErrorIs(t, err, usermgmt.ErrInvalid)
			require.ErrorIs(t, actorErr, usermgmt.ErrInvalid)
		default: // a scope that the object does not have
			require.True(t, errors.As(err, &e))
			require.ErrorIs(t, err, usermgmt.ErrInvalid)
			require.ErrorIs(t, actorErr, usermgmt.ErrInvalid)
		}
		// Whatever it was, asking for it answers.
		for _, name := range []string{grant, object + "." + action, "*.*"} {
			p := usermgmt.Permission(name)
			assert.Equal(t, actor.Has(p), actor.Scope(p) != 0, name)
			assert.False(t, actor.Can("*.*", usermgmt.Record{}), "a wildcard is no permission")
		}
	})
}
