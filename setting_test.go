package usermgmt_test

import (
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

// settingsEnv is an installation with settings of the host's.
func settingsEnv(t *testing.T) *usermgmttest.Env {
	t.Helper()
	return usermgmttest.NewOn(t, teststores.New(t), &usermgmt.Config{Settings: []usermgmt.Setting{
		{Key: "theme", Type: usermgmt.SettingEnum, Values: []string{"light", "dark"}, Default: "light", Own: true},
		{Key: "signature", Type: usermgmt.SettingText, Max: 10, Own: true},
		{Key: "beta", Type: usermgmt.SettingBool, Default: "false"},
		{Key: "retention", Type: usermgmt.SettingInteger, Min: 1, Max: 365, Default: "30",
			Levels: usermgmt.LevelSystem | usermgmt.LevelOrganization},
		{Key: usermgmt.SettingLanguage, Type: usermgmt.SettingEnum, Values: []string{"en", "de", "fr"}, Default: "en", Own: true},
	}})
}

func effective(t *testing.T, e *usermgmttest.Env, a usermgmt.Actor, of usermgmt.SettingsOf, key string) *usermgmt.EffectiveSetting {
	t.Helper()
	s, err := e.Settings().Get(t.Context(), a, of, key)
	require.NoError(t, err)
	return s
}

func TestASettingCountsFromTheLevelNearestTheUser(t *testing.T) {
	t.Parallel()
	e := settingsEnv(t)
	ctx, root := t.Context(), e.Root()
	ann := e.AddUser("ann", nil)
	a := e.As(ann.ID)
	system, org, own := usermgmt.SettingsOf{System: true}, usermgmt.SettingsOf{}, usermgmt.SettingsOf{User: ann.ID}
	is := func(value string, from usermgmt.SettingLevel, by usermgmt.UserID) {
		t.Helper()
		s := effective(t, e, a, own, "language")
		assert.Equal(t, value, s.Value)
		assert.Equal(t, from, s.From)
		assert.Equal(t, by, s.By)
		assert.Equal(t, from == usermgmt.LevelUser, s.Here)
		if from != 0 {
			assert.Equal(t, e.Clock.Now(), s.At)
		}
	}
	set := func(a usermgmt.Actor, of usermgmt.SettingsOf, value string) {
		t.Helper()
		require.NoError(t, e.Settings().Change(ctx, a, of, usermgmt.SettingChange{Key: "language", Value: value, UseDefault: value == ""}))
	}
	is("en", 0, usermgmt.UserID{})
	set(root, system, "fr")
	is("fr", usermgmt.LevelSystem, e.Administrator.ID)
	set(root, org, "de")
	is("de", usermgmt.LevelOrganization, e.Administrator.ID)
	set(a, own, "fr")
	is("fr", usermgmt.LevelUser, ann.ID)
	set(root, org, "")
	is("fr", usermgmt.LevelUser, ann.ID)
	set(root, own, "en") // equal to the default, and still a setting
	is("en", usermgmt.LevelUser, e.Administrator.ID)
	set(a, own, "")
	is("fr", usermgmt.LevelSystem, e.Administrator.ID)

	other := e.AddOrg("beta")
	assert.Equal(t, "fr", effective(t, e, root, usermgmt.SettingsOf{Org: other.Organization.ID}, "language").Value, "organizations have the system in common")
	set(root, org, "de")
	assert.Equal(t, "fr", effective(t, e, root, usermgmt.SettingsOf{Org: other.Organization.ID}, "language").Value, "and nothing else")
}

func TestLocksFromAboveHold(t *testing.T) {
	t.Parallel()
	e := settingsEnv(t)
	ctx, root := t.Context(), e.Root()
	ann := e.AddUser("ann", nil)
	a := e.As(ann.ID)
	own := usermgmt.SettingsOf{User: ann.ID}
	change := func(a usermgmt.Actor, of usermgmt.SettingsOf, c usermgmt.SettingChange) error {
		c.Key = "theme"
		return e.Settings().Change(ctx, a, of, c)
	}
	require.NoError(t, change(a, own, usermgmt.SettingChange{Value: "dark"}))
	require.NoError(t, change(root, usermgmt.SettingsOf{}, usermgmt.SettingChange{Value: "light", Lock: true}))
	s := effective(t, e, a, own, "theme")
	assert.Equal(t, "light", s.Value, "what was set below no longer counts")
	assert.Equal(t, usermgmt.LevelOrganization, s.LockedBy)
	assert.Equal(t, usermgmt.LevelOrganization, s.From)
	assert.True(t, s.Here, "but is still there")
	for _, by := range []usermgmt.Actor{a, root} {
		err := change(by, own, usermgmt.SettingChange{Value: "dark"})
		require.ErrorIs(t, err, usermgmt.ErrConflict)
		assert.Equal(t, "locked", usermgmt.FieldErrors(err)[0].Rule)
	}
	require.NoError(t, change(root, usermgmt.SettingsOf{}, usermgmt.SettingChange{Value: "dark", Lock: true}), "the lock does not bind its own level")
	require.NoError(t, change(root, usermgmt.SettingsOf{System: true}, usermgmt.SettingChange{Value: "light", Lock: true}))
	require.ErrorIs(t, change(root, usermgmt.SettingsOf{}, usermgmt.SettingChange{Value: "dark"}), usermgmt.ErrConflict)
	assert.Equal(t, usermgmt.LevelSystem, effective(t, e, a, own, "theme").LockedBy)
	require.NoError(t, change(root, usermgmt.SettingsOf{}, usermgmt.SettingChange{UseDefault: true}), "going back to the default is always possible")
	require.NoError(t, change(root, usermgmt.SettingsOf{System: true}, usermgmt.SettingChange{Value: "light"}))
	assert.Equal(t, "dark", effective(t, e, a, own, "theme").Value, "without the lock the user's choice counts again")
	err := change(root, own, usermgmt.SettingChange{Value: "dark", Lock: true})
	require.ErrorIs(t, err, usermgmt.ErrInvalid, "below the user there is nothing to lock")
}

func TestSettingsHaveTypes(t *testing.T) {
	t.Parallel()
	e := settingsEnv(t)
	own := usermgmt.SettingsOf{User: e.Administrator.ID}
	for key, values := range map[string]struct{ good, bad []string }{
		"theme":                    {[]string{"dark", "light"}, []string{"", "Dark", "blue"}},
		"signature":                {[]string{"", "ten \u00e9\u00e9\u00e9 ok"}, []string{"eleven chars", "a\nb", "\x00"}},
		"beta":                     {[]string{"true", "false"}, []string{"", "1", "TRUE"}},
		usermgmt.SettingPageSize:   {[]string{"1", "1000"}, []string{"0", "1001", "+5", "05", "5.0", " 5", ""}},
		usermgmt.SettingLanguage:   {[]string{"de"}, []string{"es"}}, // the host has replaced it
		usermgmt.SettingLocale:     {[]string{"de", "de-CH", "sr-Latn-RS", "es-419"}, []string{"", "german", "de_CH", "de-CH "}},
		usermgmt.SettingTimeZone:   {[]string{"UTC", "Europe/Berlin"}, []string{"", "Local", "Berlin", "../etc/passwd"}},
		usermgmt.SettingDateFormat: {usermgmt.DateFormats(), []string{"", "dd.MM.yy"}},
		usermgmt.SettingTimeFormat: {usermgmt.TimeFormats(), []string{"", "HH:mm:ss"}},
	} {
		for _, v := range values.good {
			require.NoError(t, e.Settings().Change(t.Context(), e.Root(), own, usermgmt.SettingChange{Key: key, Value: v}), "%s=%q", key, v)
			assert.Equal(t, v, effective(t, e, e.Root(), own, key).Value)
		}
		for _, v := range values.bad {
			err := e.Settings().Change(t.Context(), e.Root(), own, usermgmt.SettingChange{Key: key, Value: v})
			require.ErrorIs(t, err, usermgmt.ErrInvalid, "%s=%q", key, v)
			assert.Equal(t, key, usermgmt.FieldErrors(err)[0].Field)
		}
	}
	err := e.Settings().Change(t.Context(), e.Root(), own, usermgmt.SettingChange{Key: "no.such", Value: "x"},
		usermgmt.SettingChange{Key: "theme", Value: "x"}, usermgmt.SettingChange{Key: "retention", Value: "5"})
	require.ErrorIs(t, err, usermgmt.ErrInvalid)
	assert.Len(t, usermgmt.FieldErrors(err), 3, "all problems at once")
	require.NoError(t, e.Settings().Change(t.Context(), e.Root(), usermgmt.SettingsOf{}, usermgmt.SettingChange{Key: "retention", Value: "5"}))
	assert.Equal(t, "5", effective(t, e, e.Root(), own, "retention").Value)
}

// A value that a later version of the host no longer defines does not count.
func TestStoredValuesThatTheDefinitionRefusesDoNotCount(t *testing.T) {
	t.Parallel()
	e := settingsEnv(t)
	own := usermgmt.SettingsOf{User: e.Administrator.ID}
	require.NoError(t, e.Settings().Change(t.Context(), e.Root(), usermgmt.SettingsOf{}, usermgmt.SettingChange{Key: "theme", Value: "light"}))
	require.NoError(t, e.Settings().Change(t.Context(), e.Root(), own, usermgmt.SettingChange{Key: "theme", Value: "dark"}))
	later := e.NewManager(&usermgmt.Config{Settings: []usermgmt.Setting{
		{Key: "theme", Type: usermgmt.SettingEnum, Values: []string{"light", "blue"}, Default: "blue"}}})
	a, err := later.ActorFor(t.Context(), usermgmt.ActorRequest{User: e.Administrator.ID})
	require.NoError(t, err)
	s, err := later.Settings().Get(t.Context(), a, own, "theme")
	require.NoError(t, err)
	assert.Equal(t, "light", s.Value)
	assert.Equal(t, usermgmt.LevelOrganization, s.From)
	_, err = later.Settings().Get(t.Context(), a, own, "beta")
	require.ErrorIs(t, err, usermgmt.ErrNotFound)
}

func TestUsersSetTheirOwnSettingsAndNoOthers(t *testing.T) {
	t.Parallel()
	e := settingsEnv(t)
	ctx := t.Context()
	ann, bob := e.AddUser("ann", nil), e.AddUser("bob", nil)
	a := e.As(ann.ID)
	own := usermgmt.SettingsOf{User: ann.ID}
	set := func(a usermgmt.Actor, of usermgmt.SettingsOf, key, value string) error {
		return e.Settings().Change(ctx, a, of, usermgmt.SettingChange{Key: key, Value: value})
	}
	require.NoError(t, set(a, own, "theme", "dark"))
	err := set(a, own, "beta", "true")
	require.ErrorIs(t, err, usermgmt.ErrPermission, "beta is for administrators to set")
	require.NoError(t, set(e.Root(), own, "beta", "true"))
	require.NoError(t, set(e.Root(), usermgmt.SettingsOf{User: e.Administrator.ID}, "beta", "true"), "they may on themselves too")
	require.ErrorIs(t, set(a, usermgmt.SettingsOf{User: bob.ID}, "theme", "dark"), usermgmt.ErrNotFound)
	require.ErrorIs(t, set(a, usermgmt.SettingsOf{}, "theme", "dark"), usermgmt.ErrPermission)
	require.ErrorIs(t, set(a, usermgmt.SettingsOf{System: true}, "theme", "dark"), usermgmt.ErrPermission)
}

// The time zone and the date format of a member are settings, whoever writes them.
func TestTimeZoneAndDateFormatAreSettings(t *testing.T) {
	t.Parallel()
	e := settingsEnv(t)
	ctx, root := t.Context(), e.Root()
	ann := e.AddUser("ann", func(n *usermgmt.NewUser) { n.TimeZone, n.DateFormat = "Europe/Berlin", "dd.MM.yyyy" })
	own := usermgmt.SettingsOf{User: ann.ID}
	zone := effective(t, e, root, own, usermgmt.SettingTimeZone)
	assert.Equal(t, "Europe/Berlin", zone.Value)
	assert.Equal(t, e.Administrator.ID, zone.By)
	mem, err := e.Members().Get(ctx, root, ann.ID, usermgmt.OrgID{})
	require.NoError(t, err)
	require.NoError(t, e.Settings().Change(ctx, e.As(ann.ID), own, usermgmt.SettingChange{Key: "theme", Value: "dark"}))
	tokyo, none := "Asia/Tokyo", ""
	mem, err = e.Members().Update(ctx, root, ann.ID, usermgmt.OrgID{}, mem.Version, usermgmt.MembershipUpdate{TimeZone: &tokyo, DateFormat: &none})
	require.NoError(t, err, "a setting makes no edit of the membership stale")
	assert.Equal(t, "Asia/Tokyo", mem.Settings[usermgmt.SettingTimeZone].Value)
	assert.Equal(t, "dark", effective(t, e, root, own, "theme").Value, "and no edit loses a setting")
	assert.Equal(t, "Asia/Tokyo", effective(t, e, root, own, usermgmt.SettingTimeZone).Value)
	assert.Equal(t, usermgmt.SettingLevel(0), effective(t, e, root, own, usermgmt.SettingDateFormat).From)

	require.NoError(t, e.Settings().Change(ctx, root, usermgmt.SettingsOf{}, usermgmt.SettingChange{Key: usermgmt.SettingTimeZone, Value: "UTC", Lock: true}))
	berlin := "Europe/Berlin"
	_, err = e.Members().Update(ctx, root, ann.ID, usermgmt.OrgID{}, mem.Version, usermgmt.MembershipUpdate{TimeZone: &berlin})
	require.ErrorIs(t, err, usermgmt.ErrConflict, "the lock holds on this way too")
	company := usermgmt.MembershipUpdate{TimeZone: &none}
	_, err = e.Members().Update(ctx, root, ann.ID, usermgmt.OrgID{}, mem.Version, company)
	require.NoError(t, err)
}

func TestChangesOfSettingsAreRecorded(t *testing.T) {
	t.Parallel()
	e := settingsEnv(t)
	ctx, root := t.Context(), e.Root()
	ann := e.AddUser("ann", nil)
	own := usermgmt.SettingsOf{User: ann.ID}
	entries := func() []usermgmt.AuditEntry {
		t.Helper()
		list, err := e.Audit().List(ctx, root, usermgmt.AuditQuery{Verb: "settings.change"})
		require.NoError(t, err)
		return list
	}
	require.NoError(t, e.Settings().Change(ctx, root, own, usermgmt.SettingChange{Key: "theme", Value: "dark"}, usermgmt.SettingChange{Key: "beta", Value: "true"}))
	require.NoError(t, e.Settings().Change(ctx, root, own, usermgmt.SettingChange{Key: "theme", Value: "dark"}), "what is so already changes nothing")
	require.NoError(t, e.Settings().Change(ctx, root, own, usermgmt.SettingChange{Key: "signature", UseDefault: true}))
	require.Len(t, entries(), 1)
	require.NoError(t, e.Settings().Change(ctx, root, own, usermgmt.SettingChange{Key: "theme", UseDefault: true}))
	require.NoError(t, e.Settings().Change(ctx, root, usermgmt.SettingsOf{}, usermgmt.SettingChange{Key: "theme", Value: "dark", Lock: true}))
	list := entries()
	require.Len(t, list, 3)
	assert.Equal(t, ann.ID.String(), list[2].Target)
	assert.Equal(t, []string{"setting.beta", "setting.theme"}, list[2].Fields)
	assert.Equal(t, map[string]string{"setting.theme": "dark"}, list[1].Detail.Before)
	assert.Empty(t, list[1].Detail.After)
	assert.Equal(t, map[string]string{"setting.theme": "dark", "locked.theme": "true"}, list[0].Detail.After)
	assert.Equal(t, "organization", list[0].TargetKind)
}

func TestSettingsOfManyCallersAreAllKept(t *testing.T) {
	t.Parallel()
	var defs []usermgmt.Setting
	for i := range 64 {
		defs = append(defs, usermgmt.Setting{Key: "k" + strconv.Itoa(i), Type: usermgmt.SettingText, Own: true})
	}
	e := usermgmttest.NewOn(t, teststores.New(t), &usermgmt.Config{Settings: defs})
	ann := e.AddUser("ann", nil)
	a, own := e.As(ann.ID), usermgmt.SettingsOf{User: ann.ID}
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			assert.NoError(t, e.Settings().Change(t.Context(), a, own, usermgmt.SettingChange{Key: "k" + strconv.Itoa(i), Value: "v"}))
		})
	}
	wg.Wait()
	all, err := e.Settings().List(t.Context(), a, own)
	require.NoError(t, err)
	n := 0
	for _, s := range all {
		if s.Here {
			n++
		}
	}
	assert.Equal(t, 64, n)
}

func TestSettingDefinitionsAreChecked(t *testing.T) {
	t.Parallel()
	for name, defs := range map[string][]usermgmt.Setting{
		"key":             {{Key: "A", Type: usermgmt.SettingBool, Default: "true"}},
		"type":            {{Key: "a"}},
		"default":         {{Key: "a", Type: usermgmt.SettingBool}},
		"twice":           {{Key: "a", Type: usermgmt.SettingText}, {Key: "a", Type: usermgmt.SettingText}},
		"pattern":         {{Key: "a", Type: usermgmt.SettingText, Pattern: "("}},
		"range":           {{Key: "a", Type: usermgmt.SettingInteger, Min: 2, Max: 1, Default: "2"}},
		"level":           {{Key: "a", Type: usermgmt.SettingText, Levels: 8}},
		"rule":            {{Key: "a", Type: usermgmt.SettingBool, Max: 3, Default: "true"}},
		"shipped type":    {{Key: usermgmt.SettingTimeZone, Type: usermgmt.SettingText}},
		"shipped formats": {{Key: usermgmt.SettingDateFormat, Type: usermgmt.SettingEnum, Values: []string{"yy"}, Default: "yy"}},
		"shipped page":    {{Key: usermgmt.SettingPageSize, Type: usermgmt.SettingInteger, Max: 2000, Default: "1"}},
	} {
		_, err := usermgmt.New(teststores.New(t), &usermgmt.Config{Settings: defs})
		require.ErrorIs(t, err, usermgmt.ErrInvalid, name)
	}
	m, err := usermgmt.New(teststores.New(t), nil)
	require.NoError(t, err)
	var keys []string
	for _, s := range m.Settings().Definitions() {
		keys = append(keys, s.Key)
	}
	assert.Equal(t, []string{"locale", "language", "time_zone", "date_format", "time_format", "page_size", "proxy_exempt"}, keys)
}

func TestDatesAreInTheUsersFormat(t *testing.T) {
	t.Parallel()
	e := settingsEnv(t)
	ann := e.AddUser("ann", func(n *usermgmt.NewUser) { n.TimeZone, n.DateFormat = "Europe/Berlin", "dd.MM.yyyy" })
	require.NoError(t, e.Settings().Change(t.Context(), e.Root(), usermgmt.SettingsOf{}, usermgmt.SettingChange{Key: usermgmt.SettingTimeFormat, Value: "hh:mm a"}))
	f, err := e.Settings().Formats(t.Context(), e.As(ann.ID))
	require.NoError(t, err)
	at := time.Date(2026, time.July, 4, 22, 5, 59, 0, time.UTC)
	assert.Equal(t, "05.07.2026 12:05 AM", f.DateTime(at))
	back, err := f.ParseDateTime("5.7.2026 12:05 am")
	require.NoError(t, err)
	assert.True(t, back.Equal(at.Truncate(time.Minute)))
	var zero usermgmt.Formats
	assert.Equal(t, "2026-07-04 22:05", zero.DateTime(at))
	assert.Empty(t, zero.DateTime(time.Time{}))
}
