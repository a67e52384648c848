package equality_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/usermgmt/usermgmt"
)

// row is what becomes of one row of a bulk call.
type row struct {
	user    int
	skipped string
	err     error
	entries []*logEntry
	refused *logEntry
}

// passwordResetMany resets passwords row by row, as passwordReset does each.
func (mc *machine) passwordResetMany(users []int) *call {
	var rows []row
	var first []error // of the rows, on the first system
	return &call{name: "passwords.reset_many", note: fmt.Sprint(" of ", users), verb: "password.reset", read: true, own: true,
		expect: func(a *actor) (string, error) {
			if len(users) > usermgmt.MaxPageSize {
				return "", usermgmt.ErrLimit
			}
			var out []string
			for _, user := range users {
				r := mc.resetRow(a, user)
				rows = append(rows, r)
				out = append(out, rowText(name("user", user), r.skipped, r.err))
			}
			mc.begin()
			return strings.Join(out, "\n"), nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			ids := make([]usermgmt.UserID, len(users))
			for i, user := range users {
				ids[i] = at(s.users, user)
			}
			list, err := s.Passwords().ResetMany(ctx, a, ids)
			if err != nil {
				return "", err
			}
			var out []string
			for i, r := range list {
				if r.Changed != (r.Err == nil && r.Skipped == "") || r.User != ids[i] {
					return "", fmt.Errorf("row %d is %+v", i, r)
				}
				out = append(out, rowText(name("user", users[i]), r.Skipped, kindOf(r.Err)))
				if s == mc.systems[0] {
					first = append(first, r.Err)
				} else if brief(r.Err) != brief(first[i]) {
					return "", fmt.Errorf("row %d: %s; on %s %s", i, brief(r.Err), mc.systems[0].name, brief(first[i]))
				}
			}
			return strings.Join(out, "\n"), nil
		},
		settle: func() {
			for i, r := range rows {
				for _, e := range r.entries {
					mc.append(e)
				}
				if e := r.refused; e != nil {
					e.fold = mc.fold(e.verb, "refused", fmt.Sprint(e.operator, " ", e.subject), e.target, reason(first[i]))
					mc.append(e)
				}
			}
		}}
}

func rowText(user, skipped string, kind error) string {
	return fmt.Sprintf("%s skipped %q: %v", user, skipped, kind)
}

func (mc *machine) resetRow(a *actor, user int) row {
	r := row{user: user}
	if user == a.subject {
		r.skipped = "self"
		return r
	}
	mc.begin()
	one := mc.passwordReset(user)
	_, r.err = mc.predict(one, a)
	switch {
	case r.err == usermgmt.ErrConflict && !mc.users[user].erased:
		r.err, r.skipped = nil, "disabled"
		if mc.users[user].enabled {
			r.skipped = "service"
		}
	case r.err == nil:
		r.entries = mc.pending
	case recorded(r.err):
		r.refused = mc.entry(a, one.verb, "refused")
		if r.err == usermgmt.ErrNotFound {
			r.refused.target, r.refused.org = "", a.org
		}
	}
	return r
}

func (mc *machine) drawResetMany(a *actor) *call {
	if mc.chance("too many", 6) {
		return mc.passwordResetMany(make([]int, usermgmt.MaxPageSize+1))
	}
	var users []int
	for range mc.weighted("rows", 3, 20, 30, 27, 20) {
		users = append(users, mc.pickUser(a))
	}
	return mc.passwordResetMany(users)
}
