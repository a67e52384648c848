package usermgmt

import (
	"encoding/binary"
	"slices"
	"sync"
	"time"

	"github.com/usermgmt/usermgmt/internal/authz"
)

// stamps are what a snapshot of rights was built from. A snapshot is used only
// while they equal what the store says, so there is nothing to invalidate.
type stamps struct{ rights, policy, trees, system int64 }

func (s *Standing) stamps() stamps { return stamps{s.Rights, s.Policy, s.Trees, s.SystemPolicy} }

// firstStamp begins the rights stamp of a new membership anywhere, so that a
// membership that ended and began again never repeats a stamp of its first life.
func firstStamp() int64 {
	b := randomBytes(8)
	b[0] &= 0x3f // positive, with room to grow
	return int64(binary.BigEndian.Uint64(b))
}

type rightsKey struct {
	user UserID
	org  OrgID
	app  ApplicationID
	role RoleID
}

// snapshot is the immutable resolved rights of one user in one organization,
// application and role in force.
type snapshot struct {
	authz.Subject // by value: a check that finds it far away reads one place less
	stamps        stamps
	until         int64 // Unix microseconds of the next beginning or end of a time-bound assignment
	teams         []TeamID
	units         []UnitID
	roles         []RoleID  // that are sources
	ranges        []IPRange // of the access profile
	// app is the current application: the one that was chosen, if the user has access.
	app ApplicationID
	// inForce is the one role that counts where the organization switches roles;
	// choose, that it has to be chosen first.
	inForce  RoleID
	choose   bool
	switches bool
	// values are those of the fields by which objects' criteria choose, by object.
	values map[string]string
}

// source says where grants come from; Explain shows it.
type source struct {
	Source
	masks []authz.Mask
	share authz.Share // of a sharing policy
}

// orgPolicy is the compiled policy set of an organization.
type orgPolicy struct {
	set      PolicySet
	roles    map[RoleID]*compiled
	profiles map[ProfileID]*compiled
	byTeam   map[TeamID][]AccessEntry
	limited  []bool                   // by permission: its object lives in some application
	reach    map[ApplicationID][]bool // by permission: the application holds its object
	fields   fieldSet
	sharing  []*compiledSharing

	mu       sync.Mutex
	rights   map[string]*authz.Rights
	placedIn *orgTrees // for which places are
	places   []*placedSharing
}

type compiled struct {
	role    *Role
	profile *AccessProfile
	masks   []authz.Mask
}

type orgTrees struct {
	stamp        int64
	units, teams *authz.Tree
	site         *authz.Site // the same, for subjects
}

func compilePolicy(cat *authz.Catalogue, set PolicySet) *orgPolicy {
	p := &orgPolicy{
		set:      set,
		roles:    make(map[RoleID]*compiled, len(set.Roles)),
		profiles: make(map[ProfileID]*compiled, len(set.Profiles)),
		byTeam:   map[TeamID][]AccessEntry{},
		limited:  make([]bool, cat.Len()),
		reach:    make(map[ApplicationID][]bool, len(set.Applications)),
		rights:   map[string]*authz.Rights{},
	}
	for _, f := range set.Fields {
		p.fields = append(p.fields, f.ready())
	}
	p.fields.sort()
	for i := range set.Roles {
		r := &set.Roles[i]
		p.roles[r.ID] = &compiled{role: r, masks: resolveGrants(cat, r.Grants, set.Org.Provider)}
	}
	for i := range set.Profiles {
		f := &set.Profiles[i]
		p.profiles[f.ID] = &compiled{profile: f, masks: resolveGrants(cat, f.Grants, set.Org.Provider)}
	}
	for i := range set.Sharing {
		p.sharing = append(p.sharing, compileSharing(cat, &set.Sharing[i]))
	}
	slices.SortFunc(p.sharing, func(a, b *compiledSharing) int {
		return compareNamed(a.policy.NameKey, b.policy.NameKey, a.policy.ID, b.policy.ID)
	})
	for _, e := range set.TeamAccess {
		p.byTeam[e.Team] = append(p.byTeam[e.Team], e)
	}
	for _, app := range set.Applications {
		holds := make([]bool, cat.Len())
		for n := range holds {
			if slices.Contains(app.Objects, cat.At(n).Object) {
				holds[n], p.limited[n] = true, true
			}
		}
		p.reach[app.ID] = holds
	}
	return p
}

func buildTrees(org OrgID, set TreeSet) (*orgTrees, error) {
	units := make([]authz.Node, len(set.Units))
	for i, n := range set.Units {
		units[i] = authz.Node{ID: authz.ID(n.ID), Parent: authz.ID(n.Parent)}
	}
	teams := make([]authz.Node, len(set.Teams))
	for i, n := range set.Teams {
		teams[i] = authz.Node{ID: authz.ID(n.ID), Parent: authz.ID(n.Parent)}
	}
	t := &orgTrees{stamp: set.Stamp}
	var err error
	if t.units, err = authz.NewTree(units); err != nil {
		return nil, err
	}
	t.teams, err = authz.NewTree(teams)
	t.site = &authz.Site{Org: authz.ID(org), Units: t.units, Teams: t.teams}
	return t, err
}

// with are the trees after one change more, with other units or other teams.
func (t *orgTrees) with(units, teams *authz.Tree) *orgTrees {
	return &orgTrees{t.stamp + 1, units, teams, &authz.Site{Org: t.site.Org, Units: units, Teams: teams}}
}

// clock gathers the next instant at which a time-bound assignment changes.
type clock struct {
	now, next time.Time
	future    bool // assignments that have not begun count too
	past      bool // and so do those that have ended
}

func (c *clock) counts(from, until time.Time) bool {
	for _, t := range [2]time.Time{from, until} {
		if t.After(c.now) && (c.next.IsZero() || t.Before(c.next)) {
			c.next = t
		}
	}
	return (c.future || !from.After(c.now)) && (c.past || until.IsZero() || c.now.Before(until))
}

// teams are the teams of the membership that count.
func (c *clock) teams(m *Membership) []TeamID {
	out := make([]TeamID, 0, len(m.Teams))
	for _, t := range m.Teams {
		if c.counts(t.From, t.Until) {
			out = append(out, t.Team)
		}
	}
	return out
}

// applications are none, and each of the organization's and of all.
func (p *orgPolicy) applications() []ApplicationID {
	out := make([]ApplicationID, 1, 1+len(p.set.Applications))
	for _, app := range p.set.Applications {
		out = append(out, app.ID)
	}
	return out
}

// everyRole stands for a role in force where all roles count together, although
// roles are switched: for API keys, and for comparing what people hold.
var everyRole = RoleID{15: 1}

// holding is everything of one user that rights are made of.
type holding struct {
	membership *Membership
	access     []AccessEntry // that name the user
	app        ApplicationID
	role       RoleID // in force; everyRole for all of them
}

// found is what a holding comes to.
type found struct {
	list    []source
	teams   []TeamID
	roles   []RoleID // that are sources, each once
	choices []RoleID // of which one is in force where roles are switched, each once
	inForce RoleID
	choose  bool // it must be chosen first
}

// sources finds what grants the holder anything in the current application and
// role, in a fixed order: the profile, roles held directly, application access of
// the user, of the teams, sharing policies. Application access is found only
// inside its application.
func (p *orgPolicy) sources(h holding, trees *orgTrees, c *clock) (f found) {
	if profile := p.profiles[h.membership.Profile]; profile != nil {
		f.list = append(f.list, source{Source: Source{Kind: SourceProfile, Name: profile.profile.Name, Profile: profile.profile.ID}, masks: profile.masks})
	}
	f.teams = c.teams(h.membership)
	var list []source
	add := func(s Source, a RoleAssignment) {
		r := p.roles[a.Role]
		if r == nil || !c.counts(a.From, a.Until) || !r.role.App.IsZero() && r.role.App != h.app {
			return
		}
		s.Name, s.Role, s.From, s.Until = r.role.Name, r.role.ID, a.From, a.Until
		list = append(list, source{Source: s, masks: r.masks})
		if !slices.Contains(f.choices, s.Role) {
			f.choices = append(f.choices, s.Role)
		}
	}
	for _, a := range h.membership.Roles {
		add(Source{Kind: SourceRole}, a)
	}
	if !h.app.IsZero() {
		for _, e := range h.access {
			if e.Application == h.app {
				for _, a := range e.Roles {
					add(Source{Kind: SourceAccess, Access: e.ID}, a)
				}
			}
		}
		for _, e := range p.teamEntries(f.teams, trees) {
			if e.Application == h.app {
				for _, a := range e.Roles {
					add(Source{Kind: SourceTeamAccess, Access: e.ID, Team: e.Team}, a)
				}
			}
		}
	}
	f.roles = f.choices
	if p.set.Org.SwitchRoles && h.role != everyRole {
		f.take(h.role)
		list = slices.DeleteFunc(list, func(s source) bool { return s.Role != f.inForce })
	}
	f.list = append(f.list, list...)
	f.list = append(f.list, p.sharingSources(f.teams, f.roles, trees)...)
	return f
}

// take puts the chosen role in force or, if it cannot be chosen, the only one
// that can.
func (f *found) take(chosen RoleID) {
	switch {
	case slices.Contains(f.choices, chosen):
		f.inForce = chosen
	case len(f.choices) == 1:
		f.inForce = f.choices[0]
	default:
		f.choose, f.roles = len(f.choices) > 0, nil
		return
	}
	f.roles = []RoleID{f.inForce}
}

// teamEntries returns the access entries of teams and of the teams above them:
// a nested team takes on what its parents have (agileapps.md 6).
func (p *orgPolicy) teamEntries(teams []TeamID, trees *orgTrees) []AccessEntry {
	if len(p.byTeam) == 0 {
		return nil
	}
	seen := map[int32]bool{}
	var out []AccessEntry
	for _, t := range teams {
		pos, ok := trees.teams.Position(authz.ID(t))
		if !ok {
			continue
		}
		for _, a := range trees.teams.Ancestors(pos) {
			if !seen[a] {
				seen[a] = true
				out = append(out, p.byTeam[TeamID(trees.teams.At(a))]...)
			}
		}
	}
	return out
}

// inApplication reports whether the holder has access to app: an entry, own or
// of a team, with a role that counts now.
func (p *orgPolicy) inApplication(h holding, app ApplicationID, trees *orgTrees, c *clock) bool {
	gives := func(e *AccessEntry) bool {
		return e.Application == app && slices.ContainsFunc(e.Roles, func(a RoleAssignment) bool { return c.counts(a.From, a.Until) })
	}
	for i := range h.access {
		if gives(&h.access[i]) {
			return true
		}
	}
	entries := p.teamEntries(c.teams(h.membership), trees)
	for i := range entries {
		if gives(&entries[i]) {
			return true
		}
	}
	return false
}

// current is the application whose roles and objects count: the chosen one
// while the holder has access to it, and none otherwise.
func (p *orgPolicy) current(h holding, trees *orgTrees, c *clock) ApplicationID {
	if h.app.IsZero() || !p.inApplication(h, h.app, trees, c) {
		return ApplicationID{}
	}
	return h.app
}

// combine joins sources. Users with the same sources share the result.
func (p *orgPolicy) combine(list []source, app ApplicationID) *authz.Rights {
	key := make([]byte, 0, 48*(len(list)+1))
	key = append(key, app[:]...)
	for _, s := range list {
		key = append(append(append(key, s.Profile[:]...), s.Role[:]...), s.Sharing[:]...)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if v := p.rights[string(key)]; v != nil {
		return v
	}
	held := make([]authz.Mask, len(p.limited))
	for _, s := range list {
		authz.Or(held, s.masks)
	}
	grants := slices.Clone(held)
	reach := p.reach[app]
	for n := range grants {
		if p.limited[n] && (reach == nil || !reach[n]) {
			grants[n] = 0
		}
	}
	if slices.Equal(grants, held) {
		grants = held
	}
	v := &authz.Rights{Grants: grants, Held: held, Single: len(p.rights) >= maxRights}
	if !v.Single {
		p.rights[string(key)] = v
	}
	return v
}

const maxRights = 4096
