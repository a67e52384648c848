package usermgmt

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"iter"
	"math/bits"
	"strings"
	"unicode"
)

const (
	// importDigestRows is how many rows an import has at least that uses digests:
	// the digests are read all together, which costs as much as to look at some
	// ten thousand rows in an organization of a million.
	importDigestRows = 10_000
	// importSkipRows is how many rows a batch has at most, most of which are skipped.
	importSkipRows = 10_000
	// importDigestForm changes with everything here that may decide otherwise
	// about an equal row than before.
	importDigestForm = "usermgmt import 1 unicode " + unicode.Version
)

// importDigests are what imports remember: rows that asked for nothing, of users
// who have not changed since. An import of many rows reads them once, and does not
// look at a row that is among them. Nil ones know nothing.
//
// A digest is the first half of a SHA-256: whoever can make two rows of equal
// digest could have one pass for the other.
type importDigests struct {
	stop func()
	done chan struct{} // closed when they are read; nil before that begins
	err  error

	entries  []digestEntry
	named    []NamedVersion
	byDigest digestIndex
	byUser   digestIndex
	taken    []bool              // by a row of this import
	changed  map[UserID]struct{} // by this import

	// basis is a digest of everything besides the row, what its names stand for,
	// users and memberships. A turn ends when the import has changed names.
	basis [sha256.Size]byte
	turn  int
	buf   []byte
}

type digestEntry struct {
	user    UserID
	digest  [16]byte
	version int64
	// named are those from here to where the next entry begins.
	named uint32
}

// digests are for an import whose actor sees all users, so that what is said of a
// row does not depend on the actor. In the mode ImportCreate no row of a user who
// exists is unchanged.
func (imp *importer) newDigests(v *actorValue) *importDigests {
	if imp.opt.Mode == ImportCreate || !imp.seesAll(v) {
		return nil
	}
	return &importDigests{stop: func() {}, changed: make(map[UserID]struct{})}
}

// seesAll reports whether the actor sees every member.
func (imp *importer) seesAll(v *actorValue) bool {
	f := v.filter(PermUserView)
	return f.System || f.All && imp.org == v.org
}

// read begins to read the digests of the organization, outside of any
// transaction. What changes from then on is compared with what was there.
func (d *importDigests) read(ctx context.Context, imp *importer) {
	if d == nil || d.done != nil {
		return
	}
	d.done = make(chan struct{})
	ctx, d.stop = context.WithCancel(ctx)
	all := imp.m.store.ImportDigests(ctx, imp.org)
	do := func() {
		defer close(d.done)
		d.err = d.fill(all)
	}
	if imp.m.bound { // the transaction takes one call at a time
		do()
		return
	}
	go do()
}

// end waits until nobody reads any more.
func (d *importDigests) end() {
	if d == nil || d.done == nil {
		return
	}
	d.stop()
	<-d.done
}

func (d *importDigests) fill(all iter.Seq2[ImportDigest, error]) error {
	for x, err := range all {
		if err != nil {
			return err
		}
		d.entries = append(d.entries, digestEntry{x.User, x.Digest, x.Version, uint32(len(d.named))}) //nolint:gosec // at most two a user
		d.named = append(d.named, x.Named...)
	}
	d.taken = make([]bool, len(d.entries))
	d.byDigest = newDigestIndex(len(d.entries))
	d.byUser = newDigestIndex(len(d.entries))
	for i := range d.entries {
		e := &d.entries[i]
		d.byDigest.add(e.digest, i)
		d.byUser.add(e.user, i)
	}
	return nil
}

// ready waits for the digests if the import has come to where they are used, and
// reports whether it has.
func (d *importDigests) ready(ctx context.Context, imp *importer, read int) (bool, error) {
	if d == nil || d.done == nil && read <= importDigestRows {
		return false, nil
	}
	d.read(ctx, imp)
	<-d.done
	if d.turn == 0 {
		d.begin(imp)
	}
	return true, d.err
}

// mark gives the row its digest, and the entry that it equals if there is one.
func (d *importDigests) mark(refs *csvRefs, r *importRow) {
	b := append(d.buf[:0], d.basis[:]...)
	b = append(b, r.h.digest[:]...)
	for i, cell := range r.cells {
		if r.h.used[i] {
			b = append(binary.AppendUvarint(b, uint64(len(cell))), cell...)
		}
	}
	b = refs.appendNames(b, r)
	d.buf = b
	sum := sha256.Sum256(b)
	r.digest, r.turn = [16]byte(sum[:]), d.turn
	r.same = d.byDigest.find(r.digest, func(i int) bool { return d.entries[i].digest == r.digest })
	if r.same > 0 && !d.holds(r.same-1) {
		r.same = 0
	}
}

// skip reports whether the row need not be looked at. Then it counts as one about
// its user.
func (b *importBatch) skip(r *importRow) bool {
	d, i := b.imp.digests, r.same-1
	if r.same == 0 || !b.seesAll || r.turn != d.turn || len(b.units) > 0 || d.taken[i] || !d.holds(i) {
		return false
	}
	if user := d.entries[i].user; b.isSeen[user] || b.imp.saw(user) {
		return false
	}
	d.taken[i] = true
	b.taken = append(b.taken, i)
	return true
}

// unskip takes back what skip counted.
func (b *importBatch) unskip() {
	for _, i := range b.taken {
		b.imp.digests.taken[i] = false
	}
	b.taken = b.taken[:0]
}

// remember notes that the row asks for nothing.
func (b *importBatch) remember(r *importRow, u *User, mem *Membership, named []NamedVersion) {
	if r.turn == 0 || r.turn != b.imp.digests.turn || len(b.units) > 0 || b.imp.opt.DryRun {
		return
	}
	b.digests = append(b.digests, ImportDigest{User: u.ID, Digest: r.digest, Version: u.Version, Rights: mem.Rights,
		Settings: mem.Settings, Named: named})
}

// use notes that a column counts, in the order of columns.
func (h *importHeader) use(column int, name string) {
	h.used[column] = true
	h.digest = sha256.Sum256(append(h.digest[:], name...))
}

// begin makes the basis.
func (d *importDigests) begin(imp *importer) {
	h := sha256.New()
	e := json.NewEncoder(h)
	write := func(v any) {
		if err := e.Encode(v); err != nil {
			panic(err) // records of this package have a form
		}
	}
	write([]string{importDigestForm, imp.org.String(), imp.opt.Source})
	write(imp.policy)
	for _, set := range [...]fieldSet{imp.fields.host, imp.fields.org} {
		write(len(set))
		for _, f := range set {
			write(f.CustomField)
		}
	}
	d.basis, d.turn = [sha256.Size]byte(h.Sum(nil)), 1
}

// sum is a digest of what a cell of names stands for.
func (n *csvNames[E]) sum(text string) [16]byte {
	if sum, ok := n.sums[text]; ok {
		return sum
	}
	var b []byte
	add := func(text string) {
		id, rule := n.resolve(text)
		b = append(append(append(b, id[:]...), rule...), 0)
	}
	add(text)
	for _, item := range splitEscaped(text, ';') {
		add(item)
		if open := strings.LastIndexByte(item, '['); open >= 0 { // see periodIn
			add(item[:open])
		}
	}
	whole := sha256.Sum256(b)
	sum := [16]byte(whole[:])
	if len(n.sums) < maxFound {
		n.sums[strings.Clone(text)] = sum
	}
	return sum
}

// appendNames appends what the cells of the row that hold names stand for.
func (r *csvRefs) appendNames(b []byte, row *importRow) []byte {
	for _, c := range [...]struct {
		column int
		sum    func(text string) [16]byte
	}{
		{colOwnerUnit, r.units.sum}, {colUnits, r.units.sum}, {colPrimaryTeam, r.teams.sum}, {colTeams, r.teams.sum}, {colRoles, r.roles.sum},
		{colProfile, r.profiles.sum}, {colInitialApp, r.applications.sum}, {colGroups, r.groups.sum},
	} {
		if text := row.special(c.column); text != "" {
			sum := c.sum(text)
			b = append(b, sum[:]...)
		}
	}
	return b
}

// change notes that the import changes the user.
func (d *importDigests) change(user UserID) {
	if d != nil {
		d.changed[user] = struct{}{}
	}
}

// has reports whether a row that was skipped was about the user.
func (d *importDigests) has(user UserID) bool {
	if d == nil || len(d.entries) == 0 {
		return false
	}
	i := d.entry(user)
	return i > 0 && d.taken[i-1]
}

// entry is the number of the user's entry, from 1 on; 0 is none.
func (d *importDigests) entry(user UserID) int {
	return d.byUser.find(user, func(i int) bool { return d.entries[i].user == user })
}

// holds reports whether everybody whom the row of entry i names is still who it was.
func (d *importDigests) holds(i int) bool {
	end := len(d.named)
	if i+1 < len(d.entries) {
		end = int(d.entries[i+1].named)
	}
	for _, n := range d.named[d.entries[i].named:end] {
		if _, did := d.changed[n.User]; did {
			return false
		}
		if k := d.entry(n.User); k == 0 || d.entries[k-1].version != n.Version {
			return false
		}
	}
	return true
}

// digestIndex finds numbers by keys that are random, or count up. It has a power of
// two of places, at least twice as many as numbers.
type digestIndex []uint32

func newDigestIndex(n int) digestIndex {
	size := 16
	for size < 2*n {
		size *= 2
	}
	return make(digestIndex, size)
}

func (x digestIndex) place(key [16]byte) uint64 {
	h := (binary.BigEndian.Uint64(key[:8]) ^ binary.BigEndian.Uint64(key[8:])) * 0x9E3779B97F4A7C15 // 2^64 by the golden ratio
	return h >> (65 - bits.Len(uint(len(x))))
}

func (x digestIndex) add(key [16]byte, i int) {
	at := x.place(key)
	for ; x[at%uint64(len(x))] != 0; at++ {
	}
	x[at%uint64(len(x))] = uint32(i + 1) //nolint:gosec // fewer than 2^32 users
}

// find returns the first number, plus 1, that is is true of; 0 if there is none.
func (x digestIndex) find(key [16]byte, is func(i int) bool) int {
	if len(x) == 0 {
		return 0
	}
	for at := x.place(key); ; at++ {
		switch n := x[at%uint64(len(x))]; {
		case n == 0:
			return 0
		case is(int(n - 1)):
			return int(n)
		}
	}
}
