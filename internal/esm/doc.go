// Package esm holds Muster against a Lambda event source mapping for SQS with
// ReportBatchItemFailures: a table of what handlers answer and of how they fail,
// with what becomes of each message. What is expected is written by hand from
// AWS's pages; each case runs in both lanes, through the template, the state
// machines and the functions that ship. docs/esm.md is the table.
package esm
