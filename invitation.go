package usermgmt

import "time"

// InvitationOutcome says how an invitation ended.
type InvitationOutcome string

// The outcomes of invitations; the empty one is pending.
const (
	InvitationAccepted InvitationOutcome = "accepted"
	InvitationRevoked  InvitationOutcome = "revoked"
	InvitationExpired  InvitationOutcome = "expired"
)

// Invitation asks whoever reads the mail at an address to become a member of an
// organization. It never says whether the address has an account.
type Invitation struct {
	ID  InvitationID
	Org OrgID
	// OwnerUnit owns the record of somebody who is new.
	OwnerUnit UnitID
	Email     string
	EmailKey  string
	// Plan is the membership that acceptance makes. It is only a plan: what it
	// names may have gone by then, and acceptance then fails.
	Plan NewMembership
	// Licence is the pool in which a seat is reserved while the invitation is
	// pending; the seat goes to the member or back to the pool.
	Licence LicenceType
	// InvitedBy is whose rights the plan is checked against, at sending and at
	// acceptance.
	InvitedBy            UserID
	CreatedAt, UpdatedAt time.Time
	// ExpiresAt is when it can no longer be accepted, though Outcome says
	// nothing yet.
	ExpiresAt time.Time
	// Outcome and EndedAt are set once it has ended; AcceptedBy then names the
	// user who accepted.
	Outcome    InvitationOutcome
	EndedAt    time.Time
	AcceptedBy UserID
	Version    int64
}

// Pending reports whether the invitation can be accepted at now.
func (i *Invitation) Pending(now time.Time) bool { return i.Outcome == "" && now.Before(i.ExpiresAt) }
