// Package usermgmttest gives tests of hosts a complete [usermgmt.Manager] in
// memory: bootstrapped, with a clock that stands still, password hashes that
// cost nothing, and a mailer that remembers.
//
//	func TestLeads(t *testing.T) {
//		env := usermgmttest.New(t, nil)
//		ann := env.AddUser("ann", nil)
//		actor := env.As(ann.ID)
//		…
//	}
//
// The real thing is underneath, with every rule in force; there is nothing to
// mock.
package usermgmttest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/testonly"
	"github.com/usermgmt/usermgmt/store/memory"
)

// Password is the password of every user that this package makes. It obeys
// every preset policy.
const Password = "Correct-Horse-7-Battery"

// Env is a bootstrapped installation.
type Env struct {
	*usermgmt.Manager
	// Store is the store underneath.
	Store usermgmt.Store
	Clock *Clock
	Mail  *Mailer
	// What Bootstrap made: the first organization, its root team and main unit,
	// the root administrator "root" and the role that holds everything.
	usermgmt.Bootstrapped
	// Regular is a system-wide role without grants, so that users can be made.
	Regular usermgmt.Role

	t testing.TB
}

// New returns an installation on a new memory store. cfg may be nil; its Now,
// Mailer and Hash are replaced.
func New(t testing.TB, cfg *usermgmt.Config) *Env {
	t.Helper()
	return NewOn(t, memory.New(), cfg)
}

// NewOn is [New] on another, empty store.
func NewOn(t testing.TB, store usermgmt.Store, cfg *usermgmt.Config) *Env {
	t.Helper()
	e := &Env{Store: store, Clock: NewClock(), Mail: &Mailer{}, t: t}
	e.Manager = e.NewManager(cfg)
	ctx := t.Context()
	done, err := e.Bootstrap(ctx, usermgmt.BootstrapRequest{
		Organization: usermgmt.NewOrganization{Name: "Acme"},
		Administrator: usermgmt.NewUser{Username: "root", Email: "root@acme.test", FirstName: "Ruth", LastName: "Root",
			Password: Password},
	})
	e.check("bootstrap", err)
	e.Bootstrapped = *done
	role, err := e.Roles().Create(ctx, e.Root(), usermgmt.NewRole{Name: "Regular"})
	e.check("role", err)
	e.Regular = *role
	return e
}

// NewManager returns one more manager on the same store, clock and mailer, as
// another process of the host would have it.
func (e *Env) NewManager(cfg *usermgmt.Config) *usermgmt.Manager {
	e.t.Helper()
	var c usermgmt.Config
	if cfg != nil {
		c = *cfg
	}
	c.Now, c.Mailer = e.Clock.Now, e.Mail
	if c.EncryptionKeys == nil {
		c.EncryptionKeys = [][]byte{[]byte("a key for tests, of 32 bytes ....")[:32]}
	}
	c.Hash = &usermgmt.HashConfig{MemoryKiB: 64, Passes: 1, Permit: testonly.Permit{Weak: true}}
	m, err := usermgmt.New(e.Store, &c)
	e.check("new", err)
	return m
}

func (e *Env) check(what string, err error) {
	e.t.Helper()
	if err != nil {
		e.t.Fatalf("usermgmttest: %s: %v", what, err)
	}
}

// As returns an actor for a user in the home organization.
func (e *Env) As(user usermgmt.UserID) usermgmt.Actor {
	e.t.Helper()
	return e.AsIn(user, usermgmt.OrgID{})
}

// AsIn returns an actor for a user in an organization.
func (e *Env) AsIn(user usermgmt.UserID, org usermgmt.OrgID) usermgmt.Actor {
	e.t.Helper()
	a, err := e.ActorFor(e.t.Context(), usermgmt.ActorRequest{User: user, Org: org, ProvedAt: e.Clock.Now()})
	e.check("actor", err)
	return a
}

// Root returns an actor for the root administrator.
func (e *Env) Root() usermgmt.Actor {
	e.t.Helper()
	return e.As(e.Administrator.ID)
}

// Login logs a user in with [Password].
func (e *Env) Login(name string) *usermgmt.LoginResult {
	e.t.Helper()
	r, err := e.Auth().Login(e.t.Context(), usermgmt.LoginRequest{Name: name, Password: Password,
		Origin: usermgmt.Origin{Address: "192.0.2.1"}})
	e.check("login", err)
	return r
}

// AddUser makes a person with [Password], the e-mail address
// username@acme.test, the Regular User profile and the Regular role, in the main
// unit and the root team; change may alter all that.
func (e *Env) AddUser(username string, change func(*usermgmt.NewUser)) *usermgmt.User {
	e.t.Helper()
	n := usermgmt.NewUser{
		Username: username, Email: username + "@acme.test", FirstName: "F" + username, LastName: "L" + username,
		OwnerUnit: e.MainUnit.ID, Password: Password,
		NewMembership: usermgmt.NewMembership{
			Profile: e.Profile(usermgmt.ProfileRegularUser), PrimaryTeam: e.RootTeam.ID,
			Roles: []usermgmt.RoleAssignment{{Role: e.Regular.ID}},
		},
	}
	if change != nil {
		change(&n)
	}
	u, err := e.Users().Create(e.t.Context(), e.Root(), n)
	e.check("user "+username, err)
	return u
}

// Profile returns the identifier of a shipped access profile.
func (e *Env) Profile(name string) usermgmt.ProfileID {
	e.t.Helper()
	p, err := e.Profiles().Shipped(e.t.Context(), e.Root(), name)
	e.check("profile "+name, err)
	return p.ID
}

// AddTeam makes a team below another.
func (e *Env) AddTeam(name string, parent usermgmt.TeamID) *usermgmt.Team {
	e.t.Helper()
	team, err := e.Teams().Create(e.t.Context(), e.Root(), usermgmt.NewTeam{Name: name, Parent: parent})
	e.check("team "+name, err)
	return team
}

// AddUnit makes a business unit below another, or a top unit.
func (e *Env) AddUnit(name string, parent usermgmt.UnitID) *usermgmt.BusinessUnit {
	e.t.Helper()
	unit, err := e.Units().Create(e.t.Context(), e.Root(), usermgmt.NewUnit{Name: name, Parent: parent})
	e.check("unit "+name, err)
	return unit
}

// AddOrg makes another organization.
func (e *Env) AddOrg(name string) *usermgmt.CreatedOrganization {
	e.t.Helper()
	org, err := e.Orgs().Create(e.t.Context(), e.Root(), usermgmt.NewOrganization{Name: name})
	e.check("organization "+name, err)
	return org
}

// Start is where every [Clock] begins: 1 June 2026, 12:00 UTC.
var start = time.Date(2026, time.June, 1, 12, 0, 0, 0, time.UTC)

// Clock is a clock that moves only when told to. It is safe for concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that stands at 1 June 2026, 12:00 UTC.
func NewClock() *Clock { return &Clock{now: start} }

// Now is the time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock, back for a negative d.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Mailer remembers what it was given to send. It is safe for concurrent use.
type Mailer struct {
	mu   sync.Mutex
	sent []usermgmt.Message
	fail error
}

// Send implements [usermgmt.Mailer].
func (m *Mailer) Send(_ context.Context, msg usermgmt.Message) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	m.sent = append(m.sent, msg)
	return nil
}

// Fail makes Send return err from now on; nil lets it work again.
func (m *Mailer) Fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = err
}

// Sent returns what was sent so far.
func (m *Mailer) Sent() []usermgmt.Message {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]usermgmt.Message(nil), m.sent...)
}
