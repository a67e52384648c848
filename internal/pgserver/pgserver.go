// Package pgserver runs a private Postgres from the server binaries on the machine,
// for tests and for trying things out. It listens on a Unix socket in a directory of
// its own, believes everybody who reaches that, and is gone, directory and all, when
// it is stopped or when the process that started it ends, even by SIGKILL: a small
// shell waits for that. It needs a Unix, and Postgres 13 or newer.
package pgserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// ErrNoServer says that this machine has no Postgres server to start: no binaries,
// or no account that they would run under. The text that comes with it says which.
var ErrNoServer = errors.New("pgserver: no Postgres server on this machine")

// User is the superuser of a private server. It has no password.
const User = "postgres"

// port is part of the name of a socket.
const port = "5432"

// Config says how a server is to run. The zero value is for tests.
type Config struct {
	// Durable makes the server write as it does in production. Without it, nothing
	// waits for the disk, a server that was killed may have lost commits, and on
	// Linux the data is in /dev/shm if 4 GiB are free there and TMPDIR is not set.
	Durable bool
	// Settings are added to postgresql.conf and win over what the package sets,
	// such as "shared_buffers". Values are quoted here. The socket's place cannot
	// be changed.
	Settings map[string]string
}

// A Server is a running Postgres. Its methods are safe for concurrent use.
type Server struct {
	bin string
	g   *guard

	mu      sync.Mutex
	proc    *proc // nil if there never was one, or it was killed
	stopped bool
}

// Start makes a database cluster and starts a server on it, which takes about half a
// second. The context bounds the start only; end the server with [Server.Stop], or
// leave that to the end of this process. Without a server on the machine it returns
// [ErrNoServer].
//
// The binaries are those in the directory USERMGMT_PG_BIN, or else those of the
// highest version below /usr/lib/postgresql, or else those in PATH. Root runs them
// as the user postgres, or else nobody.
//
// The time zone is Asia/Kathmandu (UTC+5:45), so that a confusion of zones shows.
// Up to 200 clients can connect. A plain CREATE DATABASE makes one that compares text
// by bytes, which production seldom does; [CreateDatabase] makes others.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	bin, err := findBinaries()
	if err != nil {
		return nil, err
	}
	g, err := newGuard(cfg.Durable)
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin, g: g}
	if err := s.create(ctx, cfg); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	if err := s.Restart(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *Server) data() string { return filepath.Join(s.g.dir, "data") }

// create makes the cluster and its configuration.
func (s *Server) create(ctx context.Context, cfg Config) error {
	var err error
	for _, locale := range []string{"C.UTF-8", "C"} { // not every system has the first
		err = s.run(ctx, "initdb", "-D", s.data(), "-U", User, "-A", "trust",
			"--encoding=UTF8", "--locale="+locale, "--no-sync", "--no-instructions")
		if err == nil || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return err
	}
	settings := map[string]string{
		"max_connections":            "200",
		"shared_buffers":             "256MB",
		"max_wal_size":               "512MB",
		"timezone":                   "Asia/Kathmandu",
		"log_timezone":               "UTC",
		"log_lock_waits":             "on",
		"log_checkpoints":            "off",  // every database that is made or dropped causes some
		"dynamic_shared_memory_type": "mmap", // files in the directory, gone with it
	}
	if !cfg.Durable {
		settings["fsync"] = "off"
		settings["synchronous_commit"] = "off"
		settings["full_page_writes"] = "off"
	}
	maps.Copy(settings, cfg.Settings)
	// Clients find the socket by these, and nobody else is to.
	settings["listen_addresses"] = ""
	settings["unix_socket_directories"] = s.g.dir
	settings["unix_socket_permissions"] = "0700"
	settings["port"] = port
	settings["logging_collector"] = "off"
	f, err := os.OpenFile(filepath.Join(s.data(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	quote := strings.NewReplacer("'", "''", `\`, `\\`)
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(f, "%s = '%s'\n", name, quote.Replace(settings[name])) // an error stays for Close
	}
	return f.Close()
}

// run runs a program of the server's to its end.
func (s *Server) run(ctx context.Context, name string, args ...string) error {
	p, err := s.g.spawn("log", filepath.Join(s.bin, name), args...)
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-p.done:
	}
	if p.err != nil {
		return fmt.Errorf("pgserver: %s: %w\n%s", name, p.err, s.Log())
	}
	return nil
}

// Restart starts a server that was killed or has ended, on the data that it left, and
// waits until it accepts connections. It is an error while the server runs.
func (s *Server) Restart(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped || s.proc.alive() {
		return errors.New("pgserver: only a server that was killed can be restarted")
	}
	p, err := s.g.spawn("log", filepath.Join(s.bin, "postgres"), "-D", s.data())
	if err != nil {
		return err
	}
	s.proc = p
	if err := p.accepts(ctx, s.DSN(User)); err != nil {
		return fmt.Errorf("pgserver: postgres: %w\n%s", err, s.Log())
	}
	return nil
}

// accepts waits until a process accepts connections.
func (p *proc) accepts(ctx context.Context, dsn string) error {
	for {
		err := Admin(ctx, dsn, func(conn *pgx.Conn) error { return conn.Ping(ctx) })
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("has ended: %v", p.err)
		case <-ctx.Done():
			return fmt.Errorf("accepts no connections: %w: %w", ctx.Err(), err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// alive tells whether a process has neither been killed nor ended.
func (p *proc) alive() bool {
	if p == nil {
		return false
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// KillHard kills the server and all its backends at once, so that none of them gets
// to tidy up. What they wrote is still in the system's cache: this is the death of
// the software, and shows what a commit promised, but not that a disk kept it.
func (s *Server) KillHard() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.proc.alive() {
		return errors.New("pgserver: the server does not run")
	}
	children, err := s.proc.killTree()
	if err != nil {
		return fmt.Errorf("pgserver: kill: %w", err)
	}
	<-s.proc.done
	s.proc = nil
	for _, c := range children { // a new server refuses to start while one lives
		for !ended(c) {
			time.Sleep(time.Millisecond)
		}
	}
	return nil
}

// Stop ends the server without ceremony and removes its directory. It may be called
// more than once.
func (s *Server) Stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped, s.proc = true, nil
	return s.g.close()
}

// DSN returns the address of a database of the server as a URL with a query, to
// which "&name=value" can be added. The database "postgres" is always there.
func (s *Server) DSN(database string) string {
	return socketDSN(s.g.dir, User, database)
}

// socketDSN returns the address of a database behind a socket.
func socketDSN(dir, user, database string) string {
	return "postgres://" + escape(user) + "@/" + escape(database) +
		"?host=" + escape(dir) + "&port=" + port + "&sslmode=disable"
}

// Log returns the end of the server's log, at most 8 KiB.
func (s *Server) Log() string { return tail(filepath.Join(s.g.dir, "log")) }

func tail(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	const most = 8 << 10
	if info, err := f.Stat(); err == nil && info.Size() > most {
		f.Seek(-most, io.SeekEnd)
	}
	data, _ := io.ReadAll(io.LimitReader(f, most)) // what there is
	return string(data)
}
