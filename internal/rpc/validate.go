package rpc

import (
	"errors"
	"strings"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// requestMessages lists the requests, so that their rules are compiled once at
// the start, and a broken rule is seen there.
func requestMessages() []proto.Message {
	return []proto.Message{
		&lockstepv1.ListModulesRequest{},
		&lockstepv1.ListModuleVersionsRequest{},
		&lockstepv1.GetModuleRequest{},
		&lockstepv1.CompareModulesRequest{},
		&lockstepv1.GetTenantVersionRequest{},
		&lockstepv1.PreviewMigrationRequest{},
		&lockstepv1.ExecuteMigrationRequest{},
		&lockstepv1.ListRevisionsRequest{},
		&lockstepv1.GetRevisionRequest{},
		&lockstepv1.CheckDriftRequest{},
		&lockstepv1.AdoptDatabaseRequest{},
		&lockstepv1.PreviewRevertRequest{},
		&lockstepv1.RevertMigrationRequest{},
		&lockstepv1.CreateTenantRequest{},
		&lockstepv1.OnboardTenantRequest{},
		&lockstepv1.GetTenantRequest{},
		&lockstepv1.ListTenantsRequest{},
		&lockstepv1.UpdateTenantRequest{},
		&lockstepv1.ArchiveTenantRequest{},
		&lockstepv1.CreateTokenRequest{},
		&lockstepv1.ListTokensRequest{},
		&lockstepv1.RevokeTokenRequest{},
		&lockstepv1.SearchAuditRequest{},
		&lockstepv1.ExportAuditRequest{},
		&lockstepv1.VerifyAuditRequest{},
		&lockstepv1.CreateServerRequest{},
		&lockstepv1.GetServerRequest{},
		&lockstepv1.ListServersRequest{},
		&lockstepv1.ArchiveServerRequest{},
		&lockstepv1.UpdateServerRequest{},
		&lockstepv1.SyncServerRequest{},
		&lockstepv1.ListDatabasesRequest{},
		&lockstepv1.ListUsersRequest{},
		&lockstepv1.ListServerChangesRequest{},
		&lockstepv1.GetServerAccessRequest{},
		&lockstepv1.AdoptDiscoveredRequest{},
	}
}

// validate checks a request against the rules in the protos. Violations name
// the field and the rule, never the value.
func (c chain) validate(m any) error {
	msg, ok := m.(proto.Message)
	if !ok {
		return nil
	}
	err := c.validator.Validate(msg)
	if err == nil {
		return nil
	}
	var invalid *protovalidate.ValidationError
	if !errors.As(err, &invalid) {
		return fault.Wrap(err, fault.Bug, "VALIDATOR_BROKEN", "the rules of the API cannot be evaluated")
	}
	out := fault.New(fault.Invalid, "REQUEST_INVALID", "the request breaks %d rule(s) of the API", len(invalid.Violations))
	for _, v := range invalid.Violations {
		out.Violations = append(out.Violations, fault.Violation{
			Subject:     subject(v),
			Description: v.Proto.GetMessage(),
		})
	}
	return out
}

// subject names the field that breaks a rule. A rule over several fields begins
// its id with the one that it is about.
func subject(v *protovalidate.Violation) string {
	if path := protovalidate.FieldPathString(v.Proto.GetField()); path != "" {
		return path
	}
	field, _, _ := strings.Cut(v.Proto.GetRuleId(), ".")
	return field
}
