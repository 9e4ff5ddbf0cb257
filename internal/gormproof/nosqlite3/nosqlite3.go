// Package sqlite3 stands in for github.com/mattn/go-sqlite3, which GORM's SQLite
// dialector imports for its side effect: registering a driver that is written in
// C. The proof gives the dialector the pure-Go driver by name instead.
package sqlite3
