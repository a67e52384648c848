package usermgmt

import (
	"slices"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt/internal/authz"
)

// ProxyConfig configures proxy logins, those of deputies among them.
type ProxyConfig struct {
	// Off refuses all proxy logins, and ends those that are running with their next
	// verification.
	Off bool
	// Idle ends an unused proxy session. Defaults to 15 minutes, AgileApps'
	// fixed limit; at most that of an hour.
	Idle time.Duration
	// Lifetime ends any proxy session. Defaults to 4 hours; at most 24.
	Lifetime time.Duration
	// Strict refuses targets who hold, in the organization, what the operator
	// does not hold. Without it the permissions hierarchy alone decides, as the
	// platforms document it. Deputies are named by the target and may be weaker.
	Strict bool
	// ReadOnly refuses every change during a proxy login, with the Rule "read_only":
	// of each object there remain the actions "view" and [Object.Reads].
	ReadOnly bool
	// Intersect leaves of the target's rights what the operator holds as well: each
	// permission with the scopes that both have, as seen from the target.
	Intersect bool
	// RequireReason refuses a proxy login without a reason.
	RequireReason bool
	// CheckReason refuses reasons, such as those that name no ticket, by an error
	// whose text says what is wanted. It is called before the transaction, for
	// support logins too, and only for reasons that are not empty. Defaults to none.
	CheckReason func(reason string) error
	// Deny are permissions that are not available while acting as somebody
	// else, by support either. Defaults to those on credentials, keys, sessions,
	// rights and proxy grants. An empty slice that is not nil denies only what
	// always is: one's own password, one's own key, and a further proxy login.
	Deny []Permission
}

// SupportConfig configures customer support logins.
type SupportConfig struct {
	// Off refuses all support logins, and ends those that are running with their
	// next verification.
	Off bool
	// Idle ends an unused support session. Defaults to 15 minutes; at most an hour.
	Idle time.Duration
	// Lifetime ends any support session. Defaults to an hour; at most 24.
	Lifetime time.Duration
	// WithoutConsent lets support in without the consent of the organization, as
	// AgileApps does. By default [Orgs.GrantSupport] comes first: what a tenant
	// stores is the tenant's.
	WithoutConsent bool
	// ReadOnly is as in [ProxyConfig].
	ReadOnly bool
}

func (c *ProxyConfig) setDefaults(p *problems) {
	if c.Lifetime == 0 {
		c.Lifetime = 4 * time.Hour
	}
	actingLimits("proxy", &c.Idle, c.Lifetime, p)
	if c.Deny == nil {
		c.Deny = []Permission{PermUserSetPassword, PermUserManageAPIKey, PermUserEndSessions, PermUserGrant, PermUserMembership,
			PermUserDeactivate, PermProxyConfigure, PermRoleCreate, PermRoleEdit, PermRoleDelete,
			PermProfileCreate, PermProfileEdit, PermProfileDelete, PermPolicyEdit, PermUserExport}
	}
	c.Deny = slices.Clone(c.Deny)
}

func (c *SupportConfig) setDefaults(p *problems) {
	if c.Lifetime == 0 {
		c.Lifetime = time.Hour
	}
	actingLimits("support", &c.Idle, c.Lifetime, p)
}

func actingLimits(name string, idle *time.Duration, lifetime time.Duration, p *problems) {
	if *idle == 0 {
		*idle = 15 * time.Minute
	}
	if *idle < time.Second || *idle > time.Hour {
		p.add(name+".idle", "range", "want a second to an hour")
	}
	if lifetime < *idle || lifetime > 24*time.Hour {
		p.add(name+".lifetime", "range", "want at least idle and at most a day")
	}
}

// masks are what is left of each permission while somebody acts for somebody
// else, and what of that in read-only mode.
func (c *ProxyConfig) masks(cat *authz.Catalogue, objects []Object) (all, reads []authz.Mask, err error) {
	all, reads = make([]authz.Mask, cat.Len()), make([]authz.Mask, cat.Len())
	for i := range all {
		all[i] = ^authz.Mask(0)
	}
	var p problems
	for _, perm := range append(slices.Clone(c.Deny), PermProxyLogin, PermSupportLogin, PermBreakGlass, PermSupportConsent) {
		n, ok := cat.Number(string(perm))
		if !ok {
			p.add("proxy.deny", "unknown_permission", "no permission "+string(perm))
			continue
		}
		all[n] = 0
	}
	for n := range reads {
		if perm := cat.At(n); readsOnly(objects, perm.Object, perm.Action) {
			reads[n] = all[n]
		}
	}
	return all, reads, p.err()
}

// readsOnly reports whether an action changes nothing. Part of an action, as of a
// field, is as the whole.
func readsOnly(objects []Object, object, action string) bool {
	action, _, _ = strings.Cut(action, ":")
	if action == "view" {
		return true
	}
	i := slices.IndexFunc(objects, func(o Object) bool { return o.Name == object })
	return i >= 0 && slices.Contains(objects[i].Reads, action)
}
