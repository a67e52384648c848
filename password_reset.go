package usermgmt

import (
	"context"
	"errors"
	"time"
)

// Audit verbs of this file.
const (
	verbResetPassword  = "password.reset"  //nolint:gosec // a verb
	verbForgotPassword = "password.forgot" //nolint:gosec // a verb
	verbRedeem         = "password.redeem" //nolint:gosec // a verb
)

// Reset makes a user choose a new password: the present one stops working at
// once, sessions end, and the status is password reset until there is a new one.
// The user is mailed a link ([Passwords.Redeem]) or, with
// [Policy.TemporaryPassword], a temporary password, with which one login works that
// must change it. Either works for [Policy.ResetLifetime]; an earlier one does not
// any more. Nobody but the user learns it. A lock for wrong passwords ends.
//
// The actor needs [PermUserResetPassword] on the user, whose home must be the
// actor's organization, and who may not hold rights that the actor lacks. Not
// oneself, and neither during a proxy login nor with an API key. Reset never
// enables anybody.
//
// Reset is atomic. It records "password.reset".
//
// Errors: [ErrNotFound], [ErrPermission], [ErrConflict] with the Rule "disabled",
// "service" or "directory", [ErrNotConfigured] for a user without an e-mail
// address.
func (p *Passwords) Reset(ctx context.Context, a Actor, user UserID) error {
	_, err := p.reset(ctx, a, user, "Passwords.Reset", false)
	return err
}

// ResetMany resets the passwords of many users, each by itself as
// [Passwords.Reset] does: one row's failure does not touch the others. Rows that
// cannot be reset are left alone, with the reason in Skipped: "self", "disabled",
// "service", "directory" or "no_email". Results come in the order of users, at most
// [MaxPageSize] a call.
//
// The error is not nil only if nothing was tried ([ErrLimit]) or ctx ended; the
// results so far come with it.
func (p *Passwords) ResetMany(ctx context.Context, a Actor, users []UserID) ([]BulkResult, error) {
	const op = "Passwords.ResetMany"
	if len(users) > MaxPageSize {
		return nil, &Error{Op: op, Kind: ErrLimit, Field: "ids"}
	}
	out := make([]BulkResult, 0, len(users))
	for _, id := range users {
		if err := ctx.Err(); err != nil {
			return out, withOp(op, err)
		}
		r := BulkResult{User: id}
		if id == a.Subject() && !id.IsZero() {
			r.Skipped = "self"
		} else {
			r.Skipped, r.Err = p.reset(ctx, a, id, op, true)
			r.Changed = r.Skipped == "" && r.Err == nil
		}
		out = append(out, r)
	}
	return out, nil
}

// reset is Reset. With skip, a user who cannot be reset is no error.
func (p *Passwords) reset(ctx context.Context, a Actor, user UserID, op string, skip bool) (skipped string, err error) {
	m := p.m
	err = m.change(ctx, a, op, verbResetPassword, func(ctx context.Context, w *work) error {
		skipped = ""
		acc, err := w.account(ctx, user, PermUserResetPassword)
		if err != nil {
			return err
		}
		if err := w.ownDoor(user, PermUserResetPassword); err != nil {
			return err
		}
		if err := w.notStronger(ctx, &acc.User); err != nil {
			return err
		}
		if rule := m.noPasswordMail(&acc.User); rule != "" {
			if skipped = rule; skip {
				return nil
			}
			return cannotMail(rule)
		}
		org, err := w.tx.OrgByID(ctx, acc.User.Org)
		if err != nil {
			return err
		}
		return w.resetPassword(ctx, acc, m.policyOf(&org))
	})
	return skipped, err
}

func (w *work) resetPassword(ctx context.Context, acc *Account, policy *Policy) error {
	before := credentialFields(&acc.Credential)
	c := acc.Credential
	c.Status, c.MustChange, c.TemporaryUntil = StatusPasswordReset, false, time.Time{}
	c.Epoch++
	if err := w.tx.SaveCredential(ctx, c); err != nil {
		return err
	}
	if err := w.tx.ClearAttempts(ctx, acc.User.ID, time.Time{}); err != nil {
		return err
	}
	if _, err := w.tx.EndSessions(ctx, acc.User.ID, OrgID{}, SessionID{}, w.now, "password reset"); err != nil {
		return err
	}
	acc.Credential = c
	purpose, kind := TokenReset, MailReset
	if policy.TemporaryPassword {
		purpose, kind = TokenTemporary, MailTemporary
	}
	after := credentialFields(&c)
	after["password"] = string(purpose)
	w.record(before, after)
	return w.mailToken(ctx, acc, purpose, policy.ResetLifetime, kind)
}

// Forgot mails a user who has forgotten the password a link with which to set
// a new one ([Passwords.Redeem]), and changes nothing else: the present password,
// sessions and status stay until the link is used.
//
// It answers nil and does the same work whether or not there is such a user, and
// mails nobody who is unknown, disabled, reserved, a service, without an e-mail
// address or without a password here (as users of a directory or of single
// sign-on are). The mail goes to the stored primary address, whatever was typed.
// At most one is sent in [Policy.ResetInterval]; the link works once, for
// [Policy.ResetLifetime], and until the user logs in or username, primary e-mail
// address, password or status change. Asking never locks anybody. Hosts that fear a flood limit the
// calls of an address.
//
// Forgot records "password.forgot", attempted, with the reason if nobody was
// mailed.
//
// Errors: only the store's.
func (p *Passwords) Forgot(ctx context.Context, name string, origin Origin) error {
	const op = "Passwords.Forgot"
	m := p.m
	key, err := loginKey(name)
	if err != nil {
		key = "\x00" // nobody's
	}
	acc, err := m.store.AccountByLogin(ctx, key)
	reason := ""
	if err != nil {
		if !isNotFound(err) {
			return withOp(op, err)
		}
		reason, acc = "unknown", Account{}
	}
	home, err := m.store.OrgByID(ctx, acc.User.Org)
	if skipNotFound(err) != nil {
		return withOp(op, err)
	}
	policy, now := m.policyOf(&home), m.now()
	if reason == "" {
		reason = m.forgetful(&acc)
	}
	t := newToken(TokenReset, &acc, acc.User.Email, now, policy.ResetLifetime)
	if reason != "" {
		t.User, t.Key = UserID{}, "" // nobody's
	}
	operation := newID[Operation]()
	v := &actorValue{door: DoorNone, origin: origin}
	err = m.store.Tx(ctx, func(ctx context.Context, tx Store) error {
		reason := reason
		put, err := tx.PutToken(ctx, t, now.Add(-policy.ResetInterval))
		if err != nil {
			return err
		}
		w := &work{m: m, tx: tx, v: v, now: now, op: operation}
		switch {
		case put:
			w.tokenMail(&t, MailForgotten, map[string]string{"username": acc.User.Username})
		case reason == "":
			reason = "too soon"
		}
		if err := tx.AppendAudit(ctx, m.attemptEntry(verbForgotPassword, reason, &acc, v, operation, now)); err != nil {
			return err
		}
		// The same calls whether or not there is anything to send.
		return tx.AddMessages(ctx, w.messages...)
	})
	return withOp(op, err)
}

// forgetful says why a user is not mailed a link for a forgotten password.
func (m *Manager) forgetful(acc *Account) string {
	switch rule := m.noPasswordMail(&acc.User); {
	case acc.User.Reserved:
		return "reserved"
	case rule != "":
		return rule
	case acc.Credential.Hash == "":
		return "no password"
	}
	return ""
}

// Redemption sets a password with the link of a mail.
type Redemption struct {
	// Token is the text of the link's secret.
	Token string
	New   string
	// Confirm, if not empty, must equal New.
	Confirm string
	Origin  Origin
}

// Redeem sets the password of whoever was mailed the link: by [Users.Invite],
// [Passwords.Reset] or [Passwords.Forgot]. It logs nobody in: a second factor and
// every check of a login come after it.
//
// The link works once, under any number of callers. The new password obeys the
// policy; one that does not leaves the link good. The status becomes active, a
// lock for wrong passwords ends, all sessions of the user end, and the address
// that the link was mailed to counts as verified. A disabled user stays disabled.
//
// Redeem is atomic. It records "password.redeem" with the door [DoorLink], and
// mails a notice to every address of the user.
//
// Errors: [ErrCredentials] for a link that is wrong, used, expired or withdrawn;
// [ErrInvalid] with every broken rule of the new password; [ErrOverloaded].
func (p *Passwords) Redeem(ctx context.Context, r Redemption) error {
	const op = "Passwords.Redeem"
	m := p.m
	link := byLink{op: op, verb: verbRedeem, text: r.Token, origin: r.Origin, purposes: []TokenPurpose{TokenInvitation, TokenReset}}
	_, acc, err := m.presented(ctx, m.store, r.Token, link.purposes...)
	var hash string
	if err == nil {
		org, err := m.store.OrgByID(ctx, acc.User.Org)
		if err != nil {
			return withOp(op, err)
		}
		if hash, err = m.newPassword(ctx, &acc.User, &org, r.New, r.Confirm, ""); err != nil {
			return withOp(op, err)
		}
	} else if !errors.Is(err, ErrCredentials) {
		return withOp(op, err)
	}
	return m.linked(ctx, link, func(ctx context.Context, w *work, t *Token, acc *Account) error {
		if hash == "" { // it has become good since, or is another's
			return errLink()
		}
		if _, err := w.storePassword(ctx, acc, hash, false); err != nil {
			return err
		}
		if err := w.verify(ctx, &acc.User, acc.User.EmailKey); err != nil {
			return err
		}
		for _, to := range acc.User.Emails {
			w.mailTo(&acc.User, to, MailPasswordChanged, nil)
		}
		if err := w.tx.ClearAttempts(ctx, acc.User.ID, time.Time{}); err != nil {
			return err
		}
		_, err := w.tx.EndSessions(ctx, acc.User.ID, OrgID{}, SessionID{}, w.now, "password set with a link")
		return err
	})
}

// useTemporary takes the temporary password of a login that has proved it: it
// works for this login only, whose session must change it.
func (w *work) useTemporary(ctx context.Context, c *Credential) error {
	if c.TemporaryUntil.IsZero() {
		return nil
	}
	if !w.now.Before(c.TemporaryUntil) {
		return refusedEntry("temporary_expired")
	}
	c.TemporaryUntil, c.MustChange = time.Time{}, true
	c.Epoch++
	if err := w.tx.SaveCredential(ctx, *c); err != nil {
		return err
	}
	c.Version++
	return nil
}
