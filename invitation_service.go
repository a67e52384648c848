package usermgmt

import (
	"context"
	"slices"
	"time"

	"github.com/usermgmt/usermgmt/internal/authz"
	"github.com/usermgmt/usermgmt/internal/canon"
)

// Invitations asks people into organizations by mail. [Manager.Invitations]
// returns it.
type Invitations struct{ m *Manager }

// Invitations returns the service that asks people into organizations.
func (m *Manager) Invitations() *Invitations { return &Invitations{m} }

// Audit verbs of invitations.
const (
	verbInvite       = "invitation.send"
	verbInviteAgain  = "invitation.resend"
	verbInviteRevoke = "invitation.revoke"
	verbInviteAccept = "invitation.accept"
	verbInviteExpire = "invitation.expire"
)

// NewInvitation describes whom to ask to what.
type NewInvitation struct {
	// Email is where the invitation goes. Nobody is told whether it has an account.
	Email string
	// OwnerUnit owns the record of somebody new. Its organization is that of the
	// invitation.
	OwnerUnit UnitID
	// Membership of that organization.
	NewMembership
}

// Send invites whoever reads the mail at an address: somebody who has an account
// joins the organization with it ([Invitations.Accept]), and somebody new makes one
// ([Invitations.Register]). The address is not looked up, so the answer is the same.
//
// A seat of the plan's licence is reserved until the invitation ends: it is
// counted once, whatever becomes of it. The link works once, for
// [Policy.InvitationLifetime] of the organization.
//
// The actor is a user and needs [PermUserInvite] with a scope that covers the owner
// unit and every team of the plan; the subset rule holds as for [Users.Create]. Both
// are asked again of the same user when the invitation is accepted. Not during a
// proxy login, nor with an API key.
//
// Send is atomic. It records "invitation.send", without the address.
//
// Errors: [ErrInvalid] with every problem; [ErrConflict], Field "email", if one is
// pending; [ErrLimit] without a free seat; [ErrNotFound]; [ErrPermission].
func (s *Invitations) Send(ctx context.Context, a Actor, n NewInvitation) (*Invitation, error) {
	var out *Invitation
	id := newID[Invitation]()
	email, key, bad := canon.Email(n.Email)
	err := s.m.change(ctx, a, "Invitations.Send", verbInvite, func(ctx context.Context, w *work) error {
		w.on("invitation", id, w.v.org, "")
		if w.v.subject.IsZero() {
			return &Error{Kind: ErrPermission, Rule: "users_only", Permission: PermUserInvite}
		}
		// Whoever reads that mail would keep what is not theirs.
		if err := w.ownDoor(UserID{}, PermUserInvite); err != nil {
			return err
		}
		var p problems
		if bad != nil {
			p.add("email", ruleOf(bad), bad.Error())
		}
		unit, err := w.tx.UnitByID(ctx, n.OwnerUnit)
		if skipNotFound(err) != nil {
			return err
		}
		if number, ok := w.v.cat.Number(string(PermUserInvite)); err != nil ||
			unit.Org != w.v.org && (!ok || w.v.granted(number)&authz.System == 0) {
			p.add("owner_unit", "unknown", "no such business unit") // also as if it were not there
			return p.err()
		}
		w.org = unit.Org
		org, err := w.tx.OrgByID(ctx, unit.Org)
		if err != nil {
			return err
		}
		u := User{Kind: KindPerson, Org: unit.Org, OwnerUnit: unit.ID, Enabled: true}
		mem, err := w.planned(ctx, &u, &unit, &n.NewMembership, &p)
		if err != nil {
			return err
		}
		if err := p.err(); err != nil {
			return err
		}
		if err := w.noOther(ctx, unit.Org, key); err != nil {
			return err
		}
		if err := w.tx.ClaimSeats(ctx, unit.Org, mem.Licence, 1); err != nil {
			return err
		}
		i := Invitation{ID: id, Org: unit.Org, OwnerUnit: unit.ID, Email: email, EmailKey: key, Plan: n.NewMembership, Licence: mem.Licence,
			InvitedBy: w.v.subject, CreatedAt: w.now, UpdatedAt: w.now, ExpiresAt: w.now.Add(w.m.policyOf(&org).InvitationLifetime)}
		if err := w.tx.SaveInvitation(ctx, i); err != nil {
			return err
		}
		i.Version = 1
		if _, err := w.mailInvitation(ctx, &i, &org, time.Time{}); err != nil {
			return err
		}
		w.record(nil, withAccess(membershipFields(mem), n.Access))
		out = &i
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// planned checks the membership that an invitation plans for u, as what the actor
// of w may give.
func (w *work) planned(ctx context.Context, u *User, unit *BusinessUnit, n *NewMembership, p *problems) (*Membership, error) {
	mem := &Membership{User: u.ID, Org: unit.Org, Enabled: true, CreatedAt: w.now, UpdatedAt: w.now, Rights: firstStamp()}
	n.into(mem, w)
	r := &Record{Org: unit.Org, OwnerUnits: []UnitID{unit.ID}, OwnerTeams: teamsAt(mem, w.now)}
	if err := w.need(PermUserInvite, PermUnitView, r); err != nil {
		return nil, err
	}
	if err := w.unitInScope(PermUserInvite, unit); err != nil {
		return nil, err
	}
	return mem, w.checkMembership(ctx, u, nil, mem, n.Access, PermUserInvite, p)
}

// noOther refuses a second pending invitation of an address. One that has expired
// and was not tidied away gives back its seat.
func (w *work) noOther(ctx context.Context, org OrgID, key string) error {
	i, err := w.tx.PendingInvitation(ctx, org, key)
	if err != nil {
		return skipNotFound(err)
	}
	if i.Pending(w.now) {
		return conflict("email", "taken", "an invitation of this address is pending")
	}
	_, err = w.endInvitation(ctx, &i, InvitationExpired, UserID{})
	return err
}

// endInvitation ends an invitation and, unless it was accepted, gives back the
// seat that it reserved. ended tells whether this call did.
func (w *work) endInvitation(ctx context.Context, i *Invitation, outcome InvitationOutcome, by UserID) (ended bool, err error) {
	ended, err = w.tx.EndInvitation(ctx, i.ID, outcome, w.now, by)
	if err != nil || !ended || outcome == InvitationAccepted {
		return ended, err
	}
	return true, w.tx.ClaimSeats(ctx, i.Org, i.Licence, -1)
}

// mailInvitation makes a token of the invitation, unless one was made after since,
// and mails it.
func (w *work) mailInvitation(ctx context.Context, i *Invitation, org *Organization, since time.Time) (put bool, err error) {
	t := Token{ID: newID[Token](), Key: tokenKey(TokenJoin, i.ID.String()), Purpose: TokenJoin, Org: i.Org, Invitation: i.ID,
		Address: i.Email, CreatedAt: w.now, ExpiresAt: i.ExpiresAt, CreatedBy: w.v.subject}
	put, err = w.tx.PutToken(ctx, t, since)
	if err == nil && put {
		w.tokenMail(&t, MailJoin, map[string]string{"organization": org.Name})
	}
	return put, err
}

// recordOfInvitation places an invitation: with its owner unit and the teams of
// its plan. Whoever sent it may know of it.
func recordOfInvitation(i *Invitation, now time.Time) *Record {
	mem := Membership{Teams: i.Plan.Teams}
	if !i.Plan.PrimaryTeam.IsZero() {
		mem.Teams = append(slices.Clone(mem.Teams), TeamAssignment{Team: i.Plan.PrimaryTeam})
	}
	return &Record{Org: i.Org, Owner: i.InvitedBy, OwnerUnits: []UnitID{i.OwnerUnit}, OwnerTeams: teamsAt(&mem, now)}
}

// invitation loads an invitation that the actor may change and that has no
// outcome.
func (w *work) invitation(ctx context.Context, id InvitationID) (*Invitation, error) {
	i, err := w.tx.InvitationByID(ctx, id)
	if err != nil {
		return nil, err
	}
	w.on("invitation", id, i.Org, "")
	if err := w.need(PermUserInvite, PermUserInvite, recordOfInvitation(&i, w.now)); err != nil {
		return nil, err
	}
	if i.Outcome != "" {
		return nil, conflict("invitation", "ended", "was "+string(i.Outcome))
	}
	return &i, nil
}

// Resend mails the invitation again and prolongs it, also one that has expired
// and was not tidied away. The link of an earlier mail stops working. At most one is
// mailed in [Policy.ResetInterval]. Rights are those of [Invitations.Revoke], and
// neither a proxy login nor an API key will do.
//
// Resend is atomic. It records "invitation.resend".
//
// Errors: [ErrNotFound], [ErrPermission], [ErrConflict] with the Rule "ended",
// [ErrLimit] within the interval.
func (s *Invitations) Resend(ctx context.Context, a Actor, id InvitationID) error {
	return s.m.change(ctx, a, "Invitations.Resend", verbInviteAgain, func(ctx context.Context, w *work) error {
		i, err := w.invitation(ctx, id)
		if err != nil {
			return err
		}
		if err := w.ownDoor(UserID{}, PermUserInvite); err != nil {
			return err
		}
		org, err := w.tx.OrgByID(ctx, i.Org)
		if err != nil {
			return err
		}
		policy := w.m.policyOf(&org)
		i.ExpiresAt, i.UpdatedAt = w.now.Add(policy.InvitationLifetime), w.now
		if err := w.tx.SaveInvitation(ctx, *i); err != nil {
			return err
		}
		put, err := w.mailInvitation(ctx, i, &org, w.now.Add(-policy.ResetInterval))
		if err != nil {
			return err
		}
		if !put {
			return &Error{Kind: ErrLimit, Field: "invitation", Rule: "interval"}
		}
		w.record(nil, map[string]string{"expires_at": i.ExpiresAt.Format(time.RFC3339)})
		return nil
	})
}

// Revoke takes an invitation back: its link stops working at once, and the seat is
// free.
//
// The actor needs [PermUserInvite] with a scope that covers the owner unit or a
// team of the plan.
//
// Revoke is atomic. It records "invitation.revoke".
//
// Errors: [ErrNotFound], [ErrPermission], [ErrConflict] with the Rule "ended".
func (s *Invitations) Revoke(ctx context.Context, a Actor, id InvitationID) error {
	return s.m.change(ctx, a, "Invitations.Revoke", verbInviteRevoke, func(ctx context.Context, w *work) error {
		i, err := w.invitation(ctx, id)
		if err != nil {
			return err
		}
		ended, err := w.endInvitation(ctx, i, InvitationRevoked, UserID{})
		if err != nil {
			return err
		}
		if !ended {
			return conflict("invitation", "ended", "has just ended")
		}
		w.record(nil, map[string]string{"outcome": string(InvitationRevoked)})
		return nil
	})
}

// Get returns an invitation. The actor needs [PermUserInvite] as for
// [Invitations.Revoke], or has sent it.
//
// Errors: [ErrNotFound].
func (s *Invitations) Get(ctx context.Context, a Actor, id InvitationID) (*Invitation, error) {
	const op = "Invitations.Get"
	v, err := s.m.read(a)
	if err != nil {
		return nil, withOp(op, err)
	}
	i, err := s.m.store.InvitationByID(ctx, id)
	if err != nil {
		return nil, withOp(op, err)
	}
	if !v.sees(PermUserInvite, recordOfInvitation(&i, s.m.now())) {
		return nil, withOp(op, &Error{Kind: ErrNotFound, hidden: true})
	}
	return &i, nil
}

// InvitationQuery selects invitations.
type InvitationQuery struct {
	// Org defaults to the actor's organization.
	Org OrgID
	// Pending keeps those that have no outcome, expired ones among them until they
	// are tidied away; see [Invitation.Pending].
	Pending bool
	After   Position
	// Limit defaults to [DefaultPageSize].
	Limit int
}

// List returns a page of the organization's invitations that [Invitations.Get] would
// return to the actor, newest first. A page may be shorter than asked for though
// others follow; Next says so.
//
// Errors: [ErrPermission] without [PermUserInvite] on anything; [ErrLimit] for more
// than [MaxPageSize]; [ErrNotFound] for an organization that the actor may not see.
func (s *Invitations) List(ctx context.Context, a Actor, q InvitationQuery) (*Page[Invitation], error) {
	const op = "Invitations.List"
	v, err := s.m.read(a)
	if err != nil {
		return nil, withOp(op, err)
	}
	if q.Org.IsZero() {
		q.Org = v.org
	}
	if q.Org != v.org && !v.can(PermUserInvite, &Record{Org: q.Org}) {
		return nil, withOp(op, &Error{Kind: ErrNotFound, hidden: true})
	}
	if f := v.filter(PermUserInvite); f.Nothing() {
		return nil, withOp(op, &Error{Kind: ErrPermission, Permission: PermUserInvite})
	}
	if err := pageLimit(&q.Limit); err != nil {
		return nil, withOp(op, err)
	}
	page, now := &Page[Invitation]{}, s.m.now()
	after := q.After
	for range invitationBatches {
		batch, err := s.m.store.ListInvitations(ctx, q.Org, q.Pending, ListQuery{After: after, Limit: q.Limit + 1})
		if err != nil {
			return nil, withOp(op, err)
		}
		more := len(batch) > q.Limit
		for n := range batch[:min(len(batch), q.Limit)] {
			i := &batch[n]
			if len(page.Items) == q.Limit {
				page.Next = after
				return page, nil
			}
			after = Position{ID: [16]byte(i.ID)}
			if v.sees(PermUserInvite, recordOfInvitation(i, now)) {
				page.Items = append(page.Items, *i)
			}
		}
		if !more {
			return page, nil
		}
		if len(page.Items) == q.Limit {
			break
		}
	}
	page.Next = after
	return page, nil
}

// invitationBatches is how often a list that hides much looks further for a page.
const invitationBatches = 20

// dutyInvitations ends invitations that have expired, which gives back the seats.
func (m *Manager) dutyInvitations(ctx context.Context, now time.Time) (int, error) {
	list, err := m.store.ExpiredInvitations(ctx, now, dutyBatch)
	if err != nil {
		return 0, err
	}
	n := 0
	for k := range list {
		i := &list[k]
		err := m.store.Tx(ctx, func(ctx context.Context, tx Store) error {
			v := &actorValue{door: DoorSystem, org: i.Org, cat: m.rights.cat, reason: "expired"}
			w := &work{m: m, tx: tx, v: v, now: now, op: newID[Operation](), verb: verbInviteExpire}
			w.on("invitation", i.ID, i.Org, "")
			ended, err := w.endInvitation(ctx, i, InvitationExpired, UserID{})
			if err != nil || !ended {
				return err
			}
			n++
			w.record(nil, map[string]string{"outcome": string(InvitationExpired)})
			return w.flush(ctx)
		})
		if err != nil {
			return n, err
		}
	}
	return n, nil
}
