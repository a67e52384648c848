// Package storetest holds any implementation of [usermgmt.Store] to its
// contract.
package storetest
