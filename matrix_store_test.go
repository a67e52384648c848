package usermgmt_test

import (
	"context"
	"iter"
	"time"

	"github.com/usermgmt/usermgmt"
)

// hookStore is a store that tells of every call before it is made, in
// transactions too. A method that is missing here would be missed by the tests
// that count; TestHookStoreSeesEveryStoreMethod fails then.
type hookStore struct {
	usermgmt.Store
	hook func(method string)
}

// Tx implements [usermgmt.Store].
func (h hookStore) Tx(ctx context.Context, fn func(ctx context.Context, tx usermgmt.Store) error) error {
	h.hook("Tx")
	err := h.Store.Tx(ctx, func(ctx context.Context, tx usermgmt.Store) error { return fn(ctx, hookStore{tx, h.hook}) })
	if err == nil {
		h.hook("commit")
	} else {
		h.hook("rollback")
	}
	return err
}

func (h hookStore) ClaimBootstrap(ctx context.Context, at time.Time) error {
	h.hook("ClaimBootstrap")
	return h.Store.ClaimBootstrap(ctx, at)
}

func (h hookStore) SaveOrg(ctx context.Context, o usermgmt.Organization) error {
	h.hook("SaveOrg")
	return h.Store.SaveOrg(ctx, o)
}

func (h hookStore) OrgByID(ctx context.Context, id usermgmt.OrgID) (usermgmt.Organization, error) {
	h.hook("OrgByID")
	return h.Store.OrgByID(ctx, id)
}

func (h hookStore) OrgByName(ctx context.Context, nameKey string) (usermgmt.Organization, error) {
	h.hook("OrgByName")
	return h.Store.OrgByName(ctx, nameKey)
}

func (h hookStore) ListOrgs(ctx context.Context, q usermgmt.ListQuery) ([]usermgmt.Organization, error) {
	h.hook("ListOrgs")
	return h.Store.ListOrgs(ctx, q)
}

func (h hookStore) LockOrg(ctx context.Context, id usermgmt.OrgID) error {
	h.hook("LockOrg")
	return h.Store.LockOrg(ctx, id)
}

func (h hookStore) BumpStamps(ctx context.Context, id usermgmt.OrgID, trees bool) error {
	h.hook("BumpStamps")
	return h.Store.BumpStamps(ctx, id, trees)
}

func (h hookStore) Policy(ctx context.Context, id usermgmt.OrgID) (usermgmt.PolicySet, error) {
	h.hook("Policy")
	return h.Store.Policy(ctx, id)
}

func (h hookStore) Trees(ctx context.Context, id usermgmt.OrgID) (usermgmt.TreeSet, error) {
	h.hook("Trees")
	return h.Store.Trees(ctx, id)
}

func (h hookStore) SaveUnit(ctx context.Context, u usermgmt.BusinessUnit) error {
	h.hook("SaveUnit")
	return h.Store.SaveUnit(ctx, u)
}

func (h hookStore) DeleteUnit(ctx context.Context, id usermgmt.UnitID) error {
	h.hook("DeleteUnit")
	return h.Store.DeleteUnit(ctx, id)
}

func (h hookStore) UnitByID(ctx context.Context, id usermgmt.UnitID) (usermgmt.BusinessUnit, error) {
	h.hook("UnitByID")
	return h.Store.UnitByID(ctx, id)
}

func (h hookStore) ListUnits(ctx context.Context, org usermgmt.OrgID, q usermgmt.ListQuery) ([]usermgmt.BusinessUnit, error) {
	h.hook("ListUnits")
	return h.Store.ListUnits(ctx, org, q)
}

func (h hookStore) SaveTeam(ctx context.Context, t usermgmt.Team) error {
	h.hook("SaveTeam")
	return h.Store.SaveTeam(ctx, t)
}

func (h hookStore) DeleteTeam(ctx context.Context, id usermgmt.TeamID) error {
	h.hook("DeleteTeam")
	return h.Store.DeleteTeam(ctx, id)
}

func (h hookStore) TeamByID(ctx context.Context, id usermgmt.TeamID) (usermgmt.Team, error) {
	h.hook("TeamByID")
	return h.Store.TeamByID(ctx, id)
}

func (h hookStore) ListTeams(ctx context.Context, org usermgmt.OrgID, q usermgmt.ListQuery) ([]usermgmt.Team, error) {
	h.hook("ListTeams")
	return h.Store.ListTeams(ctx, org, q)
}

func (h hookStore) SaveSharing(ctx context.Context, p usermgmt.SharingPolicy) error {
	h.hook("SaveSharing")
	return h.Store.SaveSharing(ctx, p)
}

func (h hookStore) DeleteSharing(ctx context.Context, id usermgmt.SharingID) error {
	h.hook("DeleteSharing")
	return h.Store.DeleteSharing(ctx, id)
}

func (h hookStore) SharingByID(ctx context.Context, id usermgmt.SharingID) (usermgmt.SharingPolicy, error) {
	h.hook("SharingByID")
	return h.Store.SharingByID(ctx, id)
}

func (h hookStore) SaveUser(ctx context.Context, u usermgmt.User) error {
	h.hook("SaveUser")
	return h.Store.SaveUser(ctx, u)
}

func (h hookStore) UserByID(ctx context.Context, id usermgmt.UserID) (usermgmt.User, error) {
	h.hook("UserByID")
	return h.Store.UserByID(ctx, id)
}

func (h hookStore) UsersByID(ctx context.Context, ids []usermgmt.UserID) ([]usermgmt.User, error) {
	h.hook("UsersByID")
	return h.Store.UsersByID(ctx, ids)
}

func (h hookStore) UsersByLogin(ctx context.Context, keys []string) ([]usermgmt.User, error) {
	h.hook("UsersByLogin")
	return h.Store.UsersByLogin(ctx, keys)
}

func (h hookStore) UsersByExternalID(ctx context.Context, source string, externalIDs []string) ([]usermgmt.User, error) {
	h.hook("UsersByExternalID")
	return h.Store.UsersByExternalID(ctx, source, externalIDs)
}

func (h hookStore) AccountByLogin(ctx context.Context, key string) (usermgmt.Account, error) {
	h.hook("AccountByLogin")
	return h.Store.AccountByLogin(ctx, key)
}

func (h hookStore) AccountByID(ctx context.Context, id usermgmt.UserID) (usermgmt.Account, error) {
	h.hook("AccountByID")
	return h.Store.AccountByID(ctx, id)
}

func (h hookStore) UserByExternalID(ctx context.Context, source string, externalID string) (usermgmt.User, error) {
	h.hook("UserByExternalID")
	return h.Store.UserByExternalID(ctx, source, externalID)
}

func (h hookStore) ListUsers(ctx context.Context, q usermgmt.UserQuery) ([]usermgmt.User, error) {
	h.hook("ListUsers")
	return h.Store.ListUsers(ctx, q)
}

func (h hookStore) StreamMembers(ctx context.Context, q usermgmt.UserQuery) iter.Seq2[usermgmt.Member, error] {
	h.hook("StreamMembers")
	return h.Store.StreamMembers(ctx, q)
}

func (h hookStore) SaveMembership(ctx context.Context, m usermgmt.Membership) error {
	h.hook("SaveMembership")
	return h.Store.SaveMembership(ctx, m)
}

func (h hookStore) DeleteMembership(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID, at time.Time) error {
	h.hook("DeleteMembership")
	return h.Store.DeleteMembership(ctx, user, org, at)
}

func (h hookStore) MembershipOf(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID) (usermgmt.Membership, error) {
	h.hook("MembershipOf")
	return h.Store.MembershipOf(ctx, user, org)
}

func (h hookStore) MembershipsOf(ctx context.Context, user usermgmt.UserID) ([]usermgmt.Membership, error) {
	h.hook("MembershipsOf")
	return h.Store.MembershipsOf(ctx, user)
}

func (h hookStore) Memberships(ctx context.Context, org usermgmt.OrgID, users []usermgmt.UserID) ([]usermgmt.Membership, error) {
	h.hook("Memberships")
	return h.Store.Memberships(ctx, org, users)
}

func (h hookStore) BumpRights(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID) error {
	h.hook("BumpRights")
	return h.Store.BumpRights(ctx, user, org)
}

func (h hookStore) SaveRole(ctx context.Context, r usermgmt.Role) error {
	h.hook("SaveRole")
	return h.Store.SaveRole(ctx, r)
}

func (h hookStore) DeleteRole(ctx context.Context, id usermgmt.RoleID) error {
	h.hook("DeleteRole")
	return h.Store.DeleteRole(ctx, id)
}

func (h hookStore) RoleByID(ctx context.Context, id usermgmt.RoleID) (usermgmt.Role, error) {
	h.hook("RoleByID")
	return h.Store.RoleByID(ctx, id)
}

func (h hookStore) SaveProfile(ctx context.Context, p usermgmt.AccessProfile) error {
	h.hook("SaveProfile")
	return h.Store.SaveProfile(ctx, p)
}

func (h hookStore) DeleteProfile(ctx context.Context, id usermgmt.ProfileID) error {
	h.hook("DeleteProfile")
	return h.Store.DeleteProfile(ctx, id)
}

func (h hookStore) ProfileByID(ctx context.Context, id usermgmt.ProfileID) (usermgmt.AccessProfile, error) {
	h.hook("ProfileByID")
	return h.Store.ProfileByID(ctx, id)
}

func (h hookStore) ProfileByName(ctx context.Context, org usermgmt.OrgID, nameKey string) (usermgmt.AccessProfile, error) {
	h.hook("ProfileByName")
	return h.Store.ProfileByName(ctx, org, nameKey)
}

func (h hookStore) SaveApplication(ctx context.Context, a usermgmt.Application) error {
	h.hook("SaveApplication")
	return h.Store.SaveApplication(ctx, a)
}

func (h hookStore) DeleteApplication(ctx context.Context, id usermgmt.ApplicationID) error {
	h.hook("DeleteApplication")
	return h.Store.DeleteApplication(ctx, id)
}

func (h hookStore) ApplicationByID(ctx context.Context, id usermgmt.ApplicationID) (usermgmt.Application, error) {
	h.hook("ApplicationByID")
	return h.Store.ApplicationByID(ctx, id)
}

func (h hookStore) SaveAccess(ctx context.Context, e usermgmt.AccessEntry) error {
	h.hook("SaveAccess")
	return h.Store.SaveAccess(ctx, e)
}

func (h hookStore) DeleteAccess(ctx context.Context, id usermgmt.AccessID) error {
	h.hook("DeleteAccess")
	return h.Store.DeleteAccess(ctx, id)
}

func (h hookStore) AccessByID(ctx context.Context, id usermgmt.AccessID) (usermgmt.AccessEntry, error) {
	h.hook("AccessByID")
	return h.Store.AccessByID(ctx, id)
}

func (h hookStore) ListAccess(ctx context.Context, org usermgmt.OrgID, app usermgmt.ApplicationID, q usermgmt.ListQuery) ([]usermgmt.AccessEntry, error) {
	h.hook("ListAccess")
	return h.Store.ListAccess(ctx, org, app, q)
}

func (h hookStore) AccessOf(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID) ([]usermgmt.AccessEntry, error) {
	h.hook("AccessOf")
	return h.Store.AccessOf(ctx, user, org)
}

func (h hookStore) SaveCredential(ctx context.Context, c usermgmt.Credential) error {
	h.hook("SaveCredential")
	return h.Store.SaveCredential(ctx, c)
}

func (h hookStore) ReserveAttempt(ctx context.Context, user usermgmt.UserID, rule usermgmt.AttemptRule) (usermgmt.LoginState, bool, error) {
	h.hook("ReserveAttempt")
	return h.Store.ReserveAttempt(ctx, user, rule)
}

func (h hookStore) ReleaseAttempt(ctx context.Context, user usermgmt.UserID, lockUntil time.Time) error {
	h.hook("ReleaseAttempt")
	return h.Store.ReleaseAttempt(ctx, user, lockUntil)
}

func (h hookStore) RecordLogin(ctx context.Context, user usermgmt.UserID, at time.Time) error {
	h.hook("RecordLogin")
	return h.Store.RecordLogin(ctx, user, at)
}

func (h hookStore) ClearAttempts(ctx context.Context, user usermgmt.UserID, until time.Time) error {
	h.hook("ClearAttempts")
	return h.Store.ClearAttempts(ctx, user, until)
}

func (h hookStore) StandingOf(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID) (usermgmt.Standing, error) {
	h.hook("StandingOf")
	return h.Store.StandingOf(ctx, user, org)
}

func (h hookStore) CreateSession(ctx context.Context, s usermgmt.Session) error {
	h.hook("CreateSession")
	return h.Store.CreateSession(ctx, s)
}

func (h hookStore) SessionByToken(ctx context.Context, hash [32]byte) (usermgmt.SessionView, error) {
	h.hook("SessionByToken")
	return h.Store.SessionByToken(ctx, hash)
}

func (h hookStore) SessionByID(ctx context.Context, id usermgmt.SessionID) (usermgmt.SessionView, error) {
	h.hook("SessionByID")
	return h.Store.SessionByID(ctx, id)
}

func (h hookStore) UpdateSession(ctx context.Context, s usermgmt.Session, old [32]byte) error {
	h.hook("UpdateSession")
	return h.Store.UpdateSession(ctx, s, old)
}

func (h hookStore) TouchSession(ctx context.Context, id usermgmt.SessionID, at time.Time, stale time.Time) error {
	h.hook("TouchSession")
	return h.Store.TouchSession(ctx, id, at, stale)
}

func (h hookStore) EndSession(ctx context.Context, id usermgmt.SessionID, at time.Time, reason string) (bool, error) {
	h.hook("EndSession")
	return h.Store.EndSession(ctx, id, at, reason)
}

func (h hookStore) EndSessions(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID, keep usermgmt.SessionID, at time.Time, reason string) (int, error) {
	h.hook("EndSessions")
	return h.Store.EndSessions(ctx, user, org, keep, at, reason)
}

func (h hookStore) ListSessions(ctx context.Context, user usermgmt.UserID, limit int) ([]usermgmt.Session, error) {
	h.hook("ListSessions")
	return h.Store.ListSessions(ctx, user, limit)
}

func (h hookStore) PruneSessions(ctx context.Context, t time.Time, limit int) (int, error) {
	h.hook("PruneSessions")
	return h.Store.PruneSessions(ctx, t, limit)
}

func (h hookStore) PutAPIKey(ctx context.Context, k usermgmt.APIKey) error {
	h.hook("PutAPIKey")
	return h.Store.PutAPIKey(ctx, k)
}

func (h hookStore) APIKeyByHash(ctx context.Context, hash [32]byte) (usermgmt.KeyView, error) {
	h.hook("APIKeyByHash")
	return h.Store.APIKeyByHash(ctx, hash)
}

func (h hookStore) APIKeyOf(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID) (usermgmt.APIKey, error) {
	h.hook("APIKeyOf")
	return h.Store.APIKeyOf(ctx, user, org)
}

func (h hookStore) DeleteAPIKey(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID) error {
	h.hook("DeleteAPIKey")
	return h.Store.DeleteAPIKey(ctx, user, org)
}

func (h hookStore) TouchAPIKey(ctx context.Context, id usermgmt.APIKeyID, at time.Time, stale time.Time) error {
	h.hook("TouchAPIKey")
	return h.Store.TouchAPIKey(ctx, id, at, stale)
}

func (h hookStore) SaveProxyList(ctx context.Context, l usermgmt.ProxyList) error {
	h.hook("SaveProxyList")
	return h.Store.SaveProxyList(ctx, l)
}

func (h hookStore) ProxyListOf(ctx context.Context, operator usermgmt.UserID, org usermgmt.OrgID) (usermgmt.ProxyList, error) {
	h.hook("ProxyListOf")
	return h.Store.ProxyListOf(ctx, operator, org)
}

func (h hookStore) SetPool(ctx context.Context, org usermgmt.OrgID, t usermgmt.LicenceType, terms usermgmt.PoolTerms) error {
	h.hook("SetPool")
	return h.Store.SetPool(ctx, org, t, terms)
}

func (h hookStore) ClaimSeats(ctx context.Context, org usermgmt.OrgID, t usermgmt.LicenceType, n int) error {
	h.hook("ClaimSeats")
	return h.Store.ClaimSeats(ctx, org, t, n)
}

func (h hookStore) ListPools(ctx context.Context, org usermgmt.OrgID) ([]usermgmt.LicencePool, error) {
	h.hook("ListPools")
	return h.Store.ListPools(ctx, org)
}

func (h hookStore) AppendAudit(ctx context.Context, entries ...usermgmt.AuditEntry) error {
	h.hook("AppendAudit")
	return h.Store.AppendAudit(ctx, entries...)
}

func (h hookStore) ListAudit(ctx context.Context, q usermgmt.AuditQuery) ([]usermgmt.AuditEntry, error) {
	h.hook("ListAudit")
	return h.Store.ListAudit(ctx, q)
}

func (h hookStore) AddMessages(ctx context.Context, m ...usermgmt.Message) error {
	h.hook("AddMessages")
	return h.Store.AddMessages(ctx, m...)
}

func (h hookStore) ClaimMessages(ctx context.Context, event bool, now time.Time, until time.Time, limit int) ([]usermgmt.Message, error) {
	h.hook("ClaimMessages")
	return h.Store.ClaimMessages(ctx, event, now, until, limit)
}

func (h hookStore) SettleMessage(ctx context.Context, m usermgmt.Message) error {
	h.hook("SettleMessage")
	return h.Store.SettleMessage(ctx, m)
}

func (h hookStore) ListMessages(ctx context.Context, pending bool, q usermgmt.ListQuery) ([]usermgmt.Message, error) {
	h.hook("ListMessages")
	return h.Store.ListMessages(ctx, pending, q)
}

func (h hookStore) PutBlob(ctx context.Context, key string, data []byte) error {
	h.hook("PutBlob")
	return h.Store.PutBlob(ctx, key, data)
}

func (h hookStore) Blob(ctx context.Context, key string) ([]byte, error) {
	h.hook("Blob")
	return h.Store.Blob(ctx, key)
}

func (h hookStore) SaveCheckpoint(ctx context.Context, c usermgmt.Checkpoint) error {
	h.hook("SaveCheckpoint")
	return h.Store.SaveCheckpoint(ctx, c)
}

func (h hookStore) CheckpointByID(ctx context.Context, id usermgmt.ImportID) (usermgmt.Checkpoint, error) {
	h.hook("CheckpointByID")
	return h.Store.CheckpointByID(ctx, id)
}
