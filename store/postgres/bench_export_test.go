package postgres

import "github.com/usermgmt/usermgmt"

// Statements of the store, for benchmarks that run them without it.
const (
	SQLSessionToken = sqlSessionToken
	SQLUser         = sqlUser
	SQLAccountLogin = sqlAccountLogin
	SQLUserColumns  = userColumns
	// SQLMembershipColumns are the columns of a membership, of m.
	SQLMembershipColumns = membershipColumns
)

// SQLInTeamTree is what lists of users ask of each user for the members of a team
// and of the teams below it, asked of one user.
func SQLInTeamTree(org usermgmt.OrgID, user usermgmt.UserID, team usermgmt.TeamID) (text string, args []any) {
	b := &builder{}
	member, in := b.arg(id(user), "uuid"), b.arg(id(org), "uuid")
	p := (&conditions{builder: b}).teams(in, "", nil, []usermgmt.TeamID{team}, false)
	return "select " + p.probe + " from (select " + member + " as user_id) m", b.args
}

// Stage is a turn of a list of users; see listStages.
type Stage struct {
	Rows, Walks int
	Few         bool
}

// SetListStages changes the turns of lists, and returns how to undo that.
func SetListStages(stages ...Stage) (undo func()) {
	was := listStages
	listStages = nil
	for _, s := range stages {
		listStages = append(listStages, stage{rows: s.Rows, walks: s.Walks, few: s.Few})
	}
	return func() { listStages = was }
}

// SQLStream is the statement of [Store.StreamMembers].
func SQLStream(q usermgmt.UserQuery) (text string, args []any) {
	l, err := newUserList(q)
	if err != nil || l == nil {
		panic("a query that finds nothing")
	}
	return l.sqlStream()
}
