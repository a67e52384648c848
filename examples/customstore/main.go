// Command customstore shows a store of one's own, held to the contract. It keeps
// nothing itself: it notes every call of another store.
//
// There are three ways to a store of one's own:
//
//   - One that only watches, or fails on purpose, puts a function around every
//     call: package store/intercept. That is what this one does, in store.go.
//   - One that changes what some methods do embeds another store and overrides
//     them, and Tx with them: the store that Tx hands out has to be wrapped as
//     well, or everything inside a transaction goes past it.
//   - One that talks to another database implements every method of
//     usermgmt.Store. Its comments are the contract.
//
// Each is held to package storetest. That is the whole of customstore_test.go.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/store/memory"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run saves a few rows through the store and prints what was called.
func run(ctx context.Context, out io.Writer) error {
	store := Wrap(memory.New(), slog.New(slog.DiscardHandler))
	org, err := usermgmt.ParseID[usermgmt.Organization]("01900000-0000-7000-8000-000000000001")
	if err != nil {
		return err
	}
	team, err := usermgmt.ParseID[usermgmt.Team]("01900000-0000-7000-8000-000000000002")
	if err != nil {
		return err
	}
	now := time.Date(2026, time.January, 2, 3, 4, 5, 0, time.UTC)

	// An organization and its root team, together or not at all.
	err = store.Tx(ctx, func(ctx context.Context, tx usermgmt.Store) error {
		o := usermgmt.Organization{ID: org, Name: "Acme", NameKey: "acme", Enabled: true, CreatedAt: now, UpdatedAt: now}
		if err := tx.SaveOrg(ctx, o); err != nil {
			return err
		}
		t := usermgmt.Team{ID: team, Org: org, Name: "Everybody", NameKey: "everybody", CreatedAt: now, UpdatedAt: now}
		return tx.SaveTeam(ctx, t)
	})
	if err != nil {
		return err
	}
	o, err := store.OrgByID(ctx, org)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s is stored with version %d.\n", o.Name, o.Version)

	// Saving from what somebody else has changed meanwhile is refused.
	stale := o
	o.Description = "changed"
	if err := store.SaveOrg(ctx, o); err != nil {
		return err
	}
	if err := store.SaveOrg(ctx, stale); !errors.Is(err, usermgmt.ErrStale) {
		return fmt.Errorf("a stale save: %w", err)
	}
	fmt.Fprintln(out, "A stale copy of it was refused.")

	fmt.Fprintln(out, "\ncalls  failed  method")
	for _, c := range store.Calls() {
		fmt.Fprintf(out, "%5d  %6d  %s\n", c.Calls, c.Failed, c.Method)
	}
	return nil
}
