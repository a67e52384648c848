package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/usermgmt/usermgmt"
)

const (
	sqlUnsealed = `select ` + auditColumns + ` from usermgmt_audit_unsealed u
cross join lateral (select ` + auditRows + ` from usermgmt_audit a where a.audit_id = u.audit_id offset 0) a
where a.fold_key is null or a.last_at < $1::timestamptz order by u.audit_id limit $2::bigint`

	// Entries that fold are closed first, which locks them: another transaction
	// that is adding to one is waited for, and then the count differs.
	sqlCloseFolds = `update usermgmt_audit a set fold_key = null
from unnest($1::uuid[], $2::bigint[]) as e (audit_id, count)
where a.audit_id = e.audit_id and a.count = e.count and a.fold_key is not null`
	sqlSealAudit = `with e as (
	select number, audit_id, at, class, count, core, hash from unnest($2::bigint[], $3::uuid[], $4::timestamptz[], $5::smallint[], $6::bigint[], $7::bytea[], $8::bytea[])
		as e (number, audit_id, at, class, count, core, hash)),
d as (
	delete from usermgmt_audit_unsealed u using e join usermgmt_audit a on a.audit_id = e.audit_id
	where u.audit_id = e.audit_id and a.audit_id = any ($3::uuid[]) and a.count = e.count and a.fold_key is null
	returning u.audit_id),
i as (
	insert into usermgmt_audit_seals (org_id, number, audit_id, at, class, count, core, hash)
	select $1::uuid, e.number, e.audit_id, e.at, e.class, e.count, e.core, e.hash from e
	on conflict (org_id, number) do nothing
	returning 1),
x as (
	select (select count(*) from d) <> (select count(*) from e) or (select count(*) from i) <> (select count(*) from e)
		or coalesce((select max(s.number) from usermgmt_audit_seals s where s.org_id = $1::uuid), 0)
			<> (select min(e.number) from e) - 1 as stale)
select (case when x.stale then '` + guardStale + `' end)::integer from x where x.stale`

	sealColumns = `s.org_id, s.number, s.audit_id, s.at, s.class, s.count, s.core, s.hash`
	sqlLastSeal = `select ` + sealColumns + ` from usermgmt_audit_seals s where s.org_id = $1::uuid order by s.number desc limit 1`
	sqlSeals    = `select ` + sealColumns + ` from usermgmt_audit_seals s
where s.org_id = $1::uuid and s.number > $2::bigint order by s.number limit $3::bigint`
	sqlAuditsByID = `select ` + auditColumns + ` from usermgmt_audit a where a.audit_id = any($1::uuid[])`

	sqlPruneClass  = sqlPruneWhere + `a.class = $1::smallint and a.class <> 1` + sqlPruneThem
	sqlPruneChange = sqlPruneWhere + `a.class = $1::smallint` + sqlPruneThem
	sqlPruneWhere  = `with d as (
	delete from usermgmt_audit where audit_id = any (array(
		select a.audit_id from usermgmt_audit a
		where `
	sqlPruneThem = ` and a.at < $2::timestamptz
			and not exists (select from usermgmt_audit_unsealed u where u.audit_id = a.audit_id)
		order by a.at limit $3::bigint for update skip locked))
	returning org_id)
select org_id, count(*) from d group by org_id`

	sqlEraseAudit = `with d as (
	update usermgmt_audit set detail = null
	where target = $2::text and target <> '' and target_kind = 'user' and detail is not null
	returning 1),
o as (
	update usermgmt_audit a set detail = nullif(` + sqlErased + `, '{}')
	where a.audit_id in (
		select x.audit_id from usermgmt_audit x where x.operator_id = $1::uuid
		union select y.audit_id from usermgmt_audit y where y.subject_id = $1::uuid and y.subject_id is distinct from y.operator_id)
		and not (a.target_kind = 'user' and a.target = $2::text) and a.detail is not null and a.detail <> ` + sqlErased + `
	returning 1)
select (select count(*) from d) + (select count(*) from o)`
	sqlErased = `(a.detail - 'salt' - 'address' - 'user_agent' - 'request_id'
		- (case when a.operator_id = $1::uuid then 'operator' else '' end)
		- (case when a.subject_id = $1::uuid then 'subject' else '' end))`
)

// UnsealedAudit implements [usermgmt.Store].
func (s *Store) UnsealedAudit(ctx context.Context, settled time.Time, limit int) ([]usermgmt.AuditEntry, error) {
	if limit < 1 {
		return nil, limitInvalid()
	}
	return all(ctx, s, scanAudit, sqlUnsealed, moment(settled), limit)
}

// SealAudit implements [usermgmt.Store].
func (s *Store) SealAudit(ctx context.Context, seals ...usermgmt.Seal) error {
	n := len(seals)
	if n == 0 {
		return nil
	}
	number, count, class := make([]int64, n), make([]int64, n), make([]int16, n)
	entry, at := make([]usermgmt.AuditID, n), make([]time.Time, n)
	core, hash := make([][]byte, n), make([][]byte, n)
	for i := range seals {
		x := &seals[i]
		number[i], count[i], class[i], entry[i], at[i] = x.Number, x.Count, int16(x.Class), x.Entry, x.At.UTC().Truncate(time.Microsecond)
		core[i], hash[i] = x.Core[:], x.Hash[:]
		if x.Number != seals[0].Number+int64(i) {
			return &usermgmt.Error{Kind: usermgmt.ErrStale, Field: "seal"}
		}
	}
	return s.write(ctx, step{sql: sqlCloseFolds, args: []any{ids(entry), count}},
		step{sql: sqlSealAudit, args: []any{key(seals[0].Org), number, ids(entry), at, class, count, core, hash}})
}

func scanSeal(r scanner, x *usermgmt.Seal) error {
	var class int16
	err := r.Scan(toID(&x.Org), &x.Number, toID(&x.Entry), toTime(&x.At), &class, &x.Count, toHash(&x.Core), toHash(&x.Hash))
	x.Class = usermgmt.AuditClass(class)
	return err
}

// LastSeal implements [usermgmt.Store].
func (s *Store) LastSeal(ctx context.Context, org usermgmt.OrgID) (usermgmt.Seal, error) {
	return one(ctx, s, scanSeal, sqlLastSeal, key(org))
}

// ListSealed implements [usermgmt.Store].
func (s *Store) ListSealed(ctx context.Context, org usermgmt.OrgID, after int64, limit int) ([]usermgmt.SealedEntry, error) {
	if limit < 1 {
		return nil, limitInvalid()
	}
	seals, err := all(ctx, s, scanSeal, sqlSeals, key(org), after, limit)
	if err != nil {
		return nil, err
	}
	wanted := make([]usermgmt.AuditID, len(seals))
	for i := range seals {
		wanted[i] = seals[i].Entry
	}
	entries, err := all(ctx, s, scanAudit, sqlAuditsByID, ids(wanted))
	if err != nil {
		return nil, err
	}
	byID := make(map[usermgmt.AuditID]*usermgmt.AuditEntry, len(entries))
	for i := range entries {
		byID[entries[i].ID] = &entries[i]
	}
	var out []usermgmt.SealedEntry
	for i := range seals {
		x := usermgmt.SealedEntry{Seal: seals[i]}
		if e := byID[seals[i].Entry]; e != nil {
			x.Entry = *e
		}
		out = append(out, x)
	}
	return slices.Clip(out), nil
}

// PruneAudit implements [usermgmt.Store].
func (s *Store) PruneAudit(ctx context.Context, class usermgmt.AuditClass, t time.Time, limit int) (map[usermgmt.OrgID]int, error) {
	if limit < 1 {
		return nil, limitInvalid()
	}
	text := sqlPruneClass
	if class == usermgmt.AuditChange {
		text = sqlPruneChange
	}
	out := map[usermgmt.OrgID]int{}
	err := s.change(ctx, func(r scanner) error {
		var org usermgmt.OrgID
		var n int
		err := r.Scan(toID(&org), &n)
		out[org] = n
		return err
	}, text, int16(class), until(t), limit)
	if err != nil {
		return nil, err
	}
	return out, nil
}

// EraseAudit implements [usermgmt.Store].
func (s *Store) EraseAudit(ctx context.Context, user usermgmt.UserID) (n int, err error) {
	err = s.change(ctx, func(r scanner) error { return r.Scan(&n) }, sqlEraseAudit, key(user), user.String())
	return n, err
}
