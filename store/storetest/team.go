package storetest

import (
	"context"

	"github.com/usermgmt/usermgmt"
)

func teamCases() []testCase {
	return []testCase{
		{"TeamSave", []string{"SaveTeam", "TeamByID"}, teamSave},
		{"TeamReferences", []string{"SaveTeam"}, teamReferences},
		{"TeamDelete", []string{"DeleteTeam", "TeamByID"}, teamDelete},
		{"TeamDeleteProxyLists", []string{"DeleteTeam", "ProxyListOf"}, teamDeleteProxyLists},
		{"TeamList", []string{"ListTeams"}, teamList},
		{"SharingSave", []string{"SaveSharing", "SharingByID"}, sharingSave},
		{"SharingNamesAndReferences", []string{"SaveSharing"}, sharingReferences},
		{"SharingDelete", []string{"DeleteSharing", "SharingByID"}, sharingDelete},
	}
}

func teamSave(w *world) {
	st := w.site("a")
	id := newID[usermgmt.Team](w)
	first := usermgmt.Team{ID: id, Org: st.org.ID, Parent: st.root.ID, Name: "N", NameKey: "n", CreatedAt: at(0), UpdatedAt: at(1)}
	second := usermgmt.Team{
		ID: id, Org: st.org.ID, Parent: st.squad.ID, Name: "M", NameKey: "m", Description: "d",
		CreatedAt: at(2), UpdatedAt: at(3),
	}
	checkSave(w, row[usermgmt.Team]{
		usermgmt.Store.SaveTeam,
		func(s usermgmt.Store, ctx context.Context, t usermgmt.Team) (usermgmt.Team, error) {
			return s.TeamByID(ctx, t.ID)
		},
	}, first, second)
}

func teamReferences(w *world) {
	a, b := w.site("a"), w.site("b")
	insert := func(org usermgmt.OrgID, parent usermgmt.TeamID) func(context.Context, usermgmt.Store) error {
		return func(ctx context.Context, tx usermgmt.Store) error {
			return tx.SaveTeam(ctx, usermgmt.Team{ID: newID[usermgmt.Team](w), Org: org, Parent: parent, NameKey: "x"})
		}
	}
	replace := func(t usermgmt.Team, parent usermgmt.TeamID) func(context.Context, usermgmt.Store) error {
		t.Parent = parent
		return func(ctx context.Context, tx usermgmt.Store) error { return tx.SaveTeam(ctx, t) }
	}
	w.refuse("a team of no organization that exists", isReference, insert(newID[usermgmt.Organization](w), usermgmt.TeamID{}))
	w.refuse("a team below none that exists", isReference, insert(a.org.ID, newID[usermgmt.Team](w)))
	w.refuse("a team below another organization's", isReference, insert(a.org.ID, b.root.ID))
	w.refuse("a move below another organization's", isReference, replace(a.side, b.root.ID))
	w.refuse("a second root", isTaken("parent"), insert(a.org.ID, usermgmt.TeamID{}))
	w.refuse("a move to the root", isTaken("parent"), replace(a.side, usermgmt.TeamID{}))
	a.root.Description = "still the root"
	w.write(replace(a.root, usermgmt.TeamID{}))
	w.write(insert(a.org.ID, a.squad.ID))
	w.write(insert(a.org.ID, a.squad.ID)) // names are not unique
}

func teamDelete(w *world) {
	st := w.site("a")
	remove := func(id usermgmt.TeamID) func(context.Context, usermgmt.Store) error {
		return func(ctx context.Context, tx usermgmt.Store) error { return tx.DeleteTeam(ctx, id) }
	}
	w.refuse("deleting what is not there", isMissing, remove(newID[usermgmt.Team](w)))
	w.refuse("deleting a team with a child", isInUse, remove(st.crew.ID))

	m := w.join(st, w.user(st, "u").ID, inTeams(st.side.ID, st.squad.ID))
	w.refuse("deleting a team of a membership", isInUse, remove(st.squad.ID))
	w.refuse("deleting a primary team", isInUse, remove(st.side.ID))
	m.Teams, m.PrimaryTeam = nil, usermgmt.TeamID{}
	w.do(w.s.SaveMembership(w.ctx, m))

	e := usermgmt.AccessEntry{
		ID: newID[usermgmt.AccessEntry](w), Org: st.org.ID, Application: st.app.ID, Team: st.squad.ID,
	}
	w.do(w.s.SaveAccess(w.ctx, e))
	w.refuse("deleting a team of an access entry", isInUse, remove(st.squad.ID))
	w.do(w.s.DeleteAccess(w.ctx, e.ID))

	p := w.sharing(st, "s")
	w.refuse("deleting a team that a policy shares with", isInUse, remove(st.squad.ID))
	extra := w.team(st.org.ID, st.squad.ID, "extra")
	p.Owning, p.Sharing = extra.ID, []usermgmt.TeamID{st.side.ID}
	w.do(w.s.SaveSharing(w.ctx, p))
	w.refuse("deleting a team that a policy shares from", isInUse, remove(extra.ID))
	w.do(w.s.DeleteSharing(w.ctx, p.ID))

	got(w.s.TeamByID(w.ctx, st.squad.ID)).is(w, st.squad)
	w.write(remove(extra.ID))
	w.write(remove(st.squad.ID))
	got(w.s.TeamByID(w.ctx, st.squad.ID)).missing(w)
	w.refuse("deleting it again", isMissing, remove(st.squad.ID))
	w.write(remove(st.side.ID))
	w.write(remove(st.crew.ID))
	w.write(remove(st.root.ID))
	w.team(st.org.ID, usermgmt.TeamID{}, "the next root")
}

func teamDeleteProxyLists(w *world) {
	st := w.site("a")
	u := w.user(st, "u")
	w.join(st, u.ID)
	l := usermgmt.ProxyList{
		Operator: u.ID, Org: st.org.ID, Restricted: true,
		Teams: []usermgmt.ProxyTeam{{Team: st.squad.ID}, {Team: st.side.ID, Until: at(7)}}, UpdatedAt: at(0),
	}
	w.do(w.s.SaveProxyList(w.ctx, l))
	w.do(w.s.DeleteTeam(w.ctx, st.squad.ID))
	stored := got(w.s.ProxyListOf(w.ctx, u.ID, st.org.ID)).must(w)
	equal(w, "the teams left", []usermgmt.ProxyTeam{{Team: st.side.ID, Until: at(7)}}, stored.Teams)
	w.do(w.s.DeleteTeam(w.ctx, st.side.ID))
	stored = got(w.s.ProxyListOf(w.ctx, u.ID, st.org.ID)).must(w)
	equal(w, "the teams left", nil, stored.Teams)
	equal(w, "Restricted of an emptied list", true, stored.Restricted)
}

func teamList(w *world) {
	o, other := w.org("o"), w.org("other")
	list := func(search string) list[usermgmt.Team] {
		return list[usermgmt.Team]{
			func(after usermgmt.Position, limit int) ([]usermgmt.Team, error) {
				return w.s.ListTeams(w.ctx, o.ID, usermgmt.ListQuery{Search: search, After: after, Limit: limit})
			},
			func(t usermgmt.Team) string { return t.Name },
			func(t usermgmt.Team) usermgmt.Position { return usermgmt.Position{Key: t.NameKey, ID: t.ID} },
		}
	}
	root := w.team(o.ID, usermgmt.TeamID{}, "+ root")
	for _, k := range shuffled(byteOrder) {
		w.team(o.ID, root.ID, k)
	}
	w.team(other.ID, usermgmt.TeamID{}, "a")
	list("").check(w, "teams", append([]string{"!", "+ root"}, byteOrder[1:]...)...)
	list("b").check(w, "teams with a b", "a b", "a-b", "ab", "b")
	list("%").check(w, "teams with a per cent sign")
	ids := []usermgmt.TeamID{idOf[usermgmt.Team](9003), idOf[usermgmt.Team](9001), idOf[usermgmt.Team](9002)}
	for i, id := range ids {
		w.do(w.s.SaveTeam(w.ctx, usermgmt.Team{ID: id, Org: o.ID, Parent: root.ID, Name: string(rune('3' - i)), NameKey: "twins"}))
	}
	list("twins").check(w, "teams of one name", "2", "1", "3")
}

func sharingSave(w *world) {
	st := w.site("a")
	id := newID[usermgmt.SharingPolicy](w)
	first := usermgmt.SharingPolicy{
		ID: id, Org: st.org.ID, Name: "N", NameKey: "n", Owning: st.root.ID, Sharing: []usermgmt.TeamID{st.side.ID},
		Model: usermgmt.SharingOneWay, Permissions: []usermgmt.Permission{"lead.view"}, CreatedAt: at(0), UpdatedAt: at(1),
	}
	second := usermgmt.SharingPolicy{
		ID: id, Org: st.org.ID, Name: "M", NameKey: "m", Owning: st.crew.ID, OwningSubteams: true,
		Sharing: []usermgmt.TeamID{st.squad.ID, st.root.ID}, SharingSubteams: true, Model: usermgmt.SharingMashup,
		Permissions: []usermgmt.Permission{"lead.view", "lead.edit"},
		Roles:       []usermgmt.RoleID{st.role.ID, w.role(usermgmt.OrgID{}, "r").ID}, CreatedAt: at(2), UpdatedAt: at(3),
	}
	checkSave(w, row[usermgmt.SharingPolicy]{
		usermgmt.Store.SaveSharing,
		func(s usermgmt.Store, ctx context.Context, p usermgmt.SharingPolicy) (usermgmt.SharingPolicy, error) {
			return s.SharingByID(ctx, p.ID)
		},
	}, first, second)
}

func sharingReferences(w *world) {
	a, b := w.site("a"), w.site("b")
	w.sharing(a, "s")
	w.sharing(b, "s") // unique in the organization only
	try := func(change func(p *usermgmt.SharingPolicy)) func(context.Context, usermgmt.Store) error {
		p := usermgmt.SharingPolicy{
			ID: newID[usermgmt.SharingPolicy](w), Org: a.org.ID, NameKey: "t", Owning: a.root.ID,
			Sharing: []usermgmt.TeamID{a.side.ID}, Model: usermgmt.SharingOneWay,
		}
		change(&p)
		return func(ctx context.Context, tx usermgmt.Store) error { return tx.SaveSharing(ctx, p) }
	}
	w.refuse("a taken name", isTaken("name"), try(func(p *usermgmt.SharingPolicy) { p.NameKey = "s" }))
	w.refuse("an organization that does not exist", isReference, try(func(p *usermgmt.SharingPolicy) {
		p.Org = newID[usermgmt.Organization](w)
	}))
	w.refuse("an owning team that does not exist", isReference, try(func(p *usermgmt.SharingPolicy) {
		p.Owning = newID[usermgmt.Team](w)
	}))
	w.refuse("a sharing team that does not exist", isReference, try(func(p *usermgmt.SharingPolicy) {
		p.Sharing = append(p.Sharing, newID[usermgmt.Team](w))
	}))
	w.refuse("a role that does not exist", isReference, try(func(p *usermgmt.SharingPolicy) {
		p.Roles = []usermgmt.RoleID{a.role.ID, newID[usermgmt.Role](w)}
	}))
	w.write(try(func(*usermgmt.SharingPolicy) {}))
}

func sharingDelete(w *world) {
	st := w.site("a")
	p := w.sharing(st, "s")
	remove := func(ctx context.Context, tx usermgmt.Store) error { return tx.DeleteSharing(ctx, p.ID) }
	w.write(remove)
	got(w.s.SharingByID(w.ctx, p.ID)).missing(w)
	w.refuse("deleting it again", isMissing, remove)
	w.sharing(st, "s")
	equal(w, "the number of policies", 1, len(got(w.s.Policy(w.ctx, st.org.ID)).must(w).Sharing))
}
