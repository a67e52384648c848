package storetest

import (
	"context"

	"github.com/usermgmt/usermgmt"
)

func memberCases() []testCase {
	return []testCase{
		{"MembershipSave", []string{"SaveMembership", "MembershipOf"}, membershipSave},
		{"MembershipReferences", []string{"SaveMembership"}, membershipReferences},
		{"MembershipLists", []string{"MembershipsOf", "Memberships", "MembershipsOfUsers"}, membershipLists},
		{"MembershipRights", []string{"BumpRights", "SaveMembership", "StandingOf"}, membershipRights},
		{"MembershipDelete", []string{"DeleteMembership", "MembershipOf"}, membershipDelete},
		{"MembershipDeleteTakesAlong", []string{
			"DeleteMembership", "APIKeyOf", "APIKeyByHash", "ProxyListOf", "AccessOf", "SessionByID", "SessionByToken",
		}, membershipDeleteTakes},
	}
}

func membershipSave(w *world) {
	st := w.site("a")
	u := w.user(st, "u")
	first := w.newMembership(st, u.ID)
	second := usermgmt.Membership{
		User: u.ID, Org: st.org.ID, Profile: w.profile(usermgmt.OrgID{}, "p").ID,
		Roles: []usermgmt.RoleAssignment{
			{Role: w.role(usermgmt.OrgID{}, "r").ID, From: at(1), Until: at(2)}, {Role: st.role.ID, Until: usermgmt.Forever},
		},
		Teams:       []usermgmt.TeamAssignment{{Team: st.squad.ID, Until: at(3)}, {Team: st.crew.ID, From: at(4)}},
		PrimaryTeam: st.crew.ID, Units: []usermgmt.UnitID{st.leaf.ID, st.annex.ID, st.top.ID},
		Licence: usermgmt.LicencePlatform, Seat: true, InitialApp: st.app.ID,
		Custom:    map[string]string{"desk": "1", "quote'\"": "a\nb"},
		SearchKey: "desk\n1",
		CreatedAt: at(2), UpdatedAt: at(3),
	}
	first.Rights = 0
	checkSave(w, row[usermgmt.Membership]{
		usermgmt.Store.SaveMembership,
		func(s usermgmt.Store, ctx context.Context, m usermgmt.Membership) (usermgmt.Membership, error) {
			m, err := s.MembershipOf(ctx, m.User, m.Org)
			m.Rights = 0 // a stamp that the store counts; MembershipRights checks it
			return m, err
		},
	}, first, second)
}

func membershipReferences(w *world) {
	a, b := w.site("a"), w.site("b")
	u := w.user(a, "u")
	try := func(change func(m *usermgmt.Membership)) func(context.Context, usermgmt.Store) error {
		m := w.newMembership(a, u.ID)
		change(&m)
		return func(ctx context.Context, tx usermgmt.Store) error { return tx.SaveMembership(ctx, m) }
	}
	wrong := []struct {
		what   string
		change func(m *usermgmt.Membership)
	}{
		{"a user who does not exist", func(m *usermgmt.Membership) { m.User = newID[usermgmt.User](w) }},
		{"an organization that does not exist", func(m *usermgmt.Membership) { m.Org = newID[usermgmt.Organization](w) }},
		{"a profile that does not exist", func(m *usermgmt.Membership) { m.Profile = newID[usermgmt.AccessProfile](w) }},
		{"a role that does not exist", func(m *usermgmt.Membership) {
			m.Roles = []usermgmt.RoleAssignment{{Role: a.role.ID}, {Role: newID[usermgmt.Role](w)}}
		}},
		{"a team that does not exist", inTeams(a.root.ID, newID[usermgmt.Team](w))},
		{"a team of another organization", inTeams(a.root.ID, b.root.ID)},
		{"a unit that does not exist", func(m *usermgmt.Membership) { m.Units = []usermgmt.UnitID{newID[usermgmt.BusinessUnit](w)} }},
		{"a unit of another organization", func(m *usermgmt.Membership) { m.Units = []usermgmt.UnitID{a.top.ID, b.top.ID} }},
		{"an application that does not exist", func(m *usermgmt.Membership) { m.InitialApp = newID[usermgmt.Application](w) }},
	}
	for _, c := range wrong {
		w.refuse("inserting with "+c.what, isReference, try(c.change))
	}
	w.write(try(func(*usermgmt.Membership) {}))
	for _, c := range wrong[2:] {
		w.refuse("replacing with "+c.what, isReference, try(func(m *usermgmt.Membership) {
			c.change(m)
			m.Version = 1
		}))
	}
}

func membershipLists(w *world) {
	a, b, c := w.site("a"), w.site("b"), w.site("c")
	u, v, x := w.user(a, "u"), w.user(a, "v"), w.user(a, "x")
	inC, inA, inB := w.join(c, u.ID), w.join(a, u.ID, inTeams(a.crew.ID)), w.join(b, u.ID)
	vInB := w.join(b, v.ID)
	got(w.s.MembershipsOf(w.ctx, u.ID)).is(w, []usermgmt.Membership{inA, inB, inC}) // in the order of Org
	got(w.s.MembershipsOf(w.ctx, v.ID)).is(w, []usermgmt.Membership{vInB})
	got(w.s.MembershipsOf(w.ctx, x.ID)).is(w, nil)
	got(w.s.MembershipOf(w.ctx, v.ID, a.org.ID)).missing(w)
	got(w.s.MembershipOf(w.ctx, newID[usermgmt.User](w), a.org.ID)).missing(w)
	read := func(org usermgmt.OrgID, users ...usermgmt.UserID) []usermgmt.Membership {
		w.Helper()
		return got(w.s.Memberships(w.ctx, org, users)).must(w)
	}
	sameSet(w, "memberships", []usermgmt.Membership{inB, vInB}, read(b.org.ID, v.ID, x.ID, u.ID, newID[usermgmt.User](w)))
	sameSet(w, "memberships", []usermgmt.Membership{inA}, read(a.org.ID, v.ID, u.ID, u.ID))
	sameSet(w, "memberships of nobody", nil, read(a.org.ID))
	ofUsers := func(users ...usermgmt.UserID) []usermgmt.Membership {
		w.Helper()
		return got(w.s.MembershipsOfUsers(w.ctx, users)).must(w)
	}
	sameSet(w, "memberships of users", []usermgmt.Membership{inA, inB, inC, vInB}, ofUsers(v.ID, x.ID, u.ID, u.ID, newID[usermgmt.User](w)))
	sameSet(w, "memberships of no users", nil, ofUsers())
}

func membershipRights(w *world) {
	a, b := w.site("a"), w.site("b")
	u := w.user(a, "u")
	m := w.join(a, u.ID, func(m *usermgmt.Membership) { m.Rights = 41 })
	other := w.join(b, u.ID)
	w.do(w.s.BumpRights(w.ctx, u.ID, a.org.ID))
	m.Rights = 42
	got(w.s.MembershipOf(w.ctx, u.ID, a.org.ID)).is(w, m)
	equal(w, "Rights in the standing", 42, got(w.s.StandingOf(w.ctx, u.ID, a.org.ID)).must(w).Rights)
	got(w.s.MembershipOf(w.ctx, u.ID, b.org.ID)).is(w, other)
	m.Rights = 41 // read before the bump, which left the version alone
	w.do(w.s.SaveMembership(w.ctx, m))
	m.Version = 2
	m.Rights = 43
	got(w.s.MembershipOf(w.ctx, u.ID, a.org.ID)).is(w, m)
	w.write(func(ctx context.Context, tx usermgmt.Store) error {
		if err := tx.BumpRights(ctx, u.ID, a.org.ID); err != nil {
			return err
		}
		return tx.BumpRights(ctx, u.ID, a.org.ID)
	})
	m.Rights = 45
	got(w.s.MembershipOf(w.ctx, u.ID, a.org.ID)).is(w, m)
	w.do(w.s.BumpRights(w.ctx, newID[usermgmt.User](w), a.org.ID))
	w.do(w.s.BumpRights(w.ctx, u.ID, newID[usermgmt.Organization](w)))
}

func membershipDelete(w *world) {
	a, b := w.site("a"), w.site("b")
	u, v := w.user(a, "u"), w.user(a, "v")
	w.join(a, u.ID)
	inB, vInA := w.join(b, u.ID), w.join(a, v.ID)
	remove := func(ctx context.Context, tx usermgmt.Store) error {
		return tx.DeleteMembership(ctx, u.ID, a.org.ID, at(5))
	}
	w.write(remove)
	got(w.s.MembershipOf(w.ctx, u.ID, a.org.ID)).missing(w)
	got(w.s.MembershipOf(w.ctx, u.ID, b.org.ID)).is(w, inB)
	got(w.s.MembershipOf(w.ctx, v.ID, a.org.ID)).is(w, vInA)
	got(w.s.UserByID(w.ctx, u.ID)).is(w, u)
	w.refuse("deleting it again", isMissing, remove)
	w.join(a, u.ID) // of version 1 again
}

func membershipDeleteTakes(w *world) {
	a, b := w.site("a"), w.site("b")
	u, v := w.user(a, "u"), w.user(a, "v")
	type things struct {
		key     usermgmt.APIKey
		list    usermgmt.ProxyList
		entry   usermgmt.AccessEntry
		session usermgmt.Session
	}
	give := func(st *site, u usermgmt.UserID) things {
		w.join(st, u)
		t := things{
			key:  w.newKey(st, u),
			list: usermgmt.ProxyList{Operator: u, Org: st.org.ID, Restricted: true, UpdatedAt: at(0)},
			entry: usermgmt.AccessEntry{
				ID: newID[usermgmt.AccessEntry](w), Org: st.org.ID, Application: st.app.ID, User: u,
			},
			session: w.session(st, u, 0),
		}
		w.do(w.s.PutAPIKey(w.ctx, t.key))
		w.do(w.s.SaveProxyList(w.ctx, t.list))
		w.do(w.s.SaveAccess(w.ctx, t.entry))
		t.list.Version, t.entry.Version = 1, 1
		return t
	}
	uInA, uInB, vInA := give(a, u.ID), give(b, u.ID), give(a, v.ID)
	ended := w.session(a, u.ID, 1)
	got(w.s.EndSession(w.ctx, ended.ID, at(2), "logout")).is(w, true)
	ended.EndedAt, ended.EndReason = at(2), "logout"

	w.do(w.s.DeleteMembership(w.ctx, u.ID, a.org.ID, at(5)))
	got(w.s.APIKeyOf(w.ctx, u.ID, a.org.ID)).missing(w)
	got(w.s.APIKeyByHash(w.ctx, uInA.key.Hash)).missing(w)
	got(w.s.ProxyListOf(w.ctx, u.ID, a.org.ID)).missing(w)
	got(w.s.AccessByID(w.ctx, uInA.entry.ID)).missing(w)
	got(w.s.AccessOf(w.ctx, u.ID, a.org.ID)).is(w, nil)
	got(w.s.SessionByToken(w.ctx, uInA.session.TokenHash)).missing(w)
	uInA.session.EndedAt, uInA.session.EndReason = at(5), "membership"
	equal(w, "the session", uInA.session, got(w.s.SessionByID(w.ctx, uInA.session.ID)).must(w).Session)
	equal(w, "a session that had ended", ended, got(w.s.SessionByID(w.ctx, ended.ID)).must(w).Session)

	for _, kept := range []things{uInB, vInA} {
		got(w.s.APIKeyOf(w.ctx, kept.key.User, kept.key.Org)).is(w, kept.key)
		got(w.s.ProxyListOf(w.ctx, kept.key.User, kept.key.Org)).is(w, kept.list)
		got(w.s.AccessOf(w.ctx, kept.key.User, kept.key.Org)).is(w, []usermgmt.AccessEntry{kept.entry})
		equal(w, "another session", kept.session, got(w.s.SessionByToken(w.ctx, kept.session.TokenHash)).must(w).Session)
	}
	give(a, u.ID) // nothing is in the way of coming back
}
