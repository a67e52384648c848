package usermgmt_test

import (
	"context"
	"fmt"
	"time"

	"github.com/usermgmt/usermgmt"
)

// A tenant lets customer support in for a day, and sees that it came.
func ExampleProxy_Support() {
	ctx := context.Background()
	m, first, root := installation(nil)
	profile, _ := m.Profiles().Shipped(ctx, root, usermgmt.ProfileAdministrator)
	tenant, _ := m.Orgs().Create(ctx, root, usermgmt.NewOrganization{Name: "Tenant"})
	boss, err := m.Users().Create(ctx, root, usermgmt.NewUser{
		Username: "boss", Email: "boss@tenant.example", FirstName: "Bea", LastName: "Boss", OwnerUnit: tenant.MainUnit.ID,
		NewMembership: usermgmt.NewMembership{Profile: profile.ID, PrimaryTeam: tenant.RootTeam.ID,
			Roles: []usermgmt.RoleAssignment{{Role: first.AdministratorRole.ID}}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, _ = m.Orgs().Update(ctx, root, tenant.Organization.ID, tenant.Organization.Version, usermgmt.OrganizationUpdate{PrimaryAdmin: &boss.ID})

	bea, _ := m.ActorFor(ctx, usermgmt.ActorRequest{User: boss.ID, ProvedAt: time.Now()})
	_, err = m.Orgs().GrantSupport(ctx, bea, tenant.Organization.ID, usermgmt.SupportConsent{Until: time.Now().Add(24 * time.Hour), ReadOnly: true})
	if err != nil {
		fmt.Println(err)
		return
	}

	own, _ := m.Auth().Login(ctx, usermgmt.LoginRequest{Name: "root", Password: "correct horse battery staple"})
	in, err := m.Proxy().Support(ctx, own.Actor, usermgmt.SupportRequest{Org: tenant.Organization.ID, Reason: "ticket 42", Acknowledged: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("as Bea:", in.Actor.Subject() == boss.ID, "read-only:", in.Actor.ReadOnly())
	_, _ = m.Proxy().SwitchBack(ctx, in.Token.Reveal(), usermgmt.Origin{})

	visits, _ := m.Orgs().SupportVisits(ctx, bea, usermgmt.ListQuery{})
	for _, v := range visits.Items {
		fmt.Println(v.OperatorName, v.Basis, v.Reason, v.EndReason)
	}
	// Output:
	// as Bea: true read-only: true
	// root support ticket 42 switched back
}

// Ann goes on holiday, and Bob stands in for her.
func ExampleProxy_NameDeputy() {
	ctx := context.Background()
	policy := usermgmt.PolicyNIST()
	policy.Deputies = 28 * 24 * time.Hour
	m, first, root := installation(&usermgmt.Config{Policy: &policy})
	ann := person(ctx, m, first, root, "ann", first.RootTeam.ID, usermgmt.ProfileAdministrator)
	bob := person(ctx, m, first, root, "bob", first.RootTeam.ID, usermgmt.ProfileRegularUser)

	annIn, _ := m.Auth().Login(ctx, usermgmt.LoginRequest{Name: "ann", Password: "a long enough password"})
	_, err := m.Proxy().NameDeputy(ctx, annIn.Actor, usermgmt.DeputyRequest{Deputy: bob.ID, Until: time.Now().Add(14 * 24 * time.Hour), Reason: "holidays"})
	if err != nil {
		fmt.Println(err)
		return
	}

	bobIn, _ := m.Auth().Login(ctx, usermgmt.LoginRequest{Name: "bob", Password: "a long enough password"})
	as, err := m.Proxy().Login(ctx, bobIn.Actor, usermgmt.ProxyRequest{Target: ann.ID, Acknowledged: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("as Ann:", as.Actor.Subject() == ann.ID, as.Session.Basis)

	_ = m.Proxy().WithdrawDeputy(ctx, annIn.Actor, ann.ID, bob.ID)
	_, err = m.Auth().Session(ctx, as.Token.Reveal(), usermgmt.Origin{})
	fmt.Println(err)
	// Output:
	// as Ann: true deputy
	// usermgmt: Auth.Session: unauthenticated (deputy_withdrawn)
}
