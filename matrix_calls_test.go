package usermgmt_test

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

// withoutActor excuses the methods that take no actor.
var withoutActor = map[string]string{
	"Manager.WithStore":     "binds, decides nothing",
	"Manager.Bootstrap":     "works once, on an empty store; TestBootstrap…",
	"Manager.BreakGlass":    "for whoever holds the store",
	"Manager.Deliver":       "background work of the host",
	"Manager.DeliverEvents": "background work of the host",
	"Manager.Run":           "background work of the host",
	"Manager.RunOnce":       "background work of the host",
	"Settings.Definitions":  "the same for everybody",
	"Manager.Resolve":       "tells yes or no to whoever holds the manager",
	"Manager.SystemActor":   "makes an actor with what the host gives it",
	"Access.Catalogue":      "the same for everybody",
	"Access.Placements":     "a read for the host's own checks",
	"Passwords.Suggest":     "random text by a policy",
	"Passwords.Forgot":      "for whoever types a name; answers everybody the same",
	"Passwords.Redeem":      "for whoever was mailed the link",
	"Users.ConfirmEmail":    "for whoever was mailed the link",
	"Invitations.Register":  "for whoever was mailed the link",
	"APIKeys.ReportLeak":    "for whoever holds the text of a key",
}

// The three that prove a secret, and ActorFor, take no actor, but have rows all
// the same: with the credentials of the actor's own.
func matrixRows() []row {
	var rows []row
	rows = append(rows, authRows()...)
	rows = append(rows, actingRows()...)
	rows = append(rows, userRows()...)
	rows = append(rows, memberRows()...)
	rows = append(rows, structureRows()...)
	rows = append(rows, roleRows()...)
	rows = append(rows, applicationRows()...)
	rows = append(rows, restRows()...)
	rows = append(rows, recordRows()...)
	rows = append(rows, invitationRows()...)
	rows = append(rows, settingRows()...)
	rows = append(rows, jobRows()...)
	rows = append(rows, factorRows()...)
	rows = append(rows, actionRows()...)
	rows = append(rows, sharingRows()...)
	return rows
}

func count(n int, err error) (string, error) { return strconv.Itoa(n), err }

func only(err error) (string, error) { return "", err }

func drop[T any](_ T, err error) (string, error) { return "", err }

func ptr[T any](v T) *T { return &v }

// onUsers is a row about each of the users to act on.
func onUsers(method string, call func(c *cell) (string, error)) row {
	return row{method: method, targets: userTargets, call: call}
}

func authRows() []row {
	return []row{
		{method: "Actor.Can", targets: []string{"user.view teammate", "user.view outsider", "user.view foreign", "user.edit teammate", "policy.edit own"},
			call: func(c *cell) (string, error) {
				perm, who, _ := cutSpace(c.target)
				r := usermgmt.Record{Org: c.Organization.ID}
				if u := c.users[who]; u != nil {
					mem, err := c.Store.MembershipOf(c.ctx, u.ID, u.Org)
					if err != nil {
						return "", err
					}
					r = usermgmt.Record{Org: u.Org, Owner: u.ID, OwnerUnits: []usermgmt.UnitID{u.OwnerUnit}, OwnerTeams: []usermgmt.TeamID{mem.PrimaryTeam}}
				}
				return strconv.FormatBool(c.a.Can(usermgmt.Permission(perm), r)), nil
			}},
		{method: "Actor.Has", targets: []string{"user.view", "user.set_password", "organization.create", "no.such"}, call: func(c *cell) (string, error) {
			return strconv.FormatBool(c.a.Has(usermgmt.Permission(c.target))), nil
		}},
		{method: "Actor.Scope", targets: []string{"user.view", "user.set_password", "role.view"}, call: func(c *cell) (string, error) {
			return c.a.Scope(usermgmt.Permission(c.target)).String(), nil
		}},
		{method: "Access.Check", targets: []string{"user.edit", "policy.edit"}, call: func(c *cell) (string, error) {
			return only(c.m.Access().Check(c.a, usermgmt.Permission(c.target), usermgmt.Record{Org: c.Organization.ID, Owner: c.users["teammate"].ID,
				OwnerUnits: []usermgmt.UnitID{c.units["sales"]}, OwnerTeams: []usermgmt.TeamID{c.teams["middle"]}}))
		}},
		{method: "Access.CheckMany", call: func(c *cell) (string, error) {
			n := 0
			for _, ok := range c.m.Access().CheckMany(c.a, usermgmt.PermUserEdit, []usermgmt.Record{
				{Org: c.Organization.ID, OwnerTeams: []usermgmt.TeamID{c.teams["middle"]}}, {Org: c.Organization.ID, OwnerTeams: []usermgmt.TeamID{c.teams["below"]}},
				{Org: c.Organization.ID, OwnerUnits: []usermgmt.UnitID{c.units["east"]}}, {Org: c.orgs["beta"].ID}}) {
				if ok {
					n++
				}
			}
			return count(n, nil)
		}},
		{method: "Access.Filter", call: func(c *cell) (string, error) {
			f := c.m.Access().Filter(c.a, usermgmt.PermUserEdit)
			switch {
			case f.System:
				return "system", nil
			case f.All:
				return "all", nil
			case f.Nothing():
				return "nothing", nil
			}
			return "some", nil
		}},
		{method: "Access.Fields", call: func(c *cell) (string, error) {
			if fields := c.m.Access().Fields(c.a, "lead.view", usermgmt.Record{Org: c.Organization.ID}); len(fields) > 0 {
				return strings.Join(fields, " "), nil
			}
			return "none", nil
		}},
		onUsers("Access.ExplainOf", func(c *cell) (string, error) {
			e, err := c.m.Access().ExplainOf(c.ctx, c.a, c.user(), usermgmt.PermUserEdit, nil)
			if err != nil {
				return "", err
			}
			return strconv.FormatBool(e.Allowed), nil
		}),
		onUsers("Access.MayOwn", func(c *cell) (string, error) {
			return only(c.m.Access().MayOwn(c.ctx, c.a, "lead.edit", c.user()))
		}),
		{method: "Access.MayOwnUnit", targets: []string{"sales", "east", "ops", "foreign", "unknown"}, call: func(c *cell) (string, error) {
			return only(c.m.Access().MayOwnUnit(c.ctx, c.a, "unit.create", c.units[c.target]))
		}},
		{method: "Candidates.Owners", call: func(c *cell) (string, error) {
			page, err := c.m.Candidates().Owners(c.ctx, c.a, "lead.edit", usermgmt.ListQuery{})
			if err != nil {
				return "", err
			}
			return count(len(page.Items), nil)
		}},
		{method: "Candidates.OwnerUnits", call: func(c *cell) (string, error) {
			page, err := c.m.Candidates().OwnerUnits(c.ctx, c.a, "unit.create", usermgmt.ListQuery{})
			if err != nil {
				return "", err
			}
			return count(len(page.Items), nil)
		}},
		onUsers("Access.Review", func(c *cell) (string, error) {
			r, err := c.m.Access().Review(c.ctx, c.a, c.user())
			if err != nil {
				return "", err
			}
			return strconv.Itoa(len(r.Assignments)), nil
		}),
		{method: "Access.WhatIf", call: func(c *cell) (string, error) {
			i, err := c.m.Access().WhatIf(c.ctx, c.a, 0, func(ctx context.Context, m *usermgmt.Manager) error {
				return m.Members().End(ctx, c.a, c.users["teammate"].ID, c.Organization.ID)
			})
			if err != nil {
				return "", err
			}
			return count(i.Losing, nil)
		}},
		{method: "Access.Explain", call: func(c *cell) (string, error) {
			e, err := c.m.Access().Explain(c.ctx, c.a, usermgmt.PermUserEdit, &usermgmt.Record{Org: c.Organization.ID, OwnerTeams: []usermgmt.TeamID{c.teams["middle"]}})
			if err != nil {
				return "", err
			}
			return strconv.FormatBool(e.Allowed), nil
		}},
		{method: "Auth.Login", targets: []string{"own password"}, fresh: true, call: func(c *cell) (string, error) {
			return drop(c.m.Auth().Login(c.ctx, usermgmt.LoginRequest{Name: c.loginName(), Password: usermgmttest.Password, Origin: here}))
		}},
		{method: "Auth.Session", targets: []string{"own token"}, fresh: true, call: func(c *cell) (string, error) {
			return drop(c.m.Auth().Session(c.ctx, c.tokens[c.kind], here))
		}},
		{method: "Auth.APIKey", targets: []string{"own key"}, fresh: true, call: func(c *cell) (string, error) {
			return drop(c.m.Auth().APIKey(c.ctx, c.tokens[c.kind], here))
		}},
		{method: "Auth.Logout", call: func(c *cell) (string, error) { return only(c.m.Auth().Logout(c.ctx, c.a)) }},
		{method: "Auth.TakeRole", call: func(c *cell) (string, error) {
			return drop(c.m.Auth().TakeRole(c.ctx, c.a, usermgmt.RoleID{}))
		}},
		{method: "Auth.Roles", call: func(c *cell) (string, error) {
			roles, err := c.m.Auth().Roles(c.ctx, c.a)
			return count(len(roles), err)
		}},
		{method: "Auth.Enter", targets: []string{"own", "foreign", "unknown"}, call: func(c *cell) (string, error) {
			return drop(c.m.Auth().Enter(c.ctx, c.a, usermgmt.EnterRequest{Org: c.orgs[c.target].ID}))
		}},
		{method: "Manager.ActorFor", targets: []string{"oneself"}, call: func(c *cell) (string, error) {
			return drop(c.m.ActorFor(c.ctx, usermgmt.ActorRequest{User: c.a.Subject()}))
		}},
		{method: "Manager.Refresh", call: func(c *cell) (string, error) { return drop(c.m.Refresh(c.ctx, c.a)) }},
		{method: "Passwords.Change", fresh: true, call: func(c *cell) (string, error) {
			return drop(c.m.Passwords().Change(c.ctx, c.a, usermgmt.PasswordChange{Current: usermgmttest.Password, New: "Another-Long-7-Phrase"}))
		}},
		onUsers("Passwords.Set", func(c *cell) (string, error) {
			return only(c.m.Passwords().Set(c.ctx, c.a, c.user(), "Another-Long-7-Phrase", "", false))
		}),
		{method: "Users.ChangeEmail", fresh: true, call: func(c *cell) (string, error) {
			return only(c.m.Users().ChangeEmail(c.ctx, c.a, usermgmt.EmailChange{Email: "fresh@acme.test", Password: usermgmttest.Password}))
		}},
		{method: "Users.VerifyEmail", targets: []string{"own", "another's"}, call: func(c *cell) (string, error) {
			address := "nobody@acme.test"
			if u, err := c.Store.UserByID(c.ctx, c.a.Subject()); err == nil && c.target == "own" {
				address = u.Email
			}
			return only(c.m.Users().VerifyEmail(c.ctx, c.a, address))
		}},
		onUsers("Passwords.Reset", func(c *cell) (string, error) {
			return only(c.m.Passwords().Reset(c.ctx, c.a, c.user()))
		}),
		onUsers("Passwords.ResetMany", func(c *cell) (string, error) {
			r, err := c.m.Passwords().ResetMany(c.ctx, c.a, []usermgmt.UserID{c.user()})
			if err != nil {
				return "", err
			}
			return r[0].Skipped, r[0].Err
		}),
		onUsers("Users.Invite", func(c *cell) (string, error) {
			if acc, err := c.Store.AccountByID(c.ctx, c.user()); err == nil { // as if there never was a password
				acc.Credential.Hash = ""
				if err := c.Store.SaveCredential(c.ctx, acc.Credential); err != nil {
					return "", err
				}
			}
			return only(c.m.Users().Invite(c.ctx, c.a, c.user()))
		}),
		onUsers("APIKeys.Generate", func(c *cell) (string, error) {
			return drop(c.m.APIKeys().Generate(c.ctx, c.a, usermgmt.KeyRequest{User: c.user()}))
		}),
		onUsers("APIKeys.Get", func(c *cell) (string, error) {
			return drop(c.m.APIKeys().Get(c.ctx, c.a, c.user(), usermgmt.OrgID{}))
		}),
		onUsers("APIKeys.Delete", func(c *cell) (string, error) {
			return only(c.m.APIKeys().Delete(c.ctx, c.a, c.user(), usermgmt.OrgID{}))
		}),
		onUsers("Sessions.List", func(c *cell) (string, error) {
			return drop(c.m.Sessions().List(c.ctx, c.a, c.user()))
		}),
		onUsers("Sessions.EndAll", func(c *cell) (string, error) {
			return drop(c.m.Sessions().EndAll(c.ctx, c.a, c.user()))
		}),
		{method: "Sessions.End", targets: userTargets, call: func(c *cell) (string, error) {
			id := c.sessions[c.target]
			if c.target == "self" {
				id = c.a.Session()
			}
			return only(c.m.Sessions().End(c.ctx, c.a, id))
		}},
		onUsers("Proxy.Prepare", func(c *cell) (string, error) { return drop(c.m.Proxy().Prepare(c.ctx, c.a, c.user())) }),
		onUsers("Proxy.Login", func(c *cell) (string, error) {
			return drop(c.m.Proxy().Login(c.ctx, c.a, usermgmt.ProxyRequest{Target: c.user(), Acknowledged: true}))
		}),
		{method: "Proxy.SwitchBack", targets: []string{"own token"}, fresh: true, call: func(c *cell) (string, error) {
			return drop(c.m.Proxy().SwitchBack(c.ctx, c.tokens[c.kind], here))
		}},
		onUsers("Proxy.Grants", func(c *cell) (string, error) { return drop(c.m.Proxy().Grants(c.ctx, c.a, c.user())) }),
		onUsers("Proxy.SetGrants", func(c *cell) (string, error) {
			return drop(c.m.Proxy().SetGrants(c.ctx, c.a, c.user(), 0, usermgmt.ProxyGrants{Restricted: true}))
		}),
	}
}

// loginName is what the kind of actor types to log in.
func (c *cell) loginName() string {
	switch c.kind {
	case "none", "system":
		return "nobody"
	case "proxied", "reader":
		return "pam"
	case "support":
		return "second-admin"
	}
	return c.kind
}

func userRows() []row {
	in := func(team, unit string, profile string, change func(*usermgmt.NewUser)) func(c *cell) (string, error) {
		return func(c *cell) (string, error) {
			n := usermgmt.NewUser{Username: "newcomer", Email: "newcomer@acme.test", FirstName: "New", LastName: "Comer", OwnerUnit: c.units[unit],
				NewMembership: usermgmt.NewMembership{Profile: c.Profile(profile), PrimaryTeam: c.teams[team], Roles: []usermgmt.RoleAssignment{{Role: c.Regular.ID}}}}
			if change != nil {
				change(&n)
			}
			return drop(c.m.Users().Create(c.ctx, c.a, n))
		}
	}
	creates := map[string]func(c *cell) (string, error){
		"in middle, sales":                  in("middle", "sales", usermgmt.ProfileRegularUser, nil),
		"in side, ops":                      in("side", "ops", usermgmt.ProfileRegularUser, nil),
		"in middle, ops":                    in("middle", "ops", usermgmt.ProfileRegularUser, nil),
		"in middle, sales as administrator": in("middle", "sales", usermgmt.ProfileAdministrator, nil),
		"in gamma":                          in("gamma", "gamma", usermgmt.ProfileRegularUser, nil),
		"foreign":                           in("foreign", "foreign", usermgmt.ProfileRegularUser, nil),
		"in an unknown unit":                in("middle", "unknown", usermgmt.ProfileRegularUser, nil),
	}
	return []row{
		{method: "Users.Create", targets: keys(creates), call: func(c *cell) (string, error) { return creates[c.target](c) }},
		onUsers("Users.Get", func(c *cell) (string, error) { return drop(c.m.Users().Get(c.ctx, c.a, c.user())) }),
		onUsers("Users.View", func(c *cell) (string, error) { return drop(c.m.Users().View(c.ctx, c.a, c.user())) }),
		onUsers("Users.Status", func(c *cell) (string, error) {
			_, _, err := c.m.Users().Status(c.ctx, c.a, c.user())
			return only(err)
		}),
		onUsers("Users.Avatar", func(c *cell) (string, error) {
			_, _, err := c.m.Users().Avatar(c.ctx, c.a, c.user())
			return only(err)
		}),
		onUsers("Users.SetAvatar", func(c *cell) (string, error) { return only(c.m.Users().SetAvatar(c.ctx, c.a, c.user(), nil)) }),
		onUsers("Users.Update", func(c *cell) (string, error) {
			return drop(c.m.Users().Update(c.ctx, c.a, c.user(), c.version(), usermgmt.UserUpdate{Company: ptr("Acme")}))
		}),
		{method: "Users.Update", targets: suffixed(userTargets, "phone"), call: func(c *cell) (string, error) {
			c.target, _, _ = cutSpace(c.target)
			return drop(c.m.Users().Update(c.ctx, c.a, c.user(), c.version(), usermgmt.UserUpdate{Phone: ptr("1")}))
		}},
		{method: "Users.Update", targets: suffixed(userTargets, "email"), call: func(c *cell) (string, error) {
			c.target, _, _ = cutSpace(c.target)
			return drop(c.m.Users().Update(c.ctx, c.a, c.user(), c.version(), usermgmt.UserUpdate{Email: ptr("fresh@acme.test")}))
		}},
		onUsers("Users.Enable", func(c *cell) (string, error) { return only(c.m.Users().Enable(c.ctx, c.a, c.user())) }),
		onUsers("Users.Disable", func(c *cell) (string, error) { return only(c.m.Users().Disable(c.ctx, c.a, c.user())) }),
		onUsers("Users.EnableMany", func(c *cell) (string, error) {
			r, err := c.m.Users().EnableMany(c.ctx, c.a, []usermgmt.UserID{c.user()}, false)
			if err != nil {
				return "", err
			}
			return r[0].Skipped, r[0].Err
		}),
		onUsers("Users.Deactivate", func(c *cell) (string, error) {
			return only(c.m.Users().Deactivate(c.ctx, c.a, c.user(), usermgmt.DeactivateOptions{}))
		}),
		onUsers("Users.Reactivate", func(c *cell) (string, error) { return only(c.m.Users().Reactivate(c.ctx, c.a, c.user())) }),
		onUsers("Users.Activate", func(c *cell) (string, error) { return only(c.m.Users().Activate(c.ctx, c.a, c.user())) }),
		onUsers("Users.Assign", func(c *cell) (string, error) {
			return only(c.m.Users().Assign(c.ctx, c.a, c.user(), c.version(), c.units["east"]))
		}),
		{method: "Users.Assign", targets: suffixed([]string{"teammate", "self"}, "to ops"), call: func(c *cell) (string, error) {
			c.target, _, _ = cutSpace(c.target)
			return only(c.m.Users().Assign(c.ctx, c.a, c.user(), c.version(), c.units["ops"]))
		}},
		{method: "Users.Assign", targets: suffixed([]string{"teammate"}, "to gamma"), call: func(c *cell) (string, error) {
			c.target, _, _ = cutSpace(c.target)
			return only(c.m.Users().Assign(c.ctx, c.a, c.user(), c.version(), c.units["gamma"]))
		}},
		{method: "Users.List", targets: []string{"own", "foreign", "unknown"}, call: func(c *cell) (string, error) {
			q := usermgmt.UserQuery{View: usermgmt.ViewAll}
			if c.target != "own" {
				q.Org = c.orgs[c.target].ID
			}
			page, err := c.m.Users().List(c.ctx, c.a, q)
			if err != nil {
				return "", err
			}
			return count(len(page.Items), nil)
		}},
	}
}

func memberRows() []row {
	update := func(change func(c *cell, u *usermgmt.MembershipUpdate)) func(c *cell) (string, error) {
		return func(c *cell) (string, error) {
			c.target, _, _ = cutSpace(c.target)
			org := c.a.Org()
			if org.IsZero() {
				org = c.Organization.ID
			}
			version := int64(1)
			if m, err := c.Store.MembershipOf(c.ctx, c.user(), org); err == nil {
				version = m.Version
			}
			var u usermgmt.MembershipUpdate
			change(c, &u)
			return drop(c.m.Members().Update(c.ctx, c.a, c.user(), usermgmt.OrgID{}, version, u))
		}
	}
	return []row{
		{method: "Members.Add", targets: []string{"teammate to foreign", "teammate to unknown", "outsider to gamma", "foreign to own"},
			call: func(c *cell) (string, error) {
				who, rest, _ := cutSpace(c.target)
				_, where, _ := cutSpace(rest)
				team := c.teams[where]
				if where == "own" {
					team = c.teams["middle"]
				}
				return drop(c.m.Members().Add(c.ctx, c.a, c.users[who].ID, c.orgs[where].ID, usermgmt.NewMembership{
					Profile: c.Profile(usermgmt.ProfileRegularUser), PrimaryTeam: team, Roles: []usermgmt.RoleAssignment{{Role: c.Regular.ID}}}))
			}},
		{method: "Members.Update", targets: suffixed(userTargets, "role"), call: update(func(c *cell, u *usermgmt.MembershipUpdate) {
			u.Roles = &[]usermgmt.RoleAssignment{{Role: c.Regular.ID}, {Role: c.roles["system-wide"].ID}}
		})},
		{method: "Members.Update", targets: suffixed(userTargets, "profile administrator"), call: update(func(c *cell, u *usermgmt.MembershipUpdate) {
			u.Profile = ptr(c.Profile(usermgmt.ProfileAdministrator))
		})},
		{method: "Members.Update", targets: suffixed(userTargets, "profile regular"), call: update(func(c *cell, u *usermgmt.MembershipUpdate) {
			u.Profile = ptr(c.Profile(usermgmt.ProfileRegularUser))
		})},
		{method: "Members.Update", targets: suffixed([]string{"teammate", "outsider", "self"}, "team below"), call: update(func(c *cell, u *usermgmt.MembershipUpdate) {
			u.PrimaryTeam = ptr(c.teams["below"])
		})},
		{method: "Members.Update", targets: suffixed([]string{"teammate", "outsider", "self"}, "team root"), call: update(func(c *cell, u *usermgmt.MembershipUpdate) {
			u.PrimaryTeam = ptr(c.teams["root"])
		})},
		{method: "Members.Update", targets: suffixed([]string{"teammate", "self"}, "team foreign"), call: update(func(c *cell, u *usermgmt.MembershipUpdate) {
			u.PrimaryTeam = ptr(c.teams["foreign"])
		})},
		{method: "Members.Update", targets: suffixed([]string{"teammate", "self"}, "unit ops"), call: update(func(c *cell, u *usermgmt.MembershipUpdate) {
			u.Units = &[]usermgmt.UnitID{c.units["ops"]}
		})},
		{method: "Members.Update", targets: suffixed(userTargets, "disabled"), call: update(func(_ *cell, u *usermgmt.MembershipUpdate) {
			u.Enabled = ptr(false)
		})},
		{method: "Members.Update", targets: suffixed(userTargets, "time zone"), call: update(func(_ *cell, u *usermgmt.MembershipUpdate) {
			u.TimeZone = ptr("Europe/Berlin")
		})},
		{method: "Members.Update", targets: suffixed(userTargets, "nothing"), call: update(func(*cell, *usermgmt.MembershipUpdate) {})},
		onUsers("Members.End", func(c *cell) (string, error) { return only(c.m.Members().End(c.ctx, c.a, c.user(), usermgmt.OrgID{})) }),
		onUsers("Members.Get", func(c *cell) (string, error) { return drop(c.m.Members().Get(c.ctx, c.a, c.user(), usermgmt.OrgID{})) }),
		{method: "Members.Get", targets: []string{"teammate in gamma"}, call: func(c *cell) (string, error) {
			return drop(c.m.Members().Get(c.ctx, c.a, c.users["teammate"].ID, c.orgs["gamma"].ID))
		}},
		onUsers("Members.ListOf", func(c *cell) (string, error) {
			list, err := c.m.Members().ListOf(c.ctx, c.a, c.user())
			if err != nil {
				return "", err
			}
			return count(len(list), nil)
		}),
	}
}

// importRow is what an import of a file with one row comes to: the first
// problem, or what was done.
func importRow(c *cell, csv string, opt usermgmt.ImportOptions) (string, error) {
	opt.DefaultUnit = c.units["sales"]
	opt.Defaults = usermgmt.NewMembership{Profile: c.Profile(usermgmt.ProfileRegularUser), PrimaryTeam: c.teams["middle"],
		Roles: []usermgmt.RoleAssignment{{Role: c.Regular.ID}}}
	r, err := c.m.Imports().Users(c.ctx, c.a, strings.NewReader(csv), opt)
	switch {
	case err != nil:
		return "", err
	case len(r.Problems) > 0:
		return "", r.Problems[0]
	}
	return fmt.Sprintf("%d created, %d updated, %d unchanged", r.Created, r.Updated, r.Unchanged), nil
}

// restRows are imports, exports, audit and licences.
func restRows() []row {
	const header = "username,email,first_name,last_name\n"
	files := map[string]func(c *cell) (string, error){
		"new user": func(c *cell) (string, error) {
			return importRow(c, header+"newcomer,newcomer@acme.test,New,Comer\n", usermgmt.ImportOptions{})
		},
		"new administrator": func(c *cell) (string, error) {
			return importRow(c, "username,email,first_name,last_name,profile\nnewcomer,newcomer@acme.test,New,Comer,Administrator\n", usermgmt.ImportOptions{})
		},
		"to foreign": func(c *cell) (string, error) {
			return importRow(c, header+"newcomer,newcomer@acme.test,New,Comer\n", usermgmt.ImportOptions{Org: c.orgs["foreign"].ID})
		},
		"to unknown": func(c *cell) (string, error) {
			return importRow(c, header+"newcomer,newcomer@acme.test,New,Comer\n", usermgmt.ImportOptions{Org: c.orgs["unknown"].ID})
		},
	}
	for _, name := range []string{"teammate", "below", "outsider", "stronger", "foreign"} {
		files[name+" name"] = func(c *cell) (string, error) {
			return importRow(c, header+name+","+name+"@acme.test,Other,Name\n", usermgmt.ImportOptions{})
		}
		files[name+" email"] = func(c *cell) (string, error) {
			return importRow(c, "username,email\n"+name+",fresh@acme.test\n", usermgmt.ImportOptions{})
		}
		files[name+" disabled"] = func(c *cell) (string, error) {
			return importRow(c, "username,enabled\n"+name+",false\n", usermgmt.ImportOptions{})
		}
		files[name+" profile administrator"] = func(c *cell) (string, error) {
			return importRow(c, "username,profile\n"+name+",Administrator\n", usermgmt.ImportOptions{})
		}
	}
	return []row{
		{method: "Imports.Users", targets: keys(files), call: func(c *cell) (string, error) { return files[c.target](c) }},
		{method: "Imports.UsersSeq", call: func(c *cell) (string, error) {
			rows := func(yield func(usermgmt.ImportRow, error) bool) {
				yield(usermgmt.ImportRow{Columns: []string{"username", "title"}, Values: []string{"teammate", "Dr"}}, nil)
			}
			r, err := c.m.Imports().UsersSeq(c.ctx, c.a, rows, usermgmt.ImportOptions{})
			switch {
			case err != nil:
				return "", err
			case len(r.Problems) > 0:
				return "", r.Problems[0]
			}
			return count(r.Updated, nil)
		}},
		{method: "Imports.Checkpoint", targets: []string{"unknown"}, call: func(c *cell) (string, error) {
			return drop(c.m.Imports().Checkpoint(c.ctx, c.a, usermgmt.ImportID{1}))
		}},
		{method: "AuditLog.List", targets: []string{"own", "foreign", "unknown"}, call: func(c *cell) (string, error) {
			q := usermgmt.AuditQuery{Limit: 1}
			if c.target != "own" {
				q.Org = c.orgs[c.target].ID
			}
			return drop(c.m.Audit().List(c.ctx, c.a, q))
		}},
		{method: "AuditLog.Stream", targets: []string{"own", "foreign", "unknown"}, call: func(c *cell) (string, error) {
			var q usermgmt.AuditQuery
			if c.target != "own" {
				q.Org = c.orgs[c.target].ID
			}
			for _, err := range c.m.Audit().Stream(c.ctx, c.a, q) {
				return only(err)
			}
			return "", nil
		}},
		{method: "AuditLog.Verify", targets: []string{"own", "foreign", "unknown"}, call: func(c *cell) (string, error) {
			return drop(c.m.Audit().Verify(c.ctx, c.a, c.orgs[c.target].ID))
		}},
		{method: "AuditLog.Sealed", targets: []string{"own", "foreign", "unknown"}, call: func(c *cell) (string, error) {
			for _, err := range c.m.Audit().Sealed(c.ctx, c.a, c.orgs[c.target].ID, 0) {
				return only(err)
			}
			return "", nil
		}},
		{method: "AuditLog.Record", call: func(c *cell) (string, error) {
			return only(c.m.Audit().Record(c.ctx, c.a, usermgmt.HostEvent{Verb: "lead.convert", TargetKind: "lead", Target: "1"}))
		}},
		{method: "Licences.SetPool", targets: []string{"own", "foreign", "unknown"}, call: func(c *cell) (string, error) {
			return only(c.m.Licences().SetPool(c.ctx, c.a, c.orgs[c.target].ID, usermgmt.LicencePlatform, usermgmt.PoolTerms{Size: 100}))
		}},
		{method: "Licences.Report", targets: []string{"own", "foreign", "unknown"}, call: func(c *cell) (string, error) {
			return drop(c.m.Licences().Report(c.ctx, c.a, c.orgs[c.target].ID))
		}},
		{method: "Exports.CSV", targets: []string{"own", "foreign", "unknown"}, call: func(c *cell) (string, error) {
			return count(c.m.Exports().CSV(c.ctx, c.a, io.Discard, usermgmt.ExportOptions{Org: c.orgs[c.target].ID}))
		}},
	}
}
