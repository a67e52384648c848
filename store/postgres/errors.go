package postgres

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/usermgmt/usermgmt"
)

// SQLSTATEs that mean something here.
const (
	stateUnique        = "23505"
	stateForeignKey    = "23503"
	stateCheck         = "23514" // a row that names nothing where it must name something
	stateSerialization = "40001"
	stateDeadlock      = "40P01"
	stateText          = "22P02" // a guard failed, see guardedUpdate
	stateCancelled     = "57014"
)

// The words of guards: statements that find out that they must not go on cast
// one of these to an integer, which fails and takes the transaction along. So
// the check needs no round trip of its own, and no answer between the change
// and the commit.
const (
	guardStale   = "usermgmt:stale"
	guardMissing = "usermgmt:missing"
	guardLimit   = "usermgmt:limit"
	guardTaken   = "usermgmt:taken"
)

// guardedUpdate makes an UPDATE that compares a version fail with ErrStale, or
// with ErrNotFound if exists finds no row, instead of changing nothing.
func guardedUpdate(update, exists string) string {
	return "with u as (" + update + " returning 1)\n" +
		"select (case when exists (" + exists + ") then '" + guardStale + "' else '" + guardMissing + "' end)::integer\n" +
		"where not exists (select from u)"
}

// guardedDelete makes a DELETE fail with ErrNotFound instead of deleting
// nothing.
func guardedDelete(del string) string {
	return "with u as (" + del + " returning 1)\n" +
		"select (case when (select count(*) from u) = 0 then '" + guardMissing + "' end)::integer\n" +
		"where not exists (select from u)"
}

// databaseError is a failure of the database that the contract does not name.
// Its text names neither the server nor the statement nor any value.
type databaseError struct{ cause error }

func (e *databaseError) Error() string {
	var pg *pgconn.PgError
	if errors.As(e.cause, &pg) {
		text := "postgres: SQLSTATE " + pg.Code
		if pg.ConstraintName != "" {
			text += ", constraint " + pg.ConstraintName
		}
		return text
	}
	return "postgres: the connection failed"
}

// Unwrap returns the driver's error. It is for logs that may name the server.
func (e *databaseError) Unwrap() error { return e.cause }

// plain is an error of the database outside the contract, or the context's.
func plain(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if own := ctx.Err(); own != nil && (stateOf(err) == stateCancelled || stateOf(err) == "") {
		return own
	}
	return &databaseError{err}
}

func stateOf(err error) string {
	var s interface{ SQLState() string }
	if errors.As(err, &s) {
		return s.SQLState()
	}
	return ""
}

// fatal reports whether err is the last word of the server on a connection.
func fatal(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Severity == "FATAL" || pg.Severity == "PANIC" || strings.HasPrefix(pg.Code, "08"))
}

func isTransient(err error) bool { return errors.Is(err, usermgmt.ErrTransient) }

// unknown is the error for a connection that was lost during a commit.
func unknown(cause error) error {
	return &usermgmt.Error{Kind: usermgmt.ErrOutcomeUnknown, Err: &databaseError{cause}}
}

// explain turns the failure of a step into an error of the contract. st is nil
// for a query.
func explain(ctx context.Context, st *step, cause error) error {
	if st == nil {
		st = &step{}
	}
	switch stateOf(cause) {
	case stateSerialization, stateDeadlock:
		return &usermgmt.Error{Kind: usermgmt.ErrTransient, Err: &databaseError{cause}}
	case stateText:
		if err := guardError(st, cause); err != nil {
			return err
		}
	case stateUnique:
		return conflictError(fieldOf(st, cause), "taken", cause)
	case stateForeignKey:
		if st.remove {
			return conflictError(st.field, "in_use", cause)
		}
		return conflictError(fieldOf(st, cause), "reference", cause)
	case stateCheck:
		return conflictError(fieldOf(st, cause), "reference", cause)
	}
	return plain(ctx, cause)
}

func conflictError(field, rule string, cause error) error {
	return &usermgmt.Error{Kind: usermgmt.ErrConflict, Field: field, Rule: rule, Err: &databaseError{cause}}
}

// guardError is the error that a guard's word stands for, nil if it is none.
func guardError(st *step, cause error) error {
	var pg *pgconn.PgError
	if !errors.As(cause, &pg) {
		return nil
	}
	switch text := pg.Message; {
	case strings.Contains(text, guardStale):
		return usermgmt.ErrStale
	case strings.Contains(text, guardMissing):
		return usermgmt.ErrNotFound
	case strings.Contains(text, guardLimit):
		return &usermgmt.Error{Kind: usermgmt.ErrLimit, Field: "licence"} // only pools have a limit
	case strings.Contains(text, guardTaken):
		return &usermgmt.Error{Kind: usermgmt.ErrConflict, Field: st.field, Rule: "taken"}
	}
	return nil
}

// fieldOf is the field that a violated constraint is about.
func fieldOf(st *step, cause error) string {
	if st.field != "" {
		return st.field
	}
	var pg *pgconn.PgError
	if !errors.As(cause, &pg) {
		return ""
	}
	if field := constraintFields[pg.ConstraintName]; field != "" {
		return field
	}
	if strings.HasSuffix(pg.ConstraintName, "_pk") {
		return "id" // also of a table that belongs to the one of the record
	}
	return ""
}

// constraintFields are the fields of conflicts by the violated constraint.
var constraintFields = map[string]string{
	"um_bootstrap_pk": "bootstrap",

	"um_orgs_name": "name", "um_orgs_provider": "provider",

	"um_units_id": "id", "um_units_org": "organization", "um_units_parent": "parent",
	"um_teams_id": "id", "um_teams_org": "organization", "um_teams_parent": "parent",
	"um_teams_root": "parent",

	"um_users_external": "external_id", "um_users_owner_unit": "owner_unit",
	"um_users_reports_to": "reports_to", "um_users_responsible": "responsible",

	"um_applications_name": "name", "um_applications_org": "organization",
	"um_roles_name": "name", "um_roles_org": "organization", "um_roles_application": "application",
	"um_profiles_name": "name", "um_profiles_org": "organization",

	"um_memberships_org": "organization", "um_memberships_user": "user",
	"um_memberships_profile": "profile", "um_memberships_initial_app": "initial_app",
	"um_memberships_primary_team": "primary_team", "um_membership_roles_role": "roles",
	"um_membership_teams_team": "teams", "um_membership_units_unit": "units",

	"um_access_subject": "subject", "um_access_org": "organization",
	"um_access_application": "application", "um_access_user": "user", "um_access_team": "team",
	"um_access_roles_role": "roles", "um_access_subject_set": "user",

	"um_sharing_id": "id", "um_sharing_name": "name", "um_sharing_org": "organization",
	"um_sharing_owning": "owning", "um_sharing_teams_team": "sharing", "um_sharing_roles_role": "roles",

	"um_sessions_token": "token", "um_sessions_user": "user", "um_sessions_org": "organization",
	"um_sessions_operator": "operator",

	"um_api_keys_id": "id", "um_api_keys_hash": "hash", "um_api_keys_org": "organization",
	"um_api_keys_user": "user",

	"um_proxy_lists_org": "organization", "um_proxy_lists_operator": "operator",
	"um_proxy_users_user": "users", "um_proxy_teams_team": "teams",

	"um_deputies_user": "user", "um_deputies_deputy": "deputy",

	"um_pools_org": "organization",

	"um_groups_name": "name", "um_user_groups_group": "groups",
	"um_fields_id": "id", "um_fields_name": "name", "um_fields_org": "organization",
	"um_tokens_user": "user", "um_tokens_id": "id", "um_token_secrets_hash": "hash",
	"um_invitations_org": "organization", "um_invitations_email": "email",
	"um_settings_org": "organization",

	"um_jobs_one": "job", "um_jobs_user": "user", "um_jobs_org": "organization",
}
