package csvcell

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// chunkReader returns at most n+1 bytes at a time.
type chunkReader struct {
	data []byte
	n    int
}

func (r *chunkReader) Read(p []byte) (int, error) {
	if len(r.data) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), r.n+1)], r.data)
	r.data = r.data[n:]
	return n, nil
}

func readAll(r *Reader) (records [][]string, err error) {
	for {
		fields, err := r.Read()
		if err != nil {
			return records, err
		}
		var record []string
		for _, f := range fields {
			record = append(record, string(f))
		}
		records = append(records, record)
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in   string
		want [][]string
	}{
		"empty":           {"", nil},
		"empty lines":     {"\n\r\n\n", nil},
		"last CR":         {"a\n\r", [][]string{{"a"}}},
		"LF":              {"a,b\nc,d\n", [][]string{{"a", "b"}, {"c", "d"}}},
		"CRLF":            {"a,b\r\nc,d\r\n", [][]string{{"a", "b"}, {"c", "d"}}},
		"no last end":     {"a,b\nc,d", [][]string{{"a", "b"}, {"c", "d"}}},
		"uneven":          {"a\nb,c\n\nd,,\n", [][]string{{"a"}, {"b", "c"}, {"d", "", ""}}},
		"empty fields":    {",\n", [][]string{{"", ""}}},
		"spaces":          {" a , b \n", [][]string{{" a ", " b "}}},
		"BOM":             {"\ufeffa\n", [][]string{{"a"}}},
		"BOM, quote":      {"\ufeff\"a\"\n", [][]string{{"a"}}},
		"BOM only":        {"\ufeff", nil},
		"two BOM":         {"\ufeff\ufeffa\n", [][]string{{"\ufeffa"}}},
		"quoted":          {`"a","b,c"` + "\n", [][]string{{"a", "b,c"}}},
		"quoted empty":    {`"",""`, [][]string{{"", ""}}},
		"one empty cell":  {`""` + "\n", [][]string{{""}}},
		"doubled":         {`"""a""b""",c,"""""` + `"`, [][]string{{`"a"b"`, "c", `""`}}},
		"mixed":           {`a,"b",c` + "\r\n" + `"d",e,"f"` + "\r\n", [][]string{{"a", "b", "c"}, {"d", "e", "f"}}},
		"line ends":       {"\"a\nb\r\nc\r\",d\n", [][]string{{"a\nb\r\nc\r", "d"}}},
		"trailing comma":  {`"a",`, [][]string{{"a", ""}}},
		"quoted, last CR": {"\"a\"\r", [][]string{{"a"}}},
		"NUL":             {"a\x00b\n", [][]string{{"a\x00b"}}},
	} {
		for chunk := range 3 {
			got, err := readAll(NewReader(&chunkReader{[]byte(c.in), chunk}, Limits{}))
			assert.Equal(t, io.EOF, err, name)
			assert.Equal(t, c.want, got, name)
		}
	}
}

func TestSyntaxErrors(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]SyntaxError{
		"a,b\"c\n":               {1, 4, reasonBareQuote},
		"x\n\na\"\n":             {3, 2, reasonBareQuote},
		"\"a\"b\n":               {1, 4, reasonAfterQuote},
		"\"a\" ,b\n":             {1, 4, reasonAfterQuote},
		"x\ny,\"a\nb":            {2, 3, reasonOpenQuote},
		"\"":                     {1, 1, reasonOpenQuote},
		"\"\"\"":                 {1, 1, reasonOpenQuote},
		"\"a\nb\nc\",d\"e\n":     {3, 5, reasonBareQuote},
		"\"a\"\"\nb\",\"c\nd\"e": {3, 3, reasonAfterQuote},
		"a\rb\n":                 {1, 2, reasonBareCR},
		"a\r\r\n":                {1, 2, reasonBareCR},
		"\"a\",b\rc\n":           {1, 6, reasonBareCR},
		"\"a\"\r\r\n":            {1, 4, reasonBareCR},
		"a,bc\xff,d\n":           {1, 3, reasonEncoding},
		"\"a\",\"b\xc3\"\n":      {1, 5, reasonEncoding},
		"\xff\xfea\x00\n\x00":    {1, 1, reasonEncoding},
	} {
		for chunk := range 3 {
			r := NewReader(&chunkReader{[]byte(in), chunk}, Limits{})
			_, err := readAll(r)
			var e *SyntaxError
			require.ErrorAs(t, err, &e, "%q", in)
			assert.Equal(t, want, *e, "%q", in)
			_, again := r.Read()
			assert.Same(t, e, again)
		}
	}
	assert.EqualError(t, &SyntaxError{2, 3, reasonOpenQuote}, "csv: line 2, column 3: quoted field is not closed")
}

func TestLines(t *testing.T) {
	t.Parallel()
	r := NewReader(strings.NewReader("a,b\n\n\"c\nd\",\"e\r\nf\",g\nh\n"), Limits{})
	for _, want := range []struct {
		line   int
		fields []int
	}{{1, []int{1, 1}}, {3, []int{3, 4, 5}}, {6, []int{6}}} {
		fields, err := r.Read()
		require.NoError(t, err)
		require.Len(t, fields, len(want.fields))
		assert.Equal(t, want.line, r.Line())
		for i, line := range want.fields {
			assert.Equal(t, line, r.FieldLine(i))
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	limits := Limits{MaxFieldBytes: 4, MaxRecordBytes: 12, MaxFields: 3}
	for in, want := range map[string]string{
		"abcd,efgh,12":                        "",
		"abcd,efgh,12\r\nab\r\n":              "",
		"abcd,efgh,123\n":                     "MaxRecordBytes",
		"abcde\n":                             "MaxFieldBytes",
		"a,b,c,d\n":                           "MaxFields",
		"\"abcd\"\n":                          "",
		"\"ab\"\"d\",\"a\"\r\n":               "",
		"\"abcde\"\n":                         "MaxFieldBytes",
		"\"a\",bcdef\n":                       "MaxFieldBytes",
		"\"a\",\"b\",c,d\n":                   "MaxFields",
		"\"ab\",\"cd\",e\n":                   "",
		"\"ab\",\"cd\",ef\n":                  "",
		"\"ab\",\"cd\",efg\n":                 "MaxRecordBytes",
		"\"" + strings.Repeat("\n", 20):       "MaxRecordBytes",
		"\"" + strings.Repeat("\n", 5) + "\"": "MaxFieldBytes",
		strings.Repeat("\"\n\"\n", 50):        "",
		strings.Repeat("a", 1000):             "MaxRecordBytes",
		"\ufeffabcd,efgh,12":                  "",
	} {
		for _, chunk := range []int{0, 1, 100} {
			r := NewReader(&chunkReader{[]byte(in), chunk}, limits)
			_, err := readAll(r)
			if want == "" {
				assert.Equal(t, io.EOF, err, "%q", in)
				continue
			}
			var e *LimitError
			require.ErrorAs(t, err, &e, "%q", in)
			assert.Equal(t, 1, e.Line)
			assert.Equal(t, want, e.Limit, "%q", in)
			assert.LessOrEqual(t, len(r.buf), limits.MaxRecordBytes+lookahead+slack)
		}
	}
	assert.EqualError(t, &LimitError{7, "MaxFields", 3}, "csv: line 7: record exceeds MaxFields, 3")
}

// repeat is an endless stream of one text.
type repeat string

func (s repeat) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		n += copy(p[n:], s)
	}
	return n, nil
}

func TestBoundedMemory(t *testing.T) {
	t.Parallel()
	for _, s := range []repeat{"a", "\"", "\"\"", ",", "\"a\"\"", "a,", "\r", "é"} {
		r := NewReader(s, Limits{})
		_, err := r.Read()
		var syntax *SyntaxError
		var limit *LimitError
		assert.True(t, errors.As(err, &syntax) || errors.As(err, &limit), "%q: %v", s, err)
		assert.LessOrEqual(t, len(r.buf), DefaultMaxRecordBytes+lookahead+slack)
		assert.LessOrEqual(t, cap(r.fields), 2*DefaultMaxFields)
		assert.LessOrEqual(t, cap(r.spans), 2*DefaultMaxFields)
	}
}

func TestReadErrors(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	r := NewReader(io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(broken)), Limits{})
	records, err := readAll(r)
	assert.Equal(t, [][]string{{"a"}}, records)
	assert.Equal(t, broken, err)

	// What came together with the error is read first.
	r = NewReader(iotest.DataErrReader(io.MultiReader(strings.NewReader("a\nb\nc"), iotest.ErrReader(broken))), Limits{})
	records, err = readAll(r)
	assert.Equal(t, [][]string{{"a"}, {"b"}}, records)
	assert.Equal(t, broken, err)

	_, err = NewReader(stuck{}, Limits{}).Read()
	assert.Equal(t, io.ErrNoProgress, err)
	_, err = NewReader(liar{}, Limits{}).Read()
	assert.Equal(t, errReadCount, err)

	records, err = readAll(NewReader(iotest.DataErrReader(strings.NewReader("a,\"b\"\nc")), Limits{MaxRecordBytes: 1 << 62}))
	assert.Equal(t, io.EOF, err)
	assert.Equal(t, [][]string{{"a", "b"}, {"c"}}, records)
}

type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

type liar struct{}

func (liar) Read(p []byte) (int, error) { return len(p) + 1, nil }

// TestLongInput crosses the end of the buffer at many places.
func TestLongInput(t *testing.T) {
	t.Parallel()
	var file []byte
	var want [][]string
	for i := range 3000 {
		record := []string{strings.Repeat("x", i%97), "a\"b\nc,", strings.Repeat("é", i%31)}
		want = append(want, record)
		file = appendRecord(file, record)
	}
	for _, chunk := range []int{0, 6, 4000, 1 << 20} {
		got, err := readAll(NewReader(&chunkReader{file, chunk}, Limits{}))
		assert.Equal(t, io.EOF, err)
		require.Equal(t, want, got)
	}
}

// TestContinue goes on at the place of every record of a file.
func TestContinue(t *testing.T) {
	t.Parallel()
	file := []byte("\ufeffa,b\r\n\n\n1,\"x\ny\"\r\n")
	for i := range 400 {
		file = appendRecord(file, []string{strings.Repeat("x", i%97), "a\"b\nc,", strings.Repeat("é", i%31)})
	}
	for _, chunk := range []int{0, 7, 1 << 20} {
		type record struct {
			at     Place
			line   int
			fields []string
		}
		var want []record
		r := NewReader(&chunkReader{file, chunk}, Limits{MaxRecordBytes: 1000})
		for at := r.Next(); ; at = r.Next() {
			fields, err := r.Read()
			if err != nil {
				require.ErrorIs(t, err, io.EOF)
				break
			}
			want = append(want, record{at, r.Line(), toStrings(fields)})
		}
		require.Len(t, want, 402)
		require.Equal(t, Place{0, 1}, want[0].at)
		for i, x := range want {
			// Whatever it did before, even to the end, is forgotten.
			r.Continue(x.at)
			r.src = &chunkReader{file[x.at.Offset:], chunk}
			for _, y := range want[i:min(i+3, len(want))] {
				at := r.Next()
				fields, err := r.Read()
				require.NoError(t, err)
				if i > 0 { // nobody goes on at the byte order mark
					require.Equal(t, y, record{at, r.Line(), toStrings(fields)})
				}
			}
		}
	}
}

func toStrings(fields [][]byte) (out []string) {
	for _, f := range fields {
		out = append(out, string(f))
	}
	return out
}

func FuzzReader(f *testing.F) {
	for _, s := range []string{
		"a,b\nc,d\n", "a,\"b\"\"c\"\r\n", "\"a\nb\",c\n", "\ufeffa\n", "a\"b", "\"a\"b", "\r", "a\r\r\n",
		"\"", "\"\r\n\"\r", "\n\n\"\"\n", ",", "\xff,a\n", "\"\xc3\"\"\xa9\"", "a\nb\"\n\"c", "\"a\"\r\r\n",
	} {
		f.Add([]byte(s), uint8(0))
		f.Add([]byte(s), uint8(255))
	}
	f.Fuzz(func(t *testing.T, data []byte, chunk uint8) {
		r := NewReader(&chunkReader{data, int(chunk)}, Limits{})
		reference := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff"))))
		reference.FieldsPerRecord = -1
		for {
			fields, err := r.Read()
			want, wantErr := reference.Read()
			if err != nil && !errors.Is(err, io.EOF) {
				return
			}
			require.Equal(t, wantErr, err)
			if err != nil {
				return
			}
			require.Len(t, fields, len(want))
			for i := range want {
				got := strings.ReplaceAll(string(fields[i]), "\r\n", "\n")
				require.Equal(t, want[i], got)
				line, _ := reference.FieldPos(i)
				require.Equal(t, line, r.FieldLine(i))
			}
		}
	})
}

// FuzzReaderLimits checks that a record within the limits is read the same
// whatever the limits are.
func FuzzReaderLimits(f *testing.F) {
	f.Add([]byte("a,b\n\"c\",d"), uint8(4), uint8(2), uint8(2))
	f.Fuzz(func(t *testing.T, data []byte, record, field, fields uint8) {
		limits := Limits{MaxRecordBytes: int(record) + 1, MaxFieldBytes: int(field) + 1, MaxFields: int(fields) + 1}
		small := NewReader(&chunkReader{data, 2}, limits)
		large := NewReader(bytes.NewReader(data), Limits{})
		for {
			got, err := small.Read()
			if limitErr := (*LimitError)(nil); errors.As(err, &limitErr) {
				return
			}
			want, wantErr := large.Read()
			require.Equal(t, wantErr, err)
			if err != nil {
				return
			}
			require.Equal(t, want, got)
			require.LessOrEqual(t, len(small.buf), limits.MaxRecordBytes+lookahead+slack)
		}
	})
}

func benchFile(quoted bool) []byte {
	record := benchRecord()
	var file []byte
	for range 1000 {
		for i, s := range record {
			if i > 0 {
				file = append(file, ',')
			}
			if !quoted {
				s = strings.ReplaceAll(s, ",", "")
			}
			file = AppendString(file, s)
		}
		file = append(file, "\r\n"...)
	}
	return file
}

func benchmarkRead(b *testing.B, file []byte) {
	b.ReportAllocs()
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		r := NewReader(bytes.NewReader(file), Limits{})
		for {
			if _, err := r.Read(); err == io.EOF {
				break
			} else if err != nil {
				b.Fatal(err)
			}
		}
	}
}

func benchmarkEncodingCSV(b *testing.B, file []byte, reuse bool) {
	b.ReportAllocs()
	b.SetBytes(int64(len(file)))
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
}

func BenchmarkRead(b *testing.B) {
	for name, file := range map[string][]byte{"plain": benchFile(false), "quoted": benchFile(true)} {
		b.Run(name+"/csvcell", func(b *testing.B) { benchmarkRead(b, file) })
		b.Run(name+"/encoding", func(b *testing.B) { benchmarkEncodingCSV(b, file, false) })
		b.Run(name+"/encoding-reuse", func(b *testing.B) { benchmarkEncodingCSV(b, file, true) })
	}
}
