package main

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt"
)

// PutSettings implements [usermgmt.Store].
func (w *Store) PutSettings(ctx context.Context, org usermgmt.OrgID, set map[string]usermgmt.SettingValue, unset []string) error {
	return w.note("PutSettings", w.Store.PutSettings(ctx, org, set, unset))
}

// SettingsOf implements [usermgmt.Store].
func (w *Store) SettingsOf(ctx context.Context, org usermgmt.OrgID) (usermgmt.SettingSet, error) {
	v, err := w.Store.SettingsOf(ctx, org)
	return v, w.note("SettingsOf", err)
}

// PutMemberSettings implements [usermgmt.Store].
func (w *Store) PutMemberSettings(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID, set map[string]usermgmt.SettingValue, unset []string) error {
	return w.note("PutMemberSettings", w.Store.PutMemberSettings(ctx, user, org, set, unset))
}

// AddJob implements [usermgmt.Store].
func (w *Store) AddJob(ctx context.Context, j usermgmt.Job) error {
	return w.note("AddJob", w.Store.AddJob(ctx, j))
}

// JobByID implements [usermgmt.Store].
func (w *Store) JobByID(ctx context.Context, id usermgmt.JobID) (usermgmt.Job, error) {
	v, err := w.Store.JobByID(ctx, id)
	return v, w.note("JobByID", err)
}

// ListJobs implements [usermgmt.Store].
func (w *Store) ListJobs(ctx context.Context, by usermgmt.UserID, q usermgmt.ListQuery) ([]usermgmt.Job, error) {
	v, err := w.Store.ListJobs(ctx, by, q)
	return v, w.note("ListJobs", err)
}

// ClaimJob implements [usermgmt.Store].
func (w *Store) ClaimJob(ctx context.Context, now, until time.Time) (usermgmt.Job, error) {
	v, err := w.Store.ClaimJob(ctx, now, until)
	return v, w.note("ClaimJob", err)
}

// KeepJob implements [usermgmt.Store].
func (w *Store) KeepJob(ctx context.Context, id usermgmt.JobID, tries, rows int, until time.Time) (bool, error) {
	v, err := w.Store.KeepJob(ctx, id, tries, rows, until)
	return v, w.note("KeepJob", err)
}

// EndJob implements [usermgmt.Store].
func (w *Store) EndJob(ctx context.Context, j usermgmt.Job) (bool, error) {
	v, err := w.Store.EndJob(ctx, j)
	return v, w.note("EndJob", err)
}

// EndedJobs implements [usermgmt.Store].
func (w *Store) EndedJobs(ctx context.Context, t time.Time, limit int) ([]usermgmt.Job, error) {
	v, err := w.Store.EndedJobs(ctx, t, limit)
	return v, w.note("EndedJobs", err)
}

// DeleteJob implements [usermgmt.Store].
func (w *Store) DeleteJob(ctx context.Context, id usermgmt.JobID) error {
	return w.note("DeleteJob", w.Store.DeleteJob(ctx, id))
}

// FloatingSeats implements [usermgmt.Store].
func (w *Store) FloatingSeats(ctx context.Context, org usermgmt.OrgID, at time.Time) (map[usermgmt.LicenceType]int, error) {
	v, err := w.Store.FloatingSeats(ctx, org, at)
	return v, w.note("FloatingSeats", err)
}

// AccountsByID implements [usermgmt.Store].
func (w *Store) AccountsByID(ctx context.Context, ids []usermgmt.UserID) ([]usermgmt.Account, error) {
	v, err := w.Store.AccountsByID(ctx, ids)
	return v, w.note("AccountsByID", err)
}

// MembershipsOfUsers implements [usermgmt.Store].
func (w *Store) MembershipsOfUsers(ctx context.Context, users []usermgmt.UserID) ([]usermgmt.Membership, error) {
	v, err := w.Store.MembershipsOfUsers(ctx, users)
	return v, w.note("MembershipsOfUsers", err)
}

// AccessOfUsers implements [usermgmt.Store].
func (w *Store) AccessOfUsers(ctx context.Context, org usermgmt.OrgID, users []usermgmt.UserID) ([]usermgmt.AccessEntry, error) {
	v, err := w.Store.AccessOfUsers(ctx, org, users)
	return v, w.note("AccessOfUsers", err)
}
