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
	return c.teams(mem)
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
