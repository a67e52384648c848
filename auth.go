package usermgmt

import (
	"context"
	"errors"
	"time"

	"github.com/usermgmt/usermgmt/internal/canon"
)

// Auth verifies: passwords at login, session tokens and API keys at every
// request. [Manager.Auth] returns it.
type Auth struct{ m *Manager }

// Auth returns the service that verifies.
func (m *Manager) Auth() *Auth { return &Auth{m} }

// Audit verbs of this file.
const (
	verbLogin  = "auth.login"
	verbLogout = "auth.logout"
	verbLocked = "auth.locked"
	verbEnter  = "auth.enter_organization"
)

// LoginRequest is what somebody types to get in.
type LoginRequest struct {
	// Name is a username or a primary e-mail address, in any case.
	Name     string
	Password string
	// Org is the organization to enter. Defaults to the home organization if
	// the user may enter it, and otherwise to the first that the user may.
	Org OrgID
	// Application is the application to begin in. Defaults to the membership's
	// initial application if the user has access to it, and otherwise to none.
	Application ApplicationID
	// Role is the role to put in force, in an organization that switches roles.
	// Defaults to the only one there is; if there are several, [StepRole] remains.
	Role   RoleID
	Origin Origin
}

// LoginResult is a login that succeeded.
type LoginResult struct {
	// Token is the session token, shown once: for a cookie or a header.
	Token Secret
	// Actor acts for the rest of this request.
	Actor Actor
	// Session is the new session.
	Session Session
	// Pending are the steps that remain: until they are done, the session can do
	// nothing else.
	Pending Step
	// PasswordExpiresAt is when the password grows too old; zero for never, and
	// after other calls than [Auth.Login].
	PasswordExpiresAt time.Time
}

// Login proves a user by password and opens a session.
//
// It works in three steps: the attempt is counted and recorded, committed; the
// password is hashed outside any transaction; the session is opened, unless
// credentials changed in between. So no roll-back, crash or parallelism gives
// an attempt away, and at most [Policy.LockoutAttempts] guesses are judged.
//
// The checks run in the order: reserved, deactivated, disabled, service,
// locked, password reset, no password, wrong password; then
// organization (disabled, not a member, membership disabled), address of the
// access profile. Until the password is proved every failure is
// [ErrCredentials], after the same work and the same store traffic, whether or
// not there is such a user. A proved password of a user who cannot get in gives
// [ErrUnauthenticated] with the Rule of the check, such as "disabled" or
// "no_membership"; such an attempt counts like a wrong one, as in OroCRM. A
// locked user's password is not judged at all.
//
// Login records "auth.login": attempted before the check, done or refused
// after it; and with the last permitted attempt "auth.locked", with a mail to
// the user a minute later. If that attempt is right, the lock and the mail are
// taken back. A hash of outdated cost is replaced.
//
// Errors: as above, and [ErrOverloaded], which counts no attempt.
func (s *Auth) Login(ctx context.Context, req LoginRequest) (*LoginResult, error) {
	const op = "Auth.Login"
	m := s.m
	if m.bound {
		return nil, withOp(op, errBound())
	}
	key, err := loginKey(req.Name)
	if err != nil {
		key = "\x00" // nobody's
	}
	var acc *Account
	if found, err := m.store.AccountByLogin(ctx, key); err == nil {
		acc = &found
	} else if !errors.Is(err, ErrNotFound) {
		return nil, withOp(op, err)
	}
	p, err := m.prove(ctx, acc, req.Password, verbLogin, &actorValue{origin: req.Origin})
	if err != nil {
		return nil, withOp(op, err)
	}
	result, err := m.completeLogin(ctx, acc, p, req)
	if err != nil {
		return nil, withOp(op, err)
	}
	m.rehash(ctx, acc, req.Password)
	return result, nil
}

// loginKey is the canonical form of what is typed as a login name.
func loginKey(name string) (string, error) { return canon.Username(name) }

func errBound() error {
	return &Error{Kind: ErrNotConfigured, Rule: "bound",
		Detail: "secrets are not verified inside a transaction of the host"}
}

// claim is a secret that somebody says to know.
type claim struct {
	what string // for the log
	// none says why nobody can be right; empty if somebody can.
	none string
	// judge compares. What it costs must not tell what it answers.
	judge func(ctx context.Context) (right bool, err error)
}

// passwordClaim is the claim to know a user's password.
func (m *Manager) passwordClaim(acc *Account, password string) claim {
	c := claim{what: "password", judge: func(ctx context.Context) (bool, error) {
		guess, possible := canonicalGuess(password)
		right, err := m.hasher.verify(ctx, m.localHash(acc), guess)
		return right && possible, err
	}}
	if m.localHash(acc) == "" {
		c.none = "no password"
	}
	return c
}

// proof is a proved secret.
type proof struct {
	org     Organization // the home organization
	op      OperationID
	until   time.Time
	refused error   // the check that refuses this user all the same
	locked  bool    // this attempt caused a lock
	notice  Message // of that lock
}

// prove checks a password in the first two of the three steps; acc is nil for
// an unknown user. v says who asks: nobody at a login.
func (m *Manager) prove(ctx context.Context, acc *Account, password, verb string, v *actorValue) (*proof, error) {
	if acc == nil {
		acc = &Account{}
	}
	return m.proveClaim(ctx, acc, m.passwordClaim(acc, password), verb, v)
}

// proveClaim is prove for any secret. Each counts with the one counter of its
// user.
func (m *Manager) proveClaim(ctx context.Context, acc *Account, c claim, verb string, v *actorValue) (*proof, error) {
	known := !acc.User.ID.IsZero()
	home, err := m.store.OrgByID(ctx, acc.User.Org)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	policy := m.policyOf(&home)
	now := m.now()
	until := policy.lockUntil(now)
	// The entry of a success has the operation's identifier, and these come before it.
	attempt, lock := newID[AuditEntry](), newID[AuditEntry]()
	p := &proof{org: home, op: newID[Operation](), until: until}

	standing := acc.standing()
	p.refused = wayPassword.gateUser(&standing, now)
	reason := c.what
	switch {
	case !known:
		reason = "unknown"
	case p.refused != nil:
		reason = reasonOf(p.refused)
	case c.none != "":
		reason = c.none
	}
	counted := acc.User.ID
	if acc.User.Kind == KindService {
		counted = UserID{} // has no password to guess: a stranger must not stop its API key
	}
	notice := Message{ID: newID[Message](), Operation: p.op, Org: acc.User.Org, User: acc.User.ID, To: acc.User.Email,
		Kind: MailLocked, NotBefore: now.Add(lockNoticeDelay), CreatedAt: now}
	var reserved, last bool
	err = m.store.Tx(ctx, func(ctx context.Context, tx Store) error {
		state, ok, err := tx.ReserveAttempt(ctx, counted,
			AttemptRule{Limit: policy.LockoutAttempts, Now: now, LockUntil: until})
		if err != nil {
			return err
		}
		reserved = ok
		last = ok && policy.LockoutAttempts > 0 && state.Failures >= policy.LockoutAttempts
		entries := []AuditEntry{m.attemptEntry(verb, reason, acc, v, p.op, now)}
		entries[0].ID = attempt
		var mails []Message
		if last {
			e := AuditEntry{Verb: verbLocked, Outcome: OutcomeDone, Org: acc.User.Org, Subject: acc.User.ID, TargetKind: "user", Target: acc.User.ID.String()}
			e.Detail.TargetName, e.Detail.After = acc.User.Username, map[string]string{"auth_status": StatusLocked.String()}
			e.Fields = []string{"auth_status"}
			e = m.complete(e, v, p.op, now)
			e.ID = lock
			entries = append(entries, e)
			if notice.To != "" {
				mails = append(mails, notice)
			}
		}
		if err := tx.AppendAudit(ctx, entries...); err != nil {
			return err
		}
		// The same calls whether or not there is anything to send.
		return tx.AddMessages(ctx, append(mails, m.events(entries)...)...)
	})
	if err != nil {
		return nil, inOperation(p.op, err)
	}
	p.locked = last
	if last && notice.To != "" {
		p.notice = notice
	}

	right, err := c.judge(ctx)
	if err != nil {
		if reserved {
			err = also(err, m.release(context.WithoutCancel(ctx), acc.User.ID, p))
		}
		return nil, inOperation(p.op, err)
	}
	if right && reserved {
		return p, nil
	}
	if err := m.wrong(ctx, acc, p, v); err != nil {
		return nil, inOperation(p.op, err)
	}
	return nil, &Error{Kind: ErrCredentials, Operation: p.op}
}

// wrong is what follows a wrong secret: the attempt stays counted, and one that
// locked may disable as well.
func (m *Manager) wrong(ctx context.Context, acc *Account, p *proof, v *actorValue) error {
	if !p.locked || !m.policyOf(&p.org).LockoutDisables {
		return nil
	}
	return m.lockoutDisables(ctx, acc, v, p.op, m.now())
}

// standing is the part of a standing that an account tells.
func (a *Account) standing() Standing {
	change := a.Credential.MustChange
	if a.Credential.Status == StatusPasswordReset {
		// A demanded reset lets a temporary password in that was not used yet. Once it
		// is, MustChange lets that session go on to the new password, and no other in.
		change = !a.Credential.TemporaryUntil.IsZero()
	}
	return Standing{
		User: a.User.ID, Username: a.User.Username, Kind: a.User.Kind, Enabled: a.User.Enabled,
		Deactivated: !a.User.DeactivatedAt.IsZero(), Reserved: a.User.Reserved,
		CredentialStatus: a.Credential.Status, MustChange: change, Epoch: a.Credential.Epoch,
		LockedUntil: a.Login.LockedUntil,
	}
}

// attemptEntry is the audit entry of an attempt. Those of a minute that differ
// in nothing are one.
func (m *Manager) attemptEntry(verb, reason string, acc *Account, v *actorValue, op OperationID, now time.Time) AuditEntry {
	e := AuditEntry{Verb: verb, Outcome: OutcomeAttempted, Org: acc.User.Org, Subject: acc.User.ID, TargetKind: "user", Target: acc.User.ID.String()}
	e.Detail.TargetName, e.Detail.Reason = acc.User.Username, reason
	e = m.complete(e, v, op, now)
	e.FoldKey = foldKey(now, verb, "attempt", e.Operator.String(), e.Target, reason, v.origin.Address)
	return e
}

// lockNoticeDelay keeps the notice of a lock back until the attempt that may
// still be right is judged.
const lockNoticeDelay = time.Minute

// takeBack stops the notice of a lock that the right password, or an attempt
// that was not judged, took back.
func (p *proof) takeBack(ctx context.Context, tx Store, now time.Time) error {
	if p.notice.ID.IsZero() {
		return nil
	}
	p.notice.DeadAt, p.notice.LastError = now, "the lock was taken back"
	return tx.SettleMessage(ctx, p.notice)
}

// release gives back an attempt that was not judged.
func (m *Manager) release(ctx context.Context, user UserID, p *proof) error {
	return m.store.Tx(ctx, func(ctx context.Context, tx Store) error {
		if err := tx.ReleaseAttempt(ctx, user, p.until); err != nil {
			return err
		}
		return p.takeBack(ctx, tx, m.now())
	})
}

// lockoutDisables disables a user who is locked, where the policy says so. The
// last administrator stays enabled.
func (m *Manager) lockoutDisables(ctx context.Context, acc *Account, v *actorValue, op OperationID, now time.Time) error {
	return m.store.Tx(ctx, func(ctx context.Context, tx Store) error {
		w := &work{m: m, tx: tx, v: v, now: now, op: op, verb: verbUserDisable, further: true}
		w.on("user", acc.User.ID, acc.User.Org, acc.User.Username)
		u, err := tx.UserByID(ctx, acc.User.ID)
		if err != nil || !u.Enabled {
			return err
		}
		if err := w.keepAdministrator(ctx, u.ID, OrgID{}); err != nil {
			if errors.Is(err, ErrConflict) {
				return nil
			}
			return err
		}
		before := u
		u.Enabled = false
		if err := w.saveUser(ctx, u); err != nil {
			return err
		}
		if err := w.endForGood(ctx, u.ID, "disabled"); err != nil {
			return err
		}
		w.record(fieldsOf(&before), fieldsOf(&u))
		return w.flush(ctx)
	})
}

// completeLogin is the third step of a login.
func (m *Manager) completeLogin(ctx context.Context, acc *Account, p *proof, req LoginRequest) (*LoginResult, error) {
	now := m.now()
	tok := newSessionToken()
	var result *LoginResult
	var w *work
	err := m.store.Tx(ctx, func(ctx context.Context, tx Store) error {
		fresh, err := tx.AccountByID(ctx, acc.User.ID)
		if err != nil {
			return err
		}
		v := &actorValue{door: DoorSession, subject: acc.User.ID, operator: acc.User.ID,
			subjectName: auditName(acc.User.Username, acc.User.Kind), origin: req.Origin}
		v.operatorName = v.subjectName
		w = &work{m: m, tx: tx, v: v, now: now, op: p.op, verb: verbLogin}
		w.on("user", acc.User.ID, acc.User.Org, acc.User.DisplayName())
		if fresh.Credential.Epoch != acc.Credential.Epoch {
			return &Error{Kind: ErrCredentials} // changed since the proof
		}
		if p.refused != nil {
			return p.refused
		}
		standing := fresh.standing()
		standing.LockedUntil = time.Time{} // the reservation of this attempt may have set it
		if err := wayPassword.gateUser(&standing, now); err != nil {
			return err
		}
		temporary := !fresh.Credential.TemporaryUntil.IsZero()
		if err := w.useTemporary(ctx, &fresh.Credential); err != nil {
			return err
		}
		pending := m.stepsAfter(&fresh, m.policyOf(&p.org), temporary, now)
		if err := w.settleProof(ctx, acc.User.ID, p, pending); err != nil {
			return err
		}
		if p.locked {
			w.recordAs(verbUserUnlock, map[string]string{"auth_status": StatusLocked.String()}, map[string]string{"auth_status": StatusActive.String()})
		}
		result, err = w.openSession(ctx, &fresh.User, p, tok,
			sessionRequest{org: req.Org, app: req.Application, role: req.Role, pending: pending, origin: req.Origin})
		if err != nil {
			return err
		}
		if pending.Has(StepFactor) && !fresh.Factor {
			if _, err := w.mailCode(ctx, &fresh, result.Session.ID, m.policyOf(&p.org), time.Time{}); err != nil {
				return err
			}
		}
		result.PasswordExpiresAt = m.expiresAt(&fresh.User, &fresh.Credential, m.policyOf(&p.org))
		home := w.org
		w.org = result.Session.Org
		w.record(nil, nil)
		w.org = home // whose entry it is if the store refuses only now
		return w.flush(ctx)
	})
	if err == nil {
		return result, nil
	}
	if !acc.Credential.TemporaryUntil.IsZero() && errors.Is(err, ErrStale) {
		err = &Error{Kind: ErrCredentials} // another login was first to use the temporary password
	}
	if !isUnauthenticated(err) && !errors.Is(err, ErrCredentials) { // the password was right, and the user may be in
		err = also(err, m.release(context.WithoutCancel(ctx), acc.User.ID, p))
	}
	if isRefusal(err) && w != nil {
		err = also(err, m.recordRefusal(ctx, Actor{w.v}, verbLogin, p.op, w, now, err))
	}
	return nil, inOperation(p.op, err)
}

// rehash replaces a hash of outdated cost or scheme. That it may fail, or lose
// against a change of the password, is no harm: the next login tries again.
func (m *Manager) rehash(ctx context.Context, acc *Account, password string) {
	if !m.hasher.outdated(acc.Credential.Hash) {
		return
	}
	guess, _ := canonicalGuess(password)
	hash, err := m.hasher.hash(ctx, guess)
	if err == nil {
		err = m.store.Tx(ctx, func(ctx context.Context, tx Store) error {
			now, err := tx.AccountByID(ctx, acc.User.ID)
			if err != nil || now.Credential.Hash != acc.Credential.Hash {
				return err
			}
			now.Credential.Hash = hash
			return tx.SaveCredential(ctx, now.Credential)
		})
	}
	if err != nil {
		m.cfg.Logger.InfoContext(ctx, "usermgmt: password hash not renewed", "user", acc.User.ID.String(), "error", err)
	}
}
