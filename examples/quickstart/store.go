package main

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/pgserver"
	"github.com/usermgmt/usermgmt/store/memory"
	"github.com/usermgmt/usermgmt/store/postgres"
)

// open returns the store at dsn: in memory for "", on a private server for "auto".
// stop ends what was started.
func open(ctx context.Context, dsn string) (store usermgmt.Store, stop func(), err error) {
	if dsn == "" {
		return memory.New(), func() {}, nil
	}
	stopServer := func() {}
	if dsn == "auto" {
		server, err := pgserver.Start(ctx, pgserver.Config{})
		if err != nil {
			return nil, nil, err
		}
		stopServer = func() { _ = server.Stop() }
		dsn = server.DSN("postgres")
	}
	pool, err := pgxpool.New(ctx, dsn)
	if err != nil {
		stopServer()
		return nil, nil, err
	}
	stop = func() {
		pool.Close()
		stopServer()
	}
	s, err := postgres.New(pool, nil)
	if err == nil {
		err = s.Migrate(ctx)
	}
	if err != nil {
		stop()
		return nil, nil, err
	}
	return s, stop, nil
}
