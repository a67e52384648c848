package usermgmt_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/testonly"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/store/memory"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

const racers = 64

func raceRounds() int {
	if os.Getenv("USERMGMT_SOAK") == "1" {
		return 50
	}
	return 2
}

// committedStore is a store of the weakest isolation that the contract allows a
// service to meet, and weaker: each call commits by itself and is seen at once
// by everybody; only the atomic verbs, versions, uniqueness and LockOrg hold.
// No invariant may rest on more.
type committedStore struct {
	usermgmt.Store
	locks *sync.Map // OrgID -> *sync.Mutex
	held  *[]*sync.Mutex
	plant *plant
}

// plant makes a store faulty in one point, in the manner of a check-then-write.
type plant struct {
	noLock, split bool
	keys          sync.Map // hash -> APIKey, kept beside the one
	serial        atomic.Int64
}

// gap is the time between check and write in which another can come.
func gap() {
	runtime.Gosched()
	time.Sleep(2 * time.Millisecond)
}

func newCommitted(p *plant) usermgmt.Store {
	return committedStore{Store: memory.New(), locks: &sync.Map{}, plant: p}
}

func (s committedStore) Tx(ctx context.Context, fn func(ctx context.Context, tx usermgmt.Store) error) error {
	if s.held != nil {
		return fn(ctx, s)
	}
	var held []*sync.Mutex
	defer func() {
		for _, l := range held {
			l.Unlock()
		}
	}()
	return fn(ctx, committedStore{s.Store, s.locks, &held, s.plant})
}

func (s committedStore) LockOrg(_ context.Context, id usermgmt.OrgID) error {
	if s.held == nil || s.plant.noLock {
		return nil
	}
	l, _ := s.locks.LoadOrStore(id, &sync.Mutex{})
	mu := l.(*sync.Mutex)
	for _, h := range *s.held {
		if h == mu {
			return nil
		}
	}
	mu.Lock()
	*s.held = append(*s.held, mu)
	return nil
}

// The reads before which a check is made leave time for another to come, so
// that a race that is there is found.
func (s committedStore) ListUsers(ctx context.Context, q usermgmt.UserQuery) ([]usermgmt.User, error) {
	out, err := s.Store.ListUsers(ctx, q)
	gap()
	return out, err
}

func (s committedStore) SessionByID(ctx context.Context, id usermgmt.SessionID) (usermgmt.SessionView, error) {
	out, err := s.Store.SessionByID(ctx, id)
	if s.held != nil {
		gap()
	}
	return out, err
}

func (s committedStore) UseToken(ctx context.Context, id usermgmt.TokenID, at time.Time) (bool, error) {
	gap()
	return s.Store.UseToken(ctx, id, at)
}

// The rest are the planted faults: verbs split into a check and a write.

func (s committedStore) ClaimBootstrap(ctx context.Context, at time.Time) error {
	if !s.plant.split {
		return s.Store.ClaimBootstrap(ctx, at)
	}
	orgs, err := s.ListOrgs(ctx, usermgmt.ListQuery{Limit: 1})
	gap()
	if err == nil && len(orgs) > 0 {
		return usermgmt.ErrConflict
	}
	return err
}

// unique makes keys different that a planted store does not compare.
func (s committedStore) unique(key *string) {
	if *key != "" {
		*key += fmt.Sprintf("\x1f%d", s.plant.serial.Add(1))
	}
}

func (s committedStore) SaveOrg(ctx context.Context, o usermgmt.Organization) error {
	err := s.Store.SaveOrg(ctx, o)
	if s.plant.split && errors.Is(err, usermgmt.ErrConflict) {
		o.Provider = false
		err = s.Store.SaveOrg(ctx, o)
	}
	return err
}

func (s committedStore) SaveProfile(ctx context.Context, f usermgmt.AccessProfile) error {
	err := s.Store.SaveProfile(ctx, f)
	if s.plant.split && errors.Is(err, usermgmt.ErrConflict) {
		s.unique(&f.NameKey)
		err = s.Store.SaveProfile(ctx, f)
	}
	return err
}

func (s committedStore) SaveRole(ctx context.Context, r usermgmt.Role) error {
	if s.plant.split && r.Version == 0 {
		s.unique(&r.NameKey)
	}
	return s.Store.SaveRole(ctx, r)
}

func (s committedStore) SaveUser(ctx context.Context, u usermgmt.User) error {
	if s.plant.split && u.Version == 0 {
		for _, key := range []string{u.UsernameKey, u.EmailKey} {
			if _, err := s.AccountByLogin(ctx, key); err == nil {
				return usermgmt.ErrConflict
			}
		}
		gap()
		s.unique(&u.UsernameKey)
		s.unique(&u.EmailKey)
	}
	return s.Store.SaveUser(ctx, u)
}

func (s committedStore) AccountByLogin(ctx context.Context, key string) (usermgmt.Account, error) {
	a, err := s.Store.AccountByLogin(ctx, key)
	for i := int64(1); err != nil && s.plant.split && i <= s.plant.serial.Load(); i++ {
		a, err = s.Store.AccountByLogin(ctx, fmt.Sprintf("%s\x1f%d", key, i))
	}
	return a, err
}

func (s committedStore) ClaimSeats(ctx context.Context, org usermgmt.OrgID, t usermgmt.LicenceType, n int) error {
	if !s.plant.split || n < 0 {
		return s.Store.ClaimSeats(ctx, org, t, n)
	}
	pools, err := s.ListPools(ctx, org)
	if err != nil {
		return err
	}
	for _, p := range pools {
		if p.Type == t && p.Size >= 0 && p.Used+n > p.Size {
			return usermgmt.ErrLimit
		}
	}
	gap()
	if err := s.Store.ClaimSeats(ctx, org, t, n); err != nil && !errors.Is(err, usermgmt.ErrLimit) {
		return err
	}
	return nil
}

func (s committedStore) PutAPIKey(ctx context.Context, k usermgmt.APIKey) error {
	if s.plant.split {
		if _, err := s.APIKeyOf(ctx, k.User, k.Org); err != nil {
			gap()
			s.plant.keys.Store(k.Hash, k) // a second row
		}
	}
	return s.Store.PutAPIKey(ctx, k)
}

func (s committedStore) APIKeyByHash(ctx context.Context, hash [32]byte) (usermgmt.KeyView, error) {
	if k, ok := s.plant.keys.Load(hash); ok {
		key := k.(usermgmt.APIKey)
		st, err := s.StandingOf(ctx, key.User, key.Org)
		return usermgmt.KeyView{Key: key, Standing: st}, err
	}
	return s.Store.APIKeyByHash(ctx, hash)
}

func (s committedStore) ReserveAttempt(ctx context.Context, user usermgmt.UserID, rule usermgmt.AttemptRule) (usermgmt.LoginState, bool, error) {
	if !s.plant.split {
		return s.Store.ReserveAttempt(ctx, user, rule)
	}
	acc, err := s.AccountByID(ctx, user)
	if err != nil {
		return usermgmt.LoginState{}, false, nil
	}
	gap()
	state, _, err := s.Store.ReserveAttempt(ctx, user, rule)
	return state, !rule.Now.Before(acc.Login.LockedUntil), err
}

func (s committedStore) EndSession(ctx context.Context, id usermgmt.SessionID, at time.Time, reason string) (bool, error) {
	if !s.plant.split {
		return s.Store.EndSession(ctx, id, at, reason)
	}
	view, err := s.SessionByID(ctx, id)
	if err != nil {
		return false, err
	}
	gap()
	_, err = s.Store.EndSession(ctx, id, at, reason)
	return view.Session.EndedAt.IsZero(), err
}

func (s committedStore) UpdateSession(ctx context.Context, ses usermgmt.Session, old [32]byte) error {
	if s.plant.split {
		view, err := s.Store.SessionByID(ctx, ses.ID)
		if err != nil {
			return err
		}
		old = view.Session.TokenHash
	}
	return s.Store.UpdateSession(ctx, ses, old)
}

// raceResult is how often it may succeed, and how often it did; broken says
// what is wrong with the state afterwards.
type raceResult struct {
	min, max, won int
	broken        string
}

func (r raceResult) holds() bool { return r.won >= r.min && r.won <= r.max && r.broken == "" }

// course is where a race takes place: two stores on the same data, each of which
// has a manager, as two processes of a host have.
type course [2]usermgmt.Store

func alone(s usermgmt.Store) course { return course{s, s} }

// envs are the installations of the two managers. Racer i belongs to envs[i%2].
type envs [2]*usermgmttest.Env

func (c course) start(t *testing.T, cfg *usermgmt.Config) (*usermgmttest.Env, envs) {
	t.Helper()
	e := usermgmttest.NewOn(t, c[0], cfg)
	other := *e
	other.Store = c[1]
	other.Manager = other.NewManager(cfg)
	return e, envs{e, &other}
}

func (e envs) of(i int) *usermgmttest.Env { return e[i%2] }

// race runs body on the chosen store, on a store without isolation, and on the
// same with a planted fault, which the body must catch.
func race(t *testing.T, fault func() *plant, body func(t *testing.T, c course) raceResult) {
	t.Helper()
	t.Run(string(teststores.Chosen()), func(t *testing.T) {
		t.Parallel()
		for range raceRounds() {
			a, b := teststores.Pair(t)
			r := body(t, course{a, b})
			require.True(t, r.holds(), "%+v", r)
		}
	})
	if teststores.Chosen() != teststores.Memory {
		return // the rest has been seen there
	}
	t.Run("each call commits", func(t *testing.T) {
		t.Parallel()
		for range raceRounds() {
			r := body(t, alone(newCommitted(&plant{})))
			require.True(t, r.holds(), "%+v", r)
		}
	})
	t.Run("planted fault is caught", func(t *testing.T) {
		t.Parallel()
		var last raceResult
		for range 20 {
			if last = body(t, alone(newCommitted(fault()))); !last.holds() {
				return
			}
		}
		t.Fatalf("the test would not notice a check-then-write: %+v", last)
	})
}

func split() *plant  { return &plant{split: true} }
func noLock() *plant { return &plant{noLock: true} }

// storm runs fn in many goroutines at once and returns their errors.
func storm(n int, fn func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = fn(i)
		})
	}
	close(start)
	wg.Wait()
	return errs
}

// winners counts the successes; every other error must be of one of the kinds.
func winners(errs []error, kinds ...error) (r raceResult) {
	r.min, r.max = 1, 1
	for _, err := range errs {
		if err == nil {
			r.won++
			continue
		}
		ok := false
		for _, k := range kinds {
			ok = ok || errors.Is(err, k)
		}
		if !ok {
			r.broken = err.Error()
		}
	}
	return r
}

func TestTheLastSeatGoesToOne(t *testing.T) {
	t.Parallel()
	race(t, split, func(t *testing.T, c course) raceResult {
		e, both := c.start(t, nil)
		require.NoError(t, e.Licences().SetPool(t.Context(), e.Root(), e.Organization.ID, usermgmt.LicencePlatform, usermgmt.PoolTerms{Size: 4})) // root has one
		root := e.Root()
		errs := storm(racers, func(i int) error {
			_, err := both.of(i).Users().Create(t.Context(), root, newcomer(e, fmt.Sprintf("user%d", i), fmt.Sprintf("user%d@acme.test", i)))
			return err
		})
		r := winners(errs, usermgmt.ErrLimit)
		r.min, r.max = 3, 3
		return r
	})
}

func newcomer(e *usermgmttest.Env, username, email string) usermgmt.NewUser {
	return usermgmt.NewUser{Username: username, Email: email, FirstName: "F", LastName: "L", OwnerUnit: e.MainUnit.ID,
		NewMembership: usermgmt.NewMembership{Profile: e.Profile(usermgmt.ProfileRegularUser), PrimaryTeam: e.RootTeam.ID,
			Roles: []usermgmt.RoleAssignment{{Role: e.Regular.ID}}}}
}

// Two administrators do away with each other, in every way that there is: one
// stays.
func TestTheLastAdministratorStays(t *testing.T) {
	t.Parallel()
	for name, oust := range map[string]func(e *usermgmttest.Env, ctx context.Context, a usermgmt.Actor, u usermgmt.UserID) error{
		"disable": func(e *usermgmttest.Env, ctx context.Context, a usermgmt.Actor, u usermgmt.UserID) error {
			return e.Users().Disable(ctx, a, u)
		},
		"deactivate": func(e *usermgmttest.Env, ctx context.Context, a usermgmt.Actor, u usermgmt.UserID) error {
			return e.Users().Deactivate(ctx, a, u, usermgmt.DeactivateOptions{})
		},
		"demote": func(e *usermgmttest.Env, ctx context.Context, a usermgmt.Actor, u usermgmt.UserID) error {
			m, err := e.Members().Get(ctx, a, u, usermgmt.OrgID{})
			if err != nil {
				return err
			}
			regular, err := e.Profiles().Shipped(ctx, a, usermgmt.ProfileRegularUser)
			if err != nil {
				return err
			}
			_, err = e.Members().Update(ctx, a, u, usermgmt.OrgID{}, m.Version, usermgmt.MembershipUpdate{Profile: &regular.ID})
			return err
		},
		"end": func(e *usermgmttest.Env, ctx context.Context, a usermgmt.Actor, u usermgmt.UserID) error {
			return e.Members().End(ctx, a, u, usermgmt.OrgID{})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			race(t, noLock, func(t *testing.T, c course) raceResult {
				e, both := c.start(t, nil)
				org := e.AddOrg("Beta")
				var admins [2]usermgmt.UserID
				var actors [2]usermgmt.Actor
				for i := range admins {
					admins[i] = e.AddUser(fmt.Sprintf("admin%d", i), func(n *usermgmt.NewUser) {
						n.OwnerUnit, n.PrimaryTeam, n.Profile = org.MainUnit.ID, org.RootTeam.ID, e.Profile(usermgmt.ProfileAdministrator)
					}).ID
					actors[i] = e.As(admins[i])
				}
				errs := storm(racers, func(i int) error { return oust(both.of(i/2), t.Context(), actors[i%2], admins[1-i%2]) })
				r := winners(errs, usermgmt.ErrConflict, usermgmt.ErrUnauthenticated, usermgmt.ErrPermission, usermgmt.ErrNotFound, usermgmt.ErrStale)
				r.won = 0
				for i := range admins {
					a, err := e.ActorFor(t.Context(), usermgmt.ActorRequest{User: admins[i], Org: org.Organization.ID, ProvedAt: e.Clock.Now()})
					if err == nil && a.Has(usermgmt.PermPolicyEdit) {
						r.won++
					}
				}
				return r
			})
		})
	}
}

func TestBootstrapSucceedsOnce(t *testing.T) {
	t.Parallel()
	race(t, split, func(t *testing.T, c course) raceResult {
		var managers [2]*usermgmt.Manager
		for i, store := range c {
			var err error
			managers[i], err = usermgmt.New(store, &usermgmt.Config{Hash: &usermgmt.HashConfig{MemoryKiB: 64, Passes: 1, Permit: testonly.Permit{Weak: true}}})
			require.NoError(t, err)
		}
		errs := storm(racers, func(i int) error {
			_, err := managers[i%2].Bootstrap(t.Context(), usermgmt.BootstrapRequest{
				Organization: usermgmt.NewOrganization{Name: fmt.Sprintf("Acme %d", i)},
				Administrator: usermgmt.NewUser{Username: fmt.Sprintf("root%d", i), Email: fmt.Sprintf("root%d@acme.test", i),
					FirstName: "R", LastName: "R", Password: usermgmttest.Password}})
			return err
		})
		return winners(errs, usermgmt.ErrConflict)
	})
}

func TestAUserHasOneWorkingKeyInAnOrganization(t *testing.T) {
	t.Parallel()
	race(t, split, func(t *testing.T, c course) raceResult {
		e, both := c.start(t, nil)
		root := e.Root()
		var texts [racers]string
		r := winners(storm(racers, func(i int) error {
			k, err := both.of(i).APIKeys().Generate(t.Context(), root, usermgmt.KeyRequest{User: e.Administrator.ID})
			if err == nil {
				texts[i] = k.Text.Reveal()
			}
			return err
		}))
		r.won = 0
		for _, text := range texts {
			if _, err := e.Auth().APIKey(t.Context(), text, here); err == nil {
				r.won++
			}
		}
		return r
	})
}

// The user is disabled, so that a right password is told as such and does not
// clear the count: each such answer is a verdict.
func TestNoMoreGuessesAreJudgedThanTheLimit(t *testing.T) {
	t.Parallel()
	race(t, split, func(t *testing.T, c course) raceResult {
		p := usermgmt.PolicyAgileApps() // five
		e, both := c.start(t, &usermgmt.Config{Policy: &p})
		ann := e.AddUser("ann", nil)
		require.NoError(t, e.Users().Disable(t.Context(), e.Root(), ann.ID))
		verdicts := 0
		names := []string{"ann", "ANN", "ann@acme.test", "Ann@ACME.test"}
		for _, err := range storm(racers, func(i int) error {
			_, err := login(both.of(i), t, names[i%len(names)], usermgmttest.Password)
			return err
		}) {
			if errors.Is(err, usermgmt.ErrUnauthenticated) {
				verdicts++
			} else {
				assert.ErrorIs(t, err, usermgmt.ErrCredentials)
			}
		}
		return raceResult{min: 1, max: 5, won: verdicts}
	})
}

func TestALoginNameGoesToOne(t *testing.T) {
	t.Parallel()
	for name, names := range map[string]func(i int) (username, email string){
		"equal usernames": func(i int) (string, string) {
			return []string{"ann", "ANN", "ａnn"}[i%3], fmt.Sprintf("a%d@acme.test", i)
		},
		"equal addresses": func(i int) (string, string) {
			return fmt.Sprintf("ann%d", i), []string{"ann@acme.test", "Ann@ACME.test"}[i%2]
		},
		"username and address": func(i int) (string, string) {
			if i%2 == 0 {
				return "ann@acme.test", fmt.Sprintf("a%d@acme.test", i)
			}
			return fmt.Sprintf("ann%d", i), "ann@acme.test"
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			race(t, split, func(t *testing.T, c course) raceResult {
				e, both := c.start(t, nil)
				root := e.Root()
				errs := storm(racers, func(i int) error {
					_, err := both.of(i).Users().Create(t.Context(), root, newcomer(e, first(names(i)), second(names(i))))
					return err
				})
				return winners(errs, usermgmt.ErrConflict)
			})
		})
	}
}

func first(a, _ string) string  { return a }
func second(_, b string) string { return b }

func TestSwitchingBackSucceedsOnce(t *testing.T) {
	t.Parallel()
	race(t, split, func(t *testing.T, c course) raceResult {
		e, both := c.start(t, nil)
		ann := e.AddUser("ann", nil)
		proxied, err := e.Proxy().Login(t.Context(), e.Login("root").Actor, usermgmt.ProxyRequest{Target: ann.ID, Acknowledged: true})
		require.NoError(t, err)
		errs := storm(racers, func(i int) error {
			_, err := both.of(i).Proxy().SwitchBack(t.Context(), proxied.Token.Reveal(), here)
			return err
		})
		return winners(errs, usermgmt.ErrUnauthenticated)
	})
}

// One session becomes one session, whether it enters another organization or a
// proxy login.
func TestASessionEntersOnce(t *testing.T) {
	t.Parallel()
	race(t, split, func(t *testing.T, c course) raceResult {
		e, both := c.start(t, nil)
		r := e.Login("root")
		errs := storm(racers, func(i int) error {
			_, err := both.of(i).Auth().Enter(t.Context(), r.Actor, usermgmt.EnterRequest{})
			return err
		})
		return winners(errs, usermgmt.ErrUnauthenticated)
	})
}

func TestASessionBecomesOneProxyLogin(t *testing.T) {
	t.Parallel()
	race(t, split, func(t *testing.T, c course) raceResult {
		e, both := c.start(t, nil)
		ann := e.AddUser("ann", nil)
		r := e.Login("root")
		errs := storm(racers, func(i int) error {
			_, err := both.of(i).Proxy().Login(t.Context(), r.Actor, usermgmt.ProxyRequest{Target: ann.ID, Acknowledged: true})
			return err
		})
		return winners(errs, usermgmt.ErrUnauthenticated, usermgmt.ErrStale)
	})
}
