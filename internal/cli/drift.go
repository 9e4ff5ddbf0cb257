package cli

import (
	"github.com/spf13/cobra"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/cli/text"
)

const driftHelp = `Drift compares a tenant's database with what lockstep last recorded of it, and
touches nothing. Every object that differs is named: missing, extra or altered, with
the SQL that would bring it back, and what to change in the entity to keep it as it is.

The comparison is like with like: the recorded schema is built in a scratch schema on
the same server, which is gone afterwards, so that texts of defaults and checks count,
too. Where the user may not have one, it is by structure, and the report says so.

Tables that no module owns are no drift. --unowned lists them; foreign keys that lead
from them into the tenant's tables are listed in any case, because they can be in the
way of an upgrade.

To accept a change that was made by hand, declare it in the entity, and record the
database as it is with lockstep adopt --again.

Exit code 4: the database drifted. 0: it is as recorded.`

const driftExample = `  # Is the database as it was left?
  lockstep drift --target sqlite:acme.db

  # And what else lives in it?
  lockstep drift --target "$LOCKSTEP_TARGET" --unowned

  # A script that brings everything back, for the engine's own shell
  lockstep drift --target sqlite:acme.db --format sql`

// exitDrifted is the exit code of a drifted database.
const exitDrifted = 4

func (a *app) driftCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "drift --target URL",
		Short:   "Show how a tenant's database differs from what was last recorded",
		Long:    driftHelp,
		Example: driftExample,
		Args:    exactly(),
	}
	cmd.Flags().SortFlags = false
	target := addTarget(cmd)
	unowned := cmd.Flags().Bool("unowned", false, "also list the tables that no module owns")
	format := addFormat(cmd, formatSQL)
	connect := addConnect(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := format.check(cmd); err != nil {
			return err
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
		resp, err := migrationClient(conn).CheckDrift(cmd.Context(), &lockstepv1.CheckDriftRequest{Target: url, Tenant: tenant, Unowned: *unowned})
		if err != nil {
			return err
		}
		switch {
		case format.value != formatSQL:
			err = render(a, format, resp, (*text.Printer).Drift)
		case resp.GetScript() != "":
			err = a.printScript(resp.GetScript())
		}
		if err == nil && len(resp.GetDifferences()) > 0 {
			return exitCodeError(exitDrifted)
		}
		return err
	}
	return cmd
}

// The drift policies on the command line.
const (
	driftFail   = "fail"
	driftWarn   = "warn"
	driftIgnore = "ignore"
)

func addDriftPolicy(cmd *cobra.Command, value *string) {
	cmd.Flags().StringVar(value, "drift", driftFail,
		"when a table that the plan touches is not what was last recorded: fail, warn or ignore;\n"+
			"a table that must be rebuilt has to be as recorded in any case")
}

func readDriftPolicy(cmd *cobra.Command, given string) (lockstepv1.DriftPolicy, error) {
	switch given {
	case driftFail:
		return lockstepv1.DriftPolicy_DRIFT_POLICY_FAIL, nil
	case driftWarn:
		return lockstepv1.DriftPolicy_DRIFT_POLICY_WARN, nil
	case driftIgnore:
		return lockstepv1.DriftPolicy_DRIFT_POLICY_IGNORE, nil
	}
	return 0, usagef(cmd, "there is no drift policy %q; use fail, warn or ignore", given)
}
