package storetest

import (
	"context"
	"errors"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/usermgmt/usermgmt"
)

func raceCases() []testCase {
	return []testCase{
		{"RaceForUniqueKeys", []string{
			"SaveUser", "SaveOrg", "SaveTeam", "SaveRole", "SaveProfile", "SaveApplication", "SaveAccess", "SaveSharing",
			"SaveMembership", "SaveProxyList", "SaveDeputy", "CreateSession", "PutAPIKey", "ClaimBootstrap",
		}, raceUnique},
		{"RaceForTheLastSeat", []string{"ClaimSeats"}, raceSeats},
		{"RaceForTheLastFloatingSeat", []string{"CreateSession", "FloatingSeats"}, raceFloating},
		{"RaceOfSettings", []string{"PutMemberSettings", "PutSettings", "SaveMembership"}, raceSettings},
		{"RaceForJobs", []string{"AddJob", "ClaimJob", "EndJob"}, raceJobs},
		{"RaceForAttempts", []string{"ReserveAttempt"}, raceAttempts},
		{"RaceToEndASession", []string{"EndSession"}, raceEndSession},
		{"RaceForAnAuditEntry", []string{"AppendAudit"}, raceAudit},
		{"RaceToReplaceAKey", []string{"PutAPIKey"}, raceKeys},
		{"RaceOfUpdates", []string{"SaveOrg"}, raceUpdates},
		{"RaceOfCounters", []string{"BumpStamps", "BumpRights", "RecordLogin", "AppendAudit", "ClaimSeats"}, raceCounters},
		{"RaceUnderLockOrg", []string{"LockOrg"}, raceLockOrg},
		{"RaceForTokens", []string{"PutToken", "UseToken", "SaveInvitation", "EndInvitation"}, raceTokens},
		{"RaceToSeal", []string{"SealAudit", "LastSeal"}, raceSeals},
		{"RaceForMessages", []string{"ClaimMessages"}, raceMessages},
		{"RaceOfDeleteAndReference", []string{"DeleteTeam", "SaveMembership"}, raceReference},
		{"RaceOfReadersAndAWriter", []string{"ListUsers", "StreamMembers", "Policy", "StandingOf"}, raceReaders},
	}
}

// crowdSize is how many goroutines race.
const crowdSize = 64

// rounds is how often a race is run, more often for a soak.
func rounds() int {
	if os.Getenv("USERMGMT_SOAK") != "" {
		return 40
	}
	return 2
}

// race runs fn for 0 to n-1 at once and waits for all.
func (w *world) race(n int, fn func(i int)) {
	w.Helper()
	w.within(10*w.patience, "a race", func() {
		var ready, done sync.WaitGroup
		ready.Add(n)
		for i := range n {
			done.Go(func() {
				ready.Done()
				ready.Wait()
				fn(i)
			})
		}
		done.Wait()
	})
}

// retry calls fn again while the store gives up for a reason that passes.
func retry(fn func() error) error {
	for i := 0; ; i++ {
		err := fn()
		if !errors.Is(err, usermgmt.ErrTransient) || i > 1000 {
			return err
		}
		time.Sleep(time.Duration(i%10) * time.Millisecond)
	}
}

// tally counts how the members of a race fared.
type tally struct {
	mu      sync.Mutex
	winners []int
}

func (t *tally) won(i int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.winners = append(t.winners, i)
}

// contest lets all write at once, in turns in a transaction and without, and
// checks how many succeed and how the others fail.
func (w *world) contest(what string, wins int, loss func(i int) refusal, do func(i int) func(context.Context, usermgmt.Store) error) []int {
	w.Helper()
	calls := make([]func(context.Context, usermgmt.Store) error, crowdSize)
	for i := range calls {
		calls[i] = do(i) // identifiers are made before the race
	}
	var t tally
	w.race(crowdSize, func(i int) {
		err := retry(func() error {
			if i/2%2 == 0 {
				return calls[i](w.ctx, w.s)
			}
			return w.s.Tx(w.ctx, calls[i])
		})
		if err == nil {
			t.won(i)
		} else if p := loss(i).problem(err); p != "" {
			w.Errorf("%s: a loser %s", what, p)
		}
	})
	if len(t.winners) != wins {
		w.Errorf("%s: %d succeeded, want %d", what, len(t.winners), wins)
	}
	return t.winners
}

func raceUnique(w *world) {
	st := w.site("a")
	owner := w.user(st, "owner")
	always := func(r refusal) func(int) refusal { return func(int) refusal { return r } }
	type call = func(context.Context, usermgmt.Store) error
	contest := func(what string, loss refusal, do func(i int) call) {
		w.Helper()
		w.contest(what, 1, always(loss), do)
	}
	for n := range rounds() {
		key := "k" + strconv.Itoa(n)
		contest("equal user names", isTaken("username"), func(i int) call {
			u := w.newUser(st, key+"u"+strconv.Itoa(i), func(u *usermgmt.User) { u.UsernameKey = key })
			return func(ctx context.Context, tx usermgmt.Store) error { return tx.SaveUser(ctx, u) }
		})
		w.contest("a user name and an e-mail", 1, func(i int) refusal {
			return isTaken([]string{"username", "email"}[i%2])
		}, func(i int) call {
			u := w.newUser(st, key+"e"+strconv.Itoa(i), func(u *usermgmt.User) {
				if i%2 == 0 {
					u.UsernameKey = key + "e"
				} else {
					u.EmailKey = key + "e"
				}
			})
			return func(ctx context.Context, tx usermgmt.Store) error { return tx.SaveUser(ctx, u) }
		})
		contest("equal pairs", isTaken("external_id"), func(i int) call {
			u := w.newUser(st, key+"x"+strconv.Itoa(i), func(u *usermgmt.User) { u.Source, u.ExternalID = "s", key })
			return func(ctx context.Context, tx usermgmt.Store) error { return tx.SaveUser(ctx, u) }
		})
		contest("organizations", isTaken("name"), func(int) call { return w.saveOrg(key) })
		contest("roles", isTaken("name"), func(int) call {
			r := usermgmt.Role{ID: newID[usermgmt.Role](w), NameKey: key}
			return func(ctx context.Context, tx usermgmt.Store) error { return tx.SaveRole(ctx, r) }
		})
		contest("profiles", isTaken("name"), func(int) call {
			p := usermgmt.AccessProfile{ID: newID[usermgmt.AccessProfile](w), Org: st.org.ID, NameKey: key}
			return func(ctx context.Context, tx usermgmt.Store) error { return tx.SaveProfile(ctx, p) }
		})
		contest("applications", isTaken("name"), func(int) call {
			a := usermgmt.Application{ID: newID[usermgmt.Application](w), NameKey: key}
			return func(ctx context.Context, tx usermgmt.Store) error { return tx.SaveApplication(ctx, a) }
		})
		contest("sharing policies", isTaken("name"), func(int) call {
			p := usermgmt.SharingPolicy{ID: newID[usermgmt.SharingPolicy](w), Org: st.org.ID, NameKey: key, Owning: st.root.ID}
			return func(ctx context.Context, tx usermgmt.Store) error { return tx.SaveSharing(ctx, p) }
		})
		rootless := w.org("rootless " + key)
		contest("root teams", isTaken("parent"), func(int) call {
			t := usermgmt.Team{ID: newID[usermgmt.Team](w), Org: rootless.ID, NameKey: key}
			return func(ctx context.Context, tx usermgmt.Store) error { return tx.SaveTeam(ctx, t) }
		})
		u := w.user(st, key+" member")
		contest("access entries", isTaken("subject"), func(int) call {
			e := usermgmt.AccessEntry{ID: newID[usermgmt.AccessEntry](w), Org: st.org.ID, Application: st.app.ID, User: u.ID}
			return func(ctx context.Context, tx usermgmt.Store) error { return tx.SaveAccess(ctx, e) }
		})
		contest("memberships", isDuplicate, func(int) call {
			m := w.newMembership(st, u.ID)
			return func(ctx context.Context, tx usermgmt.Store) error { return tx.SaveMembership(ctx, m) }
		})
		contest("proxy lists", isDuplicate, func(int) call {
			l := usermgmt.ProxyList{Operator: u.ID, Org: st.org.ID}
			return func(ctx context.Context, tx usermgmt.Store) error { return tx.SaveProxyList(ctx, l) }
		})
		contest("deputies", isDuplicate, func(int) call {
			return func(ctx context.Context, tx usermgmt.Store) error {
				return tx.SaveDeputy(ctx, w.newDeputy(st, u.ID, u.ID))
			}
		})
		contest("tokens", isTaken("token"), func(int) call {
			s := w.newSession(st, u.ID, 0)
			s.TokenHash = hashOf(-n - 1)
			return func(ctx context.Context, tx usermgmt.Store) error { return tx.CreateSession(ctx, s) }
		})
		users := make([]usermgmt.User, crowdSize)
		for i := range users {
			users[i] = w.user(st, key+" key "+strconv.Itoa(i))
		}
		contest("hashes of keys", isTaken("hash"), func(i int) call {
			k := w.newKey(st, users[i].ID)
			k.Hash = hashOf(-n - 1)
			return func(ctx context.Context, tx usermgmt.Store) error { return tx.PutAPIKey(ctx, k) }
		})
	}
	contest("providers", isTaken("provider"), func(i int) call {
		o := usermgmt.Organization{ID: newID[usermgmt.Organization](w), NameKey: "p" + strconv.Itoa(i), Provider: true}
		return func(ctx context.Context, tx usermgmt.Store) error { return tx.SaveOrg(ctx, o) }
	})
	contest("bootstraps", isDuplicate, func(int) call {
		return func(ctx context.Context, tx usermgmt.Store) error { return tx.ClaimBootstrap(ctx, at(0)) }
	})
	got(w.s.UserByID(w.ctx, owner.ID)).is(w, owner)
}

func raceSeats(w *world) {
	full := func(int) refusal { return isFull }
	for n := range rounds() {
		o := w.org("o" + strconv.Itoa(n))
		w.do(w.s.SetPool(w.ctx, o.ID, "site", size(5)))
		w.contest("seats", 5, full, func(int) func(context.Context, usermgmt.Store) error {
			return func(ctx context.Context, tx usermgmt.Store) error { return tx.ClaimSeats(ctx, o.ID, "site", 1) }
		})
		want := []usermgmt.LicencePool{{Org: o.ID, Type: "site", PoolTerms: size(5), Used: 5}}
		got(w.s.ListPools(w.ctx, o.ID)).is(w, want)
	}
}

func raceAttempts(w *world) {
	st := w.site("a")
	for n := range rounds() {
		u := w.user(st, "u"+strconv.Itoa(n))
		var t tally
		w.race(crowdSize, func(i int) {
			err := retry(func() error {
				state, reserved, err := w.s.ReserveAttempt(w.ctx, u.ID, rule(5, at(0), at(9)))
				if err == nil && reserved {
					t.won(state.Failures)
				}
				return err
			})
			if err != nil {
				w.Errorf("ReserveAttempt: %v", err)
			}
		})
		if len(t.winners) != 5 {
			w.Errorf("%d attempts were reserved, the limit is 5", len(t.winners))
		}
		want := usermgmt.LoginState{User: u.ID, Failures: 5, LockedUntil: at(9)}
		equal(w, "the state after the race", want, got(w.s.AccountByID(w.ctx, u.ID)).must(w).Login)
	}
}

func raceEndSession(w *world) {
	st := w.site("a")
	u := w.user(st, "u")
	for n := range rounds() {
		s := w.session(st, u.ID, n)
		p := w.proxy(st, s, w.user(st, "t"+strconv.Itoa(n)).ID, n)
		var t tally
		w.race(crowdSize, func(i int) {
			err := retry(func() error {
				ended, err := w.s.EndSession(w.ctx, s.ID, at(9), "logout")
				if err == nil && ended {
					t.won(i)
				}
				return err
			})
			if err != nil {
				w.Errorf("EndSession: %v", err)
			}
		})
		if len(t.winners) != 1 {
			w.Errorf("%d callers were told that they ended the session, want 1", len(t.winners))
		}
		w.sessionIs("the proxy session", ended(p, at(9), "logout"))
	}
}

func raceKeys(w *world) {
	st := w.site("a")
	u := w.user(st, "u")
	never := func(int) refusal { return refusal{} }
	for range rounds() {
		keys := make([]usermgmt.APIKey, crowdSize)
		w.contest("replacing the key", crowdSize, never, func(i int) func(context.Context, usermgmt.Store) error {
			keys[i] = w.newKey(st, u.ID)
			return func(ctx context.Context, tx usermgmt.Store) error { return tx.PutAPIKey(ctx, keys[i]) }
		})
		last := got(w.s.APIKeyOf(w.ctx, u.ID, st.org.ID)).must(w)
		found := 0
		for _, k := range keys {
			if _, err := w.s.APIKeyByHash(w.ctx, k.Hash); err == nil {
				equal(w, "a key that works", last.ID, k.ID)
				found++
			}
		}
		equal(w, "the number of keys that work", 1, found)
	}
}

// raceUpdates increments a number in a record: the version guards it.
func raceUpdates(w *world) {
	o := w.org("o")
	each := rounds()
	w.race(crowdSize, func(i int) {
		for range each {
			for {
				err := retry(func() error {
					o, err := w.s.OrgByID(w.ctx, o.ID)
					if err != nil {
						return err
					}
					n, _ := strconv.Atoi(o.Description)
					o.Description = strconv.Itoa(n + 1)
					if i%2 == 0 {
						return w.s.SaveOrg(w.ctx, o)
					}
					return w.s.Tx(w.ctx, func(ctx context.Context, tx usermgmt.Store) error { return tx.SaveOrg(ctx, o) })
				})
				if err == nil {
					break
				}
				if p := isStale.problem(err); p != "" {
					w.Errorf("an update %s", p)
					return
				}
			}
		}
	})
	o = got(w.s.OrgByID(w.ctx, o.ID)).must(w)
	equal(w, "the updates counted", strconv.Itoa(crowdSize*each), o.Description)
	equal(w, "the version", int64(crowdSize*each+1), o.Version)
}
