package cli

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/cli/text"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/rpc/status"
)

const onboardHelp = `Onboard makes a tenant with all that belongs to it, in one call: it registers it, creates
its database on a registered server (for SQLite: a file in its directory), or with
--schema a schema in a database that is there, initialises that with the modules, and
with --user creates a database user for the application, with a generated password.

The user may read and write the tenant's tables, change none of them, and has no access
to lockstep's own. Its password is printed once and kept nowhere: pass it on. lockstep
itself goes on as the server's administrator, whose secret stays the server's.

When anything fails, all that was made is undone, newest first, and nothing else: what
was on the server before is never taken over and never dropped. If something could not be
undone, the command exits with 6 and names it, and the tenant is kept as "failed". The
same command again, or --undo alone, undoes what an earlier one left, also after a crash.

Without --database the name is the tenant's id in small letters, with _ for . and -, and
with six digits of a hash when that is not the id itself. The user's is that with _app.`

const onboardExample = `  # A database of its own on a registered server, and a user for the application
  lockstep tenant onboard acme --server main --user --label team=crm --module example.com/entities/crm@v1

  # A schema in a shared database; the connection details as JSON for a pipeline
  lockstep tenant onboard acme --server main --database shop --schema acme --user=acme_rw \
      --module example.com/entities/crm@v1 --format json > connection.json

  # What did the crashed one leave? Undo it
  lockstep tenant list --status onboarding
  lockstep tenant onboard acme --undo`

// generated is what --user stands for without a name.
const generated = "(made from the id)"

// onboardFlags are the flags of tenant onboard.
type onboardFlags struct {
	*storeCommand
	req             *lockstepv1.OnboardTenantRequest
	user, host      string
	strategy, actor string
	progress        string
	labels, modules []string
}

func (a *app) tenantOnboardCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "onboard ID --server SERVER --module PATH@QUERY …",
		Short:   "Make a tenant: register it, create its database and user, initialise it",
		Long:    onboardHelp,
		Example: onboardExample,
		Args:    exactly("ID"),
	}
	f := &onboardFlags{req: &lockstepv1.OnboardTenantRequest{}}
	flags := cmd.Flags()
	flags.StringVar(&f.req.Server, "server", "", "id of the registered server on which it is made")
	flags.StringVar(&f.req.Database, "database", "", "the database that is created; with --schema the one that is there")
	flags.StringVar(&f.req.Schema, "schema", "", "create a schema in a database, instead of a database")
	flags.StringVar(&f.user, "user", "", "also create the application's user; --user=NAME chooses its name")
	flags.Lookup("user").NoOptDefVal = generated
	flags.StringVar(&f.host, "user-host", "", "with --user on MySQL and MariaDB: from where it may come (default: anywhere)")
	flags.StringVar(&f.req.DisplayName, "name", "", "name for people")
	flags.StringArrayVar(&f.labels, "label", nil, "KEY=VALUE; repeatable")
	flags.StringArrayVar(&f.modules, "module", nil, "PATH@QUERY of a module that it has; repeatable")
	flags.StringVar(&f.strategy, "strategy", "", "strategy of requests that name none: add-only, safe or full")
	flags.BoolVar(&f.req.Undo, "undo", false, "only undo what an earlier onboarding of the tenant left")
	flags.StringVar(&f.actor, "actor", "", "who asks, for the record (default: the current user)")
	flags.StringVar(&f.req.RequestId, "request-id", "", "names the request: the same one again makes nothing, and says what is there")
	flags.StringVar(&f.progress, "progress", progressAuto, "progress on the error output: auto, plain (a line per step) or none")
	f.storeCommand = addStoreCommand(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		f.req.Id = args[0]
		if err := a.onboardRequest(cmd, f); err != nil {
			return err
		}
		return f.with(a, cmd, func(ctx context.Context, c *connection) error {
			result, err := a.onboard(ctx, c, f)
			if err != nil {
				return a.notOnboarded(f, err)
			}
			return render(a, f.format, result, (*text.Printer).Onboarding)
		})
	}
	return cmd
}

func (a *app) onboardRequest(cmd *cobra.Command, f *onboardFlags) (err error) {
	req := f.req
	switch {
	case req.GetUndo() && (req.GetServer() != "" || len(f.modules) > 0 || f.user != ""):
		return usagef(cmd, "--undo goes by what was recorded: leave out what is to be made")
	case !req.GetUndo() && req.GetServer() == "":
		return usagef(cmd, "say on which registered server: --server ID; lockstep server list shows them")
	case !req.GetUndo() && len(f.modules) == 0:
		return usagef(cmd, "say what it is to have: --module PATH@QUERY")
	case f.host != "" && f.user == "":
		return usagef(cmd, "--user-host goes with --user")
	}
	switch f.progress {
	case progressAuto, progressPlain, progressNone:
	default:
		return usagef(cmd, "there is no progress %q; use auto, plain or none", f.progress)
	}
	if f.user != "" {
		req.User = &lockstepv1.OnboardingUser{Name: f.user, Host: f.host}
		if f.user == generated {
			req.User.Name = ""
		}
	}
	if req.Labels, err = readLabels(cmd, f.labels); err != nil {
		return err
	}
	if req.Modules, err = readModules(f.modules); err != nil {
		return err
	}
	if f.strategy != "" {
		if req.Strategy, err = readStrategy(cmd, f.strategy); err != nil {
			return err
		}
	}
	req.Actor, err = a.actor(cmd, f.connect, f.actor)
	return err
}

// onboard makes the call and shows its progress.
func (a *app) onboard(ctx context.Context, c *connection, f *onboardFlags) (*lockstepv1.OnboardingResult, error) {
	show := a.progress(&executeFlags{progress: f.progress, format: f.format})
	defer show.Clear()
	stream, err := tenantClient(c).OnboardTenant(ctx, f.req)
	if err != nil {
		return nil, err
	}
	return onboarded(show, stream)
}

func onboarded(
	show *text.Progress, stream grpc.ServerStreamingClient[lockstepv1.OnboardTenantResponse],
) (result *lockstepv1.OnboardingResult, err error) {
	for {
		msg, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF) && result == nil:
			return nil, fault.New(fault.Bug, "RESULT_MISSING", "the onboarding ended without a result").Suggest("look at the tenant: lockstep tenant get ID")
		case errors.Is(err, io.EOF):
			return result, nil
		case err != nil:
			return nil, err
		}
		if r := msg.GetResult(); r != nil {
			result = r
		} else {
			show.Onboarding(text.Clean(msg.GetProgress()))
		}
	}
}

// notOnboarded writes why it failed, and what has become of what was made.
func (a *app) notOnboarded(f *onboardFlags, err error) error {
	err = status.Fault(err)
	if f.format.value != formatText {
		return err
	}
	told := status.Failure(status.Fault(err))
	if told.GetKind() == lockstepv1.FailureKind_FAILURE_KIND_CANCELED && told.GetSuggestion() == "" {
		told.Suggestion = "what had begun is undone; lockstep tenant get " + f.req.GetId() + " tells when something is left"
	}
	text.New(a.env.Err, a.color(a.env.Err)).OnboardingFailure(text.Clean(told))
	return exitCodeError(status.Exit(err))
}
