package sqlserver

import (
	"testing"

	mssql "github.com/microsoft/go-mssqldb"
	"github.com/stretchr/testify/assert"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// TestErrors holds what SQL Server says in migrations, by number: its messages
// are those of the manual, since no server of ours can be asked. Each has a detail
// that names what it is about, and a suggestion that fits.
// https://learn.microsoft.com/sql/relational-databases/errors-events/database-engine-events-and-errors
func TestErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		number   int32
		message  string
		kind     fault.Kind
		reason   string
		names    string
		suggests string
	}{
		{"lock timeout", 1222, "Lock request time out period exceeded.", fault.Conflict, "LOCK_TIMEOUT", "Lock", "longer lock timeout"},
		{"deadlock", 1205, "Transaction (Process ID 52) was deadlocked on lock resources with another process and has been chosen as the deadlock victim.", fault.Conflict, "DEADLOCK", "deadlock", "try again"},
		{"duplicate", 1505, "The CREATE UNIQUE INDEX statement terminated because a duplicate key was found for the object name 'dbo.t' and the index name 'uni_t'. The duplicate key value is (secret).", fault.Refused, "DATA_DUPLICATE", "uni_t", "remove the duplicate values"},
		{"not null", 515, "Cannot insert the value NULL into column 'a', table 'd.dbo.t'; column does not allow nulls. UPDATE fails.", fault.Refused, "DATA_NULL", "'a'", "fill the NULL values"},
		{"too long", 2628, "String or binary data would be truncated in table 'd.dbo.t', column 'a'. Truncated value: 'secret'.", fault.Refused, "DATA_CAST", "truncated", "do not fit the new type"},
		{"out of range", 220, "Arithmetic overflow error for data type smallint, value = 424242.", fault.Refused, "DATA_CAST", "smallint", "do not fit the new type"},
		{"invalid text", 245, "Conversion failed when converting the nvarchar value 'secret' to data type int.", fault.Refused, "DATA_CAST", "Conversion failed", "do not fit the new type"},
		{"permission denied", 262, "CREATE TABLE permission denied in database 'd'.", fault.Denied, "DATABASE_PERMISSION", "CREATE TABLE", "grant the database user"},
		{"disk full", 1105, "Could not allocate space for object 'dbo.t' in database 'd' because the 'PRIMARY' filegroup is full.", fault.Exhausted, "DISK_FULL", "dbo.t", "free space"},
		{"log full", 9002, "The transaction log for database 'd' is full due to 'ACTIVE_TRANSACTION'.", fault.Exhausted, "DISK_FULL", "'d'", "log"},
		{"too many connections", 17809, "Could not connect because the maximum number of '1' user connections has already been reached.", fault.Exhausted, "TOO_MANY_CONNECTIONS", "connections", "fewer sessions"},
		{"read only", 3906, "Failed to update database \"d\" because the database is read-only.", fault.Unavailable, "DATABASE_READ_ONLY", "\"d\"", "primary replica"},
		{"read-only replica", 978, "The target database ('d') is in an availability group and is currently accessible for connections when the application intent is set to read only.", fault.Unavailable, "DATABASE_READ_ONLY", "'d'", "primary replica"},
		{"name exists", 2714, "There is already an object named 't' in the database.", fault.Drift, "OBJECT_EXISTS", "'t'", "compare it with the last revision"},
		{"column exists", 2705, "Column names in each table must be unique. Column name 'a' in table 'dbo.t' is specified more than once.", fault.Drift, "OBJECT_EXISTS", "'a'", "compare it with the last revision"},
		{"dependent view", 5074, "The object 'v' is dependent on column 'a'.", fault.Refused, "DEPENDENT_OBJECTS", "'v'", "a view"},
		{"view of a table", 3729, "Cannot DROP TABLE 'dbo.t' because it is being referenced by object 'v'.", fault.Refused, "DEPENDENT_OBJECTS", "'v'", "a view"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := New().Classify(mssql.Error{Number: c.number, Message: c.message})
			assert.Equal(t, c.kind, f.Kind)
			assert.Equal(t, c.reason, f.Reason)
			assert.Contains(t, f.Detail, c.names)
			assert.Contains(t, f.Suggestion, c.suggests)
			assert.NotContains(t, f.Error(), "secret")
			assert.NotContains(t, f.Error(), "424242")
		})
	}
	orphan := withBatch(mssql.Error{Number: 547, Message: `The ALTER TABLE statement conflicted with the FOREIGN KEY constraint "fk_t".`},
		"ALTER TABLE [s].[t] ADD CONSTRAINT [fk_t] FOREIGN KEY ([p]) REFERENCES [s].[p] ([id])")
	f := New().Classify(orphan)
	assert.Equal(t, "DATA_ORPHAN", f.Reason)
	assert.Contains(t, f.Detail, "fk_t")
	assert.Contains(t, f.Suggestion, "refer to nothing")
}
