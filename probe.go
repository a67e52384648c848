package usermgmt

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// A probe finds out whether a call would be refused by making it: the real
// method, with every check that it makes, up to its first write. That is not
// made, and says that nothing refused the call. So what is offered to people and
// what they are then refused can never be two things.
//
// What many calls read about a page of users is read once, for all of them.

// errProbed: the call was about to write.
var errProbed = errors.New("probed")

// probe returns a manager whose calls write nothing.
func (m *Manager) probe(s *probeStore) *Manager {
	c := *m
	c.store, c.probing, c.bound = s, true, true
	c.rights = m.rights.reading()
	return &c
}

// onProbe calls fn with a probe about some users and with the actor as of now.
func (m *Manager) onProbe(ctx context.Context, a Actor, ids []UserID,
	fn func(ctx context.Context, m *Manager, a Actor, p *probeStore) error) error {
	err := m.store.Tx(ctx, func(ctx context.Context, tx Store) error {
		v, now := *a.v, m.now()
		if err := m.renew(ctx, tx, &v, now); err != nil {
			return err
		}
		p, err := newProbeStore(ctx, tx, now, ids)
		if err != nil {
			return err
		}
		if err := fn(ctx, m.probe(p), Actor{&v}, p); err != nil {
			return err
		}
		return errProbed // whatever happened, nothing stays
	})
	if errors.Is(err, errProbed) {
		return nil
	}
	return err
}

// probed is [Manager.change] of a probe: without a transaction, a record or a
// renewal of the actor's rights, which the probe begins with.
func (m *Manager) probed(ctx context.Context, a Actor, operation OperationID, op, verb string,
	fn func(ctx context.Context, w *work) error) error {
	if a.IsZero() {
		return errNoActor()
	}
	v := *a.v
	if err := v.mayDo(verb); err != nil {
		return err
	}
	err := fn(ctx, &work{m: m, tx: m.store, v: &v, now: m.now(), op: operation, verb: verb})
	if errors.Is(err, errProbed) {
		return errProbed
	}
	return failed(op, OperationID{}, err)
}

// probeStore is the store of a probe: reads of a page of users at once, each read
// once, no write; see probe_writes.go for the latter.
type probeStore struct {
	Store
	now         time.Time
	users       []UserID
	accounts    map[UserID]*Account
	memberships map[UserID][]Membership // in the order of Org
	access      map[OrgID]map[UserID][]AccessEntry
	orgs        map[OrgID]Standing // of anybody there
	memo        map[string]answer
}

type answer struct {
	value any
	err   error
}

// newProbeStore reads what calls about users ask.
func newProbeStore(ctx context.Context, s Store, now time.Time, ids []UserID) (*probeStore, error) {
	p := &probeStore{Store: s, now: now, accounts: map[UserID]*Account{}, memberships: map[UserID][]Membership{},
		access: map[OrgID]map[UserID][]AccessEntry{}, orgs: map[OrgID]Standing{}, memo: map[string]answer{}}
	accounts, err := s.AccountsByID(ctx, ids)
	if err != nil {
		return nil, err
	}
	for i := range accounts {
		p.accounts[accounts[i].User.ID] = &accounts[i]
	}
	p.users = slices.Collect(maps.Keys(p.accounts))
	members, err := s.MembershipsOfUsers(ctx, p.users)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(members, func(a, b Membership) int { return slices.Compare(a.Org[:], b.Org[:]) })
	for _, m := range members {
		p.memberships[m.User] = append(p.memberships[m.User], m)
	}
	return p, nil
}

// once reads what was not read before.
func once[T any](p *probeStore, read func() (T, error), method string, args ...any) (T, error) {
	key := method + fmt.Sprint(args...)
	r, known := p.memo[key]
	if !known {
		value, err := read()
		r = answer{value, err}
		p.memo[key] = r
	}
	value, _ := r.value.(T)
	return value, r.err
}

// Tx implements [Store]: what calls it does more than ask.
func (p *probeStore) Tx(context.Context, func(context.Context, Store) error) error { return errProbed }

// LockOrg implements [Store]: nothing is going to be written.
func (p *probeStore) LockOrg(context.Context, OrgID) error { return nil }

// ClaimSeats implements [Store]: of the writes it is the one that refuses for a
// reason of its own.
func (p *probeStore) ClaimSeats(ctx context.Context, org OrgID, t LicenceType, n int) error {
	pools, err := once(p, func() ([]LicencePool, error) { return p.ListPools(ctx, org) }, "ListPools", org)
	if err != nil {
		return err
	}
	for _, pool := range pools {
		if pool.Type == t && !pool.Floating && n > 0 && pool.Size >= 0 && pool.Overdraft >= 0 && pool.Used+n > pool.Size+pool.Overdraft {
			return &Error{Kind: ErrLimit, Field: "licence"}
		}
	}
	return errProbed
}

func (p *probeStore) AccountByID(ctx context.Context, id UserID) (Account, error) {
	if a := p.accounts[id]; a != nil {
		return *a, nil
	}
	return once(p, func() (Account, error) { return p.Store.AccountByID(ctx, id) }, "AccountByID", id)
}

func (p *probeStore) UserByID(ctx context.Context, id UserID) (User, error) {
	if a := p.accounts[id]; a != nil {
		return a.User, nil
	}
	return once(p, func() (User, error) { return p.Store.UserByID(ctx, id) }, "UserByID", id)
}

func (p *probeStore) MembershipsOf(ctx context.Context, user UserID) ([]Membership, error) {
	if p.accounts[user] != nil {
		return slices.Clone(p.memberships[user]), nil
	}
	return once(p, func() ([]Membership, error) { return p.Store.MembershipsOf(ctx, user) }, "MembershipsOf", user)
}

func (p *probeStore) MembershipOf(ctx context.Context, user UserID, org OrgID) (Membership, error) {
	if p.accounts[user] == nil {
		return once(p, func() (Membership, error) { return p.Store.MembershipOf(ctx, user, org) }, "MembershipOf", user, org)
	}
	for i := range p.memberships[user] {
		if p.memberships[user][i].Org == org {
			return p.memberships[user][i], nil
		}
	}
	return Membership{}, ErrNotFound
}

func (p *probeStore) AccessOf(ctx context.Context, user UserID, org OrgID) ([]AccessEntry, error) {
	if p.accounts[user] == nil {
		return once(p, func() ([]AccessEntry, error) { return p.Store.AccessOf(ctx, user, org) }, "AccessOf", user, org)
	}
	if p.access[org] == nil {
		entries, err := p.AccessOfUsers(ctx, org, p.users)
		if err != nil {
			return nil, err
		}
		p.access[org] = map[UserID][]AccessEntry{}
		for _, e := range entries {
			p.access[org][e.User] = append(p.access[org][e.User], e)
		}
	}
	return slices.Clone(p.access[org][user]), nil
}

// StandingOf puts together what is known of a user and of an organization.
func (p *probeStore) StandingOf(ctx context.Context, user UserID, org OrgID) (Standing, error) {
	acc := p.accounts[user]
	if acc == nil || org.IsZero() {
		return once(p, func() (Standing, error) { return p.Store.StandingOf(ctx, user, org) }, "StandingOf", user, org)
	}
	there, known := p.orgs[org]
	if !known {
		var err error
		if there, err = p.Store.StandingOf(ctx, user, org); err != nil {
			return Standing{}, err
		}
		p.orgs[org] = there
	}
	st := acc.standing()
	st.Org, st.OrgEnabled, st.OrgEpoch, st.Provider, st.SwitchRoles = there.Org, there.OrgEnabled, there.OrgEpoch, there.Provider, there.SwitchRoles
	st.Policy, st.Trees, st.SystemPolicy = there.Policy, there.Trees, there.SystemPolicy
	if m, err := p.MembershipOf(ctx, user, org); err == nil {
		st.Member, st.MemberEnabled, st.Rights = true, m.Enabled, m.Rights
	}
	return st, nil
}

func (p *probeStore) OrgStanding(ctx context.Context, org OrgID) (Standing, error) {
	return once(p, func() (Standing, error) { return p.Store.OrgStanding(ctx, org) }, "OrgStanding", org)
}

// ProxyListOf knows the actor's list only: those of others matter when they are
// replaced, which a probe does not get to.
func (p *probeStore) ProxyListOf(ctx context.Context, operator UserID, org OrgID) (ProxyList, error) {
	if p.accounts[operator] != nil {
		return ProxyList{}, ErrNotFound
	}
	return once(p, func() (ProxyList, error) { return p.Store.ProxyListOf(ctx, operator, org) }, "ProxyListOf", operator, org)
}

// DeputyOf reads for whom somebody is a deputy once, if that is a page at most.
func (p *probeStore) DeputyOf(ctx context.Context, user UserID, org OrgID, deputy UserID) (Deputy, error) {
	q := DeputyQuery{Org: org, Deputy: deputy, Limit: MaxPageSize}
	list, err := once(p, func() ([]Deputy, error) { return p.ListDeputies(ctx, q) }, "ListDeputies", org, deputy)
	if err != nil {
		return Deputy{}, err
	}
	if i := slices.IndexFunc(list, func(d Deputy) bool { return d.User == user }); i >= 0 {
		return list[i], nil
	}
	if len(list) < q.Limit {
		return Deputy{}, ErrNotFound
	}
	return p.Store.DeputyOf(ctx, user, org, deputy)
}

func (p *probeStore) OrgByID(ctx context.Context, id OrgID) (Organization, error) {
	return once(p, func() (Organization, error) { return p.Store.OrgByID(ctx, id) }, "OrgByID", id)
}

func (p *probeStore) UnitByID(ctx context.Context, id UnitID) (BusinessUnit, error) {
	return once(p, func() (BusinessUnit, error) { return p.Store.UnitByID(ctx, id) }, "UnitByID", id)
}

func (p *probeStore) TeamByID(ctx context.Context, id TeamID) (Team, error) {
	return once(p, func() (Team, error) { return p.Store.TeamByID(ctx, id) }, "TeamByID", id)
}

func (p *probeStore) ProfileByID(ctx context.Context, id ProfileID) (AccessProfile, error) {
	return once(p, func() (AccessProfile, error) { return p.Store.ProfileByID(ctx, id) }, "ProfileByID", id)
}

func (p *probeStore) Policy(ctx context.Context, id OrgID) (PolicySet, error) {
	return once(p, func() (PolicySet, error) { return p.Store.Policy(ctx, id) }, "Policy", id)
}

func (p *probeStore) Trees(ctx context.Context, id OrgID) (TreeSet, error) {
	return once(p, func() (TreeSet, error) { return p.Store.Trees(ctx, id) }, "Trees", id)
}

func (p *probeStore) ListUsers(ctx context.Context, q UserQuery) ([]User, error) {
	q.Now = p.now // of all calls
	return once(p, func() ([]User, error) { return p.Store.ListUsers(ctx, q) }, "ListUsers", q)
}

func (p *probeStore) SessionByID(ctx context.Context, id SessionID) (SessionView, error) {
	return once(p, func() (SessionView, error) { return p.Store.SessionByID(ctx, id) }, "SessionByID", id)
}

func (p *probeStore) SettingsOf(ctx context.Context, org OrgID) (SettingSet, error) {
	return once(p, func() (SettingSet, error) { return p.Store.SettingsOf(ctx, org) }, "SettingsOf", org)
}

func (p *probeStore) FieldsOf(ctx context.Context, org OrgID) ([]CustomField, error) {
	return once(p, func() ([]CustomField, error) { return p.Store.FieldsOf(ctx, org) }, "FieldsOf", org)
}

func (p *probeStore) Memberships(ctx context.Context, org OrgID, users []UserID) ([]Membership, error) {
	return once(p, func() ([]Membership, error) { return p.Store.Memberships(ctx, org, users) }, "Memberships", org, users)
}
