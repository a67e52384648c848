package intercept_test

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/store/intercept"
	"github.com/usermgmt/usermgmt/store/memory"
	"github.com/usermgmt/usermgmt/store/storetest"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

// called are the names of the methods that were called.
type called struct {
	mu    sync.Mutex
	names []string
}

func (c *called) around(ctx context.Context, method string, call func(context.Context) error) error {
	c.mu.Lock()
	c.names = append(c.names, method)
	c.mu.Unlock()
	return call(ctx)
}

var errRefused = errors.New("refused")

// results calls a method with zero arguments and ranges over what it returns, if
// that is a sequence.
func results(s usermgmt.Store, method string) (values []any, err error) {
	m := reflect.ValueOf(s).MethodByName(method)
	in := make([]reflect.Value, m.Type().NumIn())
	for i := range in {
		in[i] = reflect.Zero(m.Type().In(i))
	}
	call := m.Call
	if m.Type().IsVariadic() {
		call = m.CallSlice
	}
	out := call(in)
	if out[0].Kind() == reflect.Func {
		for v, e := range out[0].Seq2() {
			out = []reflect.Value{v, e}
		}
	}
	for _, v := range out[:len(out)-1] {
		values = append(values, v.Interface())
	}
	err, _ = out[len(out)-1].Interface().(error)
	return values, err
}

func TestEveryMethodIsACallByItsName(t *testing.T) {
	t.Parallel()
	for m := range reflect.TypeFor[usermgmt.Store]().Methods() {
		var outer, inner called
		refusing := intercept.Store(nil, func(ctx context.Context, method string, _ func(context.Context) error) error {
			return inner.around(ctx, method, func(context.Context) error { return errRefused })
		})
		values, err := results(intercept.Store(refusing, outer.around), m.Name)
		assert.Equal(t, []string{m.Name}, outer.names, m.Name)
		assert.Equal(t, []string{m.Name}, inner.names, "%s calls another method", m.Name)
		assert.Equal(t, errRefused, err, m.Name)
		for _, v := range values {
			assert.Zero(t, v, m.Name)
		}
	}
}

func TestTheStoreIsOtherwiseAsItWas(t *testing.T) {
	t.Parallel()
	through := func(ctx context.Context, _ string, call func(context.Context) error) error { return call(ctx) }
	newStore := func(testing.TB) usermgmt.Store { return intercept.Store(memory.New(), through) }
	storetest.Run(t, newStore)
	storetest.RunConcurrent(t, newStore)
}

// newOrg is an organization that can be saved.
func newOrg(name string) usermgmt.Organization {
	return usermgmt.Organization{ID: usermgmt.OrgID{1}, Name: name, NameKey: name, Enabled: true}
}

func TestCallsInTransactionsAreCallsAtAnyDepth(t *testing.T) {
	t.Parallel()
	var log []string
	s := intercept.Store(memory.New(), func(ctx context.Context, method string, call func(context.Context) error) error {
		log = append(log, method)
		err := call(ctx)
		log = append(log, "end of "+method)
		return err
	})
	require.NoError(t, s.Tx(t.Context(), func(ctx context.Context, tx usermgmt.Store) error {
		return tx.Tx(ctx, func(ctx context.Context, tx usermgmt.Store) error { return tx.SaveOrg(ctx, newOrg("acme")) })
	}))
	assert.Equal(t, []string{"Tx", "Tx", "SaveOrg", "end of SaveOrg", "end of Tx", "end of Tx"}, log)
}

func TestTheContextThatIsHandedOnIsTheOneOfTheCall(t *testing.T) {
	t.Parallel()
	type key struct{}
	var seen []any
	s := intercept.Store(memory.New(), func(ctx context.Context, method string, call func(context.Context) error) error {
		seen = append(seen, ctx.Value(key{}))
		return call(context.WithValue(ctx, key{}, method))
	})
	err := s.Tx(t.Context(), func(ctx context.Context, tx usermgmt.Store) error {
		assert.Equal(t, "Tx", ctx.Value(key{}))
		_, err := tx.OrgByID(ctx, usermgmt.OrgID{1})
		return err
	})
	require.ErrorIs(t, err, usermgmt.ErrNotFound)
	assert.Equal(t, []any{nil, "Tx"}, seen)

	cancelled := intercept.Store(memory.New(), func(ctx context.Context, _ string, call func(context.Context) error) error {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		return call(ctx)
	})
	assert.ErrorIs(t, cancelled.SaveOrg(t.Context(), newOrg("acme")), context.Canceled)
}

func TestWhatAroundReturnsIsWhatTheCallerGets(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	within := memory.New()
	faulty := func(around func(call func() error) error) usermgmt.Store {
		return intercept.Store(within, func(ctx context.Context, _ string, call func(context.Context) error) error {
			return around(func() error { return call(ctx) })
		})
	}
	lost := faulty(func(func() error) error { return nil })
	require.NoError(t, lost.SaveOrg(ctx, newOrg("acme")))
	_, err := within.OrgByID(ctx, usermgmt.OrgID{1})
	require.ErrorIs(t, err, usermgmt.ErrNotFound, "a write that was never made")
	o, err := lost.OrgByID(ctx, usermgmt.OrgID{1})
	require.NoError(t, err)
	assert.Zero(t, o)

	doubtful := faulty(func(call func() error) error { return errors.Join(call(), usermgmt.ErrOutcomeUnknown) })
	err = doubtful.Tx(ctx, func(ctx context.Context, _ usermgmt.Store) error { return nil })
	require.ErrorIs(t, err, usermgmt.ErrOutcomeUnknown)
	require.ErrorIs(t, doubtful.SaveOrg(ctx, newOrg("acme")), usermgmt.ErrOutcomeUnknown)
	o, err = within.OrgByID(ctx, usermgmt.OrgID{1})
	require.NoError(t, err, "a write that was made after all")
	require.Equal(t, "acme", o.Name)
	o, err = doubtful.OrgByID(ctx, usermgmt.OrgID{1})
	require.ErrorIs(t, err, usermgmt.ErrOutcomeUnknown)
	assert.Zero(t, o, "no value comes with an error")

	twice := faulty(func(call func() error) error { _ = call(); return call() })
	beta := newOrg("beta")
	beta.ID = usermgmt.OrgID{2}
	require.ErrorIs(t, twice.SaveOrg(ctx, beta), usermgmt.ErrConflict, "with itself")
	forgiving := faulty(func(call func() error) error { _ = call(); return nil })
	require.NoError(t, forgiving.SaveOrg(ctx, newOrg("acme")))
	o, err = forgiving.OrgByID(ctx, usermgmt.OrgID{1})
	require.NoError(t, err)
	assert.Equal(t, "acme", o.Name)
}

func TestASequenceIsACallEachTimeThatItIsRangedOver(t *testing.T) {
	t.Parallel()
	e := usermgmttest.New(t, nil)
	e.AddUser("ann", nil)
	var log []string
	var sees, returns error
	s := intercept.Store(e.Store, func(ctx context.Context, method string, call func(context.Context) error) error {
		log = append(log, method)
		sees = call(ctx)
		log = append(log, "end")
		return errors.Join(sees, returns)
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	members := s.StreamMembers(ctx, usermgmt.UserQuery{Org: e.Organization.ID})
	assert.Empty(t, log, "nothing is read before")

	all := func() error {
		log = nil
		for m, err := range members {
			if err != nil {
				log = append(log, "error")
				assert.Zero(t, m)
				return err
			}
			log = append(log, m.User.Username)
		}
		return nil
	}
	for range 2 {
		require.NoError(t, all())
		assert.Equal(t, []string{"StreamMembers", "ann", "root", "end"}, log)
	}

	log = nil
	for m, err := range members {
		require.NoError(t, err)
		log = append(log, m.User.Username)
		break
	}
	assert.Equal(t, []string{"StreamMembers", "ann", "end"}, log)

	returns = errRefused
	require.ErrorIs(t, all(), errRefused)
	assert.Equal(t, []string{"StreamMembers", "ann", "root", "end", "error"}, log)
	for _, err := range members {
		require.NoError(t, err, "whoever has left the loop is told no more")
		break
	}

	returns = nil
	cancel()
	require.ErrorIs(t, all(), context.Canceled)
	assert.ErrorIs(t, sees, context.Canceled, "the error of the store is seen first")
	assert.Equal(t, []string{"StreamMembers", "end", "error"}, log)
}

func TestALoopThatWasLeftIsNotEnteredAgain(t *testing.T) {
	t.Parallel()
	e := usermgmttest.New(t, nil)
	again := intercept.Store(e.Store, func(ctx context.Context, _ string, call func(context.Context) error) error {
		return errors.Join(call(ctx), call(ctx))
	})
	n := 0
	for range again.StreamMembers(t.Context(), usermgmt.UserQuery{Org: e.Organization.ID}) {
		n++
		break
	}
	assert.Equal(t, 1, n)
}

func TestAManagerOnABoundStoreMakesItsCallsThroughIt(t *testing.T) {
	t.Parallel()
	e := usermgmttest.New(t, nil)
	var seen called
	err := e.Store.Tx(t.Context(), func(ctx context.Context, tx usermgmt.Store) error {
		m := e.WithStore(intercept.Store(tx, seen.around))
		_, err := m.Groups().Create(ctx, e.Root(), usermgmt.NewGroup{Name: "Staff"})
		return err
	})
	require.NoError(t, err)
	assert.Contains(t, seen.names, "Tx")
	assert.Contains(t, seen.names, "SaveGroup", "in the transaction within")
}
