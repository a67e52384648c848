package usermgmt

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// Visit is one time that somebody acted for somebody else, as the audit log has it.
type Visit struct {
	Session SessionID
	// Operator acted as User. The names are those at the time; empty once the person
	// is erased.
	Operator               UserID
	OperatorName, UserName string
	User                   UserID
	Org                    OrgID
	Basis                  Basis
	Reason                 string
	ReadOnly               bool
	// At is when it began, Until when it ends at the latest.
	At, Until time.Time
	// EndedAt and EndReason are set once it is known to be over, such as "switched
	// back"; "expired" is at Until or after too long a pause. Where the session is no
	// longer kept, that is after 30 days, both are empty. One
	// that "took another role" went on in that.
	EndedAt   time.Time
	EndReason string
	// Running: it goes on, unless something under it was withdrawn and nobody has
	// used it since.
	Running bool

	entry AuditID
}

// VisitQuery selects visits of the actor's organization.
type VisitQuery struct {
	// User is as whom somebody acted, Operator who did. Both zero is the actor as the
	// former. At most one is set.
	User, Operator UserID
	After          Position
	Limit          int // [DefaultPageSize] if zero
}

// History returns a page of the times that somebody acted as a user, by proxy login,
// as a deputy or by support; or of those that an operator acted as others; newest
// first. It is read from the audit log, and reaches as far back.
//
// Users see their own of both sorts; others need [PermAuditView] on the user or the
// operator. Errors: [ErrNotFound], [ErrPermission], [ErrInvalid], [ErrLimit].
func (p *Proxy) History(ctx context.Context, a Actor, q VisitQuery) (*Page[Visit], error) {
	const op = "Proxy.History"
	v, err := p.m.read(a)
	if err != nil {
		return nil, withOp(op, err)
	}
	whose := cmp.Or(q.User, q.Operator, v.subject)
	switch {
	case !q.User.IsZero() && !q.Operator.IsZero():
		return nil, withOp(op, invalid("operator", "excludes", "ask for those as a user or for those of an operator"))
	case q.User.IsZero() && q.Operator.IsZero():
		q.User = whose
	}
	_, r, err := p.m.memberRecord(ctx, p.m.store, whose, v.org)
	if err == nil && !v.selfHere(whose) {
		err = v.need(PermAuditView, PermUserView, r)
	}
	if err != nil {
		return nil, withOp(op, err)
	}
	log := AuditQuery{Org: v.org, Operator: q.Operator}
	if !q.User.IsZero() {
		log.Target = q.User.String()
	}
	page, err := p.visits(ctx, log, q.After, q.Limit, verbProxyLogin, verbSupportLogin, verbBreakGlassIn)
	return page, withOp(op, err)
}

// SupportVisits returns a page of the times that customer support entered the
// actor's organization, newest first: who, when, why, until when, and how it ended.
// Every member may know. Errors: [ErrUnauthenticated], [ErrPermission] for an actor
// without organization, [ErrLimit].
func (s *Orgs) SupportVisits(ctx context.Context, a Actor, q ListQuery) (*Page[Visit], error) {
	const op = "Orgs.SupportVisits"
	v, err := s.m.read(a)
	if err != nil {
		return nil, withOp(op, err)
	}
	if v.org.IsZero() {
		return nil, withOp(op, &Error{Kind: ErrPermission, Rule: "no_organization"})
	}
	page, err := s.m.Proxy().visits(ctx, AuditQuery{Org: v.org}, q.After, q.Limit, verbSupportLogin, verbBreakGlassIn)
	return page, withOp(op, err)
}

// visits reads a page of the log for each verb, and the sessions of the newest.
func (p *Proxy) visits(ctx context.Context, log AuditQuery, after Position, limit int, verbs ...string) (*Page[Visit], error) {
	if err := pageLimit(&limit); err != nil {
		return nil, err
	}
	log.Outcome, log.After, log.Limit = OutcomeDone, AuditID(after.ID), limit+1
	var found []Visit
	for _, log.Verb = range verbs {
		entries, err := p.m.store.ListAudit(ctx, log)
		if err != nil {
			return nil, err
		}
		for i := range entries {
			found = append(found, visitOf(&entries[i]))
		}
	}
	slices.SortFunc(found, func(a, b Visit) int { return slices.Compare(b.entry[:], a.entry[:]) })
	page := &Page[Visit]{Items: found}
	if len(found) > limit {
		page.Items = found[:limit]
		page.Next = Position{ID: [16]byte(found[limit-1].entry)}
	}
	ids := make([]SessionID, len(page.Items))
	for i := range page.Items {
		ids[i] = page.Items[i].Session
	}
	sessions, err := p.m.store.SessionsByID(ctx, ids)
	if err != nil {
		return nil, err
	}
	now := p.m.now()
	for i := range page.Items {
		v := &page.Items[i]
		if j := slices.IndexFunc(sessions, func(s Session) bool { return s.ID == v.Session }); j >= 0 {
			v.ended(&sessions[j], now)
		}
	}
	return page, nil
}

// visitOf reads the entry of a login that began one.
func visitOf(e *AuditEntry) Visit {
	d := &e.Detail
	v := Visit{Operator: e.Operator, OperatorName: d.OperatorName, UserName: d.TargetName, Org: e.Org, At: e.At, entry: e.ID,
		ReadOnly: d.After["read_only"] == boolText(true), Reason: d.After["reason"]}
	// What does not parse is not there, as once a person is erased.
	v.User, _ = ParseID[User](e.Target)
	v.Session, _ = ParseID[Session](d.After["session"])
	v.Until, _ = time.Parse(time.RFC3339Nano, d.After["expires_at"])
	for b := BasisPermission; b <= BasisBreakGlass; b++ {
		if d.After["basis"] == b.String() {
			v.Basis = b
		}
	}
	return v
}

// ended fills in what the session says of its end.
func (v *Visit) ended(ses *Session, now time.Time) {
	switch over := earlier(ses.ExpiresAt, ses.SeenAt.Add(ses.Idle)); {
	case !ses.EndedAt.IsZero() && !over.Before(ses.EndedAt):
		v.EndedAt, v.EndReason = ses.EndedAt, ses.EndReason
	case !now.Before(over) || !ses.EndedAt.IsZero():
		v.EndedAt, v.EndReason = over, "expired"
	default:
		v.Running = true
	}
}

// MayAct is somebody who may act as a user.
type MayAct struct {
	User UserID
	Name string
	// ByPermission: with [PermProxyLogin], within the own proxy list.
	ByPermission bool
	// Deputy is set for a deputy of the user.
	Deputy *Deputy
}

// WhoMayActAs returns a page of those who may act as a user in the actor's
// organization now, in whatever application and role: by permission, scope and list,
// or as a deputy; in the order of [Users.List]. It may hold fewer than q.Limit though
// there are more; Next tells. Customer support is not among them: see
// [Organization.Support].
//
// The zero user is the actor. Others need [PermProxyConfigure] on the user. The
// number of reads for a page is bounded, whatever the number of members.
//
// Errors: [ErrNotFound], [ErrPermission], [ErrLimit].
func (p *Proxy) WhoMayActAs(ctx context.Context, a Actor, user UserID, q ListQuery) (*Page[MayAct], error) {
	const op = "Proxy.WhoMayActAs"
	v, err := p.m.read(a)
	if err != nil {
		return nil, withOp(op, err)
	}
	if err := pageLimit(&q.Limit); err != nil {
		return nil, withOp(op, err)
	}
	w := &work{m: p.m, tx: p.m.store, v: v, now: p.m.now()}
	of, err := w.actable(ctx, cmp.Or(user, v.subject))
	if err != nil || of == nil {
		return &Page[MayAct]{}, withOp(op, err)
	}
	out, want := &Page[MayAct]{}, q.Limit
	uq := UserQuery{Org: v.org, View: ViewActive, Search: foldSearch(q.Search), Now: w.now, After: q.After, Limit: MaxActions}
	for range candidatePages {
		page, err := p.m.store.ListUsers(ctx, uq)
		if err != nil {
			return nil, withOp(op, err)
		}
		may, err := w.mayActAs(ctx, of, page)
		if err != nil {
			return nil, withOp(op, err)
		}
		for i := range page {
			if m := may[page[i].ID]; m != nil {
				out.Items = append(out.Items, *m)
			}
			if out.Next = userPosition(&page[i], uq.Sort); len(out.Items) == want {
				break
			}
		}
		switch {
		case len(out.Items) == want:
			return out, nil
		case len(page) < uq.Limit:
			out.Next = Position{}
			return out, nil
		}
		uq.After = out.Next
	}
	return out, nil
}

// actedOn is somebody as whom others might act.
type actedOn struct {
	member   *Member
	record   *Record
	deputies []Deputy
}

// actable loads a user of whom the actor may know who may act so; nil if nobody may.
func (w *work) actable(ctx context.Context, user UserID) (*actedOn, error) {
	mem, r, err := w.m.memberRecord(ctx, w.tx, user, w.v.org)
	if err != nil {
		return nil, err
	}
	if !w.v.selfHere(user) {
		if err := w.need(PermProxyConfigure, PermUserView, r); err != nil {
			return nil, err
		}
	}
	st, err := w.tx.StandingOf(ctx, user, w.v.org)
	if err != nil {
		return nil, err
	}
	exempt := w.m.notExempt(ctx, w.tx, &mem.Membership)
	switch {
	case exempt != nil && kindOf(exempt) != ErrPermission:
		return nil, exempt
	case exempt != nil || w.m.cfg.Proxy.Off || wayProxy.gate(&st, w.now) != nil:
		return nil, nil
	}
	of := &actedOn{member: mem, record: r}
	org, err := w.tx.OrgByID(ctx, w.v.org)
	if err == nil && w.m.policyOf(&org).Deputies > 0 {
		of.deputies, err = w.tx.ListDeputies(ctx, DeputyQuery{Org: w.v.org, User: user, Limit: MaxDeputies})
	}
	return of, err
}

// mayActAs finds those of some users who may act.
func (w *work) mayActAs(ctx context.Context, of *actedOn, users []User) (map[UserID]*MayAct, error) {
	ids := make([]UserID, len(users))
	for i := range users {
		ids[i] = users[i].ID
	}
	s, err := newProbeStore(ctx, w.tx, w.now, ids) // for its reads: of all of them at once
	if err != nil {
		return nil, err
	}
	out := map[UserID]*MayAct{}
	var permitted []UserID
	c := clock{now: w.now}
	for i := range users {
		u := &users[i]
		st, err := s.StandingOf(ctx, u.ID, w.v.org)
		if err != nil {
			return nil, err
		}
		if u.ID == of.member.User.ID || wayOperator.gate(&st, w.now) != nil {
			continue
		}
		may := &MayAct{User: u.ID, Name: u.DisplayName()}
		if d := slices.IndexFunc(of.deputies, func(d Deputy) bool { return d.Deputy == u.ID && c.counts(d.From, d.Until) }); d >= 0 {
			may.Deputy, out[u.ID] = &of.deputies[d], may
		}
		ok, err := w.permitted(ctx, s, of, &st)
		if err != nil {
			return nil, err
		}
		if ok {
			may.ByPermission, out[u.ID], permitted = true, may, append(permitted, u.ID)
		}
	}
	lists, err := w.tx.ProxyLists(ctx, w.v.org, permitted)
	if err != nil {
		return nil, err
	}
	for i := range lists {
		if may := out[lists[i].Operator]; !lists[i].allows(&of.member.Membership, w.now) {
			if may.ByPermission = false; may.Deputy == nil {
				delete(out, lists[i].Operator)
			}
		}
	}
	return out, nil
}

// permitted reports whether an operator has [PermProxyLogin] on the member, and
// with [ProxyConfig.Strict] all that the member holds, in some application or none.
func (w *work) permitted(ctx context.Context, s Store, of *actedOn, st *Standing) (bool, error) {
	reading := w.m.rights.reading()
	org, err := reading.org(ctx, s, st)
	if err != nil {
		return false, err
	}
	for _, app := range org.policy.applications() {
		snap, err := reading.of(ctx, s, st, app, everyRole, w.now)
		if err != nil {
			return false, err
		}
		operator := &actorValue{cat: w.m.rights.cat, rights: snap, subject: st.User, operator: st.User, org: w.v.org, door: DoorSession}
		if !operator.can(PermProxyLogin, of.record) {
			continue
		}
		if w.m.cfg.Proxy.Strict {
			strict := &work{m: w.m, tx: s, v: operator, now: w.now}
			if err := strict.notStrongerIn(ctx, of.member.User.ID, w.v.org); err != nil {
				if kindOf(err) != ErrPermission {
					return false, err
				}
				continue
			}
		}
		return true, nil
	}
	return false, nil
}
