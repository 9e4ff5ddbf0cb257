// Package deploy checks the files of deploy/ with the parsers that will read
// them: Helm's engine and linter, BuildKit's Dockerfile parser, the Compose
// loader, and Prometheus' rules and expressions. It is a module of its own so
// that none of these becomes a dependency of lockstep.
package deploy
