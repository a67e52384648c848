package usermgmt

import (
	"context"
	"fmt"
	"time"
)

// Audit verbs of deputies.
const (
	verbNameDeputy     = "deputy.name"
	verbWithdrawDeputy = "deputy.withdraw"
)

// MaxDeputies is how many deputies a user can have in an organization at a time.
const MaxDeputies = 20

// DeputyRequest names a deputy.
type DeputyRequest struct {
	Deputy UserID
	// From is when it begins; zero is now. Until is when it ends, at most
	// [Policy.Deputies] after its beginning.
	From, Until time.Time
	// ReadOnly: the deputy changes nothing.
	ReadOnly bool
	// Reason is for the deputy and the log. It is optional.
	Reason string
}

// NameDeputy lets a member of the actor's organization act as the actor there, by
// [Proxy.Login], for a time: without [PermProxyLogin], whatever the hierarchy and
// the deputy's proxy list say. Naming somebody again replaces what was said before.
//
// The policy of the organization allows it ([Policy.Deputies]). The actor came by a
// session of the own and proved a secret within [Config.StepUpAge]; the deputy is
// an active person and an enabled member. What a deputy does is the deputy's: it
// counts no further than [ProxyConfig.Deny] leaves, and nobody acts as the deputy's
// deputy.
//
// NameDeputy is atomic. It records "deputy.name" and mails both.
//
// Errors: [ErrPermission] with the Rule that refused it, [ErrStepUp], [ErrNotFound]
// for a deputy whom the actor may not know of, [ErrInvalid], [ErrLimit] for more than
// [MaxDeputies].
func (p *Proxy) NameDeputy(ctx context.Context, a Actor, req DeputyRequest) (*Deputy, error) {
	var out *Deputy
	err := p.m.change(ctx, a, "Proxy.NameDeputy", verbNameDeputy, func(ctx context.Context, w *work) error {
		if w.v.door != DoorSession {
			return &Error{Kind: ErrPermission, Rule: "own_session_only"}
		}
		if err := w.m.stepUp.fresh(w.v, w.now); err != nil {
			return err
		}
		mem, err := w.candidateDeputy(ctx, req.Deputy)
		if err != nil {
			return err
		}
		d := Deputy{User: w.v.subject, Org: w.v.org, Deputy: req.Deputy, From: req.From, Until: req.Until,
			ReadOnly: req.ReadOnly, Reason: req.Reason, CreatedAt: w.now, UpdatedAt: w.now}
		if err := w.checkDeputy(ctx, &d); err != nil {
			return err
		}
		old, err := w.earlierDeputy(ctx, &d)
		if err != nil {
			return err
		}
		if err := w.tx.SaveDeputy(ctx, d); err != nil {
			return err
		}
		d.Version++
		w.record(deputyFields(old), deputyFields(&d))
		if err := w.mailDeputy(ctx, &d, MailDeputyNamed, &mem.User); err != nil {
			return err
		}
		out = &d
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// candidateDeputy loads whom the actor names.
func (w *work) candidateDeputy(ctx context.Context, deputy UserID) (*Member, error) {
	if deputy == w.v.subject {
		return nil, &Error{Kind: ErrPermission, Rule: "self"}
	}
	mem, r, err := w.member(ctx, deputy, w.v.org)
	if err != nil {
		return nil, err
	}
	if !w.v.sees(PermUserView, r) {
		return nil, &Error{Kind: ErrNotFound, hidden: true}
	}
	st, err := w.tx.StandingOf(ctx, deputy, w.v.org)
	if err != nil {
		return nil, err
	}
	if err := wayProxy.gate(&st, w.now); err != nil {
		return nil, &Error{Kind: ErrPermission, Rule: reasonRule(err)}
	}
	return mem, nil
}

func (w *work) checkDeputy(ctx context.Context, d *Deputy) error {
	org, err := w.tx.OrgByID(ctx, d.Org)
	if err != nil {
		return err
	}
	most := w.m.policyOf(&org).Deputies
	if most == 0 || w.m.cfg.Proxy.Off {
		return &Error{Kind: ErrPermission, Rule: "no_deputies"}
	}
	if d.From.IsZero() {
		d.From = w.now
	}
	d.From, d.Until = d.From.UTC().Truncate(time.Microsecond), d.Until.UTC().Truncate(time.Microsecond)
	var p problems
	p.text("reason", d.Reason, 1000, true)
	switch {
	case d.Until.IsZero():
		p.add("until", "required", "say until when")
	case !d.From.Before(d.Until) || !w.now.Before(d.Until):
		p.add("until", "period", "ends before it begins")
	case d.Until.Sub(d.From) > most:
		p.add("until", "range", fmt.Sprintf("lasts longer than %s", most))
	case d.From.Sub(w.now) > 365*day:
		p.add("from", "range", "begins more than a year from now")
	}
	return p.err()
}

// earlierDeputy finds what was said of the deputy before, or room for one more.
// Those who have ended make room.
func (w *work) earlierDeputy(ctx context.Context, d *Deputy) (*Deputy, error) {
	// Parallel calls of one person wait for each other.
	if err := w.tx.LockOrg(ctx, d.Org); err != nil {
		return nil, err
	}
	list, err := w.tx.ListDeputies(ctx, DeputyQuery{Org: d.Org, User: d.User, Limit: MaxDeputies + 1})
	if err != nil {
		return nil, err
	}
	n := len(list)
	for i := range list {
		old := &list[i]
		switch {
		case old.Deputy == d.Deputy:
			d.CreatedAt, d.Version = old.CreatedAt, old.Version
			return old, nil
		case !w.now.Before(old.Until):
			if err := w.tx.DeleteDeputy(ctx, old.User, old.Org, old.Deputy); err != nil {
				return nil, err
			}
			n--
		}
	}
	if n >= MaxDeputies {
		return nil, &Error{Kind: ErrLimit, Field: "deputy"}
	}
	return nil, nil
}

func deputyFields(d *Deputy) map[string]string {
	if d == nil {
		return nil
	}
	out := map[string]string{"deputy": d.Deputy.String(), "period": period(d.From, d.Until), "user": d.User.String()}
	if d.ReadOnly {
		out["read_only"] = boolText(true)
	}
	if d.Reason != "" {
		out["reason"] = d.Reason
	}
	return out
}

// mailDeputy tells both what was done.
func (w *work) mailDeputy(ctx context.Context, d *Deputy, kind string, deputy *User) error {
	u, err := w.tx.UserByID(ctx, d.User)
	if err != nil {
		return err
	}
	values := map[string]string{"user": u.DisplayName(), "deputy": deputy.DisplayName(), "from": d.From.Format(time.RFC3339),
		"until": d.Until.Format(time.RFC3339), "read_only": boolText(d.ReadOnly)}
	w.mail(&u, kind, values)
	w.mail(deputy, kind, values)
	return nil
}

// WithdrawDeputy ends what [Proxy.NameDeputy] began: the deputy's sessions as the
// user are refused from then on. Users withdraw their own deputies, deputies lay it
// down, and others need [PermProxyConfigure] on the user.
//
// WithdrawDeputy records "deputy.withdraw" and mails both.
//
// Errors: [ErrNotFound], [ErrPermission].
func (p *Proxy) WithdrawDeputy(ctx context.Context, a Actor, user, deputy UserID) error {
	return p.m.change(ctx, a, "Proxy.WithdrawDeputy", verbWithdrawDeputy, func(ctx context.Context, w *work) error {
		if _, err := w.deputiesOf(ctx, user, deputy); err != nil {
			return err
		}
		d, err := w.tx.DeputyOf(ctx, user, w.v.org, deputy)
		if err != nil {
			return err
		}
		other, err := w.tx.UserByID(ctx, deputy)
		if err != nil {
			return err
		}
		if err := w.tx.DeleteDeputy(ctx, user, w.v.org, deputy); err != nil {
			return err
		}
		w.record(deputyFields(&d), nil)
		return w.mailDeputy(ctx, &d, MailDeputyWithdrawn, &other)
	})
}

// deputiesOf loads a user whose deputies the actor may know and withdraw: the own
// ones, the actor as the deputy, or others with [PermProxyConfigure].
func (w *work) deputiesOf(ctx context.Context, user, deputy UserID) (*Member, error) {
	mem, r, err := w.member(ctx, user, w.v.org)
	if err != nil {
		return nil, err
	}
	if w.v.selfHere(user) || w.v.selfHere(deputy) {
		return mem, nil
	}
	return mem, w.need(PermProxyConfigure, PermUserView, r)
}

// selfHere reports whether the actor is the user in the present organization, by a
// credential of the own.
func (v *actorValue) selfHere(user UserID) bool {
	return user == v.subject && !user.IsZero() && !v.acting()
}

// Deputies returns a page of deputies in the actor's organization, those whose time
// has ended or not begun among them: with q.User those whom the user has named, with
// q.Deputy those by whom the user was named. Both zero is those whom the actor has
// named. q.Org is set by Deputies.
//
// Users see their own of both sorts; others need [PermProxyConfigure] on the user.
// Errors: [ErrNotFound], [ErrPermission], [ErrInvalid], [ErrLimit].
func (p *Proxy) Deputies(ctx context.Context, a Actor, q DeputyQuery) (*Page[Deputy], error) {
	const op = "Proxy.Deputies"
	v, err := p.m.read(a)
	if err != nil {
		return nil, withOp(op, err)
	}
	switch {
	case !q.User.IsZero() && !q.Deputy.IsZero():
		return nil, withOp(op, invalid("deputy", "excludes", "ask for those of a user or for those by whom one was named"))
	case q.User.IsZero() && q.Deputy.IsZero():
		q.User = v.subject
	}
	q.Org = v.org
	w := &work{m: p.m, tx: p.m.store, v: v, now: p.m.now()}
	whose := q.User
	other := func(d *Deputy) Position { return Position{ID: [16]byte(d.Deputy)} }
	if whose.IsZero() {
		whose = q.Deputy
		other = func(d *Deputy) Position { return Position{ID: [16]byte(d.User)} }
	}
	if _, err := w.deputiesOf(ctx, whose, UserID{}); err != nil {
		return nil, withOp(op, err)
	}
	page, err := pageOf(ListQuery{After: q.After, Limit: q.Limit}, func(l ListQuery) ([]Deputy, error) {
		q.After, q.Limit = l.After, l.Limit
		return p.m.store.ListDeputies(ctx, q)
	}, other)
	return page, withOp(op, err)
}

// deputyNow finds a deputy who may act as of now; [ErrNotFound] if there is none.
func (m *Manager) deputyNow(ctx context.Context, s Store, user UserID, org OrgID, deputy UserID, now time.Time) (Deputy, error) {
	d, err := s.DeputyOf(ctx, user, org, deputy)
	if err != nil {
		return Deputy{}, err
	}
	c := clock{now: now}
	if !c.counts(d.From, d.Until) {
		return Deputy{}, ErrNotFound
	}
	o, err := s.OrgByID(ctx, org)
	if err != nil {
		return Deputy{}, err
	}
	if m.policyOf(&o).Deputies == 0 {
		return Deputy{}, ErrNotFound
	}
	return d, nil
}

// asDeputy lets the actor act as a deputy where a permission, which refused, does
// not.
func (w *work) asDeputy(ctx context.Context, as *proxyAs, refused error) error {
	if k := kindOf(refused); k != ErrPermission && k != ErrNotFound {
		return refused
	}
	d, err := w.m.deputyNow(ctx, w.tx, as.member.User.ID, w.v.org, w.v.subject, w.now)
	if isNotFound(err) {
		return refused
	}
	if err != nil {
		return err
	}
	as.basis, as.until, as.readOnly = BasisDeputy, d.Until, d.ReadOnly
	return w.v.freshFor(PermProxyLogin)
}
