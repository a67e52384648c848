package memory

import (
	"context"
	"slices"

	"github.com/usermgmt/usermgmt"
)

// codes are a user's recovery codes. A row is never changed.
type codes struct {
	user   usermgmt.UserID
	hashes [][32]byte
}

// formers are a user's former passwords, the oldest first. A row is never
// changed.
type formers struct {
	user usermgmt.UserID
	list []usermgmt.FormerPassword
}

// markRow is how far a duty has come.
type markRow struct{ name, value string }

func (v *version) factor(user usermgmt.UserID) *usermgmt.Factor {
	return find(&v.others.factors, user, func(f *usermgmt.Factor) usermgmt.UserID { return f.User })
}

func (v *version) question(user usermgmt.UserID) *usermgmt.Question {
	return find(&v.others.questions, user, func(q *usermgmt.Question) usermgmt.UserID { return q.User })
}

func (v *version) codes(user usermgmt.UserID) *codes {
	return find(&v.others.codes, user, func(c *codes) usermgmt.UserID { return c.user })
}

func (v *version) formers(user usermgmt.UserID) *formers {
	return find(&v.others.formers, user, func(f *formers) usermgmt.UserID { return f.user })
}

// SaveFactor implements [usermgmt.Store].
func (s *Store) SaveFactor(ctx context.Context, f usermgmt.Factor) error {
	return s.write(ctx, func(w *writer) error {
		old := w.v.factor(f.User)
		var stored int64
		if old != nil {
			stored = old.Version
		}
		if err := checkVersion(f.Version, old != nil, stored); err != nil {
			return err
		}
		if w.v.person(f.User) == nil {
			return missing("user")
		}
		row := f
		row.Secret, row.Next = slices.Clone(f.Secret), slices.Clone(f.Next)
		row.ConfirmedAt, row.NextAt = utc(f.ConfirmedAt), utc(f.NextAt)
		row.Version++
		if old != nil {
			row.LastStep = max(old.LastStep, row.LastStep)
		}
		put(&w.others().factors, w.own, old, &row)
		return nil
	})
}

// FactorOf implements [usermgmt.Store].
func (s *Store) FactorOf(ctx context.Context, user usermgmt.UserID) (usermgmt.Factor, error) {
	v, err := s.read(ctx)
	if err != nil {
		return usermgmt.Factor{}, err
	}
	f := v.factor(user)
	if f == nil {
		return usermgmt.Factor{}, usermgmt.ErrNotFound
	}
	out := *f
	out.Secret, out.Next = slices.Clone(f.Secret), slices.Clone(f.Next)
	return out, nil
}

// DeleteFactor implements [usermgmt.Store].
func (s *Store) DeleteFactor(ctx context.Context, user usermgmt.UserID) error {
	return s.write(ctx, func(w *writer) error {
		f := w.v.factor(user)
		if f == nil {
			return usermgmt.ErrNotFound
		}
		w.others().factors.Delete(w.own, f)
		if c := w.v.codes(user); c != nil {
			w.others().codes.Delete(w.own, c)
		}
		return nil
	})
}

// UseFactorStep implements [usermgmt.Store].
func (s *Store) UseFactorStep(ctx context.Context, user usermgmt.UserID, step int64) (used bool, err error) {
	err = s.write(ctx, func(w *writer) error {
		f := w.v.factor(user)
		if used = f != nil && len(f.Secret) > 0 && f.LastStep < step; used {
			row := *f
			row.LastStep = step
			put(&w.others().factors, w.own, f, &row)
		}
		return nil
	})
	return used && err == nil, err
}

// PutRecoveryCodes implements [usermgmt.Store].
func (s *Store) PutRecoveryCodes(ctx context.Context, user usermgmt.UserID, hashes [][32]byte) error {
	return s.write(ctx, func(w *writer) error {
		if w.v.person(user) == nil {
			return missing("user")
		}
		w.putCodes(w.v.codes(user), user, slices.Clone(hashes))
		return nil
	})
}

func (w *writer) putCodes(old *codes, user usermgmt.UserID, hashes [][32]byte) {
	if len(hashes) > 0 {
		put(&w.others().codes, w.own, old, &codes{user, hashes})
	} else if old != nil {
		w.others().codes.Delete(w.own, old)
	}
}

// UseRecoveryCode implements [usermgmt.Store].
func (s *Store) UseRecoveryCode(ctx context.Context, user usermgmt.UserID, hash [32]byte) (used bool, err error) {
	err = s.write(ctx, func(w *writer) error {
		c := w.v.codes(user)
		if used = c != nil && slices.Contains(c.hashes, hash); used {
			w.putCodes(c, user, slices.DeleteFunc(slices.Clone(c.hashes), func(h [32]byte) bool { return h == hash }))
		}
		return nil
	})
	return used && err == nil, err
}

// CountRecoveryCodes implements [usermgmt.Store].
func (s *Store) CountRecoveryCodes(ctx context.Context, user usermgmt.UserID) (int, error) {
	v, err := s.read(ctx)
	if err != nil {
		return 0, err
	}
	if c := v.codes(user); c != nil {
		return len(c.hashes), nil
	}
	return 0, nil
}

// SaveQuestion implements [usermgmt.Store].
func (s *Store) SaveQuestion(ctx context.Context, q usermgmt.Question) error {
	return s.write(ctx, func(w *writer) error {
		old := w.v.question(q.User)
		var stored int64
		if old != nil {
			stored = old.Version
		}
		if err := checkVersion(q.Version, old != nil, stored); err != nil {
			return err
		}
		if w.v.person(q.User) == nil {
			return missing("user")
		}
		row := q
		row.ChosenAt = utc(q.ChosenAt)
		row.Version++
		put(&w.others().questions, w.own, old, &row)
		return nil
	})
}

// QuestionOf implements [usermgmt.Store].
func (s *Store) QuestionOf(ctx context.Context, user usermgmt.UserID) (usermgmt.Question, error) {
	v, err := s.read(ctx)
	if err != nil {
		return usermgmt.Question{}, err
	}
	q := v.question(user)
	if q == nil {
		return usermgmt.Question{}, usermgmt.ErrNotFound
	}
	return *q, nil
}

// DeleteQuestion implements [usermgmt.Store].
func (s *Store) DeleteQuestion(ctx context.Context, user usermgmt.UserID) error {
	return s.write(ctx, func(w *writer) error {
		q := w.v.question(user)
		if q == nil {
			return usermgmt.ErrNotFound
		}
		w.others().questions.Delete(w.own, q)
		return nil
	})
}
