package postgres

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
)

// statements returns the texts that a query leads to, and their arguments.
func statements(t *testing.T, q usermgmt.UserQuery) (texts []string, args [][]any) {
	t.Helper()
	l, err := newUserList(q)
	require.NoError(t, err)
	require.NotNil(t, l)
	for _, f := range []func() (string, []any){
		func() (string, []any) { return l.sqlWalk(9, 50) }, func() (string, []any) { return l.sqlFew(9, 50) }, l.sqlStream,
	} {
		if q.Org.IsZero() && len(texts) == 2 {
			break // there is no stream of the whole store
		}
		text, a := f()
		texts, args = append(texts, text), append(args, a)
	}
	return texts, args
}

// TestValuesAreParameters: whatever a query holds, the text is that of a query
// of the same form.
func TestValuesAreParameters(t *testing.T) {
	t.Parallel()
	hostile := []string{
		"'; drop table usermgmt_users; --", `\'; select 1; --`, "$1", "$$", "%", "_x_", "usermgmt_users", "{org}", `"`, "ab\n'",
		"/* */", "{roots}::uuid[]", "chr(10)", strings.Repeat("'", 4000),
	}
	query := func(text string, id byte, org bool) usermgmt.UserQuery {
		newsletter := false
		q := usermgmt.UserQuery{
			View: usermgmt.ViewCannotLogIn, Search: text + "abc", Kind: usermgmt.KindService, Newsletter: &newsletter,
			Profile: usermgmt.ProfileID{id}, Role: usermgmt.RoleID{id}, Team: usermgmt.TeamID{id}, TeamTree: usermgmt.TeamID{id},
			Unit: usermgmt.UnitID{id}, UnitTree: usermgmt.UnitID{id}, Home: true,
			Visible: &usermgmt.Filter{
				Org: usermgmt.OrgID{id}, Owners: []usermgmt.UserID{{id}}, Units: []usermgmt.UnitID{{id}}, UnitTrees: []usermgmt.UnitID{{id}},
				Teams: []usermgmt.TeamID{{id}}, TeamTrees: []usermgmt.TeamID{{id}},
			},
			After: usermgmt.Position{Key: text, ID: [16]byte{id}},
		}
		if org {
			q.Org = usermgmt.OrgID{7}
		}
		return q
	}
	for _, org := range []bool{false, true} {
		want, _ := statements(t, query("plain", 1, org))
		for _, text := range hostile {
			q := query(text, 2, org)
			texts, args := statements(t, q)
			require.Equal(t, want, texts, "the text depends on %q", text)
			for i := range args {
				require.Contains(t, args[i], q.Search)
				for n := range args[i] {
					require.Contains(t, texts[i], fmt.Sprintf("$%d::", n+1), "a parameter is not used")
				}
				require.NotContains(t, texts[i], fmt.Sprintf("$%d::", len(args[i])+1))
			}
		}
	}
}

// TestFewShapes: what differs between pages of one list is not the statement.
func TestFewShapes(t *testing.T) {
	t.Parallel()
	shapes := map[string]bool{}
	for sort := range usermgmt.SortCreated {
		for _, desc := range []bool{false, true} {
			for _, after := range []string{"", "a", "b"} {
				for id := range byte(3) {
					q := usermgmt.UserQuery{Org: usermgmt.OrgID{id + 1}, Sort: sort, Desc: desc, Unit: usermgmt.UnitID{id + 1}}
					if q.After.Key = after; after != "" {
						q.After.ID = [16]byte{id}
					}
					texts, _ := statements(t, q)
					for _, text := range texts {
						shapes[text] = true
					}
				}
			}
		}
	}
	require.Len(t, shapes, 3*2*2*3, "an order, a direction, the first page or another one, three statements")
}
