// Package costs meters fleets in virtual time: the template, the state machines
// and the functions that ship, on the embedded runtime, at rates that do not stop.
// The tables of the README come from here.
package costs
