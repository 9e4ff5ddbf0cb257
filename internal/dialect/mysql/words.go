package mysql

import "regexp"

// settled is the text of an expression as it stays. MySQL prints a negative
// number as -(10) when a table is created, and, where it has folded the constant
// meanwhile, as -10 after the table was copied.
func settled(expr string) string {
	return negative.ReplaceAllString(expr, "-$1")
}

var negative = regexp.MustCompile(`-\(([0-9]+(?:\.[0-9]+)?)\)`)
