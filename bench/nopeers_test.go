//go:build !peers

package bench

// peers are left out without the build tag "peers".
var peers []maker
