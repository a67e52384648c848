package usermgmt_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/store/intercept"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

// calls remembers the calls of a store.
type calls struct {
	mu   sync.Mutex
	list []string
}

func (c *calls) add(method string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, method)
}

// take returns the calls since the last time.
func (c *calls) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := c.list
	c.list = nil
	return list
}

// noted is a store that tells of every call before it is made, in transactions
// too, and of how each transaction ended.
func noted(s usermgmt.Store, note func(method string)) usermgmt.Store {
	return intercept.Store(s, func(ctx context.Context, method string, call func(context.Context) error) error {
		note(method)
		err := call(ctx)
		switch {
		case method != "Tx":
		case err == nil:
			note("commit")
		default:
			note("rollback")
		}
		return err
	})
}

// suspects is an installation with a user for every reason not to get in.
func suspects(t *testing.T, store usermgmt.Store) (*usermgmttest.Env, []string) {
	t.Helper()
	e := usermgmttest.NewOn(t, store, nil)
	ctx := t.Context()
	for _, name := range []string{"active", "disabled", "deactivated", "locked", "reserved", "expired", "must-reset", "must-change", "no-membership", "temporary"} {
		e.AddUser(name, nil)
	}
	e.AddUser("password-less", func(n *usermgmt.NewUser) { n.Password = "" })
	e.AddUser("service", func(n *usermgmt.NewUser) {
		n.Kind, n.Password, n.Responsible = usermgmt.KindService, "", e.Administrator.ID
	})
	id := func(name string) usermgmt.UserID {
		acc, err := e.Store.AccountByLogin(ctx, name)
		require.NoError(t, err)
		return acc.User.ID
	}
	require.NoError(t, e.Users().Disable(ctx, e.Root(), id("disabled")))
	require.NoError(t, e.Users().Deactivate(ctx, e.Root(), id("deactivated"), usermgmt.DeactivateOptions{}))
	require.NoError(t, e.Members().End(ctx, e.Root(), id("no-membership"), usermgmt.OrgID{}))
	for range 10 {
		_, err := login(e, t, "locked", "wrong")
		require.ErrorIs(t, err, usermgmt.ErrCredentials)
	}
	reserved, err := e.Store.UserByID(ctx, id("reserved"))
	require.NoError(t, err)
	reserved.Reserved = true
	require.NoError(t, e.Store.SaveUser(ctx, reserved))
	for name, status := range map[string]usermgmt.AuthStatus{"expired": usermgmt.StatusExpired, "must-reset": usermgmt.StatusPasswordReset, "temporary": usermgmt.StatusPasswordReset} {
		acc, err := e.Store.AccountByID(ctx, id(name))
		require.NoError(t, err)
		acc.Credential.Status = status
		if name == "temporary" { // one that has expired
			acc.Credential.TemporaryUntil = e.Clock.Now()
		}
		require.NoError(t, e.Store.SaveCredential(ctx, acc.Credential))
	}
	return e, []string{"nobody", "nobody@acme.test", "disabled", "disabled@acme.test", "deactivated", "locked", "reserved", "expired",
		"must-reset", "must-change", "no-membership", "temporary", "password-less", "service", "active", "ACTIVE", "active@acme.test",
		"", "\x00", "\xff\xfe", "no such name", strings.Repeat("n", 5000), "a@", "ｎｏｂｏｄｙ", "root"}
}

var wrongPasswords = map[string]string{
	"wrong": "Wrong-Horse-8-Batteries", "empty": "", "one character": "x", "oversized": strings.Repeat("long ", 1000),
	"at the limit": strings.Repeat("y", 1024), "over the limit": strings.Repeat("y", 1025), "not UTF-8": "\xff\xfe\xfd", "NUL": "\x00", "lone surrogate": "\xed\xa0\x80",
}

// Until the password is proved nobody learns whether there is such a user: the
// answer, the hashes, the calls of the store and the one durable write are the
// same.
func TestAFailedLoginTellsNothingAboutTheAccount(t *testing.T) {
	t.Parallel()
	for label, password := range wrongPasswords {
		t.Run(label, func(t *testing.T) {
			t.Parallel()
			var seen calls
			e, names := suspects(t, noted(teststores.New(t), seen.add))
			seen.take()
			var wantErr string
			var wantCalls []string
			for i, name := range names {
				for _, when := range []string{"cold", "warm"} {
					what := fmt.Sprintf("%.20q %s", name, when)
					before := usermgmt.HashesOf(e.Manager)
					r, err := login(e, t, name, password)
					hashes := usermgmt.HashesOf(e.Manager) - before
					got := seen.take()
					require.Error(t, err, what)
					assert.Nil(t, r, what)
					require.ErrorIs(t, err, usermgmt.ErrCredentials, what)
					var told *usermgmt.Error
					require.ErrorAs(t, err, &told, what)
					assert.False(t, told.Operation.IsZero(), what)
					told.Operation = usermgmt.OperationID{} // another one each time
					if i == 0 && when == "cold" {
						wantErr, wantCalls = fmt.Sprintf("%v|%#v|%+v", err, err, err), got
						n := 0
						for _, c := range got {
							if c == "commit" {
								n++
							}
						}
						assert.Equal(t, 1, n, "one durable write: %v", got)
						assert.Contains(t, got, "AppendAudit")
						assert.Contains(t, got, "ReserveAttempt")
					}
					assert.EqualValues(t, 1, hashes, what)
					assert.Equal(t, wantCalls, got, what)
					assert.Equal(t, dropAddresses(wantErr), dropAddresses(fmt.Sprintf("%v|%#v|%+v", err, err, err)), what)
				}
			}
		})
	}
}

// dropAddresses blanks what %#v prints of pointers.
func dropAddresses(s string) string {
	fields := strings.FieldsFunc(s, func(r rune) bool { return r == '(' || r == ')' || r == ',' || r == ' ' })
	return strings.Join(slices.DeleteFunc(fields, func(f string) bool { return strings.HasPrefix(f, "0xc") }), " ")
}

// The guess that uses up the attempts must not be told from the others by what
// it costs: else ten guesses tell whether there is such a user.
func TestTheGuessThatLocksCostsTheSameAsAnyOther(t *testing.T) {
	t.Parallel()
	var seen calls
	e := usermgmttest.NewOn(t, noted(teststores.New(t), seen.add), nil)
	e.AddUser("ann", nil)
	seen.take()
	var want []string
	for i := range 12 {
		_, err := login(e, t, "ann", "wrong")
		require.ErrorIs(t, err, usermgmt.ErrCredentials)
		got := seen.take()
		if i == 0 {
			want = got
		}
		assert.Equal(t, want, got, "guess %d", i+1)
	}
}

// The right password of somebody who cannot get in gives a reason, but only
// then, and never for a locked user.
func TestOnlyTheRightPasswordIsToldWhyItDoesNotHelp(t *testing.T) {
	t.Parallel()
	e, _ := suspects(t, teststores.New(t))
	for name, rule := range map[string]string{"disabled": "disabled", "deactivated": "deactivated", "reserved": "reserved",
		"must-reset": "password_reset", "no-membership": "no_membership"} {
		_, err := login(e, t, name, usermgmttest.Password)
		require.ErrorIs(t, err, usermgmt.ErrUnauthenticated, name)
		assert.Equal(t, rule, ruleIn(err), name)
	}
	r, err := login(e, t, "expired", usermgmttest.Password) // is let in to change it
	require.NoError(t, err)
	assert.Equal(t, usermgmt.StepPassword, r.Pending)
	for _, name := range []string{"locked", "password-less", "service"} {
		_, err := login(e, t, name, usermgmttest.Password)
		require.ErrorIs(t, err, usermgmt.ErrCredentials, name)
		assert.NotErrorIs(t, err, usermgmt.ErrUnauthenticated, name)
	}
}

// A change of one's own password verifies a secret too: the same hash and the
// same counter as a login.
func TestAWrongCurrentPasswordCostsAHashAndCounts(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ann := e.AddUser("ann", nil)
	for label, password := range wrongPasswords {
		before := usermgmt.HashesOf(e.Manager)
		_, err := e.Passwords().Change(t.Context(), e.As(ann.ID), usermgmt.PasswordChange{Current: password, New: "Another-Long-7-Phrase"})
		require.ErrorIs(t, err, usermgmt.ErrCredentials, label)
		assert.EqualValues(t, 1, usermgmt.HashesOf(e.Manager)-before, label)
	}
	acc, err := e.Store.AccountByID(t.Context(), ann.ID)
	require.NoError(t, err)
	assert.Equal(t, len(wrongPasswords), acc.Login.Failures)
}

// A name that is a password, typed into the wrong box, must not be kept.
func TestTheTypedNameOfAnUnknownUserIsNotRecorded(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	_, err := login(e, t, "My-Secret-Typed-Into-The-Name", "x")
	require.ErrorIs(t, err, usermgmt.ErrCredentials)
	entries, err := e.Store.ListAudit(t.Context(), usermgmt.AuditQuery{Limit: 1000})
	require.NoError(t, err)
	assert.NotContains(t, strings.ToLower(fmt.Sprintf("%+v", entries)), "my-secret-typed")
}
