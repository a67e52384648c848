package postgres

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"iter"

	"github.com/usermgmt/usermgmt"
)

const (
	// settingsDigest is what a digest holds of settings.
	settingsDigest = `substring(sha256(convert_to(settings::text, 'UTF8')) for 16)`

	// Only what is as it was compared. That it is not changed at this moment, or was
	// before a host's transaction saw it, sqlImportDigests finds out.
	sqlPutImportDigests = `insert into usermgmt_import_digests (org_id, user_id, user_version, rights, digest, settings, named)
select $1::uuid, x.user_id, x.version, x.rights, x.digest, (select ` + settingsDigest + ` from (select x.settings) y), x.named
from unnest($2::uuid[], $3::bigint[], $4::bigint[], $5::bytea[], $6::jsonb[], $7::bytea[])
	x (user_id, version, rights, digest, settings, named)
join usermgmt_users u on u.user_id = x.user_id and u.version = x.version
join usermgmt_memberships m on m.org_id = $1::uuid and m.user_id = x.user_id and m.rights = x.rights
	and m.settings is not distinct from x.settings
order by x.user_id
on conflict (org_id, user_id) do update set user_version = excluded.user_version, rights = excluded.rights,
	digest = excluded.digest, settings = excluded.settings, named = excluded.named`

	// Whoever puts digests holds the lock with others, until the end of the
	// transaction; whoever erases a user holds it alone. So what was put is seen when
	// digests are erased, and what is put afterwards no longer holds.
	sqlPutting = `select pg_advisory_xact_lock_shared(` + digestLock + `)`
	sqlErasing = `select pg_advisory_xact_lock(` + digestLock + `)`
	// The first eight bytes of the SHA-256 of "usermgmt import digests".
	digestLock = `-2869371195593249560`

	// A user or a membership of whom there is no row has not changed since it was
	// made. One statement sees the digest and the change, whoever was first. Nearly
	// all digests hold, which the planner does not believe of so many conditions; so
	// they come last. One value of bytes is what the driver reads with least work.
	sqlImportDigests = `select uuid_send(x.user_id) || int8send(x.user_version) || x.digest || coalesce(x.named, '')
from (select d.user_id, d.user_version, d.digest, d.named, d.rights, d.settings, u.user_id as u_id, u.version as u_version, m.user_id as m_id, m.version as m_version, m.settings as m_settings
	from usermgmt_import_digests d
	left join usermgmt_import_changes u on u.org_id = '` + zeroUUID + `' and u.user_id = d.user_id
	left join usermgmt_import_changes m on m.org_id = $1::uuid and m.user_id = d.user_id
	where d.org_id = $1::uuid offset 0) x
where (x.u_id is null or x.u_version = x.user_version)
and (x.m_id is null or x.m_version = x.rights and x.m_settings is not distinct from x.settings)`

	// What notes changes stands behind "with …" that names the users, or memberships,
	// that were changed. The row of a user or membership, which was locked before it,
	// keeps those apart who would write the same row.
	sqlNoteUserChange = `insert into usermgmt_import_changes (org_id, user_id, version)
	select '` + zeroUUID + `', user_id, version from u
	on conflict (org_id, user_id) do update set version = excluded.version`
	sqlNoteMemberChange = `insert into usermgmt_import_changes (org_id, user_id, version, settings)
	select org_id, user_id, rights, ` + settingsDigest + ` from m
	on conflict (org_id, user_id) do update set version = excluded.version, settings = excluded.settings`
	sqlNoteMemberEnd = `insert into usermgmt_import_changes (org_id, user_id)
	select $2::uuid, $1::uuid from m
	on conflict (org_id, user_id) do update set version = null, settings = null`
	// A membership that is made after another has ended.
	sqlNoteMember = `update usermgmt_import_changes c set version = m.rights, settings = (select ` + settingsDigest + ` from (select m.settings) y)
	from m where c.org_id = m.org_id and c.user_id = m.user_id`
)

// PutImportDigests implements [usermgmt.Store].
func (s *Store) PutImportDigests(ctx context.Context, org usermgmt.OrgID, digests []usermgmt.ImportDigest) error {
	n := len(digests)
	if n == 0 {
		return s.ready(ctx)
	}
	users, digest := make([]usermgmt.UserID, n), make([]string, n)
	versions, rights := make([]int64, n), make([]int64, n)
	named, set := make([]*string, n), make([]*string, n)
	for i := range digests {
		d := &digests[i]
		users[i], versions[i], rights[i] = d.User, d.Version, d.Rights
		digest[i] = `\x` + hex.EncodeToString(d.Digest[:])
		if len(d.Named) > 0 {
			text := `\x` + hex.EncodeToString(namedBytes(d.Named))
			named[i] = &text
		}
		if len(d.Settings) > 0 {
			text := settingDocs(d.Settings)
			set[i] = &text
		}
	}
	return s.write(ctx, step{sql: sqlPutting}, step{sql: sqlPutImportDigests, args: []any{id(org), ids(users), versions, rights, digest, set, named}})
}

// namedVersion is the length of a user's identifier and version.
const namedVersion = 24

func namedBytes(list []usermgmt.NamedVersion) []byte {
	out := make([]byte, 0, namedVersion*len(list))
	for _, n := range list {
		out = binary.BigEndian.AppendUint64(append(out, n.User[:]...), uint64(n.Version)) //nolint:gosec // comes back the same
	}
	return out
}

// digestDest reads digests: the user, the version in eight bytes, the highest first,
// the digest, and whom the row names.
type digestDest struct {
	d     usermgmt.ImportDigest
	named []usermgmt.NamedVersion // to be given out
}

// ScanBytes implements [pgtype.BytesScanner].
func (x *digestDest) ScanBytes(v []byte) error {
	const fixed = namedVersion + len(x.d.Digest)
	if len(v) < fixed || (len(v)-fixed)%namedVersion != 0 {
		return fmt.Errorf("postgres: a digest has %d bytes", len(v))
	}
	first := namedFrom(v)
	x.d = usermgmt.ImportDigest{User: first.User, Version: first.Version, Digest: [16]byte(v[namedVersion:])}
	v = v[fixed:]
	n := len(v) / namedVersion
	if n == 0 {
		return nil
	}
	if n > len(x.named) {
		x.named = make([]usermgmt.NamedVersion, max(n, 256))
	}
	x.d.Named, x.named = x.named[:n:n], x.named[n:]
	for i := range x.d.Named {
		x.d.Named[i] = namedFrom(v[i*namedVersion:])
	}
	return nil
}

// Scan implements [sql.Scanner].
func (x *digestDest) Scan(src any) error {
	v, _ := src.([]byte)
	return x.ScanBytes(v)
}

func namedFrom(v []byte) usermgmt.NamedVersion {
	return usermgmt.NamedVersion{User: usermgmt.UserID(v[:16]), Version: int64(binary.BigEndian.Uint64(v[16:namedVersion]))} //nolint:gosec // was one
}

// ImportDigests implements [usermgmt.Store]. One statement reads everything, row by
// row as the loop asks for them, as StreamMembers does.
func (s *Store) ImportDigests(ctx context.Context, org usermgmt.OrgID) iter.Seq2[usermgmt.ImportDigest, error] {
	return func(yield func(usermgmt.ImportDigest, error) bool) {
		var x digestDest
		err := s.streamRows(ctx, []any{&x}, func() bool { return yield(x.d, nil) }, sqlImportDigests, id(org))
		if err != nil {
			yield(usermgmt.ImportDigest{}, err)
		}
	}
}
