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
)

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
	anyOrgs  = 3
	anyUnits = 5
	anyTeams = 6
	anyUsers = 8
	anyRoles = 4
)

// change makes one random change.
func (f *fuzzer) change(ctx context.Context, s usermgmt.Store) error {
	f.n++
	org, user := some[usermgmt.Organization](f, anyOrgs), some[usermgmt.User](f, anyUsers)
	switch f.IntN(36) {
	case 0, 1:
		old, err := s.OrgByID(ctx, org)
		return s.SaveOrg(ctx, usermgmt.Organization{
			ID: org, NameKey: f.key(), Provider: f.IntN(3) == 0, Enabled: true,
			Version: versionFor(old, err, func(o usermgmt.Organization) int64 { return o.Version }),
		})
	case 2, 3:
		id := some[usermgmt.BusinessUnit](f, anyUnits)
		old, err := s.UnitByID(ctx, id)
		u := usermgmt.BusinessUnit{ID: id, Org: org, NameKey: f.key()}
		if err == nil {
			u.Org, u.Version = old.Org, old.Version
		}
		if n := f.IntN(anyUnits); n < int(id[15])-1 {
			u.Parent = idAt[usermgmt.BusinessUnit](n)
		}
		return s.SaveUnit(ctx, u)
	case 4, 5:
		id := some[usermgmt.Team](f, anyTeams)
		old, err := s.TeamByID(ctx, id)
		tm := usermgmt.Team{ID: id, Org: org, NameKey: f.key()}
		if err == nil {
			tm.Org, tm.Version = old.Org, old.Version
		}
		if n := f.IntN(anyTeams); n < int(id[15])-1 {
			tm.Parent = idAt[usermgmt.Team](n)
		}
		return s.SaveTeam(ctx, tm)
	case 6, 7, 8:
		old, err := s.UserByID(ctx, user)
		u := usermgmt.User{
			ID: user, Org: org, OwnerUnit: some[usermgmt.BusinessUnit](f, anyUnits), UsernameKey: f.key() + f.key(),
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
			Units: list[usermgmt.BusinessUnit](f, anyUnits), InitialApp: maybe[usermgmt.Application](f, 2), Rights: int64(f.n),
			Version: versionFor(old, err, func(m usermgmt.Membership) int64 { return m.Version }),
		}
		for _, id := range list[usermgmt.Team](f, anyTeams) {
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
		return s.DeleteUnit(ctx, some[usermgmt.BusinessUnit](f, anyUnits))
	case 14:
		return s.DeleteTeam(ctx, some[usermgmt.Team](f, anyTeams))
	case 15, 16:
		id := some[usermgmt.Role](f, anyRoles)
		old, err := s.RoleByID(ctx, id)
		return s.SaveRole(ctx, usermgmt.Role{
			ID: id, Org: maybe[usermgmt.Organization](f, anyOrgs), App: maybe[usermgmt.Application](f, 2), NameKey: f.key(),
			Version: versionFor(old, err, func(r usermgmt.Role) int64 { return r.Version }),
		})
	case 17:
		return s.DeleteRole(ctx, some[usermgmt.Role](f, anyRoles))
	case 18:
		id := some[usermgmt.AccessProfile](f, 2)
		old, err := s.ProfileByID(ctx, id)
		return s.SaveProfile(ctx, usermgmt.AccessProfile{
			ID: id, Org: maybe[usermgmt.Organization](f, anyOrgs), NameKey: f.key(),
			Version: versionFor(old, err, func(p usermgmt.AccessProfile) int64 { return p.Version }),
		})
	case 19:
		return cmp.Or(s.DeleteProfile(ctx, some[usermgmt.AccessProfile](f, 2)), s.DeleteApplication(ctx, some[usermgmt.Application](f, 2)))
	case 20:
		id := some[usermgmt.Application](f, 2)
		old, err := s.ApplicationByID(ctx, id)
		return s.SaveApplication(ctx, usermgmt.Application{
			ID: id, Org: maybe[usermgmt.Organization](f, anyOrgs), NameKey: f.key(),
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
			e.Team = some[usermgmt.Team](f, anyTeams)
		}
		return s.SaveAccess(ctx, e)
	case 23:
		return s.DeleteAccess(ctx, some[usermgmt.AccessEntry](f, 6))
	case 24, 25, 26:
		return s.CreateSession(ctx, usermgmt.Session{
			ID: some[usermgmt.Session](f, 40), TokenHash: [32]byte{byte(f.IntN(60))}, User: user, Org: maybe[usermgmt.Organization](f, anyOrgs),
			Operator: maybe[usermgmt.User](f, anyUsers), Parent: maybe[usermgmt.Session](f, 40), CreatedAt: f.at(), ExpiresAt: f.at(),
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
		_, err := s.EndSessions(ctx, user, maybe[usermgmt.Organization](f, anyOrgs), maybe[usermgmt.Session](f, 40), f.at(), "all")
		return err
	case 30:
		return s.PutAPIKey(ctx, usermgmt.APIKey{ID: some[usermgmt.APIKey](f, 20), User: user, Org: org, Hash: [32]byte{byte(f.IntN(30))}})
	case 31:
		old, err := s.ProxyListOf(ctx, user, org)
		if f.IntN(2) == 0 {
			other := some[usermgmt.User](f, anyUsers)
			if d, err := s.DeputyOf(ctx, user, org, other); err == nil && f.IntN(2) == 0 {
				return s.DeleteDeputy(ctx, d.User, d.Org, d.Deputy)
			}
			return s.SaveDeputy(ctx, usermgmt.Deputy{User: user, Org: org, Deputy: other})
		}
		var teams []usermgmt.ProxyTeam
		for _, t := range list[usermgmt.Team](f, anyTeams) {
			teams = append(teams, usermgmt.ProxyTeam{Team: t})
		}
		return s.SaveProxyList(ctx, usermgmt.ProxyList{
			Operator: user, Org: org, Teams: teams,
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
		s.BumpRights(ctx, user, org), s.SetPool(ctx, org, "a", usermgmt.PoolTerms{Size: f.IntN(5)}), s.PutBlob(ctx, f.key(), []byte(f.key())),
		s.BumpStamps(ctx, org, true), s.SaveCheckpoint(ctx, usermgmt.Checkpoint{ID: some[usermgmt.Checkpoint](f, 5), Rows: f.n}),
	)
}

// TestRandomChanges makes random changes, alone and in transactions that are
// nested and undone, and holds the indexes to the tables, and what was undone
// to what was before.
func TestRandomChanges(t *testing.T) {
	rounds := 800
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
