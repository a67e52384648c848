package storetest

import (
	"context"
	"iter"
	"sync"
	"time"

	"github.com/usermgmt/usermgmt"
)

// counting counts the calls of each method of a store and of those bound to
// its transactions.
type counting struct {
	usermgmt.Store
	*calls
}

type calls struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *calls) count(method string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n[method]++
}

func newCounting(s usermgmt.Store) counting {
	return counting{s, &calls{n: map[string]int{}}}
}

func (w counting) Tx(ctx context.Context, fn func(ctx context.Context, tx usermgmt.Store) error) error {
	w.count("Tx")
	return w.Store.Tx(ctx, func(ctx context.Context, tx usermgmt.Store) error { return fn(ctx, counting{tx, w.calls}) })
}

func (w counting) ClaimBootstrap(ctx context.Context, at time.Time) error {
	w.count("ClaimBootstrap")
	return w.Store.ClaimBootstrap(ctx, at)
}

func (w counting) SaveOrg(ctx context.Context, o usermgmt.Organization) error {
	w.count("SaveOrg")
	return w.Store.SaveOrg(ctx, o)
}

func (w counting) OrgByID(ctx context.Context, id usermgmt.OrgID) (usermgmt.Organization, error) {
	w.count("OrgByID")
	return w.Store.OrgByID(ctx, id)
}

func (w counting) OrgByName(ctx context.Context, nameKey string) (usermgmt.Organization, error) {
	w.count("OrgByName")
	return w.Store.OrgByName(ctx, nameKey)
}

func (w counting) ListOrgs(ctx context.Context, q usermgmt.ListQuery) ([]usermgmt.Organization, error) {
	w.count("ListOrgs")
	return w.Store.ListOrgs(ctx, q)
}

func (w counting) LockOrg(ctx context.Context, id usermgmt.OrgID) error {
	w.count("LockOrg")
	return w.Store.LockOrg(ctx, id)
}

func (w counting) BumpStamps(ctx context.Context, id usermgmt.OrgID, trees bool) error {
	w.count("BumpStamps")
	return w.Store.BumpStamps(ctx, id, trees)
}

func (w counting) Policy(ctx context.Context, id usermgmt.OrgID) (usermgmt.PolicySet, error) {
	w.count("Policy")
	return w.Store.Policy(ctx, id)
}

func (w counting) Trees(ctx context.Context, id usermgmt.OrgID) (usermgmt.TreeSet, error) {
	w.count("Trees")
	return w.Store.Trees(ctx, id)
}

func (w counting) SaveUnit(ctx context.Context, u usermgmt.BusinessUnit) error {
	w.count("SaveUnit")
	return w.Store.SaveUnit(ctx, u)
}

func (w counting) DeleteUnit(ctx context.Context, id usermgmt.UnitID) error {
	w.count("DeleteUnit")
	return w.Store.DeleteUnit(ctx, id)
}

func (w counting) UnitByID(ctx context.Context, id usermgmt.UnitID) (usermgmt.BusinessUnit, error) {
	w.count("UnitByID")
	return w.Store.UnitByID(ctx, id)
}

func (w counting) ListUnits(ctx context.Context, org usermgmt.OrgID, q usermgmt.ListQuery) ([]usermgmt.BusinessUnit, error) {
	w.count("ListUnits")
	return w.Store.ListUnits(ctx, org, q)
}

func (w counting) SaveTeam(ctx context.Context, t usermgmt.Team) error {
	w.count("SaveTeam")
	return w.Store.SaveTeam(ctx, t)
}

func (w counting) DeleteTeam(ctx context.Context, id usermgmt.TeamID) error {
	w.count("DeleteTeam")
	return w.Store.DeleteTeam(ctx, id)
}

func (w counting) TeamByID(ctx context.Context, id usermgmt.TeamID) (usermgmt.Team, error) {
	w.count("TeamByID")
	return w.Store.TeamByID(ctx, id)
}

func (w counting) ListTeams(ctx context.Context, org usermgmt.OrgID, q usermgmt.ListQuery) ([]usermgmt.Team, error) {
	w.count("ListTeams")
	return w.Store.ListTeams(ctx, org, q)
}

func (w counting) SaveSharing(ctx context.Context, p usermgmt.SharingPolicy) error {
	w.count("SaveSharing")
	return w.Store.SaveSharing(ctx, p)
}

func (w counting) DeleteSharing(ctx context.Context, id usermgmt.SharingID) error {
	w.count("DeleteSharing")
	return w.Store.DeleteSharing(ctx, id)
}

func (w counting) SharingByID(ctx context.Context, id usermgmt.SharingID) (usermgmt.SharingPolicy, error) {
	w.count("SharingByID")
	return w.Store.SharingByID(ctx, id)
}

func (w counting) SaveUser(ctx context.Context, u usermgmt.User) error {
	w.count("SaveUser")
	return w.Store.SaveUser(ctx, u)
}

func (w counting) UserByID(ctx context.Context, id usermgmt.UserID) (usermgmt.User, error) {
	w.count("UserByID")
	return w.Store.UserByID(ctx, id)
}

func (w counting) UsersByID(ctx context.Context, ids []usermgmt.UserID) ([]usermgmt.User, error) {
	w.count("UsersByID")
	return w.Store.UsersByID(ctx, ids)
}

func (w counting) UsersByLogin(ctx context.Context, keys []string) ([]usermgmt.User, error) {
	w.count("UsersByLogin")
	return w.Store.UsersByLogin(ctx, keys)
}

func (w counting) UsersByExternalID(ctx context.Context, source string, externalIDs []string) ([]usermgmt.User, error) {
	w.count("UsersByExternalID")
	return w.Store.UsersByExternalID(ctx, source, externalIDs)
}

func (w counting) AccountByLogin(ctx context.Context, key string) (usermgmt.Account, error) {
	w.count("AccountByLogin")
	return w.Store.AccountByLogin(ctx, key)
}

func (w counting) AccountByID(ctx context.Context, id usermgmt.UserID) (usermgmt.Account, error) {
	w.count("AccountByID")
	return w.Store.AccountByID(ctx, id)
}

func (w counting) UserByExternalID(ctx context.Context, source, externalID string) (usermgmt.User, error) {
	w.count("UserByExternalID")
	return w.Store.UserByExternalID(ctx, source, externalID)
}

func (w counting) ListUsers(ctx context.Context, q usermgmt.UserQuery) ([]usermgmt.User, error) {
	w.count("ListUsers")
	return w.Store.ListUsers(ctx, q)
}

func (w counting) StreamMembers(ctx context.Context, q usermgmt.UserQuery) iter.Seq2[usermgmt.Member, error] {
	w.count("StreamMembers")
	return w.Store.StreamMembers(ctx, q)
}

func (w counting) SaveMembership(ctx context.Context, m usermgmt.Membership) error {
	w.count("SaveMembership")
	return w.Store.SaveMembership(ctx, m)
}

func (w counting) DeleteMembership(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID, at time.Time) error {
	w.count("DeleteMembership")
	return w.Store.DeleteMembership(ctx, user, org, at)
}

func (w counting) MembershipOf(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID) (usermgmt.Membership, error) {
	w.count("MembershipOf")
	return w.Store.MembershipOf(ctx, user, org)
}

func (w counting) MembershipsOf(ctx context.Context, user usermgmt.UserID) ([]usermgmt.Membership, error) {
	w.count("MembershipsOf")
	return w.Store.MembershipsOf(ctx, user)
}

func (w counting) Memberships(ctx context.Context, org usermgmt.OrgID, users []usermgmt.UserID) ([]usermgmt.Membership, error) {
	w.count("Memberships")
	return w.Store.Memberships(ctx, org, users)
}

func (w counting) BumpRights(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID) error {
	w.count("BumpRights")
	return w.Store.BumpRights(ctx, user, org)
}

func (w counting) SaveRole(ctx context.Context, r usermgmt.Role) error {
	w.count("SaveRole")
	return w.Store.SaveRole(ctx, r)
}

func (w counting) DeleteRole(ctx context.Context, id usermgmt.RoleID) error {
	w.count("DeleteRole")
	return w.Store.DeleteRole(ctx, id)
}

func (w counting) RoleByID(ctx context.Context, id usermgmt.RoleID) (usermgmt.Role, error) {
	w.count("RoleByID")
	return w.Store.RoleByID(ctx, id)
}

func (w counting) SaveProfile(ctx context.Context, p usermgmt.AccessProfile) error {
	w.count("SaveProfile")
	return w.Store.SaveProfile(ctx, p)
}

func (w counting) DeleteProfile(ctx context.Context, id usermgmt.ProfileID) error {
	w.count("DeleteProfile")
	return w.Store.DeleteProfile(ctx, id)
}

func (w counting) ProfileByID(ctx context.Context, id usermgmt.ProfileID) (usermgmt.AccessProfile, error) {
	w.count("ProfileByID")
	return w.Store.ProfileByID(ctx, id)
}

func (w counting) ProfileByName(ctx context.Context, org usermgmt.OrgID, nameKey string) (usermgmt.AccessProfile, error) {
	w.count("ProfileByName")
	return w.Store.ProfileByName(ctx, org, nameKey)
}

func (w counting) SaveApplication(ctx context.Context, a usermgmt.Application) error {
	w.count("SaveApplication")
	return w.Store.SaveApplication(ctx, a)
}

func (w counting) DeleteApplication(ctx context.Context, id usermgmt.ApplicationID) error {
	w.count("DeleteApplication")
	return w.Store.DeleteApplication(ctx, id)
}

func (w counting) ApplicationByID(ctx context.Context, id usermgmt.ApplicationID) (usermgmt.Application, error) {
	w.count("ApplicationByID")
	return w.Store.ApplicationByID(ctx, id)
}

func (w counting) SaveAccess(ctx context.Context, e usermgmt.AccessEntry) error {
	w.count("SaveAccess")
	return w.Store.SaveAccess(ctx, e)
}

func (w counting) DeleteAccess(ctx context.Context, id usermgmt.AccessID) error {
	w.count("DeleteAccess")
	return w.Store.DeleteAccess(ctx, id)
}

func (w counting) AccessByID(ctx context.Context, id usermgmt.AccessID) (usermgmt.AccessEntry, error) {
	w.count("AccessByID")
	return w.Store.AccessByID(ctx, id)
}

func (w counting) ListAccess(ctx context.Context, org usermgmt.OrgID, app usermgmt.ApplicationID, q usermgmt.ListQuery) ([]usermgmt.AccessEntry, error) {
	w.count("ListAccess")
	return w.Store.ListAccess(ctx, org, app, q)
}

func (w counting) AccessOf(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID) ([]usermgmt.AccessEntry, error) {
	w.count("AccessOf")
	return w.Store.AccessOf(ctx, user, org)
}

func (w counting) SaveCredential(ctx context.Context, c usermgmt.Credential) error {
	w.count("SaveCredential")
	return w.Store.SaveCredential(ctx, c)
}

func (w counting) ReserveAttempt(ctx context.Context, user usermgmt.UserID, rule usermgmt.AttemptRule) (usermgmt.LoginState, bool, error) {
	w.count("ReserveAttempt")
	return w.Store.ReserveAttempt(ctx, user, rule)
}

func (w counting) ReleaseAttempt(ctx context.Context, user usermgmt.UserID, lockUntil time.Time) error {
	w.count("ReleaseAttempt")
	return w.Store.ReleaseAttempt(ctx, user, lockUntil)
}

func (w counting) RecordLogin(ctx context.Context, user usermgmt.UserID, at time.Time) error {
	w.count("RecordLogin")
	return w.Store.RecordLogin(ctx, user, at)
}

func (w counting) ClearAttempts(ctx context.Context, user usermgmt.UserID, until time.Time) error {
	w.count("ClearAttempts")
	return w.Store.ClearAttempts(ctx, user, until)
}

func (w counting) StandingOf(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID) (usermgmt.Standing, error) {
	w.count("StandingOf")
	return w.Store.StandingOf(ctx, user, org)
}

func (w counting) CreateSession(ctx context.Context, s usermgmt.Session) error {
	w.count("CreateSession")
	return w.Store.CreateSession(ctx, s)
}

func (w counting) SessionByToken(ctx context.Context, hash [32]byte) (usermgmt.SessionView, error) {
	w.count("SessionByToken")
	return w.Store.SessionByToken(ctx, hash)
}

func (w counting) SessionByID(ctx context.Context, id usermgmt.SessionID) (usermgmt.SessionView, error) {
	w.count("SessionByID")
	return w.Store.SessionByID(ctx, id)
}

func (w counting) UpdateSession(ctx context.Context, s usermgmt.Session, old [32]byte) error {
	w.count("UpdateSession")
	return w.Store.UpdateSession(ctx, s, old)
}

func (w counting) TouchSession(ctx context.Context, id usermgmt.SessionID, at, stale time.Time) error {
	w.count("TouchSession")
	return w.Store.TouchSession(ctx, id, at, stale)
}

func (w counting) EndSession(ctx context.Context, id usermgmt.SessionID, at time.Time, reason string) (bool, error) {
	w.count("EndSession")
	return w.Store.EndSession(ctx, id, at, reason)
}

func (w counting) EndSessions(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID, keep usermgmt.SessionID, at time.Time, reason string) (int, error) {
	w.count("EndSessions")
	return w.Store.EndSessions(ctx, user, org, keep, at, reason)
}

func (w counting) ListSessions(ctx context.Context, user usermgmt.UserID, limit int) ([]usermgmt.Session, error) {
	w.count("ListSessions")
	return w.Store.ListSessions(ctx, user, limit)
}

func (w counting) PruneSessions(ctx context.Context, t time.Time, limit int) (int, error) {
	w.count("PruneSessions")
	return w.Store.PruneSessions(ctx, t, limit)
}

func (w counting) PutAPIKey(ctx context.Context, k usermgmt.APIKey) error {
	w.count("PutAPIKey")
	return w.Store.PutAPIKey(ctx, k)
}

func (w counting) APIKeyByHash(ctx context.Context, hash [32]byte) (usermgmt.KeyView, error) {
	w.count("APIKeyByHash")
	return w.Store.APIKeyByHash(ctx, hash)
}

func (w counting) APIKeyOf(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID) (usermgmt.APIKey, error) {
	w.count("APIKeyOf")
	return w.Store.APIKeyOf(ctx, user, org)
}

func (w counting) DeleteAPIKey(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID) error {
	w.count("DeleteAPIKey")
	return w.Store.DeleteAPIKey(ctx, user, org)
}

func (w counting) TouchAPIKey(ctx context.Context, id usermgmt.APIKeyID, at, stale time.Time) error {
	w.count("TouchAPIKey")
	return w.Store.TouchAPIKey(ctx, id, at, stale)
}

func (w counting) SaveProxyList(ctx context.Context, l usermgmt.ProxyList) error {
	w.count("SaveProxyList")
	return w.Store.SaveProxyList(ctx, l)
}

func (w counting) ProxyListOf(ctx context.Context, operator usermgmt.UserID, org usermgmt.OrgID) (usermgmt.ProxyList, error) {
	w.count("ProxyListOf")
	return w.Store.ProxyListOf(ctx, operator, org)
}

func (w counting) SetPool(ctx context.Context, org usermgmt.OrgID, t usermgmt.LicenceType, terms usermgmt.PoolTerms) error {
	w.count("SetPool")
	return w.Store.SetPool(ctx, org, t, terms)
}

func (w counting) ClaimSeats(ctx context.Context, org usermgmt.OrgID, t usermgmt.LicenceType, n int) error {
	w.count("ClaimSeats")
	return w.Store.ClaimSeats(ctx, org, t, n)
}

func (w counting) ListPools(ctx context.Context, org usermgmt.OrgID) ([]usermgmt.LicencePool, error) {
	w.count("ListPools")
	return w.Store.ListPools(ctx, org)
}

func (w counting) AppendAudit(ctx context.Context, entries ...usermgmt.AuditEntry) error {
	w.count("AppendAudit")
	return w.Store.AppendAudit(ctx, entries...)
}

func (w counting) ListAudit(ctx context.Context, q usermgmt.AuditQuery) ([]usermgmt.AuditEntry, error) {
	w.count("ListAudit")
	return w.Store.ListAudit(ctx, q)
}

func (w counting) AddMessages(ctx context.Context, m ...usermgmt.Message) error {
	w.count("AddMessages")
	return w.Store.AddMessages(ctx, m...)
}

func (w counting) ClaimMessages(ctx context.Context, event bool, now, until time.Time, limit int) ([]usermgmt.Message, error) {
	w.count("ClaimMessages")
	return w.Store.ClaimMessages(ctx, event, now, until, limit)
}

func (w counting) SettleMessage(ctx context.Context, m usermgmt.Message) error {
	w.count("SettleMessage")
	return w.Store.SettleMessage(ctx, m)
}

func (w counting) ListMessages(ctx context.Context, pending bool, q usermgmt.ListQuery) ([]usermgmt.Message, error) {
	w.count("ListMessages")
	return w.Store.ListMessages(ctx, pending, q)
}

func (w counting) PutBlob(ctx context.Context, key string, data []byte) error {
	w.count("PutBlob")
	return w.Store.PutBlob(ctx, key, data)
}

func (w counting) Blob(ctx context.Context, key string) ([]byte, error) {
	w.count("Blob")
	return w.Store.Blob(ctx, key)
}

func (w counting) SaveCheckpoint(ctx context.Context, c usermgmt.Checkpoint) error {
	w.count("SaveCheckpoint")
	return w.Store.SaveCheckpoint(ctx, c)
}

func (w counting) CheckpointByID(ctx context.Context, id usermgmt.ImportID) (usermgmt.Checkpoint, error) {
	w.count("CheckpointByID")
	return w.Store.CheckpointByID(ctx, id)
}
