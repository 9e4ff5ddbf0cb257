// Package cli is the command line: a client of the public API like any other.
// Without --address it starts the same services in this process and calls them
// over an in-memory connection, so there is one code path and no back door.
//
// Everything it touches is injected (Env), so that tests run it in-process.
package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"golang.org/x/term"
	"google.golang.org/grpc"

	"github.com/lockstepdb/lockstep/internal/config"
	"github.com/lockstepdb/lockstep/internal/rpc/status"
)

// Env is the world around a command.
type Env struct {
	Out, Err io.Writer
	Getenv   func(string) string
	User     string // who --actor is when nothing is said
	Version  string // of lockstep
	Now      func() time.Time

	// InProcess starts the services in this process. closing ends them.
	InProcess func(context.Context, config.Config) (conn grpc.ClientConnInterface, closing func(), err error)
	// Serve runs the server until the context is over; ready is told where it
	// listens.
	Serve func(ctx context.Context, cfg config.Config, ready func(Listening)) error
}

// Listening says where the server listens.
type Listening struct {
	GRPC string // host:port
	HTTP string // host:port; "" when switched off
	TLS  bool   // whether it speaks TLS
}

// app is one run of the command line.
type app struct {
	env Env
}

// Main runs one command line and returns its exit code.
func Main(ctx context.Context, args []string, env Env) int {
	a := &app{env: env}
	root := a.root()
	root.SetArgs(args)
	root.SetOut(env.Out)
	root.SetErr(env.Err)
	err := root.ExecuteContext(ctx)
	var usage *usageError
	var code exitCodeError
	switch {
	case err == nil:
		return status.ExitOK
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &usage):
		a.printUsage(usage)
		return status.ExitUsage
	default:
		a.printFailure(err, asksJSON(root, args))
		return status.Exit(status.Fault(err))
	}
}

// exitCodeError ends a command whose output is complete with a code of its own.
type exitCodeError int

// Error implements error.
func (exitCodeError) Error() string { return "the command has said all there is to say" }

// terminal tells whether an output is a terminal.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// color tells whether an output takes colour: a terminal, unless NO_COLOR is
// set (https://no-color.org) or the terminal is dumb.
func (a *app) color(w io.Writer) bool {
	return terminal(w) && a.env.Getenv("NO_COLOR") == "" && a.env.Getenv("TERM") != "dumb"
}
