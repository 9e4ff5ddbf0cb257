-- Servers, and what a sync found on them.

-- name: InsertServer :exec
INSERT INTO servers (
  id, display_name, labels, engine, address, secret, secret_key, generation, synced_at, tried_at, sync_error,
  revision, created_at, updated_at, archived_at
) VALUES (
  @id, @display_name, @labels, @engine, @address, @secret, @secret_key, 0, 0, 0, '', @revision, @created_at, @updated_at, 0
);

-- name: GetServer :one
SELECT * FROM servers WHERE id = @id;

-- name: UpdateServer :execrows
UPDATE servers SET
  display_name = @display_name, labels = @labels, address = @address, secret = @secret, secret_key = @secret_key,
  revision = @revision, updated_at = @updated_at, archived_at = @archived_at
WHERE id = @id AND revision = @old_revision;

-- name: ListServers :many
SELECT * FROM servers
WHERE id > @after AND (archived_at = 0 OR CAST(@archived AS BIGINT) = 1)
  AND (CAST(@engine AS TEXT) = '' OR engine = CAST(@engine AS TEXT))
ORDER BY id LIMIT CAST(@most AS BIGINT);

-- name: AdvanceServer :execrows
UPDATE servers SET generation = generation + 1, synced_at = @at, tried_at = @at, sync_error = '',
  facts = CASE WHEN CAST(@facts AS TEXT) = '' THEN facts ELSE CAST(@facts AS TEXT) END
WHERE id = @id AND generation = @generation AND archived_at = 0;

-- An onboarding changes what is on a server: a sync that began before it must
-- look again. One that was never synced has nothing recorded to be wrong.

-- name: OutdateServer :exec
UPDATE servers SET generation = generation + 1 WHERE id = @id AND generation > 0;

-- name: FailServerSync :execrows
UPDATE servers SET tried_at = @at, sync_error = @sync_error WHERE id = @id;

-- name: ListServersToRewrap :many
SELECT id, secret FROM servers
WHERE secret_key <> '' AND secret_key <> @current_key AND id > @after
ORDER BY id LIMIT CAST(@most AS BIGINT);

-- name: RewrapServer :execrows
UPDATE servers SET secret = @secret, secret_key = @secret_key WHERE id = @id AND secret = @old_secret;

-- name: ListServerDatabases :many
SELECT * FROM server_databases WHERE server_id = @server_id ORDER BY db_name, db_schema;

-- name: PutServerDatabase :exec
INSERT INTO server_databases (server_id, db_name, db_schema, attributes, seen_at, changed_at, vanished_at)
VALUES (@server_id, @db_name, @db_schema, @attributes, @at, @at, 0)
ON CONFLICT (server_id, db_name, db_schema) DO UPDATE SET
  attributes = excluded.attributes, changed_at = excluded.changed_at, vanished_at = 0;

-- name: VanishServerDatabase :execrows
UPDATE server_databases SET vanished_at = @at, changed_at = @at
WHERE server_id = @server_id AND db_name = @db_name AND db_schema = @db_schema AND vanished_at = 0;

-- name: ListServerUsers :many
SELECT * FROM server_users WHERE server_id = @server_id ORDER BY name;

-- name: PutServerUser :exec
INSERT INTO server_users (server_id, name, attributes, seen_at, changed_at, vanished_at)
VALUES (@server_id, @name, @attributes, @at, @at, 0)
ON CONFLICT (server_id, name) DO UPDATE SET
  attributes = excluded.attributes, changed_at = excluded.changed_at, vanished_at = 0;

-- name: VanishServerUser :execrows
UPDATE server_users SET vanished_at = @at, changed_at = @at
WHERE server_id = @server_id AND name = @name AND vanished_at = 0;

-- name: ListServerGrants :many
SELECT * FROM server_grants WHERE server_id = @server_id ORDER BY user_name, db_name, db_schema, privilege;

-- name: PutServerGrant :exec
INSERT INTO server_grants (server_id, user_name, db_name, db_schema, privilege, attributes, seen_at)
VALUES (@server_id, @user_name, @db_name, @db_schema, @privilege, @attributes, @at)
ON CONFLICT (server_id, user_name, db_name, db_schema, privilege) DO UPDATE SET attributes = excluded.attributes;

-- name: DeleteServerGrant :execrows
DELETE FROM server_grants
WHERE server_id = @server_id AND user_name = @user_name AND db_name = @db_name AND db_schema = @db_schema AND privilege = @privilege;

-- name: InsertServerChange :exec
INSERT INTO server_changes (server_id, generation, position, kind, object, name, value_before, value_after, at)
VALUES (@server_id, @generation, @position, @kind, @object, @name, @value_before, @value_after, @at);

-- name: ListServerChanges :many
SELECT * FROM server_changes
WHERE server_id = @server_id
  AND (generation < @generation OR (generation = @generation AND position > @position))
ORDER BY generation DESC, position LIMIT CAST(@most AS BIGINT);
