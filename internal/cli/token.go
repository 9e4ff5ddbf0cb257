package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/access"
	"github.com/lockstepdb/lockstep/internal/cli/text"
	"github.com/lockstepdb/lockstep/internal/fault"
)

const tokenHelp = `A static token is for callers that cannot sign in, such as pipelines. Only its hash is
stored, with a name, a role, labels that limit it to some tenants, and the day it
expires; the token itself is shown once, when it is made.

Tokens are kept in the control store, or at a server, where they can be revoked: the
next call with one is refused. With --file they are kept in a file instead, which
tokens-file names; a running server reads it again by itself.`

//nolint:gosec // it shows how to pass a token, and holds none
const tokenExample = `  # Make a token, and take it out of use again
  lockstep token create ci --role operator --label team=crm --expires 90d
  lockstep token list
  lockstep token revoke ci

  # Add one to a file; - only prints what belongs into it
  lockstep token create ci --role viewer --expires 2027-01-31 --file /etc/lockstep/tokens.yaml

  # The hash of a token that exists
  printf %s "$LOCKSTEP_TOKEN" | lockstep token hash`

func (a *app) tokenCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "token",
		Short:   "Make static tokens for callers of a server, and revoke them",
		Long:    tokenHelp,
		Example: tokenExample,
		Args:    group,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.tokenCreateCommand(), a.tokenListCommand(), a.tokenRevokeCommand(), a.tokenHashCommand())
	return cmd
}

// tokenFlags are the flags of token create.
type tokenFlags struct {
	*storeCommand
	role, expires, file string
	labels              []string
}

func (a *app) tokenCreateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create NAME --role ROLE --expires WHEN",
		Short: "Make a token and print it once",
		Args:  exactly("NAME"),
	}
	f := &tokenFlags{}
	flags := cmd.Flags()
	flags.StringVar(&f.role, "role", "", "viewer, operator or admin")
	flags.StringArrayVar(&f.labels, "label", nil, "KEY=VALUE that a tenant must have; repeatable; without any: everything")
	flags.StringVar(&f.expires, "expires", "", "when it expires: a date (2027-01-31), a time in RFC 3339, or from now (90d, 12h)")
	flags.StringVar(&f.file, "file", "", "file of tokens to keep it in, instead of the control store; - prints the entry for one")
	f.storeCommand = addStoreCommand(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		entry, err := a.tokenEntry(cmd, args[0], f)
		if err != nil {
			return err
		}
		if f.file != "" {
			return a.createTokenInFile(f.file, entry)
		}
		return a.createToken(cmd, f, entry)
	}
	return cmd
}

// createToken makes a token in the control store. What is printed is the token
// alone, so that it can be piped; the rest is told beside it.
func (a *app) createToken(cmd *cobra.Command, f *tokenFlags, entry access.TokenEntry) error {
	role, err := enumFlag[lockstepv1.Role](cmd, "role", entry.Role, "ROLE_", lockstepv1.Role_value)
	if err != nil {
		return err
	}
	expires, err := time.Parse(time.RFC3339, entry.Expires)
	if err != nil {
		return fault.Wrap(err, fault.Bug, "EXPIRY_BROKEN", "the time of expiry cannot be read back")
	}
	return f.with(a, cmd, func(ctx context.Context, c *connection) error {
		resp, err := tokenClient(c).CreateToken(ctx, &lockstepv1.CreateTokenRequest{
			Name: entry.Name, Grants: []*lockstepv1.TokenGrant{{Role: role, Labels: entry.Labels}}, ExpiresAt: timestamppb.New(expires),
		})
		if err != nil {
			return err
		}
		if f.format.value == formatJSON {
			return written(writeJSON(a.env.Out, resp))
		}
		p := text.New(a.env.Err, a.color(a.env.Err))
		p.Token(text.Clean(resp.GetToken()))
		if err := p.Err(); err != nil {
			return written(err)
		}
		if _, err := fmt.Fprintln(a.env.Err, "# the token, shown this once:"); err != nil {
			return written(err)
		}
		return a.printLine(resp.GetSecret())
	})
}

func (a *app) createTokenInFile(file string, entry access.TokenEntry) error {
	token := access.NewToken()
	entry.Hash = access.HashToken(token)
	if file != "-" {
		if err := addEntry(file, entry); err != nil {
			return err
		}
		return a.printLine(token)
	}
	lines, err := yaml.Marshal([]access.TokenEntry{entry})
	if err != nil {
		return fault.Wrap(err, fault.Bug, "YAML_FAILED", "the entry cannot be rendered")
	}
	if _, err := fmt.Fprintf(a.env.Err, "# for the file that tokens-file names:\ntokens:\n%s\n# the token, shown this once:\n", lines); err != nil {
		return written(err)
	}
	return a.printLine(token)
}

func (a *app) tokenListCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List the tokens of the control store", Args: exactly()}
	flags := cmd.Flags()
	req := &lockstepv1.ListTokensRequest{}
	flags.Int32Var(&req.PageSize, "limit", 50, "how many to list, at most 1000")
	flags.StringVar(&req.PageToken, "page-token", "", "where to go on, as the page before says")
	f := addStoreCommand(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return f.with(a, cmd, func(ctx context.Context, c *connection) error {
			resp, err := tokenClient(c).ListTokens(ctx, req)
			if err != nil {
				return err
			}
			return render(a, f.format, resp, (*text.Printer).Tokens)
		})
	}
	return cmd
}

func (a *app) tokenRevokeCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "revoke NAME", Short: "Take a token of the control store out of use, for good and at once", Args: exactly("NAME")}
	f := addStoreCommand(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return f.with(a, cmd, func(ctx context.Context, c *connection) error {
			resp, err := tokenClient(c).RevokeToken(ctx, &lockstepv1.RevokeTokenRequest{Token: args[0]})
			if err != nil {
				return err
			}
			return render(a, f.format, resp.GetToken(), (*text.Printer).Token)
		})
	}
	return cmd
}

// tokenEntry reads the flags.
func (a *app) tokenEntry(cmd *cobra.Command, name string, f *tokenFlags) (access.TokenEntry, error) {
	entry := access.TokenEntry{Name: name, Role: f.role}
	if f.role == "" || f.expires == "" {
		return entry, usagef(cmd, "say what the token may do, and how long: --role, --expires")
	}
	if _, err := access.ParseRole(f.role); err != nil {
		return entry, usagef(cmd, "there is no role %q; use viewer, operator or admin", f.role)
	}
	for _, l := range f.labels {
		key, value, ok := strings.Cut(l, "=")
		if !ok || key == "" || value == "" {
			return entry, usagef(cmd, "a label is KEY=VALUE")
		}
		if entry.Labels == nil {
			entry.Labels = map[string]string{}
		}
		entry.Labels[key] = value
	}
	expires, err := a.expiry(f.expires)
	if err != nil {
		return entry, usagef(cmd, "--expires is a date (2027-01-31), a time (2027-01-31T12:00:00Z), or a time from now (90d, 12h)")
	}
	if !expires.After(a.env.Now()) {
		return entry, usagef(cmd, "--expires is in the past")
	}
	entry.Expires = expires.UTC().Format(time.RFC3339)
	return entry, nil
}

func (a *app) expiry(text string) (time.Time, error) {
	var days int
	if n, err := fmt.Sscanf(text, "%dd", &days); err == nil && n == 1 && text == fmt.Sprintf("%dd", days) {
		return a.env.Now().AddDate(0, 0, days), nil
	}
	if d, err := time.ParseDuration(text); err == nil {
		return a.env.Now().Add(d), nil
	}
	return access.ParseExpiry(text)
}

func (a *app) tokenHashCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "hash",
		Short: "Read a token from the input and print its hash",
		Args:  exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			data, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), 4096))
			if err != nil {
				return fault.Wrap(err, fault.Invalid, "INPUT_UNREADABLE", "the input cannot be read")
			}
			token := strings.TrimSpace(string(data))
			if !access.ParseToken(token) {
				return fault.New(fault.Invalid, "TOKEN_INVALID", "the input is not a token").
					Suggest("tokens begin with %s; `lockstep token create` makes one", access.TokenPrefix)
			}
			return a.printLine(access.HashToken(token))
		},
	}
}
