package mysql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/go-sql-driver/mysql"

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
// https://dev.mysql.com/doc/mysql-errors/9.4/en/server-error-reference.html
// https://mariadb.com/kb/en/mariadb-error-code-reference/
func (*Dialect) Classify(err error) *fault.Error {
	if err == nil {
		return nil
	}
	if f := fault.As(err); f != nil {
		return f
	}
	switch {
	case errors.Is(err, context.Canceled): // first: a dead context ends connections with errors of their own
		return fault.Wrap(err, fault.Canceled, "CANCELED", "the caller went away")
	case errors.Is(err, context.DeadlineExceeded):
		return fault.Wrap(err, fault.Deadline, "DEADLINE", "time ran out").Suggest("allow more time")
	}
	var my *mysql.MySQLError
	if errors.As(err, &my) {
		v := classifyNumber(my.Number)
		return fault.Wrap(&serverError{number: my.Number}, v.kind, v.reason, "%s", detail(my)).Suggest("%s", v.suggestion)
	}
	return classifyDriver(err)
}

// serverError stands for the driver's error, whose text may hold a row's value.
type serverError struct{ number uint16 }

func (e *serverError) Error() string { return fmt.Sprintf("server error %d", e.number) }

// classifyDriver tells what the driver itself reports.
func classifyDriver(err error) *fault.Error {
	var op *net.OpError
	var netErr net.Error
	switch {
	case errors.As(err, &op) && op.Op == "dial", errors.Is(err, mysql.ErrNoTLS):
		return fault.Wrap(err, fault.Unavailable, "DATABASE_UNREACHABLE", "the database server cannot be reached").
			Suggest("check host, port, TLS and that the server is up")
	case errors.Is(err, mysql.ErrCleartextPassword), errors.Is(err, mysql.ErrNativePassword), errors.Is(err, mysql.ErrOldPassword), errors.Is(err, mysql.ErrUnknownPlugin):
		return fault.Wrap(err, fault.Denied, "DATABASE_AUTH", "the server asks for a way to log in that is not allowed here").
			Suggest("give the user caching_sha2_password or mysql_native_password")
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone), errors.Is(err, mysql.ErrInvalidConn), errors.Is(err, mysql.ErrMalformPkt),
		errors.Is(err, mysql.ErrPktSync), errors.Is(err, net.ErrClosed), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &netErr):
		return fault.Wrap(err, fault.Unavailable, "CONNECTION_LOST", "the connection to the database was lost").
			Suggest("try again once the server answers")
	case errors.Is(err, mysql.ErrPktTooLarge):
		return fault.Wrap(err, fault.Exhausted, "LIMIT_REACHED", "a statement is larger than max_allowed_packet").
			Suggest("raise max_allowed_packet on the server")
	}
	return fault.Wrap(err, fault.Bug, "DRIVER_ERROR", "the driver reported an error without a number")
}

// detail is the server's message, or what of it names no value.
func detail(e *mysql.MySQLError) string {
	message := e.Message
	switch e.Number {
	case 1242: // the guard of Render, a subquery of more than one row
		message = "a row holds NULL, or would have no value, in a column that is NOT NULL now"
	case 1062, 1586:
		message = "duplicate entry" + behind(e.Message, " for key ")
	case 1292, 1366, 1367, 1411, 1300, 1525, 1441, 1690, 3140, 3141, 4038:
		message = "a value does not fit" + behind(e.Message, " for column ")
	case 1064: // quotes the statement
		message = "the server does not understand the statement"
	}
	return fmt.Sprintf("%s (error %d)", message, e.Number)
}

// behind is the message from the last occurrence of words on: names stand there,
// the value stands before.
func behind(message, words string) string {
	if at := strings.LastIndex(message, words); at >= 0 && !strings.Contains(message[at:], "\n") {
		return message[at:]
	}
	return ""
}

const (
	mendData  = "mend the rows, or relax the change, and execute again"
	mendDrift = "the database is not what was last recorded: compare it with the last revision (lockstep history --revision N), bring it back to that, and execute again"
	readLog   = "look at the server's log"
)

func classifyNumber(n uint16) verdict {
	switch n {
	case 1022, 1062, 1586:
		return verdict{fault.Refused, "DATA_DUPLICATE", "remove the duplicate values first; " + mendData}
	case 1048, 1138, 1242, 1263, 1364:
		return verdict{fault.Refused, "DATA_NULL", "fill the NULL values first, or give the column a default; " + mendData}
	case 1217, 1451: // MariaDB says so of a table, too
		return verdict{fault.Refused, "DATA_ORPHAN", "rows of another table, or its foreign key, refer to what goes: remove or change them first; " + mendData}
	case 1216, 1452:
		return verdict{fault.Refused, "DATA_ORPHAN", "remove the rows that refer to nothing, or bring what they refer to; " + mendData}
	case 3819, 4025:
		return verdict{fault.Refused, "DATA_CHECK", "some rows violate the check; " + mendData}
	case 1264, 1265, 1292, 1300, 1366, 1367, 1406, 1411, 1441, 1525, 1690, 1916, 3140, 3141, 4038:
		return verdict{fault.Refused, "DATA_CAST", "some values do not fit the new type; " + mendData}
	case 1007, 1050, 1060, 1061, 1068, 1826, 3822:
		return verdict{fault.Drift, "OBJECT_EXISTS", mendDrift}
	case 1051, 1054, 1072, 1091, 1109, 1146, 1176, 3821, 3940:
		return verdict{fault.Drift, "OBJECT_MISSING", mendDrift}
	case 1005, 1215, 1822, 1832, 1833, 3780, 6125:
		return verdict{fault.Refused, "FOREIGN_KEY_TYPES", "give the columns of the foreign key one type, and what they refer to a unique key"}
	case 1553, 1828, 1829, 1830, 3108, 3730, 3837, 3959:
		return verdict{fault.Refused, "DEPENDENT_OBJECTS", "a foreign key, check, generated column or index depends on this; drop or change it first"}
	case 1205, 3572:
		return verdict{fault.Conflict, dialect.ReasonLockTimeout, "another session holds a lock on the table; try again when it is quieter, or allow a longer lock timeout"}
	case 1213, 1614:
		return verdict{fault.Conflict, dialect.ReasonDeadlock, "try again"}
	case 1969, 3024:
		return verdict{fault.Deadline, "STATEMENT_TIMEOUT", "allow a longer statement timeout, or run it when the table is quieter"}
	case 1317:
		return verdict{fault.Canceled, "INTERRUPTED", "somebody killed the statement on the server; try again"}
	case 1044, 1095, 1142, 1143, 1227, 1370, 1410, 1419:
		return verdict{fault.Denied, "DATABASE_PERMISSION", "grant the database user what the statement needs: CREATE, ALTER, DROP, INDEX and REFERENCES on the tenant's database"}
	case 1045, 1130, 1251, 1698, 1820, 1862, 3118, 3159, 4151:
		return verdict{fault.Denied, "DATABASE_AUTH", "check the user and password of the target, and from where the server lets this user log in"}
	case 1046, 1049:
		return verdict{fault.NotFound, "DATABASE_UNKNOWN", "create the database first, or correct the target"}
	case 1290, 1792, 1836, 3989:
		return verdict{fault.Unavailable, "DATABASE_READ_ONLY", "connect to the primary server"}
	case 3, 20, 1021, 1026, 1114, 1878: // the first two are of the server's file layer, mysys
		return verdict{fault.Exhausted, "DISK_FULL", "free disk space on the server, then execute again"}
	case 1040, 1203, 1226:
		return verdict{fault.Exhausted, "TOO_MANY_CONNECTIONS", "try again when fewer sessions are open, or raise max_connections or the connection limit of the user"}
	case 1037, 1038, 1041, 1059, 1069, 1070, 1071, 1074, 1117, 1118, 1153, 1206, 1461:
		return verdict{fault.Exhausted, "LIMIT_REACHED", "the server ran into one of its limits"}
	case 1053, 1077, 1079:
		return verdict{fault.Unavailable, "DATABASE_SHUTDOWN", "try again once the server is up"}
	case 1152, 1158, 1159, 1160, 1161, 1184, 1927, 2006, 2013, 3169, 4031:
		return verdict{fault.Unavailable, "CONNECTION_LOST", "try again once the server answers"}
	case 1030, 1034, 1105, 1194, 1815:
		return verdict{fault.Unavailable, "SERVER_FAILURE", readLog}
	}
	return classifyUnsupported(n)
}

func classifyUnsupported(n uint16) verdict {
	switch n {
	case 1845, 1846, 4092: // ALGORITHM or LOCK; too many row versions
		return verdict{fault.Unsupported, dialect.ReasonAlgorithmUnsupported, "run the statement without ALGORITHM and LOCK, when the table is quiet"}
	case 3753, 3756, 3757, 3758, 3761, 3762: // functional indexes
		return verdict{fault.Unsupported, "NOT_SUPPORTED", "the expression cannot be indexed so: give it a size with CAST(… AS CHAR(191)), or index a generated column"}
	case 1101, 1170, 1178, 1235, 3152, 3754:
		return verdict{fault.Unsupported, "NOT_SUPPORTED", "this engine cannot do it"}
	}
	return verdict{fault.Refused, "STATEMENT_FAILED", "read the server's message; the statement is recorded in the history"}
}

// numberOf is the server's error number, or 0.
func numberOf(err error) uint16 {
	var my *mysql.MySQLError
	if errors.As(err, &my) {
		return my.Number
	}
	return 0
}
