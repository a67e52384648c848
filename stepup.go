package usermgmt

import (
	"context"
	"time"
)

const verbStepUp = "auth.step_up"

// maxClockSkew is how far the clock of the process that proved a secret may be
// ahead of this one's.
const maxClockSkew = time.Minute

// defaultStepUp are the permissions that need a fresh proof unless
// [Config.StepUp] says otherwise.
func defaultStepUp() []Permission {
	return []Permission{
		PermUserManageAPIKey, PermUserExport, PermUserErase, PermUserResetFactor, PermProxyLogin,
		PermSupportLogin, PermBreakGlass, PermSupportConsent,
		PermRoleCreate, PermRoleEdit, PermRoleDelete, PermProfileCreate, PermProfileEdit, PermProfileDelete,
	}
}

// stepUp is which permissions need a fresh proof, by number, and how long one is
// fresh.
type stepUp struct {
	marked []bool
	age    time.Duration
}

// setStepUp numbers the permissions of [Config.StepUp].
func (m *Manager) setStepUp(p *problems) {
	marked := m.cfg.StepUp
	if marked == nil {
		marked = defaultStepUp()
	}
	m.stepUp = &stepUp{make([]bool, m.rights.cat.Len()), m.cfg.StepUpAge}
	for _, perm := range marked {
		if n, ok := m.rights.cat.Number(string(perm)); ok {
			m.stepUp.marked[n] = true
		} else {
			p.add("step_up", "unknown_permission", "no permission "+string(perm))
		}
	}
	if m.stepUp.age == 0 {
		m.stepUp.age = 15 * time.Minute
	}
	if m.stepUp.age < time.Minute || m.stepUp.age > 30*day {
		p.add("step_up_age", "range", "want a minute to 30 days")
	}
}

// fresh returns [ErrStepUp] if the actor proved no secret lately. Nobody proves
// anything anew by an API key or as the system, so those are always fresh.
func (s *stepUp) fresh(v *actorValue, now time.Time) error {
	if v.door != DoorSession && v.door != DoorHost && !v.acting() {
		return nil
	}
	if age := now.Sub(v.provedAt); age >= -maxClockSkew && age < s.age {
		return nil
	}
	return &Error{Kind: ErrStepUp}
}

// freshFor is fresh for a permission: nil unless it is marked.
func (v *actorValue) freshFor(p Permission) error {
	if v.stepUp == nil {
		return nil
	}
	n, ok := v.cat.Number(string(p))
	if !ok || !v.stepUp.marked[n] {
		return nil
	}
	if err := v.stepUp.fresh(v, v.asOf); err != nil {
		return &Error{Kind: ErrStepUp, Permission: p}
	}
	return nil
}

// StepUpRequest is a secret that is proved again. Users with a second factor give
// Code, of the authenticator or a recovery code; all others give Password.
type StepUpRequest struct {
	Password string
	Code     string
}

// StepUp proves a secret of the actor again, for what needs a fresh proof
// ([Config.StepUp]). The session ends and a new one, with a new token and the same
// absolute limit, begins. What the user has set up decides which secret counts:
// the other is not judged.
//
// A wrong secret counts like a wrong password. A right one clears the count, but a
// recovery code is used up. Not during a proxy login, whose operator switches back
// first, not with an API key, and not for actors of [Manager.ActorFor], whose
// host says when they proved something.
//
// StepUp records "auth.step_up": attempted before the check, done or refused after
// it.
//
// Errors: [ErrCredentials]; [ErrInvalid] with the Field "code" or "password" that
// is missing; [ErrPermission]; [ErrOverloaded].
func (s *Auth) StepUp(ctx context.Context, a Actor, req StepUpRequest) (*LoginResult, error) {
	const op = "Auth.StepUp"
	m := s.m
	refuse := func(err error) error {
		return m.change(ctx, a, op, verbStepUp, func(context.Context, *work) error { return err })
	}
	if !a.IsZero() && a.v.door != DoorSession {
		return nil, refuse(&Error{Kind: ErrPermission, Rule: "own_session_only"})
	}
	acc, err := m.provable(ctx, a, op, verbStepUp)
	if err != nil {
		return nil, err
	}
	var c claim
	take := func(context.Context, *work) (bool, error) { return true, nil }
	switch {
	case acc.Factor && req.Code == "":
		return nil, withOp(op, invalid("code", "required", "the second factor is asked for"))
	case acc.Factor:
		if c, take, err = m.codeClaim(ctx, acc, a.v.session, req.Code); err != nil {
			return nil, withOp(op, err)
		}
	case req.Password == "":
		return nil, withOp(op, invalid("password", "required", "the password is asked for"))
	default:
		c = m.passwordClaim(acc, req.Password)
	}
	p, err := m.proveClaim(ctx, acc, c, verbStepUp, a.v)
	if err != nil {
		return nil, withOp(op, err)
	}
	tok := newSessionToken()
	var result *LoginResult
	err = m.proven(ctx, a, acc, p, op, verbStepUp, func(ctx context.Context, w *work, acc *Account) error {
		used, err := take(ctx, w)
		if err != nil {
			return err
		}
		if !used {
			return &Error{Kind: ErrCredentials}
		}
		if err := w.tx.ClearAttempts(ctx, acc.User.ID, time.Time{}); err != nil {
			return err
		}
		if err := p.takeBack(ctx, w.tx, w.now); err != nil {
			return err
		}
		w.record(nil, map[string]string{"proved_by": c.what})
		result, err = w.goOn(ctx, 0, tok, "proved again")
		return err
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}
