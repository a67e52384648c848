package postgres

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// cancelGrace is how long a commit is waited for once its context has ended and
// the server was asked to cancel.
const cancelGrace = 5 * time.Second

type poolSource struct{ pool *pgxpool.Pool }

func (s poolSource) acquire(ctx context.Context) (link, error) {
	c, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	return &pgxLink{conn: c.Conn(), via: c.Conn(), pooled: c}, nil
}

func (s poolSource) query(ctx context.Context, sql string, args []any) (rows, error) {
	return s.pool.Query(ctx, sql, args...)
}

type connSource struct{ conn *pgx.Conn }

func (s connSource) acquire(context.Context) (link, error) {
	return &pgxLink{conn: s.conn, via: s.conn}, nil
}

func (s connSource) query(ctx context.Context, sql string, args []any) (rows, error) {
	return s.conn.Query(ctx, sql, args...)
}

// pgxLink is a link over pgx. Steps travel in one batch.
type pgxLink struct {
	conn   *pgx.Conn
	via    batcher
	pooled *pgxpool.Conn // nil if the connection is not of a pool
}

// batcher is a connection or a transaction.
type batcher interface {
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func batchOf(steps []step) *pgx.Batch {
	b := &pgx.Batch{QueuedQueries: make([]*pgx.QueuedQuery, 0, len(steps)+1)}
	for i := range steps {
		b.Queue(steps[i].sql, steps[i].args...)
	}
	return b
}

func (l *pgxLink) send(ctx context.Context, steps []step, final bool) (failed int, err error) {
	if final {
		var done func()
		ctx, done = l.untilAnswered(ctx)
		defer done()
	}
	if steps[0].kind == rollback || steps[0].kind == rollbackTo {
		return 0, l.undo(ctx, steps)
	}
	results := l.via.SendBatch(ctx, batchOf(steps))
	for i := range steps {
		if _, err := results.Exec(); err != nil {
			_ = results.Close()
			return i, err
		}
	}
	// With no explicit commit the answer to the whole comes at the end.
	return len(steps) - 1, results.Close()
}

// undo sends steps without preparing them: in a transaction that failed the
// server prepares nothing but the end of it.
func (l *pgxLink) undo(ctx context.Context, steps []step) error {
	text := make([]string, len(steps))
	for i := range steps {
		text[i] = steps[i].sql
	}
	return l.conn.PgConn().Exec(ctx, strings.Join(text, "; ")).Close()
}

func (l *pgxLink) ask(ctx context.Context, steps []step, sql string, args []any) (rows, int, error) {
	if len(steps) == 0 {
		r, err := l.via.Query(ctx, sql, args...)
		return r, 0, err
	}
	b := batchOf(steps)
	b.Queue(sql, args...)
	results := l.via.SendBatch(ctx, b)
	for i := range steps {
		if _, err := results.Exec(); err != nil {
			_ = results.Close()
			return nil, i, err
		}
	}
	r, err := results.Query()
	if err != nil {
		_ = results.Close()
		return nil, len(steps), err
	}
	return &batchRows{r, results}, len(steps), nil
}

// batchRows is the result of the last query of a batch.
type batchRows struct {
	pgx.Rows
	results pgx.BatchResults
}

func (r *batchRows) Close() {
	r.Rows.Close()
	_ = r.results.Close()
}

func (l *pgxLink) pipelined() bool { return true }

func (l *pgxLink) dead(err error) bool { return fatal(err) || l.conn.IsClosed() }

func (l *pgxLink) free(broken bool) {
	if broken {
		ctx, cancel := context.WithTimeout(context.Background(), cancelGrace)
		defer cancel()
		_ = l.conn.Close(ctx)
	}
	if l.pooled != nil {
		l.pooled.Release()
		l.pooled = nil
	}
}

// untilAnswered returns a context that does not end with ctx. When ctx ends, it
// asks the server to cancel what is running, and gives up the connection if
// there is no answer for a while. done ends all that; if the server was asked,
// done closes a pool's connection, since the request could reach a later statement.
func (l *pgxLink) untilAnswered(ctx context.Context) (next context.Context, done func()) {
	next, giveUp := context.WithCancel(context.WithoutCancel(ctx))
	asked := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(asked)
		timer := time.AfterFunc(cancelGrace, giveUp)
		defer timer.Stop()
		limited, cancel := context.WithTimeout(next, cancelGrace)
		defer cancel()
		_ = l.conn.PgConn().CancelRequest(limited)
		<-next.Done()
	})
	return next, func() {
		if stop() {
			giveUp()
			return
		}
		giveUp()
		<-asked
		if l.pooled != nil {
			closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), cancelGrace)
			defer cancel()
			_ = l.conn.Close(closing)
		}
	}
}

// unsent reports whether err says that nothing was sent to the server. That the
// connection is closed does not say so: pgx 5.12 gives the same error for an
// answer that was lost.
func unsent(err error) bool { return pgconn.SafeToRetry(err) && !errors.Is(err, pgconn.ErrConnClosed) }
