package usermgmt

import (
	"context"
	"slices"
	"time"

	"github.com/usermgmt/usermgmt/internal/authz"
)

// checkMembership checks a membership that is new (before is nil) or changed:
// references, the primary team, at least one role, and the subset rule for
// whatever is added. Scope problems are errors; the rest goes to p.
func (w *work) checkMembership(ctx context.Context, u *User, before, m *Membership, access []ApplicationAccess, perm Permission, p *problems) error {
	if before == nil {
		before = &Membership{}
	}
	org, err := w.compiled(ctx, m.Org)
	if err != nil {
		return err
	}
	policy, trees := org.policy, org.trees
	w.normalizeMembership(m)

	profile := policy.profiles[m.Profile]
	if profile == nil {
		p.add("profile", "unknown", "no such access profile in the organization")
	} else if m.Profile != before.Profile {
		if err := w.mayGrantTo(m, profile.masks); err != nil {
			return err
		}
	}
	if err := w.checkRoles(policy, m, before.Roles, m.Roles, ApplicationID{}, p); err != nil {
		return err
	}
	for _, acc := range access {
		if _, ok := policy.reach[acc.Application]; !ok {
			p.add("access", "unknown", "no such application in the organization")
		}
		if len(acc.Roles) == 0 {
			p.add("access", "required", "an access entry needs a role")
		}
		if err := w.checkRoles(policy, m, nil, acc.Roles, acc.Application, p); err != nil {
			return err
		}
	}
	if err := w.checkPlaces(ctx, u, before, m, access, policy, trees, perm, p); err != nil {
		return err
	}
	if len(m.Roles) == 0 && len(access) == 0 && len(policy.teamEntries(teamsAt(m, w.now), trees)) == 0 {
		entries, err := w.accessOf(ctx, u, m.Org)
		if err != nil {
			return err
		}
		if len(entries) == 0 {
			p.add("roles", "required", "at least one role, held directly or by application access")
		}
	}
	if err := w.checkShares(ctx, u, before, m, access, org); err != nil {
		return err
	}
	if _, ok := policy.reach[m.InitialApp]; !m.InitialApp.IsZero() && !ok {
		p.add("initial_application", "unknown", "no such application in the organization")
	}
	if m.Licence != before.Licence && (before.Licence != "" || m.Licence != LicencePlatform) &&
		!w.v.can(PermLicenceManage, &Record{Org: m.Org}) {
		return &Error{Kind: ErrPermission, Field: "licence", Permission: PermLicenceManage}
	}
	if !licenceWord.MatchString(string(m.Licence)) {
		p.add("licence", "format", "want 1 to 64 characters a-z, 0-9, _ and -")
	}
	return w.checkOwn(ctx, before, m, p)
}

// checkShares is the subset rule for what sharing policies give a member.
func (w *work) checkShares(ctx context.Context, u *User, before, m *Membership, access []ApplicationAccess, org compiledOrg) error {
	if len(org.policy.sharing) == 0 {
		return nil
	}
	entries, err := w.accessOf(ctx, u, m.Org)
	if err != nil {
		return err
	}
	with := slices.Clone(entries)
	for _, a := range access {
		with = append(with, AccessEntry{Application: a.Application, Roles: a.Roles})
	}
	return w.sharesMore(org, holding{membership: before, access: entries}, holding{membership: m, access: with})
}

// compiled reads the policy and the trees of an organization.
func (w *work) compiled(ctx context.Context, org OrgID) (compiledOrg, error) {
	if o, ok := w.known[org]; ok {
		return o, nil
	}
	st, err := w.stamps(ctx, org)
	if err != nil {
		return compiledOrg{}, err
	}
	o, err := w.m.rights.reading().org(ctx, w.tx, &st)
	if err == nil && w.known != nil {
		w.known[org] = o
	}
	return o, err
}

// trees returns the trees of an organization as they are now.
func (w *work) trees(ctx context.Context, org OrgID) (*orgTrees, error) {
	st, err := w.stamps(ctx, org)
	if err != nil {
		return nil, err
	}
	return w.m.rights.reading().treesOf(ctx, w.tx, org, st.Trees)
}

// keep puts the trees as they are after the transaction into the cache, so that this
// process does not read them all again. They belong to a stamp that nobody else can
// have given: the organization is locked.
func (w *work) keep(trees func() *orgTrees) {
	w.after = append(w.after, func() { w.m.rights.keepTrees(trees()) })
}

// stamps reads the present stamps of an organization. Who registers acts before there
// is such a user.
func (w *work) stamps(ctx context.Context, org OrgID) (Standing, error) {
	return w.tx.OrgStanding(ctx, org)
}

func (w *work) normalizeMembership(m *Membership) {
	slices.SortFunc(m.Units, func(a, b UnitID) int { return slices.Compare(a[:], b[:]) })
	m.Units = slices.Compact(m.Units)
	for i := range m.Roles {
		m.Roles[i].From, m.Roles[i].Until = stored(m.Roles[i].From), stored(m.Roles[i].Until)
	}
	for i := range m.Teams {
		m.Teams[i].From, m.Teams[i].Until = stored(m.Teams[i].From), stored(m.Teams[i].Until)
	}
}

// stored is a time of the caller's as stores keep it.
func stored(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}

// checkRoles checks roles given directly (app is zero) or in an application, to
// a member or, if to is nil, to a team.
func (w *work) checkRoles(policy *orgPolicy, to *Membership, before, after []RoleAssignment, app ApplicationID, p *problems) error {
	seen := map[RoleID]bool{}
	for _, a := range after {
		role := policy.roles[a.Role]
		switch {
		case role == nil:
			p.add("roles", "unknown", "no such role in the organization")
			continue
		case seen[a.Role]:
			p.add("roles", "twice", "the same role twice")
		case !app.IsZero() && !role.role.App.IsZero() && role.role.App != app:
			p.add("roles", "application", "the role belongs to another application")
		case !a.From.IsZero() && !a.Until.IsZero() && !a.From.Before(a.Until):
			p.add("roles", "period", "ends before it begins")
		}
		seen[a.Role] = true
		isNew, prolongs := newRole(before, a)
		if !isNew {
			continue
		}
		if to == nil {
			if err := w.mayGrant(policy.set.Org.ID, role.masks); err != nil {
				return err
			}
			continue
		}
		if err := w.mayGrantTo(to, role.masks); err != nil {
			return err
		}
		if to.User == w.v.subject && prolongs {
			return &Error{Kind: ErrPermission, Field: "roles", Rule: "own_period", Permission: PermUserGrant}
		}
	}
	return nil
}

// extends reports whether an assignment from..until is not covered by one that
// is there already.
func extends(from, until, oldFrom, oldUntil time.Time) bool {
	covered := !from.Before(oldFrom) && (oldUntil.IsZero() || !until.IsZero() && !until.After(oldUntil))
	return !covered
}

// newRole reports whether a gives a role that is not held, or for longer; own is
// set if it is held for a shorter time: nobody prolongs that for themselves.
func newRole(before []RoleAssignment, a RoleAssignment) (isNew, prolongs bool) {
	for _, b := range before {
		if b.Role == a.Role {
			longer := extends(a.From, a.Until, b.From, b.Until)
			return longer, longer
		}
	}
	return true, false
}

func newTeam(before []TeamAssignment, a TeamAssignment) (isNew, prolongs bool) {
	for _, b := range before {
		if b.Team == a.Team {
			longer := extends(a.From, a.Until, b.From, b.Until)
			return longer, longer
		}
	}
	return true, false
}

// mayGrantTo is the subset rule for what a member gets.
func (w *work) mayGrantTo(m *Membership, masks []authz.Mask) error {
	if err := w.mayGrant(m.Org, masks); err != nil {
		return err
	}
	var teams []TeamID
	for _, t := range m.Teams {
		teams = append(teams, t.Team)
	}
	return w.reaches(m, teams, m.Units, masks)
}

// reaches refuses rights that reach farther than the actor's own. A scope that is
// relative to teams or units reaches as far as the holder's: where the actor does
// not hold it for the whole organization (in another one: for all of them), the
// holder's teams must lie in the actor's hierarchy and the units in the actor's
// divisions; of the actor's own ones, within what the actor reaches by that very scope.
func (w *work) reaches(m *Membership, teams []TeamID, units []UnitID, masks []authz.Mask) error {
	const byTeam, byUnit, wide = authz.Team | authz.Subteams, authz.Unit | authz.Division, authz.Organization | authz.System
	refused := func(n int) error {
		return &Error{Kind: ErrPermission, Rule: "exceeds_own_scope", Permission: Permission(w.v.cat.At(n).Name)}
	}
	for n, mask := range masks {
		held := w.heldIn(n, m.Org)
		if held&wide != 0 || mask&(byTeam|byUnit) == 0 {
			continue
		}
		if m.User != w.v.subject {
			held = byTeam | byUnit
		}
		if mask&byTeam != 0 {
			for _, t := range teams {
				if !authz.Reaches(&w.v.rights.Subject, held&byTeam, authz.ID(m.Org), authz.ID{}, []UnitID(nil), []TeamID{t}) {
					return refused(n)
				}
			}
		}
		if mask&byUnit != 0 {
			for _, u := range units {
				if !authz.Reaches(&w.v.rights.Subject, held&byUnit, authz.ID(m.Org), authz.ID{}, []UnitID{u}, []TeamID(nil)) {
					return refused(n)
				}
			}
		}
	}
	return nil
}

// accessOf returns the access entries of a user, of which one who is being made
// has none.
func (w *work) accessOf(ctx context.Context, u *User, org OrgID) ([]AccessEntry, error) {
	if u.Version == 0 {
		return nil, nil
	}
	return w.tx.AccessOf(ctx, u.ID, org)
}

// reachesWith checks what a member already has, in all applications, against
// teams and units that are added.
func (w *work) reachesWith(ctx context.Context, policy *orgPolicy, trees *orgTrees, u *User, m *Membership, access []ApplicationAccess, teams []TeamID, units []UnitID) error {
	entries, err := w.accessOf(ctx, u, m.Org)
	if err != nil {
		return err
	}
	for _, a := range access {
		entries = append(entries, AccessEntry{Application: a.Application, Roles: a.Roles})
	}
	org := compiledOrg{policy, trees}
	return w.reaches(m, teams, units, org.masksOf(org.everywhere(holding{membership: m, access: entries}, w.now)))
}

// checkPlaces checks teams and units: that they exist in the organization, that
// what is added lies within the actor's scope, and that the roles which the
// added teams bring do not exceed the actor's rights.
func (w *work) checkPlaces(ctx context.Context, u *User, before, m *Membership, access []ApplicationAccess, policy *orgPolicy, trees *orgTrees, perm Permission, p *problems) error {
	var now, join []TeamID
	for _, t := range m.Teams {
		if _, ok := trees.teams.Position(authz.ID(t.Team)); !ok {
			p.add("teams", "unknown", "no such team in the organization")
			continue
		}
		if slices.Contains(now, t.Team) {
			p.add("teams", "twice", "the same team twice")
		}
		now = append(now, t.Team)
		isNew, prolongs := newTeam(before.Teams, t)
		if isNew {
			join = append(join, t.Team)
		}
		if prolongs && m.User == w.v.subject {
			return &Error{Kind: ErrPermission, Field: "teams", Rule: "own_period", Permission: perm}
		}
	}
	switch {
	case m.PrimaryTeam.IsZero():
		p.add("primary_team", "required", "every member has a primary team")
	case !inTeam(m.Teams, m.PrimaryTeam):
		p.add("primary_team", "not_a_team", "is not one of the teams")
	}
	for _, t := range m.Teams {
		if t.Team == m.PrimaryTeam && (!t.From.IsZero() || !t.Until.IsZero()) {
			p.add("primary_team", "period", "the primary team is for good")
		}
	}
	for _, id := range m.Units {
		if _, ok := trees.units.Position(authz.ID(id)); !ok {
			p.add("units", "unknown", "no such business unit in the organization")
		}
	}
	if p.err() != nil {
		return nil // the scope of what does not exist is nothing to speak of
	}
	var owner []UnitID
	if u.Org == m.Org {
		owner = []UnitID{u.OwnerUnit}
	}
	if err := w.teamsInScope(perm, m.Org, owner, join); err != nil {
		return err
	}
	if err := w.mayBring(compiledOrg{policy, trees}, join); err != nil {
		return err
	}
	units := added(before.Units, m.Units)
	for _, id := range units {
		if err := w.unitInScope(perm, &BusinessUnit{ID: id, Org: m.Org}); err != nil {
			return &Error{Kind: ErrPermission, Field: "units", Rule: "out_of_scope", Permission: perm}
		}
	}
	if len(join)+len(units) == 0 {
		return nil
	}
	return w.reachesWith(ctx, policy, trees, u, m, access, join, units)
}

// mayBring is the subset rule for the roles that teams bring to who joins them.
func (w *work) mayBring(org compiledOrg, teams []TeamID) error {
	for _, e := range org.policy.teamEntries(teams, org.trees) {
		for _, a := range e.Roles {
			if r := org.policy.roles[a.Role]; r != nil {
				if err := w.mayGrant(org.policy.set.Org.ID, r.masks); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
