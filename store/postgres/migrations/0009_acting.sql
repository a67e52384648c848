-- Entries of proxy lists count in their time; sessions in which somebody acts for
-- somebody else say by what right and how far; deputies; the consent of tenants.

alter table usermgmt_proxy_users add column from_at timestamptz, add column until_at timestamptz;
alter table usermgmt_proxy_teams add column from_at timestamptz, add column until_at timestamptz;

-- basis is 0 for sessions of one's own and 1 for proxy logins by permission.
alter table usermgmt_sessions
	add column basis smallint not null default 0,
	add column read_only boolean not null default false,
	add column intersect_rights boolean not null default false;
update usermgmt_sessions set basis = 1 where kind = 2;
alter table usermgmt_sessions
	alter column basis drop default,
	alter column read_only drop default,
	alter column intersect_rights drop default;

alter table usermgmt_orgs
	add column support_until timestamptz,
	add column support_read_only boolean not null default false,
	add column support_reason text not null default '';
alter table usermgmt_orgs
	alter column support_read_only drop default,
	alter column support_reason drop default;

create table usermgmt_deputies (
	org_id     uuid        not null,
	user_id    uuid        not null,
	deputy_id  uuid        not null,
	from_at    timestamptz,
	until_at   timestamptz,
	read_only  boolean     not null,
	reason     text        not null,
	created_at timestamptz not null,
	updated_at timestamptz not null,
	version    bigint      not null,
	constraint um_deputies_pk primary key (org_id, user_id, deputy_id),
	constraint um_deputies_user foreign key (org_id, user_id) references usermgmt_memberships (org_id, user_id) on delete cascade,
	constraint um_deputies_deputy foreign key (org_id, deputy_id) references usermgmt_memberships (org_id, user_id) on delete cascade
);
create index um_deputies_by_deputy on usermgmt_deputies (org_id, deputy_id, user_id);
