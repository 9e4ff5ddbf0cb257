package sqlstore

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/lockstepdb/lockstep/internal/control"
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/module"
	"github.com/lockstepdb/lockstep/internal/secret"
	"github.com/lockstepdb/lockstep/internal/strategy"
)

// Limits of what a tenant or server may have.
const (
	maxName    = 200 // characters
	maxLabels  = 32
	maxValue   = 200 // bytes of a label's value
	maxModules = 64
	maxPath    = 400 // bytes of a module's path
	maxQuery   = 100
	maxNote    = 2000 // bytes
)

// Ids are ASCII, so that no two can look alike, and engines cannot fold them.
var (
	validID    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)
	validLabel = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$`)
)

// checks collects what is wrong, field by field.
type checks struct{ found []fault.Violation }

func (c *checks) report(subject, suggestion, format string, args ...any) {
	c.found = append(c.found, fault.Violation{Subject: subject, Description: fmt.Sprintf(format, args...), Suggestion: suggestion})
}

// err returns one fault with all that was found, or nil.
func (c *checks) err(reason, what string) error {
	if len(c.found) == 0 {
		return nil
	}
	f := fault.New(fault.Invalid, reason, "the %s cannot be accepted", what)
	f.Violations = c.found
	return f
}

func (c *checks) id(subject, id string) {
	if !validID.MatchString(id) {
		c.report(subject, "begin with a letter or digit; then letters, digits, dots, hyphens and underscores, 63 at most", "%q is no id", id)
	}
}

// text checks what people read: any characters but those that control printers.
func (c *checks) text(subject, s string, longest int) {
	switch {
	case !utf8.ValidString(s):
		c.report(subject, "", "it is not valid UTF-8")
	case utf8.RuneCountInString(s) > longest:
		c.report(subject, "", "it has more than %d characters", longest)
	case strings.ContainsFunc(s, unicode.IsControl):
		c.report(subject, "", "it has control characters")
	}
}

func (c *checks) labels(labels map[string]string) {
	if len(labels) > maxLabels {
		c.report("labels", "", "there are %d labels, and %d are allowed", len(labels), maxLabels)
	}
	for k, v := range labels {
		if !validLabel.MatchString(k) {
			c.report("labels", "use letters, digits, dots, slashes, hyphens and underscores, 63 at most", "%q is no name of a label", k)
		}
		if len(v) > maxValue {
			c.report("labels."+k, "", "the value is longer than %d bytes", maxValue)
		}
		c.text("labels."+k, v, maxValue)
	}
}

func (c *checks) modules(modules []control.TenantModule) {
	if len(modules) > maxModules {
		c.report("modules", "", "there are %d modules, and %d are allowed", len(modules), maxModules)
	}
	seen := map[string]bool{}
	for _, m := range modules {
		if _, err := module.ParseRef(m.Ref().String()); err != nil || len(m.Path) > maxPath || len(m.Query) > maxQuery {
			c.report("modules", "name a module path, and a version query such as v1, >=v1.2.0 or latest", "%q is no reference to a module", m.Ref())
		}
		if seen[m.Path] {
			c.report("modules", "", "%s is there twice", m.Path)
		}
		seen[m.Path] = true
	}
}

func (c *checks) strategy(name strategy.Name) {
	if _, err := strategy.Parse(string(name)); err != nil {
		c.report("strategy", "use add-only, safe or full", "%q is no strategy", name)
	}
}

func (c *checks) status(s control.TenantStatus) {
	switch s {
	case control.TenantActive, control.TenantOnboarding, control.TenantFailed, control.TenantVanished, control.TenantArchived:
	default:
		c.report("status", "use active, onboarding, failed, vanished or archived", "%q is no status", s)
	}
}

// clip makes a text fit a column: valid UTF-8 without NUL, at most n bytes.
func clip(s string, n int) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "")
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// fault reports what another package found wrong with a field.
func (c *checks) fault(subject string, err error) {
	f := fault.As(err)
	if f == nil {
		c.report(subject, "", "it is not valid")
		return
	}
	c.report(subject, f.Suggestion, "%s", f.Detail)
}

// needsUser refuses a secret that nobody would be logged in with.
func (c *checks) needsUser(address string, s secret.Stored, parse func(string) (dialect.Target, error)) {
	t, err := parse(address)
	if s.Kind() == secret.None || err != nil {
		return
	}
	if t.User == "" {
		c.report("secret", "name the user: postgres://user@host/database", "there is a secret, and the target names no user that it could be of")
	}
}
