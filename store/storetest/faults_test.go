package storetest

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/usermgmt/usermgmt"
)

func faults() []fault {
	var later []func()
	list := []fault{
		{name: "shares memory out", caught: "OrgSave", build: func(b base) usermgmt.Store { return sharesOut{b, &handedOut} }},
		{name: "shares memory in", caught: "MembershipSave", build: func(b base) usermgmt.Store { return sharesIn{b, &handedOut} }},
		{name: "shares the memory of blobs", caught: "Blob", build: func(b base) usermgmt.Store { return sharesBlobs{b, &handedOut} }},
		{name: "folds case in the order", caught: "OrgList", build: func(b base) usermgmt.Store { return foldsOrder{b} }},
		{name: "gives one row too many", caught: "UnitList", build: func(b base) usermgmt.Store { return longPages{b} }},
		{name: "turns pages around", caught: "UserListOrder", build: func(b base) usermgmt.Store { return reversesPages{b} }},
		{name: "puts users without e-mail last", caught: "UserListOrderTies", build: func(b base) usermgmt.Store { return nullsLast{b} }},
		{name: "takes a search for a pattern", caught: "UserListSearch", build: func(b base) usermgmt.Store { return patterns{b} }},
		{name: "searches for one letter anywhere", caught: "UserListSearchShort", build: func(b base) usermgmt.Store { return searches{b, anywhere} }},
		{name: "searches the first line only", caught: "UserListSearchShort", build: func(b base) usermgmt.Store { return searches{b, firstLine} }},
		{name: "counts bytes of a search", caught: "UserListSearchShort", build: func(b base) usermgmt.Store { return searches{b, countsBytes} }},
		{name: "searches for beginnings only", caught: "UserListSearch", build: func(b base) usermgmt.Store { return searches{b, beginnings} }},
		{name: "ignores the version", caught: "OrgSave", build: func(b base) usermgmt.Store { return ignoresVersion{b} }},
		{name: "inserts credentials", caught: "CredentialSave", build: func(b base) usermgmt.Store { return insertsCredentials{b} }},
		{name: "hides the sentinel", caught: "OrgNames", build: func(b base) usermgmt.Store { return hidesSentinel{b} }},
		{name: "hides the rule", caught: "TeamDelete", build: func(b base) usermgmt.Store { return hidesRule{b} }},
		{name: "names the other field", caught: "UserLoginNamesAreOneSpace", build: func(b base) usermgmt.Store { return swapsFields{b} }},
		{name: "loses microseconds", caught: "OrgSave", build: func(b base) usermgmt.Store { return wholeSeconds{b} }},
		{name: "returns local times", caught: "OrgSave", build: func(b base) usermgmt.Store { return localTimes{b} }},
		{name: "cuts strings", caught: "ValueStrings", build: func(b base) usermgmt.Store { return cutsStrings{b} }},
		{name: "sorts what has an order", caught: "UserSave", build: func(b base) usermgmt.Store { return sortsEmails{b} }},
		{name: "does not roll back", caught: "TxRollsBackEverything", build: func(b base) usermgmt.Store { return noTx{b} }},
		{name: "does not roll back the inner transaction", caught: "TxInnerFailureIsUndoneAlone", build: func(b base) usermgmt.Store { return flatTx{b} }},
		{name: "commits inner transactions by themselves", caught: "TxInnerJoins", build: func(b base) usermgmt.Store { return commitsInner{b, &later} }},
		{name: "lets a swallowed failure commit", caught: "TxIgnoredFailure", build: func(b base) usermgmt.Store { return forgivingTx{b} }},
		{name: "loses the error of the function", caught: "TxErrorOfTheFunction", build: func(b base) usermgmt.Store { return hidesErrors{b} }},
		{name: "reads past its own writes", caught: "TxReadsItsOwnWrites", build: func(b base) usermgmt.Store { return readsOutside{b} }},
		{name: "bootstraps again", caught: "Bootstrap", build: func(b base) usermgmt.Store { return bootstraps{b} }},
		{name: "streams what the member before had", caught: "StreamMembers", build: func(b base) usermgmt.Store { return streamsLast{b} }},
		{name: "streams the disabled", caught: "UserListViews", build: func(b base) usermgmt.Store { return streamsAll{b} }},
		{name: "forgets that assignments end", caught: "UserListVisibleAt", build: func(b base) usermgmt.Store { return timelessTeams{b} }},
		{name: "streams what may not be seen", caught: "UserListVisible", build: func(b base) usermgmt.Store { return streamsHidden{b} }},
		{name: "forgets that memberships are disabled", caught: "UserListViews", build: func(b base) usermgmt.Store { return globalViews{b} }},
		{name: "lists stale copies", caught: "UserListFollowsChanges", build: func(b base) usermgmt.Store { return staleLists{b, &handedOut} }},
		{name: "takes a tree for a team", caught: "UserListConditions", build: func(b base) usermgmt.Store { return flatTrees{b} }},
		{name: "leaves the key of a membership", caught: "MembershipDeleteTakesAlong", build: func(b base) usermgmt.Store { return keepsKeys{b} }},
		{name: "keeps what a first transaction rolled back", caught: "TxRollsBackTheFirst", build: func(b base) usermgmt.Store { return noTx{b} }},
		{name: "stores the stamp that it is given", caught: "MembershipRights", build: func(b base) usermgmt.Store { return trustsRights{b} }},
		{name: "changes the version with the rights", caught: "MembershipRights", build: func(b base) usermgmt.Store { return bumpsVersion{b} }},
		{name: "lists memberships in another order", caught: "MembershipLists", build: func(b base) usermgmt.Store { return reversesMemberships{b} }},
		{name: "lets a lock outlive its end", caught: "AttemptsLockEnds", build: func(b base) usermgmt.Store { return longLocks{b} }},
		{name: "releases any lock", caught: "AttemptsRelease", build: func(b base) usermgmt.Store { return releasesAny{b} }},
		{name: "remembers the standing", caught: "SessionCreate", build: func(b base) usermgmt.Store { return staleStanding{b, &handedOut} }},
		{name: "finds ended sessions", caught: "SessionEnd", build: func(b base) usermgmt.Store { return findsEnded{b, &handedOut} }},
		{name: "updates with any hash", caught: "SessionUpdate", build: func(b base) usermgmt.Store { return anyHash{b} }},
		{name: "touches whenever", caught: "SessionTouch", build: func(b base) usermgmt.Store { return touchesAlways{b} }},
		{name: "ends the session to keep", caught: "SessionsEnd", build: func(b base) usermgmt.Store { return keepsNone{b} }},
		{name: "lists the oldest session first", caught: "SessionList", build: func(b base) usermgmt.Store { return oldestFirst{b} }},
		{name: "prunes without limit", caught: "SessionPrune", build: func(b base) usermgmt.Store { return prunesAll{b} }},
		{name: "takes no seat back from a full pool", caught: "PoolBelowUsed", build: func(b base) usermgmt.Store { return keepsSeats{b} }},
		{name: "does not fold", caught: "AuditFold", build: func(b base) usermgmt.Store { return neverFolds{b} }},
		{name: "takes an audit entry again", caught: "AuditIdentifiers", build: func(b base) usermgmt.Store { return repeatsEntries{b, false} }},
		{name: "takes an audit entry twice in a call", caught: "AuditIdentifiers", build: func(b base) usermgmt.Store { return repeatsEntries{b, true} }},
		{name: "counts a fold once", caught: "AuditFold", build: func(b base) usermgmt.Store { return countsOnce{b} }},
		{name: "shows the whole audit log", caught: "AuditVisible", build: func(b base) usermgmt.Store { return openLog{b} }},
		{name: "includes the end of a time span", caught: "AuditConditions", build: func(b base) usermgmt.Store { return closedSpans{b} }},
		{name: "claims mails and events alike", caught: "MessageEvents", build: func(b base) usermgmt.Store { return oneQueue{b} }},
		{name: "claims messages before their time", caught: "MessageClaim", build: func(b base) usermgmt.Store { return eager{b} }},
		{name: "uses a step again", caught: "FactorSteps", build: func(b base) usermgmt.Store { return repeatsSteps{b} }},
		{name: "lowers the last step", caught: "FactorSteps", build: func(b base) usermgmt.Store { return lowersSteps{b} }},
		{name: "keeps the codes of a deleted factor", caught: "RecoveryCodes", build: func(b base) usermgmt.Store { return keepsCodes{b} }},
		{name: "keeps used recovery codes", caught: "RecoveryCodes", build: func(b base) usermgmt.Store { return keepsUsedCodes{b} }},
		{name: "takes an unconfirmed factor for one", caught: "FactorSave", build: func(b base) usermgmt.Store { return factorsAtOnce{b} }},
		{name: "gives the oldest former passwords", caught: "FormerPasswords", build: func(b base) usermgmt.Store { return oldestFormer{b} }},
		{name: "includes expired passwords", caught: "PasswordsByAge", build: func(b base) usermgmt.Store { return openAges{b} }},
		{name: "moves any mark", caught: "Marks", build: func(b base) usermgmt.Store { return movesAny{b} }},
		{name: "forgets the key before", caught: "KeyPrevious", build: func(b base) usermgmt.Store { return forgetsPrevious{b} }},
		{name: "withdraws the successor too", caught: "KeyPrevious", build: func(b base) usermgmt.Store { return withdrawsAll{b} }},
		{name: "lists keys that expire later", caught: "KeysByExpiry", build: func(b base) usermgmt.Store { return laterKeys{b} }},
		{name: "folds the keys of blobs", caught: "Blob", build: func(b base) usermgmt.Store { return foldsKeys{b} }},
	}
	list = append(list, sealFaults()...)
	for part, drop := range map[string]func(f *usermgmt.Filter){
		"All":               func(f *usermgmt.Filter) { f.All = false },
		"System":            func(f *usermgmt.Filter) { f.System = false },
		"Owners":            func(f *usermgmt.Filter) { f.Owners = nil },
		"Units":             func(f *usermgmt.Filter) { f.Units = nil },
		"UnitTrees":         func(f *usermgmt.Filter) { f.UnitTrees = nil },
		"Teams":             func(f *usermgmt.Filter) { f.Teams = nil },
		"TeamTrees":         func(f *usermgmt.Filter) { f.TeamTrees = nil },
		"(wider) TeamTrees": func(f *usermgmt.Filter) { f.Teams = append(slices.Clone(f.Teams), f.TeamTrees...) },
		"(wider) Owners":    func(f *usermgmt.Filter) { f.All = f.All || len(f.Owners) > 0 },
	} {
		list = append(list, fault{name: "changes in Visible " + part, caught: "UserListVisible", build: func(b base) usermgmt.Store {
			return dropsPart{b, drop}
		}})
	}
	return list
}

// memo is what faulty stores remember between calls; keys hold the store.
type memo struct{ sync.Map }

var handedOut memo

type sharesOut struct {
	base
	memo *memo
}

// OrgByID hands out the memory of an earlier answer of the same version.
func (s sharesOut) OrgByID(ctx context.Context, id usermgmt.OrgID) (usermgmt.Organization, error) {
	o, err := s.Store.OrgByID(ctx, id)
	if err != nil || o.ExportFields == nil {
		return o, err
	}
	type key struct {
		root    usermgmt.Store
		id      usermgmt.OrgID
		version int64
	}
	kept, _ := s.memo.LoadOrStore(key{s.root, id, o.Version}, o)
	return kept.(usermgmt.Organization), nil
}

type sharesIn struct {
	base
	memo *memo
}

type settingsKey struct {
	root usermgmt.Store
	user usermgmt.UserID
}

// SaveMembership keeps the caller's slices.
func (s sharesIn) SaveMembership(ctx context.Context, m usermgmt.Membership) error {
	s.memo.Store(settingsKey{s.root, m.User}, m.Units)
	return s.Store.SaveMembership(ctx, m)
}

func (s sharesIn) MembershipOf(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID) (usermgmt.Membership, error) {
	m, err := s.Store.MembershipOf(ctx, user, org)
	if units, ok := s.memo.Load(settingsKey{s.root, user}); ok && err == nil {
		m.Units = units.([]usermgmt.UnitID)
	}
	return m, err
}

type sharesBlobs struct {
	base
	memo *memo
}

func (s sharesBlobs) Blob(ctx context.Context, key string) ([]byte, error) {
	b, err := s.Store.Blob(ctx, key)
	if err != nil {
		return nil, err
	}
	type memoKey struct {
		root usermgmt.Store
		data string
	}
	kept, _ := s.memo.LoadOrStore(memoKey{s.root, string(b)}, b)
	return kept.([]byte), nil
}

type foldsOrder struct{ base }

func (s foldsOrder) ListOrgs(ctx context.Context, q usermgmt.ListQuery) ([]usermgmt.Organization, error) {
	orgs, err := s.Store.ListOrgs(ctx, q)
	slices.SortStableFunc(orgs, func(a, b usermgmt.Organization) int {
		return strings.Compare(strings.ToLower(a.NameKey), strings.ToLower(b.NameKey))
	})
	return orgs, err
}

type longPages struct{ base }

func (s longPages) ListUnits(ctx context.Context, org usermgmt.OrgID, q usermgmt.ListQuery) ([]usermgmt.BusinessUnit, error) {
	q.Limit++
	return s.Store.ListUnits(ctx, org, q)
}

type reversesPages struct{ base }

func (s reversesPages) ListUsers(ctx context.Context, q usermgmt.UserQuery) ([]usermgmt.User, error) {
	users, err := s.Store.ListUsers(ctx, q)
	if q.Desc {
		slices.Reverse(users)
	}
	return users, err
}

type nullsLast struct{ base }

func (s nullsLast) ListUsers(ctx context.Context, q usermgmt.UserQuery) ([]usermgmt.User, error) {
	users, err := s.Store.ListUsers(ctx, q)
	if q.Sort == usermgmt.SortEmail && !q.Desc {
		slices.SortStableFunc(users, func(a, b usermgmt.User) int {
			return strings.Compare(a.EmailKey+"\xff"[min(1, len(a.EmailKey)):], b.EmailKey+"\xff"[min(1, len(b.EmailKey)):])
		})
	}
	return users, err
}

type patterns struct{ base }

func (s patterns) ListUsers(ctx context.Context, q usermgmt.UserQuery) ([]usermgmt.User, error) {
	q.Search = strings.Trim(q.Search, "%_")
	return s.Store.ListUsers(ctx, q)
}

// searches looks for q.Search in its own way.
type searches struct {
	base
	found func(key, search string) bool
}

func anywhere(key, search string) bool { return strings.Contains(key, search) }

func firstLine(key, search string) bool { return strings.HasPrefix(key, search) }

func beginnings(key, search string) bool { return strings.Contains("\n"+key, "\n"+search) }

func countsBytes(key, search string) bool {
	if len(search) < 3 {
		return beginnings(key, search)
	}
	return anywhere(key, search)
}

func (s searches) ListUsers(ctx context.Context, q usermgmt.UserQuery) ([]usermgmt.User, error) {
	search, limit := q.Search, q.Limit
	q.Search, q.Limit = "", everything
	users, err := s.Store.ListUsers(ctx, q)
	users = slices.DeleteFunc(users, func(u usermgmt.User) bool { return search != "" && !s.found(u.SearchKey, search) })
	return users[:min(limit, len(users))], err
}

type ignoresVersion struct{ base }

func (s ignoresVersion) SaveOrg(ctx context.Context, o usermgmt.Organization) error {
	if stored, err := s.Store.OrgByID(ctx, o.ID); err == nil && o.Version > 0 {
		o.Version = stored.Version
	}
	return s.Store.SaveOrg(ctx, o)
}

type insertsCredentials struct{ base }

func (s insertsCredentials) SaveCredential(ctx context.Context, c usermgmt.Credential) error {
	if stored, err := s.Store.AccountByID(ctx, c.User); err == nil && c.Version == 0 {
		c.Version = stored.Credential.Version
	}
	return s.Store.SaveCredential(ctx, c)
}

type hidesSentinel struct{ base }

func (s hidesSentinel) SaveOrg(ctx context.Context, o usermgmt.Organization) error {
	if err := s.Store.SaveOrg(ctx, o); err != nil {
		return errors.New(err.Error())
	}
	return nil
}

type hidesRule struct{ base }

func (s hidesRule) DeleteTeam(ctx context.Context, id usermgmt.TeamID) error {
	err := s.Store.DeleteTeam(ctx, id)
	if errors.Is(err, usermgmt.ErrConflict) {
		return usermgmt.ErrConflict
	}
	return err
}

type swapsFields struct{ base }

func (s swapsFields) SaveUser(ctx context.Context, u usermgmt.User) error {
	err := s.Store.SaveUser(ctx, u)
	var e *usermgmt.Error
	if errors.As(err, &e) && e.Field == "email" {
		e.Field = "username"
	}
	return err
}

type wholeSeconds struct{ base }

func (s wholeSeconds) SaveOrg(ctx context.Context, o usermgmt.Organization) error {
	o.UpdatedAt = o.UpdatedAt.Truncate(time.Second)
	return s.Store.SaveOrg(ctx, o)
}

type localTimes struct{ base }

func (s localTimes) OrgByID(ctx context.Context, id usermgmt.OrgID) (usermgmt.Organization, error) {
	o, err := s.Store.OrgByID(ctx, id)
	o.CreatedAt = o.CreatedAt.In(time.FixedZone("CET", 3600))
	return o, err
}

type cutsStrings struct{ base }

func (s cutsStrings) SaveOrg(ctx context.Context, o usermgmt.Organization) error {
	o.Description = o.Description[:min(255, len(o.Description))]
	return s.Store.SaveOrg(ctx, o)
}

type sortsEmails struct{ base }

func (s sortsEmails) UserByID(ctx context.Context, id usermgmt.UserID) (usermgmt.User, error) {
	u, err := s.Store.UserByID(ctx, id)
	slices.Sort(u.Emails)
	return u, err
}

// noTx runs the function on the store itself.
type noTx struct{ base }

func (s noTx) Tx(ctx context.Context, fn func(ctx context.Context, tx usermgmt.Store) error) error {
	return fn(ctx, s)
}

// flatTx joins without a way back.
type flatTx struct{ base }

func (s flatTx) Tx(ctx context.Context, fn func(ctx context.Context, tx usermgmt.Store) error) error {
	if s.bound {
		return fn(ctx, s)
	}
	return s.base.Tx(ctx, fn)
}

// commitsInner commits inner transactions even if the outer one fails.
type commitsInner struct {
	base
	later *[]func()
}

func (s commitsInner) Tx(ctx context.Context, fn func(ctx context.Context, tx usermgmt.Store) error) error {
	err := s.base.Tx(ctx, fn)
	if s.bound && err == nil {
		*s.later = append(*s.later, func() { _ = s.root.Tx(context.Background(), fn) })
	}
	if !s.bound && err != nil {
		for _, f := range *s.later {
			f()
		}
	}
	return err
}

// forgivingTx undoes a write that failed and goes on.
type forgivingTx struct{ base }

func (s forgivingTx) SaveOrg(ctx context.Context, o usermgmt.Organization) error {
	return s.Store.Tx(ctx, func(ctx context.Context, tx usermgmt.Store) error { return tx.SaveOrg(ctx, o) })
}

type hidesErrors struct{ base }

func (s hidesErrors) Tx(ctx context.Context, fn func(ctx context.Context, tx usermgmt.Store) error) error {
	if err := s.base.Tx(ctx, fn); err != nil {
		return errors.New("transaction failed: " + err.Error())
	}
	return nil
}

type readsOutside struct{ base }

func (s readsOutside) ListPools(ctx context.Context, org usermgmt.OrgID) ([]usermgmt.LicencePool, error) {
	return s.root.ListPools(context.Background(), org)
}

type bootstraps struct{ base }

func (bootstraps) ClaimBootstrap(context.Context, time.Time) error { return nil }

type streamsAll struct{ base }

func (s streamsAll) StreamMembers(ctx context.Context, q usermgmt.UserQuery) iter.Seq2[usermgmt.Member, error] {
	q.View = usermgmt.ViewAll
	return s.Store.StreamMembers(ctx, q)
}

type streamsLast struct{ base }

func (s streamsLast) StreamMembers(ctx context.Context, q usermgmt.UserQuery) iter.Seq2[usermgmt.Member, error] {
	return func(yield func(usermgmt.Member, error) bool) {
		var last usermgmt.TeamID
		for m, err := range s.Store.StreamMembers(ctx, q) {
			if m.Membership.PrimaryTeam.IsZero() {
				m.Membership.PrimaryTeam = last
			}
			last = m.Membership.PrimaryTeam
			if !yield(m, err) {
				return
			}
		}
	}
}

type timelessTeams struct{ base }

func (s timelessTeams) ListUsers(ctx context.Context, q usermgmt.UserQuery) ([]usermgmt.User, error) {
	if q.Visible != nil {
		f := *q.Visible
		f.At = time.Time{}
		q.Visible = &f
	}
	return s.Store.ListUsers(ctx, q)
}

type streamsHidden struct{ base }

func (s streamsHidden) StreamMembers(ctx context.Context, q usermgmt.UserQuery) iter.Seq2[usermgmt.Member, error] {
	q.Visible = nil
	return s.Store.StreamMembers(ctx, q)
}

type globalViews struct{ base }

func (s globalViews) ListUsers(ctx context.Context, q usermgmt.UserQuery) ([]usermgmt.User, error) {
	if q.View != usermgmt.ViewActive {
		return s.Store.ListUsers(ctx, q)
	}
	q.View = usermgmt.ViewAll
	users, err := s.Store.ListUsers(ctx, q)
	return slices.DeleteFunc(users, func(u usermgmt.User) bool { return !u.Active() }), err
}

type dropsPart struct {
	base
	drop func(f *usermgmt.Filter)
}

func (s dropsPart) ListUsers(ctx context.Context, q usermgmt.UserQuery) ([]usermgmt.User, error) {
	if q.Visible != nil {
		f := *q.Visible
		s.drop(&f)
		q.Visible = &f
	}
	return s.Store.ListUsers(ctx, q)
}
