package postgres

import (
	"context"

	"github.com/usermgmt/usermgmt"
)

const (
	fieldColumns = `f.org_id, f.field_id, f.name, f.label, f.field_type, f.required, f.default_is, f.min_length, f.max_length,
	f.pattern, f.min_value, f.max_value, f.choices::text, f.sort, f.hidden, f.own, f.exportable, f.searchable,
	f.created_at, f.updated_at, f.version`

	sqlInsertField = `insert into usermgmt_fields (org_id, field_id, name, label, field_type, required, default_is, min_length,
	max_length, pattern, min_value, max_value, choices, sort, hidden, own, exportable, searchable, created_at, updated_at, version)
values ($1::uuid, $2::uuid, $3::text, $4::text, $5::text, $6::boolean, $7::text, $8::integer, $9::integer, $10::text, $11::text,
	$12::text, $13::jsonb, $14::integer, $15::boolean, $16::boolean, $17::boolean, $18::boolean, $19::timestamptz,
	$20::timestamptz, 1)`
	sqlField    = `select ` + fieldColumns + ` from usermgmt_fields f where f.field_id = $1::uuid`
	sqlFieldsOf = `select ` + fieldColumns + ` from usermgmt_fields f where f.org_id = $1::uuid`
)

var (
	sqlUpdateField = guardedUpdate(`update usermgmt_fields
set org_id = $1::uuid, name = $3::text, label = $4::text, field_type = $5::text, required = $6::boolean, default_is = $7::text,
	min_length = $8::integer, max_length = $9::integer, pattern = $10::text, min_value = $11::text, max_value = $12::text,
	choices = $13::jsonb, sort = $14::integer, hidden = $15::boolean, own = $16::boolean, exportable = $17::boolean,
	searchable = $18::boolean, created_at = $19::timestamptz, updated_at = $20::timestamptz, version = version + 1
where field_id = $2::uuid and version = $21::bigint`, `select from usermgmt_fields where field_id = $2::uuid`)
	sqlDeleteField = guardedDelete(`delete from usermgmt_fields where field_id = $1::uuid`)
)

// SaveField implements [usermgmt.Store].
func (s *Store) SaveField(ctx context.Context, f usermgmt.CustomField) error {
	st := step{sql: sqlInsertField, args: []any{
		key(f.Org), key(f.ID), f.Name, f.Label, string(f.Type), f.Required, f.Default, f.MinLength, f.MaxLength,
		f.Pattern, f.Min, f.Max, list(len(f.Values), f.Values), f.Order, f.Hidden, f.Own, f.Exportable, f.Searchable,
		moment(f.CreatedAt), moment(f.UpdatedAt),
	}}
	if f.Version != 0 {
		st.sql, st.args = sqlUpdateField, append(st.args, f.Version)
	}
	return s.write(ctx, st)
}

// DeleteField implements [usermgmt.Store].
func (s *Store) DeleteField(ctx context.Context, field usermgmt.FieldID) error {
	return s.write(ctx, step{sql: sqlDeleteField, args: []any{key(field)}})
}

func scanField(r scanner, f *usermgmt.CustomField) error {
	return r.Scan(toID(&f.Org), toID(&f.ID), &f.Name, &f.Label, &f.Type, &f.Required, &f.Default, &f.MinLength, &f.MaxLength,
		&f.Pattern, &f.Min, &f.Max, toJSON(&f.Values), &f.Order, &f.Hidden, &f.Own, &f.Exportable, &f.Searchable,
		toTime(&f.CreatedAt), toTime(&f.UpdatedAt), &f.Version)
}

// FieldByID implements [usermgmt.Store].
func (s *Store) FieldByID(ctx context.Context, field usermgmt.FieldID) (usermgmt.CustomField, error) {
	return one(ctx, s, scanField, sqlField, key(field))
}

// FieldsOf implements [usermgmt.Store].
func (s *Store) FieldsOf(ctx context.Context, org usermgmt.OrgID) ([]usermgmt.CustomField, error) {
	return all(ctx, s, scanField, sqlFieldsOf, key(org))
}
