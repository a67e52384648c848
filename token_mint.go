package usermgmt

import (
	"context"
	"errors"
	"fmt"

	"github.com/usermgmt/usermgmt/internal/canon"
	"github.com/usermgmt/usermgmt/internal/token"
)

// errWithdrawn is why a mail is not sent whose token is no longer good.
var errWithdrawn = errors.New("withdrawn")

// sendMail gives the mailer a message, in the addressee's language, with a fresh secret of its token if it has
// one. Each try draws a secret of its own, so none is ever stored but as a hash.
func (m *Manager) sendMail(ctx context.Context, msg Message) error {
	if !msg.Token.IsZero() {
		secret, err := m.mint(ctx, msg.Token)
		if err != nil {
			return err
		}
		msg.Secret = secret
	}
	var err error
	if msg.Language, err = m.languageOf(ctx, msg.User, msg.Org); err != nil {
		return err
	}
	return m.cfg.Mailer.Send(ctx, msg)
}

// mint draws a secret of a token that is good and keeps its hash, or fails with
// errWithdrawn.
func (m *Manager) mint(ctx context.Context, id TokenID) (Secret, error) {
	t, err := m.store.TokenByID(ctx, id)
	if err != nil {
		return Secret{}, goneToken(err)
	}
	acc, good, err := m.good(ctx, m.store, &t)
	if err != nil {
		return Secret{}, err
	}
	if !good {
		return Secret{}, errWithdrawn
	}
	secret, kept, err := m.draw(ctx, &t, acc)
	if err != nil {
		return Secret{}, err
	}
	// What changes from now on is found out when the secret comes back.
	err = m.store.Tx(ctx, func(ctx context.Context, tx Store) error {
		kept := kept
		armed, err := tx.ArmToken(ctx, kept.TokenSecret)
		if err != nil {
			return err
		}
		if !armed {
			return errWithdrawn
		}
		if kept.password == "" {
			return nil
		}
		c := acc.Credential            // of a version that must still be the stored one
		if c.TemporaryUntil.IsZero() { // one that was not used is none of the user's
			if err := m.retire(ctx, tx, &acc.User, c.Hash, m.now()); err != nil {
				return err
			}
		}
		c.Hash, c.ChangedAt, c.TemporaryUntil = kept.password, m.now(), t.ExpiresAt
		return tx.SaveCredential(ctx, c)
	})
	if err != nil {
		return Secret{}, err
	}
	return secret, nil
}

func goneToken(err error) error {
	if isNotFound(err) {
		return errWithdrawn
	}
	return err
}

// good reads what a token is bound to, and reports whether it is good now. acc
// is its user, nil if it has none.
func (m *Manager) good(ctx context.Context, s Store, t *Token) (acc *Account, good bool, err error) {
	now := m.now()
	if t.Purpose == TokenJoin {
		i, err := s.InvitationByID(ctx, t.Invitation)
		if err != nil {
			return nil, false, skipNotFound(err)
		}
		return nil, t.live(nil, now) && i.Pending(now), nil
	}
	a, err := s.AccountByID(ctx, t.User)
	if err != nil {
		return nil, false, skipNotFound(err)
	}
	return &a, t.live(&a, now) && (t.Purpose == TokenCode || !m.directoryOwned(&a.User)), nil
}

// kept is what the store gets of a secret.
type kept struct {
	TokenSecret
	password string // the hash of a temporary password, which becomes the user's
}

// draw draws a secret of a token: the text of a link, or a temporary password
// that obeys the policy.
func (m *Manager) draw(ctx context.Context, t *Token, acc *Account) (Secret, kept, error) {
	k := kept{TokenSecret: TokenSecret{Token: t.ID}}
	if t.Purpose == TokenCode {
		text := fmt.Sprintf("%06d", randomInt(1_000_000))
		hash, err := m.hasher.hash(ctx, []byte(text))
		k.TokenSecret.Code = hash
		return Secret{text}, k, err
	}
	if t.Purpose != TokenTemporary {
		text := token.NewLink(random32())
		k.Hash, _ = token.LinkHash(text) // its form is right by construction
		return Secret{text}, k, nil
	}
	org, err := m.store.OrgByID(ctx, acc.User.Org)
	if err != nil {
		return Secret{}, k, err
	}
	text := m.policyOf(&org).suggest()
	b, err := canon.Password(text)
	if err != nil {
		return Secret{}, k, err
	}
	k.password, err = m.hasher.hash(ctx, b)
	return Secret{text}, k, err
}

// presented finds the good token that a link's text belongs to. Whatever is
// wrong with it is one answer.
func (m *Manager) presented(ctx context.Context, s Store, text string, purposes ...TokenPurpose) (*Token, *Account, error) {
	hash, ok := token.LinkHash(text)
	if !ok {
		return nil, nil, errLink()
	}
	t, err := s.TokenByHash(ctx, hash)
	if err != nil {
		if isNotFound(err) {
			err = errLink()
		}
		return nil, nil, err
	}
	acc, good, err := m.good(ctx, s, &t)
	if err != nil {
		return nil, nil, err
	}
	for _, p := range purposes {
		if good && t.Purpose == p {
			return &t, acc, nil
		}
	}
	return nil, nil, errLink()
}

// errLink is the one answer to a link that is wrong, used, expired or withdrawn.
func errLink() error { return &Error{Kind: ErrCredentials, Field: "token", Rule: "link"} }
