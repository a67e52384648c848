package storetest

import (
	"context"
	"maps"

	"github.com/usermgmt/usermgmt"
)

func settingCases() []testCase {
	return []testCase{
		{"Settings", []string{"PutSettings", "SettingsOf"}, settingsPut},
		{"SettingReferences", []string{"PutSettings", "PutMemberSettings"}, settingReferences},
		{"MemberSettings", []string{"PutMemberSettings", "SaveMembership", "MembershipOf", "MembershipsOf", "StandingOf"}, memberSettings},
	}
}

// settings keep the lines short.
type settings = map[string]usermgmt.SettingValue

// values are settings with one value.
func values(v string) settings {
	return settings{"k": {Value: v, By: idOf[usermgmt.User](1 << 30), At: at(1)}}
}

// full are settings of every form.
func (w *world) settings() settings {
	by := newID[usermgmt.User](w) // need not exist
	return settings{
		"language": {Value: "de", By: by, At: at(1)}, "": {Value: "empty", At: at(2)}, "Language": {Value: "", Locked: true, By: by, At: at(3)},
		"quote'\"": {Value: "a\nb\\\"'", At: at(4)}, "long": {Value: "\u00e9 \U0001f600", Locked: true, At: usermgmt.Forever},
	}
}

func settingsPut(w *world) {
	a, b := w.org("a").ID, w.org("b").ID
	none := usermgmt.OrgID{}
	is := func(system, inA settings) {
		w.Helper()
		got(w.s.SettingsOf(w.ctx, a)).is(w, usermgmt.SettingSet{System: system, Org: inA})
		got(w.s.SettingsOf(w.ctx, none)).is(w, usermgmt.SettingSet{System: system})
		got(w.s.SettingsOf(w.ctx, b)).is(w, usermgmt.SettingSet{System: system, Org: values("b")})
	}
	w.do(w.s.PutSettings(w.ctx, b, values("b"), nil))
	is(nil, nil)
	inA := w.settings()
	argument := clone(inA)
	w.do(w.s.PutSettings(w.ctx, a, argument, []string{"not there"}))
	scribble(argument)
	is(nil, inA)
	read := got(w.s.SettingsOf(w.ctx, a)).must(w)
	scribble(read)
	is(nil, inA)
	w.do(w.s.PutSettings(w.ctx, none, values("system"), nil))
	is(values("system"), inA)

	inA["language"] = usermgmt.SettingValue{Value: "fr", Locked: true, At: at(9)}
	inA["new"] = usermgmt.SettingValue{Value: "n", At: at(9)}
	delete(inA, "quote'\"")
	w.write(func(ctx context.Context, tx usermgmt.Store) error {
		return tx.PutSettings(ctx, a, settings{"language": inA["language"], "new": inA["new"]}, []string{"quote'\""})
	})
	is(values("system"), inA)
	w.do(w.s.PutSettings(w.ctx, a, nil, nil))
	is(values("system"), inA)
	var all []string
	for k := range inA {
		all = append(all, k)
	}
	w.do(w.s.PutSettings(w.ctx, a, nil, all))
	is(values("system"), nil)
	w.do(w.s.PutSettings(w.ctx, none, nil, []string{"k"}))
	is(nil, nil)
}

func settingReferences(w *world) {
	st := w.site("a")
	u := w.user(st, "u")
	w.refuse("settings of an organization that does not exist", isReference, func(ctx context.Context, tx usermgmt.Store) error {
		return tx.PutSettings(ctx, newID[usermgmt.Organization](w), values("x"), nil)
	})
	w.refuse("settings of nobody's membership", isMissing, func(ctx context.Context, tx usermgmt.Store) error {
		return tx.PutMemberSettings(ctx, u.ID, st.org.ID, values("x"), nil)
	})
}

func memberSettings(w *world) {
	a, b := w.site("a"), w.site("b")
	u, v := w.user(a, "u"), w.user(a, "v")
	m := w.join(a, u.ID, func(m *usermgmt.Membership) { m.Rights, m.Settings = 41, values("inserted") })
	others := []usermgmt.Membership{w.join(b, u.ID), w.join(a, v.ID)}
	is := func() {
		w.Helper()
		got(w.s.MembershipOf(w.ctx, u.ID, a.org.ID)).is(w, m)
		for _, o := range others {
			got(w.s.MembershipOf(w.ctx, o.User, o.Org)).is(w, o)
		}
		equal(w, "Rights", m.Rights, got(w.s.StandingOf(w.ctx, u.ID, a.org.ID)).must(w).Rights)
	}
	is()
	set := w.settings()
	argument := clone(set)
	w.do(w.s.PutMemberSettings(w.ctx, u.ID, a.org.ID, argument, []string{"not there"}))
	scribble(argument)
	maps.Copy(m.Settings, set) // and nothing else changes
	is()
	read := got(w.s.MembershipsOf(w.ctx, u.ID)).must(w)
	scribble(read)
	is()
	w.write(func(ctx context.Context, tx usermgmt.Store) error {
		return tx.PutMemberSettings(ctx, u.ID, a.org.ID, values("again"), []string{"language", ""})
	})
	maps.Copy(m.Settings, values("again"))
	delete(m.Settings, "language")
	delete(m.Settings, "")
	is()

	given := m // was read before, and is not stale for it
	given.Settings = values("lost")
	given.Enabled = false
	w.do(w.s.SaveMembership(w.ctx, given))
	m.Enabled, m.Version, m.Rights = false, 2, 42
	is()
	var all []string
	for k := range m.Settings {
		all = append(all, k)
	}
	w.do(w.s.PutMemberSettings(w.ctx, u.ID, a.org.ID, nil, all))
	m.Settings = nil
	is()
}
