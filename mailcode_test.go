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

func mailing(t *testing.T) (*usermgmttest.Env, *usermgmt.User) {
	t.Helper()
	p := usermgmt.PolicyNIST()
	p.SecondFactor = usermgmt.FactorMail
	e := usermgmttest.NewOn(t, teststores.New(t), &usermgmt.Config{Policy: &p})
	return e, e.AddUser("ann", nil)
}

// code is the last code that was mailed.
func mailedCode(t *testing.T, e *usermgmttest.Env) string {
	t.Helper()
	mailKinds(e, t)
	sent := e.Mail.Sent()
	for i := len(sent) - 1; i >= 0; i-- {
		if sent[i].Kind == usermgmt.MailCode {
			require.Len(t, sent[i].Secret.Reveal(), 6)
			return sent[i].Secret.Reveal()
		}
	}
	t.Fatal("no code was mailed")
	return ""
}

func TestACodeByMailCompletesItsLoginAlone(t *testing.T) {
	t.Parallel()
	e, ann := mailing(t)
	ctx := t.Context()
	r := e.Login("ann")
	assert.Equal(t, usermgmt.StepFactor, r.Pending)
	_, err := e.Factors().Prove(ctx, r.Actor, "000000")
	require.ErrorIs(t, err, usermgmt.ErrCredentials, "nothing was delivered yet")
	code := mailedCode(t, e)
	_, err = e.Factors().Prove(ctx, r.Actor, code+"0")
	require.ErrorIs(t, err, usermgmt.ErrCredentials)

	bob := e.AddUser("bob", nil)
	theirs := e.Login("bob")
	_, err = e.Factors().Prove(ctx, theirs.Actor, code)
	require.ErrorIs(t, err, usermgmt.ErrCredentials, "somebody else's login (or one in a million)")
	_ = bob

	in, err := e.Factors().Prove(ctx, r.Actor, " "+code[:3]+" "+code[3:])
	require.NoError(t, err)
	assert.Zero(t, in.Pending)
	_, err = e.Users().Get(ctx, in.Actor, ann.ID)
	require.NoError(t, err)
	acc, err := e.Store.AccountByID(ctx, ann.ID)
	require.NoError(t, err)
	assert.Zero(t, acc.Login.Failures)
	assert.Equal(t, int64(1), acc.Login.LoginCount)

	second := e.Login("ann")
	_, err = e.Factors().Prove(ctx, second.Actor, code)
	require.ErrorIs(t, err, usermgmt.ErrCredentials, "a code is good once, and for its login")
	code = mailedCode(t, e)
	third := e.Login("ann") // takes the place of the second's
	_, err = e.Factors().Prove(ctx, second.Actor, code)
	require.ErrorIs(t, err, usermgmt.ErrCredentials)
	_, err = e.Factors().Prove(ctx, third.Actor, code)
	require.ErrorIs(t, err, usermgmt.ErrCredentials, "of another session")
	code = mailedCode(t, e)
	e.Clock.Advance(10 * time.Minute)
	late, err := e.Refresh(ctx, third.Actor)
	require.NoError(t, err)
	_, err = e.Factors().Prove(ctx, late, code)
	require.ErrorIs(t, err, usermgmt.ErrCredentials, "at its end it is dead")
}

func TestAnotherCodeIsMailedOnceAMinute(t *testing.T) {
	t.Parallel()
	e, _ := mailing(t)
	ctx := t.Context()
	r := e.Login("ann")
	first := mailedCode(t, e)
	require.ErrorIs(t, e.Factors().SendCode(ctx, r.Actor), usermgmt.ErrLimit)
	e.Clock.Advance(time.Minute)
	a, err := e.Refresh(ctx, r.Actor)
	require.NoError(t, err)
	require.NoError(t, e.Factors().SendCode(ctx, a))
	second := mailedCode(t, e)
	if first != second {
		_, err = e.Factors().Prove(ctx, a, first)
		require.ErrorIs(t, err, usermgmt.ErrCredentials, "the one before is void")
	}
	in, err := e.Factors().Prove(ctx, a, second)
	require.NoError(t, err)
	require.ErrorIs(t, e.Factors().SendCode(ctx, in.Actor), usermgmt.ErrUnauthenticated)
}

// Who has an authenticator is asked for that one, and mailed nothing.
func TestAnAuthenticatorGoesBeforeMail(t *testing.T) {
	t.Parallel()
	e, ann := mailing(t)
	ph, _ := withFactor(t, e, ann.ID)
	r := e.Login("ann")
	require.ErrorIs(t, e.Factors().SendCode(t.Context(), r.Actor), usermgmt.ErrUnauthenticated)
	for _, kind := range mailKinds(e, t) {
		assert.NotContains(t, kind, "login_code")
	}
	_, err := e.Factors().Prove(t.Context(), r.Actor, ph.next())
	require.NoError(t, err)
}

func TestGuessesAtAMailedCodeAreCounted(t *testing.T) {
	t.Parallel()
	e, ann := mailing(t)
	r := e.Login("ann")
	code := mailedCode(t, e)
	wrong := "000000"
	if code == wrong {
		wrong = "111111"
	}
	for range 10 {
		before := usermgmt.HashesOf(e.Manager)
		_, err := e.Factors().Prove(t.Context(), r.Actor, wrong)
		require.ErrorIs(t, err, usermgmt.ErrCredentials)
		assert.EqualValues(t, 1, usermgmt.HashesOf(e.Manager)-before)
	}
	_, err := e.Factors().Prove(t.Context(), r.Actor, code)
	require.ErrorIs(t, err, usermgmt.ErrCredentials, "locked")
	status, _, err := e.Users().Status(t.Context(), e.Root(), ann.ID)
	require.NoError(t, err)
	assert.Equal(t, usermgmt.StatusLocked, status)
	for _, bad := range []func(*usermgmt.Policy){
		func(p *usermgmt.Policy) { p.UsernameOnly = true },
		func(p *usermgmt.Policy) { p.MailCodeLifetime = 0 },
		func(p *usermgmt.Policy) { p.MailCodeLifetime = 2 * time.Hour },
	} {
		p := usermgmt.PolicyNIST()
		p.SecondFactor = usermgmt.FactorMail
		bad(&p)
		_, err := usermgmt.New(e.Store, &usermgmt.Config{Policy: &p})
		require.ErrorIs(t, err, usermgmt.ErrInvalid)
	}
}
