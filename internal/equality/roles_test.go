package equality_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/usermgmt/usermgmt"
)

func (g grants) String() string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(g)) {
		out = append(out, k+":"+g[k].String())
	}
	return strings.Join(out, " ")
}

func grantText(in []usermgmt.Grant) string {
	g := grants{}
	for _, x := range in {
		g[string(x.Permission)] = x.Scope
	}
	return g.String()
}

func (m *model) roleText(i int) string {
	r := m.roles[i]
	return fmt.Sprintf("role%d %s in %s for %s, version %d: %s", i, r.name, name("org", r.org), name("app", r.app), r.version, r.grants)
}

func (s *system) roleText(r *usermgmt.Role) string {
	return fmt.Sprintf("%s %s in %s for %s, version %d: %s", of(s, r.ID), r.Name, of(s, r.Org), of(s, r.App), r.Version, grantText(r.Grants))
}

func (m *model) profileText(i int) string {
	p := m.profiles[i]
	return fmt.Sprintf("profile%d %s in %s, version %d: %s", i, p.name, name("org", p.org), p.version, p.grants)
}

func (s *system) profileText(p *usermgmt.AccessProfile) string {
	return fmt.Sprintf("%s %s in %s, version %d: %s", of(s, p.ID), p.Name, of(s, p.Org), p.Version, grantText(p.Grants))
}

func (m *model) roleTaken(i, org, app int, title string) bool {
	for j, r := range m.roles {
		if j != i && r.alive && r.org == org && r.app == app && strings.EqualFold(r.name, title) {
			return true
		}
	}
	return false
}

func (m *model) profileTaken(i, org int, title string) bool {
	for j, p := range m.profiles {
		if j != i && p.alive && p.org == org && strings.EqualFold(p.name, title) {
			return true
		}
	}
	return false
}

func (mc *machine) roleCreate(org, app int, title string, list []usermgmt.Grant) *call {
	return &call{name: "roles.create", verb: "role.create",
		expect: func(a *actor) (string, error) {
			m := mc.model
			m.on("role", "?", org)
			if err := m.needIn(a, "role.create", org); err != nil {
				return "", err
			}
			g, ok := m.normalize(list)
			if !ok || !nameOK(title) || app != none && app >= len(m.apps) {
				return "", usermgmt.ErrInvalid
			}
			if err := m.mayRewrite(a, org, nil, g); err != nil {
				return "", err
			}
			if m.roleTaken(none, org, app, title) {
				return "", usermgmt.ErrConflict
			}
			i := len(m.roles)
			m.roles = append(m.roles, &role{org: org, app: app, name: title, grants: g, masks: m.masksOf(g), version: 1, alive: true})
			m.on("role", fmt.Sprint("role", i), org)
			m.record(a, "role.create")
			return m.roleText(i), nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			r, err := s.Roles().Create(ctx, a, usermgmt.NewRole{Org: at(s.orgs, org), App: at(s.apps, app), Name: title, Grants: list})
			if err != nil {
				return "", err
			}
			add(s, "role", &s.roles, r.ID)
			return s.roleText(r), nil
		}}
}

// shared decides on a change of a role or a profile: what is system-wide can be
// seen by whoever sees those of the current organization.
func (m *model) shared(a *actor, org int, perm, view string) error {
	if org == none && m.can(a, view, &thing{org: a.org, owner: none}) && !m.can(a, perm, &thing{org: none, owner: none}) {
		return usermgmt.ErrPermission
	}
	return m.need(a, perm, view, &thing{org: org, owner: none})
}

// grantsChange is what changes of a role or a profile; nil leaves a part alone.
type grantsChange struct {
	name   *string
	grants *[]usermgmt.Grant
}

// apply gives the changed name and grants; ok is false if they break a rule.
func (m *model) apply(c *grantsChange, title string, g grants) (string, grants, bool) {
	set(&title, c.name)
	ok := nameOK(title)
	if c.grants != nil {
		var fine bool
		g, fine = m.normalize(*c.grants)
		ok = ok && fine
	}
	return title, g, ok
}

func (mc *machine) roleUpdate(i int, version int64, c grantsChange) *call {
	return &call{name: "roles.update", verb: "role.update",
		expect: func(a *actor) (string, error) {
			m := mc.model
			if i >= len(m.roles) || !m.roles[i].alive {
				return "", usermgmt.ErrNotFound
			}
			r := m.roles[i]
			m.on("role", fmt.Sprint("role", i), r.org)
			if err := m.shared(a, r.org, "role.edit", "role.view"); err != nil {
				return "", err
			}
			if r.version != version {
				return "", usermgmt.ErrStale
			}
			title, g, ok := m.apply(&c, r.name, r.grants)
			if !ok {
				return "", usermgmt.ErrInvalid
			}
			if err := m.mayRewrite(a, r.org, r.grants, g); err != nil {
				return "", err
			}
			if m.roleTaken(i, r.org, r.app, title) {
				return "", usermgmt.ErrConflict
			}
			r.name, r.grants, r.masks = title, g, m.masksOf(g)
			r.version++
			m.record(a, "role.update")
			return m.roleText(i), nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			r, err := s.Roles().Update(ctx, a, at(s.roles, i), version, usermgmt.RoleUpdate{Name: c.name, Grants: c.grants})
			if err != nil {
				return "", err
			}
			return s.roleText(r), nil
		}}
}

func (mc *machine) roleDelete(i int) *call {
	return &call{name: "roles.delete", verb: "role.delete",
		expect: func(a *actor) (string, error) {
			m := mc.model
			if i >= len(m.roles) || !m.roles[i].alive {
				return "", usermgmt.ErrNotFound
			}
			r := m.roles[i]
			m.on("role", fmt.Sprint("role", i), r.org)
			if err := m.shared(a, r.org, "role.delete", "role.view"); err != nil {
				return "", err
			}
			if err := m.mayGrant(a, r.org, m.resolve(r.grants, true)); err != nil {
				return "", err
			}
			holds := func(list []heldRole) bool {
				return slices.ContainsFunc(list, func(h heldRole) bool { return h.role == i })
			}
			used := slices.ContainsFunc(m.access, func(e *entry) bool { return holds(e.roles) })
			for _, u := range m.users {
				for _, p := range u.in {
					used = used || holds(p.roles)
				}
			}
			if used {
				return "", usermgmt.ErrConflict
			}
			r.alive = false
			m.record(a, "role.delete")
			return "", nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			return "", s.Roles().Delete(ctx, a, at(s.roles, i))
		}}
}

func (mc *machine) roleList(org int) *call {
	return &call{name: "roles.list", read: true,
		expect: func(a *actor) (string, error) {
			m, org := mc.model, org
			if org == none {
				org = a.org
			}
			if err := m.needIn(a, "role.view", org); err != nil {
				return "", err
			}
			var list []int
			for i := range m.roles {
				if m.roleOffered(i, org) {
					list = append(list, i)
				}
			}
			slices.SortStableFunc(list, func(i, j int) int {
				return strings.Compare(strings.ToLower(m.roles[i].name), strings.ToLower(m.roles[j].name))
			})
			out := make([]string, len(list))
			for k, i := range list {
				out[k] = m.roleText(i)
			}
			return strings.Join(out, "\n"), nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			list, err := s.Roles().List(ctx, a, at(s.orgs, org))
			out := make([]string, len(list))
			for i := range list {
				out[i] = s.roleText(&list[i])
			}
			return strings.Join(out, "\n"), err
		}}
}

func (mc *machine) profileCreate(org int, title string, list []usermgmt.Grant) *call {
	return &call{name: "profiles.create", verb: "profile.create",
		expect: func(a *actor) (string, error) {
			m := mc.model
			m.on("profile", "?", org)
			if err := m.needIn(a, "profile.create", org); err != nil {
				return "", err
			}
			g, ok := m.normalize(list)
			if !ok || !nameOK(title) {
				return "", usermgmt.ErrInvalid
			}
			if err := m.mayRewrite(a, org, nil, g); err != nil {
				return "", err
			}
			if m.profileTaken(none, org, title) {
				return "", usermgmt.ErrConflict
			}
			i := len(m.profiles)
			m.profiles = append(m.profiles, &profile{org: org, name: title, grants: g, masks: m.masksOf(g), version: 1, alive: true})
			m.on("profile", fmt.Sprint("profile", i), org)
			m.record(a, "profile.create")
			return m.profileText(i), nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			p, err := s.Profiles().Create(ctx, a, usermgmt.NewProfile{Org: at(s.orgs, org), Name: title, Grants: list})
			if err != nil {
				return "", err
			}
			add(s, "profile", &s.profiles, p.ID)
			return s.profileText(p), nil
		}}
}

// changeableProfile decides on a change of a profile; shipped ones stay.
func (m *model) changeableProfile(a *actor, i int, perm string) error {
	if i >= len(m.profiles) || !m.profiles[i].alive {
		return usermgmt.ErrNotFound
	}
	p := m.profiles[i]
	m.on("profile", fmt.Sprint("profile", i), p.org)
	if err := m.shared(a, p.org, perm, "profile.view"); err != nil {
		return err
	}
	if p.locked {
		return usermgmt.ErrConflict
	}
	return nil
}

func (mc *machine) profileUpdate(i int, version int64, c grantsChange) *call {
	return &call{name: "profiles.update", verb: "profile.update",
		expect: func(a *actor) (string, error) {
			m := mc.model
			if err := m.changeableProfile(a, i, "profile.edit"); err != nil {
				return "", err
			}
			p := m.profiles[i]
			if p.version != version {
				return "", usermgmt.ErrStale
			}
			title, g, ok := m.apply(&c, p.name, p.grants)
			if !ok {
				return "", usermgmt.ErrInvalid
			}
			if err := m.mayRewrite(a, p.org, p.grants, g); err != nil {
				return "", err
			}
			if m.profileTaken(i, p.org, title) {
				return "", usermgmt.ErrConflict
			}
			p.name, p.grants, p.masks = title, g, m.masksOf(g)
			p.version++
			m.record(a, "profile.update")
			return m.profileText(i), nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			p, err := s.Profiles().Update(ctx, a, at(s.profiles, i), version, usermgmt.ProfileUpdate{Name: c.name, Grants: c.grants})
			if err != nil {
				return "", err
			}
			return s.profileText(p), nil
		}}
}

func (mc *machine) profileDelete(i int) *call {
	return &call{name: "profiles.delete", verb: "profile.delete",
		expect: func(a *actor) (string, error) {
			m := mc.model
			if err := m.changeableProfile(a, i, "profile.delete"); err != nil {
				return "", err
			}
			p := m.profiles[i]
			if err := m.mayGrant(a, p.org, m.resolve(p.grants, true)); err != nil {
				return "", err
			}
			for _, u := range m.users {
				for _, x := range u.in {
					if x.profile == i {
						return "", usermgmt.ErrConflict
					}
				}
			}
			p.alive = false
			m.record(a, "profile.delete")
			return "", nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			return "", s.Profiles().Delete(ctx, a, at(s.profiles, i))
		}}
}

// accessGrant sets the access entry of a user or a team for the application.
func (mc *machine) accessGrant(app, user, team int, roles []heldRole) *call {
	return &call{name: "applications.grant", about: []int{user}, verb: "application.grant",
		expect: func(a *actor) (string, error) {
			m := mc.model
			e, err := m.accessEntry(a, app, user, team)
			if err != nil {
				return "", err
			}
			if len(roles) == 0 {
				return "", usermgmt.ErrInvalid
			}
			var p *place
			if user != none {
				p = m.users[user].in[e.org]
			}
			bad, err := m.checkRoles(a, user, e.org, p, e.roles, roles, app)
			if err != nil {
				return "", err
			}
			if bad || app >= len(m.apps) {
				return "", usermgmt.ErrInvalid
			}
			if e.version == 0 {
				m.access = append(m.access, e)
			}
			e.roles = roles
			e.version++
			m.record(a, "application.grant")
			return "", nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			_, err := s.Applications().Grant(ctx, a, usermgmt.AccessRequest{Application: at(s.apps, app), User: at(s.users, user),
				Team: at(s.teams, team), Roles: s.roleList(roles)})
			return "", err
		}}
}

// accessEntry finds the entry, or begins one, if the actor may change it.
func (m *model) accessEntry(a *actor, app, user, team int) (*entry, error) {
	e := &entry{org: a.org, app: app, user: user, team: team}
	switch {
	case (user == none) == (team == none):
		return nil, usermgmt.ErrInvalid
	case user != none:
		if err := m.member(user, a.org); err != nil {
			return nil, err
		}
		if err := m.need(a, "user.grant", "user.view", m.personIn(user, a.org)); err != nil {
			return nil, err
		}
		if m.users[user].erased {
			return nil, usermgmt.ErrConflict
		}
	default:
		if !m.node(m.teams, team) {
			return nil, usermgmt.ErrNotFound
		}
		e.org = m.teams[team].org
		m.on("team", fmt.Sprint("team", team), e.org)
		if err := m.need(a, "user.grant", "team.view", teamThing(e.org, team)); err != nil {
			return nil, err
		}
	}
	for _, old := range m.access {
		if old.org == e.org && old.app == app && old.user == user && old.team == team {
			return old, nil
		}
	}
	return e, nil
}

func (mc *machine) accessRevoke(app, user, team int) *call {
	return &call{name: "applications.revoke", about: []int{user}, verb: "application.revoke",
		expect: func(a *actor) (string, error) {
			m := mc.model
			e, err := m.accessEntry(a, app, user, team)
			if err != nil || e.version == 0 {
				return "", err
			}
			if user != none {
				p := m.users[user].in[e.org]
				if len(p.roles) == 0 && len(m.entriesOfUser(e.org, user)) == 1 && len(m.entriesOf(e.org, m.teamsNow(p, false))) == 0 {
					return "", usermgmt.ErrConflict
				}
			}
			m.access = slices.DeleteFunc(m.access, func(x *entry) bool { return x == e })
			m.record(a, "application.revoke")
			return "", nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			return "", s.Applications().Revoke(ctx, a, at(s.apps, app), at(s.users, user), at(s.teams, team))
		}}
}
