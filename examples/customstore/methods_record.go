package main

import (
	"context"

	"github.com/usermgmt/usermgmt"
)

// SaveGroup implements [usermgmt.Store].
func (w *Store) SaveGroup(ctx context.Context, g usermgmt.Group) error {
	return w.note("SaveGroup", w.Store.SaveGroup(ctx, g))
}

// DeleteGroup implements [usermgmt.Store].
func (w *Store) DeleteGroup(ctx context.Context, id usermgmt.GroupID) error {
	return w.note("DeleteGroup", w.Store.DeleteGroup(ctx, id))
}

// GroupByID implements [usermgmt.Store].
func (w *Store) GroupByID(ctx context.Context, id usermgmt.GroupID) (usermgmt.Group, error) {
	v, err := w.Store.GroupByID(ctx, id)
	return v, w.note("GroupByID", err)
}

// ListGroups implements [usermgmt.Store].
func (w *Store) ListGroups(ctx context.Context, q usermgmt.ListQuery) ([]usermgmt.Group, error) {
	v, err := w.Store.ListGroups(ctx, q)
	return v, w.note("ListGroups", err)
}

// SaveField implements [usermgmt.Store].
func (w *Store) SaveField(ctx context.Context, f usermgmt.CustomField) error {
	return w.note("SaveField", w.Store.SaveField(ctx, f))
}

// DeleteField implements [usermgmt.Store].
func (w *Store) DeleteField(ctx context.Context, id usermgmt.FieldID) error {
	return w.note("DeleteField", w.Store.DeleteField(ctx, id))
}

// FieldByID implements [usermgmt.Store].
func (w *Store) FieldByID(ctx context.Context, id usermgmt.FieldID) (usermgmt.CustomField, error) {
	v, err := w.Store.FieldByID(ctx, id)
	return v, w.note("FieldByID", err)
}

// FieldsOf implements [usermgmt.Store].
func (w *Store) FieldsOf(ctx context.Context, org usermgmt.OrgID) ([]usermgmt.CustomField, error) {
	v, err := w.Store.FieldsOf(ctx, org)
	return v, w.note("FieldsOf", err)
}

// TracesOf implements [usermgmt.Store].
func (w *Store) TracesOf(ctx context.Context, p usermgmt.Person) (usermgmt.Traces, error) {
	v, err := w.Store.TracesOf(ctx, p)
	return v, w.note("TracesOf", err)
}

// EraseTraces implements [usermgmt.Store].
func (w *Store) EraseTraces(ctx context.Context, p usermgmt.Person) error {
	return w.note("EraseTraces", w.Store.EraseTraces(ctx, p))
}
