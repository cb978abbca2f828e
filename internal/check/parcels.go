package check

// parcels are what holds of goods that go out and come back.
func parcels() []invariant {
	return []invariant{
		{
			number: "3k", words: "of no order line is more refunded, or put back on sale, than was bought",
			tables: []string{"order_lines", "refund_lines"},
			queries: []string{
				`SELECT l.id AS order_line_id, MAX(l.quantity) AS quantity, SUM(r.quantity) AS refunded, SUM(r.restocked) AS restocked
				FROM refund_lines r JOIN order_lines l ON l.id = r.order_line_id
				GROUP BY l.id HAVING SUM(r.quantity) > MAX(l.quantity) OR SUM(r.restocked) > MAX(l.quantity)`,
			},
		},
		{
			number: "3l", words: "of no order line is more shipped than was bought",
			tables: []string{"order_lines", "shipment_lines"},
			queries: []string{
				`SELECT l.id AS order_line_id, MAX(l.quantity) AS quantity, SUM(s.quantity) AS shipped
				FROM shipment_lines s JOIN order_lines l ON l.id = s.order_line_id
				GROUP BY l.id HAVING SUM(s.quantity) > MAX(l.quantity)`,
			},
		},
		{
			number: "3m", words: "all of a SHIPPED order is shipped, or its money given back",
			tables: []string{"orders", "order_lines", "shipment_lines", "refund_lines"},
			queries: []string{
				`SELECT order_line_id, order_id, quantity, shipped, refunded FROM (
					SELECT l.id AS order_line_id, o.id AS order_id, l.quantity,
						(SELECT COALESCE(SUM(n.quantity), 0) FROM shipments s JOIN shipment_lines n ON n.shipment_id = s.id AND n.order_line_id = l.id
							WHERE s.order_id = o.id) AS shipped,
						(SELECT COALESCE(SUM(r.quantity), 0) FROM refund_lines r WHERE r.order_line_id = l.id) AS refunded
					FROM orders o JOIN order_lines l ON l.order_id = o.id WHERE o.status = 'SHIPPED') x
				WHERE shipped + refunded < quantity`,
			},
		},
	}
}
