package usermgmt

import (
	"context"
	"slices"
)

// The time zone and the date format are fields of a member for whoever makes or
// changes one, and settings in truth.
var ownSettings = [...]string{SettingTimeZone, SettingDateFormat}

// setOwn sets a member's setting, or with "" goes back to the default.
func (w *work) setOwn(m *Membership, key, value string) {
	switch {
	case value == "":
		delete(m.Settings, key)
	case m.Settings[key].Value != value:
		if m.Settings == nil {
			m.Settings = make(map[string]SettingValue)
		}
		m.Settings[key] = SettingValue{Value: value, By: w.v.operator, At: w.now}
	}
}

// checkOwn checks what [work.setOwn] has set.
func (w *work) checkOwn(ctx context.Context, before, m *Membership, p *problems) error {
	for _, key := range ownSettings {
		v, there := m.Settings[key]
		if old, was := before.Settings[key]; !there || was && old == v {
			continue
		}
		def := w.m.setting(key)
		if rule, detail := def.check(v.Value); rule != "" {
			p.add(key, rule, detail)
			continue
		}
		if def.Levels&LevelUser == 0 {
			p.add(key, "level", "is not set at this level")
			continue
		}
		set, err := w.settingsOf(ctx, m.Org)
		if err != nil {
			return err
		}
		if def.as(settingLevels{set.System, set.Org}, LevelUser).LockedBy != 0 {
			return conflict(key, "locked", "is locked further from the user")
		}
	}
	return nil
}

// settingsOf reads the settings of the system and of an organization.
func (w *work) settingsOf(ctx context.Context, org OrgID) (SettingSet, error) {
	if set, ok := w.settings[org]; ok {
		return set, nil
	}
	set, err := w.tx.SettingsOf(ctx, org)
	if err == nil && w.known != nil { // a call that checks many members
		if w.settings == nil {
			w.settings = make(map[OrgID]SettingSet)
		}
		w.settings[org] = set
	}
	return set, err
}

// saveOwn stores what [work.setOwn] has changed of a stored membership.
func (w *work) saveOwn(ctx context.Context, before, m *Membership) error {
	set := make(map[string]SettingValue)
	var unset []string
	for _, key := range ownSettings {
		old, was := before.Settings[key]
		v, there := m.Settings[key]
		switch {
		case there && (!was || v != old):
			set[key] = v
		case was && !there:
			unset = append(unset, key)
		}
	}
	if len(set)+len(unset) == 0 {
		return nil
	}
	return w.tx.PutMemberSettings(ctx, m.User, m.Org, set, slices.Clip(unset))
}
