package usermgmt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/usermgmt/usermgmt/internal/authz"
)

// Impact is who would gain and lose rights by a change.
type Impact struct {
	// Gaining and Losing count the members who would; some may do both.
	Gaining, Losing int
	// Changes are the first of them, in the order of their names but those first whom
	// the change is about.
	Changes []RightsChange
}

// RightsChange is what a member of an organization would gain and lose.
type RightsChange struct {
	User UserID
	// Gained and Lost are permissions with the scopes that come and go, over all
	// applications and all roles together, also of assignments that have not begun.
	Gained, Lost []Grant
	// The units and teams that relative scopes, which the member has before and
	// after, come to reach and no longer reach, and the teams whose records sharing
	// policies come to share with the member and no longer share. Of those that lie
	// below one another the topmost.
	GainedUnits, LostUnits   []UnitID
	GainedTeams, LostTeams   []TeamID
	GainedShared, LostShared []TeamID
	// GainedCriteria and LostCriteria are the roles and teams for the sake of which
	// the member comes to meet, and no longer meets, [Criteria] that list them, where
	// an object's criteria choose by roles or teams ([Object.Visibility]).
	GainedCriteria, LostCriteria Criteria
}

func (c *RightsChange) gains() bool {
	return len(c.Gained)+len(c.GainedUnits)+len(c.GainedTeams)+len(c.GainedShared)+c.GainedCriteria.len() > 0
}

func (c *RightsChange) loses() bool {
	return len(c.Lost)+len(c.LostUnits)+len(c.LostTeams)+len(c.LostShared)+c.LostCriteria.len() > 0
}

// len is how many criteria there are that a change of rights can be about.
func (c *Criteria) len() int { return len(c.Roles) + len(c.Teams) }

// errWhatIf: the change was only tried.
var errWhatIf = errors.New("what if")

// WhatIf tells who would gain and lose rights in the actor's organization by a
// change, before it is made: to a role, a profile, a team, a unit, a membership, a
// sharing policy, or several of them.
//
// It makes the change: change is called with a manager on which it makes the calls,
// which decide as they always do, in a transaction that is then rolled back. So
// nothing stays, nothing is recorded or mailed, and hooks are not asked. A call
// that fails ends it with its error. Calls that verify a secret are refused on that
// manager, as on one of [Manager.WithStore].
//
// The actor needs [PermRoleView], and learns of the members on whom it has
// [PermUserView]. At most limit changes are listed, [DefaultPageSize] for 0; the
// counts are exact. A change of a role or a tree reads every member of the
// organization once, a thousand at a time; locks that the change takes are held
// as long.
//
// Errors: [ErrPermission], [ErrLimit] for a limit above [MaxPageSize], and those
// of the calls.
func (a *Access) WhatIf(ctx context.Context, actor Actor, limit int, change func(ctx context.Context, m *Manager) error) (*Impact, error) {
	const op = "Access.WhatIf"
	v, err := a.m.read(actor)
	if err != nil {
		return nil, withOp(op, err)
	}
	if err := v.needIn(PermRoleView, v.org); err != nil {
		return nil, withOp(op, err)
	}
	if limit == 0 {
		limit = DefaultPageSize
	}
	if limit < 0 || limit > MaxPageSize {
		return nil, &Error{Op: op, Kind: ErrLimit, Field: "limit"}
	}
	var out *Impact
	err = a.m.store.Tx(ctx, func(ctx context.Context, tx Store) error {
		w := &whatIf{v: v, tx: &watchedStore{Store: tx, org: v.org, before: map[UserID]holding{}}, limit: limit, m: a.m, shared: map[string][2][]TeamID{}}
		if err := w.run(ctx, change); err != nil {
			return err
		}
		out = &w.impact
		return errWhatIf
	})
	if !errors.Is(err, errWhatIf) {
		return nil, withOp(op, err)
	}
	return out, nil
}

type whatIf struct {
	m          *Manager
	v          *actorValue
	tx         *watchedStore
	old, now   compiledOrg
	limit      int
	impact     Impact
	everywhere bool // the change concerns more than the members it is about
	// movedUnits and movedTeams have another parent afterwards.
	movedUnits, movedTeams []authz.ID
	// shared keeps what is gained and lost by the spans that are shared.
	shared map[string][2][]TeamID
}

func (w *whatIf) run(ctx context.Context, change func(ctx context.Context, m *Manager) error) error {
	var err error
	if w.old, err = w.compiled(ctx); err != nil {
		return err
	}
	m := w.m.WithStore(w.tx)
	m.cfg.Hooks, m.cfg.Events = nil, nil
	if err := change(ctx, m); err != nil {
		return err
	}
	if w.now, err = w.compiled(ctx); err != nil {
		return err
	}
	w.everywhere = w.old.policy.set.Policy != w.now.policy.set.Policy || w.old.policy.set.SystemPolicy != w.now.policy.set.SystemPolicy ||
		w.old.trees.stamp != w.now.trees.stamp
	if w.old.trees.stamp != w.now.trees.stamp {
		w.movedUnits, w.movedTeams = w.now.trees.units.Moved(w.old.trees.units), w.now.trees.teams.Moved(w.old.trees.teams)
	}
	if err := w.touched(ctx); err != nil {
		return err
	}
	if w.everywhere {
		return w.others(ctx)
	}
	return nil
}

func (w *whatIf) compiled(ctx context.Context) (compiledOrg, error) {
	st, err := w.tx.StandingOf(ctx, w.v.subject, w.v.org)
	if isNotFound(err) {
		st, err = Standing{Org: w.v.org}, nil
	}
	if err != nil {
		return compiledOrg{}, err
	}
	return w.m.rights.reading().org(ctx, w.tx.Store, &st)
}

// touched compares the members whom the change is about.
func (w *whatIf) touched(ctx context.Context) error {
	for _, user := range w.tx.order {
		u, err := w.tx.UserByID(ctx, user)
		if err != nil {
			return err
		}
		after, err := w.m.rights.reading().holding(ctx, w.tx.Store, user, w.v.org, ApplicationID{}, everyRole)
		if err != nil {
			return err
		}
		before := w.tx.before[user]
		if w.v.sees(PermUserView, recordOf(&u, before.membership, w.v.org, w.m.now())) || w.v.sees(PermUserView, recordOf(&u, after.membership, w.v.org, w.m.now())) {
			w.compare(user, before, after)
		}
	}
	return nil
}

// others compares everybody else.
func (w *whatIf) others(ctx context.Context) error {
	visible := w.v.filter(PermUserView)
	q := UserQuery{Org: w.v.org, View: ViewAll, Now: w.m.now(), Visible: &visible, Limit: MaxPageSize}
	for {
		users, err := w.tx.ListUsers(ctx, q)
		if err != nil {
			return err
		}
		if err := w.page(ctx, users); err != nil {
			return err
		}
		if len(users) < q.Limit {
			return nil
		}
		last := &users[len(users)-1]
		q.After = Position{last.NameKey, last.ID}
	}
}

func (w *whatIf) page(ctx context.Context, users []User) error {
	ids := make([]UserID, len(users))
	for i := range users {
		ids[i] = users[i].ID
	}
	mems, err := w.tx.Memberships(ctx, w.v.org, ids)
	if err != nil {
		return err
	}
	entries, err := w.tx.AccessOfUsers(ctx, w.v.org, ids)
	if err != nil {
		return err
	}
	access := map[UserID][]AccessEntry{}
	for _, e := range entries {
		access[e.User] = append(access[e.User], e)
	}
	by := make(map[UserID]*Membership, len(mems))
	for i := range mems {
		by[mems[i].User] = &mems[i]
	}
	for _, id := range ids {
		if _, done := w.tx.before[id]; done || by[id] == nil {
			continue
		}
		h := holding{membership: by[id], access: access[id], role: everyRole}
		w.compare(id, h, h)
	}
	return nil
}

// compare adds what a member would gain and lose.
func (w *whatIf) compare(user UserID, before, after holding) {
	c := RightsChange{User: user}
	now := w.m.now()
	was, is := w.old.everywhere(before, now), w.now.everywhere(after, now)
	old, fresh := w.old.masksOf(was), w.now.masksOf(is)
	var oldAny, freshAny authz.Mask
	for n := range fresh {
		name := Permission(w.v.cat.At(n).Name)
		if gained := fresh[n] &^ old[n]; gained != 0 {
			c.Gained = append(c.Gained, Grant{name, Scope(gained)})
		}
		if lost := old[n] &^ fresh[n]; lost != 0 {
			c.Lost = append(c.Lost, Grant{name, Scope(lost)})
		}
		oldAny, freshAny = oldAny|relative(old[n]), freshAny|relative(fresh[n])
	}
	w.criteria(&c, w.old.meetable(before, was, now), w.now.meetable(after, is, now))
	w.places(&c, w.old.subjectOf(before, was, now), w.now.subjectOf(after, is, now), oldAny&freshAny)
	if !c.gains() && !c.loses() {
		return
	}
	if c.gains() {
		w.impact.Gaining++
	}
	if c.loses() {
		w.impact.Losing++
	}
	if len(w.impact.Changes) < w.limit {
		w.impact.Changes = append(w.impact.Changes, c)
	}
}

// criteria compares what criteria a member meets by roles and teams.
func (w *whatIf) criteria(c *RightsChange, before, after Criteria) {
	for _, o := range w.m.cfg.Objects {
		switch o.Visibility {
		case VisibleByRole:
			c.GainedCriteria.Roles, c.LostCriteria.Roles = without(after.Roles, before.Roles), without(before.Roles, after.Roles)
		case VisibleByTeam:
			c.GainedCriteria.Teams, c.LostCriteria.Teams = without(after.Teams, before.Teams), without(before.Teams, after.Teams)
		}
	}
}

// without returns the elements of list that are not in the other, each once.
func without[E any](list, other []ID[E]) (out []ID[E]) {
	for _, id := range list {
		if !slices.Contains(other, id) && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}

// meetable are the roles of the holder that are sources, and the own teams.
func (o compiledOrg) meetable(h holding, list []source, now time.Time) (c Criteria) {
	for _, s := range list {
		switch s.Kind {
		case SourceRole, SourceAccess, SourceTeamAccess:
			c.Roles = append(c.Roles, s.Role)
		}
	}
	c.Teams = (&clock{now: now, future: true}).teams(h.membership)
	return c
}

// places compares where a member's relations lead. Who keeps the own units and
// teams gains and loses, of a tree, only with nodes that were moved.
func (w *whatIf) places(c *RightsChange, a, b *authz.Subject, mask authz.Mask) {
	before, after := a.Reach(mask), b.Reach(mask)
	d := difference{old: w.old.trees.units, now: w.now.trees.units, moved: w.movedUnits, whole: !slices.Equal(a.UnitRoots(), b.UnitRoots())}
	c.GainedUnits, c.LostUnits = between[BusinessUnit](d, before.Unit, after.Unit)
	d = difference{old: w.old.trees.teams, now: w.now.trees.teams, moved: w.movedTeams, whole: !slices.Equal(a.TeamRoots(), b.TeamRoots())}
	c.GainedTeams, c.LostTeams = between[Team](d, before.Team, after.Team)
	key := fmt.Sprint(spansOf(a.Shares()), spansOf(b.Shares()))
	shared, known := w.shared[key]
	if !known {
		d.whole = len(a.Shares())+len(b.Shares()) > 0
		shared[0], shared[1] = between[Team](d, before.Shared, after.Shared)
		w.shared[key] = shared
	}
	c.GainedShared, c.LostShared = shared[0], shared[1]
}

func spansOf(shares []authz.Share) (out []authz.Span) {
	for _, s := range shares {
		out = append(out, s.Teams...)
	}
	return out
}

// difference is where two sets of nodes may differ: in the nodes that were moved
// between two trees, or anywhere in the whole.
type difference struct {
	old, now *authz.Tree
	moved    []authz.ID
	whole    bool
}

// between returns the topmost nodes that only the second set has, and those that
// only the first has.
func between[E any](d difference, before, after func(authz.ID) bool) (gained, lost []ID[E]) {
	is := func(t *authz.Tree, in, out func(authz.ID) bool) []ID[E] {
		only := func(id authz.ID) bool { return in(id) && !out(id) }
		if d.whole {
			return idsOf[E](t.Topmost(func(p int32) bool { return only(t.At(p)) }))
		}
		var list []ID[E]
		for _, id := range d.moved {
			if only(id) {
				list = append(list, ID[E](id))
			}
		}
		return list
	}
	return is(d.now, after, before), is(d.old, before, after)
}

// relative keeps of a mask what is relative to units and teams, unless it is wider
// anyway.
func relative(m authz.Mask) authz.Mask {
	if m&(authz.Organization|authz.System) != 0 {
		return 0
	}
	return m & (authz.Unit | authz.Division | authz.Team | authz.Subteams)
}

// subjectOf places the holder with what the sources share.
func (o compiledOrg) subjectOf(h holding, list []source, now time.Time) *authz.Subject {
	c, m := clock{now: now, future: true}, h.membership
	return authz.NewSubject(authz.ID(m.User), o.trees.site, &authz.Rights{}, m.Units, c.teams(m), sharesOf(list))
}

// watchedStore notes the members of an organization whose rights a change is about,
// with what they had before.
type watchedStore struct {
	Store
	org    OrgID
	before map[UserID]holding
	order  []UserID
}

func (s *watchedStore) Tx(ctx context.Context, fn func(ctx context.Context, tx Store) error) error {
	return s.Store.Tx(ctx, func(ctx context.Context, tx Store) error {
		inner := &watchedStore{Store: tx, org: s.org, before: s.before, order: s.order}
		err := fn(ctx, inner)
		s.order = inner.order
		return err
	})
}

func (s *watchedStore) note(ctx context.Context, user UserID, org OrgID) error {
	if _, known := s.before[user]; known || org != s.org || user.IsZero() {
		return nil
	}
	h, err := new(rights).holding(ctx, s.Store, user, org, ApplicationID{}, everyRole)
	if err != nil {
		return err
	}
	s.before[user] = h
	s.order = append(s.order, user)
	return nil
}

func (s *watchedStore) SaveMembership(ctx context.Context, m Membership) error {
	if err := s.note(ctx, m.User, m.Org); err != nil {
		return err
	}
	return s.Store.SaveMembership(ctx, m)
}

func (s *watchedStore) DeleteMembership(ctx context.Context, user UserID, org OrgID, at time.Time) error {
	if err := s.note(ctx, user, org); err != nil {
		return err
	}
	return s.Store.DeleteMembership(ctx, user, org, at)
}

func (s *watchedStore) SaveAccess(ctx context.Context, e AccessEntry) error {
	if err := s.note(ctx, e.User, e.Org); err != nil {
		return err
	}
	return s.Store.SaveAccess(ctx, e)
}

func (s *watchedStore) DeleteAccess(ctx context.Context, id AccessID) error {
	e, err := s.AccessByID(ctx, id)
	if err == nil {
		err = s.note(ctx, e.User, e.Org)
	}
	if err != nil {
		return err
	}
	return s.Store.DeleteAccess(ctx, id)
}
