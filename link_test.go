package usermgmt_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/store/memory"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

func TestLifetimesThatAreNoneOrHugeAreRefused(t *testing.T) {
	t.Parallel()
	for field, at := range map[string]func(*usermgmt.Policy) *time.Duration{
		"policy.reset_lifetime":      func(p *usermgmt.Policy) *time.Duration { return &p.ResetLifetime },
		"policy.reset_interval":      func(p *usermgmt.Policy) *time.Duration { return &p.ResetInterval },
		"policy.invitation_lifetime": func(p *usermgmt.Policy) *time.Duration { return &p.InvitationLifetime },
	} {
		for _, bad := range []time.Duration{0, -time.Hour, time.Second, 91 * 24 * time.Hour, 1<<63 - 1} {
			_, err := usermgmt.New(memory.New(), policyWith(func(p *usermgmt.Policy) { *at(p) = bad }))
			assert.Equal(t, []string{field + " range"}, broken(err), bad)
		}
	}
	for _, preset := range []usermgmt.Policy{usermgmt.PolicyNIST(), usermgmt.PolicyOroCRM(), usermgmt.PolicyAgileApps()} {
		_, err := usermgmt.New(memory.New(), &usermgmt.Config{Policy: &preset})
		require.NoError(t, err)
		assert.Equal(t, 24*time.Hour, preset.ResetLifetime)
	}
	oro, agile := usermgmt.PolicyOroCRM(), usermgmt.PolicyAgileApps()
	assert.Equal(t, 24*time.Hour, oro.ResetInterval, "one mail a day, as OroCRM has it")
	assert.True(t, agile.TemporaryPassword)
}

// A hook is asked about what a link does, by an actor who holds no rights, and if
// it forbids it the link stays good.
func TestAHookIsAskedAboutWhatALinkDoes(t *testing.T) {
	t.Parallel()
	forbid := true
	asked := 0
	e := usermgmttest.NewOn(t, teststores.New(t), &usermgmt.Config{Hooks: []usermgmt.Hook{{Name: "not_now", Verbs: []string{"password.redeem", "user.email"},
		Before: func(_ context.Context, c usermgmt.Change) error {
			asked++
			if c.Actor.Can(usermgmt.PermUserView, usermgmt.Record{}) || c.Actor.Has(usermgmt.PermUserView) || c.Actor.Scope(usermgmt.PermUserView) != 0 {
				t.Error("a link holds no rights")
			}
			assert.Equal(t, usermgmt.DoorLink, c.Entries[0].Door)
			if forbid {
				return errors.New("no")
			}
			return nil
		}}}})
	ctx := t.Context()
	ann := e.AddUser("ann", nil)
	require.NoError(t, e.Passwords().Reset(ctx, e.Root(), ann.ID))
	token := secretOf(t, e, usermgmt.MailReset)
	require.ErrorIs(t, redeem(e, t, token, freshPassword), usermgmt.ErrVetoed)
	_, err := login(e, t, "ann", freshPassword)
	require.Error(t, err)
	forbid = false
	require.NoError(t, redeem(e, t, token, freshPassword))
	require.NoError(t, e.Users().ChangeEmail(ctx, e.As(ann.ID), usermgmt.EmailChange{Email: "new@acme.test", Password: freshPassword}))
	require.NoError(t, e.Users().ConfirmEmail(ctx, secretOf(t, e, usermgmt.MailEmail), here))
	assert.Equal(t, 3, asked)
}

// Custom fields that are required are asked of whoever registers.
func TestWhoRegistersFillsInTheCustomFields(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ctx := t.Context()
	_, err := e.Fields().Create(ctx, e.Root(), usermgmt.OrgID{}, usermgmt.CustomField{Name: "badge", Type: usermgmt.FieldText, Required: true})
	require.NoError(t, err)
	_, err = e.Invitations().Send(ctx, e.Root(), invitationTo(e, "new@people.test"))
	require.NoError(t, err)
	token := secretOf(t, e, usermgmt.MailJoin)
	_, err = e.Invitations().Register(ctx, registration(token, "new"))
	assert.Equal(t, []string{"custom.badge required"}, broken(err))
	r := registration(token, "new")
	r.Custom = map[string]string{"badge": "007"}
	u, err := e.Invitations().Register(ctx, r)
	require.NoError(t, err)
	mem, err := e.Members().Get(ctx, e.Root(), u.ID, usermgmt.OrgID{})
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"badge": "007"}, mem.Custom)

	ann := abroad(t, e, "ann")
	_, err = e.Invitations().Send(ctx, e.Root(), invitationTo(e, "ann@acme.test"))
	require.NoError(t, err)
	token = secretOf(t, e, usermgmt.MailJoin)
	_, err = e.Invitations().Accept(ctx, e.As(ann.ID), usermgmt.Acceptance{Token: token})
	assert.Equal(t, []string{"custom.badge required"}, broken(err))
	mem, err = e.Invitations().Accept(ctx, e.As(ann.ID), usermgmt.Acceptance{Token: token, Custom: r.Custom})
	require.NoError(t, err)
	assert.Equal(t, r.Custom, mem.Custom)
}

// Inside a host's transaction a link is used if and only if that commits.
func TestALinkIsUsedWithTheHostsTransaction(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	ctx := t.Context()
	ann := e.AddUser("ann", nil)
	require.NoError(t, e.Passwords().Reset(ctx, e.Root(), ann.ID))
	r := usermgmt.Redemption{Token: secretOf(t, e, usermgmt.MailReset), New: freshPassword, Origin: here}
	rollback := errors.New("the host changed its mind")
	err := e.Store.Tx(ctx, func(ctx context.Context, tx usermgmt.Store) error {
		if err := e.WithStore(tx).Passwords().Redeem(ctx, r); err != nil {
			return err
		}
		return rollback
	})
	require.ErrorIs(t, err, rollback)
	require.NoError(t, e.Passwords().Redeem(ctx, r))
	isBadLink(t, e.Passwords().Redeem(ctx, r), "once")
}
