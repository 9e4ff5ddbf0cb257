package rpc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/lockstepdb/lockstep/internal/access"
)

// door is the way by which a connection came in. It is a property of the
// connection, which only this process can make, and never of what was sent over
// it: nobody can claim to have come in by another.
type door uint8

const (
	listenerDoor door = iota // over the network
	localDoor                // the command line in this very process
	gatewayDoor              // the HTTP gateway, which says whom it serves
)

// The metadata by which the gateway says whom it serves. It is believed behind
// the gateway's door alone.
const (
	// ForwardedPeer holds the address of the HTTP client.
	ForwardedPeer = "lockstep-forwarded-peer"
	// ForwardedCertificate holds the client certificate that TLS has verified, in
	// DER.
	ForwardedCertificate = "lockstep-forwarded-certificate-bin"
)

// doorListener marks what it accepts.
type doorListener struct {
	net.Listener
	door door
}

// Accept implements net.Listener.
func (l doorListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return doorConn{Conn: conn, door: l.door}, nil
}

type doorConn struct {
	net.Conn
	door door
}

// doorInfo is the AuthInfo of a connection without TLS.
type doorInfo struct {
	credentials.CommonAuthInfo
	door door
}

// AuthType implements credentials.AuthInfo.
func (doorInfo) AuthType() string { return "door" }

// doorCredentials speak TLS, where it is configured, with whoever comes over
// the network, and nothing with this process itself.
type doorCredentials struct {
	credentials.TransportCredentials // nil: no TLS
}

func newDoorCredentials(cfg *tls.Config) credentials.TransportCredentials {
	if cfg == nil {
		return doorCredentials{}
	}
	return doorCredentials{credentials.NewTLS(cfg)}
}

// ServerHandshake implements credentials.TransportCredentials.
func (c doorCredentials) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	if in, ok := conn.(doorConn); ok {
		return conn, doorInfo{credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity}, in.door}, nil
	}
	if c.TransportCredentials == nil {
		return conn, doorInfo{credentials.CommonAuthInfo{SecurityLevel: credentials.NoSecurity}, listenerDoor}, nil
	}
	return c.TransportCredentials.ServerHandshake(conn)
}

// ClientHandshake implements credentials.TransportCredentials; a server's are
// not for clients.
func (doorCredentials) ClientHandshake(context.Context, string, net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return nil, nil, credentials.ErrConnDispatched
}

// Info implements credentials.TransportCredentials.
func (c doorCredentials) Info() credentials.ProtocolInfo {
	if c.TransportCredentials == nil {
		return credentials.ProtocolInfo{SecurityProtocol: "insecure"}
	}
	return c.TransportCredentials.Info()
}

// Clone implements credentials.TransportCredentials.
func (c doorCredentials) Clone() credentials.TransportCredentials { return c }

// caller is what a call's connection and headers say about who makes it.
type caller struct {
	access.Credentials
	address string // host:port, or ""
}

// callerOf collects what a caller brings.
func callerOf(ctx context.Context) caller {
	var out caller
	headers, _ := metadata.FromIncomingContext(ctx)
	if values := headers.Get("authorization"); len(values) > 0 {
		out.Authorization = values[0]
	}
	p, ok := peer.FromContext(ctx)
	if !ok {
		return out
	}
	if p.Addr != nil {
		out.address = p.Addr.String()
	}
	switch info := p.AuthInfo.(type) {
	case credentials.TLSInfo:
		if chains := info.State.VerifiedChains; len(chains) > 0 {
			out.Certificate = chains[0][0]
		}
	case doorInfo:
		out.Local = info.door == localDoor
		if info.door == gatewayDoor {
			out.forwarded(headers)
		}
	}
	return out
}

// forwarded takes over whom the gateway serves.
func (c *caller) forwarded(headers metadata.MD) {
	if values := headers.Get(ForwardedPeer); len(values) > 0 {
		c.address = values[0]
	}
	if values := headers.Get(ForwardedCertificate); len(values) > 0 {
		if cert, err := x509.ParseCertificate([]byte(values[0])); err == nil {
			c.Certificate = cert
		}
	}
}

// host is the caller's address without its port.
func (c *caller) host() string {
	if host, _, err := net.SplitHostPort(c.address); err == nil {
		return host
	}
	return c.address
}
