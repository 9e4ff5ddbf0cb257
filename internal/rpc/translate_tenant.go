package rpc

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/module"
)

func toTenant(t *control.Tenant) (*lockstepv1.Tenant, error) {
	target, err := dialect.ParseTarget(t.Target)
	if err != nil {
		return nil, fault.New(fault.Corrupt, "TARGET_CORRUPT", "the target that is stored for the tenant %s is no URL", t.ID)
	}
	out := &lockstepv1.Tenant{
		Id: t.ID, DisplayName: t.DisplayName, Labels: t.Labels, Engine: toEngine(t.Engine), Server: t.ServerID,
		Database: t.Database, Schema: t.Schema, Target: target.String(), Secret: t.Secret.String(),
		Strategy: toStrategy(t.Strategy), Status: toTenantStatus(t.Status), StatusNote: t.StatusNote, Revision: t.Revision,
		CreatedAt: moment(t.Created), UpdatedAt: moment(t.Updated), ArchivedAt: moment(t.Archived),
	}
	for _, m := range t.Modules {
		out.Modules = append(out.Modules, &lockstepv1.TenantModule{Path: m.Path, Query: m.Query, Version: m.Version, Sum: m.Sum})
	}
	return out, nil
}

// moment leaves out a time that is not set.
func moment(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// tenantStatuses is the table of statuses.
func tenantStatuses() map[control.TenantStatus]lockstepv1.TenantStatus {
	return map[control.TenantStatus]lockstepv1.TenantStatus{
		control.TenantActive:     lockstepv1.TenantStatus_TENANT_STATUS_ACTIVE,
		control.TenantOnboarding: lockstepv1.TenantStatus_TENANT_STATUS_ONBOARDING,
		control.TenantFailed:     lockstepv1.TenantStatus_TENANT_STATUS_FAILED,
		control.TenantVanished:   lockstepv1.TenantStatus_TENANT_STATUS_VANISHED,
		control.TenantArchived:   lockstepv1.TenantStatus_TENANT_STATUS_ARCHIVED,
	}
}

func toTenantStatus(s control.TenantStatus) lockstepv1.TenantStatus { return tenantStatuses()[s] }

func fromTenantStatus(s lockstepv1.TenantStatus) control.TenantStatus {
	for ours, theirs := range tenantStatuses() {
		if theirs == s {
			return ours
		}
	}
	return ""
}

// fromTenantModules reads the modules of a tenant's set. It is never nil: nil
// stands for a set that stays as it is.
func fromTenantModules(refs []*lockstepv1.ModuleRef) ([]control.TenantModule, error) {
	out := make([]control.TenantModule, 0, len(refs))
	for _, r := range refs {
		ref, err := module.ParseRef(joinRef(r.GetPath(), r.GetQuery()))
		if err != nil {
			return nil, err
		}
		out = append(out, control.TenantModule{Path: ref.Path, Query: ref.Query})
	}
	return out, nil
}
