package cli

import (
	"github.com/spf13/cobra"

	"github.com/lockstepdb/lockstep/internal/config"
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
		"without --address: URL of the control store with the tenants, sqlite:control.db or postgres://… (env "+envStore+")")
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
func useStore(cmd *cobra.Command, cfg *config.Config) error {
	_, needed := cmd.Annotations[needsStore]
	needed = needed || flagText(cmd, flagTenant) != ""
	switch {
	case needed && cfg.Store.Empty():
		return usagef(cmd, "say where the control store is: --store URL, %s in the environment, or --address of a server that has one", envStore)
	case !needed && flagText(cmd, flagStore) == "":
		cfg.Store = config.Default().Store // none
	}
	return nil
}
