//go:build race

package settlement

// manyOrders is fewer under the race detector, which makes pure code ten times slower and finds nothing in it: the test command
// runs the million without it.
const manyOrders = 50_000
