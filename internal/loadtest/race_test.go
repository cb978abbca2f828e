//go:build race

package main

// raced is true under the race detector, which finds nothing in bulk inserts and makes them ten times slower.
const raced = true
