package usermgmt

import (
	"context"
	"errors"
	"slices"
)

// Acceptance takes an invitation with an account.
type Acceptance struct {
	// Token is the text of the link's secret.
	Token string
	// Custom are values of the organization's custom fields, over those of the plan.
	Custom map[string]string
}

// Accept makes the actor a member of the organization, by the link of an
// invitation. The invited address is the actor's primary one or one that is
// verified ([User.VerifiedEmails]). The reserved seat becomes the member's.
//
// Whoever sent the invitation must still be allowed to give all that it plans, and
// what it plans must still be there. The link works once, under any number of
// callers. Accepting is for persons and shared accounts with a session of their
// own, neither with an API key nor during a proxy login.
//
// Accept is atomic. It records "invitation.accept" in the organization.
//
// Errors: [ErrCredentials] for a link that is wrong, used, expired or withdrawn;
// [ErrPermission] with the Rule "address" for somebody else's invitation;
// [ErrInvalid] for custom fields;
// [ErrConflict] with the Rule "taken" for a member, "inviter" if the sender may no
// longer do this, or "plan" if it cannot be carried out any more.
func (s *Invitations) Accept(ctx context.Context, a Actor, c Acceptance) (*Membership, error) {
	var out *Membership
	m := s.m
	err := m.change(ctx, a, "Invitations.Accept", verbInviteAccept, func(ctx context.Context, w *work) error {
		acc, err := w.oneself(ctx)
		if err != nil {
			return err
		}
		u := &acc.User
		t, _, err := m.presented(ctx, w.tx, c.Token, TokenJoin)
		if err != nil {
			return err
		}
		i, err := w.tx.InvitationByID(ctx, t.Invitation)
		if err != nil {
			return err
		}
		w.on("user", u.ID, i.Org, u.DisplayName())
		if i.EmailKey != u.EmailKey && !slices.Contains(u.VerifiedEmails, i.EmailKey) {
			return &Error{Kind: ErrPermission, Field: "email", Rule: "address", Detail: "the invitation is for another address"}
		}
		if u.Kind == KindService {
			return conflict("user", "service", "services are not invited")
		}
		if _, err := w.tx.MembershipOf(ctx, u.ID, i.Org); !isNotFound(err) {
			if err == nil {
				err = conflict("user", "taken", "is a member already")
			}
			return err
		}
		used, err := w.tx.UseToken(ctx, t.ID, w.now)
		if err != nil {
			return err
		}
		if !used {
			return errLink()
		}
		var p problems
		mem, err := w.accept(ctx, &i, u, c.Custom, &p)
		if err != nil {
			return err
		}
		if err := p.err(); err != nil {
			return err
		}
		if err := w.verify(ctx, u, i.EmailKey); err != nil {
			return err
		}
		if err := w.insertMembership(ctx, u, mem, i.Plan.Access); err != nil {
			return err
		}
		after := withAccess(membershipFields(mem), i.Plan.Access)
		after["invitation"] = i.ID.String()
		w.record(nil, after)
		out = mem
		return w.m.WithStore(w.tx).presentIn(ctx, w.v, out)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Registration is how somebody new takes an invitation.
type Registration struct {
	// Token is the text of the link's secret.
	Token string
	// Username as for [Users.Create]. The e-mail address is the invited one.
	Username                             string
	FirstName, MiddleName, LastName      string
	Prefix, Suffix, Phone, Mobile, Title string
	Password                             string
	// Custom are values of the host's custom fields and of the organization's, over
	// those of the plan.
	Custom map[string]string
	// Confirm, if not empty, must equal Password.
	Confirm string
	Origin  Origin
}

// Register makes an account in the inviting organization for somebody new, by the
// link of an invitation; the address counts as verified, and the reserved seat
// becomes the new user's. It logs nobody in. The rules are those of
// [Invitations.Accept]; what does not obey them leaves the link good.
//
// Register is atomic. It records "user.create" with the door [DoorLink].
//
// Errors: [ErrCredentials] for a link that is wrong, used, expired or withdrawn;
// [ErrInvalid] with every problem of the fields and of the password; [ErrConflict]
// with the Rule "taken" for a username, or for an address that has an account, whose
// owner accepts instead; "inviter" and "plan" as Accept; [ErrOverloaded].
func (s *Invitations) Register(ctx context.Context, r Registration) (*User, error) {
	const op = "Invitations.Register"
	m := s.m
	draft := User{ID: newID[User](), Kind: KindPerson, Username: r.Username, Prefix: r.Prefix, FirstName: r.FirstName, MiddleName: r.MiddleName,
		LastName: r.LastName, Suffix: r.Suffix, Phone: r.Phone, Mobile: r.Mobile, Title: r.Title, Enabled: true, AccountMail: true}
	t, _, err := m.presented(ctx, m.store, r.Token, TokenJoin)
	var hash string
	var badPassword error
	if err == nil {
		org, err := m.store.OrgByID(ctx, t.Org)
		if err != nil {
			return nil, withOp(op, err)
		}
		draft.Email = t.Address
		hash, badPassword = m.newPassword(ctx, &draft, &org, r.Password, r.Confirm, "")
		if badPassword != nil && !isInvalid(badPassword) {
			return nil, withOp(op, badPassword)
		}
	} else if !errors.Is(err, ErrCredentials) {
		return nil, withOp(op, err)
	}
	var out *User
	link := byLink{op: op, verb: verbUserCreate, text: r.Token, origin: r.Origin, purposes: []TokenPurpose{TokenJoin}}
	err = m.linked(ctx, link, func(ctx context.Context, w *work, t *Token, _ *Account) error {
		if hash == "" && badPassword == nil { // it has become good since
			return errLink()
		}
		i, err := w.tx.InvitationByID(ctx, t.Invitation)
		if err != nil {
			return err
		}
		u := draft
		u.Org, u.OwnerUnit, u.Email, u.CreatedAt, u.UpdatedAt = i.Org, i.OwnerUnit, i.Email, w.now, w.now
		w.v.subject, w.v.operator, w.v.org = u.ID, u.ID, i.Org
		w.v.subjectName = auditName(u.Username, u.Kind)
		w.v.operatorName = w.v.subjectName
		w.on("user", u.ID, i.Org, u.DisplayName())
		org, err := w.tx.OrgByID(ctx, i.Org)
		if err != nil {
			return err
		}
		var p problems
		p.addErr(badPassword)
		mem, err := w.accept(ctx, &i, &u, r.Custom, &p)
		if err != nil {
			return err
		}
		prepareUser(&u, m.fields, m.policyOf(&org), w.now, &p)
		w.checkNames(nil, &u, &p)
		if err := p.err(); err != nil {
			return err
		}
		u.VerifiedEmails = []string{u.EmailKey}
		if err := w.tx.SaveUser(ctx, u); err != nil {
			return err
		}
		u.Version = 1
		if err := w.insertMembership(ctx, &u, mem, i.Plan.Access); err != nil {
			return err
		}
		out = &u
		return w.created(ctx, &u, mem, i.Plan.Access, entrance{hash: hash}, &org)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// accept ends an invitation as accepted by u and returns the membership that it
// plans, with the seat that it reserved, if its sender may still give all that.
// Problems of custom values go to p; those of the host's are set on u who is new.
func (w *work) accept(ctx context.Context, i *Invitation, u *User, custom map[string]string, p *problems) (*Membership, error) {
	ended, err := w.endInvitation(ctx, i, InvitationAccepted, u.ID)
	if err != nil {
		return nil, err
	}
	if !ended {
		return nil, errLink()
	}
	org, err := w.tx.OrgByID(ctx, i.Org)
	if err != nil {
		return nil, err
	}
	unit, err := w.tx.UnitByID(ctx, i.OwnerUnit)
	if skipNotFound(err) != nil {
		return nil, err
	}
	if err != nil || unit.Org != i.Org || !org.Enabled {
		return nil, conflict("invitation", "plan", "the organization or the unit is not there any more")
	}
	sender, err := w.sender(ctx, i)
	if err == nil {
		// Of a user from elsewhere, as of one who is new, nothing is known here but
		// what is planned.
		planned := User{ID: u.ID, Kind: u.Kind, Org: i.Org, OwnerUnit: unit.ID, Enabled: true}
		var gone problems
		var mem *Membership
		if mem, err = sender.planned(ctx, &planned, &unit, &i.Plan, &gone); err == nil {
			if err := gone.err(); err != nil {
				return nil, &Error{Kind: ErrConflict, Field: "invitation", Rule: "plan", Detail: "cannot be carried out any more", Err: errors.New(reasonOf(err))}
			}
			mem.Licence, mem.Seat = i.Licence, true
			return mem, w.customAccepted(ctx, u, mem, merged(i.Plan.Custom, custom), p)
		}
	}
	if errors.Is(err, ErrPermission) || errors.Is(err, ErrNotFound) || errors.Is(err, ErrUnauthenticated) {
		err = &Error{Kind: ErrConflict, Field: "invitation", Rule: "inviter", Detail: "who sent the invitation may not do so any more"}
	}
	return nil, err
}

// customAccepted checks and sets the custom values of somebody who accepts.
func (w *work) customAccepted(ctx context.Context, u *User, mem *Membership, values map[string]string, p *problems) error {
	set, err := w.customOf(ctx, mem.Org)
	if err != nil {
		return err
	}
	host, org := w.m.splitCustom(values)
	if u.Version == 0 {
		u.Custom = w.m.fields.check(nil, host, true, true, p)
	}
	mem.Custom = org
	w.customOfMember(set, u, nil, mem, true, p)
	return nil
}

// sender is the work of an invitation's sender: with the rights that they have now,
// in the organization or, without a membership there, at home.
func (w *work) sender(ctx context.Context, i *Invitation) (*work, error) {
	v := &actorValue{door: DoorHost, subject: i.InvitedBy, operator: i.InvitedBy, org: i.Org, role: everyRole, verified: w.now, proved: true}
	_, err := w.tx.MembershipOf(ctx, i.InvitedBy, i.Org)
	if skipNotFound(err) != nil {
		return nil, err
	}
	if err != nil {
		u, err := w.tx.UserByID(ctx, i.InvitedBy)
		if err != nil {
			return nil, err
		}
		v.org = u.Org
	}
	if err := w.m.WithStore(w.tx).renew(ctx, w.tx, v, w.now); err != nil {
		return nil, err
	}
	v.pending = 0 // what the sender has to do at the next login takes no right away
	return &work{m: w.m, tx: w.tx, v: v, now: w.now, op: w.op, verb: w.verb}, nil
}
