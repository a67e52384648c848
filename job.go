package usermgmt

import "time"

// JobStatus is how far a job is.
type JobStatus uint8

// The statuses of jobs.
const (
	JobQueued    JobStatus = iota + 1 // waits for a process that runs jobs
	JobRunning                        // a process has it
	JobDone                           // its file can be opened
	JobFailed                         // Reason says why
	JobCancelled                      // by the requester
)

// String returns "queued", "running", "done", "failed" or "cancelled".
func (s JobStatus) String() string {
	switch s {
	case JobQueued:
		return "queued"
	case JobRunning:
		return "running"
	case JobDone:
		return "done"
	case JobFailed:
		return "failed"
	case JobCancelled:
		return "cancelled"
	}
	return "unknown"
}

// JobExport is the Kind of exports that run in the background.
const JobExport = "export"

// Job is work in the background that somebody asked for.
type Job struct {
	ID   JobID
	Kind string
	// By asked for it, in Org and with App as the current application. It runs
	// with the rights that By has there when it runs.
	By  UserID
	Org OrgID
	App ApplicationID
	// Permissions narrows them, if By asked with an API key that is narrower
	// than its owner; empty is no limit.
	Permissions []Permission
	// Origin is where the request came from.
	Origin Origin
	// Params say what to do, by the rules of Kind.
	Params map[string]string

	Status JobStatus
	// Tries counts how often it was begun: more than once only after a crash.
	Tries int
	// LeaseUntil is when another process may take it over, while it runs.
	LeaseUntil time.Time
	// Rows is how many rows are written so far. Size is the bytes of the file.
	Rows int
	Size int64
	// Reason says why it failed.
	Reason string

	CreatedAt, StartedAt, EndedAt time.Time
}
