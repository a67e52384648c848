package equality_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt"
)

// invariants checks those of the security requirements, section 7, that can be
// seen in a store, without the model.
func (mc *machine) invariants(s *system) {
	must := func(err error) {
		if err != nil {
			mc.fail("invariants on %s: %v", s.name, err)
		}
	}
	broken := func(i, format string, args ...any) {
		mc.fail("step %d: %s is broken on %s: %s", mc.step, i, s.name, fmt.Sprintf(format, args...))
	}
	st, ctx := s.Store, mc.ctx
	everybody, err := st.ListUsers(ctx, usermgmt.UserQuery{View: usermgmt.ViewAll, Now: mc.now, Limit: 1000})
	must(err)
	logins := map[string]usermgmt.UserID{}
	for _, u := range everybody {
		for _, k := range []string{u.UsernameKey, u.EmailKey} {
			if old, taken := logins[k]; taken && k != "" && old != u.ID {
				broken("I-01", "%s and %s share the login name %s", of(s, old), of(s, u.ID), k)
			}
			logins[k] = u.ID
		}
		if u.UsernameKey != strings.ToLower(u.Username) || u.EmailKey != strings.ToLower(u.Email) {
			broken("I-18", "%s: %s, %s", of(s, u.ID), u.UsernameKey, u.EmailKey)
		}
	}
	for k, org := range s.orgs {
		set, err := st.Policy(ctx, org)
		must(err)
		admins, holders := 0, map[usermgmt.LicenceType]int{}
		members, err := st.ListUsers(ctx, usermgmt.UserQuery{Org: org, View: usermgmt.ViewAll, Now: mc.now, Limit: 1000})
		must(err)
		for _, u := range members {
			p, err := st.MembershipOf(ctx, u.ID, org)
			must(err)
			if p.Seat {
				holders[p.Licence]++
			}
			if p.Seat == (u.Kind == usermgmt.KindService || !u.DeactivatedAt.IsZero()) {
				broken("I-03", "%s has a seat: %t", of(s, u.ID), p.Seat)
			}
			if u.Active() && p.Enabled && slices.ContainsFunc(set.Profiles, func(f usermgmt.AccessProfile) bool { return f.ID == p.Profile && f.Administrator }) {
				admins++
			}
			if !slices.ContainsFunc(p.Teams, func(t usermgmt.TeamAssignment) bool { return t.Team == p.PrimaryTeam }) {
				broken("the primary team", "%s is not in it", of(s, u.ID))
			}
		}
		if admins == 0 {
			broken("I-02", "org%d has no active administrator", k)
		}
		asked, err := st.ListInvitations(ctx, org, true, usermgmt.ListQuery{Limit: 1000})
		must(err)
		for _, i := range asked { // holds the seat until it ends
			holders[i.Licence]++
		}
		pools, err := st.ListPools(ctx, org)
		must(err)
		for _, p := range pools {
			if p.Used != holders[p.Type] {
				broken("I-03", "%d seats of %s are used by %d holders in org%d", p.Used, p.Type, holders[p.Type], k)
			}
		}
		trees, err := st.Trees(ctx, org)
		must(err)
		acyclic(trees.Units, func(n usermgmt.UnitNode) (id, parent usermgmt.UnitID) { return n.ID, n.Parent }, broken)
		acyclic(trees.Teams, func(n usermgmt.TeamNode) (id, parent usermgmt.TeamID) { return n.ID, n.Parent }, broken)
		mc.listsAgree(s, org, members, broken)
	}
	mc.credentials(s, broken)
	mc.rightsAgree(s, broken)
	mc.copies(s, broken)
}

// rightsAgree: what everybody may, in no and in the application, is what the
// model says (I-12). It also fills the caches of rights, so that stale ones
// would be noticed the next time.
func (mc *machine) rightsAgree(s *system, broken func(i, format string, args ...any)) {
	for user := mc.step % 3; user < len(mc.users); user += 3 {
		mc.rightsOf(s, user, broken)
	}
}

// rightsOf compares what a user may in every organization and application.
func (mc *machine) rightsOf(s *system, user int, broken func(i, format string, args ...any)) {
	for org := range mc.orgs {
		for app := none; app < len(mc.apps); app++ {
			want := mc.verifyHost(user, org, app)
			a, err := s.ActorFor(mc.ctx, usermgmt.ActorRequest{User: s.users[user], Org: s.orgs[org], Application: at(s.apps, app), Origin: origin})
			if (err == nil) != (want != nil) {
				broken("I-05", "user%d in org%d: %v", user, org, err)
			}
			if err != nil {
				continue
			}
			for _, p := range mc.perms {
				if got, want := a.Scope(usermgmt.Permission(p.name)), mc.granted(want, p.name); got != want {
					broken("I-12", "user%d in org%d and %s: %s with scope %s, the model says %s", user, org, name("app", app), p.name, got, want)
				}
			}
		}
	}
}

// acyclic: from every node a walk upwards ends (I-13).
func acyclic[N any, E any](nodes []N, of func(N) (id, parent usermgmt.ID[E]), broken func(i, format string, args ...any)) {
	parents := map[usermgmt.ID[E]]usermgmt.ID[E]{}
	for _, n := range nodes {
		id, parent := of(n)
		parents[id] = parent
	}
	for id := range parents {
		steps := 0
		for at := id; !at.IsZero(); at = parents[at] {
			if steps++; steps > len(nodes) {
				broken("I-13", "a cycle above %s", id)
				return
			}
		}
	}
}

// listsAgree: a list is what single checks leave of all (I-12), whoever asks.
func (mc *machine) listsAgree(s *system, org usermgmt.OrgID, members []usermgmt.User, broken func(i, format string, args ...any)) {
	for i := range members {
		a, err := s.ActorFor(mc.ctx, usermgmt.ActorRequest{User: members[i].ID, Org: org, Origin: origin})
		if err != nil || a.Pending() != 0 {
			continue
		}
		if a.Org() != org || a.Subject() != members[i].ID || !members[i].Active() {
			broken("I-05", "%s is let in", of(s, members[i].ID))
		}
		if a.Scope(usermgmt.PermUserView)&wide != 0 && i%5 != mc.step%5 {
			continue // those who see a part are more interesting
		}
		listed := map[usermgmt.UserID]bool{}
		page, err := s.Users().List(mc.ctx, a, usermgmt.UserQuery{View: usermgmt.ViewAll, Limit: 1000})
		if err == nil {
			for _, u := range page.Items {
				listed[u.ID] = true
			}
		}
		for j := range members {
			u := &members[j]
			p, err := s.Store.MembershipOf(mc.ctx, u.ID, org)
			if err != nil {
				broken("I-12", "%v", err)
			}
			r := usermgmt.Record{Org: org, Owner: u.ID}
			if u.Org == org {
				r.OwnerUnits = []usermgmt.UnitID{u.OwnerUnit}
			}
			for _, t := range p.Teams {
				if (period{t.From, t.Until}).holds(mc.now) {
					r.OwnerTeams = append(r.OwnerTeams, t.Team)
				}
			}
			if can := a.Can(usermgmt.PermUserView, r); can != listed[u.ID] {
				broken("I-12", "%s may see %s: %t, listed: %t", of(s, members[i].ID), of(s, u.ID), can, listed[u.ID])
			}
		}
	}
}

// credentials: every token and key ever given is tried. What validates belongs
// to somebody enabled (I-05), and what was revoked stays so (I-15); there is one
// key for a user and organization (I-04); a proxy login gives no more than the
// target has, less what is denied, and says who acts (I-10).
func (mc *machine) credentials(s *system, broken func(i, format string, args ...any)) {
	enabled := func(what string, a usermgmt.Actor) {
		acc, err := s.Store.AccountByID(mc.ctx, a.Subject())
		p, perr := s.Store.MembershipOf(mc.ctx, a.Subject(), a.Org())
		o, oerr := s.Store.OrgByID(mc.ctx, a.Org())
		if err != nil || perr != nil || oerr != nil || !acc.User.Active() || !p.Enabled || !o.Enabled {
			broken("I-05", "%s lets %s in", what, of(s, a.Subject()))
		}
	}
	for i, token := range s.tokens {
		live := mc.sessionWith(i)
		if live != none && (mc.verifySession(live) != nil || mc.sessions[live].kind == usermgmt.SessionProxy) {
			continue // verifying it would move its idle limit, or be recorded; a step does that
		}
		if _, err := s.Auth().Session(mc.ctx, token, origin); err == nil {
			broken("I-15", "token %d is still good", i)
		}
	}
	owners := map[string]bool{}
	for i, k := range s.keys {
		if mc.verifyKey(i) != nil {
			continue
		}
		if _, err := s.Auth().APIKey(mc.ctx, k, origin); err == nil {
			broken("I-15", "key %d is still good", i)
		}
	}
	for _, k := range mc.keys {
		if id := fmt.Sprint(k.user, k.org); k.alive {
			if owners[id] {
				broken("I-04", "two keys of user%d in org%d", k.user, k.org)
			}
			owners[id] = true
		}
	}
	for i := range mc.sessions {
		a := mc.verifySession(i)
		if a == nil || mc.now.Sub(mc.sessions[i].seen) > min(mc.sessions[i].idle/10, time.Minute) {
			continue // only those whose idle limit does not move
		}
		got, err := s.Auth().Session(mc.ctx, s.tokens[a.token], origin)
		if err != nil {
			broken("I-05", "session%d: %v", i, err)
			continue
		}
		enabled(fmt.Sprint("session", i), got)
		if got.Proxied() {
			mc.lessThanTarget(s, got, broken)
		}
	}
}

func (mc *machine) lessThanTarget(s *system, a usermgmt.Actor, broken func(i, format string, args ...any)) {
	if a.Operator() == a.Subject() || a.Operator().IsZero() {
		broken("I-10", "%s acts as %s", of(s, a.Operator()), of(s, a.Subject()))
	}
	target, err := s.ActorFor(mc.ctx, usermgmt.ActorRequest{User: a.Subject(), Org: a.Org(), Origin: origin})
	if err != nil || target.Pending() != 0 {
		return
	}
	for _, p := range mc.perms {
		mine := a.Scope(usermgmt.Permission(p.name))
		if mine&^target.Scope(usermgmt.Permission(p.name)) != 0 || mine != 0 && slices.Contains(deniedByProxy, p.name) {
			broken("I-10", "as %s: %s with scope %s", of(s, a.Subject()), p.name, mine)
		}
	}
}

// copies: what a store returns shares no memory with it (I-20), and the zero
// actor, an unknown token and a cancelled call are refused (I-16).
func (mc *machine) copies(s *system, broken func(i, format string, args ...any)) {
	id, org := s.users[mc.step%len(s.users)], s.orgs[0]
	if p, err := s.Store.MembershipOf(mc.ctx, id, org); err == nil {
		was := s.placeText(&p)
		for i := range p.Roles {
			p.Roles[i] = usermgmt.RoleAssignment{}
		}
		for i := range p.Teams {
			p.Teams[i] = usermgmt.TeamAssignment{}
		}
		for i := range p.Units {
			p.Units[i] = usermgmt.UnitID{}
		}
		if again, err := s.Store.MembershipOf(mc.ctx, id, org); err != nil || s.placeText(&again) != was {
			broken("I-20", "the caller changed the store's memory")
		}
	}
	if _, err := s.Users().Get(mc.ctx, usermgmt.Actor{}, id); kindOf(err) != usermgmt.ErrUnauthenticated {
		broken("I-16", "the zero actor: %v", err)
	}
	if _, err := s.Auth().Session(mc.ctx, strings.Repeat("A", 43), origin); kindOf(err) != usermgmt.ErrUnauthenticated {
		broken("I-16", "an unknown token: %v", err)
	}
}

// secretsHidden: no token, key or password that was ever given is in the audit
// log or in the outgoing mail (I-19).
func (mc *machine) secretsHidden() {
	for _, s := range mc.systems {
		entries, err := s.Store.ListAudit(mc.ctx, usermgmt.AuditQuery{Limit: len(mc.log) + 100})
		if err != nil {
			mc.fail("audit of %s: %v", s.name, err)
		}
		mail, err := s.Store.ListMessages(mc.ctx, false, usermgmt.ListQuery{Limit: 10_000})
		if err != nil {
			mc.fail("mail of %s: %v", s.name, err)
		}
		text := fmt.Sprint(entries, mail)
		for _, secret := range slices.Concat(s.tokens, s.keys, s.secrets, goodPasswords, badPasswords[1:]) {
			if len(secret) > 6 && strings.Contains(text, secret) { // a code of six digits may be a part of anything
				mc.fail("I-19 is broken on %s: a secret is in the audit log or in mail", s.name)
			}
		}
	}
}
