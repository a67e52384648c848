package usermgmt

import (
	"context"
	"errors"
	"time"
)

// way is a way in. Each passes the one gate below; the table says which of
// its checks it needs besides those that all share. A test walks the table.
type way struct {
	name string
	door Door
	// locked: a lock for wrong passwords refuses it. Open sessions go on, so
	// that a stranger's guesses cannot throw anybody out.
	locked bool
	// reset: a password that an administrator has reset refuses it. expired: so
	// does one that is too old.
	reset, expired bool
	// interactive: services cannot use it.
	interactive bool
}

var (
	wayPassword = way{name: "password", door: DoorSession, locked: true, reset: true, interactive: true}
	waySession  = way{name: "session", door: DoorSession, reset: true, expired: true, interactive: true}
	// waySteps is a session in which the password is still to be changed.
	waySteps  = way{name: "steps", door: DoorSession, interactive: true}
	wayAPIKey = way{name: "api key", door: DoorAPIKey, locked: true, reset: true, expired: true}
	wayHost   = way{name: "host", door: DoorHost, locked: true, reset: true, expired: true}
	wayProxy  = way{name: "proxy", door: DoorProxy, locked: true, interactive: true}
	// waySupport lets in for whom strangers' guesses have locked.
	waySupport  = way{name: "support", door: DoorSupport, interactive: true}
	wayOperator = way{name: "operator", door: DoorProxy, reset: true, expired: true, interactive: true}
)

// waysIn lists every way.
var waysIn = []way{wayPassword, waySession, waySteps, wayAPIKey, wayHost, wayProxy, waySupport, wayOperator}

// gate refuses whoever may not be in. The order is that of the documentation:
// reserved, deactivated, disabled, kind, locked, password reset, expired, then
// the organization: disabled, no membership, membership disabled.
func (w way) gate(st *Standing, now time.Time) error {
	if err := w.gateUser(st, now); err != nil {
		return err
	}
	switch {
	case !st.OrgEnabled:
		return refusedEntry("organization_disabled")
	case !st.Member:
		return refusedEntry("no_membership")
	case !st.MemberEnabled:
		return refusedEntry("membership_disabled")
	}
	return nil
}

// gateUser is the part of the gate that needs no organization.
func (w way) gateUser(st *Standing, now time.Time) error {
	status := st.Status(now)
	switch {
	case st.Reserved:
		return refusedEntry("reserved")
	case st.Deactivated:
		return refusedEntry("deactivated")
	case !st.Enabled:
		return refusedEntry("disabled")
	case w.interactive && st.Kind == KindService:
		return refusedEntry("service")
	case w.locked && status == StatusLocked:
		return refusedEntry("locked")
	case w.reset && st.CredentialStatus == StatusPasswordReset && !st.MustChange: // see Account.standing
		return refusedEntry("password_reset")
	case w.expired && st.CredentialStatus == StatusExpired:
		return refusedEntry("expired")
	}
	return nil
}

func refusedEntry(rule string) error {
	return &Error{Kind: ErrUnauthenticated, Rule: rule}
}

// unknownUser turns a user that is not there into somebody unauthenticated.
func unknownUser(err error) error {
	if errors.Is(err, ErrNotFound) {
		return &Error{Kind: ErrUnauthenticated, Rule: "unknown"}
	}
	return err
}

// renew verifies v again through s and replaces its rights by present ones.
func (m *Manager) renew(ctx context.Context, s Store, v *actorValue, now time.Time) error {
	switch v.door {
	case DoorSystem:
		return nil
	case DoorSession, DoorProxy, DoorSupport:
		view, err := s.SessionByID(ctx, v.session)
		if err != nil {
			return unknownUser(err)
		}
		if view.Session.TokenHash != v.token {
			return refusedEntry("ended")
		}
		return m.admitSession(ctx, s, &view, v, now)
	case DoorAPIKey:
		view, err := s.APIKeyByHash(ctx, v.token)
		if err != nil {
			return unknownUser(err)
		}
		return m.admitKey(ctx, s, &view, v, now)
	case DoorHost:
		st, err := s.StandingOf(ctx, v.subject, v.org)
		if err != nil {
			return unknownUser(err)
		}
		if v.proved {
			st.LockedUntil = time.Time{}
		}
		if err := wayHost.gate(&st, now); err != nil {
			return err
		}
		v.pending = 0 // what was demanded may be done
		v.demanded(&st)
		return m.enter(ctx, s, &st, v, now)
	}
	return errNoActor()
}

// admitSession checks a session and its user and fills v.
func (m *Manager) admitSession(ctx context.Context, s Store, view *SessionView, v *actorValue, now time.Time) error {
	ses, st := &view.Session, &view.Standing
	if ses.Kind.acting() {
		return m.admitActing(ctx, s, view, v, now)
	}
	w := waySession
	if ses.Pending.Has(StepPassword) {
		w = waySteps
	}
	if err := admissible(ses, st, w, now); err != nil {
		return err
	}
	v.fill(ses)
	v.demanded(st)
	return m.enter(ctx, s, st, v, now)
}

// admissible checks what a session says itself, and its user.
func admissible(ses *Session, st *Standing, w way, now time.Time) error {
	if err := liveSession(ses, now); err != nil {
		return err
	}
	if ses.Epoch != st.sessionEpoch() {
		return refusedEntry("credentials_changed")
	}
	return w.gate(st, now)
}

// fill takes over what the session says of its actor.
func (v *actorValue) fill(ses *Session) {
	v.door, v.subject, v.operator, v.org = ses.Kind.door(), ses.User, ses.User, ses.Org
	v.app, v.role, v.session, v.token, v.epoch = ses.App, ses.Role, ses.ID, ses.TokenHash, ses.Epoch
	v.pending, v.provedAt = ses.Pending, ses.ProvedAt
	if ses.Kind.acting() {
		v.operator, v.parent, v.reason = ses.Operator, ses.Parent, ses.Reason
	}
}

// demanded adds the change of the password that an administrator demands.
func (v *actorValue) demanded(st *Standing) {
	if st.MustChange {
		v.pending |= StepPassword
	}
}

// liveSession checks what a session itself says.
func liveSession(ses *Session, now time.Time) error {
	switch {
	case !ses.EndedAt.IsZero():
		return refusedEntry("ended")
	case ses.Parked:
		return refusedEntry("parked")
	case !now.Before(ses.ExpiresAt):
		return refusedEntry("session_expired")
	case !now.Before(ses.SeenAt.Add(ses.Idle)):
		return refusedEntry("session_idle")
	}
	return nil
}

// admitKey checks an API key and its owner and fills v.
func (m *Manager) admitKey(ctx context.Context, s Store, view *KeyView, v *actorValue, now time.Time) error {
	k, st := &view.Key, &view.Standing
	if !k.ExpiresAt.IsZero() && !now.Before(k.ExpiresAt) {
		return refusedEntry("key_expired")
	}
	if err := wayAPIKey.gate(st, now); err != nil {
		return err
	}
	v.door, v.subject, v.operator, v.org = DoorAPIKey, k.User, k.User, k.Org
	if v.token == k.PreviousHash && !now.Before(k.PreviousUntil) {
		return refusedEntry("key_replaced")
	}
	v.key, v.role = k.ID, everyRole
	if st.MustChange {
		return errPending(StepPassword) // a demanded change is not evaded by a key
	}
	v.narrow, v.keyPermissions = m.keyMask(k.Permissions), k.Permissions
	return m.enter(ctx, s, st, v, now)
}

// enter gives v its rights in the organization.
func (m *Manager) enter(ctx context.Context, s Store, st *Standing, v *actorValue, now time.Time) error {
	snap, err := m.rights.of(ctx, s, st, v.app, v.role, now)
	if err != nil {
		return err
	}
	if snap.choose {
		v.pending |= StepRole
	}
	v.stepUp, v.asOf = m.stepUp, now
	v.cat, v.rights, v.subjectName = m.rights.cat, snap, auditName(st.Username, st.Kind)
	if v.operator == v.subject {
		v.operatorName = v.subjectName
	}
	return nil
}
