package mysql

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/lockstepdb/lockstep/internal/dialect"
	"github.com/lockstepdb/lockstep/internal/fault"
)

var (
	_ dialect.Scratcher = (*Dialect)(nil)
	_ dialect.Surveyor  = (*Dialect)(nil)
)

// scratch is a database of its own that Close drops.
type scratch struct {
	*session
	name string
}

// The errors of a user who may not create databases: ER_DBACCESS_DENIED_ERROR
// and ER_SPECIFIC_ACCESS_DENIED_ERROR.
const (
	databaseDenied = 1044
	specificDenied = 1227
)

// Scratch implements dialect.Scratcher with a database of its own, since DDL
// commits by itself. Its name tells when it was made, so that what a killed
// process left behind is found and removed by a later one.
func (d *Dialect) Scratch(ctx context.Context, t dialect.Target) (dialect.Scratch, error) {
	opened, err := d.Open(ctx, t)
	if err != nil {
		return nil, err
	}
	own, ok := opened.(*session)
	if !ok {
		return nil, fault.New(fault.Bug, "SESSION_FOREIGN", "a session of %s is not this package's own", d.server.Engine)
	}
	s := &scratch{session: own}
	if err := s.create(ctx); err != nil {
		_ = s.Close(ctx)
		if n := numberOf(err); n == databaseDenied || n == specificDenied {
			return nil, fault.Wrap(err, fault.Denied, dialect.ReasonScratchDenied, "the user may not create a scratch database").
				Suggest("GRANT ALL ON `%s%%`.* to the tenant's user; nothing is left behind", strings.ReplaceAll(dialect.ScratchPrefix, "_", `\_`))
		}
		return nil, d.Classify(err)
	}
	return s, nil
}

// create makes the database with the tenant's character set and collation, so
// that columns which name none get the same.
func (s *scratch) create(ctx context.Context) error {
	var now int64
	charset, collation := "utf8mb4", ""
	if s.missing {
		if err := s.scan(ctx, "SELECT UNIX_TIMESTAMP()", &now); err != nil {
			return err
		}
	} else if err := s.scan(ctx, "SELECT UNIX_TIMESTAMP(), @@character_set_database, @@collation_database", &now, &charset, &collation); err != nil {
		return err
	}
	s.sweep(ctx, now)
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails
	name := fmt.Sprintf("%s%x_%s", dialect.ScratchPrefix, now, hex.EncodeToString(b[:]))
	create := "CREATE DATABASE " + quote(name) + " CHARACTER SET " + charset
	if collation != "" {
		create += " COLLATE " + collation
	}
	if _, err := s.ExecContext(ctx, create); err != nil {
		return err
	}
	s.name = name
	_, err := s.ExecContext(ctx, "USE "+quote(name))
	return err
}

func (s *scratch) scan(ctx context.Context, query string, dest ...any) error {
	rows, err := s.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return err
		}
	}
	return rows.Err()
}

// scratchAge is after what time a scratch database is nobody's any more.
const scratchAge = time.Hour

// sweep drops scratch databases whose makers have died. It is a courtesy: that a
// user may not see or drop one stops nothing.
func (s *scratch) sweep(ctx context.Context, now int64) {
	rows, err := s.QueryContext(ctx, "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE ?",
		strings.ReplaceAll(dialect.ScratchPrefix, "_", `\_`)+"%")
	if err != nil {
		return
	}
	defer func() { _ = rows.Close() }()
	var old []string
	for rows.Next() {
		var name string
		if rows.Scan(&name) == nil && abandoned(name, now) {
			old = append(old, name)
		}
	}
	if rows.Err() != nil || rows.Close() != nil {
		return
	}
	for _, name := range old {
		_, _ = s.ExecContext(ctx, "DROP DATABASE IF EXISTS "+quote(name))
	}
}

// abandoned tells by its name whether a database is a scratch of long ago.
func abandoned(name string, now int64) bool {
	m := scratchName().FindStringSubmatch(name)
	if m == nil {
		return false
	}
	made, err := strconv.ParseInt(m[1], 16, 64)
	return err == nil && now-made > int64(scratchAge/time.Second)
}

func scratchName() *regexp.Regexp {
	return regexp.MustCompile("^" + dialect.ScratchPrefix + "([0-9a-f]{8,12})_[0-9a-f]{12}$")
}

// Close implements dialect.Scratch: it drops the database, over a new connection
// when the old one is dead.
func (s *scratch) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	err := s.dropDatabase(ctx)
	if closed := s.session.Close(); err == nil { //nolint:contextcheck // what ends a dead connection has a time of its own
		err = closed
	}
	return err
}

func (s *scratch) dropDatabase(ctx context.Context) error {
	if s.name == "" {
		return nil
	}
	drop := "DROP DATABASE IF EXISTS " + quote(s.name)
	if _, err := s.ExecContext(ctx, drop); err == nil {
		return nil
	}
	s.cfg.DBName = ""
	if err := s.connect(ctx); err != nil {
		return s.dialect.Classify(err)
	}
	if _, err := s.ExecContext(ctx, drop); err != nil {
		return s.dialect.Classify(err)
	}
	return nil
}

// Circumstances implements dialect.Scratcher: the database's character set and
// collation, which columns without their own take.
func (d *Dialect) Circumstances(ctx context.Context, q dialect.Querier) (string, error) {
	rows, err := q.QueryContext(ctx, "SELECT CONCAT_WS(' ', VERSION(), @@character_set_database, @@collation_database, @@lower_case_table_names)")
	if err != nil {
		return "", d.Classify(err)
	}
	defer func() { _ = rows.Close() }()
	var out sql.NullString
	for rows.Next() {
		if err := rows.Scan(&out); err != nil {
			return "", d.Classify(err)
		}
	}
	if err := rows.Err(); err != nil {
		return "", d.Classify(err)
	}
	return out.String, nil
}
