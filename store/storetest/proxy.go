package storetest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/usermgmt/usermgmt"
)

func proxyCases() []testCase {
	return []testCase{
		{"ProxyListSave", []string{"SaveProxyList", "ProxyListOf"}, proxySave},
		{"ProxyListReferences", []string{"SaveProxyList"}, proxyReferences},
		{"ProxyLists", []string{"ProxyLists"}, proxyLists},
		{"DeputySave", []string{"SaveDeputy", "DeputyOf", "DeleteDeputy"}, deputySave},
		{"DeputyReferences", []string{"SaveDeputy", "DeleteMembership"}, deputyReferences},
		{"DeputyList", []string{"ListDeputies"}, deputyList},
	}
}

func proxySave(w *world) {
	st := w.site("a")
	op := w.user(st, "op")
	first := usermgmt.ProxyList{Operator: op.ID, Org: st.org.ID, UpdatedAt: at(0)}
	second := usermgmt.ProxyList{
		Operator: op.ID, Org: st.org.ID, Restricted: true,
		Users: []usermgmt.ProxyUser{{User: w.user(st, "u").ID, Until: at(9)}, {User: op.ID}},
		Teams: []usermgmt.ProxyTeam{{Team: st.side.ID, From: at(2)}, {Team: st.crew.ID, From: at(3), Until: at(4)}}, UpdatedAt: at(1),
	}
	checkSave(w, row[usermgmt.ProxyList]{
		usermgmt.Store.SaveProxyList,
		func(s usermgmt.Store, ctx context.Context, l usermgmt.ProxyList) (usermgmt.ProxyList, error) {
			return s.ProxyListOf(ctx, l.Operator, l.Org)
		},
	}, first, second)
	got(w.s.ProxyListOf(w.ctx, op.ID, w.org("b").ID)).missing(w)
}

func proxyReferences(w *world) {
	st := w.site("a")
	op := w.user(st, "op")
	for what, l := range map[string]usermgmt.ProxyList{
		"an operator who does not exist":      {Operator: newID[usermgmt.User](w), Org: st.org.ID},
		"an organization that does not exist": {Operator: op.ID, Org: newID[usermgmt.Organization](w)},
		"a user who does not exist":           {Operator: op.ID, Org: st.org.ID, Users: []usermgmt.ProxyUser{{User: op.ID}, {User: newID[usermgmt.User](w)}}},
		"a team that does not exist":          {Operator: op.ID, Org: st.org.ID, Teams: []usermgmt.ProxyTeam{{Team: newID[usermgmt.Team](w)}}},
	} {
		w.refuse(what, isReference, func(ctx context.Context, tx usermgmt.Store) error { return tx.SaveProxyList(ctx, l) })
	}
	got(w.s.ProxyListOf(w.ctx, op.ID, st.org.ID)).missing(w)
}

func proxyLists(w *world) {
	st, b := w.site("a"), w.site("b")
	var want []usermgmt.ProxyList
	ops := []usermgmt.UserID{newID[usermgmt.User](w), w.user(st, "none").ID}
	for _, name := range []string{"x", "y"} {
		l := usermgmt.ProxyList{
			Operator: w.user(st, name).ID, Org: st.org.ID, Restricted: true, UpdatedAt: at(1),
			Users: []usermgmt.ProxyUser{{User: ops[1], From: at(1)}}, Teams: []usermgmt.ProxyTeam{{Team: st.crew.ID, Until: at(5)}},
		}
		w.do(w.s.SaveProxyList(w.ctx, l))
		w.do(w.s.SaveProxyList(w.ctx, usermgmt.ProxyList{Operator: l.Operator, Org: b.org.ID, UpdatedAt: at(2)}))
		want, ops = append(want, withVersion(l, 1)), append(ops, l.Operator, l.Operator)
	}
	find := func(what string, want []usermgmt.ProxyList, operators ...usermgmt.UserID) {
		w.Helper()
		list := got(w.s.ProxyLists(w.ctx, st.org.ID, operators)).must(w)
		slices.SortFunc(list, func(a, b usermgmt.ProxyList) int { return bytes.Compare(a.Operator[:], b.Operator[:]) })
		equal(w, what, want, list)
	}
	slices.SortFunc(want, func(a, b usermgmt.ProxyList) int { return bytes.Compare(a.Operator[:], b.Operator[:]) })
	find("of nobody", nil)
	find("of one without a list", nil, ops[1])
	find("each once", want, ops...)
}

func (w *world) newDeputy(st *site, user, deputy usermgmt.UserID) usermgmt.Deputy {
	return usermgmt.Deputy{User: user, Org: st.org.ID, Deputy: deputy, CreatedAt: at(0), UpdatedAt: at(0)}
}

func deputySave(w *world) {
	st := w.site("a")
	u, d := w.user(st, "u"), w.user(st, "d")
	w.join(st, u.ID)
	w.join(st, d.ID)
	first := w.newDeputy(st, u.ID, d.ID)
	second := usermgmt.Deputy{User: u.ID, Org: st.org.ID, Deputy: d.ID, From: at(1), Until: at(9), ReadOnly: true, Reason: "a week",
		CreatedAt: at(2), UpdatedAt: at(3)}
	checkSave(w, row[usermgmt.Deputy]{
		usermgmt.Store.SaveDeputy,
		func(s usermgmt.Store, ctx context.Context, d usermgmt.Deputy) (usermgmt.Deputy, error) {
			return s.DeputyOf(ctx, d.User, d.Org, d.Deputy)
		},
	}, first, second)
	got(w.s.DeputyOf(w.ctx, d.ID, st.org.ID, u.ID)).missing(w)
	got(w.s.DeputyOf(w.ctx, u.ID, w.org("b").ID, d.ID)).missing(w)
	remove := func(ctx context.Context, tx usermgmt.Store) error { return tx.DeleteDeputy(ctx, u.ID, st.org.ID, d.ID) }
	w.do(remove(w.ctx, w.s))
	got(w.s.DeputyOf(w.ctx, u.ID, st.org.ID, d.ID)).missing(w)
	w.refuse("deleting what is not there", isMissing, remove)
}

func deputyReferences(w *world) {
	st, b := w.site("a"), w.site("b")
	u, d, x := w.user(st, "u"), w.user(st, "d"), w.user(st, "x")
	for _, m := range []usermgmt.UserID{u.ID, d.ID, x.ID} {
		w.join(st, m)
		w.join(b, m)
	}
	stranger := w.user(st, "stranger")
	for what, pair := range map[string][2]usermgmt.UserID{
		"a user who is no member": {stranger.ID, d.ID}, "a deputy who is no member": {u.ID, stranger.ID},
	} {
		w.refuse(what, isReference, func(ctx context.Context, tx usermgmt.Store) error {
			return tx.SaveDeputy(ctx, w.newDeputy(st, pair[0], pair[1]))
		})
	}
	pairs := [][2]usermgmt.UserID{{u.ID, d.ID}, {d.ID, x.ID}, {x.ID, u.ID}}
	for _, s := range []*site{st, b} {
		for _, p := range pairs {
			w.do(w.s.SaveDeputy(w.ctx, w.newDeputy(s, p[0], p[1])))
		}
	}
	w.do(w.s.DeleteMembership(w.ctx, d.ID, st.org.ID, at(5)))
	for _, p := range pairs[:2] {
		got(w.s.DeputyOf(w.ctx, p[0], st.org.ID, p[1])).missing(w)
	}
	got(w.s.DeputyOf(w.ctx, x.ID, st.org.ID, u.ID)).must(w)
	for _, p := range pairs {
		got(w.s.DeputyOf(w.ctx, p[0], b.org.ID, p[1])).must(w)
	}
}

func deputyList(w *world) {
	st, b := w.site("a"), w.site("b")
	name := map[usermgmt.UserID]string{}
	u := w.user(st, "u")
	w.join(st, u.ID)
	w.join(b, u.ID)
	var others []usermgmt.UserID
	for range 4 {
		others = append(others, w.user(st, "o"+strconv.Itoa(len(others))).ID)
	}
	slices.SortFunc(others, func(a, b usermgmt.UserID) int { return bytes.Compare(a[:], b[:]) })
	for i, o := range others {
		name[o] = string(rune('a' + i))
		w.join(st, o)
	}
	w.join(b, others[0])
	for _, i := range []int{2, 0, 3, 1} {
		w.do(w.s.SaveDeputy(w.ctx, w.newDeputy(st, u.ID, others[i])))
		if i != 1 {
			w.do(w.s.SaveDeputy(w.ctx, w.newDeputy(st, others[i], u.ID)))
		}
	}
	w.do(w.s.SaveDeputy(w.ctx, w.newDeputy(st, others[0], others[1])))
	w.do(w.s.SaveDeputy(w.ctx, w.newDeputy(b, u.ID, others[0])))
	deputies := func(q usermgmt.DeputyQuery, other func(d usermgmt.Deputy) usermgmt.UserID) list[usermgmt.Deputy] {
		return list[usermgmt.Deputy]{
			func(after usermgmt.Position, limit int) ([]usermgmt.Deputy, error) {
				q.After, q.Limit = after, limit
				return w.s.ListDeputies(w.ctx, q)
			},
			func(d usermgmt.Deputy) string { return name[other(d)] },
			func(d usermgmt.Deputy) usermgmt.Position { return usermgmt.Position{ID: [16]byte(other(d))} },
		}
	}
	deputies(usermgmt.DeputyQuery{Org: st.org.ID, User: u.ID}, func(d usermgmt.Deputy) usermgmt.UserID { return d.Deputy }).
		check(w, "the deputies of a user", "a", "b", "c", "d")
	deputies(usermgmt.DeputyQuery{Org: st.org.ID, Deputy: u.ID}, func(d usermgmt.Deputy) usermgmt.UserID { return d.User }).
		check(w, "those whose deputy a user is", "a", "c", "d")
	for _, q := range []usermgmt.DeputyQuery{{Org: st.org.ID, Limit: 1}, {Org: st.org.ID, User: u.ID, Deputy: others[0], Limit: 1}, {Org: st.org.ID, User: u.ID}} {
		_, err := w.s.ListDeputies(w.ctx, q)
		equal(w, "a query that is none", true, errors.Is(err, usermgmt.ErrInvalid))
	}
}
