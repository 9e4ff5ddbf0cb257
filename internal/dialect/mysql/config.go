package mysql

import (
	"net"
	"slices"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
)

const (
	defaultPort    = "3306"
	connectTimeout = 10 * time.Second
)

// config builds the driver's configuration from a target. Options that a
// service's own DSN usually has are accepted, even where they change nothing
// here (parseTime, loc: lockstep reads no times); those that would weaken a
// session are refused, and so is all else.
func config(t dialect.Target) (*mysql.Config, error) {
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd = t.User, t.Password()
	cfg.Net, cfg.Addr, cfg.DBName = "tcp", t.Host, t.Database
	if _, _, err := net.SplitHostPort(t.Host); err != nil {
		cfg.Addr = net.JoinHostPort(strings.Trim(t.Host, "[]"), defaultPort)
	}
	if t.Schema != "" {
		return nil, refused("schema", "a tenant is a whole database here: name it in the target's path")
	}
	cfg.Timeout = connectTimeout
	cfg.InterpolateParams = true // one round trip for a query with parameters
	cfg.MultiStatements, cfg.AllowAllFiles = false, false
	cfg.ConnectionAttributes = "program_name:lockstep"
	cfg.Logger = &mysql.NopLogger{}
	cfg.Params = map[string]string{
		"sql_mode":           literal(sqlMode),
		"autocommit":         "1",
		"foreign_key_checks": "1",
		"unique_checks":      "1",
		"sql_safe_updates":   "0",
	}
	for name, values := range t.Options {
		if err := option(cfg, name, values[len(values)-1]); err != nil {
			return nil, err
		}
	}
	if err := cfg.Apply(mysql.Charset("utf8mb4", "")); err != nil {
		return nil, fault.Wrap(err, fault.Bug, "DRIVER_CONFIG", "the driver does not take its character set")
	}
	return cfg, nil
}

func refused(name, suggestion string) error {
	return fault.New(fault.Invalid, "TARGET_OPTION_REFUSED", "the target option %q is not allowed so", name).Suggest("%s", suggestion)
}

// option applies one option of a target.
func option(cfg *mysql.Config, name, value string) error {
	switch name {
	case "tls":
		if !slices.Contains([]string{"true", "false", "skip-verify", "preferred"}, value) {
			return refused(name, "use true, false, skip-verify or preferred")
		}
		cfg.TLSConfig = value
	case "timeout", "readTimeout", "writeTimeout":
		d, err := time.ParseDuration(value)
		if err != nil || d < 0 {
			return refused(name, "give a duration, such as 5s")
		}
		switch name {
		case "timeout":
			cfg.Timeout = d
		case "readTimeout":
			cfg.ReadTimeout = d
		case "writeTimeout":
			cfg.WriteTimeout = d
		}
	case "charset":
		if value != "utf8mb4" {
			return refused(name, "lockstep speaks utf8mb4")
		}
	case "collation":
		if !strings.HasPrefix(value, "utf8mb4_") {
			return refused(name, "lockstep speaks utf8mb4")
		}
	case "parseTime", "loc":
	case "multiStatements", "allowAllFiles", "allowCleartextPasswords", "allowOldPasswords":
		if value != "false" {
			return refused(name, "leave it out")
		}
	default:
		return refused(name, "use tls, timeout, readTimeout, writeTimeout or charset")
	}
	return nil
}
