-- Second factors, security questions and former passwords; what remains to be
-- done in a session; keys that are being replaced.

alter table usermgmt_sessions add pending smallint;
update usermgmt_sessions set pending = 0;
alter table usermgmt_sessions alter pending set not null;
alter table usermgmt_sessions add proved_at timestamptz;

-- previous_hash is that of the key before, which works until previous_until.
alter table usermgmt_api_keys add previous_hash bytea;
alter table usermgmt_api_keys add previous_until timestamptz;
create index um_api_keys_previous on usermgmt_api_keys (previous_hash) where previous_hash is not null;
create index um_api_keys_expiry on usermgmt_api_keys (expires_at, key_id) where expires_at is not null;

-- home is a copy of the user's organization.
alter table usermgmt_credentials add home uuid;
update usermgmt_credentials c set home = u.org_id from usermgmt_users u where u.user_id = c.user_id;
alter table usermgmt_credentials alter home set not null;
create index um_credentials_age on usermgmt_credentials (home, changed_at, user_id) where status = 1 and hash <> '';

create table usermgmt_factors (
	user_id      uuid   not null constraint um_factors_pk primary key constraint um_factors_user references usermgmt_users (user_id),
	secret       bytea  not null,
	confirmed_at timestamptz,
	next         bytea  not null,
	next_at      timestamptz,
	last_step    bigint not null,
	version      bigint not null
);

create table usermgmt_recovery_codes (
	user_id uuid  not null constraint um_recovery_codes_user references usermgmt_users (user_id),
	hash    bytea not null,
	constraint um_recovery_codes_pk primary key (user_id, hash)
);

create table usermgmt_questions (
	user_id   uuid        not null constraint um_questions_pk primary key constraint um_questions_user references usermgmt_users (user_id),
	question  text        not null,
	hash      text        not null,
	chosen_at timestamptz not null,
	version   bigint      not null
);

create table usermgmt_former_passwords (
	user_id    uuid        not null constraint um_former_passwords_user references usermgmt_users (user_id),
	pos        bigint      not null,
	retired_at timestamptz not null,
	hash       text        not null,
	constraint um_former_passwords_pk primary key (user_id, pos)
);

create index um_former_passwords_newest on usermgmt_former_passwords (user_id, retired_at, pos);

-- How far a duty has come.
create table usermgmt_marks (
	name  text collate "C" not null constraint um_marks_pk primary key,
	value text             not null
);
