package usermgmt

import (
	"context"
	"strconv"

	"github.com/usermgmt/usermgmt/internal/totp"
)

// codeClaim is the claim to have a user's second factor: a code of the
// authenticator, or a recovery code. Which of the two it is shows in its form.
//
// take uses the code up, inside the transaction of what it is for: a code that is
// right is good for one of any number of callers.
func (m *Manager) codeClaim(ctx context.Context, acc *Account, code string) (c claim, take func(ctx context.Context, w *work) (bool, error), err error) {
	none := claim{what: "second factor", none: "no second factor", judge: func(context.Context) (bool, error) { return false, nil }}
	user := acc.User.ID
	if hash, ok := recoveryHash(code); ok && acc.Factor {
		// Whether there is such a code is known when it is taken.
		return claim{what: "recovery code", judge: func(context.Context) (bool, error) { return true, nil }},
			func(ctx context.Context, w *work) (bool, error) { return w.takeRecoveryCode(ctx, acc, hash) }, nil
	}
	if !acc.Factor {
		return none, nil, nil
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
// authenticator, which is good once and one step of 30 seconds around its time, or
// with a recovery code, which is good once. The session ends and a new one, with
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
	c, take, err := m.codeClaim(ctx, acc, code)
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
