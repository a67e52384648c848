package usermgmt

import (
	"strings"
	"time"
)

// AuthStatus says whether the credentials of a user work. It is independent of
// the enabled flag: "cannot log in" means enabled with a status other than
// [StatusActive].
type AuthStatus uint8

// The authentication statuses.
const (
	StatusActive        AuthStatus = iota + 1
	StatusLocked                   // too many wrong passwords
	StatusPasswordReset            // an administrator demanded a new password
	StatusExpired                  // the password is older than the policy allows
)

// String returns "active", "locked", "password reset" or "expired".
func (s AuthStatus) String() string {
	switch s {
	case StatusActive:
		return "active"
	case StatusLocked:
		return "locked"
	case StatusPasswordReset:
		return "password reset"
	case StatusExpired:
		return "expired"
	}
	return "unknown"
}

// Credential is what proves a user: one row per user, made with it.
type Credential struct {
	User UserID
	// Status is StatusActive, StatusPasswordReset or StatusExpired. Being
	// locked is a matter of [LoginState].
	Status AuthStatus
	// Hash is the stored password hash, empty while the user has no password.
	Hash string
	// ChangedAt is when the password was last set.
	ChangedAt time.Time
	// MustChange leaves [StepPassword] pending after a login.
	MustChange bool
	// TemporaryUntil is set while Hash is that of a temporary password that was
	// not used yet: when it stops working. The login that uses it sets it to
	// zero.
	TemporaryUntil time.Time
	// Epoch grows with every change of the password or the status, and on
	// deactivation. Sessions of an older epoch are dead.
	Epoch   int64
	Version int64
}

// LoginState counts logins. It is a row of its own, so that guessing passwords
// never collides with editing the user.
type LoginState struct {
	User UserID
	// Failures counts reserved attempts since the last success.
	Failures int
	// LockedUntil is when a lock ends; [Forever] is until somebody activates
	// the user. The user is locked at t if t < LockedUntil.
	LockedUntil time.Time
	LastLoginAt time.Time
	LoginCount  int64
}

// Forever is the end of what does not end by itself.
var Forever = time.Date(9999, time.December, 31, 0, 0, 0, 0, time.UTC)

// Status returns the authentication status at now.
func (s Standing) Status(now time.Time) AuthStatus {
	if now.Before(s.LockedUntil) {
		return StatusLocked
	}
	return s.CredentialStatus
}

// Account is everything that deciding about a login needs, read at once.
type Account struct {
	User       User
	Credential Credential
	Login      LoginState
	// Factor: there is a confirmed [Factor]. Question: there is a [Question].
	Factor, Question bool
}

// sessionEpoch is what a session that begins now has as its Epoch.
func (s *Standing) sessionEpoch() int64 { return s.Epoch + s.OrgEpoch }

// Standing is everything about a user in an organization that decides whether
// an actor still counts and whether a snapshot of its rights is still good.
// It holds no slices and no maps: reading it costs no allocation.
type Standing struct {
	User             UserID
	Username         string
	Kind             UserKind
	Enabled          bool
	Deactivated      bool
	Reserved         bool
	CredentialStatus AuthStatus
	MustChange       bool
	Epoch            int64
	LockedUntil      time.Time

	Org         OrgID
	OrgEnabled  bool
	OrgEpoch    int64
	Provider    bool
	SwitchRoles bool
	// Member: there is a membership; the rest is zero without one.
	Member        bool
	MemberEnabled bool
	Rights        int64
	// Policy and Trees are the organization's stamps, SystemPolicy that of
	// the system-wide roles, profiles and applications.
	Policy, Trees, SystemPolicy int64
}

// SessionKind says what a session is.
type SessionKind uint8

// The kinds of sessions.
const (
	// SessionLogin is an ordinary session.
	SessionLogin SessionKind = iota + 1
	// SessionProxy is somebody else's, entered by proxy login.
	SessionProxy
	// SessionSupport is that of a tenant's primary administrator, entered by
	// customer support.
	SessionSupport
)

// acting reports whether somebody acts for somebody else in such a session.
func (k SessionKind) acting() bool { return k == SessionProxy || k == SessionSupport }

// door is the one by which such a session's actor comes in.
func (k SessionKind) door() Door {
	switch k {
	case SessionLogin:
		return DoorSession
	case SessionProxy:
		return DoorProxy
	case SessionSupport:
		return DoorSupport
	}
	return DoorNone
}

// Basis is the right by which somebody acts for somebody else.
type Basis uint8

// The bases. The zero Basis is that of a session of one's own.
const (
	// BasisPermission: [PermProxyLogin] with its scope, within the proxy list.
	BasisPermission Basis = iota + 1
	// BasisDeputy: the user has named the operator a [Deputy].
	BasisDeputy
	// BasisSupport: [PermSupportLogin], within the tenant's consent where one is
	// asked for.
	BasisSupport
	// BasisBreakGlass: [PermBreakGlass], without consent, in an emergency.
	BasisBreakGlass
)

// String returns "own", "permission", "deputy", "support" or "break_glass".
func (b Basis) String() string {
	return [...]string{"own", "permission", "deputy", "support", "break_glass"}[min(int(b), 4)]
}

// permission is what allows to act on the basis, or would without it.
func (b Basis) permission() Permission {
	switch b {
	case BasisSupport:
		return PermSupportLogin
	case BasisBreakGlass:
		return PermBreakGlass
	default:
		return PermProxyLogin
	}
}

// Session is one login. Only the hash of its token is stored.
type Session struct {
	ID   SessionID
	Kind SessionKind
	// TokenHash is the SHA-256 of the token; unique among live sessions. It
	// changes when the session is resumed after a proxy login.
	TokenHash [32]byte
	// User is whose rights the session has: the target in a proxy login.
	User UserID
	Org  OrgID
	// App and Role are the current application and the role in force; zero
	// where none is chosen.
	App  ApplicationID
	Role RoleID
	// Operator and Parent are set on a session in which somebody acts for
	// somebody else: who really acts, and the operator's own session to which
	// switching back returns.
	Operator UserID
	Parent   SessionID
	// Basis is the right by which the operator acts, Reason what for.
	Basis  Basis
	Reason string
	// ReadOnly: nothing is changed in it. Intersect: only what the operator holds
	// as well.
	ReadOnly, Intersect bool
	// Parked sessions wait for the end of the one that was begun from them; their
	// token is void.
	Parked bool
	// Licence is the pool of whose seats the session holds one, if that pool
	// floats; empty for sessions that never take any, and for whoever lacks
	// [PermLicenceView] with scope System.
	Licence LicenceType
	// Epoch and OperatorEpoch are, at its making, the sum of the credential epoch
	// and the organization's epoch. Both only grow, so an equal sum means that
	// neither changed.
	Epoch, OperatorEpoch int64
	// Pending are the steps that remain before the session can be used; a proxy
	// session has none.
	Pending Step
	// ProvedAt is when its user, or the operator, last proved a secret.
	ProvedAt time.Time
	// Idle is how long the session lives without being used.
	Idle time.Duration
	// CreatedAt, SeenAt, ExpiresAt: the absolute limit is ExpiresAt, the idle
	// limit SeenAt+Idle. At the limit the session is dead.
	CreatedAt, SeenAt, ExpiresAt time.Time
	// EndedAt and EndReason are set once it is ended.
	EndedAt   time.Time
	EndReason string
	Origin    Origin
}

// SessionView is a session with the standing of its user.
type SessionView struct {
	Session  Session
	Standing Standing
}

// APIKey is a user's key in an organization. Only its hash is stored.
type APIKey struct {
	ID   APIKeyID
	User UserID
	Org  OrgID
	// PublicID is the part of the key that names it, for logs and lists.
	PublicID string
	// Hash is the SHA-256 of the whole key.
	Hash [32]byte
	// PreviousHash is that of the key that it took the place of, which works
	// until PreviousUntil.
	PreviousHash  [32]byte
	PreviousUntil time.Time
	// Epoch is the credential epoch at its making. A key outlives password
	// changes; it is kept for the record.
	Epoch int64
	// Permissions narrows what the key may do; empty is all that its owner may.
	Permissions []Permission
	CreatedAt   time.Time
	CreatedBy   UserID
	// ExpiresAt is the end of the key; zero is none.
	ExpiresAt time.Time
	// LastUsedAt is exact to about an hour.
	LastUsedAt time.Time
}

// KeyView is an API key with the standing of its owner.
type KeyView struct {
	Key      APIKey
	Standing Standing
}

// ProxyList says as whom an operator may log in, within the permission and the
// hierarchy. Without a list, or with Restricted false, that is everybody.
type ProxyList struct {
	Operator UserID
	Org      OrgID
	// Restricted: only Users and members of Teams. It stays when the last
	// entry goes, or ends, so that an emptied list never widens.
	Restricted bool
	Users      []ProxyUser // follow the user into other teams
	Teams      []ProxyTeam // direct members, as of each use
	UpdatedAt  time.Time
	Version    int64
}

// ProxyUser is a user on a proxy list, for a time or for good.
type ProxyUser struct {
	User        UserID
	From, Until time.Time // as in RoleAssignment
}

// ProxyTeam is a team on a proxy list, for a time or for good.
type ProxyTeam struct {
	Team        TeamID
	From, Until time.Time // as in RoleAssignment
}

// Deputy says that a user has named somebody who may act as the user in an
// organization, for a time. The key is User, Org and Deputy.
type Deputy struct {
	User   UserID
	Org    OrgID
	Deputy UserID
	// From and Until bound it: it counts at t if From <= t < Until.
	From, Until time.Time
	// ReadOnly: the deputy changes nothing.
	ReadOnly  bool
	Reason    string
	CreatedAt time.Time
	UpdatedAt time.Time
	Version   int64
}

// DeputyQuery selects deputies of an organization: those whom User has named, or
// those by whom Deputy was named.
type DeputyQuery struct {
	Org OrgID
	// Exactly one of them is set.
	User, Deputy UserID
	After        Position // of the last one: the ID of the other user
	Limit        int      // at least 1
}

// PoolTerms say how many seats a pool has, and who takes one.
type PoolTerms struct {
	// Size is the number of seats; negative is unlimited. Only setting the
	// pool changes it. It may be set below what is in use: nobody loses a seat,
	// but no further seat is given.
	Size int
	// Overdraft is how many seats over Size are given before the next is
	// refused; negative is without end, so that use over Size is only reported.
	Overdraft int
	// Floating: the seats are not held by members but by whoever is logged in,
	// one for a user however many sessions there are.
	Floating bool
}

// LicencePool counts the seats of one type in one organization.
type LicencePool struct {
	Org  OrgID
	Type LicenceType
	PoolTerms
	// Used is how many seats members are assigned: those who hold one, or, of a
	// Floating pool, those who may take one by logging in.
	Used int
}

// Checkpoint records how far an import has come. It is written with each batch.
type Checkpoint struct {
	ID        ImportID
	Org       OrgID
	Actor     UserID
	Rows      int // rows of the file that are behind it
	Created   int
	Updated   int
	Failed    int
	UpdatedAt time.Time
}

// Origin says where a call came from. The host gives it; this package reads
// no headers.
type Origin struct {
	Address   string // IP address of the client
	UserAgent string
	RequestID string
}

// clean replaces what no store need keep: NUL and what is not UTF-8.
func (o Origin) clean() Origin {
	text := func(s string) string {
		return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
	}
	return Origin{text(o.Address), text(o.UserAgent), text(o.RequestID)}
}
