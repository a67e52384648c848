package usermgmt

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt/internal/csvcell"
)

// csvRefs are the names by which files speak of what users belong to.
type csvRefs struct {
	org          Organization
	licences     bool // the actor may see them
	units        *csvNames[BusinessUnit]
	teams        *csvNames[Team]
	roles        *csvNames[Role]
	profiles     *csvNames[AccessProfile]
	applications *csvNames[Application]
	groups       *csvNames[Group]
}

// csvNames finds records of one kind by name and names by record. A name is
// the text of a record, or a path of names, from any record above, with "/"
// between.
type csvNames[E any] struct {
	byID  map[ID[E]]*csvName[E]
	byKey map[string][]*csvName[E]
	found map[string]lookup[E] // by text
	sums  map[string][16]byte  // see sum
	// last is the cell that was asked last, of which lastSum is the sum; nil if none was.
	last    []byte
	lastSum [16]byte
}

type csvName[E any] struct {
	id     ID[E]
	parent ID[E]
	// above is the name of what it belongs to, where that is of another kind.
	above     string
	name, key string
	rank      int // where names are equal the lowest counts
	label     string
	cell      string // the label as a cell
}

type lookup[E any] struct {
	id   ID[E]
	rule string // why there is none
}

func newNames[E any]() *csvNames[E] {
	return &csvNames[E]{byID: make(map[ID[E]]*csvName[E]), byKey: make(map[string][]*csvName[E]), found: make(map[string]lookup[E]),
		sums: make(map[string][16]byte)}
}

func (n *csvNames[E]) add(x csvName[E]) {
	x.key = fold(x.name)
	n.byID[x.id] = &x
	n.byKey[x.key] = append(n.byKey[x.key], &x)
	n.forget()
}

// forget forgets what texts were found to stand for.
func (n *csvNames[E]) forget() {
	clear(n.found)
	clear(n.sums)
	n.last = nil
}

func (n *csvNames[E]) remove(id ID[E]) {
	x := n.byID[id]
	if x == nil {
		return
	}
	delete(n.byID, id)
	n.byKey[x.key] = slices.DeleteFunc(n.byKey[x.key], func(y *csvName[E]) bool { return y == x })
	n.forget()
}

// path returns the names from the top down to x.
func (n *csvNames[E]) path(x *csvName[E]) []string {
	var up []string
	for ; x != nil && len(up) < len(n.byID); x = n.byID[x.parent] {
		up = append(up, x.name)
		if x.above != "" {
			up = append(up, x.above)
		}
	}
	slices.Reverse(up)
	return up
}

// label is the text by which resolve finds the record: the name, or the path,
// or the identifier.
func (n *csvNames[E]) label(id ID[E]) string {
	x := n.byID[id]
	if x == nil {
		return id.String()
	}
	if x.label != "" {
		return x.label
	}
	x.label = string(appendEscaped(nil, x.name, true))
	if found, rule := n.find(x.label); rule == "" && found == id {
		return x.label
	}
	var b []byte
	for i, part := range n.path(x) {
		if i > 0 {
			b = append(b, '/')
		}
		b = appendEscaped(b, part, true)
	}
	x.label = string(b)
	if found, rule := n.find(x.label); rule != "" || found != id {
		x.label = id.String()
	}
	return x.label
}

// cell is the label as a cell of a file.
func (n *csvNames[E]) cell(id ID[E]) string {
	x := n.byID[id]
	if x == nil {
		return id.String()
	}
	if x.cell == "" {
		x.cell = string(csvcell.AppendText(nil, n.label(id)))
	}
	return x.cell
}

const maxFound = 10_000

// resolve finds a record. The rule says why there is none: "unknown" or
// "ambiguous".
func (n *csvNames[E]) resolve(text string) (ID[E], string) {
	if l, ok := n.found[text]; ok {
		return l.id, l.rule
	}
	var l lookup[E]
	l.id, l.rule = n.find(text)
	if len(n.found) < maxFound {
		n.found[strings.Clone(text)] = l
	}
	return l.id, l.rule
}

func (n *csvNames[E]) find(text string) (ID[E], string) {
	parts := splitEscaped(text, '/')
	for i, part := range parts {
		parts[i] = fold(unescape(part))
	}
	var matches []*csvName[E]
	if len(parts) > 0 {
		for _, x := range n.byKey[parts[len(parts)-1]] {
			if n.endsWith(x, parts) {
				matches = append(matches, x)
			}
		}
	}
	if len(matches) == 0 { // a name that holds a "/"
		matches = n.byKey[fold(text)]
	}
	if x, rule := n.choose(matches, len(parts)); rule != "unknown" {
		return x, rule
	}
	if id, err := ParseID[E](text); err == nil && n.byID[id] != nil {
		return id, ""
	}
	return ID[E]{}, "unknown"
}

// endsWith reports whether the path of x ends with the parts.
func (n *csvNames[E]) endsWith(x *csvName[E], parts []string) bool {
	if len(parts) == 1 {
		return x.key == parts[0]
	}
	path := n.path(x)
	if len(path) < len(parts) {
		return false
	}
	path = path[len(path)-len(parts):]
	for i := range parts {
		if fold(path[i]) != parts[i] {
			return false
		}
	}
	return true
}

// choose picks the one that the lowest rank, or else the shortest path, makes
// the only one.
func (n *csvNames[E]) choose(matches []*csvName[E], length int) (ID[E], string) {
	if len(matches) == 0 {
		return ID[E]{}, "unknown"
	}
	best := matches[0].rank
	for _, x := range matches {
		best = min(best, x.rank)
	}
	var all, whole []*csvName[E]
	for _, x := range matches {
		if x.rank != best {
			continue
		}
		all = append(all, x)
		if length > 1 && len(n.path(x)) == length {
			whole = append(whole, x)
		}
	}
	switch {
	case len(all) == 1:
		return all[0].id, ""
	case len(whole) == 1:
		return whole[0].id, ""
	}
	return ID[E]{}, "ambiguous"
}

// loadRefs reads everything of an organization that has a name. Groups have
// none for whoever may not see them.
func loadRefs(ctx context.Context, s Store, v *actorValue, org OrgID) (*csvRefs, error) {
	set, err := s.Policy(ctx, org)
	if err != nil {
		return nil, err
	}
	r := &csvRefs{org: set.Org, licences: v.seesLicence(), units: newNames[BusinessUnit](), teams: newNames[Team](), roles: newNames[Role](),
		profiles: newNames[AccessProfile](), applications: newNames[Application](), groups: newNames[Group]()}
	units, err := allPages(ctx, func(q ListQuery) ([]BusinessUnit, error) { return s.ListUnits(ctx, org, q) },
		func(u *BusinessUnit) Position { return Position{u.NameKey, [16]byte(u.ID)} }, func(*BusinessUnit) bool { return true })
	if err != nil {
		return nil, err
	}
	for i := range units {
		r.units.add(csvName[BusinessUnit]{id: units[i].ID, parent: units[i].Parent, name: units[i].Name})
	}
	teams, err := allPages(ctx, func(q ListQuery) ([]Team, error) { return s.ListTeams(ctx, org, q) },
		func(t *Team) Position { return Position{t.NameKey, [16]byte(t.ID)} }, func(*Team) bool { return true })
	if err != nil {
		return nil, err
	}
	for i := range teams {
		r.teams.add(csvName[Team]{id: teams[i].ID, parent: teams[i].Parent, name: teams[i].Name})
	}
	if v.seesShared(PermGroupView, OrgID{}) {
		groups, err := allPages(ctx, func(q ListQuery) ([]Group, error) { return s.ListGroups(ctx, q) },
			func(g *Group) Position { return Position{g.NameKey, [16]byte(g.ID)} }, func(*Group) bool { return true })
		if err != nil {
			return nil, err
		}
		for i := range groups {
			r.groups.add(csvName[Group]{id: groups[i].ID, name: groups[i].Name})
		}
	}
	// Those of the organization come before those of all, which have "*" above
	// them, and roles of no application before the others.
	rank := func(of OrgID) (above string, rank int) {
		if of.IsZero() {
			return "*", 1
		}
		return "", 0
	}
	apps := make(map[ApplicationID]string, len(set.Applications))
	for _, a := range set.Applications {
		apps[a.ID] = a.Name
		above, rank := rank(a.Org)
		r.applications.add(csvName[Application]{id: a.ID, name: a.Name, above: above, rank: rank})
	}
	for _, f := range set.Profiles {
		above, rank := rank(f.Org)
		r.profiles.add(csvName[AccessProfile]{id: f.ID, name: f.Name, above: above, rank: rank})
	}
	for _, role := range set.Roles {
		above, rank := rank(role.Org)
		x := csvName[Role]{id: role.ID, name: role.Name, above: above, rank: rank}
		if !role.App.IsZero() {
			x.above, x.rank = apps[role.App], x.rank+2
		}
		r.roles.add(x)
	}
	return r, nil
}

// names resolves a list of names.
func namesIn[E any](n *csvNames[E], text, field string, p *problems) []ID[E] {
	var out []ID[E]
	for _, item := range splitEscaped(text, ';') {
		if id, ok := nameIn(n, item, field, p); ok {
			out = append(out, id)
		}
	}
	return out
}

// nameIn resolves one name.
func nameIn[E any](n *csvNames[E], text, field string, p *problems) (ID[E], bool) {
	id, rule := n.resolve(text)
	switch rule {
	case "":
		return id, true
	case "ambiguous":
		p.add(field, rule, "is the name of several; write the path with \"/\" or the identifier")
	default:
		p.add(field, rule, "there is none of that name in the organization")
	}
	return id, false
}

// periodIn resolves an item that may have a period, as appendItem writes it.
func periodIn[E any](n *csvNames[E], text, field string, p *problems) (id ID[E], from, until time.Time, ok bool) {
	open := strings.LastIndexByte(text, '[')
	if _, rule := n.resolve(text); rule == "" || open < 0 || !strings.HasSuffix(text, ")") {
		id, ok = nameIn(n, text, field, p)
		return id, from, until, ok
	}
	a, b, _ := strings.Cut(text[open+1:len(text)-1], ",")
	for _, end := range [...]struct {
		text string
		at   *time.Time
	}{{a, &from}, {b, &until}} {
		if end.text == "" {
			continue
		}
		t, err := time.Parse(time.RFC3339Nano, end.text)
		if err != nil {
			p.add(field, "period", "want times of RFC 3339, as in [2026-01-01T00:00:00Z,)")
			return id, from, until, false
		}
		*end.at = t.UTC()
	}
	id, ok = nameIn(n, text[:open], field, p)
	return id, from, until, ok
}
