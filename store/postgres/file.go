package postgres

import (
	"context"

	"github.com/usermgmt/usermgmt"
)

const (
	sqlPutBlob = `insert into usermgmt_blobs (key, data) values ($1::text, $2::bytea)
on conflict (key) do update set data = excluded.data`
	sqlDeleteBlob = `delete from usermgmt_blobs where key = $1::text`
	sqlBlob       = `select b.data from usermgmt_blobs b where b.key = $1::text`

	checkpointColumns = `c.import_id, c.org_id, c.actor, c.row_count, c.created, c.updated, c.failed, c.updated_at`

	sqlPutCheckpoint = `insert into usermgmt_checkpoints (import_id, org_id, actor, row_count, created, updated, failed, updated_at)
values ($1::uuid, $2::uuid, $3::uuid, $4::bigint, $5::bigint, $6::bigint, $7::bigint, $8::timestamptz)
on conflict (import_id) do update set org_id = excluded.org_id, actor = excluded.actor, row_count = excluded.row_count,
	created = excluded.created, updated = excluded.updated, failed = excluded.failed, updated_at = excluded.updated_at`
	sqlCheckpoint = `select ` + checkpointColumns + ` from usermgmt_checkpoints c where c.import_id = $1::uuid`
)

// PutBlob implements [usermgmt.Store].
func (s *Store) PutBlob(ctx context.Context, key string, data []byte) error {
	if data == nil {
		return s.write(ctx, step{sql: sqlDeleteBlob, args: []any{key}})
	}
	return s.write(ctx, step{sql: sqlPutBlob, args: []any{key, data}})
}

// Blob implements [usermgmt.Store].
func (s *Store) Blob(ctx context.Context, key string) ([]byte, error) {
	return one(ctx, s, func(r scanner, data *[]byte) error { return r.Scan(data) }, sqlBlob, key)
}

// SaveCheckpoint implements [usermgmt.Store].
func (s *Store) SaveCheckpoint(ctx context.Context, c usermgmt.Checkpoint) error {
	return s.write(ctx, step{sql: sqlPutCheckpoint, args: []any{
		key(c.ID), id(c.Org), id(c.Actor), c.Rows, c.Created, c.Updated, c.Failed, moment(c.UpdatedAt),
	}})
}

func scanCheckpoint(r scanner, c *usermgmt.Checkpoint) error {
	return r.Scan(toID(&c.ID), toID(&c.Org), toID(&c.Actor), &c.Rows, &c.Created, &c.Updated, &c.Failed, toTime(&c.UpdatedAt))
}

// CheckpointByID implements [usermgmt.Store].
func (s *Store) CheckpointByID(ctx context.Context, c usermgmt.ImportID) (usermgmt.Checkpoint, error) {
	return one(ctx, s, scanCheckpoint, sqlCheckpoint, key(c))
}
