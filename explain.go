package usermgmt

import (
	"context"
	"slices"
	"time"

	"github.com/usermgmt/usermgmt/internal/authz"
)

// SourceKind says what a grant came through.
type SourceKind string

// The kinds of sources.
const (
	SourceProfile    SourceKind = "access profile"
	SourceRole       SourceKind = "role"
	SourceAccess     SourceKind = "application access"
	SourceTeamAccess SourceKind = "application access of a team"
	SourceSharing    SourceKind = "sharing policy"
)

// Source is an assignment that grants a permission.
type Source struct {
	Kind    SourceKind
	Name    string // of the profile, the role or the policy
	Profile ProfileID
	Role    RoleID
	Access  AccessID
	Team    TeamID // whose entry it is
	Sharing SharingID
	// From and Until bound the assignment of a role; zero is no bound.
	From, Until time.Time
	// Scope is what it grants of the permission.
	Scope Scope
	// Covers: this source alone would allow it. Relation is then the member of Scope
	// by which the record relates.
	Covers   bool
	Relation Scope
}

// MissKind says what was missing by one difference.
type MissKind string

// The kinds of misses.
const (
	// MissLater: the assignment begins later, at [Source].From.
	MissLater MissKind = "begins later"
	// MissOver: the assignment has ended, at [Source].Until; so may the membership
	// in the team that it comes through.
	MissOver MissKind = "has ended"
	// MissRole: the role is not the one in force.
	MissRole MissKind = "another role is in force"
	// MissApplication: it counts in [Miss].Application, which is not the current one.
	MissApplication MissKind = "counts in another application"
	// MissScope: it does not reach the record.
	MissScope MissKind = "does not reach the record"
	// MissCriteria: it reaches the record, whose criteria the user does not meet.
	MissCriteria MissKind = "the record's criteria"
	// MissNarrowed: the user has it, and not by this door: an API key limited to
	// other permissions, or a login as somebody else.
	MissNarrowed MissKind = "not available by this door"
)

// Miss is a single difference by which the answer would have been yes.
type Miss struct {
	Kind MissKind
	// Source is what would allow it.
	Source Source
	// Application is set for MissApplication.
	Application ApplicationID
}

// Explanation says why a permission is, or is not, there.
type Explanation struct {
	Allowed    bool
	Permission Permission
	// Scope is what all sources grant together and is in reach, 0 outside of the
	// object's application; Relation the member of it by which the record relates to the user, 0 if none does.
	Scope, Relation Scope
	// By are the units or the team of the user and of the record by which they
	// relate, where Relation is one of units, of teams or of what is shared.
	By Relatives
	// Sources grant the permission with some scope or other.
	Sources []Source
	// Misses are the nearest misses, if it is refused: each alone would make it
	// allowed, but for MissScope, which lists the Sources that do not reach the
	// record.
	Misses []Miss
	// Missing is an English sentence about what was missing; empty if allowed.
	Missing string
}

// Relatives are the two ends of a relation: a unit or team of the user, and one of
// the record that is it, lies below it or, for ScopeShared, is shared.
type Relatives struct {
	Unit, RecordUnit UnitID
	Team, RecordTeam TeamID // Team is zero for ScopeShared
}

// Explain answers like [Actor.Can] and says why: which assignments grant the
// permission, and by which relation the record is covered, or what is missing
// and by how little. With a nil record it explains [Actor.Has]. It reads the
// present state; a difference to the actor's snapshot means that rights changed
// since.
//
// Errors: [ErrUnauthenticated].
func (a *Access) Explain(ctx context.Context, actor Actor, p Permission, r *Record) (Explanation, error) {
	const op = "Access.Explain"
	if _, err := a.m.read(actor); err != nil {
		return Explanation{}, withOp(op, err)
	}
	v := *actor.v
	now := a.m.now()
	if err := a.m.renew(ctx, a.m.store, &v, now); err != nil {
		return Explanation{}, withOp(op, err)
	}
	e, err := a.explain(ctx, &v, p, r, now)
	return e, withOp(op, err)
}

// ExplainOf answers like Explain about another user in the actor's organization, as
// somebody who has come in without an application, with the only role or all of
// them, whether or not the user could log in now.
//
// The actor needs [PermUserView] on the user, and [PermRoleView].
//
// Errors: [ErrNotFound], [ErrPermission], [ErrUnauthenticated].
func (a *Access) ExplainOf(ctx context.Context, actor Actor, user UserID, p Permission, r *Record) (Explanation, error) {
	const op = "Access.ExplainOf"
	now := a.m.now()
	v, err := a.reviewed(ctx, actor, user, now)
	if err != nil {
		return Explanation{}, withOp(op, err)
	}
	e, err := a.explain(ctx, v, p, r, now)
	return e, withOp(op, err)
}

// reviewed is a user of the actor's organization as an actor, for whoever may see
// what rights they have.
func (a *Access) reviewed(ctx context.Context, actor Actor, user UserID, now time.Time) (*actorValue, error) {
	by, err := a.m.read(actor)
	if err != nil {
		return nil, err
	}
	_, record, err := a.m.memberRecord(ctx, a.m.store, user, by.org)
	if err != nil {
		return nil, err
	}
	if !by.sees(PermUserView, record) {
		return nil, &Error{Kind: ErrNotFound}
	}
	if err := by.needIn(PermRoleView, by.org); err != nil {
		return nil, err
	}
	v := &actorValue{door: DoorHost, subject: user, operator: user, org: by.org, role: everyRole, verified: now}
	st, err := a.m.store.StandingOf(ctx, user, by.org)
	if err != nil {
		return nil, err
	}
	return v, a.m.enter(ctx, a.m.store, &st, v, now)
}

func (a *Access) explain(ctx context.Context, v *actorValue, p Permission, r *Record, now time.Time) (Explanation, error) {
	e := Explanation{Permission: p}
	n, ok := v.cat.Number(string(p))
	if !ok {
		e.Missing = "there is no such permission"
		return e, nil
	}
	e.Scope = v.scope(p)
	e.Allowed = e.Scope != 0
	if r != nil {
		e.Relation = Scope(v.relation(p, r))
		e.Allowed = e.Relation != 0
		e.By = v.relatives(n, authz.Mask(e.Relation), r)
	}
	if !e.Allowed {
		e.Missing = v.missing(n, r)
	}
	if v.door == DoorSystem {
		return e, nil
	}
	x, err := a.newExplainer(ctx, v, n, r, now)
	if err != nil {
		return e, err
	}
	e.Sources = x.sources(v)
	if !e.Allowed && v.pending&^StepRole == 0 {
		if e.Misses, err = x.misses(ctx, e.Sources); err != nil {
			return e, err
		}
	}
	return e, nil
}

// relatives finds the two ends of the relation between the actor and the record.
func (v *actorValue) relatives(n int, m authz.Mask, r *Record) (out Relatives) {
	s := &v.rights.Subject
	switch m {
	case authz.Unit, authz.Division:
		out.Unit, out.RecordUnit = endsOf(s.UnitRoots(), r.OwnerUnits, func(a, b authz.ID) bool { return s.UnitBelow(a, b, m == authz.Division) })
	case authz.Team, authz.Subteams:
		out.Team, out.RecordTeam = endsOf(s.TeamRoots(), r.OwnerTeams, func(a, b authz.ID) bool { return s.TeamBelow(a, b, m == authz.Subteams) })
	case authz.Shared:
		for _, t := range r.OwnerTeams {
			if s.SharesTeam(n, authz.ID(t)) {
				out.RecordTeam = t
				break
			}
		}
	}
	return out
}

func endsOf[E any](mine []authz.ID, of []ID[E], related func(a, b authz.ID) bool) (own, record ID[E]) {
	for _, id := range of {
		for _, m := range mine {
			if related(m, authz.ID(id)) {
				return ID[E](m), id
			}
		}
	}
	return own, record
}

// explainer asks what the decision would be if one thing were different.
type explainer struct {
	a   *Access
	v   *actorValue
	n   int
	r   *Record
	org compiledOrg
	h   holding
	now time.Time
}

func (a *Access) newExplainer(ctx context.Context, v *actorValue, n int, r *Record, now time.Time) (*explainer, error) {
	st, err := a.m.store.StandingOf(ctx, v.subject, v.org)
	if err != nil {
		return nil, err
	}
	org, err := a.m.rights.org(ctx, a.m.store, &st)
	if err != nil {
		return nil, err
	}
	h, err := a.m.rights.holding(ctx, a.m.store, v.subject, v.org, v.app, v.role)
	return &explainer{a: a, v: v, n: n, r: r, org: org, h: h, now: now}, err
}

// sources lists what grants the permission, as things are.
func (x *explainer) sources(v *actorValue) []Source {
	h := x.h
	h.app = x.org.policy.current(h, x.org.trees, &clock{now: x.now})
	return x.granting(v, x.org.policy.sources(h, x.org.trees, &clock{now: x.now}).list)
}

// granting keeps of sources those that grant the permission to v.
func (x *explainer) granting(v *actorValue, list []source) (out []Source) {
	for _, s := range list {
		mask := s.masks[x.n]
		if mask == 0 {
			continue
		}
		s.Scope = Scope(mask)
		mask &= v.granted(x.n)
		s.Covers = mask != 0 && v.pending == 0
		if x.r != nil && s.Covers {
			subject := &v.rights.Subject
			if !s.Sharing.IsZero() {
				subject = subject.With(s.share) // what another policy shares is not this one's
			}
			m := authz.Relation(subject, x.n, mask, authz.ID(x.r.Org), authz.ID(x.r.Owner), x.r.OwnerUnits, x.r.OwnerTeams)
			s.Relation, s.Covers = Scope(m), m != 0
		}
		out = append(out, s.Source)
	}
	return out
}

// misses tries what would make the answer yes.
func (x *explainer) misses(ctx context.Context, sources []Source) (out []Miss, err error) {
	for _, s := range sources {
		switch {
		case s.Covers && x.r != nil:
			out = append(out, Miss{Kind: MissCriteria, Source: s})
		case !s.Covers && x.r != nil && x.v.granted(x.n) != 0:
			out = append(out, Miss{Kind: MissScope, Source: s})
		}
	}
	add := func(kind MissKind, app ApplicationID, h holding, c clock, is func(s Source) bool) error {
		list, err := x.otherwise(ctx, h, c)
		for _, s := range list {
			if is(s) {
				out = append(out, Miss{Kind: kind, Source: s, Application: app})
			}
		}
		return err
	}
	known := func(s Source) bool {
		return slices.ContainsFunc(sources, func(o Source) bool { return sameSource(o, s) })
	}
	if err := add(MissLater, ApplicationID{}, x.h, clock{now: x.now, future: true}, func(s Source) bool { return !known(s) }); err != nil {
		return nil, err
	}
	if err := add(MissOver, ApplicationID{}, x.h, clock{now: x.now, past: true}, func(s Source) bool { return !known(s) }); err != nil {
		return nil, err
	}
	h := x.h
	if h.role != everyRole {
		h.role = everyRole
		if err := add(MissRole, ApplicationID{}, h, clock{now: x.now}, func(s Source) bool { return !known(s) }); err != nil {
			return nil, err
		}
	}
	for _, app := range x.org.policy.set.Applications {
		if h = x.h; app.ID != h.app {
			h.app = app.ID
			if err := add(MissApplication, app.ID, h, clock{now: x.now}, func(Source) bool { return true }); err != nil {
				return nil, err
			}
		}
	}
	if v := *x.v; v.narrow != nil {
		v.narrow = nil
		if x.allows(&v) {
			for _, s := range x.granting(&v, x.org.policy.sources(x.h, x.org.trees, &clock{now: x.now}).list) {
				if s.Covers {
					out = append(out, Miss{Kind: MissNarrowed, Source: s})
				}
			}
		}
	}
	return out, nil
}

// otherwise returns the sources that would allow it with another holding or
// clock.
func (x *explainer) otherwise(ctx context.Context, h holding, c clock) ([]Source, error) {
	v, counts := *x.v, c
	v.pending &^= StepRole
	v.rights = x.org.resolve(h, &counts)
	if v.rights.choose {
		return nil, nil
	}
	var err error
	if v.rights.values, err = x.a.m.rights.valuesOf(ctx, x.a.m.store, v.subject); err != nil || !x.allows(&v) {
		return nil, err
	}
	h.app = x.org.policy.current(h, x.org.trees, &c)
	return slices.DeleteFunc(x.granting(&v, x.org.policy.sources(h, x.org.trees, &c).list), func(s Source) bool { return !s.Covers }), nil
}

func (x *explainer) allows(v *actorValue) bool {
	p := Permission(v.cat.At(x.n).Name)
	if x.r == nil {
		return v.scope(p) != 0
	}
	return v.can(p, x.r)
}

// sameSource reports whether two are the same assignment.
func sameSource(a, b Source) bool {
	return a.Kind == b.Kind && a.Profile == b.Profile && a.Role == b.Role && a.Access == b.Access && a.Sharing == b.Sharing
}

// missing says in a sentence why the permission does not reach the record.
func (v *actorValue) missing(n int, r *Record) string {
	e := v.cat.At(n)
	name, mask := e.Name, v.granted(n)
	base := e.Base()
	switch {
	case v.pending != 0:
		return "the login is not complete: " + v.pending.Next().String() + " comes first"
	case v.narrow != nil && v.narrow[n] == 0 && v.door == DoorAPIKey:
		return "the API key is limited to other permissions than " + name
	case v.narrow != nil && v.narrow[n] == 0:
		return name + " is not available while acting as somebody else"
	case mask == 0 && v.rights.Held()[n] != 0:
		return "the object of " + name + " belongs to an application that is not the current one"
	case mask == 0:
		return "no role, access profile or sharing policy grants " + name
	case base >= 0 && (r == nil && v.granted(base) == 0 || r != nil && v.relate(base, r) == 0):
		return "the field comes with " + v.cat.At(base).Name + ", which is not granted"
	case r == nil:
		return ""
	case r.Org != v.org && mask&authz.System == 0:
		return "the record belongs to another organization, and " + name + " is not granted system-wide"
	case v.relate(n, r) != 0:
		return "the user does not meet the criteria of the record"
	}
	return "the record is outside the granted scope, which is " + Scope(mask).String()
}
