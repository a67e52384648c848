package usermgmt_test

import (
	"context"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
)

// acting has support and a deputy act for others, well and badly.
func (n *nest) acting(ctx context.Context) {
	x := tenancyOf(n.t, n.Env)
	own := x.Login("agent")
	n.result("Auth.Login of an agent", own, nil)
	refused, err := x.Proxy().Support(ctx, own.Actor, x.request())
	n.result("Proxy.Support without consent", refused, err)
	x.consent(n.t, usermgmt.SupportConsent{})
	in, err := x.Proxy().Support(ctx, own.Actor, x.request())
	require.NoError(n.t, err)
	n.result("Proxy.Support", in, err)
	visits, err := x.Orgs().SupportVisits(ctx, x.As(x.joe.ID), usermgmt.ListQuery{})
	n.out("Orgs.SupportVisits", visits, err)
	org, err := x.Orgs().RevokeSupport(ctx, x.As(x.boss.ID), x.tenant.Organization.ID)
	n.out("Orgs.RevokeSupport", org, err)
	a, err := x.verify(n.t, in)
	n.out("Auth.Session after the consent", a, err)

	boss := x.Login("boss")
	n.result("Auth.Login of the boss", boss, nil)
	d, err := x.Proxy().NameDeputy(ctx, boss.Actor, usermgmt.DeputyRequest{Deputy: x.vice.ID, Until: x.Clock.Now().Add(time.Hour)})
	require.NoError(n.t, err)
	n.out("Proxy.NameDeputy", d, err)
	vice := x.Login("vice")
	n.result("Auth.Login of the vice", vice, nil)
	in, err = x.Proxy().Login(ctx, vice.Actor, usermgmt.ProxyRequest{Target: x.boss.ID, Acknowledged: true})
	require.NoError(n.t, err)
	n.result("Proxy.Login as a deputy", in, err)
	who, err := x.Proxy().WhoMayActAs(ctx, boss.Actor, x.boss.ID, usermgmt.ListQuery{})
	n.out("Proxy.WhoMayActAs", who, err)
	history, err := x.Proxy().History(ctx, boss.Actor, usermgmt.VisitQuery{})
	n.out("Proxy.History", history, err)
	n.out("Proxy.WithdrawDeputy", x.Proxy().WithdrawDeputy(ctx, boss.Actor, x.boss.ID, x.vice.ID))
	a, err = x.verify(n.t, in)
	n.out("Auth.Session after the deputy", a, err)
}
