package memory

import (
	"context"

	"github.com/usermgmt/usermgmt"
)

func deputiesByUser(a, b *usermgmt.Deputy) int {
	if c := compareIDs(a.Org, b.Org); c != 0 {
		return c
	}
	if c := compareIDs(a.User, b.User); c != 0 {
		return c
	}
	return compareIDs(a.Deputy, b.Deputy)
}

func deputiesByDeputy(a, b *usermgmt.Deputy) int {
	if c := compareIDs(a.Org, b.Org); c != 0 {
		return c
	}
	if c := compareIDs(a.Deputy, b.Deputy); c != 0 {
		return c
	}
	return compareIDs(a.User, b.User)
}

func cloneDeputy(d *usermgmt.Deputy) usermgmt.Deputy {
	c := *d
	c.From, c.Until, c.CreatedAt, c.UpdatedAt = utc(d.From), utc(d.Until), utc(d.CreatedAt), utc(d.UpdatedAt)
	return c
}

func (v *version) deputy(user usermgmt.UserID, org usermgmt.OrgID, deputy usermgmt.UserID) *usermgmt.Deputy {
	d, _ := v.others.deputies.Get(&usermgmt.Deputy{User: user, Org: org, Deputy: deputy})
	return d
}

// SaveDeputy implements [usermgmt.Store].
func (s *Store) SaveDeputy(ctx context.Context, d usermgmt.Deputy) error {
	return s.write(ctx, func(w *writer) error {
		old := w.v.deputy(d.User, d.Org, d.Deputy)
		var stored int64
		if old != nil {
			stored = old.Version
		}
		if err := checkVersion(d.Version, old != nil, stored); err != nil {
			return err
		}
		if w.v.member(d.User, d.Org) == nil {
			return missing("user")
		}
		if w.v.member(d.Deputy, d.Org) == nil {
			return missing("deputy")
		}
		row := cloneDeputy(&d)
		row.Version++
		t := w.others()
		t.deputies.Set(w.own, &row)
		t.deputyFor.Set(w.own, &row)
		return nil
	})
}

// DeleteDeputy implements [usermgmt.Store].
func (s *Store) DeleteDeputy(
	ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID, deputy usermgmt.UserID,
) error {
	return s.write(ctx, func(w *writer) error {
		d := w.v.deputy(user, org, deputy)
		if d == nil {
			return usermgmt.ErrNotFound
		}
		w.deleteDeputy(d)
		return nil
	})
}

func (w *writer) deleteDeputy(d *usermgmt.Deputy) {
	t := w.others()
	t.deputies.Delete(w.own, d)
	t.deputyFor.Delete(w.own, d)
}

// deleteDeputies deletes those whom the user has named and those by whom the user
// was named.
func (w *writer) deleteDeputies(user usermgmt.UserID, org usermgmt.OrgID) {
	var gone []*usermgmt.Deputy
	collect := func(d *usermgmt.Deputy) bool {
		gone = append(gone, d)
		return true
	}
	w.v.deputies(usermgmt.DeputyQuery{Org: org, User: user}, collect)
	w.v.deputies(usermgmt.DeputyQuery{Org: org, Deputy: user}, collect)
	for _, d := range gone {
		w.deleteDeputy(d)
	}
}

// deputies yields the rows that q selects, ignoring q.Limit.
func (v *version) deputies(q usermgmt.DeputyQuery, yield func(d *usermgmt.Deputy) bool) {
	t, cmp := &v.others.deputies, deputiesByUser
	after := &usermgmt.Deputy{Org: q.Org, User: q.User, Deputy: usermgmt.UserID(q.After.ID)}
	if q.User.IsZero() {
		t, cmp = &v.others.deputyFor, deputiesByDeputy
		after = &usermgmt.Deputy{Org: q.Org, Deputy: q.Deputy, User: usermgmt.UserID(q.After.ID)}
	}
	t.Ascend(func(d *usermgmt.Deputy) bool { return cmp(d, after) > 0 }, func(d *usermgmt.Deputy) bool {
		same := d.Org == q.Org && (q.User.IsZero() || d.User == q.User) && (q.Deputy.IsZero() || d.Deputy == q.Deputy)
		return same && yield(d)
	})
}

// DeputyOf implements [usermgmt.Store].
func (s *Store) DeputyOf(
	ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID, deputy usermgmt.UserID,
) (usermgmt.Deputy, error) {
	v, err := s.read(ctx)
	if err != nil {
		return usermgmt.Deputy{}, err
	}
	d := v.deputy(user, org, deputy)
	if d == nil {
		return usermgmt.Deputy{}, usermgmt.ErrNotFound
	}
	return cloneDeputy(d), nil
}

// ListDeputies implements [usermgmt.Store].
func (s *Store) ListDeputies(ctx context.Context, q usermgmt.DeputyQuery) ([]usermgmt.Deputy, error) {
	v, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	if q.Limit < 1 {
		return nil, limitInvalid()
	}
	if q.User.IsZero() == q.Deputy.IsZero() {
		return nil, &usermgmt.Error{Kind: usermgmt.ErrInvalid, Field: "user", Rule: "required"}
	}
	var out []usermgmt.Deputy
	v.deputies(q, func(d *usermgmt.Deputy) bool {
		out = append(out, cloneDeputy(d))
		return len(out) < q.Limit
	})
	return out, nil
}
