package phc

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	const (
		salt = "c29tZXNhbHQ"
		tag  = "nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
		end  = "$" + salt + "$" + tag
		argo = "$argon2id$v=19$m=256,t=2,p=1"
		bcry = "$2a$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e"
		cryp = "svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"
	)
	_, err := Parse(argo + end)
	require.NoError(t, err)
	for in, want := range map[string]error{
		"":                                  ErrFormat,
		"$":                                 ErrFormat,
		"$$":                                ErrFormat,
		"{":                                 ErrFormat,
		"{}":                                ErrFormat,
		"correct horse battery staple":      ErrFormat,
		"hunter2":                           ErrFormat,
		"{CLEAR}hunter2":                    ErrFormat,
		"{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=": ErrFormat,
		"5f4dcc3b5aa765d61d8327deb882cf99":  ErrFormat,
		"$1$salt$qJH7.N4xYta3aEG/dfqo/0":    ErrFormat,
		"$5$salt$x":                         ErrFormat,

		strings.Repeat("a", 513):                          ErrFormat,
		argo + end + strings.Repeat("A", 512):             ErrFormat,
		" " + argo + end:                                  ErrFormat,
		argo + end + "\n":                                 ErrFormat,
		argo + "$" + salt + "$nf6\n5" + tag[4:]:           ErrFormat,
		argo + end + "é":                                  ErrFormat,
		argo + end + "=":                                  ErrFormat,
		argo + end + "$":                                  ErrFormat,
		argo + end + "AA":                                 ErrFormat,
		argo:                                              ErrFormat,
		argo + "$" + salt:                                 ErrFormat,
		argo + "$" + salt + "$":                           ErrBounds,
		argo + "$$" + tag:                                 ErrBounds,
		argo + "$c29tZXNhbH$" + tag:                       ErrFormat,
		argo + "$c29tZXNhbHR$" + tag:                      ErrFormat, // unused bits
		argo + "$c29tZXNh$" + tag:                         ErrBounds,
		argo + "$" + strings.Repeat("A", 88) + "$" + tag:  ErrBounds,
		argo + "$" + salt + "$" + strings.Repeat("A", 88): ErrBounds,
		argo + "$" + salt + "$AAAA":                       ErrBounds,

		"$argon2d$v=19$m=256,t=2,p=1" + end:                      ErrFormat,
		"$argon2id$m=256,t=2,p=1" + end:                          ErrFormat,
		"$argon2id$v=16$m=256,t=2,p=1" + end:                     ErrFormat,
		"$argon2id$v=19$t=2,m=256,p=1" + end:                     ErrFormat,
		"$argon2id$v=19$m=256,t=2" + end:                         ErrFormat,
		"$argon2id$v=19$m=256,t=2,p=1,x=1" + end:                 ErrFormat,
		"$argon2id$v=19$m=256,t=2,p=" + end:                      ErrFormat,
		"$argon2id$v=19$m=0256,t=2,p=1" + end:                    ErrFormat,
		"$argon2id$v=19$m=+256,t=2,p=1" + end:                    ErrFormat,
		"$argon2id$v=19$m=-256,t=2,p=1" + end:                    ErrFormat,
		"$argon2id$v=19$m=0,t=2,p=1" + end:                       ErrBounds,
		"$argon2id$v=19$m=7,t=2,p=1" + end:                       ErrBounds,
		"$argon2id$v=19$m=262145,t=2,p=1" + end:                  ErrBounds,
		"$argon2id$v=19$m=4294967295,t=2,p=1" + end:              ErrBounds,
		"$argon2id$v=19$m=4294967552,t=2,p=1" + end:              ErrBounds,
		"$argon2id$v=19$m=99999999999999999999999,t=2,p=1" + end: ErrBounds,
		"$argon2id$v=19$m=256,t=0,p=1" + end:                     ErrBounds,
		"$argon2id$v=19$m=256,t=17,p=1" + end:                    ErrBounds,
		"$argon2id$v=19$m=256,t=2,p=0" + end:                     ErrBounds,
		"$argon2id$v=19$m=256,t=2,p=17" + end:                    ErrBounds,
		"$argon2id$v=19$m=256,t=2,p=257" + end:                   ErrBounds,

		bcry[:59]:                   ErrFormat,
		bcry + "a":                  ErrFormat,
		"$2x" + bcry[3:]:            ErrFormat,
		"$2$" + bcry[4:] + "a":      ErrFormat,
		"$2a$4$a" + bcry[7:]:        ErrFormat,
		"$2a$0x" + bcry[6:]:         ErrFormat,
		"$2a$00" + bcry[6:]:         ErrBounds,
		"$2a$03" + bcry[6:]:         ErrBounds,
		"$2a$17" + bcry[6:]:         ErrBounds,
		"$2a$99" + bcry[6:]:         ErrBounds,
		bcry[:30] + "-" + bcry[31:]: ErrFormat,

		"$scrypt$ln=0,r=8,p=1" + end:   ErrBounds,
		"$scrypt$ln=21,r=1,p=1" + end:  ErrBounds,
		"$scrypt$ln=64,r=8,p=1" + end:  ErrBounds,
		"$scrypt$ln=10,r=0,p=1" + end:  ErrBounds,
		"$scrypt$ln=10,r=33,p=1" + end: ErrBounds,
		"$scrypt$ln=10,r=8,p=0" + end:  ErrBounds,
		"$scrypt$ln=10,r=8,p=17" + end: ErrBounds,
		"$scrypt$ln=19,r=8,p=1" + end:  ErrBounds, // 512 MiB
		"$scrypt$ln=18,r=8,p=5" + end:  ErrBounds, // 1.25 GiB of work
		"$scrypt$ln=10,r=8" + end:      ErrFormat,
		"$scrypt$n=10,r=8,p=1" + end:   ErrFormat,

		"$pbkdf2-sha256$0$" + salt + "$" + tag:        ErrBounds,
		"$pbkdf2-sha256$5000001$" + salt + "$" + tag:  ErrBounds,
		"$pbkdf2-sha256$01$" + salt + "$" + tag:       ErrFormat,
		"$pbkdf2-sha256$1$" + salt + "$" + tag[:42]:   ErrFormat,
		"$pbkdf2-sha256$1$" + salt + "$" + tag + "AA": ErrBounds,
		"$pbkdf2-sha256$1$" + salt:                    ErrFormat,
		"$pbkdf2$1$" + salt + "$" + tag:               ErrBounds,
		"$pbkdf2-sha256$1$+" + salt[1:] + "$" + tag:   ErrFormat,
		"$pbkdf2-md5$1$" + salt + "$" + tag:           ErrFormat,

		"$6$salt$" + cryp[1:]:            ErrFormat,
		"$6$salt$" + cryp + "a":          ErrFormat,
		"$6$salt$-" + cryp[1:]:           ErrFormat,
		"$6$sa-lt$" + cryp:               ErrFormat,
		"$6$" + cryp:                     ErrFormat,
		"$6$$" + cryp:                    ErrBounds,
		"$6$saltsaltsaltsalts$" + cryp:   ErrBounds,
		"$6$rounds=999$salt$" + cryp:     ErrBounds,
		"$6$rounds=1000001$salt$" + cryp: ErrBounds,
		"$6$rounds=$salt$" + cryp:        ErrFormat,
		"$6$rounds=05000$salt$" + cryp:   ErrFormat,
		"$6$rounds=5000$" + cryp:         ErrFormat,

		"{SSHA}":                             ErrBounds,
		"{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=": ErrBounds, // no salt
		"{SSHA}UrsBL2StI8IucAIOia+o96xwYBnw8fLz9PX29w":       ErrFormat,
		"{ssha}UrsBL2StI8IucAIOia+o96xwYBnw8fLz9PX29w==":     ErrFormat,
		"{SSHA" + "UrsBL2StI8IucAIOia+o96xwYBnw8fLz9PX29w==": ErrFormat,
		"{SSHA}" + strings.Repeat("A", 400):                  ErrBounds,
		"{SSHA384}" + strings.Repeat("A", 100):               ErrFormat,
	} {
		h, err := Parse(in)
		assert.Equal(t, want, err, "%q", in)
		assert.Equal(t, Hash{}, h, "%q", in)
	}
}

func TestParseAtBounds(t *testing.T) {
	t.Parallel()
	const end = "$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
	for in, memory := range map[string]uint32{
		"$argon2id$v=19$m=262144,t=16,p=16" + end:                                                262144,
		"$argon2id$v=19$m=8,t=1,p=1" + end:                                                       8,
		"$scrypt$ln=18,r=8,p=4" + end:                                                            262144 + 6,
		"$scrypt$ln=20,r=2,p=1" + end:                                                            262144,
		"$pbkdf2-sha256$5000000" + end:                                                           1,
		"$2a$16$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e":                           5,
		"$argon2id$v=19$m=8,t=1,p=1$" + strings.Repeat("A", 85) + "A$" + strings.Repeat("A", 86): 8,
	} {
		h, err := Parse(in)
		if assert.NoError(t, err, in) {
			assert.Equal(t, memory, h.MemoryKiB(), in)
		}
	}
}

func TestParseAllocs(t *testing.T) {
	huge := "$argon2id$v=19$m=256,t=2,p=1$" + strings.Repeat("A", 460)
	assert.Zero(t, testing.AllocsPerRun(10, func() { _, _ = Parse(huge) }))
	costly := "$argon2id$v=19$m=4294967295,t=4294967295,p=255$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
	assert.Zero(t, testing.AllocsPerRun(10, func() { _, _ = Parse(costly) }))
}

// cheap reports whether checking h takes less than about a millisecond.
func cheap(h Hash) bool {
	switch h.scheme {
	case argon2id:
		return h.cost[0]*h.cost[1] <= 512
	case bcryptScheme:
		return false
	case scryptScheme:
		return uint64(h.cost[1]*h.cost[2])<<h.cost[0] <= 1<<12
	default:
		return h.cost[0] <= 1000
	}
}

func FuzzParse(f *testing.F) {
	for _, v := range vectors {
		f.Add(v.encoded, []byte(v.password))
	}
	f.Add("$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", []byte("x"))
	f.Add("$scrypt$ln=1,r=1,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", []byte{})
	f.Add("$pbkdf2-sha256$1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", []byte{0})
	f.Add("plaintext", []byte("plaintext"))
	f.Fuzz(func(t *testing.T, encoded string, password []byte) {
		h, err := Parse(encoded)
		if err != nil {
			require.True(t, err == ErrFormat || err == ErrBounds)
			require.Equal(t, Hash{}, h)
			return
		}
		require.NotEmpty(t, h.Scheme())
		require.LessOrEqual(t, len(h.salt), maxSalt)
		require.LessOrEqual(t, len(h.sum), sha512CryptLen)
		require.LessOrEqual(t, h.MemoryKiB(), uint32(maxArgonMemory+2*maxScryptP*maxScryptR))
		if cheap(h) {
			_ = h.Verify(password)
		}
	})
}
