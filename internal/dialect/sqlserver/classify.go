package sqlserver

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	mssql "github.com/microsoft/go-mssqldb"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// verdict is what an error number means to lockstep.
type verdict struct {
	kind       fault.Kind
	reason     string
	suggestion string
}

// Classify implements dialect.Classifier by error number:
// https://learn.microsoft.com/sql/relational-databases/errors-events/database-engine-events-and-errors
func (*Dialect) Classify(err error) *fault.Error {
	if err == nil {
		return nil
	}
	if f := fault.As(err); f != nil {
		return f
	}
	if f := canceled(err); f != nil {
		return f
	}
	var server mssql.Error
	if errors.As(err, &server) {
		cause := decisive(server)
		v := classifyNumber(cause.Number)
		if cause.Number == constraintConflict {
			v = conflict(err)
		}
		return fault.Wrap(err, v.kind, v.reason, "%s", detail(cause)).Suggest("%s", v.suggestion)
	}
	var dial *net.OpError
	var dns *net.DNSError
	var netErr net.Error
	switch {
	case errors.As(err, &dns), errors.As(err, &dial) && dial.Op == "dial":
		return fault.Wrap(err, fault.Unavailable, "DATABASE_UNREACHABLE", "the database server cannot be reached").
			Suggest("check host, port, encryption and that the server is up")
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone), errors.As(err, &netErr), connectionLost(err):
		return fault.Wrap(err, fault.Unavailable, "CONNECTION_LOST", "the connection to the database was lost").
			Suggest("try again once the server answers")
	}
	return fault.Wrap(err, fault.Bug, "DRIVER_ERROR", "the driver reported an error without a number")
}

// canceled comes first: a dead context ends statements and connections with
// errors of their own.
func canceled(err error) *fault.Error {
	switch {
	case errors.Is(err, context.Canceled):
		return fault.Wrap(err, fault.Canceled, "CANCELED", "the caller went away")
	case errors.Is(err, context.DeadlineExceeded):
		return fault.Wrap(err, fault.Deadline, "DEADLINE", "time ran out").Suggest("allow more time")
	}
	return nil
}

func connectionLost(err error) bool {
	var stream mssql.StreamError
	var dead mssql.ServerError
	return errors.As(err, &stream) || errors.As(err, &dead) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// decisive is the one of several errors of a batch that says why: some only
// repeat that a statement failed.
func decisive(e mssql.Error) mssql.Error {
	for _, one := range e.All {
		switch one.Number {
		case 1750, 3621, 3727, 4922, 5701, 5703: // could not create, terminated, could not drop, ALTER failed, notices
		default:
			return one
		}
	}
	return e
}

// detail is the server's message, up to where it quotes a value of a row.
func detail(e mssql.Error) string {
	message := e.Message
	switch e.Number {
	case 2601, 2627, 1505: // … The duplicate key value is (secret)
		message, _, _ = strings.Cut(message, "(")
		message = message[:strings.LastIndex(message, ".")+1]
	case 220, 232: // for data type smallint, value = 424242.
		message, _, _ = strings.Cut(message, ", value")
	case 241, 242, 244, 245, 248, 295, 2628, 8114, 8115, 8152, 8169, 9420, 13609: // value 'secret', value: 'secret'
		message, _, _ = strings.Cut(message, "'")
	}
	return fmt.Sprintf("%s (error %d)", strings.TrimSpace(message), e.Number)
}

const (
	mendData  = "mend the rows, or relax the change, and execute again"
	mendDrift = "the database is not what was last recorded: compare it with the last revision (lockstep history --revision N), bring it back to that, and execute again"
)

// constraintConflict is the number of both foreign keys and checks; which of
// them, the statement tells.
const constraintConflict = 547

// batchError is an error with the batch that it came from.
type batchError struct {
	error

	batch string
}

func (f batchError) Unwrap() error { return f.error }

func conflict(err error) verdict {
	var f batchError
	if !errors.As(err, &f) {
		return verdict{fault.Refused, "DATA_VIOLATION", mendData}
	}
	switch batch := strings.ToUpper(f.batch); {
	case strings.Contains(batch, "] FOREIGN KEY (") || strings.HasPrefix(batch, "DELETE"):
		return verdict{fault.Refused, "DATA_ORPHAN", "remove the rows that refer to nothing, or bring what they refer to; " + mendData}
	case strings.Contains(batch, "] CHECK ("):
		return verdict{fault.Refused, "DATA_CHECK", "some rows violate the check; " + mendData}
	}
	return verdict{fault.Refused, "DATA_VIOLATION", mendData}
}

func classifyNumber(n int32) verdict {
	for _, table := range []func(int32) (verdict, bool){aboutData, aboutObjects, aboutServer} {
		if v, known := table(n); known {
			return v
		}
	}
	return verdict{fault.Refused, "STATEMENT_FAILED", "read the server's message; the statement is recorded in the history"}
}

// aboutData are failures for what rows hold.
func aboutData(n int32) (verdict, bool) {
	switch n {
	case 2601, 2627, 1505:
		return verdict{fault.Refused, "DATA_DUPLICATE", "remove the duplicate values first; " + mendData}, true
	case 515, 4901, 8111, 1007: // NULL in the way: insert or alter, new column, key over nullable
		return verdict{fault.Refused, "DATA_NULL", "fill the NULL values first, or give the column a default; " + mendData}, true
	case 220, 232, 241, 242, 244, 245, 248, 295, 517, 2628, 8114, 8115, 8134, 8152, 8169, 9420, 13609:
		return verdict{fault.Refused, "DATA_CAST", "some values do not fit the new type; " + mendData}, true
	case 1946, 511, 1701, 1904: // an index's key, a row, a table, an index is too large
		return verdict{fault.Exhausted, "LIMIT_REACHED", "make columns or their values smaller"}, true
	case 206, 257, 402, 529, 8116, 8117:
		return verdict{fault.Unsupported, "TYPE_NOT_CONVERTIBLE", "the engine has no conversion between these types: add a new column and move the values"}, true
	}
	return verdict{}, false
}

// aboutObjects are failures for what the schema holds.
func aboutObjects(n int32) (verdict, bool) {
	switch n {
	case 1785:
		return verdict{fault.Refused, "CASCADE_CYCLE", "rows could be reached twice: leave the action of one of the foreign keys out"}, true
	case 1776, 1778, 1753, 1757, 1761, 1762, 1763, 1769, 1770:
		return verdict{fault.Refused, "FOREIGN_KEY_TYPES", "both ends of a foreign key need the same type, and what it refers to a key"}, true
	case 2714, 1913, 2705, 15335, 1779, 1781, 15233:
		return verdict{fault.Drift, "OBJECT_EXISTS", mendDrift}, true
	case 207, 208, 1911, 3701, 3728, 4902, 4924, 15151, 15217, 15225, 15248:
		return verdict{fault.Drift, "OBJECT_MISSING", mendDrift}, true
	case 3725, 3726, 3729, 3733, 3723, 5074, 15336:
		return verdict{fault.Refused, "DEPENDENT_OBJECTS", "another object depends on this: a foreign key of another table, a view, or statistics; drop or change it first"}, true
	case 2760:
		return verdict{fault.NotFound, "SCHEMA_UNKNOWN", "create the tenant's schema first, or grant the database user the right to use it"}, true
	case 10735, 10609, 10608, 1919, 1901, 1902:
		return verdict{fault.Unsupported, "NOT_SUPPORTED", "SQL Server cannot have such an index"}, true
	case 2812, 195, 4104:
		return verdict{fault.Unsupported, "NOT_SUPPORTED", "this server lacks a function that SQL Server has"}, true
	case 229, 230, 262, 297, 300, 1088, 2557, 3704, 6004, 10011, 15247, 15622, 916, 21089:
		return verdict{fault.Denied, "DATABASE_PERMISSION", "grant the database user what the statement needs: ALTER on the schema, and CREATE TABLE and perhaps CREATE SCHEMA in the database"}, true
	}
	return verdict{}, false
}

// aboutServer are failures for how the server is, or who asks.
func aboutServer(n int32) (verdict, bool) {
	switch n {
	case 1222:
		return verdict{fault.Conflict, dialect.ReasonLockTimeout, "another session holds a lock on the table; try again when it is quieter, or allow a longer lock timeout"}, true
	case 1205, 3960:
		return verdict{fault.Conflict, dialect.ReasonDeadlock, "try again"}, true
	case 18452, 18456, 18461, 18470, 18486, 18487, 18488, 40532, 40615:
		return verdict{fault.Denied, "DATABASE_AUTH", "check the user and password of the target, and the server's firewall"}, true
	case 4060, 911, 945:
		return verdict{fault.NotFound, "DATABASE_UNKNOWN", "create the database first, correct the target, or grant the user access to it"}, true
	case 3906, 3908, 978:
		return verdict{fault.Unavailable, "DATABASE_READ_ONLY", "connect to the primary replica, or make the database writable"}, true
	case 1105, 1101, 9002, 40544, 3257:
		return verdict{fault.Exhausted, "DISK_FULL", "free space for data and log on the server, then execute again"}, true
	case 701, 802, 8645, 8651, 10928, 10929, 49918, 49919, 49920, 40550, 40551, 40552, 40553:
		return verdict{fault.Exhausted, "LIMIT_REACHED", "the server ran into one of its limits; try again when it is quieter"}, true
	case 17809, 10936, 40549:
		return verdict{fault.Exhausted, "TOO_MANY_CONNECTIONS", "try again when fewer sessions are open"}, true
	case 4221, 40197, 40501, 40613, 40143, 40540, 983, 976, 18451, 6005, 17142, 10053, 10054, 10060, 64, 233, 596, 921:
		return verdict{fault.Unavailable, "DATABASE_SHUTDOWN", "try again once the database is up"}, true
	case 3902, 3903, 3930, 3998:
		return verdict{fault.Bug, "TX_FAILED", ""}, true
	case 1712, 40508, 40510, 40512, 40514:
		return verdict{fault.Unsupported, "NOT_SUPPORTED", "this edition of the engine cannot do it"}, true
	case 823, 824, 825, 605, 3414:
		return verdict{fault.Unavailable, "SERVER_FAILURE", "look at the server's log"}, true
	}
	return verdict{}, false
}
