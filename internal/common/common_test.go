package common

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestTheListIsThere(t *testing.T) {
	t.Parallel()
	assert.Greater(t, len(passwords()), 7000)
}

func TestPassword(t *testing.T) {
	t.Parallel()
	for _, p := range []string{
		"password", "PassWord", "12345678", "passwordpassword", "qwerty123456789", "aaaaaaaaaaaaaaaa",
		"abcdefghijklmnop", "9876543210987654", "iloveyouiloveyou", "dragondragondragon1234",
	} {
		assert.True(t, Password(p), p)
	}
	for _, p := range []string{
		"", "correct horse battery staple", "Tr0ub4dor&3xyzzyplugh", strings.Repeat("x9", 20) + "q",
		"the quick brown fox", "пароль-из-шести-слов", "🙂🙃🙂🙃🙂🙃🙂🙃🙂🙃🙂🙃🙂🙃🙂",
	} {
		assert.False(t, Password(p), p)
	}
}

func FuzzPassword(f *testing.F) {
	f.Add("password1234")
	f.Add("aaaaabbbbbaaaaabbbbb")
	f.Fuzz(func(t *testing.T, s string) {
		if Password(s) != Password(strings.ToLower(s)) {
			t.Errorf("the answer depends on case: %q", s)
		}
	})
}
