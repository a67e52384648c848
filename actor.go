package usermgmt

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/usermgmt/usermgmt/internal/authz"
)

// Actor is who acts, with which rights, through which door: the only thing
// that services trust. It is opaque, and made only by verifying a session or an
// API key ([Auth.Session], [Auth.APIKey]), by [Manager.ActorFor] and by
// [Manager.SystemActor]. The zero Actor is refused everywhere.
//
// An Actor is a value for one request. Its own answers, and reads, are as of
// the verification that made it; every change reads the rights again inside
// its transaction. A service refuses an actor older than [Config.ActorMaxAge];
// [Manager.Refresh] renews it. It may be used by several goroutines at once.
type Actor struct{ v *actorValue }

type actorValue struct {
	cat    *authz.Catalogue
	rights *snapshot
	narrow []authz.Mask // nil, or what is left of each permission
	// pending are the steps to do before anything else.
	pending  Step
	door     Door
	subject  UserID
	operator UserID
	org      OrgID
	app      ApplicationID
	role     RoleID
	session  SessionID
	parent   SessionID // of a session in which somebody acts for somebody else
	token    [32]byte  // hash of the session token or of the API key
	key      APIKeyID
	// keyPermissions are those of a key that is narrower than its owner.
	keyPermissions []Permission
	epoch          int64
	verified       time.Time
	origin         Origin
	// The names at the time, for audit entries.
	operatorName, subjectName string

	reason string // of a system actor, or of acting for somebody else
	// readOnly: changes are refused.
	readOnly bool
	// provedAt is when a secret was last proved; stepUp, nil where it does not
	// matter, and asOf say whether that is lately.
	provedAt time.Time
	stepUp   *stepUp
	asOf     time.Time
	// proved: the password was just judged and is right, so that a lock which the
	// attempt itself has set does not count.
	proved bool
}

// IsZero reports whether a is nobody.
func (a Actor) IsZero() bool { return a.v == nil }

// Subject is the user whose rights a has; zero for the system.
func (a Actor) Subject() UserID { return a.get().subject }

// Operator is the user who really acts. It differs from Subject in a proxy or
// support login only.
func (a Actor) Operator() UserID { return a.get().operator }

// Proxied reports whether somebody acts as somebody else, by a proxy or a support
// login.
func (a Actor) Proxied() bool { return a.get().acting() }

// ReadOnly reports whether a changes nothing: every change is refused with
// [ErrPermission] and the Rule "read_only".
func (a Actor) ReadOnly() bool { return a.get().readOnly }

// Org is the current organization; zero for a system actor for all of them.
func (a Actor) Org() OrgID { return a.get().org }

// Application is the current application; zero if there is none. One that was chosen,
// and to which the user has no access any more, is none.
func (a Actor) Application() ApplicationID {
	if a.v == nil || a.v.rights == nil {
		return ApplicationID{}
	}
	return a.v.rights.app
}

// Door is the way by which a came in.
func (a Actor) Door() Door { return a.get().door }

// Session is the session, if a came by one.
func (a Actor) Session() SessionID { return a.get().session }

// Origin is where the request came from, as the host said.
func (a Actor) Origin() Origin { return a.get().origin }

// VerifiedAt is when a was made.
func (a Actor) VerifiedAt() time.Time { return a.get().verified }

// Pending are the steps that remain: if there are any, a may do nothing but the
// next one and log out.
func (a Actor) Pending() Step { return a.get().pending }

// String describes a for logs: identifiers, no names and no secrets.
func (a Actor) String() string {
	if a.IsZero() {
		return "actor(none)"
	}
	if a.Proxied() {
		return fmt.Sprintf("actor(%s as %s by %s)", a.v.operator, a.v.subject, a.v.door)
	}
	return fmt.Sprintf("actor(%s by %s)", a.v.subject, a.v.door)
}

// Format writes [Actor.String] whatever the verb, so that printing an actor
// never shows what is inside.
func (a Actor) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(a.String())) }

var nobody actorValue

func (a Actor) get() *actorValue {
	if a.v == nil {
		return &nobody
	}
	return a.v
}

// Can reports whether a has the permission on the record. It allocates
// nothing. An unknown permission and the zero Actor answer false.
func (a Actor) Can(p Permission, r Record) bool {
	return a.v != nil && a.v.relation(p, &r) != 0
}

// Has reports whether a has the permission at all, on some record or other.
func (a Actor) Has(p Permission) bool { return a.Scope(p) != 0 }

// Scope returns the scope with which a has the permission, 0 for none.
func (a Actor) Scope(p Permission) Scope {
	if a.v == nil {
		return 0
	}
	return a.v.scope(p)
}

func (v *actorValue) scope(p Permission) Scope {
	if v.pending != 0 {
		return 0
	}
	n, ok := v.cat.Number(string(p))
	if !ok {
		return 0
	}
	if base := v.cat.At(n).Base(); base >= 0 && v.granted(base) == 0 {
		return 0
	}
	return Scope(v.granted(n))
}

// Role is the role in force of a session where the organization switches roles
// ([Organization.SwitchRoles]); zero elsewhere.
func (a Actor) Role() RoleID {
	if a.v == nil || a.v.rights == nil {
		return RoleID{}
	}
	return a.v.rights.inForce
}

// self reports whether the actor is the user in every organization: by a key, or
// acting for somebody, one is it in that organization only.
func (v *actorValue) self(user UserID) bool {
	return user == v.subject && !user.IsZero() && v.door != DoorAPIKey && !v.acting()
}

// acting reports whether somebody acts for somebody else. It is the one question
// for that: a door by itself says too little.
func (v *actorValue) acting() bool { return v.door.acting() }

// granted is the mask in force for permission number n.
func (v *actorValue) granted(n int) authz.Mask {
	if v.rights == nil { // nobody has got in yet
		return 0
	}
	m := v.rights.Grants[n]
	if v.narrow != nil {
		m &= v.narrow[n]
	}
	return m
}

// held is the mask that counts for granting to others.
func (v *actorValue) held(n int) authz.Mask {
	if v.rights == nil {
		return 0
	}
	m := v.rights.Held()[n]
	if v.narrow != nil {
		m &= v.narrow[n]
	}
	return m
}

func (v *actorValue) relation(p Permission, r *Record) authz.Mask {
	if v.pending != 0 {
		return 0
	}
	n, ok := v.cat.Number(string(p))
	if !ok || v.rights == nil {
		return 0
	}
	m := v.relate(n, r)
	if m == 0 {
		return 0
	}
	e := v.cat.At(n)
	if base := e.Base(); base >= 0 && v.relate(base, r) == 0 {
		return 0
	}
	if r.Criteria != nil && !v.meets(e, r) {
		return 0
	}
	return m
}

// relate is the relation by which permission number n alone covers the record,
// criteria aside.
func (v *actorValue) relate(n int, r *Record) authz.Mask {
	return authz.Relation(&v.rights.Subject, n, v.granted(n), authz.ID(r.Org), authz.ID(r.Owner), r.OwnerUnits, r.OwnerTeams)
}

// meets reports whether the actor sees the record in spite of its criteria.
func (v *actorValue) meets(e *authz.Permission, r *Record) bool {
	c, s := r.Criteria, v.rights
	switch e.Basis {
	case authz.ByTeam:
		if slices.ContainsFunc(s.teams, func(t TeamID) bool { return slices.Contains(c.Teams, t) }) {
			return true
		}
	case authz.ByRole:
		if slices.ContainsFunc(s.roles, func(r RoleID) bool { return slices.Contains(c.Roles, r) }) {
			return true
		}
	case authz.ByUser:
		if !v.subject.IsZero() && slices.Contains(c.Users, v.subject) {
			return true
		}
	case authz.ByField:
		if value := s.values[e.Object]; value != "" && slices.Contains(c.Values, value) {
			return true
		}
	}
	return e.Control() >= 0 && v.relate(e.Control(), r) != 0
}

func (v *actorValue) can(p Permission, r *Record) bool { return v.relation(p, r) != 0 }

type actorContextKey struct{}

// ContextWithActor returns a context that carries a, for the HTTP edge. No
// service of this package reads the context for authority.
func ContextWithActor(ctx context.Context, a Actor) context.Context {
	return context.WithValue(ctx, actorContextKey{}, a)
}

// ActorFrom returns the actor that ctx carries, or the zero Actor.
func ActorFrom(ctx context.Context) Actor {
	a, _ := ctx.Value(actorContextKey{}).(Actor)
	return a
}

// ActorRequest names whom a host has authenticated by its own means.
type ActorRequest struct {
	User UserID
	// Org is the organization to act in. Defaults to the user's home.
	Org OrgID
	// Application is the current one, if any. One to which the user has no access
	// counts as none.
	Application ApplicationID
	// Role is the role in force, in an organization that switches roles. Defaults to
	// the only one there is; without one of several, [StepRole] is pending.
	Role RoleID
	// ProvedAt is when the user last proved a secret to the host, for what needs a
	// fresh proof ([Config.StepUp]). Zero is not lately.
	ProvedAt time.Time
	Origin   Origin
}

// ActorFor makes an actor for a user whom the host authenticated itself. The
// user passes the same status checks as at a login, and is refused with
// [ErrUnauthenticated] by the same rules; a Role that does not count for the user is
// refused as by [Auth.TakeRole].
func (m *Manager) ActorFor(ctx context.Context, req ActorRequest) (Actor, error) {
	const op = "ActorFor"
	now := m.now()
	if req.Org.IsZero() {
		u, err := m.store.UserByID(ctx, req.User)
		if err != nil {
			return Actor{}, withOp(op, unknownUser(err))
		}
		req.Org = u.Org
	}
	v := &actorValue{door: DoorHost, subject: req.User, operator: req.User, org: req.Org,
		app: req.Application, role: req.Role, origin: req.Origin, verified: now, provedAt: req.ProvedAt}
	err := m.renew(ctx, m.store, v, now)
	if err == nil {
		err = v.rights.fromAddress(req.Origin.Address)
	}
	if err == nil {
		err = v.tookRole(req.Role)
	}
	if err != nil {
		return Actor{}, withOp(op, err)
	}
	return Actor{v}, nil
}

// SystemActor makes an actor for work that no user does, such as a nightly
// import. It holds the grants and nothing else, and obeys every rule that binds
// users, the subset rule among them. With the zero org it acts in every
// organization, and scope System counts. reason is required; audit entries
// carry it.
func (m *Manager) SystemActor(reason string, org OrgID, grants ...Grant) (Actor, error) {
	var p problems
	if reason == "" {
		p.add("reason", "required", "say what the system actor is for")
	}
	grants = normalizeGrants(m.rights.cat, "grants", grants, &p)
	if err := p.err(); err != nil {
		return Actor{}, withOp("SystemActor", err)
	}
	none, err := authz.NewTree(nil)
	if err != nil {
		return Actor{}, withOp("SystemActor", err)
	}
	masks := resolveGrants(m.rights.cat, grants, org.IsZero())
	snap := &snapshot{}
	authz.Place[UnitID, TeamID](&snap.Subject, authz.ID{}, &authz.Site{Org: authz.ID(org), Units: none, Teams: none},
		&authz.Rights{Grants: masks, Held: masks}, nil, nil, nil)
	return Actor{&actorValue{cat: m.rights.cat, rights: snap, door: DoorSystem, org: org,
		verified: m.now(), reason: reason}}, nil
}

// Refresh verifies a again and returns an actor with its present rights, or
// [ErrUnauthenticated] if it no longer counts.
func (m *Manager) Refresh(ctx context.Context, a Actor) (Actor, error) {
	if a.IsZero() {
		return Actor{}, withOp("Refresh", errNoActor())
	}
	v := *a.v
	now := m.now()
	v.verified = now
	if err := m.renew(ctx, m.store, &v, now); err != nil {
		return Actor{}, withOp("Refresh", err)
	}
	return Actor{&v}, nil
}

func errNoActor() error {
	return &Error{Kind: ErrUnauthenticated, Rule: "no_actor", Detail: "the zero actor"}
}
