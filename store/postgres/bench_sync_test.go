package postgres_test

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/csvcell"
	"github.com/usermgmt/usermgmt/store/postgres"
)

// exported writes the members of the large organization to a file.
func (w *world) exported(tb testing.TB, m *usermgmt.Manager) (path string, rows int) {
	tb.Helper()
	path = filepath.Join(tb.TempDir(), "users.csv")
	f, err := os.Create(path)
	require.NoError(tb, err)
	out := bufio.NewWriterSize(f, 1<<20)
	rows, err = m.Exports().CSV(context.Background(), w.system(tb, bigOrg(1)), out, usermgmt.ExportOptions{Org: bigOrg(1)})
	require.NoError(tb, err)
	require.NoError(tb, out.Flush())
	require.NoError(tb, f.Close())
	return path, rows
}

// importUnchanged imports a file in which nothing has changed.
func (w *world) importUnchanged(ctx context.Context, m *usermgmt.Manager, a usermgmt.Actor, path string, rows int) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	report, err := m.Imports().Users(ctx, a, f, usermgmt.ImportOptions{Org: bigOrg(1), MaxRows: rows})
	return unchanged(report, err, rows)
}

func unchanged(report *usermgmt.ImportReport, err error, rows int) error {
	if err == nil && report.Unchanged != rows {
		err = fmt.Errorf("of %d rows %d were unchanged: %v", rows, report.Unchanged, report.Problems[:min(3, len(report.Problems))])
	}
	return err
}

// rowsOf are the rows of a file, all in memory.
func rowsOf(tb testing.TB, path string) (columns []string, rows [][]string) {
	tb.Helper()
	f, err := os.Open(path)
	require.NoError(tb, err)
	defer func() { _ = f.Close() }()
	all, err := csv.NewReader(bufio.NewReaderSize(f, 1<<20)).ReadAll()
	require.NoError(tb, err)
	for _, row := range all {
		for i := range row {
			row[i] = csvcell.Undefuse(row[i])
		}
	}
	return all[0], all[1:]
}

// importRows is importUnchanged of rows that are in memory.
func (w *world) importRows(ctx context.Context, m *usermgmt.Manager, a usermgmt.Actor, columns []string, rows [][]string) error {
	report, err := m.Imports().UsersSeq(ctx, a, func(yield func(usermgmt.ImportRow, error) bool) {
		for _, row := range rows {
			if !yield(usermgmt.ImportRow{Columns: columns, Values: row}, nil) {
				return
			}
		}
	}, usermgmt.ImportOptions{Org: bigOrg(1), MaxRows: len(rows)})
	return unchanged(report, err, len(rows))
}

// readMembers reads what an import compares, and decodes nothing: the records and
// memberships of an organization, in no order.
func (w *world) readMembers(ctx context.Context, org usermgmt.OrgID, rows int) error {
	conn, err := w.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	out, err := conn.Query(ctx, `select `+postgres.SQLUserColumns+`, `+postgres.SQLMembershipColumns+`
		from usermgmt_memberships m join usermgmt_users u on u.user_id = m.user_id where m.org_id = $1`, [16]byte(org))
	if err != nil {
		return err
	}
	n := 0
	for ; out.Next(); n++ {
		out.RawValues()
	}
	if err := out.Err(); err != nil {
		return err
	}
	if n != rows {
		return fmt.Errorf("read %d rows of %d", n, rows)
	}
	return nil
}

// staged is what a host writes who knows Postgres: the file is copied into a table
// of texts, which is joined with the users to find those who differ, are new or
// are gone.
func (w *world) staged(ctx context.Context, path string) error {
	conn, err := w.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	header, err := bufio.NewReader(f).ReadString('\n')
	if err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	names := strings.Split(strings.TrimSpace(header), ",")
	columns := make([]string, len(names))
	for i, name := range names {
		columns[i] = pgx.Identifier{name}.Sanitize()
	}
	for _, sql := range []string{"drop table if exists um_stage", "create temp table um_stage (" + strings.Join(columns, " text, ") + " text)"} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return err
		}
	}
	if _, err := conn.Conn().PgConn().CopyFrom(ctx, f, "copy um_stage from stdin (format csv, header, force_not_null ("+strings.Join(columns, ", ")+"))"); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, "analyze um_stage"); err != nil {
		return err
	}
	plain := []string{"email", "prefix", "first_name", "middle_name", "last_name", "suffix", "mobile", "fax", "street", "city", "state",
		"postal_code", "country", "company", "title", "source", "external_id"}
	differ := make([]string, len(plain))
	for i, name := range plain {
		differ[i] = "s." + name + " is distinct from u." + name
	}
	differing, missing := 0, 0
	if err := conn.QueryRow(ctx, `select count(*) filter (where `+strings.Join(differ, " or ")+`), count(*) filter (where m.user_id is null)
		from um_stage s left join usermgmt_users u on u.username_key = s.username
		left join usermgmt_memberships m on m.org_id = $1 and m.user_id = u.user_id`, [16]byte(bigOrg(1))).Scan(&differing, &missing); err != nil {
		return err
	}
	gone := 0
	if err := conn.QueryRow(ctx, `select count(*) from usermgmt_memberships m where m.org_id = $1
		and not exists (select from um_stage s where s.username = m.username_key)`, [16]byte(bigOrg(1))).Scan(&gone); err != nil {
		return err
	}
	if differing+missing+gone > 0 {
		return fmt.Errorf("%d differ, %d are new, %d are gone", differing, missing, gone)
	}
	return nil
}

// selectEach reads some users one by one, each in a round trip of its own.
func (w *world) selectEach(ctx context.Context, n int) error {
	for i := range n {
		var p plainAccount
		err := w.pool.QueryRow(ctx, postgres.SQLUser, [16]byte(w.some(i))).Scan(p.dests(false)...)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
	}
	return nil
}

// syncContests import a file in which nothing has changed.
func (w *world) syncContests(tb testing.TB, tab *table) {
	ctx := context.Background()
	path, rows := w.exported(tb, w.m)
	sys := w.system(tb, bigOrg(1))
	timed := func(times int, do func() error) time.Duration {
		took := make([]time.Duration, times)
		for i := range took {
			runtime.GC()
			at := time.Now()
			require.NoError(tb, do())
			took[i] = time.Since(at)
		}
		return median(took)
	}
	const each = 3000
	read := timed(3, func() error { return w.readMembers(ctx, bigOrg(1), rows) })
	first := timed(1, func() error { return w.importUnchanged(ctx, w.m, sys, path, rows) })
	_, err := w.pool.Exec(ctx, "analyze usermgmt_import_digests")
	require.NoError(tb, err)
	before, stop := watchHeap()
	ours := timed(5, func() error { return w.importUnchanged(ctx, w.m, sys, path, rows) })
	grown := max(stop(), before) - before
	columns, inMemory := rowsOf(tb, path)
	alone := timed(3, func() error { return w.importRows(ctx, w.m, sys, columns, inMemory) })
	inMemory = nil
	staged := timed(3, func() error { return w.staged(ctx, path) })
	single := timed(3, func() error { return w.selectEach(ctx, each) }) / each * time.Duration(rows)
	ratio := func(d time.Duration) string { return fmt.Sprintf("%.2f", float64(ours)/float64(d)) }
	what := fmt.Sprintf("import of %d unchanged rows", rows)
	tab.line("9d", what+", compared", "", show(first), "", "", "")
	tab.line("9d", what+", from memory", "", show(alone), "", "≤ 3 s", verdictOf(alone <= 3*time.Second))
	tab.line("9d", what+", from memory", show(staged)+" staged, compared by joins", show(alone), fmt.Sprintf("%.2f", float64(alone)/float64(staged)), "≤ 0.20×", verdictOf(5*alone <= staged))
	tab.line("9d", what+", from memory", show(single)+" SELECT each", show(alone), fmt.Sprintf("%.3f", float64(alone)/float64(single)), "≤ 0.01×", verdictOf(100*alone <= single))
	tab.line("9d", what, show(read)+" raw values of the same rows", show(ours), ratio(read), "", "")
	tab.line("9d", what, show(staged)+" staged, compared by joins", show(ours), ratio(staged), "≤ 0.20×", verdictOf(5*ours <= staged))
	tab.line("9d", what, show(single)+fmt.Sprintf(" a SELECT each (%d of them)", each), show(ours), ratio(single), "≤ 0.01×", verdictOf(100*ours <= single))
	tab.line("9d", what+", heap growth", "", fmt.Sprintf("%.1f MiB", float64(grown)/(1<<20)), "", "", "")
}
