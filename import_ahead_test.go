package usermgmt_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/teststores"
	"github.com/usermgmt/usermgmt/usermgmttest"
)

// TestImportOfALongFileSeesWhatItHasWritten: rows of a batch are looked up while the
// batch before them goes in, and find what that has made of names.
func TestImportOfALongFileSeesWhatItHasWritten(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	line := func(name, external, responsible string) string {
		source := ""
		if external != "" {
			source = "ldap"
		}
		return fmt.Sprintf("%s,A,B,%s@x.test,%s,%s,%s", name, name, source, external, responsible)
	}
	file := func(changed map[int]string) string {
		var b strings.Builder
		b.WriteString(header + ",source,external_id,responsible\n")
		for i := range 3000 {
			row, ok := changed[i]
			if !ok {
				row = line(fmt.Sprintf("user%04d", i), "", "")
			}
			b.WriteString(row + "\n")
		}
		return b.String()
	}
	opt := defaults(e)
	r := imported(t, e, e.Root(), file(map[int]string{7: line("before", "7", ""), 8: line("leaves", "8", "")}), opt)
	require.Equal(t, [4]int{3000, 0, 0, 0}, tally(r), r.Problems[:min(3, len(r.Problems))])
	before := named(t, e, "before").User.ID

	// The first batch renames one, makes another; the second uses both names, and the
	// third comes back to the first.
	r = imported(t, e, e.Root(), file(map[int]string{
		7: line("after", "7", ""), 8: line("leaves", "8", ""), 9: line("helper", "", ""),
		1500: line("before", "", ""), 1501: line("user1501", "", "helper"), 1502: line("user1502", "", "after"),
		1503: line("leaves", "", ""), 2500: line("after", "7", ""),
	}), opt)
	assert.Equal(t, []string{"1505 username twice", "2502 username twice"}, faults(r))
	assert.Equal(t, [4]int{2, 3, 2993, 2}, tally(r))
	after, again, helper := named(t, e, "after").User.ID, named(t, e, "before").User.ID, named(t, e, "helper").User.ID
	assert.Equal(t, before, after)
	assert.NotEqual(t, before, again, "the name was free")
	assert.Equal(t, helper, named(t, e, "user1501").User.Responsible)
	assert.Equal(t, after, named(t, e, "user1502").User.Responsible)
	assert.Zero(t, named(t, e, "user1503").User.Responsible)
}

// TestImportTakesWhatCameBeforeTheSourceFailed: whole batches go in, though the rows
// after them were never read.
func TestImportTakesWhatCameBeforeTheSourceFailed(t *testing.T) {
	t.Parallel()
	e := usermgmttest.NewOn(t, teststores.New(t), nil)
	gone := errors.New("the source is gone")
	for _, rows := range []int{999, 1000, 2000, 2500} {
		columns := []string{"username", "first_name", "last_name", "email"}
		r, err := e.Imports().UsersSeq(t.Context(), e.Root(), func(yield func(usermgmt.ImportRow, error) bool) {
			for i := range rows {
				name := fmt.Sprintf("user%d-%d", rows, i)
				if !yield(usermgmt.ImportRow{Columns: columns, Values: []string{name, "A", "B", name + "@x.test"}}, nil) {
					return
				}
			}
			yield(usermgmt.ImportRow{}, gone)
		}, defaults(e))
		require.ErrorIs(t, err, gone)
		assert.Equal(t, rows/1000*1000, r.Created, "%d rows", rows)
	}
}
