// Package upgrade takes fleets from the previous release to this one and back
// while their workers are busy: its template, its state machines and its functions,
// which are in testdata, as `make previous-release` makes them.
package upgrade
