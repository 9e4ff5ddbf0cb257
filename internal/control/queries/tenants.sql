-- Tenants and the index by which they are found.

-- name: InsertTenant :exec
INSERT INTO tenants (
  id, display_name, labels, engine, server_id, db_name, db_schema, target, target_key, secret, secret_key,
  modules, strategy, status, status_before, status_note, revision, created_at, updated_at, archived_at
) VALUES (
  @id, @display_name, @labels, @engine, @server_id, @db_name, @db_schema, @target, @target_key, @secret, @secret_key,
  @modules, @strategy, @status, @status_before, @status_note, @revision, @created_at, @updated_at, @archived_at
);

-- name: GetTenant :one
SELECT * FROM tenants WHERE id = @id;

-- name: UpdateTenant :execrows
UPDATE tenants SET
  display_name = @display_name, labels = @labels, engine = @engine, server_id = @server_id, db_name = @db_name,
  db_schema = @db_schema, target = @target, target_key = @target_key, secret = @secret, secret_key = @secret_key,
  modules = @modules, strategy = @strategy, status = @status, status_before = @status_before,
  status_note = @status_note, revision = @revision, updated_at = @updated_at, archived_at = @archived_at
WHERE id = @id AND revision = @old_revision;

-- name: DeleteTenant :execrows
DELETE FROM tenants WHERE id = @id AND revision = @revision;

-- name: DeleteTenantFacets :exec
DELETE FROM tenant_facets WHERE tenant_id = @tenant_id;

-- name: InsertTenantFacet :exec
INSERT INTO tenant_facets (facet, tenant_id) VALUES (@facet, @tenant_id);

-- name: CountTenantFacet :one
SELECT count(*) FROM (
  SELECT tenant_id FROM tenant_facets WHERE facet = @facet LIMIT CAST(@most AS BIGINT)
) AS found;

-- name: ListTenants :many
SELECT * FROM tenants
WHERE id > @after AND (archived_at = 0 OR CAST(@archived AS BIGINT) = 1)
ORDER BY id LIMIT CAST(@most AS BIGINT);

-- name: ListTenantsByFacet :many
SELECT tenants.* FROM tenant_facets AS f
JOIN tenants ON tenants.id = f.tenant_id
WHERE f.facet = @facet AND f.tenant_id > @after
  AND (tenants.archived_at = 0 OR CAST(@archived AS BIGINT) = 1)
ORDER BY f.tenant_id LIMIT CAST(@most AS BIGINT);

-- name: ListTenantsAtPlace :many
SELECT * FROM tenants
WHERE server_id = @server_id AND db_name = @db_name AND db_schema = @db_schema AND archived_at = 0
ORDER BY id;

-- name: ListTenantPlaces :many
SELECT id, db_name, db_schema FROM tenants WHERE server_id = @server_id AND archived_at = 0 ORDER BY id;

-- name: ListTenantsToRewrap :many
SELECT id, secret FROM tenants
WHERE secret_key <> '' AND secret_key <> @current_key AND id > @after
ORDER BY id LIMIT CAST(@most AS BIGINT);

-- name: RewrapTenant :execrows
UPDATE tenants SET secret = @secret, secret_key = @secret_key WHERE id = @id AND secret = @old_secret;

-- name: FindTenantByTarget :many
SELECT id FROM tenants WHERE target_key = @target_key AND archived_at = 0;
