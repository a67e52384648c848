package memory

import (
	"context"

	"github.com/usermgmt/usermgmt"
)

// teamRow is a team with its name tag, which stays while the team exists.
type teamRow struct {
	usermgmt.Team
	tag *teamTag
}

// teamTag names a team in memberships, where it takes eight bytes.
type teamTag struct {
	no uint64
	id usermgmt.TeamID
	// alone is the place of those who are in this team only, for good.
	alone *place
}

func newTeamTag(no uint64, id usermgmt.TeamID) *teamTag {
	t := &teamTag{no: no, id: id}
	t.alone = &place{teams: []inTeam{{tag: t}}, primary: t}
	return t
}

func teamsByName(a, b *teamRow) int { return byKey(a.NameKey, b.NameKey, a.ID, b.ID) }

func (r *teamRow) value() usermgmt.Team { return r.Team }

func (v *version) team(id usermgmt.TeamID) *teamRow {
	return find(&v.orgs.teams, id, func(r *teamRow) usermgmt.TeamID { return r.ID })
}

// SaveTeam implements [usermgmt.Store].
func (s *Store) SaveTeam(ctx context.Context, t usermgmt.Team) error {
	return s.write(ctx, func(w *writer) error { return w.saveTeam(t) })
}

func (w *writer) saveTeam(t usermgmt.Team) error {
	old := w.v.team(t.ID)
	row := &teamRow{Team: t}
	var stored int64
	if old != nil {
		stored, row.tag = old.Version, old.tag
	}
	if err := checkVersion(t.Version, old != nil, stored); err != nil {
		return err
	}
	if w.v.org(t.Org) == nil || old != nil && old.Org != t.Org {
		return missing("organization")
	}
	if t.Parent.IsZero() {
		if root := w.v.space(t.Org).root; root != nil && root != old {
			return taken("parent")
		}
	} else if p := w.v.team(t.Parent); p == nil || p.Org != t.Org {
		return missing("parent")
	}
	row.Version++
	row.CreatedAt, row.UpdatedAt = utc(t.CreatedAt), utc(t.UpdatedAt)
	sp := w.space(t.Org)
	if old == nil {
		row.tag = newTeamTag(w.nextNo(), t.ID)
	} else if old.NameKey != row.NameKey {
		sp.teams.Delete(w.own, old)
	}
	if old == nil || old.Parent != row.Parent {
		if old != nil {
			w.refer(refTeam, old.Parent, -1)
		}
		w.refer(refTeam, row.Parent, 1)
		sp.teamTree = &numbering[usermgmt.Team]{}
	}
	if sp.root == old {
		sp.root = nil
	}
	if t.Parent.IsZero() {
		sp.root = row
	}
	sp.teams.Set(w.own, row)
	put(&w.orgs().teams, w.own, old, row)
	return nil
}

// DeleteTeam implements [usermgmt.Store].
func (s *Store) DeleteTeam(ctx context.Context, id usermgmt.TeamID) error {
	return s.write(ctx, func(w *writer) error {
		r := w.v.team(id)
		if r == nil {
			return usermgmt.ErrNotFound
		}
		used := w.v.referred(refTeam, id)
		w.v.membersOf(r.tag.no, func(*member) bool {
			used = true
			return false
		})
		if used {
			return inUse("team")
		}
		sp := w.space(r.Org)
		sp.teams.Delete(w.own, r)
		sp.teamTree = &numbering[usermgmt.Team]{}
		if sp.root == r {
			sp.root = nil
		}
		w.refer(refTeam, r.Parent, -1)
		w.orgs().teams.Delete(w.own, r)
		w.forgetProxyTeam(id)
		return nil
	})
}

// TeamByID implements [usermgmt.Store].
func (s *Store) TeamByID(ctx context.Context, id usermgmt.TeamID) (usermgmt.Team, error) {
	v, err := s.read(ctx)
	if err != nil {
		return usermgmt.Team{}, err
	}
	r := v.team(id)
	if r == nil {
		return usermgmt.Team{}, usermgmt.ErrNotFound
	}
	return r.value(), nil
}

// ListTeams implements [usermgmt.Store].
func (s *Store) ListTeams(ctx context.Context, org usermgmt.OrgID, q usermgmt.ListQuery) ([]usermgmt.Team, error) {
	v, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	sp := v.space(org)
	if sp == nil {
		sp = newSpace(0, org)
	}
	return page(&sp.teams, q, func(r *teamRow) (string, [16]byte) { return r.NameKey, r.ID }, (*teamRow).value)
}
