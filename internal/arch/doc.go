// Package arch holds the rules that the code keeps as a whole, as tests: who
// imports whom, who reads the environment, how tests are written, and that the
// template, the state machines and the functions agree with each other. Every
// rule is shown to fail on a deliberate violation.
package arch
