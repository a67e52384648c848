package storetest

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt"
)

func credentialCases() []testCase {
	return []testCase{
		{"CredentialSave", []string{"SaveCredential", "AccountByID"}, credentialSave},
		{"AttemptsUntilLocked", []string{"ReserveAttempt"}, attemptsUntilLocked},
		{"AttemptsLockEnds", []string{"ReserveAttempt"}, attemptsLockEnds},
		{"AttemptsWithoutLimit", []string{"ReserveAttempt"}, attemptsWithoutLimit},
		{"AttemptsOfNobody", []string{"ReserveAttempt"}, attemptsOfNobody},
		{"AttemptsRelease", []string{"ReserveAttempt", "ReleaseAttempt"}, attemptsRelease},
		{"AttemptsClear", []string{"ClearAttempts", "ReserveAttempt"}, attemptsClear},
		{"LoginRecord", []string{"RecordLogin", "ReserveAttempt"}, loginRecord},
		{"Standing", []string{"StandingOf"}, standing},
		{"StandingWithoutMembership", []string{"StandingOf"}, standingWithout},
	}
}

func credentialSave(w *world) {
	st := w.site("a")
	u := w.user(st, "u")
	c := usermgmt.Credential{User: u.ID, Status: usermgmt.StatusExpired, Hash: "h", ChangedAt: at(1), MustChange: true, TemporaryUntil: at(7), Epoch: 2}
	save := func(version int64) func(context.Context, usermgmt.Store) error {
		c := c
		c.Version = version
		return func(ctx context.Context, tx usermgmt.Store) error { return tx.SaveCredential(ctx, c) }
	}
	stored := func() usermgmt.Credential {
		w.Helper()
		return got(w.s.AccountByID(w.ctx, u.ID)).must(w).Credential
	}
	before := stored()
	w.refuse("saving version 0", isStale, save(0))
	w.refuse("saving a later version", isStale, save(2))
	equal(w, "the credential", before, stored())
	w.write(save(1))
	c.Version = 2
	equal(w, "the credential", c, stored())
	w.refuse("saving an earlier version", isStale, save(1))
	c.Hash, c.Status, c.MustChange = "", usermgmt.StatusActive, false
	w.write(save(2))
	c.Version = 3
	equal(w, "the credential", c, stored())
	nobody := c
	nobody.User = newID[usermgmt.User](w)
	w.refuse("saving nobody's", isMissing, func(ctx context.Context, tx usermgmt.Store) error {
		return tx.SaveCredential(ctx, nobody)
	})
}

// attempts is what a rule does to one user's login state.
type attempts struct {
	w    *world
	user usermgmt.UserID
}

func newAttempts(w *world) attempts {
	return attempts{w, w.user(w.site("a"), "u").ID}
}

func rule(limit int, now, until time.Time) usermgmt.AttemptRule {
	return usermgmt.AttemptRule{Limit: limit, Now: now, LockUntil: until}
}

// stored checks the state that is stored.
func (a attempts) stored(what string, want usermgmt.LoginState) {
	a.w.Helper()
	want.User = a.user
	equal(a.w, what+": stored", want, got(a.w.s.AccountByID(a.w.ctx, a.user)).must(a.w).Login)
}

// reserve checks what ReserveAttempt returns and stores.
func (a attempts) reserve(what string, r usermgmt.AttemptRule, reserved bool, failures int, until time.Time) {
	a.w.Helper()
	want := usermgmt.LoginState{User: a.user, Failures: failures, LockedUntil: until}
	state, ok, err := a.w.s.ReserveAttempt(a.w.ctx, a.user, r)
	a.w.do(err)
	equal(a.w, what+": reserved", reserved, ok)
	equal(a.w, what+": returned", want, state)
	a.stored(what, want)
}

func attemptsUntilLocked(w *world) {
	a := newAttempts(w)
	r := rule(3, at(0), at(20))
	a.reserve("first", r, true, 1, time.Time{})
	a.reserve("second", r, true, 2, time.Time{})
	a.reserve("third", r, true, 3, at(20))
	a.reserve("fourth", r, false, 3, at(20))
	r.LockUntil = at(99)
	a.reserve("one that would lock longer", r, false, 3, at(20))
	a.reserve("just before the end", rule(3, at(20).Add(-time.Microsecond), at(99)), false, 3, at(20))
	a.reserve("with a wider rule", rule(9, at(1), at(99)), false, 3, at(20))

	b := attempts{w, w.user(w.site("b"), "v").ID}
	b.reserve("a limit of one", rule(1, at(0), usermgmt.Forever), true, 1, usermgmt.Forever)
	b.reserve("locked for good", rule(1, usermgmt.Forever.Add(-time.Hour), usermgmt.Forever), false, 1, usermgmt.Forever)
	a.stored("somebody else", usermgmt.LoginState{Failures: 3, LockedUntil: at(20)})
}

func attemptsLockEnds(w *world) {
	a := newAttempts(w)
	a.reserve("first", rule(2, at(0), at(5)), true, 1, time.Time{})
	a.reserve("second", rule(2, at(0), at(5)), true, 2, at(5))
	a.reserve("at the end", rule(2, at(5), at(10)), true, 1, time.Time{})
	a.reserve("after it", rule(2, at(6), at(11)), true, 2, at(11))
	a.reserve("long after", rule(1, at(100), at(105)), true, 1, at(105))
	// A tightened rule locks whoever is above it already.
	b := attempts{w, w.user(w.site("b"), "v").ID}
	for i := range 4 {
		b.reserve("wide", rule(9, at(0), at(5)), true, i+1, time.Time{})
	}
	b.reserve("tight", rule(3, at(1), at(7)), true, 5, at(7))
	b.reserve("locked", rule(3, at(1), at(7)), false, 5, at(7))
}

func attemptsWithoutLimit(w *world) {
	a := newAttempts(w)
	for i := range 5 {
		a.reserve("no limit", rule(0, at(0), at(5)), true, i+1, time.Time{})
	}
	// A lock holds until it ends, even if the rule is off by then.
	w.do(w.s.ClearAttempts(w.ctx, a.user, at(10)))
	a.reserve("locked by hand", rule(0, at(1), at(5)), false, 0, at(10))
	a.reserve("after that", rule(0, at(10), at(15)), true, 1, time.Time{})
}

func attemptsOfNobody(w *world) {
	for _, id := range []usermgmt.UserID{{}, newID[usermgmt.User](w)} {
		state, ok, err := w.s.ReserveAttempt(w.ctx, id, rule(3, at(0), at(5)))
		w.do(err)
		equal(w, "reserved for nobody", false, ok)
		equal(w, "the state of nobody", usermgmt.LoginState{}, state)
	}
}

func attemptsRelease(w *world) {
	a := newAttempts(w)
	release := func(until time.Time) {
		w.Helper()
		w.do(w.s.ReleaseAttempt(w.ctx, a.user, until))
	}
	release(at(5))
	a.stored("none reserved", usermgmt.LoginState{})
	a.reserve("first", rule(2, at(0), at(5)), true, 1, time.Time{})
	a.reserve("second", rule(2, at(0), at(5)), true, 2, at(5))
	release(at(6)) // of another lock
	a.stored("another lock", usermgmt.LoginState{Failures: 1, LockedUntil: at(5)})
	release(at(5))
	a.stored("this lock", usermgmt.LoginState{})
	release(at(5))
	a.stored("not below 0", usermgmt.LoginState{})
	a.reserve("again", rule(2, at(0), at(5)), true, 1, time.Time{})
	a.reserve("again", rule(2, at(0), usermgmt.Forever), true, 2, usermgmt.Forever)
	release(usermgmt.Forever)
	a.stored("a lock for good", usermgmt.LoginState{Failures: 1})
}

func attemptsClear(w *world) {
	a := newAttempts(w)
	w.do(w.s.RecordLogin(w.ctx, a.user, at(-5)))
	login := usermgmt.LoginState{LastLoginAt: at(-5), LoginCount: 1}
	if _, _, err := w.s.ReserveAttempt(w.ctx, a.user, rule(1, at(0), at(5))); err != nil {
		w.do(err)
	}
	w.do(w.s.ClearAttempts(w.ctx, a.user, time.Time{}))
	a.stored("unlocked", login)
	w.do(w.s.ClearAttempts(w.ctx, a.user, usermgmt.Forever))
	login.LockedUntil = usermgmt.Forever
	a.stored("locked", login)
}

func loginRecord(w *world) {
	a := newAttempts(w)
	a.reserve("first", rule(2, at(0), at(5)), true, 1, time.Time{})
	a.reserve("second", rule(2, at(0), at(5)), true, 2, at(5))
	w.do(w.s.RecordLogin(w.ctx, a.user, at(1)))
	a.stored("a login", usermgmt.LoginState{LastLoginAt: at(1), LoginCount: 1})
	w.write(func(ctx context.Context, tx usermgmt.Store) error { return tx.RecordLogin(ctx, a.user, at(2)) })
	a.stored("a second login", usermgmt.LoginState{LastLoginAt: at(2), LoginCount: 2})
	state, ok, err := w.s.ReserveAttempt(w.ctx, a.user, rule(2, at(3), at(5)))
	w.do(err)
	equal(w, "reserved", true, ok)
	equal(w, "the state", usermgmt.LoginState{User: a.user, Failures: 1, LastLoginAt: at(2), LoginCount: 2}, state)
}

// wantStanding builds the standing from the records.
func wantStanding(u usermgmt.User, o usermgmt.Organization) usermgmt.Standing {
	return usermgmt.Standing{
		User: u.ID, Username: u.Username, Kind: u.Kind, Enabled: u.Enabled, Deactivated: !u.DeactivatedAt.IsZero(), Reserved: u.Reserved,
		CredentialStatus: usermgmt.StatusActive, Epoch: 1,
		Org: o.ID, OrgEnabled: o.Enabled, OrgEpoch: o.Epoch, Provider: o.Provider, SwitchRoles: o.SwitchRoles,
		Policy: 1, Trees: 1, SystemPolicy: 1,
	}
}

func standing(w *world) {
	st := w.site("a")
	u := w.user(st, "u")
	m := w.join(st, u.ID, func(m *usermgmt.Membership) { m.Rights = 7 })
	check := func(what string, want usermgmt.Standing) {
		w.Helper()
		equal(w, what, want, got(w.s.StandingOf(w.ctx, u.ID, st.org.ID)).must(w))
	}
	want := wantStanding(u, st.org)
	want.Member, want.MemberEnabled, want.Rights = true, true, 7
	check("an ordinary user", want)

	u.Kind, u.Enabled, u.DeactivatedAt, u.Reserved = usermgmt.KindService, false, at(1), true
	u.Username = "U as typed"
	w.do(w.s.SaveUser(w.ctx, u))
	w.do(w.s.SaveCredential(w.ctx, usermgmt.Credential{
		User: u.ID, Status: usermgmt.StatusPasswordReset, MustChange: true, Epoch: 5, Version: 1,
	}))
	w.do(w.s.ClearAttempts(w.ctx, u.ID, usermgmt.Forever))
	st.org.Enabled, st.org.Epoch, st.org.Provider, st.org.SwitchRoles = false, 3, true, true
	w.do(w.s.SaveOrg(w.ctx, st.org))
	m.Enabled, m.Rights = false, 8
	w.do(w.s.SaveMembership(w.ctx, m))
	want = wantStanding(u, st.org)
	want.CredentialStatus, want.MustChange, want.Epoch = usermgmt.StatusPasswordReset, true, 5
	want.LockedUntil, want.Member, want.Rights = usermgmt.Forever, true, 8
	check("everything else", want)
}

func standingWithout(w *world) {
	a, b := w.site("a"), w.site("b")
	u := w.user(a, "u")
	w.join(a, u.ID)
	got(w.s.StandingOf(w.ctx, u.ID, b.org.ID)).is(w, wantStanding(u, b.org))

	alone := got(w.s.StandingOf(w.ctx, u.ID, usermgmt.OrgID{})).must(w)
	want := wantStanding(u, usermgmt.Organization{})
	want.Policy, want.Trees = 0, 0
	want.SystemPolicy = alone.SystemPolicy // left open
	equal(w, "the standing in no organization", want, alone)

	got(w.s.StandingOf(w.ctx, newID[usermgmt.User](w), a.org.ID)).missing(w)
	got(w.s.StandingOf(w.ctx, newID[usermgmt.User](w), usermgmt.OrgID{})).missing(w)
	got(w.s.StandingOf(w.ctx, u.ID, newID[usermgmt.Organization](w))).missing(w)
	got(w.s.StandingOf(w.ctx, usermgmt.UserID{}, a.org.ID)).missing(w)
}
