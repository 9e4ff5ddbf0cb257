package cli

import (
	"github.com/spf13/cobra"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/cli/text"
)

const historyExample = `  # What was done to this tenant, newest first
  lockstep history --target sqlite:acme.db

  # One revision in full, with its SQL
  lockstep history --target sqlite:acme.db --revision 3`

func (a *app) historyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "history --target URL [--revision N]",
		Short:   "Show what was done to a tenant",
		Long:    "History shows the executions that the tenant's own database records, newest first,\nfailed ones included; with --revision, one of them in full.",
		Example: historyExample,
		Args:    exactly(),
	}
	cmd.Flags().SortFlags = false
	target := addTarget(cmd)
	revision := cmd.Flags().Int64("revision", 0, "number of the revision to show in full")
	limit := cmd.Flags().Int32("limit", 20, "how many revisions to list, at most 500")
	token := cmd.Flags().String("page-token", "", "where to go on, as the page before says")
	format := addFormat(cmd)
	connect := addConnect(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := format.check(cmd); err != nil {
			return err
		}
		if *limit < 1 || *limit > 500 || *revision < 0 {
			return usagef(cmd, "--limit goes from 1 to 500, --revision from 1")
		}
		url, tenant, err := a.target(cmd, target)
		if err != nil {
			return err
		}
		conn, err := a.connect(cmd.Context(), cmd, connect, nil)
		if err != nil {
			return err
		}
		defer conn.closing()
		if *revision > 0 {
			resp, err := migrationClient(conn).GetRevision(cmd.Context(),
				&lockstepv1.GetRevisionRequest{Target: url, Tenant: tenant, Number: *revision})
			if err != nil {
				return err
			}
			return render(a, format, resp, (*text.Printer).Revision)
		}
		resp, err := migrationClient(conn).ListRevisions(cmd.Context(),
			&lockstepv1.ListRevisionsRequest{Target: url, Tenant: tenant, PageSize: *limit, PageToken: *token})
		if err != nil {
			return err
		}
		return render(a, format, resp, (*text.Printer).Revisions)
	}
	return cmd
}
