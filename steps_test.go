package usermgmt_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

// agile is an installation with AgileApps' policy and one user, ann, who has
// chosen a question.
func agile(t *testing.T) (*usermgmttest.Env, *usermgmt.User) {
	t.Helper()
	p := usermgmt.PolicyAgileApps()
	e := usermgmttest.NewOn(t, teststores.New(t), &usermgmt.Config{Policy: &p})
	ann := e.AddUser("ann", nil)
	r := e.Login("ann")
	require.Equal(t, usermgmt.StepQuestion, r.Pending)
	_, err := e.Questions().Choose(t.Context(), r.Actor, pet)
	require.NoError(t, err)
	return e, ann
}

// temporary resets ann's password and returns what she is mailed.
func temporary(t *testing.T, e *usermgmttest.Env, ann usermgmt.UserID) string {
	t.Helper()
	require.NoError(t, e.Passwords().Reset(t.Context(), e.Root(), ann))
	mailKinds(e, t)
	sent := e.Mail.Sent()
	for i := len(sent) - 1; i >= 0; i-- {
		if sent[i].Kind == usermgmt.MailTemporary {
			return sent[i].Secret.Reveal()
		}
	}
	t.Fatal("no temporary password was mailed")
	return ""
}

// As AgileApps has it: the temporary password, the answer, a new password.
func TestATemporaryPasswordAsksForTheAnswerAndANewPassword(t *testing.T) {
	t.Parallel()
	e, ann := agile(t)
	ctx := t.Context()
	temp := temporary(t, e, ann.ID)
	r, err := login(e, t, "ann", temp)
	require.NoError(t, err)
	assert.Equal(t, usermgmt.StepQuestion|usermgmt.StepPassword, r.Pending)
	_, err = e.Passwords().Change(ctx, r.Actor, usermgmt.PasswordChange{Current: temp, New: otherPassword})
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated, "one after the other")
	assert.Equal(t, "pending_question", ruleIn(err))
	_, err = e.Questions().Choose(ctx, r.Actor, usermgmt.QuestionChoice{Question: "Which colour?", Answer: "mauve"})
	require.ErrorIs(t, err, usermgmt.ErrConflict)
	_, err = e.Questions().Answer(ctx, r.Actor, "wrong")
	require.ErrorIs(t, err, usermgmt.ErrCredentials)
	_, state, err := e.Users().Status(ctx, e.Root(), ann.ID)
	require.NoError(t, err)
	assert.Equal(t, 1, state.Failures)
	count := state.LoginCount
	answered, err := e.Questions().Answer(ctx, r.Actor, pet.Answer)
	require.NoError(t, err)
	assert.Equal(t, usermgmt.StepPassword, answered.Pending)
	_, state, err = e.Users().Status(ctx, e.Root(), ann.ID)
	require.NoError(t, err)
	assert.Equal(t, count+1, state.LoginCount, "the login counts when the last secret is proved")
	_, err = e.Auth().Session(ctx, r.Token.Reveal(), here)
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
	in, err := e.Passwords().Change(ctx, answered.Actor, usermgmt.PasswordChange{Current: temp, New: otherPassword})
	require.NoError(t, err)
	assert.Zero(t, in.Pending)
	_, err = e.Users().Get(ctx, in.Actor, ann.ID)
	require.NoError(t, err)
	assert.Zero(t, mustLoginWith(t, e, otherPassword).Pending)
}

func mustLoginWith(t *testing.T, e *usermgmttest.Env, password string) *usermgmt.LoginResult {
	t.Helper()
	r, err := login(e, t, "ann", password)
	require.NoError(t, err)
	return r
}

// A lost telephone and a temporary password: every step, in the documented order.
func TestTheStepsComeInTheirOrder(t *testing.T) {
	t.Parallel()
	p := usermgmt.PolicyAgileApps()
	e := usermgmttest.NewOn(t, teststores.New(t), &usermgmt.Config{Policy: &p})
	ctx := t.Context()
	ann := e.AddUser("ann", nil)
	_, err := e.Questions().Choose(ctx, e.As(ann.ID), pet)
	require.NoError(t, err)
	ph, _ := withFactor(t, e, ann.ID)
	temp := temporary(t, e, ann.ID)
	r := mustLoginWith(t, e, temp)
	assert.Equal(t, "factor|question|password", r.Pending.String())
	_, err = e.Questions().Answer(ctx, r.Actor, pet.Answer)
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
	r, err = e.Factors().Prove(ctx, r.Actor, ph.next())
	require.NoError(t, err)
	assert.Equal(t, "question|password", r.Pending.String())
	r, err = e.Questions().Answer(ctx, r.Actor, pet.Answer)
	require.NoError(t, err)
	assert.Equal(t, "password", r.Pending.String())
	r, err = e.Passwords().Change(ctx, r.Actor, usermgmt.PasswordChange{Current: temp, New: otherPassword})
	require.NoError(t, err)
	assert.Equal(t, "none", r.Pending.String())
}

// A step that is done by two at once is done by one.
func TestAStepIsDoneOnce(t *testing.T) {
	t.Parallel()
	e, ann := agile(t)
	temp := temporary(t, e, ann.ID)
	r := mustLoginWith(t, e, temp)
	won := 0
	for _, err := range storm(4, func(int) error {
		_, err := e.Questions().Answer(t.Context(), r.Actor, pet.Answer)
		return err
	}) {
		if err == nil {
			won++
		} else {
			require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
		}
	}
	assert.Equal(t, 1, won)
	live, err := e.Store.ListSessions(t.Context(), ann.ID, 99)
	require.NoError(t, err)
	pending := 0
	for _, s := range live {
		if s.Pending != 0 {
			pending++
		}
	}
	assert.Equal(t, 1, pending)
}

// The former password counts as one, though a temporary one took its place.
func TestAResetDoesNotHideThePasswordBefore(t *testing.T) {
	t.Parallel()
	p := usermgmt.PolicyAgileApps()
	p.History, p.SecurityQuestion = 3, false
	e := usermgmttest.NewOn(t, teststores.New(t), &usermgmt.Config{Policy: &p})
	ann := e.AddUser("ann", nil)
	temp := temporary(t, e, ann.ID)
	r := mustLoginWith(t, e, temp)
	for _, used := range []string{usermgmttest.Password, temp} {
		_, err := e.Passwords().Change(t.Context(), r.Actor, usermgmt.PasswordChange{Current: temp, New: used})
		require.ErrorIs(t, err, usermgmt.ErrInvalid)
	}
	_, err := e.Passwords().Change(t.Context(), r.Actor, usermgmt.PasswordChange{Current: temp, New: otherPassword})
	require.NoError(t, err)
}
