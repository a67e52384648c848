package storetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt"
)

type staleLists struct {
	base
	memo *memo
}

func (s staleLists) ListUsers(ctx context.Context, q usermgmt.UserQuery) ([]usermgmt.User, error) {
	type key struct {
		root  usermgmt.Store
		query string
	}
	users, err := s.Store.ListUsers(ctx, q)
	if err != nil || q.Visible != nil || q.Newsletter != nil {
		return users, err
	}
	kept, _ := s.memo.LoadOrStore(key{s.root, fmt.Sprintf("%+v", q)}, users)
	return kept.([]usermgmt.User), nil
}

type flatTrees struct{ base }

func (s flatTrees) ListUsers(ctx context.Context, q usermgmt.UserQuery) ([]usermgmt.User, error) {
	if q.Team.IsZero() {
		q.Team, q.TeamTree = q.TeamTree, usermgmt.TeamID{}
	}
	return s.Store.ListUsers(ctx, q)
}

type keepsKeys struct{ base }

func (s keepsKeys) DeleteMembership(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID, at time.Time) error {
	k, err := s.Store.APIKeyOf(ctx, user, org)
	if err := s.Store.DeleteMembership(ctx, user, org, at); err != nil {
		return err
	}
	if err != nil {
		return nil
	}
	return s.Store.PutAPIKey(ctx, k)
}

type bumpsVersion struct{ base }

func (s bumpsVersion) BumpRights(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID) error {
	m, err := s.Store.MembershipOf(ctx, user, org)
	if err != nil {
		return nil
	}
	m.Rights++
	return s.Store.SaveMembership(ctx, m)
}

// trustsRights answers as if a replaced membership had the stamp it came with.
type trustsRights struct{ base }

func (s trustsRights) MembershipOf(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID) (usermgmt.Membership, error) {
	m, err := s.Store.MembershipOf(ctx, user, org)
	if m.Version > 1 {
		m.Rights-- // as far as a replace after one bump goes
	}
	return m, err
}

type reversesMemberships struct{ base }

func (s reversesMemberships) MembershipsOf(ctx context.Context, user usermgmt.UserID) ([]usermgmt.Membership, error) {
	ms, err := s.Store.MembershipsOf(ctx, user)
	slices.Reverse(ms)
	return ms, err
}

type longLocks struct{ base }

func (s longLocks) ReserveAttempt(ctx context.Context, user usermgmt.UserID, rule usermgmt.AttemptRule) (usermgmt.LoginState, bool, error) {
	rule.Now = rule.Now.Add(-time.Microsecond)
	return s.Store.ReserveAttempt(ctx, user, rule)
}

type releasesAny struct{ base }

func (s releasesAny) ReleaseAttempt(ctx context.Context, user usermgmt.UserID, _ time.Time) error {
	a, err := s.Store.AccountByID(ctx, user)
	if err != nil {
		return err
	}
	return s.Store.ReleaseAttempt(ctx, user, a.Login.LockedUntil)
}

type staleStanding struct {
	base
	memo *memo
}

func (s staleStanding) SessionByToken(ctx context.Context, hash [32]byte) (usermgmt.SessionView, error) {
	v, err := s.Store.SessionByToken(ctx, hash)
	type key struct {
		root usermgmt.Store
		id   usermgmt.SessionID
	}
	kept, _ := s.memo.LoadOrStore(key{s.root, v.Session.ID}, v.Standing)
	v.Standing = kept.(usermgmt.Standing)
	return v, err
}

type findsEnded struct {
	base
	memo *memo
}

type tokenKey struct {
	root usermgmt.Store
	hash [32]byte
}

func (s findsEnded) CreateSession(ctx context.Context, se usermgmt.Session) error {
	s.memo.Store(tokenKey{s.root, se.TokenHash}, se.ID)
	return s.Store.CreateSession(ctx, se)
}

func (s findsEnded) SessionByToken(ctx context.Context, hash [32]byte) (usermgmt.SessionView, error) {
	if id, ok := s.memo.Load(tokenKey{s.root, hash}); ok {
		return s.Store.SessionByID(ctx, id.(usermgmt.SessionID))
	}
	return s.Store.SessionByToken(ctx, hash)
}

type anyHash struct{ base }

func (s anyHash) UpdateSession(ctx context.Context, se usermgmt.Session, old [32]byte) error {
	if v, err := s.Store.SessionByID(ctx, se.ID); err == nil {
		old = v.Session.TokenHash
	}
	return s.Store.UpdateSession(ctx, se, old)
}

type touchesAlways struct{ base }

func (s touchesAlways) TouchSession(ctx context.Context, id usermgmt.SessionID, at, _ time.Time) error {
	return s.Store.TouchSession(ctx, id, at, usermgmt.Forever)
}

type keepsNone struct{ base }

func (s keepsNone) EndSessions(
	ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID, _ usermgmt.SessionID, at time.Time, reason string,
) (int, error) {
	return s.Store.EndSessions(ctx, user, org, usermgmt.SessionID{}, at, reason)
}

type oldestFirst struct{ base }

func (s oldestFirst) ListSessions(ctx context.Context, user usermgmt.UserID, limit int) ([]usermgmt.Session, error) {
	all, err := s.Store.ListSessions(ctx, user, limit)
	slices.Reverse(all)
	return all, err
}

type prunesAll struct{ base }

func (s prunesAll) PruneSessions(ctx context.Context, t time.Time, _ int) (int, error) {
	return s.Store.PruneSessions(ctx, t, everything)
}

type keepsSeats struct{ base }

func (s keepsSeats) ClaimSeats(ctx context.Context, org usermgmt.OrgID, t usermgmt.LicenceType, n int) error {
	pools, err := s.Store.ListPools(ctx, org)
	for _, p := range pools {
		if p.Type == t && p.Size >= 0 && p.Used+n > p.Size {
			return &usermgmt.Error{Kind: usermgmt.ErrLimit, Field: "licence"}
		}
	}
	if err != nil {
		return err
	}
	return s.Store.ClaimSeats(ctx, org, t, n)
}

type neverFolds struct{ base }

func (s neverFolds) AppendAudit(ctx context.Context, entries ...usermgmt.AuditEntry) error {
	entries = slices.Clone(entries)
	for i := range entries {
		entries[i].FoldKey = ""
	}
	return s.Store.AppendAudit(ctx, entries...)
}

// repeatsEntries takes an entry whose ID is stored, or that of one before it in
// the call, for one that it has already.
type repeatsEntries struct {
	base
	inCall bool
}

func (s repeatsEntries) AppendAudit(ctx context.Context, entries ...usermgmt.AuditEntry) error {
	var kept []usermgmt.AuditEntry
	for _, e := range entries {
		known := kept
		if !s.inCall {
			var err error
			if known, err = s.Store.ListAudit(ctx, usermgmt.AuditQuery{Limit: everything}); err != nil {
				return err
			}
		}
		if e.FoldKey != "" || !slices.ContainsFunc(known, func(k usermgmt.AuditEntry) bool { return k.ID == e.ID }) {
			kept = append(kept, e)
		}
	}
	return s.Store.AppendAudit(ctx, kept...)
}

type countsOnce struct{ base }

func (s countsOnce) AppendAudit(ctx context.Context, entries ...usermgmt.AuditEntry) error {
	entries = slices.Clone(entries)
	for i := range entries {
		entries[i].Count = 1
	}
	return s.Store.AppendAudit(ctx, entries...)
}

type openLog struct{ base }

func (s openLog) ListAudit(ctx context.Context, q usermgmt.AuditQuery) ([]usermgmt.AuditEntry, error) {
	q.Visible = nil
	return s.Store.ListAudit(ctx, q)
}

type closedSpans struct{ base }

func (s closedSpans) ListAudit(ctx context.Context, q usermgmt.AuditQuery) ([]usermgmt.AuditEntry, error) {
	if !q.Until.IsZero() {
		q.Until = q.Until.Add(time.Microsecond)
	}
	return s.Store.ListAudit(ctx, q)
}

type eager struct{ base }

func (s eager) ClaimMessages(ctx context.Context, event bool, _, until time.Time, limit int) ([]usermgmt.Message, error) {
	return s.Store.ClaimMessages(ctx, event, usermgmt.Forever, until, limit)
}

type oneQueue struct{ base }

func (s oneQueue) ClaimMessages(ctx context.Context, event bool, now, until time.Time, limit int) ([]usermgmt.Message, error) {
	out, err := s.Store.ClaimMessages(ctx, event, now, until, limit)
	if err != nil || len(out) == limit {
		return out, err
	}
	rest, err := s.Store.ClaimMessages(ctx, !event, now, until, limit-len(out))
	return append(out, rest...), err
}

type foldsKeys struct{ base }

func (s foldsKeys) PutBlob(ctx context.Context, key string, data []byte) error {
	return s.Store.PutBlob(ctx, strings.ToLower(key), data)
}

func (s foldsKeys) Blob(ctx context.Context, key string) ([]byte, error) {
	return s.Store.Blob(ctx, strings.ToLower(key))
}
