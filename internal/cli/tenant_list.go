package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/cli/text"
)

func (a *app) tenantListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List tenants; all that is given must hold",
		Args:  exactly(),
	}
	flags := cmd.Flags()
	req := &lockstepv1.ListTenantsRequest{}
	labels := flags.StringArray("label", nil, "KEY=VALUE that they have; repeatable")
	engine := flags.String("engine", "", "engine of their databases: postgres, mysql, mariadb, sqlserver, sqlite")
	status := flags.String("status", "", "how they are: active, onboarding, failed, vanished, archived")
	flags.StringVar(&req.Server, "server", "", "id of the server that they are on")
	flags.StringVar(&req.Module, "module", "", "path of a module that they have")
	flags.StringVar(&req.Version, "version", "", "with --module: the version of it that they are at")
	flags.BoolVar(&req.Archived, "archived", false, "include archived tenants")
	flags.Int32Var(&req.PageSize, "limit", 50, "how many to list, at most 1000")
	flags.StringVar(&req.PageToken, "page-token", "", "where to go on, as the page before says")
	f := addStoreCommand(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var err error
		if req.Labels, err = readLabels(cmd, *labels); err != nil {
			return err
		}
		if req.Engine, err = enumFlag[lockstepv1.Engine](cmd, "engine", *engine, "ENGINE_", lockstepv1.Engine_value); err != nil {
			return err
		}
		if req.Status, err = enumFlag[lockstepv1.TenantStatus](cmd, "status", *status, "TENANT_STATUS_", lockstepv1.TenantStatus_value); err != nil {
			return err
		}
		return f.with(a, cmd, func(ctx context.Context, c *connection) error {
			resp, err := tenantClient(c).ListTenants(ctx, req)
			if err != nil {
				return err
			}
			return render(a, f.format, resp, (*text.Printer).Tenants)
		})
	}
	return cmd
}

// enumFlag reads the name of a value of an enum; "" is the one that is not set.
func enumFlag[E ~int32](cmd *cobra.Command, flag, given, prefix string, values map[string]int32) (E, error) {
	if given == "" {
		return 0, nil
	}
	value, ok := values[prefix+strings.ToUpper(given)]
	if !ok || value == 0 {
		return 0, usagef(cmd, "there is no %s %q", flag, given)
	}
	return E(value), nil
}
