package crash_test

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/usermgmt/usermgmt"
)

// mayLimit: there may be no seat.
var mayLimit = []string{usermgmt.ErrLimit.Error()}

// The calls of the load, as the journal names them, with the verb of the entry
// that proves each; "" for those that have none.
var verbs = map[string]string{
	"create": "user.create", "update": "user.update", "disable": "user.disable", "enable": "user.enable",
	"deactivate": "user.deactivate", "reactivate": "user.reactivate", "set password": "password.set",
	"change password": "password.change", "login": "auth.login", "guess": "", "logout": "auth.logout",
	"end session": "session.end", "key": "api_key.generate", "delete key": "api_key.delete",
	"join": "membership.add", "leave": "membership.end", "member": "membership.update",
	"create team": "team.create", "update team": "team.update", "delete team": "team.delete",
	"create role": "role.create", "update role": "role.update", "delete role": "role.delete",
	"proxy": "proxy.login", "as somebody": "user.update", "switch back": "proxy.switch_back",
	"import": "user.import", "pool": "licence.set_pool", "deliver": "",
}

// newSecret is a password that every policy takes: it has no word that could be
// a name.
func newSecret() string {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return fmt.Sprintf("Quartz-%020d", binary.BigEndian.Uint64(b[:]))
}

// unique is a word that nothing else has.
func unique(prefix string) string { return prefix + strings.ToLower(rand.Text()[:14]) }

// step makes a call, or some that belong together.
func (w *worker) step() {
	// A refusal by the store would give some defects away without any kill.
	if w.n == 0 && (w.narrow || w.rng.IntN(20) == 0) && w.c.Broken == "" {
		w.pool()
		return
	}
	if len(w.users) < 3 {
		w.create(false)
		return
	}
	steps := [...]func(){
		func() { w.create(false) }, w.update, w.update, w.toggle, w.toggle, w.leaveOrReturn, w.setPassword, w.changePassword,
		w.login, w.login, w.logout, w.logout, w.guess, w.key, w.key, w.join, w.member, w.team, w.team, w.role, w.role, w.proxy,
		w.importFile, w.deliver,
	}
	steps[w.rng.IntN(len(steps))]()
}

func (w *worker) create(administrator bool) *user {
	g := &w.c.Ground
	name := unique("u")
	u := &user{name: name, email: name + "@acme.test", enabled: true, version: 1}
	if administrator || w.rng.IntN(3) > 0 {
		u.password = newSecret()
	}
	n := usermgmt.NewUser{
		Username: name, Email: u.email, FirstName: "First", LastName: "Last", OwnerUnit: g.Unit, Password: u.password,
		AccountMail: w.rng.IntN(2) == 0,
		NewMembership: usermgmt.NewMembership{Profile: g.Profile, PrimaryTeam: g.Team,
			Roles: []usermgmt.RoleAssignment{{Role: g.Regular}}},
	}
	if administrator {
		n.Profile, n.Roles = g.AdminProfile, []usermgmt.RoleAssignment{{Role: g.AdminRole}}
	}
	got := w.asRoot(line{Do: "create", May: mayLimit, Name: name, Password: u.password},
		func(ctx context.Context, a usermgmt.Actor, answer *line) error {
			made, err := w.m.Users().Create(ctx, a, n)
			if err == nil {
				u.id, answer.Made, answer.Version = made.ID, made.ID.String(), made.Version
			}
			return err
		})
	if got != done || u.id.IsZero() { // done after all, but nobody knows its identifier
		return nil
	}
	w.users = append(w.users, u)
	return u
}

// change makes a call about a user; made applies what it does to what is known.
func (w *worker) change(u *user, l line, fn func(ctx context.Context, a usermgmt.Actor, answer *line) error, made func()) {
	l.User = u.id
	switch w.asRoot(l, fn) {
	case done:
		made()
	case lost:
		w.forget(u)
	case undone:
	}
}

// plain are users of whom nothing special is expected.
func (w *worker) plain(u *user) bool { return u != w.operator && u != w.victim }

func active(u *user) bool { return u.enabled && !u.deactivated }

func (w *worker) update() {
	u := w.pick(func(*user) bool { return true })
	title, email := unique("Title "), u.email
	c := usermgmt.UserUpdate{Title: &title}
	if w.rng.IntN(3) == 0 {
		email = unique("m") + "@acme.test"
		c.Email = &email
	}
	w.change(u, line{Do: "update"}, func(ctx context.Context, a usermgmt.Actor, answer *line) error {
		got, err := w.m.Users().Update(ctx, a, u.id, u.version, c)
		if err == nil {
			answer.Version = got.Version
		}
		return err
	}, func() { u.version++; u.email = email })
}

func (w *worker) toggle() {
	u := w.pick(func(u *user) bool { return w.plain(u) && !u.deactivated })
	switch {
	case u == nil:
	case u.enabled:
		w.change(u, line{Do: "disable"}, func(ctx context.Context, a usermgmt.Actor, _ *line) error {
			return w.m.Users().Disable(ctx, a, u.id)
		}, func() { u.version++; u.enabled = false; u.sessions = nil })
	default:
		w.change(u, line{Do: "enable"}, func(ctx context.Context, a usermgmt.Actor, _ *line) error {
			return w.m.Users().Enable(ctx, a, u.id)
		}, func() { u.version++; u.enabled = true })
	}
}

func (w *worker) leaveOrReturn() {
	u := w.pick(w.plain)
	switch {
	case u == nil:
	case u.deactivated:
		w.change(u, line{Do: "reactivate", May: mayLimit}, func(ctx context.Context, a usermgmt.Actor, _ *line) error {
			return w.m.Users().Reactivate(ctx, a, u.id)
		}, func() { u.version++; u.enabled, u.deactivated = true, false })
	default:
		w.change(u, line{Do: "deactivate"}, func(ctx context.Context, a usermgmt.Actor, _ *line) error {
			return w.m.Users().Deactivate(ctx, a, u.id, usermgmt.DeactivateOptions{LeaveTeams: true})
		}, func() {
			u.version++
			u.enabled, u.deactivated, u.key, u.sessions = false, true, false, nil
			u.team = usermgmt.TeamID{}
		})
	}
}

func (w *worker) setPassword() {
	u := w.pick(w.plain)
	if u == nil {
		return
	}
	next := newSecret()
	w.change(u, line{Do: "set password", Password: next}, func(ctx context.Context, a usermgmt.Actor, _ *line) error {
		return w.m.Passwords().Set(ctx, a, u.id, next, "", false)
	}, func() { u.password = next; u.sessions = nil })
}

// opened notes the session that a call opened. One that was opened by a call
// that was not answered is nobody's.
func opened(answer *line, r *usermgmt.LoginResult) {
	if r != nil {
		answer.Opened, answer.Token = r.Session.ID, r.Token.Reveal()
	}
}

func (w *worker) changePassword() {
	u := w.pick(func(u *user) bool { return len(u.sessions) > 0 && w.plain(u) })
	if u == nil {
		return
	}
	next := newSecret()
	var fresh session
	got := w.bySession(u.sessions[0], line{Do: "change password", By: u.id, As: u.id, User: u.id, Password: next},
		func(ctx context.Context, a usermgmt.Actor, answer *line) error {
			r, err := w.m.Passwords().Change(ctx, a, usermgmt.PasswordChange{Current: u.password, New: next})
			opened(answer, r)
			fresh = session{answer.Opened, answer.Token}
			return err
		})
	switch got {
	case done:
		u.password, u.sessions = next, nil
		if fresh.token != "" {
			u.sessions = []session{fresh}
		}
	case lost:
		w.forget(u)
	case undone:
	}
}

func (w *worker) login() {
	if u := w.pick(func(u *user) bool { return active(u) && u.password != "" && w.plain(u) }); u != nil {
		w.loginAs(u)
	}
}

func (w *worker) loginAs(u *user) bool {
	var fresh session
	got := w.do(line{Do: "login", By: u.id, As: u.id, User: u.id}, func(ctx context.Context, origin usermgmt.Origin, answer *line) error {
		r, err := w.m.Auth().Login(ctx, usermgmt.LoginRequest{Name: u.name, Password: u.password, Origin: origin})
		opened(answer, r)
		fresh = session{answer.Opened, answer.Token}
		return err
	})
	if got == done && fresh.token != "" {
		u.sessions = append(u.sessions, fresh)
		return true
	}
	return false // or nobody has the token
}

func (w *worker) logout() {
	u := w.pick(func(u *user) bool { return len(u.sessions) > 0 && w.plain(u) })
	if u == nil {
		return
	}
	i := w.rng.IntN(len(u.sessions))
	s := u.sessions[i]
	var got outcome
	if w.rng.IntN(2) == 0 {
		got = w.bySession(s, line{Do: "logout", By: u.id, As: u.id, User: u.id, Session: s.id},
			func(ctx context.Context, a usermgmt.Actor, _ *line) error { return w.m.Auth().Logout(ctx, a) })
	} else {
		got = w.asRoot(line{Do: "end session", User: u.id, Session: s.id},
			func(ctx context.Context, a usermgmt.Actor, _ *line) error { return w.m.Sessions().End(ctx, a, s.id) })
	}
	if got != undone {
		u.sessions = slices.Delete(u.sessions, i, i+1)
	}
}

// guess tries wrong passwords of a user who never logs in, until that is locked.
func (w *worker) guess() {
	if w.victim == nil || w.guesses >= usermgmt.PolicyNIST().LockoutAttempts+2 {
		w.victim = w.pick(func(u *user) bool { return active(u) && u.password != "" && len(u.sessions) == 0 && w.plain(u) })
		if w.victim == nil {
			return
		}
		w.guesses = 0
	}
	u := w.victim
	for range 3 {
		w.guesses++
		w.do(line{Do: "guess", User: u.id, May: []string{usermgmt.ErrCredentials.Error()}},
			func(ctx context.Context, origin usermgmt.Origin, _ *line) error {
				_, err := w.m.Auth().Login(ctx, usermgmt.LoginRequest{Name: u.name, Password: "wrong" + u.password, Origin: origin})
				return err
			})
	}
	if w.guesses >= usermgmt.PolicyNIST().LockoutAttempts+2 {
		w.forget(u) // locked, if nothing failed
	}
}

func (w *worker) key() {
	u := w.pick(active)
	if u == nil {
		return
	}
	if u.key && w.rng.IntN(2) == 0 {
		w.change(u, line{Do: "delete key"}, func(ctx context.Context, a usermgmt.Actor, _ *line) error {
			return w.m.APIKeys().Delete(ctx, a, u.id, w.c.Ground.Org)
		}, func() { u.key = false })
		return
	}
	w.change(u, line{Do: "key"}, func(ctx context.Context, a usermgmt.Actor, answer *line) error {
		k, err := w.m.APIKeys().Generate(ctx, a, usermgmt.KeyRequest{User: u.id})
		if err == nil {
			answer.Key, answer.Made = k.Text.Reveal(), k.Key.ID.String()
		}
		return err
	}, func() { u.key = true })
}

// join makes a user a member of the other organization, whose seats are few and
// wanted by all workers, or ends that.
func (w *worker) join() {
	g := &w.c.Ground
	u := w.pick(func(u *user) bool { return w.plain(u) && !u.deactivated })
	switch {
	case u == nil || w.c.Broken != "":
	case u.other:
		w.change(u, line{Do: "leave"}, func(ctx context.Context, a usermgmt.Actor, _ *line) error {
			return w.m.Members().End(ctx, a, u.id, g.Other)
		}, func() { u.other = false })
	default:
		w.change(u, line{Do: "join", May: mayLimit}, func(ctx context.Context, a usermgmt.Actor, _ *line) error {
			_, err := w.m.Members().Add(ctx, a, u.id, g.Other, usermgmt.NewMembership{Profile: g.Profile, PrimaryTeam: g.OtherTeam,
				Roles: []usermgmt.RoleAssignment{{Role: g.Regular}}})
			return err
		}, func() { u.other = true })
	}
}

// member changes the teams and the time zone of a member.
func (w *worker) member() {
	g := &w.c.Ground
	u := w.pick(w.plain)
	if u == nil {
		return
	}
	zone := []string{"Europe/Berlin", "Asia/Kathmandu", "UTC", ""}[w.rng.IntN(4)]
	c := usermgmt.MembershipUpdate{TimeZone: &zone}
	joined := usermgmt.TeamID{}
	if len(w.teams) > 0 && u.team.IsZero() {
		t := w.teams[w.rng.IntN(len(w.teams))]
		t.used = true
		joined = t.id
		c.Teams = &[]usermgmt.TeamAssignment{{Team: g.Team}, {Team: t.id}}
	} else if !u.team.IsZero() {
		c.Teams = &[]usermgmt.TeamAssignment{{Team: g.Team}}
	}
	w.change(u, line{Do: "member"}, func(ctx context.Context, a usermgmt.Actor, answer *line) error {
		mem, err := w.m.Members().Get(ctx, a, u.id, g.Org)
		if err != nil {
			return errEntry{err}
		}
		got, err := w.m.Members().Update(ctx, a, u.id, g.Org, mem.Version, c)
		if err == nil {
			answer.Version = got.Version
		}
		return err
	}, func() {
		if c.Teams != nil {
			u.team = joined
		}
	})
}

// below reports whether a team is another or lies below it.
func (w *worker) below(id, above usermgmt.TeamID) bool {
	for range len(w.teams) + 1 {
		if id == above {
			return true
		}
		i := slices.IndexFunc(w.teams, func(t *team) bool { return t.id == id })
		if i < 0 {
			return false
		}
		id = w.teams[i].parent
	}
	return true
}

// parent is a team below which another one can be.
func (w *worker) parent(of usermgmt.TeamID) usermgmt.TeamID {
	if len(w.teams) > 0 && w.rng.IntN(3) > 0 {
		if t := w.teams[w.rng.IntN(len(w.teams))]; !w.below(t.id, of) {
			return t.id
		}
	}
	return w.c.Ground.Team
}

func (w *worker) team() {
	if len(w.teams) < 3 || w.rng.IntN(4) == 0 {
		t := &team{parent: w.parent(usermgmt.TeamID{}), version: 1}
		if got := w.asRoot(line{Do: "create team"}, func(ctx context.Context, a usermgmt.Actor, answer *line) error {
			made, err := w.m.Teams().Create(ctx, a, usermgmt.NewTeam{Name: unique("Team "), Parent: t.parent})
			if err == nil {
				t.id, answer.Made = made.ID, made.ID.String()
			}
			return err
		}); got == done && !t.id.IsZero() {
			w.teams = append(w.teams, t)
		}
		return
	}
	i := w.rng.IntN(len(w.teams))
	t := w.teams[i]
	leaf := !slices.ContainsFunc(w.teams, func(x *team) bool { return x.parent == t.id })
	if leaf && !t.used && w.rng.IntN(3) == 0 {
		// A team whose making or moving below this one is in doubt would be in the way.
		got := w.asRoot(line{Do: "delete team", Name: t.id.String(), May: []string{usermgmt.ErrConflict.Error()}},
			func(ctx context.Context, a usermgmt.Actor, _ *line) error { return w.m.Teams().Delete(ctx, a, t.id) })
		if got != undone {
			w.teams = slices.Delete(w.teams, i, i+1)
		}
		return
	}
	name, parent := unique("Team "), w.parent(t.id)
	switch w.asRoot(line{Do: "update team", Name: t.id.String()}, func(ctx context.Context, a usermgmt.Actor, answer *line) error {
		got, err := w.m.Teams().Update(ctx, a, t.id, t.version, usermgmt.TeamUpdate{Name: &name, Parent: &parent})
		if err == nil {
			answer.Version = got.Version
		}
		return err
	}) {
	case done:
		t.version++
		t.parent = parent
	case lost: // with all that is below, whose place is no longer known
		w.teams = slices.DeleteFunc(slices.Clone(w.teams), func(x *team) bool { return w.below(x.id, t.id) })
	case undone:
	}
}

func (w *worker) role() {
	grants := []usermgmt.Grant{{Permission: "lead.view", Scope: usermgmt.ScopeTeam}}
	if w.rng.IntN(2) == 0 {
		grants = append(grants, usermgmt.Grant{Permission: "lead.edit", Scope: usermgmt.ScopeOwn})
	}
	if len(w.roles) < 2 {
		r := &role{version: 1}
		if got := w.asRoot(line{Do: "create role"}, func(ctx context.Context, a usermgmt.Actor, answer *line) error {
			made, err := w.m.Roles().Create(ctx, a, usermgmt.NewRole{Org: w.c.Ground.Org, Name: unique("Role "), Grants: grants})
			if err == nil {
				r.id, answer.Made = made.ID, made.ID.String()
			}
			return err
		}); got == done && !r.id.IsZero() {
			w.roles = append(w.roles, r)
		}
		return
	}
	i := w.rng.IntN(len(w.roles))
	r := w.roles[i]
	if w.rng.IntN(4) == 0 {
		if got := w.asRoot(line{Do: "delete role", Name: r.id.String()}, func(ctx context.Context, a usermgmt.Actor, _ *line) error {
			return w.m.Roles().Delete(ctx, a, r.id)
		}); got != undone {
			w.roles = slices.Delete(w.roles, i, i+1)
		}
		return
	}
	name := unique("Role ")
	switch w.asRoot(line{Do: "update role", Name: r.id.String()}, func(ctx context.Context, a usermgmt.Actor, answer *line) error {
		got, err := w.m.Roles().Update(ctx, a, r.id, r.version, usermgmt.RoleUpdate{Name: &name, Grants: &grants})
		if err == nil {
			answer.Version = got.Version
		}
		return err
	}) {
	case done:
		r.version++
	case lost:
		w.roles = slices.Delete(w.roles, i, i+1)
	case undone:
	}
}

// proxy logs in as a user, changes something as that user, and switches back.
func (w *worker) proxy() {
	if w.operator == nil {
		w.operator = w.create(true)
	}
	op := w.operator
	target := w.pick(func(u *user) bool { return active(u) && w.plain(u) })
	if op == nil || target == nil || len(op.sessions) == 0 && !w.loginAs(op) {
		return
	}
	own := op.sessions[0]
	op.sessions = nil
	var acting session
	got := w.bySession(own, line{Do: "proxy", By: op.id, As: op.id, User: target.id, Session: own.id},
		func(ctx context.Context, a usermgmt.Actor, answer *line) error {
			r, err := w.m.Proxy().Login(ctx, a, usermgmt.ProxyRequest{Target: target.id, Acknowledged: true, Reason: "crash",
				Origin: a.Origin()})
			opened(answer, r)
			acting = session{answer.Opened, answer.Token}
			return err
		})
	if got == undone {
		op.sessions = []session{own}
	}
	if got != done || acting.token == "" {
		return
	}
	title := unique("Title ")
	switch w.bySession(acting, line{Do: "as somebody", By: op.id, As: target.id, User: target.id},
		func(ctx context.Context, a usermgmt.Actor, answer *line) error {
			u, err := w.m.Users().Update(ctx, a, target.id, target.version, usermgmt.UserUpdate{Title: &title})
			if err == nil {
				answer.Version = u.Version
			}
			return err
		}) {
	case done:
		target.version++
	case lost:
		w.forget(target)
	case undone:
	}
	var back session
	if w.do(line{Do: "switch back", By: op.id, As: target.id, User: op.id, Session: acting.id},
		func(ctx context.Context, origin usermgmt.Origin, answer *line) error {
			r, err := w.m.Proxy().SwitchBack(ctx, acting.token, origin)
			opened(answer, r)
			back = session{answer.Opened, answer.Token}
			return err
		}) == done && back.token != "" {
		op.sessions = []session{back}
	}
}

// importFile imports a file, in two batches since the second sets the superiors;
// or imports it again with other names.
func (w *worker) importFile() {
	g := &w.c.Ground
	names := w.file
	if names == nil || w.rng.IntN(2) == 0 {
		names = nil
		for range 3 + w.rng.IntN(3) {
			names = append(names, unique("i"))
		}
	}
	var file strings.Builder
	file.WriteString("username,email,first_name,last_name,account_mail,reports_to\n")
	for i, n := range names {
		boss := ""
		if i > 0 {
			boss = names[0]
		}
		fmt.Fprintf(&file, "%s,%s@acme.test,Imp,%s,true,%s\n", n, n, unique("L"), boss)
	}
	w.file = nil
	got := w.asRoot(line{Do: "import"}, func(ctx context.Context, a usermgmt.Actor, answer *line) error {
		r, err := w.m.Imports().Users(ctx, a, strings.NewReader(file.String()), usermgmt.ImportOptions{DefaultUnit: g.Unit,
			Defaults: usermgmt.NewMembership{Profile: g.Profile, PrimaryTeam: g.Team, Roles: []usermgmt.RoleAssignment{{Role: g.Regular}}}})
		if r != nil {
			answer.Made, answer.Counts = r.ID.String(), [3]int{r.Created, r.Updated, r.Failed}
			if err == nil && r.Failed == 0 {
				w.file = names
			}
		}
		return err
	})
	if got != done {
		w.file = nil
	}
}

// pool makes the pool of seats small for a moment.
func (w *worker) pool() {
	g := &w.c.Ground
	size := -1
	if !w.narrow {
		size = 1 + w.rng.IntN(20)
	}
	if w.asRoot(line{Do: "pool", Size: size}, func(ctx context.Context, a usermgmt.Actor, _ *line) error {
		return w.m.Licences().SetPool(ctx, a, g.Org, usermgmt.LicencePlatform, usermgmt.PoolTerms{Size: size})
	}) != undone {
		w.narrow = size >= 0
	}
}

func (w *worker) deliver() {
	w.do(line{Do: "deliver"}, func(ctx context.Context, _ usermgmt.Origin, _ *line) error {
		_, err := w.m.Deliver(ctx, 1+w.rng.IntN(5))
		return err
	})
}
