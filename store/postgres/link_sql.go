package postgres

import (
	"context"
	"database/sql"
)

type sqlSource struct{ db *sql.DB }

func (s sqlSource) acquire(ctx context.Context) (link, error) {
	c, err := s.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &sqlLink{conn: c}, nil
}

func (s sqlSource) query(ctx context.Context, text string, args []any) (rows, error) {
	r, err := s.db.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	return sqlRows{r}, nil
}

// sqlLink is a link over database/sql. Each step is a round trip.
type sqlLink struct {
	conn *sql.Conn // nil for a host's transaction
	tx   *sql.Tx   // nil outside of one
}

func (l *sqlLink) send(ctx context.Context, steps []step, _ bool) (failed int, err error) {
	for i := range steps {
		if err := l.do(ctx, &steps[i]); err != nil {
			return i, err
		}
	}
	return len(steps) - 1, nil
}

func (l *sqlLink) do(ctx context.Context, st *step) error {
	switch st.kind {
	case begin:
		if err := ctx.Err(); err != nil {
			return err
		}
		// A transaction whose context ends is rolled back at any moment, even
		// during its commit, whose outcome nobody would then know.
		tx, err := l.conn.BeginTx(context.WithoutCancel(ctx), &sql.TxOptions{Isolation: sql.LevelReadCommitted})
		if err != nil {
			return err
		}
		l.tx = tx
		return nil
	case commit:
		if err := ctx.Err(); err != nil {
			return err
		}
		err := l.tx.Commit()
		l.tx = nil
		return err
	case rollback:
		if l.tx == nil {
			return nil
		}
		err := l.tx.Rollback()
		l.tx = nil
		return err
	case statement, savepoint, release, rollbackTo:
	}
	_, err := l.tx.ExecContext(ctx, st.sql, st.args...)
	return err
}

func (l *sqlLink) ask(ctx context.Context, steps []step, text string, args []any) (rows, int, error) {
	if len(steps) > 0 {
		if failed, err := l.send(ctx, steps, false); err != nil {
			return nil, failed, err
		}
	}
	var r *sql.Rows
	var err error
	if l.tx == nil {
		r, err = l.conn.QueryContext(ctx, text, args...)
	} else {
		r, err = l.tx.QueryContext(ctx, text, args...)
	}
	if err != nil {
		return nil, len(steps), err
	}
	return sqlRows{r}, len(steps), nil
}

func (l *sqlLink) pipelined() bool { return false }

func (l *sqlLink) dead(err error) bool { return fatal(err) || stateOf(err) == "" }

func (l *sqlLink) free(bool) {
	if l.conn == nil {
		return
	}
	if l.tx != nil {
		_ = l.tx.Rollback()
		l.tx = nil
	}
	_ = l.conn.Close()
}

// sqlRows is the result of a query. What Close of database/sql returns, Err
// has told before.
type sqlRows struct{ *sql.Rows }

func (r sqlRows) Close() { _ = r.Rows.Close() }
