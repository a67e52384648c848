package equality_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt"
)

// link is the right to do one thing once, which a mail carries to its user.
type link struct {
	purpose          usermgmt.TokenPurpose
	user             int // none of an invitation to an organization
	invitation       int
	session          int    // that a code is for
	mail             string // the kind of its mail
	username, email  string // the keys of the user at its making
	address          string
	epoch, logins    int64
	created, expires time.Time
	used, replaced   bool
	settled          bool // its mail was sent or withdrawn
}

// putLink gives a user a link in place of the one before; but none if there is one
// that is younger than interval.
func (m *model) putLink(user int, purpose usermgmt.TokenPurpose, mail string, life, interval time.Duration) bool {
	u := m.users[user]
	sort := func(p usermgmt.TokenPurpose) usermgmt.TokenPurpose {
		if p == usermgmt.TokenTemporary {
			return usermgmt.TokenReset
		}
		return p
	}
	for _, l := range m.links {
		if l.user != user || l.replaced || sort(l.purpose) != sort(purpose) {
			continue
		}
		if interval != 0 && l.created.After(m.now.Add(-interval)) {
			return false
		}
		l.replaced = true
	}
	username, _ := usernameKey(u.username)
	m.links = append(m.links, &link{purpose: purpose, user: user, mail: mail, username: username, email: addressKey(u.email), address: u.email,
		epoch: u.epoch, logins: u.logins, created: m.now, expires: m.now.Add(life)})
	return true
}

// good reports whether a link works, or its mail is still worth sending.
func (m *model) good(l *link) bool {
	if l.purpose == usermgmt.TokenJoin {
		return !l.used && !l.replaced && m.now.Before(l.expires) && m.invitations[l.invitation].pending(m.now)
	}
	u := m.users[l.user]
	username, _ := usernameKey(u.username)
	return !l.used && !l.replaced && m.now.Before(l.expires) && u.enabled && !u.deactivated && l.username == username &&
		l.email == addressKey(u.email) && l.epoch == u.epoch && (l.purpose == usermgmt.TokenTemporary || l.purpose == usermgmt.TokenCode || l.logins == u.logins)
}

// linkWith is the link of a user that a secret opens now; nil for none. A
// temporary password is no link.
func (m *model) linkWith(secret int) *link {
	if secret >= len(m.secrets) {
		return nil
	}
	if l := m.links[m.secrets[secret]]; (l.purpose == usermgmt.TokenInvitation || l.purpose == usermgmt.TokenReset) && m.good(l) {
		return l
	}
	return nil
}

// shut reports whether a demanded new password keeps the user out.
func (u *person) shut() bool { return u.reset && !u.mustChange }

// The model knows a temporary password by the number of its secret.
const temporaryPassword = "temporary password "

// word is a password as the system knows it.
func (s *system) word(password string) string {
	n, ok := strings.CutPrefix(password, temporaryPassword)
	if !ok {
		return password
	}
	i, err := strconv.Atoi(n)
	if err != nil || i >= len(s.secrets) {
		return "no password"
	}
	return s.secrets[i]
}

// newPassword is what every way to set a password does.
func (m *model) newPassword(user int, password string, mustChange bool) {
	u := m.users[user]
	u.password, u.mustChange, u.reset, u.temporary = password, mustChange, false, time.Time{}
	u.failures, u.lockedUntil = 0, time.Time{}
	u.epoch++
}

// ownDoor: not with an API key, and not as somebody else.
func ownDoor(a *actor) bool {
	return a.door != usermgmt.DoorAPIKey && a.door != usermgmt.DoorProxy
}

func (mc *machine) passwordReset(user int) *call {
	return mc.changeUser("passwords.reset", "password.reset", "user.reset_password", user, false, func(a *actor, u *person) (bool, error) {
		switch {
		case !ownDoor(a) || mc.strongerAnywhere(a, user) != nil:
			return false, usermgmt.ErrPermission
		case !u.enabled || u.kind == usermgmt.KindService:
			return false, usermgmt.ErrConflict
		}
		u.reset, u.mustChange, u.temporary = true, false, time.Time{}
		u.failures, u.lockedUntil = 0, time.Time{}
		u.epoch++
		mc.endSessions(user, none, none, "password reset")
		p := mc.policy(u.home)
		if p.TemporaryPassword {
			mc.putLink(user, usermgmt.TokenTemporary, usermgmt.MailTemporary, p.ResetLifetime, 0)
		} else {
			mc.putLink(user, usermgmt.TokenReset, usermgmt.MailReset, p.ResetLifetime, 0)
		}
		return true, nil
	}, func(ctx context.Context, s *system, a usermgmt.Actor) error {
		return s.Passwords().Reset(ctx, a, at(s.users, user))
	})
}

func (mc *machine) userInvite(user int) *call {
	return mc.changeUser("users.invite", "user.invite", "user.invite", user, false, func(a *actor, u *person) (bool, error) {
		switch {
		case !ownDoor(a):
			return false, usermgmt.ErrPermission
		case !u.enabled || u.kind == usermgmt.KindService || u.password != "" && u.logins > 0:
			return false, usermgmt.ErrConflict
		case mc.strongerAnywhere(a, user) != nil:
			return false, usermgmt.ErrPermission
		}
		mc.putLink(user, usermgmt.TokenInvitation, usermgmt.MailInvitation, mc.policy(u.home).InvitationLifetime, 0)
		return true, nil
	}, func(ctx context.Context, s *system, a usermgmt.Actor) error {
		return s.Users().Invite(ctx, a, at(s.users, user))
	})
}

// forgot is open to everybody, and answers everybody alike.
func (mc *machine) forgot(login string) *call {
	return &call{name: "passwords.forgot", verb: "password.forgot", open: true,
		expect: func(*actor) (string, error) {
			m := mc.model
			user, why := m.userNamed(login), "unknown"
			if user == none {
				m.on("user", "", none)
			} else {
				u := m.users[user]
				p := m.policy(u.home)
				m.on("user", name("user", user), u.home)
				switch {
				case !u.enabled:
					why = "disabled"
				case u.kind == usermgmt.KindService:
					why = "service"
				case u.password == "":
					why = "no password"
				case !m.putLink(user, usermgmt.TokenReset, usermgmt.MailForgotten, p.ResetLifetime, p.ResetInterval):
					why = "too soon"
				default:
					why = ""
				}
			}
			e := m.entry(newActor(), "password.forgot", "attempted")
			e.subject = user
			e.fold = m.fold("password.forgot", "attempt", "", e.target, why)
			m.append(e)
			return "", nil
		},
		do: func(ctx context.Context, s *system, _ usermgmt.Actor) (string, error) {
			return "", s.Passwords().Forgot(ctx, login, origin)
		}}
}

// redeem sets a password with the secret of a mail, or with nonsense.
func (mc *machine) redeem(secret int, password string) *call {
	return &call{name: "passwords.redeem", verb: "password.redeem", open: true,
		expect: func(*actor) (string, error) {
			m := mc.model
			by := newActor()
			by.door = usermgmt.DoorLink
			l := m.linkWith(secret)
			if l == nil {
				mc.refusal = m.entry(by, "password.redeem", "refused")
				return "", usermgmt.ErrCredentials
			}
			u := m.users[l.user]
			if !passwordOK(m.policy(u.home), password) {
				return "", usermgmt.ErrInvalid
			}
			l.used = true
			m.newPassword(l.user, password, false)
			if u.verified != addressKey(u.email) {
				u.verified = addressKey(u.email)
				u.version++
			}
			m.endSessions(l.user, none, none, "password set with a link")
			by.subject, by.operator, by.org = l.user, l.user, u.home
			m.on("user", name("user", l.user), u.home)
			m.record(by, "password.redeem")
			return "", nil
		},
		do: func(ctx context.Context, s *system, _ usermgmt.Actor) (string, error) {
			text := "nonsense"
			if secret < len(s.secrets) {
				text = s.secrets[secret]
			}
			return "", s.Passwords().Redeem(ctx, usermgmt.Redemption{Token: text, New: password, Origin: origin})
		}}
}

// deliver sends all mail that is due. The secrets of links and the temporary
// passwords are drawn now; the mail of what is no longer good is withdrawn.
func (mc *machine) deliver() *call {
	return &call{name: "deliver", open: true,
		expect: func(*actor) (string, error) {
			out, withdrawn := mc.sendMail()
			return fmt.Sprintf("%s, %d withdrawn", out, withdrawn), nil
		},
		do: func(ctx context.Context, s *system, _ usermgmt.Actor) (string, error) {
			before, withdrawn := len(s.Mail.Sent()), 0
			for {
				d, err := s.Deliver(ctx, usermgmt.MaxPageSize)
				if err != nil {
					return "", err
				}
				if d.Failed+d.Dead > 0 {
					return "", fmt.Errorf("of mail %+v", d)
				}
				if withdrawn += d.Withdrawn; d.Sent+d.Withdrawn == 0 {
					break
				}
			}
			return fmt.Sprintf("%s, %d withdrawn", s.mailed(before), withdrawn), nil
		}}
}

// sendMail sends the mail of links that are good, and withdraws that of others.
func (m *model) sendMail() (out []string, withdrawn int) {
	for i, l := range m.links {
		if l.settled {
			continue
		}
		l.settled = true
		if !m.good(l) {
			withdrawn++
			continue
		}
		if l.purpose == usermgmt.TokenTemporary {
			u := m.users[l.user]
			u.password, u.temporary = fmt.Sprint(temporaryPassword, len(m.secrets)), l.expires
		}
		m.secrets = append(m.secrets, i)
		out = append(out, fmt.Sprintf("%s to %s at %s", l.mail, name("user", l.user), l.address))
	}
	return out, withdrawn
}

// mailed takes over the secrets of what was sent since.
func (s *system) mailed(before int) (out []string) {
	sent := s.Mail.Sent()[before:]
	slices.SortFunc(sent, func(a, b usermgmt.Message) int { return strings.Compare(a.ID.String(), b.ID.String()) })
	for _, msg := range sent {
		if msg.Token.IsZero() {
			continue
		}
		s.secrets = append(s.secrets, msg.Secret.Reveal())
		out = append(out, fmt.Sprintf("%s to %s at %s", msg.Kind, of(s, msg.User), msg.To))
	}
	return out
}

// drawSecret draws the secret of a link that works, if there is one, or any.
func (mc *machine) drawSecret() int {
	var good []int
	for i := range mc.secrets {
		if mc.linkWith(i) != nil {
			good = append(good, i)
		}
	}
	switch {
	case len(good) > 0 && !mc.chance("any secret", 35):
		return mc.choose("link", good)
	case len(mc.secrets) > 0 && !mc.chance("nonsense", 20):
		return mc.any("secret", len(mc.secrets))
	}
	return ghost
}

func (mc *machine) drawForgot(a *actor) *call {
	user := mc.pickUser(a)
	if !mc.known(user) || mc.users[user].erased {
		return mc.forgot(sample(mc, "nobody", []string{"nobody", "", "x"}))
	}
	if mc.users[user].email != "" && mc.chance("address", 40) {
		return mc.forgot(mc.users[user].email)
	}
	return mc.forgot(strings.ToUpper(mc.users[user].username))
}

func (mc *machine) drawRedeem() *call {
	password := sample(mc, "new", goodPasswords)
	if mc.chance("bad", 15) {
		password = sample(mc, "new", badPasswords[:2])
	}
	return mc.redeem(mc.drawSecret(), password)
}

// linkKinds are the calls of this file.
var linkKinds = []kind{
	{"passwords.reset", 11, false, func(mc *machine, a *actor) *call { return mc.passwordReset(mc.pickUser(a)) }, nil},
	{"passwords.forgot", 10, false, func(mc *machine, a *actor) *call { return mc.drawForgot(a) }, nil},
	{"passwords.redeem", 11, false, func(mc *machine, _ *actor) *call { return mc.drawRedeem() }, nil},
	{"users.invite", 9, false, func(mc *machine, a *actor) *call {
		return mc.userInvite(mc.userWho(a, func(u *person) bool { return u.enabled && (u.password == "" || u.logins == 0) }))
	}, nil},
	{"deliver", 20, false, func(mc *machine, _ *actor) *call { return mc.deliver() }, nil},
}
