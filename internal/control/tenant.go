package control

import (
	"context"
	"time"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/module"
	"github.com/lockstepdb/lockstep/internal/secret"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// TenantStore keeps the tenants. Ids are compared byte for byte on every engine.
type TenantStore interface {
	OnboardingStore

	// CreateTenant registers a tenant. Errors: TENANT_INVALID (Invalid) with a
	// violation for each problem, TENANT_EXISTS and TARGET_TAKEN (Exists),
	// SERVER_NOT_FOUND, SECRET_KEY_MISSING (Refused).
	CreateTenant(ctx context.Context, t NewTenant) (*Tenant, error)
	GetTenant(ctx context.Context, id string) (*Tenant, error)
	// FindTenantAt returns the tenant, not an archived one, whose database a target
	// leads to, whoever logs in there and however the place is spelled;
	// TENANT_NOT_FOUND when none is registered there.
	FindTenantAt(ctx context.Context, target dialect.Target) (*Tenant, error)
	// ListTenants lists in the order of ids, as the store's engine sorts them.
	// next is "" on the last page. Errors: TENANT_INVALID for the filter,
	// PAGE_TOKEN (Invalid) for a token that belongs to another filter.
	ListTenants(ctx context.Context, f TenantFilter, p Page) (tenants []*Tenant, next string, err error)
	// UpdateTenant changes the fields that u sets. REVISION_MOVED (Conflict) when
	// the tenant is not at u.Revision any more.
	UpdateTenant(ctx context.Context, id string, u TenantUpdate) (*Tenant, error)
	// ArchiveTenant takes the tenant out of lists and frees its target; its
	// database is not touched. Archiving once more changes nothing. revision 0:
	// whichever it is at.
	ArchiveTenant(ctx context.Context, id string, revision int64) (*Tenant, error)
	// ForgetTenant takes back a registration that was made a moment ago, as if it
	// had never been: its id and its target are free again. REVISION_MOVED
	// (Conflict) when somebody has changed it since.
	ForgetTenant(ctx context.Context, id string, revision int64) error
	// SetTenantStatus says how the tenant is, and why. An archived tenant comes
	// back so, unless its target was taken meanwhile.
	SetTenantStatus(ctx context.Context, id string, s TenantStatus, note string) (*Tenant, error)
	// RecordTenantModules keeps which versions the tenant is at after an execution.
	RecordTenantModules(ctx context.Context, id string, versions []module.Version) (*Tenant, error)
}

// TenantStatus is how a tenant is.
type TenantStatus string

// The statuses.
const (
	TenantActive     TenantStatus = "active"
	TenantOnboarding TenantStatus = "onboarding" // its database is being made
	TenantFailed     TenantStatus = "failed"     // onboarding did not end well
	TenantVanished   TenantStatus = "vanished"   // a sync did not find its database any more
	TenantArchived   TenantStatus = "archived"   // lockstep does not look after it any more
)

// TenantModule is a module of a tenant's set.
type TenantModule struct {
	Path    string `json:"path"`
	Query   string `json:"query,omitempty"`   // which versions it may have; "": the latest
	Version string `json:"version,omitempty"` // which it has, once executed
	Sum     string `json:"sum,omitempty"`     // of that version
}

// Ref returns the module as a request names it.
func (m TenantModule) Ref() module.Ref { return module.Ref{Path: m.Path, Query: m.Query} }

// Tenant is a database that lockstep looks after.
type Tenant struct {
	ID          string
	DisplayName string
	Labels      map[string]string
	Engine      dialect.Engine
	ServerID    string // "": on no registered server
	Database    string // as the target names them
	Schema      string
	Target      string // the target's URL, without a password
	Secret      secret.Stored
	Modules     []TenantModule // sorted by path
	Strategy    strategy.Name
	Status      TenantStatus
	StatusNote  string // why, for a person
	Revision    int64  // rises with every change
	Created     time.Time
	Updated     time.Time
	Archived    time.Time // zero: it is not
}

// NewTenant is what is said of a tenant when it is registered.
type NewTenant struct {
	ID          string
	DisplayName string // "": the id
	Labels      map[string]string
	ServerID    string
	Target      secret.Redacted // the target's URL; a password in it becomes the secret
	Secret      secret.Given
	Modules     []TenantModule
	Strategy    strategy.Name // "": safe
	Status      TenantStatus  // "": active
}

// TenantUpdate names what changes; a nil field stays.
type TenantUpdate struct {
	Revision    int64 // that was read; 0: whichever it is at
	DisplayName *string
	Labels      map[string]string // all of them; empty and not nil: none
	ServerID    *string
	Target      *secret.Redacted
	Secret      *secret.Given
	Modules     []TenantModule // all of them, without versions; empty and not nil: none
	Strategy    *strategy.Name
}

// TenantFilter narrows a list: all that is set must hold. Archived tenants are
// left out unless asked for.
type TenantFilter struct {
	Labels   map[string]string
	Engine   dialect.Engine
	ServerID string
	Module   string // the path of a module of the tenant's set
	Version  string // that Module has at the tenant; needs Module
	Status   TenantStatus
	Archived bool // include archived tenants
	// Visible limits the list to the tenants that have all labels of one of these
	// sets, beside all that is set above; nil: to none, empty: there are none.
	Visible []map[string]string
}

// MaxTenantFilters is how many conditions one filter may have.
const MaxTenantFilters = 8
