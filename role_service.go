package usermgmt

import (
	"context"
	"slices"

	"github.com/usermgmt/usermgmt/internal/authz"
	"github.com/usermgmt/usermgmt/internal/canon"
)

// Roles manages roles. [Manager.Roles] returns it.
type Roles struct{ m *Manager }

// Roles returns the service that manages roles.
func (m *Manager) Roles() *Roles { return &Roles{m} }

// Audit verbs of roles.
const (
	verbRoleCreate = "role.create"
	verbRoleUpdate = "role.update"
	verbRoleDelete = "role.delete"
)

// NewRole describes a role to make.
type NewRole struct {
	// Org owns the role; zero makes a system-wide one, for which the actor needs
	// scope System.
	Org OrgID
	// App limits the role to one application.
	App         ApplicationID
	Name        string
	Description string
	// Grants hold only what the actor holds (the subset rule).
	Grants []Grant
}

// Create makes a role.
//
// The actor needs [PermRoleCreate] in the organization.
//
// Create is atomic. It records "role.create".
//
// Errors: [ErrNotFound] for an organization that the actor may not see,
// [ErrPermission], [ErrInvalid], [ErrConflict] for a taken name.
func (s *Roles) Create(ctx context.Context, a Actor, n NewRole) (*Role, error) {
	var out *Role
	id := newID[Role]()
	err := s.m.change(ctx, a, "Roles.Create", verbRoleCreate, func(ctx context.Context, w *work) error {
		r := Role{ID: id, Org: n.Org, App: n.App, Name: n.Name, Description: n.Description, Grants: n.Grants,
			CreatedAt: w.now, UpdatedAt: w.now}
		w.on("role", r.ID, r.Org, r.Name)
		if err := w.v.needIn(PermRoleCreate, r.Org); err != nil {
			return err
		}
		if err := w.saveRole(ctx, &r, nil); err != nil {
			return err
		}
		out = &r
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// saveRole checks and stores a role.
func (w *work) saveRole(ctx context.Context, r, before *Role) error {
	var p problems
	p.key("name", r.Name, &r.NameKey, canon.Name)
	p.text("description", r.Description, 4000, true)
	r.Grants = normalizeGrants(w.v.cat, "grants", r.Grants, &p)
	if before == nil && !r.App.IsZero() {
		app, err := w.tx.ApplicationByID(ctx, r.App)
		switch {
		case isNotFound(err), err == nil && !app.Org.IsZero() && app.Org != r.Org:
			p.add("application", "unknown", "no such application in the organization")
		case err != nil:
			return err
		}
	}
	if err := p.err(); err != nil {
		return err
	}
	var old []Grant
	if before != nil {
		old = before.Grants
	}
	if err := w.mayRewrite(r.Org, old, r.Grants); err != nil {
		return err
	}
	if err := w.tx.SaveRole(ctx, *r); err != nil {
		return err
	}
	r.Version++
	fields := map[string]string(nil)
	if before != nil {
		fields = roleFields(before)
	}
	w.record(fields, roleFields(r))
	return w.tx.BumpStamps(ctx, r.Org, false)
}

// mayRewrite is the subset rule for a set of grants that is made or changed:
// what it had and what it gets must be held, unless it only loses.
func (w *work) mayRewrite(org OrgID, before, after []Grant) error {
	old := resolveGrants(w.v.cat, before, true)
	now := resolveGrants(w.v.cat, after, true)
	if authz.FirstMissing(old, now) < 0 && len(before) > 0 {
		return nil
	}
	if err := w.mayGrant(org, old); err != nil {
		return err
	}
	return w.mayGrant(org, now)
}

func roleFields(r *Role) map[string]string {
	out := map[string]string{"name": r.Name, "description": r.Description, "application": r.App.String()}
	for k, v := range grantFields(r.Grants) {
		out[k] = v
	}
	return out
}

func grantFields(grants []Grant) map[string]string {
	out := make(map[string]string, len(grants))
	for _, g := range grants {
		out["grant."+string(g.Permission)] = g.Scope.String()
	}
	return out
}

// RoleUpdate changes a role; nil leaves a part alone.
type RoleUpdate struct {
	Name, Description *string
	Grants            *[]Grant
}

// Update changes a role, if version is the stored one. What it grants holds
// from the next verification or change of its holders.
//
// The actor needs [PermRoleEdit] in the role's organization, and must hold all
// that the role grants, before and after; only taking grants away is always
// allowed.
//
// Update is atomic. It records "role.update".
//
// Errors: [ErrNotFound], [ErrPermission] with the Rule "exceeds_own_rights",
// [ErrStale], [ErrInvalid], [ErrConflict] for a taken name.
func (s *Roles) Update(ctx context.Context, a Actor, id RoleID, version int64, c RoleUpdate) (*Role, error) {
	var out *Role
	err := s.m.change(ctx, a, "Roles.Update", verbRoleUpdate, func(ctx context.Context, w *work) error {
		r, err := w.role(ctx, id, PermRoleEdit)
		if err != nil {
			return err
		}
		if r.Version != version {
			return &Error{Kind: ErrStale, Field: "version"}
		}
		before := *r
		set(&r.Name, c.Name)
		set(&r.Description, c.Description)
		set(&r.Grants, c.Grants)
		r.UpdatedAt = w.now
		if err := w.saveRole(ctx, r, &before); err != nil {
			return err
		}
		out = r
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// role loads a role that the call is about.
func (w *work) role(ctx context.Context, id RoleID, p Permission) (*Role, error) {
	r, err := w.tx.RoleByID(ctx, id)
	if err != nil {
		return nil, err
	}
	w.on("role", id, r.Org, r.Name)
	if r.Org.IsZero() && w.v.can(PermRoleView, &Record{Org: w.v.org}) && !w.v.can(p, &Record{}) {
		return nil, &Error{Kind: ErrPermission, Rule: "system_wide", Permission: p}
	}
	return &r, w.need(p, PermRoleView, &Record{Org: r.Org})
}

// Clone makes a copy of a role under another name, in the organization org
// (zero: system-wide). Rights and errors are those of [Roles.Create]; the actor
// must be able to see the role.
func (s *Roles) Clone(ctx context.Context, a Actor, id RoleID, org OrgID, name string) (*Role, error) {
	r, err := s.Get(ctx, a, id)
	if err != nil {
		return nil, err
	}
	return s.Create(ctx, a, NewRole{Org: org, App: r.App, Name: name, Description: r.Description, Grants: r.Grants})
}

// Delete deletes a role that nobody has and no access entry or sharing policy
// names. The actor needs [PermRoleDelete] and must hold all that it grants.
//
// It records "role.delete".
//
// Errors: [ErrNotFound], [ErrPermission], [ErrConflict] with the Rule "in_use".
func (s *Roles) Delete(ctx context.Context, a Actor, id RoleID) error {
	return s.m.change(ctx, a, "Roles.Delete", verbRoleDelete, func(ctx context.Context, w *work) error {
		r, err := w.role(ctx, id, PermRoleDelete)
		if err != nil {
			return err
		}
		if err := w.mayGrant(r.Org, resolveGrants(w.v.cat, r.Grants, true)); err != nil {
			return err
		}
		if err := w.tx.DeleteRole(ctx, id); err != nil {
			return err
		}
		w.record(roleFields(r), nil)
		return w.tx.BumpStamps(ctx, r.Org, false)
	})
}

// Get returns a role. The actor needs [PermRoleView] in its organization, or in
// the current one for a system-wide role. Errors: [ErrNotFound].
func (s *Roles) Get(ctx context.Context, a Actor, id RoleID) (*Role, error) {
	const op = "Roles.Get"
	v, err := s.m.read(a)
	if err != nil {
		return nil, withOp(op, err)
	}
	r, err := s.m.store.RoleByID(ctx, id)
	if err != nil {
		return nil, withOp(op, err)
	}
	if !v.seesShared(PermRoleView, r.Org) {
		return nil, withOp(op, &Error{Kind: ErrNotFound})
	}
	return &r, nil
}

// seesShared: what is system-wide is seen by whoever sees that of the current
// organization.
func (v *actorValue) seesShared(view Permission, org OrgID) bool {
	if org.IsZero() {
		org = v.org
	}
	return v.can(view, &Record{Org: org})
}

// List returns the roles offered in an organization: its own and the
// system-wide ones, in the order of their names. The zero org is the actor's.
// The actor needs [PermRoleView] there. Errors: [ErrPermission].
func (s *Roles) List(ctx context.Context, a Actor, org OrgID) ([]Role, error) {
	set, err := s.m.policySet(ctx, a, "Roles.List", &org, PermRoleView)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(set.Roles, func(a, b Role) int { return compareNamed(a.NameKey, b.NameKey, a.ID, b.ID) })
	return set.Roles, nil
}

// policySet reads the policy of an organization for an actor who may view p there.
func (m *Manager) policySet(ctx context.Context, a Actor, op string, org *OrgID, p Permission) (*PolicySet, error) {
	v, err := m.read(a)
	if err != nil {
		return nil, withOp(op, err)
	}
	if org.IsZero() {
		*org = v.org
	}
	if err := v.needIn(p, *org); err != nil {
		return nil, withOp(op, err)
	}
	set, err := m.store.Policy(ctx, *org)
	if err != nil {
		return nil, withOp(op, err)
	}
	return &set, nil
}

func compareNamed[E any](a, b string, x, y ID[E]) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return slices.Compare(x[:], y[:])
}
