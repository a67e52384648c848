package usermgmt_test

import (
	"context"
	"fmt"

	"github.com/usermgmt/usermgmt"
)

// What would change for whom, before it is done.
func ExampleAccess_WhatIf() {
	ctx := context.Background()
	m, first, root := installation(&usermgmt.Config{Objects: []usermgmt.Object{
		{Name: "lead", Ownership: usermgmt.OwnedByUser, Actions: []string{"view", "edit"}}}})
	sales, _ := m.Teams().Create(ctx, root, usermgmt.NewTeam{Name: "Sales"})
	lena := person(ctx, m, first, root, "lena", sales.ID, usermgmt.ProfileRegularUser)
	seller, _ := m.Roles().Create(ctx, root, usermgmt.NewRole{Name: "Seller", Grants: []usermgmt.Grant{{Permission: "lead.view", Scope: usermgmt.ScopeTeam}}})

	impact, err := m.Access().WhatIf(ctx, root, 0, func(ctx context.Context, m *usermgmt.Manager) error {
		mem, err := m.Members().Get(ctx, root, lena.ID, first.Organization.ID)
		if err != nil {
			return err
		}
		roles := append(mem.Roles, usermgmt.RoleAssignment{Role: seller.ID})
		_, err = m.Members().Update(ctx, root, lena.ID, first.Organization.ID, mem.Version, usermgmt.MembershipUpdate{Roles: &roles})
		return err
	})
	fmt.Println(err, impact.Gaining, impact.Losing)
	for _, g := range impact.Changes[0].Gained {
		fmt.Println(g.Permission, g.Scope)
	}
	// Output:
	// <nil> 1 0
	// lead.view team
}

// The sales people of the north see the leads of the south, and change none.
func ExampleSharing_Create() {
	ctx := context.Background()
	m, first, root := installation(&usermgmt.Config{Objects: []usermgmt.Object{
		{Name: "lead", Ownership: usermgmt.OwnedByUser, Actions: []string{"view", "edit"}}}})
	north, _ := m.Teams().Create(ctx, root, usermgmt.NewTeam{Name: "North"})
	south, _ := m.Teams().Create(ctx, root, usermgmt.NewTeam{Name: "South"})
	nora := person(ctx, m, first, root, "nora", north.ID, usermgmt.ProfileRegularUser)
	sam := person(ctx, m, first, root, "sam", south.ID, usermgmt.ProfileRegularUser)
	_, err := m.Sharing().Create(ctx, root, usermgmt.NewSharing{Name: "Leads of the south", Owning: south.ID, Sharing: []usermgmt.TeamID{north.ID},
		Model: usermgmt.SharingOneWay, Permissions: []usermgmt.Permission{"lead.view"}})
	fmt.Println(err)

	places, _ := m.Access().Placements(ctx, first.Organization.ID, sam.ID)
	actor, _ := m.ActorFor(ctx, usermgmt.ActorRequest{User: nora.ID})
	fmt.Println(actor.Can("lead.view", places[sam.ID]), actor.Can("lead.edit", places[sam.ID]))
	// Output:
	// <nil>
	// true false
}

// Who sees a salary is granted like any other permission.
func ExamplePermission_Of() {
	ctx := context.Background()
	m, first, root := installation(&usermgmt.Config{Objects: []usermgmt.Object{
		{Name: "worker", Ownership: usermgmt.OwnedByUser, Actions: []string{"view", "edit"}, Fields: []string{"salary"}}}})
	const view = usermgmt.Permission("worker.view")
	clerk, _ := m.Roles().Create(ctx, root, usermgmt.NewRole{Name: "Clerk", Grants: []usermgmt.Grant{
		{Permission: view, Scope: usermgmt.ScopeOrganization}, {Permission: view.Of("salary"), Scope: usermgmt.ScopeOwn}}})
	office, _ := m.Teams().Create(ctx, root, usermgmt.NewTeam{Name: "Office"})
	lena := person(ctx, m, first, root, "lena", office.ID, usermgmt.ProfileRegularUser)
	roles := []usermgmt.RoleAssignment{{Role: clerk.ID}}
	mem, _ := m.Members().Get(ctx, root, lena.ID, first.Organization.ID)
	_, err := m.Members().Update(ctx, root, lena.ID, first.Organization.ID, mem.Version, usermgmt.MembershipUpdate{Roles: &roles})
	actor, _ := m.ActorFor(ctx, usermgmt.ActorRequest{User: lena.ID})
	of := func(owner usermgmt.UserID) []string {
		return m.Access().Fields(actor, view, usermgmt.Record{Org: first.Organization.ID, Owner: owner})
	}
	fmt.Println(err, of(lena.ID), of(first.Administrator.ID))
	// Output: <nil> [salary] []
}
