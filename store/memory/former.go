package memory

import (
	"context"
	"slices"

	"github.com/usermgmt/usermgmt"
)

// agedUser is a user with a working password below the time of its last change.
type agedUser struct {
	at micros
	u  *userRow
}

func (a agedUser) compare(b agedUser) int {
	if c := compareIDs(a.u.Org, b.u.Org); c != 0 {
		return c
	}
	if a.at != b.at {
		if a.at < b.at {
			return -1
		}
		return 1
	}
	return cmpID(a.u.ID, b.u.ID)
}

// ages reports whether the password may grow too old.
func (p *person) ages() bool {
	return p.status == usermgmt.StatusActive && p.hash != "" && p.changedAt != never
}

// moveAged puts next in the place of p in the order of age.
func (w *writer) moveAged(p, next *person) {
	t := w.users()
	if p.ages() && (!next.ages() || p.changedAt != next.changedAt || p.u.Org != next.u.Org) {
		t.byAge.Delete(w.own, agedUser{p.changedAt, p.u})
	}
	if next.ages() && (!p.ages() || p.changedAt != next.changedAt || p.u != next.u) {
		t.byAge.Set(w.own, agedUser{next.changedAt, next.u})
	}
}

// AddFormerPassword implements [usermgmt.Store].
func (s *Store) AddFormerPassword(ctx context.Context, p usermgmt.FormerPassword, keep int) error {
	return s.write(ctx, func(w *writer) error {
		if w.v.person(p.User) == nil {
			return missing("user")
		}
		p.RetiredAt = utc(p.RetiredAt)
		old := w.v.formers(p.User)
		var list []usermgmt.FormerPassword
		if old != nil {
			list = old.list
		}
		i := len(list)
		for i > 0 && p.RetiredAt.Before(list[i-1].RetiredAt) {
			i--
		}
		list = slices.Insert(slices.Clone(list), i, p)
		if list = list[max(0, len(list)-keep):]; len(list) > 0 {
			put(&w.others().formers, w.own, old, &formers{p.User, list})
		} else if old != nil {
			w.others().formers.Delete(w.own, old)
		}
		return nil
	})
}

// FormerPasswords implements [usermgmt.Store].
func (s *Store) FormerPasswords(ctx context.Context, user usermgmt.UserID, limit int) ([]usermgmt.FormerPassword, error) {
	if limit < 1 {
		return nil, limitInvalid()
	}
	v, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	f := v.formers(user)
	if f == nil {
		return nil, nil
	}
	out := slices.Clone(f.list)
	slices.Reverse(out)
	return out[:min(limit, len(out))], nil
}

// PasswordsByAge implements [usermgmt.Store].
func (s *Store) PasswordsByAge(ctx context.Context, q usermgmt.PasswordQuery) (out []usermgmt.Account, err error) {
	if q.Limit < 1 {
		return nil, limitInvalid()
	}
	v, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	after := agedUser{microsOf(q.After), &userRow{User: usermgmt.User{ID: q.AfterUser, Org: q.Org}}}
	v.users.byAge.Ascend(func(a agedUser) bool { return a.compare(after) > 0 }, func(a agedUser) bool {
		if a.u.Org != q.Org || a.at.time().After(q.Until) || len(out) == q.Limit {
			return false
		}
		acc, missing := v.account(v.person(a.u.ID))
		if err = missing; err != nil {
			return false
		}
		out = append(out, acc)
		return true
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (s *Store) mark(v *version, name string) *markRow {
	return v.others.marks.Get(s.text(name), func(m *markRow) bool { return m.name == name })
}

// Mark implements [usermgmt.Store].
func (s *Store) Mark(ctx context.Context, name string) (string, error) {
	v, err := s.read(ctx)
	if err != nil {
		return "", err
	}
	if m := s.mark(v, name); m != nil {
		return m.value, nil
	}
	return "", nil
}

// MoveMark implements [usermgmt.Store].
func (s *Store) MoveMark(ctx context.Context, name, from, to string) (moved bool, err error) {
	err = s.write(ctx, func(w *writer) error {
		old := s.mark(w.v, name)
		is := ""
		if old != nil {
			is = old.value
		}
		if moved = is == from; moved {
			put(&w.others().marks, w.own, old, &markRow{name, to})
		}
		return nil
	})
	return moved && err == nil, err
}
