// Package db is what sqlc generates of the control store's queries for SQLite:
// internal/control/queries, and internal/control/sqlite/queries where the engines
// differ. Do not edit the other files here; `make generate` writes them.
package db
