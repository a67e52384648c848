package crash_test

import (
	"context"

	"github.com/usermgmt/usermgmt"
)

// The defects that the checks must find.
const (
	auditAfter  = "audit is written after the transaction"
	auditBefore = "audit is written in a transaction of its own before"
	seatsApart  = "seats are claimed in a transaction of their own"
)

// breakStore returns s with a defect, or as it is for "".
func breakStore(s usermgmt.Store, defect string) usermgmt.Store {
	if defect == "" {
		return s
	}
	return &brokenStore{Store: s, outside: s, defect: defect}
}

// brokenStore is a store with a defect. Inside of a transaction, outside is the
// store that is not bound to it.
type brokenStore struct {
	usermgmt.Store
	outside usermgmt.Store
	defect  string
	inside  bool
	late    *[]usermgmt.AuditEntry
}

// Tx implements [usermgmt.Store].
func (b *brokenStore) Tx(ctx context.Context, fn func(ctx context.Context, tx usermgmt.Store) error) error {
	if b.inside {
		return b.Store.Tx(ctx, func(ctx context.Context, tx usermgmt.Store) error {
			c := *b
			c.Store = tx
			return fn(ctx, &c)
		})
	}
	var late []usermgmt.AuditEntry
	err := b.Store.Tx(ctx, func(ctx context.Context, tx usermgmt.Store) error {
		late = nil
		return fn(ctx, &brokenStore{Store: tx, outside: b.outside, defect: b.defect, inside: true, late: &late})
	})
	if err != nil || len(late) == 0 {
		return err
	}
	return b.outside.AppendAudit(ctx, late...)
}

// AppendAudit implements [usermgmt.Store].
func (b *brokenStore) AppendAudit(ctx context.Context, entries ...usermgmt.AuditEntry) error {
	switch {
	case b.inside && b.defect == auditAfter:
		*b.late = append(*b.late, entries...)
		return nil
	case b.inside && b.defect == auditBefore:
		return b.outside.AppendAudit(context.Background(), entries...)
	}
	return b.Store.AppendAudit(ctx, entries...)
}

// ClaimSeats implements [usermgmt.Store].
func (b *brokenStore) ClaimSeats(ctx context.Context, org usermgmt.OrgID, t usermgmt.LicenceType, n int) error {
	if b.inside && b.defect == seatsApart {
		return b.outside.ClaimSeats(context.Background(), org, t, n)
	}
	return b.Store.ClaimSeats(ctx, org, t, n)
}
