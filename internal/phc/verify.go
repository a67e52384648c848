package phc

import (
	"bytes"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"hash"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/crypto/scrypt"
)

const maxBcryptPassword = 72 // bytes

// Verify reports whether h is the hash of password. It takes the time and the
// memory that h asks for, within the bounds of [Parse], and compares in
// constant time. A password of more than 1024 bytes never verifies.
func (h Hash) Verify(password []byte) bool {
	if len(password) > maxPassword {
		return false
	}
	switch h.scheme {
	case argon2id:
		return h.equal(argon2.IDKey(password, h.salt, h.cost[1], h.cost[0], uint8(h.cost[2]), uint32(len(h.sum))))
	case argon2i:
		return h.equal(argon2.Key(password, h.salt, h.cost[1], h.cost[0], uint8(h.cost[2]), uint32(len(h.sum))))
	case bcryptScheme:
		return h.verifyBcrypt(password)
	case scryptScheme:
		key, err := scrypt.Key(password, h.salt, 1<<h.cost[0], int(h.cost[1]), int(h.cost[2]), len(h.sum))
		return err == nil && h.equal(key)
	case pbkdf2SHA1:
		return h.verifyPBKDF2(sha1.New, password)
	case pbkdf2SHA256:
		return h.verifyPBKDF2(sha256.New, password)
	case pbkdf2SHA512:
		return h.verifyPBKDF2(sha512.New, password)
	case sha512Crypt:
		// The password of crypt(3) ends at a zero byte.
		return bytes.IndexByte(password, 0) < 0 && h.equal(sha512CryptSum(password, h.salt, int(h.cost[0])))
	case ssha:
		return h.verifyDigest(sha1.New(), password)
	case ssha256:
		return h.verifyDigest(sha256.New(), password)
	case ssha512:
		return h.verifyDigest(sha512.New(), password)
	}
	return false
}

func (h Hash) equal(sum []byte) bool { return subtle.ConstantTimeCompare(h.sum, sum) == 1 }

// verifyBcrypt does the work also for a password that it refuses, so that its
// time does not tell anything.
func (h Hash) verifyBcrypt(password []byte) bool {
	// bcrypt ignores what is behind 72 bytes, and repeats a password with a
	// zero byte between.
	whole := len(password) <= maxBcryptPassword && bytes.IndexByte(password, 0) < 0
	same := bcrypt.CompareHashAndPassword(h.sum, password) == nil
	return whole && same
}

func (h Hash) verifyPBKDF2(newHash func() hash.Hash, password []byte) bool {
	key, err := pbkdf2.Key(newHash, string(password), h.salt, int(h.cost[0]), len(h.sum))
	return err == nil && h.equal(key)
}

func (h Hash) verifyDigest(d hash.Hash, password []byte) bool {
	d.Write(password)
	d.Write(h.salt)
	return h.equal(d.Sum(nil))
}
