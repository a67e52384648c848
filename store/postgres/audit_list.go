package postgres

import (
	"context"
	"strings"

	"github.com/usermgmt/usermgmt"
)

// auditRows are the columns of a subquery, which leaves it to the query around
// it to turn documents into text.
const auditRows = `a.audit_id, a.operation_id, a.at, a.verb, a.outcome, a.door, a.operator_id, a.subject_id, a.org_id,
	a.target_kind, a.target, a.fields, a.digest, a.fold_key, a.count, a.last_at, a.detail, a.class`

// auditWalk is how many of the newest entries that meet the other conditions are
// looked at for visible users. Tests change it.
var auditWalk = 2000

// auditSpan is how many entries of a time are taken and sorted. More are looked for
// newest first, as without a time. Tests change it.
var auditSpan = 20_000

// auditQuery builds the text of a query for the conditions that are given, so that
// each has the plan that suits it.
type auditQuery struct {
	builder
	q     usermgmt.AuditQuery
	where strings.Builder
	// span, if not "", are the conditions on the organization and the time: what
	// meets them is taken first, whatever else is asked for. Left alone, the planner
	// reads the log from its end, past everything that is newer.
	span string
}

func (b *auditQuery) add(left string, v any, cast string) {
	b.where.WriteString(" and " + left + " " + b.arg(v, cast))
}

// within adds the conditions on the organization and the time.
func (b *auditQuery) within(q *usermgmt.AuditQuery) {
	if !q.Org.IsZero() {
		b.add("a.org_id =", id(q.Org), "uuid")
	}
	if !q.From.IsZero() {
		b.add("a.at >=", until(q.From), "timestamptz")
	}
	if !q.Until.IsZero() {
		b.add("a.at <", until(q.Until), "timestamptz")
	}
}

// newAuditQuery has the conditions of q except Visible.
func newAuditQuery(q usermgmt.AuditQuery) *auditQuery {
	b := &auditQuery{q: q}
	b.where.WriteString("true")
	b.within(&q)
	if !q.Operator.IsZero() {
		b.add("a.operator_id =", id(q.Operator), "uuid")
	}
	if !q.Subject.IsZero() {
		b.add("a.subject_id =", id(q.Subject), "uuid")
	}
	if q.Target != "" {
		b.add("a.target <> '' and a.target =", q.Target, "text")
	}
	if q.Verb != "" {
		b.add("a.verb =", q.Verb, "text")
	}
	if !q.Operation.IsZero() {
		b.add("a.operation_id =", id(q.Operation), "uuid")
	}
	if q.Outcome != 0 {
		b.add("a.outcome =", int16(q.Outcome), "smallint")
	}
	if !q.After.IsZero() {
		b.add("a.audit_id <", id(q.After), "uuid")
	}
	return b
}

// spanned returns q made ready. If its time has no more than auditSpan entries, the
// query begins with them; nothing tells that it has none.
func (s *Store) spanned(ctx context.Context, q usermgmt.AuditQuery) (b *auditQuery, nothing bool, err error) {
	if q.From.IsZero() && q.Until.IsZero() {
		return newAuditQuery(q), false, nil
	}
	t := newAuditQuery(usermgmt.AuditQuery{Org: q.Org, From: q.From, Until: q.Until})
	text := "select count(*) from (select from usermgmt_audit a where " + t.where.String() + " limit " + t.arg(auditSpan+1, "bigint") + ") t"
	n, err := one(ctx, s, func(r scanner, n *int) error { return r.Scan(n) }, text, t.args...)
	b = newAuditQuery(q)
	if n <= auditSpan {
		t = &auditQuery{builder: builder{b.args}}
		t.where.WriteString("true")
		t.within(&q)
		b.span, b.args = t.where.String(), t.args
	}
	return b, n == 0, err
}

// newest is a subquery for the newest entries that meet the conditions and
// another, at most limit. Those of a subject are looked for where the operator is
// the same, as nearly always, and where it is not: each has an index.
func (b *auditQuery) newest(columns, other, limit string) string {
	last := " order by a.audit_id desc limit " + limit + ")"
	from := "usermgmt_audit"
	if b.span != "" {
		from = "(select a.* from usermgmt_audit a where " + b.span + " offset 0)"
	}
	part := func(one string) string {
		return "(select " + columns + " from " + from + " a where " + b.where.String() + one + other + last
	}
	if b.q.Subject.IsZero() || !b.q.Operator.IsZero() {
		return part("")
	}
	return "(select " + columns + " from (" + part(" and a.operator_id = a.subject_id") + "\n\tunion all " +
		part(" and a.subject_id is distinct from a.operator_id") + ") a" + last
}

// users returns the conditions that Visible puts on the user m.
func (b *auditQuery) users() *conditions {
	return userConditions(&b.builder, &usermgmt.UserQuery{View: usermgmt.ViewAll, Visible: b.q.Visible}, "")
}

// page returns the text for the entries, with a condition on a.
func (b *auditQuery) page(from, condition, limit string) string {
	return "select " + auditColumns + " from " + from + " a where " + condition + "\norder by a.audit_id desc limit " + limit
}

// plain returns the text of a query that Visible has no part in.
func (b *auditQuery) plain() string {
	limit := b.arg(b.q.Limit, "bigint")
	return b.page(b.newest(auditRows, "", limit), "true", limit)
}

// whole reports whether a walk goes to the end: where everybody is to be seen, or
// where there are few entries.
func (b *auditQuery) whole() bool { return b.q.Visible.All || b.span != "" }

// walk returns the text of a query that looks for visible users at one entry after
// the other, at most auditWalk unless it goes to the end.
func (b *auditQuery) walk() string {
	limit, users := b.arg(b.q.Limit, "bigint"), b.users().text()
	visible := "(exists (select from usermgmt_users m where m.user_id = a.operator_id and " + users + " offset 0)\n\tor " +
		"exists (select from usermgmt_users m where m.user_id = a.subject_id and " + users + " offset 0))"
	if b.whole() {
		return b.page(b.newest(auditRows, " and "+visible, limit), "true", limit)
	}
	return b.page(b.newest(auditRows, "", b.arg(auditWalk, "bigint")), visible, limit)
}

// fromUsers returns the text of a query that begins with the visible users. It
// finds nothing if the walk has seen all entries.
func (b *auditQuery) fromUsers() string {
	limit, walked := b.arg(b.q.Limit, "bigint"), b.arg(auditWalk, "bigint")
	entries := func(of string) string {
		return "select x.audit_id from v cross join lateral (select a.audit_id from usermgmt_audit a where " + of + " and " +
			b.where.String() + " order by a.audit_id desc limit " + limit + ") x"
	}
	users := b.users()
	visible := "m.user_id in (" + users.best(1)[0] + ")\n\tand " + users.text()
	return "with v as materialized (select m.user_id from usermgmt_users m where " + visible + ")\n" +
		b.page("usermgmt_audit", "(select count(*) from "+b.newest("a.audit_id", "", walked)+" w) >= "+walked+
			" and a.audit_id in (select y.audit_id from (\n\t"+
			entries("a.operator_id = v.user_id")+"\n\tunion "+
			entries("a.subject_id = v.user_id and a.subject_id is distinct from a.operator_id")+
			") y order by y.audit_id desc limit "+limit+")", limit)
}

// ListAudit implements [usermgmt.Store].
func (s *Store) ListAudit(ctx context.Context, q usermgmt.AuditQuery) ([]usermgmt.AuditEntry, error) {
	if q.Limit < 1 {
		return nil, limitInvalid()
	}
	if !storable(q.Target) || !storable(q.Verb) {
		return nil, nil
	}
	f := q.Visible
	if f.Nothing() {
		return nil, nil
	}
	b, nothing, err := s.spanned(ctx, q)
	if err != nil || nothing {
		return nil, err
	}
	if f == nil || f.System {
		text := b.plain()
		return all(ctx, s, scanAudit, text, b.args...)
	}
	text := b.walk()
	out, err := all(ctx, s, scanAudit, text, b.args...)
	if err != nil || len(out) == q.Limit || b.whole() {
		return out, err
	}
	b = newAuditQuery(q)
	text = b.fromUsers()
	more, err := all(ctx, s, scanAudit, text, b.args...)
	if err != nil {
		return nil, err
	}
	if len(more) > 0 {
		return more, nil
	}
	return out, nil
}
