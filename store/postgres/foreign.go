package postgres

import "strings"

// foreign is a text as an argument that came from outside and that nobody
// checked, such as the name of a browser: what Postgres cannot hold, zero bytes
// and what is not UTF-8, becomes U+FFFD.
func foreign(s string) string {
	if storable(s) {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

func foreignMap(m map[string]string) map[string]string {
	if len(m) == 0 {
		return nil
	}
	out := make(map[string]string, len(m))
	for k, v := range m {
		out[foreign(k)] = foreign(v)
	}
	return out
}
