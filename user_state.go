package usermgmt

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
)

func isInvalid(err error) bool { return errors.Is(err, ErrInvalid) }

func skipNotFound(err error) error {
	if isNotFound(err) {
		return nil
	}
	return err
}

// Enable lets a disabled user log in again. Enabling an enabled user does
// nothing. A deactivated user is reactivated by [Users.Reactivate] instead.
//
// The actor needs [PermUserEnable] on the user, whose home must be the actor's
// organization. Not oneself, and not reserved users.
//
// Enable is atomic. It records "user.enable".
//
// Errors: [ErrNotFound], [ErrPermission], [ErrConflict] for a deactivated user.
func (s *Users) Enable(ctx context.Context, a Actor, id UserID) error {
	_, err := s.setEnabled(ctx, a, id, true)
	return err
}

// Disable keeps a user out until enabled again: sessions end, the API key no
// longer works, seat, teams, roles and what the user owns stay. Disabling a
// disabled user does nothing.
//
// Rights are those of [Users.Enable]. The last active administrator of an
// organization cannot be disabled.
//
// Disable is atomic. It records "user.disable".
//
// Errors: [ErrNotFound], [ErrPermission], [ErrConflict] with the Rule
// "last_administrator".
func (s *Users) Disable(ctx context.Context, a Actor, id UserID) error {
	_, err := s.setEnabled(ctx, a, id, false)
	return err
}

func (s *Users) setEnabled(ctx context.Context, a Actor, id UserID, enabled bool) (changed bool, err error) {
	op, verb := "Users.Disable", verbUserDisable
	if enabled {
		op, verb = "Users.Enable", verbUserEnable
	}
	err = s.m.change(ctx, a, op, verb, func(ctx context.Context, w *work) (err error) {
		changed, err = w.setEnabled(ctx, id, enabled)
		return err
	})
	return changed, err
}

// setEnabled is [Users.Enable] and [Users.Disable] inside a change.
func (w *work) setEnabled(ctx context.Context, id UserID, enabled bool) (changed bool, err error) {
	acc, err := w.account(ctx, id, PermUserEnable)
	if err != nil {
		return false, err
	}
	u := acc.User
	switch {
	case id == w.v.subject:
		return false, &Error{Kind: ErrPermission, Rule: "self", Permission: PermUserEnable}
	case u.Enabled == enabled:
		return false, nil
	case !u.DeactivatedAt.IsZero():
		return false, conflict("user", "deactivated", "reactivate the user instead")
	}
	before := u
	u.Enabled = enabled
	if !enabled {
		if err := w.keepAdministrator(ctx, id, OrgID{}); err != nil {
			return false, err
		}
		if err := w.endForGood(ctx, id, "disabled"); err != nil {
			return false, err
		}
	}
	if err := w.saveUser(ctx, u); err != nil {
		return false, err
	}
	w.record(fieldsOf(&before), fieldsOf(&u))
	if u.AccountMail {
		kind := MailDisabled
		if enabled {
			kind = MailEnabled
		}
		w.mail(&u, kind, nil)
	}
	return true, nil
}

// endForGood ends a user's sessions, also one that a login is about to open.
func (w *work) endForGood(ctx context.Context, user UserID, reason string) error {
	acc, err := w.tx.AccountByID(ctx, user)
	if err != nil {
		return err
	}
	acc.Credential.Epoch++
	if err := w.tx.SaveCredential(ctx, acc.Credential); err != nil {
		return err
	}
	_, err = w.tx.EndSessions(ctx, user, OrgID{}, SessionID{}, w.now, reason)
	return err
}

// BulkResult is what became of one row of a bulk call.
type BulkResult struct {
	User UserID
	// Changed: the row was changed. A row that was in the wanted state already
	// is skipped: neither changed nor an error.
	Changed bool
	// Skipped says why a row was left alone without error: "unchanged", "self", or
	// what [Passwords.ResetMany] names.
	Skipped string
	Err     error
}

// EnableMany enables or disables many users, each by itself as [Users.Enable]
// and [Users.Disable] do: one row's failure does not touch the others. The
// actor's own row and rows in the wanted state are skipped. Results come in the
// order of ids, at most [MaxPageSize] a call.
//
// The error is not nil only if nothing was tried ([ErrLimit]) or ctx ended; the
// results so far come with it.
func (s *Users) EnableMany(ctx context.Context, a Actor, ids []UserID, enabled bool) ([]BulkResult, error) {
	if len(ids) > MaxPageSize {
		return nil, &Error{Op: "Users.EnableMany", Kind: ErrLimit, Field: "ids"}
	}
	out := make([]BulkResult, 0, len(ids))
	for _, id := range ids {
		if err := ctx.Err(); err != nil {
			return out, withOp("Users.EnableMany", err)
		}
		r := BulkResult{User: id}
		if id == a.Subject() && !id.IsZero() {
			r.Skipped = "self"
		} else if r.Changed, r.Err = s.setEnabled(ctx, a, id, enabled); r.Err == nil && !r.Changed {
			r.Skipped = "unchanged"
		}
		out = append(out, r)
	}
	return out, nil
}

// DeactivateOptions says how to deactivate.
type DeactivateOptions struct {
	// LeaveTeams leaves, in every organization, all teams but the primary one.
	// Without it a user who is in several is refused.
	LeaveTeams bool
}

// Deactivate is for those who leave: the user is disabled, every seat is given
// back, API keys are withdrawn, sessions end, while history, ownership, roles
// and the primary teams stay. Deactivating a deactivated user does nothing.
//
// The actor needs [PermUserDeactivate] on the user, whose home must be the
// actor's organization. Not oneself, reserved users, or the last active
// administrator of an organization.
//
// Deactivate is atomic. It records "user.deactivate".
//
// Errors: [ErrNotFound], [ErrPermission], [ErrConflict] with the Rule
// "several_teams" and the teams in Detail, or "last_administrator".
func (s *Users) Deactivate(ctx context.Context, a Actor, id UserID, opt DeactivateOptions) error {
	return s.m.change(ctx, a, "Users.Deactivate", verbUserDeactivate, func(ctx context.Context, w *work) error {
		acc, err := w.account(ctx, id, PermUserDeactivate)
		if err != nil {
			return err
		}
		u := acc.User
		switch {
		case id == w.v.subject:
			return &Error{Kind: ErrPermission, Rule: "self", Permission: PermUserDeactivate}
		case !u.DeactivatedAt.IsZero():
			return nil
		}
		if err := w.keepAdministrator(ctx, id, OrgID{}); err != nil {
			return err
		}
		mems, err := w.tx.MembershipsOf(ctx, id)
		if err != nil {
			return err
		}
		if !opt.LeaveTeams {
			if err := w.oneTeam(ctx, mems); err != nil {
				return err
			}
		}
		for i := range mems {
			if err := w.leaveSeat(ctx, &mems[i]); err != nil {
				return err
			}
		}
		before := u
		u.Enabled, u.DeactivatedAt = false, w.now
		if err := w.saveUser(ctx, u); err != nil {
			return err
		}
		if err := w.endForGood(ctx, id, "deactivated"); err != nil {
			return err
		}
		w.record(fieldsOf(&before), fieldsOf(&u))
		if u.AccountMail {
			w.mail(&u, MailDisabled, nil)
		}
		return nil
	})
}

// oneTeam refuses memberships with several teams.
func (w *work) oneTeam(ctx context.Context, mems []Membership) error {
	var names []string
	for i := range mems {
		if len(mems[i].Teams) < 2 {
			continue
		}
		if mems[i].Org != w.v.org && !w.v.org.IsZero() {
			names = append(names, "teams of another organization")
			continue
		}
		for _, t := range mems[i].Teams {
			team, err := w.tx.TeamByID(ctx, t.Team)
			if err != nil {
				return err
			}
			names = append(names, team.Name)
		}
	}
	if len(names) > 0 {
		return conflict("teams", "several_teams", "still in "+strings.Join(names, ", "))
	}
	return nil
}

// recordMembership records a change of a membership in its own organization.
func (w *work) recordMembership(mem *Membership, before map[string]string) {
	home := w.org
	w.org = mem.Org
	w.recordAs(verbMemberUpdate, before, membershipFields(mem))
	w.org = home
}

// leaveSeat gives back the seat, withdraws the key and leaves every team but
// the primary one.
func (w *work) leaveSeat(ctx context.Context, mem *Membership) error {
	if mem.Seat {
		if err := w.tx.ClaimSeats(ctx, mem.Org, mem.Licence, -1); err != nil {
			return err
		}
	}
	if _, err := w.deleteKey(ctx, mem.User, mem.Org); err != nil {
		return err
	}
	before := membershipFields(mem)
	mem.Seat = false
	mem.Teams = slices.DeleteFunc(mem.Teams, func(t TeamAssignment) bool { return t.Team != mem.PrimaryTeam })
	mem.UpdatedAt = w.now
	if err := w.tx.SaveMembership(ctx, *mem); err != nil {
		return err
	}
	w.recordMembership(mem, before)
	return nil
}

// Reactivate takes a deactivated user back: enabled, with a seat in each of the
// user's organizations. There is no API key until one is made. Reactivating a
// user who is not deactivated does nothing. Rights are those of
// [Users.Deactivate].
//
// Reactivate is atomic. It records "user.reactivate".
//
// Errors: [ErrNotFound], [ErrPermission], [ErrLimit] without a free seat.
func (s *Users) Reactivate(ctx context.Context, a Actor, id UserID) error {
	return s.m.change(ctx, a, "Users.Reactivate", verbUserReactivate, func(ctx context.Context, w *work) error {
		acc, err := w.account(ctx, id, PermUserDeactivate)
		if err != nil {
			return err
		}
		u := acc.User
		if u.DeactivatedAt.IsZero() {
			return nil
		}
		mems, err := w.tx.MembershipsOf(ctx, id)
		if err != nil {
			return err
		}
		for i := range mems {
			mem := &mems[i]
			if !needsSeat(&u) || mem.Seat {
				continue
			}
			if err := w.tx.ClaimSeats(ctx, mem.Org, mem.Licence, 1); err != nil {
				return err
			}
			was := membershipFields(mem)
			mem.Seat, mem.UpdatedAt = true, w.now
			if err := w.tx.SaveMembership(ctx, *mem); err != nil {
				return err
			}
			w.recordMembership(mem, was)
		}
		before := u
		u.Enabled, u.DeactivatedAt = true, time.Time{}
		if err := w.saveUser(ctx, u); err != nil {
			return err
		}
		w.record(fieldsOf(&before), fieldsOf(&u))
		if u.AccountMail {
			w.mail(&u, MailEnabled, nil)
		}
		return nil
	})
}

// needsSeat: persons and shared accounts take a seat, services and reserved
// users do not.
func needsSeat(u *User) bool { return u.Kind != KindService && !u.Reserved }

// Status returns a user's authentication status and login record. Everybody
// may ask about themselves; others need [PermUserView] on the user.
//
// Errors: [ErrNotFound].
func (s *Users) Status(ctx context.Context, a Actor, id UserID) (AuthStatus, LoginState, error) {
	const op = "Users.Status"
	v, err := s.m.read(a)
	if err != nil {
		return 0, LoginState{}, withOp(op, err)
	}
	if id != v.subject || id.IsZero() {
		if _, err := s.m.visibleUser(ctx, v, id, PermUserView); err != nil {
			return 0, LoginState{}, withOp(op, err)
		}
	}
	acc, err := s.m.store.AccountByID(ctx, id)
	if err != nil {
		return 0, LoginState{}, withOp(op, err)
	}
	return acc.standing().Status(s.m.now()), acc.Login, nil
}

// Activate unlocks a user who was locked for wrong passwords, and clears the
// count. Activating a user who is not locked only clears the count.
//
// The actor needs [PermUserUnlock] on the user, whose home must be the actor's
// organization. Not oneself.
//
// Activate is atomic. It records "user.unlock".
//
// Errors: [ErrNotFound], [ErrPermission].
func (s *Users) Activate(ctx context.Context, a Actor, id UserID) error {
	return s.m.change(ctx, a, "Users.Activate", verbUserUnlock, func(ctx context.Context, w *work) error {
		acc, err := w.account(ctx, id, PermUserUnlock)
		if err != nil {
			return err
		}
		if id == w.v.subject {
			return &Error{Kind: ErrPermission, Rule: "self", Permission: PermUserUnlock}
		}
		st := acc.standing()
		if err := w.tx.ClearAttempts(ctx, id, time.Time{}); err != nil {
			return err
		}
		w.record(map[string]string{"auth_status": st.Status(w.now).String()},
			map[string]string{"auth_status": acc.Credential.Status.String()})
		return nil
	})
}

// Assign changes the unit that owns a user, if version is the stored one: who
// may manage the record. A unit of another organization moves the user's home,
// for which the user must be a member there.
//
// The actor needs [PermUserAssign] on the user, and the new unit must lie
// within its scope.
//
// Assign is atomic. It records "user.assign".
//
// Errors: [ErrNotFound], [ErrPermission], [ErrStale], [ErrInvalid] for an
// unknown unit, [ErrConflict] with the Rule "no_membership".
func (s *Users) Assign(ctx context.Context, a Actor, id UserID, version int64, unit UnitID) error {
	return s.m.change(ctx, a, "Users.Assign", verbUserAssign, func(ctx context.Context, w *work) error {
		acc, err := w.account(ctx, id, PermUserAssign)
		if err != nil {
			return err
		}
		if acc.User.Version != version {
			return &Error{Kind: ErrStale, Field: "version"}
		}
		return w.assign(ctx, acc.User, unit)
	})
}

// assign is [Users.Assign] inside a change, on a user whom the actor may assign.
func (w *work) assign(ctx context.Context, u User, unit UnitID) error {
	to, err := w.tx.UnitByID(ctx, unit)
	if err != nil {
		if isNotFound(err) {
			return invalid("owner_unit", "unknown", "no such business unit")
		}
		return err
	}
	if to.Org != w.v.org && !w.v.can(PermUserAssign, &Record{Org: to.Org}) {
		return invalid("owner_unit", "unknown", "no such business unit") // as if it were not there
	}
	if err := w.unitInScope(PermUserAssign, &to); err != nil {
		return err
	}
	if to.Org != u.Org {
		if _, err := w.tx.MembershipOf(ctx, u.ID, to.Org); err != nil {
			if isNotFound(err) {
				return conflict("owner_unit", "no_membership", "the user is no member of the unit's organization")
			}
			return err
		}
	}
	before := u
	u.OwnerUnit, u.Org = to.ID, to.Org
	if err := w.saveUser(ctx, u); err != nil {
		return err
	}
	w.record(fieldsOf(&before), fieldsOf(&u))
	return nil
}
