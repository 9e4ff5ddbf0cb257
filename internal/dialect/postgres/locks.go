package postgres

import (
	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// The locks that statements take on tables, by the names of the manual. All of them
// are kept until the transaction ends:
// https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-TABLES
const (
	accessExclusive      = "ACCESS EXCLUSIVE"
	shareRowExclusive    = "SHARE ROW EXCLUSIVE"
	share                = "SHARE"
	shareUpdateExclusive = "SHARE UPDATE EXCLUSIVE"
)

// exclusive is the hazard of nearly every ALTER TABLE:
// https://www.postgresql.org/docs/current/sql-altertable.html
func exclusive(table, why string, lasts dialect.LockTime) dialect.Hazard {
	return dialect.Hazard{Kind: dialect.HazardLock, Detail: "readers and writers of " + table + " wait " + why, Table: table, Mode: accessExclusive, Lasts: lasts}
}

// momentary is that of one that changes the catalogue only.
func momentary(table string) dialect.Hazard {
	return exclusive(table, "for a moment", dialect.LockMoment)
}

// writing is the hazard of what only readers may do beside it.
func writing(table, why, mode string, lasts dialect.LockTime) dialect.Hazard {
	return dialect.Hazard{Kind: dialect.HazardLock, Detail: "writers of " + table + " wait " + why, Table: table, Mode: mode, Lasts: lasts}
}

// nobody is the hazard of what keeps neither readers nor writers waiting.
func nobody(table string, lasts dialect.LockTime) dialect.Hazard {
	return dialect.Hazard{
		Kind: dialect.HazardLock, Detail: "readers and writers of " + table + " go on, other changes of it wait",
		Table: table, Mode: shareUpdateExclusive, Lasts: lasts,
	}
}

// referring are the locks of a new foreign key, which puts triggers on both sides.
func referring(table string, f *schema.ForeignKey, why string, lasts dialect.LockTime) []dialect.Hazard {
	out := hazards(writing(table, why, shareRowExclusive, lasts))
	if f.RefTable != table {
		out = append(out, writing(f.RefTable, why, shareRowExclusive, lasts))
	}
	return out
}

// referred are the locks on what a new table refers to.
func referred(t *schema.Table) []dialect.Hazard {
	var out []dialect.Hazard
	for _, f := range t.ForeignKeys {
		if f.RefTable != t.Name {
			out = append(out, writing(f.RefTable, "for a moment", shareRowExclusive, dialect.LockMoment))
		}
	}
	return dialect.Once(out)
}

// otherSides are the locks on what a table refers to whose foreign keys go.
func otherSides(t *schema.Table) []dialect.Hazard {
	if t == nil {
		return nil
	}
	var out []dialect.Hazard
	for _, f := range t.ForeignKeys {
		if f.RefTable != t.Name {
			out = append(out, momentary(f.RefTable))
		}
	}
	return dialect.Once(out)
}
