package usermgmt_test

import (
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
)

// invite makes the invitations that the rows act on.
func (p *plan) invite(t *testing.T) {
	p.invitations = map[string]usermgmt.InvitationID{"unknown": {1}}
	for where, place := range map[string][2]string{"in middle": {"middle", "sales"}, "in side": {"side", "ops"}, "foreign": {"foreign", "foreign"}} {
		i, err := p.Invitations().Send(t.Context(), p.Root(), usermgmt.NewInvitation{Email: strings.ReplaceAll(where, " ", ".") + "@invited.test",
			OwnerUnit: p.units[place[1]], NewMembership: usermgmt.NewMembership{Profile: p.Profile(usermgmt.ProfileRegularUser),
				PrimaryTeam: p.teams[place[0]], Roles: []usermgmt.RoleAssignment{{Role: p.Regular.ID}}}})
		require.NoError(t, err)
		p.invitations[where] = i.ID
	}
}

// joinLink is the text of a link of an invitation that root sends to an address.
func (c *cell) joinLink(address, where string) (string, error) {
	i, err := c.m.Invitations().Send(c.ctx, c.actors["root"], usermgmt.NewInvitation{Email: address, OwnerUnit: c.units[where],
		NewMembership: usermgmt.NewMembership{Profile: c.Profile(usermgmt.ProfileRegularUser), PrimaryTeam: c.teams[where],
			Roles: []usermgmt.RoleAssignment{{Role: c.Regular.ID}}}})
	if err != nil {
		return "", err
	}
	t, err := c.Store.TokenByKey(c.ctx, "join "+i.ID.String())
	if err != nil {
		return "", err
	}
	text := "uml_" + strings.Repeat("A", 43)
	_, err = c.Store.ArmToken(c.ctx, usermgmt.TokenSecret{Token: t.ID, Hash: sha256.Sum256([]byte(text))})
	return text, err
}

func invitationRows() []row {
	send := func(team, unit, profile string) func(c *cell) (string, error) {
		return func(c *cell) (string, error) {
			return drop(c.m.Invitations().Send(c.ctx, c.a, usermgmt.NewInvitation{Email: "new@invited.test", OwnerUnit: c.units[unit],
				NewMembership: usermgmt.NewMembership{Profile: c.Profile(profile), PrimaryTeam: c.teams[team],
					Roles: []usermgmt.RoleAssignment{{Role: c.Regular.ID}}}}))
		}
	}
	sends := map[string]func(c *cell) (string, error){
		"in middle, sales":                  send("middle", "sales", usermgmt.ProfileRegularUser),
		"in side, ops":                      send("side", "ops", usermgmt.ProfileRegularUser),
		"in middle, ops":                    send("middle", "ops", usermgmt.ProfileRegularUser),
		"in middle, sales as administrator": send("middle", "sales", usermgmt.ProfileAdministrator),
		"in gamma":                          send("gamma", "gamma", usermgmt.ProfileRegularUser),
		"foreign":                           send("foreign", "foreign", usermgmt.ProfileRegularUser),
		"in an unknown unit":                send("middle", "unknown", usermgmt.ProfileRegularUser),
	}
	on := func(method string, call func(c *cell, id usermgmt.InvitationID) error) row {
		return row{method: method, targets: []string{"in middle", "in side", "foreign", "unknown"}, call: func(c *cell) (string, error) {
			return only(call(c, c.invitations[c.target]))
		}}
	}
	return []row{
		{method: "Invitations.Send", targets: keys(sends), call: func(c *cell) (string, error) { return sends[c.target](c) }},
		on("Invitations.Get", func(c *cell, id usermgmt.InvitationID) error {
			_, err := c.m.Invitations().Get(c.ctx, c.a, id)
			return err
		}),
		on("Invitations.Resend", func(c *cell, id usermgmt.InvitationID) error {
			if t, err := c.Store.TokenByKey(c.ctx, "join "+id.String()); err == nil { // as if it had been mailed long ago
				t.CreatedAt = t.CreatedAt.AddDate(0, 0, -1)
				if _, err := c.Store.PutToken(c.ctx, t, time.Time{}); err != nil {
					return err
				}
			}
			return c.m.Invitations().Resend(c.ctx, c.a, id)
		}),
		on("Invitations.Revoke", func(c *cell, id usermgmt.InvitationID) error { return c.m.Invitations().Revoke(c.ctx, c.a, id) }),
		{method: "Invitations.List", targets: []string{"own", "foreign", "unknown"}, call: func(c *cell) (string, error) {
			var q usermgmt.InvitationQuery
			if c.target != "own" {
				q.Org = c.orgs[c.target].ID
			}
			page, err := c.m.Invitations().List(c.ctx, c.a, q)
			if err != nil {
				return "", err
			}
			return count(len(page.Items), nil)
		}},
		{method: "Invitations.Accept", targets: []string{"to the own address", "to another's", "into the own organization"}, call: func(c *cell) (string, error) {
			address, where := "nobody@invited.test", "beta"
			if u, err := c.Store.UserByID(c.ctx, c.a.Subject()); err == nil && c.target != "to another's" {
				address = u.Email
				if u.Org == c.orgs["beta"].ID {
					where = "gamma"
				}
				if c.target == "into the own organization" {
					mem, err := c.Store.MembershipOf(c.ctx, u.ID, u.Org)
					if err != nil {
						return "", err
					}
					c.teams["its own"], c.units["its own"] = mem.PrimaryTeam, u.OwnerUnit
					where = "its own"
				}
			}
			link, err := c.joinLink(address, where)
			if err != nil {
				return "", err
			}
			return drop(c.m.Invitations().Accept(c.ctx, c.a, usermgmt.Acceptance{Token: link}))
		}},
	}
}
