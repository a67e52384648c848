package postgres

import (
	"context"
	"iter"

	"github.com/usermgmt/usermgmt"
)

// StreamMembers implements [usermgmt.Store]. One statement reads everything,
// row by row as the loop asks for them. A store that is bound to a transaction
// or made of one connection can do nothing else meanwhile, and reads on to the
// end if the loop is left; any other store gives up the connection then.
func (s *Store) StreamMembers(ctx context.Context, q usermgmt.UserQuery) iter.Seq2[usermgmt.Member, error] {
	return func(yield func(usermgmt.Member, error) bool) {
		if err := s.stream(ctx, q, yield); err != nil {
			yield(usermgmt.Member{}, err)
		}
	}
}

// stream returns the error that ends the stream, nil if the caller ended it.
func (s *Store) stream(ctx context.Context, q usermgmt.UserQuery, yield func(usermgmt.Member, error) bool) error {
	if err := s.ready(ctx); err != nil {
		return err
	}
	if q.Org.IsZero() {
		return required("organization")
	}
	q.After, q.Limit = usermgmt.Position{}, 0
	l, err := newUserList(q)
	if l == nil {
		return err
	}
	text, args := l.sqlStream()
	var m usermgmt.Member
	dests := membershipDests(userDests(make([]any, 0, 64), &m.User), &m.Membership)
	return s.streamRows(ctx, dests, func() bool {
		more := yield(m, nil)
		m = usermgmt.Member{}
		return more
	}, text, args...)
}

// streamRows reads row by row into dests, and calls next behind each until that
// returns false.
func (s *Store) streamRows(ctx context.Context, dests []any, next func() bool, text string, args ...any) error {
	reading, stop := context.WithCancel(ctx)
	defer stop()
	r, err := s.query(reading, text, args...)
	if err != nil {
		return err
	}
	defer r.Close()
	for r.Next() {
		if err := r.Scan(dests...); err != nil {
			return s.readFailed(ctx, err)
		}
		if !next() {
			if !s.drains() {
				stop()
			}
			return nil
		}
	}
	r.Close()
	if err := r.Err(); err != nil {
		return s.readFailed(ctx, err)
	}
	return nil
}

// drains reports whether the connection of a read that is left is needed on.
func (s *Store) drains() bool {
	_, single := s.source.(connSource)
	return single || s.unit != nil || s.host != nil
}

// sqlStream returns all members that match. The planner would rather sort all
// rows than follow the index, which is true of a table but not of a reader; a
// bound that it does not know lets it believe that they are not all wanted.
func (l *userList) sqlStream() (text string, args []any) {
	b := &builder{}
	table, _, key := l.source()
	org, where := l.begin(b)
	c := userConditions(b, &l.q, org)
	var found string
	if len(c.drivers) == 0 {
		found = `select ` + membershipColumns + `, ` + key + ` as k, m.user_id as member from ` + table + ` where ` + where + `
	and ` + c.text() + ` ` + l.order(key, "m.user_id") + ` limit (select ` + b.arg(nil, "bigint") + `)`
	} else {
		// What is sorted is kept small.
		found = `select ` + membershipColumns + `, f.k, f.user_id as member from (select distinct m.user_id, m.k from (` + c.best(1)[0] + `) d
	cross join lateral (select m.user_id, ` + key + ` as k from ` + table + ` where ` + where + ` and m.user_id = d.user_id
	and ` + c.text() + ` offset 0) m ` + l.order("m.k", "m.user_id") + `) f
	cross join lateral (select ` + membershipColumns + ` from usermgmt_memberships m where m.org_id = ` + org + ` and m.user_id = f.user_id offset 0) m
	` + l.order("f.k", "f.user_id")
	}
	return `select ` + userColumns + `, ` + membershipColumns + ` from (` + found + `) m
cross join lateral (select ` + userColumns + ` from usermgmt_users u where u.user_id = m.member offset 0) u
` + l.order("m.k", "m.member"), b.args
}
