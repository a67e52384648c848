package usermgmt

import (
	"context"
	"iter"
	"time"
)

// Anchor is a place in a chain of seals. A host that keeps one elsewhere can later
// tell, with [AuditLog.Verify], that nothing before it was cut off or written anew.
type Anchor struct {
	Number int64
	Hash   [32]byte
}

// Verification is what [AuditLog.Verify] found.
type Verification struct {
	// Sealed entries were checked; Pruned of them are gone, as the retention
	// permits; of Erased ones the detail is gone.
	Sealed, Pruned, Erased int64
	// Head is the end of the chain, to be kept elsewhere.
	Head Anchor
	// Problems lists what is wrong, at most 100; ProblemCount counts all.
	Problems     []SealProblem
	ProblemCount int64
}

// SealProblem is a place where the log is not what was sealed.
type SealProblem struct {
	Number int64
	Entry  AuditID
	// Rule is "chain" (a seal does not follow from the one before), "entry" or
	// "detail" (changed since), "missing" (deleted, and not by the retention), or
	// "anchor" (the chain does not lead through the place that is given).
	Rule string
}

const maxSealProblems = 100

// Verify reads the whole chain of an organization, the zero org being the actor's,
// and reports every entry that was changed, deleted or put elsewhere since it was
// sealed. Entries are sealed by [Manager.Run], a moment after they commit; what is
// not sealed yet is not checked. anchors are places that were kept elsewhere;
// without one, a chain that was cut off at its end, or written anew as a whole, is
// not told from another.
//
// The actor needs [PermAuditView] for the whole organization. An actor of scope
// System without an organization verifies the entries that belong to none.
//
// Errors: [ErrPermission]; [ErrNotFound] for another organization.
func (l *AuditLog) Verify(ctx context.Context, a Actor, org OrgID, anchors ...Anchor) (*Verification, error) {
	const op = "Audit.Verify"
	org, err := l.wholeOrg(a, org)
	if err != nil {
		return nil, withOp(op, err)
	}
	permitted, err := l.prunedUntil(ctx, org)
	if err != nil {
		return nil, withOp(op, err)
	}
	out := &Verification{}
	var last Seal
	for x, err := range l.sealed(ctx, org, 0) {
		if err != nil {
			return nil, withOp(op, err)
		}
		out.check(&last, &x, permitted)
		last = x.Seal
		for _, a := range anchors {
			if a.Number == last.Number && a.Hash != last.Hash {
				out.problem(&last, "anchor")
			}
		}
	}
	for _, a := range anchors {
		if a.Number > last.Number {
			out.problem(&Seal{Number: a.Number}, "anchor")
		}
	}
	out.Head = Anchor{last.Number, last.Hash}
	return out, nil
}

func (v *Verification) problem(s *Seal, rule string) {
	v.ProblemCount++
	if len(v.Problems) < maxSealProblems {
		v.Problems = append(v.Problems, SealProblem{s.Number, s.Entry, rule})
	}
}

// check checks an entry with its seal, which follows after last.
func (v *Verification) check(last *Seal, x *SealedEntry, permitted map[AuditClass]time.Time) {
	v.Sealed++
	s, e := &x.Seal, &x.Entry
	if s.Number != last.Number+1 || s.Hash != s.link(last.Hash) {
		v.problem(s, "chain")
	}
	switch {
	case e.ID.IsZero() && s.At.Before(permitted[s.Class]):
		v.Pruned++
	case e.ID.IsZero():
		v.problem(s, "missing")
	case e.ID != s.Entry || e.Org != s.Org || !e.At.Equal(s.At) || e.Class != s.Class || e.Count != s.Count || e.core() != s.Core:
		v.problem(s, "entry")
	case e.Detail.Salt == [16]byte{}:
		v.Erased++
	case e.Detail.digest() != e.Digest:
		v.problem(s, "detail")
	}
}

// prunedUntil tells up to when the retention has deleted entries of each class.
func (l *AuditLog) prunedUntil(ctx context.Context, org OrgID) (map[AuditClass]time.Time, error) {
	out := map[AuditClass]time.Time{}
	q := AuditQuery{Org: org, Verb: verbAuditPrune, Limit: MaxPageSize}
	for {
		page, err := l.m.store.ListAudit(ctx, q)
		if err != nil {
			return nil, err
		}
		for i := range page {
			e := &page[i]
			before, err := time.Parse(time.RFC3339Nano, e.Detail.After["before"])
			if err != nil || e.Org != org {
				continue
			}
			for _, c := range [...]AuditClass{AuditChange, AuditAccess, AuditHost} {
				if c.String() == e.Detail.After["class"] && before.After(out[c]) {
					out[c] = before
				}
			}
		}
		if len(page) < q.Limit {
			return out, nil
		}
		q.After = page[len(page)-1].ID
	}
}

// wholeOrg is the organization whose whole log the actor may see.
func (l *AuditLog) wholeOrg(a Actor, org OrgID) (OrgID, error) {
	v, err := l.m.read(a)
	if err != nil {
		return org, err
	}
	if org.IsZero() {
		org = v.org
	}
	f := v.filter(PermAuditView)
	switch {
	case f.System || f.All && org == v.org:
		return org, nil
	case org != v.org:
		return org, &Error{Kind: ErrNotFound, hidden: true}
	}
	return org, &Error{Kind: ErrPermission, Permission: PermAuditView}
}

// Sealed yields the sealed entries of an organization after a number, in the order
// of their numbers, with flat memory: whoever goes on after the last number seen
// misses nothing and sees nothing twice, however transactions overlapped. Rights and
// errors are those of [AuditLog.Verify]. After an error it yields nothing more.
func (l *AuditLog) Sealed(ctx context.Context, a Actor, org OrgID, after int64) iter.Seq2[SealedEntry, error] {
	const op = "Audit.Sealed"
	org, err := l.wholeOrg(a, org)
	return func(yield func(SealedEntry, error) bool) {
		if err != nil {
			yield(SealedEntry{}, withOp(op, err))
			return
		}
		for x, err := range l.sealed(ctx, org, after) {
			a.v.present(&x.Entry)
			if !yield(x, withOp(op, err)) {
				return
			}
		}
	}
}

func (l *AuditLog) sealed(ctx context.Context, org OrgID, after int64) iter.Seq2[SealedEntry, error] {
	return func(yield func(SealedEntry, error) bool) {
		for {
			page, err := l.m.store.ListSealed(ctx, org, after, MaxPageSize)
			if err != nil {
				yield(SealedEntry{}, err)
				return
			}
			for i := range page {
				if !yield(page[i], nil) {
					return
				}
				after = page[i].Seal.Number
			}
			if len(page) < MaxPageSize {
				return
			}
		}
	}
}
