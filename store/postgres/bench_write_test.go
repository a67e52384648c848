package postgres_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/testonly"
)

// ownUsers are users whom benchmarks change, as they are stored. Each caller has
// users of its own: what they wait for is the disk, not each other.
type ownUsers [64]struct {
	sync.Mutex
	usermgmt.User
}

func (w *world) ownUsers(tb testing.TB) *ownUsers {
	tb.Helper()
	if w.own != nil {
		return w.own
	}
	out := &ownUsers{}
	for i := range out {
		u, err := w.store.UserByID(context.Background(), bigUser(20*(i+1)+3))
		require.NoError(tb, err)
		out[i].User = u
	}
	w.own = out
	return out
}

// with calls do with a user nobody else changes meanwhile.
func (o *ownUsers) with(i int, do func(u *usermgmt.User) error) error {
	u := &o[i%len(o)]
	u.Lock()
	defer u.Unlock()
	return do(&u.User)
}

func phone(i int) string { return fmt.Sprint("+49 30 ", i) }

// saves change a field of a user, without an audit entry and with one.
func (w *world) saves(tb testing.TB) (plain, audited func(i int) error) {
	tb.Helper()
	own := w.ownUsers(tb)
	save := func(audited bool) func(i int) error {
		return func(i int) error {
			return own.with(i, func(u *usermgmt.User) error {
				u.Phone, u.UpdatedAt = phone(i), time.Now()
				err := w.store.Tx(context.Background(), func(ctx context.Context, tx usermgmt.Store) error {
					if err := tx.SaveUser(ctx, *u); err != nil || !audited {
						return err
					}
					return tx.AppendAudit(ctx, w.entry(u.ID))
				})
				u.Version++
				return err
			})
		}
	}
	return save(false), save(true)
}

// updates are the same through the service.
func (w *world) updates(tb testing.TB, m *usermgmt.Manager) func(i int) error {
	tb.Helper()
	own, actor := w.ownUsers(tb), w.actor(tb)
	return func(i int) error {
		return own.with(i, func(u *usermgmt.User) error {
			p := phone(i)
			out, err := m.Users().Update(context.Background(), actor, u.ID, u.Version, usermgmt.UserUpdate{Phone: &p})
			if err == nil {
				u.Version = out.Version
			}
			return err
		})
	}
}

// updateContests are changes of one field of a user, with their audit entry.
func (w *world) updateContests(tb testing.TB) []contest {
	ctx := context.Background()
	own := w.ownUsers(tb)
	const bare = `update usermgmt_users set phone = $2, updated_at = $3, version = version + 1 where user_id = $1 and version = $4`
	const bareAudit = `with u as (` + bare + ` returning user_id)
insert into usermgmt_audit (audit_id, operation_id, at, verb, outcome, door, operator_id, subject_id, org_id, target_kind, target, digest, count, last_at)
select gen_random_uuid(), gen_random_uuid(), $3, 'user.update', 1, 1, user_id, user_id, null, 'user', '', sha256(''), 1, $3 from u`
	exec := func(sql string) func(i int) error {
		return func(i int) error {
			return own.with(i, func(u *usermgmt.User) error {
				tag, err := w.pool.Exec(ctx, sql, [16]byte(u.ID), phone(i), time.Now(), u.Version)
				u.Version++
				return rowsAre(int(tag.RowsAffected()), err)
			})
		}
	}
	plain, audited := w.saves(tb)
	ways := []side{
		{"bare UPDATE", exec(bare)}, {"SaveUser and AppendAudit", audited}, {"SaveUser alone", plain},
		{"bare UPDATE and INSERT in one statement", exec(bareAudit)}, {"Users.Update", w.updates(tb, w.m)},
	}
	same := []side{ways[2], ways[1]}
	return []contest{
		{row: "10a", what: "1 caller", most: 1.20, ways: ways},
		{row: "10a", what: "1 caller, same write", most: 1.20, ways: same},
		{row: "10b", what: "16 callers", most: 1.20, callers: 16, ways: ways},
		{row: "10b", what: "16 callers, same write", most: 1.20, callers: 16, ways: same},
	}
}

var auditNumber atomic.Int64

// entry is an audit entry of an ordinary change.
func (w *world) entry(u usermgmt.UserID) usermgmt.AuditEntry {
	now := time.Now()
	e := usermgmt.AuditEntry{
		At: now, Verb: "user.update", Outcome: usermgmt.OutcomeDone, Door: usermgmt.DoorSession, Operator: w.admin, Subject: w.admin,
		Org: bigOrg(1), TargetKind: "user", Target: u.String(), Fields: []string{"phone"}, Count: 1, LastAt: now,
	}
	e.ID = usermgmt.AuditID(timeID(now, auditNumber.Add(1)))
	e.Operation = usermgmt.OperationID(e.ID)
	e.Detail.OperatorName, e.Detail.TargetName = "admin", "somebody"
	e.Detail.Before, e.Detail.After = map[string]string{"phone": "1"}, map[string]string{"phone": "2"}
	return e
}

// timeID is an identifier in the order of time.
func timeID(t time.Time, n int64) (id [16]byte) {
	for k, v := 7, t.UnixNano(); k >= 0; k, v = k-1, v>>8 {
		id[k] = byte(v)
	}
	for k := 15; n > 0; k, n = k-1, n>>8 {
		id[k] = byte(n)
	}
	return id
}

// revocationContests verify a session in one process right after another process
// took something away, which must show, and compare that with verifying it when
// nothing happened. Only the verification is timed.
func (w *world) revocationContests(tb testing.TB, tab *table) {
	ctx := context.Background()
	_, _, other := w.process(tb)
	admin := w.system(tb, bigOrg(1))
	grants := []usermgmt.Grant{{Permission: usermgmt.PermUserExport, Scope: usermgmt.ScopeOrganization}}
	u, role := w.newUser(tb, grants...)
	login, err := w.m.Auth().Login(ctx, usermgmt.LoginRequest{Name: u.Username, Password: benchPassword})
	require.NoError(tb, err)
	tok := login.Token.Reveal()
	allowed := func(want bool) (time.Duration, error) {
		at := time.Now()
		a, err := other.Auth().Session(ctx, tok, usermgmt.Origin{})
		took := time.Since(at)
		if err == nil && a.Has(usermgmt.PermUserExport) != want {
			err = fmt.Errorf("has the permission: %t", !want)
		}
		return took, err
	}
	member := func(roles []usermgmt.RoleAssignment) error {
		mem, err := w.store.MembershipOf(ctx, u.ID, bigOrg(1))
		if err != nil {
			return err
		}
		_, err = w.m.Members().Update(ctx, admin, u.ID, bigOrg(1), mem.Version, usermgmt.MembershipUpdate{Roles: &roles})
		return err
	}
	grant := func(g []usermgmt.Grant) error {
		r, err := w.store.RoleByID(ctx, role.ID)
		if err != nil {
			return err
		}
		_, err = w.m.Roles().Update(ctx, admin, role.ID, r.Version, usermgmt.RoleUpdate{Grants: &g})
		return err
	}
	empty, err := w.m.Roles().Create(ctx, admin, usermgmt.NewRole{Org: bigOrg(1), Name: w.unique("empty")})
	require.NoError(tb, err)
	team, err := w.m.Teams().Create(ctx, admin, usermgmt.NewTeam{Name: w.unique("team"), Parent: bigTeam(1)})
	require.NoError(tb, err)
	version := team.Version
	changes := []struct {
		what       string
		take, give func() error
		shows      bool
	}{
		{"a membership loses a role", func() error { return member([]usermgmt.RoleAssignment{{Role: empty.ID}}) },
			func() error { return member([]usermgmt.RoleAssignment{{Role: role.ID}}) }, true},
		{"a role loses a grant", func() error { return grant(nil) }, func() error { return grant(grants) }, true},
		{"a team moves (trees of 15,000 are read again)", func() error {
			to := bigTeam(2 + int(version)%2)
			out, err := w.m.Teams().Update(ctx, admin, team.ID, version, usermgmt.TeamUpdate{Parent: &to})
			if err == nil {
				version = out.Version
			}
			return err
		}, func() error { return nil }, false},
	}
	for _, c := range changes {
		var plain, after []time.Duration
		for range 15 {
			for range 4 {
				took, err := allowed(true)
				require.NoError(tb, err, c.what)
				plain = append(plain, took)
			}
			require.NoError(tb, c.take(), c.what)
			took, err := allowed(!c.shows)
			require.NoError(tb, err, c.what)
			after = append(after, took)
			require.NoError(tb, c.give(), c.what)
			_, err = allowed(true)
			require.NoError(tb, err, c.what)
		}
		tab.line("1f", "verification after "+c.what, show(median(plain))+" nothing changed", show(median(after)),
			fmt.Sprintf("%.2f", float64(median(after))/float64(median(plain))), "next verification", "met (15 of 15)")
	}
}

// loginContests compare the login of nobody with that of somebody by a wrong
// password, by the same two names again and again.
func (w *world) loginContests(tb testing.TB, tab *table) {
	ctx := context.Background()
	for _, h := range []struct {
		what   string
		hash   *usermgmt.HashConfig
		rounds int
	}{
		{"cheap hash", &usermgmt.HashConfig{MemoryKiB: 64, Passes: 1, Permit: testonly.Permit{Weak: true}}, 400},
		{"default hash", nil, 60},
	} {
		m := w.manager(tb, w.store, h.hash)
		w.m, m = m, w.m
		u, _ := w.newUser(tb)
		w.m, m = m, w.m
		try := func(name string) time.Duration {
			at := time.Now()
			_, err := m.Auth().Login(ctx, usermgmt.LoginRequest{Name: name, Password: "Wrong-Horse-7-Battery"})
			took := time.Since(at)
			require.ErrorIs(tb, err, usermgmt.ErrCredentials)
			return took
		}
		nobody := w.unique("nobody")
		var known, unknown []time.Duration
		for i := range h.rounds {
			if i%2 == 0 {
				known = append(known, try(u.Username))
			}
			unknown = append(unknown, try(nobody))
			if i%2 == 1 {
				known = append(known, try(u.Username))
			}
		}
		a, b := median(known), median(unknown)
		diff := float64(b)/float64(a) - 1
		tab.line("4d", "unknown name against wrong password, "+h.what, show(a)+" wrong password", show(b), fmt.Sprintf("%.3f", 1+diff),
			"within 2 %", verdictOf(diff < 0.02 && diff > -0.02))
	}
}
