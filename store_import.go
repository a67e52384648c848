package usermgmt

import (
	"context"
	"iter"
)

// ImportStore keeps what imports remember of rows that asked for nothing. The
// key is the organization and User.
type ImportStore interface {
	// PutImportDigests inserts or replaces, for users of whom each is there once.
	// Users and memberships need not exist, or no longer as a digest says: none is
	// locked for it, and whether a digest that does not hold is kept nobody can tell.
	PutImportDigests(ctx context.Context, org OrgID, digests []ImportDigest) error
	// ImportDigests yields those of the organization that hold: whose user has the
	// Version, and whose membership in the organization the Rights and Settings. It
	// sees one consistent view, in no order, and leaves out Rights and Settings. A
	// change that has committed ends a digest whenever that was put.
	// After an error it yields nothing more. [MemberStore].DeleteMembership deletes
	// that of the user in the organization, [ErasureStore].EraseTraces all of the
	// user.
	ImportDigests(ctx context.Context, org OrgID) iter.Seq2[ImportDigest, error]
}

// ImportDigest tells that a row of an import was compared with a member, and
// asked for nothing.
type ImportDigest struct {
	User UserID
	// Digest is that of the row and of all else that the comparison depends on
	// but users and memberships.
	Digest [16]byte
	// Version is that of the user, Rights and Settings those of the membership,
	// as they were compared.
	Version, Rights int64
	Settings        map[string]SettingValue
	// Named are other users whom the row names, as they were then; that they have
	// not changed since is the reader's to find out.
	Named []NamedVersion
}

// NamedVersion is a user with a Version.
type NamedVersion struct {
	User    UserID
	Version int64
}
