package main

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt"
)

// UnsealedAudit implements [usermgmt.Store].
func (w *Store) UnsealedAudit(ctx context.Context, settled time.Time, limit int) ([]usermgmt.AuditEntry, error) {
	v, err := w.Store.UnsealedAudit(ctx, settled, limit)
	return v, w.note("UnsealedAudit", err)
}

// SealAudit implements [usermgmt.Store].
func (w *Store) SealAudit(ctx context.Context, seals ...usermgmt.Seal) error {
	return w.note("SealAudit", w.Store.SealAudit(ctx, seals...))
}

// LastSeal implements [usermgmt.Store].
func (w *Store) LastSeal(ctx context.Context, org usermgmt.OrgID) (usermgmt.Seal, error) {
	v, err := w.Store.LastSeal(ctx, org)
	return v, w.note("LastSeal", err)
}

// ListSealed implements [usermgmt.Store].
func (w *Store) ListSealed(ctx context.Context, org usermgmt.OrgID, after int64, limit int) ([]usermgmt.SealedEntry, error) {
	v, err := w.Store.ListSealed(ctx, org, after, limit)
	return v, w.note("ListSealed", err)
}

// PruneAudit implements [usermgmt.Store].
func (w *Store) PruneAudit(ctx context.Context, class usermgmt.AuditClass, t time.Time, limit int) (map[usermgmt.OrgID]int, error) {
	v, err := w.Store.PruneAudit(ctx, class, t, limit)
	return v, w.note("PruneAudit", err)
}

// EraseAudit implements [usermgmt.Store].
func (w *Store) EraseAudit(ctx context.Context, user usermgmt.UserID) (int, error) {
	v, err := w.Store.EraseAudit(ctx, user)
	return v, w.note("EraseAudit", err)
}
