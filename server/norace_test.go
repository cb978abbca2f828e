//go:build !race

package main

// mixOperations is how much TestSeededMix does on each database.
const mixOperations = 10_000

// How many buyers there are in TestOthersOversell, how many of them buy at the same moment, and for how many units.
const (
	rushBuyers = 700
	rushAtOnce = 300
	rushUnits  = 500
)
