package usermgmt

import (
	"context"
	"slices"
	"time"
)

// Audit verbs of customer support.
const (
	verbSupportLogin  = "support.login"
	verbBreakGlassIn  = "support.break_glass"
	verbGrantSupport  = "support.consent"
	verbRevokeSupport = "support.revoke"
)

// MaxSupportConsent is how long a consent can last.
const MaxSupportConsent = 30 * day

// SupportRequest asks to log in as the primary administrator of a tenant.
type SupportRequest struct {
	Org OrgID
	// Acknowledged: the operator knows that all actions are recorded in the
	// tenant's log, with the operator's name and the reason.
	Acknowledged bool
	// Reason is always required; [ProxyConfig.CheckReason] may want more of it.
	Reason string
	// BreakGlass enters without consent, in an emergency.
	BreakGlass bool
	// ReadOnly and Intersect are as in [ProxyConfig], for this session. Of the
	// operator's rights those of scope System count.
	ReadOnly, Intersect bool
	// Lifetime ends the session earlier than [SupportConfig.Lifetime]. Zero is then.
	Lifetime time.Duration
	Origin   Origin
}

// Support opens a session with the rights of the primary administrator of a
// tenant, minus [ProxyConfig.Deny]. The operator's own session, in the provider
// organization, is parked until [Proxy.SwitchBack].
//
// The actor came by a session of the own, proved a secret within
// [Config.StepUpAge] whatever [Config.StepUp] marks, and needs [PermSupportLogin],
// which exists with scope System only. The tenant has consented
// ([Orgs.GrantSupport]), unless [SupportConfig.WithoutConsent]. With BreakGlass the
// actor needs [PermBreakGlass] in place of both; every active administrator of the
// tenant is then told at once. Refused are the own organization, one that is
// disabled, and one without a primary administrator who could log in, a lock for
// wrong passwords apart. The address ranges of the administrator's profile are not
// asked, and no seat is taken.
//
// The session ends at [SupportConfig.Idle] and [SupportConfig.Lifetime], with the
// consent, and with the next verification after the permission, the operator's own
// session, the organization or its primary administrator has changed. The tenant can
// end it with [Orgs.RevokeSupport] and, as a session of its primary administrator,
// with [Sessions.End].
//
// Support is atomic. It records "support.login", or "support.break_glass", in the
// tenant's log, as of its primary administrator, with the reason and the operator's
// name, and mails the primary administrator.
//
// Errors: [ErrNotFound], [ErrPermission] with the Rule that refused it, such as
// "no_consent", [ErrStepUp], [ErrInvalid]; of calls from one session at once all but
// one fail with [ErrUnauthenticated] or [ErrStale].
func (p *Proxy) Support(ctx context.Context, a Actor, req SupportRequest) (*LoginResult, error) {
	m := p.m
	var bad problems
	m.checkReason(&bad, req.Reason, true)
	verb := verbSupportLogin
	if req.BreakGlass {
		verb = verbBreakGlassIn
	}
	tok := newSessionToken()
	var result *LoginResult
	err := m.change(ctx, a, "Proxy.Support", verb, func(ctx context.Context, w *work) (err error) {
		result, err = w.support(ctx, &req, tok, bad)
		return err
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}

func (w *work) support(ctx context.Context, req *SupportRequest, tok sessionToken, bad problems) (*LoginResult, error) {
	cfg := &w.m.cfg.Support
	perm, basis := PermSupportLogin, BasisSupport
	if req.BreakGlass {
		perm, basis = PermBreakGlass, BasisBreakGlass
	}
	if err := w.mayAct(cfg.Off, perm); err != nil {
		return nil, err
	}
	if err := w.tx.LockOrg(ctx, req.Org); err != nil { // or its consent might end meanwhile
		return nil, err
	}
	org, err := w.organization(ctx, req.Org)
	if err != nil {
		return nil, err
	}
	if err := w.v.needIn(perm, org.ID); err != nil {
		return nil, err
	}
	if err := w.m.stepUp.fresh(w.v, w.now); err != nil {
		return nil, err
	}
	if org.ID == w.v.org {
		return nil, refusedActing(perm, "own_organization")
	}
	admin, st, err := w.primaryAdmin(ctx, org, perm)
	if err != nil {
		return nil, err
	}
	consented := w.now.Before(org.Support.Until)
	if basis == BasisSupport && !consented && !cfg.WithoutConsent {
		return nil, refusedActing(perm, "no_consent")
	}
	if !req.Acknowledged {
		bad.add("acknowledged", "required", "confirm that all actions will be audited and logged")
	}
	lifetime := actingLifetime(req.Lifetime, cfg.Lifetime, &bad)
	if err := bad.err(); err != nil {
		return nil, err
	}
	ses := Session{Kind: SessionSupport, User: admin.ID, Org: org.ID, Basis: basis, Reason: req.Reason,
		ReadOnly: req.ReadOnly || cfg.ReadOnly, Intersect: req.Intersect,
		Idle: cfg.Idle, ExpiresAt: w.now.Add(lifetime), Origin: req.Origin}
	if basis == BasisSupport && consented {
		ses.ReadOnly = ses.ReadOnly || org.Support.ReadOnly
		if !cfg.WithoutConsent {
			ses.ExpiresAt = earlier(ses.ExpiresAt, org.Support.Until)
		}
	}
	w.on("user", admin.ID, org.ID, admin.DisplayName())
	result, err := w.actAs(ctx, ses, st, tok, map[string]string{})
	if err != nil {
		return nil, err
	}
	return result, w.tellSupport(ctx, &ses, admin)
}

// primaryAdmin loads the user whose rights support has, and the standing in the
// tenant.
func (w *work) primaryAdmin(ctx context.Context, org *Organization, p Permission) (*User, Standing, error) {
	if org.PrimaryAdmin.IsZero() {
		return nil, Standing{}, refusedActing(p, "no_primary_admin")
	}
	u, err := w.tx.UserByID(ctx, org.PrimaryAdmin)
	if err != nil {
		return nil, Standing{}, err
	}
	st, err := w.tx.StandingOf(ctx, u.ID, org.ID)
	if err != nil {
		return nil, Standing{}, err
	}
	if err := waySupport.gate(&st, w.now); err != nil {
		return nil, Standing{}, refusedActing(p, reasonRule(err))
	}
	return &u, st, nil
}

// tellSupport mails the primary administrator or, in an emergency, every active
// administrator of the tenant.
func (w *work) tellSupport(ctx context.Context, ses *Session, admin *User) error {
	kind, told := MailSupportLogin, []User{*admin}
	if ses.Basis == BasisBreakGlass {
		kind = MailBreakGlass
		others, err := w.administrators(ctx, ses.Org)
		if err != nil {
			return err
		}
		told = append(told, slices.DeleteFunc(others, func(u User) bool { return u.ID == admin.ID })...)
	}
	for i := range told {
		w.mail(&told[i], kind, map[string]string{"operator": w.v.operatorName, "reason": ses.Reason,
			"until": ses.ExpiresAt.Format(time.RFC3339), "read_only": boolText(ses.ReadOnly)})
	}
	return nil
}

// administrators returns the active administrators of an organization, of each
// administrator's profile at most [MaxPageSize].
func (w *work) administrators(ctx context.Context, org OrgID) ([]User, error) {
	set, err := w.tx.Policy(ctx, org)
	if err != nil {
		return nil, err
	}
	var out []User
	for _, p := range set.Profiles {
		if !p.Administrator {
			continue
		}
		page, err := w.tx.ListUsers(ctx, UserQuery{Org: org, Profile: p.ID, View: ViewActive, Now: w.now, Limit: MaxPageSize})
		if err != nil {
			return nil, err
		}
		out = append(out, page...)
	}
	return out, nil
}

// stillSupport checks at each verification that support may still act as the
// primary administrator: v is the administrator's actor.
func (m *Manager) stillSupport(ctx context.Context, s Store, ses *Session, operator, v *actorValue, now time.Time) error {
	perm := PermSupportLogin
	if ses.Basis == BasisBreakGlass {
		perm = PermBreakGlass
	}
	if !operator.can(perm, &Record{Org: ses.Org}) {
		return refusedEntry("support_withdrawn")
	}
	org, err := s.OrgByID(ctx, ses.Org)
	if err != nil {
		return unknownUser(err)
	}
	if org.PrimaryAdmin != ses.User {
		return refusedEntry("primary_admin_changed")
	}
	if ses.Basis == BasisBreakGlass {
		return nil
	}
	consented := now.Before(org.Support.Until)
	if !consented && !m.cfg.Support.WithoutConsent {
		return refusedEntry("consent_ended")
	}
	v.readOnly = v.readOnly || consented && org.Support.ReadOnly
	return nil
}

// GrantSupport lets customer support into an organization until c.Until, at most
// [MaxSupportConsent] from now; c.ReadOnly lets it change nothing. It takes the place
// of an earlier consent, and counts at once for sessions that are running.
//
// The actor needs [PermSupportConsent] in the organization, which is the current
// one: nobody consents for another. It takes a person: no API key, and nobody who
// acts for somebody else.
//
// GrantSupport is atomic. It records "support.consent".
//
// Errors: [ErrNotFound], [ErrPermission], [ErrStepUp], [ErrInvalid].
func (s *Orgs) GrantSupport(ctx context.Context, a Actor, id OrgID, c SupportConsent) (*Organization, error) {
	return s.consent(ctx, a, "Orgs.GrantSupport", verbGrantSupport, id, func(w *work, o *Organization) error {
		var p problems
		p.text("reason", c.Reason, 1000, true)
		c.Until = c.Until.UTC().Truncate(time.Microsecond)
		if !w.now.Before(c.Until) || c.Until.Sub(w.now) > MaxSupportConsent {
			p.add("until", "range", "want a time within the next 30 days")
		}
		o.Support = c
		return p.err()
	})
}

// RevokeSupport ends the consent, and every support session in the organization,
// those in an emergency too. It does no harm where there is no consent.
//
// The actor needs what [Orgs.GrantSupport] needs. RevokeSupport is atomic. It
// records "support.revoke".
//
// Errors: [ErrNotFound], [ErrPermission], [ErrStepUp].
func (s *Orgs) RevokeSupport(ctx context.Context, a Actor, id OrgID) (*Organization, error) {
	return s.consent(ctx, a, "Orgs.RevokeSupport", verbRevokeSupport, id, func(_ *work, o *Organization) error {
		o.Support = SupportConsent{}
		return nil
	})
}

// consent changes the consent of an organization.
func (s *Orgs) consent(ctx context.Context, a Actor, op, verb string, id OrgID, fn func(w *work, o *Organization) error) (*Organization, error) {
	var out *Organization
	err := s.m.change(ctx, a, op, verb, func(ctx context.Context, w *work) error {
		if err := ownSession(w.v); err != nil {
			return err
		}
		if err := w.tx.LockOrg(ctx, id); err != nil {
			return err
		}
		o, err := w.organization(ctx, id)
		if err != nil {
			return err
		}
		if err := w.v.needIn(PermSupportConsent, id); err != nil {
			return err
		}
		if id != w.v.org {
			return refusedActing(PermSupportConsent, "own_organization_only")
		}
		before := orgFields(o)
		if err := fn(w, o); err != nil {
			return err
		}
		if verb == verbRevokeSupport {
			if err := w.endSupport(ctx, o); err != nil {
				return err
			}
		}
		return w.saveOrg(ctx, o, before, &out)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// endSupport ends the support sessions in an organization: those of its primary
// administrator. Those as an earlier one are dead already.
func (w *work) endSupport(ctx context.Context, o *Organization) error {
	if o.PrimaryAdmin.IsZero() {
		return nil
	}
	list, err := w.tx.ListSessions(ctx, o.PrimaryAdmin, MaxPageSize)
	if err != nil {
		return err
	}
	for i := range list {
		if list[i].Kind == SessionSupport && list[i].Org == o.ID {
			if _, err := w.tx.EndSession(ctx, list[i].ID, w.now, "support revoked"); err != nil {
				return err
			}
		}
	}
	return nil
}
