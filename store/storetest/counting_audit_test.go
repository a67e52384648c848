package storetest

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt"
)

func (w counting) UnsealedAudit(ctx context.Context, settled time.Time, limit int) ([]usermgmt.AuditEntry, error) {
	w.count("UnsealedAudit")
	return w.Store.UnsealedAudit(ctx, settled, limit)
}

func (w counting) SealAudit(ctx context.Context, seals ...usermgmt.Seal) error {
	w.count("SealAudit")
	return w.Store.SealAudit(ctx, seals...)
}

func (w counting) LastSeal(ctx context.Context, org usermgmt.OrgID) (usermgmt.Seal, error) {
	w.count("LastSeal")
	return w.Store.LastSeal(ctx, org)
}

func (w counting) ListSealed(ctx context.Context, org usermgmt.OrgID, after int64, limit int) ([]usermgmt.SealedEntry, error) {
	w.count("ListSealed")
	return w.Store.ListSealed(ctx, org, after, limit)
}

func (w counting) PruneAudit(ctx context.Context, class usermgmt.AuditClass, t time.Time, limit int) (map[usermgmt.OrgID]int, error) {
	w.count("PruneAudit")
	return w.Store.PruneAudit(ctx, class, t, limit)
}

func (w counting) EraseAudit(ctx context.Context, user usermgmt.UserID) (int, error) {
	w.count("EraseAudit")
	return w.Store.EraseAudit(ctx, user)
}
