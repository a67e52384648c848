//go:build peers

package bench

// peers are the engines that compile only with the build tag "peers": OPA and
// OpenFGA bring along some two hundred modules.
var peers = []maker{
	{name: "opa", make: newOPA},
	{name: "openfga", make: newOpenFGA, most: openFGAUsers},
}
