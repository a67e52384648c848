package phc

import (
	"encoding/base64"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestVectorsOfTheSpecifications checks the test vectors of the RFCs that
// define the functions, in the form in which hashes are stored.
func TestVectorsOfTheSpecifications(t *testing.T) {
	t.Parallel()
	for _, v := range []struct {
		where, password, prefix, salt, sum string
		enc                                *base64.Encoding
	}{
		{"RFC 7914, section 12", "password", "$scrypt$ln=10,r=8,p=16$", "NaCl",
			"fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640",
			base64.RawStdEncoding},
		{"RFC 7914, section 12", "pleaseletmein", "$scrypt$ln=14,r=8,p=1$", "SodiumChloride",
			"7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887",
			base64.RawStdEncoding},
		{"RFC 7914, section 11", "passwd", "$pbkdf2-sha256$1$", "salt",
			"55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc", passlibBase64},
		{"RFC 7914, section 11", "Password", "$pbkdf2-sha256$80000$", "NaCl",
			"4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56", passlibBase64},
		{"RFC 6070", "password", "$pbkdf2$1$", "salt", "0c60c80f961f0e71f3a9b524af6012062fe037a6", passlibBase64},
		{"RFC 6070", "password", "$pbkdf2$4096$", "salt", "4b007901b765489abead49d926f721d065a429c1", passlibBase64},
		{"RFC 6070", "pass\x00word", "$pbkdf2$4096$", "sa\x00lt", "56fa6aa75548099dcc37d7f03425e0c3", passlibBase64},
	} {
		sum, err := hex.DecodeString(v.sum)
		require.NoError(t, err)
		encoded := v.prefix + v.enc.EncodeToString([]byte(v.salt)) + "$" + v.enc.EncodeToString(sum)
		h, err := Parse(encoded)
		if len(sum) < 20 {
			require.ErrorIs(t, err, ErrBounds, "%s: a sum that is cut is not taken", v.where)
			continue
		}
		require.NoError(t, err, v.where)
		assert.True(t, h.Verify([]byte(v.password)), "%s: %s", v.where, encoded)
		assert.False(t, h.Verify([]byte(v.password+"x")))
	}
}
