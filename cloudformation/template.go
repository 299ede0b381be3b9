// Package cloudformation holds the template of a fleet: the file that is
// deployed, embedded as it is.
package cloudformation

import _ "embed"

// Fleet is the template of one fleet: one queue, its handlers, settings and
// workers. Paths in it are relative to this folder, as
// `aws cloudformation package` takes them.
//
//go:embed fleet.yaml
var Fleet []byte
