package usermgmt

import (
	"context"
	"time"
)

// JobStore keeps jobs: work that one process at a time does in the background.
type JobStore interface {
	// AddJob inserts. While a job of the same By and Kind is queued or running
	// it fails with [ErrConflict], Field "job", Rule "taken", also under any
	// number of parallel callers. By and Org exist.
	AddJob(ctx context.Context, j Job) error
	JobByID(ctx context.Context, id JobID) (Job, error)
	// ListJobs returns a page of the jobs of By in descending order of ID.
	ListJobs(ctx context.Context, by UserID, q ListQuery) ([]Job, error)
	// ClaimJob takes the first, in the order of ID, of the jobs that are queued,
	// or running with a LeaseUntil that is not after now. It sets Status to
	// JobRunning, StartedAt to now, LeaseUntil to until, adds 1 to Tries and
	// returns the job as it then is. No job is given to two callers before
	// until. [ErrNotFound] if there is none.
	ClaimJob(ctx context.Context, now, until time.Time) (Job, error)
	// KeepJob sets LeaseUntil and Rows of a job that is running with these
	// Tries, and tells whether it is.
	KeepJob(ctx context.Context, id JobID, tries, rows int, until time.Time) (kept bool, err error)
	// EndJob replaces Status, Rows, Size, Reason and EndedAt of a job that is
	// queued or running and whose Tries are j.Tries, and tells whether it was;
	// exactly one of any number of callers is told true.
	EndJob(ctx context.Context, j Job) (ended bool, err error)
	// EndedJobs returns the jobs that ended before t, in the order of EndedAt,
	// then ID, at most limit.
	EndedJobs(ctx context.Context, t time.Time, limit int) ([]Job, error)
	DeleteJob(ctx context.Context, id JobID) error
}
