package rpc_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"github.com/lockstepdb/lockstep/internal/access"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/diff"
	"github.com/lockstepdb/lockstep/internal/entity"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/history"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/module"
	"github.com/lockstepdb/lockstep/internal/plan"
	"github.com/lockstepdb/lockstep/internal/rpc"
	"github.com/lockstepdb/lockstep/internal/schema"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// secret is in every target of these tests and may appear in no output.
const secret = "hunter2-s3cr3t"

const target = "postgres://app:" + secret + "@db.example.com/shop?schema=acme"

var began = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// fakeMigrator answers what it is told and remembers what it was asked.
type fakeMigrator struct {
	migrate.Keeper // nil where a test does not come to it

	compose  func(migrate.ModuleSet) (*migrate.Target, error)
	check    func(migrate.CheckRequest) (*migrate.CheckResult, error)
	proposal *entity.Proposal
	preview  func(migrate.Request) (*migrate.Preview, error)
	execute  func(context.Context, migrate.ExecuteRequest, func(migrate.Event)) (*migrate.Result, error)
	revs     []*history.Revision
	snapshot *schema.Schema
}

func (f *fakeMigrator) Compose(_ context.Context, set migrate.ModuleSet) (*migrate.Target, error) {
	return f.compose(set)
}

func (f *fakeMigrator) Check(_ context.Context, req migrate.CheckRequest) (*migrate.CheckResult, error) {
	return f.check(req)
}

func (f *fakeMigrator) Propose(_ context.Context, ref module.Ref) (module.Version, *entity.Proposal, error) {
	return module.Version{Path: ref.Path, Version: "v1.0.0"}, f.proposal, nil
}

func (f *fakeMigrator) Preview(_ context.Context, req migrate.Request) (*migrate.Preview, error) {
	return f.preview(req)
}

func (f *fakeMigrator) Execute(
	ctx context.Context, req migrate.ExecuteRequest, progress func(migrate.Event),
) (*migrate.Result, error) {
	return f.execute(ctx, req, progress)
}

func (f *fakeMigrator) Current(context.Context, dialect.Target) (*history.Revision, error) {
	if len(f.revs) == 0 {
		return nil, fault.New(fault.NotFound, "TENANT_NOT_INITIALISED", "the tenant was not initialised by lockstep")
	}
	return f.revs[0], nil
}

func (f *fakeMigrator) Revisions(_ context.Context, _ dialect.Target, before int64, limit int) ([]*history.Revision, error) {
	var out []*history.Revision
	for _, r := range f.revs {
		if (before == 0 || r.Number < before) && len(out) < limit {
			out = append(out, r)
		}
	}
	return out, nil
}

func (f *fakeMigrator) Revision(_ context.Context, _ dialect.Target, n int64) (*history.Revision, *schema.Schema, error) {
	for _, r := range f.revs {
		if r.Number == n {
			return r, f.snapshot, nil
		}
	}
	return nil, nil, fault.New(fault.NotFound, "REVISION_NOT_FOUND", "there is no revision %d", n)
}

// fakeModules is a module source in memory.
type fakeModules map[string]*module.Module // by path@version

func (f fakeModules) Versions(_ context.Context, path string) ([]module.Info, error) {
	if path != "example.com/crm" {
		return nil, fault.New(fault.NotFound, "MODULE_NOT_FOUND", "no source knows %s", path)
	}
	return []module.Info{
		{Version: "v1.1.0", Time: "2026-01-02T03:04:05Z"},
		{Version: "v1.0.0", Retracted: "loses data"},
	}, nil
}

func (f fakeModules) Fetch(_ context.Context, path, version string) (*module.Module, error) {
	m, ok := f[path+"@"+version]
	if !ok {
		return nil, fault.New(fault.NotFound, "MODULE_NOT_FOUND", "no source knows %s", path)
	}
	return m, nil
}

func entityModule(path, version string, manifest bool) *module.Module {
	files := fstest.MapFS{"go.mod": {Data: []byte("module " + path + "\n")}}
	if manifest {
		files["lockstep.yaml"] = &fstest.MapFile{Data: []byte("version: 1\n")}
	}
	return &module.Module{Version: module.Version{Path: path, Version: version}, FS: files}
}

// lockedBuffer is a buffer that a server's goroutines may write to.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func logTo(log *lockedBuffer) *slog.Logger {
	return slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// start serves on a real listener and returns a connection and the log.
func start(t *testing.T, m migrate.Migrator, change ...func(*rpc.Config)) (*grpc.ClientConn, *lockedBuffer) {
	t.Helper()
	log := &lockedBuffer{}
	cfg := rpc.Config{
		Migrator: m,
		Modules: fakeModules{
			"example.com/crm@v1.1.0":    entityModule("example.com/crm", "v1.1.0", true),
			"example.com/logger@v0.3.0": entityModule("example.com/logger", "v0.3.0", false),
		},
		Offered:         []string{"example.com/crm", "example.com/billing"},
		Replaced:        []string{"example.com/billing"},
		Logger:          logTo(log),
		Now:             func() time.Time { return began },
		ShutdownTimeout: 5 * time.Second,
		Access: rpc.Access{
			Authenticator: &access.Authenticator{Anonymous: access.Admin}, Targets: access.AllTargets(),
		},
	}
	for _, c := range change {
		c(&cfg)
	}
	server, err := rpc.NewServer(cfg)
	require.NoError(t, err)
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- server.Serve(context.Background(), lis) }()
	conn, err := rpc.Dial(lis.Addr().String(), 0)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, conn.Close())
		server.Shutdown()
		require.NoError(t, <-served)
		require.NotContains(t, log.String(), secret, "the log holds a secret")
	})
	return conn, log
}

// samplePlan has one change of each decision.
func samplePlan() *plan.Plan {
	column := func(name, physical string, nullable bool) *diff.Part {
		return &diff.Part{Column: &schema.Column{Name: name, Physical: physical, Nullable: nullable}}
	}
	add := diff.Change{Verb: diff.Add, Kind: diff.Column, Table: "users", Name: "age", To: column("age", "bigint", false)}
	now, later := add, diff.Change{
		Verb: diff.Alter, Kind: diff.Column, Aspect: diff.AspectNull, Table: "users", Name: "age",
		From: column("age", "bigint", true), To: column("age", "bigint", false),
	}
	now.To = column("age", "bigint", true)
	drop := diff.Change{Verb: diff.Drop, Kind: diff.Column, Table: "users", Name: "fax", From: column("fax", "text", true)}
	rename := diff.Change{Verb: diff.Rename, Kind: diff.Table, Table: "people", OldName: "persons"}
	return &plan.Plan{
		Engine: dialect.Postgres, EngineVersion: 16, Strategy: strategy.AddOnly,
		Modules: []module.Version{{Path: "example.com/crm", Version: "v1.1.0", Sum: "h1:abc="}},
		Base:    "base", Target: "wanted", Result: "got", Digest: "p1:abc",
		Verdicts: []strategy.Verdict{
			{
				Assessment: diff.Assessment{Change: add, Effect: diff.Restricting, Why: "inserts of present code do not fill it"},
				Decision:   strategy.Split, Reason: "added nullable", Now: []diff.Change{now}, Later: []diff.Change{later},
			},
			{
				Assessment: diff.Assessment{Change: drop, Effect: diff.Destructive, Why: "values are removed"},
				Decision:   strategy.Withhold, Reason: "add-only drops nothing", Later: []diff.Change{drop},
			},
			{
				Assessment: diff.Assessment{Change: rename, Effect: diff.Restricting, Why: "present code uses the old name"},
				Decision:   strategy.Apply, Reason: "declared", Now: []diff.Change{rename},
			},
		},
		Statements: []plan.Statement{{
			Statement: dialect.Statement{
				SQL: `ALTER TABLE "users" ADD COLUMN "age" bigint`, Summary: "add column age to users",
				Hazards: []dialect.Hazard{
					{Kind: dialect.HazardLock, Detail: "readers wait", Table: "users", Mode: "ACCESS EXCLUSIVE", Lasts: dialect.LockMoment}, dialect.Scan("people"),
				},
				Reverse: []string{`ALTER TABLE "users" DROP COLUMN "age"`},
			},
			Table: "users",
		}},
	}
}

// lockstepConn is what the generated clients need.
type lockstepConn = grpc.ClientConnInterface

// protoOptions prints options without the white space that prototext varies.
func protoOptions(m proto.Message) string {
	return strings.ReplaceAll(prototext.MarshalOptions{}.Format(m), " ", "")
}
