package agree

import (
	"bytes"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"strconv"
	"time"
)

// Conditions has Valuers whose zero value takes a way through conditions.
type Conditions struct {
	ID     uint
	And    And
	Or     Or
	Length Length
	Array  Array
	Ptr    Ptr
	Switch Switch
	Tagged Tagged
	Loop   Loop
	Local  Local
	Zero   Zero
	Block  Block
	Mut    Mut
	ErrVar ErrVar
	Typed  Typed
	Call   Call
	Text   Text
	Nested Nested
	Buffer Buffer
	Same   Same
	Not    Not
	Helper Helper
	Gives  Gives
}

// Helper has a function do the work.
type Helper struct{ M map[string]int }

// Value gives a string.
func (h Helper) Value() (driver.Value, error) { return asJSON(h.M, h.M == nil) }

func asJSON(v any, empty bool) (driver.Value, error) {
	if empty {
		return "{}", nil
	}
	b, err := json.Marshal(v)
	return string(b), err
}

// Gives has a function say its type.
type Gives struct{ X int }

// GormDataType asks a function.
func (Gives) GormDataType() string { return wide() }

func wide() string {
	const size = "64"
	if len(size) == 0 {
		return "none"
	}
	return "varchar(" + size + ")"
}

// And is decided by a conjunction.
type And struct {
	N    int
	S    string
	Okay bool
}

// Value gives bytes.
func (a And) Value() (driver.Value, error) {
	if a.N > 0 && a.S != "" || a.Okay {
		return "x", nil
	}
	return []byte{}, nil
}

// Or is decided by a disjunction.
type Or struct {
	N float64
	P *int
}

// Value gives a time.
func (o *Or) Value() (driver.Value, error) {
	if o == nil || o.P != nil || 1.5 <= o.N {
		return nil, nil
	} else if o.N == 0 {
		return time.Time{}, nil
	}
	return 1.5, nil
}

// Length is decided by a length.
type Length []string

// Value gives an int64.
func (l Length) Value() (driver.Value, error) {
	if len(l) > 0 {
		return json.Marshal(l)
	}
	return int64(len(l)), nil
}

// Array has a length that is never zero.
type Array [3]byte

// Value gives a string.
func (a Array) Value() (driver.Value, error) {
	if len(a) == 0 {
		return int64(0), nil
	}
	return string(a[:]), nil
}

// Ptr has its method on the pointer.
type Ptr struct{ N sqlN }

type sqlN struct{ Valid bool }

// Value gives a bool.
func (p *Ptr) Value() (driver.Value, error) {
	if p.N.Valid {
		return int64(1), nil
	}
	return p.N.Valid, nil
}

// Switch is decided by a switch with a tag.
type Switch int

// Value gives a string.
func (s Switch) Value() (driver.Value, error) {
	switch s {
	case 1, 2:
		return int64(s), nil
	case 0:
		return strconv.Itoa(int(s)), nil
	default:
		return nil, errors.New("unknown")
	}
}

// Tagged is decided by a switch without one.
type Tagged string

// Value gives a float.
func (t Tagged) Value() (driver.Value, error) {
	switch {
	case t != "":
		return string(t), nil
	}
	return 0.5, nil
}

// Loop ranges over nothing.
type Loop []int

// Value gives bytes.
func (l Loop) Value() (driver.Value, error) {
	for _, n := range l {
		return int64(n), nil
	}
	return []byte("{}"), nil
}

// Local keeps its value in a variable.
type Local struct{ M map[string]int }

// Value gives a string.
func (l Local) Value() (driver.Value, error) {
	var out driver.Value
	b, err := json.Marshal(l.M)
	if err != nil {
		return nil, err
	}
	text := string(b)
	out = text
	return out, nil
}

// Zero asks a time whether it is zero.
type Zero struct{ T time.Time }

// Value gives a string.
func (z Zero) Value() (driver.Value, error) {
	if z.T.IsZero() {
		return "never", nil
	}
	return z.T, nil
}

// Block has blocks and declarations.
type Block struct{ A, B uint8 }

// Value gives an int64.
func (b Block) Value() (driver.Value, error) {
	var none Block
	{
		if b == none {
			_ = none
		}
	}
	var n int64
	if n == 0 {
		return n, nil
	}
	return "", nil
}

// Mut changes its receiver first.
type Mut struct {
	Valid bool
	S     string
}

// Value gives a string; that the receiver was zero is no longer known.
func (m Mut) Value() (driver.Value, error) {
	m.Valid = true
	if !m.Valid {
		return "", nil
	}
	return m.S, nil
}

// ErrVar answers an error of the package.
type ErrVar string

var errNone = errors.New("none")

// Value refuses.
func (e ErrVar) Value() (driver.Value, error) {
	if e == "" {
		return int64(1), errNone
	}
	return int64(1), nil
}

// Typed converts to interface types.
type Typed struct{ N int }

// Value gives an int64.
func (t Typed) Value() (driver.Value, error) { return driver.Value(any(int64(t.N))), nil }

// Call hands on to its only field.
type Call struct{ In MaybeInt }

// Value gives null.
func (c Call) Value() (driver.Value, error) { return c.In.Value() }

// Text marshals itself.
type Text struct{ s string }

// MarshalText gives bytes.
func (t Text) MarshalText() ([]byte, error) { return []byte(t.s), nil }

// Value gives bytes.
func (t Text) Value() (driver.Value, error) { return t.MarshalText() }

// Nested is null, and its first field is a struct.
type Nested struct {
	Inner struct {
		Deep struct{ At *time.Time }
	}
	Valid bool
}

// Value gives null.
func (n Nested) Value() (driver.Value, error) { return nil, nil }

// Buffer writes somewhere else.
type Buffer struct{ N int }

// Value gives bytes.
func (b Buffer) Value() (driver.Value, error) {
	buf := new(bytes.Buffer)
	if err := json.NewEncoder(buf).Encode(b); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// Same gives the same kind whatever happens.
type Same struct{ N int }

// Value gives a string.
func (s Same) Value() (driver.Value, error) {
	if time.Now().IsZero() {
		return strconv.Itoa(s.N), nil
	}
	return Tagged("x").name(), nil
}

func (t Tagged) name() string { return string(t) }

// Not is decided by a negation of a comparison.
type Not struct{ E error }

// Value gives a bool.
func (n Not) Value() (driver.Value, error) {
	if !(n.E == nil) {
		return int64(1), nil
	}
	return true, nil
}
