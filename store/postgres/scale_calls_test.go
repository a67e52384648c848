package postgres_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
)

var (
	scaleViews = []string{"active", "all", "disabled", "cannot log in", "deactivated"}
	scaleSorts = []string{"name", "username", "email", "created"}
)

// users is a page of Users.List.
func (s *scale) users(name string, a usermgmt.Actor, q usermgmt.UserQuery) scaleCall {
	return scaleCall{name: "Users.List, " + name, do: func(ctx context.Context) (int, error) {
		return pageOf(func() (*usermgmt.Page[usermgmt.User], error) { return s.plain.Users().List(ctx, a, q) })
	}}
}

// lists are all views in all orders, and every filter.
func (s *scale) lists() (out []scaleCall) {
	for view, v := range scaleViews {
		for sort, o := range scaleSorts {
			for _, desc := range []bool{false, true} {
				name := v + " by " + o
				if desc {
					name += ", descending"
				}
				out = append(out, s.users(name, s.admin, usermgmt.UserQuery{View: usermgmt.View(view), Sort: usermgmt.UserSort(sort), Desc: desc}))
			}
		}
	}
	yes := true
	group := func(k int) usermgmt.GroupID { return bigID(aGroup, k) }
	for _, f := range []struct {
		name string
		q    usermgmt.UserQuery
	}{
		{"profile of most", usermgmt.UserQuery{Profile: bigProfile(1)}},
		{"profile of few", usermgmt.UserQuery{Profile: bigProfile(2)}},
		{"role of many", usermgmt.UserQuery{Role: bigRole(1)}},
		{"role of few", usermgmt.UserQuery{Role: bigRole(190)}},
		{"team, large", usermgmt.UserQuery{Team: bigTeam(1)}},
		{"team, small", usermgmt.UserQuery{Team: bigTeam(4990)}},
		{"team with those below, all", usermgmt.UserQuery{TeamTree: bigTeam(1)}},
		{"team with those below, small", usermgmt.UserQuery{TeamTree: bigTeam(600)}},
		{"unit, large", usermgmt.UserQuery{Unit: bigUnit(1)}},
		{"unit, small", usermgmt.UserQuery{Unit: bigUnit(9990)}},
		{"unit with those below, all", usermgmt.UserQuery{UnitTree: bigUnit(1)}},
		{"unit with those below, a hundredth", usermgmt.UserQuery{UnitTree: bigUnit(50)}},
		{"services", usermgmt.UserQuery{Kind: usermgmt.KindService}},
		{"newsletter", usermgmt.UserQuery{Newsletter: &yes}},
		{"at home", usermgmt.UserQuery{Home: true}},
		{"group of a tenth", usermgmt.UserQuery{Group: group(1)}},
		{"group of few", usermgmt.UserQuery{Group: group(2)}},
		{"group of nobody", usermgmt.UserQuery{Group: group(3)}},
		{"custom field, a quarter", usermgmt.UserQuery{Custom: map[string]string{"shirt": "M"}}},
		{"custom field, one", usermgmt.UserQuery{Custom: map[string]string{"badge": "B7"}}},
		{"custom field, nobody", usermgmt.UserQuery{Custom: map[string]string{"badge": "none"}}},
		{"organization's custom field, a sixteenth", usermgmt.UserQuery{Custom: map[string]string{"floor": "1"}}},
		{"organization's custom field, one", usermgmt.UserQuery{Custom: map[string]string{"desk": "D5"}}},
		{"group, view, unit and custom field", usermgmt.UserQuery{
			Group: group(1), View: usermgmt.ViewDisabled, UnitTree: bigUnit(1), Custom: map[string]string{"shirt": "M"},
		}},
	} {
		out = append(out, s.users(f.name, s.admin, f.q))
	}
	return append(out, s.users("by the division of a tenth", s.narrow, usermgmt.UserQuery{}),
		s.users("by the division of a tenth, disabled", s.narrow, usermgmt.UserQuery{View: usermgmt.ViewDisabled}))
}

// searches are searches of every length, found often, seldom and never.
func (s *scale) searches(t *testing.T) (out []scaleCall) {
	t.Helper()
	add := func(what, term string, a usermgmt.Actor, q usermgmt.UserQuery, found bool) {
		q.Search = term
		c := s.users(fmt.Sprintf("search of %q, %s", term, what), a, q)
		do := c.do
		c.do = func(ctx context.Context) (int, error) {
			n, err := do(ctx)
			if err == nil && found != (n > 0) {
				err = fmt.Errorf("found %d", n)
			}
			return n, err
		}
		out = append(out, c)
	}
	newest := usermgmt.UserQuery{Sort: usermgmt.SortCreated, Desc: true}
	for _, x := range []struct {
		what, term string
		found      bool
	}{
		{"a tenth", "v", true},
		{"a tenth", "va", true},
		{"nobody", "qq", false},
		{"a sixth", "kan", true},
		{"a third", "anan", true},
		{"one of 450", "kagan", true},
		{"one of 60", "soka", true},
		{"few", "garaisn", true},
		{"one", fmt.Sprint(s.world.users/2 + 12345), true},
		{"nobody", "zzzqqq", false},
		{"everybody", "example.test", true},
	} {
		add(x.what, x.term, s.admin, usermgmt.UserQuery{}, x.found)
		add(x.what+", newest first", x.term, s.admin, newest, x.found)
	}
	add("of a group", "kagan", s.admin, usermgmt.UserQuery{Group: bigID(aGroup, 1)}, true)
	add("by the division of a tenth", "kagan", s.narrow, usermgmt.UserQuery{}, true)
	return out
}

// deepPages are pages at nine tenths of the depth in each order.
func (s *scale) deepPages(t *testing.T) (out []scaleCall) {
	t.Helper()
	for sort, key := range []string{"name_key", "username_key", "email_key", `to_char(user_created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`} {
		column := []string{"name_key", "username_key", "email_key", "user_created_at"}[sort]
		var at usermgmt.Position
		require.NoError(t, s.pool.QueryRow(t.Context(), "select "+key+", user_id from usermgmt_memberships where org_id = $1 order by "+column+
			", user_id limit 1 offset $2", [16]byte(bigOrg(1)), s.world.users*9/10).Scan(&at.Key, &at.ID))
		q := usermgmt.UserQuery{View: usermgmt.ViewAll, Sort: usermgmt.UserSort(sort), After: at}
		out = append(out, s.users("at nine tenths by "+scaleSorts[sort], s.admin, q))
	}
	return append(out, scaleCall{name: "Users.List, the first 100 pages of 1000 one after the other", do: func(ctx context.Context) (n int, err error) {
		q := usermgmt.UserQuery{View: usermgmt.ViewAll, Limit: usermgmt.MaxPageSize}
		for range 100 {
			page, err := s.plain.Users().List(ctx, s.admin, q)
			if err != nil {
				return n, err
			}
			n += len(page.Items)
			if q.After = page.Next; q.After.IsZero() {
				break
			}
		}
		return n, nil
	}})
}

// pages are the other lists, and what stands beside the rows of the grid.
func (s *scale) pages() []scaleCall {
	m, a, org := s.plain, s.admin, bigOrg(1)
	list := usermgmt.ListQuery{Limit: 50}
	call := func(name string, do func(ctx context.Context) (int, error)) scaleCall {
		return scaleCall{name: name, do: do}
	}
	whole := func(name string, do func(ctx context.Context) (int, error)) scaleCall {
		return scaleCall{name: name, do: do, whole: true}
	}
	type c = context.Context
	candidates := func(action usermgmt.Action) scaleCall {
		return call("Candidates.Users, "+string(action), func(x c) (int, error) {
			return pageOf(func() (*usermgmt.Page[usermgmt.User], error) {
				return m.Candidates().Users(x, a, action, usermgmt.UserQuery{})
			})
		})
	}
	return []scaleCall{
		whole("Units.List", func(x c) (int, error) {
			return countOf(func() ([]usermgmt.BusinessUnit, error) { return m.Units().List(x, a, org) })
		}),
		whole("Teams.List", func(x c) (int, error) {
			return countOf(func() ([]usermgmt.Team, error) { return m.Teams().List(x, a, org) })
		}),
		call("Roles.List", func(x c) (int, error) {
			return countOf(func() ([]usermgmt.Role, error) { return m.Roles().List(x, a, org) })
		}),
		call("Profiles.List", func(x c) (int, error) {
			return countOf(func() ([]usermgmt.AccessProfile, error) { return m.Profiles().List(x, a, org) })
		}),
		call("Groups.List", func(x c) (int, error) {
			return pageOf(func() (*usermgmt.Page[usermgmt.Group], error) { return m.Groups().List(x, s.sys, list) })
		}),
		call("Fields.List", func(x c) (int, error) {
			return countOf(func() ([]usermgmt.CustomField, error) { return m.Fields().List(x, a, org) })
		}),
		call("Orgs.List", func(x c) (int, error) {
			return pageOf(func() (*usermgmt.Page[usermgmt.Organization], error) { return m.Orgs().List(x, s.sys, list) })
		}),
		call("Applications.Access", func(x c) (int, error) {
			return pageOf(func() (*usermgmt.Page[usermgmt.AccessEntry], error) {
				return m.Applications().Access(x, a, bigID(anApplication, 8), list)
			})
		}),
		call("Invitations.List", func(x c) (int, error) {
			return pageOf(func() (*usermgmt.Page[usermgmt.Invitation], error) {
				return m.Invitations().List(x, a, usermgmt.InvitationQuery{Org: org, Pending: true})
			})
		}),
		call("Exports.Jobs", func(x c) (int, error) {
			return pageOf(func() (*usermgmt.Page[usermgmt.Job], error) { return m.Exports().Jobs(x, a, list) })
		}),
		call("Licences.Report", func(x c) (int, error) {
			return countOf(func() ([]usermgmt.PoolReport, error) { return m.Licences().Report(x, a, org) })
		}),
		call("Users.Actions of a page", func(x c) (int, error) {
			return countOf(func() ([]usermgmt.UserActions, error) { return m.Users().Actions(x, a, s.some50()...) })
		}),
		call("Users.Actions of a page, by the division of a tenth", func(x c) (int, error) {
			page, err := m.Users().List(x, s.narrow, usermgmt.UserQuery{})
			if err != nil {
				return 0, err
			}
			var ids []usermgmt.UserID
			for i := range page.Items {
				ids = append(ids, page.Items[i].ID)
			}
			return countOf(func() ([]usermgmt.UserActions, error) { return m.Users().Actions(x, s.narrow, ids...) })
		}),
		candidates(usermgmt.ActionResetPassword),
		candidates(usermgmt.ActionProxyLogin),
		candidates(usermgmt.ActionUnlock),
		call("Candidates.ReportsTo", func(x c) (int, error) {
			return pageOf(func() (*usermgmt.Page[usermgmt.User], error) {
				return m.Candidates().ReportsTo(x, a, s.some(7), usermgmt.UserQuery{Search: "kagan"})
			})
		}),
		whole("Candidates.Units", func(x c) (int, error) {
			return pageOf(func() (*usermgmt.Page[usermgmt.BusinessUnit], error) {
				return m.Candidates().Units(x, a, usermgmt.PermUserCreate, usermgmt.ListQuery{Limit: 50, Search: "77"})
			})
		}),
		whole("Candidates.Teams", func(x c) (int, error) {
			return pageOf(func() (*usermgmt.Page[usermgmt.Team], error) {
				return m.Candidates().Teams(x, a, usermgmt.PermUserCreate, bigUnit(1), list)
			})
		}),
		call("Candidates.Roles", func(x c) (int, error) {
			return countOf(func() ([]usermgmt.Role, error) { return m.Candidates().Roles(x, a, s.some(7), "") })
		}),
		call("Candidates.Profiles", func(x c) (int, error) {
			return countOf(func() ([]usermgmt.AccessProfile, error) { return m.Candidates().Profiles(x, a, s.some(7), "") })
		}),
		call("Candidates.Organizations", func(x c) (int, error) {
			return pageOf(func() (*usermgmt.Page[usermgmt.Organization], error) {
				return m.Candidates().Organizations(x, s.sys, list)
			})
		}),
	}
}

// some50 are fifty users of the large organization in no order.
func (s *scale) some50() (out []usermgmt.UserID) {
	for i := 0; len(out) < 50; i++ {
		if number := 1 + i*7919%s.world.users; number%20 > 0 {
			out = append(out, bigUser(number))
		}
	}
	return out
}

// audits are pages of the audit log.
func (s *scale) audits() (out []scaleCall) {
	now := time.Now()
	for _, x := range []struct {
		name string
		q    usermgmt.AuditQuery
	}{
		{"newest", usermgmt.AuditQuery{}},
		{"of an operator", usermgmt.AuditQuery{Operator: bigUser(9)}},
		{"of a subject", usermgmt.AuditQuery{Subject: bigUser(9)}},
		{"of a target", usermgmt.AuditQuery{Target: bigUser(9).String()}},
		{"of a verb", usermgmt.AuditQuery{Verb: "user.delete"}},
		{"refused", usermgmt.AuditQuery{Outcome: usermgmt.OutcomeRefused}},
		{"of a time", usermgmt.AuditQuery{From: now.Add(-7150 * time.Hour), Until: now.Add(-7100 * time.Hour)}},
		{"deep", usermgmt.AuditQuery{After: bigID(anEntry, s.world.users/10)}},
	} {
		x.q.Org, x.q.Limit = bigOrg(1), 50
		for _, by := range []struct {
			name string
			a    usermgmt.Actor
		}{{"", s.sys}, {", by the organization's administrator", s.admin}} {
			out = append(out, scaleCall{name: "Audit.List, " + x.name + by.name, do: func(ctx context.Context) (int, error) {
				return countOf(func() ([]usermgmt.AuditEntry, error) { return s.plain.Audit().List(ctx, by.a, x.q) })
			}})
		}
	}
	return append(out,
		scaleCall{name: "Audit.Stream of all", grow: streamGrowth, do: func(ctx context.Context) (n int, err error) {
			for _, err := range s.plain.Audit().Stream(ctx, s.sys, usermgmt.AuditQuery{Org: bigOrg(1), Limit: usermgmt.MaxPageSize}) {
				if err != nil {
					return n, err
				}
				n++
			}
			return n, nil
		}},
		scaleCall{name: "Audit.Sealed of all", grow: streamGrowth, do: func(ctx context.Context) (n int, err error) {
			for _, err := range s.plain.Audit().Sealed(ctx, s.sys, bigOrg(1), 0) {
				if err != nil {
					return n, err
				}
				n++
			}
			return n, nil
		}},
		scaleCall{name: "Audit.Verify", grow: streamGrowth, do: func(ctx context.Context) (int, error) {
			v, err := s.plain.Audit().Verify(ctx, s.sys, bigOrg(1))
			if err != nil {
				return 0, err
			}
			return int(v.Sealed), nil
		}})
}
