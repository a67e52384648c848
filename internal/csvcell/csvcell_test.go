package csvcell

import (
	"bytes"
	"encoding/csv"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestAppendString(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":           "",
		"plain":      "plain",
		" spaces ":   " spaces ",
		"naïve 日本":   "naïve 日本",
		"a,b":        `"a,b"`,
		`say "hi"`:   `"say ""hi"""`,
		`"`:          `""""`,
		"two\nlines": "\"two\nlines\"",
		"cr\r":       "\"cr\r\"",
		"=1+1":       "=1+1",
	} {
		assert.Equal(t, "x"+want, string(AppendString([]byte("x"), in)), "%q", in)
	}
}

func TestAppendText(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                  "",
		"Ann":               "Ann",
		"a=b":               "a=b",
		"=1+1":              "'=1+1",
		"+1":                "'+1",
		"-1":                "'-1",
		"@SUM":              "'@SUM",
		"\ttab":             "'\ttab",
		"\rcr":              "\"'\rcr\"",
		"\nlf":              "\"'\nlf\"",
		"\x00nul":           "'\x00nul",
		"＝1":                "'＝1",
		"＋1":                "'＋1",
		"－1":                "'－1",
		"＠x":                "'＠x",
		"ａb":                "ａb",
		"'quoted":           "'quoted",
		"'":                 "'",
		"''":                "''",
		"'=1":               "''=1",
		"''＝1":              "'''＝1",
		`=HYPERLINK("a,b")`: `"'=HYPERLINK(""a,b"")"`,
	} {
		assert.Equal(t, "x"+want, string(AppendText([]byte("x"), in)), "%q", in)
	}
}

func TestAppendOthers(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "-5", string(AppendInt(nil, -5)))
	assert.Equal(t, "-9223372036854775808", string(AppendInt(nil, math.MinInt64)))
	assert.Equal(t, "true", string(AppendBool(nil, true)))
	assert.Equal(t, "false", string(AppendBool(nil, false)))

	zone := time.FixedZone("", 2*60*60)
	at := time.Date(2026, 3, 1, 1, 30, 0, 0, zone)
	assert.Equal(t, "2026-02-28T23:30:00Z", string(AppendTime(nil, at)))
	assert.Equal(t, "2026-02-28T23:30:00.000123Z", string(AppendTime(nil, at.Add(123*time.Microsecond))))
	assert.Equal(t, "2026-03-01", string(AppendDate(nil, at)))
	assert.Empty(t, AppendTime(nil, time.Time{}))
	assert.Empty(t, AppendDate(nil, time.Time{}))
}

func TestUndefuseIsInverse(t *testing.T) {
	t.Parallel()
	parts := []string{"'", "=", "+", "-", "@", "\t", "\r", "\n", "\x00", "＝", "＋", "－", "＠", "a", "\xef", "\xbc"}
	rapid.Check(t, func(t *rapid.T) {
		s := strings.Join(rapid.SliceOfN(rapid.SampledFrom(parts), 0, 6).Draw(t, "parts"), "")
		s += rapid.String().Draw(t, "rest")
		d := Defuse(s)
		require.Equal(t, s, Undefuse(d))
		if d == "" {
			return
		}
		require.NotContains(t, "=+-@\t\r\n\x00", d[:1])
		for _, p := range []string{"＝", "＋", "－", "＠"} {
			require.False(t, strings.HasPrefix(d, p))
		}
		if u := Undefuse(s); u != s {
			require.Equal(t, s, Defuse(u))
		}
	})
}

// TestNeedsQuotes puts every byte at every place of texts of many lengths.
func TestNeedsQuotes(t *testing.T) {
	t.Parallel()
	for n := 1; n < 28; n++ {
		for _, filler := range []byte{'a', 0x80, 0xff, '!', '-', 0x0e} {
			s := bytes.Repeat([]byte{filler}, n)
			for i := range n {
				for c := range 256 {
					s[i] = byte(c)
					want := strings.ContainsRune("\",\r\n", rune(c))
					if needsQuotes(string(s)) != want {
						t.Fatalf("needsQuotes(%q) is %v", s, !want)
					}
				}
				s[i] = filler
			}
		}
	}
}

func TestAppendAllocs(t *testing.T) {
	buf := make([]byte, 0, 256)
	now := time.Now()
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		b := AppendText(buf[:0], "=plain")
		b = AppendText(b, `=with "quotes"`)
		b = AppendString(b, "a,b")
		b = AppendTime(b, now)
		b = AppendDate(b, now)
		_ = AppendInt(b, 12345)
	}))
}

// appendRecord writes a record the way the package documentation says.
func appendRecord(dst []byte, record []string) []byte {
	for i, s := range record {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendText(dst, s)
	}
	return append(dst, "\r\n"...)
}

func FuzzRoundTrip(f *testing.F) {
	f.Add("a", "b,c", "=d\r\ne", uint8(0))
	f.Add("", "", "", uint8(3))
	f.Add("'", `"`, "\r", uint8(1))
	f.Add("'＝", "\ufeff", "\n\n", uint8(200))
	f.Fuzz(func(t *testing.T, a, b, c string, chunk uint8) {
		a, b, c = strings.ToValidUTF8(a, "?"), strings.ToValidUTF8(b, "?"), strings.ToValidUTF8(c, "?")
		if strings.HasPrefix(a, "\ufeff") {
			a = "x" + a // at the start of a file this is a byte order mark
		}
		want := [][]string{{a, b, c}, {c, a, b}}
		if strings.HasPrefix(c, "\ufeff") {
			want[1][0] = "x"
		}
		var file []byte
		for _, record := range want {
			file = appendRecord(file, record)
		}
		r := NewReader(&chunkReader{file, int(chunk)}, Limits{})
		for _, record := range want {
			fields, err := r.Read()
			require.NoError(t, err)
			require.Len(t, fields, len(record))
			for i := range record {
				require.Equal(t, record[i], Undefuse(string(fields[i])))
			}
		}
		_, err := r.Read()
		require.Equal(t, io.EOF, err)
	})
}

func FuzzUndefuse(f *testing.F) {
	for _, s := range []string{"", "'", "''", "'=", "=", "＝", "'＠", "\xef\xbc", "'\x00", "''a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		require.Equal(t, s, Undefuse(Defuse(s)))
	})
}

// benchRecord has 25 cells, as an export of users has them.
func benchRecord() []string {
	record := []string{
		"0198f3c2-7b1e-7c11-9d2a-5f0c3a1b2c3d", "ann.example", "Ann Example", "ann.example@example.com",
		"active", "true", "false", "Example, Inc.", "Zürich", "+41 44 000 00 00", "de-CH", "Europe/Zurich",
		"2026-01-02T03:04:05Z", "2026-02-03T04:05:06Z", "", "", "42", "7",
	}
	for len(record) < 25 {
		record = append(record, "attribute "+strconv.Itoa(len(record)))
	}
	return record
}

func BenchmarkAppendText(b *testing.B) {
	record := benchRecord()
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		buf = appendRecord(buf[:0], record)
	}
	b.SetBytes(int64(len(buf)))
}

func BenchmarkAppendString(b *testing.B) {
	record := benchRecord()
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		buf = buf[:0]
		for i, s := range record {
			if i > 0 {
				buf = append(buf, ',')
			}
			buf = AppendString(buf, s)
		}
		buf = append(buf, "\r\n"...)
	}
	b.SetBytes(int64(len(buf)))
}

func BenchmarkEncodingCSVWrite(b *testing.B) {
	record := benchRecord()
	var buf bytes.Buffer
	w := csv.NewWriter(&buf)
	w.UseCRLF = true
	b.ReportAllocs()
	for b.Loop() {
		buf.Reset()
		if err := w.Write(record); err != nil {
			b.Fatal(err)
		}
		w.Flush()
	}
	b.SetBytes(int64(buf.Len()))
}
