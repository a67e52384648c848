package equality_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt"
)

type group struct {
	name, description string
	created, updated  time.Time
	version           int64
	alive             bool
}

func (m *model) groupThere(i int) bool { return i >= 0 && i < len(m.groups) && m.groups[i].alive }

func (m *model) groupText(i int) string {
	g := m.groups[i]
	return fmt.Sprintf("group%d %q %q, made %s, changed %s, version %d", i, g.name, g.description, text(g.created), text(g.updated), g.version)
}

func (s *system) groupText(g *usermgmt.Group) string {
	return fmt.Sprintf("%s %q %q, made %s, changed %s, version %d", of(s, g.ID), g.Name, g.Description, text(g.CreatedAt), text(g.UpdatedAt), g.Version)
}

func (m *model) groupTaken(i int, title string) bool {
	for j, g := range m.groups {
		if j != i && g.alive && strings.EqualFold(g.name, title) {
			return true
		}
	}
	return false
}

// saveGroup checks the name of a group, which has number i.
func (m *model) saveGroup(i int, title string) error {
	switch {
	case !nameOK(title):
		return usermgmt.ErrInvalid
	case m.groupTaken(i, title):
		return usermgmt.ErrConflict
	}
	return nil
}

func (mc *machine) groupCreate(title, description string) *call {
	return &call{name: "groups.create", verb: "group.create",
		expect: func(a *actor) (string, error) {
			m, i := mc.model, len(mc.groups)
			m.on("group", "?", none)
			if err := m.needIn(a, "group.create", none); err != nil {
				return "", err
			}
			if err := m.saveGroup(i, title); err != nil {
				return "", err
			}
			m.groups = append(m.groups, &group{title, description, m.now, m.now, 1, true})
			m.on("group", fmt.Sprint("group", i), none)
			m.record(a, "group.create")
			return m.groupText(i), nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			g, err := s.Groups().Create(ctx, a, usermgmt.NewGroup{Name: title, Description: description})
			if err != nil {
				return "", err
			}
			add(s, "group", &s.groups, g.ID)
			return s.groupText(g), nil
		}}
}

// groupFor decides on a change of a group, which is system-wide.
func (m *model) groupFor(a *actor, i int, perm string) error {
	if !m.groupThere(i) {
		return usermgmt.ErrNotFound
	}
	m.on("group", fmt.Sprint("group", i), none)
	return m.shared(a, none, perm, "group.view")
}

func (mc *machine) groupUpdate(i int, version int64, title, description *string) *call {
	return &call{name: "groups.update", verb: "group.update",
		expect: func(a *actor) (string, error) {
			m := mc.model
			if err := m.groupFor(a, i, "group.edit"); err != nil {
				return "", err
			}
			g := *m.groups[i]
			if g.version != version {
				return "", usermgmt.ErrStale
			}
			set(&g.name, title)
			set(&g.description, description)
			if err := m.saveGroup(i, g.name); err != nil {
				return "", err
			}
			g.version++
			g.updated = m.now
			m.groups[i] = &g
			m.record(a, "group.update")
			return m.groupText(i), nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			g, err := s.Groups().Update(ctx, a, at(s.groups, i), version, usermgmt.GroupUpdate{Name: title, Description: description})
			if err != nil {
				return "", err
			}
			return s.groupText(g), nil
		}}
}

func (mc *machine) groupDelete(i int) *call {
	return &call{name: "groups.delete", verb: "group.delete",
		expect: func(a *actor) (string, error) {
			m := mc.model
			if err := m.groupFor(a, i, "group.delete"); err != nil {
				return "", err
			}
			if slices.ContainsFunc(m.users, func(u *person) bool { return slices.Contains(u.groups, i) }) {
				return "", usermgmt.ErrConflict
			}
			m.groups[i].alive = false
			m.record(a, "group.delete")
			return "", nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			return "", s.Groups().Delete(ctx, a, at(s.groups, i))
		}}
}

// groupList reads pages of the groups and, of the last one, each by itself.
func (mc *machine) groupList(search string, limit, pages int) *call {
	return &call{name: "groups.list", note: fmt.Sprintf(" %q by %d, %d pages", search, limit, pages), read: true,
		expect: func(a *actor) (string, error) {
			m := mc.model
			switch {
			case !m.can(a, "group.view", &thing{org: a.org, owner: none}):
				return "", usermgmt.ErrPermission
			case limit > usermgmt.MaxPageSize:
				return "", usermgmt.ErrLimit
			case limit < 0:
				return "", usermgmt.ErrInvalid
			}
			var list []int
			for i, g := range m.groups {
				if g.alive && strings.Contains(strings.ToLower(g.name), strings.ToLower(search)) {
					list = append(list, i)
				}
			}
			slices.SortFunc(list, func(i, j int) int {
				return strings.Compare(strings.ToLower(m.groups[i].name), strings.ToLower(m.groups[j].name))
			})
			var out []string
			for range pages {
				n := min(limit, len(list))
				for _, i := range list[:n] {
					out = append(out, m.groupText(i))
				}
				if list = list[n:]; len(list) == 0 {
					return strings.Join(append(out, "end"), "\n"), nil
				}
				out = append(out, "page")
			}
			return strings.Join(out, "\n"), nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			q := usermgmt.ListQuery{Search: search, Limit: limit}
			var out []string
			for range pages {
				page, err := s.Groups().List(ctx, a, q)
				if err != nil {
					return "", err
				}
				for i := range page.Items {
					g, err := s.Groups().Get(ctx, a, page.Items[i].ID)
					if err != nil {
						return "", err
					}
					if s.groupText(g) != s.groupText(&page.Items[i]) {
						return "", fmt.Errorf("%s is listed as %s", s.groupText(g), s.groupText(&page.Items[i]))
					}
					out = append(out, s.groupText(g))
				}
				if page.Next.IsZero() {
					return strings.Join(append(out, "end"), "\n"), nil
				}
				q.After = page.Next
				out = append(out, "page")
			}
			return strings.Join(out, "\n"), nil
		}}
}

// wear gives a user, who wore others before, groups: each once. Whoever gives
// one must see it; bad says whether one is not there.
func (m *model) wear(a *actor, before []int, u *person, groups []int) (bad bool, err error) {
	u.groups = nil
	more := false
	for _, i := range groups {
		if slices.Contains(u.groups, i) {
			continue
		}
		u.groups = append(u.groups, i)
		if !slices.Contains(before, i) {
			more = true
			bad = bad || !m.groupThere(i)
		}
	}
	if more && !m.can(a, "group.view", &thing{org: a.org, owner: none}) {
		return bad, usermgmt.ErrPermission
	}
	return bad, nil
}

func changesSharedGroups(mc *machine, a *actor) bool { return mc.granted(a, "group.create") != 0 }

func (mc *machine) pickGroup() int {
	var list []int
	for i, g := range mc.groups {
		if g.alive {
			list = append(list, i)
		}
	}
	if len(list) == 0 || mc.chance("no group", 3) {
		return ghost
	}
	return mc.choose("group", list)
}

func (mc *machine) pickGroups() (out []int) {
	for range mc.weighted("groups", 20, 45, 25, 10) {
		out = append(out, mc.pickGroup())
	}
	return out
}

func (mc *machine) pickGroupName() string {
	if mc.chance("bad name", 6) {
		return sample(mc, "bad name", []string{" ", "", strings.Repeat("g", 101)})
	}
	return fmt.Sprintf("%s %d", sample(mc, "case", []string{"group", "Group", "Ögroup"}), mc.pick("name", 5))
}

func (mc *machine) pickDescription() string {
	return sample(mc, "description", []string{"", "for notices", "two\nlines"})
}

func (mc *machine) drawGroupUpdate() *call {
	i := mc.pickGroup()
	if !mc.groupThere(i) {
		return mc.groupUpdate(i, 1, nil, nil)
	}
	return mc.groupUpdate(i, mc.version(mc.groups[i].version), maybe(mc, "name", 60, mc.pickGroupName), maybe(mc, "description", 50, mc.pickDescription))
}

func (mc *machine) drawGroupList() *call {
	return mc.groupList(sample(mc, "search", []string{"", "", "group", "GROUP 1", "ög", "xyz"}), sample(mc, "limit", []int{1, 2, 3, 1000, 1001, -1}), 1+mc.pick("pages", 4))
}

// groupLines is every group, as text by lines.
func (m *model) groupLines() (out []string) {
	for i, g := range m.groups {
		if g.alive {
			out = append(out, m.groupText(i))
		}
	}
	return out
}

func (mc *machine) foundGroups(s *system) (out []string) {
	list, err := s.Store.ListGroups(mc.ctx, usermgmt.ListQuery{Limit: 1000})
	if err != nil {
		mc.fail("reading the groups of %s: %v", s.name, err)
	}
	for i := range list {
		out = append(out, s.groupText(&list[i]))
	}
	return out
}

func (f faulty) ListGroups(ctx context.Context, q usermgmt.ListQuery) ([]usermgmt.Group, error) {
	if f.listGroups != nil {
		f.listGroups(&q)
	}
	return f.Store.ListGroups(ctx, q)
}
