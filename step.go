package usermgmt

import (
	"context"
	"errors"
	"strings"
	"time"
)

// Step is a set of things that remain to be done after a proved password
// before a session can be used. They are done one after the other, in the order
// of the constants: an actor with steps pending can do the next one and log out,
// and nothing else. Each step that is done ends the session and gives a new one,
// with a new token, in which the others remain.
type Step uint8

// The steps.
const (
	// StepFactor: prove the second factor, with [Factors.Prove]: that of an
	// authenticator or, where there is none, a code that was mailed.
	StepFactor Step = 1 << iota
	// StepQuestion: answer the security question, with [Questions.Answer], or
	// choose one, with [Questions.Choose], if there is none yet.
	StepQuestion
	// StepPassword: change the password, with [Passwords.Change].
	StepPassword
	// StepEnroll: set up a second factor, with [Factors.Enroll] and
	// [Factors.Confirm].
	StepEnroll
	// StepRole: choose which of several roles is in force, with [Auth.TakeRole], in
	// an organization that switches roles ([Organization.SwitchRoles]).
	// [Auth.Enter], into another organization or application, is possible too.
	StepRole
)

var stepNames = [...]string{"factor", "question", "password", "enroll", "role"}

// Next is the step to do now; 0 if none is left.
func (s Step) Next() Step { return s & -s }

// Has reports whether s contains every step of t.
func (s Step) Has(t Step) bool { return s&t == t }

// String lists the steps in their order, joined with "|", such as
// "factor|password"; "none" for the zero Step.
func (s Step) String() string {
	if s == 0 {
		return "none"
	}
	var parts []string
	for i, name := range stepNames {
		if s&(1<<i) != 0 {
			parts = append(parts, name)
		}
	}
	return strings.Join(parts, "|")
}

// stepProofs are the steps that prove a secret. A login counts when the last of
// them is done.
const stepProofs = StepFactor | StepQuestion

// errPending refuses an actor who has something else to do first.
func errPending(s Step) error { return refusedEntry("pending_" + s.Next().String()) }

// stepOf is the step that a call with the audit verb does; 0 if it does none.
func stepOf(verb string) Step {
	switch verb {
	case verbProveFactor, verbSendCode:
		return StepFactor
	case verbAnswerQuestion, verbChooseQuestion:
		return StepQuestion
	case verbChangePassword:
		return StepPassword
	case verbEnrollFactor, verbConfirmFactor:
		return StepEnroll
	case verbTakeRole, verbEnter:
		return StepRole
	}
	return 0
}

// mayNow refuses a call that is not what the actor has to do next.
func (v *actorValue) mayNow(verb string) error {
	if v.pending == 0 || verb == verbLogout || stepOf(verb) == v.pending.Next() {
		return nil
	}
	return errPending(v.pending)
}

// mayDo is mayNow, and refuses whoever may change nothing.
func (v *actorValue) mayDo(verb string) error {
	if err := v.mayNow(verb); err != nil {
		return err
	}
	if v.readOnly && verb != verbLogout && verb != verbTakeRole && verb != verbAuditRecord {
		return &Error{Kind: ErrPermission, Rule: "read_only"}
	}
	return nil
}

// stepsAfter are the steps that remain once the password, perhaps a temporary one,
// is proved.
func (m *Manager) stepsAfter(acc *Account, policy *Policy, temporary bool, now time.Time) Step {
	var s Step
	switch {
	case acc.Factor, policy.SecondFactor == FactorMail:
		s |= StepFactor
	case policy.SecondFactor == FactorRequired:
		s |= StepEnroll
	}
	if policy.SecurityQuestion && (temporary || !acc.Question) && acc.User.Kind == KindPerson && !m.directoryOwned(&acc.User) {
		s |= StepQuestion
	}
	if acc.Credential.MustChange || m.tooOld(&acc.User, &acc.Credential, policy, now) {
		s |= StepPassword
	}
	return s
}

// settleProof books a proved secret: the login counts if nothing that proves is
// left, and otherwise the attempt is given back, so that neither a right first
// secret resets the count of the second one's failures nor uses it up.
func (w *work) settleProof(ctx context.Context, user UserID, p *proof, remaining Step) error {
	var err error
	if remaining&stepProofs == 0 {
		err = w.tx.RecordLogin(ctx, user, w.now)
	} else {
		err = w.tx.ReleaseAttempt(ctx, user, p.until)
	}
	if err != nil {
		return err
	}
	return p.takeBack(ctx, w.tx, w.now)
}

// ownSession refuses whoever is not a person at a session of the own, or at the
// host's door: nobody sets up or proves secrets by a key or as somebody else.
func ownSession(v *actorValue) error {
	if v == nil || v.door != DoorSession && v.door != DoorHost {
		return &Error{Kind: ErrPermission, Rule: "own_session_only"}
	}
	return nil
}

// provable looks whether an actor may prove a secret with verb now, before any is
// judged, and returns the account. A refusal is recorded.
func (m *Manager) provable(ctx context.Context, a Actor, op, verb string) (*Account, error) {
	if m.bound {
		return nil, withOp(op, errBound())
	}
	refuse := func(err error) error {
		return m.change(ctx, a, op, verb, func(context.Context, *work) error { return err })
	}
	if a.IsZero() {
		return nil, refuse(errNoActor())
	}
	if err := ownSession(a.v); err != nil {
		return nil, refuse(err)
	}
	v, now := *a.v, m.now()
	err := m.renew(ctx, m.store, &v, now)
	if err == nil && now.Sub(v.verified) > m.cfg.ActorMaxAge {
		err = refusedEntry("actor_too_old")
	}
	if err == nil {
		err = v.mayNow(verb)
	}
	if err != nil {
		return nil, refuse(err)
	}
	acc, err := m.store.AccountByID(ctx, v.subject)
	if err != nil {
		return nil, withOp(op, unknownUser(err))
	}
	return &acc, nil
}

// proven runs the third step of a proof: fn in a transaction with the actor's
// rights read again, unless the credentials changed in between. An attempt that
// was right is given back if fn fails for another reason.
func (m *Manager) proven(ctx context.Context, a Actor, acc *Account, p *proof, op, verb string,
	fn func(ctx context.Context, w *work, acc *Account) error) error {
	proved := *a.v
	proved.proved = true
	err := m.changeIn(ctx, Actor{&proved}, p.op, op, verb, func(ctx context.Context, w *work) error {
		fresh, err := w.tx.AccountByID(ctx, acc.User.ID)
		if err != nil {
			return err
		}
		w.on("user", acc.User.ID, acc.User.Org, acc.User.DisplayName())
		if fresh.Credential.Epoch != acc.Credential.Epoch {
			return &Error{Kind: ErrCredentials} // changed since the proof
		}
		return fn(ctx, w, &fresh)
	})
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrCredentials):
		return also(err, m.wrong(ctx, acc, p, a.v))
	case !isUnauthenticated(err):
		return also(err, m.release(context.WithoutCancel(ctx), acc.User.ID, p))
	}
	return err
}

// goOn ends the actor's session and opens another one in its place, with the
// absolute limit that it had: the steps of pending remain, and a secret was
// proved now. It is nil for an actor without a session.
func (w *work) goOn(ctx context.Context, pending Step, tok sessionToken, reason string) (*LoginResult, error) {
	if w.v.door != DoorSession {
		return nil, nil
	}
	view, err := w.tx.SessionByID(ctx, w.v.session)
	if err != nil {
		return nil, err
	}
	ses := view.Session
	ses.ID, ses.TokenHash, ses.Epoch, ses.Pending = newID[Session](), tok.hash, view.Standing.sessionEpoch(), pending
	ses.CreatedAt, ses.SeenAt, ses.ProvedAt, ses.Origin = w.now, w.now, w.now, w.v.origin
	ses.EndedAt, ses.EndReason = time.Time{}, ""
	result, err := w.startSession(ctx, ses, view.Standing, tok)
	if err != nil {
		return nil, err
	}
	return result, w.endBefore(ctx, reason)
}
