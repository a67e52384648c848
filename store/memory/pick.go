package memory

import "github.com/usermgmt/usermgmt"

// few returns the users that an index of groups, teams, units or of those who may be
// blocked leaves to look at, filtered but in no order, if there are few.
func (q *userQuery) few() (out []candidate, ok bool) {
	var best []*userRow
	try := func(found bool, rows []*userRow) {
		if found && (!ok || len(rows) < len(best)) {
			best, ok = rows, true
		}
	}
	if q.View == usermgmt.ViewCannotLogIn && q.v.users.blocked.Len() <= fewUsers {
		try(true, q.blocked())
	}
	if !q.Group.IsZero() {
		try(q.pick(func(p *picker) { p.v.wearing(q.Group, p.add) }))
	}
	if q.sp != nil {
		if !q.Team.IsZero() {
			try(q.pick(func(p *picker) { p.team(q.Team) }))
		}
		if !q.TeamTree.IsZero() {
			try(q.pick(func(p *picker) { p.teams(&q.teamTree) }))
		}
		if !q.Unit.IsZero() {
			try(q.pick(func(p *picker) { p.unit(q.Unit) }))
		}
		if !q.UnitTree.IsZero() {
			try(q.pick(func(p *picker) { p.units(&q.unitTree) }))
		}
	}
	if f := q.visible; f != nil && !f.all {
		try(q.pick(func(p *picker) { p.visible(f) }))
	}
	if !ok {
		return nil, false
	}
	for _, u := range best {
		if c, is := q.candidate(u); is && q.beyond(&c.u.User) && q.match(c) {
			out = append(out, c)
		}
	}
	return out, true
}

func (q *userQuery) blocked() []*userRow {
	rows := make([]*userRow, 0, q.v.users.blocked.Len())
	q.v.users.blocked.Ascend(nil, func(id usermgmt.UserID) bool {
		rows = append(rows, q.v.person(id).u)
		return true
	})
	return rows
}

// picker collects users until there are too many.
type picker struct {
	v    *version
	rows []*userRow
	// steps bounds the teams and units that are looked at, too.
	steps int
	full  bool
}

func (q *userQuery) pick(by func(p *picker)) (ok bool, rows []*userRow) {
	// More than a quarter of all is no help.
	p := picker{v: q.v, steps: min(fewUsers, q.total()/4+64)}
	by(&p)
	return !p.full, p.rows
}

func (p *picker) step() bool {
	p.steps--
	p.full = p.full || p.steps < 0
	return !p.full
}

func (p *picker) add(u *userRow) bool {
	p.rows = append(p.rows, u)
	return p.step()
}

func (p *picker) teamNo(no uint64) bool {
	p.v.membersOf(no, func(m *member) bool { return p.add(m.u) })
	return p.step()
}

func (p *picker) unitNo(no uint64) bool {
	p.v.ownedBy(no, p.add)
	return p.step()
}

func (p *picker) team(id usermgmt.TeamID) {
	if t := p.v.team(id); t != nil {
		p.teamNo(t.tag.no)
	}
}

func (p *picker) unit(id usermgmt.UnitID) {
	if u := p.v.unit(id); u != nil {
		p.unitNo(u.no)
	}
}

func (p *picker) teams(t *treeSet[usermgmt.Team]) {
	if p.expect(t.len(), p.v.users.teamMembers.Len(), p.v.orgs.teams.Len()) {
		t.nos(p.teamNo)
	}
}

func (p *picker) units(t *treeSet[usermgmt.BusinessUnit]) {
	if p.expect(t.len(), p.v.users.byUnit.Len(), p.v.orgs.units.Len()) {
		t.nos(p.unitNo)
	}
}

// expect reports whether it is worth while to go through n nodes of as many
// users as nodes have on average.
func (p *picker) expect(n, users, nodes int) bool {
	p.full = p.full || nodes > 0 && n*(users/nodes) > p.steps
	return !p.full
}

func (p *picker) visible(f *visible) {
	for id := range f.owners {
		if o := p.v.person(id); o != nil && !p.add(o.u) {
			return
		}
	}
	for id := range f.units {
		p.unit(id)
	}
	for id := range f.teams {
		p.team(id)
	}
	p.units(&f.unitTrees)
	p.teams(&f.teamTrees)
}
