package storetest

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt"
)

func (w counting) PutToken(ctx context.Context, t usermgmt.Token, since time.Time) (bool, error) {
	w.count("PutToken")
	return w.Store.PutToken(ctx, t, since)
}

func (w counting) ArmToken(ctx context.Context, s usermgmt.TokenSecret) (bool, error) {
	w.count("ArmToken")
	return w.Store.ArmToken(ctx, s)
}

func (w counting) TokenByID(ctx context.Context, id usermgmt.TokenID) (usermgmt.Token, error) {
	w.count("TokenByID")
	return w.Store.TokenByID(ctx, id)
}

func (w counting) TokenByKey(ctx context.Context, key string) (usermgmt.Token, error) {
	w.count("TokenByKey")
	return w.Store.TokenByKey(ctx, key)
}

func (w counting) TokenByHash(ctx context.Context, hash [32]byte) (usermgmt.Token, error) {
	w.count("TokenByHash")
	return w.Store.TokenByHash(ctx, hash)
}

func (w counting) UseToken(ctx context.Context, id usermgmt.TokenID, at time.Time) (bool, error) {
	w.count("UseToken")
	return w.Store.UseToken(ctx, id, at)
}

func (w counting) DeleteTokens(ctx context.Context, user usermgmt.UserID, purposes ...usermgmt.TokenPurpose) error {
	w.count("DeleteTokens")
	return w.Store.DeleteTokens(ctx, user, purposes...)
}

func (w counting) PruneTokens(ctx context.Context, t time.Time, limit int) (int, error) {
	w.count("PruneTokens")
	return w.Store.PruneTokens(ctx, t, limit)
}

func (w counting) SaveInvitation(ctx context.Context, i usermgmt.Invitation) error {
	w.count("SaveInvitation")
	return w.Store.SaveInvitation(ctx, i)
}

func (w counting) InvitationByID(ctx context.Context, id usermgmt.InvitationID) (usermgmt.Invitation, error) {
	w.count("InvitationByID")
	return w.Store.InvitationByID(ctx, id)
}

func (w counting) PendingInvitation(ctx context.Context, org usermgmt.OrgID, emailKey string) (usermgmt.Invitation, error) {
	w.count("PendingInvitation")
	return w.Store.PendingInvitation(ctx, org, emailKey)
}

func (w counting) EndInvitation(ctx context.Context, id usermgmt.InvitationID, outcome usermgmt.InvitationOutcome, at time.Time, by usermgmt.UserID) (bool, error) {
	w.count("EndInvitation")
	return w.Store.EndInvitation(ctx, id, outcome, at, by)
}

func (w counting) ListInvitations(ctx context.Context, org usermgmt.OrgID, pending bool, q usermgmt.ListQuery) ([]usermgmt.Invitation, error) {
	w.count("ListInvitations")
	return w.Store.ListInvitations(ctx, org, pending, q)
}

func (w counting) ExpiredInvitations(ctx context.Context, now time.Time, limit int) ([]usermgmt.Invitation, error) {
	w.count("ExpiredInvitations")
	return w.Store.ExpiredInvitations(ctx, now, limit)
}

func (w counting) InvitedSeats(ctx context.Context, org usermgmt.OrgID) (map[usermgmt.LicenceType]int, error) {
	w.count("InvitedSeats")
	return w.Store.InvitedSeats(ctx, org)
}
