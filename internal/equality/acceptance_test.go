package equality_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/usermgmt/usermgmt"
)

// joinWith is the link of an invitation to an organization that a secret opens
// now; nil for none.
func (m *model) joinWith(secret int) *link {
	if secret >= len(m.secrets) {
		return nil
	}
	if l := m.links[m.secrets[secret]]; l.purpose == usermgmt.TokenJoin && m.good(l) {
		return l
	}
	return nil
}

// sender is who sent an invitation, with the rights of now: in the organization
// or, without a membership there, at home. nil is somebody who may not be in; a lock
// keeps nobody from having sent it.
func (m *model) sender(i *invitation) *actor {
	org := i.org
	if m.users[i.by].in[org] == nil {
		org = m.users[i.by].home
	}
	if !m.enters(i.by, org, false, false) || m.users[i.by].shut() {
		return nil
	}
	a := newActor()
	a.door, a.operator = usermgmt.DoorHost, i.by
	m.admit(a, i.by, org)
	return a
}

// takes makes the user with a number, who may be new, the member that an
// invitation plans.
func (m *model) takes(n, user int, kind usermgmt.UserKind) (*place, error) {
	i := m.invitations[n]
	a := m.sender(i)
	if a == nil || !m.orgs[i.org].enabled || !m.units[i.unit].alive {
		return nil, usermgmt.ErrConflict
	}
	p := i.planned()
	r := &thing{org: i.org, owner: none, units: []int{i.unit}, teams: m.teamsNow(p, false)}
	if m.need(a, "user.invite", "unit.view", r) != nil || !m.unitInScope(a, "user.invite", i.org, i.unit) {
		return nil, usermgmt.ErrConflict
	}
	bad, err := m.checkPlace(a, user, &person{kind: kind, home: i.org, unit: i.unit}, i.org, nil, p, "user.invite", false)
	if err != nil || bad {
		return nil, usermgmt.ErrConflict
	}
	p.version, p.enabled, p.seat = 1, true, true // the seat that was reserved
	if m.freshValues(&person{kind: kind}, i.org, p) {
		return p, usermgmt.ErrInvalid
	}
	return p, nil
}

func (mc *machine) invitationAccept(secret int) *call {
	return &call{name: "invitations.accept", note: fmt.Sprint(" with secret ", secret), verb: "invitation.accept",
		expect: func(a *actor) (string, error) {
			m := mc.model
			if a.subject == none || a.door != usermgmt.DoorSession && a.door != usermgmt.DoorHost {
				return "", usermgmt.ErrPermission
			}
			user := a.subject
			u := m.users[user]
			m.on("user", name("user", user), u.home)
			l := m.joinWith(secret)
			if l == nil {
				mc.refusal = m.entry(a, "invitation.accept", "refused")
				return "", usermgmt.ErrCredentials
			}
			i := m.invitations[l.invitation]
			key := addressKey(i.email)
			m.on("user", name("user", user), i.org)
			switch {
			case key != addressKey(u.email):
				return "", usermgmt.ErrPermission
			case u.kind == usermgmt.KindService, u.in[i.org] != nil:
				return "", usermgmt.ErrConflict
			}
			p, err := m.takes(l.invitation, user, u.kind)
			if err != nil {
				return "", err
			}
			l.used = true
			m.endInvitation(i, usermgmt.InvitationAccepted, user)
			if u.verified != key {
				u.verified = key
				u.version++
			}
			u.in[i.org] = p
			m.record(a, "invitation.accept")
			return m.placeText(a, user, i.org), nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			got, err := s.Invitations().Accept(ctx, a, usermgmt.Acceptance{Token: s.secret(secret)})
			if err != nil {
				return "", err
			}
			return s.placeText(got), nil
		}}
}

// secret is the text of a secret that was mailed, or nonsense.
func (s *system) secret(i int) string {
	if i < len(s.secrets) {
		return s.secrets[i]
	}
	return "nonsense"
}

// invitationRegister is open to whoever has the link.
func (mc *machine) invitationRegister(secret int, username, first, last, password string) *call {
	return &call{name: "invitations.register", note: fmt.Sprintf(" %s with secret %d", username, secret), verb: "user.create", open: true,
		expect: func(*actor) (string, error) {
			m := mc.model
			by := newActor()
			by.door = usermgmt.DoorLink
			l := m.joinWith(secret)
			if l == nil {
				mc.refusal = m.entry(by, "user.create", "refused")
				return "", usermgmt.ErrCredentials
			}
			i := m.invitations[l.invitation]
			u := &person{kind: usermgmt.KindPerson, home: i.org, unit: i.unit, username: username, email: i.email, first: first, last: last, responsible: none,
				enabled: true, version: 1, created: m.now, epoch: 1, in: map[int]*place{}, password: password, verified: addressKey(i.email)}
			refuse := func(kind error) (string, error) {
				by.subject, by.operator, by.org = unmade, unmade, i.org
				m.on("user", "?", i.org)
				mc.refusal = m.entry(by, "user.create", "refused")
				return "", kind
			}
			p, err := m.takes(l.invitation, len(m.users), u.kind)
			u.custom, _ = checkValues(fieldsOfHost, nil, nil, true, true)
			switch {
			case err == usermgmt.ErrInvalid:
				return "", err
			case err != nil:
				return refuse(err)
			case !u.wellFormed() || !passwordOK(m.policy(i.org), password):
				return "", usermgmt.ErrInvalid
			case m.nameTaken(len(m.users), u):
				return refuse(usermgmt.ErrConflict)
			}
			user := len(m.users)
			l.used = true
			m.endInvitation(i, usermgmt.InvitationAccepted, user)
			u.in[i.org] = p
			m.users = append(m.users, u)
			by.subject, by.operator, by.org = user, user, i.org
			m.on("user", name("user", user), i.org)
			m.record(by, "user.create")
			return m.userText(user), nil
		},
		do: func(ctx context.Context, s *system, _ usermgmt.Actor) (string, error) {
			u, err := s.Invitations().Register(ctx, usermgmt.Registration{Token: s.secret(secret), Username: username, FirstName: first, LastName: last,
				Password: password, Origin: origin})
			if err != nil {
				return "", err
			}
			add(s, "user", &s.users, u.ID)
			return s.userText(u), nil
		}}
}

// joinSecrets are the secrets of invitations that work, for an address or all.
func (mc *machine) joinSecrets(fits func(i *invitation) bool) (out []int) {
	for n := range mc.secrets {
		if l := mc.joinWith(n); l != nil && fits(mc.invitations[l.invitation]) {
			out = append(out, n)
		}
	}
	return out
}

// drawJoin draws a secret: mostly of an invitation that fits.
func (mc *machine) drawJoin(fits func(i *invitation) bool) int {
	list := mc.joinSecrets(fits)
	switch other := mc.joinSecrets(func(*invitation) bool { return true }); {
	case len(list) > 0 && !mc.chance("any secret", 20):
		return mc.choose("secret", list)
	case len(other) > 0 && !mc.chance("any secret", 40):
		return mc.choose("secret", other)
	case len(mc.secrets) > 0 && !mc.chance("nonsense", 15):
		return mc.any("secret", len(mc.secrets))
	}
	return ghost
}

func (i *invitation) asks(u *person) bool {
	return addressKey(i.email) == addressKey(u.email) && u.in[i.org] == nil
}

// pickInvited draws somebody who can accept an invitation; other if there is nobody.
func (mc *machine) pickInvited(other who) who {
	var list []int
	for n, u := range mc.users {
		if len(mc.joinSecrets(func(i *invitation) bool { return i.asks(u) })) > 0 {
			if mc.verifyModel(who{door: usermgmt.DoorHost, user: n, org: none, app: none}) != nil {
				list = append(list, n)
			}
		}
	}
	if len(list) == 0 {
		return other
	}
	return who{door: usermgmt.DoorHost, user: mc.choose("invited", list), org: none, app: none}
}

func (mc *machine) drawAccept(a *actor) *call {
	return mc.invitationAccept(mc.drawJoin(func(i *invitation) bool { return a.subject != none && i.asks(mc.users[a.subject]) }))
}

func (mc *machine) drawRegister() *call {
	secret := mc.drawJoin(func(i *invitation) bool { return mc.userNamed(i.email) == none })
	username, password := fmt.Sprintf("name%02d", mc.pick("number", 90)), sample(mc, "new", goodPasswords)
	if l := mc.joinWith(secret); l != nil && mc.chance("the address", 60) {
		username = mc.invitations[l.invitation].email
	}
	switch mc.weighted("what", 80, 10, 10) {
	case 1:
		password = sample(mc, "new", badPasswords[:2])
	case 2:
		username = strings.Repeat("x", mc.pick("length", 2)+1)
	}
	return mc.invitationRegister(secret, username, sample(mc, "first", firstNames), sample(mc, "last", lastNames), password)
}

// acceptanceKinds are the calls of this file.
var acceptanceKinds = []kind{
	{"invitations.accept", 10, false, func(mc *machine, a *actor) *call { return mc.drawAccept(a) }, nil},
	{"invitations.register", 10, false, func(mc *machine, _ *actor) *call { return mc.drawRegister() }, nil},
}
