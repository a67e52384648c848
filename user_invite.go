package usermgmt

import (
	"context"
	"time"
)

const verbUserInvite = "user.invite"

// Invite mails a user a link with which to set the first password
// ([Passwords.Redeem]). An earlier link stops working. It is for persons and
// shared accounts who have no password or never logged in, and are active.
//
// The link works once, for [Policy.InvitationLifetime], until the user logs in, and
// until username, primary e-mail address, password or status change.
//
// The actor needs [PermUserInvite] on the user, whose home must be the actor's
// organization, and who may not hold rights that the actor lacks. Not oneself,
// and neither during a proxy login nor with an API key.
//
// Invite is atomic. It records "user.invite".
//
// Errors: [ErrNotFound], [ErrPermission], [ErrConflict] with the Rule "logged_in",
// "disabled", "service" or "directory", [ErrNotConfigured] for a user without an
// e-mail address.
func (s *Users) Invite(ctx context.Context, a Actor, id UserID) error {
	return s.m.change(ctx, a, "Users.Invite", verbUserInvite, func(ctx context.Context, w *work) error {
		acc, err := w.account(ctx, id, PermUserInvite)
		if err != nil {
			return err
		}
		if err := w.ownDoor(id, PermUserInvite); err != nil {
			return err
		}
		if rule := w.m.noPasswordMail(&acc.User); rule != "" {
			return cannotMail(rule)
		}
		if acc.Credential.Hash != "" && acc.Login.LoginCount > 0 {
			return conflict("user", "logged_in", "has a password and has logged in; reset the password instead")
		}
		if err := w.notStronger(ctx, &acc.User); err != nil {
			return err
		}
		org, err := w.tx.OrgByID(ctx, acc.User.Org)
		if err != nil {
			return err
		}
		if err := w.invite(ctx, acc, &org); err != nil {
			return err
		}
		w.record(nil, map[string]string{"invitation": "mailed"})
		return nil
	})
}

// invite mails the link of an invitation.
func (w *work) invite(ctx context.Context, acc *Account, org *Organization) error {
	return w.mailToken(ctx, acc, TokenInvitation, w.m.policyOf(org).InvitationLifetime, MailInvitation)
}

// mailToken makes a token that replaces an earlier one, and mails it to the
// primary address.
func (w *work) mailToken(ctx context.Context, acc *Account, purpose TokenPurpose, life time.Duration, kind string) error {
	t := newToken(purpose, acc, acc.User.Email, w.now, life)
	t.CreatedBy = w.v.subject
	if _, err := w.tx.PutToken(ctx, t, time.Time{}); err != nil {
		return err
	}
	w.tokenMail(&t, kind, map[string]string{"username": acc.User.Username})
	return nil
}

// tokenMail adds the message that carries a token to its address.
func (w *work) tokenMail(t *Token, kind string, values map[string]string) {
	values["expires_at"] = t.ExpiresAt.Format(time.RFC3339)
	w.messages = append(w.messages, Message{ID: newID[Message](), Operation: w.op, Org: t.Org, User: t.User, To: t.Address,
		Kind: kind, Values: values, Token: t.ID, NotBefore: w.now, CreatedAt: w.now})
}

// ownDoor refuses what nobody does to themselves, nor with an API key or during a
// proxy login.
func (w *work) ownDoor(target UserID, p Permission) error {
	switch {
	case target == w.v.subject && !target.IsZero():
		return &Error{Kind: ErrPermission, Rule: "self", Permission: p}
	case w.v.door == DoorAPIKey || w.v.acting():
		return &Error{Kind: ErrPermission, Rule: "own_session_only", Permission: p}
	}
	return nil
}

// noPasswordMail says why no mail about a password can be sent to a user, "" if
// it can.
func (m *Manager) noPasswordMail(u *User) string {
	switch {
	case !u.Active():
		return "disabled"
	case u.Kind == KindService:
		return "service"
	case m.directoryOwned(u):
		return "directory"
	case u.Email == "":
		return "no_email"
	}
	return ""
}

// cannotMail is the error for a reason of noPasswordMail.
func cannotMail(rule string) error {
	if rule == "no_email" {
		return &Error{Kind: ErrNotConfigured, Field: "email", Rule: rule, Detail: "the user has no e-mail address"}
	}
	return conflict("user", rule, "cannot be mailed a password link")
}

// entrance is how somebody new gets in for the first time.
type entrance struct {
	hash       string // of the first password; empty is none
	mustChange bool
	invite     bool
}

// created gives a user who was just stored the first password or an invitation,
// and records and mails that there is one.
func (w *work) created(ctx context.Context, u *User, mem *Membership, access []ApplicationAccess, in entrance, org *Organization) error {
	c := Credential{User: u.ID, Status: StatusActive, Hash: in.hash, ChangedAt: w.now, MustChange: in.mustChange, Epoch: 1, Version: 1}
	if in.hash != "" {
		if err := w.tx.SaveCredential(ctx, c); err != nil {
			return err
		}
	}
	after := fieldsOf(u)
	for k, v := range withAccess(membershipFields(mem), access) {
		after[k] = v
	}
	w.record(nil, after)
	if in.invite {
		return w.invite(ctx, &Account{User: *u, Credential: c}, org)
	}
	if u.AccountMail {
		w.mail(u, MailWelcome, map[string]string{"username": u.Username})
	}
	return nil
}

// checkEntrance checks how a new user is to get in.
func (w *work) checkEntrance(u *User, in entrance, r *Record, p *problems) error {
	if w.m.directoryOwned(u) {
		if w.v.door != DoorSystem {
			p.add("source", "directory", "only a system actor makes users of a directory")
		}
		if in.hash != "" || in.invite {
			p.add("password", "directory", "the directory has the password")
		}
	}
	if !in.invite {
		return nil
	}
	if err := w.need(PermUserInvite, PermUnitView, r); err != nil {
		return err
	}
	if err := w.ownDoor(UserID{}, PermUserInvite); err != nil {
		return err
	}
	switch {
	case in.hash != "":
		p.add("invite", "password", "give a password or invite")
	case u.Kind == KindService:
		p.add("invite", "service", "services have no password")
	case !u.Active():
		p.add("invite", "disabled", "a disabled user cannot be invited")
	case u.Email == "":
		return cannotMail("no_email")
	}
	return nil
}
