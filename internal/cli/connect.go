package cli

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"github.com/lockstepdb/lockstep/internal/config"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// envAddress is the environment variable behind --address.
const envAddress = "LOCKSTEP_ADDRESS"

// connectFlags say where the API is and who calls it, and, without an address,
// where modules come from.
type connectFlags struct {
	address string
	remote  *remoteFlags
	local   optionFlags
}

// optionFlags are the flags of settings, by name.
type optionFlags map[string]*[]string

// addOptions gives a command the flags of settings.
func addOptions(cmd *cobra.Command, options []config.Option) optionFlags {
	out := optionFlags{}
	for _, o := range options {
		usage := o.Usage + " (env " + o.Env() + ")"
		values := &[]string{}
		out[o.Name] = values
		if o.List {
			cmd.Flags().StringArrayVar(values, o.Name, nil, usage+"; repeatable")
		} else {
			cmd.Flags().Var(&oneValue{values}, o.Name, usage)
		}
	}
	return out
}

// given returns the values that were given, for config.Load.
func (f optionFlags) given() map[string]string {
	out := map[string]string{}
	for name, values := range f {
		if len(*values) > 0 {
			out[name] = strings.Join(*values, ",")
		}
	}
	return out
}

// oneValue is a flag whose last value counts.
type oneValue struct{ values *[]string }

// String returns the value.
func (v *oneValue) String() string {
	if v.values == nil {
		return ""
	}
	return strings.Join(*v.values, ",")
}

// Set replaces the value.
func (v *oneValue) Set(s string) error {
	*v.values = []string{s}
	return nil
}

// Type names the value in help.
func (*oneValue) Type() string { return "string" }

// addConnect gives a command --address and the flags of module sources.
func addConnect(cmd *cobra.Command) *connectFlags {
	f := &connectFlags{}
	cmd.Flags().StringVar(&f.address, "address", "",
		"host:port of a lockstep server; without it everything runs in this process (env "+envAddress+")")
	f.remote = addRemote(cmd)
	f.local = addOptions(cmd, slices.DeleteFunc(config.Options(), func(o config.Option) bool { return o.Server }))
	return f
}

// connection is an open way to the API.
type connection struct {
	conn    grpc.ClientConnInterface
	closing func()
}

// connect opens the way to the API. dirs are working copies that a go.mod
// names; they count where no flag says otherwise.
func (a *app) connect(ctx context.Context, cmd *cobra.Command, f *connectFlags, dirs map[string]string) (*connection, error) {
	address := f.address
	if address == "" {
		address = a.env.Getenv(envAddress)
	}
	given := f.local.given()
	store := flagText(cmd, flagStore)
	if address != "" {
		if store != "" {
			return nil, usagef(cmd, "--store has no effect with --address: the server at %s has its own", address)
		}
		for _, o := range config.Options() {
			if _, ok := given[o.Name]; ok {
				return nil, usagef(cmd, "--%s has no effect with --address: the server at %s reads modules from its own sources", o.Name, address)
			}
		}
		client, err := f.remote.client(a.env.Getenv, address)
		if err != nil {
			return nil, err
		}
		conn, err := client.Dial()
		if err != nil {
			return nil, err
		}
		return &connection{conn: conn, closing: func() {
			_ = conn.Close() // the answers are in
		}}, nil
	}
	if name := f.remote.given(); name != "" {
		return nil, usagef(cmd, "--%s has no effect without --address: everything runs in this process", name)
	}
	if store != "" {
		given[flagStore] = store
	}
	cfg, err := a.loadConfig(given, "")
	if err != nil {
		return nil, err
	}
	if err := useStore(cmd, &cfg); err != nil {
		return nil, err
	}
	if a.env.Getenv("LOCKSTEP_LOG_LEVEL") == "" {
		cfg.LogLevel = slog.LevelError // the command says itself what happened
	}
	for path, dir := range dirs {
		if _, taken := cfg.Replace[path]; !taken {
			cfg.Replace[path] = dir
		}
	}
	conn, closing, err := a.env.InProcess(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return &connection{conn: conn, closing: closing}, nil
}

// loadConfig reads the configuration; file may be "".
func (a *app) loadConfig(given map[string]string, file string) (config.Config, error) {
	src := config.Sources{Flags: given, Getenv: a.env.Getenv, Name: file}
	if file != "" {
		var err error
		if src.File, err = readFile(file, "the configuration"); err != nil {
			return config.Config{}, err
		}
	}
	return config.Load(src)
}

// readFile reads a file that the command line names.
func readFile(name, what string) ([]byte, error) {
	data, err := os.ReadFile(filepath.Clean(name))
	if err == nil {
		return data, nil
	}
	why := "cannot be read"
	if os.IsNotExist(err) {
		why = "does not exist"
	}
	return nil, fault.Wrap(err, fault.Invalid, "FILE_UNREADABLE", "%s %s %s", what, name, why)
}
