package usermgmt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/usermgmt/usermgmt/internal/authz"
)

// ProxyConfig configures proxy logins.
type ProxyConfig struct {
	// Idle ends an unused proxy session. Defaults to 15 minutes, AgileApps'
	// fixed limit; at most that of an hour.
	Idle time.Duration
	// Lifetime ends any proxy session. Defaults to 4 hours; at most 24.
	Lifetime time.Duration
	// Strict refuses targets who hold, in the organization, what the operator
	// does not hold. Without it the permissions hierarchy alone decides, as the
	// platforms document it.
	Strict bool
	// RequireReason refuses a proxy login without a reason.
	RequireReason bool
	// Deny are permissions that are not available while acting as somebody
	// else. Defaults to those on credentials, keys, sessions, rights and proxy
	// grants. An empty slice that is not nil denies only what always is: one's
	// own password, one's own key, and a further proxy login.
	Deny []Permission
}

func (c *ProxyConfig) setDefaults(p *problems) {
	if c.Idle == 0 {
		c.Idle = 15 * time.Minute
	}
	if c.Lifetime == 0 {
		c.Lifetime = 4 * time.Hour
	}
	if c.Idle < time.Second || c.Idle > time.Hour {
		p.add("proxy.idle", "range", "want a second to an hour")
	}
	if c.Lifetime < c.Idle || c.Lifetime > 24*time.Hour {
		p.add("proxy.lifetime", "range", "want at least idle and at most a day")
	}
	if c.Deny == nil {
		c.Deny = []Permission{PermUserSetPassword, PermUserManageAPIKey, PermUserEndSessions, PermUserGrant, PermUserMembership,
			PermUserDeactivate, PermProxyConfigure, PermRoleCreate, PermRoleEdit, PermRoleDelete,
			PermProfileCreate, PermProfileEdit, PermProfileDelete, PermPolicyEdit, PermUserExport}
	}
	c.Deny = slices.Clone(c.Deny)
}

// mask is what a proxy login leaves of each permission.
func (c *ProxyConfig) mask(cat *authz.Catalogue) ([]authz.Mask, error) {
	mask := make([]authz.Mask, cat.Len())
	for i := range mask {
		mask[i] = ^authz.Mask(0)
	}
	var p problems
	for _, perm := range append(slices.Clone(c.Deny), PermProxyLogin) {
		n, ok := cat.Number(string(perm))
		if !ok {
			p.add("proxy.deny", "unknown_permission", "no permission "+string(perm))
			continue
		}
		mask[n] = 0
	}
	return mask, p.err()
}

// Proxy lets an operator act as somebody else, and switch back.
// [Manager.Proxy] returns it.
type Proxy struct{ m *Manager }

// Proxy returns the service for proxy logins.
func (m *Manager) Proxy() *Proxy { return &Proxy{m} }

// Audit verbs of proxy logins.
const (
	verbProxyLogin  = "proxy.login"
	verbSwitchBack  = "proxy.switch_back"
	verbProxyGrants = "proxy.configure"
)

// ProxyNotice is the text of the dialog that asks an operator to go on or to
// cancel, with what it is about.
type ProxyNotice struct {
	Operator, Target UserID
	// TargetName is shown in place of the operator's name during the login.
	TargetName string
	// Text reminds that actions are recorded.
	Text string
	// ReasonRequired: a reason must be given.
	ReasonRequired bool
	// Idle and Lifetime are the limits of the session.
	Idle, Lifetime time.Duration
}

// Prepare checks whether the actor may log in as the target and returns what
// the confirmation dialog shows. Errors are those of [Proxy.Login]; nothing is
// recorded.
func (p *Proxy) Prepare(ctx context.Context, a Actor, target UserID) (*ProxyNotice, error) {
	const op = "Proxy.Prepare"
	v, err := p.m.read(a)
	if err != nil {
		return nil, withOp(op, err)
	}
	w := &work{m: p.m, tx: p.m.store, v: v, now: p.m.now()}
	mem, err := w.proxyTarget(ctx, target)
	if err != nil {
		return nil, withOp(op, err)
	}
	name := mem.User.DisplayName()
	return &ProxyNotice{Operator: v.subject, Target: target, TargetName: name,
		Text:           fmt.Sprintf("You are about to log in as %s. All actions will be audited and logged with your name and theirs.", name),
		ReasonRequired: p.m.cfg.Proxy.RequireReason, Idle: p.m.cfg.Proxy.Idle, Lifetime: p.m.cfg.Proxy.Lifetime}, nil
}

// ProxyRequest asks to log in as somebody else.
type ProxyRequest struct {
	Target UserID
	// Acknowledged: the operator has confirmed the dialog of [Proxy.Prepare].
	Acknowledged bool
	Reason       string
	Origin       Origin
}

// Login opens a session with the rights of the target in the operator's current
// organization. The operator's own session is parked: its token stops working
// until [Proxy.SwitchBack].
//
// The actor came by a session of the own, and needs [PermProxyLogin] with a
// scope that covers the target as a member of the organization; the target must
// be on the operator's proxy list if that is restricted. Refused are oneself, a
// login during a proxy login, and targets who are reserved, services, locked,
// disabled, deactivated, or not enabled members; with [ProxyConfig.Strict] also
// those who hold what the operator does not. The operator holds the target's
// rights, not the union, minus [ProxyConfig.Deny]. The address ranges of the
// target's profile are not asked; the operator's were, at the own login.
//
// The target's last login and counters are not touched. The session ends at
// [ProxyConfig.Idle] and [ProxyConfig.Lifetime], and with the next verification
// after operator, target, permission, scope or list no longer allow it, or the
// operator's own session ends. Every entry of the audit log names both.
//
// Login is atomic. It records "proxy.login" with the reason.
//
// Errors: [ErrNotFound], [ErrPermission] with the Rule that refused it,
// [ErrInvalid] without acknowledgement or a required reason.
func (p *Proxy) Login(ctx context.Context, a Actor, req ProxyRequest) (*LoginResult, error) {
	m := p.m
	tok := newSessionToken()
	var result *LoginResult
	err := m.change(ctx, a, "Proxy.Login", verbProxyLogin, func(ctx context.Context, w *work) error {
		mem, err := w.proxyTarget(ctx, req.Target)
		if err != nil {
			return err
		}
		var bad problems
		if !req.Acknowledged {
			bad.add("acknowledged", "required", "confirm that all actions will be audited and logged")
		}
		if req.Reason == "" && m.cfg.Proxy.RequireReason {
			bad.add("reason", "required", "say why")
		}
		bad.text("reason", req.Reason, 1000, true)
		if err := bad.err(); err != nil {
			return err
		}
		own, err := w.tx.SessionByID(ctx, w.v.session)
		if err != nil {
			return err
		}
		st, err := w.tx.StandingOf(ctx, req.Target, w.v.org)
		if err != nil {
			return err
		}
		ses := Session{
			ID: newID[Session](), Kind: SessionProxy, TokenHash: tok.hash, User: req.Target, Org: w.v.org,
			Operator: w.v.subject, Parent: w.v.session, Reason: req.Reason,
			Epoch: st.sessionEpoch(), OperatorEpoch: own.Session.Epoch, ProvedAt: own.Session.ProvedAt,
			Idle: m.cfg.Proxy.Idle, CreatedAt: w.now, SeenAt: w.now, ExpiresAt: earlier(w.now.Add(m.cfg.Proxy.Lifetime), own.Session.ExpiresAt),
			Origin: req.Origin,
		}
		parked := own.Session
		parked.Parked, parked.TokenHash, parked.SeenAt = true, random32(), w.now
		if err := w.tx.UpdateSession(ctx, parked, w.v.token); err != nil {
			return err
		}
		after := map[string]string{"session": ses.ID.String()}
		if req.Reason != "" {
			after["reason"] = req.Reason
		}
		w.on("user", req.Target, w.v.org, mem.User.DisplayName())
		result, err = w.startSession(ctx, ses, st, tok)
		if err != nil {
			return err
		}
		w.record(nil, after)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// proxyTarget loads a member as whom the actor may log in.
func (w *work) proxyTarget(ctx context.Context, target UserID) (*Member, error) {
	refuse := func(rule string) error {
		return &Error{Kind: ErrPermission, Rule: rule, Permission: PermProxyLogin}
	}
	switch {
	case w.v.door == DoorProxy:
		return nil, refuse("nested")
	case w.v.door != DoorSession:
		return nil, refuse("own_session_only")
	case target == w.v.subject:
		return nil, refuse("self")
	}
	mem, r, err := w.member(ctx, target, w.v.org)
	if err != nil {
		return nil, err
	}
	if err := w.need(PermProxyLogin, PermUserView, r); err != nil {
		return nil, err
	}
	st, err := w.tx.StandingOf(ctx, target, w.v.org)
	if err != nil {
		return nil, err
	}
	if err := wayProxy.gate(&st, w.now); err != nil {
		return nil, refuse(reasonRule(err))
	}
	if err := w.m.onProxyList(ctx, w.tx, w.v.subject, mem, w.v.org, w.now); err != nil {
		return nil, err
	}
	if w.m.cfg.Proxy.Strict {
		if err := w.notStrongerIn(ctx, target, w.v.org); err != nil {
			return nil, err
		}
	}
	return mem, nil
}

func reasonRule(err error) string {
	if e, ok := err.(*Error); ok { //nolint:errorlint // the gate's own
		return e.Rule
	}
	return "refused"
}

// stillProxied checks at each verification that the operator may still act as
// the target: v is the target's actor.
func (m *Manager) stillProxied(ctx context.Context, s Store, ses *Session, v *actorValue, now time.Time) error {
	own, err := s.SessionByID(ctx, ses.Parent)
	if err != nil {
		return unknownUser(err)
	}
	st := &own.Standing
	switch {
	case !own.Session.EndedAt.IsZero() || !own.Session.Parked || !now.Before(own.Session.ExpiresAt):
		return refusedEntry("operator_session_ended")
	case st.sessionEpoch() != ses.OperatorEpoch || st.MustChange:
		return refusedEntry("credentials_changed")
	case own.Session.Org != ses.Org:
		return refusedEntry("operator_moved")
	}
	if err := wayOperator.gate(st, now); err != nil {
		return err
	}
	operator := actorValue{cat: m.rights.cat, subject: ses.Operator, operator: ses.Operator, org: ses.Org,
		app: own.Session.App, role: own.Session.Role, door: DoorSession}
	if operator.rights, err = m.rights.of(ctx, s, st, operator.app, operator.role, now); err != nil {
		return err
	}
	v.operatorName = auditName(st.Username, st.Kind)
	mem, r, err := m.memberRecord(ctx, s, ses.User, ses.Org)
	if err != nil {
		return unknownUser(err)
	}
	if !operator.can(PermProxyLogin, r) {
		return refusedEntry("proxy_withdrawn")
	}
	if err := m.onProxyList(ctx, s, ses.Operator, mem, ses.Org, now); err != nil {
		return withdrawn(err, "proxy_withdrawn")
	}
	if m.cfg.Proxy.Strict {
		w := &work{m: m, tx: s, v: &operator, now: now}
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

// SwitchBack ends a proxy session and resumes the operator's own, with a new
// token. It needs no permission and takes no target: it goes back to the
// session that the proxy login came from, and to nothing else. A proxy session
// that is refused because a permission, a scope or the list was withdrawn can
// still be left this way; one that idled out, expired, or was ended, as by
// disabling the target, cannot. An operator who may no longer be in is logged
// out instead.
//
// Of any number of parallel calls exactly one succeeds.
//
// SwitchBack is atomic. It records "proxy.switch_back".
//
// Errors: [ErrUnauthenticated].
func (p *Proxy) SwitchBack(ctx context.Context, proxyToken string, origin Origin) (*LoginResult, error) {
	const op = "Proxy.SwitchBack"
	m := p.m
	if m.bound {
		return nil, withOp(op, errBound())
	}
	hash, ok := sessionHash(proxyToken)
	if !ok {
		return nil, withOp(op, refusedEntry("malformed"))
	}
	now := m.now()
	operation := newID[Operation]()
	tok := newSessionToken()
	var result *LoginResult
	var loggedOut error
	err := m.store.Tx(ctx, func(ctx context.Context, tx Store) error {
		result, loggedOut = nil, nil
		view, err := tx.SessionByToken(ctx, hash)
		if err != nil {
			return unknownUser(err)
		}
		ses := view.Session
		if ses.Kind != SessionProxy {
			return refusedEntry("not_proxied")
		}
		if err := liveSession(&ses, now); err != nil {
			return err
		}
		ended, err := tx.EndSession(ctx, ses.ID, now, "switched back")
		if err != nil {
			return err
		}
		if !ended {
			return refusedEntry("ended")
		}
		own, err := tx.SessionByID(ctx, ses.Parent)
		if err != nil {
			return unknownUser(err)
		}
		v := &actorValue{door: DoorProxy, subject: ses.User, operator: ses.Operator, org: ses.Org, origin: origin,
			operatorName: auditName(own.Standing.Username, own.Standing.Kind),
			subjectName:  auditName(view.Standing.Username, view.Standing.Kind)}
		w := &work{m: m, tx: tx, v: v, now: now, op: operation, verb: verbSwitchBack}
		w.on("session", ses.ID, ses.Org, "")
		result, loggedOut = w.resume(ctx, &own, tok, origin)
		if loggedOut != nil && !isUnauthenticated(loggedOut) {
			return loggedOut
		}
		if loggedOut != nil {
			if _, err := tx.EndSession(ctx, ses.Parent, now, "operator may no longer be in"); err != nil {
				return err
			}
		}
		w.record(nil, nil)
		return w.flush(ctx)
	})
	if err == nil {
		err = loggedOut
	}
	if err != nil {
		return nil, failed(op, operation, err)
	}
	return result, nil
}

// resume gives a parked session a new token and its actor back.
func (w *work) resume(ctx context.Context, own *SessionView, tok sessionToken, origin Origin) (*LoginResult, error) {
	old := own.Session.TokenHash
	ses := own.Session
	ses.Parked, ses.TokenHash, ses.SeenAt = false, tok.hash, w.now
	view := SessionView{Session: ses, Standing: own.Standing}
	v := &actorValue{origin: origin, verified: w.now}
	inside := *w.m
	inside.rights = w.m.rights.reading()
	if err := inside.admitSession(ctx, w.tx, &view, v, w.now); err != nil {
		return nil, err
	}
	if err := w.tx.UpdateSession(ctx, ses, old); err != nil {
		return nil, err
	}
	return &LoginResult{Token: Secret{tok.text}, Actor: Actor{v}, Session: v.presentSession(ses), Pending: v.pending}, nil
}
