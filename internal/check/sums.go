package check

// sums are what adds up. Parents are read in the order of their ids and children through their index, so that nothing is
// gathered first. MAX of a parent's column is the column: MariaDB does not see that the id decides it.
func sums(g *glances) []invariant {
	return []invariant{
		{
			number: "3a", words: "each order's splits add up to its total, in its currency",
			tables: []string{"orders", "payment_splits"},
			gated: []gated{
				{one(g.shares), `SELECT o.id AS order_id, MAX(o.total) AS total, COUNT(s.id) AS splits, COALESCE(SUM(s.amount), 0) AS splits_amount,
					COALESCE(SUM(s.currency <> o.currency), 0) AS of_another_currency
				FROM orders o LEFT JOIN payment_splits s ON s.order_id = o.id
				GROUP BY o.id HAVING COUNT(s.id) = 0 OR MAX(o.total) <> SUM(s.amount) OR SUM(s.currency <> o.currency) > 0`},
			},
		},
		{
			number: "3b", words: "each order's lines add up to its subtotal, in its currency",
			tables: []string{"orders", "order_lines"},
			gated: []gated{
				{one(g.costs), `SELECT o.id AS order_id, MAX(o.subtotal) AS subtotal, COUNT(l.id) AS order_lines, COALESCE(SUM(l.amount), 0) AS lines_amount,
					COALESCE(SUM(l.currency <> o.currency), 0) AS of_another_currency
				FROM orders o LEFT JOIN order_lines l ON l.order_id = o.id
				GROUP BY o.id HAVING COUNT(l.id) = 0 OR MAX(o.subtotal) <> SUM(l.amount) OR SUM(l.currency <> o.currency) > 0`},
			},
		},
		{
			number: "3c", words: "each payment's orders' totals add up to it, in its currency",
			tables: []string{"payments", "orders"},
			gated: []gated{
				{one(g.totals), `SELECT p.id AS payment_id, MAX(p.amount) AS amount, COUNT(o.id) AS orders, COALESCE(SUM(o.total), 0) AS orders_total,
					COALESCE(SUM(o.currency <> p.currency), 0) AS of_another_currency
				FROM payments p LEFT JOIN orders o ON o.checkout_id = p.checkout_id
				GROUP BY p.id HAVING COUNT(o.id) = 0 OR MAX(p.amount) <> SUM(o.total) OR SUM(o.currency <> p.currency) > 0`},
			},
		},
	}
}
