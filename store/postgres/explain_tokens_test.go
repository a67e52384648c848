package postgres_test

import (
	"context"
	"strconv"
	"time"

	"github.com/usermgmt/usermgmt"
)

// What further identifiers are of.
const (
	aToken       = 40
	anInvitation = 41
)

// bigTokens are a token for every second user, and for every fourth a pending or an
// ended invitation into the large organization.
const bigTokens = `
insert into usermgmt_tokens (key, token_id, purpose, user_id, org_id, address, username_key, email_key, epoch, logins, code, created_at,
	expires_at, used_at, over_at)
	select 'reset ' || um_id(4, i), um_id(40, i), 'reset', um_id(4, i), um_id(1, 1), 'a@example.test', '', '', 1, 0, '', now() - i * interval '1 second',
		now() + (i % 1000) * interval '1 minute', case when i % 3 = 0 then now() end, now() + (i % 1000) * interval '1 minute'
	from generate_series(1, :n, 2) i;
insert into usermgmt_token_secrets (hash, key, token_id)
	select sha256(uuid_send(um_id(40, i))), 'reset ' || um_id(4, i), um_id(40, i) from generate_series(1, :n, 2) i;
insert into usermgmt_invitations (invitation_id, org_id, owner_unit, email, email_key, plan, licence, invited_by, created_at, updated_at, expires_at,
	outcome, ended_at, version)
	select um_id(41, i), um_id(1, 1), um_id(2, 1), i || '@example.test', i || '@example.test', '{}', 'platform', um_id(4, 1), now(), now(),
		now() + (i % 5000) * interval '1 minute', case when i % 20 = 1 then '' else 'accepted' end, case when i % 20 <> 1 then now() end, 1
	from generate_series(1, :n, 4) i;
`

func bigTokenCalls(users int) []bigCall {
	type st = usermgmt.Store
	type c = context.Context
	odd := users/2 | 1
	token, invitation := usermgmt.TokenID(bigID(aToken, odd)), usermgmt.InvitationID(bigID(anInvitation, odd/20*20+1))
	key := "reset " + bigUser(odd).String()
	now := time.Now()
	list := func(name string, q usermgmt.ListQuery, pending bool) bigCall {
		return bigList("ListInvitations "+name, func(x c, s st) ([]usermgmt.Invitation, error) {
			return s.ListInvitations(x, bigOrg(1), pending, q)
		})
	}
	put := func(name string, t usermgmt.Token, since time.Time) bigCall {
		return bigWrite("PutToken "+name, func(x c, s st) error {
			_, err := s.PutToken(x, t, since)
			return err
		})
	}
	made := usermgmt.Token{ID: bigID(aToken, users+9), Key: key, User: bigUser(odd), CreatedAt: now, ExpiresAt: now}
	return []bigCall{
		bigGet("TokenByID", func(x c, s st) (usermgmt.Token, error) { return s.TokenByID(x, token) }),
		bigGet("TokenByKey", func(x c, s st) (usermgmt.Token, error) { return s.TokenByKey(x, key) }),
		bigGet("TokenByHash", func(x c, s st) (usermgmt.Token, error) { return s.TokenByHash(x, bigHash(aToken, odd)) }),
		bigGet("InvitationByID", func(x c, s st) (usermgmt.Invitation, error) { return s.InvitationByID(x, invitation) }),
		bigGet("PendingInvitation", func(x c, s st) (usermgmt.Invitation, error) {
			return s.PendingInvitation(x, bigOrg(1), strconv.Itoa(odd/20*20+1)+"@example.test")
		}),
		list("first", usermgmt.ListQuery{Limit: 50}, false),
		list("pending", usermgmt.ListQuery{Limit: 50}, true),
		list("middle, pending", usermgmt.ListQuery{Limit: 50, After: usermgmt.Position{ID: bigID(anInvitation, odd)}}, true),
		bigList("ExpiredInvitations", func(x c, s st) ([]usermgmt.Invitation, error) {
			return s.ExpiredInvitations(x, now.Add(time.Hour), 100)
		}),
		bigGet("InvitedSeats", func(x c, s st) (map[usermgmt.LicenceType]int, error) { return s.InvitedSeats(x, bigOrg(1)) }),
		put("replacing", made, time.Time{}),
		put("too soon", made, now.Add(-time.Hour)),
		put("nobody's", usermgmt.Token{ID: bigID(aToken, users+8), CreatedAt: now, ExpiresAt: now}, now),
		bigWrite("ArmToken", func(x c, s st) error {
			_, err := s.ArmToken(x, usermgmt.TokenSecret{Token: token, Hash: bigHash(aToken, users+7)})
			return err
		}),
		bigWrite("UseToken", func(x c, s st) error {
			_, err := s.UseToken(x, token, now)
			return err
		}),
		bigWrite("DeleteTokens", func(x c, s st) error { return s.DeleteTokens(x, bigUser(odd), usermgmt.TokenReset) }),
		bigWrite("PruneTokens", func(x c, s st) error {
			_, err := s.PruneTokens(x, now.Add(time.Hour), 100)
			return err
		}),
		bigWrite("SaveInvitation", func(x c, s st) error {
			i, err := s.InvitationByID(x, invitation)
			if err != nil {
				return err
			}
			return s.SaveInvitation(x, i)
		}),
		bigWrite("EndInvitation", func(x c, s st) error {
			_, err := s.EndInvitation(x, invitation, usermgmt.InvitationRevoked, now, bigUser(1))
			return err
		}),
	}
}
