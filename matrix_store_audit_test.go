package usermgmt_test

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt"
)

func (h hookStore) UnsealedAudit(ctx context.Context, settled time.Time, limit int) ([]usermgmt.AuditEntry, error) {
	h.hook("UnsealedAudit")
	return h.Store.UnsealedAudit(ctx, settled, limit)
}

func (h hookStore) SealAudit(ctx context.Context, seals ...usermgmt.Seal) error {
	h.hook("SealAudit")
	return h.Store.SealAudit(ctx, seals...)
}

func (h hookStore) LastSeal(ctx context.Context, org usermgmt.OrgID) (usermgmt.Seal, error) {
	h.hook("LastSeal")
	return h.Store.LastSeal(ctx, org)
}

func (h hookStore) ListSealed(ctx context.Context, org usermgmt.OrgID, after int64, limit int) ([]usermgmt.SealedEntry, error) {
	h.hook("ListSealed")
	return h.Store.ListSealed(ctx, org, after, limit)
}

func (h hookStore) PruneAudit(ctx context.Context, class usermgmt.AuditClass, t time.Time, limit int) (map[usermgmt.OrgID]int, error) {
	h.hook("PruneAudit")
	return h.Store.PruneAudit(ctx, class, t, limit)
}

func (h hookStore) EraseAudit(ctx context.Context, user usermgmt.UserID) (int, error) {
	h.hook("EraseAudit")
	return h.Store.EraseAudit(ctx, user)
}
