package usermgmt

import (
	"time"
)

// TokenPurpose says what a [Token] is good for.
type TokenPurpose string

// The purposes of tokens.
const (
	// TokenInvitation sets the first password of a user ([Users.Invite]).
	TokenInvitation TokenPurpose = "invitation"
	// TokenReset sets a new password ([Passwords.Reset], [Passwords.Forgot]).
	TokenReset TokenPurpose = "reset"
	// TokenTemporary is a temporary password, with which its user logs in once
	// ([Policy.TemporaryPassword]).
	TokenTemporary TokenPurpose = "temporary"
	// TokenEmail makes an address the primary one ([Users.ChangeEmail]).
	TokenEmail TokenPurpose = "email"
	// TokenAddress verifies an address that the user has ([Users.VerifyEmail]).
	TokenAddress TokenPurpose = "address"
	// TokenJoin accepts an [Invitation] to an organization.
	TokenJoin TokenPurpose = "join"
	// TokenCode is a code that the second step of a login asks for.
	TokenCode TokenPurpose = "code"
)

// Token is the right to do one thing once, which is given to whoever reads the
// mail at an address. It holds no secret and never did: the secret is drawn when
// the mail is delivered ([Manager.Deliver]), and only its hash is kept. Each try
// to deliver draws one; all are good until the token is used, replaced or dead, but
// of a temporary password and of a code only the last.
//
// A token is bound to what its user was when it was made. It is dead once the
// user's username, primary e-mail address or credential epoch differs from what
// is noted here, for passwords also once the user has logged in, at ExpiresAt, and when it was used; each is decided when the
// secret comes back, and needs no sweeper. At ExpiresAt it is dead.
type Token struct {
	ID TokenID
	// Key says what the token is for: at most one has it, and a newer one takes
	// the place of the older. Services make it of purpose and user or record.
	Key     string
	Purpose TokenPurpose
	// User is whose it is; zero for TokenJoin.
	User UserID
	Org  OrgID
	// Session is the login that a TokenCode belongs to.
	Session SessionID
	// Invitation is that of a TokenJoin.
	Invitation InvitationID
	// Address is where the secret goes. For TokenEmail and TokenAddress it is
	// also what is confirmed.
	Address string
	// UsernameKey, EmailKey and Epoch are the user's at its making, Logins the
	// [LoginState.LoginCount]; what sets a password dies by a login as well.
	UsernameKey, EmailKey string
	Epoch, Logins         int64
	// Code is the password hash of the code of a TokenCode that was delivered
	// last, empty before: a code is too short for a plain hash.
	Code string
	// CreatedAt, ExpiresAt, UsedAt: UsedAt is zero until it is used.
	CreatedAt, ExpiresAt, UsedAt time.Time
	// CreatedBy is who asked for it; zero for nobody, as for a forgotten password.
	CreatedBy UserID
}

// TokenSecret is what is kept of a secret: the SHA-256 of a link's, or the
// password hash of a code.
type TokenSecret struct {
	Token TokenID
	Hash  [32]byte // zero for a code
	Code  string   // empty for a link
}

// newToken returns a token of a user as the user is now.
func newToken(purpose TokenPurpose, acc *Account, address string, now time.Time, life time.Duration) Token {
	return Token{
		ID: newID[Token](), Key: tokenKey(purpose, acc.User.ID.String()), Purpose: purpose,
		User: acc.User.ID, Org: acc.User.Org, Address: address,
		UsernameKey: acc.User.UsernameKey, EmailKey: acc.User.EmailKey,
		Epoch: acc.Credential.Epoch, Logins: acc.Login.LoginCount,
		CreatedAt: now, ExpiresAt: now.Add(life),
	}
}

// tokenKey is the Key of a token. A link and a temporary password for the same
// reset share one.
func tokenKey(purpose TokenPurpose, of string) string {
	if purpose == TokenTemporary {
		purpose = TokenReset
	}
	return string(purpose) + " " + of
}

// live reports whether the token is good at now. acc is its user, and of no
// matter to a TokenJoin.
func (t *Token) live(acc *Account, now time.Time) bool {
	if !t.UsedAt.IsZero() || !now.Before(t.ExpiresAt) {
		return false
	}
	if t.User.IsZero() {
		return t.Purpose == TokenJoin
	}
	u := &acc.User
	switch {
	case t.User != u.ID, u.Reserved, !u.Active():
		return false
	case t.UsernameKey != u.UsernameKey, t.EmailKey != u.EmailKey, t.Epoch != acc.Credential.Epoch:
		return false
	case (t.Purpose == TokenInvitation || t.Purpose == TokenReset) && t.Logins != acc.Login.LoginCount:
		return false
	}
	return true
}
