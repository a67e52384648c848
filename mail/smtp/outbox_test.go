package smtp_test

import (
	"bytes"
	"context"
	"net"
	netmail "net/mail"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/mail/smtp"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

// process is one more process of the host, which sends by the mailer.
func process(t *testing.T, e *usermgmttest.Env, mailer usermgmt.Mailer) *usermgmt.Manager {
	t.Helper()
	m, err := usermgmt.New(e.Store, &usermgmt.Config{Mailer: mailer, Now: e.Clock.Now})
	require.NoError(t, err)
	return m
}

// dies is a mailer whose process is killed while it sends.
type dies struct{}

func (dies) Send(context.Context, usermgmt.Message) error {
	runtime.Goexit()
	return nil
}

func TestAMailSurvivesTheProcessThatWasSendingIt(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	e.AddUser("ann", func(n *usermgmt.NewUser) { n.AccountMail = true })
	p := newPost(t, smtp.StartTLS)
	real := newMailer(t, p, nil)

	var killed sync.WaitGroup
	killed.Add(1)
	go func() {
		defer killed.Done()
		_, _ = process(t, e, dies{}).Deliver(context.Background(), 10)
	}()
	killed.Wait()
	other := process(t, e, real)
	d, err := other.Deliver(t.Context(), 10)
	require.NoError(t, err)
	assert.Zero(t, d, "the other process may be at it still")
	e.Clock.Advance(5 * time.Minute)
	d, err = other.Deliver(t.Context(), 10)
	require.NoError(t, err)
	assert.Equal(t, usermgmt.Delivered{Sent: 1}, d)
	require.Len(t, p.letters(), 1)
	assert.Equal(t, "ann@acme.test", p.letters()[0].to)
	assert.Contains(t, string(p.letters()[0].data), "ann")
}

// A server that dies after the text may have taken it. The mail comes again under
// the same Message-ID, and the outbox tells of it.
func TestAMailThatMayHaveArrivedComesAgainAsTheSame(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	e.AddUser("ann", func(n *usermgmt.NewUser) { n.AccountMail = true })
	bad := script(t, takes, func(net.Conn) {})
	d, err := process(t, e, newMailer(t, bad, func(c *smtp.Config) { c.TLS = smtp.None })).Deliver(t.Context(), 10)
	require.NoError(t, err)
	assert.Equal(t, usermgmt.Delivered{Failed: 1}, d)
	waiting, err := e.Store.ListMessages(t.Context(), true, usermgmt.ListQuery{Limit: 10})
	require.NoError(t, err)
	require.Len(t, waiting, 1)
	assert.Contains(t, waiting[0].LastError, "may have taken")

	good := newPost(t, smtp.StartTLS)
	e.Clock.Advance(time.Minute)
	d, err = process(t, e, newMailer(t, good, nil)).Deliver(t.Context(), 10)
	require.NoError(t, err)
	assert.Equal(t, usermgmt.Delivered{Sent: 1}, d)
	read, err := netmail.ReadMessage(bytes.NewReader(good.letters()[0].data))
	require.NoError(t, err)
	assert.Equal(t, "<"+waiting[0].ID.String()+"@acme.test>", read.Header.Get("Message-ID"))
}

// What the server refuses for good is not tried ten times.
func TestAMailThatIsRefusedForGoodIsKeptAsDead(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	e.AddUser("ann", func(n *usermgmt.NewUser) { n.AccountMail = true })
	p := newPost(t, smtp.StartTLS)
	p.refuse["ann@acme.test"] = permanent
	m := process(t, e, newMailer(t, p, nil))
	d, err := m.Deliver(t.Context(), 10)
	require.NoError(t, err)
	assert.Equal(t, usermgmt.Delivered{Dead: 1}, d)
	all, err := e.Store.ListMessages(t.Context(), false, usermgmt.ListQuery{Limit: 10})
	require.NoError(t, err)
	assert.False(t, all[0].DeadAt.IsZero())
	assert.Contains(t, all[0].LastError, "550")
}
