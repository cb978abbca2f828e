//go:build race

package main

// mixOperations is how much TestSeededMix does on each database; the race detector makes everything some times slower.
const mixOperations = 2_500

// rushAtOnce is how many buy at the same moment in TestOthersOversell.
const rushAtOnce = 80
