package storetest

import (
	"context"

	"github.com/usermgmt/usermgmt"
)

func factorRaces() []testCase {
	return []testCase{
		{"RaceForAFactorStep", []string{"UseFactorStep"}, raceFactorStep},
		{"RaceForARecoveryCode", []string{"UseRecoveryCode"}, raceRecoveryCode},
		{"RaceToWithdrawAKey", []string{"WithdrawAPIKey"}, raceWithdraw},
		{"RaceForAMark", []string{"MoveMark"}, raceMark},
	}
}

// oneWins lets all call a verb at once, in turns in a transaction and without;
// one alone may be told true.
func (w *world) oneWins(what string, verb func(ctx context.Context, s usermgmt.Store, i int) (bool, error)) {
	w.Helper()
	var t tally
	w.race(crowdSize, func(i int) {
		won := false
		call := func(ctx context.Context, s usermgmt.Store) (err error) {
			won, err = verb(ctx, s, i)
			return err
		}
		err := retry(func() error {
			if i%2 == 0 {
				return call(w.ctx, w.s)
			}
			return w.s.Tx(w.ctx, call)
		})
		if err != nil {
			w.Errorf("%s: %v", what, err)
		} else if won {
			t.won(i)
		}
	})
	if len(t.winners) != 1 {
		w.Errorf("%s: %d callers were told true, want 1", what, len(t.winners))
	}
}

func raceFactorStep(w *world) {
	u := w.user(w.site("a"), "u")
	w.do(w.s.SaveFactor(w.ctx, usermgmt.Factor{User: u.ID, Secret: []byte("s")}))
	for n := range rounds() {
		w.oneWins("a step", func(ctx context.Context, s usermgmt.Store, _ int) (bool, error) {
			return s.UseFactorStep(ctx, u.ID, int64(n+1))
		})
	}
}

func raceRecoveryCode(w *world) {
	u := w.user(w.site("a"), "u")
	for n := range rounds() {
		w.do(w.s.PutRecoveryCodes(w.ctx, u.ID, [][32]byte{hashOf(n), hashOf(-1)}))
		w.oneWins("a recovery code", func(ctx context.Context, s usermgmt.Store, _ int) (bool, error) {
			return s.UseRecoveryCode(ctx, u.ID, hashOf(n))
		})
		equal(w, "the codes left", 1, got(w.s.CountRecoveryCodes(w.ctx, u.ID)).must(w))
	}
}

func raceWithdraw(w *world) {
	st := w.site("a")
	u := w.user(st, "u")
	for n := range rounds() {
		k := w.newKey(st, u.ID)
		k.PreviousHash, k.PreviousUntil = hashOf(-n-1), at(9)
		w.do(w.s.PutAPIKey(w.ctx, k))
		for _, h := range [][32]byte{k.PreviousHash, k.Hash} {
			w.oneWins("a key", func(ctx context.Context, s usermgmt.Store, _ int) (bool, error) { return s.WithdrawAPIKey(ctx, h) })
		}
		got(w.s.APIKeyOf(w.ctx, u.ID, st.org.ID)).missing(w)
	}
}

func raceMark(w *world) {
	from := ""
	for range rounds() {
		w.oneWins("a mark", func(ctx context.Context, s usermgmt.Store, _ int) (bool, error) {
			return s.MoveMark(ctx, "m", from, from+"+")
		})
		from += "+"
		equal(w, "the mark", from, got(w.s.Mark(w.ctx, "m")).must(w))
	}
}
