package entity

import (
	"fmt"
	"go/token"
	"path"
	"slices"
	"strings"
)

// pattern names packages, or one type of a package:
//
//	"./..." or "./models/..."   all packages below a directory
//	"." or "./types"            one package
//	"./types.User" or ".User"   one type
//
// The leading "./" may be missing, or be the module's path.
type pattern struct {
	text string
	dir  string // slash-separated; "." for the root
	tree bool
	name string // of a type; "" for the package
}

// parsePattern reads a pattern; dirs are the directories with packages.
func parsePattern(text, modPath string, dirs []string) (pattern, error) {
	pat := pattern{text: text}
	rest := strings.TrimSpace(text)
	if after, ok := strings.CutPrefix(rest, modPath); ok && (after == "" || after[0] == '/' || after[0] == '.') {
		rest = "." + after
	}
	if after, ok := strings.CutSuffix(rest, "/..."); ok {
		pat.tree, rest = true, after
	} else if rest == "..." {
		pat.tree, rest = true, "."
	}
	if rest == "" || strings.HasPrefix(rest, "/") {
		return pat, fmt.Errorf("%q is no pattern", text)
	}
	pat.dir = path.Clean(rest)
	if slices.Contains(dirs, pat.dir) || pat.tree {
		return pat, pat.check(dirs)
	}
	dir, name := path.Split(rest)
	before, typ, ok := cutLast(name, ".")
	if !ok {
		before, typ = "", name
	}
	if !token.IsIdentifier(typ) {
		return pat, fmt.Errorf("%q is no package and no type of the module", text)
	}
	pat.dir, pat.name = path.Clean(dir+before), typ
	return pat, pat.check(dirs)
}

// check says whether the module has what the pattern names.
func (pat pattern) check(dirs []string) error {
	if slices.ContainsFunc(dirs, pat.covers) {
		return nil
	}
	return fmt.Errorf("%q matches no package of the module", pat.text)
}

// covers says whether the pattern names the package in dir.
func (pat pattern) covers(dir string) bool {
	if pat.dir == dir {
		return true
	}
	return pat.tree && (pat.dir == "." || strings.HasPrefix(dir, pat.dir+"/"))
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
