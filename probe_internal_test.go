package usermgmt

import (
	"go/ast"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// probeReads are the methods of the store that a probe may hand on: they write
// nothing.
var probeReads = strings.Fields(`SessionsByID ProxyLists ListDeputies OrgByName ListOrgs ListUnits ListTeams SharingByID UsersByID AccountByLogin AccountsByID UsersByLogin
	UserByExternalID UsersByExternalID StreamMembers MembershipsOfUsers RoleByID ProfileByName ApplicationByID AccessByID ListAccess
	AccessOfUsers SessionByToken ListSessions APIKeyByHash APIKeyOf KeysByExpiry ListPools FloatingSeats ListAudit ListMessages Blob
	CheckpointByID FactorOf CountRecoveryCodes QuestionOf FormerPasswords PasswordsByAge Mark InvitationByID PendingInvitation
	ListInvitations ExpiredInvitations InvitedSeats JobByID ListJobs EndedJobs GroupByID ListGroups FieldByID TokenByID TokenByKey TokenByHash
	LastSeal ListSealed UnsealedAudit ImportDigests`)

// TestAProbeWritesNothing: whoever adds a method to the store says whether it
// writes. A write of a probe is its own method and only says so.
func TestAProbeWritesNothing(t *testing.T) {
	t.Parallel()
	own := map[string]bool{}
	files := sources(t)
	for _, name := range []string{"probe.go", "probe_writes.go"} {
		for _, d := range files[name].Decls {
			if d, ok := d.(*ast.FuncDecl); ok && d.Recv != nil {
				own[d.Name.Name] = true
			}
		}
	}
	kind := reflect.TypeFor[Store]()
	probe := reflect.ValueOf(&probeStore{})
	for i := range kind.NumMethod() {
		name := kind.Method(i).Name
		read := slices.Contains(probeReads, name)
		assert.NotEqual(t, read, own[name], "%s: say in probe_writes.go that it writes, or in probeReads that it does not", name)
	}
	for _, d := range files["probe_writes.go"].Decls {
		d, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		m := probe.MethodByName(d.Name.Name)
		args := make([]reflect.Value, 0, m.Type().NumIn())
		for i := range m.Type().NumIn() {
			if !m.Type().IsVariadic() || i < m.Type().NumIn()-1 {
				args = append(args, reflect.Zero(m.Type().In(i)))
			}
		}
		out := m.Call(args)
		assert.Equal(t, errProbed, out[len(out)-1].Interface(), d.Name.Name)
	}
}
