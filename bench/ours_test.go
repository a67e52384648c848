package bench

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/store/memory"
)

// ours is usermgmt on its store in memory, with everything on that rights can
// have: sharing policies, roles that are switched, protected fields, criteria,
// and assignments for a time.
type ours struct {
	tb     testing.TB
	w      *world
	store  *memory.Store
	m      *usermgmt.Manager
	orgs   []usermgmt.OrgID
	teams  []usermgmt.TeamID
	roles  []usermgmt.RoleID
	users  []usermgmt.UserID
	admins []usermgmt.Actor // an administrator of each organization
	actors map[int]usermgmt.Actor
}

// idOf returns identifiers that ascend and end randomly, as UUIDs of version 7 do.
func idOf[E any](kind, n int) (id usermgmt.ID[E]) {
	binary.BigEndian.PutUint64(id[:8], uint64(1_700_000_000_000+n)<<16|0x7000|uint64(kind))
	r := rand.NewPCG(uint64(kind), uint64(n))
	binary.BigEndian.PutUint64(id[8:], r.Uint64()&^(3<<62)|2<<62)
	return id
}

func idsOf[E any](kind, n int) []usermgmt.ID[E] {
	out := make([]usermgmt.ID[E], n)
	for i := range out {
		out[i] = idOf[E](kind, i)
	}
	return out
}

func newOurs(tb testing.TB, w *world) engine {
	o := &ours{
		tb: tb, w: w, store: memory.New(), actors: map[int]usermgmt.Actor{},
		orgs: idsOf[usermgmt.Organization](1, len(w.switches)), teams: idsOf[usermgmt.Team](2, len(w.teams)),
		roles: idsOf[usermgmt.Role](3, len(w.roles)), users: idsOf[usermgmt.User](4, len(w.users)),
	}
	o.open()
	o.saveOrgs()
	o.saveUsers()
	for i := range o.orgs {
		o.admins = append(o.admins, o.administrator(i))
	}
	for i, s := range w.shares {
		n := usermgmt.NewSharing{Name: shareName(i), Owning: o.teams[s.owning], OwningSubteams: true,
			Sharing: []usermgmt.TeamID{o.teams[s.sharing]}, Model: usermgmt.SharingOneWay}
		for _, p := range sharedPerms {
			n.Permissions = append(n.Permissions, usermgmt.Permission(p))
		}
		_, err := o.m.Sharing().Create(context.Background(), o.admins[s.org], n)
		require.NoError(tb, err)
	}
	return o
}

// open makes a manager that knows nothing yet of what the store holds.
func (o *ours) open() {
	var objects []usermgmt.Object
	for m := range moduleCount {
		object := usermgmt.Object{Name: fmt.Sprint("module", m), Ownership: usermgmt.OwnedByUser, Actions: actions}
		if m < fieldCount {
			object.Fields = []string{"amount"}
		}
		if m >= criteria {
			object.Visibility = usermgmt.VisibleByRole
		}
		objects = append(objects, object)
	}
	var err error
	o.m, err = usermgmt.New(o.store, &usermgmt.Config{Objects: objects, ActorMaxAge: time.Hour, StepUpAge: 24 * time.Hour, SnapshotBytes: 256 << 20})
	require.NoError(o.tb, err)
}

// batches calls save for 0 to n-1 in transactions of 10,000.
func (o *ours) batches(n int, save func(ctx context.Context, tx usermgmt.Store, i int) error) {
	for from := 0; from < n; from += 10_000 {
		require.NoError(o.tb, o.store.Tx(context.Background(), func(ctx context.Context, tx usermgmt.Store) error {
			for i := from; i < min(n, from+10_000); i++ {
				if err := save(ctx, tx, i); err != nil {
					return err
				}
			}
			return nil
		}))
	}
}

func (o *ours) saveOrgs() {
	ctx, w := context.Background(), o.w
	require.NoError(o.tb, o.store.SaveProfile(ctx, usermgmt.AccessProfile{ID: idOf[usermgmt.AccessProfile](5, 0), NameKey: "nothing"}))
	for i, switches := range w.switches {
		org := usermgmt.Organization{ID: o.orgs[i], NameKey: orgName(i), Enabled: true, SwitchRoles: switches}
		require.NoError(o.tb, o.store.SaveOrg(ctx, org))
		require.NoError(o.tb, o.store.SaveUnit(ctx, usermgmt.BusinessUnit{ID: idOf[usermgmt.BusinessUnit](6, i), Org: o.orgs[i], NameKey: "unit"}))
	}
	o.batches(len(w.teams), func(ctx context.Context, tx usermgmt.Store, i int) error {
		t := usermgmt.Team{ID: o.teams[i], Org: o.orgs[w.teams[i].org], Name: teamName(i), NameKey: teamName(i)}
		if p := w.teams[i].parent; p >= 0 {
			t.Parent = o.teams[p]
		}
		return tx.SaveTeam(ctx, t)
	})
	for i := range w.roles {
		r := usermgmt.Role{ID: o.roles[i], NameKey: roleName(i)}
		for p, reach := range w.roles[i].grants {
			r.Grants = append(r.Grants, usermgmt.Grant{Permission: usermgmt.Permission(w.perms[p]), Scope: scopes[reach]})
		}
		for _, p := range w.roles[i].hidden {
			r.Grants = append(r.Grants, usermgmt.Grant{Permission: usermgmt.Permission(w.perms[p])})
		}
		slices.SortFunc(r.Grants, func(a, b usermgmt.Grant) int { return strings.Compare(string(a.Permission), string(b.Permission)) })
		require.NoError(o.tb, o.store.SaveRole(ctx, r))
	}
}

var scopes = map[reach]usermgmt.Scope{hierarchy: usermgmt.ScopeHierarchy, organization: usermgmt.ScopeOrganization.Expand() &^ usermgmt.ScopeSystem}

func (o *ours) saveUsers() {
	w, at := o.w, time.Now()
	o.batches(len(w.users), func(ctx context.Context, tx usermgmt.Store, i int) error {
		u, name := &w.users[i], userName(i)
		unit := idOf[usermgmt.BusinessUnit](6, u.org)
		err := tx.SaveUser(ctx, usermgmt.User{ID: o.users[i], Org: o.orgs[u.org], OwnerUnit: unit, Kind: usermgmt.KindPerson,
			Username: name, UsernameKey: name, NameKey: name, SearchKey: name, Enabled: true, CreatedAt: at.Add(-time.Hour)})
		if err != nil {
			return err
		}
		mem := usermgmt.Membership{User: o.users[i], Org: o.orgs[u.org], Enabled: true, Profile: idOf[usermgmt.AccessProfile](5, 0),
			Rights: 1, Units: []usermgmt.UnitID{unit}, PrimaryTeam: o.teams[u.teams[0]], Licence: usermgmt.LicencePlatform}
		for _, h := range u.held {
			mem.Roles = append(mem.Roles, o.assignment(h, at))
		}
		for _, t := range u.teams {
			mem.Teams = append(mem.Teams, usermgmt.TeamAssignment{Team: o.teams[t]})
		}
		return tx.SaveMembership(ctx, mem)
	})
}

// administrator is a member of no team who may do everything in the organization.
func (o *ours) administrator(org int) usermgmt.Actor {
	id, unit, name := idOf[usermgmt.User](7, org), idOf[usermgmt.BusinessUnit](6, org), fmt.Sprint("administrator", org)
	profile := usermgmt.AccessProfile{ID: idOf[usermgmt.AccessProfile](8, org), Org: o.orgs[org], NameKey: name,
		Grants: []usermgmt.Grant{{Permission: "*.*", Scope: scopes[organization]}}}
	ctx := context.Background()
	require.NoError(o.tb, o.store.SaveProfile(ctx, profile))
	require.NoError(o.tb, o.store.SaveUser(ctx, usermgmt.User{ID: id, Org: o.orgs[org], OwnerUnit: unit, Kind: usermgmt.KindPerson,
		Username: name, UsernameKey: name, NameKey: name, SearchKey: name, Enabled: true}))
	require.NoError(o.tb, o.store.SaveMembership(ctx, usermgmt.Membership{User: id, Org: o.orgs[org], Enabled: true, Profile: profile.ID,
		Rights: 1, Units: []usermgmt.UnitID{unit}, Licence: usermgmt.LicencePlatform}))
	a, err := o.m.ActorFor(ctx, usermgmt.ActorRequest{User: id, Org: o.orgs[org], ProvedAt: time.Now()})
	require.NoError(o.tb, err)
	return a
}

func (o *ours) assignment(h holding, at time.Time) usermgmt.RoleAssignment {
	a := usermgmt.RoleAssignment{Role: o.roles[h.role]}
	switch before, after := at.Add(-24*time.Hour).UTC(), at.Add(24*time.Hour).UTC(); h.when {
	case bounded:
		a.From, a.Until = before, after
	case past:
		a.Until = before
	case future:
		a.From = after
	}
	return a
}

// verified is an actor for the user, with the rights of this moment.
func (o *ours) verified(u int) usermgmt.Actor {
	req := usermgmt.ActorRequest{User: o.users[u], Org: o.orgs[o.w.users[u].org]}
	if roles := o.w.inForce(u); len(roles) > 0 && o.w.switches[o.w.users[u].org] {
		req.Role = o.roles[roles[0]]
	}
	a, err := o.m.ActorFor(context.Background(), req)
	if err != nil {
		o.tb.Fatal(err)
	}
	return a
}

func (o *ours) actor(u int) usermgmt.Actor {
	a, ok := o.actors[u]
	if !ok {
		a = o.verified(u)
		o.actors[u] = a
	}
	return a
}

func (o *ours) record(q question) usermgmt.Record {
	r := usermgmt.Record{Org: o.orgs[o.w.teams[q.team].org], OwnerTeams: []usermgmt.TeamID{o.teams[q.team]}}
	if q.seen >= 0 {
		r.Criteria = &usermgmt.Criteria{Roles: []usermgmt.RoleID{o.roles[q.seen]}}
	}
	return r
}

func (o *ours) ask(q question) func() bool {
	a, p, r := o.actor(q.user), usermgmt.Permission(o.w.perms[q.perm]), o.record(q)
	return func() bool { return a.Can(p, r) }
}

func (o *ours) fresh(q question) bool {
	return o.verified(q.user).Can(usermgmt.Permission(o.w.perms[q.perm]), o.record(q))
}

func (o *ours) take(u, role int) {
	o.change(u, func(in []usermgmt.RoleAssignment) []usermgmt.RoleAssignment {
		return slices.DeleteFunc(in, func(a usermgmt.RoleAssignment) bool { return a.Role == o.roles[role] })
	})
}

func (o *ours) give(u, role int) {
	o.change(u, func(in []usermgmt.RoleAssignment) []usermgmt.RoleAssignment {
		return append(in, usermgmt.RoleAssignment{Role: o.roles[role]})
	})
}

func (o *ours) change(u int, roles func([]usermgmt.RoleAssignment) []usermgmt.RoleAssignment) {
	ctx, user, org := context.Background(), o.users[u], o.w.users[u].org
	mem, err := o.store.MembershipOf(ctx, user, o.orgs[org])
	if err != nil {
		o.tb.Fatal(err)
	}
	to := roles(mem.Roles)
	_, err = o.m.Members().Update(ctx, o.admins[org], user, o.orgs[org], mem.Version, usermgmt.MembershipUpdate{Roles: &to})
	if err != nil {
		o.tb.Fatal(err)
	}
	delete(o.actors, u)
}

func (o *ours) move(team, _, to int) {
	ctx, a := context.Background(), o.admins[o.w.teams[team].org]
	t, err := o.store.TeamByID(ctx, o.teams[team])
	if err != nil {
		o.tb.Fatal(err)
	}
	parent := o.teams[to]
	if _, err := o.m.Teams().Update(ctx, a, t.ID, t.Version, usermgmt.TeamUpdate{Parent: &parent}); err != nil {
		o.tb.Fatal(err)
	}
	clear(o.actors)
}

// filter is the condition for the host's own table.
func (o *ours) filter(u, perm int) usermgmt.Filter {
	return o.m.Access().Filter(o.actor(u), usermgmt.Permission(o.w.perms[perm]))
}

func (o *ours) list(u, perm int, teams []int) map[int]bool {
	records := make([]usermgmt.Record, len(teams))
	for i, t := range teams {
		records[i] = o.record(question{team: t, seen: -1})
	}
	out := map[int]bool{}
	for i, can := range o.m.Access().CheckMany(o.actor(u), usermgmt.Permission(o.w.perms[perm]), records) {
		if can {
			out[teams[i]] = true
		}
	}
	return out
}

func (*ours) close() {}
