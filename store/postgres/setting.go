package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/usermgmt/usermgmt"
)

const (
	// $2 is a document of settings, see settingDoc, and $3 are the keys to remove.
	sqlPutSettings = `with x as (
	delete from usermgmt_settings
	where coalesce(org_id, '` + zeroUUID + `') = coalesce($1::uuid, '` + zeroUUID + `') and key = any ($3::text[]))
insert into usermgmt_settings (org_id, key, value, set_by, set_at, locked)
select $1::uuid, e.k, e.v ->> 0, (e.v ->> 1)::uuid, (e.v ->> 2)::timestamptz, coalesce((e.v ->> 3)::boolean, false)
from jsonb_each($2::jsonb) e (k, v)
on conflict (coalesce(org_id, '` + zeroUUID + `'), key) do update
set value = excluded.value, locked = excluded.locked, set_by = excluded.set_by, set_at = excluded.set_at`

	sqlSettings = `select s.org_id, s.key, s.value, s.locked, s.set_by, s.set_at from usermgmt_settings s
where coalesce(s.org_id, '` + zeroUUID + `') in ('` + zeroUUID + `', coalesce($1::uuid, '` + zeroUUID + `'))`
)

const sqlPutMemberSettings = `with m as (update usermgmt_memberships
	set settings = nullif((coalesce(settings, '{}') - $4::text[]) || $3::jsonb, '{}')
	where user_id = $1::uuid and org_id = $2::uuid returning org_id, user_id, rights, settings),
c as (` + sqlNoteMemberChange + `)
select (case when not exists (select from m) then '` + guardMissing + `' end)::integer where not exists (select from m)`

// settingDoc is a setting as a document: its value, who set it and when, and
// whether it is locked.
type settingDoc struct{ v usermgmt.SettingValue }

// MarshalJSON implements [json.Marshaler].
func (d settingDoc) MarshalJSON() ([]byte, error) {
	doc := []any{d.v.Value, nil, d.v.At.UTC().Truncate(time.Microsecond)}
	if !d.v.By.IsZero() {
		doc[1] = d.v.By
	}
	if d.v.Locked {
		doc = append(doc, true)
	}
	return json.Marshal(doc)
}

// UnmarshalJSON implements [json.Unmarshaler].
func (d *settingDoc) UnmarshalJSON(b []byte) error {
	d.v = usermgmt.SettingValue{}
	doc := []any{&d.v.Value, &d.v.By, &d.v.At, &d.v.Locked}
	if err := json.Unmarshal(b, &doc); err != nil {
		return err
	}
	d.v.At = d.v.At.UTC()
	return nil
}

// settingDocs is settings as an argument, to be cast to jsonb.
func settingDocs(set map[string]usermgmt.SettingValue) string {
	docs := make(map[string]settingDoc, len(set))
	for k, v := range set {
		docs[k] = settingDoc{v}
	}
	return document(docs)
}

// settingsArg is the settings of a new membership.
func settingsArg(set map[string]usermgmt.SettingValue) any {
	if len(set) == 0 {
		return nil
	}
	return settingDocs(set)
}

// settingsDest reads settings from a jsonb column that was cast to text.
type settingsDest map[string]usermgmt.SettingValue

func (d *settingsDest) read(text []byte) error {
	var docs map[string]settingDoc
	if err := json.Unmarshal(text, &docs); err != nil {
		return err
	}
	*d = make(settingsDest, len(docs))
	for k, v := range docs {
		(*d)[k] = v.v
	}
	return nil
}

// ScanText implements [pgtype.TextScanner].
func (d *settingsDest) ScanText(v pgtype.Text) error {
	*d = nil
	if !v.Valid {
		return nil
	}
	return d.read([]byte(v.String))
}

// Scan implements [sql.Scanner].
func (d *settingsDest) Scan(src any) error {
	*d = nil
	switch v := src.(type) {
	case nil:
		return nil
	case string:
		return d.read([]byte(v))
	case []byte:
		return d.read(v)
	}
	return fmt.Errorf("postgres: settings came as %T", src)
}

// keys is a list of texts as an argument, to be cast to text[].
func keys(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// PutSettings implements [usermgmt.Store].
func (s *Store) PutSettings(
	ctx context.Context, org usermgmt.OrgID, set map[string]usermgmt.SettingValue, unset []string,
) error {
	return s.write(ctx, step{sql: sqlPutSettings, args: []any{id(org), settingDocs(set), keys(unset)}})
}

// SettingsOf implements [usermgmt.Store].
func (s *Store) SettingsOf(ctx context.Context, org usermgmt.OrgID) (out usermgmt.SettingSet, err error) {
	err = s.each(ctx, func(r scanner) error {
		var of usermgmt.OrgID
		var k string
		var v usermgmt.SettingValue
		if err := r.Scan(toID(&of), &k, &v.Value, &v.Locked, toID(&v.By), toTime(&v.At)); err != nil {
			return err
		}
		to := &out.Org
		if of.IsZero() {
			to = &out.System
		}
		if *to == nil {
			*to = make(map[string]usermgmt.SettingValue)
		}
		(*to)[k] = v
		return nil
	}, sqlSettings, id(org))
	if err != nil {
		return usermgmt.SettingSet{}, err
	}
	return out, nil
}

// PutMemberSettings implements [usermgmt.Store].
func (s *Store) PutMemberSettings(
	ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID, set map[string]usermgmt.SettingValue, unset []string,
) error {
	return s.write(ctx, step{sql: sqlPutMemberSettings, args: []any{key(user), key(org), settingDocs(set), keys(unset)}})
}
