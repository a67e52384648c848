package usermgmt

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/usermgmt/usermgmt/internal/authz"
	"github.com/usermgmt/usermgmt/internal/seal"
)

// Config configures a [Manager]. Nil and the zero Config are fine. It is copied
// by [New]; every problem in it is reported there, together.
type Config struct {
	// Objects are the host's own objects with their actions.
	// Defaults to none.
	Objects []Object
	// Fields are the host's custom fields, which all users have; at most
	// [MaxCustomFields]. Defaults to none.
	Fields []CustomField
	// SubjectData adds what the host holds about a person to [Users.SubjectReport],
	// by the names of its parts; values are what package encoding/json can write.
	// Defaults to none.
	SubjectData func(ctx context.Context, user UserID) (map[string]any, error)
	// ReservedUsernames are login names that only reserved users may have, such as
	// "admin" or "guestuser". Users who have one already keep it. Defaults to none.
	ReservedUsernames []string
	// Policy is the password and session policy of organizations that have
	// none of their own. Defaults to [PolicyNIST].
	Policy *Policy
	// Hash is the cost of new password hashes and the limit on parallel ones.
	// Defaults to argon2id with 19 MiB, 2 passes, 1 thread (OWASP).
	Hash *HashConfig
	// Breached reports whether a password is known from a leak; such a one is
	// refused wherever one is set. The library compares nothing itself, so that no
	// data set comes with it. If it fails, the call fails with [ErrTransient] and
	// the Rule "breach_check": a host that would rather go on returns false.
	// Defaults to none.
	Breached func(ctx context.Context, password string) (bool, error)
	// EncryptionKeys seal the few secrets that must be read again, the seeds of
	// second factors: AES-256-GCM, 32 random bytes each. The first seals, all open,
	// so that a new one is put in front. Defaults to none: second factors are then
	// [ErrNotConfigured].
	EncryptionKeys [][]byte
	// StepUp are permissions that a session has for as long only as a secret of its
	// user was proved within StepUpAge; after that [ErrStepUp] answers until
	// [Auth.StepUp]. Defaults to those on API keys, exports, erasing, second
	// factors, proxy logins, roles and access profiles; an empty slice that is not nil marks none.
	// Hosts mark permissions on their own objects with it too, and ask by
	// [Access.Check].
	StepUp []Permission
	// StepUpAge defaults to 15 minutes; a minute to 30 days.
	StepUpAge time.Duration
	// ActorMaxAge is how long an [Actor] is good for. Defaults to one minute;
	// at most one hour.
	ActorMaxAge time.Duration
	// SnapshotBytes is the memory for resolved rights. Defaults to 64 MiB.
	SnapshotBytes int64
	// APIKeyPrefix begins every API key: 2 to 16 characters a-z and 0-9, so that
	// scanners can find leaked ones. Defaults to "umk".
	APIKeyPrefix string
	// Settings are the host's own settings. One with the key of a shipped setting
	// takes its place: another default, fewer values, other levels. Defaults to none.
	Settings []Setting
	// Proxy configures proxy logins. Defaults are with the fields.
	Proxy ProxyConfig
	// Support configures customer support logins. Defaults are with the fields.
	Support SupportConfig
	// Mailer sends what [Manager.Deliver] takes from the outbox. Defaults to
	// none: messages are kept.
	Mailer Mailer
	// Hooks are asked, in this order, before a change commits, and may forbid it:
	// the call then fails with [ErrVetoed], changes nothing and is recorded as
	// refused. They are asked about everything that the audit log records as done,
	// but for [Manager.Bootstrap], [Manager.BreakGlass], and what follows from a
	// failed login. Defaults to none.
	Hooks []Hook
	// Events receives, from [Manager.DeliverEvents] or [Manager.Run], every entry
	// that the audit log has as done, after it has committed, at least once. An
	// error has it come again later. Defaults to none: no event is written.
	Events func(ctx context.Context, e Event) error
	// Files keeps the files of exports that run in the background. Defaults to the
	// store, in parts, up to [MaxStoredFile] each.
	Files Files
	// AuditRetention is how long the entries of a class are kept before
	// [Manager.Run] deletes them; their seals stay. At least a day. Defaults to for
	// ever, for each class that is not there.
	AuditRetention map[AuditClass]time.Duration
	// RunEvery is the pause between two turns of [Manager.Run]. Defaults to 5
	// seconds; a second to an hour.
	RunEvery time.Duration
	// Directories are the sources ([User.Source]) whose users a directory owns:
	// their fields, names and addresses are changed by a system actor only, which
	// writes for the directory, and they have no password here. Membership, roles
	// and the flags stay open to administrators. Defaults to none.
	Directories []string
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
	// Logger receives what nobody returns, such as mail that failed. Defaults
	// to discarding it.
	Logger *slog.Logger
}

// Manager is the library: services over a [Store]. It is safe for concurrent
// use, keeps no goroutine when a call returns and owns nothing that needs closing.
type Manager struct {
	store   Store
	bound   bool // to a transaction of the host
	probing bool // see probe
	objects []Object
	// settings are the shipped ones, then the host's.
	settings []Setting
	fields   fieldSet
	reserved []string // login names
	rights   *rights
	hasher   *hasher
	cfg      Config
	box      *seal.Box // nil without encryption keys
	stepUp   *stepUp
	// everybody is what the shipped Regular User profile grants.
	everybody []authz.Mask
	// actingMask is what is left of each permission while somebody acts for somebody
	// else, readingMask what of that in read-only mode.
	actingMask, readingMask []authz.Mask
}

// New returns a Manager on store. cfg may be nil.
func New(store Store, cfg *Config) (*Manager, error) {
	m := &Manager{store: store}
	if cfg != nil {
		m.cfg = *cfg
	}
	if store == nil {
		return nil, withOp("New", &Error{Kind: ErrInvalid, Field: "store", Rule: "required"})
	}
	var p problems
	m.objects = append(builtinObjects(), m.cfg.Objects...)
	cat, err := newCatalogue(m.objects)
	p.addErr(err)
	m.settings = newSettings(m.cfg.Settings, &p)
	m.cfg.setDefaults(&p)
	m.fields = newFieldSet(m.cfg.Fields, &p)
	for _, o := range m.cfg.Objects {
		if o.VisibilityField == "" {
			continue
		}
		switch f := m.fields.find(o.VisibilityField); {
		case f == nil:
			p.add("objects", "visibility", "object "+o.Name+": no custom field "+o.VisibilityField)
		case f.Own, f.Type == FieldChoices:
			p.add("objects", "visibility", "object "+o.Name+": field "+o.VisibilityField+" has several values, or users change their own")
		}
	}
	m.reserved = reservedKeys(m.cfg.ReservedUsernames, &p)
	m.cfg.Policy.validate(&p)
	m.hasher, err = newHasher(m.cfg.Hash)
	p.addErr(err)
	if len(m.cfg.EncryptionKeys) > 0 {
		if m.box, err = seal.New(m.cfg.EncryptionKeys); err != nil {
			p.add("encryption_keys", "size", err.Error())
		}
		m.cfg.EncryptionKeys = nil // whoever prints a manager must not show them
	}
	if err := p.err(); err != nil {
		return nil, withOp("New", err)
	}
	m.rights = newRights(cat, m.objects, m.cfg.SnapshotBytes)
	if m.setStepUp(&p); p.err() != nil {
		return nil, withOp("New", p.err())
	}
	for _, f := range shippedProfiles() {
		if f.Name == ProfileRegularUser {
			m.everybody = resolveGrants(cat, normalizeGrants(cat, "grants", f.Grants, &p), false)
		}
	}
	if m.actingMask, m.readingMask, err = m.cfg.Proxy.masks(cat, m.objects); err != nil {
		return nil, withOp("New", err)
	}
	return m, nil
}

var keyPrefix = regexp.MustCompile(`^[a-z][a-z0-9]{1,15}$`)

func (c *Config) setDefaults(p *problems) {
	if c.Policy == nil {
		nist := PolicyNIST()
		c.Policy = &nist
	} else {
		c.Policy = c.Policy.clone()
	}
	if c.Hash == nil {
		c.Hash = &HashConfig{}
	} else {
		h := *c.Hash
		c.Hash = &h
	}
	if c.ActorMaxAge == 0 {
		c.ActorMaxAge = time.Minute
	}
	if c.ActorMaxAge < 0 || c.ActorMaxAge > time.Hour {
		p.add("actor_max_age", "range", "want more than 0 and at most an hour")
	}
	if c.SnapshotBytes == 0 {
		c.SnapshotBytes = 64 << 20
	}
	if c.SnapshotBytes < 0 {
		p.add("snapshot_bytes", "range", "want more than 0")
	}
	if c.APIKeyPrefix == "" {
		c.APIKeyPrefix = "umk"
	}
	if !keyPrefix.MatchString(c.APIKeyPrefix) {
		p.add("api_key_prefix", "format", "want 2 to 16 characters a-z and 0-9, beginning with a letter")
	}
	c.Directories = slices.Clone(c.Directories)
	c.Proxy.setDefaults(p)
	c.Support.setDefaults(p)
	c.Hooks = slices.Clone(c.Hooks)
	validateHooks(c.Hooks, p)
	c.AuditRetention = maps.Clone(c.AuditRetention)
	for class, keep := range c.AuditRetention {
		if class < AuditChange || class > AuditHost || keep < 24*time.Hour {
			p.add("audit_retention", "range", "want a day or more, for classes that there are")
		}
	}
	if c.RunEvery == 0 {
		c.RunEvery = 5 * time.Second
	}
	if c.RunEvery < time.Second || c.RunEvery > time.Hour {
		p.add("run_every", "range", "want a second to an hour")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

// WithStore returns a manager with the same configuration on a store that is
// bound to a transaction of the host's. Everything done through it commits or
// rolls back with that transaction; an error of a call undoes that call alone.
// It belongs to one goroutine. Methods that verify a secret refuse to run on it
// ([ErrNotConfigured], Rule "bound"), since a guess must count whatever becomes
// of the host's transaction.
func (m *Manager) WithStore(bound Store) *Manager {
	c := *m
	c.store = bound
	c.bound = true
	c.rights = m.rights.reading()
	return &c
}

// now is the time of a call: UTC, to the microsecond.
func (m *Manager) now() time.Time { return m.cfg.Now().UTC().Truncate(time.Microsecond) }

// policyOf is the policy in force in an organization.
func (m *Manager) policyOf(o *Organization) *Policy {
	if o != nil && o.Policy != nil {
		return o.Policy
	}
	return m.cfg.Policy
}

// read prepares an actor for a read: it must be somebody, young enough, and have
// nothing else to do first.
func (m *Manager) read(a Actor) (*actorValue, error) { return m.readBefore(a, 0) }

// readBefore is read for what may be read while the step is still to be done.
func (m *Manager) readBefore(a Actor, step Step) (*actorValue, error) {
	if a.IsZero() {
		return nil, errNoActor()
	}
	if m.now().Sub(a.v.verified) > m.cfg.ActorMaxAge {
		return nil, refusedEntry("actor_too_old")
	}
	if a.v.pending&^step != 0 {
		return nil, errPending(a.v.pending)
	}
	return a.v, nil
}

// isRefusal reports whether err is the answer to an attempt that the audit log
// should know of.
func isRefusal(err error) bool {
	// What is not there is recorded like what may not be seen, so that the log
	// tells them apart no more than the answer does.
	return errors.Is(err, ErrNotFound) || errors.Is(err, ErrPermission) || errors.Is(err, ErrUnauthenticated) || errors.Is(err, ErrStepUp) ||
		errors.Is(err, ErrConflict) || errors.Is(err, ErrLimit) || errors.Is(err, ErrVetoed)
}

// change runs one service call that changes something: in one transaction, with
// the actor's rights read again inside it, and with the audit entries and
// messages that fn adds. A refusal is recorded afterwards in a transaction of
// its own. fn may run more than once.
func (m *Manager) change(ctx context.Context, a Actor, op, verb string, fn func(ctx context.Context, w *work) error) error {
	return m.changeIn(ctx, a, newID[Operation](), op, verb, fn)
}

// changeIn is change as part of an operation that has begun.
func (m *Manager) changeIn(ctx context.Context, a Actor, operation OperationID, op, verb string,
	fn func(ctx context.Context, w *work) error) error {
	if m.probing {
		return m.probed(ctx, a, operation, op, verb, fn)
	}
	now := m.now()
	var w *work
	err := func() error {
		if a.IsZero() {
			return errNoActor()
		}
		if now.Sub(a.v.verified) > m.cfg.ActorMaxAge {
			return refusedEntry("actor_too_old")
		}
		return m.store.Tx(ctx, func(ctx context.Context, tx Store) error {
			v := *a.v
			w = &work{m: m, tx: tx, v: &v, now: now, op: operation, verb: verb}
			if err := m.renew(ctx, tx, &v, now); err != nil {
				return err
			}
			if err := v.mayDo(verb); err != nil {
				return err
			}
			if err := fn(ctx, w); err != nil {
				return err
			}
			return w.flush(ctx)
		})
	}()
	if err == nil {
		if !m.bound { // or it is not committed yet
			for _, do := range w.after {
				do()
			}
		}
		return nil
	}
	if isRefusal(err) || errors.Is(err, ErrCredentials) {
		err = also(err, m.recordRefusal(ctx, a, verb, operation, w, now, err))
	}
	return failed(op, operation, err)
}
