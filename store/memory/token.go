package memory

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt"
)

// tokenRow is a token as stored, with the hashes of its secrets. It is never
// changed.
type tokenRow struct {
	usermgmt.Token
	hashes [][32]byte
}

// overAt is when the token is over at the latest, or was over.
func (r *tokenRow) overAt() time.Time {
	if !r.UsedAt.IsZero() && r.UsedAt.Before(r.ExpiresAt) {
		return r.UsedAt
	}
	return r.ExpiresAt
}

func tokensByID(a, b *tokenRow) int { return cmpID(a.ID, b.ID) }

func tokensByKey(a, b *tokenRow) int { return strings.Compare(a.Key, b.Key) }

func tokensByUser(a, b *tokenRow) int {
	if c := cmpID(a.User, b.User); c != 0 {
		return c
	}
	return cmpID(a.ID, b.ID)
}

func tokensByEnd(a, b *tokenRow) int {
	if c := a.overAt().Compare(b.overAt()); c != 0 {
		return c
	}
	return cmpID(a.ID, b.ID)
}

// tokenHash leads from the hash of a secret to its token.
type tokenHash struct {
	hash [32]byte
	id   usermgmt.TokenID
}

func (v *version) token(id usermgmt.TokenID) *tokenRow {
	r, _ := v.others.tokens.Get(&tokenRow{Token: usermgmt.Token{ID: id}})
	return r
}

func (v *version) tokenByKey(key string) *tokenRow {
	r, _ := v.others.tokenKeys.Get(&tokenRow{Token: usermgmt.Token{Key: key}})
	return r
}

func (v *version) tokenHash(h *[32]byte) *tokenHash {
	return v.others.tokenHashes.Get(hashToken(h), func(r *tokenHash) bool { return r.hash == *h })
}

// replaceToken puts row, the same token, in the place of old. Either may be nil.
func (w *writer) replaceToken(old, row *tokenRow) {
	t := w.others()
	if old != nil {
		t.tokens.Delete(w.own, old)
		t.tokenKeys.Delete(w.own, old)
		t.tokenUsers.Delete(w.own, old)
		t.tokenEnds.Delete(w.own, old)
	}
	if old != nil && row == nil {
		for i := range old.hashes {
			t.tokenHashes.Delete(w.own, w.v.tokenHash(&old.hashes[i]))
		}
	}
	if row != nil {
		t.tokens.Set(w.own, row)
		t.tokenKeys.Set(w.own, row)
		t.tokenUsers.Set(w.own, row)
		t.tokenEnds.Set(w.own, row)
	}
}

// PutToken implements [usermgmt.Store].
func (s *Store) PutToken(ctx context.Context, t usermgmt.Token, since time.Time) (put bool, err error) {
	err = s.write(ctx, func(w *writer) error {
		old := w.v.tokenByKey(t.Key)
		switch {
		case t.Key == "":
			return nil
		case old != nil && !since.IsZero() && old.CreatedAt.After(since) && !old.CreatedAt.After(utc(t.CreatedAt)):
			return nil
		case !t.User.IsZero() && w.v.person(t.User) == nil:
			return missing("user")
		}
		if r := w.v.token(t.ID); r != nil && r != old {
			return taken("id")
		}
		row := &tokenRow{Token: t}
		row.CreatedAt, row.ExpiresAt, row.UsedAt = utc(t.CreatedAt), utc(t.ExpiresAt), utc(t.UsedAt)
		w.replaceToken(old, nil)
		w.replaceToken(nil, row)
		put = true
		return nil
	})
	return put && err == nil, err
}

// ArmToken implements [usermgmt.Store].
func (s *Store) ArmToken(ctx context.Context, secret usermgmt.TokenSecret) (armed bool, err error) {
	err = s.write(ctx, func(w *writer) error {
		old := w.v.token(secret.Token)
		if old == nil || !old.UsedAt.IsZero() {
			return nil
		}
		row := *old
		if secret.Code != "" {
			row.Code = secret.Code
		}
		if secret.Hash != ([32]byte{}) {
			if w.v.tokenHash(&secret.Hash) != nil {
				return taken("hash")
			}
			row.hashes = append(slices.Clone(old.hashes), secret.Hash)
			w.others().tokenHashes.Insert(w.own, &tokenHash{secret.Hash, old.ID})
		}
		w.replaceToken(old, &row)
		armed = true
		return nil
	})
	return armed && err == nil, err
}

// TokenByID implements [usermgmt.Store].
func (s *Store) TokenByID(ctx context.Context, id usermgmt.TokenID) (usermgmt.Token, error) {
	return s.oneToken(ctx, func(v *version) *tokenRow { return v.token(id) })
}

// TokenByKey implements [usermgmt.Store].
func (s *Store) TokenByKey(ctx context.Context, key string) (usermgmt.Token, error) {
	return s.oneToken(ctx, func(v *version) *tokenRow { return v.tokenByKey(key) })
}

// TokenByHash implements [usermgmt.Store].
func (s *Store) TokenByHash(ctx context.Context, hash [32]byte) (usermgmt.Token, error) {
	return s.oneToken(ctx, func(v *version) *tokenRow {
		if h := v.tokenHash(&hash); h != nil {
			return v.token(h.id)
		}
		return nil
	})
}

func (s *Store) oneToken(ctx context.Context, find func(v *version) *tokenRow) (usermgmt.Token, error) {
	v, err := s.read(ctx)
	if err != nil {
		return usermgmt.Token{}, err
	}
	r := find(v)
	if r == nil {
		return usermgmt.Token{}, usermgmt.ErrNotFound
	}
	return r.Token, nil
}

// UseToken implements [usermgmt.Store].
func (s *Store) UseToken(ctx context.Context, id usermgmt.TokenID, at time.Time) (used bool, err error) {
	err = s.write(ctx, func(w *writer) error {
		old := w.v.token(id)
		if old == nil || !old.UsedAt.IsZero() {
			return nil
		}
		row := *old
		row.UsedAt = utc(at)
		w.replaceToken(old, &row)
		used = true
		return nil
	})
	return used && err == nil, err
}

// DeleteTokens implements [usermgmt.Store].
func (s *Store) DeleteTokens(ctx context.Context, user usermgmt.UserID, purposes ...usermgmt.TokenPurpose) error {
	return s.write(ctx, func(w *writer) error {
		var rows []*tokenRow
		w.v.others.tokenUsers.Ascend(func(r *tokenRow) bool { return cmpID(r.User, user) >= 0 }, func(r *tokenRow) bool {
			if r.User != user || user.IsZero() {
				return false
			}
			if len(purposes) == 0 || slices.Contains(purposes, r.Purpose) {
				rows = append(rows, r)
			}
			return true
		})
		for _, r := range rows {
			w.replaceToken(r, nil)
		}
		return nil
	})
}

// PruneTokens implements [usermgmt.Store].
func (s *Store) PruneTokens(ctx context.Context, t time.Time, limit int) (n int, err error) {
	if limit < 1 {
		return 0, limitInvalid()
	}
	err = s.write(ctx, func(w *writer) error {
		var rows []*tokenRow
		w.v.others.tokenEnds.Ascend(nil, func(r *tokenRow) bool {
			if !r.overAt().Before(t) {
				return false
			}
			rows = append(rows, r)
			return len(rows) < limit
		})
		for _, r := range rows {
			w.replaceToken(r, nil)
		}
		n = len(rows)
		return nil
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}
