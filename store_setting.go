package usermgmt

import "context"

// SettingStore keeps the settings of the system and of organizations, and
// changes those of members, which are part of the [Membership]. Keys are
// compared as bytes.
type SettingStore interface {
	// PutSettings sets the settings in set and removes those that unset names,
	// at the level of an organization or, with the zero org, of the system. It
	// leaves all others alone. No key is in both. The organization exists.
	PutSettings(ctx context.Context, org OrgID, set map[string]SettingValue, unset []string) error
	// SettingsOf reads, in one consistent view, what is set for the system and
	// for the organization; with the zero org for the system only.
	SettingsOf(ctx context.Context, org OrgID) (SettingSet, error)
	// PutMemberSettings is PutSettings for a membership. It leaves Version,
	// Rights and UpdatedAt alone, so that nobody's edit of the membership is
	// stale for it. [ErrNotFound] if there is no such membership.
	PutMemberSettings(ctx context.Context, user UserID, org OrgID, set map[string]SettingValue, unset []string) error
}

// SettingSet is what [SettingStore.SettingsOf] reads.
type SettingSet struct{ System, Org map[string]SettingValue }
