-- Onboardings: what each made, by the tenant. Who holds the tenant's lease with a
-- higher fence has taken over, and an older holder writes nothing any more.

-- name: InsertOnboarding :exec
INSERT INTO onboardings (
  tenant_id, server_id, state, request_id, fingerprint, steps, made_tables, fence, created_at, updated_at
) VALUES (
  @tenant_id, @server_id, @state, @request_id, @fingerprint, @steps, @made_tables, @fence, @created_at, @updated_at
);

-- name: GetOnboarding :one
SELECT * FROM onboardings WHERE tenant_id = @tenant_id;

-- name: UpdateOnboarding :execrows
UPDATE onboardings SET state = @state, steps = @steps, made_tables = @made_tables, fence = @fence, updated_at = @updated_at
WHERE tenant_id = @tenant_id AND fence <= @fence;

-- name: DeleteOnboarding :execrows
DELETE FROM onboardings WHERE tenant_id = @tenant_id AND fence <= @fence;
