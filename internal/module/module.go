// Package module finds, fetches and verifies versions of entity modules.
//
// Versions come over the Go module proxy protocol (https:// and file://), with
// lists and fallback as in GOPROXY, or from a local directory that replaces one
// path. Content is immutable: the h1: hash of a version is recorded in the
// cache, and a version whose content ever changes is refused. No code of a
// module is ever run.
package module

import (
	"io/fs"

	"golang.org/x/mod/modfile"
)

// Ref is a request for a module: a path and a version query such as "v1.4.0",
// "v1", "v1.4", ">=v1.2.0", "latest" or "" (the same as latest).
type Ref struct {
	Path  string
	Query string
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

// Module is one fetched version with its content.
type Module struct {
	Version
	FS       fs.FS         // rooted at the module's root
	File     *modfile.File // its go.mod, parsed; never nil
	Replaced bool          // read from a working copy given with --replace
}
