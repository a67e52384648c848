package memory

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt"
)

func (p *person) credential() usermgmt.Credential {
	return usermgmt.Credential{
		User: p.u.ID, Status: p.status, Hash: p.hash, ChangedAt: p.changedAt.time(),
		MustChange: p.mustChange, TemporaryUntil: p.tempUntil.time(), Epoch: p.epoch, Version: p.version,
	}
}

func (p *person) login() usermgmt.LoginState {
	return usermgmt.LoginState{
		User: p.u.ID, Failures: p.failures, LockedUntil: p.lockedUntil.time(),
		LastLoginAt: p.lastLoginAt.time(), LoginCount: p.loginCount,
	}
}

// lockedAt reports whether too many attempts lock the user at t.
func (p *person) lockedAt(t time.Time) bool {
	return p.lockedUntil != never && t.Before(p.lockedUntil.time())
}

// SaveCredential implements [usermgmt.Store].
func (s *Store) SaveCredential(ctx context.Context, c usermgmt.Credential) error {
	return s.write(ctx, func(w *writer) error {
		p := w.v.person(c.User)
		switch {
		case c.Version == 0:
			return usermgmt.ErrStale
		case p == nil:
			return usermgmt.ErrNotFound
		case p.version != c.Version:
			return usermgmt.ErrStale
		}
		next := *p
		next.status, next.hash, next.changedAt = c.Status, c.Hash, microsOf(c.ChangedAt)
		next.tempUntil = microsOf(c.TemporaryUntil)
		next.mustChange, next.epoch, next.version = c.MustChange, c.Epoch, c.Version+1
		w.replacePerson(p, &next)
		return nil
	})
}

// changeLogin changes the login state of a user, if change reports that there
// is something to change.
func (s *Store) changeLogin(ctx context.Context, user usermgmt.UserID, change func(p *person) bool) error {
	return s.write(ctx, func(w *writer) error {
		p := w.v.person(user)
		if p == nil {
			return usermgmt.ErrNotFound
		}
		next := *p
		if change(&next) {
			w.replacePerson(p, &next)
		}
		return nil
	})
}

// ReserveAttempt implements [usermgmt.Store].
func (s *Store) ReserveAttempt(
	ctx context.Context, user usermgmt.UserID, rule usermgmt.AttemptRule,
) (state usermgmt.LoginState, reserved bool, err error) {
	err = s.write(ctx, func(w *writer) error {
		p := w.v.person(user)
		if p == nil {
			return nil
		}
		if p.lockedAt(rule.Now) {
			state = p.login()
			return nil
		}
		next := *p
		if p.lockedUntil != never {
			next.failures, next.lockedUntil = 0, never
		}
		next.failures++
		if rule.Limit != 0 && next.failures >= rule.Limit {
			next.lockedUntil = microsOf(rule.LockUntil)
		}
		w.replacePerson(p, &next)
		state, reserved = next.login(), true
		return nil
	})
	if err != nil {
		return usermgmt.LoginState{}, false, err
	}
	return state, reserved, nil
}

// ReleaseAttempt implements [usermgmt.Store].
func (s *Store) ReleaseAttempt(ctx context.Context, user usermgmt.UserID, lockUntil time.Time) error {
	return s.changeLogin(ctx, user, func(p *person) bool {
		p.failures = max(0, p.failures-1)
		if p.lockedUntil == microsOf(lockUntil) {
			p.lockedUntil = never
		}
		return true
	})
}

// RecordLogin implements [usermgmt.Store].
func (s *Store) RecordLogin(ctx context.Context, user usermgmt.UserID, at time.Time) error {
	return s.changeLogin(ctx, user, func(p *person) bool {
		p.failures, p.lockedUntil, p.lastLoginAt = 0, never, microsOf(at)
		p.loginCount++
		return true
	})
}

// ClearAttempts implements [usermgmt.Store].
func (s *Store) ClearAttempts(ctx context.Context, user usermgmt.UserID, until time.Time) error {
	return s.changeLogin(ctx, user, func(p *person) bool {
		p.failures, p.lockedUntil = 0, microsOf(until)
		return true
	})
}

// StandingOf implements [usermgmt.Store].
func (s *Store) StandingOf(
	ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID,
) (out usermgmt.Standing, err error) {
	v, err := s.read(ctx)
	if err != nil {
		return out, err
	}
	p := v.person(user)
	if p == nil {
		return out, usermgmt.ErrNotFound
	}
	if org.IsZero() {
		v.stand(&out, p, nil, nil)
		return out, nil
	}
	o := v.org(org)
	if o == nil {
		return out, usermgmt.ErrNotFound
	}
	v.stand(&out, p, v.member(user, org), o)
	return out, nil
}

// stand fills in a standing. Without o there is only what concerns the user;
// m is nil without a membership.
func (v *version) stand(out *usermgmt.Standing, p *person, m *member, o *orgRow) {
	out.User, out.Username, out.Kind = p.id, p.username, p.kind
	out.Enabled, out.Deactivated, out.Reserved = p.enabled, p.deactivated, p.reserved
	out.CredentialStatus, out.MustChange, out.Epoch = p.status, p.mustChange, p.epoch
	out.LockedUntil = p.lockedUntil.time()
	if o == nil {
		return
	}
	v.standIn(out, o)
	if m != nil {
		out.Member, out.MemberEnabled, out.Rights = true, m.kit.enabled, m.rights
	}
}

// standIn fills in what a standing says of an organization.
func (v *version) standIn(out *usermgmt.Standing, o *orgRow) {
	out.Org, out.OrgEnabled, out.OrgEpoch, out.Provider, out.SwitchRoles = o.ID, o.Enabled, o.Epoch, o.Provider, o.SwitchRoles
	out.Policy, out.Trees, out.SystemPolicy = o.policy, o.trees, v.systemPolicy
}
