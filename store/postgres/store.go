package postgres

import (
	"context"

	"github.com/usermgmt/usermgmt"
)

// write executes steps as one atomic change: in the running unit of work, where
// they may be sent later and their failure reported then; in a savepoint of a
// host's transaction; or in a transaction of their own.
func (s *Store) write(ctx context.Context, steps ...step) error {
	if s.unit != nil {
		if err := s.unit.usable(ctx); err != nil {
			return err
		}
		t := s.unit.t
		for _, st := range steps {
			st.unit, st.sql = s.unit, s.sql(st.sql)
			if st.hot != "" {
				t.hot = append(t.hot, st)
			} else {
				t.pending = append(t.pending, st)
			}
		}
		return nil
	}
	return s.Tx(ctx, func(ctx context.Context, tx usermgmt.Store) error {
		return tx.(*Store).write(ctx, steps...) //nolint:forcetypeassert // Tx hands out a *Store
	})
}

// query asks, in the running unit of work or transaction if there is one.
func (s *Store) query(ctx context.Context, sql string, args ...any) (rows, error) {
	sql = s.sql(sql)
	if s.unit != nil {
		if err := s.unit.usable(ctx); err != nil {
			return nil, err
		}
		return s.unit.t.query(ctx, s.unit, sql, args)
	}
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	var r rows
	var err error
	if s.host != nil {
		r, _, err = s.host.ask(ctx, nil, sql, args)
	} else {
		r, err = s.source.query(ctx, sql, args)
	}
	if err != nil {
		return nil, explain(ctx, nil, err)
	}
	return r, nil
}

// scanner is one row of a result.
type scanner interface{ Scan(dest ...any) error }

// each calls scan for every row of a query.
func (s *Store) each(ctx context.Context, scan func(r scanner) error, sql string, args ...any) error {
	r, err := s.query(ctx, sql, args...)
	if err != nil {
		return err
	}
	defer r.Close()
	for r.Next() {
		if err := scan(r); err != nil {
			return s.readFailed(ctx, err)
		}
	}
	r.Close()
	if err := r.Err(); err != nil {
		return s.readFailed(ctx, err)
	}
	return nil
}

// readFailed notes and explains a failure while rows were read.
func (s *Store) readFailed(ctx context.Context, err error) error {
	if s.unit != nil {
		return s.unit.t.asked(ctx, s.unit, err)
	}
	return explain(ctx, nil, err)
}

// one returns the only row of a query, or ErrNotFound.
func one[T any](ctx context.Context, s *Store, scan func(r scanner, out *T) error, sql string, args ...any) (T, error) {
	var out T
	found := false
	err := s.each(ctx, func(r scanner) error {
		found = true
		return scan(r, &out)
	}, sql, args...)
	if err == nil && !found {
		err = usermgmt.ErrNotFound
	}
	if err != nil {
		var zero T
		return zero, err
	}
	return out, nil
}

// all returns the rows of a query.
func all[T any](ctx context.Context, s *Store, scan func(r scanner, out *T) error, sql string, args ...any) ([]T, error) {
	var out []T
	err := s.each(ctx, func(r scanner) error {
		var x T
		if err := scan(r, &x); err != nil {
			return err
		}
		out = append(out, x)
		return nil
	}, sql, args...)
	if err != nil {
		return nil, err
	}
	return out, nil
}

// change is write for a statement whose answer is needed at once. Outside of a
// unit of work it is a transaction of its own.
func (s *Store) change(ctx context.Context, scan func(r scanner) error, sql string, args ...any) error {
	if s.unit != nil {
		return s.each(ctx, scan, sql, args...)
	}
	return s.Tx(ctx, func(ctx context.Context, tx usermgmt.Store) error {
		return tx.(*Store).each(ctx, scan, sql, args...) //nolint:forcetypeassert // Tx hands out a *Store
	})
}

// limitInvalid is the error for a page of no rows.
func limitInvalid() error {
	return &usermgmt.Error{Kind: usermgmt.ErrInvalid, Field: "limit", Rule: "range", Detail: "at least 1"}
}
