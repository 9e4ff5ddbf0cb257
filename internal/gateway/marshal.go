package gateway

import (
	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/protobuf/encoding/protojson"
)

// marshaler is protojson with every scalar present, as the command line prints
// it, and a content type of its own for streams: one JSON document per line.
type marshaler struct{ runtime.JSONPb }

func newMarshaler() *marshaler {
	return &marshaler{runtime.JSONPb{MarshalOptions: protojson.MarshalOptions{EmitDefaultValues: true}}}
}

// StreamContentType names the content type of a streamed answer.
func (*marshaler) StreamContentType(any) string { return "application/x-ndjson" }
