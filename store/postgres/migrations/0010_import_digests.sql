-- What imports remember of rows that asked for nothing. A digest holds while the
-- user and the membership are as it says. settings is a digest of the settings, null
-- for none. named is, for each user whom the row names, the identifier and the version
-- in eight bytes, the highest first.
create table usermgmt_import_digests (
	org_id       uuid   not null constraint um_import_digests_org references usermgmt_orgs (org_id),
	user_id      uuid   not null,
	user_version bigint not null,
	rights       bigint not null,
	digest       bytea  not null,
	settings     bytea,
	named        bytea,
	constraint um_import_digests_pk primary key (org_id, user_id)
);

-- How users and memberships are that have changed since they were made, in few bytes:
-- what a digest is compared with. Whatever changes a version, the rights or the
-- settings writes it in the same transaction, and nothing deletes it. A row of a user
-- has the zero org_id and the version; one of a membership has the rights, null when
-- the membership has ended, and the digest of the settings. Whatever changes them
-- otherwise, such as a later migration, has to empty usermgmt_import_digests.
create table usermgmt_import_changes (
	org_id   uuid not null,
	user_id  uuid not null,
	version  bigint,
	settings bytea,
	constraint um_import_changes_pk primary key (org_id, user_id)
) with (fillfactor = 90);
