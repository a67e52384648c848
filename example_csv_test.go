package usermgmt_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/usermgmt/usermgmt"
)

// Users are read from a file, of which one row is wrong, and written to another.
func ExampleImports_Users() {
	ctx := context.Background()
	m, first, actor := installation(nil)
	file := strings.NewReader(`username,first_name,last_name,email,business_unit,reports_to
ann,Ann,Lee,ann@acme.example,Sales,bob
bob,Bob,Fischer,bob@acme.example,Sales,
cid,Cid,Moss,,Sales,
`)
	regular, err := m.Profiles().Shipped(ctx, actor, usermgmt.ProfileRegularUser)
	if err != nil {
		panic(err)
	}
	report, err := m.Imports().Users(ctx, actor, file, usermgmt.ImportOptions{
		DefaultUnit: first.MainUnit.ID, CreateUnits: true,
		Defaults: usermgmt.NewMembership{Profile: regular.ID, PrimaryTeam: first.RootTeam.ID,
			Roles: []usermgmt.RoleAssignment{{Role: first.AdministratorRole.ID}}},
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(report.Created, "created,", report.Failed, "failed")
	for _, p := range report.Problems {
		fmt.Println("line", p.Line, p.Field, p.Rule)
	}
	// Spreadsheets read what is exported as text, never as a formula.
	var out strings.Builder
	rows, err := m.Exports().CSV(ctx, actor, &out, usermgmt.ExportOptions{
		Fields: []string{"username", "email", "owner_unit", "reports_to"}})
	fmt.Print(strings.ReplaceAll(out.String(), "\r\n", "\n"))
	fmt.Println(rows, err)
	// Output:
	// 2 created, 1 failed
	// line 4 email required
	// username,email,owner_unit,reports_to
	// bob,bob@acme.example,Sales,
	// ann,ann@acme.example,Sales,bob
	// root,root@acme.example,Main,
	// 3 <nil>
}
