package postgres

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A unit of work that makes many records of a kind, as an import does, has many
// steps that differ only in their arguments. They are sent as a few statements
// over arrays instead. Which of its rows such a statement fails for it does not
// say, so small units of work, whose callers want to know, are left alone.

const (
	bulkLeast = 16   // fewer steps of a kind are sent one by one
	bulkMost  = 1000 // rows of one statement
)

// bulk is how steps of a kind are joined. The text is that of one statement for
// many rows: a table x of texts, a1, a2, …, which are the arguments of the steps,
// and what is done with it.
type bulk struct {
	columns int
	sql     string
}

// newBulk makes a bulk of a statement that begins behind "with x". The arguments
// of a step are written as in the statement for one row, $1::uuid.
func newBulk(columns int, text string) *bulk {
	arrays, names := make([]string, columns), make([]string, columns)
	for i := range columns {
		arrays[i] = "$" + strconv.Itoa(i+1) + "::text[]"
		names[i] = "a" + strconv.Itoa(i+1)
	}
	return &bulk{columns, "with x as (select " + strings.Join(names, ", ") + " from unnest(" + strings.Join(arrays, ", ") +
		") x (" + strings.Join(names, ", ") + "))" + bulkParameter.ReplaceAllString(text, "x.a$1::")}
}

var bulkParameter = regexp.MustCompile(`\$(\d+)::`)

// join returns steps with those of a kind in one, where there are many. Steps
// that are of no kind stay where they are, and no step passes one.
func join(steps []step) []step {
	if len(steps) < bulkLeast {
		return steps
	}
	many := make(map[*bulk]int)
	for i := range steps {
		if b := steps[i].bulk; b != nil {
			many[b]++
		}
	}
	large := false
	for _, n := range many {
		large = large || n >= bulkLeast
	}
	steps = joinClaims(steps)
	if !large {
		return steps
	}
	out := make([]step, 0, len(steps))
	for len(steps) > 0 {
		n := 0
		for n < len(steps) && steps[n].bulk != nil {
			n++
		}
		out = joinRun(out, steps[:n])
		if n < len(steps) {
			out = append(out, steps[n])
			n++
		}
		steps = steps[n:]
	}
	return out
}

// joinRun appends a run of steps that may be joined, the kinds in the order in
// which they first appear: what a step refers to is in one before it.
func joinRun(out, run []step) []step {
	var kinds []*bulk
	groups := make(map[*bulk][]step)
	for _, st := range run {
		if _, seen := groups[st.bulk]; !seen {
			kinds = append(kinds, st.bulk)
		}
		groups[st.bulk] = append(groups[st.bulk], st)
	}
	for _, b := range kinds {
		group := groups[b]
		if len(group) < bulkLeast {
			out = append(out, group...)
			continue
		}
		for len(group) > 0 {
			n := min(len(group), bulkMost)
			out = append(out, b.step(group[:n]))
			group = group[n:]
		}
	}
	return out
}

// step joins steps.
func (b *bulk) step(group []step) step {
	st := step{sql: b.sql, unit: group[0].unit, args: make([]any, b.columns)}
	for c := range b.columns {
		column := make([]*string, len(group))
		for r := range group {
			column[r] = textOf(group[r].args[c])
		}
		st.args[c] = column
	}
	return st
}

// textOf is the text form of an argument; nil is NULL.
func textOf(arg any) *string {
	var s string
	switch v := arg.(type) {
	case nil:
		return nil
	case string:
		return &v
	case idArg:
		if v == (idArg{}) {
			return nil
		}
		s = keyText(v)
	case keyArg:
		s = keyText(v)
	case bool:
		s = strconv.FormatBool(v)
	case int16:
		s = strconv.Itoa(int(v))
	case int:
		s = strconv.Itoa(v)
	case int64:
		s = strconv.FormatInt(v, 10)
	case time.Time:
		s = v.Format("2006-01-02 15:04:05.999999Z07:00")
	case []byte:
		s = `\x` + hex.EncodeToString(v)
	case []int32:
		s = "{"
		for i, n := range v {
			if i > 0 {
				s += ","
			}
			s += strconv.Itoa(int(n))
		}
		s += "}"
	default:
		panic(fmt.Sprintf("postgres: an argument of type %T has no text form", arg))
	}
	return &s
}

// joinClaims adds up claims of seats of the same pool.
func joinClaims(steps []step) []step {
	out := steps[:0:0]
	for _, st := range steps {
		if n := len(out); n > 0 && st.claim > 0 && out[n-1].claim > 0 && st.hot == out[n-1].hot && st.unit == out[n-1].unit {
			last := &out[n-1]
			last.claim += st.claim
			last.args = []any{st.args[0], st.args[1], last.claim}
			continue
		}
		out = append(out, st)
	}
	return out
}
