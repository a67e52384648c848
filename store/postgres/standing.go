package postgres

import (
	"context"

	"github.com/usermgmt/usermgmt"
)

// A standing is part of the read of every request, so it is one statement with
// what it belongs to, k, which has a user_id and an org_id. The tables are read in
// subqueries that the planner does not take apart ("offset 0"): each is a look-up
// by key, and there is no order of joins to think about, which costs many times
// what all the look-ups do wherever statements are not prepared.

const (
	standingColumns = `u.username, u.kind, u.enabled, u.deactivated, u.reserved, u.status, u.must_change, u.epoch,
	(select l.locked_until from usermgmt_logins l where l.user_id = k.user_id),
	o.org_id, coalesce(o.enabled, false), coalesce(o.epoch, 0), coalesce(o.provider, false), coalesce(o.switch_roles, false),
	m.rights is not null, coalesce(m.enabled, false), coalesce(m.rights, 0), coalesce(o.policy, 0), coalesce(o.trees, 0),
	coalesce((select y.policy from usermgmt_stamps y where y.org_id = '` + zeroUUID + `' and k.org_id is not null), 0)`

	standingTables = `
cross join lateral (select u.username, u.kind, u.enabled, u.deactivated_at is not null as deactivated, u.reserved,
		c.status, c.must_change, c.epoch
	from usermgmt_users u join usermgmt_credentials c on c.user_id = u.user_id where u.user_id = k.user_id offset 0) u
left join lateral (select o.org_id, o.enabled, o.epoch, o.provider, o.switch_roles, t.policy, t.trees
	from usermgmt_orgs o join usermgmt_stamps t on t.org_id = o.org_id where o.org_id = k.org_id offset 0) o on true
left join lateral (select m.enabled, m.rights
	from usermgmt_memberships m where m.org_id = k.org_id and m.user_id = k.user_id offset 0) m on true`

	sqlStanding = `select k.user_id, ` + standingColumns + `
from (select $1::uuid as user_id, $2::uuid as org_id) k` + standingTables + `
where k.org_id is null or o.org_id is not null`

	sqlOrgStanding = `select o.org_id, o.enabled, o.epoch, o.provider, o.switch_roles, t.policy, t.trees,
	(select y.policy from usermgmt_stamps y where y.org_id = '` + zeroUUID + `')
from usermgmt_orgs o join usermgmt_stamps t on t.org_id = o.org_id where o.org_id = $1::uuid`
)

// standingRow is where a standing is read into.
type standingRow struct {
	usermgmt.Standing
	kind, status int16
}

// dests are the destinations of standingColumns.
func (r *standingRow) dests() []any {
	st := &r.Standing
	return []any{
		&st.Username, &r.kind, &st.Enabled, &st.Deactivated, &st.Reserved, &r.status, &st.MustChange, &st.Epoch,
		toTime(&st.LockedUntil), toID(&st.Org), &st.OrgEnabled, &st.OrgEpoch, &st.Provider, &st.SwitchRoles,
		&st.Member, &st.MemberEnabled, &st.Rights, &st.Policy, &st.Trees, &st.SystemPolicy,
	}
}

func (r *standingRow) value() usermgmt.Standing {
	r.Kind, r.CredentialStatus = usermgmt.UserKind(r.kind), usermgmt.AuthStatus(r.status)
	return r.Standing
}

func scanStanding(r scanner, out *usermgmt.Standing) error {
	var row standingRow
	err := r.Scan(append([]any{toID(&row.User)}, row.dests()...)...)
	*out = row.value()
	return err
}

// StandingOf implements [usermgmt.Store].
func (s *Store) StandingOf(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID) (usermgmt.Standing, error) {
	return one(ctx, s, scanStanding, sqlStanding, key(user), id(org))
}

// OrgStanding implements [usermgmt.Store].
func (s *Store) OrgStanding(ctx context.Context, org usermgmt.OrgID) (usermgmt.Standing, error) {
	return one(ctx, s, scanOrgStanding, sqlOrgStanding, key(org))
}

func scanOrgStanding(r scanner, st *usermgmt.Standing) error {
	return r.Scan(toID(&st.Org), &st.OrgEnabled, &st.OrgEpoch, &st.Provider, &st.SwitchRoles, &st.Policy, &st.Trees, &st.SystemPolicy)
}
