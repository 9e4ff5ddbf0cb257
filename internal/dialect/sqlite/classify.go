package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"

	"modernc.org/sqlite"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// Result codes: https://www.sqlite.org/rescode.html
const (
	codeError         = 1
	codePerm          = 3
	codeBusy          = 5
	codeLocked        = 6
	codeNoMem         = 7
	codeReadOnly      = 8
	codeInterrupt     = 9
	codeIOErr         = 10
	codeCorrupt       = 11
	codeFull          = 13
	codeCantOpen      = 14
	codeTooBig        = 18
	codeConstraint    = 19
	codeMismatch      = 20
	codeAuth          = 23
	codeNotADB        = 26
	extCheck          = 275
	extForeignKey     = 787
	extNotNull        = 1299
	extPrimaryKey     = 1555
	extTrigger        = 1811
	extUnique         = 2067
	extRowID          = 2579
	extDataType       = 3091
	primaryMask       = 0xff
	mendData          = "mend the rows, or relax the change, and execute again"
	suggestTransitory = "try again"
)

type verdict struct {
	kind       fault.Kind
	reason     string
	suggestion string
}

// Classify implements dialect.Classifier by result code. SQLite has one code
// for a missing and an existing object and for a syntax error; the transaction of
// an execution tells these apart (explain), nothing here can.
func (*Dialect) Classify(err error) *fault.Error {
	if err == nil {
		return nil
	}
	if f := fault.As(err); f != nil {
		return f
	}
	var lite *sqlite.Error
	switch {
	case errors.As(err, &lite):
		v := classifyCode(lite.Code())
		// SQLite's messages name tables and columns, never values.
		return fault.Wrap(err, v.kind, v.reason, "%s", lite.Error()).Suggest("%s", v.suggestion)
	case errors.Is(err, context.Canceled):
		return fault.Wrap(err, fault.Canceled, "CANCELED", "the caller went away")
	case errors.Is(err, context.DeadlineExceeded):
		return fault.Wrap(err, fault.Deadline, "STATEMENT_TIMEOUT", "time ran out")
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone):
		return fault.Wrap(err, fault.Unavailable, "CONNECTION_LOST", "the connection to the database was lost").Suggest(suggestTransitory)
	}
	return fault.Wrap(err, fault.Bug, "DRIVER_ERROR", "the driver reported an error without a code")
}

func classifyCode(code int) verdict {
	switch code {
	case extUnique, extPrimaryKey, extRowID:
		return verdict{fault.Refused, "DATA_DUPLICATE", "remove the duplicate values first; " + mendData}
	case extNotNull:
		return verdict{fault.Refused, "DATA_NULL", "fill the NULL values first, or give the column a default; " + mendData}
	case extForeignKey:
		return verdict{fault.Refused, "DATA_ORPHAN", "remove the rows that refer to nothing, or bring what they refer to; " + mendData}
	case extCheck:
		return verdict{fault.Refused, "DATA_CHECK", "some rows violate the check; " + mendData}
	case extTrigger, extDataType:
		return verdict{fault.Refused, "DATA_CAST", "some values do not fit the new type; " + mendData}
	}
	switch code & primaryMask {
	case codeBusy, codeLocked:
		return verdict{fault.Conflict, "LOCK_TIMEOUT", "another session uses the file; try again when it is quieter, or allow a longer lock timeout"}
	case codeInterrupt:
		return verdict{fault.Canceled, "CANCELED", ""}
	case codeFull:
		return verdict{fault.Exhausted, "DISK_FULL", "free disk space, then execute again"}
	case codeNoMem, codeTooBig:
		return verdict{fault.Exhausted, "LIMIT_REACHED", "SQLite ran into one of its limits"}
	case codeReadOnly:
		return verdict{fault.Unavailable, "DATABASE_READ_ONLY", "make the file and its directory writable"}
	case codePerm, codeAuth:
		return verdict{fault.Denied, "DATABASE_PERMISSION", "give the process access to the file"}
	case codeCantOpen:
		return verdict{fault.Unavailable, "DATABASE_UNREACHABLE", "check that the file and its directory exist and may be used"}
	case codeIOErr:
		return verdict{fault.Unavailable, "SERVER_FAILURE", "look at the disk"}
	case codeCorrupt, codeNotADB:
		return verdict{fault.Corrupt, "DATABASE_CORRUPT", "the file is no SQLite database or is damaged: restore it from a backup"}
	case codeMismatch:
		return verdict{fault.Refused, "DATA_CAST", "some values do not fit the new type; " + mendData}
	case codeConstraint:
		return verdict{fault.Refused, "DATA_VIOLATION", mendData}
	}
	return verdict{fault.Refused, "STATEMENT_FAILED", "read the engine's message; the statement is recorded in the history"}
}

// primaryCode returns the primary result code of a driver's error, or 0.
func primaryCode(err error) int {
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		return lite.Code() & primaryMask
	}
	return 0
}

func isBusy(err error) bool {
	code := primaryCode(err)
	return code == codeBusy || code == codeLocked
}
