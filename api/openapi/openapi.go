// Package openapi holds the OpenAPI document of the HTTP API, as generated from
// the protos, so that the gateway can serve it without reading a file.
package openapi

import _ "embed" // for the document

//go:embed lockstep.swagger.json
var document string

// Document returns the OpenAPI document, in JSON.
func Document() []byte { return []byte(document) }
