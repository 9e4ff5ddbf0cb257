package cli

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/cli/text"
	"github.com/lockstepdb/lockstep/internal/rpc/status"
)

const revertHelp = `Revert brings a tenant back to the schema and the module versions of an earlier
revision, as a new revision: history only grows, and a revert can be reverted.

It is an execution like any other, with a plan, strategies and a digest. What was
renamed since is renamed back, and keeps its data. What was removed since is made
again without its data, and what is new since is removed: --preview says so
beforehand. The default strategy, safe, removes nothing; full goes back all the way.

With --preview, --preflight asks the tenant's rows whether they allow it, as lockstep
preview does: findings that the engine would refuse exit with 3. Going back always asks.
--online, on PostgreSQL, plans in phases that block nobody for long.`

const revertExample = `  # What would going back to revision 3 do? Nothing is touched.
  lockstep revert --to 3 --target sqlite:acme.db --strategy full --preview

  # Would the rows allow it, and what would be lost?
  lockstep revert --to 3 --target sqlite:acme.db --strategy full --preview --preflight

  # Go back, exactly as previewed
  lockstep revert --to 3 --target sqlite:acme.db --strategy full --plan DIGEST`

// revertFlags are the flags of revert.
type revertFlags struct {
	*executeFlags
	to      int64
	preview bool
	look    lockstepv1.PreviewRevertRequest // what a preview is asked beyond the plan
}

func (a *app) revertCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "revert --to N --target URL [--preview] [--plan DIGEST]",
		Short:   "Go back to an earlier revision of a tenant",
		Long:    revertHelp,
		Example: revertExample,
		Args:    exactly(),
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	f := &revertFlags{}
	flags.Int64Var(&f.to, "to", 0, "number of the revision to go back to, as lockstep history lists it")
	flags.BoolVar(&f.preview, "preview", false, "only show what it would do")
	f.executeFlags = &executeFlags{migrationFlags: &migrationFlags{target: addTarget(cmd), strategy: addStrategy(cmd)}}
	addOnline(cmd, &f.online)
	flags.BoolVar(&f.look.Preflight, "preflight", false, "with --preview: also ask the tenant's rows whether they allow it")
	flags.BoolVar(&f.look.Estimate, "estimate", false, "with --preflight: estimate on big tables rather than count")
	flags.BoolVar(&f.look.Prove, "prove", false, "with --preview: also try the plan out in a scratch schema on the same server")
	f.format = addFormat(cmd, formatSQL)
	flags.StringVar(&f.plan, "plan", "", "digest of the plan that was previewed; needed when it removes data")
	flags.StringVar(&f.actor, "actor", "", "who asks, for the record (default: the current user)")
	flags.StringVar(&f.requestID, "request-id", "", "names the request: the same one again is answered with the result of the first")
	flags.StringVar(&f.progress, "progress", progressAuto, "progress on the error output: auto, plain (a line per step) or none")
	flags.DurationVar(&f.lockWait, "lock-wait", 10*time.Second, "how long to wait for another execution on the same tenant")
	flags.DurationVar(&f.lockTimeout, "lock-timeout", 5*time.Second, "how long a statement may wait for a lock; 0: the engine's default")
	flags.DurationVar(&f.statementTimeout, "statement-timeout", 0, "how long a statement may run; 0: without limit")
	addDriftPolicy(cmd, &f.drift)
	f.connect = addConnect(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return a.revert(cmd, f) }
	return cmd
}

func (a *app) revert(cmd *cobra.Command, f *revertFlags) error {
	req, err := a.revertRequest(cmd, f)
	if err != nil {
		return err
	}
	conn, err := a.connect(cmd.Context(), cmd, f.connect, nil)
	if err != nil {
		return err
	}
	defer conn.closing()
	if f.preview {
		return a.previewRevert(cmd.Context(), conn, req, f)
	}
	result, failure := a.followRevert(cmd.Context(), conn, req, f)
	return a.ended(f.executeFlags, result, failure)
}

func (a *app) revertRequest(cmd *cobra.Command, f *revertFlags) (*lockstepv1.RevertMigrationRequest, error) {
	if err := f.format.check(cmd); err != nil {
		return nil, err
	}
	switch {
	case f.to < 1:
		return nil, usagef(cmd, "say where to go back to: --to N, from 1")
	case !f.preview && (f.look.GetProve() || f.look.GetPreflight() || f.look.GetEstimate() || f.format.value == formatSQL):
		return nil, usagef(cmd, "--preflight, --estimate, --prove and --format sql go with --preview")
	case f.lockWait < 0 || f.lockTimeout < 0 || f.statementTimeout < 0:
		return nil, usagef(cmd, "a timeout cannot be negative")
	}
	switch f.progress {
	case progressAuto, progressPlain, progressNone:
	default:
		return nil, usagef(cmd, "there is no progress %q; use auto, plain or none", f.progress)
	}
	req := &lockstepv1.RevertMigrationRequest{
		Revision: f.to, PlanDigest: f.plan, RequestId: f.requestID, LockWait: durationpb.New(f.lockWait),
		LockTimeout: durationpb.New(f.lockTimeout), StatementTimeout: durationpb.New(f.statementTimeout),
		Online: f.online,
	}
	var err error
	if req.Target, req.Tenant, err = a.target(cmd, f.target); err != nil {
		return nil, err
	}
	if req.Strategy, err = readStrategy(cmd, *f.strategy); err != nil {
		return nil, err
	}
	if req.DriftPolicy, err = readDriftPolicy(cmd, f.drift); err != nil || f.preview {
		return req, err
	}
	req.Actor, err = a.actor(cmd, f.connect, f.actor)
	return req, err
}

func (a *app) previewRevert(ctx context.Context, conn *connection, req *lockstepv1.RevertMigrationRequest, f *revertFlags) error {
	resp, err := migrationClient(conn).PreviewRevert(ctx, &lockstepv1.PreviewRevertRequest{
		Target: req.GetTarget(), Tenant: req.GetTenant(), Revision: req.GetRevision(), Strategy: req.GetStrategy(), Online: req.GetOnline(),
		Prove: f.look.GetProve(), Preflight: f.look.GetPreflight(), Estimate: f.look.GetEstimate(),
	})
	if err != nil {
		return err
	}
	*f.strategy = text.Strategy(resp.GetPlan().GetStrategy())
	if f.format.value == formatSQL {
		err = a.printScript(resp.GetScript())
	} else {
		err = render(a, f.format, resp, func(p *text.Printer, m *lockstepv1.PreviewRevertResponse) {
			p.PreviewRevert(m, nextRevert(f, resp.GetPlan().GetDigest()))
		})
	}
	if err == nil && resp.GetProof() != nil && !resp.GetProof().GetProved() {
		return exitCodeError(status.ExitBug)
	}
	if err == nil && resp.GetPreflight().GetBlocked() {
		return exitCodeError(status.ExitRefused)
	}
	return err
}

// nextRevert spells out the command that goes back as previewed.
func nextRevert(f *revertFlags, digest string) []string {
	words := []string{"lockstep revert", "--to " + strconv.FormatInt(f.to, 10)}
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
	return []string{strings.Join(append(words, "--plan "+shellQuote(digest)), " ")}
}

// followRevert goes back and shows the progress.
func (a *app) followRevert(
	ctx context.Context, conn *connection, req *lockstepv1.RevertMigrationRequest, f *revertFlags,
) (*lockstepv1.ExecutionResult, error) {
	show := a.progress(f.executeFlags)
	defer show.Clear()
	stream, err := migrationClient(conn).RevertMigration(ctx, req)
	if err != nil {
		return nil, err
	}
	return received(show, func() (event, error) { return stream.Recv() })
}
