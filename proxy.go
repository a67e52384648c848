package usermgmt

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Proxy lets an operator act as somebody else, and switch back.
// [Manager.Proxy] returns it.
type Proxy struct{ m *Manager }

// Proxy returns the service for acting as somebody else.
func (m *Manager) Proxy() *Proxy { return &Proxy{m} }

// Audit verbs of acting for others.
const (
	verbProxyLogin  = "proxy.login"
	verbSwitchBack  = "proxy.switch_back"
	verbProxyGrants = "proxy.configure"
	// verbProxyRefused is a session in which somebody acts for somebody else that
	// was refused at its verification.
	verbProxyRefused = "proxy.refused"
)

// ProxyNotice is the text of the dialog that asks an operator to go on or to
// cancel, with what it is about.
type ProxyNotice struct {
	Operator, Target UserID
	// TargetName is shown in place of the operator's name during the login.
	TargetName string
	// Text reminds that actions are recorded.
	Text string
	// Basis is the right by which the operator may.
	Basis Basis
	// ReasonRequired: a reason must be given.
	ReasonRequired bool
	// AnswerRequired: the answer to Question, which is the operator's own, must be
	// given. Question is empty if the operator has chosen none yet, which
	// [Questions.Choose] does.
	AnswerRequired bool
	Question       string
	// ReadOnly and Intersect: the session will be so whatever is asked for.
	ReadOnly, Intersect bool
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
	as, err := w.proxyTarget(ctx, target)
	if err != nil {
		return nil, withOp(op, err)
	}
	cfg := &p.m.cfg.Proxy
	name := as.member.User.DisplayName()
	notice := &ProxyNotice{Operator: v.subject, Target: target, TargetName: name,
		Text:  fmt.Sprintf("You are about to log in as %s. All actions will be audited and logged with your name and theirs.", name),
		Basis: as.basis, ReasonRequired: cfg.RequireReason, AnswerRequired: as.answer,
		ReadOnly: cfg.ReadOnly || as.readOnly, Intersect: cfg.Intersect, Idle: cfg.Idle, Lifetime: cfg.Lifetime}
	if as.answer {
		row, err := p.m.store.QuestionOf(ctx, v.subject)
		if err := skipNotFound(err); err != nil {
			return nil, withOp(op, err)
		}
		notice.Question = row.Text
	}
	return notice, nil
}

// ProxyRequest asks to log in as somebody else.
type ProxyRequest struct {
	Target UserID
	// Acknowledged: the operator has confirmed the dialog of [Proxy.Prepare].
	Acknowledged bool
	Reason       string
	// Answer is the one to the operator's own security question, where
	// [ProxyNotice.AnswerRequired]. It is not looked at elsewhere.
	Answer string
	// ReadOnly and Intersect are as in [ProxyConfig], for this session.
	ReadOnly, Intersect bool
	// Lifetime ends the session earlier than [ProxyConfig.Lifetime]. Zero is then.
	Lifetime time.Duration
	Origin   Origin
}

// Login opens a session with the rights of the target in the operator's current
// organization. The operator's own session is parked: its token stops working
// until [Proxy.SwitchBack].
//
// The actor came by a session of the own, and needs [PermProxyLogin] with a
// scope that covers the target as a member of the organization; the target must
// be on the operator's proxy list if that is restricted. Otherwise the actor is a
// [Deputy] of the target: that needs neither, and no more than the deputy may.
// Refused are oneself, a login during another one, targets for whom
// [SettingProxyExempt] is set, and those who are reserved, services, locked,
// disabled, deactivated, or not enabled members; with [ProxyConfig.Strict] also
// those who hold what the operator does not. The operator holds the target's
// rights, not the union, minus [ProxyConfig.Deny]. The address ranges of the
// target's profile are not asked; the operator's were, at the own login.
//
// Where [Policy.SecurityQuestion] is on in the organization and the target has
// never logged in, the operator answers the own security question. A wrong answer
// counts like a wrong password of the operator's, also if the login is then
// refused for another reason.
//
// The target's last login and counters are not touched. The session ends at
// [ProxyConfig.Idle] and [ProxyConfig.Lifetime], and with the next verification
// after operator, target, permission, scope, list or deputy no longer allow it, or
// the operator's own session ends. Every entry of the audit log names both.
//
// Login is atomic, but for the answer. It records "proxy.login" with the reason.
//
// Errors: [ErrNotFound], [ErrPermission] with the Rule that refused it,
// [ErrStepUp], [ErrCredentials] for a wrong answer, [ErrConflict] with the Rule
// "no_question" if an answer is asked for and the operator has chosen no question,
// [ErrInvalid] without acknowledgement, a required reason or a required answer,
// [ErrOverloaded]; of calls from one session at once all but one fail with
// [ErrUnauthenticated] or [ErrStale].
func (p *Proxy) Login(ctx context.Context, a Actor, req ProxyRequest) (*LoginResult, error) {
	const op = "Proxy.Login"
	m := p.m
	bad := problems{}
	m.checkReason(&bad, req.Reason, m.cfg.Proxy.RequireReason)
	tok := newSessionToken()
	var result *LoginResult
	login := func(ctx context.Context, w *work, answer *proof) (err error) {
		result, err = w.proxyLogin(ctx, &req, answer, tok, bad)
		return err
	}
	acc, answer, err := p.answered(ctx, a, &req)
	switch {
	case err != nil:
		err = failed(op, OperationID{}, err)
	case answer == nil:
		err = m.change(ctx, a, op, verbProxyLogin, func(ctx context.Context, w *work) error { return login(ctx, w, nil) })
	default:
		err = m.proven(ctx, a, acc, answer, op, verbProxyLogin, func(ctx context.Context, w *work, _ *Account) error {
			return login(ctx, w, answer)
		})
	}
	if err != nil {
		return nil, err
	}
	return result, nil
}

// checkReason calls the host's rule, before any transaction.
func (m *Manager) checkReason(p *problems, reason string, required bool) {
	if m.probing { // which gives none
		return
	}
	p.text("reason", reason, 1000, true)
	switch check := m.cfg.Proxy.CheckReason; {
	case reason == "" && required:
		p.add("reason", "required", "say why")
	case reason != "" && check != nil:
		if err := check(reason); err != nil {
			p.add("reason", "refused", err.Error())
		}
	}
}

// answered judges the operator's answer where one is asked for, in the first two
// of the three steps. It is nil where none is: whether the login is refused is
// then, and again, decided inside its transaction.
func (p *Proxy) answered(ctx context.Context, a Actor, req *ProxyRequest) (*Account, *proof, error) {
	const op = "Proxy.Login"
	m := p.m
	if req.Answer == "" || !req.Acknowledged || m.probing {
		return nil, nil, nil
	}
	v, err := m.read(a)
	if err != nil {
		return nil, nil, nil
	}
	w := &work{m: m, tx: m.store, v: v, now: m.now()}
	as, err := w.proxyTarget(ctx, req.Target)
	if err != nil || !as.answer {
		return nil, nil, nil
	}
	acc, err := m.provable(ctx, a, op, verbProxyLogin)
	if err != nil || !acc.Question {
		return nil, nil, err
	}
	answer, err := m.proveAnswer(ctx, acc, req.Answer, verbProxyLogin, a.v)
	return acc, answer, err
}

// proxyLogin opens the session. answer is the operator's, nil if none was judged.
func (w *work) proxyLogin(ctx context.Context, req *ProxyRequest, answer *proof, tok sessionToken, bad problems) (*LoginResult, error) {
	as, err := w.proxyTarget(ctx, req.Target)
	if err != nil {
		return nil, err
	}
	cfg := &w.m.cfg.Proxy
	if !req.Acknowledged {
		bad.add("acknowledged", "required", "confirm that all actions will be audited and logged")
	}
	lifetime := actingLifetime(req.Lifetime, cfg.Lifetime, &bad)
	if as.answer && answer == nil {
		row, err := w.tx.QuestionOf(ctx, w.v.subject)
		switch {
		case skipNotFound(err) != nil:
			return nil, err
		case row.Version == 0:
			return nil, conflict("answer", "no_question", "choose a security question first")
		case !w.m.probing:
			bad.add("answer", "required", "the answer to the own security question is asked for")
		}
	}
	if err := bad.err(); err != nil {
		return nil, err
	}
	until := w.now.Add(lifetime)
	if !as.until.IsZero() {
		until = earlier(until, as.until)
	}
	st, err := w.tx.StandingOf(ctx, req.Target, w.v.org)
	if err != nil {
		return nil, err
	}
	after := map[string]string{}
	if answer != nil {
		after["proved_by"] = "security question"
		if err := w.tx.ReleaseAttempt(ctx, w.v.subject, answer.until); err != nil {
			return nil, err
		}
		if err := answer.takeBack(ctx, w.tx, w.now); err != nil {
			return nil, err
		}
	}
	w.on("user", req.Target, w.v.org, as.member.User.DisplayName())
	return w.actAs(ctx, Session{Kind: SessionProxy, User: req.Target, Org: w.v.org, Basis: as.basis, Reason: req.Reason,
		ReadOnly: req.ReadOnly || cfg.ReadOnly || as.readOnly, Intersect: req.Intersect || cfg.Intersect,
		Idle: cfg.Idle, ExpiresAt: until, Origin: req.Origin}, st, tok, after)
}

// actingLifetime is the wanted lifetime if it is not longer than the greatest.
func actingLifetime(want, most time.Duration, p *problems) time.Duration {
	if want == 0 {
		return most
	}
	if want < time.Second || want > most {
		p.add("lifetime", "range", fmt.Sprintf("want a second to %s", most))
	}
	return want
}

// actAs parks the actor's own session, begins ses from it and records that.
func (w *work) actAs(ctx context.Context, ses Session, st Standing, tok sessionToken, after map[string]string) (*LoginResult, error) {
	own, err := w.tx.SessionByID(ctx, w.v.session)
	if err != nil {
		return nil, err
	}
	ses.ID, ses.TokenHash, ses.Operator, ses.Parent = newID[Session](), tok.hash, w.v.subject, w.v.session
	ses.Epoch, ses.OperatorEpoch, ses.ProvedAt = st.sessionEpoch(), own.Session.Epoch, own.Session.ProvedAt
	ses.CreatedAt, ses.SeenAt, ses.ExpiresAt = w.now, w.now, earlier(ses.ExpiresAt, own.Session.ExpiresAt)
	parked := own.Session
	parked.Parked, parked.TokenHash, parked.SeenAt = true, random32(), w.now
	if err := w.tx.UpdateSession(ctx, parked, w.v.token); err != nil {
		return nil, err
	}
	result, err := w.startSession(ctx, ses, st, tok)
	if err != nil {
		return nil, err
	}
	after["session"], after["basis"], after["expires_at"] = ses.ID.String(), ses.Basis.String(), ses.ExpiresAt.Format(time.RFC3339Nano)
	if ses.Reason != "" {
		after["reason"] = ses.Reason
	}
	for name, is := range map[string]bool{"read_only": ses.ReadOnly, "intersect": ses.Intersect} {
		if is {
			after[name] = boolText(true)
		}
	}
	actor := *w.v
	w.v.reason = ses.Reason
	if ses.Kind == SessionSupport { // the tenant knows the one only, and must see the entry
		w.v.subject, w.v.subjectName = ses.User, result.Actor.v.subjectName
	}
	w.record(nil, after)
	*w.v = actor
	return result, nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// proxyAs is as whom, by what right and how far somebody may act.
type proxyAs struct {
	member   *Member
	basis    Basis
	until    time.Time // of a deputy
	readOnly bool      // a deputy is
	answer   bool      // the operator's own answer is asked for
}

// proxyTarget loads a member as whom the actor may log in.
func (w *work) proxyTarget(ctx context.Context, target UserID) (*proxyAs, error) {
	if err := w.mayAct(w.m.cfg.Proxy.Off, PermProxyLogin); err != nil {
		return nil, err
	}
	if target == w.v.subject {
		return nil, refusedActing(PermProxyLogin, "self")
	}
	mem, r, err := w.member(ctx, target, w.v.org)
	if err != nil {
		return nil, err
	}
	as := &proxyAs{member: mem, basis: BasisPermission}
	if err := w.need(PermProxyLogin, PermUserView, r); err != nil {
		if err := w.asDeputy(ctx, as, err); err != nil {
			return nil, err
		}
	}
	st, err := w.tx.StandingOf(ctx, target, w.v.org)
	if err != nil {
		return nil, err
	}
	if err := wayProxy.gate(&st, w.now); err != nil {
		return nil, refusedActing(PermProxyLogin, reasonRule(err))
	}
	if err := w.m.notExempt(ctx, w.tx, &mem.Membership); err != nil {
		return nil, err
	}
	if as.basis == BasisPermission {
		if err := w.listedAndWeaker(ctx, mem); err != nil {
			if err := w.asDeputy(ctx, as, err); err != nil {
				return nil, err
			}
		}
	}
	return as, w.answerAsked(ctx, as)
}

// mayAct refuses whoever may not begin to act for anybody.
func (w *work) mayAct(off bool, p Permission) error {
	switch {
	case w.v.acting():
		return refusedActing(p, "nested")
	case w.v.door != DoorSession:
		return refusedActing(p, "own_session_only")
	case off:
		return refusedActing(p, "off")
	}
	return nil
}

func refusedActing(p Permission, rule string) error {
	return &Error{Kind: ErrPermission, Rule: rule, Permission: p}
}

// listedAndWeaker asks the operator's list and, where it is on, the strict rule.
func (w *work) listedAndWeaker(ctx context.Context, mem *Member) error {
	if err := w.m.onProxyList(ctx, w.tx, w.v.subject, mem, w.v.org, w.now); err != nil {
		return err
	}
	if w.m.cfg.Proxy.Strict {
		return w.notStrongerIn(ctx, mem.User.ID, w.v.org)
	}
	return nil
}

// answerAsked finds out whether the operator has to answer the own question.
func (w *work) answerAsked(ctx context.Context, as *proxyAs) error {
	org, err := w.tx.OrgByID(ctx, w.v.org)
	if err != nil || !w.m.policyOf(&org).SecurityQuestion {
		return err
	}
	acc, err := w.tx.AccountByID(ctx, as.member.User.ID)
	as.answer = err == nil && acc.Login.LoginCount == 0 && acc.Login.LastLoginAt.IsZero()
	return err
}

func reasonRule(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Rule
	}
	return "refused"
}
