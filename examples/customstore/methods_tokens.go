package main

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt"
)

// PutToken implements [usermgmt.Store].
func (w *Store) PutToken(ctx context.Context, t usermgmt.Token, since time.Time) (bool, error) {
	v, err := w.Store.PutToken(ctx, t, since)
	return v, w.note("PutToken", err)
}

// ArmToken implements [usermgmt.Store].
func (w *Store) ArmToken(ctx context.Context, s usermgmt.TokenSecret) (bool, error) {
	v, err := w.Store.ArmToken(ctx, s)
	return v, w.note("ArmToken", err)
}

// TokenByID implements [usermgmt.Store].
func (w *Store) TokenByID(ctx context.Context, id usermgmt.TokenID) (usermgmt.Token, error) {
	v, err := w.Store.TokenByID(ctx, id)
	return v, w.note("TokenByID", err)
}

// TokenByKey implements [usermgmt.Store].
func (w *Store) TokenByKey(ctx context.Context, key string) (usermgmt.Token, error) {
	v, err := w.Store.TokenByKey(ctx, key)
	return v, w.note("TokenByKey", err)
}

// TokenByHash implements [usermgmt.Store].
func (w *Store) TokenByHash(ctx context.Context, hash [32]byte) (usermgmt.Token, error) {
	v, err := w.Store.TokenByHash(ctx, hash)
	return v, w.note("TokenByHash", err)
}

// UseToken implements [usermgmt.Store].
func (w *Store) UseToken(ctx context.Context, id usermgmt.TokenID, at time.Time) (bool, error) {
	v, err := w.Store.UseToken(ctx, id, at)
	return v, w.note("UseToken", err)
}

// DeleteTokens implements [usermgmt.Store].
func (w *Store) DeleteTokens(ctx context.Context, user usermgmt.UserID, purposes ...usermgmt.TokenPurpose) error {
	return w.note("DeleteTokens", w.Store.DeleteTokens(ctx, user, purposes...))
}

// PruneTokens implements [usermgmt.Store].
func (w *Store) PruneTokens(ctx context.Context, t time.Time, limit int) (int, error) {
	v, err := w.Store.PruneTokens(ctx, t, limit)
	return v, w.note("PruneTokens", err)
}

// SaveInvitation implements [usermgmt.Store].
func (w *Store) SaveInvitation(ctx context.Context, i usermgmt.Invitation) error {
	return w.note("SaveInvitation", w.Store.SaveInvitation(ctx, i))
}

// InvitationByID implements [usermgmt.Store].
func (w *Store) InvitationByID(ctx context.Context, id usermgmt.InvitationID) (usermgmt.Invitation, error) {
	v, err := w.Store.InvitationByID(ctx, id)
	return v, w.note("InvitationByID", err)
}

// PendingInvitation implements [usermgmt.Store].
func (w *Store) PendingInvitation(ctx context.Context, org usermgmt.OrgID, emailKey string) (usermgmt.Invitation, error) {
	v, err := w.Store.PendingInvitation(ctx, org, emailKey)
	return v, w.note("PendingInvitation", err)
}

// EndInvitation implements [usermgmt.Store].
func (w *Store) EndInvitation(ctx context.Context, id usermgmt.InvitationID, outcome usermgmt.InvitationOutcome, at time.Time, by usermgmt.UserID) (bool, error) {
	v, err := w.Store.EndInvitation(ctx, id, outcome, at, by)
	return v, w.note("EndInvitation", err)
}

// ListInvitations implements [usermgmt.Store].
func (w *Store) ListInvitations(ctx context.Context, org usermgmt.OrgID, pending bool, q usermgmt.ListQuery) ([]usermgmt.Invitation, error) {
	v, err := w.Store.ListInvitations(ctx, org, pending, q)
	return v, w.note("ListInvitations", err)
}

// ExpiredInvitations implements [usermgmt.Store].
func (w *Store) ExpiredInvitations(ctx context.Context, now time.Time, limit int) ([]usermgmt.Invitation, error) {
	v, err := w.Store.ExpiredInvitations(ctx, now, limit)
	return v, w.note("ExpiredInvitations", err)
}

// InvitedSeats implements [usermgmt.Store].
func (w *Store) InvitedSeats(ctx context.Context, org usermgmt.OrgID) (map[usermgmt.LicenceType]int, error) {
	v, err := w.Store.InvitedSeats(ctx, org)
	return v, w.note("InvitedSeats", err)
}
