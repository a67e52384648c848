package storetest

import (
	"context"
	"fmt"
	"strings"

	"github.com/usermgmt/usermgmt"
)

func recordCases() []testCase {
	both := []string{"ListUsers", "StreamMembers"}
	return []testCase{
		{"GroupSave", []string{"SaveGroup", "GroupByID"}, groupSave},
		{"GroupNames", []string{"SaveGroup"}, groupNames},
		{"GroupDelete", []string{"DeleteGroup", "GroupByID"}, groupDelete},
		{"GroupList", []string{"ListGroups"}, groupList},
		{"FieldSave", []string{"SaveField", "FieldByID"}, fieldSave},
		{"FieldNames", []string{"SaveField"}, fieldNames},
		{"FieldDelete", []string{"DeleteField", "FieldByID", "MembershipOf"}, fieldDelete},
		{"FieldsOf", []string{"FieldsOf"}, fieldsOf},
		{"UserListGroup", both, userListGroup},
		{"UserListCustom", both, userListCustom},
		{"UserListSearchOfMemberships", both, userListMemberSearch},
	}
}

func (w *world) group(key string) usermgmt.Group {
	w.Helper()
	g := usermgmt.Group{ID: newID[usermgmt.Group](w), Name: key, NameKey: key, CreatedAt: at(0), UpdatedAt: at(0)}
	w.do(w.s.SaveGroup(w.ctx, g))
	g.Version = 1
	return g
}

func (w *world) field(org usermgmt.OrgID, name string) usermgmt.CustomField {
	w.Helper()
	f := usermgmt.CustomField{
		ID: newID[usermgmt.CustomField](w), Org: org, Name: name, Label: name, Type: usermgmt.FieldEnum,
		Values: []string{"a", "b"}, CreatedAt: at(0), UpdatedAt: at(0),
	}
	w.do(w.s.SaveField(w.ctx, f))
	f.Version = 1
	return f
}

func groupSave(w *world) {
	id := newID[usermgmt.Group](w)
	checkSave(w, row[usermgmt.Group]{
		usermgmt.Store.SaveGroup,
		func(s usermgmt.Store, ctx context.Context, g usermgmt.Group) (usermgmt.Group, error) {
			return s.GroupByID(ctx, g.ID)
		},
	},
		usermgmt.Group{ID: id, Name: "N", NameKey: "n", CreatedAt: at(0), UpdatedAt: at(1)},
		usermgmt.Group{ID: id, Name: "M", NameKey: "m", Description: "d", CreatedAt: at(2), UpdatedAt: at(3)})
}

func groupNames(w *world) {
	w.group("a")
	b := w.group("b")
	w.group("A")
	w.refuse("a taken name", isTaken("name"), func(ctx context.Context, tx usermgmt.Store) error {
		return tx.SaveGroup(ctx, usermgmt.Group{ID: newID[usermgmt.Group](w), NameKey: "a"})
	})
	b.NameKey = "a"
	w.refuse("changing to a taken name", isTaken("name"), func(ctx context.Context, tx usermgmt.Store) error {
		return tx.SaveGroup(ctx, b)
	})
}

func groupDelete(w *world) {
	st := w.site("a")
	g, other := w.group("g"), w.group("other")
	remove := func(ctx context.Context, tx usermgmt.Store) error { return tx.DeleteGroup(ctx, g.ID) }
	u := w.user(st, "u", func(u *usermgmt.User) { u.Groups = []usermgmt.GroupID{other.ID, g.ID} })
	w.refuse("deleting a group of a user", isInUse, remove)
	got(w.s.GroupByID(w.ctx, g.ID)).is(w, g)
	u.Groups = u.Groups[:1]
	w.do(w.s.SaveUser(w.ctx, u))
	w.write(remove)
	got(w.s.GroupByID(w.ctx, g.ID)).missing(w)
	w.refuse("deleting it again", isMissing, remove)
	w.group("g")
	w.refuse("a group that does not exist", isReference, func(ctx context.Context, tx usermgmt.Store) error {
		return tx.SaveUser(ctx, w.newUser(st, "v", func(u *usermgmt.User) { u.Groups = []usermgmt.GroupID{g.ID} }))
	})
	u.Version, u.Groups = 2, []usermgmt.GroupID{other.ID, g.ID}
	w.refuse("adding a group that does not exist", isReference, func(ctx context.Context, tx usermgmt.Store) error {
		return tx.SaveUser(ctx, u)
	})
}

func groupList(w *world) {
	list := func(search string) list[usermgmt.Group] {
		return list[usermgmt.Group]{
			func(after usermgmt.Position, limit int) ([]usermgmt.Group, error) {
				return w.s.ListGroups(w.ctx, usermgmt.ListQuery{Search: search, After: after, Limit: limit})
			},
			func(g usermgmt.Group) string { return g.Name },
			func(g usermgmt.Group) usermgmt.Position { return usermgmt.Position{Key: g.NameKey, ID: g.ID} },
		}
	}
	list("").check(w, "no groups")
	for _, k := range shuffled(byteOrder) {
		w.group(k)
	}
	list("").check(w, "groups", byteOrder...)
	list("b").check(w, "groups with a b", "a b", "a-b", "ab", "b")
	list("_").check(w, "groups with an underscore", "_")
}

func fieldSave(w *world) {
	st := w.site("a")
	id := newID[usermgmt.CustomField](w)
	checkSave(w, row[usermgmt.CustomField]{
		usermgmt.Store.SaveField,
		func(s usermgmt.Store, ctx context.Context, f usermgmt.CustomField) (usermgmt.CustomField, error) {
			return s.FieldByID(ctx, f.ID)
		},
	},
		usermgmt.CustomField{ID: id, Org: st.org.ID, Name: "n", CreatedAt: at(0), UpdatedAt: at(1)},
		usermgmt.CustomField{
			ID: id, Org: st.org.ID, Name: "m", Label: "L", Type: usermgmt.FieldChoices, Required: true, Default: "x",
			MinLength: 1, MaxLength: 2, Pattern: `\d`, Min: "1.5", Max: "2", Values: []string{"y", "x"}, Order: -3,
			Hidden: true, Own: true, Exportable: true, Searchable: true, CreatedAt: at(2), UpdatedAt: at(3),
		})
}

func fieldNames(w *world) {
	a, b := w.org("a"), w.org("b")
	w.field(a.ID, "x")
	w.field(b.ID, "x")
	y := w.field(a.ID, "y")
	w.refuse("a taken name", isTaken("name"), func(ctx context.Context, tx usermgmt.Store) error {
		return tx.SaveField(ctx, usermgmt.CustomField{ID: newID[usermgmt.CustomField](w), Org: a.ID, Name: "x"})
	})
	y.Name = "x"
	w.refuse("changing to a taken name", isTaken("name"), func(ctx context.Context, tx usermgmt.Store) error {
		return tx.SaveField(ctx, y)
	})
	w.refuse("an organization that does not exist", isReference, func(ctx context.Context, tx usermgmt.Store) error {
		return tx.SaveField(ctx, usermgmt.CustomField{
			ID: newID[usermgmt.CustomField](w), Org: newID[usermgmt.Organization](w), Name: "z",
		})
	})
}

func fieldDelete(w *world) {
	st := w.site("a")
	f := w.field(st.org.ID, "x")
	m := w.join(st, w.user(st, "u").ID, func(m *usermgmt.Membership) { m.Custom = map[string]string{"x": "a", "never": "b"} })
	remove := func(ctx context.Context, tx usermgmt.Store) error { return tx.DeleteField(ctx, f.ID) }
	w.write(remove)
	got(w.s.FieldByID(w.ctx, f.ID)).missing(w)
	got(w.s.MembershipOf(w.ctx, m.User, m.Org)).is(w, m) // values need no definition
	w.refuse("deleting it again", isMissing, remove)
	w.field(st.org.ID, "x")
}

func fieldsOf(w *world) {
	a, b := w.org("a"), w.org("b")
	want := []usermgmt.CustomField{w.field(a.ID, "x"), w.field(a.ID, "y")}
	w.field(b.ID, "x")
	sameSet(w, "fields", want, got(w.s.FieldsOf(w.ctx, a.ID)).must(w))
	sameSet(w, "fields of no organization", nil, got(w.s.FieldsOf(w.ctx, newID[usermgmt.Organization](w))).must(w))
}

func userListGroup(w *world) {
	st := w.site("a")
	x, y := w.group("x"), w.group("y")
	in := func(groups ...usermgmt.GroupID) func(*usermgmt.User) {
		return func(u *usermgmt.User) { u.Groups = groups }
	}
	a := w.person(st, "a", in(x.ID))
	w.person(st, "b", in(y.ID, x.ID))
	w.person(st, "c", nil)
	w.user(st, "d", in(x.ID))
	got(w.s.UserByID(w.ctx, a.ID)).is(w, a)
	w.wantUsers("a group", usermgmt.UserQuery{Org: st.org.ID, Group: x.ID}, "a", "b")
	w.wantUsers("a group in the whole store", usermgmt.UserQuery{Group: x.ID}, "a", "b", "d")
	w.wantUsers("another group", usermgmt.UserQuery{Org: st.org.ID, Group: y.ID}, "b")
	w.wantUsers("a group and a search", usermgmt.UserQuery{Org: st.org.ID, Group: x.ID, Search: "b@m"}, "b")
	w.wantUsers("a group that does not exist", usermgmt.UserQuery{Org: st.org.ID, Group: newID[usermgmt.Group](w)})
	a.Groups = []usermgmt.GroupID{y.ID}
	w.do(w.s.SaveUser(w.ctx, a))
	w.wantUsers("after a change", usermgmt.UserQuery{Org: st.org.ID, Group: x.ID}, "b")
	w.wantUsers("after a change", usermgmt.UserQuery{Org: st.org.ID, Group: y.ID}, "a", "b")
}

func userListCustom(w *world) {
	st, other := w.site("a"), w.site("b")
	with := func(pairs ...string) map[string]string {
		m := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = pairs[i+1]
		}
		return m
	}
	user := func(pairs ...string) func(*usermgmt.User) {
		return func(u *usermgmt.User) { u.Custom = with(pairs...) }
	}
	member := func(pairs ...string) func(*usermgmt.Membership) {
		return func(m *usermgmt.Membership) { m.Custom = with(pairs...) }
	}
	w.person(st, "a", user("size", "42", "quote\"'", "x\ny"), member("desk", "1"))
	b := w.person(st, "b", user("size", "42"), member("desk", "1", "floor", "2"))
	w.person(st, "c", user("size", "4"), member("desk", "12"))
	w.person(st, "d", nil, member("size", "42"))
	w.join(other, b.ID, member("desk", "9"))
	for _, c := range []struct {
		what string
		q    usermgmt.UserQuery
		want string
	}{
		{"a value", usermgmt.UserQuery{Custom: with("size", "42")}, "a b"},
		{"a value that begins another", usermgmt.UserQuery{Custom: with("size", "4")}, "c"},
		{"two values", usermgmt.UserQuery{Custom: with("size", "42", "quote\"'", "x\ny")}, "a"},
		{"a field that nobody has", usermgmt.UserQuery{Custom: with("none", "")}, ""},
		{"a value of the membership", usermgmt.UserQuery{MemberCustom: with("desk", "1")}, "a b"},
		{"two values of the membership", usermgmt.UserQuery{MemberCustom: with("desk", "1", "floor", "2")}, "b"},
		{"values of both", usermgmt.UserQuery{Custom: with("size", "42"), MemberCustom: with("desk", "1")}, "a b"},
		{"the membership's is not the user's", usermgmt.UserQuery{MemberCustom: with("size", "42")}, "d"},
		{"another organization's value", usermgmt.UserQuery{MemberCustom: with("desk", "9")}, ""},
	} {
		c.q.Org = st.org.ID
		w.wantUsers(c.what, c.q, strings.Fields(c.want)...)
	}
	w.wantUsers("a value in the whole store", usermgmt.UserQuery{Custom: with("size", "42")}, "a", "b")
	w.wantUsers("the other organization's value", usermgmt.UserQuery{Org: other.org.ID, MemberCustom: with("desk", "9")}, "b")
}

func userListMemberSearch(w *world) {
	st, other := w.site("a"), w.site("b")
	key := func(s string) func(*usermgmt.Membership) {
		return func(m *usermgmt.Membership) { m.SearchKey = s }
	}
	a := w.person(st, "a", func(u *usermgmt.User) { u.SearchKey = "ann" })
	b := w.person(st, "b", func(u *usermgmt.User) { u.SearchKey = "bob" }, key("ann\nwork shop"))
	w.person(st, "c", func(u *usermgmt.User) { u.SearchKey = "cat" }, key("shop"))
	w.join(other, a.ID, key("shop 50%"))
	want := func(org usermgmt.OrgID, search, want string) {
		w.Helper()
		w.wantUsers(fmt.Sprintf("search for %q", search), usermgmt.UserQuery{Org: org, Search: search}, strings.Fields(want)...)
	}
	want(st.org.ID, "shop", "b c")
	want(st.org.ID, "ann", "a b")
	want(st.org.ID, "an", "a b")
	want(st.org.ID, "sh", "c")
	want(st.org.ID, "wo", "b")
	want(st.org.ID, "cat\nshop", "")
	want(st.org.ID, "50%", "")
	want(other.org.ID, "shop", "a")
	want(other.org.ID, "50%", "a")
	want(usermgmt.OrgID{}, "shop", "") // what an organization knows is found there only
	want(usermgmt.OrgID{}, "ann", "a")

	m := got(w.s.MembershipOf(w.ctx, b.ID, st.org.ID)).must(w)
	m.SearchKey = "mill"
	w.do(w.s.SaveMembership(w.ctx, m))
	want(st.org.ID, "shop", "c")
	want(st.org.ID, "mill", "b")
	m.Version, m.SearchKey = 2, ""
	w.do(w.s.SaveMembership(w.ctx, m))
	want(st.org.ID, "mill", "")
	m.Version, m.SearchKey = 3, "mill again"
	w.do(w.s.SaveMembership(w.ctx, m))
	want(st.org.ID, "mill a", "b")
	w.do(w.s.DeleteMembership(w.ctx, b.ID, st.org.ID, at(1)))
	want(st.org.ID, "mill", "")
	w.join(st, b.ID)
	want(st.org.ID, "mill", "")
}
