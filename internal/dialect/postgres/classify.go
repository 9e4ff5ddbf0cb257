package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// verdict is what an SQLSTATE means to lockstep.
type verdict struct {
	kind       fault.Kind
	reason     string
	suggestion string
}

// Classify implements dialect.Classifier by SQLSTATE:
// https://www.postgresql.org/docs/current/errcodes-appendix.html
// The server's DETAIL is left out, since it quotes the values of rows, except
// where it lists objects.
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
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		v := classifyState(stateOf(pg))
		return fault.Wrap(err, v.kind, v.reason, "%s", detail(pg)).Suggest("%s", v.suggestion)
	}
	var connect *pgconn.ConnectError
	var netErr net.Error
	switch {
	case errors.As(err, &connect):
		return fault.Wrap(err, fault.Unavailable, "DATABASE_UNREACHABLE", "the database server cannot be reached").
			Suggest("check host, port, TLS and that the server is up")
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone), errors.As(err, &netErr), connectionLost(err):
		return fault.Wrap(err, fault.Unavailable, "CONNECTION_LOST", "the connection to the database was lost").
			Suggest("try again once the server answers")
	}
	return fault.Wrap(err, fault.Bug, "DRIVER_ERROR", "the driver reported an error without a code")
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

// connectionLost tells whether the driver marked its connection as broken.
func connectionLost(err error) bool {
	var safe interface{ SafeToRetry() bool }
	return errors.As(err, &safe) || errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// detail is the server's message and the names it gives.
func detail(e *pgconn.PgError) string {
	var names []string
	add := func(what, name string) {
		if name != "" {
			names = append(names, what+" "+name)
		}
	}
	add("table", e.TableName)
	add("column", e.ColumnName)
	add("constraint", e.ConstraintName)
	message := e.Message
	if holdsValue(e.Code) {
		message, _, _ = strings.Cut(message, ": ") // invalid input syntax for type integer: "secret"
	}
	if stateOf(e) == dependentObjects && e.Detail != "" {
		names = append(names, dependents(e.Detail))
	}
	out := fmt.Sprintf("%s (SQLSTATE %s)", message, e.Code)
	if len(names) > 0 {
		out += ": " + strings.Join(names, ", ")
	}
	return out
}

// dependentObjects is dependent_objects_still_exist.
const dependentObjects = "2BP01"

// stateOf is the state that says why. For a type that something else stands on
// (a view, a trigger, a policy) the server has only feature_not_supported, which
// is much else too; the routine that reports it, a field of its own, tells.
// PostgreSQL 16 moved the report from the one routine to the other.
func stateOf(e *pgconn.PgError) string {
	if e.Code == "0A000" && (e.Routine == "ATExecAlterColumnType" || e.Routine == "RememberAllDependentForRebuilding") {
		return dependentObjects
	}
	return e.Code
}

// dependents shortens the list of what stands on an object, a line each: names
// of objects, and no values.
func dependents(list string) string {
	const most = 5
	lines := strings.Split(list, "\n")
	if more := len(lines) - most; more > 0 {
		lines = append(lines[:most], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(lines, "; ")
}

// holdsValue names the states whose message itself quotes a row's value behind
// a colon.
func holdsValue(state string) bool {
	return strings.HasPrefix(state, "22")
}

const (
	mendData  = "mend the rows, or relax the change, and execute again"
	mendDrift = "the database is not what was last recorded: compare it with the last revision (lockstep history --revision N), bring it back to that, and execute again"
)

func classifyState(code string) verdict {
	switch code {
	case "23505":
		return verdict{fault.Refused, "DATA_DUPLICATE", "remove the duplicate values first; " + mendData}
	case "23502":
		return verdict{fault.Refused, "DATA_NULL", "fill the NULL values first, or give the column a default; " + mendData}
	case "23503":
		return verdict{fault.Refused, "DATA_ORPHAN", "remove the rows that refer to nothing, or bring what they refer to; " + mendData}
	case "23514":
		return verdict{fault.Refused, "DATA_CHECK", "some rows violate the check; " + mendData}
	case "42804", "42846":
		return verdict{fault.Refused, "TYPE_NOT_CONVERTIBLE", "the engine has no conversion between these types: add a new column and move the values"}
	case "42P06", "42P07", "42701", "42710", "42723":
		return verdict{fault.Drift, "OBJECT_EXISTS", mendDrift}
	case "42P01", "42703":
		return verdict{fault.Drift, "OBJECT_MISSING", mendDrift}
	case "42704": // also of types
		return verdict{fault.Drift, "OBJECT_MISSING", mendDrift + "; a missing type may belong to an extension that is not in the tenant's schema"}
	case "55P03":
		return verdict{fault.Conflict, "LOCK_TIMEOUT", "another session holds a lock on the table; try again when it is quieter, or allow a longer lock timeout"}
	case "40P01":
		return verdict{fault.Conflict, "DEADLOCK", "try again"}
	case "55006":
		return verdict{fault.Conflict, "OBJECT_IN_USE", "another session, or a trigger that is still to fire, uses the object; try again when it is quieter"}
	case "40001":
		return verdict{fault.Conflict, "SERIALIZATION", "try again"}
	case "57014":
		return verdict{fault.Deadline, "STATEMENT_TIMEOUT", "allow a longer statement timeout, or run it when the table is quieter"}
	case "42501":
		return verdict{fault.Denied, "DATABASE_PERMISSION", "grant the database user what the statement needs: it must own the tables, and may need CREATE on the schema or database"}
	case "28000", "28P01":
		return verdict{fault.Denied, "DATABASE_AUTH", "check the user and password of the target, and the server's pg_hba.conf"}
	case "3D000", "57P04":
		return verdict{fault.NotFound, "DATABASE_UNKNOWN", "create the database first, or correct the target"}
	case "3F000":
		return verdict{fault.NotFound, "SCHEMA_UNKNOWN", "create the tenant's schema first, or grant the database user USAGE on it"}
	case "42830":
		return verdict{fault.Refused, "FOREIGN_KEY_TYPES", "give what the foreign key refers to a unique key"}
	case dependentObjects:
		return verdict{fault.Refused, "DEPENDENT_OBJECTS", "a view or another object depends on this; drop or change it first"}
	}
	return classifyServer(code)
}

// classifyServer knows the states for how the server is.
func classifyServer(code string) verdict {
	switch code {
	case "25006":
		return verdict{fault.Unavailable, "DATABASE_READ_ONLY", "connect to the primary server"}
	case "53100":
		return verdict{fault.Exhausted, "DISK_FULL", "free disk space on the server, then execute again"}
	case "53300":
		return verdict{fault.Exhausted, "TOO_MANY_CONNECTIONS", "try again when fewer sessions are open, or raise max_connections or the connection limit of the user"}
	case "57P01", "57P02", "57P03":
		return verdict{fault.Unavailable, "DATABASE_SHUTDOWN", "try again once the server is up"}
	case "25P03", "57P05":
		return verdict{fault.Unavailable, "CONNECTION_LOST", "the server closed a session that was idle for too long: try again, or allow more idle time"}
	case "25P02":
		return verdict{fault.Bug, "TX_FAILED", ""}
	}
	return classifyClass(code)
}

// classifyClass decides by the first two characters.
func classifyClass(code string) verdict {
	if len(code) < 2 {
		return verdict{fault.Refused, "STATEMENT_FAILED", ""}
	}
	switch code[:2] {
	case "22":
		return verdict{fault.Refused, "DATA_CAST", "some values do not fit the new type; " + mendData}
	case "23":
		return verdict{fault.Refused, "DATA_VIOLATION", mendData}
	case "53", "54":
		return verdict{fault.Exhausted, "LIMIT_REACHED", "the server ran into one of its limits"}
	case "08":
		return verdict{fault.Unavailable, "CONNECTION_LOST", "try again once the server answers"}
	case "58":
		return verdict{fault.Unavailable, "SERVER_FAILURE", "look at the server's log"}
	case "0A":
		return verdict{fault.Unsupported, "NOT_SUPPORTED", "this version of the engine cannot do it"}
	case "XX":
		return verdict{fault.Unavailable, "SERVER_FAILURE", "look at the server's log"}
	}
	return verdict{fault.Refused, "STATEMENT_FAILED", "read the server's message; the statement is recorded in the history"}
}
