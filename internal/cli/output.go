package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/lockstepdb/lockstep/internal/cli/text"
	"github.com/lockstepdb/lockstep/internal/fault"
)

// The output formats.
const (
	formatText = "text"
	formatJSON = "json"
	formatSQL  = "sql"
)

// format is the --format flag of a command.
type format struct {
	value string
	known []string
}

// addFormat gives a command the --format flag with text, json and any more.
func addFormat(cmd *cobra.Command, more ...string) *format {
	f := &format{known: append([]string{formatText, formatJSON}, more...)}
	cmd.Flags().StringVar(&f.value, "format", formatText, "output: "+strings.Join(f.known, ", "))
	return f
}

func (f *format) check(cmd *cobra.Command) error {
	if slices.Contains(f.known, f.value) {
		return nil
	}
	return usagef(cmd, "there is no format %q; use %s", f.value, strings.Join(f.known, ", "))
}

// render writes a message in the format that was asked for.
func render[M proto.Message](a *app, f *format, msg M, asText func(*text.Printer, M)) error {
	if f.value == formatJSON {
		return written(writeJSON(a.env.Out, msg))
	}
	p := text.New(a.env.Out, a.color(a.env.Out))
	asText(p, text.Clean(msg))
	return written(p.Err())
}

func (a *app) printLine(line string) error {
	_, err := fmt.Fprintln(a.env.Out, line)
	return written(err)
}

func written(err error) error {
	if err == nil {
		return nil
	}
	return fault.Wrap(err, fault.Unavailable, "OUTPUT_FAILED", "the output cannot be written")
}

// writeJSON writes a message of the API as one indented JSON document. protojson
// varies its white space on purpose; indenting it again makes it stable.
func writeJSON(w io.Writer, msg proto.Message) error {
	raw, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(msg)
	if err != nil {
		return fault.Wrap(err, fault.Bug, "JSON_FAILED", "the answer cannot be rendered as JSON")
	}
	var b bytes.Buffer
	if err := json.Indent(&b, raw, "", "  "); err != nil {
		return fault.Wrap(err, fault.Bug, "JSON_FAILED", "the answer cannot be rendered as JSON")
	}
	b.WriteByte('\n')
	_, err = w.Write(b.Bytes())
	return err
}
