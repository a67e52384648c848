package usermgmt

import (
	"context"
	"slices"
	"time"

	"github.com/usermgmt/usermgmt/internal/authz"
)

// Users manages users. [Manager.Users] returns it.
type Users struct{ m *Manager }

// Users returns the service that manages users.
func (m *Manager) Users() *Users { return &Users{m} }

// Audit verbs of users.
const (
	verbUserCreate     = "user.create"
	verbUserUpdate     = "user.update"
	verbUserEnable     = "user.enable"
	verbUserDisable    = "user.disable"
	verbUserDeactivate = "user.deactivate"
	verbUserReactivate = "user.reactivate"
	verbUserUnlock     = "user.unlock"
	verbUserAvatar     = "user.avatar"
	verbUserAssign     = "user.assign"
)

// NewUser describes a user to make.
type NewUser struct {
	// Kind defaults to KindPerson.
	Kind UserKind
	// OwnerUnit is the unit that owns the record. Its organization is the home.
	OwnerUnit UnitID
	// Username is 3 to 255 characters, letters, digits, ".", "_" and "-", or an
	// e-mail address that is nobody else's. Compared by RFC 8265
	// UsernameCaseMapped.
	Username string
	Email    string
	Emails   []string

	Prefix, FirstName, MiddleName, LastName, Suffix string
	Birthday                                        Date
	Phone, Mobile, Fax                              string
	Address                                         Address
	Company, Title                                  string
	EmployeeNumber                                  []string
	ReportsTo, Responsible                          UserID
	// Groups are labels that the user wears, at most 50; the actor needs
	// [PermGroupView].
	Groups                  []GroupID
	Newsletter, AccountMail bool
	SSO                     SSO
	Source, ExternalID      string
	// Reserved makes a user of the system's, who stays as made: nobody changes,
	// becomes, invites or erases one, not even who made it. Only an actor of
	// [Manager.SystemActor] makes one, without a password; it needs no names or mail
	// and holds no seat.
	Reserved bool
	// Disabled makes a user who cannot log in until enabled.
	Disabled bool

	// Password is optional; without one the user has none until it is set.
	Password string
	// MustChange demands a new password at the first login.
	MustChange bool
	// Invite mails a link with which the user sets the first password, in place of
	// a Password; see [Users.Invite].
	Invite bool

	// Membership of the home organization.
	NewMembership
}

// NewMembership describes a place in an organization.
type NewMembership struct {
	Profile ProfileID
	// Roles held directly, and Access to applications: at least one role must
	// come from them or from the access entries of a team.
	Roles  []RoleAssignment
	Access []ApplicationAccess
	// Teams with one primary. PrimaryTeam is added to Teams if it is not there.
	Teams       []TeamAssignment
	PrimaryTeam TeamID
	// Units assigned to the user, of the organization.
	Units []UnitID
	// Licence defaults to LicencePlatform; another type needs
	// [PermLicenceManage], which exists system-wide only. Services take no seat.
	Licence    LicenceType
	InitialApp ApplicationID
	// TimeZone is an IANA name, DateFormat one of [DateFormats]; both are kept
	// among the user's settings in the organization. Empty is the default.
	TimeZone, DateFormat string
	// Custom are values of the organization's custom fields, by name, and in
	// [Users.Create] of the host's. Fields left out get their Default.
	Custom map[string]string
}

// ApplicationAccess gives roles in an application.
type ApplicationAccess struct {
	Application ApplicationID
	Roles       []RoleAssignment
}

func (n *NewUser) user(now time.Time) User {
	kind := n.Kind
	if kind == 0 {
		kind = KindPerson
	}
	return User{
		ID: newID[User](), Kind: kind, Reserved: n.Reserved, OwnerUnit: n.OwnerUnit,
		Username: n.Username, Email: n.Email, Emails: slices.Clone(n.Emails),
		Prefix: n.Prefix, FirstName: n.FirstName, MiddleName: n.MiddleName, LastName: n.LastName, Suffix: n.Suffix,
		Birthday: n.Birthday, Phone: n.Phone, Mobile: n.Mobile, Fax: n.Fax, Address: n.Address,
		Company: n.Company, Title: n.Title, EmployeeNumber: slices.Clone(n.EmployeeNumber),
		ReportsTo: n.ReportsTo, Responsible: n.Responsible, Groups: slices.Clone(n.Groups), Newsletter: n.Newsletter, AccountMail: n.AccountMail,
		SSO: n.SSO, Source: n.Source, ExternalID: n.ExternalID,
		Enabled: !n.Disabled, CreatedAt: now, UpdatedAt: now,
	}
}

// Create makes a user with the membership of the home organization.
//
// The actor needs [PermUserCreate] on the new record: its owner unit and every
// one of its teams must lie within the scope. The profile and every role may
// hold only what the actor holds (the subset rule), also those that come by the
// teams' application access. A person or shared account takes a seat. No password
// is given during a proxy login.
//
// With Invite the actor also needs [PermUserInvite] on the new record, and a session
// of the actor's own. Only a system actor makes users of a directory
// ([Config.Directories]), who have no password here.
//
// Create is atomic. It records "user.create" and mails the invitation or, with
// AccountMail, a welcome without any secret.
//
// Errors: [ErrInvalid] with every problem of the fields and of the password;
// [ErrConflict] for a taken name; [ErrLimit] without a free seat;
// [ErrNotFound] for a place that the actor may not see; [ErrPermission];
// [ErrOverloaded]; [ErrStale] if the actor was given the right
// while the call ran, and so the password was not looked at.
func (s *Users) Create(ctx context.Context, a Actor, n NewUser) (*User, error) {
	const op = "Users.Create"
	m := s.m
	var out *User
	hash, badPassword, err := m.initialPassword(ctx, a, &n)
	if err != nil {
		return nil, withOp(op, err)
	}
	draft := n.user(m.now())
	err = m.change(ctx, a, op, verbUserCreate, func(ctx context.Context, w *work) error {
		if n.Password != "" && w.v.acting() {
			return &Error{Kind: ErrPermission, Rule: "own_session_only", Permission: PermUserSetPassword}
		}
		u := draft
		u.Emails, u.Groups = slices.Clone(draft.Emails), slices.Clone(draft.Groups)
		var p problems
		p.addErr(badPassword)
		if err := w.createUser(ctx, &u, &n.NewMembership, entrance{hash, n.MustChange, n.Invite}, &p); err != nil {
			return err
		}
		if n.Password != "" && hash == "" {
			return &Error{Kind: ErrStale, Field: "password"} // the right came after the password was looked at
		}
		out = &u
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// initialPassword checks and hashes the password of a new user. Nothing is
// hashed for somebody who may not make users at all.
func (m *Manager) initialPassword(ctx context.Context, a Actor, n *NewUser) (hash string, bad, err error) {
	if n.Password == "" || !a.Has(PermUserCreate) {
		return "", nil, nil
	}
	if n.Kind == KindService {
		return "", invalid("password", "service", "services have no password"), nil
	}
	unit, err := m.store.UnitByID(ctx, n.OwnerUnit)
	if err != nil {
		return "", nil, skipNotFound(err)
	}
	if unit.Org != a.Org() && !a.Scope(PermUserCreate).Has(ScopeSystem) {
		return "", nil, nil // as if the unit were not there
	}
	org, err := m.store.OrgByID(ctx, unit.Org)
	if err != nil {
		return "", nil, err
	}
	u := n.user(m.now())
	hash, err = m.newPassword(ctx, &u, &org, n.Password, "", "")
	if err != nil && !isInvalid(err) {
		return "", nil, err
	}
	return hash, err, nil
}

// createUser makes the user u; its identifier and times are set. Problems found
// so far are in p.
func (w *work) createUser(ctx context.Context, u *User, n *NewMembership, in entrance, p *problems) error {
	w.on("user", u.ID, w.v.org, u.DisplayName())
	unit, err := w.tx.UnitByID(ctx, u.OwnerUnit)
	if err != nil {
		if !isNotFound(err) {
			return err
		}
		p.add("owner_unit", "unknown", "no such business unit")
		return p.err()
	}
	if n, ok := w.v.cat.Number(string(PermUserCreate)); unit.Org != w.v.org && (!ok || w.v.granted(n)&authz.System == 0) {
		p.add("owner_unit", "unknown", "no such business unit") // as if it were not there
		return p.err()
	}
	u.Org = unit.Org
	w.org = unit.Org
	org, err := w.tx.OrgByID(ctx, u.Org)
	if err != nil {
		return err
	}
	mem := Membership{User: u.ID, Org: u.Org, Enabled: true, CreatedAt: w.now, UpdatedAt: w.now, Rights: firstStamp()}
	n.into(&mem, w)
	r := recordOf(u, &mem, u.Org, w.now)
	if err := w.need(PermUserCreate, PermUnitView, r); err != nil {
		return err
	}
	if err := w.unitInScope(PermUserCreate, &unit); err != nil {
		return err
	}
	if err := w.checkReserved(u, in, p); err != nil {
		return err
	}
	if err := w.checkEntrance(u, in, r, p); err != nil {
		return err
	}
	w.remember()
	set, err := w.customOf(ctx, u.Org)
	if err != nil {
		return err
	}
	u.Custom, mem.Custom = w.m.splitCustom(n.Custom)
	u.Custom = w.m.fields.check(nil, u.Custom, true, u.Kind != KindService, p)
	w.customOfMember(set, u, nil, &mem, true, p)
	prepareUser(u, w.m.fields, w.m.policyOf(&org), w.now, p)
	w.checkNames(nil, u, p)
	if err := w.checkPeople(ctx, u, &mem, p); err != nil {
		return err
	}
	if err := w.checkGroups(ctx, nil, u, p); err != nil {
		return err
	}
	if err := w.checkMembership(ctx, u, nil, &mem, n.Access, PermUserCreate, p); err != nil {
		return err
	}
	if err := p.err(); err != nil {
		return err
	}
	if err := w.tx.SaveUser(ctx, *u); err != nil {
		return err
	}
	u.Version = 1
	if err := w.insertMembership(ctx, u, &mem, n.Access); err != nil {
		return err
	}
	return w.created(ctx, u, &mem, n.Access, in, &org)
}

// checkPeople checks the users that a user names.
func (w *work) checkPeople(ctx context.Context, u *User, mem *Membership, p *problems) error {
	if !u.Responsible.IsZero() {
		r, err := w.m.colleague(ctx, w.tx, u.Responsible, u.Org)
		switch {
		case isNotFound(err), err == nil && (!r.User.Active() || r.User.Kind != KindPerson):
			p.add("responsible", "not_active", "is not an active person of the organization")
		case err != nil:
			return err
		}
	}
	if u.ReportsTo.IsZero() {
		return nil
	}
	if u.ReportsTo == u.ID {
		p.add("reports_to", "cycle", "nobody reports to themselves")
		return nil
	}
	place, err := w.m.colleague(ctx, w.tx, u.ReportsTo, u.Org)
	if err != nil {
		if isNotFound(err) {
			p.add("reports_to", "unknown", "no such member of the organization")
			return nil
		}
		return err
	}
	boss := place.User
	mine := teamsAt(mem, w.now)
	if !boss.Active() || !slices.ContainsFunc(teamsAt(&place.Membership, w.now), func(t TeamID) bool { return slices.Contains(mine, t) }) {
		p.add("reports_to", "not_in_team", "is not an active member of one of the user's teams")
		return nil
	}
	for depth := 0; !boss.ReportsTo.IsZero() && depth < maxReports; depth++ {
		if boss.ReportsTo == u.ID {
			p.add("reports_to", "cycle", "reports to the user, directly or not")
			return nil
		}
		if boss, err = w.tx.UserByID(ctx, boss.ReportsTo); err != nil {
			return err
		}
	}
	return nil
}

const maxReports = 1000

// Get returns a user whom the actor may see: with [PermUserView], or oneself.
//
// Errors: [ErrNotFound].
func (s *Users) Get(ctx context.Context, a Actor, id UserID) (*User, error) {
	const op = "Users.Get"
	v, err := s.m.read(a)
	if err != nil {
		return nil, withOp(op, err)
	}
	if id == v.subject && !id.IsZero() {
		own, err := s.m.store.UserByID(ctx, id)
		if err != nil {
			return nil, withOp(op, err)
		}
		return s.m.present(&own), nil
	}
	u, err := s.m.visibleUser(ctx, v, id, PermUserView)
	return s.m.present(u), withOp(op, err)
}

// Page is a page of a list.
type Page[T any] struct {
	Items []T
	// Next is where the next page begins; the zero Position after the last.
	Next Position
}

// List returns a page of the users whom the actor may see. q.Org defaults to the
// actor's organization, and must be it but for actors of scope System; q.Now and
// q.Visible are set by List. q.Custom may name custom fields of the host's and of
// q.Org; List divides it. q.Search is compared in canonical form; with one or
// two letters it finds what a word of a name, the username or an e-mail address
// begins with, with more also what is inside.
//
// The order is total and pages continue after the last row seen, whatever
// changed in between. q.Limit defaults to [DefaultPageSize].
//
// Errors: [ErrPermission] without [PermUserView] on anybody; [ErrLimit] for more
// than [MaxPageSize]; [ErrNotFound] for another organization; [ErrInvalid] for a
// custom field that is not defined, or a value that its type cannot read.
func (s *Users) List(ctx context.Context, a Actor, q UserQuery) (*Page[User], error) {
	const op = "Users.List"
	v, err := s.m.read(a)
	if err != nil {
		return nil, withOp(op, err)
	}
	if err := s.m.scopeQuery(v, &q, PermUserView); err != nil {
		return nil, withOp(op, err)
	}
	if err := pageLimit(&q.Limit); err != nil {
		return nil, withOp(op, err)
	}
	if err := s.m.customQuery(ctx, &q); err != nil {
		return nil, withOp(op, err)
	}
	want := q.Limit
	q.Limit++
	items, err := s.m.store.ListUsers(ctx, q)
	if err != nil {
		return nil, withOp(op, err)
	}
	for i := range items {
		s.m.present(&items[i])
	}
	page := &Page[User]{Items: items}
	if len(items) > want {
		page.Items = items[:want]
		page.Next = userPosition(&items[want-1], q.Sort)
	}
	return page, nil
}

// scopeQuery limits q to what the actor has p on.
func (m *Manager) scopeQuery(v *actorValue, q *UserQuery, p Permission) error {
	if q.Org.IsZero() {
		q.Org = v.org
	}
	f := v.filter(p)
	switch {
	case f.Nothing():
		return &Error{Kind: ErrPermission, Permission: p}
	case q.Org != v.org && !f.System:
		return &Error{Kind: ErrNotFound, hidden: true}
	}
	q.Now, q.Visible = m.now(), &f
	q.Search = foldSearch(q.Search)
	return nil
}

func foldSearch(s string) string {
	if s == "" {
		return ""
	}
	return fold(s)
}

func pageLimit(limit *int) error {
	switch {
	case *limit == 0:
		*limit = DefaultPageSize
	case *limit < 0:
		return invalid("limit", "range", "want 1 or more")
	case *limit > MaxPageSize:
		return &Error{Kind: ErrLimit, Field: "limit"}
	}
	return nil
}

func userPosition(u *User, sort UserSort) Position {
	p := Position{ID: [16]byte(u.ID)}
	switch sort {
	case SortUsername:
		p.Key = u.UsernameKey
	case SortEmail:
		p.Key = u.EmailKey
	case SortCreated:
		p.Key = u.CreatedAt.UTC().Format(positionTime)
	default:
		p.Key = u.NameKey
	}
	return p
}

const positionTime = "2006-01-02T15:04:05.000000Z"
