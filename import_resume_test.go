package usermgmt_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

func TestRejectedRowsCanBeCorrectedAndImported(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	file := header + ",title,reports_to\r\n" +
		"ann,Ann,Lee,ann@x.test,\"Dr, Prof\",\r\n" +
		"bob,,Lee,no address,'=1+1,\r\n" +
		"cid,Cid,Lee,cid@x.test,,nobody\r\n" +
		"dan,Dan,Lee\r\n" +
		"ann,Ann,Lee,ann@x.test,,\r\n"
	var rejected bytes.Buffer
	opt := defaults(e)
	opt.Rejected = &rejected
	r, err := e.Imports().Users(t.Context(), e.Root(), strings.NewReader(file), opt)
	require.NoError(t, err)
	assert.Equal(t, [4]int{2, 0, 0, 3}, tally(r))
	// The report and the file say the same. What a spreadsheet would take for a
	// formula is still guarded, and cells keep what they need.
	assert.Equal(t, "error_line,error_field,error_rule,"+header+",title,reports_to\r\n"+
		"3,email;first_name,format;required,bob,,Lee,no address,'=1+1,\r\n"+
		"5,row,columns,dan,Dan,Lee\r\n"+
		"6,username,twice,ann,Ann,Lee,ann@x.test,,\r\n"+
		"4,reports_to,unknown,cid,Cid,Lee,cid@x.test,,nobody\r\n", rejected.String())

	corrected := strings.NewReplacer("bob,,Lee,no address", "bob,Bob,Lee,bob@x.test", "dan,Dan,Lee\r\n", "dan,Dan,Lee,dan@x.test,,\r\n",
		",,nobody", ",,bob", "6,username,twice,ann,Ann,Lee,ann@x.test,,\r\n", "").Replace(rejected.String())
	opt.Rejected = &rejected
	rejected.Reset()
	r, err = e.Imports().Users(t.Context(), e.Root(), strings.NewReader(corrected), opt)
	require.NoError(t, err)
	assert.Equal(t, [4]int{2, 1, 0, 0}, tally(r), r.Problems)
	assert.Empty(t, rejected.String(), "nothing is written where nothing is wrong")
	page, err := e.Users().List(t.Context(), e.Root(), usermgmt.UserQuery{Search: "bob@"})
	require.NoError(t, err)
	assert.Equal(t, "=1+1", page.Items[0].Title)
	page, err = e.Users().List(t.Context(), e.Root(), usermgmt.UserQuery{Search: "cid@"})
	require.NoError(t, err)
	assert.False(t, page.Items[0].ReportsTo.IsZero())

	// A dry run tells the same, and rows from elsewhere are found by their names.
	rejected.Reset()
	opt.DryRun = true
	_, err = e.Imports().UsersSeq(t.Context(), e.Root(), func(yield func(usermgmt.ImportRow, error) bool) {
		_ = yield(usermgmt.ImportRow{Columns: []string{"username", "email"}, Values: []string{"eve", "x"}}, nil) &&
			yield(usermgmt.ImportRow{Columns: []string{"title", "username"}, Values: []string{"Dr", "!"}}, nil)
	}, opt)
	require.NoError(t, err)
	lines := strings.Split(rejected.String(), "\r\n")
	require.Len(t, lines, 4)
	assert.Equal(t, "error_line,error_field,error_rule,username,email", lines[0])
	assert.True(t, strings.HasSuffix(lines[1], ",eve,x"), lines[1])
	assert.True(t, strings.HasSuffix(lines[2], ",!,"), lines[2])
	gone := errors.New("disk full")
	opt.Rejected = brokenWriter{gone}
	_, err = e.Imports().Users(t.Context(), e.Root(), strings.NewReader(file), opt)
	require.ErrorIs(t, err, gone)
}

type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.err }

// TestAnImportThatIsKilledGoesOn kills an import of new users at different calls
// of the store, goes on with it, and compares with one that nobody killed.
func TestAnImportThatIsKilledGoesOn(t *testing.T) {
	t.Parallel()
	var file strings.Builder
	file.WriteString(header + ",kind,responsible,reports_to\n")
	const users = 2300
	for i := range users {
		switch {
		case i == 10: // answered for by somebody who comes later
			fmt.Fprintf(&file, "robot%d,,,,service,user2000,\n", i)
		case i%97 == 0:
			fmt.Fprintf(&file, "user%d,F,L,u%d@x.test,,,user%d\n", i, i, (i+1500)%users)
		default:
			fmt.Fprintf(&file, "user%d,F,L,u%d@x.test,,,\n", i, i)
		}
	}
	export := func(e *usermgmttest.Env) string {
		t.Helper()
		var out bytes.Buffer
		_, err := e.Exports().CSV(t.Context(), e.Root(), &out, usermgmt.ExportOptions{})
		require.NoError(t, err)
		return out.String()
	}
	seats := func(e *usermgmttest.Env) int {
		t.Helper()
		pools, err := e.Store.ListPools(t.Context(), e.Organization.ID)
		require.NoError(t, err)
		return pools[0].Used
	}
	run := func(kill int64) (e *usermgmttest.Env, calls int64, r *usermgmt.ImportReport, opt usermgmt.ImportOptions, err error) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		e = usermgmttest.NewOn(t, teststores.New(t), nil)
		var n atomic.Int64
		m, merr := usermgmt.New(noted(e.Store, func(string) {
			if n.Add(1) == kill {
				cancel()
			}
		}), &usermgmt.Config{Now: e.Clock.Now})
		require.NoError(t, merr)
		opt = defaults(e)
		opt.Mode = usermgmt.ImportCreate
		r, err = m.Imports().Users(ctx, e.Root(), strings.NewReader(file.String()), opt)
		return e, n.Load(), r, opt, err
	}
	e, calls, _, _, err := run(-1)
	require.NoError(t, err)
	want, wantSeats := export(e), seats(e)
	require.Contains(t, want, "robot10")

	for part := range int64(5) {
		e, _, r, opt, err := run(1 + (part*2+1)*calls/10)
		require.ErrorIs(t, err, context.Canceled)
		before, err := e.Imports().Checkpoint(t.Context(), e.Root(), r.ID)
		if errors.Is(err, usermgmt.ErrNotFound) {
			require.Zero(t, r.Created)
			continue // nothing was in
		}
		require.NoError(t, err)
		opt.Resume = r.ID
		stranger, err := e.Imports().Users(t.Context(), e.Root(), strings.NewReader(file.String()), usermgmt.ImportOptions{Resume: usermgmt.ImportID{1}})
		require.ErrorIs(t, err, usermgmt.ErrInvalid, stranger)
		rest, err := e.Imports().Users(t.Context(), e.Root(), strings.NewReader(file.String()), opt)
		require.NoError(t, err)
		assert.Equal(t, r.ID, rest.ID)
		assert.Zero(t, rest.Failed, rest.Problems)
		after, err := e.Imports().Checkpoint(t.Context(), e.Root(), r.ID)
		require.NoError(t, err)
		assert.Equal(t, users, after.Rows)
		assert.Equal(t, users, after.Created, "each user once")
		assert.LessOrEqual(t, before.Rows, after.Rows)
		assert.Equal(t, want, export(e), "killed at part %d", part)
		assert.Equal(t, wantSeats, seats(e))
	}
}
