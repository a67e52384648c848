package memory

import (
	"context"
	"maps"

	"github.com/usermgmt/usermgmt"
)

// orgSettings are the settings of an organization or, with the zero org, of the
// system. The map is never changed.
type orgSettings struct {
	org    usermgmt.OrgID
	values map[string]usermgmt.SettingValue
}

func cloneSettings(in map[string]usermgmt.SettingValue) map[string]usermgmt.SettingValue {
	return withSettings(nil, in, nil)
}

// withSettings returns a new map with the changes, nil if nothing is left.
func withSettings(
	old, set map[string]usermgmt.SettingValue, unset []string,
) map[string]usermgmt.SettingValue {
	out := make(map[string]usermgmt.SettingValue, len(old)+len(set))
	maps.Copy(out, old)
	for k, v := range set {
		v.At = utc(v.At)
		out[k] = v
	}
	for _, k := range unset {
		delete(out, k)
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

func (v *version) settingsOf(org usermgmt.OrgID) *orgSettings {
	return find(&v.others.settings, org, func(s *orgSettings) usermgmt.OrgID { return s.org })
}

// PutSettings implements [usermgmt.Store].
func (s *Store) PutSettings(
	ctx context.Context, org usermgmt.OrgID, set map[string]usermgmt.SettingValue, unset []string,
) error {
	return s.write(ctx, func(w *writer) error {
		if !org.IsZero() && w.v.org(org) == nil {
			return missing("organization")
		}
		old := w.v.settingsOf(org)
		row := &orgSettings{org: org}
		if old != nil {
			row.values = old.values
		}
		row.values = withSettings(row.values, set, unset)
		put(&w.others().settings, w.own, old, row)
		return nil
	})
}

// SettingsOf implements [usermgmt.Store].
func (s *Store) SettingsOf(ctx context.Context, org usermgmt.OrgID) (out usermgmt.SettingSet, err error) {
	v, err := s.read(ctx)
	if err != nil {
		return out, err
	}
	if r := v.settingsOf(usermgmt.OrgID{}); r != nil {
		out.System = cloneMap(r.values)
	}
	if r := v.settingsOf(org); r != nil && !org.IsZero() {
		out.Org = cloneMap(r.values)
	}
	return out, nil
}

// PutMemberSettings implements [usermgmt.Store].
func (s *Store) PutMemberSettings(
	ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID, set map[string]usermgmt.SettingValue, unset []string,
) error {
	return s.write(ctx, func(w *writer) error {
		m := w.v.member(user, org)
		if m == nil {
			return usermgmt.ErrNotFound
		}
		next := *m
		next.stamp = 0
		next.settings = withSettings(m.settings, set, unset)
		w.replaceMember(m, &next)
		return nil
	})
}
