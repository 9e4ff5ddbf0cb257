package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/cli/text"
	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/fault"
)

const auditHelp = `The audit chain of the control store has two entries for every preview and every
change: one written before it began, and one with what came of it. Each is hashed with
the hash of the one before, so that none can be changed, taken out or put in unnoticed.

Export writes it as JSON lines. Verify checks such a file without the store, or, without
a file, the store itself. A chain that was cut off at its end looks whole, so keep the
last hash elsewhere, and give it to verify as --head.

Verify exits with 6 when the chain is broken.`

const auditExample = `  # Who changed this tenant, and what came of it?
  lockstep audit search --tenant acme
  lockstep audit search --outcome rolled_back --from 2026-11-01

  # Keep the chain elsewhere, and check it there
  lockstep audit export > audit.jsonl
  lockstep audit verify audit.jsonl`

func (a *app) auditCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "audit",
		Short:   "Show who did what, and prove that the record is whole",
		Long:    auditHelp,
		Example: auditExample,
		Args:    group,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.auditSearchCommand(), a.auditExportCommand(), a.auditVerifyCommand())
	return cmd
}

func (a *app) auditSearchCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "search", Short: "List entries, the newest first; all that is given must hold", Args: exactly()}
	flags := cmd.Flags()
	req := &lockstepv1.SearchAuditRequest{}
	flags.StringVar(&req.Tenant, flagTenant, "", "id of a tenant")
	flags.StringVar(&req.Actor, "actor", "", "who it was done by")
	flags.StringVar(&req.Outcome, "outcome", "", "what came of it, such as applied, rolled_back, previewed, failed; started: the entries before")
	flags.StringVar(&req.OperationId, "operation", "", "id of an operation")
	from := flags.String("from", "", "from when on: a date, or a time in RFC 3339")
	until := flags.String("until", "", "until when")
	flags.Int32Var(&req.PageSize, "limit", 50, "how many to list, at most 1000")
	flags.StringVar(&req.PageToken, "page-token", "", "where to go on, as the page before says")
	f := addStoreCommand(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var err error
		if req.From, err = readTime(cmd, "from", *from); err != nil {
			return err
		}
		if req.Until, err = readTime(cmd, "until", *until); err != nil {
			return err
		}
		return f.with(a, cmd, func(ctx context.Context, c *connection) error {
			resp, err := auditClient(c).SearchAudit(ctx, req)
			if err != nil {
				return err
			}
			return render(a, f.format, resp, (*text.Printer).Audit)
		})
	}
	return cmd
}

// readTime reads a date or a time; "" is none.
func readTime(cmd *cobra.Command, flag, given string) (*timestamppb.Timestamp, error) {
	if given == "" {
		return nil, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, given); err == nil {
			return timestamppb.New(t), nil
		}
	}
	return nil, usagef(cmd, "--%s is a date (2027-01-31) or a time (2027-01-31T12:00:00Z)", flag)
}

func (a *app) auditExportCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "export", Short: "Write the chain as JSON lines", Args: exactly()}
	after := cmd.Flags().Int64("after", 0, "only the entries after this place in the chain")
	f := addStoreCommand(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return f.with(a, cmd, func(ctx context.Context, c *connection) error {
			stream, err := auditClient(c).ExportAudit(ctx, &lockstepv1.ExportAuditRequest{After: *after})
			if err != nil {
				return err
			}
			for {
				m, err := stream.Recv()
				if errors.Is(err, io.EOF) {
					return nil
				}
				if err != nil {
					return err
				}
				if _, err := a.env.Out.Write(m.GetData()); err != nil {
					return written(err)
				}
			}
		})
	}
	return cmd
}

func (a *app) auditVerifyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify [FILE]",
		Short: "Check an exported chain without the store, or the store's own",
		Args:  cobra.MaximumNArgs(1),
	}
	head := cmd.Flags().String("head", "", "hash that the last entry must have")
	f := addStoreCommand(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 {
			if err := f.format.check(cmd); err != nil {
				return err
			}
			report, err := verifyFile(args[0], *head)
			if err != nil {
				return err
			}
			return render(a, f.format, report, (*text.Printer).AuditVerified)
		}
		return f.with(a, cmd, func(ctx context.Context, c *connection) error {
			report, err := auditClient(c).VerifyAudit(ctx, &lockstepv1.VerifyAuditRequest{Head: *head})
			if err != nil {
				return err
			}
			return render(a, f.format, report, (*text.Printer).AuditVerified)
		})
	}
	return cmd
}

// verifyFile checks an export, with nothing but the file.
func verifyFile(name, head string) (*lockstepv1.VerifyAuditResponse, error) {
	file, err := os.Open(filepath.Clean(name))
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "FILE_UNREADABLE", "the export %s cannot be read", name)
	}
	defer func() { _ = file.Close() }() // it was only read
	r, err := control.VerifyAuditLines(file, head)
	if err != nil {
		return nil, err
	}
	return &lockstepv1.VerifyAuditResponse{Entries: r.Entries, First: r.First, Last: r.Last, Head: r.Head, Unfinished: r.Unfinished}, nil
}
