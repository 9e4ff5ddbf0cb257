package rpc

import (
	"context"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// pipeBytes is the buffer of an in-process connection.
const pipeBytes = 1 << 20

// Connect returns a connection to the server within this process, for the
// gateway and for a command line without --address. The server serves it until
// it is shut down.
func (s *Server) Connect(ctx context.Context) (*grpc.ClientConn, error) {
	lis := bufconn.Listen(pipeBytes)
	go func() {
		// The listener fails only by being closed at shutdown.
		_ = s.Serve(ctx, lis)
	}()
	return dial("passthrough:///in-process", s.cfg.MaxMessageBytes,
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return lis.DialContext(ctx) }))
}

// Dial returns a connection to the server at host:port. It connects at the
// first call.
func Dial(address string, maxMessageBytes int) (*grpc.ClientConn, error) {
	return dial("dns:///"+address, maxMessageBytes)
}

func dial(target string, maxMessageBytes int, more ...grpc.DialOption) (*grpc.ClientConn, error) {
	if maxMessageBytes <= 0 {
		maxMessageBytes = DefaultMaxMessageBytes
	}
	conn, err := grpc.NewClient(target, append(more,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDisableServiceConfig(),
		grpc.WithDefaultCallOptions(
			grpc.MaxCallRecvMsgSize(maxMessageBytes), grpc.MaxCallSendMsgSize(maxMessageBytes)),
	)...)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "ADDRESS_INVALID", "the server's address cannot be read").
			Suggest("write it as host:port")
	}
	return conn, nil
}
