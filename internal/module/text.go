package module

import (
	"errors"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/mod/modfile"
	gomod "golang.org/x/mod/module"
	"golang.org/x/mod/semver"
)

// sortNewest sorts versions by semantic version, the highest first.
func sortNewest(versions []string) {
	slices.SortFunc(versions, func(a, b string) int {
		if c := semver.Compare(b, a); c != 0 {
			return c
		}
		return strings.Compare(b, a)
	})
}

func reverse(versions []string) { slices.Reverse(versions) }

// short makes a text from a go.mod fit to be shown: one line, printable, not
// longer than a sentence or two.
func short(s, otherwise string) string {
	const most = 400
	printable := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, s)
	line := []rune(strings.Join(strings.Fields(printable), " "))
	switch {
	case len(line) == 0:
		return otherwise
	case len(line) > most:
		return string(line[:most]) + "…"
	}
	return string(line)
}

// some joins the first few of a list and says how many more there are.
func some(list []string) string {
	const most = 8
	if len(list) <= most {
		return strings.Join(list, ", ")
	}
	return strings.Join(list[:most], ", ") + ", …"
}

func asPathError(err error) (error, bool) {
	if pe, ok := errors.AsType[*gomod.InvalidPathError](err); ok {
		return pe.Err, true
	}
	return nil, false
}

func modfileErrors(err error) modfile.ErrorList {
	if list, ok := errors.AsType[modfile.ErrorList](err); ok {
		return list
	}
	return nil
}
