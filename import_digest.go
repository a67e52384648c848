package usermgmt

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"iter"
	"slices"
	"strings"
	"unicode"
)

const (
	// importDigestRows is how many rows an import has at least that uses digests:
	// the digests are read all together, which costs as much as to look at some
	// thousands of rows in an organization of a million.
	importDigestRows = 10_000
	// importSkipRows is how many rows a batch has at most, most of which are skipped.
	importSkipRows = 10_000
	// importDigestForm changes with everything here that may decide otherwise
	// about an equal row than before.
	importDigestForm = "usermgmt import 2 unicode " + unicode.Version
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

	entries  digestEntries
	named    []NamedVersion
	byDigest digestIndex
	byUser   digestIndex
	changed  map[UserID]struct{} // by this import

	// basis is a digest of everything besides the row, what its names stand for,
	// users and memberships. A turn ends when the import has changed names.
	basis [sha256.Size]byte
	turn  int
	buf   []byte
	same  []int // the entries, from 1 on, of the rows of the windows that were remembered last
}

type digestEntry struct {
	user    UserID
	digest  [16]byte
	version int64
	// named begins who is named, and people is how many; entries share them.
	named  uint32
	people uint8
	taken  bool // by a row of this import
}

// digestEntries grows without copying.
type digestEntries struct {
	blocks []*[digestBlock]digestEntry
	n      int
}

const digestBlock = 1 << 12

func (e *digestEntries) at(i int) *digestEntry { return &e.blocks[i/digestBlock][i%digestBlock] }

func (e *digestEntries) add() *digestEntry {
	if e.n%digestBlock == 0 {
		e.blocks = append(e.blocks, new([digestBlock]digestEntry))
	}
	e.n++
	return e.at(e.n - 1)
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
	recent := make([]digestEntry, digestBlock) // that name people, by the first of them
	for x, err := range all {
		if err != nil {
			return err
		}
		e := d.entries.add()
		e.user, e.digest, e.version, e.people = x.User, x.Digest, x.Version, uint8(len(x.Named)) //nolint:gosec // at most two
		if len(x.Named) == 0 {
			continue
		}
		same := &recent[hashOf(x.Named[0].User)%digestBlock]
		if !slices.Equal(d.peopleOf(same), x.Named) {
			same.named, same.people = uint32(len(d.named)), e.people //nolint:gosec // at most two a user
			d.named = append(d.named, x.Named...)
		}
		e.named = same.named
	}
	d.byDigest = newDigestIndex(d.entries.n)
	d.byUser = newDigestIndex(d.entries.n)
	for i := range d.entries.n {
		e := d.entries.at(i)
		d.byDigest.add(e.digest, i)
		d.byUser.add(e.user, i)
	}
	return nil
}

func (d *importDigests) peopleOf(e *digestEntry) []NamedVersion {
	return d.named[e.named : int(e.named)+int(e.people)]
}

// ready waits for the digests if the import has come to where they are used, and
// reports whether it has.
func (d *importDigests) ready(ctx context.Context, imp *importer, read int) (bool, error) {
	if d == nil || d.done == nil && read <= importDigestRows {
		return false, nil
	}
	d.read(ctx, imp)
	<-d.done
	d.begin(imp)
	return true, d.err
}

// rowSum is the digest of a row.
func rowSum[T string | []byte](d *importDigests, refs *csvRefs, h *importHeader, cells []T) [16]byte {
	if !h.based {
		h.basis, h.based = sha256.Sum256(append(d.basis[:], h.digest[:]...)), true
	}
	b := append(d.buf[:0], h.basis[:]...)
	for i, cell := range cells {
		use := h.uses[i]
		if use == useNot {
			continue
		}
		b = binary.AppendUvarint(b, uint64(len(cell)))
		from := len(b)
		b = append(b, cell...)
		if use == useText || len(cell) == 0 {
			continue
		}
		sum := refs.sum(use, b[from:])
		b = append(b[:from], sum[:]...)
	}
	d.buf = b
	sum := sha256.Sum256(b)
	return [16]byte(sum[:])
}

// mark gives the row its digest, which is sum if that is known in the first turn, and
// the entry that it equals if there is one.
func (d *importDigests) mark(refs *csvRefs, r *importRow, sum *[16]byte) {
	if sum != nil && d.turn == 1 {
		r.digest = *sum
	} else {
		r.digest = rowSum(d, refs, r.h, r.cells)
	}
	r.turn = d.turn
	r.same = d.find(&r.digest)
	if r.same > 0 && !d.holds(r.same-1) {
		r.same = 0
	}
}

// find is the number of the entry with the digest, from 1 on; 0 is none.
func (d *importDigests) find(digest *[16]byte) int {
	for at, tag := d.byDigest.place(*digest); ; at++ {
		switch i := d.byDigest.get(at, tag); {
		case i == 0:
			return 0
		case i > 0 && d.entries.at(i-1).digest == *digest:
			return i
		}
	}
}

// sameAll reports whether there is an entry for each digest, that holds, and appends
// them to same if so.
func (d *importDigests) sameAll(sums [][16]byte) bool {
	before := len(d.same)
	for i := range sums {
		k := d.find(&sums[i])
		if k == 0 || !d.holds(k-1) {
			d.same = d.same[:before]
			return false
		}
		d.same = append(d.same, k)
	}
	return true
}

// errLook says that rows must be looked at.
var errLook = errors.New("usermgmt: the rows cannot be skipped")

// skipSame skips the rows of the windows that were remembered, all or none, as a
// batch. It returns how many.
func (imp *importer) skipSame(ctx context.Context, read int) (int, error) {
	d := imp.digests
	if d.turn > 1 { // a row just before has made a unit
		return 0, nil
	}
	n := len(d.same)
	err := imp.commit(ctx, read+n, nil, func(_ context.Context, b *importBatch, _ *work) error {
		for _, i := range d.same {
			if !b.skipEntry(i - 1) {
				b.unskip()
				return errLook
			}
		}
		b.rows, b.unchanged = n, n
		return nil
	})
	if errors.Is(err, errLook) {
		return 0, nil
	}
	return n, err
}

// skip reports whether the row need not be looked at. Then it counts as one about
// its user.
func (b *importBatch) skip(r *importRow) bool {
	return r.same > 0 && r.turn == b.imp.digests.turn && b.skipEntry(r.same-1)
}

// skipEntry is skip for a row of this turn that equals entry i.
func (b *importBatch) skipEntry(i int) bool {
	d := b.imp.digests
	e := d.entries.at(i)
	if !b.seesAll || len(b.units) > 0 || e.taken || !d.holds(i) || b.isSeen[e.user] || b.imp.saw(e.user) {
		return false
	}
	e.taken = true
	b.taken = append(b.taken, i)
	return true
}

// unskip takes back what skip counted.
func (b *importBatch) unskip() {
	for _, i := range b.taken {
		b.imp.digests.entries.at(i).taken = false
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

// columnUse is what a row's digest has of a column.
type columnUse uint8

const (
	useNot  columnUse = iota // nothing
	useText                  // the cell
	// The sum of the names that the cell holds.
	useUnits
	useTeams
	useRoles
	useProfile
	useApplication
	useGroups
)

// usesOf are those of the special columns that are not text.
var usesOf = [colCount]columnUse{
	colOwnerUnit: useUnits, colUnits: useUnits, colPrimaryTeam: useTeams, colTeams: useTeams, colRoles: useRoles,
	colProfile: useProfile, colInitialApp: useApplication, colGroups: useGroups,
}

// use notes that a column counts, in the order of columns.
func (h *importHeader) use(column, special int, name string) {
	h.uses[column] = useText
	if special >= 0 && usesOf[special] != useNot {
		h.uses[column] = usesOf[special]
	}
	h.digest = sha256.Sum256(append(h.digest[:], name...))
}

// begin makes the basis, once.
func (d *importDigests) begin(imp *importer) {
	if d == nil || d.turn > 0 {
		return
	}
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

// sum is a digest of what a cell of names stands for. Columns side by side and rows
// one after the other often have the same.
func (n *csvNames[E]) sum(cell []byte) [16]byte {
	if n.last == nil || !bytes.Equal(n.last, cell) {
		sum, ok := n.sums[string(cell)]
		if !ok {
			sum = n.makeSum(string(cell))
		}
		n.last, n.lastSum = append(n.last[:0], cell...), sum
	}
	return n.lastSum
}

func (n *csvNames[E]) makeSum(text string) [16]byte {
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
		n.sums[text] = sum
	}
	return sum
}

// sum is a digest of what a cell stands for in a column of names.
func (r *csvRefs) sum(use columnUse, cell []byte) [16]byte {
	switch use {
	case useUnits:
		return r.units.sum(cell)
	case useTeams:
		return r.teams.sum(cell)
	case useRoles:
		return r.roles.sum(cell)
	case useProfile:
		return r.profiles.sum(cell)
	case useApplication:
		return r.applications.sum(cell)
	default:
		return r.groups.sum(cell)
	}
}

// change notes that the import changes the user.
func (d *importDigests) change(user UserID) {
	if d != nil {
		d.changed[user] = struct{}{}
	}
}

// has reports whether a row that was skipped was about the user.
func (d *importDigests) has(user UserID) bool {
	if d == nil || d.entries.n == 0 {
		return false
	}
	i := d.entry(user)
	return i > 0 && d.entries.at(i-1).taken
}

// entry is the number of the user's entry, from 1 on; 0 is none.
func (d *importDigests) entry(user UserID) int {
	for at, tag := d.byUser.place(user); ; at++ {
		switch i := d.byUser.get(at, tag); {
		case i == 0:
			return 0
		case i > 0 && d.entries.at(i-1).user == user:
			return i
		}
	}
}

// holds reports whether everybody whom the row of entry i names is still who it was.
func (d *importDigests) holds(i int) bool {
	for _, n := range d.peopleOf(d.entries.at(i)) {
		if _, did := d.changed[n.User]; did {
			return false
		}
		if k := d.entry(n.User); k == 0 || d.entries.at(k-1).version != n.Version {
			return false
		}
	}
	return true
}
