package usermgmt

import (
	"context"
	"io"
	"strconv"
	"strings"
	"time"
)

// Audit verbs of exports that run in the background.
const (
	verbExportStart  = "export.start"
	verbExportCancel = "export.cancel"
	verbExportOpen   = "export.open"
)

// FileLifetime is how long the file of an export can be fetched.
const FileLifetime = 14 * 24 * time.Hour

// The parameters of an export.
const (
	paramFields = "fields"
	paramBOM    = "bom"
)

// Start asks for the export that [Exports.CSV] writes, to run in the background:
// a process that calls [Manager.Run] does it. One export of a user can wait or run
// at a time. The user gets a mail when it is finished or has failed, and fetches
// the file with [Exports.Open].
//
// It runs with the rights that the user has when it runs, and not with more than
// an API key had that asked for it. The actor needs the rights of [Exports.CSV],
// and is a user: neither the system nor somebody in a proxy login. Progress must
// be nil; [Exports.Job] tells.
//
// Start is atomic. It records "export.start" now, "user.export" attempted and
// then done or refused when it runs, "export.open" when the file is fetched.
//
// A process that dies leaves the export to another one, which begins anew; after
// three tries it has failed.
//
// Errors: those of [Exports.CSV]; [ErrConflict], Field "job", Rule "taken", while
// another export of the user waits or runs.
func (s *Exports) Start(ctx context.Context, a Actor, opt ExportOptions) (*Job, error) {
	const op = "Exports.Start"
	var out *Job
	id := newID[Job]()
	err := s.m.change(ctx, a, op, verbExportStart, func(ctx context.Context, w *work) error {
		if err := w.ownJobs(); err != nil {
			return err
		}
		if opt.Progress != nil {
			return invalid("progress", "unused", "ask Exports.Job how far it is")
		}
		x := &exporter{m: s.m, opt: &opt}
		if _, err := x.prepare(ctx, w); err != nil {
			return err
		}
		j := Job{ID: id, Kind: JobExport, By: w.v.subject, Org: x.org.ID, App: w.v.app, Permissions: w.v.keyPermissions,
			Origin: w.v.origin.clean(), Params: map[string]string{}, Status: JobQueued, CreatedAt: w.now}
		if opt.Fields != nil { // otherwise those that are marked when it runs
			j.Params[paramFields] = strings.Join(opt.Fields, " ")
		}
		if opt.BOM {
			j.Params[paramBOM] = "true"
		}
		w.on("job", j.ID, j.Org, "")
		if err := w.tx.AddJob(ctx, j); err != nil {
			return err
		}
		w.record(nil, j.Params)
		out = &j
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// ownJobs refuses actors who have no jobs of their own.
func (w *work) ownJobs() error {
	if w.v.subject.IsZero() || w.v.acting() {
		return &Error{Kind: ErrPermission, Rule: "own_session_only", Permission: PermUserExport}
	}
	return nil
}

// mine reports whether the actor asked for the job, in the organization where
// the actor is.
func (v *actorValue) mine(j *Job) bool {
	return j.Kind == JobExport && j.By == v.subject && !v.subject.IsZero() && j.Org == v.org && !v.acting()
}

// Job returns an export that the actor has started in the current organization,
// with its progress. Errors: [ErrNotFound], also for exports of others.
func (s *Exports) Job(ctx context.Context, a Actor, id JobID) (*Job, error) {
	const op = "Exports.Job"
	v, err := s.m.read(a)
	if err != nil {
		return nil, withOp(op, err)
	}
	j, err := s.m.store.JobByID(ctx, id)
	if err == nil && !v.mine(&j) {
		err = &Error{Kind: ErrNotFound}
	}
	if err != nil {
		return nil, withOp(op, err)
	}
	return &j, nil
}

// Jobs returns a page of the exports that the actor has started in the current
// organization and whose files are not yet out of date, newest first. A page may
// hold fewer than q.Limit though there are more; Next tells. Errors: [ErrLimit].
func (s *Exports) Jobs(ctx context.Context, a Actor, q ListQuery) (*Page[Job], error) {
	const op = "Exports.Jobs"
	v, err := s.m.read(a)
	if err != nil {
		return nil, withOp(op, err)
	}
	page, err := pageOf(q, func(q ListQuery) ([]Job, error) { return s.m.store.ListJobs(ctx, v.subject, q) },
		func(j *Job) Position { return Position{ID: [16]byte(j.ID)} })
	if err != nil {
		return nil, withOp(op, err)
	}
	own := page.Items[:0]
	for i := range page.Items {
		if j := &page.Items[i]; v.mine(j) && !j.outOfDate(s.m.now()) {
			own = append(own, *j)
		}
	}
	page.Items = own
	return page, nil
}

// outOfDate reports whether an ended job is no longer kept.
func (j *Job) outOfDate(now time.Time) bool {
	return !j.EndedAt.IsZero() && !now.Before(j.EndedAt.Add(FileLifetime))
}

// Cancel ends an export of the actor's that waits or runs. One that runs stops
// within seconds, and leaves no file. Cancelling what has ended is [ErrConflict],
// Rule "ended".
//
// Cancel records "export.cancel". Errors: [ErrNotFound], also for exports of
// others; [ErrConflict].
func (s *Exports) Cancel(ctx context.Context, a Actor, id JobID) error {
	return s.m.change(ctx, a, "Exports.Cancel", verbExportCancel, func(ctx context.Context, w *work) error {
		for range jobTries + 2 { // it may be begun meanwhile, so often at most
			j, err := w.tx.JobByID(ctx, id)
			if err != nil {
				return err
			}
			if !w.v.mine(&j) {
				return &Error{Kind: ErrNotFound, hidden: true}
			}
			w.on("job", j.ID, j.Org, "")
			if j.Status != JobQueued && j.Status != JobRunning {
				return conflict("job", "ended", "is "+j.Status.String())
			}
			before := j.Status.String()
			j.Status, j.EndedAt = JobCancelled, w.now
			ended, err := w.tx.EndJob(ctx, j)
			if err != nil {
				return err
			}
			if ended {
				w.record(map[string]string{"status": before}, map[string]string{"status": j.Status.String()})
				return nil
			}
		}
		return &Error{Kind: ErrStale, Field: "job"}
	})
}

// Open returns the file of an export that is done, for the actor who has started
// it, within [FileLifetime]. The actor needs [PermUserExport] still. The caller
// closes it; that it ends before the whole file was read is
// [io.ErrUnexpectedEOF].
//
// Open records "export.open", before the first byte.
//
// Errors: [ErrNotFound], also for exports of others and for files that are out of
// date; [ErrPermission]; [ErrStepUp]; [ErrConflict], Rule "not_done".
func (s *Exports) Open(ctx context.Context, a Actor, id JobID) (io.ReadCloser, error) {
	const op = "Exports.Open"
	var j Job
	err := s.m.change(ctx, a, op, verbExportOpen, func(ctx context.Context, w *work) error {
		var err error
		if j, err = w.tx.JobByID(ctx, id); err != nil {
			return err
		}
		if !w.v.mine(&j) {
			return &Error{Kind: ErrNotFound, hidden: true}
		}
		w.on("job", j.ID, j.Org, "")
		switch f := w.v.filter(PermUserExport); {
		case f.Nothing():
			return &Error{Kind: ErrPermission, Permission: PermUserExport}
		case j.outOfDate(w.now):
			return &Error{Kind: ErrNotFound, Rule: "out_of_date"}
		case j.Status != JobDone:
			return conflict("job", "not_done", "is "+j.Status.String())
		}
		if err := w.v.freshFor(PermUserExport); err != nil {
			return err
		}
		w.record(nil, map[string]string{"rows": strconv.Itoa(j.Rows)})
		return nil
	})
	if err != nil {
		return nil, err
	}
	file, err := s.m.files().Open(ctx, j.file(j.Tries))
	if err != nil {
		return nil, withOp(op, err)
	}
	return &wholeFile{file, j.Size}, nil
}

// file is the name of the file that a try makes. Each has its own, so that a
// process that is late writes into none that counts.
func (j *Job) file(try int) string { return "export-" + j.ID.String() + "-" + strconv.Itoa(try) }
