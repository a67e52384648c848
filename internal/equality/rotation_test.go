package equality_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt"
)

// keyNow is the number of the key that the text of key i stands for: its own, or
// that of the key which took its place and still knows it; none if it is gone.
func (m *model) keyNow(i int) int {
	if m.keys[i].alive {
		return i
	}
	for j, k := range m.keys {
		if k.alive && k.previous == i {
			return j
		}
	}
	return none
}

// keyHolder decides on calls about a member's key.
func (m *model) keyHolder(a *actor, user, org int) error {
	if !ownDoor(a) {
		return usermgmt.ErrPermission
	}
	if err := m.member(user, org); err != nil {
		return err
	}
	if user == a.subject {
		return m.freshFor(a, "user.manage_api_key")
	}
	if err := m.need(a, "user.manage_api_key", "user.view", m.personIn(user, org)); err != nil {
		return err
	}
	return m.stronger(a, user, org)
}

// keyOf is the number of the key of a member; none without.
func (m *model) keyOf(user, org int) int {
	for i, k := range m.keys {
		if k.alive && k.user == user && k.org == org {
			return i
		}
	}
	return none
}

func (mc *machine) keyRotate(user, org int, grace, life time.Duration) *call {
	var expires time.Time
	if life != 0 {
		expires = mc.now.Add(life)
	}
	return &call{name: "api_keys.rotate", verb: "api_key.rotate",
		expect: func(a *actor) (string, error) {
			m, org := mc.model, org
			if org == none {
				org = a.org
			}
			if err := m.keyHolder(a, user, org); err != nil {
				return "", err
			}
			i := m.keyOf(user, org)
			if i == none || !m.keys[i].expires.IsZero() && !m.now.Before(m.keys[i].expires) {
				return "", usermgmt.ErrNotFound
			}
			old, u := m.keys[i], m.users[user]
			switch {
			case life < 0 || grace < 0 || grace > 30*24*time.Hour:
				return "", usermgmt.ErrInvalid
			case !u.enabled || !u.in[org].enabled:
				return "", usermgmt.ErrConflict
			}
			k := &apiKey{user: user, org: org, alive: true, narrow: old.narrow, created: m.now, expires: expires, previous: none}
			if life == 0 && !old.expires.IsZero() {
				k.expires = m.now.Add(old.expires.Sub(old.created))
			}
			if grace > 0 {
				k.previous, k.grace = i, m.now.Add(grace)
				if !old.expires.IsZero() && old.expires.Before(k.grace) {
					k.grace = old.expires
				}
			}
			old.alive = false
			m.keys = append(m.keys, k)
			m.record(a, "api_key.rotate")
			return fmt.Sprintf("key of user%d in org%d until %s, the one before until %s", user, org, text(k.expires), text(k.grace)), nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			k, err := s.APIKeys().Rotate(ctx, a, usermgmt.KeyRotation{User: at(s.users, user), Org: at(s.orgs, org), Grace: grace, ExpiresAt: expires})
			if err != nil {
				return "", err
			}
			s.keys = append(s.keys, k.Text.Reveal())
			return fmt.Sprintf("key of %s in %s until %s, the one before until %s", of(s, k.Key.User), of(s, k.Key.Org), text(k.Key.ExpiresAt),
				text(k.Key.PreviousUntil)), nil
		}}
}

// reportLeak is open to whoever has the text of a key, and answers everybody alike.
func (mc *machine) reportLeak(key int, where string) *call {
	return &call{name: "api_keys.report_leak", verb: "api_key.leaked", open: true,
		expect: func(*actor) (string, error) {
			m := mc.model
			if len(where) > 1000 {
				return "", usermgmt.ErrInvalid
			}
			if key >= len(m.keys) {
				return "", nil
			}
			i := m.keyNow(key)
			if i == none {
				return "", nil
			}
			k := m.keys[i]
			if i == key {
				k.alive = false
			} else {
				k.previous, k.grace = none, time.Time{}
			}
			m.on("user", name("user", k.user), k.org)
			m.record(newActor(), "api_key.leaked")
			return "", nil
		},
		do: func(ctx context.Context, s *system, _ usermgmt.Actor) (string, error) {
			text := "nonsense"
			if key < len(s.keys) {
				text = s.keys[key]
			}
			return "", s.APIKeys().ReportLeak(ctx, text, where, origin)
		}}
}

func (mc *machine) drawRotation(a *actor) *call {
	var list []int
	for i, k := range mc.keys {
		if k.alive && (a.org == none || k.org == a.org) {
			list = append(list, i)
		}
	}
	user, org := mc.pickUser(a), mc.orgOrOwn(a)
	if len(list) > 0 && !mc.chance("anybody's", 20) {
		k := mc.keys[mc.choose("key", list)]
		user, org = k.user, k.org
	}
	day := 24 * time.Hour
	grace := sample(mc, "grace", []time.Duration{0, time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 2 * time.Hour, day, 30 * day, 31 * day, -time.Second})
	return mc.keyRotate(user, org, grace, sample(mc, "life", []time.Duration{0, 0, 0, 0, time.Hour, day, -time.Second}))
}

func (mc *machine) drawLeak() *call {
	var list []int
	for i := range mc.keys {
		if mc.keyNow(i) != none {
			list = append(list, i)
		}
	}
	key := ghost
	switch {
	case len(list) > 0 && !mc.chance("any key", 40):
		key = mc.choose("key", list)
	case len(mc.keys) > 0 && !mc.chance("nonsense", 20):
		key = mc.any("key", len(mc.keys))
	}
	where := "a page"
	if mc.chance("a long story", 8) {
		where = strings.Repeat("x", 1001)
	}
	return mc.reportLeak(key, where)
}

// rotationKinds are the calls of this file.
var rotationKinds = []kind{
	{"api_keys.rotate", 11, false, func(mc *machine, a *actor) *call { return mc.drawRotation(a) }, nil},
	{"api_keys.report_leak", 8, false, func(mc *machine, _ *actor) *call { return mc.drawLeak() }, nil},
}
