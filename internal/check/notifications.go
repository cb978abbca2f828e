package check

// notified is what holds of what is yet to be told.
func notified() []invariant {
	return []invariant{
		{
			number: "5d", words: "what is to be told has a job that tells it",
			tables: []string{"notifications", "jobs"},
			queries: []string{
				`SELECT n.id AS notification_id, n.kind, n.order_id FROM notifications n LEFT JOIN jobs j ON j.id = n.id
				WHERE n.status = 'PENDING' AND j.id IS NULL`,
			},
		},
	}
}
