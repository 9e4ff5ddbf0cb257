-- How tenants are found by several facets. An unused facet is empty.

-- The first facet leads, and few tenants have it: its rows are read in the order
-- of ids, and each is kept when the others have it, too.

-- name: ListTenantsByRareFacet :many
SELECT tenants.* FROM tenant_facets AS f
JOIN tenants ON tenants.id = f.tenant_id
WHERE f.facet = @facet AND f.tenant_id > @after
  AND (tenants.archived_at = 0 OR CAST(@archived AS BIGINT) = 1)
  AND (CAST(@facet2 AS TEXT) = '' OR EXISTS (SELECT 1 FROM tenant_facets AS x WHERE x.facet = CAST(@facet2 AS TEXT) AND x.tenant_id = f.tenant_id))
  AND (CAST(@facet3 AS TEXT) = '' OR EXISTS (SELECT 1 FROM tenant_facets AS x WHERE x.facet = CAST(@facet3 AS TEXT) AND x.tenant_id = f.tenant_id))
  AND (CAST(@facet4 AS TEXT) = '' OR EXISTS (SELECT 1 FROM tenant_facets AS x WHERE x.facet = CAST(@facet4 AS TEXT) AND x.tenant_id = f.tenant_id))
  AND (CAST(@facet5 AS TEXT) = '' OR EXISTS (SELECT 1 FROM tenant_facets AS x WHERE x.facet = CAST(@facet5 AS TEXT) AND x.tenant_id = f.tenant_id))
  AND (CAST(@facet6 AS TEXT) = '' OR EXISTS (SELECT 1 FROM tenant_facets AS x WHERE x.facet = CAST(@facet6 AS TEXT) AND x.tenant_id = f.tenant_id))
  AND (CAST(@facet7 AS TEXT) = '' OR EXISTS (SELECT 1 FROM tenant_facets AS x WHERE x.facet = CAST(@facet7 AS TEXT) AND x.tenant_id = f.tenant_id))
  AND (CAST(@facet8 AS TEXT) = '' OR EXISTS (SELECT 1 FROM tenant_facets AS x WHERE x.facet = CAST(@facet8 AS TEXT) AND x.tenant_id = f.tenant_id))
ORDER BY f.tenant_id LIMIT CAST(@most AS BIGINT);

-- Many tenants have each of the facets. With an order, SQLite merges the parts of
-- an INTERSECT, each in the order of its index, and stops at the limit; probing
-- one part for each row of another takes ten times as long. Archived tenants are
-- among them. https://www.sqlite.org/src/doc/trunk/src/select.c (multiSelectOrderBy)

-- name: ListTenantsByTwoFacets :many
SELECT * FROM tenants WHERE id IN (
  SELECT f1.tenant_id FROM tenant_facets AS f1 WHERE f1.facet = @facet AND f1.tenant_id > @after
  INTERSECT
  SELECT f2.tenant_id FROM tenant_facets AS f2 WHERE f2.facet = @facet2 AND f2.tenant_id > @after
  ORDER BY tenant_id LIMIT CAST(@most AS BIGINT)
) ORDER BY id;

-- name: ListTenantsByFacets :many
SELECT * FROM tenants WHERE id IN (
  SELECT f3.tenant_id FROM tenant_facets AS f3 WHERE f3.facet = @facet AND f3.tenant_id > @after
  INTERSECT
  SELECT f4.tenant_id FROM tenant_facets AS f4 WHERE f4.facet = coalesce(nullif(CAST(@facet2 AS TEXT), ''), @facet) AND f4.tenant_id > @after
  INTERSECT
  SELECT f5.tenant_id FROM tenant_facets AS f5 WHERE f5.facet = coalesce(nullif(CAST(@facet3 AS TEXT), ''), @facet) AND f5.tenant_id > @after
  INTERSECT
  SELECT f6.tenant_id FROM tenant_facets AS f6 WHERE f6.facet = coalesce(nullif(CAST(@facet4 AS TEXT), ''), @facet) AND f6.tenant_id > @after
  INTERSECT
  SELECT f7.tenant_id FROM tenant_facets AS f7 WHERE f7.facet = coalesce(nullif(CAST(@facet5 AS TEXT), ''), @facet) AND f7.tenant_id > @after
  INTERSECT
  SELECT f8.tenant_id FROM tenant_facets AS f8 WHERE f8.facet = coalesce(nullif(CAST(@facet6 AS TEXT), ''), @facet) AND f8.tenant_id > @after
  INTERSECT
  SELECT f9.tenant_id FROM tenant_facets AS f9 WHERE f9.facet = coalesce(nullif(CAST(@facet7 AS TEXT), ''), @facet) AND f9.tenant_id > @after
  INTERSECT
  SELECT f10.tenant_id FROM tenant_facets AS f10 WHERE f10.facet = coalesce(nullif(CAST(@facet8 AS TEXT), ''), @facet) AND f10.tenant_id > @after
  ORDER BY tenant_id LIMIT CAST(@most AS BIGINT)
) ORDER BY id;

-- The engine sorts what several queries found: it alone knows its order.

-- name: SortTenants :many
SELECT * FROM tenants WHERE id IN (SELECT value FROM json_each(CAST(@ids AS TEXT))) ORDER BY id LIMIT CAST(@most AS BIGINT);
