package storetest

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/usermgmt/usermgmt"
)

// raceCounters adds to everything that a store counts: nothing is lost.
func raceCounters(w *world) {
	st := w.site("a")
	u := w.user(st, "u")
	w.join(st, u.ID)
	w.do(w.s.ClaimSeats(w.ctx, st.org.ID, "site", 1000))
	entries := make([]usermgmt.AuditEntry, crowdSize)
	for i := range entries {
		entries[i] = w.newAudit("same")
		entries[i].FoldKey = "same"
	}
	w.race(crowdSize, func(i int) {
		err := errors.Join(
			retry(func() error { return w.s.BumpStamps(w.ctx, st.org.ID, true) }),
			retry(func() error { return w.s.BumpStamps(w.ctx, usermgmt.OrgID{}, false) }),
			retry(func() error { return w.s.BumpRights(w.ctx, u.ID, st.org.ID) }),
			retry(func() error { return w.s.RecordLogin(w.ctx, u.ID, at(i)) }),
			retry(func() error { return w.s.ClaimSeats(w.ctx, st.org.ID, "site", -1) }),
			retry(func() error {
				return w.s.Tx(w.ctx, func(ctx context.Context, tx usermgmt.Store) error { return tx.AppendAudit(ctx, entries[i]) })
			}),
		)
		if err != nil {
			w.Errorf("counting: %v", err)
		}
	})
	standing := got(w.s.StandingOf(w.ctx, u.ID, st.org.ID)).must(w)
	account := got(w.s.AccountByID(w.ctx, u.ID)).must(w)
	for what, n := range map[string]int64{
		"Policy": standing.Policy - 1, "Trees": standing.Trees - 1, "SystemPolicy": standing.SystemPolicy - 1,
		"Rights": standing.Rights - 1, "LoginCount": account.Login.LoginCount,
		"seats": 1000 - int64(got(w.s.ListPools(w.ctx, st.org.ID)).must(w)[0].Used), "Count": w.lastAudit().Count,
	} {
		if n != crowdSize {
			w.Errorf("%s grew by %d, want %d", what, n, crowdSize)
		}
	}
	w.audits("the folded log", usermgmt.AuditQuery{}, "same")
}

// raceAudit lets all add an entry with the same identifier, at once and while
// the first is held back: one commits, whoever it is, and the others fail.
func raceAudit(w *world) {
	entry := w.newAudit("the one")
	for range rounds() {
		entry.ID = newID[usermgmt.AuditEntry](w)
		w.contest("equal audit entries", 1, func(int) refusal { return isTaken("id") }, func(i int) func(context.Context, usermgmt.Store) error {
			e := entry
			e.Count = int64(i + 1)
			return func(ctx context.Context, tx usermgmt.Store) error { return tx.AppendAudit(ctx, e) }
		})

		entry.ID = newID[usermgmt.AuditEntry](w)
		var first, second error
		w.within(w.patience, "a transaction that was held back", func() {
			held, coming := make(chan struct{}), make(chan struct{})
			var done sync.WaitGroup
			done.Go(func() {
				var once sync.Once
				first = retry(func() error {
					return w.s.Tx(w.ctx, func(ctx context.Context, tx usermgmt.Store) error {
						err := tx.AppendAudit(ctx, entry)
						once.Do(func() { close(held) })
						<-coming
						return err
					})
				})
			})
			<-held
			close(coming)
			second = retry(func() error { return w.s.AppendAudit(w.ctx, entry) })
			done.Wait()
		})
		if first == nil {
			first, second = second, first
		}
		if second != nil {
			w.Errorf("of two that add the same entry both failed: %v and %v", first, second)
		} else if p := isTaken("id").problem(first); p != "" {
			w.Errorf("the second of two that add the same entry %s", p)
		}
	}
	var want []string
	for range rounds() {
		want = append(want, "the one", "the one")
	}
	w.audits("the log after the race", usermgmt.AuditQuery{}, want...)
}

// raceLockOrg lets every administrator resign unless they are the last: what is
// checked under the lock is still so when it is written.
func raceLockOrg(w *world) {
	for n := range rounds() {
		st := w.site("s" + strconv.Itoa(n))
		admin := w.profile(st.org.ID, "admin")
		ms := make([]usermgmt.Membership, crowdSize)
		for i := range ms {
			u := w.user(st, strconv.Itoa(n)+" "+strconv.Itoa(i))
			ms[i] = w.join(st, u.ID, func(m *usermgmt.Membership) { m.Profile = admin.ID })
		}
		admins := usermgmt.UserQuery{Org: st.org.ID, Profile: admin.ID, Limit: 2}
		for _, lock := range []usermgmt.OrgID{st.org.ID, {}} {
			w.race(crowdSize, func(i int) {
				err := retry(func() error {
					return w.s.Tx(w.ctx, func(ctx context.Context, tx usermgmt.Store) error {
						if err := tx.LockOrg(ctx, lock); err != nil {
							return err
						}
						left, err := tx.ListUsers(ctx, admins)
						if err != nil || len(left) < 2 {
							return err
						}
						m, err := tx.MembershipOf(ctx, ms[i].User, st.org.ID)
						if err != nil || m.Profile != admin.ID {
							return err
						}
						m.Profile = st.profile.ID
						return tx.SaveMembership(ctx, m)
					})
				})
				if err != nil {
					w.Errorf("resigning: %v", err)
				}
			})
			left := got(w.s.ListUsers(w.ctx, admins)).must(w)
			equal(w, "the number of administrators left", 1, len(left))
			// Everybody is an administrator again.
			for i := range ms {
				ms[i] = got(w.s.MembershipOf(w.ctx, ms[i].User, st.org.ID)).must(w)
				ms[i].Profile = admin.ID
				w.do(w.s.SaveMembership(w.ctx, ms[i]))
			}
		}
	}
}

func raceMessages(w *world) {
	const many = 4 * crowdSize
	var all []usermgmt.Message
	for i := range many {
		all = append(all, w.newMessage(-i))
	}
	w.do(w.s.AddMessages(w.ctx, all...))
	var mu sync.Mutex
	given := map[usermgmt.MessageID]int{}
	w.race(crowdSize, func(int) {
		for empty := 0; empty < 3; {
			var batch []usermgmt.Message
			err := retry(func() (err error) {
				batch, err = w.s.ClaimMessages(w.ctx, false, at(0), at(9), 3)
				return err
			})
			if err != nil {
				w.Errorf("ClaimMessages: %v", err)
				return
			}
			if len(batch) == 0 {
				empty++ // others may have locked the rest
				continue
			}
			mu.Lock()
			for _, m := range batch {
				given[m.ID]++
			}
			mu.Unlock()
		}
	})
	for id, n := range given {
		if n > 1 {
			w.Errorf("message %s was given to %d callers", id, n)
		}
	}
	rest := got(w.s.ClaimMessages(w.ctx, false, at(0), at(9), many)).must(w)
	equal(w, "the number of messages given", many, len(given)+len(rest))
	got(w.s.ClaimMessages(w.ctx, false, at(0), at(9), many)).is(w, nil)
}

// raceReference deletes a team while memberships take it up: one of the two
// fails, and nothing names what is gone.
func raceReference(w *world) {
	st := w.site("a")
	for n := range rounds() {
		users := make([]usermgmt.User, 8)
		for i := range users {
			users[i] = w.user(st, strconv.Itoa(n)+" "+strconv.Itoa(i))
		}
		t := w.team(st.org.ID, st.root.ID, "t")
		var deleted atomic.Bool
		w.race(len(users)+1, func(i int) {
			if i == len(users) {
				err := retry(func() error { return w.s.DeleteTeam(w.ctx, t.ID) })
				deleted.Store(err == nil)
				if err != nil && isInUse.problem(err) != "" {
					w.Errorf("deleting a team %s", isInUse.problem(err))
				}
				return
			}
			m := w.newMembership(st, users[i].ID)
			inTeams(t.ID)(&m)
			err := retry(func() error { return w.s.SaveMembership(w.ctx, m) })
			if err != nil && isReference.problem(err) != "" {
				w.Errorf("joining a team %s", isReference.problem(err))
			}
		})
		joined := 0
		for _, u := range users {
			if _, err := w.s.MembershipOf(w.ctx, u.ID, st.org.ID); err == nil {
				joined++
			}
		}
		if deleted.Load() && joined > 0 {
			w.Errorf("%d memberships name a team that is gone", joined)
		}
		if !deleted.Load() && joined == 0 {
			w.Errorf("the team was in use by nobody")
		}
	}
}

// raceReaders reads while a writer passes a mark from user to user and moves a
// team: every read sees a state between two transactions.
func raceReaders(w *world) {
	st := w.site("a")
	a, b := w.person(st, "a", nil), w.person(st, "b", func(u *usermgmt.User) { u.Enabled = false })
	reader := b.ID
	var writing atomic.Bool
	writing.Store(true)
	var reads [3]atomic.Int64
	q := usermgmt.UserQuery{Org: st.org.ID, Limit: everything}
	check := func(what string, n int, err error) {
		if err != nil && !errors.Is(err, usermgmt.ErrTransient) {
			w.Errorf("%s failed: %v", what, err)
		}
		if err == nil && n != 1 {
			w.Errorf("%s sees %d users enabled, 1 at any time", what, n)
		}
	}
	w.race(9, func(i int) {
		if i == 0 {
			defer writing.Store(false)
			// On until every kind of reader has had its share.
			for n := 0; n < 20*rounds() || min(reads[0].Load(), reads[1].Load(), reads[2].Load()) < 10; n++ {
				err := retry(func() error {
					return w.s.Tx(w.ctx, func(ctx context.Context, tx usermgmt.Store) error {
						a, b := a, b
						a.Enabled, b.Enabled = !a.Enabled, !b.Enabled
						if err := tx.SaveUser(ctx, a); err != nil {
							return err
						}
						if err := tx.SaveUser(ctx, b); err != nil {
							return err
						}
						st := *st
						st.org.SwitchRoles = !st.org.SwitchRoles
						if err := tx.SaveOrg(ctx, st.org); err != nil {
							return err
						}
						return tx.BumpStamps(ctx, st.org.ID, true)
					})
				})
				if err != nil {
					w.Errorf("the writer failed: %v", err)
					return
				}
				a.Enabled, b.Enabled, st.org.SwitchRoles = !a.Enabled, !b.Enabled, !st.org.SwitchRoles
				a.Version, b.Version, st.org.Version = a.Version+1, b.Version+1, st.org.Version+1
			}
			return
		}
		for writing.Load() {
			reads[i%3].Add(1)
			switch i % 3 {
			case 0:
				users, err := w.s.ListUsers(w.ctx, q)
				check("ListUsers", len(users), err)
			case 1:
				ms, err := members(w.ctx, w.s, q)
				check("StreamMembers", len(ms), err)
			case 2:
				// Each transaction adds 1 to the version and to the stamp.
				p, err := w.s.Policy(w.ctx, q.Org)
				if err == nil && p.Policy != p.Org.Version {
					w.Errorf("Policy sees version %d with stamp %d", p.Org.Version, p.Policy)
				}
				v, err := w.s.StandingOf(w.ctx, reader, q.Org)
				if err == nil && v.Policy != v.Trees {
					w.Errorf("StandingOf sees the stamps %d and %d", v.Policy, v.Trees)
				}
			}
		}
	})
}
