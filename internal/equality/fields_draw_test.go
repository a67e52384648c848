package equality_test

import (
	"maps"
	"slices"

	"github.com/usermgmt/usermgmt"
)

// pickValue draws a field of a list, or any now and then, and a value.
func (mc *machine) pickValue(set []*fieldDef) (field, value string) {
	names := slices.Sorted(maps.Keys(drawnValues))
	if len(set) > 0 && !mc.chance("any field", 6) {
		names = nil
		for _, f := range set {
			names = append(names, f.name)
		}
	}
	field = sample(mc, "field", names)
	return field, sample(mc, "value", drawnValues[field])
}

func (mc *machine) pickValues(set []*fieldDef) map[string]string {
	out := map[string]string{}
	for range mc.weighted("values", 0, 60, 40) {
		field, value := mc.pickValue(set)
		out[field] = value
	}
	return out
}

func (mc *machine) drawField() fieldDef {
	f := fieldDef{name: sample(mc, "name", []string{"desk", "zone", "floor"}), kind: usermgmt.FieldText, own: mc.chance("own", 40), searchable: mc.chance("searchable", 60)}
	if mc.chance("other name", 12) {
		f.name = sample(mc, "name", []string{"nick", "Desk"})
	}
	switch {
	case f.name == "zone":
		f.kind, f.values = usermgmt.FieldEnum, []string{"red", "blue"}
		if mc.chance("fewer", 30) {
			f.values = []string{"red"}
		}
	case f.name == "floor" && mc.chance("number", 60):
		f.kind = usermgmt.FieldInteger
	}
	if good := drawnValues[f.name]; mc.chance("default", 40) && len(good) > 0 {
		f.initial = sample(mc, "default", good)
	}
	f.required = mc.chance("required", 20) && (f.initial != "" || mc.chance("hard", 15))
	return f
}

func (mc *machine) drawFieldNumber(a *actor) int {
	var list []int
	for n, f := range mc.fields {
		if f.alive && f.org == a.org {
			list = append(list, n)
		}
	}
	if len(list) == 0 || mc.chance("any field", 20) {
		return mc.any("field", len(mc.fields)+1)
	}
	return mc.choose("field", list)
}

func (mc *machine) drawFieldUpdate(a *actor) *call {
	n, next := mc.drawFieldNumber(a), mc.drawField()
	if n >= len(mc.fields) {
		return mc.fieldUpdate(n, 1, next)
	}
	if f := mc.fields[n]; !mc.chance("another name", 8) {
		next.name, next.kind, next.values, next.initial = f.name, f.kind, f.values, f.initial
		if f.kind == usermgmt.FieldEnum {
			next.values = sample(mc, "values", [][]string{{"red", "blue"}, {"red"}, {"pink", "red"}})
		}
		if mc.chance("default", 50) {
			next.initial = sample(mc, "default", drawnValues[f.name])
		}
	}
	return mc.fieldUpdate(n, mc.version(mc.fields[n].version), next)
}

// fieldKinds are the calls on custom fields.
var fieldKinds = []kind{
	{"fields.create", 16, false, func(mc *machine, a *actor) *call { return mc.fieldCreate(mc.orgOrOwn(a), mc.drawField()) }, managesFields},
	{"fields.update", 11, false, func(mc *machine, a *actor) *call { return mc.drawFieldUpdate(a) }, managesFields},
	{"fields.delete", 9, false, func(mc *machine, a *actor) *call { return mc.fieldDelete(mc.drawFieldNumber(a)) }, managesFields},
	{"fields.list", 9, true, func(mc *machine, a *actor) *call { return mc.fieldList(mc.orgOrOwn(a)) }, nil},
}

func managesFields(mc *machine, a *actor) bool { return mc.granted(a, "field.manage") != 0 }
