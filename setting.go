package usermgmt

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// SettingType is the type of a setting's values. Values are kept as text.
type SettingType uint8

// The types of settings.
const (
	// SettingText: a line of text of at most Max characters, that matches Pattern.
	SettingText SettingType = iota + 1
	// SettingEnum: one of Values.
	SettingEnum
	// SettingBool: "true" or "false".
	SettingBool
	// SettingInteger: a decimal number from Min to Max, without sign if positive.
	SettingInteger
	// SettingZone: an IANA time zone such as "Europe/Berlin".
	SettingZone
)

// SettingLevel is a set of levels at which a setting is set. Of the levels
// where one is, the one nearest the user counts: user in organization,
// organization, system, default.
type SettingLevel uint8

// The levels. The zero SettingLevel is the default of the definition.
const (
	LevelSystem SettingLevel = 1 << iota
	LevelOrganization
	LevelUser // a user in an organization
)

// String returns "default", "system", "organization" or "user", of several
// levels joined with "|".
func (l SettingLevel) String() string {
	if l == 0 {
		return "default"
	}
	var parts []string
	for i, name := range [...]string{"system", "organization", "user"} {
		if l&(1<<i) != 0 {
			parts = append(parts, name)
		}
	}
	return strings.Join(parts, "|")
}

// The keys of the shipped settings.
const (
	SettingLocale     = "locale"      // how numbers and names are written: "en-US"
	SettingLanguage   = "language"    // of texts: "en"
	SettingTimeZone   = "time_zone"   // "UTC"
	SettingDateFormat = "date_format" // one of DateFormats: "yyyy-MM-dd"
	SettingTimeFormat = "time_format" // one of TimeFormats: "HH:mm"
	SettingPageSize   = "page_size"   // rows of lists: 50
	// SettingProxyExempt, "true", refuses everybody who would act as the user, by a
	// proxy login or as a deputy. Where it is locked, users cannot do otherwise; a
	// host that lets users set it themselves defines it with Own.
	SettingProxyExempt = "proxy_exempt"
)

// Setting defines a setting. Hosts add theirs with [Config.Settings].
type Setting struct {
	// Key is 1 to 64 characters a-z, 0-9, "_" and ".", beginning with a letter.
	Key string
	// Label is an English name for people. Defaults to Key.
	Label string
	Type  SettingType
	// Values of a SettingEnum.
	Values []string
	// Min and Max bound a SettingInteger. Max is the greatest length of a
	// SettingText in characters, 255 by default and at most 4000.
	Min, Max int
	// Pattern is a regular expression that all of a SettingText matches.
	// Defaults to anything.
	Pattern string
	// Default counts where nothing is set. It must be a valid value.
	Default string
	// Levels are those at which it can be set. Defaults to all three.
	Levels SettingLevel
	// Own: users may set it for themselves, with [PermUserEditProfile] or
	// [PermUserConfigure] on the own record. Without it they may not, unless
	// they administer more than their own record.
	Own bool

	pattern *regexp.Regexp
}

// SettingValue is a value as it is set at a level, by whom and when.
type SettingValue struct {
	Value string
	// Locked: levels nearer the user neither count nor can be set. Not of users.
	Locked bool
	By     UserID // the operator; zero for the system
	At     time.Time
}

const settingTag = `[a-zA-Z]{2,3}(-[a-zA-Z]{4})?(-([a-zA-Z]{2}|[0-9]{3}))?`

// shippedSettings are the settings that every installation has.
func shippedSettings() []Setting {
	return []Setting{
		{Key: SettingLocale, Label: "Locale", Type: SettingText, Pattern: settingTag, Default: "en-US", Own: true},
		{Key: SettingLanguage, Label: "Language", Type: SettingText, Pattern: settingTag, Default: "en", Own: true},
		{Key: SettingTimeZone, Label: "Time zone", Type: SettingZone, Default: "UTC", Own: true},
		{Key: SettingDateFormat, Label: "Date format", Type: SettingEnum, Values: DateFormats(), Default: "yyyy-MM-dd", Own: true},
		{Key: SettingTimeFormat, Label: "Time format", Type: SettingEnum, Values: TimeFormats(), Default: "HH:mm", Own: true},
		{Key: SettingPageSize, Label: "Rows of a page", Type: SettingInteger, Min: 1, Max: MaxPageSize,
			Default: strconv.Itoa(DefaultPageSize), Own: true},
		{Key: SettingProxyExempt, Label: "Nobody acts as the user", Type: SettingBool, Default: "false"},
	}
}

var settingKey = regexp.MustCompile(`^[a-z][a-z0-9_.]{0,63}$`)

const (
	defaultSettingText = 255
	maxSettingText     = 4000
)

// newSettings checks the host's definitions and joins them with the shipped ones.
func newSettings(own []Setting, p *problems) []Setting {
	all := shippedSettings()
	shipped := len(all)
	for _, s := range own {
		s.Values = slices.Clone(s.Values)
		at := slices.IndexFunc(all, func(o Setting) bool { return o.Key == s.Key })
		switch {
		case at < 0:
			all = append(all, s)
		case at < shipped && all[at].replaceable(&s):
			all[at] = s
		case at < shipped:
			p.add("settings", "shipped", "setting "+s.Key+" keeps its type and takes none but the shipped values")
		default:
			p.add("settings", "taken", "setting "+s.Key+" is defined twice")
		}
	}
	for i := range all {
		all[i].prepare(p)
	}
	return all
}

// replaceable reports whether the host's definition s may stand for the shipped
// one: what this package reads must stay readable.
func (o *Setting) replaceable(s *Setting) bool {
	switch o.Key {
	case SettingLocale, SettingLanguage:
		return s.Type == SettingText || s.Type == SettingEnum
	case SettingDateFormat, SettingTimeFormat:
		return s.Type == SettingEnum && len(added(o.Values, s.Values)) == 0
	case SettingPageSize:
		return s.Type == SettingInteger && s.Min >= o.Min && s.Max <= o.Max
	}
	return s.Type == o.Type
}

// prepare fills in what is left out and reports what is wrong.
func (s *Setting) prepare(p *problems) {
	bad := func(rule, detail string) { p.add("settings", rule, fmt.Sprintf("setting %.64q: %s", s.Key, detail)) }
	if !settingKey.MatchString(s.Key) {
		bad("format", "want a-z, 0-9, _ and . in the key, beginning with a letter")
	}
	if s.Label == "" {
		s.Label = s.Key
	}
	if s.Levels == 0 {
		s.Levels = LevelSystem | LevelOrganization | LevelUser
	}
	if s.Levels&^(LevelSystem|LevelOrganization|LevelUser) != 0 {
		bad("levels", "unknown level")
	}
	if s.Type == SettingText && s.Max == 0 {
		s.Max = defaultSettingText
	}
	switch {
	case s.Type < SettingText || s.Type > SettingZone:
		bad("type", "unknown type")
		return
	case s.Type != SettingText && s.Pattern != "", s.Type != SettingEnum && len(s.Values) > 0,
		s.Type != SettingText && s.Type != SettingInteger && s.Max != 0, s.Type != SettingInteger && s.Min != 0:
		bad("type", "has a rule that its type does not know")
	case s.Type == SettingText && (s.Max < 1 || s.Max > maxSettingText):
		bad("range", "want a length of 1 to 4000 characters")
	case s.Type == SettingInteger && s.Min > s.Max:
		bad("range", "the least value is more than the greatest")
	}
	if s.Pattern != "" {
		var err error
		if s.pattern, err = regexp.Compile(`\A(?:` + s.Pattern + `)\z`); err != nil {
			bad("pattern", "not a regular expression")
		}
	}
	if rule, detail := s.check(s.Default); rule != "" {
		bad("default", "the default is not a value: "+detail)
	}
}

// check returns the rule that a value breaks, "" for none.
func (s *Setting) check(value string) (rule, detail string) {
	switch s.Type {
	case SettingText:
		n := utf8.RuneCountInString(value)
		if n > s.Max {
			return "max_length", "want at most " + strconv.Itoa(s.Max) + " characters"
		}
		var p problems
		if p.text("value", value, maxSettingText*utf8.UTFMax, false); len(p.errs) > 0 {
			return "format", "want one line of text"
		}
		if s.pattern != nil && !s.pattern.MatchString(value) {
			return "format", "does not match the pattern of the setting"
		}
	case SettingEnum:
		if !slices.Contains(s.Values, value) {
			return "unknown", "want one of the values of the setting"
		}
	case SettingBool:
		if value != "true" && value != "false" {
			return "format", "want true or false"
		}
	case SettingInteger:
		n, err := strconv.Atoi(value)
		if err != nil || strconv.Itoa(n) != value {
			return "format", "want a decimal number"
		}
		if n < s.Min || n > s.Max {
			return "range", fmt.Sprintf("want %d to %d", s.Min, s.Max)
		}
	case SettingZone:
		if value == "" || value == "Local" {
			return "unknown", "want an IANA name such as Europe/Berlin"
		}
		if _, err := time.LoadLocation(value); err != nil {
			return "unknown", "want an IANA name such as Europe/Berlin"
		}
	}
	return "", ""
}

// setting finds a definition, nil if there is none.
func (m *Manager) setting(key string) *Setting {
	for i := range m.settings {
		if m.settings[i].Key == key {
			return &m.settings[i]
		}
	}
	return nil
}

// settingLevels are what is set at each level, from the system to the user.
type settingLevels [3]map[string]SettingValue

// effective is the value of a setting: that of the level nearest the user that
// is set, allowed and not locked by one above it. A stored value that the
// definition no longer takes does not count. lock is the level that locks
// those below it, 0 if none does.
func (s *Setting) effective(levels settingLevels) (value SettingValue, from, lock SettingLevel) {
	value.Value = s.Default
	for i, set := range levels {
		level := SettingLevel(1) << i
		v, there := set[s.Key]
		if !there || s.Levels&level == 0 {
			continue
		}
		if rule, _ := s.check(v.Value); rule != "" {
			continue
		}
		value, from = v, level
		if v.Locked && level != LevelUser {
			return value, from, level
		}
	}
	return value, from, 0
}

// settingFields are settings as audit entries hold them.
func settingFields(values map[string]SettingValue, keys []string) map[string]string {
	out := make(map[string]string, len(keys))
	for _, key := range keys {
		if v, there := values[key]; there {
			out["setting."+key] = v.Value
			if v.Locked {
				out["locked."+key] = "true"
			}
		}
	}
	return out
}

// changed applies a change to settings.
func changed(values, set map[string]SettingValue, unset []string) map[string]SettingValue {
	out := maps.Clone(values)
	if out == nil {
		out = make(map[string]SettingValue, len(set))
	}
	maps.Copy(out, set)
	for _, key := range unset {
		delete(out, key)
	}
	return out
}
