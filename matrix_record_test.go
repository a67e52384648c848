package usermgmt_test

import (
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
	return []row{
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
