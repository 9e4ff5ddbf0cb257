package mssql

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"ariga.io/atlas/sql/schema"
)

// The parts of a columnstore index have no order. The comment of a constraint
// is on the constraint, that of an index on the index.
const indexesQuery = `
SELECT t.name, i.name, i.is_unique, i.is_primary_key, i.is_unique_constraint, i.type_desc, COALESCE(i.filter_definition, ''),
  COALESCE(CAST(ip.value AS nvarchar(3750)), CAST(kp.value AS nvarchar(3750)), ''), c.name, ic.is_descending_key,
  i.is_disabled, i.ignore_dup_key, CASE WHEN EXISTS (SELECT 1 FROM sys.index_columns AS n
    WHERE n.object_id = i.object_id AND n.index_id = i.index_id AND n.is_included_column = 1 AND i.type IN (1, 2)) THEN 1 ELSE 0 END
FROM sys.tables AS t
JOIN sys.schemas AS s ON s.schema_id = t.schema_id
JOIN sys.indexes AS i ON i.object_id = t.object_id AND i.type > 0 AND i.is_hypothetical = 0 AND (i.is_disabled = 0 OR i.is_primary_key = 0)
JOIN sys.index_columns AS ic ON ic.object_id = i.object_id AND ic.index_id = i.index_id AND (ic.key_ordinal > 0 OR i.type IN (5, 6))
JOIN sys.columns AS c ON c.object_id = ic.object_id AND c.column_id = ic.column_id
LEFT JOIN sys.key_constraints AS k ON k.parent_object_id = t.object_id AND k.unique_index_id = i.index_id AND k.type = 'UQ'
LEFT JOIN sys.extended_properties AS ip ON ip.class = 7 AND ip.major_id = i.object_id AND ip.minor_id = i.index_id AND ip.name = 'MS_Description'
LEFT JOIN sys.extended_properties AS kp ON kp.class = 1 AND kp.major_id = k.object_id AND kp.minor_id = 0 AND kp.name = 'MS_Description'
WHERE %s
ORDER BY t.name, i.name, ic.key_ordinal, ic.index_column_id`

func (i *inspection) indexes(ctx context.Context) error {
	return i.each(ctx, indexesQuery, func(rows *sql.Rows) error {
		var table, method, filter, comment, column string
		var unique, primary, constraint, desc, disabled, ignores, includes bool
		x := &schema.Index{}
		if err := rows.Scan(&table, &x.Name, &unique, &primary, &constraint, &method, &filter, &comment, &column, &desc, &disabled, &ignores, &includes); err != nil {
			return err
		}
		t := i.tables[table]
		if t == nil {
			return nil
		}
		c, _ := t.Column(column)
		part := &schema.IndexPart{C: c, Desc: desc}
		if primary {
			if t.PrimaryKey == nil {
				x.Unique = true
				t.SetPrimaryKey(x)
			}
			t.PrimaryKey.AddParts(part)
			return nil
		}
		if last := len(t.Indexes) - 1; last >= 0 && t.Indexes[last].Name == x.Name {
			t.Indexes[last].AddParts(part)
			return nil
		}
		x.Unique = unique
		if constraint {
			x.AddAttrs(&Unique{})
		}
		if method != "NONCLUSTERED" {
			x.AddAttrs(&Method{T: strings.ToLower(method)})
		}
		if filter != "" {
			x.AddAttrs(&Filter{P: filter})
		}
		if comment != "" {
			x.AddAttrs(&schema.Comment{Text: comment})
		}
		var said []string
		for text, is := range map[string]bool{"disabled": disabled, "ignoring duplicates": ignores, "with more columns": includes} {
			if is {
				said = append(said, text)
			}
		}
		slices.Sort(said)
		x.AddAttrs(deviations(said...)...)
		x.AddParts(part)
		t.AddIndexes(x)
		return nil
	})
}

const foreignKeysQuery = `
SELECT t.name, k.name, CASE WHEN r.schema_id = t.schema_id THEN '' ELSE rs.name END, r.name,
  k.delete_referential_action, k.update_referential_action, c.name, rc.name, k.is_disabled, k.is_not_trusted, k.is_not_for_replication
FROM sys.tables AS t
JOIN sys.schemas AS s ON s.schema_id = t.schema_id
JOIN sys.foreign_keys AS k ON k.parent_object_id = t.object_id
JOIN sys.foreign_key_columns AS kc ON kc.constraint_object_id = k.object_id
JOIN sys.columns AS c ON c.object_id = kc.parent_object_id AND c.column_id = kc.parent_column_id
JOIN sys.tables AS r ON r.object_id = k.referenced_object_id
JOIN sys.schemas AS rs ON rs.schema_id = r.schema_id
JOIN sys.columns AS rc ON rc.object_id = kc.referenced_object_id AND rc.column_id = kc.referenced_column_id
WHERE %s
ORDER BY t.name, k.name, kc.constraint_column_id`

func (i *inspection) foreignKeys(ctx context.Context) error {
	return i.each(ctx, foreignKeysQuery, func(rows *sql.Rows) error {
		var table, refSchema, column, refColumn string
		var onDelete, onUpdate int
		var state constraintState
		f, ref := &schema.ForeignKey{}, &schema.Table{}
		if err := rows.Scan(&table, &f.Symbol, &refSchema, &ref.Name, &onDelete, &onUpdate, &column, &refColumn,
			&state.disabled, &state.untrusted, &state.notForReplication); err != nil {
			return err
		}
		t := i.tables[table]
		if t == nil {
			return nil
		}
		if last := len(t.ForeignKeys) - 1; last >= 0 && t.ForeignKeys[last].Symbol == f.Symbol {
			f = t.ForeignKeys[last]
		} else {
			if refSchema != "" { // somebody else's
				ref.Schema = &schema.Schema{Name: refSchema}
			}
			f.RefTable, f.OnDelete, f.OnUpdate = ref, action(onDelete), action(onUpdate)
			f.AddAttrs(state.attrs()...)
			t.AddForeignKeys(f)
		}
		c, _ := t.Column(column)
		f.Columns = append(f.Columns, c)
		f.RefColumns = append(f.RefColumns, schema.NewColumn(refColumn))
		return nil
	})
}

// action reads sys.foreign_keys.delete_referential_action and its like.
func action(code int) schema.ReferenceOption {
	switch code {
	case 1:
		return schema.Cascade
	case 2:
		return schema.SetNull
	case 3:
		return schema.SetDefault
	}
	return schema.NoAction
}
