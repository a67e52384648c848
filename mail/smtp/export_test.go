package smtp

import (
	"bytes"

	"github.com/usermgmt/usermgmt"
)

// Write is a message as it goes over the wire.
func Write(m *Mailer, msg usermgmt.Message) ([]byte, error) {
	out, err := m.write(msg)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	_, err = out.WriteTo(&b)
	return b.Bytes(), err
}
