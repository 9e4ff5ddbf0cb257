package cli

import (
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/cli/text"
	"github.com/lockstepdb/lockstep/internal/rpc/status"
)

const checkHelp = `Check reads the module in DIR as it would be read once it is published, and reports
everything that is wrong with it at once, as FILE:LINE:COLUMN lines: structs that
cannot be read, tables that cannot be composed with those of the modules they refer
to, and what the named engines refuse. Where a source has published versions, it
shows what changed since the latest, and what each change does to running code and
to data. It runs on this machine and needs no database.

Exit codes: 0 no problem; 65 problems; with --exit-code, 2 when there is no problem
but a change is restricting or destructive, so that running code or data may not bear
it; 69 a module source is unreachable.`

const checkExample = `  # In an editor, or before a commit
  lockstep module check .

  # In CI: for these engines, and only with changes that nobody notices
  lockstep module check ./crm --engine postgres --engine mysql --exit-code

  # Against a version that a service still runs
  lockstep module check ./crm --against v1.2.0`

// engineFlag names engines on the command line.
func engineFlag(cmd *cobra.Command, names []string) ([]lockstepv1.Engine, error) {
	var out []lockstepv1.Engine
	for _, list := range names {
		for name := range strings.SplitSeq(list, ",") {
			e := lockstepv1.Engine_value["ENGINE_"+strings.ToUpper(strings.TrimSpace(name))]
			if e == 0 {
				return nil, usagef(cmd, "there is no engine %q; there are postgres, mysql, mariadb, sqlserver, sqlite", name)
			}
			out = append(out, lockstepv1.Engine(e))
		}
	}
	return out, nil
}

func (a *app) checkCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "check DIR",
		Short:   "Find all problems of a module before it is published",
		Long:    checkHelp,
		Example: checkExample,
		Args:    exactly("DIR"),
	}
	engines := cmd.Flags().StringArray("engine", nil,
		"engine to check for: postgres, mysql, mariadb, sqlserver, sqlite; repeatable (default: all that this build serves)")
	against := cmd.Flags().String("against", "",
		"published version to compare with: a version or a query such as v1; none for no comparison (default: the latest, if there is any)")
	entities := cmd.Flags().StringArray("entities", nil,
		"which packages or types are entities, such as ./types or ./types.User, when the module has no manifest; repeatable")
	risky := cmd.Flags().Bool("exit-code", false, "exit with 2 when a change since the published version is restricting or destructive")
	format := addFormat(cmd)
	connect := addConnect(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := format.check(cmd); err != nil {
			return err
		}
		w, err := openWorkingCopy(args[0])
		if err != nil {
			return err
		}
		req := &lockstepv1.CheckModuleRequest{Path: w.path, Entities: *entities, Against: *against}
		if req.Engines, err = engineFlag(cmd, *engines); err != nil {
			return err
		}
		conn, err := a.connectLocal(cmd, connect, w)
		if err != nil {
			return err
		}
		defer conn.closing()
		resp, err := moduleClient(conn).CheckModule(cmd.Context(), req)
		if err != nil {
			return err
		}
		if err := render(a, format, resp, func(p *text.Printer, m *lockstepv1.CheckModuleResponse) {
			p.Check(m, func(file string) string { return filepath.Join(w.dir, filepath.FromSlash(file)) })
		}); err != nil {
			return err
		}
		return checkExit(resp, *risky)
	}
	return cmd
}

// checkExit is the exit code of a check whose output is complete.
func checkExit(resp *lockstepv1.CheckModuleResponse, risky bool) error {
	if len(resp.GetProblems()) > 0 {
		return exitCodeError(status.ExitInput)
	}
	if !risky {
		return nil
	}
	for _, c := range resp.GetChanges() {
		switch c.GetEffect() {
		case lockstepv1.Effect_EFFECT_RESTRICTING, lockstepv1.Effect_EFFECT_DESTRUCTIVE:
			return exitCodeError(status.ExitPending)
		case lockstepv1.Effect_EFFECT_UNSPECIFIED, lockstepv1.Effect_EFFECT_NEUTRAL,
			lockstepv1.Effect_EFFECT_ADDITIVE, lockstepv1.Effect_EFFECT_RELAXING:
		}
	}
	return nil
}
