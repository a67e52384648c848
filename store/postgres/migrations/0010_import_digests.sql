-- What imports remember of rows that asked for nothing. A digest holds while the
-- user and the membership are as it says. named is, for each user whom the row names,
-- the identifier and the version in eight bytes, the highest first.
create table usermgmt_import_digests (
	org_id       uuid   not null constraint um_import_digests_org references usermgmt_orgs (org_id),
	user_id      uuid   not null,
	user_version bigint not null,
	rights       bigint not null,
	digest       bytea  not null,
	named        bytea,
	settings     jsonb,
	constraint um_import_digests_pk primary key (org_id, user_id)
);
