package equality_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt"
)

func (m *model) policy(org int) *usermgmt.Policy { return &m.orgs[org].policy }

func (m *model) userNamed(login string) int {
	k, ok := usernameKey(login)
	return slices.IndexFunc(m.users, func(u *person) bool { return ok && slices.Contains(loginKeys(u), k) })
}

// proof is what became of a guess.
type proof struct {
	reserved, locked, right bool
	refused                 string // why the user cannot get in at all
	until                   time.Time
}

// attempt counts and records an attempt, and judges it. by is who asks: nobody at a login.
func (m *model) attempt(user int, c claim, verb string, by *actor) proof {
	policy, org := &m.policies[0], none
	var u *person
	why := "unknown"
	var p proof
	if user != none {
		u = m.users[user]
		policy, org = m.policy(u.home), u.home
		switch {
		case u.deactivated:
			p.refused = "deactivated"
		case !u.enabled:
			p.refused = "disabled"
		case u.kind == usermgmt.KindService:
			p.refused = "service"
		case m.locked(u):
			p.refused = "locked"
		case u.reset && u.temporary.IsZero():
			p.refused = "password_reset"
		}
		switch {
		case p.refused != "":
			why = "unauthenticated: " + p.refused
		case c.none != "":
			why = c.none
		default:
			why = c.what
		}
	}
	p.until = m.now.Add(policy.LockoutDuration)
	if policy.LockoutDuration == 0 {
		p.until = usermgmt.Forever
	}
	if u != nil && u.kind != usermgmt.KindService && !m.locked(u) {
		p.reserved = true
		if !u.lockedUntil.IsZero() {
			u.failures, u.lockedUntil = 0, time.Time{}
		}
		u.failures++
		if policy.LockoutAttempts > 0 && u.failures >= policy.LockoutAttempts {
			u.lockedUntil, p.locked = p.until, true
		}
	}
	m.on("user", name("user", user), org)
	if user == none {
		m.on("user", "", none)
	}
	e := m.entry(by, verb, "attempted")
	if by.subject == none {
		e.subject = user
	}
	e.fold = m.fold(verb, "attempt", fmt.Sprint(e.operator), e.target, why)
	m.append(e)
	if p.locked {
		l := *e
		l.verb, l.outcome, l.fold, l.count = "auth.locked", "done", "", 1
		m.append(&l)
	}
	p.right = p.reserved && c.right
	return p
}

// release gives back an attempt that was not judged.
func (m *model) release(user int, p *proof) {
	u := m.users[user]
	u.failures = max(u.failures-1, 0)
	if u.lockedUntil.Equal(p.until) {
		u.lockedUntil = time.Time{}
	}
}

// login is open to everybody.
func (mc *machine) login(login, password string, org, app int) *call {
	return &call{name: "auth.login", verb: "auth.login", open: true,
		expect: func(*actor) (string, error) {
			m := mc.model
			user := m.userNamed(login)
			p := m.prove(user, password, "auth.login", newActor())
			if !p.right {
				return "", usermgmt.ErrCredentials
			}
			u := m.users[user]
			by := newActor()
			by.door, by.subject, by.operator = usermgmt.DoorSession, user, user
			m.on("user", fmt.Sprint("user", user), u.home)
			refuse := func(kind error) (string, error) {
				mc.refusal = m.entry(by, "auth.login", "refused")
				return "", kind
			}
			if p.refused != "" || !u.temporary.IsZero() && !m.now.Before(u.temporary) {
				return refuse(usermgmt.ErrUnauthenticated)
			}
			in := m.chooseOrg(user, org)
			if in == none {
				return refuse(usermgmt.ErrUnauthenticated)
			}
			chosen, ok := m.chooseApp(user, in, app)
			if !ok {
				m.release(user, &p)
				return refuse(usermgmt.ErrPermission)
			}
			if !m.seatFor(user, in, m.evicted(user)) {
				m.release(user, &p)
				return refuse(usermgmt.ErrLimit)
			}
			temporary := !u.temporary.IsZero()
			if temporary { // works once
				u.temporary, u.mustChange = time.Time{}, true
				u.epoch++
			}
			pending := m.stepsAfter(u, temporary)
			m.settle(user, &p, pending)
			i := m.open(user, in, chosen, pending)
			if pending.Has(usermgmt.StepFactor) && !u.hasFactor() {
				m.mailCode(user, i, 0)
			}
			if p.locked {
				m.record(by, "user.unlock")
			}
			m.on("user", fmt.Sprint("user", user), in)
			m.record(by, "auth.login")
			return m.sessionText(i), nil
		},
		do: func(ctx context.Context, s *system, _ usermgmt.Actor) (string, error) {
			r, err := s.Auth().Login(ctx, usermgmt.LoginRequest{Name: login, Password: s.word(password), Org: at(s.orgs, org),
				Application: at(s.apps, app), Origin: origin})
			if err != nil {
				return "", err
			}
			return s.opened(r), nil
		}}
}

// opened takes over a new session, or a new token of an old one.
func (s *system) opened(r *usermgmt.LoginResult) string {
	if of(s, r.Session.ID) == "?" {
		add(s, "session", &s.sessions, r.Session.ID)
	}
	s.tokens = append(s.tokens, r.Token.Reveal())
	if r.Pending != r.Session.Pending {
		return "Pending does not agree with the session"
	}
	return s.sessionText(&r.Session)
}

func (m *model) sessionText(i int) string {
	s := m.sessions[i]
	return fmt.Sprintf("session%d of %s in %s for %s, kind %d, pending %s, by %s below %s, parked %t, until %s", i, name("user", s.user), name("org", s.org),
		name("app", s.app), s.kind, s.pending, name("user", s.operator), name("session", s.parent), s.parked, text(s.expires))
}

func (s *system) sessionText(x *usermgmt.Session) string {
	return fmt.Sprintf("%s of %s in %s for %s, kind %d, pending %s, by %s below %s, parked %t, until %s", of(s, x.ID), of(s, x.User), of(s, x.Org),
		of(s, x.App), x.Kind, x.Pending, of(s, x.Operator), of(s, x.Parent), x.Parked, text(x.ExpiresAt))
}

// chooseOrg is the wanted organization, the home, or the first that lets the
// user in; none if none does.
func (m *model) chooseOrg(user, want int) int {
	if want != none {
		if want < len(m.orgs) && m.enters(user, want, false, true) {
			return want
		}
		return none
	}
	home := m.users[user].home
	for _, org := range append([]int{home}, 0, 1) {
		if m.enters(user, org, false, true) {
			return org
		}
	}
	return none
}

// chooseApp is the wanted application, which must be accessible, or the initial
// one if it is.
func (m *model) chooseApp(user, org, want int) (int, bool) {
	app := want
	if app == none {
		app = m.users[user].in[org].app
	}
	if app == none || m.reachesApp(user, org, app) {
		return app, true
	}
	return none, want == none
}

// open opens a session of a user who is in, after making room for it.
func (m *model) open(user, org, app int, pending usermgmt.Step) int {
	u := m.users[user]
	policy := m.policy(u.home)
	for _, i := range m.evicted(user) {
		m.endSession(i, none, "too many sessions")
	}
	m.sessions = append(m.sessions, &session{kind: usermgmt.SessionLogin, pending: pending, user: user, org: org, app: app, operator: none, parent: none, token: m.tokens,
		licence: u.in[org].licence, epoch: m.sessionEpoch(user, org), idle: policy.SessionIdle, created: m.now, seen: m.now, proved: m.now,
		expires: m.now.Add(policy.SessionLifetime)})
	m.tokens++
	return len(m.sessions) - 1
}

// ownSessions are those of the user that have not ended, newest first.
func (m *model) ownSessions(user int) (own []int) {
	for i, s := range m.sessions {
		if !s.ended && s.user == user && s.kind != usermgmt.SessionProxy {
			own = append(own, i)
		}
	}
	slices.Reverse(own)
	return own
}

// evicted are the sessions that have to make room for a new one of the user.
func (m *model) evicted(user int) []int {
	most, own := m.policy(m.users[user].home).MaxSessions, m.ownSessions(user)
	if most <= 0 || len(own) < most {
		return nil
	}
	return own[most-1:]
}

func (mc *machine) logout() *call {
	return &call{name: "auth.logout", verb: "auth.logout", restricted: true,
		expect: func(a *actor) (string, error) {
			if a.session == none {
				return "", usermgmt.ErrConflict
			}
			mc.on("session", name("session", a.session), a.org)
			mc.endSession(a.session, none, "logout")
			if a.parent != none {
				mc.endSession(a.parent, none, "logout")
			}
			mc.record(a, "auth.logout")
			return "", nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			return "", s.Auth().Logout(ctx, a)
		}}
}

func (mc *machine) passwordChange(current, next string) *call {
	return &call{name: "passwords.change", verb: "password.change", restricted: true, own: true,
		expect: func(a *actor) (string, error) {
			m := mc.model
			now := m.renew(a)
			switch {
			case m.now.Sub(a.verified) > time.Minute, now == nil:
				return "", usermgmt.ErrUnauthenticated
			case a.door != usermgmt.DoorSession && a.door != usermgmt.DoorHost:
				return "", usermgmt.ErrPermission
			}
			user := a.subject
			u := m.users[user]
			p := m.prove(user, current, "password.change", a)
			if !p.right {
				mc.refusal = nil
				return "", usermgmt.ErrCredentials
			}
			if !passwordOK(m.policy(u.home), next) || next == current {
				m.release(user, &p)
				return "", usermgmt.ErrInvalid
			}
			if now.pending != 0 && now.pending.Next() != usermgmt.StepPassword {
				m.release(user, &p)
				m.on("", "", none)
				return "", usermgmt.ErrUnauthenticated
			}
			app := none
			if a.door == usermgmt.DoorSession {
				if chosen, ok := m.chooseApp(user, a.org, a.app); ok {
					app = chosen
				}
			}
			if a.door == usermgmt.DoorSession && !m.seatFor(user, a.org, nil) { // the others end afterwards
				m.release(user, &p)
				return "", usermgmt.ErrLimit
			}
			m.newPassword(user, next, false)
			m.endSessions(user, none, none, "password changed")
			m.on("user", fmt.Sprint("user", user), u.home)
			m.record(a, "password.change")
			if a.door == usermgmt.DoorHost {
				return "", nil
			}
			return m.sessionText(m.open(user, a.org, app, now.pending&^usermgmt.StepPassword)), nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			r, err := s.Passwords().Change(ctx, a, usermgmt.PasswordChange{Current: s.word(current), New: next})
			if err != nil || r == nil {
				return "", err
			}
			return s.opened(r), nil
		}}
}

func (mc *machine) passwordSet(user int, password string, mustChange bool) *call {
	return mc.changeUser("passwords.set", "password.set", "user.set_password", user, false, func(a *actor, u *person) (bool, error) {
		switch {
		case a.door == usermgmt.DoorAPIKey || a.door == usermgmt.DoorProxy:
			return false, usermgmt.ErrPermission
		case u.kind == usermgmt.KindService:
			return false, usermgmt.ErrConflict
		case mc.strongerAnywhere(a, user) != nil:
			return false, usermgmt.ErrPermission
		case !passwordOK(mc.policy(u.home), password):
			return false, usermgmt.ErrInvalid
		}
		mc.newPassword(user, password, mustChange)
		mc.endSessions(user, none, none, "password set by an administrator")
		return true, nil
	}, func(ctx context.Context, s *system, a usermgmt.Actor) error {
		return s.Passwords().Set(ctx, a, at(s.users, user), password, "", mustChange)
	})
}

func (mc *machine) sessionList(user int) *call {
	return &call{name: "sessions.list", read: true,
		expect: func(a *actor) (string, error) {
			m := mc.model
			everywhere := m.self(a, user)
			if !everywhere {
				if !m.known(user) {
					return "", usermgmt.ErrNotFound
				}
				err := m.need(a, "user.end_sessions", "user.view", m.met(a, user))
				if err != nil && user != a.subject {
					return "", err
				}
				everywhere = err == nil && (m.users[user].home == a.org || a.org == none)
			}
			var list []int
			for i, s := range m.sessions {
				live := !s.ended && (s.parked || m.now.Before(s.expires) && m.now.Before(s.seen.Add(s.idle)))
				if live && (s.user == user || s.operator == user) && (everywhere || s.org == a.org) {
					list = append(list, i)
				}
			}
			slices.Reverse(list)
			out := make([]string, len(list))
			for k, i := range list {
				out[k] = m.sessionText(i)
			}
			return strings.Join(out, "\n"), nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			list, err := s.Sessions().List(ctx, a, at(s.users, user))
			out := make([]string, len(list))
			for i := range list {
				out[i] = s.sessionText(&list[i])
			}
			return strings.Join(out, "\n"), err
		}}
}

func (mc *machine) sessionEnd(i int) *call {
	return &call{name: "sessions.end", verb: "session.end",
		expect: func(a *actor) (string, error) {
			m := mc.model
			if i >= len(m.sessions) || m.sessions[i].gone {
				return "", usermgmt.ErrNotFound
			}
			s := m.sessions[i]
			owner := s.user
			if s.kind == usermgmt.SessionProxy {
				owner = s.operator
			}
			if !m.self(a, owner) {
				err := m.identity(a, owner, "user.end_sessions")
				m.on("session", fmt.Sprint("session", i), s.org)
				if err != nil {
					return "", err
				}
			}
			m.on("session", fmt.Sprint("session", i), s.org)
			if !s.ended {
				m.endSession(i, none, "ended")
				m.record(a, "session.end")
			}
			return "", nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			return "", s.Sessions().End(ctx, a, at(s.sessions, i))
		}}
}

func (mc *machine) sessionEndAll(user int) *call {
	return &call{name: "sessions.end_all", verb: "session.end",
		expect: func(a *actor) (string, error) {
			m := mc.model
			if !m.known(user) {
				return "", usermgmt.ErrNotFound
			}
			if !m.self(a, user) {
				if err := m.identity(a, user, "user.end_sessions"); err != nil {
					return "", err
				}
			}
			m.on("user", fmt.Sprint("user", user), m.users[user].home)
			n := m.endSessions(user, none, a.session, "ended")
			m.record(a, "session.end")
			return fmt.Sprint(n), nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			n, err := s.Sessions().EndAll(ctx, a, at(s.users, user))
			return fmt.Sprint(n), err
		}}
}
