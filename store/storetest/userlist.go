package storetest

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt"
)

func userListCases() []testCase {
	both := []string{"ListUsers", "StreamMembers"}
	return []testCase{
		{"UserListOrder", both, userListOrder},
		{"UserListOrderTies", both, userListTies},
		{"UserListCreatedOrder", both, userListCreated},
		{"UserListSearch", both, userListSearch},
		{"UserListSearchShort", both, userListSearchShort},
		{"UserListViews", both, userListViews},
		{"UserListConditions", both, userListConditions},
		{"UserListVisible", both, userListVisible},
		{"UserListVisibleAt", both, userListVisibleAt},
		{"UserListVisibleCombined", both, userListVisibleCombined},
		{"UserListFollowsChanges", both, userListFollows},
		{"StreamMembers", []string{"StreamMembers"}, streamMembers},
	}
}

// wantUsers checks the names of the users that q selects, in the list, in its
// pages and, if it is an organization's, in the stream.
func (w *world) wantUsers(what string, q usermgmt.UserQuery, want ...string) {
	w.Helper()
	list[usermgmt.User]{
		func(after usermgmt.Position, limit int) ([]usermgmt.User, error) {
			q := q
			q.After, q.Limit = after, limit
			return w.s.ListUsers(w.ctx, q)
		},
		func(u usermgmt.User) string { return u.LastName },
		func(u usermgmt.User) usermgmt.Position { return positionOf(u, q.Sort) },
	}.check(w, what, want...)
	if q.Org.IsZero() {
		return
	}
	// The stream ignores where a page would begin and how long it would be.
	q.After, q.Limit = usermgmt.Position{Key: "m", ID: idOf[usermgmt.User](1)}, 1
	var names []string
	for m, err := range w.s.StreamMembers(w.ctx, q) {
		if err != nil {
			w.Errorf("%s: StreamMembers failed: %v", what, err)
			return
		}
		names = append(names, m.User.LastName)
		if m.Membership.User != m.User.ID || m.Membership.Org != q.Org {
			w.Errorf("%s: %s was streamed with another membership: %v", what, m.User.LastName, m.Membership)
		}
	}
	if strings.Join(names, "\x00") != strings.Join(want, "\x00") {
		w.Errorf("%s: streamed %q, want %q", what, names, want)
	}
}

func positionOf(u usermgmt.User, order usermgmt.UserSort) usermgmt.Position {
	p := usermgmt.Position{Key: u.NameKey, ID: u.ID}
	switch order {
	case usermgmt.SortName:
	case usermgmt.SortUsername:
		p.Key = u.UsernameKey
	case usermgmt.SortEmail:
		p.Key = u.EmailKey
	case usermgmt.SortCreated:
		p.Key = u.CreatedAt.UTC().Format("2006-01-02T15:04:05.000000Z")
	}
	return p
}

// person makes a user with a membership of the site. Lists are checked by
// LastName, which is the key of the order under test.
func (w *world) person(st *site, name string, change func(*usermgmt.User), join ...func(*usermgmt.Membership)) usermgmt.User {
	w.Helper()
	u := w.user(st, name, func(u *usermgmt.User) {
		if change != nil {
			change(u)
		}
	})
	w.join(st, u.ID, join...)
	return u
}

func reversed(in []string) []string {
	var out []string
	for i := len(in) - 1; i >= 0; i-- {
		out = append(out, in[i])
	}
	return out
}

func userListOrder(w *world) {
	st, other := w.site("a"), w.site("b")
	w.wantUsers("nobody", usermgmt.UserQuery{Org: st.org.ID})
	names := shuffled(byteOrder)
	for i, k := range names {
		// Every order but the one under test is another one.
		rest := names[(i+5)%len(names)]
		w.person(st, k, func(u *usermgmt.User) {
			u.UsernameKey, u.EmailKey = "u"+rest, "e"+names[(i+7)%len(names)]
		})
	}
	w.person(other, "foreign", nil)
	byKey := func(key func(u usermgmt.User) string, prefix string) []string {
		var out []string
		users := got(w.s.ListUsers(w.ctx, usermgmt.UserQuery{Org: st.org.ID, Limit: everything})).must(w)
		for _, k := range byteOrder {
			for _, u := range users {
				if key(u) == prefix+k {
					out = append(out, u.LastName)
				}
			}
		}
		return out
	}
	for _, o := range []struct {
		what string
		sort usermgmt.UserSort
		want []string
	}{
		{"by name", usermgmt.SortName, byteOrder},
		{"by user name", usermgmt.SortUsername, byKey(func(u usermgmt.User) string { return u.UsernameKey }, "u")},
		{"by e-mail", usermgmt.SortEmail, byKey(func(u usermgmt.User) string { return u.EmailKey }, "e")},
	} {
		q := usermgmt.UserQuery{Org: st.org.ID, Sort: o.sort}
		w.wantUsers(o.what, q, o.want...)
		q.Desc = true
		w.wantUsers(o.what+", descending", q, reversed(o.want)...)
	}
	all := usermgmt.UserQuery{Search: "mail.test"}
	w.wantUsers("the whole store", all, append(append([]string{}, byteOrder[:12]...), append([]string{"foreign"}, byteOrder[12:]...)...)...)
}

func userListTies(w *world) {
	st := w.site("a")
	// Made in another order than that of their identifiers.
	for _, n := range []int{3, 1, 4, 2} {
		name := string(rune('0' + n))
		w.person(st, name, func(u *usermgmt.User) {
			u.ID, u.NameKey = idOf[usermgmt.User](uint64(9000+n)), "twin"
			if n > 2 {
				u.EmailKey = "" // those without come first
			}
		})
	}
	q := usermgmt.UserQuery{Org: st.org.ID}
	check := func(what string, want ...string) {
		w.Helper()
		q.Desc = false
		w.wantUsers(what, q, want...)
		q.Desc = true
		w.wantUsers(what+", descending", q, reversed(want)...)
	}
	check("equal names", "1", "2", "3", "4")
	q.Sort = usermgmt.SortEmail
	check("without e-mail", "3", "4", "1", "2")
	q.Sort = usermgmt.SortCreated
	check("made at one time", "1", "2", "3", "4")
	q.Org = usermgmt.OrgID{}
	check("made at one time, in the whole store", "1", "2", "3", "4")
}

func userListCreated(w *world) {
	st := w.site("a")
	for i, made := range []time.Time{
		at(0), at(0).Add(time.Microsecond), at(-90), at(0).Add(time.Second), at(0).Truncate(time.Second),
		time.Date(1969, 12, 31, 23, 59, 59, 999999000, time.UTC),
	} {
		w.person(st, string(rune('a'+i)), func(u *usermgmt.User) { u.CreatedAt = made })
	}
	q := usermgmt.UserQuery{Org: st.org.ID, Sort: usermgmt.SortCreated}
	w.wantUsers("by creation", q, "f", "c", "e", "a", "b", "d")
	q.Desc = true
	w.wantUsers("by creation, descending", q, "d", "b", "a", "e", "c", "f")
}

func userListViews(w *world) {
	st := w.site("a")
	now := at(1000)
	off := func(u *usermgmt.User) { u.Enabled = false }
	w.person(st, "ok", nil)
	w.person(st, "off", off)
	w.person(st, "out", nil, func(m *usermgmt.Membership) { m.Enabled = false })
	w.person(st, "gone", func(u *usermgmt.User) { u.Enabled, u.DeactivatedAt = false, at(5) })
	status := func(u usermgmt.User, s usermgmt.AuthStatus) {
		w.do(w.s.SaveCredential(w.ctx, usermgmt.Credential{User: u.ID, Status: s, Epoch: 1, Version: 1}))
	}
	status(w.person(st, "reset", nil), usermgmt.StatusPasswordReset)
	status(w.person(st, "expired", nil), usermgmt.StatusExpired)
	status(w.person(st, "off-reset", off), usermgmt.StatusPasswordReset)
	locked := func(u usermgmt.User, until time.Time) { w.do(w.s.ClearAttempts(w.ctx, u.ID, until)) }
	locked(w.person(st, "locked", nil), now.Add(time.Microsecond))
	locked(w.person(st, "locked-ever", nil), usermgmt.Forever)
	locked(w.person(st, "locked-until-now", nil), now)
	locked(w.person(st, "off-locked", off), usermgmt.Forever)

	for _, v := range []struct {
		what string
		view usermgmt.View
		// of the organization, and of the whole store, where memberships do not count
		want, whole string
	}{
		{
			"active", usermgmt.ViewActive, "expired locked locked-ever locked-until-now ok reset",
			"expired locked locked-ever locked-until-now ok out reset",
		},
		{
			"all", usermgmt.ViewAll, "expired gone locked locked-ever locked-until-now off off-locked off-reset ok out reset",
			"expired gone locked locked-ever locked-until-now off off-locked off-reset ok out reset",
		},
		{"disabled", usermgmt.ViewDisabled, "gone off off-locked off-reset out", "gone off off-locked off-reset"},
		{"cannot log in", usermgmt.ViewCannotLogIn, "expired locked locked-ever reset", "expired locked locked-ever reset"},
		{"deactivated", usermgmt.ViewDeactivated, "gone", "gone"},
	} {
		w.wantUsers(v.what, usermgmt.UserQuery{Org: st.org.ID, View: v.view, Now: now}, strings.Fields(v.want)...)
		w.wantUsers(v.what+", whole store", usermgmt.UserQuery{View: v.view, Now: now}, strings.Fields(v.whole)...)
	}
	later := usermgmt.UserQuery{Org: st.org.ID, View: usermgmt.ViewCannotLogIn, Now: now.Add(time.Microsecond)}
	w.wantUsers("cannot log in, after a lock", later, "expired", "locked-ever", "reset")
}

// crowd is the users of the site a, by unit and team, for lists.
func (w *world) crowd() (a *site) {
	a, b := w.site("a"), w.site("b")
	extra := w.role(usermgmt.OrgID{}, "extra")
	other := w.profile(usermgmt.OrgID{}, "other")
	both := func(fs ...func(*usermgmt.Membership)) func(*usermgmt.Membership) {
		return func(m *usermgmt.Membership) {
			for _, f := range fs {
				f(m)
			}
		}
	}
	roles := func(ids ...usermgmt.RoleID) func(*usermgmt.Membership) {
		return func(m *usermgmt.Membership) {
			for _, id := range ids {
				m.Roles = append(m.Roles, usermgmt.RoleAssignment{Role: id})
			}
		}
	}
	w.person(a, "top", ownedBy(a.top.ID), both(inTeams(a.root.ID), roles(a.role.ID, extra.ID)))
	// Assignments that are over or not begun count: a store has no clock.
	w.person(a, "mid", ownedBy(a.mid.ID), both(inTeams(a.crew.ID), roles(extra.ID), func(m *usermgmt.Membership) {
		m.Teams[0].Until, m.Roles[0].From = at(-9999), usermgmt.Forever
	}))
	w.person(a, "leaf", ownedBy(a.leaf.ID), inTeams(a.squad.ID, a.side.ID))
	w.person(a, "annex", func(u *usermgmt.User) {
		u.OwnerUnit, u.Kind = a.annex.ID, usermgmt.KindShared
	}, both(inTeams(a.side.ID), roles(a.role.ID), func(m *usermgmt.Membership) {
		m.Units = []usermgmt.UnitID{a.leaf.ID} // seeing a unit is not being owned by it
	}))
	w.person(a, "none", func(u *usermgmt.User) {
		u.OwnerUnit, u.Newsletter = a.annex.ID, true
	}, func(m *usermgmt.Membership) { m.Profile = other.ID })
	// One of b who is a member of a as well, one who is not, and one of a
	// without a membership.
	guest := w.person(b, "guest", nil, both(inTeams(b.side.ID), roles(extra.ID)))
	w.join(a, guest.ID, inTeams(a.crew.ID))
	w.person(b, "stranger", nil, inTeams(b.root.ID))
	w.user(a, "absent", ownedBy(a.leaf.ID))
	return a
}

func userListConditions(w *world) {
	a := w.crowd()
	var sys usermgmt.RoleID
	for _, r := range got(w.s.Policy(w.ctx, a.org.ID)).must(w).Roles {
		if r.Org.IsZero() {
			sys = r.ID
		}
	}
	yes, no := true, false
	for _, c := range []struct {
		what string
		q    usermgmt.UserQuery
		want string
	}{
		{"members", usermgmt.UserQuery{}, "annex guest leaf mid none top"},
		{"home", usermgmt.UserQuery{Home: true}, "annex leaf mid none top"},
		{"profile", usermgmt.UserQuery{Profile: a.profile.ID}, "annex guest leaf mid top"},
		{"role", usermgmt.UserQuery{Role: a.role.ID}, "annex top"},
		{"role of this membership", usermgmt.UserQuery{Role: sys}, "mid top"},
		{"role nobody has", usermgmt.UserQuery{Role: newID[usermgmt.Role](w)}, ""},
		{"team", usermgmt.UserQuery{Team: a.crew.ID}, "guest mid"},
		{"second team", usermgmt.UserQuery{Team: a.side.ID}, "annex leaf"},
		{"team tree of the root", usermgmt.UserQuery{TeamTree: a.root.ID}, "annex guest leaf mid top"},
		{"team tree", usermgmt.UserQuery{TeamTree: a.crew.ID}, "guest leaf mid"},
		{"team tree of a leaf", usermgmt.UserQuery{TeamTree: a.squad.ID}, "leaf"},
		{"unit", usermgmt.UserQuery{Unit: a.leaf.ID}, "leaf"},
		{"unit tree", usermgmt.UserQuery{UnitTree: a.top.ID}, "leaf mid top"},
		{"unit tree of a middle", usermgmt.UserQuery{UnitTree: a.mid.ID}, "leaf mid"},
		{"unit without below", usermgmt.UserQuery{Unit: a.top.ID}, "top"},
		{"kind", usermgmt.UserQuery{Kind: usermgmt.KindShared}, "annex"},
		{"newsletter", usermgmt.UserQuery{Newsletter: &yes}, "none"},
		{"no newsletter", usermgmt.UserQuery{Newsletter: &no}, "annex guest leaf mid top"},
		{"search and kind", usermgmt.UserQuery{Search: "none", Kind: usermgmt.KindPerson, Newsletter: &yes}, "none"},
		{"team tree and home", usermgmt.UserQuery{TeamTree: a.crew.ID, Home: true}, "leaf mid"},
		{"team and unit", usermgmt.UserQuery{Team: a.side.ID, Unit: a.annex.ID}, "annex"},
		{"two team conditions", usermgmt.UserQuery{Team: a.side.ID, TeamTree: a.crew.ID}, "leaf"},
		{"two unit conditions", usermgmt.UserQuery{Unit: a.mid.ID, UnitTree: a.leaf.ID}, ""},
		{"role and unit tree", usermgmt.UserQuery{Role: sys, UnitTree: a.mid.ID}, "mid"},
		{"profile and role", usermgmt.UserQuery{Profile: a.profile.ID, Role: sys}, "mid top"},
	} {
		c.q.Org = a.org.ID
		want := strings.Fields(c.want)
		w.wantUsers(c.what, c.q, want...)
		c.q.Desc = true
		w.wantUsers(c.what+", descending", c.q, reversed(want)...)
	}
	w.wantUsers("the whole store", usermgmt.UserQuery{}, "absent", "annex", "guest", "leaf", "mid", "none", "stranger", "top")
	w.wantUsers("an unknown organization", usermgmt.UserQuery{Org: newID[usermgmt.Organization](w)})
}

func userListFollows(w *world) {
	st := w.site("a")
	a, b := w.user(st, "a"), w.user(st, "b")
	ma := w.join(st, a.ID, inTeams(st.crew.ID))
	w.join(st, b.ID, inTeams(st.side.ID))
	q := usermgmt.UserQuery{Org: st.org.ID}

	a.NameKey, a.UsernameKey, a.EmailKey, a.SearchKey, a.CreatedAt = "z", "y", "x", "new", at(9)
	w.do(w.s.SaveUser(w.ctx, a))
	a.Version = 2
	for _, q.Sort = range []usermgmt.UserSort{usermgmt.SortName, usermgmt.SortUsername, usermgmt.SortEmail, usermgmt.SortCreated} {
		w.wantUsers("after a change of the keys", q, "b", "a")
	}
	w.wantUsers("search after a change", usermgmt.UserQuery{Org: st.org.ID, Search: "new"}, "a")

	a.Enabled, a.OwnerUnit, a.Newsletter, a.Kind = false, st.leaf.ID, true, usermgmt.KindShared
	w.do(w.s.SaveUser(w.ctx, a))
	a.Version = 3
	q.Sort = usermgmt.SortName
	w.wantUsers("after disabling", q, "b")
	q.View = usermgmt.ViewDisabled
	w.wantUsers("the disabled", q, "a")
	yes := true
	w.wantUsers("all conditions", usermgmt.UserQuery{
		Org: st.org.ID, View: usermgmt.ViewDisabled, Unit: st.leaf.ID, Newsletter: &yes, Kind: usermgmt.KindShared,
	}, "a")
	a.Enabled = true
	w.do(w.s.SaveUser(w.ctx, a))
	ma.Teams[0].Team, ma.PrimaryTeam, ma.Enabled = st.side.ID, st.side.ID, false
	w.do(w.s.SaveMembership(w.ctx, ma))
	q = usermgmt.UserQuery{Org: st.org.ID, Team: st.side.ID, View: usermgmt.ViewAll}
	w.wantUsers("after a change of teams", q, "b", "a")
	st.side.Parent = st.squad.ID
	w.do(w.s.SaveTeam(w.ctx, st.side))
	q.Team, q.TeamTree, q.View = usermgmt.TeamID{}, st.crew.ID, usermgmt.ViewActive
	w.wantUsers("after moving the team", q, "b")
	st.leaf.Parent = st.annex.ID
	w.do(w.s.SaveUnit(w.ctx, st.leaf))
	q = usermgmt.UserQuery{Org: st.org.ID, UnitTree: st.annex.ID, View: usermgmt.ViewDisabled}
	w.wantUsers("after moving the unit", q, "a")
	w.do(w.s.DeleteMembership(w.ctx, a.ID, st.org.ID, at(9)))
	w.wantUsers("after the end of the membership", q)
}

func streamMembers(w *world) {
	st := w.site("a")
	var want []usermgmt.Member
	// Rich and poor members take turns, so that nothing of one stays for the next.
	for i, name := range []string{"a", "b", "c", "d"} {
		u := w.user(st, name, func(u *usermgmt.User) {
			if i%2 == 0 {
				u.Emails, u.EmployeeNumber, u.Company = []string{"more@mail.test"}, []string{"1"}, "Co"
			}
		})
		m := w.join(st, u.ID, func(m *usermgmt.Membership) {
			if i%2 == 0 {
				inTeams(st.crew.ID, st.side.ID)(m)
				m.PrimaryTeam, m.Units, m.InitialApp = st.crew.ID, []usermgmt.UnitID{st.leaf.ID}, st.app.ID
				m.Teams[0].From, m.Teams[1].Until = at(1), at(2)
				m.Settings = values(name)
			}
		})
		want = append(want, usermgmt.Member{User: u, Membership: m})
	}
	q := usermgmt.UserQuery{Org: st.org.ID}
	read := func(most int) []usermgmt.Member {
		w.Helper()
		var out []usermgmt.Member
		for m, err := range w.s.StreamMembers(w.ctx, q) {
			w.do(err)
			out = append(out, clone(m))
			scribble(m)
			if len(out) == most {
				break
			}
		}
		return out
	}
	equal(w, "members", want, read(everything))
	equal(w, "a second reading", want, read(everything))
	equal(w, "two members", want[:2], read(2))
	w.user(st, "free") // the stream that was left holds nothing back
	enough := errors.New("enough")
	err := w.s.Tx(w.ctx, func(ctx context.Context, tx usermgmt.Store) error {
		if err := tx.SaveUser(ctx, w.newUser(st, "e")); err != nil {
			return err
		}
		for _, err := range tx.StreamMembers(ctx, q) {
			return errors.Join(err, enough)
		}
		return nil
	})
	if !errors.Is(err, enough) {
		w.Errorf("leaving a transaction from within a stream: %v, want %v", err, enough)
	}
}
