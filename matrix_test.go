package usermgmt_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

var updateGolden = flag.Bool("update", false, "rewrite the golden files")

// The kinds of actors, the columns of the matrix.
var actorKinds = []string{"none", "member", "lead", "manager", "admin", "root", "other-admin", "second-admin",
	"locked", "deactivated", "proxied", "reader", "support", "api-key", "system"}

// The records that a row is about, besides those that its own name says.
var userTargets = []string{"teammate", "below", "outsider", "stronger", "foreign", "self", "unknown"}

// plan is the world of the matrix: three organizations, a small tree of teams
// and units in the first, one actor of every kind, and users to act on. It is
// built once for each service; every cell runs in a transaction of its own that
// is rolled back.
type plan struct {
	*usermgmttest.Env
	actors   map[string]usermgmt.Actor
	tokens   map[string]string // of sessions, and of the API key
	users    map[string]*usermgmt.User
	teams    map[string]usermgmt.TeamID
	units    map[string]usermgmt.UnitID
	orgs     map[string]*usermgmt.Organization
	roles    map[string]*usermgmt.Role
	profiles map[string]*usermgmt.AccessProfile
	apps     map[string]*usermgmt.Application
	sessions map[string]usermgmt.SessionID // of the users to act on
	// invitations are those to act on, by where their plans lead.
	invitations map[string]usermgmt.InvitationID
}

// cell is one call: the manager to call, who calls, and on which target.
type cell struct {
	*plan
	m      *usermgmt.Manager
	ctx    context.Context
	kind   string
	a      usermgmt.Actor
	target string
}

// user is the target of the cell; unknown is a user whom nobody has made.
func (c *cell) user() usermgmt.UserID {
	switch c.target {
	case "self":
		return c.a.Subject()
	case "unknown":
		return usermgmt.UserID{1}
	}
	return c.users[c.target].ID
}

// version is the stored version of the user whom the cell is about.
func (c *cell) version() int64 {
	u, err := c.Store.UserByID(c.ctx, c.user())
	if err != nil {
		return 1
	}
	return u.Version
}

func newPlan(t *testing.T) *plan {
	t.Helper()
	policy := usermgmt.PolicyNIST()
	policy.Deputies = 30 * 24 * time.Hour
	p := &plan{
		Env: usermgmttest.NewOn(t, teststores.New(t), &usermgmt.Config{Policy: &policy, Objects: []usermgmt.Object{
			{Name: "lead", Ownership: usermgmt.OwnedByUser, Actions: []string{"view", "edit"}, Fields: []string{"salary"}}}}),
		actors: map[string]usermgmt.Actor{}, tokens: map[string]string{}, users: map[string]*usermgmt.User{},
		teams: map[string]usermgmt.TeamID{}, units: map[string]usermgmt.UnitID{}, orgs: map[string]*usermgmt.Organization{},
		roles: map[string]*usermgmt.Role{}, profiles: map[string]*usermgmt.AccessProfile{},
		apps: map[string]*usermgmt.Application{}, sessions: map[string]usermgmt.SessionID{},
	}
	p.structure(t)
	p.people(t)
	p.consents(t)
	p.doors(t)
	p.invite(t)
	return p
}

func (p *plan) structure(t *testing.T) {
	ctx, root := t.Context(), p.Root()
	p.teams["root"], p.units["main"] = p.RootTeam.ID, p.MainUnit.ID
	for _, n := range [][2]string{{"middle", "root"}, {"below", "middle"}, {"empty", "middle"}, {"side", "root"}, {"child", "root"}} {
		p.teams[n[0]] = p.AddTeam(n[0], p.teams[n[1]]).ID
	}
	for _, n := range [][2]string{{"sales", "main"}, {"east", "sales"}, {"empty", "sales"}, {"ops", "main"}} {
		p.units[n[0]] = p.AddUnit(n[0], p.units[n[1]]).ID
	}
	p.orgs["own"] = &p.Organization
	for _, name := range []string{"beta", "gamma"} {
		o := p.AddOrg(name)
		p.orgs[name], p.teams[name], p.units[name] = &o.Organization, o.RootTeam.ID, o.MainUnit.ID
	}
	p.orgs["foreign"], p.teams["foreign"], p.units["foreign"] = p.orgs["beta"], p.teams["beta"], p.units["beta"]
	below, err := p.Teams().Create(ctx, root, usermgmt.NewTeam{Parent: p.teams["beta"], Name: "foreign below"})
	require.NoError(t, err)
	p.teams["foreign-below"] = below.ID
	p.orgs["unknown"] = &usermgmt.Organization{ID: usermgmt.OrgID{1}, Version: 1}
	p.teams["unknown"], p.units["unknown"] = usermgmt.TeamID{1}, usermgmt.UnitID{1}

	for where, org := range map[string]usermgmt.OrgID{"own": p.Organization.ID, "foreign": p.orgs["beta"].ID, "system-wide": {}} {
		role, err := p.Roles().Create(ctx, root, usermgmt.NewRole{Org: org, Name: "spare " + where,
			Grants: []usermgmt.Grant{{Permission: "user.view", Scope: usermgmt.ScopeTeam}}})
		require.NoError(t, err)
		profile, err := p.Profiles().Create(ctx, root, usermgmt.NewProfile{Org: org, Name: "spare " + where,
			Grants: []usermgmt.Grant{{Permission: "user.view", Scope: usermgmt.ScopeTeam}}})
		require.NoError(t, err)
		app, err := p.Applications().Create(ctx, root, usermgmt.NewApplication{Org: org, Name: "crm " + where})
		require.NoError(t, err)
		p.roles[where], p.profiles[where], p.apps[where] = role, profile, app
	}
	p.roles["unknown"], p.profiles["unknown"] = &usermgmt.Role{ID: usermgmt.RoleID{1}, Version: 1}, &usermgmt.AccessProfile{ID: usermgmt.ProfileID{1}, Version: 1}
	p.apps["unknown"] = &usermgmt.Application{ID: usermgmt.ApplicationID{1}, Version: 1}
	stronger, err := p.Roles().Create(ctx, root, usermgmt.NewRole{Org: p.Organization.ID, Name: "spare stronger",
		Grants: []usermgmt.Grant{{Permission: "policy.edit", Scope: usermgmt.ScopeOrganization}}})
	require.NoError(t, err)
	p.roles["stronger"] = stronger
	manager, err := p.Profiles().Create(ctx, root, usermgmt.NewProfile{Org: p.Organization.ID, Name: "Unit Manager", Grants: []usermgmt.Grant{
		{Permission: "user.*", Scope: usermgmt.ScopeDivision}, {Permission: "unit.*", Scope: usermgmt.ScopeDivision},
		{Permission: "proxy.*", Scope: usermgmt.ScopeDivision}, {Permission: "audit.*", Scope: usermgmt.ScopeDivision},
		{Permission: "organization.view", Scope: usermgmt.ScopeOrganization}, {Permission: "team.view", Scope: usermgmt.ScopeOrganization},
		{Permission: "role.view", Scope: usermgmt.ScopeOrganization}, {Permission: "profile.view", Scope: usermgmt.ScopeOrganization},
		{Permission: "application.view", Scope: usermgmt.ScopeOrganization}, {Permission: "personal.setup", Scope: usermgmt.ScopeOrganization},
	}})
	require.NoError(t, err)
	p.profiles["manager"] = manager
}

func (p *plan) people(t *testing.T) {
	admin := p.Profile(usermgmt.ProfileAdministrator)
	add := func(name, team, unit string, change func(*usermgmt.NewUser)) {
		p.users[name] = p.AddUser(name, func(n *usermgmt.NewUser) {
			n.PrimaryTeam, n.OwnerUnit = p.teams[team], p.units[unit]
			if change != nil {
				change(n)
			}
		})
	}
	as := func(profile usermgmt.ProfileID, units ...string) func(*usermgmt.NewUser) {
		return func(n *usermgmt.NewUser) {
			n.Profile = profile
			for _, u := range units {
				n.Units = append(n.Units, p.units[u])
			}
		}
	}
	add("member", "middle", "sales", func(n *usermgmt.NewUser) { n.Units = []usermgmt.UnitID{p.units["sales"]} })
	add("lead", "middle", "main", as(p.Profile(usermgmt.ProfileTeamAdministrator), "sales"))
	add("manager", "side", "main", as(p.profiles["manager"].ID, "sales"))
	for _, name := range []string{"admin", "locked", "deactivated", "pam", "api-key"} {
		add(name, "child", "main", as(admin))
	}
	add("other-admin", "beta", "beta", as(admin))
	add("second-admin", "gamma", "gamma", as(admin))

	add("teammate", "middle", "sales", nil)
	add("below", "below", "east", nil)
	add("outsider", "side", "ops", nil)
	add("stronger", "middle", "sales", as(admin))
	add("foreign", "beta", "beta", nil)
	_, err := p.Members().Add(t.Context(), p.Root(), p.users["teammate"].ID, p.orgs["gamma"].ID, usermgmt.NewMembership{
		Profile: p.Profile(usermgmt.ProfileRegularUser), PrimaryTeam: p.teams["gamma"], Roles: []usermgmt.RoleAssignment{{Role: p.Regular.ID}}})
	require.NoError(t, err)
	for _, name := range []string{"teammate", "below", "outsider", "stronger", "foreign"} {
		p.sessions[name] = p.Login(name).Session.ID
	}
	p.sessions["unknown"] = usermgmt.SessionID{1}
}

// doors lets every kind of actor in.
func (p *plan) doors(t *testing.T) {
	ctx := t.Context()
	p.actors["none"] = usermgmt.Actor{}
	enter := func(kind, user string) {
		r := p.Login(user)
		p.actors[kind], p.tokens[kind] = r.Actor, r.Token.Reveal()
	}
	for _, kind := range []string{"member", "lead", "manager", "admin", "other-admin", "second-admin", "deactivated"} {
		enter(kind, kind)
	}
	enter("root", "root")
	require.NoError(t, p.Users().Deactivate(ctx, p.Root(), p.users["deactivated"].ID, usermgmt.DeactivateOptions{}))

	p.actors["locked"] = p.As(p.users["locked"].ID) // by the host, for open sessions go on
	for range 10 {
		_, err := p.Auth().Login(ctx, usermgmt.LoginRequest{Name: "locked", Password: "wrong"})
		require.ErrorIs(t, err, usermgmt.ErrCredentials)
	}
	operator := p.Login("root")
	proxied, err := p.Proxy().Login(ctx, operator.Actor, usermgmt.ProxyRequest{Target: p.users["pam"].ID, Acknowledged: true})
	require.NoError(t, err)
	p.actors["proxied"], p.tokens["proxied"] = proxied.Actor, proxied.Token.Reveal()
	reader, err := p.Proxy().Login(ctx, p.Login("root").Actor, usermgmt.ProxyRequest{Target: p.users["pam"].ID, Acknowledged: true, ReadOnly: true})
	require.NoError(t, err)
	p.actors["reader"], p.tokens["reader"] = reader.Actor, reader.Token.Reveal()
	support, err := p.Proxy().Support(ctx, p.Login("root").Actor, p.supportRequest(p.orgs["gamma"].ID))
	require.NoError(t, err)
	p.actors["support"], p.tokens["support"] = support.Actor, support.Token.Reveal()

	key, err := p.APIKeys().Generate(ctx, p.As(p.users["api-key"].ID), usermgmt.KeyRequest{User: p.users["api-key"].ID})
	require.NoError(t, err)
	p.tokens["api-key"] = key.Text.Reveal()
	p.actors["api-key"], err = p.Auth().APIKey(ctx, key.Text.Reveal(), here)
	require.NoError(t, err)
	p.actors["system"], err = p.SystemActor("nightly export", p.Organization.ID,
		usermgmt.Grant{Permission: usermgmt.PermUserView, Scope: usermgmt.ScopeOrganization},
		usermgmt.Grant{Permission: usermgmt.PermUserExport, Scope: usermgmt.ScopeOrganization})
	require.NoError(t, err)
}

// row is one method, on one or several targets.
type row struct {
	method  string
	targets []string
	// fresh: the calls run in a world of the row's own and unbound, since they
	// prove a secret.
	fresh bool
	call  func(c *cell) (note string, err error)
}

// answer is the text of a cell.
func answer(note string, err error) string {
	var e *usermgmt.Error
	if err == nil {
		return strings.TrimSpace("allowed " + note)
	}
	kind := "OTHER " + err.Error()
	for _, k := range []error{usermgmt.ErrNotFound, usermgmt.ErrInvalid, usermgmt.ErrConflict, usermgmt.ErrStale, usermgmt.ErrLimit,
		usermgmt.ErrPermission, usermgmt.ErrUnauthenticated, usermgmt.ErrCredentials, usermgmt.ErrOverloaded, usermgmt.ErrNotConfigured} {
		if errors.Is(err, k) {
			kind = k.Error()
			break
		}
	}
	why := ""
	for inner := err; errors.As(inner, &e); inner = e.Err {
		if e.Rule != "" {
			why = e.Rule
		} else if e.Permission != "" {
			why = "needs " + string(e.Permission)
		}
		if e.Err == nil {
			break
		}
	}
	if why != "" {
		kind += " (" + why + ")"
	}
	return kind
}

var errRollBack = errors.New("the cell is rolled back")

// run makes the call of one cell.
func (r *row) run(t *testing.T, p *plan, kind, target string) (string, error) {
	t.Helper()
	if r.fresh {
		return r.call(&cell{plan: p, m: p.Manager, ctx: t.Context(), kind: kind, a: p.actors[kind], target: target})
	}
	var note string
	var err error
	rolled := p.Store.Tx(t.Context(), func(ctx context.Context, tx usermgmt.Store) error {
		c := *p
		env := *p.Env
		env.Store = tx
		c.Env = &env
		note, err = r.call(&cell{plan: &c, m: p.WithStore(tx), ctx: ctx, kind: kind, a: p.actors[kind], target: target})
		return errRollBack
	})
	require.ErrorIs(t, rolled, errRollBack)
	return note, err
}

// TestAuthorisationMatrix compares the answer of every method to every kind of
// actor with testdata/authz.golden. Run with -update to rewrite it, and read
// the difference line by line.
func TestAuthorisationMatrix(t *testing.T) {
	t.Parallel()
	rows := matrixRows()
	byService := map[string][]*row{}
	for i := range rows {
		service, _, _ := strings.Cut(rows[i].method, ".")
		byService[service] = append(byService[service], &rows[i])
	}
	var mu sync.Mutex
	blocks := map[string]string{}
	cells := 0
	t.Run("services", func(t *testing.T) {
		for service, list := range byService {
			t.Run(service, func(t *testing.T) {
				t.Parallel()
				text, n := serviceMatrix(t, list)
				mu.Lock()
				defer mu.Unlock()
				blocks[service] = text
				cells += n
			})
		}
	})
	var b strings.Builder
	fmt.Fprintf(&b, "# Who may call what: every method of every service, by kind of actor. See matrix_test.go.\n# %d cells.\n", cells)
	for _, service := range slices.Sorted(maps.Keys(blocks)) {
		b.WriteString(blocks[service])
	}
	compareGolden(t, filepath.Join("testdata", "authz.golden"), b.String())
}

// serviceMatrix answers the rows of one service. Whoever cannot see foreign
// organizations must get of them the very answer that a record gets which
// nobody has made.
func serviceMatrix(t *testing.T, rows []*row) (text string, cells int) {
	p := newPlan(t)
	var b strings.Builder
	for _, r := range rows {
		targets := r.targets
		if len(targets) == 0 {
			targets = []string{""}
		}
		unknown := map[string]string{}
		foreign := map[string]string{}
		for _, target := range targets {
			b.WriteString("\n" + strings.TrimSpace(r.method+" "+target) + "\n")
			groups := map[string][]string{}
			var order []string
			answers := r.answers(t, p, target)
			for _, kind := range actorKinds {
				text, err := answers[kind].text, answers[kind].err
				cells++
				if len(groups[text]) == 0 {
					order = append(order, text)
				}
				groups[text] = append(groups[text], kind)
				if err != nil {
					text = err.Error()
				}
				switch target {
				case "unknown":
					unknown[kind] = text
				case "foreign":
					foreign[kind] = text
				}
			}
			for _, text := range order {
				fmt.Fprintf(&b, "    %-44s %s\n", text, strings.Join(groups[text], " "))
			}
		}
		if len(unknown) > 0 && len(foreign) > 0 {
			for _, kind := range actorKinds {
				if kind == "root" || kind == "other-admin" { // who may see the foreign organization
					continue
				}
				assert.Equal(t, unknown[kind], foreign[kind], "%s by %s: what exists elsewhere is told from what does not exist", r.method, kind)
			}
		}
	}
	return b.String(), cells
}

type answered struct {
	text string
	err  error
}

// answers makes the calls of all kinds of actors. Those of a fresh row share a
// world: what each does to its own account does not matter to the others, but
// for root, who runs the proxy login and so comes last.
func (r *row) answers(t *testing.T, p *plan, target string) map[string]answered {
	t.Helper()
	if r.fresh {
		p = newPlan(t)
	}
	out := map[string]answered{}
	ask := func(kind string) {
		note, err := r.run(t, p, kind, target)
		out[kind] = answered{answer(note, err), err}
	}
	for _, kind := range actorKinds {
		if kind != "root" {
			ask(kind)
		}
	}
	ask("root")
	return out
}

func compareGolden(t *testing.T, file, got string) {
	t.Helper()
	if *updateGolden {
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err, "run go test -run TestAuthorisationMatrix -update")
	if got == string(want) {
		return
	}
	g, w := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			t.Fatalf("%s:%d differs\n got %s\nwant %s", file, i+1, g[i], w[i])
		}
	}
	t.Fatalf("%s: %s lines, want %s", file, strconv.Itoa(len(g)), strconv.Itoa(len(w)))
}

// services returns the exported methods that need a row: those of the manager
// and of whatever service it returns, and what an Actor answers.
func services() []string {
	var out []string
	pkg := reflect.TypeFor[usermgmt.Manager]().PkgPath()
	manager := reflect.TypeFor[*usermgmt.Manager]()
	for m := range manager.Methods() {
		f := m.Type
		if f.NumIn() == 1 && f.NumOut() == 1 && f.Out(0).Kind() == reflect.Pointer &&
			f.Out(0).Elem().Kind() == reflect.Struct && f.Out(0).Elem().PkgPath() == pkg {
			for s := range f.Out(0).Methods() {
				out = append(out, f.Out(0).Elem().Name()+"."+s.Name)
			}
			continue
		}
		out = append(out, "Manager."+m.Name)
	}
	return append(out, "Actor.Can", "Actor.Has", "Actor.Scope")
}

func TestEveryServiceMethodHasARowInTheMatrix(t *testing.T) {
	t.Parallel()
	rows := map[string]bool{}
	for _, r := range matrixRows() {
		rows[r.method] = true
	}
	for method, why := range withoutActor {
		assert.NotEmpty(t, why)
		assert.False(t, rows[method], "%s has both a row and an excuse", method)
		rows[method] = true
	}
	all := services()
	require.Greater(t, len(all), 80)
	for _, m := range all {
		assert.True(t, rows[m], "%s has no row in the authorisation matrix: add one to matrixRows", m)
		delete(rows, m)
	}
	assert.Empty(t, rows, "rows without a method")
}

// Methods that take no actor are excused by name, with the reason; one that
// takes an actor can never be.
func TestOnlyMethodsWithoutActorAreExcused(t *testing.T) {
	t.Parallel()
	actor := reflect.TypeFor[usermgmt.Actor]()
	manager := reflect.TypeFor[*usermgmt.Manager]()
	check := func(name string, f reflect.Type) {
		takes := false
		for i := 1; i < f.NumIn(); i++ {
			takes = takes || f.In(i) == actor
		}
		if withoutActor[name] != "" {
			assert.False(t, takes, "%s takes an actor", name)
		}
	}
	for m := range manager.Methods() {
		check("Manager."+m.Name, m.Type)
		if m.Type.NumIn() == 1 && m.Type.NumOut() == 1 && m.Type.Out(0).Kind() == reflect.Pointer {
			for s := range m.Type.Out(0).Methods() {
				check(m.Type.Out(0).Elem().Name()+"."+s.Name, s.Type)
			}
		}
	}
}
