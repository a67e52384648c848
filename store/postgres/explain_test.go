package postgres_test

import (
	"context"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/store/postgres"
)

// recorder notes the statements that a pool sends.
type recorder struct {
	mu   sync.Mutex
	seen []sentence
	once bool // notes each text only once
}

type sentence struct {
	sql  string
	args []any
}

func (r *recorder) note(sql string, args []any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.once && slices.ContainsFunc(r.seen, func(s sentence) bool { return s.sql == sql }) {
		return
	}
	r.seen = append(r.seen, sentence{sql, args})
}

func (r *recorder) take() []sentence {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.seen
	r.seen = nil
	return out
}

func (r *recorder) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	r.note(d.SQL, d.Args)
	return ctx
}

func (r *recorder) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (r *recorder) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}

func (r *recorder) TraceBatchQuery(_ context.Context, _ *pgx.Conn, d pgx.TraceBatchQueryData) {
	r.note(d.SQL, d.Args)
}

func (r *recorder) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// planner asks for plans.
type planner struct {
	conn  *pgx.Conn
	large map[string]bool // the tables of more than 10,000 rows
	n     int
}

var sequential = regexp.MustCompile(`Seq Scan on (?:\S+\.)?(usermgmt_\w+)`)

// check fails the test if a large table is read from end to end, with a plan
// for the values or with one for all.
func (p *planner) check(ctx context.Context, t *testing.T, what string, st sentence, analyze bool) {
	t.Helper()
	if !regexp.MustCompile(`(?i)^\s*(select|with|insert|update|delete)\b`).MatchString(st.sql) {
		return
	}
	for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
		p.n++
		name := "um_" + strconv.Itoa(p.n)
		for _, sql := range []string{"set plan_cache_mode = " + mode, "prepare " + name + " as " + st.sql} {
			_, err := p.conn.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol)
			require.NoError(t, err, "%s\n%s", what, sql)
		}
		call := "explain (analyze " + strconv.FormatBool(analyze) + ") execute " + name
		for i := range st.args {
			call += map[bool]string{true: "(", false: ", "}[i == 0] + "$" + strconv.Itoa(i+1)
		}
		if len(st.args) > 0 {
			call += ")"
		}
		rows, err := p.conn.Query(ctx, call, append([]any{pgx.QueryExecModeSimpleProtocol}, st.args...)...)
		require.NoError(t, err, "%s\n%s", what, st.sql)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err, "%s, %s\n%s", what, mode, st.sql)
		plan := strings.Join(lines, "\n")
		for _, m := range sequential.FindAllStringSubmatch(plan, -1) {
			// They are after nearly all units, and all digests of the large organization.
			allowed := what == "Trees" || what == "ImportDigests" && m[1] == "usermgmt_import_digests"
			if p.large[m[1]] && !allowed {
				t.Errorf("%s, %s: reads all of %s\n%s\n%s", what, mode, m[1], st.sql, plan)
				break
			}
		}
		if testing.Verbose() && os.Getenv("USERMGMT_PLANS_SHOW") != "" {
			t.Logf("%s, %s\n%s\n%s", what, mode, st.sql, plan)
		}
	}
}

// TestPlans looks at the plans of the statements of the whole store at a size
// at which a wrong one would hurt: with USERMGMT_PLANS users, and not without it.
// USERMGMT_PLANS_SHOW=1 shows the plans. Call it by "make plans".
func TestPlans(t *testing.T) {
	t.Parallel()
	text := os.Getenv("USERMGMT_PLANS")
	if text == "" {
		t.Skip("takes minutes; see make plans")
	}
	users, err := strconv.Atoi(text)
	require.NoError(t, err)
	ctx := context.Background()
	began := time.Now()
	dsn := bigDSN(ctx, t, users)
	t.Logf("%6.1f s  %d users are there", time.Since(began).Seconds(), users)
	rec := &recorder{}
	s, err := postgres.New(newPool(t, dsn, func(c *pgxpool.Config) { c.ConnConfig.Tracer = rec }), nil)
	require.NoError(t, err)
	p := newPlanner(t, dsn)

	only := regexp.MustCompile(os.Getenv("USERMGMT_PLANS_ONLY"))
	calls := bigCalls(users)
	called := map[string]bool{}
	done := map[string]bool{}
	for _, c := range calls {
		method, _, _ := strings.Cut(c.name, " ")
		called[method] = true
		if !only.MatchString(c.name) {
			continue
		}
		least := time.Hour
		rec.take()
		n := 0
		for i := range 4 {
			if i > 0 && (c.once || least > 5*time.Second) {
				break
			}
			at := time.Now()
			if n, err = c.do(ctx, s); err != nil {
				break
			}
			least = min(least, time.Since(at))
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		t.Logf("%9.3f ms %7d  %s", least.Seconds()*1000, n, c.name)
		for _, st := range rec.take() {
			if k := fmt.Sprint(st.sql, st.args); !done[k] && !strings.HasPrefix(st.sql, "-- ") {
				done[k] = true
				p.check(ctx, t, c.name, st, !c.once && least < time.Second)
			}
		}
	}
	kind := reflect.TypeFor[usermgmt.Store]()
	for i := range kind.NumMethod() {
		if name := kind.Method(i).Name; !called[name] && !slices.Contains(notPlanned, name) {
			t.Errorf("%s is not looked at", name)
		}
	}
}

// bigDSN is the address of a large database: that in USERMGMT_PLANS_DSN, which
// is kept, or a new one.
func bigDSN(ctx context.Context, t *testing.T, users int) string {
	t.Helper()
	dsn := os.Getenv("USERMGMT_PLANS_DSN")
	if dsn == "" {
		dsn = migrated(t)
	} else {
		require.NoError(t, migrate(ctx, dsn, ""))
	}
	conn, filled := newConn(t, dsn), false
	require.NoError(t, conn.QueryRow(ctx, "select exists (select from usermgmt_orgs)").Scan(&filled))
	if !filled {
		fillBig(ctx, t, dsn, users)
	}
	return dsn
}

// notPlanned are methods that touch small tables only, by their keys, or that
// have no statement of their own.
var notPlanned = []string{
	"Tx", "ClaimBootstrap", "SaveOrg", "LockOrg", "BumpStamps", "SaveUnit", "SaveTeam", "SaveSharing", "SaveRole", "SaveProfile",
	"SaveApplication", "SetPool", "ClaimSeats", "ListPools", "PutBlob", "Blob", "SaveCheckpoint", "CheckpointByID", "CreateSession",
	"PutAPIKey", "SaveAccess", "AppendAudit", "AddMessages", "SaveProxyList", "DeleteSharing",
	"SaveGroup", "GroupByID", "ListGroups", "SaveField", "DeleteField", "FieldByID", "FieldsOf",
}

// bigCall is a call on the large database. It returns how many rows it got.
type bigCall struct {
	name string
	do   func(ctx context.Context, s usermgmt.Store) (int, error)
	// once: it writes, and its plans are not executed.
	once bool
}
