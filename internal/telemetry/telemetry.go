// Package telemetry sets up what lockstep says about itself. For now that is
// the structured log; metrics and traces come with their own issue.
//
// Nothing that is logged may hold a secret: targets print themselves redacted,
// and requests are never logged.
package telemetry

import (
	"io"
	"log/slog"
)

// NewLogger returns a logger that writes to w, as JSON or as text.
func NewLogger(w io.Writer, level slog.Level, format string) *slog.Logger {
	opts := &slog.HandlerOptions{Level: level}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}
