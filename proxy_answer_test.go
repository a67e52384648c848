package usermgmt_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
)

// asking is a company whose policy asks security questions, and lena's login, for
// which she has chosen hers.
func asking(t *testing.T) (*company, *usermgmt.LoginResult) {
	t.Helper()
	policy := usermgmt.PolicyNIST()
	policy.SecurityQuestion = true
	c := newCompany(t, &usermgmt.Config{Policy: &policy})
	own, err := c.Questions().Choose(t.Context(), c.Login("lena").Actor, pet)
	require.NoError(t, err)
	return c, own
}

func (c *company) failures(t *testing.T, user usermgmt.UserID) int {
	t.Helper()
	_, state, err := c.Users().Status(t.Context(), c.Root(), user)
	require.NoError(t, err)
	return state.Failures
}

func TestTheOperatorAnswersForATargetWhoNeverLoggedIn(t *testing.T) {
	t.Parallel()
	c, own := asking(t)
	ctx := t.Context()
	notice, err := c.Proxy().Prepare(ctx, own.Actor, c.nora.ID)
	require.NoError(t, err)
	assert.True(t, notice.AnswerRequired)
	assert.Equal(t, pet.Question, notice.Question, "the operator's own")

	req := usermgmt.ProxyRequest{Target: c.nora.ID, Acknowledged: true}
	_, err = c.Proxy().Login(ctx, own.Actor, req)
	invalidField(t, err, "answer", "required")
	req.Answer = "some other cat"
	_, err = c.Proxy().Login(ctx, own.Actor, req)
	require.ErrorIs(t, err, usermgmt.ErrCredentials)
	assert.Equal(t, 1, c.failures(t, c.lena.ID), "it counts like a wrong password of the operator's")
	assert.Zero(t, c.failures(t, c.nora.ID))
	_, err = c.verify(t, own)
	require.NoError(t, err, "the own session goes on")

	req.Answer = " müller's  TABBY cat "
	in, err := c.Proxy().Login(ctx, own.Actor, req)
	require.NoError(t, err)
	assert.Equal(t, c.nora.ID, in.Actor.Subject())
	assert.Equal(t, 1, c.failures(t, c.lena.ID), "a right answer resets nothing and uses nothing up")
	log, err := c.Audit().List(ctx, c.Root(), usermgmt.AuditQuery{Verb: "proxy.login", Operator: c.lena.ID, Outcome: usermgmt.OutcomeDone})
	require.NoError(t, err)
	require.Len(t, log, 1)
	assert.Equal(t, "security question", log[0].Detail.After["proved_by"])
}

func TestNoAnswerIsAskedForWhomHasLoggedIn(t *testing.T) {
	t.Parallel()
	c, own := asking(t)
	ctx := t.Context()
	_, err := c.Questions().Choose(ctx, c.Login("nora").Actor, pet)
	require.NoError(t, err)
	notice, err := c.Proxy().Prepare(ctx, own.Actor, c.nora.ID)
	require.NoError(t, err)
	assert.False(t, notice.AnswerRequired)
	assert.Empty(t, notice.Question)
	_, err = c.Proxy().Login(ctx, own.Actor, usermgmt.ProxyRequest{Target: c.nora.ID, Acknowledged: true, Answer: "wrong"})
	require.NoError(t, err, "an answer that nobody asked for is not looked at")
	assert.Zero(t, c.failures(t, c.lena.ID))
}

func TestAnOperatorWithoutAQuestionChoosesOneFirst(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	own := c.Login("lena")
	policy := new(usermgmt.PolicyNIST())
	policy.SecurityQuestion = true
	_, err := c.Orgs().Update(t.Context(), c.Root(), c.Organization.ID, c.orgVersion(t), usermgmt.OrganizationUpdate{Policy: &policy})
	require.NoError(t, err)
	notice, err := c.Proxy().Prepare(t.Context(), own.Actor, c.nora.ID)
	require.NoError(t, err)
	assert.True(t, notice.AnswerRequired)
	assert.Empty(t, notice.Question)
	for _, answer := range []string{"", "anything"} {
		_, err = c.Proxy().Login(t.Context(), own.Actor, usermgmt.ProxyRequest{Target: c.nora.ID, Acknowledged: true, Answer: answer})
		require.ErrorIs(t, err, usermgmt.ErrConflict)
		assert.ErrorContains(t, err, "no_question")
	}
	assert.Zero(t, c.failures(t, c.lena.ID))
}

// An answer is judged only for a target as whom the operator might log in.
func TestAnAnswerTellsNothingOfTargetsOutOfReach(t *testing.T) {
	t.Parallel()
	c, own := asking(t)
	for _, answer := range []string{"wrong", pet.Answer, ""} {
		_, err := c.Proxy().Login(t.Context(), own.Actor, usermgmt.ProxyRequest{Target: c.ivan.ID, Acknowledged: true, Answer: answer})
		permissionRule(t, err, "")
		_, err = c.Proxy().Login(t.Context(), own.Actor, usermgmt.ProxyRequest{Target: usermgmt.UserID{1}, Acknowledged: true, Answer: answer})
		require.ErrorIs(t, err, usermgmt.ErrNotFound)
	}
	assert.Zero(t, c.failures(t, c.lena.ID))
}

func TestParallelAnswersExceedNoLimit(t *testing.T) {
	t.Parallel()
	c, own := asking(t)
	req := usermgmt.ProxyRequest{Target: c.nora.ID, Acknowledged: true, Answer: "some other cat"}
	results := make(chan error, 64)
	for range 64 {
		go func() {
			_, err := c.Proxy().Login(t.Context(), own.Actor, req)
			results <- err
		}()
	}
	for range 64 {
		require.ErrorIs(t, <-results, usermgmt.ErrCredentials)
	}
	assert.Equal(t, 10, c.failures(t, c.lena.ID))
	req.Answer = pet.Answer
	_, err := c.Proxy().Login(t.Context(), own.Actor, req)
	require.ErrorIs(t, err, usermgmt.ErrCredentials, "the operator is locked; no answer is judged")
}
