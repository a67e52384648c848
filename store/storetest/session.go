package storetest

import (
	"context"
	"slices"
	"time"

	"github.com/usermgmt/usermgmt"
)

func sessionCases() []testCase {
	return []testCase{
		{"SessionCreate", []string{"CreateSession", "SessionByID", "SessionByToken"}, sessionCreate},
		{"SessionsByID", []string{"SessionsByID"}, sessionsByID},
		{"SessionTokensAreUnique", []string{"CreateSession", "UpdateSession"}, sessionTokens},
		{"SessionUpdate", []string{"UpdateSession", "SessionByToken"}, sessionUpdate},
		{"SessionTouch", []string{"TouchSession"}, sessionTouch},
		{"SessionEnd", []string{"EndSession", "SessionByID", "SessionByToken"}, sessionEnd},
		{"SessionEndWithProxies", []string{"EndSession"}, sessionEndProxies},
		{"SessionsEnd", []string{"EndSessions"}, sessionsEnd},
		{"SessionsEndOfOperator", []string{"EndSessions"}, sessionsEndOperator},
		{"SessionList", []string{"ListSessions"}, sessionList},
		{"SessionPrune", []string{"PruneSessions"}, sessionPrune},
	}
}

func (w *world) sessionIs(what string, want usermgmt.Session) {
	w.Helper()
	equal(w, what, want, got(w.s.SessionByID(w.ctx, want.ID)).must(w).Session)
}

func ended(s usermgmt.Session, at time.Time, reason string) usermgmt.Session {
	s.EndedAt, s.EndReason = at, reason
	return s
}

func sessionCreate(w *world) {
	st := w.site("a")
	u, v := w.user(st, "u"), w.user(st, "v")
	w.join(st, u.ID, func(m *usermgmt.Membership) { m.Rights = 3 })
	full := w.newSession(st, u.ID, 0)
	full.Kind, full.Operator, full.Parent = usermgmt.SessionProxy, v.ID, w.session(st, v.ID, 0).ID
	full.App, full.Role, full.Reason = st.app.ID, st.role.ID, "a call"
	full.Basis, full.ReadOnly, full.Intersect = usermgmt.BasisDeputy, true, true
	full.Pending, full.ProvedAt = usermgmt.StepFactor|usermgmt.StepEnroll, at(-3)
	full.Epoch, full.OperatorEpoch, full.Idle = 7, 1<<40, 15*time.Minute
	full.Origin = usermgmt.Origin{Address: "2001:db8::1", UserAgent: "agent/1 (\u00e9)", RequestID: "r"}
	w.do(w.s.CreateSession(w.ctx, full))

	want := wantStanding(u, st.org)
	want.Member, want.MemberEnabled, want.Rights = true, true, 3
	view := usermgmt.SessionView{Session: full, Standing: want}
	got(w.s.SessionByToken(w.ctx, full.TokenHash)).is(w, view)
	got(w.s.SessionByID(w.ctx, full.ID)).is(w, view)
	got(w.s.SessionByToken(w.ctx, hashOf(-1))).missing(w)
	got(w.s.SessionByID(w.ctx, newID[usermgmt.Session](w))).missing(w)

	// The standing is that of the read.
	w.do(w.s.BumpStamps(w.ctx, st.org.ID, true))
	w.do(w.s.BumpStamps(w.ctx, usermgmt.OrgID{}, false))
	w.do(w.s.ClearAttempts(w.ctx, u.ID, at(9)))
	view.Standing.Policy, view.Standing.Trees, view.Standing.SystemPolicy = 2, 2, 2
	view.Standing.LockedUntil = at(9)
	got(w.s.SessionByToken(w.ctx, full.TokenHash)).is(w, view)

	// Parked sessions and those that are past their limits are found: a store
	// has no clock, and what a parked one may do is not its affair.
	old := w.newSession(st, v.ID, -9999)
	old.Parked = true
	w.do(w.s.CreateSession(w.ctx, old))
	view = usermgmt.SessionView{Session: old, Standing: wantStanding(v, st.org)}
	view.Standing.Policy, view.Standing.Trees, view.Standing.SystemPolicy = 2, 2, 2
	got(w.s.SessionByToken(w.ctx, old.TokenHash)).is(w, view)
}

func sessionsByID(w *world) {
	st := w.site("a")
	u := w.user(st, "u")
	a, b := w.session(st, u.ID, 0), w.session(st, u.ID, 1)
	c := w.proxy(st, a, w.user(st, "v").ID, 2)
	equal(w, "ended", true, got(w.s.EndSession(w.ctx, a.ID, at(5), "x")).must(w))
	find := func(what string, want []usermgmt.Session, ids ...usermgmt.SessionID) {
		w.Helper()
		list := got(w.s.SessionsByID(w.ctx, ids)).must(w)
		slices.SortFunc(list, func(a, b usermgmt.Session) int { return a.CreatedAt.Compare(b.CreatedAt) })
		equal(w, what, want, list)
	}
	find("no sessions", nil)
	find("an unknown session", nil, newID[usermgmt.Session](w))
	find("live and ended ones, each once", []usermgmt.Session{ended(a, at(5), "x"), b, ended(c, at(5), "x")}, c.ID, a.ID, b.ID, newID[usermgmt.Session](w), a.ID)
}

func sessionTokens(w *world) {
	st := w.site("a")
	u, v := w.user(st, "u"), w.user(st, "v")
	a, b := w.session(st, u.ID, 0), w.session(st, v.ID, 0)
	clash := w.newSession(st, v.ID, 0)
	clash.TokenHash = a.TokenHash
	w.refuse("a taken token", isTaken("token"), func(ctx context.Context, tx usermgmt.Store) error {
		return tx.CreateSession(ctx, clash)
	})
	got(w.s.SessionByID(w.ctx, clash.ID)).missing(w)
	clash = b
	clash.TokenHash = a.TokenHash
	w.refuse("changing to a taken token", isTaken("token"), func(ctx context.Context, tx usermgmt.Store) error {
		return tx.UpdateSession(ctx, clash, b.TokenHash)
	})
	clash = a
	clash.TokenHash = hashOf(-1)
	w.refuse("a taken identifier", isDuplicate, func(ctx context.Context, tx usermgmt.Store) error {
		return tx.CreateSession(ctx, clash)
	})
	w.sessionIs("the session", a)
}

func sessionUpdate(w *world) {
	st := w.site("a")
	u := w.user(st, "u")
	a := w.session(st, u.ID, 0)
	next := a
	next.TokenHash, next.Parked, next.App, next.Role, next.SeenAt = hashOf(-1), true, st.app.ID, st.role.ID, at(3)
	given := next
	// Nothing else is replaced.
	given.Kind, given.Reason, given.Epoch, given.CreatedAt, given.ExpiresAt = usermgmt.SessionProxy, "x", 9, at(9), at(10)
	given.Basis, given.ReadOnly, given.Intersect = usermgmt.BasisBreakGlass, true, true
	given.User, given.Idle, given.Origin.Address, given.EndReason = w.user(st, "v").ID, 1, "x", "x"
	w.do(w.s.UpdateSession(w.ctx, given, a.TokenHash))
	w.sessionIs("the session", next)
	got(w.s.SessionByToken(w.ctx, a.TokenHash)).missing(w)
	equal(w, "the session by its new token", next, got(w.s.SessionByToken(w.ctx, next.TokenHash)).must(w).Session)

	update := func(s usermgmt.Session, old [32]byte) func(context.Context, usermgmt.Store) error {
		return func(ctx context.Context, tx usermgmt.Store) error { return tx.UpdateSession(ctx, s, old) }
	}
	w.refuse("updating with the hash before", isStale, update(a, a.TokenHash))
	next.Parked, next.App, next.Role = false, usermgmt.ApplicationID{}, usermgmt.RoleID{}
	w.write(update(next, next.TokenHash)) // the token may stay
	w.sessionIs("the session", next)
	unknown := w.newSession(st, u.ID, 0)
	w.refuse("updating what is not there", isStale, update(unknown, unknown.TokenHash))
	got(w.s.EndSession(w.ctx, a.ID, at(4), "logout")).is(w, true)
	w.refuse("updating what is ended", isStale, update(next, next.TokenHash))
	w.sessionIs("the session", ended(next, at(4), "logout"))
}

func sessionTouch(w *world) {
	st := w.site("a")
	a := w.session(st, w.user(st, "u").ID, 0)
	touch := func(what string, at, stale, want time.Time) {
		w.Helper()
		w.do(w.s.TouchSession(w.ctx, a.ID, at, stale))
		a.SeenAt = want
		w.sessionIs(what, a)
	}
	touch("seen at the limit", at(5), at(0), at(0))
	touch("seen after it", at(5), at(-1), at(0))
	touch("seen before it", at(5), at(0).Add(time.Microsecond), at(5))
	got(w.s.EndSession(w.ctx, a.ID, at(6), "logout")).is(w, true)
	a = ended(a, at(6), "logout")
	touch("ended", at(9), at(9), at(5))
	w.do(w.s.TouchSession(w.ctx, newID[usermgmt.Session](w), at(9), at(9)))
}

func sessionEnd(w *world) {
	st := w.site("a")
	u := w.user(st, "u")
	a, b := w.session(st, u.ID, 0), w.session(st, u.ID, 1)
	got(w.s.EndSession(w.ctx, a.ID, at(5), "logout")).is(w, true)
	w.sessionIs("the session", ended(a, at(5), "logout"))
	got(w.s.SessionByToken(w.ctx, a.TokenHash)).missing(w)
	got(w.s.EndSession(w.ctx, a.ID, at(6), "again")).is(w, false)
	w.sessionIs("the session, ended twice", ended(a, at(5), "logout"))
	w.sessionIs("another session", b)
	got(w.s.EndSession(w.ctx, newID[usermgmt.Session](w), at(6), "logout")).is(w, false)
}

func sessionEndProxies(w *world) {
	st := w.site("a")
	op, t1, t2 := w.user(st, "op"), w.user(st, "t1"), w.user(st, "t2")
	own, other := w.session(st, op.ID, 0), w.session(st, op.ID, 1)
	done := w.proxy(st, own, t1.ID, 2)
	got(w.s.EndSession(w.ctx, done.ID, at(3), "switch back")).is(w, true)
	w.sessionIs("the parent of an ended one", own)
	live, foreign := w.proxy(st, own, t2.ID, 4), w.proxy(st, other, t2.ID, 5)
	targets := w.session(st, t2.ID, 6)

	got(w.s.EndSession(w.ctx, own.ID, at(9), "logout")).is(w, true)
	w.sessionIs("the session", ended(own, at(9), "logout"))
	w.sessionIs("its proxy session", ended(live, at(9), "logout"))
	w.sessionIs("a proxy session that had ended", ended(done, at(3), "switch back"))
	for _, s := range []usermgmt.Session{other, foreign, targets} {
		w.sessionIs("a session of another place", s)
	}
}

func sessionsEnd(w *world) {
	a, b := w.site("a"), w.site("b")
	u, v := w.user(a, "u"), w.user(a, "v")
	keep, second, inB := w.session(a, u.ID, 0), w.session(a, u.ID, 1), w.session(b, u.ID, 2)
	others := w.session(a, v.ID, 3)
	old := w.session(a, u.ID, 4)
	got(w.s.EndSession(w.ctx, old.ID, at(4), "logout")).is(w, true)

	got(w.s.EndSessions(w.ctx, u.ID, a.org.ID, keep.ID, at(9), "password")).is(w, 1)
	w.sessionIs("the second", ended(second, at(9), "password"))
	got(w.s.SessionByToken(w.ctx, second.TokenHash)).missing(w)
	w.sessionIs("one that had ended", ended(old, at(4), "logout"))
	for _, s := range []usermgmt.Session{keep, inB, others} {
		w.sessionIs("a session that stays", s)
	}
	got(w.s.EndSessions(w.ctx, u.ID, a.org.ID, keep.ID, at(10), "again")).is(w, 0)
	got(w.s.EndSessions(w.ctx, u.ID, usermgmt.OrgID{}, usermgmt.SessionID{}, at(10), "everywhere")).is(w, 2)
	w.sessionIs("the one kept", ended(keep, at(10), "everywhere"))
	w.sessionIs("the one in b", ended(inB, at(10), "everywhere"))
	w.sessionIs("somebody else's", others)
	got(w.s.EndSessions(w.ctx, newID[usermgmt.User](w), usermgmt.OrgID{}, usermgmt.SessionID{}, at(10), "x")).is(w, 0)
}

func sessionsEndOperator(w *world) {
	st := w.site("a")
	op, target, boss := w.user(st, "op"), w.user(st, "target"), w.user(st, "boss")
	own := w.session(st, op.ID, 0)
	asTarget := w.proxy(st, own, target.ID, 1)
	bosses := w.session(st, boss.ID, 2)
	asOp := w.proxy(st, bosses, op.ID, 3)
	targets := w.session(st, target.ID, 4)
	if _, err := w.s.EndSessions(w.ctx, op.ID, st.org.ID, usermgmt.SessionID{}, at(9), "off"); err != nil {
		w.do(err)
	}
	w.sessionIs("the operator's own", ended(own, at(9), "off"))
	w.sessionIs("the operator as target", ended(asTarget, at(9), "off"))
	w.sessionIs("the boss as the operator", ended(asOp, at(9), "off"))
	w.sessionIs("the boss's own", bosses)
	w.sessionIs("the target's own", targets)

	// The end of the target's sessions takes the operator's visit along.
	again := w.session(st, op.ID, 10)
	visit := w.proxy(st, again, target.ID, 11)
	if _, err := w.s.EndSessions(w.ctx, target.ID, usermgmt.OrgID{}, usermgmt.SessionID{}, at(12), "disabled"); err != nil {
		w.do(err)
	}
	w.sessionIs("the visit", ended(visit, at(12), "disabled"))
	w.sessionIs("the target's own", ended(targets, at(12), "disabled"))
	w.sessionIs("the operator's own", again)
}

func sessionList(w *world) {
	a, b := w.site("a"), w.site("b")
	u, v := w.user(a, "u"), w.user(a, "v")
	var want []usermgmt.Session
	for i := range 4 {
		st := a
		if i == 2 {
			st = b
		}
		want = append([]usermgmt.Session{w.session(st, u.ID, i)}, want...)
	}
	w.session(a, v.ID, 5)
	gone := w.session(a, u.ID, 6)
	got(w.s.EndSession(w.ctx, gone.ID, at(7), "logout")).is(w, true)
	want = append([]usermgmt.Session{w.proxy(a, want[0], v.ID, 8)}, want...)
	got(w.s.ListSessions(w.ctx, u.ID, everything)).is(w, want)
	got(w.s.ListSessions(w.ctx, u.ID, 5)).is(w, want)
	got(w.s.ListSessions(w.ctx, u.ID, 2)).is(w, want[:2])
	got(w.s.ListSessions(w.ctx, newID[usermgmt.User](w), 2)).is(w, nil)
}

func sessionPrune(w *world) {
	st := w.site("a")
	u := w.user(st, "u")
	insert := func(expires, ends int) usermgmt.Session {
		s := w.newSession(st, u.ID, 0)
		s.ExpiresAt = at(expires)
		w.do(w.s.CreateSession(w.ctx, s))
		if ends > 0 {
			got(w.s.EndSession(w.ctx, s.ID, at(ends), "logout")).is(w, true)
			s = ended(s, at(ends), "logout")
		}
		return s
	}
	live, endedLate := insert(20, 0), insert(100, 11)
	endedAt, expiresAt := insert(100, 10), insert(10, 0)
	gone := []usermgmt.Session{insert(9, 0), insert(100, 9), insert(9, 9), insert(9, 12)}

	got(w.s.PruneSessions(w.ctx, at(10), 3)).is(w, 3)
	got(w.s.PruneSessions(w.ctx, at(10), 3)).is(w, 1)
	got(w.s.PruneSessions(w.ctx, at(10), 3)).is(w, 0)
	for _, s := range gone {
		got(w.s.SessionByID(w.ctx, s.ID)).missing(w)
		got(w.s.SessionByToken(w.ctx, s.TokenHash)).missing(w)
	}
	for _, s := range []usermgmt.Session{live, endedLate, endedAt, expiresAt} {
		w.sessionIs("a session that is not due", s)
	}
}
