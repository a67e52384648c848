package memory

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/usermgmt/usermgmt"
)

const (
	// fewUsers is the most users that are picked by an index and then sorted.
	fewUsers = 1 << 13
	// searchWalk is how many rows a search looks at in the order of the list
	// before it goes through the arena.
	searchWalk = 1 << 11
	// arenaSpeed is about how many keys of the arena a search passes in the
	// time in which it looks at one row.
	arenaSpeed = 16
)

// candidate is a user with the membership of the query's organization, which
// is nil if the query is of the whole store.
type candidate struct {
	u *userRow
	m *member
}

// userQuery is a query made ready.
type userQuery struct {
	usermgmt.UserQuery
	v       *version
	sp      *space // nil in the whole store
	visible *visible
	// begins is a line feed and Search if only beginnings of lines count, and
	// empty otherwise.
	begins   string
	unitTree treeSet[usermgmt.BusinessUnit]
	teamTree treeSet[usermgmt.Team]
	// after is a user at the position, for comparing; nil is the beginning.
	after   *usermgmt.User
	compare func(a, b *usermgmt.User) int
}

// userQuery returns nil without an error if nothing can match.
func (v *version) userQuery(q usermgmt.UserQuery) (*userQuery, error) {
	out := &userQuery{UserQuery: q, v: v, visible: v.visible(q.Visible)}
	if int(q.Sort) >= len(userOrders) {
		return nil, &usermgmt.Error{Kind: usermgmt.ErrInvalid, Field: "sort", Rule: "unknown"}
	}
	out.compare = userOrders[q.Sort]
	if !q.After.IsZero() {
		u, err := userAt(q.After, q.Sort)
		if err != nil {
			return nil, err
		}
		out.after = u
	}
	if q.Visible.Nothing() {
		return nil, nil
	}
	if q.Search != "" && utf8.RuneCountInString(q.Search) < 3 {
		if strings.Contains(q.Search, "\n") {
			return nil, nil
		}
		out.begins = "\n" + q.Search
	}
	if q.Org.IsZero() {
		return out, nil
	}
	if out.sp = v.space(q.Org); out.sp == nil {
		return nil, nil
	}
	if !q.UnitTree.IsZero() {
		out.unitTree = out.sp.unitTrees([]usermgmt.UnitID{q.UnitTree}, false)
	}
	if !q.TeamTree.IsZero() {
		out.teamTree = out.sp.teamTrees([]usermgmt.TeamID{q.TeamTree}, false)
	}
	return out, nil
}

// userAt returns a user with the given position.
func userAt(p usermgmt.Position, sort usermgmt.UserSort) (*usermgmt.User, error) {
	u := &usermgmt.User{ID: p.ID}
	switch sort {
	case usermgmt.SortName:
		u.NameKey = p.Key
	case usermgmt.SortUsername:
		u.UsernameKey = p.Key
	case usermgmt.SortEmail:
		u.EmailKey = p.Key
	case usermgmt.SortCreated:
		t, err := time.Parse("2006-01-02T15:04:05.000000Z", p.Key)
		if err != nil {
			return nil, &usermgmt.Error{Kind: usermgmt.ErrInvalid, Field: "after", Rule: "format"}
		}
		u.CreatedAt = t
	}
	return u, nil
}

// beyond reports whether u comes after the position, in the list's direction.
func (q *userQuery) beyond(u *usermgmt.User) bool {
	if q.after == nil {
		return true
	}
	if q.Desc {
		return q.compare(u, q.after) < 0
	}
	return q.compare(u, q.after) > 0
}

// before reports whether a comes before b in the list.
func (q *userQuery) before(a, b *userRow) bool {
	c := q.compare(&a.User, &b.User)
	return c < 0 && !q.Desc || c > 0 && q.Desc
}

// match reports whether the query selects the user.
func (q *userQuery) match(c candidate) bool {
	u, m := c.u, c.m
	if !q.inView(u, m) ||
		q.Kind != 0 && u.Kind != q.Kind ||
		q.Newsletter != nil && u.Newsletter != *q.Newsletter ||
		q.Search != "" && !q.inKey(u.SearchKey) && (m == nil || !q.inKey(m.searchKey)) ||
		!q.Group.IsZero() && !slices.Contains(u.Groups, q.Group) ||
		!holds(u.Custom, q.Custom) {
		return false
	}
	if m != nil && !q.matchMember(u, m) {
		return false
	}
	return q.visible.user(q.v, u, m)
}

// inKey reports whether the search finds the key.
func (q *userQuery) inKey(key string) bool {
	if q.begins == "" {
		return strings.Contains(key, q.Search)
	}
	return strings.HasPrefix(key, q.Search) || strings.Contains(key, q.begins)
}

func (q *userQuery) matchMember(u *userRow, m *member) bool {
	if q.Home && u.Org != q.Org ||
		!q.Profile.IsZero() && m.kit.profile != q.Profile ||
		!q.Role.IsZero() && !m.kit.has(q.Role) ||
		!q.Team.IsZero() && !m.place.in(q.Team) ||
		!q.Unit.IsZero() && u.OwnerUnit != q.Unit ||
		!q.UnitTree.IsZero() && !q.unitTree.has(u.OwnerUnit) ||
		!holds(m.custom, q.MemberCustom) {
		return false
	}
	return q.TeamTree.IsZero() || slices.ContainsFunc(m.place.teams, func(in inTeam) bool {
		return q.teamTree.has(in.tag.id)
	})
}

// holds reports whether values has each of wanted.
func holds(values, wanted map[string]string) bool {
	for k, want := range wanted {
		if v, found := values[k]; !found || v != want {
			return false
		}
	}
	return true
}

func (k *kit) has(role usermgmt.RoleID) bool {
	return slices.ContainsFunc(k.roles, func(a usermgmt.RoleAssignment) bool { return a.Role == role })
}

func (q *userQuery) inView(u *userRow, m *member) bool {
	enabled := u.Active() && (m == nil || m.kit.enabled)
	switch q.View {
	case usermgmt.ViewActive:
		return enabled
	case usermgmt.ViewDisabled:
		return !enabled
	case usermgmt.ViewDeactivated:
		return !u.DeactivatedAt.IsZero()
	case usermgmt.ViewCannotLogIn:
		if !enabled {
			return false
		}
		p := q.v.person(u.ID)
		return p.status != usermgmt.StatusActive || p.lockedAt(q.Now)
	case usermgmt.ViewAll:
	}
	return true
}

// walk yields all users, or all members of the organization, in the order of
// the list from its position on.
func (q *userQuery) walk(yield func(candidate) bool) {
	up := func(u *usermgmt.User) bool { return q.after == nil || q.compare(u, q.after) > 0 }
	down := func(u *usermgmt.User) bool { return q.after == nil || q.compare(u, q.after) < 0 }
	if q.sp != nil {
		t := &q.sp.members[q.Sort]
		next := func(m *member) bool { return yield(candidate{m.u, m}) }
		if q.Desc {
			t.Descend(func(m *member) bool { return down(&m.u.User) }, next)
		} else {
			t.Ascend(func(m *member) bool { return up(&m.u.User) }, next)
		}
		return
	}
	t := &q.v.users.orders[q.Sort]
	next := func(u *userRow) bool { return yield(candidate{u, nil}) }
	if q.Desc {
		t.Descend(func(u *userRow) bool { return down(&u.User) }, next)
	} else {
		t.Ascend(func(u *userRow) bool { return up(&u.User) }, next)
	}
}

// find returns the page.
func (q *userQuery) find(ctx context.Context) ([]candidate, error) {
	if few, ok := q.few(); ok {
		return q.sorted(few, q.Limit), nil
	}
	budget := -1
	if q.Search != "" && q.total()*arenaSpeed > q.v.users.search.rows {
		budget = searchWalk
	}
	rows := make([]candidate, 0, min(q.Limit, 64))
	steps := 0
	var err error
	done := true
	q.walk(func(c candidate) bool {
		if steps++; steps%4096 == 0 {
			if err = ctx.Err(); err != nil {
				return false
			}
		}
		if q.match(c) {
			rows = append(rows, c)
			return len(rows) < q.Limit
		}
		done = steps != budget
		return done
	})
	if err != nil {
		return nil, err
	}
	if done {
		return rows, nil
	}
	return q.searchArena(ctx)
}

// total returns how many users walk would yield without a position.
func (q *userQuery) total() int {
	if q.sp != nil {
		return q.sp.members[0].Len()
	}
	return q.v.users.people.Len()
}

// searchArena returns the page by going through all search keys.
func (q *userQuery) searchArena(ctx context.Context) ([]candidate, error) {
	var rows []candidate
	var worst *userRow // the last one of a full page
	steps := 0
	var err error
	text := q.Search
	if q.begins != "" {
		text = q.begins
	}
	q.v.users.search.find([]byte(text), func(id usermgmt.UserID) bool {
		if steps++; steps%4096 == 0 {
			if err = ctx.Err(); err != nil {
				return false
			}
		}
		u := q.v.person(id).u
		if !q.beyond(&u.User) || worst != nil && q.before(worst, u) {
			return true
		}
		if c, ok := q.candidate(u); ok && q.match(c) {
			if rows = append(rows, c); len(rows) >= 2*q.Limit+64 {
				if rows = q.sorted(rows, q.Limit); len(rows) == q.Limit {
					worst = rows[len(rows)-1].u
				}
			}
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	return q.sorted(rows, q.Limit), nil
}

// candidate returns the user with the membership that counts, if the query is
// not of an organization or the user has one there.
func (q *userQuery) candidate(u *userRow) (candidate, bool) {
	if q.sp == nil {
		return candidate{u, nil}, true
	}
	m := q.v.member(u.ID, q.Org)
	return candidate{u, m}, m != nil
}

// sorted sorts rows in the order of the list, each once, and cuts them. A limit
// of 0 is none.
func (q *userQuery) sorted(rows []candidate, limit int) []candidate {
	slices.SortFunc(rows, func(a, b candidate) int {
		switch {
		case a.u == b.u:
			return 0
		case q.before(a.u, b.u):
			return -1
		}
		return 1
	})
	rows = slices.CompactFunc(rows, func(a, b candidate) bool { return a.u == b.u })
	if limit > 0 && len(rows) > limit {
		rows = rows[:limit:limit]
	}
	return rows
}

// ListUsers implements [usermgmt.Store].
func (s *Store) ListUsers(ctx context.Context, in usermgmt.UserQuery) ([]usermgmt.User, error) {
	v, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	if in.Limit < 1 {
		return nil, limitInvalid()
	}
	q, err := v.userQuery(in)
	if q == nil {
		return nil, err
	}
	rows, err := q.find(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]usermgmt.User, len(rows))
	n := 0
	for _, r := range rows {
		n += len(r.u.Emails) + len(r.u.EmployeeNumber) + len(r.u.VerifiedEmails)
	}
	c := copier{batch: n}
	for i, r := range rows {
		c.user(&out[i], r.u)
	}
	return out, nil
}
