package usermgmt_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/store/memory"
)

// installation is a manager with one organization and its root administrator.
func installation(cfg *usermgmt.Config) (*usermgmt.Manager, *usermgmt.Bootstrapped, usermgmt.Actor) {
	ctx := context.Background()
	m, err := usermgmt.New(memory.New(), cfg)
	if err != nil {
		panic(err)
	}
	first, err := m.Bootstrap(ctx, usermgmt.BootstrapRequest{
		Organization: usermgmt.NewOrganization{Name: "Acme"},
		Administrator: usermgmt.NewUser{Username: "root", Email: "root@acme.example", FirstName: "Ruth", LastName: "Root",
			Password: "correct horse battery staple"},
	})
	if err != nil {
		panic(err)
	}
	root, err := m.ActorFor(ctx, usermgmt.ActorRequest{User: first.Administrator.ID, ProvedAt: time.Now()})
	if err != nil {
		panic(err)
	}
	return m, first, root
}

// person is a new user with a role and a profile.
func person(ctx context.Context, m *usermgmt.Manager, first *usermgmt.Bootstrapped, by usermgmt.Actor, name string, team usermgmt.TeamID, profile string) *usermgmt.User {
	p, err := m.Profiles().Shipped(ctx, by, profile)
	if err != nil {
		panic(err)
	}
	role, err := m.Roles().Create(ctx, by, usermgmt.NewRole{Name: "Role of " + name})
	if err != nil {
		panic(err)
	}
	u, err := m.Users().Create(ctx, by, usermgmt.NewUser{
		Username: name, Email: name + "@acme.example", FirstName: name, LastName: "Example",
		OwnerUnit: first.MainUnit.ID, Password: "a long enough password",
		NewMembership: usermgmt.NewMembership{Profile: p.ID, PrimaryTeam: team,
			Roles: []usermgmt.RoleAssignment{{Role: role.ID}}, Units: []usermgmt.UnitID{first.MainUnit.ID}},
	})
	if err != nil {
		panic(err)
	}
	return u
}

func Example() {
	ctx := context.Background()
	m, first, _ := installation(nil)

	login, err := m.Auth().Login(ctx, usermgmt.LoginRequest{Name: "root@acme.example", Password: "correct horse battery staple"})
	if err != nil {
		fmt.Println(err)
		return
	}
	// The token goes into a cookie; with each request it comes back:
	actor, err := m.Auth().Session(ctx, login.Token.Reveal(), usermgmt.Origin{Address: "192.0.2.1"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(actor.Subject() == first.Administrator.ID, actor.Has(usermgmt.PermUserCreate), login.Token)
	// Output: true true [secret]
}

func ExampleManager_Bootstrap() {
	m, first, _ := installation(nil)
	fmt.Println(first.Organization.Name, "/", first.RootTeam.Name, "/", first.MainUnit.Name)
	_, err := m.Bootstrap(context.Background(), usermgmt.BootstrapRequest{
		Organization: usermgmt.NewOrganization{Name: "Again"},
		Administrator: usermgmt.NewUser{Username: "again", Email: "again@acme.example", FirstName: "A", LastName: "B",
			Password: "correct horse battery staple"},
	})
	fmt.Println(errors.Is(err, usermgmt.ErrConflict))
	// Output:
	// Acme / My Team / Main
	// true
}

func ExampleUsers_Create() {
	m, first, root := installation(nil)
	_, err := m.Users().Create(context.Background(), root, usermgmt.NewUser{
		Username: "a b", Email: "nobody", OwnerUnit: first.MainUnit.ID, Password: "short",
	})
	for _, f := range usermgmt.FieldErrors(err) {
		fmt.Println(f.Field, f.Rule)
	}
	// Output:
	// password min_length
	// username characters
	// email format
	// first_name required
	// last_name required
	// profile unknown
	// primary_team required
	// roles required
}

func ExampleUsers_List() {
	ctx := context.Background()
	m, first, root := installation(nil)
	for _, name := range []string{"carla", "anton", "berta"} {
		person(ctx, m, first, root, name, first.RootTeam.ID, usermgmt.ProfileRegularUser)
	}
	q := usermgmt.UserQuery{Limit: 3, Sort: usermgmt.SortUsername}
	for {
		page, err := m.Users().List(ctx, root, q)
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, u := range page.Items {
			fmt.Print(u.Username, " ")
		}
		fmt.Println("|")
		if page.Next.IsZero() {
			return
		}
		q.After = page.Next
	}
	// Output:
	// anton berta carla |
	// root |
}

func ExampleActor_Can() {
	ctx := context.Background()
	m, first, root := installation(&usermgmt.Config{Objects: []usermgmt.Object{
		{Name: "lead", Ownership: usermgmt.OwnedByUser, Actions: []string{"view", "edit"}},
	}})
	sales, _ := m.Teams().Create(ctx, root, usermgmt.NewTeam{Name: "Sales"})
	ann := person(ctx, m, first, root, "ann", sales.ID, usermgmt.ProfileRegularUser)
	bob := person(ctx, m, first, root, "bob", sales.ID, usermgmt.ProfileRegularUser)
	role, _ := m.Roles().Create(ctx, root, usermgmt.NewRole{Name: "Sales", Grants: []usermgmt.Grant{
		{Permission: "lead.view", Scope: usermgmt.ScopeTeam}, {Permission: "lead.edit", Scope: usermgmt.ScopeOwn}}})
	mem, _ := m.Members().Get(ctx, root, ann.ID, first.Organization.ID)
	roles := append(mem.Roles, usermgmt.RoleAssignment{Role: role.ID})
	if _, err := m.Members().Update(ctx, root, ann.ID, first.Organization.ID, mem.Version, usermgmt.MembershipUpdate{Roles: &roles}); err != nil {
		fmt.Println(err)
		return
	}
	actor, _ := m.ActorFor(ctx, usermgmt.ActorRequest{User: ann.ID})
	// A lead that Bob owns; the host fills the record from its own row.
	lead := usermgmt.Record{Org: first.Organization.ID, Owner: bob.ID, OwnerTeams: []usermgmt.TeamID{sales.ID}}
	fmt.Println(actor.Can("lead.view", lead), actor.Can("lead.edit", lead))
	// Output: true false
}

func ExampleAccess_Explain() {
	ctx := context.Background()
	m, first, root := installation(nil)
	ann := person(ctx, m, first, root, "ann", first.RootTeam.ID, usermgmt.ProfileRegularUser)
	actor, _ := m.ActorFor(ctx, usermgmt.ActorRequest{User: ann.ID})
	record := usermgmt.Record{Org: first.Organization.ID, Owner: first.Administrator.ID}
	for _, p := range []usermgmt.Permission{usermgmt.PermUserView, usermgmt.PermUserCreate} {
		e, _ := m.Access().Explain(ctx, actor, p, &record)
		fmt.Println(p, e.Allowed, "-", e.Missing)
		for _, s := range e.Sources {
			fmt.Println("  granted by", s.Kind, s.Name, "with scope", s.Scope)
		}
	}
	// Output:
	// user.view false - the record is outside the granted scope, which is own
	//   granted by access profile Regular User with scope own
	// user.create false - no role, access profile or sharing policy grants user.create
}

func ExampleAccess_Filter() {
	ctx := context.Background()
	m, first, root := installation(nil)
	sales, _ := m.Teams().Create(ctx, root, usermgmt.NewTeam{Name: "Sales"})
	lena := person(ctx, m, first, root, "lena", sales.ID, usermgmt.ProfileTeamAdministrator)
	actor, _ := m.ActorFor(ctx, usermgmt.ActorRequest{User: lena.ID})
	f := m.Access().Filter(actor, usermgmt.PermUserEdit)
	fmt.Println(f.All, len(f.Teams), len(f.TeamTrees), f.Teams[0] == sales.ID)
	// Output: false 1 1 true
}

func ExampleAPIKeys_Generate() {
	ctx := context.Background()
	m, first, root := installation(&usermgmt.Config{APIKeyPrefix: "acme"})
	ann := person(ctx, m, first, root, "ann", first.RootTeam.ID, usermgmt.ProfileRegularUser)
	one, _ := m.APIKeys().Generate(ctx, root, usermgmt.KeyRequest{User: ann.ID})
	two, _ := m.APIKeys().Generate(ctx, root, usermgmt.KeyRequest{User: ann.ID})
	_, err := m.Auth().APIKey(ctx, one.Text.Reveal(), usermgmt.Origin{})
	fmt.Println("first:", errors.Is(err, usermgmt.ErrUnauthenticated))
	actor, _ := m.Auth().APIKey(ctx, two.Text.Reveal(), usermgmt.Origin{})
	fmt.Println("second:", actor.Subject() == ann.ID, two.Text.Reveal()[:5], two.Text)
	// Output:
	// first: true
	// second: true acme_ [secret]
}

func ExampleProxy_Login() {
	ctx := context.Background()
	m, first, root := installation(nil)
	ann := person(ctx, m, first, root, "ann", first.RootTeam.ID, usermgmt.ProfileRegularUser)
	own, _ := m.Auth().Login(ctx, usermgmt.LoginRequest{Name: "root", Password: "correct horse battery staple"})

	notice, _ := m.Proxy().Prepare(ctx, own.Actor, ann.ID)
	fmt.Println(notice.Text)
	as, err := m.Proxy().Login(ctx, own.Actor, usermgmt.ProxyRequest{Target: ann.ID, Acknowledged: true, Reason: "ticket 42"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("as Ann:", as.Actor.Subject() == ann.ID, as.Actor.Has(usermgmt.PermUserCreate))
	back, _ := m.Proxy().SwitchBack(ctx, as.Token.Reveal(), usermgmt.Origin{})
	fmt.Println("back:", back.Actor.Subject() == first.Administrator.ID)
	// Output:
	// You are about to log in as ann Example. All actions will be audited and logged with your name and theirs.
	// as Ann: true false
	// back: true
}

func ExampleAuditLog_List() {
	ctx := context.Background()
	m, first, root := installation(nil)
	ann := person(ctx, m, first, root, "ann", first.RootTeam.ID, usermgmt.ProfileRegularUser)
	_ = m.Users().Disable(ctx, root, ann.ID)
	_ = m.Users().Disable(ctx, root, first.Administrator.ID) // refused: oneself
	entries, _ := m.Audit().List(ctx, root, usermgmt.AuditQuery{Limit: 2})
	for _, e := range entries {
		fmt.Println(e.Verb, e.Outcome, e.Detail.TargetName, e.Fields)
	}
	// Output:
	// user.disable refused Ruth Root []
	// user.disable done ann Example [enabled]
}

func ExampleMembers_Update() {
	ctx := context.Background()
	m, first, root := installation(nil)
	ann := person(ctx, m, first, root, "ann", first.RootTeam.ID, usermgmt.ProfileRegularUser)
	actor, _ := m.ActorFor(ctx, usermgmt.ActorRequest{User: ann.ID})
	admin, _ := m.Profiles().Shipped(ctx, root, usermgmt.ProfileAdministrator)
	mem, _ := m.Members().Get(ctx, actor, ann.ID, first.Organization.ID)
	_, err := m.Members().Update(ctx, actor, ann.ID, first.Organization.ID, mem.Version, usermgmt.MembershipUpdate{Profile: &admin.ID})
	fmt.Println(errors.Is(err, usermgmt.ErrPermission))
	_, err = m.Members().Update(ctx, root, ann.ID, first.Organization.ID, mem.Version, usermgmt.MembershipUpdate{Profile: &admin.ID})
	fmt.Println(err)
	fmt.Println(actor.Has(usermgmt.PermRoleEdit), "as of the verification")
	actor, _ = m.Refresh(ctx, actor)
	fmt.Println(actor.Has(usermgmt.PermRoleEdit))
	// Output:
	// true
	// <nil>
	// false as of the verification
	// true
}

func ExampleManager_SystemActor() {
	ctx := context.Background()
	m, first, _ := installation(nil)
	nightly, err := m.SystemActor("nightly clean-up", first.Organization.ID,
		usermgmt.Grant{Permission: usermgmt.PermUserEnable, Scope: usermgmt.ScopeOrganization})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(nightly.Has(usermgmt.PermUserEnable), nightly.Has(usermgmt.PermUserEdit))
	err = m.Users().Disable(ctx, nightly, first.Administrator.ID)
	fmt.Println(errors.Is(err, usermgmt.ErrConflict), "the last administrator stays")
	// Output:
	// true false
	// true the last administrator stays
}

func ExamplePolicy() {
	policy := usermgmt.PolicyOroCRM()
	policy.Special = true
	policy.LockoutDuration = 15 * time.Minute
	m, first, root := installation(&usermgmt.Config{Policy: new(usermgmt.PolicyNIST())})
	_, err := m.Orgs().Update(context.Background(), root, first.Organization.ID, first.Organization.Version,
		usermgmt.OrganizationUpdate{Policy: new(&policy)})
	fmt.Println(err)
	secret, _ := m.Passwords().Suggest(context.Background(), first.Organization.ID)
	fmt.Println(len(secret.Reveal()), secret)
	// Output:
	// <nil>
	// 20 [secret]
}

// The user of the README: everything that a new user needs.
func ExampleUsers_Create_complete() {
	ctx := context.Background()
	m, first, actor := installation(&usermgmt.Config{Objects: []usermgmt.Object{
		{Name: "lead", Ownership: usermgmt.OwnedByUser, Actions: []string{"view", "edit"}}}})
	regular, _ := m.Profiles().Shipped(ctx, actor, usermgmt.ProfileRegularUser)
	sales, _ := m.Roles().Create(ctx, actor, usermgmt.NewRole{Org: actor.Org(), Name: "Sales",
		Grants: []usermgmt.Grant{{Permission: "lead.edit", Scope: usermgmt.ScopeTeam}}})
	user, err := m.Users().Create(ctx, actor, usermgmt.NewUser{
		Username: "ann", Email: "ann@acme.example", FirstName: "Ann", LastName: "Arbor",
		OwnerUnit: first.MainUnit.ID,
		NewMembership: usermgmt.NewMembership{Profile: regular.ID, PrimaryTeam: first.RootTeam.ID,
			Roles: []usermgmt.RoleAssignment{{Role: sales.ID}}},
	})
	fmt.Println(user.DisplayName(), err)
	// Output: Ann Arbor <nil>
}
