package rpc

import (
	"bufio"

	"google.golang.org/grpc"

	lockstepv1 "github.com/lockstepdb/lockstep/api/lockstep/v1"
)

// exportBytes is the size of a piece of an export.
const exportBytes = 64 << 10

// ExportAudit streams the chain as JSON lines.
func (s *auditService) ExportAudit(
	req *lockstepv1.ExportAuditRequest, stream grpc.ServerStreamingServer[lockstepv1.ExportAuditResponse],
) error {
	store, err := s.places.stored()
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(pieces{stream}, exportBytes)
	if _, err := store.ExportAudit(stream.Context(), out, req.GetAfter()); err != nil {
		return err
	}
	return out.Flush()
}

// pieces sends what is written in pieces of a size that a message may have.
type pieces struct {
	stream grpc.ServerStreamingServer[lockstepv1.ExportAuditResponse]
}

// Write implements io.Writer.
func (p pieces) Write(data []byte) (int, error) {
	for at := 0; at < len(data); at += exportBytes {
		piece := data[at:min(at+exportBytes, len(data))]
		if err := p.stream.Send(&lockstepv1.ExportAuditResponse{Data: piece}); err != nil {
			return at, err
		}
	}
	return len(data), nil
}
