package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/cli/text"
)

const tenantHelp = `Tenants are registered in the control store, or at a server: where each lives, how to
log in there, which modules it has, and the strategy of executions that name none. A
registered tenant is named by --tenant ID wherever a target is.

A password in the target's URL is sealed with the key in LOCKSTEP_SECRET_KEY, or the one
in the file that LOCKSTEP_SECRET_KEY_FILE names; --secret names a place where it is found
at each use instead. Onboard makes a tenant's database; the others touch none.`

const tenantExample = `  # Register a tenant, and initialise its database
  lockstep tenant create acme --target "$LOCKSTEP_TARGET" --label team=crm --module example.com/entities/crm@v1
  lockstep execute --tenant acme

  # Which tenants of a team are not at v1.4.0 yet?
  lockstep tenant list --label team=crm --module example.com/entities/crm

  # Another set of modules
  lockstep tenant update acme --module example.com/entities/crm@v2 --module example.com/entities/billing@v1`

func (a *app) tenantCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     flagTenant,
		Short:   "Register tenants, and look them up",
		Long:    tenantHelp,
		Example: tenantExample,
		Args:    group,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.tenantOnboardCommand(), a.tenantCreateCommand(), a.tenantGetCommand(), a.tenantListCommand(), a.tenantUpdateCommand(), a.tenantArchiveCommand())
	return cmd
}

// storeCommand is a command about what the control store keeps.
type storeCommand struct {
	store   string
	format  *format
	connect *connectFlags
}

func addStoreCommand(cmd *cobra.Command) *storeCommand {
	cmd.Flags().SortFlags = false
	cmd.Annotations = map[string]string{needsStore: ""}
	f := &storeCommand{}
	addStore(cmd, &f.store)
	f.format = addFormat(cmd)
	f.connect = addConnect(cmd)
	return f
}

// with connects, and does something over the connection.
func (f *storeCommand) with(a *app, cmd *cobra.Command, do func(context.Context, *connection) error) error {
	if err := f.format.check(cmd); err != nil {
		return err
	}
	conn, err := a.connect(cmd.Context(), cmd, f.connect, nil)
	if err != nil {
		return err
	}
	defer conn.closing()
	return do(cmd.Context(), conn)
}

// registration are the flags of create and update.
type registration struct {
	*storeCommand
	name, target, secret, server, strategy string
	labels, modules                        []string
}

func addRegistration(cmd *cobra.Command, all string) *registration {
	f := &registration{}
	flags := cmd.Flags()
	flags.StringVar(&f.target, "target", "", "URL of its database (env "+envTarget+" for create); a password in it is sealed")
	flags.StringVar(&f.secret, "secret", "", "where its password is found at each use: env:NAME, file:/path, vault:mount/path#field, server:")
	flags.StringVar(&f.server, "server", "", "id of the registered server that it is on")
	flags.StringVar(&f.name, "name", "", "name for people")
	flags.StringArrayVar(&f.labels, "label", nil, "KEY=VALUE; repeatable"+all)
	flags.StringArrayVar(&f.modules, "module", nil, "PATH@QUERY of a module that it has; repeatable"+all)
	flags.StringVar(&f.strategy, "strategy", "", "strategy of requests that name none: add-only, safe or full")
	f.storeCommand = addStoreCommand(cmd)
	return f
}

// strategyOf reads the strategy; without one it is not set.
func (f *registration) strategyOf(cmd *cobra.Command) (lockstepv1.Strategy, error) {
	if f.strategy == "" {
		return lockstepv1.Strategy_STRATEGY_UNSPECIFIED, nil
	}
	return readStrategy(cmd, f.strategy)
}

// readLabels reads KEY=VALUE items; an empty one stands for none.
func readLabels(cmd *cobra.Command, items []string) (map[string]string, error) {
	out := map[string]string{}
	for _, item := range items {
		key, value, ok := strings.Cut(item, "=")
		if item != "" && (!ok || key == "") {
			return nil, usagef(cmd, "a label is KEY=VALUE")
		}
		if item != "" {
			out[key] = value
		}
	}
	return out, nil
}

// readModules reads PATH@QUERY items; an empty one stands for none.
func readModules(items []string) ([]*lockstepv1.ModuleRef, error) {
	var given []string
	for _, item := range items {
		if item != "" {
			given = append(given, item)
		}
	}
	return refs(given)
}

func (a *app) tenantCreateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create ID --target URL",
		Short: "Register a tenant",
		Args:  exactly("ID"),
	}
	f := addRegistration(cmd, "")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		req := &lockstepv1.CreateTenantRequest{Id: args[0], DisplayName: f.name, SecretReference: f.secret, Server: f.server}
		var err error
		if req.Target, _, err = a.target(cmd, &targetFlag{given: f.target}); err != nil {
			return err
		}
		if req.Labels, err = readLabels(cmd, f.labels); err != nil {
			return err
		}
		if req.Modules, err = readModules(f.modules); err != nil {
			return err
		}
		if req.Strategy, err = f.strategyOf(cmd); err != nil {
			return err
		}
		return f.with(a, cmd, func(ctx context.Context, c *connection) error {
			resp, err := tenantClient(c).CreateTenant(ctx, req)
			if err != nil {
				return err
			}
			return render(a, f.format, resp.GetTenant(), (*text.Printer).Tenant)
		})
	}
	return cmd
}

func (a *app) tenantGetCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "get ID", Short: "Show a tenant", Args: exactly("ID")}
	f := addStoreCommand(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return f.with(a, cmd, func(ctx context.Context, c *connection) error {
			resp, err := tenantClient(c).GetTenant(ctx, &lockstepv1.GetTenantRequest{Tenant: args[0]})
			if err != nil {
				return err
			}
			return render(a, f.format, resp.GetTenant(), (*text.Printer).Tenant)
		})
	}
	return cmd
}

func (a *app) tenantUpdateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "update ID",
		Short: "Change what is registered of a tenant; what is not given stays",
		Args:  exactly("ID"),
	}
	revision := cmd.Flags().Int64("revision", 0, "the revision that the change was made from; 0: whichever it is at")
	f := addRegistration(cmd, "; replaces all, and an empty one takes all away")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		req, err := f.update(cmd)
		if err != nil {
			return err
		}
		req.Tenant, req.Revision = args[0], *revision
		return f.with(a, cmd, func(ctx context.Context, c *connection) error {
			resp, err := tenantClient(c).UpdateTenant(ctx, req)
			if err != nil {
				return err
			}
			return render(a, f.format, resp.GetTenant(), (*text.Printer).Tenant)
		})
	}
	return cmd
}

// update reads the flags of an update: those that were given.
func (f *registration) update(cmd *cobra.Command) (*lockstepv1.UpdateTenantRequest, error) {
	req := &lockstepv1.UpdateTenantRequest{Target: f.target}
	changed := cmd.Flags().Changed
	if changed("name") {
		req.DisplayName = &f.name
	}
	if changed("secret") {
		req.SecretReference = &f.secret
	}
	if changed("server") {
		req.Server = &f.server
	}
	if changed("label") {
		labels, err := readLabels(cmd, f.labels)
		if err != nil {
			return nil, err
		}
		req.Labels = &lockstepv1.TenantLabels{Labels: labels}
	}
	if changed("module") {
		modules, err := readModules(f.modules)
		if err != nil {
			return nil, err
		}
		req.Modules = &lockstepv1.TenantModules{Refs: modules}
	}
	var err error
	req.Strategy, err = f.strategyOf(cmd)
	return req, err
}

func (a *app) tenantArchiveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "archive ID",
		Short: "Take a tenant out of lists and free its target; its database is not touched",
		Args:  exactly("ID"),
	}
	revision := cmd.Flags().Int64("revision", 0, "the revision that the decision was made from; 0: whichever it is at")
	f := addStoreCommand(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return f.with(a, cmd, func(ctx context.Context, c *connection) error {
			resp, err := tenantClient(c).ArchiveTenant(ctx, &lockstepv1.ArchiveTenantRequest{Tenant: args[0], Revision: *revision})
			if err != nil {
				return err
			}
			return render(a, f.format, resp.GetTenant(), (*text.Printer).Tenant)
		})
	}
	return cmd
}
