package usermgmt_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/store/memory"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

// fate is what becomes of a transaction whose connection is lost.
type fate int

const (
	commits   fate = iota + 1
	rollsBack      // the server noticed
	comesLate      // the server has yet to hear of it
	refused        // it is known not to have happened
)

// shakyStore loses the connection of one transaction.
type shakyStore struct {
	usermgmt.Store
	fate fate // of the transaction after skip others
	skip int  //
	late func() error
}

var errLost = errors.New("the connection was lost")

// lose makes one of the next transactions end in doubt.
func (s *shakyStore) lose(f fate, skip int) { s.fate, s.skip = f, skip }

func (s *shakyStore) Tx(ctx context.Context, fn func(ctx context.Context, tx usermgmt.Store) error) error {
	f := s.fate
	if f == 0 {
		return s.Store.Tx(ctx, fn)
	}
	if s.skip--; s.skip >= 0 {
		return s.Store.Tx(ctx, fn)
	}
	s.fate = 0
	switch f {
	case comesLate:
		s.late = func() error { return s.Store.Tx(context.WithoutCancel(ctx), fn) }
		return usermgmt.ErrOutcomeUnknown
	case refused:
		return usermgmt.ErrTransient
	}
	err := s.Store.Tx(ctx, func(ctx context.Context, tx usermgmt.Store) error {
		if err := fn(ctx, tx); err != nil || f == commits {
			return err
		}
		return errLost
	})
	if err == nil || errors.Is(err, errLost) {
		return usermgmt.ErrOutcomeUnknown
	}
	return err
}

func operationOf(t *testing.T, err error) usermgmt.OperationID {
	t.Helper()
	var e *usermgmt.Error
	require.ErrorAs(t, err, &e)
	require.False(t, e.Operation.IsZero(), "no operation on: %v", err)
	return e.Operation
}

func entriesOf(t *testing.T, e *usermgmttest.Env, op usermgmt.OperationID) []usermgmt.AuditEntry {
	t.Helper()
	entries, err := e.Store.ListAudit(t.Context(), usermgmt.AuditQuery{Operation: op, Limit: 1000})
	require.NoError(t, err)
	return entries
}

func verbs(entries []usermgmt.AuditEntry) []string {
	out := make([]string, 0, len(entries))
	for _, e := range entries {
		out = append(out, e.Verb+" "+e.Outcome.String())
	}
	return out
}

// doubtful are calls that change something. skip is how many transactions they
// run before the one that matters; done tells whether the change is there.
var doubtful = []struct {
	name string
	skip int
	call func(ctx context.Context, e *usermgmttest.Env, ann usermgmt.UserID) error
	done func(t *testing.T, e *usermgmttest.Env, ann usermgmt.UserID) bool
}{
	{"Users.Disable", 0, func(ctx context.Context, e *usermgmttest.Env, ann usermgmt.UserID) error {
		return e.Users().Disable(ctx, e.Root(), ann)
	}, func(t *testing.T, e *usermgmttest.Env, ann usermgmt.UserID) bool {
		u, err := e.Store.UserByID(t.Context(), ann)
		require.NoError(t, err)
		return !u.Enabled
	}},
	{"Users.Create", 0, func(ctx context.Context, e *usermgmttest.Env, _ usermgmt.UserID) error {
		_, err := e.Users().Create(ctx, e.Root(), usermgmt.NewUser{Username: "bob", Email: "bob@acme.test", FirstName: "B", LastName: "Bob",
			OwnerUnit: e.MainUnit.ID, NewMembership: defaults(e).Defaults})
		return err
	}, isThere("bob")},
	{"Imports.Users", 1, func(ctx context.Context, e *usermgmttest.Env, _ usermgmt.UserID) error {
		_, err := e.Imports().Users(ctx, e.Root(), strings.NewReader(header+"\ncarl,C,Carl,carl@acme.test\ndora,D,Dora,dora@acme.test\n"), defaults(e))
		return err
	}, isThere("dora")},
	{"Exports.CSV", 0, func(ctx context.Context, e *usermgmttest.Env, _ usermgmt.UserID) error {
		var b bytes.Buffer
		_, err := e.Exports().CSV(ctx, e.Root(), &b, usermgmt.ExportOptions{})
		if b.Len() > 0 {
			return errors.New("something was exported")
		}
		return err
	}, func(t *testing.T, e *usermgmttest.Env, _ usermgmt.UserID) bool {
		entries, err := e.Store.ListAudit(t.Context(), usermgmt.AuditQuery{Verb: "user.export", Limit: 1})
		require.NoError(t, err)
		return len(entries) == 1
	}},
	{"Auth.Login", 1, func(ctx context.Context, e *usermgmttest.Env, _ usermgmt.UserID) error {
		_, err := e.Auth().Login(ctx, usermgmt.LoginRequest{Name: "ann", Password: usermgmttest.Password})
		return err
	}, func(t *testing.T, e *usermgmttest.Env, ann usermgmt.UserID) bool {
		acc, err := e.Store.AccountByID(t.Context(), ann)
		require.NoError(t, err)
		return acc.Login.LoginCount == 1
	}},
	{"Passwords.Change", 1, func(ctx context.Context, e *usermgmttest.Env, ann usermgmt.UserID) error {
		_, err := e.Passwords().Change(ctx, e.As(ann), usermgmt.PasswordChange{Current: usermgmttest.Password, New: otherPassword})
		return err
	}, func(t *testing.T, e *usermgmttest.Env, _ usermgmt.UserID) bool {
		_, err := login(e, t, "ann", otherPassword)
		return err == nil
	}},
	{"BreakGlass", 0, func(ctx context.Context, e *usermgmttest.Env, ann usermgmt.UserID) error {
		return e.BreakGlass(ctx, "ticket 12", ann, otherPassword)
	}, func(t *testing.T, e *usermgmttest.Env, ann usermgmt.UserID) bool {
		acc, err := e.Store.AccountByID(t.Context(), ann)
		require.NoError(t, err)
		return acc.Credential.MustChange
	}},
	{"Audit.Record", 0, func(ctx context.Context, e *usermgmttest.Env, _ usermgmt.UserID) error {
		return e.Audit().Record(ctx, e.Root(), usermgmt.HostEvent{Verb: "lead.convert"})
	}, func(t *testing.T, e *usermgmttest.Env, _ usermgmt.UserID) bool {
		entries, err := e.Store.ListAudit(t.Context(), usermgmt.AuditQuery{Verb: "lead.convert", Limit: 1})
		require.NoError(t, err)
		return len(entries) == 1
	}},
}

func isThere(name string) func(*testing.T, *usermgmttest.Env, usermgmt.UserID) bool {
	return func(t *testing.T, e *usermgmttest.Env, _ usermgmt.UserID) bool {
		_, err := e.Store.AccountByLogin(t.Context(), name)
		if err != nil {
			require.ErrorIs(t, err, usermgmt.ErrNotFound)
		}
		return err == nil
	}
}

// After a commit whose outcome is unknown Resolve tells for good what became of
// it, however often it is asked; and a call that it gave up changes nothing even
// if it comes later.
func TestResolveTellsWhatBecameOfACall(t *testing.T) {
	t.Parallel()
	for _, c := range doubtful {
		for _, f := range []fate{commits, rollsBack, comesLate} {
			t.Run(c.name+[...]string{"", " commits", " rolls back", " comes late"}[f], func(t *testing.T) {
				t.Parallel()
				s := &shakyStore{Store: memory.New()}
				e := usermgmttest.NewOn(t, s, nil)
				ann := e.AddUser("ann", nil).ID
				s.lose(f, c.skip)
				err := c.call(t.Context(), e, ann)
				require.ErrorIs(t, err, usermgmt.ErrOutcomeUnknown)
				assert.Equal(t, "It is not known whether this was done. Please look.", usermgmt.UserMessage(err))
				op := operationOf(t, err)
				assert.Contains(t, err.Error(), c.name)
				assert.Contains(t, err.Error(), op.String())
				for range 2 {
					done, err := e.Resolve(t.Context(), op)
					require.NoError(t, err)
					assert.Equal(t, f == commits, done)
				}
				if f == comesLate {
					before := verbs(entriesOf(t, e, op))
					require.ErrorIs(t, s.late(), usermgmt.ErrConflict)
					assert.Equal(t, before, verbs(entriesOf(t, e, op)))
				}
				proofs := 0
				for _, entry := range entriesOf(t, e, op) {
					if entry.ID == usermgmt.AuditID(op) {
						proofs++
						assert.Equal(t, f != commits, entry.Verb == "operation.abandoned")
					}
				}
				assert.Equal(t, 1, proofs)
				assert.Equal(t, f == commits, c.done(t, e, ann))
			})
		}
	}
}

func TestResolveOfBootstrapAndSwitchBack(t *testing.T) {
	t.Parallel()
	s := &shakyStore{Store: memory.New()}
	m, err := usermgmt.New(s, nil)
	require.NoError(t, err)
	s.lose(commits, 0)
	_, err = m.Bootstrap(t.Context(), usermgmt.BootstrapRequest{Organization: usermgmt.NewOrganization{Name: "Acme"},
		Administrator: usermgmt.NewUser{Username: "root", Email: "root@acme.test", FirstName: "R", LastName: "R", Password: usermgmttest.Password}})
	require.ErrorIs(t, err, usermgmt.ErrOutcomeUnknown)
	done, err := m.Resolve(t.Context(), operationOf(t, err))
	require.NoError(t, err)
	assert.True(t, done)

	for _, f := range []fate{commits, rollsBack} {
		c := newCompany(t, nil)
		_, in := c.proxied(t, c.nora.ID)
		s := &shakyStore{Store: c.Store}
		c.Store = s
		m := c.NewManager(nil)
		s.lose(f, 0)
		_, err = m.Proxy().SwitchBack(t.Context(), in.Token.Reveal(), here)
		require.ErrorIs(t, err, usermgmt.ErrOutcomeUnknown)
		done, err := m.Resolve(t.Context(), operationOf(t, err))
		require.NoError(t, err)
		assert.Equal(t, f == commits, done)
		_, err = c.verify(t, in)
		assert.Equal(t, done, err != nil)
	}
}

// Whoever asks at once is told the same, and it is recorded once.
func TestResolveTellsEverybodyTheSame(t *testing.T) {
	t.Parallel()
	for _, f := range []fate{commits, rollsBack} {
		s := &shakyStore{Store: memory.New()}
		e := usermgmttest.NewOn(t, s, nil)
		ann := e.AddUser("ann", nil).ID
		s.lose(f, 0)
		op := operationOf(t, e.Users().Disable(t.Context(), e.Root(), ann))
		var wg sync.WaitGroup
		for range racers {
			wg.Go(func() {
				done, err := e.Resolve(t.Context(), op)
				assert.NoError(t, err)
				assert.Equal(t, f == commits, done)
			})
		}
		wg.Wait()
		assert.Len(t, entriesOf(t, e, op), 1)
	}
}

func TestResolveRefuses(t *testing.T) {
	t.Parallel()
	s := &shakyStore{Store: memory.New()}
	e := usermgmttest.NewOn(t, s, nil)
	_, err := e.Resolve(t.Context(), usermgmt.OperationID{})
	require.ErrorIs(t, err, usermgmt.ErrInvalid)
	op := usermgmt.OperationID{15: 7}
	require.NoError(t, e.Store.Tx(t.Context(), func(ctx context.Context, tx usermgmt.Store) error {
		_, err := e.WithStore(tx).Resolve(ctx, op)
		require.ErrorIs(t, err, usermgmt.ErrNotConfigured)
		assert.Equal(t, "bound", ruleIn(err))
		return nil
	}))
	require.Empty(t, entriesOf(t, e, op))

	// Its own outcome may be unknown as well: the next answer is right.
	for _, f := range []fate{commits, rollsBack} {
		s.lose(f, 0)
		_, err = e.Resolve(t.Context(), op)
		require.ErrorIs(t, err, usermgmt.ErrOutcomeUnknown)
		assert.Equal(t, op, operationOf(t, err))
		done, err := e.Resolve(t.Context(), op)
		require.NoError(t, err)
		assert.False(t, done)
		assert.Equal(t, []string{"operation.abandoned done"}, verbs(entriesOf(t, e, op)))
		op[15]++
	}
	entry := entriesOf(t, e, usermgmt.OperationID{15: 7})[0]
	assert.Equal(t, usermgmt.OperationID{15: 7}.String(), entry.Target)
	assert.True(t, entry.Org.IsZero() && entry.Operator.IsZero())
	require.ErrorIs(t, e.Audit().Record(t.Context(), e.Root(), usermgmt.HostEvent{Verb: "operation.abandoned"}), usermgmt.ErrInvalid)
}

// A call that found nothing to change, and one that was refused, did not happen.
func TestResolveOfWhatChangedNothing(t *testing.T) {
	t.Parallel()
	s := &shakyStore{Store: memory.New()}
	e := usermgmttest.NewOn(t, s, nil)
	ann := e.AddUser("ann", nil)
	s.lose(commits, 0)
	err := e.Users().Enable(t.Context(), e.Root(), ann.ID) // is enabled
	require.ErrorIs(t, err, usermgmt.ErrOutcomeUnknown)
	done, err := e.Resolve(t.Context(), operationOf(t, err))
	require.NoError(t, err)
	assert.False(t, done)

	err = e.Users().Disable(t.Context(), e.As(ann.ID), e.Administrator.ID)
	require.ErrorIs(t, err, usermgmt.ErrNotFound)
	op := operationOf(t, err)
	assert.Equal(t, []string{"user.disable refused"}, verbs(entriesOf(t, e, op)))
	done, err = e.Resolve(t.Context(), op)
	require.NoError(t, err)
	assert.False(t, done)
}

// What the record of a refusal meets with is not what the call meets with.
func TestARefusalStaysOneIfItsRecordFails(t *testing.T) {
	t.Parallel()
	s := &shakyStore{Store: memory.New()}
	e := usermgmttest.NewOn(t, s, nil)
	ann := e.As(e.AddUser("ann", nil).ID)
	for _, f := range []fate{commits, refused} {
		s.lose(f, 1)
		err := e.Users().Disable(t.Context(), ann, e.Administrator.ID)
		require.ErrorIs(t, err, usermgmt.ErrNotFound)
		require.NotErrorIs(t, err, usermgmt.ErrOutcomeUnknown)
		require.NotErrorIs(t, err, usermgmt.ErrTransient)
		assert.Equal(t, "This does not exist, or you may not see it.", usermgmt.UserMessage(err))
		operationOf(t, err)
	}
}

// A success that was proved has the operation of its attempt, and comes after
// it in the log though its identifier is the operation's.
func TestASuccessHasTheOperationOfItsAttempt(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ann := e.AddUser("ann", nil)
	last := func() []string {
		page, err := e.Store.ListAudit(t.Context(), usermgmt.AuditQuery{Limit: 1})
		require.NoError(t, err)
		assert.Equal(t, usermgmt.AuditID(page[0].Operation), page[0].ID)
		return verbs(entriesOf(t, e, page[0].Operation))
	}
	e.Login("ann")
	assert.Equal(t, []string{"auth.login done", "auth.login attempted"}, last())
	_, err := e.Passwords().Change(t.Context(), e.As(ann.ID), usermgmt.PasswordChange{Current: usermgmttest.Password, New: otherPassword})
	require.NoError(t, err)
	assert.Equal(t, []string{"password.change done", "password.change attempted"}, last())

	for range 9 {
		_, err := login(e, t, "ann", "wrong")
		require.ErrorIs(t, err, usermgmt.ErrCredentials)
		operationOf(t, err)
	}
	e.Clock.Advance(time.Minute)               // those of a minute are one entry
	_, err = login(e, t, "ann", otherPassword) // the last attempt, which locks first
	require.NoError(t, err)
	page, err := e.Store.ListAudit(t.Context(), usermgmt.AuditQuery{Limit: 1})
	require.NoError(t, err)
	entries := entriesOf(t, e, page[0].Operation)
	assert.Equal(t, []string{"auth.login done", "user.unlock done", "auth.locked done", "auth.login attempted"}, verbs(entries))
	assert.Equal(t, usermgmt.AuditID(page[0].Operation), entries[1].ID, "the first of those that commit with the session")
}

// Each batch of an import can be asked about by itself.
func TestEachBatchOfAnImportIsAnOperation(t *testing.T) {
	t.Parallel()
	s := &shakyStore{Store: memory.New()}
	e := usermgmttest.NewOn(t, s, nil)
	root := e.Root()
	file := new(strings.Builder)
	file.WriteString(header + "\n")
	for i := range 1001 {
		name := "u" + strings.Repeat("x", i%10) + string(rune('a'+i/10%26)) + string(rune('a'+i/260))
		file.WriteString(name + ",F,L," + name + "@acme.test\n")
	}
	s.lose(rollsBack, 2)
	r, err := e.Imports().Users(t.Context(), root, strings.NewReader(file.String()), defaults(e))
	require.ErrorIs(t, err, usermgmt.ErrOutcomeUnknown)
	assert.Equal(t, [4]int{1000, 0, 0, 0}, tally(r))
	done, err := e.Resolve(t.Context(), operationOf(t, err))
	require.NoError(t, err)
	assert.False(t, done)
	assert.Equal(t, [4]int{1, 0, 1000, 0}, tally(imported(t, e, root, strings.ReplaceAll(file.String(), "\n", "|"), defaults(e))))

	entries, err := e.Store.ListAudit(t.Context(), usermgmt.AuditQuery{Verb: "user.import", Limit: 10})
	require.NoError(t, err)
	operations := map[usermgmt.OperationID]bool{}
	for _, entry := range entries {
		operations[entry.Operation] = true
		done, err := e.Resolve(t.Context(), entry.Operation)
		require.NoError(t, err)
		assert.True(t, done)
	}
	assert.Len(t, operations, len(entries))
	assert.Len(t, entries, 3)
}
