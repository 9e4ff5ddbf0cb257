package dialect

import (
	"crypto/sha1" //nolint:gosec // GORM's way of cutting names; nothing is secured by it
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// The tables that lockstep itself keeps in a tenant's schema. No entity may use the
// prefix, for whatever has a name: what lockstep makes or moves aside while it works
// is told by it.
const (
	ReservedPrefix = "lockstep_"
	HistoryTable   = "lockstep_history"
	JournalTable   = "lockstep_journal"
	// CopyPrefix is put in front of a table's name for the copy that replaces
	// it, on engines that alter by copying.
	CopyPrefix = "lockstep_new_"
	// AsidePrefix is put in front of the name of a table or column that is moved
	// aside until the revision is recorded, on engines whose DDL commits by itself.
	AsidePrefix = "lockstep_dropped_"
)

// Lowering is what the dialects' Lower methods share: the rules of one engine,
// applied to a whole schema with all problems collected.
type Lowering struct {
	Engine  Engine
	Mapping int
	// MaxIdentifier is the longest table or column name in bytes; 0: no limit.
	MaxIdentifier int
	// MaxGenerated is the length to which names of indexes and constraints are
	// cut, as GORM does it for this engine.
	MaxGenerated int
	// FoldCase: names that differ in case only are one name.
	FoldCase bool
	// Refuse returns why a name cannot be used, or "".
	Refuse func(name string) string
	// Type chooses a column's physical type, and may normalise the column, which
	// is a copy. It returns what is wrong, or "".
	Type func(c *schema.Column) string
	// Table, when set, normalises a whole table, which is a copy, after its
	// columns have been lowered. It returns what is wrong, or "".
	Table func(t *schema.Table) string
	// Characters: the engine counts identifiers in characters, not bytes.
	Characters bool
	// IndexNamesPerTable: an index shares its name with others of its table only.
	IndexNamesPerTable bool
	// Schema, when set, normalises the whole schema, which is a copy, after its
	// tables have been lowered, and reports what is wrong.
	Schema func(s *schema.Schema, report Report)
}

// Report records one problem: of which object, declared where, how to mend it,
// and what it is.
type Report = func(subject string, at schema.Origin, suggestion, format string, args ...any)

// Lower returns a lowered copy of s, or one fault with every violation.
func (l Lowering) Lower(s *schema.Schema) (*schema.Schema, error) {
	out := s.Clone()
	out.Engine, out.Mapping = string(l.Engine), l.Mapping
	r := &lowerRun{Lowering: l, own: ownTables(s), tables: map[string]string{}, indexes: map[string]string{}}
	for _, t := range out.Tables {
		r.table(t)
	}
	for _, t := range out.Tables {
		if l.IndexNamesPerTable {
			r.indexes = map[string]string{}
		}
		r.indexNames(t)
	}
	if l.Schema != nil {
		l.Schema(out, r.report)
	}
	if len(r.found) > 0 {
		e := fault.New(fault.Invalid, "SCHEMA_NOT_LOWERABLE", "%s cannot take this schema: %d problem(s)", l.Engine, len(r.found))
		e.Violations = r.found
		return nil, e
	}
	return out, nil
}

// ownTables tells whether every table of s is lockstep's own.
func ownTables(s *schema.Schema) bool {
	for _, t := range s.Tables {
		if t.Name != HistoryTable && t.Name != JournalTable {
			return false
		}
	}
	return true
}

// CutName shortens a generated name the way GORM's naming strategy does: the
// first limit-8 bytes and 8 hex digits of the SHA-1 of the whole name.
func CutName(name string, limit int) string {
	if limit <= 8 || utf8.RuneCountInString(name) <= limit && len(name) <= limit {
		return name
	}
	head := name[:limit-8]
	for !utf8.ValidString(head) && utf8.ValidString(name) {
		head = head[:len(head)-1]
	}
	sum := sha1.Sum([]byte(name)) //nolint:gosec // see the import
	return head + hex.EncodeToString(sum[:])[:8]
}

type lowerRun struct {
	Lowering
	own     bool
	tables  map[string]string // folded name to name
	indexes map[string]string // folded name to "table x"
	found   []fault.Violation
}

func (r *lowerRun) report(subject string, at schema.Origin, suggestion, format string, args ...any) {
	r.found = append(r.found, fault.Violation{
		Subject:     subject,
		Position:    fault.Position{File: at.File, Line: at.Line, Column: at.Column},
		Description: fmt.Sprintf(format, args...),
		Suggestion:  suggestion,
	})
}

func (r *lowerRun) fold(name string) string {
	if !r.FoldCase {
		return name
	}
	// SQLite folds ASCII only: https://www.sqlite.org/datatype3.html#collation
	return strings.Map(func(c rune) rune {
		if c >= 'A' && c <= 'Z' {
			return c + 'a' - 'A'
		}
		return c
	}, name)
}

func (r *lowerRun) table(t *schema.Table) {
	r.name("table", t.Name, t.Name, t.Origin)
	r.reserved("table", t.Name, t.Name, t.Origin, "name the table differently, with TableName()")
	if other, taken := r.tables[r.fold(t.Name)]; taken {
		r.report(t.Name, t.Origin, "rename one of them", "table %q and table %q have one name on %s", t.Name, other, r.Engine)
	}
	r.tables[r.fold(t.Name)] = t.Name
	if len(t.Columns) == 0 {
		r.report(t.Name, t.Origin, "", "table %q has no columns", t.Name)
	}
	columns := map[string]string{}
	for _, c := range t.Columns {
		at := c.Origin
		if at.File == "" {
			at = t.Origin
		}
		r.name("column", c.Name, t.Name+"."+c.Name, at)
		r.reserved("column", c.Name, t.Name+"."+c.Name, at, "name the column differently")
		if other, taken := columns[r.fold(c.Name)]; taken {
			r.report(t.Name+"."+c.Name, at, "rename one of them", "columns %q and %q have one name on %s", c.Name, other, r.Engine)
		}
		columns[r.fold(c.Name)] = c.Name
		c.Default = c.Default.For(string(r.Engine))
		if problem := r.Type(c); problem != "" {
			r.report(t.Name+"."+c.Name, at, fmt.Sprintf(`give the column a type for this engine: lockstep:"type.%s=…"`, r.Engine), "%s", problem)
		}
	}
	for _, key := range t.PrimaryKey {
		// A key column takes no NULL on any engine but SQLite, and not in GORM.
		if c := t.Column(key); c != nil {
			c.Nullable = false
		} else {
			r.report(t.Name, t.Origin, "", "the primary key of table %q names the unknown column %q", t.Name, key)
		}
	}
	r.constraints(t)
	if r.Table != nil {
		if problem := r.Table(t); problem != "" {
			r.report(t.Name, t.Origin, "", "%s", problem)
		}
	}
}

// reserved reports a name that is lockstep's own.
func (r *lowerRun) reserved(what, name, subject string, at schema.Origin, suggestion string) {
	if strings.HasPrefix(strings.ToLower(name), ReservedPrefix) && !r.own {
		r.report(subject, at, suggestion, "%s names that begin with %s are reserved", what, ReservedPrefix)
	}
}

func (r *lowerRun) constraints(t *schema.Table) {
	taken := map[string]bool{}
	use := func(what string, name *string) {
		*name = r.cut(*name)
		r.reserved(what, *name, t.Name, t.Origin, "name it differently")
		if taken[r.fold(*name)] {
			r.report(t.Name, t.Origin, "rename one of them", "table %q has two constraints named %q (one a %s)", t.Name, *name, what)
		}
		taken[r.fold(*name)] = true
	}
	for _, f := range t.ForeignKeys {
		use("foreign key", &f.Name)
	}
	for _, c := range t.Checks {
		use("check", &c.Name)
	}
	for _, x := range t.Indexes {
		x.Name = r.cut(x.Name)
		if x.Constraint {
			x.Unique = true
			use("unique constraint", &x.Name)
		} else {
			r.reserved("index", x.Name, t.Name, t.Origin, "name it differently")
		}
	}
}

// indexNames runs after all tables are known: indexes share one space of names
// with each other and with the tables, on most engines.
func (r *lowerRun) indexNames(t *schema.Table) {
	for _, x := range t.Indexes {
		key := r.fold(x.Name)
		if other, taken := r.indexes[key]; taken {
			r.report(t.Name, t.Origin, "give one of them another name", "index %q of table %q is also the name of %s", x.Name, t.Name, other)
		} else if other, taken := r.tables[key]; taken && !r.IndexNamesPerTable {
			r.report(t.Name, t.Origin, "give the index another name", "index %q of table %q is also the name of table %q", x.Name, t.Name, other)
		}
		r.indexes[key] = fmt.Sprintf("an index of table %q", t.Name)
	}
}

// length of a name as the engine counts it.
func (r *lowerRun) length(name string) int {
	if r.Characters {
		return utf8.RuneCountInString(name)
	}
	return len(name)
}

// cut shortens a generated name where the engine needs it.
func (r *lowerRun) cut(name string) string {
	if r.length(name) <= r.MaxGenerated {
		return name
	}
	return CutName(name, r.MaxGenerated)
}

// name checks one table or column name.
func (r *lowerRun) name(what, name, subject string, at schema.Origin) {
	switch {
	case name == "":
		r.report(subject, at, "", "a %s has no name", what)
	case strings.ContainsRune(name, 0) || !utf8.ValidString(name):
		r.report(subject, at, "use valid UTF-8 without NUL", "the %s name %q cannot be stored", what, name)
	case r.MaxIdentifier > 0 && r.length(name) > r.MaxIdentifier:
		unit := "bytes"
		if r.Characters {
			unit = "characters"
		}
		r.report(subject, at, "choose a shorter name", "the %s name %q has %d %s, and %s allows %d", what, name, r.length(name), unit, r.Engine, r.MaxIdentifier)
	default:
		if why := r.Refuse(name); why != "" {
			r.report(subject, at, "choose another name", "%s", why)
		}
	}
}
