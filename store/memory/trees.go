package memory

import (
	"sync"

	"github.com/usermgmt/usermgmt"
)

// numbering numbers the nodes of a tree so that those below a node are an
// interval. It is made when it is first needed and thrown away when the tree
// changes.
type numbering[E any] struct {
	once  sync.Once
	spans map[usermgmt.ID[E]]interval
	// nos are the numbers of the rows, in the order of the tree.
	nos []uint64
}

// interval is a node's own number and the end of those below it.
type interval struct{ first, end uint32 }

func (i interval) holds(n uint32) bool { return i.first <= n && n < i.end }

// node is a row of a tree: its identifier, that of its parent, its number.
type treeNode[E any] struct {
	id, parent usermgmt.ID[E]
	no         uint64
}

func (n *numbering[E]) made(nodes func() []treeNode[E]) *numbering[E] {
	n.once.Do(func() { n.make(nodes()) })
	return n
}

func (n *numbering[E]) make(nodes []treeNode[E]) {
	index := make(map[usermgmt.ID[E]]int32, len(nodes))
	for i := range nodes {
		index[nodes[i].id] = int32(i)
	}
	// Children are linked lists: child is the first, next the sibling.
	child, next := make([]int32, len(nodes)), make([]int32, len(nodes))
	for i := range nodes {
		child[i], next[i] = -1, -1
	}
	var roots []int32
	for i := len(nodes) - 1; i >= 0; i-- {
		p, found := index[nodes[i].parent]
		if !found {
			roots = append(roots, int32(i))
			continue
		}
		next[i], child[p] = child[p], int32(i)
	}
	n.spans = make(map[usermgmt.ID[E]]interval, len(nodes))
	n.nos = make([]uint64, 0, len(nodes))
	first := make([]uint32, len(nodes))
	// The complement of a node on the stack says that all below it is done.
	for stack := roots; len(stack) > 0; {
		i := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if i < 0 {
			n.spans[nodes[^i].id] = interval{first[^i], uint32(len(n.nos))}
			continue
		}
		first[i] = uint32(len(n.nos))
		n.nos = append(n.nos, nodes[i].no)
		stack = append(stack, ^i)
		for c := child[i]; c >= 0; c = next[c] {
			stack = append(stack, c)
		}
	}
}

func (sp *space) unitNumbers() *numbering[usermgmt.BusinessUnit] {
	return sp.unitTree.made(func() []treeNode[usermgmt.BusinessUnit] {
		return all(&sp.units, func(r *unitRow) treeNode[usermgmt.BusinessUnit] {
			return treeNode[usermgmt.BusinessUnit]{r.ID, r.Parent, r.no}
		})
	})
}

func (sp *space) teamNumbers() *numbering[usermgmt.Team] {
	return sp.teamTree.made(func() []treeNode[usermgmt.Team] {
		return all(&sp.teams, func(r *teamRow) treeNode[usermgmt.Team] {
			return treeNode[usermgmt.Team]{r.ID, r.Parent, r.tag.no}
		})
	})
}
