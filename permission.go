package usermgmt

import (
	"strings"

	"github.com/usermgmt/usermgmt/internal/authz"
)

// Permission names one right as "object.action", both lower-case words of
// a-z, 0-9 and _, such as "user.edit". The catalogue of a [Manager] says which
// exist; see [Object].
//
// In a [Grant] either part may be "*": "*.view" is a default for every object
// that the same role or profile does not mention for that action, and "*.*" for
// every permission it does not mention.
type Permission string

// Of returns the permission for a protected field of the record, such as
// "lead.view:salary"; see [Object.Fields].
func (p Permission) Of(field string) Permission { return p + ":" + Permission(field) }

// The permissions of this package's own objects. Hosts add theirs with
// [Config.Objects].
const (
	PermUserView          Permission = "user.view"            // see
	PermUserCreate        Permission = "user.create"          // make
	PermUserEdit          Permission = "user.edit"            // change
	PermUserAssign        Permission = "user.assign"          // change the owner unit
	PermUserEnable        Permission = "user.enable"          // enable and disable
	PermUserDeactivate    Permission = "user.deactivate"      // deactivate and reactivate
	PermUserUnlock        Permission = "user.unlock"          // the Activate button
	PermUserSetPassword   Permission = "user.set_password"    // OroCRM: Password management
	PermUserResetPassword Permission = "user.reset_password"  // by a link or a temporary password
	PermUserInvite        Permission = "user.invite"          // to a first password, or into the organization
	PermUserGrant         Permission = "user.grant"           // profile, roles, application access
	PermUserMembership    Permission = "user.membership"      // teams, units, joining and ending
	PermUserManageAPIKey  Permission = "user.manage_api_key"  // make, rotate and delete
	PermUserResetFactor   Permission = "user.reset_factor"    // take away a lost second factor
	PermUserEndSessions   Permission = "user.end_sessions"    // list and end
	PermUserConfigure     Permission = "user.configure"       // settings
	PermUserEditProfile   Permission = "user.edit_profile"    // OroCRM: Update own profile
	PermUserExport        Permission = "user.export"          // to a file
	PermUserImport        Permission = "user.import"          // from a file
	PermOrgView           Permission = "organization.view"    // see
	PermOrgCreate         Permission = "organization.create"  // only system-wide
	PermOrgEdit           Permission = "organization.edit"    // change
	PermOrgDisable        Permission = "organization.disable" // only system-wide
	PermUnitView          Permission = "unit.view"            // see
	PermUnitCreate        Permission = "unit.create"          // make
	PermUnitEdit          Permission = "unit.edit"            // change
	PermUnitDelete        Permission = "unit.delete"          // delete
	PermTeamView          Permission = "team.view"            // see
	PermTeamCreate        Permission = "team.create"          // make
	PermTeamEdit          Permission = "team.edit"            // change
	PermTeamDelete        Permission = "team.delete"          // delete
	PermSharingView       Permission = "sharing.view"         // team data sharing policies
	PermSharingEdit       Permission = "sharing.edit"         // make, change and delete them
	PermRoleView          Permission = "role.view"            // see
	PermRoleCreate        Permission = "role.create"          // make
	PermRoleEdit          Permission = "role.edit"            // change
	PermRoleDelete        Permission = "role.delete"          // delete
	PermProfileView       Permission = "profile.view"         // see
	PermProfileCreate     Permission = "profile.create"       // make
	PermProfileEdit       Permission = "profile.edit"         // change
	PermProfileDelete     Permission = "profile.delete"       // delete
	PermApplicationView   Permission = "application.view"     // see
	PermApplicationManage Permission = "application.manage"   // make, change and delete
	PermPolicyEdit        Permission = "policy.edit"          // password and session policy
	PermSettingEdit       Permission = "setting.edit"         // settings of organizations, and with scope System of the system
	PermExportMarks       Permission = "export.mark"          // which fields an export holds
	PermLicenceView       Permission = "licence.view"         // see
	PermLicenceManage     Permission = "licence.manage"       // pool sizes; only system-wide
	PermAuditView         Permission = "audit.view"           // see
	PermUserErase         Permission = "user.erase"           // for good
	PermUserReport        Permission = "user.report"          // everything held about somebody
	PermFieldManage       Permission = "field.manage"         // the organization's custom fields
	PermGroupView         Permission = "group.view"           // see
	PermGroupCreate       Permission = "group.create"         // only system-wide
	PermGroupEdit         Permission = "group.edit"           // only system-wide
	PermGroupDelete       Permission = "group.delete"         // only system-wide
	PermProxyLogin        Permission = "proxy.login"
	PermProxyConfigure    Permission = "proxy.configure"     // settings
	PermSupportLogin      Permission = "support.login"       // into a tenant; only system-wide
	PermBreakGlass        Permission = "support.break_glass" // without consent; only system-wide
	PermSupportConsent    Permission = "support.consent"     // let support in
)

// Scope is a set of relations between the actor and a record. A permission is
// granted with a scope, and holds for a record that relates by at least one of
// its members. The zero Scope is "None".
type Scope uint8

// The relations.
const (
	// ScopeOwn: the record's owner is the subject (OroCRM: User).
	ScopeOwn Scope = 1 << iota
	// ScopeTeam: subject and owner share a team.
	ScopeTeam
	// ScopeSubteams: a team of the owner lies below a team of the subject.
	ScopeSubteams
	// ScopeUnit: a unit of the record is assigned to the subject (Business Unit).
	ScopeUnit
	// ScopeDivision: a unit of the record lies below an assigned one (Division).
	ScopeDivision
	// ScopeOrganization: the record belongs to the current organization.
	ScopeOrganization
	// ScopeSystem: any record of any organization. It counts only while the
	// current organization is the provider organization and is
	// ScopeOrganization elsewhere.
	ScopeSystem
	// ScopeShared: a team of the record shares it by a [SharingPolicy]. Policies
	// alone grant it: in the grant of a role it counts nothing.
	ScopeShared
)

// ScopeHierarchy is the reach of AgileApps' permissions hierarchy: one's own
// teams and the teams below them.
const ScopeHierarchy = ScopeTeam | ScopeSubteams

// Expand adds what the members of s imply: Division implies Unit, Unit and
// Team imply Own, Organization implies everything but System, and System
// implies everything. Stored grants are always expanded.
func (s Scope) Expand() Scope {
	switch {
	case s&ScopeSystem != 0:
		return ^Scope(0)
	case s&ScopeOrganization != 0:
		return ^ScopeSystem
	}
	if s&ScopeDivision != 0 {
		s |= ScopeUnit
	}
	if s&(ScopeUnit|ScopeTeam) != 0 {
		s |= ScopeOwn
	}
	return s
}

// Has reports whether s contains every member of t.
func (s Scope) Has(t Scope) bool { return s&t == t }

var scopeNames = [8]string{"own", "team", "subteams", "unit", "division", "organization", "system", "shared"}

// String lists the members that no other member implies, joined with "|", such
// as "division" or "team|subteams"; "none" for the zero Scope.
func (s Scope) String() string {
	if s == 0 {
		return "none"
	}
	var parts []string
	for i, name := range scopeNames {
		bit := Scope(1) << i
		if s&bit != 0 && (s&^bit).Expand()&bit == 0 {
			parts = append(parts, name)
		}
	}
	return strings.Join(parts, "|")
}

// ParseScope reads the form that [Scope.String] writes and expands it.
func ParseScope(text string) (Scope, error) {
	var s Scope
	if text == "none" {
		return 0, nil
	}
parts:
	for part := range strings.SplitSeq(text, "|") {
		for i, name := range scopeNames {
			if part == name {
				s |= 1 << i
				continue parts
			}
		}
		return 0, invalid("scope", "unknown", "not a scope")
	}
	return s.Expand(), nil
}

// Grant gives a permission with a scope. A Grant with scope 0 is an explicit
// None: it keeps the same role's "*" defaults away from the permission. It does
// not take away what another role or the profile grants: roles only add.
type Grant struct {
	Permission Permission
	Scope      Scope
}

// Ownership says how records of an object belong to people, and so which
// scopes exist for its permissions (orocrm.md 12.2).
type Ownership uint8

// The kinds of ownership.
const (
	// OwnedByUser: every scope exists.
	OwnedByUser Ownership = iota + 1
	// OwnedByUnit: Unit, Division, Organization, System.
	OwnedByUnit
	// OwnedByTeam: Team, Subteams, Organization, System.
	OwnedByTeam
	// OwnedByOrganization: Organization, System. The ownership of capabilities
	// that are on or off.
	OwnedByOrganization
	// Unowned: System only. "*" grants of a narrower scope do not reach it.
	Unowned
)

// Scopes returns the scopes that exist for records so owned.
func (o Ownership) Scopes() Scope {
	switch o {
	case OwnedByUser:
		return ^Scope(0)
	case OwnedByUnit:
		return ScopeUnit | ScopeDivision | ScopeOrganization | ScopeSystem
	case OwnedByTeam:
		return ScopeTeam | ScopeSubteams | ScopeOrganization | ScopeSystem | ScopeShared
	case OwnedByOrganization:
		return ScopeOrganization | ScopeSystem
	case Unowned:
		return ScopeSystem
	}
	return 0
}

// Object declares a kind of record and the actions on it. Hosts register
// their own with [Config.Objects] and then grant, check and explain them
// exactly like the built-in ones.
type Object struct {
	// Name is the first part of the permissions, such as "lead".
	Name string
	// Ownership fixes the scopes.
	Ownership Ownership
	// Actions are the second parts, such as "view", "create", "edit".
	Actions []string
	// SystemOnly lists those actions that can be granted with scope System
	// only. "*" grants of a narrower scope do not reach them.
	SystemOnly []string
	// Fields are protected fields of the records. Each makes, of the actions view,
	// create and edit that the object has, permissions of its own, such as
	// "lead.view:salary" ([Permission.Of]). A role that does not mention one grants
	// it as it grants the permission on the whole record, and a grant of scope 0
	// hides the field. Whoever uses a field needs the permission on the record too.
	Fields []string
	// Visibility lets single records carry [Criteria] on who sees them, and says
	// what these choose by. The object then has the action "control_visibility"
	// besides its Actions: whoever has it on a record sees it whatever its criteria
	// say. Defaults to none.
	Visibility Visibility
	// VisibilityField names the custom field ([Config.Fields]) whose value counts,
	// with [VisibleByField]; empty otherwise. It is one that users do not change
	// themselves, and that has one value. Whoever may edit users decides by it who
	// sees what, but not for themselves.
	VisibilityField string
	// Reads lists those actions besides "view" that change nothing, so that they
	// remain in read-only mode ([ProxyConfig]).
	Reads []string
	// Label is an English name for people. Defaults to Name.
	Label string
}

// Visibility says by what [Criteria] choose who sees a record (record level
// visibility of AgileApps).
type Visibility uint8

// What criteria choose by. The zero Visibility is none: an object without criteria.
const (
	VisibleByTeam  = Visibility(authz.ByTeam)  // a team of the user
	VisibleByRole  = Visibility(authz.ByRole)  // a role of the user's that is in force
	VisibleByUser  = Visibility(authz.ByUser)  // the user
	VisibleByField = Visibility(authz.ByField) // the user's value of a custom field
)

// Criteria say who sees a record among those whose permission reaches it; its
// owner is asked like everybody else. Only the part that the object's
// [Object.Visibility] names counts: a user meets it by being listed.
type Criteria struct {
	Teams  []TeamID
	Roles  []RoleID
	Users  []UserID
	Values []string
}

// Record is what a check must know of a record: where it belongs. Gets and
// lists of this package fill it themselves; hosts fill it from their own row,
// or from [Access.Placements] for records that a user owns.
type Record struct {
	// Org is the organization of the record. A record of another organization
	// than the actor's current one relates by System only.
	Org OrgID
	// Owner is the user who owns it; for a user, that user.
	Owner UserID
	// OwnerUnits are the units that it belongs to: the owning unit, or the
	// units assigned to the owning user.
	OwnerUnits []UnitID
	// OwnerTeams are the teams of the owner.
	OwnerTeams []TeamID
	// Criteria say who sees the record; nil is everybody whose permission reaches
	// it. Criteria on a record of an object without [Object.Visibility] are met by
	// nobody.
	Criteria *Criteria
}
