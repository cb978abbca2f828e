package check

// shelves are what holds of stock, which is counted three times over: in its row, in the holds and in the movements.
func shelves(g *glances) []invariant {
	r := g.replay
	return []invariant{
		{
			number: "1a", words: "0 <= held <= on_hand",
			tables:  []string{"stocks"},
			queries: []string{`SELECT variant_id, on_hand, held FROM stocks WHERE held < 0 OR held > on_hand`},
		},
		{
			number: "1b", words: "held = sum of open holds",
			tables: []string{"stocks", "holds"},
			queries: []string{ // from both sides: a variant without a stock may have holds
				`SELECT variant_id, SUM(held) AS held, SUM(quantity) AS open_holds FROM (
					SELECT variant_id, held, 0 AS quantity FROM stocks
					UNION ALL SELECT variant_id, 0, quantity FROM holds WHERE status = 'HELD') u
				GROUP BY variant_id HAVING SUM(held) <> SUM(quantity)`,
			},
		},
		{
			number: "1c", words: "on_hand and held = sums of the movements that change them",
			tables: []string{"stocks", "stock_movements"},
			find:   r.find(&r.sums),
		},
		{
			number: "1d", words: "version grows with each commit that changes the row: replayed by version, 0 <= held <= on_hand after each",
			tables: []string{"stocks", "stock_movements"},
			// Movements from before they had versions have 0, and count as the beginning.
			queries: []string{`SELECT variant_id, version FROM stocks WHERE version < 1`},
			find:    r.find(&r.behind, &r.outside),
		},
		{
			number: "1e", words: "one version of a stock is of one commit: its movements were made at one moment",
			tables: []string{"stock_movements"},
			find:   r.find(&r.moments),
		},
		{
			number: "1f", words: "an order's movements are its holds': held, sold, released",
			tables: []string{"holds", "stock_movements"},
			gated: []gated{{one(g.moves), `SELECT order_id, variant_id, SUM(held) AS held, SUM(held_moved) AS held_moved, SUM(sold) AS sold, SUM(sold_moved) AS sold_moved FROM (
					SELECT order_id, variant_id, CASE status WHEN 'HELD' THEN quantity ELSE 0 END AS held, 0 AS held_moved,
						CASE status WHEN 'SOLD' THEN quantity ELSE 0 END AS sold, 0 AS sold_moved FROM holds
					UNION ALL SELECT order_id, variant_id, 0, held_delta, 0, CASE kind WHEN 'SOLD' THEN -on_hand_delta ELSE 0 END
					FROM stock_movements WHERE order_id IS NOT NULL AND kind IN ('HELD', 'SOLD', 'RELEASED')) u
				GROUP BY order_id, variant_id HAVING SUM(held) <> SUM(held_moved) OR SUM(sold) <> SUM(sold_moved)`}},
		},
	}
}
