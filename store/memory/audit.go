package memory

import (
	"context"
	"slices"
	"time"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/pmap"
)

// auditLog holds the entries in the order of their identifiers. Nearly all
// come in that order: they go to the end of a log that only grows, which all
// versions share, each up to its own length. The others are in a tree.
type auditLog struct {
	full []*auditChunk
	last auditChunk // its slices have room, which is the writer's
	late pmap.Tree[*lateEntry]
	// folds has a row for each entry with a FoldKey that is not sealed, by the key;
	// counts one for each that is, by the identifier.
	folds  pmap.Map[fold]
	counts pmap.Map[fold]
	open   pmap.Tree[usermgmt.AuditID] // entries without a seal
	seals  pmap.Tree[*usermgmt.Seal]   // by organization and number
}

type auditChunk struct {
	heads []auditHead
	data  []byte
}

const (
	auditHeads = 1 << 10
	auditBytes = 1 << 18
)

// auditHead is the part of an entry that queries look at first.
type auditHead struct {
	id                usermgmt.AuditID
	operation         usermgmt.OperationID
	operator, subject usermgmt.UserID
	org               usermgmt.OrgID
	at                int64
	outcome           usermgmt.Outcome
	door              usermgmt.Door
	class             usermgmt.AuditClass
	folds             bool
	start, end        uint32 // of the rest in data
}

type lateEntry struct {
	auditHead
	data []byte
}

// fold is how often an entry with a FoldKey happened so far.
type fold struct {
	key   string
	id    usermgmt.AuditID
	count int64
	at    int64
}

func (l *auditLog) init(text func(string) uint64) {
	l.late.Cmp = func(a, b *lateEntry) int { return cmpID(a.id, b.id) }
	l.folds.Hash = func(f *fold) uint64 { return text(f.key) }
	l.counts.Hash = func(f *fold) uint64 { return hashID(f.id) }
	l.open.Cmp = compareIDs[usermgmt.AuditEntry]
	l.seals.Cmp = compareSeals
}

func (c *auditChunk) find(id usermgmt.AuditID) (int, bool) {
	return slices.BinarySearchFunc(c.heads, id, func(h auditHead, id usermgmt.AuditID) int { return cmpID(h.id, id) })
}

// newest returns the greatest identifier of the part in order.
func (l *auditLog) newest() usermgmt.AuditID {
	if n := len(l.last.heads); n > 0 {
		return l.last.heads[n-1].id
	}
	if n := len(l.full); n > 0 {
		c := l.full[n-1]
		return c.heads[len(c.heads)-1].id
	}
	return usermgmt.AuditID{}
}

// position returns the index of the first chunk, counting the last, that does
// not end before id.
func (l *auditLog) position(id usermgmt.AuditID) int {
	i, _ := slices.BinarySearchFunc(l.full, id, func(c *auditChunk, id usermgmt.AuditID) int {
		return cmpID(c.heads[len(c.heads)-1].id, id)
	})
	return i
}

func (l *auditLog) chunk(i int) *auditChunk {
	if i < len(l.full) {
		return l.full[i]
	}
	return &l.last
}

func (l *auditLog) has(id usermgmt.AuditID) bool {
	if _, found := l.chunk(l.position(id)).find(id); found {
		return true
	}
	_, found := l.late.Get(&lateEntry{auditHead: auditHead{id: id}})
	return found
}

// AppendAudit implements [usermgmt.Store].
func (s *Store) AppendAudit(ctx context.Context, entries ...usermgmt.AuditEntry) error {
	return s.write(ctx, func(w *writer) error {
		for i := range entries {
			if err := w.appendAudit(&entries[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *writer) appendAudit(e *usermgmt.AuditEntry) error {
	l := &w.v.audit
	inOrder := cmpID(e.ID, l.newest()) > 0
	if e.FoldKey != "" {
		h := w.text(e.FoldKey)
		old := l.fold(e.FoldKey, h)
		if old != nil {
			l.folds.Replace(w.own, old, &fold{old.key, old.id, old.count + e.Count, e.LastAt.UnixMicro()})
			return nil
		}
		l.folds.Insert(w.own, &fold{e.FoldKey, e.ID, e.Count, e.LastAt.UnixMicro()})
	}
	if !inOrder && l.has(e.ID) {
		return taken("id")
	}
	l.open.Set(w.own, e.ID)
	if !inOrder {
		l.late.Set(w.own, newLate(e))
		return nil
	}
	l.append(e)
	return nil
}

func headOf(e *usermgmt.AuditEntry) auditHead {
	return auditHead{
		id: e.ID, operation: e.Operation, operator: e.Operator, subject: e.Subject, org: e.Org,
		at: e.At.UnixMicro(), outcome: e.Outcome, door: e.Door, class: e.Class, folds: e.FoldKey != "",
	}
}

func newLate(e *usermgmt.AuditEntry) *lateEntry {
	r := &lateEntry{headOf(e), appendEntry(nil, e)}
	r.end = uint32(len(r.data))
	return r
}

// append adds an entry at the end.
func (l *auditLog) append(e *usermgmt.AuditEntry) {
	h := headOf(e)
	c := &l.last
	if size := entrySize(e); len(c.heads) == cap(c.heads) || len(c.data)+size > cap(c.data) {
		l.grow(size)
	}
	h.start = uint32(len(c.data))
	c.data = appendEntry(c.data, e)
	h.end = uint32(len(c.data))
	c.heads = append(c.heads, h)
}

// grow makes room for one more entry at least. The first chunks are small.
func (l *auditLog) grow(size int) {
	heads, data := 16, 4096
	if len(l.last.heads) > 0 {
		heads = min(2*len(l.last.heads), auditHeads)
		data = min(2*cap(l.last.data), auditBytes)
	}
	l.close()
	l.last = auditChunk{make([]auditHead, 0, heads), make([]byte, 0, max(size, data))}
}

func (l *auditLog) fold(key string, h uint64) *fold {
	return l.folds.Get(h, func(f *fold) bool { return f.key == key })
}

// descend yields the entries older than after, newest first; the zero
// identifier is no bound.
func (l *auditLog) descend(after usermgmt.AuditID, yield func(h *auditHead, data []byte) bool) {
	late := l.lateBefore(after)
	i, n := len(l.full), len(l.last.heads)
	if !after.IsZero() {
		i = l.position(after)
		n, _ = l.chunk(i).find(after)
	}
	for {
		for c := l.chunk(i); n > 0; n-- {
			h := &c.heads[n-1]
			for late != nil && cmpID(late.id, h.id) > 0 {
				if !yield(&late.auditHead, late.data) {
					return
				}
				late = l.lateBefore(late.id)
			}
			if !yield(h, c.data) {
				return
			}
		}
		if i--; i < 0 {
			break
		}
		n = len(l.chunk(i).heads)
	}
	for late != nil && yield(&late.auditHead, late.data) {
		late = l.lateBefore(late.id)
	}
}

// lateBefore returns the newest late entry older than id.
func (l *auditLog) lateBefore(id usermgmt.AuditID) (out *lateEntry) {
	var upTo func(*lateEntry) bool
	if !id.IsZero() {
		upTo = func(e *lateEntry) bool { return cmpID(e.id, id) < 0 }
	}
	l.late.Descend(upTo, func(e *lateEntry) bool {
		out = e
		return false
	})
	return out
}

// ListAudit implements [usermgmt.Store].
func (s *Store) ListAudit(ctx context.Context, q usermgmt.AuditQuery) ([]usermgmt.AuditEntry, error) {
	v, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	if q.Limit < 1 {
		return nil, limitInvalid()
	}
	if q.Visible.Nothing() {
		return nil, nil
	}
	match := v.auditMatch(&q)
	var out []usermgmt.AuditEntry
	steps := 0
	v.audit.descend(q.After, func(h *auditHead, data []byte) bool {
		if steps++; steps%4096 == 0 {
			if err = ctx.Err(); err != nil {
				return false
			}
		}
		data = data[h.start:h.end]
		if match(h, data) {
			out = append(out, v.audit.entry(h, data, s.text))
		}
		return len(out) < q.Limit
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// auditMatch returns the test of q.
func (v *version) auditMatch(q *usermgmt.AuditQuery) func(h *auditHead, data []byte) bool {
	from, until := ceilMicro(q.From), ceilMicro(q.Until)
	seen := map[usermgmt.UserID]bool{}
	vis := v.visible(q.Visible)
	visible := func(id usermgmt.UserID) bool {
		ok, known := seen[id]
		if !known {
			if p := v.person(id); p != nil {
				ok = vis.user(v, p.u, nil)
			}
			seen[id] = ok
		}
		return ok
	}
	return func(h *auditHead, data []byte) bool {
		if !q.Org.IsZero() && h.org != q.Org || !q.Operator.IsZero() && h.operator != q.Operator ||
			!q.Subject.IsZero() && h.subject != q.Subject || !q.Operation.IsZero() && h.operation != q.Operation ||
			q.Outcome != 0 && h.outcome != q.Outcome ||
			!q.From.IsZero() && h.at < from || !q.Until.IsZero() && h.at >= until {
			return false
		}
		if q.Verb != "" || q.Target != "" {
			verb, target := entryNames(data)
			if q.Verb != "" && string(verb) != q.Verb || q.Target != "" && string(target) != q.Target {
				return false
			}
		}
		return vis == nil || visible(h.operator) || visible(h.subject)
	}
}

// entry decodes an entry with what was folded into it.
func (l *auditLog) entry(h *auditHead, data []byte, text func(string) uint64) usermgmt.AuditEntry {
	e := h.entry(data)
	if !h.folds {
		return e
	}
	f := l.fold(e.FoldKey, text(e.FoldKey))
	if f == nil || f.id != e.ID {
		f = find(&l.counts, e.ID, func(f *fold) usermgmt.AuditID { return f.id })
		e.FoldKey = ""
	}
	e.Count, e.LastAt = f.count, fromMicro(f.at)
	return e
}

// entry decodes an entry, but for what was folded into it.
func (h *auditHead) entry(data []byte) usermgmt.AuditEntry {
	e := usermgmt.AuditEntry{
		ID: h.id, Operation: h.operation, At: fromMicro(h.at), Outcome: h.outcome, Door: h.door, Class: h.class,
		Operator: h.operator, Subject: h.subject, Org: h.org,
	}
	decodeEntry(&e, data)
	return e
}

func micro(t time.Time) uint64 { return uint64(t.UnixMicro()) }
