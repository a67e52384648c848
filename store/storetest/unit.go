package storetest

import (
	"context"

	"github.com/usermgmt/usermgmt"
)

func unitCases() []testCase {
	return []testCase{
		{"UnitSave", []string{"SaveUnit", "UnitByID"}, unitSave},
		{"UnitReferences", []string{"SaveUnit"}, unitReferences},
		{"UnitDelete", []string{"DeleteUnit", "UnitByID"}, unitDelete},
		{"UnitList", []string{"ListUnits"}, unitList},
	}
}

func unitSave(w *world) {
	st := w.site("a")
	id := newID[usermgmt.BusinessUnit](w)
	first := usermgmt.BusinessUnit{ID: id, Org: st.org.ID, Name: "N", NameKey: "n", CreatedAt: at(0), UpdatedAt: at(1)}
	second := usermgmt.BusinessUnit{
		ID: id, Org: st.org.ID, Parent: st.mid.ID, Name: "M", NameKey: "m", Description: "d", Phone: "1", Fax: "2",
		Email: "m@mail.test", Website: "https://mail.test/", CreatedAt: at(2), UpdatedAt: at(3),
	}
	checkSave(w, row[usermgmt.BusinessUnit]{
		usermgmt.Store.SaveUnit,
		func(s usermgmt.Store, ctx context.Context, u usermgmt.BusinessUnit) (usermgmt.BusinessUnit, error) {
			return s.UnitByID(ctx, u.ID)
		},
	}, first, second)
}

func unitReferences(w *world) {
	a, b := w.site("a"), w.site("b")
	insert := func(org usermgmt.OrgID, parent usermgmt.UnitID) func(context.Context, usermgmt.Store) error {
		return func(ctx context.Context, tx usermgmt.Store) error {
			return tx.SaveUnit(ctx, usermgmt.BusinessUnit{
				ID: newID[usermgmt.BusinessUnit](w), Org: org, Parent: parent, NameKey: "x",
			})
		}
	}
	w.refuse("a unit of no organization that exists", isReference, insert(newID[usermgmt.Organization](w), usermgmt.UnitID{}))
	w.refuse("a unit below none that exists", isReference, insert(a.org.ID, newID[usermgmt.BusinessUnit](w)))
	w.refuse("a unit below another organization's", isReference, insert(a.org.ID, b.top.ID))
	moved := a.leaf
	moved.Parent = b.top.ID
	w.refuse("a move below another organization's", isReference, func(ctx context.Context, tx usermgmt.Store) error {
		return tx.SaveUnit(ctx, moved)
	})
	w.write(insert(a.org.ID, a.leaf.ID))
}

func unitDelete(w *world) {
	st := w.site("a")
	remove := func(id usermgmt.UnitID) func(context.Context, usermgmt.Store) error {
		return func(ctx context.Context, tx usermgmt.Store) error { return tx.DeleteUnit(ctx, id) }
	}
	w.refuse("deleting what is not there", isMissing, remove(newID[usermgmt.BusinessUnit](w)))

	u := w.user(st, "u", ownedBy(st.leaf.ID))
	w.refuse("deleting a unit that owns a user", isInUse, remove(st.leaf.ID))
	u.OwnerUnit = st.top.ID
	w.do(w.s.SaveUser(w.ctx, u))

	m := w.join(st, u.ID, func(m *usermgmt.Membership) { m.Units = []usermgmt.UnitID{st.annex.ID, st.leaf.ID} })
	w.refuse("deleting a unit of a membership", isInUse, remove(st.leaf.ID))
	m.Units = []usermgmt.UnitID{st.annex.ID}
	w.do(w.s.SaveMembership(w.ctx, m))

	w.refuse("deleting a unit with a child", isInUse, remove(st.mid.ID))
	got(w.s.UnitByID(w.ctx, st.mid.ID)).is(w, st.mid)
	w.write(remove(st.leaf.ID))
	got(w.s.UnitByID(w.ctx, st.leaf.ID)).missing(w)
	w.write(remove(st.mid.ID))
	w.refuse("deleting it again", isMissing, remove(st.leaf.ID))
}

func unitList(w *world) {
	o, other := w.org("o"), w.org("other")
	list := func(search string) list[usermgmt.BusinessUnit] {
		return list[usermgmt.BusinessUnit]{
			func(after usermgmt.Position, limit int) ([]usermgmt.BusinessUnit, error) {
				return w.s.ListUnits(w.ctx, o.ID, usermgmt.ListQuery{Search: search, After: after, Limit: limit})
			},
			func(u usermgmt.BusinessUnit) string { return u.Name },
			func(u usermgmt.BusinessUnit) usermgmt.Position { return usermgmt.Position{Key: u.NameKey, ID: u.ID} },
		}
	}
	for _, k := range shuffled(byteOrder) {
		w.unit(o.ID, usermgmt.UnitID{}, k)
	}
	w.unit(other.ID, usermgmt.UnitID{}, "a")
	list("").check(w, "units", byteOrder...)
	list("b").check(w, "units with a b", "a b", "a-b", "ab", "b")
	list("_").check(w, "units with an underscore", "_")

	// Names are not unique: the identifier breaks the tie, whatever was first.
	ids := []usermgmt.UnitID{idOf[usermgmt.BusinessUnit](9003), idOf[usermgmt.BusinessUnit](9001), idOf[usermgmt.BusinessUnit](9002)}
	for i, id := range ids {
		w.do(w.s.SaveUnit(w.ctx, usermgmt.BusinessUnit{ID: id, Org: o.ID, Name: string(rune('3' - i)), NameKey: "twins"}))
	}
	list("twins").check(w, "units of one name", "2", "1", "3")
}
