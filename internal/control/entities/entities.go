// Package entities is the entity module of the control store itself: lockstep
// creates and upgrades the tables of its own store as it does a tenant's, from
// these structs, read statically.
//
// tables.go is the whole module. Its columns are text, 64-bit numbers and bytes,
// none of them nullable, so that the access which sqlc generates has the same
// types on every engine: a time is microseconds since 1970 in UTC with 0 for
// none, a structure is JSON.
package entities

import _ "embed"

// Path is the module's path in the history of a store.
const Path = "github.com/lockstepdb/lockstep/control"

// Version is raised with every change of tables.go: a patch for what no reader
// can notice, a minor for what only adds, a major for what an older lockstep
// could not work with.
const Version = "v1.1.0"

// Tables is the source of the module's only package.
//
//go:embed tables.go
var Tables []byte

// Module returns the files of the module, by their paths in it.
func Module() map[string][]byte {
	return map[string][]byte{
		"go.mod":    []byte("module " + Path + "\n\ngo 1.26.0\n"),
		"tables.go": Tables,
	}
}
