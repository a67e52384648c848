-- Settings, floating seats and jobs.

-- What is set for organizations; for the system without org_id.
create table usermgmt_settings (
	org_id uuid constraint um_settings_org references usermgmt_orgs (org_id),
	key    text collate "C" not null,
	value  text             not null,
	locked boolean          not null,
	set_by uuid,
	set_at timestamptz      not null
);
create unique index um_settings_key on usermgmt_settings (coalesce(org_id, '00000000-0000-0000-0000-000000000000'), key);

-- What is set for a member was a text for each key, and now says who set it when.
update usermgmt_memberships m
set settings = (select jsonb_object_agg(e.k, jsonb_build_array(e.v, null, m.updated_at)) from jsonb_each(m.settings) e (k, v))
where m.settings is not null;

alter table usermgmt_pools
	add column overdraft bigint not null default 0,
	add column floating boolean not null default false;
alter table usermgmt_pools alter column overdraft drop default, alter column floating drop default;

-- licence is the pool of which the session holds a seat, if that floats.
alter table usermgmt_sessions add column licence text collate "C" not null default '';
alter table usermgmt_sessions alter column licence drop default;
create index um_sessions_seats on usermgmt_sessions (org_id, licence, user_id) where ended_at is null and licence <> '';

create table usermgmt_jobs (
	job_id         uuid        not null constraint um_jobs_pk primary key,
	kind           text        not null,
	by_user        uuid        not null constraint um_jobs_user references usermgmt_users (user_id),
	org_id         uuid        not null constraint um_jobs_org references usermgmt_orgs (org_id),
	application_id uuid,
	permissions    jsonb,
	address        text        not null,
	user_agent     text        not null,
	request_id     text        not null,
	params         jsonb,
	status         smallint    not null,
	tries          integer     not null,
	lease_until    timestamptz,
	row_count      bigint      not null,
	size           bigint      not null,
	reason         text        not null,
	created_at     timestamptz not null,
	started_at     timestamptz,
	ended_at       timestamptz
);
-- Status 1 and 2 are queued and running.
create unique index um_jobs_one on usermgmt_jobs (by_user, kind) where status in (1, 2);
create index um_jobs_due on usermgmt_jobs (job_id) where status in (1, 2);
create index um_jobs_by_user on usermgmt_jobs (by_user, job_id);
create index um_jobs_ended on usermgmt_jobs (ended_at, job_id) where status not in (1, 2);
