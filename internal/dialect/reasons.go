package dialect

// Reasons that callers act on. Every dialect gives the same reason for the same
// failure, whatever its server calls it.
const (
	// ReasonTenantLocked: another execution holds the tenant's lock.
	ReasonTenantLocked = "TENANT_LOCKED"
	// ReasonLockTimeout: a statement did not get the lock it needs in time;
	// trying the whole transaction again can succeed.
	ReasonLockTimeout = "LOCK_TIMEOUT"
	// ReasonDeadlock: the server chose this transaction as a deadlock's victim;
	// trying it again can succeed.
	ReasonDeadlock = "DEADLOCK"
	// ReasonAlgorithmUnsupported: the server cannot make this change by the
	// algorithm that the statement names, and has changed nothing; the
	// statement's Fallback says the same by a weaker one.
	ReasonAlgorithmUnsupported = "ALGORITHM_UNSUPPORTED"
)
