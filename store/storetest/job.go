package storetest

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt"
)

func jobCases() []testCase {
	return []testCase{
		{"JobValues", []string{"AddJob", "JobByID"}, jobValues},
		{"JobOneAtATime", []string{"AddJob", "EndJob"}, jobOne},
		{"JobList", []string{"ListJobs"}, jobList},
		{"JobClaim", []string{"ClaimJob", "KeepJob", "EndJob", "JobByID"}, jobClaim},
		{"JobEnd", []string{"EndJob", "EndedJobs", "DeleteJob"}, jobEnd},
	}
}

// newJob returns a queued job that is not saved.
func (w *world) newJob(st *site, by usermgmt.UserID, kind string) usermgmt.Job {
	return usermgmt.Job{ID: newID[usermgmt.Job](w), Kind: kind, By: by, Org: st.org.ID, Status: usermgmt.JobQueued, CreatedAt: at(0)}
}

func (w *world) job(st *site, by usermgmt.UserID, kind string) usermgmt.Job {
	w.Helper()
	j := w.newJob(st, by, kind)
	w.do(w.s.AddJob(w.ctx, j))
	return j
}

func jobValues(w *world) {
	st := w.site("a")
	u := w.user(st, "u")
	j := usermgmt.Job{
		ID: newID[usermgmt.Job](w), Kind: "export", By: u.ID, Org: st.org.ID, App: st.app.ID,
		Permissions: []usermgmt.Permission{"user.export", "user.view"}, Origin: usermgmt.Origin{Address: "::1", UserAgent: "a 'b'", RequestID: "r"},
		Params: map[string]string{"fields": "a b", "": "quote'\""}, Status: usermgmt.JobRunning, Tries: 2, LeaseUntil: at(1), Rows: 3,
		Size: 1 << 40, Reason: "why", CreatedAt: at(2), StartedAt: at(3), EndedAt: at(4),
	}
	got(w.s.JobByID(w.ctx, j.ID)).missing(w)
	argument := clone(j)
	w.do(w.s.AddJob(w.ctx, argument))
	scribble(argument)
	for range 2 {
		read := got(w.s.JobByID(w.ctx, j.ID))
		read.is(w, j)
		scribble(read.value)
	}
	add := func(change func(j *usermgmt.Job)) func(context.Context, usermgmt.Store) error {
		other := w.newJob(st, u.ID, "other")
		change(&other)
		return func(ctx context.Context, tx usermgmt.Store) error { return tx.AddJob(ctx, other) }
	}
	w.refuse("a job with an identifier that is taken", isTaken("id"), add(func(o *usermgmt.Job) { o.ID = j.ID }))
	w.refuse("a job of nobody", isReference, add(func(o *usermgmt.Job) { o.By = newID[usermgmt.User](w) }))
	w.refuse("a job of an organization that does not exist", isReference, add(func(o *usermgmt.Job) { o.Org = newID[usermgmt.Organization](w) }))
	plain := w.job(st, u.ID, "plain")
	got(w.s.JobByID(w.ctx, plain.ID)).is(w, plain)
}

func jobOne(w *world) {
	st := w.site("a")
	u, v := w.user(st, "u").ID, w.user(st, "v").ID
	again := func() func(context.Context, usermgmt.Store) error {
		j := w.newJob(st, u, "export")
		return func(ctx context.Context, tx usermgmt.Store) error { return tx.AddJob(ctx, j) }
	}
	j := w.job(st, u, "export")
	w.refuse("a second job of a user and kind", isTaken("job"), again())
	w.job(st, v, "export")
	w.job(st, u, "import")
	got(w.s.ClaimJob(w.ctx, at(1), at(2))).must(w)
	w.refuse("a second job while the first runs", isTaken("job"), again())
	j.Tries = 1
	for _, status := range []usermgmt.JobStatus{usermgmt.JobDone, usermgmt.JobFailed, usermgmt.JobCancelled} {
		j.Status, j.EndedAt = status, at(3)
		got(w.s.EndJob(w.ctx, j)).is(w, true)
		j = w.job(st, u, "export")
	}
}

func jobList(w *world) {
	st := w.site("a")
	u, v := w.user(st, "u").ID, w.user(st, "v").ID
	var all []usermgmt.Job
	for i := range 5 {
		all = append(all, w.newJob(st, u, string(rune('a'+i))))
	}
	for _, j := range shuffled(all) {
		w.do(w.s.AddJob(w.ctx, j))
		w.job(st, v, j.Kind)
	}
	all[2].Status, all[2].EndedAt = usermgmt.JobDone, at(1)
	got(w.s.EndJob(w.ctx, all[2])).is(w, true)
	list[usermgmt.Job]{
		func(after usermgmt.Position, limit int) ([]usermgmt.Job, error) {
			return w.s.ListJobs(w.ctx, u, usermgmt.ListQuery{Search: "x", After: after, Limit: limit})
		},
		func(j usermgmt.Job) string { return j.Kind },
		func(j usermgmt.Job) usermgmt.Position { return usermgmt.Position{ID: j.ID} },
	}.check(w, "jobs", "e", "d", "c", "b", "a")
	got(w.s.ListJobs(w.ctx, u, usermgmt.ListQuery{Limit: 1, After: usermgmt.Position{ID: all[3].ID}})).is(w, all[2:3])
	got(w.s.ListJobs(w.ctx, newID[usermgmt.User](w), usermgmt.ListQuery{Limit: 9})).is(w, nil)
}

func jobClaim(w *world) {
	st := w.site("a")
	u, v := w.user(st, "u").ID, w.user(st, "v").ID
	got(w.s.ClaimJob(w.ctx, at(0), at(1))).missing(w)
	first, second := w.newJob(st, u, "export"), w.newJob(st, v, "export")
	w.do(w.s.AddJob(w.ctx, second))
	w.do(w.s.AddJob(w.ctx, first))
	claim := func(j *usermgmt.Job, now, until time.Time) {
		w.Helper()
		j.Status, j.StartedAt, j.LeaseUntil = usermgmt.JobRunning, now, until
		j.Tries++
		got(w.s.ClaimJob(w.ctx, now, until)).is(w, *j)
		got(w.s.JobByID(w.ctx, j.ID)).is(w, *j)
	}
	claim(&first, at(1), at(10))
	claim(&second, at(2), at(20))
	got(w.s.ClaimJob(w.ctx, at(9), at(30))).missing(w)
	got(w.s.ClaimJob(w.ctx, at(10).Add(-time.Microsecond), at(30))).missing(w)

	got(w.s.KeepJob(w.ctx, first.ID, 1, 500, at(15))).is(w, true)
	first.Rows, first.LeaseUntil = 500, at(15)
	got(w.s.JobByID(w.ctx, first.ID)).is(w, first)
	got(w.s.ClaimJob(w.ctx, at(14), at(30))).missing(w)
	claim(&first, at(15), at(30)) // whoever had it is late
	got(w.s.KeepJob(w.ctx, first.ID, 1, 900, at(99))).is(w, false)
	late := first
	late.Tries, late.Status, late.EndedAt = 1, usermgmt.JobDone, at(16)
	got(w.s.EndJob(w.ctx, late)).is(w, false)
	got(w.s.JobByID(w.ctx, first.ID)).is(w, first)
	got(w.s.KeepJob(w.ctx, newID[usermgmt.Job](w), 1, 1, at(9))).is(w, false)

	queued := w.job(st, u, "other")
	got(w.s.KeepJob(w.ctx, queued.ID, 0, 1, at(9))).is(w, false)
	got(w.s.JobByID(w.ctx, queued.ID)).is(w, queued)
	first.Status, first.EndedAt = usermgmt.JobFailed, at(17)
	got(w.s.EndJob(w.ctx, first)).is(w, true)
	got(w.s.KeepJob(w.ctx, first.ID, 2, 1, at(9))).is(w, false)
	claim(&queued, at(18), at(40))
	got(w.s.ClaimJob(w.ctx, at(19), at(40))).missing(w)
	claim(&second, at(20), at(40))
}

func jobEnd(w *world) {
	st := w.site("a")
	u := w.user(st, "u").ID
	var all []usermgmt.Job
	for i := range 4 {
		all = append(all, w.job(st, u, string(rune('a'+i))))
	}
	end := func(i, minute int, status usermgmt.JobStatus) {
		w.Helper()
		all[i].Status, all[i].Rows, all[i].Size, all[i].Reason, all[i].EndedAt = status, 7, 8, "why", at(minute)
		given := clone(all[i])
		// Nothing else is replaced.
		given.Kind, given.By, given.Params, given.CreatedAt, given.StartedAt = "x", usermgmt.UserID{}, map[string]string{"x": "x"}, at(99), at(99)
		got(w.s.EndJob(w.ctx, given)).is(w, true)
		got(w.s.EndJob(w.ctx, given)).is(w, false)
		got(w.s.JobByID(w.ctx, all[i].ID)).is(w, all[i])
	}
	end(0, 5, usermgmt.JobCancelled)
	end(1, 3, usermgmt.JobDone)
	end(2, 3, usermgmt.JobFailed)
	ended := func(t time.Time, limit int, want ...usermgmt.Job) {
		w.Helper()
		got(w.s.EndedJobs(w.ctx, t, limit)).is(w, want)
	}
	ended(at(3), 9)
	ended(at(3).Add(time.Microsecond), 9, all[1], all[2])
	ended(at(9), 9, all[1], all[2], all[0])
	ended(at(9), 2, all[1], all[2])
	w.write(func(ctx context.Context, tx usermgmt.Store) error { return tx.DeleteJob(ctx, all[1].ID) })
	got(w.s.JobByID(w.ctx, all[1].ID)).missing(w)
	ended(at(9), 9, all[2], all[0])
	w.refuse("deleting what is not there", isMissing, func(ctx context.Context, tx usermgmt.Store) error { return tx.DeleteJob(ctx, all[1].ID) })
	w.do(w.s.DeleteJob(w.ctx, all[3].ID)) // a queued one
	got(w.s.ClaimJob(w.ctx, at(9), at(10))).missing(w)
	got(w.s.ListJobs(w.ctx, u, usermgmt.ListQuery{Limit: 9})).is(w, []usermgmt.Job{all[2], all[0]})
	got(w.s.EndJob(w.ctx, all[1])).is(w, false)
}
