package usermgmt_test

import (
	"strings"

	"github.com/usermgmt/usermgmt"
)

// sharing makes, as an administrator, a policy by which the first team
// named by the cell's target shares user.view with the second.
func (c *cell) sharing() (*usermgmt.SharingPolicy, error) {
	f := strings.Fields(c.target)
	as := c.Root()
	if f[0] == "foreign" {
		as = c.AsIn(c.users["other-admin"].ID, c.orgs["beta"].ID)
	}
	return c.m.Sharing().Create(c.ctx, as, usermgmt.NewSharing{Name: "p", Owning: c.teams[f[0]], Sharing: []usermgmt.TeamID{c.teams[f[2]]},
		Model: usermgmt.SharingOneWay, Permissions: []usermgmt.Permission{usermgmt.PermUserView}})
}

func sharingRows() []row {
	pairs := []string{"below to middle", "middle to below", "side to middle", "middle to side", "foreign to foreign-below"}
	on := func(method string, call func(c *cell, p *usermgmt.SharingPolicy) (string, error)) row {
		return row{method: method, targets: pairs, call: func(c *cell) (string, error) {
			p, err := c.sharing()
			if err != nil {
				return "", err
			}
			return call(c, p)
		}}
	}
	return []row{
		{method: "Sharing.Create", targets: append(pairs, "unknown to middle"), call: func(c *cell) (string, error) {
			f := strings.Fields(c.target)
			return drop(c.m.Sharing().Create(c.ctx, c.a, usermgmt.NewSharing{Name: "q", Owning: c.teams[f[0]], Sharing: []usermgmt.TeamID{c.teams[f[2]]},
				Model: usermgmt.SharingOneWay, Permissions: []usermgmt.Permission{usermgmt.PermUserView}}))
		}},
		on("Sharing.Get", func(c *cell, p *usermgmt.SharingPolicy) (string, error) {
			return drop(c.m.Sharing().Get(c.ctx, c.a, p.ID))
		}),
		on("Sharing.List", func(c *cell, _ *usermgmt.SharingPolicy) (string, error) {
			list, err := c.m.Sharing().List(c.ctx, c.a)
			return count(len(list), err)
		}),
		on("Sharing.Update", func(c *cell, p *usermgmt.SharingPolicy) (string, error) {
			return drop(c.m.Sharing().Update(c.ctx, c.a, p.ID, p.Version, usermgmt.SharingUpdate{Name: ptr("r")}))
		}),
		on("Sharing.Delete", func(c *cell, p *usermgmt.SharingPolicy) (string, error) {
			return only(c.m.Sharing().Delete(c.ctx, c.a, p.ID))
		}),
	}
}
