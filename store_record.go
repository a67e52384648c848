package usermgmt

import "context"

// GroupStore keeps groups.
type GroupStore interface {
	// SaveGroup: NameKey is unique.
	SaveGroup(ctx context.Context, g Group) error
	// DeleteGroup: users use it.
	DeleteGroup(ctx context.Context, id GroupID) error
	GroupByID(ctx context.Context, id GroupID) (Group, error)
	// ListGroups returns a page in the order of NameKey.
	ListGroups(ctx context.Context, q ListQuery) ([]Group, error)
}

// FieldStore keeps the custom fields that organizations define. That values fit
// the definitions, or have one, is not a store's concern.
type FieldStore interface {
	// SaveField: Name is unique in the organization.
	SaveField(ctx context.Context, f CustomField) error
	// DeleteField: nothing uses a definition. The values stay where they are.
	DeleteField(ctx context.Context, id FieldID) error
	FieldByID(ctx context.Context, id FieldID) (CustomField, error)
	// FieldsOf returns the organization's fields, in any order.
	FieldsOf(ctx context.Context, org OrgID) ([]CustomField, error)
}
