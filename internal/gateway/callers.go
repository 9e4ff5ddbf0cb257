package gateway

import (
	"context"
	"crypto/x509"
	"net"
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc/metadata"

	"github.com/lockstepdb/lockstep/internal/access"
	"github.com/lockstepdb/lockstep/internal/fault"
	"github.com/lockstepdb/lockstep/internal/rpc"
	"github.com/lockstepdb/lockstep/internal/rpc/status"
)

// forward says to the gRPC server whom the gateway serves. The Authorization
// header is passed on by the runtime; no other header is (see noHeader), so none
// can be taken for what is said here.
func forward(_ context.Context, r *http.Request) metadata.MD {
	md := metadata.Pairs(rpc.ForwardedPeer, r.RemoteAddr)
	if cert := certificateOf(r); cert != nil {
		md.Set(rpc.ForwardedCertificate, string(cert.Raw))
	}
	return md
}

// certificateOf returns the client certificate that TLS has verified, or nil.
func certificateOf(r *http.Request) *x509.Certificate {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return nil
	}
	return r.TLS.VerifiedChains[0][0]
}

// viewers lets through whoever is a viewer of everything.
func viewers(next http.Handler, authenticate Authenticate) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, err := authenticate(r.Context(), access.Credentials{
			Authorization: r.Header.Get("Authorization"), Certificate: certificateOf(r),
		})
		if err == nil {
			_, err = access.Policy{"": {Role: access.Viewer, Scope: access.Global}}.Admit(who, "")
		}
		if err != nil {
			writeError(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// localHosts refuses requests for other names than this machine's own.
func localHosts(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			writeError(w, r, fault.New(fault.Denied, "HOST_UNKNOWN", "without authentication the API is only for this machine, by its own name").
				Suggest("call it as localhost, or configure authentication"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// writeError writes an error outside any call of the API.
func writeError(w http.ResponseWriter, r *http.Request, err error) {
	handleError(r.Context(), runtime.NewServeMux(), newMarshaler(), w, r, status.Of(err).Err())
}
