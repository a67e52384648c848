package postgres

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/usermgmt/usermgmt"
)

// assignments is a list of roles, teams or units as a document: for each an
// array of the identifier and, unless they are open at the end, the bounds of
// the time for which it counts; null where only the first one is open.
type assignments []byte

func (a *assignments) add(x [16]byte, from, until time.Time) {
	b := *a
	if len(b) == 0 {
		b = append(b, '[')
	} else {
		b[len(b)-1] = ','
	}
	b = append(append(append(b, `["`...), usermgmt.UserID(x).String()...), '"')
	for i, t := range [...]time.Time{from, until} {
		switch {
		case !t.IsZero():
			b = t.UTC().Truncate(time.Microsecond).AppendFormat(append(b, `,"`...), time.RFC3339Nano)
			b = append(b, '"')
		case i == 0 && !until.IsZero():
			b = append(b, ",null"...)
		}
	}
	*a = append(b, "]]"...)
}

// arg is the document as an argument, to be cast to jsonb; NULL if it is empty.
func (a assignments) arg() any {
	if len(a) == 0 {
		return nil
	}
	return string(a)
}

// eachAssignment reads the document as Postgres writes it.
func eachAssignment(text string, yield func(x [16]byte, from, until time.Time)) error {
	for text = strings.TrimPrefix(text, "["); text != "" && text != "]"; text = strings.TrimPrefix(text, ", ") {
		item, rest, ok := strings.Cut(strings.TrimPrefix(text, "["), "]")
		var x [16]byte
		var bounds [2]time.Time
		for i := 0; ok && item != ""; i++ {
			var word string
			word, item, _ = strings.Cut(item, ", ")
			switch {
			case i == 0:
				ok = parseUUID(&x, word)
			case i > 2:
				ok = false
			case word != "null":
				t, err := time.Parse(`"`+time.RFC3339Nano+`"`, word)
				bounds[i-1], ok = t.UTC(), err == nil
			}
		}
		if !ok {
			return fmt.Errorf("postgres: a list of assignments is malformed")
		}
		yield(x, bounds[0], bounds[1])
		text = rest
	}
	return nil
}

// parseUUID reads an identifier in quotes.
func parseUUID(x *[16]byte, text string) bool {
	if len(text) != 38 {
		return false
	}
	var digits [32]byte
	n := 0
	for i := 1; i < 37; i++ {
		if i == 9 || i == 14 || i == 19 || i == 24 {
			continue
		}
		digits[n] = text[i]
		n++
	}
	_, err := hex.Decode(x[:], digits[:])
	return err == nil
}

// scanText calls read with a text that came through database/sql, or "" for NULL.
func scanText(src any, read func(v pgtype.Text) error) error {
	switch v := src.(type) {
	case nil:
		return read(pgtype.Text{})
	case string:
		return read(pgtype.Text{String: v, Valid: true})
	case []byte:
		return read(pgtype.Text{String: string(v), Valid: true})
	}
	return fmt.Errorf("postgres: a text came as %T", src)
}

// rolesDest reads assignments of roles.
type rolesDest []usermgmt.RoleAssignment

// ScanText implements [pgtype.TextScanner].
func (d *rolesDest) ScanText(v pgtype.Text) error {
	*d = nil
	return eachAssignment(v.String, func(x [16]byte, from, until time.Time) {
		*d = append(*d, usermgmt.RoleAssignment{Role: x, From: from, Until: until})
	})
}

// Scan implements [sql.Scanner].
func (d *rolesDest) Scan(src any) error { return scanText(src, d.ScanText) }

// teamsDest reads assignments of teams.
type teamsDest []usermgmt.TeamAssignment

// ScanText implements [pgtype.TextScanner].
func (d *teamsDest) ScanText(v pgtype.Text) error {
	*d = nil
	return eachAssignment(v.String, func(x [16]byte, from, until time.Time) {
		*d = append(*d, usermgmt.TeamAssignment{Team: x, From: from, Until: until})
	})
}

// Scan implements [sql.Scanner].
func (d *teamsDest) Scan(src any) error { return scanText(src, d.ScanText) }

// unitsDest reads units, which are assigned for good.
type unitsDest []usermgmt.UnitID

// ScanText implements [pgtype.TextScanner].
func (d *unitsDest) ScanText(v pgtype.Text) error {
	*d = nil
	return eachAssignment(v.String, func(x [16]byte, _, _ time.Time) { *d = append(*d, x) })
}

// Scan implements [sql.Scanner].
func (d *unitsDest) Scan(src any) error { return scanText(src, d.ScanText) }
