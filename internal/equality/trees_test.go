package equality_test

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/usermgmt/usermgmt"
)

func nameOK(s string) bool { return strings.TrimSpace(s) != "" && len(s) <= 100 }

func (n *node) text(kind string, i int) string {
	return fmt.Sprintf("%s%d %q in org%d below %s, version %d", kind, i, n.name, n.org, name(kind, n.parent), n.version)
}

func (s *system) teamText(t *usermgmt.Team) string {
	return fmt.Sprintf("%s %q in %s below %s, version %d", of(s, t.ID), t.Name, of(s, t.Org), of(s, t.Parent), t.Version)
}

func (s *system) unitText(u *usermgmt.BusinessUnit) string {
	return fmt.Sprintf("%s %q in %s below %s, version %d", of(s, u.ID), u.Name, of(s, u.Org), of(s, u.Parent), u.Version)
}

func teamThing(org, i int) *thing { return &thing{org: org, owner: none, teams: []int{i}} }

func unitThing(org, i int) *thing {
	r := &thing{org: org, owner: none}
	if i != none {
		r.units = []int{i}
	}
	return r
}

func (mc *machine) teamCreate(parent int, title string) *call {
	return &call{name: "teams.create", verb: "team.create",
		expect: func(a *actor) (string, error) {
			m := mc.model
			if parent == none && a.org != none {
				parent = m.rootTeam(a.org)
			}
			if !m.node(m.teams, parent) {
				return "", usermgmt.ErrNotFound
			}
			org := m.teams[parent].org
			m.on("team", "?", org)
			if err := m.need(a, "team.create", "team.view", teamThing(org, parent)); err != nil {
				return "", err
			}
			if !nameOK(title) {
				return "", usermgmt.ErrInvalid
			}
			m.teams = append(m.teams, &node{org, parent, title, 1, true})
			i := len(m.teams) - 1
			m.on("team", fmt.Sprint("team", i), org)
			m.record(a, "team.create")
			return m.teams[i].text("team", i), nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			t, err := s.Teams().Create(ctx, a, usermgmt.NewTeam{Parent: at(s.teams, parent), Name: title})
			if err != nil {
				return "", err
			}
			add(s, "team", &s.teams, t.ID)
			return s.teamText(t), nil
		}}
}

func (m *model) node(nodes []*node, i int) bool { return i >= 0 && i < len(nodes) && nodes[i].alive }

func (m *model) rootTeam(org int) int {
	return slices.IndexFunc(m.teams, func(n *node) bool { return n.org == org && n.parent == none })
}

// nodeChange is what changes of a team or a unit; nil leaves a part alone.
type nodeChange struct {
	parent *int
	name   *string
}

// moves are the rules that moving teams and moving units have in common.
func (m *model) moves(a *actor, nodes []*node, i, parent int, view, edit string, of func(org, i int) *thing, at, under scope) error {
	n := nodes[i]
	if err := m.need(a, edit, view, of(n.org, parent)); err != nil {
		return err
	}
	// Nobody gains by a move below an own node.
	inside := func(i int) bool { return m.node(nodes, i) && m.related(a, at|under, of(n.org, i)) }
	if parent != none && inside(parent) && !inside(i) && m.gains(a, under) {
		return usermgmt.ErrPermission
	}
	return nil
}

// place checks where a node comes to lie: in the same organization, not below itself.
func placed(nodes []*node, i, org, parent int) bool {
	return alive(nodes, parent, org) && !slices.Contains(lineage(nodes, parent), i)
}

func (mc *machine) teamUpdate(i int, version int64, c nodeChange) *call {
	return &call{name: "teams.update", verb: "team.update",
		expect: func(a *actor) (string, error) {
			m := mc.model
			if !m.node(m.teams, i) {
				return "", usermgmt.ErrNotFound
			}
			t := m.teams[i]
			m.on("team", fmt.Sprint("team", i), t.org)
			if err := m.need(a, "team.edit", "team.view", teamThing(t.org, i)); err != nil {
				return "", err
			}
			moved := c.parent != nil && *c.parent != t.parent
			if moved && t.parent == none {
				return "", usermgmt.ErrConflict
			}
			if moved && *c.parent != none {
				if err := m.moves(a, m.teams, i, *c.parent, "team.view", "team.edit", teamThing, usermgmt.ScopeTeam, usermgmt.ScopeSubteams); err != nil {
					return "", err
				}
			}
			if t.version != version {
				return "", usermgmt.ErrStale
			}
			bad := c.name != nil && !nameOK(*c.name)
			if moved {
				bad = bad || !placed(m.teams, i, t.org, *c.parent)
				if !bad { // its members take on what the teams above have
					for _, e := range m.entriesOf(t.org, []int{*c.parent}) {
						for _, h := range e.roles {
							if err := m.mayGrant(a, t.org, m.roles[h.role].masks.in(t.org)); err != nil {
								return "", err
							}
						}
					}
				}
			}
			if bad {
				return "", usermgmt.ErrInvalid
			}
			set(&t.parent, c.parent)
			set(&t.name, c.name)
			t.version++
			m.record(a, "team.update")
			return t.text("team", i), nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			u := usermgmt.TeamUpdate{Name: c.name}
			if c.parent != nil {
				id := at(s.teams, *c.parent)
				u.Parent = &id
			}
			t, err := s.Teams().Update(ctx, a, at(s.teams, i), version, u)
			if err != nil {
				return "", err
			}
			return s.teamText(t), nil
		}}
}

func (mc *machine) teamDelete(i int) *call {
	return &call{name: "teams.delete", verb: "team.delete",
		expect: func(a *actor) (string, error) {
			m := mc.model
			if !m.node(m.teams, i) {
				return "", usermgmt.ErrNotFound
			}
			t := m.teams[i]
			m.on("team", fmt.Sprint("team", i), t.org)
			if err := m.need(a, "team.delete", "team.view", teamThing(t.org, i)); err != nil {
				return "", err
			}
			used := t.parent == none || slices.ContainsFunc(m.teams, func(n *node) bool { return n.alive && n.parent == i }) ||
				slices.ContainsFunc(m.access, func(e *entry) bool { return e.team == i })
			for _, u := range m.users {
				for _, p := range u.in {
					used = used || slices.ContainsFunc(p.teams, func(t heldTeam) bool { return t.team == i })
				}
			}
			if used {
				return "", usermgmt.ErrConflict
			}
			t.alive = false
			for _, l := range m.lists {
				l.teams = slices.DeleteFunc(slices.Clone(l.teams), func(x int) bool { return x == i })
			}
			m.record(a, "team.delete")
			return "", nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			return "", s.Teams().Delete(ctx, a, at(s.teams, i))
		}}
}

func (mc *machine) unitCreate(org, parent int, title string) *call {
	return &call{name: "units.create", verb: "unit.create",
		expect: func(a *actor) (string, error) {
			m := mc.model
			in := org
			if in == none {
				in = a.org
			}
			m.on("unit", "?", in)
			if err := m.need(a, "unit.create", "unit.view", unitThing(in, parent)); err != nil {
				return "", err
			}
			if !nameOK(title) || parent != none && !alive(m.units, parent, in) {
				return "", usermgmt.ErrInvalid
			}
			m.units = append(m.units, &node{in, parent, title, 1, true})
			i := len(m.units) - 1
			m.on("unit", fmt.Sprint("unit", i), in)
			m.record(a, "unit.create")
			return m.units[i].text("unit", i), nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			u, err := s.Units().Create(ctx, a, usermgmt.NewUnit{Org: at(s.orgs, org), Parent: at(s.units, parent), Name: title})
			if err != nil {
				return "", err
			}
			add(s, "unit", &s.units, u.ID)
			return s.unitText(u), nil
		}}
}

func (mc *machine) unitUpdate(i int, version int64, c nodeChange) *call {
	return &call{name: "units.update", verb: "unit.update",
		expect: func(a *actor) (string, error) {
			m := mc.model
			if !m.node(m.units, i) {
				return "", usermgmt.ErrNotFound
			}
			u := m.units[i]
			m.on("unit", fmt.Sprint("unit", i), u.org)
			if err := m.need(a, "unit.edit", "unit.view", unitThing(u.org, i)); err != nil {
				return "", err
			}
			moved := c.parent != nil && *c.parent != u.parent
			if moved {
				if err := m.moves(a, m.units, i, *c.parent, "unit.view", "unit.edit", unitThing, usermgmt.ScopeUnit, usermgmt.ScopeDivision); err != nil {
					return "", err
				}
			}
			if u.version != version {
				return "", usermgmt.ErrStale
			}
			if c.name != nil && !nameOK(*c.name) || moved && *c.parent != none && !placed(m.units, i, u.org, *c.parent) {
				return "", usermgmt.ErrInvalid
			}
			set(&u.parent, c.parent)
			set(&u.name, c.name)
			u.version++
			m.record(a, "unit.update")
			return u.text("unit", i), nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			c2 := usermgmt.UnitUpdate{Name: c.name}
			if c.parent != nil {
				id := at(s.units, *c.parent)
				c2.Parent = &id
			}
			u, err := s.Units().Update(ctx, a, at(s.units, i), version, c2)
			if err != nil {
				return "", err
			}
			return s.unitText(u), nil
		}}
}

func (mc *machine) unitDelete(i int) *call {
	return &call{name: "units.delete", verb: "unit.delete",
		expect: func(a *actor) (string, error) {
			m := mc.model
			if !m.node(m.units, i) {
				return "", usermgmt.ErrNotFound
			}
			u := m.units[i]
			m.on("unit", fmt.Sprint("unit", i), u.org)
			if err := m.need(a, "unit.delete", "unit.view", unitThing(u.org, i)); err != nil {
				return "", err
			}
			others := 0
			for j, n := range m.units {
				if n.alive && n.org == u.org && j != i {
					others++
				}
			}
			used := others == 0 || slices.ContainsFunc(m.units, func(n *node) bool { return n.alive && n.parent == i })
			for _, x := range m.users {
				used = used || x.unit == i
				for _, p := range x.in {
					used = used || slices.Contains(p.units, i)
				}
			}
			if used {
				return "", usermgmt.ErrConflict
			}
			u.alive = false
			m.record(a, "unit.delete")
			return "", nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			return "", s.Units().Delete(ctx, a, at(s.units, i))
		}}
}

// listNodes are the nodes of an organization on which the actor has view, by name.
func (m *model) listNodes(a *actor, nodes []*node, org int, kind, view string, of func(org, i int) *thing) string {
	if org == none {
		org = a.org
	}
	var list []int
	for i, n := range nodes {
		if n.alive && n.org == org && m.can(a, view, of(org, i)) {
			list = append(list, i)
		}
	}
	slices.SortStableFunc(list, func(i, j int) int {
		return strings.Compare(strings.ToLower(nodes[i].name), strings.ToLower(nodes[j].name))
	})
	out := make([]string, len(list))
	for k, i := range list {
		out[k] = nodes[i].text(kind, i)
	}
	return strings.Join(out, "\n")
}

func (mc *machine) teamList(org int) *call {
	return &call{name: "teams.list", read: true,
		expect: func(a *actor) (string, error) {
			return mc.listNodes(a, mc.teams, org, "team", "team.view", teamThing), nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			list, err := s.Teams().List(ctx, a, at(s.orgs, org))
			out := make([]string, len(list))
			for i := range list {
				out[i] = s.teamText(&list[i])
			}
			return strings.Join(out, "\n"), err
		}}
}

func (mc *machine) unitList(org int) *call {
	return &call{name: "units.list", read: true,
		expect: func(a *actor) (string, error) {
			return mc.listNodes(a, mc.units, org, "unit", "unit.view", unitThing), nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			list, err := s.Units().List(ctx, a, at(s.orgs, org))
			out := make([]string, len(list))
			for i := range list {
				out[i] = s.unitText(&list[i])
			}
			return strings.Join(out, "\n"), err
		}}
}
