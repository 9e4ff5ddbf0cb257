// Command gen writes what is generated of the control store, around sqlc:
//
//	gen schema     the DDL that sqlc reads, by lockstep's own core from the
//	               store's entity module
//	gen adapters   one set of types and one interface for the queries of both
//	               engines, and for each engine the code that leads there
//
// `make generate` runs both. It is no part of lockstep.
package main

import (
	"context"
	"fmt"
	"os"
)

// root is where the control store lives; generation runs at the checkout's root.
const root = "internal/control/"

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	switch {
	case len(args) == 1 && args[0] == "schema":
		return writeSchemas(ctx)
	case len(args) == 1 && args[0] == "adapters":
		return writeAdapters()
	}
	return fmt.Errorf("usage: gen schema | gen adapters")
}

// generated is the mode of files that belong to the source.
const generated = 0o644

func write(name string, data []byte) error {
	return os.WriteFile(name, data, generated)
}
