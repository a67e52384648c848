package postgres_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/store/postgres"
)

const aGroup = 20

// bigRecords are groups, worn by a tenth of the users and by few; custom fields of
// the host's for every second user, and of the large organization's for every fourth.
const bigRecords = `
insert into usermgmt_groups (group_id, name, name_key, description, created_at, updated_at, version)
	select um_id(20, k), 'Group ' || k, 'group ' || k, '', now(), now(), 1 from generate_series(1, 20) k;
insert into usermgmt_user_groups (group_id, user_id)
	select um_id(20, 1), um_id(4, i) from generate_series(1, :n, 10) i
	union all select um_id(20, 2), um_id(4, i) from generate_series(1, :n, 5000) i;
update usermgmt_users u set custom = jsonb_build_object('shirt', case when i % 4 = 1 then 'M' else 'L' end, 'badge', 'B' || i)
	from generate_series(1, :n, 2) i where u.user_id = um_id(4, i);
update usermgmt_memberships m set custom = jsonb_build_object('floor', (i % 8)::text, 'desk', 'D' || i), search_key = 'desk d' || i
	from generate_series(1, :n, 4) i where m.user_id = um_id(4, i) and m.org_id = um_id(1, 1);
insert into usermgmt_import_digests (org_id, user_id, user_version, rights, digest)
	select org_id, user_id, 1, rights, substring(sha256(uuid_send(user_id)) for 16) from usermgmt_memberships;
update usermgmt_outbox o set user_id = um_id(4, i) from generate_series(1, :n / 5, 7) i where o.message_id = um_id(12, i);
`

// copyMemberGrams fills the table of searches from what the memberships have.
func copyMemberGrams(ctx context.Context, t *testing.T, dsn string, to *pgx.Conn) {
	t.Helper()
	rows, err := newConn(t, dsn).Query(ctx, "select org_id, user_id, search_key from usermgmt_memberships where search_key is not null")
	require.NoError(t, err)
	columns := []string{"org_id", "user_id", "grams"}
	_, err = to.CopyFrom(ctx, pgx.Identifier{"usermgmt_member_search"}, columns, pgx.CopyFromFunc(func() ([]any, error) {
		if !rows.Next() {
			return nil, rows.Err()
		}
		var org, user [16]byte
		var key string
		err := rows.Scan(&org, &user, &key)
		return []any{org, user, postgres.GramsIn(org, postgres.GramsOfKey(key))}, err
	}))
	require.NoError(t, err)
}

// bigRecordCalls are lists by groups and custom fields, and what erasing does.
func bigRecordCalls(users int) []bigCall {
	type st = usermgmt.Store
	type c = context.Context
	org := bigOrg(1)
	group := func(k int) usermgmt.GroupID { return bigID(aGroup, k) }
	person := usermgmt.Person{User: bigUser(users/2 + 1), Addresses: []string{"b@example.test"}, EmailKeys: []string{"b@example.test"}}
	out := []bigCall{
		bigGet("TracesOf", func(x c, s st) (usermgmt.Traces, error) { return s.TracesOf(x, person) }),
		bigWrite("EraseTraces", func(x c, s st) error { return s.EraseTraces(x, person) }),
		{name: "ImportDigests", do: func(x c, s st) (n int, err error) {
			for _, err := range s.ImportDigests(x, org) {
				if err != nil {
					return n, err
				}
				n++
			}
			return n, nil
		}},
		bigWrite("PutImportDigests", func(x c, s st) error {
			return s.PutImportDigests(x, org, []usermgmt.ImportDigest{{User: bigUser(5), Version: 1, Rights: 1}})
		}),
		bigWrite("DeleteGroup", func(x c, s st) error { return s.DeleteGroup(x, group(2)) }),
	}
	for name, q := range map[string]usermgmt.UserQuery{
		"group, common":            {Group: group(1)},
		"group, rare":              {Group: group(2)},
		"group, nobody":            {Group: group(3)},
		"group and search":         {Group: group(1), Search: "kagan"},
		"custom, common":           {Custom: map[string]string{"shirt": "M"}},
		"custom, rare":             {Custom: map[string]string{"badge": "B7"}},
		"custom, nobody":           {Custom: map[string]string{"badge": "none"}},
		"custom, common and rare":  {Custom: map[string]string{"shirt": "L", "badge": "B7"}},
		"custom of members, many":  {MemberCustom: map[string]string{"floor": "1"}},
		"custom of members, one":   {MemberCustom: map[string]string{"desk": "D5"}},
		"custom of members, nil":   {MemberCustom: map[string]string{"desk": "none"}},
		"search of members, one":   {Search: "desk d4001"},
		"search of members, many":  {Search: "desk d"},
		"search of members, start": {Search: "de"},
	} {
		for _, o := range []usermgmt.OrgID{org, {}} {
			if o.IsZero() && (len(q.MemberCustom) > 0) {
				continue
			}
			for _, newest := range []bool{false, true} {
				q, what := q, "ListUsers "+name
				q.Org, q.Limit, q.Desc = o, 50, newest
				if newest {
					q.Sort, what = usermgmt.SortCreated, what+", newest first"
				}
				if o.IsZero() {
					what += ", whole store"
				}
				out = append(out, bigList(what, func(x c, s st) ([]usermgmt.User, error) { return s.ListUsers(x, q) }))
			}
		}
	}
	return out
}
