package storetest

import (
	"context"
	"strconv"

	"github.com/usermgmt/usermgmt"
)

// raceFloating lets users log in for the last floating seats, each twice.
func raceFloating(w *world) {
	full := func(int) refusal { return isFull }
	for n := range rounds() {
		st := w.site("s" + strconv.Itoa(n))
		pools{w, st.org.ID}.floats("flex", 5, 0)
		users := make([]usermgmt.UserID, crowdSize)
		for i := range users {
			users[i] = w.user(st, strconv.Itoa(n)+" "+strconv.Itoa(i)).ID
		}
		w.contest("floating seats", 5, full, func(i int) func(context.Context, usermgmt.Store) error {
			first, again := w.seated(st, users[i], 0, "flex"), w.seated(st, users[i], 0, "flex")
			return func(ctx context.Context, tx usermgmt.Store) error {
				if err := tx.CreateSession(ctx, first); err != nil {
					return err
				}
				return tx.CreateSession(ctx, again)
			}
		})
		pools{w, st.org.ID}.seats(0, map[usermgmt.LicenceType]int{"flex": 5})
	}
}

// raceSettings lets callers set one key of a membership each, while others save
// the membership: none is lost.
func raceSettings(w *world) {
	st := w.site("a")
	u := w.user(st, "u")
	m := w.join(st, u.ID)
	w.race(crowdSize, func(i int) {
		k := "k" + strconv.Itoa(i)
		err := retry(func() error { return w.s.PutMemberSettings(w.ctx, u.ID, st.org.ID, settings{k: {Value: k}}, nil) })
		if err == nil {
			err = retry(func() error { return w.s.PutSettings(w.ctx, st.org.ID, settings{k: {Value: k}}, nil) })
		}
		if err != nil {
			w.Errorf("a setting: %v", err)
		}
		if i%8 == 0 {
			_ = retry(func() error { return w.s.SaveMembership(w.ctx, m) }) // one of them is not stale
		}
	})
	n := len(got(w.s.MembershipOf(w.ctx, u.ID, st.org.ID)).must(w).Settings)
	if n != crowdSize {
		w.Errorf("%d of %d settings of the member are there", n, crowdSize)
	}
	if n = len(got(w.s.SettingsOf(w.ctx, st.org.ID)).must(w).Org); n != crowdSize {
		w.Errorf("%d of %d settings of the organization are there", n, crowdSize)
	}
}

// raceJobs: one of those who add, who claim and who end wins.
func raceJobs(w *world) {
	st := w.site("a")
	u := w.user(st, "u")
	for range rounds() {
		jobs := make([]usermgmt.Job, crowdSize)
		won := w.contest("jobs", 1, func(int) refusal { return isTaken("job") }, func(i int) func(context.Context, usermgmt.Store) error {
			jobs[i] = w.newJob(st, u.ID, "export")
			return func(ctx context.Context, tx usermgmt.Store) error { return tx.AddJob(ctx, jobs[i]) }
		})
		if len(won) != 1 {
			return
		}
		w.contest("claims of a job", 1, func(int) refusal { return isMissing }, func(int) func(context.Context, usermgmt.Store) error {
			return func(ctx context.Context, tx usermgmt.Store) error {
				_, err := tx.ClaimJob(ctx, at(1), at(2))
				return err
			}
		})
		var t tally
		w.race(crowdSize, func(i int) {
			j := jobs[won[0]]
			j.Tries, j.Status, j.EndedAt = 1, usermgmt.JobCancelled, at(i)
			err := retry(func() error {
				ended, err := w.s.EndJob(w.ctx, j)
				if err == nil && ended {
					t.won(i)
				}
				return err
			})
			if err != nil {
				w.Errorf("EndJob: %v", err)
			}
		})
		if len(t.winners) != 1 {
			w.Errorf("%d callers were told that they ended the job", len(t.winners))
		}
	}
}
