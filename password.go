package usermgmt

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"runtime"
	"runtime/metrics"
	"sync/atomic"
	"time"

	"github.com/usermgmt/usermgmt/internal/canon"
	"github.com/usermgmt/usermgmt/internal/phc"
	"github.com/usermgmt/usermgmt/internal/testonly"
)

// HashConfig is the cost of new password hashes, argon2id (RFC 9106), and the
// limit on what is hashed at once. Hashes of another cost or scheme are
// replaced when their user logs in.
type HashConfig struct {
	// MemoryKiB and Passes: at least one of OWASP's pairs, such as 19456 and 2.
	// Defaults to that pair.
	MemoryKiB uint32
	Passes    uint32
	// Threads defaults to 1.
	Threads uint8
	// Workers is how many passwords are hashed at once. Defaults to
	// GOMAXPROCS. Memory is bounded by about 2 × Workers × MemoryKiB.
	Workers int
	// Queue is how many callers may wait for a worker; further ones get
	// [ErrOverloaded] at once, waiting ones when their context ends. Defaults
	// to 64 × Workers.
	Queue int
	// Permit allows a cost that is fit for tests only. Only package
	// usermgmttest can make one.
	Permit testonly.Permit
}

// hasher computes password hashes, a bounded number at a time.
type hasher struct {
	params  phc.Argon2id
	slots   chan struct{}
	waiting atomic.Int64
	limit   int64
	dummy   string       // the hash of nothing anybody knows
	hashes  atomic.Int64 // how many were computed; the enumeration test reads it

	released atomic.Int64
}

func newHasher(c *HashConfig) (*hasher, error) {
	if c.MemoryKiB == 0 {
		c.MemoryKiB = 19456
	}
	if c.Passes == 0 {
		c.Passes = 2
	}
	if c.Threads == 0 {
		c.Threads = 1
	}
	if c.Workers == 0 {
		c.Workers = runtime.GOMAXPROCS(0)
	}
	if c.Queue == 0 {
		c.Queue = 64 * c.Workers
	}
	var p problems
	params := phc.Argon2id{Memory: c.MemoryKiB, Time: c.Passes, Threads: c.Threads}
	if err := params.Validate(!c.Permit.Weak); err != nil {
		p.add("hash", "cost", err.Error())
	}
	if c.Workers < 1 || c.Queue < 0 {
		p.add("hash", "range", "want at least one worker and no negative queue")
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	h := &hasher{params: params, slots: make(chan struct{}, c.Workers), limit: int64(c.Queue)}
	var err error
	h.dummy, err = params.Hash([]byte(rand.Text()), [phc.SaltSize]byte(randomBytes(phc.SaltSize)))
	return h, err
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // cannot fail since Go 1.24: the program ends instead
	return b
}

func random32() (b [32]byte) {
	copy(b[:], randomBytes(32))
	return b
}

// acquire waits for a worker.
func (h *hasher) acquire(ctx context.Context) error {
	select {
	case h.slots <- struct{}{}:
		return nil
	default:
	}
	if h.waiting.Add(1) > h.limit {
		h.waiting.Add(-1)
		return &Error{Kind: ErrOverloaded, Rule: "queue_full"}
	}
	defer h.waiting.Add(-1)
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return &Error{Kind: ErrOverloaded, Rule: "waited", Err: ctx.Err()}
	}
}

// release gives the worker back. Argon2 leaves its memory to the garbage
// collector, whose own pace would let it grow to three times what the workers
// use. So where hashes are the bulk of the heap, and collecting is cheap, it
// runs once for as many hashes as there are workers.
func (h *hasher) release() {
	if workers := int64(cap(h.slots)); h.released.Add(1)%workers == 0 {
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(live)
		inUse := uint64(workers) * uint64(h.params.Memory) << 10
		if live[0].Value.Kind() == metrics.KindUint64 && live[0].Value.Uint64() < 2*inUse {
			runtime.GC()
		}
	}
	<-h.slots
}

// hash returns the stored form of a canonical password.
func (h *hasher) hash(ctx context.Context, password []byte) (string, error) {
	if err := h.acquire(ctx); err != nil {
		return "", err
	}
	defer h.release()
	h.hashes.Add(1)
	return h.params.Hash(password, [phc.SaltSize]byte(randomBytes(phc.SaltSize)))
}

// verify compares a canonical password with a stored hash, or with one that
// nothing equals if there is none. It does the work of one hash in any case.
func (h *hasher) verify(ctx context.Context, stored string, password []byte) (bool, error) {
	if err := h.acquire(ctx); err != nil {
		return false, err
	}
	defer h.release()
	h.hashes.Add(1)
	known := stored != ""
	parsed, err := phc.Parse(stored)
	if err != nil {
		known = false
		if parsed, err = phc.Parse(h.dummy); err != nil {
			return false, err
		}
	}
	return parsed.Verify(password) && known, nil
}

func (h *hasher) outdated(stored string) bool {
	parsed, err := phc.Parse(stored)
	return err == nil && parsed.NeedsRehash(h.params)
}

// canonicalGuess is the canonical form of a password that somebody claims to
// know. What cannot be a password is replaced by something that is none either,
// so that checking it costs the same.
func canonicalGuess(password string) (guess []byte, possible bool) {
	b, err := canon.Password(password)
	if err != nil || len(b) == 0 {
		return []byte{0}, false
	}
	return b, true
}

// Passwords sets and suggests passwords. [Manager.Passwords] returns it.
type Passwords struct{ m *Manager }

// Passwords returns the service that sets and suggests passwords.
func (m *Manager) Passwords() *Passwords { return &Passwords{m} }

// Audit verbs of this file.
const (
	verbChangePassword = "password.change" //nolint:gosec // a verb
	verbSetPassword    = "password.set"    //nolint:gosec // a verb
	verbExpirePassword = "password.expire" //nolint:gosec // a verb
)

// Suggest returns a random password of at least 20 characters that obeys the
// policy of the organization; the zero org is the policy of [Config].
//
// Errors: [ErrNotFound] if there is no such organization.
func (p *Passwords) Suggest(ctx context.Context, org OrgID) (Secret, error) {
	policy := p.m.cfg.Policy
	if !org.IsZero() {
		o, err := p.m.store.OrgByID(ctx, org)
		if err != nil {
			return Secret{}, withOp("Passwords.Suggest", err)
		}
		policy = p.m.policyOf(&o)
	}
	return Secret{policy.suggest()}, nil
}

// PasswordChange is a change of one's own password.
type PasswordChange struct {
	Current string
	New     string
	// Confirm, if not empty, must equal New.
	Confirm string
}

// Change sets the actor's own password. It is also how [StepPassword] is done.
//
// The current password is required and counts like a login: wrong ones lock
// the user. The new one obeys the policy of the home organization and differs
// from the current one. Every session of the user ends, the one that asks among
// them; the result is a new one in the same organization, nil if the host
// authenticated the actor itself. The status becomes active. Not during a proxy
// login, and not with an API key.
//
// Change is atomic. It records "password.change" and mails a notice.
//
// Errors: [ErrCredentials] if the current password is wrong; [ErrInvalid] with
// every broken rule of the new one; [ErrConflict] with the Rule "min_age" before
// [Policy.MinAge] is over, unless the change is demanded; [ErrTransient] if
// [Config.Breached] fails; [ErrPermission]; [ErrOverloaded].
func (p *Passwords) Change(ctx context.Context, a Actor, c PasswordChange) (*LoginResult, error) {
	const op = "Passwords.Change"
	m := p.m
	if a.IsZero() || a.v.door != DoorSession && a.v.door != DoorHost {
		return nil, m.change(ctx, a, op, verbChangePassword, func(context.Context, *work) error {
			return &Error{Kind: ErrPermission, Rule: "own_session_only"}
		})
	}
	if m.bound {
		return nil, withOp(op, errBound())
	}
	// An actor that no longer counts gets no password judged.
	v, now := *a.v, m.now()
	err := m.renew(ctx, m.store, &v, now)
	if err == nil && now.Sub(v.verified) > m.cfg.ActorMaxAge {
		err = refusedEntry("actor_too_old")
	}
	if err != nil {
		return nil, m.change(ctx, a, op, verbChangePassword, func(context.Context, *work) error { return err })
	}
	acc, err := m.store.AccountByID(ctx, a.v.subject)
	if err != nil {
		return nil, withOp(op, err)
	}
	if err := m.notDirectory(&acc.User, "password"); err != nil {
		return nil, m.change(ctx, a, op, verbChangePassword, func(context.Context, *work) error { return err })
	}
	proof, err := m.prove(ctx, &acc, c.Current, verbChangePassword, a.v)
	if err != nil {
		return nil, withOp(op, err)
	}
	hash, err := m.newPassword(ctx, &acc.User, &proof.org, c.New, c.Confirm, c.Current)
	if err == nil && v.pending == 0 && m.policyOf(&proof.org).tooYoung(&acc.Credential, now) {
		err = conflict("password", "min_age", "was changed too recently")
	}
	if err != nil { // the current one was right, so no guess was made
		err = also(err, m.release(context.WithoutCancel(ctx), acc.User.ID, proof))
		return nil, failed(op, proof.op, err)
	}
	token := newSessionToken()
	var result *LoginResult
	proved := *a.v
	proved.proved = true
	err = m.changeIn(ctx, Actor{&proved}, proof.op, op, verbChangePassword, func(ctx context.Context, w *work) error {
		pending := w.v.pending &^ StepPassword
		if _, err := w.storePassword(ctx, &acc, hash, false); err != nil {
			return err
		}
		if err := w.tx.ClearAttempts(ctx, acc.User.ID, time.Time{}); err != nil { // the proof clears the counter
			return err
		}
		if err := proof.takeBack(ctx, w.tx, w.now); err != nil {
			return err
		}
		var keep SessionID
		if w.v.door == DoorSession { // it begins before the others end, so that it has their floating seat
			result, err = w.openSession(ctx, &acc.User, proof, token, sessionRequest{org: w.v.org, app: w.v.app, role: w.v.role, stay: true,
				pending: pending, origin: w.v.origin})
			if err != nil {
				return err
			}
			keep = result.Session.ID
		}
		_, err := w.tx.EndSessions(ctx, acc.User.ID, OrgID{}, keep, w.now, "password changed")
		return err
	})
	if err != nil { // the password was right
		return nil, also(err, m.release(context.WithoutCancel(ctx), acc.User.ID, proof))
	}
	return result, nil
}

// Set sets another user's password, as an administrator. With mustChange the
// user can log in with it once more only to change it; otherwise the status
// becomes active.
//
// The actor needs [PermUserSetPassword] on the user, whose home must be the
// actor's organization, and who may not hold rights that the actor lacks. Not
// oneself, reserved users or services, and neither during a proxy login nor with
// an API key. The user's sessions end. The mail that tells the user does not hold the password.
//
// Set is atomic. It records "password.set".
//
// Errors: [ErrNotFound], [ErrPermission], [ErrInvalid] with every broken rule,
// [ErrOverloaded].
func (p *Passwords) Set(ctx context.Context, a Actor, user UserID, password, confirm string, mustChange bool) error {
	const op = "Passwords.Set"
	m := p.m
	if _, err := m.read(a); err != nil {
		return m.change(ctx, a, op, verbSetPassword, func(context.Context, *work) error { return err })
	}
	// Hash outside the transaction, for users whom the actor may see only: what it
	// costs must not tell who exists. Whether it may be set is decided inside.
	var hash string
	var invalidNew error
	if u, err := m.visibleUser(ctx, a.v, user, PermUserSetPassword); err == nil {
		org, err := m.store.OrgByID(ctx, u.Org)
		if err != nil {
			return withOp(op, err)
		}
		if hash, invalidNew = m.newPassword(ctx, u, &org, password, confirm, ""); errors.Is(invalidNew, ErrOverloaded) {
			return withOp(op, invalidNew)
		}
	} else if !isRefusal(err) { // those are recorded below
		return withOp(op, err)
	}
	return m.change(ctx, a, op, verbSetPassword, func(ctx context.Context, w *work) error {
		acc, err := w.account(ctx, user, PermUserSetPassword)
		if err != nil {
			return err
		}
		switch {
		case acc.User.ID == w.v.subject:
			return &Error{Kind: ErrPermission, Rule: "self", Permission: PermUserSetPassword}
		case w.v.door == DoorAPIKey || w.v.acting():
			return &Error{Kind: ErrPermission, Rule: "own_session_only", Permission: PermUserSetPassword}
		}
		if acc.User.Kind == KindService {
			return conflict("user", "service", "services have no password")
		}
		if err := m.notDirectory(&acc.User, "user"); err != nil {
			return err
		}
		if err := w.notStronger(ctx, &acc.User); err != nil {
			return err
		}
		switch {
		case invalidNew != nil:
			return invalidNew
		case hash == "": // became visible since
			return &Error{Kind: ErrStale, Field: "password"}
		}
		if _, err := w.storePassword(ctx, acc, hash, mustChange); err != nil {
			return err
		}
		if err := w.tx.ClearAttempts(ctx, user, time.Time{}); err != nil {
			return err
		}
		_, err = w.tx.EndSessions(ctx, user, OrgID{}, SessionID{}, w.now, "password set by an administrator")
		return err
	})
}

// newPassword checks a new password and returns its hash.
func (m *Manager) newPassword(ctx context.Context, u *User, org *Organization, password, confirm, current string) (string, error) {
	if m.probing {
		return "probed", nil // there is no password to look at
	}
	var p problems
	b, err := canon.Password(password)
	switch {
	case err != nil:
		p.add("password", "characters", "is not valid text or longer than 1024 bytes")
	case confirm != "" && confirm != password:
		p.add("confirm", "mismatch", "is not the same as the password")
	}
	if err == nil {
		policy := m.policyOf(org)
		policy.check(b, contextWords(u, org), &p)
		used := current != "" && current == password
		if !used {
			if used, err = m.usedBefore(ctx, u.ID, policy, b); err != nil {
				return "", err
			}
		}
		if used {
			p.add("password", "reused", "is the present one or one of those before")
		}
		known, err := m.breached(ctx, b)
		if err != nil {
			return "", err
		}
		if known {
			p.add("password", "breached", "is known from a leak: whoever uses it elsewhere should change it there too")
		}
	}
	if err := p.err(); err != nil {
		return "", err
	}
	return m.hasher.hash(ctx, b)
}

// storePassword replaces the hash, if the credential is still of the epoch that
// acc was read with, and records and mails that.
func (w *work) storePassword(ctx context.Context, acc *Account, hash string, mustChange bool) (Credential, error) {
	now, err := w.tx.AccountByID(ctx, acc.User.ID)
	if err != nil {
		return Credential{}, err
	}
	c := now.Credential
	if c.Epoch != acc.Credential.Epoch {
		return Credential{}, &Error{Kind: ErrStale, Field: "password"}
	}
	before := credentialFields(&c)
	if err := w.m.retire(ctx, w.tx, &now.User, c.Hash, w.now); err != nil {
		return Credential{}, err
	}
	c.Hash, c.ChangedAt, c.MustChange, c.Status = hash, w.now, mustChange, StatusActive
	c.TemporaryUntil = time.Time{}
	c.Epoch++
	if err := w.tx.SaveCredential(ctx, c); err != nil {
		return Credential{}, err
	}
	w.on("user", acc.User.ID, acc.User.Org, acc.User.DisplayName())
	after := credentialFields(&c)
	after["password"] = "changed"
	w.record(before, after)
	w.mail(&now.User, MailPasswordChanged, nil)
	return c, nil
}

func credentialFields(c *Credential) map[string]string {
	return map[string]string{"auth_status": c.Status.String(), "must_change": fmt.Sprint(c.MustChange)}
}
