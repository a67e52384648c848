//go:build peers

package bench

import (
	"context"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/stretchr/testify/require"
)

const opaModule = `package bench

default allow := false

allow if may(input.team, input.org)

list contains team if {
	some team in input.teams
	may(team, input.org)
}

may(team, org) if {
	seen
	some role in user.roles
	data.roles[role][input.act] == "organization"
	org == user.org
}

may(team, _) if {
	seen
	some role in user.roles
	data.roles[role][input.act] == "hierarchy"
	some above in graph.reachable(data.parents, {team})
	user.teams[above]
}

may(team, _) if {
	seen
	some share in user.shares
	data.shares[share].acts[input.act]
	data.shares[share].owning in graph.reachable(data.parents, {team})
}

user := data.users[input.sub]

seen if input.seen == ""

seen if input.seen in user.roles
`

// opaEngine is a prepared query on a store that keeps values as the evaluator
// wants them; with the other kind graph.reachable converts the tree each time.
type opaEngine struct {
	tb    testing.TB
	w     *world
	store storage.Store
	allow rego.PreparedEvalQuery
	lists rego.PreparedEvalQuery
}

func newOPA(tb testing.TB, w *world) engine {
	ctx := context.Background()
	users, roles, parents, shares := map[string]any{}, map[string]any{}, map[string]any{}, map[string]any{}
	for i := range w.users {
		users[userName(i)] = w.opaUser(i)
	}
	for i, r := range w.roles {
		acts := map[string]any{}
		for p, reach := range r.grants {
			acts[w.perms[p]] = reach.String()
		}
		roles[roleName(i)] = acts
	}
	for i, t := range w.teams {
		parents[teamName(i)] = []any{}
		if t.parent >= 0 {
			parents[teamName(i)] = []any{teamName(t.parent)}
		}
	}
	for i, s := range w.shares {
		acts := map[string]any{}
		for _, p := range sharedPerms {
			acts[p] = true
		}
		shares[shareName(i)] = map[string]any{"owning": teamName(s.owning), "acts": acts}
	}
	data := map[string]any{"users": users, "roles": roles, "parents": parents, "shares": shares}
	o := &opaEngine{tb: tb, w: w, store: inmem.NewFromObjectWithOpts(data, inmem.OptReturnASTValuesOnRead(true), inmem.OptRoundTripOnWrite(false))}
	prepare := func(query string) rego.PreparedEvalQuery {
		q, err := rego.New(rego.Query(query), rego.Module("world.rego", opaModule), rego.Store(o.store)).PrepareForEval(ctx)
		require.NoError(tb, err)
		return q
	}
	o.allow, o.lists = prepare("data.bench.allow"), prepare("data.bench.list")
	return o
}

func (w *world) opaUser(i int) map[string]any {
	roles, shares, teams := []any{}, []any{}, map[string]any{}
	for _, r := range w.inForce(i) {
		roles = append(roles, roleName(r))
	}
	for _, s := range w.sharesOf(i) {
		shares = append(shares, shareName(s))
	}
	for _, t := range w.users[i].teams {
		teams[teamName(t)] = true
	}
	return map[string]any{"org": orgName(w.users[i].org), "roles": roles, "teams": teams, "shares": shares}
}

func (o *opaEngine) input(fields map[string]any) ast.Value {
	v, err := ast.InterfaceToValue(fields)
	require.NoError(o.tb, err)
	return v
}

func (o *opaEngine) ask(q question) func() bool {
	ctx := context.Background()
	in := o.input(map[string]any{"sub": userName(q.user), "act": o.w.perms[q.perm], "team": teamName(q.team),
		"org": orgName(o.w.teams[q.team].org), "seen": q.seenName()})
	return func() bool {
		out, err := o.allow.Eval(ctx, rego.EvalParsedInput(in))
		if err != nil {
			o.tb.Fatal(err)
		}
		return out.Allowed()
	}
}

func (o *opaEngine) fresh(q question) bool { return o.ask(q)() }

func (o *opaEngine) take(u, _ int) { o.write(o.w.opaUser(u), "users", userName(u)) }
func (o *opaEngine) give(u, _ int) { o.write(o.w.opaUser(u), "users", userName(u)) }

func (o *opaEngine) move(team, _, to int) { o.write([]any{teamName(to)}, "parents", teamName(team)) }

func (o *opaEngine) write(value any, path ...string) {
	if err := storage.WriteOne(context.Background(), o.store, storage.ReplaceOp, path, value); err != nil {
		o.tb.Fatal(err)
	}
}

func (o *opaEngine) list(u, perm int, teams []int) map[int]bool {
	names, number := make([]any, len(teams)), map[string]int{}
	for i, t := range teams {
		names[i], number[teamName(t)] = teamName(t), t
	}
	in := o.input(map[string]any{"sub": userName(u), "act": o.w.perms[perm], "teams": names,
		"org": orgName(o.w.teams[teams[0]].org), "seen": ""})
	result, err := o.lists.Eval(context.Background(), rego.EvalParsedInput(in))
	if err != nil {
		o.tb.Fatal(err)
	}
	out := map[int]bool{}
	for _, name := range result[0].Expressions[0].Value.([]any) {
		out[number[name.(string)]] = true
	}
	return out
}

func (*opaEngine) close() {}
