package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/usermgmt/usermgmt"
)

func txCases() []testCase {
	all := slices.Concat([]string{"Tx"}, allWrites())
	return []testCase{
		{"TxRollsBackTheFirst", []string{"Tx", "SaveOrg", "OrgByName"}, txFirst},
		{"TxRollsBackEverything", all, txRollsBack},
		{"TxReadsItsOwnWrites", slices.Concat(all, allReaders()), txOwnWrites},
		{"TxInnerFailureIsUndoneAlone", all, txInnerFails},
		{"TxInnerJoins", []string{"Tx"}, txInnerJoins},
		{"TxInnerConflict", []string{"Tx"}, txInnerConflict},
		{"TxErrorOfTheFunction", []string{"Tx"}, txError},
		{"TxFailedWriteUndoesAll", []string{"Tx"}, txFailedWrite},
		{"TxIgnoredFailure", []string{"Tx"}, txIgnoredFailure},
		{"TxReadOfNothingIsNoFailure", []string{"Tx"}, txReadOfNothing},
		{"Bootstrap", []string{"ClaimBootstrap", "Tx"}, bootstrap},
	}
}

// errAbandoned is what the suite's functions roll back with.
var errAbandoned = errors.New("abandoned by the suite")

// abandoned checks that a transaction failed with errAbandoned and nothing else.
func (w *world) abandoned(what string, err error) bool {
	w.Helper()
	if !errors.Is(err, errAbandoned) {
		w.Errorf("%s: Tx returned %v, want the error of the function", what, err)
		return false
	}
	for _, kind := range sentinels {
		if errors.Is(err, kind) {
			w.Errorf("%s: Tx returned %v, which matches %q as well", what, err, kind)
			return false
		}
	}
	return true
}

// txFirst rolls back what a new store begins with, and makes the same again.
func txFirst(w *world) {
	o := usermgmt.Organization{ID: newID[usermgmt.Organization](w), Name: "a", NameKey: "a", CreatedAt: at(0), UpdatedAt: at(0)}
	w.abandoned("the first transaction", w.s.Tx(w.ctx, func(ctx context.Context, tx usermgmt.Store) error {
		if err := tx.SaveOrg(ctx, o); err != nil {
			return err
		}
		return errAbandoned
	}))
	got(w.s.OrgByName(w.ctx, "a")).missing(w)
	w.do(w.s.SaveOrg(w.ctx, o))
	o.Version = 1
	got(w.s.OrgByName(w.ctx, "a")).is(w, o)
}

func txRollsBack(w *world) {
	c := w.contents()
	before := c.dump(w.ctx, w.s)
	for _, change := range c.writes() {
		err := w.s.Tx(w.ctx, func(ctx context.Context, tx usermgmt.Store) error {
			if err := change.do(ctx, tx); err != nil {
				return err
			}
			return errAbandoned
		})
		if !w.abandoned(change.method, err) {
			continue
		}
		if d := differentLines(before, c.dump(w.ctx, w.s)); d != "" {
			w.Fatalf("%s survived its transaction (- before, + after):\n%s", change.method, d)
		}
	}
	// All of them together.
	err := w.s.Tx(w.ctx, func(ctx context.Context, tx usermgmt.Store) error {
		for _, change := range c.writes() {
			if err := change.do(ctx, tx); err != nil {
				return fmt.Errorf("%s: %w", change.method, err)
			}
		}
		return errAbandoned
	})
	w.abandoned("all writes", err)
	if d := differentLines(before, c.dump(w.ctx, w.s)); d != "" {
		w.Errorf("something of all writes survived their transaction (- before, + after):\n%s", d)
	}
}

func txOwnWrites(w *world) {
	c := w.contents()
	for _, change := range c.writes() {
		before := c.dump(w.ctx, w.s)
		var inside []string
		err := w.s.Tx(w.ctx, func(ctx context.Context, tx usermgmt.Store) error {
			if err := change.do(ctx, tx); err != nil {
				return err
			}
			inside = c.dump(ctx, tx)
			return nil
		})
		if err != nil {
			w.Errorf("%s failed: %v", change.method, err)
			continue
		}
		if differentLines(before, inside) == "" {
			w.Errorf("%s is not seen in its own transaction", change.method)
		}
		if d := differentLines(inside, c.dump(w.ctx, w.s)); d != "" {
			w.Errorf("%s is another after the commit (- inside, + after):\n%s", change.method, d)
		}
	}
}

func txInnerFails(w *world) {
	c := w.contents()
	o := usermgmt.Organization{ID: newID[usermgmt.Organization](w), NameKey: "outer"}
	var problems []string
	w.write(func(ctx context.Context, tx usermgmt.Store) error {
		problems = nil
		if err := tx.SaveOrg(ctx, o); err != nil {
			return err
		}
		before := c.dump(ctx, tx)
		for _, change := range c.writes() {
			err := tx.Tx(ctx, func(ctx context.Context, tx usermgmt.Store) error {
				if err := change.do(ctx, tx); err != nil {
					return err
				}
				return errAbandoned
			})
			if !errors.Is(err, errAbandoned) {
				return fmt.Errorf("%s: %w", change.method, err)
			}
			if d := differentLines(before, c.dump(ctx, tx)); d != "" {
				problems = append(problems, change.method+" survived the inner transaction (- before, + after):\n"+d)
				return nil
			}
		}
		return nil
	})
	for _, p := range problems {
		w.Errorf("%s", p)
	}
	o.Version = 1
	got(w.s.OrgByID(w.ctx, o.ID)).is(w, o)
}

// saveOrg returns a function that inserts an organization with the key.
func (w *world) saveOrg(key string) func(ctx context.Context, tx usermgmt.Store) error {
	o := usermgmt.Organization{ID: newID[usermgmt.Organization](w), Name: key, NameKey: key}
	return func(ctx context.Context, tx usermgmt.Store) error { return tx.SaveOrg(ctx, o) }
}

// orgs checks the keys of all organizations.
func (w *world) orgs(what string, s usermgmt.Store, ctx context.Context, want ...string) error {
	w.Helper()
	all, err := s.ListOrgs(ctx, usermgmt.ListQuery{Limit: everything})
	if err != nil {
		return err
	}
	var names []string
	for _, o := range all {
		names = append(names, o.NameKey)
	}
	equal(w, what, want, names)
	return nil
}

func txInnerJoins(w *world) {
	inner := func(ctx context.Context, tx usermgmt.Store) error {
		if err := w.saveOrg("b")(ctx, tx); err != nil {
			return err
		}
		return tx.Tx(ctx, w.saveOrg("c"))
	}
	outer := func(end error) error {
		return w.s.Tx(w.ctx, func(ctx context.Context, tx usermgmt.Store) error {
			if err := w.saveOrg("a")(ctx, tx); err != nil {
				return err
			}
			if err := tx.Tx(ctx, inner); err != nil {
				return err
			}
			if err := w.orgs("organizations after the inner transactions", tx, ctx, "a", "b", "c"); err != nil {
				return err
			}
			return end
		})
	}
	w.abandoned("the outer transaction", outer(errAbandoned))
	w.do(w.orgs("organizations after rolling back the outer transaction", w.s, w.ctx))
	w.do(outer(nil))
	w.do(w.orgs("organizations after all transactions", w.s, w.ctx, "a", "b", "c"))
}

func txInnerConflict(w *world) {
	w.org("taken")
	w.write(func(ctx context.Context, tx usermgmt.Store) error {
		if err := w.saveOrg("a")(ctx, tx); err != nil {
			return err
		}
		err := tx.Tx(ctx, func(ctx context.Context, tx usermgmt.Store) error {
			if err := w.saveOrg("b")(ctx, tx); err != nil {
				return err
			}
			return tx.Tx(ctx, w.saveOrg("taken"))
		})
		if p := isTaken("name").problem(err); p != "" {
			w.Errorf("an inner transaction with a conflict %s", p)
		}
		if err := w.orgs("organizations after it", tx, ctx, "a", "taken"); err != nil {
			return err
		}
		return w.saveOrg("c")(ctx, tx)
	})
	w.do(w.orgs("organizations", w.s, w.ctx, "a", "c", "taken"))
}

type hostError struct{ text string }

func (e *hostError) Error() string { return e.text }

func txError(w *world) {
	host := &hostError{"the host's"}
	err := w.s.Tx(w.ctx, func(context.Context, usermgmt.Store) error {
		return fmt.Errorf("wrapped: %w", errors.Join(host, usermgmt.ErrPermission))
	})
	var found *hostError
	if !errors.As(err, &found) || found != host || !errors.Is(err, usermgmt.ErrPermission) {
		w.Errorf("Tx returned %v, want what the function returned", err)
	}
	err = w.s.Tx(w.ctx, func(ctx context.Context, tx usermgmt.Store) error {
		return tx.Tx(ctx, func(context.Context, usermgmt.Store) error { return host })
	})
	if !errors.Is(err, host) {
		w.Errorf("nested Tx returned %v, want what the function returned", err)
	}
	ran := false
	w.write(func(context.Context, usermgmt.Store) error { ran = true; return nil })
	equal(w, "the function ran", true, ran)
}

func txFailedWrite(w *world) {
	taken := w.org("taken")
	for what, c := range map[string]struct {
		want  refusal
		write func(ctx context.Context, tx usermgmt.Store) error
	}{
		"a taken name": {isTaken("name"), w.saveOrg("taken")},
		"a stale version": {isStale, func(ctx context.Context, tx usermgmt.Store) error {
			o := taken
			o.Version = 9
			return tx.SaveOrg(ctx, o)
		}},
		"what is not there": {isMissing, func(ctx context.Context, tx usermgmt.Store) error {
			return tx.DeleteUnit(ctx, newID[usermgmt.BusinessUnit](w))
		}},
	} {
		w.refuse(what, c.want, func(ctx context.Context, tx usermgmt.Store) error {
			if err := w.saveOrg("before")(ctx, tx); err != nil {
				return err
			}
			if err := c.write(ctx, tx); err != nil {
				return err
			}
			return w.saveOrg("after")(ctx, tx)
		})
		w.do(w.orgs("organizations after "+what, w.s, w.ctx, "taken"))
	}
}

// txIgnoredFailure: after a failure everything else in the transaction fails,
// so a function that overlooks it cannot commit the rest.
func txIgnoredFailure(w *world) {
	o := w.org("taken")
	var reported, read error
	err := w.s.Tx(w.ctx, func(ctx context.Context, tx usermgmt.Store) error {
		if err := w.saveOrg("before")(ctx, tx); err != nil {
			return err
		}
		reported = w.saveOrg("taken")(ctx, tx)
		_ = w.saveOrg("after")(ctx, tx)
		_, read = tx.OrgByID(ctx, o.ID)
		return nil
	})
	if err == nil {
		w.Errorf("a transaction with an ignored failure committed")
	}
	if reported == nil && read == nil && err != nil {
		// Nothing was told in between, so the end must tell.
		if p := isTaken("name").problem(err); p != "" {
			w.Errorf("the end of the transaction %s", p)
		}
	}
	if reported != nil && read == nil {
		w.Errorf("a read succeeded after a failure in its transaction")
	}
	w.do(w.orgs("organizations", w.s, w.ctx, "taken"))
}

func txReadOfNothing(w *world) {
	w.write(func(ctx context.Context, tx usermgmt.Store) error {
		if p := isMissing.problem(got(tx.OrgByName(ctx, "a")).err); p != "" {
			w.Errorf("a read of nothing %s", p)
		}
		if p := isMissing.problem(got(tx.AccountByLogin(ctx, "a")).err); p != "" {
			w.Errorf("a read of nothing %s", p)
		}
		return w.saveOrg("a")(ctx, tx)
	})
	w.do(w.orgs("organizations", w.s, w.ctx, "a"))
}

func bootstrap(w *world) {
	claim := func(ctx context.Context, tx usermgmt.Store) error { return tx.ClaimBootstrap(ctx, at(0)) }
	w.abandoned("a claim", w.s.Tx(w.ctx, func(ctx context.Context, tx usermgmt.Store) error {
		if err := claim(ctx, tx); err != nil {
			return err
		}
		return errAbandoned
	}))
	w.write(func(ctx context.Context, tx usermgmt.Store) error {
		inner := tx.Tx(ctx, func(ctx context.Context, tx usermgmt.Store) error {
			if err := claim(ctx, tx); err != nil {
				return err
			}
			return errAbandoned
		})
		if !errors.Is(inner, errAbandoned) {
			return inner
		}
		return claim(ctx, tx)
	})
	for range 2 {
		w.refuse("a second claim", isDuplicate, claim)
	}
	w.refuse("a claim with a change", isDuplicate, func(ctx context.Context, tx usermgmt.Store) error {
		if err := w.saveOrg("a")(ctx, tx); err != nil {
			return err
		}
		return claim(ctx, tx)
	})
	w.do(w.orgs("organizations", w.s, w.ctx))
}
