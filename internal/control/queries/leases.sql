-- Leases: exclusive rights that end by themselves.

-- name: InsertLease :exec
INSERT INTO leases (name, owner, fence, expires_at) VALUES (@name, '', 0, 0) ON CONFLICT (name) DO NOTHING;

-- name: TakeLease :many
UPDATE leases SET owner = @owner, fence = fence + 1, expires_at = @expires_at
WHERE name = @name AND expires_at < @at
RETURNING fence;

-- name: RenewLease :execrows
UPDATE leases SET expires_at = @expires_at WHERE name = @name AND owner = @owner AND fence = @fence AND expires_at >= @at;

-- name: ReleaseLease :execrows
UPDATE leases SET expires_at = 0 WHERE name = @name AND owner = @owner AND fence = @fence;

-- name: Ping :one
SELECT count(*) FROM audit_heads;
