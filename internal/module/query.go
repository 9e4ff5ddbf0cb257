package module

import (
	"strings"

	gomod "golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// query is a parsed version query (Go Modules Reference, "Version queries").
// Exactly one of exact and match is set.
type query struct {
	text   string
	exact  string            // the version that is meant
	match  func(string) bool // which of the listed versions are meant
	lowest bool              // of those, the lowest and not the highest
	latest bool              // without a tagged version, what the source calls latest
	// incompatible: versions above v1 without a major suffix are meant too.
	incompatible bool
}

// parseQuery reads a query for a path. The "v" may be left out.
func parseQuery(path, text string) (query, error) {
	q := query{text: text}
	op, operand := splitOperator(text)
	switch {
	case op == "" && (operand == "" || operand == "latest"):
		q.text, q.latest = "latest", true
		q.match = func(string) bool { return true }
		return q, nil
	case op == "" && (operand == "upgrade" || operand == "patch" || operand == "none"):
		return query{}, badQuery(path, text, "it is relative to a present version, which a query here does not have")
	}
	v := operand
	if v != "" && v[0] >= '0' && v[0] <= '9' {
		v = "v" + v
	}
	if !semver.IsValid(v) {
		return query{}, badQuery(path, text, "branches and commits are not versions, and \""+operand+"\" is no semantic version")
	}
	partial := !strings.HasPrefix(v, semver.Canonical(v))
	q.incompatible = !ofMajor(path, v)
	if op != "" {
		if partial && (op == ">" || op == "<=") {
			return query{}, badQuery(path, text, "it does not say whether "+op+v+" includes "+v+".1")
		}
		q.match, q.lowest = compareTo(op, v), op[0] == '>'
		return q, nil
	}
	if partial {
		// v1.2 does not mean a pre-release of v1.2.0, which is below it.
		q.match = func(w string) bool { return strings.HasPrefix(w, v+".") && semver.Compare(w, v) >= 0 }
		return q, nil
	}
	return q.exactly(path, v)
}

// exactly completes a query for one full version.
func (q query) exactly(path, v string) (query, error) {
	q.exact = gomod.CanonicalVersion(v)
	if !q.incompatible {
		return q, nil
	}
	if _, suffix, _ := gomod.SplitPathVersion(path); suffix != "" {
		return query{}, checkVersion(path, q.exact)
	}
	if semver.Build(q.exact) == "" {
		q.exact += "+incompatible"
	}
	return q, nil
}

// splitOperator splits off a comparison operator.
func splitOperator(text string) (op, operand string) {
	for _, op := range []string{">=", "<=", ">", "<"} {
		if rest, ok := strings.CutPrefix(text, op); ok {
			return op, strings.TrimSpace(rest)
		}
	}
	return "", text
}

func compareTo(op, v string) func(string) bool {
	return func(w string) bool {
		c := semver.Compare(w, v)
		switch op {
		case ">=":
			return c >= 0
		case ">":
			return c > 0
		case "<=":
			return c <= 0
		default:
			return c < 0
		}
	}
}

// ofMajor reports whether v is of the major version of the path.
func ofMajor(path, v string) bool {
	_, suffix, ok := gomod.SplitPathVersion(path)
	return ok && gomod.CheckPathMajor(v, suffix) == nil
}

// order returns the versions that satisfy q, the preferred first: releases
// before pre-releases, and of each the highest, or for > and >= the lowest.
// hasGoMod tells whether a version has a go.mod of its own; it decides whether
// +incompatible versions count, and is asked only when there are some.
func (q query) order(versions []string, hasGoMod func(string) (bool, error)) ([]string, error) {
	versions, err := q.withoutIncompatible(versions, hasGoMod)
	if err != nil {
		return nil, err
	}
	var releases, pres []string
	for _, v := range versions {
		switch {
		case !q.match(v):
		case semver.Prerelease(v) == "":
			releases = append(releases, v)
		default:
			pres = append(pres, v)
		}
	}
	sortNewest(releases)
	sortNewest(pres)
	if q.lowest {
		reverse(releases)
		reverse(pres)
	}
	return append(releases, pres...), nil
}

// withoutIncompatible drops +incompatible versions when the newest compatible
// match has a go.mod, since its author then uses major version suffixes (Go
// Modules Reference, "+incompatible versions").
func (q query) withoutIncompatible(versions []string, hasGoMod func(string) (bool, error)) ([]string, error) {
	if q.incompatible {
		return versions, nil
	}
	var compatible []string
	some, newest := false, ""
	for _, v := range versions {
		if semver.Build(v) == "+incompatible" {
			some = some || q.match(v)
			continue
		}
		compatible = append(compatible, v)
		if q.match(v) && (newest == "" || semver.Compare(v, newest) > 0) {
			newest = v
		}
	}
	if !some || newest == "" {
		return versions, nil
	}
	modern, err := hasGoMod(newest)
	if err != nil || !modern {
		return versions, err
	}
	return compatible, nil
}

func badQuery(path, text, why string) error {
	return fault.New(fault.Invalid, ReasonQueryInvalid, "%q is not a version query for %s: %s", text, path, why).
		Suggest("write a version (v1.4.0), a prefix (v1 or v1.4), a comparison (>=v1.2.0), or latest")
}
