package pgtest

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/usermgmt/usermgmt/internal/pgserver"
)

// family begins the names of all databases that tests make.
const family = "usermgmttest_"

// announce prepares a server that outlives this process. The connection that it
// returns bears the name of this process, as long as that lives; databases of a
// process of which there is no such connection are dropped.
func announce(ctx context.Context, dsn, process string) (*pgx.Conn, error) {
	conn, err := pgx.Connect(ctx, pgserver.With(dsn, "application_name", process))
	if err != nil {
		return nil, err
	}
	rows, err := conn.Query(ctx, `
		select datname::text from pg_database d
		where datname ~ ('^' || $1::text || '[a-z0-9]+_') and pg_get_userbyid(datdba) = current_user
		and not exists (select from pg_stat_activity
			where application_name = substring(d.datname from '^' || $1::text || '[a-z0-9]+'))`, family)
	if err != nil {
		return nil, errors.Join(err, conn.Close(ctx))
	}
	left, err := pgx.CollectRows(rows, pgx.RowTo[string])
	for _, name := range left {
		err = errors.Join(err, pgserver.DropDatabase(ctx, dsn, name))
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close(ctx))
	}
	return conn, nil
}
