package postgres

import (
	"context"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/usermgmt/usermgmt"
)

const (
	userColumns = `u.user_id, u.kind, u.reserved, u.org_id, u.owner_unit, u.username, u.username_key, u.email, u.email_key,
	u.emails::text, u.prefix, u.first_name, u.middle_name, u.last_name, u.suffix, u.name_key, u.search_key, u.birthday,
	u.avatar_type, u.phone, u.mobile, u.fax, u.street, u.city, u.state, u.postal_code, u.country, u.company, u.title,
	u.employee_number::text, u.reports_to, u.responsible, u.newsletter, u.account_mail, u.sso_pass, u.sso_delegated,
	u.sso_federation, u.source, u.external_id, u.enabled, u.deactivated_at, u.created_at, u.updated_at, u.version,
	u.groups::text, u.custom::text, u.verified_emails::text, u.erased_at`

	accountColumns = userColumns + `, c.status, c.hash, c.changed_at, c.must_change, c.temporary_until, c.epoch, c.version,
	l.failures, l.locked_until, l.last_login_at, l.login_count,
	exists (select from usermgmt_factors f where f.user_id = u.user_id and f.secret <> ''),
	exists (select from usermgmt_questions q where q.user_id = u.user_id)`

	userValues = `$1::uuid, $2::smallint, $3::boolean, $4::uuid, $5::uuid, $6::text, $7::text, $8::text, $9::text,
		$10::jsonb, $11::text, $12::text, $13::text, $14::text, $15::text, $16::text, $17::text, $18::text,
		$19::text, $20::text, $21::text, $22::text, $23::text, $24::text, $25::text, $26::text, $27::text, $28::text, $29::text,
		$30::jsonb, $31::uuid, $32::uuid, $33::boolean, $34::boolean, $35::text, $36::boolean,
		$37::text, $38::text, $39::text, $40::boolean, $41::timestamptz, $42::boolean, $43::timestamptz, $44::timestamptz, 1,
		$46::jsonb, $47::jsonb, $48::jsonb, $49::timestamptz`
	sqlIntoUsers = `insert into usermgmt_users (user_id, kind, reserved, org_id, owner_unit, username, username_key, email, email_key,
		emails, prefix, first_name, middle_name, last_name, suffix, name_key, search_key, birthday,
		avatar_type, phone, mobile, fax, street, city, state, postal_code, country, company, title,
		employee_number, reports_to, responsible, newsletter, account_mail, sso_pass, sso_delegated,
		sso_federation, source, external_id, enabled, deactivated_at, active, created_at, updated_at, version, groups, custom,
		verified_emails, erased_at)`
	// What every user has besides. $45 are the grams of the search key.
	sqlWithUser = `
c as (insert into usermgmt_credentials (user_id, status, hash, must_change, epoch, version, home)
	select user_id, 1, '', false, 1, 1, org_id from u),
l as (insert into usermgmt_logins (user_id, failures, login_count) select user_id, 0, 0 from u),
g as (insert into usermgmt_user_groups (group_id, user_id)
	select e.v::uuid, $1::uuid from x cross join jsonb_array_elements_text($46::jsonb) e (v))
insert into usermgmt_search (user_id, grams) `

	sqlInsertUser  = `with x as (select)` + sqlInsertUsers
	sqlInsertUsers = `,
u as (
	` + sqlIntoUsers + `
	select ` + userValues + ` from x
	returning user_id, org_id),` + sqlWithUser + `select $1::uuid, $45::integer[] from x`

	// The names that the user gives up, and the grams if the search key changes,
	// are found by the row as it was; it is the one that is replaced, because a
	// version that differs makes the whole fail.
	sqlUpdateUser = `with o as (select username_key, email_key, search_key, groups from usermgmt_users where user_id = $1::uuid),
u as (update usermgmt_users
	set kind = $2::smallint, reserved = $3::boolean, org_id = $4::uuid, owner_unit = $5::uuid, username = $6::text,
		username_key = $7::text, email = $8::text, email_key = $9::text, emails = $10::jsonb, prefix = $11::text,
		first_name = $12::text, middle_name = $13::text, last_name = $14::text, suffix = $15::text, name_key = $16::text,
		search_key = $17::text, birthday = $18::text, avatar_type = $19::text, phone = $20::text, mobile = $21::text,
		fax = $22::text, street = $23::text, city = $24::text, state = $25::text, postal_code = $26::text,
		country = $27::text, company = $28::text, title = $29::text, employee_number = $30::jsonb, reports_to = $31::uuid,
		responsible = $32::uuid, newsletter = $33::boolean, account_mail = $34::boolean, sso_pass = $35::text,
		sso_delegated = $36::boolean, sso_federation = $37::text, source = $38::text, external_id = $39::text,
		enabled = $40::boolean, deactivated_at = $41::timestamptz, active = $42::boolean, created_at = $43::timestamptz,
		updated_at = $44::timestamptz, groups = $46::jsonb, custom = $47::jsonb,
		verified_emails = $48::jsonb, erased_at = $49::timestamptz, version = version + 1
	where user_id = $1::uuid and version = $50::bigint returning user_id, version),
c as (` + sqlNoteUserChange + `),
h as (update usermgmt_credentials set home = $4::uuid where user_id = $1::uuid and home <> $4::uuid),
n as (delete from usermgmt_login_names n using o
	where (o.username_key <> $7::text or o.email_key <> $9::text)
	and n.key in (o.username_key, o.email_key) and n.key not in ($7::text, $9::text) and n.user_id = $1::uuid),
s as (update usermgmt_search s set grams = $45::integer[] from o where o.search_key <> $17::text and s.user_id = $1::uuid),
gd as (delete from usermgmt_user_groups g using o where o.groups is distinct from $46::jsonb
	and g.user_id = $1::uuid and not coalesce($46::jsonb, '[]') ? g.group_id::text),
gi as (insert into usermgmt_user_groups (group_id, user_id)
	select e.v::uuid, $1::uuid from o cross join jsonb_array_elements_text($46::jsonb) e (v)
	where not coalesce(o.groups, '[]') ? e.v on conflict do nothing)
select (case when exists (select from o) then '` + guardStale + `' else '` + guardMissing + `' end)::integer
where not exists (select from u)`

	sqlInsertName  = `insert into usermgmt_login_names (key, user_id) values ($2::text, $1::uuid)`
	sqlInsertNames = `
insert into usermgmt_login_names (key, user_id) select $2::text, $1::uuid from x`
	// A name that another user has makes it fail.
	sqlTakeName = `insert into usermgmt_login_names (key, user_id) select $2::text, $1::uuid
where not exists (select from usermgmt_login_names n where n.key = $2::text and n.user_id = $1::uuid)`
	// The copies on memberships are a statement after the one that changes the
	// user, so that it sees memberships that the latter has waited for.
	sqlTakeUsername = `with m as (
	update usermgmt_memberships m
	set name_key = u.name_key, username_key = u.username_key, email_key = u.email_key, user_created_at = u.created_at,
		owner_unit = u.owner_unit, kind = u.kind, newsletter = u.newsletter, home = u.org_id = m.org_id,
		deactivated = u.deactivated_at is not null, user_active = u.active
	from usermgmt_users u
	where u.user_id = $1::uuid and m.user_id = $1::uuid
	and (m.name_key, m.username_key, m.email_key, m.user_created_at, m.owner_unit, m.kind, m.newsletter,
		m.home, m.deactivated, m.user_active)
	is distinct from (u.name_key, u.username_key, u.email_key, u.created_at, u.owner_unit, u.kind, u.newsletter,
		u.org_id = m.org_id, u.deactivated_at is not null, u.active))
` + sqlTakeName

	sqlUser         = `select ` + userColumns + ` from usermgmt_users u where u.user_id = $1::uuid`
	sqlUsersByID    = `select ` + userColumns + ` from usermgmt_users u where u.user_id = any($1::uuid[])`
	sqlUserExternal = `select ` + userColumns + ` from usermgmt_users u
where u.external_id = $2::text and u.source = $1::text and (u.external_id <> '' or u.source <> '')`
	sqlAccount = `select ` + accountColumns + ` from usermgmt_users u
join usermgmt_credentials c on c.user_id = u.user_id join usermgmt_logins l on l.user_id = u.user_id
where u.user_id = $1::uuid`
	sqlAccounts = `select ` + accountColumns + ` from usermgmt_users u
join usermgmt_credentials c on c.user_id = u.user_id join usermgmt_logins l on l.user_id = u.user_id
where u.user_id = any ($1::uuid[])`
	// Reads the account of the next login name if there is not this one, so that
	// the time that it takes does not tell.
	sqlAccountLogin = `select ` + accountColumns + `, n.key = $1::text
from (select key, user_id from usermgmt_login_names where key >= $1::text order by key limit 1) n
join usermgmt_users u on u.user_id = n.user_id
join usermgmt_credentials c on c.user_id = n.user_id join usermgmt_logins l on l.user_id = n.user_id`
)

var (
	bulkUsers = newBulk(49, sqlInsertUsers)
	bulkNames = newBulk(2, sqlInsertNames)
)

// SaveUser implements [usermgmt.Store].
func (s *Store) SaveUser(ctx context.Context, u usermgmt.User) error {
	args := []any{
		id(u.ID), int16(u.Kind), u.Reserved, id(u.Org), id(u.OwnerUnit), u.Username, u.UsernameKey, u.Email, u.EmailKey,
		list(len(u.Emails), u.Emails), u.Prefix, u.FirstName, u.MiddleName, u.LastName, u.Suffix, u.NameKey, u.SearchKey,
		u.Birthday.String(), u.AvatarType, u.Phone, u.Mobile, u.Fax, u.Address.Street, u.Address.City, u.Address.State,
		u.Address.PostalCode, u.Address.Country, u.Company, u.Title, list(len(u.EmployeeNumber), u.EmployeeNumber),
		id(u.ReportsTo), id(u.Responsible), u.Newsletter, u.AccountMail, u.SSO.PassThrough, u.SSO.Delegated,
		u.SSO.FederationID, u.Source, u.ExternalID, u.Enabled, at(u.DeactivatedAt), u.Active(), moment(u.CreatedAt),
		moment(u.UpdatedAt), gramsOfKey(u.SearchKey), list(len(u.Groups), u.Groups), list(len(u.Custom), u.Custom),
		list(len(u.VerifiedEmails), u.VerifiedEmails), at(u.ErasedAt),
	}
	save := step{sql: sqlInsertUser, args: args, bulk: bulkUsers}
	username := step{sql: sqlInsertName, args: []any{id(u.ID), u.UsernameKey}, field: "username", bulk: bulkNames}
	email := step{sql: sqlInsertName, args: []any{id(u.ID), u.EmailKey}, field: "email", bulk: bulkNames}
	if u.Version != 0 {
		save = step{sql: sqlUpdateUser, args: append(args, u.Version)}
		username.sql, username.bulk = sqlTakeUsername, nil
		email.sql, email.bulk = sqlTakeName, nil
	}
	steps := []step{save, username}
	if u.EmailKey != "" && u.EmailKey != u.UsernameKey {
		steps = append(steps, email)
	}
	return s.write(ctx, steps...)
}

// userDests appends where the columns of a user go.
func userDests(d []any, u *usermgmt.User) []any {
	return append(d, toID(&u.ID), &u.Kind, &u.Reserved, toID(&u.Org), toID(&u.OwnerUnit), &u.Username, &u.UsernameKey,
		&u.Email, &u.EmailKey, toJSON(&u.Emails), &u.Prefix, &u.FirstName, &u.MiddleName, &u.LastName, &u.Suffix, &u.NameKey,
		&u.SearchKey, (*dateDest)(&u.Birthday), &u.AvatarType, &u.Phone, &u.Mobile, &u.Fax, &u.Address.Street,
		&u.Address.City, &u.Address.State, &u.Address.PostalCode, &u.Address.Country, &u.Company, &u.Title,
		toJSON(&u.EmployeeNumber), toID(&u.ReportsTo), toID(&u.Responsible), &u.Newsletter, &u.AccountMail,
		&u.SSO.PassThrough, &u.SSO.Delegated, &u.SSO.FederationID, &u.Source, &u.ExternalID, &u.Enabled,
		toTime(&u.DeactivatedAt), toTime(&u.CreatedAt), toTime(&u.UpdatedAt), &u.Version,
		toJSON(&u.Groups), toJSON(&u.Custom), toJSON(&u.VerifiedEmails), toTime(&u.ErasedAt))
}

// dateDest reads a date that is stored as text.
type dateDest usermgmt.Date

// ScanText implements [pgtype.TextScanner].
func (d *dateDest) ScanText(v pgtype.Text) error {
	date, err := usermgmt.ParseDate(v.String)
	*d = dateDest(date)
	return err
}

// Scan implements [sql.Scanner].
func (d *dateDest) Scan(src any) error { return scanText(src, d.ScanText) }

func scanUser(r scanner, u *usermgmt.User) error {
	return r.Scan(userDests(make([]any, 0, 48), u)...)
}

func accountDests(a *usermgmt.Account) []any {
	return append(userDests(make([]any, 0, 62), &a.User),
		&a.Credential.Status, &a.Credential.Hash, toTime(&a.Credential.ChangedAt), &a.Credential.MustChange,
		toTime(&a.Credential.TemporaryUntil), &a.Credential.Epoch, &a.Credential.Version,
		&a.Login.Failures, toTime(&a.Login.LockedUntil), toTime(&a.Login.LastLoginAt), &a.Login.LoginCount,
		&a.Factor, &a.Question)
}

func scanAccount(r scanner, a *usermgmt.Account) error {
	err := r.Scan(accountDests(a)...)
	a.Credential.User, a.Login.User = a.User.ID, a.User.ID
	return err
}

// UserByID implements [usermgmt.Store].
func (s *Store) UserByID(ctx context.Context, user usermgmt.UserID) (usermgmt.User, error) {
	return one(ctx, s, scanUser, sqlUser, id(user))
}

// UsersByID implements [usermgmt.Store].
func (s *Store) UsersByID(ctx context.Context, users []usermgmt.UserID) ([]usermgmt.User, error) {
	return all(ctx, s, scanUser, sqlUsersByID, ids(users))
}

// AccountByLogin implements [usermgmt.Store].
func (s *Store) AccountByLogin(ctx context.Context, key string) (usermgmt.Account, error) {
	if !storable(key) {
		key = ""
	}
	found := false
	a, err := one(ctx, s, func(r scanner, a *usermgmt.Account) error {
		err := r.Scan(append(accountDests(a), &found)...)
		a.Credential.User, a.Login.User = a.User.ID, a.User.ID
		return err
	}, sqlAccountLogin, key)
	if err == nil && !found {
		return usermgmt.Account{}, usermgmt.ErrNotFound
	}
	return a, err
}

// AccountByID implements [usermgmt.Store].
func (s *Store) AccountByID(ctx context.Context, user usermgmt.UserID) (usermgmt.Account, error) {
	return one(ctx, s, scanAccount, sqlAccount, id(user))
}

// AccountsByID implements [usermgmt.Store].
func (s *Store) AccountsByID(ctx context.Context, users []usermgmt.UserID) ([]usermgmt.Account, error) {
	return all(ctx, s, scanAccount, sqlAccounts, ids(users))
}

// UserByExternalID implements [usermgmt.Store].
func (s *Store) UserByExternalID(ctx context.Context, source, externalID string) (usermgmt.User, error) {
	if !storable(source) || !storable(externalID) {
		source, externalID = "", "" // nobody's
	}
	return one(ctx, s, scanUser, sqlUserExternal, source, externalID)
}
