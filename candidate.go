package usermgmt

import (
	"context"
	"errors"
	"slices"
	"strings"
)

// Candidates lists what an actor can choose when something is asked for: units,
// teams, roles, access profiles and people, for pickers. [Manager.Candidates]
// returns it.
//
// It asks what the calls ask that are given the choice, so that what it offers they
// take, unless rights or records change meanwhile. Everything is of the actor's
// current organization. Asking is not recorded.
type Candidates struct{ m *Manager }

// Candidates returns the service that lists what can be chosen.
func (m *Manager) Candidates() *Candidates { return &Candidates{m} }

// Users returns a page of the users on whom the actor can take an action, such as
// [ActionProxyLogin] or [ActionResetPassword]: those of [Users.List] of whom
// [Users.Actions] says so. The page may hold fewer than q.Limit though there are
// more; Next tells.
//
// Errors: those of [Users.List]; [ErrInvalid] for an unknown action.
func (c *Candidates) Users(ctx context.Context, a Actor, action Action, q UserQuery) (*Page[User], error) {
	const op = "Candidates.Users"
	if i := slices.IndexFunc(userActions, func(x probeAction) bool { return x.name == action }); i < 0 {
		return nil, withOp(op, invalid("action", "unknown", "there is no such action"))
	}
	if err := pageLimit(&q.Limit); err != nil {
		return nil, withOp(op, err)
	}
	want, out := q.Limit, &Page[User]{}
	q.Limit = min(max(2*want, 20), MaxActions)
	for range candidatePages {
		page, err := c.m.Users().List(ctx, a, q)
		if err != nil {
			return nil, failed(op, OperationID{}, err)
		}
		chosen, err := c.m.availableTo(ctx, a, action, page.Items)
		if err != nil {
			return nil, withOp(op, err)
		}
		out.Items, out.Next = append(out.Items, chosen...), page.Next
		if len(out.Items) > want { // the rest comes again
			out.Items = out.Items[:want]
			out.Next = userPosition(&out.Items[want-1], q.Sort)
			return out, nil
		}
		if page.Next.IsZero() || len(out.Items) == want {
			return out, nil
		}
		q.After = page.Next
	}
	return out, nil
}

// candidatePages is how many pages are looked through for one of candidates.
const candidatePages = 10

// availableTo keeps the users on whom the actor can take an action.
func (m *Manager) availableTo(ctx context.Context, a Actor, action Action, users []User) ([]User, error) {
	ids := make([]UserID, len(users))
	for i := range users {
		ids[i] = users[i].ID
	}
	var out []User
	err := m.onProbe(ctx, a, ids, func(ctx context.Context, m *Manager, a Actor, p *probeStore) error {
		out = nil
		for i := range users {
			acts, err := m.actionsOn(ctx, a, p, users[i].ID, action)
			if err != nil {
				return err
			}
			if len(acts) == 1 && acts[0].Allowed() {
				out = append(out, users[i])
			}
		}
		return nil
	})
	return out, err
}

// Units returns a page of the units that can own a user: with
// [PermUserCreate] a new one, with [PermUserAssign] one who is there; the names
// contain q.Search. Errors: [ErrPermission] without that permission;
// [ErrInvalid] for another; [ErrLimit].
func (c *Candidates) Units(ctx context.Context, a Actor, p Permission, q ListQuery) (*Page[BusinessUnit], error) {
	const op = "Candidates.Units"
	w, err := c.asking(a, p, PermUserCreate, PermUserAssign)
	if err != nil {
		return nil, withOp(op, err)
	}
	page, err := filtered(q, func(q ListQuery) ([]BusinessUnit, error) { return w.tx.ListUnits(ctx, w.v.org, q) },
		func(u *BusinessUnit) Position { return Position{u.NameKey, [16]byte(u.ID)} },
		func(u *BusinessUnit) (bool, error) { return allows(w.unitInScope(p, u)) })
	return page, withOp(op, err)
}

// Teams returns a page of the teams that the actor can put people of a unit into:
// with [PermUserCreate] new ones, with [PermUserMembership] others; the names
// contain q.Search. The zero unit is none. A team that brings roles beyond what
// the actor holds is left out.
//
// Errors: as [Candidates.Units].
func (c *Candidates) Teams(ctx context.Context, a Actor, p Permission, unit UnitID, q ListQuery) (*Page[Team], error) {
	const op = "Candidates.Teams"
	w, err := c.asking(a, p, PermUserCreate, PermUserMembership)
	if err != nil {
		return nil, withOp(op, err)
	}
	org, err := w.compiled(ctx, w.v.org)
	if err != nil {
		return nil, withOp(op, err)
	}
	var units []UnitID
	if !unit.IsZero() {
		units = []UnitID{unit}
	}
	page, err := filtered(q, func(q ListQuery) ([]Team, error) { return w.tx.ListTeams(ctx, w.v.org, q) },
		func(t *Team) Position { return Position{t.NameKey, [16]byte(t.ID)} },
		func(t *Team) (bool, error) {
			if ok, err := allows(w.teamsInScope(p, w.v.org, units, []TeamID{t.ID})); !ok || err != nil {
				return ok, err
			}
			if ok, err := allows(w.mayBring(org, []TeamID{t.ID})); !ok || err != nil {
				return ok, err
			}
			return allows(w.mayShare(org, nil, org.policy.sharingSources([]TeamID{t.ID}, nil, org.trees)))
		})
	return page, withOp(op, err)
}

// Roles returns the roles of the organization and the system-wide ones that the
// actor can give to a user, in the order of their names; the names contain
// search. The zero user is a new one, without teams and units, which may rule out
// roles whose scope is relative to those.
//
// The actor needs [PermUserGrant] or, for a new user, [PermUserCreate]. Errors:
// [ErrPermission], [ErrNotFound] for a user whom the actor may not see.
func (c *Candidates) Roles(ctx context.Context, a Actor, user UserID, search string) ([]Role, error) {
	const op = "Candidates.Roles"
	w, org, mem, err := c.granting(ctx, a, user)
	if err != nil {
		return nil, withOp(op, err)
	}
	var out []Role
	for _, r := range org.policy.set.Roles {
		ok, err := allows(w.mayGrantTo(mem, org.policy.roles[r.ID].masks))
		if err != nil {
			return nil, withOp(op, err)
		}
		if ok {
			shared := org.policy.sharingSources(teamsAt(mem, w.now), []RoleID{r.ID}, org.trees)
			ok, err = allows(w.mayShare(org, org.policy.sharingSources(teamsAt(mem, w.now), nil, org.trees), shared))
		}
		if err != nil {
			return nil, withOp(op, err)
		}
		if ok && strings.Contains(r.NameKey, foldSearch(search)) {
			r.Grants = slices.Clone(r.Grants)
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b Role) int { return compareNamed(a.NameKey, b.NameKey, a.ID, b.ID) })
	return out, nil
}

// Profiles is as [Candidates.Roles], of access profiles.
func (c *Candidates) Profiles(ctx context.Context, a Actor, user UserID, search string) ([]AccessProfile, error) {
	const op = "Candidates.Profiles"
	w, org, mem, err := c.granting(ctx, a, user)
	if err != nil {
		return nil, withOp(op, err)
	}
	var out []AccessProfile
	for _, f := range org.policy.set.Profiles {
		ok, err := allows(w.mayGrantTo(mem, org.policy.profiles[f.ID].masks))
		if err != nil {
			return nil, withOp(op, err)
		}
		if ok && strings.Contains(f.NameKey, foldSearch(search)) {
			f.Grants, f.IPRanges = slices.Clone(f.Grants), slices.Clone(f.IPRanges)
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b AccessProfile) int { return compareNamed(a.NameKey, b.NameKey, a.ID, b.ID) })
	return out, nil
}

// ReportsTo returns a page of those to whom a user can report: active members of
// one of the user's teams who do not report to the user in turn, directly or not,
// and whom the actor may see. q.Org, q.Visible and the filters by team are set by
// ReportsTo. The page may hold fewer than q.Limit though there are more.
//
// The actor needs [PermUserEdit] on the user. Errors: [ErrNotFound],
// [ErrPermission], [ErrLimit].
func (c *Candidates) ReportsTo(ctx context.Context, a Actor, user UserID, q UserQuery) (*Page[User], error) {
	const op = "Candidates.ReportsTo"
	v, err := c.m.read(a)
	if err != nil {
		return nil, withOp(op, err)
	}
	if err := pageLimit(&q.Limit); err != nil {
		return nil, withOp(op, err)
	}
	w := &work{m: c.m, tx: c.m.store, v: v, now: c.m.now()}
	acc, err := w.account(ctx, user, PermUserEdit)
	if err != nil {
		return nil, withOp(op, err)
	}
	u := &acc.User
	mem, err := w.tx.MembershipOf(ctx, u.ID, u.Org)
	if err != nil {
		return nil, withOp(op, err)
	}
	q.Org, q.View, q.Now, q.Search = u.Org, ViewActive, w.now, foldSearch(q.Search)
	q.Team, q.TeamTree = TeamID{}, TeamID{}
	q.Visible = &Filter{Org: u.Org, Teams: teamsAt(&mem, w.now), At: w.now}
	out := &Page[User]{}
	limit := q.Limit
	q.Limit++
	users, err := w.tx.ListUsers(ctx, q)
	if err != nil {
		return nil, withOp(op, err)
	}
	if len(users) > limit {
		users = users[:limit]
		out.Next = userPosition(&users[limit-1], q.Sort)
	}
	out.Items, err = c.m.bosses(ctx, a, u, &mem, users)
	return out, withOp(op, err)
}

// bosses keeps those of users to whom u can report.
func (m *Manager) bosses(ctx context.Context, a Actor, u *User, mem *Membership, users []User) ([]User, error) {
	ids := make([]UserID, len(users))
	for i := range users {
		ids[i] = users[i].ID
	}
	var out []User
	err := m.onProbe(ctx, a, ids, func(ctx context.Context, m *Manager, a Actor, p *probeStore) error {
		out = nil
		w := &work{m: m, tx: p, v: a.v, now: p.now}
		for i := range users {
			r, err := m.userRecord(ctx, p, a.v, &users[i])
			if err != nil {
				return err
			}
			next := *u
			next.ReportsTo = users[i].ID
			var bad problems
			if err := w.checkPeople(ctx, &next, mem, &bad); err != nil {
				return err
			}
			if bad.err() == nil && a.v.sees(PermUserView, r) {
				out = append(out, users[i])
			}
		}
		return nil
	})
	return out, err
}

// Organizations returns a page of the organizations to which the actor can add
// members with [Members.Add], in the order of their names. Errors:
// [ErrPermission] without [PermUserMembership]; [ErrLimit].
func (c *Candidates) Organizations(ctx context.Context, a Actor, q ListQuery) (*Page[Organization], error) {
	const op = "Candidates.Organizations"
	w, err := c.asking(a, PermUserMembership, PermUserMembership)
	if err != nil {
		return nil, withOp(op, err)
	}
	if f := w.v.filter(PermUserMembership); !f.System {
		page, err := c.m.Orgs().List(ctx, a, q) // the current one
		if err != nil {
			return nil, failed(op, OperationID{}, err)
		}
		page.Items = slices.DeleteFunc(page.Items, func(o Organization) bool { return o.ID != w.v.org })
		return page, nil
	}
	page, err := filtered(q, func(q ListQuery) ([]Organization, error) { return w.tx.ListOrgs(ctx, q) },
		func(o *Organization) Position { return Position{o.NameKey, [16]byte(o.ID)} },
		func(o *Organization) (bool, error) { return w.v.can(PermUserMembership, &Record{Org: o.ID}), nil })
	return page, withOp(op, err)
}

// asking prepares a question about p, which is one of those that are possible.
func (c *Candidates) asking(a Actor, p Permission, possible ...Permission) (*work, error) {
	v, err := c.m.read(a)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(possible, p) {
		return nil, invalid("permission", "unknown", "ask about one that the choice is for")
	}
	if f := v.filter(p); f.Nothing() {
		return nil, &Error{Kind: ErrPermission, Permission: p}
	}
	return &work{m: c.m, tx: c.m.store, v: v, now: c.m.now()}, nil
}

// granting prepares a question about what can be given to a user.
func (c *Candidates) granting(ctx context.Context, a Actor, user UserID) (*work, compiledOrg, *Membership, error) {
	p := PermUserGrant
	if user.IsZero() {
		p = PermUserCreate
	}
	w, err := c.asking(a, p, p)
	if err != nil {
		return nil, compiledOrg{}, nil, err
	}
	mem := &Membership{Org: w.v.org}
	if !user.IsZero() {
		m, r, err := w.member(ctx, user, w.v.org)
		if err != nil {
			return nil, compiledOrg{}, nil, err
		}
		if err := w.need(p, PermUserView, r); err != nil {
			return nil, compiledOrg{}, nil, err
		}
		mem = &m.Membership
	}
	org, err := w.compiled(ctx, w.v.org)
	return w, org, mem, err
}

// allows turns a refusal into a no.
func allows(err error) (bool, error) {
	if errors.Is(err, ErrPermission) {
		return false, nil
	}
	return err == nil, err
}

// filtered reads pages until it has one of those rows that keep keeps.
func filtered[T any](q ListQuery, list func(ListQuery) ([]T, error), position func(*T) Position, keep func(*T) (bool, error)) (*Page[T], error) {
	if err := pageLimit(&q.Limit); err != nil {
		return nil, err
	}
	want, out := q.Limit, &Page[T]{}
	q.Search, q.Limit = foldSearch(q.Search), MaxPageSize
	for range candidatePages {
		items, err := list(q)
		if err != nil {
			return nil, err
		}
		for i := range items {
			ok, err := keep(&items[i])
			if err != nil {
				return nil, err
			}
			if !ok {
				continue
			}
			if len(out.Items) == want {
				out.Next = position(&out.Items[want-1])
				return out, nil
			}
			out.Items = append(out.Items, items[i])
		}
		if len(items) < q.Limit {
			return out, nil
		}
		q.After = position(&items[len(items)-1])
	}
	out.Next = q.After
	return out, nil
}
