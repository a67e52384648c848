package memory

import (
	"github.com/usermgmt/usermgmt"
)

// copier copies rows out of the store. The slices of many rows come from one
// piece of memory, each with no room behind it, so that no caller can reach
// what another one got.
type copier struct {
	// batch is how many elements are taken at once; 0 is no more than needed.
	batch   int
	strings []string
	roles   []usermgmt.RoleAssignment
	teams   []usermgmt.TeamAssignment
	units   []usermgmt.UnitID
	groups  []usermgmt.GroupID
}

// room returns n zero elements.
func room[T any](from *[]T, n, batch int) []T {
	if n == 0 {
		return nil
	}
	if len(*from) < n {
		if n >= batch {
			return make([]T, n)
		}
		*from = make([]T, batch)
	}
	out := (*from)[:n:n]
	*from = (*from)[n:]
	return out
}

func (c *copier) user(out *usermgmt.User, u *userRow) {
	*out = u.User
	out.Emails = c.texts(u.Emails)
	out.EmployeeNumber = c.texts(u.EmployeeNumber)
	out.Groups = room(&c.groups, len(u.Groups), c.batch)
	copy(out.Groups, u.Groups)
	out.Custom = cloneMap(u.Custom)
	out.VerifiedEmails = c.texts(u.VerifiedEmails)
}

func (c *copier) texts(in []string) []string {
	out := room(&c.strings, len(in), c.batch)
	copy(out, in)
	return out
}

func (c *copier) membership(m *member) usermgmt.Membership {
	var out usermgmt.Membership
	c.membershipTo(&out, m)
	return out
}

func (c *copier) membershipTo(out *usermgmt.Membership, m *member) {
	k := m.kit
	*out = usermgmt.Membership{}
	out.User, out.Org, out.Enabled, out.Profile = m.u.ID, k.org, k.enabled, k.profile
	out.Roles = room(&c.roles, len(k.roles), c.batch)
	copy(out.Roles, k.roles)
	out.Units = room(&c.units, len(k.units), c.batch)
	copy(out.Units, k.units)
	out.Teams = room(&c.teams, len(m.place.teams), c.batch)
	for i := range m.place.teams {
		in := &m.place.teams[i]
		out.Teams[i].Team = in.tag.id
		if in.span != nil {
			out.Teams[i].From, out.Teams[i].Until = in.span.from, in.span.until
		}
	}
	if m.place.primary != nil {
		out.PrimaryTeam = m.place.primary.id
	}
	out.Licence, out.Seat, out.InitialApp = k.licence, k.seat, k.app
	out.Settings = cloneMap(m.settings)
	out.Custom, out.SearchKey = cloneMap(m.custom), m.searchKey
	out.Rights, out.Version = m.rights, m.version
	out.CreatedAt, out.UpdatedAt = fromMicro(m.createdAt), fromMicro(m.updatedAt)
}
