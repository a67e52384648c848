package usermgmt

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/usermgmt/usermgmt/internal/authz"
)

func isNotFound(err error) bool { return errors.Is(err, ErrNotFound) }

// recordOf places a user record: its owner is the user, its unit the owner
// unit, its teams those of the membership in the organization. Seen from
// another organization than the home it belongs to no unit.
func recordOf(u *User, mem *Membership, org OrgID, now time.Time) *Record {
	r := &Record{Org: org, Owner: u.ID}
	if u.Org == org {
		r.OwnerUnits = []UnitID{u.OwnerUnit}
	}
	if mem != nil && mem.Org == org {
		r.OwnerTeams = teamsAt(mem, now)
	}
	return r
}

// memberRecord loads a user with the membership in org. A user who is not a
// member there is ErrNotFound.
func (m *Manager) memberRecord(ctx context.Context, s Store, user UserID, org OrgID) (*Member, *Record, error) {
	u, err := s.UserByID(ctx, user)
	if err != nil {
		return nil, nil, err
	}
	mem, err := s.MembershipOf(ctx, user, org)
	if err != nil {
		return nil, nil, err
	}
	return &Member{u, mem}, recordOf(&u, &mem, org, m.now()), nil
}

// colleague loads a member of an organization. Somebody who is no member is
// ErrNotFound like nobody.
func (m *Manager) colleague(ctx context.Context, s Store, user UserID, org OrgID) (*Member, error) {
	mem, _, err := m.memberRecord(ctx, s, user, org)
	return mem, err
}

// member is memberRecord inside a change; it names the target.
func (w *work) member(ctx context.Context, user UserID, org OrgID) (*Member, *Record, error) {
	mem, r, err := w.m.memberRecord(ctx, w.tx, user, org)
	if err != nil {
		return nil, nil, err
	}
	w.on("user", user, org, mem.User.DisplayName())
	return mem, r, nil
}

// visibleUser loads a user whom the actor may see, and on whom it has p: as a
// record of the home organization or, for the rest of the world, as a member of
// the actor's organization.
func (m *Manager) visibleUser(ctx context.Context, v *actorValue, user UserID, p Permission) (*User, error) {
	u, err := m.store.UserByID(ctx, user)
	if err != nil {
		return nil, err
	}
	r, err := m.userRecord(ctx, m.store, v, &u)
	if err != nil {
		return nil, err
	}
	if err := v.need(p, PermUserView, r); err != nil {
		return nil, err
	}
	return &u, nil
}

// userRecord places a user as the actor meets it: as a member of the actor's
// organization if it is one, and otherwise at home.
func (m *Manager) userRecord(ctx context.Context, s Store, v *actorValue, u *User) (*Record, error) {
	org := u.Org
	if !v.org.IsZero() {
		org = v.org
	}
	mem, err := s.MembershipOf(ctx, u.ID, org)
	switch {
	case err == nil:
		return recordOf(u, &mem, org, m.now()), nil
	case !isNotFound(err):
		return nil, err
	case u.Org == org:
		return recordOf(u, nil, org, m.now()), nil
	}
	return recordOf(u, nil, u.Org, m.now()), nil
}

// account loads the account of a user on whose identity the actor has p. Only
// the home organization counts for that; a user whom the actor merely sees as
// a member elsewhere is ErrPermission. Reserved users cannot be changed.
func (w *work) account(ctx context.Context, user UserID, p Permission) (*Account, error) {
	acc, err := w.tx.AccountByID(ctx, user)
	if err != nil {
		return nil, err
	}
	w.on("user", user, acc.User.Org, acc.User.DisplayName())
	if err := w.needIdentity(ctx, &acc.User, p); err != nil {
		return nil, err
	}
	if acc.User.Reserved {
		return nil, &Error{Kind: ErrPermission, Rule: "reserved", Permission: p}
	}
	if p == PermUserErase {
		return &acc, nil
	}
	return &acc, acc.User.stillThere()
}

// stillThere refuses what is done to somebody who was erased.
func (u *User) stillThere() error {
	if u.ErasedAt.IsZero() {
		return nil
	}
	return conflict("user", "erased", "the person is gone")
}

func (w *work) needIdentity(ctx context.Context, u *User, p Permission) error {
	mem, err := w.tx.MembershipOf(ctx, u.ID, u.Org)
	if err != nil && !isNotFound(err) {
		return err
	}
	err = w.need(p, PermUserView, recordOf(u, &mem, u.Org, w.now))
	if err == nil || !isNotFound(err) {
		return err
	}
	r, rerr := w.m.userRecord(ctx, w.tx, w.v, u)
	if rerr != nil {
		return rerr
	}
	if w.v.sees(PermUserView, r) {
		return &Error{Kind: ErrPermission, Rule: "home_organization", Permission: p}
	}
	return err
}

// everything finds what a user has in an organization, over all applications.
func (w *work) everything(ctx context.Context, user UserID, org OrgID) (compiledOrg, []source, error) {
	st, err := w.tx.StandingOf(ctx, user, org)
	if err != nil {
		return compiledOrg{}, nil, err
	}
	r := w.m.rights.reading()
	o, err := r.org(ctx, w.tx, &st)
	if err != nil {
		return compiledOrg{}, nil, err
	}
	h, err := r.holding(ctx, w.tx, user, org, ApplicationID{}, everyRole)
	if err != nil {
		return compiledOrg{}, nil, err
	}
	return o, o.everywhere(h, w.now), nil
}

// everywhere finds what the holder has in each application and in none, whatever
// role is in force. Assignments that have not begun count too, for they will.
func (o compiledOrg) everywhere(h holding, now time.Time) []source {
	return o.inEach(h, &clock{now: now, future: true})
}

// inEach is everywhere with the assignments that count for c.
func (o compiledOrg) inEach(h holding, c *clock) (list []source) {
	h.role = everyRole
	for _, app := range o.policy.applications() {
		h.app = app
		list = append(list, o.policy.sources(h, o.trees, c).list...)
	}
	return list
}

// masksOf joins what sources grant.
func (o compiledOrg) masksOf(list []source) []authz.Mask {
	held := make([]authz.Mask, len(o.policy.limited))
	for _, s := range list {
		authz.Or(held, s.masks)
	}
	return held
}

// notStronger refuses users who hold, in any of their organizations, what the
// actor does not: whoever could get hold of their credentials would gain it.
func (w *work) notStronger(ctx context.Context, u *User) error {
	mems, err := w.tx.MembershipsOf(ctx, u.ID)
	if err != nil {
		return err
	}
	for _, mem := range mems {
		if err := w.notStrongerIn(ctx, u.ID, mem.Org); err != nil {
			return err
		}
	}
	return nil
}

func (w *work) notStrongerIn(ctx context.Context, user UserID, org OrgID) error {
	o, list, err := w.everything(ctx, user, org)
	if err != nil {
		return err
	}
	for n, m := range o.masksOf(list) {
		mine := w.v.held(n)
		if org != w.v.org && mine&authz.System == 0 {
			// What one holds here says nothing about rights elsewhere, but for
			// what everybody has.
			mine = w.m.everybody[n]
		}
		if m&^mine&^authz.Shared != 0 {
			return &Error{Kind: ErrPermission, Rule: "stronger", Permission: Permission(w.v.cat.At(n).Name)}
		}
	}
	if perm := w.beyond(org, o.trees, sharesOf(list)); perm != "" {
		return &Error{Kind: ErrPermission, Rule: "stronger", Permission: perm}
	}
	return nil
}

// keepAdministrator refuses what would leave an organization without an active
// administrator, if the user is no longer one in org; the zero org is all of
// the user's. It holds the organizations' locks until the transaction ends.
func (w *work) keepAdministrator(ctx context.Context, user UserID, org OrgID) error {
	mems, err := w.tx.MembershipsOf(ctx, user)
	if err != nil {
		return err
	}
	for i := range mems {
		if !org.IsZero() && mems[i].Org != org {
			continue
		}
		// Whether the user is an administrator is read under the lock too: a
		// promotion may just have committed.
		if err := w.tx.LockOrg(ctx, mems[i].Org); err != nil {
			return err
		}
		mem, err := w.tx.MembershipOf(ctx, user, mems[i].Org)
		if err != nil {
			if isNotFound(err) {
				continue
			}
			return err
		}
		profile, err := w.tx.ProfileByID(ctx, mem.Profile)
		if err != nil {
			return err
		}
		if !profile.Administrator {
			continue
		}
		other, err := w.otherAdministrator(ctx, user, mems[i].Org)
		if err != nil {
			return err
		}
		if !other {
			return conflict("organization", "last_administrator", "the organization would have no active administrator")
		}
	}
	return nil
}

// otherAdministrator reports whether an organization has an active
// administrator other than the user.
func (w *work) otherAdministrator(ctx context.Context, user UserID, org OrgID) (bool, error) {
	set, err := w.tx.Policy(ctx, org)
	if err != nil {
		return false, err
	}
	for _, p := range set.Profiles {
		if !p.Administrator {
			continue
		}
		// One of the first few will do nearly always: administrators are old users.
		q := UserQuery{Org: org, Profile: p.ID, View: ViewActive, Now: w.now, Sort: SortCreated, Limit: 3}
		for {
			page, err := w.tx.ListUsers(ctx, q)
			if err != nil {
				return false, err
			}
			for i := range page {
				if page[i].ID != user && page[i].Kind != KindService && !page[i].Reserved {
					return true, nil
				}
			}
			if len(page) < q.Limit {
				break
			}
			last := &page[len(page)-1]
			q.After, q.Limit = userPosition(last, q.Sort), MaxPageSize
		}
	}
	return false, nil
}

// teamsInScope refuses teams outside the scope of p: a team administrator adds
// people to the own teams and those below only.
func (w *work) teamsInScope(p Permission, org OrgID, units []UnitID, teams []TeamID) error {
	for _, t := range teams {
		r := Record{Org: org, OwnerUnits: units, OwnerTeams: []TeamID{t}}
		if !w.v.can(p, &r) {
			return &Error{Kind: ErrPermission, Field: "team", Rule: "out_of_scope", Permission: p}
		}
	}
	return nil
}

// unitInScope refuses an owner unit outside the scope of p. Where p is granted
// by teams only, units are those assigned to the actor and below.
func (w *work) unitInScope(p Permission, unit *BusinessUnit) error {
	n, ok := w.v.cat.Number(string(p))
	if !ok {
		return &Error{Kind: ErrPermission, Permission: p}
	}
	mask := w.v.granted(n)
	if mask&(authz.System|authz.Organization|authz.Unit|authz.Division) == 0 && mask&(authz.Team|authz.Subteams) != 0 {
		mask = authz.Unit | authz.Division
	}
	if !authz.Reaches(&w.v.rights.Subject, mask&^(authz.Own|authz.Team|authz.Subteams),
		authz.ID(unit.Org), authz.ID{}, []UnitID{unit.ID}, []TeamID(nil)) {
		return &Error{Kind: ErrPermission, Field: "owner_unit", Rule: "out_of_scope", Permission: p}
	}
	return nil
}

// saveUser stores a changed user.
func (w *work) saveUser(ctx context.Context, u User) error {
	u.UpdatedAt = w.now
	if u.Version > 0 && len(w.m.rights.visibility) > 0 {
		if err := w.renewCriteria(ctx, &u); err != nil {
			return err
		}
	}
	return w.tx.SaveUser(ctx, u)
}

// renewCriteria makes resolved rights stale if the user gets another value of a
// field by which criteria choose. Nobody gives themselves one.
func (w *work) renewCriteria(ctx context.Context, u *User) error {
	old, err := w.tx.UserByID(ctx, u.ID)
	if err != nil {
		return err
	}
	for _, field := range w.m.rights.visibility {
		if old.Custom[field] == u.Custom[field] {
			continue
		}
		if u.ID == w.v.subject {
			return &Error{Kind: ErrPermission, Field: "custom." + field, Rule: "own_criteria", Permission: PermUserEdit}
		}
		mems, err := w.tx.MembershipsOf(ctx, u.ID)
		if err != nil {
			return err
		}
		for _, mem := range mems {
			if err := w.tx.BumpRights(ctx, u.ID, mem.Org); err != nil {
				return err
			}
		}
		return nil
	}
	return nil
}

// added returns what is in after but not in before.
func added[T comparable](before, after []T) []T {
	var out []T
	for _, x := range after {
		if !slices.Contains(before, x) {
			out = append(out, x)
		}
	}
	return out
}
