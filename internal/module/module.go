// Package module finds, fetches and verifies versions of entity modules.
//
// Versions come over the Go module proxy protocol (https:// and file://), with
// lists and fallback as in GOPROXY, or from a local directory that replaces one
// path. Content is immutable: the h1: hash of a version is recorded in the
// cache, and a version whose content ever changes is refused. No code of a
// module is ever run.
//
// The rules are those of the Go Modules Reference (https://go.dev/ref/mod);
// comments name the section they follow. Where lockstep differs it refuses
// rather than guesses: there is no version control behind it, so branches,
// commits and the source "direct" are errors.
package module

import (
	"io/fs"

	"golang.org/x/mod/modfile"
)

// Replaced is the version that stands for the content of a working copy given
// with --replace. It cannot be published.
const Replaced = "v0.0.0-replaced"

// Ref is a request for a module: a path and a version query such as "v1.4.0",
// "v1", "v1.4", ">=v1.2.0", "latest" or "" (the same as latest).
type Ref struct {
	Path  string
	Query string
}

// String renders path@query, or the path alone when there is no query; it is
// the inverse of ParseRef.
func (r Ref) String() string {
	if r.Query == "" {
		return r.Path
	}
	return r.Path + "@" + r.Query
}

// Version identifies one version of a module and its content.
type Version struct {
	Path    string
	Version string // canonical semantic version; "v0.0.0-replaced" for a replaced path
	Sum     string // h1: hash of the content
}

// String renders path@version.
func (v Version) String() string { return v.Path + "@" + v.Version }

// Info describes a version in a listing.
type Info struct {
	Version   string
	Time      string // RFC 3339, as the source gives it; "" when it does not
	Retracted string // the rationale of the retraction; "" when it is not retracted
}

// Module is one fetched version with its content. Fetched modules are shared
// between callers: read them, never write to them.
type Module struct {
	Version
	FS       fs.FS         // rooted at the module's root
	File     *modfile.File // its go.mod, parsed; never nil
	Replaced bool          // read from a working copy given with --replace
}
