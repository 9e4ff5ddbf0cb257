package cli

import (
	"strings"

	"github.com/spf13/cobra"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/cli/text"
	"github.com/lockstepdb/lockstep/internal/rpc/status"
)

const previewHelp = `Preview shows what would bring a tenant to the given module versions, and touches
nothing: the changes grouped by table, those that the strategy withholds and why,
the SQL with its hazards, the plan's digest, and the command that executes it.

Symbols: + added, ~ changed, - dropped, > renamed. Statements that remove data are
marked DESTRUCTIVE; they execute only with the digest of the plan you have seen. What
could not be taken back once it is recorded says why; all the rest can be.

With --prove the plan is tried out as well: what was last recorded is built in a
scratch schema on the same server, the plan is carried out there, and the outcome is
held against its result, built fresh, to the last text. Nothing of it stays, and the
tenant is not touched. A plan that does not lead where it says exits with 1.

With --preflight the tenant's rows are asked, read-only, whether they allow the plan:
NULLs before NOT NULL, duplicates before a unique index, orphans before a foreign key,
values that do not fit. Each finding names a few keys and says how to mend the rows.
Findings that the engine would refuse exit with 3. Execute always asks.

With --online, on PostgreSQL, what locks a table for long is done beside its readers
and writers: indexes are built concurrently, constraints are added first and looked
at afterwards. The plan has phases then, and says which of them are atomic. MySQL and
MariaDB alter tables online by themselves; on SQLite --online is refused.`

const previewExample = `  # What will crm v1.1.0 change for this tenant?
  lockstep preview --module example.com/entities/crm@v1.1.0 --target sqlite:acme.db

  # For a grey release: only what the old code cannot notice
  lockstep preview --module example.com/entities/crm@latest --target sqlite:acme.db --strategy add-only

  # The versions that a service compiles in
  lockstep preview --go-mod ../shop/go.mod --target "$LOCKSTEP_TARGET"

  # In CI: fail with exit code 2 when the tenant is not up to date
  lockstep preview --module example.com/entities/crm@v1 --exit-code

  # Try the plan out beside the tenant, too
  lockstep preview --module example.com/entities/crm@v1.1.0 --target sqlite:acme.db --prove

  # Would the rows allow it?
  lockstep preview --module example.com/entities/crm@v1.1.0 --target sqlite:acme.db --preflight

  # A script for the engine's own shell
  lockstep preview --module example.com/entities/crm@v1.1.0 --format sql > upgrade.sql`

// migrationFlags are what preview and execute have in common.
type migrationFlags struct {
	set      *setFlags
	target   *targetFlag
	strategy *string
	connect  *connectFlags
	online   bool
}

// addOnline adds the choice of a plan in phases.
func addOnline(cmd *cobra.Command, online *bool) {
	cmd.Flags().BoolVar(online, "online", false,
		"plan in phases that block nobody for long (PostgreSQL; MySQL and MariaDB alter online anyway)")
}

func addMigration(cmd *cobra.Command) *migrationFlags {
	cmd.Flags().SortFlags = false
	set, target := addSet(cmd, true), addTarget(cmd)
	set.target = target
	return &migrationFlags{set: set, target: target, strategy: addStrategy(cmd), connect: addConnect(cmd)}
}

func (a *app) previewCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "preview --module PATH@VERSION … --target URL",
		Short:   "Show what would bring a tenant to the given module versions",
		Long:    previewHelp,
		Example: previewExample,
		Args:    exactly(),
	}
	flags := addMigration(cmd)
	format := addFormat(cmd, formatSQL)
	addOnline(cmd, &flags.online)
	look := &lockstepv1.PreviewMigrationRequest{}
	cmd.Flags().BoolVar(&look.Preflight, "preflight", false, "also ask the tenant's rows whether they allow the plan")
	cmd.Flags().BoolVar(&look.Estimate, "estimate", false, "with --preflight: estimate on big tables rather than count")
	cmd.Flags().BoolVar(&look.Prove, "prove", false, "also try the plan out in a scratch schema on the same server, and compare")
	pending := cmd.Flags().Bool("exit-code", false, "exit with 2 when there is something to execute under this strategy")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		resp, err := a.preview(cmd, flags, format, look)
		if err != nil {
			return err
		}
		*flags.strategy = text.Strategy(resp.GetPlan().GetStrategy())
		switch format.value {
		case formatSQL:
			err = a.printScript(resp.GetScript())
		default:
			err = render(a, format, resp, func(p *text.Printer, m *lockstepv1.PreviewMigrationResponse) {
				p.Preview(m, nextCommand(flags, resp.GetPlan().GetDigest()))
			})
		}
		if err == nil && resp.GetProof() != nil && !resp.GetProof().GetProved() {
			return exitCodeError(status.ExitBug)
		}
		if err == nil && resp.GetPreflight().GetBlocked() {
			return exitCodeError(status.ExitRefused)
		}
		if err == nil && *pending && resp.GetChanged() {
			return exitCodeError(status.ExitPending)
		}
		return err
	}
	return cmd
}

func (a *app) preview(cmd *cobra.Command, f *migrationFlags, format *format, req *lockstepv1.PreviewMigrationRequest) (*lockstepv1.PreviewMigrationResponse, error) {
	if err := format.check(cmd); err != nil {
		return nil, err
	}
	set, dirs, err := f.set.read(cmd)
	if err != nil {
		return nil, err
	}
	req.Modules, req.Online = set, f.online
	if req.Target, req.Tenant, err = a.target(cmd, f.target); err != nil {
		return nil, err
	}
	if req.Strategy, err = readStrategy(cmd, *f.strategy); err != nil {
		return nil, err
	}
	conn, err := a.connect(cmd.Context(), cmd, f.connect, dirs)
	if err != nil {
		return nil, err
	}
	defer conn.closing()
	return migrationClient(conn).PreviewMigration(cmd.Context(), req)
}

func (a *app) printScript(script string) error {
	return a.printLine(strings.TrimRight(script, "\n"))
}

// nextCommand spells out the command that executes what was previewed, one
// argument a line.
func nextCommand(f *migrationFlags, digest string) []string {
	words := []string{"lockstep execute"}
	for _, m := range f.set.modules {
		words = append(words, "--module "+shellQuote(m))
	}
	if f.set.goMod != "" {
		words = append(words, "--go-mod "+shellQuote(f.set.goMod))
	}
	for _, m := range f.set.manifests {
		words = append(words, "--manifest "+shellQuote(m))
	}
	for _, e := range f.set.entities {
		words = append(words, "--entities "+shellQuote(e))
	}
	if t := f.target.argument(); t != "" {
		words = append(words, t)
	}
	words = append(words, "--strategy "+shellQuote(*f.strategy))
	if f.online {
		words = append(words, "--online")
	}
	if f.connect.address != "" {
		words = append(words, "--address "+shellQuote(f.connect.address))
	}
	for _, name := range []string{"source", "replace", "cache-dir", "sumdb", "nosumdb"} {
		for _, v := range *f.connect.local[name] {
			words = append(words, "--"+name+" "+shellQuote(v))
		}
	}
	words = append(words, "--plan "+shellQuote(digest))
	for i := range words {
		if i > 0 {
			words[i] = "    " + words[i]
		}
		if i < len(words)-1 {
			words[i] += ` \`
		}
	}
	if strings.Contains(f.target.argument(), "$") {
		words = append([]string{"# " + envTarget + " is the URL you gave; it may hold a secret, so it is not repeated here"}, words...)
	}
	return words
}
