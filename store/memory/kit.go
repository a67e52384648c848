package memory

import (
	"encoding/binary"
	"hash/maphash"
	"slices"
	"time"

	"github.com/usermgmt/usermgmt"
)

// kit is what many memberships of an organization have in common. It is never
// changed.
type kit struct {
	org           usermgmt.OrgID
	enabled, seat bool
	profile       usermgmt.ProfileID
	roles         []usermgmt.RoleAssignment
	units         []usermgmt.UnitID
	licence       usermgmt.LicenceType
	app           usermgmt.ApplicationID
}

// kitRow counts the memberships with a kit.
type kitRow struct {
	own  uint64
	kit  *kit
	hash uint64
	n    int
}

func (k *kit) equal(o *kit) bool {
	return k.org == o.org && k.enabled == o.enabled && k.seat == o.seat && k.profile == o.profile &&
		k.licence == o.licence && k.app == o.app && slices.Equal(k.units, o.units) && slices.Equal(k.roles, o.roles)
}

func (k *kit) hash(seed maphash.Seed) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	flags := [2]byte{}
	if k.enabled {
		flags[0] = 1
	}
	if k.seat {
		flags[1] = 1
	}
	h.Write(flags[:])
	h.Write(k.org[:])
	h.Write(k.profile[:])
	h.Write(k.app[:])
	h.WriteString(string(k.licence))
	for i := range k.units {
		h.Write(k.units[i][:])
	}
	var b [16]byte
	for i := range k.roles {
		h.Write(k.roles[i].Role[:])
		binary.LittleEndian.PutUint64(b[:8], uint64(k.roles[i].From.UnixMicro()))
		binary.LittleEndian.PutUint64(b[8:], uint64(k.roles[i].Until.UnixMicro()))
		h.Write(b[:])
	}
	return h.Sum64()
}

// kitOf checks what m names and returns its kit, with slices of m's.
func (w *writer) kitOf(m *usermgmt.Membership) (*kit, error) {
	if w.v.profile(m.Profile) == nil {
		return nil, missing("profile")
	}
	k := &kit{
		org: m.Org, enabled: m.Enabled, seat: m.Seat, profile: m.Profile,
		roles: m.Roles, units: m.Units, licence: m.Licence, app: m.InitialApp,
	}
	for i := range m.Roles {
		a := &m.Roles[i]
		if w.v.role(a.Role) == nil {
			return nil, missing("roles")
		}
		if !exact(a.From) || !exact(a.Until) {
			k.roles = cloneSpans(m.Roles)
		}
	}
	for _, id := range m.Units {
		if u := w.v.unit(id); u == nil || u.Org != m.Org {
			return nil, missing("units")
		}
	}
	if !m.InitialApp.IsZero() && w.v.app(m.InitialApp) == nil {
		return nil, missing("initial_app")
	}
	return k, nil
}

// exact reports whether a time is as the store keeps it.
func exact(t time.Time) bool { return t.Location() == time.UTC && t == utc(t) }

func (v *version) kitRow(k *kit, h uint64) *kitRow {
	return v.users.kits.Get(h, func(r *kitRow) bool { return r.hash == h && r.kit.equal(k) })
}

// takeKit returns the stored kit that equals k and counts one membership more.
func (w *writer) takeKit(k *kit) *kit {
	h := k.hash(w.seed)
	t := w.users()
	r := w.v.kitRow(k, h)
	switch {
	case r == nil:
		c := *k
		c.roles, c.units = cloneSlice(k.roles), cloneSlice(k.units)
		t.kits.Insert(w.own, &kitRow{own: w.own, kit: &c, hash: h, n: 1})
		w.referKit(&c, 1)
		return &c
	case r.own == w.own:
		r.n++
	default:
		t.kits.Replace(w.own, r, &kitRow{own: w.own, kit: r.kit, hash: h, n: r.n + 1})
	}
	return r.kit
}

// dropKit counts one membership less.
func (w *writer) dropKit(k *kit) {
	h := k.hash(w.seed)
	t := w.users()
	r := w.v.kitRow(k, h)
	switch {
	case r.n == 1:
		t.kits.Delete(w.own, r)
		w.referKit(k, -1)
	case r.own == w.own:
		r.n--
	default:
		t.kits.Replace(w.own, r, &kitRow{own: w.own, kit: r.kit, hash: h, n: r.n - 1})
	}
}

func (w *writer) referKit(k *kit, n int) {
	w.refer(refProfile, k.profile, n)
	w.refer(refApp, k.app, n)
	for i := range k.roles {
		w.refer(refRole, k.roles[i].Role, n)
	}
	for _, id := range k.units {
		w.refer(refUnit, id, n)
	}
}
