package rpc

import (
	"context"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
)

// pipeBytes is the buffer of an in-process connection.
const pipeBytes = 1 << 20

// Connect returns a connection to the server within this process, for a command
// line without --address: who has it may do everything. The server serves it
// until it is shut down.
func (s *Server) Connect(ctx context.Context) (*grpc.ClientConn, error) {
	return s.connect(ctx, localDoor)
}

// ConnectGateway is Connect for the HTTP gateway, which proves for each call
// whom it serves: by the Authorization header, ForwardedPeer and
// ForwardedCertificate.
func (s *Server) ConnectGateway(ctx context.Context, options ...grpc.DialOption) (*grpc.ClientConn, error) {
	return s.connect(ctx, gatewayDoor, options...)
}

func (s *Server) connect(ctx context.Context, by door, options ...grpc.DialOption) (*grpc.ClientConn, error) {
	lis := bufconn.Listen(pipeBytes)
	go func() {
		// The listener fails only by being closed at shutdown.
		_ = s.Serve(ctx, doorListener{lis, by})
	}()
	return dial("passthrough:///in-process", s.cfg.MaxMessageBytes, insecure.NewCredentials(), append(options,
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return lis.DialContext(ctx) }))...)
}
