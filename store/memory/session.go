package memory

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt"
)

// session is a session as stored: small, for there may be millions. It keeps
// the rows of its user, membership and organization as they were when it was
// written; see [writer.replace] for when they still count.
type session struct {
	id     usermgmt.SessionID
	token  [32]byte
	person *person
	member *member // nil if there was no membership
	org    *orgRow // nil for the zero organization
	more   *sessionMore

	createdAt, seenAt, expiresAt int64 // microseconds
	idle                         time.Duration
	epoch                        int64
	kind                         usermgmt.SessionKind
	pending                      usermgmt.Step
	parked                       bool
	provedAt                     micros
}

// sessionMore is what many sessions do without. It is never changed.
type sessionMore struct {
	app           usermgmt.ApplicationID
	role          usermgmt.RoleID
	operator      usermgmt.UserID
	operatorNo    uint64
	parent        usermgmt.SessionID
	reason        string
	operatorEpoch int64
	endedAt       time.Time
	endReason     string
	origin        usermgmt.Origin
	licence       usermgmt.LicenceType
	basis         usermgmt.Basis
	readOnly      bool
	intersect     bool
}

var noMore = &sessionMore{}

func (r *session) ended() bool { return !r.more.endedAt.IsZero() }

func (r *session) orgID() usermgmt.OrgID {
	if r.org == nil {
		return usermgmt.OrgID{}
	}
	return r.org.ID
}

// liveAt reports whether a session that is not ended holds a seat at a time in
// microseconds. What is idle but parked does.
func (r *session) liveAt(at int64) bool {
	return r.expiresAt > at && (r.parked || r.seenAt+r.idle.Microseconds() > at)
}

// endsAt is when the session is over at the latest, or was over.
func (r *session) endsAt() int64 {
	if r.ended() {
		return min(r.expiresAt, r.more.endedAt.UnixMicro())
	}
	return r.expiresAt
}

func (r *session) value(out *usermgmt.Session) {
	m := r.more
	out.ID, out.Kind, out.TokenHash = r.id, r.kind, r.token
	out.User, out.Org = r.person.id, r.orgID()
	out.Parked, out.Epoch, out.Idle = r.parked, r.epoch, r.idle
	out.Pending, out.ProvedAt = r.pending, r.provedAt.time()
	out.CreatedAt, out.SeenAt, out.ExpiresAt = fromMicro(r.createdAt), fromMicro(r.seenAt), fromMicro(r.expiresAt)
	if m == noMore {
		return
	}
	out.App, out.Role, out.Operator, out.Parent = m.app, m.role, m.operator, m.parent
	out.Reason, out.OperatorEpoch = m.reason, m.operatorEpoch
	out.EndedAt, out.EndReason, out.Origin, out.Licence = m.endedAt, m.endReason, m.origin, m.licence
	out.Basis, out.ReadOnly, out.Intersect = m.basis, m.readOnly, m.intersect
}

// view fills in a session with the standing of its user.
func (v *version) view(out *usermgmt.SessionView, r *session) {
	r.value(&out.Session)
	p, m, o := v.rows(r.person, r.member, r.org)
	v.stand(&out.Standing, p, m, o)
}

// rows returns the version's rows for the ones that were kept.
func (v *version) rows(p *person, m *member, o *orgRow) (*person, *member, *orgRow) {
	if !v.current(&p.stamp) {
		p = v.person(p.id)
	}
	if o == nil {
		return p, nil, nil
	}
	if m == nil || !v.current(&m.stamp) {
		m = v.member(p.id, o.ID)
	}
	if !v.current(&o.stamp) {
		o = v.org(o.ID)
	}
	return p, m, o
}

// userSession is a live session below the number of its user or operator, or
// below the first bytes of its parent's identifier.
type userSession struct {
	no uint64
	s  *session
}

func (a userSession) compare(b userSession) int {
	switch {
	case a.no < b.no:
		return -1
	case a.no > b.no:
		return 1
	}
	return a.s.compareAge(b.s)
}

func (r *session) compareAge(o *session) int {
	switch {
	case r.createdAt < o.createdAt:
		return -1
	case r.createdAt > o.createdAt:
		return 1
	}
	return cmpID(r.id, o.id)
}

// endingSession is a session in the order in which they end.
type endingSession struct {
	at int64
	s  *session
}

func (a endingSession) compare(b endingSession) int {
	switch {
	case a.at < b.at:
		return -1
	case a.at > b.at:
		return 1
	}
	return cmpID(a.s.id, b.s.id)
}

func (v *version) session(id usermgmt.SessionID) *session {
	return find(&v.sessions.sessions, id, func(r *session) usermgmt.SessionID { return r.id })
}

func (v *version) sessionByToken(h *[32]byte) *session {
	return v.sessions.tokens.Get(hashToken(h), func(r *session) bool { return r.token == *h })
}

// CreateSession implements [usermgmt.Store].
func (s *Store) CreateSession(ctx context.Context, in usermgmt.Session) error {
	return s.write(ctx, func(w *writer) error { return w.createSession(&in) })
}

func (w *writer) createSession(in *usermgmt.Session) error {
	if w.v.session(in.ID) != nil {
		return taken("id")
	}
	p := w.v.person(in.User)
	if p == nil {
		return missing("user")
	}
	r := &session{
		id: in.ID, token: in.TokenHash, person: p, more: noMore,
		createdAt: in.CreatedAt.UnixMicro(), seenAt: in.SeenAt.UnixMicro(), expiresAt: in.ExpiresAt.UnixMicro(),
		idle: in.Idle, epoch: in.Epoch, kind: in.Kind, parked: in.Parked,
		pending: in.Pending, provedAt: microsOf(in.ProvedAt),
	}
	if !in.Org.IsZero() {
		if r.org = w.v.org(in.Org); r.org == nil {
			return missing("organization")
		}
		r.member = w.v.member(in.User, in.Org)
	}
	more := sessionMore{
		app: in.App, role: in.Role, operator: in.Operator, parent: in.Parent, reason: in.Reason,
		operatorEpoch: in.OperatorEpoch, endedAt: utc(in.EndedAt), endReason: in.EndReason, origin: in.Origin,
		licence: in.Licence, basis: in.Basis, readOnly: in.ReadOnly, intersect: in.Intersect,
	}
	if more != *noMore {
		if !in.Operator.IsZero() {
			o := w.v.person(in.Operator)
			if o == nil {
				return missing("operator")
			}
			more.operatorNo = o.u.no
		}
		r.more = &more
	}
	if !r.ended() && w.v.sessionByToken(&in.TokenHash) != nil {
		return taken("token")
	}
	if more.licence != "" {
		if err := w.takeSeat(r); err != nil {
			return err
		}
	}
	w.replaceSession(nil, r)
	return nil
}

// replaceSession puts row in the place of old. Either may be nil.
func (w *writer) replaceSession(old, row *session) {
	t := w.sessions()
	switch {
	case old == nil:
		t.sessions.Insert(w.own, row)
	case row == nil:
		t.sessions.Delete(w.own, old)
	default:
		t.sessions.Replace(w.own, old, row)
	}
	if old != nil && (row == nil || old.endsAt() != row.endsAt()) {
		t.byEnd.Delete(w.own, endingSession{old.endsAt(), old})
	}
	if row != nil {
		t.byEnd.Set(w.own, endingSession{row.endsAt(), row})
	}
	wasLive, isLive := old != nil && !old.ended(), row != nil && !row.ended()
	switch {
	case wasLive && isLive && old.token == row.token:
		t.tokens.Replace(w.own, old, row)
	default:
		if wasLive {
			t.tokens.Delete(w.own, old)
		}
		if isLive {
			t.tokens.Insert(w.own, row)
		}
	}
	if wasLive && !isLive && old.more.licence != "" {
		t.seats.Delete(w.own, seatSession{old.orgID(), old.more.licence, old})
	}
	if isLive && row.more.licence != "" {
		t.seats.Set(w.own, seatSession{row.orgID(), row.more.licence, row})
	}
	if wasLive && !isLive {
		old.places(func(in *userSessions, no uint64) { in.of(t).Delete(w.own, userSession{no, old}) })
	}
	if isLive {
		row.places(func(in *userSessions, no uint64) { in.of(t).Set(w.own, userSession{no, row}) })
	}
}

// SessionByToken implements [usermgmt.Store].
func (s *Store) SessionByToken(ctx context.Context, hash [32]byte) (out usermgmt.SessionView, err error) {
	v, err := s.read(ctx)
	if err != nil {
		return out, err
	}
	r := v.sessionByToken(&hash)
	if r == nil {
		return out, usermgmt.ErrNotFound
	}
	v.view(&out, r)
	return out, nil
}

// SessionByID implements [usermgmt.Store].
func (s *Store) SessionByID(ctx context.Context, id usermgmt.SessionID) (out usermgmt.SessionView, err error) {
	v, err := s.read(ctx)
	if err != nil {
		return out, err
	}
	r := v.session(id)
	if r == nil {
		return out, usermgmt.ErrNotFound
	}
	v.view(&out, r)
	return out, nil
}

// SessionsByID implements [usermgmt.Store].
func (s *Store) SessionsByID(ctx context.Context, ids []usermgmt.SessionID) ([]usermgmt.Session, error) {
	v, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	var out []usermgmt.Session
	seen := make(map[usermgmt.SessionID]bool, len(ids))
	for _, id := range ids {
		r := v.session(id)
		if r == nil || seen[id] {
			continue
		}
		seen[id] = true
		var one usermgmt.Session
		r.value(&one)
		out = append(out, one)
	}
	return out, nil
}

// UpdateSession implements [usermgmt.Store].
func (s *Store) UpdateSession(ctx context.Context, in usermgmt.Session, old [32]byte) error {
	return s.write(ctx, func(w *writer) error {
		r := w.v.session(in.ID)
		if r == nil || r.ended() || r.token != old {
			return usermgmt.ErrStale
		}
		if in.TokenHash != r.token && w.v.sessionByToken(&in.TokenHash) != nil {
			return taken("token")
		}
		next := w.renewed(r)
		next.token, next.parked, next.seenAt = in.TokenHash, in.Parked, in.SeenAt.UnixMicro()
		if r.more.app != in.App || r.more.role != in.Role {
			more := *r.more
			more.app, more.role = in.App, in.Role
			next.more = &more
		}
		w.replaceSession(r, next)
		return nil
	})
}

// renewed returns a copy of a session with the rows that now count.
func (w *writer) renewed(r *session) *session {
	next := *r
	next.person, next.member, next.org = w.v.rows(r.person, r.member, r.org)
	return &next
}

// TouchSession implements [usermgmt.Store].
func (s *Store) TouchSession(ctx context.Context, id usermgmt.SessionID, at, stale time.Time) error {
	v, err := s.read(ctx)
	if err != nil {
		return err
	}
	due := func(r *session) bool { return r != nil && !r.ended() && r.seenAt < ceilMicro(stale) }
	if !due(v.session(id)) {
		return nil
	}
	return s.write(ctx, func(w *writer) error {
		if r := w.v.session(id); due(r) {
			next := w.renewed(r)
			next.seenAt = at.UnixMicro()
			w.replaceSession(r, next)
		}
		return nil
	})
}

// ceilMicro returns t in microseconds, rounded up: what is stored in
// microseconds is before t if and only if it is less.
func ceilMicro(t time.Time) int64 {
	n := t.UnixMicro()
	if t.Nanosecond()%1000 != 0 {
		n++
	}
	return n
}
