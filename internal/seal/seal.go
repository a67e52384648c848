// Package seal encrypts small secrets that must be read again, with AES-256-GCM.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
)

// KeySize is the length of a key in bytes.
const KeySize = 32

// The parts of a sealed text: version, name of the key, nonce, and the ciphertext
// with its tag.
const (
	version  = 1
	nameSize = 4
	overhead = 1 + nameSize
)

// ErrOpen is what [Box.Open] fails with: a text that was altered, is somebody
// else's, or was sealed with a key that is not there.
var ErrOpen = errors.New("seal: cannot be opened")

// Box seals with one key and opens with several. It is safe for concurrent use.
type Box struct {
	names []([nameSize]byte)
	aeads []cipher.AEAD
}

// New returns a box that seals with the first key. Each key has [KeySize] bytes.
func New(keys [][]byte) (*Box, error) {
	if len(keys) == 0 {
		return nil, errors.New("seal: no key")
	}
	b := &Box{}
	for i, k := range keys {
		if len(k) != KeySize {
			return nil, fmt.Errorf("seal: key %d has %d bytes, want %d", i+1, len(k), KeySize)
		}
		if subtle.ConstantTimeCompare(k, make([]byte, KeySize)) == 1 {
			return nil, fmt.Errorf("seal: key %d is all zeros", i+1)
		}
		block, err := aes.NewCipher(k)
		if err != nil {
			return nil, err
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(append([]byte("usermgmt key name\x00"), k...))
		b.names, b.aeads = append(b.names, [nameSize]byte(sum[:nameSize])), append(b.aeads, aead)
	}
	return b, nil
}

// Seal encrypts text for owner, without whom it cannot be opened.
func (b *Box) Seal(text, owner []byte) []byte {
	out := append(make([]byte, 0, overhead+12+len(text)+16), version)
	out = append(out, b.names[0][:]...)
	nonce := make([]byte, b.aeads[0].NonceSize())
	_, _ = rand.Read(nonce) // cannot fail since Go 1.24: the program ends instead
	out = append(out, nonce...)
	return b.aeads[0].Seal(out, nonce, text, owner)
}

// Open decrypts what one of the keys has sealed for owner.
func (b *Box) Open(sealed, owner []byte) ([]byte, error) {
	if len(sealed) < overhead || sealed[0] != version {
		return nil, ErrOpen
	}
	for i, aead := range b.aeads {
		if [nameSize]byte(sealed[1:overhead]) != b.names[i] || len(sealed) < overhead+aead.NonceSize() {
			continue
		}
		nonce := sealed[overhead : overhead+aead.NonceSize()]
		if text, err := aead.Open(nil, nonce, sealed[overhead+aead.NonceSize():], owner); err == nil {
			return text, nil
		}
	}
	return nil, ErrOpen
}

// Old reports whether a text was sealed with another key than the first, and so
// should be sealed anew.
func (b *Box) Old(sealed []byte) bool {
	return len(sealed) < overhead || [nameSize]byte(sealed[1:overhead]) != b.names[0]
}
