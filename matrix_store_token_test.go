package usermgmt_test

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt"
)

func (h hookStore) PutToken(ctx context.Context, t usermgmt.Token, since time.Time) (bool, error) {
	h.hook("PutToken")
	return h.Store.PutToken(ctx, t, since)
}

func (h hookStore) ArmToken(ctx context.Context, s usermgmt.TokenSecret) (bool, error) {
	h.hook("ArmToken")
	return h.Store.ArmToken(ctx, s)
}

func (h hookStore) TokenByID(ctx context.Context, id usermgmt.TokenID) (usermgmt.Token, error) {
	h.hook("TokenByID")
	return h.Store.TokenByID(ctx, id)
}

func (h hookStore) TokenByKey(ctx context.Context, key string) (usermgmt.Token, error) {
	h.hook("TokenByKey")
	return h.Store.TokenByKey(ctx, key)
}

func (h hookStore) TokenByHash(ctx context.Context, hash [32]byte) (usermgmt.Token, error) {
	h.hook("TokenByHash")
	return h.Store.TokenByHash(ctx, hash)
}

func (h hookStore) UseToken(ctx context.Context, id usermgmt.TokenID, at time.Time) (bool, error) {
	h.hook("UseToken")
	return h.Store.UseToken(ctx, id, at)
}

func (h hookStore) DeleteTokens(ctx context.Context, user usermgmt.UserID, purposes ...usermgmt.TokenPurpose) error {
	h.hook("DeleteTokens")
	return h.Store.DeleteTokens(ctx, user, purposes...)
}

func (h hookStore) PruneTokens(ctx context.Context, t time.Time, limit int) (int, error) {
	h.hook("PruneTokens")
	return h.Store.PruneTokens(ctx, t, limit)
}

func (h hookStore) SaveInvitation(ctx context.Context, i usermgmt.Invitation) error {
	h.hook("SaveInvitation")
	return h.Store.SaveInvitation(ctx, i)
}

func (h hookStore) InvitationByID(ctx context.Context, id usermgmt.InvitationID) (usermgmt.Invitation, error) {
	h.hook("InvitationByID")
	return h.Store.InvitationByID(ctx, id)
}

func (h hookStore) PendingInvitation(ctx context.Context, org usermgmt.OrgID, emailKey string) (usermgmt.Invitation, error) {
	h.hook("PendingInvitation")
	return h.Store.PendingInvitation(ctx, org, emailKey)
}

func (h hookStore) EndInvitation(ctx context.Context, id usermgmt.InvitationID, outcome usermgmt.InvitationOutcome, at time.Time, by usermgmt.UserID) (bool, error) {
	h.hook("EndInvitation")
	return h.Store.EndInvitation(ctx, id, outcome, at, by)
}

func (h hookStore) ListInvitations(ctx context.Context, org usermgmt.OrgID, pending bool, q usermgmt.ListQuery) ([]usermgmt.Invitation, error) {
	h.hook("ListInvitations")
	return h.Store.ListInvitations(ctx, org, pending, q)
}

func (h hookStore) ExpiredInvitations(ctx context.Context, now time.Time, limit int) ([]usermgmt.Invitation, error) {
	h.hook("ExpiredInvitations")
	return h.Store.ExpiredInvitations(ctx, now, limit)
}

func (h hookStore) InvitedSeats(ctx context.Context, org usermgmt.OrgID) (map[usermgmt.LicenceType]int, error) {
	h.hook("InvitedSeats")
	return h.Store.InvitedSeats(ctx, org)
}
