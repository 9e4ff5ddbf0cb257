// Command lockstep keeps tenants' databases in step with the entity modules
// that business services compile in. See package app for how it is put
// together.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/lockstepdb/lockstep/internal/app"
)

func main() { os.Exit(run()) }

// run ends a command at the first signal by its context, so that what it was
// executing is rolled back; a second signal kills the process.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return app.Main(ctx, os.Args[1:], app.World{Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv})
}
