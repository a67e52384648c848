package storetest

import "github.com/usermgmt/usermgmt"

// site is an organization with units and teams, three levels each.
//
//	top ─ mid ─ leaf      root ┬ crew ─ squad
//	annex                      └ side
type site struct {
	org                     usermgmt.Organization
	top, mid, leaf, annex   usermgmt.BusinessUnit
	root, crew, squad, side usermgmt.Team
	profile                 usermgmt.AccessProfile
	role                    usermgmt.Role
	app                     usermgmt.Application
}

func (w *world) site(name string) *site {
	w.Helper()
	st := &site{org: w.org(name)}
	st.top = w.unit(st.org.ID, usermgmt.UnitID{}, name+" top")
	st.mid = w.unit(st.org.ID, st.top.ID, name+" mid")
	st.leaf = w.unit(st.org.ID, st.mid.ID, name+" leaf")
	st.annex = w.unit(st.org.ID, usermgmt.UnitID{}, name+" annex")
	st.root = w.team(st.org.ID, usermgmt.TeamID{}, name+" root")
	st.crew = w.team(st.org.ID, st.root.ID, name+" crew")
	st.squad = w.team(st.org.ID, st.crew.ID, name+" squad")
	st.side = w.team(st.org.ID, st.root.ID, name+" side")
	st.profile = w.profile(st.org.ID, name+" profile")
	st.role = w.role(st.org.ID, name+" role")
	st.app = w.app(st.org.ID, name+" app")
	return st
}

// The following make and save one record each and return it as it is stored.

func (w *world) org(key string) usermgmt.Organization {
	w.Helper()
	o := usermgmt.Organization{
		ID: newID[usermgmt.Organization](w), Name: key, NameKey: key, Enabled: true,
		CreatedAt: at(0), UpdatedAt: at(0),
	}
	w.do(w.s.SaveOrg(w.ctx, o))
	o.Version = 1
	return o
}

func (w *world) unit(org usermgmt.OrgID, parent usermgmt.UnitID, key string) usermgmt.BusinessUnit {
	w.Helper()
	u := usermgmt.BusinessUnit{
		ID: newID[usermgmt.BusinessUnit](w), Org: org, Parent: parent, Name: key, NameKey: key,
		CreatedAt: at(0), UpdatedAt: at(0),
	}
	w.do(w.s.SaveUnit(w.ctx, u))
	u.Version = 1
	return u
}

func (w *world) team(org usermgmt.OrgID, parent usermgmt.TeamID, key string) usermgmt.Team {
	w.Helper()
	t := usermgmt.Team{
		ID: newID[usermgmt.Team](w), Org: org, Parent: parent, Name: key, NameKey: key,
		CreatedAt: at(0), UpdatedAt: at(0),
	}
	w.do(w.s.SaveTeam(w.ctx, t))
	t.Version = 1
	return t
}

func (w *world) profile(org usermgmt.OrgID, key string) usermgmt.AccessProfile {
	w.Helper()
	p := usermgmt.AccessProfile{
		ID: newID[usermgmt.AccessProfile](w), Org: org, Name: key, NameKey: key,
		Grants:    []usermgmt.Grant{{Permission: "user.view", Scope: usermgmt.ScopeOwn}},
		CreatedAt: at(0), UpdatedAt: at(0),
	}
	w.do(w.s.SaveProfile(w.ctx, p))
	p.Version = 1
	return p
}

func (w *world) role(org usermgmt.OrgID, key string) usermgmt.Role {
	w.Helper()
	r := usermgmt.Role{
		ID: newID[usermgmt.Role](w), Org: org, Name: key, NameKey: key,
		CreatedAt: at(0), UpdatedAt: at(0),
	}
	w.do(w.s.SaveRole(w.ctx, r))
	r.Version = 1
	return r
}

func (w *world) app(org usermgmt.OrgID, key string) usermgmt.Application {
	w.Helper()
	a := usermgmt.Application{
		ID: newID[usermgmt.Application](w), Org: org, Name: key, NameKey: key,
		CreatedAt: at(0), UpdatedAt: at(0),
	}
	w.do(w.s.SaveApplication(w.ctx, a))
	a.Version = 1
	return a
}

// newUser returns a user of the site's top unit that is not saved.
func (w *world) newUser(st *site, key string, change ...func(*usermgmt.User)) usermgmt.User {
	u := usermgmt.User{
		ID: newID[usermgmt.User](w), Kind: usermgmt.KindPerson, Org: st.org.ID, OwnerUnit: st.top.ID,
		Username: key, UsernameKey: key, Email: key + "@mail.test", EmailKey: key + "@mail.test",
		LastName: key, NameKey: key, SearchKey: key + "\n" + key + "@mail.test", Enabled: true,
		CreatedAt: at(0), UpdatedAt: at(0),
	}
	for _, f := range change {
		f(&u)
	}
	return u
}

func (w *world) user(st *site, key string, change ...func(*usermgmt.User)) usermgmt.User {
	w.Helper()
	u := w.newUser(st, key, change...)
	w.do(w.s.SaveUser(w.ctx, u))
	u.Version = 1
	return u
}

// newMembership returns a plain membership that is not saved.
func (w *world) newMembership(st *site, u usermgmt.UserID) usermgmt.Membership {
	return usermgmt.Membership{
		User: u, Org: st.org.ID, Enabled: true, Profile: st.profile.ID,
		Rights: 1, CreatedAt: at(0), UpdatedAt: at(0),
	}
}

func (w *world) join(st *site, u usermgmt.UserID, change ...func(*usermgmt.Membership)) usermgmt.Membership {
	w.Helper()
	m := w.newMembership(st, u)
	for _, f := range change {
		f(&m)
	}
	w.do(w.s.SaveMembership(w.ctx, m))
	m.Version = 1
	return m
}

// inTeams makes a membership one of the teams, the first one primary.
func inTeams(teams ...usermgmt.TeamID) func(*usermgmt.Membership) {
	return func(m *usermgmt.Membership) {
		for _, t := range teams {
			m.Teams = append(m.Teams, usermgmt.TeamAssignment{Team: t})
		}
		m.PrimaryTeam = teams[0]
	}
}

// ownedBy moves a user to the unit.
func ownedBy(unit usermgmt.UnitID) func(*usermgmt.User) {
	return func(u *usermgmt.User) { u.OwnerUnit = unit }
}

// newSession returns a session of the user, made at minute n, that is not saved.
func (w *world) newSession(st *site, u usermgmt.UserID, n int) usermgmt.Session {
	id := newID[usermgmt.Session](w)
	return usermgmt.Session{
		ID: id, Kind: usermgmt.SessionLogin, TokenHash: hashOf(int(w.last)), User: u, Org: st.org.ID,
		Epoch: 1, Idle: 1800e9, CreatedAt: at(n), SeenAt: at(n), ExpiresAt: at(n + 600),
	}
}

func (w *world) session(st *site, u usermgmt.UserID, n int) usermgmt.Session {
	w.Helper()
	se := w.newSession(st, u, n)
	w.do(w.s.CreateSession(w.ctx, se))
	return se
}

// proxy makes a session of target that the operator's session parent entered.
func (w *world) proxy(st *site, parent usermgmt.Session, target usermgmt.UserID, n int) usermgmt.Session {
	w.Helper()
	se := w.newSession(st, target, n)
	se.Kind, se.Operator, se.Parent, se.OperatorEpoch = usermgmt.SessionProxy, parent.User, parent.ID, 1
	w.do(w.s.CreateSession(w.ctx, se))
	return se
}

// newKey returns a key of the user that is not saved.
func (w *world) newKey(st *site, u usermgmt.UserID) usermgmt.APIKey {
	id := newID[usermgmt.APIKey](w)
	return usermgmt.APIKey{
		ID: id, User: u, Org: st.org.ID, PublicID: id.String()[:13], Hash: hashOf(int(w.last)), Epoch: 1,
		Permissions: []usermgmt.Permission{"user.view", "user.edit"}, CreatedAt: at(0), CreatedBy: u,
	}
}

// sharing saves a policy by which the crew shares with side.
func (w *world) sharing(st *site, key string) usermgmt.SharingPolicy {
	w.Helper()
	p := usermgmt.SharingPolicy{
		ID: newID[usermgmt.SharingPolicy](w), Org: st.org.ID, Name: key, NameKey: key,
		Owning: st.crew.ID, Sharing: []usermgmt.TeamID{st.side.ID, st.squad.ID},
		Model: usermgmt.SharingTwoWay, Permissions: []usermgmt.Permission{"lead.view"},
		Roles: []usermgmt.RoleID{st.role.ID}, CreatedAt: at(0), UpdatedAt: at(0),
	}
	w.do(w.s.SaveSharing(w.ctx, p))
	p.Version = 1
	return p
}

// access saves an entry of the site's application for the user.
func (w *world) access(st *site, u usermgmt.UserID) usermgmt.AccessEntry {
	w.Helper()
	e := usermgmt.AccessEntry{
		ID: newID[usermgmt.AccessEntry](w), Org: st.org.ID, Application: st.app.ID, User: u,
		CreatedAt: at(0), UpdatedAt: at(0),
	}
	w.do(w.s.SaveAccess(w.ctx, e))
	e.Version = 1
	return e
}
