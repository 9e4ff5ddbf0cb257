package oldcode

import (
	"context"
	"reflect"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"
)

func list(sch *schema.Schema) reflect.Value {
	return reflect.New(reflect.SliceOf(reflect.PointerTo(sch.ModelType)))
}

// load finds the rows that are there, for what follows to start from.
func (s *session) load(sch *schema.Schema) {
	rows := list(sch)
	if !s.do(label(sch, "load"), func(tx *gorm.DB) (any, error) {
		return rows.Interface(), ordered(tx, sch).Find(rows.Interface()).Error
	}) {
		return
	}
	for i := range rows.Elem().Len() {
		s.rows[sch.ModelType] = append(s.rows[sch.ModelType], rows.Elem().Index(i))
	}
}

// ordered sorts a query by the primary key.
func ordered(tx *gorm.DB, sch *schema.Schema) *gorm.DB {
	for _, f := range sch.PrimaryFields {
		tx = tx.Order(clause.OrderByColumn{Column: clause.Column{Name: f.DBName}})
	}
	return tx
}

// read selects a table's rows in the ways that applications have.
func (s *session) read(sch *schema.Schema) {
	rows := list(sch)
	found := s.do(label(sch, "find"), func(tx *gorm.DB) (any, error) {
		return rows.Interface(), tx.Unscoped().Find(rows.Interface()).Error
	})
	s.do(label(sch, "find live"), func(tx *gorm.DB) (any, error) {
		out := list(sch)
		return out.Interface(), tx.Find(out.Interface()).Error
	})
	s.do(label(sch, "find with relations"), func(tx *gorm.DB) (any, error) {
		out := list(sch)
		return out.Interface(), tx.Preload(clause.Associations).Find(out.Interface()).Error
	})
	s.do(label(sch, "find by fields"), func(tx *gorm.DB) (any, error) {
		out := list(sch)
		return out.Interface(), tx.Session(&gorm.Session{QueryFields: true}).Find(out.Interface()).Error
	})
	s.do(label(sch, "count"), func(tx *gorm.DB) (any, error) {
		var n int64
		return &n, tx.Model(reflect.New(sch.ModelType).Interface()).Count(&n).Error
	})
	s.do(label(sch, "stored"), func(tx *gorm.DB) (any, error) { // what no type of the code gets in the way of
		var out []map[string]any
		return &out, tx.Table(sch.Table).Select(sch.DBNames).Find(&out).Error
	})
	if found {
		s.take(sch, rows.Elem())
	}
}

// take selects by key.
func (s *session) take(sch *schema.Schema, rows reflect.Value) {
	if len(sch.PrimaryFields) == 0 {
		return
	}
	s.do(label(sch, "take by key"), func(tx *gorm.DB) (any, error) {
		var out []any
		for i := range rows.Len() {
			one := reflect.New(sch.ModelType).Interface()
			if err := byKey(tx.Unscoped(), sch, rows.Index(i)).Take(one).Error; err != nil {
				return nil, err
			}
			out = append(out, one)
		}
		return out, nil
	})
}

// byKey asks for one row by its primary key.
func byKey(tx *gorm.DB, sch *schema.Schema, row reflect.Value) *gorm.DB {
	for _, f := range sch.PrimaryFields {
		value, _ := f.ValueOf(context.Background(), row.Elem())
		tx = tx.Where(clause.Eq{Column: clause.Column{Table: clause.CurrentTable, Name: f.DBName}, Value: value})
	}
	return tx
}
