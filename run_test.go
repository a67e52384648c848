package usermgmt_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

// inbox is a host's receiver of events.
type inbox struct {
	mu     sync.Mutex
	events []usermgmt.Event
	fail   error
}

func (b *inbox) take(_ context.Context, e usermgmt.Event) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail != nil {
		return b.fail
	}
	b.events = append(b.events, e)
	return nil
}

func (b *inbox) verbs() (out []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.events {
		out = append(out, e.Verb)
	}
	return out
}

func TestEventsComeAfterTheChangeHasCommitted(t *testing.T) {
	t.Parallel()
	var box inbox
	e := usermgmttest.NewOn(t, teststores.New(t), &usermgmt.Config{Events: box.take})
	ann := e.AddUser("ann", nil)
	require.ErrorIs(t, e.Users().Disable(t.Context(), e.As(ann.ID), ann.ID), usermgmt.ErrPermission)
	assert.Empty(t, box.verbs(), "nothing is delivered inside of a call")
	_, err := e.RunOnce(t.Context())
	require.NoError(t, err)
	verbs := box.verbs()
	assert.Contains(t, verbs, "user.create")
	assert.NotContains(t, verbs, "user.disable", "what was refused is no event")

	require.NoError(t, e.Users().Disable(t.Context(), e.Root(), ann.ID))
	_, err = e.RunOnce(t.Context())
	require.NoError(t, err)
	last := box.events[len(box.events)-1]
	entry := lastEntry(t, e, "user.disable")
	assert.Equal(t, usermgmt.Event{ID: entry.ID, Operation: entry.Operation, At: entry.At, Verb: "user.disable", Door: usermgmt.DoorHost,
		Operator: e.Administrator.ID, Subject: e.Administrator.ID, Org: e.Organization.ID, TargetKind: "user", Target: ann.ID.String(),
		Fields: []string{"enabled"}}, last)
}

func TestAnEventThatFailsComesAgain(t *testing.T) {
	t.Parallel()
	box := inbox{fail: errors.New("full")}
	e := usermgmttest.NewOn(t, teststores.New(t), &usermgmt.Config{Events: box.take})
	e.AddUser("ann", nil)
	_, err := e.RunOnce(t.Context())
	require.NoError(t, err, "an event that fails is no failure of the work")
	box.fail = nil
	_, err = e.RunOnce(t.Context())
	require.NoError(t, err)
	assert.Empty(t, box.verbs(), "not before a minute has passed")
	e.Clock.Advance(time.Minute)
	_, err = e.RunOnce(t.Context())
	require.NoError(t, err)
	n := len(box.verbs())
	assert.Contains(t, box.verbs(), "user.create")
	_, err = e.RunOnce(t.Context())
	require.NoError(t, err)
	assert.Len(t, box.verbs(), n, "each once")
}

// The lock that a failed login causes is an event like any other.
func TestALockIsAnEvent(t *testing.T) {
	t.Parallel()
	var box inbox
	e := usermgmttest.NewOn(t, teststores.New(t), &usermgmt.Config{Events: box.take})
	e.AddUser("ann", nil)
	for range 10 {
		_, err := login(e, t, "ann", "wrong")
		require.ErrorIs(t, err, usermgmt.ErrCredentials)
	}
	_, err := e.DeliverEvents(t.Context(), 100)
	require.NoError(t, err)
	assert.Contains(t, box.verbs(), "auth.locked")
}

func TestManyProcessesShareTheWork(t *testing.T) {
	t.Parallel()
	var box inbox
	cfg := &usermgmt.Config{Events: box.take}
	e := usermgmttest.NewOn(t, teststores.New(t), cfg)
	for _, name := range []string{"ann", "bob", "cid", "dan", "eve", "fay"} {
		u := e.AddUser(name, func(n *usermgmt.NewUser) { n.AccountMail = true })
		require.NoError(t, e.Users().Disable(t.Context(), e.Root(), u.ID))
	}
	other := e.NewManager(cfg)
	var wg sync.WaitGroup
	for i := range 8 {
		m := []*usermgmt.Manager{e.Manager, other}[i%2]
		wg.Go(func() {
			_, err := m.RunOnce(t.Context())
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	seen := map[usermgmt.AuditID]int{}
	for _, ev := range box.events {
		seen[ev.ID]++
	}
	for id, n := range seen {
		assert.Equal(t, 1, n, id)
	}
	mails := map[usermgmt.MessageID]int{}
	for _, m := range e.Mail.Sent() {
		mails[m.ID]++
		assert.Equal(t, 1, mails[m.ID])
	}
	assert.GreaterOrEqual(t, len(mails), 12)
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	e.AddUser("ann", func(n *usermgmt.NewUser) { n.AccountMail = true })
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- e.Run(ctx) }()
	require.Eventually(t, func() bool { return len(e.Mail.Sent()) > 0 }, 30*time.Second, time.Millisecond)
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
}

// A mailer that panics is one that failed.
func TestAMailerThatPanicsLosesNothing(t *testing.T) {
	t.Parallel()
	store := teststores.New(t)
	e := usermgmttest.NewOn(t, store, nil)
	e.AddUser("ann", func(n *usermgmt.NewUser) { n.AccountMail = true })
	m, err := usermgmt.New(store, &usermgmt.Config{Mailer: panics{}, Now: e.Clock.Now})
	require.NoError(t, err)
	d, err := m.Deliver(t.Context(), 10)
	require.NoError(t, err)
	assert.Equal(t, 1, d.Failed)
	e.Clock.Advance(time.Minute)
	d, err = e.Deliver(t.Context(), 10)
	require.NoError(t, err)
	assert.Equal(t, 1, d.Sent)
}

type panics struct{}

func (panics) Send(context.Context, usermgmt.Message) error { panic("no network") }

func TestMailIsInTheAddresseesLanguage(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ann, bob := e.AddUser("ann", nil), e.AddUser("bob", nil)
	language := func(of usermgmt.SettingsOf, tag string) {
		require.NoError(t, e.Settings().Change(t.Context(), e.Root(), of, usermgmt.SettingChange{Key: usermgmt.SettingLanguage, Value: tag}))
	}
	language(usermgmt.SettingsOf{Org: e.Organization.ID}, "de")
	language(usermgmt.SettingsOf{User: ann.ID}, "fr-CA")
	for _, u := range []*usermgmt.User{ann, bob} {
		require.NoError(t, e.Passwords().Set(t.Context(), e.Root(), u.ID, "Another-Long-7-Phrase", "", false))
	}
	run(t, e)
	got := map[string]string{}
	for _, m := range e.Mail.Sent() {
		got[m.To] = m.Language
	}
	assert.Equal(t, map[string]string{"ann@acme.test": "fr-CA", "bob@acme.test": "de"}, got)
}
