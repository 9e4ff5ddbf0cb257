-- Static tokens, by their hashes.

-- name: InsertToken :exec
INSERT INTO tokens (id, name, hash, grants, created_by, created_at, expires_at, revoked_at, last_used_at)
VALUES (@id, @name, @hash, @grants, @created_by, @created_at, @expires_at, 0, 0);

-- name: GetToken :one
SELECT * FROM tokens WHERE id = @id;

-- name: GetTokenByHash :one
SELECT * FROM tokens WHERE hash = @hash;

-- name: ListTokens :many
SELECT * FROM tokens WHERE id > @after ORDER BY id LIMIT CAST(@most AS BIGINT);

-- name: RevokeToken :execrows
UPDATE tokens SET revoked_at = @at WHERE id = @id AND revoked_at = 0;

-- name: TouchToken :execrows
UPDATE tokens SET last_used_at = @at WHERE id = @id AND last_used_at < @not_since;
