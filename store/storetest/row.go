package storetest

import (
	"context"
	"reflect"
	"slices"
	"strings"

	"github.com/usermgmt/usermgmt"
)

// row is how the records of one kind are saved and read.
type row[T any] struct {
	save func(s usermgmt.Store, ctx context.Context, v T) error
	// read finds the row with v's key.
	read func(s usermgmt.Store, ctx context.Context, v T) (T, error)
}

func withVersion[T any](v T, version int64) T {
	reflect.ValueOf(&v).Elem().FieldByName("Version").SetInt(version)
	return v
}

// clone returns a copy of v that shares nothing with it.
func clone[T any](v T) T {
	return cloneValue(reflect.ValueOf(v)).Interface().(T)
}

func cloneValue(v reflect.Value) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	out.Set(v)
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			p := reflect.New(v.Type().Elem())
			p.Elem().Set(cloneValue(v.Elem()))
			out.Set(p)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				out.Field(i).Set(cloneValue(v.Field(i)))
			}
		}
	case reflect.Slice:
		if !v.IsNil() {
			out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
			for i := range v.Len() {
				out.Index(i).Set(cloneValue(v.Index(i)))
			}
		}
	case reflect.Map:
		if !v.IsNil() {
			out.Set(reflect.MakeMap(v.Type()))
			for _, key := range v.MapKeys() {
				out.SetMapIndex(key, v.MapIndex(key))
			}
		}
	}
	return out
}

// checkSave takes one record through what every Save method promises: first
// is inserted, second (the same key, every other field different) replaces it.
func checkSave[T any](w *world, r row[T], first, second T) {
	w.Helper()
	ctx, s := w.ctx, w.s
	save := func(v T, version int64) func(context.Context, usermgmt.Store) error {
		return func(ctx context.Context, tx usermgmt.Store) error {
			return r.save(tx, ctx, withVersion(clone(v), version))
		}
	}
	got(r.read(s, ctx, first)).missing(w)
	w.refuse("replacing what is not there", isMissing, save(first, 1))

	argument := clone(first)
	w.do(r.save(s, ctx, argument))
	scribble(argument)
	stored := withVersion(clone(first), 1)
	got(r.read(s, ctx, first)).is(w, stored)

	read := got(r.read(s, ctx, first)).must(w)
	scribble(read)
	got(r.read(s, ctx, first)).is(w, stored)

	w.refuse("inserting it again", isDuplicate, save(second, 0))
	w.refuse("replacing a later version", isStale, save(second, 2))
	got(r.read(s, ctx, first)).is(w, stored)

	w.write(save(second, 1))
	stored = withVersion(clone(second), 2)
	got(r.read(s, ctx, second)).is(w, stored)
	w.refuse("replacing an earlier version", isStale, save(first, 1))
	got(r.read(s, ctx, second)).is(w, stored)

	w.write(func(ctx context.Context, tx usermgmt.Store) error {
		if err := save(first, 2)(ctx, tx); err != nil {
			return err
		}
		return save(second, 3)(ctx, tx)
	})
	stored = withVersion(clone(second), 4)
	got(r.read(s, ctx, second)).is(w, stored)

	argument = withVersion(clone(second), 4)
	w.do(r.save(s, ctx, argument))
	scribble(argument)
	stored = withVersion(stored, 5)
	for range 2 {
		read = got(r.read(s, ctx, second)).must(w)
		equal(w, "what was read", stored, read)
		scribble(read)
	}
}

// sameSet compares rows whose order is not promised, each once.
func sameSet[T any](w *world, what string, want, got []T) {
	w.Helper()
	sorted := func(rows []T) []string {
		var out []string
		for _, r := range rows {
			out = append(out, strings.Join(describe(r), "\n   "))
		}
		slices.Sort(out)
		return out
	}
	if d := differentLines(sorted(want), sorted(got)); d != "" {
		w.Errorf("%s differs (- want, + got; %d rows, want %d):\n%s", what, len(got), len(want), d)
	}
}
