package memory

import (
	"context"
	"strings"

	"github.com/usermgmt/usermgmt"
)

func groupsByName(a, b *usermgmt.Group) int { return strings.Compare(a.NameKey, b.NameKey) }

// groupUser is a user below a group.
type groupUser struct {
	group usermgmt.GroupID
	u     *userRow
}

func (a groupUser) compare(b groupUser) int {
	if c := cmpID(a.group, b.group); c != 0 {
		return c
	}
	return cmpID(a.u.ID, b.u.ID)
}

func (v *version) group(id usermgmt.GroupID) *usermgmt.Group {
	return find(&v.users.groups, id, func(g *usermgmt.Group) usermgmt.GroupID { return g.ID })
}

// wearing yields the users who wear the group.
func (v *version) wearing(id usermgmt.GroupID, yield func(*userRow) bool) {
	v.users.grouped.Ascend(func(x groupUser) bool { return cmpID(x.group, id) >= 0 },
		func(x groupUser) bool { return x.group == id && yield(x.u) })
}

// indexGroups puts row in the place of old, which may be nil, below its groups.
func (w *writer) indexGroups(old, row *userRow) {
	t := w.users()
	if old != nil {
		for _, id := range old.Groups {
			t.grouped.Delete(w.own, groupUser{id, old})
			w.refer(refGroup, id, -1)
		}
	}
	for _, id := range row.Groups {
		t.grouped.Set(w.own, groupUser{id, row})
		w.refer(refGroup, id, 1)
	}
}

// SaveGroup implements [usermgmt.Store].
func (s *Store) SaveGroup(ctx context.Context, g usermgmt.Group) error {
	return s.write(ctx, func(w *writer) error {
		old := w.v.group(g.ID)
		var stored int64
		if old != nil {
			stored = old.Version
		}
		if err := checkVersion(g.Version, old != nil, stored); err != nil {
			return err
		}
		t := w.users()
		if other, found := t.groupNames.Get(&g); found && other != old {
			return taken("name")
		}
		row := g
		row.Version++
		row.CreatedAt, row.UpdatedAt = utc(g.CreatedAt), utc(g.UpdatedAt)
		if old != nil {
			t.groupNames.Delete(w.own, old)
		}
		t.groupNames.Set(w.own, &row)
		put(&t.groups, w.own, old, &row)
		return nil
	})
}

// DeleteGroup implements [usermgmt.Store].
func (s *Store) DeleteGroup(ctx context.Context, id usermgmt.GroupID) error {
	return s.write(ctx, func(w *writer) error {
		g := w.v.group(id)
		switch {
		case g == nil:
			return usermgmt.ErrNotFound
		case w.v.referred(refGroup, id):
			return inUse("group")
		}
		t := w.users()
		t.groupNames.Delete(w.own, g)
		t.groups.Delete(w.own, g)
		return nil
	})
}

// GroupByID implements [usermgmt.Store].
func (s *Store) GroupByID(ctx context.Context, id usermgmt.GroupID) (usermgmt.Group, error) {
	v, err := s.read(ctx)
	if err != nil {
		return usermgmt.Group{}, err
	}
	g := v.group(id)
	if g == nil {
		return usermgmt.Group{}, usermgmt.ErrNotFound
	}
	return *g, nil
}

// ListGroups implements [usermgmt.Store].
func (s *Store) ListGroups(ctx context.Context, q usermgmt.ListQuery) ([]usermgmt.Group, error) {
	v, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	q.After.ID = [16]byte{} // names are unique
	return page(&v.users.groupNames, q, func(g *usermgmt.Group) (string, [16]byte) { return g.NameKey, [16]byte{} },
		func(g *usermgmt.Group) usermgmt.Group { return *g })
}
