package memory

import (
	"context"
	"slices"
	"time"

	"github.com/usermgmt/usermgmt"
)

// member is a membership. What many members have in common is shared: the kit
// and the place.
type member struct {
	stamp    uint64 // see writer.replace
	kit      *kit
	rights   int64
	u        *userRow
	place    *place
	settings map[string]usermgmt.SettingValue // never changed
	custom   map[string]string
	// searchKey is in the arena, under the user.
	searchKey string

	version              int64
	createdAt, updatedAt int64 // microseconds
}

// place is a set of teams.
type place struct {
	teams   []inTeam
	primary *teamTag // nil without a primary team
}

// inTeam is a team and, if it is not for good, for how long.
type inTeam struct {
	tag  *teamTag
	span *span
}

type span struct{ from, until time.Time }

func (s *span) holds(at time.Time) bool {
	return !at.Before(s.from) && (s.until.IsZero() || at.Before(s.until))
}

// teamMember is a member below the number of a team.
type teamMember struct {
	no uint64
	m  *member
}

func (a teamMember) compare(b teamMember) int {
	if a.no != b.no {
		if a.no < b.no {
			return -1
		}
		return 1
	}
	return cmpID(a.m.u.ID, b.m.u.ID)
}

// membersOf yields the members of the team with the number.
func (v *version) membersOf(no uint64, yield func(*member) bool) {
	v.users.teamMembers.Ascend(func(x teamMember) bool { return x.no >= no },
		func(x teamMember) bool { return x.no == no && yield(x.m) })
}

// member returns the membership, nil if there is none.
func (v *version) member(user usermgmt.UserID, org usermgmt.OrgID) *member {
	return v.users.members.Get(hashID(user), func(m *member) bool { return m.u.ID == user && m.kit.org == org })
}

// memberships returns all memberships of the user in no order.
func (v *version) memberships(user usermgmt.UserID) []*member {
	var out []*member
	v.users.members.Get(hashID(user), func(m *member) bool {
		if m.u.ID == user {
			out = append(out, m)
		}
		return false
	})
	return out
}

func (p *place) in(team usermgmt.TeamID) bool {
	for i := range p.teams {
		if p.teams[i].tag.id == team {
			return true
		}
	}
	return false
}

func (p *place) equal(o *place) bool {
	return p.primary == o.primary && slices.EqualFunc(p.teams, o.teams, func(a, b inTeam) bool {
		return a.tag == b.tag && (a.span == b.span || a.span != nil && b.span != nil && *a.span == *b.span)
	})
}

var nowhere = &place{}

// placeOf makes the place that m says, or finds it with another member.
func (w *writer) placeOf(m *usermgmt.Membership) (*place, error) {
	p := &place{}
	tag := func(id usermgmt.TeamID) *teamTag {
		if t := w.v.team(id); t != nil && t.Org == m.Org {
			return t.tag
		}
		return nil
	}
	if !m.PrimaryTeam.IsZero() {
		if p.primary = tag(m.PrimaryTeam); p.primary == nil {
			return nil, missing("primary_team")
		}
	}
	for _, a := range m.Teams {
		in := inTeam{tag: tag(a.Team)}
		if in.tag == nil {
			return nil, missing("teams")
		}
		if !a.From.IsZero() || !a.Until.IsZero() {
			in.span = &span{utc(a.From), utc(a.Until)}
		}
		p.teams = append(p.teams, in)
	}
	switch {
	case len(p.teams) == 0 && p.primary == nil:
		return nowhere, nil
	case len(p.teams) == 0:
		return p, nil
	case p.equal(p.teams[0].tag.alone):
		return p.teams[0].tag.alone, nil
	}
	tries := 0
	w.v.membersOf(p.teams[0].tag.no, func(o *member) bool {
		if o.place.equal(p) {
			p = o.place
			return false
		}
		tries++
		return tries < 4
	})
	return p, nil
}

// SaveMembership implements [usermgmt.Store].
func (s *Store) SaveMembership(ctx context.Context, m usermgmt.Membership) error {
	return s.write(ctx, func(w *writer) error { return w.saveMembership(&m) })
}

func (w *writer) saveMembership(m *usermgmt.Membership) error {
	old := w.v.member(m.User, m.Org)
	var stored int64
	if old != nil {
		stored = old.version
	}
	if err := checkVersion(m.Version, old != nil, stored); err != nil {
		return err
	}
	p := w.v.person(m.User)
	if p == nil {
		return missing("user")
	}
	if w.v.org(m.Org) == nil {
		return missing("organization")
	}
	k, err := w.kitOf(m)
	if err != nil {
		return err
	}
	at, err := w.placeOf(m)
	if err != nil {
		return err
	}
	rights, settings := m.Rights, cloneSettings(m.Settings)
	if old != nil {
		rights, settings = old.rights+1, old.settings
	}
	w.replaceMember(old, &member{
		u: p.u, kit: w.takeKit(k), place: at, settings: settings,
		custom: cloneMap(m.Custom), searchKey: m.SearchKey,
		rights: rights, version: m.Version + 1,
		createdAt: m.CreatedAt.UnixMicro(), updatedAt: m.UpdatedAt.UnixMicro(),
	})
	if old != nil {
		w.dropKit(old.kit)
	}
	w.searchMember(old, m)
	return nil
}

// replaceMember puts row, whose kit is taken, in the place of old, which may
// be nil.
func (w *writer) replaceMember(old, row *member) {
	t := w.users()
	put(&t.members, w.own, old, row)
	if old != nil {
		w.replace(&old.stamp)
		if old.place != row.place {
			w.leaveTeams(old)
		}
	}
	for i := range row.place.teams {
		t.teamMembers.Set(w.own, teamMember{row.place.teams[i].tag.no, row})
	}
	if p := row.place.primary; p != nil && !row.place.in(p.id) {
		t.teamMembers.Set(w.own, teamMember{p.no, row})
	}
	sp := w.space(row.kit.org)
	for i, by := range userOrders {
		if old != nil && old.u != row.u && by(&old.u.User, &row.u.User) != 0 {
			sp.members[i].Delete(w.own, old)
		}
		sp.members[i].Set(w.own, row)
	}
}

func (w *writer) leaveTeams(m *member) {
	t := w.users()
	for i := range m.place.teams {
		t.teamMembers.Delete(w.own, teamMember{m.place.teams[i].tag.no, m})
	}
	if m.place.primary != nil {
		t.teamMembers.Delete(w.own, teamMember{m.place.primary.no, m})
	}
}

// moveMembers makes the memberships of a user lead to its new row.
func (w *writer) moveMembers(old, row *userRow) {
	for _, m := range w.v.memberships(old.ID) {
		next := *m
		next.stamp, next.u = 0, row
		w.replaceMember(m, &next)
	}
}

// DeleteMembership implements [usermgmt.Store].
func (s *Store) DeleteMembership(
	ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID, at time.Time,
) error {
	return s.write(ctx, func(w *writer) error {
		m := w.v.member(user, org)
		if m == nil {
			return usermgmt.ErrNotFound
		}
		w.replace(&m.stamp)
		w.leaveTeams(m)
		w.dropKit(m.kit)
		w.users().members.Delete(w.own, m)
		if m.searchKey != "" {
			w.users().search.stale++
		}
		sp := w.space(org)
		for i := range sp.members {
			sp.members[i].Delete(w.own, m)
		}
		if k := w.v.keyOf(user, org); k != nil {
			w.deleteKey(k)
		}
		if l := w.v.proxyList(user, org); l != nil {
			w.deleteProxyList(l)
		}
		w.deleteDeputies(user, org)
		for _, e := range w.v.accessOf(user, org) {
			w.deleteAccess(e)
		}
		if d := w.v.importDigest(user, org); d != nil {
			w.others().digests.Delete(w.own, d)
		}
		w.endSessionsOf(user, org, at)
		return nil
	})
}

// MembershipOf implements [usermgmt.Store].
func (s *Store) MembershipOf(
	ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID,
) (usermgmt.Membership, error) {
	v, err := s.read(ctx)
	if err != nil {
		return usermgmt.Membership{}, err
	}
	m := v.member(user, org)
	if m == nil {
		return usermgmt.Membership{}, usermgmt.ErrNotFound
	}
	var c copier
	return c.membership(m), nil
}

// MembershipsOf implements [usermgmt.Store].
func (s *Store) MembershipsOf(ctx context.Context, user usermgmt.UserID) ([]usermgmt.Membership, error) {
	v, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	rows := v.memberships(user)
	slices.SortFunc(rows, func(a, b *member) int { return cmpID(a.kit.org, b.kit.org) })
	var c copier
	out := make([]usermgmt.Membership, len(rows))
	for i, m := range rows {
		out[i] = c.membership(m)
	}
	return out, nil
}

// Memberships implements [usermgmt.Store].
func (s *Store) Memberships(
	ctx context.Context, org usermgmt.OrgID, users []usermgmt.UserID,
) ([]usermgmt.Membership, error) {
	v, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	seen := make(map[usermgmt.UserID]struct{}, len(users))
	var c copier
	var out []usermgmt.Membership
	for _, id := range users {
		if _, again := seen[id]; again {
			continue
		}
		seen[id] = struct{}{}
		if m := v.member(id, org); m != nil {
			out = append(out, c.membership(m))
		}
	}
	return out, nil
}

// MembershipsOfUsers implements [usermgmt.Store].
func (s *Store) MembershipsOfUsers(ctx context.Context, users []usermgmt.UserID) ([]usermgmt.Membership, error) {
	v, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	seen := make(map[usermgmt.UserID]struct{}, len(users))
	var c copier
	var out []usermgmt.Membership
	for _, id := range users {
		if _, again := seen[id]; again {
			continue
		}
		seen[id] = struct{}{}
		for _, m := range v.memberships(id) {
			out = append(out, c.membership(m))
		}
	}
	return out, nil
}

// BumpRights implements [usermgmt.Store].
func (s *Store) BumpRights(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID) error {
	return s.write(ctx, func(w *writer) error {
		if m := w.v.member(user, org); m != nil {
			next := *m
			next.stamp = 0
			next.rights++
			w.replaceMember(m, &next)
		}
		return nil
	})
}
