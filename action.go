package usermgmt

import (
	"context"
	"errors"
	"slices"
)

// Action names something that can be done to a user.
type Action string

// The actions, in the order in which [Users.Actions] returns them, with the calls
// that they stand for.
const (
	ActionEdit           Action = "edit"            // Users.Update
	ActionEnable         Action = "enable"          // Users.Enable
	ActionDisable        Action = "disable"         // Users.Disable
	ActionDeactivate     Action = "deactivate"      // Users.Deactivate, leaving teams
	ActionReactivate     Action = "reactivate"      // Users.Reactivate
	ActionUnlock         Action = "unlock"          // Users.Activate
	ActionAssign         Action = "assign"          // Users.Assign, to some unit or other
	ActionInvite         Action = "invite"          // Users.Invite
	ActionSetPassword    Action = "set_password"    // Passwords.Set
	ActionResetPassword  Action = "reset_password"  // Passwords.Reset
	ActionResetFactor    Action = "reset_factor"    // Factors.Reset
	ActionGenerateKey    Action = "generate_key"    // APIKeys.Generate
	ActionEndSessions    Action = "end_sessions"    // Sessions.EndAll
	ActionGrant          Action = "grant"           // Members.Update of profile and roles
	ActionMembership     Action = "membership"      // Members.Update of teams and units
	ActionEndMembership  Action = "end_membership"  // Members.End
	ActionConfigure      Action = "configure"       // Settings.Change
	ActionProxyLogin     Action = "proxy_login"     // Proxy.Login
	ActionProxyConfigure Action = "proxy_configure" // Proxy.SetGrants
	ActionErase          Action = "erase"           // Users.Erase
)

// UserAction says whether an action is available.
type UserAction struct {
	Action Action
	// Err is nil if it is, and otherwise what the call would fail with, such as
	// [ErrPermission] with the missing permission or [ErrConflict] with the Rule
	// "last_administrator". [ErrStepUp] is no more than a question: offer the action,
	// and ask for a secret first.
	Err error
	// Unchanged: the call would succeed and change nothing: the user is enabled
	// already, or not locked.
	Unchanged bool
}

// Allowed reports whether the action can be offered.
func (a *UserAction) Allowed() bool { return a.Err == nil && !a.Unchanged }

// UserActions are the actions for one user.
type UserActions struct {
	User    UserID
	Actions []UserAction
}

// Of returns what is said about one action.
func (u *UserActions) Of(a Action) UserAction {
	i := slices.IndexFunc(u.Actions, func(x UserAction) bool { return x.Action == a })
	if i < 0 {
		return UserAction{Action: a, Err: &Error{Kind: ErrInvalid, Field: "action", Rule: "unknown"}}
	}
	return u.Actions[i]
}

// Actions returns what the actor can do to each of some users, for buttons and
// menus, in the order of ids. Users whom the actor may not see are left out.
//
// It is not a second opinion: every call is made, with all of its own checks, up
// to the moment when it would write. What the host gives to a call, such as names
// or a unit, may still be refused, and so may what others change meanwhile, and
// what [Config.Hooks] forbid. Nothing is recorded. The number of reads does not grow
// with the number of users.
//
// At most [MaxActions] users a call. Errors: [ErrLimit].
func (s *Users) Actions(ctx context.Context, a Actor, ids ...UserID) ([]UserActions, error) {
	const op = "Users.Actions"
	if _, err := s.m.read(a); err != nil {
		return nil, withOp(op, err)
	}
	if len(ids) > MaxActions {
		return nil, withOp(op, &Error{Kind: ErrLimit, Field: "ids"})
	}
	var out []UserActions
	err := s.m.onProbe(ctx, a, ids, func(ctx context.Context, m *Manager, a Actor, p *probeStore) error {
		out = nil
		for _, id := range ids {
			acts, err := m.actionsOn(ctx, a, p, id)
			if err != nil {
				return err
			}
			if acts != nil {
				out = append(out, UserActions{id, acts})
			}
		}
		return nil
	})
	if err != nil {
		return nil, withOp(op, err)
	}
	return out, nil
}

// MaxActions is how many users [Users.Actions] takes at once.
const MaxActions = 200

// actionsOn probes actions on one user, all of them if none is named; nil if the
// actor may not see the user.
func (m *Manager) actionsOn(ctx context.Context, a Actor, p *probeStore, id UserID, only ...Action) ([]UserAction, error) {
	acc := p.accounts[id]
	if acc == nil {
		return nil, nil
	}
	r, err := m.userRecord(ctx, p, a.v, &acc.User)
	if err != nil {
		return nil, err
	}
	if !a.v.sees(PermUserView, r) {
		return nil, nil
	}
	mem, err := p.MembershipOf(ctx, id, a.v.org)
	if skipNotFound(err) != nil {
		return nil, err
	}
	t := &probeTarget{m: m, a: a, acc: acc, mem: &mem}
	out := make([]UserAction, 0, len(userActions))
	for _, act := range userActions {
		if len(only) > 0 && !slices.Contains(only, act.name) {
			continue
		}
		err := act.call(ctx, t)
		one := UserAction{Action: act.name}
		switch {
		case err == nil:
			one.Unchanged = !act.fine
		case errors.Is(err, errProbed):
			one.Unchanged = act.name == ActionUnlock && acc.standing().Status(m.now()) != StatusLocked
		case kindOf(err) == nil: // the store's
			return nil, err
		default:
			one.Err = err
		}
		out = append(out, one)
	}
	return out, nil
}

// probeTarget is a user on whom actions are probed.
type probeTarget struct {
	m   *Manager
	a   Actor
	acc *Account
	mem *Membership // in the actor's organization; zero if there is none
}

// probeAction is the call that an action stands for, with arguments that change
// nothing. fine: it may end without a write, and that is no refusal.
type probeAction struct {
	name Action
	fine bool
	call func(ctx context.Context, t *probeTarget) error
}

// userActions are the calls of all actions.
var userActions = []probeAction{
	{name: ActionEdit, call: func(ctx context.Context, t *probeTarget) error {
		u := &t.acc.User
		_, err := t.m.Users().Update(ctx, t.a, u.ID, u.Version, UserUpdate{Phone: &u.Phone, Company: t.company()})
		if isInvalid(err) { // the record as it is would not pass: all the more reason to edit it
			return errProbed
		}
		return err
	}},
	{name: ActionEnable, call: func(ctx context.Context, t *probeTarget) error { return t.m.Users().Enable(ctx, t.a, t.acc.User.ID) }},
	{name: ActionDisable, call: func(ctx context.Context, t *probeTarget) error { return t.m.Users().Disable(ctx, t.a, t.acc.User.ID) }},
	{name: ActionDeactivate, call: func(ctx context.Context, t *probeTarget) error {
		return t.m.Users().Deactivate(ctx, t.a, t.acc.User.ID, DeactivateOptions{LeaveTeams: true})
	}},
	{name: ActionReactivate, call: func(ctx context.Context, t *probeTarget) error {
		return t.m.Users().Reactivate(ctx, t.a, t.acc.User.ID)
	}},
	{name: ActionUnlock, call: func(ctx context.Context, t *probeTarget) error { return t.m.Users().Activate(ctx, t.a, t.acc.User.ID) }},
	{name: ActionAssign, call: probeAssign},
	{name: ActionInvite, call: func(ctx context.Context, t *probeTarget) error { return t.m.Users().Invite(ctx, t.a, t.acc.User.ID) }},
	{name: ActionSetPassword, call: func(ctx context.Context, t *probeTarget) error {
		return t.m.Passwords().Set(ctx, t.a, t.acc.User.ID, "probe", "", false)
	}},
	{name: ActionResetPassword, call: func(ctx context.Context, t *probeTarget) error {
		return t.m.Passwords().Reset(ctx, t.a, t.acc.User.ID)
	}},
	{name: ActionResetFactor, call: func(ctx context.Context, t *probeTarget) error {
		return t.m.Factors().Reset(ctx, t.a, t.acc.User.ID, "probe")
	}},
	{name: ActionGenerateKey, call: func(ctx context.Context, t *probeTarget) error {
		_, err := t.m.APIKeys().Generate(ctx, t.a, KeyRequest{User: t.acc.User.ID})
		return err
	}},
	{name: ActionEndSessions, call: func(ctx context.Context, t *probeTarget) error {
		_, err := t.m.Sessions().EndAll(ctx, t.a, t.acc.User.ID)
		return err
	}},
	{name: ActionGrant, call: func(ctx context.Context, t *probeTarget) error {
		return t.updateMember(ctx, MembershipUpdate{Roles: &t.mem.Roles})
	}},
	{name: ActionMembership, call: func(ctx context.Context, t *probeTarget) error {
		return t.updateMember(ctx, MembershipUpdate{Units: &t.mem.Units})
	}},
	{name: ActionEndMembership, call: func(ctx context.Context, t *probeTarget) error {
		return t.m.Members().End(ctx, t.a, t.acc.User.ID, OrgID{})
	}},
	{name: ActionConfigure, fine: true, call: func(ctx context.Context, t *probeTarget) error {
		return t.m.Settings().Change(ctx, t.a, SettingsOf{User: t.acc.User.ID}, SettingChange{Key: SettingLanguage, UseDefault: true})
	}},
	{name: ActionProxyLogin, call: func(ctx context.Context, t *probeTarget) error {
		_, err := t.m.Proxy().Login(ctx, t.a, ProxyRequest{Target: t.acc.User.ID, Acknowledged: true, Reason: "probe"})
		return err
	}},
	{name: ActionProxyConfigure, call: func(ctx context.Context, t *probeTarget) error {
		_, err := t.m.Proxy().SetGrants(ctx, t.a, t.acc.User.ID, 0, ProxyGrants{})
		return err
	}},
	{name: ActionErase, call: func(ctx context.Context, t *probeTarget) error { return t.m.Users().Erase(ctx, t.a, t.acc.User.ID) }},
}

// company is a field that users do not change of themselves, so that editing
// means more than the own profile; nil of oneself.
func (t *probeTarget) company() *string {
	if t.a.v.subject == t.acc.User.ID {
		return nil
	}
	return &t.acc.User.Company
}

func (t *probeTarget) updateMember(ctx context.Context, c MembershipUpdate) error {
	_, err := t.m.Members().Update(ctx, t.a, t.acc.User.ID, OrgID{}, t.mem.Version, c)
	if isInvalid(err) { // the membership as it is would not pass: all the more reason to change it
		return errProbed
	}
	return err
}

// probeAssign tries the unit that the user is in and, where that is out of the
// actor's scope, those that are the actor's own.
func probeAssign(ctx context.Context, t *probeTarget) error {
	u := &t.acc.User
	err := t.m.Users().Assign(ctx, t.a, u.ID, u.Version, u.OwnerUnit)
	var e *Error
	if !errors.As(err, &e) || e.Rule != "out_of_scope" {
		return err
	}
	for _, unit := range idsOf[BusinessUnit](t.a.v.rights.UnitRoots()) {
		if err := t.m.Users().Assign(ctx, t.a, u.ID, u.Version, unit); errors.Is(err, errProbed) {
			return err
		}
	}
	return err
}
