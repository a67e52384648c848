package postgres_test

import (
	"context"

	"github.com/usermgmt/usermgmt"
)

// bigActingCalls are calls about acting for others.
func bigActingCalls(users int) []bigCall {
	type st = usermgmt.Store
	type c = context.Context
	operators := make([]usermgmt.UserID, 50)
	sessions := make([]usermgmt.SessionID, 50)
	for i := range operators {
		operators[i], sessions[i] = bigUser(9+100*i), bigSession(400+i*(users/150))
	}
	// Whoever has a membership in the first organization is somebody's deputy.
	first := func(x c, s st, q usermgmt.DeputyQuery) (usermgmt.Deputy, error) {
		q.Org, q.Limit = bigOrg(1), 1
		list, err := s.ListDeputies(x, q)
		if err == nil && len(list) == 0 {
			err = usermgmt.ErrNotFound
		}
		if err != nil {
			return usermgmt.Deputy{}, err
		}
		return list[0], nil
	}
	return []bigCall{
		bigList("ProxyLists page", func(x c, s st) ([]usermgmt.ProxyList, error) { return s.ProxyLists(x, bigOrg(1), operators) }),
		bigList("SessionsByID page", func(x c, s st) ([]usermgmt.Session, error) { return s.SessionsByID(x, sessions) }),
		bigList("ListDeputies of a user", func(x c, s st) ([]usermgmt.Deputy, error) {
			return s.ListDeputies(x, usermgmt.DeputyQuery{Org: bigOrg(1), User: bigUser(9), Limit: 50})
		}),
		bigList("ListDeputies by deputy", func(x c, s st) ([]usermgmt.Deputy, error) {
			return s.ListDeputies(x, usermgmt.DeputyQuery{Org: bigOrg(1), Deputy: bigUser(9), Limit: 50})
		}),
		bigGet("DeputyOf", func(x c, s st) (usermgmt.Deputy, error) {
			d, err := first(x, s, usermgmt.DeputyQuery{User: bigUser(9)})
			if err != nil {
				return d, err
			}
			return s.DeputyOf(x, d.User, d.Org, d.Deputy)
		}),
		bigWrite("SaveDeputy", func(x c, s st) error {
			d, err := first(x, s, usermgmt.DeputyQuery{User: bigUser(9)})
			if err != nil {
				return err
			}
			return s.SaveDeputy(x, d)
		}),
		bigWrite("DeleteDeputy", func(x c, s st) error {
			d, err := first(x, s, usermgmt.DeputyQuery{User: bigUser(9)})
			if err != nil {
				return err
			}
			return s.DeleteDeputy(x, d.User, d.Org, d.Deputy)
		}),
	}
}
