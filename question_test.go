package usermgmt_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

var pet = usermgmt.QuestionChoice{Question: "What was the name of your first pet?", Answer: "Müller's Tabby Cat"}

func questioned(t *testing.T) *usermgmttest.Env {
	t.Helper()
	p := usermgmt.PolicyNIST()
	p.SecurityQuestion = true
	return usermgmttest.NewOn(t, teststores.New(t), &usermgmt.Config{Policy: &p})
}

// nothing of it is reachable unless a policy asks for it.
func TestSecurityQuestionsAreOffByDefault(t *testing.T) {
	t.Parallel()
	nist, oro := usermgmt.PolicyNIST(), usermgmt.PolicyOroCRM()
	assert.False(t, nist.SecurityQuestion || oro.SecurityQuestion)
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	e.AddUser("ann", nil)
	r := e.Login("ann")
	assert.Zero(t, r.Pending)
	_, err := e.Questions().Answer(t.Context(), r.Actor, "anything")
	require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
}

func TestAQuestionIsChosenAtTheFirstLogin(t *testing.T) {
	t.Parallel()
	e := questioned(t)
	ctx := t.Context()
	ann := e.AddUser("ann", nil)
	r := e.Login("ann")
	assert.Equal(t, usermgmt.StepQuestion, r.Pending)
	text, err := e.Questions().Get(ctx, r.Actor)
	require.NoError(t, err)
	assert.Empty(t, text)
	_, err = e.Questions().Answer(ctx, r.Actor, "anything")
	require.ErrorIs(t, err, usermgmt.ErrCredentials, "there is nothing to answer")
	in, err := e.Questions().Choose(ctx, r.Actor, pet)
	require.NoError(t, err)
	assert.Zero(t, in.Pending)
	_, err = e.Users().Get(ctx, in.Actor, ann.ID)
	require.NoError(t, err)
	_, state, err := e.Users().Status(ctx, e.Root(), ann.ID)
	require.NoError(t, err)
	assert.Equal(t, int64(1), state.LoginCount)
	assert.Zero(t, state.Failures)
	assert.Zero(t, e.Login("ann").Pending, "it is not asked for at every login")
	stored, err := e.Store.QuestionOf(ctx, ann.ID)
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(stored.Hash, "$argon2id$"))
	assert.Contains(t, mailKinds(e, t), "security_question_chosen to ann@acme.test")

	e.Clock.Advance(16 * 60 * 1e9)
	a, err := e.Refresh(ctx, in.Actor)
	require.NoError(t, err)
	_, err = e.Questions().Choose(ctx, a, pet)
	require.ErrorIs(t, err, usermgmt.ErrStepUp)
}

func TestAnswersThatOthersKnowAreRefused(t *testing.T) {
	t.Parallel()
	e := questioned(t)
	e.AddUser("ann", func(n *usermgmt.NewUser) { n.FirstName, n.LastName, n.Company = "Anna", "Müller", "Acme Ltd" })
	r := e.Login("ann")
	for answer, rule := range map[string]string{
		"": "min_length", "ab": "min_length", "  a  b ": "", "aaaaaa": "trivial", "ANNA": "trivial", "müller": "trivial", "MU\u0308LLER": "trivial",
		"anna  müller": "trivial", "Müller Anna": "trivial", "ann": "trivial", "ann@acme.test": "trivial", "ann@ACME.test": "trivial", "acme ltd": "trivial",
		"first pet": "trivial", "Your First Pet": "trivial", usermgmttest.Password: "password", strings.Repeat("long ", 100): "max_length", "\xff\xfe\xfd": "characters",
	} {
		c := pet
		c.Answer = answer
		if rule == "" {
			continue
		}
		_, err := e.Questions().Choose(t.Context(), r.Actor, c)
		require.ErrorIs(t, err, usermgmt.ErrInvalid, "%q", answer)
		assert.Equal(t, rule, ruleIn(err), "%q", answer)
	}
	_, err := e.Questions().Choose(t.Context(), r.Actor, usermgmt.QuestionChoice{Question: "?", Answer: "x"})
	assert.Len(t, usermgmt.FieldErrors(err), 2, "all at once")
}

// suspended is a login of ann that waits for the answer.
func suspended(t *testing.T, e *usermgmttest.Env) (usermgmt.UserID, usermgmt.Actor) {
	t.Helper()
	ctx := t.Context()
	ann := e.AddUser("ann", nil)
	_, err := e.Questions().Choose(ctx, e.As(ann.ID), pet)
	require.NoError(t, err)
	r := e.Login("ann")
	ses := r.Session
	ses.ID, ses.TokenHash, ses.Pending = usermgmt.SessionID{7}, [32]byte{7}, usermgmt.StepQuestion|usermgmt.StepPassword
	require.NoError(t, e.Store.CreateSession(ctx, ses))
	return ann.ID, usermgmt.ActorOf(e.Manager, ses)
}

func TestTheAnswerIsTakenAsPeopleTypeIt(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{pet.Answer, " müller's  tabby CAT ", "MU\u0308LLER'S TABBY CAT", "Ｍüller's Tabby Cat"} {
		e := questioned(t)
		_, a := suspended(t, e)
		text, err := e.Questions().Get(t.Context(), a)
		require.NoError(t, err)
		assert.Equal(t, pet.Question, text)
		r, err := e.Questions().Answer(t.Context(), a, answer)
		require.NoError(t, err, answer)
		assert.Equal(t, usermgmt.StepPassword, r.Pending)
	}
}

func TestWrongAnswersCountLikeWrongPasswords(t *testing.T) {
	t.Parallel()
	e := questioned(t)
	ctx := t.Context()
	ann, a := suspended(t, e)
	_, err := e.Questions().Choose(ctx, a, usermgmt.QuestionChoice{Question: pet.Question, Answer: "an easier one"})
	require.ErrorIs(t, err, usermgmt.ErrConflict, "the same question is asked until it is answered")
	for i := range 10 {
		if i == 5 {
			assert.Zero(t, mustLogin(t, e).Pending)
		}
		before := usermgmt.HashesOf(e.Manager)
		_, err := e.Questions().Answer(ctx, a, "wrong")
		require.ErrorIs(t, err, usermgmt.ErrCredentials)
		assert.EqualValues(t, 1, usermgmt.HashesOf(e.Manager)-before)
	}
	for range 5 { // the login in between was complete, and cleared the count
		_, err := e.Questions().Answer(ctx, a, "wrong")
		require.ErrorIs(t, err, usermgmt.ErrCredentials)
	}
	status, _, err := e.Users().Status(ctx, e.Root(), ann)
	require.NoError(t, err)
	assert.Equal(t, usermgmt.StatusLocked, status)
	_, err = e.Questions().Answer(ctx, a, pet.Answer)
	require.ErrorIs(t, err, usermgmt.ErrCredentials, "a locked user's answer is not judged")
}

func mustLogin(t *testing.T, e *usermgmttest.Env) *usermgmt.LoginResult {
	t.Helper()
	return e.Login("ann")
}

func FuzzAnswers(f *testing.F) {
	f.Add("Müller's Tabby Cat", "What was it?")
	f.Add("\xff", "")
	f.Fuzz(func(t *testing.T, answer, question string) {
		once := usermgmt.CanonicalAnswer(answer)
		if len(answer) < 700 { // spaces around it are not part of it
			assert.Equal(t, once, usermgmt.CanonicalAnswer(" "+answer+"\t "), "%q", answer)
		}
		usermgmt.TrivialAnswer(question, string(once))
	})
}
