package pgserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// ErrNoBouncer says that there is no pgbouncer on this machine.
var ErrNoBouncer = errors.New("pgserver: no pgbouncer in PATH or /usr/sbin")

// A Bouncer is a running PgBouncer in front of one database.
type Bouncer struct {
	g   *guard
	dsn string
}

// StartBouncer starts a PgBouncer in transaction pooling mode, with at most poolSize
// connections, in front of the database of dsn, which must be reachable at its first
// address. All other settings are PgBouncer's own, except that a client waits no
// longer than 30 seconds for a connection. It lives and dies as a [Server] does.
// Without the program it returns [ErrNoBouncer].
func StartBouncer(ctx context.Context, dsn string, poolSize int) (*Bouncer, error) {
	program, err := findBouncer()
	if err != nil {
		return nil, err
	}
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	g, err := newGuard(true)
	if err != nil {
		return nil, err
	}
	b := &Bouncer{g, With(socketDSN(g.dir, cfg.User, cfg.Database), "default_query_exec_mode", "exec")}
	if err := b.start(ctx, program, cfg, poolSize); err != nil {
		return nil, errors.Join(err, b.Stop())
	}
	return b, nil
}

func findBouncer() (string, error) {
	for _, name := range []string{"pgbouncer", "/usr/sbin/pgbouncer"} {
		if path, err := exec.LookPath(name); err == nil {
			return filepath.Abs(path)
		}
	}
	return "", ErrNoBouncer
}

func (b *Bouncer) start(ctx context.Context, program string, cfg *pgx.ConnConfig, poolSize int) error {
	quote := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
	tls := "disable"
	if cfg.TLSConfig != nil {
		tls = "require"
	}
	database := fmt.Sprintf("host=%s port=%d dbname=%s user=%s",
		quote(cfg.Host), cfg.Port, quote(cfg.Database), quote(cfg.User))
	if cfg.Password != "" {
		database += " password=" + quote(cfg.Password)
	}
	ini, users := filepath.Join(b.g.dir, "pgbouncer.ini"), filepath.Join(b.g.dir, "users")
	settings := []string{
		"[databases]", "* = " + database, // the name of one cannot hold every character
		"[pgbouncer]", "unix_socket_dir = " + b.g.dir, "listen_port = " + port,
		"auth_type = trust", "auth_file = " + users, "server_tls_sslmode = " + tls,
		"pool_mode = transaction", "default_pool_size = " + strconv.Itoa(poolSize),
		"max_client_conn = 1000", "query_wait_timeout = 30", "",
	}
	for path, text := range map[string]string{
		ini:   strings.Join(settings, "\n"),
		users: strconv.Quote(cfg.User) + ` ""` + "\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
		if err := b.g.own(path); err != nil {
			return err
		}
	}
	p, err := b.g.spawn("log", program, ini)
	if err != nil {
		return err
	}
	if err := p.accepts(ctx, b.dsn); err != nil {
		return fmt.Errorf("pgserver: pgbouncer: %w\n%s", err, tail(filepath.Join(b.g.dir, "log")))
	}
	return nil
}

// DSN returns the address of the database through the pooler, as [Server.DSN] does.
// It sets default_query_exec_mode=exec, since PgBouncer knows prepared statements with
// names only from 1.21 on.
func (b *Bouncer) DSN() string { return b.dsn }

// Stop ends the pooler, cuts its connections and removes its directory. It may be
// called more than once.
func (b *Bouncer) Stop() error { return b.g.close() }
