package usermgmt

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Files keeps the files that jobs make, until they are fetched or out of date.
// The host gives one in [Config.Files]: a bucket, a directory, ….
//
// Names are 1 to 100 characters a-z, 0-9 and "-". No two processes write a file
// of one name.
type Files interface {
	// Create begins a file. What is written exists once Close has returned nil,
	// or earlier. After a failure the file is closed and deleted.
	Create(ctx context.Context, name string) (io.WriteCloser, error)
	// Open reads a file. [ErrNotFound] if there is none.
	Open(ctx context.Context, name string) (io.ReadCloser, error)
	// Delete deletes a file, also one that was not closed. It is no error if
	// there is none.
	Delete(ctx context.Context, name string) error
}

// MaxStoredFile is the size of the largest file without [Config.Files]: it is
// kept in the store, in parts.
const MaxStoredFile = 256 << 20

const filePart = 1 << 20

// storeFiles keeps files as blobs of the store.
type storeFiles struct{ store Store }

func partName(name string, n int) string { return fmt.Sprintf("file/%s/%06d", name, n) }

// Create implements [Files].
func (f storeFiles) Create(ctx context.Context, name string) (io.WriteCloser, error) {
	return &storeWriter{ctx: ctx, f: f, name: name}, nil
}

type storeWriter struct {
	ctx  context.Context //nolint:containedctx // a file is for the call that made it
	f    storeFiles
	name string
	part []byte
	n    int
}

// Write implements [io.Writer].
func (w *storeWriter) Write(p []byte) (int, error) {
	done := 0
	for done < len(p) {
		n := min(len(p)-done, filePart-len(w.part))
		w.part = append(w.part, p[done:done+n]...)
		done += n
		if len(w.part) == filePart {
			if err := w.flush(); err != nil {
				return done, err
			}
		}
	}
	return done, nil
}

func (w *storeWriter) flush() error {
	if (w.n+1)*filePart > MaxStoredFile {
		return &Error{Kind: ErrLimit, Field: "file", Detail: "larger files need Config.Files"}
	}
	if err := w.f.store.PutBlob(w.ctx, partName(w.name, w.n), w.part); err != nil {
		return err
	}
	w.n++
	w.part = w.part[:0]
	return nil
}

// Close implements [io.Closer].
func (w *storeWriter) Close() error {
	if len(w.part) == 0 && w.n > 0 {
		return nil
	}
	if w.part == nil {
		w.part = []byte{} // an empty file is there
	}
	return w.flush()
}

// Open implements [Files].
func (f storeFiles) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	first, err := f.store.Blob(ctx, partName(name, 0))
	if err != nil {
		return nil, err
	}
	return &storeReader{ctx: ctx, f: f, name: name, part: first}, nil
}

type storeReader struct {
	ctx  context.Context //nolint:containedctx // a file is for the call that opened it
	f    storeFiles
	name string
	part []byte
	n    int
}

// Read implements [io.Reader].
func (r *storeReader) Read(p []byte) (int, error) {
	if len(r.part) == 0 {
		next, err := r.f.store.Blob(r.ctx, partName(r.name, r.n+1))
		switch {
		case errors.Is(err, ErrNotFound), err == nil && len(next) == 0:
			return 0, io.EOF
		case err != nil:
			return 0, err
		}
		r.part, r.n = next, r.n+1
	}
	n := copy(p, r.part)
	r.part = r.part[n:]
	return n, nil
}

// Close implements [io.Closer].
func (r *storeReader) Close() error { return nil }

// Delete implements [Files]. It begins with the last part, so that a deletion
// that broke off is found again.
func (f storeFiles) Delete(ctx context.Context, name string) error {
	last := 0
	for ; ; last++ {
		if _, err := f.store.Blob(ctx, partName(name, last)); errors.Is(err, ErrNotFound) {
			break
		} else if err != nil {
			return err
		}
	}
	for last--; last >= 0; last-- {
		if err := f.store.PutBlob(ctx, partName(name, last), nil); err != nil {
			return err
		}
	}
	return nil
}

// files is where the files of jobs are.
func (m *Manager) files() Files {
	if m.cfg.Files != nil {
		return m.cfg.Files
	}
	return storeFiles{m.store}
}

// countingWriter counts what it hands on.
type countingWriter struct {
	to io.Writer
	n  int64
}

// Write implements [io.Writer].
func (w *countingWriter) Write(p []byte) (int, error) {
	n, err := w.to.Write(p)
	w.n += int64(n)
	return n, err
}

// wholeFile reads a file of a known size: that it ends too early is an error.
type wholeFile struct {
	io.ReadCloser
	left int64
}

// Read implements [io.Reader].
func (f *wholeFile) Read(p []byte) (int, error) {
	n, err := f.ReadCloser.Read(p)
	f.left -= int64(n)
	if errors.Is(err, io.EOF) && f.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
