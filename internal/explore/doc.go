// Package explore searches over interleavings of the code that ships for one
// that passes the cap. A small fleet, its template deployed on the embedded
// runtime, lives one short life after the other in a testing/synctest bubble.
// Every call of its functions and state machines waits at the runtime's door
// until a scheduler lets it go: which call is next, which is late and how much,
// whose reply is lost, whose caller dies there, which execution is aborted and
// by how much a function's clock is wrong are the scheduler's to choose. So a
// life is known by the choices that made it, and can be lived again.
//
// Schedules come from two searches: a systematic one, every schedule that
// differs in one choice from letting each call go as it comes, then pairs of
// them; and random walks, with priorities among the callers. One walk in eight
// aims at the moment in which nothing but the allowance for clocks holds the cap.
package explore
