package csvcell

import "fmt"

// SyntaxError reports where and why an input is not valid CSV.
type SyntaxError struct {
	Line   int    // physical line, counted from 1
	Column int    // byte in the line, counted from 1
	Reason string // never contains any part of the input
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("csv: line %d, column %d: %s", e.Line, e.Column, e.Reason)
}

// The reasons of a [SyntaxError].
const (
	reasonBareQuote  = "quote inside an unquoted field"
	reasonAfterQuote = "text after a closing quote"
	reasonOpenQuote  = "quoted field is not closed"
	reasonBareCR     = "carriage return without a line feed"
	reasonEncoding   = "field is not valid UTF-8"
)

// LimitError reports a record that exceeds one of the [Limits].
type LimitError struct {
	Line  int    // physical line where the record starts, counted from 1
	Limit string // the name of the field of Limits
	Max   int    // its value
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("csv: line %d: record exceeds %s, %d", e.Line, e.Limit, e.Max)
}
