// Package access is how services reach the entities of this module: typed
// create, get, get-many, update, rename, delete and exists, with context and
// transaction, errors that are the same on every engine, and conversion to the
// types of package api.
//
// All of it is generated from the structs of this very version of the module, so
// that the code knows the columns of the schema that lockstep makes from them,
// and no others. query is the work of gorm.io/gen; what lies beside this file is
// made by internal/gen on top of it. Change an entity, run go generate, and
// release both under one version.
package access

//go:generate go run ./internal/gen
