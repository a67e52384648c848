package naive

import (
	"context"
	"crypto/sha256"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/token"
)

// id is that of whatever has the name; the empty name has the zero one.
func id[E any](name string) usermgmt.ID[E] {
	if name == "" {
		return usermgmt.ID[E]{}
	}
	sum := sha256.Sum256([]byte(name))
	return usermgmt.ID[E](sum[:16])
}

func ids[E any](names []string) []usermgmt.ID[E] {
	var all []usermgmt.ID[E]
	for _, n := range names {
		all = append(all, id[E](n))
	}
	return all
}

var scopes = map[Relation]usermgmt.Scope{
	Own: usermgmt.ScopeOwn, Team: usermgmt.ScopeTeam, Subteams: usermgmt.ScopeSubteams, Unit: usermgmt.ScopeUnit,
	Division: usermgmt.ScopeDivision, WholeOrganization: usermgmt.ScopeOrganization, System: usermgmt.ScopeSystem,
	Shared: usermgmt.ScopeShared,
}

func scope(s Relations) usermgmt.Scope {
	var all usermgmt.Scope
	for r := range s {
		all |= scopes[r]
	}
	return all
}

var ownerships = map[string]usermgmt.Ownership{
	ByUser: usermgmt.OwnedByUser, ByUnit: usermgmt.OwnedByUnit, ByTeam: usermgmt.OwnedByTeam,
	ByOrganization: usermgmt.OwnedByOrganization, ByNobody: usermgmt.Unowned,
}

var bases = map[string]usermgmt.Visibility{
	BasisTeam: usermgmt.VisibleByTeam, BasisRole: usermgmt.VisibleByRole,
	BasisUser: usermgmt.VisibleByUser, BasisField: usermgmt.VisibleByField,
}

var models = map[string]usermgmt.SharingModel{
	OneWay: usermgmt.SharingOneWay, TwoWay: usermgmt.SharingTwoWay, Mashup: usermgmt.SharingMashup,
}

// objects are those of the world that are not the library's own.
func objects(w *World) []usermgmt.Object {
	var all []usermgmt.Object
	for _, name := range keys(w.Objects) {
		if o := w.Objects[name]; name != "user" {
			all = append(all, usermgmt.Object{
				Name: name, Ownership: ownerships[o.Ownership], Actions: o.Actions, SystemOnly: o.SystemOnly,
				Fields: o.Fields, Visibility: bases[o.Basis], VisibilityField: o.BasisField,
			})
		}
	}
	return all
}

func grants(g Grants) []usermgmt.Grant {
	var all []usermgmt.Grant
	for _, p := range keys(g) {
		all = append(all, usermgmt.Grant{Permission: usermgmt.Permission(p), Scope: scope(g[p]).Expand()})
	}
	return all
}

func roleAssignments(from []Assignment) []usermgmt.RoleAssignment {
	var all []usermgmt.RoleAssignment
	for _, a := range from {
		all = append(all, usermgmt.RoleAssignment{Role: id[usermgmt.Role](a.To), From: a.From, Until: a.Until})
	}
	return all
}

func teamAssignments(from []Assignment) []usermgmt.TeamAssignment {
	var all []usermgmt.TeamAssignment
	for _, a := range from {
		all = append(all, usermgmt.TeamAssignment{Team: id[usermgmt.Team](a.To), From: a.From, Until: a.Until})
	}
	return all
}

// put writes the world into a store, in one transaction.
func put(t testing.TB, s usermgmt.Store, w *World) {
	t.Helper()
	err := s.Tx(context.Background(), func(ctx context.Context, tx usermgmt.Store) error {
		p := &putter{ctx: ctx, s: tx, w: w}
		p.organizations()
		p.rights()
		p.people()
		p.entries()
		return p.err
	})
	if err != nil {
		t.Fatal(err)
	}
}

type putter struct {
	ctx context.Context
	s   usermgmt.Store
	w   *World
	err error
}

func (p *putter) keep(err error) {
	if p.err == nil {
		p.err = err
	}
}

func (p *putter) organizations() {
	for _, name := range keys(p.w.Organizations) {
		o := p.w.Organizations[name]
		org := id[usermgmt.Organization](name)
		p.keep(p.s.SaveOrg(p.ctx, usermgmt.Organization{
			ID: org, Name: name, NameKey: name, Enabled: true, Provider: o.Provider, SwitchRoles: o.SwitchRoles, Epoch: 1,
			RootTeam: id[usermgmt.Team](name + ".team0"), CreatedAt: noon, UpdatedAt: noon,
		}))
		// a parent's number is less than those of its children, of which none has two digits
		for _, u := range keys(o.Units) {
			p.keep(p.s.SaveUnit(p.ctx, usermgmt.BusinessUnit{ID: id[usermgmt.BusinessUnit](u), Org: org, Parent: id[usermgmt.BusinessUnit](o.Units[u]), Name: u, NameKey: u, CreatedAt: noon, UpdatedAt: noon}))
		}
		for _, u := range keys(o.Teams) {
			p.keep(p.s.SaveTeam(p.ctx, usermgmt.Team{ID: id[usermgmt.Team](u), Org: org, Parent: id[usermgmt.Team](o.Teams[u]), Name: u, NameKey: u, CreatedAt: noon, UpdatedAt: noon}))
		}
	}
}

func (p *putter) rights() {
	for _, name := range keys(p.w.Applications) {
		a := p.w.Applications[name]
		p.keep(p.s.SaveApplication(p.ctx, usermgmt.Application{
			ID: id[usermgmt.Application](name), Org: id[usermgmt.Organization](a.Org), Name: name, NameKey: name, Objects: a.Objects,
			CreatedAt: noon, UpdatedAt: noon,
		}))
	}
	for _, name := range keys(p.w.Roles) {
		r := p.w.Roles[name]
		p.keep(p.s.SaveRole(p.ctx, usermgmt.Role{
			ID: id[usermgmt.Role](name), Org: id[usermgmt.Organization](r.Org), App: id[usermgmt.Application](r.App),
			Name: name, NameKey: name, Grants: grants(r.Grants), CreatedAt: noon, UpdatedAt: noon,
		}))
	}
	for _, name := range keys(p.w.Profiles) {
		r := p.w.Profiles[name]
		p.keep(p.s.SaveProfile(p.ctx, usermgmt.AccessProfile{
			ID: id[usermgmt.AccessProfile](name), Org: id[usermgmt.Organization](r.Org),
			Name: name, NameKey: name, Grants: grants(r.Grants), CreatedAt: noon, UpdatedAt: noon,
		}))
	}
}

func (p *putter) people() {
	for _, name := range keys(p.w.Users) {
		u := p.w.Users[name]
		p.keep(p.s.SaveUser(p.ctx, usermgmt.User{
			ID: id[usermgmt.User](name), Kind: usermgmt.KindPerson, Org: id[usermgmt.Organization](u.Home), OwnerUnit: id[usermgmt.BusinessUnit](u.OwnerUnit),
			Username: name, UsernameKey: name, Email: name + "@example.com", EmailKey: name + "@example.com",
			FirstName: "A", LastName: name, NameKey: name, SearchKey: name, Custom: u.Custom, Enabled: true, CreatedAt: noon, UpdatedAt: noon,
		}))
	}
	for _, name := range keys(p.w.Organizations) {
		for _, user := range keys(p.w.Organizations[name].Members) {
			m := p.w.Organizations[name].Members[user]
			membership := usermgmt.Membership{
				User: id[usermgmt.User](user), Org: id[usermgmt.Organization](name), Enabled: true, Profile: id[usermgmt.AccessProfile](m.Profile),
				Roles: roleAssignments(m.Roles), Teams: teamAssignments(m.Teams), Units: ids[usermgmt.BusinessUnit](m.Units),
				Rights: 1, CreatedAt: noon, UpdatedAt: noon,
			}
			if len(m.Teams) > 0 {
				membership.PrimaryTeam = membership.Teams[0].Team
			}
			p.keep(p.s.SaveMembership(p.ctx, membership))
		}
	}
}

func (p *putter) entries() {
	for _, name := range keys(p.w.Organizations) {
		o, org := p.w.Organizations[name], id[usermgmt.Organization](name)
		for _, e := range keys(o.Entries) {
			entry := o.Entries[e]
			p.keep(p.s.SaveAccess(p.ctx, usermgmt.AccessEntry{
				ID: id[usermgmt.AccessEntry](e), Org: org, Application: id[usermgmt.Application](entry.App), User: id[usermgmt.User](entry.User),
				Team: id[usermgmt.Team](entry.Team), Roles: roleAssignments(entry.Roles), CreatedAt: noon, UpdatedAt: noon,
			}))
		}
		for _, e := range keys(o.Policies) {
			policy := o.Policies[e]
			var perms []usermgmt.Permission
			for _, q := range policy.Permissions {
				perms = append(perms, usermgmt.Permission(q))
			}
			p.keep(p.s.SaveSharing(p.ctx, usermgmt.SharingPolicy{
				ID: id[usermgmt.SharingPolicy](e), Org: org, Name: e, NameKey: e,
				Owning: id[usermgmt.Team](policy.Owning), OwningSubteams: policy.OwningSubteams,
				Sharing: ids[usermgmt.Team](policy.Sharing), SharingSubteams: policy.SharingSubteams,
				Model: models[policy.Model], Permissions: perms, Roles: ids[usermgmt.Role](policy.Roles), CreatedAt: noon, UpdatedAt: noon,
			}))
		}
	}
}

// record is a record as hosts hand it in.
func record(r *Record) *usermgmt.Record {
	if r == nil {
		return nil
	}
	all := &usermgmt.Record{
		Org: id[usermgmt.Organization](r.Org), Owner: id[usermgmt.User](r.Owner),
		OwnerUnits: ids[usermgmt.BusinessUnit](r.Units), OwnerTeams: ids[usermgmt.Team](r.Teams),
	}
	if c := r.Criteria; c != nil {
		all.Criteria = &usermgmt.Criteria{
			Teams: ids[usermgmt.Team](c.Teams), Roles: ids[usermgmt.Role](c.Roles),
			Users: ids[usermgmt.User](c.Users), Values: slices.Clone(c.Values),
		}
	}
	return all
}

// secret is the random part of a session's or a key's text; no two have the same
// number.
func secret(number int) [32]byte { return sha256.Sum256([]byte(strconv.Itoa(number))) }

// openSession writes a session as a login would have, and returns its token.
func openSession(ctx context.Context, t testing.TB, s usermgmt.Store, q Question, number int) string {
	t.Helper()
	text := token.NewSession(secret(number))
	hash, _ := token.SessionHash(text)
	standing, err := s.StandingOf(ctx, id[usermgmt.User](q.User), id[usermgmt.Organization](q.Org))
	if err == nil {
		err = s.CreateSession(ctx, usermgmt.Session{
			ID: id[usermgmt.Session](text), Kind: usermgmt.SessionLogin, TokenHash: hash, User: standing.User, Org: standing.Org,
			App: id[usermgmt.Application](q.App), Role: id[usermgmt.Role](q.Role), Epoch: standing.Epoch + standing.OrgEpoch,
			ProvedAt: q.At, Idle: time.Hour, CreatedAt: q.At, SeenAt: q.At, ExpiresAt: q.At.Add(time.Hour),
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// makeKey writes an API key and returns its text.
func makeKey(ctx context.Context, t testing.TB, s usermgmt.Store, q Question, number int) string {
	t.Helper()
	random := secret(number)
	text, public := token.NewAPIKey("umk", [9]byte(random[:9]), random)
	_, hash, err := token.ParseAPIKey(text)
	if err == nil {
		err = s.PutAPIKey(ctx, usermgmt.APIKey{
			ID: id[usermgmt.APIKey](text), User: id[usermgmt.User](q.User), Org: id[usermgmt.Organization](q.Org), PublicID: public, Hash: hash,
			CreatedAt: q.At, CreatedBy: id[usermgmt.User](q.User),
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return text
}
