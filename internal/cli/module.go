package cli

import (
	"strings"

	"github.com/spf13/cobra"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/cli/text"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/module"
)

func (a *app) moduleCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "module",
		Short: "List, show, compare, check and publish entity modules",
		Long: "An entity module is a Go module that holds entity structs. Its versions come from\n" +
			"module sources: Go module proxies (https://…, file://…), or a working copy (--replace).",
		Args: group,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		a.versionsCommand(), a.showCommand(), a.compareCommand(), a.graphCommand(),
		a.initCommand(), a.checkCommand(), a.publishCommand(),
	)
	return cmd
}

func (a *app) versionsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "versions PATH",
		Short:   "List what versions of a module exist, newest first",
		Example: "  lockstep module versions example.com/entities/crm --source https://modules.example.com",
		Args:    exactly("PATH"),
	}
	format := addFormat(cmd)
	connect := addConnect(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := format.check(cmd); err != nil {
			return err
		}
		conn, err := a.connect(cmd.Context(), cmd, connect, nil)
		if err != nil {
			return err
		}
		defer conn.closing()
		resp, err := moduleClient(conn).ListModuleVersions(cmd.Context(),
			&lockstepv1.ListModuleVersionsRequest{Path: args[0]})
		if err != nil {
			return err
		}
		return render(a, format, resp, (*text.Printer).Versions)
	}
	return cmd
}

func (a *app) showCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show PATH@VERSION",
		Short: "Show the tables of a module",
		Example: "  lockstep module show example.com/entities/crm@latest\n" +
			"  lockstep module show example.com/entities/crm --replace example.com/entities/crm=./crm",
		Args: exactly("PATH@VERSION"),
	}
	set := addSet(cmd, false)
	format := addFormat(cmd)
	connect := addConnect(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := format.check(cmd); err != nil {
			return err
		}
		ref, err := module.ParseRef(args[0])
		if err != nil {
			return err
		}
		manifests, err := set.readManifests(cmd)
		if err != nil {
			return err
		}
		for path := range manifests {
			if path != ref.Path {
				return usagef(cmd, "--manifest is for %s, but %s is shown", path, ref.Path)
			}
		}
		conn, err := a.connect(cmd.Context(), cmd, connect, nil)
		if err != nil {
			return err
		}
		defer conn.closing()
		resp, err := moduleClient(conn).GetModule(cmd.Context(), &lockstepv1.GetModuleRequest{
			Path: ref.Path, Version: ref.Query, Entities: set.entities, Manifest: manifests[ref.Path],
		})
		if err != nil {
			return err
		}
		return render(a, format, resp, (*text.Printer).Module)
	}
	return cmd
}

func (a *app) compareCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "compare FROM TO",
		Short: "Show what changes from one set of module versions to another",
		Long: "Compare shows what leads from one set of module versions to another, and what each\n" +
			"change does to running code and to data. It needs no database. A set is one\n" +
			"PATH@VERSION, or several separated by commas.",
		Example: "  lockstep module compare example.com/entities/crm@v1.0.0 example.com/entities/crm@v1.1.0",
		Args:    exactly("FROM", "TO"),
	}
	set := addSet(cmd, false)
	format := addFormat(cmd)
	connect := addConnect(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := format.check(cmd); err != nil {
			return err
		}
		manifests, err := set.readManifests(cmd)
		if err != nil {
			return err
		}
		sets := make([]*lockstepv1.ModuleSet, len(args))
		for i, arg := range args {
			sets[i] = &lockstepv1.ModuleSet{Manifests: manifests, Entities: set.entities}
			if sets[i].Refs, err = refs(strings.Split(arg, ",")); err != nil {
				return err
			}
		}
		conn, err := a.connect(cmd.Context(), cmd, connect, nil)
		if err != nil {
			return err
		}
		defer conn.closing()
		resp, err := moduleClient(conn).CompareModules(cmd.Context(),
			&lockstepv1.CompareModulesRequest{From: sets[0], To: sets[1]})
		if err != nil {
			return err
		}
		return render(a, format, resp, (*text.Printer).Comparison)
	}
	return cmd
}

func (a *app) publishCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "publish DIR VERSION --to file:///DIR",
		Short: "Pack a module into a file proxy",
		Long: "Publish packs the module in DIR as VERSION and adds it to the file proxy at --to,\n" +
			"from where lockstep (--source) and the go command (GOPROXY) can read it. A version\n" +
			"is published once: other content under the same version is refused. It always runs\n" +
			"on this machine.",
		Example: "  lockstep module publish ./crm v1.1.0 --to file:///srv/modules",
		Args:    exactly("DIR", "VERSION"),
	}
	to := cmd.Flags().String("to", "", "file:// URL of the proxy")
	format := addFormat(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := format.check(cmd); err != nil {
			return err
		}
		if *to == "" {
			return usagef(cmd, "say where to: --to file:///absolute/path")
		}
		if !strings.HasPrefix(*to, "file://") {
			return fault.New(fault.Invalid, module.ReasonTargetInvalid, "publishing goes to a file:// proxy").
				Suggest("write --to file:///absolute/path")
		}
		v, err := module.Publish(cmd.Context(), args[0], args[1], *to, a.env.Now())
		if err != nil {
			return err
		}
		msg := &lockstepv1.ModuleVersion{Path: v.Path, Version: v.Version, Sum: v.Sum}
		return render(a, format, msg, (*text.Printer).Published)
	}
	return cmd
}
