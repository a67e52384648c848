package postgres

import (
	"context"

	"github.com/usermgmt/usermgmt"
)

const (
	// The two halves of the sessions have an index each, for users and for
	// operators.
	whereSessions = `session_id in (
	select session_id from usermgmt_sessions where user_id = $1::uuid and ended_at is null
	union all select session_id from usermgmt_sessions where user_id = $1::uuid and ended_at is not null
	union all select session_id from usermgmt_sessions where operator_id = $1::uuid and ended_at is null
	union all select session_id from usermgmt_sessions where operator_id = $1::uuid and ended_at is not null)`
	whereMessages = `message_id in (
	select message_id from usermgmt_outbox where user_id = $1::uuid
	union all select message_id from usermgmt_outbox where address = any($2::text[]) and address <> '')`
	whereInvitations = `invitation_id in (
	select invitation_id from usermgmt_invitations where accepted_by = $1::uuid
	union all select invitation_id from usermgmt_invitations where email_key = any($2::text[]))`

	sqlTraceSessions    = `select ` + sessionColumns + ` from usermgmt_sessions k where k.` + whereSessions
	sqlTraceKeys        = `select ` + keyColumns + ` from usermgmt_api_keys k where k.user_id = $1::uuid`
	sqlTraceMessages    = `select ` + messageColumns + ` from usermgmt_outbox o where o.` + whereMessages
	sqlTraceJobs        = `select ` + jobColumns + ` from usermgmt_jobs j where j.by_user = $1::uuid`
	sqlTraceInvitations = `select ` + invitationColumns + ` from usermgmt_invitations i where i.` + whereInvitations

	sqlEraseSessions = `delete from usermgmt_sessions where ` + whereSessions
	sqlEraseKeys     = `delete from usermgmt_api_keys where user_id = $1::uuid`
	sqlEraseMessages = `delete from usermgmt_outbox where ` + whereMessages
	sqlEraseJobs     = `delete from usermgmt_jobs where by_user = $1::uuid`
	sqlEraseInvited  = `with i as (delete from usermgmt_invitations where outcome <> '' and ` + whereInvitations + `
	returning invitation_id)
delete from usermgmt_tokens where invitation_id in (select invitation_id from i)`
	sqlEraseTokens   = `delete from usermgmt_tokens where user_id = $1::uuid`
	sqlEraseFactor   = `delete from usermgmt_factors where user_id = $1::uuid`
	sqlEraseCodes    = `delete from usermgmt_recovery_codes where user_id = $1::uuid`
	sqlEraseQuestion = `delete from usermgmt_questions where user_id = $1::uuid`
	sqlEraseFormer   = `delete from usermgmt_former_passwords where user_id = $1::uuid`
	// The digests of an organization are read together, and so have no index by user.
	sqlEraseDigests = `delete from usermgmt_import_digests
where user_id = $1::uuid and org_id = any (array(select org_id from usermgmt_orgs))`
	sqlEraseLogins = `update usermgmt_logins
set failures = 0, locked_until = null, last_login_at = null, login_count = 0 where user_id = $1::uuid`
)

// storableAll leaves out what no column can hold, and so nothing is equal to.
func storableAll(texts []string) []string {
	out := make([]string, 0, len(texts))
	for _, s := range texts {
		if storable(s) {
			out = append(out, s)
		}
	}
	return out
}

// TracesOf implements [usermgmt.Store].
func (s *Store) TracesOf(ctx context.Context, p usermgmt.Person) (out usermgmt.Traces, err error) {
	if p.User.IsZero() {
		return out, s.ready(ctx)
	}
	user := id(p.User)
	if out.Sessions, err = all(ctx, s, scanSession, sqlTraceSessions, user); err != nil {
		return usermgmt.Traces{}, err
	}
	if out.Keys, err = all(ctx, s, scanKey, sqlTraceKeys, user); err != nil {
		return usermgmt.Traces{}, err
	}
	if out.Messages, err = all(ctx, s, scanMessage, sqlTraceMessages, user, storableAll(p.Addresses)); err != nil {
		return usermgmt.Traces{}, err
	}
	if out.Jobs, err = all(ctx, s, scanJob, sqlTraceJobs, user); err != nil {
		return usermgmt.Traces{}, err
	}
	if out.Invitations, err = all(ctx, s, scanInvitation, sqlTraceInvitations, user, storableAll(p.EmailKeys)); err != nil {
		return usermgmt.Traces{}, err
	}
	return out, nil
}

// EraseTraces implements [usermgmt.Store].
func (s *Store) EraseTraces(ctx context.Context, p usermgmt.Person) error {
	user := id(p.User)
	if p.User.IsZero() {
		return s.ready(ctx)
	}
	steps := []step{
		{sql: sqlEraseMessages, args: []any{user, storableAll(p.Addresses)}},
		{sql: sqlEraseInvited, args: []any{user, storableAll(p.EmailKeys)}},
	}
	steps = append(steps, step{sql: sqlErasing})
	for _, sql := range []string{
		sqlEraseSessions, sqlEraseKeys, sqlEraseJobs, sqlEraseTokens, sqlEraseFactor, sqlEraseCodes, sqlEraseQuestion,
		sqlEraseFormer, sqlEraseDigests, sqlEraseLogins,
	} {
		steps = append(steps, step{sql: sql, args: []any{user}})
	}
	return s.write(ctx, steps...)
}
