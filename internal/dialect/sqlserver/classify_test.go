package sqlserver

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	mssql "github.com/microsoft/go-mssqldb"
	"github.com/stretchr/testify/assert"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// TestClassify holds error numbers, with the messages that the manual gives for
// them, to kinds and reasons; values of rows stay out.
func TestClassify(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		number  int32
		message string
		kind    fault.Kind
		reason  string
	}{
		{2627, "Violation of UNIQUE KEY constraint 'u'. Cannot insert duplicate key in object 'dbo.t'. The duplicate key value is (secret).", fault.Refused, "DATA_DUPLICATE"},
		{2601, "Cannot insert duplicate key row in object 'dbo.t' with unique index 'u'. The duplicate key value is (secret).", fault.Refused, "DATA_DUPLICATE"},
		{1505, "The CREATE UNIQUE INDEX statement terminated because a duplicate key was found for the object name 'dbo.t' and the index name 'u'. The duplicate key value is (secret).", fault.Refused, "DATA_DUPLICATE"},
		{515, "Cannot insert the value NULL into column 'c', table 'd.dbo.t'; column does not allow nulls.", fault.Refused, "DATA_NULL"},
		{4901, "ALTER TABLE only allows columns to be added that can contain nulls, or have a DEFAULT definition specified.", fault.Refused, "DATA_NULL"},
		{245, "Conversion failed when converting the nvarchar value 'secret' to data type int.", fault.Refused, "DATA_CAST"},
		{8114, "Error converting data type nvarchar to bigint.", fault.Refused, "DATA_CAST"},
		{8152, "String or binary data would be truncated.", fault.Refused, "DATA_CAST"},
		{2628, "String or binary data would be truncated in table 'd.dbo.t', column 'a'. Truncated value: 'secret'.", fault.Refused, "DATA_CAST"},
		{547, "The ALTER TABLE statement conflicted with the CHECK constraint \"k\".", fault.Refused, "DATA_VIOLATION"},
		{257, "Implicit conversion from data type nvarchar to varbinary is not allowed.", fault.Unsupported, "TYPE_NOT_CONVERTIBLE"},
		{1785, "Introducing FOREIGN KEY constraint 'f' on table 't' may cause cycles or multiple cascade paths.", fault.Refused, "CASCADE_CYCLE"},
		{2714, "There is already an object named 't' in the database.", fault.Drift, "OBJECT_EXISTS"},
		{1913, "The operation failed because an index or statistics with name 'i' already exists on table 't'.", fault.Drift, "OBJECT_EXISTS"},
		{208, "Invalid object name 't'.", fault.Drift, "OBJECT_MISSING"},
		{3701, "Cannot drop the table 't', because it does not exist or you do not have permission.", fault.Drift, "OBJECT_MISSING"},
		{5074, "The object 'DF' is dependent on column 'c'.", fault.Refused, "DEPENDENT_OBJECTS"},
		{3726, "Could not drop object 't' because it is referenced by a FOREIGN KEY constraint.", fault.Refused, "DEPENDENT_OBJECTS"},
		{2760, "The specified schema name \"x\" either does not exist or you do not have permission to use it.", fault.NotFound, "SCHEMA_UNKNOWN"},
		{229, "The SELECT permission was denied on the object 't'.", fault.Denied, "DATABASE_PERMISSION"},
		{262, "CREATE TABLE permission denied in database 'd'.", fault.Denied, "DATABASE_PERMISSION"},
		{1088, "Cannot find the object \"t\" because it does not exist or you do not have permissions.", fault.Denied, "DATABASE_PERMISSION"},
		{15247, "User does not have permission to perform this action.", fault.Denied, "DATABASE_PERMISSION"},
		{1222, "Lock request time out period exceeded.", fault.Conflict, "LOCK_TIMEOUT"},
		{1205, "Transaction was deadlocked.", fault.Conflict, "DEADLOCK"},
		{18456, "Login failed for user 'u'.", fault.Denied, "DATABASE_AUTH"},
		{4060, "Cannot open database \"d\" requested by the login.", fault.NotFound, "DATABASE_UNKNOWN"},
		{3906, "Failed to update database \"d\" because the database is read-only.", fault.Unavailable, "DATABASE_READ_ONLY"},
		{1105, "Could not allocate space for object 't'.", fault.Exhausted, "DISK_FULL"},
		{9002, "The transaction log for database 'd' is full.", fault.Exhausted, "DISK_FULL"},
		{10928, "Resource ID : 1. The request limit for the database is 60 and has been reached.", fault.Exhausted, "LIMIT_REACHED"},
		{40613, "Database 'd' on server 's' is not currently available.", fault.Unavailable, "DATABASE_SHUTDOWN"},
		{40501, "The service is currently busy.", fault.Unavailable, "DATABASE_SHUTDOWN"},
		{40197, "The service has encountered an error processing your request.", fault.Unavailable, "DATABASE_SHUTDOWN"},
		{3902, "The COMMIT TRANSACTION request has no corresponding BEGIN TRANSACTION.", fault.Bug, "TX_FAILED"},
		{1712, "Online index operations can only be performed in Enterprise edition of SQL Server.", fault.Unsupported, "NOT_SUPPORTED"},
		{102, "Incorrect syntax near 'x'.", fault.Refused, "STATEMENT_FAILED"},
	} {
		f := New().Classify(mssql.Error{Number: c.number, Message: c.message})
		assert.Equal(t, c.kind, f.Kind, c.message)
		assert.Equal(t, c.reason, f.Reason, c.message)
		assert.NotContains(t, f.Error(), "secret")
		assert.Contains(t, f.Error(), fmt.Sprintf("(error %d)", c.number))
	}
}

func TestClassifyByWhatIsBehindANumber(t *testing.T) {
	t.Parallel()
	d := New()
	failed := mssql.Error{Number: 1750, Message: "Could not create constraint or index. See previous errors.", All: []mssql.Error{
		{Number: 1785, Message: "may cause cycles"}, {Number: 1750, Message: "See previous errors."},
	}}
	assert.Equal(t, "CASCADE_CYCLE", d.Classify(failed).Reason, "the first error says why")
	conflict := mssql.Error{Number: 547, Message: "conflicted"}
	for batch, reason := range map[string]string{
		"ALTER TABLE [s].[t] ADD CONSTRAINT [k] CHECK (b > 5)":                                     "DATA_CHECK",
		"ALTER TABLE [s].[t] ADD CONSTRAINT [f] FOREIGN KEY ([p]) REFERENCES [s].[CHECK (] ([id])": "DATA_ORPHAN",
		"INSERT INTO t VALUES (1)": "DATA_VIOLATION",
	} {
		assert.Equal(t, reason, d.Classify(withBatch(conflict, batch)).Reason, batch)
	}
	for reason, err := range map[string]error{
		"CONNECTION_LOST":      driver.ErrBadConn,
		"DATABASE_UNREACHABLE": &net.OpError{Op: "dial", Err: errors.New("refused")},
		"DRIVER_ERROR":         errors.New("odd"),
	} {
		assert.Equal(t, reason, d.Classify(err).Reason)
	}
	assert.Equal(t, "CONNECTION_LOST", d.Classify(fmt.Errorf("read: %w", io.EOF)).Reason)
	assert.Equal(t, "CONNECTION_LOST", d.Classify(&net.OpError{Op: "read", Err: errors.New("reset")}).Reason)
	assert.Equal(t, "CONNECTION_LOST", d.Classify(mssql.StreamError{InnerError: io.EOF}).Reason)
}
