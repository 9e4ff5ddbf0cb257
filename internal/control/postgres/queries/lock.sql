-- Rows that a transaction reads in order to write them are locked.

-- name: LockAuditHead :one
SELECT * FROM audit_heads WHERE id = 1 FOR UPDATE;

-- name: LockTenant :one
SELECT * FROM tenants WHERE id = @id FOR UPDATE;

-- name: LockServer :one
SELECT * FROM servers WHERE id = @id FOR UPDATE;

-- name: LockExecution :one
SELECT * FROM executions WHERE request_id = @request_id FOR UPDATE;
