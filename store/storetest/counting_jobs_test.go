package storetest

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt"
)

func (w counting) PutSettings(ctx context.Context, org usermgmt.OrgID, set map[string]usermgmt.SettingValue, unset []string) error {
	w.count("PutSettings")
	return w.Store.PutSettings(ctx, org, set, unset)
}

func (w counting) SettingsOf(ctx context.Context, org usermgmt.OrgID) (usermgmt.SettingSet, error) {
	w.count("SettingsOf")
	return w.Store.SettingsOf(ctx, org)
}

func (w counting) PutMemberSettings(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID, set map[string]usermgmt.SettingValue, unset []string) error {
	w.count("PutMemberSettings")
	return w.Store.PutMemberSettings(ctx, user, org, set, unset)
}

func (w counting) AddJob(ctx context.Context, j usermgmt.Job) error {
	w.count("AddJob")
	return w.Store.AddJob(ctx, j)
}

func (w counting) JobByID(ctx context.Context, id usermgmt.JobID) (usermgmt.Job, error) {
	w.count("JobByID")
	return w.Store.JobByID(ctx, id)
}

func (w counting) ListJobs(ctx context.Context, by usermgmt.UserID, q usermgmt.ListQuery) ([]usermgmt.Job, error) {
	w.count("ListJobs")
	return w.Store.ListJobs(ctx, by, q)
}

func (w counting) ClaimJob(ctx context.Context, now, until time.Time) (usermgmt.Job, error) {
	w.count("ClaimJob")
	return w.Store.ClaimJob(ctx, now, until)
}

func (w counting) KeepJob(ctx context.Context, id usermgmt.JobID, tries, rows int, until time.Time) (kept bool, err error) {
	w.count("KeepJob")
	return w.Store.KeepJob(ctx, id, tries, rows, until)
}

func (w counting) EndJob(ctx context.Context, j usermgmt.Job) (ended bool, err error) {
	w.count("EndJob")
	return w.Store.EndJob(ctx, j)
}

func (w counting) EndedJobs(ctx context.Context, t time.Time, limit int) ([]usermgmt.Job, error) {
	w.count("EndedJobs")
	return w.Store.EndedJobs(ctx, t, limit)
}

func (w counting) DeleteJob(ctx context.Context, id usermgmt.JobID) error {
	w.count("DeleteJob")
	return w.Store.DeleteJob(ctx, id)
}

func (w counting) FloatingSeats(ctx context.Context, org usermgmt.OrgID, at time.Time) (map[usermgmt.LicenceType]int, error) {
	w.count("FloatingSeats")
	return w.Store.FloatingSeats(ctx, org, at)
}

func (w counting) AccountsByID(ctx context.Context, ids []usermgmt.UserID) ([]usermgmt.Account, error) {
	w.count("AccountsByID")
	return w.Store.AccountsByID(ctx, ids)
}

func (w counting) MembershipsOfUsers(ctx context.Context, users []usermgmt.UserID) ([]usermgmt.Membership, error) {
	w.count("MembershipsOfUsers")
	return w.Store.MembershipsOfUsers(ctx, users)
}

func (w counting) AccessOfUsers(ctx context.Context, org usermgmt.OrgID, users []usermgmt.UserID) ([]usermgmt.AccessEntry, error) {
	w.count("AccessOfUsers")
	return w.Store.AccessOfUsers(ctx, org, users)
}
