package main

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"
)

type part struct {
	ID      uint
	WholeID uint `gorm:"uniqueIndex:idx_parts_place"`
	Place   *int `gorm:"uniqueIndex:idx_parts_place"` // NULL is no place
}

type marked struct {
	gorm.Model
	WholeID uint   `gorm:"uniqueIndex:idx_marked_name"`
	Name    string `gorm:"uniqueIndex:idx_marked_name"`
}

type level string

type whole struct {
	ID      uint
	Name    string
	Level   level
	Seen    *time.Time
	Data    []byte
	Parts   []part
	Marked  []marked
	Parents []whole `gorm:"many2many:parents"`
}

type pair struct {
	A int `gorm:"primaryKey"`
	B int `gorm:"primaryKey"`
}

// TestRefusals: what cannot be generated is said, with what to do.
func TestRefusals(t *testing.T) {
	for want, a := range map[string]Aggregate{
		"pair needs a key of one column":                                                       {Root: pair{}},
		"whole has no column Nam, only ID, Name, Level":                                        {Root: whole{}, Name: "Nam"},
		"whole.ID is no string to rename":                                                      {Root: whole{}, Name: "ID"},
		"whole.Seen cannot be sorted by: it may be NULL":                                       {Root: whole{}, Order: []string{"Seen"}},
		"whole.Data cannot be filtered by":                                                     {Root: whole{}, Filter: []string{"Data"}},
		"whole has no child Things":                                                            {Root: whole{}, Filter: []string{"Things.Name"}},
		"whole.Parents is no has-many relation by one column":                                  {Root: whole{}, Children: []string{"Parents"}},
		"nothing tells the children of one whole apart; give part a unique index over WholeID": {Root: whole{}, Children: []string{"Parts"}},
		"whole.Marked: a child that is only marked as deleted":                                 {Root: whole{}, Children: []string{"Marked"}},
	} {
		if _, err := describe(a); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error that says %q, got %v", want, err)
		}
	}
}

// TestTypes: a type of the module's own is compared, and shown, as what it is.
func TestTypes(t *testing.T) {
	e, err := describe(Aggregate{Root: whole{}, Filter: []string{"Level", "Seen"}, Order: []string{"Level"}})
	if err != nil {
		t.Fatal(err)
	}
	level, seen := e.Filter[0], e.Filter[1]
	for got, want := range map[string]string{
		level.Eq("t", "v"):       "t.Level.Eq(string(v))",
		level.APIType():          "string",
		level.ToAPI("row"):       "string(row.Level)",
		level.FromAPI("in"):      "main.level(in.Level)",
		seen.Eq("t", "v"):        "t.Seen.Eq(v.UTC())",
		seen.APIType():           "*time.Time",
		seen.UpdateFromAPI("in"): "unlessNil(in.Seen)",
		e.A():                    "a whole",
		lowerFirst("HTTPRoute"):  "httpRoute",
		snake("ListenAddress"):   "listen_address",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if got := importsOf([]*Entity{e}); !reflect.DeepEqual(got, []string{e.Type.PkgPath()}) {
		t.Errorf("imports %v", got)
	}
}
