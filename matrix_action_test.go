package usermgmt_test

import "github.com/usermgmt/usermgmt"

// actionRows are about what is available. TestActionsAreWhatTheCallsSay and
// TestCandidatesAreWhatTheCallsTake compare the answers with the calls.
func actionRows() []row {
	return []row{
		onUsers("Users.Actions", func(c *cell) (string, error) {
			list, err := c.m.Users().Actions(c.ctx, c.a, c.user())
			n := 0
			for i := range list {
				for j := range list[i].Actions {
					if list[i].Actions[j].Allowed() {
						n++
					}
				}
			}
			return count(n, err)
		}),
		{method: "Candidates.Users", targets: []string{"disable", "reset_password"}, call: func(c *cell) (string, error) {
			page, err := c.m.Candidates().Users(c.ctx, c.a, usermgmt.Action(c.target), usermgmt.UserQuery{})
			if err != nil {
				return "", err
			}
			return count(len(page.Items), nil)
		}},
		{method: "Candidates.Units", targets: []string{"user.create", "user.assign"}, call: func(c *cell) (string, error) {
			page, err := c.m.Candidates().Units(c.ctx, c.a, usermgmt.Permission(c.target), usermgmt.ListQuery{})
			if err != nil {
				return "", err
			}
			return count(len(page.Items), nil)
		}},
		{method: "Candidates.Teams", targets: []string{"user.create", "user.membership"}, call: func(c *cell) (string, error) {
			page, err := c.m.Candidates().Teams(c.ctx, c.a, usermgmt.Permission(c.target), usermgmt.UnitID{}, usermgmt.ListQuery{})
			if err != nil {
				return "", err
			}
			return count(len(page.Items), nil)
		}},
		onUsers("Candidates.Roles", func(c *cell) (string, error) {
			roles, err := c.m.Candidates().Roles(c.ctx, c.a, c.user(), "")
			return count(len(roles), err)
		}),
		onUsers("Candidates.Profiles", func(c *cell) (string, error) {
			profiles, err := c.m.Candidates().Profiles(c.ctx, c.a, c.user(), "")
			return count(len(profiles), err)
		}),
		onUsers("Candidates.ReportsTo", func(c *cell) (string, error) {
			page, err := c.m.Candidates().ReportsTo(c.ctx, c.a, c.user(), usermgmt.UserQuery{})
			if err != nil {
				return "", err
			}
			return count(len(page.Items), nil)
		}),
		{method: "Candidates.Organizations", call: func(c *cell) (string, error) {
			page, err := c.m.Candidates().Organizations(c.ctx, c.a, usermgmt.ListQuery{})
			if err != nil {
				return "", err
			}
			return count(len(page.Items), nil)
		}},
	}
}
