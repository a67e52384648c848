-- Entries from before there were seals.
insert into usermgmt_audit_unsealed (audit_id)
select audit_id from usermgmt_audit
on conflict (audit_id) do nothing;
