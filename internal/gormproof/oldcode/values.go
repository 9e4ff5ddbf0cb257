package oldcode

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/google/uuid"
	"gorm.io/datatypes"
	"gorm.io/gorm"
	"gorm.io/gorm/schema"
)

// fresh is a pointer to a new row with random values, which no other row of the
// session has where a column is unique.
func (s *session) fresh(sch *schema.Schema, links []link) reflect.Value {
	row := reflect.New(sch.ModelType)
	s.count++
	for _, f := range sch.Fields {
		if f.DBName == "" || !f.Creatable || f.AutoIncrement || s.refers(f, links) {
			continue
		}
		if f.PrimaryKey && f.HasDefaultValue && f.DefaultValueInterface == nil {
			continue // the database numbers it
		}
		if !f.PrimaryKey && !isTime(f) && (f.HasDefaultValue && s.rand.IntN(2) == 0 || s.rand.IntN(10) == 0) {
			continue // its zero value, for which GORM leaves a column with a default out
		}
		s.set(f, row.Elem())
	}
	s.link(row, links)
	return row
}

// isTime tells whether the zero value is the date that MySQL writes as zeros: who
// stores it cannot alter the table in strict mode, whatever the change.
func isTime(f *schema.Field) bool {
	return f.FieldType == reflect.TypeFor[time.Time]() || f.FieldType == reflect.TypeFor[datatypes.Date]()
}

// refers tells whether a field is a foreign key of a table that has rows.
func (s *session) refers(f *schema.Field, links []link) bool {
	return slices.ContainsFunc(links, func(l link) bool { return l.child == f.Schema.ModelType && slices.Contains(l.from, f) })
}

// link points the foreign keys of a row to rows that are there.
func (s *session) link(row reflect.Value, links []link) {
	for _, l := range links {
		parents := s.rows[l.parent]
		if l.child != row.Type().Elem() || len(parents) == 0 || l.parent == l.child && s.rand.IntN(2) == 0 {
			continue
		}
		parent := parents[s.rand.IntN(len(parents))]
		for i := range l.from {
			value, _ := l.to[i].ValueOf(context.Background(), parent.Elem())
			_ = l.from[i].Set(context.Background(), row.Elem(), value)
		}
	}
}

// set gives a field a random value.
func (s *session) set(f *schema.Field, row reflect.Value) {
	v := f.ReflectValueOf(context.Background(), row)
	if v.Kind() == reflect.Pointer {
		if !f.NotNull && s.rand.IntN(4) == 0 {
			return
		}
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	s.value(v)
}

func (s *session) value(v reflect.Value) {
	n := s.count
	at := time.Date(2001, 1, 1+n, 0, 0, s.rand.IntN(86400), 0, time.UTC)
	switch p := v.Addr().Interface().(type) {
	case *time.Time:
		*p = at
	case *sql.NullTime:
		*p = sql.NullTime{Time: at, Valid: s.rand.IntN(4) > 0}
	case *gorm.DeletedAt: // who writes it deletes the row
	case *datatypes.Date:
		*p = datatypes.Date(at)
	case *uuid.UUID:
		*p = uuid.NewSHA1(uuid.NameSpaceOID, fmt.Append(nil, s.rand.Uint32(), n))
	case *json.RawMessage:
		*p = fmt.Appendf(nil, `{"a":%d}`, n)
	case sql.Scanner:
		s.scan(p)
	default:
		s.plain(v)
	}
}

// scan offers a type that reads itself one value after another.
func (s *session) scan(p sql.Scanner) {
	if s.rand.IntN(5) == 0 {
		return
	}
	for _, offer := range []any{int64(s.count), true, fmt.Appendf(nil, `{"a":%d}`, s.count), []byte(`[1,2]`), "text"} {
		if p.Scan(offer) == nil {
			return
		}
	}
}

func (s *session) plain(v reflect.Value) {
	n := s.count
	switch kind := v.Kind(); {
	case kind == reflect.Bool:
		v.SetBool(s.rand.IntN(2) == 0)
	case v.CanInt():
		v.SetInt(int64(n))
	case v.CanUint():
		v.SetUint(uint64(n)) //nolint:gosec // counts up from one
	case v.CanFloat():
		v.SetFloat(float64(n) + float64(s.rand.IntN(4))/4)
	case kind == reflect.String:
		v.SetString(fmt.Sprintf("%c%d", "abcdefghijklmnopqrstuvwxyz"[s.rand.IntN(26)], n))
	case kind == reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes(fmt.Append(nil, n))
			return
		}
		item := reflect.New(v.Type().Elem()).Elem()
		s.value(item)
		v.Set(reflect.Append(v, item))
	case kind == reflect.Struct:
		for i := range v.NumField() {
			s.value(v.Field(i))
		}
	case kind == reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
	}
}
