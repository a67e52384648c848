package usermgmt

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt/internal/canon"
)

// Audit verbs of this file.
const (
	verbBootstrap  = "system.bootstrap"
	verbBreakGlass = "system.break_glass"
)

// BootstrapRequest describes the beginning of an installation.
type BootstrapRequest struct {
	// Organization is the first one; it becomes the provider organization.
	Organization NewOrganization
	// Administrator is the first user. Profile, teams, units and licence are
	// set by Bootstrap: the System Administrator profile, the root team, the
	// main unit. A password is required.
	Administrator NewUser
}

// Bootstrapped is what an installation begins with.
type Bootstrapped struct {
	CreatedOrganization
	Administrator User
	// AdministratorRole is the system-wide role that the first user holds.
	AdministratorRole Role
}

// Bootstrap makes the shipped access profiles, the first organization with its
// root team and main unit, and its root administrator. It succeeds exactly once
// in the life of a store, under any number of parallel callers.
//
// Bootstrap is atomic. It records "system.bootstrap".
//
// Errors: [ErrConflict] with the Rule "done" ever after; [ErrInvalid];
// [ErrNotConfigured] on a bound manager.
func (m *Manager) Bootstrap(ctx context.Context, req BootstrapRequest) (*Bootstrapped, error) {
	const op = "Bootstrap"
	if m.bound {
		return nil, withOp(op, errBound())
	}
	now := m.now()
	admin := req.Administrator
	draft := admin.user(now)
	if admin.Password == "" {
		return nil, withOp(op, invalid("password", "required", "the first administrator needs a password"))
	}
	org := Organization{Name: req.Organization.Name, Policy: req.Organization.Policy}
	hash, err := m.newPassword(ctx, &draft, &org, admin.Password, "", "")
	if err != nil {
		return nil, withOp(op, err)
	}
	system, err := m.SystemActor("bootstrap", OrgID{}, Grant{"*.*", ScopeSystem})
	if err != nil {
		return nil, withOp(op, err)
	}
	operation := newID[Operation]()
	var out *Bootstrapped
	err = m.store.Tx(ctx, func(ctx context.Context, tx Store) error {
		if err := tx.ClaimBootstrap(ctx, now); err != nil {
			return err
		}
		v := *system.v
		v.door = DoorBootstrap
		w := &work{m: m, tx: tx, v: &v, now: now, op: operation, verb: verbBootstrap}
		profiles, err := w.shipProfiles(ctx)
		if err != nil {
			return err
		}
		created, err := w.createOrg(ctx, req.Organization, true)
		if err != nil {
			return err
		}
		role := Role{ID: newID[Role](), Name: "Administrator", Description: "Everything in the organization.",
			Grants: []Grant{{"*.*", ScopeOrganization}}, CreatedAt: now, UpdatedAt: now}
		if err := w.saveRole(ctx, &role, nil); err != nil {
			return err
		}
		u := draft
		u.Enabled, u.OwnerUnit = true, created.MainUnit.ID
		place := NewMembership{Profile: profiles[ProfileSystemAdministrator], Roles: []RoleAssignment{{Role: role.ID}},
			PrimaryTeam: created.RootTeam.ID, Units: []UnitID{created.MainUnit.ID}}
		var p problems
		if err := w.createUser(ctx, &u, &place, entrance{hash: hash, mustChange: admin.MustChange}, &p); err != nil {
			return err
		}
		o := created.Organization
		o.PrimaryAdmin = u.ID
		if err := tx.SaveOrg(ctx, o); err != nil {
			return err
		}
		o.Version++
		created.Organization = o
		out = &Bootstrapped{*created, u, role}
		return w.flush(ctx)
	})
	return out, failed(op, operation, err)
}

// shipProfiles stores the shipped profiles and returns their identifiers.
func (w *work) shipProfiles(ctx context.Context) (map[string]ProfileID, error) {
	ids := make(map[string]ProfileID)
	for _, f := range shippedProfiles() {
		var p problems
		f.ID, f.Shipped, f.CreatedAt, f.UpdatedAt = newID[AccessProfile](), true, w.now, w.now
		p.key("name", f.Name, &f.NameKey, canon.Name)
		f.Grants = normalizeGrants(w.v.cat, "grants", f.Grants, &p)
		if err := p.err(); err != nil {
			return nil, err
		}
		if err := w.tx.SaveProfile(ctx, f); err != nil {
			return nil, err
		}
		ids[f.Name] = f.ID
	}
	return ids, w.tx.BumpStamps(ctx, OrgID{}, false)
}

// BreakGlass gets a locked-out installation going again, for whoever holds the
// store: it enables and activates the user, sets the password, demands a new
// one at the first login, and makes the user an administrator of the home
// organization, in the root team. A second factor is taken away. A seat is not needed. It takes no Actor;
// protect the code that calls it like the database itself.
//
// BreakGlass is atomic. It records "system.break_glass" with the reason, and
// mails a notice to the user.
//
// Errors: [ErrNotFound], [ErrInvalid] without a reason or for the password,
// [ErrConflict] for services, reserved users and users without a membership.
func (m *Manager) BreakGlass(ctx context.Context, reason string, user UserID, password string) error {
	const op = "BreakGlass"
	if m.bound {
		return withOp(op, errBound())
	}
	if reason == "" {
		return withOp(op, invalid("reason", "required", "say why"))
	}
	acc, err := m.store.AccountByID(ctx, user)
	if err != nil {
		return withOp(op, err)
	}
	if err := m.notDirectory(&acc.User, "user"); err != nil { // a password would not let them in
		return withOp(op, err)
	}
	org, err := m.store.OrgByID(ctx, acc.User.Org)
	if err != nil {
		return withOp(op, err)
	}
	hash, err := m.newPassword(ctx, &acc.User, &org, password, "", "")
	if err != nil {
		return withOp(op, err)
	}
	system, err := m.SystemActor(reason, OrgID{}, Grant{"*.*", ScopeSystem})
	if err != nil {
		return withOp(op, err)
	}
	now := m.now()
	operation := newID[Operation]()
	err = m.store.Tx(ctx, func(ctx context.Context, tx Store) error {
		v := *system.v
		v.door = DoorBootstrap
		w := &work{m: m, tx: tx, v: &v, now: now, op: operation, verb: verbBreakGlass}
		return w.breakGlass(ctx, &acc, hash)
	})
	return failed(op, operation, err)
}

func (w *work) breakGlass(ctx context.Context, acc *Account, hash string) error {
	u, err := w.tx.UserByID(ctx, acc.User.ID)
	if err != nil {
		return err
	}
	if u.Kind == KindService || u.Reserved {
		return conflict("user", "not_interactive", "services and reserved users do not log in")
	}
	mem, err := w.tx.MembershipOf(ctx, u.ID, u.Org)
	if err != nil {
		if isNotFound(err) {
			return conflict("user", "no_membership", "the user is no member of the home organization")
		}
		return err
	}
	profile, err := w.tx.ProfileByName(ctx, OrgID{}, fold(ProfileAdministrator))
	if err != nil {
		return err
	}
	org, err := w.tx.OrgByID(ctx, u.Org)
	if err != nil {
		return err
	}
	current, err := w.tx.ProfileByID(ctx, mem.Profile)
	if err != nil {
		return err
	}
	before := membershipFields(&mem)
	mem.Enabled = true
	if !current.Administrator {
		mem.Profile = profile.ID
	}
	if !inTeam(mem.Teams, org.RootTeam) {
		mem.Teams = append(mem.Teams, TeamAssignment{Team: org.RootTeam})
	}
	mem.UpdatedAt = w.now
	if err := w.tx.SaveMembership(ctx, mem); err != nil {
		return err
	}
	u.Enabled, u.DeactivatedAt = true, time.Time{}
	if err := w.saveUser(ctx, u); err != nil {
		return err
	}
	if err := w.tx.ClearAttempts(ctx, u.ID, time.Time{}); err != nil {
		return err
	}
	if _, err := w.tx.EndSessions(ctx, u.ID, OrgID{}, SessionID{}, w.now, "break glass"); err != nil {
		return err
	}
	if acc.Factor {
		if err := w.tx.DeleteFactor(ctx, acc.User.ID); err != nil {
			return err
		}
	}
	if _, err := w.storePassword(ctx, acc, hash, true); err != nil {
		return err
	}
	w.record(before, membershipFields(&mem))
	return w.flush(ctx)
}
