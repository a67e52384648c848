package postgres_test

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/token"
	"github.com/usermgmt/usermgmt/store/postgres"
)

// rowsAre fails if a call that should find rows found none.
func rowsAre(n int, err error) error {
	if err == nil && n == 0 {
		return errNothing
	}
	return err
}

// sessionContests are the verification of sessions, with and without touching.
func (w *world) sessionContests(tb testing.TB) []contest {
	ctx := context.Background()
	const live = 1000
	tokens, sessions, hashes := make([]string, live), make([]usermgmt.SessionID, live), make([][32]byte, live)
	now := time.Now().UTC()
	require.NoError(tb, w.store.Tx(ctx, func(ctx context.Context, tx usermgmt.Store) error {
		for i := range live {
			var secret [32]byte
			_, _ = rand.Read(secret[:])
			_, _ = rand.Read(sessions[i][:])
			tokens[i] = token.NewSession(secret)
			hashes[i], _ = token.SessionHash(tokens[i])
			err := tx.CreateSession(ctx, usermgmt.Session{
				ID: sessions[i], Kind: usermgmt.SessionLogin, TokenHash: hashes[i], User: w.admin, Org: bigOrg(1), Epoch: 1,
				Idle: 24 * time.Hour, CreatedAt: now, ExpiresAt: now.Add(24 * time.Hour), SeenAt: now.Add(12 * time.Hour),
			})
			if err != nil {
				return err
			}
		}
		return nil
	}))
	st, err := w.store.StandingOf(ctx, w.admin, bigOrg(1))
	require.NoError(tb, err)
	_, err = w.pool.Exec(ctx, "update usermgmt_sessions set epoch = $1 where user_id = $2", st.Epoch+st.OrgEpoch, [16]byte(w.admin))
	require.NoError(tb, err)
	// Sessions of many users: the generator's that have not ended.
	hash := func(i int) [32]byte { return bigHash(aSession, 4*(1+i*7919%(w.users/8))) }
	q := w.bare(tb, w.raw, postgres.SQLSessionToken)
	verify := func(i int) error {
		_, err := w.store.SessionByToken(ctx, hash(i))
		return err
	}
	return []contest{
		{row: "2b", what: "verify a session", most: 1.10, ways: []side{
			{"raw", func(i int) error { h := hash(i); return rowsAre(q(h[:])) }},
			{"SessionByToken", verify},
			{"Auth.Session", func(i int) error {
				_, err := w.m.Auth().Session(ctx, tokens[i%live], usermgmt.Origin{})
				return err
			}},
		}},
		{row: "2b", what: "touch 1 of 60", most: 1.05, each: 600, ways: []side{
			{"verify", verify},
			{"verify+touch", func(i int) error {
				if i%60 == 0 {
					at := time.Now().Add(13 * time.Hour)
					if err := w.store.TouchSession(ctx, sessions[i/60%live], at, at); err != nil {
						return err
					}
				}
				return verify(i)
			}},
			{"verify+touch each", func(i int) error {
				at := time.Now().Add(13 * time.Hour)
				if err := w.store.TouchSession(ctx, sessions[i%live], at, at); err != nil {
					return err
				}
				return verify(i)
			}},
		}},
	}
}

// plainAccount is an account as pgx alone reads it.
type plainAccount struct {
	ids               [4][16]byte
	reports, manager  *[16]byte
	kind, status      int16
	flags             [9]bool
	text              [30]string
	documents         [5]*string
	times             [2]time.Time
	nullable          [6]*time.Time
	numbersOf         [4]int64
	failures, version int64
}

// dests are destinations of the columns of a user; with account those of an account.
func (p *plainAccount) dests(account bool) []any {
	x, f := &p.text, &p.flags
	d := []any{&p.ids[0], &p.kind, &f[0], &p.ids[1], &p.ids[2], &x[0], &x[1], &x[2], &x[3], &p.documents[0], &x[4], &x[5], &x[6],
		&x[7], &x[8], &x[9], &x[10], &x[11], &x[12], &x[13], &x[14], &x[15], &x[16], &x[17], &x[18], &x[19], &x[20], &x[21],
		&x[22], &p.documents[1], &p.reports, &p.manager, &f[1], &f[2], &x[23], &f[3], &x[24], &x[25], &x[26], &f[4],
		&p.nullable[0], &p.times[0], &p.times[1], &p.version, &p.documents[2], &p.documents[3], &p.documents[4], &p.nullable[1]}
	if account {
		d = append(d, &p.status, &x[27], &p.nullable[2], &f[5], &p.nullable[3], &p.numbersOf[0], &p.numbersOf[1], &p.failures,
			&p.nullable[4], &p.nullable[5], &p.numbersOf[2], &f[6], &f[7], &f[8])
	}
	return d
}

// lookupContests are reads of one row, and of sixteen.
func (w *world) lookupContests(tb testing.TB) []contest {
	ctx := context.Background()
	var logins []string
	rows, err := w.pool.Query(ctx, "select key from usermgmt_login_names tablesample bernoulli (1) where key > 'b' limit 5000")
	require.NoError(tb, err)
	logins, err = pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(tb, err)
	login := func(i int) string { return logins[i*7%len(logins)] }
	many := func(i int) []usermgmt.UserID {
		out := make([]usermgmt.UserID, 16)
		for k := range out {
			out[k] = w.some(i*16 + k)
		}
		return out
	}
	byID := func(i int) error {
		_, err := w.store.UserByID(ctx, w.some(i))
		return err
	}
	native := func(sql string, account bool, arg any) error {
		var p plainAccount
		return w.pool.QueryRow(ctx, sql, arg).Scan(p.dests(account)...)
	}
	bareUser := w.bare(tb, w.raw, postgres.SQLUser)
	user := []side{
		{"pgxpool", func(i int) error { return native(postgres.SQLUser, false, [16]byte(w.some(i))) }},
		{"UserByID", byID},
	}
	account := []side{
		{"pgxpool", func(i int) error { return native(postgres.SQLAccountLogin, true, login(i)) }},
		{"AccountByLogin", func(i int) error {
			_, err := w.store.AccountByLogin(ctx, login(i))
			return err
		}},
	}
	return []contest{
		{row: "11", what: "one user", most: 1.10, ways: append(user, side{"raw, nothing decoded", func(i int) error {
			return rowsAre(bareUser(bytesOf(w.some(i))))
		}})},
		{row: "11", what: "one user, 16 callers", most: 1.10, callers: 16, ways: user},
		{row: "11", what: "one account", most: 1.10, ways: account},
		{row: "11", what: "one account, 16 callers", most: 1.10, callers: 16, ways: account},
		{row: "11", what: "16 users", most: 0.25, ways: []side{
			{"16 × UserByID", func(i int) error {
				for k := range 16 {
					if err := byID(i*16 + k); err != nil {
						return err
					}
				}
				return nil
			}},
			{"UsersByID", func(i int) error {
				out, err := w.store.UsersByID(ctx, many(i))
				return rowsAre(len(out), err)
			}},
		}},
	}
}

const bareList = `select ` + postgres.SQLUserColumns + ` from usermgmt_memberships m join usermgmt_users u on u.user_id = m.user_id
where m.org_id = $1::uuid and m.enabled and m.user_active and (m.name_key, m.user_id) > ($2::text, $3::uuid)
order by m.name_key, m.user_id limit 50`

// listContests are pages of fifty.
func (w *world) listContests(tb testing.TB) []contest {
	ctx := context.Background()
	q := w.bare(tb, w.raw, bareList)
	org := bigOrg(1)
	var deep usermgmt.Position
	require.NoError(tb, w.pool.QueryRow(ctx, `select name_key, user_id from usermgmt_memberships where org_id = $1
		order by name_key, user_id limit 1 offset $2`, [16]byte(org), w.users*9/10).Scan(&deep.Key, &deep.ID))
	sys := w.system(tb, org)
	store := func(at usermgmt.Position) func(int) error {
		return func(int) error {
			out, err := w.store.ListUsers(ctx, usermgmt.UserQuery{Org: org, After: at, Limit: 50})
			return rowsAre(len(out), err)
		}
	}
	raw := func(at usermgmt.Position) func(int) error {
		return func(int) error { return rowsAre(q(bytesOf(org), []byte(at.Key), at.ID[:])) }
	}
	native := func(at usermgmt.Position) func(int) error {
		return func(int) error {
			rows, err := w.pool.Query(ctx, bareList, [16]byte(org), at.Key, at.ID)
			if err != nil {
				return err
			}
			var all []plainAccount
			for rows.Next() {
				all = append(all, plainAccount{})
				if err := rows.Scan(all[len(all)-1].dests(false)...); err != nil {
					return err
				}
			}
			return rowsAre(len(all), rows.Err())
		}
	}
	first := usermgmt.Position{}
	return []contest{
		{row: "6b", what: "page at 90 % depth", most: 1.30, ways: []side{
			{"ListUsers, first page", store(first)}, {"ListUsers, deep", store(deep)},
		}},
		{row: "6b", what: "page at 90 % depth", most: 1.25, ways: []side{
			{"raw values", raw(deep)}, {"ListUsers", store(deep)}, {"pgxpool scan", native(deep)},
			{"Users.List", func(int) error {
				page, err := w.m.Users().List(ctx, sys, usermgmt.UserQuery{Org: org, After: deep, Limit: 50})
				if err != nil {
					return err
				}
				return rowsAre(len(page.Items), nil)
			}},
		}},
		{row: "6b", what: "first page", most: 1.25, ways: []side{
			{"raw values", raw(first)}, {"ListUsers", store(first)}, {"pgxpool scan", native(first)},
		}},
	}
}

const (
	bareGrams = `select ` + postgres.SQLUserColumns + ` from usermgmt_search g join usermgmt_users u on u.user_id = g.user_id
join usermgmt_memberships m on m.org_id = $1::uuid and m.user_id = g.user_id
where g.grams @> $2::integer[] and strpos(u.search_key, $3::text) > 0 and m.enabled and m.user_active
order by m.name_key, m.user_id limit 50`
	bareWalk = `select ` + postgres.SQLUserColumns + ` from usermgmt_memberships m join usermgmt_users u on u.user_id = m.user_id
where m.org_id = $1::uuid and m.enabled and m.user_active and strpos(u.search_key, $2::text) > 0
order by m.name_key, m.user_id limit 50`
)

// gramsArg is an array of integers in the binary form of Postgres.
func gramsArg(grams []int32) []byte {
	out := binary.BigEndian.AppendUint32(nil, 1)
	for _, v := range []uint32{0, 23, uint32(len(grams)), 1} {
		out = binary.BigEndian.AppendUint32(out, v)
	}
	for _, g := range grams {
		out = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(out, 4), uint32(g))
	}
	return out
}

// searchContests are searches. The floor of terms that few users have is the bare
// query by grams, that of common ones the bare walk in the order of names, which
// is the faster one there. Short terms have no index for the middle of words;
// their floor is a sequential scan.
func (w *world) searchContests(tb testing.TB) []contest {
	ctx := context.Background()
	org := bigOrg(1)
	grams, walk := w.bare(tb, w.raw, bareGrams), w.bare(tb, w.raw, bareWalk)
	ours := func(term string, found bool) side {
		return side{"ListUsers", func(int) error {
			out, err := w.store.ListUsers(ctx, usermgmt.UserQuery{Org: org, Search: term, Limit: 50})
			if err == nil && found != (len(out) > 0) {
				return fmt.Errorf("search of %q: %d found", term, len(out))
			}
			return err
		}}
	}
	byGrams := func(term string) side {
		arg := gramsArg(postgres.GramsOfTerm(term))
		return side{"gram query", func(int) error {
			_, err := grams(bytesOf(org), arg, []byte(term))
			return err
		}}
	}
	byWalk := func(term string) side {
		return side{"bare walk", func(int) error {
			_, err := walk(bytesOf(org), []byte(term))
			return err
		}}
	}
	seqScan := func(term string) side {
		return side{"seq scan", func(int) error {
			_, err := w.pool.Exec(ctx, `select user_id from (select user_id, name_key from usermgmt_users
			where strpos(chr(10) || search_key, $1) > 0 offset 0) u order by name_key limit 50`, "\n"+term)
			return err
		}}
	}
	var out []contest
	for _, s := range []struct {
		what, term string
		found      bool
		worst      time.Duration
		floor      side
	}{
		{"common term", "anan", true, 6 * time.Millisecond, byWalk("anan")},
		{"middle term", "kagan", true, 6 * time.Millisecond, byGrams("kagan")},
		{"few hits", "garaisn", true, 0, byGrams("garaisn")},
		{"rare term", fmt.Sprint(w.users/2 + 12345), true, 800 * time.Microsecond, byGrams(fmt.Sprint(w.users/2 + 12345))},
		{"no match", "zzzqqq", false, 0, byGrams("zzzqqq")},
	} {
		out = append(out, contest{row: "7a", what: s.what, most: 1.15, worst: s.worst, ways: []side{s.floor, ours(s.term, s.found)}})
	}
	for _, s := range []struct {
		term  string
		found bool
	}{{"v", true}, {"va", true}, {"qq", false}} {
		out = append(out, contest{row: "7b", what: fmt.Sprintf("%q", s.term), most: 1.0 / 400, worst: 2 * time.Millisecond, rounds: 5, each: 2,
			ways: []side{seqScan(s.term), ours(s.term, s.found)}})
	}
	return out
}

// benchAll runs contests as benchmarks.
func benchAll(b *testing.B, groups ...func(tb testing.TB) []contest) {
	for _, group := range groups {
		for _, c := range group(b) {
			c.bench(b)
		}
	}
}

// BenchmarkSession is the verification of sessions beside the statement alone.
func BenchmarkSession(b *testing.B) { benchAll(b, newWorld(b).sessionContests) }

// BenchmarkLookup is the read of one user, and of sixteen, beside pgx alone.
func BenchmarkLookup(b *testing.B) { benchAll(b, newWorld(b).lookupContests) }

// BenchmarkList is a page of users beside a bare query.
func BenchmarkList(b *testing.B) { benchAll(b, newWorld(b).listContests) }

// BenchmarkSearch is a search of users beside a bare query.
func BenchmarkSearch(b *testing.B) { benchAll(b, newWorld(b).searchContests) }

// BenchmarkTeamScope asks whether a user is in a team or below it.
func BenchmarkTeamScope(b *testing.B) { benchAll(b, newWorld(b).scopeContests) }

// BenchmarkUpdate is an audited change beside a bare one.
func BenchmarkUpdate(b *testing.B) { benchAll(b, newWorld(b).updateContests) }
