package postgres

import (
	"slices"
	"strconv"
	"strings"

	"github.com/usermgmt/usermgmt"
)

// builder numbers the parameters of a statement that is put together. No value
// ever gets into the text.
type builder struct{ args []any }

// arg adds a parameter and returns it with its cast.
func (b *builder) arg(v any, cast string) string {
	b.args = append(b.args, v)
	return "$" + strconv.Itoa(len(b.args)) + "::" + cast
}

// hidden is arg, but does not show the planner the value. If it knew how many
// rows have one that is common, it would read a table from its beginning until
// there are enough, wherever they are.
func (b *builder) hidden(v any, cast string) string { return "(select " + b.arg(v, cast) + ")" }

// conditions are those of a query of users. The row that they are about is m: a
// membership of the organization or, in the whole store, a user.
//
// All are probes, cheap to ask of one row after the other. Those that have an
// index are drivers as well: sets of users among whom are all that match.
type conditions struct {
	*builder
	q       *usermgmt.UserQuery
	org     string // the parameter with the organization, "" in the whole store
	probes  []string
	drivers []userSet
}

// userSet is a set of users to begin with. It may contain one more than once. It is written
// only if it is used, since a parameter must be.
type userSet struct {
	rank rank
	set  func() string
}

// rank orders drivers by how few users they are likely to have.
type rank int

const (
	byOwner rank = iota
	byTeam
	byCustom
	byUnit
	bySearch
	byRole
	byGroup
	byTeamTree
	byUnitTree
	byDeactivation
	byBeginning
	byVisibility
	byBlock
	byKind
	byDisabling
	byProfile
)

func (c *conditions) add(probe string) { c.probes = append(c.probes, probe) }

func (c *conditions) drive(r rank, set string) {
	c.drivers = append(c.drivers, userSet{r, func() string { return set }})
}

// driveBy adds a driver of the rows of which the condition holds, where there is
// an index of them in the order of names. Asked for in that order, they are
// never looked for otherwise.
func (c *conditions) driveBy(r rank, condition string) {
	table, where := "usermgmt_users", condition
	if c.org != "" {
		table, where = "usermgmt_memberships", "m.org_id = "+c.org+" and "+condition
	}
	c.drive(r, "select m.user_id from "+table+" m where "+where+" order by m.name_key, m.user_id")
}

// best returns the sets of the drivers that are likely to be the smallest.
func (c *conditions) best(most int) []string {
	slices.SortStableFunc(c.drivers, func(a, b userSet) int { return int(a.rank) - int(b.rank) })
	var out []string
	for _, d := range c.drivers[:min(most, len(c.drivers))] {
		out = append(out, d.set())
	}
	return out
}

// text returns the probes, "true" if there is none.
func (c *conditions) text() string {
	if len(c.probes) == 0 {
		return "true"
	}
	return strings.Join(c.probes, "\n\tand ")
}

// userConditions returns the conditions of q but for its organization and
// position, the cheap ones first.
func userConditions(b *builder, q *usermgmt.UserQuery, org string) *conditions {
	c := &conditions{builder: b, q: q, org: org}
	c.view()
	if q.Kind != 0 {
		kind := "m.kind = " + c.arg(int16(q.Kind), "smallint")
		c.add(kind)
		if q.Kind != usermgmt.KindPerson {
			c.driveBy(byKind, kind+" and m.kind <> 1")
		}
	}
	if q.Newsletter != nil {
		c.add("m.newsletter = " + c.arg(*q.Newsletter, "boolean"))
	}
	if !q.Group.IsZero() {
		where := "from usermgmt_user_groups g where g.group_id = " + c.hidden(id(q.Group), "uuid")
		c.addPart(byGroup, part{
			"exists (select " + where + " and g.user_id = m.user_id offset 0)", "select g.user_id " + where + " order by g.user_id",
		})
	}
	c.custom()
	if org != "" {
		c.membership()
	}
	c.visible(q.Visible)
	c.search()
	return c
}

// custom adds the conditions on the values of custom fields.
func (c *conditions) custom() {
	if len(c.q.Custom) > 0 {
		values := c.hidden(document(c.q.Custom), "jsonb")
		has := "x.custom is not null and x.custom @> " + values
		c.addPart(byCustom, part{
			"exists (select from usermgmt_users x where x.user_id = m.user_id and " + has + " offset 0)",
			"select x.user_id from usermgmt_users x where " + has,
		})
	}
	if len(c.q.MemberCustom) > 0 && c.org != "" {
		values := c.hidden(document(c.q.MemberCustom), "jsonb")
		c.addPart(byCustom, part{
			"coalesce(m.custom @> " + values + ", false)",
			"select y.user_id from usermgmt_memberships y where y.org_id = " + c.org + " and y.custom is not null and y.custom @> " + values,
		})
	}
}

func (c *conditions) view() {
	active, deactivated := "m.active", "m.deactivated_at is not null"
	if c.org != "" {
		active, deactivated = "(m.enabled and m.user_active)", "m.deactivated"
	}
	switch c.q.View {
	case usermgmt.ViewAll:
	case usermgmt.ViewActive:
		c.add(active)
	case usermgmt.ViewDisabled:
		c.add("not " + active)
		c.driveBy(byDisabling, "not "+active)
	case usermgmt.ViewDeactivated:
		c.add(deactivated)
		c.driveBy(byDeactivation, deactivated)
	case usermgmt.ViewCannotLogIn:
		now := c.arg(moment(c.q.Now), "timestamptz")
		c.add(active)
		c.add(`(exists (select from usermgmt_credentials c where c.user_id = m.user_id and c.status <> 1 offset 0)
	or exists (select from usermgmt_logins l where l.user_id = m.user_id and l.locked_until > ` + now + ` offset 0))`)
		c.drive(byBlock, `select c.user_id from usermgmt_credentials c where c.status <> 1
	union all select l.user_id from usermgmt_logins l where l.locked_until is not null and l.locked_until > `+now)
	}
}

// membership adds the conditions that need an organization.
func (c *conditions) membership() {
	q := c.q
	if q.Home {
		c.add("m.home")
	}
	if !q.Profile.IsZero() {
		profile := "m.profile_id = " + c.arg(id(q.Profile), "uuid")
		c.add(profile)
		c.driveBy(byProfile, profile)
	}
	if !q.Unit.IsZero() {
		unit := "m.owner_unit = " + c.arg(id(q.Unit), "uuid")
		c.add(unit)
		c.driveBy(byUnit, unit)
	}
	if !q.UnitTree.IsZero() {
		c.addPart(byUnitTree, c.units(c.org, nil, []usermgmt.UnitID{q.UnitTree}))
	}
	if !q.Role.IsZero() {
		role := c.hidden(id(q.Role), "uuid")
		where := "from usermgmt_membership_roles r where r.org_id = " + c.org + " and r.role_id = " + role
		c.addPart(byRole, part{
			"exists (select " + where + " and r.user_id = m.user_id offset 0)", "select r.user_id " + where + " order by r.user_id",
		})
	}
	if !q.Team.IsZero() {
		c.addPart(byTeam, c.teams(c.org, "", []usermgmt.TeamID{q.Team}, nil, false))
	}
	if !q.TeamTree.IsZero() {
		c.addPart(byTeamTree, c.teams(c.org, "", nil, []usermgmt.TeamID{q.TeamTree}, false))
	}
}

// part is a condition about the user m.user_id, and the users that fulfil it.
type part struct{ probe, set string }

func (c *conditions) addPart(r rank, p part) {
	c.add(p.probe)
	c.drive(r, p.set)
}

// below selects what lies in the trees under the roots, in the place of the
// table and column of units or teams.
func below(text, org, roots string, strictly bool, team bool) string {
	from := ">="
	if strictly {
		from = ">"
	}
	r := []string{"{org}", org, "{roots}", roots, "{from}", from, "{end}", pathEnd}
	if team {
		r = append(r, "usermgmt_units", "usermgmt_teams", "unit_id", "team_id")
	}
	return strings.NewReplacer(r...).Replace(text)
}

const (
	// Whether the path of d is under one of the roots.
	underProbe = `exists (select from unnest((select array_agg(r.path) from usermgmt_units r
		where r.org_id = {org} and r.unit_id = any({roots}))) p (path) where d.path {from} p.path and d.path < p.path || {end})`
	// What is under the roots.
	underSet = `select d.unit_id from usermgmt_units r join usermgmt_units d
		on d.org_id = r.org_id and d.path {from} r.path and d.path < r.path || {end}
		where r.org_id = {org} and r.unit_id = any({roots})`
)

// units is being owned by one of the units, or by one in the trees.
func (c *conditions) units(org string, units, trees []usermgmt.UnitID) part {
	var is, from []string
	if len(units) > 0 {
		list := c.arg(ids(units), "uuid[]")
		is = append(is, "d.unit_id = any("+list+")")
		from = append(from, "select d.unit_id from usermgmt_units d where d.org_id = "+org+" and d.unit_id = any("+list+")")
	}
	if len(trees) > 0 {
		roots := c.arg(ids(trees), "uuid[]")
		is = append(is, below(underProbe, org, roots, false, false))
		from = append(from, below(underSet, org, roots, false, false))
	}
	owned := "usermgmt_users" // of which the unit's organization is the home
	if org == c.org {
		owned = "usermgmt_memberships"
	}
	return part{
		probe: `exists (select from usermgmt_units d where d.org_id = ` + org + ` and d.unit_id = m.owner_unit
	and (` + strings.Join(is, "\n\tor ") + `) offset 0)`,
		set: "select y.user_id from " + owned + " y where y.org_id = " + org + " and y.owner_unit = any(array(" +
			strings.Join(from, "\n\tunion ") + "))",
	}
}

// teams is membership of one of the teams, or of one in the trees, at a time if
// there is one.
func (c *conditions) teams(org, at string, teams, trees []usermgmt.TeamID, strictly bool) part {
	hold := ""
	if at != "" {
		hold = " and (t.from_at is null or t.from_at <= " + at + ") and (t.until_at is null or t.until_at > " + at + ")"
	}
	var is, from, join string
	if len(trees) > 0 {
		roots := c.arg(ids(trees), "uuid[]")
		join = " join usermgmt_teams d on d.org_id = t.org_id and d.team_id = t.team_id"
		is, from = below(underProbe, org, roots, strictly, true), below(underSet, org, roots, strictly, true)
	} else {
		list := c.arg(ids(teams), "uuid[]")
		is, from = "t.team_id = any("+list+")", "select unnest("+list+")"
	}
	return part{
		probe: `exists (select from usermgmt_membership_teams t` + join + ` where t.org_id = ` + org + ` and t.user_id = m.user_id` +
			hold + "\n\tand " + is + ` offset 0)`,
		set: `select t.user_id from usermgmt_membership_teams t where t.org_id = ` + org + hold + `
	and t.team_id = any(array(` + from + `))`,
	}
}

// visible adds what f lets through.
func (c *conditions) visible(f *usermgmt.Filter) {
	if f == nil || f.System {
		return
	}
	org := c.org
	same := org != "" && f.Org == c.q.Org
	if same && f.All {
		return
	}
	if !same {
		org = c.arg(id(f.Org), "uuid")
	}
	parts := c.parts(f, org, same)
	if len(parts) == 1 {
		r := byVisibility
		if len(f.Owners) > 0 {
			r = byOwner
		}
		c.addPart(r, parts[0])
		return
	}
	var probes, sets []string
	for _, p := range parts {
		probes, sets = append(probes, p.probe), append(sets, p.set)
	}
	c.addPart(byVisibility, part{"(" + strings.Join(probes, "\n\tor ") + ")", strings.Join(sets, "\n\tunion all ")})
}

// parts returns the parts of a filter. same tells that its organization is that
// of the query.
func (c *conditions) parts(f *usermgmt.Filter, org string, same bool) (out []part) {
	if len(f.Units)+len(f.UnitTrees) > 0 {
		out = append(out, c.units(org, f.Units, f.UnitTrees))
	}
	where := "from usermgmt_memberships y where y.org_id = " + org
	member := part{"exists (select " + where + " and y.user_id = m.user_id offset 0)", "select y.user_id " + where}
	if f.All {
		return append(out, member)
	}
	if len(f.Owners) > 0 {
		owners := " = any(" + c.arg(ids(f.Owners), "uuid[]") + ")"
		p := part{"m.user_id" + owners, member.set + " and y.user_id" + owners}
		if !same {
			p.probe = "(" + p.probe + " and " + member.probe + ")"
		}
		out = append(out, p)
	}
	at := ""
	if len(f.Teams)+len(f.TeamTrees) > 0 && !f.At.IsZero() {
		at = c.arg(moment(f.At), "timestamptz")
	}
	if len(f.Teams) > 0 {
		out = append(out, c.teams(org, at, f.Teams, nil, false))
	}
	if len(f.TeamTrees) > 0 {
		out = append(out, c.teams(org, at, nil, f.TeamTrees, true))
	}
	return out
}

// search adds the condition on the search key. Where the list's rows are
// memberships, it is their own or that of their users.
func (c *conditions) search() {
	term := c.q.Search
	if term == "" {
		return
	}
	begin, r := "", bySearch
	if isShort(term) {
		begin, term, r = "chr(10) || ", "\n"+term, byBeginning
	}
	found := ", " + c.arg(term, "text") + ") > 0"
	in := "strpos(" + begin + "m.search_key" + found
	if c.org != "" {
		in = "(coalesce(" + in + ", false) or (select strpos(" + begin + "x.search_key" + found + " from usermgmt_users x where x.user_id = m.user_id))"
	}
	c.add(in)
	grams := gramsOfTerm(c.q.Search)
	if len(grams) == 0 {
		return
	}
	c.drivers = append(c.drivers, userSet{r, func() string {
		set := "select g.user_id from usermgmt_search g where g.grams @> " + c.hidden(grams, "integer[]")
		if c.org != "" {
			set += "\n\tunion all select g.user_id from usermgmt_member_search g where g.org_id = " + c.org + " and g.grams @> " +
				c.hidden(gramsIn(c.q.Org, grams), "integer[]")
		}
		return set
	}})
}
