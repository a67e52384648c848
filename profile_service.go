package usermgmt

import (
	"context"
	"slices"

	"github.com/usermgmt/usermgmt/internal/canon"
)

// Profiles manages access profiles. [Manager.Profiles] returns it.
type Profiles struct{ m *Manager }

// Profiles returns the service that manages access profiles.
func (m *Manager) Profiles() *Profiles { return &Profiles{m} }

// Audit verbs of access profiles.
const (
	verbProfileCreate = "profile.create"
	verbProfileUpdate = "profile.update"
	verbProfileDelete = "profile.delete"
)

// MaxIPRanges is how many address ranges a profile may have.
const MaxIPRanges = 25

// The names of the shipped access profiles. They are system-wide and made by
// [Manager.Bootstrap]. They cannot be changed, only cloned.
const (
	// ProfileSystemAdministrator holds everything everywhere. It counts as more
	// than ProfileAdministrator in the provider organization only.
	ProfileSystemAdministrator = "System Administrator"
	// ProfileAdministrator holds everything in the organization: AgileApps' root
	// administrator, OroCRM's Administrator.
	ProfileAdministrator = "Administrator"
	// ProfileTeamAdministrator holds the administration of users within the
	// permissions hierarchy, that is the own teams and those below.
	ProfileTeamAdministrator = "Team Administrator"
	// ProfileRegularUser holds what everybody needs for the own account.
	ProfileRegularUser = "Regular User"
	// ProfilePortalUser is for external people: the own account and no more.
	ProfilePortalUser = "Portal User"
)

// shippedProfiles are the shipped access profiles without their identifiers.
func shippedProfiles() []AccessProfile {
	h := ScopeHierarchy
	own := []Grant{{PermUserView, ScopeOwn}, {PermUserEditProfile, ScopeOwn}, {PermUserConfigure, ScopeOwn}}
	regular := append(slices.Clone(own), Grant{PermOrgView, ScopeOrganization}, Grant{"team.view", ScopeTeam},
		Grant{"personal.setup", ScopeOrganization}, Grant{PermAuditView, ScopeOwn})
	var team []Grant
	for _, p := range [...]Permission{
		PermUserCreate, PermUserEdit, PermUserEnable, PermUserDeactivate, PermUserUnlock, PermUserSetPassword,
		PermUserResetPassword, PermUserInvite,
		PermUserGrant, PermUserMembership, PermUserManageAPIKey, PermUserEndSessions, PermUserConfigure, PermUserEditProfile,
		PermUserImport, PermUserExport, PermTeamCreate, PermTeamEdit, PermTeamDelete,
		PermSharingView, PermSharingEdit, PermAuditView, PermProxyLogin, PermProxyConfigure,
	} {
		team = append(team, Grant{p, h})
	}
	// The hierarchy limits changing, never seeing (agileapps.md 1).
	team = append(team, Grant{PermUserView, ScopeOrganization}, Grant{PermTeamView, ScopeOrganization},
		Grant{PermOrgView, ScopeOrganization}, Grant{PermUnitView, ScopeOrganization},
		Grant{PermRoleView, ScopeOrganization}, Grant{PermProfileView, ScopeOrganization},
		Grant{PermApplicationView, ScopeOrganization}, Grant{PermGroupView, ScopeOrganization}, Grant{"personal.setup", ScopeOrganization},
		Grant{"record.change_team_owner", ScopeOrganization})
	return []AccessProfile{
		{Name: ProfileSystemAdministrator, Administrator: true, Grants: []Grant{{"*.*", ScopeSystem}},
			Description: "Everything in every organization, while in the provider organization."},
		{Name: ProfileAdministrator, Administrator: true, Grants: []Grant{{"*.*", ScopeOrganization}},
			Description: "Everything in the organization."},
		{Name: ProfileTeamAdministrator, Grants: team,
			Description: "Administration of users in the own teams and the teams below."},
		{Name: ProfileRegularUser, Grants: regular, Description: "The own account."},
		{Name: ProfilePortalUser, Grants: own, Description: "The own account of somebody from outside."},
	}
}

// NewProfile describes an access profile to make.
type NewProfile struct {
	// Org owns the profile; zero makes a system-wide one, for which the actor
	// needs scope System.
	Org         OrgID
	Name        string
	Description string
	Grants      []Grant
	// IPRanges are the addresses from which holders may get in; empty is
	// everywhere, at most [MaxIPRanges].
	IPRanges []IPRange
}

// Create makes an access profile.
//
// The actor needs [PermProfileCreate] in the organization and must hold all
// that the profile grants.
//
// Create is atomic. It records "profile.create".
//
// Errors: [ErrNotFound] for an organization that the actor may not see,
// [ErrPermission], [ErrInvalid], [ErrConflict] for a taken name.
func (s *Profiles) Create(ctx context.Context, a Actor, n NewProfile) (*AccessProfile, error) {
	var out *AccessProfile
	id := newID[AccessProfile]()
	err := s.m.change(ctx, a, "Profiles.Create", verbProfileCreate, func(ctx context.Context, w *work) error {
		f := AccessProfile{ID: id, Org: n.Org, Name: n.Name, Description: n.Description, Grants: n.Grants,
			IPRanges: slices.Clone(n.IPRanges), CreatedAt: w.now, UpdatedAt: w.now}
		w.on("profile", f.ID, f.Org, f.Name)
		if err := w.v.needIn(PermProfileCreate, f.Org); err != nil {
			return err
		}
		if err := w.saveProfile(ctx, &f, nil); err != nil {
			return err
		}
		out = &f
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// saveProfile checks and stores an access profile.
func (w *work) saveProfile(ctx context.Context, f, before *AccessProfile) error {
	var p problems
	p.key("name", f.Name, &f.NameKey, canon.Name)
	p.text("description", f.Description, 4000, true)
	f.Grants = normalizeGrants(w.v.cat, "grants", f.Grants, &p)
	if len(f.IPRanges) > MaxIPRanges {
		p.add("ip_ranges", "max_items", "at most 25 ranges")
	}
	for _, r := range f.IPRanges {
		if !r.From.IsValid() || !r.To.IsValid() || r.From.BitLen() != r.To.BitLen() || r.To.Less(r.From) || r.From.Zone() != "" || r.To.Zone() != "" {
			p.add("ip_ranges", "format", "a range goes from an address to one of the same family that is not before it")
		}
	}
	if err := p.err(); err != nil {
		return err
	}
	var old []Grant
	if before != nil {
		old = before.Grants
	}
	if err := w.mayRewrite(f.Org, old, f.Grants); err != nil {
		return err
	}
	if before != nil && !slices.Equal(f.IPRanges, before.IPRanges) { // they guard what it grants
		if err := w.mayGrant(f.Org, resolveGrants(w.v.cat, old, true)); err != nil {
			return err
		}
	}
	if err := w.tx.SaveProfile(ctx, *f); err != nil {
		return err
	}
	f.Version++
	fields := map[string]string(nil)
	if before != nil {
		fields = profileFields(before)
	}
	w.record(fields, profileFields(f))
	return w.tx.BumpStamps(ctx, f.Org, false)
}

func profileFields(f *AccessProfile) map[string]string {
	out := map[string]string{"name": f.Name, "description": f.Description}
	for k, v := range grantFields(f.Grants) {
		out[k] = v
	}
	for _, r := range f.IPRanges {
		out["ip_ranges"] += r.From.String() + "-" + r.To.String() + " "
	}
	return out
}

// ProfileUpdate changes an access profile; nil leaves a part alone.
type ProfileUpdate struct {
	Name, Description *string
	Grants            *[]Grant
	IPRanges          *[]IPRange
}

// Update changes an access profile, if version is the stored one. Rights and
// errors are those of [Roles.Update] with [PermProfileEdit]; shipped profiles
// are [ErrConflict] with the Rule "shipped". It records "profile.update".
func (s *Profiles) Update(ctx context.Context, a Actor, id ProfileID, version int64, c ProfileUpdate) (*AccessProfile, error) {
	var out *AccessProfile
	err := s.m.change(ctx, a, "Profiles.Update", verbProfileUpdate, func(ctx context.Context, w *work) error {
		f, err := w.profile(ctx, id, PermProfileEdit)
		if err != nil {
			return err
		}
		if f.Version != version {
			return &Error{Kind: ErrStale, Field: "version"}
		}
		before := *f
		set(&f.Name, c.Name)
		set(&f.Description, c.Description)
		set(&f.Grants, c.Grants)
		set(&f.IPRanges, c.IPRanges)
		f.IPRanges = slices.Clone(f.IPRanges)
		f.UpdatedAt = w.now
		if err := w.saveProfile(ctx, f, &before); err != nil {
			return err
		}
		out = f
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// profile loads an access profile that the call is about.
func (w *work) profile(ctx context.Context, id ProfileID, p Permission) (*AccessProfile, error) {
	f, err := w.tx.ProfileByID(ctx, id)
	if err != nil {
		return nil, err
	}
	w.on("profile", id, f.Org, f.Name)
	if f.Org.IsZero() && w.v.can(PermProfileView, &Record{Org: w.v.org}) && !w.v.can(p, &Record{}) {
		return nil, &Error{Kind: ErrPermission, Rule: "system_wide", Permission: p}
	}
	if err := w.need(p, PermProfileView, &Record{Org: f.Org}); err != nil {
		return nil, err
	}
	if f.Shipped {
		return nil, conflict("profile", "shipped", "shipped profiles can only be cloned")
	}
	return &f, nil
}

// Clone makes a copy of an access profile under another name, in the
// organization org (zero: system-wide). A copy of an administrators' profile
// grants the same but does not make administrators. Rights and errors are those
// of [Profiles.Create].
func (s *Profiles) Clone(ctx context.Context, a Actor, id ProfileID, org OrgID, name string) (*AccessProfile, error) {
	f, err := s.Get(ctx, a, id)
	if err != nil {
		return nil, err
	}
	return s.Create(ctx, a, NewProfile{Org: org, Name: name, Description: f.Description, Grants: f.Grants, IPRanges: f.IPRanges})
}

// Delete deletes an access profile that nobody has. The actor needs
// [PermProfileDelete] and must hold all that it grants. It records
// "profile.delete".
//
// Errors: [ErrNotFound], [ErrPermission], [ErrConflict] with the Rule "in_use"
// or "shipped".
func (s *Profiles) Delete(ctx context.Context, a Actor, id ProfileID) error {
	return s.m.change(ctx, a, "Profiles.Delete", verbProfileDelete, func(ctx context.Context, w *work) error {
		f, err := w.profile(ctx, id, PermProfileDelete)
		if err != nil {
			return err
		}
		if err := w.mayGrant(f.Org, resolveGrants(w.v.cat, f.Grants, true)); err != nil {
			return err
		}
		if err := w.tx.DeleteProfile(ctx, id); err != nil {
			return err
		}
		w.record(profileFields(f), nil)
		return w.tx.BumpStamps(ctx, f.Org, false)
	})
}

// Get returns an access profile. The actor needs [PermProfileView] in its
// organization, or in the current one for a system-wide profile.
// Errors: [ErrNotFound].
func (s *Profiles) Get(ctx context.Context, a Actor, id ProfileID) (*AccessProfile, error) {
	const op = "Profiles.Get"
	v, err := s.m.read(a)
	if err != nil {
		return nil, withOp(op, err)
	}
	f, err := s.m.store.ProfileByID(ctx, id)
	if err != nil {
		return nil, withOp(op, err)
	}
	if !v.seesShared(PermProfileView, f.Org) {
		return nil, withOp(op, &Error{Kind: ErrNotFound})
	}
	return &f, nil
}

// Shipped returns the shipped access profile with one of the names above.
// Rights and errors are those of [Profiles.Get].
func (s *Profiles) Shipped(ctx context.Context, a Actor, name string) (*AccessProfile, error) {
	const op = "Profiles.Shipped"
	v, err := s.m.read(a)
	if err != nil {
		return nil, withOp(op, err)
	}
	f, err := s.m.store.ProfileByName(ctx, OrgID{}, fold(name))
	if err != nil {
		return nil, withOp(op, err)
	}
	if !v.seesShared(PermProfileView, OrgID{}) {
		return nil, withOp(op, &Error{Kind: ErrNotFound})
	}
	return &f, nil
}

// List returns the access profiles offered in an organization: its own and the
// system-wide ones, in the order of their names. The zero org is the actor's.
// The actor needs [PermProfileView] there. Errors: [ErrPermission].
func (s *Profiles) List(ctx context.Context, a Actor, org OrgID) ([]AccessProfile, error) {
	set, err := s.m.policySet(ctx, a, "Profiles.List", &org, PermProfileView)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(set.Profiles, func(a, b AccessProfile) int { return compareNamed(a.NameKey, b.NameKey, a.ID, b.ID) })
	return set.Profiles, nil
}
