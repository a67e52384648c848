package storetest

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt"
)

func keyCases() []testCase {
	return []testCase{
		{"KeyPut", []string{"PutAPIKey", "APIKeyOf", "APIKeyByHash"}, keyPut},
		{"KeyReplace", []string{"PutAPIKey", "APIKeyOf", "APIKeyByHash"}, keyReplace},
		{"KeyHashesAreUnique", []string{"PutAPIKey"}, keyHashes},
		{"KeyDelete", []string{"DeleteAPIKey", "APIKeyOf", "APIKeyByHash"}, keyDelete},
		{"KeyTouch", []string{"TouchAPIKey"}, keyTouch},
		{"KeyPrevious", []string{"PutAPIKey", "APIKeyByHash", "WithdrawAPIKey"}, keyPrevious},
		{"KeysByExpiry", []string{"KeysByExpiry", "PutAPIKey"}, keysByExpiry},
	}
}

func keyPut(w *world) {
	a, b := w.site("a"), w.site("b")
	u := w.user(a, "u")
	w.join(a, u.ID, func(m *usermgmt.Membership) { m.Rights = 5 })
	k := w.newKey(a, u.ID)
	k.ExpiresAt, k.LastUsedAt, k.CreatedBy, k.Epoch = at(99), at(3), w.user(a, "admin").ID, 1<<40
	argument := clone(k)
	w.do(w.s.PutAPIKey(w.ctx, argument))
	scribble(argument)
	want := wantStanding(u, a.org)
	want.Member, want.MemberEnabled, want.Rights = true, true, 5
	view := usermgmt.KeyView{Key: k, Standing: want}
	for range 2 {
		read := got(w.s.APIKeyByHash(w.ctx, k.Hash))
		read.is(w, view)
		scribble(read.value)
		own := got(w.s.APIKeyOf(w.ctx, u.ID, a.org.ID))
		own.is(w, k)
		scribble(own.value)
	}
	got(w.s.APIKeyOf(w.ctx, u.ID, b.org.ID)).missing(w)
	got(w.s.APIKeyByHash(w.ctx, hashOf(-1))).missing(w)
	w.do(w.s.ClearAttempts(w.ctx, u.ID, at(9)))
	view.Standing.LockedUntil = at(9)
	got(w.s.APIKeyByHash(w.ctx, k.Hash)).is(w, view)
}

func keyReplace(w *world) {
	a, b := w.site("a"), w.site("b")
	u, v := w.user(a, "u"), w.user(a, "v")
	k, inB, others := w.newKey(a, u.ID), w.newKey(b, u.ID), w.newKey(a, v.ID)
	for _, k := range []usermgmt.APIKey{k, inB, others} {
		w.do(w.s.PutAPIKey(w.ctx, k))
	}
	next := w.newKey(a, u.ID)
	next.Permissions, next.CreatedAt = nil, at(5)
	w.do(w.s.PutAPIKey(w.ctx, next))
	got(w.s.APIKeyOf(w.ctx, u.ID, a.org.ID)).is(w, next)
	got(w.s.APIKeyByHash(w.ctx, k.Hash)).missing(w)
	equal(w, "the key found by its hash", next, got(w.s.APIKeyByHash(w.ctx, next.Hash)).must(w).Key)
	got(w.s.APIKeyOf(w.ctx, u.ID, b.org.ID)).is(w, inB)
	got(w.s.APIKeyOf(w.ctx, v.ID, a.org.ID)).is(w, others)
}

func keyHashes(w *world) {
	st := w.site("a")
	k := w.newKey(st, w.user(st, "u").ID)
	w.do(w.s.PutAPIKey(w.ctx, k))
	v := w.user(st, "v")
	clash := w.newKey(st, v.ID)
	clash.Hash = k.Hash
	w.refuse("a taken hash", isTaken("hash"), func(ctx context.Context, tx usermgmt.Store) error {
		return tx.PutAPIKey(ctx, clash)
	})
	got(w.s.APIKeyOf(w.ctx, v.ID, st.org.ID)).missing(w)
	equal(w, "the owner of the hash", k, got(w.s.APIKeyByHash(w.ctx, k.Hash)).must(w).Key)
}

func keyDelete(w *world) {
	a, b := w.site("a"), w.site("b")
	u := w.user(a, "u")
	k, inB := w.newKey(a, u.ID), w.newKey(b, u.ID)
	w.do(w.s.PutAPIKey(w.ctx, k))
	w.do(w.s.PutAPIKey(w.ctx, inB))
	remove := func(ctx context.Context, tx usermgmt.Store) error { return tx.DeleteAPIKey(ctx, u.ID, a.org.ID) }
	w.write(remove)
	got(w.s.APIKeyOf(w.ctx, u.ID, a.org.ID)).missing(w)
	got(w.s.APIKeyByHash(w.ctx, k.Hash)).missing(w)
	got(w.s.APIKeyOf(w.ctx, u.ID, b.org.ID)).is(w, inB)
	w.refuse("deleting it again", isMissing, remove)
}

func keyTouch(w *world) {
	st := w.site("a")
	u := w.user(st, "u")
	k := w.newKey(st, u.ID)
	w.do(w.s.PutAPIKey(w.ctx, k))
	touch := func(what string, at, stale, want time.Time) {
		w.Helper()
		w.do(w.s.TouchAPIKey(w.ctx, k.ID, at, stale))
		k.LastUsedAt = want
		equal(w, what, k, got(w.s.APIKeyOf(w.ctx, u.ID, st.org.ID)).must(w))
	}
	touch("never used", at(5), at(0), at(5))
	touch("used at the limit", at(6), at(5), at(5))
	touch("used before it", at(7), at(5).Add(time.Microsecond), at(7))
	w.do(w.s.TouchAPIKey(w.ctx, newID[usermgmt.APIKey](w), at(9), at(9)))
}

func keyPrevious(w *world) {
	a, b := w.site("a"), w.site("b")
	u := w.user(a, "u")
	k, next, inB := w.newKey(a, u.ID), w.newKey(a, u.ID), w.newKey(b, u.ID)
	w.do(w.s.PutAPIKey(w.ctx, k))
	next.PreviousHash, next.PreviousUntil = k.Hash, at(5)
	w.do(w.s.PutAPIKey(w.ctx, next))
	w.do(w.s.PutAPIKey(w.ctx, inB))
	found := func(what string, h [32]byte, want usermgmt.APIKey) {
		w.Helper()
		equal(w, what, want, got(w.s.APIKeyByHash(w.ctx, h)).must(w).Key)
	}
	found("the key", next.Hash, next)
	found("the key, by the hash before", k.Hash, next)
	w.do(w.s.TouchAPIKey(w.ctx, next.ID, at(1), at(1)))
	next.LastUsedAt = at(1)
	found("the key after a use, by the hash before", k.Hash, next)
	got(w.s.APIKeyByHash(w.ctx, [32]byte{})).missing(w) // though inB has no key before

	withdraw := func(h [32]byte, want bool) {
		w.Helper()
		equal(w, "withdrawn", want, got(w.s.WithdrawAPIKey(w.ctx, h)).must(w))
	}
	withdraw(hashOf(-1), false)
	withdraw([32]byte{}, false)
	withdraw(k.Hash, true)
	withdraw(k.Hash, false)
	next.PreviousHash, next.PreviousUntil = [32]byte{}, time.Time{}
	got(w.s.APIKeyByHash(w.ctx, k.Hash)).missing(w)
	got(w.s.APIKeyOf(w.ctx, u.ID, a.org.ID)).is(w, next)
	found("the key", next.Hash, next)

	third := w.newKey(a, u.ID)
	third.PreviousHash, third.PreviousUntil = next.Hash, at(6)
	w.do(w.s.PutAPIKey(w.ctx, third))
	withdraw(third.Hash, true) // and the one before with it
	got(w.s.APIKeyByHash(w.ctx, next.Hash)).missing(w)
	got(w.s.APIKeyOf(w.ctx, u.ID, a.org.ID)).missing(w)
	got(w.s.APIKeyOf(w.ctx, u.ID, b.org.ID)).is(w, inB)

	fourth := w.newKey(a, u.ID)
	fourth.PreviousHash, fourth.PreviousUntil = inB.Hash, at(6)
	w.do(w.s.PutAPIKey(w.ctx, fourth))
	found("a key, though it is also one before", inB.Hash, inB)
	withdraw(inB.Hash, true)
	got(w.s.APIKeyByHash(w.ctx, inB.Hash)).missing(w)
	w.do(w.s.DeleteAPIKey(w.ctx, u.ID, a.org.ID))
	got(w.s.APIKeyByHash(w.ctx, fourth.Hash)).missing(w)
}

func keysByExpiry(w *world) {
	st := w.site("a")
	var keys []usermgmt.APIKey
	for i, n := range []int{5, 3, 3, 0, 9} {
		k := w.newKey(st, w.user(st, "u"+string(rune('a'+i))).ID)
		if n > 0 {
			k.ExpiresAt = at(n)
		}
		w.do(w.s.PutAPIKey(w.ctx, k))
		keys = append(keys, k)
	}
	is := func(q usermgmt.KeyQuery, want ...usermgmt.APIKey) {
		w.Helper()
		got(w.s.KeysByExpiry(w.ctx, q)).is(w, want)
	}
	all := usermgmt.KeyQuery{Until: at(5), Limit: 9}
	is(all, keys[1], keys[2], keys[0])
	q := all
	q.Limit = 2
	is(q, keys[1], keys[2])
	q.After, q.AfterKey = at(3), keys[1].ID
	is(q, keys[2], keys[0])
	w.do(w.s.TouchAPIKey(w.ctx, keys[2].ID, at(1), at(1)))
	keys[2].LastUsedAt = at(1)
	w.do(w.s.DeleteAPIKey(w.ctx, keys[1].User, st.org.ID))
	is(all, keys[2], keys[0])
	if _, err := w.s.KeysByExpiry(w.ctx, usermgmt.KeyQuery{Until: at(9)}); err == nil {
		w.Errorf("a page without rows succeeded")
	}
}
