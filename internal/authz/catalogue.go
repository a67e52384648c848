package authz

import (
	"fmt"
	"strings"
)

// Mask is a set of relations; see the constants.
type Mask uint8

// The relations between a subject and a record, narrow to wide. Their values
// are those of the root package's scopes.
const (
	Own Mask = 1 << iota
	Team
	Subteams
	Unit
	Division
	Organization
	System
	Shared
)

// Grant is a permission name, possibly with "*" parts, and an expanded mask.
type Grant struct {
	Name string
	Mask Mask
}

// Permission is an entry of a [Catalogue].
type Permission struct {
	Name, Object, Action string
	// Field is the protected field that it is about; the name is then that of the
	// permission for the whole record, ":" and the field.
	Field string
	// Scopes are the relations that exist for it.
	Scopes Mask
	// Least is what a wildcard grant becomes that has none of them but is not
	// empty; 0 if wildcard grants do not reach it.
	Least Mask
	// Basis is by what criteria on single records choose who sees them.
	Basis Basis

	base, control int
	// The wildcards that reach it: of its object, and of its action.
	ofObject, ofAction string
}

// Base is the number of the permission for the whole record, of one that is
// about a field; -1 of others.
func (p *Permission) Base() int { return p.base }

// Control is the number of the permission whose holders see a record whatever
// its criteria say; -1 if there is none.
func (p *Permission) Control() int { return p.control }

// ControlVisibility is the action of [Permission.Control].
const ControlVisibility = "control_visibility"

// Basis says by what the criteria of an object's records choose.
type Basis uint8

// The bases. Without one, criteria are met by nobody.
const (
	ByTeam Basis = iota + 1
	ByRole
	ByUser
	ByField
)

// Catalogue numbers permissions from 0. It is immutable once built.
type Catalogue struct {
	number map[string]int
	perms  []Permission
}

// NewCatalogue numbers perms in order. Names must be different, and the
// permission for the whole record comes before those of its fields.
func NewCatalogue(perms []Permission) (*Catalogue, error) {
	c := &Catalogue{number: make(map[string]int, len(perms)), perms: perms}
	for i := range perms {
		p := &perms[i]
		if _, ok := c.number[p.Name]; ok {
			return nil, fmt.Errorf("authz: permission %s is declared twice", p.Name)
		}
		c.number[p.Name] = i
		p.ofObject, p.ofAction = p.Object+".*", "*."+p.Action
		p.base = -1
		if p.Field != "" {
			base, ok := c.number[p.Object+"."+p.Action]
			if !ok {
				return nil, fmt.Errorf("authz: permission %s comes before that of its record", p.Name)
			}
			p.base = base
		}
	}
	for i := range perms {
		p := &perms[i]
		p.control = -1
		if n, ok := c.number[p.Object+"."+ControlVisibility]; ok {
			p.control = n
		}
	}
	return c, nil
}

// Len is how many permissions there are.
func (c *Catalogue) Len() int { return len(c.perms) }

// Number returns the number of a permission.
func (c *Catalogue) Number(name string) (int, bool) {
	n, ok := c.number[name]
	return n, ok
}

// At returns the permission with a number.
func (c *Catalogue) At(n int) *Permission { return &c.perms[n] }

// Matches reports whether name, possibly with "*" parts, names anything.
func (c *Catalogue) Matches(name string) bool {
	if _, ok := c.number[name]; ok {
		return true
	}
	object, action, ok := strings.Cut(name, ".")
	if !ok {
		return false
	}
	if object != "*" && action != "*" {
		return false
	}
	for i := range c.perms {
		if (object == "*" || object == c.perms[i].Object) && (action == "*" || action == c.perms[i].Action) {
			return true
		}
	}
	return false
}

// Resolve returns the masks that one role or profile grants, by permission
// number. For each permission the most exact grant of the role counts alone:
// its name, then "object.*", then "*.action", then "*.*". A wildcard's mask is
// cut to the scopes that exist, or raised to the least one. A permission of a
// field without a grant of its own has what the role grants for the whole record. Unless provider
// is set, System becomes Organization. Shared is granted by no role.
func (c *Catalogue) Resolve(grants []Grant, provider bool) []Mask {
	out, named := make([]Mask, len(c.perms)), make([]bool, len(c.perms))
	var wild map[string]Mask // what is not the name of a permission
	for _, g := range grants {
		if g.Mask&(Organization|System) == 0 {
			g.Mask &^= Shared
		}
		if n, ok := c.number[g.Name]; ok {
			out[n] |= g.Mask
			named[n] = true
			continue
		}
		if wild == nil {
			wild = map[string]Mask{}
		}
		wild[g.Name] |= g.Mask
	}
	for i := range c.perms {
		p := &c.perms[i]
		switch {
		case named[i]:
			out[i] = localize(out[i]&p.Scopes, provider)
			continue
		case p.base >= 0:
			out[i] = out[p.base]
			continue
		case wild == nil:
			continue
		}
		m, ok := wild[p.ofObject]
		if !ok {
			m, ok = wild[p.ofAction]
		}
		if !ok {
			m = wild["*.*"]
		}
		switch {
		case m == 0:
		case m&p.Scopes != 0:
			out[i] = localize(m&p.Scopes, provider)
		default:
			out[i] = localize(p.Least, provider)
		}
	}
	return out
}

// localize turns System into Organization outside the provider organization: a
// permission that exists system-wide only is then not granted at all.
func localize(m Mask, provider bool) Mask {
	if provider {
		return m
	}
	return m &^ System
}

// Or adds the masks of src to dst.
func Or(dst, src []Mask) {
	for i, m := range src {
		dst[i] |= m
	}
}

// And keeps in dst only what src has too.
func And(dst, src []Mask) {
	for i := range dst {
		dst[i] &= src[i]
	}
}

// FirstMissing returns the number of the first permission for which want
// holds something that have lacks, or -1.
func FirstMissing(have, want []Mask) int {
	for i, m := range want {
		if m&^have[i] != 0 {
			return i
		}
	}
	return -1
}
