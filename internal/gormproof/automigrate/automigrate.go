// Package automigrate is the GORM side of the proof: it opens a tenant with
// GORM's own drivers and lets AutoMigrate build it. Generated programs use it as
// well as the tests, so it knows nothing of lockstep.
package automigrate

import (
	"fmt"
	"net/url"
	"strings"

	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/gorm/schema"
	_ "modernc.org/sqlite" // the driver that the SQLite dialector is given
)

// Options is what an application that uses GORM says in code, and a module of
// lockstep in its manifest.
type Options struct {
	Naming        schema.NamingStrategy
	NoForeignKeys bool
	Setup         func(*gorm.DB) error // before AutoMigrate; may be nil
}

// Run builds the models in the tenant at a target URL.
func Run(target string, opts Options, models ...any) error {
	db, err := Open(target, opts)
	if err != nil {
		return err
	}
	defer func() {
		if pool, err := db.DB(); err == nil {
			_ = pool.Close()
		}
	}()
	if opts.Setup != nil {
		if err := opts.Setup(db); err != nil {
			return err
		}
	}
	return db.AutoMigrate(models...)
}

// Open connects GORM with a tenant, as an application would.
func Open(target string, opts Options) (*gorm.DB, error) {
	dialector, err := dialectorOf(target)
	if err != nil {
		return nil, err
	}
	return gorm.Open(dialector, &gorm.Config{
		Logger: logger.Discard, NamingStrategy: opts.Naming,
		DisableForeignKeyConstraintWhenMigrating: opts.NoForeignKeys,
	})
}

func dialectorOf(target string) (gorm.Dialector, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	switch u.Scheme {
	case "sqlite":
		return sqlite.New(sqlite.Config{DriverName: "sqlite", DSN: "file:" + u.Opaque + u.Path + "?_pragma=foreign_keys(1)"}), nil
	case "postgres":
		q := u.Query()
		q.Set("search_path", q.Get("schema"))
		q.Del("schema")
		u.RawQuery = q.Encode()
		return postgres.Open(u.String()), nil
	case "mysql", "mariadb":
		return mysql.Open(MySQLDSN(u)), nil
	}
	return nil, fmt.Errorf("no dialector for %s", u.Scheme)
}

// MySQLDSN is a target URL as the MySQL driver writes it.
func MySQLDSN(u *url.URL) string {
	password, _ := u.User.Password()
	if password != "" {
		password = ":" + password
	}
	return fmt.Sprintf("%s%s@tcp(%s)/%s?charset=utf8mb4&parseTime=True", u.User.Username(), password, u.Host, strings.TrimPrefix(u.Path, "/"))
}
