package usermgmt

import (
	"context"
	"time"
)

// The writes of a probe: the first one that a call makes tells that nothing
// refused it, and is not made.

func (*probeStore) ClaimBootstrap(context.Context, time.Time) error  { return errProbed }
func (*probeStore) SaveOrg(context.Context, Organization) error      { return errProbed }
func (*probeStore) BumpStamps(context.Context, OrgID, bool) error    { return errProbed }
func (*probeStore) SaveUnit(context.Context, BusinessUnit) error     { return errProbed }
func (*probeStore) DeleteUnit(context.Context, UnitID) error         { return errProbed }
func (*probeStore) SaveTeam(context.Context, Team) error             { return errProbed }
func (*probeStore) DeleteTeam(context.Context, TeamID) error         { return errProbed }
func (*probeStore) SaveSharing(context.Context, SharingPolicy) error { return errProbed }
func (*probeStore) DeleteSharing(context.Context, SharingID) error   { return errProbed }
func (*probeStore) SaveUser(context.Context, User) error             { return errProbed }
func (*probeStore) SaveMembership(context.Context, Membership) error { return errProbed }
func (*probeStore) DeleteMembership(context.Context, UserID, OrgID, time.Time) error {
	return errProbed
}
func (*probeStore) BumpRights(context.Context, UserID, OrgID) error        { return errProbed }
func (*probeStore) SaveRole(context.Context, Role) error                   { return errProbed }
func (*probeStore) DeleteRole(context.Context, RoleID) error               { return errProbed }
func (*probeStore) SaveProfile(context.Context, AccessProfile) error       { return errProbed }
func (*probeStore) DeleteProfile(context.Context, ProfileID) error         { return errProbed }
func (*probeStore) SaveApplication(context.Context, Application) error     { return errProbed }
func (*probeStore) DeleteApplication(context.Context, ApplicationID) error { return errProbed }
func (*probeStore) SaveAccess(context.Context, AccessEntry) error          { return errProbed }
func (*probeStore) DeleteAccess(context.Context, AccessID) error           { return errProbed }
func (*probeStore) SaveCredential(context.Context, Credential) error       { return errProbed }
func (*probeStore) ReserveAttempt(context.Context, UserID, AttemptRule) (LoginState, bool, error) {
	return LoginState{}, false, errProbed
}
func (*probeStore) ReleaseAttempt(context.Context, UserID, time.Time) error { return errProbed }
func (*probeStore) RecordLogin(context.Context, UserID, time.Time) error    { return errProbed }
func (*probeStore) ClearAttempts(context.Context, UserID, time.Time) error  { return errProbed }
func (*probeStore) CreateSession(context.Context, Session) error            { return errProbed }
func (*probeStore) UpdateSession(context.Context, Session, [32]byte) error  { return errProbed }
func (*probeStore) TouchSession(context.Context, SessionID, time.Time, time.Time) error {
	return errProbed
}
func (*probeStore) EndSession(context.Context, SessionID, time.Time, string) (bool, error) {
	return false, errProbed
}
func (*probeStore) EndSessions(context.Context, UserID, OrgID, SessionID, time.Time, string) (int, error) {
	return 0, errProbed
}
func (*probeStore) PruneSessions(context.Context, time.Time, int) (int, error) { return 0, errProbed }
func (*probeStore) PutAPIKey(context.Context, APIKey) error                    { return errProbed }
func (*probeStore) DeleteAPIKey(context.Context, UserID, OrgID) error          { return errProbed }
func (*probeStore) WithdrawAPIKey(context.Context, [32]byte) (bool, error)     { return false, errProbed }
func (*probeStore) TouchAPIKey(context.Context, APIKeyID, time.Time, time.Time) error {
	return errProbed
}
func (*probeStore) SaveProxyList(context.Context, ProxyList) error               { return errProbed }
func (*probeStore) SaveDeputy(context.Context, Deputy) error                     { return errProbed }
func (*probeStore) DeleteDeputy(context.Context, UserID, OrgID, UserID) error    { return errProbed }
func (*probeStore) SetPool(context.Context, OrgID, LicenceType, PoolTerms) error { return errProbed }
func (*probeStore) AddMessages(context.Context, ...Message) error                { return errProbed }
func (*probeStore) ClaimMessages(context.Context, bool, time.Time, time.Time, int) ([]Message, error) {
	return nil, errProbed
}
func (*probeStore) SettleMessage(context.Context, Message) error     { return errProbed }
func (*probeStore) PutBlob(context.Context, string, []byte) error    { return errProbed }
func (*probeStore) SaveCheckpoint(context.Context, Checkpoint) error { return errProbed }
func (*probeStore) AppendAudit(context.Context, ...AuditEntry) error { return errProbed }
func (*probeStore) SealAudit(context.Context, ...Seal) error         { return errProbed }
func (*probeStore) PruneAudit(context.Context, AuditClass, time.Time, int) (map[OrgID]int, error) {
	return nil, errProbed
}
func (*probeStore) EraseAudit(context.Context, UserID) (int, error) { return 0, errProbed }
func (*probeStore) SaveFactor(context.Context, Factor) error        { return errProbed }
func (*probeStore) DeleteFactor(context.Context, UserID) error      { return errProbed }
func (*probeStore) UseFactorStep(context.Context, UserID, int64) (bool, error) {
	return false, errProbed
}
func (*probeStore) PutRecoveryCodes(context.Context, UserID, [][32]byte) error { return errProbed }
func (*probeStore) UseRecoveryCode(context.Context, UserID, [32]byte) (bool, error) {
	return false, errProbed
}
func (*probeStore) SaveQuestion(context.Context, Question) error                 { return errProbed }
func (*probeStore) DeleteQuestion(context.Context, UserID) error                 { return errProbed }
func (*probeStore) AddFormerPassword(context.Context, FormerPassword, int) error { return errProbed }
func (*probeStore) MoveMark(context.Context, string, string, string) (bool, error) {
	return false, errProbed
}
func (*probeStore) SaveInvitation(context.Context, Invitation) error { return errProbed }
func (*probeStore) EndInvitation(context.Context, InvitationID, InvitationOutcome, time.Time, UserID) (bool, error) {
	return false, errProbed
}
func (*probeStore) AddJob(context.Context, Job) error { return errProbed }
func (*probeStore) ClaimJob(context.Context, time.Time, time.Time) (Job, error) {
	return Job{}, errProbed
}
func (*probeStore) KeepJob(context.Context, JobID, int, int, time.Time) (bool, error) {
	return false, errProbed
}
func (*probeStore) EndJob(context.Context, Job) (bool, error)        { return false, errProbed }
func (*probeStore) DeleteJob(context.Context, JobID) error           { return errProbed }
func (*probeStore) SaveGroup(context.Context, Group) error           { return errProbed }
func (*probeStore) DeleteGroup(context.Context, GroupID) error       { return errProbed }
func (*probeStore) SaveField(context.Context, CustomField) error     { return errProbed }
func (*probeStore) DeleteField(context.Context, FieldID) error       { return errProbed }
func (*probeStore) TracesOf(context.Context, Person) (Traces, error) { return Traces{}, errProbed }
func (*probeStore) EraseTraces(context.Context, Person) error        { return errProbed }
func (*probeStore) PutSettings(context.Context, OrgID, map[string]SettingValue, []string) error {
	return errProbed
}
func (*probeStore) PutMemberSettings(context.Context, UserID, OrgID, map[string]SettingValue, []string) error {
	return errProbed
}
func (*probeStore) PutToken(context.Context, Token, time.Time) (bool, error) { return false, errProbed }
func (*probeStore) ArmToken(context.Context, TokenSecret) (bool, error)      { return false, errProbed }
func (*probeStore) UseToken(context.Context, TokenID, time.Time) (bool, error) {
	return false, errProbed
}
func (*probeStore) DeleteTokens(context.Context, UserID, ...TokenPurpose) error   { return errProbed }
func (*probeStore) PruneTokens(context.Context, time.Time, int) (int, error)      { return 0, errProbed }
func (*probeStore) PutImportDigests(context.Context, OrgID, []ImportDigest) error { return errProbed }
