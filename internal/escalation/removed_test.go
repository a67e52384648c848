package escalation_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// removed are the checks that keep rights from growing, and what the code is without
// each.
var removed = []struct{ name, file, check, without string }{
	{"a role is made or changed to more than one holds", "role_service.go", "\treturn w.mayGrant(org, now)\n", "\treturn nil\n"},
	{"a role is deleted that grants more than one holds", "role_service.go",
		"if err := w.mayGrant(r.Org, resolveGrants(w.v.cat, r.Grants, true)); err != nil {", "if false {"},
	{"a profile is deleted that grants more than one holds", "profile_service.go",
		"if err := w.mayGrant(f.Org, resolveGrants(w.v.cat, f.Grants, true)); err != nil {", "if false {"},
	{"a profile is given that one does not hold", "member_check.go", "if err := w.mayGrantTo(m, profile.masks); err != nil {", "if false {"},
	{"a role is given that one does not hold", "member_check.go", "if err := w.mayGrantTo(to, role.masks); err != nil {", "if false {"},
	{"a role is given to a team that one does not hold", "member_check.go", "if err := w.mayGrant(policy.set.Org.ID, role.masks); err != nil {", "if false {"},
	{"a team is joined that brings roles", "member_check.go", "if err := w.mayBring(compiledOrg{policy, trees}, join); err != nil {", "if false {"},
	{"a team is joined with which records are shared", "member_check.go", "if err := w.checkShares(ctx, u, before, m, access, org); err != nil {", "if false {"},
	{"a team or unit is joined to reach its people", "member_check.go", "return w.reachesWith(ctx, policy, trees, u, m, access, join, units)", "return nil"},
	{"rights of another organization are passed on", "work.go", "if org != w.v.org && held&authz.System == 0 {", "if false {"},
	{"a team is moved to where it takes on roles or records", "team_service.go", "if err := w.mayMoveTeam(ctx, org, t, after); err != nil {", "if false {"},
	{"a team is moved to where records are shared with its members", "move_check.go", "if err := w.sharesNoMore(org, t); err != nil {", "if false {"},
	{"a team is moved below an own one", "move_check.go", "authz.ID(t.Parent), authz.Subteams) {", "authz.ID(t.Parent), 0) {"},
	{"a team is moved to where its records are shared with oneself", "move_check.go",
		"if perm := w.sharedNewly(org, was, after, after.inEach(h, &c)); perm != \"\" {", "if perm := Permission(\"\"); perm != \"\" {"},
	{"a unit is moved below an own one", "move_check.go", "authz.ID(u.Parent), authz.Division) {", "authz.ID(u.Parent), 0) {"},
	{"a policy shares what one does not hold", "sharing_service.go",
		"if perm := w.beyond(p.Org, org.trees, compileSharing(w.v.cat, p).place(org.trees.teams).shares()); perm != \"\" {", "if perm := Permission(\"\"); perm != \"\" {"},
	{"a team is given a role that lets a policy apply", "sharing_check.go", "return w.mayLet(org, old, e.Roles)", "return nil"},
	{"a team is moved to where a role lets a policy apply", "move_check.go",
		"if err := w.mayLet(org, rolesOf(org.policy.teamEntries([]TeamID{t.ID}, org.trees)), inherited); err != nil {", "if false {"},
	{"the password of somebody stronger is set", "password.go", "if err := w.notStronger(ctx, &acc.User); err != nil {", "if false {"},
	{"a key of somebody stronger is made", "apikey.go", "return mem, w.notStrongerIn(ctx, user, org)", "return mem, nil"},
}

// TestEachRemovedCheckIsFound builds the library without one check after the other,
// and lets the search find what then goes wrong. It takes minutes.
func TestEachRemovedCheckIsFound(t *testing.T) {
	if os.Getenv("USERMGMT_SOAK") == "" {
		t.Skip("builds the library many times; see make soak")
	}
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	search := []string{"-run", "^TestNobodyGains", "-vet=off", ".", "-args", "-tries", "300000", "-seed", "1"}
	out, err := exec.CommandContext(t.Context(), "go", append([]string{"test"}, search...)...).CombinedOutput()
	require.NoError(t, err, "with every check in its place: %s", out)
	for _, r := range removed {
		t.Run(r.name, func(t *testing.T) {
			path := filepath.Join(root, r.file)
			source, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, 1, strings.Count(string(source), r.check), "the check is in the code once")
			text := strings.Replace(string(source), r.check, r.without, 1)
			if r.without == "if false {" {
				text = strings.Replace(text, "if false {\n\t", "if err := error(nil); err != nil {\n\t", 1)
			}
			changed := filepath.Join(t.TempDir(), "changed.go")
			require.NoError(t, os.WriteFile(changed, []byte(text), 0o600))
			overlay, err := json.Marshal(map[string]map[string]string{"Replace": {path: changed}})
			require.NoError(t, err)
			file := filepath.Join(t.TempDir(), "overlay.json")
			require.NoError(t, os.WriteFile(file, overlay, 0o600))
			out, err := exec.CommandContext(t.Context(), "go", append([]string{"test", "-overlay", file}, search...)...).CombinedOutput()
			require.Error(t, err, "nothing was found")
			assert.Regexp(t, `Error:\s+(gained|shared|gave|deleted|made|became)\n`, string(out))
		})
	}
}
