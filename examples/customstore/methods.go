package main

import (
	"context"
	"iter"
	"time"

	"github.com/usermgmt/usermgmt"
)

// The methods below are all of usermgmt.Store but Tx. Each calls the store
// within and notes the outcome.

// ClaimBootstrap implements [usermgmt.Store].
func (w *Store) ClaimBootstrap(ctx context.Context, at time.Time) error {
	return w.note("ClaimBootstrap", w.Store.ClaimBootstrap(ctx, at))
}

// SaveOrg implements [usermgmt.Store].
func (w *Store) SaveOrg(ctx context.Context, o usermgmt.Organization) error {
	return w.note("SaveOrg", w.Store.SaveOrg(ctx, o))
}

// OrgByID implements [usermgmt.Store].
func (w *Store) OrgByID(ctx context.Context, id usermgmt.OrgID) (usermgmt.Organization, error) {
	v, err := w.Store.OrgByID(ctx, id)
	return v, w.note("OrgByID", err)
}

// OrgByName implements [usermgmt.Store].
func (w *Store) OrgByName(ctx context.Context, nameKey string) (usermgmt.Organization, error) {
	v, err := w.Store.OrgByName(ctx, nameKey)
	return v, w.note("OrgByName", err)
}

// ListOrgs implements [usermgmt.Store].
func (w *Store) ListOrgs(ctx context.Context, q usermgmt.ListQuery) ([]usermgmt.Organization, error) {
	v, err := w.Store.ListOrgs(ctx, q)
	return v, w.note("ListOrgs", err)
}

// LockOrg implements [usermgmt.Store].
func (w *Store) LockOrg(ctx context.Context, id usermgmt.OrgID) error {
	return w.note("LockOrg", w.Store.LockOrg(ctx, id))
}

// BumpStamps implements [usermgmt.Store].
func (w *Store) BumpStamps(ctx context.Context, id usermgmt.OrgID, trees bool) error {
	return w.note("BumpStamps", w.Store.BumpStamps(ctx, id, trees))
}

// Policy implements [usermgmt.Store].
func (w *Store) Policy(ctx context.Context, id usermgmt.OrgID) (usermgmt.PolicySet, error) {
	v, err := w.Store.Policy(ctx, id)
	return v, w.note("Policy", err)
}

// Trees implements [usermgmt.Store].
func (w *Store) Trees(ctx context.Context, id usermgmt.OrgID) (usermgmt.TreeSet, error) {
	v, err := w.Store.Trees(ctx, id)
	return v, w.note("Trees", err)
}

// SaveUnit implements [usermgmt.Store].
func (w *Store) SaveUnit(ctx context.Context, u usermgmt.BusinessUnit) error {
	return w.note("SaveUnit", w.Store.SaveUnit(ctx, u))
}

// DeleteUnit implements [usermgmt.Store].
func (w *Store) DeleteUnit(ctx context.Context, id usermgmt.UnitID) error {
	return w.note("DeleteUnit", w.Store.DeleteUnit(ctx, id))
}

// UnitByID implements [usermgmt.Store].
func (w *Store) UnitByID(ctx context.Context, id usermgmt.UnitID) (usermgmt.BusinessUnit, error) {
	v, err := w.Store.UnitByID(ctx, id)
	return v, w.note("UnitByID", err)
}

// ListUnits implements [usermgmt.Store].
func (w *Store) ListUnits(ctx context.Context, org usermgmt.OrgID, q usermgmt.ListQuery) ([]usermgmt.BusinessUnit, error) {
	v, err := w.Store.ListUnits(ctx, org, q)
	return v, w.note("ListUnits", err)
}

// SaveTeam implements [usermgmt.Store].
func (w *Store) SaveTeam(ctx context.Context, t usermgmt.Team) error {
	return w.note("SaveTeam", w.Store.SaveTeam(ctx, t))
}

// DeleteTeam implements [usermgmt.Store].
func (w *Store) DeleteTeam(ctx context.Context, id usermgmt.TeamID) error {
	return w.note("DeleteTeam", w.Store.DeleteTeam(ctx, id))
}

// TeamByID implements [usermgmt.Store].
func (w *Store) TeamByID(ctx context.Context, id usermgmt.TeamID) (usermgmt.Team, error) {
	v, err := w.Store.TeamByID(ctx, id)
	return v, w.note("TeamByID", err)
}

// ListTeams implements [usermgmt.Store].
func (w *Store) ListTeams(ctx context.Context, org usermgmt.OrgID, q usermgmt.ListQuery) ([]usermgmt.Team, error) {
	v, err := w.Store.ListTeams(ctx, org, q)
	return v, w.note("ListTeams", err)
}

// SaveSharing implements [usermgmt.Store].
func (w *Store) SaveSharing(ctx context.Context, p usermgmt.SharingPolicy) error {
	return w.note("SaveSharing", w.Store.SaveSharing(ctx, p))
}

// DeleteSharing implements [usermgmt.Store].
func (w *Store) DeleteSharing(ctx context.Context, id usermgmt.SharingID) error {
	return w.note("DeleteSharing", w.Store.DeleteSharing(ctx, id))
}

// SharingByID implements [usermgmt.Store].
func (w *Store) SharingByID(ctx context.Context, id usermgmt.SharingID) (usermgmt.SharingPolicy, error) {
	v, err := w.Store.SharingByID(ctx, id)
	return v, w.note("SharingByID", err)
}

// SaveUser implements [usermgmt.Store].
func (w *Store) SaveUser(ctx context.Context, u usermgmt.User) error {
	return w.note("SaveUser", w.Store.SaveUser(ctx, u))
}

// UserByID implements [usermgmt.Store].
func (w *Store) UserByID(ctx context.Context, id usermgmt.UserID) (usermgmt.User, error) {
	v, err := w.Store.UserByID(ctx, id)
	return v, w.note("UserByID", err)
}

// UsersByID implements [usermgmt.Store].
func (w *Store) UsersByID(ctx context.Context, ids []usermgmt.UserID) ([]usermgmt.User, error) {
	v, err := w.Store.UsersByID(ctx, ids)
	return v, w.note("UsersByID", err)
}

// AccountByLogin implements [usermgmt.Store].
func (w *Store) AccountByLogin(ctx context.Context, key string) (usermgmt.Account, error) {
	v, err := w.Store.AccountByLogin(ctx, key)
	return v, w.note("AccountByLogin", err)
}

// AccountByID implements [usermgmt.Store].
func (w *Store) AccountByID(ctx context.Context, id usermgmt.UserID) (usermgmt.Account, error) {
	v, err := w.Store.AccountByID(ctx, id)
	return v, w.note("AccountByID", err)
}

// UserByExternalID implements [usermgmt.Store].
func (w *Store) UserByExternalID(ctx context.Context, source, externalID string) (usermgmt.User, error) {
	v, err := w.Store.UserByExternalID(ctx, source, externalID)
	return v, w.note("UserByExternalID", err)
}

// ListUsers implements [usermgmt.Store].
func (w *Store) ListUsers(ctx context.Context, q usermgmt.UserQuery) ([]usermgmt.User, error) {
	v, err := w.Store.ListUsers(ctx, q)
	return v, w.note("ListUsers", err)
}

// StreamMembers implements [usermgmt.Store].
func (w *Store) StreamMembers(ctx context.Context, q usermgmt.UserQuery) iter.Seq2[usermgmt.Member, error] {
	return func(yield func(usermgmt.Member, error) bool) {
		var failed error
		defer func() { _ = w.note("StreamMembers", failed) }()
		for m, err := range w.Store.StreamMembers(ctx, q) {
			failed = err
			if !yield(m, err) {
				return
			}
		}
	}
}

// SaveMembership implements [usermgmt.Store].
func (w *Store) SaveMembership(ctx context.Context, m usermgmt.Membership) error {
	return w.note("SaveMembership", w.Store.SaveMembership(ctx, m))
}

// DeleteMembership implements [usermgmt.Store].
func (w *Store) DeleteMembership(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID, at time.Time) error {
	return w.note("DeleteMembership", w.Store.DeleteMembership(ctx, user, org, at))
}

// MembershipOf implements [usermgmt.Store].
func (w *Store) MembershipOf(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID) (usermgmt.Membership, error) {
	v, err := w.Store.MembershipOf(ctx, user, org)
	return v, w.note("MembershipOf", err)
}

// MembershipsOf implements [usermgmt.Store].
func (w *Store) MembershipsOf(ctx context.Context, user usermgmt.UserID) ([]usermgmt.Membership, error) {
	v, err := w.Store.MembershipsOf(ctx, user)
	return v, w.note("MembershipsOf", err)
}

// Memberships implements [usermgmt.Store].
func (w *Store) Memberships(ctx context.Context, org usermgmt.OrgID, users []usermgmt.UserID) ([]usermgmt.Membership, error) {
	v, err := w.Store.Memberships(ctx, org, users)
	return v, w.note("Memberships", err)
}

// BumpRights implements [usermgmt.Store].
func (w *Store) BumpRights(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID) error {
	return w.note("BumpRights", w.Store.BumpRights(ctx, user, org))
}

// SaveRole implements [usermgmt.Store].
func (w *Store) SaveRole(ctx context.Context, r usermgmt.Role) error {
	return w.note("SaveRole", w.Store.SaveRole(ctx, r))
}

// DeleteRole implements [usermgmt.Store].
func (w *Store) DeleteRole(ctx context.Context, id usermgmt.RoleID) error {
	return w.note("DeleteRole", w.Store.DeleteRole(ctx, id))
}

// RoleByID implements [usermgmt.Store].
func (w *Store) RoleByID(ctx context.Context, id usermgmt.RoleID) (usermgmt.Role, error) {
	v, err := w.Store.RoleByID(ctx, id)
	return v, w.note("RoleByID", err)
}

// SaveProfile implements [usermgmt.Store].
func (w *Store) SaveProfile(ctx context.Context, p usermgmt.AccessProfile) error {
	return w.note("SaveProfile", w.Store.SaveProfile(ctx, p))
}

// DeleteProfile implements [usermgmt.Store].
func (w *Store) DeleteProfile(ctx context.Context, id usermgmt.ProfileID) error {
	return w.note("DeleteProfile", w.Store.DeleteProfile(ctx, id))
}

// ProfileByID implements [usermgmt.Store].
func (w *Store) ProfileByID(ctx context.Context, id usermgmt.ProfileID) (usermgmt.AccessProfile, error) {
	v, err := w.Store.ProfileByID(ctx, id)
	return v, w.note("ProfileByID", err)
}

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
func (w *Store) SetPool(ctx context.Context, org usermgmt.OrgID, t usermgmt.LicenceType, size int) error {
	return w.note("SetPool", w.Store.SetPool(ctx, org, t, size))
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
func (w *Store) ClaimMessages(ctx context.Context, now, until time.Time, limit int) ([]usermgmt.Message, error) {
	v, err := w.Store.ClaimMessages(ctx, now, until, limit)
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
