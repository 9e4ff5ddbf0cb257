package access

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// ReasonTarget is the reason of a target that may not be named.
const ReasonTarget = "TARGET_NOT_ALLOWED"

// TargetRules say which databases requests may name. Without hosts no server
// can be named, without directories no file.
type TargetRules struct {
	Engines     []dialect.Engine // none: all
	Hosts       []string         // as ParseHost reads them
	Directories []string         // SQLite files may be below these
	Files       FileSystem       // needed with directories
}

// FileSystem is what has to be known of the disk.
type FileSystem struct {
	Absolute func(path string) (string, error) // as filepath.Abs
	Resolve  func(path string) (string, error) // follows links, as filepath.EvalSymlinks
	Exists   func(path string) bool            // as it is, links not followed
}

// Targets decides whether a request may name a target: a server must not become
// everybody's way into its network and its disk. nil allows nothing.
type Targets struct {
	open  bool
	rules TargetRules
	hosts []hostPattern
}

// AllTargets allows everything: for a developer's own machine, and for the
// command line in its own process.
func AllTargets() *Targets { return &Targets{open: true} }

// NewTargets reads the rules. Errors are Invalid and name the rule.
func NewTargets(r TargetRules) (*Targets, error) {
	t := &Targets{rules: r}
	for _, text := range r.Hosts {
		p, err := parseHost(text)
		if err != nil {
			return nil, err
		}
		t.hosts = append(t.hosts, p)
	}
	for _, d := range r.Directories {
		if !filepath.IsAbs(d) {
			return nil, fault.New(fault.Invalid, "DIRECTORY_RELATIVE", "the directory %q is not an absolute path", d)
		}
	}
	return t, nil
}

// Open tells whether every target is allowed.
func (t *Targets) Open() bool { return t != nil && t.open }

// Check tells whether a target is allowed; else the error is Denied.
func (t *Targets) Check(target dialect.Target) error {
	switch {
	case t == nil:
		return notAllowed("this server allows no targets")
	case t.open:
		return nil
	case len(t.rules.Engines) > 0 && !slices.Contains(t.rules.Engines, target.Engine):
		return notAllowed("this server does not allow %s", target.Engine)
	}
	for name := range target.Options {
		if !slices.Contains(harmlessOptions(target.Engine), name) {
			return fault.New(fault.Denied, "TARGET_OPTION_REFUSED", "this server does not allow the target option %q", name).
				Suggest("leave it out")
		}
	}
	if target.Engine == dialect.SQLite {
		return t.checkFile(target.Database)
	}
	return t.checkHost(target)
}

// harmlessOptions lists the options that a target may carry when it comes from
// afar: none that reads a file of this machine, chooses another host, or loosens
// the session. Each engine's dialect has a list of its own, which may grow for
// the sake of the command line; this one must not.
func harmlessOptions(e dialect.Engine) []string {
	switch e {
	case dialect.Postgres:
		return []string{"sslmode", "connect_timeout", "application_name", "target_session_attrs"}
	case dialect.MySQL, dialect.MariaDB:
		return []string{"tls", "timeout", "readTimeout", "writeTimeout", "charset", "collation", "parseTime", "loc"}
	case dialect.SQLServer:
		return []string{"encrypt", "TrustServerCertificate", "hostNameInCertificate", "connection timeout", "dial timeout", "app name"}
	case dialect.SQLite:
	}
	return nil
}

func (t *Targets) checkHost(target dialect.Target) error {
	at, ok := splitHost(target.Host, defaultPort(target.Engine))
	if !ok {
		return notAllowed("the target's host is not one name or address with one port")
	}
	if !slices.ContainsFunc(t.hosts, func(p hostPattern) bool { return p.matches(at, defaultPort(target.Engine)) }) {
		return notAllowed("this server does not allow targets on %s:%s", at.name, at.port)
	}
	return nil
}

// checkFile resolves links first, so that none leads out of the directories. Of
// a file that is yet to be made, the deepest directory that exists is resolved.
func (t *Targets) checkFile(path string) error {
	if strings.HasPrefix(path, "file:") || strings.HasPrefix(path, ":") || strings.ContainsAny(path, "\x00?") {
		return notAllowed("the target is not the path of a file")
	}
	if len(t.rules.Directories) == 0 {
		return notAllowed("this server allows no database files").Suggest("ask an admin of this server to set its sqlite-directories")
	}
	abs, err := t.rules.Files.Absolute(path)
	if err != nil {
		return notAllowed("the target's path cannot be resolved")
	}
	found, ok := t.real(abs)
	if !ok {
		return notAllowed("the target's path cannot be resolved")
	}
	for _, d := range t.rules.Directories {
		root, err := t.rules.Files.Resolve(d)
		if err == nil && below(root, found) {
			return nil
		}
	}
	return notAllowed("this server does not allow database files there").
		Suggest("name a file below one of the directories that the server's sqlite-directories lists")
}

// real resolves the part of a path that exists, and adds the rest. A link that
// leads to nothing is no such rest: a file would be made where it points.
func (t *Targets) real(path string) (string, bool) {
	rest := ""
	for at := filepath.Clean(path); ; at = filepath.Dir(at) {
		if found, err := t.rules.Files.Resolve(at); err == nil {
			return filepath.Join(found, rest), true
		}
		if at == filepath.Dir(at) || t.rules.Files.Exists(at) {
			return "", false
		}
		rest = filepath.Join(filepath.Base(at), rest)
	}
}

func below(root, path string) bool {
	rel, err := filepath.Rel(root, path)
	return err == nil && rel != "." && filepath.IsLocal(rel)
}

func notAllowed(format string, args ...any) *fault.Error {
	return fault.New(fault.Denied, ReasonTarget, format, args...).
		Suggest("ask an admin of this server to list the host in its target-hosts")
}
