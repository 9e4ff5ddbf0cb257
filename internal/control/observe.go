package control

import "context"

// Observer is told of every query of the store; telemetry.NewStoreObserver makes
// a metric and a span of it.
type Observer interface {
	// Query is called before a query, with its name in the .sql files, or Begin
	// and Commit; the function it returns is called after it, with a fault or nil.
	// The context is that of the query.
	Query(ctx context.Context, name string) (context.Context, func(err error))
}
