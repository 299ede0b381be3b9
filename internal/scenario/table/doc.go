// Package table holds what becomes of a message when something goes wrong: for
// each mode, lane and fault a row, written by hand, that its tests run in virtual
// time and write into docs/guarantees.md.
package table
