// Package authz decides who may do what. It is pure: it does no I/O, reads no
// clock and knows neither users nor stores, only identifiers, trees, numbered
// permissions and masks.
//
// A [Catalogue] numbers permissions, a [Tree] numbers the nodes of a
// hierarchy so that "below" is two comparisons, and a [Subject] is the
// resolved, immutable rights of one user, whose checks allocate nothing.
package authz

import (
	"errors"
	"iter"
	"maps"
)

// ID is an identifier of a user, organization, unit or team.
type ID = [16]byte

// Node is a node of a hierarchy; Parent is zero for a root.
type Node struct{ ID, Parent ID }

// ErrCycle: the nodes do not form a forest.
var ErrCycle = errors.New("authz: the hierarchy has a cycle")

// Tree is a numbered forest: every node has a position, and the nodes of a
// subtree have the positions of one [Span]. It is immutable.
type Tree struct {
	pos   map[ID]int32
	nodes []ID    // by position
	end   []int32 // by position: one past the last position of the subtree
}

// Span is a range of positions, End excluded.
type Span struct{ Start, End int32 }

// Contains reports whether p lies in s.
func (s Span) Contains(p int32) bool { return p >= s.Start && p < s.End }

// Positions yields the positions in s.
func (s Span) Positions() iter.Seq[int32] {
	return func(yield func(int32) bool) {
		for p := s.Start; p < s.End && yield(p); p++ {
		}
	}
}

// NewTree numbers nodes, which may come in any order. A node whose parent is
// not among them is a root. It returns [ErrCycle] if some node is not
// reachable from a root.
func NewTree(nodes []Node) (*Tree, error) {
	t := &Tree{
		pos:   make(map[ID]int32, len(nodes)),
		nodes: make([]ID, 0, len(nodes)),
		end:   make([]int32, len(nodes)),
	}
	// Children as linked lists over indexes: two slices, no allocation a node.
	index := t.pos // holds indexes into nodes first, positions afterwards
	for i, n := range nodes {
		index[n.ID] = int32(i)
	}
	first := make([]int32, len(nodes)+1) // first child; the last is the virtual root
	next := make([]int32, len(nodes))
	for i := range first {
		first[i] = -1
	}
	for i := len(nodes) - 1; i >= 0; i-- {
		parent := int32(len(nodes))
		if p, ok := index[nodes[i].Parent]; ok && nodes[i].Parent != (ID{}) {
			parent = p
		}
		next[i], first[parent] = first[parent], int32(i)
	}
	stack := make([]int32, 0, 64) // positions whose subtree is open
	at := make([]int32, len(nodes))
	for cur := first[len(nodes)]; ; {
		if cur >= 0 {
			p := int32(len(t.nodes))
			t.nodes = append(t.nodes, nodes[cur].ID)
			at[p] = cur
			stack = append(stack, p)
			cur = first[cur]
			continue
		}
		if len(stack) == 0 {
			break
		}
		p := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		t.end[p] = int32(len(t.nodes))
		cur = next[at[p]]
	}
	if len(t.nodes) != len(nodes) {
		return nil, ErrCycle
	}
	for p, id := range t.nodes {
		t.pos[id] = int32(p)
	}
	return t, nil
}

// Len is the number of nodes.
func (t *Tree) Len() int { return len(t.nodes) }

// At returns the node at a position.
func (t *Tree) At(p int32) ID { return t.nodes[p] }

// Position returns the position of id.
func (t *Tree) Position(id ID) (int32, bool) {
	p, ok := t.pos[id]
	return p, ok
}

// Subtree returns the span of the node at p and everything below.
func (t *Tree) Subtree(p int32) Span { return Span{p, t.end[p]} }

// Below reports whether node is ancestor or lies below it.
func (t *Tree) Below(ancestor, node ID) bool {
	a, ok := t.pos[ancestor]
	if !ok {
		return false
	}
	n, ok := t.pos[node]
	return ok && t.Subtree(a).Contains(n)
}

// With returns t with the node below another one: a new node, or one that is moved
// with all below it. The parent is in t, and not the node or below it; the zero parent
// makes it a root.
func (t *Tree) With(id, parent ID) *Tree {
	block := Span{int32(len(t.nodes)), int32(len(t.nodes))}
	if p, ok := t.pos[id]; ok {
		block = t.Subtree(p)
	}
	above, ok := t.pos[parent]
	moved, ends := []ID{id}, []int32{1} // the block, and its ends from its beginning on
	size := make([]int32, len(t.end))
	for p, end := range t.end {
		size[p] = end - int32(p)
	}
	if n := block.End - block.Start; n > 0 {
		moved, ends = t.nodes[block.Start:block.End], make([]int32, n)
		for i := range ends {
			ends[i] = int32(i) + size[int(block.Start)+i]
		}
		for _, a := range t.Ancestors(block.Start) {
			size[a] -= n
		}
	}
	if ok {
		for _, a := range t.Ancestors(above) {
			size[a] += int32(len(moved))
		}
	} else { // behind all
		above = int32(len(t.nodes)) - 1
	}
	out := &Tree{pos: maps.Clone(t.pos), nodes: make([]ID, 0, len(t.nodes)+1), end: make([]int32, 0, len(t.nodes)+1)}
	add := func(from, to int32) {
		for p := from; p < to; p++ {
			if !block.Contains(p) {
				out.end = append(out.end, int32(len(out.nodes))+size[p])
				out.nodes = append(out.nodes, t.nodes[p])
			}
		}
	}
	add(0, above+1)
	at := int32(len(out.nodes))
	out.nodes = append(out.nodes, moved...)
	for _, end := range ends {
		out.end = append(out.end, at+end)
	}
	add(above+1, int32(len(t.nodes)))
	for p, node := range out.nodes {
		if p >= len(t.nodes) || t.nodes[p] != node {
			out.pos[node] = int32(p)
		}
	}
	return out
}

// Moved returns the nodes that have another parent in t than in old, or that only
// one of them has.
func (t *Tree) Moved(old *Tree) (out []ID) {
	before, now := old.parents(), t.parents()
	for p, id := range t.nodes {
		if o, ok := old.pos[id]; !ok || before[o] != now[p] {
			out = append(out, id)
		}
	}
	for _, id := range old.nodes {
		if _, ok := t.pos[id]; !ok {
			out = append(out, id)
		}
	}
	return out
}

// parents returns the parent of each node, by position; zero of a root.
func (t *Tree) parents() []ID {
	out := make([]ID, len(t.nodes))
	var stack []int32
	for p := range t.nodes {
		for len(stack) > 0 && int32(p) >= t.end[stack[len(stack)-1]] {
			stack = stack[:len(stack)-1]
		}
		if len(stack) > 0 {
			out[p] = t.nodes[stack[len(stack)-1]]
		}
		stack = append(stack, int32(p))
	}
	return out
}

// Topmost returns, of the nodes that are in, those whose parent is not, in order.
func (t *Tree) Topmost(in func(p int32) bool) (out []ID) {
	type open struct {
		end int32
		in  bool
	}
	var stack []open
	for p, id := range t.nodes {
		for len(stack) > 0 && int32(p) >= stack[len(stack)-1].end {
			stack = stack[:len(stack)-1]
		}
		is := in(int32(p))
		if is && (len(stack) == 0 || !stack[len(stack)-1].in) {
			out = append(out, id)
		}
		stack = append(stack, open{t.end[p], is})
	}
	return out
}

// Ancestors returns the positions of the node at p and of all above it, from
// the root down.
func (t *Tree) Ancestors(p int32) []int32 {
	var out []int32
	for a := int32(0); a <= p; {
		if t.Subtree(a).Contains(p) {
			out = append(out, a)
			a++
		} else {
			a = t.end[a]
		}
	}
	return out
}
