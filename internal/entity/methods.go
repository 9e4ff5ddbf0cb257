package entity

import (
	"errors"
	"go/types"
	"reflect"
)

// maxEmbedding bounds how deep structs may lie in each other.
const maxEmbedding = 20

// maxParts bounds how many structs one is made of.
const maxParts = 1000

// methodOf finds a method of *t by name, promoted ones included.
func (p *pass) methodOf(t types.Type, name string) *types.Func {
	named, ok := types.Unalias(t).(*types.Named)
	if !ok {
		if _, isStruct := t.Underlying().(*types.Struct); !isStruct {
			return nil
		}
	}
	if named != nil {
		if _, isInterface := named.Underlying().(*types.Interface); isInterface {
			return nil // GORM asks a pointer to it, which has no methods
		}
	}
	obj, _, _ := types.LookupFieldOrMethod(t, true, nil, name)
	fn, _ := obj.(*types.Func)
	return fn
}

// isValue says whether fn makes its type a driver.Valuer.
func isValue(fn *types.Func) bool {
	if fn == nil || fn.Signature().Params().Len() != 0 || fn.Signature().Results().Len() != 2 {
		return false
	}
	first, ok := types.Unalias(fn.Signature().Results().At(0).Type()).(*types.Named)
	return ok && first.Obj().Name() == "Value" && first.Obj().Pkg() != nil && first.Obj().Pkg().Path() == "database/sql/driver" &&
		isError(fn.Signature().Results().At(1).Type())
}

// isDataType says whether fn is GORM's GormDataType.
func isDataType(fn *types.Func) bool {
	return fn != nil && fn.Signature().Params().Len() == 0 && isStringResult(fn)
}

// isStringResult says whether fn answers one string.
func isStringResult(fn *types.Func) bool {
	if fn.Signature().Results().Len() != 1 {
		return false
	}
	return types.Identical(fn.Signature().Results().At(0).Type(), types.Typ[types.String])
}

func isError(t types.Type) bool {
	return types.Identical(t, types.Universe.Lookup("error").Type())
}

// tagOf is the tag of a struct's i-th field.
func tagOf(st *types.Struct, i int) reflect.StructTag { return reflect.StructTag(st.Tag(i)) }

// zeroValueType is the type of what t's Value method gives for the zero value,
// as GORM's ParseField learns by calling it. Where it gives nil or an error,
// t itself goes on to decide.
func (p *pass) zeroValueType(t types.Type, method *types.Func) (types.Type, error) {
	results, err := p.results(method, "", 0)
	if err != nil {
		return nil, err
	}
	var found types.Type
	for _, r := range results {
		kind := r.typ
		if r.null {
			kind = t
		}
		if found != nil && !sameKind(found, kind) {
			return nil, errors.New("it gives " + typeName(found) + " or " + typeName(kind) + ", depending on more than the source says")
		}
		if found == nil {
			found = kind
		}
	}
	if found == nil {
		return nil, errors.New("no return statement was found")
	}
	return found, nil
}

// sameKind says whether two types make the same column.
func sameKind(a, b types.Type) bool {
	a, b = derefAll(a), derefAll(b)
	if types.Identical(a, b) || (isTime(a) && isTime(b)) {
		return true
	}
	x, ok := a.Underlying().(*types.Basic)
	if !ok {
		return isByteList(a) && isByteList(b)
	}
	y, ok := b.Underlying().(*types.Basic)
	return ok && x.Kind() == y.Kind()
}

func isByteList(t types.Type) bool {
	switch u := t.Underlying().(type) {
	case *types.Slice:
		return isByte(u.Elem())
	case *types.Array:
		return isByte(u.Elem())
	}
	return false
}

// constantResult is the one string that a method always answers, such as
// GormDataType's; engine is what a dialector's Name answers.
func (p *pass) constantResult(method *types.Func, engine string) (string, error) {
	results, err := p.results(method, engine, 0)
	if err != nil {
		return "", err
	}
	var found *string
	for _, r := range results {
		switch {
		case r.text == nil:
			return "", errors.New("it does not return a constant")
		case found != nil && *found != *r.text:
			return "", errors.New("it returns more than one constant")
		}
		found = r.text
	}
	if found == nil {
		return "", errors.New("no return statement was found")
	}
	return *found, nil
}
