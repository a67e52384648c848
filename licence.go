package usermgmt

import (
	"context"
	"slices"
	"strconv"
	"strings"
)

// Licences manages pools of seats. [Manager.Licences] returns it.
//
// Who takes a seat of a pool depends on the pool. Of most the members do, each
// from the time of joining until deactivation. Of a pool that is
// [PoolTerms.Floating] only those do who are logged in, one however often they
// are: the seat is free again with the last session, also one that merely idles
// out, so that no crash keeps seats. Sessions that act as somebody else and API
// keys take none.
type Licences struct{ m *Manager }

// Licences returns the service that manages pools of seats.
func (m *Manager) Licences() *Licences { return &Licences{m} }

const verbLicence = "licence.set_pool"

// SetPool sets the terms of an organization's pool of a type; negative numbers
// are unlimited, as every pool is that was never set. Terms below what is in use
// take no seat away from anybody; no further one is given until enough are free.
// A pool may become floating and back: members stay assigned to it.
// Nothing but this call changes terms.
//
// The actor needs [PermLicenceManage], which exists system-wide only. SetPool
// records "licence.set_pool".
//
// Errors: [ErrNotFound], [ErrPermission], [ErrInvalid].
func (l *Licences) SetPool(ctx context.Context, a Actor, org OrgID, t LicenceType, terms PoolTerms) error {
	terms.Size, terms.Overdraft = max(terms.Size, -1), max(terms.Overdraft, -1)
	return l.m.change(ctx, a, "Licences.SetPool", verbLicence, func(ctx context.Context, w *work) error {
		if _, err := w.organization(ctx, org); err != nil {
			return err
		}
		if err := w.v.needIn(PermLicenceManage, org); err != nil {
			return err
		}
		if !licenceWord.MatchString(string(t)) {
			return invalid("licence", "format", "want 1 to 64 characters a-z, 0-9, _ and -")
		}
		if terms.Size > maxPool || terms.Overdraft > maxPool {
			return invalid("size", "range", "want at most a billion seats")
		}
		if err := w.tx.SetPool(ctx, org, t, terms); err != nil {
			return err
		}
		w.record(nil, map[string]string{"licence": string(t), "size": strconv.Itoa(terms.Size),
			"overdraft": strconv.Itoa(terms.Overdraft), "floating": boolText(terms.Floating)})
		return nil
	})
}

const maxPool = 1_000_000_000

// PoolReport is what [Licences.Report] tells of a pool.
type PoolReport struct {
	LicencePool
	// InUse is how many seats are taken now: of a floating pool by users who
	// are logged in, otherwise it is Used.
	InUse int
	// Reserved is how many of Used pending invitations hold; see [Invitations.Send].
	Reserved int
	// Over is how many of InUse are over Size.
	Over int
}

// Report returns the pools of an organization that were set or used, in the
// order of their types. The zero org is the actor's. The actor needs
// [PermLicenceView] there. Errors: [ErrNotFound], [ErrPermission].
func (l *Licences) Report(ctx context.Context, a Actor, org OrgID) ([]PoolReport, error) {
	const op = "Licences.Report"
	v, err := l.m.read(a)
	if err != nil {
		return nil, withOp(op, err)
	}
	if org.IsZero() {
		org = v.org
	}
	if err := v.needIn(PermLicenceView, org); err != nil {
		return nil, withOp(op, err)
	}
	pools, err := l.m.store.ListPools(ctx, org)
	if err != nil {
		return nil, withOp(op, err)
	}
	var floating map[LicenceType]int
	if slices.ContainsFunc(pools, func(p LicencePool) bool { return p.Floating }) {
		if floating, err = l.m.store.FloatingSeats(ctx, org, l.m.now()); err != nil {
			return nil, withOp(op, err)
		}
	}
	reserved, err := l.m.store.InvitedSeats(ctx, org)
	if err != nil {
		return nil, withOp(op, err)
	}
	out := make([]PoolReport, len(pools))
	for i, p := range pools {
		out[i] = PoolReport{LicencePool: p, InUse: p.Used, Reserved: reserved[p.Type]}
		if p.Floating {
			out[i].InUse = floating[p.Type]
		}
		if p.Size >= 0 {
			out[i].Over = max(0, out[i].InUse-p.Size)
		}
	}
	return out, nil
}

// idList is the text form of a set of identifiers.
func idList[E any](ids []ID[E]) string {
	parts := make([]string, len(ids))
	for i, id := range ids {
		parts[i] = id.String()
	}
	slices.Sort(parts)
	return strings.Join(parts, " ")
}
