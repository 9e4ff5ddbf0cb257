package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lockstepdb/lockstep/internal/cli/text"
	"github.com/lockstepdb/lockstep/internal/rpc/status"
)

// usageError is a command line that cannot be run as it stands.
type usageError struct {
	message string
	command string // whose help to read
}

// Error returns the message.
func (e *usageError) Error() string { return e.message }

func usagef(cmd *cobra.Command, format string, args ...any) error {
	return &usageError{message: fmt.Sprintf(format, args...), command: cmd.CommandPath()}
}

// group takes the name of a command that is not there, of one that only groups others.
func group(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cmd.SuggestionsMinimumDistance = 2
	hint := ""
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		hint = fmt.Sprintf(": did you mean %q?", near[0])
	}
	return usagef(cmd, "there is no command %q%s", args[0], hint)
}

// printUsage says what is wrong with the command line. A failed write to the
// error output has nowhere left to be reported.
func (a *app) printUsage(e *usageError) {
	_, _ = fmt.Fprintf(a.env.Err, "usage error: %s\nnext: %s --help\n", e.message, e.command)
}

// printFailure writes an error, for a person or as JSON.
func (a *app) printFailure(err error, asJSON bool) {
	failure := status.Failure(status.Fault(err))
	if asJSON {
		_ = writeJSON(a.env.Err, failure) // nowhere left to report it
		return
	}
	text.New(a.env.Err, a.color(a.env.Err)).Failure(text.Clean(failure), nil)
}

// asksJSON tells whether the command that ran was asked for JSON.
func asksJSON(root *cobra.Command, args []string) bool {
	cmd, _, err := root.Find(args)
	if err != nil {
		return false
	}
	f := cmd.Flags().Lookup("format")
	return f != nil && f.Value.String() == formatJSON
}

// exactly is cobra.ExactArgs with an error that names what is missing.
func exactly(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == len(names) {
			return nil
		}
		if len(names) == 0 {
			return usagef(cmd, "%s takes no arguments, but %d given", cmd.CommandPath(), len(args))
		}
		return usagef(cmd, "%s takes %s, but %d given", cmd.CommandPath(), strings.Join(names, " and "), len(args))
	}
}
