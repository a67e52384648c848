package phc

import (
	"encoding/base64"
	"strings"
)

type scheme uint8

const (
	noScheme scheme = iota
	argon2id
	bcryptScheme
	scryptScheme
	pbkdf2SHA1
	pbkdf2SHA256
	pbkdf2SHA512
	sha512Crypt
	ssha
	ssha256
	ssha512
	argon2i
)

func (s scheme) name() string {
	return [...]string{
		noScheme: "", argon2id: "argon2id", bcryptScheme: "bcrypt", scryptScheme: "scrypt",
		pbkdf2SHA1: "pbkdf2-sha1", pbkdf2SHA256: "pbkdf2-sha256", pbkdf2SHA512: "pbkdf2-sha512",
		sha512Crypt: "sha512-crypt", ssha: "ssha", ssha256: "ssha256", ssha512: "ssha512", argon2i: "argon2i",
	}[s]
}

// Bounds of the other schemes.
const (
	minBcryptCost = 4
	maxBcryptCost = 16

	maxScryptLogN   = 20
	maxScryptR      = 32
	maxScryptP      = 16
	maxScryptMemory = 256 << 20 // bytes, 128*N*r
	maxScryptWork   = 1 << 30   // bytes, 128*N*r*p

	maxPBKDF2Rounds = 5_000_000

	minCryptRounds     = 1000
	maxCryptRounds     = 1_000_000
	defaultCryptRounds = 5000
	maxCryptSalt       = 16

	minSalt = 1 // of foreign hashes
	maxSalt = 64
	minSum  = 16
	maxSum  = 64

	minArgonSalt = 8 // RFC 9106, section 3.1
)

// Parse reads a stored hash. It accepts, with these bounds:
//
//   - $argon2id$v=19$m=,t=,p=$salt$tag, with the bounds of [Argon2id.Validate]
//     but without the floor, a salt of 8 to 64 bytes and a tag of 16 to 64; and
//     the same with $argon2i
//   - $2a$, $2b$ and $2y$, bcrypt, with a cost of 4 to 16; a password of more
//     than 72 bytes, which bcrypt would cut, never verifies
//   - $scrypt$ln=,r=,p=$salt$sum, with N = 2^ln, ln at most 20, r at most 32,
//     p at most 16, 128*N*r at most 256 MiB and 128*N*r*p at most 1 GiB
//   - $pbkdf2$, $pbkdf2-sha256$ and $pbkdf2-sha512$rounds$salt$sum in the form
//     of passlib, with at most 5,000,000 rounds and a sum of full size
//   - $6$salt$sum and $6$rounds=N$salt$sum, SHA-512 crypt, with 1,000 to
//     1,000,000 rounds and a salt of 1 to 16 of the characters ./0-9A-Za-z
//   - {SSHA}, {SSHA256} and {SSHA512} of LDAP directories, in capitals, with
//     base64 of the digest and the salt behind it
//
// Foreign salts have 1 to 64 bytes, sums of scrypt 16 to 64. Numbers are
// decimal without leading zeros, base64 is canonical, and the whole text has
// at most 512 bytes. Every bound is checked before what it bounds is allocated.
// The error is [ErrFormat] or [ErrBounds]; a plaintext password is ErrFormat.
func Parse(encoded string) (Hash, error) {
	if len(encoded) > maxEncoded {
		return Hash{}, ErrFormat
	}
	// This also keeps out the line ends that encoding/base64 skips.
	for i := range len(encoded) {
		if encoded[i] <= ' ' || encoded[i] > '~' {
			return Hash{}, ErrFormat
		}
	}
	if rest, ok := strings.CutPrefix(encoded, "{"); ok {
		return parseLDAP(rest)
	}
	rest, ok := strings.CutPrefix(encoded, "$")
	if !ok {
		return Hash{}, ErrFormat
	}
	name, rest, ok := strings.Cut(rest, "$")
	if !ok {
		return Hash{}, ErrFormat
	}
	switch name {
	case "argon2id":
		return parseArgon2(argon2id, rest)
	case "argon2i":
		return parseArgon2(argon2i, rest)
	case "2a", "2b", "2y":
		return parseBcrypt(encoded)
	case "scrypt":
		return parseScrypt(rest)
	case "pbkdf2":
		return parsePBKDF2(pbkdf2SHA1, 20, rest)
	case "pbkdf2-sha256":
		return parsePBKDF2(pbkdf2SHA256, 32, rest)
	case "pbkdf2-sha512":
		return parsePBKDF2(pbkdf2SHA512, 64, rest)
	case "6":
		return parseSHA512Crypt(rest)
	}
	return Hash{}, ErrFormat
}

func parseArgon2(sch scheme, s string) (Hash, error) {
	s, ok := strings.CutPrefix(s, "v=19$")
	if !ok {
		return Hash{}, ErrFormat
	}
	params, s, _ := strings.Cut(s, "$")
	cost, err := parseCost(params, "m=", "t=", "p=")
	if err != nil {
		return Hash{}, err
	}
	if cost[2] > maxArgonThreads || (Argon2id{cost[0], cost[1], uint8(cost[2])}).Validate(false) != nil {
		return Hash{}, ErrBounds
	}
	return parseSalted(Hash{scheme: sch, cost: cost}, base64.RawStdEncoding, s, minArgonSalt, minSum, maxSum)
}

func parseScrypt(s string) (Hash, error) {
	params, s, _ := strings.Cut(s, "$")
	cost, err := parseCost(params, "ln=", "r=", "p=")
	if err != nil {
		return Hash{}, err
	}
	logN, r, p := cost[0], cost[1], cost[2]
	if logN < 1 || logN > maxScryptLogN || r < 1 || r > maxScryptR || p < 1 || p > maxScryptP {
		return Hash{}, ErrBounds
	}
	memory := 128 * uint64(r) << logN
	if memory > maxScryptMemory || memory*uint64(p) > maxScryptWork {
		return Hash{}, ErrBounds
	}
	return parseSalted(Hash{scheme: scryptScheme, cost: cost}, base64.RawStdEncoding, s, minSalt, minSum, maxSum)
}

func parsePBKDF2(sch scheme, size int, s string) (Hash, error) {
	rounds, s, _ := strings.Cut(s, "$")
	n, err := parseNumber(rounds)
	if err != nil {
		return Hash{}, err
	}
	if n < 1 || n > maxPBKDF2Rounds {
		return Hash{}, ErrBounds
	}
	return parseSalted(Hash{scheme: sch, cost: [3]uint32{n}}, passlibBase64, s, minSalt, size, size)
}

// passlibBase64 is standard base64 with '.' for '+' and without padding.
var passlibBase64 = base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789./").
	WithPadding(base64.NoPadding)

func parseBcrypt(s string) (Hash, error) {
	const prefix = len("$2a$")
	if len(s) != 60 || s[prefix+2] != '$' {
		return Hash{}, ErrFormat
	}
	digits := s[prefix : prefix+2]
	cost, err := parseNumber(strings.TrimPrefix(digits, "0"))
	if err != nil {
		return Hash{}, err
	}
	if !cryptAlphabet(s[prefix+3:]) {
		return Hash{}, ErrFormat
	}
	if cost < minBcryptCost || cost > maxBcryptCost {
		return Hash{}, ErrBounds
	}
	return Hash{scheme: bcryptScheme, cost: [3]uint32{cost}, sum: []byte(s)}, nil
}

func parseSHA512Crypt(s string) (Hash, error) {
	n := uint32(defaultCryptRounds)
	if rest, ok := strings.CutPrefix(s, "rounds="); ok {
		var digits string
		var err error
		digits, s, _ = strings.Cut(rest, "$")
		if n, err = parseNumber(digits); err != nil {
			return Hash{}, err
		}
		if n < minCryptRounds || n > maxCryptRounds {
			return Hash{}, ErrBounds
		}
	}
	salt, sum, ok := strings.Cut(s, "$")
	if !ok || len(sum) != sha512CryptLen || !cryptAlphabet(salt) || !cryptAlphabet(sum) {
		return Hash{}, ErrFormat
	}
	if len(salt) < minSalt || len(salt) > maxCryptSalt {
		return Hash{}, ErrBounds
	}
	return Hash{scheme: sha512Crypt, cost: [3]uint32{n}, salt: []byte(salt), sum: []byte(sum)}, nil
}

func parseLDAP(s string) (Hash, error) {
	name, text, ok := strings.Cut(s, "}")
	if !ok {
		return Hash{}, ErrFormat
	}
	var sch scheme
	var size int
	switch name {
	case "SSHA":
		sch, size = ssha, 20
	case "SSHA256":
		sch, size = ssha256, 32
	case "SSHA512":
		sch, size = ssha512, 64
	default:
		return Hash{}, ErrFormat
	}
	both, err := decode(base64.StdEncoding, text, size+minSalt, size+maxSalt)
	if err != nil {
		return Hash{}, err
	}
	return Hash{scheme: sch, salt: both[size:], sum: both[:size]}, nil
}

// parseSalted reads "salt$sum" into h.
func parseSalted(h Hash, enc *base64.Encoding, s string, leastSalt, leastSum, mostSum int) (Hash, error) {
	salt, sum, ok := strings.Cut(s, "$")
	if !ok {
		return Hash{}, ErrFormat
	}
	var err error
	if h.salt, err = decode(enc, salt, leastSalt, maxSalt); err != nil {
		return Hash{}, err
	}
	if h.sum, err = decode(enc, sum, leastSum, mostSum); err != nil {
		return Hash{}, err
	}
	return h, nil
}

// decode decodes canonical base64 of least to most bytes.
func decode(enc *base64.Encoding, s string, least, most int) ([]byte, error) {
	if len(s) > enc.EncodedLen(most) {
		return nil, ErrBounds
	}
	b, err := enc.Strict().DecodeString(s)
	if err != nil {
		return nil, ErrFormat
	}
	if len(b) < least || len(b) > most {
		return nil, ErrBounds
	}
	return b, nil
}

// parseCost reads three numbers, separated by commas, with the given names.
func parseCost(s string, names ...string) (cost [3]uint32, err error) {
	for i, name := range names {
		part, rest, more := strings.Cut(s, ",")
		digits, ok := strings.CutPrefix(part, name)
		if !ok || more != (i < len(names)-1) {
			return cost, ErrFormat
		}
		if cost[i], err = parseNumber(digits); err != nil {
			return cost, err
		}
		s = rest
	}
	return cost, nil
}

// parseNumber reads a decimal number of up to nine digits without leading
// zeros. More digits exceed every bound.
func parseNumber(s string) (uint32, error) {
	if s == "" || s[0] == '0' && s != "0" {
		return 0, ErrFormat
	}
	n := uint32(0)
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, ErrFormat
		}
		if i >= 9 {
			return 0, ErrBounds
		}
		n = 10*n + uint32(s[i]-'0')
	}
	return n, nil
}

// cryptAlphabet reports whether s consists of the characters ./0-9A-Za-z.
func cryptAlphabet(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case '.' <= c && c <= '9', 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z':
		default:
			return false
		}
	}
	return true
}
