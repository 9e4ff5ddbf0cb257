package rpc_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/history"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/module"
	"github.com/lockstepdb/lockstep/internal/rpc"
	"github.com/lockstepdb/lockstep/internal/rpc/status"
	"github.com/lockstepdb/lockstep/internal/schema"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

func crm(query string) *lockstepv1.ModuleSet {
	return &lockstepv1.ModuleSet{Refs: []*lockstepv1.ModuleRef{{Path: "example.com/crm", Query: query}}}
}

func TestPreviewTranslatesBothWays(t *testing.T) {
	var asked migrate.Request
	conn, _ := start(t, &fakeMigrator{preview: func(r migrate.Request) (*migrate.Preview, error) {
		asked = r
		return &migrate.Preview{
			Plan: samplePlan(), Changed: true, Script: "BEGIN;", Warnings: []string{"retracted"},
			Current: &history.Revision{Number: 3, Outcome: history.Applied, Actor: "alice", StartedAt: began},
			Sizes:   map[string]dialect.Size{"users": {Rows: 7}, "persons": {Bytes: 4096}},
		}, nil
	}})
	set := crm("v1")
	set.Manifests = map[string]string{"example.com/crm": "version: 1\nentities: [./models]\n"}
	set.Entities = []string{"./types"}
	got, err := lockstepv1.NewMigrationServiceClient(conn).PreviewMigration(t.Context(), &lockstepv1.PreviewMigrationRequest{
		Modules: set, Target: target, Strategy: lockstepv1.Strategy_STRATEGY_ADD_ONLY,
	})
	require.NoError(t, err)

	assert.Equal(t, []module.Ref{{Path: "example.com/crm", Query: "v1"}}, asked.Modules.Refs)
	assert.Equal(t, []string{"./types"}, asked.Modules.Entities)
	assert.Equal(t, []string{"./models"}, asked.Modules.Manifests["example.com/crm"].Entities)
	assert.Equal(t, strategy.AddOnly, asked.Strategy)
	assert.Equal(t, dialect.Postgres, asked.Target.Engine)
	assert.Equal(t, secret, asked.Target.Password(), "the connector gets the secret")

	assert.NotContains(t, got.String(), secret)
	assert.Equal(t, "postgres://db.example.com/shop?schema=acme", got.GetTarget())
	assert.True(t, got.GetChanged())
	assert.EqualValues(t, 3, got.GetCurrent().GetNumber())
	p := got.GetPlan()
	assert.Equal(t, lockstepv1.Engine_ENGINE_POSTGRES, p.GetEngine())
	assert.Equal(t, "p1:abc", p.GetDigest())
	require.Len(t, p.GetVerdicts(), 3)
	split := p.GetVerdicts()[0]
	assert.Equal(t, lockstepv1.Decision_DECISION_SPLIT, split.GetDecision())
	assert.Equal(t, "add_column", split.GetChange().GetOp())
	assert.Equal(t, "bigint NOT NULL", split.GetChange().GetTo())
	assert.Equal(t, "NULL", split.GetLater()[0].GetFrom())
	assert.Equal(t, "persons", p.GetVerdicts()[2].GetChange().GetFrom())
	assert.Equal(t, "people", p.GetVerdicts()[2].GetChange().GetTo())
	lock, scan := p.GetStatements()[0].GetHazards()[0], p.GetStatements()[0].GetHazards()[1]
	assert.Equal(t, lockstepv1.HazardKind_HAZARD_KIND_LOCK, lock.GetKind())
	assert.Equal(t, "users", lock.GetTable())
	assert.Equal(t, "ACCESS EXCLUSIVE", lock.GetLockMode())
	assert.Equal(t, lockstepv1.LockTime_LOCK_TIME_MOMENT, lock.GetLockTime())
	assert.EqualValues(t, 7, lock.GetSize().GetRows())
	assert.Equal(t, lockstepv1.HazardKind_HAZARD_KIND_SCAN, scan.GetKind())
	assert.EqualValues(t, 4096, scan.GetSize().GetBytes(), "by the name before it is renamed")
}

func TestGoModReachesTheUseCase(t *testing.T) {
	var asked migrate.ModuleSet
	conn, _ := start(t, &fakeMigrator{compose: func(s migrate.ModuleSet) (*migrate.Target, error) {
		asked = s
		return &migrate.Target{Schema: &schema.Schema{}, Warnings: []string{"left out"}}, nil
	}})
	set := crm("")
	set.GoMod = []byte("module shop\n")
	got, err := lockstepv1.NewModuleServiceClient(conn).CompareModules(t.Context(), &lockstepv1.CompareModulesRequest{To: set})
	require.NoError(t, err)
	assert.Equal(t, "module shop\n", string(asked.GoMod))
	assert.Equal(t, []module.Ref{{Path: "example.com/crm"}}, asked.Refs)
	assert.Equal(t, []string{"left out"}, got.GetWarnings())
}

func TestModuleService(t *testing.T) {
	conn, _ := start(t, &fakeMigrator{compose: func(migrate.ModuleSet) (*migrate.Target, error) {
		mk := func(name, mod string) *schema.Table {
			return &schema.Table{
				Name: name, Origin: schema.Origin{Module: mod, Version: "v1.1.0", File: "m.go", Line: 7},
				Columns: []*schema.Column{{Name: "id", Type: schema.Type{Kind: schema.Int, Bits: 64}}},
			}
		}
		return &migrate.Target{
			Schema: &schema.Schema{Tables: []*schema.Table{mk("accounts", "example.com/common"), mk("users", "example.com/crm")}},
			Modules: []module.Version{
				{Path: "example.com/common", Version: "v1.0.0"}, {Path: "example.com/crm", Version: "v1.1.0", Sum: "h1:x="},
			},
		}, nil
	}})
	client := lockstepv1.NewModuleServiceClient(conn)

	list, err := client.ListModules(t.Context(), &lockstepv1.ListModulesRequest{})
	require.NoError(t, err)
	require.Len(t, list.GetModules(), 2)
	assert.True(t, list.GetModules()[0].GetReplaced())

	versions, err := client.ListModuleVersions(t.Context(), &lockstepv1.ListModuleVersionsRequest{Path: "example.com/crm"})
	require.NoError(t, err)
	assert.Equal(t, "loses data", versions.GetVersions()[1].GetRetraction())

	mod, err := client.GetModule(t.Context(), &lockstepv1.GetModuleRequest{Path: "example.com/crm", Version: "v1.1.0"})
	require.NoError(t, err)
	require.Len(t, mod.GetTables(), 1)
	assert.Equal(t, "int64", mod.GetTables()[0].GetColumns()[0].GetType())
	assert.EqualValues(t, 7, mod.GetTables()[0].GetOrigin().GetLine())
	assert.Equal(t, "h1:x=", mod.GetModule().GetSum())
	assert.Equal(t, "example.com/common", mod.GetRequires()[0].GetPath())

	compared, err := client.CompareModules(t.Context(), &lockstepv1.CompareModulesRequest{To: crm("v1")})
	require.NoError(t, err)
	require.Len(t, compared.GetChanges(), 2)
	assert.Equal(t, "add_table", compared.GetChanges()[0].GetOp())
	assert.Equal(t, lockstepv1.Effect_EFFECT_ADDITIVE, compared.GetChanges()[0].GetEffect())
}

func TestExecuteStreamsProgressAndResult(t *testing.T) {
	var asked migrate.ExecuteRequest
	conn, _ := start(t, &fakeMigrator{execute: func(
		_ context.Context, r migrate.ExecuteRequest, progress func(migrate.Event),
	) (*migrate.Result, error) {
		asked = r
		p := samplePlan()
		progress(migrate.Event{Phase: migrate.PhaseLocking, Attempt: 1})
		progress(migrate.Event{Phase: migrate.PhaseExecuting, Index: 1, Total: 1, Statement: &p.Statements[0]})
		return &migrate.Result{
			Outcome: migrate.OutcomeApplied, Revision: 4, Plan: p, Actor: r.Actor, StartedAt: began, Duration: time.Second,
			Statements: []history.Statement{{SQL: "x", Outcome: "applied"}},
		}, nil
	}})
	events, err := execute(t, conn, &lockstepv1.ExecuteMigrationRequest{
		Modules: crm("v1"), Target: target, Actor: "alice", PlanDigest: "p1:abc", LockWait: durationpb.New(0),
	})
	require.NoError(t, err)
	require.Len(t, events, 3)
	assert.Equal(t, lockstepv1.ExecutionPhase_EXECUTION_PHASE_LOCKING, events[0].GetProgress().GetPhase())
	assert.Equal(t, "add column age to users", events[1].GetProgress().GetStatement().GetSummary())
	res := events[2].GetResult()
	assert.Equal(t, lockstepv1.ExecutionOutcome_EXECUTION_OUTCOME_APPLIED, res.GetOutcome())
	assert.EqualValues(t, 4, res.GetRevision())
	assert.Equal(t, lockstepv1.StatementOutcome_STATEMENT_OUTCOME_APPLIED, res.GetStatements()[0].GetOutcome())
	assert.NotContains(t, res.String(), secret)

	assert.Equal(t, "p1:abc", asked.Digest)
	assert.Equal(t, "alice", asked.Actor)
	assert.Equal(t, migrate.NoWait, asked.LockWait, "an explicit zero counts")
	assert.Zero(t, asked.LockTimeout, "what is not set is the use case's to choose")
	assert.Equal(t, strategy.Safe, asked.Strategy)
}

func TestFailedExecutionBringsResultAndStatus(t *testing.T) {
	failure := fault.Wrap(errors.New("pq: password "+secret), fault.Refused, "DUPLICATES", "2 rows hold the same email").
		Suggest("merge them")
	failure.RolledBack = true
	conn, _ := start(t, &fakeMigrator{execute: func(
		context.Context, migrate.ExecuteRequest, func(migrate.Event),
	) (*migrate.Result, error) {
		return &migrate.Result{Outcome: migrate.OutcomeRolledBack, Plan: samplePlan(), Error: failure}, failure
	}})
	events, err := execute(t, conn, &lockstepv1.ExecuteMigrationRequest{Modules: crm("v1"), Target: target, Actor: "a"})
	require.Len(t, events, 1)
	assert.Equal(t, "DUPLICATES", events[0].GetResult().GetFailure().GetReason())
	assert.True(t, events[0].GetResult().GetFailure().GetRolledBack())
	assert.Equal(t, codes.FailedPrecondition, grpcstatus.Code(err))
	assert.Equal(t, 5, status.Exit(status.Fault(err)))
	assert.NotContains(t, err.Error(), secret)
	assert.NotContains(t, events[0].String(), secret)
}

func execute(t *testing.T, conn lockstepConn, req *lockstepv1.ExecuteMigrationRequest) ([]*lockstepv1.ExecuteMigrationResponse, error) {
	t.Helper()
	stream, err := lockstepv1.NewMigrationServiceClient(conn).ExecuteMigration(t.Context(), req)
	require.NoError(t, err)
	var out []*lockstepv1.ExecuteMigrationResponse
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		out = append(out, m)
	}
}

func TestHistoryIsPaged(t *testing.T) {
	var revs []*history.Revision
	for n := int64(5); n > 0; n-- {
		revs = append(revs, &history.Revision{
			Number: n, Outcome: history.Applied, Statements: []history.Statement{{SQL: "x", Outcome: "applied"}},
			Withheld: []history.Withheld{{Op: "drop_column", Object: "users.fax"}},
		})
	}
	conn, _ := start(t, &fakeMigrator{revs: revs, snapshot: &schema.Schema{Tables: []*schema.Table{{Name: "users"}}}})
	client := lockstepv1.NewMigrationServiceClient(conn)
	var seen []int64
	token := ""
	for {
		page, err := client.ListRevisions(t.Context(), &lockstepv1.ListRevisionsRequest{Target: target, PageSize: 2, PageToken: token})
		require.NoError(t, err)
		for _, r := range page.GetRevisions() {
			seen = append(seen, r.GetNumber())
			assert.Empty(t, r.GetStatements(), "lists leave statements out")
			assert.EqualValues(t, 1, r.GetStatementCount())
		}
		if token = page.GetNextPageToken(); token == "" {
			break
		}
	}
	assert.Equal(t, []int64{5, 4, 3, 2, 1}, seen)

	_, err := client.ListRevisions(t.Context(), &lockstepv1.ListRevisionsRequest{Target: target, PageToken: "made-up"})
	assert.Equal(t, "PAGE_TOKEN_INVALID", status.Fault(err).Reason)

	one, err := client.GetRevision(t.Context(), &lockstepv1.GetRevisionRequest{Target: target, Number: 2})
	require.NoError(t, err)
	assert.Len(t, one.GetRevision().GetStatements(), 1)
	assert.Len(t, one.GetTables(), 1)
	_, err = client.GetRevision(t.Context(), &lockstepv1.GetRevisionRequest{Target: target, Number: 99})
	assert.Equal(t, codes.NotFound, grpcstatus.Code(err))

	cur, err := client.GetTenantVersion(t.Context(), &lockstepv1.GetTenantVersionRequest{Target: target})
	require.NoError(t, err)
	assert.EqualValues(t, 5, cur.GetRevision().GetNumber())
}

func TestBadRequestsNameTheField(t *testing.T) {
	conn, log := start(t, &fakeMigrator{})
	client := lockstepv1.NewMigrationServiceClient(conn)
	preview := func(change func(*lockstepv1.PreviewMigrationRequest)) error {
		req := &lockstepv1.PreviewMigrationRequest{Modules: crm("v1"), Target: target}
		change(req)
		_, err := client.PreviewMigration(t.Context(), req)
		return err
	}
	_, listErr := client.ListRevisions(t.Context(), &lockstepv1.ListRevisionsRequest{Target: target, PageSize: 501})
	_, executeErr := execute(t, conn, &lockstepv1.ExecuteMigrationRequest{Modules: crm("v1"), Target: target})
	for field, err := range map[string]error{
		"target":               preview(func(r *lockstepv1.PreviewMigrationRequest) { r.Target = "" }),
		"modules":              preview(func(r *lockstepv1.PreviewMigrationRequest) { r.Modules = nil }),
		"strategy":             preview(func(r *lockstepv1.PreviewMigrationRequest) { r.Strategy = 99 }),
		"modules.refs[0].path": preview(func(r *lockstepv1.PreviewMigrationRequest) { r.Modules.Refs[0].Path = "a b" }),
		"page_size":            listErr,
		"actor":                executeErr,
	} {
		assert.Equal(t, codes.InvalidArgument, grpcstatus.Code(err), field)
		f := status.Fault(err)
		assert.Equal(t, "REQUEST_INVALID", f.Reason, field)
		if assert.NotEmpty(t, f.Violations, field) {
			assert.Equal(t, field, f.Violations[0].Subject)
			assert.NotEmpty(t, f.Violations[0].Description)
		}
		assert.NotContains(t, err.Error(), secret)
	}
	err := preview(func(r *lockstepv1.PreviewMigrationRequest) { r.Modules = &lockstepv1.ModuleSet{} })
	assert.Contains(t, status.Fault(err).Error(), "name at least one module")
	err = preview(func(r *lockstepv1.PreviewMigrationRequest) { r.Target = "mongodb://u:" + secret + "@h/db" })
	assert.Equal(t, "TARGET_INVALID", status.Fault(err).Reason)
	assert.NotContains(t, err.Error(), secret)
	assert.Contains(t, log.String(), "reason=REQUEST_INVALID")
}

func TestEveryKindReachesTheCaller(t *testing.T) {
	for kind := fault.Bug; kind <= fault.Corrupt; kind++ {
		conn, _ := start(t, &fakeMigrator{preview: func(migrate.Request) (*migrate.Preview, error) {
			return nil, fault.Wrap(errors.New(secret), kind, "SOME_REASON", "detail").Suggest("hint")
		}})
		_, err := lockstepv1.NewMigrationServiceClient(conn).PreviewMigration(t.Context(),
			&lockstepv1.PreviewMigrationRequest{Modules: crm("v1"), Target: target})
		assert.Equal(t, status.Code(kind), grpcstatus.Code(err))
		assert.Equal(t, kind, status.Fault(err).Kind)
		assert.NotContains(t, err.Error(), secret)
	}
}

func TestPanicIsABugWithoutStack(t *testing.T) {
	conn, log := start(t, &fakeMigrator{preview: func(migrate.Request) (*migrate.Preview, error) {
		panic("at " + target)
	}})
	_, err := lockstepv1.NewMigrationServiceClient(conn).PreviewMigration(t.Context(),
		&lockstepv1.PreviewMigrationRequest{Modules: crm("v1"), Target: target})
	assert.Equal(t, codes.Internal, grpcstatus.Code(err))
	assert.Equal(t, "PANIC", status.Fault(err).Reason)
	assert.NotContains(t, err.Error(), "goroutine")
	assert.Contains(t, log.String(), "goroutine", "the stack is in the log")
}

func TestDeadlineIsSetWhenTheCallerSetsNone(t *testing.T) {
	left := make(chan time.Duration, 2)
	conn, _ := start(t, &fakeMigrator{execute: func(
		ctx context.Context, _ migrate.ExecuteRequest, _ func(migrate.Event),
	) (*migrate.Result, error) {
		d, _ := ctx.Deadline()
		left <- time.Until(d)
		<-ctx.Done()
		return nil, ctx.Err()
	}}, func(c *rpc.Config) { c.ExecuteTimeout = 50 * time.Millisecond })
	_, err := execute(t, conn, &lockstepv1.ExecuteMigrationRequest{Modules: crm("v1"), Target: target, Actor: "a"})
	assert.Equal(t, codes.DeadlineExceeded, grpcstatus.Code(err))
	assert.LessOrEqual(t, <-left, 50*time.Millisecond)
}

func TestHealthAndReflection(t *testing.T) {
	conn, _ := start(t, &fakeMigrator{})
	for _, service := range []string{"", "lockstep.v1.ModuleService", "lockstep.v1.MigrationService"} {
		got, err := healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{Service: service})
		require.NoError(t, err)
		assert.Equal(t, healthpb.HealthCheckResponse_SERVING, got.GetStatus())
	}
	stream, err := reflectionpb.NewServerReflectionClient(conn).ServerReflectionInfo(t.Context())
	require.NoError(t, err)
	require.NoError(t, stream.Send(&reflectionpb.ServerReflectionRequest{
		MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{},
	}))
	resp, err := stream.Recv()
	require.NoError(t, err)
	assert.Contains(t, resp.String(), "lockstep.v1.MigrationService")
	require.NoError(t, stream.CloseSend())
}

func TestShutdownLetsACallEnd(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	server, err := rpc.NewServer(rpc.Config{
		Migrator: &fakeMigrator{preview: func(migrate.Request) (*migrate.Preview, error) {
			close(entered)
			<-release
			return &migrate.Preview{Plan: samplePlan()}, nil
		}},
		Modules: fakeModules{}, Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return began },
		ShutdownTimeout: time.Minute,
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	conn, err := server.Connect(ctx)
	require.NoError(t, err)
	answer := make(chan error, 1)
	go func() {
		_, err := lockstepv1.NewMigrationServiceClient(conn).PreviewMigration(context.Background(),
			&lockstepv1.PreviewMigrationRequest{Modules: crm("v1"), Target: target})
		answer <- err
	}()
	<-entered
	cancel()
	down := make(chan struct{})
	go func() {
		server.Shutdown()
		close(down)
	}()
	select {
	case <-down:
		t.Fatal("the server went down under a running call")
	case <-time.After(50 * time.Millisecond):
	}
	close(release)
	require.NoError(t, <-answer)
	<-down
	require.NoError(t, conn.Close())
}

func TestTargetsAreMarkedForRedaction(t *testing.T) {
	for _, m := range []proto.Message{
		&lockstepv1.PreviewMigrationRequest{}, &lockstepv1.ExecuteMigrationRequest{}, &lockstepv1.GetTenantVersionRequest{},
		&lockstepv1.ListRevisionsRequest{}, &lockstepv1.GetRevisionRequest{},
	} {
		f := m.ProtoReflect().Descriptor().Fields().ByName("target")
		require.NotNil(t, f)
		assert.Contains(t, protoOptions(f.Options()), "debug_redact:true")
	}
}
