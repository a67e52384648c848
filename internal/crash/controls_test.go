package crash_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// caught kills until the checks find something, and fails if they do not.
func caught(t *testing.T, most int, kill func(l *land), l *land) {
	t.Helper()
	for i := range most {
		kill(l)
		if problems, _ := l.inspect(t); len(problems) > 0 {
			t.Logf("caught after %d kills: %s", i+1, problems[0])
			return
		}
	}
	assert.Fail(t, "not caught", "%d kills", most)
}

// TestChecksCatchBrokenStores are positive controls: defects that the checks of
// this package exist for.
func TestChecksCatchBrokenStores(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		defect string
		at     spot
	}{
		{auditAfter, spot{driverPgx, afterAnswer}},
		{auditAfter, spot{driverSQL, afterAnswer}},
		{auditBefore, spot{driverPgx, beforeCommit}},
		{auditBefore, spot{driverSQL, beforeCommit}},
		{seatsApart, spot{driverPgx, beforeCommit}},
	} {
		t.Run(fmt.Sprint(c.defect, " over ", c.at.driver), func(t *testing.T) {
			t.Parallel()
			caught(t, 10, func(l *land) { l.killClient(t, c.at, c.defect) }, clientLand(t))
		})
	}
}

// TestChecksCatchAuditOutsideTheTransactionWhenTheServerIsKilled is the same
// control for kills of the server.
func TestChecksCatchAuditOutsideTheTransactionWhenTheServerIsKilled(t *testing.T) {
	t.Parallel()
	l, server := serverLand(t, nil)
	caught(t, 20, func(l *land) {
		p := l.start(t, order{Workers: 6, Drivers: drivers, Broken: auditAfter})
		l.killServer(t, server)
		p.endWell(t)
	}, l)
}

// TestChecksCatchAServerThatForgets is the control for lost acknowledgements: with
// asynchronous commits, a server that is killed loses the last of them.
func TestChecksCatchAServerThatForgets(t *testing.T) {
	t.Parallel()
	l, server := serverLand(t, map[string]string{"synchronous_commit": "off", "wal_writer_delay": "1s"})
	caught(t, 5, func(l *land) {
		p := l.start(t, order{Workers: 6, Drivers: drivers})
		l.killServer(t, server)
		p.endWell(t)
	}, l)
}

// TestChecksCatchTampering changes the database behind the library's back, one
// thing after the other. Each is found, by the check that is there for it.
func TestChecksCatchTampering(t *testing.T) {
	t.Parallel()
	l := clientLand(t)
	p := l.start(t, order{Workers: 4, Drivers: drivers})
	l.history.wait(t, 250)
	p.endWell(t)
	problems, _ := l.inspect(t)
	require.Empty(t, problems, "seed %d", l.seed)
	for _, c := range []struct{ what, sql, finding string }{
		{"an ended session is revived", `update usermgmt_sessions s set ended_at = null, epoch = c.epoch + o.epoch
			from usermgmt_users u, usermgmt_credentials c, usermgmt_orgs o
			where u.user_id = s.user_id and c.user_id = s.user_id and o.org_id = s.org_id and u.active
			and s.ended_at is not null and s.operator_id is null`, "works again"},
		{"a live session is ended", `update usermgmt_sessions set ended_at = now() where ended_at is null and not parked and operator_id is null`,
			"no longer works"},
		{"a key is lost", `delete from usermgmt_api_keys where key_id in (select key_id from usermgmt_api_keys limit 1)`, "api key"},
		{"a disabled user is enabled", `with u as (update usermgmt_users set enabled = true, active = true
			where not enabled and deactivated_at is null returning user_id)
			update usermgmt_memberships m set user_active = true from u where u.user_id = m.user_id`, "enabled is"},
		{"an update is lost", `update usermgmt_users set title = '' where title <> ''`, "title is"},
		{"an entry is lost", `delete from usermgmt_audit where audit_id = (select audit_id from usermgmt_audit
			where verb = 'user.update' and outcome = 1 and fields ? 'title' order by audit_id desc limit 1)`, "acknowledged, but there is no entry"},
		{"an entry is there twice", `insert into usermgmt_audit select (r).* from (select jsonb_populate_record(a, jsonb_build_object(
			'audit_id', gen_random_uuid())) as r from usermgmt_audit a where verb = 'role.create' and outcome = 1
			and detail->>'request_id' <> 'setup' limit 1) x`, "2 entries of its verb"},
		{"a seat is counted twice", `update usermgmt_pools set used = used + 1`, "a pool counts other seats"},
		{"a login name is lost", `delete from usermgmt_login_names where key in (select key from usermgmt_login_names limit 1)`,
			"a user without a login name"},
		{"a membership is half there", `delete from usermgmt_membership_roles where (org_id, user_id, pos) in
			(select org_id, user_id, pos from usermgmt_membership_roles limit 1)`, "differ from their rows"},
		{"mail is lost", `delete from usermgmt_outbox where message_id in (select message_id from usermgmt_outbox where sent_at is null limit 1)`,
			"mail"},
		{"a wrong password is not counted", `update usermgmt_logins set failures = 0, locked_until = null where failures > 1`, "wrong passwords, want"},
		{"a stamp is lost", `update usermgmt_stamps set policy = policy - 1`, "the policy stamp"},
		{"a team is moved by half", `update usermgmt_teams t set parent_id = (select team_id from usermgmt_teams r
			where r.org_id = t.org_id and r.parent_id is null) where length(path) > 32`, "path is not its parent's"},
		{"a checkpoint is old", `update usermgmt_checkpoints set created = created - 1`, "checkpoint"},
	} {
		tag, err := l.pool.Exec(t.Context(), c.sql)
		require.NoError(t, err, c.what)
		require.Positive(t, tag.RowsAffected(), c.what)
		problems, _ := l.inspectAll(t)
		assert.Contains(t, strings.Join(problems, "\n"), c.finding, c.what)
	}
}
