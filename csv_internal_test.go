package usermgmt

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/usermgmt/usermgmt/internal/csvcell"
)

// sampleFields are the 25 columns of the benchmarks.
var sampleFields = strings.Fields(`id username email emails first_name last_name birthday phone mobile street city state
	postal_code country company title employee_number newsletter enabled kind reports_to owner_unit profile created_at updated_at`)

// sample is an export of so many members that no store is needed for.
func sample(n int) (*exporter, []Member) {
	x := &exporter{refs: &csvRefs{units: newNames[BusinessUnit](), profiles: newNames[AccessProfile]()}, people: map[UserID]string{}}
	for _, name := range sampleFields {
		x.fields = append(x.fields, exportFields[name])
	}
	profile, boss := newID[AccessProfile](), newID[User]()
	x.refs.profiles.add(csvName[AccessProfile]{id: profile, name: "Regular User"})
	x.people[boss] = "megan.fischer"
	var units []UnitID
	for i := range 20 {
		units = append(units, newID[BusinessUnit]())
		x.refs.units.add(csvName[BusinessUnit]{id: units[i], name: fmt.Sprintf("Sales %d", i)})
	}
	members := make([]Member, n)
	for i := range members {
		first, last := []string{"Ann", "Robert", "Chloé", "Dmitri"}[i%4], []string{"Lee", "Fischer", "O'Hara"}[i%3]
		name := fmt.Sprintf("%s.%s%d", strings.ToLower([]string{"ann", "robert", "chloe", "dmitri"}[i%4]), "lee", i)
		members[i] = Member{User: User{ID: newID[User](), Kind: KindPerson, OwnerUnit: units[i%len(units)], Username: name,
			Email: name + "@example.com", Emails: []string{name + "@home.example.org"}, FirstName: first, LastName: last,
			Birthday: Date{1970 + i%40, time.Month(1 + i%12), 1 + i%28}, Phone: fmt.Sprintf("+1 408 555 %04d", i),
			Mobile: fmt.Sprintf("+1 408 556 %04d", i), Address: Address{Street: fmt.Sprintf("%d Market Street, Floor 2", i),
				City: "San Francisco", State: "California", PostalCode: "94103", Country: "US"},
			Company: "Example, Inc.", Title: "Account Manager", EmployeeNumber: []string{"US", fmt.Sprint(100000 + i)},
			ReportsTo: boss, Enabled: i%10 != 0, CreatedAt: time.Date(2026, 1, 1, 0, 0, i, 0, time.UTC),
			UpdatedAt: time.Date(2026, 5, 1, 0, 0, i, 123456000, time.UTC)},
			Membership: Membership{Profile: profile, Enabled: true}}
	}
	return x, members
}

// sampleText is a member as the texts of its columns, as encoding/csv needs it.
func sampleText(x *exporter, m *Member, row []string) []string {
	u := &m.User
	return append(row, u.ID.String(), u.Username, u.Email, strings.Join(u.Emails, ";"), u.FirstName, u.LastName, u.Birthday.String(),
		u.Phone, u.Mobile, u.Address.Street, u.Address.City, u.Address.State, u.Address.PostalCode, u.Address.Country, u.Company, u.Title,
		strings.Join(u.EmployeeNumber, ";"), strconv.FormatBool(u.Newsletter), strconv.FormatBool(u.Enabled), u.Kind.String(),
		x.people[u.ReportsTo], x.refs.units.label(u.OwnerUnit), x.refs.profiles.label(m.Membership.Profile),
		u.CreatedAt.Format(time.RFC3339Nano), u.UpdatedAt.Format(time.RFC3339Nano))
}

// TestExportEncoderAllocatesNothing: at most one allocation for a thousand rows.
func TestExportEncoderAllocatesNothing(t *testing.T) {
	x, members := sample(1000)
	buf := make([]byte, 0, 1<<20)
	encode := func() {
		buf = buf[:0]
		for i := range members {
			buf = x.appendRow(buf, &members[i], nil)
		}
	}
	encode()
	assert.LessOrEqual(t, testing.AllocsPerRun(10, encode), 1.0)
	records, err := csv.NewReader(bytes.NewReader(buf)).ReadAll()
	require.NoError(t, err)
	for i, record := range records {
		for j, want := range sampleText(x, &members[i], nil) {
			assert.Equal(t, want, csvcell.Undefuse(record[j]))
		}
	}
}

// TestListsAndNamesComeBack: whatever is in a list or a path.
func TestListsAndNamesComeBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		item := rapid.StringOf(rapid.SampledFrom([]rune(`ab \;/[],)="é` + "\n"))).Filter(func(s string) bool { return s != "" })
		items := rapid.SliceOfN(item, 0, 4).Draw(t, "items")
		cell := string(appendList(nil, items))
		if cell != "" {
			records, err := csv.NewReader(strings.NewReader(cell)).ReadAll()
			require.NoError(t, err)
			require.Len(t, records[0], 1)
			cell = csvcell.Undefuse(records[0][0])
		}
		got := splitEscaped(cell, ';')
		require.Len(t, got, len(items))
		for i := range got {
			require.Equal(t, items[i], unescape(got[i]))
		}
	})
}

// TestLabelsLeadBack: the text that an export has for a record is what an
// import finds it by.
func TestLabelsLeadBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := newNames[BusinessUnit]()
		name := rapid.SampledFrom([]string{"A", "a", "B", "A/B", "B\\", "C;", "[D,)", "A/"})
		ids := []UnitID{{}}
		for range rapid.IntRange(1, 12).Draw(t, "units") {
			id := newID[BusinessUnit]()
			n.add(csvName[BusinessUnit]{id: id, parent: rapid.SampledFrom(ids).Draw(t, "parent"), name: name.Draw(t, "name")})
			ids = append(ids, id)
		}
		var cell []byte
		from := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
		for _, id := range ids[1:] {
			cell = appendItem(cell, 0, n.label(id), from, time.Time{})
		}
		var p problems
		for i, item := range splitEscaped(string(cell), ';') {
			id, got, until, ok := periodIn(n, item, "units", &p)
			require.True(t, ok, item)
			require.Equal(t, ids[i+1], id, item)
			require.Equal(t, from, got)
			require.Zero(t, until)
		}
		require.NoError(t, p.err())
	})
}

// TestProblemsHoldNoCause: a store may speak of values in the cause.
func TestProblemsHoldNoCause(t *testing.T) {
	t.Parallel()
	m, err := New(&importStore{}, nil)
	require.NoError(t, err)
	b := &importBatch{imp: &importer{report: &ImportReport{}}, refused: map[string]bool{}}
	w := &work{m: m, v: &nobody}
	cause := errors.New("Key (email)=(ann@x.test) already exists")
	require.NoError(t, b.problem(w, &importRow{line: 7}, &Error{Kind: ErrConflict, Field: "email", Rule: "taken", Err: cause}))
	require.NoError(t, b.problem(w, &importRow{line: 8}, &Error{Kind: ErrPermission, Permission: PermUserCreate}))
	require.NoError(t, b.problem(w, &importRow{line: 9}, fmt.Errorf("wrapped: %w", ErrStale)))
	require.Error(t, b.problem(w, &importRow{line: 10}, cause))
	var got []string
	for _, p := range b.problems {
		assert.NoError(t, p.Err)
		got = append(got, p.Error())
	}
	assert.Equal(t, []string{"usermgmt: line 7: email: conflict (taken)",
		"usermgmt: line 8: row: permission denied: needs user.create", "usermgmt: line 9: username: stale"}, got)
}

func BenchmarkExportCSV(b *testing.B) {
	const rows = 2000
	x, members := sample(rows)
	perRow := func(b *testing.B) {
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
		b.ReportMetric(float64(b.N)*rows/b.Elapsed().Seconds(), "rows/s")
	}
	b.Run("ours", func(b *testing.B) {
		x.w, x.buf = io.Discard, make([]byte, 0, 2*exportBuffer)
		b.ReportAllocs()
		for b.Loop() {
			for i := range members {
				x.buf = x.appendRow(x.buf, &members[i], nil)
				if err := x.flush(exportBuffer); err != nil {
					b.Fatal(err)
				}
			}
		}
		perRow(b)
	})
	texts := make([][]string, rows)
	for i := range members {
		texts[i] = sampleText(x, &members[i], nil)
	}
	b.Run("encoding/csv of ready texts", func(b *testing.B) {
		w := csv.NewWriter(io.Discard)
		b.ReportAllocs()
		for b.Loop() {
			if err := w.WriteAll(texts); err != nil {
				b.Fatal(err)
			}
		}
		perRow(b)
	})
	for name, guard := range map[string]func(string) string{"": func(s string) string { return s }, " with the formula guard": csvcell.Defuse} {
		b.Run("encoding/csv of members"+name, func(b *testing.B) {
			w := csv.NewWriter(io.Discard)
			var row []string
			b.ReportAllocs()
			for b.Loop() {
				for i := range members {
					row = sampleText(x, &members[i], row[:0])
					for j := range row {
						row[j] = guard(row[j])
					}
					if err := w.Write(row); err != nil {
						b.Fatal(err)
					}
				}
				w.Flush()
			}
			perRow(b)
		})
	}
}

// BenchmarkImportCSV parses, maps and checks, without a store, beside
// encoding/csv that only parses.
func BenchmarkImportCSV(b *testing.B) {
	const rows = 1000
	x, members := sample(rows)
	file := []byte(strings.Join(sampleFields, ",") + "\r\n")
	for i := range members {
		file = x.appendRow(file, &members[i], nil)
	}
	b.Run("ours, parsing only", func(b *testing.B) {
		b.SetBytes(int64(len(file)))
		b.ReportAllocs()
		for b.Loop() {
			r := csvcell.NewReader(bytes.NewReader(file), csvcell.Limits{})
			for {
				if _, err := r.Read(); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("ours", func(b *testing.B) {
		imp := &importer{}
		var u User
		policy := PolicyNIST()
		b.SetBytes(int64(len(file)))
		b.ReportAllocs()
		for b.Loop() {
			for row, err := range imp.csvRows(b.Context(), bytes.NewReader(file)) {
				if err != nil {
					b.Fatal(err)
				}
				var p problems
				r := importRow{line: row.Line, h: imp.header, cells: row.Values}
				r.draft(&u, "", x.q.Now, &p)
				r.membership(x.refs, &p)
				nameIn(x.refs.units, r.special(colOwnerUnit), "owner_unit", &p)
				prepareUser(&u, nil, &policy, members[0].User.CreatedAt.AddDate(100, 0, 0), &p)
				if err := p.err(); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	for name, reuse := range map[string]bool{"encoding/csv": false, "encoding/csv reusing the record": true} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(file)))
			b.ReportAllocs()
			for b.Loop() {
				r := csv.NewReader(bytes.NewReader(file))
				r.ReuseRecord = reuse
				for {
					if _, err := r.Read(); err == io.EOF {
						break
					} else if err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
