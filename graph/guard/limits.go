// Package guard bounds what one operation may ask for, before anything of it is executed, and mostly before it is parsed. A
// document passes Scan (its tokens), then the parser, then Document (its shape), then validation, then Cost.
package guard

import (
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"holdfast/internal/fault"
)

// What one request may have. Whatever exceeds one of these is refused with COST_EXCEEDED; MaxBody with 413, or 414 for a URL.
const (
	// MaxBody is how many bytes a body, a URL's parameters, or a message of a WebSocket may have.
	MaxBody = 256 << 10
	// MaxQuery is how many bytes of text a document may have. The cache of parsed documents keeps whole texts.
	MaxQuery = 16 << 10
	// MaxTokens counts comments as well: the parser keeps them.
	MaxTokens = 4000
	// MaxComments is lower, as a comment takes more memory than any other token.
	MaxComments = 500
	// MaxName is how many bytes a name may have. Those of the schema have at most 40.
	MaxName = 128
	// MaxNesting is how deep brackets of all kinds may nest in the text.
	MaxNesting = 64
	// MaxDepth is how deep fields may nest. The way from a member of staff by shop, order and checkout to a product takes 15.
	MaxDepth = 20
	// MaxFields is how many fields a document may name, those of its fragments once.
	MaxFields = 600
	// MaxAliases is how many of them may have another name in the answer.
	MaxAliases = 100
	// MaxDirectives is how many directives a document may use.
	MaxDirectives = 50
	// MaxSpreads is how many times a document may spread fragments, and have inline ones.
	MaxSpreads = 200
	// MaxOperations is how many operations a document may define; one of them runs.
	MaxOperations = 10
	// MaxFragments is how many fragments a document may define.
	MaxFragments = 60
	// MaxVariables is how many variables an operation may define.
	MaxVariables = 50
	// MaxIntrospections is how many of its root fields may be __schema or __type.
	MaxIntrospections = 4
	// MaxValues is how many arguments, fields of input objects and items of lists a document may give as literals.
	MaxValues = 1500
	// MaxVisits is how many fields validation may come upon: it follows the fragments from each operation and each fragment.
	MaxVisits = 4000
	// MaxPairs is how many pairs of fields, and of fragments, may have to be compared for whether they can be merged.
	MaxPairs = 1500

	// MaxList is how many items one list of input may have, as a literal and in variables. Each action has a limit of its own
	// below it.
	MaxList = 500
	// MaxVariableValues is how many values the variables may have, at every level together.
	MaxVariableValues = 2500
	// MaxVariableDepth is how deep lists and objects may nest in variables.
	MaxVariableDepth = 16

	// MaxErrors is how many errors an answer shows of a request that was not executed, MaxMessage how many bytes the text of
	// each may have, and MaxErrorBytes how many all of them together may have as JSON, so that the answer has 4 KiB at most.
	// Validation repeats parts of a document for each mistake.
	MaxErrors     = 20
	MaxMessage    = 400
	MaxErrorBytes = 3800

	// MaxCost is what one operation may cost: a field costs 1 for each time that it may be in the answer.
	MaxCost = 200_000
)

// exceeded is a refusal that says which limit is exceeded. The text repeats nothing of the request.
func exceeded(at *ast.Position, format string, limit int) *gqlerror.Error {
	return refusal(fault.CostExceeded, gqlerror.ErrorPosf(at, format, limit))
}

func refusal(code fault.Code, err *gqlerror.Error) *gqlerror.Error {
	err.Extensions = map[string]any{"code": string(code)}
	return err
}
