package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"

	"holdfast/internal/typeid"
)

// Job is work that has to be done once, by whichever process comes first, and survives all of them. What it is about has
// one job at most, and the job has its id.
type Job struct{ ent.Schema }

// Fields of a job.
func (Job) Fields() []ent.Field {
	return []ent.Field{
		id(typeid.Job{}),
		enum("kind", "ORDER", "PAYMENT", "NOTIFICATION", "RESTOCK", "RECONCILIATION"),
		at("run_at"),               // when it is due
		optionalAt("leased_until"), // while a process works on it
		field.Int("attempts").NonNegative(),
		field.Int64("wakes"), // grows each time somebody asks for it
		optionalShort("last_error", noteLen),
		optionalAt("failing_since"), // the first failure since it last succeeded
		at("created_at"),
	}
}

// Indexes of a job.
func (Job) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("run_at"),              // what is due
		index.Fields("failing_since", "id"), // what is stuck, longest first
	}
}

// Annotations of a job.
func (Job) Annotations() []schema.Annotation { return table("jobs", nil) }
