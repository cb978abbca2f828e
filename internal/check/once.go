package check

// once is what must not have happened twice.
func once() []invariant {
	return []invariant{
		{
			number: "4a", words: "one (buyer, idempotency key) has at most one checkout",
			tables: []string{"checkouts"},
			queries: []string{
				`SELECT buyer_id, idempotency_key, COUNT(*) AS checkouts FROM checkouts GROUP BY buyer_id, idempotency_key HAVING COUNT(*) > 1`,
			},
		},
		{
			number: "4b", words: "one checkout has at most one payment",
			tables:  []string{"payments"},
			queries: []string{`SELECT checkout_id, COUNT(*) AS payments FROM payments GROUP BY checkout_id HAVING COUNT(*) > 1`},
		},
		{
			number: "4c", words: "one provider notice has at most one effect: a transaction pays one payment",
			tables: []string{"payments"},
			queries: []string{
				`SELECT transaction_id, COUNT(*) AS payments FROM payments WHERE transaction_id IS NOT NULL GROUP BY transaction_id HAVING COUNT(*) > 1`,
			},
		},
		{
			number: "4d", words: "one (staff, operation, idempotency key) has at most one request",
			tables: []string{"staff_requests"},
			queries: []string{
				`SELECT staff_id, operation, idempotency_key, COUNT(*) AS requests FROM staff_requests
				GROUP BY staff_id, operation, idempotency_key HAVING COUNT(*) > 1`,
			},
		},
	}
}
