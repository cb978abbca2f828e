package identity

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
)

const secretBytes = 32 // random

// secretToken is a new token that works once, and what is stored of it. The text has 256 random bits, so a plain hash cannot
// be undone.
type secretToken struct {
	text string
	hash [sha256.Size]byte
}

func newSecretToken() secretToken {
	var raw [secretBytes]byte
	_, _ = rand.Read(raw[:]) // never fails: crypto/rand ends the program instead
	return secretToken{text: base64.RawURLEncoding.EncodeToString(raw[:]), hash: sha256.Sum256(raw[:])}
}

// secretHash is what would be stored of this text; ok is false when the text was never one of ours.
func secretHash(text string) (hash [sha256.Size]byte, ok bool) {
	if len(text) != base64.RawURLEncoding.EncodedLen(secretBytes) {
		return hash, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return hash, false
	}
	return sha256.Sum256(raw), true
}
