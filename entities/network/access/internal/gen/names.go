package main

import (
	"strings"
	"unicode"

	"gorm.io/gorm/schema"
)

// snake turns ListenAddress into listen_address, as GORM names columns.
func snake(name string) string { return schema.NamingStrategy{}.ColumnName("", name) }

// words turns LoadBalancer into "load balancer", for comments and errors.
func words(name string) string { return strings.ReplaceAll(snake(name), "_", " ") }

// lowerFirst makes an unexported name of an exported one.
func lowerFirst(name string) string {
	r := []rune(name)
	for i := range r {
		if i > 0 && i+1 < len(r) && !unicode.IsUpper(r[i+1]) {
			break
		}
		r[i] = unicode.ToLower(r[i])
	}
	return string(r)
}
