package usermgmt

import (
	"context"
	"slices"
	"unicode/utf8"

	"github.com/usermgmt/usermgmt/internal/canon"
)

// Groups manages groups. [Manager.Groups] returns it.
type Groups struct{ m *Manager }

// Groups returns the service that manages groups.
func (m *Manager) Groups() *Groups { return &Groups{m} }

// Audit verbs of groups.
const (
	verbGroupCreate = "group.create"
	verbGroupUpdate = "group.update"
	verbGroupDelete = "group.delete"
)

const (
	maxGroups    = 50  // that a user may wear
	maxGroupName = 100 // characters
)

// NewGroup describes a group to make.
type NewGroup struct {
	// Name is unique, compared without regard to case; at most 100 characters.
	Name        string
	Description string // at most 4000 characters
}

// Create makes a group. The actor needs [PermGroupCreate], which exists
// system-wide only.
//
// Create is atomic. It records "group.create".
//
// Errors: [ErrPermission], [ErrInvalid], [ErrConflict] for a taken name.
func (s *Groups) Create(ctx context.Context, a Actor, n NewGroup) (*Group, error) {
	var out *Group
	id := newID[Group]()
	err := s.m.change(ctx, a, "Groups.Create", verbGroupCreate, func(ctx context.Context, w *work) error {
		g := Group{ID: id, Name: n.Name, Description: n.Description, CreatedAt: w.now, UpdatedAt: w.now}
		w.on("group", g.ID, OrgID{}, g.Name)
		if err := w.v.needIn(PermGroupCreate, OrgID{}); err != nil {
			return err
		}
		if err := w.saveGroup(ctx, &g, nil); err != nil {
			return err
		}
		out = &g
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// saveGroup checks and stores a group.
func (w *work) saveGroup(ctx context.Context, g *Group, before map[string]string) error {
	var p problems
	p.key("name", g.Name, &g.NameKey, canon.Name)
	if utf8.RuneCountInString(g.Name) > maxGroupName {
		p.add("name", "max_length", "has more than 100 characters")
	}
	p.text("description", g.Description, 4000, true)
	if err := p.err(); err != nil {
		return err
	}
	if err := w.tx.SaveGroup(ctx, *g); err != nil {
		return err
	}
	g.Version++
	w.record(before, groupFields(g))
	return nil
}

func groupFields(g *Group) map[string]string {
	return map[string]string{"name": g.Name, "description": g.Description}
}

// GroupUpdate changes a group; nil leaves a part alone.
type GroupUpdate struct{ Name, Description *string }

// Update changes a group, if version is the stored one. The actor needs
// [PermGroupEdit], which exists system-wide only.
//
// Update is atomic. It records "group.update".
//
// Errors: [ErrNotFound], [ErrPermission], [ErrStale], [ErrInvalid], [ErrConflict]
// for a taken name.
func (s *Groups) Update(ctx context.Context, a Actor, id GroupID, version int64, c GroupUpdate) (*Group, error) {
	var out *Group
	err := s.m.change(ctx, a, "Groups.Update", verbGroupUpdate, func(ctx context.Context, w *work) error {
		g, err := w.group(ctx, id, PermGroupEdit)
		if err != nil {
			return err
		}
		if g.Version != version {
			return &Error{Kind: ErrStale, Field: "version"}
		}
		before := groupFields(g)
		set(&g.Name, c.Name)
		set(&g.Description, c.Description)
		g.UpdatedAt = w.now
		if err := w.saveGroup(ctx, g, before); err != nil {
			return err
		}
		out = g
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// group loads the group that the call is about.
func (w *work) group(ctx context.Context, id GroupID, p Permission) (*Group, error) {
	g, err := w.tx.GroupByID(ctx, id)
	if err != nil {
		return nil, err
	}
	w.on("group", id, OrgID{}, g.Name)
	if w.v.can(p, &Record{}) {
		return &g, nil
	}
	if w.v.seesShared(PermGroupView, OrgID{}) {
		return nil, &Error{Kind: ErrPermission, Rule: "system_wide", Permission: p}
	}
	return nil, &Error{Kind: ErrNotFound, hidden: true}
}

// Delete deletes a group that nobody wears. The actor needs [PermGroupDelete],
// which exists system-wide only.
//
// It records "group.delete".
//
// Errors: [ErrNotFound], [ErrPermission], [ErrConflict] with the Rule "in_use".
func (s *Groups) Delete(ctx context.Context, a Actor, id GroupID) error {
	return s.m.change(ctx, a, "Groups.Delete", verbGroupDelete, func(ctx context.Context, w *work) error {
		g, err := w.group(ctx, id, PermGroupDelete)
		if err != nil {
			return err
		}
		if err := w.tx.DeleteGroup(ctx, id); err != nil {
			return err
		}
		w.record(groupFields(g), nil)
		return nil
	})
}

// Get returns a group. The actor needs [PermGroupView] in the current
// organization. Errors: [ErrNotFound].
func (s *Groups) Get(ctx context.Context, a Actor, id GroupID) (*Group, error) {
	const op = "Groups.Get"
	v, err := s.m.read(a)
	if err != nil {
		return nil, withOp(op, err)
	}
	g, err := s.m.store.GroupByID(ctx, id)
	if err != nil {
		return nil, withOp(op, err)
	}
	if !v.seesShared(PermGroupView, OrgID{}) {
		return nil, withOp(op, &Error{Kind: ErrNotFound})
	}
	return &g, nil
}

// List returns a page of the groups in the order of their names. q.Search keeps
// those whose name contains it, compared in canonical form; q.Limit defaults to
// [DefaultPageSize].
//
// The actor needs [PermGroupView] in the current organization. Errors:
// [ErrPermission]; [ErrLimit] for more than [MaxPageSize].
func (s *Groups) List(ctx context.Context, a Actor, q ListQuery) (*Page[Group], error) {
	const op = "Groups.List"
	v, err := s.m.read(a)
	if err != nil {
		return nil, withOp(op, err)
	}
	if !v.seesShared(PermGroupView, OrgID{}) {
		return nil, withOp(op, &Error{Kind: ErrPermission, Permission: PermGroupView})
	}
	if err := pageLimit(&q.Limit); err != nil {
		return nil, withOp(op, err)
	}
	q.Search = foldSearch(q.Search)
	want := q.Limit
	q.Limit++
	items, err := s.m.store.ListGroups(ctx, q)
	if err != nil {
		return nil, withOp(op, err)
	}
	page := &Page[Group]{Items: items}
	if len(items) > want {
		page.Items = items[:want]
		page.Next = Position{items[want-1].NameKey, [16]byte(items[want-1].ID)}
	}
	return page, nil
}

// checkGroups checks the labels that a user gets; those that the user wears
// already may stay. Whoever gives one sees it, and may take any away.
func (w *work) checkGroups(ctx context.Context, before []GroupID, u *User, p *problems) error {
	var distinct []GroupID
	for _, id := range u.Groups {
		if !slices.Contains(distinct, id) {
			distinct = append(distinct, id)
		}
	}
	u.Groups = distinct
	if len(distinct) > maxGroups {
		p.add("groups", "max_items", "at most 50")
		return nil
	}
	more := added(before, distinct)
	if len(more) > 0 && !w.v.seesShared(PermGroupView, OrgID{}) {
		return &Error{Kind: ErrPermission, Field: "groups", Permission: PermGroupView}
	}
	for _, id := range more {
		if _, err := w.tx.GroupByID(ctx, id); isNotFound(err) {
			p.add("groups", "unknown", "no such group")
		} else if err != nil {
			return err
		}
	}
	return nil
}
