package postgres

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt"
)

const (
	jobColumns = `j.job_id, j.kind, j.by_user, j.org_id, j.application_id, j.permissions::text, j.address, j.user_agent, j.request_id,
	j.params::text, j.status, j.tries, j.lease_until, j.row_count, j.size, j.reason, j.created_at, j.started_at, j.ended_at`

	sqlInsertJob = `insert into usermgmt_jobs (job_id, kind, by_user, org_id, application_id, permissions, address, user_agent,
	request_id, params, status, tries, lease_until, row_count, size, reason, created_at, started_at, ended_at)
values ($1::uuid, $2::text, $3::uuid, $4::uuid, $5::uuid, $6::jsonb, $7::text, $8::text, $9::text, $10::jsonb, $11::smallint,
	$12::integer, $13::timestamptz, $14::bigint, $15::bigint, $16::text, $17::timestamptz, $18::timestamptz, $19::timestamptz)`

	sqlJob  = `select ` + jobColumns + ` from usermgmt_jobs j where j.job_id = $1::uuid`
	sqlJobs = `select ` + jobColumns + ` from usermgmt_jobs j
where j.by_user = $1::uuid and j.job_id < coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
order by j.job_id desc limit $3::bigint`

	sqlClaimJob = `with c as (
	select job_id from usermgmt_jobs where status in (1, 2) and (status = 1 or lease_until <= $1::timestamptz)
	order by job_id limit 1 for update skip locked), j as (
	update usermgmt_jobs o set status = 2, started_at = $1::timestamptz, lease_until = $2::timestamptz, tries = o.tries + 1
	from c where o.job_id = c.job_id
	returning o.job_id, o.kind, o.by_user, o.org_id, o.application_id, o.permissions, o.address, o.user_agent, o.request_id,
		o.params, o.status, o.tries, o.lease_until, o.row_count, o.size, o.reason, o.created_at, o.started_at, o.ended_at)
select ` + jobColumns + ` from j`

	sqlKeepJob = `update usermgmt_jobs set row_count = $3::bigint, lease_until = $4::timestamptz
where job_id = $1::uuid and status = 2 and tries = $2::integer
returning 1`
	sqlEndJob = `update usermgmt_jobs
set status = $3::smallint, row_count = $4::bigint, size = $5::bigint, reason = $6::text, ended_at = $7::timestamptz
where job_id = $1::uuid and status in (1, 2) and tries = $2::integer
returning 1`

	sqlEndedJobs = `select ` + jobColumns + ` from usermgmt_jobs j
where j.status not in (1, 2) and j.ended_at < $1::timestamptz
order by j.ended_at, j.job_id limit $2::bigint`
)

var sqlDeleteJob = guardedDelete(`delete from usermgmt_jobs where job_id = $1::uuid`)

// AddJob implements [usermgmt.Store].
func (s *Store) AddJob(ctx context.Context, j usermgmt.Job) error {
	return s.write(ctx, step{sql: sqlInsertJob, args: []any{
		key(j.ID), j.Kind, key(j.By), key(j.Org), id(j.App), list(len(j.Permissions), j.Permissions),
		foreign(j.Origin.Address), foreign(j.Origin.UserAgent), foreign(j.Origin.RequestID), list(len(j.Params), j.Params),
		int16(j.Status), j.Tries, at(j.LeaseUntil), j.Rows, j.Size, foreign(j.Reason),
		moment(j.CreatedAt), at(j.StartedAt), at(j.EndedAt),
	}})
}

func scanJob(r scanner, j *usermgmt.Job) error {
	var status int16
	err := r.Scan(toID(&j.ID), &j.Kind, toID(&j.By), toID(&j.Org), toID(&j.App), toJSON(&j.Permissions),
		&j.Origin.Address, &j.Origin.UserAgent, &j.Origin.RequestID, toJSON(&j.Params), &status, &j.Tries,
		toTime(&j.LeaseUntil), &j.Rows, &j.Size, &j.Reason, toTime(&j.CreatedAt), toTime(&j.StartedAt), toTime(&j.EndedAt))
	j.Status = usermgmt.JobStatus(status)
	return err
}

// JobByID implements [usermgmt.Store].
func (s *Store) JobByID(ctx context.Context, job usermgmt.JobID) (usermgmt.Job, error) {
	return one(ctx, s, scanJob, sqlJob, key(job))
}

// ListJobs implements [usermgmt.Store].
func (s *Store) ListJobs(ctx context.Context, by usermgmt.UserID, q usermgmt.ListQuery) ([]usermgmt.Job, error) {
	if q.Limit < 1 {
		return nil, limitInvalid()
	}
	return all(ctx, s, scanJob, sqlJobs, key(by), idArg(q.After.ID), q.Limit)
}

// ClaimJob implements [usermgmt.Store]. It passes over jobs that another caller
// is just claiming or ending.
func (s *Store) ClaimJob(ctx context.Context, now, until time.Time) (out usermgmt.Job, err error) {
	err = s.within(ctx, func(ctx context.Context, tx *Store) (err error) {
		out, err = one(ctx, tx, scanJob, sqlClaimJob, moment(now), moment(until))
		return err
	})
	if err != nil {
		return usermgmt.Job{}, err
	}
	return out, nil
}

// KeepJob implements [usermgmt.Store].
func (s *Store) KeepJob(ctx context.Context, job usermgmt.JobID, tries, rows int, until time.Time) (bool, error) {
	return s.did(ctx, sqlKeepJob, key(job), tries, rows, moment(until))
}

// EndJob implements [usermgmt.Store].
func (s *Store) EndJob(ctx context.Context, j usermgmt.Job) (bool, error) {
	return s.did(ctx, sqlEndJob, key(j.ID), j.Tries, int16(j.Status), j.Rows, j.Size, foreign(j.Reason), at(j.EndedAt))
}

// EndedJobs implements [usermgmt.Store].
func (s *Store) EndedJobs(ctx context.Context, t time.Time, limit int) ([]usermgmt.Job, error) {
	if limit < 1 {
		return nil, limitInvalid()
	}
	return all(ctx, s, scanJob, sqlEndedJobs, until(t), limit)
}

// DeleteJob implements [usermgmt.Store].
func (s *Store) DeleteJob(ctx context.Context, job usermgmt.JobID) error {
	return s.write(ctx, step{sql: sqlDeleteJob, args: []any{key(job)}})
}
