// Package text renders the messages of the API for people: plain words, aligned
// and coloured where the output is a terminal, and just as clear without
// colour. It knows nothing but the messages, so what it prints is what any
// client could print.
package text

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Printer writes to one output. The first error of the output is kept and
// returned by Err; writing goes on into nothing.
type Printer struct {
	w     io.Writer
	color bool
	err   error
}

// New returns a printer; color switches ANSI colours on.
func New(w io.Writer, color bool) *Printer { return &Printer{w: w, color: color} }

// Err returns the first error of the output.
func (p *Printer) Err() error { return p.err }

func (p *Printer) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}

func (p *Printer) line(words ...string) {
	p.printf("%s\n", strings.TrimRight(strings.Join(words, ""), " "))
}

// style is an ANSI attribute.
type style string

const (
	bold   style = "1"
	dim    style = "2"
	red    style = "31"
	green  style = "32"
	yellow style = "33"
	cyan   style = "36"
	alarm  style = "1;31"
)

func (p *Printer) paint(s style, text string) string {
	if !p.color || s == "" || text == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

// pad fills text up to width, counting characters.
func pad(text string, width int) string {
	if n := utf8.RuneCountInString(text); n < width {
		return text + strings.Repeat(" ", width-n)
	}
	return text
}

// block writes text indented, line by line.
func (p *Printer) block(indent, text string, s style) {
	for l := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		p.line(indent, p.paint(s, l))
	}
}

// rows writes cells in aligned columns; the last column is not padded. paint
// may colour a cell after its width was taken.
func (p *Printer) rows(indent string, rows [][]string, paint func(row, col int, cell string) string) {
	var widths []int
	for _, r := range rows {
		for i, cell := range r {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for n, r := range rows {
		var b strings.Builder
		b.WriteString(indent)
		for i, cell := range r {
			if i < len(r)-1 {
				cell = pad(cell, widths[i]+2)
			}
			if paint != nil {
				cell = paint(n, i, cell)
			}
			b.WriteString(cell)
		}
		p.line(b.String())
	}
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
