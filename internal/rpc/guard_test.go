package rpc_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/access"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/rpc"
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

	"ServerService/UpdateServer":      "A",
	"ServerService/SyncServer":        "oA",
	"ServerService/ListDatabases":     "voA",
	"ServerService/ListUsers":         "voA",
	"ServerService/ListServerChanges": "voA",
	"ServerService/GetServerAccess":   "voA",
	"ServerService/AdoptDiscovered":   "A",
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
