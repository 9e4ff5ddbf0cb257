package sqlite

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// TestCodes holds the codes that no test can provoke: as root every file may be
// used, and a test neither breaks a disk nor uses up the memory. The rest is in
// TestErrors.
func TestCodes(t *testing.T) {
	t.Parallel()
	for code, want := range map[int]verdict{
		codePerm:                 {kind: fault.Denied, reason: "DATABASE_PERMISSION", suggestion: "give the process access to the file"},
		codeAuth:                 {kind: fault.Denied, reason: "DATABASE_PERMISSION", suggestion: "give the process access to the file"},
		codeCantOpen:             {kind: fault.Unavailable, reason: "DATABASE_UNREACHABLE", suggestion: "check that the file and its directory exist and may be used"},
		codeNoMem:                {kind: fault.Exhausted, reason: "LIMIT_REACHED", suggestion: "SQLite ran into one of its limits"},
		codeLocked | 1<<8:        {kind: fault.Conflict, reason: "LOCK_TIMEOUT", suggestion: "another session uses the file; try again when it is quieter, or allow a longer lock timeout"},
		codeIOErr | 3<<8:         {kind: fault.Unavailable, reason: "SERVER_FAILURE", suggestion: "look at the disk"},
		codeNotADB:               {kind: fault.Corrupt, reason: "DATABASE_CORRUPT", suggestion: "the file is no SQLite database or is damaged: restore it from a backup"},
		codeConstraint | 99<<8:   {kind: fault.Refused, reason: "DATA_VIOLATION", suggestion: mendData},
		codeReadOnly | 8<<8:      {kind: fault.Unavailable, reason: "DATABASE_READ_ONLY", suggestion: "make the file and its directory writable"},
		28 /* SQLITE_WARNING */ : {kind: fault.Refused, reason: "STATEMENT_FAILED", suggestion: "read the engine's message; the statement is recorded in the history"},
	} {
		assert.Equal(t, want, classifyCode(code), "%d", code)
	}
}
