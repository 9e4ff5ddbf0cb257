-- Executions, and the claims by which a request runs once.

-- name: InsertExecution :execrows
INSERT INTO executions (
  request_id, fingerprint, tenant_id, action, actor, state, outcome, digest, result, owner, fence, lease_until, started_at, finished_at
) VALUES (
  @request_id, @fingerprint, @tenant_id, @action, @actor, @state, '', '', @result, @owner, 1, @lease_until, @started_at, 0
) ON CONFLICT (request_id) DO NOTHING;

-- name: GetExecution :one
SELECT * FROM executions WHERE request_id = @request_id;

-- name: TakeOverExecution :execrows
UPDATE executions SET owner = @owner, fence = fence + 1, lease_until = @lease_until
WHERE request_id = @request_id AND state = @state AND fence = @fence AND lease_until < @at;

-- name: ExtendExecution :execrows
UPDATE executions SET lease_until = @lease_until
WHERE request_id = @request_id AND state = @state AND fence = @fence AND owner = @owner;

-- name: FinishExecution :execrows
UPDATE executions SET state = @finished, outcome = @outcome, digest = @digest, result = @result, finished_at = @at, lease_until = 0
WHERE request_id = @request_id AND state = @state AND fence = @fence AND owner = @owner;

-- name: AbandonExecution :execrows
DELETE FROM executions
WHERE request_id = @request_id AND state = @state AND fence = @fence AND owner = @owner;

-- name: ListExecutions :many
SELECT id, request_id, fingerprint, tenant_id, action, actor, state, outcome, digest, owner, fence, lease_until, started_at, finished_at
FROM executions
WHERE id < @before
  AND (CAST(@actor AS TEXT) = '' OR actor = CAST(@actor AS TEXT))
  AND (CAST(@outcome AS TEXT) = '' OR outcome = CAST(@outcome AS TEXT))
  AND (CAST(@state AS TEXT) = '' OR state = CAST(@state AS TEXT))
ORDER BY id DESC LIMIT CAST(@most AS BIGINT);

-- name: ListExecutionsOfTenant :many
SELECT id, request_id, fingerprint, tenant_id, action, actor, state, outcome, digest, owner, fence, lease_until, started_at, finished_at
FROM executions
WHERE tenant_id = @tenant_id AND id < @before
  AND (CAST(@actor AS TEXT) = '' OR actor = CAST(@actor AS TEXT))
  AND (CAST(@outcome AS TEXT) = '' OR outcome = CAST(@outcome AS TEXT))
  AND (CAST(@state AS TEXT) = '' OR state = CAST(@state AS TEXT))
ORDER BY id DESC LIMIT CAST(@most AS BIGINT);
