package usermgmt

import (
	"context"
	"errors"
	"slices"

	"github.com/usermgmt/usermgmt/internal/canon"
)

// byLink is a change that whoever presents the link of a mail makes.
type byLink struct {
	op, verb, text string
	origin         Origin
	purposes       []TokenPurpose
}

// linked makes a change by a link: nobody is logged in, and the link says whose
// change it is. The link is used up in the same transaction. acc is the user of
// the token, nil if it has none.
func (m *Manager) linked(ctx context.Context, l byLink, fn func(ctx context.Context, w *work, t *Token, acc *Account) error) error {
	operation, now := newID[Operation](), m.now()
	var w *work
	err := m.store.Tx(ctx, func(ctx context.Context, tx Store) error {
		w = &work{m: m, tx: tx, v: &actorValue{door: DoorLink, origin: l.origin, cat: m.rights.cat}, now: now, op: operation, verb: l.verb}
		t, acc, err := m.presented(ctx, tx, l.text, l.purposes...)
		if err != nil {
			return err
		}
		if acc != nil {
			w.v.subject, w.v.org = acc.User.ID, acc.User.Org
			w.v.operator, w.v.subjectName = acc.User.ID, auditName(acc.User.Username, acc.User.Kind)
			w.v.operatorName = w.v.subjectName
			w.on("user", acc.User.ID, acc.User.Org, acc.User.DisplayName())
		}
		used, err := tx.UseToken(ctx, t.ID, now)
		if err != nil {
			return err
		}
		if !used {
			return errLink()
		}
		if err := fn(ctx, w, t, acc); err != nil {
			return err
		}
		return w.flush(ctx)
	})
	if err == nil {
		return nil
	}
	if w != nil && (isRefusal(err) || errors.Is(err, ErrCredentials)) {
		err = also(err, m.recordRefusal(ctx, Actor{w.v}, l.verb, operation, w, now, err))
	}
	return failed(l.op, operation, err)
}

// verify notes that the user reads the mail of the address with the key.
func (w *work) verify(ctx context.Context, u *User, key string) error {
	if key == "" || slices.Contains(u.VerifiedEmails, key) {
		return nil
	}
	u.VerifiedEmails = append(slices.Clone(u.VerifiedEmails), key)
	if err := w.saveUser(ctx, *u); err != nil {
		return err
	}
	u.Version++
	return nil
}

// stillThere is what is left of the verified addresses of u.
func stillThere(u *User) []string {
	if len(u.VerifiedEmails) == 0 {
		return nil
	}
	keys := []string{u.EmailKey}
	for _, e := range u.Emails {
		if _, key, err := canon.Email(e); err == nil {
			keys = append(keys, key)
		}
	}
	var out []string
	for _, v := range u.VerifiedEmails {
		if v != "" && slices.Contains(keys, v) {
			out = append(out, v)
		}
	}
	return out
}
