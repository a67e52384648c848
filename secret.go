package usermgmt

import (
	"encoding/json"
	"fmt"
	"log/slog"
)

// Secret is a secret in clear text, such as a new API key. It is shown once:
// every way of printing or encoding it gives a placeholder, and only
// [Secret.Reveal] gives the text.
type Secret struct{ text string }

const redacted = "[secret]"

// Reveal returns the text, for the one who may have it.
func (s Secret) Reveal() string { return s.text }

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s.text == "" }

// String returns a placeholder.
func (Secret) String() string { return redacted }

// Format writes a placeholder whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue implements [slog.LogValuer] with a placeholder.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON encodes a placeholder.
func (Secret) MarshalJSON() ([]byte, error) { return json.Marshal(redacted) }

// MarshalText encodes a placeholder.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
