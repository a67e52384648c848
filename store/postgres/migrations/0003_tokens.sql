-- One-time tokens and invitations.
alter table usermgmt_users add column verified_emails jsonb;
alter table usermgmt_credentials add column temporary_until timestamptz;
alter table usermgmt_outbox add column token_id uuid;

create table usermgmt_tokens (
	key           text collate "C" not null constraint um_tokens_key primary key,
	token_id      uuid             not null constraint um_tokens_id unique,
	purpose       text             not null,
	user_id       uuid             constraint um_tokens_user references usermgmt_users (user_id),
	org_id        uuid,
	session_id    uuid,
	invitation_id uuid,
	address       text             not null,
	username_key  text collate "C" not null,
	email_key     text collate "C" not null,
	epoch         bigint           not null,
	logins        bigint           not null,
	code          text             not null,
	created_at    timestamptz      not null,
	expires_at    timestamptz      not null,
	used_at       timestamptz,
	created_by    uuid,
	-- least(expires_at, used_at)
	over_at       timestamptz      not null
) with (fillfactor = 80);
create index um_tokens_user on usermgmt_tokens (user_id) where user_id is not null;
create index um_tokens_over on usermgmt_tokens (over_at);

-- Secrets are found by their hash and belong to the token that had the key when
-- they were added: one that a newer token has replaced does not get them.
create table usermgmt_token_secrets (
	hash     bytea            not null constraint um_token_secrets_hash primary key,
	key      text collate "C" not null constraint um_token_secrets_key references usermgmt_tokens (key) on delete cascade,
	token_id uuid             not null
);
create index um_token_secrets_key on usermgmt_token_secrets (key);

create table usermgmt_invitations (
	invitation_id uuid             not null constraint um_invitations_pk primary key,
	org_id        uuid             not null constraint um_invitations_org references usermgmt_orgs (org_id),
	owner_unit    uuid,
	email         text             not null,
	email_key     text collate "C" not null,
	plan          jsonb            not null,
	licence       text collate "C" not null,
	invited_by    uuid,
	created_at    timestamptz      not null,
	updated_at    timestamptz      not null,
	expires_at    timestamptz      not null,
	outcome       text             not null,
	ended_at      timestamptz,
	accepted_by   uuid,
	version       bigint           not null
);
create unique index um_invitations_email on usermgmt_invitations (org_id, email_key) where outcome = '';
create index um_invitations_pending on usermgmt_invitations (org_id, invitation_id) where outcome = '';
create index um_invitations_list on usermgmt_invitations (org_id, invitation_id);
create index um_invitations_expiry on usermgmt_invitations (expires_at, invitation_id) where outcome = '';
