package usermgmt_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
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

// A consent that ends while support logs in is there or not: no session outlives
// it.
func TestARevokedConsentLeavesNoSession(t *testing.T) {
	t.Parallel()
	x := newTenancy(t, nil)
	x.consent(t, usermgmt.SupportConsent{})
	logins := make([]*usermgmt.LoginResult, 31)
	for i := range logins {
		logins[i] = x.Login("agent")
	}
	boss := x.As(x.boss.ID)
	in := make(chan *usermgmt.LoginResult, len(logins))
	for _, own := range logins {
		go func() {
			r, err := x.Proxy().Support(t.Context(), own.Actor, x.request())
			if err != nil {
				assert.ErrorIs(t, err, usermgmt.ErrPermission)
			}
			in <- r
		}()
	}
	_, err := x.Orgs().RevokeSupport(t.Context(), boss, x.tenant.Organization.ID)
	require.NoError(t, err)
	for range logins {
		if r := <-in; r != nil {
			_, err := x.verify(t, r)
			require.ErrorIs(t, err, usermgmt.ErrUnauthenticated)
		}
	}
}
