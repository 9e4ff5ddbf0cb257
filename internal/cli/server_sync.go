package cli

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/cli/text"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/rpc/status"
)

const syncHelp = `Sync reads what is on a server (databases, users, and who may do what), compares it
with what the last sync recorded, and records the differences, all of them or none. It
changes nothing on the server. A tenant whose database is gone is marked, and gets its
status back when the database is there again.

What the flags ask for beyond the ordinary counts for later syncs, too, until a sync
asks for something else; --ordinary asks for nothing more.`

const syncExample = `  lockstep server sync main --preview
  lockstep server sync main --all-schemas
  lockstep server databases main --status free`

// syncFlags are the flags of sync.
type syncFlags struct {
	*storeCommand
	options  lockstepv1.SyncOptions
	ordinary bool
	preview  bool
	differs  bool
	actor    string
	progress string
}

func (a *app) serverSyncCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "sync ID", Short: "Read what is on a server, and record what is different", Long: syncHelp, Example: syncExample, Args: exactly("ID"),
	}
	f := &syncFlags{}
	flags := cmd.Flags()
	flags.BoolVar(&f.preview, "preview", false, "only read and compare; record nothing")
	flags.BoolVar(&f.differs, "exit-code", false, "exit with 2 when something is different")
	flags.StringArrayVar(&f.options.Include, "include", nil, "database or user of the system that is wanted all the same; repeatable")
	flags.BoolVar(&f.options.AllSchemas, "all-schemas", false, "read the schemas of every database: a connection to each")
	flags.StringArrayVar(&f.options.SchemasOf, "schemas-of", nil, "database whose schemas are read; repeatable")
	flags.BoolVar(&f.options.Nested, "nested", false, "read the directories below the directory, too (SQLite)")
	flags.BoolVar(&f.ordinary, "ordinary", false, "read nothing beyond the ordinary, whatever syncs before asked for")
	flags.StringVar(&f.actor, "actor", "", "who asks, for the record (default: the current user)")
	flags.StringVar(&f.progress, "progress", progressAuto, "progress on the error output: auto, plain (a line per step) or none")
	f.storeCommand = addStoreCommand(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return a.serverSync(cmd, f, args[0]) }
	return cmd
}

func (a *app) serverSync(cmd *cobra.Command, f *syncFlags, id string) error {
	req := &lockstepv1.SyncServerRequest{Server: id, Preview: f.preview}
	more := len(f.options.GetInclude())+len(f.options.GetSchemasOf()) > 0 || f.options.GetAllSchemas() || f.options.GetNested()
	switch {
	case f.ordinary && more:
		return usagef(cmd, "--ordinary asks for nothing more: leave it out, or the others")
	case f.progress != progressAuto && f.progress != progressPlain && f.progress != progressNone:
		return usagef(cmd, "there is no progress %q; use auto, plain or none", f.progress)
	case f.ordinary || more:
		req.Options = &f.options
	}
	var err error
	if req.Actor, err = a.actor(cmd, f.connect, f.actor); err != nil {
		return err
	}
	return f.with(a, cmd, func(ctx context.Context, c *connection) error {
		result, err := a.followSync(ctx, c, req, f)
		if err != nil {
			return err
		}
		if err := render(a, f.format, result, (*text.Printer).SyncResult); err != nil {
			return err
		}
		if f.differs && text.SyncDiffers(result) {
			return exitCodeError(status.ExitPending)
		}
		return nil
	})
}

// followSync runs a sync and shows its progress.
func (a *app) followSync(
	ctx context.Context, c *connection, req *lockstepv1.SyncServerRequest, f *syncFlags,
) (*lockstepv1.SyncResult, error) {
	show := a.progress(&executeFlags{progress: f.progress, format: f.format})
	defer show.Clear()
	stream, err := serverClient(c).SyncServer(ctx, req)
	if err != nil {
		return nil, err
	}
	var result *lockstepv1.SyncResult
	for {
		msg, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF) && result == nil:
			return nil, fault.New(fault.Bug, "RESULT_MISSING", "the sync ended without a result").Suggest("look at the server: lockstep server get %s", req.GetServer())
		case errors.Is(err, io.EOF):
			return result, nil
		case err != nil:
			return nil, err
		case msg.GetResult() != nil:
			result = msg.GetResult()
		default:
			show.ShowSync(msg.GetProgress())
		}
	}
}

func (a *app) serverUpdateCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "update ID", Short: "Change what is registered of a server; what is not given stays", Args: exactly("ID")}
	flags := cmd.Flags()
	req := &lockstepv1.UpdateServerRequest{}
	flags.Int64Var(&req.Revision, "revision", 0, "the revision that the change was made from; 0: whichever it is at")
	// No default and no name in errors: the URL may hold a password.
	url := flags.String("url", "", "URL of the server, with its administrator; a password in it is sealed")
	secret := flags.String("secret", "", "where the password is found at each use: env:NAME, file:/path, vault:mount/path#field; an empty one: there is none")
	name := flags.String("name", "", "name for people")
	labels := flags.StringArray("label", nil, "KEY=VALUE; repeatable; replaces all, and an empty one takes all away")
	f := addStoreCommand(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		req.Server, req.Address = args[0], *url
		if flags.Changed("secret") {
			req.SecretReference = secret
		}
		if flags.Changed("name") {
			req.DisplayName = name
		}
		if flags.Changed("label") {
			given, err := readLabels(cmd, *labels)
			if err != nil {
				return err
			}
			req.Labels = &lockstepv1.ServerLabels{Labels: given}
		}
		return f.with(a, cmd, func(ctx context.Context, c *connection) error {
			resp, err := serverClient(c).UpdateServer(ctx, req)
			if err != nil {
				return err
			}
			return render(a, f.format, resp.GetServer(), (*text.Printer).Server)
		})
	}
	return cmd
}
