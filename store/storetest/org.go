package storetest

import (
	"context"

	"github.com/usermgmt/usermgmt"
)

func orgCases() []testCase {
	return []testCase{
		{"OrgSave", []string{"SaveOrg", "OrgByID"}, orgSave},
		{"OrgNames", []string{"SaveOrg", "OrgByName"}, orgNames},
		{"OrgProvider", []string{"SaveOrg"}, orgProvider},
		{"OrgUncheckedReferences", []string{"SaveOrg"}, orgUnchecked},
		{"OrgList", []string{"ListOrgs"}, orgList},
		{"OrgLock", []string{"LockOrg"}, orgLock},
		{"OrgStamps", []string{"BumpStamps", "Policy", "Trees", "StandingOf", "OrgStanding"}, orgStamps},
		{"OrgStanding", []string{"OrgStanding"}, orgStanding},
		{"OrgPolicy", []string{"Policy"}, orgPolicy},
		{"OrgTrees", []string{"Trees"}, orgTrees},
	}
}

func orgSave(w *world) {
	id := newID[usermgmt.Organization](w)
	first := usermgmt.Organization{ID: id, Name: "Ann & Co", NameKey: "ann & co", CreatedAt: at(0), UpdatedAt: at(1)}
	second := usermgmt.Organization{
		ID: id, Name: "Bob's", NameKey: "bob's", Description: "about", Enabled: true, Provider: true,
		SwitchRoles: true, Epoch: 1 << 40,
		Policy: &usermgmt.Policy{
			MinLength: 15, Lower: true, Digit: true, BlockCommon: true, Words: []string{"b", "a"},
			LockoutAttempts: 10, LockoutDuration: 1200e9, SessionIdle: 1800e9, SessionLifetime: 36000e9,
			MaxSessions: 3, UsernameOnly: true,
		},
		ExportFields: []string{"username", "email", "a"}, CreatedAt: at(2), UpdatedAt: at(3),
		Support: usermgmt.SupportConsent{Until: at(4), ReadOnly: true, Reason: "ticket"},
	}
	checkSave(w, row[usermgmt.Organization]{
		usermgmt.Store.SaveOrg,
		func(s usermgmt.Store, ctx context.Context, o usermgmt.Organization) (usermgmt.Organization, error) {
			return s.OrgByID(ctx, o.ID)
		},
	}, first, second)
}

func orgNames(w *world) {
	a, b := w.org("a"), w.org("b")
	got(w.s.OrgByName(w.ctx, "a")).is(w, a)
	got(w.s.OrgByName(w.ctx, "A")).missing(w)
	got(w.s.OrgByName(w.ctx, "")).missing(w)
	w.org("A") // keys are compared as bytes

	w.refuse("inserting a taken name", isTaken("name"), func(ctx context.Context, tx usermgmt.Store) error {
		return tx.SaveOrg(ctx, usermgmt.Organization{ID: newID[usermgmt.Organization](w), NameKey: "a"})
	})
	renamed := b
	renamed.NameKey = "a"
	w.refuse("changing to a taken name", isTaken("name"), func(ctx context.Context, tx usermgmt.Store) error {
		return tx.SaveOrg(ctx, renamed)
	})
	renamed.NameKey = "c"
	w.do(w.s.SaveOrg(w.ctx, renamed))
	got(w.s.OrgByName(w.ctx, "b")).missing(w)
	w.org("b") // free again
}

func orgProvider(w *world) {
	a, b := w.org("a"), w.org("b")
	a.Provider, b.Provider = true, true
	w.do(w.s.SaveOrg(w.ctx, a))
	w.refuse("making a second provider", isTaken("provider"), func(ctx context.Context, tx usermgmt.Store) error {
		return tx.SaveOrg(ctx, b)
	})
	w.refuse("inserting a second provider", isTaken("provider"), func(ctx context.Context, tx usermgmt.Store) error {
		return tx.SaveOrg(ctx, usermgmt.Organization{ID: newID[usermgmt.Organization](w), NameKey: "c", Provider: true})
	})
	a.Version, a.Description = 2, "still the provider"
	w.do(w.s.SaveOrg(w.ctx, a))
	a.Version, a.Provider = 3, false
	w.write(func(ctx context.Context, tx usermgmt.Store) error {
		if err := tx.SaveOrg(ctx, a); err != nil {
			return err
		}
		return tx.SaveOrg(ctx, b)
	})
	equal(w, "the provider", true, got(w.s.OrgByID(w.ctx, b.ID)).must(w).Provider)
	equal(w, "the provider before", false, got(w.s.OrgByID(w.ctx, a.ID)).must(w).Provider)
}

func orgUnchecked(w *world) {
	o := w.org("a")
	o.PrimaryAdmin, o.RootTeam = newID[usermgmt.User](w), newID[usermgmt.Team](w)
	w.do(w.s.SaveOrg(w.ctx, o))
	o.Version = 2
	got(w.s.OrgByID(w.ctx, o.ID)).is(w, o)
}

func orgList(w *world) {
	list := func(search string) list[usermgmt.Organization] {
		return list[usermgmt.Organization]{
			func(after usermgmt.Position, limit int) ([]usermgmt.Organization, error) {
				return w.s.ListOrgs(w.ctx, usermgmt.ListQuery{Search: search, After: after, Limit: limit})
			},
			func(o usermgmt.Organization) string { return o.NameKey },
			func(o usermgmt.Organization) usermgmt.Position { return usermgmt.Position{Key: o.NameKey, ID: o.ID} },
		}
	}
	list("").check(w, "no organizations")
	for _, k := range shuffled(byteOrder) {
		w.org(k)
	}
	list("").check(w, "organizations", byteOrder...)
	list("a").check(w, "those with an a", "a", "a b", "a-b", "ab", "a\u0301")
	list("A").check(w, "those with an A")
	list("_").check(w, "those with an underscore", "_")
	list("-").check(w, "those with a hyphen", "a-b")
	w.org(`50% \_`)
	list("%").check(w, "those with a per cent sign", `50% \_`)
	list(`\`).check(w, "those with a backslash", `50% \_`)
	list(`\_`).check(w, "those with both", `50% \_`)
	list("'").check(w, "those with a quote")
}

func orgLock(w *world) {
	o := w.org("a")
	w.do(w.s.LockOrg(w.ctx, o.ID))
	w.do(w.s.LockOrg(w.ctx, usermgmt.OrgID{}))
	w.write(func(ctx context.Context, tx usermgmt.Store) error {
		for _, id := range []usermgmt.OrgID{o.ID, {}, o.ID} {
			if err := tx.LockOrg(ctx, id); err != nil {
				return err
			}
		}
		return tx.SaveOrg(ctx, o)
	})
	w.do(w.s.LockOrg(w.ctx, o.ID))
}

func orgStamps(w *world) {
	a, b := w.site("a"), w.site("b")
	u := w.user(a, "u")
	check := func(what string, org usermgmt.OrgID, policy, trees, system int64) {
		w.Helper()
		type stamps struct{ Policy, Trees, SystemPolicy int64 }
		want := stamps{policy, trees, system}
		p := got(w.s.Policy(w.ctx, org)).must(w)
		t := got(w.s.Trees(w.ctx, org)).must(w)
		equal(w, what+": Policy and Trees", want, stamps{p.Policy, t.Stamp, p.SystemPolicy})
		st := got(w.s.StandingOf(w.ctx, u.ID, org)).must(w)
		equal(w, what+": StandingOf", want, stamps{st.Policy, st.Trees, st.SystemPolicy})
		st = got(w.s.OrgStanding(w.ctx, org)).must(w)
		equal(w, what+": OrgStanding", want, stamps{st.Policy, st.Trees, st.SystemPolicy})
	}
	check("new, with roles and teams", a.org.ID, 1, 1, 1)
	w.do(w.s.BumpStamps(w.ctx, a.org.ID, false))
	check("after the policy's bump", a.org.ID, 2, 1, 1)
	w.do(w.s.BumpStamps(w.ctx, a.org.ID, true))
	check("after the bump of both", a.org.ID, 3, 2, 1)
	w.do(w.s.BumpStamps(w.ctx, usermgmt.OrgID{}, false))
	check("after the system's bump", a.org.ID, 3, 2, 2)
	check("another organization", b.org.ID, 1, 1, 2)
	a.org.Description = "new"
	w.do(w.s.SaveOrg(w.ctx, a.org)) // the bumps left the version alone
	check("after SaveOrg", a.org.ID, 3, 2, 2)
	w.write(func(ctx context.Context, tx usermgmt.Store) error {
		if err := tx.BumpStamps(ctx, b.org.ID, true); err != nil {
			return err
		}
		return tx.BumpStamps(ctx, b.org.ID, true)
	})
	check("after two bumps in one transaction", b.org.ID, 3, 3, 2)
}

func orgStanding(w *world) {
	a, b := w.site("a"), w.site("b")
	a.org.Provider, a.org.SwitchRoles, a.org.Enabled, a.org.Epoch = true, true, false, 7
	w.do(w.s.SaveOrg(w.ctx, a.org))
	for _, o := range []usermgmt.Organization{a.org, b.org} {
		got(w.s.OrgStanding(w.ctx, o.ID)).is(w, usermgmt.Standing{Org: o.ID, OrgEnabled: o.Enabled, OrgEpoch: o.Epoch,
			Provider: o.Provider, SwitchRoles: o.SwitchRoles, Policy: 1, Trees: 1, SystemPolicy: 1})
	}
	got(w.s.OrgStanding(w.ctx, newID[usermgmt.Organization](w))).missing(w)
	got(w.s.OrgStanding(w.ctx, usermgmt.OrgID{})).missing(w)
}

func orgPolicy(w *world) {
	a, b := w.site("a"), w.site("b")
	none := usermgmt.OrgID{}
	sysRole, sysProfile, sysApp := w.role(none, "r"), w.profile(none, "p"), w.app(none, "app")
	u := w.user(a, "u")
	byTeam := usermgmt.AccessEntry{
		ID: newID[usermgmt.AccessEntry](w), Org: a.org.ID, Application: a.app.ID, Team: a.crew.ID,
		Roles: []usermgmt.RoleAssignment{{Role: a.role.ID, From: at(1)}, {Role: sysRole.ID, Until: at(2)}},
	}
	byUser := usermgmt.AccessEntry{
		ID: newID[usermgmt.AccessEntry](w), Org: a.org.ID, Application: a.app.ID, User: u.ID,
	}
	foreign := usermgmt.AccessEntry{
		ID: newID[usermgmt.AccessEntry](w), Org: b.org.ID, Application: sysApp.ID, Team: b.crew.ID,
	}
	for _, e := range []usermgmt.AccessEntry{byTeam, byUser, foreign} {
		w.do(w.s.SaveAccess(w.ctx, e))
	}
	shared, field := w.sharing(a, "s"), w.field(a.org.ID, "f")
	w.sharing(b, "s")
	w.field(b.org.ID, "f")
	field.Required, field.Default, field.MaxLength, field.Pattern, field.Min = true, "x", 7, `\d`, "1"
	field.Max, field.Order, field.Hidden, field.Own, field.Exportable, field.Searchable = "2", -1, true, true, true, true
	w.do(w.s.SaveField(w.ctx, field))
	field.Version = 2
	byTeam.Version = 1

	p := got(w.s.Policy(w.ctx, a.org.ID)).must(w)
	equal(w, "Org", a.org, p.Org)
	sameSet(w, "Roles", []usermgmt.Role{a.role, sysRole}, p.Roles)
	sameSet(w, "Profiles", []usermgmt.AccessProfile{a.profile, sysProfile}, p.Profiles)
	sameSet(w, "Applications", []usermgmt.Application{a.app, sysApp}, p.Applications)
	sameSet(w, "TeamAccess", []usermgmt.AccessEntry{byTeam}, p.TeamAccess)
	sameSet(w, "Sharing", []usermgmt.SharingPolicy{shared}, p.Sharing)
	sameSet(w, "Fields", []usermgmt.CustomField{field}, p.Fields)
	got(w.s.Policy(w.ctx, newID[usermgmt.Organization](w))).missing(w)
}

func orgTrees(w *world) {
	a := w.site("a")
	w.site("b")
	t := got(w.s.Trees(w.ctx, a.org.ID)).must(w)
	sameSet(w, "Units", []usermgmt.UnitNode{
		{ID: a.top.ID}, {ID: a.mid.ID, Parent: a.top.ID}, {ID: a.leaf.ID, Parent: a.mid.ID}, {ID: a.annex.ID},
	}, t.Units)
	sameSet(w, "Teams", []usermgmt.TeamNode{
		{ID: a.root.ID}, {ID: a.crew.ID, Parent: a.root.ID},
		{ID: a.squad.ID, Parent: a.crew.ID}, {ID: a.side.ID, Parent: a.root.ID},
	}, t.Teams)
	a.squad.Parent = a.side.ID
	w.do(w.s.SaveTeam(w.ctx, a.squad))
	w.do(w.s.DeleteUnit(w.ctx, a.leaf.ID))
	t = got(w.s.Trees(w.ctx, a.org.ID)).must(w)
	equal(w, "the number of units after a deletion", 3, len(t.Units))
	sameSet(w, "Teams after a move", []usermgmt.TeamNode{
		{ID: a.root.ID}, {ID: a.crew.ID, Parent: a.root.ID},
		{ID: a.squad.ID, Parent: a.side.ID}, {ID: a.side.ID, Parent: a.root.ID},
	}, t.Teams)
	equal(w, "trees of an organization without", usermgmt.TreeSet{Stamp: 1}, got(w.s.Trees(w.ctx, w.org("c").ID)).must(w))
	got(w.s.Trees(w.ctx, newID[usermgmt.Organization](w))).missing(w)
}
