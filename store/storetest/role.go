package storetest

import (
	"context"
	"net/netip"

	"github.com/usermgmt/usermgmt"
)

func roleCases() []testCase {
	return []testCase{
		{"RoleSave", []string{"SaveRole", "RoleByID"}, roleSave},
		{"RoleNamesAndReferences", []string{"SaveRole"}, roleNames},
		{"RoleDelete", []string{"DeleteRole", "RoleByID"}, roleDelete},
		{"ProfileSave", []string{"SaveProfile", "ProfileByID"}, profileSave},
		{"ProfileNames", []string{"SaveProfile", "ProfileByName"}, profileNames},
		{"ProfileDelete", []string{"DeleteProfile", "ProfileByID"}, profileDelete},
	}
}

var grants = []usermgmt.Grant{
	{Permission: "*.view", Scope: ^usermgmt.Scope(0)}, {Permission: "user.edit"},
	{Permission: "user.view", Scope: usermgmt.ScopeOwn | usermgmt.ScopeShared},
}

func roleSave(w *world) {
	st := w.site("a")
	id := newID[usermgmt.Role](w)
	first := usermgmt.Role{ID: id, Name: "N", NameKey: "n", CreatedAt: at(0), UpdatedAt: at(1)}
	second := usermgmt.Role{
		ID: id, Org: st.org.ID, App: st.app.ID, Name: "M", NameKey: "m", Description: "d", Grants: grants,
		CreatedAt: at(2), UpdatedAt: at(3),
	}
	checkSave(w, row[usermgmt.Role]{
		usermgmt.Store.SaveRole,
		func(s usermgmt.Store, ctx context.Context, r usermgmt.Role) (usermgmt.Role, error) {
			return s.RoleByID(ctx, r.ID)
		},
	}, first, second)
}

func roleNames(w *world) {
	a, b := w.org("a"), w.org("b")
	app := w.app(a.ID, "x")
	type key struct {
		org usermgmt.OrgID
		app usermgmt.ApplicationID
	}
	insert := func(k key, name string) func(context.Context, usermgmt.Store) error {
		r := usermgmt.Role{ID: newID[usermgmt.Role](w), Org: k.org, App: k.app, NameKey: name}
		return func(ctx context.Context, tx usermgmt.Store) error { return tx.SaveRole(ctx, r) }
	}
	all := []key{{}, {org: a.ID}, {org: b.ID}, {org: a.ID, app: app.ID}, {app: app.ID}}
	for _, k := range all {
		w.write(insert(k, "r")) // each space is its own
	}
	for _, k := range all {
		w.refuse("a taken name", isTaken("name"), insert(k, "r"))
		w.write(insert(k, "R"))
	}
	moved := w.role(usermgmt.OrgID{}, "s")
	moved.NameKey = "r"
	w.refuse("changing to a taken name", isTaken("name"), func(ctx context.Context, tx usermgmt.Store) error {
		return tx.SaveRole(ctx, moved)
	})
	w.refuse("an organization that does not exist", isReference, insert(key{org: newID[usermgmt.Organization](w)}, "t"))
	w.refuse("an application that does not exist", isReference, insert(key{app: newID[usermgmt.Application](w)}, "t"))
}

func roleDelete(w *world) {
	st := w.site("a")
	remove := func(ctx context.Context, tx usermgmt.Store) error { return tx.DeleteRole(ctx, st.role.ID) }
	w.refuse("deleting what is not there", isMissing, func(ctx context.Context, tx usermgmt.Store) error {
		return tx.DeleteRole(ctx, newID[usermgmt.Role](w))
	})
	held := []usermgmt.RoleAssignment{{Role: w.role(st.org.ID, "other").ID}, {Role: st.role.ID, Until: at(-9)}}
	m := w.join(st, w.user(st, "u").ID, func(m *usermgmt.Membership) { m.Roles = held })
	w.refuse("deleting a role of a membership", isInUse, remove)
	m.Roles = held[:1]
	w.do(w.s.SaveMembership(w.ctx, m))

	e := usermgmt.AccessEntry{
		ID: newID[usermgmt.AccessEntry](w), Org: st.org.ID, Application: st.app.ID, Team: st.crew.ID, Roles: held,
	}
	w.do(w.s.SaveAccess(w.ctx, e))
	w.refuse("deleting a role of an access entry", isInUse, remove)
	e.Version, e.Roles = 1, held[:1]
	w.do(w.s.SaveAccess(w.ctx, e))

	p := w.sharing(st, "s")
	w.refuse("deleting a role of a sharing policy", isInUse, remove)
	got(w.s.RoleByID(w.ctx, st.role.ID)).is(w, st.role)
	w.do(w.s.DeleteSharing(w.ctx, p.ID))

	w.write(remove)
	got(w.s.RoleByID(w.ctx, st.role.ID)).missing(w)
	w.refuse("deleting it again", isMissing, remove)
	w.role(st.org.ID, st.role.NameKey)
}

func profileSave(w *world) {
	st := w.site("a")
	id := newID[usermgmt.AccessProfile](w)
	first := usermgmt.AccessProfile{ID: id, Name: "N", NameKey: "n", CreatedAt: at(0), UpdatedAt: at(1)}
	second := usermgmt.AccessProfile{
		ID: id, Org: st.org.ID, Name: "M", NameKey: "m", Description: "d", Administrator: true, Shipped: true,
		Grants: grants,
		IPRanges: []usermgmt.IPRange{
			{From: netip.MustParseAddr("192.0.2.1"), To: netip.MustParseAddr("192.0.2.255")},
			{From: netip.MustParseAddr("2001:db8::"), To: netip.MustParseAddr("2001:db8::ffff")},
		},
		CreatedAt: at(2), UpdatedAt: at(3),
	}
	checkSave(w, row[usermgmt.AccessProfile]{
		usermgmt.Store.SaveProfile,
		func(s usermgmt.Store, ctx context.Context, p usermgmt.AccessProfile) (usermgmt.AccessProfile, error) {
			return s.ProfileByID(ctx, p.ID)
		},
	}, first, second)
}

func profileNames(w *world) {
	a, b := w.org("a"), w.org("b")
	spaces := []usermgmt.OrgID{{}, a.ID, b.ID}
	for _, org := range spaces {
		p := w.profile(org, "p")
		got(w.s.ProfileByName(w.ctx, org, "p")).is(w, p)
		got(w.s.ProfileByName(w.ctx, org, "P")).missing(w)
		w.refuse("a taken name", isTaken("name"), func(ctx context.Context, tx usermgmt.Store) error {
			return tx.SaveProfile(ctx, usermgmt.AccessProfile{ID: newID[usermgmt.AccessProfile](w), Org: org, NameKey: "p"})
		})
		q := w.profile(org, "q")
		q.NameKey = "p"
		w.refuse("changing to a taken name", isTaken("name"), func(ctx context.Context, tx usermgmt.Store) error {
			return tx.SaveProfile(ctx, q)
		})
	}
	got(w.s.ProfileByName(w.ctx, newID[usermgmt.Organization](w), "p")).missing(w)
	w.refuse("an organization that does not exist", isReference, func(ctx context.Context, tx usermgmt.Store) error {
		return tx.SaveProfile(ctx, usermgmt.AccessProfile{
			ID: newID[usermgmt.AccessProfile](w), Org: newID[usermgmt.Organization](w), NameKey: "x",
		})
	})
}

func profileDelete(w *world) {
	st := w.site("a")
	remove := func(ctx context.Context, tx usermgmt.Store) error { return tx.DeleteProfile(ctx, st.profile.ID) }
	m := w.join(st, w.user(st, "u").ID)
	w.refuse("deleting a profile of a membership", isInUse, remove)
	got(w.s.ProfileByID(w.ctx, st.profile.ID)).is(w, st.profile)
	m.Profile = w.profile(st.org.ID, "other").ID
	w.do(w.s.SaveMembership(w.ctx, m))
	w.write(remove)
	got(w.s.ProfileByID(w.ctx, st.profile.ID)).missing(w)
	got(w.s.ProfileByName(w.ctx, st.org.ID, st.profile.NameKey)).missing(w)
	w.refuse("deleting it again", isMissing, remove)
	w.profile(st.org.ID, st.profile.NameKey)
}
