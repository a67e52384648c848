package equality_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/usermgmt/usermgmt"
)

var hostObjects = []usermgmt.Object{
	{Name: "deal", Ownership: usermgmt.OwnedByUser, Actions: []string{"view", "edit"}}, // lives in the application
	{Name: "shop", Ownership: usermgmt.OwnedByUnit, Actions: []string{"view"}},
	{Name: "crew", Ownership: usermgmt.OwnedByTeam, Actions: []string{"view"}},
}

// policies are those of the two organizations, without what is drawn. The first is
// also the one of the configuration.
var policies = []usermgmt.Policy{
	{MinLength: 8, LockoutAttempts: 3, LockoutDuration: 10 * time.Minute, SessionIdle: 30 * time.Minute, SessionLifetime: 6 * time.Hour, MaxSessions: 3,
		ResetLifetime: time.Hour, ResetInterval: 5 * time.Minute, InvitationLifetime: 3 * time.Hour, MailCodeLifetime: 10 * time.Minute},
	{MinLength: 10, Upper: true, Digit: true, LockoutAttempts: 4, LockoutDisables: false, SessionIdle: time.Hour, SessionLifetime: 24 * time.Hour,
		ResetLifetime: time.Hour, ResetInterval: 5 * time.Minute, TemporaryPassword: true, InvitationLifetime: 3 * time.Hour, MailCodeLifetime: 10 * time.Minute},
}

// stepUp are the permissions that need a fresh proof.
var stepUp = []usermgmt.Permission{"user.erase", "user.reset_factor", "user.manage_api_key", "proxy.login", "user.export", "role.delete", "profile.delete", "user.set_password"}

// drawPolicies draws what the policies ask for besides the password: in one of
// the organizations only, so that sessions of the other are seldom held up.
func (mc *machine) drawPolicies() []usermgmt.Policy {
	out := slices.Clone(policies)
	out[1].SecondFactor = []usermgmt.FactorPolicy{usermgmt.FactorOptional, usermgmt.FactorMail, usermgmt.FactorRequired}[mc.weighted("second factor", 40, 35, 25)]
	out[1].SecurityQuestion = mc.chance("question", 65)
	return out
}

// deniedByProxy is what a proxy login never gives, by the defaults of [usermgmt.ProxyConfig].
var deniedByProxy = []string{"proxy.login", "user.set_password", "user.manage_api_key", "user.end_sessions", "user.grant",
	"user.membership", "user.deactivate", "proxy.configure", "role.create", "role.edit", "role.delete",
	"profile.create", "profile.edit", "profile.delete", "policy.edit", "user.export"}

// build makes the world by calls, as every step does: two organizations with
// trees of three levels, an application, roles, profiles and eleven users.
func (mc *machine) build() {
	mc.must(mc.createOrg("Bravo"))
	for org := range mc.orgs {
		root := org // the trees of organization n begin with node n
		for _, parent := range []int{root, root, none, none} {
			if parent == none { // below the last one
				parent = len(mc.teams) - 1
			}
			mc.must(mc.teamCreate(parent, fmt.Sprint("team ", len(mc.teams)%3)))
		}
		for _, parent := range []int{root, root, none, none} {
			if parent == none {
				parent = len(mc.units) - 1
			}
			mc.must(mc.unitCreate(org, parent, fmt.Sprint("unit ", len(mc.units)%3)))
		}
	}
	for org := range mc.orgs {
		mc.must(mc.fieldCreate(org, fieldDef{name: "desk", kind: usermgmt.FieldText, searchable: true, own: true, initial: sample(mc, "default", []string{"", "window 7"})}))
	}
	mc.must(mc.createApp())
	for _, title := range []string{"group 0", "Ögroup 1", "Group 2"} {
		mc.must(mc.groupCreate(title, ""))
	}
	for i, g := range [][]usermgmt.Grant{
		{{Permission: "deal.*", Scope: usermgmt.ScopeTeam}, {Permission: "shop.view", Scope: usermgmt.ScopeDivision},
			{Permission: "user.view", Scope: usermgmt.ScopeHierarchy}},
		{{Permission: "user.view", Scope: usermgmt.ScopeDivision}, {Permission: "crew.view", Scope: usermgmt.ScopeSubteams}},
		{{Permission: "user.edit", Scope: usermgmt.ScopeUnit}, {Permission: "user.view", Scope: usermgmt.ScopeHierarchy}, {Permission: "*.delete", Scope: 0}},
	} {
		mc.must(mc.roleCreate(i-1, none, fmt.Sprint("role ", i), g))
	}
	mc.must(mc.profileCreate(none, "Helper", []usermgmt.Grant{{Permission: "user.*", Scope: usermgmt.ScopeUnit},
		{Permission: "user.view", Scope: usermgmt.ScopeOrganization}, {Permission: "unit.view", Scope: usermgmt.ScopeOrganization}}))
	admin, team, regular := mc.profileNamed(usermgmt.ProfileAdministrator), mc.profileNamed(usermgmt.ProfileTeamAdministrator), mc.regular
	helper := mc.profileNamed("Helper")
	// Organization 0 has units 0, 6..: the numbers are those of the order of making.
	for i, u := range []struct{ org, profile, team, unit, role int }{
		{0, admin, 0, 0, 0}, {1, admin, 1, 1, 0}, {1, admin, 1, 1, 0}, {0, team, 2, 2, 2}, {1, team, 6, 6, 2},
		{0, regular, 4, 4, 3}, {0, regular, 5, 3, 2}, {1, regular, 8, 8, 4}, {0, helper, 2, 2, 1}, {1, regular, 7, 7, 4},
	} {
		n := mc.plainUser(i, u.org, u.unit, u.profile, u.team, u.role)
		mc.must(mc.userCreate(n))
	}
	service := mc.plainUser(10, 0, 0, helper, 2, 1)
	service.kind, service.responsible, service.password, service.last = usermgmt.KindService, 1, "", ""
	mc.must(mc.userCreate(service))
	guest := &place{enabled: true, profile: regular, roles: []heldRole{{role: 2}}, teams: []heldTeam{{team: 7}}, primary: 7, units: []int{7}, app: none, licence: "platform"}
	mc.must(mc.memberAdd(4, 1, guest))
	mc.must(mc.setPool(0, "platform", 13, 0, false))
	mc.must(mc.setPool(1, "platform", 9, 0, false))
}

func (mc *machine) plainUser(i, org, unit, profile, team, role int) *newUser {
	return &newUser{kind: usermgmt.KindPerson, unit: unit, username: fmt.Sprintf("name%02d", i), email: fmt.Sprintf("name%02d@acme.test", i),
		first: firstNames[i%len(firstNames)], last: lastNames[i%len(lastNames)], responsible: none, password: goodPasswords[0],
		place: place{enabled: true, profile: profile, roles: []heldRole{{role: role}}, teams: []heldTeam{{team: team}}, primary: team,
			units: []int{unit}, app: none, licence: "platform"}}
}

// must makes a call that succeeds, as the system.
func (mc *machine) must(c *call) {
	a, who := mc.verify(who{door: usermgmt.DoorSystem, org: none})
	if kind := mc.exec(c, a, who); kind != nil {
		mc.fail("building the world: %s: %v", c.name, kind)
	}
}

func (mc *machine) createOrg(name string) *call {
	return &call{name: "orgs.create", verb: "organization.create",
		expect: func(a *actor) (string, error) {
			i := len(mc.orgs)
			mc.orgs = append(mc.orgs, &organization{name: name, enabled: true, version: 1, policy: mc.policies[1]})
			mc.units = append(mc.units, &node{i, none, "Main", 1, true})
			mc.teams = append(mc.teams, &node{i, none, "My Team", 1, true})
			mc.on("organization", fmt.Sprint("org", i), i)
			mc.record(a, "organization.create")
			return "", nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			policy := mc.policies[1]
			made, err := s.Orgs().Create(ctx, a, usermgmt.NewOrganization{Name: name, Policy: &policy})
			if err == nil {
				add(s, "org", &s.orgs, made.Organization.ID)
				add(s, "unit", &s.units, made.MainUnit.ID)
				add(s, "team", &s.teams, made.RootTeam.ID)
			}
			return "", err
		}}
}

func (mc *machine) createApp() *call {
	return &call{name: "applications.create", verb: "application.create",
		expect: func(a *actor) (string, error) {
			mc.on("application", fmt.Sprint("app", len(mc.apps)), none)
			mc.apps = append(mc.apps, []string{"deal"})
			mc.record(a, "application.create")
			return "", nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			made, err := s.Applications().Create(ctx, a, usermgmt.NewApplication{Name: "crm", Objects: []string{"deal"}})
			if err == nil {
				add(s, "app", &s.apps, made.ID)
			}
			return "", err
		}}
}
