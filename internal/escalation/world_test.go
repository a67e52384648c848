package escalation_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

// period is how long what is for a time lasts, or when it begins.
const period = time.Hour

// world is an installation with two organizations and administrators of several
// kinds. Organization 0 is the provider.
type world struct {
	*usermgmttest.Env
	later    *usermgmt.Manager // whose clock is ahead, when what is for a time has begun or ended
	t        *testing.T
	random   *rand.Rand
	n        int // for names
	orgs     []usermgmt.OrgID
	orgNames map[usermgmt.OrgID]string
	admins   []admin
	users    []usermgmt.UserID
	names    map[usermgmt.UserID]string
	teams    []usermgmt.TeamID
	units    []usermgmt.UnitID
	roles    []usermgmt.RoleID
	profiles []usermgmt.ProfileID
	apps     []usermgmt.ApplicationID
	policies []usermgmt.SharingID
	spare    [2]usermgmt.UserID // of each organization, whom nobody changes
	// records stay where they are, whoever is moved: who belongs to a team is what
	// the hierarchy lets administrators decide.
	records   []record
	everybody map[usermgmt.Permission]usermgmt.Scope
	passwords map[usermgmt.UserID]string // that are not the usual one
	switched  map[usermgmt.OrgID]bool    // the organizations in which one role is in force

	might map[usermgmt.UserID]map[question]bool
	held  map[usermgmt.UserID]map[right]usermgmt.Scope
}

type admin struct {
	name string
	id   usermgmt.UserID
	org  usermgmt.OrgID // in which the admin acts
}

type record struct {
	name string
	usermgmt.Record
}

// question is whether somebody may do something, in whatever organization and
// application.
type question struct {
	perm   usermgmt.Permission
	record int
}

// asked are the permissions that the search looks at.
var asked = []usermgmt.Permission{"lead.view", "lead.edit", "lead.view:price", "user.view", "user.edit", "user.grant", "role.edit", "team.edit",
	"unit.edit", "policy.edit", "proxy.login", "deal.view"}

func newWorld(t *testing.T, random *rand.Rand) *world {
	t.Helper()
	cfg := usermgmt.Config{StepUp: []usermgmt.Permission{}, Proxy: usermgmt.ProxyConfig{Strict: true}, Objects: []usermgmt.Object{
		{Name: "lead", Ownership: usermgmt.OwnedByUser, Actions: []string{"view", "edit", "delete"}, Fields: []string{"price"}},
		{Name: "deal", Ownership: usermgmt.OwnedByUnit, Actions: []string{"view"}},
	}}
	w := &world{t: t, random: random, orgNames: map[usermgmt.OrgID]string{}, names: map[usermgmt.UserID]string{}, everybody: map[usermgmt.Permission]usermgmt.Scope{},
		passwords: map[usermgmt.UserID]string{}, switched: map[usermgmt.OrgID]bool{},
		Env: usermgmttest.New(t, &cfg)}
	cfg.Now = func() time.Time { return w.Clock.Now().Add(2 * period) }
	var err error
	w.later, err = usermgmt.New(w.Store, &cfg)
	require.NoError(t, err)
	ctx := t.Context()
	other := w.AddOrg("Beta")
	w.orgs = []usermgmt.OrgID{w.Organization.ID, other.Organization.ID}
	w.orgNames[w.orgs[0]], w.orgNames[w.orgs[1]] = "Acme", "Beta"
	w.teams, w.units = []usermgmt.TeamID{w.RootTeam.ID, other.RootTeam.ID}, []usermgmt.UnitID{w.MainUnit.ID, other.MainUnit.ID}
	for i := range 6 {
		above := 0 // one of Acme's, which are all but number 1
		if i > 0 {
			above = []int{0, 2, 1 + i}[random.IntN(3)]
		}
		w.teams = append(w.teams, w.AddTeam(fmt.Sprint("team ", i), w.teams[above]).ID)
		w.units = append(w.units, w.AddUnit(fmt.Sprint("unit ", i), w.units[above]).ID)
	}
	for _, name := range []string{usermgmt.ProfileRegularUser, usermgmt.ProfileTeamAdministrator, usermgmt.ProfileAdministrator} {
		w.profiles = append(w.profiles, w.Profile(name))
	}
	regular, err := w.Profiles().Get(ctx, w.Root(), w.profiles[0])
	require.NoError(t, err)
	for _, g := range regular.Grants {
		w.everybody[g.Permission] = g.Scope
	}
	root := w.Root()
	for i := range 5 {
		org := w.orgs[btoi(i == 4)]
		role, err := w.Roles().Create(ctx, root, usermgmt.NewRole{Org: org, Name: fmt.Sprint("role ", i), Grants: w.grants(2 + i)})
		require.NoError(t, err)
		profile, err := w.Profiles().Create(ctx, root, usermgmt.NewProfile{Org: org, Name: fmt.Sprint("profile ", i), Grants: w.adminGrants()})
		require.NoError(t, err)
		w.roles, w.profiles = append(w.roles, role.ID), append(w.profiles, profile.ID)
	}
	app, err := w.Applications().Create(ctx, root, usermgmt.NewApplication{Org: w.orgs[0], Name: "CRM", Objects: []string{"deal"}})
	require.NoError(t, err)
	w.apps = append(w.apps, app.ID)
	_, err = w.Applications().Grant(ctx, root, usermgmt.AccessRequest{Application: app.ID, Team: w.teams[3], Roles: []usermgmt.RoleAssignment{{Role: w.roles[1]}}})
	require.NoError(t, err)
	policy, err := w.Sharing().Create(ctx, root, usermgmt.NewSharing{Name: "policy", Owning: w.teams[2], Sharing: []usermgmt.TeamID{w.teams[4]},
		OwningSubteams: true, SharingSubteams: random.IntN(2) == 0, Model: usermgmt.SharingModel(1 + random.IntN(3)), Permissions: []usermgmt.Permission{"lead.edit", "user.view"}}) //nolint:gosec // small
	require.NoError(t, err)
	limited, err := w.Sharing().Create(ctx, root, usermgmt.NewSharing{Name: "limited policy", Owning: w.teams[5], Sharing: []usermgmt.TeamID{w.teams[6], w.teams[7]},
		Model: usermgmt.SharingOneWay, Permissions: []usermgmt.Permission{"lead.edit", "user.edit"}, Roles: []usermgmt.RoleID{w.roles[0], w.roles[1]}})
	require.NoError(t, err)
	w.policies = append(w.policies, policy.ID, limited.ID)
	for i, kind := range []usermgmt.ProfileID{w.profiles[1], w.profiles[3], w.profiles[4], w.profiles[5], w.profiles[6], w.profiles[0], w.profiles[1], w.profiles[0]} {
		w.member(fmt.Sprint("user", i), kind, i < 6)
	}
	guest := w.AddUser("boss-of-beta", func(n *usermgmt.NewUser) {
		n.PrimaryTeam, n.OwnerUnit, n.Profile = w.teams[1], w.units[1], w.profiles[2]
	})
	_, err = w.Members().Add(ctx, root, guest.ID, w.orgs[0], usermgmt.NewMembership{Profile: w.profiles[1], PrimaryTeam: w.teams[3],
		Roles: []usermgmt.RoleAssignment{{Role: w.roles[0]}}})
	require.NoError(t, err)
	w.known(guest.ID, "boss of Beta")
	system := w.AddUser("system", func(n *usermgmt.NewUser) { n.Profile = w.Profile(usermgmt.ProfileSystemAdministrator) })
	w.known(system.ID, "system")
	w.admins = append(w.admins, admin{"system", system.ID, w.orgs[0]})
	keeper, err := w.Profiles().Create(ctx, root, usermgmt.NewProfile{Org: w.orgs[0], Name: "Keeper", Grants: w.keeperGrants()})
	require.NoError(t, err)
	w.teams = append(w.teams, w.AddTeam("the keeper's team", w.teams[1]).ID, w.AddTeam("another", w.teams[1]).ID)
	_, err = w.Members().Add(ctx, root, w.member("keeper", keeper.ID, true), w.orgs[1], usermgmt.NewMembership{Profile: w.profiles[7],
		PrimaryTeam: w.teams[8], Roles: []usermgmt.RoleAssignment{{Role: w.roles[4]}}})
	require.NoError(t, err)
	for i := range w.spare {
		w.spare[i] = w.AddUser(fmt.Sprint("spare", i), func(n *usermgmt.NewUser) {
			n.PrimaryTeam, n.OwnerUnit, n.Profile = w.teams[i], w.units[i], w.profiles[0]
		}).ID
	}
	w.admins = append(w.admins, admin{"boss of Beta", guest.ID, w.orgs[1]}, admin{"boss of Beta in Acme", guest.ID, w.orgs[0]})
	for i, team := range w.teams {
		org := w.orgs[btoi(i == 1 || i > 7)]
		w.records = append(w.records, record{fmt.Sprint("the records of team ", i), usermgmt.Record{Org: org, OwnerTeams: []usermgmt.TeamID{team}}})
	}
	for i, unit := range w.units {
		org := w.orgs[btoi(i == 1)]
		w.records = append(w.records, record{fmt.Sprint("the records of unit ", i), usermgmt.Record{Org: org, OwnerUnits: []usermgmt.UnitID{unit}}})
	}
	w.changed()
	return w
}

func (w *world) known(id usermgmt.UserID, name string) {
	w.users = append(w.users, id)
	w.names[id] = name
}

// member makes a user of Acme, who is one of the searchers if searches is set.
func (w *world) member(name string, profile usermgmt.ProfileID, searches bool) usermgmt.UserID {
	u := w.AddUser(name, func(n *usermgmt.NewUser) {
		n.Profile, n.PrimaryTeam, n.OwnerUnit = profile, w.teams[2+w.random.IntN(6)], w.units[2+w.random.IntN(6)]
		n.Units = []usermgmt.UnitID{w.units[2+w.random.IntN(6)]}
		n.Roles = []usermgmt.RoleAssignment{{Role: w.roles[w.random.IntN(4)]}}
	})
	w.known(u.ID, name)
	if searches {
		w.admins = append(w.admins, admin{name, u.ID, w.orgs[0]})
	}
	return u.ID
}

// grants are random grants on the host's objects, and some others.
func (w *world) grants(n int) (out []usermgmt.Grant) {
	perms := []usermgmt.Permission{"lead.view", "lead.edit", "lead.view:price", "deal.view", "lead.*", "*.view", "user.view", "team.edit", "policy.edit"}
	for range n {
		out = append(out, usermgmt.Grant{Permission: perms[w.random.IntN(len(perms))], Scope: w.scope()})
	}
	return fitting(out)
}

// adminGrants are random grants of an administrator of some kind.
func (w *world) adminGrants() (out []usermgmt.Grant) {
	objects := []usermgmt.Permission{"user.*", "role.*", "profile.*", "team.*", "unit.*", "application.*", "sharing.*", "proxy.*"}
	out = []usermgmt.Grant{{Permission: usermgmt.PermUserView, Scope: usermgmt.ScopeOrganization}, {Permission: usermgmt.PermOrgView, Scope: usermgmt.ScopeOrganization}}
	for _, p := range objects {
		if w.random.IntN(3) > 0 {
			out = append(out, usermgmt.Grant{Permission: p, Scope: []usermgmt.Scope{usermgmt.ScopeHierarchy, usermgmt.ScopeDivision, usermgmt.ScopeOrganization}[w.random.IntN(3)]})
		}
	}
	return append(out, w.grants(3)...)
}

// keeperGrants are those of somebody who administers all organizations and holds what
// administrators give in one.
func (w *world) keeperGrants() []usermgmt.Grant {
	out := []usermgmt.Grant{{Permission: "lead.*", Scope: usermgmt.ScopeOrganization}, {Permission: "deal.*", Scope: usermgmt.ScopeOrganization}}
	for _, p := range []usermgmt.Permission{"user.*", "role.*", "profile.*", "team.*", "unit.*", "application.*", "sharing.*", "organization.view"} {
		out = append(out, usermgmt.Grant{Permission: p, Scope: usermgmt.ScopeSystem})
	}
	return out
}

// grantedBy is what the role or profile that was made grants to somebody who has
// nothing besides.
func (w *world) grantedBy(what effect, org usermgmt.OrgID) map[right]usermgmt.Scope {
	out := map[right]usermgmt.Scope{}
	if what.role.IsZero() && what.profile.IsZero() {
		return out
	}
	ctx := w.t.Context()
	mem, err := w.Store.MembershipOf(ctx, w.spare[btoi(org != w.orgs[0])], org)
	require.NoError(w.t, err)
	with := mem
	with.Profile = what.profile
	if with.Profile.IsZero() {
		with.Profile, with.Roles = mem.Profile, []usermgmt.RoleAssignment{{Role: what.role}}
	}
	require.NoError(w.t, w.Store.SaveMembership(ctx, with))
	review, err := w.Access().Review(ctx, w.rootIn(org), mem.User)
	require.NoError(w.t, err)
	for _, r := range review.Rights {
		out[right{org, r.Permission}] = r.Scope
	}
	mem.Version++
	require.NoError(w.t, w.Store.SaveMembership(ctx, mem))
	return out
}

func (w *world) scope() usermgmt.Scope {
	return []usermgmt.Scope{0, usermgmt.ScopeOwn, usermgmt.ScopeTeam, usermgmt.ScopeHierarchy, usermgmt.ScopeUnit, usermgmt.ScopeDivision,
		usermgmt.ScopeOrganization, usermgmt.ScopeOrganization}[w.random.IntN(8)]
}

// fitting leaves out what a permission has no such scope for.
func fitting(grants []usermgmt.Grant) (out []usermgmt.Grant) {
	for _, g := range grants {
		switch g.Permission {
		case "deal.view":
			g.Scope &= usermgmt.OwnedByUnit.Scopes()
		case "team.edit":
			g.Scope &= usermgmt.OwnedByTeam.Scopes() &^ usermgmt.ScopeShared
		case "policy.edit":
			g.Scope &= usermgmt.OwnedByOrganization.Scopes()
		}
		out = append(out, g)
	}
	return out
}

// actor is the admin, unless the membership has ended or is disabled, or the role that
// is drawn is none of theirs.
func (w *world) actor(a admin) (usermgmt.Actor, bool) {
	role := one(w.random, w.inForce(a.org))
	actor, err := w.ActorFor(w.t.Context(), usermgmt.ActorRequest{User: a.id, Org: a.org, Role: role, ProvedAt: w.Clock.Now()})
	return actor, err == nil && actor.Pending() == 0
}

// inForce are the roles that may be in force in an organization: where they are not
// switched, none in particular.
func (w *world) inForce(org usermgmt.OrgID) []usermgmt.RoleID {
	if w.switched[org] {
		return append(slices.Clone(w.roles), usermgmt.RoleID{})
	}
	return []usermgmt.RoleID{{}}
}

// changed forgets what was worked out about rights.
func (w *world) changed() {
	w.might, w.held = map[usermgmt.UserID]map[question]bool{}, nil
}

// mightDo is everything that somebody may do, in every organization and application,
// now or later.
func (w *world) mightDo(a admin) map[question]bool {
	if m := w.might[a.id]; m != nil {
		return m
	}
	out := map[question]bool{}
	w.inEach(a, func(_ *usermgmt.Manager, actor usermgmt.Actor) bool {
		for i := range w.records {
			for _, p := range asked {
				if actor.Can(p, w.records[i].Record) {
					out[question{p, i}] = true
				}
			}
		}
		return false
	})
	w.might[a.id] = out
	return out
}

// inEach calls do with the admin in every organization and application, now and later,
// until it says true, and reports whether it did.
func (w *world) inEach(a admin, do func(m *usermgmt.Manager, actor usermgmt.Actor) bool) bool {
	for _, m := range []*usermgmt.Manager{w.Manager, w.later} {
		for _, org := range w.orgs {
			for _, app := range append([]usermgmt.ApplicationID{{}}, w.apps...) {
				for _, role := range w.inForce(org) {
					actor, err := m.ActorFor(w.t.Context(), usermgmt.ActorRequest{User: a.id, Org: org, Application: app, Role: role})
					in := err == nil && actor.Pending() == 0 // a member, not disabled, and the role is theirs
					if in && do(m, actor) {
						return true
					}
				}
			}
		}
	}
	return false
}

// heldByAll is what everybody holds, over all applications.
func (w *world) heldByAll() map[usermgmt.UserID]map[right]usermgmt.Scope {
	if w.held != nil {
		return w.held
	}
	w.held = map[usermgmt.UserID]map[right]usermgmt.Scope{}
	for _, user := range w.users {
		w.held[user] = map[right]usermgmt.Scope{}
		for _, org := range w.orgs {
			review, err := w.Access().Review(w.t.Context(), w.rootIn(org), user)
			if errors.Is(err, usermgmt.ErrNotFound) {
				continue
			}
			require.NoError(w.t, err)
			for _, r := range review.Rights {
				w.held[user][right{org, r.Permission}] = r.Scope
			}
		}
	}
	return w.held
}

// rootIn is somebody who sees everything in the organization.
func (w *world) rootIn(org usermgmt.OrgID) usermgmt.Actor {
	a, err := w.SystemActor("the search", org, usermgmt.Grant{Permission: "*.*", Scope: usermgmt.ScopeOrganization})
	require.NoError(w.t, err)
	return a
}

func errorsIs(err, kind error) bool { return errors.Is(err, kind) }

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
