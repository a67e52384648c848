package equality_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt"
)

// hostSettings are those of the configuration: one that everybody may set, and
// two that are not set at all levels, nor by users for themselves.
var hostSettings = []usermgmt.Setting{
	{Key: "theme", Type: usermgmt.SettingEnum, Values: []string{"light", "dark"}, Default: "light", Own: true},
	{Key: "badge", Type: usermgmt.SettingBool, Default: "false", Levels: usermgmt.LevelOrganization | usermgmt.LevelUser},
	{Key: "banner", Type: usermgmt.SettingText, Max: 10, Levels: usermgmt.LevelSystem | usermgmt.LevelOrganization},
}

// knownSetting is what the documentation says of a setting, for those that are drawn.
type knownSetting struct {
	key, initial string
	own          bool
	levels       usermgmt.SettingLevel
	good, bad    []string
}

const allLevels = usermgmt.LevelSystem | usermgmt.LevelOrganization | usermgmt.LevelUser

var knownSettings = []knownSetting{
	{"language", "en", true, allLevels, []string{"en", "de", "pt-BR"}, []string{"Deutsch", ""}},
	{"page_size", "50", true, allLevels, []string{"10", "50", "1000"}, []string{"0", "1001", "+5", "ten"}},
	{"theme", "light", true, allLevels, []string{"light", "dark"}, []string{"pink"}},
	{"badge", "false", false, usermgmt.LevelOrganization | usermgmt.LevelUser, []string{"true", "false"}, []string{"yes"}},
	{"banner", "", false, usermgmt.LevelSystem | usermgmt.LevelOrganization, []string{"", "hello", "ÄÖÜäöüßéè!"}, []string{"ÄÖÜäöüßéè!!", "two\nlines"}},
}

func settingNamed(key string) *knownSetting {
	for i := range knownSettings {
		if knownSettings[i].key == key {
			return &knownSettings[i]
		}
	}
	return nil
}

// settingsAt are the settings of the system (org is none), of an organization
// (user is none) or of a member.
type settingsAt struct{ org, user int }

func (at settingsAt) level() usermgmt.SettingLevel {
	switch {
	case at.org == none:
		return usermgmt.LevelSystem
	case at.user == none:
		return usermgmt.LevelOrganization
	}
	return usermgmt.LevelUser
}

func (at settingsAt) String() string {
	return fmt.Sprintf("settings of %s in %s", name("user", at.user), name("org", at.org))
}

type setValue struct {
	value  string
	locked bool
	by     int
	at     time.Time
}

func (v setValue) String() string {
	return fmt.Sprintf("%q locked %t by %s at %s", v.value, v.locked, name("user", v.by), text(v.at))
}

func (s *system) settingValue(v usermgmt.SettingValue) string {
	return fmt.Sprintf("%q locked %t by %s at %s", v.Value, v.Locked, of(s, v.By), text(v.At))
}

// above are the levels from the system to at.
func (at settingsAt) above() (list []settingsAt) {
	list = append(list, settingsAt{none, none})
	if at.org != none {
		list = append(list, settingsAt{at.org, none})
	}
	if at.user != none {
		list = append(list, at)
	}
	return list
}

// effective is the text of a setting as it counts for at, and whether it is
// locked further from the user.
func (m *model) effective(at settingsAt, s *knownSetting) (line string, locked bool) {
	value, from, lockedBy := setValue{value: s.initial, by: none}, usermgmt.SettingLevel(0), usermgmt.SettingLevel(0)
	for _, level := range at.above() {
		v, there := m.settings[level][s.key]
		if !there {
			continue
		}
		value, from = v, level.level()
		if v.locked {
			if level != at {
				lockedBy = from
			}
			break
		}
	}
	_, here := m.settings[at][s.key]
	return fmt.Sprintf("%s %s from %s, here %t, locked by %s", s.key, value, from, here, lockedBy), lockedBy != 0
}

func (s *system) settingText(e *usermgmt.EffectiveSetting) string {
	return fmt.Sprintf("%s %s from %s, here %t, locked by %s", e.Key, s.settingValue(e.SettingValue), e.From, e.Here, e.LockedBy)
}

// whose is what a call is asked about; none as an organization is the actor's.
type whose struct {
	system    bool
	org, user int
}

func (s *system) whose(w whose) usermgmt.SettingsOf {
	return usermgmt.SettingsOf{System: w.system, Org: at(s.orgs, w.org), User: at(s.users, w.user)}
}

func (w whose) at(a *actor) settingsAt {
	switch {
	case w.system:
		return settingsAt{none, none}
	case w.org == none:
		return settingsAt{a.org, w.user}
	}
	return settingsAt{w.org, w.user}
}

// settingsRead reads one setting or, without a key, all of them.
func (mc *machine) settingsRead(w whose, key string) *call {
	return &call{name: "settings.read", note: fmt.Sprintf(" %+v %s", w, key), read: true,
		expect: func(a *actor) (string, error) {
			m, at := mc.model, w.at(a)
			switch {
			case w.system:
			case at.org == none || at.org >= len(m.orgs):
				return "", usermgmt.ErrNotFound
			case at.user == none:
				if at.org != a.org && !m.can(a, "organization.view", &thing{org: at.org, owner: none}) {
					return "", usermgmt.ErrNotFound
				}
			case !m.known(at.user) || m.users[at.user].in[at.org] == nil || !m.sees(a, "user.view", m.personIn(at.user, at.org)):
				return "", usermgmt.ErrNotFound
			}
			var out []string
			for i := range knownSettings {
				if s := &knownSettings[i]; key == "" || key == s.key {
					line, _ := m.effective(at, s)
					out = append(out, line)
				}
			}
			if len(out) == 0 {
				return "", usermgmt.ErrNotFound
			}
			return strings.Join(out, "\n"), nil
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			if key != "" {
				got, err := s.Settings().Get(ctx, a, s.whose(w), key)
				if err != nil {
					return "", err
				}
				return s.settingText(got), nil
			}
			list, err := s.Settings().List(ctx, a, s.whose(w))
			var out []string
			for i := range list {
				if settingNamed(list[i].Key) != nil {
					out = append(out, s.settingText(&list[i]))
				}
			}
			return strings.Join(out, "\n"), err
		}}
}

func (mc *machine) settingsChange(w whose, changes ...usermgmt.SettingChange) *call {
	return &call{name: "settings.change", note: fmt.Sprintf(" %+v %+v", w, changes), verb: "settings.change",
		expect: func(a *actor) (string, error) {
			at := w.at(a)
			if at.org == none && !w.system {
				return "", usermgmt.ErrNotFound
			}
			if err := mc.maySet(a, at, changes); err != nil {
				return "", err
			}
			return "", mc.set(a, at, changes)
		},
		do: func(ctx context.Context, s *system, a usermgmt.Actor) (string, error) {
			return "", s.Settings().Change(ctx, a, s.whose(w), changes...)
		}}
}

// maySet decides whether the actor may make the changes.
func (m *model) maySet(a *actor, at settingsAt, changes []usermgmt.SettingChange) error {
	switch at.level() {
	case usermgmt.LevelSystem:
		m.on("system", "settings", none)
		return m.needIn(a, "setting.edit", none)
	case usermgmt.LevelOrganization:
		if at.org >= len(m.orgs) {
			return usermgmt.ErrNotFound
		}
		m.on("organization", fmt.Sprint("org", at.org), at.org)
		return m.needIn(a, "setting.edit", at.org)
	}
	if err := m.member(at.user, at.org); err != nil {
		return err
	}
	r := m.personIn(at.user, at.org)
	others := *r // the actor's own record counts as anybody's
	others.owner = none
	wider := m.can(a, "user.configure", &others)
	if !wider && !(at.user == a.subject && m.can(a, "user.edit_profile", r)) {
		if err := m.need(a, "user.configure", "user.view", r); err != nil {
			return err
		}
	}
	if m.users[at.user].erased {
		return usermgmt.ErrConflict
	}
	for _, c := range changes {
		if s := settingNamed(c.Key); s != nil && !s.own && !wider {
			return usermgmt.ErrPermission
		}
	}
	return nil
}

// set makes the changes, all or none.
func (m *model) set(a *actor, at settingsAt, changes []usermgmt.SettingChange) error {
	bad, locked := false, false
	next := maps.Clone(m.settings[at])
	if next == nil {
		next = map[string]setValue{}
	}
	seen := map[string]bool{}
	for _, c := range changes {
		s := settingNamed(c.Key)
		if s == nil || seen[c.Key] || s.levels&at.level() == 0 || c.Lock && at.user != none {
			bad = true
			continue
		}
		seen[c.Key] = true
		if c.UseDefault {
			delete(next, c.Key)
			continue
		}
		bad = bad || !slices.Contains(s.good, c.Value)
		_, above := m.effective(at, s)
		locked = locked || above
		if old, there := next[c.Key]; !there || old.value != c.Value || old.locked != c.Lock {
			next[c.Key] = setValue{c.Value, c.Lock, a.operator, m.now}
		}
	}
	switch {
	case bad:
		return usermgmt.ErrInvalid
	case locked:
		return usermgmt.ErrConflict
	case maps.Equal(next, m.settings[at]):
		return nil
	}
	m.settings[at] = next
	m.record(a, "settings.change")
	return nil
}

func (mc *machine) drawWhose(a *actor) whose {
	w := whose{org: mc.orgOrOwn(a), user: none}
	switch mc.weighted("level", 48, 32, 20) {
	case 0:
		w.user = mc.pickUser(a)
		switch mc.weighted("whom", 35, 25, 40) {
		case 1:
			if a.subject != none {
				w.org, w.user = none, a.subject
			}
		case 2: // somebody who has settings
			var list []int
			for i := range mc.users {
				if len(mc.settings[settingsAt{a.org, i}]) > 0 {
					list = append(list, i)
				}
			}
			if len(list) > 0 {
				w.org, w.user = none, mc.choose("user", list)
			}
		}
	case 1:
		if mc.chance("no org", 3) {
			w.org = ghost
		}
	case 2: // what else is given does not matter
		w.system = true
		if mc.chance("user", 20) {
			w.user = mc.pickUser(a)
		}
	}
	return w
}

// drawSettingChange draws a change of what is set now.
func (mc *machine) drawSettingChange(at settingsAt) usermgmt.SettingChange {
	if mc.chance("no setting", 3) {
		return usermgmt.SettingChange{Key: "no.such", Value: "1"}
	}
	s := sample(mc, "setting", knownSettings)
	if at.user != none && mc.chance("theme", 30) {
		s = *settingNamed("theme")
	}
	if mc.chance("locked", 25) { // one that is locked above, if there is any
		for i := range knownSettings {
			if _, locked := mc.effective(at, &knownSettings[i]); locked {
				s = knownSettings[i]
			}
		}
	}
	c := usermgmt.SettingChange{Key: s.key, Value: sample(mc, "value", s.good)}
	back := 20
	if len(mc.settings[at]) > 0 {
		back = 45
	}
	switch mc.weighted("what", 60, back, 8) {
	case 1:
		c.UseDefault = true
		for _, s := range knownSettings {
			if _, there := mc.settings[at][s.key]; there && mc.chance("is set", 80) {
				c.Key = s.key
			}
		}
	case 2:
		c.Value = sample(mc, "bad value", s.bad)
	}
	if mc.chance("lock", 45) && (at.user == none || mc.chance("of a user", 10)) {
		c.Lock = true
	}
	return c
}

func (mc *machine) drawSettingsChange(a *actor) *call {
	w := mc.drawWhose(a)
	var changes []usermgmt.SettingChange
	for range mc.weighted("changes", 2, 60, 28, 10) {
		changes = append(changes, mc.drawSettingChange(w.at(a)))
	}
	return mc.settingsChange(w, changes...)
}

func (mc *machine) drawSettingsRead(a *actor) *call {
	w, key := mc.drawWhose(a), ""
	if mc.chance("one", 40) {
		key = sample(mc, "setting", append([]knownSetting{{key: "no.such"}}, knownSettings...)).key
	}
	return mc.settingsRead(w, key)
}

// settingLines is everything that is set, as text by lines.
func (m *model) settingLines() (out []string) {
	for at, set := range m.settings {
		for key, v := range set {
			out = append(out, fmt.Sprintf("%s: %s %s", at, key, v))
		}
	}
	return out
}

func (mc *machine) foundSettings(s *system, org usermgmt.OrgID) (out []string) {
	set, err := s.Store.SettingsOf(mc.ctx, org)
	if err != nil {
		mc.fail("reading the settings of %s: %v", s.name, err)
	}
	add := func(user usermgmt.UserID, org usermgmt.OrgID, values map[string]usermgmt.SettingValue) {
		for key, v := range values {
			out = append(out, fmt.Sprintf("settings of %s in %s: %s %s", of(s, user), of(s, org), key, s.settingValue(v)))
		}
	}
	add(usermgmt.UserID{}, usermgmt.OrgID{}, set.System)
	add(usermgmt.UserID{}, org, set.Org)
	for _, user := range s.users {
		if p, err := s.Store.MembershipOf(mc.ctx, user, org); err == nil {
			add(user, org, p.Settings)
		}
	}
	return out
}

func (f faulty) PutSettings(ctx context.Context, org usermgmt.OrgID, set map[string]usermgmt.SettingValue, unset []string) error {
	if f.putSettings != nil {
		set, unset = f.putSettings(set, unset)
	}
	return f.Store.PutSettings(ctx, org, set, unset)
}

func (f faulty) PutMemberSettings(ctx context.Context, user usermgmt.UserID, org usermgmt.OrgID, set map[string]usermgmt.SettingValue, unset []string) error {
	if f.memberSettings != nil {
		set, unset = f.memberSettings(set, unset)
	}
	return f.Store.PutMemberSettings(ctx, user, org, set, unset)
}

// settingFault changes what a store is told to set and to remove.
type settingFault func(set map[string]usermgmt.SettingValue, unset []string) (map[string]usermgmt.SettingValue, []string)
