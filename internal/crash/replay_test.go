package crash_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/usermgmt/usermgmt"
)

// record is a row as the audit log tells it, or as it is.
type record struct {
	fields  map[string]string
	version int
}

// state is what the audit log tells of everything.
type state struct {
	users, memberships, teams, roles map[string]*record
	keys                             map[string]string // user and organization to public identifier
	logins, sessions, proxies        map[string]int    // by user
	epochs                           map[string]int    // how often credentials changed, by user
	withPassword                     map[string]bool   // from the beginning
	ended                            map[string]string // sessions that were ended by name, with the verb
	pools                            map[string]int
	imports                          map[string][4]int
	mails                            map[string]int // by operation and kind
	trees, policies                  int            // how often stamps were counted up
}

// ofMembership are the fields of memberships; the others of a user.create are the
// user's.
var ofMembership = []string{"membership_enabled", "profile", "primary_team", "licence", "seat", "initial_application", "roles", "teams", "units"}

func memberField(name string) bool {
	return slices.Contains(ofMembership, name) || strings.HasPrefix(name, "setting.") || strings.HasPrefix(name, "access.")
}

// replay builds the state by the entries, checks that each goes on where the one
// before ended, and compares the state with the rows.
func (k *inspection) replay() {
	s := &state{users: map[string]*record{}, memberships: map[string]*record{}, teams: map[string]*record{}, roles: map[string]*record{},
		keys: map[string]string{}, logins: map[string]int{}, sessions: map[string]int{}, proxies: map[string]int{},
		epochs: map[string]int{}, withPassword: map[string]bool{}, ended: map[string]string{}, pools: map[string]int{},
		imports: map[string][4]int{}, mails: map[string]int{}}
	for i := range k.entries {
		if e := &k.entries[i]; e.Outcome == usermgmt.OutcomeDone {
			k.apply(s, e)
		}
	}
	k.compareUsers(s)
	k.compareRecords("membership", s.memberships, sqlMemberships)
	k.compareRecords("team", s.teams, `select team_id::text as id, version, jsonb_build_object('name', name, 'description', description,
		'parent', coalesce(parent_id::text, '')) as fields from usermgmt_teams`)
	k.compareRecords("role", s.roles, `select role_id::text as id, version, jsonb_build_object('name', name, 'description', description)
		as fields from usermgmt_roles`)
	k.compareCounts("api key", s.keys, `select user_id::text || ' ' || org_id::text as id, public_id as value from usermgmt_api_keys`)
	k.compareCounts("pool", texts(s.pools), `select org_id::text || ' ' || type as id, size::text as value from usermgmt_pools where size >= 0`)
	k.compareCounts("mail", texts(s.mails), `select operation_id::text || ' ' || kind as id, count(*)::text as value
		from usermgmt_outbox group by 1`)
	imports := map[string]string{}
	for id, n := range s.imports {
		imports[id] = fmt.Sprint(n)
	}
	k.compareCounts("checkpoint", imports, `select import_id::text as id,
		format('[%s %s %s %s]', row_count, created, updated, failed) as value from usermgmt_checkpoints`)
	k.compareSessions(s)
	k.compareStamps(s)
	k.answers(s)
}

func texts(counts map[string]int) map[string]string {
	out := map[string]string{}
	for id, n := range counts {
		if n >= 0 {
			out[id] = strconv.Itoa(n)
		}
	}
	return out
}

// begin makes a record of the fields that are mine.
func (k *inspection) begin(all map[string]*record, id string, e *entry, mine func(string) bool) {
	if all[id] != nil {
		k.bad("entry %s %s makes %s, which is there", e.ID, e.Verb, id)
	}
	r := &record{fields: map[string]string{}, version: 1}
	for name, value := range e.After {
		if mine(name) {
			r.fields[name] = value
		}
	}
	all[id] = r
}

// goOn changes a record: what was before is what the entry says was before.
func (k *inspection) goOn(all map[string]*record, id string, e *entry) {
	r := all[id]
	if r == nil {
		k.bad("entry %s %s changes %s, which was never made", e.ID, e.Verb, id)
		return
	}
	for _, name := range e.Fields {
		if r.fields[name] != e.Before[name] {
			k.bad("entry %s %s of %s: %s was %q before by the entry, and %q by the one before it", e.ID, e.Verb, id, name,
				e.Before[name], r.fields[name])
		}
		r.fields[name] = e.After[name]
	}
	r.version++
}

func everything(string) bool { return true }

func (k *inspection) apply(s *state, e *entry) {
	place := e.Target + " " + e.Org
	mail := func(kind string, n int) { s.mails[e.Operation+" "+kind] += n }
	account := func(kind string) {
		if u := s.users[e.Target]; u != nil && u.fields["account_mail"] == "true" {
			mail(kind, 1)
		}
	}
	switch e.Verb {
	case verbBootstrap:
		if e.Kind != "user" {
			return // made before the load
		}
		fallthrough
	case "user.create":
		k.begin(s.users, e.Target, e, func(name string) bool { return !memberField(name) })
		k.begin(s.memberships, place, e, memberField)
		if c := k.byCall[e.Request]; c == nil || c.Password != "" {
			s.withPassword[e.Target] = true
		}
		account(usermgmt.MailWelcome)
	case "user.update":
		k.goOn(s.users, e.Target, e)
		if slices.Contains(e.Fields, "email") {
			mail(usermgmt.MailLoginChanged, 2)
		}
	case "user.enable", "user.reactivate":
		k.goOn(s.users, e.Target, e)
		account(usermgmt.MailEnabled)
	case "user.disable":
		k.goOn(s.users, e.Target, e)
		s.epochs[e.Target]++
		account(usermgmt.MailDisabled)
	case "user.deactivate":
		k.goOn(s.users, e.Target, e)
		s.epochs[e.Target]++
		account(usermgmt.MailDisabled)
		maps.DeleteFunc(s.keys, func(id, _ string) bool { return strings.HasPrefix(id, e.Target+" ") })
	case "password.set", "password.change":
		s.epochs[e.Target]++
		mail(usermgmt.MailPasswordChanged, 1)
		if e.Verb == "password.change" {
			s.sessions[e.Target]++
		}
	case "membership.add":
		k.begin(s.memberships, place, e, everything)
	case "membership.update":
		k.goOn(s.memberships, place, e)
	case "membership.end":
		delete(s.memberships, place)
		delete(s.keys, place)
	case "team.create":
		k.begin(s.teams, e.Target, e, everything)
		s.trees++
	case "team.update":
		k.goOn(s.teams, e.Target, e)
		if slices.Contains(e.Fields, "parent") {
			s.trees++
		}
	case "team.delete":
		delete(s.teams, e.Target)
		s.trees++
	case "role.create":
		k.begin(s.roles, e.Target, e, everything)
		if e.Request != setupRequest {
			s.policies++
		}
	case "role.update":
		k.goOn(s.roles, e.Target, e)
		s.policies++
	case "role.delete":
		delete(s.roles, e.Target)
		s.policies++
	case "api_key.generate":
		s.keys[place] = e.After["public_id"]
		mail(usermgmt.MailKeyGenerated, 1)
	case "api_key.delete":
		delete(s.keys, place)
	case "auth.login":
		s.logins[e.Target]++
		s.sessions[e.Target]++
	case "proxy.login":
		s.proxies[e.Target]++
	case "auth.logout", "session.end", "proxy.switch_back":
		s.ended[e.Target] = e.Verb
	case "licence.set_pool":
		size, _ := strconv.Atoi(e.After["size"])
		s.pools[e.Org+" "+e.After["licence"]] = size
	case "user.import":
		n := s.imports[e.Target]
		for i, name := range [...]string{"rows", "created", "updated", "failed"} {
			v, _ := strconv.Atoi(e.After[name])
			n[i] += v
		}
		s.imports[e.Target] = n
		k.wholeBatch(e)
	case verbLocked:
		mail(usermgmt.MailLocked, 1)
	case verbAbandoned, "organization.create", "unit.create":
	default:
		k.bad("entry %s has the verb %s, which the load does not use", e.ID, e.Verb)
	}
}

// wholeBatch: a batch of an import made as many users as its entry says.
func (k *inspection) wholeBatch(e *entry) {
	made := 0
	for _, other := range k.done[e.Operation] {
		if other.Verb == "user.create" {
			made++
		}
	}
	if strconv.Itoa(made) != e.After["created"] {
		k.bad("operation %s: a batch with %s new users, and %d entries of them", e.Operation, e.After["created"], made)
	}
}

// row is a row of any kind.
type row struct {
	ID      string            `json:"id"`
	Version int               `json:"version"`
	Fields  map[string]string `json:"fields"`
	Value   string            `json:"value"`
}

const sqlMemberships = `select m.user_id::text || ' ' || m.org_id::text as id, m.version, jsonb_build_object(
	'membership_enabled', m.enabled::text, 'profile', m.profile_id::text, 'primary_team', coalesce(m.primary_team::text, ''),
	'licence', m.licence, 'seat', m.seat::text, 'setting.time_zone', coalesce(m.settings->'time_zone'->>0, ''),
	'roles', coalesce((select string_agg(r.role_id::text, ' ' order by r.role_id::text collate "C") from usermgmt_membership_roles r
		where (r.org_id, r.user_id) = (m.org_id, m.user_id)), ''),
	'teams', coalesce((select string_agg(r.team_id::text, ' ' order by r.team_id::text collate "C") from usermgmt_membership_teams r
		where (r.org_id, r.user_id) = (m.org_id, m.user_id)), '')) as fields
from usermgmt_memberships m`

// compareRecords compares records, as far as the query shows their fields.
func (k *inspection) compareRecords(kind string, want map[string]*record, sql string) {
	left := maps.Clone(want)
	for _, got := range rowsOf[row](k.t, k.land, sql) {
		w := left[got.ID]
		if w == nil {
			if !k.before[got.ID] {
				k.bad("%s %s is there, but not by the audit log", kind, got.ID)
			}
			continue
		}
		delete(left, got.ID)
		if got.Version != w.version {
			k.bad("%s %s has version %d, by the audit log %d", kind, got.ID, got.Version, w.version)
		}
		for name, value := range got.Fields {
			if value != w.fields[name] {
				k.bad("%s %s: %s is %q, by the audit log %q", kind, got.ID, name, value, w.fields[name])
			}
		}
	}
	for id := range left {
		k.bad("%s %s is not there, but by the audit log", kind, id)
	}
}

func (k *inspection) compareUsers(s *state) {
	for _, r := range s.users { // the time is compared as whether there is one
		r.fields["deactivated_at"] = fmt.Sprint(r.fields["deactivated_at"] != "")
	}
	k.compareRecords("user", s.users, `select user_id::text as id, version, jsonb_build_object('username', username, 'email', email,
		'first_name', first_name, 'last_name', last_name, 'title', title, 'enabled', enabled::text, 'account_mail', account_mail::text,
		'newsletter', newsletter::text, 'owner_unit', owner_unit::text, 'reports_to', coalesce(reports_to::text, ''), 'phone', phone,
		'deactivated_at', (deactivated_at is not null)::text) as fields from usermgmt_users`)
	want := map[string]string{}
	for id := range s.users {
		version := 1 + s.epochs[id]
		if s.withPassword[id] {
			version++
		}
		want[id] = fmt.Sprintf("epoch %d, version %d, %d logins", 1+s.epochs[id], version, s.logins[id])
	}
	k.compareCounts("credential", want, `select user_id::text as id, format('epoch %s, version %s, %s logins', c.epoch, c.version, l.login_count)
		as value from usermgmt_credentials c join usermgmt_logins l using (user_id)`)
	k.compareFailures()
}

// compareFailures: a wrong password that was attempted is counted. An attempt
// with the right one that failed otherwise may have been given back or not.
func (k *inspection) compareFailures() {
	least, most := map[string]int{}, map[string]int{}
	limit := usermgmt.PolicyNIST().LockoutAttempts
	for _, c := range k.history.order {
		user := c.User.String()
		n := 0
		for _, e := range k.byRequest[c.Call] {
			if e.Outcome == usermgmt.OutcomeAttempted {
				n++
			}
		}
		switch {
		case c.Do == "guess":
			least[user], most[user] = min(limit, least[user]+n), min(limit, most[user]+n)
		case c.Do == "login" || c.Do == "change password" || c.Do == "set password":
			if k.effective[c.Call] {
				least[user], most[user] = 0, 0
			} else {
				most[user] = min(limit, most[user]+n)
			}
		}
	}
	for _, r := range rowsOf[struct {
		ID       string
		Failures int
	}](k.t, k.land, `select user_id::text as "ID", failures as "Failures" from usermgmt_logins`) {
		if r.Failures < least[r.ID] || r.Failures > most[r.ID] {
			k.bad("user %s has %d wrong passwords, want %d to %d", r.ID, r.Failures, least[r.ID], most[r.ID])
		}
	}
}

// compareCounts compares single values.
func (k *inspection) compareCounts(kind string, want map[string]string, sql string) {
	left := maps.Clone(want)
	for _, got := range rowsOf[row](k.t, k.land, sql) {
		if got.Value != left[got.ID] && !k.before[got.ID] {
			k.bad("%s %s is %q, by the audit log %q", kind, got.ID, got.Value, left[got.ID])
		}
		delete(left, got.ID)
	}
	for id, value := range left {
		k.bad("%s %s is not there, by the audit log %q", kind, id, value)
	}
}

func (k *inspection) compareSessions(s *state) {
	opened, proxied := map[string]int{}, map[string]int{}
	reasons := map[string]string{"auth.logout": "logout", "session.end": "ended", "proxy.switch_back": "switched back"}
	for _, r := range rowsOf[struct {
		ID, User, Reason string
		Proxy            bool
	}](k.t, k.land, `select session_id::text as "ID", user_id::text as "User", end_reason as "Reason",
		operator_id is not null as "Proxy" from usermgmt_sessions`) {
		if r.Proxy {
			proxied[r.User]++
		} else {
			opened[r.User]++
		}
		verb := s.ended[r.ID]
		if reasons[verb] != "" && reasons[verb] != r.Reason {
			k.bad("session %s is ended by %q, by the audit log by %s", r.ID, r.Reason, verb)
		}
		if verb == "" && slices.Contains([]string{"logout", "ended", "switched back"}, r.Reason) {
			k.bad("session %s was ended by %q, but not by the audit log", r.ID, r.Reason)
		}
	}
	for what, pair := range map[string][2]map[string]int{"sessions": {opened, s.sessions}, "proxy sessions": {proxied, s.proxies}} {
		if !maps.Equal(pair[0], pair[1]) {
			for id := range s.users {
				if pair[0][id] != pair[1][id] {
					k.bad("user %s has %d %s, by the audit log %d", id, pair[0][id], what, pair[1][id])
				}
			}
		}
	}
}

// compareStamps: every change of rights or trees counts the stamp up once.
func (k *inspection) compareStamps(s *state) {
	policy, trees := k.stamps(k.t)
	if got := policy - k.policyStamp; got != s.policies+s.trees { // it counts both
		k.bad("the policy stamp went up by %d, with %d changes", got, s.policies+s.trees)
	}
	if got := trees - k.treeStamp; got != s.trees {
		k.bad("the tree stamp went up by %d, with %d changes", got, s.trees)
	}
}

// answers compares what was acknowledged with the state.
func (k *inspection) answers(s *state) {
	sent := map[string]bool{}
	for _, r := range rowsOf[row](k.t, k.land, `select message_id::text as id from usermgmt_outbox where sent_at is not null`) {
		sent[r.ID] = true
	}
	for _, c := range k.history.order {
		a := c.answer
		if a == nil || a.Answer != answerDone {
			continue
		}
		for _, id := range c.mails {
			if !sent[id.String()] {
				k.bad("%s: message %s was sent, but is not marked so", c.Call, id)
			}
		}
		target := cmp.Or(c.User.String(), c.Name)
		if r := cmp.Or(s.users[target], s.teams[target], s.roles[target]); r != nil && c.Do != "member" && int64(r.version) < a.Version {
			k.bad("%s %s: version %d was acknowledged, and it has %d", c.Call, c.Do, a.Version, r.version)
		}
		if n, ok := s.imports[a.Made]; c.Do == "import" && (!ok || [3]int(n[1:]) != a.Counts) {
			k.bad("%s import %s: counts %v were acknowledged, and it has %v", c.Call, a.Made, a.Counts, n)
		}
		if c.Do == "create" && s.users[a.Made] == nil {
			k.bad("%s create: user %s was acknowledged, and is not there", c.Call, a.Made)
		}
	}
}
