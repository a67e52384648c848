package usermgmt

import (
	"context"
	"errors"
	"strings"
	"time"
)

const (
	// jobLease is how long a process has a job without telling that it goes on.
	jobLease = 5 * time.Minute
	// jobBeat is how often it tells.
	jobBeat = 20 * time.Second
	// jobTries is how often a job is begun.
	jobTries = 3
)

// errJobLost: the job was cancelled, or another process has it.
var errJobLost = errors.New("the job was cancelled or taken over")

// dutyJobs runs one job, if one is due.
func (m *Manager) dutyJobs(ctx context.Context, now time.Time) (int, error) {
	j, err := m.store.ClaimJob(ctx, now, now.Add(jobLease))
	if isNotFound(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return 1, m.runExport(ctx, &j, now)
}

// runExport runs an export that this process has claimed. What the library itself
// refuses, such as a right that is gone, ends the job; anything else, such as a
// store that is away, leaves it to the next try.
func (m *Manager) runExport(ctx context.Context, j *Job, now time.Time) error {
	for try := 1; try < j.Tries; try++ { // of processes that died
		if err := m.files().Delete(ctx, j.file(try)); err != nil {
			return m.leaveJob(ctx, j, err)
		}
	}
	x := &exporter{m: m, opt: &ExportOptions{Org: j.Org, BOM: j.Params[paramBOM] != ""}}
	if names, chosen := j.Params[paramFields]; chosen {
		x.opt.Fields = strings.Fields(names)
	}
	if j.Tries > jobTries {
		return m.failJob(ctx, j, x, &Error{Kind: ErrLimit, Field: "tries"})
	}
	a, err := m.ActorFor(ctx, ActorRequest{User: j.By, Org: j.Org, Application: j.App, Role: everyRole, Origin: j.Origin,
		ProvedAt: m.now()}) // a fresh proof was asked for when it was started
	if err != nil {
		return m.failJob(ctx, j, x, err)
	}
	a.v.narrow, a.v.reason = m.keyMask(j.Permissions), "job "+j.ID.String()
	if err := m.change(ctx, a, "Exports.Start", verbExport, x.begin); err != nil {
		return m.failJob(ctx, j, x, err)
	}
	err = m.writeFile(ctx, j, x, now)
	if err == nil {
		j.Status, j.EndedAt = JobDone, m.now()
		err = x.finish(ctx, nil, func(ctx context.Context, w *work) error { return w.endJob(ctx, j) })
		if err == nil {
			return nil
		}
	} else if ferr := x.finish(ctx, err, nil); ferr != nil {
		err = also(err, ferr)
	}
	return m.failJob(ctx, j, x, err)
}

// writeFile writes the file of an export, telling now and then that it goes on.
func (m *Manager) writeFile(ctx context.Context, j *Job, x *exporter, now time.Time) error {
	file, err := m.files().Create(ctx, j.file(j.Tries))
	if err != nil {
		return err
	}
	counted := &countingWriter{to: file}
	x.w = counted
	last := now
	x.beat = func(rows int) error {
		now := m.now()
		if now.Sub(last) < jobBeat {
			return nil
		}
		last = now
		kept, err := m.store.KeepJob(ctx, j.ID, j.Tries, rows, now.Add(jobLease))
		if err == nil && !kept {
			err = errJobLost
		}
		return err
	}
	err = x.write(ctx)
	if cerr := file.Close(); err == nil {
		err = cerr
	}
	j.Rows, j.Size = x.rows, counted.n
	return err
}

// endJob ends a job together with whatever else w does.
func (w *work) endJob(ctx context.Context, j *Job) error {
	ended, err := w.tx.EndJob(ctx, *j)
	if err == nil && !ended {
		err = errJobLost
	}
	return err
}

// failJob ends a job that has failed for good, with a mail, and leaves one that
// may still succeed. The file goes.
func (m *Manager) failJob(ctx context.Context, j *Job, x *exporter, cause error) error {
	tidy := m.files().Delete(context.WithoutCancel(ctx), j.file(j.Tries))
	switch {
	case errors.Is(cause, errJobLost):
		return tidy
	case ctx.Err() != nil, !isFinal(cause):
		return m.leaveJob(ctx, j, also(cause, tidy))
	}
	now := m.now()
	j.Status, j.Reason, j.EndedAt = JobFailed, reasonOf(cause), now
	return m.store.Tx(ctx, func(ctx context.Context, tx Store) error {
		w := &work{m: m, tx: tx, v: &actorValue{subject: j.By, operator: j.By, org: j.Org, origin: j.Origin, reason: j.Reason}, now: now,
			op: newID[Operation](), verb: verbExport}
		if err := w.endJob(ctx, j); err != nil {
			if errors.Is(err, errJobLost) {
				return nil
			}
			return err
		}
		u, err := tx.UserByID(ctx, j.By)
		if err != nil {
			return err
		}
		w.on("job", j.ID, j.Org, "")
		w.record(map[string]string{"status": JobRunning.String()}, map[string]string{"status": j.Status.String()})
		w.entries[0].Outcome = OutcomeRefused
		w.mail(&u, MailExportFailed, map[string]string{"reason": j.Reason, "job": j.ID.String()})
		return w.flush(ctx)
	})
}

// isFinal reports whether a failure will be the same at the next try.
func isFinal(err error) bool {
	for _, kind := range [...]error{ErrUnauthenticated, ErrPermission, ErrNotFound, ErrInvalid, ErrLimit, ErrConflict} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// leaveJob lets the next try begin a while later, or, if this process is just
// ending, at once.
func (m *Manager) leaveJob(ctx context.Context, j *Job, cause error) error {
	at := m.now()
	if ctx.Err() == nil {
		at = at.Add(time.Minute << (j.Tries - 1))
	}
	if _, err := m.store.KeepJob(context.WithoutCancel(ctx), j.ID, j.Tries, j.Rows, at); err != nil {
		cause = also(cause, err)
	}
	return cause
}

// dutyFiles deletes jobs that ended long ago, with their files.
func (m *Manager) dutyFiles(ctx context.Context, now time.Time) (int, error) {
	jobs, err := m.store.EndedJobs(ctx, now.Add(-FileLifetime), dutyBatch)
	if err != nil {
		return 0, err
	}
	for i := range jobs {
		for try := 1; try <= jobs[i].Tries; try++ {
			if err := m.files().Delete(ctx, jobs[i].file(try)); err != nil {
				return i, err
			}
		}
		if err := m.store.DeleteJob(ctx, jobs[i].ID); err != nil && !isNotFound(err) {
			return i, err
		}
	}
	return len(jobs), nil
}
