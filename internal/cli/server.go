package cli

import (
	"context"

	"github.com/spf13/cobra"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/cli/text"
)

const serverHelp = `Servers host tenants. A registered one can be named by its tenants (lockstep tenant
create --server ID), which may then log in with its secret (--secret server:).

sync reads what is on a server; databases, users, access and changes tell what was found, and
adopt makes a tenant of a database. The other commands connect to no server.`

const serverExample = `  lockstep server create main --url postgres://admin@db.example.com/postgres --secret env:TENANT_DB_ADMIN
  lockstep tenant create acme --server main --secret server: --target postgres://admin@db.example.com/acme

  # What is there, what changed, and what could become a tenant?
  lockstep server sync main
  lockstep server databases main --status free
  lockstep server adopt main shop --tenant shop --module example.com/entities/crm@v1`

func (a *app) serverCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "server",
		Short:   "Register the database servers that tenants are on",
		Long:    serverHelp,
		Example: serverExample,
		Args:    group,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		a.serverCreateCommand(), a.serverListCommand(), a.serverUpdateCommand(), a.serverSyncCommand(),
		a.serverDatabasesCommand(), a.serverUsersCommand(), a.serverAccessCommand(), a.serverChangesCommand(),
		a.serverAdoptCommand(),
		a.oneServerCommand("get", "Show a server", func(ctx context.Context, c *connection, id string) (*lockstepv1.Server, error) {
			resp, err := serverClient(c).GetServer(ctx, &lockstepv1.GetServerRequest{Server: id})
			return resp.GetServer(), err
		}),
		a.oneServerCommand("archive", "Take a server out of lists; its tenants stay", func(ctx context.Context, c *connection, id string) (*lockstepv1.Server, error) {
			resp, err := serverClient(c).ArchiveServer(ctx, &lockstepv1.ArchiveServerRequest{Server: id})
			return resp.GetServer(), err
		}),
	)
	return cmd
}

func (a *app) serverCreateCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "create ID --url URL", Short: "Register a server", Args: exactly("ID")}
	flags := cmd.Flags()
	req := &lockstepv1.CreateServerRequest{}
	// No default and no name in errors: the URL may hold a password.
	url := flags.String("url", "", "URL of the server, with its administrator (env "+envTarget+"); a password in it is sealed; for SQLite a directory")
	flags.StringVar(&req.SecretReference, "secret", "", "where the password is found at each use: env:NAME, file:/path, vault:mount/path#field")
	flags.StringVar(&req.DisplayName, "name", "", "name for people")
	labels := flags.StringArray("label", nil, "KEY=VALUE; repeatable")
	f := addStoreCommand(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		req.Id = args[0]
		if req.Address = *url; req.GetAddress() == "" {
			req.Address = a.env.Getenv(envTarget)
		}
		if req.GetAddress() == "" {
			return usagef(cmd, "say where the server is: --url URL, or %s in the environment", envTarget)
		}
		var err error
		if req.Labels, err = readLabels(cmd, *labels); err != nil {
			return err
		}
		return f.with(a, cmd, func(ctx context.Context, c *connection) error {
			resp, err := serverClient(c).CreateServer(ctx, req)
			if err != nil {
				return err
			}
			return render(a, f.format, resp.GetServer(), (*text.Printer).Server)
		})
	}
	return cmd
}

// oneServerCommand is a command about one server.
func (a *app) oneServerCommand(
	use, short string, do func(context.Context, *connection, string) (*lockstepv1.Server, error),
) *cobra.Command {
	cmd := &cobra.Command{Use: use + " ID", Short: short, Args: exactly("ID")}
	f := addStoreCommand(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return f.with(a, cmd, func(ctx context.Context, c *connection) error {
			server, err := do(ctx, c, args[0])
			if err != nil {
				return err
			}
			return render(a, f.format, server, (*text.Printer).Server)
		})
	}
	return cmd
}

func (a *app) serverListCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List servers", Args: exactly()}
	flags := cmd.Flags()
	req := &lockstepv1.ListServersRequest{}
	engine := flags.String("engine", "", "their engine: postgres, mysql, mariadb, sqlserver, sqlite")
	flags.BoolVar(&req.Archived, "archived", false, "include archived servers")
	flags.Int32Var(&req.PageSize, "limit", 50, "how many to list, at most 1000")
	flags.StringVar(&req.PageToken, "page-token", "", "where to go on, as the page before says")
	f := addStoreCommand(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var err error
		if req.Engine, err = enumFlag[lockstepv1.Engine](cmd, "engine", *engine, "ENGINE_", lockstepv1.Engine_value); err != nil {
			return err
		}
		return f.with(a, cmd, func(ctx context.Context, c *connection) error {
			resp, err := serverClient(c).ListServers(ctx, req)
			if err != nil {
				return err
			}
			return render(a, f.format, resp, (*text.Printer).Servers)
		})
	}
	return cmd
}
