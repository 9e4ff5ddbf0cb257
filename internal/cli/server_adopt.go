package cli

import (
	"context"

	"github.com/spf13/cobra"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/cli/text"
)

const serverAdoptHelp = `Adopt makes a tenant of a database, or a schema, that the last sync found and in which
no tenant lives: it registers the tenant and, when modules are given, records what is
there as lockstep adopt does. Not a statement is run on its tables. When that fails, the
registration is taken back.

Without --user and --secret lockstep logs in there as the server's administrator.`

const serverAdoptExample = `  lockstep server adopt main acme --tenant acme --label team=crm --module example.com/entities/crm@v1 --preview
  lockstep server adopt main acme --tenant acme --label team=crm --module example.com/entities/crm@v1
  lockstep preview --tenant acme`

func (a *app) serverAdoptCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "adopt ID DATABASE --tenant ID [--module PATH@QUERY …]", Short: "Make a tenant of a database that the last sync found",
		Long: serverAdoptHelp, Example: serverAdoptExample, Args: exactly("ID", "DATABASE"),
	}
	flags := cmd.Flags()
	req := &lockstepv1.AdoptDiscoveredRequest{}
	flags.StringVar(&req.Id, flagTenant, "", "id of the tenant")
	flags.StringVar(&req.Schema, "schema", "", "schema of the database in which it lives")
	flags.StringVar(&req.DisplayName, "name", "", "name for people")
	labels := flags.StringArray("label", nil, "KEY=VALUE; repeatable")
	modules := flags.StringArray("module", nil, "PATH@QUERY of a module that it has; repeatable; without any it is registered only")
	strategy := flags.String("strategy", "", "strategy of requests that name none: add-only, safe or full")
	flags.StringVar(&req.User, "user", "", "who logs in there; default: the server's administrator")
	flags.StringVar(&req.SecretReference, "secret", "", "where that user's password is found at each use: env:NAME, file:/path, vault:mount/path#field")
	flags.BoolVar(&req.Preview, "preview", false, "only look and compare; register and record nothing")
	actor := flags.String("actor", "", "who asks, for the record (default: the current user)")
	f := addStoreCommand(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		req.Server, req.Database = args[0], args[1]
		if req.GetId() == "" {
			return usagef(cmd, "say which tenant it becomes: --tenant ID")
		}
		var err error
		if req.Labels, err = readLabels(cmd, *labels); err != nil {
			return err
		}
		if req.Modules, err = readModules(*modules); err != nil {
			return err
		}
		if req.Strategy, err = (&registration{strategy: *strategy}).strategyOf(cmd); err != nil {
			return err
		}
		if req.Actor, err = a.actor(cmd, f.connect, *actor); err != nil {
			return err
		}
		return f.with(a, cmd, func(ctx context.Context, c *connection) error {
			resp, err := serverClient(c).AdoptDiscovered(ctx, req)
			if err != nil {
				return err
			}
			return render(a, f.format, resp, (*text.Printer).AdoptedDiscovered)
		})
	}
	return cmd
}
