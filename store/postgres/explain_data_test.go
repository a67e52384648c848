package postgres_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt/store/postgres"
)

// What identifiers are of.
const (
	anOrg = iota + 1
	aUnit
	aTeam
	aUser
	aRole
	aProfile
	anApplication
	aSession
	aKey
	anAccess
	anEntry
	aMessage
	aSharing
)

// bigID is the i-th identifier of a kind, as um_id makes it in bigData.
func bigID(kind, i int) (out [16]byte) {
	out[3], out[6], out[8] = byte(kind), 0x70, 0x80
	for k := 15; i > 0; k, i = k-1, i>>8 {
		out[k] = byte(i)
	}
	return out
}

// bigData fills a database with :n users, 19 of 20 in one organization, the
// others in 50 small ones, and with all else in proportion.
const bigData = `
create function um_id(kind integer, i bigint) returns uuid language sql immutable parallel safe
	as $$ select (lpad(to_hex(kind), 8, '0') || '-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid $$;
create function um_rnd(i bigint, salt bigint) returns float8 language sql immutable parallel safe
	as $$ select (hashint8extended(i, salt) & 1048575)::float8 / 1048576 $$;
create function um_word(n integer) returns text language sql immutable parallel safe
	as $$ select (x.s)[1 + n % 20] || (x.s)[1 + n / 20 % 20] || case when n >= 400 then (x.s)[1 + n / 400 % 20] || 'n' else '' end
	from (select '{an,be,car,do,el,fri,ga,hu,is,jo,ka,lu,ma,ne,os,pe,ra,so,ti,va}'::text[] as s) x $$;

insert into usermgmt_orgs (org_id, name, name_key, description, enabled, provider, switch_roles, epoch, created_at, updated_at,
	support_read_only, support_reason, version)
	select um_id(1, o), 'Org ' || o, 'org ' || o, '', true, o = 1, false, 1, now(), now(), false, '', 1 from generate_series(1, 51) o;
insert into usermgmt_stamps (org_id, policy, trees) select um_id(1, o), 1, 1 from generate_series(1, 51) o;

create table um_nodes as
	select 2 as kind, 1 as o, k, case when k > 1 then (k - 2) / 10 + 1 end as parent from generate_series(1, 10000) k
	union all select 2, o, 10000 + o * 4 + x, case when x > 0 then 10000 + o * 4 end from generate_series(2, 51) o, generate_series(0, 3) x
	union all select 3, 1, k, case when k > 1 then (k - 2) / 8 + 1 end from generate_series(1, 5000) k
	union all select 3, o, 5000 + o * 2 + x, case when x > 0 then 5000 + o * 2 end from generate_series(2, 51) o, generate_series(0, 1) x;
create table um_paths as
	with recursive p as (
		select kind, k, uuid_send(um_id(kind, k)) as path from um_nodes where parent is null
		union all select n.kind, n.k, p.path || uuid_send(um_id(n.kind, n.k)) from p join um_nodes n on n.kind = p.kind and n.parent = p.k)
	select n.kind, n.o, n.k, n.parent, p.path from um_nodes n join p on p.kind = n.kind and p.k = n.k;
insert into usermgmt_units (org_id, unit_id, parent_id, path, name, name_key, description, phone, fax, email, website, created_at, updated_at, version)
	select um_id(1, o), um_id(2, k), um_id(2, parent), path, 'Unit ' || k, 'unit ' || k, '', '', '', '', '', now(), now(), 1
	from um_paths where kind = 2;
insert into usermgmt_teams (org_id, team_id, parent_id, path, name, name_key, description, created_at, updated_at, version)
	select um_id(1, o), um_id(3, k), um_id(3, parent), path, 'Team ' || k, 'team ' || k, '', now(), now(), 1 from um_paths where kind = 3;
insert into usermgmt_applications (application_id, org_id, name, name_key, description, created_at, updated_at, version)
	select um_id(7, k), null, 'App ' || k, 'app ' || k, '', now(), now(), 1 from generate_series(1, 20) k;
insert into usermgmt_roles (role_id, org_id, name, name_key, description, created_at, updated_at, version)
	select um_id(5, k), null, 'Role ' || k, 'role ' || k, '', now(), now(), 1 from generate_series(1, 200) k;
insert into usermgmt_profiles (profile_id, org_id, name, name_key, description, administrator, shipped, created_at, updated_at, version)
	select um_id(6, k), null, 'Profile ' || k, 'profile ' || k, '', k = 1, true, now(), now(), 1 from generate_series(1, 20) k;
insert into usermgmt_sharing (org_id, sharing_id, name, name_key, owning, owning_subteams, sharing_subteams, model, created_at, updated_at, version)
	select um_id(1, 1), um_id(13, k), 'Sharing ' || k, 'sharing ' || k, um_id(3, k), true, true, 1, now(), now(), 1 from generate_series(1, 500) k;

create table um_people as
	select i, case when i % 20 > 0 then 1 else 2 + i / 20 % 50 end as o,
		case when i % 20 > 0 then 1 + floor(10000 * um_rnd(i, 1) ^ 2)::integer else 10000 + (2 + i / 20 % 50) * 4 + i % 3 end as unit,
		case when i % 20 > 0 then 1 + floor(5000 * um_rnd(i, 2) ^ 2)::integer else 5000 + (2 + i / 20 % 50) * 2 + i % 2 end as team,
		um_word(floor(900 * um_rnd(i, 3) ^ 2)::integer) as first, um_word(floor(7900 * um_rnd(i, 4) ^ 2)::integer) as last,
		um_rnd(i, 5) as state, um_rnd(i, 6) as kind, um_rnd(i, 7) as role
	from generate_series(1, :n) i;
insert into usermgmt_users (user_id, kind, reserved, org_id, owner_unit, username, username_key, email, email_key, prefix, first_name,
	middle_name, last_name, suffix, name_key, search_key, birthday, avatar_type, phone, mobile, fax, street, city, state,
	postal_code, country, company, title, newsletter, account_mail, sso_pass, sso_delegated, sso_federation, source, external_id, enabled,
	deactivated_at, active, created_at, updated_at, version, responsible)
	select um_id(4, i), case when kind < 0.98 then 1 when kind < 0.995 then 2 else 3 end, false, um_id(1, o), um_id(2, unit),
		first || '.' || last || i, first || '.' || last || i, first || i || '@example.test', first || i || '@example.test', '', first,
		'', last, '', last || ', ' || first || ', ' || first || '.' || last || i,
		first || ' ' || last || e'\n' || last || ' ' || first || e'\n' || first || '.' || last || i || e'\n' || first || i || '@example.test',
		'1970-01-01', '', '+49 30 ' || i, '', '', 'Street ' || i, 'Berlin', '', '10115', 'DE', 'Company', '', kind > 0.4 and kind < 0.45, true, '',
		false, '', case when i % 4 = 0 then 'ldap' else '' end, case when i % 4 = 0 then 'cn=' || i else '' end, state > 0.05,
		case when state < 0.03 then now() end, state > 0.05, timestamptz '2020-01-01' + i * interval '1 minute', now(), 1,
		case when kind >= 0.995 then um_id(4, boss) end
	from um_people join (select o, min(i) as boss from um_people where kind < 0.98 and state > 0.05 group by o) b using (o);
insert into usermgmt_credentials (user_id, status, hash, changed_at, must_change, epoch, version, home)
	select um_id(4, i), case when um_rnd(i, 8) < 0.01 then 3 else 1 end, repeat('x', 97), now() - um_rnd(i, 12) * interval '400 days',
		false, 1, 1, um_id(1, o) from um_people;
insert into usermgmt_factors (user_id, secret, confirmed_at, next, last_step, version)
	select um_id(4, i), repeat('s', 61)::bytea, now(), '', 1, 1 from um_people where i % 5 = 0;
insert into usermgmt_recovery_codes (user_id, hash)
	select um_id(4, i), sha256((i || 'c' || k)::bytea) from um_people, generate_series(1, 10) k where i % 5 = 0;
insert into usermgmt_questions (user_id, question, hash, chosen_at, version)
	select um_id(4, i), 'the first pet?', repeat('x', 97), now(), 1 from um_people where i % 3 = 0;
insert into usermgmt_former_passwords (user_id, pos, retired_at, hash)
	select um_id(4, i), 5 - k, now() - k * interval '90 days', repeat('x', 97) from um_people, generate_series(1, 4) k where i % 3 = 0;
insert into usermgmt_logins (user_id, failures, locked_until, login_count)
	select um_id(4, i), 0, case when um_rnd(i, 9) < 0.005 then now() + (um_rnd(i, 10) - 0.5) * interval '1 hour' end, 0 from um_people;
insert into usermgmt_login_names (key, user_id)
	select username_key, user_id from usermgmt_users union all select email_key, user_id from usermgmt_users;
insert into usermgmt_memberships (org_id, user_id, enabled, profile_id, roles, teams, primary_team, licence, seat, rights, created_at, updated_at, version,
	name_key, username_key, email_key, user_created_at, owner_unit, kind, newsletter, home, deactivated, user_active)
	select um_id(1, j.o), u.user_id, um_rnd(p.i, 11) > 0.02, um_id(6, 1 + floor(20 * p.role ^ 8)::integer),
		jsonb_build_array(jsonb_build_array(um_id(5, 1 + floor(200 * p.role ^ 4)::integer))),
		jsonb_build_array(jsonb_build_array(um_id(3, j.team))), um_id(3, j.team), 'platform', true, 1, now(), now(), 1,
		u.name_key, u.username_key, u.email_key, u.created_at, u.owner_unit, u.kind, u.newsletter, j.home, u.deactivated_at is not null, u.active
	from um_people p join usermgmt_users u on u.user_id = um_id(4, p.i)
	cross join lateral (select p.o, p.team, true as home
		union all select 2 + p.i / 50 % 50, 5000 + (2 + p.i / 50 % 50) * 2, false where p.i % 50 = 1) j;
insert into usermgmt_membership_roles (org_id, user_id, pos, role_id)
	select org_id, user_id, 0, (roles -> 0 ->> 0)::uuid from usermgmt_memberships;
insert into usermgmt_membership_teams (org_id, user_id, pos, team_id)
	select org_id, user_id, 0, (teams -> 0 ->> 0)::uuid from usermgmt_memberships;
insert into usermgmt_membership_units (org_id, user_id, pos, unit_id)
	select um_id(1, 1), um_id(4, i), 0, um_id(2, 1 + i % 10000) from um_people where o = 1 and i % 20 = 3;

insert into usermgmt_sessions (session_id, kind, token_hash, user_id, org_id, operator_id, parent_id, reason, parked, epoch, operator_epoch,
	idle, created_at, seen_at, expires_at, ended_at, end_reason, over_at, address, user_agent, request_id, pending, licence,
	basis, read_only, intersect_rights)
	select um_id(8, i), 1, sha256(uuid_send(um_id(8, i))), um_id(4, 1 + i / 2), um_id(1, 1),
		case when i % 50 = 0 then um_id(4, 7 + i % 900) end, case when i % 50 = 0 then um_id(8, i - 1) end, '', false, 1, 0, 3600000000000,
		x.t, x.t, x.t + interval '8 hours', case when i % 4 > 0 then x.t + interval '1 hour' end, '',
		x.t + case when i % 4 > 0 then interval '1 hour' else interval '8 hours' end, '192.0.2.1', 'Mozilla/5.0', '', 0,
		case when i % 100 = 0 then 'flex' else 'platform' end, 0, false, false
	from generate_series(1, :n / 2) i cross join lateral (select now() - interval '30 days' + i * interval '1 second' as t) x;
insert into usermgmt_api_keys (org_id, user_id, key_id, public_id, hash, epoch, created_at, expires_at,
	previous_hash, previous_until)
	select um_id(1, 1), um_id(4, i), um_id(9, i), 'p' || i, sha256(uuid_send(um_id(9, i))), 1, now(), now() + um_rnd(i, 13) * interval '400 days',
		case when i % 100 = 1 then sha256(uuid_send(um_id(109, i))) end, case when i % 100 = 1 then now() end from um_people where o = 1 and i % 20 = 1;
insert into usermgmt_access (access_id, org_id, application_id, user_id, team_id, created_at, updated_at, version)
	select um_id(10, i), um_id(1, 1), um_id(7, 1 + i % 20), um_id(4, i), null, now(), now(), 1 from um_people where o = 1 and i % 20 = 7
	union all select um_id(10, :n + k), um_id(1, 1), um_id(7, 1 + k % 20), null, um_id(3, k), now(), now(), 1 from generate_series(1, 100) k;
insert into usermgmt_access_roles (access_id, pos, role_id) select access_id, 0, um_id(5, 3) from usermgmt_access;
insert into usermgmt_proxy_lists (org_id, operator_id, restricted, updated_at, version)
	select um_id(1, 1), um_id(4, i), true, now(), 1 from um_people where o = 1 and i % 100 = 9;
insert into usermgmt_proxy_users (org_id, operator_id, pos, user_id)
	select org_id, operator_id, k, um_id(4, k) from usermgmt_proxy_lists, generate_series(1, 3) k;
insert into usermgmt_deputies (org_id, user_id, deputy_id, until_at, read_only, reason, created_at, updated_at, version)
	select um_id(1, 1), user_id, deputy_id, now() + interval '7 days', false, '', now(), now(), 1
	from (select um_id(4, i) as user_id, lead(um_id(4, i)) over (order by i) as deputy_id from um_people where o = 1) p
	where deputy_id is not null;
insert into usermgmt_audit (audit_id, operation_id, at, verb, outcome, door, operator_id, subject_id, org_id, target_kind, target, digest,
	count, last_at, class)
	select um_id(11, i), um_id(14, i / 2), x.t, 'user.' || case i % 50 when 0 then 'delete' when 1 then 'unlock' else 'update' end, 1 + i % 3, 1,
		um_id(4, 1 + (um_rnd(i, 12) * 5000)::integer), um_id(4, 1 + (um_rnd(i, 13) * (:n - 1))::integer),
		um_id(1, case when i % 20 > 0 then 1 else 2 + i / 20 % 50 end), 'user', um_id(4, 1 + i % :n)::text, sha256(''), 1, x.t, 1 + i % 3
	from generate_series(1, :n) i cross join lateral (select now() - interval '300 days' + i * interval '20 seconds' as t) x;
insert into usermgmt_audit_seals (org_id, number, audit_id, at, class, count, core, hash)
	select org_id, row_number() over (partition by org_id order by audit_id), audit_id, at, class, count, digest, digest
	from usermgmt_audit where audit_id <= um_id(11, :n - 1000);
insert into usermgmt_audit_unsealed (audit_id) select audit_id from usermgmt_audit where audit_id > um_id(11, :n - 1000);
insert into usermgmt_outbox (message_id, address, kind, not_before, attempts, created_at, sent_at, last_error, event)
	select um_id(12, i), 'a@example.test', 'welcome', now(), 1, now(), case when i % 1000 > 0 then now() end, '', i % 2 = 0 from generate_series(1, :n / 5) i;
insert into usermgmt_pools (org_id, type, size, overdraft, floating, used) values (um_id(1, 1), 'flex', 1000000, 0, true, 0);
insert into usermgmt_settings (org_id, key, value, locked, set_at)
	select um_id(1, i), k, 'x', false, now() from generate_series(1, 10) i cross join unnest(array['language', 'locale', 'theme']) k;
insert into usermgmt_jobs (job_id, kind, by_user, org_id, address, user_agent, request_id, status, tries, row_count, size, reason, created_at, ended_at)
	select um_id(50, i), 'export', um_id(4, 1 + i), um_id(1, 1), '', '', '', case when i % 500 = 0 then 1 else 3 end, 1, 0, 0, '', now(),
		case when i % 500 > 0 then now() - i * interval '1 minute' end from generate_series(1, :n / 2) i;
drop table um_people, um_nodes, um_paths;
`

// fillBig makes a large database. Indexes are made when the data is there, and
// references are not checked.
func fillBig(ctx context.Context, t *testing.T, dsn string, users int) {
	t.Helper()
	conn := newConn(t, dsn)
	exec := func(sql string) {
		t.Helper()
		began := time.Now()
		_, err := conn.Exec(ctx, sql)
		require.NoError(t, err, sql)
		if d := time.Since(began); d > 5*time.Second {
			t.Logf("%6.1f s  %.90s", d.Seconds(), strings.ReplaceAll(sql, "\n", " "))
		}
	}
	exec("set session_replication_role = replica; set maintenance_work_mem = '512MB'; set work_mem = '128MB'; set synchronous_commit = off")
	rows, err := conn.Query(ctx, `select indexrelid::regclass::text, pg_get_indexdef(indexrelid) from pg_index
		join pg_class c on c.oid = indrelid where c.relname like 'usermgmt\_%' and not exists (select from pg_constraint where conindid = indexrelid)`)
	require.NoError(t, err)
	indexes, err := pgx.CollectRows(rows, pgx.RowTo[string2])
	require.NoError(t, err)
	for _, x := range indexes {
		exec("drop index " + x[0])
	}
	exec("alter table usermgmt_login_names drop constraint um_login_names_pk")
	for _, sql := range strings.Split(strings.ReplaceAll(bigData+bigTokens+bigRecords, ":n", strconv.Itoa(users)), ";\n") {
		if strings.TrimSpace(sql) != "" {
			exec(sql)
		}
	}
	copyGrams(ctx, t, dsn, conn)
	copyMemberGrams(ctx, t, dsn, conn)
	exec("alter table usermgmt_login_names add constraint um_login_names_pk primary key (key)")
	for _, x := range indexes {
		exec(x[1])
	}
	exec("vacuum analyze")
}

// string2 is two strings of a row.
type string2 [2]string

// ScanRow implements [pgx.RowScanner].
func (s *string2) ScanRow(rows pgx.Rows) error { return rows.Scan(&s[0], &s[1]) }

// copyGrams fills the table of searches from what the users have.
func copyGrams(ctx context.Context, t *testing.T, dsn string, to *pgx.Conn) {
	t.Helper()
	began := time.Now()
	rows, err := newConn(t, dsn).Query(ctx, "select user_id, search_key from usermgmt_users")
	require.NoError(t, err)
	n, err := to.CopyFrom(ctx, pgx.Identifier{"usermgmt_search"}, []string{"user_id", "grams"}, pgx.CopyFromFunc(func() ([]any, error) {
		if !rows.Next() {
			return nil, rows.Err()
		}
		var id [16]byte
		var key string
		err := rows.Scan(&id, &key)
		return []any{id, postgres.GramsOfKey(key)}, err
	}))
	require.NoError(t, err)
	t.Logf("%6.1f s  the grams of %d users", time.Since(began).Seconds(), n)
}
