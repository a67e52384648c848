// Quickstart takes a company's people from a CSV file through the whole
// library: import, structure, rights, login, API key, proxy login and back, export,
// audit. It leaves users.csv in the current folder. Without set-up it runs in
// memory; with -postgres it runs on a database, which must be empty, or on a
// private server that it starts and removes (auto).
//
//	go run ./examples/quickstart
//	go run ./examples/quickstart -people FILE [-username-only]
//	go run ./examples/quickstart -postgres DSN|auto
package main

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/usermgmt/usermgmt"
)

//go:embed people.csv
var nordwind []byte

func main() {
	people := flag.String("people", "", "a CSV file of people instead of the built-in company")
	usernameOnly := flag.Bool("username-only", false, "allow people without an e-mail address")
	dsn := flag.String("postgres", "", "the address of an empty database, or auto for a private server")
	flag.Parse()
	if err := start(context.Background(), *people, *dsn, *usernameOnly); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// start opens what the flags say and runs the tour.
func start(ctx context.Context, people, dsn string, usernameOnly bool) error {
	data := nordwind
	if people != "" {
		var err error
		if data, err = os.ReadFile(people); err != nil {
			return err
		}
	}
	store, stop, err := open(ctx, dsn)
	if err != nil {
		return err
	}
	defer stop()
	return run(ctx, os.Stdout, store, data, usernameOnly, "users.csv")
}

// tour is what the steps share.
type tour struct {
	ctx   context.Context
	out   io.Writer
	m     *usermgmt.Manager
	first *usermgmt.Bootstrapped
	root  usermgmt.Actor
	crm   usermgmt.RoleID // what everybody gets
	step  int
}

const rootPassword = "correct horse battery staple"

// run is the whole tour.
func run(ctx context.Context, out io.Writer, store usermgmt.Store, people []byte, usernameOnly bool, file string) error {
	policy := usermgmt.PolicyNIST()
	policy.UsernameOnly = usernameOnly
	m, err := usermgmt.New(store, &usermgmt.Config{
		Policy: &policy,
		// The host's own objects take part in roles, checks and explanations.
		Objects: []usermgmt.Object{{Name: "lead", Ownership: usermgmt.OwnedByUser, Actions: []string{"view", "edit", "delete"}}},
	})
	if err != nil {
		return err
	}
	t := &tour{ctx: ctx, out: out, m: m}
	for _, step := range []func() error{
		t.bootstrap,
		func() error { return t.structure(people) },
		func() error { return t.importPeople(people) },
		t.rights, t.passwords, t.key, t.proxy,
		func() error { return t.export(file) },
		t.audit,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	t.printf("\nThat was the tour. The users are in %s.\n", file)
	return nil
}

func (t *tour) printf(format string, args ...any) { fmt.Fprintf(t.out, format, args...) }

func (t *tour) title(text string) {
	t.step++
	t.printf("\n%d. %s\n", t.step, text)
}

// refused prints an error that was expected; a missing one is a failure.
func (t *tour) refused(what string, err error) error {
	if err == nil {
		return fmt.Errorf("%s should have been refused", what)
	}
	t.printf("   refused: %s\n            %v\n", what, err)
	return nil
}

// refresh renews the administrator's actor, as every request would.
func (t *tour) refresh() (err error) {
	t.root, err = t.m.Refresh(t.ctx, t.root)
	return err
}

func (t *tour) bootstrap() error {
	t.title("The first administrator")
	first, err := t.m.Bootstrap(t.ctx, usermgmt.BootstrapRequest{
		Organization: usermgmt.NewOrganization{Name: "Nordwind Instruments", RootTeam: "Everybody", MainUnit: "Nordwind"},
		Administrator: usermgmt.NewUser{Username: "root", Email: "root@nordwind.example", FirstName: "Ruth", LastName: "Root",
			Password: rootPassword},
	})
	if err != nil {
		return err
	}
	t.first = first
	login, err := t.m.Auth().Login(t.ctx, usermgmt.LoginRequest{Name: "ROOT@nordwind.example", Password: rootPassword})
	if err != nil {
		return err
	}
	t.root = login.Actor
	t.printf("   %s administers %s: organization, root team %q, business unit %q.\n",
		first.Administrator.DisplayName(), first.Organization.Name, first.RootTeam.Name, first.MainUnit.Name)
	t.printf("   The session token prints as %v; only Reveal shows it.\n", login.Token)
	_, err = t.m.Bootstrap(t.ctx, usermgmt.BootstrapRequest{Organization: usermgmt.NewOrganization{Name: "Again"},
		Administrator: usermgmt.NewUser{Username: "eve", Email: "eve@nordwind.example", FirstName: "Eve", LastName: "Eve", Password: rootPassword}})
	return t.refused("a second bootstrap", err)
}
