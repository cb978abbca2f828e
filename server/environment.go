package main

import (
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

const (
	ownPrefix  = "HOLDFAST_"
	testPrefix = "HOLDFAST_TEST_" // the test suite's own
)

// variables are the environment variables that the command line knows, in order.
func variables(model *kong.Application) []string {
	var known []string
	var visit func(n *kong.Node)
	visit = func(n *kong.Node) {
		for _, flag := range n.Flags {
			known = append(known, flag.Envs...)
		}
		for _, child := range n.Children {
			visit(child)
		}
	}
	visit(model.Node)
	slices.Sort(known)
	return slices.Compact(known)
}

// misspelt is a variable that looks like ours and is none, and the one that was probably meant; "" for none.
type misspelt struct{ name, meant string }

// unknownVariables are those of environ, of lines like NAME=value, that begin like ours and are not known.
func unknownVariables(environ, known []string) []misspelt {
	var out []misspelt
	for _, line := range environ {
		name, _, _ := strings.Cut(line, "=")
		if !strings.HasPrefix(name, ownPrefix) || strings.HasPrefix(name, testPrefix) || slices.Contains(known, name) {
			continue
		}
		out = append(out, misspelt{name, nearest(name, known)})
	}
	slices.SortFunc(out, func(a, b misspelt) int { return strings.Compare(a.name, b.name) })
	return out
}

// nearest is the known name that takes the fewest edits, if that is at most a third of what follows the prefix.
func nearest(name string, known []string) string {
	best, found := len(name)-len(ownPrefix), ""
	for _, k := range known {
		if !strings.HasPrefix(k, ownPrefix) {
			continue
		}
		if d := edits(name, k); 3*d <= len(k)-len(ownPrefix) && d < best {
			best, found = d, k
		}
	}
	return found
}

// edits is the Levenshtein distance of two names.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal, row[j+1] = row[j+1], min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
