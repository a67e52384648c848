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

// jobRows are about exports in the background: one's own, somebody else's, and
// none at all.
func jobRows() []row {
	job := func(c *cell) usermgmt.JobID {
		j := usermgmt.Job{ID: usermgmt.JobID{1}, Kind: usermgmt.JobExport, Org: c.Organization.ID, Status: usermgmt.JobQueued}
		switch c.target {
		case "own":
			j.By, j.Org = c.a.Subject(), c.a.Org()
		case "own, done":
			j.By, j.Org, j.Status, j.EndedAt, j.Tries = c.a.Subject(), c.a.Org(), usermgmt.JobDone, c.Clock.Now(), 1
			if err := c.Store.PutBlob(c.ctx, "file/export-"+j.ID.String()+"-1/000000", []byte("username")); err != nil {
				panic(err)
			}
		case "foreign":
			j.By, j.Org = c.users["foreign"].ID, c.orgs["beta"].ID
		}
		if !j.By.IsZero() {
			if err := c.Store.AddJob(c.ctx, j); err != nil {
				panic(err)
			}
		}
		return j.ID
	}
	targets := []string{"own", "own, done", "foreign", "unknown"}
	return []row{
		{method: "Exports.Start", targets: []string{"own", "foreign", "unknown"}, call: func(c *cell) (string, error) {
			return drop(c.m.Exports().Start(c.ctx, c.a, usermgmt.ExportOptions{Org: c.orgs[c.target].ID}))
		}},
		{method: "Exports.Job", targets: targets, call: func(c *cell) (string, error) { return drop(c.m.Exports().Job(c.ctx, c.a, job(c))) }},
		{method: "Exports.Jobs", targets: targets, call: func(c *cell) (string, error) {
			job(c)
			page, err := c.m.Exports().Jobs(c.ctx, c.a, usermgmt.ListQuery{})
			if err != nil {
				return "", err
			}
			return count(len(page.Items), nil)
		}},
		{method: "Exports.Cancel", targets: targets, call: func(c *cell) (string, error) { return only(c.m.Exports().Cancel(c.ctx, c.a, job(c))) }},
		{method: "Exports.Open", targets: targets, call: func(c *cell) (string, error) { return drop(c.m.Exports().Open(c.ctx, c.a, job(c))) }},
	}
}
