package memory

import (
	"context"
	"strings"

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
		row := usermgmt.LicencePool{Org: org, Type: t, Size: -1}
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
func (s *Store) SetPool(ctx context.Context, org usermgmt.OrgID, t usermgmt.LicenceType, size int) error {
	return s.changePool(ctx, org, t, func(p *usermgmt.LicencePool) error {
		p.Size = size
		return nil
	})
}

// ClaimSeats implements [usermgmt.Store].
func (s *Store) ClaimSeats(ctx context.Context, org usermgmt.OrgID, t usermgmt.LicenceType, n int) error {
	return s.changePool(ctx, org, t, func(p *usermgmt.LicencePool) error {
		used := max(0, p.Used+n)
		if n > 0 && p.Size >= 0 && used > p.Size {
			return &usermgmt.Error{Kind: usermgmt.ErrLimit, Field: "licence"}
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
