package storetest

import (
	"context"

	"github.com/usermgmt/usermgmt"
)

func (w counting) SaveGroup(ctx context.Context, g usermgmt.Group) error {
	w.count("SaveGroup")
	return w.Store.SaveGroup(ctx, g)
}

func (w counting) DeleteGroup(ctx context.Context, id usermgmt.GroupID) error {
	w.count("DeleteGroup")
	return w.Store.DeleteGroup(ctx, id)
}

func (w counting) GroupByID(ctx context.Context, id usermgmt.GroupID) (usermgmt.Group, error) {
	w.count("GroupByID")
	return w.Store.GroupByID(ctx, id)
}

func (w counting) ListGroups(ctx context.Context, q usermgmt.ListQuery) ([]usermgmt.Group, error) {
	w.count("ListGroups")
	return w.Store.ListGroups(ctx, q)
}

func (w counting) SaveField(ctx context.Context, f usermgmt.CustomField) error {
	w.count("SaveField")
	return w.Store.SaveField(ctx, f)
}

func (w counting) DeleteField(ctx context.Context, id usermgmt.FieldID) error {
	w.count("DeleteField")
	return w.Store.DeleteField(ctx, id)
}

func (w counting) FieldByID(ctx context.Context, id usermgmt.FieldID) (usermgmt.CustomField, error) {
	w.count("FieldByID")
	return w.Store.FieldByID(ctx, id)
}

func (w counting) FieldsOf(ctx context.Context, org usermgmt.OrgID) ([]usermgmt.CustomField, error) {
	w.count("FieldsOf")
	return w.Store.FieldsOf(ctx, org)
}

func (w counting) TracesOf(ctx context.Context, p usermgmt.Person) (usermgmt.Traces, error) {
	w.count("TracesOf")
	return w.Store.TracesOf(ctx, p)
}

func (w counting) EraseTraces(ctx context.Context, p usermgmt.Person) error {
	w.count("EraseTraces")
	return w.Store.EraseTraces(ctx, p)
}
