-- Events for the host, and seals of the audit log.

alter table usermgmt_outbox add column event boolean not null default false;
alter table usermgmt_outbox alter column event drop default;
create index um_outbox_mails on usermgmt_outbox (message_id) where sent_at is null and dead_at is null and not event;
create index um_outbox_events on usermgmt_outbox (message_id) where sent_at is null and dead_at is null and event;

alter table usermgmt_audit add column class smallint not null default 1;
alter table usermgmt_audit alter column class drop default;
create index um_audit_by_class on usermgmt_audit (class, at, audit_id) where class <> 1;

-- Entries that have no seal yet.
create table usermgmt_audit_unsealed (
	audit_id uuid not null constraint um_audit_unsealed_pk primary key
);

-- The chains: of an organization, and of none with the zero org_id. A seal stays
-- when its entry is deleted.
create table usermgmt_audit_seals (
	org_id   uuid        not null,
	number   bigint      not null,
	audit_id uuid        not null,
	at       timestamptz not null,
	class    smallint    not null,
	count    bigint      not null,
	core     bytea       not null,
	hash     bytea       not null,
	constraint um_audit_seals_pk primary key (org_id, number)
);
