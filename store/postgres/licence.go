package postgres

import (
	"context"

	"github.com/usermgmt/usermgmt"
)

const (
	poolColumns = `p.org_id, p.type, p.size, p.used`

	sqlSetPool = `insert into usermgmt_pools (org_id, type, size, used) values ($1::uuid, $2::text, $3::bigint, 0)
on conflict (org_id, type) do update set size = excluded.size`

	// Seats that are given back never fail, and a pool that was never set has
	// no limit, so only the update has a condition.
	sqlClaimSeats = `with u as (
	insert into usermgmt_pools as p (org_id, type, size, used) values ($1::uuid, $2::text, -1, greatest($3::bigint, 0))
	on conflict (org_id, type) do update set used = greatest(p.used + $3::bigint, 0)
	where $3::bigint <= 0 or p.size < 0 or p.used + $3::bigint <= p.size
	returning 1)
select (case when (select count(*) from u) = 0 then '` + guardLimit + `' end)::integer
where not exists (select from u)`

	sqlPools = `select ` + poolColumns + ` from usermgmt_pools p where p.org_id = $1::uuid order by p.type`
)

// hotPool places a step that changes a pool.
func hotPool(org usermgmt.OrgID, t usermgmt.LicenceType) string {
	return "pools " + org.String() + " " + string(t)
}

// SetPool implements [usermgmt.Store].
func (s *Store) SetPool(ctx context.Context, org usermgmt.OrgID, t usermgmt.LicenceType, size int) error {
	return s.write(ctx, step{sql: sqlSetPool, args: []any{key(org), string(t), size}, hot: hotPool(org, t)})
}

// ClaimSeats implements [usermgmt.Store].
func (s *Store) ClaimSeats(ctx context.Context, org usermgmt.OrgID, t usermgmt.LicenceType, n int) error {
	return s.write(ctx, step{
		sql: sqlClaimSeats, args: []any{key(org), string(t), n}, hot: hotPool(org, t), claim: n,
	})
}

func scanPool(r scanner, p *usermgmt.LicencePool) error {
	return r.Scan(toID(&p.Org), &p.Type, &p.Size, &p.Used)
}

// ListPools implements [usermgmt.Store].
func (s *Store) ListPools(ctx context.Context, org usermgmt.OrgID) ([]usermgmt.LicencePool, error) {
	return all(ctx, s, scanPool, sqlPools, key(org))
}
