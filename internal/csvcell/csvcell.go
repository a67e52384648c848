// Package csvcell writes and reads CSV as RFC 4180 describes it: UTF-8,
// separated by commas, quoted with double quotes, lines ended by LF or CRLF.
//
// Writing appends cells to a byte slice. The caller appends ',' between the
// cells and "\r\n" after the last:
//
//	dst = csvcell.AppendText(dst, name)
//	dst = append(dst, ',')
//	dst = csvcell.AppendInt(dst, count)
//	dst = append(dst, "\r\n"...)
//
// Readers skip empty lines, so a record must not consist of one empty cell.
//
// Reading is done by a [Reader], whose memory is bounded whatever the input.
package csvcell

import (
	"strconv"
	"strings"
	"time"
)

const (
	special = 1 << iota // must be quoted: quote, comma, CR, LF
	formula             // starts a formula in a spreadsheet
	other               // may start one, which needs a closer look
)

// class holds what a byte means in a cell.
var class = [256]uint8{
	'"': special, ',': special,
	'\r': special | formula, '\n': special | formula,
	'=': formula, '+': formula, '-': formula, '@': formula,
	'\t': formula, 0: formula,
	'\'': other, 0xef: other,
}

// AppendString appends the cell s as it is, quoted when it contains a quote, a
// comma, CR or LF. It is for values that cannot start a formula, or that a
// program and no spreadsheet will read; see [AppendText] for all others.
func AppendString(dst []byte, s string) []byte {
	if needsQuotes(s) {
		return appendQuoted(dst, "", s)
	}
	return append(dst, s...)
}

// AppendText appends the cell [Defuse](s), quoted like [AppendString] does.
func AppendText(dst []byte, s string) []byte {
	if s == "" || class[s[0]]&(formula|other) == 0 || !defusable(s) {
		return AppendString(dst, s)
	}
	if needsQuotes(s) {
		return appendQuoted(dst, "'", s)
	}
	dst = append(dst, '\'')
	return append(dst, s...)
}

// needsQuotes reports whether s contains a special byte.
func needsQuotes(s string) bool {
	n := len(s)
	if n < 4 {
		return anySpecial(s)
	}
	found := uint64(0)
	if n < 8 {
		found = candidates(load4(s) | load4(s[n-4:])<<32)
	} else {
		for i := 0; i < n-8; i += 8 {
			found |= candidates(load8(s[i:]))
		}
		found |= candidates(load8(s[n-8:]))
	}
	return found != 0 && anySpecial(s)
}

func anySpecial(s string) bool {
	for i := range len(s) {
		if class[s[i]]&special != 0 {
			return true
		}
	}
	return false
}

func load4(s string) uint64 {
	s = s[:4]
	return uint64(uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24)
}

func load8(s string) uint64 {
	s = s[:8]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

const (
	lowBits  = 0x0101010101010101
	highBits = 0x80 * lowBits
)

// candidates looks at the eight bytes of w at once and returns a word with the
// top bit set of every byte that is a quote, a comma or less than 0x0e, which
// CR and LF are. All its other bits are zero.
func candidates(w uint64) uint64 {
	low := w &^ highBits
	// The top bit of each byte of these sums is zero for the bytes sought;
	// no sum carries into the next byte.
	quote := (low ^ '"'*lowBits) + 0x7f*lowBits
	comma := (low ^ ','*lowBits) + 0x7f*lowBits
	line := low + (0x80-0x0e)*lowBits
	return ^(quote&comma&line | w) & highBits
}

func appendQuoted(dst []byte, prefix, s string) []byte {
	dst = append(dst, '"')
	dst = append(dst, prefix...)
	for {
		i := strings.IndexByte(s, '"')
		if i < 0 {
			break
		}
		dst = append(dst, s[:i]...)
		dst = append(dst, `""`...)
		s = s[i+1:]
	}
	dst = append(dst, s...)
	return append(dst, '"')
}

// AppendInt appends the cell n in decimal. A negative number is a number to a
// spreadsheet, so it is not defused.
func AppendInt(dst []byte, n int64) []byte { return strconv.AppendInt(dst, n, 10) }

// AppendBool appends the cell "true" or "false".
func AppendBool(dst []byte, b bool) []byte { return strconv.AppendBool(dst, b) }

// AppendTime appends the cell t in UTC as RFC 3339 has it, with as many
// fractional digits as t needs, at most nine. The zero time is an empty cell.
func AppendTime(dst []byte, t time.Time) []byte {
	if t.IsZero() {
		return dst
	}
	return t.UTC().AppendFormat(dst, time.RFC3339Nano)
}

// AppendDate appends the cell with the date of t, such as 2006-01-02, in the
// location of t. The zero time is an empty cell.
func AppendDate(dst []byte, t time.Time) []byte {
	if t.IsZero() {
		return dst
	}
	return t.AppendFormat(dst, time.DateOnly)
}

// Defuse returns s with a single quote before it if a spreadsheet could take s
// for a formula: if s starts with one of = + - @, their full-width forms, TAB,
// CR, LF or NUL (OWASP, "CSV Injection"). So that [Undefuse] can tell what was
// added, the same is done to a text that starts with single quotes followed by
// such a character.
func Defuse(s string) string {
	if defusable(s) {
		return "'" + s
	}
	return s
}

// Undefuse is the inverse of [Defuse]: Undefuse(Defuse(s)) is s for every s.
// A text that Defuse cannot return is returned unchanged.
func Undefuse[T string | []byte](s T) T {
	if len(s) > 1 && s[0] == '\'' && defusable(s[1:]) {
		return s[1:]
	}
	return s
}

// defusable reports whether s is zero or more single quotes followed by a
// character that starts a formula.
func defusable[T string | []byte](s T) bool {
	i := 0
	for i < len(s) && s[i] == '\'' {
		i++
	}
	if i == len(s) {
		return false
	}
	c := class[s[i]]
	if c&other != 0 && len(s) >= i+3 {
		switch string(s[i : i+3]) {
		case "＝", "＋", "－", "＠":
			return true
		}
	}
	return c&formula != 0
}
