package usermgmt_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
)

// Seeds, recovery codes, answers and rotated keys are in nothing that a host may
// write down: results, errors, entries, mails, the log, the manager.
func TestSecretsBesidesThePasswordStayInside(t *testing.T) {
	t.Parallel()
	n := newNest(t)
	ctx := t.Context()
	ann := n.AddUser("ann", nil)
	key := n.secret("encryption key", "an Encryption key, 32 bytes long")
	keyed := *n.Env
	keyed.Manager = keyed.NewManager(&usermgmt.Config{EncryptionKeys: [][]byte{[]byte(key)}})
	n.out("manager", keyed.Manager)

	e, err := keyed.Factors().Enroll(ctx, keyed.As(ann.ID))
	require.NoError(t, err)
	n.secret("seed", e.Seed.Reveal())
	n.secret("URI", e.URI.Reveal())
	n.out("Factors.Enroll", e, *e)
	ph := scan(t, &keyed, e)
	n.secret("seed as bytes", string(ph.seed))
	_, err = keyed.Factors().Confirm(ctx, keyed.As(ann.ID), n.secret("as a code", "Not-A-Code-77-Xyzzy"))
	n.out("Factors.Confirm", err)
	done, err := keyed.Factors().Confirm(ctx, keyed.As(ann.ID), ph.code())
	require.NoError(t, err)
	for _, c := range done.RecoveryCodes {
		n.secret("recovery code", c.Reveal())
	}
	n.out("Factors.Confirm", done, *done)
	r := n.Login("ann")
	n.result("Auth.Login", r, nil)
	_, err = keyed.Factors().Prove(ctx, r.Actor, n.secret("as a factor", "0123456789abcdefghjkmnpq"))
	n.out("Factors.Prove", err)
	in, err := keyed.Factors().Prove(ctx, r.Actor, done.RecoveryCodes[0].Reveal())
	require.NoError(t, err)
	n.result("Factors.Prove", in, nil)
	up, err := keyed.Auth().StepUp(ctx, in.Actor, usermgmt.StepUpRequest{Code: n.secret("as a step", "abcdefghjkmnpq0123456789"), Password: n.password("beside a code")})
	n.result("Auth.StepUp", up, err)
	renewed, err := keyed.Factors().RenewCodes(ctx, in.Actor)
	require.NoError(t, err)
	n.secret("renewed code", renewed[0].Reveal())
	n.out("Factors.RenewCodes", renewed, renewed[0])
	info, err := keyed.Factors().Get(ctx, in.Actor, ann.ID)
	n.out("Factors.Get", info, err)

	_, err = keyed.Questions().Choose(ctx, in.Actor, usermgmt.QuestionChoice{Question: "?", Answer: n.secret("answer to nothing", "The Tabby Of 77 Xyzzy")})
	n.out("Questions.Choose", err)
	_, err = keyed.Questions().Choose(ctx, in.Actor, usermgmt.QuestionChoice{Question: "The first pet?", Answer: n.secret("answer", "The Tortoise 77 Xyzzy")})
	require.NoError(t, err)
	_, err = keyed.Questions().Answer(ctx, in.Actor, n.secret("wrong answer", "The Goldfish 77 Xyzzy"))
	n.out("Questions.Answer", err)

	first, err := keyed.APIKeys().Generate(ctx, in.Actor, usermgmt.KeyRequest{User: ann.ID})
	require.NoError(t, err)
	n.secret("key", first.Text.Reveal())
	second, err := keyed.APIKeys().Rotate(ctx, in.Actor, usermgmt.KeyRotation{User: ann.ID, Grace: time.Hour})
	require.NoError(t, err)
	n.secret("rotated key", second.Text.Reveal())
	n.out("APIKeys.Rotate", second, *second, second.Key)
	got, err := keyed.APIKeys().Get(ctx, in.Actor, ann.ID, usermgmt.OrgID{})
	n.out("APIKeys.Get", got, *got, err)
	n.out("APIKeys.ReportLeak", keyed.APIKeys().ReportLeak(ctx, first.Text.Reveal(), "a repository", here))
	require.NoError(t, keyed.Factors().Reset(ctx, keyed.Root(), ann.ID, "lost"))

	stored, err := n.Store.QuestionOf(ctx, ann.ID)
	require.NoError(t, err)
	n.secret("hash of the answer", stored.Hash)
	entries, err := n.Store.ListAudit(ctx, usermgmt.AuditQuery{Limit: 1000})
	require.NoError(t, err)
	n.out("the log", entries)
	mailKinds(n.Env, t)
	n.out("mail", n.Mail.Sent())
	assert.Empty(t, n.found())
	n.out("control", usermgmt.StepUpRequest{Code: e.Seed.Reveal()})
	assert.NotEmpty(t, n.found(), "the search works here too")
}
