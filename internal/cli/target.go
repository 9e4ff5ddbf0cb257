package cli

import (
	"strings"

	"github.com/spf13/cobra"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// envTarget is the environment variable behind --target.
const envTarget = "LOCKSTEP_TARGET"

// targetFlag is --target, and --tenant that stands for it. It keeps out of help
// and errors what was given: the URL may hold a password.
type targetFlag struct {
	given  string
	tenant string
	store  string
}

func addTarget(cmd *cobra.Command) *targetFlag {
	f := &targetFlag{}
	cmd.Flags().StringVar(&f.given, "target", "",
		"URL of the tenant's database: postgres://user:password@host/db?schema=acme, sqlite:///path/to/file.db\n"+
			"(env "+envTarget+", which keeps a password out of the process list)")
	cmd.Flags().StringVar(&f.tenant, flagTenant, "", "id of a registered tenant, instead of the target; its modules and strategy count where none are given")
	addStore(cmd, &f.store)
	return f
}

// target returns the target, or the tenant.
func (a *app) target(cmd *cobra.Command, f *targetFlag) (target, tenant string, err error) {
	switch {
	case f.given != "" && f.tenant != "":
		return "", "", usagef(cmd, "--target and --tenant are two ways to say the same: give one of them")
	case f.given != "" || f.tenant != "":
		return f.given, f.tenant, nil
	}
	if t := a.env.Getenv(envTarget); t != "" {
		return t, "", nil
	}
	return "", "", usagef(cmd, "say which tenant's database: --target URL, or %s in the environment, or --tenant ID", envTarget)
}

// argument returns how the next command names the target, as words for a
// shell: not at all when the environment does, verbatim when it holds no
// secret, else by a variable that the reader sets.
func (f *targetFlag) argument() string {
	switch {
	case f.tenant != "" && f.store != "":
		return "--tenant " + shellQuote(f.tenant) + " " + urlArgument(flagStore, f.store, envStore)
	case f.tenant != "":
		return "--tenant " + shellQuote(f.tenant)
	case f.given == "":
		return ""
	}
	return urlArgument("target", f.given, envTarget)
}

// urlArgument names a URL: verbatim when it holds no secret.
func urlArgument(flag, given, variable string) string {
	t, err := dialect.ParseTarget(given)
	if err != nil || t.Password() != "" || len(t.Options) > 0 {
		return "--" + flag + ` "$` + variable + `"`
	}
	return "--" + flag + " " + shellQuote(given)
}

func addStrategy(cmd *cobra.Command) *string {
	return cmd.Flags().String("strategy", string(strategy.Safe),
		"which changes are carried out:\n"+
			"  add-only  only what code of the present versions cannot notice\n"+
			"  safe      everything that loses no data\n"+
			"  full      everything; what removes data needs --plan")
}

// readStrategy leaves the strategy of a tenant to its registration, unless one
// was given.
func readStrategy(cmd *cobra.Command, given string) (lockstepv1.Strategy, error) {
	if flagText(cmd, flagTenant) != "" && !cmd.Flags().Changed("strategy") {
		return lockstepv1.Strategy_STRATEGY_UNSPECIFIED, nil
	}
	name, err := strategy.Parse(given)
	if err != nil {
		return 0, usagef(cmd, "there is no strategy %q; use add-only, safe or full", given)
	}
	switch name {
	case strategy.AddOnly:
		return lockstepv1.Strategy_STRATEGY_ADD_ONLY, nil
	case strategy.Full:
		return lockstepv1.Strategy_STRATEGY_FULL, nil
	case strategy.Safe:
	}
	return lockstepv1.Strategy_STRATEGY_SAFE, nil
}

// shellQuote quotes a word for a POSIX shell where it needs it.
func shellQuote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("@%+=:,./_-", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
