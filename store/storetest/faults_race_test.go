package storetest

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/usermgmt/usermgmt"
)

// raceFaults are those that only several callers notice.
func raceFaults() []fault {
	return []fault{
		{name: "checks a seat, then takes it", caught: "RaceForTheLastSeat", build: func(b base) usermgmt.Store { return slowSeats{b} }},
		{name: "checks an attempt, then takes it", caught: "RaceForAttempts", build: func(b base) usermgmt.Store { return slowAttempts{b} }},
		{name: "tells every caller that it ended the session", caught: "RaceToEndASession", build: func(b base) usermgmt.Store { return endsForAll{b} }},
		{name: "checks for an audit entry, then adds it", caught: "RaceForAnAuditEntry", build: func(b base) usermgmt.Store { return slowEntries{b} }},
		{name: "checks a step, then uses it", caught: "RaceForAFactorStep", build: func(b base) usermgmt.Store { return slowSteps{b} }},
		{name: "tells every caller that the code was good", caught: "RaceForARecoveryCode", build: func(b base) usermgmt.Store { return goodForAll{b} }},
		{name: "tells every caller that it withdrew the key", caught: "RaceToWithdrawAKey", build: func(b base) usermgmt.Store { return withdrawnByAll{b} }},
		{name: "reads a mark, then moves it", caught: "RaceForAMark", build: func(b base) usermgmt.Store { return slowMarks{b} }},
		{name: "checks the version, then saves", caught: "RaceOfUpdates", build: func(b base) usermgmt.Store { return slowVersions{b} }},
		{name: "reads a stamp, then writes it", caught: "RaceOfCounters", build: func(b base) usermgmt.Store { return slowRights{b} }},
		{name: "reads messages, then claims them", caught: "RaceForMessages", build: func(b base) usermgmt.Store { return slowClaims{b} }},
		{name: "locks nothing", caught: "RaceUnderLockOrg", build: func(b base) usermgmt.Store { return slowTx{noTx{b}} }},
		{name: "bootstraps for everybody", caught: "RaceForUniqueKeys", build: func(b base) usermgmt.Store { return bootstraps{b} }},
		{name: "reads the policy in two steps", caught: "RaceOfReadersAndAWriter", build: func(b base) usermgmt.Store { return tornPolicy{b} }},
		{name: "commits users one by one", caught: "RaceOfReadersAndAWriter", build: func(b base) usermgmt.Store { return slowTx{noTx{b}} }},
		{name: "shows what is not committed", caught: "OpenTxHidesItsWrites", build: func(b base) usermgmt.Store { return noTx{b} }},
		{name: "lets readers wait", caught: "OpenTxHidesItsWrites", build: func(b base) usermgmt.Store { return newLocking(b) }, hangs: true},
		{name: "stays locked after a panic", caught: "PanicInTx", build: func(b base) usermgmt.Store { return newLocking(b) }, hangs: true},
		{name: "goes past the transaction", caught: "OutsideTx", build: func(b base) usermgmt.Store { return goesPast{b} }},
		{name: "ignores the context", caught: "CancelledContext", build: func(b base) usermgmt.Store { return ignoresContext{b} }},
		{name: "streams page by page", caught: "StreamIsOneView", build: func(b base) usermgmt.Store { return streamsPages{b} }},
		{name: "hides a plain failure", caught: "PlainCallsFailAtOnce", build: func(b base) usermgmt.Store { return forgets{b} }},
		{name: "changes something and fails", caught: "PlainCallsFailAtOnce", build: func(b base) usermgmt.Store { return half{b} }},
	}
}

// pause lets the others in between a check and a write.
func pause() { time.Sleep(2 * time.Millisecond) }

type slowSeats struct{ base }

func (s slowSeats) ClaimSeats(ctx context.Context, org usermgmt.OrgID, t usermgmt.LicenceType, n int) error {
	if s.bound {
		return s.Store.ClaimSeats(ctx, org, t, n)
	}
	pools, err := s.Store.ListPools(ctx, org)
	if err != nil {
		return err
	}
	if len(pools) == 1 && pools[0].Used+n > 5 {
		return &usermgmt.Error{Kind: usermgmt.ErrLimit, Field: "licence"}
	}
	pause()
	if err := s.SetPool(ctx, org, t, size(-1)); err != nil {
		return err
	}
	return s.Store.ClaimSeats(ctx, org, t, n)
}

type slowAttempts struct{ base }

func (s slowAttempts) ReserveAttempt(ctx context.Context, user usermgmt.UserID, rule usermgmt.AttemptRule) (usermgmt.LoginState, bool, error) {
	a, err := s.Store.AccountByID(ctx, user)
	if err != nil || rule.Now.Before(a.Login.LockedUntil) {
		return a.Login, false, err
	}
	pause()
	state, reserved, err := s.Store.ReserveAttempt(ctx, user, usermgmt.AttemptRule{Now: rule.Now})
	if err == nil && state.Failures >= rule.Limit {
		err = s.ClearAttempts(ctx, user, rule.LockUntil)
	}
	return state, reserved, err
}

// slowEntries adds an entry whose ID was taken while it looked under another.
type slowEntries struct{ base }

func (s slowEntries) AppendAudit(ctx context.Context, entries ...usermgmt.AuditEntry) error {
	if s.bound || len(entries) != 1 {
		return s.Store.AppendAudit(ctx, entries...)
	}
	e := entries[0]
	known, err := s.Store.ListAudit(ctx, usermgmt.AuditQuery{Operation: e.Operation, Limit: everything})
	if err != nil || slices.ContainsFunc(known, func(k usermgmt.AuditEntry) bool { return k.ID == e.ID }) {
		return s.Store.AppendAudit(ctx, e)
	}
	pause()
	if err = s.Store.AppendAudit(ctx, e); errors.Is(err, usermgmt.ErrConflict) {
		return nil
	}
	return err
}

type endsForAll struct{ base }

func (s endsForAll) EndSession(ctx context.Context, id usermgmt.SessionID, at time.Time, reason string) (bool, error) {
	v, err := s.Store.SessionByID(ctx, id)
	if err != nil || !v.Session.EndedAt.IsZero() {
		return false, nil
	}
	pause()
	_, err = s.Store.EndSession(ctx, id, at, reason)
	return true, err
}

type slowVersions struct{ base }

func (s slowVersions) SaveOrg(ctx context.Context, o usermgmt.Organization) error {
	stored, err := s.Store.OrgByID(ctx, o.ID)
	if err != nil || stored.Version != o.Version {
		return s.Store.SaveOrg(ctx, o)
	}
	pause()
	if stored, err = s.Store.OrgByID(ctx, o.ID); err != nil {
		return err
	}
	o.Version = stored.Version
	return s.Store.SaveOrg(ctx, o)
}

type slowRights struct{ base }

func (s slowRights) RecordLogin(ctx context.Context, user usermgmt.UserID, at time.Time) error {
	a, err := s.Store.AccountByID(ctx, user)
	if err != nil {
		return err
	}
	pause()
	if b, err := s.Store.AccountByID(ctx, user); err != nil || b.Login.LoginCount > a.Login.LoginCount {
		return err // an increment from an old value is lost
	}
	return s.Store.RecordLogin(ctx, user, at)
}

type slowClaims struct{ base }

func (s slowClaims) ClaimMessages(ctx context.Context, event bool, now, until time.Time, limit int) ([]usermgmt.Message, error) {
	all, err := s.ListMessages(ctx, true, usermgmt.ListQuery{Limit: everything})
	if err != nil {
		return nil, err
	}
	var due []usermgmt.Message
	for _, m := range all {
		if len(due) < limit && m.Event == event && !m.NotBefore.After(now) {
			due = append(due, m)
		}
	}
	pause()
	for i := range due {
		due[i].NotBefore = until
		if err := s.SettleMessage(ctx, due[i]); err != nil {
			return nil, err
		}
	}
	return due, nil
}

// slowTx runs the function without a transaction and gives others time.
type slowTx struct{ noTx }

func (s slowTx) Tx(ctx context.Context, fn func(ctx context.Context, tx usermgmt.Store) error) error {
	return fn(ctx, s)
}

func (s slowTx) MembershipOf(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID) (usermgmt.Membership, error) {
	pause()
	return s.Store.MembershipOf(ctx, user, org)
}

func (s slowTx) SaveUser(ctx context.Context, u usermgmt.User) error {
	err := s.Store.SaveUser(ctx, u)
	pause()
	return err
}

type tornPolicy struct{ base }

func (s tornPolicy) Policy(ctx context.Context, id usermgmt.OrgID) (usermgmt.PolicySet, error) {
	p, err := s.Store.Policy(ctx, id)
	if err != nil {
		return p, err
	}
	pause()
	p.Org, err = s.OrgByID(ctx, id)
	return p, err
}

// locking lets readers wait for the writer, and a panic leaves it locked.
type locking struct {
	base
	mu *sync.RWMutex
}

func newLocking(b base) usermgmt.Store {
	if b.bound {
		return b
	}
	return locking{b, &sync.RWMutex{}}
}

func (s locking) Tx(ctx context.Context, fn func(ctx context.Context, tx usermgmt.Store) error) error {
	s.mu.Lock()
	err := s.base.Tx(ctx, fn)
	s.mu.Unlock()
	return err
}

func (s locking) ListOrgs(ctx context.Context, q usermgmt.ListQuery) ([]usermgmt.Organization, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.Store.ListOrgs(ctx, q)
}

type goesPast struct{ base }

func (s goesPast) OrgByID(ctx context.Context, id usermgmt.OrgID) (usermgmt.Organization, error) {
	if s.bound {
		return s.Store.OrgByID(ctx, id)
	}
	return s.Store.OrgByID(context.Background(), id)
}

type ignoresContext struct{ base }

func (s ignoresContext) SaveOrg(ctx context.Context, o usermgmt.Organization) error {
	if s.bound {
		return s.Store.SaveOrg(ctx, o)
	}
	return s.Store.SaveOrg(context.WithoutCancel(ctx), o)
}

type streamsPages struct{ base }

func (s streamsPages) StreamMembers(ctx context.Context, q usermgmt.UserQuery) iter.Seq2[usermgmt.Member, error] {
	return func(yield func(usermgmt.Member, error) bool) {
		q.After, q.Limit = usermgmt.Position{}, everything
		for {
			users, err := s.ListUsers(ctx, q)
			if err != nil {
				yield(usermgmt.Member{}, err)
				return
			}
			for _, u := range users {
				m, err := s.MembershipOf(ctx, u.ID, q.Org)
				if !yield(usermgmt.Member{User: u, Membership: m}, err) || err != nil {
					return
				}
				q.After = positionOf(u, q.Sort)
			}
			if len(users) < q.Limit {
				return
			}
		}
	}
}

type forgets struct{ base }

func (s forgets) DeleteTeam(ctx context.Context, id usermgmt.TeamID) error {
	_ = s.Store.DeleteTeam(ctx, id)
	return nil
}

type half struct{ base }

func (s half) SaveUser(ctx context.Context, u usermgmt.User) error {
	err := s.Store.SaveUser(ctx, u)
	if err != nil && !s.bound {
		_ = s.BumpStamps(ctx, u.Org, false)
	}
	return err
}
