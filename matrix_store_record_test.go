package usermgmt_test

import (
	"context"

	"github.com/usermgmt/usermgmt"
)

func (h hookStore) SaveGroup(ctx context.Context, g usermgmt.Group) error {
	h.hook("SaveGroup")
	return h.Store.SaveGroup(ctx, g)
}

func (h hookStore) DeleteGroup(ctx context.Context, id usermgmt.GroupID) error {
	h.hook("DeleteGroup")
	return h.Store.DeleteGroup(ctx, id)
}

func (h hookStore) GroupByID(ctx context.Context, id usermgmt.GroupID) (usermgmt.Group, error) {
	h.hook("GroupByID")
	return h.Store.GroupByID(ctx, id)
}

func (h hookStore) ListGroups(ctx context.Context, q usermgmt.ListQuery) ([]usermgmt.Group, error) {
	h.hook("ListGroups")
	return h.Store.ListGroups(ctx, q)
}

func (h hookStore) SaveField(ctx context.Context, f usermgmt.CustomField) error {
	h.hook("SaveField")
	return h.Store.SaveField(ctx, f)
}

func (h hookStore) DeleteField(ctx context.Context, id usermgmt.FieldID) error {
	h.hook("DeleteField")
	return h.Store.DeleteField(ctx, id)
}

func (h hookStore) FieldByID(ctx context.Context, id usermgmt.FieldID) (usermgmt.CustomField, error) {
	h.hook("FieldByID")
	return h.Store.FieldByID(ctx, id)
}

func (h hookStore) FieldsOf(ctx context.Context, org usermgmt.OrgID) ([]usermgmt.CustomField, error) {
	h.hook("FieldsOf")
	return h.Store.FieldsOf(ctx, org)
}

func (h hookStore) TracesOf(ctx context.Context, p usermgmt.Person) (usermgmt.Traces, error) {
	h.hook("TracesOf")
	return h.Store.TracesOf(ctx, p)
}

func (h hookStore) EraseTraces(ctx context.Context, p usermgmt.Person) error {
	h.hook("EraseTraces")
	return h.Store.EraseTraces(ctx, p)
}
