package naive

import (
	"slices"
	"strings"
	"time"
)

// Question asks whether somebody may do something.
type Question struct {
	// User acts in Org, and App if the user has access to it, by a session with Role
	// chosen or by an API key, at a moment.
	User, Org, App, Role string
	Key                  bool
	At                   time.Time

	Permission string
	Record     *Record // nil asks whether there is any such right ("has")
}

// Answer is what comes out.
type Answer struct {
	Allowed bool
	Why     string
	// Granted are the sources of the permission that grant some of it, whether or not
	// the object is within reach.
	Granted []Granted
	// Relations are those granted that hold for the record.
	Relations Relations
}

// Granted is what one source grants of a permission.
type Granted struct {
	Source
	Rule      string    // which of the rules below
	Relations Relations // what it grants
	Hold      Relations // those of them that hold for the record
}

// Why an answer is what it is.
const (
	WhyUnknown     = "there is no such permission"
	WhyMustChoose  = "a role must be chosen first"
	WhyNone        = "no source grants it"
	WhyApplication = "the object belongs to an application that is not the current one"
	WhyNoRelation  = "no granted relation holds"
	WhyRecord      = "the field's record is refused"
	WhyCriteria    = "criteria are not met"
	WhyControl     = "whoever controls visibility sees it"
	WhyMet         = "criteria are met"
	WhyRelation    = "a granted relation holds"
	WhyHas         = "it is granted"
)

// By which rule a source grants.
const (
	RuleField  = "the field's own entry"
	RuleName   = "its name"
	RuleObject = "object.*"
	RuleAction = "*.action"
	RuleAll    = "*.*"
	RuleLeast  = "least of the ownership"
	RulePolicy = "sharing policy"
)

// May answers.
func (w *World) May(q Question) Answer {
	object, action, field := split(q.Permission)
	if !w.exists(object, action, field) {
		return Answer{Why: WhyUnknown}
	}
	a := w.actor(q)
	if a.mustChoose {
		return Answer{Why: WhyMustChoose}
	}
	answer := w.reach(a, q.Permission, q.Record)
	if answer.Allowed && field != "" && !w.reach(a, object+"."+action, q.Record).Allowed {
		answer.Allowed, answer.Why = false, WhyRecord
	}
	if answer.Allowed && q.Record != nil && q.Record.Criteria != nil {
		switch {
		case w.meets(a, w.Objects[object], q.Record.Criteria):
			answer.Why = WhyMet
		case w.Objects[object].Basis != "" && w.reach(a, object+".control_visibility", q.Record).Allowed:
			answer.Why = WhyControl
		default:
			answer.Allowed, answer.Why = false, WhyCriteria
		}
	}
	return answer
}

// reach answers for one permission by itself, criteria aside.
func (w *World) reach(a actor, permission string, record *Record) Answer {
	answer := Answer{Why: WhyNone, Relations: Relations{}}
	for _, s := range a.sources {
		g := w.granted(a, s, permission)
		if len(g.Relations) == 0 {
			continue
		}
		if record != nil {
			g.Hold = g.Relations.And(w.related(a, s, record))
			answer.Relations = answer.Relations.Or(g.Hold)
		}
		answer.Granted = append(answer.Granted, g)
	}
	object, _, _ := split(permission)
	switch {
	case len(answer.Granted) == 0:
		return answer
	case !w.withinReach(a, object):
		answer.Why = WhyApplication
	case record == nil:
		answer.Allowed, answer.Why = true, WhyHas
	case len(answer.Relations) == 0:
		answer.Why = WhyNoRelation
	default:
		answer.Allowed, answer.Why = true, WhyRelation
	}
	return answer
}

// withinReach: the object is of no application, or of the current one.
func (w *World) withinReach(a actor, object string) bool {
	ofSome := false
	for name, app := range w.Applications {
		if (app.Org == "" || app.Org == a.orgName) && slices.Contains(app.Objects, object) {
			if name == a.app {
				return true
			}
			ofSome = true
		}
	}
	return !ofSome
}

// granted is what a source grants of a permission.
func (w *World) granted(a actor, s Source, permission string) Granted {
	object, action, field := split(permission)
	exist := w.relations(object, action)
	if s.policy != nil {
		g := Granted{Source: s, Rule: RulePolicy}
		if slices.Contains(s.policy.Permissions, permission) {
			g.Relations = Of(Shared).And(exist)
		}
		return g
	}
	g := w.byRule(s, object, action, field, exist)
	if !a.org.Provider {
		delete(g.Relations, System)
	}
	return g
}

// byRule finds the most exact grant of a role or profile.
func (w *World) byRule(s Source, object, action, field string, exist Relations) Granted {
	if field != "" {
		if set, ok := s.grants[object+"."+action+":"+field]; ok {
			return Granted{Source: s, Rule: RuleField, Relations: set.Expanded().And(exist)}
		}
	}
	if set, ok := s.grants[object+"."+action]; ok {
		return Granted{Source: s, Rule: RuleName, Relations: set.Expanded().And(exist)}
	}
	for _, try := range []struct{ rule, name string }{
		{RuleObject, object + ".*"}, {RuleAction, "*." + action}, {RuleAll, "*.*"},
	} {
		set, ok := s.grants[try.name]
		if !ok {
			continue
		}
		g := Granted{Source: s, Rule: try.rule, Relations: set.Expanded().And(exist)}
		if len(set) > 0 && len(g.Relations) == 0 {
			g.Rule, g.Relations = RuleLeast, w.least(object, action)
		}
		return g
	}
	return Granted{Source: s}
}

// relations are those that exist for a permission.
func (w *World) relations(object, action string) Relations {
	o := w.Objects[object]
	if slices.Contains(o.SystemOnly, action) {
		return Of(System)
	}
	switch o.Ownership {
	case ByUser:
		return Of(Own, Team, Subteams, Unit, Division, WholeOrganization, System, Shared)
	case ByUnit:
		return Of(Unit, Division, WholeOrganization, System)
	case ByTeam:
		return Of(Team, Subteams, WholeOrganization, System, Shared)
	case ByOrganization:
		return Of(WholeOrganization, System)
	default:
		return Of(System)
	}
}

// least is what a "*" grant becomes that has none of the relations that exist.
func (w *World) least(object, action string) Relations {
	o := w.Objects[object]
	if slices.Contains(o.SystemOnly, action) {
		return Of()
	}
	switch o.Ownership {
	case ByUnit:
		return Of(Unit)
	case ByTeam:
		return Of(Team)
	case ByOrganization:
		return Of(WholeOrganization)
	default:
		return Of()
	}
}

// exists: the catalogue has the permission.
func (w *World) exists(object, action, field string) bool {
	o := w.Objects[object]
	if o == nil {
		return false
	}
	if field != "" && (!slices.Contains(o.Fields, field) || !slices.Contains([]string{"view", "create", "edit"}, action)) {
		return false
	}
	return slices.Contains(o.Actions, action) || o.Basis != "" && action == "control_visibility"
}

// meets: the user is among those whom criteria list, by the object's basis.
func (w *World) meets(a actor, o *Object, c *Criteria) bool {
	switch o.Basis {
	case BasisTeam:
		return shareOne(a.teams, c.Teams)
	case BasisRole:
		return shareOne(a.roles, c.Roles)
	case BasisUser:
		return slices.Contains(c.Users, a.userName)
	case BasisField:
		value := w.Users[a.userName].Custom[o.BasisField]
		return value != "" && slices.Contains(c.Values, value)
	default:
		return false
	}
}

// split takes "object.action:field" apart.
func split(permission string) (object, action, field string) {
	object, action, _ = strings.Cut(permission, ".")
	action, field, _ = strings.Cut(action, ":")
	return object, action, field
}

// shareOne: something is in both.
func shareOne(some, others []string) bool {
	return slices.ContainsFunc(some, func(s string) bool { return slices.Contains(others, s) })
}
