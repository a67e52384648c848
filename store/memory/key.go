package memory

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt"
)

// apiKey is a key as stored, with the rows that counted when it was written;
// see session.
type apiKey struct {
	id       usermgmt.APIKeyID
	hash     [32]byte
	person   *person
	member   *member // nil if there was no membership
	org      *orgRow
	more     *keyMore // nil if the user made the key and there is nothing else in it
	epoch    int64
	publicID string

	createdAt, expiresAt, lastUsedAt int64 // microseconds
}

type keyMore struct {
	permissions   []usermgmt.Permission
	createdBy     usermgmt.UserID
	previousHash  [32]byte
	previousUntil time.Time
}

var noHash [32]byte

func keysByExpiry(a, b *apiKey) int {
	if a.expiresAt != b.expiresAt {
		if a.expiresAt < b.expiresAt {
			return -1
		}
		return 1
	}
	return cmpID(a.id, b.id)
}

// follows reports whether the key took the place of one that may still work.
func (k *apiKey) follows() bool { return k.more != nil && k.more.previousHash != noHash }

func (k *apiKey) expires() bool { return k.expiresAt != int64(never) }

func (k *apiKey) value(out *usermgmt.APIKey) {
	out.ID, out.User, out.Org, out.PublicID, out.Hash = k.id, k.person.id, k.org.ID, k.publicID, k.hash
	out.Epoch, out.CreatedBy = k.epoch, k.person.id
	if k.more != nil {
		out.Permissions, out.CreatedBy = cloneSlice(k.more.permissions), k.more.createdBy
		out.PreviousHash, out.PreviousUntil = k.more.previousHash, k.more.previousUntil
	}
	out.CreatedAt, out.ExpiresAt, out.LastUsedAt = fromMicro(k.createdAt), fromMicro(k.expiresAt), fromMicro(k.lastUsedAt)
}

func (v *version) keyOf(user usermgmt.UserID, org usermgmt.OrgID) *apiKey {
	return v.sessions.keyOwner.Get(hashID(user), func(k *apiKey) bool { return k.person.id == user && k.org.ID == org })
}

func (v *version) keyByHash(h *[32]byte) *apiKey {
	return v.sessions.keyHash.Get(hashToken(h), func(k *apiKey) bool { return k.hash == *h })
}

func (v *version) keyByPrevious(h *[32]byte) *apiKey {
	if *h == noHash {
		return nil
	}
	return v.sessions.previous.Get(hashToken(h), func(k *apiKey) bool { return k.more.previousHash == *h })
}

func (v *version) key(id usermgmt.APIKeyID) *apiKey {
	return find(&v.sessions.keys, id, func(k *apiKey) usermgmt.APIKeyID { return k.id })
}

// PutAPIKey implements [usermgmt.Store].
func (s *Store) PutAPIKey(ctx context.Context, k usermgmt.APIKey) error {
	return s.write(ctx, func(w *writer) error { return w.putKey(&k) })
}

func (w *writer) putKey(k *usermgmt.APIKey) error {
	old := w.v.keyOf(k.User, k.Org)
	row := &apiKey{
		id: k.ID, hash: k.Hash, person: w.v.person(k.User), member: w.v.member(k.User, k.Org), org: w.v.org(k.Org),
		epoch: k.Epoch, publicID: k.PublicID,
		createdAt: k.CreatedAt.UnixMicro(), expiresAt: k.ExpiresAt.UnixMicro(), lastUsedAt: k.LastUsedAt.UnixMicro(),
	}
	if row.person == nil {
		return missing("user")
	}
	if len(k.Permissions) > 0 || k.CreatedBy != k.User || k.PreviousHash != noHash || !k.PreviousUntil.IsZero() {
		row.more = &keyMore{cloneSlice(k.Permissions), k.CreatedBy, k.PreviousHash, utc(k.PreviousUntil)}
	}
	if row.org == nil {
		return missing("organization")
	}
	if r := w.v.key(k.ID); r != nil && r != old {
		return taken("id")
	}
	if r := w.v.keyByHash(&k.Hash); r != nil && r != old {
		return taken("hash")
	}
	if old != nil {
		w.deleteKey(old)
	}
	w.insertKey(row)
	return nil
}

func (w *writer) insertKey(row *apiKey) {
	t := w.sessions()
	t.keys.Insert(w.own, row)
	t.keyHash.Insert(w.own, row)
	t.keyOwner.Insert(w.own, row)
	if row.follows() {
		t.previous.Insert(w.own, row)
	}
	if row.expires() {
		t.expiring.Set(w.own, row)
	}
}

func (w *writer) deleteKey(k *apiKey) {
	t := w.sessions()
	t.keys.Delete(w.own, k)
	t.keyHash.Delete(w.own, k)
	t.keyOwner.Delete(w.own, k)
	if k.follows() {
		t.previous.Delete(w.own, k)
	}
	if k.expires() {
		t.expiring.Delete(w.own, k)
	}
}

// APIKeyByHash implements [usermgmt.Store].
func (s *Store) APIKeyByHash(ctx context.Context, hash [32]byte) (out usermgmt.KeyView, err error) {
	v, err := s.read(ctx)
	if err != nil {
		return out, err
	}
	k := v.keyByHash(&hash)
	if k == nil {
		k = v.keyByPrevious(&hash)
	}
	if k == nil {
		return out, usermgmt.ErrNotFound
	}
	k.value(&out.Key)
	p, m, o := v.rows(k.person, k.member, k.org)
	v.stand(&out.Standing, p, m, o)
	return out, nil
}

// APIKeyOf implements [usermgmt.Store].
func (s *Store) APIKeyOf(
	ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID,
) (out usermgmt.APIKey, err error) {
	v, err := s.read(ctx)
	if err != nil {
		return out, err
	}
	k := v.keyOf(user, org)
	if k == nil {
		return out, usermgmt.ErrNotFound
	}
	k.value(&out)
	return out, nil
}

// DeleteAPIKey implements [usermgmt.Store].
func (s *Store) DeleteAPIKey(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID) error {
	return s.write(ctx, func(w *writer) error {
		k := w.v.keyOf(user, org)
		if k == nil {
			return usermgmt.ErrNotFound
		}
		w.deleteKey(k)
		return nil
	})
}

// TouchAPIKey implements [usermgmt.Store].
func (s *Store) TouchAPIKey(ctx context.Context, id usermgmt.APIKeyID, at, stale time.Time) error {
	v, err := s.read(ctx)
	if err != nil {
		return err
	}
	due := func(k *apiKey) bool { return k != nil && k.lastUsedAt < ceilMicro(stale) }
	if !due(v.key(id)) {
		return nil
	}
	return s.write(ctx, func(w *writer) error {
		if k := w.v.key(id); due(k) {
			next := *k
			next.lastUsedAt = at.UnixMicro()
			next.person, next.member, next.org = w.v.rows(k.person, k.member, k.org)
			t := w.sessions()
			t.keys.Replace(w.own, k, &next)
			t.keyHash.Replace(w.own, k, &next)
			t.keyOwner.Replace(w.own, k, &next)
			if k.follows() {
				t.previous.Replace(w.own, k, &next)
			}
			if k.expires() {
				t.expiring.Set(w.own, &next)
			}
		}
		return nil
	})
}

// WithdrawAPIKey implements [usermgmt.Store].
func (s *Store) WithdrawAPIKey(ctx context.Context, hash [32]byte) (withdrawn bool, err error) {
	err = s.write(ctx, func(w *writer) error {
		withdrawn = false
		if k := w.v.keyByHash(&hash); k != nil {
			w.deleteKey(k)
			withdrawn = true
		}
		for k := w.v.keyByPrevious(&hash); k != nil; k = w.v.keyByPrevious(&hash) {
			next, more := *k, *k.more
			more.previousHash, more.previousUntil = noHash, time.Time{}
			next.more = &more
			next.person, next.member, next.org = w.v.rows(k.person, k.member, k.org)
			w.deleteKey(k)
			w.insertKey(&next)
			withdrawn = true
		}
		return nil
	})
	return withdrawn && err == nil, err
}

// KeysByExpiry implements [usermgmt.Store].
func (s *Store) KeysByExpiry(ctx context.Context, q usermgmt.KeyQuery) ([]usermgmt.APIKey, error) {
	if q.Limit < 1 {
		return nil, limitInvalid()
	}
	v, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	var out []usermgmt.APIKey
	after := &apiKey{id: q.AfterKey, expiresAt: q.After.UnixMicro()}
	v.sessions.expiring.Ascend(func(k *apiKey) bool { return keysByExpiry(k, after) > 0 }, func(k *apiKey) bool {
		if fromMicro(k.expiresAt).After(q.Until) || len(out) == q.Limit {
			return false
		}
		out = append(out, usermgmt.APIKey{})
		k.value(&out[len(out)-1])
		return true
	})
	return out, nil
}
