package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/lockstepdb/lockstep/internal/access/keyfiles"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/rpc"
)

// envToken is the environment variable with a bearer token: a flag would show
// it in the list of processes.
const envToken = "LOCKSTEP_TOKEN"

// remoteFlags say how to reach a server, and who calls.
type remoteFlags struct {
	tls       bool
	ca        string
	cert, key string
	tokenFile string
}

// addRemote gives a command the flags that go with --address.
func addRemote(cmd *cobra.Command) *remoteFlags {
	f := &remoteFlags{}
	flags := cmd.Flags()
	flags.BoolVar(&f.tls, "tls", false, "speak TLS with the server at --address (env LOCKSTEP_TLS=true)")
	flags.StringVar(&f.ca, "ca", "", "PEM file with the authorities of the server's certificate; default: the system's (env LOCKSTEP_CA)")
	flags.StringVar(&f.cert, "client-cert", "", "PEM file with a client certificate (env LOCKSTEP_CLIENT_CERT)")
	flags.StringVar(&f.key, "client-key", "", "PEM file with its key (env LOCKSTEP_CLIENT_KEY)")
	flags.StringVar(&f.tokenFile, "token-file", "", "file with a bearer token (the token itself: env "+envToken+")")
	return f
}

// given returns the name of a flag that was given, or "".
func (f *remoteFlags) given() string {
	switch {
	case f.tls:
		return "tls"
	case f.ca != "":
		return "ca"
	case f.cert != "":
		return "client-cert"
	case f.key != "":
		return "client-key"
	case f.tokenFile != "":
		return "token-file"
	}
	return ""
}

// identified tells whether the caller proves who they are, so that the server
// knows who asks.
func (f *remoteFlags) identified(getenv func(string) string) bool {
	return f.tokenFile+f.cert+getenv(envToken)+getenv("LOCKSTEP_CLIENT_CERT") != ""
}

// client puts together how to reach a server; the error is Invalid.
func (f *remoteFlags) client(getenv func(string) string, address string) (rpc.Client, error) {
	out := rpc.Client{Address: address}
	either := func(flag, name string) string {
		if flag != "" {
			return flag
		}
		return getenv(name)
	}
	ca, cert, key := either(f.ca, "LOCKSTEP_CA"), either(f.cert, "LOCKSTEP_CLIENT_CERT"), either(f.key, "LOCKSTEP_CLIENT_KEY")
	if (cert == "") != (key == "") {
		return out, fault.New(fault.Invalid, "CERTIFICATE_INVALID", "a client certificate and its key belong together").
			Suggest("give both --client-cert and --client-key")
	}
	if f.tls || getenv("LOCKSTEP_TLS") == "true" || ca != "" || cert != "" {
		var err error
		if out.TLS, err = keyfiles.Client(ca, cert, key); err != nil {
			return out, err
		}
	}
	out.Token = strings.TrimSpace(getenv(envToken))
	if f.tokenFile != "" {
		data, err := readFile(f.tokenFile, "the file with the token")
		if err != nil {
			return out, err
		}
		out.Token = strings.TrimSpace(string(data))
	}
	return out, nil
}

// actor returns who asks, for the record: who was given, else nobody where the
// server knows by itself who calls, else the current user.
func (a *app) actor(cmd *cobra.Command, f *connectFlags, given string) (string, error) {
	remote := f.address != "" || a.env.Getenv(envAddress) != ""
	switch {
	case given != "":
		return given, nil
	case remote && f.remote.identified(a.env.Getenv):
		return "", nil
	case a.env.User != "":
		return a.env.User, nil
	}
	return "", usagef(cmd, "say who asks: --actor NAME; the current user is not known")
}
