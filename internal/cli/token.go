package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/lockstepdb/lockstep/internal/access"
	"github.com/lockstepdb/lockstep/internal/fault"
)

const tokenHelp = `A static token is for callers that cannot sign in, such as pipelines. The server
stores only its hash, with a name, a role, labels that limit it to some tenants, and
the day it expires; the token itself is shown once, when it is made.`

//nolint:gosec // it shows how to pass a token, and holds none
const tokenExample = `  # Print a token, and the entry for the file that tokens-file names
  lockstep token create --name ci --role operator --label team=crm --expires 90d

  # Add the entry to the file; a running server reads it again by itself
  lockstep token create --name ci --role viewer --expires 2027-01-31 --file /etc/lockstep/tokens.yaml

  # The hash of a token that exists
  printf %s "$LOCKSTEP_TOKEN" | lockstep token hash`

func (a *app) tokenCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "token",
		Short:   "Make static tokens for callers of a server",
		Long:    tokenHelp,
		Example: tokenExample,
		Args:    exactly(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.tokenCreateCommand(), a.tokenHashCommand())
	return cmd
}

// tokenFlags are the flags of token create.
type tokenFlags struct {
	name, role, expires, file string
	labels                    []string
}

func (a *app) tokenCreateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create --name NAME --role ROLE --expires WHEN",
		Short: "Make a token and print it once",
		Args:  exactly(),
	}
	f := &tokenFlags{}
	flags := cmd.Flags()
	flags.StringVar(&f.name, "name", "", "who the token is for, as the record shows")
	flags.StringVar(&f.role, "role", "", "viewer, operator or admin")
	flags.StringArrayVar(&f.labels, "label", nil, "KEY=VALUE that a tenant must have; repeatable; without any: everything")
	flags.StringVar(&f.expires, "expires", "", "when it expires: a date (2027-01-31), a time in RFC 3339, or from now (90d, 12h)")
	flags.StringVar(&f.file, "file", "", "file of tokens that the entry is added to; without it the entry is printed")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return a.createToken(cmd, f) }
	return cmd
}

func (a *app) createToken(cmd *cobra.Command, f *tokenFlags) error {
	entry, err := a.tokenEntry(cmd, f)
	if err != nil {
		return err
	}
	token := access.NewToken()
	entry.Hash = access.HashToken(token)
	if f.file != "" {
		if err := addEntry(f.file, entry); err != nil {
			return err
		}
		return a.printLine(token)
	}
	text, err := yaml.Marshal([]access.TokenEntry{entry})
	if err != nil {
		return fault.Wrap(err, fault.Bug, "YAML_FAILED", "the entry cannot be rendered")
	}
	if _, err := fmt.Fprintf(a.env.Err, "# for the file that tokens-file names:\ntokens:\n%s\n# the token, shown this once:\n", text); err != nil {
		return written(err)
	}
	return a.printLine(token)
}

// tokenEntry reads the flags.
func (a *app) tokenEntry(cmd *cobra.Command, f *tokenFlags) (access.TokenEntry, error) {
	entry := access.TokenEntry{Name: f.name, Role: f.role}
	if f.name == "" || f.role == "" || f.expires == "" {
		return entry, usagef(cmd, "say who the token is for, what they may do, and how long: --name, --role, --expires")
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

// addEntry adds an entry to a file of tokens, and keeps what is in it, comments
// included. The file is replaced at once, so that no server reads half of it.
func addEntry(path string, entry access.TokenEntry) error {
	old, err := os.ReadFile(filepath.Clean(path))
	if err != nil && !os.IsNotExist(err) {
		return fault.Wrap(err, fault.Invalid, "FILE_UNREADABLE", "the file of tokens %s cannot be read", path)
	}
	known, err := access.ParseTokenFile(old, path)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(known, func(t access.StoredToken) bool { return t.Name == entry.Name }) {
		return fault.New(fault.Exists, "TOKEN_EXISTS", "%s has a token named %s", path, entry.Name).Suggest("choose another name, or remove that entry")
	}
	text, err := withEntry(old, entry)
	if err != nil {
		return err
	}
	if _, err := access.ParseTokenFile(text, path); err != nil {
		return fault.Wrap(err, fault.Invalid, "TOKENS_INVALID", "the entry cannot be added to %s as it is written", path).
			Suggest("leave out --file, and add the entry that is printed by hand")
	}
	temporary := path + ".new"
	if err := os.WriteFile(temporary, text, 0o600); err != nil { //nolint:gosec // whoever runs the command names the file
		return fault.Wrap(err, fault.Invalid, "FILE_UNWRITABLE", "the file of tokens %s cannot be written", path)
	}
	if err := os.Rename(temporary, path); err != nil {
		return fault.Wrap(err, fault.Invalid, "FILE_UNWRITABLE", "the file of tokens %s cannot be replaced", path)
	}
	return nil
}

func withEntry(old []byte, entry access.TokenEntry) ([]byte, error) {
	item, err := yaml.Marshal([]access.TokenEntry{entry})
	if err != nil {
		return nil, fault.Wrap(err, fault.Bug, "YAML_FAILED", "the entry cannot be rendered")
	}
	if len(bytes.TrimSpace(old)) == 0 {
		old = []byte("tokens:\n")
	}
	if !bytes.HasSuffix(old, []byte("\n")) {
		old = append(old, '\n')
	}
	return append(old, item...), nil
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
