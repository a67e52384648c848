package storetest

import (
	"strconv"
	"strings"

	"github.com/usermgmt/usermgmt"
)

// everything is a limit that no list of the suite reaches.
const everything = usermgmt.MaxPageSize

// list is how a list is read and what its rows are called.
type list[T any] struct {
	page func(after usermgmt.Position, limit int) ([]T, error)
	// name is what the suite calls the row, position where the page after it begins.
	name     func(row T) string
	position func(row T) usermgmt.Position
}

// check reads the list whole and in pages of several sizes and compares the
// names of its rows.
func (l list[T]) check(w *world, what string, want ...string) {
	w.Helper()
	for _, limit := range []int{everything, 1, 2, 3, len(want), len(want) + 1} {
		if limit > 0 {
			l.checkPages(w, what+", limit "+strconv.Itoa(limit), limit, want)
		}
	}
}

func (l list[T]) checkPages(w *world, what string, limit int, want []string) {
	w.Helper()
	var names []string
	var after usermgmt.Position
	for len(names) <= len(want) {
		page, err := l.page(after, limit)
		if err != nil {
			w.Errorf("%s: page after %d rows failed: %v", what, len(names), err)
			return
		}
		if len(page) > limit {
			w.Errorf("%s: a page of %d rows", what, len(page))
			return
		}
		for _, row := range page {
			names = append(names, l.name(row))
			after = l.position(row)
		}
		if len(page) < limit {
			break
		}
	}
	if strings.Join(names, "\x00") != strings.Join(want, "\x00") {
		w.Errorf("%s: rows %q, want %q", what, names, want)
	}
}

// byteOrder holds keys that linguistic orders, case folding and numbers put
// elsewhere, in the order of their bytes.
var byteOrder = []string{
	"!", "10", "9", "B", "Z", "_", "a", "a b", "a-b", "ab", "a\u0301", "b", "ss", "z",
	"\u00df", "\u00e9", "\u0131", "\U0001f600",
}

// shuffled returns the items in another, fixed order.
func shuffled[T any](items []T) []T {
	var out []T
	for _, start := range []int{2, 0, 1} {
		for i := start; i < len(items); i += 3 {
			out = append(out, items[i])
		}
	}
	return out
}
