package usermgmt

import (
	"context"
	"time"
)

// AuditStore keeps the audit log and its seals.
type AuditStore interface {
	// AppendAudit adds entries. An entry with a FoldKey that equals a stored
	// one's adds its Count to that entry and sets its LastAt instead, and its
	// ID does not count. Any other is [ErrConflict] (Field "id", Rule "taken")
	// if an entry with its ID is stored: of two transactions that add one with
	// the same ID at most one commits. [Manager.Resolve] relies on that.
	AppendAudit(ctx context.Context, entries ...AuditEntry) error
	// ListAudit returns a page of entries, newest first: in descending order of
	// ID.
	ListAudit(ctx context.Context, q AuditQuery) ([]AuditEntry, error)
	// UnsealedAudit returns at most limit entries that have no seal, in the order
	// of ID: those without a FoldKey, and those whose LastAt is before settled.
	UnsealedAudit(ctx context.Context, settled time.Time, limit int) ([]AuditEntry, error)
	// SealAudit stores seals of one organization, in the order of their Numbers,
	// which follow each other without a gap. It fails with [ErrStale] if the first
	// does not follow the organization's last one, beginning with 1, or if an entry
	// is not stored, has a seal, or has another Count than its seal says: of any
	// number of callers one seals. A sealed entry loses its FoldKey, so that nothing
	// is added to it any more.
	SealAudit(ctx context.Context, seals ...Seal) error
	// LastSeal returns the seal of an organization with the greatest Number.
	LastSeal(ctx context.Context, org OrgID) (Seal, error)
	// ListSealed returns at most limit seals of an organization with a Number
	// greater than after, in the order of Number, each with its entry; the zero
	// AuditEntry if that was pruned.
	ListSealed(ctx context.Context, org OrgID, after int64, limit int) ([]SealedEntry, error)
	// PruneAudit deletes at most limit sealed entries of a class with At before t,
	// oldest first, and keeps their seals. It returns how many it deleted of each
	// organization.
	PruneAudit(ctx context.Context, class AuditClass, t time.Time, limit int) (map[OrgID]int, error)
	// EraseAudit takes what is about the user out of the details of entries: of an
	// entry whose target is the user (TargetKind "user") the whole Detail; of one
	// whose Operator or Subject is the user that one's name and the Origin. Either
	// way the Salt becomes zero. It returns how many entries it changed.
	EraseAudit(ctx context.Context, user UserID) (int, error)
}
