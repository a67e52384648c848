package memory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

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
	var units, teams, roles, profiles, apps, access, sharing, orgs int
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
	require.Equal(t, []int{orgs, units, teams, roles, profiles, apps, access, sharing}, []int{
		o.byName.Len(), o.units.Len(), o.teams.Len(), o.roles.Len(), o.profiles.Len(), o.apps.Len(), o.access.Len(), o.sharing.Len(),
	})
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
	emails, externals, blocked := 0, 0, 0
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
	require.Equal(t, []int{len(people), emails, externals, len(people), blocked}, []int{
		u.byUsername.Len(), u.byEmail.Len(), u.byExternal.Len(), len(itemsOf(t, &u.byUnit)), u.blocked.Len(),
	})
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
	for _, k := range keys {
		require.Same(t, k, v.keyByHash(&k.hash))
		require.Same(t, k, v.keyOf(k.person.id, k.org.ID))
		checkRows(t, v, k.person, k.member, k.org)
	}
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
		for _, id := range l.Teams {
			teams++
			_, is := o.proxyTeams.Get(proxyTeam{id, l.Operator, l.Org})
			require.True(t, is)
		}
	}
	require.Equal(t, teams, o.proxyTeams.Len())
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

// dump writes down everything that can be read of a version, in tables.
func dump(s *Store, v *version) string {
	var b strings.Builder
	line := func(x any) { fmt.Fprintf(&b, "%+v\n", x) }
	sorted := func(lines []string) {
		slices.Sort(lines)
		line(lines)
	}
	var lines []string
	for _, sp := range rowsOf(&v.orgs.spaces) {
		if sp.org != nil {
			lines = append(lines, fmt.Sprintf("%+v %d %d", sp.org.value(), sp.org.policy, sp.org.trees))
		}
		for _, f := range []any{
			all(&sp.units, (*unitRow).value), all(&sp.teams, (*teamRow).value), all(&sp.roles, cloneRole),
			all(&sp.profiles, cloneProfile), all(&sp.apps, cloneApp), all(&sp.access, cloneAccess), all(&sp.sharing, cloneSharing),
		} {
			lines = append(lines, fmt.Sprintf("%v %+v", sp.id, f))
		}
	}
	for _, p := range rowsOf(&v.users.people) {
		a, err := v.account(p)
		lines = append(lines, fmt.Sprintf("%+v %v", a, err))
	}
	for _, m := range rowsOf(&v.users.members) {
		var c copier
		lines = append(lines, fmt.Sprintf("%+v", c.membership(m)))
	}
	for _, r := range rowsOf(&v.sessions.sessions) {
		var x usermgmt.SessionView
		v.view(&x, r)
		lines = append(lines, fmt.Sprintf("%+v", x))
	}
	for _, k := range rowsOf(&v.sessions.keys) {
		var x usermgmt.APIKey
		k.value(&x)
		lines = append(lines, fmt.Sprintf("%+v", x))
	}
	for _, l := range rowsOf(&v.others.proxies) {
		lines = append(lines, fmt.Sprintf("%+v", *l))
	}
	for _, l := range rowsOf(&v.others.blobs) {
		lines = append(lines, fmt.Sprintf("%+v", *l))
	}
	for _, c := range rowsOf(&v.others.checkpoints) {
		lines = append(lines, fmt.Sprintf("%+v", *c))
	}
	sorted(lines)
	line(all(&v.others.pools, func(p *usermgmt.LicencePool) usermgmt.LicencePool { return *p }))
	line(all(&v.others.messages, func(m *usermgmt.Message) usermgmt.Message { return *m }))
	v.audit.descend(usermgmt.AuditID{}, func(h *auditHead, data []byte) bool {
		e := h.entry(data[h.start:h.end])
		if f := v.audit.fold(e.FoldKey, s.text(e.FoldKey)); f != nil {
			e.Count = f.count
		}
		line(e)
		return true
	})
	line([]any{v.systemPolicy, v.bootstrapped})
	return b.String()
}

func idAt[E any](n int) (id usermgmt.ID[E]) {
	id[6], id[8], id[15] = 0x70, 0x80, byte(n+1)
	return id
}

var errUndo = errors.New("undo")

// fuzzer makes random changes among few records, so that they often meet.
type fuzzer struct {
	*rand.Rand
	n int
}

func (f *fuzzer) at() time.Time {
	return time.UnixMicro(int64(f.IntN(1_000_000))).UTC()
}

func (f *fuzzer) key() string { return string(rune('a' + f.IntN(8))) }

func some[E any](f *fuzzer, n int) usermgmt.ID[E] { return idAt[E](f.IntN(n)) }

func maybe[E any](f *fuzzer, n int) (id usermgmt.ID[E]) {
	if f.IntN(2) == 0 {
		return some[E](f, n)
	}
	return id
}

func list[E any](f *fuzzer, n int) (out []usermgmt.ID[E]) {
	for range f.IntN(3) {
		if id := some[E](f, n); !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}

func (f *fuzzer) assignments() (out []usermgmt.RoleAssignment) {
	for _, id := range list[usermgmt.Role](f, 4) {
		a := usermgmt.RoleAssignment{Role: id}
		if f.IntN(3) == 0 {
			a.From = f.at()
		}
		out = append(out, a)
	}
	return out
}

// version returns the version to save with: mostly the right one.
func versionFor[T any](stored T, err error, of func(T) int64) int64 {
	if err != nil {
		return 0
	}
	return of(stored)
}

const (
	fewOrgs  = 3
	fewUnits = 5
	fewTeams = 6
	fewPeopl = 8
	fewRoles = 4
)

// change makes one random change.
func (f *fuzzer) change(ctx context.Context, s usermgmt.Store) error {
	f.n++
	org, user := some[usermgmt.Organization](f, fewOrgs), some[usermgmt.User](f, fewPeopl)
	switch f.IntN(36) {
	case 0, 1:
		old, err := s.OrgByID(ctx, org)
		return s.SaveOrg(ctx, usermgmt.Organization{
			ID: org, NameKey: f.key(), Provider: f.IntN(3) == 0, Enabled: true,
			Version: versionFor(old, err, func(o usermgmt.Organization) int64 { return o.Version }),
		})
	case 2, 3:
		id := some[usermgmt.BusinessUnit](f, fewUnits)
		old, err := s.UnitByID(ctx, id)
		u := usermgmt.BusinessUnit{ID: id, Org: org, NameKey: f.key()}
		if err == nil {
			u.Org, u.Version = old.Org, old.Version
		}
		if n := f.IntN(fewUnits); n < int(id[15])-1 {
			u.Parent = idAt[usermgmt.BusinessUnit](n)
		}
		return s.SaveUnit(ctx, u)
	case 4, 5:
		id := some[usermgmt.Team](f, fewTeams)
		old, err := s.TeamByID(ctx, id)
		tm := usermgmt.Team{ID: id, Org: org, NameKey: f.key()}
		if err == nil {
			tm.Org, tm.Version = old.Org, old.Version
		}
		if n := f.IntN(fewTeams); n < int(id[15])-1 {
			tm.Parent = idAt[usermgmt.Team](n)
		}
		return s.SaveTeam(ctx, tm)
	case 6, 7, 8:
		old, err := s.UserByID(ctx, user)
		u := usermgmt.User{
			ID: user, Org: org, OwnerUnit: some[usermgmt.BusinessUnit](f, fewUnits), UsernameKey: f.key() + f.key(),
			NameKey: f.key(), SearchKey: f.key() + f.key(), Enabled: true, CreatedAt: f.at(),
			Version: versionFor(old, err, func(u usermgmt.User) int64 { return u.Version }),
		}
		if f.IntN(2) == 0 {
			u.EmailKey = f.key() + f.key()
		}
		if f.IntN(3) == 0 {
			u.Source, u.ExternalID = "s", f.key()
		}
		if unit, err := s.UnitByID(ctx, u.OwnerUnit); err == nil {
			u.Org = unit.Org
		}
		return s.SaveUser(ctx, u)
	case 9, 10, 11:
		old, err := s.MembershipOf(ctx, user, org)
		m := usermgmt.Membership{
			User: user, Org: org, Enabled: f.IntN(4) > 0, Profile: some[usermgmt.AccessProfile](f, 2), Roles: f.assignments(),
			Units: list[usermgmt.BusinessUnit](f, fewUnits), InitialApp: maybe[usermgmt.Application](f, 2), Rights: int64(f.n),
			Version: versionFor(old, err, func(m usermgmt.Membership) int64 { return m.Version }),
		}
		for _, id := range list[usermgmt.Team](f, fewTeams) {
			a := usermgmt.TeamAssignment{Team: id}
			if f.IntN(3) == 0 {
				a.Until = f.at()
			}
			m.Teams, m.PrimaryTeam = append(m.Teams, a), id
		}
		return s.SaveMembership(ctx, m)
	case 12:
		return s.DeleteMembership(ctx, user, org, f.at())
	case 13:
		return s.DeleteUnit(ctx, some[usermgmt.BusinessUnit](f, fewUnits))
	case 14:
		return s.DeleteTeam(ctx, some[usermgmt.Team](f, fewTeams))
	case 15, 16:
		id := some[usermgmt.Role](f, fewRoles)
		old, err := s.RoleByID(ctx, id)
		return s.SaveRole(ctx, usermgmt.Role{
			ID: id, Org: maybe[usermgmt.Organization](f, fewOrgs), App: maybe[usermgmt.Application](f, 2), NameKey: f.key(),
			Version: versionFor(old, err, func(r usermgmt.Role) int64 { return r.Version }),
		})
	case 17:
		return s.DeleteRole(ctx, some[usermgmt.Role](f, fewRoles))
	case 18:
		id := some[usermgmt.AccessProfile](f, 2)
		old, err := s.ProfileByID(ctx, id)
		return s.SaveProfile(ctx, usermgmt.AccessProfile{
			ID: id, Org: maybe[usermgmt.Organization](f, fewOrgs), NameKey: f.key(),
			Version: versionFor(old, err, func(p usermgmt.AccessProfile) int64 { return p.Version }),
		})
	case 19:
		return cmp.Or(s.DeleteProfile(ctx, some[usermgmt.AccessProfile](f, 2)), s.DeleteApplication(ctx, some[usermgmt.Application](f, 2)))
	case 20:
		id := some[usermgmt.Application](f, 2)
		old, err := s.ApplicationByID(ctx, id)
		return s.SaveApplication(ctx, usermgmt.Application{
			ID: id, Org: maybe[usermgmt.Organization](f, fewOrgs), NameKey: f.key(),
			Version: versionFor(old, err, func(a usermgmt.Application) int64 { return a.Version }),
		})
	case 21, 22:
		id := some[usermgmt.AccessEntry](f, 6)
		old, err := s.AccessByID(ctx, id)
		e := usermgmt.AccessEntry{ID: id, Org: org, Application: some[usermgmt.Application](f, 2), Roles: f.assignments()}
		if err == nil {
			e.Org, e.Version = old.Org, old.Version
		}
		if f.IntN(2) == 0 {
			e.User = user
		} else {
			e.Team = some[usermgmt.Team](f, fewTeams)
		}
		return s.SaveAccess(ctx, e)
	case 23:
		return s.DeleteAccess(ctx, some[usermgmt.AccessEntry](f, 6))
	case 24, 25, 26:
		return s.CreateSession(ctx, usermgmt.Session{
			ID: some[usermgmt.Session](f, 40), TokenHash: [32]byte{byte(f.IntN(60))}, User: user, Org: maybe[usermgmt.Organization](f, fewOrgs),
			Operator: maybe[usermgmt.User](f, fewPeopl), Parent: maybe[usermgmt.Session](f, 40), CreatedAt: f.at(), ExpiresAt: f.at(),
		})
	case 27:
		view, err := s.SessionByID(ctx, some[usermgmt.Session](f, 40))
		if err != nil {
			return nil
		}
		next := view.Session
		next.TokenHash, next.SeenAt, next.App = [32]byte{byte(f.IntN(60))}, f.at(), maybe[usermgmt.Application](f, 2)
		return s.UpdateSession(ctx, next, view.Session.TokenHash)
	case 28:
		_, err := s.EndSession(ctx, some[usermgmt.Session](f, 40), f.at(), "x")
		return err
	case 29:
		if _, err := s.PruneSessions(ctx, f.at(), 3); err != nil || f.IntN(4) > 0 {
			return err
		}
		_, err := s.EndSessions(ctx, user, maybe[usermgmt.Organization](f, fewOrgs), maybe[usermgmt.Session](f, 40), f.at(), "all")
		return err
	case 30:
		return s.PutAPIKey(ctx, usermgmt.APIKey{ID: some[usermgmt.APIKey](f, 20), User: user, Org: org, Hash: [32]byte{byte(f.IntN(30))}})
	case 31:
		old, err := s.ProxyListOf(ctx, user, org)
		return s.SaveProxyList(ctx, usermgmt.ProxyList{
			Operator: user, Org: org, Teams: list[usermgmt.Team](f, fewTeams),
			Version: versionFor(old, err, func(l usermgmt.ProxyList) int64 { return l.Version }),
		})
	case 32:
		if f.IntN(2) == 0 {
			return s.ClearAttempts(ctx, user, f.at())
		}
		return s.RecordLogin(ctx, user, f.at())
	case 33:
		e := usermgmt.AuditEntry{ID: idAt[usermgmt.AuditEntry](f.n % 250), Verb: f.key(), Count: 1}
		e.ID[14] = byte(f.n / 250)
		if f.IntN(3) == 0 {
			e.ID[13] = byte(f.IntN(250))
		}
		if f.IntN(3) == 0 {
			e.FoldKey = f.key() + f.key()
		}
		return s.AppendAudit(ctx, e)
	case 34:
		if f.IntN(3) == 0 {
			return s.AddMessages(ctx, usermgmt.Message{ID: some[usermgmt.Message](f, 200), NotBefore: f.at(), CreatedAt: f.at()})
		}
		m := usermgmt.Message{ID: some[usermgmt.Message](f, 200)}
		if f.IntN(2) == 0 {
			m.SentAt = f.at()
		}
		return s.SettleMessage(ctx, m)
	}
	return cmp.Or(
		s.BumpRights(ctx, user, org), s.SetPool(ctx, org, "a", f.IntN(5)), s.PutBlob(ctx, f.key(), []byte(f.key())),
		s.BumpStamps(ctx, org, true), s.SaveCheckpoint(ctx, usermgmt.Checkpoint{ID: some[usermgmt.Checkpoint](f, 5), Rows: f.n}),
	)
}

// TestRandomChanges makes random changes, alone and in transactions that are
// nested and undone, and holds the indexes to the tables, and what was undone
// to what was before.
func TestRandomChanges(t *testing.T) {
	rounds := 1500
	if testing.Short() {
		rounds = 200
	}
	for seed := range uint64(4) {
		s := New()
		f := &fuzzer{Rand: rand.New(rand.NewPCG(seed, 1))}
		type kept struct {
			v    *version
			text string
		}
		var old []kept
		done := 0
		for i := range rounds {
			if f.IntN(2) == 0 {
				if f.change(ctx, s) == nil {
					done++
				}
			} else {
				f.transaction(t, s)
			}
			v := s.current.Load()
			if i%10 == 0 {
				check(t, s, v)
			}
			if i%100 == 0 {
				old = append(old, kept{v, dump(s, v)})
			}
		}
		require.Greater(t, done, rounds/10)
		for _, k := range old {
			require.Equal(t, k.text, dump(s, k.v), "a version changed after it was published")
		}
	}
}

func (f *fuzzer) transaction(t *testing.T, s *Store) {
	t.Helper()
	before := s.current.Load()
	text := dump(s, before)
	undo := f.IntN(2) == 0
	err := s.Tx(ctx, func(ctx context.Context, tx usermgmt.Store) error {
		bound := tx.(*Store)
		for range f.IntN(6) {
			v := bound.tx.version(s.engine)
			text := dump(s, v)
			err := tx.Tx(ctx, func(ctx context.Context, tx usermgmt.Store) error {
				for range 1 + f.IntN(3) {
					if err := f.change(ctx, tx); err != nil {
						return err
					}
				}
				if f.IntN(4) == 0 {
					return errUndo
				}
				return nil
			})
			v = bound.tx.version(s.engine)
			check(t, s, v)
			if err != nil {
				require.Equal(t, text, dump(s, v))
			}
		}
		if undo {
			return errUndo
		}
		return nil
	})
	if undo {
		require.ErrorIs(t, err, errUndo)
		require.Same(t, before, s.current.Load())
	} else {
		require.NoError(t, err)
	}
	require.Equal(t, text, dump(s, before))
	require.Empty(t, s.w.replaced)
}
