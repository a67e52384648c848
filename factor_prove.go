package usermgmt

import (
	"context"
	"strconv"
	"time"

	"github.com/usermgmt/usermgmt/internal/totp"
)

// codeClaim is the claim to have a user's second factor: a code of the
// authenticator or a recovery code, which shows in its form; without a factor, the
// code that was mailed for the login of the session.
//
// take uses the code up, inside the transaction of what it is for: a code that is
// right is good for one of any number of callers.
func (m *Manager) codeClaim(ctx context.Context, acc *Account, session SessionID, code string) (c claim, take func(ctx context.Context, w *work) (bool, error), err error) {
	user := acc.User.ID
	if hash, ok := recoveryHash(code); ok && acc.Factor {
		// Whether there is such a code is known when it is taken.
		return claim{what: "recovery code", judge: func(context.Context) (bool, error) { return true, nil }},
			func(ctx context.Context, w *work) (bool, error) { return w.takeRecoveryCode(ctx, acc, hash) }, nil
	}
	if !acc.Factor {
		return m.mailedClaim(ctx, acc, session, code)
	}
	row, err := m.store.FactorOf(ctx, user)
	if err != nil {
		return claim{}, nil, err
	}
	seed, err := m.openSeed(row.Secret, user)
	if err != nil {
		return claim{}, nil, err
	}
	var step int64
	c = claim{what: "second factor", judge: func(context.Context) (right bool, err error) {
		step, right = totp.Find(seed, code, m.now())
		return right, nil
	}}
	return c, func(ctx context.Context, w *work) (bool, error) {
		used, err := w.tx.UseFactorStep(ctx, user, step)
		if err != nil || !used || !m.box.Old(row.Secret) {
			return used, err
		}
		row.Secret, row.LastStep = m.box.Seal(seed, user[:]), step
		return true, w.tx.SaveFactor(ctx, row)
	}, nil
}

// mailedClaim is the claim to have the code that was mailed for a login. It is
// bound to the user, the login's session and the address, and is judged like a
// password.
func (m *Manager) mailedClaim(ctx context.Context, acc *Account, session SessionID, code string) (claim, func(context.Context, *work) (bool, error), error) {
	t, err := m.store.TokenByKey(ctx, tokenKey(TokenCode, acc.User.ID.String()))
	if err != nil && !isNotFound(err) {
		return claim{}, nil, err
	}
	c := claim{what: "code by mail"}
	hash := t.Code
	if hash == "" || t.Session != session || session.IsZero() || !t.live(acc, m.now()) {
		hash, c.none = "", "no code"
	}
	digits, form := totp.Form(code)
	c.judge = func(ctx context.Context) (bool, error) {
		right, err := m.hasher.verify(ctx, hash, []byte(digits))
		return right && form, err
	}
	return c, func(ctx context.Context, w *work) (bool, error) { return w.tx.UseToken(ctx, t.ID, w.now) }, nil
}

// mailCode mails a code for a login, in place of an earlier one, unless that was
// made after since. sent tells whether it did.
func (w *work) mailCode(ctx context.Context, acc *Account, session SessionID, policy *Policy, since time.Time) (sent bool, err error) {
	t := newToken(TokenCode, acc, acc.User.Email, w.now, policy.MailCodeLifetime)
	t.Session = session
	if sent, err = w.tx.PutToken(ctx, t, since); err == nil && sent {
		w.tokenMail(&t, MailCode, map[string]string{"username": acc.User.Username})
	}
	return sent, err
}

// codeInterval is the least time between two codes that are asked for.
const codeInterval = time.Minute

// SendCode mails another code for the actor's own login, where [StepFactor] waits
// for one by mail; the code before stops working. It does so once a minute.
//
// SendCode is atomic. It records "factor.send_code".
//
// Errors: [ErrLimit] within a minute after the last one; [ErrUnauthenticated] if
// no code is asked for now; [ErrPermission].
func (f *Factors) SendCode(ctx context.Context, a Actor) error {
	return f.m.change(ctx, a, "Factors.SendCode", verbSendCode, func(ctx context.Context, w *work) error {
		if err := ownSession(w.v); err != nil {
			return err
		}
		if w.v.pending.Next() != StepFactor {
			return refusedEntry("nothing_pending")
		}
		acc, err := w.tx.AccountByID(ctx, w.v.subject)
		if err != nil {
			return err
		}
		w.on("user", acc.User.ID, acc.User.Org, acc.User.DisplayName())
		if acc.Factor {
			return refusedEntry("nothing_pending")
		}
		org, err := w.tx.OrgByID(ctx, acc.User.Org)
		if err != nil {
			return err
		}
		policy := w.m.policyOf(&org)
		if policy.MailCodeLifetime == 0 {
			return refusedEntry("nothing_pending") // the policy is another one by now
		}
		sent, err := w.mailCode(ctx, &acc, w.v.session, policy, w.now.Add(-codeInterval))
		if err != nil {
			return err
		}
		if !sent {
			return &Error{Kind: ErrLimit, Field: "code", Rule: "interval"}
		}
		w.record(nil, nil)
		return nil
	})
}

// takeRecoveryCode uses a recovery code up and tells the user.
func (w *work) takeRecoveryCode(ctx context.Context, acc *Account, hash [32]byte) (bool, error) {
	used, err := w.tx.UseRecoveryCode(ctx, acc.User.ID, hash)
	if err != nil || !used {
		return false, err
	}
	left, err := w.tx.CountRecoveryCodes(ctx, acc.User.ID)
	if err != nil {
		return false, err
	}
	w.mailAll(&acc.User, MailRecoveryCodeUsed, map[string]string{"codes_left": strconv.Itoa(left)})
	return true, nil
}

// Prove proves the actor's second factor, as [StepFactor] asks: with a code of the
// authenticator, which is good once and one step of 30 seconds around its time, with
// a recovery code, which is good once, or, for users without a factor under
// [FactorMail], with the code that was mailed for this login. The session ends and a new one, with
// the steps that remain, begins.
//
// A wrong code counts like a wrong password, with the same counter: a right
// password before it takes none of that back, and the login counts only when its
// last secret is proved. The use of a recovery code is told to all known
// addresses.
//
// Prove records "auth.factor": attempted before the check, done or refused after
// it. Of any number of calls with the same code one succeeds.
//
// Errors: [ErrCredentials]; [ErrUnauthenticated] if no factor is asked for now;
// [ErrNotConfigured] if the keys that sealed the factor are not there.
func (f *Factors) Prove(ctx context.Context, a Actor, code string) (*LoginResult, error) {
	const op = "Factors.Prove"
	m := f.m
	acc, err := m.provable(ctx, a, op, verbProveFactor)
	if err != nil {
		return nil, err
	}
	if a.v.pending.Next() != StepFactor {
		return nil, m.change(ctx, a, op, verbProveFactor, func(context.Context, *work) error { return refusedEntry("nothing_pending") })
	}
	c, take, err := m.codeClaim(ctx, acc, a.v.session, code)
	if err != nil {
		return nil, withOp(op, err)
	}
	p, err := m.proveClaim(ctx, acc, c, verbProveFactor, a.v)
	if err != nil {
		return nil, withOp(op, err)
	}
	tok := newSessionToken()
	var result *LoginResult
	err = m.proven(ctx, a, acc, p, op, verbProveFactor, func(ctx context.Context, w *work, acc *Account) error {
		used, err := take(ctx, w)
		if err != nil {
			return err
		}
		if !used {
			return &Error{Kind: ErrCredentials}
		}
		remaining := w.v.pending &^ StepFactor
		if err := w.settleProof(ctx, acc.User.ID, p, remaining); err != nil {
			return err
		}
		w.record(nil, map[string]string{"proved_by": c.what})
		result, err = w.goOn(ctx, remaining, tok, "second factor proved")
		return err
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}
