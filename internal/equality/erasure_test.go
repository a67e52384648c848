package equality_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/usermgmt/usermgmt"
)

func (mc *machine) userErase(user int) *call {
	var was person
	c := mc.changeUser("users.erase", "user.erase", "user.erase", user, false, func(a *actor, u *person) (bool, error) {
		switch {
		case !ownDoor(a):
			return false, usermgmt.ErrPermission
		case u.erased:
			return false, nil
		case !u.deactivated:
			return false, usermgmt.ErrConflict
		}
		was = *u
		mc.erase(user)
		return true, nil
	}, func(ctx context.Context, s *system, a usermgmt.Actor) error {
		return s.Users().Erase(ctx, a, at(s.users, user))
	})
	c.settle = func() {
		if was.username != "" { // now, and not the second time
			for _, s := range mc.systems {
				mc.nowhere(s, user, &was)
			}
		}
	}
	return c
}

// erase leaves of a person the record with its places.
func (m *model) erase(user int) {
	u := m.users[user]
	address, key := u.email, addressKey(u.email)
	gone := []string{address}
	for n, i := range m.invitations {
		if i.gone || i.accepted != user && (key == "" || addressKey(i.email) != key) {
			continue
		}
		if i.outcome == "" {
			m.endInvitation(i, usermgmt.InvitationRevoked, none)
		}
		i.gone = true
		gone = append(gone, i.email)
		for _, l := range m.links {
			if l.purpose == usermgmt.TokenJoin && l.invitation == n {
				l.replaced, l.settled = true, true
			}
		}
	}
	for _, l := range m.links {
		if l.user == user {
			l.replaced, l.settled = true, true
		}
		if l.address != "" && slices.Contains(gone, l.address) {
			l.settled = true // whosever: the mail is not sent
		}
	}
	for _, j := range m.jobs {
		j.gone = j.gone || j.by == user
	}
	for _, s := range m.sessions {
		s.gone = s.gone || s.user == user || s.operator == user
	}
	for org := range m.orgs {
		delete(m.settings, settingsAt{org, user})
		if p := u.in[org]; p != nil {
			p.version++
			p.custom, p.search = nil, ""
		}
	}
	*u = person{kind: u.kind, home: u.home, unit: u.unit, username: fmt.Sprintf("erased-%05d", user), responsible: none, deactivated: true, erased: true,
		version: u.version + 1, created: u.created, in: u.in, epoch: u.epoch + 1}
}

// nameText is the username as the stores must agree on it.
func (u *person) nameText(i int) string {
	if u.erased {
		return "erased-" + name("user", i)
	}
	return u.username
}

// nowhere looks in a store for what was kept of a person who was just erased.
func (mc *machine) nowhere(s *system, user int, was *person) {
	broken := func(format string, args ...any) {
		mc.fail("step %d: of user%d, who was erased, %s still has %s", mc.step, user, s.name, fmt.Sprintf(format, args...))
	}
	must := func(err error) {
		if err != nil {
			mc.fail("reading %s: %v", s.name, err)
		}
	}
	ctx, id := mc.ctx, s.users[user]
	acc, err := s.Store.AccountByID(ctx, id)
	must(err)
	places, err := s.Store.MembershipsOf(ctx, id)
	must(err)
	for _, p := range places {
		if len(p.Settings)+len(p.Custom) > 0 || p.SearchKey != "" {
			broken("settings or values in %s", of(s, p.Org))
		}
	}
	if acc.Credential.Hash != "" || loginText(&acc.Login) != (&person{}).loginText() {
		broken("a password or a record of logins")
	}
	traces, err := s.Store.TracesOf(ctx, usermgmt.Person{User: id, Addresses: []string{was.email}, EmailKeys: []string{addressKey(was.email)}})
	must(err)
	if n := len(traces.Sessions) + len(traces.Keys) + len(traces.Jobs) + len(traces.Invitations); n > 0 {
		broken("%d traces", n)
	}
	if _, err := s.Store.FactorOf(ctx, id); !errors.Is(err, usermgmt.ErrNotFound) {
		broken("a second factor: %v", err)
	}
	if _, err := s.Store.QuestionOf(ctx, id); !errors.Is(err, usermgmt.ErrNotFound) {
		broken("a security question: %v", err)
	}
	codes, err := s.Store.CountRecoveryCodes(ctx, id)
	must(err)
	former, err := s.Store.FormerPasswords(ctx, id, 10)
	must(err)
	if codes+len(former) > 0 {
		broken("%d recovery codes and %d former passwords", codes, len(former))
	}
	mail, err := s.Store.ListMessages(ctx, false, usermgmt.ListQuery{Limit: 10_000})
	must(err)
	for _, x := range mail {
		if x.User == id || was.email != "" && strings.EqualFold(x.To, was.email) {
			broken("mail: %s to %s", x.Kind, x.To)
		}
	}
	entries, err := s.Store.ListAudit(ctx, usermgmt.AuditQuery{Limit: len(mc.log) + 100})
	must(err)
	for i := range entries {
		e, d := &entries[i], &entries[i].Detail
		switch {
		case e.Verb == "user.erase" && e.At.Equal(mc.now):
		case e.TargetKind == "user" && e.Target == id.String() && (d.TargetName != "" || len(d.Before)+len(d.After) > 0 || d.Origin != usermgmt.Origin{}),
			e.Operator == id && (d.OperatorName != "" || d.Origin != usermgmt.Origin{}), e.Subject == id && d.SubjectName != "":
			broken("an entry: %s %s", e.Verb, d.TargetName)
		}
	}
	for what, text := range map[string]string{"the record": fmt.Sprintf("%+v", acc), "places": fmt.Sprintf("%+v", places)} {
		for _, part := range []string{was.username, was.email, was.last, was.title} {
			if part != "" && strings.Contains(strings.ToLower(text), strings.ToLower(part)) {
				broken("%q in %s", part, what)
			}
		}
	}
}

// erasureKinds are the calls of this file.
var erasureKinds = []kind{
	{"users.erase", 9, false, func(mc *machine, a *actor) *call {
		return mc.userErase(mc.userWho(a, func(u *person) bool { return u.deactivated && !u.erased }))
	}, func(mc *machine, a *actor) bool {
		return a.door == usermgmt.DoorSession && mc.granted(a, "user.erase") != 0
	}},
	{"passwords.reset_many", 9, false, func(mc *machine, a *actor) *call { return mc.drawResetMany(a) }, nil},
}

// erasureFaults are those of a store that erases.
type erasureFaults struct {
	saveUser       func(u *usermgmt.User)
	saveCredential func(c *usermgmt.Credential)
	eraseTraces    func(p *usermgmt.Person)
	eraseAudit     func() bool // reports whether to do it
}

func (f faulty) SaveUser(ctx context.Context, u usermgmt.User) error {
	if f.saveUser != nil {
		f.saveUser(&u)
	}
	return f.Store.SaveUser(ctx, u)
}

func (f faulty) SaveCredential(ctx context.Context, c usermgmt.Credential) error {
	if f.saveCredential != nil {
		f.saveCredential(&c)
	}
	return f.Store.SaveCredential(ctx, c)
}

func (f faulty) EraseTraces(ctx context.Context, p usermgmt.Person) error {
	if f.eraseTraces != nil {
		f.eraseTraces(&p)
	}
	return f.Store.EraseTraces(ctx, p)
}

func (f faulty) EraseAudit(ctx context.Context, user usermgmt.UserID) (int, error) {
	if f.eraseAudit != nil && !f.eraseAudit() {
		return 0, nil
	}
	return f.Store.EraseAudit(ctx, user)
}
