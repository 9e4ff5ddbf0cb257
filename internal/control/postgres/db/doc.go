// Package db is what sqlc generates of the control store's queries for PostgreSQL:
// internal/control/queries, and internal/control/postgres/queries where the engines
// differ. Do not edit the other files here; `make generate` writes them.
package db
