-- A transaction that writes has the whole file to itself: reading is locking.

-- name: LockAuditHead :one
SELECT * FROM audit_heads WHERE id = 1;

-- name: LockTenant :one
SELECT * FROM tenants WHERE id = @id;

-- name: LockServer :one
SELECT * FROM servers WHERE id = @id;

-- name: LockExecution :one
SELECT * FROM executions WHERE request_id = @request_id;
