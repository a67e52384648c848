package naive

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// noon is the middle of the times that worlds speak of.
var noon = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

// The moments at which questions are asked. Bounds of assignments lie on full hours
// around them, so that they often begin or end at the very moment.
var moments = []time.Time{noon, noon.Add(time.Hour), noon.Add(2 * time.Hour)}

// fieldName is the custom field that criteria may choose by, with its values.
const fieldName = "region"

var fieldValues = []string{"north", "south", "east"}

// draw makes worlds and questions out of chance.
type draw struct {
	*rand.Rand
	w           *World
	permissions []string       // all that there are
	changed     map[int]*World // by the number of the difference
}

// newDraw has the world of a number of a seed; each number is a world of its own.
func newDraw(seed, number uint64) *draw {
	d := &draw{Rand: rand.New(rand.NewPCG(seed, number)), changed: map[int]*World{}}
	d.world()
	for _, name := range keys(d.w.Objects) {
		d.permissions = append(d.permissions, permissions(name, d.w.Objects[name])...)
	}
	return d
}

func (d *draw) chance(percent int) bool { return d.IntN(100) < percent }

func one[E any](d *draw, from ...E) E { return from[d.IntN(len(from))] }

// some takes each of the elements with a chance.
func some[E any](d *draw, percent int, from ...E) []E {
	var took []E
	for _, e := range from {
		if d.chance(percent) {
			took = append(took, e)
		}
	}
	return took
}

// keys are those of a map in an order that does not depend on the map's.
func keys[K ~string, V any](m map[K]V) []K {
	all := make([]K, 0, len(m))
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

func (d *draw) world() {
	d.w = &World{
		Organizations: map[string]*Organization{}, Users: map[string]*User{}, Objects: map[string]*Object{},
		Roles: map[string]*Role{}, Profiles: map[string]*Profile{}, Applications: map[string]*Application{},
	}
	w := d.w
	d.objects()
	provider := d.chance(70)
	for i := range 2 + d.IntN(2) {
		org := &Organization{
			Provider: i == 0 && provider, SwitchRoles: d.chance(45),
			Units: map[string]string{}, Teams: map[string]string{}, Members: map[string]*Membership{},
			Entries: map[string]*Entry{}, Policies: map[string]*Policy{},
		}
		name := fmt.Sprintf("org%d", i)
		w.Organizations[name] = org
		d.tree(org.Units, name+".unit", 4+d.IntN(4), 25)
		d.tree(org.Teams, name+".team", 5+d.IntN(4), 0)
		for j := range 1 + d.IntN(2) {
			w.Applications[fmt.Sprintf("%s.app%d", name, j)] = &Application{Org: name}
		}
	}
	w.Applications["app"] = &Application{}
	for _, name := range keys(w.Applications) {
		w.Applications[name].Objects = some(d, 8, keys(w.Objects)...)
	}
	// user records are in lists of this library, which no application has
	w.Objects["user"] = &Object{Ownership: ByUser, Actions: []string{"view", "edit", "create"}}
	d.roles()
	for i := range 10 + d.IntN(3) {
		d.user(fmt.Sprintf("user%02d", i))
	}
	for _, name := range keys(w.Organizations) {
		d.entries(name)
		d.policies(name)
	}
}

// tree fills a tree of names: three levels at least, then anywhere; a further top now
// and then.
func (d *draw) tree(parents map[string]string, prefix string, n, tops int) {
	for i := range n {
		name, parent := fmt.Sprintf("%s%d", prefix, i), ""
		switch {
		case i == 0:
		case i < 3:
			parent = fmt.Sprintf("%s%d", prefix, i-1)
		case !d.chance(tops):
			parent = fmt.Sprintf("%s%d", prefix, d.IntN(i))
		}
		parents[name] = parent
	}
}

func (d *draw) objects() {
	bases := []string{BasisTeam, BasisRole, BasisUser, BasisField}
	for name, o := range map[string]*Object{
		"lead": {Ownership: ByUser}, "deal": {Ownership: ByUser}, "note": {Ownership: ByUser},
		"site": {Ownership: ByUnit}, "plan": {Ownership: ByTeam},
		"rate": {Ownership: ByOrganization}, "core": {Ownership: ByNobody},
	} {
		o.Actions = []string{"view", "edit", "create", "archive"}
		d.w.Objects[name] = o
	}
	for _, name := range keys(d.w.Objects) {
		o := d.w.Objects[name]
		if d.chance(25) {
			o.SystemOnly = []string{one(d, o.Actions...)}
		}
		if name == "lead" || d.chance(25) {
			o.Fields = []string{"salary", "remark"}
		}
		if name == "deal" || name == "note" || name == "plan" || d.chance(30) {
			o.Basis = one(d, bases...)
		}
		if o.Basis == BasisField {
			o.BasisField = fieldName
		}
	}
}

// permissions are all of an object.
func permissions(name string, o *Object) []string {
	var all []string
	for _, action := range o.Actions {
		all = append(all, name+"."+action)
		if action == "archive" {
			continue
		}
		for _, f := range o.Fields {
			all = append(all, name+"."+action+":"+f)
		}
	}
	if o.Basis != "" {
		all = append(all, name+".control_visibility")
	}
	return all
}

// grants say something about a part of the objects, by all ways to say it.
func (d *draw) grants(percent int) Grants {
	g := Grants{}
	for _, name := range keys(d.w.Objects) {
		for _, p := range permissions(name, d.w.Objects[name]) {
			if _, _, field := split(p); field != "" && d.chance(2*percent) || d.chance(percent) {
				g[p] = d.relations()
			}
		}
		if d.chance(percent) {
			g[name+".*"] = d.relations()
		}
	}
	for _, action := range []string{"view", "edit", "create", "archive"} {
		if d.chance(percent) {
			g["*."+action] = d.relations()
		}
	}
	if d.chance(3 * percent) {
		g["*.*"] = d.relations()
	}
	return g
}

// relations of one grant: mostly one, with what it contains.
func (d *draw) relations() Relations {
	return one(d,
		Of(), Of(), Of(), Of(), Of(), Of(Own), Of(Own), Of(Own), Of(Team), Of(Team), Of(Team), Of(Subteams), Of(Subteams),
		Of(Subteams), Of(Team, Subteams), Of(Unit), Of(Unit), Of(Unit), Of(Division), Of(Division), Of(Division), Of(Division),
		Of(WholeOrganization), Of(System), Of(System), Of(System),
	).Expanded()
}

func (d *draw) roles() {
	w := d.w
	for i := range 3 {
		w.Roles[fmt.Sprintf("role%d", i)] = &Role{Grants: d.grants(10)}
	}
	w.Roles["role.app"] = &Role{App: "app", Grants: d.grants(10)}
	for _, org := range keys(w.Organizations) {
		w.Roles[org+".role"] = &Role{Org: org, Grants: d.grants(10)}
		w.Profiles[org+".profile"] = &Profile{Org: org, Grants: d.grants(8)}
	}
	for _, app := range keys(w.Applications) {
		w.Roles[app+".role"] = &Role{Org: w.Applications[app].Org, App: app, Grants: d.grants(12)}
	}
	for i := range 2 {
		w.Profiles[fmt.Sprintf("profile%d", i)] = &Profile{Grants: d.grants(8)}
	}
}

// assignment is for good, or bounded by hours around the moments.
func (d *draw) assignment(to string) Assignment {
	a := Assignment{To: to}
	hour := func(from, n int) time.Time { return noon.Add(time.Duration(from+d.IntN(n)) * time.Hour) }
	switch n := d.IntN(100); {
	case n < 50:
	case n < 66: // over, mostly
		a.Until = hour(-2, 4)
	case n < 82: // not begun, mostly
		a.From = hour(1, 4)
	default: // running, mostly
		a.From, a.Until = hour(-2, 3), hour(2, 3)
	}
	return a
}

func (d *draw) assignments(least, most int, from []string) []Assignment {
	var all []Assignment
	for _, i := range d.Perm(len(from))[:min(len(from), least+d.IntN(most-least+1))] {
		all = append(all, d.assignment(from[i]))
	}
	return all
}

// user is a new one, a member of one organization or two.
func (d *draw) user(name string) {
	w := d.w
	orgs := keys(w.Organizations)
	home := one(d, orgs...)
	u := &User{Home: home, OwnerUnit: one(d, keys(w.Organizations[home].Units)...), Custom: map[string]string{}}
	if d.chance(75) {
		u.Custom[fieldName] = one(d, fieldValues...)
	}
	w.Users[name] = u
	for _, org := range orgs {
		if org == home || d.chance(30) {
			o := w.Organizations[org]
			o.Members[name] = &Membership{
				Profile: one(d, "profile0", "profile1", org+".profile"),
				Roles:   d.assignments(0, 4, d.rolesFor(org, "")),
				Teams:   d.assignments(1, 3, keys(o.Teams)),
				Units:   some(d, 30, keys(o.Units)...),
			}
		}
	}
}

// rolesFor are the roles that somebody in an organization may be given: those of it
// and system-wide ones, for an application those of it too, and now and then one
// that does not belong there.
func (d *draw) rolesFor(org, app string) []string {
	var all []string
	for _, name := range keys(d.w.Roles) {
		r := d.w.Roles[name]
		here := (r.Org == "" || r.Org == org) && (app == "" || r.App == "" || r.App == app)
		if here || d.chance(5) {
			all = append(all, name)
		}
	}
	return all
}

func (d *draw) entries(name string) {
	org := d.w.Organizations[name]
	for _, app := range keys(d.w.Applications) {
		if d.w.Applications[app].Org != "" && d.w.Applications[app].Org != name {
			continue
		}
		for _, team := range some(d, 30, keys(org.Teams)...) {
			org.Entries[name+"/"+app+"/"+team] = &Entry{App: app, Team: team, Roles: d.assignments(0, 3, d.rolesFor(name, app))}
		}
		for _, user := range some(d, 35, keys(org.Members)...) {
			org.Entries[name+"/"+app+"/"+user] = &Entry{App: app, User: user, Roles: d.assignments(0, 3, d.rolesFor(name, app))}
		}
	}
}

func (d *draw) policies(name string) {
	org := d.w.Organizations[name]
	var perms []string
	for _, object := range keys(d.w.Objects) {
		if o := d.w.Objects[object]; o.Ownership == ByUser || o.Ownership == ByTeam {
			perms = append(perms, permissions(object, o)...)
		}
	}
	for i := range 1 + d.IntN(4) {
		p := &Policy{
			Owning: one(d, keys(org.Teams)...), OwningSubteams: d.chance(50),
			Sharing: some(d, 20, keys(org.Teams)...), SharingSubteams: d.chance(50),
			Model: one(d, OneWay, TwoWay, Mashup, Mashup), Permissions: some(d, 30, perms...),
		}
		if d.chance(50) {
			p.Roles = some(d, 35, d.rolesFor(name, "")...)
		}
		if len(p.Sharing) > 0 && len(p.Permissions) > 0 {
			org.Policies[fmt.Sprintf("%s.policy%d", name, i)] = p
		}
	}
}
