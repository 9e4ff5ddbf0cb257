package sqlserver

import (
	"context"
	"errors"
	"strings"

	mssql "github.com/microsoft/go-mssqldb"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/dialect/internal/atlas"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/schema"
)

// Inspect implements dialect.Inspector in four round trips for every thousand
// tables. What means the same has the same form: see likened.
func (d *Dialect) Inspect(ctx context.Context, q dialect.Querier, tables []string) (*schema.Schema, error) {
	found, err := atlas.InspectSQLServer(ctx, q, SchemaVariable, tables)
	if err != nil {
		return nil, d.unreadable(err)
	}
	for _, t := range found.Tables {
		likened(t)
	}
	return found, nil
}

// Tables implements dialect.Surveyor.
func (d *Dialect) Tables(ctx context.Context, q dialect.Querier) ([]string, error) {
	found, err := atlas.SurveySQLServer(ctx, q, SchemaVariable)
	if err != nil {
		return nil, d.unreadable(err)
	}
	return found, nil
}

// Referrers implements dialect.Surveyor.
func (d *Dialect) Referrers(ctx context.Context, q dialect.Querier, tables []string) ([]dialect.Referrer, error) {
	found, err := atlas.ReferrersSQLServer(ctx, q, SchemaVariable, tables)
	if err != nil {
		return nil, d.unreadable(err)
	}
	return found, nil
}

// unreadable is an error of reading the catalogue.
func (d *Dialect) unreadable(err error) *fault.Error {
	var server mssql.Error
	if errors.As(err, &server) && lacksCatalogue(server.Number) {
		return fault.Wrap(err, fault.Unsupported, "CATALOGUE_MISSING", "the server lacks a part of SQL Server's catalogue: %s", detail(server)).
			Suggest("lockstep reads the documented catalogue views to prove what it did; use SQL Server or Azure SQL")
	}
	return d.Classify(err)
}

// lacksCatalogue tells the errors of a query over catalogue views that is right
// on SQL Server: no such object, column, function or procedure.
func lacksCatalogue(number int32) bool {
	switch number {
	case 207, 208, 195, 243, 2715, 2812, 4104, 4121:
		return true
	}
	return false
}

// Compare implements dialect.Inspector. A unique index that lockstep keeps free
// of NULL is taken for equal to the plain one that other programs make, which
// only forbids more; a drop of it copes with both.
func (*Dialect) Compare(promised, found *schema.Table) []string {
	if promised != nil && found != nil {
		promised, found = promised.Clone(), found.Clone()
		for _, p := range promised.Indexes {
			if f := found.Index(p.Name); f != nil && p.Unique && f.Unique && takesNull(p, promised, found) {
				p.Constraint, f.Constraint = false, false
				p.Where, f.Where = strings.Join(ownConditions(p), " AND "), strings.Join(ownConditions(f), " AND ")
			}
		}
		for _, p := range promised.Columns {
			if f := found.Column(p.Name); f != nil && parseType(p.Physical).isComputed() {
				f.Nullable = p.Nullable // the server finds out by itself
			}
		}
	}
	return dialect.Comparison{Type: canonicalType}.Compare(promised, found)
}
