package usermgmt

import (
	"context"
	"slices"
	"time"

	"github.com/usermgmt/usermgmt/internal/authz"
)

// Review is what a member of an organization may do, and by what.
type Review struct {
	User UserID
	Org  OrgID
	At   time.Time
	// Administrator: the access profile is one of those that administrators have.
	Administrator bool
	Teams         []TeamAssignment
	Units         []UnitID
	// Assignments are the access profile, every role that is assigned, directly or in
	// an application, also those that have ended or not begun, and the sharing
	// policies that apply.
	Assignments []Assignment
	// Rights are the permissions that the assignments which count now grant together,
	// whatever role is in force, in the order of the catalogue.
	Rights []Right
}

// Assignment is one source of rights in a [Review].
type Assignment struct {
	Source
	// Application is where it counts; zero is everywhere.
	Application ApplicationID
	// Counts: now.
	Counts bool
}

// Right is a permission in a [Review].
type Right struct {
	Permission Permission
	Scope      Scope
	// By are the [Review].Assignments that grant it, by index.
	By []int
}

// Review returns what a member of the actor's organization may do there, and
// which assignments it comes from: for whoever has to say whether it should stay.
//
// The actor needs [PermUserView] on the user, and [PermRoleView].
//
// Errors: [ErrNotFound], [ErrPermission], [ErrUnauthenticated].
func (a *Access) Review(ctx context.Context, actor Actor, user UserID) (*Review, error) {
	const op = "Access.Review"
	now := a.m.now()
	v, err := a.reviewed(ctx, actor, user, now)
	if err != nil {
		return nil, withOp(op, err)
	}
	x, err := a.newExplainer(ctx, v, 0, nil, now)
	if err != nil {
		return nil, withOp(op, err)
	}
	m := x.h.membership
	out := &Review{User: user, Org: v.org, At: now, Teams: slices.Clone(m.Teams), Units: slices.Clone(m.Units)}
	if p := x.org.policy.profiles[m.Profile]; p != nil {
		out.Administrator = p.profile.Administrator
	}
	masks := x.assignments(out)
	for n := range v.cat.Len() {
		r := Right{Permission: Permission(v.cat.At(n).Name)}
		for i, m := range masks {
			if m[n] != 0 && out.Assignments[i].Counts {
				r.Scope |= Scope(m[n])
				r.By = append(r.By, i)
			}
		}
		if r.Scope != 0 {
			out.Rights = append(out.Rights, r)
		}
	}
	return out, nil
}

// assignments lists, of each application and of none, what the holder has, with what
// each grants.
func (x *explainer) assignments(out *Review) (masks [][]authz.Mask) {
	for _, app := range x.org.policy.applications() {
		h := x.h
		h.app = app
		whenever := x.org.policy.sources(h, x.org.trees, &clock{now: x.now, future: true, past: true}).list
		h.app = x.org.policy.current(h, x.org.trees, &clock{now: x.now})
		counting := x.org.policy.sources(h, x.org.trees, &clock{now: x.now}).list
		if h.app != app {
			counting = nil // no access now
		}
		for _, s := range whenever {
			one := Assignment{Source: s.Source}
			if s.Kind == SourceAccess || s.Kind == SourceTeamAccess || x.ofApplication(s.Role) {
				one.Application = app
			}
			if slices.ContainsFunc(out.Assignments, func(o Assignment) bool {
				return o.Application == one.Application && sameSource(o.Source, one.Source)
			}) {
				continue
			}
			one.Counts = slices.ContainsFunc(counting, func(c source) bool { return sameSource(c.Source, s.Source) })
			out.Assignments = append(out.Assignments, one)
			masks = append(masks, s.masks)
		}
	}
	return masks
}

// ofApplication reports whether the role is one of a single application.
func (x *explainer) ofApplication(role RoleID) bool {
	r := x.org.policy.roles[role]
	return r != nil && !r.role.App.IsZero()
}
