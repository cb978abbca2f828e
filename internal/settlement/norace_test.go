//go:build !race

package settlement

// manyOrders is how many orders TestMoneyOfAMillionOrders makes up.
const manyOrders = 1_000_000
