package memory

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"
	"time"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/pmap"
)

func mix(h uint64) uint64 {
	h ^= h >> 32
	h *= 0xd6e8feb86659fd93
	h ^= h >> 32
	h *= 0xd6e8feb86659fd93
	return h ^ h>>32
}

func hashPair(a, b uint64) uint64 { return mix(a*0x9e3779b97f4a7c15 + b) }

func hashID[E any](id usermgmt.ID[E]) uint64 {
	return hashPair(binary.LittleEndian.Uint64(id[:8]), binary.LittleEndian.Uint64(id[8:]))
}

func hashToken(h *[32]byte) uint64 {
	return hashPair(binary.LittleEndian.Uint64(h[:8]), binary.LittleEndian.Uint64(h[24:]))
}

func compareIDs[E any](a, b usermgmt.ID[E]) int { return bytes.Compare(a[:], b[:]) }

// find returns the row with the identifier, nil if there is none.
func find[T, E any](m *pmap.Map[T], id usermgmt.ID[E], of func(*T) usermgmt.ID[E]) *T {
	return m.Get(hashID(id), func(r *T) bool { return of(r) == id })
}

// utc brings a time to the precision of the contract.
func utc(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// micros is a time in microseconds.
type micros int64

// never is the zero time.
const never = micros(-62135596800000000)

func microsOf(t time.Time) micros { return micros(t.UnixMicro()) }

func (m micros) time() time.Time {
	if m == never {
		return time.Time{}
	}
	return time.UnixMicro(int64(m)).UTC()
}

func fromMicro(n int64) time.Time { return time.UnixMicro(n).UTC() }

// The errors of the contract.

func taken(field string) error {
	return &usermgmt.Error{Kind: usermgmt.ErrConflict, Field: field, Rule: "taken"}
}

func missing(field string) error {
	return &usermgmt.Error{Kind: usermgmt.ErrConflict, Field: field, Rule: "reference", Detail: "no such record"}
}

func inUse(field string) error {
	return &usermgmt.Error{Kind: usermgmt.ErrConflict, Field: field, Rule: "in_use"}
}

func limitInvalid() error {
	return &usermgmt.Error{Kind: usermgmt.ErrInvalid, Field: "limit", Rule: "range", Detail: "at least 1"}
}

// checkVersion compares the version of a row that is to be saved with that of
// the stored one, if there is one.
func checkVersion(given int64, exists bool, stored int64) error {
	switch {
	case given == 0 && exists:
		return taken("id")
	case given == 0:
		return nil
	case !exists:
		return usermgmt.ErrNotFound
	case given != stored:
		return usermgmt.ErrStale
	}
	return nil
}

// ref counts the rows that name a record, for records that cannot be deleted
// while any do.
type ref struct {
	own  uint64
	kind refKind
	id   [16]byte
	n    int
}

type refKind uint8

const (
	refUnit refKind = iota + 1
	refTeam
	refRole
	refProfile
	refApp
	refGroup
)

func (r *ref) hash() uint64 {
	return hashPair(binary.LittleEndian.Uint64(r.id[:8])+uint64(r.kind), binary.LittleEndian.Uint64(r.id[8:]))
}

func (v *version) ref(kind refKind, id [16]byte) *ref {
	key := ref{kind: kind, id: id}
	return v.orgs.refs.Get(key.hash(), func(r *ref) bool { return r.id == id && r.kind == kind })
}

func (v *version) referred(kind refKind, id [16]byte) bool {
	r := v.ref(kind, id)
	return r != nil
}

// refer counts n more (or fewer) rows that name the record; the zero
// identifier names none.
func (w *writer) refer(kind refKind, id [16]byte, n int) {
	if id == ([16]byte{}) {
		return
	}
	o := w.orgs()
	r := w.v.ref(kind, id)
	switch {
	case r == nil:
		o.refs.Insert(w.own, &ref{own: w.own, kind: kind, id: id, n: n})
	case r.n+n == 0:
		o.refs.Delete(w.own, r)
	case r.own == w.own:
		r.n += n
	default:
		c := *r
		c.own, c.n = w.own, r.n+n
		o.refs.Replace(w.own, r, &c)
	}
}

// cloneSlice copies a slice; an empty one becomes nil.
func cloneSlice[T any](s []T) []T {
	if len(s) == 0 {
		return nil
	}
	return slices.Clone(s)
}

func cloneMap[K comparable, V any](m map[K]V) map[K]V {
	if len(m) == 0 {
		return nil
	}
	return maps.Clone(m)
}

func cloneSpans(in []usermgmt.RoleAssignment) []usermgmt.RoleAssignment {
	out := cloneSlice(in)
	for i := range out {
		out[i].From, out[i].Until = utc(out[i].From), utc(out[i].Until)
	}
	return out
}

// put inserts row, or replaces old by it.
func put[T any](m *pmap.Map[T], own uint64, old, row *T) {
	if old == nil {
		m.Insert(own, row)
	} else {
		m.Replace(own, old, row)
	}
}
