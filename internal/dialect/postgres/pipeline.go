package postgres

import (
	"context"

	"github.com/jackc/pgx/v5/pgconn"
)

// pipelineTx is a tx that need not wait for each answer. Sessions whose
// connector is wrapped do not have it: what a test injects is below the driver.
type pipelineTx struct{ *tx }

// pipelined bounds how many statements are on their way at once, so that a plan
// of ten thousand does not fill the buffers of both sides.
const pipelined = 128

// ExecPipeline implements dialect.Pipeliner with the extended protocol's
// pipelining: https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-PIPELINING
// The server is asked to flush after each statement, so that done is called
// when the statement has ended and not when all have. It also takes one command
// a message and refuses what hides a second behind a semicolon.
func (t pipelineTx) ExecPipeline(ctx context.Context, statements []string, done func(i int)) error {
	var failure error
	err := t.s.conn.Raw(func(any) error {
		for from := 0; from < len(statements) && failure == nil; from += pipelined {
			to := min(from+pipelined, len(statements))
			failure = send(ctx, t.s.pgx.PgConn(), statements[from:to], func(i int) { done(from + i) })
		}
		return nil // a broken connection shows in its own state
	})
	if failure == nil {
		failure = err
	}
	return withCause(ctx, failure)
}

// send runs one pipeline to its end. After a failure the server skips the rest.
func send(ctx context.Context, conn *pgconn.PgConn, statements []string, done func(i int)) error {
	p := conn.StartPipeline(ctx)
	for _, s := range statements {
		p.SendQueryParams(s, nil, nil, nil, nil)
		p.SendFlushRequest()
	}
	failure := p.Sync()
	for i := 0; i < len(statements) && failure == nil; i++ {
		var results any
		if results, failure = p.GetResults(); failure != nil {
			break
		}
		if r, ok := results.(*pgconn.ResultReader); ok {
			_, failure = r.Close()
		}
		if failure == nil {
			done(i)
		}
	}
	if err := p.Close(); failure == nil {
		failure = err
	}
	return failure
}
