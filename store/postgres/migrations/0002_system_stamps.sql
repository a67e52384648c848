-- The stamps of what is system-wide.
insert into usermgmt_stamps (org_id, policy, trees)
values ('00000000-0000-0000-0000-000000000000', 1, 1)
on conflict (org_id) do nothing;
