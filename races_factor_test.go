package usermgmt_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
)

func (s committedStore) UseFactorStep(ctx context.Context, user usermgmt.UserID, step int64) (bool, error) {
	if !s.plant.split {
		return s.Store.UseFactorStep(ctx, user, step)
	}
	f, err := s.FactorOf(ctx, user)
	if err != nil || f.LastStep >= step {
		return false, err
	}
	gap()
	_, err = s.Store.UseFactorStep(ctx, user, step)
	return err == nil, err
}

func (s committedStore) UseRecoveryCode(ctx context.Context, user usermgmt.UserID, hash [32]byte) (bool, error) {
	if !s.plant.split {
		return s.Store.UseRecoveryCode(ctx, user, hash)
	}
	n, err := s.CountRecoveryCodes(ctx, user)
	if err != nil || n < 10 {
		return false, err
	}
	gap()
	_, err = s.Store.UseRecoveryCode(ctx, user, hash)
	return err == nil, err
}

func (s committedStore) APIKeyOf(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID) (usermgmt.APIKey, error) {
	k, err := s.Store.APIKeyOf(ctx, user, org)
	if s.plant.noLock {
		gap()
	}
	return k, err
}

func (s committedStore) WithdrawAPIKey(ctx context.Context, hash [32]byte) (bool, error) {
	if !s.plant.split {
		return s.Store.WithdrawAPIKey(ctx, hash)
	}
	_, missing := s.Store.APIKeyByHash(ctx, hash)
	gap()
	_, err := s.Store.WithdrawAPIKey(ctx, hash)
	return missing == nil, err
}

// sessionsForFactor are logins of ann that all wait for the second factor.
func sessionsForFactor(t *testing.T, c course) (envs, phone, []usermgmt.Secret, []usermgmt.Actor) {
	p := usermgmt.PolicyNIST()
	p.LockoutAttempts = 0
	e, both := c.start(t, &usermgmt.Config{Policy: &p})
	ann := e.AddUser("ann", nil)
	ph, codes := withFactor(t, e, ann.ID)
	actors := make([]usermgmt.Actor, racers)
	for i := range actors {
		actors[i] = e.Login("ann").Actor
	}
	e.Clock.Advance(30 * time.Second)
	return both, ph, codes, actors
}

func TestACodeIsGoodForOneOfMany(t *testing.T) {
	t.Parallel()
	race(t, split, func(t *testing.T, c course) raceResult {
		both, ph, _, actors := sessionsForFactor(t, c)
		code := ph.code()
		return winners(storm(racers, func(i int) error {
			_, err := both.of(i).Factors().Prove(t.Context(), actors[i], code)
			return err
		}), usermgmt.ErrCredentials)
	})
}

func TestARecoveryCodeIsGoodForOneOfMany(t *testing.T) {
	t.Parallel()
	race(t, split, func(t *testing.T, c course) raceResult {
		both, _, codes, actors := sessionsForFactor(t, c)
		return winners(storm(racers, func(i int) error {
			_, err := both.of(i).Factors().Prove(t.Context(), actors[i], codes[3].Reveal())
			return err
		}), usermgmt.ErrCredentials)
	})
}

// Of any number of guesses at the second factor, at a time when many logins wait
// for it, no more are judged than the policy permits.
func TestNoMoreCodesAreJudgedThanTheLimit(t *testing.T) {
	t.Parallel()
	a, b := teststores.Pair(t)
	p := usermgmt.PolicyNIST()
	p.LockoutAttempts = 5
	e, both := course{a, b}.start(t, &usermgmt.Config{Policy: &p})
	ann := e.AddUser("ann", nil)
	ph, _ := withFactor(t, e, ann.ID)
	actors := make([]usermgmt.Actor, racers)
	for i := range actors {
		actors[i] = e.Login("ann").Actor
	}
	e.Clock.Advance(30 * time.Second)
	guess := "000000"
	if guess == ph.code() {
		guess = "111111"
	}
	for _, err := range storm(racers, func(i int) error {
		_, err := both.of(i).Factors().Prove(t.Context(), actors[i], guess)
		return err
	}) {
		require.ErrorIs(t, err, usermgmt.ErrCredentials)
	}
	acc, err := e.Store.AccountByID(t.Context(), ann.ID)
	require.NoError(t, err)
	assert.Equal(t, 5, acc.Login.Failures)
	_, err = e.Factors().Prove(t.Context(), actors[0], ph.code())
	require.ErrorIs(t, err, usermgmt.ErrCredentials, "a locked user's code is not judged")
}

// Two keys work while one takes the place of the other, never three, and a leak is
// reported by one.
func TestAKeyIsRotatedAndWithdrawnOnce(t *testing.T) {
	t.Parallel()
	race(t, split, func(t *testing.T, c course) raceResult {
		e, both := c.start(t, nil)
		ann := e.AddUser("ann", nil)
		key, err := e.APIKeys().Generate(t.Context(), e.As(ann.ID), usermgmt.KeyRequest{User: ann.ID})
		require.NoError(t, err)
		errs := storm(racers, func(i int) error {
			return both.of(i).APIKeys().ReportLeak(t.Context(), key.Text.Reveal(), "a public repository", here)
		})
		for _, err := range errs {
			require.NoError(t, err)
		}
		entries, err := e.Store.ListAudit(t.Context(), usermgmt.AuditQuery{Verb: "api_key.leaked", Limit: 200})
		require.NoError(t, err)
		return raceResult{min: 1, max: 1, won: len(entries)}
	})
}

func TestOfKeysThatAreRotatedAtOnceTwoWork(t *testing.T) {
	t.Parallel()
	race(t, noLock, func(t *testing.T, c course) raceResult {
		e, both := c.start(t, nil)
		ann := e.AddUser("ann", nil)
		first, err := e.APIKeys().Generate(t.Context(), e.As(ann.ID), usermgmt.KeyRequest{User: ann.ID})
		require.NoError(t, err)
		texts := make([]string, racers)
		for _, err := range storm(racers, func(i int) error {
			k, err := both.of(i).APIKeys().Rotate(t.Context(), e.As(ann.ID), usermgmt.KeyRotation{User: ann.ID, Grace: time.Hour})
			if err == nil {
				texts[i] = k.Text.Reveal()
			}
			return err
		}) {
			require.NoError(t, err)
		}
		work := 0
		for _, text := range texts {
			if _, err := e.Auth().APIKey(t.Context(), text, here); err == nil {
				work++
			}
		}
		_, err = e.Auth().APIKey(t.Context(), first.Text.Reveal(), here)
		r := raceResult{min: 2, max: 2, won: work}
		if err == nil {
			r.broken = "somebody was given a key that did not follow on the one before"
		}
		return r
	})
}
