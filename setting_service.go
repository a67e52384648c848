package usermgmt

import (
	"context"
	"maps"
	"slices"
)

// Settings reads and changes settings: of users in their organizations, of
// organizations, and of the system. [Manager.Settings] returns it.
//
// They are for what people choose, such as a language. They are kept and
// recorded as plain text: no place for secrets.
type Settings struct{ m *Manager }

// Settings returns the service that reads and changes settings.
func (m *Manager) Settings() *Settings { return &Settings{m} }

const verbSettings = "settings.change"

// SettingsOf says whose settings. The zero SettingsOf is the actor's
// organization.
type SettingsOf struct {
	// System is the system; Org and User do not matter then.
	System bool
	// Org defaults to the actor's organization.
	Org OrgID
	// User is a member of Org; zero is the organization itself.
	User UserID
}

func (of *SettingsOf) level() SettingLevel {
	switch {
	case of.System:
		return LevelSystem
	case of.User.IsZero():
		return LevelOrganization
	}
	return LevelUser
}

// EffectiveSetting is a setting as it counts for somebody.
type EffectiveSetting struct {
	Setting
	// Value counts. It comes from the level From, where By set it at At; from
	// level 0, the default, nobody did.
	SettingValue
	From SettingLevel
	// Here: it is set at the very level that was asked about. "Use default"
	// makes an end of that.
	Here bool
	// LockedBy is the level further from the user that keeps it from being set
	// here; 0 is none.
	LockedBy SettingLevel
}

// Definitions returns the definitions of all settings: the shipped ones in the
// order of forms, then the host's in the order of [Config.Settings].
func (s *Settings) Definitions() []Setting {
	out := slices.Clone(s.m.settings)
	for i := range out {
		out[i].Values = slices.Clone(out[i].Values)
	}
	return out
}

// List returns every setting as it counts for of, in the order of
// [Settings.Definitions].
//
// Everybody may read their own settings, those of their organization and those
// of the system. Others need [PermUserView] on the user as a member of the
// organization, or [PermOrgView] on it.
//
// Errors: [ErrNotFound].
func (s *Settings) List(ctx context.Context, a Actor, of SettingsOf) ([]EffectiveSetting, error) {
	const op = "Settings.List"
	v, err := s.m.read(a)
	if err != nil {
		return nil, withOp(op, err)
	}
	levels, err := s.m.readSettings(ctx, v, &of)
	if err != nil {
		return nil, withOp(op, err)
	}
	out := make([]EffectiveSetting, len(s.m.settings))
	for i := range s.m.settings {
		out[i] = s.m.settings[i].as(levels, of.level())
	}
	return out, nil
}

// Get returns one setting as it counts for of. Rights are those of
// [Settings.List]. Errors: [ErrNotFound], also for an unknown key.
func (s *Settings) Get(ctx context.Context, a Actor, of SettingsOf, key string) (*EffectiveSetting, error) {
	const op = "Settings.Get"
	v, err := s.m.read(a)
	if err != nil {
		return nil, withOp(op, err)
	}
	def := s.m.setting(key)
	if def == nil {
		return nil, withOp(op, &Error{Kind: ErrNotFound, Field: "key"})
	}
	levels, err := s.m.readSettings(ctx, v, &of)
	if err != nil {
		return nil, withOp(op, err)
	}
	e := def.as(levels, of.level())
	return &e, nil
}

// as is a setting as it counts at a level.
func (s *Setting) as(levels settingLevels, at SettingLevel) EffectiveSetting {
	e := EffectiveSetting{Setting: *s}
	e.Values = slices.Clone(s.Values)
	for i := range levels {
		if level := SettingLevel(1) << i; level > at {
			levels[i] = nil
		} else if level == at {
			_, e.Here = levels[i][s.Key]
		}
	}
	var lock SettingLevel
	e.SettingValue, e.From, lock = s.effective(levels)
	if lock < at {
		e.LockedBy = lock
	}
	return e
}

// readSettings reads the levels of settings that the actor may read.
func (m *Manager) readSettings(ctx context.Context, v *actorValue, of *SettingsOf) (levels settingLevels, err error) {
	if of.System {
		*of = SettingsOf{System: true}
	} else if of.Org.IsZero() {
		of.Org = v.org
	}
	if !of.System && of.User.IsZero() && of.Org != v.org && !v.can(PermOrgView, &Record{Org: of.Org}) {
		return levels, &Error{Kind: ErrNotFound, hidden: true}
	}
	if !of.User.IsZero() {
		mem, r, err := m.memberRecord(ctx, m.store, of.User, of.Org)
		if err != nil {
			return levels, err
		}
		if !v.sees(PermUserView, r) {
			return levels, &Error{Kind: ErrNotFound, hidden: true}
		}
		levels[2] = mem.Membership.Settings
	} else if !of.System {
		if _, err := m.store.OrgByID(ctx, of.Org); err != nil {
			return levels, err
		}
	}
	set, err := m.store.SettingsOf(ctx, of.Org)
	levels[0], levels[1] = set.System, set.Org
	return levels, err
}

// languageOf is the language in which a user of an organization is written to.
func (m *Manager) languageOf(ctx context.Context, user UserID, org OrgID) (string, error) {
	set, err := m.store.SettingsOf(ctx, org)
	if err != nil {
		return "", err
	}
	mem, err := m.store.MembershipOf(ctx, user, org)
	if skipNotFound(err) != nil {
		return "", err
	}
	value, _, _ := m.setting(SettingLanguage).effective(settingLevels{set.System, set.Org, mem.Settings})
	return value.Value, nil
}

// SettingChange sets a setting or takes back that it is set.
type SettingChange struct {
	Key string
	// Value is the new value; it does not matter with UseDefault.
	Value string
	// UseDefault makes an end of the setting at this level, so that what is set
	// further from the user counts.
	UseDefault bool
	// Lock keeps it from being set nearer the user, where whatever is set no
	// longer counts. Not for users.
	Lock bool
}

// Change sets or takes back settings of a user in an organization, of an
// organization, or of the system. Keys that are not mentioned stay as they are.
// An equal value is a setting of its own, unlike UseDefault.
//
// Of a user the actor needs [PermUserConfigure] on the user as a member of the
// organization; for settings that are [Setting.Own] on oneself, with
// [PermUserEditProfile] too. Of an organization or of the system the actor needs
// [PermSettingEdit] there; for the system that is scope System. Nobody changes
// those of reserved users.
//
// Change is atomic and does not make other edits of the membership stale; of two
// changes of one key at once the later counts. It records "settings.change" with
// the values before and after, unless nothing is changed.
//
// Errors: [ErrNotFound], [ErrPermission], [ErrInvalid] with every problem,
// [ErrConflict] with the key as Field and the Rule "locked".
func (s *Settings) Change(ctx context.Context, a Actor, of SettingsOf, changes ...SettingChange) error {
	return s.m.change(ctx, a, "Settings.Change", verbSettings, func(ctx context.Context, w *work) error {
		levels, err := w.changeableSettings(ctx, &of, changes)
		if err != nil {
			return err
		}
		set, unset, err := w.settingChanges(levels, of.level(), changes)
		if err != nil || len(set)+len(unset) == 0 {
			return err
		}
		if of.level() == LevelUser {
			err = w.tx.PutMemberSettings(ctx, of.User, of.Org, set, unset)
		} else {
			err = w.tx.PutSettings(ctx, of.Org, set, unset)
		}
		if err != nil {
			return err
		}
		before := levels[of.level()>>1]
		keys := append(slices.Collect(maps.Keys(set)), unset...)
		w.record(settingFields(before, keys), settingFields(changed(before, set, unset), keys))
		return nil
	})
}

// changeableSettings loads the levels of settings of whom the actor may change
// what changes say, and names the target.
func (w *work) changeableSettings(ctx context.Context, of *SettingsOf, changes []SettingChange) (levels settingLevels, err error) {
	switch {
	case of.System:
		*of = SettingsOf{System: true}
		w.kind, w.target = "system", "settings"
		err = w.v.needIn(PermSettingEdit, OrgID{})
	case of.User.IsZero():
		if of.Org.IsZero() {
			of.Org = w.v.org
		}
		if _, err = w.organization(ctx, of.Org); err == nil {
			err = w.v.needIn(PermSettingEdit, of.Org)
		}
	default:
		if of.Org.IsZero() {
			of.Org = w.v.org
		}
		levels[2], err = w.configurable(ctx, of, changes)
	}
	if err != nil {
		return levels, err
	}
	set, err := w.tx.SettingsOf(ctx, of.Org)
	levels[0], levels[1] = set.System, set.Org
	return levels, err
}

// configurable returns the settings of a member to whom the actor may apply changes.
func (w *work) configurable(ctx context.Context, of *SettingsOf, changes []SettingChange) (map[string]SettingValue, error) {
	mem, r, err := w.member(ctx, of.User, of.Org)
	if err != nil {
		return nil, err
	}
	self := of.User == w.v.subject
	wider := w.v.can(PermUserConfigure, &Record{Org: r.Org, OwnerUnits: r.OwnerUnits, OwnerTeams: r.OwnerTeams})
	if !wider && !(self && w.v.can(PermUserEditProfile, r)) {
		if err := w.need(PermUserConfigure, PermUserView, r); err != nil {
			return nil, err
		}
	}
	if mem.User.Reserved {
		return nil, &Error{Kind: ErrPermission, Rule: "reserved", Permission: PermUserConfigure}
	}
	if err := mem.User.stillThere(); err != nil {
		return nil, err
	}
	for _, c := range changes {
		if def := w.m.setting(c.Key); !wider && def != nil && !def.Own {
			return nil, &Error{Kind: ErrPermission, Field: c.Key, Rule: "not_own", Permission: PermUserConfigure}
		}
	}
	return mem.Membership.Settings, nil
}

// settingChanges checks changes at a level and turns them into what is stored.
func (w *work) settingChanges(levels settingLevels, at SettingLevel, changes []SettingChange) (set map[string]SettingValue, unset []string, err error) {
	var p problems
	set = make(map[string]SettingValue, len(changes))
	seen := make(map[string]bool, len(changes))
	here := levels[at>>1]
	var locked error
	for _, c := range changes {
		def := w.m.setting(c.Key)
		switch {
		case def == nil:
			p.add("key", "unknown", "there is no such setting")
			continue
		case seen[c.Key]:
			p.add(c.Key, "twice", "the same setting twice")
			continue
		case def.Levels&at == 0:
			p.add(c.Key, "level", "is not set at this level")
			continue
		case c.Lock && at == LevelUser:
			p.add(c.Key, "lock", "there is nothing nearer the user")
			continue
		}
		seen[c.Key] = true
		old, there := here[c.Key]
		if c.UseDefault {
			if there {
				unset = append(unset, c.Key)
			}
			continue
		}
		if rule, detail := def.check(c.Value); rule != "" {
			p.add(c.Key, rule, detail)
			continue
		}
		if def.as(levels, at).LockedBy != 0 && locked == nil {
			locked = conflict(c.Key, "locked", "is locked further from the user")
		}
		if there && old.Value == c.Value && old.Locked == c.Lock {
			continue
		}
		set[c.Key] = SettingValue{Value: c.Value, Locked: c.Lock, By: w.v.operator, At: w.now}
	}
	if err := p.err(); err != nil {
		return nil, nil, err
	}
	return set, unset, locked
}
