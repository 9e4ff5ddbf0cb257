package cli

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"

	"github.com/lockstepdb/lockstep/internal/config"
)

const secret = "hunter2-s3cr3t"

// lostConn is a connection whose calls fail with a status that some proxy made,
// and whose words are not to be trusted.
type lostConn struct{ code codes.Code }

func (c lostConn) Invoke(context.Context, string, any, any, ...grpc.CallOption) error {
	return grpcstatus.Error(c.code, "words with "+secret)
}

func (c lostConn) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, grpcstatus.Error(c.code, "words with "+secret)
}

// run runs a command line over conn and returns its exit code and all it wrote.
func run(conn grpc.ClientConnInterface, environment map[string]string, args ...string) (int, string) {
	var b bytes.Buffer
	code := Main(context.Background(), args, Env{
		Out: &b, Err: &b, Getenv: func(name string) string { return environment[name] }, User: "alice",
		Version: "test", Now: func() time.Time { return time.Time{} },
		InProcess: func(context.Context, config.Config) (grpc.ClientConnInterface, func(), error) {
			return conn, func() {}, nil
		},
	})
	return code, b.String()
}

func TestSecretsAreNeverWritten(t *testing.T) {
	target := "postgres://app:" + secret + "@127.0.0.1/db?schema=acme"
	for _, args := range [][]string{
		{"preview", "--module", "example.com/crm", "--target", target},
		{"preview", "--module", "example.com/crm", "--target", target, "--format", "json"},
		{"execute", "--module", "example.com/crm", "--target", target},
		{"execute", "--module", "example.com/crm", "--target", target, "--nonsense"},
		{"execute", "--module", "example.com/crm", "--target", target, "--strategy", "bold"},
		{"execute", "--target", target},
		{"history", "--target", target},
		{"history", "--target", target, "--help"},
		{"history", "--target", target, "extra"},
	} {
		for _, code := range []codes.Code{codes.Unavailable, codes.Unknown, codes.InvalidArgument, codes.Canceled} {
			exit, out := run(lostConn{code}, nil, args...)
			assert.NotContains(t, out, secret, args)
			if exit == 0 {
				assert.Contains(t, args, "--help")
			}
			_, out = run(lostConn{code}, map[string]string{envTarget: target}, "history", "--help")
			assert.NotContains(t, out, secret)
		}
	}
}

func TestGivingUpSaysWhatBecomesOfTheWork(t *testing.T) {
	exit, out := run(lostConn{codes.Canceled}, nil, "execute", "--module", "example.com/crm", "--target", "sqlite:a.db")
	assert.Equal(t, 75, exit)
	assert.Contains(t, out, "rolled back")
}

func TestNextCommandKeepsSecretsOut(t *testing.T) {
	for given, want := range map[string]string{
		"":                                   "",
		"sqlite:a b.db":                      "--target 'sqlite:a b.db'",
		"sqlite:///srv/acme.db":              "--target sqlite:///srv/acme.db",
		"postgres://u@h/db?schema=acme":      "--target 'postgres://u@h/db?schema=acme'",
		"postgres://u:" + secret + "@h/db":   `--target "$LOCKSTEP_TARGET"`,
		"postgres://u@h/db?sslkey=" + secret: `--target "$LOCKSTEP_TARGET"`,
	} {
		f := &targetFlag{given: given}
		assert.Equal(t, want, f.argument(), given)
	}
}

func TestNextCommandRepeatsWhatMatters(t *testing.T) {
	strategyName := "full"
	f := &migrationFlags{
		set:    &setFlags{modules: []string{"example.com/crm@>=v1.2.0"}, goMod: "a b/go.mod", entities: []string{"./types"}},
		target: &targetFlag{given: "sqlite:a.db"}, strategy: &strategyName,
		connect: &connectFlags{local: optionFlags{"source": {"file:///x"}}},
	}
	for _, name := range []string{"replace", "cache-dir", "sumdb", "nosumdb"} {
		f.connect.local[name] = &[]string{}
	}
	assert.Equal(t, strings.Join([]string{
		`lockstep execute \`,
		`    --module 'example.com/crm@>=v1.2.0' \`,
		`    --go-mod 'a b/go.mod' \`,
		`    --entities ./types \`,
		`    --target sqlite:a.db \`,
		`    --strategy full \`,
		`    --source file:///x \`,
		`    --plan p1:abc`,
	}, "\n"), strings.Join(nextCommand(f, "p1:abc"), "\n"))
}
