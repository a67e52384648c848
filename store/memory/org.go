package memory

import (
	"context"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt"
)

// orgRow is an organization with its stamps.
type orgRow struct {
	stamp uint64 // see writer.replace
	usermgmt.Organization
	policy, trees int64
}

func orgsByName(a, b *orgRow) int { return strings.Compare(a.NameKey, b.NameKey) }

func cloneOrg(o usermgmt.Organization) usermgmt.Organization {
	if o.Policy != nil {
		p := *o.Policy
		p.Words = cloneSlice(p.Words)
		o.Policy = &p
	}
	o.ExportFields = cloneSlice(o.ExportFields)
	o.CreatedAt, o.UpdatedAt, o.Support.Until = utc(o.CreatedAt), utc(o.UpdatedAt), utc(o.Support.Until)
	return o
}

func (r *orgRow) value() usermgmt.Organization { return cloneOrg(r.Organization) }

func (v *version) orgByName(key string) *orgRow {
	r, _ := v.orgs.byName.Get(&orgRow{Organization: usermgmt.Organization{NameKey: key}})
	return r
}

// SaveOrg implements [usermgmt.Store].
func (s *Store) SaveOrg(ctx context.Context, o usermgmt.Organization) error {
	return s.write(ctx, func(w *writer) error { return w.saveOrg(o) })
}

func (w *writer) saveOrg(o usermgmt.Organization) error {
	old := w.v.org(o.ID)
	var stored int64
	if old != nil {
		stored = old.Version
	}
	if err := checkVersion(o.Version, old != nil, stored); err != nil {
		return err
	}
	if o.ID.IsZero() {
		return missing("id")
	}
	if r := w.v.orgByName(o.NameKey); r != nil && r != old {
		return taken("name")
	}
	row := &orgRow{Organization: cloneOrg(o), policy: 1, trees: 1}
	row.Version++
	if o.Provider && (old == nil || !old.Provider) {
		other := false
		w.v.orgs.byName.Ascend(nil, func(r *orgRow) bool {
			other = r.Provider
			return !other
		})
		if other {
			return taken("provider")
		}
	}
	if old == nil {
		sp := newSpace(w.own, o.ID)
		sp.org = row
		t := w.orgs()
		t.spaces.Insert(w.own, sp)
		t.byName.Set(w.own, row)
		return nil
	}
	row.policy, row.trees = old.policy, old.trees
	w.replaceOrg(old, row)
	return nil
}

func (w *writer) replaceOrg(old, row *orgRow) {
	w.replace(&old.stamp)
	w.space(row.ID).org = row
	t := w.orgs()
	if old.NameKey != row.NameKey {
		t.byName.Delete(w.own, old)
	}
	t.byName.Set(w.own, row)
}

// OrgByID implements [usermgmt.Store].
func (s *Store) OrgByID(ctx context.Context, id usermgmt.OrgID) (usermgmt.Organization, error) {
	v, err := s.read(ctx)
	if err != nil {
		return usermgmt.Organization{}, err
	}
	r := v.org(id)
	if r == nil {
		return usermgmt.Organization{}, usermgmt.ErrNotFound
	}
	return r.value(), nil
}

// OrgByName implements [usermgmt.Store].
func (s *Store) OrgByName(ctx context.Context, nameKey string) (usermgmt.Organization, error) {
	v, err := s.read(ctx)
	if err != nil {
		return usermgmt.Organization{}, err
	}
	r := v.orgByName(nameKey)
	if r == nil {
		return usermgmt.Organization{}, usermgmt.ErrNotFound
	}
	return r.value(), nil
}

// ListOrgs implements [usermgmt.Store].
func (s *Store) ListOrgs(ctx context.Context, q usermgmt.ListQuery) ([]usermgmt.Organization, error) {
	v, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	return page(&v.orgs.byName, q, func(r *orgRow) (string, [16]byte) { return r.NameKey, r.ID }, (*orgRow).value)
}

// LockOrg implements [usermgmt.Store]. It takes the turn to write, whichever
// the organization is.
func (s *Store) LockOrg(ctx context.Context, _ usermgmt.OrgID) error {
	if s.tx == nil {
		return s.enter(ctx)
	}
	return s.write(ctx, func(*writer) error { return nil })
}

// OrgStanding implements [usermgmt.Store].
func (s *Store) OrgStanding(ctx context.Context, id usermgmt.OrgID) (out usermgmt.Standing, err error) {
	v, err := s.read(ctx)
	if err != nil {
		return out, err
	}
	o := v.org(id)
	if o == nil {
		return out, usermgmt.ErrNotFound
	}
	v.standIn(&out, o)
	return out, nil
}

// BumpStamps implements [usermgmt.Store].
func (s *Store) BumpStamps(ctx context.Context, id usermgmt.OrgID, trees bool) error {
	return s.write(ctx, func(w *writer) error {
		if id.IsZero() {
			w.v.systemPolicy++
			return nil
		}
		old := w.v.org(id)
		if old == nil {
			return usermgmt.ErrNotFound
		}
		row := *old
		row.stamp = 0
		row.policy++
		if trees {
			row.trees++
		}
		w.replaceOrg(old, &row)
		return nil
	})
}

// Policy implements [usermgmt.Store].
func (s *Store) Policy(ctx context.Context, id usermgmt.OrgID) (usermgmt.PolicySet, error) {
	var p usermgmt.PolicySet
	v, err := s.read(ctx)
	if err != nil {
		return p, err
	}
	sp := v.space(id)
	if sp == nil || sp.org == nil {
		return p, usermgmt.ErrNotFound
	}
	p.Org, p.Policy, p.SystemPolicy = sp.org.value(), sp.org.policy, v.systemPolicy
	system := v.space(usermgmt.OrgID{})
	p.Roles = append(all(&sp.roles, cloneRole), all(&system.roles, cloneRole)...)
	p.Profiles = append(all(&sp.profiles, cloneProfile), all(&system.profiles, cloneProfile)...)
	p.Applications = append(all(&sp.apps, cloneApp), all(&system.apps, cloneApp)...)
	p.Sharing = all(&sp.sharing, cloneSharing)
	p.Fields = all(&sp.fields, cloneField)
	sp.subjects.Ascend(nil, func(e *usermgmt.AccessEntry) bool {
		if e.Team.IsZero() {
			return false // teams come first
		}
		p.TeamAccess = append(p.TeamAccess, cloneAccess(e))
		return true
	})
	return p, nil
}

// Trees implements [usermgmt.Store].
func (s *Store) Trees(ctx context.Context, id usermgmt.OrgID) (usermgmt.TreeSet, error) {
	v, err := s.read(ctx)
	if err != nil {
		return usermgmt.TreeSet{}, err
	}
	sp := v.space(id)
	if sp == nil || sp.org == nil {
		return usermgmt.TreeSet{}, usermgmt.ErrNotFound
	}
	return usermgmt.TreeSet{
		Units: all(&sp.units, func(r *unitRow) usermgmt.UnitNode { return usermgmt.UnitNode{ID: r.ID, Parent: r.Parent} }),
		Teams: all(&sp.teams, func(r *teamRow) usermgmt.TeamNode { return usermgmt.TeamNode{ID: r.ID, Parent: r.Parent} }),
		Stamp: sp.org.trees,
	}, nil
}

// ClaimBootstrap implements [usermgmt.Store].
func (s *Store) ClaimBootstrap(ctx context.Context, _ time.Time) error {
	return s.write(ctx, func(w *writer) error {
		if w.v.bootstrapped {
			return taken("bootstrap")
		}
		w.v.bootstrapped = true
		return nil
	})
}
