package usermgmt

import (
	"context"
	"time"
)

// TokenStore keeps one-time tokens and the hashes of their secrets. Whether a
// token is still good is decided by who reads it.
type TokenStore interface {
	// PutToken stores t in place of the token with its Key, whose secrets are
	// forgotten; put is true. But nothing changes and put is false if t has no
	// Key, or if since is not zero and the stored token was made after since and
	// not after t.CreatedAt: of any number of callers with the same since one is
	// told true. It does the same work, as far as the store can, whether or not
	// t has a Key. The user, if not zero, exists.
	PutToken(ctx context.Context, t Token, since time.Time) (put bool, err error)
	// ArmToken adds a secret to a token that is stored and not used: its Hash to
	// the token's hashes, if it is not zero, and its Code in place of the stored
	// one, if it is not empty. armed tells whether there was such a token. Hash
	// is unique (Field "hash").
	ArmToken(ctx context.Context, s TokenSecret) (armed bool, err error)
	TokenByID(ctx context.Context, id TokenID) (Token, error)
	TokenByKey(ctx context.Context, key string) (Token, error)
	// TokenByHash finds the token that has a secret with the hash, used or not.
	TokenByHash(ctx context.Context, hash [32]byte) (Token, error)
	// UseToken sets UsedAt of a token that is not used. used tells whether this
	// call did; exactly one of any number of callers is told true.
	UseToken(ctx context.Context, id TokenID, at time.Time) (used bool, err error)
	// DeleteTokens deletes the tokens of a user that have one of purposes, or
	// all without any. It is no error if there are none.
	DeleteTokens(ctx context.Context, user UserID, purposes ...TokenPurpose) error
	// PruneTokens deletes tokens that were used or expired before t, and tells
	// how many. It deletes at most limit.
	PruneTokens(ctx context.Context, t time.Time, limit int) (int, error)
}
