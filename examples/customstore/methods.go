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

// UsersByLogin implements [usermgmt.Store].
func (w *Store) UsersByLogin(ctx context.Context, keys []string) ([]usermgmt.User, error) {
	v, err := w.Store.UsersByLogin(ctx, keys)
	return v, w.note("UsersByLogin", err)
}

// UsersByExternalID implements [usermgmt.Store].
func (w *Store) UsersByExternalID(ctx context.Context, source string, externalIDs []string) ([]usermgmt.User, error) {
	v, err := w.Store.UsersByExternalID(ctx, source, externalIDs)
	return v, w.note("UsersByExternalID", err)
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
