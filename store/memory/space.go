package memory

import (
	"cmp"
	"strings"

	"github.com/usermgmt/usermgmt"
	"github.com/usermgmt/usermgmt/internal/pmap"
)

// space is what belongs to an organization, in order. The zero organization
// has one too, for what is system-wide.
type space struct {
	own      uint64
	id       usermgmt.OrgID
	org      *orgRow // nil for the zero organization
	units    pmap.Tree[*unitRow]
	teams    pmap.Tree[*teamRow]
	root     *teamRow // the root team, nil if there is none
	unitTree *numbering[usermgmt.BusinessUnit]
	teamTree *numbering[usermgmt.Team]
	roles    pmap.Tree[*usermgmt.Role]
	profiles pmap.Tree[*usermgmt.AccessProfile]
	apps     pmap.Tree[*usermgmt.Application]
	access   pmap.Tree[*usermgmt.AccessEntry] // by application and identifier
	subjects pmap.Tree[*usermgmt.AccessEntry] // by team or user and application
	sharing  pmap.Tree[*usermgmt.SharingPolicy]
	fields   pmap.Tree[*usermgmt.CustomField]
	members  [4]pmap.Tree[*member] // by UserSort
}

func newSpace(own uint64, id usermgmt.OrgID) *space {
	sp := &space{
		own:      own,
		id:       id,
		units:    pmap.Tree[*unitRow]{Cmp: unitsByName},
		teams:    pmap.Tree[*teamRow]{Cmp: teamsByName},
		unitTree: &numbering[usermgmt.BusinessUnit]{},
		teamTree: &numbering[usermgmt.Team]{},
		roles:    pmap.Tree[*usermgmt.Role]{Cmp: rolesByName},
		profiles: pmap.Tree[*usermgmt.AccessProfile]{Cmp: profilesByName},
		apps:     pmap.Tree[*usermgmt.Application]{Cmp: appsByName},
		access:   pmap.Tree[*usermgmt.AccessEntry]{Cmp: accessByApp},
		subjects: pmap.Tree[*usermgmt.AccessEntry]{Cmp: accessBySubject},
		sharing:  pmap.Tree[*usermgmt.SharingPolicy]{Cmp: sharingByName},
		fields:   pmap.Tree[*usermgmt.CustomField]{Cmp: fieldsByName},
	}
	for i, by := range userOrders {
		sp.members[i].Cmp = func(a, b *member) int { return by(&a.u.User, &b.u.User) }
	}
	return sp
}

// space returns what belongs to the organization, nil if there is no such one.
func (v *version) space(id usermgmt.OrgID) *space {
	return find(&v.orgs.spaces, id, func(s *space) usermgmt.OrgID { return s.id })
}

// org returns the organization's row, nil if there is no such one or id is zero.
func (v *version) org(id usermgmt.OrgID) *orgRow {
	if sp := v.space(id); sp != nil {
		return sp.org
	}
	return nil
}

// space is as [version.space], for changing; the space must exist.
func (w *writer) space(id usermgmt.OrgID) *space {
	sp := w.v.space(id)
	if sp.own == w.own {
		return sp
	}
	c := *sp
	c.own = w.own
	w.orgs().spaces.Replace(w.own, sp, &c)
	return &c
}

func byKey(aKey, bKey string, a, b [16]byte) int {
	if c := strings.Compare(aKey, bKey); c != 0 {
		return c
	}
	return cmpID(a, b)
}

func cmpID(a, b [16]byte) int {
	for i := range a {
		if a[i] != b[i] {
			return cmp.Compare(a[i], b[i])
		}
	}
	return 0
}

// page returns a page of a short list in the order of a tree by NameKey and ID.
func page[R, T any](
	t *pmap.Tree[R], q usermgmt.ListQuery, key func(R) (string, [16]byte), out func(R) T,
) ([]T, error) {
	if q.Limit < 1 {
		return nil, limitInvalid()
	}
	var from func(R) bool
	if !q.After.IsZero() {
		from = func(r R) bool {
			k, id := key(r)
			return byKey(k, q.After.Key, id, q.After.ID) > 0
		}
	}
	var rows []T
	t.Ascend(from, func(r R) bool {
		if q.Search != "" {
			if k, _ := key(r); !strings.Contains(k, q.Search) {
				return true
			}
		}
		rows = append(rows, out(r))
		return len(rows) < q.Limit
	})
	return rows, nil
}

// all returns every row of a tree.
func all[R, T any](t *pmap.Tree[R], out func(R) T) []T {
	rows := make([]T, 0, t.Len())
	t.Ascend(nil, func(r R) bool {
		rows = append(rows, out(r))
		return true
	})
	return rows
}
