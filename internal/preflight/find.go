package preflight

import (
	"context"
	"database/sql"
	"slices"
	"strconv"
	"strings"

	"github.com/lockstepdb/lockstep/internal/fault"
)

// each goes through the checks in plan order and writes the report.
func (r *run) each(ctx context.Context, checks []Check) error {
	for i := range checks {
		c := &checks[i]
		if c.Unchecked != "" {
			r.gap(c, c.Unchecked)
			continue
		}
		rows := r.tables[c.Table]
		switch {
		case !rows.known:
			r.gap(c, rows.gap)
		case rows.n == 0:
			r.report.Asked++
		default:
			if err := r.one(ctx, c, r.held[i], rows.n > bigTable); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *run) gap(c *Check, reason string) {
	r.report.Unchecked = append(r.report.Unchecked, Gap{Subject: c.Subject, Reason: reason})
}

// found records a finding, or nothing when there is nothing.
func (r *run) found(c *Check, count int64, estimated bool, keys []string) {
	r.report.Asked++
	if count == 0 {
		return
	}
	r.report.Findings = append(r.report.Findings, Finding{
		Subject: c.Subject, Count: count, Estimated: estimated, Keys: keys, Blocks: c.Kind.Blocks(),
		Suggestion: c.Suggestion, Query: c.Show, Mend: c.Mend,
	})
}

// counts tells whether a check asks how many there are and nothing else.
func (c *Check) counts() bool { return c.Kind == RowsLost || c.Kind == ValuesLost }

// one finishes one check on a table with rows. held is what is known of it already.
func (r *run) one(ctx context.Context, c *Check, held answer, big bool) error {
	switch {
	case held.gap != "":
		r.gap(c, held.gap)
		return nil
	case c.try:
		return r.try(ctx, c)
	case c.counts():
		return r.lost(ctx, c, held, big)
	case held.known && held.n == 0:
		r.report.Asked++
		return nil
	case !held.known && (c.Keys == "" || c.doubt != ""):
		// Otherwise the keys themselves tell whether there are any.
		answers, err := r.evaluate(ctx, []string{"CASE WHEN " + c.Holds + " THEN 1 ELSE 0 END"})
		if err != nil || !answers[0].known || answers[0].n == 0 {
			r.nothing(c, answers)
			return err
		}
		held = answers[0]
	}
	if c.doubt != "" {
		r.gap(c, "there are rows of which it is not known: "+c.doubt)
		return nil
	}
	return r.rows(ctx, c, held.known, big)
}

// nothing records the answer that there is nothing, or that it is not known.
func (r *run) nothing(c *Check, answers []answer) {
	switch {
	case len(answers) == 0:
	case !answers[0].known:
		r.gap(c, answers[0].gap)
	default:
		r.report.Asked++
	}
}

// rows reads the keys of a few rows and counts them all. certain: there are some.
func (r *run) rows(ctx context.Context, c *Check, certain, big bool) error {
	var keys []string
	if c.Keys != "" {
		gap, err := r.query(ctx, c.Keys, func(cells []sql.NullString) error {
			keys = append(keys, keyText(c.keys, cells))
			return nil
		})
		switch {
		case err != nil:
			return err
		case gap != nil && !certain:
			r.gap(c, why(gap))
			return nil
		case gap == nil && len(keys) == 0 && !certain:
			r.found(c, 0, false, nil)
			return nil
		case gap == nil && len(keys) > 0 && len(keys) <= shownKeys:
			r.found(c, int64(len(keys)), false, shown(keys))
			return nil
		}
	}
	seen := max(1, int64(len(keys)))
	keys = shown(keys)
	total, bounded := c.Total, false
	if big && r.opts.Estimate {
		if c.some == "" {
			r.found(c, seen, true, keys)
			return nil
		}
		total, bounded = c.some, true
	}
	answers, err := r.evaluate(ctx, []string{"(" + total + ")"})
	if err != nil {
		return err
	}
	n := answers[0].n
	r.found(c, max(n, seen), !answers[0].known || bounded && n >= countedTo, keys)
	return nil
}

// shown are the keys that a report has, in a settled order.
func shown(keys []string) []string {
	slices.Sort(keys)
	return keys[:min(len(keys), shownKeys)]
}

// lost counts what a drop takes away.
func (r *run) lost(ctx context.Context, c *Check, held answer, big bool) error {
	if held.known {
		r.found(c, held.n, false, nil)
		return nil
	}
	total, bounded := c.Total, false
	if big && r.opts.Estimate {
		if size, known := r.stats[c.Table]; known && c.Kind == RowsLost && size.Rows > 0 {
			r.found(c, size.Rows, size.Estimated, nil)
			return nil
		}
		total, bounded = c.some, true
	}
	answers, err := r.evaluate(ctx, []string{"(" + total + ")"})
	if err != nil {
		return err
	}
	if a := answers[0]; a.known {
		r.found(c, a.n, bounded && a.n >= countedTo, nil)
	} else {
		r.gap(c, a.gap)
	}
	return nil
}

// try runs the conversion itself. That it fails is all that is known then.
func (r *run) try(ctx context.Context, c *Check) error {
	gap, err := r.query(ctx, c.Total, func([]sql.NullString) error { return nil })
	switch {
	case err != nil:
		return err
	case gap == nil:
		r.report.Asked++
	case gap.Kind == fault.Refused && (gap.Reason == c.Kind.Reason() || gap.Reason == "TYPE_NOT_CONVERTIBLE"):
		r.found(c, 1, true, nil)
	default:
		r.gap(c, why(gap))
	}
	return nil
}

// keyText renders the key of one row as column=value.
func keyText(columns []string, cells []sql.NullString) string {
	parts := make([]string, len(cells))
	for i, v := range cells {
		text := v.String
		if !v.Valid {
			text = "NULL"
		}
		if strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c == 0x7F }) {
			text = strconv.Quote(text)
		}
		parts[i] = columns[i] + "=" + text
	}
	return strings.Join(parts, ", ")
}
