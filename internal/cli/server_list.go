package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/cli/text"
)

func (a *app) serverDatabasesCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "databases ID", Short: "List the databases that the last sync found, and who lives there", Args: exactly("ID")}
	flags := cmd.Flags()
	req := &lockstepv1.ListDatabasesRequest{}
	which := flags.String("status", "", "which: appeared (first seen by the last sync), owned (by a tenant), free, vanished; default: all that are there")
	flags.StringVar(&req.Prefix, "prefix", "", "what their names begin with")
	flags.Int32Var(&req.PageSize, "limit", 50, "how many to list, at most 1000")
	flags.StringVar(&req.PageToken, "page-token", "", "where to go on, as the page before says")
	f := addStoreCommand(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var err error
		req.Server = args[0]
		if req.Status, err = enumFlag[lockstepv1.DatabaseStatus](cmd, "status", *which, "DATABASE_STATUS_", lockstepv1.DatabaseStatus_value); err != nil {
			return err
		}
		return f.with(a, cmd, func(ctx context.Context, c *connection) error {
			resp, err := serverClient(c).ListDatabases(ctx, req)
			if err != nil {
				return err
			}
			return render(a, f.format, resp, (*text.Printer).Databases)
		})
	}
	return cmd
}

func (a *app) serverUsersCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "users ID", Short: "List the users and roles that the last sync found", Args: exactly("ID")}
	flags := cmd.Flags()
	req := &lockstepv1.ListUsersRequest{}
	which := flags.String("status", "", "which: appeared (first seen by the last sync), login, role, vanished; default: all that are there")
	flags.StringVar(&req.Prefix, "prefix", "", "what their names begin with")
	flags.Int32Var(&req.PageSize, "limit", 50, "how many to list, at most 1000")
	flags.StringVar(&req.PageToken, "page-token", "", "where to go on, as the page before says")
	f := addStoreCommand(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var err error
		req.Server = args[0]
		if req.Status, err = enumFlag[lockstepv1.UserStatus](cmd, "status", *which, "USER_STATUS_", lockstepv1.UserStatus_value); err != nil {
			return err
		}
		return f.with(a, cmd, func(ctx context.Context, c *connection) error {
			resp, err := serverClient(c).ListUsers(ctx, req)
			if err != nil {
				return err
			}
			return render(a, f.format, resp, (*text.Printer).Users)
		})
	}
	return cmd
}

func (a *app) serverChangesCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "changes ID", Short: "List what syncs found to be different, the newest first", Args: exactly("ID")}
	flags := cmd.Flags()
	req := &lockstepv1.ListServerChangesRequest{}
	flags.Int32Var(&req.PageSize, "limit", 50, "how many to list, at most 1000")
	flags.StringVar(&req.PageToken, "page-token", "", "where to go on, as the page before says")
	f := addStoreCommand(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		req.Server = args[0]
		return f.with(a, cmd, func(ctx context.Context, c *connection) error {
			resp, err := serverClient(c).ListServerChanges(ctx, req)
			if err != nil {
				return err
			}
			return render(a, f.format, resp, (*text.Printer).ServerChanges)
		})
	}
	return cmd
}

func (a *app) serverAccessCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "access ID (--database NAME [--schema NAME] | --user NAME[@HOST])",
		Short: "Tell who may use a database, or what a user may use",
		Args:  exactly("ID"),
	}
	flags := cmd.Flags()
	req := &lockstepv1.GetServerAccessRequest{}
	flags.StringVar(&req.Database, "database", "", "who may use this database?")
	flags.StringVar(&req.Schema, "schema", "", "who may use this schema of it?")
	user := flags.String("user", "", "what may this user use? NAME or NAME@HOST; without a host all accounts of that name")
	f := addStoreCommand(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if (req.GetDatabase() == "") == (*user == "") || req.GetSchema() != "" && req.GetDatabase() == "" {
			return usagef(cmd, "say either --database NAME (and --schema NAME), or --user NAME")
		}
		req.Server, req.User = args[0], *user
		return f.with(a, cmd, func(ctx context.Context, c *connection) error {
			if err := hostOf(ctx, c, req); err != nil {
				return err
			}
			resp, err := serverClient(c).GetServerAccess(ctx, req)
			if err != nil {
				return err
			}
			return render(a, f.format, resp, (*text.Printer).ServerAccess)
		})
	}
	return cmd
}

// hostOf tells the host from the name on engines whose accounts have one. The
// last @ is before the host, as in the engines' own statements.
func hostOf(ctx context.Context, c *connection, req *lockstepv1.GetServerAccessRequest) error {
	at := strings.LastIndexByte(req.GetUser(), '@')
	if at < 1 {
		return nil
	}
	got, err := serverClient(c).GetServer(ctx, &lockstepv1.GetServerRequest{Server: req.GetServer()})
	if err != nil {
		return err
	}
	switch got.GetServer().GetEngine() {
	case lockstepv1.Engine_ENGINE_MYSQL, lockstepv1.Engine_ENGINE_MARIADB, lockstepv1.Engine_ENGINE_SQLSERVER:
		req.User, req.Host = req.GetUser()[:at], req.GetUser()[at+1:]
	case lockstepv1.Engine_ENGINE_POSTGRES, lockstepv1.Engine_ENGINE_SQLITE, lockstepv1.Engine_ENGINE_UNSPECIFIED:
	}
	return nil
}
