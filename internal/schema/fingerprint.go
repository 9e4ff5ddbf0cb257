package schema

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"maps"
	"slices"
	"strings"
)

// Fingerprint identifies what a schema is, as "s1:" and 32 hex digits. The
// order of tables, columns, indexes and constraints does not count, nor does
// provenance: only what a database could tell apart, and the neutral types.
func (s *Schema) Fingerprint() string {
	h := sha256.New()
	w := writer{h: h}
	w.text("lockstep schema", s.Engine)
	w.number(s.Mapping)
	for _, t := range sorted(s.Tables, func(t *Table) string { return t.Name }) {
		w.table(t)
	}
	return "s1:" + hex.EncodeToString(h.Sum(nil)[:16])
}

// Equal tells whether two tables have the same fingerprint.
func (t *Table) Equal(o *Table) bool {
	return t.sum() == o.sum()
}

func (t *Table) sum() [sha256.Size]byte {
	h := sha256.New()
	w := writer{h: h}
	w.table(t)
	return [sha256.Size]byte(h.Sum(nil))
}

// writer feeds a hash unambiguously: every text with its length in front.
type writer struct {
	h   hash.Hash
	buf []byte
}

func (w *writer) text(values ...string) {
	for _, v := range values {
		w.buf = binary.AppendUvarint(w.buf[:0], uint64(len(v)))
		w.buf = append(w.buf, v...)
		w.h.Write(w.buf)
	}
}

func (w *writer) number(values ...int) {
	w.buf = w.buf[:0]
	for _, v := range values {
		w.buf = binary.AppendVarint(w.buf, int64(v))
	}
	w.h.Write(w.buf)
}

func (w *writer) flags(values ...bool) {
	w.buf = w.buf[:0]
	for _, v := range values {
		if v {
			w.buf = append(w.buf, 1)
		} else {
			w.buf = append(w.buf, 0)
		}
	}
	w.h.Write(w.buf)
}

func (w *writer) list(values []string) {
	w.number(len(values))
	w.text(values...)
}

func (w *writer) table(t *Table) {
	w.text("table", t.Name, t.Comment)
	w.list(t.PrimaryKey)
	w.number(len(t.Columns), len(t.Indexes), len(t.ForeignKeys), len(t.Checks))
	for _, c := range sorted(t.Columns, func(c *Column) string { return c.Name }) {
		w.column(c)
	}
	for _, x := range sorted(t.Indexes, func(x *Index) string { return x.Name }) {
		w.index(x)
	}
	for _, f := range sorted(t.ForeignKeys, func(f *ForeignKey) string { return f.Name }) {
		w.text(f.Name, f.RefTable, string(f.OnDelete), string(f.OnUpdate))
		w.list(f.Columns)
		w.list(f.RefColumns)
		w.deviation(f.Deviation)
	}
	for _, k := range sorted(t.Checks, func(k *Check) string { return k.Name }) {
		w.text(k.Name, k.Expr)
		w.deviation(k.Deviation)
	}
}

func (w *writer) column(c *Column) {
	w.text(c.Name, c.Physical, c.Comment)
	w.flags(c.Nullable, c.AutoIncrement, c.Default != nil)
	if c.Default != nil {
		w.text(c.Default.Value)
		w.flags(c.Default.Expr)
		if len(c.Default.Engine) > 0 { // no kind of type is called so: nothing else looks like it
			w.text("default by engine")
			w.number(len(c.Default.Engine))
			for _, e := range slices.Sorted(maps.Keys(c.Default.Engine)) {
				w.text(e, c.Default.Engine[e])
			}
		}
	}
	ty := c.Type
	w.text(string(ty.Kind), ty.Raw)
	w.number(ty.Bits, ty.Size, ty.Precision, ty.Scale, len(ty.Engine))
	if len(ty.Engine) > 0 {
		for _, e := range slices.Sorted(maps.Keys(ty.Engine)) {
			w.text(e, ty.Engine[e])
		}
	}
}

func (w *writer) index(x *Index) {
	w.text(x.Name, x.Where, x.Method, x.Comment)
	w.flags(x.Unique, x.Constraint)
	w.deviation(x.Deviation)
	w.number(len(x.Parts))
	for _, p := range x.Parts {
		w.text(p.Column, p.Expr, p.Collate)
		w.flags(p.Desc)
		w.number(p.Length)
	}
}

// deviation leaves the fingerprints of what has none as they are.
func (w *writer) deviation(s string) {
	if s != "" {
		w.text("deviation", s)
	}
}

func sorted[T any](in []*T, name func(*T) string) []*T {
	if slices.IsSortedFunc(in, func(a, b *T) int { return strings.Compare(name(a), name(b)) }) {
		return in
	}
	out := slices.Clone(in)
	slices.SortStableFunc(out, func(a, b *T) int { return strings.Compare(name(a), name(b)) })
	return out
}
