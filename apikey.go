package usermgmt

import (
	"context"
	"slices"
	"time"

	"github.com/usermgmt/usermgmt/internal/authz"
	"github.com/usermgmt/usermgmt/internal/token"
)

// APIKeys makes and withdraws API keys. [Manager.APIKeys] returns it.
type APIKeys struct{ m *Manager }

// APIKeys returns the service that makes and withdraws API keys.
func (m *Manager) APIKeys() *APIKeys { return &APIKeys{m} }

// Audit verbs of this file.
const (
	verbKeyGenerate = "api_key.generate"
	verbDeleteKey   = "api_key.delete"
)

// KeyRequest asks for an API key.
type KeyRequest struct {
	User UserID
	// Org is the organization in which the key works. Defaults to the actor's.
	Org OrgID
	// ExpiresAt ends the key; zero is never.
	ExpiresAt time.Time
	// Permissions narrows the key to these; empty is all that its owner may.
	Permissions []Permission
}

// NewKey is a new API key. Text is shown this once.
type NewKey struct {
	Text Secret
	Key  APIKey
}

// Generate makes the user's API key in an organization. There is one for each
// user and organization: the one before stops working at once.
//
// Users make their own; for somebody else the actor needs
// [PermUserManageAPIKey] on the user, who may not hold rights that the actor
// lacks and is told by mail. The user is an active member of the organization.
// Not during a proxy login and not with an API key.
//
// Generate is atomic. It records "api_key.generate".
//
// Errors: [ErrNotFound], [ErrPermission], [ErrConflict] for users who are not
// active members, [ErrInvalid].
func (k *APIKeys) Generate(ctx context.Context, a Actor, req KeyRequest) (*NewKey, error) {
	m := k.m
	text, public := token.NewAPIKey(m.cfg.APIKeyPrefix, [9]byte(randomBytes(9)), random32())
	_, hash, err := token.ParseAPIKey(text)
	if err != nil {
		return nil, withOp("APIKeys.Generate", err)
	}
	var out *NewKey
	err = m.change(ctx, a, "APIKeys.Generate", verbKeyGenerate, func(ctx context.Context, w *work) error {
		org := req.Org
		if org.IsZero() {
			org = w.v.org
		}
		mem, err := w.keyHolder(ctx, req.User, org)
		if err != nil {
			return err
		}
		var p problems
		if !req.ExpiresAt.IsZero() && !req.ExpiresAt.After(w.now) {
			p.add("expires_at", "past", "is not in the future")
		}
		if len(req.Permissions) > m.rights.cat.Len() {
			p.add("permissions", "max_items", "more than there are")
			return p.err()
		}
		for _, perm := range req.Permissions {
			if _, ok := m.rights.cat.Number(string(perm)); !ok {
				p.add("permissions", "unknown_permission", "no permission "+string(perm))
			}
		}
		if err := p.err(); err != nil {
			return err
		}
		if !mem.User.Active() || mem.User.Reserved || !mem.Membership.Enabled {
			return conflict("user", "not_active", "only active members have API keys")
		}
		key := APIKey{ID: newID[APIKey](), User: req.User, Org: org, PublicID: public, Hash: hash,
			Permissions: slices.Compact(slices.Sorted(slices.Values(req.Permissions))),
			CreatedAt:   w.now, CreatedBy: w.v.operator, ExpiresAt: req.ExpiresAt.UTC().Truncate(time.Microsecond)}
		if req.ExpiresAt.IsZero() {
			key.ExpiresAt = time.Time{}
		}
		st, err := w.tx.StandingOf(ctx, req.User, org)
		if err != nil {
			return err
		}
		key.Epoch = st.Epoch
		if err := w.tx.PutAPIKey(ctx, key); err != nil {
			return err
		}
		w.record(nil, map[string]string{"public_id": public})
		if req.User != w.v.subject {
			w.mail(&mem.User, MailKeyGenerated, map[string]string{"public_id": public})
		}
		key.Hash = [32]byte{}
		out = &NewKey{Secret{text}, key}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// keyHolder loads the member whose key it is about, if the actor may manage it.
func (w *work) keyHolder(ctx context.Context, user UserID, org OrgID) (*Member, error) {
	if w.v.acting() || w.v.door == DoorAPIKey {
		return nil, &Error{Kind: ErrPermission, Rule: "own_session_only", Permission: PermUserManageAPIKey}
	}
	mem, r, err := w.member(ctx, user, org)
	if err != nil {
		return nil, err
	}
	if user == w.v.subject {
		return mem, w.v.freshFor(PermUserManageAPIKey)
	}
	if err := w.need(PermUserManageAPIKey, PermUserView, r); err != nil {
		return nil, err
	}
	return mem, w.notStrongerIn(ctx, user, org)
}

// Get returns a user's API key in an organization, without its hash. Rights
// are those of [APIKeys.Generate], but for being an active member.
//
// Errors: [ErrNotFound] if the user has none or the actor may not see the user.
func (k *APIKeys) Get(ctx context.Context, a Actor, user UserID, org OrgID) (*APIKey, error) {
	const op = "APIKeys.Get"
	v, err := k.m.read(a)
	if err != nil {
		return nil, withOp(op, err)
	}
	if org.IsZero() {
		org = v.org
	}
	_, r, err := k.m.memberRecord(ctx, k.m.store, user, org)
	if err != nil {
		return nil, withOp(op, err)
	}
	if user != v.subject || user.IsZero() {
		if err := v.need(PermUserManageAPIKey, PermUserView, r); err != nil {
			return nil, withOp(op, err)
		}
	}
	key, err := k.m.store.APIKeyOf(ctx, user, org)
	if err != nil {
		return nil, withOp(op, err)
	}
	key.Hash, key.PreviousHash = [32]byte{}, [32]byte{}
	return &key, nil
}

// Delete withdraws a user's API key. Withdrawing a key that is not there does
// nothing. Rights and errors are those of [APIKeys.Get]; not during a proxy
// login and not with an API key. It records "api_key.delete".
func (k *APIKeys) Delete(ctx context.Context, a Actor, user UserID, org OrgID) error {
	return k.m.change(ctx, a, "APIKeys.Delete", verbDeleteKey, func(ctx context.Context, w *work) error {
		if org.IsZero() {
			org = w.v.org
		}
		if w.v.acting() || w.v.door == DoorAPIKey {
			return &Error{Kind: ErrPermission, Rule: "own_session_only", Permission: PermUserManageAPIKey}
		}
		mem, r, err := w.member(ctx, user, org)
		if err != nil {
			return err
		}
		if user != w.v.subject {
			if err := w.need(PermUserManageAPIKey, PermUserView, r); err != nil {
				return err
			}
		}
		if mem.User.Reserved {
			return &Error{Kind: ErrPermission, Rule: "reserved", Permission: PermUserManageAPIKey}
		}
		deleted, err := w.deleteKey(ctx, user, org)
		if err == nil && deleted {
			w.record(nil, nil)
		}
		return err
	})
}

// deleteKey withdraws a user's key, if there is one.
func (w *work) deleteKey(ctx context.Context, user UserID, org OrgID) (bool, error) {
	if _, err := w.tx.APIKeyOf(ctx, user, org); err != nil {
		return false, skipNotFound(err)
	}
	return true, w.tx.DeleteAPIKey(ctx, user, org)
}

// keyMask is what a key with these permissions leaves of each.
func (m *Manager) keyMask(permissions []Permission) []authz.Mask {
	if len(permissions) == 0 {
		return nil
	}
	mask := make([]authz.Mask, m.rights.cat.Len())
	for _, p := range permissions {
		if n, ok := m.rights.cat.Number(string(p)); ok {
			mask[n] = ^authz.Mask(0)
		}
	}
	for n := range mask { // a record comes with its fields
		if base := m.rights.cat.At(n).Base(); base >= 0 {
			mask[n] |= mask[base]
		}
	}
	return mask
}
