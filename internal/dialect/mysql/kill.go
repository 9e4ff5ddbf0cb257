package mysql

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/go-sql-driver/mysql"
)

// The server does not notice that a client went away while it works: it would
// finish the statement, and hold the tenant's lock as long. So a session that is
// given up is ended on the server, by way of a second connection.
// https://dev.mysql.com/doc/refman/8.4/en/kill.html

// settleTime bounds the second connection's work.
const settleTime = 5 * time.Second

// settlePause is the time between two looks at the list of processes.
const settlePause = 10 * time.Millisecond

// kill ends the session's statement (QUERY) or the whole session (CONNECTION),
// and waits until the latter is gone. What fails here fails again, and is told,
// where the session is used next.
func (s *session) kill(what string) {
	ctx, cancel := context.WithTimeout(context.Background(), settleTime)
	defer cancel()
	cfg := s.cfg.Clone()
	cfg.DBName, cfg.Params = "", nil
	c, err := mysql.NewConnector(cfg)
	if err != nil {
		return
	}
	db := sql.OpenDB(c)
	defer func() { _ = db.Close() }()
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, fmt.Sprintf("KILL %s %d", what, s.id)); err != nil || what != "CONNECTION" {
		return // gone already
	}
	for {
		var left int
		err := db.QueryRowContext(ctx, fmt.Sprintf("SELECT count(*) FROM information_schema.PROCESSLIST WHERE ID = %d", s.id)).Scan(&left)
		if err != nil || left == 0 {
			return
		}
		timer := time.NewTimer(settlePause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}
