-- The audit chain.

-- name: StartAuditChain :exec
INSERT INTO audit_heads (id, seq, hash, at) VALUES (1, 0, '', 0) ON CONFLICT (id) DO NOTHING;

-- name: GetAuditHead :one
SELECT * FROM audit_heads WHERE id = 1;

-- name: MoveAuditHead :execrows
UPDATE audit_heads SET seq = @seq, hash = @hash, at = @at WHERE id = 1 AND seq = @old_seq;

-- name: InsertAuditEntry :exec
INSERT INTO audit_entries (seq, operation_id, at, tenant_id, actor, outcome, body, prev_hash, hash)
VALUES (@seq, @operation_id, @at, @tenant_id, @actor, @outcome, @body, @prev_hash, @hash);

-- name: GetAuditOperation :many
SELECT * FROM audit_entries WHERE operation_id = @operation_id ORDER BY seq;

-- name: ReadAuditEntries :many
SELECT * FROM audit_entries WHERE seq > @after ORDER BY seq LIMIT CAST(@most AS BIGINT);

-- Times never go back along the chain, so a time is a place in it.

-- name: FindAuditSeq :many
SELECT seq FROM audit_entries WHERE at >= @at ORDER BY at, seq LIMIT 1;

-- Each search is led by the narrowest thing that is asked for.

-- name: SearchAudit :many
SELECT * FROM audit_entries
WHERE seq < @before AND seq >= @first AND seq < @past
ORDER BY seq DESC LIMIT CAST(@most AS BIGINT);

-- name: SearchAuditByOperation :many
SELECT * FROM audit_entries
WHERE operation_id = @operation_id AND seq < @before AND seq >= @first AND seq < @past
  AND (CAST(@tenant_id AS TEXT) = '' OR tenant_id = CAST(@tenant_id AS TEXT))
  AND (CAST(@actor AS TEXT) = '' OR actor = CAST(@actor AS TEXT))
  AND (CAST(@outcome AS TEXT) = '' OR outcome = CAST(@outcome AS TEXT))
ORDER BY seq DESC LIMIT CAST(@most AS BIGINT);

-- name: SearchAuditByTenant :many
SELECT * FROM audit_entries
WHERE tenant_id = @tenant_id AND seq < @before AND seq >= @first AND seq < @past
  AND (CAST(@actor AS TEXT) = '' OR actor = CAST(@actor AS TEXT))
  AND (CAST(@outcome AS TEXT) = '' OR outcome = CAST(@outcome AS TEXT))
ORDER BY seq DESC LIMIT CAST(@most AS BIGINT);

-- name: SearchAuditByActor :many
SELECT * FROM audit_entries
WHERE actor = @actor AND seq < @before AND seq >= @first AND seq < @past
  AND (CAST(@outcome AS TEXT) = '' OR outcome = CAST(@outcome AS TEXT))
ORDER BY seq DESC LIMIT CAST(@most AS BIGINT);

-- name: SearchAuditByOutcome :many
SELECT * FROM audit_entries
WHERE outcome = @outcome AND seq < @before AND seq >= @first AND seq < @past
ORDER BY seq DESC LIMIT CAST(@most AS BIGINT);
