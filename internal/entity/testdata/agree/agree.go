// Package agree holds structs that the agreement test gives both to GORM, by
// reflection, and to the static reader, as source.
package agree

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"
	"gorm.io/gorm/schema"
)

// Kinds has every Go kind, plain and pointer, with the tags that bear on it.
type Kinds struct {
	ID       uint
	B        bool
	BP       *bool  `gorm:"not null"`
	I        int    `gorm:"default:-7"`
	I8       int8   `gorm:"default:0x10"`
	I16      int16  `gorm:"size:8"`
	I32      *int32 `gorm:"size:24"`
	I64      **int64
	U        uint
	U8       uint8
	U16      uint16
	U32      uint32
	U64      uint64  `gorm:"default:18446744073709551615"`
	F32      float32 `gorm:"default:1.50"`
	F64      float64 `gorm:"precision:10;scale:2"`
	Money    float64 `gorm:"type:decimal(12,4);default:0"`
	S        string
	SN       string `gorm:"size:40;not null;default:'it''s'"`
	SE       string `gorm:"default:''"`
	SFn      string `gorm:"default:gen_random_uuid()"`
	SNull    string `gorm:"default:null"`
	SNone    string `gorm:"default:(-)"`
	T        time.Time
	TP       *time.Time `gorm:"precision:6;default:CURRENT_TIMESTAMP"`
	TFn      time.Time  `gorm:"default:now()"`
	Data     []byte     `gorm:"size:100"`
	Raw      json.RawMessage
	Dur      time.Duration
	Fixed    [4]byte
	Abstract string         `gorm:"type:INT"`
	AsText   int            `gorm:"type:string"`
	JSONB    map[string]any `gorm:"type:jsonb;default:'{}'"`
	Tags     []string       `gorm:"serializer:json"`
	Ser      Pair           `gorm:"serializer:gob"`
	SerInt   int64          `gorm:"serializer:unixtime;type:time"`
	JSONTag  Pair           `gorm:"json"`
	UpperID  string         `gorm:"column:UPPER_id;comment:an id; unique"`
	HTTPUrl  string
	Dash     string `gorm:"-"`
	DashAll  Pair   `gorm:"-:all"`
	NoMig    string `gorm:"-:migration"`
	ReadOnly string `gorm:"->"`
	Hidden   string `gorm:"->:false;<-:create"`
	hidden   string
}

// Pair is neither a Valuer nor an entity.
type Pair struct{ A, B int }

// Status is a string by another name.
type Status string

// Level is a Valuer that changes the kind.
type Level int

// Value gives a string.
func (l Level) Value() (driver.Value, error) { return l.String(), nil }

// String names the level.
func (l Level) String() string { return fmt.Sprint(int(l)) }

// Names is a Valuer over a slice.
type Names []string

// Value joins the names.
func (n Names) Value() (driver.Value, error) {
	if n == nil {
		return "", nil
	}
	return strings.Join(n, ","), nil
}

// Doc is a Valuer over a struct.
type Doc struct {
	Title string `json:"title"`
}

// Value gives JSON.
func (d Doc) Value() (driver.Value, error) {
	b, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	return string(b), nil
}

// Blob gives bytes out of a call with two results.
type Blob struct{ M map[string]int }

// Value gives JSON.
func (b *Blob) Value() (driver.Value, error) {
	if b == nil {
		return nil, nil
	}
	return json.Marshal(b.M)
}

// MaybeInt is null for the zero value: its first field decides, tags and all.
type MaybeInt struct {
	N     int32 `gorm:"not null;comment:inner"`
	Valid bool
}

// Value gives null for the zero value.
func (m MaybeInt) Value() (driver.Value, error) {
	if !m.Valid {
		return nil, nil
	}
	return int64(m.N), nil
}

// Color refuses its zero value: its own kind decides.
type Color string

// Value checks the color.
func (c Color) Value() (driver.Value, error) {
	switch c {
	case "red", "blue":
		return int64(1), nil
	}
	return nil, errors.New("no such color")
}

// Wrapped hands on to a type of the standard library.
type Wrapped sql.NullInt64

// Value hands on.
func (w Wrapped) Value() (driver.Value, error) { return sql.NullInt64(w).Value() }

// Stamp is a time by another name.
type Stamp time.Time

// Value gives a time.
func (s Stamp) Value() (driver.Value, error) { return time.Time(s), nil }

// Geo says its type itself.
type Geo struct{ X, Y float64 }

// GormDataType gives a raw type.
func (Geo) GormDataType() string { return "geometry" }

// Point says its type itself, and has a Value that is not asked.
type Point struct{ X float64 }

// GormDataType gives an abstract word.
func (*Point) GormDataType() string { return "bytes" }

// Value is not asked.
func (Point) Value() (driver.Value, error) { return "p", nil }

// Secret has a serializer of its own.
type Secret string

// Scan implements GORM's serializer.
func (s *Secret) Scan(_ context.Context, _ *schema.Field, _ reflect.Value, _ any) error { return nil }

// Value implements GORM's serializer.
func (s Secret) Value(_ context.Context, _ *schema.Field, _ reflect.Value, _ any) (any, error) {
	return "", nil
}

// Valuers has a column of every kind of Valuer.
type Valuers struct {
	Key     uuid.UUID `gorm:"primaryKey"`
	Ref     *uuid.UUID
	NullRef uuid.NullUUID
	NS      sql.NullString `gorm:"size:20;default:abc"`
	NI64    sql.NullInt64  `gorm:"default:3"`
	NI32    sql.NullInt32
	NI16    *sql.NullInt16
	NByte   sql.NullByte
	NF      sql.NullFloat64
	NB      sql.NullBool
	NT      sql.NullTime
	NG      sql.Null[int16]
	NGS     sql.Null[string]
	Del     gorm.DeletedAt `gorm:"index"`
	Status  Status         `gorm:"default:new"`
	Level   Level
	Names   Names
	Doc     Doc
	Blob    Blob
	BlobP   *Blob
	Maybe   MaybeInt
	Color   Color
	Wrapped Wrapped
	Stamp   Stamp
	Geo     Geo
	Point   Point
	Secret  Secret
	sql.NullString
}

// Auto has an autoIncrement that is no key, and keys of two columns.
type Auto struct {
	Region string `gorm:"primaryKey;size:8"`
	Number int64  `gorm:"primaryKey;autoIncrement:false"`
	Serial uint32 `gorm:"autoIncrement;uniqueIndex"`
}

// Composite has a key of two integers, of which one is called ID.
type Composite struct {
	ID     int64 `gorm:"primaryKey"`
	Tenant int64 `gorm:"primaryKey"`
	Name   string
}

// NoKey has no key at all.
type NoKey struct {
	Name string `gorm:"unique"`
}

// StringKey has a key that is no integer.
type StringKey struct {
	ID string `gorm:"size:26"`
}

// Base is embedded.
type Base struct {
	ID      int64
	Created time.Time `gorm:"not null"`
	Note    string    `gorm:"size:10;index"`
}

// Address is embedded with a prefix.
type Address struct {
	ID     uint
	Street string `gorm:"column:str;index"`
	City   string `gorm:"uniqueIndex:,composite:place"`
	Zip    string `gorm:"check:zip <> ''"`
	Geo    struct {
		Lat, Lon float64
	} `gorm:"embedded;embeddedPrefix:geo_"`
}

// Embeds embeds in every way.
type Embeds struct {
	Base
	*Meta
	Home    Address  `gorm:"embedded;embeddedPrefix:home_;not null"`
	Work    *Address `gorm:"embedded;embeddedPrefix:work_"`
	Created string   // shadows Base.Created
	Other   Address  `gorm:"embedded;embeddedPrefix:o_;check:chk_other,o_str <> ''"`
}

// Meta is embedded by pointer.
type Meta struct {
	Version int `gorm:"default:1"`
	Author  string
}

// OwnKey embeds a struct with an ID and has a key of its own.
type OwnKey struct {
	Base `gorm:"embedded"`
	Code string `gorm:"primaryKey;size:5"`
}

// Shadow has its own ID over gorm.Model's.
type Shadow struct {
	gorm.Model
	ID   string `gorm:"primaryKey;size:36"`
	Name string
}

// Indexes has every kind of index.
type Indexes struct {
	gorm.Model
	A string `gorm:"index"`
	B string `gorm:"index:idx_bc,priority:2;uniqueIndex:uq_b,where:b <> 'x',comment:only once"`
	C string `gorm:"index:idx_bc,priority:1,sort:desc,collate:C,length:12"`
	D string `gorm:"index:,class:FULLTEXT;index:,composite:pair"`
	E string `gorm:"index:,composite:pair,unique"`
	F string `gorm:"index:idx_expr,expression:lower(f),type:btree"`
	G string `gorm:"unique;check:g <> ''"`
	H string `gorm:"check:named_check,length(h) > 3;uniqueIndex"`
	I string `gorm:"check:,i <> 'a,b'"`
	J string `gorm:"index:idx_gin,type:gin,option:CONCURRENTLY"`
}
