// Package intercept puts a function of the host's around every call of a
// [usermgmt.Store]: to trace or to count calls, to measure them, or to make them
// fail in a test.
//
//	store = intercept.Store(store, func(ctx context.Context, method string, call func(context.Context) error) error {
//		ctx, span := tracer.Start(ctx, method)
//		defer span.End()
//		err := call(ctx)
//		span.RecordError(err)
//		return err
//	})
//
// A store that changes what single methods do needs no more than to embed
// another one and to override them, Tx among them.
package intercept

import (
	"context"
	"iter"

	"github.com/usermgmt/usermgmt"
)

//go:generate go run ../../internal/interceptgen

// Around is called in place of a method of a store, with the method's name. It
// makes the call by calling call, with ctx or one derived from it, before it
// returns and in its own goroutine.
//
// What it returns is what the caller gets. With an error the other results are
// zero, whatever the store returned; so the caller of a write may be told that
// it failed although it did not. Without an error they are those of the last
// call of call, or zero if there was none; so a write may be lost.
//
// It is called by as many goroutines at once as the store is.
type Around func(ctx context.Context, method string, call func(ctx context.Context) error) error

// Store returns a store that makes every call through around and is otherwise as
// s is: bound to a transaction, or safe for concurrent use, if s is.
//
// Tx is such a call, from the beginning of the transaction to its end; so is each
// call of the store that its function is given, at any depth.
//
// A method that returns a sequence is a call each time that somebody ranges over
// the sequence, from the first element to the last one that is asked for, and none
// before. Its error is the one that the sequence yields; around sees it before
// the caller does.
//
// The store has the methods of [usermgmt.Store] and no others: nothing else is
// ever asked of one.
func Store(s usermgmt.Store, around Around) usermgmt.Store {
	return intercepted{s, around}
}

type intercepted struct {
	within usermgmt.Store
	around Around
}

func (store intercepted) Tx(ctx context.Context, fn func(ctx context.Context, tx usermgmt.Store) error) error {
	return store.around(ctx, "Tx", func(ctx context.Context) error {
		return store.within.Tx(ctx, func(ctx context.Context, tx usermgmt.Store) error {
			return fn(ctx, intercepted{tx, store.around})
		})
	})
}

// one calls a method that returns one value.
func one[A any](ctx context.Context, s intercepted, method string, call func(context.Context) (A, error)) (A, error) {
	var a A
	err := s.around(ctx, method, func(ctx context.Context) (err error) {
		a, err = call(ctx)
		return err
	})
	if err != nil {
		a = *new(A)
	}
	return a, err
}

// two calls a method that returns two values.
func two[A, B any](ctx context.Context, s intercepted, method string, call func(context.Context) (A, B, error)) (A, B, error) {
	var a A
	var b B
	err := s.around(ctx, method, func(ctx context.Context) (err error) {
		a, b, err = call(ctx)
		return err
	})
	if err != nil {
		a, b = *new(A), *new(B)
	}
	return a, b, err
}

// stream calls a method that returns a sequence, whose error is its last element.
func stream[A any](ctx context.Context, s intercepted, method string, call func(context.Context) iter.Seq2[A, error]) iter.Seq2[A, error] {
	return func(yield func(A, error) bool) {
		left := false // the caller's loop
		err := s.around(ctx, method, func(ctx context.Context) error {
			if left {
				return nil
			}
			for a, err := range call(ctx) {
				if err != nil {
					return err
				}
				if !yield(a, nil) {
					left = true
					return nil
				}
			}
			return nil
		})
		if err != nil && !left {
			yield(*new(A), err)
		}
	}
}
