package storetest

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/usermgmt/usermgmt"
)

// describe writes v as one line per value that is not zero, "Path: value", so
// that an empty slice equals nil and a difference can be shown by its lines.
func describe(v any) []string {
	var lines []string
	describeValue(&lines, "value", reflect.ValueOf(v))
	return lines
}

func describeValue(lines *[]string, path string, v reflect.Value) {
	if !v.IsValid() || v.IsZero() || v.Kind() == reflect.Slice && v.Len() == 0 {
		return
	}
	add := func(text string) { *lines = append(*lines, path+": "+text) }
	switch x := v.Interface().(type) {
	case time.Time:
		// The location counts: a stored time comes back in UTC.
		add(x.Format("2006-01-02T15:04:05.999999999 ") + x.Location().String())
		return
	case netip.Addr:
		add(x.String())
		return
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		add("set")
		describeValue(lines, path, v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			describeValue(lines, path+"."+v.Type().Field(i).Name, v.Field(i))
		}
	case reflect.Array:
		b := make([]byte, v.Len())
		for i := range b {
			b[i] = byte(v.Index(i).Uint())
		}
		add(hex.EncodeToString(b))
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			add(hex.EncodeToString(v.Bytes()))
			return
		}
		for i := range v.Len() {
			at := path + "[" + strconv.Itoa(i) + "]"
			before := len(*lines)
			describeValue(lines, at, v.Index(i))
			if len(*lines) == before {
				*lines = append(*lines, at+": zero")
			}
		}
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int {
			return strings.Compare(fmt.Sprint(a), fmt.Sprint(b))
		})
		for _, key := range keys {
			*lines = append(*lines, fmt.Sprintf("%s[%q]: %q", path, key, v.MapIndex(key)))
		}
	case reflect.String:
		add(strconv.Quote(v.String()))
	default:
		add(fmt.Sprint(v.Interface()))
	}
}

// difference tells how got differs from want, or "" if it does not.
func difference(want, got any) string {
	return differentLines(describe(want), describe(got))
}

func differentLines(want, got []string) string {
	const most = 12
	var out []string
	missing := func(in []string, line string) bool { return !slices.Contains(in, line) }
	for _, line := range want {
		if missing(got, line) {
			out = append(out, "- "+shorten(line))
		}
	}
	for _, line := range got {
		if missing(want, line) {
			out = append(out, "+ "+shorten(line))
		}
	}
	if len(out) == 0 && !slices.Equal(want, got) {
		out = append(out, "the same values in another order or number")
	}
	if len(out) > most {
		out = append(out[:most], fmt.Sprintf("… and %d more", len(out)-most))
	}
	return strings.Join(out, "\n")
}

func shorten(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	return s[:most] + fmt.Sprintf("… (%d bytes)", len(s))
}

// scribble overwrites everything in v that a copy of v would share: the
// elements of slices, the entries of maps, what pointers point to.
func scribble(v any) { scribbleValue(reflect.ValueOf(v)) }

func scribbleValue(v reflect.Value) {
	if !v.IsValid() {
		return
	}
	switch v.Interface().(type) {
	case time.Time, netip.Addr, usermgmt.Secret:
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			scribbleValue(v.Elem())
			v.Elem().SetZero()
		}
	case reflect.Struct:
		for i := range v.NumField() {
			scribbleValue(v.Field(i))
		}
	case reflect.Slice:
		for i := range v.Len() {
			scribbleValue(v.Index(i))
			v.Index(i).SetZero()
		}
	case reflect.Map:
		v.Clear()
	}
}
