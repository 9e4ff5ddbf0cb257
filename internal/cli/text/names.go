package text

import (
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
)

// enumWord turns the name of an enum value into words: prefix off, lower case.
func enumWord(value fmt.Stringer, prefix, gap string) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(value.String(), prefix)), "_", gap)
}

// Strategy returns the name that flags use.
func Strategy(s lockstepv1.Strategy) string {
	if s == lockstepv1.Strategy_STRATEGY_UNSPECIFIED {
		s = lockstepv1.Strategy_STRATEGY_SAFE
	}
	return enumWord(s, "STRATEGY_", "-")
}

// database renders a target with its engine.
func database(target string, e lockstepv1.Engine, version int32) string {
	if name := engine(e, version); name != "" {
		return target + "  (" + name + ")"
	}
	return target
}

// engine renders an engine and its major version.
func engine(e lockstepv1.Engine, version int32) string {
	name := map[lockstepv1.Engine]string{
		lockstepv1.Engine_ENGINE_POSTGRES:  "PostgreSQL",
		lockstepv1.Engine_ENGINE_MYSQL:     "MySQL",
		lockstepv1.Engine_ENGINE_MARIADB:   "MariaDB",
		lockstepv1.Engine_ENGINE_SQLSERVER: "SQL Server",
		lockstepv1.Engine_ENGINE_SQLITE:    "SQLite",
	}[e]
	if version > 0 {
		return fmt.Sprintf("%s %d", name, version)
	}
	return name
}

func kindWord(k lockstepv1.ObjectKind) string { return enumWord(k, "OBJECT_KIND_", " ") }

func timeText(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	return t.AsTime().UTC().Format("2006-01-02 15:04:05")
}

func durationText(d *durationpb.Duration) string {
	v := d.AsDuration()
	switch {
	case v >= time.Minute:
		return v.Round(time.Second).String()
	case v >= time.Second:
		return v.Round(10 * time.Millisecond).String()
	case v >= time.Millisecond:
		return v.Round(100 * time.Microsecond).String()
	default:
		return v.Round(time.Microsecond).String()
	}
}
