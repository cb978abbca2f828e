package check

// refunds are what holds of money that goes back. A refund or a return that is FAILED is tried again, so its money is
// still spoken for.
func refunds() []invariant {
	return []invariant{
		{
			number: "3d", words: "an order's refunded = sum of its refunds that succeeded",
			tables: []string{"orders", "refunds"},
			queries: []string{ // from both sides, and past the orders that have neither
				`SELECT order_id, SUM(refunded) AS refunded, SUM(amount) AS refunds_succeeded FROM (
					SELECT id AS order_id, refunded, 0 AS amount FROM orders WHERE refunded <> 0
					UNION ALL SELECT order_id, 0, amount FROM refunds WHERE status = 'SUCCEEDED') u
				GROUP BY order_id HAVING SUM(refunded) <> SUM(amount)`,
			},
		},
		{
			number: "3e", words: "refunds never exceed what was paid",
			tables: []string{"orders", "refunds"},
			queries: []string{
				`SELECT o.id AS order_id, MAX(o.total) AS total, SUM(r.amount) AS refunds, SUM(r.currency <> o.currency) AS of_another_currency,
					SUM(p.paid_at IS NULL) AS of_unpaid_payments
				FROM refunds r JOIN orders o ON o.id = r.order_id JOIN payments p ON p.id = r.payment_id
				GROUP BY o.id HAVING SUM(r.amount) > MAX(o.total) OR SUM(r.currency <> o.currency) > 0 OR SUM(p.paid_at IS NULL) > 0`,
			},
		},
		{
			number: "3f", words: "an order is REFUNDED when, and only when, all of it is refunded",
			tables: []string{"orders", "refunds"},
			// It may say so while the last refund is still on its way.
			queries: []string{
				`SELECT o.id AS order_id, o.status, o.total, o.refunded FROM orders o WHERE o.total > 0 AND o.refunded = o.total AND o.status <> 'REFUNDED'
				OR o.status = 'REFUNDED' AND o.total <> (SELECT COALESCE(SUM(r.amount), 0) FROM refunds r WHERE r.order_id = o.id)`,
			},
		},
	}
}

// settled is what holds of shares that are paid out and given back, and of payments of which something went back.
func settled(g *glances) []invariant {
	return []invariant{
		{
			number: "3g", words: "a share's returned = sum of its returns that succeeded; RETURNED is in full",
			tables: []string{"payment_splits", "split_returns"},
			queries: []string{
				`SELECT split_id, SUM(returned) AS returned, SUM(amount) AS returns_succeeded FROM (
					SELECT id AS split_id, returned, 0 AS amount FROM payment_splits WHERE returned <> 0
					UNION ALL SELECT split_id, 0, amount FROM split_returns WHERE status = 'SUCCEEDED') u
				GROUP BY split_id HAVING SUM(returned) <> SUM(amount)`,
				`SELECT id AS split_id, status, amount, returned FROM payment_splits WHERE status = 'RETURNED' AND returned <> amount`,
			},
		},
		{
			number: "3h", words: "what shares give back for a refund adds up to it; nothing, if the shares were cancelled",
			tables: []string{"refunds", "split_returns"},
			queries: []string{
				`SELECT refund_id, amount, shares, returns_under_way, returns_failed FROM (
					SELECT r.id AS refund_id, r.amount,
						(SELECT COUNT(*) FROM payment_splits s WHERE s.order_id = r.order_id AND s.status <> 'CANCELLED') AS shares,
						COALESCE(SUM(CASE WHEN t.status <> 'FAILED' THEN t.amount ELSE 0 END), 0) AS returns_under_way,
						COALESCE(SUM(CASE WHEN t.status = 'FAILED' THEN t.amount ELSE 0 END), 0) AS returns_failed
					FROM refunds r LEFT JOIN split_returns t ON t.refund_id = r.id GROUP BY r.id, r.amount, r.order_id) x
				WHERE CASE shares WHEN 0 THEN returns_under_way + returns_failed <> 0
					ELSE NOT amount BETWEEN returns_under_way AND returns_under_way + returns_failed END`,
			},
		},
		{
			number: "3i", words: "a payment's status says what of it was refunded",
			tables: []string{"payments", "orders", "refunds"},
			queries: []string{
				`SELECT payment_id, status, amount, refunded, under_way FROM (
					SELECT p.id AS payment_id, p.status, p.amount, COALESCE(o.refunded, 0) AS refunded, COALESCE(r.under_way, 0) AS under_way, COALESCE(r.refunds, 0) AS refunds
					FROM payments p
					LEFT JOIN (SELECT checkout_id, SUM(refunded) AS refunded FROM orders WHERE refunded <> 0 GROUP BY checkout_id) o ON o.checkout_id = p.checkout_id
					LEFT JOIN (SELECT payment_id, COUNT(*) AS refunds, SUM(CASE status WHEN 'SUCCEEDED' THEN 0 ELSE amount END) AS under_way
						FROM refunds GROUP BY payment_id) r ON r.payment_id = p.id) x
				WHERE status <> CASE
					WHEN status IN ('PENDING', 'CLOSED') THEN CASE WHEN refunds = 0 AND refunded = 0 THEN status ELSE 'no refunds' END
					WHEN amount > 0 AND refunded = amount THEN 'REFUNDED'
					WHEN amount > 0 AND refunded + under_way = amount THEN 'REFUNDING'
					WHEN refunded > 0 THEN 'PARTIALLY_REFUNDED'
					ELSE 'PAID' END`,
			},
		},
		{
			number: "3j", words: "only a paid order's shares are paid out",
			tables: []string{"orders", "payment_splits"},
			gated: []gated{
				{one(g.splits), `SELECT s.id AS split_id, s.status, o.id AS order_id, o.status AS order_status FROM payment_splits s JOIN orders o ON o.id = s.order_id
				WHERE ` + earlySplit},
			},
		},
	}
}
