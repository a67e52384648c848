package storetest

import (
	"context"

	"github.com/usermgmt/usermgmt"
)

func fileCases() []testCase {
	return []testCase{
		{"Blob", []string{"PutBlob", "Blob"}, blob},
		{"Checkpoint", []string{"SaveCheckpoint", "CheckpointByID"}, checkpoint},
	}
}

func blob(w *world) {
	got(w.s.Blob(w.ctx, "a")).missing(w)
	data := make([]byte, 1<<17)
	for i := range data {
		data[i] = byte(i * 7)
	}
	argument := clone(data)
	w.do(w.s.PutBlob(w.ctx, "a", argument))
	scribble(argument)
	for range 2 {
		read := got(w.s.Blob(w.ctx, "a"))
		read.is(w, data)
		scribble(read.value)
	}
	w.do(w.s.PutBlob(w.ctx, "A", []byte{0, 1}))
	w.do(w.s.PutBlob(w.ctx, "a", []byte("new")))
	got(w.s.Blob(w.ctx, "a")).is(w, []byte("new"))
	got(w.s.Blob(w.ctx, "A")).is(w, []byte{0, 1})
	w.do(w.s.PutBlob(w.ctx, "a", []byte{})) // empty is not nil
	if b := got(w.s.Blob(w.ctx, "a")).must(w); len(b) != 0 {
		w.Errorf("an empty blob has %d bytes", len(b))
	}
	w.do(w.s.PutBlob(w.ctx, "a", nil))
	got(w.s.Blob(w.ctx, "a")).missing(w)
	w.write(func(ctx context.Context, tx usermgmt.Store) error { return tx.PutBlob(ctx, "a", nil) })
	got(w.s.Blob(w.ctx, "A")).is(w, []byte{0, 1})
}

func checkpoint(w *world) {
	c := usermgmt.Checkpoint{ID: newID[usermgmt.Checkpoint](w), UpdatedAt: at(0)}
	got(w.s.CheckpointByID(w.ctx, c.ID)).missing(w)
	w.do(w.s.SaveCheckpoint(w.ctx, c))
	got(w.s.CheckpointByID(w.ctx, c.ID)).is(w, c)
	// Nothing that it names need exist.
	c.Org, c.Actor = newID[usermgmt.Organization](w), newID[usermgmt.User](w)
	c.Rows, c.Created, c.Updated, c.Failed, c.UpdatedAt = 6, 1, 2, 3, at(1)
	w.do(w.s.SaveCheckpoint(w.ctx, c))
	got(w.s.CheckpointByID(w.ctx, c.ID)).is(w, c)
	c.Rows = 5
	w.do(w.s.SaveCheckpoint(w.ctx, c))
	got(w.s.CheckpointByID(w.ctx, c.ID)).is(w, c)
}
