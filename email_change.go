package usermgmt

import (
	"context"
	"slices"
	"time"

	"github.com/usermgmt/usermgmt/internal/canon"
)

// Audit verbs of this file.
const (
	verbUserEmail        = "user.email"         // the primary address changed
	verbUserEmailRequest = "user.email_request" // one waits to be confirmed
	verbUserVerify       = "user.verify_email"
)

// EmailChange asks for another primary e-mail address of one's own.
type EmailChange struct {
	// Email is the new address.
	Email string
	// Password is the present password.
	Password string
}

// ChangeEmail asks for another primary e-mail address for the actor. It is pending
// until the new address confirms it ([Users.ConfirmEmail]) with the link that is
// mailed there; the present address is told, and stays until then. A newer request
// replaces an older one. The link works once, for [Policy.ResetLifetime], and until
// username, primary e-mail address, password or status change. At most one is
// mailed in [Policy.ResetInterval].
//
// A further address of the actor that is verified already takes effect at once:
// the two change places, and both are told.
//
// The password is required and counts like a login: wrong ones lock the user. The
// actor needs [PermUserEditProfile] or [PermUserEdit] on the own record and a
// session of the own in the home organization; neither an API key nor a proxy
// login will do. Whether the address is somebody else's login name is told only to
// who reads its mail, by ConfirmEmail.
//
// ChangeEmail is atomic. It records "user.email_request" or "user.email".
//
// Errors: [ErrCredentials] for a wrong password; [ErrInvalid]; [ErrPermission];
// [ErrConflict] with the Rule "directory" or, for a verified address, "taken";
// [ErrLimit] for a further mail within the interval.
func (s *Users) ChangeEmail(ctx context.Context, a Actor, c EmailChange) error {
	const op = "Users.ChangeEmail"
	m := s.m
	email, key, bad := canon.Email(c.Email)
	return m.provedChange(ctx, a, op, verbUserEmail, c.Password, func(acc *Account) error {
		if err := m.notDirectory(&acc.User, "email"); err != nil {
			return err
		}
		switch {
		case bad != nil:
			return invalid("email", ruleOf(bad), bad.Error())
		case key == acc.User.EmailKey:
			return invalid("email", "same", "is the present one")
		}
		return nil
	}, func(ctx context.Context, w *work, acc *Account, home *Organization) error {
		if err := w.ownProfile(ctx, &acc.User); err != nil {
			return err
		}
		policy := m.policyOf(home)
		if slices.Contains(acc.User.VerifiedEmails, key) {
			return w.promote(ctx, &acc.User, email, key)
		}
		t := newToken(TokenEmail, acc, email, w.now, policy.ResetLifetime)
		t.CreatedBy = w.v.subject
		put, err := w.tx.PutToken(ctx, t, w.now.Add(-policy.ResetInterval))
		if err != nil {
			return err
		}
		if !put {
			return &Error{Kind: ErrLimit, Field: "email", Rule: "interval"}
		}
		w.tokenMail(&t, MailEmail, map[string]string{})
		w.mail(&acc.User, MailEmailRequested, nil)
		w.recordAs(verbUserEmailRequest, nil, map[string]string{"email": email})
		return nil
	})
}

// ConfirmEmail confirms an e-mail address by the link that was mailed there: it
// becomes the primary one if [Users.ChangeEmail] asked for that, and both the old and
// the new address are told, or only counts as verified ([Users.VerifyEmail]). The
// link works once. It logs nobody in and ends no session.
//
// ConfirmEmail is atomic. It records "user.email" or "user.verify_email" with the
// door [DoorLink].
//
// Errors: [ErrCredentials] for a link that is wrong, used, expired or withdrawn;
// [ErrConflict] if the address has become somebody else's login name.
func (s *Users) ConfirmEmail(ctx context.Context, token string, origin Origin) error {
	l := byLink{op: "Users.ConfirmEmail", verb: verbUserVerify, text: token, origin: origin,
		purposes: []TokenPurpose{TokenEmail, TokenAddress}}
	return s.m.linked(ctx, l, func(ctx context.Context, w *work, t *Token, acc *Account) error {
		_, key, err := canon.Email(t.Address)
		if err != nil {
			return errLink() // cannot be: it was made canonical when it was asked for
		}
		u := acc.User
		if t.Purpose == TokenEmail {
			w.verb = verbUserEmail
			u.Email = t.Address
			u.VerifiedEmails = append(slices.Clone(u.VerifiedEmails), key)
			return w.updateUser(ctx, &acc.User, &u)
		}
		if u.EmailKey != key && !slices.ContainsFunc(u.Emails, sameEmail(key)) {
			return errLink() // is no address of the user any more
		}
		if err := w.verify(ctx, &u, key); err != nil {
			return err
		}
		w.record(nil, map[string]string{"verified_email": t.Address})
		return nil
	})
}

// VerifyEmail mails the actor a link to one of the actor's own addresses, primary
// or further, with which [Users.ConfirmEmail] notes that the actor reads it. Verifying
// a verified address does nothing. The link works as long as that of
// [Users.ChangeEmail], and at most one an address is mailed in
// [Policy.ResetInterval].
//
// The actor needs a session of the own in the home organization, and
// [PermUserEditProfile] or [PermUserEdit] on the own record. VerifyEmail records
// "user.verify_email".
//
// Errors: [ErrInvalid] for an address that is none of the actor's; [ErrPermission];
// [ErrLimit] for a further mail within the interval.
func (s *Users) VerifyEmail(ctx context.Context, a Actor, address string) error {
	return s.m.change(ctx, a, "Users.VerifyEmail", verbUserVerify, func(ctx context.Context, w *work) error {
		acc, err := w.oneself(ctx)
		if err != nil {
			return err
		}
		if err := w.ownProfile(ctx, &acc.User); err != nil {
			return err
		}
		email, key, err := canon.Email(address)
		if err != nil || acc.User.EmailKey != key && !slices.ContainsFunc(acc.User.Emails, sameEmail(key)) {
			return invalid("email", "unknown", "is none of the user's addresses")
		}
		if slices.Contains(acc.User.VerifiedEmails, key) {
			return nil
		}
		org, err := w.tx.OrgByID(ctx, acc.User.Org)
		if err != nil {
			return err
		}
		policy := w.m.policyOf(&org)
		t := newToken(TokenAddress, acc, email, w.now, policy.ResetLifetime)
		t.Key += " " + key
		t.CreatedBy = w.v.subject
		put, err := w.tx.PutToken(ctx, t, w.now.Add(-policy.ResetInterval))
		if err != nil {
			return err
		}
		if !put {
			return &Error{Kind: ErrLimit, Field: "email", Rule: "interval"}
		}
		w.tokenMail(&t, MailEmail, map[string]string{})
		w.record(nil, map[string]string{"verification": "mailed"})
		return nil
	})
}

func sameEmail(key string) func(string) bool {
	return func(s string) bool {
		_, k, err := canon.Email(s)
		return err == nil && k == key
	}
}

// promote makes a verified further address the primary one, and the primary one a
// further.
func (w *work) promote(ctx context.Context, before *User, email, key string) error {
	u := *before
	u.Email = email
	u.Emails = slices.DeleteFunc(slices.Clone(before.Emails), sameEmail(key))
	if before.Email != "" {
		u.Emails = append(u.Emails, before.Email)
	}
	return w.updateUser(ctx, before, &u)
}

// oneself loads the account of the actor, who came by a door of the own.
func (w *work) oneself(ctx context.Context) (*Account, error) {
	if w.v.subject.IsZero() || w.v.door != DoorSession && w.v.door != DoorHost {
		return nil, &Error{Kind: ErrPermission, Rule: "own_session_only"}
	}
	acc, err := w.tx.AccountByID(ctx, w.v.subject)
	if err != nil {
		return nil, err
	}
	w.on("user", acc.User.ID, acc.User.Org, acc.User.DisplayName())
	return &acc, nil
}

// ownProfile is the right to change addresses of one's own.
func (w *work) ownProfile(ctx context.Context, u *User) error {
	if w.v.org != u.Org {
		return &Error{Kind: ErrPermission, Rule: "home_organization", Permission: PermUserEditProfile}
	}
	r, err := w.m.userRecord(ctx, w.tx, w.v, u)
	if err != nil {
		return err
	}
	if !w.v.can(PermUserEditProfile, r) && !w.v.can(PermUserEdit, r) {
		return &Error{Kind: ErrPermission, Permission: PermUserEditProfile}
	}
	return nil
}

// provedChange makes a change of the actor's own account for which the password
// is proved first, in the three steps of a login. fits looks before the password is
// judged whether the change can be at all.
func (m *Manager) provedChange(ctx context.Context, a Actor, op, verb, password string, fits func(acc *Account) error,
	fn func(ctx context.Context, w *work, acc *Account, home *Organization) error) error {
	refuse := func(err error) error {
		return m.change(ctx, a, op, verb, func(context.Context, *work) error { return err })
	}
	if a.IsZero() || a.v.door != DoorSession && a.v.door != DoorHost {
		return refuse(&Error{Kind: ErrPermission, Rule: "own_session_only"})
	}
	if m.bound {
		return withOp(op, errBound())
	}
	// An actor that no longer counts gets no password judged.
	v, now := *a.v, m.now()
	err := m.renew(ctx, m.store, &v, now)
	if err == nil {
		err = v.mayNow(verb)
	}
	if err == nil && now.Sub(v.verified) > m.cfg.ActorMaxAge {
		err = refusedEntry("actor_too_old")
	}
	if err != nil {
		return refuse(err)
	}
	acc, err := m.store.AccountByID(ctx, a.v.subject)
	if err != nil {
		return withOp(op, err)
	}
	if err := fits(&acc); err != nil {
		return refuse(err)
	}
	proof, err := m.prove(ctx, &acc, password, verb, a.v)
	if err != nil {
		return withOp(op, err)
	}
	proved := *a.v
	proved.proved = true
	err = m.changeIn(ctx, Actor{&proved}, proof.op, op, verb, func(ctx context.Context, w *work) error {
		fresh, err := w.oneself(ctx)
		if err != nil {
			return err
		}
		if fresh.Credential.Epoch != acc.Credential.Epoch {
			return &Error{Kind: ErrStale, Field: "password"}
		}
		if err := fn(ctx, w, fresh, &proof.org); err != nil {
			return err
		}
		if err := w.tx.ClearAttempts(ctx, acc.User.ID, time.Time{}); err != nil { // the proof clears the counter
			return err
		}
		return proof.takeBack(ctx, w.tx, w.now)
	})
	if err != nil { // the password was right
		return also(err, m.release(context.WithoutCancel(ctx), acc.User.ID, proof))
	}
	return nil
}
