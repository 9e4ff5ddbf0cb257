package rpc

import (
	"context"
	"time"

	"google.golang.org/grpc/tap"
)

// defaultArrivalTime is how long the request of a call may take to arrive.
const defaultArrivalTime = 30 * time.Second

type arrivalKey struct{}

// awaitRequest ends a call whose request does not arrive in time: it is received
// before anybody knows who calls, and no deadline of the client's can be relied
// on. gRPC lets nobody in between but a tap.
func awaitRequest(limit time.Duration) tap.ServerInHandle {
	if limit <= 0 {
		limit = defaultArrivalTime
	}
	return func(ctx context.Context, _ *tap.Info) (context.Context, error) {
		ctx, cancel := context.WithCancel(ctx)
		timer := time.AfterFunc(limit, cancel)
		context.AfterFunc(ctx, func() { // the call has ended
			timer.Stop()
			cancel()
		})
		return context.WithValue(ctx, arrivalKey{}, timer), nil
	}
}

// arrived says that the request of a call is there: what it asks for may take any
// time.
func arrived(ctx context.Context) {
	if timer, ok := ctx.Value(arrivalKey{}).(*time.Timer); ok {
		timer.Stop()
	}
}
