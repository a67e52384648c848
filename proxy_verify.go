package usermgmt

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/usermgmt/usermgmt/internal/authz"
)

// admitActing checks a session in which somebody acts for somebody else, and fills
// v: that its user may be in, and that the operator may still act so. It names both
// before it refuses anything.
func (m *Manager) admitActing(ctx context.Context, s Store, view *SessionView, v *actorValue, now time.Time) error {
	ses, st := &view.Session, &view.Standing
	own, err := s.SessionByID(ctx, ses.Parent)
	if err != nil {
		return unknownUser(err)
	}
	v.fill(ses)
	v.operatorName, v.subjectName = auditName(own.Standing.Username, own.Standing.Kind), auditName(st.Username, st.Kind)
	in, off, readOnly := wayProxy, m.cfg.Proxy.Off, m.cfg.Proxy.ReadOnly
	if ses.Kind == SessionSupport {
		in, off, readOnly = waySupport, m.cfg.Support.Off, m.cfg.Support.ReadOnly
	}
	if err := admissible(ses, st, in, now); err != nil {
		return err
	}
	if off {
		return refusedEntry("off")
	}
	v.readOnly = readOnly || ses.ReadOnly
	operator, err := m.stillOperator(ctx, s, ses, &own, now)
	if err != nil {
		return err
	}
	switch ses.Basis {
	case BasisPermission, BasisDeputy:
		err = m.stillProxied(ctx, s, ses, operator, v, now)
	case BasisSupport, BasisBreakGlass:
		err = m.stillSupport(ctx, s, ses, operator, v, now)
	default:
		err = refusedEntry("no_basis")
	}
	if err != nil {
		return err
	}
	v.narrow = m.actingMask
	if v.readOnly {
		v.narrow = m.readingMask
	}
	if ses.Intersect || m.cfg.Proxy.Intersect && ses.Kind == SessionProxy {
		v.narrow = operator.shared(v.narrow, ses.Org)
	}
	return m.enter(ctx, s, st, v, now)
}

// shared leaves of a mask what the operator holds as well. What is held in another
// organization counts if it is held everywhere.
func (v *actorValue) shared(mask []authz.Mask, org OrgID) []authz.Mask {
	out := slices.Clone(mask)
	for n := range out {
		held := v.granted(n)
		if org != v.org && held&authz.System == 0 {
			held = 0
		}
		out[n] &= held
	}
	return out
}

// stillOperator checks that the operator is still in, by the session that the
// other one was begun from, and returns the operator's actor.
func (m *Manager) stillOperator(ctx context.Context, s Store, ses *Session, own *SessionView, now time.Time) (*actorValue, error) {
	st := &own.Standing
	switch {
	case ses.Operator.IsZero() || own.Session.User != ses.Operator || own.Session.Kind != SessionLogin:
		return nil, refusedEntry("no_operator")
	case !own.Session.EndedAt.IsZero() || !own.Session.Parked || !now.Before(own.Session.ExpiresAt):
		return nil, refusedEntry("operator_session_ended")
	case st.sessionEpoch() != ses.OperatorEpoch || st.MustChange:
		return nil, refusedEntry("credentials_changed")
	case ses.Kind == SessionProxy && own.Session.Org != ses.Org:
		return nil, refusedEntry("operator_moved")
	}
	if err := wayOperator.gate(st, now); err != nil {
		return nil, err
	}
	operator := &actorValue{cat: m.rights.cat, subject: ses.Operator, operator: ses.Operator, org: own.Session.Org,
		app: own.Session.App, role: own.Session.Role, door: DoorSession}
	var err error
	operator.rights, err = m.rights.of(ctx, s, st, operator.app, operator.role, now)
	return operator, err
}

// stillProxied checks that the operator may still act as the target: v is the
// target's actor.
func (m *Manager) stillProxied(ctx context.Context, s Store, ses *Session, operator, v *actorValue, now time.Time) error {
	mem, r, err := m.memberRecord(ctx, s, ses.User, ses.Org)
	if err != nil {
		return unknownUser(err)
	}
	if err := m.notExempt(ctx, s, &mem.Membership); err != nil {
		return withdrawn(err, "proxy_exempt")
	}
	if ses.Basis == BasisDeputy {
		d, err := m.deputyNow(ctx, s, ses.User, ses.Org, ses.Operator, now)
		if isNotFound(err) {
			return refusedEntry("deputy_withdrawn")
		}
		v.readOnly = v.readOnly || d.ReadOnly
		return err
	}
	if !operator.can(PermProxyLogin, r) {
		return refusedEntry("proxy_withdrawn")
	}
	if err := m.onProxyList(ctx, s, ses.Operator, mem, ses.Org, now); err != nil {
		return withdrawn(err, "proxy_withdrawn")
	}
	if m.cfg.Proxy.Strict {
		w := &work{m: m, tx: s, v: operator, now: now}
		if err := w.notStrongerIn(ctx, ses.User, ses.Org); err != nil {
			return withdrawn(err, "target_stronger")
		}
	}
	return nil
}

// withdrawn turns a refusal into the rule by which the session ends; a store's
// fault stays what it is.
func withdrawn(err error, rule string) error {
	if errors.Is(err, ErrPermission) {
		return refusedEntry(rule)
	}
	return err
}

// recordRefusedActing records that a session in which somebody acts for somebody
// else was refused. Those of a minute are one entry with a count.
func (m *Manager) recordRefusedActing(ctx context.Context, ses *Session, v *actorValue, cause error) error {
	w := &work{}
	w.on("session", ses.ID, ses.Org, "")
	v.reason = ""
	return m.recordRefusal(ctx, Actor{v}, verbProxyRefused, newID[Operation](), w, m.now(), cause)
}
