package postgres

import (
	"context"
	"time"

	"github.com/usermgmt/usermgmt"
)

const (
	invitationColumns = `i.invitation_id, i.org_id, i.owner_unit, i.email, i.email_key, i.plan::text, i.licence, i.invited_by,
	i.created_at, i.updated_at, i.expires_at, i.outcome, i.ended_at, i.accepted_by, i.version`

	sqlInsertInvitation = `insert into usermgmt_invitations (invitation_id, org_id, owner_unit, email, email_key, plan, licence,
	invited_by, created_at, updated_at, expires_at, outcome, ended_at, accepted_by, version)
values ($1::uuid, $2::uuid, $3::uuid, $4::text, $5::text, $6::jsonb, $7::text, $8::uuid, $9::timestamptz, $10::timestamptz,
	$11::timestamptz, $12::text, $13::timestamptz, $14::uuid, 1)`

	sqlInvitation        = `select ` + invitationColumns + ` from usermgmt_invitations i where i.invitation_id = $1::uuid`
	sqlPendingInvitation = `select ` + invitationColumns + ` from usermgmt_invitations i
where i.org_id = $1::uuid and i.email_key = $2::text and i.outcome = ''`

	sqlEndInvitation = `with i as (
	update usermgmt_invitations set outcome = $2::text, ended_at = $3::timestamptz, accepted_by = $4::uuid, version = version + 1
	where invitation_id = $1::uuid and outcome = ''
	returning 1)
select count(*) from i`

	sqlInvitations = `select ` + invitationColumns + ` from usermgmt_invitations i
where i.org_id = $1::uuid and i.invitation_id < coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
order by i.invitation_id desc limit $3::bigint`
	sqlPendingInvitations = `select ` + invitationColumns + ` from usermgmt_invitations i
where i.org_id = $1::uuid and i.outcome = '' and i.invitation_id < coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
order by i.invitation_id desc limit $3::bigint`
	sqlExpiredInvitations = `select ` + invitationColumns + ` from usermgmt_invitations i
where i.outcome = '' and i.expires_at <= $1::timestamptz
order by i.expires_at, i.invitation_id limit $2::bigint`

	sqlInvitedSeats = `select i.licence, count(*) from usermgmt_invitations i
where i.org_id = $1::uuid and i.outcome = '' group by i.licence`
)

// sqlUpdateInvitation compares the version. One with an outcome is stale.
var sqlUpdateInvitation = guardedUpdate(`update usermgmt_invitations
set org_id = $2::uuid, owner_unit = $3::uuid, email = $4::text, email_key = $5::text, plan = $6::jsonb, licence = $7::text,
	invited_by = $8::uuid, created_at = $9::timestamptz, updated_at = $10::timestamptz, expires_at = $11::timestamptz,
	version = version + 1
where invitation_id = $1::uuid and outcome = '' and version = $12::bigint`,
	`select from usermgmt_invitations where invitation_id = $1::uuid`)

// SaveInvitation implements [usermgmt.Store].
func (s *Store) SaveInvitation(ctx context.Context, i usermgmt.Invitation) error {
	args := []any{
		key(i.ID), key(i.Org), id(i.OwnerUnit), i.Email, i.EmailKey, document(i.Plan), string(i.Licence), id(i.InvitedBy),
		moment(i.CreatedAt), moment(i.UpdatedAt), moment(i.ExpiresAt),
	}
	if i.Version == 0 {
		return s.write(ctx, step{sql: sqlInsertInvitation,
			args: append(args, string(i.Outcome), at(i.EndedAt), id(i.AcceptedBy))})
	}
	return s.write(ctx, step{sql: sqlUpdateInvitation, args: append(args, i.Version)})
}

func scanInvitation(r scanner, i *usermgmt.Invitation) error {
	return r.Scan(toID(&i.ID), toID(&i.Org), toID(&i.OwnerUnit), &i.Email, &i.EmailKey, toJSON(&i.Plan), &i.Licence,
		toID(&i.InvitedBy), toTime(&i.CreatedAt), toTime(&i.UpdatedAt), toTime(&i.ExpiresAt), &i.Outcome, toTime(&i.EndedAt),
		toID(&i.AcceptedBy), &i.Version)
}

// InvitationByID implements [usermgmt.Store].
func (s *Store) InvitationByID(ctx context.Context, invitation usermgmt.InvitationID) (usermgmt.Invitation, error) {
	return one(ctx, s, scanInvitation, sqlInvitation, key(invitation))
}

// PendingInvitation implements [usermgmt.Store].
func (s *Store) PendingInvitation(ctx context.Context, org usermgmt.OrgID, emailKey string) (usermgmt.Invitation, error) {
	if !storable(emailKey) {
		emailKey = ""
	}
	return one(ctx, s, scanInvitation, sqlPendingInvitation, key(org), emailKey)
}

// EndInvitation implements [usermgmt.Store].
func (s *Store) EndInvitation(
	ctx context.Context, invitation usermgmt.InvitationID, outcome usermgmt.InvitationOutcome, now time.Time, by usermgmt.UserID,
) (ended bool, err error) {
	n, err := s.counted(ctx, sqlEndInvitation, key(invitation), string(outcome), moment(now), id(by))
	return n > 0, err
}

// ListInvitations implements [usermgmt.Store].
func (s *Store) ListInvitations(
	ctx context.Context, org usermgmt.OrgID, pending bool, q usermgmt.ListQuery,
) ([]usermgmt.Invitation, error) {
	if q.Limit < 1 {
		return nil, limitInvalid()
	}
	text := sqlInvitations
	if pending {
		text = sqlPendingInvitations
	}
	return all(ctx, s, scanInvitation, text, key(org), idArg(q.After.ID), q.Limit)
}

// ExpiredInvitations implements [usermgmt.Store].
func (s *Store) ExpiredInvitations(ctx context.Context, now time.Time, limit int) ([]usermgmt.Invitation, error) {
	if limit < 1 {
		return nil, limitInvalid()
	}
	return all(ctx, s, scanInvitation, sqlExpiredInvitations, moment(now), limit)
}

// InvitedSeats implements [usermgmt.Store].
func (s *Store) InvitedSeats(ctx context.Context, org usermgmt.OrgID) (map[usermgmt.LicenceType]int, error) {
	var out map[usermgmt.LicenceType]int
	err := s.each(ctx, func(r scanner) error {
		var t usermgmt.LicenceType
		var n int
		if err := r.Scan(&t, &n); err != nil {
			return err
		}
		if out == nil {
			out = make(map[usermgmt.LicenceType]int)
		}
		out[t] = n
		return nil
	}, sqlInvitedSeats, key(org))
	if err != nil {
		return nil, err
	}
	return out, nil
}
