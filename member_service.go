package usermgmt

import (
	"context"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Members manages the places of users in organizations: the access settings.
// [Manager.Members] returns it.
type Members struct{ m *Manager }

// Members returns the service that manages memberships.
func (m *Manager) Members() *Members { return &Members{m} }

// Audit verbs of memberships.
const (
	verbMemberAdd    = "membership.add"
	verbMemberUpdate = "membership.update"
	verbMemberEnd    = "membership.end"
)

var licenceWord = regexp.MustCompile(`^[a-z0-9_-]{1,64}$`)

// into fills a membership that w makes.
func (n *NewMembership) into(m *Membership, w *work) {
	m.Profile, m.PrimaryTeam, m.InitialApp = n.Profile, n.PrimaryTeam, n.InitialApp
	m.Roles, m.Teams, m.Units = slices.Clone(n.Roles), slices.Clone(n.Teams), slices.Clone(n.Units)
	m.Licence = n.Licence
	if m.Licence == "" {
		m.Licence = LicencePlatform
	}
	if !m.PrimaryTeam.IsZero() && !inTeam(m.Teams, m.PrimaryTeam) {
		m.Teams = append(m.Teams, TeamAssignment{Team: m.PrimaryTeam})
	}
	w.setOwn(m, SettingTimeZone, n.TimeZone)
	w.setOwn(m, SettingDateFormat, n.DateFormat)
}

func inTeam(teams []TeamAssignment, t TeamID) bool {
	return slices.ContainsFunc(teams, func(a TeamAssignment) bool { return a.Team == t })
}

// withAccess adds the access entries that a new membership brings along.
func withAccess(fields map[string]string, access []ApplicationAccess) map[string]string {
	for _, a := range access {
		e := accessFields(&AccessEntry{Application: a.Application, Roles: a.Roles})
		fields["access."+e["application"]] = e["access_roles"]
	}
	return fields
}

// membershipFields are a membership's fields as audit entries hold them.
func membershipFields(m *Membership) map[string]string {
	out := map[string]string{
		"membership_enabled": strconv.FormatBool(m.Enabled), "profile": m.Profile.String(),
		"primary_team": m.PrimaryTeam.String(), "licence": string(m.Licence), "seat": strconv.FormatBool(m.Seat),
		"initial_application": m.InitialApp.String(),
	}
	var roles, teams, units []string
	for _, r := range m.Roles {
		roles = append(roles, r.Role.String()+period(r.From, r.Until))
	}
	for _, t := range m.Teams {
		teams = append(teams, t.Team.String()+period(t.From, t.Until))
	}
	for _, u := range m.Units {
		units = append(units, u.String())
	}
	slices.Sort(roles)
	slices.Sort(teams)
	slices.Sort(units)
	out["roles"], out["teams"], out["units"] = strings.Join(roles, " "), strings.Join(teams, " "), strings.Join(units, " ")
	for k, v := range m.Settings {
		out["setting."+k] = v.Value
	}
	for name, value := range m.Custom {
		out[customPrefix+name] = value
	}
	return out
}

func period(from, until time.Time) string {
	if from.IsZero() && until.IsZero() {
		return ""
	}
	text := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(time.RFC3339)
	}
	return "[" + text(from) + "," + text(until) + ")"
}

// insertMembership claims the seat and stores the membership with its access
// entries.
func (w *work) insertMembership(ctx context.Context, u *User, m *Membership, access []ApplicationAccess) error {
	if needsSeat(u) && u.DeactivatedAt.IsZero() && !m.Seat { // an invitation has reserved it
		if err := w.tx.ClaimSeats(ctx, m.Org, m.Licence, 1); err != nil {
			return err
		}
		m.Seat = true
	}
	if err := w.tx.SaveMembership(ctx, *m); err != nil {
		return err
	}
	m.Version = 1
	for _, acc := range access {
		e := AccessEntry{ID: newID[AccessEntry](), Org: m.Org, Application: acc.Application, User: u.ID,
			Roles: acc.Roles, CreatedAt: w.now, UpdatedAt: w.now}
		if err := w.tx.SaveAccess(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// Add makes a user a member of another organization.
//
// The actor needs [PermUserMembership] there with a scope that covers the
// given teams, and must be allowed to see the user: a person of a foreign
// organization is added by an actor of scope System, or joins by accepting an
// invitation. The subset rule holds as for [Users.Create]. A seat is taken.
//
// Add is atomic. It records "membership.add".
//
// Errors: [ErrNotFound], [ErrPermission], [ErrInvalid], [ErrConflict] if there
// is one already, [ErrLimit] without a free seat.
func (s *Members) Add(ctx context.Context, a Actor, user UserID, org OrgID, n NewMembership) (*Membership, error) {
	var out *Membership
	err := s.m.change(ctx, a, "Members.Add", verbMemberAdd, func(ctx context.Context, w *work) error {
		u, err := w.tx.UserByID(ctx, user)
		if err != nil {
			return err
		}
		w.on("user", user, org, u.DisplayName())
		home, err := w.m.userRecord(ctx, w.tx, w.v, &u)
		if err != nil {
			return err
		}
		if !w.v.sees(PermUserView, home) {
			return &Error{Kind: ErrNotFound, hidden: true}
		}
		if _, err := w.tx.OrgByID(ctx, org); err != nil {
			return err
		}
		m := Membership{User: user, Org: org, Enabled: true, Rights: firstStamp(), CreatedAt: w.now, UpdatedAt: w.now}
		n.into(&m, w)
		if !w.v.can(PermUserMembership, recordOf(&u, &m, org, w.now)) {
			if org != w.v.org && !w.v.can(PermOrgView, &Record{Org: org}) {
				return &Error{Kind: ErrNotFound, hidden: true} // as if there were no such organization
			}
			return &Error{Kind: ErrPermission, Permission: PermUserMembership}
		}
		if u.Reserved {
			return &Error{Kind: ErrPermission, Rule: "reserved", Permission: PermUserMembership}
		}
		if err := u.stillThere(); err != nil {
			return err
		}
		var p problems
		w.remember()
		set, err := w.customOf(ctx, org)
		if err != nil {
			return err
		}
		m.Custom = n.Custom
		w.customOfMember(set, &u, nil, &m, true, &p)
		if err := w.checkMembership(ctx, &u, nil, &m, n.Access, PermUserMembership, &p); err != nil {
			return err
		}
		if err := p.err(); err != nil {
			return err
		}
		if _, err := w.tx.MembershipOf(ctx, user, org); !isNotFound(err) {
			if err == nil {
				err = conflict("user", "taken", "is a member already")
			}
			return err
		}
		if err := w.insertMembership(ctx, &u, &m, n.Access); err != nil {
			return err
		}
		w.record(nil, withAccess(membershipFields(&m), n.Access))
		out = &m
		return w.m.WithStore(w.tx).presentIn(ctx, w.v, out)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// MembershipUpdate changes a membership; nil leaves a part alone.
type MembershipUpdate struct {
	Enabled              *bool
	Profile              *ProfileID
	Roles                *[]RoleAssignment
	Teams                *[]TeamAssignment
	PrimaryTeam          *TeamID // joins it and moves the mark; the old one stays a team
	Units                *[]UnitID
	Licence              *LicenceType
	InitialApp           *ApplicationID
	TimeZone, DateFormat *string
	// Custom sets values of the organization's custom fields, by name, and takes
	// one away where it is empty; fields that it does not name stay.
	Custom map[string]string
}

func (c *MembershipUpdate) empty() bool { return reflect.ValueOf(*c).IsZero() }

func (c *MembershipUpdate) apply(m *Membership, w *work) {
	set(&m.Enabled, c.Enabled)
	set(&m.Profile, c.Profile)
	set(&m.Licence, c.Licence)
	set(&m.InitialApp, c.InitialApp)
	set(&m.PrimaryTeam, c.PrimaryTeam)
	if c.Roles != nil {
		m.Roles = slices.Clone(*c.Roles)
	}
	if c.Teams != nil {
		m.Teams = slices.Clone(*c.Teams)
	}
	if c.Units != nil {
		m.Units = slices.Clone(*c.Units)
	}
	if c.PrimaryTeam != nil && !c.PrimaryTeam.IsZero() && !inTeam(m.Teams, *c.PrimaryTeam) {
		m.Teams = append(m.Teams, TeamAssignment{Team: *c.PrimaryTeam})
	}
	if c.TimeZone != nil {
		w.setOwn(m, SettingTimeZone, *c.TimeZone)
	}
	if c.DateFormat != nil {
		w.setOwn(m, SettingDateFormat, *c.DateFormat)
	}
	m.Custom = merged(m.Custom, c.Custom)
}

// rights reports whether c changes what a member may do, and places whether it
// changes teams, units or the enabled flag.
func (c *MembershipUpdate) rights() bool { return c.Profile != nil || c.Roles != nil }

func (c *MembershipUpdate) places() bool {
	return c.Enabled != nil || c.Teams != nil || c.PrimaryTeam != nil || c.Units != nil || c.Licence != nil
}

// Update changes a membership, if version is the stored one. The zero org is
// the actor's.
//
// Profile and roles need [PermUserGrant], teams, units, licence and the enabled
// flag [PermUserMembership], all on the user as a member of the organization;
// the initial application, time zone and date format need either, or
// [PermUserEditProfile] on oneself; custom fields need [PermUserEdit], or
// [PermUserEditProfile] on oneself for those with [CustomField].Own. Whatever is added lies within the actor's
// scope and rights; removing is always allowed, except the last role, the
// primary team, and the last active administrator. Nobody changes their own
// profile, roles, teams or units upward: the subset rule sees to that.
//
// Update is atomic; the new rights hold from the next verification or change.
// It records "membership.update".
//
// Errors: [ErrNotFound], [ErrPermission], [ErrStale], [ErrInvalid],
// [ErrConflict] with the Rule "last_administrator", [ErrLimit] without a free
// seat of a new licence type.
func (s *Members) Update(ctx context.Context, a Actor, user UserID, org OrgID, version int64, c MembershipUpdate) (*Membership, error) {
	var out *Membership
	err := s.m.change(ctx, a, "Members.Update", verbMemberUpdate, func(ctx context.Context, w *work) error {
		mem, err := w.changeableMember(ctx, user, org, &c)
		if err != nil {
			return err
		}
		if mem.Membership.Version != version {
			return &Error{Kind: ErrStale, Field: "version"}
		}
		if out, err = w.updateMembership(ctx, mem, &c); err != nil {
			return err
		}
		return w.m.WithStore(w.tx).presentIn(ctx, w.v, out)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// updateMembership is [Members.Update] inside a change, on a member to whom
// the actor may apply c.
func (w *work) updateMembership(ctx context.Context, mem *Member, c *MembershipUpdate) (*Membership, error) {
	if err := mem.User.stillThere(); err != nil {
		return nil, err
	}
	before := mem.Membership
	m := mem.Membership
	m.Settings = maps.Clone(m.Settings)
	c.apply(&m, w)
	var p problems
	if len(c.Custom) > 0 {
		set, err := w.customOf(ctx, m.Org)
		if err != nil {
			return nil, err
		}
		w.customOfMember(set, &mem.User, before.Custom, &m, false, &p)
	}
	if err := w.checkMembership(ctx, &mem.User, &before, &m, nil, PermUserMembership, &p); err != nil {
		return nil, err
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	if m.Profile != before.Profile || before.Enabled && !m.Enabled {
		if err := w.losesAdministrator(ctx, &m); err != nil {
			return nil, err
		}
	}
	if m.Licence != before.Licence && m.Seat {
		if err := w.tx.ClaimSeats(ctx, m.Org, m.Licence, 1); err != nil {
			return nil, err
		}
		if err := w.tx.ClaimSeats(ctx, m.Org, before.Licence, -1); err != nil {
			return nil, err
		}
	}
	if before.Enabled && !m.Enabled {
		if _, err := w.tx.EndSessions(ctx, m.User, m.Org, SessionID{}, w.now, "membership disabled"); err != nil {
			return nil, err
		}
	}
	m.Rights++
	m.UpdatedAt = w.now
	if err := w.tx.SaveMembership(ctx, m); err != nil {
		return nil, err
	}
	if err := w.saveOwn(ctx, &before, &m); err != nil {
		return nil, err
	}
	m.Version++
	w.record(membershipFields(&before), membershipFields(&m))
	return &m, nil
}

// changeableMember loads a member to whom the actor may apply c.
func (w *work) changeableMember(ctx context.Context, user UserID, org OrgID, c *MembershipUpdate) (*Member, error) {
	if org.IsZero() {
		org = w.v.org
	}
	mem, r, err := w.member(ctx, user, org)
	if err != nil {
		return nil, err
	}
	if mem.User.Reserved {
		return nil, &Error{Kind: ErrPermission, Rule: "reserved", Permission: PermUserMembership}
	}
	if c.rights() {
		if err := w.need(PermUserGrant, PermUserView, r); err != nil {
			return nil, err
		}
	}
	if c.places() {
		if err := w.need(PermUserMembership, PermUserView, r); err != nil {
			return nil, err
		}
	}
	if len(c.Custom) > 0 {
		if err := w.mayCustom(ctx, user, r, c.Custom); err != nil {
			return nil, err
		}
		if c.TimeZone == nil && c.DateFormat == nil && c.InitialApp == nil {
			return mem, nil
		}
	}
	if !c.rights() && !c.places() && !(user == w.v.subject && w.v.can(PermUserEditProfile, r)) && !w.v.can(PermUserGrant, r) {
		if err := w.need(PermUserMembership, PermUserView, r); err != nil {
			return nil, err
		}
	}
	return mem, nil
}

// mayCustom checks that the actor may change the values of a member.
func (w *work) mayCustom(ctx context.Context, user UserID, r *Record, changes map[string]string) error {
	if user == w.v.subject && w.v.can(PermUserEditProfile, r) {
		set, err := w.customOf(ctx, r.Org)
		if err != nil {
			return err
		}
		if set.ownOnly(changes) {
			return nil
		}
	}
	return w.need(PermUserEdit, PermUserView, r)
}

// losesAdministrator refuses a change after which the organization has no
// active administrator.
func (w *work) losesAdministrator(ctx context.Context, m *Membership) error {
	profile, err := w.tx.ProfileByID(ctx, m.Profile)
	if err != nil {
		return err
	}
	if profile.Administrator && m.Enabled {
		return nil
	}
	return w.keepAdministrator(ctx, m.User, m.Org)
}

// End ends a membership, and in the same transaction everything in it: roles,
// application access, units, teams, API key, sessions, proxy list and seat. The
// zero org is the actor's. The home membership can be ended too; the user then
// cannot log in there.
//
// The actor needs [PermUserMembership] on the user as a member of the
// organization. Not the last active administrator.
//
// End records "membership.end".
//
// Errors: [ErrNotFound], [ErrPermission], [ErrConflict].
func (s *Members) End(ctx context.Context, a Actor, user UserID, org OrgID) error {
	return s.m.change(ctx, a, "Members.End", verbMemberEnd, func(ctx context.Context, w *work) error {
		enabled := false
		mem, err := w.changeableMember(ctx, user, org, &MembershipUpdate{Enabled: &enabled})
		if err != nil {
			return err
		}
		m := &mem.Membership
		if err := w.keepAdministrator(ctx, user, m.Org); err != nil {
			return err
		}
		if m.Seat {
			if err := w.tx.ClaimSeats(ctx, m.Org, m.Licence, -1); err != nil {
				return err
			}
		}
		if err := w.tx.DeleteMembership(ctx, user, m.Org, w.now); err != nil {
			return err
		}
		w.record(membershipFields(m), nil)
		return nil
	})
}
