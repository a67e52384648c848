package pmap

// The most items of a leaf and the most children of an inner node of a tree.
const (
	leafMax  = 64
	innerMax = 32
)

// Tree is an ordered set of items. The zero Tree is empty; Cmp must be set.
type Tree[T any] struct {
	// Cmp orders items: negative, zero or positive as a sorts before b, is
	// the same item, or sorts after b.
	Cmp  func(a, b T) int
	root *node[T]
	n    int
}

// node is a leaf if it has no kids; otherwise items[i] is the least item below
// kids[i].
type node[T any] struct {
	own   uint64
	items []T
	kids  []*node[T]
}

// Len returns the number of items.
func (t *Tree[T]) Len() int { return t.n }

// find returns the index of the first item of n that is not before x.
func (t *Tree[T]) find(n *node[T], x T) (int, bool) {
	lo, hi := 0, len(n.items)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		c := t.Cmp(n.items[mid], x)
		switch {
		case c == 0:
			return mid, true
		case c < 0:
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return lo, false
}

// kid returns the index of the child in whose range x is.
func (t *Tree[T]) kid(n *node[T], x T) int {
	i, found := t.find(n, x)
	if !found && i > 0 {
		i--
	}
	return i
}

// Get returns the item that is the same as x.
func (t *Tree[T]) Get(x T) (T, bool) {
	for n := t.root; n != nil; {
		if n.kids != nil {
			n = n.kids[t.kid(n, x)]
			continue
		}
		if i, found := t.find(n, x); found {
			return n.items[i], true
		}
		break
	}
	var none T
	return none, false
}

func grown(n, most int) int {
	switch {
	case n < 4:
		n = 4
	case n < 16:
		n *= 2
	default:
		n += n / 2
	}
	return min((n+7)&^7, most)
}

func (n *node[T]) mine(own uint64) *node[T] {
	if n.own == own {
		return n
	}
	c := &node[T]{own: own}
	if n.kids == nil {
		c.items = append(make([]T, 0, min(len(n.items)+4, leafMax)), n.items...)
		return c
	}
	c.items = append(make([]T, 0, min(len(n.items)+1, innerMax)), n.items...)
	c.kids = append(make([]*node[T], 0, cap(c.items)), n.kids...)
	return c
}

func insertAt[S any](s []S, i int, x S, most int) []S {
	if len(s) == cap(s) {
		s = append(make([]S, 0, grown(len(s), most)), s...)
	}
	s = s[:len(s)+1]
	copy(s[i+1:], s[i:])
	s[i] = x
	return s
}

// Set adds x, or puts it in the place of the item that is the same.
func (t *Tree[T]) Set(own uint64, x T) {
	if t.root == nil {
		t.root = &node[T]{own: own, items: []T{x}}
		t.n = 1
		return
	}
	t.root = t.root.mine(own)
	if right := t.set(own, t.root, x); right != nil {
		left := t.root
		t.root = &node[T]{
			own:   own,
			items: append(make([]T, 0, 4), left.items[0], right.items[0]),
			kids:  append(make([]*node[T], 0, 4), left, right),
		}
	}
}

// set works on a node that is the writer's own and returns what was split off.
func (t *Tree[T]) set(own uint64, n *node[T], x T) *node[T] {
	if n.kids == nil {
		i, found := t.find(n, x)
		if found {
			n.items[i] = x
			return nil
		}
		t.n++
		var right *node[T]
		if len(n.items) == leafMax {
			right = n.halve(own, i, leafMax)
			if i >= len(n.items) {
				right.items = insertAt(right.items, i-len(n.items), x, leafMax)
				return right
			}
		}
		n.items = insertAt(n.items, i, x, leafMax)
		return right
	}
	i, found := t.find(n, x)
	switch {
	case found, i == 0: // the same as the least of a kid, or a new least of all
		n.items[i] = x
	default:
		i--
	}
	n.kids[i] = n.kids[i].mine(own)
	split := t.set(own, n.kids[i], x)
	if split == nil {
		return nil
	}
	i++
	var right *node[T]
	to := n
	if len(n.kids) == innerMax {
		right = n.halve(own, i, innerMax)
		if i >= len(n.items) {
			i -= len(n.items)
			to = right
		}
	}
	to.items = insertAt(to.items, i, split.items[0], innerMax)
	to.kids = insertAt(to.kids, i, split, innerMax)
	return right
}

// halve splits off the right half of a full node, or an empty node if the next
// insertion is at the end, as it is when items come in order.
func (n *node[T]) halve(own uint64, i, most int) *node[T] {
	at := most / 2
	if i == most {
		at = most
	}
	right := &node[T]{own: own}
	right.items = append(make([]T, 0, grown(most-at, most)), n.items[at:]...)
	clear(n.items[at:])
	if n.kids != nil {
		right.kids = append(make([]*node[T], 0, cap(right.items)), n.kids[at:]...)
		clear(n.kids[at:])
		n.kids = n.kids[:at]
	}
	n.items = n.items[:at]
	return right
}

// Delete removes the item that is the same as x and reports whether there was one.
func (t *Tree[T]) Delete(own uint64, x T) bool {
	if _, found := t.Get(x); !found {
		return false
	}
	t.n--
	if t.n == 0 {
		t.root = nil
		return true
	}
	t.root = t.root.mine(own)
	t.remove(own, t.root, x)
	for len(t.root.kids) == 1 {
		t.root = t.root.kids[0]
	}
	return true
}

func (t *Tree[T]) remove(own uint64, n *node[T], x T) {
	if n.kids == nil {
		i, _ := t.find(n, x)
		n.items = removeAt(n.items, i)
		return
	}
	i := t.kid(n, x)
	k := n.kids[i].mine(own)
	n.kids[i] = k
	t.remove(own, k, x)
	most := leafMax
	if k.kids != nil {
		most = innerMax
	}
	switch {
	case len(k.items) == 0:
		n.items, n.kids = removeAt(n.items, i), removeAt(n.kids, i)
		return
	case len(k.items) >= most/4 || len(n.kids) == 1:
		n.items[i] = k.items[0]
		return
	}
	// Too small: join it with a neighbour if both fit into three quarters.
	n.items[i] = k.items[0]
	if i == len(n.kids)-1 {
		i--
	}
	if a, b := n.kids[i], n.kids[i+1]; len(a.items)+len(b.items) <= most*3/4 {
		a = a.mine(own)
		a.items = append(a.items, b.items...)
		a.kids = append(a.kids, b.kids...)
		n.kids[i] = a
		n.items, n.kids = removeAt(n.items, i+1), removeAt(n.kids, i+1)
	}
}

func removeAt[S any](s []S, i int) []S {
	copy(s[i:], s[i+1:])
	clear(s[len(s)-1:])
	return s[:len(s)-1]
}

// Ascend calls yield for the items in order until it returns false, from the
// first that from accepts. from must refuse a beginning of the tree and accept
// the rest; nil accepts everything.
func (t *Tree[T]) Ascend(from func(T) bool, yield func(T) bool) {
	if t.root != nil {
		t.root.ascend(from, yield)
	}
}

func (n *node[T]) ascend(from, yield func(T) bool) bool {
	i := 0
	if from != nil {
		i = n.first(from)
	}
	if n.kids == nil {
		for _, x := range n.items[i:] {
			if !yield(x) {
				return false
			}
		}
		return true
	}
	if i > 0 {
		if !n.kids[i-1].ascend(from, yield) {
			return false
		}
	}
	for _, k := range n.kids[i:] {
		if !k.ascend(nil, yield) {
			return false
		}
	}
	return true
}

// first returns the index of the first item that from accepts.
func (n *node[T]) first(from func(T) bool) int {
	lo, hi := 0, len(n.items)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if from(n.items[mid]) {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}

// Descend calls yield for the items in reverse order until it returns false,
// from the last that upTo accepts. upTo must accept a beginning of the tree and
// refuse the rest; nil accepts everything.
func (t *Tree[T]) Descend(upTo func(T) bool, yield func(T) bool) {
	if t.root != nil {
		t.root.descend(upTo, yield)
	}
}

func (n *node[T]) descend(upTo, yield func(T) bool) bool {
	i := len(n.items)
	if upTo != nil {
		i = n.first(func(x T) bool { return !upTo(x) })
	}
	if n.kids == nil {
		for i--; i >= 0; i-- {
			if !yield(n.items[i]) {
				return false
			}
		}
		return true
	}
	for i--; i >= 0; i-- {
		if !n.kids[i].descend(upTo, yield) {
			return false
		}
		upTo = nil
	}
	return true
}
