// Package bench compares the permission checks of usermgmt with those of other
// engines: casbin, cedar-go, OPA and OpenFGA, each in this process, on one
// world and with the same questions. It has tests and benchmarks only.
//
// TestEnginesAgree has every engine answer like a slow evaluator of the world
// itself, also after a role was taken away and a team was moved; a figure is
// worth nothing before that. The figures and the command that makes them are in
// docs/performance.md, section Permissions.
package bench
