package memory

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/pmap"
)

var ctx = context.Background()

// check holds the indexes of a version to its tables.
func check(t *testing.T, s *Store, v *version) {
	t.Helper()
	checkOrgs(t, v)
	checkUsers(t, s, v)
	checkSessions(t, v)
	checkOthers(t, v)
}

func rowsOf[T any](m *pmap.Map[T]) []*T {
	var out []*T
	m.All(func(r *T) bool {
		out = append(out, r)
		return true
	})
	return out
}

func itemsOf[T any](t *testing.T, tr *pmap.Tree[T]) []T {
	t.Helper()
	out := all(tr, func(x T) T { return x })
	require.True(t, slices.IsSortedFunc(out, tr.Cmp))
	require.Len(t, out, tr.Len())
	return out
}

type refKey struct {
	kind refKind
	id   [16]byte
}

func checkOrgs(t *testing.T, v *version) {
	t.Helper()
	refs := map[refKey]int{}
	use := func(kind refKind, id [16]byte) {
		if id != ([16]byte{}) {
			refs[refKey{kind, id}]++
		}
	}
	var units, teams, roles, profiles, apps, access, sharing, fields, orgs int
	for _, sp := range rowsOf(&v.orgs.spaces) {
		require.Equal(t, sp.id.IsZero(), sp.org == nil)
		if sp.org != nil {
			orgs++
			require.True(t, v.current(&sp.org.stamp))
			require.Same(t, sp.org, v.orgByName(sp.org.NameKey))
		}
		var root *teamRow
		for _, r := range itemsOf(t, &sp.units) {
			units++
			require.Same(t, r, v.unit(r.ID))
			use(refUnit, r.Parent)
		}
		for _, r := range itemsOf(t, &sp.teams) {
			teams++
			require.Same(t, r, v.team(r.ID))
			use(refTeam, r.Parent)
			if r.Parent.IsZero() {
				root = r
			}
		}
		require.Same(t, root, sp.root)
		checkNumbers(t, sp)
		for _, r := range itemsOf(t, &sp.roles) {
			roles++
			require.Same(t, r, v.role(r.ID))
			use(refApp, r.App)
		}
		for _, r := range itemsOf(t, &sp.profiles) {
			profiles++
			require.Same(t, r, v.profile(r.ID))
		}
		for _, r := range itemsOf(t, &sp.apps) {
			apps++
			require.Same(t, r, v.app(r.ID))
		}
		for _, e := range itemsOf(t, &sp.access) {
			access++
			require.Same(t, e, v.accessEntry(e.ID))
			use(refApp, e.Application)
			use(refTeam, e.Team)
			for _, a := range e.Roles {
				use(refRole, a.Role)
			}
		}
		require.ElementsMatch(t, itemsOf(t, &sp.access), itemsOf(t, &sp.subjects))
		for _, f := range itemsOf(t, &sp.fields) {
			fields++
			require.Same(t, f, v.field(f.ID))
		}
		for _, p := range itemsOf(t, &sp.sharing) {
			sharing++
			require.Same(t, p, v.sharingPolicy(p.ID))
			use(refTeam, p.Owning)
			for _, id := range p.Sharing {
				use(refTeam, id)
			}
			for _, id := range p.Roles {
				use(refRole, id)
			}
		}
	}
	o := v.orgs
	require.Equal(t, []int{orgs, units, teams, roles, profiles, apps, access, sharing, fields}, []int{
		o.byName.Len(), o.units.Len(), o.teams.Len(), o.roles.Len(), o.profiles.Len(), o.apps.Len(), o.access.Len(), o.sharing.Len(), o.fields.Len(),
	})
	for _, p := range rowsOf(&v.users.people) {
		for _, id := range p.u.Groups {
			use(refGroup, id)
		}
	}
	for _, r := range rowsOf(&v.users.kits) {
		use(refProfile, r.kit.profile)
		use(refApp, r.kit.app)
		for _, a := range r.kit.roles {
			use(refRole, a.Role)
		}
		for _, id := range r.kit.units {
			use(refUnit, id)
		}
	}
	got := map[refKey]int{}
	for _, r := range rowsOf(&o.refs) {
		got[refKey{r.kind, r.id}] = r.n
	}
	require.Equal(t, refs, got)
}

func checkNumbers(t *testing.T, sp *space) {
	t.Helper()
	parents := map[usermgmt.TeamID]usermgmt.TeamID{}
	for _, r := range itemsOf(t, &sp.teams) {
		parents[r.ID] = r.Parent
	}
	n := sp.teamNumbers()
	require.Len(t, n.spans, len(parents))
	for a := range parents {
		for b := range parents {
			below := false
			for c := b; !c.IsZero() && !below; c = parents[c] {
				below = c == a
			}
			require.Equal(t, below, n.spans[a].holds(n.spans[b].first))
		}
	}
}

func checkUsers(t *testing.T, s *Store, v *version) {
	t.Helper()
	u := v.users
	people := rowsOf(&u.people)
	emails, externals, blocked, aged := 0, 0, 0, 0
	for _, p := range people {
		require.True(t, v.current(&p.stamp))
		fresh := *p
		fresh.setUser(p.u)
		require.Equal(t, fresh, *p)
		require.Same(t, p.u, v.userByUsername(p.u.UsernameKey, s.text(p.u.UsernameKey)))
		if p.u.EmailKey != "" {
			emails++
			require.Same(t, p.u, v.userByEmail(p.u.EmailKey, s.text(p.u.EmailKey)))
		}
		if p.u.Source != "" {
			externals++
			require.Same(t, p.u, s.userByExternal(v, p.u.Source, p.u.ExternalID))
		}
		e, ages := u.byAge.Get(agedUser{p.changedAt, p.u})
		require.Equal(t, p.ages(), ages)
		if ages {
			require.Same(t, p.u, e.u)
			aged++
		}
		_, is := u.blocked.Get(p.id)
		require.Equal(t, p.mayBeBlocked(), is)
		if is {
			blocked++
		}
		if p.u.SearchKey != "" {
			found := false
			u.search.find([]byte(p.u.SearchKey), func(id usermgmt.UserID) bool {
				found = id == p.id
				return !found
			})
			require.True(t, found)
		}
		x, is := u.byUnit.Get(unitUser{v.unit(p.u.OwnerUnit).no, p.u})
		require.True(t, is)
		require.Same(t, p.u, x.u)
	}
	require.Equal(t, []int{len(people), emails, externals, len(people), blocked, aged}, []int{
		u.byUsername.Len(), u.byEmail.Len(), u.byExternal.Len(), len(itemsOf(t, &u.byUnit)), u.blocked.Len(), u.byAge.Len(),
	})
	inGroups := 0
	for _, p := range people {
		for _, id := range p.u.Groups {
			inGroups++
			x, is := u.grouped.Get(groupUser{id, p.u})
			require.True(t, is)
			require.Same(t, p.u, x.u)
		}
	}
	require.Len(t, itemsOf(t, &u.grouped), inGroups)
	require.Len(t, itemsOf(t, &u.groupNames), u.groups.Len())
	for i := range u.orders {
		rows := itemsOf(t, &u.orders[i])
		require.Len(t, rows, len(people))
		for _, r := range rows {
			require.Same(t, v.person(r.ID).u, r)
		}
	}
	kits := map[*kit]int{}
	inTeams, perOrg := 0, map[usermgmt.OrgID]int{}
	for _, m := range rowsOf(&u.members) {
		require.True(t, v.current(&m.stamp))
		require.Same(t, v.person(m.u.ID).u, m.u)
		kits[m.kit]++
		if m.searchKey != "" {
			found := false
			u.search.find([]byte(m.searchKey), func(id usermgmt.UserID) bool {
				found = id == m.u.ID
				return !found
			})
			require.True(t, found)
		}
		perOrg[m.kit.org]++
		seen := map[uint64]bool{}
		tags := []*teamTag{}
		for i := range m.place.teams {
			tags = append(tags, m.place.teams[i].tag)
		}
		if m.place.primary != nil {
			tags = append(tags, m.place.primary)
		}
		for _, tag := range tags {
			if !seen[tag.no] {
				seen[tag.no] = true
				inTeams++
				x, is := u.teamMembers.Get(teamMember{tag.no, m})
				require.True(t, is)
				require.Same(t, m, x.m)
				require.Same(t, v.team(tag.id).tag, tag)
			}
		}
	}
	require.Len(t, itemsOf(t, &u.teamMembers), inTeams)
	require.Equal(t, len(kits), u.kits.Len())
	for _, r := range rowsOf(&u.kits) {
		require.Equal(t, kits[r.kit], r.n)
	}
	for _, sp := range rowsOf(&v.orgs.spaces) {
		for i := range sp.members {
			rows := itemsOf(t, &sp.members[i])
			require.Len(t, rows, perOrg[sp.id])
			for _, m := range rows {
				require.Same(t, v.member(m.u.ID, sp.id), m)
			}
		}
	}
}

func checkSessions(t *testing.T, v *version) {
	t.Helper()
	x := v.sessions
	live, users, parents := 0, 0, 0
	for _, r := range rowsOf(&x.sessions) {
		e, is := x.byEnd.Get(endingSession{r.endsAt(), r})
		require.True(t, is)
		require.Same(t, r, e.s)
		checkRows(t, v, r.person, r.member, r.org)
		if r.ended() {
			continue
		}
		live++
		require.Same(t, r, v.sessionByToken(&r.token))
		r.places(func(in *userSessions, no uint64) {
			if in.parents {
				parents++
			} else {
				users++
			}
			e, is := in.of(x).Get(userSession{no, r})
			require.True(t, is)
			require.Same(t, r, e.s)
		})
	}
	require.Equal(t, []int{x.sessions.Len(), live, users, parents}, []int{
		len(itemsOf(t, &x.byEnd)), x.tokens.Len(), len(itemsOf(t, &x.byUser)), len(itemsOf(t, &x.byParent)),
	})
	keys := rowsOf(&x.keys)
	require.Equal(t, []int{len(keys), len(keys)}, []int{x.keyHash.Len(), x.keyOwner.Len()})
	follows, expires := 0, 0
	for _, k := range keys {
		if k.follows() {
			follows++
			require.NotNil(t, v.keyByPrevious(&k.more.previousHash))
		}
		if k.expires() {
			expires++
			e, is := x.expiring.Get(k)
			require.True(t, is)
			require.Same(t, k, e)
		}
		require.Same(t, k, v.keyByHash(&k.hash))
		require.Same(t, k, v.keyOf(k.person.id, k.org.ID))
		checkRows(t, v, k.person, k.member, k.org)
	}
	require.Equal(t, []int{follows, expires}, []int{x.previous.Len(), x.expiring.Len()})
}

// checkRows holds kept rows to the tables.
func checkRows(t *testing.T, v *version, p *person, m *member, o *orgRow) {
	t.Helper()
	id := p.id
	p, m, o2 := v.rows(p, m, o)
	require.Same(t, v.person(id), p)
	if o != nil {
		require.Same(t, v.org(o.ID), o2)
		require.Same(t, v.member(id, o.ID), m)
	}
}

func checkOthers(t *testing.T, v *version) {
	t.Helper()
	o := v.others
	teams := 0
	for _, l := range rowsOf(&o.proxies) {
		for _, x := range l.Teams {
			teams++
			_, is := o.proxyTeams.Get(proxyTeam{x.Team, l.Operator, l.Org})
			require.True(t, is)
		}
	}
	require.Equal(t, teams, o.proxyTeams.Len())
	require.Len(t, itemsOf(t, &o.deputies), o.deputyFor.Len())
	for _, d := range itemsOf(t, &o.deputies) {
		x, is := o.deputyFor.Get(d)
		require.True(t, is)
		require.Same(t, d, x)
		require.NotNil(t, v.member(d.User, d.Org))
		require.NotNil(t, v.member(d.Deputy, d.Org))
	}
	open := 0
	for _, m := range itemsOf(t, &o.messages) {
		if pending(m) {
			open++
			x, is := o.pending.Get(m)
			require.True(t, is)
			require.Same(t, m, x)
		}
	}
	require.Len(t, itemsOf(t, &o.pending), open)
	var last usermgmt.AuditID
	v.audit.descend(usermgmt.AuditID{}, func(h *auditHead, _ []byte) bool {
		require.True(t, last.IsZero() || cmpID(h.id, last) < 0)
		last = h.id
		return true
	})
}
