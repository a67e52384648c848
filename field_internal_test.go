package usermgmt

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// FuzzCustomFieldValues: a value has one form, which is its own, and never one
// that its definition does not allow.
func FuzzCustomFieldValues(f *testing.F) {
	types := []FieldType{FieldText, FieldLines, FieldNumber, FieldInteger, FieldDate, FieldBool, FieldEnum, FieldChoices}
	for i, s := range []string{"x", "a\nb", "-007.50", "+9223372036854775807", "2024-02-29", "yes", "b", "c;a; ;a"} {
		f.Add(uint8(i), s, "[a-z]*", "1", "5")
	}
	f.Fuzz(func(t *testing.T, kind uint8, text, pattern, low, high string) {
		def := CustomField{Name: "x", Type: types[int(kind)%len(types)]}
		switch def.Type {
		case FieldText, FieldLines:
			def.Pattern = pattern
		case FieldNumber, FieldInteger, FieldDate:
			def.Min, def.Max = low, high
		case FieldEnum, FieldChoices:
			def.Values = []string{"a", "b", "c"}
		}
		var p problems
		c := def.prepare(&p)
		if p.err() != nil {
			return
		}
		again := c.ready() // what is stored is read as it was
		require.Equal(t, c.CustomField, again.CustomField)
		value, rule, _ := c.canonical(text)
		if rule != "" {
			return
		}
		same, rule, _ := again.canonical(value)
		require.Empty(t, rule, "the form of a value is a value")
		require.Equal(t, value, same)
		shown := fieldSet{c}.visible(map[string]string{"x": value})
		assert.Equal(t, map[string]string{"x": value}, shown)
	})
}
