// Hosttx is a host with a table of its own, customers, that makes a customer and
// the customer's first user in one transaction: both or neither. It does so with
// pgx and with database/sql, and each time once with a roll-back, once with a
// commit, and once with a call of the library that fails and leaves the host's
// transaction usable.
//
//	go run ./examples/hosttx                 # on a private server
//	go run ./examples/hosttx -postgres DSN   # on an empty database
package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/pgserver"
	"github.com/usermgmt/usermgmt/store/postgres"
)

func main() {
	dsn := flag.String("postgres", "", "the address of an empty database; without it, a private server is started")
	flag.Parse()
	if err := start(context.Background(), os.Stdout, *dsn); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func start(ctx context.Context, out io.Writer, dsn string) error {
	if dsn == "" {
		server, err := pgserver.Start(ctx, pgserver.Config{})
		if err != nil {
			return err
		}
		defer func() { _ = server.Stop() }()
		dsn = server.DSN("postgres")
	}
	pool, err := pgxpool.New(ctx, dsn)
	if err != nil {
		return err
	}
	defer pool.Close()
	return run(ctx, out, pool)
}

// host is the application: a pool, a Manager, and somebody to act as.
type host struct {
	out   io.Writer
	pool  *pgxpool.Pool
	store *postgres.Store
	users *usermgmt.Manager
	root  usermgmt.Actor
	role  usermgmt.RoleID
	// profile is the access profile of customers' users.
	profile usermgmt.ProfileID
	org     *usermgmt.Bootstrapped
}

func run(ctx context.Context, out io.Writer, pool *pgxpool.Pool) error {
	h := &host{out: out, pool: pool}
	if err := h.prepare(ctx); err != nil {
		return err
	}
	// A host on database/sql can share the pool of a part that uses pgx.
	db := stdlib.OpenDBFromPool(pool)
	defer func() { _ = db.Close() }()

	fmt.Fprintln(out, "pgx")
	if err := h.withPgx(ctx, "acorn", "Acorn Ltd", true); err != nil {
		return err
	}
	if err := h.withPgx(ctx, "birch", "Birch Ltd", false); err != nil {
		return err
	}
	fmt.Fprintln(out, "database/sql")
	if err := h.withSQL(ctx, db, "cedar", "Cedar Ltd", true); err != nil {
		return err
	}
	if err := h.withSQL(ctx, db, "douglas", "Douglas Ltd", false); err != nil {
		return err
	}
	return h.report(ctx)
}

// prepare makes the host's table, the library's schema and the first administrator.
func (h *host) prepare(ctx context.Context) error {
	if _, err := h.pool.Exec(ctx, `create table customers (name text primary key, contact uuid not null)`); err != nil {
		return err
	}
	var err error
	if h.store, err = postgres.New(h.pool, nil); err != nil {
		return err
	}
	if err := h.store.Migrate(ctx); err != nil {
		return err
	}
	if h.users, err = usermgmt.New(h.store, nil); err != nil {
		return err
	}
	h.org, err = h.users.Bootstrap(ctx, usermgmt.BootstrapRequest{
		Organization: usermgmt.NewOrganization{Name: "Host Inc"},
		Administrator: usermgmt.NewUser{Username: "root", Email: "root@host.test", FirstName: "Ruth", LastName: "Root",
			Password: "correct horse battery staple"},
	})
	if err != nil {
		return err
	}
	h.root, err = h.users.ActorFor(ctx, usermgmt.ActorRequest{User: h.org.Administrator.ID, ProvedAt: time.Now()})
	if err != nil {
		return err
	}
	role, err := h.users.Roles().Create(ctx, h.root, usermgmt.NewRole{Name: "Customer"})
	if err != nil {
		return err
	}
	h.role = role.ID
	profile, err := h.users.Profiles().Shipped(ctx, h.root, usermgmt.ProfileRegularUser)
	if err != nil {
		return err
	}
	h.profile = profile.ID
	return nil
}

// errChangedMind makes a transaction roll back.
var errChangedMind = errors.New("the host changed its mind")

// withPgx makes a customer and its user in a transaction of pgx.
func (h *host) withPgx(ctx context.Context, username, customer string, changeMind bool) error {
	err := pgx.BeginFunc(ctx, h.pool, func(tx pgx.Tx) error {
		users := h.users.WithStore(h.store.WithTx(tx))
		u, err := h.signUp(ctx, users, username)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `insert into customers (name, contact) values ($1, $2)`, customer, u.ID.String()); err != nil {
			return err
		}
		if changeMind {
			return errChangedMind
		}
		return nil
	})
	return h.tell(username, err)
}

// withSQL is withPgx for database/sql.
func (h *host) withSQL(ctx context.Context, db *sql.DB, username, customer string, changeMind bool) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	users := h.users.WithStore(h.store.WithSQLTx(tx))
	u, err := h.signUp(ctx, users, username)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `insert into customers (name, contact) values ($1, $2)`, customer, u.ID); err != nil {
		return err
	}
	if changeMind {
		return h.tell(username, errChangedMind)
	}
	return h.tell(username, tx.Commit())
}

// signUp makes a user. The first try takes a name that is taken: the library
// refuses, and the transaction goes on as if it had not been asked.
func (h *host) signUp(ctx context.Context, users *usermgmt.Manager, username string) (*usermgmt.User, error) {
	person := func(name string) usermgmt.NewUser {
		return usermgmt.NewUser{
			Username: name, Email: name + "@customer.test", FirstName: "Chris", LastName: "Customer",
			OwnerUnit: h.org.MainUnit.ID,
			NewMembership: usermgmt.NewMembership{Profile: h.profile, PrimaryTeam: h.org.RootTeam.ID,
				Roles: []usermgmt.RoleAssignment{{Role: h.role}}},
		}
	}
	if _, err := users.Users().Create(ctx, h.root, person("root")); !errors.Is(err, usermgmt.ErrConflict) {
		return nil, fmt.Errorf("a second root was not refused: %w", err)
	}
	return users.Users().Create(ctx, h.root, person(username))
}

func (h *host) tell(username string, err error) error {
	switch {
	case errors.Is(err, errChangedMind):
		fmt.Fprintf(h.out, "  %-8s rolled back: %v\n", username, err)
	case err == nil:
		fmt.Fprintf(h.out, "  %-8s committed\n", username)
	default:
		return err
	}
	return nil
}

// report shows what is left: customers and users agree.
func (h *host) report(ctx context.Context) error {
	rows, err := h.pool.Query(ctx, `select c.name, u.username from customers c join usermgmt_users u on u.user_id = c.contact order by 1`)
	if err != nil {
		return err
	}
	defer rows.Close()
	fmt.Fprintln(h.out, "customers and their users")
	for rows.Next() {
		var name, username string
		if err := rows.Scan(&name, &username); err != nil {
			return err
		}
		fmt.Fprintf(h.out, "  %-12s %s\n", name, username)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	page, err := h.users.Users().List(ctx, h.root, usermgmt.UserQuery{})
	if err != nil {
		return err
	}
	for _, u := range page.Items {
		fmt.Fprintf(h.out, "  user %s\n", u.Username)
	}
	return nil
}
