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

func (s counting) Tx(ctx context.Context, fn func(ctx context.Context, tx usermgmt.Store) error) error {
	s.count("Tx")
	return s.Store.Tx(ctx, func(ctx context.Context, tx usermgmt.Store) error { return fn(ctx, counting{tx, s.calls}) })
}

func (s counting) ClaimBootstrap(ctx context.Context, at time.Time) error {
	s.count("ClaimBootstrap")
	return s.Store.ClaimBootstrap(ctx, at)
}

func (s counting) SaveOrg(ctx context.Context, o usermgmt.Organization) error {
	s.count("SaveOrg")
	return s.Store.SaveOrg(ctx, o)
}

func (s counting) OrgByID(ctx context.Context, id usermgmt.OrgID) (usermgmt.Organization, error) // usermgmt.OrgByName finds by usermgmt.NameKey. {
	s.count("OrgByID")
	return s.Store.OrgByID(ctx, id, error)
}

func (s counting) OrgByName(ctx context.Context, nameKey string) (usermgmt.Organization, error) // usermgmt.ListOrgs returns a page in the order of usermgmt.NameKey. {
	s.count("OrgByName")
	return s.Store.OrgByName(ctx, nameKey, error)
}

func (s counting) ListOrgs(ctx context.Context, q usermgmt.ListQuery) ([]usermgmt.Organization, error) // usermgmt.LockOrg makes transactions that call it for the same organization run {
	s.count("ListOrgs")
	return s.Store.ListOrgs(ctx, q, error)
}

func (s counting) LockOrg(ctx context.Context, id usermgmt.OrgID) error {
	s.count("LockOrg")
	return s.Store.LockOrg(ctx, id)
}

func (s counting) BumpStamps(ctx context.Context, id usermgmt.OrgID, trees bool) error {
	s.count("BumpStamps")
	return s.Store.BumpStamps(ctx, id, trees)
}

func (s counting) Policy(ctx context.Context, id usermgmt.OrgID) (usermgmt.PolicySet, error) // usermgmt.Trees reads the shape of the unit and team trees in one consistent view. {
	s.count("Policy")
	return s.Store.Policy(ctx, id, error)
}

func (s counting) Trees(ctx context.Context, id usermgmt.OrgID) (usermgmt.TreeSet, error)  {
	s.count("Trees")
	return s.Store.Trees(ctx, id, error)
}

func (s counting) SaveUnit(ctx context.Context, u usermgmt.BusinessUnit) error {
	s.count("SaveUnit")
	return s.Store.SaveUnit(ctx, u)
}

func (s counting) DeleteUnit(ctx context.Context, id usermgmt.UnitID) error {
	s.count("DeleteUnit")
	return s.Store.DeleteUnit(ctx, id)
}

func (s counting) UnitByID(ctx context.Context, id usermgmt.UnitID) (usermgmt.BusinessUnit, error) // usermgmt.ListUnits returns a page of the organization's units in the order of {
	s.count("UnitByID")
	return s.Store.UnitByID(ctx, id, error)
}

func (s counting) ListUnits(ctx context.Context, org usermgmt.OrgID, q usermgmt.ListQuery) ([]usermgmt.BusinessUnit, error)  {
	s.count("ListUnits")
	return s.Store.ListUnits(ctx, org, q, error)
}

func (s counting) SaveTeam(ctx context.Context, t usermgmt.Team) error {
	s.count("SaveTeam")
	return s.Store.SaveTeam(ctx, t)
}

func (s counting) DeleteTeam(ctx context.Context, id usermgmt.TeamID) error {
	s.count("DeleteTeam")
	return s.Store.DeleteTeam(ctx, id)
}

func (s counting) TeamByID(ctx context.Context, id usermgmt.TeamID) (usermgmt.Team, error) // usermgmt.ListTeams is as usermgmt.ListUnits. {
	s.count("TeamByID")
	return s.Store.TeamByID(ctx, id, error)
}

func (s counting) ListTeams(ctx context.Context, org usermgmt.OrgID, q usermgmt.ListQuery) ([]usermgmt.Team, error) // usermgmt.SaveSharing: usermgmt.NameKey is unique in the organization; teams and roles exist. {
	s.count("ListTeams")
	return s.Store.ListTeams(ctx, org, q, error)
}

func (s counting) SaveSharing(ctx context.Context, p usermgmt.SharingPolicy) error {
	s.count("SaveSharing")
	return s.Store.SaveSharing(ctx, p)
}

func (s counting) DeleteSharing(ctx context.Context, id usermgmt.SharingID) error {
	s.count("DeleteSharing")
	return s.Store.DeleteSharing(ctx, id)
}

func (s counting) SharingByID(ctx context.Context, id usermgmt.SharingID) (usermgmt.SharingPolicy, error)  {
	s.count("SharingByID")
	return s.Store.SharingByID(ctx, id, error)
}

func (s counting) SaveUser(ctx context.Context, u usermgmt.User) error {
	s.count("SaveUser")
	return s.Store.SaveUser(ctx, u)
}

func (s counting) UserByID(ctx context.Context, id usermgmt.UserID) (usermgmt.User, error) // usermgmt.UsersByID returns the users that exist, in any order, each once. {
	s.count("UserByID")
	return s.Store.UserByID(ctx, id, error)
}

func (s counting) UsersByID(ctx context.Context, ids []usermgmt.UserID) ([]usermgmt.User, error) // usermgmt.AccountByLogin finds by usermgmt.UsernameKey or usermgmt.EmailKey. usermgmt.It does the same work, {
	s.count("UsersByID")
	return s.Store.UsersByID(ctx, ids, error)
}

func (s counting) AccountByLogin(ctx context.Context, key string) (usermgmt.Account, error) usermgmt.AccountByID(ctx context.Context, id usermgmt.UserID) (usermgmt.Account, error) {
	s.count("AccountByLogin")
	return s.Store.AccountByLogin(ctx, key, error)
}

func (s counting) UserByExternalID(ctx context.Context, source, externalID string) (usermgmt.User, error) // usermgmt.ListUsers returns a page of users. {
	s.count("UserByExternalID")
	return s.Store.UserByExternalID(ctx, source, externalID, error)
}

func (s counting) ListUsers(ctx context.Context, q usermgmt.UserQuery) ([]usermgmt.User, error) // usermgmt.StreamMembers yields every user that q selects with the membership of {
	s.count("ListUsers")
	return s.Store.ListUsers(ctx, q, error)
}

func (s counting) StreamMembers(ctx context.Context, q usermgmt.UserQuery) iter.Seq2[usermgmt.Member, error] {
	s.count("StreamMembers")
	return s.Store.StreamMembers(ctx, q)
}

func (s counting) SaveMembership(ctx context.Context, m usermgmt.Membership) error {
	s.count("SaveMembership")
	return s.Store.SaveMembership(ctx, m)
}

func (s counting) DeleteMembership(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID, at time.Time) error {
	s.count("DeleteMembership")
	return s.Store.DeleteMembership(ctx, user, org, at)
}

func (s counting) MembershipOf(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID) (usermgmt.Membership, error) // usermgmt.MembershipsOf returns all of the user's memberships in the order of usermgmt.Org. {
	s.count("MembershipOf")
	return s.Store.MembershipOf(ctx, user, org, error)
}

func (s counting) MembershipsOf(ctx context.Context, user usermgmt.UserID) ([]usermgmt.Membership, error) // usermgmt.Memberships returns the memberships of users in org that exist, in any order. {
	s.count("MembershipsOf")
	return s.Store.MembershipsOf(ctx, user, error)
}

func (s counting) Memberships(ctx context.Context, org usermgmt.OrgID, users []usermgmt.UserID) ([]usermgmt.Membership, error) // usermgmt.BumpRights adds 1 to the membership's usermgmt.Rights, leaving usermgmt.Version alone. usermgmt.It {
	s.count("Memberships")
	return s.Store.Memberships(ctx, org, users, error)
}

func (s counting) BumpRights(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID) error {
	s.count("BumpRights")
	return s.Store.BumpRights(ctx, user, org)
}

func (s counting) SaveRole(ctx context.Context, r usermgmt.Role) error {
	s.count("SaveRole")
	return s.Store.SaveRole(ctx, r)
}

func (s counting) DeleteRole(ctx context.Context, id usermgmt.RoleID) error {
	s.count("DeleteRole")
	return s.Store.DeleteRole(ctx, id)
}

func (s counting) RoleByID(ctx context.Context, id usermgmt.RoleID) (usermgmt.Role, error) // usermgmt.SaveProfile: usermgmt.NameKey is unique among the profiles of equal usermgmt.Org. {
	s.count("RoleByID")
	return s.Store.RoleByID(ctx, id, error)
}

func (s counting) SaveProfile(ctx context.Context, p usermgmt.AccessProfile) error {
	s.count("SaveProfile")
	return s.Store.SaveProfile(ctx, p)
}

func (s counting) DeleteProfile(ctx context.Context, id usermgmt.ProfileID) error {
	s.count("DeleteProfile")
	return s.Store.DeleteProfile(ctx, id)
}

func (s counting) ProfileByID(ctx context.Context, id usermgmt.ProfileID) (usermgmt.AccessProfile, error) // usermgmt.ProfileByName finds by usermgmt.Org (zero for system-wide) and usermgmt.NameKey. {
	s.count("ProfileByID")
	return s.Store.ProfileByID(ctx, id, error)
}

func (s counting) ProfileByName(ctx context.Context, org usermgmt.OrgID, nameKey string) (usermgmt.AccessProfile, error)  {
	s.count("ProfileByName")
	return s.Store.ProfileByName(ctx, org, nameKey, error)
}

func (s counting) SaveApplication(ctx context.Context, a usermgmt.Application) error {
	s.count("SaveApplication")
	return s.Store.SaveApplication(ctx, a)
}

func (s counting) DeleteApplication(ctx context.Context, id usermgmt.ApplicationID) error {
	s.count("DeleteApplication")
	return s.Store.DeleteApplication(ctx, id)
}

func (s counting) ApplicationByID(ctx context.Context, id usermgmt.ApplicationID) (usermgmt.Application, error) // usermgmt.SaveAccess: application, user or team and roles exist; application and {
	s.count("ApplicationByID")
	return s.Store.ApplicationByID(ctx, id, error)
}

func (s counting) SaveAccess(ctx context.Context, e usermgmt.AccessEntry) error {
	s.count("SaveAccess")
	return s.Store.SaveAccess(ctx, e)
}

func (s counting) DeleteAccess(ctx context.Context, id usermgmt.AccessID) error {
	s.count("DeleteAccess")
	return s.Store.DeleteAccess(ctx, id)
}

func (s counting) AccessByID(ctx context.Context, id usermgmt.AccessID) (usermgmt.AccessEntry, error) // usermgmt.ListAccess returns a page of the application's entries in the {
	s.count("AccessByID")
	return s.Store.AccessByID(ctx, id, error)
}

func (s counting) ListAccess(ctx context.Context, org usermgmt.OrgID, app usermgmt.ApplicationID, q usermgmt.ListQuery) ([]usermgmt.AccessEntry, error) // usermgmt.AccessOf returns the entries of the organization that name the user. {
	s.count("ListAccess")
	return s.Store.ListAccess(ctx, org, app, q, error)
}

func (s counting) AccessOf(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID) ([]usermgmt.AccessEntry, error)  {
	s.count("AccessOf")
	return s.Store.AccessOf(ctx, user, org, error)
}

func (s counting) SaveCredential(ctx context.Context, c usermgmt.Credential) error {
	s.count("SaveCredential")
	return s.Store.SaveCredential(ctx, c)
}

func (s counting) ReserveAttempt(ctx context.Context, user usermgmt.UserID, rule usermgmt.AttemptRule) (s usermgmt.LoginState, reserved bool, err error) // usermgmt.ReleaseAttempt gives back an attempt that was never judged: usermgmt.Failures {
	s.count("ReserveAttempt")
	return s.Store.ReserveAttempt(ctx, user, rule, reserved, err)
}

func (s counting) ReleaseAttempt(ctx context.Context, user usermgmt.UserID, lockUntil time.Time) error {
	s.count("ReleaseAttempt")
	return s.Store.ReleaseAttempt(ctx, user, lockUntil)
}

func (s counting) RecordLogin(ctx context.Context, user usermgmt.UserID, at time.Time) error {
	s.count("RecordLogin")
	return s.Store.RecordLogin(ctx, user, at)
}

func (s counting) ClearAttempts(ctx context.Context, user usermgmt.UserID, until time.Time) error {
	s.count("ClearAttempts")
	return s.Store.ClearAttempts(ctx, user, until)
}

func (s counting) StandingOf(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID) (usermgmt.Standing, error)  {
	s.count("StandingOf")
	return s.Store.StandingOf(ctx, user, org, error)
}

func (s counting) CreateSession(ctx context.Context, s usermgmt.Session) error {
	s.count("CreateSession")
	return s.Store.CreateSession(ctx, s)
}

func (s counting) SessionByToken(ctx context.Context, hash [32]byte) (usermgmt.SessionView, error) // usermgmt.SessionByID finds live and ended ones. {
	s.count("SessionByToken")
	return s.Store.SessionByToken(ctx, hash, error)
}

func (s counting) SessionByID(ctx context.Context, id usermgmt.SessionID) (usermgmt.SessionView, error) // usermgmt.UpdateSession replaces usermgmt.TokenHash, usermgmt.Parked, usermgmt.App, usermgmt.Role, usermgmt.SeenAt of a session {
	s.count("SessionByID")
	return s.Store.SessionByID(ctx, id, error)
}

func (s counting) UpdateSession(ctx context.Context, s usermgmt.Session, old [32]byte) error {
	s.count("UpdateSession")
	return s.Store.UpdateSession(ctx, s, old)
}

func (s counting) TouchSession(ctx context.Context, id usermgmt.SessionID, at, stale time.Time) error {
	s.count("TouchSession")
	return s.Store.TouchSession(ctx, id, at, stale)
}

func (s counting) EndSession(ctx context.Context, id usermgmt.SessionID, at time.Time, reason string) (ended bool, err error) // usermgmt.EndSessions ends all live sessions in which the user is usermgmt.User or usermgmt.Operator, {
	s.count("EndSession")
	return s.Store.EndSession(ctx, id, at, reason, err)
}

func (s counting) EndSessions(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID, keep usermgmt.SessionID, at time.Time, reason string) (int, error) // usermgmt.ListSessions returns the live sessions in which the user is usermgmt.User or {
	s.count("EndSessions")
	return s.Store.EndSessions(ctx, user, org, keep, at, reason, error)
}

func (s counting) ListSessions(ctx context.Context, user usermgmt.UserID, limit int) ([]usermgmt.Session, error) // usermgmt.PruneSessions deletes sessions that ended or expired before t, and tells {
	s.count("ListSessions")
	return s.Store.ListSessions(ctx, user, limit, error)
}

func (s counting) PruneSessions(ctx context.Context, t time.Time, limit int) (int, error)  {
	s.count("PruneSessions")
	return s.Store.PruneSessions(ctx, t, limit, error)
}

func (s counting) PutAPIKey(ctx context.Context, k usermgmt.APIKey) error {
	s.count("PutAPIKey")
	return s.Store.PutAPIKey(ctx, k)
}

func (s counting) APIKeyByHash(ctx context.Context, hash [32]byte) (usermgmt.KeyView, error) usermgmt.APIKeyOf(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID) (usermgmt.APIKey, error) {
	s.count("APIKeyByHash")
	return s.Store.APIKeyByHash(ctx, hash, error)
}

func (s counting) DeleteAPIKey(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID) error {
	s.count("DeleteAPIKey")
	return s.Store.DeleteAPIKey(ctx, user, org)
}

func (s counting) TouchAPIKey(ctx context.Context, id usermgmt.APIKeyID, at, stale time.Time) error {
	s.count("TouchAPIKey")
	return s.Store.TouchAPIKey(ctx, id, at, stale)
}

func (s counting) SaveProxyList(ctx context.Context, l usermgmt.ProxyList) error {
	s.count("SaveProxyList")
	return s.Store.SaveProxyList(ctx, l)
}

func (s counting) ProxyListOf(ctx context.Context, operator usermgmt.UserID, org usermgmt.OrgID) (usermgmt.ProxyList, error)  {
	s.count("ProxyListOf")
	return s.Store.ProxyListOf(ctx, operator, org, error)
}

func (s counting) SetPool(ctx context.Context, org usermgmt.OrgID, t usermgmt.LicenceType, size int) error {
	s.count("SetPool")
	return s.Store.SetPool(ctx, org, t, size)
}

func (s counting) ClaimSeats(ctx context.Context, org usermgmt.OrgID, t usermgmt.LicenceType, n int) error {
	s.count("ClaimSeats")
	return s.Store.ClaimSeats(ctx, org, t, n)
}

func (s counting) ListPools(ctx context.Context, org usermgmt.OrgID) ([]usermgmt.LicencePool, error)  {
	s.count("ListPools")
	return s.Store.ListPools(ctx, org, error)
}

func (s counting) AppendAudit(ctx context.Context, entries ...AuditEntry) error {
	s.count("AppendAudit")
	return s.Store.AppendAudit(ctx, entries...)
}

func (s counting) ListAudit(ctx context.Context, q usermgmt.AuditQuery) ([]usermgmt.AuditEntry, error)  {
	s.count("ListAudit")
	return s.Store.ListAudit(ctx, q, error)
}

func (s counting) AddMessages(ctx context.Context, m ...Message) error {
	s.count("AddMessages")
	return s.Store.AddMessages(ctx, m...)
}

func (s counting) ClaimMessages(ctx context.Context, now, until time.Time, limit int) ([]usermgmt.Message, error) // usermgmt.SettleMessage replaces usermgmt.NotBefore, usermgmt.SentAt, usermgmt.DeadAt and usermgmt.LastError. usermgmt.A message {
	s.count("ClaimMessages")
	return s.Store.ClaimMessages(ctx, now, until, limit, error)
}

func (s counting) SettleMessage(ctx context.Context, m usermgmt.Message) error {
	s.count("SettleMessage")
	return s.Store.SettleMessage(ctx, m)
}

func (s counting) ListMessages(ctx context.Context, pending bool, q usermgmt.ListQuery) ([]usermgmt.Message, error)  {
	s.count("ListMessages")
	return s.Store.ListMessages(ctx, pending, q, error)
}

func (s counting) PutBlob(ctx context.Context, key string, data []byte) error {
	s.count("PutBlob")
	return s.Store.PutBlob(ctx, key, data)
}

func (s counting) Blob(ctx context.Context, key string) ([]byte, error) // usermgmt.SaveCheckpoint inserts or replaces, whatever is stored. {
	s.count("Blob")
	return s.Store.Blob(ctx, key, error)
}

func (s counting) SaveCheckpoint(ctx context.Context, c usermgmt.Checkpoint) error {
	s.count("SaveCheckpoint")
	return s.Store.SaveCheckpoint(ctx, c)
}

func (s counting) CheckpointByID(ctx context.Context, id usermgmt.ImportID) (usermgmt.Checkpoint, error)  {
	s.count("CheckpointByID")
	return s.Store.CheckpointByID(ctx, id, error)
}

