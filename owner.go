package usermgmt

import (
	"context"
	"slices"
	"time"

	"github.com/usermgmt/usermgmt/internal/authz"
)

// MayOwn returns nil if the actor may make a user the owner of a record: p is the
// permission that decides, that to create for a new record and that to assign for
// one that gets another owner (orocrm.md 12.9), of an object that users own. The
// record that it would then be has to lie within the scope of p: with Own only the
// actor's own, with Unit and Division those of users who share a unit, with Team and
// Subteams of those in a team, with Organization of any member.
//
// Errors: [ErrInvalid], Field "owner", for somebody who is no member, or disabled
// here or altogether; [ErrPermission], Field "owner", outside the scope;
// [ErrInvalid], Field "permission", for a permission on records that no user owns;
// [ErrUnauthenticated].
func (a *Access) MayOwn(ctx context.Context, actor Actor, p Permission, owner UserID) error {
	const op = "Access.MayOwn"
	v, err := a.m.read(actor)
	if err != nil {
		return withOp(op, err)
	}
	if _, err := v.decides(p, OwnedByUser); err != nil {
		return withOp(op, err)
	}
	st, err := a.m.store.StandingOf(ctx, owner, v.org)
	if skipNotFound(err) != nil {
		return withOp(op, err)
	}
	if err != nil || !st.Member || !st.MemberEnabled || !st.Enabled || st.Deactivated {
		return withOp(op, invalid("owner", "not_enabled", "an owner is an enabled member of the organization"))
	}
	mem, err := a.m.store.MembershipOf(ctx, owner, v.org)
	if err != nil {
		return withOp(op, err)
	}
	if !v.can(p, ownedBy(&mem, a.m.now())) {
		return withOp(op, &Error{Kind: ErrPermission, Field: "owner", Permission: p})
	}
	return nil
}

// MayOwnUnit is MayOwn for records that units own: p has to be granted with a scope
// that reaches the unit.
//
// Errors: [ErrInvalid], Field "owner", for a unit that is not of the actor's
// organization; otherwise as [Access.MayOwn].
func (a *Access) MayOwnUnit(ctx context.Context, actor Actor, p Permission, unit UnitID) error {
	const op = "Access.MayOwnUnit"
	v, err := a.m.read(actor)
	if err != nil {
		return withOp(op, err)
	}
	if _, err := v.decides(p, OwnedByUnit); err != nil {
		return withOp(op, err)
	}
	u, err := a.m.store.UnitByID(ctx, unit)
	if skipNotFound(err) != nil {
		return withOp(op, err)
	}
	if err != nil || u.Org != v.org {
		return withOp(op, invalid("owner", "unknown", "no such business unit in the organization"))
	}
	if !v.can(p, unitRecord(&u)) {
		return withOp(op, &Error{Kind: ErrPermission, Field: "owner", Permission: p})
	}
	return nil
}

// decides returns the number of a permission on records with the ownership.
func (v *actorValue) decides(p Permission, o Ownership) (int, error) {
	n, ok := v.cat.Number(string(p))
	if !ok || v.cat.At(n).Scopes != authz.Mask(o.Scopes()) {
		return 0, invalid("permission", "ownership", string(p)+" is not about records with such an owner")
	}
	return n, nil
}

// ownedBy is where a record lies that the member owns.
func ownedBy(mem *Membership, at time.Time) *Record {
	return &Record{Org: mem.Org, Owner: mem.User, OwnerUnits: mem.Units, OwnerTeams: teamsAt(mem, at)}
}

// Owner is somebody to choose as the owner of a record: a name, and no more.
type Owner struct {
	User UserID
	Name string // see [User.DisplayName]
}

// Owners returns a page of those whom the actor may make the owner of a record, by
// [Access.MayOwn] with p, in the order of their names; q.Search is looked for as in
// [Users.List]. They are named also if the actor may not see their record. The page
// may hold fewer than q.Limit though there are more; Next tells.
//
// Errors: [ErrPermission] without p; [ErrInvalid], Field "permission"; [ErrLimit].
func (c *Candidates) Owners(ctx context.Context, a Actor, p Permission, q ListQuery) (*Page[Owner], error) {
	const op = "Candidates.Owners"
	w, err := c.asking(a, p, p)
	if err != nil {
		return nil, withOp(op, err)
	}
	n, err := w.v.decides(p, OwnedByUser)
	if err == nil {
		err = pageLimit(&q.Limit)
	}
	if err != nil {
		return nil, withOp(op, err)
	}
	users := UserQuery{Org: w.v.org, View: ViewActive, Now: w.now, Search: foldSearch(q.Search), After: q.After, Limit: MaxPageSize}
	if w.v.granted(n)&(authz.Unit|authz.Division|authz.Organization|authz.System) == 0 {
		f := w.v.filterOf(n) // of the user record the same, but for units
		users.Visible = &f
	}
	out := &Page[Owner]{}
	for range candidatePages {
		page, err := w.tx.ListUsers(ctx, users)
		if err != nil {
			return nil, withOp(op, err)
		}
		owners, err := w.owners(ctx, p, page)
		if err != nil {
			return nil, withOp(op, err)
		}
		for _, u := range owners {
			if len(out.Items) == q.Limit {
				return out, nil
			}
			out.Items = append(out.Items, Owner{u.ID, u.DisplayName()})
			out.Next = userPosition(&u, SortName)
		}
		if len(page) < users.Limit {
			out.Next = Position{}
			return out, nil
		}
		users.After = userPosition(&page[len(page)-1], SortName)
		out.Next = users.After
	}
	return out, nil
}

// owners keeps of users those whose records would lie within p.
func (w *work) owners(ctx context.Context, p Permission, users []User) ([]User, error) {
	ids := make([]UserID, len(users))
	for i := range users {
		ids[i] = users[i].ID
	}
	mems, err := w.tx.Memberships(ctx, w.v.org, ids)
	if err != nil {
		return nil, err
	}
	may := make(map[UserID]bool, len(mems))
	for i := range mems {
		may[mems[i].User] = w.v.can(p, ownedBy(&mems[i], w.now))
	}
	return slices.DeleteFunc(slices.Clone(users), func(u User) bool { return !may[u.ID] }), nil
}

// OwnerUnits returns a page of the units that the actor may make the owner of a
// record, by [Access.MayOwnUnit] with p; the names contain q.Search.
//
// Errors: as [Candidates.Owners].
func (c *Candidates) OwnerUnits(ctx context.Context, a Actor, p Permission, q ListQuery) (*Page[BusinessUnit], error) {
	const op = "Candidates.OwnerUnits"
	w, err := c.asking(a, p, p)
	if err != nil {
		return nil, withOp(op, err)
	}
	if _, err := w.v.decides(p, OwnedByUnit); err != nil {
		return nil, withOp(op, err)
	}
	page, err := filtered(q, func(q ListQuery) ([]BusinessUnit, error) { return w.tx.ListUnits(ctx, w.v.org, q) },
		func(u *BusinessUnit) Position { return Position{u.NameKey, [16]byte(u.ID)} },
		func(u *BusinessUnit) (bool, error) { return w.v.can(p, unitRecord(u)), nil })
	return page, withOp(op, err)
}
