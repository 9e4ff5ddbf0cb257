package cli

import (
	"github.com/spf13/cobra"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/cli/text"
)

func (a *app) graphCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "graph --module PATH@VERSION …",
		Short: "Show who brings what: modules, who requires them, and their tables",
		Long: "Graph resolves a set of modules and prints each with the version that was selected,\n" +
			"who requires it and in which version at least, the tables it declares, and those of\n" +
			"other modules that it extends. It needs no database.",
		Example: "  lockstep module graph --module example.com/entities/crm@v1 --module example.com/entities/billing\n" +
			"  lockstep module graph --go-mod ../shop/go.mod",
		Args: exactly(),
	}
	set := addSet(cmd, true)
	format := addFormat(cmd)
	connect := addConnect(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := format.check(cmd); err != nil {
			return err
		}
		modules, dirs, err := set.read(cmd)
		if err != nil {
			return err
		}
		conn, err := a.connect(cmd.Context(), cmd, connect, dirs)
		if err != nil {
			return err
		}
		defer conn.closing()
		resp, err := moduleClient(conn).GetModuleGraph(cmd.Context(), &lockstepv1.GetModuleGraphRequest{Modules: modules})
		if err != nil {
			return err
		}
		return render(a, format, resp, (*text.Printer).Graph)
	}
	return cmd
}
