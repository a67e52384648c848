package postgres

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/usermgmt/usermgmt"
)

// A search looks for grams: hashes of the parts of three characters of a key's
// lines, and of a line feed with the first one or two characters of each. Grams
// only narrow a search down. What is found is looked at itself, so it does not
// matter that some texts have equal hashes.

// maxTermGrams is how many grams a search asks for: more find hardly less.
const maxTermGrams = 8

// storable reports whether s can be a text in Postgres.
func storable(s string) bool {
	return strings.IndexByte(s, 0) < 0 && utf8.ValidString(s)
}

// gram is the 32 bit FNV-1a hash of s, after a line feed if begins is set.
func gram(begins bool, s string) int32 {
	const offset, prime = 2166136261, 16777619
	h := uint32(offset)
	if begins {
		h = (h ^ '\n') * prime
	}
	for i := range len(s) {
		h = (h ^ uint32(s[i])) * prime
	}
	return int32(h) //nolint:gosec // all bits count
}

// appendGrams appends the grams of a line, or of what a search says of one.
// begins tells whether the line begins there.
func appendGrams(out []int32, line string, begins bool) []int32 {
	var from [3]int // where the last three characters begin
	n := 0
	for i := 0; i < len(line); {
		_, size := utf8.DecodeRuneInString(line[i:])
		from[0], from[1], from[2] = from[1], from[2], i
		i += size
		n++
		if begins && n <= 2 {
			out = append(out, gram(true, line[:i]))
		}
		if n >= 3 {
			out = append(out, gram(false, line[from[0]:i]))
		}
	}
	return out
}

// gramsOfKey returns the grams of a search key, sorted, each once.
func gramsOfKey(key string) []int32 {
	out := make([]int32, 0, len(key)+2)
	for line := range strings.SplitSeq(key, "\n") {
		out = appendGrams(out, line, true)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// gramsIn makes the grams of an organization's own search keys of ordinary ones.
// They stay sorted only by chance.
func gramsIn(org usermgmt.OrgID, grams []int32) []int32 {
	const prime = 16777619
	out := make([]int32, len(grams))
	for i, g := range grams {
		h := uint32(g) //nolint:gosec // all bits count
		for _, b := range org {
			h = (h ^ uint32(b)) * prime
		}
		out[i] = int32(h) //nolint:gosec // all bits count
	}
	return out
}

// isShort reports whether a search is for beginnings of lines only.
func isShort(term string) bool { return utf8.RuneCountInString(term) < 3 }

// gramsOfTerm returns grams that every key has in which the term is found, a
// few of them if there are many. There may be none.
func gramsOfTerm(term string) []int32 {
	if isShort(term) {
		return []int32{gram(true, term)}
	}
	var out []int32
	inside := false
	for line := range strings.SplitSeq(term, "\n") {
		out = appendGrams(out, line, inside)
		inside = true
	}
	if n := len(out); n > maxTermGrams {
		for i := range maxTermGrams {
			out[i] = out[i*(n-1)/(maxTermGrams-1)]
		}
		out = out[:maxTermGrams]
	}
	return out
}
