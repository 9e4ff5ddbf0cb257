package cli

import (
	"errors"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/lockstepdb/lockstep/internal/config"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// The flags that have to do with the control store, and the variable behind one.
const (
	flagStore  = "store"
	flagTenant = "tenant"
	envStore   = "LOCKSTEP_STORE"
)

// needsStore marks the commands that do nothing without a control store.
const needsStore = "needs-store"

func addStore(cmd *cobra.Command, value *string) {
	cmd.Flags().StringVar(value, flagStore, "",
		"without --address: URL of the control store with the tenants, sqlite:control.db or postgres://… (env "+envStore+"); default: that of lockstep serve")
}

// flagText returns the value of a flag, "" when the command does not have it.
func flagText(cmd *cobra.Command, name string) string {
	if f := cmd.Flags().Lookup(name); f != nil {
		return f.Value.String()
	}
	return ""
}

// useStore decides whether a command in this process opens the control store:
// only when it names a tenant or the store, or is about what the store keeps.
//
// The store that nobody named is used when it is there; making it is for serve.
func useStore(cmd *cobra.Command, cfg *config.Config) error {
	_, needed := cmd.Annotations[needsStore]
	needed = needed || flagText(cmd, flagTenant) != ""
	switch {
	case needed && cfg.Store.URL.Empty():
		return usagef(cmd, "say where the control store is: --store URL, %s in the environment, or --address of a server that has one", envStore)
	case needed && cfg.Store.Default:
		return exists(cmd, cfg.Store.File())
	case !needed && flagText(cmd, flagStore) == "":
		cfg.Store = config.Store{None: true}
	}
	return nil
}

// exists refuses a command when the store that it would use was never made.
func exists(cmd *cobra.Command, file string) error {
	_, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return usagef(cmd, "say where the control store is: --store URL, %s in the environment, or --address of a server that has one; "+
			"there is none at %s, where `lockstep serve` makes one (--store sqlite:FILE makes one elsewhere)", envStore, file)
	case err != nil:
		return fault.Wrap(err, fault.Denied, "STORE_UNREADABLE", "the control store %s cannot be looked at", file).
			Suggest("run the command as the user that the server runs as, or call the server with --address")
	}
	return nil
}
