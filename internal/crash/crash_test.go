package crash_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/pgserver"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/store/postgres"
)

// clientVariable makes this program a client.
const clientVariable = "USERMGMT_CRASH_CLIENT"

func TestMain(m *testing.M) {
	if text := os.Getenv(clientVariable); text != "" {
		os.Exit(runClient(text))
	}
	os.Exit(m.Run())
}

// kills is how many of each kind are made.
func kills() int {
	if os.Getenv("USERMGMT_SOAK") != "" {
		return 200
	}
	return 20
}

// land is a database with the ground of the load, and what clients said about it.
type land struct {
	dsn     string
	pool    *pgxpool.Pool
	m       *usermgmt.Manager
	ground  ground
	history *history
	clients int
	seed    uint64
	last    bool // nothing follows the check
	// before is what was there before the load and is not compared.
	before                 map[string]bool
	policyStamp, treeStamp int
}

const clientName = "usermgmt_crash_client"

// newLand prepares an empty database with the schema.
func newLand(t testing.TB, dsn string) *land {
	t.Helper()
	ctx := t.Context()
	pool, err := pgxpool.New(ctx, dsn)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	store, err := postgres.New(pool, nil)
	require.NoError(t, err)
	require.NoError(t, store.Migrate(ctx))
	m, err := usermgmt.New(store, managerConfig(nil))
	require.NoError(t, err)
	boot, err := m.Bootstrap(ctx, usermgmt.BootstrapRequest{Organization: usermgmt.NewOrganization{Name: "Acme"},
		Administrator: usermgmt.NewUser{Username: "root", Email: "root@acme.test", FirstName: "Ruth", LastName: "Root", Password: newSecret()}})
	require.NoError(t, err)
	root, err := m.ActorFor(ctx, usermgmt.ActorRequest{User: boot.Administrator.ID, Origin: usermgmt.Origin{RequestID: setupRequest}})
	require.NoError(t, err)
	profile, err := m.Profiles().Shipped(ctx, root, usermgmt.ProfileRegularUser)
	require.NoError(t, err)
	admin, err := m.Profiles().Shipped(ctx, root, usermgmt.ProfileSystemAdministrator)
	require.NoError(t, err)
	regular, err := m.Roles().Create(ctx, root, usermgmt.NewRole{Name: "Regular"})
	require.NoError(t, err)
	other, err := m.Orgs().Create(ctx, root, usermgmt.NewOrganization{Name: "Beta"})
	require.NoError(t, err)
	require.NoError(t, m.Licences().SetPool(ctx, root, other.Organization.ID, usermgmt.LicencePlatform, usermgmt.PoolTerms{Size: 4}))
	l := &land{dsn: dsn, pool: pool, m: m, history: newHistory(), seed: rand.Uint64(), before: map[string]bool{}, //nolint:gosec // a test
		ground: ground{Root: boot.Administrator.ID, Org: boot.Organization.ID, Other: other.Organization.ID, Unit: boot.MainUnit.ID,
			Team: boot.RootTeam.ID, OtherTeam: other.RootTeam.ID, Regular: regular.ID, AdminRole: boot.AdministratorRole.ID,
			Profile: profile.ID, AdminProfile: admin.ID}}
	for _, r := range rowsOf[row](t, l, `select team_id::text as id from usermgmt_teams union all select role_id::text from usermgmt_roles`) {
		l.before[r.ID] = true
	}
	l.policyStamp, l.treeStamp = l.stamps(t)
	return l
}

// stamps are the stamps of the organization.
func (l *land) stamps(t testing.TB) (policy, trees int) {
	t.Helper()
	require.NoError(t, l.pool.QueryRow(t.Context(), `select policy, trees from usermgmt_stamps where org_id = $1::uuid`,
		l.ground.Org.String()).Scan(&policy, &trees))
	return policy, trees
}

// process is a running client.
type process struct {
	name    string
	cmd     *exec.Cmd
	stop    io.Closer
	read    chan error // the journal has ended
	trouble strings.Builder
}

// start starts a client.
func (l *land) start(t testing.TB, o order) *process {
	t.Helper()
	l.clients++
	o.DSN, o.Number, o.Ground, o.Seed = pgserver.With(l.dsn, "application_name", clientName), l.clients, l.ground, l.seed+uint64(l.clients)
	text, err := json.Marshal(o)
	require.NoError(t, err)
	p := &process{name: fmt.Sprint("client ", l.clients), cmd: exec.Command(os.Args[0]), read: make(chan error, 1)} //nolint:gosec // this program
	p.cmd.Env = append(os.Environ(), clientVariable+"="+string(text))
	p.cmd.Stderr = &p.trouble
	p.stop, err = p.cmd.StdinPipe()
	require.NoError(t, err)
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	go func() { p.read <- l.history.read(p.name, out) }()
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	return p
}

// end waits for a client, which is told to end or ends by itself.
func (p *process) end(t testing.TB, tell bool) error {
	t.Helper()
	if tell {
		_ = p.stop.Close()
	}
	timer := time.AfterFunc(patience, func() { _ = p.stop.Close() }) // it then ends without a kill
	defer timer.Stop()
	require.NoError(t, <-p.read)
	err := p.cmd.Wait()
	_ = p.stop.Close()
	require.Empty(t, p.trouble.String()) // such as a data race
	return err
}

// endWell ends a client that nobody killed.
func (p *process) endWell(t testing.TB) {
	t.Helper()
	require.NoError(t, p.end(t, true))
}

// waitForSilence waits until the server has noticed that the clients are gone.
func (l *land) waitForSilence(t testing.TB) {
	t.Helper()
	require.Eventually(t, func() bool {
		var n int
		err := l.pool.QueryRow(t.Context(), `select count(*) from pg_stat_activity where application_name = $1`, clientName).Scan(&n)
		return err == nil && n == 0
	}, patience, 2*time.Millisecond)
}

// killClient starts a client that dies at a spot, and waits for that.
func (l *land) killClient(t testing.TB, s spot, defect string) {
	t.Helper()
	p := l.start(t, order{Workers: 3, Drivers: []string{s.driver}, Point: s.point, Nth: s.nth(defect), Broken: defect})
	err := p.end(t, false)
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit, "the client never came to the point %q of %s", s.point, s.driver)
	require.Equal(t, -1, exit.ExitCode(), "the client ended by itself")
}

// nth is how often a client comes to a point before it dies there. Transactions
// of a single batch are few; and a defect shows with the users that are made first.
func (s spot) nth(defect string) int64 {
	if s.point == beforeSelf || s.point == afterSelf || defect != "" {
		return 1 + rand.Int64N(8) //nolint:gosec // a test
	}
	return 1 + rand.Int64N(150) //nolint:gosec // a test
}

// clientLand is a database on the server that tests share.
func clientLand(t testing.TB) *land {
	t.Helper()
	return newLand(t, teststores.DSN(t))
}

// serverLand is a database on a server of its own.
func serverLand(t testing.TB, settings map[string]string) (*land, *pgserver.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	server, err := pgserver.Start(ctx, pgserver.Config{Durable: true, Settings: settings})
	if errors.Is(err, pgserver.ErrNoServer) {
		t.Skipf("SKIP-POSTGRES: %v", err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, server.Stop()) })
	_, err = pgserver.CreateDatabase(ctx, server.DSN(pgserver.User), "crash")
	require.NoError(t, err)
	return newLand(t, server.DSN("crash")), server
}

// killServer kills the server under load and starts it again.
func (l *land) killServer(t testing.TB, server *pgserver.Server) {
	t.Helper()
	l.history.wait(t, 20+rand.IntN(50)) //nolint:gosec // a test
	require.NoError(t, server.KillHard())
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, server.Restart(ctx))
	l.pool.Reset()
}

// TestNothingIsLostWhenTheServerIsKilled kills the server, with all its processes,
// again and again under the load of one client that goes on after each restart.
func TestNothingIsLostWhenTheServerIsKilled(t *testing.T) {
	t.Parallel()
	l, server := serverLand(t, nil)
	p := l.start(t, order{Workers: 6, Drivers: drivers})
	for i := range kills() {
		l.killServer(t, server)
		if i%(kills()/20) == 0 { // a look at everything takes ever longer
			require.Empty(t, l.structure(t), "seed %d", l.seed)
		}
	}
	l.history.wait(t, 30) // after the last one too, the client gets on
	p.endWell(t)
	l.last = true
	problems, counts := l.inspect(t)
	assert.Empty(t, strings.Join(problems, "\n"), "seed %d", l.seed)
	t.Logf("%d kills of the server; %s", kills(), counts)
	t.Log(l.history.byCall())
	assert.Positive(t, counts.unknown, "no kill met a commit")
}

// TestNothingIsLostWhenTheClientIsKilled kills clients at every point on the way
// of a change; each next one goes on with the same database.
func TestNothingIsLostWhenTheClientIsKilled(t *testing.T) {
	t.Parallel()
	l := clientLand(t)
	at := map[spot]int{}
	for i := range kills() {
		s := spots[i%len(spots)]
		l.killClient(t, s, "")
		at[s]++
		if i%(kills()/20) == 0 {
			require.Empty(t, l.structure(t), "seed %d, %v", l.seed, s)
		}
	}
	l.last = true
	problems, counts := l.inspect(t)
	assert.Empty(t, strings.Join(problems, "\n"), "seed %d", l.seed)
	t.Logf("%d kills of the client; %s", kills(), counts)
	for _, s := range spots {
		t.Logf("%3d  %-12s  %s", at[s], s.driver, s.point)
	}
	t.Log(l.history.byCall())
}

// byCall counts calls by name and answer.
func (h *history) byCall() string {
	n := map[string]int{}
	for _, c := range h.order {
		answer := "no answer"
		if c.answer != nil {
			answer = c.answer.Answer
		}
		n[c.Do+": "+answer]++
	}
	var out []string
	for what, count := range n {
		out = append(out, fmt.Sprint(what, " ", count))
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}
