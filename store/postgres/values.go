package postgres

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/usermgmt/usermgmt"
)

// Arguments. Every parameter is cast in its statement, so that what is given
// here means the same in every mode of the drivers.

// idArg is an identifier as an argument; the zero one is NULL.
type idArg [16]byte

// UUIDValue implements [pgtype.UUIDValuer].
func (a idArg) UUIDValue() (pgtype.UUID, error) {
	return pgtype.UUID{Bytes: a, Valid: a != idArg{}}, nil
}

// Value implements [driver.Valuer].
func (a idArg) Value() (driver.Value, error) { return usermgmt.UserID(a).Value() }

// keyArg is an identifier as an argument; the zero one is all zeros.
type keyArg [16]byte

// UUIDValue implements [pgtype.UUIDValuer].
func (a keyArg) UUIDValue() (pgtype.UUID, error) { return pgtype.UUID{Bytes: a, Valid: true}, nil }

// Value implements [driver.Valuer].
func (a keyArg) Value() (driver.Value, error) { return keyText(a), nil }

// keyText is the text form of an identifier.
func keyText(a [16]byte) string {
	if a == ([16]byte{}) {
		return zeroUUID
	}
	return usermgmt.UserID(a).String()
}

const zeroUUID = "00000000-0000-0000-0000-000000000000"

// id is an identifier as an argument; the zero one is NULL.
func id[E any](x usermgmt.ID[E]) any { return idArg(x) }

// key is an identifier as an argument; the zero one is all zeros.
func key[E any](x usermgmt.ID[E]) any { return keyArg(x) }

// ids is a list of identifiers as an argument, to be cast to uuid[].
func ids[E any](list []usermgmt.ID[E]) []string {
	out := make([]string, len(list))
	for i, x := range list {
		if out[i] = x.String(); x.IsZero() {
			out[i] = zeroUUID
		}
	}
	return out
}

// at is a time as an argument; the zero one is NULL.
func at(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Truncate(time.Microsecond)
}

// moment is a time as an argument for a column that is never NULL.
func moment(t time.Time) any { return t.UTC().Truncate(time.Microsecond) }

// until is a time to which stored ones are compared, as an argument: rounded up
// to a microsecond, so that what is stored is before it if and only if it is less.
func until(t time.Time) any {
	c := t.UTC().Truncate(time.Microsecond)
	if c.Before(t) {
		c = c.Add(time.Microsecond)
	}
	return c
}

// list is a slice or map as an argument, to be cast to jsonb; empty is NULL.
func list[T any](n int, v T) any {
	if n == 0 {
		return nil
	}
	return document(v)
}

// optional is a text as an argument; the empty one is NULL.
func optional(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// document is a value as an argument, to be cast to jsonb.
func document(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("postgres: a value of a fixed type cannot be encoded: %v", err))
	}
	return string(b)
}

// Destinations. Each reads its column through either driver; NULL is the zero
// value.

// idDest reads a uuid.
type idDest [16]byte

func toID[E any](p *usermgmt.ID[E]) *idDest { return (*idDest)(p) }

// ScanUUID implements [pgtype.UUIDScanner].
func (d *idDest) ScanUUID(v pgtype.UUID) error {
	*d = v.Bytes
	return nil
}

// Scan implements [sql.Scanner].
func (d *idDest) Scan(src any) error { return (*usermgmt.UserID)(d).Scan(src) }

// timeDest reads a timestamptz.
type timeDest time.Time

func toTime(p *time.Time) *timeDest { return (*timeDest)(p) }

// ScanTimestamptz implements [pgtype.TimestamptzScanner].
func (d *timeDest) ScanTimestamptz(v pgtype.Timestamptz) error {
	*d = timeDest{}
	if v.Valid {
		*d = timeDest(v.Time.UTC())
	}
	return nil
}

// Scan implements [sql.Scanner].
func (d *timeDest) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*d = timeDest{}
	case time.Time:
		*d = timeDest(v.UTC())
	default:
		return fmt.Errorf("postgres: a time came as %T", src)
	}
	return nil
}

// hashDest reads a bytea of 32 bytes; NULL leaves it zero.
type hashDest [32]byte

func toHash(p *[32]byte) *hashDest { return (*hashDest)(p) }

// ScanBytes implements [pgtype.BytesScanner].
func (d *hashDest) ScanBytes(v []byte) error {
	if v == nil {
		return nil
	}
	if len(v) != len(d) {
		return fmt.Errorf("postgres: a hash has %d bytes", len(v))
	}
	copy(d[:], v)
	return nil
}

// Scan implements [sql.Scanner].
func (d *hashDest) Scan(src any) error {
	v, ok := src.([]byte)
	if !ok && src != nil {
		return fmt.Errorf("postgres: a hash came as %T", src)
	}
	return d.ScanBytes(v)
}

// optionalDest reads a text; NULL is the empty one.
type optionalDest string

// ScanText implements [pgtype.TextScanner].
func (d *optionalDest) ScanText(v pgtype.Text) error {
	*d = optionalDest(v.String)
	return nil
}

// Scan implements [sql.Scanner].
func (d *optionalDest) Scan(src any) error { return scanText(src, d.ScanText) }

// jsonDest reads a jsonb column that was cast to text.
type jsonDest struct{ v any }

func toJSON(v any) jsonDest { return jsonDest{v} }

// ScanText implements [pgtype.TextScanner].
func (d jsonDest) ScanText(v pgtype.Text) error {
	if !v.Valid || v.String == "" {
		return nil
	}
	return json.Unmarshal([]byte(v.String), d.v)
}

// Scan implements [sql.Scanner].
func (d jsonDest) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		return nil
	case string:
		return json.Unmarshal([]byte(v), d.v)
	case []byte:
		return json.Unmarshal(v, d.v)
	}
	return fmt.Errorf("postgres: a document came as %T", src)
}
