package usermgmt_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

// victim is an administrator of a branch who is at work through one manager while
// another takes something away.
type victim struct {
	user    usermgmt.UserID
	session *usermgmt.LoginResult
	key     string
	role    *usermgmt.Role
}

// TestWhatIsTakenAwayOnOneManagerHoldsOnTheOther: two managers, on Postgres over
// two pools. What one takes away, no verification and no change through the other
// has any more that begins after the call has returned.
func TestWhatIsTakenAwayOnOneManagerHoldsOnTheOther(t *testing.T) {
	t.Parallel()
	rounds := 2
	if raceRounds() > 2 {
		rounds = 50
	}
	ways := map[string]struct {
		take func(e *usermgmttest.Env, ctx context.Context, v *victim) error
		// rights only: the victim may still come in, but not do it.
		inside bool
	}{
		"disable": {take: func(e *usermgmttest.Env, ctx context.Context, v *victim) error {
			return e.Users().Disable(ctx, e.Root(), v.user)
		}},
		"deactivate": {take: func(e *usermgmttest.Env, ctx context.Context, v *victim) error {
			return e.Users().Deactivate(ctx, e.Root(), v.user, usermgmt.DeactivateOptions{LeaveTeams: true})
		}},
		"end the membership": {take: func(e *usermgmttest.Env, ctx context.Context, v *victim) error {
			return e.Members().End(ctx, e.Root(), v.user, usermgmt.OrgID{})
		}},
		"demote": {inside: true, take: func(e *usermgmttest.Env, ctx context.Context, v *victim) error {
			m, err := e.Members().Get(ctx, e.Root(), v.user, usermgmt.OrgID{})
			if err != nil {
				return err
			}
			_, err = e.Members().Update(ctx, e.Root(), v.user, usermgmt.OrgID{}, m.Version,
				usermgmt.MembershipUpdate{Roles: &[]usermgmt.RoleAssignment{{Role: e.Regular.ID}}})
			return err
		}},
		"take the right out of the role": {inside: true, take: func(e *usermgmttest.Env, ctx context.Context, v *victim) error {
			_, err := e.Roles().Update(ctx, e.Root(), v.role.ID, v.role.Version, usermgmt.RoleUpdate{Grants: &[]usermgmt.Grant{}})
			return err
		}},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for round := range rounds {
				a, b := teststores.Pair(t)
				e, both := course{a, b}.start(t, nil)
				other := both.of(1)
				v := newVictim(t, e)
				actor, err := other.Auth().Session(t.Context(), v.session.Token.Reveal(), here)
				require.NoError(t, err)
				target := e.AddUser("target", nil)

				uses := []func(ctx context.Context) error{
					func(ctx context.Context) error { return rename(ctx, other, actor, target.ID) },
				}
				for _, enter := range []func(ctx context.Context) (usermgmt.Actor, error){
					func(ctx context.Context) (usermgmt.Actor, error) {
						return other.Auth().Session(ctx, v.session.Token.Reveal(), here)
					},
					func(ctx context.Context) (usermgmt.Actor, error) { return other.Auth().APIKey(ctx, v.key, here) },
					func(ctx context.Context) (usermgmt.Actor, error) {
						return other.ActorFor(ctx, usermgmt.ActorRequest{User: v.user, Org: e.Organization.ID, ProvedAt: e.Clock.Now()})
					},
				} {
					uses = append(uses, func(ctx context.Context) error {
						in, err := enter(ctx)
						if err == nil && way.inside && !in.Has(usermgmt.PermUserEdit) {
							return usermgmt.ErrPermission
						}
						return err
					})
				}
				var gone, stop atomic.Bool
				var before, after, late atomic.Int64
				var all sync.WaitGroup
				for _, use := range uses {
					all.Go(func() {
						for !stop.Load() {
							begunAfter := gone.Load()
							err := use(t.Context())
							switch {
							case begunAfter && err == nil:
								late.Add(1)
							case begunAfter:
								after.Add(1)
							case err == nil:
								before.Add(1)
							}
						}
					})
				}
				require.Eventually(t, func() bool { return before.Load() > 20 }, 20*time.Second, time.Millisecond)
				err = way.take(e, t.Context(), v)
				gone.Store(true)
				assert.NoError(t, err)
				require.Eventually(t, func() bool { return after.Load()+late.Load() > 20 }, 20*time.Second, time.Millisecond)
				stop.Store(true)
				all.Wait()
				require.Zero(t, late.Load(), "round %d: allowed after it was taken away", round)
			}
		})
	}
}

func newVictim(t *testing.T, e *usermgmttest.Env) *victim {
	t.Helper()
	v := &victim{}
	var err error
	v.role, err = e.Roles().Create(t.Context(), e.Root(), usermgmt.NewRole{Name: "Editor", Org: e.Organization.ID, Grants: []usermgmt.Grant{
		{Permission: usermgmt.PermUserView, Scope: usermgmt.ScopeOrganization}, {Permission: usermgmt.PermUserEdit, Scope: usermgmt.ScopeOrganization}}})
	require.NoError(t, err)
	v.user = e.AddUser("victim", func(n *usermgmt.NewUser) {
		n.Roles = append(n.Roles, usermgmt.RoleAssignment{Role: v.role.ID})
	}).ID
	v.session = e.Login("victim")
	key, err := e.APIKeys().Generate(t.Context(), e.Root(), usermgmt.KeyRequest{User: v.user})
	require.NoError(t, err)
	v.key = key.Text.Reveal()
	return v
}

// rename changes something of a user, whatever others do meanwhile.
func rename(ctx context.Context, e *usermgmttest.Env, a usermgmt.Actor, user usermgmt.UserID) error {
	u, err := e.Store.UserByID(ctx, user)
	if err != nil {
		return err
	}
	company := fmt.Sprint(time.Now().UnixNano())
	_, err = e.Users().Update(ctx, a, user, u.Version, usermgmt.UserUpdate{Company: &company})
	return err
}
