package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lockstepdb/lockstep/internal/config"
)

const serveHelp = `Serve runs the API: gRPC with reflection and health on one port, HTTP and JSON on a
second one, with the OpenAPI document at /openapi.json, checks at /healthz and
/readyz, and metrics at /metrics.

Every setting can come from a flag, else from the environment (LOCKSTEP_LISTEN for
--listen), else from the YAML file (listen:), else from its default; ` + "`lockstep config`" + `
shows what is in force. It listens on loopback unless told otherwise, where everybody
on this machine may do everything. Beyond loopback it starts only with TLS, with
authentication, and with a list of the databases that it may be sent to.

Tenants, tokens and the audit chain are kept in the control store: a SQLite file below
--data-dir, unless --store names another one, or none.`

const serveExample = `  lockstep serve --source file:///srv/modules,https://modules.example.com
  lockstep preview --address 127.0.0.1:7300 --module example.com/entities/crm@v1 --target "$LOCKSTEP_TARGET"
  curl -s 127.0.0.1:7301/v1/modules/example.com/entities/crm/versions`

func (a *app) serveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "serve",
		Short:   "Run the API server",
		Long:    serveHelp,
		Example: serveExample,
		Args:    exactly(),
	}
	load := a.addServerConfig(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := load()
		if err != nil {
			return err
		}
		if err := cfg.ValidateServer(); err != nil {
			return err
		}
		var failed error
		err = a.env.Serve(cmd.Context(), cfg, func(l Listening) {
			failed = a.printListening(l)
		})
		if err != nil {
			return err
		}
		return failed
	}
	return cmd
}

// addServerConfig gives a command --config and the flags of all settings.
func (a *app) addServerConfig(cmd *cobra.Command) (load func() (config.Config, error)) {
	file := cmd.Flags().String("config", "", "YAML file with settings (env LOCKSTEP_CONFIG)")
	values := addOptions(cmd, config.Options())
	return func() (config.Config, error) {
		if *file == "" {
			*file = a.env.Getenv("LOCKSTEP_CONFIG")
		}
		return a.loadConfig(values.given(), *file)
	}
}

func (a *app) printListening(l Listening) error {
	if err := a.printLine("gRPC  " + l.GRPC); err != nil {
		return err
	}
	if l.HTTP == "" {
		return nil
	}
	at := "http://" + l.HTTP
	if l.TLS {
		at = "https://" + l.HTTP
	}
	return a.printLine(fmt.Sprintf("HTTP  %s  (OpenAPI: %s/openapi.json)", at, at))
}
