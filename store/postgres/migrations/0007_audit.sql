-- Events for the host, and seals of the audit log.

alter table usermgmt_outbox add column event boolean not null default false;
alter table usermgmt_outbox alter column event drop default;
create index um_outbox_mails on usermgmt_outbox (message_id) where sent_at is null and dead_at is null and not event;
create index um_outbox_events on usermgmt_outbox (message_id) where sent_at is null and dead_at is null and event;
