package usermgmt

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt/internal/chain"
)

// AuditClass decides how long an audit entry is kept.
type AuditClass uint8

// The classes.
const (
	// AuditChange: something was changed.
	AuditChange AuditClass = iota + 1
	// AuditAccess: somebody came in, went out, tried to, or was refused.
	AuditAccess
	// AuditHost: recorded by the host with [AuditLog.Record].
	AuditHost
)

// String returns "change", "access" or "host".
func (c AuditClass) String() string {
	switch c {
	case AuditChange:
		return "change"
	case AuditAccess:
		return "access"
	case AuditHost:
		return "host"
	}
	return "unknown"
}

// classOf is the class of an entry that this package records.
func classOf(verb string, o Outcome) AuditClass {
	if o != OutcomeDone || strings.HasPrefix(verb, "auth.") || strings.HasPrefix(verb, "session.") {
		return AuditAccess
	}
	return AuditChange
}

// Seal is the place of an audit entry in the chain of its organization; entries of
// none have a chain of their own. Number is 1, 2, 3 … without a gap, in the order of
// sealing, which is not that of time. Seals are kept for ever.
type Seal struct {
	Org    OrgID
	Number int64
	Entry  AuditID
	// At, Class and Count are the entry's.
	At    time.Time
	Class AuditClass
	Count int64
	// Core is the SHA-256 of everything else in the entry, its detail by the digest.
	Core [32]byte
	// Hash is the SHA-256 of the Hash before it and of all the above.
	Hash [32]byte
}

// SealedEntry is an entry with its seal. Entry is zero once it was pruned.
type SealedEntry struct {
	Seal  Seal
	Entry AuditEntry
}

// sealOf is the seal of an entry that follows after another.
func sealOf(before *Seal, e *AuditEntry) Seal {
	s := Seal{Org: e.Org, Number: before.Number + 1, Entry: e.ID, At: e.At, Class: e.Class, Count: e.Count, Core: e.core()}
	s.Hash = s.link(before.Hash)
	return s
}

// link is the hash of a seal after one with the given hash.
func (s *Seal) link(before [32]byte) [32]byte {
	d := chain.New("usermgmt audit seal 1")
	d.Fixed(before[:])
	d.Fixed(s.Org[:])
	d.Int(s.Number)
	d.Fixed(s.Entry[:])
	d.Int(s.At.UnixMicro())
	d.Int(int64(s.Class))
	d.Int(s.Count)
	d.Fixed(s.Core[:])
	return d.Sum()
}

// core is the digest of what a seal covers besides its own fields.
func (e *AuditEntry) core() [32]byte {
	d := chain.New("usermgmt audit core 1")
	d.Fixed(e.Operation[:])
	d.Fixed(e.Operator[:])
	d.Fixed(e.Subject[:])
	d.Int(e.LastAt.UnixMicro())
	d.Int(int64(e.Outcome))
	d.Int(int64(e.Door))
	for _, s := range [...]string{e.Verb, e.TargetKind, e.Target} {
		d.Text(s)
	}
	d.Int(int64(len(e.Fields)))
	for _, s := range e.Fields {
		d.Text(s)
	}
	d.Fixed(e.Digest[:])
	return d.Sum()
}

const (
	sealBatch = 500
	// sealAfter is how long entries that fold are left open. They fold within a
	// minute; one that comes later is an entry of its own.
	sealAfter = 2 * time.Minute
)

// dutySeal seals entries that have committed.
func (m *Manager) dutySeal(ctx context.Context, now time.Time) (int, error) {
	open, err := m.store.UnsealedAudit(ctx, now.Add(-sealAfter), sealBatch)
	if err != nil {
		return 0, err
	}
	n := 0
	slices.SortStableFunc(open, func(a, b AuditEntry) int { return slices.Compare(a.Org[:], b.Org[:]) })
	for len(open) > 0 {
		end := 1
		for end < len(open) && open[end].Org == open[0].Org {
			end++
		}
		err := m.seal(ctx, open[:end])
		switch {
		case err == nil:
			n += end
		case !errors.Is(err, ErrStale): // another process was faster
			return n, err
		}
		open = open[end:]
	}
	return n, nil
}

// seal seals entries of one organization.
func (m *Manager) seal(ctx context.Context, entries []AuditEntry) error {
	return m.store.Tx(ctx, func(ctx context.Context, tx Store) error {
		last, err := tx.LastSeal(ctx, entries[0].Org)
		if skipNotFound(err) != nil {
			return err
		}
		seals := make([]Seal, len(entries))
		for i := range entries {
			seals[i] = sealOf(&last, &entries[i])
			last = seals[i]
		}
		return tx.SealAudit(ctx, seals...)
	})
}

const verbAuditPrune = "audit.prune"

// dutyRetention deletes entries that have been kept long enough, and records that.
func (m *Manager) dutyRetention(ctx context.Context, now time.Time) (int, error) {
	total := 0
	for class, keep := range m.cfg.AuditRetention {
		n, err := m.pruneAudit(ctx, class, now.Add(-keep), now)
		if err != nil {
			return total, err
		}
		total += n
	}
	return total, nil
}

func (m *Manager) pruneAudit(ctx context.Context, class AuditClass, before, now time.Time) (n int, err error) {
	op := newID[Operation]()
	err = m.store.Tx(ctx, func(ctx context.Context, tx Store) error {
		pruned, err := tx.PruneAudit(ctx, class, before, sealBatch)
		if err != nil {
			return err
		}
		n = 0
		w := &work{m: m, tx: tx, v: &actorValue{door: DoorSystem, reason: "retention"}, now: now, op: op, verb: verbAuditPrune}
		for org, count := range pruned {
			n += count
			w.on("organization", org, org, "")
			w.record(nil, map[string]string{"class": class.String(), "before": before.Format(time.RFC3339Nano), "entries": strconv.Itoa(count)})
		}
		return w.flush(ctx)
	})
	return n, err
}
