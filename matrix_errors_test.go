package usermgmt_test

import (
	"errors"
	"net/netip"

	"github.com/usermgmt/usermgmt"
)

// ruleIn is the innermost Rule of an error.
func ruleIn(err error) string {
	var e *usermgmt.Error
	rule := ""
	for errors.As(err, &e) {
		if e.Rule != "" {
			rule = e.Rule
		}
		if e.Err == nil {
			break
		}
		err = e.Err
	}
	return rule
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }
