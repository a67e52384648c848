package equality_test

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/usermgmt/usermgmt"
)

// holders are the users who hold a seat of a floating pool, of which some
// sessions are not counted: those who are logged in, or wait for the end of a
// proxy login.
func (m *model) holders(org int, licence string, without []int) (users []int) {
	for i, s := range m.sessions {
		live := !s.ended && m.now.Before(s.expires) && (s.parked || m.now.Before(s.seen.Add(s.idle)))
		if live && s.org == org && s.licence == licence && !slices.Contains(without, i) && !slices.Contains(users, s.user) {
			users = append(users, s.user)
		}
	}
	return users
}

// seatFor reports whether the user may open a session in the organization, some
// sessions not counted: by a seat that the user holds or one that is free.
func (m *model) seatFor(user, org int, without []int) bool {
	licence := m.users[user].in[org].licence
	p := m.pools[pool{org, licence}]
	if p == nil || !p.floating || p.size < 0 {
		return true
	}
	holders := m.holders(org, licence, without)
	return slices.Contains(holders, user) || len(holders) < p.size+p.overdraft
}

// reportText is each pool of an organization with what is in use.
func (m *model) reportText(org int) string {
	var out []string
	for k, p := range m.pools {
		if k.org != org {
			continue
		}
		used, over := p.used, 0
		if p.floating {
			used = len(m.holders(org, k.licence, nil))
		}
		if p.size >= 0 {
			over = max(0, used-p.size)
		}
		out = append(out, fmt.Sprintf("[%s %d of %d+%d floating %t] %d over by %d, reserved %d", k.licence, p.used, p.size, p.overdraft, p.floating, used, over,
			m.reserved(org)[k.licence]))
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

func (f faulty) CreateSession(ctx context.Context, s usermgmt.Session) error {
	if f.createSession != nil {
		f.createSession(&s)
	}
	return f.Store.CreateSession(ctx, s)
}
