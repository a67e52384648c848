package usermgmt_test

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt"
)

func (h hookStore) PutSettings(ctx context.Context, org usermgmt.OrgID, set map[string]usermgmt.SettingValue, unset []string) error {
	h.hook("PutSettings")
	return h.Store.PutSettings(ctx, org, set, unset)
}

func (h hookStore) SettingsOf(ctx context.Context, org usermgmt.OrgID) (usermgmt.SettingSet, error) {
	h.hook("SettingsOf")
	return h.Store.SettingsOf(ctx, org)
}

func (h hookStore) PutMemberSettings(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID, set map[string]usermgmt.SettingValue, unset []string) error {
	h.hook("PutMemberSettings")
	return h.Store.PutMemberSettings(ctx, user, org, set, unset)
}

func (h hookStore) AddJob(ctx context.Context, j usermgmt.Job) error {
	h.hook("AddJob")
	return h.Store.AddJob(ctx, j)
}

func (h hookStore) JobByID(ctx context.Context, id usermgmt.JobID) (usermgmt.Job, error) {
	h.hook("JobByID")
	return h.Store.JobByID(ctx, id)
}

func (h hookStore) ListJobs(ctx context.Context, by usermgmt.UserID, q usermgmt.ListQuery) ([]usermgmt.Job, error) {
	h.hook("ListJobs")
	return h.Store.ListJobs(ctx, by, q)
}

func (h hookStore) ClaimJob(ctx context.Context, now, until time.Time) (usermgmt.Job, error) {
	h.hook("ClaimJob")
	return h.Store.ClaimJob(ctx, now, until)
}

func (h hookStore) KeepJob(ctx context.Context, id usermgmt.JobID, tries, rows int, until time.Time) (kept bool, err error) {
	h.hook("KeepJob")
	return h.Store.KeepJob(ctx, id, tries, rows, until)
}

func (h hookStore) EndJob(ctx context.Context, j usermgmt.Job) (ended bool, err error) {
	h.hook("EndJob")
	return h.Store.EndJob(ctx, j)
}

func (h hookStore) EndedJobs(ctx context.Context, t time.Time, limit int) ([]usermgmt.Job, error) {
	h.hook("EndedJobs")
	return h.Store.EndedJobs(ctx, t, limit)
}

func (h hookStore) DeleteJob(ctx context.Context, id usermgmt.JobID) error {
	h.hook("DeleteJob")
	return h.Store.DeleteJob(ctx, id)
}

func (h hookStore) FloatingSeats(ctx context.Context, org usermgmt.OrgID, at time.Time) (map[usermgmt.LicenceType]int, error) {
	h.hook("FloatingSeats")
	return h.Store.FloatingSeats(ctx, org, at)
}

func (h hookStore) AccountsByID(ctx context.Context, ids []usermgmt.UserID) ([]usermgmt.Account, error) {
	h.hook("AccountsByID")
	return h.Store.AccountsByID(ctx, ids)
}

func (h hookStore) MembershipsOfUsers(ctx context.Context, users []usermgmt.UserID) ([]usermgmt.Membership, error) {
	h.hook("MembershipsOfUsers")
	return h.Store.MembershipsOfUsers(ctx, users)
}

func (h hookStore) AccessOfUsers(ctx context.Context, org usermgmt.OrgID, users []usermgmt.UserID) ([]usermgmt.AccessEntry, error) {
	h.hook("AccessOfUsers")
	return h.Store.AccessOfUsers(ctx, org, users)
}
