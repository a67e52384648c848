package usermgmt

import (
	"context"
	"sync"

	"github.com/usermgmt/usermgmt/internal/authz"
	"github.com/usermgmt/usermgmt/internal/canon"
)

// Teams manages teams. [Manager.Teams] returns it.
type Teams struct{ m *Manager }

// Teams returns the service that manages teams.
func (m *Manager) Teams() *Teams { return &Teams{m} }

// Audit verbs of teams.
const (
	verbTeamCreate = "team.create"
	verbTeamUpdate = "team.update"
	verbTeamDelete = "team.delete"
)

// NewTeam describes a team to make.
type NewTeam struct {
	// Parent is the team above. Defaults to the root team of the actor's
	// organization.
	Parent      TeamID
	Name        string // need not be unique
	Description string
}

func teamRecord(t *Team) *Record { return &Record{Org: t.Org, OwnerTeams: []TeamID{t.ID}} }

// Create makes a team below another.
//
// The actor needs [PermTeamCreate] on the parent.
//
// Create is atomic. It records "team.create".
//
// Errors: [ErrNotFound], [ErrPermission], [ErrInvalid].
func (s *Teams) Create(ctx context.Context, a Actor, n NewTeam) (*Team, error) {
	var out *Team
	id := newID[Team]()
	err := s.m.change(ctx, a, "Teams.Create", verbTeamCreate, func(ctx context.Context, w *work) error {
		parent := n.Parent
		if parent.IsZero() {
			o, err := w.tx.OrgByID(ctx, w.v.org)
			if err != nil {
				return err
			}
			parent = o.RootTeam
		}
		above, err := w.tx.TeamByID(ctx, parent)
		if err != nil {
			return err
		}
		t := Team{ID: id, Org: above.Org, Parent: parent, Name: n.Name, Description: n.Description, CreatedAt: w.now, UpdatedAt: w.now}
		w.on("team", t.ID, t.Org, t.Name)
		if err := w.need(PermTeamCreate, PermTeamView, teamRecord(&above)); err != nil {
			return err
		}
		if err := w.saveTeam(ctx, &t, nil); err != nil {
			return err
		}
		out = &t
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// saveTeam checks and stores a team while it holds the organization's lock.
func (w *work) saveTeam(ctx context.Context, t, before *Team) error {
	if err := w.tx.LockOrg(ctx, t.Org); err != nil {
		return err
	}
	var p problems
	p.key("name", t.Name, &t.NameKey, canon.Name)
	p.text("description", t.Description, 4000, true)
	var org compiledOrg
	after := sync.OnceValue(func() *orgTrees {
		return org.trees.with(org.trees.units, org.trees.teams.With(authz.ID(t.ID), authz.ID(t.Parent)))
	})
	moved := before == nil || t.Parent != before.Parent
	if moved {
		var err error
		if org, err = w.compiled(ctx, t.Org); err != nil {
			return err
		}
		if t.Parent.IsZero() {
			p.add("parent", "required", "an organization has one root team")
		}
		checkParent(org.trees.teams, authz.ID(t.ID), authz.ID(t.Parent), &p)
		if before != nil && p.err() == nil {
			if err := w.mayMoveTeam(ctx, org, t, after); err != nil {
				return err
			}
		}
	}
	if err := p.err(); err != nil {
		return err
	}
	if err := w.tx.SaveTeam(ctx, *t); err != nil {
		return err
	}
	t.Version++
	if moved {
		if err := w.tx.BumpStamps(ctx, t.Org, true); err != nil {
			return err
		}
		w.keep(after)
	}
	var old map[string]string
	if before != nil {
		old = teamFields(before)
	}
	w.record(old, teamFields(t))
	return nil
}

func teamFields(t *Team) map[string]string {
	return map[string]string{"name": t.Name, "parent": t.Parent.String(), "description": t.Description}
}

// TeamUpdate changes a team; nil leaves a part alone.
type TeamUpdate struct {
	Parent            *TeamID // moves it with everything below
	Name, Description *string
}

// Update changes or moves a team, if version is the stored one. The root team
// can be renamed but not moved.
//
// The actor needs [PermTeamEdit] on it and, to move it, on the new parent too;
// the subset rule holds for the roles that its members and those of the teams below
// it would take on from the teams above, and for what sharing policies would share
// with them. Nobody gains anything by a move: neither over what comes to lie below an
// own team, nor by a sharing policy, in whatever application or role they are.
//
// Update is atomic. It records "team.update".
//
// Errors: [ErrNotFound], [ErrPermission], [ErrStale], [ErrInvalid] with the Rule
// "cycle" for a parent that lies below the team, [ErrConflict] with the Rule
// "root_team".
func (s *Teams) Update(ctx context.Context, a Actor, id TeamID, version int64, c TeamUpdate) (*Team, error) {
	var out *Team
	err := s.m.change(ctx, a, "Teams.Update", verbTeamUpdate, func(ctx context.Context, w *work) error {
		t, err := w.tx.TeamByID(ctx, id)
		if err != nil {
			return err
		}
		w.on("team", id, t.Org, t.Name)
		if err := w.need(PermTeamEdit, PermTeamView, teamRecord(&t)); err != nil {
			return err
		}
		if c.Parent != nil && *c.Parent != t.Parent {
			if t.Parent.IsZero() {
				return conflict("team", "root_team", "the root team cannot be moved")
			}
			if !c.Parent.IsZero() {
				if err := w.need(PermTeamEdit, PermTeamView, &Record{Org: t.Org, OwnerTeams: []TeamID{*c.Parent}}); err != nil {
					return err
				}
			}
		}
		if t.Version != version {
			return &Error{Kind: ErrStale, Field: "version"}
		}
		before := t
		set(&t.Parent, c.Parent)
		set(&t.Name, c.Name)
		set(&t.Description, c.Description)
		t.UpdatedAt = w.now
		if err := w.saveTeam(ctx, &t, &before); err != nil {
			return err
		}
		out = &t
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Delete deletes a team without members, teams below, access entries and
// sharing policies. The root team stays. Proxy lists lose the team but stay
// restricted.
//
// The actor needs [PermTeamDelete] on it. It records "team.delete".
//
// Errors: [ErrNotFound], [ErrPermission], [ErrConflict] with the Rule "in_use"
// or "root_team".
func (s *Teams) Delete(ctx context.Context, a Actor, id TeamID) error {
	return s.m.change(ctx, a, "Teams.Delete", verbTeamDelete, func(ctx context.Context, w *work) error {
		t, err := w.tx.TeamByID(ctx, id)
		if err != nil {
			return err
		}
		w.on("team", id, t.Org, t.Name)
		if err := w.need(PermTeamDelete, PermTeamView, teamRecord(&t)); err != nil {
			return err
		}
		if t.Parent.IsZero() {
			return conflict("team", "root_team", "the root team stays")
		}
		if err := w.tx.DeleteTeam(ctx, id); err != nil {
			return err
		}
		w.record(teamFields(&t), nil)
		return w.tx.BumpStamps(ctx, t.Org, true)
	})
}

// Get returns a team on which the actor has [PermTeamView], or in which the
// actor is. Errors: [ErrNotFound].
func (s *Teams) Get(ctx context.Context, a Actor, id TeamID) (*Team, error) {
	const op = "Teams.Get"
	v, err := s.m.read(a)
	if err != nil {
		return nil, withOp(op, err)
	}
	t, err := s.m.store.TeamByID(ctx, id)
	if err != nil {
		return nil, withOp(op, err)
	}
	if !v.can(PermTeamView, teamRecord(&t)) && !(v.rights.Subject.InTeam(authz.ID(id)) && t.Org == v.org) {
		return nil, withOp(op, &Error{Kind: ErrNotFound})
	}
	return &t, nil
}

// List returns all teams of an organization on which the actor has
// [PermTeamView], in the order of their names; Parent gives the tree. The zero
// org is the actor's. Errors: none but the store's.
func (s *Teams) List(ctx context.Context, a Actor, org OrgID) ([]Team, error) {
	const op = "Teams.List"
	v, err := s.m.read(a)
	if err != nil {
		return nil, withOp(op, err)
	}
	if org.IsZero() {
		org = v.org
	}
	out, err := allPages(ctx, func(q ListQuery) ([]Team, error) { return s.m.store.ListTeams(ctx, org, q) },
		func(t *Team) Position { return Position{t.NameKey, [16]byte(t.ID)} },
		func(t *Team) bool { return v.can(PermTeamView, teamRecord(t)) })
	return out, withOp(op, err)
}

// TeamChange is one team of a user.
type TeamChange struct {
	// Primary makes it the primary team; the one before stays a team.
	Primary bool
}

// AddMember adds a member of the organization to a team, for good. Adding a
// member who is in it only changes the primary mark, if c asks for that.
// Rights and errors are those of [Members.Update].
func (s *Teams) AddMember(ctx context.Context, a Actor, team TeamID, user UserID, c TeamChange) error {
	return s.changeMember(ctx, a, team, user, func(m *Membership) (MembershipUpdate, error) {
		var u MembershipUpdate
		if !inTeam(m.Teams, team) {
			teams := append(append([]TeamAssignment(nil), m.Teams...), TeamAssignment{Team: team})
			u.Teams = &teams
		}
		if c.Primary {
			u.PrimaryTeam = &team
		}
		return u, nil
	})
}

// RemoveMember takes a member out of a team. The primary team cannot be left:
// another one must be made primary first. Rights and errors are those of
// [Members.Update], and [ErrConflict] with the Rule "primary_team".
func (s *Teams) RemoveMember(ctx context.Context, a Actor, team TeamID, user UserID) error {
	return s.changeMember(ctx, a, team, user, func(m *Membership) (MembershipUpdate, error) {
		if m.PrimaryTeam == team {
			return MembershipUpdate{}, conflict("team", "primary_team", "make another team primary first")
		}
		teams := make([]TeamAssignment, 0, len(m.Teams))
		for _, t := range m.Teams {
			if t.Team != team {
				teams = append(teams, t)
			}
		}
		return MembershipUpdate{Teams: &teams}, nil
	})
}

func (s *Teams) changeMember(ctx context.Context, a Actor, team TeamID, user UserID, change func(*Membership) (MembershipUpdate, error)) error {
	const op = "Teams.ChangeMember"
	v, err := s.m.read(a)
	if err != nil {
		return withOp(op, err)
	}
	t, err := s.m.store.TeamByID(ctx, team)
	if err != nil {
		return withOp(op, err)
	}
	mem, r, err := s.m.memberRecord(ctx, s.m.store, user, t.Org)
	if err != nil {
		return withOp(op, err)
	}
	if !v.sees(PermUserView, r) {
		return withOp(op, &Error{Kind: ErrNotFound})
	}
	c, err := change(&mem.Membership)
	if err != nil {
		return withOp(op, err)
	}
	if c.empty() {
		return nil
	}
	_, err = s.m.Members().Update(ctx, a, user, t.Org, mem.Membership.Version, c)
	return err
}
