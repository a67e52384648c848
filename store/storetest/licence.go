package storetest

import (
	"context"

	"github.com/usermgmt/usermgmt"
)

func licenceCases() []testCase {
	return []testCase{
		{"PoolSize", []string{"SetPool", "ListPools"}, poolSize},
		{"PoolClaims", []string{"ClaimSeats", "ListPools"}, poolClaims},
		{"PoolNeverSet", []string{"ClaimSeats", "ListPools", "SetPool"}, poolNeverSet},
		{"PoolBelowUsed", []string{"ClaimSeats", "SetPool"}, poolBelowUsed},
		{"PoolOverdraft", []string{"ClaimSeats", "SetPool", "ListPools"}, poolOverdraft},
		{"PoolFloating", []string{"CreateSession", "FloatingSeats", "ClaimSeats", "SetPool"}, poolFloating},
		{"PoolFloatingEnds", []string{"CreateSession", "FloatingSeats", "EndSession", "TouchSession", "UpdateSession"}, poolFloatingEnds},
	}
}

// size are the terms of a plain pool.
func size(n int) usermgmt.PoolTerms { return usermgmt.PoolTerms{Size: n} }

type pools struct {
	w   *world
	org usermgmt.OrgID
}

func (p pools) is(want ...usermgmt.LicencePool) {
	p.w.Helper()
	for i := range want {
		want[i].Org = p.org
	}
	got(p.w.s.ListPools(p.w.ctx, p.org)).is(p.w, want)
}

func (p pools) set(t usermgmt.LicenceType, n int) {
	p.w.Helper()
	p.w.do(p.w.s.SetPool(p.w.ctx, p.org, t, size(n)))
}

func (p pools) claim(t usermgmt.LicenceType, n int) {
	p.w.Helper()
	p.w.do(p.w.s.ClaimSeats(p.w.ctx, p.org, t, n))
}

func (p pools) full(t usermgmt.LicenceType, n int) {
	p.w.Helper()
	p.w.refuse("a claim past the size", isFull, func(ctx context.Context, tx usermgmt.Store) error {
		return tx.ClaimSeats(ctx, p.org, t, n)
	})
}

func poolSize(w *world) {
	p, other := pools{w, w.org("a").ID}, pools{w, w.org("b").ID}
	p.is()
	p.set("site", 5)
	p.set("Z", 0)
	p.set("a-1", -1)
	p.set("_", 1)
	other.set("site", 7)
	p.is(usermgmt.LicencePool{Type: "Z"}, usermgmt.LicencePool{Type: "_", PoolTerms: size(1)},
		usermgmt.LicencePool{Type: "a-1", PoolTerms: size(-1)}, usermgmt.LicencePool{Type: "site", PoolTerms: size(5)})
	p.set("site", 6)
	p.set("a-1", 2)
	p.is(usermgmt.LicencePool{Type: "Z"}, usermgmt.LicencePool{Type: "_", PoolTerms: size(1)},
		usermgmt.LicencePool{Type: "a-1", PoolTerms: size(2)}, usermgmt.LicencePool{Type: "site", PoolTerms: size(6)})
	other.is(usermgmt.LicencePool{Type: "site", PoolTerms: size(7)})
}

func poolClaims(w *world) {
	p, other := pools{w, w.org("a").ID}, pools{w, w.org("b").ID}
	p.set("site", 3)
	p.set("none", 0)
	other.set("site", 1)
	p.full("none", 1)
	p.claim("site", 2)
	p.full("site", 2)
	p.is(usermgmt.LicencePool{Type: "none"}, usermgmt.LicencePool{Type: "site", PoolTerms: size(3), Used: 2})
	p.claim("site", 1)
	p.full("site", 1)
	p.claim("site", -1)
	p.claim("site", 1)
	p.set("site", 4) // leaves Used alone
	p.is(usermgmt.LicencePool{Type: "none"}, usermgmt.LicencePool{Type: "site", PoolTerms: size(4), Used: 3})
	p.claim("site", -99) // not below 0
	p.claim("none", -1)
	p.is(usermgmt.LicencePool{Type: "none"}, usermgmt.LicencePool{Type: "site", PoolTerms: size(4)})
	p.claim("site", 4)
	p.full("site", 1)
	other.claim("site", 1)
	other.full("site", 1)
}

func poolNeverSet(w *world) {
	p := pools{w, w.org("a").ID}
	p.claim("site", 1000)
	p.is(usermgmt.LicencePool{Type: "site", PoolTerms: size(-1), Used: 1000})
	p.claim("site", -999)
	p.set("site", 2)
	p.is(usermgmt.LicencePool{Type: "site", PoolTerms: size(2), Used: 1})
	p.claim("site", 1)
	p.full("site", 1)
	p.set("site", -1)
	p.claim("site", 1)
	p.is(usermgmt.LicencePool{Type: "site", PoolTerms: size(-1), Used: 3})
}

func poolBelowUsed(w *world) {
	p := pools{w, w.org("a").ID}
	p.set("site", 5)
	p.claim("site", 5)
	p.set("site", 2)
	p.is(usermgmt.LicencePool{Type: "site", PoolTerms: size(2), Used: 5})
	p.full("site", 1)
	// Giving back is always possible, though Used exceeds Size after it too.
	p.claim("site", -1)
	p.is(usermgmt.LicencePool{Type: "site", PoolTerms: size(2), Used: 4})
	p.full("site", 1)
	p.claim("site", -3)
	p.claim("site", 1)
	p.full("site", 1)
	p.is(usermgmt.LicencePool{Type: "site", PoolTerms: size(2), Used: 2})
}

func poolOverdraft(w *world) {
	p := pools{w, w.org("a").ID}
	terms := usermgmt.PoolTerms{Size: 2, Overdraft: 1}
	w.do(w.s.SetPool(w.ctx, p.org, "site", terms))
	p.claim("site", 3)
	p.full("site", 1)
	p.is(usermgmt.LicencePool{Type: "site", PoolTerms: terms, Used: 3})
	terms.Overdraft = -1
	w.do(w.s.SetPool(w.ctx, p.org, "site", terms))
	p.claim("site", 100)
	p.is(usermgmt.LicencePool{Type: "site", PoolTerms: terms, Used: 103})
	p.set("site", 2) // the terms are replaced, all of them
	p.full("site", 1)
	p.is(usermgmt.LicencePool{Type: "site", PoolTerms: size(2), Used: 103})
}

// floats makes a pool with so many floating seats.
func (p pools) floats(t usermgmt.LicenceType, n, overdraft int) {
	p.w.Helper()
	p.w.do(p.w.s.SetPool(p.w.ctx, p.org, t, usermgmt.PoolTerms{Size: n, Overdraft: overdraft, Floating: true}))
}

// seats checks who many hold seats at minute n.
func (p pools) seats(n int, want map[usermgmt.LicenceType]int) {
	p.w.Helper()
	if want == nil {
		want = map[usermgmt.LicenceType]int{}
	}
	equal(p.w, "the floating seats", want, got(p.w.s.FloatingSeats(p.w.ctx, p.org, at(n))).must(p.w))
}

// seated returns a session that takes a seat of a pool and is not saved.
func (w *world) seated(st *site, u usermgmt.UserID, n int, t usermgmt.LicenceType) usermgmt.Session {
	s := w.newSession(st, u, n)
	s.Licence = t
	return s
}

func poolFloating(w *world) {
	a, b := w.site("a"), w.site("b")
	p, other := pools{w, a.org.ID}, pools{w, b.org.ID}
	var users [5]usermgmt.UserID
	for i := range users {
		users[i] = w.user(a, string(rune('u'+i))).ID
	}
	open := func(st *site, u usermgmt.UserID, t usermgmt.LicenceType) usermgmt.Session {
		w.Helper()
		s := w.seated(st, u, 0, t)
		w.do(w.s.CreateSession(w.ctx, s))
		w.sessionIs("the session", s)
		return s
	}
	refused := func(u usermgmt.UserID, t usermgmt.LicenceType) {
		w.Helper()
		s := w.seated(a, u, 0, t)
		w.refuse("a session past the seats", isFull, func(ctx context.Context, tx usermgmt.Store) error { return tx.CreateSession(ctx, s) })
		got(w.s.SessionByID(w.ctx, s.ID)).missing(w)
	}
	open(a, users[0], "never set")
	p.set("plain", 0)
	open(a, users[0], "plain") // does not float
	p.floats("flex", 2, 0)
	p.floats("more", 1, 1)
	p.floats("free", -1, 0)
	p.floats("lax", 0, -1)
	other.floats("flex", 1, 0)
	p.seats(0, nil)
	open(a, users[0], "flex")
	open(a, users[0], "flex") // the same user twice is one seat
	open(b, users[1], "flex") // a seat of another organization
	open(a, users[1], "flex")
	refused(users[2], "flex")
	open(a, users[0], "flex")
	open(a, users[2], "more")
	open(a, users[3], "more")
	refused(users[4], "more")
	for _, u := range users {
		open(a, u, "free")
		open(a, u, "lax")
	}
	p.seats(0, map[usermgmt.LicenceType]int{"flex": 2, "more": 2, "free": 5, "lax": 5})
	other.seats(0, map[usermgmt.LicenceType]int{"flex": 1})
	p.claim("flex", 7) // members are assigned whatever the size
	p.set("flex", 2)   // no longer floats: nobody counts logins
	open(a, users[3], "flex")
	p.seats(0, map[usermgmt.LicenceType]int{"more": 2, "free": 5, "lax": 5})
	p.full("flex", 1)
	p.floats("flex", 3, 0) // and those who hold a seat still do
	p.seats(0, map[usermgmt.LicenceType]int{"flex": 3, "more": 2, "free": 5, "lax": 5})
	refused(users[4], "flex")
	p.is(usermgmt.LicencePool{Type: "flex", PoolTerms: usermgmt.PoolTerms{Size: 3, Floating: true}, Used: 7},
		usermgmt.LicencePool{Type: "free", PoolTerms: usermgmt.PoolTerms{Size: -1, Floating: true}},
		usermgmt.LicencePool{Type: "lax", PoolTerms: usermgmt.PoolTerms{Overdraft: -1, Floating: true}},
		usermgmt.LicencePool{Type: "more", PoolTerms: usermgmt.PoolTerms{Size: 1, Overdraft: 1, Floating: true}},
		usermgmt.LicencePool{Type: "plain"})
}

// poolFloatingEnds: a seat is free with the end of the last session, however it ends.
func poolFloatingEnds(w *world) {
	st := w.site("a")
	p := pools{w, st.org.ID}
	p.floats("flex", 1, 0)
	u, v := w.user(st, "u").ID, w.user(st, "v").ID
	one := map[usermgmt.LicenceType]int{"flex": 1}
	open := func(change func(s *usermgmt.Session)) usermgmt.Session {
		w.Helper()
		s := w.seated(st, u, 0, "flex") // idles out after 30 minutes, ends after 600
		change(&s)
		w.do(w.s.CreateSession(w.ctx, s))
		return s
	}
	free := func(n int, want bool) {
		w.Helper()
		s := w.seated(st, v, n, "flex")
		if !want {
			w.refuse("a session without a seat", isFull, func(ctx context.Context, tx usermgmt.Store) error { return tx.CreateSession(ctx, s) })
			p.seats(n, one)
			return
		}
		p.seats(n, nil)
		w.do(w.s.CreateSession(w.ctx, s))
		got(w.s.EndSession(w.ctx, s.ID, at(n), "")).is(w, true)
	}
	end := func(s usermgmt.Session) {
		w.Helper()
		got(w.s.EndSession(w.ctx, s.ID, at(1), "")).is(w, true)
	}
	s := open(func(*usermgmt.Session) {})
	free(0, false)
	free(29, false)
	free(30, true)
	w.do(w.s.TouchSession(w.ctx, s.ID, at(20), at(20)))
	free(49, false)
	free(50, true)
	end(s)
	free(0, true)

	s = open(func(s *usermgmt.Session) { s.ExpiresAt = at(10) })
	free(9, false)
	free(10, true)
	end(s)

	s = open(func(s *usermgmt.Session) { s.Parked = true }) // waits, however long it idles
	free(599, false)
	free(600, true)
	s.Parked, s.SeenAt = false, at(100)
	w.do(w.s.UpdateSession(w.ctx, s, s.TokenHash))
	free(129, false)
	free(130, true)
	again := open(func(s *usermgmt.Session) { s.CreatedAt, s.SeenAt = at(100), at(100) })
	end(s)
	free(100, false) // the other session still holds it
	end(again)
	free(100, true)
	open(func(s *usermgmt.Session) { s.EndedAt = at(0) })
	free(0, true)
}
