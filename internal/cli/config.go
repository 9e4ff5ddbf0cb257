package cli

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lockstepdb/lockstep/internal/config"
)

const configHelp = `Config prints the settings that a server would start with, and where each came
from: a flag, the environment, the file, or its default. Passwords in URLs are
hidden. It fails where serve would refuse to start, and says why.`

const configExample = `  lockstep config --config /etc/lockstep/lockstep.yaml
  LOCKSTEP_LISTEN=0.0.0.0:7300 lockstep config --format json`

func (a *app) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "config",
		Short:   "Show the settings of a server and where they come from",
		Long:    configHelp,
		Example: configExample,
		Args:    exactly(),
	}
	load := a.addServerConfig(cmd)
	format := addFormat(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := format.check(cmd); err != nil {
			return err
		}
		cfg, err := load()
		if err != nil {
			return err
		}
		if err := a.printConfig(&cfg, format.value); err != nil {
			return err
		}
		return cfg.ValidateServer()
	}
	return cmd
}

func (a *app) printConfig(cfg *config.Config, format string) error {
	if format != formatJSON {
		_, err := fmt.Fprint(a.env.Out, cfg.YAML())
		return written(err)
	}
	out := json.NewEncoder(a.env.Out)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false)
	return written(out.Encode(map[string]any{"settings": cfg.Settings()}))
}
