package postgres_test

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt"
)

// aJob is the kind of the identifiers of jobs in the large database.
const aJob = 50

// bigJobCalls are calls about settings, floating seats and jobs, and those that
// read a page of users at once.
func bigJobCalls(users int) []bigCall {
	type st = usermgmt.Store
	type c = context.Context
	now := time.Now()
	page := make([]usermgmt.UserID, 50)
	for i := range page {
		page[i] = bigUser(1 + i*(users/60))
	}
	job := func(i int) usermgmt.JobID { return bigID(aJob, i) }
	value := map[string]usermgmt.SettingValue{"language": {Value: "de", At: now}}
	seat := usermgmt.Session{
		ID: bigID(aSession, users), Kind: usermgmt.SessionLogin, TokenHash: bigHash(aSession, users), User: bigUser(3), Org: bigOrg(1),
		Licence: "flex", Idle: time.Hour, CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(time.Hour),
	}
	person := usermgmt.Person{User: bigUser(17), Addresses: []string{"nobody@example.test"}, EmailKeys: []string{"nobody@example.test"}}
	did := func(done bool, err error) error {
		if err == nil && !done {
			return usermgmt.ErrNotFound
		}
		return err
	}
	return []bigCall{
		bigList("AccountsByID page", func(x c, s st) ([]usermgmt.Account, error) { return s.AccountsByID(x, page) }),
		bigList("MembershipsOfUsers page", func(x c, s st) ([]usermgmt.Membership, error) { return s.MembershipsOfUsers(x, page) }),
		bigList("AccessOfUsers page", func(x c, s st) ([]usermgmt.AccessEntry, error) { return s.AccessOfUsers(x, bigOrg(1), page) }),
		bigGet("SettingsOf", func(x c, s st) (usermgmt.SettingSet, error) { return s.SettingsOf(x, bigOrg(9)) }),
		bigGet("FloatingSeats", func(x c, s st) (map[usermgmt.LicenceType]int, error) {
			return s.FloatingSeats(x, bigOrg(1), now.Add(-15*24*time.Hour))
		}),
		bigGet("JobByID", func(x c, s st) (usermgmt.Job, error) { return s.JobByID(x, job(7)) }),
		bigList("ListJobs", func(x c, s st) ([]usermgmt.Job, error) {
			return s.ListJobs(x, bigUser(9), usermgmt.ListQuery{Limit: 50})
		}),
		bigList("EndedJobs", func(x c, s st) ([]usermgmt.Job, error) { return s.EndedJobs(x, now.Add(-24*time.Hour), 100) }),
		bigWrite("CreateSession seat", func(x c, s st) error { return s.CreateSession(x, seat) }),
		bigWrite("PutSettings", func(x c, s st) error { return s.PutSettings(x, bigOrg(9), value, []string{"locale"}) }),
		bigWrite("PutMemberSettings", func(x c, s st) error {
			return s.PutMemberSettings(x, bigUser(5), bigOrg(1), value, []string{"locale"})
		}),
		bigWrite("AddJob", func(x c, s st) error {
			return s.AddJob(x, usermgmt.Job{ID: job(users), Kind: "export", By: bigUser(6), Org: bigOrg(1), Status: usermgmt.JobQueued, CreatedAt: now})
		}),
		bigWrite("ClaimJob", func(x c, s st) error {
			_, err := s.ClaimJob(x, now, now.Add(time.Minute))
			return err
		}),
		bigWrite("KeepJob", func(x c, s st) error { return did(s.KeepJob(x, job(500), 1, 7, now)) }),
		bigWrite("EndJob", func(x c, s st) error {
			return did(s.EndJob(x, usermgmt.Job{ID: job(500), Tries: 1, Status: usermgmt.JobDone, EndedAt: now}))
		}),
		bigWrite("DeleteJob", func(x c, s st) error { return s.DeleteJob(x, job(11)) }),
		bigWrite("DeleteGroup", func(x c, s st) error { return s.DeleteGroup(x, bigID(51, 1)) }),
		bigGet("TracesOf", func(x c, s st) (usermgmt.Traces, error) { return s.TracesOf(x, person) }),
		bigWrite("EraseTraces", func(x c, s st) error { return s.EraseTraces(x, person) }),
	}
}
