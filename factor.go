package usermgmt

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt/internal/totp"
)

// Factors sets up second factors, proves and removes them. [Manager.Factors]
// returns it.
//
// A factor is a time-based one-time password (RFC 6238: SHA-1, six digits, 30
// seconds, one step of tolerance), as authenticators show it. With it come ten
// recovery codes of 120 random bits, each good once. The seed is sealed with
// [Config.EncryptionKeys]; of the codes only hashes are kept.
type Factors struct{ m *Manager }

// Factors returns the service for second factors.
func (m *Manager) Factors() *Factors { return &Factors{m} }

// Audit verbs of this file.
const (
	verbEnrollFactor  = "factor.enroll"
	verbConfirmFactor = "factor.confirm"
	verbRenewCodes    = "factor.renew_codes"
	verbRemoveFactor  = "factor.remove"
	verbResetFactor   = "factor.reset"
	verbSendCode      = "factor.send_code"
	verbProveFactor   = "auth.factor"
)

const (
	recoveryCodes = 10
	// enrolmentLife is how long a seed waits to be confirmed.
	enrolmentLife = time.Hour
)

// Enrolment is a seed for an authenticator. It is shown this once.
type Enrolment struct {
	// Seed is for typing, in base32.
	Seed Secret
	// URI is for a QR code: otpauth://totp/….
	URI Secret
	// ExpiresAt is until when it can be confirmed.
	ExpiresAt time.Time
}

// Enrolled is a second factor that was set up.
type Enrolled struct {
	// RecoveryCodes are shown this once.
	RecoveryCodes []Secret
	// Login is the new session where [StepEnroll] was done; nil otherwise.
	Login *LoginResult
}

// FactorInfo is what may be told of a user's second factor.
type FactorInfo struct {
	// ConfirmedAt is when it was set up; zero if there is none.
	ConfirmedAt time.Time
	// RecoveryCodes is how many are left.
	RecoveryCodes int
}

// Enroll draws a seed for the actor's own authenticator. It is not asked for
// before [Factors.Confirm] has seen a code of it, within an hour; a factor that
// is in force stays so until then. A second call draws another seed.
//
// Enroll needs a secret proved within [Config.StepUpAge], unless it is what the
// login asks for ([StepEnroll]); not during a proxy login and not with an API key.
// The name in the URI is the home organization's with the username.
//
// Enroll is atomic. It records "factor.enroll".
//
// Errors: [ErrNotConfigured] without [Config.EncryptionKeys]; [ErrStepUp];
// [ErrPermission].
func (f *Factors) Enroll(ctx context.Context, a Actor) (*Enrolment, error) {
	m := f.m
	seed := randomBytes(totp.SeedSize)
	var out *Enrolment
	err := m.change(ctx, a, "Factors.Enroll", verbEnrollFactor, func(ctx context.Context, w *work) error {
		if err := w.mayOwn(); err != nil {
			return err
		}
		if m.box == nil {
			return &Error{Kind: ErrNotConfigured, Field: "encryption_keys"}
		}
		u, err := w.tx.UserByID(ctx, w.v.subject)
		if err != nil {
			return err
		}
		org, err := w.tx.OrgByID(ctx, u.Org)
		if err != nil {
			return err
		}
		w.on("user", u.ID, u.Org, u.DisplayName())
		row, err := w.tx.FactorOf(ctx, u.ID)
		if err != nil && !isNotFound(err) {
			return err
		}
		row.User, row.Next, row.NextAt = u.ID, m.box.Seal(seed, u.ID[:]), w.now
		if err := w.tx.SaveFactor(ctx, row); err != nil {
			return err
		}
		w.record(nil, nil)
		out = &Enrolment{Secret{totp.Text(seed)}, Secret{totp.URI(seed, org.Name, u.Username)}, w.now.Add(enrolmentLife)}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Confirm takes the seed of [Factors.Enroll] into force, proved by a code of it,
// and makes recovery codes. A wrong code counts like a wrong password, a right one
// takes nothing back. Every other session of the user ends, and the user is told
// at all known addresses.
//
// Confirm is atomic. It records "factor.confirm".
//
// Errors: [ErrCredentials] for a wrong code; [ErrConflict] with the Rule
// "not_begun" if no seed waits; [ErrPermission].
func (f *Factors) Confirm(ctx context.Context, a Actor, code string) (*Enrolled, error) {
	const op = "Factors.Confirm"
	m := f.m
	acc, err := m.provable(ctx, a, op, verbConfirmFactor)
	if err != nil {
		return nil, err
	}
	row, err := m.store.FactorOf(ctx, acc.User.ID)
	if err != nil && !isNotFound(err) {
		return nil, withOp(op, err)
	}
	if len(row.Next) == 0 || !m.now().Before(row.NextAt.Add(enrolmentLife)) {
		return nil, m.change(ctx, a, op, verbConfirmFactor, func(context.Context, *work) error {
			return conflict("factor", "not_begun", "no seed waits to be confirmed")
		})
	}
	seed, err := m.openSeed(row.Next, acc.User.ID)
	if err != nil {
		return nil, withOp(op, err)
	}
	var step int64
	p, err := m.proveClaim(ctx, acc, claim{what: "code of a new factor", judge: func(context.Context) (right bool, err error) {
		step, right = totp.Find(seed, code, m.now())
		return right, nil
	}}, verbConfirmFactor, a.v)
	if err != nil {
		return nil, withOp(op, err)
	}
	codes, hashes := newRecoveryCodes()
	tok := newSessionToken()
	out := &Enrolled{RecoveryCodes: codes}
	err = m.proven(ctx, a, acc, p, op, verbConfirmFactor, func(ctx context.Context, w *work, acc *Account) error {
		if err := w.tx.ReleaseAttempt(ctx, acc.User.ID, p.until); err != nil {
			return err
		}
		if err := p.takeBack(ctx, w.tx, w.now); err != nil {
			return err
		}
		if acc.Factor && w.v.pending != 0 {
			return errPending(w.v.pending) // set up by another session meanwhile, which this one has to prove
		}
		row := row
		row.Secret, row.ConfirmedAt, row.Next, row.NextAt, row.LastStep = row.Next, w.now, nil, time.Time{}, step
		if err := w.tx.SaveFactor(ctx, row); err != nil {
			return err
		}
		if err := w.tx.PutRecoveryCodes(ctx, acc.User.ID, hashes); err != nil {
			return err
		}
		if err := w.factorChanged(ctx, acc, "set", MailFactorSet); err != nil {
			return err
		}
		if w.v.pending.Has(StepEnroll) {
			out.Login, err = w.goOn(ctx, w.v.pending&^StepEnroll, tok, "second factor set up")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// factorChanged ends the other sessions of the user, and records and mails that
// the factor is another one.
func (w *work) factorChanged(ctx context.Context, acc *Account, what, mail string) error {
	if _, err := w.tx.EndSessions(ctx, acc.User.ID, OrgID{}, w.v.session, w.now, "second factor "+what); err != nil {
		return err
	}
	w.record(nil, map[string]string{"second_factor": what})
	w.mailAll(&acc.User, mail, nil)
	return nil
}

// mailAll adds a message to every address that is known of the user.
func (w *work) mailAll(u *User, kind string, values map[string]string) {
	w.mail(u, kind, values)
	for _, address := range u.Emails {
		w.mailTo(u, address, kind, values)
	}
}

// mayOwn refuses whoever may not change the own secrets now.
func (w *work) mayOwn() error {
	if err := ownSession(w.v); err != nil {
		return err
	}
	if w.v.pending != 0 {
		return nil // a step of the login, whose secrets were just proved
	}
	return w.m.stepUp.fresh(w.v, w.now)
}

// RenewCodes makes ten new recovery codes for the actor's own factor; those
// before stop working. Rights are those of [Factors.Enroll].
//
// RenewCodes is atomic. It records "factor.renew_codes".
//
// Errors: [ErrNotFound] without a factor; [ErrStepUp]; [ErrPermission].
func (f *Factors) RenewCodes(ctx context.Context, a Actor) ([]Secret, error) {
	codes, hashes := newRecoveryCodes()
	err := f.m.change(ctx, a, "Factors.RenewCodes", verbRenewCodes, func(ctx context.Context, w *work) error {
		acc, err := w.ownFactor(ctx)
		if err != nil {
			return err
		}
		if err := w.tx.PutRecoveryCodes(ctx, acc.User.ID, hashes); err != nil {
			return err
		}
		w.record(nil, map[string]string{"recovery_codes": "renewed"})
		w.mailAll(&acc.User, MailFactorSet, nil)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return codes, nil
}

// ownFactor loads the actor's account, which has a factor that may be changed.
func (w *work) ownFactor(ctx context.Context) (*Account, error) {
	if err := w.mayOwn(); err != nil {
		return nil, err
	}
	acc, err := w.tx.AccountByID(ctx, w.v.subject)
	if err != nil {
		return nil, err
	}
	w.on("user", acc.User.ID, acc.User.Org, acc.User.DisplayName())
	if !acc.Factor {
		return nil, &Error{Kind: ErrNotFound, Field: "factor"}
	}
	return &acc, nil
}

// Remove takes away the actor's own factor with its recovery codes. Rights are
// those of [Factors.Enroll]. Where [Policy.SecondFactor] demands one, another is
// enrolled in its place instead. Every other session of the user ends.
//
// Remove is atomic. It records "factor.remove", and mails to all known addresses.
//
// Errors: [ErrNotFound] without a factor; [ErrConflict] with the Rule
// "required"; [ErrStepUp]; [ErrPermission].
func (f *Factors) Remove(ctx context.Context, a Actor) error {
	return f.m.change(ctx, a, "Factors.Remove", verbRemoveFactor, func(ctx context.Context, w *work) error {
		acc, err := w.ownFactor(ctx)
		if err != nil {
			return err
		}
		org, err := w.tx.OrgByID(ctx, acc.User.Org)
		if err != nil {
			return err
		}
		if w.m.policyOf(&org).SecondFactor == FactorRequired {
			return conflict("factor", "required", "the policy demands a second factor")
		}
		if err := w.tx.DeleteFactor(ctx, acc.User.ID); err != nil {
			return err
		}
		return w.factorChanged(ctx, acc, "removed", MailFactorRemoved)
	})
}

// Reset takes away another user's factor with its recovery codes, as an
// administrator, for somebody who has lost it. reason is required and recorded:
// what shows that it is the person belongs there.
//
// The actor needs [PermUserResetFactor] on the user, whose home must be the
// actor's organization, and who may not hold rights that the actor lacks. Not
// oneself, and neither during a proxy login nor with an API key. The user's
// sessions end.
//
// Reset is atomic. It records "factor.reset", and mails to all known addresses.
//
// Errors: [ErrNotFound] if there is no such user or factor; [ErrPermission];
// [ErrStepUp]; [ErrInvalid] without a reason.
func (f *Factors) Reset(ctx context.Context, a Actor, user UserID, reason string) error {
	return f.m.change(ctx, a, "Factors.Reset", verbResetFactor, func(ctx context.Context, w *work) error {
		acc, err := w.account(ctx, user, PermUserResetFactor)
		if err != nil {
			return err
		}
		switch {
		case user == w.v.subject:
			return &Error{Kind: ErrPermission, Rule: "self", Permission: PermUserResetFactor}
		case w.v.door == DoorAPIKey || w.v.acting():
			return &Error{Kind: ErrPermission, Rule: "own_session_only", Permission: PermUserResetFactor}
		}
		if err := w.notStronger(ctx, &acc.User); err != nil {
			return err
		}
		var p problems
		if strings.TrimSpace(reason) == "" {
			p.add("reason", "required", "say why")
		}
		p.text("reason", reason, 1000, true)
		if err := p.err(); err != nil {
			return err
		}
		if !acc.Factor {
			return &Error{Kind: ErrNotFound, Field: "factor"}
		}
		if err := w.tx.DeleteFactor(ctx, user); err != nil {
			return err
		}
		if err := w.endForGood(ctx, user, "second factor reset"); err != nil {
			return err
		}
		w.record(nil, map[string]string{"second_factor": "removed", "reason": reason})
		w.mailAll(&acc.User, MailFactorRemoved, nil)
		return nil
	})
}

// Get tells whether a user has a second factor. Everybody may ask about
// themselves, also while it is what a login asks for; others need [PermUserView]
// on the user.
//
// Errors: [ErrNotFound] if there is no such user or the actor may not see it.
func (f *Factors) Get(ctx context.Context, a Actor, user UserID) (*FactorInfo, error) {
	const op = "Factors.Get"
	m := f.m
	if asked := a.get().pending.Next()&(StepFactor|StepEnroll) != 0; !asked || user != a.v.subject || user.IsZero() {
		v, err := m.read(a)
		if err != nil {
			return nil, withOp(op, err)
		}
		if user != v.subject || user.IsZero() {
			if _, err := m.visibleUser(ctx, v, user, PermUserView); err != nil {
				return nil, withOp(op, err)
			}
		}
	}
	row, err := m.store.FactorOf(ctx, user)
	if err != nil && !isNotFound(err) {
		return nil, withOp(op, err)
	}
	n, err := m.store.CountRecoveryCodes(ctx, user)
	if err != nil {
		return nil, withOp(op, err)
	}
	return &FactorInfo{row.ConfirmedAt, n}, nil
}

// openSeed is the seed of a sealed text.
func (m *Manager) openSeed(sealed []byte, user UserID) ([]byte, error) {
	if m.box == nil {
		return nil, &Error{Kind: ErrNotConfigured, Field: "encryption_keys"}
	}
	seed, err := m.box.Open(sealed, user[:])
	if err != nil {
		return nil, &Error{Kind: ErrNotConfigured, Field: "encryption_keys", Rule: "unknown_key",
			Detail: "none of the keys opens the second factor", Err: err}
	}
	return seed, nil
}

// recoveryText writes 120 bits as 24 letters and digits, by Crockford's alphabet,
// which leaves out what looks alike.
var recoveryText = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// recoveryTyped puts right what people read for a letter of the alphabet.
var recoveryTyped = strings.NewReplacer("o", "0", "i", "1", "l", "1", " ", "", "-", "")

// newRecoveryCodes draws recovery codes, with what is kept of them.
func newRecoveryCodes() (codes []Secret, hashes [][32]byte) {
	for range recoveryCodes {
		text := recoveryText.EncodeToString(randomBytes(15))
		hash, _ := recoveryHash(text)
		parts := make([]string, 0, 4)
		for i := 0; i < len(text); i += 6 {
			parts = append(parts, text[i:i+6])
		}
		codes, hashes = append(codes, Secret{strings.Join(parts, " ")}), append(hashes, hash)
	}
	return codes, hashes
}

// recoveryHash is what is kept of a recovery code, and whether text has the form
// of one.
func recoveryHash(text string) ([32]byte, bool) {
	text = recoveryTyped.Replace(strings.ToLower(strings.TrimSpace(text)))
	if b, err := recoveryText.DecodeString(text); err != nil || len(b) != 15 {
		return [32]byte{}, false
	}
	return sha256.Sum256(fmt.Appendf(nil, "usermgmt recovery code %s", text)), true
}
