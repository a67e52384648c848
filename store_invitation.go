package usermgmt

import (
	"context"
	"time"
)

// InvitationStore keeps invitations to organizations, pending and ended. What
// their plans name is not checked.
type InvitationStore interface {
	// SaveInvitation: of those without Outcome, Org and EmailKey are unique
	// together (Field "email"). Org exists. A replace keeps Outcome, EndedAt and
	// AcceptedBy as they are stored, and fails with [ErrStale] if there is an
	// Outcome.
	SaveInvitation(ctx context.Context, i Invitation) error
	InvitationByID(ctx context.Context, id InvitationID) (Invitation, error)
	// PendingInvitation finds the one without Outcome by Org and EmailKey.
	PendingInvitation(ctx context.Context, org OrgID, emailKey string) (Invitation, error)
	// EndInvitation sets Outcome, EndedAt and AcceptedBy of one that has no
	// Outcome, and adds 1 to its Version. ended tells whether this call did;
	// exactly one of any number of callers is told true.
	EndInvitation(ctx context.Context, id InvitationID, outcome InvitationOutcome, at time.Time, by UserID) (ended bool, err error)
	// ListInvitations returns a page of the organization's invitations, newest
	// first: in descending order of ID; with pending only those without Outcome.
	ListInvitations(ctx context.Context, org OrgID, pending bool, q ListQuery) ([]Invitation, error)
	// ExpiredInvitations returns at most limit invitations without Outcome whose
	// ExpiresAt is not after now, in the order of ExpiresAt, then ID.
	ExpiredInvitations(ctx context.Context, now time.Time, limit int) ([]Invitation, error)
	// InvitedSeats counts the organization's invitations without Outcome by
	// Licence.
	InvitedSeats(ctx context.Context, org OrgID) (map[LicenceType]int, error)
}
