package storetest

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt"
)

func sealCases() []testCase {
	return []testCase{
		{"AuditUnsealed", []string{"UnsealedAudit", "SealAudit"}, auditUnsealed},
		{"AuditSeal", []string{"SealAudit", "LastSeal", "ListSealed"}, auditSeal},
		{"AuditSealStale", []string{"SealAudit"}, auditSealStale},
		{"AuditSealFolds", []string{"SealAudit", "AppendAudit"}, auditSealFolds},
		{"AuditPrune", []string{"PruneAudit", "ListSealed"}, auditPrune},
		{"AuditErase", []string{"EraseAudit"}, auditErase},
	}
}

// newSeal is the seal of an entry with a number.
func newSeal(e *usermgmt.AuditEntry, number int64) usermgmt.Seal {
	return usermgmt.Seal{Org: e.Org, Number: number, Entry: e.ID, At: e.At, Class: e.Class, Count: e.Count,
		Core: hashOf(int(number)), Hash: hashOf(int(100 + number))}
}

func (w *world) unsealed(what string, settled time.Time, want ...string) {
	w.Helper()
	var targets []string
	for _, e := range got(w.s.UnsealedAudit(w.ctx, settled, everything)).must(w) {
		targets = append(targets, e.Target)
	}
	equal(w, what, want, targets)
}

// classed are entries of two organizations and of none.
func (w *world) classed(n int) ([]usermgmt.AuditEntry, usermgmt.OrgID) {
	w.Helper()
	org := newID[usermgmt.Organization](w)
	all := make([]usermgmt.AuditEntry, n)
	for i := range all {
		all[i] = w.newAudit(string(rune('a' + i)))
		all[i].At, all[i].LastAt, all[i].Class, all[i].Org = at(i), at(i), usermgmt.AuditChange, org
	}
	return all, org
}

func auditUnsealed(w *world) {
	w.unsealed("of the empty log", at(9))
	all, _ := w.classed(4)
	all[1].FoldKey, all[1].LastAt = "k", at(5)
	all[3].Org = usermgmt.OrgID{}
	w.do(w.s.AppendAudit(w.ctx, all[2], all[0]))
	w.do(w.s.AppendAudit(w.ctx, all[1], all[3]))
	w.unsealed("before the fold has settled", at(5), "a", "c", "d")
	w.unsealed("after it has", at(6), "a", "b", "c", "d")
	equal(w, "as they are", all, got(w.s.UnsealedAudit(w.ctx, at(6), everything)).must(w))
	equal(w, "a page", all[:2], got(w.s.UnsealedAudit(w.ctx, at(6), 2)).must(w))
	w.do(w.s.SealAudit(w.ctx, newSeal(&all[0], 1), newSeal(&all[2], 2)))
	w.unsealed("what is left", at(6), "b", "d")
}

func auditSeal(w *world) {
	all, org := w.classed(3)
	other := w.newAudit("other")
	other.Class = usermgmt.AuditHost
	w.do(w.s.AppendAudit(w.ctx, all[0], all[1], all[2], other))
	got(w.s.LastSeal(w.ctx, org)).missing(w)
	seals := []usermgmt.Seal{newSeal(&all[1], 1), newSeal(&all[0], 2)}
	w.do(w.s.SealAudit(w.ctx, seals...))
	w.do(w.s.SealAudit(w.ctx, newSeal(&other, 1)))
	w.do(w.s.SealAudit(w.ctx, newSeal(&all[2], 3)))
	seals = append(seals, newSeal(&all[2], 3))
	equal(w, "the last seal", seals[2], got(w.s.LastSeal(w.ctx, org)).must(w))
	equal(w, "the last seal of no organization", newSeal(&other, 1), got(w.s.LastSeal(w.ctx, usermgmt.OrgID{})).must(w))
	want := []usermgmt.SealedEntry{{Seal: seals[0], Entry: all[1]}, {Seal: seals[1], Entry: all[0]}, {Seal: seals[2], Entry: all[2]}}
	equal(w, "the sealed entries", want, got(w.s.ListSealed(w.ctx, org, 0, everything)).must(w))
	equal(w, "a page of them", want[1:2], got(w.s.ListSealed(w.ctx, org, 1, 1)).must(w))
	equal(w, "after the last", []usermgmt.SealedEntry(nil), got(w.s.ListSealed(w.ctx, org, 3, everything)).must(w))
	w.audits("the log", usermgmt.AuditQuery{Org: org}, "c", "b", "a")
	w.do(w.s.SealAudit(w.ctx)) // none at all
}

func auditSealStale(w *world) {
	all, org := w.classed(3)
	w.do(w.s.AppendAudit(w.ctx, all...))
	stale := func(what string, seals ...usermgmt.Seal) {
		w.Helper()
		w.refuse(what, isStale, func(ctx context.Context, tx usermgmt.Store) error { return tx.SealAudit(ctx, seals...) })
	}
	missing := w.newAudit("missing")
	missing.Org, missing.Class = org, usermgmt.AuditChange
	recounted := newSeal(&all[0], 1)
	recounted.Count++
	stale("a chain that does not begin with 1", newSeal(&all[0], 2))
	stale("an entry that is not there", newSeal(&missing, 1))
	stale("another count", recounted)
	w.unsealed("nothing is sealed", at(9), "a", "b", "c")
	w.do(w.s.SealAudit(w.ctx, newSeal(&all[0], 1)))
	stale("a number twice", newSeal(&all[1], 1))
	stale("a gap", newSeal(&all[1], 3))
	stale("an entry twice", newSeal(&all[0], 2))
	stale("one of two", newSeal(&all[1], 2), newSeal(&all[0], 3))
	w.unsealed("nothing more is sealed", at(9), "b", "c")
	equal(w, "the last seal", newSeal(&all[0], 1), got(w.s.LastSeal(w.ctx, org)).must(w))
}

func auditSealFolds(w *world) {
	e := w.newAudit("first")
	e.FoldKey, e.Class = "k", usermgmt.AuditAccess
	again := w.newAudit("again")
	again.FoldKey, again.LastAt, again.Class, again.Count = "k", at(1), usermgmt.AuditAccess, 2
	w.do(w.s.AppendAudit(w.ctx, e))
	w.do(w.s.AppendAudit(w.ctx, again))
	w.refuse("an entry that was counted again meanwhile", isStale, func(ctx context.Context, tx usermgmt.Store) error {
		return tx.SealAudit(ctx, newSeal(&e, 1))
	})
	e.Count, e.LastAt = 3, at(1)
	w.do(w.s.SealAudit(w.ctx, newSeal(&e, 1)))
	e.FoldKey = ""
	equal(w, "the sealed entry", e, w.lastAudit())
	// What comes later is an entry of its own.
	w.do(w.s.AppendAudit(w.ctx, again))
	w.audits("the log", usermgmt.AuditQuery{}, "again", "first")
	equal(w, "the entry of its own", again, w.lastAudit())
	w.unsealed("it is not sealed", at(9), "again")
}

func auditPrune(w *world) {
	all, org := w.classed(6)
	for _, i := range []int{1, 2, 4} {
		all[i].Class = usermgmt.AuditAccess
	}
	all[2].Org = usermgmt.OrgID{}
	w.do(w.s.AppendAudit(w.ctx, all...))
	sealed := []usermgmt.Seal{newSeal(&all[0], 1), newSeal(&all[1], 2), newSeal(&all[4], 3)}
	w.do(w.s.SealAudit(w.ctx, sealed...))
	none := map[usermgmt.OrgID]int{}
	prune := func(class usermgmt.AuditClass, t time.Time, limit int) map[usermgmt.OrgID]int {
		w.Helper()
		n := got(w.s.PruneAudit(w.ctx, class, t, limit)).must(w)
		if n == nil {
			n = none
		}
		return n
	}
	equal(w, "at the moment of the oldest", none, prune(usermgmt.AuditAccess, at(1), 9))
	equal(w, "another class", none, prune(usermgmt.AuditHost, at(9), 9))
	w.do(w.s.SealAudit(w.ctx, newSeal(&all[2], 1)))
	equal(w, "the oldest", map[usermgmt.OrgID]int{org: 1}, prune(usermgmt.AuditAccess, at(9), 1))
	w.audits("the log", usermgmt.AuditQuery{}, "f", "e", "d", "c", "a")
	equal(w, "the others", map[usermgmt.OrgID]int{org: 1, {}: 1}, prune(usermgmt.AuditAccess, at(9), 9))
	w.audits("what is left", usermgmt.AuditQuery{}, "f", "d", "a")
	equal(w, "entries without a seal stay", map[usermgmt.OrgID]int{org: 1}, prune(usermgmt.AuditChange, at(9), 9))
	w.audits("in the end", usermgmt.AuditQuery{}, "f", "d")
	want := []usermgmt.SealedEntry{{Seal: sealed[0]}, {Seal: sealed[1]}, {Seal: sealed[2]}}
	equal(w, "the seals stay", want, got(w.s.ListSealed(w.ctx, org, 0, everything)).must(w))
}

func auditErase(w *world) {
	user, other := newID[usermgmt.User](w), newID[usermgmt.User](w)
	detail := usermgmt.AuditDetail{
		Salt: [16]byte{1}, OperatorName: "O", SubjectName: "S", TargetName: "T", Origin: usermgmt.Origin{Address: "192.0.2.1"}, Reason: "R",
		Before: map[string]string{"a": "b"}, After: map[string]string{"a": "c"},
	}
	entry := func(operator, subject usermgmt.UserID, kind, target string) usermgmt.AuditEntry {
		e := w.newAudit(target)
		e.Operator, e.Subject, e.TargetKind, e.Detail, e.Digest = operator, subject, kind, detail, hashOf(3)
		return e
	}
	all := []usermgmt.AuditEntry{
		entry(other, other, "user", user.String()), entry(user, other, "team", "t"), entry(other, user, "team", "t"),
		entry(user, user, "user", user.String()), entry(other, other, "team", user.String()), entry(other, other, "user", other.String()),
	}
	w.do(w.s.AppendAudit(w.ctx, all...))
	equal(w, "entries about nobody", 0, got(w.s.EraseAudit(w.ctx, newID[usermgmt.User](w))).must(w))
	equal(w, "entries about the user", 4, got(w.s.EraseAudit(w.ctx, user)).must(w))
	all[0].Detail, all[3].Detail = usermgmt.AuditDetail{}, usermgmt.AuditDetail{}
	rest := detail
	rest.Salt, rest.Origin, rest.OperatorName = [16]byte{}, usermgmt.Origin{}, ""
	all[1].Detail = rest
	rest.OperatorName, rest.SubjectName = "O", ""
	all[2].Detail = rest
	var want []usermgmt.AuditEntry
	for i := range all {
		want = append(want, all[len(all)-1-i])
	}
	equal(w, "the log", want, got(w.s.ListAudit(w.ctx, usermgmt.AuditQuery{Limit: everything})).must(w))
	equal(w, "again", 0, got(w.s.EraseAudit(w.ctx, user)).must(w))
}

// raceSeals: of many who seal the next number one does, and the chain has no gap.
func raceSeals(w *world) {
	org := newID[usermgmt.Organization](w)
	for n := range int64(rounds()) {
		var all []usermgmt.AuditEntry
		for range crowdSize {
			e := w.newAudit("x")
			e.Org, e.Class = org, usermgmt.AuditChange
			all = append(all, e)
		}
		w.do(w.s.AppendAudit(w.ctx, all...))
		w.contest("the same number", 1, func(int) refusal { return isStale }, func(i int) func(context.Context, usermgmt.Store) error {
			seal := newSeal(&all[i], n+1)
			return func(ctx context.Context, tx usermgmt.Store) error { return tx.SealAudit(ctx, seal) }
		})
	}
	if last := got(w.s.LastSeal(w.ctx, org)).must(w); last.Number != int64(rounds()) {
		w.Errorf("the last seal has the number %d, want %d", last.Number, rounds())
	}
}
