package storetest

import (
	"context"

	"github.com/usermgmt/usermgmt"
)

func proxyCases() []testCase {
	return []testCase{
		{"ProxyListSave", []string{"SaveProxyList", "ProxyListOf"}, proxySave},
		{"ProxyListReferences", []string{"SaveProxyList"}, proxyReferences},
	}
}

func proxySave(w *world) {
	st := w.site("a")
	op := w.user(st, "op")
	first := usermgmt.ProxyList{Operator: op.ID, Org: st.org.ID, UpdatedAt: at(0)}
	second := usermgmt.ProxyList{
		Operator: op.ID, Org: st.org.ID, Restricted: true,
		Users: []usermgmt.UserID{w.user(st, "u").ID, op.ID}, Teams: []usermgmt.TeamID{st.side.ID, st.crew.ID}, UpdatedAt: at(1),
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
		"a user who does not exist":           {Operator: op.ID, Org: st.org.ID, Users: []usermgmt.UserID{op.ID, newID[usermgmt.User](w)}},
		"a team that does not exist":          {Operator: op.ID, Org: st.org.ID, Teams: []usermgmt.TeamID{newID[usermgmt.Team](w)}},
	} {
		w.refuse(what, isReference, func(ctx context.Context, tx usermgmt.Store) error { return tx.SaveProxyList(ctx, l) })
	}
	got(w.s.ProxyListOf(w.ctx, op.ID, st.org.ID)).missing(w)
}
