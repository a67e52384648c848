package postgres_test

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/pgserver"
	"github.com/usermgmt/usermgmt/store/postgres"
)

// The columns of an export by default, without the names of what is written by
// name: those are identifiers and documents here.
const bareExport = `select u.username, u.email, u.emails, u.prefix, u.first_name, u.middle_name, u.last_name, u.suffix, u.birthday, u.phone,
	u.mobile, u.fax, u.street, u.city, u.state, u.postal_code, u.country, u.company, u.title, u.employee_number, u.newsletter,
	u.account_mail, u.sso_pass, u.sso_delegated, u.sso_federation, u.source, u.external_id, u.kind, u.enabled, u.avatar_type,
	u.reports_to, u.responsible, u.deactivated_at, u.owner_unit, m.enabled, m.profile_id, m.roles, m.primary_team, m.teams,
	m.units, m.licence, m.initial_app, m.settings ->> 'time_zone', m.settings ->> 'date_format'
	from usermgmt_memberships m join usermgmt_users u on u.user_id = m.user_id where m.org_id = '%s'`

// firstByte notes when the first byte and how many came.
type firstByte struct {
	began time.Time
	first time.Duration
	n     int64
}

func (f *firstByte) Write(p []byte) (int, error) {
	if f.n == 0 {
		f.first = time.Since(f.began)
	}
	f.n += int64(len(p))
	return len(p), nil
}

// exportContests write the members of an organization as CSV.
func (w *world) exportContests(tb testing.TB, tab *table) {
	ctx := context.Background()
	org := bigOrg(1)
	sys := w.system(tb, org)
	query := fmt.Sprintf(bareExport, org)
	db, err := sql.Open("pgx", w.dsn)
	require.NoError(tb, err)
	defer func() { _ = db.Close() }()
	psql := func(order string) func(int) error {
		return func(int) error {
			copied := "\\copy (" + strings.ReplaceAll(query+order, "\n", " ") + ") to '/dev/null' csv header"
			out, err := exec.Command("psql", "-X", w.dsn, "-c", copied).CombinedOutput() //nolint:gosec // a benchmark
			if err != nil {
				return fmt.Errorf("%w: %.200s", err, out)
			}
			return nil
		}
	}
	var rows int
	var first firstByte
	var grown uint64
	ways := []side{
		{"psql \\copy", psql("")},
		{"Exports.CSV", func(int) error {
			before, stop := watchHeap()
			first = firstByte{began: time.Now()}
			var err error
			rows, err = w.m.Exports().CSV(ctx, sys, &first, usermgmt.ExportOptions{Org: org})
			grown = max(stop(), before) - before
			return err
		}},
		{"StreamMembers", func(int) error {
			n := 0
			for _, err := range w.store.StreamMembers(ctx, usermgmt.UserQuery{Org: org, View: usermgmt.ViewAll}) {
				if err != nil {
					return err
				}
				n++
			}
			return rowsAre(n, nil)
		}},
		{"psql \\copy in the order of names", psql(" order by m.name_key, m.user_id")},
		{"database/sql and encoding/csv", func(int) error { return plainExport(ctx, db, query) }},
		{"raw values of the stream", func(int) error { return w.rawStream(ctx, org) }},
	}
	rounds := envInt(tb, "USERMGMT_BENCH_BULK_ROUNDS", 1)
	c := contest{row: "8a", what: "export", ways: ways, rounds: rounds, each: 1}
	r := c.measure(tb)
	rate := func(k int) string { return fmt.Sprintf("%.0f k rows/s", float64(rows)/r.times[k].Seconds()/1e3) }
	faster := func(k int) float64 { return float64(r.times[k]) / float64(r.times[1]) }
	tab.line("8a", fmt.Sprintf("Exports.CSV of %d rows, %d MB", rows, first.n>>20), rate(0)+" psql \\copy", rate(1),
		fmt.Sprintf("%.2f× as fast", faster(0)), "≥ 1.4×", verdictOf(faster(0) >= 1.4))
	tab.line("8a", "same", rate(3)+" psql, ordered", rate(1), fmt.Sprintf("%.2f× as fast", faster(3)), "", "")
	tab.line("8a", "same", rate(4)+" database/sql, encoding/csv", rate(1), fmt.Sprintf("%.2f× as fast", faster(4)), "≥ 2.5×", verdictOf(faster(4) >= 2.5))
	tab.line("8a", "StreamMembers alone", rate(0)+" psql \\copy", rate(2), fmt.Sprintf("%.2f× as fast", float64(r.times[0])/float64(r.times[2])), "", "")
	tab.line("8a", "raw values of StreamMembers' statement", rate(0)+" psql \\copy", rate(5),
		fmt.Sprintf("%.2f× as fast", float64(r.times[0])/float64(r.times[5])), "", "")
	tab.line("8a", "heap growth; first byte", "", fmt.Sprintf("%.1f MiB; %s", float64(grown)/(1<<20), show(first.first)), "", "≤ 16 MiB; ≤ 20 ms",
		verdictOf(grown <= 16<<20)+"; "+verdictOf(first.first <= 20*time.Millisecond))
}

// rawStream reads what [postgres.Store.StreamMembers] reads and decodes nothing.
func (w *world) rawStream(ctx context.Context, org usermgmt.OrgID) error {
	conn, err := w.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	text, args := postgres.SQLStream(usermgmt.UserQuery{Org: org, View: usermgmt.ViewAll})
	rows, err := conn.Query(ctx, text, args...)
	if err != nil {
		return err
	}
	n := 0
	for ; rows.Next(); n++ {
		rows.RawValues()
	}
	return rowsAre(n, rows.Err())
}

// watchHeap samples the memory that Go has from the system and uses.
func watchHeap() (before uint64, stop func() uint64) {
	runtime.GC()
	used := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse + m.StackInuse
	}
	before = used()
	highest := before
	end, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-end:
				return
			case <-time.After(20 * time.Millisecond):
				highest = max(highest, used())
			}
		}
	}()
	return before, func() uint64 {
		close(end)
		<-done
		return highest
	}
}

// plainExport is what a host writes who knows database/sql and encoding/csv.
func plainExport(ctx context.Context, db *sql.DB, query string) error {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	values, dests, cells := make([]sql.NullString, len(columns)), make([]any, len(columns)), make([]string, len(columns))
	for i := range values {
		dests[i] = &values[i]
	}
	out := csv.NewWriter(io.Discard)
	for rows.Next() {
		if err := rows.Scan(dests...); err != nil {
			return err
		}
		for i := range values {
			cells[i] = values[i].String
		}
		if err := out.Write(cells); err != nil {
			return err
		}
	}
	out.Flush()
	return rows.Err()
}

// importTables are what an import writes to, in the order of references, with
// the condition on what it wrote.
var importTables = [][2]string{
	{"users", ""}, {"credentials", ""}, {"logins", ""}, {"login_names", ""}, {"search", ""}, {"memberships", ""},
	{"membership_roles", ""}, {"membership_teams", ""}, {"audit", "created"}, {"outbox", "created"},
}

// people is a file of n users.
func people(n int, unit, team string) []byte {
	var out bytes.Buffer
	out.WriteString("username,email,first_name,last_name,phone,street,city,postal_code,country,company,business_unit,team\r\n")
	for i := range n {
		fmt.Fprintf(&out, "imp%d,imp%d@import.test,Fan%d,Lan%d,+49 30 %d,Street %d,Berlin,10115,DE,Company,%s,%s\r\n",
			i, i, i%977, i%7919, i, i, unit, team)
	}
	return out.Bytes()
}

// importContests import people by the library and, into a copy of the same
// database, what that wrote by COPY alone.
func (w *world) importContests(tb testing.TB, tab *table) {
	n := envInt(tb, "USERMGMT_BENCH_IMPORT", 20_000)
	dir := tb.TempDir()
	// 9b: into a live table.
	roles := []usermgmt.RoleAssignment{{Role: bigRole(1)}}
	live := w.copyOf(tb, true)
	took := w.imported(tb, live, bigOrg(1), people(n, "Unit 77", "Team 77"), usermgmt.NewMembership{Profile: bigProfile(2), Roles: roles}, dir)
	w.drop(tb, live)
	live = w.copyOf(tb, true)
	floor := copied(tb, live, dir, false)
	w.drop(tb, live)
	w.importLine(tb, tab, "9b", fmt.Sprintf("import of %d into a live table", n), n, floor, took)

	// 9a: into an empty one.
	fresh := w.copyOf(tb, false)
	m, org, place := w.bootstrapped(tb, fresh)
	took = w.importedBy(tb, m, fresh, org, people(n, "Main", "My Team"), place, dir)
	w.drop(tb, fresh)
	fresh = w.copyOf(tb, false)
	floor = copied(tb, fresh, dir, true)
	w.drop(tb, fresh)
	w.importLine(tb, tab, "9a", fmt.Sprintf("initial import of %d", n), n, floor, took)
}

func (w *world) importLine(tb testing.TB, tab *table, row, what string, n int, floor, ours time.Duration) {
	tb.Helper()
	rate := func(d time.Duration) string { return fmt.Sprintf("%.1f k rows/s", float64(n)/d.Seconds()/1e3) }
	r := float64(floor) / float64(ours)
	how := " COPY, indexes in place"
	if row == "9a" {
		how = " COPY, then indexes"
	}
	tab.line(row, what, rate(floor)+how, rate(ours), fmt.Sprintf("%.2f× as fast", r), "≥ 0.85×", verdictOf(r >= 0.85))
}

// copyOf makes a database: one that is like the large one, or an empty one.
func (w *world) copyOf(tb testing.TB, full bool) string {
	tb.Helper()
	ctx := context.Background()
	name := w.unique("umcopy")
	admin := pgserver.WithDatabase(w.dsn, "postgres")
	if full {
		cfg, err := pgx.ParseConfig(w.dsn)
		require.NoError(tb, err)
		w.pool.Reset()
		_ = w.raw.Close(ctx)
		require.NoError(tb, pgserver.Admin(ctx, admin, func(conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", cfg.Database)
			if err == nil {
				_, err = conn.Exec(ctx, "create database "+name+" template "+pgx.Identifier{cfg.Database}.Sanitize()+" strategy file_copy")
			}
			return err
		}))
	} else {
		require.NoError(tb, pgserver.Admin(ctx, admin, func(conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, "create database "+name+" template template0")
			return err
		}))
	}
	dsn := pgserver.WithDatabase(w.dsn, name)
	if !full {
		require.NoError(tb, migrate(ctx, dsn, ""))
	}
	return dsn
}

func (w *world) drop(tb testing.TB, dsn string) {
	tb.Helper()
	ctx := context.Background()
	cfg, err := pgx.ParseConfig(dsn)
	require.NoError(tb, err)
	require.NoError(tb, pgserver.Admin(ctx, pgserver.WithDatabase(w.dsn, "postgres"), func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "drop database "+cfg.Database+" with (force)")
		return err
	}))
}

// in is a world in another database.
func (w *world) in(tb testing.TB, dsn string) *world {
	tb.Helper()
	other := &world{dsn: dsn, users: w.users}
	other.pool, other.store, other.m = other.process(tb)
	return other
}

func (w *world) bootstrapped(tb testing.TB, dsn string) (*usermgmt.Manager, usermgmt.OrgID, usermgmt.NewMembership) {
	tb.Helper()
	ctx := context.Background()
	m := w.in(tb, dsn).m
	done, err := m.Bootstrap(ctx, usermgmt.BootstrapRequest{
		Organization: usermgmt.NewOrganization{Name: "Acme"},
		Administrator: usermgmt.NewUser{Username: "root", Email: "root@acme.test", FirstName: "R", LastName: "R",
			Password: benchPassword},
	})
	require.NoError(tb, err)
	sys, err := m.SystemActor("benchmark", done.Organization.ID, usermgmt.Grant{Permission: "*.*", Scope: usermgmt.ScopeSystem})
	require.NoError(tb, err)
	role, err := m.Roles().Create(ctx, sys, usermgmt.NewRole{Org: done.Organization.ID, Name: "Regular"})
	require.NoError(tb, err)
	profile, err := m.Profiles().Shipped(ctx, sys, usermgmt.ProfileRegularUser)
	require.NoError(tb, err)
	return m, done.Organization.ID, usermgmt.NewMembership{Profile: profile.ID, Roles: []usermgmt.RoleAssignment{{Role: role.ID}}}
}

func (w *world) imported(tb testing.TB, dsn string, org usermgmt.OrgID, file []byte, place usermgmt.NewMembership, dir string) time.Duration {
	tb.Helper()
	return w.importedBy(tb, w.in(tb, dsn).m, dsn, org, file, place, dir)
}

// importedBy imports a file and keeps what that wrote in files of the form of COPY.
func (w *world) importedBy(tb testing.TB, m *usermgmt.Manager, dsn string, org usermgmt.OrgID, file []byte,
	place usermgmt.NewMembership, dir string) time.Duration {
	tb.Helper()
	ctx := context.Background()
	sys, err := m.SystemActor("benchmark", org, usermgmt.Grant{Permission: "*.*", Scope: usermgmt.ScopeSystem})
	require.NoError(tb, err)
	began := time.Now()
	report, err := m.Imports().Users(ctx, sys, bytes.NewReader(file), usermgmt.ImportOptions{Org: org, Defaults: place})
	took := time.Since(began)
	require.NoError(tb, err)
	require.Zero(tb, report.Failed, "%v", report.Problems[:min(3, len(report.Problems))])
	require.Positive(tb, report.Created)
	conn, err := pgx.Connect(ctx, dsn)
	require.NoError(tb, err)
	defer func() { _ = conn.Close(ctx) }()
	for _, t := range importTables {
		where := "user_id in (select user_id from usermgmt_users where username_key ~ '^imp[0-9]')"
		if t[0] == "audit" {
			where = fmt.Sprintf("at >= '%s'", began.UTC().Format(time.RFC3339Nano))
		} else if t[1] == "created" {
			where = fmt.Sprintf("created_at >= '%s'", began.UTC().Format(time.RFC3339Nano))
		}
		out, err := os.Create(filepath.Join(dir, t[0]))
		require.NoError(tb, err)
		_, err = conn.PgConn().CopyTo(ctx, out, "copy (select * from usermgmt_"+t[0]+" where "+where+") to stdout (format binary)")
		require.NoError(tb, err)
		require.NoError(tb, out.Close())
	}
	return took
}

// copied copies the files into the tables, with all indexes and references in
// place, or before the indexes are built and without looking at references.
func copied(tb testing.TB, dsn, dir string, indexesLater bool) time.Duration {
	tb.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, dsn)
	require.NoError(tb, err)
	defer func() { _ = conn.Close(ctx) }()
	do := func(sql string) {
		tb.Helper()
		_, err := conn.Exec(ctx, sql)
		require.NoError(tb, err, sql)
	}
	var indexes []string2
	if indexesLater {
		do("set session_replication_role = replica; set maintenance_work_mem = '512MB'")
		rows, err := conn.Query(ctx, `select indexrelid::regclass::text, pg_get_indexdef(indexrelid) from pg_index
			join pg_class c on c.oid = indrelid where c.relname like 'usermgmt\_%' and not exists (select from pg_constraint where conindid = indexrelid)`)
		require.NoError(tb, err)
		indexes, err = pgx.CollectRows(rows, pgx.RowTo[string2])
		require.NoError(tb, err)
		for _, x := range indexes {
			do("drop index " + x[0])
		}
	}
	began := time.Now()
	for _, t := range importTables {
		in, err := os.Open(filepath.Join(dir, t[0]))
		require.NoError(tb, err)
		_, err = conn.PgConn().CopyFrom(ctx, bufio.NewReaderSize(in, 1<<18), "copy usermgmt_"+t[0]+" from stdin (format binary)")
		require.NoError(tb, err, t[0])
		_ = in.Close()
	}
	for _, x := range indexes {
		do(x[1])
	}
	return time.Since(began)
}
