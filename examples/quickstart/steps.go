package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt"
)

// structure makes the teams that the file names, parents before children. Units
// are made by the import itself.
func (t *tour) structure(people []byte) error {
	t.title("Teams")
	rows, err := csv.NewReader(bytes.NewReader(people)).ReadAll()
	if err != nil {
		return err
	}
	column := slices.Index(rows[0], "teams")
	made := map[string]usermgmt.TeamID{"": t.first.RootTeam.ID}
	deepest := 0
	for _, row := range rows[1:] {
		if column < 0 {
			break
		}
		for path := range strings.SplitSeq(row[column], ";") {
			parts := strings.Split(path, "/")
			for i := range parts {
				here, above := strings.Join(parts[:i+1], "/"), strings.Join(parts[:i], "/")
				if _, ok := made[here]; ok || here == "" {
					continue
				}
				team, err := t.m.Teams().Create(t.ctx, t.root, usermgmt.NewTeam{Name: parts[i], Parent: made[above]})
				if err != nil {
					return err
				}
				made[here] = team.ID
				deepest = max(deepest, i+2)
			}
		}
	}
	if len(made) == 1 {
		t.printf("   The file names no teams: everybody joins %q.\n", t.first.RootTeam.Name)
		return nil
	}
	t.printf("   %d teams below %q, %d levels deep.\n", len(made)-1, t.first.RootTeam.Name, deepest)
	return nil
}

func (t *tour) importPeople(people []byte) error {
	t.title("Import")
	role, err := t.m.Roles().Create(t.ctx, t.root, usermgmt.NewRole{Name: "Sales", Grants: []usermgmt.Grant{
		{Permission: "lead.view", Scope: usermgmt.ScopeDivision}, {Permission: "lead.edit", Scope: usermgmt.ScopeOwn}}})
	if err != nil {
		return err
	}
	t.crm = role.ID
	regular, err := t.m.Profiles().Shipped(t.ctx, t.root, usermgmt.ProfileRegularUser)
	if err != nil {
		return err
	}
	opt := usermgmt.ImportOptions{
		DefaultUnit: t.first.MainUnit.ID, CreateUnits: true, Source: "people", Columns: map[string]string{"distinguished_name": "external_id"},
		Defaults: usermgmt.NewMembership{Profile: regular.ID, PrimaryTeam: t.first.RootTeam.ID,
			Roles: []usermgmt.RoleAssignment{{Role: role.ID}}},
	}
	for _, dry := range []bool{true, false} {
		opt.DryRun = dry
		report, err := t.m.Imports().Users(t.ctx, t.root, bytes.NewReader(people), opt)
		if err != nil {
			return err
		}
		what := "Imported"
		if dry {
			what = "A dry run would import"
		}
		t.printf("   %s %d of %d people; %d problems.\n", what, report.Created, report.Rows, report.ProblemCount)
		if !dry {
			t.problems(report)
		}
	}
	again, err := t.m.Imports().Users(t.ctx, t.root, bytes.NewReader(people), opt)
	if err != nil {
		return err
	}
	t.printf("   The same file again changes %d and leaves %d alone.\n", again.Created+again.Updated, again.Unchanged)
	units, err := t.m.Units().List(t.ctx, t.root, usermgmt.OrgID{})
	if err != nil {
		return err
	}
	t.printf("   %d business units now.\n", len(units))
	return nil
}

// problems prints the first problems of an import and a sum of all.
func (t *tour) problems(report *usermgmt.ImportReport) {
	sum := map[string]int{}
	for i, p := range report.Problems {
		if i < 3 {
			t.printf("     line %d: %s: %s\n", p.Line, p.Field, p.Rule)
		}
		sum[p.Field+" "+p.Rule]++
	}
	for _, what := range slices.Sorted(func(yield func(string) bool) {
		for k := range sum {
			if !yield(k) {
				return
			}
		}
	}) {
		t.printf("     in all: %d × %s\n", sum[what], what)
	}
}

// two returns a person who leads somebody, and that somebody.
func (t *tour) two() (lead, other *usermgmt.User, err error) {
	q := usermgmt.UserQuery{Limit: usermgmt.MaxPageSize}
	page, err := t.m.Users().List(t.ctx, t.root, q)
	if err != nil {
		return nil, nil, err
	}
	for i := range page.Items {
		u := &page.Items[i]
		if u.ID != t.first.Administrator.ID && !u.ReportsTo.IsZero() {
			for j := range page.Items {
				if page.Items[j].ID == u.ReportsTo {
					return &page.Items[j], u, nil
				}
			}
		}
	}
	if len(page.Items) < 3 {
		return nil, nil, errors.New("the tour needs at least two people")
	}
	return &page.Items[0], &page.Items[1], nil
}

func (t *tour) rights() error {
	t.title("Rights")
	if err := t.refresh(); err != nil {
		return err
	}
	lead, other, err := t.two()
	if err != nil {
		return err
	}
	admin, err := t.m.Profiles().Shipped(t.ctx, t.root, usermgmt.ProfileTeamAdministrator)
	if err != nil {
		return err
	}
	for _, u := range []*usermgmt.User{lead, other} {
		mem, err := t.m.Members().Get(t.ctx, t.root, u.ID, usermgmt.OrgID{})
		if err != nil {
			return err
		}
		change := usermgmt.MembershipUpdate{Units: &[]usermgmt.UnitID{u.OwnerUnit}}
		if u == lead {
			change.Profile = &admin.ID
		}
		if _, err := t.m.Members().Update(t.ctx, t.root, u.ID, usermgmt.OrgID{}, mem.Version, change); err != nil {
			return err
		}
	}
	actor, err := t.m.ActorFor(t.ctx, usermgmt.ActorRequest{User: lead.ID, ProvedAt: time.Now()})
	if err != nil {
		return err
	}
	t.printf("   %s is now a team administrator, and sees the own business unit and those below.\n", lead.DisplayName())
	for _, q := range []struct {
		perm   usermgmt.Permission
		target *usermgmt.User
	}{{usermgmt.PermUserEdit, other}, {"lead.view", other}, {"lead.delete", other}} {
		places, err := t.m.Access().Placements(t.ctx, t.first.Organization.ID, q.target.ID)
		if err != nil {
			return err
		}
		r := places[q.target.ID]
		e, err := t.m.Access().Explain(t.ctx, actor, q.perm, &r)
		if err != nil {
			return err
		}
		t.printf("   %-12s on what is %s's: %s\n", q.perm, other.DisplayName(), verdict(e))
	}
	boss, err := t.m.Profiles().Shipped(t.ctx, t.root, usermgmt.ProfileAdministrator)
	if err != nil {
		return err
	}
	theirs, err := t.m.Members().Get(t.ctx, actor, other.ID, usermgmt.OrgID{})
	if err != nil {
		return err
	}
	_, err = t.m.Members().Update(t.ctx, actor, other.ID, usermgmt.OrgID{}, theirs.Version, usermgmt.MembershipUpdate{Profile: &boss.ID})
	return t.refused(lead.DisplayName()+" makes "+other.DisplayName()+" an administrator (nobody grants what they do not hold)", err)
}

func verdict(e usermgmt.Explanation) string {
	if !e.Allowed {
		return "no: " + e.Missing
	}
	var by []string
	for _, s := range e.Sources {
		if s.Covers {
			by = append(by, fmt.Sprintf("%s %q with scope %s", s.Kind, s.Name, s.Scope))
		}
	}
	return "yes, by " + strings.Join(by, " and ")
}

func (t *tour) passwords() error {
	t.title("Passwords and login")
	if err := t.refresh(); err != nil {
		return err
	}
	lead, other, err := t.two()
	if err != nil {
		return err
	}
	for _, u := range []*usermgmt.User{lead, other} {
		secret, err := t.m.Passwords().Suggest(t.ctx, t.first.Organization.ID)
		if err != nil {
			return err
		}
		if err := t.m.Passwords().Set(t.ctx, t.root, u.ID, secret.Reveal(), "", false); err != nil {
			return err
		}
		if u == other {
			_, err = t.m.Auth().Login(t.ctx, usermgmt.LoginRequest{Name: u.Username, Password: "wrong"})
			if err := t.refused("a wrong password", err); err != nil {
				return err
			}
			_, err = t.m.Auth().Login(t.ctx, usermgmt.LoginRequest{Name: "nobody", Password: "wrong"})
			if err := t.refused("an unknown user, with the same answer", err); err != nil {
				return err
			}
		}
		login, err := t.m.Auth().Login(t.ctx, usermgmt.LoginRequest{Name: u.Username, Password: secret.Reveal()})
		if err != nil {
			return err
		}
		t.printf("   %s logs in with a suggested password of %d characters.\n", u.DisplayName(), len(secret.Reveal()))
		if u == lead {
			continue
		}
		if _, err := t.m.Sessions().EndAll(t.ctx, t.root, u.ID); err != nil {
			return err
		}
		_, err = t.m.Auth().Session(t.ctx, login.Token.Reveal(), usermgmt.Origin{})
		if err := t.refused("the session after an administrator ended it", err); err != nil {
			return err
		}
	}
	return t.refused("the password \"passwordpassword\"", t.m.Passwords().Set(t.ctx, t.root, other.ID, "passwordpassword", "", false))
}

func (t *tour) key() error {
	t.title("API key")
	lead, _, err := t.two()
	if err != nil {
		return err
	}
	one, err := t.m.APIKeys().Generate(t.ctx, t.root, usermgmt.KeyRequest{User: lead.ID})
	if err != nil {
		return err
	}
	two, err := t.m.APIKeys().Generate(t.ctx, t.root, usermgmt.KeyRequest{User: lead.ID})
	if err != nil {
		return err
	}
	actor, err := t.m.Auth().APIKey(t.ctx, two.Text.Reveal(), usermgmt.Origin{})
	if err != nil {
		return err
	}
	t.printf("   Key %s… acts as %s: %v.\n", two.Key.PublicID, lead.DisplayName(), actor.Has(usermgmt.PermUserEdit))
	_, err = t.m.Auth().APIKey(t.ctx, one.Text.Reveal(), usermgmt.Origin{})
	return t.refused("the key before it (one per user and organization)", err)
}

func (t *tour) proxy() error {
	t.title("Proxy login and switch back")
	own, err := t.m.Auth().Login(t.ctx, usermgmt.LoginRequest{Name: "root", Password: rootPassword})
	if err != nil {
		return err
	}
	_, other, err := t.two()
	if err != nil {
		return err
	}
	notice, err := t.m.Proxy().Prepare(t.ctx, own.Actor, other.ID)
	if err != nil {
		return err
	}
	t.printf("   %s\n", notice.Text)
	as, err := t.m.Proxy().Login(t.ctx, own.Actor, usermgmt.ProxyRequest{Target: other.ID, Acknowledged: true, Reason: "ticket 42"})
	if err != nil {
		return err
	}
	t.printf("   Now acting as %s.\n", other.DisplayName())
	if _, err := t.m.Users().Update(t.ctx, as.Actor, other.ID, t.version(other.ID), usermgmt.UserUpdate{Phone: new("+49 40 5550 9999")}); err != nil {
		return err
	}
	_, err = t.m.APIKeys().Generate(t.ctx, as.Actor, usermgmt.KeyRequest{User: other.ID})
	if err := t.refused("making an API key during a proxy login", err); err != nil {
		return err
	}
	back, err := t.m.Proxy().SwitchBack(t.ctx, as.Token.Reveal(), usermgmt.Origin{})
	if err != nil {
		return err
	}
	t.root = back.Actor
	t.printf("   Switched back to the own session, with a new token.\n")
	_, err = t.m.Proxy().SwitchBack(t.ctx, as.Token.Reveal(), usermgmt.Origin{})
	return t.refused("switching back twice", err)
}

// version is the present version of a user.
func (t *tour) version(id usermgmt.UserID) int64 {
	u, err := t.m.Users().Get(t.ctx, t.root, id)
	if err != nil {
		return 0 // the update then reports it
	}
	return u.Version
}

func (t *tour) export(file string) (err error) {
	t.title("Export")
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	rows, err := t.m.Exports().CSV(t.ctx, t.root, f, usermgmt.ExportOptions{})
	if err != nil {
		return err
	}
	t.printf("   %d users with the fields %s.\n", rows, strings.Join(usermgmt.DefaultExportFields(), ", "))
	return nil
}

func (t *tour) audit() error {
	t.title("Audit")
	counts := map[string]int64{}
	var shown int
	for e, err := range t.m.Audit().Stream(t.ctx, t.root, usermgmt.AuditQuery{}) {
		if err != nil {
			return err
		}
		counts[e.Verb+" "+e.Outcome.String()] += e.Count
		if shown < 8 && e.Verb != "user.export" {
			shown++
			who := e.Detail.OperatorName
			if e.Operator != e.Subject {
				who += " as " + e.Detail.SubjectName
			}
			t.printf("   %-22s %-9s by %-28s on %s %s\n", e.Verb, e.Outcome, who, e.Detail.TargetName, e.Detail.Reason)
		}
	}
	t.printf("   …\n")
	keys := make([]string, 0, len(counts))
	for k := range counts {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		t.printf("   %5d × %s\n", counts[k], k)
	}
	return nil
}
