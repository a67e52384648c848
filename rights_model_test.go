package usermgmt_test

import (
	"fmt"
	"math/bits"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

// The model is what the documentation says about rights, written down again in
// the plainest way: lists and loops, no caches and no numbers. The test makes
// random worlds through the services, keeps the same world as a model, and asks
// both.

type (
	period     struct{ from, until time.Time }
	modelGrant struct {
		perm  string // "object.action", either may be "*"
		scope usermgmt.Scope
	}
	modelRole struct {
		id      usermgmt.RoleID
		version int64
		org     int  // -1 is system-wide
		inApp   bool // limited to the first application
		grants  []modelGrant
	}
	heldRole struct {
		role int
		period
	}
	heldTeam struct {
		team int
		period
	}
	modelMember struct {
		profile int
		roles   []heldRole
		teams   []heldTeam // the first is the primary one
		units   []int
	}
	modelUser struct {
		id    usermgmt.UserID
		home  int // organization
		owner int // unit of the home
		in    [2]*modelMember
	}

	// node is a team or a unit of an organization.
	node[E any] struct {
		id      usermgmt.ID[E]
		version int64
		parent  int // -1 is none
	}
	modelOrg struct {
		id    usermgmt.OrgID
		teams []node[usermgmt.Team]
		units []node[usermgmt.BusinessUnit]
		// access to the applications, by user and by team.
		byUser, byTeam []modelAccess
	}
	modelAccess struct {
		app, subject int
		roles        []heldRole
	}
	modelApp struct {
		id      usermgmt.ApplicationID
		objects []string
	}
	world struct {
		*usermgmttest.Env
		orgs     [2]*modelOrg // the first is the provider
		roles    []*modelRole
		profiles []modelProfile
		apps     []modelApp
		users    []*modelUser
	}
	modelProfile struct {
		id     usermgmt.ProfileID
		grants []modelGrant
	}
)

func (p period) holds(now time.Time) bool {
	return !now.Before(p.from) && (p.until.IsZero() || now.Before(p.until))
}

// The host's objects: who owns their records, and where they live.
var modelObjects = []usermgmt.Object{
	{Name: "note", Ownership: usermgmt.OwnedByUser, Actions: []string{"view", "edit"}},
	{Name: "deal", Ownership: usermgmt.OwnedByUser, Actions: []string{"view", "edit"}}, // of the first application
	{Name: "task", Ownership: usermgmt.OwnedByUser, Actions: []string{"view"}},         // of the second
	{Name: "shop", Ownership: usermgmt.OwnedByUnit, Actions: []string{"view", "edit"}},
	{Name: "crew", Ownership: usermgmt.OwnedByTeam, Actions: []string{"view"}},
	{Name: "year", Ownership: usermgmt.OwnedByOrganization, Actions: []string{"view", "close"}, SystemOnly: []string{"close"}},
	{Name: "moon", Ownership: usermgmt.Unowned, Actions: []string{"view"}},
}

var modelPerms = []string{
	"note.view", "note.edit", "deal.view", "deal.edit", "task.view", "shop.view", "shop.edit", "crew.view",
	"year.view", "year.close", "moon.view", "user.view", "user.edit",
}

var modelNames = append([]string{"*.view", "*.edit", "*.*", "note.*", "deal.*", "shop.*", "year.*", "user.*"}, modelPerms...)

// exists are the scopes of a permission, by the documentation of [usermgmt.Ownership].
func exists(perm string) usermgmt.Scope {
	org := usermgmt.ScopeOrganization | usermgmt.ScopeSystem
	object, action, _ := strings.Cut(perm, ".")
	switch object {
	case "shop":
		return usermgmt.ScopeUnit | usermgmt.ScopeDivision | org
	case "crew":
		return usermgmt.ScopeTeam | usermgmt.ScopeSubteams | usermgmt.ScopeShared | org
	case "year":
		if action == "close" {
			return usermgmt.ScopeSystem
		}
		return org
	case "moon":
		return usermgmt.ScopeSystem
	}
	return ^usermgmt.Scope(0)
}

// least is what a wildcard becomes that has no scope of the object.
func least(perm string) usermgmt.Scope {
	switch perm {
	case "shop.view", "shop.edit":
		return usermgmt.ScopeUnit
	case "crew.view":
		return usermgmt.ScopeTeam
	case "year.view":
		return usermgmt.ScopeOrganization
	}
	return 0
}

// of is what one role or profile gives of a permission: the most exact of its
// grants counts alone.
func of(grants []modelGrant, perm string) usermgmt.Scope {
	object, action, _ := strings.Cut(perm, ".")
	for _, name := range []string{perm, object + ".*", "*." + action, "*.*"} {
		var scope usermgmt.Scope
		found := false
		for _, g := range grants {
			if g.perm == name {
				scope |= g.scope.Expand()
				found = true
			}
		}
		switch {
		case !found:
			continue
		case scope == 0 || scope&exists(perm) != 0 || name == perm:
			return scope & exists(perm)
		default:
			return least(perm)
		}
	}
	return 0
}

// lineage is a node and all above it.
func lineage[E any](nodes []node[E], i int) (out []int) {
	for ; i >= 0; i = nodes[i].parent {
		out = append(out, i)
	}
	return out
}

// viewer is who asks: a user in an organization and an application (-1 is none).
type viewer struct{ user, org, app int }

func (w *world) teamsOf(user, org int) (out []int) {
	if m := w.users[user].in[org]; m != nil {
		for _, t := range m.teams {
			if t.holds(w.Clock.Now()) {
				out = append(out, t.team)
			}
		}
	}
	return out
}

// accessOf are the roles that the viewer has by entries for the application.
func (w *world) accessOf(v viewer) (out []heldRole) {
	org := w.orgs[v.org]
	for _, e := range org.byUser {
		if e.app == v.app && e.subject == v.user {
			out = append(out, e.roles...)
		}
	}
	for _, e := range org.byTeam {
		reached := false
		for _, t := range w.teamsOf(v.user, v.org) {
			reached = reached || slices.Contains(lineage(org.teams, t), e.subject)
		}
		if e.app == v.app && reached {
			out = append(out, e.roles...)
		}
	}
	return out
}

// granted is the union of what the viewer has of a permission.
func (w *world) granted(v viewer, perm string) (scope usermgmt.Scope) {
	now := w.Clock.Now()
	m := w.users[v.user].in[v.org]
	access := w.accessOf(v)
	if !slices.ContainsFunc(access, func(r heldRole) bool { return r.holds(now) }) {
		v.app, access = -1, nil // no access to the application: none is current
	}
	object, _, _ := strings.Cut(perm, ".")
	lives, here := false, false
	for i, app := range w.apps {
		if slices.Contains(app.objects, object) {
			lives = true
			here = here || i == v.app
		}
	}
	if lives && !here {
		return 0
	}
	scope = of(w.profiles[m.profile].grants, perm)
	for _, r := range slices.Concat(m.roles, access) {
		if role := w.roles[r.role]; r.holds(now) && (!role.inApp || v.app == 0) {
			scope |= of(role.grants, perm)
		}
	}
	if v.org != 0 {
		scope &^= usermgmt.ScopeSystem // Organization, which is in there too, counts
	}
	return scope
}

// thing is a record: of an organization, an owner, units and teams by number.
type thing struct {
	org, owner   int // -1 is nobody
	units, teams []int
}

// relations are those of the viewer to a record.
func (w *world) relations(v viewer, r *thing) usermgmt.Scope {
	s := usermgmt.ScopeSystem
	if r.org != v.org {
		return s
	}
	s |= usermgmt.ScopeOrganization
	if r.owner == v.user {
		s |= usermgmt.ScopeOwn
	}
	org, m := w.orgs[v.org], w.users[v.user].in[v.org]
	for _, u := range r.units {
		for i, a := range lineage(org.units, u) {
			if slices.Contains(m.units, a) {
				s |= usermgmt.ScopeDivision
				if i == 0 {
					s |= usermgmt.ScopeUnit
				}
			}
		}
	}
	for _, t := range r.teams {
		for i, a := range lineage(org.teams, t) {
			if slices.Contains(w.teamsOf(v.user, v.org), a) {
				if i == 0 {
					s |= usermgmt.ScopeTeam
				} else {
					s |= usermgmt.ScopeSubteams
				}
			}
		}
	}
	return s
}

// record is a thing in the library's terms.
func (w *world) record(r *thing) usermgmt.Record {
	out := usermgmt.Record{Org: w.orgs[r.org].id}
	if r.owner >= 0 {
		out.Owner = w.users[r.owner].id
	}
	for _, u := range r.units {
		out.OwnerUnits = append(out.OwnerUnits, w.orgs[r.org].units[u].id)
	}
	for _, t := range r.teams {
		out.OwnerTeams = append(out.OwnerTeams, w.orgs[r.org].teams[t].id)
	}
	return out
}

// owned is the record that a user owns in an organization: with the user's
// units there, and teams.
func (w *world) owned(user, org int) *thing {
	return &thing{org, user, w.users[user].in[org].units, w.teamsOf(user, org)}
}

// person is the record of a user as members of org meet it: with the owner
// unit, if the user is at home there.
func (w *world) person(user, org int) *thing {
	r := &thing{org: org, owner: user, teams: w.teamsOf(user, org)}
	if w.users[user].home == org {
		r.units = []int{w.users[user].owner}
	}
	return r
}

// scopeCount counts what decides.
type scopeCount struct {
	mu             sync.Mutex
	asked, allowed int
	alone          [8]int
}

func (c *scopeCount) add(by usermgmt.Scope) {
	c.asked++
	if by != 0 {
		c.allowed++
	}
	if bits.OnesCount8(uint8(by)) == 1 {
		c.alone[bits.TrailingZeros8(uint8(by))]++
	}
}

func (w *world) actor(t *rapid.T, v viewer) usermgmt.Actor {
	req := usermgmt.ActorRequest{User: w.users[v.user].id, Org: w.orgs[v.org].id, ProvedAt: w.Clock.Now()}
	if v.app >= 0 {
		req.Application = w.apps[v.app].id
	}
	a, err := w.ActorFor(t.Context(), req)
	must(t, err)
	return a
}

func (w *world) askAll(t *rapid.T, a usermgmt.Actor, v viewer, count *scopeCount) {
	for _, perm := range modelPerms {
		w.ask(t, a, v, perm, count)
	}
}

// ask compares every answer of an actor about one permission with the model.
func (w *world) ask(t *rapid.T, a usermgmt.Actor, v viewer, perm string, count *scopeCount) {
	p := usermgmt.Permission(perm)
	granted := w.granted(v, perm)
	if a.Has(p) != (granted != 0) || a.Scope(p) != granted {
		t.Fatalf("%+v has %s with %s, not %s", v, perm, a.Scope(p), granted)
	}
	var things []*thing
	for org := range w.orgs {
		for user := range w.users {
			if w.users[user].in[org] != nil {
				things = append(things, w.owned(user, org), w.person(user, org))
			}
		}
		for i := range w.orgs[org].units {
			things = append(things, &thing{org: org, owner: -1, units: []int{i}})
		}
		for i := range w.orgs[org].teams {
			things = append(things, &thing{org: org, owner: -1, teams: []int{i}})
		}
		things = append(things, &thing{org: org, owner: -1})
	}
	for i, r := range things {
		by := granted & w.relations(v, r)
		count.add(by)
		record := w.record(r)
		if got := a.Can(p, record); got != (by != 0) {
			t.Fatalf("%+v %s on %+v: %t; granted %s, by %s", v, perm, *r, got, granted, by)
		}
		if i%7 == 0 {
			w.explain(t, a, v, p, &record, by)
		}
	}
	w.list(t, a, v, perm, granted)
}

func (w *world) explain(t *rapid.T, a usermgmt.Actor, v viewer, p usermgmt.Permission, r *usermgmt.Record, by usermgmt.Scope) {
	e, err := w.Access().Explain(t.Context(), a, p, r)
	switch {
	case err != nil:
		t.Fatal(err)
	case e.Allowed != (by != 0), e.Relation&^by != 0, e.Allowed != (e.Missing == ""):
		t.Fatalf("%+v %s explained: %+v, by %s", v, p, e, by)
	}
	if slices.ContainsFunc(e.Sources, func(s usermgmt.Source) bool { return s.Covers }) != e.Allowed {
		t.Fatalf("%+v %s: the sources do not agree: %+v", v, p, e)
	}
}

// list compares the filter, applied to the list of the organization's members,
// with single checks.
func (w *world) list(t *rapid.T, a usermgmt.Actor, v viewer, perm string, granted usermgmt.Scope) {
	f := w.Access().Filter(a, usermgmt.Permission(perm))
	users, err := w.Store.ListUsers(t.Context(), usermgmt.UserQuery{Org: w.orgs[v.org].id, View: usermgmt.ViewAll,
		Now: w.Clock.Now(), Visible: &f, Limit: usermgmt.MaxPageSize})
	must(t, err)
	for i, u := range w.users {
		if u.in[v.org] == nil {
			continue
		}
		listed := slices.ContainsFunc(users, func(x usermgmt.User) bool { return x.ID == u.id })
		if by := granted & w.relations(v, w.person(i, v.org)); listed != (by != 0) {
			t.Fatalf("%+v %s: user %d is listed: %t; granted %s, by %s; filter %+v", v, perm, i, listed, granted, by, f)
		}
	}
	if perm != string(usermgmt.PermUserView) || f.Nothing() {
		return
	}
	page, err := w.Users().List(t.Context(), a, usermgmt.UserQuery{View: usermgmt.ViewAll, Limit: usermgmt.MaxPageSize})
	must(t, err)
	if len(page.Items) != len(users) {
		t.Fatalf("%+v: the service lists %d users", v, len(page.Items))
	}
}

// viewers are all members, in no and in every application.
func (w *world) viewers() (out []viewer) {
	for i, u := range w.users {
		for org := range w.orgs {
			for app := -1; app < len(w.apps) && u.in[org] != nil; app++ {
				out = append(out, viewer{i, org, app})
			}
		}
	}
	return out
}

func rightsAgree(t *rapid.T, env *usermgmttest.Env, count *scopeCount) {
	w := drawWorld(t, env)
	all := w.viewers()
	old := make([]usermgmt.Actor, len(all))
	for i, v := range all {
		old[i] = w.actor(t, v)
	}
	count.mu.Lock()
	defer count.mu.Unlock()
	for range 4 {
		v := rapid.SampledFrom(all).Draw(t, "viewer")
		w.askAll(t, w.actor(t, v), v, count)
	}
	for range 4 {
		w.change(t)
		// What is asked again is as of now, whoever asks: the old actors renewed,
		// and new ones, which come out of the caches.
		for range 2 {
			i := rapid.IntRange(0, len(all)-1).Draw(t, "again")
			a, err := w.Refresh(t.Context(), old[i])
			must(t, err)
			w.askAll(t, a, all[i], count)
			v := rapid.SampledFrom(all).Draw(t, "viewer")
			w.askAll(t, w.actor(t, v), v, count)
		}
	}
}

// admin acts in an organization with everything there is to grant.
func (w *world) admin(t *rapid.T, org int) usermgmt.Actor {
	a, err := w.ActorFor(t.Context(), usermgmt.ActorRequest{User: w.Administrator.ID, ProvedAt: w.Clock.Now()})
	if org > 0 {
		a, err = w.SystemActor("the model's administrator", w.orgs[org].id,
			usermgmt.Grant{Permission: "*.*", Scope: usermgmt.ScopeOrganization})
	}
	must(t, err)
	return a
}

// crown gives the administrator everything system-wide, to grant it to others.
func (w *world) crown(t *rapid.T) {
	all := []usermgmt.Grant{{Permission: "*.*", Scope: usermgmt.ScopeSystem}}
	a, err := w.SystemActor("the model", usermgmt.OrgID{}, all...)
	must(t, err)
	role, err := w.Roles().Create(t.Context(), a, usermgmt.NewRole{Name: "everything", Grants: all})
	must(t, err)
	held := []usermgmt.RoleAssignment{{Role: role.ID}}
	now, err := w.Store.MembershipOf(t.Context(), w.Administrator.ID, w.orgs[0].id)
	must(t, err)
	_, err = w.Members().Update(t.Context(), a, w.Administrator.ID, w.orgs[0].id, now.Version, usermgmt.MembershipUpdate{Roles: &held})
	must(t, err)
}

func must(t *rapid.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func pick(t *rapid.T, what string, n int) int { return rapid.IntRange(0, n-1).Draw(t, what) }

func (w *world) drawPeriod(t *rapid.T) period {
	at := func(d time.Duration) time.Time { return w.Clock.Now().Add(d) }
	return rapid.SampledFrom([]period{
		{}, {}, {}, {from: at(-time.Hour)}, {until: at(30 * time.Minute)}, {from: at(10 * time.Minute)},
		{from: at(10 * time.Minute), until: at(40 * time.Minute)}, {until: at(-time.Minute)}, {from: at(0)}, {until: at(0)},
	}).Draw(t, "period")
}

func drawGrants(t *rapid.T) []modelGrant {
	scopes := []usermgmt.Scope{
		0, usermgmt.ScopeOwn, usermgmt.ScopeTeam, usermgmt.ScopeSubteams, usermgmt.ScopeHierarchy, usermgmt.ScopeUnit,
		usermgmt.ScopeDivision, usermgmt.ScopeDivision, usermgmt.ScopeDivision | usermgmt.ScopeSubteams, usermgmt.ScopeOrganization, usermgmt.ScopeSystem,
	}
	var out []modelGrant
	for range 1 + pick(t, "grants", 5) {
		g := modelGrant{rapid.SampledFrom(modelNames).Draw(t, "name"), rapid.SampledFrom(scopes).Draw(t, "scope")}
		if !strings.Contains(g.perm, "*") && g.scope != 0 && g.scope&exists(g.perm) == 0 {
			continue // refused: there is no such scope
		}
		out = append(out, g)
	}
	return out
}

func asGrants(in []modelGrant) (out []usermgmt.Grant) {
	for _, g := range in {
		out = append(out, usermgmt.Grant{Permission: usermgmt.Permission(g.perm), Scope: g.scope})
	}
	return out
}

// drawRoles draws roles that exist in the organization, each once.
func (w *world) drawRoles(t *rapid.T, org int, app bool) (out []heldRole) {
	for i, r := range w.roles {
		if (r.org < 0 || r.org == org) && (i == 0 && !app || pick(t, "holds", 3) == 0) {
			out = append(out, heldRole{i, w.drawPeriod(t)})
		}
	}
	if out == nil {
		out = []heldRole{{0, w.drawPeriod(t)}}
	}
	return out
}

func (w *world) assignments(in []heldRole) []usermgmt.RoleAssignment {
	var out []usermgmt.RoleAssignment
	for _, r := range in {
		out = append(out, usermgmt.RoleAssignment{Role: w.roles[r.role].id, From: r.from, Until: r.until})
	}
	return out
}

// drawTeams draws up to three teams, the first of them for good.
func (w *world) drawTeams(t *rapid.T, org int) (out []heldTeam) {
	for i, n := range rapid.SliceOfNDistinct(rapid.IntRange(0, len(w.orgs[org].teams)-1), 1, 3, rapid.ID[int]).Draw(t, "teams") {
		h := heldTeam{team: n}
		if i > 0 {
			h.period = w.drawPeriod(t)
		}
		out = append(out, h)
	}
	return out
}

func (w *world) inTeams(org int, in []heldTeam) []usermgmt.TeamAssignment {
	out := make([]usermgmt.TeamAssignment, len(in))
	for i, h := range in {
		out[i] = usermgmt.TeamAssignment{Team: w.orgs[org].teams[h.team].id, From: h.from, Until: h.until}
	}
	return out
}

func (w *world) drawUnits(t *rapid.T, org int) []int {
	return rapid.SliceOfNDistinct(rapid.IntRange(0, len(w.orgs[org].units)-1), 0, 2, rapid.ID[int]).Draw(t, "units")
}

func (w *world) unitIDs(org int, in []int) (out []usermgmt.UnitID) {
	for _, n := range in {
		out = append(out, w.orgs[org].units[n].id)
	}
	return out
}

// drawMember draws a membership, and gives it as the services take it.
func (w *world) drawMember(t *rapid.T, org int) (*modelMember, usermgmt.NewMembership) {
	m := &modelMember{profile: pick(t, "profile", len(w.profiles)), roles: w.drawRoles(t, org, false),
		teams: w.drawTeams(t, org), units: w.drawUnits(t, org)}
	teams := w.inTeams(org, m.teams)
	return m, usermgmt.NewMembership{Profile: w.profiles[m.profile].id, Roles: w.assignments(m.roles),
		Teams: teams, PrimaryTeam: teams[0].Team, Units: w.unitIDs(org, m.units)}
}

// drawWorld makes two organizations with trees of three levels, two
// applications, five roles, two profiles and ten users.
func drawWorld(t *rapid.T, env *usermgmttest.Env) *world {
	ctx := t.Context()
	w := &world{Env: env}
	second := env.AddOrg("Second")
	for i, made := range []usermgmt.CreatedOrganization{env.CreatedOrganization, *second} {
		w.orgs[i] = &modelOrg{id: made.Organization.ID,
			teams: []node[usermgmt.Team]{{made.RootTeam.ID, made.RootTeam.Version, -1}},
			units: []node[usermgmt.BusinessUnit]{{made.MainUnit.ID, made.MainUnit.Version, -1}}}
	}
	for i, org := range w.orgs {
		a := w.admin(t, i)
		for _, level := range [][2]int{{0, 1}, {0, 1}, {1, 3}, {1, 3}, {1, 3}} {
			p := rapid.IntRange(level[0], level[1]-1).Draw(t, "parent")
			team, err := w.Teams().Create(ctx, a, usermgmt.NewTeam{Name: "team", Parent: org.teams[p].id})
			must(t, err)
			org.teams = append(org.teams, node[usermgmt.Team]{team.ID, team.Version, p})
			unit, err := w.Units().Create(ctx, a, usermgmt.NewUnit{Org: org.id, Name: "unit", Parent: org.units[p].id})
			must(t, err)
			org.units = append(org.units, node[usermgmt.BusinessUnit]{unit.ID, unit.Version, p})
		}
	}
	w.crown(t)
	root := w.admin(t, 0)
	for _, object := range []string{"deal", "task"} {
		app, err := w.Applications().Create(ctx, root, usermgmt.NewApplication{Name: object, Objects: []string{object}})
		must(t, err)
		w.apps = append(w.apps, modelApp{app.ID, []string{object}})
	}
	for i, r := range []modelRole{{org: -1}, {org: -1}, {org: -1, inApp: true}, {org: 0}, {org: 1}} {
		r.grants = drawGrants(t)
		n := usermgmt.NewRole{Name: fmt.Sprint("role ", i), Grants: asGrants(r.grants)}
		if r.org >= 0 {
			n.Org = w.orgs[r.org].id
		}
		if r.inApp {
			n.App = w.apps[0].id
		}
		made, err := w.Roles().Create(ctx, root, n)
		must(t, err)
		r.id, r.version = made.ID, made.Version
		w.roles = append(w.roles, &r)
	}
	shipped, err := w.Profiles().Shipped(ctx, root, usermgmt.ProfileRegularUser)
	must(t, err)
	own, err := w.Profiles().Create(ctx, root, usermgmt.NewProfile{Name: "own", Grants: asGrants(drawGrants(t))})
	must(t, err)
	for _, p := range []*usermgmt.AccessProfile{shipped, own} {
		m := modelProfile{id: p.ID}
		for _, g := range p.Grants {
			m.grants = append(m.grants, modelGrant{string(g.Permission), g.Scope})
		}
		w.profiles = append(w.profiles, m)
	}
	for i := range 10 {
		u := &modelUser{home: i % 2}
		u.owner = pick(t, "owner", len(w.orgs[u.home].units))
		n := usermgmt.NewUser{Username: fmt.Sprint("user", i), Email: fmt.Sprintf("user%d@acme.test", i), FirstName: "F", LastName: "L",
			OwnerUnit: w.orgs[u.home].units[u.owner].id}
		u.in[u.home], n.NewMembership = w.drawMember(t, u.home)
		made, err := w.Users().Create(ctx, w.admin(t, u.home), n)
		must(t, err)
		u.id = made.ID
		w.users = append(w.users, u)
		if pick(t, "guest", 3) == 0 {
			w.join(t, i, 1-u.home)
		}
	}
	for range 3 {
		w.grantAccess(t)
	}
	return w
}

func (w *world) join(t *rapid.T, user, org int) {
	m, n := w.drawMember(t, org)
	_, err := w.Members().Add(t.Context(), w.admin(t, 0), w.users[user].id, w.orgs[org].id, n)
	must(t, err)
	w.users[user].in[org] = m
}

// grantAccess gives a user or a team access to an application, or other roles there.
func (w *world) grantAccess(t *rapid.T) {
	v := w.drawMemberOf(t)
	v.app = pick(t, "app", len(w.apps))
	org := w.orgs[v.org]
	e := modelAccess{v.app, v.user, nil}
	for _, r := range w.drawRoles(t, v.org, true) {
		if !w.roles[r.role].inApp || v.app == 0 {
			e.roles = append(e.roles, r)
		}
	}
	req := usermgmt.AccessRequest{Application: w.apps[v.app].id, Roles: w.assignments(e.roles)}
	list := &org.byUser
	if rapid.Bool().Draw(t, "team") {
		e.subject = pick(t, "team", len(org.teams))
		req.Team, list = org.teams[e.subject].id, &org.byTeam
	} else {
		req.User = w.users[v.user].id
	}
	if len(e.roles) == 0 {
		return
	}
	_, err := w.Applications().Grant(t.Context(), w.admin(t, v.org), req)
	must(t, err)
	*list = slices.DeleteFunc(*list, func(x modelAccess) bool { return x.app == e.app && x.subject == e.subject })
	*list = append(*list, e)
}

func (w *world) drawMemberOf(t *rapid.T) viewer {
	return rapid.SampledFrom(w.viewers()).Draw(t, "member")
}

// change changes one thing that rights depend on.
func (w *world) change(t *rapid.T) {
	ctx := t.Context()
	v := w.drawMemberOf(t)
	org, m := w.orgs[v.org], w.users[v.user].in[v.org]
	switch kind := pick(t, "change", 10); kind {
	case 0:
		w.Clock.Advance(rapid.SampledFrom([]time.Duration{time.Minute, 10 * time.Minute, 30 * time.Minute}).Draw(t, "time"))
	case 1, 2, 3, 4:
		var c usermgmt.MembershipUpdate
		switch kind {
		case 1:
			m.roles = w.drawRoles(t, v.org, false)
			roles := w.assignments(m.roles)
			c.Roles = &roles
		case 2:
			m.teams = w.drawTeams(t, v.org)
			teams := w.inTeams(v.org, m.teams)
			c.Teams, c.PrimaryTeam = &teams, &teams[0].Team
		case 3:
			m.units = w.drawUnits(t, v.org)
			units := w.unitIDs(v.org, m.units)
			c.Units = &units
		case 4:
			m.profile = pick(t, "profile", len(w.profiles))
			c.Profile = &w.profiles[m.profile].id
		}
		now, err := w.Store.MembershipOf(ctx, w.users[v.user].id, org.id)
		must(t, err)
		_, err = w.Members().Update(ctx, w.admin(t, v.org), w.users[v.user].id, org.id, now.Version, c)
		must(t, err)
	case 5:
		r := rapid.SampledFrom(w.roles).Draw(t, "role")
		r.grants = drawGrants(t)
		grants := asGrants(r.grants)
		made, err := w.Roles().Update(ctx, w.admin(t, 0), r.id, r.version, usermgmt.RoleUpdate{Grants: &grants})
		must(t, err)
		r.version = made.Version
	case 6:
		i := 1 + pick(t, "node", len(org.teams)-1)
		if p := pick(t, "below", len(org.teams)); !slices.Contains(lineage(org.teams, p), i) {
			made, err := w.Teams().Update(ctx, w.admin(t, v.org), org.teams[i].id, org.teams[i].version,
				usermgmt.TeamUpdate{Parent: &org.teams[p].id})
			must(t, err)
			org.teams[i].parent, org.teams[i].version = p, made.Version
		}
	case 7:
		i := pick(t, "node", len(org.units))
		p, parent := pick(t, "below", len(org.units)+1)-1, usermgmt.UnitID{}
		if p >= 0 {
			parent = org.units[p].id
		}
		if !slices.Contains(lineage(org.units, p), i) {
			made, err := w.Units().Update(ctx, w.admin(t, v.org), org.units[i].id, org.units[i].version, usermgmt.UnitUpdate{Parent: &parent})
			must(t, err)
			org.units[i].parent, org.units[i].version = p, made.Version
		}
	case 8:
		w.grantAccess(t)
	case 9: // leave, and come again as somebody else
		must(t, w.Members().End(ctx, w.admin(t, 0), w.users[v.user].id, org.id))
		org.byUser = slices.DeleteFunc(org.byUser, func(e modelAccess) bool { return e.subject == v.user })
		w.join(t, v.user, v.org)
	}
}

// TestRightsAgreeWithTheModel is the property; USERMGMT_SOAK=1 runs it long, and
// on every store. Otherwise package equality compares the rights there.
func TestRightsAgreeWithTheModel(t *testing.T) {
	t.Parallel()
	rounds := 1
	if os.Getenv("USERMGMT_SOAK") != "" {
		rounds = 50
	} else if teststores.Chosen() != teststores.Memory {
		t.Skip("in a soak only")
	}
	var count scopeCount
	for i := range rounds {
		t.Run(fmt.Sprint("round ", i), func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				rightsAgree(rt, usermgmttest.NewOn(t, teststores.New(t), &usermgmt.Config{Objects: modelObjects}), &count)
			})
		})
	}
	t.Logf("%d of %d checks allow; alone decide: own %d, team %d, subteams %d, unit %d, division %d, organization %d, system %d",
		count.allowed, count.asked, count.alone[0], count.alone[1], count.alone[2], count.alone[3], count.alone[4], count.alone[5], count.alone[6])
	assert.Greater(t, count.allowed, count.asked/20)
	for scope, n := range count.alone[:7] {
		assert.GreaterOrEqual(t, n*200, count.allowed, "scope %d decides too seldom", scope)
	}
}
