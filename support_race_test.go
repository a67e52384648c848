package usermgmt_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

func TestOfManySupportLoginsFromOneSessionOneSucceeds(t *testing.T) {
	t.Parallel()
	x := newTenancy(t, nil)
	x.consent(t, usermgmt.SupportConsent{})
	own := x.Login("agent")
	results := make(chan error, 64)
	for range 64 {
		go func() {
			_, err := x.Proxy().Support(t.Context(), own.Actor, x.request())
			results <- err
		}()
	}
	won := 0
	for range 64 {
		if err := <-results; err == nil {
			won++
		} else {
			assert.True(t, errors.Is(err, usermgmt.ErrUnauthenticated) || errors.Is(err, usermgmt.ErrStale), "%v", err)
		}
	}
	assert.Equal(t, 1, won)
	assert.Len(t, x.visits(t, x.joe.ID), 1)
}

// endsMeanwhile has everybody log in as somebody else while end takes away what
// allows it: one who loses is refused, and no session outlives it.
func endsMeanwhile(t *testing.T, e *usermgmttest.Env, operator string, login func(own usermgmt.Actor) (*usermgmt.LoginResult, error), end func() error) {
	t.Helper()
	logins := make([]*usermgmt.LoginResult, 31)
	for i := range logins {
		logins[i] = e.Login(operator)
	}
	in := make(chan *usermgmt.LoginResult, len(logins))
	for _, own := range logins {
		go func() {
			r, err := login(own.Actor)
			if err != nil {
				assert.ErrorIs(t, err, usermgmt.ErrPermission)
			}
			in <- r
		}()
	}
	require.NoError(t, end())
	for range logins {
		if r := <-in; r != nil {
			_, err := e.Auth().Session(t.Context(), r.Token.Reveal(), here)
			require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
		}
	}
}

func TestARevokedConsentLeavesNoSession(t *testing.T) {
	t.Parallel()
	x := newTenancy(t, nil)
	x.consent(t, usermgmt.SupportConsent{})
	boss := x.As(x.boss.ID)
	endsMeanwhile(t, x.Env, "agent", func(own usermgmt.Actor) (*usermgmt.LoginResult, error) {
		return x.Proxy().Support(t.Context(), own, x.request())
	}, func() error {
		_, err := x.Orgs().RevokeSupport(t.Context(), boss, x.tenant.Organization.ID)
		return err
	})
}

func TestAWithdrawnDeputyLeavesNoSession(t *testing.T) {
	t.Parallel()
	c := deputising(t, nil)
	c.names(t, nil)
	nora := c.As(c.nora.ID)
	endsMeanwhile(t, c.Env, "ivan", func(own usermgmt.Actor) (*usermgmt.LoginResult, error) {
		return c.Proxy().Login(t.Context(), own, usermgmt.ProxyRequest{Target: c.nora.ID, Acknowledged: true})
	}, func() error { return c.Proxy().WithdrawDeputy(t.Context(), nora, c.nora.ID, c.ivan.ID) })
}
