package rpc_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/access"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/migrate"
	"github.com/lockstepdb/lockstep/internal/rpc"
	"github.com/lockstepdb/lockstep/internal/rpc/status"
)

// matrix is the table of who may do what: for every call of the API, which
// callers are let in. A call that is not in it fails the test, so that nobody
// adds one without saying who may make it.
//
//	a anonymous                 v viewer on everything      o operator on everything
//	A admin on everything       w viewer of team crm        p operator of team crm
//	d admin of team crm         n a known caller with no role
//
// The requests of the test name a target that no tenant is registered at.
var matrix = map[string]string{
	"ModuleService/ListModules":        "vwopdA",
	"ModuleService/ListModuleVersions": "vwopdA",
	"ModuleService/GetModule":          "vwopdA",
	"ModuleService/CompareModules":     "vwopdA",
	"ModuleService/CheckModule":        "vwopdA",
	"ModuleService/ProposeManifest":    "vwopdA",
	"ModuleService/GetModuleGraph":     "vwopdA",

	"MigrationService/GetTenantVersion": "voA",
	"MigrationService/PreviewMigration": "voA",
	"MigrationService/ExecuteMigration": "oA",
	"MigrationService/ListRevisions":    "voA",
	"MigrationService/GetRevision":      "voA",
	"MigrationService/CheckDrift":       "voA",
	"MigrationService/AdoptDatabase":    "oA",
	"MigrationService/PreviewRevert":    "voA",
	"MigrationService/RevertMigration":  "oA",

	"TenantService/CreateTenant":  "A",
	"TenantService/OnboardTenant": "A",
	"TenantService/GetTenant":     "voA",
	"TenantService/ListTenants":   "vwopdA",
	"TenantService/UpdateTenant":  "A",
	"TenantService/ArchiveTenant": "A",

	"AuditService/SearchAudit": "A",
	"AuditService/ExportAudit": "A",
	"AuditService/VerifyAudit": "A",

	"TokenService/CreateToken": "A",
	"TokenService/ListTokens":  "A",
	"TokenService/RevokeToken": "A",

	"ServerService/CreateServer":  "A",
	"ServerService/GetServer":     "voA",
	"ServerService/ListServers":   "voA",
	"ServerService/ArchiveServer": "A",

	"ServerService/UpdateServer":    "A",
	"ServerService/SyncServer":      "oA",
	"ServerService/ListDatabases":   "voA",
	"ServerService/ListUsers":       "voA",
	"ServerService/GetServerAccess": "voA",
	"ServerService/AdoptDiscovered": "A",
}

// onTenant is the same for requests that name the database, or the id, of a
// tenant of team crm.
var onTenant = map[string]string{
	"AuditService/SearchAudit": "dA",

	"MigrationService/GetTenantVersion": "vwopdA",
	"MigrationService/PreviewMigration": "vwopdA",
	"MigrationService/ExecuteMigration": "opdA",
	"MigrationService/ListRevisions":    "vwopdA",
	"MigrationService/GetRevision":      "vwopdA",
	"MigrationService/CheckDrift":       "vwopdA",
	"MigrationService/AdoptDatabase":    "opdA",
	"MigrationService/PreviewRevert":    "vwopdA",
	"MigrationService/RevertMigration":  "opdA",

	"TenantService/GetTenant":     "vwopdA",
	"TenantService/ArchiveTenant": "dA",
}

var callers = map[rune]string{'v': "viewer", 'o': "operator", 'A': "admin", 'w': "viewer team=crm", 'p': "operator team=crm", 'd': "admin team=crm", 'n': ""}

const crmTarget = "postgres://app:" + secret + "@db.example.com/crm"

// registry knows one tenant, of team crm.
type registry struct{}

func (registry) LabelsOf(_ context.Context, tenant string) (access.Labels, bool, error) {
	return access.Labels{"team": "crm"}, tenant == "crm-tenant", nil
}

func (registry) LabelsAt(_ context.Context, t dialect.Target) (access.Labels, bool, error) {
	return access.Labels{"team": "crm"}, t.Database == "crm", nil
}

// tokens makes one static token per caller.
func tokens(t *testing.T) (map[rune]string, access.Tokens) {
	t.Helper()
	out, list := map[rune]string{}, []access.StoredToken{}
	for letter, text := range callers {
		token := access.NewToken()
		stored := access.StoredToken{Name: "caller-" + string(letter), Hash: access.HashToken(token), Expires: began.Add(time.Hour)}
		if text != "" {
			var err error
			stored.Grants, err = access.ParseGrants(text)
			require.NoError(t, err)
		}
		out[letter], list = token, append(list, stored)
	}
	return out, access.Tokens{List: list, Now: func() time.Time { return began }}
}

// secured makes a server authenticate by tokens and allow db.example.com only.
func secured(t *testing.T, known access.Tokens) func(*rpc.Config) {
	t.Helper()
	targets, err := access.NewTargets(access.TargetRules{Hosts: []string{"db.example.com"}})
	require.NoError(t, err)
	return func(cfg *rpc.Config) {
		cfg.Access = rpc.Access{Authenticator: &access.Authenticator{Static: known}, Targets: targets, Registry: registry{}}
	}
}

func with(ctx context.Context, token string) context.Context {
	if token == "" {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
}

// calls lists every call of every service of the API.
func calls(t *testing.T) []protoreflect.MethodDescriptor {
	t.Helper()
	var out []protoreflect.MethodDescriptor
	protoregistry.GlobalFiles.RangeFilesByPackage("lockstep.v1", func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			for j := range f.Services().Get(i).Methods().Len() {
				out = append(out, f.Services().Get(i).Methods().Get(j))
			}
		}
		return true
	})
	require.NotEmpty(t, out)
	return out
}

func short(m protoreflect.MethodDescriptor) string {
	return string(m.Parent().Name()) + "/" + string(m.Name())
}

// invoke makes a call with a request that holds a target, and nothing else that
// its rules ask for: whoever is let in is told that the request is invalid, or
// gets an answer.
func invoke(ctx context.Context, conn *grpc.ClientConn, m protoreflect.MethodDescriptor, fields map[string]string) codes.Code {
	req := dynamicpb.NewMessage(m.Input())
	for name, value := range fields {
		if f := m.Input().Fields().ByName(protoreflect.Name(name)); f != nil && f.Kind() == protoreflect.StringKind && !f.IsList() {
			req.Set(f, protoreflect.ValueOfString(value))
		}
	}
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, "/"+string(m.Parent().FullName())+"/"+string(m.Name()))
	if err == nil {
		err = errors.Join(stream.SendMsg(req), stream.CloseSend())
	}
	for err == nil {
		err = stream.RecvMsg(dynamicpb.NewMessage(m.Output()))
	}
	if errors.Is(err, io.EOF) {
		return codes.OK
	}
	return grpcstatus.Code(err)
}

func TestEveryRoleCanDoJustWhatTheTableSays(t *testing.T) {
	known, verifier := tokens(t)
	conn, _ := start(t, &fakeMigrator{}, secured(t, verifier))
	seen := map[string]bool{}
	for _, m := range calls(t) {
		name := short(m)
		seen[name] = true
		allowed, ok := matrix[name]
		if !assert.True(t, ok, "%s is not in the table of who may do what", name) {
			continue
		}
		tables := map[string]map[string]string{allowed: {"target": target, "tenant": "somebody"}}
		if more, ok := onTenant[name]; ok {
			tables[more] = map[string]string{"target": crmTarget, "tenant": "crm-tenant"}
		}
		for allowed, fields := range tables {
			for letter := range callers {
				got := invoke(with(t.Context(), known[letter]), conn, m, fields)
				let := got != codes.PermissionDenied && got != codes.Unauthenticated
				assert.Equal(t, strings.ContainsRune(allowed, letter), let, "%s on %s by %q: %s", name, fields["target"], callers[letter], got)
			}
			assert.Equal(t, codes.Unauthenticated, invoke(t.Context(), conn, m, fields), "%s by nobody", name)
			assert.Equal(t, codes.Unauthenticated, invoke(with(t.Context(), access.NewToken()), conn, m, fields), "%s by a bad token", name)
		}
	}
	for name := range matrix {
		assert.True(t, seen[name], "%s is in the table, and not in the API", name)
	}
}

// TestEveryCallHasARule also holds rules to their requests: a call that changes
// a tenant needs more than a viewer, and no target passes by its list.
func TestEveryCallHasARule(t *testing.T) {
	for _, m := range calls(t) {
		rule, ok := proto.GetExtension(m.Options(), lockstepv1.E_Access).(*lockstepv1.AccessRule)
		require.True(t, ok)
		assert.NotEqual(t, lockstepv1.Role_ROLE_UNSPECIFIED, rule.GetRole(), m.FullName())
		assert.NotEqual(t, lockstepv1.AccessScope_ACCESS_SCOPE_UNSPECIFIED, rule.GetScope(), m.FullName())
		if rule.GetMutates() {
			assert.GreaterOrEqual(t, rule.GetRole(), lockstepv1.Role_ROLE_OPERATOR, m.FullName())
			assert.NotEqual(t, lockstepv1.AccessScope_ACCESS_SCOPE_MODULES, rule.GetScope(), m.FullName())
		}
		covered := rule.GetTargetField()
		if covered == "" {
			covered = "target"
		}
		for _, path := range redacted(m.Input(), "", map[protoreflect.FullName]bool{}) {
			assert.Equal(t, covered, path, "%s has a secret field that the list of targets does not see", m.FullName())
		}
	}
}

// redacted lists the text fields of a request that are marked as secret, which
// is what targets are; other secrets are named here when there are some.
func redacted(m protoreflect.MessageDescriptor, prefix string, seen map[protoreflect.FullName]bool) []string {
	if seen[m.FullName()] {
		return nil
	}
	seen[m.FullName()] = true
	var out []string
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		options, _ := f.Options().(*descriptorpb.FieldOptions)
		switch {
		case f.Message() != nil:
			out = append(out, redacted(f.Message(), prefix+string(f.Name())+".", seen)...)
		case options.GetDebugRedact() && !strings.HasSuffix(string(f.Name()), "password"):
			out = append(out, prefix+string(f.Name()))
		}
	}
	return out
}

func TestOnlyHealthAndReflectionAreOpen(t *testing.T) {
	_, verifier := tokens(t)
	conn, _ := start(t, &fakeMigrator{}, secured(t, verifier))
	for _, ctx := range []context.Context{t.Context(), with(t.Context(), "lks_bad")} {
		_, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{})
		require.NoError(t, err)
		stream, err := reflectionpb.NewServerReflectionClient(conn).ServerReflectionInfo(ctx)
		require.NoError(t, err)
		require.NoError(t, stream.Send(&reflectionpb.ServerReflectionRequest{
			MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{},
		}))
		_, err = stream.Recv()
		require.NoError(t, err)
	}
	err := conn.Invoke(t.Context(), "/lockstep.v1.ModuleService/Nothing", &lockstepv1.ListModulesRequest{}, &lockstepv1.ListModulesResponse{})
	assert.Equal(t, codes.Unimplemented, grpcstatus.Code(err))
}

// TestAServerLetsInNobodyUnlessTold starts one without any access settings.
func TestAServerLetsInNobodyUnlessTold(t *testing.T) {
	conn, _ := start(t, &fakeMigrator{}, func(cfg *rpc.Config) { cfg.Access = rpc.Access{} })
	for _, m := range calls(t) {
		assert.Equal(t, codes.Unauthenticated, invoke(t.Context(), conn, m, nil), m.FullName())
	}
}

// TestNothingThatIsSentMakesATrustedCaller plays the gateway over the network.
func TestNothingThatIsSentMakesATrustedCaller(t *testing.T) {
	_, verifier := tokens(t)
	conn, _ := start(t, &fakeMigrator{}, func(cfg *rpc.Config) {
		secured(t, verifier)(cfg)
		cfg.Access.Authenticator.Certificates = map[string][]access.Grant{"cn:ops": {{Role: access.Admin}}}
	})
	ops := certificate(t, "ops", nil)
	for name, pairs := range map[string][]string{
		"certificate":  {rpc.ForwardedCertificate, string(ops.leaf.Raw), rpc.ForwardedPeer, "127.0.0.1:1"},
		"peer":         {rpc.ForwardedPeer, "127.0.0.1:1", "x-forwarded-for", "127.0.0.1", "x-forwarded-client-cert", "Subject=\"CN=ops\""},
		"identity":     {"lockstep-identity", "admin", "grpc-identity", "admin", "x-remote-user", "admin"},
		"local":        {"lockstep-local", "true"},
		"second token": {"authorization", "Basic b3BzOg==", "authorization", "Bearer x"},
	} {
		ctx := metadata.AppendToOutgoingContext(t.Context(), pairs...)
		_, err := lockstepv1.NewModuleServiceClient(conn).ListModules(ctx, &lockstepv1.ListModulesRequest{})
		assert.Equal(t, codes.Unauthenticated, grpcstatus.Code(err), name)
	}
}

func TestTargetsAreLimited(t *testing.T) {
	known, verifier := tokens(t)
	conn, log := start(t, &fakeMigrator{}, secured(t, verifier))
	client := lockstepv1.NewMigrationServiceClient(conn)
	ctx := with(t.Context(), known['A'])
	for url, reason := range map[string]string{
		"postgres://u:" + secret + "@10.0.0.1/d":                         access.ReasonTarget,
		"postgres://u:" + secret + "@db.example.com/d?sslkey=/etc/key":   "TARGET_OPTION_REFUSED",
		"sqlite:///etc/passwd":                                           access.ReasonTarget,
		"postgres://u:" + secret + "@db.example.com:1,evil.example.com/": "TARGET_INVALID",
	} {
		_, err := client.GetTenantVersion(ctx, &lockstepv1.GetTenantVersionRequest{Target: url})
		assert.Equal(t, reason, status.Fault(err).Reason, url)
		assert.NotContains(t, err.Error(), secret)
		stream, err := client.ExecuteMigration(ctx, &lockstepv1.ExecuteMigrationRequest{Modules: crm("v1"), Target: url})
		require.NoError(t, err)
		_, err = stream.Recv()
		assert.Equal(t, reason, status.Fault(err).Reason, url)
	}
	assert.Contains(t, log.String(), "caller=token:caller-A")
	assert.Contains(t, log.String(), access.ReasonTarget)
	for _, token := range known {
		assert.NotContains(t, log.String(), token)
	}
}

func TestWhoAsksIsRecorded(t *testing.T) {
	known, verifier := tokens(t)
	var actor string
	conn, _ := start(t, &fakeMigrator{execute: func(
		ctx context.Context, r migrate.ExecuteRequest, _ func(migrate.Event),
	) (*migrate.Result, error) {
		actor = r.Actor + "/" + access.FromContext(ctx).Subject
		return &migrate.Result{Outcome: migrate.OutcomeNothing}, nil
	}}, secured(t, verifier))
	for claim, want := range map[string]string{
		"": "caller-o/token:caller-o", "caller-o": "caller-o/token:caller-o", "root": "root (by caller-o)/token:caller-o",
	} {
		stream, err := lockstepv1.NewMigrationServiceClient(conn).ExecuteMigration(with(t.Context(), known['o']),
			&lockstepv1.ExecuteMigrationRequest{Modules: crm("v1"), Target: target, Actor: claim})
		require.NoError(t, err)
		_, err = stream.Recv()
		require.NoError(t, err)
		assert.Equal(t, want, actor)
	}
}

func retryInfo(err error) *errdetails.RetryInfo {
	for _, d := range grpcstatus.Convert(err).Details() {
		if r, ok := d.(*errdetails.RetryInfo); ok {
			return r
		}
	}
	return nil
}

func TestCallersAreLimitedInRate(t *testing.T) {
	known, verifier := tokens(t)
	var later atomic.Int64 // what the clock of the test is ahead by
	conn, _ := start(t, &fakeMigrator{}, func(cfg *rpc.Config) {
		secured(t, verifier)(cfg)
		cfg.Now = func() time.Time { return began.Add(time.Duration(later.Load())) }
		cfg.Access.Limits = rpc.Limits{CallsPerSecond: 2, Burst: 3}
	})
	list := func(token string) error {
		_, err := lockstepv1.NewModuleServiceClient(conn).ListModules(with(t.Context(), token), &lockstepv1.ListModulesRequest{})
		return err
	}
	for range 3 {
		require.NoError(t, list(known['v']))
	}
	err := list(known['v'])
	assert.Equal(t, codes.ResourceExhausted, grpcstatus.Code(err))
	assert.Equal(t, "RATE_LIMITED", status.Fault(err).Reason)
	assert.Equal(t, 500*time.Millisecond, retryInfo(err).GetRetryDelay().AsDuration())
	require.NoError(t, list(known['o']), "each caller for themselves")
	for range 5 {
		require.Error(t, list(known['v']))
	}
	later.Store(int64(500 * time.Millisecond))
	require.NoError(t, list(known['v']), "what was refused does not count")
	for range 3 {
		assert.Equal(t, codes.Unauthenticated, grpcstatus.Code(list("lks_guess")))
	}
	assert.Equal(t, codes.ResourceExhausted, grpcstatus.Code(list("lks_guess")), "guessing is slowed down, too")
	_, err = healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{})
	assert.NoError(t, err)
}

func TestExecutionsAreLimited(t *testing.T) {
	known, verifier := tokens(t)
	running, release := make(chan struct{}, 10), make(chan struct{})
	conn, _ := start(t, &fakeMigrator{execute: func(
		context.Context, migrate.ExecuteRequest, func(migrate.Event),
	) (*migrate.Result, error) {
		running <- struct{}{}
		<-release
		return &migrate.Result{Outcome: migrate.OutcomeNothing}, nil
	}}, func(cfg *rpc.Config) {
		secured(t, verifier)(cfg)
		cfg.Access.Limits = rpc.Limits{Executions: 3, ExecutionsPerCaller: 2}
	})
	execute := func(letter rune) error {
		stream, err := lockstepv1.NewMigrationServiceClient(conn).ExecuteMigration(with(t.Context(), known[letter]),
			&lockstepv1.ExecuteMigrationRequest{Modules: crm("v1"), Target: target})
		if err == nil {
			_, err = stream.Recv()
		}
		return err
	}
	ended := make(chan error, 3)
	for _, letter := range "ooA" {
		go func() { ended <- execute(letter) }()
		<-running
	}
	for letter, words := range map[rune]string{'o': "2 executions already, as many as one may", 'A': "3 executions already, as many as it may"} {
		err := execute(letter)
		if letter == 'o' {
			words = "3 executions already"
		}
		assert.Equal(t, "EXECUTIONS_EXHAUSTED", status.Fault(err).Reason)
		assert.Contains(t, err.Error(), words)
		assert.Positive(t, retryInfo(err).GetRetryDelay().AsDuration())
	}
	_, err := lockstepv1.NewMigrationServiceClient(conn).GetRevision(with(t.Context(), known['o']),
		&lockstepv1.GetRevisionRequest{Target: target, Number: 1})
	assert.Equal(t, codes.NotFound, grpcstatus.Code(err), "reading takes no place")
	close(release)
	for range 3 {
		require.NoError(t, <-ended)
	}
	require.NoError(t, execute('o'), "the places were given back")
}

func TestExecutionsOfOneCallerAreLimited(t *testing.T) {
	known, verifier := tokens(t)
	running, release := make(chan struct{}, 10), make(chan struct{})
	conn, _ := start(t, &fakeMigrator{execute: func(
		context.Context, migrate.ExecuteRequest, func(migrate.Event),
	) (*migrate.Result, error) {
		running <- struct{}{}
		<-release
		return nil, fault.New(fault.Refused, "NO", "no")
	}}, func(cfg *rpc.Config) {
		secured(t, verifier)(cfg)
		cfg.Access.Limits = rpc.Limits{ExecutionsPerCaller: 1}
	})
	execute := func(letter rune) string {
		stream, err := lockstepv1.NewMigrationServiceClient(conn).ExecuteMigration(with(t.Context(), known[letter]),
			&lockstepv1.ExecuteMigrationRequest{Modules: crm("v1"), Target: target})
		if err == nil {
			_, err = stream.Recv()
		}
		return status.Fault(err).Reason
	}
	ended := make(chan string, 2)
	for _, letter := range "oA" {
		go func() { ended <- execute(letter) }()
		<-running
	}
	assert.Equal(t, "EXECUTIONS_EXHAUSTED", execute('o'))
	close(release)
	assert.Equal(t, []string{"NO", "NO"}, []string{<-ended, <-ended})
	assert.Equal(t, "NO", execute('o'), "the place of a failed execution was given back")
}

func TestLargeRequestsAreRefused(t *testing.T) {
	conn, _ := start(t, &fakeMigrator{}, func(cfg *rpc.Config) { cfg.MaxRequestBytes = 1000 })
	set := crm("v1")
	set.GoMod = make([]byte, 2000)
	_, err := lockstepv1.NewModuleServiceClient(conn).CompareModules(t.Context(), &lockstepv1.CompareModulesRequest{To: set})
	assert.Equal(t, codes.ResourceExhausted, grpcstatus.Code(err))
}

// TestShutdownRollsBackWhatDoesNotEnd: an execution that outlives the grace time
// is cut off by its context, and the server is down only when it has ended.
func TestShutdownRollsBackWhatDoesNotEnd(t *testing.T) {
	entered, undone := make(chan struct{}), make(chan struct{})
	server, err := rpc.NewServer(rpc.Config{
		Migrator: &fakeMigrator{execute: func(ctx context.Context, _ migrate.ExecuteRequest, _ func(migrate.Event)) (*migrate.Result, error) {
			close(entered)
			<-ctx.Done()
			time.Sleep(50 * time.Millisecond) // rolling back takes its time
			close(undone)
			f := fault.Wrap(ctx.Err(), fault.Canceled, "CANCELED", "cut off")
			f.RolledBack = true
			return &migrate.Result{Outcome: migrate.OutcomeRolledBack, Error: f}, f
		}},
		Modules: fakeModules{}, Logger: slog.New(slog.DiscardHandler), Now: time.Now,
		ShutdownTimeout: 100 * time.Millisecond,
		Access:          rpc.Access{Authenticator: &access.Authenticator{Anonymous: access.Admin}, Targets: access.AllTargets()},
	})
	require.NoError(t, err)
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- server.Serve(context.Background(), lis) }()
	conn, err := rpc.Dial(lis.Addr().String(), 0)
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() {
		stream, err := lockstepv1.NewMigrationServiceClient(conn).ExecuteMigration(context.Background(),
			&lockstepv1.ExecuteMigrationRequest{Modules: crm("v1"), Target: target, Actor: "a"})
		if err == nil {
			_, err = stream.Recv()
		}
		ended <- err
	}()
	<-entered
	began := time.Now()
	server.Shutdown()
	select {
	case <-undone:
	default:
		t.Fatal("the server went down before the execution was rolled back")
	}
	assert.GreaterOrEqual(t, time.Since(began), 100*time.Millisecond, "it had its grace time")
	require.Error(t, <-ended)
	require.NoError(t, <-served)
	require.NoError(t, conn.Close())
}
