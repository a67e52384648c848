package storetest

import (
	"strings"
	"time"

	"github.com/usermgmt/usermgmt"
)

// userListVisibleAt: assignments to teams count while they hold.
func userListVisibleAt(w *world) {
	st := w.site("a")
	u := w.user(st, "u")
	w.join(st, u.ID, func(m *usermgmt.Membership) {
		m.Teams = []usermgmt.TeamAssignment{{Team: st.root.ID}, {Team: st.squad.ID, From: at(10), Until: at(20)}}
		m.PrimaryTeam = st.root.ID
	})
	for _, c := range []struct {
		what string
		at   time.Time
		want []string
	}{
		{"before it begins", at(9), nil}, {"at its beginning", at(10), []string{"u"}},
		{"before it ends", at(20).Add(-time.Microsecond), []string{"u"}}, {"at its end", at(20), nil}, {"whenever", time.Time{}, []string{"u"}},
	} {
		f := &usermgmt.Filter{Org: st.org.ID, Teams: []usermgmt.TeamID{st.squad.ID}, At: c.at}
		w.wantUsers("Teams "+c.what, usermgmt.UserQuery{Org: st.org.ID, Visible: f}, c.want...)
		f = &usermgmt.Filter{Org: st.org.ID, TeamTrees: []usermgmt.TeamID{st.crew.ID}, At: c.at}
		w.wantUsers("TeamTrees "+c.what, usermgmt.UserQuery{Org: st.org.ID, Visible: f}, c.want...)
	}
}

func userListVisible(w *world) {
	a := w.crowd()
	users := w.byName()
	id := func(name string) usermgmt.UserID { return users[name].ID }
	units := func(us ...usermgmt.BusinessUnit) (out []usermgmt.UnitID) {
		for _, u := range us {
			out = append(out, u.ID)
		}
		return out
	}
	teams := func(ts ...usermgmt.Team) (out []usermgmt.TeamID) {
		for _, t := range ts {
			out = append(out, t.ID)
		}
		return out
	}
	b := got(w.s.OrgByName(w.ctx, "b")).must(w)
	org := a.org.ID
	for _, c := range []struct {
		what string
		f    *usermgmt.Filter
		want string
	}{
		{"nil", nil, "annex guest leaf mid none top"},
		{"nothing", &usermgmt.Filter{}, ""},
		{"nothing of the organization", &usermgmt.Filter{Org: org}, ""},
		{"System", &usermgmt.Filter{System: true}, "annex guest leaf mid none top"},
		{"All", &usermgmt.Filter{Org: org, All: true}, "annex guest leaf mid none top"},
		{"Owners", &usermgmt.Filter{Org: org, Owners: []usermgmt.UserID{id("leaf"), id("stranger"), id("guest")}}, "guest leaf"},
		{"Units", &usermgmt.Filter{Org: org, Units: units(a.top, a.annex)}, "annex none top"},
		{"Units of a middle", &usermgmt.Filter{Org: org, Units: units(a.mid)}, "mid"},
		{"UnitTrees", &usermgmt.Filter{Org: org, UnitTrees: units(a.top)}, "leaf mid top"},
		{"UnitTrees that overlap", &usermgmt.Filter{Org: org, UnitTrees: units(a.mid, a.top, a.leaf)}, "leaf mid top"},
		{"UnitTrees of a leaf", &usermgmt.Filter{Org: org, UnitTrees: units(a.leaf)}, "leaf"},
		{"Teams", &usermgmt.Filter{Org: org, Teams: teams(a.crew)}, "guest mid"},
		{"Teams, two", &usermgmt.Filter{Org: org, Teams: teams(a.squad, a.side)}, "annex leaf"},
		{"TeamTrees, strictly below", &usermgmt.Filter{Org: org, TeamTrees: teams(a.root)}, "annex guest leaf mid"},
		{"TeamTrees of a middle", &usermgmt.Filter{Org: org, TeamTrees: teams(a.crew)}, "leaf"},
		{"TeamTrees of a leaf", &usermgmt.Filter{Org: org, TeamTrees: teams(a.squad)}, ""},
		{"TeamTrees that overlap", &usermgmt.Filter{Org: org, TeamTrees: teams(a.crew, a.root)}, "annex guest leaf mid"},
		{"Teams and TeamTrees", &usermgmt.Filter{Org: org, Teams: teams(a.crew), TeamTrees: teams(a.crew)}, "guest leaf mid"},
		{"Units and UnitTrees", &usermgmt.Filter{Org: org, Units: units(a.annex), UnitTrees: units(a.mid)}, "annex leaf mid none"},
		{"Owners and Units", &usermgmt.Filter{Org: org, Owners: []usermgmt.UserID{id("guest")}, Units: units(a.mid)}, "guest mid"},
		{"Owners and TeamTrees", &usermgmt.Filter{Org: org, Owners: []usermgmt.UserID{id("none")}, TeamTrees: teams(a.crew)}, "leaf none"},
		{
			"five parts", &usermgmt.Filter{
				Org: org, Owners: []usermgmt.UserID{id("none")}, Units: units(a.top), UnitTrees: units(a.leaf),
				Teams: teams(a.side), TeamTrees: teams(a.squad),
			}, "annex leaf none top",
		},
		{"All with parts", &usermgmt.Filter{Org: org, All: true, Units: units(a.mid)}, "annex guest leaf mid none top"},
		{"System with parts", &usermgmt.Filter{Org: b.ID, System: true, Units: units(a.mid)}, "annex guest leaf mid none top"},
	} {
		q := usermgmt.UserQuery{Org: org, Visible: c.f}
		w.wantUsers(c.what, q, strings.Fields(c.want)...)
		q.Desc = true
		w.wantUsers(c.what+", descending", q, reversed(strings.Fields(c.want))...)
	}
	w.wantUsers("System in the whole store", usermgmt.UserQuery{Visible: &usermgmt.Filter{System: true}},
		"absent", "annex", "guest", "leaf", "mid", "none", "stranger", "top")
	// The parts are limited to the filter's organization: a user of a alone
	// is not to be seen with rights in b.
	for what, f := range map[string]*usermgmt.Filter{
		"All":    {Org: b.ID, All: true},
		"Owners": {Org: b.ID, Owners: []usermgmt.UserID{id("top"), id("mid")}},
	} {
		q := usermgmt.UserQuery{Org: org, Home: true, Visible: f}
		w.wantUsers(what+" of another organization", q)
	}
}

func userListVisibleCombined(w *world) {
	a := w.crowd()
	below := &usermgmt.Filter{Org: a.org.ID, TeamTrees: []usermgmt.TeamID{a.root.ID}}
	crew := &usermgmt.Filter{
		Org: a.org.ID, Teams: []usermgmt.TeamID{a.crew.ID}, Units: []usermgmt.UnitID{a.annex.ID},
	}
	for _, c := range []struct {
		what string
		q    usermgmt.UserQuery
		want string
	}{
		{"search", usermgmt.UserQuery{Visible: below, Search: "mail"}, "annex guest leaf mid"},
		{"search for one", usermgmt.UserQuery{Visible: below, Search: "lea"}, "leaf"},
		{"search for one unseen", usermgmt.UserQuery{Visible: below, Search: "top"}, ""},
		{"home", usermgmt.UserQuery{Visible: below, Home: true}, "annex leaf mid"},
		{"team", usermgmt.UserQuery{Visible: below, Team: a.side.ID}, "annex leaf"},
		{"team tree", usermgmt.UserQuery{Visible: crew, TeamTree: a.crew.ID}, "guest mid"},
		{"unit", usermgmt.UserQuery{Visible: crew, Unit: a.annex.ID}, "annex none"},
		{"unit tree", usermgmt.UserQuery{Visible: below, UnitTree: a.mid.ID}, "leaf mid"},
		{"role", usermgmt.UserQuery{Visible: crew, Role: a.role.ID}, "annex"},
		{"kind", usermgmt.UserQuery{Visible: crew, Kind: usermgmt.KindPerson}, "guest mid none"},
		{"view", usermgmt.UserQuery{Visible: crew, View: usermgmt.ViewDisabled}, ""},
		{"sort", usermgmt.UserQuery{Visible: crew, Sort: usermgmt.SortEmail}, "annex guest mid none"},
		{"sort by creation", usermgmt.UserQuery{Visible: crew, Sort: usermgmt.SortCreated}, "mid annex none guest"},
	} {
		c.q.Org = a.org.ID
		w.wantUsers(c.what, c.q, strings.Fields(c.want)...)
	}
}

// byName reads all users by their last names.
func (w *world) byName() map[string]usermgmt.User {
	w.Helper()
	out := map[string]usermgmt.User{}
	for _, u := range got(w.s.ListUsers(w.ctx, usermgmt.UserQuery{View: usermgmt.ViewAll, Limit: everything})).must(w) {
		out[u.LastName] = u
	}
	return out
}
