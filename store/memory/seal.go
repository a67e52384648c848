package memory

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/usermgmt/usermgmt"
)

func compareSeals(a, b *usermgmt.Seal) int {
	if c := compareIDs(a.Org, b.Org); c != 0 {
		return c
	}
	return cmp.Compare(a.Number, b.Number)
}

// find returns an entry, nil if there is none.
func (l *auditLog) find(id usermgmt.AuditID) (*auditHead, []byte) {
	c := l.chunk(l.position(id))
	if i, found := c.find(id); found {
		return &c.heads[i], c.data[c.heads[i].start:c.heads[i].end]
	}
	if e, found := l.late.Get(&lateEntry{auditHead: auditHead{id: id}}); found {
		return &e.auditHead, e.data
	}
	return nil, nil
}

func (l *auditLog) sealed(id usermgmt.AuditID) bool {
	_, open := l.open.Get(id)
	return !open
}

// UnsealedAudit implements [usermgmt.Store].
func (s *Store) UnsealedAudit(ctx context.Context, settled time.Time, limit int) ([]usermgmt.AuditEntry, error) {
	v, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	if limit < 1 {
		return nil, limitInvalid()
	}
	var out []usermgmt.AuditEntry
	v.audit.open.Ascend(nil, func(id usermgmt.AuditID) bool {
		h, data := v.audit.find(id)
		if e := v.audit.entry(h, data, s.text); e.FoldKey == "" || e.LastAt.Before(settled) {
			out = append(out, e)
		}
		return len(out) < limit
	})
	return out, nil
}

func staleSeal() error { return &usermgmt.Error{Kind: usermgmt.ErrStale, Field: "seal"} }

// SealAudit implements [usermgmt.Store].
func (s *Store) SealAudit(ctx context.Context, seals ...usermgmt.Seal) error {
	return s.write(ctx, func(w *writer) error {
		l := &w.v.audit
		for i := range seals {
			seal := seals[i]
			seal.At = utc(seal.At)
			last, found := l.lastSeal(seal.Org)
			if !found {
				last = &usermgmt.Seal{}
			}
			h, data := l.find(seal.Entry)
			if h == nil || l.sealed(seal.Entry) || seal.Number != last.Number+1 {
				return staleSeal()
			}
			e := l.entry(h, data, s.text)
			if e.Count != seal.Count {
				return staleSeal()
			}
			if h.folds {
				f := l.fold(e.FoldKey, s.text(e.FoldKey))
				l.folds.Delete(w.own, f)
				l.counts.Insert(w.own, f)
			}
			l.open.Delete(w.own, seal.Entry)
			l.seals.Set(w.own, &seal)
		}
		return nil
	})
}

func (l *auditLog) lastSeal(org usermgmt.OrgID) (out *usermgmt.Seal, found bool) {
	l.seals.Descend(func(x *usermgmt.Seal) bool { return compareIDs(x.Org, org) <= 0 }, func(x *usermgmt.Seal) bool {
		out, found = x, x.Org == org
		return false
	})
	return out, found
}

// LastSeal implements [usermgmt.Store].
func (s *Store) LastSeal(ctx context.Context, org usermgmt.OrgID) (usermgmt.Seal, error) {
	v, err := s.read(ctx)
	if err != nil {
		return usermgmt.Seal{}, err
	}
	last, found := v.audit.lastSeal(org)
	if !found {
		return usermgmt.Seal{}, usermgmt.ErrNotFound
	}
	return *last, nil
}

// ListSealed implements [usermgmt.Store].
func (s *Store) ListSealed(ctx context.Context, org usermgmt.OrgID, after int64, limit int) ([]usermgmt.SealedEntry, error) {
	v, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	if limit < 1 {
		return nil, limitInvalid()
	}
	first := &usermgmt.Seal{Org: org, Number: after + 1}
	var out []usermgmt.SealedEntry
	v.audit.seals.Ascend(func(x *usermgmt.Seal) bool { return compareSeals(x, first) >= 0 }, func(x *usermgmt.Seal) bool {
		if x.Org != org {
			return false
		}
		e := usermgmt.SealedEntry{Seal: *x}
		if h, data := v.audit.find(x.Entry); h != nil {
			e.Entry = v.audit.entry(h, data, s.text)
		}
		out = append(out, e)
		return len(out) < limit
	})
	return out, nil
}

// PruneAudit implements [usermgmt.Store].
func (s *Store) PruneAudit(ctx context.Context, class usermgmt.AuditClass, t time.Time, limit int) (out map[usermgmt.OrgID]int, err error) {
	if limit < 1 {
		return nil, limitInvalid()
	}
	err = s.write(ctx, func(w *writer) error {
		l := &w.v.audit
		var old []*auditHead
		l.descend(usermgmt.AuditID{}, func(h *auditHead, _ []byte) bool {
			if h.class == class && h.at < ceilMicro(t) && l.sealed(h.id) {
				old = append(old, h)
			}
			return true
		})
		slices.SortFunc(old, func(a, b *auditHead) int {
			return cmp.Or(cmp.Compare(a.at, b.at), compareIDs(a.id, b.id))
		})
		old = old[:min(len(old), limit)]
		gone := make(map[usermgmt.AuditID]bool, len(old))
		out = make(map[usermgmt.OrgID]int)
		for _, h := range old {
			gone[h.id] = true
			out[h.org]++
			if f := find(&l.counts, h.id, func(f *fold) usermgmt.AuditID { return f.id }); f != nil {
				l.counts.Delete(w.own, f)
			}
		}
		w.rewriteAudit(func(id usermgmt.AuditID) bool { return gone[id] }, func(*usermgmt.AuditEntry) bool { return false })
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// EraseAudit implements [usermgmt.Store].
func (s *Store) EraseAudit(ctx context.Context, user usermgmt.UserID) (n int, err error) {
	err = s.write(ctx, func(w *writer) error {
		l := &w.v.audit
		n = 0
		about := make(map[usermgmt.AuditID]bool)
		l.descend(usermgmt.AuditID{}, func(h *auditHead, data []byte) bool {
			e := h.entry(data[h.start:h.end])
			before := e.Detail
			if erase(&e, user); !equalDetails(&before, &e.Detail) {
				about[h.id] = true
			}
			return true
		})
		n = len(about)
		w.rewriteAudit(func(id usermgmt.AuditID) bool { return about[id] }, func(e *usermgmt.AuditEntry) bool {
			erase(e, user)
			return true
		})
		return nil
	})
	return n, err
}

// erase takes what is about the user out of an entry.
func erase(e *usermgmt.AuditEntry, user usermgmt.UserID) {
	d := &e.Detail
	if e.TargetKind == "user" && e.Target == user.String() {
		*d = usermgmt.AuditDetail{}
		return
	}
	if e.Operator == user {
		d.OperatorName = ""
	}
	if e.Subject == user {
		d.SubjectName = ""
	}
	if e.Operator == user || e.Subject == user {
		d.Origin, d.Salt = usermgmt.Origin{}, [16]byte{}
	}
}

func equalDetails(a, b *usermgmt.AuditDetail) bool {
	return a.Salt == b.Salt && a.OperatorName == b.OperatorName && a.SubjectName == b.SubjectName && a.TargetName == b.TargetName &&
		a.Origin == b.Origin && a.Reason == b.Reason && len(a.Before) == len(b.Before) && len(a.After) == len(b.After)
}

// rewriteAudit changes the chosen entries, or drops those that change tells to. A
// chunk in which nothing is chosen stays what it is.
func (w *writer) rewriteAudit(chosen func(usermgmt.AuditID) bool, change func(*usermgmt.AuditEntry) (keep bool)) {
	l := &w.v.audit
	last := l.last
	old := append(slices.Clone(l.full), &last)
	*l = auditLog{late: l.late, folds: l.folds, counts: l.counts, open: l.open, seals: l.seals}
	for i, c := range old {
		touched := slices.ContainsFunc(c.heads, func(h auditHead) bool { return chosen(h.id) })
		if !touched && i < len(old)-1 {
			l.close()
			l.full = append(l.full, c)
			continue
		}
		for j := range c.heads {
			h := &c.heads[j]
			e := h.entry(c.data[h.start:h.end])
			if !chosen(h.id) || change(&e) {
				l.append(&e)
			}
		}
	}
	var late []*lateEntry
	l.late.Ascend(nil, func(r *lateEntry) bool {
		if chosen(r.id) {
			late = append(late, r)
		}
		return true
	})
	for _, r := range late {
		e := r.entry(r.data)
		if change(&e) {
			l.late.Set(w.own, newLate(&e))
		} else {
			l.late.Delete(w.own, r)
		}
	}
}

// close moves what is in the last chunk to the full ones.
func (l *auditLog) close() {
	if len(l.last.heads) > 0 {
		full := l.last
		l.full = append(l.full, &full)
		l.last = auditChunk{}
	}
}
