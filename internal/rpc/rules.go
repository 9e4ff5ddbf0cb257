package rpc

import (
	"strings"

	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	reflectionalpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/access"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// The fields that rules mean when they name none, and the one that says who
// asks.
const (
	defaultTargetField = "target"
	defaultTenantField = "tenant"
	actorField         = "actor"
	serverField        = "address" // holds the URL of a server, not that of a database
)

// publicCalls lists what everybody may call: whether the server is well, and
// what its API looks like, which is no secret.
func publicCalls() []string {
	return []string{
		healthpb.Health_Check_FullMethodName, healthpb.Health_Watch_FullMethodName, healthpb.Health_List_FullMethodName,
		reflectionpb.ServerReflection_ServerReflectionInfo_FullMethodName,
		reflectionalpha.ServerReflection_ServerReflectionInfo_FullMethodName,
	}
}

// fieldPath leads to a field within a message.
type fieldPath []protoreflect.FieldDescriptor

// boundRule is the rule of a call with the fields of its request that matter.
type boundRule struct {
	access.Rule
	target, tenant, actor fieldPath // nil: the request has none
}

// parse reads the target that a request names, or the server.
func (b boundRule) parse(raw string) (dialect.Target, error) {
	if b.target[len(b.target)-1].Name() != serverField {
		return dialect.ParseTarget(raw)
	}
	server, err := dialect.ParseServer(raw)
	return within(server), err
}

// readRules reads the rules of all calls of the registered services from the
// proto options. A rule that does not fit its request is a Bug: the server must
// not start with it.
func readRules(services map[string]grpc.ServiceInfo) (access.Policy, map[string]boundRule, error) {
	policy, bound := access.Policy{}, map[string]boundRule{}
	for _, call := range publicCalls() {
		policy[call] = access.Rule{Public: true}
	}
	for name := range services {
		d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
		if err != nil {
			return nil, nil, fault.Wrap(err, fault.Bug, "SERVICE_UNDESCRIBED", "the service %s has no description", name)
		}
		service, ok := d.(protoreflect.ServiceDescriptor)
		if !ok || !strings.HasPrefix("/"+name, ours) {
			continue
		}
		for i := range service.Methods().Len() {
			m := service.Methods().Get(i)
			call := "/" + name + "/" + string(m.Name())
			b, err := bindRule(m)
			if err != nil {
				return nil, nil, err
			}
			policy[call], bound[call] = b.Rule, b
		}
	}
	return policy, bound, nil
}

// bindRule reads the rule of one call. Without the option it is the zero rule,
// which is denied.
func bindRule(m protoreflect.MethodDescriptor) (boundRule, error) {
	option, _ := proto.GetExtension(m.Options(), lockstepv1.E_Access).(*lockstepv1.AccessRule)
	out := boundRule{Rule: access.Rule{
		Role: toRole(option.GetRole()), Scope: toScope(option.GetScope()), Mutates: option.GetMutates(),
	}}
	request := m.Input()
	var err error
	if out.target, err = findField(request, option.GetTargetField(), defaultTargetField); err != nil {
		return out, err
	}
	if out.tenant, err = findField(request, option.GetTenantField(), defaultTenantField); err != nil {
		return out, err
	}
	if out.Mutates {
		if out.actor, err = findField(request, "", actorField); err != nil {
			return out, err
		}
	}
	if out.Scope == access.Target && out.target == nil || out.Scope == access.Tenant && out.tenant == nil {
		return out, fault.New(fault.Bug, "ACCESS_RULE_BROKEN", "the rule of %s is about a field that its request does not have", m.FullName())
	}
	return out, nil
}

// findField follows a path of names; a field that the rule names must exist.
func findField(request protoreflect.MessageDescriptor, path, otherwise string) (fieldPath, error) {
	must := path != ""
	if !must {
		path = otherwise
	}
	var out fieldPath
	at := request
	for name := range strings.SplitSeq(path, ".") {
		var f protoreflect.FieldDescriptor
		if at != nil {
			f = at.Fields().ByName(protoreflect.Name(name))
		}
		if f == nil || f.IsList() || f.IsMap() {
			return nil, missing(must, request, path)
		}
		out, at = append(out, f), f.Message()
	}
	if out[len(out)-1].Kind() != protoreflect.StringKind {
		return nil, missing(must, request, path)
	}
	return out, nil
}

func missing(must bool, request protoreflect.MessageDescriptor, path string) error {
	if !must {
		return nil
	}
	return fault.New(fault.Bug, "ACCESS_RULE_BROKEN", "%s has no text field %q, which the rule of its call names", request.FullName(), path)
}

// get returns the text at the path, "" when something on the way is not set.
func (p fieldPath) get(m protoreflect.Message) string {
	if len(p) == 0 {
		return ""
	}
	for _, f := range p[:len(p)-1] {
		m = m.Get(f).Message()
	}
	return m.Get(p[len(p)-1]).String()
}

func toRole(r lockstepv1.Role) access.Role {
	switch r {
	case lockstepv1.Role_ROLE_VIEWER:
		return access.Viewer
	case lockstepv1.Role_ROLE_OPERATOR:
		return access.Operator
	case lockstepv1.Role_ROLE_ADMIN:
		return access.Admin
	case lockstepv1.Role_ROLE_UNSPECIFIED:
	}
	return access.None
}

func toScope(s lockstepv1.AccessScope) access.Scope {
	switch s {
	case lockstepv1.AccessScope_ACCESS_SCOPE_GLOBAL:
		return access.Global
	case lockstepv1.AccessScope_ACCESS_SCOPE_MODULES:
		return access.Modules
	case lockstepv1.AccessScope_ACCESS_SCOPE_TARGET:
		return access.Target
	case lockstepv1.AccessScope_ACCESS_SCOPE_TENANT:
		return access.Tenant
	case lockstepv1.AccessScope_ACCESS_SCOPE_TENANTS:
		return access.Tenants
	case lockstepv1.AccessScope_ACCESS_SCOPE_UNSPECIFIED:
	}
	return access.Unscoped
}
