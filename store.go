package usermgmt

import (
	"context"
	"iter"
	"time"
)

// Store keeps the data. Hosts choose one (package store/memory or
// store/postgres) or write their own: the comments here are the whole
// contract, and package store/storetest checks it.
//
// # What a store does, and what it does not
//
// A store persists, keeps uniqueness and references, compares versions, orders
// lists and is atomic. It never sees an [Actor], never decides who may, never
// normalises (keys come ready-made and are compared and ordered as bytes),
// never reads a clock and never makes an identifier or a stamp.
//
// # Values
//
// Values go in and out by copy: a store keeps no memory of its caller's
// arguments and hands out none of its own. An empty slice or map may come back
// as nil and the other way round. Times are UTC with microsecond precision.
//
// # Save
//
// Each Save method inserts if the given Version is 0, and stores Version 1.
// Otherwise it replaces the row whose key is equal if the stored version is
// the given one, and stores the given version plus one. It fails with
// [ErrStale] if the versions differ, [ErrNotFound] if there is no such row,
// and [ErrConflict] if an insert meets an equal identifier, a key that must be
// unique is taken (Rule "taken", Field the field), or a named record does not
// exist (Rule "reference").
//
// # Delete
//
// Each Delete method fails with [ErrNotFound] if there is no such row and with
// [ErrConflict], Rule "in_use", while another row names it.
//
// # Transactions
//
// Every change takes part in a transaction: on a store that is not bound to
// one, a single call is its own. A write inside a transaction may report its
// failure when it is called or only when Tx ends; its callers therefore must
// not rely on seeing it at once. After a failure inside a transaction
// everything else there fails too, until Tx returns. Reads see the
// transaction's own writes.
//
// A store that learns neither that a commit happened nor that it did not fails
// with [ErrOutcomeUnknown], and does not run the function again.
//
// Getters fail with [ErrNotFound] if there is no such row. Errors of the
// contract match with errors.Is and may be wrapped. Any other error is the
// store's own and means that nothing happened. A call whose context is cancelled
// fails with the context's error and changes nothing.
type Store interface {
	// Tx runs fn in a transaction: everything done through the store that fn
	// is given commits if fn returns nil, and nothing does otherwise. The
	// error of fn comes back unchanged in errors.Is terms.
	//
	// Called on a bound store, Tx joins: fn's work becomes part of the outer
	// transaction, but is undone alone if fn fails and the outer goes on.
	//
	// fn may run more than once, each time on a fresh view. The store and the
	// context that fn is given are for fn alone, in one goroutine. Calling the
	// unbound store with that context fails with [ErrOutsideTx].
	//
	// A reader never waits for an open transaction and never sees its changes.
	Tx(ctx context.Context, fn func(ctx context.Context, tx Store) error) error

	// ClaimBootstrap succeeds once in the life of the store and fails with
	// [ErrConflict] ever after. It counts only if its transaction commits.
	ClaimBootstrap(ctx context.Context, at time.Time) error

	OrgStore
	UnitStore
	TeamStore
	UserStore
	MemberStore
	RoleStore
	ApplicationStore
	CredentialStore
	PasswordStore
	FactorStore
	SessionStore
	KeyStore
	ProxyStore
	LicenceStore
	SettingStore
	JobStore
	AuditStore
	OutboxStore
	FileStore
	GroupStore
	FieldStore
	ErasureStore
	TokenStore
	InvitationStore
	MarkStore
	ImportStore
}

// OrgStore keeps organizations and their stamps.
type OrgStore interface {
	// SaveOrg: NameKey is unique. At most one organization is the provider
	// (Field "provider"). PrimaryAdmin and RootTeam are not checked.
	SaveOrg(ctx context.Context, o Organization) error
	OrgByID(ctx context.Context, id OrgID) (Organization, error)
	// OrgByName finds by NameKey.
	OrgByName(ctx context.Context, nameKey string) (Organization, error)
	// ListOrgs returns a page in the order of NameKey.
	ListOrgs(ctx context.Context, q ListQuery) ([]Organization, error)
	// LockOrg makes transactions that call it for the same organization run
	// one after the other, to their ends; the zero id is a lock of its own,
	// for what is system-wide. Reads after it see what the one before
	// committed. Outside a transaction it does nothing.
	LockOrg(ctx context.Context, id OrgID) error
	// BumpStamps adds 1 to the organization's policy stamp and, if trees is
	// set, to its trees stamp. The zero id is the system-wide policy stamp.
	// Stamps start at 1. It cannot fail for a stale version.
	BumpStamps(ctx context.Context, id OrgID, trees bool) error
	// OrgStanding is what [CredentialStore.StandingOf] says of an organization, and
	// the rest zero. [ErrNotFound] if there is no such organization.
	OrgStanding(ctx context.Context, id OrgID) (Standing, error)
	// Policy reads, in one consistent view, everything that rights in the
	// organization depend on besides memberships, and its custom fields.
	Policy(ctx context.Context, id OrgID) (PolicySet, error)
	// Trees reads the shape of the unit and team trees in one consistent view.
	Trees(ctx context.Context, id OrgID) (TreeSet, error)
}

// PolicySet is what [OrgStore.Policy] reads. Slices are in no order.
type PolicySet struct {
	Org          Organization
	Roles        []Role          // of the organization and system-wide
	Profiles     []AccessProfile // of the organization and system-wide
	Applications []Application   // of the organization and system-wide
	TeamAccess   []AccessEntry   // of the organization, those that name a team
	Sharing      []SharingPolicy
	Fields       []CustomField // of the organization
	// The stamps, as in [Standing].
	Policy, SystemPolicy int64
}

// TreeSet is what [OrgStore.Trees] reads. Slices are in no order.
type TreeSet struct {
	Units []UnitNode
	Teams []TeamNode
	Stamp int64 // the trees stamp
}

// UnitNode is the place of a unit in its tree.
type UnitNode struct{ ID, Parent UnitID }

// TeamNode is the place of a team in its tree.
type TeamNode struct{ ID, Parent TeamID }

// UnitStore keeps business units.
type UnitStore interface {
	// SaveUnit: the parent must exist in the same organization; that the tree
	// has no cycle is the caller's duty. ID and Org never change.
	SaveUnit(ctx context.Context, u BusinessUnit) error
	// DeleteUnit: users that it owns, memberships and child units use it.
	DeleteUnit(ctx context.Context, id UnitID) error
	UnitByID(ctx context.Context, id UnitID) (BusinessUnit, error)
	// ListUnits returns a page of the organization's units in the order of
	// NameKey, then ID.
	ListUnits(ctx context.Context, org OrgID, q ListQuery) ([]BusinessUnit, error)
}

// TeamStore keeps teams and sharing policies.
type TeamStore interface {
	// SaveTeam: as SaveUnit. A second team without parent in the organization
	// is a conflict (Field "parent", Rule "taken").
	SaveTeam(ctx context.Context, t Team) error
	// DeleteTeam: memberships, child teams, access entries and sharing
	// policies use it. Proxy lists that name it do not; they lose the entry.
	DeleteTeam(ctx context.Context, id TeamID) error
	TeamByID(ctx context.Context, id TeamID) (Team, error)
	// ListTeams is as ListUnits.
	ListTeams(ctx context.Context, org OrgID, q ListQuery) ([]Team, error)
	// SaveSharing: NameKey is unique in the organization; teams and roles exist.
	SaveSharing(ctx context.Context, p SharingPolicy) error
	DeleteSharing(ctx context.Context, id SharingID) error
	SharingByID(ctx context.Context, id SharingID) (SharingPolicy, error)
}

// UserStore keeps users. Users are never deleted.
type UserStore interface {
	// SaveUser: UsernameKey and EmailKey are unique together over all users of
	// the store: neither may be another user's either (Field "username" or
	// "email"). The pair of Source and ExternalID, if not empty, is unique
	// (Field "external_id"). OwnerUnit exists and belongs to Org; ReportsTo,
	// Responsible and Groups exist, and each of Groups is there once. An insert also makes the user's Credential (Status
	// StatusActive, Epoch 1, Version 1) and its LoginState.
	SaveUser(ctx context.Context, u User) error
	UserByID(ctx context.Context, id UserID) (User, error)
	// UsersByID returns the users that exist, in any order, each once.
	UsersByID(ctx context.Context, ids []UserID) ([]User, error)
	// AccountByLogin finds by UsernameKey or EmailKey. It does the same work,
	// as far as the store can, whether or not there is such a user.
	AccountByLogin(ctx context.Context, key string) (Account, error)
	AccountByID(ctx context.Context, id UserID) (Account, error)
	// AccountsByID returns the accounts that exist, in any order, each once.
	AccountsByID(ctx context.Context, ids []UserID) ([]Account, error)
	// UsersByLogin returns the users who have one of keys as UsernameKey or
	// EmailKey, in any order, each once.
	UsersByLogin(ctx context.Context, keys []string) ([]User, error)
	// UserByExternalID finds by the pair.
	UserByExternalID(ctx context.Context, source, externalID string) (User, error)
	// UsersByExternalID returns the users whose Source is source and whose
	// ExternalID is one of externalIDs, in any order, each once.
	UsersByExternalID(ctx context.Context, source string, externalIDs []string) ([]User, error)
	// ListUsers returns a page of users.
	ListUsers(ctx context.Context, q UserQuery) ([]User, error)
	// StreamMembers yields every user that q selects with the membership of
	// q.Org, which must be set, in the order of q.Sort, ignoring q.After and
	// q.Limit. It sees one consistent view from beginning to end and holds only
	// a bounded part in memory. After an error it yields nothing more.
	StreamMembers(ctx context.Context, q UserQuery) iter.Seq2[Member, error]
}

// MemberStore keeps memberships. The key is User and Org.
type MemberStore interface {
	// SaveMembership: user, profile, roles, teams, units and initial
	// application exist; teams and units belong to Org. Slices keep their order.
	// An insert stores Rights as given; a replace stores the stored Rights plus
	// 1, whatever is given, so that no stamp ever comes twice. An insert stores
	// Settings as given too; a replace leaves the stored ones alone, whatever is
	// given: they change by [SettingStore.PutMemberSettings].
	SaveMembership(ctx context.Context, m Membership) error
	// DeleteMembership ends the membership and removes, in the organization,
	// the user's API key, proxy list, deputies, access entries and import digest, and
	// the user as a deputy of others; it ends the sessions
	// that the user has there, with the reason "membership" at at.
	DeleteMembership(ctx context.Context, user UserID, org OrgID, at time.Time) error
	MembershipOf(ctx context.Context, user UserID, org OrgID) (Membership, error)
	// MembershipsOf returns all of the user's memberships in the order of Org.
	MembershipsOf(ctx context.Context, user UserID) ([]Membership, error)
	// Memberships returns the memberships of users in org that exist, in any order.
	Memberships(ctx context.Context, org OrgID, users []UserID) ([]Membership, error)
	// MembershipsOfUsers returns all memberships of users, in any order.
	MembershipsOfUsers(ctx context.Context, users []UserID) ([]Membership, error)
	// BumpRights adds 1 to the membership's Rights, leaving Version alone. It
	// does nothing if there is no such membership.
	BumpRights(ctx context.Context, user UserID, org OrgID) error
}

// RoleStore keeps roles and access profiles.
type RoleStore interface {
	// SaveRole: NameKey is unique among the roles of equal Org and App.
	SaveRole(ctx context.Context, r Role) error
	// DeleteRole: memberships, access entries and sharing policies use it.
	DeleteRole(ctx context.Context, id RoleID) error
	RoleByID(ctx context.Context, id RoleID) (Role, error)
	// SaveProfile: NameKey is unique among the profiles of equal Org.
	SaveProfile(ctx context.Context, p AccessProfile) error
	// DeleteProfile: memberships use it.
	DeleteProfile(ctx context.Context, id ProfileID) error
	ProfileByID(ctx context.Context, id ProfileID) (AccessProfile, error)
	// ProfileByName finds by Org (zero for system-wide) and NameKey.
	ProfileByName(ctx context.Context, org OrgID, nameKey string) (AccessProfile, error)
}

// ApplicationStore keeps applications and access entries.
type ApplicationStore interface {
	// SaveApplication: NameKey is unique among the applications of equal Org.
	SaveApplication(ctx context.Context, a Application) error
	// DeleteApplication: memberships, roles and access entries use it.
	DeleteApplication(ctx context.Context, id ApplicationID) error
	ApplicationByID(ctx context.Context, id ApplicationID) (Application, error)
	// SaveAccess: application, user or team and roles exist; application and
	// subject are unique together in Org (Field "subject").
	SaveAccess(ctx context.Context, e AccessEntry) error
	DeleteAccess(ctx context.Context, id AccessID) error
	AccessByID(ctx context.Context, id AccessID) (AccessEntry, error)
	// ListAccess returns a page of the application's entries in the
	// organization in the order of ID.
	ListAccess(ctx context.Context, org OrgID, app ApplicationID, q ListQuery) ([]AccessEntry, error)
	// AccessOf returns the entries of the organization that name the user.
	AccessOf(ctx context.Context, user UserID, org OrgID) ([]AccessEntry, error)
	// AccessOfUsers returns the entries of the organization that name one of the
	// users, in any order.
	AccessOfUsers(ctx context.Context, org OrgID, users []UserID) ([]AccessEntry, error)
}

// CredentialStore keeps credentials and counts logins.
type CredentialStore interface {
	// SaveCredential replaces the user's credential. It never inserts: a
	// Version of 0 is [ErrStale].
	SaveCredential(ctx context.Context, c Credential) error
	// ReserveAttempt takes one of the attempts that rule leaves, atomically
	// under any number of parallel callers:
	// if now is before LockedUntil, or the user is zero or unknown, nothing
	// changes and reserved is false; otherwise a lock that has ended first sets
	// Failures to 0 and LockedUntil to zero, then Failures grows by 1, and if it
	// reaches rule.Limit (unless 0), LockedUntil becomes rule.LockUntil.
	// reserved is true.
	// It returns the state after that; the zero LoginState for an unknown user.
	ReserveAttempt(ctx context.Context, user UserID, rule AttemptRule) (s LoginState, reserved bool, err error)
	// ReleaseAttempt gives back an attempt that was never judged: Failures
	// shrinks by 1 but not below 0, and LockedUntil becomes zero if the state
	// was locked by reaching the limit, that is if it equals lockUntil.
	ReleaseAttempt(ctx context.Context, user UserID, lockUntil time.Time) error
	// RecordLogin sets Failures to 0, LockedUntil to zero, LastLoginAt to at
	// and adds 1 to LoginCount.
	RecordLogin(ctx context.Context, user UserID, at time.Time) error
	// ClearAttempts sets Failures to 0 and LockedUntil to until, which is zero
	// to unlock.
	ClearAttempts(ctx context.Context, user UserID, until time.Time) error
	// StandingOf reads a user's standing in an organization; with the zero
	// org, only what concerns the user. [ErrNotFound] if there is no such user
	// or no such organization.
	StandingOf(ctx context.Context, user UserID, org OrgID) (Standing, error)
}

// AttemptRule is the lockout rule that [CredentialStore.ReserveAttempt] applies.
type AttemptRule struct {
	Limit     int       // 0 is no limit
	Now       time.Time //
	LockUntil time.Time // when a lock that begins now ends
}

// SessionStore keeps sessions, live and ended.
type SessionStore interface {
	// CreateSession inserts. TokenHash is unique among sessions that are not
	// ended (Field "token").
	//
	// If s.Licence names a pool of s.Org that is Floating, the session needs a
	// seat of it: [ErrLimit], Field "licence", if other users than s.User hold
	// as many as Size plus Overdraft, neither being negative. A user holds one
	// seat with any number of sessions in Org with that Licence that are live at
	// s.CreatedAt: not ended, ExpiresAt after it, and Parked or SeenAt plus Idle
	// after it. That is so also under any number of parallel callers.
	CreateSession(ctx context.Context, s Session) error
	// SessionByToken finds a session that is not ended by the hash of its
	// token, with the standing of its user in its organization. It is the read
	// of every request: one round trip, one statement.
	SessionByToken(ctx context.Context, hash [32]byte) (SessionView, error)
	// SessionByID finds live and ended ones.
	SessionByID(ctx context.Context, id SessionID) (SessionView, error)
	// SessionsByID returns the sessions that exist, live and ended, in any order,
	// each once.
	SessionsByID(ctx context.Context, ids []SessionID) ([]Session, error)
	// UpdateSession replaces TokenHash, Parked, App, Role, SeenAt of a session
	// that is not ended, if its TokenHash is still old; [ErrStale] otherwise.
	UpdateSession(ctx context.Context, s Session, old [32]byte) error
	// TouchSession sets SeenAt to at if the session is not ended and its SeenAt
	// is before stale. It is no error if it is not.
	TouchSession(ctx context.Context, id SessionID, at, stale time.Time) error
	// EndSession ends one session and every proxy session whose Parent it is.
	// ended tells whether this call ended it; exactly one of any number of
	// callers is told true.
	EndSession(ctx context.Context, id SessionID, at time.Time, reason string) (ended bool, err error)
	// EndSessions ends all live sessions in which the user is User or Operator,
	// and the proxy sessions below them, in org or, with the zero org, anywhere;
	// except the session keep. It returns how many of the user's own it ended.
	EndSessions(ctx context.Context, user UserID, org OrgID, keep SessionID, at time.Time, reason string) (int, error)
	// ListSessions returns the live sessions in which the user is User or
	// Operator, newest first, at most limit.
	ListSessions(ctx context.Context, user UserID, limit int) ([]Session, error)
	// PruneSessions deletes sessions that ended or expired before t, and tells
	// how many. It deletes at most limit.
	PruneSessions(ctx context.Context, t time.Time, limit int) (int, error)
}

// KeyStore keeps API keys: at most one per user and organization, with the hash
// of the one that it takes the place of.
type KeyStore interface {
	// PutAPIKey inserts k in place of the key of the same user and
	// organization, if there is one. Hash is unique (Field "hash").
	PutAPIKey(ctx context.Context, k APIKey) error
	// APIKeyByHash finds the key whose Hash it is or, if there is none, one whose
	// PreviousHash it is, which need not be unique, with the standing of its
	// owner: one statement. The zero hash is none.
	APIKeyByHash(ctx context.Context, hash [32]byte) (KeyView, error)
	APIKeyOf(ctx context.Context, user UserID, org OrgID) (APIKey, error)
	DeleteAPIKey(ctx context.Context, user UserID, org OrgID) error
	// WithdrawAPIKey deletes the key whose Hash it is, and takes PreviousHash and
	// PreviousUntil from others where it is that. withdrawn tells whether there
	// was either; of any number of callers exactly one is told true.
	WithdrawAPIKey(ctx context.Context, hash [32]byte) (withdrawn bool, err error)
	// KeysByExpiry returns a page of the keys whose ExpiresAt is neither zero nor
	// after q.Until, in the order of ExpiresAt, then ID.
	KeysByExpiry(ctx context.Context, q KeyQuery) ([]APIKey, error)
	// TouchAPIKey sets LastUsedAt to at if it is before stale. It is no error
	// if it is not, or if there is no such key.
	TouchAPIKey(ctx context.Context, id APIKeyID, at, stale time.Time) error
}

// ProxyStore keeps proxy lists. The key is Operator and Org.
type ProxyStore interface {
	SaveProxyList(ctx context.Context, l ProxyList) error
	// ProxyListOf returns [ErrNotFound] if none was ever saved.
	ProxyListOf(ctx context.Context, operator UserID, org OrgID) (ProxyList, error)
	// ProxyLists returns the lists of operators in org that exist, in any order.
	ProxyLists(ctx context.Context, org OrgID, operators []UserID) ([]ProxyList, error)

	// SaveDeputy: the membership of User in Org exists (Field "user"), and that of
	// Deputy (Field "deputy"). With either of them it goes.
	SaveDeputy(ctx context.Context, d Deputy) error
	DeleteDeputy(ctx context.Context, user UserID, org OrgID, deputy UserID) error
	DeputyOf(ctx context.Context, user UserID, org OrgID, deputy UserID) (Deputy, error)
	// ListDeputies returns a page of deputies in the order of the ID of the other
	// user: of Deputy for those whom q.User has named, of User for those by whom
	// q.Deputy was named. A query that sets both or neither is [ErrInvalid].
	ListDeputies(ctx context.Context, q DeputyQuery) ([]Deputy, error)
}

// LicenceStore keeps pools of seats. A pool that was never set has the Size -1 and
// is not Floating.
type LicenceStore interface {
	// SetPool sets the terms and leaves Used alone.
	SetPool(ctx context.Context, org OrgID, t LicenceType, terms PoolTerms) error
	// ClaimSeats adds n to Used, atomically; [ErrLimit], Field "licence", if
	// Used would then exceed Size plus Overdraft, neither being negative, of a
	// pool that is not Floating. n may be negative: seats are given back, which
	// never fails; Used does not go below 0.
	ClaimSeats(ctx context.Context, org OrgID, t LicenceType, n int) error
	// ListPools returns the pools that were set or used, in the order of Type.
	ListPools(ctx context.Context, org OrgID) ([]LicencePool, error)
	// FloatingSeats tells, for the Floating pools of the organization of which
	// any is held, how many users hold a seat at at; see
	// [SessionStore.CreateSession].
	FloatingSeats(ctx context.Context, org OrgID, at time.Time) (map[LicenceType]int, error)
}

// OutboxStore keeps outgoing mail, and events for the host.
type OutboxStore interface {
	AddMessages(ctx context.Context, m ...Message) error
	// ClaimMessages takes at most limit messages, mails or events, that are neither
	// sent nor dead and whose NotBefore is not after now, in the order of ID, sets
	// their NotBefore to until, adds 1 to Attempts and returns them as they then
	// are. No message is given to two callers before until.
	ClaimMessages(ctx context.Context, event bool, now, until time.Time, limit int) ([]Message, error)
	// SettleMessage replaces NotBefore, SentAt, DeadAt and LastError. A message
	// with SentAt or DeadAt loses its Values.
	SettleMessage(ctx context.Context, m Message) error
	// ListMessages returns a page in the order of ID, newest first; with
	// pending only those neither sent nor dead.
	ListMessages(ctx context.Context, pending bool, q ListQuery) ([]Message, error)
}
