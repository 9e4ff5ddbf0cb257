package cli

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/cli/text"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/rpc/status"
)

const executeHelp = `Execute brings a tenant to the given module versions: it plans, takes the tenant's
lock, runs the SQL, verifies by looking at the database again, and records history,
all or nothing. When anything fails, the tenant is exactly as before, and you are
told why and what to do.

With --plan it runs exactly the plan that was previewed, or refuses and says what
has moved since. A plan that removes data runs only so.

With --online a failure is taken back too, but in between others can see what was
prepared. What an interrupted execution left half way, the next one takes back first.`

const executeExample = `  # Onboard a tenant: its database is initialised
  lockstep execute --module example.com/entities/crm@v1.0.0 --target sqlite:acme.db

  # Execute what was previewed
  lockstep execute --module example.com/entities/crm@v2 --target sqlite:acme.db --strategy full --plan DIGEST

  # From a pipeline: who asked, and the result as JSON
  lockstep execute --go-mod go.mod --actor "$CI_USER" --format json`

// The ways of showing progress.
const (
	progressAuto  = "auto"
	progressPlain = "plain"
	progressNone  = "none"
)

// executeFlags are the flags of execute.
type executeFlags struct {
	*migrationFlags
	format    *format
	plan      string
	actor     string
	requestID string
	progress  string
	drift     string

	lockWait, lockTimeout, statementTimeout time.Duration
}

func (a *app) executeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "execute --module PATH@VERSION … --target URL [--plan DIGEST]",
		Short:   "Bring a tenant to the given module versions, all or nothing",
		Long:    executeHelp,
		Example: executeExample,
		Args:    exactly(),
	}
	f := &executeFlags{migrationFlags: addMigration(cmd)}
	f.format = addFormat(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.plan, "plan", "", "digest of the plan that was previewed; needed when it removes data")
	flags.StringVar(&f.actor, "actor", "", "who asks, for the record (default: the current user)")
	flags.StringVar(&f.requestID, "request-id", "", "names the request: the same one again is answered with the result of the first")
	flags.StringVar(&f.progress, "progress", progressAuto, "progress on the error output: auto, plain (a line per step) or none")
	flags.DurationVar(&f.lockWait, "lock-wait", 10*time.Second, "how long to wait for another execution on the same tenant")
	flags.DurationVar(&f.lockTimeout, "lock-timeout", 5*time.Second, "how long a statement may wait for a lock; 0: the engine's default")
	flags.DurationVar(&f.statementTimeout, "statement-timeout", 0, "how long a statement may run; 0: without limit")
	addOnline(cmd, &f.online)
	addDriftPolicy(cmd, &f.drift)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return a.execute(cmd, f) }
	return cmd
}

func (a *app) execute(cmd *cobra.Command, f *executeFlags) error {
	req, dirs, err := a.executeRequest(cmd, f)
	if err != nil {
		return err
	}
	conn, err := a.connect(cmd.Context(), cmd, f.connect, dirs)
	if err != nil {
		return err
	}
	defer conn.closing()
	result, failure := a.follow(cmd.Context(), conn, req, f)
	return a.ended(f, result, failure)
}

// ended writes how an execution ended.
func (a *app) ended(f *executeFlags, result *lockstepv1.ExecutionResult, failure error) error {
	if result == nil {
		return givenUp(failure)
	}
	if err := render(a, f.format, result, (*text.Printer).Result); err != nil {
		return err
	}
	if failure == nil {
		return nil
	}
	if f.format.value == formatText {
		a.explain(failure, result)
	}
	return exitCodeError(status.Exit(failure))
}

// givenUp adds to a call that was given up what becomes of its work.
func givenUp(err error) error {
	f := status.Fault(err)
	if f.Kind == fault.Canceled && f.Suggestion == "" {
		return f.Suggest("what had begun is rolled back; `lockstep history` tells how it ended")
	}
	return err
}

// explain writes why an execution failed.
func (a *app) explain(failure error, result *lockstepv1.ExecutionResult) {
	told := result.GetFailure()
	if told == nil {
		told = status.Failure(status.Fault(failure))
	}
	text.New(a.env.Err, a.color(a.env.Err)).Failure(text.Clean(told), text.Clean(result))
}

func (a *app) executeRequest(
	cmd *cobra.Command, f *executeFlags,
) (*lockstepv1.ExecuteMigrationRequest, map[string]string, error) {
	if err := f.format.check(cmd); err != nil {
		return nil, nil, err
	}
	switch f.progress {
	case progressAuto, progressPlain, progressNone:
	default:
		return nil, nil, usagef(cmd, "there is no progress %q; use auto, plain or none", f.progress)
	}
	if f.lockWait < 0 || f.lockTimeout < 0 || f.statementTimeout < 0 {
		return nil, nil, usagef(cmd, "a timeout cannot be negative")
	}
	set, dirs, err := f.set.read(cmd)
	if err != nil {
		return nil, nil, err
	}
	req := &lockstepv1.ExecuteMigrationRequest{
		Modules:          set,
		PlanDigest:       f.plan,
		LockWait:         durationpb.New(f.lockWait),
		LockTimeout:      durationpb.New(f.lockTimeout),
		StatementTimeout: durationpb.New(f.statementTimeout),
		RequestId:        f.requestID,
		Online:           f.online,
	}
	if req.Actor, err = a.actor(cmd, f.connect, f.actor); err != nil {
		return nil, nil, err
	}
	if req.Target, req.Tenant, err = a.target(cmd, f.target); err != nil {
		return nil, nil, err
	}
	if req.Strategy, err = readStrategy(cmd, *f.strategy); err != nil {
		return nil, nil, err
	}
	if req.DriftPolicy, err = readDriftPolicy(cmd, f.drift); err != nil {
		return nil, nil, err
	}
	return req, dirs, nil
}

// follow runs the execution and shows its progress. The result is nil when it
// failed before any work.
func (a *app) follow(
	ctx context.Context, conn *connection, req *lockstepv1.ExecuteMigrationRequest, f *executeFlags,
) (*lockstepv1.ExecutionResult, error) {
	show := a.progress(f)
	defer show.Clear()
	stream, err := migrationClient(conn).ExecuteMigration(ctx, req)
	if err != nil {
		return nil, err
	}
	return received(show, func() (event, error) { return stream.Recv() })
}

// event is one message of the stream of an execution.
type event interface {
	GetProgress() *lockstepv1.ExecutionProgress
	GetResult() *lockstepv1.ExecutionResult
}

// received shows progress until the result is in.
func received(show *text.Progress, receive func() (event, error)) (*lockstepv1.ExecutionResult, error) {
	var result *lockstepv1.ExecutionResult
	for {
		msg, err := receive()
		switch {
		case errors.Is(err, io.EOF) && result == nil:
			return nil, fault.New(fault.Bug, "RESULT_MISSING", "the execution ended without a result").
				Suggest("look at the tenant's history")
		case errors.Is(err, io.EOF):
			return result, nil
		case err != nil:
			return result, keepCause(result, err)
		}
		if r := msg.GetResult(); r != nil {
			result = r
		} else {
			show.Show(text.Clean(msg.GetProgress()))
		}
	}
}

// keepCause prefers the failure in the result, which carries positions, to the
// status that follows it.
func keepCause(result *lockstepv1.ExecutionResult, err error) error {
	if f := status.FromFailure(result.GetFailure()); f != nil {
		return f
	}
	return err
}

// progress decides how progress is shown: on a terminal one line that is
// rewritten; elsewhere a line per step, but nothing beside JSON.
func (a *app) progress(f *executeFlags) *text.Progress {
	tty := terminal(a.env.Err)
	out := a.env.Err
	if f.progress == progressNone || f.progress == progressAuto && !tty && f.format.value == formatJSON {
		out = io.Discard
	}
	return text.NewProgress(text.New(out, false), tty && f.progress == progressAuto)
}
