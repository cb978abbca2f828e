//go:build !race

package main

// mixOperations is how much TestSeededMix does on each database.
const mixOperations = 10_000

// rushAtOnce is how many buy at the same moment in TestOthersOversell.
const rushAtOnce = 300
