// Command gen writes the typed data access of this module: query with
// gorm.io/gen, and on top of it what a service calls, from templates.
//
// It lives inside the module and runs on the module's own structs, so each
// version of the module generates, and releases, access to its own schema. To
// have the same in another module, copy this directory and change this file.
package main

import (
	"fmt"
	"os"

	"github.com/lockstepdb/lockstep/entities/network/v2"
)

// aggregates says what to generate: one entry for each entity that services
// reach by itself, with those that live and die with it.
func aggregates() []Aggregate {
	return []Aggregate{{
		Root: network.LoadBalancer{},
		// Rename changes this one.
		Name: "Name",
		// What GetMany can be asked for; Child.Column asks for any such child.
		Filter: []string{"ID", "Name", "Network", "ListenAddress", "Description", "ConfigAlgorithm", "CreatedAt", "Ports.Port", "Backends.Address"},
		// What GetMany can sort by; the first is the default.
		Order: []string{"ID", "Name", "Network", "CreatedAt", "UpdatedAt"},
		// The relations that are read, written and deleted with it.
		Children: []string{"Ports", "Backends"},
	}}
}

func main() {
	if err := generate(".", aggregates()); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}
