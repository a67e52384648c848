package storetest

import (
	"context"

	"github.com/usermgmt/usermgmt"
)

func applicationCases() []testCase {
	return []testCase{
		{"ApplicationSave", []string{"SaveApplication", "ApplicationByID"}, applicationSave},
		{"ApplicationNames", []string{"SaveApplication"}, applicationNames},
		{"ApplicationDelete", []string{"DeleteApplication", "ApplicationByID"}, applicationDelete},
		{"AccessSave", []string{"SaveAccess", "AccessByID"}, accessSave},
		{"AccessReferences", []string{"SaveAccess"}, accessReferences},
		{"AccessDelete", []string{"DeleteAccess", "AccessByID"}, accessDelete},
		{"AccessLists", []string{"ListAccess", "AccessOf", "AccessOfUsers"}, accessLists},
	}
}

func applicationSave(w *world) {
	o := w.org("a")
	id := newID[usermgmt.Application](w)
	first := usermgmt.Application{ID: id, Name: "N", NameKey: "n", CreatedAt: at(0), UpdatedAt: at(1)}
	second := usermgmt.Application{
		ID: id, Org: o.ID, Name: "M", NameKey: "m", Description: "d", Objects: []string{"lead", "case"},
		CreatedAt: at(2), UpdatedAt: at(3),
	}
	checkSave(w, row[usermgmt.Application]{
		usermgmt.Store.SaveApplication,
		func(s usermgmt.Store, ctx context.Context, a usermgmt.Application) (usermgmt.Application, error) {
			return s.ApplicationByID(ctx, a.ID)
		},
	}, first, second)
}

func applicationNames(w *world) {
	a := w.org("a")
	insert := func(org usermgmt.OrgID, name string) func(context.Context, usermgmt.Store) error {
		app := usermgmt.Application{ID: newID[usermgmt.Application](w), Org: org, NameKey: name}
		return func(ctx context.Context, tx usermgmt.Store) error { return tx.SaveApplication(ctx, app) }
	}
	for _, org := range []usermgmt.OrgID{{}, a.ID, w.org("b").ID} {
		w.write(insert(org, "x"))
		w.refuse("a taken name", isTaken("name"), insert(org, "x"))
		w.write(insert(org, "X"))
	}
	y := w.app(usermgmt.OrgID{}, "y")
	y.NameKey = "x"
	w.refuse("changing to a taken name", isTaken("name"), func(ctx context.Context, tx usermgmt.Store) error {
		return tx.SaveApplication(ctx, y)
	})
	w.refuse("an organization that does not exist", isReference, insert(newID[usermgmt.Organization](w), "x"))
}

func applicationDelete(w *world) {
	st := w.site("a")
	remove := func(ctx context.Context, tx usermgmt.Store) error { return tx.DeleteApplication(ctx, st.app.ID) }
	m := w.join(st, w.user(st, "u").ID, func(m *usermgmt.Membership) { m.InitialApp = st.app.ID })
	w.refuse("deleting an application of a membership", isInUse, remove)
	m.InitialApp = usermgmt.ApplicationID{}
	w.do(w.s.SaveMembership(w.ctx, m))

	st.role.App = st.app.ID
	w.do(w.s.SaveRole(w.ctx, st.role))
	st.role.Version = 2
	w.refuse("deleting an application of a role", isInUse, remove)
	st.role.App = usermgmt.ApplicationID{}
	w.do(w.s.SaveRole(w.ctx, st.role))

	e := usermgmt.AccessEntry{ID: newID[usermgmt.AccessEntry](w), Org: st.org.ID, Application: st.app.ID, Team: st.crew.ID}
	w.do(w.s.SaveAccess(w.ctx, e))
	w.refuse("deleting an application of an access entry", isInUse, remove)
	got(w.s.ApplicationByID(w.ctx, st.app.ID)).is(w, st.app)
	w.do(w.s.DeleteAccess(w.ctx, e.ID))

	w.write(remove)
	got(w.s.ApplicationByID(w.ctx, st.app.ID)).missing(w)
	w.refuse("deleting it again", isMissing, remove)
	w.app(st.org.ID, st.app.NameKey)
}

func accessSave(w *world) {
	st := w.site("a")
	sys := w.app(usermgmt.OrgID{}, "sys")
	id := newID[usermgmt.AccessEntry](w)
	first := usermgmt.AccessEntry{
		ID: id, Org: st.org.ID, Application: st.app.ID, Team: st.crew.ID, CreatedAt: at(0), UpdatedAt: at(1),
	}
	second := usermgmt.AccessEntry{
		ID: id, Org: st.org.ID, Application: sys.ID, User: w.user(st, "u").ID,
		Roles: []usermgmt.RoleAssignment{
			{Role: w.role(usermgmt.OrgID{}, "r").ID, From: at(1)}, {Role: st.role.ID, Until: usermgmt.Forever},
		},
		CreatedAt: at(2), UpdatedAt: at(3),
	}
	checkSave(w, row[usermgmt.AccessEntry]{
		usermgmt.Store.SaveAccess,
		func(s usermgmt.Store, ctx context.Context, e usermgmt.AccessEntry) (usermgmt.AccessEntry, error) {
			return s.AccessByID(ctx, e.ID)
		},
	}, first, second)
}

func accessReferences(w *world) {
	a, b := w.site("a"), w.site("b")
	sys := w.app(usermgmt.OrgID{}, "sys")
	u := w.user(a, "u")
	try := func(change func(e *usermgmt.AccessEntry)) func(context.Context, usermgmt.Store) error {
		e := usermgmt.AccessEntry{ID: newID[usermgmt.AccessEntry](w), Org: a.org.ID, Application: sys.ID}
		change(&e)
		return func(ctx context.Context, tx usermgmt.Store) error { return tx.SaveAccess(ctx, e) }
	}
	byUser := func(e *usermgmt.AccessEntry) { e.User = u.ID }
	byTeam := func(e *usermgmt.AccessEntry) { e.Team = a.crew.ID }
	w.write(try(byUser))
	w.write(try(byTeam))
	w.refuse("a second entry of the user", isTaken("subject"), try(byUser))
	w.refuse("a second entry of the team", isTaken("subject"), try(byTeam))
	w.write(try(func(e *usermgmt.AccessEntry) { byUser(e); e.Application = a.app.ID }))
	w.write(try(func(e *usermgmt.AccessEntry) { byUser(e); e.Org = b.org.ID }))
	moved := usermgmt.AccessEntry{ID: newID[usermgmt.AccessEntry](w), Org: a.org.ID, Application: sys.ID, Team: a.side.ID}
	w.do(w.s.SaveAccess(w.ctx, moved))
	moved.Version, moved.Team = 1, a.crew.ID
	w.refuse("changing to a taken subject", isTaken("subject"), func(ctx context.Context, tx usermgmt.Store) error {
		return tx.SaveAccess(ctx, moved)
	})
	for what, change := range map[string]func(e *usermgmt.AccessEntry){
		"an organization that does not exist": func(e *usermgmt.AccessEntry) { byUser(e); e.Org = newID[usermgmt.Organization](w) },
		"an application that does not exist":  func(e *usermgmt.AccessEntry) { byUser(e); e.Application = newID[usermgmt.Application](w) },
		"a user who does not exist":           func(e *usermgmt.AccessEntry) { e.User = newID[usermgmt.User](w) },
		"a team that does not exist":          func(e *usermgmt.AccessEntry) { e.Team = newID[usermgmt.Team](w) },
		"a role that does not exist": func(e *usermgmt.AccessEntry) {
			e.Team, e.Roles = a.root.ID, []usermgmt.RoleAssignment{{Role: newID[usermgmt.Role](w)}}
		},
	} {
		w.refuse(what, isReference, try(change))
	}
}

func accessDelete(w *world) {
	st := w.site("a")
	e := usermgmt.AccessEntry{ID: newID[usermgmt.AccessEntry](w), Org: st.org.ID, Application: st.app.ID, Team: st.crew.ID}
	w.do(w.s.SaveAccess(w.ctx, e))
	remove := func(ctx context.Context, tx usermgmt.Store) error { return tx.DeleteAccess(ctx, e.ID) }
	w.write(remove)
	got(w.s.AccessByID(w.ctx, e.ID)).missing(w)
	w.refuse("deleting it again", isMissing, remove)
	e.ID = newID[usermgmt.AccessEntry](w)
	w.do(w.s.SaveAccess(w.ctx, e))
}

func accessLists(w *world) {
	a, b := w.site("a"), w.site("b")
	sys := w.app(usermgmt.OrgID{}, "sys")
	u := w.user(a, "u")
	var want []string
	save := func(n uint64, org usermgmt.OrgID, app usermgmt.ApplicationID, change func(*usermgmt.AccessEntry)) usermgmt.AccessEntry {
		e := usermgmt.AccessEntry{
			ID: idOf[usermgmt.AccessEntry](n), Org: org, Application: app, CreatedAt: at(int(-n)), UpdatedAt: at(0),
			Roles: []usermgmt.RoleAssignment{{Role: a.role.ID}},
		}
		change(&e)
		w.do(w.s.SaveAccess(w.ctx, e))
		e.Version = 1
		return e
	}
	byUser := func(e *usermgmt.AccessEntry) { e.User = u.ID }
	byTeam := func(t usermgmt.Team) func(*usermgmt.AccessEntry) {
		return func(e *usermgmt.AccessEntry) { e.Team = t.ID }
	}
	save(9003, a.org.ID, sys.ID, byTeam(a.crew))
	first := save(9001, a.org.ID, sys.ID, byUser)
	save(9004, a.org.ID, sys.ID, byTeam(a.side))
	save(9002, a.org.ID, sys.ID, byTeam(a.root))
	other := save(9005, a.org.ID, a.app.ID, byUser)
	foreign := save(9006, b.org.ID, sys.ID, byUser)
	for n := uint64(9001); n <= 9004; n++ {
		want = append(want, idOf[usermgmt.AccessEntry](n).String())
	}
	entries := func(org usermgmt.OrgID, app usermgmt.ApplicationID) list[usermgmt.AccessEntry] {
		return list[usermgmt.AccessEntry]{
			func(after usermgmt.Position, limit int) ([]usermgmt.AccessEntry, error) {
				// A list of things without a name ignores Search.
				return w.s.ListAccess(w.ctx, org, app, usermgmt.ListQuery{Search: "x", After: after, Limit: limit})
			},
			func(e usermgmt.AccessEntry) string { return e.ID.String() },
			func(e usermgmt.AccessEntry) usermgmt.Position { return usermgmt.Position{ID: e.ID} },
		}
	}
	entries(a.org.ID, sys.ID).check(w, "entries of the application", want...)
	entries(b.org.ID, sys.ID).check(w, "entries of the other organization", foreign.ID.String())
	entries(b.org.ID, a.app.ID).check(w, "no entries")
	sameSet(w, "entries of the user", []usermgmt.AccessEntry{first, other}, got(w.s.AccessOf(w.ctx, u.ID, a.org.ID)).must(w))
	sameSet(w, "entries of users", []usermgmt.AccessEntry{first, other},
		got(w.s.AccessOfUsers(w.ctx, a.org.ID, []usermgmt.UserID{newID[usermgmt.User](w), u.ID, u.ID})).must(w))
	sameSet(w, "entries of no users", nil, got(w.s.AccessOfUsers(w.ctx, a.org.ID, nil)).must(w))
	sameSet(w, "entries of the user elsewhere", []usermgmt.AccessEntry{foreign}, got(w.s.AccessOf(w.ctx, u.ID, b.org.ID)).must(w))
}
