package usermgmt

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt/internal/authz"
)

// Access answers questions about rights. [Manager.Access] returns it.
//
// Its answers are as of the verification of the actor, and asking is never
// recorded.
type Access struct{ m *Manager }

// Access returns the service that answers questions about rights.
func (m *Manager) Access() *Access { return &Access{m} }

// Catalogue returns every object with its actions: this package's own and the
// host's.
func (a *Access) Catalogue() []Object {
	out := make([]Object, len(a.m.objects))
	for i, o := range a.m.objects {
		o.Actions = append([]string(nil), o.Actions...)
		o.SystemOnly, o.Fields = append([]string(nil), o.SystemOnly...), append([]string(nil), o.Fields...)
		out[i] = o
	}
	return out
}

// Check returns nil if the actor has the permission on the record, and
// otherwise [ErrPermission], or [ErrUnauthenticated] for the zero Actor, or
// [ErrStepUp] if it has the permission, which needs a fresh proof
// ([Config.StepUp]): [Actor.Can] alone does not ask for that.
func (a *Access) Check(actor Actor, p Permission, r Record) error {
	switch {
	case actor.IsZero():
		return withOp("Access.Check", errNoActor())
	case !actor.Can(p, r):
		return &Error{Op: "Access.Check", Kind: ErrPermission, Permission: p}
	}
	return withOp("Access.Check", actor.v.freshFor(p))
}

// CheckMany answers the same question about many records.
func (a *Access) CheckMany(actor Actor, p Permission, records []Record) []bool {
	out := make([]bool, len(records))
	for i := range records {
		out[i] = actor.Can(p, records[i])
	}
	return out
}

// Fields returns those of the object's protected fields ([Object.Fields]) that the
// actor may use on the record, with the permission on the whole record, such as
// "lead.view" or "lead.edit": those for which p.Of(field) is allowed. It returns
// none if p is not allowed.
func (a *Access) Fields(actor Actor, p Permission, r Record) []string {
	object, _, _ := strings.Cut(string(p), ".")
	i := slices.IndexFunc(a.m.objects, func(o Object) bool { return o.Name == object })
	if i < 0 {
		return nil
	}
	var out []string
	for _, f := range a.m.objects[i].Fields {
		if actor.Can(p.Of(f), r) {
			out = append(out, f)
		}
	}
	return out
}

// Placements returns, for records that the given users own, where those
// belong: the units assigned to the owner and the owner's teams in the
// organization. Users who are not members are left out. It is one read however
// many owners there are; at most [MaxPageSize], [ErrLimit] beyond.
func (a *Access) Placements(ctx context.Context, org OrgID, owners ...UserID) (map[UserID]Record, error) {
	const op = "Access.Placements"
	if len(owners) > MaxPageSize {
		return nil, &Error{Op: op, Kind: ErrLimit, Field: "owners"}
	}
	members, err := a.m.store.Memberships(ctx, org, owners)
	if err != nil {
		return nil, withOp(op, err)
	}
	now := a.m.now()
	out := make(map[UserID]Record, len(members))
	for i := range members {
		mem := &members[i]
		out[mem.User] = Record{Org: org, Owner: mem.User, OwnerUnits: mem.Units, OwnerTeams: teamsAt(mem, now)}
	}
	return out, nil
}

// teamsAt are the teams that the membership has at now.
func teamsAt(mem *Membership, now time.Time) []TeamID {
	c := clock{now: now}
	out := make([]TeamID, 0, len(mem.Teams))
	for _, t := range mem.Teams {
		if c.counts(t.From, t.Until) {
			out = append(out, t.Team)
		}
	}
	return out
}

// Filter returns the set of records on which the actor has the permission, for
// lists. It is the same decision as [Actor.Can], asked the other way round.
func (a *Access) Filter(actor Actor, p Permission) Filter { return actor.get().filter(p) }

func (v *actorValue) filter(p Permission) Filter {
	nothing := Filter{Org: v.org, At: v.verified}
	if v.rights == nil || v.pending != 0 {
		return nothing
	}
	n, ok := v.cat.Number(string(p))
	if !ok {
		return nothing
	}
	f := v.filterOf(n)
	e := v.cat.At(n)
	if base := e.Base(); base >= 0 {
		whole := v.filterOf(base)
		f.And = &whole
	}
	if e.Basis != 0 && e.Control() >= 0 {
		control := v.filterOf(e.Control())
		f.Criteria, f.Control = v.criteria(e), &control
	}
	return f
}

// criteria are what the actor meets, by the permission's basis.
func (v *actorValue) criteria(e *authz.Permission) *Criteria {
	c := &Criteria{}
	switch e.Basis {
	case authz.ByTeam:
		c.Teams = slices.Clone(v.rights.teams)
	case authz.ByRole:
		c.Roles = slices.Clone(v.rights.roles)
	case authz.ByUser:
		if !v.subject.IsZero() {
			c.Users = []UserID{v.subject}
		}
	case authz.ByField:
		if value := v.rights.values[e.Object]; value != "" {
			c.Values = []string{value}
		}
	}
	return c
}

// filterOf is the set of records that permission number n alone reaches.
func (v *actorValue) filterOf(n int) Filter {
	f := Filter{Org: v.org, At: v.verified}
	g := v.granted(n)
	switch {
	case g&authz.System != 0:
		return Filter{System: true, Org: v.org}
	case g&authz.Organization != 0:
		f.All = true
		return f
	}
	if g&authz.Own != 0 && !v.subject.IsZero() {
		f.Owners = []UserID{v.subject}
	}
	if g&authz.Unit != 0 {
		f.Units = idsOf[BusinessUnit](v.rights.UnitRoots())
	}
	if g&authz.Division != 0 {
		f.UnitTrees = idsOf[BusinessUnit](v.rights.UnitRoots())
	}
	if g&authz.Team != 0 {
		f.Teams = idsOf[Team](v.rights.TeamRoots())
	}
	if g&authz.Subteams != 0 {
		f.TeamTrees = idsOf[Team](v.rights.TeamRoots())
	}
	if g&authz.Shared != 0 {
		teams, trees := v.rights.Shared(n)
		f.Teams = append(f.Teams, idsOf[Team](teams)...)
		f.TeamTrees = append(f.TeamTrees, idsOf[Team](trees)...)
	}
	return f
}

func idsOf[E any](in []authz.ID) []ID[E] {
	out := make([]ID[E], len(in))
	for i, id := range in {
		out[i] = ID[E](id)
	}
	return out
}

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
	Name    string // of the profile or the role
	Profile ProfileID
	Role    RoleID
	Access  AccessID
	Team    TeamID // whose entry it is
	Sharing SharingID
	// Scope is what it grants of the permission.
	Scope Scope
	// Covers: this source alone would allow it.
	Covers bool
}

// Explanation says why a permission is, or is not, there.
type Explanation struct {
	Allowed    bool
	Permission Permission
	// Scope is what all sources grant together; Relation the member of it by
	// which the record relates to the actor, 0 if none does.
	Scope, Relation Scope
	// Sources grant the permission with some scope or other.
	Sources []Source
	// Missing is an English sentence about what was missing; empty if allowed.
	Missing string
}

// Explain answers like [Actor.Can] and says why: which assignments grant the
// permission, and by which relation the record is covered, or what is missing.
// With a nil record it explains [Actor.Has]. It reads the present state; a
// difference to the actor's snapshot means that rights changed since.
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
	e := Explanation{Permission: p}
	n, ok := v.cat.Number(string(p))
	if !ok {
		e.Missing = "there is no such permission"
		return e, nil
	}
	mask := v.granted(n)
	e.Scope = Scope(mask)
	e.Allowed = mask != 0 && v.pending == 0
	if r != nil {
		e.Relation = Scope(v.relation(p, r))
		e.Allowed = e.Relation != 0
	}
	if v.door != DoorSystem {
		if err := a.explainSources(ctx, &v, n, r, &e, now); err != nil {
			return Explanation{}, withOp(op, err)
		}
	}
	if !e.Allowed {
		e.Missing = v.missing(n, mask, r)
	}
	return e, nil
}

func (a *Access) explainSources(ctx context.Context, v *actorValue, n int, r *Record, e *Explanation, now time.Time) error {
	st, err := a.m.store.StandingOf(ctx, v.subject, v.org)
	if err != nil {
		return err
	}
	org, err := a.m.rights.org(ctx, a.m.store, &st)
	if err != nil {
		return err
	}
	h, err := a.m.rights.holding(ctx, a.m.store, v.subject, v.org, v.app, v.role)
	if err != nil {
		return err
	}
	h.app = org.policy.current(h, org.trees, &clock{now: now})
	for _, s := range org.policy.sources(h, org.trees, &clock{now: now}).list {
		mask := s.masks[n]
		if mask == 0 {
			continue
		}
		s.Scope = Scope(mask)
		mask &= v.granted(n)
		s.Covers = mask != 0 && v.pending == 0 && (r == nil ||
			authz.Relation(v.rights.Subject, n, mask, authz.ID(r.Org), authz.ID(r.Owner), r.OwnerUnits, r.OwnerTeams) != 0)
		e.Sources = append(e.Sources, s.Source)
	}
	return nil
}

// missing says in a sentence why the permission does not reach the record.
func (v *actorValue) missing(n int, mask authz.Mask, r *Record) string {
	name := v.cat.At(n).Name
	switch {
	case v.pending != 0:
		return "the login is not complete: " + v.pending.Next().String() + " comes first"
	case v.narrow != nil && v.narrow[n] == 0 && v.door == DoorProxy:
		return name + " is not available during a proxy login"
	case v.narrow != nil && v.narrow[n] == 0:
		return "the API key is limited to other permissions than " + name
	case mask == 0 && v.rights.Held[n] != 0:
		return "the object of " + name + " belongs to an application that is not the current one"
	case mask == 0:
		return "no role and no access profile grants " + name
	case r.Org != v.org:
		return "the record belongs to another organization, and " + name + " is not granted system-wide"
	}
	return "the record is outside the granted scope, which is " + Scope(mask).String()
}
