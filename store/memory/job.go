package memory

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt"
)

func jobsByID(a, b *usermgmt.Job) int { return cmpID(a.ID, b.ID) }

func jobsByUser(a, b *usermgmt.Job) int {
	if c := cmpID(a.By, b.By); c != 0 {
		return c
	}
	return cmpID(a.ID, b.ID)
}

func jobsByEnd(a, b *usermgmt.Job) int {
	if c := a.EndedAt.Compare(b.EndedAt); c != 0 {
		return c
	}
	return cmpID(a.ID, b.ID)
}

func cloneJob(j *usermgmt.Job) usermgmt.Job {
	c := *j
	c.Permissions, c.Params = cloneSlice(j.Permissions), cloneMap(j.Params)
	c.LeaseUntil, c.CreatedAt = utc(j.LeaseUntil), utc(j.CreatedAt)
	c.StartedAt, c.EndedAt = utc(j.StartedAt), utc(j.EndedAt)
	return c
}

func active(j *usermgmt.Job) bool {
	return j.Status == usermgmt.JobQueued || j.Status == usermgmt.JobRunning
}

func (v *version) job(id usermgmt.JobID) *usermgmt.Job {
	return find(&v.others.jobs, id, func(j *usermgmt.Job) usermgmt.JobID { return j.ID })
}

// setJob puts row in the place of old. Either may be nil.
func (w *writer) setJob(old, row *usermgmt.Job) {
	t := w.others()
	if old != nil {
		if active(old) {
			t.activeJobs.Delete(w.own, old)
		} else {
			t.endedJobs.Delete(w.own, old)
		}
	}
	if row == nil {
		t.jobs.Delete(w.own, old)
		t.jobsOf.Delete(w.own, old)
		return
	}
	put(&t.jobs, w.own, old, row)
	t.jobsOf.Set(w.own, row)
	if active(row) {
		t.activeJobs.Set(w.own, row)
	} else {
		t.endedJobs.Set(w.own, row)
	}
}

// AddJob implements [usermgmt.Store].
func (s *Store) AddJob(ctx context.Context, j usermgmt.Job) error {
	return s.write(ctx, func(w *writer) error {
		switch {
		case w.v.job(j.ID) != nil:
			return taken("id")
		case w.v.person(j.By) == nil:
			return missing("user")
		case w.v.org(j.Org) == nil:
			return missing("organization")
		}
		busy := false
		if active(&j) {
			w.v.others.activeJobs.Ascend(nil, func(o *usermgmt.Job) bool {
				busy = o.By == j.By && o.Kind == j.Kind
				return !busy
			})
		}
		if busy {
			return taken("job")
		}
		row := cloneJob(&j)
		w.setJob(nil, &row)
		return nil
	})
}

// JobByID implements [usermgmt.Store].
func (s *Store) JobByID(ctx context.Context, id usermgmt.JobID) (usermgmt.Job, error) {
	v, err := s.read(ctx)
	if err != nil {
		return usermgmt.Job{}, err
	}
	j := v.job(id)
	if j == nil {
		return usermgmt.Job{}, usermgmt.ErrNotFound
	}
	return cloneJob(j), nil
}

// ListJobs implements [usermgmt.Store].
func (s *Store) ListJobs(ctx context.Context, by usermgmt.UserID, q usermgmt.ListQuery) ([]usermgmt.Job, error) {
	v, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	if q.Limit < 1 {
		return nil, limitInvalid()
	}
	var out []usermgmt.Job
	v.others.jobsOf.Descend(func(j *usermgmt.Job) bool {
		c := cmpID(j.By, by)
		return c < 0 || c == 0 && (q.After.IsZero() || cmpID(j.ID, q.After.ID) < 0)
	}, func(j *usermgmt.Job) bool {
		if j.By != by {
			return false
		}
		out = append(out, cloneJob(j))
		return len(out) < q.Limit
	})
	return out, nil
}

// ClaimJob implements [usermgmt.Store].
func (s *Store) ClaimJob(ctx context.Context, now, until time.Time) (out usermgmt.Job, err error) {
	err = s.write(ctx, func(w *writer) error {
		var old *usermgmt.Job
		w.v.others.activeJobs.Ascend(nil, func(j *usermgmt.Job) bool {
			if j.Status == usermgmt.JobQueued || !j.LeaseUntil.After(now) {
				old = j
			}
			return old == nil
		})
		if old == nil {
			return usermgmt.ErrNotFound
		}
		row := *old
		row.Status, row.StartedAt, row.LeaseUntil = usermgmt.JobRunning, utc(now), utc(until)
		row.Tries++
		w.setJob(old, &row)
		out = cloneJob(&row)
		return nil
	})
	if err != nil {
		return usermgmt.Job{}, err
	}
	return out, nil
}

// KeepJob implements [usermgmt.Store].
func (s *Store) KeepJob(
	ctx context.Context, id usermgmt.JobID, tries, rows int, until time.Time,
) (kept bool, err error) {
	err = s.write(ctx, func(w *writer) error {
		old := w.v.job(id)
		if kept = old != nil && old.Status == usermgmt.JobRunning && old.Tries == tries; !kept {
			return nil
		}
		row := *old
		row.Rows, row.LeaseUntil = rows, utc(until)
		w.setJob(old, &row)
		return nil
	})
	return kept && err == nil, err
}

// EndJob implements [usermgmt.Store].
func (s *Store) EndJob(ctx context.Context, j usermgmt.Job) (ended bool, err error) {
	err = s.write(ctx, func(w *writer) error {
		old := w.v.job(j.ID)
		if ended = old != nil && active(old) && old.Tries == j.Tries; !ended {
			return nil
		}
		row := *old
		row.Status, row.Rows, row.Size, row.Reason, row.EndedAt = j.Status, j.Rows, j.Size, j.Reason, utc(j.EndedAt)
		w.setJob(old, &row)
		return nil
	})
	return ended && err == nil, err
}

// EndedJobs implements [usermgmt.Store].
func (s *Store) EndedJobs(ctx context.Context, t time.Time, limit int) ([]usermgmt.Job, error) {
	v, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	if limit < 1 {
		return nil, limitInvalid()
	}
	var out []usermgmt.Job
	v.others.endedJobs.Ascend(nil, func(j *usermgmt.Job) bool {
		if !j.EndedAt.Before(t) {
			return false
		}
		out = append(out, cloneJob(j))
		return len(out) < limit
	})
	return out, nil
}

// DeleteJob implements [usermgmt.Store].
func (s *Store) DeleteJob(ctx context.Context, id usermgmt.JobID) error {
	return s.write(ctx, func(w *writer) error {
		old := w.v.job(id)
		if old == nil {
			return usermgmt.ErrNotFound
		}
		w.setJob(old, nil)
		return nil
	})
}
