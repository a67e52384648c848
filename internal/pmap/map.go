// Package pmap holds the two persistent collections of the memory store: a
// hash trie and an ordered tree. A copy of either by assignment is a snapshot:
// a change copies the nodes on its way and leaves the snapshot's alone, except
// nodes that carry the writer's own token, which it changes in place. A token
// is a number other than 0 that no snapshot still in use was written with.
package pmap

import "bytes"

// A trie has branches of 16 children, each for four bits of the hash from the
// top, and leaves of 30 rows, of which a look-up reads two lines of the
// processor's cache. Several neighbouring children of a branch may be the same
// leaf: a full leaf is divided in two by one bit, so that leaves are two thirds
// full on the whole whatever the number of rows.
const (
	branchBits = 4
	branchSize = 1 << branchBits
	leafSize   = 30
	hashBits   = 64
)

// Map is a set of rows found by a hash. Rows of equal hash may be many; which
// is meant is for the caller to tell. The zero Map is empty; Hash must be set.
type Map[T any] struct {
	// Hash returns the hash of a row. It never changes for a row in the map.
	Hash func(*T) uint64
	root *branch[T]
	n    int
}

type child[T any] struct {
	sub  *branch[T]
	leaf *leaf[T]
}

type branch[T any] struct {
	own  uint64
	kids [branchSize]child[T]
}

type leaf[T any] struct {
	own   uint64
	more  *[]*T // rows beyond leafSize, which all have the hash of the others
	depth uint8 // bits of the hash that all rows share
	n     uint8
	tags  [leafSize]uint8 // the lowest bits of the hashes
	rows  [leafSize]*T
}

// Len returns the number of rows.
func (m *Map[T]) Len() int { return m.n }

func slot(h uint64, level uint) uint64 {
	return h >> (hashBits - branchBits*(level+1)) & (branchSize - 1)
}

func (m *Map[T]) leafOf(h uint64) *leaf[T] {
	b := m.root
	if b == nil {
		return nil
	}
	for {
		k := &b.kids[h>>(hashBits-branchBits)]
		if k.sub == nil {
			return k.leaf
		}
		b = k.sub
		h <<= branchBits
	}
}

// Get returns the row with the hash h that eq accepts, nil if there is none.
// eq may be asked about rows of other hashes.
func (m *Map[T]) Get(h uint64, eq func(*T) bool) *T {
	l := m.leafOf(h)
	if l == nil {
		return nil
	}
	tag := uint8(h)
	for i := 0; i < int(l.n); i++ {
		j := bytes.IndexByte(l.tags[i:l.n], tag)
		if j < 0 {
			break
		}
		i += j
		if eq(l.rows[i]) {
			return l.rows[i]
		}
	}
	if l.more != nil {
		for _, r := range *l.more {
			if eq(r) {
				return r
			}
		}
	}
	return nil
}

// All calls yield for every row until it returns false.
func (m *Map[T]) All(yield func(*T) bool) {
	if m.root != nil {
		m.root.all(yield)
	}
}

func (b *branch[T]) all(yield func(*T) bool) bool {
	var last *leaf[T]
	for i := range b.kids {
		k := &b.kids[i]
		switch {
		case k.sub != nil:
			if !k.sub.all(yield) {
				return false
			}
		case k.leaf != last:
			last = k.leaf
			for _, r := range last.rows[:last.n] {
				if !yield(r) {
					return false
				}
			}
			if last.more != nil {
				for _, r := range *last.more {
					if !yield(r) {
						return false
					}
				}
			}
		}
	}
	return true
}

// path makes the branches on the way to h the writer's own and returns the
// lowest with its level.
func (m *Map[T]) path(own, h uint64) (*branch[T], uint) {
	if m.root == nil {
		m.root = &branch[T]{own: own}
		l := &leaf[T]{own: own}
		for i := range m.root.kids {
			m.root.kids[i].leaf = l
		}
	}
	at := &m.root
	for level := uint(0); ; level++ {
		if (*at).own != own {
			c := **at
			c.own = own
			*at = &c
		}
		k := &(*at).kids[slot(h, level)]
		if k.sub == nil {
			return *at, level
		}
		at = &k.sub
	}
}

// block returns the first child of b at level that is l, and how many are.
func block(h uint64, level uint, depth uint8) (first, size uint64) {
	size = 1 << (branchBits*(level+1) - uint(depth))
	return slot(h, level) &^ (size - 1), size
}

func (b *branch[T]) put(l *leaf[T], first, size uint64) {
	for i := first; i < first+size; i++ {
		b.kids[i].leaf = l
	}
}

// ownLeaf makes the leaf for h the writer's own.
func (b *branch[T]) ownLeaf(own, h uint64, level uint) *leaf[T] {
	l := b.kids[slot(h, level)].leaf
	if l.own == own {
		return l
	}
	c := *l
	c.own = own
	if c.more != nil {
		more := append(make([]*T, 0, len(*c.more)+1), *c.more...)
		c.more = &more
	}
	first, size := block(h, level, c.depth)
	b.put(&c, first, size)
	return &c
}

// Insert adds a row. The map must not have it.
func (m *Map[T]) Insert(own uint64, row *T) {
	h := m.Hash(row)
	b, level := m.path(own, h)
	for {
		l := b.kids[slot(h, level)].leaf
		if int(l.n) < leafSize {
			l = b.ownLeaf(own, h, level)
			l.tags[l.n], l.rows[l.n] = uint8(h), row
			l.n++
			break
		}
		if m.uniform(l, h) {
			l = b.ownLeaf(own, h, level)
			if l.more == nil {
				l.more = new([]*T)
			}
			*l.more = append(*l.more, row)
			break
		}
		if first, size := block(h, level, l.depth); size > 1 {
			lo, hi := m.split(own, l)
			b.put(lo, first, size/2)
			b.put(hi, first+size/2, size/2)
			continue
		}
		sub := &branch[T]{own: own}
		sub.put(l, 0, branchSize)
		b.kids[slot(h, level)] = child[T]{sub: sub}
		b, level = sub, level+1
	}
	m.n++
}

// uniform reports whether every row of l has the hash h.
func (m *Map[T]) uniform(l *leaf[T], h uint64) bool {
	if l.depth >= hashBits {
		return true
	}
	for i, r := range l.rows[:l.n] {
		if l.tags[i] != uint8(h) || m.Hash(r) != h {
			return false
		}
	}
	return true
}

// split divides a full leaf by the next bit.
func (m *Map[T]) split(own uint64, l *leaf[T]) (lo, hi *leaf[T]) {
	lo = &leaf[T]{own: own, depth: l.depth + 1}
	hi = &leaf[T]{own: own, depth: l.depth + 1}
	for i, r := range l.rows[:l.n] {
		to := lo
		if m.Hash(r)>>(hashBits-1-uint(l.depth))&1 == 1 {
			to = hi
		}
		to.tags[to.n], to.rows[to.n] = l.tags[i], r
		to.n++
	}
	if l.more != nil { // then all rows went the same way
		more := append([]*T(nil), *l.more...)
		if lo.n > 0 {
			lo.more = &more
		} else {
			hi.more = &more
		}
	}
	return lo, hi
}

// Replace puts row in the place of old, which has the same hash and is in the
// map. It compares pointers.
func (m *Map[T]) Replace(own uint64, old, row *T) {
	h := m.Hash(row)
	b, level := m.path(own, h)
	l := b.ownLeaf(own, h, level)
	for i, r := range l.rows[:l.n] {
		if r == old {
			l.rows[i] = row
			return
		}
	}
	if l.more != nil {
		for i, r := range *l.more {
			if r == old {
				(*l.more)[i] = row
				return
			}
		}
	}
}

// Delete removes a row that is in the map. It compares pointers.
func (m *Map[T]) Delete(own uint64, row *T) {
	h := m.Hash(row)
	b, level := m.path(own, h)
	l := b.ownLeaf(own, h, level)
	for i, r := range l.rows[:l.n] {
		if r != row {
			continue
		}
		m.n--
		if l.more != nil {
			last := len(*l.more) - 1
			l.rows[i] = (*l.more)[last]
			l.shorten(last, last)
			return
		}
		l.n--
		l.rows[i], l.tags[i] = l.rows[l.n], l.tags[l.n]
		l.rows[l.n] = nil
		return
	}
	if l.more != nil {
		for i, r := range *l.more {
			if r == row {
				m.n--
				l.shorten(i, len(*l.more)-1)
				return
			}
		}
	}
}

// shorten moves the last of more to i and forgets the last.
func (l *leaf[T]) shorten(i, last int) {
	more := *l.more
	more[i] = more[last]
	more[last] = nil
	if *l.more = more[:last]; last == 0 {
		l.more = nil
	}
}
