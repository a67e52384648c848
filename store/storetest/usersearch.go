package storetest

import (
	"fmt"
	"strings"

	"github.com/usermgmt/usermgmt"
)

func userListSearch(w *world) {
	st := w.site("a")
	for name, key := range map[string]string{
		"a": "ann\nann smith", "b": "bob\n50%", "c": "under_score", "d": `back\slash`, "e": "ÉMILE", "f": "smithers",
		"g": "505", "h": "under-score",
	} {
		w.person(st, name, func(u *usermgmt.User) { u.SearchKey = key })
	}
	for search, want := range map[string]string{
		"smith": "a f", "ann s": "a", "n\na": "a", "50%": "b", "r_s": "c", `k\s`: "d", "s%h": "", "ÉMI": "e", "émi": "", "Smith": "", "ann": "a",
		"mit": "a f", "score": "c h", "505": "g",
	} {
		w.wantFound(st, search, want)
	}
}

// wantFound checks whom a search finds, in the site and in the whole store.
func (w *world) wantFound(st *site, search, want string) {
	w.Helper()
	q := usermgmt.UserQuery{Org: st.org.ID, Search: search}
	w.wantUsers(fmt.Sprintf("search for %q", search), q, strings.Fields(want)...)
	q.Org = usermgmt.OrgID{}
	w.wantUsers(fmt.Sprintf("search for %q in the whole store", search), q, strings.Fields(want)...)
}

// userListSearchShort: one or two code points, however many bytes, are looked
// for where lines begin.
func userListSearchShort(w *world) {
	st := w.site("a")
	for name, key := range map[string]string{
		"a": "ann smith\nsmith ann\nann\nann@x.test", "b": "joann\nbob", "c": "zoé\nmaria", "d": "élan\nzénon",
		"e": "%5_\n_5%", "f": "5\\", "g": "a", "h": "", "i": "Ann", "j": "山田 太郎\n太郎 山田", "k": "🦊🐻\n\u0301x", "l": "maria\n\nx",
	} {
		w.person(st, name, func(u *usermgmt.User) { u.SearchKey = key })
	}
	for search, want := range map[string]string{
		"a": "a g", "an": "a", "s": "a", "sm": "a", "nn": "", "n": "", "th": "", "jo": "b", "bo": "b", "b": "b", "ma": "c l", "x": "l",
		"é": "d", "él": "d", "zé": "d", "zo": "c", "oé": "", "én": "", "A": "i", "An": "i", "z": "c d",
		"%": "e", "_": "e", "5": "f", "5%": "", "%5": "e", "_5": "e", "5\\": "f", "\\": "", "a%": "", "a_": "",
		"山": "j", "太郎": "j", "田": "", "🦊": "k", "🦊🐻": "k", "🐻": "", "\u0301": "k", "\n": "", "\na": "", "a\n": "", "@": "", " s": "",
	} {
		w.wantFound(st, search, want)
	}
	w.wantUsers("a short search with another condition", usermgmt.UserQuery{Org: st.org.ID, Search: "an", Home: true, Desc: true}, "a")
}
