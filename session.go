package usermgmt

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/usermgmt/usermgmt/internal/token"
)

// Sessions lists and ends sessions. [Manager.Sessions] returns it.
type Sessions struct{ m *Manager }

// Sessions returns the service that lists and ends sessions.
func (m *Manager) Sessions() *Sessions { return &Sessions{m} }

const verbEndSession = "session.end"

// sessionToken is a new token with its hash, made before the transaction.
type sessionToken struct {
	text string
	hash [32]byte
}

func newSessionToken() sessionToken {
	text := token.NewSession(random32())
	hash, _ := token.SessionHash(text) // its form is right by construction
	return sessionToken{text, hash}
}

type sessionRequest struct {
	org  OrgID
	app  ApplicationID
	role RoleID
	// stay: the session goes on from another, without the application or the role if
	// the user no longer has it.
	stay    bool
	pending Step
	origin  Origin
}

// openSession opens a session for a proved user and fills w.v with its actor.
func (w *work) openSession(ctx context.Context, u *User, p *proof, tok sessionToken, req sessionRequest) (*LoginResult, error) {
	in := waySession
	if req.pending.Has(StepPassword) {
		in = waySteps
	}
	st, mem, err := w.chooseOrg(ctx, u, req.org, in)
	if err != nil {
		return nil, err
	}
	policy := w.m.policyOf(&p.org)
	if policy.MaxSessions > 0 && !req.stay { // all others end anyway where it goes on
		if err := w.endOldest(ctx, u.ID, policy.MaxSessions); err != nil {
			return nil, err
		}
	}
	ses := Session{
		ID: newID[Session](), Kind: SessionLogin, TokenHash: tok.hash, User: u.ID, Org: st.Org, Epoch: st.sessionEpoch(),
		Role: req.role, Pending: req.pending, ProvedAt: w.now,
		Idle: policy.SessionIdle, CreatedAt: w.now, SeenAt: w.now, ExpiresAt: w.now.Add(policy.SessionLifetime),
		Origin: req.origin,
	}
	if ses.Licence, err = w.seatOf(ctx, u.ID, &st, mem); err != nil {
		return nil, err
	}
	if ses.App, err = w.chooseApp(ctx, u.ID, &st, mem, req.app); err != nil && !(req.stay && errors.Is(err, ErrPermission)) {
		return nil, err
	}
	result, err := w.startSession(ctx, ses, st, tok)
	if err == nil && !req.stay {
		err = result.Actor.v.tookRole(req.role)
	}
	return result, err
}

// startSession stores the session of a user with the given standing and makes
// its actor.
func (w *work) startSession(ctx context.Context, ses Session, st Standing, tok sessionToken) (*LoginResult, error) {
	ses.Pending &^= StepRole // which each verification finds anew
	if err := w.tx.CreateSession(ctx, ses); err != nil {
		return nil, err
	}
	view := SessionView{Session: ses, Standing: st}
	v := &actorValue{origin: ses.Origin, verified: w.now}
	inside := *w.m
	inside.rights = w.m.rights.reading() // nothing uncommitted may get into the caches
	if err := inside.admitSession(ctx, w.tx, &view, v, w.now); err != nil {
		return nil, err
	}
	if v.door == DoorSession {
		if err := v.rights.fromAddress(ses.Origin.Address); err != nil {
			return nil, err
		}
	}
	return &LoginResult{Token: Secret{tok.text}, Actor: Actor{v}, Session: v.presentSession(ses), Pending: v.pending}, nil
}

// presentSession hides of a session what the actor may not see.
func (v *actorValue) presentSession(ses Session) Session {
	if !v.seesLicence() {
		ses.Licence = ""
	}
	return ses
}

// chooseOrg finds the organization to enter: the wanted one, the home, or the
// first that lets the user in. Its standing has passed the gate. The membership
// is nil where it was not read.
func (w *work) chooseOrg(ctx context.Context, u *User, want OrgID, in way) (Standing, *Membership, error) {
	candidates := []Membership{{Org: want}}
	if want.IsZero() {
		var err error
		if candidates, err = w.tx.MembershipsOf(ctx, u.ID); err != nil {
			return Standing{}, nil, err
		}
		slices.SortStableFunc(candidates, func(a, b Membership) int { // the home first
			return cmp.Compare(btoi(a.Org != u.Org), btoi(b.Org != u.Org))
		})
	}
	var refusal error = refusedEntry("no_membership")
	for i := range candidates {
		mem := &candidates[i]
		st, err := w.tx.StandingOf(ctx, u.ID, mem.Org)
		if err != nil {
			return Standing{}, nil, unknownOrg(err)
		}
		if refusal = in.gate(&st, w.now); refusal != nil {
			continue
		}
		if !want.IsZero() {
			mem = nil
		}
		return st, mem, nil
	}
	return Standing{}, nil, refusal
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func unknownOrg(err error) error {
	if isNotFound(err) {
		return refusedEntry("no_membership")
	}
	return err
}

// seatOf is the pool of which a session of the user takes a seat, if it floats.
// mem is the membership, nil if it was not read.
func (w *work) seatOf(ctx context.Context, user UserID, st *Standing, mem *Membership) (LicenceType, error) {
	if st.Kind == KindService || st.Reserved {
		return "", nil
	}
	if mem != nil {
		return mem.Licence, nil
	}
	m, err := w.tx.MembershipOf(ctx, user, st.Org)
	return m.Licence, err
}

// chooseApp checks the wanted application, or falls back to the initial one. mem
// is the membership, nil if it was not read.
func (w *work) chooseApp(ctx context.Context, user UserID, st *Standing, mem *Membership, want ApplicationID) (ApplicationID, error) {
	if want.IsZero() && mem != nil && mem.InitialApp.IsZero() {
		return want, nil
	}
	r := w.m.rights.reading()
	org, err := r.org(ctx, w.tx, st)
	if err != nil {
		return ApplicationID{}, err
	}
	h, err := r.holding(ctx, w.tx, user, st.Org, ApplicationID{}, everyRole)
	if err != nil {
		return ApplicationID{}, err
	}
	app := want
	if app.IsZero() {
		app = h.membership.InitialApp
	}
	switch {
	case app.IsZero():
		return app, nil
	case org.policy.inApplication(h, app, org.trees, &clock{now: w.now}):
		return app, nil
	case want.IsZero():
		return ApplicationID{}, nil
	}
	return ApplicationID{}, &Error{Kind: ErrPermission, Field: "application", Rule: "no_access"}
}

// endOldest makes room for one more session of the user.
func (w *work) endOldest(ctx context.Context, user UserID, limit int) error {
	list, err := w.tx.ListSessions(ctx, user, MaxPageSize)
	if err != nil {
		return err
	}
	own := list[:0]
	for _, s := range list { // newest first
		if s.User == user && !s.Kind.acting() {
			own = append(own, s)
		}
	}
	for _, s := range own[min(len(own), limit-1):] {
		if _, err := w.tx.EndSession(ctx, s.ID, w.now, "too many sessions"); err != nil {
			return err
		}
	}
	return nil
}

// Logout ends the actor's own session. Logging out of a proxy session ends the
// proxy login and the operator's session with it.
//
// Logout records "auth.logout". Logging out twice is [ErrUnauthenticated].
func (s *Auth) Logout(ctx context.Context, a Actor) error {
	return s.m.change(ctx, a, "Auth.Logout", verbLogout, func(ctx context.Context, w *work) error {
		if w.v.session.IsZero() {
			return conflict("session", "no_session", "the actor did not come by a session")
		}
		w.on("session", w.v.session, w.v.org, "")
		for _, id := range [...]SessionID{w.v.session, w.v.parent} {
			if id.IsZero() {
				continue
			}
			if _, err := w.tx.EndSession(ctx, id, w.now, "logout"); err != nil {
				return err
			}
		}
		w.record(nil, nil)
		return nil
	})
}

// EnterRequest names where to go with a running session.
type EnterRequest struct {
	// Org is the organization. Defaults to the current one.
	Org OrgID
	// Application is the application in it; zero is none.
	Application ApplicationID
	// Role is the role to put in force there, as [Auth.TakeRole] does.
	Role RoleID
}

// Enter changes the organization or the application of the actor's session: the
// session ends and a new one with a new token and the same absolute limit
// begins. Not during a proxy login.
//
// Enter is atomic. It records "auth.enter_organization".
//
// Errors: [ErrUnauthenticated] with the Rule of the check that keeps the user
// out; [ErrPermission] without access to the application; those of
// [Auth.TakeRole].
func (s *Auth) Enter(ctx context.Context, a Actor, req EnterRequest) (*LoginResult, error) {
	tok := newSessionToken()
	var result *LoginResult
	err := s.m.change(ctx, a, "Auth.Enter", verbEnter, func(ctx context.Context, w *work) error {
		if w.v.door != DoorSession {
			return &Error{Kind: ErrPermission, Rule: "own_session_only"}
		}
		view, err := w.tx.SessionByID(ctx, w.v.session)
		if err != nil {
			return err
		}
		if req.Org.IsZero() {
			req.Org = w.v.org
		}
		u := User{ID: w.v.subject, Org: w.v.org}
		st, mem, err := w.chooseOrg(ctx, &u, req.Org, waySession)
		if err != nil {
			return err
		}
		ses := view.Session
		ses.ID, ses.TokenHash, ses.Org, ses.Role, ses.CreatedAt, ses.SeenAt = newID[Session](), tok.hash, st.Org, req.Role, w.now, w.now
		ses.Epoch = st.sessionEpoch()
		if ses.Licence, err = w.seatOf(ctx, u.ID, &st, mem); err != nil {
			return err
		}
		if ses.App, err = w.chooseApp(ctx, u.ID, &st, mem, req.Application); err != nil {
			return err
		}
		w.on("session", ses.ID, ses.Org, "")
		if result, err = w.startSession(ctx, ses, st, tok); err != nil {
			return err
		}
		if err := result.Actor.v.tookRole(req.Role); err != nil {
			return err
		}
		if err := w.endBefore(ctx, "entered another organization or application"); err != nil {
			return err
		}
		w.record(map[string]string{"organization": w.v.org.String(), "application": w.v.app.String(), "role": w.v.rights.inForce.String()},
			map[string]string{"organization": ses.Org.String(), "application": ses.App.String(), "role": result.Actor.Role().String()})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}

// endBefore ends the actor's session, from which another goes on that has begun
// already: so it has the floating seat of the one before.
func (w *work) endBefore(ctx context.Context, reason string) error {
	ended, err := w.tx.EndSession(ctx, w.v.session, w.now, reason)
	if err == nil && !ended {
		err = refusedEntry("ended") // another call was first: one session becomes one
	}
	return err
}

// List returns the live sessions of a user, newest first, at most
// [MaxPageSize]: those of the user and those in which the user acts as somebody
// else. It never returns tokens.
//
// Everybody may list their own; others need [PermUserEndSessions] on the user,
// and see of a user whose home is elsewhere the sessions in their organization.
//
// Errors: [ErrNotFound], [ErrPermission].
func (s *Sessions) List(ctx context.Context, a Actor, user UserID) ([]Session, error) {
	const op = "Sessions.List"
	v, err := s.m.read(a)
	if err != nil {
		return nil, withOp(op, err)
	}
	everywhere := v.self(user)
	if !everywhere {
		u, err := s.m.visibleUser(ctx, v, user, PermUserEndSessions)
		if err != nil && (user != v.subject || user.IsZero()) {
			return nil, withOp(op, err)
		}
		everywhere = err == nil && (u.Org == v.org || v.org.IsZero())
	}
	list, err := s.m.store.ListSessions(ctx, user, MaxPageSize)
	if err != nil {
		return nil, withOp(op, err)
	}
	now := s.m.now()
	live := list[:0]
	for _, ses := range list {
		if !everywhere && ses.Org != v.org {
			continue
		}
		if now.Before(ses.ExpiresAt) && now.Before(ses.SeenAt.Add(ses.Idle)) || ses.Parked {
			ses.TokenHash = [32]byte{}
			live = append(live, v.presentSession(ses))
		}
	}
	return live, nil
}

// End ends one session of the actor, or of a user on whom the actor has
// [PermUserEndSessions]: of the operator, where somebody acts for somebody else; in
// the tenant that support has entered, of the primary administrator. Ending an ended
// session does nothing.
//
// End records "session.end".
//
// Errors: [ErrNotFound] if there is no such session or the actor may not see
// its user; [ErrPermission].
func (s *Sessions) End(ctx context.Context, a Actor, id SessionID) error {
	return s.m.change(ctx, a, "Sessions.End", verbEndSession, func(ctx context.Context, w *work) error {
		view, err := w.tx.SessionByID(ctx, id)
		if err != nil {
			return err
		}
		owner := view.Session.User
		if view.Session.Kind.acting() && !w.ofTenant(&view.Session) {
			owner = view.Session.Operator
		}
		w.on("session", id, view.Session.Org, "")
		if !w.v.self(owner) {
			_, err := w.account(ctx, owner, PermUserEndSessions)
			w.on("session", id, view.Session.Org, "")
			if err != nil {
				return err
			}
		}
		ended, err := w.tx.EndSession(ctx, id, w.now, "ended")
		if err == nil && ended {
			w.record(nil, nil)
		}
		return err
	})
}

// ofTenant reports whether the actor is in the organization that a support session
// entered: there it is one of its primary administrator, whom people know.
func (w *work) ofTenant(ses *Session) bool {
	return ses.Kind == SessionSupport && w.v.org == ses.Org && !w.v.acting()
}

// EndAll ends every session of a user but the actor's own present one, and
// returns how many. Rights and errors are those of [Sessions.End].
func (s *Sessions) EndAll(ctx context.Context, a Actor, user UserID) (int, error) {
	var n int
	err := s.m.change(ctx, a, "Sessions.EndAll", verbEndSession, func(ctx context.Context, w *work) error {
		u, err := w.tx.UserByID(ctx, user)
		if err != nil {
			return err
		}
		if !w.v.self(user) {
			if _, err := w.account(ctx, user, PermUserEndSessions); err != nil {
				return err
			}
		}
		w.on("user", user, u.Org, u.DisplayName())
		keep := w.v.session
		if n, err = w.tx.EndSessions(ctx, user, OrgID{}, keep, w.now, "ended"); err != nil {
			return err
		}
		w.record(nil, map[string]string{"sessions": "ended"})
		return nil
	})
	return n, err
}

func sessionHash(text string) ([32]byte, bool) { return token.SessionHash(text) }
