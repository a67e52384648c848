package main

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt"
)

// ProfileByName implements [usermgmt.Store].
func (w *Store) ProfileByName(ctx context.Context, org usermgmt.OrgID, nameKey string) (usermgmt.AccessProfile, error) {
	v, err := w.Store.ProfileByName(ctx, org, nameKey)
	return v, w.note("ProfileByName", err)
}

// SaveApplication implements [usermgmt.Store].
func (w *Store) SaveApplication(ctx context.Context, a usermgmt.Application) error {
	return w.note("SaveApplication", w.Store.SaveApplication(ctx, a))
}

// DeleteApplication implements [usermgmt.Store].
func (w *Store) DeleteApplication(ctx context.Context, id usermgmt.ApplicationID) error {
	return w.note("DeleteApplication", w.Store.DeleteApplication(ctx, id))
}

// ApplicationByID implements [usermgmt.Store].
func (w *Store) ApplicationByID(ctx context.Context, id usermgmt.ApplicationID) (usermgmt.Application, error) {
	v, err := w.Store.ApplicationByID(ctx, id)
	return v, w.note("ApplicationByID", err)
}

// SaveAccess implements [usermgmt.Store].
func (w *Store) SaveAccess(ctx context.Context, e usermgmt.AccessEntry) error {
	return w.note("SaveAccess", w.Store.SaveAccess(ctx, e))
}

// DeleteAccess implements [usermgmt.Store].
func (w *Store) DeleteAccess(ctx context.Context, id usermgmt.AccessID) error {
	return w.note("DeleteAccess", w.Store.DeleteAccess(ctx, id))
}

// AccessByID implements [usermgmt.Store].
func (w *Store) AccessByID(ctx context.Context, id usermgmt.AccessID) (usermgmt.AccessEntry, error) {
	v, err := w.Store.AccessByID(ctx, id)
	return v, w.note("AccessByID", err)
}

// ListAccess implements [usermgmt.Store].
func (w *Store) ListAccess(ctx context.Context, org usermgmt.OrgID, app usermgmt.ApplicationID, q usermgmt.ListQuery) ([]usermgmt.AccessEntry, error) {
	v, err := w.Store.ListAccess(ctx, org, app, q)
	return v, w.note("ListAccess", err)
}

// AccessOf implements [usermgmt.Store].
func (w *Store) AccessOf(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID) ([]usermgmt.AccessEntry, error) {
	v, err := w.Store.AccessOf(ctx, user, org)
	return v, w.note("AccessOf", err)
}

// SaveCredential implements [usermgmt.Store].
func (w *Store) SaveCredential(ctx context.Context, c usermgmt.Credential) error {
	return w.note("SaveCredential", w.Store.SaveCredential(ctx, c))
}

// ReserveAttempt implements [usermgmt.Store].
func (w *Store) ReserveAttempt(ctx context.Context, user usermgmt.UserID, rule usermgmt.AttemptRule) (usermgmt.LoginState, bool, error) {
	state, reserved, err := w.Store.ReserveAttempt(ctx, user, rule)
	return state, reserved, w.note("ReserveAttempt", err)
}

// ReleaseAttempt implements [usermgmt.Store].
func (w *Store) ReleaseAttempt(ctx context.Context, user usermgmt.UserID, lockUntil time.Time) error {
	return w.note("ReleaseAttempt", w.Store.ReleaseAttempt(ctx, user, lockUntil))
}

// RecordLogin implements [usermgmt.Store].
func (w *Store) RecordLogin(ctx context.Context, user usermgmt.UserID, at time.Time) error {
	return w.note("RecordLogin", w.Store.RecordLogin(ctx, user, at))
}

// ClearAttempts implements [usermgmt.Store].
func (w *Store) ClearAttempts(ctx context.Context, user usermgmt.UserID, until time.Time) error {
	return w.note("ClearAttempts", w.Store.ClearAttempts(ctx, user, until))
}

// StandingOf implements [usermgmt.Store].
func (w *Store) StandingOf(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID) (usermgmt.Standing, error) {
	v, err := w.Store.StandingOf(ctx, user, org)
	return v, w.note("StandingOf", err)
}

// CreateSession implements [usermgmt.Store].
func (w *Store) CreateSession(ctx context.Context, s usermgmt.Session) error {
	return w.note("CreateSession", w.Store.CreateSession(ctx, s))
}

// SessionByToken implements [usermgmt.Store].
func (w *Store) SessionByToken(ctx context.Context, hash [32]byte) (usermgmt.SessionView, error) {
	v, err := w.Store.SessionByToken(ctx, hash)
	return v, w.note("SessionByToken", err)
}

// SessionByID implements [usermgmt.Store].
func (w *Store) SessionByID(ctx context.Context, id usermgmt.SessionID) (usermgmt.SessionView, error) {
	v, err := w.Store.SessionByID(ctx, id)
	return v, w.note("SessionByID", err)
}

// UpdateSession implements [usermgmt.Store].
func (w *Store) UpdateSession(ctx context.Context, s usermgmt.Session, old [32]byte) error {
	return w.note("UpdateSession", w.Store.UpdateSession(ctx, s, old))
}

// TouchSession implements [usermgmt.Store].
func (w *Store) TouchSession(ctx context.Context, id usermgmt.SessionID, at, stale time.Time) error {
	return w.note("TouchSession", w.Store.TouchSession(ctx, id, at, stale))
}

// EndSession implements [usermgmt.Store].
func (w *Store) EndSession(ctx context.Context, id usermgmt.SessionID, at time.Time, reason string) (bool, error) {
	v, err := w.Store.EndSession(ctx, id, at, reason)
	return v, w.note("EndSession", err)
}

// EndSessions implements [usermgmt.Store].
func (w *Store) EndSessions(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID, keep usermgmt.SessionID, at time.Time, reason string) (int, error) {
	v, err := w.Store.EndSessions(ctx, user, org, keep, at, reason)
	return v, w.note("EndSessions", err)
}

// ListSessions implements [usermgmt.Store].
func (w *Store) ListSessions(ctx context.Context, user usermgmt.UserID, limit int) ([]usermgmt.Session, error) {
	v, err := w.Store.ListSessions(ctx, user, limit)
	return v, w.note("ListSessions", err)
}

// PruneSessions implements [usermgmt.Store].
func (w *Store) PruneSessions(ctx context.Context, t time.Time, limit int) (int, error) {
	v, err := w.Store.PruneSessions(ctx, t, limit)
	return v, w.note("PruneSessions", err)
}

// PutAPIKey implements [usermgmt.Store].
func (w *Store) PutAPIKey(ctx context.Context, k usermgmt.APIKey) error {
	return w.note("PutAPIKey", w.Store.PutAPIKey(ctx, k))
}

// APIKeyByHash implements [usermgmt.Store].
func (w *Store) APIKeyByHash(ctx context.Context, hash [32]byte) (usermgmt.KeyView, error) {
	v, err := w.Store.APIKeyByHash(ctx, hash)
	return v, w.note("APIKeyByHash", err)
}

// APIKeyOf implements [usermgmt.Store].
func (w *Store) APIKeyOf(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID) (usermgmt.APIKey, error) {
	v, err := w.Store.APIKeyOf(ctx, user, org)
	return v, w.note("APIKeyOf", err)
}

// DeleteAPIKey implements [usermgmt.Store].
func (w *Store) DeleteAPIKey(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID) error {
	return w.note("DeleteAPIKey", w.Store.DeleteAPIKey(ctx, user, org))
}

// TouchAPIKey implements [usermgmt.Store].
func (w *Store) TouchAPIKey(ctx context.Context, id usermgmt.APIKeyID, at, stale time.Time) error {
	return w.note("TouchAPIKey", w.Store.TouchAPIKey(ctx, id, at, stale))
}

// SaveProxyList implements [usermgmt.Store].
func (w *Store) SaveProxyList(ctx context.Context, l usermgmt.ProxyList) error {
	return w.note("SaveProxyList", w.Store.SaveProxyList(ctx, l))
}

// ProxyListOf implements [usermgmt.Store].
func (w *Store) ProxyListOf(ctx context.Context, operator usermgmt.UserID, org usermgmt.OrgID) (usermgmt.ProxyList, error) {
	v, err := w.Store.ProxyListOf(ctx, operator, org)
	return v, w.note("ProxyListOf", err)
}

// SetPool implements [usermgmt.Store].
func (w *Store) SetPool(ctx context.Context, org usermgmt.OrgID, t usermgmt.LicenceType, terms usermgmt.PoolTerms) error {
	return w.note("SetPool", w.Store.SetPool(ctx, org, t, terms))
}

// ClaimSeats implements [usermgmt.Store].
func (w *Store) ClaimSeats(ctx context.Context, org usermgmt.OrgID, t usermgmt.LicenceType, n int) error {
	return w.note("ClaimSeats", w.Store.ClaimSeats(ctx, org, t, n))
}

// ListPools implements [usermgmt.Store].
func (w *Store) ListPools(ctx context.Context, org usermgmt.OrgID) ([]usermgmt.LicencePool, error) {
	v, err := w.Store.ListPools(ctx, org)
	return v, w.note("ListPools", err)
}

// AppendAudit implements [usermgmt.Store].
func (w *Store) AppendAudit(ctx context.Context, entries ...usermgmt.AuditEntry) error {
	return w.note("AppendAudit", w.Store.AppendAudit(ctx, entries...))
}

// ListAudit implements [usermgmt.Store].
func (w *Store) ListAudit(ctx context.Context, q usermgmt.AuditQuery) ([]usermgmt.AuditEntry, error) {
	v, err := w.Store.ListAudit(ctx, q)
	return v, w.note("ListAudit", err)
}

// AddMessages implements [usermgmt.Store].
func (w *Store) AddMessages(ctx context.Context, m ...usermgmt.Message) error {
	return w.note("AddMessages", w.Store.AddMessages(ctx, m...))
}

// ClaimMessages implements [usermgmt.Store].
func (w *Store) ClaimMessages(ctx context.Context, event bool, now, until time.Time, limit int) ([]usermgmt.Message, error) {
	v, err := w.Store.ClaimMessages(ctx, event, now, until, limit)
	return v, w.note("ClaimMessages", err)
}

// SettleMessage implements [usermgmt.Store].
func (w *Store) SettleMessage(ctx context.Context, m usermgmt.Message) error {
	return w.note("SettleMessage", w.Store.SettleMessage(ctx, m))
}

// ListMessages implements [usermgmt.Store].
func (w *Store) ListMessages(ctx context.Context, pending bool, q usermgmt.ListQuery) ([]usermgmt.Message, error) {
	v, err := w.Store.ListMessages(ctx, pending, q)
	return v, w.note("ListMessages", err)
}

// PutBlob implements [usermgmt.Store].
func (w *Store) PutBlob(ctx context.Context, key string, data []byte) error {
	return w.note("PutBlob", w.Store.PutBlob(ctx, key, data))
}

// Blob implements [usermgmt.Store].
func (w *Store) Blob(ctx context.Context, key string) ([]byte, error) {
	v, err := w.Store.Blob(ctx, key)
	return v, w.note("Blob", err)
}

// SaveCheckpoint implements [usermgmt.Store].
func (w *Store) SaveCheckpoint(ctx context.Context, c usermgmt.Checkpoint) error {
	return w.note("SaveCheckpoint", w.Store.SaveCheckpoint(ctx, c))
}

// CheckpointByID implements [usermgmt.Store].
func (w *Store) CheckpointByID(ctx context.Context, id usermgmt.ImportID) (usermgmt.Checkpoint, error) {
	v, err := w.Store.CheckpointByID(ctx, id)
	return v, w.note("CheckpointByID", err)
}
