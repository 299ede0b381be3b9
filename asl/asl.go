// Package asl holds the definitions of Muster's two state machines, in the
// Amazon States Language: the files that are deployed, embedded as they are.
package asl

import _ "embed"

// Autoscaler is the definition of the autoscaler state machine (Express).
//
//go:embed autoscaler.asl.json
var Autoscaler string

// Worker is the definition of the worker state machine (Standard).
//
//go:embed worker.asl.json
var Worker string
