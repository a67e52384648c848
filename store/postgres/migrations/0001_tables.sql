-- Tables. Names that begin with usermgmt_ are qualified by the configured schema.
-- Keys that are compared or ordered as bytes are COLLATE "C".

create table usermgmt_bootstrap (
	one        boolean     not null constraint um_bootstrap_pk primary key check (one),
	claimed_at timestamptz not null
);

-- The stamps of an organization; of what is system-wide with the zero org_id.
-- The row is also what LockOrg locks.
create table usermgmt_stamps (
	org_id uuid   not null constraint um_stamps_pk primary key,
	policy bigint not null,
	trees  bigint not null
);

create table usermgmt_orgs (
	org_id        uuid             not null constraint um_orgs_pk primary key,
	name          text             not null,
	name_key      text collate "C" not null constraint um_orgs_name unique,
	description   text             not null,
	enabled       boolean          not null,
	provider      boolean          not null,
	switch_roles  boolean          not null,
	epoch         bigint           not null,
	primary_admin uuid,
	root_team     uuid,
	policy        jsonb,
	export_fields jsonb,
	created_at    timestamptz      not null,
	updated_at    timestamptz      not null,
	version       bigint           not null
);
create unique index um_orgs_provider on usermgmt_orgs (provider) where provider;

-- path is the identifiers from the top down to the row, 16 bytes each.
create table usermgmt_units (
	org_id      uuid             not null constraint um_units_org references usermgmt_orgs (org_id),
	unit_id     uuid             not null constraint um_units_id unique,
	parent_id   uuid,
	path        bytea            not null,
	name        text             not null,
	name_key    text collate "C" not null,
	description text             not null,
	phone       text             not null,
	fax         text             not null,
	email       text             not null,
	website     text             not null,
	created_at  timestamptz      not null,
	updated_at  timestamptz      not null,
	version     bigint           not null,
	constraint um_units_pk primary key (org_id, unit_id),
	constraint um_units_parent foreign key (org_id, parent_id) references usermgmt_units (org_id, unit_id)
);
create index um_units_list on usermgmt_units (org_id, name_key, unit_id);
create index um_units_children on usermgmt_units (org_id, parent_id);
create index um_units_path on usermgmt_units (org_id, path);

create table usermgmt_teams (
	org_id      uuid             not null constraint um_teams_org references usermgmt_orgs (org_id),
	team_id     uuid             not null constraint um_teams_id unique,
	parent_id   uuid,
	path        bytea            not null,
	name        text             not null,
	name_key    text collate "C" not null,
	description text             not null,
	created_at  timestamptz      not null,
	updated_at  timestamptz      not null,
	version     bigint           not null,
	constraint um_teams_pk primary key (org_id, team_id),
	constraint um_teams_parent foreign key (org_id, parent_id) references usermgmt_teams (org_id, team_id)
);
create unique index um_teams_root on usermgmt_teams (org_id) where parent_id is null;
create index um_teams_list on usermgmt_teams (org_id, name_key, team_id);
create index um_teams_children on usermgmt_teams (org_id, parent_id);
create index um_teams_path on usermgmt_teams (org_id, path);

create table usermgmt_users (
	user_id         uuid             not null constraint um_users_pk primary key,
	kind            smallint         not null,
	reserved        boolean          not null,
	org_id          uuid             not null,
	owner_unit      uuid             not null,
	username        text             not null,
	username_key    text collate "C" not null,
	email           text             not null,
	email_key       text collate "C" not null,
	emails          jsonb,
	prefix          text             not null,
	first_name      text             not null,
	middle_name     text             not null,
	last_name       text             not null,
	suffix          text             not null,
	name_key        text collate "C" not null,
	search_key      text collate "C" not null,
	birthday        text             not null,
	avatar_type     text             not null,
	phone           text             not null,
	mobile          text             not null,
	fax             text             not null,
	street          text             not null,
	city            text             not null,
	state           text             not null,
	postal_code     text             not null,
	country         text             not null,
	company         text             not null,
	title           text             not null,
	employee_number jsonb,
	reports_to      uuid constraint um_users_reports_to references usermgmt_users (user_id),
	responsible     uuid constraint um_users_responsible references usermgmt_users (user_id),
	newsletter      boolean          not null,
	account_mail    boolean          not null,
	sso_pass        text             not null,
	sso_delegated   boolean          not null,
	sso_federation  text             not null,
	source          text             not null,
	external_id     text collate "C" not null,
	enabled         boolean          not null,
	deactivated_at  timestamptz,
	-- enabled and not deactivated
	active          boolean          not null,
	created_at      timestamptz      not null,
	updated_at      timestamptz      not null,
	version         bigint           not null,
	constraint um_users_owner_unit foreign key (org_id, owner_unit) references usermgmt_units (org_id, unit_id)
) with (fillfactor = 90);
create unique index um_users_external on usermgmt_users (external_id, source) where external_id <> '' or source <> '';
create index um_users_unit on usermgmt_users (org_id, owner_unit);
create index um_users_by_name on usermgmt_users (name_key, user_id);
create index um_users_by_username on usermgmt_users (username_key, user_id);
create index um_users_by_email on usermgmt_users (email_key, user_id);
create index um_users_by_created on usermgmt_users (created_at, user_id);
create index um_users_inactive on usermgmt_users (name_key, user_id) where not active;
create index um_users_deactivated on usermgmt_users (name_key, user_id) where deactivated_at is not null;
create index um_users_kind on usermgmt_users (kind, name_key, user_id) where kind <> 1;

-- Login names: usernames and primary e-mail addresses are one space.
create table usermgmt_login_names (
	key     text collate "C" not null constraint um_login_names_pk primary key,
	user_id uuid             not null constraint um_login_names_user references usermgmt_users (user_id)
);

-- What a search looks into: hashes of the parts of three characters of a user's
-- search key, and of the first one and two of each of its lines.
create table usermgmt_search (
	user_id uuid      not null constraint um_search_pk primary key constraint um_search_user references usermgmt_users (user_id),
	grams   integer[] not null
);
create index um_search_grams on usermgmt_search using gin (grams) with (gin_pending_list_limit = 512);

create table usermgmt_credentials (
	user_id     uuid     not null constraint um_credentials_pk primary key constraint um_credentials_user references usermgmt_users (user_id),
	status      smallint not null,
	hash        text     not null,
	changed_at  timestamptz,
	must_change boolean  not null,
	epoch       bigint   not null,
	version     bigint   not null
);
create index um_credentials_blocked on usermgmt_credentials (user_id) where status <> 1;

create table usermgmt_logins (
	user_id       uuid    not null constraint um_logins_pk primary key constraint um_logins_user references usermgmt_users (user_id),
	failures      integer not null,
	locked_until  timestamptz,
	last_login_at timestamptz,
	login_count   bigint  not null
) with (fillfactor = 80);
create index um_logins_locked on usermgmt_logins (user_id) where locked_until is not null;

create table usermgmt_applications (
	application_id uuid             not null constraint um_applications_pk primary key,
	org_id         uuid constraint um_applications_org references usermgmt_orgs (org_id),
	name           text             not null,
	name_key       text collate "C" not null,
	description    text             not null,
	objects        jsonb,
	created_at     timestamptz      not null,
	updated_at     timestamptz      not null,
	version        bigint           not null
);
create unique index um_applications_name on usermgmt_applications (coalesce(org_id, '00000000-0000-0000-0000-000000000000'), name_key);

create table usermgmt_roles (
	role_id        uuid             not null constraint um_roles_pk primary key,
	org_id         uuid constraint um_roles_org references usermgmt_orgs (org_id),
	application_id uuid constraint um_roles_application references usermgmt_applications (application_id),
	name           text             not null,
	name_key       text collate "C" not null,
	description    text             not null,
	grants         jsonb,
	created_at     timestamptz      not null,
	updated_at     timestamptz      not null,
	version        bigint           not null
);
create unique index um_roles_name on usermgmt_roles (coalesce(org_id, '00000000-0000-0000-0000-000000000000'),
	coalesce(application_id, '00000000-0000-0000-0000-000000000000'), name_key);
create index um_roles_by_application on usermgmt_roles (application_id) where application_id is not null;

create table usermgmt_profiles (
	profile_id    uuid             not null constraint um_profiles_pk primary key,
	org_id        uuid constraint um_profiles_org references usermgmt_orgs (org_id),
	name          text             not null,
	name_key      text collate "C" not null,
	description   text             not null,
	administrator boolean          not null,
	shipped       boolean          not null,
	grants        jsonb,
	ip_ranges     jsonb,
	created_at    timestamptz      not null,
	updated_at    timestamptz      not null,
	version       bigint           not null
);
create unique index um_profiles_name on usermgmt_profiles (coalesce(org_id, '00000000-0000-0000-0000-000000000000'), name_key);

-- roles, teams and units are what is read; the tables below hold the same for
-- references and look-ups. The columns after version are copies of the user's.
create table usermgmt_memberships (
	org_id          uuid             not null constraint um_memberships_org references usermgmt_orgs (org_id),
	user_id         uuid             not null constraint um_memberships_user references usermgmt_users (user_id),
	enabled         boolean          not null,
	profile_id      uuid             not null constraint um_memberships_profile references usermgmt_profiles (profile_id),
	roles           jsonb,
	teams           jsonb,
	units           jsonb,
	primary_team    uuid,
	licence         text             not null,
	seat            boolean          not null,
	initial_app     uuid constraint um_memberships_initial_app references usermgmt_applications (application_id),
	settings        jsonb,
	rights          bigint           not null,
	created_at      timestamptz      not null,
	updated_at      timestamptz      not null,
	version         bigint           not null,
	name_key        text collate "C" not null,
	username_key    text collate "C" not null,
	email_key       text collate "C" not null,
	user_created_at timestamptz      not null,
	owner_unit      uuid             not null,
	kind            smallint         not null,
	newsletter      boolean          not null,
	-- home: the organization is the user's home.
	home            boolean          not null,
	deactivated     boolean          not null,
	user_active     boolean          not null,
	constraint um_memberships_pk primary key (org_id, user_id),
	constraint um_memberships_primary_team foreign key (org_id, primary_team) references usermgmt_teams (org_id, team_id)
) with (fillfactor = 90);
create index um_memberships_by_user on usermgmt_memberships (user_id, org_id);
create index um_memberships_by_name on usermgmt_memberships (org_id, name_key, user_id);
create index um_memberships_by_username on usermgmt_memberships (org_id, username_key, user_id);
create index um_memberships_by_email on usermgmt_memberships (org_id, email_key, user_id);
create index um_memberships_by_created on usermgmt_memberships (org_id, user_created_at, user_id);
create index um_memberships_unit on usermgmt_memberships (org_id, owner_unit, name_key, user_id);
create index um_memberships_profile_idx on usermgmt_memberships (profile_id, org_id, name_key, user_id);
create index um_memberships_inactive on usermgmt_memberships (org_id, name_key, user_id) where not (enabled and user_active);
create index um_memberships_deactivated on usermgmt_memberships (org_id, name_key, user_id) where deactivated;
create index um_memberships_kind on usermgmt_memberships (org_id, kind, name_key, user_id) where kind <> 1;
create index um_memberships_initial_app_idx on usermgmt_memberships (initial_app) where initial_app is not null;
create index um_memberships_primary_team_idx on usermgmt_memberships (org_id, primary_team) where primary_team is not null;

create table usermgmt_membership_roles (
	org_id  uuid     not null,
	user_id uuid     not null,
	pos     integer  not null,
	role_id uuid     not null constraint um_membership_roles_role references usermgmt_roles (role_id),
	constraint um_membership_roles_pk primary key (org_id, user_id, pos),
	constraint um_membership_roles_of foreign key (org_id, user_id) references usermgmt_memberships (org_id, user_id) on delete cascade
);
create index um_membership_roles_by_role on usermgmt_membership_roles (role_id, org_id, user_id);

create table usermgmt_membership_teams (
	org_id   uuid    not null,
	user_id  uuid    not null,
	pos      integer not null,
	team_id  uuid    not null,
	from_at  timestamptz,
	until_at timestamptz,
	constraint um_membership_teams_pk primary key (org_id, user_id, pos),
	constraint um_membership_teams_of foreign key (org_id, user_id) references usermgmt_memberships (org_id, user_id) on delete cascade,
	constraint um_membership_teams_team foreign key (org_id, team_id) references usermgmt_teams (org_id, team_id)
);
create index um_membership_teams_by_team on usermgmt_membership_teams (org_id, team_id, user_id);

create table usermgmt_membership_units (
	org_id  uuid    not null,
	user_id uuid    not null,
	pos     integer not null,
	unit_id uuid    not null,
	constraint um_membership_units_pk primary key (org_id, user_id, pos),
	constraint um_membership_units_of foreign key (org_id, user_id) references usermgmt_memberships (org_id, user_id) on delete cascade,
	constraint um_membership_units_unit foreign key (org_id, unit_id) references usermgmt_units (org_id, unit_id)
);
create index um_membership_units_by_unit on usermgmt_membership_units (org_id, unit_id, user_id);

create table usermgmt_access (
	access_id      uuid        not null constraint um_access_pk primary key,
	org_id         uuid        not null constraint um_access_org references usermgmt_orgs (org_id),
	application_id uuid        not null constraint um_access_application references usermgmt_applications (application_id),
	user_id        uuid constraint um_access_user references usermgmt_users (user_id),
	team_id        uuid constraint um_access_team references usermgmt_teams (team_id),
	roles          jsonb,
	created_at     timestamptz not null,
	updated_at     timestamptz not null,
	version        bigint      not null,
	constraint um_access_subject_set check (user_id is not null or team_id is not null)
);
create unique index um_access_subject on usermgmt_access (org_id, application_id,
	coalesce(user_id, '00000000-0000-0000-0000-000000000000'), coalesce(team_id, '00000000-0000-0000-0000-000000000000'));
create index um_access_list on usermgmt_access (org_id, application_id, access_id);
create index um_access_by_application on usermgmt_access (application_id);
create index um_access_by_user on usermgmt_access (user_id, org_id) where user_id is not null;
create index um_access_by_team on usermgmt_access (team_id) where team_id is not null;

create table usermgmt_access_roles (
	access_id uuid    not null constraint um_access_roles_of references usermgmt_access (access_id) on delete cascade,
	pos       integer not null,
	role_id   uuid    not null constraint um_access_roles_role references usermgmt_roles (role_id),
	constraint um_access_roles_pk primary key (access_id, pos)
);
create index um_access_roles_by_role on usermgmt_access_roles (role_id);

create table usermgmt_sharing (
	org_id           uuid             not null constraint um_sharing_org references usermgmt_orgs (org_id),
	sharing_id       uuid             not null constraint um_sharing_id unique,
	name             text             not null,
	name_key         text collate "C" not null,
	owning           uuid             not null constraint um_sharing_owning references usermgmt_teams (team_id),
	owning_subteams  boolean          not null,
	sharing          jsonb,
	sharing_subteams boolean          not null,
	model            smallint         not null,
	permissions      jsonb,
	roles            jsonb,
	created_at       timestamptz      not null,
	updated_at       timestamptz      not null,
	version          bigint           not null,
	constraint um_sharing_pk primary key (org_id, sharing_id),
	constraint um_sharing_name unique (org_id, name_key)
);
create index um_sharing_by_owning on usermgmt_sharing (owning);

create table usermgmt_sharing_teams (
	sharing_id uuid    not null constraint um_sharing_teams_of references usermgmt_sharing (sharing_id) on delete cascade,
	pos        integer not null,
	team_id    uuid    not null constraint um_sharing_teams_team references usermgmt_teams (team_id),
	constraint um_sharing_teams_pk primary key (sharing_id, pos)
);
create index um_sharing_teams_by_team on usermgmt_sharing_teams (team_id);

create table usermgmt_sharing_roles (
	sharing_id uuid    not null constraint um_sharing_roles_of references usermgmt_sharing (sharing_id) on delete cascade,
	pos        integer not null,
	role_id    uuid    not null constraint um_sharing_roles_role references usermgmt_roles (role_id),
	constraint um_sharing_roles_pk primary key (sharing_id, pos)
);
create index um_sharing_roles_by_role on usermgmt_sharing_roles (role_id);

-- idle is in nanoseconds. over_at is the earlier of expires_at and ended_at.
create table usermgmt_sessions (
	session_id     uuid        not null constraint um_sessions_pk primary key,
	kind           smallint    not null,
	token_hash     bytea       not null,
	user_id        uuid        not null constraint um_sessions_user references usermgmt_users (user_id),
	org_id         uuid constraint um_sessions_org references usermgmt_orgs (org_id),
	application_id uuid,
	role_id        uuid,
	operator_id    uuid constraint um_sessions_operator references usermgmt_users (user_id),
	parent_id      uuid,
	reason         text        not null,
	parked         boolean     not null,
	epoch          bigint      not null,
	operator_epoch bigint      not null,
	idle           bigint      not null,
	created_at     timestamptz not null,
	seen_at        timestamptz not null,
	expires_at     timestamptz not null,
	ended_at       timestamptz,
	end_reason     text        not null,
	over_at        timestamptz not null,
	address        text        not null,
	user_agent     text        not null,
	request_id     text        not null
) with (fillfactor = 80);
create unique index um_sessions_token on usermgmt_sessions (token_hash) where ended_at is null;
create index um_sessions_by_user on usermgmt_sessions (user_id, created_at, session_id) where ended_at is null;
create index um_sessions_by_operator on usermgmt_sessions (operator_id, created_at, session_id) where ended_at is null and operator_id is not null;
create index um_sessions_by_parent on usermgmt_sessions (parent_id) where ended_at is null and parent_id is not null;
create index um_sessions_over on usermgmt_sessions (over_at);

create table usermgmt_api_keys (
	org_id       uuid        not null constraint um_api_keys_org references usermgmt_orgs (org_id),
	user_id      uuid        not null constraint um_api_keys_user references usermgmt_users (user_id),
	key_id       uuid        not null constraint um_api_keys_id unique,
	public_id    text        not null,
	hash         bytea       not null constraint um_api_keys_hash unique,
	epoch        bigint      not null,
	permissions  jsonb,
	created_at   timestamptz not null,
	created_by   uuid,
	expires_at   timestamptz,
	last_used_at timestamptz,
	constraint um_api_keys_pk primary key (org_id, user_id)
) with (fillfactor = 80);

create table usermgmt_proxy_lists (
	org_id      uuid        not null constraint um_proxy_lists_org references usermgmt_orgs (org_id),
	operator_id uuid        not null constraint um_proxy_lists_operator references usermgmt_users (user_id),
	restricted  boolean     not null,
	updated_at  timestamptz not null,
	version     bigint      not null,
	constraint um_proxy_lists_pk primary key (org_id, operator_id)
);

create table usermgmt_proxy_users (
	org_id      uuid    not null,
	operator_id uuid    not null,
	pos         integer not null,
	user_id     uuid    not null constraint um_proxy_users_user references usermgmt_users (user_id),
	constraint um_proxy_users_pk primary key (org_id, operator_id, pos),
	constraint um_proxy_users_of foreign key (org_id, operator_id) references usermgmt_proxy_lists (org_id, operator_id) on delete cascade
);

create table usermgmt_proxy_teams (
	org_id      uuid    not null,
	operator_id uuid    not null,
	pos         integer not null,
	team_id     uuid    not null constraint um_proxy_teams_team references usermgmt_teams (team_id) on delete cascade,
	constraint um_proxy_teams_pk primary key (org_id, operator_id, pos),
	constraint um_proxy_teams_of foreign key (org_id, operator_id) references usermgmt_proxy_lists (org_id, operator_id) on delete cascade
);
create index um_proxy_teams_by_team on usermgmt_proxy_teams (team_id);

create table usermgmt_pools (
	org_id uuid             not null constraint um_pools_org references usermgmt_orgs (org_id),
	type   text collate "C" not null,
	size   bigint           not null,
	used   bigint           not null,
	constraint um_pools_pk primary key (org_id, type)
) with (fillfactor = 50);

-- detail is what erasing a person removes.
create table usermgmt_audit (
	audit_id     uuid             not null constraint um_audit_pk primary key,
	operation_id uuid,
	at           timestamptz      not null,
	verb         text collate "C" not null,
	outcome      smallint         not null,
	door         smallint         not null,
	operator_id  uuid,
	subject_id   uuid,
	org_id       uuid,
	target_kind  text             not null,
	target       text collate "C" not null,
	fields       jsonb,
	digest       bytea            not null,
	fold_key     text collate "C",
	count        bigint           not null,
	last_at      timestamptz      not null,
	detail       jsonb
);
create unique index um_audit_fold on usermgmt_audit (fold_key) where fold_key is not null;
create index um_audit_by_org on usermgmt_audit (org_id, audit_id);
create index um_audit_by_operator on usermgmt_audit (operator_id, audit_id) where operator_id is not null;
create index um_audit_by_subject on usermgmt_audit (subject_id, audit_id) where subject_id is distinct from operator_id;
create index um_audit_by_target on usermgmt_audit (target, audit_id) where target <> '';
create index um_audit_by_operation on usermgmt_audit (operation_id);
create index um_audit_by_verb on usermgmt_audit (verb, org_id, audit_id);
create index um_audit_by_time on usermgmt_audit (at, org_id);

create table usermgmt_outbox (
	message_id   uuid        not null constraint um_outbox_pk primary key,
	operation_id uuid,
	org_id       uuid,
	user_id      uuid,
	address      text        not null,
	kind         text        not null,
	vals         jsonb,
	not_before   timestamptz not null,
	attempts     integer     not null,
	created_at   timestamptz not null,
	sent_at      timestamptz,
	dead_at      timestamptz,
	last_error   text        not null
);
create index um_outbox_pending on usermgmt_outbox (message_id) where sent_at is null and dead_at is null;

create table usermgmt_blobs (
	key  text collate "C" not null constraint um_blobs_pk primary key,
	data bytea            not null
);

create table usermgmt_checkpoints (
	import_id  uuid        not null constraint um_checkpoints_pk primary key,
	org_id     uuid,
	actor      uuid,
	row_count  bigint      not null,
	created    bigint      not null,
	updated    bigint      not null,
	failed     bigint      not null,
	updated_at timestamptz not null
);
