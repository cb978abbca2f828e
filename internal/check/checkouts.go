package check

// checkouts are what holds of a checkout and all that stands and falls with it.
func checkouts(g *glances) []invariant {
	return []invariant{
		{
			number: "2a", words: "a checkout's lines are held together or not at all: its holds stand where it stands",
			tables: []string{"checkouts", "holds"},
			gated: []gated{
				{one(g.holds), `SELECT h.checkout_id, h.id AS hold_id, c.status, h.status AS hold_status FROM holds h JOIN checkouts c ON c.id = h.checkout_id
				WHERE ` + strayHold},
			},
		},
		{
			number: "2b", words: "every order line has one hold, of its variant and quantity",
			tables: []string{"order_lines", "holds"},
			gated: []gated{
				{[]*glance{g.lines, g.holds}, `SELECT l.id AS order_line_id, MAX(l.quantity) AS quantity, COUNT(h.id) AS holds, COALESCE(SUM(h.quantity), 0) AS hold_quantity,
					COALESCE(SUM(h.variant_id <> l.variant_id), 0) AS of_another_variant
				FROM order_lines l JOIN orders o ON o.id = l.order_id LEFT JOIN holds h ON h.checkout_id = o.checkout_id AND h.order_line_id = l.id
				GROUP BY l.id HAVING COUNT(h.id) <> 1 OR SUM(h.variant_id <> l.variant_id OR h.quantity <> l.quantity) > 0`},
			},
		},
		{
			number: "2c", words: "every order stands where its checkout stands",
			tables: []string{"checkouts", "orders"},
			gated: []gated{
				{one(g.orders), `SELECT o.id AS order_id, o.status, c.id AS checkout_id, c.status AS checkout_status FROM orders o JOIN checkouts c ON c.id = o.checkout_id
				WHERE ` + strayOrder},
			},
		},
		{
			number: "2d", words: "every payment stands where its checkout stands",
			tables: []string{"checkouts", "payments"},
			// Late money: a checkout that ended unpaid may have a payment that is on its way back.
			gated: []gated{
				{one(g.payments), `SELECT p.id AS payment_id, p.status, c.id AS checkout_id, c.status AS checkout_status FROM payments p JOIN checkouts c ON c.id = p.checkout_id
				WHERE ` + strayPayment},
			},
		},
		{
			number: "2e", words: "shares are cancelled if, and only if, their checkout was",
			tables: []string{"checkouts", "payment_splits"},
			gated: []gated{
				{one(g.splits), `SELECT s.id AS split_id, s.status, o.id AS order_id, c.status AS checkout_status
				FROM payment_splits s JOIN orders o ON o.id = s.order_id JOIN checkouts c ON c.id = o.checkout_id
				WHERE ` + straySplit},
			},
		},
	}
}
