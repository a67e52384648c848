package usermgmt_test

import (
	"io"

	"github.com/usermgmt/usermgmt"
)

// recordRows are the rows about groups and custom fields.
func recordRows() []row {
	labels := []string{"label", "unknown"}
	label := func(c *cell) usermgmt.GroupID {
		if c.target == "unknown" {
			return usermgmt.GroupID{1}
		}
		g := usermgmt.Group{ID: usermgmt.GroupID{2}, Name: "VIP", NameKey: "vip"}
		if err := c.Store.SaveGroup(c.ctx, g); err != nil {
			panic(err)
		}
		return g.ID
	}
	fields := []string{"own", "foreign", "unknown"}
	field := func(c *cell) usermgmt.FieldID {
		if c.target == "unknown" {
			return usermgmt.FieldID{1}
		}
		f := usermgmt.CustomField{ID: usermgmt.FieldID{2}, Org: c.orgs[c.target].ID, Name: "size", Label: "size", Type: usermgmt.FieldBool}
		if err := c.Store.SaveField(c.ctx, f); err != nil {
			panic(err)
		}
		return f.ID
	}
	return []row{
		onUsers("Users.Erase", func(c *cell) (string, error) { return only(c.m.Users().Erase(c.ctx, c.a, c.user())) }),
		onUsers("Users.SubjectReport", func(c *cell) (string, error) {
			return only(c.m.Users().SubjectReport(c.ctx, c.a, c.user(), io.Discard))
		}),
		{method: "Fields.List", targets: fields, call: func(c *cell) (string, error) {
			list, err := c.m.Fields().List(c.ctx, c.a, c.orgs[c.target].ID)
			return count(len(list), err)
		}},
		{method: "Fields.Create", targets: fields, call: func(c *cell) (string, error) {
			return drop(c.m.Fields().Create(c.ctx, c.a, c.orgs[c.target].ID, usermgmt.CustomField{Name: "new", Type: usermgmt.FieldText}))
		}},
		{method: "Fields.Update", targets: fields, call: func(c *cell) (string, error) {
			return drop(c.m.Fields().Update(c.ctx, c.a, field(c), 1, usermgmt.CustomField{Name: "size", Type: usermgmt.FieldBool, Own: true}))
		}},
		{method: "Fields.Delete", targets: fields, call: func(c *cell) (string, error) {
			return only(c.m.Fields().Delete(c.ctx, c.a, field(c)))
		}},
		{method: "Groups.Create", call: func(c *cell) (string, error) {
			return drop(c.m.Groups().Create(c.ctx, c.a, usermgmt.NewGroup{Name: "new"}))
		}},
		{method: "Groups.Update", targets: labels, call: func(c *cell) (string, error) {
			return drop(c.m.Groups().Update(c.ctx, c.a, label(c), 1, usermgmt.GroupUpdate{Name: ptr("other")}))
		}},
		{method: "Groups.Delete", targets: labels, call: func(c *cell) (string, error) {
			return only(c.m.Groups().Delete(c.ctx, c.a, label(c)))
		}},
		{method: "Groups.Get", targets: labels, call: func(c *cell) (string, error) {
			return drop(c.m.Groups().Get(c.ctx, c.a, label(c)))
		}},
		{method: "Groups.List", call: func(c *cell) (string, error) {
			label(c)
			page, err := c.m.Groups().List(c.ctx, c.a, usermgmt.ListQuery{})
			if err != nil {
				return "", err
			}
			return count(len(page.Items), nil)
		}},
	}
}
