package postgres

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt"
)

// A page of users is found in two ways. A walk looks at a bounded number of
// rows in the order of the list's index, which is all that it takes where many
// rows match. Where few do, the rows are found by the index of a condition and
// sorted, unless there are too many of them. Since nobody knows how many there
// are, the two take turns, each with more patience than before.
//
// Neither leaves the planner a choice that is wrong for some values: a
// statement is planned once for all of them.
type stage struct {
	// rows is how many rows a walk looks at, or how many of a condition's index
	// are looked up and sorted.
	rows int
	few  bool
	// walks is how many walks are made one after the other while it looks as if
	// that many fill the page. 0 is as many as it takes.
	walks int
}

// listStages are the turns. Tests change them.
var listStages = []stage{
	{rows: 100, walks: 4}, {rows: 3000, few: true}, {rows: 8000, walks: 8}, {rows: 50_000, few: true}, {rows: 64_000},
}

// listDrivers is how many of a query's conditions are tried.
const listDrivers = 3

// userKeys are the columns of the orders, of memberships and of users.
var userKeys = [4][2]string{
	usermgmt.SortName:     {"m.name_key", "m.name_key"},
	usermgmt.SortUsername: {"m.username_key", "m.username_key"},
	usermgmt.SortEmail:    {"m.email_key", "m.email_key"},
	usermgmt.SortCreated:  {"m.user_created_at", "m.created_at"},
}

// The columns that conditions are about.
const (
	memberConditionColumns = `m.user_id, m.owner_unit, m.kind, m.newsletter, m.profile_id, m.home, m.deactivated, m.enabled, m.user_active,
	m.custom, m.search_key`
	userConditionColumns = `m.user_id, m.org_id, m.owner_unit, m.kind, m.newsletter, m.deactivated_at, m.active, m.search_key, m.custom`
)

// userList is a query of users made ready.
type userList struct {
	q usermgmt.UserQuery
	// after is the key of the position, nil at the beginning.
	after   any
	afterID [16]byte
}

// newUserList returns nil without an error if nothing can match.
func newUserList(q usermgmt.UserQuery) (*userList, error) {
	if int(q.Sort) >= len(userKeys) {
		return nil, &usermgmt.Error{Kind: usermgmt.ErrInvalid, Field: "sort", Rule: "unknown"}
	}
	l := &userList{q: q}
	if !q.After.IsZero() {
		l.after, l.afterID = q.After.Key, q.After.ID
		if q.Sort == usermgmt.SortCreated {
			t, err := time.Parse("2006-01-02T15:04:05.000000Z", q.After.Key)
			if err != nil {
				return nil, &usermgmt.Error{Kind: usermgmt.ErrInvalid, Field: "after", Rule: "format"}
			}
			l.after = moment(t)
		} else if key, _, cut := strings.Cut(q.After.Key, "\x00"); cut {
			// No stored key has a zero byte. Those that are equal up to it come
			// before, all others are where they are without it.
			l.after = key
			copy(l.afterID[:], strings.Repeat("\xff", len(l.afterID)))
		}
	}
	if q.Visible.Nothing() || !storable(q.Search) || isShort(q.Search) && strings.Contains(q.Search, "\n") {
		return nil, nil
	}
	return l, nil
}

// source is what the rows of a list are: the table, the columns for conditions
// and the key.
func (l *userList) source() (table, columns, key string) {
	if l.q.Org.IsZero() {
		return "usermgmt_users m", userConditionColumns, userKeys[l.q.Sort][1]
	}
	return "usermgmt_memberships m", memberConditionColumns, userKeys[l.q.Sort][0]
}

// begin starts a statement: the parameter of the organization and what limits
// the rows to it and to the position.
func (l *userList) begin(b *builder) (org, where string) {
	_, _, key := l.source()
	var all []string
	if !l.q.Org.IsZero() {
		org = b.arg(id(l.q.Org), "uuid")
		all = append(all, "m.org_id = "+org)
	}
	if l.after != nil {
		cast, than := "text", ">"
		if l.q.Sort == usermgmt.SortCreated {
			cast = "timestamptz"
		}
		if l.q.Desc {
			than = "<"
		}
		all = append(all, "("+key+", m.user_id) "+than+" ("+b.arg(l.after, cast)+", "+b.arg(keyArg(l.afterID), "uuid")+")")
	}
	if len(all) == 0 {
		return org, "true"
	}
	return org, strings.Join(all, " and ")
}

// order is the order of the list by the named columns.
func (l *userList) order(key, user string) string {
	if l.q.Desc {
		return "order by " + key + " desc, " + user + " desc"
	}
	return "order by " + key + ", " + user
}

// sqlWalk looks at rows from the position on and returns those that match, and
// the last one that it looked at if it did not come to the end.
func (l *userList) sqlWalk(rows, limit int) (text string, args []any) {
	b := &builder{}
	table, columns, key := l.source()
	org, where := l.begin(b)
	c := userConditions(b, &l.q, org)
	last := strconv.Itoa(rows)
	return `select ` + userColumns + `, p.ok, p.n
from (select w.user_id, w.k, w.n, w.ok
	from (select m.user_id, m.k, m.n, (` + c.text() + `) as ok
		from (select ` + columns + `, ` + key + ` as k, row_number() over (` + l.order(key, "m.user_id") + `) as n
			from ` + table + ` where ` + where + `
			` + l.order(key, "m.user_id") + ` limit ` + last + `) m) w
	where w.ok or w.n = ` + last + `
	` + l.order("w.k", "w.user_id") + ` limit ` + b.arg(limit, "bigint") + `) p
join usermgmt_users u on u.user_id = p.user_id
` + l.order("p.k", "p.user_id"), b.args
}

// sqlFew returns the page from the position on, found by the first driver that
// has no more than the given number of users. If none has, it returns anybody,
// who is not ok. The text is "" if there is no driver.
func (l *userList) sqlFew(rows, limit int) (text string, args []any) {
	b := &builder{}
	table, _, key := l.source()
	org, where := l.begin(b)
	c := userConditions(b, &l.q, org)
	sets := c.best(listDrivers)
	if len(sets) == 0 {
		return "", nil
	}
	most, over, with, few := strconv.Itoa(rows), "", "", []string(nil)
	for i, set := range sets {
		d := "d" + strconv.Itoa(i)
		with += d + " as materialized (select x.user_id from (" + set + ") x" + whereText(over) + " limit " + strconv.Itoa(rows+1) + "),\n"
		few = append(few, "select user_id from "+d+" where (select count(*) from "+d+") <= "+most+andText(over))
		over = "(select count(*) from " + d + ") > " + most + andText(over)
	}
	last := "d" + strconv.Itoa(len(sets)-1)
	return `with ` + with + `d as (` + strings.Join(few, "\n\tunion all ") + `),
p as (select distinct m.user_id, m.k from d
	cross join lateral (select m.user_id, ` + key + ` as k from ` + table + ` where ` + where + ` and m.user_id = d.user_id
	and ` + c.text() + ` offset 0) m
	` + l.order("m.k", "m.user_id") + ` limit ` + b.arg(limit, "bigint") + `)
select ` + userColumns + `, q.ok, 0
from (select p.user_id, p.k, true as ok from p
	union all (select user_id, null, false from ` + last + ` where ` + over + ` limit 1)) q
join usermgmt_users u on u.user_id = q.user_id
` + l.order("q.k", "q.user_id"), b.args
}

func whereText(condition string) string {
	if condition == "" {
		return ""
	}
	return " where " + condition
}

func andText(condition string) string {
	if condition == "" {
		return ""
	}
	return " and " + condition
}

// moveTo makes u the position.
func (l *userList) moveTo(u *usermgmt.User) {
	l.afterID = u.ID
	switch l.q.Sort {
	case usermgmt.SortName:
		l.after = u.NameKey
	case usermgmt.SortUsername:
		l.after = u.UsernameKey
	case usermgmt.SortEmail:
		l.after = u.EmailKey
	case usermgmt.SortCreated:
		l.after = moment(u.CreatedAt)
	}
}

// ListUsers implements [usermgmt.Store].
func (s *Store) ListUsers(ctx context.Context, q usermgmt.UserQuery) ([]usermgmt.User, error) {
	if q.Limit < 1 {
		return nil, limitInvalid()
	}
	l, err := newUserList(q)
	if err != nil {
		return nil, err
	}
	if l == nil {
		return nil, s.ready(ctx)
	}
	var out []usermgmt.User
	for _, st := range listStages {
		if st.few {
			if found, all, err := s.few(ctx, l, st.rows, q.Limit-len(out)); err != nil {
				return nil, err
			} else if all {
				return append(out, found...), nil
			}
			continue
		}
		for n := 0; st.walks == 0 || n < st.walks; n++ {
			found, end, err := s.walk(ctx, l, st.rows, q.Limit-len(out))
			if err != nil {
				return nil, err
			}
			out = append(out, found...)
			missing := q.Limit - len(out)
			if end || missing == 0 {
				return out, nil
			}
			if st.walks > 0 && (len(found) == 0 || missing/len(found) >= st.walks) {
				break
			}
		}
	}
	return out, nil
}

// few looks for the page by the conditions' indexes. all tells that it was
// found, and that nothing comes behind it but what is beyond the limit.
func (s *Store) few(ctx context.Context, l *userList, rows, limit int) (out []usermgmt.User, all bool, err error) {
	text, args := l.sqlFew(rows, limit)
	if text == "" {
		return nil, false, nil
	}
	all = true
	err = s.listed(ctx, func(u usermgmt.User, ok bool, _ int) {
		if ok {
			out = append(out, u)
		} else {
			all = false
		}
	}, text, args)
	return out, all, err
}

// walk makes a walk, and moves the position of l to its end. end tells that
// there is nothing behind it.
func (s *Store) walk(ctx context.Context, l *userList, rows, limit int) (out []usermgmt.User, end bool, err error) {
	text, args := l.sqlWalk(rows, limit)
	end = true
	err = s.listed(ctx, func(u usermgmt.User, ok bool, n int) {
		if n == rows {
			end = false
			l.moveTo(&u)
		}
		if ok {
			out = append(out, u)
		}
	}, text, args)
	return out, end, err
}

// listed calls add for the rows of a list.
func (s *Store) listed(ctx context.Context, add func(u usermgmt.User, ok bool, n int), text string, args []any) error {
	return s.each(ctx, func(r scanner) error {
		var u usermgmt.User
		var ok bool
		var n int
		err := r.Scan(append(userDests(make([]any, 0, 50), &u), &ok, &n)...)
		if err == nil {
			add(u, ok, n)
		}
		return err
	}, text, args...)
}

// ready returns the error of a read that need not ask.
func (s *Store) ready(ctx context.Context) error {
	if s.unit != nil {
		return s.unit.usable(ctx)
	}
	return s.enter(ctx)
}
