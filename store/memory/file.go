package memory

import (
	"context"
	"slices"

	"github.com/usermgmt/usermgmt"
)

type blob struct {
	key  string
	data []byte
}

func (s *Store) blob(v *version, key string) *blob {
	return v.others.blobs.Get(s.text(key), func(b *blob) bool { return b.key == key })
}

// PutBlob implements [usermgmt.Store].
func (s *Store) PutBlob(ctx context.Context, key string, data []byte) error {
	return s.write(ctx, func(w *writer) error {
		old := s.blob(w.v, key)
		if data != nil {
			put(&w.others().blobs, w.own, old, &blob{key, slices.Clone(data)})
		} else if old != nil {
			w.others().blobs.Delete(w.own, old)
		}
		return nil
	})
}

// Blob implements [usermgmt.Store].
func (s *Store) Blob(ctx context.Context, key string) ([]byte, error) {
	v, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	b := s.blob(v, key)
	if b == nil {
		return nil, usermgmt.ErrNotFound
	}
	return slices.Clone(b.data), nil
}

func (v *version) checkpoint(id usermgmt.ImportID) *usermgmt.Checkpoint {
	return find(&v.others.checkpoints, id, func(c *usermgmt.Checkpoint) usermgmt.ImportID { return c.ID })
}

// SaveCheckpoint implements [usermgmt.Store].
func (s *Store) SaveCheckpoint(ctx context.Context, c usermgmt.Checkpoint) error {
	return s.write(ctx, func(w *writer) error {
		c.UpdatedAt = utc(c.UpdatedAt)
		put(&w.others().checkpoints, w.own, w.v.checkpoint(c.ID), &c)
		return nil
	})
}

// CheckpointByID implements [usermgmt.Store].
func (s *Store) CheckpointByID(ctx context.Context, id usermgmt.ImportID) (usermgmt.Checkpoint, error) {
	v, err := s.read(ctx)
	if err != nil {
		return usermgmt.Checkpoint{}, err
	}
	c := v.checkpoint(id)
	if c == nil {
		return usermgmt.Checkpoint{}, usermgmt.ErrNotFound
	}
	return *c, nil
}
