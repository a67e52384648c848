package postgres

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt"
)

const (
	poolColumns = `p.org_id, p.type, p.size, p.overdraft, p.floating, p.used`

	sqlSetPool = `insert into usermgmt_pools (org_id, type, size, overdraft, floating, used)
values ($1::uuid, $2::text, $3::bigint, $4::bigint, $5::boolean, 0)
on conflict (org_id, type) do update set size = excluded.size, overdraft = excluded.overdraft, floating = excluded.floating`

	// Seats that are given back never fail, and a pool that was never set has
	// no limit, so only the update has a condition.
	sqlClaimSeats = `with u as (
	insert into usermgmt_pools as p (org_id, type, size, overdraft, floating, used)
	values ($1::uuid, $2::text, -1, 0, false, greatest($3::bigint, 0))
	on conflict (org_id, type) do update set used = greatest(p.used + $3::bigint, 0)
	where $3::bigint <= 0 or p.floating or p.size < 0 or p.overdraft < 0 or p.used + $3::bigint <= p.size + p.overdraft
	returning 1)
select (case when (select count(*) from u) = 0 then '` + guardLimit + `' end)::integer
where not exists (select from u)`

	sqlPools = `select ` + poolColumns + ` from usermgmt_pools p where p.org_id = $1::uuid order by p.type`

	// Which sessions k hold seats at a time. idle is in nanoseconds.
	holdsSeat = `k.ended_at is null and k.licence <> '' and k.expires_at > $3::timestamptz
	and (k.parked or k.seen_at + k.idle / 1000 * interval '1 microsecond' > $3::timestamptz)`

	// A statement sees what was committed when it began: the lock must be held
	// before the seats are counted.
	sqlLockFloating = `select p.size from usermgmt_pools p where p.org_id = $1::uuid and p.type = $2::text and p.floating for update`
	sqlTakeSeat     = `select (case when p.floating then '` + guardLimit + `' end)::integer
from usermgmt_pools p
where p.org_id = $1::uuid and p.type = $2::text and p.floating and p.size >= 0 and p.overdraft >= 0
	and not exists (select from usermgmt_sessions k
		where k.org_id = $1::uuid and k.licence = $2::text and k.user_id = $4::uuid and ` + holdsSeat + `)
	and p.size + p.overdraft <= (select count(distinct k.user_id) from usermgmt_sessions k
		where k.org_id = $1::uuid and k.licence = $2::text and ` + holdsSeat + `)`

	sqlFloatingSeats = `select k.licence, count(distinct k.user_id)
from usermgmt_pools p join usermgmt_sessions k on k.org_id = p.org_id and k.licence = p.type
where p.org_id = $1::uuid and p.floating and k.org_id = $2::uuid and ` + holdsSeat + `
group by k.licence`
)

// hotPool places a step that changes a pool.
func hotPool(org usermgmt.OrgID, t usermgmt.LicenceType) string {
	return "pools " + org.String() + " " + string(t)
}

// SetPool implements [usermgmt.Store].
func (s *Store) SetPool(ctx context.Context, org usermgmt.OrgID, t usermgmt.LicenceType, terms usermgmt.PoolTerms) error {
	return s.write(ctx, step{
		sql: sqlSetPool, args: []any{key(org), string(t), terms.Size, terms.Overdraft, terms.Floating}, hot: hotPool(org, t),
	})
}

// ClaimSeats implements [usermgmt.Store].
func (s *Store) ClaimSeats(ctx context.Context, org usermgmt.OrgID, t usermgmt.LicenceType, n int) error {
	return s.write(ctx, step{
		sql: sqlClaimSeats, args: []any{key(org), string(t), n}, hot: hotPool(org, t), claim: n,
	})
}

func scanPool(r scanner, p *usermgmt.LicencePool) error {
	return r.Scan(toID(&p.Org), &p.Type, &p.Size, &p.Overdraft, &p.Floating, &p.Used)
}

// ListPools implements [usermgmt.Store].
func (s *Store) ListPools(ctx context.Context, org usermgmt.OrgID) ([]usermgmt.LicencePool, error) {
	return all(ctx, s, scanPool, sqlPools, key(org))
}

// takeSeat are the steps of a session that needs a seat if its pool floats.
func takeSeat(in *usermgmt.Session) []step {
	hot := hotPool(in.Org, in.Licence)
	return []step{
		{sql: sqlLockFloating, args: []any{key(in.Org), string(in.Licence)}, hot: hot},
		{sql: sqlTakeSeat, args: []any{key(in.Org), string(in.Licence), moment(in.CreatedAt), key(in.User)}, hot: hot},
	}
}

// FloatingSeats implements [usermgmt.Store].
func (s *Store) FloatingSeats(
	ctx context.Context, org usermgmt.OrgID, at time.Time,
) (map[usermgmt.LicenceType]int, error) {
	out := make(map[usermgmt.LicenceType]int)
	err := s.each(ctx, func(r scanner) error {
		var t string
		var n int
		err := r.Scan(&t, &n)
		out[usermgmt.LicenceType(t)] = n
		return err
	}, sqlFloatingSeats, key(org), key(org), moment(at))
	if err != nil {
		return nil, err
	}
	return out, nil
}
