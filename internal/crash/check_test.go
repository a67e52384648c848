package crash_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
)

// entry is a row of the audit log.
type entry struct {
	ID        string            `json:"id"`
	Operation string            `json:"operation"`
	Verb      string            `json:"verb"`
	Outcome   usermgmt.Outcome  `json:"outcome"`
	Door      usermgmt.Door     `json:"door"`
	Operator  string            `json:"operator"`
	Subject   string            `json:"subject"`
	Org       string            `json:"org"`
	Kind      string            `json:"kind"`
	Target    string            `json:"target"`
	Fields    []string          `json:"fields"`
	Before    map[string]string `json:"before"`
	After     map[string]string `json:"after"`
	Request   string            `json:"request"`
	Count     int               `json:"count"`
}

const sqlEntries = `select audit_id as id, coalesce(operation_id::text, '') as operation, verb, outcome, door,
	coalesce(operator_id::text, '') as operator, coalesce(subject_id::text, '') as subject, coalesce(org_id::text, '') as org,
	target_kind as kind, target, fields, detail->'before' as before, detail->'after' as after,
	coalesce(detail->>'request_id', '') as request, count
from usermgmt_audit order by audit_id`

// setupRequest is the request that the entries of the ground name.
const setupRequest = "setup"

// Verbs of entries that prove no call of the load.
const (
	verbAbandoned = "operation.abandoned"
	verbLocked    = "auth.locked"
	verbBootstrap = "system.bootstrap"
)

// inspection is one check of the whole database against the history and against
// the audit log.
type inspection struct {
	*land
	t        testing.TB
	problems []string

	entries   []entry
	byRequest map[string][]*entry
	done      map[string][]*entry // by operation
	effective map[string]bool     // calls that were done, by name
	byCall    map[string]*call
	counts    tally
}

// tally counts what became of calls.
type tally struct {
	acknowledged, refused, failed, unknown, unanswered int
	unansweredDone, resolvedDone, resolvedNot          int
	entries, tokens, keys, passwords, calls            int
}

func (c *tally) String() string {
	return fmt.Sprintf("%d calls: %d acknowledged, %d refused, %d failed, %d unknown (Resolve: %d done, %d abandoned), "+
		"%d unanswered (%d done); checked: %d audit entries, %d session tokens, %d keys, %d passwords",
		c.calls, c.acknowledged, c.refused, c.failed, c.unknown, c.resolvedDone, c.resolvedNot, c.unanswered, c.unansweredDone,
		c.entries, c.tokens, c.keys, c.passwords)
}

func (k *inspection) bad(format string, args ...any) {
	k.problems = append(k.problems, fmt.Sprintf(format, args...))
}

// rowsOf reads the rows of a query.
func rowsOf[T any](t testing.TB, l *land, sql string) []T {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	rows, err := l.pool.Query(ctx, "select to_jsonb(x) from ("+sql+") x")
	require.NoError(t, err)
	out, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (v T, err error) {
		var doc []byte
		if err = r.Scan(&doc); err == nil {
			err = json.Unmarshal(doc, &v)
		}
		return v, err
	})
	require.NoError(t, err)
	return out
}

// inspect checks everything while no client runs. The result is what is wrong,
// as far as it is of use.
func (l *land) inspect(t testing.TB) ([]string, *tally) {
	t.Helper()
	problems, counts := l.inspectAll(t)
	return problems[:min(len(problems), 20)], counts
}

func (l *land) inspectAll(t testing.TB) ([]string, *tally) {
	t.Helper()
	l.waitForSilence(t)
	k := &inspection{land: l, t: t, byRequest: map[string][]*entry{}, done: map[string][]*entry{}, effective: map[string]bool{},
		byCall: l.history.calls}
	k.problems = append(k.problems, l.structure(t)...)
	k.resolveAll()
	k.entries = rowsOf[entry](t, l, sqlEntries)
	k.counts.entries = len(k.entries)
	for i := range k.entries {
		e := &k.entries[i]
		k.byRequest[e.Request] = append(k.byRequest[e.Request], e)
		if e.Outcome == usermgmt.OutcomeDone && e.Verb != verbAbandoned && e.Verb != verbLocked {
			k.done[e.Operation] = append(k.done[e.Operation], e)
		}
	}
	k.proofs()
	for _, c := range l.history.order {
		k.call(c)
	}
	k.replay()
	k.validity()
	return k.problems, &k.counts
}

// resolveAll asks about every outcome that is not known. Nothing else is written
// here, so that the answer must agree with what is there before and after.
func (k *inspection) resolveAll() {
	for _, c := range k.history.order {
		if c.answer == nil || c.answer.Answer != answerUnknown || c.answer.Operation.IsZero() {
			continue
		}
		var before bool
		op := c.answer.Operation
		require.NoError(k.t, k.pool.QueryRow(k.t.Context(), `select exists (select from usermgmt_audit
			where operation_id = $1::uuid and outcome = 1 and verb not in ('operation.abandoned', 'auth.locked'))`,
			op.String()).Scan(&before))
		for range 2 { // the answer is for good
			is, err := k.m.Resolve(k.t.Context(), op)
			require.NoError(k.t, err)
			if is != before {
				k.bad("%s %s: Resolve says %t, the audit log %t", c.Call, c.Do, is, before)
			}
		}
		if c.resolved != "" && (c.resolved == resolvedDone) != before {
			k.bad("%s %s: Resolve said %s to the client, the audit log says %t", c.Call, c.Do, c.resolved, before)
		}
		if before {
			k.counts.resolvedDone++
		} else {
			k.counts.resolvedNot++
		}
	}
}

// proofs: every operation that was done has the entry by which Resolve knows it.
func (k *inspection) proofs() {
	for op, es := range k.done {
		if !slices.ContainsFunc(es, func(e *entry) bool { return e.ID == op }) {
			k.bad("operation %s (%s) has entries but none with its identifier", op, es[0].Verb)
		}
		for _, e := range es {
			if c := k.byCall[e.Request]; c == nil && e.Request != setupRequest && e.Verb != verbBootstrap {
				k.bad("entry %s %s of %s is about no call", e.ID, e.Verb, e.Target)
			}
		}
	}
}

// recorded are the kinds whose refusals are in the audit log.
var recorded = []string{usermgmt.ErrNotFound.Error(), usermgmt.ErrPermission.Error(), usermgmt.ErrUnauthenticated.Error(),
	usermgmt.ErrConflict.Error(), usermgmt.ErrLimit.Error()}

// call checks the entries of a call against its answer.
func (k *inspection) call(c *call) {
	var did, attempts, refusals []*entry
	for _, e := range k.byRequest[c.Call] {
		switch {
		case e.Outcome == usermgmt.OutcomeAttempted:
			attempts = append(attempts, e)
		case e.Outcome == usermgmt.OutcomeRefused:
			refusals = append(refusals, e)
		case e.Verb != verbLocked:
			did = append(did, e)
		}
	}
	proofs, operations := 0, map[string]bool{}
	for _, e := range did {
		operations[e.Operation] = true
		if e.Verb == verbs[c.Do] {
			proofs++
		}
		if e.Operator != c.By.String() || e.Subject != c.As.String() {
			k.bad("%s %s: entry %s names operator %s and subject %s", c.Call, c.Do, e.Verb, e.Operator, e.Subject)
		}
	}
	k.effective[c.Call] = proofs > 0
	if c.Do != "import" && (proofs > 1 || len(operations) > 1 || proofs == 0 && len(did) > 0) {
		k.bad("%s %s: %d entries of its verb, %d operations, %d entries", c.Call, c.Do, proofs, len(operations), len(did))
	}
	k.counts.calls++
	k.answer(c, did, refusals, proofs)

	tried := c.Do == "login" || c.Do == "guess" || c.Do == "change password"
	judged := c.answer != nil && (c.answer.Answer == answerDone || c.answer.Answer == usermgmt.ErrCredentials.Error())
	if n := len(attempts); n > 1 || n == 0 && tried && (judged || proofs > 0) {
		k.bad("%s %s: %d entries of the attempt", c.Call, c.Do, n)
	}
}

// answer compares what was done with what the caller was told.
func (k *inspection) answer(c *call, did, refusals []*entry, proofs int) {
	a := c.answer
	if a == nil {
		k.counts.unanswered++
		if proofs > 0 {
			k.counts.unansweredDone++
		}
		return
	}
	switch a.Answer {
	case answerDone:
		k.counts.acknowledged++
		if verbs[c.Do] != "" && proofs == 0 {
			k.bad("%s %s of %s%s: acknowledged, but there is no entry", c.Call, c.Do, c.User, a.Made)
		}
	case answerUnknown:
		k.counts.unknown++
		if a.Operation.IsZero() && c.Do != "deliver" {
			k.bad("%s %s: the outcome is unknown and there is no operation: %s", c.Call, c.Do, a.Text)
		}
	case answerFailed, answerTransient:
		k.counts.failed++
		if len(did) > 0 && c.Do != "import" {
			k.bad("%s %s: failed (%s), but there is the entry %s", c.Call, c.Do, a.Text, did[0].Verb)
		}
		if len(k.done[a.Operation.String()]) > 0 && !a.Operation.IsZero() {
			k.bad("%s %s: failed (%s), but operation %s was done", c.Call, c.Do, a.Text, a.Operation)
		}
	default:
		k.counts.refused++
		if len(did) > 0 {
			k.bad("%s %s: refused (%s), but there is the entry %s", c.Call, c.Do, a.Text, did[0].Verb)
		}
		if !slices.Contains(c.May, a.Answer) {
			k.bad("%s %s of %s: refused by what is not so: %s", c.Call, c.Do, c.User, a.Text)
		}
		unwritten := strings.Contains(a.Text, "\n") // the second error is why
		if n := len(refusals); slices.Contains(recorded, a.Answer) && n != 1 && !unwritten {
			k.bad("%s %s: refused (%s), with %d entries of that", c.Call, c.Do, a.Text, n)
		}
	}
}

// structural are statements that must find nothing at any commit, each with a
// sentence about what it finds. Each sees one moment, so that they may run while
// clients do.
var structural = []struct{ what, sql string }{
	{"a pool counts other seats than there are", `select coalesce(p.org_id, s.org_id)::text || ' ' || coalesce(p.type, s.licence) || ': ' ||
			coalesce(p.used, 0) || ' used, ' || coalesce(s.n, 0) || ' holders'
		from usermgmt_pools p full join (select org_id, licence, count(*) as n from usermgmt_memberships where seat group by 1, 2) s
			on s.org_id = p.org_id and s.licence = p.type
		where coalesce(p.used, 0) <> coalesce(s.n, 0)`},
	{"a pool whose size never changed has more holders than seats", `select p.org_id::text || ': ' || p.used from usermgmt_pools p
		join usermgmt_orgs o using (org_id) where not o.provider and p.size >= 0 and p.used > p.size`},
	{"a user without a login name", `select u.user_id::text from usermgmt_users u cross join lateral (values (username_key), (email_key)) k (key)
		where k.key <> '' and not exists (select from usermgmt_login_names n where n.key = k.key and n.user_id = u.user_id)`},
	{"a login name that is nobody's", `select n.key from usermgmt_login_names n join usermgmt_users u using (user_id)
		where n.key not in (u.username_key, u.email_key)`},
	{"a user without credential, login record or search key", `select u.user_id::text from usermgmt_users u
		where not exists (select from usermgmt_credentials c where c.user_id = u.user_id)
		or not exists (select from usermgmt_logins l where l.user_id = u.user_id)
		or not exists (select from usermgmt_search s where s.user_id = u.user_id)`},
	{"a user without the home membership", `select u.user_id::text from usermgmt_users u
		where not exists (select from usermgmt_memberships m where m.user_id = u.user_id and m.org_id = u.org_id)`},
	{"a membership whose copies differ from the user", `select m.user_id::text from usermgmt_memberships m join usermgmt_users u using (user_id)
		where (m.name_key, m.username_key, m.email_key, m.user_created_at, m.owner_unit, m.kind, m.newsletter, m.home, m.deactivated, m.user_active)
		is distinct from (u.name_key, u.username_key, u.email_key, u.created_at, u.owner_unit, u.kind, u.newsletter, m.org_id = u.org_id,
			u.deactivated_at is not null, u.active)`},
	{"a membership whose roles or teams differ from their rows", `select m.user_id::text from usermgmt_memberships m
		where coalesce(jsonb_array_length(m.roles), 0) <> (select count(*) from usermgmt_membership_roles r where (r.org_id, r.user_id) = (m.org_id, m.user_id))
		or coalesce(jsonb_array_length(m.teams), 0) <> (select count(*) from usermgmt_membership_teams r where (r.org_id, r.user_id) = (m.org_id, m.user_id))
		or m.primary_team is not null and not exists (select from usermgmt_membership_teams r
			where (r.org_id, r.user_id, r.team_id) = (m.org_id, m.user_id, m.primary_team))`},
	{"a seat or key of a deactivated user, or a user without a seat", `select m.user_id::text from usermgmt_memberships m
		join usermgmt_users u using (user_id)
		where m.seat = (u.deactivated_at is not null)
		or u.deactivated_at is not null and exists (select from usermgmt_api_keys k where k.user_id = u.user_id)`},
	{"an API key without a membership", `select k.user_id::text from usermgmt_api_keys k
		where not exists (select from usermgmt_memberships m where (m.org_id, m.user_id) = (k.org_id, k.user_id))`},
	{"a live session of somebody who is not active, not a member, or has other credentials since", `select s.session_id::text
		from usermgmt_sessions s join usermgmt_users u using (user_id) join usermgmt_credentials c using (user_id)
		join usermgmt_orgs o on o.org_id = s.org_id
		where s.ended_at is null and (not u.active or s.epoch <> c.epoch + o.epoch
		or not exists (select from usermgmt_memberships m where (m.org_id, m.user_id) = (s.org_id, s.user_id)))`},
	{"a live proxy session without the operator's parked one, or on top of another", `select s.session_id::text from usermgmt_sessions s
		left join usermgmt_sessions p on p.session_id = s.parent_id
		where s.ended_at is null and s.operator_id is not null
		and (p.session_id is null or p.ended_at is not null or not p.parked or p.user_id <> s.operator_id or p.operator_id is not null)`},
	{"a team or unit whose path is not its parent's and itself", `select t.team_id::text from usermgmt_teams t
		left join usermgmt_teams p on p.team_id = t.parent_id and p.org_id = t.org_id
		where t.path <> coalesce(p.path, '') || decode(replace(t.team_id::text, '-', ''), 'hex')
		union all select t.unit_id::text from usermgmt_units t
		left join usermgmt_units p on p.unit_id = t.parent_id and p.org_id = t.org_id
		where t.path <> coalesce(p.path, '') || decode(replace(t.unit_id::text, '-', ''), 'hex')`},
	{"no active administrator", `select o.org_id::text from usermgmt_orgs o where o.provider and not exists (
		select from usermgmt_memberships m join usermgmt_profiles p using (profile_id)
		where m.org_id = o.org_id and p.administrator and m.enabled and m.user_active)`},
	{"a lock without as many wrong passwords, or the other way round", `select user_id::text || ': ' || failures from usermgmt_logins
		where (locked_until is not null) <> (failures >= ` + fmt.Sprint(usermgmt.PolicyNIST().LockoutAttempts) + `)`},
	{"a change of which the audit log knows nothing", `select u.user_id::text from usermgmt_users u where not exists (
		select from usermgmt_audit a where a.target = u.user_id::text and a.outcome = 1 and a.verb in ('user.create', 'system.bootstrap'))`},
	{"mail for an operation of which the audit log knows nothing", `select o.message_id::text from usermgmt_outbox o
		where not exists (select from usermgmt_audit a where a.operation_id = o.operation_id and a.outcome = 1)`},
}

// structure runs the structural statements.
func (l *land) structure(t testing.TB) []string {
	t.Helper()
	var out []string
	for _, s := range structural {
		for _, row := range rowsOf[map[string]string](t, l, "select x.* from ("+s.sql+" limit 3) x (found)") {
			out = append(out, s.what+": "+row["found"])
		}
	}
	return out
}

// validity tries every token, key and password that clients were given: what is
// still good works, and what was ended, replaced or withdrawn does not.
func (k *inspection) validity() {
	type token struct {
		text           string
		user, operator string
		live           bool
	}
	sessions := map[string]*token{} // by token
	current := map[string]string{}  // session to token
	keys, password, old := map[string]string{}, map[string]string{}, map[string]string{}
	inactive := map[string]bool{}
	guessed := map[string]bool{}
	var allKeys []string
	end := func(id string) {
		if tok := sessions[current[id]]; tok != nil {
			tok.live = false
		}
	}
	endAll := func(user string) {
		for _, tok := range sessions {
			if tok.user == user || tok.operator == user {
				tok.live = false
			}
		}
	}
	owner := map[string]string{}
	for _, c := range k.history.order {
		user := c.User.String()
		if c.Do == "guess" {
			guessed[user] = true
		}
		if !k.effective[c.Call] {
			continue
		}
		switch c.Do {
		case "create":
			for _, e := range k.byRequest[c.Call] {
				if e.Verb == "user.create" {
					password[e.Target] = c.Password
				}
			}
		case "logout", "end session", "switch back", "proxy":
			end(c.Session.String())
		case "disable", "deactivate":
			endAll(user)
			inactive[user] = true
		case "enable", "reactivate":
			inactive[user] = false
		case "set password", "change password":
			endAll(user)
			old[user], password[user] = password[user], c.Password
		case "key", "delete key":
			keys[user] = ""
		}
		if c.Do == "deactivate" {
			keys[user] = ""
		}
		if a := c.answer; a != nil {
			if a.Token != "" {
				tok := &token{text: a.Token, user: user, live: true}
				if c.Do == "proxy" {
					tok.operator = c.By.String()
				}
				sessions[a.Token], current[a.Opened.String()] = tok, a.Token
			}
			if a.Key != "" {
				keys[user], owner[a.Key] = a.Key, user
				allKeys = append(allKeys, a.Key)
			}
		}
	}
	locked := map[string]bool{}
	for _, r := range rowsOf[row](k.t, k.land, `select user_id::text as id from usermgmt_logins where locked_until is not null`) {
		locked[r.ID] = true
	}
	ctx := k.t.Context()
	for _, tok := range sessions {
		k.counts.tokens++
		_, err := k.m.Auth().Session(ctx, tok.text, usermgmt.Origin{})
		k.secret(err, tok.live, "a session of "+tok.user, usermgmt.ErrUnauthenticated)
	}
	for _, key := range allKeys {
		k.counts.keys++
		u := owner[key]
		_, err := k.m.Auth().APIKey(ctx, key, usermgmt.Origin{})
		k.secret(err, keys[u] == key && !inactive[u] && !locked[u], "an API key of "+u, usermgmt.ErrUnauthenticated)
	}
	if !k.last {
		return // a login leaves traces
	}
	for _, u := range slices.Sorted(maps.Keys(password)) {
		if k.counts.passwords == maxLogins {
			break
		}
		if guessed[u] || password[u] == "" {
			continue
		}
		k.counts.passwords++
		id, err := usermgmt.ParseID[usermgmt.User](u)
		require.NoError(k.t, err)
		root, err := k.m.ActorFor(ctx, usermgmt.ActorRequest{User: k.ground.Root})
		require.NoError(k.t, err)
		got, err := k.m.Users().Get(ctx, root, id)
		require.NoError(k.t, err)
		if got.Active() == inactive[u] {
			k.bad("user %s is active: %t", u, got.Active())
		}
		if old[u] != "" {
			_, err = k.m.Auth().Login(ctx, usermgmt.LoginRequest{Name: got.Username, Password: old[u]})
			k.secret(err, false, "the former password of "+u, usermgmt.ErrCredentials)
		}
		_, err = k.m.Auth().Login(ctx, usermgmt.LoginRequest{Name: got.Email, Password: password[u]})
		k.secret(err, !inactive[u], "the password of "+u, usermgmt.ErrUnauthenticated)
	}
}

// maxLogins bounds the logins of a check.
const maxLogins = 200

// secret compares the answer to a secret with whether it is still good.
func (k *inspection) secret(err error, good bool, what string, refusal error) {
	switch {
	case err == nil && !good:
		k.bad("%s works again", what)
	case err != nil && good:
		k.bad("%s no longer works: %v", what, err)
	case err != nil && !errors.Is(err, refusal):
		k.bad("%s: %v", what, err)
	}
}
