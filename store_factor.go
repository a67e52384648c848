package usermgmt

import (
	"context"
	"time"
)

// FactorStore keeps what proves a user besides the password, all of it sealed or
// a hash. The key of a factor and of a question is the user, who must exist.
type FactorStore interface {
	// SaveFactor: a replace stores the greater of the stored and the given
	// LastStep.
	SaveFactor(ctx context.Context, f Factor) error
	// FactorOf returns [ErrNotFound] if none was ever saved.
	FactorOf(ctx context.Context, user UserID) (Factor, error)
	// DeleteFactor deletes the factor and the user's recovery codes.
	DeleteFactor(ctx context.Context, user UserID) error
	// UseFactorStep sets LastStep to step and leaves Version alone, if the factor
	// has a Secret and its LastStep is less. used tells whether it did; of any
	// number of callers with the same step exactly one is told true. It is no
	// error if there is no such factor.
	UseFactorStep(ctx context.Context, user UserID, step int64) (used bool, err error)
	// PutRecoveryCodes puts codes with these hashes in place of all that the user
	// has; none deletes them. The user must exist.
	PutRecoveryCodes(ctx context.Context, user UserID, hashes [][32]byte) error
	// UseRecoveryCode deletes the user's code with the hash. used tells whether
	// this call did: of any number of callers exactly one is told true.
	UseRecoveryCode(ctx context.Context, user UserID, hash [32]byte) (used bool, err error)
	// CountRecoveryCodes tells how many codes the user has left.
	CountRecoveryCodes(ctx context.Context, user UserID) (int, error)

	SaveQuestion(ctx context.Context, q Question) error
	// QuestionOf returns [ErrNotFound] if the user has none.
	QuestionOf(ctx context.Context, user UserID) (Question, error)
	DeleteQuestion(ctx context.Context, user UserID) error
}

// PasswordStore keeps former passwords and finds old ones.
type PasswordStore interface {
	// AddFormerPassword adds a hash and deletes all but the newest keep of the
	// user's, the new one among them; with keep 0 all. The user must exist.
	AddFormerPassword(ctx context.Context, p FormerPassword, keep int) error
	// FormerPasswords returns at most limit, newest first: in descending order of
	// RetiredAt, and of equal ones the last one added first.
	FormerPasswords(ctx context.Context, user UserID, limit int) ([]FormerPassword, error)
	// PasswordsByAge returns a page of the accounts whose User.Org is q.Org and
	// whose credential has a Hash, StatusActive and a ChangedAt that is neither zero
	// nor after q.Until, in the order of ChangedAt, then ID.
	PasswordsByAge(ctx context.Context, q PasswordQuery) ([]Account, error)
}

// MarkStore keeps how far duties have come that look at everything once.
type MarkStore interface {
	// Mark returns the value that was last put under the name; "" if none was.
	Mark(ctx context.Context, name string) (string, error)
	// MoveMark sets the value to to if it is from. moved tells whether it did: of
	// any number of callers with the same from exactly one is told true.
	MoveMark(ctx context.Context, name, from, to string) (moved bool, err error)
}

// PasswordQuery asks for a page of [PasswordStore.PasswordsByAge].
type PasswordQuery struct {
	Org   OrgID
	Until time.Time
	// After and AfterUser are ChangedAt and ID of the last row of the page before,
	// or where to begin. Rows come that are greater as a pair.
	After     time.Time
	AfterUser UserID
	Limit     int
}

// KeyQuery asks for a page of [KeyStore.KeysByExpiry].
type KeyQuery struct {
	Until time.Time
	// After and AfterKey are as in [PasswordQuery].
	After    time.Time
	AfterKey APIKeyID
	Limit    int
}

// Factor is a user's second factor: a time-based one-time password (RFC 6238).
type Factor struct {
	User UserID
	// Secret is the seed in force, sealed with [Config.EncryptionKeys]; empty
	// until the first one is confirmed.
	Secret      []byte
	ConfirmedAt time.Time
	// Next is a sealed seed that waits to be confirmed, and NextAt when it was
	// made.
	Next   []byte
	NextAt time.Time
	// LastStep is the greatest time step of which a code was used.
	LastStep int64
	Version  int64
}

// Question is a user's security question.
type Question struct {
	User UserID
	Text string
	// Hash is the password hash of the canonical answer.
	Hash     string
	ChosenAt time.Time
	Version  int64
}

// FormerPassword is the hash of a password that a user had.
type FormerPassword struct {
	User UserID
	Hash string
	// RetiredAt is when another one took its place.
	RetiredAt time.Time
}
