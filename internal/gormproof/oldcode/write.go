package oldcode

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"
)

// create inserts one row.
func (s *session) create(sch *schema.Schema, links []link) {
	row := s.fresh(sch, links)
	if s.do(label(sch, fmt.Sprintf("create %d", s.count)), func(tx *gorm.DB) (any, error) {
		return row.Interface(), tx.Create(row.Interface()).Error
	}) {
		s.rows[sch.ModelType] = append(s.rows[sch.ModelType], row)
	}
}

// write changes a table's rows in the ways that applications have.
func (s *session) write(sch *schema.Schema, links []link) {
	s.create(sch, links)
	s.create(sch, links)
	batch := list(sch)
	for range 2 {
		batch.Elem().Set(reflect.Append(batch.Elem(), s.fresh(sch, links)))
	}
	s.do(label(sch, "create a batch"), func(tx *gorm.DB) (any, error) {
		return batch.Interface(), tx.Create(batch.Interface()).Error
	})
	s.leaveOut(sch, links)
	rows := s.rows[sch.ModelType]
	if len(sch.PrimaryFields) == 0 || len(rows) == 0 {
		return
	}
	s.update(sch, rows[0], links)
	s.save(sch, rows[len(rows)-1])
	s.upsert(sch, rows[0])
	s.join(sch, rows[0])
}

// leaveOut inserts rows without the columns that have a default: one by one, and all
// of them at once. What the database puts there is what the code was compiled with,
// and reads back. Columns without a default are GORM's to fill; who leaves those out
// by hand is not held to anything where a default is new.
func (s *session) leaveOut(sch *schema.Schema, links []link) {
	var names []string
	for _, f := range sch.Fields {
		if f.DBName != "" && f.Creatable && f.HasDefaultValue && !f.PrimaryKey && !f.AutoIncrement && !s.refers(f, links) {
			names = append(names, f.DBName)
		}
	}
	if len(names) == 0 {
		return
	}
	sets := [][]string{names}
	if len(names) > 1 {
		for _, name := range names {
			sets = append(sets, []string{name})
		}
	}
	for _, left := range sets {
		row := s.fresh(sch, links)
		s.do(label(sch, "create without "+strings.Join(left, ",")), func(tx *gorm.DB) (any, error) {
			if err := tx.Omit(left...).Create(row.Interface()).Error; err != nil || len(sch.PrimaryFields) == 0 {
				return nil, err
			}
			stored := reflect.New(sch.ModelType).Interface()
			return stored, byKey(tx, sch, row).Take(stored).Error
		})
	}
}

// update sets single columns, each by itself, and then several at once.
func (s *session) update(sch *schema.Schema, row reflect.Value, links []link) {
	s.count++
	next := reflect.New(sch.ModelType)
	next.Elem().Set(row.Elem())
	var names []string
	for _, f := range sch.Fields {
		if f.DBName == "" || !f.Updatable || f.PrimaryKey || s.refers(f, links) {
			continue
		}
		s.set(f, next.Elem())
		value := f.ReflectValueOf(s.db.Statement.Context, next.Elem()).Interface()
		s.do(label(sch, "update "+f.Name), func(tx *gorm.DB) (any, error) {
			done := byKey(tx.Model(reflect.New(sch.ModelType).Interface()), sch, row).Update(f.DBName, value)
			return done.RowsAffected, done.Error
		})
		names = append(names, f.Name)
	}
	if len(names) > 0 {
		s.do(label(sch, "update several"), func(tx *gorm.DB) (any, error) {
			done := tx.Model(next.Interface()).Select(names).Updates(next.Interface())
			return done.RowsAffected, done.Error
		})
	}
}

// save writes a whole struct again, with other values where no key is.
func (s *session) save(sch *schema.Schema, row reflect.Value) {
	s.count++
	for _, f := range sch.Fields {
		if f.DBName != "" && f.Updatable && !f.PrimaryKey && !f.Unique && f.UniqueIndex == "" && f.FieldType.Kind() == reflect.String && s.rand.IntN(2) == 0 {
			s.set(f, row.Elem())
		}
	}
	s.do(label(sch, "save"), func(tx *gorm.DB) (any, error) {
		return row.Interface(), tx.Omit(clause.Associations).Save(row.Interface()).Error
	})
}

// upsert inserts a row that is there, by its key and by every unique index.
func (s *session) upsert(sch *schema.Schema, row reflect.Value) {
	s.do(label(sch, "upsert"), func(tx *gorm.DB) (any, error) {
		return nil, tx.Omit(clause.Associations).Clauses(clause.OnConflict{UpdateAll: true}).Create(row.Interface()).Error
	})
	s.do(label(sch, "insert or ignore"), func(tx *gorm.DB) (any, error) {
		return nil, tx.Omit(clause.Associations).Clauses(clause.OnConflict{DoNothing: true}).Create(row.Interface()).Error
	})
	for _, index := range uniques(sch) {
		s.do(label(sch, "upsert by "+strings.Join(index, ",")), func(tx *gorm.DB) (any, error) {
			conflict := clause.OnConflict{DoUpdates: clause.AssignmentColumns(index)}
			for _, name := range index {
				conflict.Columns = append(conflict.Columns, clause.Column{Name: name})
			}
			return nil, tx.Omit(clause.Associations).Clauses(conflict).Create(row.Interface()).Error
		})
	}
}

// uniques are the columns of each unique index, in the order of their names.
func uniques(sch *schema.Schema) [][]string {
	var out [][]string
	for _, index := range sch.ParseIndexes() {
		if index.Class != "UNIQUE" {
			continue
		}
		var names []string
		for _, f := range index.Fields {
			names = append(names, f.DBName)
		}
		out = append(out, names)
	}
	for _, f := range sch.Fields {
		if f.Unique {
			out = append(out, []string{f.DBName})
		}
	}
	slices.SortFunc(out, slices.Compare[[]string])
	return out
}

// join ties a row to one of each table that a join table leads to.
func (s *session) join(sch *schema.Schema, row reflect.Value) {
	for _, rel := range sch.Relationships.Many2Many {
		peers := s.rows[rel.FieldSchema.ModelType]
		if len(peers) == 0 {
			continue
		}
		one := reflect.New(sch.ModelType)
		one.Elem().Set(row.Elem())
		s.do(label(sch, "join "+rel.Name), func(tx *gorm.DB) (any, error) {
			return nil, tx.Model(one.Interface()).Omit(rel.Name + ".*").Association(rel.Name).Append(peers[0].Interface())
		})
	}
}

// remove deletes one row as the model would have it, and one for good.
func (s *session) remove(sch *schema.Schema) {
	rows := s.rows[sch.ModelType]
	if len(rows) < 3 || len(sch.PrimaryFields) == 0 {
		return
	}
	for i, name := range []string{"delete", "delete for good"} {
		s.do(label(sch, name), func(tx *gorm.DB) (any, error) {
			if i == 1 {
				tx = tx.Unscoped()
			}
			done := byKey(tx, sch, rows[i+1]).Delete(reflect.New(sch.ModelType).Interface())
			return done.RowsAffected, done.Error
		})
	}
}
