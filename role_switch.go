package usermgmt

import (
	"context"
	"slices"
)

const verbTakeRole = "auth.take_role"

// Roles returns the roles that count for the actor in the current organization and
// application, in the order of their names. Where the organization switches roles
// ([Organization.SwitchRoles]) they are those of which [Auth.TakeRole] puts one in
// force; it works while that is still to be chosen.
//
// Errors: [ErrUnauthenticated].
func (s *Auth) Roles(ctx context.Context, a Actor) ([]Role, error) {
	const op = "Auth.Roles"
	v, err := s.m.readBefore(a, StepRole)
	if err != nil {
		return nil, withOp(op, err)
	}
	st, err := s.m.store.StandingOf(ctx, v.subject, v.org)
	if err != nil {
		return nil, withOp(op, unknownUser(err))
	}
	org, err := s.m.rights.org(ctx, s.m.store, &st)
	if err != nil {
		return nil, withOp(op, err)
	}
	h, err := s.m.rights.holding(ctx, s.m.store, v.subject, v.org, v.app, everyRole)
	if err != nil {
		return nil, withOp(op, err)
	}
	c := clock{now: s.m.now()}
	h.app = org.policy.current(h, org.trees, &c)
	var out []Role
	for _, id := range org.policy.sources(h, org.trees, &c).choices {
		role := *org.policy.roles[id].role
		role.Grants = slices.Clone(role.Grants)
		out = append(out, role)
	}
	slices.SortFunc(out, func(a, b Role) int { return compareNamed(a.NameKey, b.NameKey, a.ID, b.ID) })
	return out, nil
}

// TakeRole puts one of the actor's roles in force, in an organization that switches
// roles. The session ends and another one, with a new token and the same absolute
// limit, takes its place. Of the steps of a login it does [StepRole]. In a proxy
// login the role is one of the target's.
//
// TakeRole is atomic. It records "auth.take_role" with the roles before and after.
//
// Errors: [ErrUnauthenticated]; [ErrPermission], Field "role", Rule "not_held"
// for a role that does not count for the actor here, and Rule "own_session_only"
// for an actor who did not come by a session; [ErrConflict], Rule "not_switched",
// where the organization does not switch roles.
func (s *Auth) TakeRole(ctx context.Context, a Actor, role RoleID) (*LoginResult, error) {
	tok := newSessionToken()
	var result *LoginResult
	err := s.m.change(ctx, a, "Auth.TakeRole", verbTakeRole, func(ctx context.Context, w *work) error {
		if w.v.session.IsZero() {
			return &Error{Kind: ErrPermission, Rule: "own_session_only"}
		}
		if role.IsZero() {
			return invalid("role", "required", "say which")
		}
		view, err := w.tx.SessionByID(ctx, w.v.session)
		if err != nil {
			return err
		}
		ses := view.Session
		ses.ID, ses.TokenHash, ses.Role, ses.CreatedAt, ses.SeenAt = newID[Session](), tok.hash, role, w.now, w.now
		w.on("session", ses.ID, ses.Org, "")
		if result, err = w.startSession(ctx, ses, view.Standing, tok); err != nil {
			return err
		}
		if err := result.Actor.v.tookRole(role); err != nil {
			return err
		}
		if err := w.endBefore(ctx, "took another role"); err != nil {
			return err
		}
		w.record(map[string]string{"role": w.v.rights.inForce.String()}, map[string]string{"role": role.String()})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}

// tookRole refuses a role that was asked for and is not in force now.
func (v *actorValue) tookRole(role RoleID) error {
	switch {
	case role.IsZero(), role == everyRole, v.rights.inForce == role:
		return nil
	case !v.rights.switches:
		return conflict("role", "not_switched", "the organization does not switch roles")
	}
	return &Error{Kind: ErrPermission, Field: "role", Rule: "not_held"}
}
