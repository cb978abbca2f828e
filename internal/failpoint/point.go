// Package failpoint names the places where a test lets the whole process die, as kill -9 would have it: around transactions, calls of
// the provider, and answers. Only a program built with the tag "failpoint" can die there; in any other Reach is an empty function,
// of which nothing is left once it is compiled.
//
// Such a program dies where the environment variable HOLDFAST_FAILPOINT says, in the form POINT[@N][: TEXT[ && TEXT]...]: at the
// N-th time (the first, unless said) that POINT is reached with a detail that contains every TEXT, and none that begins with "!".
//
//	HOLDFAST_FAILPOINT='commit@3: INSERT INTO `checkouts` && UPDATE `stocks`'
package failpoint

// Point is a place where the process may die.
type Point string

// The points, and what is told of each when it is reached.
const (
	// Begin is before a transaction begins; its detail is the functions that have called for it.
	Begin Point = "begin"
	// Statement is before a statement is sent, in a transaction or not; its detail is what the transaction has sent before, one
	// statement a line, then "=> " and this one.
	Statement Point = "statement"
	// Commit is before a transaction is committed, and Committed after, before anybody knows; the detail is its statements.
	Commit    Point = "commit"
	Committed Point = "committed"
	// Call is before the provider is called, and Called when it has done what it was asked for; the detail is the call.
	Call   Point = "call"
	Called Point = "called"
	// Answer is before an answer is written to the client; its detail is the document that is answered.
	Answer Point = "answer"
)
