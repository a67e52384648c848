package postgres

import (
	"context"
)

// step is one statement of a unit of work.
type step struct {
	kind stepKind
	sql  string
	args []any
	// unit is whose failure it is if the step fails.
	unit *unit
	// field names the field of a conflict over a taken key, where the
	// constraint alone does not tell.
	field string
	// remove: a foreign key that is violated means that the row is in use, not
	// that it names what does not exist.
	remove bool
	// hot steps change rows that many transactions change. They go last, in the
	// order of this text, which keeps their locks short and free of deadlocks.
	hot string
	// bulk is set if many steps of the kind can be one, claim if steps with equal
	// hot can be one that claims their sum.
	bulk  *bulk
	claim int
}

type stepKind uint8

const (
	statement stepKind = iota
	begin
	commit
	rollback
	savepoint
	release
	rollbackTo
)

const (
	beginSQL    = "begin isolation level read committed"
	commitSQL   = "commit"
	rollbackSQL = "rollback"
)

// rows is the result of a query. Close may be called more than once, and tells
// nothing that Err does not.
type rows interface {
	Next() bool
	Scan(dest ...any) error
	Err() error
	Close()
}

// link is one connection, or that of a host's transaction. It is the seam
// between the statements and the two drivers.
type link interface {
	// send runs the steps in order, in one round trip where the driver can, and
	// stops at the first failure, whose index it returns. If final is set, the
	// last of them commits, or, on a link that pipelines, they are a transaction
	// of their own: send then waits for the answer even if ctx ends, after asking
	// the server to cancel.
	send(ctx context.Context, steps []step, final bool) (failed int, err error)
	// ask is send followed by a query, which is the step after the last.
	ask(ctx context.Context, steps []step, sql string, args []any) (r rows, failed int, err error)
	// pipelined reports whether steps are on their way before the ones ahead of
	// them are answered.
	pipelined() bool
	// dead reports whether the connection is of no more use after err.
	dead(err error) bool
	// free gives the connection back, or closes it if it is in an unknown state.
	free(broken bool)
}

// source gives connections to a store that is bound to none.
type source interface {
	acquire(ctx context.Context) (link, error)
	// query asks outside of any transaction.
	query(ctx context.Context, sql string, args []any) (rows, error)
}
