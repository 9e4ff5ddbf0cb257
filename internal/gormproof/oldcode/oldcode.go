// Package oldcode is the code that is deployed while a tenant is upgraded: it
// was compiled against structs that the new version has moved on from, and goes
// on reading and writing through GORM. Generated programs use it, so it knows
// nothing of lockstep; what it does follows from a seed alone.
//
// values.go fills structs, order.go puts parents before children, read.go and
// write.go are what an application does with them.
package oldcode

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"reflect"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/gorm/schema"

	"github.com/lockstepdb/lockstep/internal/gormproof/automigrate"
)

// Phase is a part of what old code does.
type Phase string

// The phases.
const (
	Fill  Phase = "fill"  // inserts rows
	Read  Phase = "read"  // selects, in every way
	Write Phase = "write" // inserts, updates, saves, upserts, joins and deletes
)

// Request tells a program what to do.
type Request struct {
	Target string
	Phase  Phase
	Seed   uint64
	Groups []string
	// Undo are the operations that are undone when they succeed, by group: they
	// failed elsewhere, and what follows shall start from the same rows.
	Undo map[string][]string
}

// Outcome is what came of one operation.
type Outcome struct {
	Op     string
	Error  string // "" when it worked
	Result string // what it brought, as JSON
}

// Serve carries out the request on in for the models of each group, and writes
// the outcomes of each group to out.
func Serve(in io.Reader, out io.Writer, groups map[string][]any) error {
	var req Request
	if err := json.NewDecoder(in).Decode(&req); err != nil {
		return err
	}
	db, err := automigrate.Open(req.Target, automigrate.Options{})
	if err != nil {
		return err
	}
	db.Logger = logger.Discard
	db.NowFunc = func() time.Time { return time.Date(2020, 2, 3, 4, 5, 6, 0, time.UTC) }
	answer := map[string][]Outcome{}
	for _, name := range req.Groups {
		s := &session{
			db: db, rand: rand.New(rand.NewPCG(req.Seed, uint64(len(req.Phase)))), //nolint:gosec // repeatable on purpose
			undo: req.Undo[name], rows: map[reflect.Type][]reflect.Value{}, count: 1,
		}
		if req.Phase != Fill {
			s.count = 20 // values that the rows of the first phase do not have
		}
		if err := s.run(req.Phase, groups[name]); err != nil {
			s.outcomes = append(s.outcomes, Outcome{Op: "parse", Error: err.Error()})
		}
		answer[name] = s.outcomes
	}
	if pool, err := db.DB(); err == nil {
		_ = pool.Close()
	}
	return json.NewEncoder(out).Encode(answer)
}

// session is one phase of one group.
type session struct {
	db       *gorm.DB
	rand     *rand.Rand
	undo     []string
	rows     map[reflect.Type][]reflect.Value // pointers to rows that are there
	count    int
	outcomes []Outcome
}

func (s *session) run(phase Phase, models []any) error {
	schemas, err := parse(s.db, models)
	if err != nil {
		return err
	}
	links := linksOf(schemas)
	schemas = parentsFirst(schemas, links)
	switch phase {
	case Fill:
		for _, sch := range schemas {
			for range 4 {
				s.create(sch, links)
			}
		}
	case Write:
		for _, sch := range schemas {
			s.load(sch)
		}
		for _, sch := range schemas {
			s.write(sch, links)
		}
		for _, sch := range slices.Backward(schemas) {
			s.remove(sch)
		}
	case Read:
		for _, sch := range schemas {
			s.read(sch)
		}
	}
	return nil
}

var errUndo = errors.New("undone")

// do carries out one operation in a transaction of its own, and tells whether
// it worked and stays.
func (s *session) do(op string, work func(tx *gorm.DB) (any, error)) bool {
	undo := slices.Contains(s.undo, op)
	var result any
	err := s.db.Transaction(func(tx *gorm.DB) (err error) {
		if result, err = work(tx); err == nil && undo {
			return errUndo
		}
		return err
	})
	o := Outcome{Op: op}
	if err != nil {
		o.Error = err.Error()
	} else {
		o.Result, err = normal(result)
		if err != nil {
			o.Error = "result: " + err.Error()
		}
	}
	s.outcomes = append(s.outcomes, o)
	return o.Error == ""
}

// normal is a result as JSON in which the order of rows carries no meaning.
func normal(result any) (string, error) {
	text, err := json.Marshal(result)
	if err != nil {
		return "", err
	}
	var tree any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&tree); err != nil {
		return "", err
	}
	sorted, err := sortRows(tree)
	if err != nil {
		return "", err
	}
	text, err = json.Marshal(sorted)
	return string(text), err
}

// sortRows sorts the lists of objects in a tree by their text.
func sortRows(tree any) (any, error) {
	switch v := tree.(type) {
	case map[string]any:
		for k := range v {
			inner, err := sortRows(v[k])
			if err != nil {
				return nil, err
			}
			v[k] = inner
		}
	case []any:
		texts := make([]string, len(v))
		for i := range v {
			inner, err := sortRows(v[i])
			if err != nil {
				return nil, err
			}
			text, err := json.Marshal(inner)
			if err != nil {
				return nil, err
			}
			texts[i] = string(text)
		}
		slices.Sort(texts)
		out := make([]any, len(v))
		for i := range texts {
			out[i] = json.RawMessage(texts[i])
		}
		return out, nil
	}
	return tree, nil
}

// label names an operation on a table.
func label(sch *schema.Schema, op string) string { return sch.Name + " " + op }
