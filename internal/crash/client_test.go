package crash_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/testonly"
	"github.com/usermgmt/usermgmt/store/postgres"
)

// order is what a client is started with.
type order struct {
	DSN     string
	Number  int // of the client, among all that work on the database
	Workers int
	Seed    uint64
	Drivers []string // that the workers take in turn
	Point   string   // where to die, if anywhere
	Nth     int64
	Broken  string // the defect to work with, if any
	Ground  ground
}

// ground is what the load stands on.
type ground struct {
	Root                  usermgmt.UserID
	Org, Other            usermgmt.OrgID
	Unit                  usermgmt.UnitID
	Team, OtherTeam       usermgmt.TeamID
	Regular, AdminRole    usermgmt.RoleID
	Profile, AdminProfile usermgmt.ProfileID
}

// managerConfig is the configuration of every manager here. Nothing ends by
// itself while a test runs.
func managerConfig(mailer usermgmt.Mailer) *usermgmt.Config {
	policy := usermgmt.PolicyNIST()
	policy.LockoutDuration, policy.SessionIdle = 24*time.Hour, 24*time.Hour
	return &usermgmt.Config{StepUp: []usermgmt.Permission{},
		Hash:    &usermgmt.HashConfig{MemoryKiB: 64, Passes: 1, Permit: testonly.Permit{Weak: true}},
		Objects: []usermgmt.Object{{Name: "lead", Ownership: usermgmt.OwnedByUser, Actions: []string{"view", "edit"}}},
		Mailer:  mailer,
		Policy:  &policy,
		Proxy:   usermgmt.ProxyConfig{Idle: time.Hour},
	}
}

// client is the process that gets killed, or whose server is.
type client struct {
	order
	j    journal
	k    *killer
	stop atomic.Bool
}

// runClient is the whole life of a client. It ends when its standard input does.
func runClient(text string) int {
	c := &client{}
	if err := json.Unmarshal([]byte(text), &c.order); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	c.j.w = os.Stdout
	c.k = &killer{point: c.Point, nth: c.Nth}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		c.stop.Store(true)
	}()
	stores, err := c.stores()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	var all sync.WaitGroup
	for n := range c.Workers {
		w := &worker{c: c, n: n, rng: rand.New(rand.NewPCG(c.Seed, uint64(n)))} //nolint:gosec // a test
		if w.m, err = usermgmt.New(stores[n%len(stores)], managerConfig(postman{c})); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 2
		}
		all.Go(w.run)
	}
	all.Wait()
	return 0
}

// stores opens the database over the drivers that are asked for.
func (c *client) stores() ([]usermgmt.Store, error) {
	var out []usermgmt.Store
	for _, driver := range c.Drivers {
		s, err := c.open(driver)
		if err != nil {
			return nil, err
		}
		out = append(out, breakStore(s, c.Broken))
	}
	return out, nil
}

func (c *client) open(driver string) (*postgres.Store, error) {
	if driver == driverSQL {
		cfg, err := pgx.ParseConfig(c.DSN)
		if err != nil {
			return nil, err
		}
		cfg.DialFunc = c.k.dial(cfg.DialFunc)
		db := stdlib.OpenDB(*cfg)
		db.SetMaxOpenConns(c.Workers + 1)
		db.SetMaxIdleConns(c.Workers + 1)
		return postgres.NewSQL(db, nil)
	}
	cfg, err := pgxpool.ParseConfig(c.DSN)
	if err != nil {
		return nil, err
	}
	cfg.MaxConns = int32(c.Workers) + 1 //nolint:gosec // small
	cfg.ConnConfig.DialFunc = c.k.dial(cfg.ConnConfig.DialFunc)
	if driver == driverSimple {
		cfg.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	}
	pool, err := pgxpool.NewWithConfig(context.Background(), cfg)
	if err != nil {
		return nil, err
	}
	return postgres.New(pool, nil)
}

// postman notes what it is given to send. The call is in the context.
type postman struct{ c *client }

type callKey struct{}

// Send implements [usermgmt.Mailer].
func (p postman) Send(ctx context.Context, m usermgmt.Message) error {
	name, _ := ctx.Value(callKey{}).(string)
	p.c.j.write(&line{Call: name, Mail: m.ID})
	return nil
}

// user is what a worker knows of a user of its own.
type user struct {
	id                   usermgmt.UserID
	name, email          string
	password             string // "" without one
	version              int64
	enabled, deactivated bool
	key, other           bool // has an API key, is a member of the other organization
	team                 usermgmt.TeamID
	sessions             []session
}

type session struct {
	id    usermgmt.SessionID
	token string
}

type team struct {
	id, parent usermgmt.TeamID
	version    int64
	used       bool // by a member
}

type role struct {
	id      usermgmt.RoleID
	version int64
}

// worker makes one call after the other, on records that nobody else changes;
// so it knows what each call must lead to. Pools, stamps and the trees of the
// organization are everybody's.
type worker struct {
	c   *client
	m   *usermgmt.Manager
	n   int
	rng *rand.Rand
	seq int

	users    []*user
	operator *user // who logs in as others
	victim   *user // who is only guessed at
	guesses  int
	teams    []*team
	roles    []*role
	file     []string // usernames of an import
	narrow   bool     // the pool of seats is small just now
}

func (w *worker) run() {
	for !w.c.stop.Load() {
		w.step()
	}
}

type outcome int

const (
	done   outcome = iota
	undone         // for certain
	lost           // not known, and not asked
)

// do makes one call. It announces it, and writes down how it was answered.
func (w *worker) do(l line, fn func(ctx context.Context, origin usermgmt.Origin, answer *line) error) outcome {
	w.seq++
	l.Call = fmt.Sprintf("%d.%d.%d", w.c.Number, w.n, w.seq)
	w.c.j.write(&l)
	ctx, cancel := context.WithTimeout(context.WithValue(context.Background(), callKey{}, l.Call), patience)
	defer cancel()
	answer := line{Call: l.Call}
	// An address of its own keeps entries of one call apart from those of others.
	origin := usermgmt.Origin{RequestID: l.Call, Address: fmt.Sprintf("2001:db8::%x:%x:%x", w.c.Number, w.n, w.seq)}
	err := fn(ctx, origin, &answer)
	answer.Answer = answerOf(err)
	if err != nil {
		answer.Text = err.Error() + cause(err)
		var known *usermgmt.Error
		if errors.As(err, &known) {
			answer.Operation = known.Operation
		}
	}
	w.c.k.hit(beforeAck)
	w.c.j.write(&answer)
	w.c.k.hit(afterAck)
	switch answer.Answer {
	case answerDone:
		return done
	case answerUnknown:
		if w.rng.IntN(2) == 0 || answer.Operation.IsZero() {
			return lost
		}
		return w.resolve(l.Call, answer.Operation)
	case answerFailed:
		time.Sleep(20 * time.Millisecond) // the server may be down
	}
	return undone
}

// cause is the text of what an error of the database wraps, which its own text
// leaves out.
func cause(err error) string {
	for err != nil {
		switch u := err.(type) { //nolint:errorlint // walks the tree by hand
		case interface{ Unwrap() error }:
			if inner := u.Unwrap(); inner != nil && strings.Contains(err.Error(), inner.Error()) {
				err = inner
				continue
			} else if inner != nil {
				return fmt.Sprintf(" (%T: %v)", inner, inner)
			}
			return ""
		case interface{ Unwrap() []error }:
			all := u.Unwrap()
			if len(all) == 0 {
				return ""
			}
			err = all[len(all)-1]
		default:
			return ""
		}
	}
	return ""
}

// resolve asks until there is an answer.
func (w *worker) resolve(call string, operation usermgmt.OperationID) outcome {
	for range 1000 {
		if w.c.stop.Load() {
			break
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		is, err := w.m.Resolve(ctx, operation)
		cancel()
		switch {
		case err != nil:
			time.Sleep(20 * time.Millisecond)
		case is:
			w.c.j.write(&line{Call: call, Resolved: resolvedDone})
			return done
		default:
			w.c.j.write(&line{Call: call, Resolved: resolvedNot})
			return undone
		}
	}
	return lost
}

// errEntry is an error before the call itself, which does nothing.
type errEntry struct{ err error }

func (e errEntry) Error() string { return "before the call: " + e.err.Error() }

// answerOf is the word for an error.
func answerOf(err error) string {
	if err == nil {
		return answerDone
	}
	var entry errEntry
	if errors.As(err, &entry) {
		if word := kindOf(entry.err); word != answerUnknown { // of a session that was touched
			return word
		}
		return answerFailed
	}
	return kindOf(err)
}

func kindOf(err error) string {
	if errors.Is(err, usermgmt.ErrOutcomeUnknown) {
		return answerUnknown
	}
	for _, kind := range [...]error{usermgmt.ErrNotFound, usermgmt.ErrInvalid, usermgmt.ErrConflict, usermgmt.ErrStale, usermgmt.ErrLimit,
		usermgmt.ErrPermission, usermgmt.ErrUnauthenticated, usermgmt.ErrCredentials, usermgmt.ErrOverloaded,
		usermgmt.ErrNotConfigured, usermgmt.ErrTransient, usermgmt.ErrOutsideTx} {
		if errors.Is(err, kind) {
			return kind.Error()
		}
	}
	return answerFailed
}

// root is an actor for the root administrator.
func (w *worker) root(ctx context.Context, origin usermgmt.Origin) (usermgmt.Actor, error) {
	a, err := w.m.ActorFor(ctx, usermgmt.ActorRequest{User: w.c.Ground.Root, Origin: origin})
	if err != nil {
		err = errEntry{err}
	}
	return a, err
}

// asRoot is do with the root administrator as the actor.
func (w *worker) asRoot(l line, fn func(ctx context.Context, a usermgmt.Actor, answer *line) error) outcome {
	l.By, l.As = w.c.Ground.Root, w.c.Ground.Root
	return w.do(l, func(ctx context.Context, origin usermgmt.Origin, answer *line) error {
		a, err := w.root(ctx, origin)
		if err != nil {
			return err
		}
		return fn(ctx, a, answer)
	})
}

// bySession is do with an actor by a session.
func (w *worker) bySession(s session, l line, fn func(ctx context.Context, a usermgmt.Actor, answer *line) error) outcome {
	return w.do(l, func(ctx context.Context, origin usermgmt.Origin, answer *line) error {
		a, err := w.m.Auth().Session(ctx, s.token, origin)
		if err != nil {
			return errEntry{err}
		}
		return fn(ctx, a, answer)
	})
}

// forget drops a user about whom the worker no longer knows enough.
func (w *worker) forget(u *user) {
	w.users = slices.DeleteFunc(w.users, func(x *user) bool { return x == u })
	if w.operator == u {
		w.operator = nil
	}
	if w.victim == u {
		w.victim = nil
	}
}

// pick returns one of the worker's users for whom ok holds, nil if there is none.
func (w *worker) pick(ok func(*user) bool) *user {
	var fit []*user
	for _, u := range w.users {
		if ok(u) {
			fit = append(fit, u)
		}
	}
	if len(fit) == 0 {
		return nil
	}
	return fit[w.rng.IntN(len(fit))]
}
