package module

import (
	"strings"

	"golang.org/x/mod/modfile"
	gomod "golang.org/x/mod/module"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// ParseRef reads "path@query" or "path". The query is checked but not resolved;
// without one it is "", which means latest. Errors are Invalid, with
// MODULE_PATH_INVALID or MODULE_QUERY_INVALID.
func ParseRef(s string) (Ref, error) {
	path, raw, has := strings.Cut(s, "@")
	if err := checkLoosePath(path); err != nil {
		return Ref{}, err
	}
	if !has {
		return Ref{Path: path}, nil
	}
	raw = strings.TrimSpace(raw)
	if raw == "" {
		return Ref{}, badQuery(path, raw, "it is empty")
	}
	if _, err := parseQuery(path, raw); err != nil {
		return Ref{}, err
	}
	return Ref{Path: path, Query: raw}, nil
}

// ParseReplace reads "PATH=DIR", as --replace takes it. The directory is not
// looked at before it is needed. Errors are Invalid, with
// MODULE_REPLACE_INVALID or MODULE_PATH_INVALID.
func ParseReplace(s string) (path, dir string, err error) {
	path, dir, has := strings.Cut(s, "=")
	if !has || path == "" || dir == "" {
		return "", "", fault.New(fault.Invalid, ReasonReplaceInvalid, "replacement %q is not PATH=DIR", s).
			Suggest("write it as example.com/entities/crm=./crm")
	}
	if strings.Contains(path, "@") {
		return "", "", fault.New(fault.Invalid, ReasonReplaceInvalid, "replacement %q names a version", s).
			Suggest("a working copy replaces every version of its path: leave the version out")
	}
	if err := checkLoosePath(path); err != nil {
		return "", "", err
	}
	return path, dir, nil
}

// checkLoosePath checks a path that may belong to a working copy: an import
// path, but, unlike one that a source serves, its first element needs no dot.
func checkLoosePath(path string) error {
	if err := gomod.CheckImportPath(path); err != nil {
		return badPath(path, err)
	}
	return nil
}

// checkServedPath checks a path that is asked of a source (Go Modules
// Reference, "Module paths").
func checkServedPath(path string) error {
	if err := gomod.CheckPath(path); err != nil {
		return badPath(path, err)
	}
	return nil
}

func badPath(path string, err error) error {
	why := "malformed"
	if pe, ok := asPathError(err); ok {
		why = pe.Error()
	}
	return fault.Wrap(err, fault.Invalid, ReasonPathInvalid, "%q is not a module path: %s", path, why).
		Suggest("a module path is the word after \"module\" in go.mod, such as example.com/entities/crm")
}

// checkServed checks that path@version can be asked of a source: a valid path,
// a canonical version, of the path's major version.
func checkServed(path, version string) error {
	if err := checkServedPath(path); err != nil {
		return err
	}
	return checkVersion(path, version)
}

// checkVersion checks that version is canonical and of the path's major version
// (Go Modules Reference, "Major version suffixes").
func checkVersion(path, version string) error {
	if version == "" || gomod.CanonicalVersion(version) != version {
		return fault.New(fault.Invalid, ReasonVersionInvalid, "%q is not a full semantic version", version).
			Suggest("write vMAJOR.MINOR.PATCH, such as v1.4.0")
	}
	_, major, ok := gomod.SplitPathVersion(path)
	if !ok {
		return badPath(path, nil)
	}
	if err := gomod.CheckPathMajor(version, major); err != nil {
		return fault.Wrap(err, fault.Invalid, ReasonVersionInvalid,
			"version %s does not belong to path %s: the path's major version is %s", version, path, majorOf(major)).
			Suggest("from v2 on the path of a module ends in its major version, as in example.com/crm/v2")
	}
	return nil
}

// majorOf says in words what a path's major suffix allows.
func majorOf(suffix string) string {
	if p := gomod.PathMajorPrefix(suffix); p != "" {
		return p
	}
	return "v0 or v1"
}

// parseGoMod reads the go.mod of a module that is not the main one: replace,
// exclude and directives that this version does not know are passed over (Go
// Modules Reference, "go.mod files"). name says in errors what is read.
func parseGoMod(name string, data []byte) (*modfile.File, error) {
	f, err := modfile.ParseLax("go.mod", data, nil)
	if err != nil {
		return nil, badGoMod(name, err)
	}
	return f, nil
}

// badGoMod reports a go.mod with the line of each mistake.
func badGoMod(name string, err error) error {
	out := fault.Wrap(err, fault.Invalid, ReasonGoModInvalid, "the go.mod of %s cannot be read", name).
		Suggest("run \"go mod edit\" on it: the go command reports the same")
	for _, e := range modfileErrors(err) {
		why := "malformed"
		if e.Err != nil {
			why = e.Err.Error()
		}
		if e.Verb != "" {
			why = e.Verb + " " + e.ModPath + ": " + why
		}
		out.Violations = append(out.Violations, fault.Violation{
			Subject:     name,
			Position:    fault.Position{File: "go.mod", Line: e.Pos.Line, Column: e.Pos.LineRune},
			Description: why,
		})
	}
	return out
}

// checkDeclares checks that a go.mod declares the path it was asked for under.
func checkDeclares(f *modfile.File, name, path string) error {
	if f.Module == nil {
		return fault.New(fault.Invalid, ReasonGoModInvalid, "the go.mod of %s has no module line", name).
			Suggest("start it with: module %s", path)
	}
	if got := f.Module.Mod.Path; got != path {
		return fault.New(fault.Invalid, ReasonPathMismatch,
			"the go.mod of %s declares module %s, not %s", name, got, path).
			Suggest("ask for it under the path it declares: %s", got)
	}
	return nil
}
