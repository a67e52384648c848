package bench

import (
	"testing"

	"github.com/casbin/casbin/v3"
	"github.com/casbin/casbin/v3/model"
	rolemanager "github.com/casbin/casbin/v3/rbac/default-role-manager"
	"github.com/stretchr/testify/require"
)

// The cheap comparison comes first, as casbin advises. Teams are roles in g2: a
// team has the role of its parent and that of each of its members, so that a
// member of a team or of one above is one look-up.
const casbinModel = `
[request_definition]
r = sub, member, dom, team, act, seen
[policy_definition]
p = sub, act, reach
[role_definition]
g = _, _, _
g2 = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.act == p.act && g(r.sub, p.sub, r.dom) && (r.seen == "" || g(r.sub, r.seen, r.dom)) && (p.reach == "organization" || p.reach == "hierarchy" && g2(r.team, r.member) || p.reach != "hierarchy" && g2(r.team, p.reach))
`

type enforcer interface {
	Enforce(...any) (bool, error)
	BatchEnforce([][]any) ([]bool, error)
	AddPolicies([][]string) (bool, error)
	AddNamedGroupingPolicies(string, [][]string) (bool, error)
	AddNamedGroupingPolicy(string, ...any) (bool, error)
	RemoveNamedGroupingPolicy(string, ...any) (bool, error)
}

type casbinEngine struct {
	tb testing.TB
	w  *world
	e  enforcer
}

func newCasbin(tb testing.TB, w *world) engine {
	m, err := model.NewModelFromString(casbinModel)
	require.NoError(tb, err)
	e, err := casbin.NewEnforcer(m)
	require.NoError(tb, err)
	e.SetNamedRoleManager("g2", rolemanager.NewRoleManagerImpl(treeDepth+2)) // its own limit is 10
	return loadCasbin(tb, w, e)
}

// newCasbinCached is the enforcer that remembers decisions. It does not forget
// them when a role is taken away.
func newCasbinCached(tb testing.TB, w *world) engine {
	m, err := model.NewModelFromString(casbinModel)
	require.NoError(tb, err)
	e, err := casbin.NewSyncedCachedEnforcer(m)
	require.NoError(tb, err)
	e.SetNamedRoleManager("g2", rolemanager.NewRoleManagerImpl(treeDepth+2))
	return loadCasbin(tb, w, e)
}

func member(u int) string { return "member:" + userName(u) }

func loadCasbin(tb testing.TB, w *world, e enforcer) engine {
	var p, g, g2 [][]string
	for i, r := range w.roles {
		for perm, reach := range r.grants {
			p = append(p, []string{roleName(i), w.perms[perm], reach.String()})
		}
	}
	for i, s := range w.shares {
		for _, perm := range sharedPerms {
			p = append(p, []string{shareName(i), perm, teamName(s.owning)})
		}
	}
	for i, t := range w.teams {
		if t.parent >= 0 {
			g2 = append(g2, []string{teamName(i), teamName(t.parent)})
		}
	}
	for i, u := range w.users {
		for _, r := range w.inForce(i) {
			g = append(g, []string{userName(i), roleName(r), orgName(u.org)})
		}
		for _, s := range w.sharesOf(i) {
			g = append(g, []string{userName(i), shareName(s), orgName(u.org)})
		}
		for _, t := range u.teams {
			g2 = append(g2, []string{teamName(t), member(i)})
		}
	}
	_, err := e.AddPolicies(p)
	require.NoError(tb, err)
	_, err = e.AddNamedGroupingPolicies("g", g)
	require.NoError(tb, err)
	_, err = e.AddNamedGroupingPolicies("g2", g2)
	require.NoError(tb, err)
	return &casbinEngine{tb, w, e}
}

func (c *casbinEngine) request(q question) []any {
	return []any{userName(q.user), member(q.user), orgName(c.w.teams[q.team].org), teamName(q.team), c.w.perms[q.perm], q.seenName()}
}

func (c *casbinEngine) ask(q question) func() bool {
	request := c.request(q)
	return func() bool {
		ok, err := c.e.Enforce(request...)
		if err != nil {
			c.tb.Fatal(err)
		}
		return ok
	}
}

func (c *casbinEngine) fresh(q question) bool { return c.ask(q)() }

func (c *casbinEngine) take(u, role int) {
	c.done(c.e.RemoveNamedGroupingPolicy("g", userName(u), roleName(role), orgName(c.w.users[u].org)))
}

func (c *casbinEngine) give(u, role int) {
	c.done(c.e.AddNamedGroupingPolicy("g", userName(u), roleName(role), orgName(c.w.users[u].org)))
}

func (c *casbinEngine) move(team, from, to int) {
	c.done(c.e.RemoveNamedGroupingPolicy("g2", teamName(team), teamName(from)))
	c.done(c.e.AddNamedGroupingPolicy("g2", teamName(team), teamName(to)))
}

func (c *casbinEngine) done(changed bool, err error) {
	if err != nil || !changed {
		c.tb.Fatal("casbin changed nothing: ", err)
	}
}

func (c *casbinEngine) list(u, perm int, teams []int) map[int]bool {
	requests := make([][]any, len(teams))
	for i, t := range teams {
		requests[i] = c.request(question{user: u, perm: perm, team: t, seen: -1})
	}
	answers, err := c.e.BatchEnforce(requests)
	if err != nil {
		c.tb.Fatal(err)
	}
	out := map[int]bool{}
	for i, can := range answers {
		if can {
			out[teams[i]] = true
		}
	}
	return out
}

func (*casbinEngine) close() {}
