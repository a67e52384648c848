package usermgmt_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
)

func (*plan) supportRequest(org usermgmt.OrgID) usermgmt.SupportRequest {
	return usermgmt.SupportRequest{Org: org, Reason: "ticket 9", Acknowledged: true, Origin: here}
}

// consents has the tenants choose whom support logs in as, and let it in.
func (p *plan) consents(t *testing.T) {
	for org, admin := range map[string]string{"beta": "other-admin", "gamma": "second-admin"} {
		o, err := p.Orgs().Get(t.Context(), p.Root(), p.orgs[org].ID)
		require.NoError(t, err)
		_, err = p.Orgs().Update(t.Context(), p.Root(), o.ID, o.Version, usermgmt.OrganizationUpdate{PrimaryAdmin: &p.users[admin].ID})
		require.NoError(t, err)
		o, err = p.Orgs().GrantSupport(t.Context(), p.Login(admin).Actor, o.ID, usermgmt.SupportConsent{Until: p.Clock.Now().Add(7 * 24 * time.Hour)})
		require.NoError(t, err)
		p.orgs[org] = o
	}
	p.orgs["foreign"] = p.orgs["beta"]
}

// actingRows are about support, deputies and who acted as whom.
func actingRows() []row {
	tenants := []string{"own", "foreign", "gamma", "unknown"}
	return []row{
		{method: "Proxy.Support", targets: append(tenants, "foreign emergency", "unknown emergency"), call: func(c *cell) (string, error) {
			org, emergency, _ := strings.Cut(c.target, " ")
			req := c.supportRequest(c.orgs[org].ID)
			req.BreakGlass = emergency != ""
			return drop(c.m.Proxy().Support(c.ctx, c.a, req))
		}},
		{method: "Orgs.GrantSupport", targets: tenants, call: func(c *cell) (string, error) {
			return drop(c.m.Orgs().GrantSupport(c.ctx, c.a, c.orgs[c.target].ID, usermgmt.SupportConsent{Until: c.Clock.Now().Add(time.Hour)}))
		}},
		{method: "Orgs.RevokeSupport", targets: tenants, call: func(c *cell) (string, error) {
			return drop(c.m.Orgs().RevokeSupport(c.ctx, c.a, c.orgs[c.target].ID))
		}},
		{method: "Orgs.SupportVisits", call: func(c *cell) (string, error) {
			page, err := c.m.Orgs().SupportVisits(c.ctx, c.a, usermgmt.ListQuery{})
			if err != nil {
				return "", err
			}
			return count(len(page.Items), nil)
		}},
		onUsers("Proxy.NameDeputy", func(c *cell) (string, error) {
			return drop(c.m.Proxy().NameDeputy(c.ctx, c.a, usermgmt.DeputyRequest{Deputy: c.user(), Until: c.Clock.Now().Add(time.Hour)}))
		}),
		onUsers("Proxy.WithdrawDeputy", func(c *cell) (string, error) {
			return only(c.m.Proxy().WithdrawDeputy(c.ctx, c.a, c.user(), c.users["outsider"].ID))
		}),
		onUsers("Proxy.Deputies", func(c *cell) (string, error) {
			return drop(c.m.Proxy().Deputies(c.ctx, c.a, usermgmt.DeputyQuery{User: c.user()}))
		}),
		onUsers("Proxy.WhoMayActAs", func(c *cell) (string, error) {
			page, err := c.m.Proxy().WhoMayActAs(c.ctx, c.a, c.user(), usermgmt.ListQuery{})
			if err != nil {
				return "", err
			}
			return count(len(page.Items), nil)
		}),
		onUsers("Proxy.History", func(c *cell) (string, error) {
			page, err := c.m.Proxy().History(c.ctx, c.a, usermgmt.VisitQuery{User: c.user()})
			if err != nil {
				return "", err
			}
			return count(len(page.Items), nil)
		}),
	}
}
