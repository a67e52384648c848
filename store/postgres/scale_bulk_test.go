package postgres_test

import (
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
)

// records read one user, and the settings.
func (s *scale) records() []scaleCall {
	m, a, id, org := s.plain, s.admin, bigUser(s.world.users/2|1), bigOrg(1)
	type c = context.Context
	call := func(name string, do func(ctx context.Context) (int, error)) scaleCall {
		return scaleCall{name: name, do: do}
	}
	return []scaleCall{
		call("Users.Get", func(x c) (int, error) {
			return oneOf(func() (*usermgmt.User, error) { return m.Users().Get(x, a, id) })
		}),
		call("Users.View", func(x c) (int, error) {
			return countOf(func() ([]usermgmt.FieldValue, error) { return m.Users().View(x, a, id) })
		}),
		call("Users.SubjectReport", func(x c) (int, error) { return 1, m.Users().SubjectReport(x, s.sys, id, io.Discard) }),
		call("Members.ListOf", func(x c) (int, error) {
			return countOf(func() ([]usermgmt.Membership, error) { return m.Members().ListOf(x, a, id) })
		}),
		call("Sessions.List", func(x c) (int, error) {
			return countOf(func() ([]usermgmt.Session, error) { return m.Sessions().List(x, a, bigUser(7)) })
		}),
		call("Settings.List of a member", func(x c) (int, error) {
			return countOf(func() ([]usermgmt.EffectiveSetting, error) {
				return m.Settings().List(x, a, usermgmt.SettingsOf{Org: org, User: id})
			})
		}),
		call("Settings.List of the organization", func(x c) (int, error) {
			return countOf(func() ([]usermgmt.EffectiveSetting, error) {
				return m.Settings().List(x, a, usermgmt.SettingsOf{Org: org})
			})
		}),
		call("Settings.Get", func(x c) (int, error) {
			return oneOf(func() (*usermgmt.EffectiveSetting, error) {
				return m.Settings().Get(x, a, usermgmt.SettingsOf{Org: org, User: id}, "language")
			})
		}),
		call("Settings.Formats", func(x c) (int, error) {
			return oneOf(func() (usermgmt.Formats, error) { return m.Settings().Formats(x, a) })
		}),
	}
}

// streams are exports and imports of everybody.
func (s *scale) streams(t *testing.T) []scaleCall {
	t.Helper()
	// Else the exports that the generator left come first.
	_, err := s.pool.Exec(t.Context(), "delete from usermgmt_jobs where ended_at is null")
	require.NoError(t, err)
	org, path, rows := bigOrg(1), "", 0
	return []scaleCall{
		{name: "Exports.CSV of all", grow: streamGrowth, do: func(ctx context.Context) (int, error) {
			return s.plain.Exports().CSV(ctx, s.sys, io.Discard, usermgmt.ExportOptions{Org: org})
		}},
		{name: "Exports.Start, the job, and Open", grow: streamGrowth, do: func(ctx context.Context) (int, error) {
			job, err := s.plain.Exports().Start(ctx, s.admin, usermgmt.ExportOptions{Org: org})
			if err != nil {
				return 0, err
			}
			if _, err = s.plain.RunOnce(ctx); err != nil {
				return 0, err
			}
			if job, err = s.plain.Exports().Job(ctx, s.admin, job.ID); err != nil || job.Status != usermgmt.JobDone {
				return 0, fmt.Errorf("the job is %v: %w", job, err)
			}
			file, err := s.plain.Exports().Open(ctx, s.admin, job.ID)
			if err != nil {
				return 0, err
			}
			n, err := io.Copy(io.Discard, file)
			if err == nil && n != job.Size {
				err = fmt.Errorf("%d bytes of %d", n, job.Size)
			}
			return job.Rows, err
		}},
		{name: "Exports.CSV to a file", grow: streamGrowth, do: func(context.Context) (int, error) {
			path, rows = s.exported(t, s.plain)
			return rows, nil
		}},
		// Imports keep in mind whom rows were about.
		{name: "Imports.Users, nothing changed", grow: streamGrowth + uint64(s.world.users)*96, do: func(ctx context.Context) (int, error) {
			if path == "" {
				path, rows = s.exported(t, s.plain)
			}
			return rows, s.importUnchanged(ctx, s.plain, s.sys, path, rows)
		}},
	}
}

// bulk are bulk actions on a page of fifty and on the largest one.
func (s *scale) bulk(t *testing.T) (out []scaleCall) {
	t.Helper()
	results := func(list []usermgmt.BulkResult, err error) (n int, _ error) {
		for _, r := range list {
			if r.Err != nil {
				return n, r.Err
			}
			if r.Changed {
				n++
			}
		}
		return n, err
	}
	from := 0
	for _, size := range []int{50, usermgmt.MaxPageSize} {
		ids := s.enabled(t, size, from)
		from += size
		out = append(out,
			scaleCall{name: fmt.Sprintf("Users.EnableMany of %d, disabling", size), do: func(ctx context.Context) (int, error) {
				return results(s.plain.Users().EnableMany(ctx, s.admin, ids, false))
			}},
			scaleCall{name: fmt.Sprintf("Users.EnableMany of %d, enabling", size), do: func(ctx context.Context) (int, error) {
				return results(s.plain.Users().EnableMany(ctx, s.admin, ids, true))
			}},
			scaleCall{name: fmt.Sprintf("Passwords.ResetMany of %d", size), do: func(ctx context.Context) (int, error) {
				return results(s.plain.Passwords().ResetMany(ctx, s.admin, ids))
			}})
	}
	return out
}

// enabled are n persons in the order of names, from the k-th on.
func (s *scale) enabled(t *testing.T, n, k int) []usermgmt.UserID {
	t.Helper()
	rows, err := s.pool.Query(t.Context(), `select user_id from usermgmt_memberships where org_id = $1 and enabled and user_active and kind = 1
		order by name_key, user_id limit $2 offset $3`, [16]byte(bigOrg(1)), n, k)
	require.NoError(t, err)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[[16]byte])
	require.NoError(t, err)
	out := make([]usermgmt.UserID, len(ids))
	for i, id := range ids {
		out[i] = usermgmt.UserID(id)
	}
	return out
}

// duties are turns of the background work: what the generator left, then what each
// configuration adds, of which a turn does a bounded amount.
func (s *scale) duties(t *testing.T) []scaleCall {
	t.Helper()
	turn := func(name string, m *usermgmt.Manager) scaleCall {
		return scaleCall{name: "RunOnce, " + name, do: func(ctx context.Context) (n int, err error) {
			done, err := m.RunOnce(ctx)
			for _, d := range done {
				if n += d.Count; d.Count > 0 {
					t.Logf("RunOnce, %s: %d of %s", name, d.Count, d.Duty)
				}
			}
			return n, err
		}}
	}
	return []scaleCall{
		turn("sessions, tokens, invitations, files and seals", s.plain),
		turn("the rest of them", s.plain),
		turn("passwords expire and are about to", s.expiring),
		turn("mails, events and retention", s.full),
		turn("the next turn of them", s.full),
	}
}
