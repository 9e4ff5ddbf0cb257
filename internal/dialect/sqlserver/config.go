package sqlserver

import (
	"database/sql/driver"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	mssql "github.com/microsoft/go-mssqldb"
	"github.com/microsoft/go-mssqldb/msdsn"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
)

const (
	defaultPort    = "1433"
	connectTimeout = 15 * time.Second // for the connection and the login
)

// options that a target may carry. Everything else is refused: some of the
// driver's options read files of the machine that lockstep runs on, or write
// statements to its log.
func allowedOption(name string) bool {
	return slices.Contains([]string{
		"encrypt", "trustservercertificate", "hostnameincertificate", "tlsmin", "app name", "applicationintent",
		"multisubnetfailover", "dial timeout", "connection timeout", "packet size", "keepalive",
	}, name)
}

// connector builds the driver's connector. The password is set after parsing, so
// that no parser's error can hold it.
func connector(t dialect.Target) (driver.Connector, error) {
	query := url.Values{"database": {t.Database}, "app name": {"lockstep"}}
	for name, values := range t.Options {
		name = strings.ToLower(name)
		if !allowedOption(name) {
			return nil, fault.New(fault.Invalid, "TARGET_OPTION_REFUSED", "the target option %q is not allowed", name).
				Suggest("use encrypt, trustservercertificate, hostnameincertificate, tlsmin, app name, applicationintent, multisubnetfailover, dial timeout, connection timeout, packet size or keepalive")
		}
		query[name] = values
	}
	host := t.Host
	if _, _, err := net.SplitHostPort(host); err != nil {
		host = net.JoinHostPort(strings.Trim(host, "[]"), defaultPort)
	}
	u := url.URL{Scheme: "sqlserver", Host: host, RawQuery: query.Encode()}
	if t.User != "" {
		u.User = url.UserPassword(t.User, "")
	}
	cfg, err := msdsn.Parse(u.String())
	if err != nil {
		return nil, fault.New(fault.Invalid, "TARGET_INVALID", "the target %s cannot be used: an option or the host is malformed", t)
	}
	cfg.Password = t.Password()
	cfg.DisableRetry = true // a statement runs once, or its failure is told
	if cfg.DialTimeout <= 0 || cfg.DialTimeout > connectTimeout {
		cfg.DialTimeout = connectTimeout
	}
	return mssql.NewConnectorConfig(cfg), nil
}

// tenantSchema is the name of the tenant's schema. It must mean the same between
// brackets, in a string, and in a string with a bracketed name in it.
func tenantSchema(t dialect.Target) (string, error) {
	name := t.Schema
	if name == "" {
		name = DefaultSchema
	}
	if problem := schemaProblem(name); problem != "" {
		return "", fault.New(fault.Invalid, "TARGET_INVALID", "the schema of target %s cannot be used: it %s", t, problem).
			Suggest("name the tenant's schema without quotes, brackets, $ and control characters")
	}
	return name, nil
}

func schemaProblem(name string) string {
	switch {
	case strings.ContainsAny(name, `'"[]$`):
		return "holds a quote, a bracket or $"
	case strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "holds a control character"
	case len([]rune(name)) > maxIdentifier:
		return "is too long"
	case strings.TrimSpace(name) != name:
		return "begins or ends with a blank"
	}
	return ""
}
