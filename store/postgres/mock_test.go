package postgres_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/DATA-DOG/go-sqlmock"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/store/postgres"
)

// What a real server cannot be made to give is given by a mock of the driver.

// anything accepts every argument, as pgx's driver does.
type anything struct{}

func (anything) ConvertValue(v any) (driver.Value, error) {
	if x, ok := v.(driver.Valuer); ok {
		return x.Value()
	}
	return v, nil
}

func mocked(t *testing.T) (*postgres.Store, sqlmock.Sqlmock) {
	t.Helper()
	db, mock, err := sqlmock.New(
		sqlmock.QueryMatcherOption(sqlmock.QueryMatcherFunc(func(want, got string) error {
			if want == "" || want == got {
				return nil
			}
			return errors.New("another statement: " + got)
		})), sqlmock.ValueConverterOption(anything{}))
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	s, err := postgres.NewSQL(db, nil)
	require.NoError(t, err)
	return s, mock
}

// unitOfWork makes an organization and bumps its stamps: two statements.
func unitOfWork(ctx context.Context, s usermgmt.Store) error {
	return s.Tx(ctx, func(ctx context.Context, tx usermgmt.Store) error {
		org := usermgmt.OrgID{1}
		if err := tx.BumpStamps(ctx, org, true); err != nil {
			return err
		}
		return tx.SaveOrg(ctx, usermgmt.Organization{ID: org, Name: "a", NameKey: "a", CreatedAt: time.Unix(1, 0), UpdatedAt: time.Unix(1, 0)})
	})
}

func done() driver.Result { return sqlmock.NewResult(0, 1) }

func TestHotStatementsGoLast(t *testing.T) {
	t.Parallel()
	s, mock := mocked(t)
	mock.ExpectBegin()
	mock.ExpectExec("").WithArgs(sqlmock.AnyArg(), "a", "a", "", false, false, false, int64(0), nil, nil, nil, nil,
		sqlmock.AnyArg(), sqlmock.AnyArg(), nil, false, "").WillReturnResult(done())
	mock.ExpectExec("").WithArgs(sqlmock.AnyArg(), sqlmock.AnyArg()).WillReturnResult(done())
	mock.ExpectCommit()
	require.NoError(t, unitOfWork(t.Context(), s))
	require.NoError(t, mock.ExpectationsWereMet())
}

func TestCommitThatFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		kind error // nil: none of the contract's
	}{
		"the connection is lost":       {io.ErrUnexpectedEOF, usermgmt.ErrOutcomeUnknown},
		"the connection was no good":   {driver.ErrBadConn, usermgmt.ErrOutcomeUnknown},
		"the server is shutting down":  {&pgconn.PgError{Severity: "FATAL", Code: "57P01"}, usermgmt.ErrOutcomeUnknown},
		"a serialization failure":      {&pgconn.PgError{Severity: "ERROR", Code: "40001"}, usermgmt.ErrTransient},
		"a constraint at the very end": {&pgconn.PgError{Severity: "ERROR", Code: "23505", ConstraintName: "um_orgs_name"}, usermgmt.ErrConflict},
		"the disk is full":             {&pgconn.PgError{Severity: "ERROR", Code: "53100"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, mock := mocked(t)
			tries := 1
			if errors.Is(c.kind, usermgmt.ErrTransient) {
				tries = 10
			}
			for range tries {
				mock.ExpectBegin()
				mock.ExpectExec("").WillReturnResult(done())
				mock.ExpectExec("").WillReturnResult(done())
				mock.ExpectCommit().WillReturnError(c.err)
			}
			err := unitOfWork(t.Context(), s)
			require.Error(t, err)
			if c.kind != nil {
				require.ErrorIs(t, err, c.kind)
			}
			for _, other := range []error{usermgmt.ErrOutcomeUnknown, usermgmt.ErrTransient, usermgmt.ErrConflict} {
				assert.Equal(t, other == c.kind, errors.Is(err, other), "%v", other) //nolint:errorlint // sentinels
			}
			require.NoError(t, mock.ExpectationsWereMet(), "never repeated blindly")
		})
	}
}

func TestConnectionLostAtEachStatement(t *testing.T) {
	t.Parallel()
	for lost := range 3 {
		s, mock := mocked(t)
		begin := mock.ExpectBegin()
		if lost == 0 {
			begin.WillReturnError(io.ErrUnexpectedEOF)
		}
		for i := 1; i <= lost; i++ {
			exec := mock.ExpectExec("")
			if i == lost {
				exec.WillReturnError(io.ErrUnexpectedEOF)
			} else {
				exec.WillReturnResult(done())
			}
		}
		if lost > 0 {
			mock.ExpectRollback()
		}
		err := unitOfWork(t.Context(), s)
		require.Error(t, err, "lost at %d", lost)
		assert.NotErrorIs(t, err, usermgmt.ErrOutcomeUnknown, "COMMIT was never sent")
		assert.ErrorIs(t, err, io.ErrUnexpectedEOF, "the driver's error is within")
		assert.NotContains(t, err.Error(), "EOF", "and not in the text")
		require.NoError(t, mock.ExpectationsWereMet(), "lost at %d", lost)
	}
}

func TestRollbackThatFails(t *testing.T) {
	t.Parallel()
	s, mock := mocked(t)
	mock.ExpectBegin()
	mock.ExpectExec("").WillReturnError(&pgconn.PgError{Severity: "ERROR", Code: "23505", ConstraintName: "um_orgs_name"})
	mock.ExpectRollback().WillReturnError(io.ErrUnexpectedEOF)
	err := unitOfWork(t.Context(), s)
	require.ErrorIs(t, err, usermgmt.ErrConflict, "what failed first is what counts")
	require.NoError(t, mock.ExpectationsWereMet())
}

func TestRowsThatBreak(t *testing.T) {
	t.Parallel()
	columns := []string{"org_id", "name", "name_key", "description", "enabled", "provider", "switch_roles", "epoch", "primary_admin",
		"root_team", "policy", "export_fields", "created_at", "updated_at", "version"}
	row := func(id any) []driver.Value {
		return []driver.Value{id, "a", "a", "", true, false, false, int64(1), nil, nil, nil, nil, time.Unix(1, 0), time.Unix(1, 0), int64(1)}
	}
	good := "11111111-1111-7111-8111-111111111111"
	for name, rows := range map[string]*sqlmock.Rows{
		"in the middle of a page":  sqlmock.NewRows(columns).AddRow(row(good)...).AddRow(row(good)...).RowError(1, io.ErrUnexpectedEOF),
		"a value of another type":  sqlmock.NewRows(columns).AddRow(row(17)...),
		"a value that is no id":    sqlmock.NewRows(columns).AddRow(row("no id")...),
		"a document that is none":  sqlmock.NewRows(columns).AddRow(append(row(good)[:10:10], "{", nil, time.Unix(1, 0), time.Unix(1, 0), int64(1))...),
		"fewer columns than asked": sqlmock.NewRows(columns[:3]).AddRow(row(good)[:3]...),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, mock := mocked(t)
			mock.ExpectQuery("").WillReturnRows(rows)
			out, err := s.ListOrgs(t.Context(), usermgmt.ListQuery{Limit: 10})
			require.Error(t, err)
			assert.Nil(t, out, "no part of a page")
			assert.NotErrorIs(t, err, usermgmt.ErrNotFound)
			require.NoError(t, mock.ExpectationsWereMet())
		})
	}
}

func TestQueryThatFailsInsideAUnitOfWork(t *testing.T) {
	t.Parallel()
	s, mock := mocked(t)
	mock.ExpectBegin()
	mock.ExpectQuery("").WillReturnError(io.ErrUnexpectedEOF)
	mock.ExpectRollback()
	err := s.Tx(t.Context(), func(ctx context.Context, tx usermgmt.Store) error {
		_, err := tx.ListOrgs(ctx, usermgmt.ListQuery{Limit: 1})
		require.Error(t, err)
		// A caller that goes on regardless does not get its change through.
		_ = tx.BumpStamps(ctx, usermgmt.OrgID{1}, false)
		return nil
	})
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.NoError(t, mock.ExpectationsWereMet())
}

func TestConnectionsThatCannotBeHad(t *testing.T) {
	t.Parallel()
	s, mock := mocked(t)
	mock.ExpectClose()
	mock.ExpectBegin().WillReturnError(errors.New("secret-host:5432 refuses"))
	err := unitOfWork(t.Context(), s)
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "secret-host")
}
