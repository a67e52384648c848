package storetest

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt"
)

func tokenCases() []testCase {
	return []testCase{
		{"TokenPut", []string{"PutToken", "TokenByID", "TokenByKey"}, tokenPut},
		{"TokenReplace", []string{"PutToken", "ArmToken", "TokenByHash"}, tokenReplace},
		{"TokenSince", []string{"PutToken"}, tokenSince},
		{"TokenArm", []string{"ArmToken", "TokenByHash"}, tokenArm},
		{"TokenUse", []string{"UseToken", "ArmToken"}, tokenUse},
		{"TokensDelete", []string{"DeleteTokens", "TokenByID", "TokenByHash"}, tokensDelete},
		{"TokensPrune", []string{"PruneTokens"}, tokensPrune},
	}
}

// newToken returns a token of the user, made at minute n, that is not stored.
func (w *world) newToken(purpose usermgmt.TokenPurpose, u usermgmt.UserID, n int) usermgmt.Token {
	return usermgmt.Token{
		ID: newID[usermgmt.Token](w), Key: string(purpose) + " " + u.String(), Purpose: purpose, User: u,
		Address: "ann@mail.test", UsernameKey: "ann", EmailKey: "ann@mail.test", Epoch: 1 << 40, Logins: 3,
		CreatedAt: at(n), ExpiresAt: at(n + 60),
	}
}

func (w *world) putToken(t usermgmt.Token, since time.Time, want bool) {
	w.Helper()
	equal(w, "whether the token was put", want, got(w.s.PutToken(w.ctx, t, since)).must(w))
}

func (w *world) armToken(t usermgmt.TokenID, n int, want bool) {
	w.Helper()
	equal(w, "whether the token was armed", want,
		got(w.s.ArmToken(w.ctx, usermgmt.TokenSecret{Token: t, Hash: hashOf(n)})).must(w))
}

func tokenPut(w *world) {
	st := w.site("a")
	u, by := w.user(st, "u"), w.user(st, "by")
	t := w.newToken(usermgmt.TokenReset, u.ID, 0)
	t.Org, t.Session, t.Invitation = st.org.ID, newID[usermgmt.Session](w), newID[usermgmt.Invitation](w)
	t.CreatedBy, t.Code = by.ID, "$argon2id$"
	w.putToken(t, time.Time{}, true)
	got(w.s.TokenByID(w.ctx, t.ID)).is(w, t)
	got(w.s.TokenByKey(w.ctx, t.Key)).is(w, t)
	got(w.s.TokenByKey(w.ctx, "")).missing(w)
	got(w.s.TokenByKey(w.ctx, "reset\x00")).missing(w)
	got(w.s.TokenByID(w.ctx, newID[usermgmt.Token](w))).missing(w)
	got(w.s.TokenByHash(w.ctx, hashOf(-1))).missing(w)

	nobodys := w.newToken(usermgmt.TokenReset, usermgmt.UserID{}, 0)
	nobodys.Key = ""
	w.putToken(nobodys, time.Time{}, false)
	w.putToken(nobodys, at(0), false)
	got(w.s.TokenByID(w.ctx, nobodys.ID)).missing(w)
	join := w.newToken(usermgmt.TokenJoin, usermgmt.UserID{}, 0)
	w.putToken(join, time.Time{}, true)
	got(w.s.TokenByKey(w.ctx, join.Key)).is(w, join)
	w.refuse("a token of an unknown user", refusal{kind: usermgmt.ErrConflict, field: "user", rule: "reference"},
		func(ctx context.Context, tx usermgmt.Store) error {
			_, err := tx.PutToken(ctx, w.newToken(usermgmt.TokenReset, newID[usermgmt.User](w), 0), time.Time{})
			return err
		})
}

func tokenReplace(w *world) {
	st := w.site("a")
	u := w.user(st, "u")
	old, other := w.newToken(usermgmt.TokenReset, u.ID, 0), w.newToken(usermgmt.TokenEmail, u.ID, 0)
	w.putToken(old, time.Time{}, true)
	w.putToken(other, time.Time{}, true)
	w.armToken(old.ID, 1, true)
	w.armToken(other.ID, 2, true)
	next := w.newToken(usermgmt.TokenInvitation, u.ID, -5)
	next.Key = old.Key
	w.putToken(next, time.Time{}, true) // also an older one
	got(w.s.TokenByKey(w.ctx, old.Key)).is(w, next)
	got(w.s.TokenByID(w.ctx, old.ID)).missing(w)
	got(w.s.TokenByHash(w.ctx, hashOf(1))).missing(w)
	w.armToken(old.ID, 3, false)
	got(w.s.TokenByHash(w.ctx, hashOf(3))).missing(w)
	w.armToken(next.ID, 1, true) // a hash that is free again
	got(w.s.TokenByHash(w.ctx, hashOf(1))).is(w, next)
	got(w.s.TokenByHash(w.ctx, hashOf(2))).is(w, other)
}

func tokenSince(w *world) {
	u := w.user(w.site("a"), "u")
	first := w.newToken(usermgmt.TokenReset, u.ID, 10)
	w.putToken(first, at(5), true)
	stays := func(what string, n int, since time.Time) {
		w.Helper()
		w.putToken(w.newToken(usermgmt.TokenReset, u.ID, n), since, false)
		equal(w, what, first, got(w.s.TokenByKey(w.ctx, first.Key)).must(w))
	}
	stays("made after since", 12, at(9))
	stays("made a microsecond after since", 12, at(10).Add(-time.Microsecond))
	stays("made at the same time", 10, at(9))
	equal(w, "used", true, got(w.s.UseToken(w.ctx, first.ID, at(11))).must(w))
	first.UsedAt = at(11)
	stays("a used one counts too", 12, at(9))
	first = w.newToken(usermgmt.TokenReset, u.ID, 12)
	w.putToken(first, at(10), true) // made at since
	ahead := w.newToken(usermgmt.TokenReset, u.ID, 11)
	w.putToken(ahead, at(9), true) // the stored one is of a time that is yet to come
	got(w.s.TokenByKey(w.ctx, first.Key)).is(w, ahead)
}

func tokenArm(w *world) {
	u := w.user(w.site("a"), "u")
	t := w.newToken(usermgmt.TokenReset, u.ID, 0)
	w.putToken(t, time.Time{}, true)
	w.armToken(t.ID, 1, true)
	w.armToken(t.ID, 2, true)
	w.armToken(newID[usermgmt.Token](w), 3, false)
	for _, n := range []int{1, 2} { // both are good
		got(w.s.TokenByHash(w.ctx, hashOf(n))).is(w, t)
	}
	got(w.s.TokenByHash(w.ctx, hashOf(3))).missing(w)
	got(w.s.TokenByHash(w.ctx, [32]byte{})).missing(w)
	for _, code := range []string{"$first$", "$second$"} {
		armed := got(w.s.ArmToken(w.ctx, usermgmt.TokenSecret{Token: t.ID, Code: code})).must(w)
		equal(w, "whether a code was set", true, armed)
		t.Code = code
		got(w.s.TokenByID(w.ctx, t.ID)).is(w, t)
	}
	w.armToken(t.ID, 4, true)
	got(w.s.TokenByHash(w.ctx, hashOf(4))).is(w, t)
	w.refuse("a hash that is taken", isTaken("hash"), func(ctx context.Context, tx usermgmt.Store) error {
		_, err := tx.ArmToken(ctx, usermgmt.TokenSecret{Token: t.ID, Hash: hashOf(1)})
		return err
	})
}

func tokenUse(w *world) {
	u := w.user(w.site("a"), "u")
	t := w.newToken(usermgmt.TokenReset, u.ID, 0)
	w.putToken(t, time.Time{}, true)
	w.armToken(t.ID, 1, true)
	use := func(what string, want bool, id usermgmt.TokenID, n int) {
		w.Helper()
		equal(w, what, want, got(w.s.UseToken(w.ctx, id, at(n))).must(w))
	}
	use("an unknown token", false, newID[usermgmt.Token](w), 1)
	use("the first use", true, t.ID, 2)
	use("the second use", false, t.ID, 3)
	t.UsedAt = at(2)
	got(w.s.TokenByHash(w.ctx, hashOf(1))).is(w, t)
	w.armToken(t.ID, 2, false)
	got(w.s.TokenByHash(w.ctx, hashOf(2))).missing(w)
	again := w.newToken(usermgmt.TokenReset, u.ID, 5)
	w.putToken(again, time.Time{}, true)
	use("the one that replaced it", true, again.ID, 6)
}

func tokensDelete(w *world) {
	st := w.site("a")
	u, v := w.user(st, "u"), w.user(st, "v")
	var all []usermgmt.Token
	for i, p := range []usermgmt.TokenPurpose{usermgmt.TokenReset, usermgmt.TokenEmail, usermgmt.TokenCode, usermgmt.TokenReset, usermgmt.TokenJoin} {
		owner := []usermgmt.UserID{u.ID, u.ID, u.ID, v.ID, {}}[i]
		all = append(all, w.newToken(p, owner, 0))
		w.putToken(all[i], time.Time{}, true)
		w.armToken(all[i].ID, i+1, true)
	}
	left := func(want ...bool) {
		w.Helper()
		for i := range all {
			_, err := w.s.TokenByID(w.ctx, all[i].ID)
			equal(w, "whether token "+string(rune('0'+i))+" is there", want[i], err == nil)
			_, err = w.s.TokenByHash(w.ctx, hashOf(i+1))
			equal(w, "whether it is found by its hash", want[i], err == nil)
		}
	}
	w.do(w.s.DeleteTokens(w.ctx, u.ID, usermgmt.TokenReset, usermgmt.TokenCode, usermgmt.TokenJoin))
	left(false, true, false, true, true)
	w.do(w.s.DeleteTokens(w.ctx, u.ID, usermgmt.TokenReset))
	w.do(w.s.DeleteTokens(w.ctx, usermgmt.UserID{}))
	left(false, true, false, true, true)
	w.do(w.s.DeleteTokens(w.ctx, u.ID))
	left(false, false, false, true, true)
}

func tokensPrune(w *world) {
	st := w.site("a")
	var all []usermgmt.Token
	for i := range 5 { // they expire at 60 to 64
		all = append(all, w.newToken(usermgmt.TokenReset, w.user(st, "u"+string(rune('0'+i))).ID, i))
		w.putToken(all[i], time.Time{}, true)
		w.armToken(all[i].ID, i+1, true)
	}
	equal(w, "used", true, got(w.s.UseToken(w.ctx, all[4].ID, at(9))).must(w))
	equal(w, "used late", true, got(w.s.UseToken(w.ctx, all[3].ID, at(99))).must(w))
	left := func(want ...int) {
		w.Helper()
		var is []int
		for i := range all {
			if _, err := w.s.TokenByHash(w.ctx, hashOf(i+1)); err == nil {
				is = append(is, i)
			}
		}
		equal(w, "the tokens that are left", want, is)
	}
	prune := func(n, limit, want int) {
		w.Helper()
		equal(w, "how many were pruned", want, got(w.s.PruneTokens(w.ctx, at(n), limit)).must(w))
	}
	prune(9, 9, 0)
	prune(60, 9, 1) // the used one; one that expires at 60 did not before 60
	left(0, 1, 2, 3)
	prune(62, 1, 1)
	left(1, 2, 3)
	prune(62, 9, 1)
	prune(64, 9, 2) // late use does not prolong
	left()
	w.refuse("a limit of 0", refusal{kind: usermgmt.ErrInvalid}, func(ctx context.Context, tx usermgmt.Store) error {
		_, err := tx.PruneTokens(ctx, at(0), 0)
		return err
	})
}

func raceTokens(w *world) {
	st := w.site("a")
	u := w.user(st, "u")
	once := func(what string, call func(s usermgmt.Store, i int) (bool, error)) {
		w.Helper()
		var t tally
		w.race(crowdSize, func(i int) {
			err := retry(func() error {
				won, err := false, error(nil)
				if i%2 == 0 {
					won, err = call(w.s, i)
				} else {
					err = w.s.Tx(w.ctx, func(_ context.Context, tx usermgmt.Store) (err error) {
						won, err = call(tx, i)
						return err
					})
				}
				if err == nil && won {
					t.won(i)
				}
				return err
			})
			if err != nil {
				w.Errorf("%s: %v", what, err)
			}
		})
		if len(t.winners) != 1 {
			w.Errorf("%s: %d callers were told true, want 1", what, len(t.winners))
		}
	}
	for n := range rounds() {
		tokens := make([]usermgmt.Token, crowdSize)
		for i := range tokens {
			tokens[i] = w.newToken(usermgmt.TokenReset, u.ID, n*100)
		}
		once("PutToken", func(s usermgmt.Store, i int) (bool, error) { return s.PutToken(w.ctx, tokens[i], at(n*100-50)) })
		t := got(w.s.TokenByKey(w.ctx, tokens[0].Key)).must(w)
		once("UseToken", func(s usermgmt.Store, _ int) (bool, error) { return s.UseToken(w.ctx, t.ID, at(n*100+1)) })
		i := w.newInvitation(st, "a@mail.test")
		w.do(w.s.SaveInvitation(w.ctx, i))
		once("EndInvitation", func(s usermgmt.Store, _ int) (bool, error) {
			return s.EndInvitation(w.ctx, i.ID, usermgmt.InvitationAccepted, at(n), u.ID)
		})
		w.contest("invitations of one address", 1, func(int) refusal { return isTaken("email") },
			func(int) func(context.Context, usermgmt.Store) error {
				i := w.newInvitation(st, "b@mail.test")
				return func(ctx context.Context, tx usermgmt.Store) error { return tx.SaveInvitation(ctx, i) }
			})
		last := got(w.s.PendingInvitation(w.ctx, st.org.ID, "b@mail.test")).must(w)
		equal(w, "ended", true, got(w.s.EndInvitation(w.ctx, last.ID, usermgmt.InvitationRevoked, at(n), u.ID)).must(w))
	}
}
