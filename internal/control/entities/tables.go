package entities

// Tenant is a database that lockstep looks after.
type Tenant struct {
	ID           string `gorm:"primaryKey;size:64"`
	DisplayName  string `gorm:"size:200;not null"`
	Labels       string `gorm:"not null"`
	Engine       string `gorm:"size:16;not null"`
	ServerID     string `gorm:"size:64;not null;index:idx_tenants_place,priority:1"`
	DBName       string `gorm:"column:db_name;size:500;not null;index:idx_tenants_place,priority:2"`
	DBSchema     string `gorm:"column:db_schema;size:200;not null;index:idx_tenants_place,priority:3"`
	Target       string `gorm:"not null"`
	TargetKey    string `gorm:"size:64;not null;uniqueIndex:idx_tenants_target,where:archived_at = 0"`
	Secret       string `gorm:"not null"`
	SecretKey    string `gorm:"size:64;not null;index"`
	Modules      string `gorm:"not null"`
	Strategy     string `gorm:"size:16;not null"`
	Status       string `gorm:"size:16;not null"`
	StatusBefore string `gorm:"size:16;not null"`
	StatusNote   string `gorm:"size:2000;not null"`
	Revision     int64  `gorm:"not null"`
	CreatedAt    int64  `gorm:"not null"`
	UpdatedAt    int64  `gorm:"not null"`
	ArchivedAt   int64  `gorm:"not null"`
}

// TenantFacet finds tenants by what they have: a label, an engine, a server, a
// status, a module, a module's version. Every filter is a row of one index.
type TenantFacet struct {
	Facet    string `gorm:"primaryKey;size:1000"`
	TenantID string `gorm:"primaryKey;size:64;index"`
	Tenant   Tenant `gorm:"constraint:OnDelete:CASCADE"`
}

// Server is a database server that hosts tenants.
type Server struct {
	ID          string `gorm:"primaryKey;size:64"`
	DisplayName string `gorm:"size:200;not null"`
	Labels      string `gorm:"not null"`
	Engine      string `gorm:"size:16;not null"`
	Address     string `gorm:"not null"`
	Secret      string `gorm:"not null"`
	SecretKey   string `gorm:"size:64;not null;index"`
	Generation  int64  `gorm:"not null"`
	SyncedAt    int64  `gorm:"not null"`
	TriedAt     int64  `gorm:"not null"`
	SyncError   string `gorm:"size:2000;not null"`
	Facts       string `gorm:"not null;default:''"`
	Revision    int64  `gorm:"not null"`
	CreatedAt   int64  `gorm:"not null"`
	UpdatedAt   int64  `gorm:"not null"`
	ArchivedAt  int64  `gorm:"not null"`
}

// ServerDatabase is a database of a server, or a schema in one, as last seen.
type ServerDatabase struct {
	ServerID   string `gorm:"primaryKey;size:64"`
	Server     Server `gorm:"constraint:OnDelete:CASCADE"`
	DBName     string `gorm:"primaryKey;column:db_name;size:500"`
	DBSchema   string `gorm:"primaryKey;column:db_schema;size:200"`
	Attributes string `gorm:"not null"`
	SeenAt     int64  `gorm:"not null"`
	ChangedAt  int64  `gorm:"not null"`
	VanishedAt int64  `gorm:"not null"`
}

// ServerUser is a user, login or role of a server, as last seen.
type ServerUser struct {
	ServerID   string `gorm:"primaryKey;size:64"`
	Server     Server `gorm:"constraint:OnDelete:CASCADE"`
	Name       string `gorm:"primaryKey;size:400"`
	Attributes string `gorm:"not null"`
	SeenAt     int64  `gorm:"not null"`
	ChangedAt  int64  `gorm:"not null"`
	VanishedAt int64  `gorm:"not null"`
}

// ServerGrant is a privilege that a user has on a database, as last seen. One
// that was taken away has no row.
type ServerGrant struct {
	ServerID   string `gorm:"primaryKey;size:64"`
	Server     Server `gorm:"constraint:OnDelete:CASCADE"`
	UserName   string `gorm:"primaryKey;size:400"`
	DBName     string `gorm:"primaryKey;column:db_name;size:500"`
	DBSchema   string `gorm:"primaryKey;column:db_schema;size:200"`
	Privilege  string `gorm:"primaryKey;size:100"`
	Attributes string `gorm:"not null"`
	SeenAt     int64  `gorm:"not null"`
}

// ServerChange is one difference that a sync found.
type ServerChange struct {
	ServerID    string `gorm:"primaryKey;size:64"`
	Server      Server `gorm:"constraint:OnDelete:CASCADE"`
	Generation  int64  `gorm:"primaryKey;autoIncrement:false"`
	Position    int64  `gorm:"primaryKey;autoIncrement:false"`
	Kind        string `gorm:"size:16;not null"`
	Object      string `gorm:"size:16;not null"`
	Name        string `gorm:"not null"`
	ValueBefore string `gorm:"not null"`
	ValueAfter  string `gorm:"not null"`
	At          int64  `gorm:"not null"`
}

// Onboarding is what the onboarding of a tenant made, or is making: it is written
// before and after each step, so that a crash leaves a record of what to undo.
type Onboarding struct {
	TenantID    string `gorm:"primaryKey;size:64"`
	Tenant      Tenant `gorm:"constraint:OnDelete:CASCADE"`
	ServerID    string `gorm:"size:64;not null"`
	State       string `gorm:"size:16;not null"`
	RequestID   string `gorm:"size:200;not null"`
	Fingerprint string `gorm:"size:128;not null"`
	Steps       string `gorm:"not null"`
	MadeTables  string `gorm:"not null"`
	Fence       int64  `gorm:"not null"`
	CreatedAt   int64  `gorm:"not null"`
	UpdatedAt   int64  `gorm:"not null"`
}

// Execution is one run of a request, by the request's id, across all replicas.
type Execution struct {
	ID          int64  `gorm:"primaryKey;index:idx_executions_tenant,priority:2"`
	RequestID   string `gorm:"size:200;not null;uniqueIndex"`
	Fingerprint string `gorm:"size:128;not null"`
	TenantID    string `gorm:"size:64;not null;index:idx_executions_tenant,priority:1"`
	Action      string `gorm:"size:64;not null"`
	Actor       string `gorm:"size:255;not null"`
	State       string `gorm:"size:16;not null"`
	Outcome     string `gorm:"size:32;not null"`
	Digest      string `gorm:"size:128;not null"`
	Result      []byte `gorm:"not null"`
	Owner       string `gorm:"size:200;not null"`
	Fence       int64  `gorm:"not null"`
	LeaseUntil  int64  `gorm:"not null"`
	StartedAt   int64  `gorm:"not null"`
	FinishedAt  int64  `gorm:"not null"`
}

// AuditEntry is one link of the audit chain.
type AuditEntry struct {
	Seq         int64  `gorm:"primaryKey;autoIncrement:false;index:idx_audit_entries_tenant,priority:2;index:idx_audit_entries_actor,priority:2;index:idx_audit_entries_outcome,priority:2;index:idx_audit_entries_operation,priority:2"`
	OperationID string `gorm:"size:64;not null;index:idx_audit_entries_operation,priority:1"`
	At          int64  `gorm:"not null;index"`
	TenantID    string `gorm:"size:64;not null;index:idx_audit_entries_tenant,priority:1"`
	Actor       string `gorm:"size:255;not null;index:idx_audit_entries_actor,priority:1"`
	Outcome     string `gorm:"size:32;not null;index:idx_audit_entries_outcome,priority:1"`
	Body        string `gorm:"not null"`
	PrevHash    string `gorm:"size:64;not null"`
	Hash        string `gorm:"size:64;not null"`
}

// AuditHead is where the audit chain ends; its only row is locked by who appends.
type AuditHead struct {
	ID   int64  `gorm:"primaryKey;autoIncrement:false"`
	Seq  int64  `gorm:"not null"`
	Hash string `gorm:"size:64;not null"`
	At   int64  `gorm:"not null"`
}

// Token is a static token, by its hash.
type Token struct {
	ID         string `gorm:"primaryKey;size:64"`
	Name       string `gorm:"size:100;not null;uniqueIndex"`
	Hash       string `gorm:"size:100;not null;uniqueIndex"`
	Grants     string `gorm:"not null"`
	CreatedBy  string `gorm:"size:255;not null"`
	CreatedAt  int64  `gorm:"not null"`
	ExpiresAt  int64  `gorm:"not null"`
	RevokedAt  int64  `gorm:"not null"`
	LastUsedAt int64  `gorm:"not null"`
}

// Lease is an exclusive right that ends by itself when its owner dies.
type Lease struct {
	Name      string `gorm:"primaryKey;size:200"`
	Owner     string `gorm:"size:200;not null"`
	Fence     int64  `gorm:"not null"`
	ExpiresAt int64  `gorm:"not null"`
}
