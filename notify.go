package usermgmt

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Mailer sends mail. The host gives one in [Config.Mailer].
type Mailer interface {
	// Send sends one message, or returns an error; it is then tried again
	// later, unless the error matches [ErrInvalid]: that message will never be
	// accepted, and is kept as dead. Sending an equal Message.ID twice should deliver
	// it once: after a crash between sending and noting that, a message comes again,
	// with more Attempts. A message with a Secret has another one at each try.
	Send(ctx context.Context, m Message) error
}

// The kinds of messages. The Values that each has besides are named here.
const (
	MailWelcome          = "welcome"           // username
	MailPasswordChanged  = "password_changed"  //nolint:gosec // a name
	MailPasswordExpired  = "password_expired"  //nolint:gosec // a name
	MailPasswordReminder = "password_reminder" // expires_at, days
	MailFactorSet        = "second_factor_set"
	MailFactorRemoved    = "second_factor_removed"
	MailRecoveryCodeUsed = "recovery_code_used" // codes_left
	MailQuestionChosen   = "security_question_chosen"
	MailKeyLeaked        = "api_key_leaked"   // public_id
	MailKeyReminder      = "api_key_reminder" // public_id, expires_at, days
	MailLocked           = "account_locked"
	MailLoginChanged     = "login_changed" // username; to the old and the new address
	MailEnabled          = "account_enabled"
	MailDisabled         = "account_disabled"
	MailKeyGenerated     = "api_key_generated" // public_id
	MailExported         = "export_finished"   // rows
	MailExportFailed     = "export_failed"     // reason, job
	MailDeputyNamed      = "deputy_named"      // user, deputy, from, until, read_only; to both
	MailDeputyWithdrawn  = "deputy_withdrawn"  // as MailDeputyNamed
	MailSupportLogin     = "support_login"     // operator, reason, until, read_only; to the primary administrator
	MailBreakGlass       = "support_emergency" // as MailSupportLogin; to every administrator

	// These have a Secret: the text of a link, or a temporary password. The value
	// expires_at is when it stops working, in the form of RFC 3339.
	MailInvitation = "invitation"              // username, expires_at; a link to [Passwords.Redeem]
	MailReset      = "password_reset"          //nolint:gosec // a name; expires_at; as MailInvitation
	MailForgotten  = "password_forgotten"      //nolint:gosec // a name; expires_at; as MailInvitation
	MailTemporary  = "temporary_password"      //nolint:gosec // a name; username, expires_at
	MailCode       = "login_code"              // username, expires_at; six digits for [Factors.Prove]
	MailEmail      = "email_confirmation"      // expires_at; a link to [Users.ConfirmEmail]
	MailJoin       = "organization_invitation" // organization, expires_at; a link to [Invitations.Accept] or [Invitations.Register]

	// MailEmailRequested tells the old address that a new one waits to be confirmed.
	MailEmailRequested = "email_change_requested"
)

// Delivery limits.
const (
	deliveryLease    = 5 * time.Minute
	deliveryAttempts = 10
)

// Delivered counts what [Manager.Deliver] and [Manager.DeliverEvents] did.
// Withdrawn are mails whose link, code or temporary password was no longer good:
// they are not sent.
type Delivered struct{ Sent, Failed, Dead, Withdrawn int }

// Deliver hands at most limit due mails of the outbox to the mailer. A mail that
// fails comes again after 1, 2, 4 … minutes; after the tenth failure, or one that
// matches [ErrInvalid], it is kept as dead with its error. Any number of processes
// may deliver at once: no message is taken by two within five minutes.
//
// Messages are written in the transactions that cause them, so none is sent for
// a change that was rolled back, and none is lost to a crash.
//
// The secret of a link, a code or a temporary password is drawn here and given to
// the mailer in Message.Secret; the store gets its hash, so that nobody who reads
// the database can use it. If what it is for has changed since, the mail is kept
// as dead and not sent.
//
// Errors: [ErrNotConfigured] without [Config.Mailer]; otherwise only the
// store's. A mailer's error, or panic, is kept with the message and logged.
func (m *Manager) Deliver(ctx context.Context, limit int) (Delivered, error) {
	const op = "Deliver"
	if m.cfg.Mailer == nil {
		return Delivered{}, withOp(op, &Error{Kind: ErrNotConfigured, Field: "mailer"})
	}
	d, err := m.deliver(ctx, false, limit, m.sendMail)
	return d, withOp(op, err)
}

// deliver takes due messages of one sort out of the outbox and sends them.
func (m *Manager) deliver(ctx context.Context, event bool, limit int, send func(context.Context, Message) error) (Delivered, error) {
	var d Delivered
	if limit < 1 || limit > MaxPageSize {
		return d, &Error{Kind: ErrLimit, Field: "limit"}
	}
	now := m.now()
	batch, err := m.store.ClaimMessages(ctx, event, now, now.Add(deliveryLease), limit)
	if err != nil {
		return d, err
	}
	for _, msg := range batch {
		sendErr := guarded(func() error { return send(ctx, msg) })
		if sendErr != nil && ctx.Err() != nil {
			return d, errors.Join(ctx.Err(), sendErr) // the lease ends by itself
		}
		at := m.now()
		switch {
		case sendErr == nil:
			msg.SentAt, msg.LastError = at, ""
			d.Sent++
		case errors.Is(sendErr, errWithdrawn):
			msg.DeadAt, msg.LastError = at, sendErr.Error()
			d.Withdrawn++
		case msg.Attempts >= deliveryAttempts, !event && isInvalid(sendErr):
			msg.DeadAt, msg.LastError = at, sendErr.Error()
			d.Dead++
		default:
			msg.NotBefore, msg.LastError = at.Add(time.Minute<<(msg.Attempts-1)), sendErr.Error()
			d.Failed++
		}
		if sendErr != nil && !errors.Is(sendErr, errWithdrawn) {
			m.cfg.Logger.WarnContext(ctx, "usermgmt: message not delivered", "message", msg.ID.String(), "kind", msg.Kind,
				"attempts", msg.Attempts, "error", sendErr)
		}
		if err := m.store.SettleMessage(ctx, msg); err != nil {
			return d, err
		}
	}
	return d, nil
}

// guarded calls code of the host's, whose panic is an error. What it panicked
// with is not shown: nobody knows what is in it.
func guarded(call func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &Error{Rule: "panic", Detail: fmt.Sprintf("code of the host's panicked with a %T", p)}
		}
	}()
	return call()
}
