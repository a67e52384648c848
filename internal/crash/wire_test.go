package crash_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"os"
	"strings"
	"sync/atomic"
)

// The points at which a client kills itself. The first ones are places in the
// stream of messages to the server, the last two are in the client.
const (
	beforeBegin   = "before BEGIN is sent"
	afterBegin    = "after BEGIN was sent"
	beforeWrite   = "before the first write is sent"
	betweenWrites = "between two writes"
	beforeLast    = "before the writes and COMMIT are sent"
	amidWrites    = "in the middle of the writes"
	beforeCommit  = "after the writes, before COMMIT is sent"
	afterCommit   = "after COMMIT was sent, before its answer"
	afterAnswer   = "after COMMIT was answered"
	beforeSelf    = "before a batch that commits itself is sent"
	afterSelf     = "after a batch that commits itself was sent"
	beforeAck     = "after the call, before its acknowledgement"
	afterAck      = "after the acknowledgement"
)

// The ways to the server.
const (
	driverPgx    = "pgx"
	driverSQL    = "database/sql"
	driverSimple = "pgx, simple protocol" // as for some poolers
)

var drivers = []string{driverPgx, driverSQL, driverSimple}

// spot is a point on the way over one of the drivers.
type spot struct{ driver, point string }

// spots are all of them: over pgx the writes and COMMIT are one message to the
// network, over database/sql each is one by itself.
var spots = []spot{
	{driverPgx, beforeBegin}, {driverPgx, afterBegin}, {driverPgx, beforeLast}, {driverPgx, amidWrites},
	{driverPgx, beforeCommit}, {driverPgx, afterCommit}, {driverPgx, afterAnswer}, {driverPgx, beforeSelf},
	{driverPgx, afterSelf}, {driverPgx, beforeAck}, {driverPgx, afterAck},
	{driverSQL, beforeBegin}, {driverSQL, afterBegin}, {driverSQL, beforeWrite}, {driverSQL, betweenWrites},
	{driverSQL, beforeCommit}, {driverSQL, afterCommit}, {driverSQL, afterAnswer}, {driverSQL, beforeAck}, {driverSQL, afterAck},
}

// killer kills its own process when a point is reached for the nth time.
type killer struct {
	point string
	nth   int64
	count atomic.Int64
}

// due reports whether now is the time.
func (k *killer) due(point string) bool {
	return k.point == point && k.count.Add(1) == k.nth
}

func (k *killer) hit(point string) {
	if k.due(point) {
		die()
	}
}

// die ends the process by SIGKILL.
func die() {
	if p, err := os.FindProcess(os.Getpid()); err == nil {
		_ = p.Kill()
	}
	select {} // until the signal is there
}

// wire is a connection to the server that understands what is sent.
type wire struct {
	net.Conn
	k          *killer
	started    bool
	texts      map[string]string // of prepared statements
	inTx       bool
	wrote      bool // in the transaction
	committing atomic.Bool
}

type dialFunc = func(ctx context.Context, network, addr string) (net.Conn, error)

func (k *killer) dial(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &wire{Conn: conn, k: k, texts: map[string]string{}}, nil
	}
}

// statement is one that a write to the network executes.
type statement struct {
	start  int // where its first message begins
	sql    string
	writes bool
}

// read finds the statements among the messages in p.
func (c *wire) read(p []byte) []statement {
	var out []statement
	start, sql := 0, ""
	for at := 0; at+5 <= len(p); {
		end := at + 1 + int(binary.BigEndian.Uint32(p[at+1:]))
		if end > len(p) {
			break
		}
		body := p[at+5 : end]
		switch p[at] {
		case 'P':
			if name, rest, ok := bytes.Cut(body, []byte{0}); ok {
				text, _, _ := bytes.Cut(rest, []byte{0})
				c.texts[string(name)] = strings.ToLower(string(text))
			}
		case 'B':
			if _, rest, ok := bytes.Cut(body, []byte{0}); ok {
				name, _, _ := bytes.Cut(rest, []byte{0})
				start, sql = at, c.texts[string(name)]
			}
		case 'E':
			out = append(out, statementOf(start, sql))
		case 'Q':
			text, _, _ := bytes.Cut(body, []byte{0})
			out = append(out, statementOf(at, strings.ToLower(string(text))))
		}
		at = end
	}
	return out
}

func statementOf(start int, sql string) statement {
	s := statement{start: start, sql: sql}
	for _, word := range [...]string{"insert into ", "update usermgmt_", "delete from "} {
		s.writes = s.writes || strings.Contains(sql, word)
	}
	return s
}

// sending is what one write to the network does.
type sending struct {
	begin, end bool // end: of a transaction, in whatever way
	commit     int  // where COMMIT begins, -1 if it is not there
	writes     []int
}

func (c *wire) understand(p []byte) sending {
	f := sending{commit: -1}
	for _, s := range c.read(p) {
		switch {
		case strings.HasPrefix(s.sql, "begin"):
			f.begin = true
		case strings.HasPrefix(s.sql, "commit"):
			f.commit, f.end = s.start, true
		case s.sql == "rollback":
			f.end = true
		case s.writes:
			f.writes = append(f.writes, s.start)
		}
	}
	return f
}

// Write sends p, or only a part of it, and kills the process when it is time.
func (c *wire) Write(p []byte) (int, error) {
	if !c.started {
		c.started = true
		return c.Conn.Write(p)
	}
	f := c.understand(p)
	inTx := c.inTx || f.begin
	alone := !inTx && len(f.writes) > 0 // a batch without BEGIN is a transaction
	changes := c.wrote || len(f.writes) > 0
	if f.begin {
		c.k.hit(beforeBegin)
	}
	switch {
	case alone:
		c.k.hit(beforeSelf)
	case len(f.writes) == 0:
	case f.commit >= 0:
		c.k.hit(beforeLast)
		if n := len(f.writes); n > 1 {
			c.cut(amidWrites, p[:f.writes[n/2]])
		}
	case c.wrote:
		c.k.hit(betweenWrites)
	default:
		c.k.hit(beforeWrite)
	}
	if f.commit >= 0 && changes {
		c.cut(beforeCommit, p[:f.commit])
		c.committing.Store(true)
	}
	n, err := c.Conn.Write(p)
	switch {
	case alone:
		c.k.hit(afterSelf)
	case f.commit >= 0 && changes:
		c.k.hit(afterCommit)
	case f.begin:
		c.k.hit(afterBegin)
	}
	c.inTx, c.wrote = inTx && !f.end, inTx && changes && !f.end
	return n, err
}

// cut sends a part and kills the process, when it is time.
func (c *wire) cut(point string, part []byte) {
	if !c.k.due(point) {
		return
	}
	if len(part) > 0 {
		_, _ = c.Conn.Write(part)
	}
	die()
}

func (c *wire) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.committing.Load() && bytes.Contains(p[:n], []byte("COMMIT\x00")) {
		c.committing.Store(false)
		c.k.hit(afterAnswer)
	}
	return n, err
}
