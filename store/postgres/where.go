package postgres

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/usermgmt/usermgmt"
)

// Columns names the columns of a host's table by which a [usermgmt.Filter] is
// applied to it: as SQL has them, unquoted or in double quotes, with a qualifier if
// need be, such as `l.owner_id`. Exactly one of Owner, Unit and Team is set, as the
// ownership of the object is.
type Columns struct {
	// Org is the organization of the record, uuid. Required.
	Org string
	// Owner is the user who owns it, uuid. Units and teams are then those of the
	// owner's membership, as of the moment of the query.
	Owner string
	// Unit is the business unit that owns it, uuid.
	Unit string
	// Team is the team that owns it, uuid.
	Team string
	// Criteria is what single records list by their object's
	// [usermgmt.Object.Visibility]: an array of uuid or, with
	// [usermgmt.VisibleByField], of text; NULL for a record without criteria. Required
	// for a filter that has criteria.
	Criteria string
}

// Where renders f as a condition on a host's table in the same database, for a WHERE
// clause, and the arguments of its parameters, the first of which is $first. The
// tables of this package are named as [Config].Schema says. It works with pgx and
// with database/sql, and the condition is TRUE, FALSE, or one whose columns stand free
// on the left of "=", so that an index on (organization, owner) serves it.
//
// Rights are those of the actor that f comes from, as of its verification; which
// people are in a team or unit is read by the query itself.
//
// Errors: [usermgmt.ErrInvalid], Field "columns", if they are not what SQL has for a
// column, not exactly one of Owner, Unit and Team, or if what f asks for cannot be
// known from them: own records from a unit or a team, teams from a unit, units from a
// team. Nothing is left out.
func (s *Store) Where(f usermgmt.Filter, c Columns, first int) (condition string, args []any, err error) {
	w := &where{core: s.core, c: c, first: first}
	if err := w.check(); err != nil {
		return "", nil, err
	}
	if condition, err = w.whole(&f); err != nil {
		return "", nil, err
	}
	return condition, w.args, nil
}

type where struct {
	core  *core
	c     Columns
	first int
	args  []any
}

// column is a name, or several with dots between them, each plain or quoted.
var column = regexp.MustCompile(`^(?:[A-Za-z_][A-Za-z0-9_$]*|"[^"\x00]+")(?:\.(?:[A-Za-z_][A-Za-z0-9_$]*|"[^"\x00]+")){0,3}$`)

func refusedColumns(detail string) error {
	return &usermgmt.Error{Op: "Where", Kind: usermgmt.ErrInvalid, Field: "columns", Rule: "columns", Detail: detail}
}

func (w *where) check() error {
	set := 0
	for _, name := range [...]string{w.c.Owner, w.c.Unit, w.c.Team} {
		if name != "" {
			set++
		}
	}
	if set != 1 {
		return refusedColumns("want exactly one of Owner, Unit and Team")
	}
	for _, name := range [...]string{w.c.Org, w.c.Owner + w.c.Unit + w.c.Team} {
		if !column.MatchString(name) {
			return refusedColumns("not the name of a column: " + strconv.Quote(name))
		}
	}
	if w.c.Criteria != "" && !column.MatchString(w.c.Criteria) {
		return refusedColumns("not the name of a column: " + strconv.Quote(w.c.Criteria))
	}
	if w.first < 1 {
		return &usermgmt.Error{Op: "Where", Kind: usermgmt.ErrInvalid, Field: "first", Rule: "range", Detail: "parameters begin with $1"}
	}
	return nil
}

// arg adds an argument and returns its parameter.
func (w *where) arg(value any, kind string) string {
	w.args = append(w.args, value)
	return "$" + strconv.Itoa(w.first+len(w.args)-1) + "::" + kind
}

// whole is the condition of a filter with what it has to match besides.
func (w *where) whole(f *usermgmt.Filter) (string, error) {
	is, err := w.match(f)
	if err != nil || is == "FALSE" {
		return is, err
	}
	parts := []string{is}
	if f.And != nil {
		also, err := w.match(f.And)
		if err != nil {
			return "", err
		}
		parts = append(parts, also)
	}
	if f.Criteria != nil {
		seen, err := w.criteria(f)
		if err != nil {
			return "", err
		}
		parts = append(parts, seen)
	}
	return strings.Join(parts, "\nAND "), nil
}

// criteria is that a record has none, or that they are met, or that control reaches
// it.
func (w *where) criteria(f *usermgmt.Filter) (string, error) {
	if w.c.Criteria == "" {
		return "", refusedColumns("the records have criteria")
	}
	control, err := w.match(f.Control)
	if err != nil {
		return "", err
	}
	met, c := "FALSE", f.Criteria
	list := ids(c.Teams)
	list = append(append(list, ids(c.Roles)...), ids(c.Users)...)
	switch {
	case len(list) > 0:
		met = w.c.Criteria + " && " + w.arg(list, "uuid[]")
	case len(c.Values) > 0:
		met = w.c.Criteria + " && " + w.arg(c.Values, "text[]")
	}
	return "(" + w.c.Criteria + " IS NULL OR " + met + " OR (" + control + "))", nil
}

// match is the condition of the parts that a filter has by scope.
func (w *where) match(f *usermgmt.Filter) (string, error) {
	switch {
	case f.System:
		return "TRUE", nil
	case f.Nothing():
		return "FALSE", nil
	}
	org := w.arg(keyArg(f.Org), "uuid")
	in := w.c.Org + " = " + org
	if f.All {
		return in, nil
	}
	var set string
	var err error
	switch {
	case w.c.Owner != "":
		set = w.owners(f, org)
	case w.c.Unit != "":
		if len(f.Owners)+len(f.Teams)+len(f.TeamTrees) > 0 {
			err = refusedColumns("the filter asks for owners or teams, the table has units")
		}
		set = w.c.Unit + " = ANY(ARRAY(" + w.nodes(ids(f.Units), ids(f.UnitTrees), org, false) + "))"
	default:
		if len(f.Owners)+len(f.Units)+len(f.UnitTrees) > 0 {
			err = refusedColumns("the filter asks for owners or units, the table has teams")
		}
		set = w.c.Team + " = ANY(ARRAY(" + w.nodes(ids(f.Teams), ids(f.TeamTrees), org, true) + "))"
	}
	return in + " AND " + set, err
}

// owners is that the owner is one of the owners, or a member of the units or teams.
func (w *where) owners(f *usermgmt.Filter, org string) string {
	var sets []string
	if len(f.Owners) > 0 {
		list := w.arg(ids(f.Owners), "uuid[]")
		if len(f.Units)+len(f.UnitTrees)+len(f.Teams)+len(f.TeamTrees) == 0 {
			return w.c.Owner + " = ANY(" + list + ")"
		}
		sets = append(sets, "SELECT unnest("+list+")")
	}
	if len(f.Units)+len(f.UnitTrees) > 0 {
		sets = append(sets, w.core.sql("SELECT u.user_id FROM usermgmt_membership_units u")+" WHERE u.org_id = "+org+
			" AND u.unit_id = ANY(ARRAY("+w.nodes(ids(f.Units), ids(f.UnitTrees), org, false)+"))")
	}
	if len(f.Teams)+len(f.TeamTrees) > 0 {
		at := ""
		if !f.At.IsZero() {
			now := w.arg(moment(f.At), "timestamptz")
			at = " AND (t.from_at IS NULL OR t.from_at <= " + now + ") AND (t.until_at IS NULL OR t.until_at > " + now + ")"
		}
		sets = append(sets, w.core.sql("SELECT t.user_id FROM usermgmt_membership_teams t")+" WHERE t.org_id = "+org+at+
			" AND t.team_id = ANY(ARRAY("+w.nodes(ids(f.Teams), ids(f.TeamTrees), org, true)+"))")
	}
	return w.c.Owner + " = ANY(ARRAY(" + strings.Join(sets, "\n\tUNION ") + "))"
}

// nodes selects units, or teams, and what is below trees: of teams strictly.
func (w *where) nodes(nodes, trees []string, org string, team bool) string {
	var from []string
	if len(nodes) > 0 {
		from = append(from, "SELECT unnest("+w.arg(nodes, "uuid[]")+")")
	}
	if len(trees) > 0 {
		from = append(from, w.core.sql(below(underSet, org, w.arg(trees, "uuid[]"), team, team)))
	}
	return strings.Join(from, "\n\tUNION ")
}
