package crash_test

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/usermgmt/usermgmt"
)

// line is a line of a client's journal: the announcement of a call, its answer,
// or what was learned about it later. A line is one write to a pipe, so that
// nothing is lost of it when the client is killed afterwards.
type line struct {
	Call string `json:"call"` // also the request that its audit entries name

	// The announcement.
	Do  string   `json:"do,omitempty"`
	May []string `json:"may,omitempty"` // the kinds by which it may be refused
	// By is who acts, as As.
	By       usermgmt.UserID    `json:"by,omitzero"`
	As       usermgmt.UserID    `json:"as,omitzero"`
	User     usermgmt.UserID    `json:"user,omitzero"`
	Session  usermgmt.SessionID `json:"session,omitzero"` // that ends or is parked
	Name     string             `json:"name,omitempty"`
	Password string             `json:"password,omitempty"`
	Size     int                `json:"size,omitempty"`

	// The answer.
	Answer    string               `json:"answer,omitempty"` // "done" or the kind of the error
	Text      string               `json:"text,omitempty"`
	Operation usermgmt.OperationID `json:"operation,omitzero"`
	Made      string               `json:"made,omitempty"` // the identifier of what was made
	Version   int64                `json:"version,omitempty"`
	Opened    usermgmt.SessionID   `json:"opened,omitzero"` // a session, with its Token
	Token     string               `json:"token,omitempty"`
	Key       string               `json:"key,omitempty"`
	Counts    [3]int               `json:"counts,omitzero"` // rows that were created, updated, refused

	Resolved string             `json:"resolved,omitempty"` // "done" or "abandoned"
	Mail     usermgmt.MessageID `json:"mail,omitzero"`      // was sent during the call
}

// Answers that are no kind of the library's.
const (
	answerDone      = "done"
	answerFailed    = "failed" // an error without a kind
	answerUnknown   = "unknown"
	resolvedDone    = "done"
	resolvedNot     = "abandoned"
	answerTransient = "transient failure"
)

// journal is the client's side.
type journal struct {
	mu sync.Mutex
	w  io.Writer
}

func (j *journal) write(l *line) {
	data, err := json.Marshal(l)
	if err != nil {
		panic(err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, err := j.w.Write(append(data, '\n')); err != nil {
		os.Exit(3) // nobody listens
	}
}

// call is what is known of one call.
type call struct {
	line          // the announcement
	client string // which process
	answer *line
	// resolved is the answer of Resolve, which the client asked.
	resolved string
	mails    []usermgmt.MessageID
}

// history is everything that clients said.
type history struct {
	mu    sync.Mutex
	calls map[string]*call
	order []*call
	acks  int           // calls that were done
	grown chan struct{} // closed and replaced with every one
}

func newHistory() *history { return &history{calls: map[string]*call{}, grown: make(chan struct{})} }

func (h *history) add(client string, l *line) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.calls[l.Call]
	switch {
	case l.Do != "":
		c = &call{line: *l, client: client}
		h.calls[l.Call] = c
		h.order = append(h.order, c)
	case l.Answer != "":
		c.answer = l
	case l.Resolved != "":
		c.resolved = l.Resolved
	default:
		c.mails = append(c.mails, l.Mail)
	}
	if l.Answer == answerDone {
		h.acks++
		close(h.grown)
		h.grown = make(chan struct{})
	}
}

// read takes over what a client writes, until it ends.
func (h *history) read(client string, r io.Reader) error {
	in := bufio.NewReader(r)
	for {
		data, err := in.ReadBytes('\n')
		if err != nil {
			return nil // a line that is not whole was not written
		}
		var l line
		if err := json.Unmarshal(data, &l); err != nil {
			return err
		}
		h.add(client, &l)
	}
}

// wait waits until n further calls are acknowledged.
func (h *history) wait(t testing.TB, n int) {
	t.Helper()
	h.mu.Lock()
	until := h.acks + n
	h.mu.Unlock()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		h.mu.Lock()
		acks, grown := h.acks, h.grown
		h.mu.Unlock()
		if acks >= until {
			return
		}
		select {
		case <-grown:
		case <-timer.C:
			require.FailNow(t, "the client does not get on")
		}
	}
}

// patience bounds everything that should take a moment.
const patience = time.Minute
