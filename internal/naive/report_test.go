package naive

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// tally counts what decided.
type tally struct {
	questions int
	counts    map[string]map[string]int // by section and line
	measured  int                       // questions that were asked of worlds that differ
}

// The sections of the report.
const (
	sectionOutcome = "outcome (of all questions)"
	sectionScope   = "scope that alone allowed it (of all questions)"
	sectionGrant   = "rule by which every grant that allowed it was found (of all questions)"
	sectionSource  = "kind of every source that allowed it (of all questions)"
	sectionRule    = "rule without which the answer would be another (of the questions of every tenth world)"
)

// fromTeamAbove is told from [FromTeamEntry] by the report only.
const fromTeamAbove = "access entry of a team above"

// lines are what the report must have.
var lines = map[string][]string{
	sectionOutcome: {
		"allowed", "refused", "has: allowed", "has: refused",
		"refused: " + WhyMustChoose, "refused: " + WhyNone, "refused: " + WhyApplication, "refused: " + WhyNoRelation,
		"refused: " + WhyRecord, "refused: " + WhyCriteria + ": team", "refused: " + WhyCriteria + ": role",
		"refused: " + WhyCriteria + ": user", "refused: " + WhyCriteria + ": field", "refused: " + WhyCriteria + ": no basis",
		"allowed: " + WhyRelation, "allowed: " + WhyControl, "allowed: " + WhyMet + ": team", "allowed: " + WhyMet + ": role",
		"allowed: " + WhyMet + ": user", "allowed: " + WhyMet + ": field",
	},
	sectionScope: {
		string(Own), string(Team), string(Subteams), string(Unit), string(Division), string(WholeOrganization), string(System),
		string(Shared), "several at once",
	},
	sectionGrant:  {RuleField, RuleName, RuleObject, RuleAction, RuleAll, RuleLeast, RulePolicy},
	sectionSource: {FromProfile, FromRole, FromUserEntry, FromTeamEntry, fromTeamAbove, FromPolicy},
}

func newTally() *tally {
	return &tally{counts: map[string]map[string]int{}}
}

// add takes another tally's numbers in.
func (t *tally) add(other *tally) {
	t.questions += other.questions
	t.measured += other.measured
	for section, names := range other.counts {
		for name, n := range names {
			t.hit(section, name)
			t.counts[section][name] += n - 1
		}
	}
}

func (t *tally) hit(section, line string) {
	if t.counts[section] == nil {
		t.counts[section] = map[string]int{}
	}
	t.counts[section][line]++
}

// line is one of the report.
type line struct{ section, name string }

// count takes one answer down.
func (t *tally) count(w *World, q Question, a Answer) {
	t.questions++
	for _, l := range decided(w, q, a) {
		t.hit(l.section, l.name)
	}
}

// decided are the lines to which an answer belongs, but for those of rules.
func decided(w *World, q Question, a Answer) []line {
	object, _, _ := split(q.Permission)
	outcome := map[bool]string{true: "allowed", false: "refused"}[a.Allowed]
	why := outcome + ": " + a.Why
	if a.Why == WhyCriteria || a.Why == WhyMet {
		why += ": " + cmp.Or(w.Objects[object].Basis, "no basis")
	}
	all := []line{{sectionOutcome, outcome}, {sectionOutcome, why}}
	if q.Record == nil {
		return append(all, line{sectionOutcome, "has: " + outcome})
	}
	if !a.Allowed {
		return all
	}
	if len(a.Relations) > 1 {
		all = append(all, line{sectionScope, "several at once"})
	} else {
		for r := range a.Relations {
			all = append(all, line{sectionScope, string(r)})
		}
	}
	rules, kinds := map[string]bool{}, map[string]bool{}
	for _, g := range a.Granted {
		if len(g.Hold) > 0 {
			rules[g.Rule] = true
			kind := g.Kind
			if e := w.Organizations[q.Org].Entries[g.Entry]; kind == FromTeamEntry && !slices.Contains(w.actor(q).teams, e.Team) {
				kind = fromTeamAbove
			}
			kinds[kind] = true
		}
	}
	if len(rules) == 1 {
		all = append(all, line{sectionGrant, keys(rules)[0]})
	}
	if len(kinds) == 1 {
		all = append(all, line{sectionSource, keys(kinds)[0]})
	}
	return all
}

// otherwise is a difference in one thing. A rule decided an answer if with the
// difference it is another.
type otherwise struct {
	rule string
	// What is different; nil changes nothing.
	world    func(w *World)
	question func(q *Question)
	grants   func(w *World, q Question)
}

var others = []otherwise{
	{rule: "an assignment that is over", world: func(w *World) { eachAssignment(w, func(a *Assignment) bool { a.Until = time.Time{}; return true }) }},
	{rule: "an assignment that has not begun", world: func(w *World) { eachAssignment(w, func(a *Assignment) bool { a.From = time.Time{}; return true }) }},
	{rule: "an assignment that is running", world: func(w *World) {
		eachAssignment(w, func(a *Assignment) bool { return a.From.IsZero() && a.Until.IsZero() })
	}},
	{rule: "explicit none", world: func(w *World) { eachGrants(w, func(p string, s Relations) bool { return len(s) > 0 }) }},
	{rule: "a field's own entry", world: func(w *World) { eachGrants(w, func(p string, _ Relations) bool { return !strings.Contains(p, ":") }) }},
	{rule: "the most exact grant alone", grants: sumUp},
	{rule: "no system outside the provider", world: func(w *World) { eachOrg(w, func(o *Organization) { o.Provider = true }) }},
	{rule: "system in the provider", world: func(w *World) { eachOrg(w, func(o *Organization) { o.Provider = false }) }},
	{rule: "one role in force", world: func(w *World) { eachOrg(w, func(o *Organization) { o.SwitchRoles = false }) }},
	{rule: "a role that was chosen", question: func(q *Question) { q.Role = "" }},
	{rule: "API keys use all roles", question: func(q *Question) { q.Key = false }},
	{rule: "objects out of reach", world: func(w *World) {
		for _, a := range w.Applications {
			a.Objects = nil
		}
	}},
	{rule: "the current application", question: func(q *Question) { q.App = "" }},
	{rule: "no access to the application", world: func(w *World) {
		w.Roles["nothing"] = &Role{}
		eachOrg(w, func(o *Organization) {
			for app := range w.Applications {
				for user := range o.Members {
					o.Entries["further/"+app+"/"+user] = &Entry{App: app, User: user, Roles: []Assignment{{To: "nothing"}}}
				}
			}
		})
	}},
	{rule: "a role of an application", world: func(w *World) {
		for _, r := range w.Roles {
			r.App = ""
		}
	}},
	{rule: "sharing", world: func(w *World) { eachOrg(w, func(o *Organization) { o.Policies = nil }) }},
	{rule: "sharing: more than one way", world: func(w *World) { eachPolicy(w, func(p *Policy) { p.Model = OneWay }) }},
	{rule: "sharing: mashup", world: func(w *World) {
		eachPolicy(w, func(p *Policy) {
			if p.Model == Mashup {
				p.Model = TwoWay
			}
		})
	}},
	{rule: "sharing: no mashup", world: func(w *World) { eachPolicy(w, func(p *Policy) { p.Model = Mashup }) }},
	{rule: "sharing: owning subteams", world: func(w *World) { eachPolicy(w, func(p *Policy) { p.OwningSubteams = false }) }},
	{rule: "sharing: sharing subteams", world: func(w *World) { eachPolicy(w, func(p *Policy) { p.SharingSubteams = false }) }},
	{rule: "sharing: limited to roles", world: func(w *World) { eachPolicy(w, func(p *Policy) { p.Roles = nil }) }},
	{rule: "record of another organization", question: func(q *Question) {
		if q.Record != nil && q.Record.Org != q.Org && q.Record.Org != "" {
			q.Record.Org = q.Org
		}
	}},
	{rule: "record of no organization", question: func(q *Question) {
		if q.Record != nil && q.Record.Org == "" {
			q.Record.Org = q.Org
		}
	}},
	{rule: "criteria", question: func(q *Question) {
		if q.Record != nil {
			q.Record.Criteria = nil
		}
	}},
	{rule: "system-only action", world: func(w *World) {
		for _, o := range w.Objects {
			o.SystemOnly = nil
		}
	}},
	{rule: "ownership", world: func(w *World) {
		for _, o := range w.Objects {
			o.Ownership = ByUser
		}
	}},
	{rule: "record of the field", grants: func(w *World, q Question) {
		if object, action, field := split(q.Permission); field != "" {
			for _, p := range w.Profiles {
				p.Grants[object+"."+action] = Of(System).Expanded()
				if _, own := p.Grants[q.Permission]; !own {
					p.Grants[q.Permission] = Of()
				}
			}
		}
	}},
}

func eachOrg(w *World, f func(*Organization)) {
	for _, o := range w.Organizations {
		f(o)
	}
}

func eachPolicy(w *World, f func(*Policy)) {
	eachOrg(w, func(o *Organization) {
		for _, p := range o.Policies {
			f(p)
		}
	})
}

// eachAssignment changes all assignments, and keeps those for which f says so.
func eachAssignment(w *World, f func(*Assignment) bool) {
	change := func(all []Assignment) []Assignment {
		var kept []Assignment
		for _, a := range all {
			if f(&a) {
				kept = append(kept, a)
			}
		}
		return kept
	}
	eachOrg(w, func(o *Organization) {
		for _, m := range o.Members {
			m.Roles, m.Teams = change(m.Roles), change(m.Teams)
		}
		for _, e := range o.Entries {
			e.Roles = change(e.Roles)
		}
	})
}

// eachGrants keeps the grants for which f says so.
func eachGrants(w *World, f func(string, Relations) bool) {
	drop := func(p string, s Relations) bool { return !f(p, s) }
	for _, r := range w.Roles {
		maps.DeleteFunc(r.Grants, drop)
	}
	for _, p := range w.Profiles {
		maps.DeleteFunc(p.Grants, drop)
	}
}

// sumUp has every role and profile grant the sum of what it says of the permission.
func sumUp(w *World, q Question) {
	object, action, _ := split(q.Permission)
	sum := func(g Grants) {
		all := Relations{}
		for _, name := range []string{object + "." + action, object + ".*", "*." + action, "*.*"} {
			all = all.Or(g[name])
		}
		if len(all) > 0 {
			g[object+"."+action] = all
		}
	}
	for _, r := range w.Roles {
		sum(r.Grants)
	}
	for _, p := range w.Profiles {
		sum(p.Grants)
	}
}

// copies has a copy of every value, made deeper by a function.
func copies[V any](m map[string]*V, deeper func(v *V)) map[string]*V {
	all := make(map[string]*V, len(m))
	for name, v := range m {
		c := *v
		deeper(&c)
		all[name] = &c
	}
	return all
}

func asItIs[V any](*V) {}

// clone is a copy of a world that shares nothing with it but what nobody here changes
// in its place: the trees, and the elements of lists.
func clone(w *World) *World {
	c := withOwnGrants(w)
	c.Objects, c.Applications = copies(w.Objects, asItIs), copies(w.Applications, asItIs)
	c.Organizations = copies(w.Organizations, func(o *Organization) {
		o.Members, o.Entries, o.Policies = copies(o.Members, asItIs), copies(o.Entries, asItIs), copies(o.Policies, asItIs)
	})
	return c
}

// withOwnGrants is a world that shares with the other everything but grants.
func withOwnGrants(w *World) *World {
	c := *w
	c.Roles = copies(w.Roles, func(r *Role) { r.Grants = maps.Clone(r.Grants) })
	c.Profiles = copies(w.Profiles, func(p *Profile) { p.Grants = maps.Clone(p.Grants) })
	return &c
}

// changed is the world with its difference, if that is one of the world.
func (o otherwise) changed(w *World) *World {
	if o.world == nil {
		return w
	}
	other := clone(w)
	o.world(other)
	return other
}

// decides: in the other world, or asked otherwise, the answer is another.
func (o otherwise) decides(w, other *World, q Question, a Answer) bool {
	if o.question != nil {
		if q.Record != nil {
			r := *q.Record
			q.Record = &r
		}
		o.question(&q)
	}
	if o.grants != nil {
		other = withOwnGrants(other)
		o.grants(other, q)
	}
	return other.May(q).Allowed != a.Allowed
}

// measure asks the questions of one world again in each that differs in one thing.
func (t *tally) measure(w *World, asked []Question) {
	t.measured += len(asked)
	for _, o := range others {
		other := o.changed(w)
		for _, q := range asked {
			if o.decides(w, other, q, w.May(q)) {
				t.hit(sectionRule, o.rule)
			}
		}
	}
}

// report is the table, and the lines of it that are under a share.
func (t *tally) report(least float64) (text string, under []string) {
	var b strings.Builder
	need := maps.Clone(lines)
	for _, o := range others {
		need[sectionRule] = append(need[sectionRule], o.rule)
	}
	for _, section := range []string{sectionOutcome, sectionScope, sectionGrant, sectionSource, sectionRule} {
		of := t.questions
		if section == sectionRule {
			of = t.measured
		}
		fmt.Fprintf(&b, "%s\n", section)
		for _, line := range need[section] {
			share := 100 * float64(t.counts[section][line]) / float64(max(of, 1))
			fmt.Fprintf(&b, "  %6.2f %%  %s\n", share, line)
			if share < least {
				under = append(under, fmt.Sprintf("%s: %.2f %%", line, share))
			}
		}
	}
	return b.String(), under
}
