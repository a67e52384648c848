package storetest

import (
	"context"

	"github.com/usermgmt/usermgmt"
)

func licenceCases() []testCase {
	return []testCase{
		{"PoolSize", []string{"SetPool", "ListPools"}, poolSize},
		{"PoolClaims", []string{"ClaimSeats", "ListPools"}, poolClaims},
		{"PoolNeverSet", []string{"ClaimSeats", "ListPools", "SetPool"}, poolNeverSet},
		{"PoolBelowUsed", []string{"ClaimSeats", "SetPool"}, poolBelowUsed},
	}
}

type pools struct {
	w   *world
	org usermgmt.OrgID
}

func (p pools) is(want ...usermgmt.LicencePool) {
	p.w.Helper()
	for i := range want {
		want[i].Org = p.org
	}
	got(p.w.s.ListPools(p.w.ctx, p.org)).is(p.w, want)
}

func (p pools) set(t usermgmt.LicenceType, size int) {
	p.w.Helper()
	p.w.do(p.w.s.SetPool(p.w.ctx, p.org, t, size))
}

func (p pools) claim(t usermgmt.LicenceType, n int) {
	p.w.Helper()
	p.w.do(p.w.s.ClaimSeats(p.w.ctx, p.org, t, n))
}

func (p pools) full(t usermgmt.LicenceType, n int) {
	p.w.Helper()
	p.w.refuse("a claim past the size", isFull, func(ctx context.Context, tx usermgmt.Store) error {
		return tx.ClaimSeats(ctx, p.org, t, n)
	})
}

func poolSize(w *world) {
	p, other := pools{w, w.org("a").ID}, pools{w, w.org("b").ID}
	p.is()
	p.set("site", 5)
	p.set("Z", 0)
	p.set("a-1", -1)
	p.set("_", 1)
	other.set("site", 7)
	p.is(usermgmt.LicencePool{Type: "Z"}, usermgmt.LicencePool{Type: "_", Size: 1},
		usermgmt.LicencePool{Type: "a-1", Size: -1}, usermgmt.LicencePool{Type: "site", Size: 5})
	p.set("site", 6)
	p.set("a-1", 2)
	p.is(usermgmt.LicencePool{Type: "Z"}, usermgmt.LicencePool{Type: "_", Size: 1},
		usermgmt.LicencePool{Type: "a-1", Size: 2}, usermgmt.LicencePool{Type: "site", Size: 6})
	other.is(usermgmt.LicencePool{Type: "site", Size: 7})
}

func poolClaims(w *world) {
	p, other := pools{w, w.org("a").ID}, pools{w, w.org("b").ID}
	p.set("site", 3)
	p.set("none", 0)
	other.set("site", 1)
	p.full("none", 1)
	p.claim("site", 2)
	p.full("site", 2)
	p.is(usermgmt.LicencePool{Type: "none"}, usermgmt.LicencePool{Type: "site", Size: 3, Used: 2})
	p.claim("site", 1)
	p.full("site", 1)
	p.claim("site", -1)
	p.claim("site", 1)
	p.set("site", 4) // leaves Used alone
	p.is(usermgmt.LicencePool{Type: "none"}, usermgmt.LicencePool{Type: "site", Size: 4, Used: 3})
	p.claim("site", -99) // not below 0
	p.claim("none", -1)
	p.is(usermgmt.LicencePool{Type: "none"}, usermgmt.LicencePool{Type: "site", Size: 4})
	p.claim("site", 4)
	p.full("site", 1)
	other.claim("site", 1)
	other.full("site", 1)
}

func poolNeverSet(w *world) {
	p := pools{w, w.org("a").ID}
	p.claim("site", 1000)
	p.is(usermgmt.LicencePool{Type: "site", Size: -1, Used: 1000})
	p.claim("site", -999)
	p.set("site", 2)
	p.is(usermgmt.LicencePool{Type: "site", Size: 2, Used: 1})
	p.claim("site", 1)
	p.full("site", 1)
	p.set("site", -1)
	p.claim("site", 1)
	p.is(usermgmt.LicencePool{Type: "site", Size: -1, Used: 3})
}

func poolBelowUsed(w *world) {
	p := pools{w, w.org("a").ID}
	p.set("site", 5)
	p.claim("site", 5)
	p.set("site", 2)
	p.is(usermgmt.LicencePool{Type: "site", Size: 2, Used: 5})
	p.full("site", 1)
	// Giving back is always possible, though Used exceeds Size after it too.
	p.claim("site", -1)
	p.is(usermgmt.LicencePool{Type: "site", Size: 2, Used: 4})
	p.full("site", 1)
	p.claim("site", -3)
	p.claim("site", 1)
	p.full("site", 1)
	p.is(usermgmt.LicencePool{Type: "site", Size: 2, Used: 2})
}
