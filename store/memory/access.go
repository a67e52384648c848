package memory

import (
	"context"

	"github.com/usermgmt/usermgmt"
)

func accessByApp(a, b *usermgmt.AccessEntry) int {
	if c := compareIDs(a.Application, b.Application); c != 0 {
		return c
	}
	return compareIDs(a.ID, b.ID)
}

// accessBySubject sorts entries of teams first: those of users have no team.
func accessBySubject(a, b *usermgmt.AccessEntry) int {
	if c := compareIDs(b.Team, a.Team); c != 0 {
		return c
	}
	if c := compareIDs(a.User, b.User); c != 0 {
		return c
	}
	return compareIDs(a.Application, b.Application)
}

func cloneAccess(e *usermgmt.AccessEntry) usermgmt.AccessEntry {
	c := *e
	c.Roles = cloneSpans(e.Roles)
	c.CreatedAt, c.UpdatedAt = utc(e.CreatedAt), utc(e.UpdatedAt)
	return c
}

func (v *version) accessEntry(id usermgmt.AccessID) *usermgmt.AccessEntry {
	return find(&v.orgs.access, id, func(e *usermgmt.AccessEntry) usermgmt.AccessID { return e.ID })
}

// SaveAccess implements [usermgmt.Store].
func (s *Store) SaveAccess(ctx context.Context, e usermgmt.AccessEntry) error {
	return s.write(ctx, func(w *writer) error { return w.saveAccess(&e) })
}

func (w *writer) saveAccess(e *usermgmt.AccessEntry) error {
	old := w.v.accessEntry(e.ID)
	var stored int64
	if old != nil {
		stored = old.Version
	}
	if err := checkVersion(e.Version, old != nil, stored); err != nil {
		return err
	}
	if w.v.org(e.Org) == nil || old != nil && old.Org != e.Org {
		return missing("organization")
	}
	if w.v.app(e.Application) == nil {
		return missing("application")
	}
	if e.Team.IsZero() || !e.User.IsZero() {
		if w.v.person(e.User) == nil {
			return missing("user")
		}
	}
	if !e.Team.IsZero() && w.v.team(e.Team) == nil {
		return missing("team")
	}
	for _, a := range e.Roles {
		if w.v.role(a.Role) == nil {
			return missing("roles")
		}
	}
	sp := w.space(e.Org)
	if other, found := sp.subjects.Get(e); found && other != old {
		return taken("subject")
	}
	row := cloneAccess(e)
	row.Version++
	if old != nil {
		w.referAccess(old, -1)
		sp.access.Delete(w.own, old)
		sp.subjects.Delete(w.own, old)
	}
	w.referAccess(&row, 1)
	sp.access.Set(w.own, &row)
	sp.subjects.Set(w.own, &row)
	put(&w.orgs().access, w.own, old, &row)
	return nil
}

func (w *writer) referAccess(e *usermgmt.AccessEntry, n int) {
	w.refer(refApp, e.Application, n)
	w.refer(refTeam, e.Team, n)
	for _, a := range e.Roles {
		w.refer(refRole, a.Role, n)
	}
}

func (w *writer) deleteAccess(e *usermgmt.AccessEntry) {
	w.referAccess(e, -1)
	sp := w.space(e.Org)
	sp.access.Delete(w.own, e)
	sp.subjects.Delete(w.own, e)
	w.orgs().access.Delete(w.own, e)
}

// DeleteAccess implements [usermgmt.Store].
func (s *Store) DeleteAccess(ctx context.Context, id usermgmt.AccessID) error {
	return s.write(ctx, func(w *writer) error {
		e := w.v.accessEntry(id)
		if e == nil {
			return usermgmt.ErrNotFound
		}
		w.deleteAccess(e)
		return nil
	})
}

// AccessByID implements [usermgmt.Store].
func (s *Store) AccessByID(ctx context.Context, id usermgmt.AccessID) (usermgmt.AccessEntry, error) {
	v, err := s.read(ctx)
	if err != nil {
		return usermgmt.AccessEntry{}, err
	}
	e := v.accessEntry(id)
	if e == nil {
		return usermgmt.AccessEntry{}, usermgmt.ErrNotFound
	}
	return cloneAccess(e), nil
}

// ListAccess implements [usermgmt.Store].
func (s *Store) ListAccess(
	ctx context.Context, org usermgmt.OrgID, app usermgmt.ApplicationID, q usermgmt.ListQuery,
) ([]usermgmt.AccessEntry, error) {
	v, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	if q.Limit < 1 {
		return nil, limitInvalid()
	}
	sp := v.space(org)
	if sp == nil {
		return nil, nil
	}
	var out []usermgmt.AccessEntry
	after := &usermgmt.AccessEntry{Application: app, ID: q.After.ID}
	sp.access.Ascend(func(e *usermgmt.AccessEntry) bool { return accessByApp(e, after) > 0 },
		func(e *usermgmt.AccessEntry) bool {
			if e.Application != app {
				return false
			}
			out = append(out, cloneAccess(e))
			return len(out) < q.Limit
		})
	return out, nil
}

// AccessOf implements [usermgmt.Store].
func (s *Store) AccessOf(
	ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID,
) ([]usermgmt.AccessEntry, error) {
	v, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	var out []usermgmt.AccessEntry
	for _, e := range v.accessOf(user, org) {
		out = append(out, cloneAccess(e))
	}
	return out, nil
}

// AccessOfUsers implements [usermgmt.Store].
func (s *Store) AccessOfUsers(
	ctx context.Context, org usermgmt.OrgID, users []usermgmt.UserID,
) ([]usermgmt.AccessEntry, error) {
	v, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	seen := make(map[usermgmt.UserID]struct{}, len(users))
	var out []usermgmt.AccessEntry
	for _, id := range users {
		if _, again := seen[id]; again {
			continue
		}
		seen[id] = struct{}{}
		for _, e := range v.accessOf(id, org) {
			out = append(out, cloneAccess(e))
		}
	}
	return out, nil
}

func (v *version) accessOf(user usermgmt.UserID, org usermgmt.OrgID) []*usermgmt.AccessEntry {
	sp := v.space(org)
	if sp == nil || user.IsZero() {
		return nil
	}
	var out []*usermgmt.AccessEntry
	first := &usermgmt.AccessEntry{User: user}
	sp.subjects.Ascend(func(e *usermgmt.AccessEntry) bool { return accessBySubject(e, first) >= 0 },
		func(e *usermgmt.AccessEntry) bool {
			if e.User != user || !e.Team.IsZero() {
				return false
			}
			out = append(out, e)
			return true
		})
	return out
}
