package equality_test

import (
	"context"
	"encoding/base32"
	"fmt"
	"slices"
	"time"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/totp"
)

// secondFactor is an authenticator by the number of its seed, with what waits to
// take its place, and the numbers of the recovery codes that are left of a batch.
type secondFactor struct {
	seed, next        int
	confirmed, nextAt time.Time
	last              int64 // step
	batch             int
	left              []int
}

func (u *person) hasFactor() bool { return u.factor != nil && u.factor.seed != none }

// guess is what somebody types as a code. The stores draw their own secrets, so it
// is the number of a seed with a step, of a recovery code in a batch, or of a mailed
// secret; with none of them it is nonsense.
type guess struct {
	seed, batch, secret int
	step                int64
	code                int
}

func noGuess() guess { return guess{seed: none, batch: none, secret: none} }

func (s *system) typed(g guess) string {
	switch {
	case g.seed != none:
		return totp.Code(s.seeds[g.seed], g.step)
	case g.batch != none:
		return s.recovery[g.batch][g.code]
	case g.secret != none:
		return s.secrets[g.secret]
	}
	return "no code"
}

// matches reports whether the guess is a code of a seed, within a step of now.
func (m *model) matches(g guess, seed int) bool {
	off := g.step - totp.Step(m.now)
	return g.seed == seed && seed != none && off >= -1 && off <= 1
}

// codeClaim is the claim to have the second factor of a user at a session; take
// uses up what was right.
func (m *model) codeClaim(user, session int, g guess) (c claim, take func() bool) {
	u := m.users[user]
	f := u.factor
	switch {
	case !u.hasFactor():
		c.what = "code by mail"
		l := m.codeOf(user)
		if l == none || m.links[l].session != session || !m.good(m.links[l]) || !slices.Contains(m.secrets, l) {
			c.none = "no code"
			return c, nil
		}
		c.right = g.secret != none && m.secrets[g.secret] == l
		return c, func() bool { m.links[l].used = true; return true }
	case g.batch != none: // whether there is such a code is known when it is taken
		return claim{what: "recovery code", right: true}, func() bool {
			i := slices.Index(f.left, g.code)
			if g.batch != f.batch || i < 0 {
				return false
			}
			f.left = slices.Delete(slices.Clone(f.left), i, i+1)
			return true
		}
	}
	return claim{what: "second factor", right: m.matches(g, f.seed)}, func() bool {
		if g.step <= f.last {
			return false
		}
		f.last = g.step
		return true
	}
}

// codeOf is the number of the link with the user's last code by mail; none if there
// is none.
func (m *model) codeOf(user int) int {
	for i := len(m.links) - 1; i >= 0; i-- {
		if l := m.links[i]; l.user == user && l.purpose == usermgmt.TokenCode {
			return i
		}
	}
	return none
}

func (m *model) mailCode(user, session int, interval time.Duration) bool {
	if !m.putLink(user, usermgmt.TokenCode, usermgmt.MailCode, m.policy(m.users[user].home).MailCodeLifetime, interval) {
		return false
	}
	m.links[len(m.links)-1].session = session
	return true
}

// mayOwn refuses whoever may not change the own secrets now.
func (m *model) mayOwn(a *actor) error {
	switch {
	case a.door != usermgmt.DoorSession && a.door != usermgmt.DoorHost:
		return usermgmt.ErrPermission
	case a.pending != 0:
		return nil
	}
	return m.fresh(a)
}

func (mc *machine) factorEnroll() *call {
	return &call{name: "factors.enroll", verb: "factor.enroll", step: usermgmt.StepEnroll,
		expect: func(a *actor) (string, error) {
			m := mc.model
			if err := m.mayOwn(a); err != nil {
				return "", err
			}
			u := m.users[a.subject]
			m.on("user", name("user", a.subject), u.home)
			f := secondFactor{seed: none}
			if u.factor != nil {
				f = *u.factor
			}
			f.next, f.nextAt = m.seeds, m.now
			m.seeds++
			u.factor = &f
			m.record(a, "factor.enroll")
			return text(m.now.Add(time.Hour)), nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			n, err := s.Factors().Enroll(ctx, a)
			if err != nil {
				return "", err
			}
			seed, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(n.Seed.Reveal())
			s.seeds = append(s.seeds, seed)
			return text(n.ExpiresAt), err
		}}
}

func (mc *machine) factorConfirm(g guess) *call {
	return &call{name: "factors.confirm", verb: "factor.confirm", step: usermgmt.StepEnroll,
		expect: func(a *actor) (string, error) {
			m := mc.model
			if a.door != usermgmt.DoorSession && a.door != usermgmt.DoorHost {
				return "", usermgmt.ErrPermission
			}
			u := m.users[a.subject]
			f := u.factor
			if f == nil || f.nextAt.IsZero() || !m.now.Before(f.nextAt.Add(time.Hour)) {
				return "", usermgmt.ErrConflict
			}
			p := m.attempt(a.subject, claim{what: "code of a new factor", right: m.matches(g, f.next)}, "factor.confirm", a)
			if !p.right {
				return "", usermgmt.ErrCredentials
			}
			m.release(a.subject, &p)
			u.factor = &secondFactor{seed: f.next, confirmed: m.now, last: max(f.last, g.step), batch: m.batches, left: []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}}
			m.batches++
			m.factorChanged(a, "set")
			if a.pending.Has(usermgmt.StepEnroll) {
				return m.goOn(a, a.pending&^usermgmt.StepEnroll, "second factor set up"), nil
			}
			return "", nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			n, err := s.Factors().Confirm(ctx, a, s.typed(g))
			if err != nil {
				return "", err
			}
			s.batch(n.RecoveryCodes)
			if n.Login == nil {
				return "", nil
			}
			return s.opened(n.Login), nil
		}}
}

// batch takes over recovery codes.
func (s *system) batch(codes []usermgmt.Secret) {
	var batch []string
	for _, c := range codes {
		batch = append(batch, c.Reveal())
	}
	s.recovery = append(s.recovery, batch)
}

// factorChanged ends the other sessions of whoever changes the own factor.
func (m *model) factorChanged(a *actor, what string) {
	verb := map[string]string{"set": "factor.confirm", "removed": "factor.remove"}[what]
	m.endSessions(a.subject, none, a.session, "second factor "+what)
	m.on("user", name("user", a.subject), m.users[a.subject].home)
	m.record(a, verb)
}

// ownFactor decides on changes of one's own factor.
func (m *model) ownFactor(a *actor) (*person, error) {
	if err := m.mayOwn(a); err != nil {
		return nil, err
	}
	u := m.users[a.subject]
	m.on("user", name("user", a.subject), u.home)
	if !u.hasFactor() {
		return nil, usermgmt.ErrNotFound
	}
	return u, nil
}

func (mc *machine) factorRenew() *call {
	return &call{name: "factors.renew_codes", verb: "factor.renew_codes",
		expect: func(a *actor) (string, error) {
			u, err := mc.ownFactor(a)
			if err != nil {
				return "", err
			}
			f := *u.factor
			f.batch, f.left = mc.batches, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
			mc.batches++
			u.factor = &f
			mc.record(a, "factor.renew_codes")
			return "", nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			codes, err := s.Factors().RenewCodes(ctx, a)
			if err == nil {
				s.batch(codes)
			}
			return "", err
		}}
}

func (mc *machine) factorRemove() *call {
	return &call{name: "factors.remove", verb: "factor.remove",
		expect: func(a *actor) (string, error) {
			u, err := mc.ownFactor(a)
			if err != nil {
				return "", err
			}
			if mc.policy(u.home).SecondFactor == usermgmt.FactorRequired {
				return "", usermgmt.ErrConflict
			}
			u.factor = nil
			mc.factorChanged(a, "removed")
			return "", nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			return "", s.Factors().Remove(ctx, a)
		}}
}

func (mc *machine) factorReset(user int, why string) *call {
	return mc.changeUser("factors.reset", "factor.reset", "user.reset_factor", user, false, func(a *actor, u *person) (bool, error) {
		switch {
		case !ownDoor(a) || mc.strongerAnywhere(a, user) != nil:
			return false, usermgmt.ErrPermission
		case why == "":
			return false, usermgmt.ErrInvalid
		case !u.hasFactor():
			return false, usermgmt.ErrNotFound
		}
		u.factor = nil
		mc.endForGood(user, "second factor reset")
		return true, nil
	}, func(ctx context.Context, s *system, a usermgmt.Actor) error {
		return s.Factors().Reset(ctx, a, at(s.users, user), why)
	})
}

func (mc *machine) factorGet(user int) *call {
	return &call{name: "factors.get", read: true, own: true,
		expect: func(a *actor) (string, error) {
			m := mc.model
			asked := a.pending.Next()&(usermgmt.StepFactor|usermgmt.StepEnroll) != 0
			if !asked || user != a.subject {
				switch {
				case a.pending != 0:
					return "", usermgmt.ErrUnauthenticated
				case !m.known(user):
					return "", usermgmt.ErrNotFound
				case user != a.subject:
					if err := m.need(a, "user.view", "user.view", m.met(a, user)); err != nil {
						return "", err
					}
				}
			}
			f := m.users[user].factor
			if f == nil {
				f = &secondFactor{}
			}
			return fmt.Sprint(text(f.confirmed), " ", len(f.left)), nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			f, err := s.Factors().Get(ctx, a, at(s.users, user))
			if err != nil {
				return "", err
			}
			return fmt.Sprint(text(f.ConfirmedAt), " ", f.RecoveryCodes), nil
		}}
}

// drawGuess draws what a user types as a code: mostly a right one.
func (mc *machine) drawGuess(user int) guess {
	g := noGuess()
	if !mc.known(user) {
		return g
	}
	u, now := mc.users[user], totp.Step(mc.now)
	if !u.hasFactor() {
		l := mc.codeOf(user)
		for i, n := range mc.secrets {
			if n == l || mc.links[n].purpose == usermgmt.TokenCode && mc.chance("another code", 3) {
				g.secret = i
			}
		}
		if mc.chance("wrong", 15) {
			g.secret = none
		}
		return g
	}
	f := u.factor
	switch mc.weighted("code", 36, 10, 14, 5, 18, 12, 5) {
	case 0:
		g.seed, g.step = f.seed, now
	case 1:
		g.seed, g.step = f.seed, now+1
	case 2: // a second time
		g.seed, g.step = f.seed, f.last
	case 3:
		g.seed, g.step = f.seed, now+sample(mc, "off", []int64{-2, 2, 3})
	case 4:
		if len(f.left) > 0 {
			g.batch, g.code = f.batch, mc.choose("code", f.left)
		}
	case 5: // a second time, or of a batch that was replaced
		g.batch, g.code = mc.pick("batch", f.batch+1), mc.pick("code", 10)
		for code := range 10 {
			if !slices.Contains(f.left, code) && mc.chance("used", 80) {
				g.batch, g.code = f.batch, code
			}
		}
	}
	return g
}

func (mc *machine) drawConfirm(a *actor) *call {
	g := noGuess()
	if a.subject != none && mc.users[a.subject].factor != nil && !mc.users[a.subject].factor.nextAt.IsZero() {
		f := mc.users[a.subject].factor
		switch mc.weighted("code", 75, 10, 10, 5) {
		case 0:
			g.seed, g.step = f.next, totp.Step(mc.now)
		case 1:
			g.seed, g.step = f.next, totp.Step(mc.now)-1
		case 2:
			g.seed, g.step = f.seed, totp.Step(mc.now)
		}
	}
	return mc.factorConfirm(g)
}

// pickEnrolling draws somebody whose seed waits to be confirmed; other if there is
// nobody.
func (mc *machine) pickEnrolling(other who) who {
	var list []who
	for i, u := range mc.users {
		if u.factor == nil || u.factor.nextAt.IsZero() {
			continue
		}
		w := who{door: usermgmt.DoorHost, user: i, org: none, app: none}
		if a := mc.verifyModel(w); a != nil && a.pending == 0 {
			list = append(list, w)
		}
		for k, s := range mc.sessions {
			if a := mc.verifySession(k); a != nil && s.user == i && s.kind != usermgmt.SessionProxy {
				list = append(list, who{door: usermgmt.DoorSession, token: s.token, user: none, org: none, app: none})
			}
		}
	}
	if len(list) == 0 {
		return other
	}
	return sample(mc, "enrolling", list)
}

// hasFactor is true of the sessions of those who have a second factor, with nothing
// to be done first.
func hasFactor(mc *machine, a *actor) bool {
	return a.door == usermgmt.DoorSession && a.pending == 0 && mc.users[a.subject].hasFactor()
}

// enrols is true of the sessions that are to set up a factor, and of those of users
// without one.
func enrols(mc *machine, a *actor) bool {
	return a.door == usermgmt.DoorSession && (a.pending.Next() == usermgmt.StepEnroll || a.pending == 0 && !mc.users[a.subject].hasFactor())
}

// factorKinds are the calls of this file.
var factorKinds = []kind{
	{"factors.enroll", 12, false, func(mc *machine, _ *actor) *call { return mc.factorEnroll() }, enrols},
	{"factors.confirm", 13, false, func(mc *machine, a *actor) *call { return mc.drawConfirm(a) }, nil},
	{"factors.renew_codes", 9, false, func(mc *machine, _ *actor) *call { return mc.factorRenew() }, hasFactor},
	{"factors.remove", 9, false, func(mc *machine, _ *actor) *call { return mc.factorRemove() }, hasFactor},
	{"factors.reset", 9, false, func(mc *machine, a *actor) *call {
		return mc.factorReset(mc.userWho(a, func(u *person) bool { return u.hasFactor() }), sample(mc, "why", []string{"lost", "lost", "lost", "lost", ""}))
	}, nil},
	{"factors.get", 9, true, func(mc *machine, a *actor) *call {
		return mc.factorGet(mc.userWho(a, func(u *person) bool { return u.factor != nil }))
	}, nil},
}
