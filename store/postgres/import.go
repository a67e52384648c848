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
	sqlPutImportDigests = `insert into usermgmt_import_digests (org_id, user_id, user_version, rights, digest, named, settings)
select $1::uuid, x.user_id, x.version, x.rights, x.digest, x.named, x.settings
from unnest($2::uuid[], $3::bigint[], $4::bigint[], $5::bytea[], $6::bytea[], $7::jsonb[])
	x (user_id, version, rights, digest, named, settings)
order by x.user_id
on conflict (org_id, user_id) do update set user_version = excluded.user_version, rights = excluded.rights,
	digest = excluded.digest, named = excluded.named, settings = excluded.settings`

	// Nearly all of them hold, which the planner does not believe of so many
	// conditions; so they come last.
	sqlImportDigests = `select x.user_id, x.user_version, x.digest, x.named
from (select d.user_id, d.user_version, d.digest, d.named, d.rights, d.settings, m.rights as rights_now, m.settings as settings_now, u.version as version_now
	from usermgmt_import_digests d
	join usermgmt_memberships m on m.org_id = $1::uuid and m.user_id = d.user_id
	join usermgmt_users u on u.user_id = d.user_id
	where d.org_id = $1::uuid offset 0) x
where x.version_now = x.user_version and x.rights_now = x.rights and x.settings_now is not distinct from x.settings`
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
	return s.write(ctx, step{sql: sqlPutImportDigests, args: []any{id(org), ids(users), versions, rights, digest, named, set}})
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

// digestDest reads a digest.
type digestDest [16]byte

// ScanBytes implements [pgtype.BytesScanner].
func (d *digestDest) ScanBytes(v []byte) error {
	if len(v) != len(d) {
		return fmt.Errorf("postgres: a digest has %d bytes", len(v))
	}
	copy(d[:], v)
	return nil
}

// Scan implements [sql.Scanner].
func (d *digestDest) Scan(src any) error {
	v, _ := src.([]byte)
	return d.ScanBytes(v)
}

// namedDest reads users with their versions.
type namedDest []usermgmt.NamedVersion

// ScanBytes implements [pgtype.BytesScanner].
func (d *namedDest) ScanBytes(v []byte) error {
	*d = nil
	if len(v)%namedVersion != 0 {
		return fmt.Errorf("postgres: users with versions have %d bytes", len(v))
	}
	for ; len(v) > 0; v = v[namedVersion:] {
		*d = append(*d, usermgmt.NamedVersion{
			User: usermgmt.UserID(v[:16]), Version: int64(binary.BigEndian.Uint64(v[16:])), //nolint:gosec // was one
		})
	}
	return nil
}

// Scan implements [sql.Scanner].
func (d *namedDest) Scan(src any) error {
	v, _ := src.([]byte)
	return d.ScanBytes(v)
}

// ImportDigests implements [usermgmt.Store]. One statement reads everything, row by
// row as the loop asks for them, as StreamMembers does.
func (s *Store) ImportDigests(ctx context.Context, org usermgmt.OrgID) iter.Seq2[usermgmt.ImportDigest, error] {
	return func(yield func(usermgmt.ImportDigest, error) bool) {
		var d usermgmt.ImportDigest
		dests := []any{toID(&d.User), &d.Version, (*digestDest)(&d.Digest), (*namedDest)(&d.Named)}
		err := s.streamRows(ctx, dests, func() bool { return yield(d, nil) }, sqlImportDigests, id(org))
		if err != nil {
			yield(usermgmt.ImportDigest{}, err)
		}
	}
}
