package bench

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cedar-policy/cedar-go"
	"github.com/stretchr/testify/require"
)

// cedarEngine has two policies for each role, by reach, and one for each share.
// Users are in their roles and shares, teams in their parents, and root teams in
// their organization.
type cedarEngine struct {
	w        *world
	policies *cedar.PolicySet
	entities cedar.EntityMap
}

func newCedar(tb testing.TB, w *world) engine {
	c := &cedarEngine{w: w, entities: cedar.EntityMap{}}
	var err error
	c.policies, err = cedar.NewPolicySetFromBytes("world.cedar", []byte(w.cedarPolicies(nil, nil)))
	require.NoError(tb, err)
	for i := range w.teams {
		c.entities[cedarTeam(i)] = w.cedarTeamEntity(i)
	}
	for i := range w.users {
		c.entities[cedarUser(i)] = w.cedarUserEntity(i)
	}
	return c
}

func cedarUser(i int) cedar.EntityUID { return cedar.NewEntityUID("User", cedar.String(userName(i))) }
func cedarTeam(i int) cedar.EntityUID { return cedar.NewEntityUID("Team", cedar.String(teamName(i))) }
func cedarRole(i int) cedar.EntityUID { return cedar.NewEntityUID("Role", cedar.String(roleName(i))) }
func cedarShare(i int) cedar.EntityUID {
	return cedar.NewEntityUID("Share", cedar.String(shareName(i)))
}
func cedarOrg(i int) cedar.EntityUID { return cedar.NewEntityUID("Org", cedar.String(orgName(i))) }

// cedarPolicies are the policies of the given roles and shares, or of all.
func (w *world) cedarPolicies(roles, shares []int) string {
	const seen = "(!(context has seen) || principal in context.seen)"
	var b strings.Builder
	list := func(perms []string) string {
		slices.Sort(perms)
		for i, p := range perms {
			perms[i] = fmt.Sprintf("Action::%q", p)
		}
		return strings.Join(perms, ", ")
	}
	for i, r := range w.roles {
		if roles != nil && !slices.Contains(roles, i) {
			continue
		}
		by := map[reach][]string{}
		for p, reach := range r.grants {
			by[reach] = append(by[reach], w.perms[p])
		}
		for reach, target := range map[reach]string{hierarchy: "principal.teams", organization: "principal.org"} {
			if len(by[reach]) > 0 {
				fmt.Fprintf(&b, "permit(principal in Role::%q, action in [%s], resource) when { %s && resource in %s };\n",
					roleName(i), list(by[reach]), seen, target)
			}
		}
	}
	for i, s := range w.shares {
		if roles == nil || slices.Contains(shares, i) {
			fmt.Fprintf(&b, "permit(principal in Share::%q, action in [%s], resource in Team::%q) when { %s };\n",
				shareName(i), list(slices.Clone(sharedPerms)), teamName(s.owning), seen)
		}
	}
	return b.String()
}

func (w *world) cedarTeamEntity(i int) cedar.Entity {
	parent := cedarOrg(w.teams[i].org)
	if p := w.teams[i].parent; p >= 0 {
		parent = cedarTeam(p)
	}
	return cedar.Entity{UID: cedarTeam(i), Parents: cedar.NewEntityUIDSet(parent)}
}

func (w *world) cedarUserEntity(i int) cedar.Entity {
	var parents []cedar.EntityUID
	for _, r := range w.inForce(i) {
		parents = append(parents, cedarRole(r))
	}
	for _, s := range w.sharesOf(i) {
		parents = append(parents, cedarShare(s))
	}
	var teams []cedar.Value
	for _, t := range w.users[i].teams {
		teams = append(teams, cedarTeam(t))
	}
	return cedar.Entity{UID: cedarUser(i), Parents: cedar.NewEntityUIDSet(parents...),
		Attributes: cedar.NewRecord(cedar.RecordMap{"teams": cedar.NewSet(teams...), "org": cedarOrg(w.users[i].org)})}
}

func (w *world) cedarRequest(q question) cedar.Request {
	r := cedar.Request{Principal: cedarUser(q.user), Action: cedar.NewEntityUID("Action", cedar.String(w.perms[q.perm])),
		Resource: cedarTeam(q.team)}
	if q.seen >= 0 {
		r.Context = cedar.NewRecord(cedar.RecordMap{"seen": cedarRole(q.seen)})
	}
	return r
}

func (c *cedarEngine) ask(q question) func() bool {
	r := c.w.cedarRequest(q)
	return func() bool {
		ok, _ := cedar.Authorize(c.policies, c.entities, r)
		return bool(ok)
	}
}

func (c *cedarEngine) fresh(q question) bool { return c.ask(q)() }

func (c *cedarEngine) take(u, _ int) { c.entities[cedarUser(u)] = c.w.cedarUserEntity(u) }
func (c *cedarEngine) give(u, _ int) { c.entities[cedarUser(u)] = c.w.cedarUserEntity(u) }

func (c *cedarEngine) move(team, _, to int) {
	c.entities[cedarTeam(team)] = cedar.Entity{UID: cedarTeam(team), Parents: cedar.NewEntityUIDSet(cedarTeam(to))}
}

func (c *cedarEngine) list(u, perm int, teams []int) map[int]bool {
	out := map[int]bool{}
	for _, t := range teams {
		if c.fresh(question{user: u, perm: perm, team: t, seen: -1}) {
			out[t] = true
		}
	}
	return out
}

func (*cedarEngine) close() {}

// cedarSliced is given, with each question, only the policies of the user's roles
// and shares and the entities that matter: what a caller has to find out first.
type cedarSliced struct {
	cedarEngine
	tb testing.TB
}

func newCedarSliced(tb testing.TB, w *world) engine { return &cedarSliced{cedarEngine{w: w}, tb} }

func (c *cedarSliced) ask(q question) func() bool {
	policies, err := cedar.NewPolicySetFromBytes("slice.cedar", []byte(c.w.cedarPolicies(c.w.inForce(q.user), c.w.sharesOf(q.user))))
	require.NoError(c.tb, err)
	entities := cedar.EntityMap{cedarUser(q.user): c.w.cedarUserEntity(q.user)}
	for t := q.team; t >= 0; t = c.w.teams[t].parent {
		entities[cedarTeam(t)] = c.w.cedarTeamEntity(t)
	}
	r := c.w.cedarRequest(q)
	return func() bool {
		ok, _ := cedar.Authorize(policies, entities, r)
		return bool(ok)
	}
}

func (c *cedarSliced) fresh(q question) bool { return c.ask(q)() }

func (c *cedarSliced) list(u, perm int, teams []int) map[int]bool {
	out := map[int]bool{}
	for _, t := range teams {
		if c.fresh(question{user: u, perm: perm, team: t, seen: -1}) {
			out[t] = true
		}
	}
	return out
}
