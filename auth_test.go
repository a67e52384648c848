package usermgmt_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

var here = usermgmt.Origin{Address: "192.0.2.1", UserAgent: "test"}

func login(e *usermgmttest.Env, t testing.TB, name, password string) (*usermgmt.LoginResult, error) {
	t.Helper()
	return e.Auth().Login(t.Context(), usermgmt.LoginRequest{Name: name, Password: password, Origin: here})
}

func TestLoginByUsernameOrEmail(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	e.AddUser("ann", nil)
	for _, name := range []string{"ann", "ANN", "ann@acme.test", "Ann@ACME.test"} {
		r, err := login(e, t, name, usermgmttest.Password)
		require.NoError(t, err, name)
		a, err := e.Auth().Session(t.Context(), r.Token.Reveal(), here)
		require.NoError(t, err)
		assert.Equal(t, r.Session.User, a.Subject())
		assert.Equal(t, e.Organization.ID, a.Org())
	}
	_, err := login(e, t, "ann", "wrong")
	require.ErrorIs(t, err, usermgmt.ErrCredentials)
}

func TestSessionEndsAtIdleAndAbsoluteLimit(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	r := e.Login("root")
	tok := r.Token.Reveal()
	verify := func() error { _, err := e.Auth().Session(t.Context(), tok, here); return err }
	e.Clock.Advance(time.Hour - time.Microsecond)
	require.NoError(t, verify())
	e.Clock.Advance(time.Hour - time.Microsecond)
	require.NoError(t, verify(), "use extends the idle limit")
	e.Clock.Advance(time.Hour)
	require.ErrorIs(t, verify(), usermgmt.ErrUnauthenticated)
}

func TestLockoutAndActivate(t *testing.T) {
	t.Parallel()
	p := usermgmt.PolicyOroCRM()
	e := usermgmttest.NewOn(t, teststores.New(t), &usermgmt.Config{Policy: &p})
	ann := e.AddUser("ann", nil)
	for range 10 {
		_, err := login(e, t, "ann", "wrong")
		require.ErrorIs(t, err, usermgmt.ErrCredentials)
	}
	_, err := login(e, t, "ann", usermgmttest.Password)
	require.ErrorIs(t, err, usermgmt.ErrCredentials, "locked")
	st, _, err := e.Users().Status(t.Context(), e.Root(), ann.ID)
	require.NoError(t, err)
	assert.Equal(t, usermgmt.StatusLocked, st)
	e.Clock.Advance(time.Minute)
	_, err = e.Deliver(t.Context(), 100)
	require.NoError(t, err)
	require.Len(t, e.Mail.Sent(), 1)
	assert.Equal(t, usermgmt.MailLocked, e.Mail.Sent()[0].Kind)
	require.NoError(t, e.Users().Activate(t.Context(), e.Root(), ann.ID))
	_, err = login(e, t, "ann", usermgmttest.Password)
	require.NoError(t, err)
}
