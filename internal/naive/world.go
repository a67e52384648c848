// Package naive decides about rights by the book: docs/rights.md, rule by rule, with
// maps and loops and without a thought of speed. It imports nothing of the library
// and shares no code with it, so that its tests can ask both the same questions and
// find where the book, the library or the evaluator errs.
package naive

import "time"

// World is everything that decides. Whatever has a name is named by it; no two
// things of a kind have the same, in whatever organization they are. An empty name
// is none.
type World struct {
	Organizations map[string]*Organization
	Users         map[string]*User
	Objects       map[string]*Object
	Roles         map[string]*Role
	Profiles      map[string]*Profile
	Applications  map[string]*Application
}

// Organization is a tenant.
type Organization struct {
	Provider, SwitchRoles bool
	Units, Teams          map[string]string // the parent of each
	Members               map[string]*Membership
	Entries               map[string]*Entry
	Policies              map[string]*Policy
}

// User is somebody.
type User struct {
	Home, OwnerUnit string
	Custom          map[string]string // values of custom fields
}

// Membership is a user's place in an organization.
type Membership struct {
	Profile      string
	Roles, Teams []Assignment
	Units        []string
}

// Assignment is a role or a team, for a time; zero is no bound.
type Assignment struct {
	To          string
	From, Until time.Time
}

// Grants are what a role or a profile says, by permission or with "*" for either part.
type Grants map[string]Relations

// Role is a named set of grants, of one organization or all, for one application or
// all.
type Role struct {
	Org, App string
	Grants   Grants
}

// Profile is an access profile, of one organization or all.
type Profile struct {
	Org    string
	Grants Grants
}

// Application is where objects live, of one organization or all.
type Application struct {
	Org     string
	Objects []string
}

// Entry is an access entry: of a user or of a team.
type Entry struct {
	App, User, Team string
	Roles           []Assignment
}

// The models of sharing.
const (
	OneWay = "one-way"
	TwoWay = "two-way"
	Mashup = "mashup"
)

// Policy is a sharing policy.
type Policy struct {
	Owning         string
	OwningSubteams bool
	Sharing        []string

	SharingSubteams bool
	Model           string
	Permissions     []string
	Roles           []string
}

// What may own a record of an object.
const (
	ByUser         = "user"
	ByUnit         = "unit"
	ByTeam         = "team"
	ByOrganization = "organization"
	ByNobody       = "unowned"
)

// What criteria may choose by.
const (
	BasisTeam  = "team"
	BasisRole  = "role"
	BasisUser  = "user"
	BasisField = "field"
)

// Object is a kind of record. With a basis it has the action "control_visibility"
// too.
type Object struct {
	Ownership           string
	Actions, SystemOnly []string
	Fields              []string
	Basis, BasisField   string
}

// Record is where something belongs.
type Record struct {
	Org, Owner   string
	Units, Teams []string
	Criteria     *Criteria // nil is none
}

// Criteria are what a record lists.
type Criteria struct{ Teams, Roles, Users, Values []string }

// Relation is how a record may stand to an actor.
type Relation string

// The relations.
const (
	Own               Relation = "own"
	Team              Relation = "team"
	Subteams          Relation = "subteams"
	Unit              Relation = "unit"
	Division          Relation = "division"
	WholeOrganization          = Relation("organization")
	System            Relation = "system"
	Shared            Relation = "shared"
)

// Relations is a set of relations. The empty one is an explicit none.
type Relations map[Relation]bool

// Of makes a set.
func Of(all ...Relation) Relations {
	s := Relations{}
	for _, r := range all {
		s[r] = true
	}
	return s
}

// And is what both sets have.
func (s Relations) And(t Relations) Relations {
	both := Relations{}
	for r := range s {
		if t[r] {
			both[r] = true
		}
	}
	return both
}

// Or is what either has.
func (s Relations) Or(t Relations) Relations {
	either := Relations{}
	for r := range s {
		either[r] = true
	}
	for r := range t {
		either[r] = true
	}
	return either
}

// Expanded adds what the members contain.
func (s Relations) Expanded() Relations {
	switch {
	case s[System]:
		return Of(Own, Team, Subteams, Unit, Division, WholeOrganization, System)
	case s[WholeOrganization]:
		return Of(Own, Team, Subteams, Unit, Division, WholeOrganization)
	}
	t := s.Or(nil)
	if t[Division] {
		t[Unit] = true
	}
	if t[Unit] || t[Team] {
		t[Own] = true
	}
	return t
}
