package rpc

import (
	"context"
	"crypto/tls"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// Client is how a client reaches a server.
type Client struct {
	Address         string // host:port
	MaxMessageBytes int    // 0: DefaultMaxMessageBytes
	TLS             *tls.Config
	Token           string // bearer token; "": none
}

// Dial returns a connection to the server at host:port, without TLS and token.
// It connects at the first call.
func Dial(address string, maxMessageBytes int) (*grpc.ClientConn, error) {
	return Client{Address: address, MaxMessageBytes: maxMessageBytes}.Dial()
}

// Dial returns a connection. It connects at the first call. A token does not
// travel unencrypted beyond this machine: that is Invalid.
func (c Client) Dial() (*grpc.ClientConn, error) {
	transport := insecure.NewCredentials()
	if c.TLS != nil {
		transport = credentials.NewTLS(c.TLS)
	}
	var options []grpc.DialOption
	if c.Token != "" {
		if c.TLS == nil && !loopback(c.Address) {
			return nil, fault.New(fault.Invalid, "TOKEN_IN_CLEAR", "the token would travel to %s unencrypted", c.Address).
				Suggest("use --tls; the server needs tls-cert and tls-key for that")
		}
		options = append(options, grpc.WithPerRPCCredentials(bearer{token: c.Token, secure: c.TLS != nil}))
	}
	return dial("dns:///"+c.Address, c.MaxMessageBytes, transport, options...)
}

func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// bearer sends a token with every call.
type bearer struct {
	token  string
	secure bool
}

// GetRequestMetadata implements credentials.PerRPCCredentials.
func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + b.token}, nil
}

// RequireTransportSecurity implements credentials.PerRPCCredentials.
func (b bearer) RequireTransportSecurity() bool { return b.secure }

func dial(
	target string, maxMessageBytes int, transport credentials.TransportCredentials, more ...grpc.DialOption,
) (*grpc.ClientConn, error) {
	if maxMessageBytes <= 0 {
		maxMessageBytes = DefaultMaxMessageBytes
	}
	conn, err := grpc.NewClient(target, append(more,
		grpc.WithTransportCredentials(transport),
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
