package usermgmt

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/usermgmt/usermgmt/internal/authz"
)

// rights resolves rights through a store. What is cached is used only if its
// stamps match those that the store tells, so it may be used anywhere; but inside
// of transactions that may have changed it nothing is put into the caches, for it
// may never be committed.
type rights struct {
	cat       *authz.Catalogue
	fill      bool // put what is read into the caches
	snapshots *cache[rightsKey, *snapshot]
	policies  *cache[OrgID, *orgPolicy]
	trees     *cache[OrgID, *orgTrees]
	// visibility are the custom fields by which criteria choose, by object.
	visibility map[string]string
}

func newRights(cat *authz.Catalogue, objects []Object, budget int64) *rights {
	visibility := map[string]string{}
	for _, o := range objects {
		if o.Visibility == VisibleByField {
			visibility[o.Name] = o.VisibilityField
		}
	}
	return &rights{
		cat: cat, fill: true, visibility: visibility,
		snapshots: newCache[rightsKey, *snapshot](budget/2, func(k rightsKey) byte { return k.user[15] }),
		policies:  newCache[OrgID, *orgPolicy](budget/4, lastByte),
		trees:     newCache[OrgID, *orgTrees](budget/4, lastByte),
	}
}

// lastByte spreads identifiers: those made here are random at their end.
func lastByte(id OrgID) byte { return id[15] }

// reading returns rights that use the caches and put nothing into them.
func (r *rights) reading() *rights {
	c := *r
	c.fill = false
	return &c
}

func (r *rights) policy(ctx context.Context, s Store, org OrgID, policy, system int64) (*orgPolicy, error) {
	if p, ok := r.policies.get(org); ok && p.set.Policy == policy && p.set.SystemPolicy == system {
		return p, nil
	}
	set, err := s.Policy(ctx, org)
	if err != nil {
		return nil, err
	}
	p := compilePolicy(r.cat, set)
	if r.fill {
		r.policies.put(org, p, int64(1024+len(set.Roles)*(512+r.cat.Len())+len(set.Profiles)*(512+r.cat.Len())+len(set.TeamAccess)*256+len(set.Sharing)*(512+2*r.cat.Len())))
	}
	return p, nil
}

func (r *rights) treesOf(ctx context.Context, s Store, org OrgID, stamp int64) (*orgTrees, error) {
	if t, ok := r.trees.get(org); ok && t.stamp == stamp {
		return t, nil
	}
	set, err := s.Trees(ctx, org)
	if err != nil {
		return nil, err
	}
	t, err := buildTrees(org, set)
	if err != nil {
		return nil, err
	}
	if r.fill {
		r.keepTrees(t)
	}
	return t, nil
}

// keepTrees puts trees that are committed into the cache.
func (r *rights) keepTrees(t *orgTrees) {
	r.trees.put(OrgID(t.site.Org), t, int64(512+64*(t.units.Len()+t.teams.Len())))
}

// compiledOrg is the policy and the trees that a standing speaks of, or newer.
type compiledOrg struct {
	policy *orgPolicy
	trees  *orgTrees
}

func (r *rights) org(ctx context.Context, s Store, st *Standing) (compiledOrg, error) {
	policy, err := r.policy(ctx, s, st.Org, st.Policy, st.SystemPolicy)
	if err != nil {
		return compiledOrg{}, err
	}
	trees, err := r.treesOf(ctx, s, st.Org, st.Trees)
	return compiledOrg{policy, trees}, err
}

// resolve makes the snapshot of a holding, without values.
func (o compiledOrg) resolve(h holding, c *clock) *snapshot {
	h.app = o.policy.current(h, o.trees, c)
	f := o.policy.sources(h, o.trees, c)
	rights := o.policy.combine(f.list, h.app)
	m := h.membership
	until := int64(math.MaxInt64)
	if !c.next.IsZero() {
		until = c.next.UnixMicro()
	}
	snap := &snapshot{
		stamps: stamps{m.Rights, o.policy.set.Policy, o.trees.stamp, o.policy.set.SystemPolicy},
		until:  until, teams: f.teams, units: m.Units, roles: f.roles, app: h.app,
		inForce: f.inForce, choose: f.choose, switches: o.policy.set.Org.SwitchRoles,
	}
	authz.Place(&snap.Subject, authz.ID(m.User), o.trees.site, rights, m.Units, f.teams, sharesOf(f.list))
	if p := o.policy.profiles[m.Profile]; p != nil {
		snap.ranges = p.profile.IPRanges
	}
	return snap
}

// of returns the snapshot for a standing: a cached one whose stamps match, or
// a new one. The stamps are read before what they stand for, so a snapshot is
// never older than it says.
func (r *rights) of(ctx context.Context, s Store, st *Standing, app ApplicationID, role RoleID, now time.Time) (*snapshot, error) {
	key := rightsKey{st.User, st.Org, app, role}
	if snap, ok := r.snapshots.get(key); ok && snap.stamps == st.stamps() && now.UnixMicro() < snap.until {
		return snap, nil
	}
	org, err := r.org(ctx, s, st)
	if err != nil {
		return nil, err
	}
	h, err := r.holding(ctx, s, st.User, st.Org, app, role)
	if err != nil {
		return nil, err
	}
	snap := org.resolve(h, &clock{now: now})
	if snap.values, err = r.valuesOf(ctx, s, st.User); err != nil {
		return nil, err
	}
	if r.fill {
		r.snapshots.put(key, snap, int64(snap.Bytes()+16*(len(snap.teams)+len(snap.units)+len(snap.roles))+96*len(snap.values)+360))
	}
	return snap, nil
}

// valuesOf reads the user's values of the fields by which criteria choose.
func (r *rights) valuesOf(ctx context.Context, s Store, user UserID) (map[string]string, error) {
	if len(r.visibility) == 0 {
		return nil, nil
	}
	u, err := s.UserByID(ctx, user)
	if err != nil {
		return nil, skipNotFound(err)
	}
	values := make(map[string]string, len(r.visibility))
	for object, field := range r.visibility {
		if value := u.Custom[field]; value != "" {
			values[object] = value
		}
	}
	return values, nil
}

func (r *rights) holding(ctx context.Context, s Store, user UserID, org OrgID, app ApplicationID, role RoleID) (holding, error) {
	mem, err := s.MembershipOf(ctx, user, org)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return holding{}, err
	}
	mem.User, mem.Org = user, org
	access, err := s.AccessOf(ctx, user, org)
	if err != nil {
		return holding{}, err
	}
	return holding{&mem, access, app, role}, nil
}
