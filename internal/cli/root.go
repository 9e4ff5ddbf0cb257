package cli

import (
	"github.com/spf13/cobra"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
)

const rootHelp = `lockstep keeps every tenant's database in step with the entity modules that the
business services compile in. It reads the structs of the very module versions,
works out what a tenant's database lacks, shows it, and carries it out.

  1. preview   what an upgrade will do; nothing is touched
  2. execute   exactly what was previewed, or nothing at all
  3. history   what was done, by whom, and how it ended

Exit codes:
  0  done, or nothing to do            64  the command line is wrong
  1  something unexpected              65  bad input: a module, an entity, a request
  2  with --exit-code: work to do      69  an engine or a module source is unreachable
  3  refused by policy                 75  busy: try again
  4  the base moved, or drifted        77  not allowed
  5  failed and rolled back
  6  failed and needs an operator`

const rootExample = `  # What would bring this tenant to crm v1.1.0?
  lockstep preview --module example.com/entities/crm@v1.1.0 --target sqlite:acme.db

  # Carry out what was shown.
  lockstep execute --module example.com/entities/crm@v1.1.0 --target sqlite:acme.db --plan DIGEST

  # What was done so far?
  lockstep history --target sqlite:acme.db`

// root builds the tree of commands.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "lockstep",
		Short:         "Keep tenants' databases in step with the entity modules that services compile in",
		Long:          rootHelp,
		Example:       rootExample,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          group,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usagef(cmd, "%s", err.Error()) })
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(
		a.previewCommand(), a.executeCommand(), a.historyCommand(), a.driftCommand(), a.adoptCommand(), a.revertCommand(),
		a.tenantCommand(), a.serverCommand(), a.auditCommand(),
		a.moduleCommand(), a.serveCommand(), a.configCommand(), a.tokenCommand(), a.versionCommand(),
	)
	return root
}

// versionCommand prints the version of lockstep.
func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of lockstep",
		Args:  exactly(),
		RunE: func(*cobra.Command, []string) error {
			return a.printLine("lockstep " + a.env.Version)
		},
	}
}

func moduleClient(c *connection) lockstepv1.ModuleServiceClient {
	return lockstepv1.NewModuleServiceClient(c.conn)
}

func migrationClient(c *connection) lockstepv1.MigrationServiceClient {
	return lockstepv1.NewMigrationServiceClient(c.conn)
}

func auditClient(c *connection) lockstepv1.AuditServiceClient {
	return lockstepv1.NewAuditServiceClient(c.conn)
}

func tokenClient(c *connection) lockstepv1.TokenServiceClient {
	return lockstepv1.NewTokenServiceClient(c.conn)
}

func serverClient(c *connection) lockstepv1.ServerServiceClient {
	return lockstepv1.NewServerServiceClient(c.conn)
}

func tenantClient(c *connection) lockstepv1.TenantServiceClient {
	return lockstepv1.NewTenantServiceClient(c.conn)
}
