package usermgmt

import "time"

// Organization is a tenant. Nothing crosses its boundary except rights of
// scope System held in the provider organization.
type Organization struct {
	ID          OrgID
	Name        string
	NameKey     string // canonical form; unique
	Description string
	// Enabled: members of a disabled organization cannot enter it.
	Enabled bool
	// Provider marks the one organization whose staff serve the others. At
	// most one organization has it.
	Provider bool
	// SwitchRoles: members with several roles act with one at a time, the one
	// in force on their session ([Auth.TakeRole]), instead of with the union. Their
	// access profile and what is shared with them count in any case, and API keys
	// have all roles.
	SwitchRoles bool
	// Epoch grows when the organization is disabled, which ends its sessions
	// for good.
	Epoch int64
	// PrimaryAdmin is whom customer support logs in as.
	PrimaryAdmin UserID
	// Support is until when the organization consents to that.
	Support SupportConsent
	// RootTeam is the root of the organization's team tree.
	RootTeam TeamID
	// Policy is the password and session policy; nil is [Config.Policy].
	Policy *Policy
	// ExportFields are the fields that an export of users holds, in order;
	// nil is [DefaultExportFields] and the exportable custom fields.
	ExportFields []string

	CreatedAt, UpdatedAt time.Time
	Version              int64
}

// SupportConsent is the consent of an organization to customer support logging in.
// The zero SupportConsent is none.
type SupportConsent struct {
	// Until is when it ends. It counts at t if t < Until.
	Until time.Time
	// ReadOnly: support changes nothing.
	ReadOnly bool
	Reason   string
}

// BusinessUnit is a node of an organization's unit tree. It owns user records
// and the host's records, and users are assigned to it. The owner says who may
// manage a user; the assigned units say what the user may see.
type BusinessUnit struct {
	ID          UnitID
	Org         OrgID
	Parent      UnitID // zero for a top unit
	Name        string // not unique, as in OroCRM
	NameKey     string // canonical form, the order of lists
	Description string
	Phone       string
	Fax         string
	Email       string
	Website     string // http or https

	CreatedAt, UpdatedAt time.Time
	Version              int64
}
