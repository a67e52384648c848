// Package postgres keeps the data of usermgmt in a PostgreSQL database,
// beside the host's own tables. It is tested on PostgreSQL 15.
//
//	pool, err := pgxpool.New(ctx, dsn)
//	…
//	store, err := postgres.New(pool, nil)
//	…
//	err = store.Migrate(ctx) // once per release, not per process
//	…
//	users, err := usermgmt.New(store, nil)
//
// # Connections
//
// [New] takes a pool of pgx, [NewConn] one connection, [NewSQL] a *sql.DB on pgx's
// driver. All run the same statements. Over pgx what a unit of work writes is
// collected and travels with its COMMIT in one round trip; database/sql knows no
// pipelines and sends each statement by itself.
//
// The store keeps no state in a session of the server: no SET, no LISTEN, no
// session locks, no temporary tables, and it works in every query mode of pgx. So it
// runs through a pooler in transaction mode; give pgx
// default_query_exec_mode=exec where the pooler does not know prepared statements.
//
// # The host's own transactions
//
// [Store.WithTx] and [Store.WithSQLTx] bind the store to a transaction of the
// host's, in which the whole library then works:
//
//	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
//		m := users.WithStore(store.WithTx(tx))
//		u, err := m.Users().Create(ctx, actor, newUser)
//		if err != nil {
//			return err // or go on: tx is still usable
//		}
//		_, err = tx.Exec(ctx, `insert into customers …`, u.ID)
//		return err
//	})
//
// # Failures
//
// Transactions of the store's own are repeated when the server gives them up for a
// serialization failure or a deadlock; a host's never are. A connection that is
// lost while it commits is [usermgmt.ErrOutcomeUnknown], and
// [usermgmt.Manager.Resolve] finds out. Every other failure means that nothing
// happened. Errors of the driver are within the errors of this package, for
// errors.As; their text, which may name servers and values, is not.
//
// A change that meets a newer version of its row is refused by the statement
// itself, which fails on the server; the server's log shows such refusals as
// "invalid input syntax for type integer" with a word that begins with
// "usermgmt:".
//
// # The schema
//
// All tables are named usermgmt_…, in the schema that [Config] names. Migrations
// only go forward: [Store.Migrate], [SQL] and [Migrations] are three ways to run them.
// Hosts may read the tables and join to them; what they write there is not checked,
// and of users and memberships not seen by an import that skips rows.
// There are no triggers, extensions, enumerated types or sequences, so replicas and
// relatives of PostgreSQL have little to trip over.
//
// # Search
//
// Lists of users search for any part of a name or address without an extension: a
// table of hashed fragments has an ordinary GIN index. A host that has pg_trgm and
// prefers it can add
//
//	create index on usermgmt_users using gin (search_key gin_trgm_ops)
//
// but needs not; the store works with and without it.
package postgres
