package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lockstepdb/lockstep/internal/config"
)

const serveHelp = `Serve runs the API: gRPC with reflection and health on one port, HTTP and JSON on a
second one, with the OpenAPI document at /openapi.json and a check at /healthz.

Every setting can come from a flag, else from the environment (LOCKSTEP_LISTEN for
--listen), else from the YAML file (listen:), else from its default. It listens on
loopback unless told otherwise: the API has no authentication of its own yet.`

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
	file := cmd.Flags().String("config", "", "YAML file with settings (env LOCKSTEP_CONFIG)")
	values := addOptions(cmd, config.Options())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *file == "" {
			*file = a.env.Getenv("LOCKSTEP_CONFIG")
		}
		cfg, err := a.loadConfig(values.given(), *file)
		if err != nil {
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

func (a *app) printListening(l Listening) error {
	if err := a.printLine("gRPC  " + l.GRPC); err != nil {
		return err
	}
	if l.HTTP == "" {
		return nil
	}
	return a.printLine(fmt.Sprintf("HTTP  http://%s  (OpenAPI: http://%s/openapi.json)", l.HTTP, l.HTTP))
}
