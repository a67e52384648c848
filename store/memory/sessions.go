package memory

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/pmap"
)

// userSessions names one of the indexes of live sessions.
type userSessions struct{ parents bool }

func (x *userSessions) of(t *sessionTables) *pmap.Tree[userSession] {
	if x.parents {
		return &t.byParent
	}
	return &t.byUser
}

// places calls do for each place where a live session is indexed.
func (r *session) places(do func(in *userSessions, no uint64)) {
	var users userSessions
	do(&users, r.person.u.no)
	if r.more.operatorNo != 0 && r.more.operatorNo != r.person.u.no {
		do(&users, r.more.operatorNo)
	}
	if !r.more.parent.IsZero() {
		do(&userSessions{parents: true}, parentNo(r.more.parent))
	}
}

// parentNo makes a number of an identifier. Two may share one.
func parentNo(id usermgmt.SessionID) uint64 { return binary.BigEndian.Uint64(id[8:]) }

// below returns the live sessions whose parent is id.
func (v *version) below(id usermgmt.SessionID) []*session {
	var out []*session
	no := parentNo(id)
	v.sessions.byParent.Ascend(func(x userSession) bool { return x.no >= no }, func(x userSession) bool {
		if x.no == no && x.s.more.parent == id {
			out = append(out, x.s)
		}
		return x.no == no
	})
	return out
}

// ofUser yields the live sessions in which the user with the number is User or
// Operator, newest first.
func (v *version) ofUser(no uint64, yield func(*session) bool) {
	v.sessions.byUser.Descend(func(x userSession) bool { return x.no <= no },
		func(x userSession) bool { return x.no == no && yield(x.s) })
}

// endSession ends a live session and the proxy sessions below it, except keep.
func (w *writer) endSession(r *session, keep usermgmt.SessionID, at time.Time, reason string) {
	next := *r
	more := *r.more
	more.endedAt, more.endReason = utc(at), reason
	next.more = &more
	w.replaceSession(r, &next)
	for _, c := range w.v.below(r.id) {
		if c.id != keep {
			w.endSession(c, keep, at, reason)
		}
	}
}

// EndSession implements [usermgmt.Store].
func (s *Store) EndSession(
	ctx context.Context, id usermgmt.SessionID, at time.Time, reason string,
) (ended bool, err error) {
	err = s.write(ctx, func(w *writer) error {
		r := w.v.session(id)
		if r != nil && !r.ended() {
			w.endSession(r, usermgmt.SessionID{}, at, reason)
			ended = true
		}
		return nil
	})
	return ended && err == nil, err
}

// EndSessions implements [usermgmt.Store].
func (s *Store) EndSessions(
	ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID, keep usermgmt.SessionID,
	at time.Time, reason string,
) (n int, err error) {
	err = s.write(ctx, func(w *writer) error {
		p := w.v.person(user)
		if p == nil {
			return nil
		}
		var rows []*session
		w.v.ofUser(p.u.no, func(r *session) bool {
			if r.id != keep && (org.IsZero() || r.orgID() == org) {
				rows = append(rows, r)
			}
			return true
		})
		for _, r := range rows {
			if r.person.id == user {
				n++
			}
			// An earlier one may have taken it along.
			if r = w.v.session(r.id); !r.ended() {
				w.endSession(r, keep, at, reason)
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// endSessionsOf ends the sessions that the user has in the organization
// because the membership ended.
func (w *writer) endSessionsOf(user usermgmt.UserID, org usermgmt.OrgID, at time.Time) {
	p := w.v.person(user)
	var rows []*session
	w.v.ofUser(p.u.no, func(r *session) bool {
		if r.orgID() == org {
			rows = append(rows, r)
		}
		return true
	})
	for _, r := range rows {
		if r = w.v.session(r.id); !r.ended() {
			w.endSession(r, usermgmt.SessionID{}, at, "membership")
		}
	}
}

// ListSessions implements [usermgmt.Store].
func (s *Store) ListSessions(ctx context.Context, user usermgmt.UserID, limit int) ([]usermgmt.Session, error) {
	v, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	if limit < 1 {
		return nil, limitInvalid()
	}
	p := v.person(user)
	if p == nil {
		return nil, nil
	}
	var out []usermgmt.Session
	v.ofUser(p.u.no, func(r *session) bool {
		var x usermgmt.Session
		r.value(&x)
		out = append(out, x)
		return len(out) < limit
	})
	return out, nil
}

// PruneSessions implements [usermgmt.Store].
func (s *Store) PruneSessions(ctx context.Context, t time.Time, limit int) (n int, err error) {
	if limit < 1 {
		return 0, limitInvalid()
	}
	end := ceilMicro(t)
	err = s.write(ctx, func(w *writer) error {
		var rows []*session
		w.v.sessions.byEnd.Ascend(nil, func(x endingSession) bool {
			if x.at < end {
				rows = append(rows, x.s)
			}
			return x.at < end && len(rows) < limit
		})
		for _, r := range rows {
			w.replaceSession(r, nil)
		}
		n = len(rows)
		return nil
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}
