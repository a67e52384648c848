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

// Over all methods of all services: the session of a temporary password changes it
// or logs out.
func TestASessionOfATemporaryPasswordDoesNothingElse(t *testing.T) {
	t.Parallel()
	p := newPlan(t)
	acc, err := p.Store.AccountByLogin(t.Context(), "second-admin") // who may do a lot
	require.NoError(t, err)
	acc.Credential.Status, acc.Credential.TemporaryUntil = usermgmt.StatusPasswordReset, p.Clock.Now().Add(time.Hour)
	require.NoError(t, p.Store.SaveCredential(t.Context(), acc.Credential))
	r := p.Login("second-admin")
	require.Equal(t, usermgmt.StepPassword, r.Pending)
	const kind = "second-admin"
	p.actors[kind], p.tokens[kind] = r.Actor, r.Token.Reveal()
	tried := 0
	for _, row := range matrixRows() {
		if row.method == "Auth.Logout" || row.fresh || row.method == "Manager.Refresh" || row.method == "Manager.ActorFor" {
			continue // may log out; the fresh ones prove a secret first; the last two give an actor who is as bound
		}
		targets := row.targets
		if len(targets) == 0 {
			targets = []string{""}
		}
		for _, target := range targets {
			note, err := row.run(t, p, kind, target)
			tried++
			if err == nil { // says no
				assert.Contains(t, []string{"false", "none", "0", "nothing", "self"}, note, "%s %s", row.method, target)
				continue
			}
			if row.method != "Access.Check" {
				assert.ErrorIs(t, err, usermgmt.ErrUnauthenticated, "%s %s", row.method, target)
			}
		}
	}
	require.Greater(t, tried, 300)
	fresh, err := p.Refresh(t.Context(), r.Actor)
	require.NoError(t, err)
	assert.Equal(t, usermgmt.StepPassword, fresh.Pending())
	require.NoError(t, p.Auth().Logout(t.Context(), r.Actor))
}

func TestADemandedResetIsEvadedByNoOtherDoor(t *testing.T) {
	t.Parallel()
	for _, temporary := range []bool{false, true} {
		e := usermgmttest.NewOn(t, teststores.New(t), policyWith(func(p *usermgmt.Policy) { p.TemporaryPassword = temporary }))
		ctx := t.Context()
		ann := e.AddUser("ann", nil)
		key, err := e.APIKeys().Generate(ctx, e.As(ann.ID), usermgmt.KeyRequest{User: ann.ID})
		require.NoError(t, err)
		other := e.Login("ann")
		require.NoError(t, e.Passwords().Reset(ctx, e.Root(), ann.ID))
		closed := func(what string) {
			t.Helper()
			_, err = e.Auth().Session(ctx, other.Token.Reveal(), here)
			require.ErrorIs(t, err, usermgmt.ErrUnauthenticated, what+": a second session")
			_, err = e.Auth().APIKey(ctx, key.Text.Reveal(), here)
			require.ErrorIs(t, err, usermgmt.ErrUnauthenticated, what+": a key")
			a, err := e.ActorFor(ctx, usermgmt.ActorRequest{User: ann.ID})
			if err == nil {
				assert.Equal(t, usermgmt.StepPassword, a.Pending(), what+": the host")
			} else {
				require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
			}
		}
		closed("before the mail")
		if !temporary {
			continue
		}
		text := secretOf(t, e, usermgmt.MailTemporary)
		closed("after it")
		_, err = login(e, t, "ann", text)
		require.NoError(t, err)
		closed("after the login")
		require.NoError(t, e.Passwords().Reset(ctx, e.Root(), ann.ID), "and is demanded again")
		again := secretOf(t, e, usermgmt.MailTemporary)
		_, err = login(e, t, "ann", text)
		require.Error(t, err, "the first one is dead")
		_, err = login(e, t, "ann", again)
		require.NoError(t, err)
	}
}

// Nothing revives when the clock jumps back, and nothing that was mailed while it
// was ahead keeps anybody out.
func TestClockJumpsNeitherReviveNorLock(t *testing.T) {
	t.Parallel()
	for _, jump := range []time.Duration{time.Hour, 10 * 365 * 24 * time.Hour} {
		e := usermgmttest.NewOn(t, teststores.New(t), policyWith(func(p *usermgmt.Policy) { p.ResetLifetime = 30 * time.Minute }))
		ctx := t.Context()
		ann := e.AddUser("ann", nil)
		require.NoError(t, e.Passwords().Reset(ctx, e.Root(), ann.ID))
		used := secretOf(t, e, usermgmt.MailReset)
		require.NoError(t, redeem(e, t, used, freshPassword))
		for _, d := range []time.Duration{jump, -2 * jump, jump} {
			e.Clock.Advance(d)
			isBadLink(t, redeem(e, t, used, freshPassword+"2"), "used is used, whatever the time")
			require.NoError(t, e.Passwords().Reset(ctx, e.Root(), ann.ID), "resets go on")
			require.NoError(t, redeem(e, t, secretOf(t, e, usermgmt.MailReset), freshPassword))
			e.Clock.Advance(time.Hour)
			_, err := login(e, t, "ann", freshPassword)
			require.NoError(t, err, "and so do logins")
		}
	}
}
