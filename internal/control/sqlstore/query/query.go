// Package query is the one way to the control store's tables: the queries of
// queries/*.sql as one interface with one set of types, whichever engine runs
// them. sqlc generates the access to each engine, gen the types and the adapters
// that lead every single query through a Watch.
package query

import "context"

// Watch runs one query under a deadline, tells who watches, and turns what went
// wrong into a fault. run may be called once only.
type Watch func(ctx context.Context, name string, run func(ctx context.Context) error) error

// Do runs a query that returns nothing.
func Do(ctx context.Context, watch Watch, name string, run func(ctx context.Context) error) error {
	return watch(ctx, name, run)
}

// Get runs a query that returns something.
func Get[T any](ctx context.Context, watch Watch, name string, run func(ctx context.Context) (T, error)) (T, error) {
	var out T
	err := watch(ctx, name, func(ctx context.Context) (err error) {
		out, err = run(ctx)
		return err
	})
	return out, err
}

// Each converts rows.
func Each[A, B any](rows []A, convert func(A) B) []B {
	out := make([]B, len(rows))
	for i, r := range rows {
		out[i] = convert(r)
	}
	return out
}
