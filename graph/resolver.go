// Package graph is the GraphQL edge: it translates requests into calls of the business, and what comes back into answers. It
// decides nothing, but for who may ask for which field: see access.
package graph

import (
	"time"

	"holdfast/graph/loader"
	"holdfast/internal/app"
)

// Deps are the business that the edge speaks for.
type Deps struct{ *app.App }

func (d Deps) sources(wait time.Duration) loader.Sources {
	return loader.Sources{App: d.App, Wait: wait}
}

// Resolver has a resolver for each type that needs one.
type Resolver struct {
	Deps

	access access
	wait   time.Duration
}
