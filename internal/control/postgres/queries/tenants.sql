-- How tenants are found by several facets. An unused facet is empty. The planner
-- knows how to join what must be there, by probing or by merging; an OR in the
-- condition would make it read all tenants of every facet first.

-- name: ListTenantsByRareFacet :many
SELECT tenants.* FROM tenant_facets AS f
JOIN tenants ON tenants.id = f.tenant_id
WHERE f.facet = @facet AND f.tenant_id > @after
  AND (tenants.archived_at = 0 OR CAST(@archived AS BIGINT) = 1)
  AND EXISTS (SELECT 1 FROM tenant_facets AS x WHERE x.facet = coalesce(nullif(CAST(@facet2 AS TEXT), ''), @facet) AND x.tenant_id = f.tenant_id)
  AND EXISTS (SELECT 1 FROM tenant_facets AS x WHERE x.facet = coalesce(nullif(CAST(@facet3 AS TEXT), ''), @facet) AND x.tenant_id = f.tenant_id)
  AND EXISTS (SELECT 1 FROM tenant_facets AS x WHERE x.facet = coalesce(nullif(CAST(@facet4 AS TEXT), ''), @facet) AND x.tenant_id = f.tenant_id)
  AND EXISTS (SELECT 1 FROM tenant_facets AS x WHERE x.facet = coalesce(nullif(CAST(@facet5 AS TEXT), ''), @facet) AND x.tenant_id = f.tenant_id)
  AND EXISTS (SELECT 1 FROM tenant_facets AS x WHERE x.facet = coalesce(nullif(CAST(@facet6 AS TEXT), ''), @facet) AND x.tenant_id = f.tenant_id)
  AND EXISTS (SELECT 1 FROM tenant_facets AS x WHERE x.facet = coalesce(nullif(CAST(@facet7 AS TEXT), ''), @facet) AND x.tenant_id = f.tenant_id)
  AND EXISTS (SELECT 1 FROM tenant_facets AS x WHERE x.facet = coalesce(nullif(CAST(@facet8 AS TEXT), ''), @facet) AND x.tenant_id = f.tenant_id)
ORDER BY f.tenant_id LIMIT CAST(@most AS BIGINT);

-- Archived tenants are among these. That the limit is named first gives the
-- parameters the order that they have for SQLite.

-- name: ListTenantsByTwoFacets :many
SELECT tenants.* FROM tenant_facets AS f
JOIN tenants ON tenants.id = f.tenant_id
WHERE CAST(@most AS BIGINT) > 0 AND f.facet = @facet AND f.tenant_id > @after
  AND EXISTS (SELECT 1 FROM tenant_facets AS x WHERE x.facet = @facet2 AND x.tenant_id = f.tenant_id)
ORDER BY f.tenant_id LIMIT CAST(@most AS BIGINT);

-- name: ListTenantsByFacets :many
SELECT tenants.* FROM tenant_facets AS f
JOIN tenants ON tenants.id = f.tenant_id
WHERE CAST(@most AS BIGINT) > 0 AND f.facet = @facet AND f.tenant_id > @after
  AND EXISTS (SELECT 1 FROM tenant_facets AS x WHERE x.facet = coalesce(nullif(CAST(@facet2 AS TEXT), ''), @facet) AND x.tenant_id = f.tenant_id)
  AND EXISTS (SELECT 1 FROM tenant_facets AS x WHERE x.facet = coalesce(nullif(CAST(@facet3 AS TEXT), ''), @facet) AND x.tenant_id = f.tenant_id)
  AND EXISTS (SELECT 1 FROM tenant_facets AS x WHERE x.facet = coalesce(nullif(CAST(@facet4 AS TEXT), ''), @facet) AND x.tenant_id = f.tenant_id)
  AND EXISTS (SELECT 1 FROM tenant_facets AS x WHERE x.facet = coalesce(nullif(CAST(@facet5 AS TEXT), ''), @facet) AND x.tenant_id = f.tenant_id)
  AND EXISTS (SELECT 1 FROM tenant_facets AS x WHERE x.facet = coalesce(nullif(CAST(@facet6 AS TEXT), ''), @facet) AND x.tenant_id = f.tenant_id)
  AND EXISTS (SELECT 1 FROM tenant_facets AS x WHERE x.facet = coalesce(nullif(CAST(@facet7 AS TEXT), ''), @facet) AND x.tenant_id = f.tenant_id)
  AND EXISTS (SELECT 1 FROM tenant_facets AS x WHERE x.facet = coalesce(nullif(CAST(@facet8 AS TEXT), ''), @facet) AND x.tenant_id = f.tenant_id)
ORDER BY f.tenant_id LIMIT CAST(@most AS BIGINT);

-- The engine sorts what several queries found: it alone knows its order.

-- name: SortTenants :many
SELECT * FROM tenants WHERE id IN (SELECT json_array_elements_text(CAST(CAST(@ids AS TEXT) AS json))) ORDER BY id LIMIT CAST(@most AS BIGINT);
