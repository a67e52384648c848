package usermgmt

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/usermgmt/usermgmt/internal/canon"
)

const verbUserErase = "user.erase"

// Erase takes the person out of a deactivated user, for good. The record stays,
// with its identifier, kind, places and rights, under the name "erased-" and the
// identifier, so that what it did and owned still has somebody; nothing in it
// says who that was.
//
// What goes: names, login names, addresses, phones, birthday, picture, title and
// company, the single sign-on fields and the external id, groups, custom fields and
// settings in every organization, and whom the user reported to; password, former
// passwords, second factor, recovery codes, question, tokens and API keys; sessions,
// live and ended, and the record of logins; mails to the user, jobs with their
// files, and invitations to the user's addresses, of which pending ones are revoked
// first. Audit entries about the user lose their detail, and entries of what the user
// did the name and the origin; the entries, their digests and seals stay. The login
// names are free again.
//
// What a host keeps is the host's to erase: [Config.Events] brings "user.erase". Nor
// does Erase reach files that were exported, mails that were sent, backups of the
// database, and what others have written in texts of their own, such as the reason of
// an entry about something else. A database may keep what it has deleted for a while
// (on PostgreSQL until VACUUM, and in its log).
//
// The actor needs [PermUserErase] on the user, whose home must be the actor's
// organization. Not oneself, not reserved users, and neither during a proxy login nor
// with an API key. Erasing an erased user does nothing. Nothing else is done to one, but
// that [Members.End] ends memberships, with their rights: it is [ErrConflict] with the
// Rule "erased".
//
// Erase is atomic. It records "user.erase".
//
// Errors: [ErrNotFound], [ErrPermission], [ErrConflict] with the Rule
// "not_deactivated".
func (s *Users) Erase(ctx context.Context, a Actor, id UserID) error {
	return s.m.change(ctx, a, "Users.Erase", verbUserErase, func(ctx context.Context, w *work) error {
		acc, err := w.account(ctx, id, PermUserErase)
		if err != nil {
			return err
		}
		if err := w.ownDoor(id, PermUserErase); err != nil {
			return err
		}
		switch {
		case !acc.User.ErasedAt.IsZero():
			return nil
		case acc.User.DeactivatedAt.IsZero():
			return conflict("user", "not_deactivated", "deactivate the user first")
		}
		return w.erase(ctx, acc)
	})
}

func (w *work) erase(ctx context.Context, acc *Account) error {
	u := acc.User
	p := Person{User: u.ID, Addresses: slices.Concat([]string{u.Email}, u.Emails), EmailKeys: addressKeys(&u)}
	if err := w.eraseRecord(ctx, u); err != nil {
		return err
	}
	mems, err := w.tx.MembershipsOf(ctx, u.ID)
	if err != nil {
		return err
	}
	for _, mem := range mems {
		if keys := slices.Collect(maps.Keys(mem.Settings)); len(keys) > 0 {
			if err := w.tx.PutMemberSettings(ctx, u.ID, mem.Org, nil, keys); err != nil {
				return err
			}
		}
		mem.Settings, mem.Custom, mem.SearchKey, mem.UpdatedAt = nil, nil, "", w.now
		if err := w.tx.SaveMembership(ctx, mem); err != nil {
			return err
		}
	}
	c := Credential{User: u.ID, Status: StatusActive, Epoch: acc.Credential.Epoch + 1, Version: acc.Credential.Version}
	if err := w.tx.SaveCredential(ctx, c); err != nil {
		return err
	}
	if u.AvatarType != "" {
		if err := w.tx.PutBlob(ctx, avatarKey(u.ID), nil); err != nil {
			return err
		}
	}
	traces, err := w.tx.TracesOf(ctx, p)
	if err != nil {
		return err
	}
	for i := range traces.Invitations {
		x := &traces.Invitations[i]
		p.Addresses = append(p.Addresses, x.Email) // may be written otherwise than the user's own
		if x.Outcome == "" {
			if _, err := w.endInvitation(ctx, x, InvitationRevoked, UserID{}); err != nil {
				return err
			}
		}
	}
	for i := range traces.Jobs {
		for try := 1; try <= traces.Jobs[i].Tries; try++ {
			if err := w.m.WithStore(w.tx).files().Delete(ctx, traces.Jobs[i].file(try)); err != nil {
				return err
			}
		}
	}
	if err := w.tx.EraseTraces(ctx, p); err != nil {
		return err
	}
	if _, err := w.tx.EraseAudit(ctx, u.ID); err != nil {
		return err
	}
	w.record(nil, map[string]string{"erased_at": w.now.Format(time.RFC3339)})
	return nil
}

// eraseRecord leaves of the record what says nothing about the person.
func (w *work) eraseRecord(ctx context.Context, u User) error {
	name := "erased-" + u.ID.String()
	w.name = name
	return w.saveUser(ctx, User{
		ID: u.ID, Kind: u.Kind, Org: u.Org, OwnerUnit: u.OwnerUnit, Username: name, UsernameKey: name, NameKey: name, SearchKey: name,
		DeactivatedAt: u.DeactivatedAt, ErasedAt: w.now, CreatedAt: u.CreatedAt, Version: u.Version,
	})
}

// addressKeys are the canonical forms of all addresses of a user.
func addressKeys(u *User) []string {
	keys := slices.Clone(u.VerifiedEmails)
	for _, address := range append([]string{u.Email}, u.Emails...) {
		if _, key, err := canon.Email(address); err == nil && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys
}
