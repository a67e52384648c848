package equality_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/store/memory"
)

// faulty is a store with one fault. The functions that are set replace the
// methods of the store underneath.
type faulty struct {
	usermgmt.Store
	faults
}

type faults struct {
	listUsers                   func(ctx context.Context, s usermgmt.Store, q usermgmt.UserQuery) ([]usermgmt.User, error)
	listTeams                   func(ctx context.Context, s usermgmt.Store, org usermgmt.OrgID, q usermgmt.ListQuery) ([]usermgmt.Team, error)
	membership                  func(m *usermgmt.Membership)
	endMember                   func(ctx context.Context, s usermgmt.Store, user usermgmt.UserID, org usermgmt.OrgID, at time.Time) error
	bumpRights                  func() bool // reports whether to do it
	bumpStamps                  func(trees bool) bool
	claim                       func(ctx context.Context, s usermgmt.Store, org usermgmt.OrgID, t usermgmt.LicenceType, n int) error
	audit                       func(entries []usermgmt.AuditEntry) []usermgmt.AuditEntry
	touch                       func() bool
	keep                        func(keep usermgmt.SessionID) usermgmt.SessionID
	recordLogin                 func(ctx context.Context, s usermgmt.Store, user usermgmt.UserID, at time.Time) error
	putKey                      func(k *usermgmt.APIKey)
	createSession               func(s *usermgmt.Session)
	listGroups                  func(q *usermgmt.ListQuery)
	putSettings, memberSettings settingFault

	putToken func(t *usermgmt.Token, since *time.Time)
	withdraw func(ctx context.Context, s usermgmt.Store, hash [32]byte) (bool, error)
	invitationFaults
	erasureFaults
	secretFaults
	jobFaults
	fieldFaults
}

func (f faulty) Tx(ctx context.Context, fn func(context.Context, usermgmt.Store) error) error {
	return f.Store.Tx(ctx, func(ctx context.Context, tx usermgmt.Store) error { return fn(ctx, faulty{tx, f.faults}) })
}

func (f faulty) ListUsers(ctx context.Context, q usermgmt.UserQuery) ([]usermgmt.User, error) {
	if f.listUsers != nil {
		return f.listUsers(ctx, f.Store, q)
	}
	return f.Store.ListUsers(ctx, q)
}

func (f faulty) ListTeams(ctx context.Context, org usermgmt.OrgID, q usermgmt.ListQuery) ([]usermgmt.Team, error) {
	if f.listTeams != nil {
		return f.listTeams(ctx, f.Store, org, q)
	}
	return f.Store.ListTeams(ctx, org, q)
}

func (f faulty) SaveMembership(ctx context.Context, m usermgmt.Membership) error {
	if f.membership != nil {
		f.membership(&m)
	}
	return f.Store.SaveMembership(ctx, m)
}

func (f faulty) DeleteMembership(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID, at time.Time) error {
	if f.endMember != nil {
		return f.endMember(ctx, f.Store, user, org, at)
	}
	return f.Store.DeleteMembership(ctx, user, org, at)
}

func (f faulty) BumpRights(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID) error {
	if f.bumpRights != nil && !f.bumpRights() {
		return nil
	}
	return f.Store.BumpRights(ctx, user, org)
}

func (f faulty) BumpStamps(ctx context.Context, id usermgmt.OrgID, trees bool) error {
	if f.bumpStamps != nil {
		trees = f.bumpStamps(trees)
	}
	return f.Store.BumpStamps(ctx, id, trees)
}

func (f faulty) ClaimSeats(ctx context.Context, org usermgmt.OrgID, t usermgmt.LicenceType, n int) error {
	if f.claim != nil {
		return f.claim(ctx, f.Store, org, t, n)
	}
	return f.Store.ClaimSeats(ctx, org, t, n)
}

func (f faulty) AppendAudit(ctx context.Context, entries ...usermgmt.AuditEntry) error {
	if f.audit != nil {
		entries = f.audit(entries)
	}
	return f.Store.AppendAudit(ctx, entries...)
}

func (f faulty) TouchSession(ctx context.Context, id usermgmt.SessionID, at, stale time.Time) error {
	if f.touch != nil && !f.touch() {
		return nil
	}
	return f.Store.TouchSession(ctx, id, at, stale)
}

func (f faulty) EndSessions(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID, keep usermgmt.SessionID, at time.Time, reason string) (int, error) {
	if f.keep != nil {
		keep = f.keep(keep)
	}
	return f.Store.EndSessions(ctx, user, org, keep, at, reason)
}

func (f faulty) RecordLogin(ctx context.Context, user usermgmt.UserID, at time.Time) error {
	if f.recordLogin != nil {
		return f.recordLogin(ctx, f.Store, user, at)
	}
	return f.Store.RecordLogin(ctx, user, at)
}

func (f faulty) PutAPIKey(ctx context.Context, k usermgmt.APIKey) error {
	if f.putKey != nil {
		f.putKey(&k)
	}
	return f.Store.PutAPIKey(ctx, k)
}

func (f faulty) PutToken(ctx context.Context, t usermgmt.Token, since time.Time) (bool, error) {
	if f.putToken != nil {
		f.putToken(&t, &since)
	}
	return f.Store.PutToken(ctx, t, since)
}

func (f faulty) WithdrawAPIKey(ctx context.Context, hash [32]byte) (bool, error) {
	if f.withdraw != nil {
		return f.withdraw(ctx, f.Store, hash)
	}
	return f.Store.WithdrawAPIKey(ctx, hash)
}

// mutants are faults that a store could have. One that a single caller cannot
// see, such as a lost ErrStale (the services compare versions themselves, and
// the store's comparison decides between parallel callers only), is the
// business of package store/storetest.
var mutants = []struct {
	name string
	seed int // one that finds it early
	faults
}{
	{"a list of users out of order", 47, faults{listUsers: func(ctx context.Context, s usermgmt.Store, q usermgmt.UserQuery) ([]usermgmt.User, error) {
		list, err := s.ListUsers(ctx, q)
		if n := len(list); n > 2 && q.Sort == usermgmt.SortEmail {
			list[0], list[1] = list[1], list[0]
		}
		return list, err
	}}},
	{"a page that begins by the key alone", 43, faults{listUsers: func(ctx context.Context, s usermgmt.Store, q usermgmt.UserQuery) ([]usermgmt.User, error) {
		q.After.ID = [16]byte{}
		return s.ListUsers(ctx, q)
	}}},
	{"a search by the first three characters", 27, faults{listUsers: func(ctx context.Context, s usermgmt.Store, q usermgmt.UserQuery) ([]usermgmt.User, error) {
		if r := []rune(q.Search); len(r) > 3 {
			q.Search = string(r[:3])
		}
		return s.ListUsers(ctx, q)
	}}},
	{"a search that respects case", 37, faults{listUsers: func(ctx context.Context, s usermgmt.Store, q usermgmt.UserQuery) ([]usermgmt.User, error) {
		list, err := s.ListUsers(ctx, q)
		return slices.DeleteFunc(list, func(u usermgmt.User) bool {
			lines := []string{u.FirstName + " " + u.LastName, u.LastName + " " + u.FirstName, u.Username, u.Email}
			return !strings.Contains(strings.Join(lines, "\n"), q.Search)
		}), err
	}}},
	{"a filter that counts assignments which have ended", 165, faults{listUsers: func(ctx context.Context, s usermgmt.Store, q usermgmt.UserQuery) ([]usermgmt.User, error) {
		if q.Visible != nil {
			f := *q.Visible
			f.At = time.Time{}
			q.Visible = &f
		}
		return s.ListUsers(ctx, q)
	}}},
	{"a list of teams in the order of making", 18, faults{listTeams: func(ctx context.Context, s usermgmt.Store, org usermgmt.OrgID, q usermgmt.ListQuery) ([]usermgmt.Team, error) {
		list, err := s.ListTeams(ctx, org, q)
		for i := 1; i < len(list); i++ {
			if a, b := list[i-1].ID, list[i].ID; a.String() > b.String() {
				list[i-1], list[i] = list[i], list[i-1]
			}
		}
		return list, err
	}}},
	{"a membership that forgets the end of an assignment", 13, faults{membership: func(m *usermgmt.Membership) {
		for i := range m.Roles {
			m.Roles[i].Until = time.Time{}
		}
	}}},
	{"an ended membership that leaves the API key", 25, faults{endMember: func(ctx context.Context, s usermgmt.Store, user usermgmt.UserID, org usermgmt.OrgID, at time.Time) error {
		key, err := s.APIKeyOf(ctx, user, org)
		if e := s.DeleteMembership(ctx, user, org, at); e != nil || err != nil {
			return e
		}
		return s.PutAPIKey(ctx, key)
	}}},
	{"rights that are not bumped", 36, faults{bumpRights: func() bool { return false }}},
	{"trees that are not bumped", 34, faults{bumpStamps: func(bool) bool { return false }}},
	{"a seat too few", 36, faults{claim: func(ctx context.Context, s usermgmt.Store, org usermgmt.OrgID, t usermgmt.LicenceType, n int) error {
		pools, err := s.ListPools(ctx, org)
		for _, p := range pools {
			if p.Type == t && n > 0 && p.Size >= 0 && p.Used+n >= p.Size+p.Overdraft {
				return &usermgmt.Error{Kind: usermgmt.ErrLimit, Field: "licence"}
			}
		}
		if err != nil {
			return err
		}
		return s.ClaimSeats(ctx, org, t, n)
	}}},
	{"a seat too many given back", 4, faults{claim: func(ctx context.Context, s usermgmt.Store, org usermgmt.OrgID, t usermgmt.LicenceType, n int) error {
		if n < 0 {
			n--
		}
		return s.ClaimSeats(ctx, org, t, n)
	}}},
	{"a lost audit entry", 30, faults{audit: func(entries []usermgmt.AuditEntry) []usermgmt.AuditEntry {
		if len(entries) > 2 {
			return entries[:len(entries)-1]
		}
		return entries
	}}},
	{"refusals that are not folded", 38, faults{audit: func(entries []usermgmt.AuditEntry) []usermgmt.AuditEntry {
		for i := range entries {
			entries[i].FoldKey = ""
		}
		return entries
	}}},
	{"sessions that are not touched", 40, faults{touch: func() bool { return false }}},
	{"ending all sessions with one's own", 23, faults{keep: func(usermgmt.SessionID) usermgmt.SessionID { return usermgmt.SessionID{} }}},
	{"a login that leaves the count", 16, faults{recordLogin: func(context.Context, usermgmt.Store, usermgmt.UserID, time.Time) error { return nil }}},
	{"a key that forgets what it is narrowed to", 36, faults{putKey: func(k *usermgmt.APIKey) { k.Permissions = nil }}},
	{"a session that takes no floating seat", 65, faults{createSession: func(s *usermgmt.Session) { s.Licence = "" }}},
	{"a filter by a group that keeps everybody", 1, faults{listUsers: func(ctx context.Context, s usermgmt.Store, q usermgmt.UserQuery) ([]usermgmt.User, error) {
		q.Group = usermgmt.GroupID{}
		return s.ListUsers(ctx, q)
	}}},
	{"a page of groups that begins anew", 1, faults{listGroups: func(q *usermgmt.ListQuery) { q.After = usermgmt.Position{} }}},
	{"a setting without its lock", 1, faults{putSettings: func(set map[string]usermgmt.SettingValue, unset []string) (map[string]usermgmt.SettingValue, []string) {
		for key, v := range set {
			v.Locked = false
			set[key] = v
		}
		return set, unset
	}}},
	{"a member's setting by nobody", 5, faults{memberSettings: func(set map[string]usermgmt.SettingValue, unset []string) (map[string]usermgmt.SettingValue, []string) {
		for key, v := range set {
			v.By = usermgmt.UserID{}
			set[key] = v
		}
		return set, unset
	}}},
	{"a key that works on after its time of grace", 15, faults{putKey: func(k *usermgmt.APIKey) {
		if !k.PreviousUntil.IsZero() {
			k.PreviousUntil = k.PreviousUntil.Add(time.Hour)
		}
	}}},
	{"a leak that leaves a key in its time of grace", 45, faults{withdraw: func(ctx context.Context, s usermgmt.Store, hash [32]byte) (bool, error) {
		if view, err := s.APIKeyByHash(ctx, hash); err == nil && view.Key.PreviousHash == hash {
			return true, nil
		}
		return s.WithdrawAPIKey(ctx, hash)
	}}},
	{"a link as often as it is asked for", 5, faults{putToken: func(_ *usermgmt.Token, since *time.Time) { *since = time.Time{} }}},
	{"a link that leaves the one before", 7, faults{putToken: func(t *usermgmt.Token, since *time.Time) {
		if since.IsZero() {
			t.Key += t.ID.String()
		}
	}}},
	{"an invitation that forgets units of its plan", 11, faults{invitationFaults: invitationFaults{putInvitation: func(i *usermgmt.Invitation) {
		i.Plan.Units = nil
	}}}},
	{"an expired invitation that was revoked", 12, faults{invitationFaults: invitationFaults{endInvitation: func(o *usermgmt.InvitationOutcome, _ *time.Time) {
		*o = usermgmt.InvitationRevoked
	}}}},
	{"an invitation that is accepted by nobody", 0, faults{invitationFaults: invitationFaults{acceptedBy: func(by *usermgmt.UserID) {
		*by = usermgmt.UserID{}
	}}}},
	{"a link of an invitation that works again", 0, faults{invitationFaults: invitationFaults{
		useToken: func(usermgmt.TokenID) bool { return false },
		endInvitation: func(outcome *usermgmt.InvitationOutcome, _ *time.Time) {
			if *outcome == usermgmt.InvitationAccepted {
				*outcome = ""
			}
		}}}},
	{"a code that is accepted twice", 0, faults{secretFaults: secretFaults{useStep: func() bool { return false }}}},
	{"a recovery code that is accepted twice", 0, faults{secretFaults: secretFaults{useRecovery: func() bool { return false }}}},
	{"a second factor that outlives its removal", 0, faults{secretFaults: secretFaults{dropFactor: func() bool { return false }}}},
	{"a session that forgets what is to be done first", 0, faults{createSession: func(s *usermgmt.Session) { s.Pending = 0 }}},
	{"a session that proved a secret at any time", 0, faults{createSession: func(s *usermgmt.Session) { s.ProvedAt = s.ProvedAt.Add(time.Hour) }}},
	{"a job that another user is told of", 0, faults{jobFaults: jobFaults{jobByID: func(ctx context.Context, s usermgmt.Store, j *usermgmt.Job) {
		if users, err := s.ListUsers(ctx, usermgmt.UserQuery{Org: j.Org, View: usermgmt.ViewAll, Now: j.CreatedAt, Limit: 1}); err == nil && len(users) > 0 {
			j.By = users[0].ID
		}
	}}}},
	{"a second job of a user beside the first", 0, faults{jobFaults: jobFaults{addJob: func(j *usermgmt.Job) { j.Kind = j.ID.String() }}}},
	{"a job that runs on after it was cancelled", 0, faults{jobFaults: jobFaults{endJob: func(j *usermgmt.Job) {
		if j.Status == usermgmt.JobCancelled {
			j.Status = usermgmt.JobDone
		}
	}}}},
	{"a job that forgets what its key is narrowed to", 80, faults{jobFaults: jobFaults{addJob: func(j *usermgmt.Job) { j.Permissions = nil }}}},
	{"a field that forgets its default", 0, faults{fieldFaults: fieldFaults{saveField: func(f *usermgmt.CustomField) { f.Default = "" }}}},
	{"a list that does not ask for the organization's values", 0, faults{listUsers: func(ctx context.Context, s usermgmt.Store, q usermgmt.UserQuery) ([]usermgmt.User, error) {
		q.MemberCustom = nil
		return s.ListUsers(ctx, q)
	}}},
	{"a membership whose values are not searched", 0, faults{membership: func(m *usermgmt.Membership) { m.SearchKey = "" }}},
	{"an erased user's name that is left", 0, faults{erasureFaults: erasureFaults{saveUser: func(u *usermgmt.User) {
		if !u.ErasedAt.IsZero() {
			u.LastName = "Stone"
		}
	}}}},
	{"mail to an erased user that is left", 43, faults{erasureFaults: erasureFaults{eraseTraces: func(p *usermgmt.Person) { p.Addresses = nil }}}},
	{"entries about an erased user that are left", 0, faults{erasureFaults: erasureFaults{eraseAudit: func() bool { return false }}}},
	{"a reset that leaves the password in force", 0, faults{erasureFaults: erasureFaults{saveCredential: func(c *usermgmt.Credential) {
		c.Status = usermgmt.StatusActive
	}}}},
	{"a list of invitations that begins anew", 28, faults{invitationFaults: invitationFaults{listInvitations: func(_ *bool, q *usermgmt.ListQuery) {
		q.After = usermgmt.Position{}
	}}}},
}

// hunt runs a machine with a seed for some steps, and tells what it found and
// after how many.
func hunt(tb testing.TB, seed, limit int, f faults) (text string, steps int) {
	type result struct {
		text  string
		steps int
	}
	r := rapid.Custom(func(t *rapid.T) (r result) {
		list := []namedStore{{"memory", memory.New()}, {"faulty", faulty{memory.New(), f}}}
		r.text = play(tb, t, list, newTally(), func(mc *machine) {
			for range limit {
				r.steps++
				mc.once()
			}
		})
		return r
	}).Example(seed)
	return r.text, r.steps
}

// TestMutantsAreFound shows that the comparison can fail: every fault is found,
// with the same seeds each time, within a bounded number of steps. Where the
// drawing of steps has changed since a seed was noted, others follow it.
func TestMutantsAreFound(t *testing.T) {
	const runs, limit = 100, 400
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			sum := 0
			for seed := range runs {
				text, n := hunt(t, m.seed+seed, limit, m.faults)
				sum += n
				if text != "" {
					t.Logf("after %d steps: %.200s", sum, text)
					return
				}
			}
			assert.Fail(t, "not found", "in %d steps", sum)
		})
	}
}
