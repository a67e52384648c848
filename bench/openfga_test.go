//go:build peers

package bench

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	openfgav1 "github.com/openfga/api/proto/openfga/v1"
	"github.com/openfga/language/pkg/go/transformer"
	"github.com/openfga/openfga/pkg/server"
	"github.com/openfga/openfga/pkg/storage/memory"
	"github.com/openfga/openfga/pkg/tuple"
	"github.com/stretchr/testify/require"
)

// openFGA is the server in this process, without gRPC, on its store in memory. An
// organization says which roles have a permission, by reach; a permission on a
// record is a relation of its team. Roles are objects of each organization.
type openFGA struct {
	tb    testing.TB
	w     *world
	s     *server.Server
	store string
	model string
}

// openFGAUsers is how many users it bears here: its store in memory reads by
// looking at every tuple.
const openFGAUsers = 1000

func newOpenFGA(tb testing.TB, w *world) engine {
	ctx := context.Background()
	f := &openFGA{tb: tb, w: w, s: server.MustNewServerWithOpts(server.WithDatastore(memory.New(memory.WithMaxTypesPerAuthorizationModel(200))),
		server.WithListObjectsMaxResults(0), server.WithListObjectsDeadline(time.Minute), server.WithRequestTimeout(time.Minute))}
	store, err := f.s.CreateStore(ctx, &openfgav1.CreateStoreRequest{Name: "world"})
	require.NoError(tb, err)
	f.store = store.GetId()
	m, err := transformer.TransformDSLToProto(w.openFGAModel())
	require.NoError(tb, err)
	model, err := f.s.WriteAuthorizationModel(ctx, &openfgav1.WriteAuthorizationModelRequest{
		StoreId: f.store, SchemaVersion: m.GetSchemaVersion(), TypeDefinitions: m.GetTypeDefinitions()})
	require.NoError(tb, err)
	f.model = model.GetAuthorizationModelId()
	f.load()
	return f
}

func relation(perm string) string { return strings.NewReplacer(".", "_", ":", "_").Replace(perm) }

func (w *world) openFGAModel() string {
	var org, team strings.Builder
	for _, p := range w.perms {
		name := relation(p)
		fmt.Fprintf(&org, "    define h_%s: [role#holder]\n    define o_%s: [role#holder]\n", name, name)
		fmt.Fprintf(&team, "    define can_%s: (h_%s from org and within) or o_%s from org", name, name, name)
		for _, shared := range sharedPerms {
			if p == shared {
				fmt.Fprintf(&team, " or s_%s\n    define s_%s: [share#member] or s_%s from parent", name, name, name)
			}
		}
		team.WriteByte('\n')
	}
	return `model
  schema 1.1
type user
type role
  relations
    define holder: [user]
type share
  relations
    define member: [user]
type org
  relations
` + org.String() + `type team
  relations
    define org: [org]
    define parent: [team]
    define member: [user]
    define within: member or within from parent
` + team.String()
}

func (f *openFGA) load() {
	var batch []*openfgav1.TupleKey
	flush := func() {
		if len(batch) > 0 {
			f.write(batch, nil)
			batch = nil
		}
	}
	add := func(object, relation, user string) {
		if batch = append(batch, tuple.NewTupleKey(object, relation, user)); len(batch) == 100 {
			flush()
		}
	}
	for i, r := range f.w.roles {
		for org := range f.w.switches {
			for p, reach := range r.grants {
				add("org:"+orgName(org), reach.String()[:1]+"_"+relation(f.w.perms[p]), f.role(org, i)+"#holder")
			}
		}
	}
	for i, s := range f.w.shares {
		for _, p := range sharedPerms {
			add("team:"+teamName(s.owning), "s_"+relation(p), "share:"+shareName(i)+"#member")
		}
	}
	for i, t := range f.w.teams {
		add("team:"+teamName(i), "org", "org:"+orgName(t.org))
		if t.parent >= 0 {
			add("team:"+teamName(i), "parent", "team:"+teamName(t.parent))
		}
	}
	for i, u := range f.w.users {
		for _, r := range f.w.inForce(i) {
			add(f.role(u.org, r), "holder", "user:"+userName(i))
		}
		for _, s := range f.w.sharesOf(i) {
			add("share:"+shareName(s), "member", "user:"+userName(i))
		}
		for _, t := range u.teams {
			add("team:"+teamName(t), "member", "user:"+userName(i))
		}
	}
	flush()
}

func (f *openFGA) role(org, role int) string { return "role:" + orgName(org) + "-" + roleName(role) }

func (f *openFGA) write(add []*openfgav1.TupleKey, remove []*openfgav1.TupleKeyWithoutCondition) {
	req := &openfgav1.WriteRequest{StoreId: f.store, AuthorizationModelId: f.model}
	if len(add) > 0 {
		req.Writes = &openfgav1.WriteRequestWrites{TupleKeys: add}
	}
	if len(remove) > 0 {
		req.Deletes = &openfgav1.WriteRequestDeletes{TupleKeys: remove}
	}
	if _, err := f.s.Write(context.Background(), req); err != nil {
		f.tb.Fatal(err)
	}
}

func (f *openFGA) check(object, relation, user string) bool {
	out, err := f.s.Check(context.Background(), &openfgav1.CheckRequest{StoreId: f.store, AuthorizationModelId: f.model,
		TupleKey: tuple.NewCheckRequestTupleKey(object, relation, user)})
	if err != nil {
		f.tb.Fatal(err)
	}
	return out.GetAllowed()
}

// ask asks twice about a record that is visible to a role only.
func (f *openFGA) ask(q question) func() bool {
	object, can, user := "team:"+teamName(q.team), "can_"+relation(f.w.perms[q.perm]), "user:"+userName(q.user)
	seen := ""
	if q.seen >= 0 {
		seen = f.role(f.w.teams[q.team].org, q.seen)
	}
	return func() bool { return (seen == "" || f.check(seen, "holder", user)) && f.check(object, can, user) }
}

func (f *openFGA) fresh(q question) bool { return f.ask(q)() }

func (f *openFGA) take(u, role int) {
	f.write(nil, []*openfgav1.TupleKeyWithoutCondition{{Object: f.role(f.w.users[u].org, role), Relation: "holder", User: "user:" + userName(u)}})
}

func (f *openFGA) give(u, role int) {
	f.write([]*openfgav1.TupleKey{tuple.NewTupleKey(f.role(f.w.users[u].org, role), "holder", "user:"+userName(u))}, nil)
}

func (f *openFGA) move(team, from, to int) {
	object := "team:" + teamName(team)
	f.write([]*openfgav1.TupleKey{tuple.NewTupleKey(object, "parent", "team:"+teamName(to))},
		[]*openfgav1.TupleKeyWithoutCondition{{Object: object, Relation: "parent", User: "team:" + teamName(from)}})
}

// list has the server list all teams there are; those that were not asked about
// are dropped.
func (f *openFGA) list(u, perm int, teams []int) map[int]bool {
	out, err := f.s.ListObjects(context.Background(), &openfgav1.ListObjectsRequest{StoreId: f.store, AuthorizationModelId: f.model,
		Type: "team", Relation: "can_" + relation(f.w.perms[perm]), User: "user:" + userName(u)})
	if err != nil {
		f.tb.Fatal(err)
	}
	found := map[string]bool{}
	for _, o := range out.GetObjects() {
		found[o] = true
	}
	allowed := map[int]bool{}
	for _, t := range teams {
		if found["team:"+teamName(t)] {
			allowed[t] = true
		}
	}
	return allowed
}

func (f *openFGA) close() { f.s.Close() }
