package module

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// The reasons of the errors of this package. They are stable: programs tell
// errors apart by them, never by their text.
const (
	ReasonSourceInvalid     = "SOURCE_INVALID"             // the list of sources cannot be read
	ReasonSourceDirect      = "SOURCE_DIRECT_UNSUPPORTED"  // "direct" needs a version control system
	ReasonSourceOff         = "SOURCE_OFF"                 // look-ups are switched off, or no source is configured
	ReasonSourceUnreachable = "SOURCE_UNREACHABLE"         // no connection, or the server failed
	ReasonSourceDenied      = "SOURCE_DENIED"              // the source refuses us
	ReasonSourceResponse    = "SOURCE_RESPONSE_INVALID"    // the source's answer is not the protocol's
	ReasonPathInvalid       = "MODULE_PATH_INVALID"        // not a module path
	ReasonPathMismatch      = "MODULE_PATH_MISMATCH"       // go.mod declares another path
	ReasonQueryInvalid      = "MODULE_QUERY_INVALID"       // not a version query
	ReasonVersionInvalid    = "MODULE_VERSION_INVALID"     // not a canonical version, or not of this path
	ReasonModuleNotFound    = "MODULE_NOT_FOUND"           // no source knows the path
	ReasonVersionNotFound   = "MODULE_VERSION_NOT_FOUND"   // the path is known, the version is not
	ReasonNoMatch           = "MODULE_NO_MATCHING_VERSION" // versions exist, none satisfies the query
	ReasonRetracted         = "MODULE_RETRACTED"           // all that would satisfy the query is retracted
	ReasonChecksum          = "MODULE_CHECKSUM_MISMATCH"   // content is not what was recorded or what the checksum database says
	ReasonZipInvalid        = "MODULE_ZIP_INVALID"         // not a module zip
	ReasonGoModInvalid      = "MODULE_GOMOD_INVALID"       // go.mod cannot be read
	ReasonTooLarge          = "MODULE_TOO_LARGE"           // over a limit of Limits
	ReasonReplaceInvalid    = "MODULE_REPLACE_INVALID"     // --replace is malformed, or its directory is no module
	ReasonNotRequired       = "MODULE_NOT_REQUIRED"        // nothing in the selection requires the module
	ReasonVersionExists     = "MODULE_VERSION_EXISTS"      // published before with other content
	ReasonTargetInvalid     = "MODULE_TARGET_INVALID"      // where to publish is not a file:// URL
	ReasonCache             = "MODULE_CACHE_UNUSABLE"      // the cache directory cannot be read or written
	ReasonCacheCorrupt      = "MODULE_CACHE_CORRUPT"       // a recorded hash cannot be read
	ReasonSumDBInvalid      = "SUMDB_INVALID"              // the checksum database's name or key cannot be read
	ReasonSumDBUnknown      = "SUMDB_VERSION_UNKNOWN"      // the checksum database does not know the version
	ReasonSumDBUntrusted    = "SUMDB_UNTRUSTED"            // the checksum database contradicts itself
	ReasonDeadline          = "DEADLINE_EXCEEDED"          // the context's deadline passed
	ReasonCanceled          = "CANCELED"                   // the context was cancelled
)

// errAbsent marks a 404, a 410, or a missing file: what lets a list of sources
// go on to the next one. It does not leave the package.
var errAbsent = errors.New("the source does not have it")

// errOversize marks a body longer than its limit. It does not leave the package.
var errOversize = errors.New("longer than the limit")

// ended returns the fault for a context that is over, nil while it is not.
func ended(ctx context.Context, format string, args ...any) error {
	err := ctx.Err()
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return fault.Wrap(err, fault.Deadline, ReasonDeadline, "time ran out %s", fmt.Sprintf(format, args...)).
			Suggest("allow more time, or look whether the module source answers")
	default:
		return fault.Wrap(err, fault.Canceled, ReasonCanceled, "cancelled %s", fmt.Sprintf(format, args...))
	}
}

// cacheFault is an error of the cache directory; a full disk is Exhausted.
func cacheFault(err error, doing string) error {
	kind := fault.Unavailable
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		kind = fault.Exhausted
	}
	return fault.Wrap(err, kind, ReasonCache, "the module cache: %s: %s", doing, plainFileError(err)).
		Suggest("make the cache directory writable and see that the disk is not full")
}

// plainFileError is the reason of a file error. It is safe to show: it holds a
// system call's text and nothing from a source.
func plainFileError(err error) string {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Path + ": " + pe.Err.Error()
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno.Error()
	}
	return "cannot be used"
}
