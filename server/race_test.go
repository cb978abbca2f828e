//go:build race

package main

// mixOperations is how much TestSeededMix does on each database; the race detector makes everything some times slower.
const mixOperations = 600

// How many buyers there are in TestOthersOversell, how many of them buy at the same moment, and for how many units.
const (
	rushBuyers = 140
	rushAtOnce = 60
	rushUnits  = 100
)
