package phc

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Hashes made by others: crypt(3), the hashlib of Python, and the authors of
// the test vectors that are named.
var vectors = []struct{ scheme, password, encoded string }{
	// The test vectors of the reference implementation of Argon2.
	{"argon2id", "password", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"},
	{"argon2id", "password", "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"},
	{"argon2id", "password", "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc"},
	{"argon2id", "differentpassword", "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$C4TWUs9rDEvq7w3+J4umqA32aWKB1+DSiRuBfYxFj94"},

	{"argon2i", "password", "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA"},
	{"argon2i", "password", "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8"},

	{"bcrypt", "correct horse", "$2a$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e"},
	{"bcrypt", "correct horse", "$2b$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2"},
	{"bcrypt", "correct horse", "$2y$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e"},
	{"bcrypt", strings.Repeat("x", 72), "$2b$04$abcdefghijklmnopqrstuubzadhGtS2zEF.gu0yd0opP6cVzb.e0i"},
	// From the test vectors of jBCrypt.
	{"bcrypt", "", "$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s."},
	{"bcrypt", "abc", "$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i"},

	{"scrypt", "correct horse", "$scrypt$ln=10,r=8,p=2$8PHy8/T19vf4+fr7/P3+/w$zlyODpoBYlvvrKdLfDxzQA7ogMUIqgUud1Obs+3SDI4"},
	// An example in the documentation of passlib.
	{"scrypt", "password", "$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E"},

	{"pbkdf2-sha1", "correct horse", "$pbkdf2$1000$8PHy8/T19vf4.fr7/P3./w$.5QX0J046SbyM4zUrpWK1an1PdA"},
	{"pbkdf2-sha256", "correct horse", "$pbkdf2-sha256$1000$8PHy8/T19vf4.fr7/P3./w$JwgcbJZlHBoE0uPBMy9SZsCsIJXsYLx/8XwH97PVwMU"},
	// From the tests of passlib.
	{"pbkdf2-sha256", "password", "$pbkdf2-sha256$1212$4vjV83LKPjQzk31VI4E0Vw$hsYF68OiOUPdDZ1Fg.fJPeq1h/gXXY7acBp9/6c.tmQ"},
	{"pbkdf2-sha512", "correct horse", "$pbkdf2-sha512$1000$8PHy8/T19vf4.fr7/P3./w$xqu1f3FSdHbs02z9AocIk0UpBf6S9uqlRTfcS56zkPqTxPMhm.kj4D.e8E9DRlH/uXf/Pe1g59vHIM0MwcvtiA"},

	// Drepper's test vectors whose rounds are within the bounds.
	{"sha512-crypt", "Hello world!", "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1"},
	{"sha512-crypt", "Hello world!", "$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v."},
	{"sha512-crypt", "This is just a test", "$6$rounds=5000$toolongsaltstrin$lQ8jolhgVRVhY4b5pZKaysCLi0QBxGoNeKQzQ3glMhwllF7oGDZxUhx1yxdYcz/e1JSbq3y6JMxxl8audkUEm0"},
	{"sha512-crypt", "a very much longer text to encrypt.  This one even stretches over morethan one line.", "$6$rounds=1400$anotherlongsalts$POfYwTEok97VWcjxIiSOjiykti.o/pQs.wPvMxQ6Fm7I6IoYN3CmLs66x9t0oSwbtEW7o7UmJEiDwGqd8p4ur1"},
	{"sha512-crypt", "we have a short salt string but not a short password", "$6$rounds=77777$short$WuQyW2YR.hBNpjjRhpYD/ifIw05xdfeEyQoMxIXbkvr0gge1a1x3yRULJ5CCaUeOxFmtlcGZelFl5CxtgfiAc0"},
	{"sha512-crypt", "a short string", "$6$rounds=123456$asaltof16chars..$BtCwjqMJGx5hrJhZywWvt0RLE8uZ4oPwcelCjmw2kSYu.Ec6ycULevoBK25fs2xXgMNrCzIMVcgEJAstJeonj1"},
	{"sha512-crypt", "the minimum number is still observed", "$6$rounds=1000$roundstoolow$kUMsbe306n21p9R.FRkW3IGn.S9NPN0x50YhH1xhLsPuWGsUSklZt58jaTfF4ZEQpyUNGc0dqbpBYYBaHHrsX."},
	{"sha512-crypt", strings.Repeat("p", 200), "$6$rounds=1000$Salt./09azAZ$MS8wsS2hLzoji6l57PWd0sJXwO4iehaeDcCV81i94esQta0dIY8h80IFLAW7SDzL2eBTQDCjAaxGadxVfITWL."},
	{"sha512-crypt", "", "$6$rounds=1000$Salt./09azAZ$2ZYouetpqQHbHWHEe/Lrz1W1E85WHWTY5Rj4J2EuhT5LYpwN8pTXj1gqYrut16/Bl3Tzav9Wmn12JGEXwS4Cq0"},
	{"sha512-crypt", strings.Repeat("p", 63), "$6$rounds=1000$Salt./09azAZ$cbFuVm/iu4DV7Iq1e83MQN1bPCela.Uma/7BaXrz.oKsQt2Lr7h.Iy3dG379PfwETyiwzJB5Us/3aDz0mbLZl."},
	{"sha512-crypt", strings.Repeat("p", 64), "$6$rounds=1000$Salt./09azAZ$gdeLRp5Cl4ec0Mep9WYhjNIsuAS81JuI4pgCsJqGcIr1GA00ZCP2XxBMgWoqc8UMsyS.nLpA/uoGdxLsIOjAh1"},
	{"sha512-crypt", strings.Repeat("p", 65), "$6$rounds=1000$Salt./09azAZ$pnlbxdPXfadxrzYCf28QCn4j51WyMOb9fdYsL1cvLYHoeaUz2oUkBHZKUZmsOE.wNwTG94Wf6ya3qNoh.tDyP/"},
	{"sha512-crypt", strings.Repeat("p", 128), "$6$rounds=1000$Salt./09azAZ$DWOSyKkABnhAqFaZHq/4.ZBwaCGnGYdQ74sUNLYfNhJYyo1K.J3XkZ9fuEPP1yihGZ8JCRd7PJG1t14AhQ9bM0"},
	{"sha512-crypt", "pässwörd", "$6$rounds=1000$Salt./09azAZ$2GeLPg2gahEcxSMMk/tFSfVrIHfBJ3FdoQRIF7pgxvzd90rF6nGg19sIIMw4S1U2xl7Akdf5syxIfHh9q9b7V."},

	{"ssha", "correct horse", "{SSHA}UrsBL2StI8IucAIOia+o96xwYBnw8fLz9PX29w=="},
	{"ssha256", "correct horse", "{SSHA256}LN3sEs35IWctApjJ0xTAXkxumLStn2cGf2QJvjkHAHHw8fLz9PX29w=="},
	{"ssha512", "correct horse", "{SSHA512}eo1jKrTpam0gkdPzIx/096PrqnmHWGia2yZDu8+C9vqJ/3itgnDUIAyY6QrSGVqu/I1TM5CNu2k8+d8cMsYA0vDx8vP09fb3"},
}

func TestVectors(t *testing.T) {
	t.Parallel()
	current := Argon2id{Memory: 47104, Time: 1, Threads: 1}
	for _, v := range vectors {
		t.Run(v.scheme, func(t *testing.T) {
			t.Parallel()
			h, err := Parse(v.encoded)
			require.NoError(t, err, v.encoded)
			assert.Equal(t, v.scheme, h.Scheme())
			assert.True(t, h.Verify([]byte(v.password)), v.encoded)
			assert.False(t, h.Verify([]byte(v.password+"x")), v.encoded)
			assert.True(t, h.NeedsRehash(current))
			assert.NotZero(t, h.MemoryKiB())
		})
	}
}

func TestAlteredSum(t *testing.T) {
	t.Parallel()
	for _, v := range vectors {
		if strings.Contains(v.encoded, "m=65536") || strings.Contains(v.encoded, "ln=16") {
			continue
		}
		// Not the last characters, whose unused bits may not be free.
		i := len(v.encoded) - 8
		c := "A"
		if v.encoded[i] == 'A' {
			c = "B"
		}
		h, err := Parse(v.encoded[:i] + c + v.encoded[i+1:])
		require.NoError(t, err, v.encoded)
		assert.False(t, h.Verify([]byte(v.password)), v.encoded)
	}
}

func TestHash(t *testing.T) {
	t.Parallel()
	p := Argon2id{Memory: 64, Time: 2, Threads: 3}
	salt := bytes.Repeat([]byte{0xfb}, SaltSize)
	encoded, err := p.Hash([]byte("secret"), [SaltSize]byte(salt))
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(encoded, "$argon2id$v=19$m=64,t=2,p=3$+/v7+/v7+/v7+/v7+/v7+w$"), encoded)
	h, err := Parse(encoded)
	require.NoError(t, err)
	assert.Equal(t, "argon2id", h.Scheme())
	assert.Equal(t, uint32(64), h.MemoryKiB())
	assert.True(t, h.Verify([]byte("secret")))
	assert.False(t, h.Verify([]byte("Secret")))
	assert.False(t, h.Verify(nil))

	assert.False(t, h.NeedsRehash(p))
	assert.True(t, h.NeedsRehash(Argon2id{65, 2, 3}))
	assert.True(t, h.NeedsRehash(Argon2id{64, 3, 3}))
	assert.True(t, h.NeedsRehash(Argon2id{64, 2, 1}))

	_, err = Argon2id{}.Hash(nil, [SaltSize]byte(salt))
	require.Error(t, err)
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		p                Argon2id
		usable, overFlor bool
	}{
		{Argon2id{47104, 1, 1}, true, true},
		{Argon2id{47103, 1, 1}, true, false},
		{Argon2id{19456, 2, 1}, true, true},
		{Argon2id{19455, 2, 1}, true, false},
		{Argon2id{12288, 3, 16}, true, true},
		{Argon2id{12287, 3, 1}, true, false},
		{Argon2id{9216, 4, 1}, true, true},
		{Argon2id{9215, 4, 1}, true, false},
		{Argon2id{7168, 5, 1}, true, true},
		{Argon2id{7168, 16, 1}, true, true},
		{Argon2id{7167, 16, 1}, true, false},
		{Argon2id{262144, 1, 1}, true, true},
		{Argon2id{262145, 1, 1}, false, false},
		{Argon2id{65536, 17, 1}, false, false},
		{Argon2id{65536, 0, 1}, false, false},
		{Argon2id{65536, 2, 0}, false, false},
		{Argon2id{65536, 2, 17}, false, false},
		{Argon2id{128, 2, 16}, true, false},
		{Argon2id{127, 2, 16}, false, false},
		{Argon2id{}, false, false},
	} {
		assert.Equal(t, c.usable, c.p.Validate(false) == nil, "%+v", c.p)
		assert.Equal(t, c.overFlor, c.p.Validate(true) == nil, "%+v", c.p)
	}
}

func TestBcryptLongPassword(t *testing.T) {
	t.Parallel()
	// crypt(3) gives passwords of 72 and 73 characters the same hash.
	h, err := Parse("$2b$04$abcdefghijklmnopqrstuubzadhGtS2zEF.gu0yd0opP6cVzb.e0i")
	require.NoError(t, err)
	assert.True(t, h.Verify(bytes.Repeat([]byte("x"), 72)))
	assert.False(t, h.Verify(bytes.Repeat([]byte("x"), 73)))

	// To bcrypt, "a" and "a\x00a" are the same.
	h, err = Parse("$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i")
	require.NoError(t, err)
	assert.False(t, h.Verify([]byte("abc\x00abc")))
}

func TestTooLongPassword(t *testing.T) {
	t.Parallel()
	p := Argon2id{64, 1, 1}
	password := bytes.Repeat([]byte("x"), maxPassword+1)
	h, err := Parse(hashed(t, p, password))
	require.NoError(t, err)
	assert.False(t, h.Verify(password))
	h, err = Parse(hashed(t, p, password[1:]))
	require.NoError(t, err)
	assert.True(t, h.Verify(password[1:]))
}

func TestZeroHash(t *testing.T) {
	t.Parallel()
	var h Hash
	assert.Empty(t, h.Scheme())
	assert.False(t, h.Verify(nil))
	assert.True(t, h.NeedsRehash(Argon2id{}))
	assert.Equal(t, uint32(1), h.MemoryKiB())
}

func BenchmarkVerify(b *testing.B) {
	for _, v := range vectors[:1] {
		h, err := Parse(v.encoded)
		require.NoError(b, err)
		b.ReportAllocs()
		for b.Loop() {
			h.Verify([]byte(v.password))
		}
	}
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(vectors[0].encoded); err != nil {
			b.Fatal(err)
		}
	}
}

func hashed(t *testing.T, p Argon2id, password []byte) string {
	t.Helper()
	encoded, err := p.Hash(password, [SaltSize]byte{})
	require.NoError(t, err)
	return encoded
}
