package usermgmt

import (
	"context"
	"slices"
)

// UserUpdate changes fields of a user; nil leaves a field alone. Passwords,
// flags, owner unit and memberships have calls of their own.
type UserUpdate struct {
	Username, Email                                 *string
	Emails                                          *[]string
	Prefix, FirstName, MiddleName, LastName, Suffix *string
	Birthday                                        *Date
	Phone, Mobile, Fax                              *string
	Address                                         *Address
	Company, Title                                  *string
	EmployeeNumber                                  *[]string
	ReportsTo, Responsible                          *UserID
	// Groups replaces the labels; the actor needs [PermGroupView] to give one.
	Groups                  *[]GroupID
	Newsletter, AccountMail *bool
	SSO                     *SSO
	Source, ExternalID      *string
	// Custom sets values of the host's custom fields, by name, and takes one away
	// where it is empty; fields that it does not name stay. Those of an organization
	// are changed with [Members.Update].
	Custom map[string]string
}

func (c *UserUpdate) apply(u *User) {
	set(&u.Username, c.Username)
	set(&u.Email, c.Email)
	set(&u.Emails, c.Emails)
	set(&u.Prefix, c.Prefix)
	set(&u.FirstName, c.FirstName)
	set(&u.MiddleName, c.MiddleName)
	set(&u.LastName, c.LastName)
	set(&u.Suffix, c.Suffix)
	set(&u.Birthday, c.Birthday)
	set(&u.Phone, c.Phone)
	set(&u.Mobile, c.Mobile)
	set(&u.Fax, c.Fax)
	set(&u.Address, c.Address)
	set(&u.Company, c.Company)
	set(&u.Title, c.Title)
	set(&u.EmployeeNumber, c.EmployeeNumber)
	set(&u.ReportsTo, c.ReportsTo)
	set(&u.Responsible, c.Responsible)
	set(&u.Groups, c.Groups)
	set(&u.Newsletter, c.Newsletter)
	set(&u.AccountMail, c.AccountMail)
	set(&u.SSO, c.SSO)
	set(&u.Source, c.Source)
	set(&u.ExternalID, c.ExternalID)
	u.Custom = merged(u.Custom, c.Custom)
}

func set[T any](to *T, value *T) {
	if value != nil {
		*to = *value
	}
}

// own reports whether c changes only what users may change of themselves.
func (c *UserUpdate) own(fields fieldSet) bool {
	return fields.ownOnly(c.Custom) && c.Username == nil && c.Email == nil && c.Company == nil && c.ReportsTo == nil && c.Responsible == nil && c.Groups == nil &&
		c.SSO == nil && c.Source == nil && c.ExternalID == nil
}

// Update changes a user, if version is the stored one.
//
// The actor needs [PermUserEdit] on the user, whose home must be the actor's
// organization. A user who has [PermUserEditProfile] on the own record may
// change there the fields that [UserField.Own] and [CustomField].Own mark. A change of a login name,
// of the single sign-on fields or of the external id also needs a user who does
// not hold rights that the actor lacks; a change of a login name is told to the
// old and the new address. Those, and further addresses, are not changed with an
// API key or during a proxy login. One's own primary address is changed with
// [Users.ChangeEmail]. The fields of a user whom a directory owns
// ([Config.Directories]) are changed by a system actor only.
//
// Update is atomic. It records "user.update" with the changed fields.
//
// Errors: [ErrNotFound], [ErrPermission], [ErrStale], [ErrInvalid] with every
// problem, [ErrConflict] for a taken name or, with the Rule "directory", for a user
// whom a directory owns.
func (s *Users) Update(ctx context.Context, a Actor, id UserID, version int64, c UserUpdate) (*User, error) {
	var out *User
	err := s.m.change(ctx, a, "Users.Update", verbUserUpdate, func(ctx context.Context, w *work) error {
		u, err := w.editable(ctx, id, &c)
		if err != nil {
			return err
		}
		if u.Version != version {
			return &Error{Kind: ErrStale, Field: "version"}
		}
		before := *u
		c.apply(u)
		if err := w.updateUser(ctx, &before, u); err != nil {
			return err
		}
		out = w.m.present(u)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// editable loads a user to whom the actor may apply c.
func (w *work) editable(ctx context.Context, id UserID, c *UserUpdate) (*User, error) {
	if id == w.v.subject && !id.IsZero() && c.own(w.m.fields) {
		u, err := w.tx.UserByID(ctx, id)
		if err != nil {
			return nil, err
		}
		w.on("user", id, u.Org, u.DisplayName())
		if w.v.org != u.Org {
			return nil, &Error{Kind: ErrPermission, Rule: "home_organization", Permission: PermUserEdit}
		}
		r, err := w.m.userRecord(ctx, w.tx, w.v, &u)
		if err != nil {
			return nil, err
		}
		if w.v.can(PermUserEditProfile, r) {
			return &u, nil
		}
	}
	acc, err := w.account(ctx, id, PermUserEdit)
	if err != nil {
		return nil, err
	}
	return &acc.User, nil
}

// updateUser checks and stores a changed user.
func (w *work) updateUser(ctx context.Context, before, u *User) error {
	if err := w.directoryRecord(before, u); err != nil {
		return err
	}
	org, err := w.tx.OrgByID(ctx, u.Org)
	if err != nil {
		return err
	}
	var p problems
	u.Custom = w.m.fields.check(before.Custom, u.Custom, false, u.Kind != KindService, &p)
	prepareUser(u, w.m.fields, w.m.policyOf(&org), w.now, &p)
	w.checkNames(before, u, &p)
	if u.ReportsTo != before.ReportsTo || u.Responsible != before.Responsible {
		mem, err := w.tx.MembershipOf(ctx, u.ID, u.Org)
		if err != nil && !isNotFound(err) {
			return err
		}
		if err := w.checkPeople(ctx, u, &mem, &p); err != nil {
			return err
		}
	}
	if err := w.checkGroups(ctx, before.Groups, u, &p); err != nil {
		return err
	}
	if err := p.err(); err != nil {
		return err
	}
	if err := w.waysInChange(ctx, before, u); err != nil {
		return err
	}
	if err := w.saveUser(ctx, *u); err != nil {
		return err
	}
	u.Version, u.UpdatedAt = u.Version+1, w.now
	w.record(fieldsOf(before), fieldsOf(u))
	return nil
}

// waysInChange guards what somebody logs in with, or is reached by: login names,
// further addresses, and the identities elsewhere. Whoever changes them could
// become the user, so they need a session of their own and a user who is not
// stronger. A change of login names is told to the old and the new address.
func (w *work) waysInChange(ctx context.Context, before, u *User) error {
	names := u.UsernameKey != before.UsernameKey || u.EmailKey != before.EmailKey
	linked := u.SSO != before.SSO || u.Source != before.Source || u.ExternalID != before.ExternalID
	if !names && !linked && slices.Equal(u.Emails, before.Emails) {
		return nil
	}
	if w.v.acting() || w.v.door == DoorAPIKey {
		return &Error{Kind: ErrPermission, Rule: "own_session_only", Permission: PermUserEdit}
	}
	if u.ID == w.v.subject && u.EmailKey != before.EmailKey && w.verb != verbUserEmail {
		return &Error{Kind: ErrPermission, Field: "email", Rule: "unconfirmed", Permission: PermUserEdit}
	}
	if u.ID != w.v.subject && (names || linked) {
		if err := w.notStronger(ctx, before); err != nil {
			return err
		}
	}
	if !names {
		return nil
	}
	for _, to := range [...]string{before.Email, u.Email} {
		if to != "" {
			w.mailTo(u, to, MailLoginChanged, map[string]string{"username": u.Username})
		}
		if before.Email == u.Email {
			break
		}
	}
	return nil
}
