package authz

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The scopes of the kinds of ownership, and expanded grants.
const (
	everything = ^Mask(0)
	ofUnits    = Unit | Division | Organization | System
	ofTeams    = Team | Subteams | Organization | System
	ofOrgs     = Organization | System

	wholeOrg    = ^System
	hierarchy   = Own | Team | Subteams
	ownDivision = Own | Unit | Division
)

func testCatalogue(tb testing.TB) *Catalogue {
	c, err := NewCatalogue([]Permission{
		{Name: "note.view", Object: "note", Action: "view", Scopes: everything},
		{Name: "note.edit", Object: "note", Action: "edit", Scopes: everything},
		{Name: "shop.view", Object: "shop", Action: "view", Scopes: ofUnits, Least: Unit},
		{Name: "shop.edit", Object: "shop", Action: "edit", Scopes: ofUnits, Least: Unit},
		{Name: "crew.view", Object: "crew", Action: "view", Scopes: ofTeams, Least: Team},
		{Name: "year.view", Object: "year", Action: "view", Scopes: ofOrgs, Least: Organization},
		{Name: "year.close", Object: "year", Action: "close", Scopes: System},
		{Name: "moon.view", Object: "moon", Action: "view", Scopes: System},
	})
	require.NoError(tb, err)
	return c
}

func TestCatalogueNumbers(t *testing.T) {
	t.Parallel()
	c := testCatalogue(t)
	for n := range c.Len() {
		got, ok := c.Number(c.At(n).Name)
		assert.True(t, ok)
		assert.Equal(t, n, got)
	}
	_, ok := c.Number("note.*")
	assert.False(t, ok)
	_, err := NewCatalogue([]Permission{{Name: "a.b"}, {Name: "a.b"}})
	assert.Error(t, err)
}

func TestCatalogueMatches(t *testing.T) {
	t.Parallel()
	c := testCatalogue(t)
	for name, want := range map[string]bool{
		"note.view": true, "note.*": true, "*.view": true, "*.*": true, "*.close": true,
		"note.close": false, "sun.*": false, "*.fly": false, "note": false, "*": false, "": false, ".": false,
		"note.": false, ".view": false, "note.view.*": false, "no*.view": false, "note.v*": false, "**.view": false,
		"NOTE.view": false, " note.view": false,
	} {
		assert.Equal(t, want, c.Matches(name), "%q", name)
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	c := testCatalogue(t)
	for _, test := range []struct {
		name     string
		grants   []Grant
		provider bool
		want     map[string]Mask // the others are none
	}{
		{"nothing", nil, true, nil},
		{"a name alone", []Grant{{"note.view", Own}}, false, map[string]Mask{"note.view": Own}},
		{"a name twice adds up", []Grant{{"note.view", Own}, {"note.view", hierarchy}}, false, map[string]Mask{"note.view": hierarchy}},
		{"a name that is gone", []Grant{{"note.fly", everything}, {"sun.*", everything}}, true, nil},
		{"the name before object.*", []Grant{{"note.*", wholeOrg}, {"note.view", Own}}, false,
			map[string]Mask{"note.view": Own, "note.edit": wholeOrg}},
		{"object.* before *.action", []Grant{{"*.view", wholeOrg}, {"note.*", Own}}, false,
			map[string]Mask{"note.view": Own, "note.edit": Own, "shop.view": wholeOrg & ofUnits, "crew.view": wholeOrg & ofTeams,
				"year.view": Organization}},
		{"*.action before *.*", []Grant{{"*.*", Own}, {"*.edit", wholeOrg}}, false,
			map[string]Mask{"note.view": Own, "note.edit": wholeOrg, "shop.view": Unit, "shop.edit": wholeOrg & ofUnits,
				"crew.view": Team, "year.view": Organization}},
		{"an explicit none keeps defaults away", []Grant{{"*.*", wholeOrg}, {"note.view", 0}, {"shop.*", 0}, {"*.close", 0}}, false,
			map[string]Mask{"note.edit": wholeOrg, "crew.view": wholeOrg & ofTeams, "year.view": Organization}},
		{"a wildcard of none raises nothing", []Grant{{"*.*", 0}}, true, nil},
		{"a wildcard is cut or raised", []Grant{{"*.view", ownDivision}}, false,
			map[string]Mask{"note.view": ownDivision, "shop.view": Unit | Division, "crew.view": Team, "year.view": Organization}},
		{"a name is cut and never raised", []Grant{{"shop.view", hierarchy}}, false, nil},
		{"system for the provider", []Grant{{"*.*", everything}}, true,
			map[string]Mask{"note.view": everything, "note.edit": everything, "shop.view": ofUnits, "shop.edit": ofUnits,
				"crew.view": ofTeams, "year.view": ofOrgs, "year.close": System, "moon.view": System}},
		{"system elsewhere is organization", []Grant{{"*.*", everything}, {"moon.view", System}}, false,
			map[string]Mask{"note.view": wholeOrg, "note.edit": wholeOrg, "shop.view": ofUnits &^ System, "shop.edit": ofUnits &^ System,
				"crew.view": ofTeams &^ System, "year.view": Organization}},
		{"a narrower wildcard does not reach what is system-wide only", []Grant{{"*.*", wholeOrg}, {"year.*", wholeOrg}}, true,
			map[string]Mask{"note.view": wholeOrg, "note.edit": wholeOrg, "shop.view": ofUnits &^ System, "shop.edit": ofUnits &^ System,
				"crew.view": ofTeams &^ System, "year.view": Organization}},
	} {
		got := map[string]Mask{}
		for n, m := range c.Resolve(test.grants, test.provider) {
			if m != 0 {
				got[c.At(n).Name] = m
			}
		}
		if test.want == nil {
			test.want = map[string]Mask{}
		}
		assert.Equal(t, test.want, got, test.name)
	}
}

// naiveMask says by the documented rules what grants give of p.
func naiveMask(grants []Grant, p *Permission, provider bool) (out Mask) {
	for _, name := range []string{p.Name, p.Object + ".*", "*." + p.Action, "*.*"} {
		found := false
		for _, g := range grants {
			if g.Name == name {
				found = true
				if g.Mask != Shared { // which roles do not grant
					out |= g.Mask
				}
			}
		}
		if !found {
			continue
		}
		if name != p.Name && out != 0 && out&p.Scopes == 0 {
			out = p.Least
		}
		out &= p.Scopes
		break
	}
	if !provider {
		out &^= System // Organization is in every expanded mask that has System
	}
	return out
}

var expanded = []Mask{0, Own, Own | Team, hierarchy, Own | Unit, ownDivision, ownDivision | hierarchy, Shared, wholeOrg, everything}

func drawGrants(t *rapid.T) []Grant {
	names := []string{"*.*", "*.view", "*.edit", "*.close", "note.*", "shop.*", "crew.*", "year.*", "moon.*", "gone.*",
		"note.view", "note.edit", "shop.view", "shop.edit", "crew.view", "year.view", "year.close", "moon.view", "gone.view"}
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Grant {
		return Grant{rapid.SampledFrom(names).Draw(t, "name"), rapid.SampledFrom(expanded).Draw(t, "mask")}
	}), 0, 8).Draw(t, "grants")
}

func TestResolveAgreesWithTheDocumentedRules(t *testing.T) {
	t.Parallel()
	c := testCatalogue(t)
	rapid.Check(t, func(t *rapid.T) {
		grants, provider := drawGrants(t), rapid.Bool().Draw(t, "provider")
		for n, m := range c.Resolve(grants, provider) {
			if want := naiveMask(grants, c.At(n), provider); m != want {
				t.Fatalf("%s: got %b, want %b", c.At(n).Name, m, want)
			}
		}
	})
}

func TestVectors(t *testing.T) {
	t.Parallel()
	a, b := []Mask{Own, Team, 0}, []Mask{Team, Team, Unit}
	or := append([]Mask(nil), a...)
	Or(or, b)
	assert.Equal(t, []Mask{Own | Team, Team, Unit}, or)
	and := append([]Mask(nil), a...)
	And(and, b)
	assert.Equal(t, []Mask{0, Team, 0}, and)
	assert.Equal(t, -1, FirstMissing(or, a))
	assert.Equal(t, 0, FirstMissing(b, a))
	assert.Equal(t, 2, FirstMissing(a, []Mask{0, 0, Unit}))
}
