package memory

import (
	"bytes"
	"sort"

	"github.com/usermgmt/usermgmt"
)

// arena holds the search keys of all users and memberships one after the other, each with a
// line feed before it, so that a search that finds little is one pass over
// bytes, and one for the beginning of a line is one for a line feed and text. It
// only grows, and all versions share it, each up to its own length. A key that
// changed stays in it until it is made anew: what is found is looked at again.
type arena struct {
	full        []*arenaChunk
	last        arenaChunk // its slices have room, which is the writer's
	rows, stale int
}

type arenaChunk struct {
	text []byte
	ends []uint32 // of the keys in text
	ids  []usermgmt.UserID
}

const (
	arenaMin = 1 << 12
	arenaMax = 1 << 20
)

func (a *arena) add(key string, id usermgmt.UserID) {
	c := &a.last
	if len(c.text)+len(key) >= cap(c.text) || len(c.ends) == cap(c.ends) {
		size := arenaMin
		if len(c.ends) > 0 {
			size = min(2*cap(c.text), arenaMax)
			full := *c
			a.full = append(a.full, &full)
		}
		*c = arenaChunk{
			text: make([]byte, 0, max(size, len(key)+1)),
			ends: make([]uint32, 0, size/32),
			ids:  make([]usermgmt.UserID, 0, size/32),
		}
	}
	c.text = append(append(c.text, '\n'), key...)
	c.ends = append(c.ends, uint32(len(c.text)))
	c.ids = append(c.ids, id)
	a.rows++
}

// find yields the users whose keys, with a line feed before them, contain text,
// and perhaps some others and some of them more than once, until yield returns
// false.
func (a *arena) find(text []byte, yield func(id usermgmt.UserID) bool) {
	for i := range len(a.full) + 1 {
		c := &a.last
		if i < len(a.full) {
			c = a.full[i]
		}
		for from := 0; ; {
			n := bytes.Index(c.text[from:], text)
			if n < 0 {
				break
			}
			from += n
			row := sort.Search(len(c.ends), func(k int) bool { return int(c.ends[k]) > from })
			if !yield(c.ids[row]) {
				return
			}
			// A hit that reaches into the next key says nothing of it.
			if from+len(text) <= int(c.ends[row]) {
				from = int(c.ends[row])
			} else {
				from++
			}
		}
	}
}

// searchMember brings the search key of a membership into the arena, in the
// place of that of old, which may be nil.
func (w *writer) searchMember(old *member, m *usermgmt.Membership) {
	t := w.users()
	was := ""
	if old != nil {
		was = old.searchKey
	}
	if was == m.SearchKey {
		return
	}
	if was != "" {
		t.search.stale++
	}
	if m.SearchKey != "" {
		t.search.add(m.SearchKey, m.User)
	}
	w.compactSearch()
}

// compactSearch makes the arena anew if more than half of it is stale.
func (w *writer) compactSearch() {
	t := w.users()
	if t.search.stale >= 1024 && t.search.stale > t.search.rows/2 {
		w.forgetSearch()
	}
}

// forgetSearch makes the arena anew, so that it holds no key that has changed.
func (w *writer) forgetSearch() {
	t := w.users()
	var next arena
	t.orders[usermgmt.SortCreated].Ascend(nil, func(u *userRow) bool {
		next.add(u.SearchKey, u.ID)
		t.members.Get(hashID(u.ID), func(m *member) bool {
			if m.u.ID == u.ID && m.searchKey != "" {
				next.add(m.searchKey, u.ID)
			}
			return false
		})
		return true
	})
	t.search = next
}
