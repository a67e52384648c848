package usermgmt_test

import (
	"github.com/usermgmt/usermgmt"
)

// settingRows are about settings: of users, of organizations, and of the system.
func settingRows() []row {
	places := func(c *cell) usermgmt.SettingsOf {
		switch c.target {
		case "system":
			return usermgmt.SettingsOf{System: true}
		case "own":
			return usermgmt.SettingsOf{}
		case "foreign organization":
			return usermgmt.SettingsOf{Org: c.orgs["beta"].ID}
		case "unknown organization":
			return usermgmt.SettingsOf{Org: usermgmt.OrgID{1}}
		case "foreign":
			return usermgmt.SettingsOf{Org: c.orgs["beta"].ID, User: c.user()}
		case "unknown":
			return usermgmt.SettingsOf{Org: c.orgs["beta"].ID, User: c.user()}
		}
		return usermgmt.SettingsOf{User: c.user()}
	}
	targets := append([]string{"system", "own", "foreign organization", "unknown organization"}, userTargets...)
	change := usermgmt.SettingChange{Key: usermgmt.SettingLanguage, Value: "de"}
	return []row{
		{method: "Settings.List", targets: targets, call: func(c *cell) (string, error) {
			return drop(c.m.Settings().List(c.ctx, c.a, places(c)))
		}},
		{method: "Settings.Get", targets: targets, call: func(c *cell) (string, error) {
			return drop(c.m.Settings().Get(c.ctx, c.a, places(c), usermgmt.SettingLanguage))
		}},
		{method: "Settings.Change", targets: targets, call: func(c *cell) (string, error) {
			return only(c.m.Settings().Change(c.ctx, c.a, places(c), change))
		}},
		{method: "Settings.Formats", call: func(c *cell) (string, error) { return drop(c.m.Settings().Formats(c.ctx, c.a)) }},
	}
}
