-- Custom fields and groups.

create table usermgmt_groups (
	group_id    uuid             not null constraint um_groups_pk primary key,
	name        text             not null,
	name_key    text collate "C" not null constraint um_groups_name unique,
	description text             not null,
	created_at  timestamptz      not null,
	updated_at  timestamptz      not null,
	version     bigint           not null
);

-- groups is what is read; the table below holds the same for references and
-- look-ups. custom holds the values of the host's fields by name.
alter table usermgmt_users add column groups jsonb, add column custom jsonb;
create index um_users_custom on usermgmt_users using gin (custom jsonb_path_ops)
	with (gin_pending_list_limit = 512) where custom is not null;

create table usermgmt_user_groups (
	group_id uuid not null constraint um_user_groups_group references usermgmt_groups (group_id),
	user_id  uuid not null constraint um_user_groups_user references usermgmt_users (user_id),
	constraint um_user_groups_pk primary key (group_id, user_id)
);
create index um_user_groups_by_user on usermgmt_user_groups (user_id);

create table usermgmt_fields (
	org_id     uuid             not null constraint um_fields_org references usermgmt_orgs (org_id),
	field_id   uuid             not null constraint um_fields_id unique,
	name       text collate "C" not null,
	label      text             not null,
	field_type text             not null,
	required   boolean          not null,
	default_is text             not null,
	min_length integer          not null,
	max_length integer          not null,
	pattern    text             not null,
	min_value  text             not null,
	max_value  text             not null,
	choices    jsonb,
	sort       integer          not null,
	hidden     boolean          not null,
	own        boolean          not null,
	exportable boolean          not null,
	searchable boolean          not null,
	created_at timestamptz      not null,
	updated_at timestamptz      not null,
	version    bigint           not null,
	constraint um_fields_name primary key (org_id, name)
);

-- custom holds the values of the organization's own fields by name, search_key
-- those of them that a search looks into.
alter table usermgmt_memberships add column custom jsonb,
	add column search_key text collate "C";
create index um_memberships_custom on usermgmt_memberships using gin (custom jsonb_path_ops)
	with (gin_pending_list_limit = 512) where custom is not null;

-- As usermgmt_search, for the memberships that have a search key. The grams
-- differ from organization to organization, so that each has its own part of the
-- index.
create table usermgmt_member_search (
	org_id  uuid      not null,
	user_id uuid      not null,
	grams   integer[] not null,
	constraint um_member_search_pk primary key (org_id, user_id),
	constraint um_member_search_of foreign key (org_id, user_id) references usermgmt_memberships (org_id, user_id) on delete cascade
);
create index um_member_search_grams on usermgmt_member_search using gin (grams) with (gin_pending_list_limit = 512);

-- What is found and removed when a person is erased.
alter table usermgmt_users add column erased_at timestamptz;
create index um_sessions_ended on usermgmt_sessions (user_id) where ended_at is not null;
create index um_sessions_ended_operator on usermgmt_sessions (operator_id) where ended_at is not null and operator_id is not null;
create index um_api_keys_by_user on usermgmt_api_keys (user_id);
create index um_outbox_user on usermgmt_outbox (user_id) where user_id is not null;
create index um_outbox_address on usermgmt_outbox (address) where address <> '';
create index um_invitations_accepted on usermgmt_invitations (accepted_by) where accepted_by is not null;
create index um_invitations_address on usermgmt_invitations (email_key);
create index um_tokens_invitation on usermgmt_tokens (invitation_id) where invitation_id is not null;
