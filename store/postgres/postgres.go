package postgres

import (
	"context"
	"database/sql"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/usermgmt/usermgmt"
)

// Config configures a [Store]. Nil and the zero Config are fine.
type Config struct {
	// Schema is the schema of the tables. Every statement names it; the search
	// path is not changed. It must exist. Defaults to none: the tables are
	// where the search path of the connection leads.
	Schema string
}

// Store is a [usermgmt.Store] in a Postgres database. Make one with [New],
// [NewConn] or [NewSQL]. It holds no data of its own. It is safe for concurrent
// use unless it is bound to a transaction or made of a single connection.
type Store struct {
	*core
	// host is the connection of a host's transaction, nil without one.
	host link
	unit *unit // the running unit of work, nil outside of one
}

var _ usermgmt.Store = (*Store)(nil)

// core is what a store shares with those bound to its transactions.
type core struct {
	source source
	prefix string // the quoted schema and a dot, or ""
	texts  sync.Map
	known  atomic.Int64 // how many texts there are
}

// New returns a store on a pool of connections. The pool stays the caller's:
// the store never closes it. New does not talk to the database and does not
// migrate; see [Store.Migrate].
func New(pool *pgxpool.Pool, cfg *Config) (*Store, error) {
	if pool == nil {
		return nil, required("pool")
	}
	return newStore(poolSource{pool}, cfg)
}

// NewConn is [New] for a single connection. Like the connection, the store
// belongs to one goroutine at a time.
func NewConn(conn *pgx.Conn, cfg *Config) (*Store, error) {
	if conn == nil {
		return nil, required("conn")
	}
	return newStore(connSource{conn}, cfg)
}

// NewSQL is [New] for database/sql. The driver must be pgx's: the one that
// github.com/jackc/pgx/v5/stdlib registers, bare or wrapped.
func NewSQL(db *sql.DB, cfg *Config) (*Store, error) {
	if db == nil {
		return nil, required("db")
	}
	return newStore(sqlSource{db}, cfg)
}

func newStore(src source, cfg *Config) (*Store, error) {
	c := &core{source: src}
	if cfg != nil && cfg.Schema != "" {
		if strings.ContainsRune(cfg.Schema, 0) || len(cfg.Schema) > maxIdentifier {
			return nil, &usermgmt.Error{Kind: usermgmt.ErrInvalid, Field: "schema", Rule: "format"}
		}
		c.prefix = pgx.Identifier{cfg.Schema}.Sanitize() + "."
	}
	return &Store{core: c}, nil
}

// maxTexts is how many qualified statements a store remembers.
const maxTexts = 1024

// maxIdentifier is the length of the longest name in Postgres, in bytes.
const maxIdentifier = 63

func required(field string) error {
	return &usermgmt.Error{Kind: usermgmt.ErrInvalid, Field: field, Rule: "required"}
}

// WithTx returns a store that does everything inside tx, a transaction of the
// host's. It may belong to another pool or connection than the store's, of the
// same database.
//
// The host commits or rolls back; nothing is visible to others before. Each
// call that writes runs in a savepoint, so an error of ours undoes that call
// and leaves tx usable; only a cancelled context breaks the connection, and with
// it tx. The store never retries: under REPEATABLE READ and SERIALIZABLE the
// host must be ready for [usermgmt.ErrTransient] and run its transaction again.
// READ COMMITTED is what the store is made for: a transaction with an older view
// that changes a user does not see the memberships made since, whose sort keys it
// would have to bring up to date.
// What is done counts as of the host's COMMIT.
//
// The bound store belongs to one goroutine, and to tx: it is of no use after it.
// Use it with [usermgmt.Manager.WithStore].
func (s *Store) WithTx(tx pgx.Tx) *Store {
	return &Store{core: s.core, host: &pgxLink{conn: tx.Conn(), via: tx}}
}

// WithSQLTx is [Store.WithTx] for database/sql. The store itself may have been
// made by any of the constructors.
func (s *Store) WithSQLTx(tx *sql.Tx) *Store {
	return &Store{core: s.core, host: &sqlLink{tx: tx}}
}

// sql returns text with the names of the tables qualified.
func (c *core) sql(text string) string {
	if c.prefix == "" {
		return text
	}
	if done, ok := c.texts.Load(text); ok {
		return done.(string)
	}
	done := strings.ReplaceAll(text, "usermgmt_", c.prefix+"usermgmt_")
	if c.known.Load() < maxTexts { // texts of lists are many
		c.texts.Store(text, done)
		c.known.Add(1)
	}
	return done
}

// mark is the key of a context that was given to a unit of work; the value is
// the *unit.
type mark struct{ c *core }

// enter checks a call of a store that is in no unit of work.
func (s *Store) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if u, ok := ctx.Value(mark{s.core}).(*unit); ok && !u.ended.Load() {
		return usermgmt.ErrOutsideTx
	}
	return nil
}
