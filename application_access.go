package usermgmt

import (
	"context"
	"slices"
	"strings"
)

// AccessRequest says which roles a user or a team may take in an application.
// Exactly one of User and Team is set.
type AccessRequest struct {
	Application ApplicationID
	User        UserID
	Team        TeamID
	Roles       []RoleAssignment
}

// Grant sets the access entry of a user or a team for an application, in the
// actor's organization, in place of the one before.
//
// The actor needs [PermUserGrant] on the user, or with a scope that covers the
// team. Added roles may hold only what the actor holds; nor may sharing policies that
// come to apply by them share what the actor does not hold.
//
// Grant is atomic. It records "application.grant".
//
// Errors: [ErrNotFound], [ErrPermission], [ErrInvalid].
func (s *Applications) Grant(ctx context.Context, a Actor, req AccessRequest) (*AccessEntry, error) {
	var out *AccessEntry
	id := newID[AccessEntry]()
	err := s.m.change(ctx, a, "Applications.Grant", verbAccessGrant, func(ctx context.Context, w *work) error {
		e, err := w.accessEntry(ctx, req.Application, req.User, req.Team, id)
		if err != nil {
			return err
		}
		if len(req.Roles) == 0 {
			return invalid("roles", "required", "an access entry needs a role")
		}
		set, err := w.tx.Policy(ctx, e.Org)
		if err != nil {
			return err
		}
		policy := compilePolicy(w.m.rights.cat, set)
		before := accessFields(e)
		old := e.Roles
		e.Roles = slices.Clone(req.Roles)
		for i := range e.Roles {
			e.Roles[i].From, e.Roles[i].Until = stored(e.Roles[i].From), stored(e.Roles[i].Until)
		}
		var to *Membership
		if !e.User.IsZero() {
			mem, err := w.tx.MembershipOf(ctx, e.User, e.Org)
			if err != nil {
				return err
			}
			to = &mem
		}
		var p problems
		if _, ok := policy.reach[e.Application]; !ok {
			p.add("application", "unknown", "no such application in the organization")
		}
		if err := w.checkRoles(policy, to, old, e.Roles, e.Application, &p); err != nil {
			return err
		}
		if err := p.err(); err != nil {
			return err
		}
		trees, err := w.trees(ctx, e.Org)
		if err != nil {
			return err
		}
		if err := w.grantShares(ctx, compiledOrg{policy, trees}, e, to, old); err != nil {
			return err
		}
		e.UpdatedAt = w.now
		if err := w.tx.SaveAccess(ctx, *e); err != nil {
			return err
		}
		if e.Version == 0 {
			before = nil
		}
		e.Version++
		w.record(before, accessFields(e))
		out = e
		return w.accessChanged(ctx, e)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// accessEntry finds the entry of a user or a team, or begins a new one, if the
// actor may change it.
func (w *work) accessEntry(ctx context.Context, app ApplicationID, user UserID, team TeamID, id AccessID) (*AccessEntry, error) {
	e := &AccessEntry{ID: id, Org: w.v.org, Application: app, User: user, Team: team, CreatedAt: w.now}
	switch {
	case user.IsZero() == team.IsZero():
		return nil, invalid("subject", "one", "name either a user or a team")
	case !user.IsZero():
		mem, r, err := w.member(ctx, user, w.v.org)
		if err != nil {
			return nil, err
		}
		if err := w.need(PermUserGrant, PermUserView, r); err != nil {
			return nil, err
		}
		if mem.User.Reserved {
			return nil, &Error{Kind: ErrPermission, Rule: "reserved", Permission: PermUserGrant}
		}
		if err := mem.User.stillThere(); err != nil {
			return nil, err
		}
		entries, err := w.tx.AccessOf(ctx, user, w.v.org)
		if err != nil {
			return nil, err
		}
		for i := range entries {
			if entries[i].Application == app {
				e = &entries[i]
			}
		}
	default:
		t, err := w.tx.TeamByID(ctx, team)
		if err != nil {
			return nil, err
		}
		w.on("team", team, t.Org, t.Name)
		e.Org = t.Org
		if err := w.need(PermUserGrant, PermTeamView, teamRecord(&t)); err != nil {
			return nil, err
		}
		set, err := w.tx.Policy(ctx, t.Org)
		if err != nil {
			return nil, err
		}
		for i := range set.TeamAccess {
			if set.TeamAccess[i].Application == app && set.TeamAccess[i].Team == team {
				e = &set.TeamAccess[i]
			}
		}
	}
	return e, nil
}

// accessChanged makes snapshots see a changed entry.
func (w *work) accessChanged(ctx context.Context, e *AccessEntry) error {
	if e.User.IsZero() {
		return w.tx.BumpStamps(ctx, e.Org, false)
	}
	return w.tx.BumpRights(ctx, e.User, e.Org)
}

func accessFields(e *AccessEntry) map[string]string {
	var roles []string
	for _, r := range e.Roles {
		roles = append(roles, r.Role.String()+period(r.From, r.Until))
	}
	slices.Sort(roles)
	return map[string]string{"application": e.Application.String(), "access_roles": strings.Join(roles, " ")}
}

// Revoke removes the access entry of a user or a team for an application. There
// need not be one. A user who would be left without any role keeps it; a team's
// entry goes whatever its members have besides.
//
// Rights are those of [Applications.Grant], but for the roles. It records
// "application.revoke".
//
// Errors: [ErrNotFound], [ErrPermission], [ErrInvalid], [ErrConflict] with the
// Rule "last_role".
func (s *Applications) Revoke(ctx context.Context, a Actor, app ApplicationID, user UserID, team TeamID) error {
	return s.m.change(ctx, a, "Applications.Revoke", verbAccessRevoke, func(ctx context.Context, w *work) error {
		e, err := w.accessEntry(ctx, app, user, team, AccessID{})
		if err != nil || e.Version == 0 {
			return err
		}
		if !user.IsZero() {
			if err := w.keepsRole(ctx, user, e); err != nil {
				return err
			}
		}
		if err := w.tx.DeleteAccess(ctx, e.ID); err != nil {
			return err
		}
		w.record(accessFields(e), nil)
		return w.accessChanged(ctx, e)
	})
}

// keepsRole refuses to take a user's last role away with the entry e.
func (w *work) keepsRole(ctx context.Context, user UserID, e *AccessEntry) error {
	mem, err := w.tx.MembershipOf(ctx, user, e.Org)
	if err != nil {
		return err
	}
	entries, err := w.tx.AccessOf(ctx, user, e.Org)
	if err != nil {
		return err
	}
	if len(mem.Roles) > 0 || len(entries) > 1 {
		return nil
	}
	org, err := w.compiled(ctx, e.Org)
	if err != nil {
		return err
	}
	if len(org.policy.teamEntries(teamsAt(&mem, w.now), org.trees)) > 0 {
		return nil
	}
	return conflict("roles", "last_role", "the user would have no role")
}

// Access returns a page of an application's access entries in the actor's
// organization. The actor needs [PermApplicationView]. Errors: [ErrPermission],
// [ErrLimit].
func (s *Applications) Access(ctx context.Context, a Actor, app ApplicationID, q ListQuery) (*Page[AccessEntry], error) {
	const op = "Applications.Access"
	v, err := s.m.read(a)
	if err != nil {
		return nil, withOp(op, err)
	}
	if err := v.needIn(PermApplicationView, v.org); err != nil {
		return nil, withOp(op, err)
	}
	page, err := pageOf(q, func(q ListQuery) ([]AccessEntry, error) { return s.m.store.ListAccess(ctx, v.org, app, q) },
		func(e *AccessEntry) Position { return Position{ID: [16]byte(e.ID)} })
	return page, withOp(op, err)
}
