package memory

import (
	"context"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt"
)

func comparePools(a, b *usermgmt.LicencePool) int {
	if c := compareIDs(a.Org, b.Org); c != 0 {
		return c
	}
	return strings.Compare(string(a.Type), string(b.Type))
}

// changePool changes a pool, which is made if there is none.
func (s *Store) changePool(
	ctx context.Context, org usermgmt.OrgID, t usermgmt.LicenceType, change func(*usermgmt.LicencePool) error,
) error {
	return s.write(ctx, func(w *writer) error {
		if w.v.org(org) == nil {
			return missing("organization")
		}
		row := usermgmt.LicencePool{Org: org, Type: t, PoolTerms: usermgmt.PoolTerms{Size: -1}}
		if old, found := w.v.others.pools.Get(&row); found {
			row = *old
		}
		if err := change(&row); err != nil {
			return err
		}
		w.others().pools.Set(w.own, &row)
		return nil
	})
}

// SetPool implements [usermgmt.Store].
func (s *Store) SetPool(ctx context.Context, org usermgmt.OrgID, t usermgmt.LicenceType, terms usermgmt.PoolTerms) error {
	return s.changePool(ctx, org, t, func(p *usermgmt.LicencePool) error {
		p.PoolTerms = terms
		return nil
	})
}

// ClaimSeats implements [usermgmt.Store].
func (s *Store) ClaimSeats(ctx context.Context, org usermgmt.OrgID, t usermgmt.LicenceType, n int) error {
	return s.changePool(ctx, org, t, func(p *usermgmt.LicencePool) error {
		used := max(0, p.Used+n)
		if n > 0 && !p.Floating && full(p, used) {
			return noSeat()
		}
		p.Used = used
		return nil
	})
}

// ListPools implements [usermgmt.Store].
func (s *Store) ListPools(ctx context.Context, org usermgmt.OrgID) ([]usermgmt.LicencePool, error) {
	v, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	var out []usermgmt.LicencePool
	first := &usermgmt.LicencePool{Org: org}
	v.others.pools.Ascend(func(p *usermgmt.LicencePool) bool { return comparePools(p, first) >= 0 },
		func(p *usermgmt.LicencePool) bool {
			if p.Org != org {
				return false
			}
			out = append(out, *p)
			return true
		})
	return out, nil
}

// full reports whether so many seats are more than the pool gives.
func full(p *usermgmt.LicencePool, used int) bool {
	return p.Size >= 0 && p.Overdraft >= 0 && used > p.Size+p.Overdraft
}

func noSeat() error { return &usermgmt.Error{Kind: usermgmt.ErrLimit, Field: "licence"} }

// seatSession is a session that is not ended below the pool that it names.
type seatSession struct {
	org  usermgmt.OrgID
	pool usermgmt.LicenceType
	s    *session
}

func (a seatSession) compare(b seatSession) int {
	if c := a.comparePool(b); c != 0 {
		return c
	}
	if c := cmpID(a.s.person.id, b.s.person.id); c != 0 {
		return c
	}
	return cmpID(a.s.id, b.s.id)
}

func (a seatSession) comparePool(b seatSession) int {
	if c := compareIDs(a.org, b.org); c != 0 {
		return c
	}
	return strings.Compare(string(a.pool), string(b.pool))
}

// holders counts the users who hold a seat of a floating pool at at, in
// microseconds, without the user except; it tells whether that one does.
func (v *version) holders(org usermgmt.OrgID, t usermgmt.LicenceType, at int64, except usermgmt.UserID) (n int, holds bool) {
	first := seatSession{org: org, pool: t}
	var last usermgmt.UserID
	v.sessions.seats.Ascend(func(x seatSession) bool { return x.comparePool(first) >= 0 }, func(x seatSession) bool {
		if x.comparePool(first) != 0 {
			return false
		}
		user := x.s.person.id
		switch {
		case !x.s.liveAt(at) || user == last:
		case user == except:
			holds = true
		default:
			n, last = n+1, user
		}
		return true
	})
	return n, holds
}

// takeSeat checks that there is a seat for a new session.
func (w *writer) takeSeat(r *session) error {
	p, found := w.v.others.pools.Get(&usermgmt.LicencePool{Org: r.orgID(), Type: r.more.licence})
	if !found || !p.Floating {
		return nil
	}
	if n, holds := w.v.holders(p.Org, p.Type, r.createdAt, r.person.id); !holds && full(p, n+1) {
		return noSeat()
	}
	return nil
}

// FloatingSeats implements [usermgmt.Store].
func (s *Store) FloatingSeats(
	ctx context.Context, org usermgmt.OrgID, at time.Time,
) (map[usermgmt.LicenceType]int, error) {
	pools, err := s.ListPools(ctx, org)
	if err != nil {
		return nil, err
	}
	v, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	out := make(map[usermgmt.LicenceType]int)
	for i := range pools {
		if !pools[i].Floating {
			continue
		}
		if n, _ := v.holders(org, pools[i].Type, at.UnixMicro(), usermgmt.UserID{}); n > 0 {
			out[pools[i].Type] = n
		}
	}
	return out, nil
}
