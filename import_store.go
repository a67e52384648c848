package usermgmt

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt/internal/canon"
)

// importStore is the store of a batch of an import, bound to its transaction. It
// asks for everybody whom the batch is about at once, and for what every row
// needs only once. What the batch writes is forgotten, to be read again.
type importStore struct {
	Store
	org OrgID
	// wrote: something was written since it was last reset. Audit entries and
	// mails do not count; they come last.
	wrote  bool
	loaded bool // load was called
	writes importWrites

	orgs  map[OrgID]Organization
	units map[UnitID]BusinessUnit
	// names and externals tell who has a login name or an external identifier;
	// the zero identifier is nobody.
	names     map[string]UserID
	externals map[externalID]UserID
	users     map[UserID]User
	// members holds the users whose membership is known; nil is none.
	members map[UserID]*Membership
}

type externalID struct{ source, id string }

func newImportStore(tx Store, org OrgID) *importStore {
	return &importStore{
		Store: tx, org: org,
		orgs: make(map[OrgID]Organization), units: make(map[UnitID]BusinessUnit),
		names: make(map[string]UserID), externals: make(map[externalID]UserID),
		users: make(map[UserID]User), members: make(map[UserID]*Membership),
	}
}

// in binds what was found beforehand to the transaction of the batch; without
// anything it begins anew.
func (s *importStore) in(tx Store, imp *importer) *importStore {
	if s == nil || imp.wrote.all {
		return newImportStore(tx, imp.org)
	}
	s.Store = tx
	s.forget(&imp.wrote)
	return s
}

// load reads the users whom rows name, with their memberships.
func (s *importStore) load(ctx context.Context, rows []importRow, source string) error {
	s.loaded = true
	for i := range rows {
		r := &rows[i]
		if r.cells == nil || r.same > 0 {
			continue
		}
		username, external := r.about(source)
		if key, err := canon.Username(username); err == nil {
			s.names[key] = UserID{}
		}
		for _, column := range [...]int{colResponsible, colReportsTo} {
			if text := r.special(column); text != "" {
				if key, err := loginKey(text); err == nil {
					s.names[key] = UserID{}
				}
			}
		}
		if external.source != "" && external.id != "" {
			s.externals[external] = UserID{}
		}
	}
	keys := make([]string, 0, len(s.names))
	for key := range s.names {
		keys = append(keys, key)
	}
	if len(keys) > 0 {
		found, err := s.Store.UsersByLogin(ctx, keys)
		if err != nil {
			return err
		}
		for i := range found {
			s.keep(&found[i])
		}
	}
	bySource := make(map[string][]string)
	for x, id := range s.externals {
		if id.IsZero() { // else it is one of those who were found by name
			bySource[x.source] = append(bySource[x.source], x.id)
		}
	}
	for from, ids := range bySource {
		found, err := s.Store.UsersByExternalID(ctx, from, ids)
		if err != nil {
			return err
		}
		for i := range found {
			s.keep(&found[i])
		}
	}
	return s.loadMembers(ctx)
}

// keep notes a user who was found.
func (s *importStore) keep(u *User) {
	s.users[u.ID] = *u
	for _, key := range [...]string{u.UsernameKey, u.EmailKey} {
		if _, asked := s.names[key]; asked {
			s.names[key] = u.ID
		}
	}
	x := externalID{u.Source, u.ExternalID}
	if _, asked := s.externals[x]; asked {
		s.externals[x] = u.ID
	}
}

func (s *importStore) loadMembers(ctx context.Context) error {
	if len(s.users) == 0 {
		return nil
	}
	ids := make([]UserID, 0, len(s.users))
	for id := range s.users {
		ids = append(ids, id)
		s.members[id] = nil
	}
	found, err := s.Store.Memberships(ctx, s.org, ids)
	if err != nil {
		return err
	}
	for i := range found {
		s.members[found[i].User] = &found[i]
	}
	return nil
}

// known returns the user id stands for, if that is known: none for the zero one.
func (s *importStore) known(id UserID, asked bool) (users []User, ok bool) {
	if !asked {
		return nil, false
	}
	if id.IsZero() {
		return nil, true
	}
	u, ok := s.users[id]
	return []User{u}, ok
}

func (s *importStore) UsersByLogin(ctx context.Context, keys []string) ([]User, error) {
	if len(keys) == 1 {
		id, asked := s.names[keys[0]]
		if users, ok := s.known(id, asked); ok {
			return users, nil
		}
	}
	return s.Store.UsersByLogin(ctx, keys)
}

func (s *importStore) UsersByExternalID(ctx context.Context, source string, ids []string) ([]User, error) {
	if len(ids) == 1 {
		id, asked := s.externals[externalID{source, ids[0]}]
		if users, ok := s.known(id, asked); ok {
			return users, nil
		}
	}
	return s.Store.UsersByExternalID(ctx, source, ids)
}

func (s *importStore) UserByID(ctx context.Context, id UserID) (User, error) {
	if u, ok := s.users[id]; ok {
		return u, nil
	}
	return s.Store.UserByID(ctx, id)
}

func (s *importStore) MembershipOf(ctx context.Context, user UserID, org OrgID) (Membership, error) {
	m, ok := s.members[user]
	switch {
	case !ok || org != s.org:
		return s.Store.MembershipOf(ctx, user, org)
	case m == nil:
		return Membership{}, ErrNotFound
	}
	return *m, nil
}

func (s *importStore) OrgByID(ctx context.Context, id OrgID) (Organization, error) {
	return remembered(ctx, s.orgs, id, s.Store.OrgByID)
}

func (s *importStore) UnitByID(ctx context.Context, id UnitID) (BusinessUnit, error) {
	return remembered(ctx, s.units, id, s.Store.UnitByID)
}

func remembered[K comparable, V any](ctx context.Context, in map[K]V, key K, read func(context.Context, K) (V, error)) (V, error) {
	if v, ok := in[key]; ok {
		return v, nil
	}
	v, err := read(ctx, key)
	if err == nil {
		in[key] = v
	}
	return v, err
}

// The writes that a row can make.

func (s *importStore) wroteMember(user UserID) {
	delete(s.members, user)
	s.writes.members = append(s.writes.members, user)
}

func (s *importStore) SaveUnit(ctx context.Context, u BusinessUnit) error {
	s.wrote = true
	delete(s.units, u.ID)
	return s.Store.SaveUnit(ctx, u)
}

func (s *importStore) SaveUser(ctx context.Context, u User) error {
	s.wrote = true
	s.forgetUser(&u)
	s.writes.users = append(s.writes.users, u)
	return s.Store.SaveUser(ctx, u)
}

func (s *importStore) SaveMembership(ctx context.Context, m Membership) error {
	s.wrote = true
	s.wroteMember(m.User)
	return s.Store.SaveMembership(ctx, m)
}

func (s *importStore) PutMemberSettings(ctx context.Context, user UserID, org OrgID, set map[string]SettingValue, unset []string) error {
	s.wrote = true
	s.wroteMember(user)
	return s.Store.PutMemberSettings(ctx, user, org, set, unset)
}

func (s *importStore) BumpRights(ctx context.Context, user UserID, org OrgID) error {
	s.wroteMember(user)
	return s.Store.BumpRights(ctx, user, org)
}

func (s *importStore) SaveCredential(ctx context.Context, c Credential) error {
	s.wrote = true
	return s.Store.SaveCredential(ctx, c)
}

func (s *importStore) ClaimSeats(ctx context.Context, org OrgID, t LicenceType, n int) error {
	s.wrote = true
	return s.Store.ClaimSeats(ctx, org, t, n)
}

func (s *importStore) EndSessions(ctx context.Context, user UserID, org OrgID, keep SessionID, at time.Time, reason string) (int, error) {
	s.wrote = true
	return s.Store.EndSessions(ctx, user, org, keep, at, reason)
}
