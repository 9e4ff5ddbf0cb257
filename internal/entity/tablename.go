package entity

import (
	"errors"
	"go/token"
	"go/types"
	"strings"
)

const hintTable = "write the name above the struct: //lockstep:table NAME"

// tableName is the first part of GORM's schema.Parse: TableName of the type,
// then TableName with a namer, then the naming strategy. A directive above the
// struct has precedence.
func (p *pass) tableName(m *model, named *types.Named) string {
	name := p.declaredTableName(m, named)
	if strings.Contains(name, ".") {
		p.report(m.pos, hintTable, "the table name %q of %s names a schema; the target chooses that", name, m.name)
	}
	return name
}

func (p *pass) declaredTableName(m *model, named *types.Named) string {
	if m.dirs.table != "" {
		return m.dirs.table
	}
	method := p.methodOf(named, "TableName")
	if method == nil || !isStringResult(method) {
		if args := named.TypeArgs(); args != nil && args.Len() > 0 {
			p.report(m.pos, "give it a TableName method", "%s is generic: there is no one name for its table", typeName(named))
		}
		return m.namer.TableName(m.name)
	}
	var (
		text string
		err  error
	)
	switch params := method.Signature().Params(); {
	case params.Len() == 0:
		text, err = p.constantResult(method, "")
	case params.Len() == 1 && isNamer(params.At(0).Type()):
		text, err = p.namedResult(m, method)
	default:
		return m.namer.TableName(m.name)
	}
	if err == nil && text == "" {
		err = errors.New("it is empty")
	}
	if err != nil {
		p.wantBody(method)
		m.nameless = true
		p.report(p.ownPos(method.Pos(), m.pos), hintTable, "the table name of %s cannot be told from TableName: %s", m.name, err)
		return m.namer.TableName(m.name)
	}
	return text
}

// namedResult evaluates TableName(namer schema.Namer).
func (p *pass) namedResult(m *model, method *types.Func) (string, error) {
	e, decl, err := p.evaluate(method, "", 0)
	if err != nil {
		return "", err
	}
	for _, param := range decl.Type.Params.List {
		for _, name := range param.Names {
			e.namer, e.naming = e.info.Defs[name], m.namer
		}
	}
	e.block(decl.Body.List)
	if e.err != nil {
		return "", e.err
	}
	if len(e.results) != 1 || e.results[0].text == nil {
		return "", errors.New("it does not return a constant or a name of the namer")
	}
	return *e.results[0].text, nil
}

// isNamer says whether t is GORM's schema.Namer.
func isNamer(t types.Type) bool {
	named, ok := types.Unalias(t).(*types.Named)
	return ok && named.Obj().Name() == "Namer" && named.Obj().Pkg() != nil && named.Obj().Pkg().Path() == "gorm.io/gorm/schema"
}

// ownPos is pos when it lies in a real module, else fallback.
func (p *pass) ownPos(pos, fallback token.Pos) token.Pos {
	if p.modOf(pos) != nil {
		return pos
	}
	return fallback
}
