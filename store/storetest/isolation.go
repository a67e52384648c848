package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/usermgmt/usermgmt"
)

func isolationCases() []testCase {
	all := allWrites()
	return []testCase{
		{"PlainCallsFailAtOnce", []string{"SaveOrg", "SaveUser", "DeleteTeam", "ClaimSeats"}, plainFailures},
		{"OpenTxHidesItsWrites", slices.Concat(all, allReaders()), openTx},
		{"OutsideTx", slices.Concat(all, allReaders(), []string{"Tx", "ClaimBootstrap", "LockOrg"}), outsideTx},
		{"CancelledContext", []string{"Tx", "SaveOrg"}, cancelled},
		{"PanicInTx", []string{"Tx"}, panicInTx},
		{"StreamIsOneView", []string{"StreamMembers"}, streamIsOneView},
	}
}

// soon runs fn and fails the case if it takes too long: it waits for
// something that it must not wait for.
func (w *world) soon(what string, fn func()) {
	w.Helper()
	w.within(w.patience, what, fn)
}

func (w *world) within(limit time.Duration, what string, fn func()) {
	w.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		fn()
	}()
	select {
	case <-done:
	case <-time.After(limit):
		w.Fatalf("%s hangs", what)
	}
}

// plainFailures: outside a transaction a call is its own, so that its failure
// is told by the call, and nothing happened.
func plainFailures(w *world) {
	c := w.contents()
	before := c.dump(w.ctx, w.s)
	taken := c.newUser
	taken.UsernameKey = "ann"
	stale := c.annInA
	stale.Version = 9
	for _, f := range []struct {
		what string
		want refusal
		err  error
	}{
		{"SaveOrg", isTaken("name"), w.saveOrg("a")(w.ctx, w.s)},
		{"SaveUser", isTaken("username"), w.s.SaveUser(w.ctx, taken)},
		{"SaveMembership", isStale, w.s.SaveMembership(w.ctx, stale)},
		{"DeleteTeam", isInUse, w.s.DeleteTeam(w.ctx, c.a.root.ID)},
		{"DeleteUnit", isMissing, w.s.DeleteUnit(w.ctx, newID[usermgmt.BusinessUnit](w))},
		{"SaveCredential", isStale, w.s.SaveCredential(w.ctx, usermgmt.Credential{User: c.ann.ID})},
		{"ClaimSeats", isFull, w.s.ClaimSeats(w.ctx, c.a.org.ID, usermgmt.LicencePlatform, 9)},
		{"PutAPIKey", isTaken("hash"), func() error {
			k := c.newKey
			k.Hash = c.bobKey.Hash
			return w.s.PutAPIKey(w.ctx, k)
		}()},
		{"CreateSession", isTaken("token"), func() error {
			s := c.newSession
			s.TokenHash = c.bobSession.TokenHash
			return w.s.CreateSession(w.ctx, s)
		}()},
		{"UpdateSession", isStale, w.s.UpdateSession(w.ctx, c.nextSession, hashOf(-99))},
	} {
		if p := f.want.problem(f.err); p != "" {
			w.Errorf("%s %s", f.what, p)
		}
	}
	if d := differentLines(before, c.dump(w.ctx, w.s)); d != "" {
		w.Errorf("calls that failed changed something (- before, + after):\n%s", d)
	}
}

// openTx: while a transaction is open with every kind of write in it, readers
// go on and see the state before; afterwards they see all of it.
func openTx(w *world) {
	c := w.contents()
	before := c.dump(w.ctx, w.s)
	written, finish, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	first := true
	go func() {
		ended <- w.s.Tx(w.ctx, func(ctx context.Context, tx usermgmt.Store) error {
			for _, change := range c.writes() {
				if err := change.do(ctx, tx); err != nil {
					return fmt.Errorf("%s: %w", change.method, err)
				}
			}
			// Writes that were collected are sent by a read.
			if _, err := tx.OrgByID(ctx, c.a.org.ID); err != nil {
				return err
			}
			if first {
				first = false
				close(written)
			}
			select {
			case <-finish:
			case <-ctx.Done():
			}
			return nil
		})
	}()
	select {
	case <-written:
	case err := <-ended:
		w.Fatalf("the writer ended: %v", err)
	case <-time.After(w.patience):
		w.Fatalf("the writer hangs")
	}
	w.soon("a reader beside an open transaction", func() {
		if d := differentLines(before, c.dump(w.ctx, w.s)); d != "" {
			w.Errorf("an open transaction is seen from outside (- before, + meanwhile):\n%s", d)
		}
	})
	close(finish)
	w.soon("the end of the writer", func() {
		if err := <-ended; err != nil {
			w.Errorf("the writer failed: %v", err)
		}
	})
	if differentLines(before, c.dump(w.ctx, w.s)) == "" {
		w.Errorf("a transaction that committed is not seen")
	}
}

func outsideTx(w *world) {
	c := w.contents()
	type key struct{}
	calls := c.writes()
	for _, r := range c.readers() {
		calls = append(calls, write{r.method, func(ctx context.Context, s usermgmt.Store) error {
			_, err := r.read(ctx, s)
			return err
		}})
	}
	calls = append(
		calls,
		write{"Tx", func(ctx context.Context, s usermgmt.Store) error {
			return s.Tx(ctx, func(context.Context, usermgmt.Store) error { return nil })
		}},
		write{"ClaimBootstrap", func(ctx context.Context, s usermgmt.Store) error { return s.ClaimBootstrap(ctx, at(0)) }},
		write{"LockOrg", func(ctx context.Context, s usermgmt.Store) error { return s.LockOrg(ctx, c.a.org.ID) }},
	)
	before := c.dump(w.ctx, w.s)
	w.soon("the unbound store inside a transaction", func() {
		err := w.s.Tx(w.ctx, func(ctx context.Context, tx usermgmt.Store) error {
			for _, call := range calls {
				for _, ctx := range []context.Context{ctx, context.WithValue(ctx, key{}, 1)} {
					if err := call.do(ctx, w.s); !errors.Is(err, usermgmt.ErrOutsideTx) {
						w.Errorf("%s of the unbound store inside a transaction: %v, want %q", call.method, err, usermgmt.ErrOutsideTx)
					}
				}
			}
			pairs := 0
			for range w.s.StreamMembers(ctx, usermgmt.UserQuery{Org: c.a.org.ID}) {
				pairs++
			}
			equal(w, "what a stream yields that fails", 1, pairs)
			return tx.Tx(ctx, func(ctx context.Context, tx usermgmt.Store) error {
				if _, err := w.s.OrgByID(ctx, c.a.org.ID); !errors.Is(err, usermgmt.ErrOutsideTx) {
					w.Errorf("the unbound store inside a nested transaction: %v, want %q", err, usermgmt.ErrOutsideTx)
				}
				_, err := tx.OrgByID(ctx, c.a.org.ID) // the transaction is still good
				return err
			})
		})
		if err != nil {
			w.Errorf("the transaction failed: %v", err)
		}
	})
	if d := differentLines(before, c.dump(w.ctx, w.s)); d != "" {
		w.Errorf("calls that failed with %q changed something (- before, + after):\n%s", usermgmt.ErrOutsideTx, d)
	}
}

// cancelled: a call with a context that has ended fails with the context's
// error and nothing happens; the store goes on.
func cancelled(w *world) {
	ctx, cancel := context.WithCancel(w.ctx)
	cancel()
	for what, err := range map[string]error{
		"a write":       w.saveOrg("a")(ctx, w.s),
		"a transaction": w.s.Tx(ctx, w.saveOrg("b")),
	} {
		if !errors.Is(err, context.Canceled) {
			w.Errorf("%s with a cancelled context: %v, want %v", what, err, context.Canceled)
		}
	}
	ctx, cancel = context.WithCancel(w.ctx)
	defer cancel()
	err := w.s.Tx(ctx, func(ctx context.Context, tx usermgmt.Store) error {
		if err := w.saveOrg("c")(ctx, tx); err != nil {
			return err
		}
		cancel()
		<-ctx.Done()
		return ctx.Err()
	})
	if !errors.Is(err, context.Canceled) {
		w.Errorf("a transaction that was cancelled: %v, want %v", err, context.Canceled)
	}
	w.soon("the store after a cancelled transaction", func() {
		if err := w.orgs("organizations", w.s, w.ctx); err != nil {
			w.Errorf("a read failed: %v", err)
		}
		if err := w.saveOrg("d")(w.ctx, w.s); err != nil {
			w.Errorf("a write failed: %v", err)
		}
	})
}

func panicInTx(w *world) {
	w.panics(func(context.Context, usermgmt.Store) error { panic(errAbandoned) })
	w.panics(func(ctx context.Context, tx usermgmt.Store) error {
		return tx.Tx(ctx, func(context.Context, usermgmt.Store) error { panic(errAbandoned) })
	})
	w.soon("the store after panics", func() {
		if err := w.orgs("organizations after panics", w.s, w.ctx); err != nil {
			w.Errorf("a read failed: %v", err)
		}
		if err := w.s.Tx(w.ctx, w.saveOrg("b")); err != nil {
			w.Errorf("a write failed: %v", err)
		}
	})
}

// panics checks that a panic of fn leaves Tx as it is.
func (w *world) panics(fn func(ctx context.Context, tx usermgmt.Store) error) {
	w.Helper()
	w.soon("a transaction that panics", func() {
		defer func() {
			if r := recover(); r != errAbandoned { //nolint:errorlint // the very value
				w.Errorf("recovered %v, want what the function panicked with", r)
			}
		}()
		_ = w.s.Tx(w.ctx, func(ctx context.Context, tx usermgmt.Store) error {
			if err := w.saveOrg("a")(ctx, tx); err != nil {
				return err
			}
			return fn(ctx, tx)
		})
	})
}

// streamIsOneView reads more members than fit in a page while others change
// them: the stream goes on as it began.
func streamIsOneView(w *world) {
	const many = 2*usermgmt.MaxPageSize + 100
	st := w.site("a")
	var all []usermgmt.User
	for i := range many {
		all = append(all, w.newUser(st, fmt.Sprintf("user %05d", i)))
	}
	for part := range 3 {
		w.write(func(ctx context.Context, tx usermgmt.Store) error {
			for _, u := range all[part*many/3 : (part+1)*many/3] {
				if err := tx.SaveUser(ctx, u); err != nil {
					return err
				}
				if err := tx.SaveMembership(ctx, w.newMembership(st, u.ID)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	change := func(ctx context.Context, tx usermgmt.Store) error {
		moved, hidden, gone := all[many-1], all[many-2], all[many-3]
		moved.Version, moved.NameKey = 1, "user 00000a"
		hidden.Version, hidden.Enabled = 1, false
		added := w.newUser(st, "user 09999")
		return errors.Join(
			tx.SaveUser(ctx, moved), tx.SaveUser(ctx, hidden), tx.DeleteMembership(ctx, gone.ID, st.org.ID, at(1)),
			tx.SaveUser(ctx, added), tx.SaveMembership(ctx, w.newMembership(st, added.ID)),
		)
	}
	n := 0
	w.soon("a stream beside a writer", func() {
		for m, err := range w.s.StreamMembers(w.ctx, usermgmt.UserQuery{Org: st.org.ID}) {
			if err != nil {
				w.Errorf("the stream failed after %d members: %v", n, err)
				return
			}
			if n >= many || m.User.ID != all[n].ID || m.User.NameKey != all[n].NameKey || !m.User.Enabled {
				w.Errorf("member %d is %q: the stream shows what was committed meanwhile", n, m.User.NameKey)
				return
			}
			if n++; n == 2 {
				if err := w.s.Tx(w.ctx, change); err != nil {
					w.Errorf("the writer failed: %v", err)
				}
			}
		}
		equal(w, "the number of members", many, n)
	})
	equal(w, "the number of members of a second stream", many-1, len(got(members(w.ctx, w.s, usermgmt.UserQuery{Org: st.org.ID})).must(w)))
}
