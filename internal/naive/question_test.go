package naive

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// session draws who asks: a member, in an application or not, by a session with a
// role chosen or not, or by an API key.
func (d *draw) session(at time.Time) Question {
	w := d.w
	q := Question{At: at, Org: one(d, keys(w.Organizations)...)}
	if d.chance(25) {
		q.Org = "org0" // the provider, if there is one
	}
	for len(w.Organizations[q.Org].Members) == 0 {
		q.Org = one(d, keys(w.Organizations)...)
	}
	q.User = one(d, keys(w.Organizations[q.Org].Members)...)
	if d.chance(12) || w.Organizations[q.Org].SwitchRoles && d.chance(30) {
		q.Key = true
		return q
	}
	if d.chance(60) {
		var apps []string
		for _, name := range keys(w.Applications) {
			if o := w.Applications[name].Org; o == "" || o == q.Org {
				apps = append(apps, name)
			}
		}
		q.App = one(d, apps...)
		if w.actor(q).app == "" {
			q.App = one(d, apps...)
		}
	}
	if w.Organizations[q.Org].SwitchRoles && d.chance(80) {
		all := q
		all.Key = true // as if nothing had to be chosen
		if choices := w.actor(all).roles; len(choices) > 0 && !d.chance(7) {
			slices.Sort(choices)
			q.Role = one(d, choices...)
		} else {
			q.Role = one(d, keys(w.Roles)...)
		}
	}
	return q
}

// question draws what the session asks. Most questions have an aim: something that is
// to decide the answer, and that chance alone would bring too seldom. They are drawn
// again until it does, a few times, and then for another aim.
func (d *draw) question(session Question) Question {
	a := d.w.actor(session)
	if !d.chance(85) {
		session.Permission = d.permission(session, a, line{})
		if d.chance(55) {
			session.Record = d.record(session, a, line{})
		}
		return session
	}
	q := session
	for range 3 {
		aim := one(d, aims...)
		for range 7 {
			q.Permission = d.permission(session, a, aim)
			if q.Record = d.record(q, a, aim); d.hits(q, aim) {
				return q
			}
		}
	}
	return q
}

// weights say how much of an aim a line of the report needs: none of what chance
// brings anyway. What is not there has 1.
var weights = func() map[string]int {
	weights := map[string]int{}
	for weight, names := range map[int][]string{
		0: {
			"allowed", "refused", "has: allowed", "has: refused", "refused: " + WhyMustChoose, "refused: " + WhyNone,
			"refused: " + WhyApplication, "refused: " + WhyNoRelation, "refused: " + WhyRecord, "allowed: " + WhyRelation,
			"allowed: " + WhyControl, "allowed: " + WhyMet + ": team", "allowed: " + WhyMet + ": role",
			"allowed: " + WhyMet + ": user", "several at once", string(Own), string(Team), string(Unit),
			string(WholeOrganization), string(Shared), RuleName, RuleObject, RuleAction, RuleAll, RuleLeast, RulePolicy,
			FromProfile, FromRole, FromPolicy, "the most exact grant alone", "objects out of reach", "the current application",
			"an assignment that is over", "an assignment that is running", "one role in force", "a role that was chosen",
			"a role of an application", "sharing", "sharing: more than one way", "criteria", "ownership", "record of the field",
		},
		2: {"API keys use all roles", "system-only action"},
		3: {"refused: " + WhyCriteria + ": no basis", "record of no organization"},
		5: {
			"refused: " + WhyCriteria + ": team", string(System), FromTeamEntry, "record of another organization",
			"system in the provider", "refused: " + WhyCriteria + ": role", "refused: " + WhyCriteria + ": field", RuleField,
			FromUserEntry, fromTeamAbove, "no system outside the provider", string(Division),
		},
		6: {
			"refused: " + WhyCriteria + ": user", "a field's own entry", "sharing: mashup", "sharing: no mashup",
			"sharing: owning subteams",
		},
		12: {"explicit none", "no access to the application"},
	} {
		for _, name := range names {
			weights[name] = weight
		}
	}
	return weights
}()

// aims are lines of the report, as often as they need.
var aims = func() []line {
	var all []line
	aim := func(section, name string) {
		weight, ok := weights[name]
		if !ok {
			weight = 1
		}
		for range weight {
			all = append(all, line{section, name})
		}
	}
	for _, section := range []string{sectionOutcome, sectionScope, sectionGrant, sectionSource} {
		for _, name := range lines[section] {
			aim(section, name)
		}
	}
	for _, o := range others {
		aim(sectionRule, o.rule)
	}
	return all
}()

// hits: the aim decides the question.
func (d *draw) hits(q Question, aim line) bool {
	a := d.w.May(q)
	if aim.section != sectionRule {
		return slices.Contains(decided(d.w, q, a), aim)
	}
	i := slices.IndexFunc(others, func(o otherwise) bool { return o.rule == aim.name })
	if d.changed[i] == nil {
		d.changed[i] = others[i].changed(d.w)
	}
	return others[i].decides(d.w, d.changed[i], q, a)
}

// permission draws one that suits the aim, half of the time one that the session has
// if it finds any.
func (d *draw) permission(q Question, a actor, aim line) string {
	suitable := d.permissions
	if aim.name != "" {
		suitable = slices.DeleteFunc(slices.Clone(suitable), func(p string) bool { return !d.suits(q, aim, p) })
	}
	if len(suitable) == 0 {
		suitable = d.permissions
	}
	tries := one(d, 1, 5)
	for {
		p := one(d, suitable...)
		if tries--; tries == 0 || len(d.w.reach(a, p, nil).Granted) > 0 {
			return p
		}
	}
}

// suits: the aim may decide about the permission.
func (d *draw) suits(q Question, aim line, p string) bool {
	object, action, field := split(p)
	o := d.w.Objects[object]
	basis, ofCriteria := strings.CutPrefix(aim.name, "refused: "+WhyCriteria+": ")
	if !ofCriteria {
		basis, ofCriteria = strings.CutPrefix(aim.name, "allowed: "+WhyMet+": ")
	}
	switch {
	case ofCriteria:
		return cmp.Or(o.Basis, "no basis") == basis
	case aim.name == RuleField || aim.name == "a field's own entry":
		return field != ""
	case aim.name == "system-only action":
		return slices.Contains(o.SystemOnly, action)
	case strings.HasPrefix(aim.name, "sharing: "):
		for _, policy := range d.w.Organizations[q.Org].Policies {
			if slices.Contains(policy.Permissions, p) {
				return true
			}
		}
		return false
	case aim.section == sectionScope:
		return d.w.relations(object, action)[Relation(aim.name)]
	default:
		return true
	}
}

// record draws what is asked about: mostly a record in one of the relations that are
// granted, and in no other that is narrower.
func (d *draw) record(q Question, a actor, aim line) *Record {
	w := d.w
	granted := Relations{}
	for _, g := range w.reach(a, q.Permission, nil).Granted {
		granted = granted.Or(g.Relations)
	}
	relation := one(d, Own, Team, Subteams, Unit, Division, WholeOrganization, System, Shared)
	if d.chance(75) && len(granted) > 0 {
		relation = one(d, keys(granted)...)
	}
	switch {
	case aim.section == sectionScope:
		relation = Relation(aim.name)
	case strings.HasPrefix(aim.name, "sharing: "):
		relation = Shared
	}
	r := &Record{Org: q.Org, Owner: one(d, keys(a.org.Members)...)}
	switch relation {
	case Own:
		r.Owner = q.User
	case Team:
		r.Teams = d.atMost(1, a.teams)
	case Subteams:
		r.Teams = d.under(a.org.Teams, a.teams)
	case Unit:
		r.Units = d.atMost(1, a.units)
	case Division:
		r.Units = d.under(a.org.Units, a.units)
	case Shared:
		r.Teams = d.atMost(1, d.sharedWith(a, q.Permission))
	case System:
		d.elsewhere(q, r)
	}
	if d.chance(15) { // and others besides
		r.Units = append(slices.Clone(r.Units), some(d, 30, keys(a.org.Units)...)...)
		r.Teams = append(slices.Clone(r.Teams), some(d, 30, keys(a.org.Teams)...)...)
	}
	if d.chance(8) {
		d.elsewhere(q, r)
	}
	if d.chance(5) { // units and teams that are not here
		other := w.Organizations[one(d, keys(w.Organizations)...)]
		r.Units = append(slices.Clone(r.Units), keys(other.Units)[0])
		r.Teams = append(slices.Clone(r.Teams), keys(other.Teams)[0], "nowhere")
	}
	object, _, _ := split(q.Permission)
	if o := w.Objects[object]; o.Basis != "" && d.chance(70) || d.chance(8) {
		r.Criteria = d.criteria(a, r)
	}
	return r
}

// elsewhere makes the record one of another organization, or of none, that would be
// the user's if it were here.
func (d *draw) elsewhere(q Question, r *Record) {
	r.Org = one(d, append(keys(d.w.Organizations), "", "")...)
	if d.chance(60) {
		r.Owner = q.User
	}
	if other := d.w.Organizations[r.Org]; other != nil {
		r.Units, r.Teams = some(d, 30, keys(other.Units)...), some(d, 30, keys(other.Teams)...)
	}
}

// sharedWith are the teams of which some policy may share records with the user, those
// twice that are.
func (d *draw) sharedWith(a actor, permission string) []string {
	var all []string
	for _, name := range keys(a.org.Policies) {
		if p := a.org.Policies[name]; slices.Contains(p.Permissions, permission) {
			shared, _ := a.sharedBy(p)
			all = slices.Concat(all, []string{p.Owning}, p.Sharing, a.with(p.Sharing, true), shared, shared)
		}
	}
	slices.Sort(all)
	return all
}

// under draws a node below one of some.
func (d *draw) under(parents map[string]string, tops []string) []string {
	var all []string
	for _, node := range keys(parents) {
		if slices.ContainsFunc(tops, func(t string) bool { return below(parents, node, t) }) {
			all = append(all, node)
		}
	}
	return d.atMost(1, all)
}

// atMost draws up to n of some.
func (d *draw) atMost(n int, from []string) []string {
	var took []string
	for _, i := range d.Perm(len(from))[:min(n, len(from))] {
		took = append(took, from[i])
	}
	return took
}

// criteria list a few of everything, the user's own or others.
func (d *draw) criteria(a actor, r *Record) *Criteria {
	c := &Criteria{}
	if d.chance(8) {
		return c
	}
	others := 15
	if d.chance(45) {
		others = 25
		c.Teams, c.Roles = d.atMost(1, a.teams), d.atMost(1, a.roles)
		c.Users = []string{a.userName}
		if v := d.w.Users[a.userName].Custom[fieldName]; v != "" {
			c.Values = []string{v}
		}
	}
	c.Teams = append(c.Teams, some(d, others, keys(a.org.Teams)...)...)
	c.Roles = append(c.Roles, some(d, others, keys(d.w.Roles)...)...)
	c.Users = append(c.Users, some(d, others, keys(d.w.Users)...)...)
	c.Values = append(c.Values, some(d, others, append(fieldValues, "")...)...)
	if d.chance(20) {
		c.Users = append(c.Users, r.Owner)
	}
	return c
}
