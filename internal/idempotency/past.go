package idempotency

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"entgo.io/ent/dialect/sql"

	"holdfast/ent/staffrequest"
	"holdfast/internal/db"
	"holdfast/internal/typeid"
)

// Past is what became of the requests of one transaction: before it, and in it so far.
type Past struct {
	known map[name]done
	added []added
}

// name is what a key names.
type name struct {
	staff     typeid.Staff
	operation string
	key       string
}

func (r Request) name() name { return name{r.Staff, r.Operation, r.Key} }

// done is a request that was done.
type done struct {
	hash Hash
	made string
}

type added struct {
	Request
	made string
}

// LookUpTx finds what became of requests before, with one statement.
func LookUpTx(ctx context.Context, tx *db.Tx, requests []Request) (*Past, error) {
	out := &Past{known: make(map[name]done)}
	if len(requests) == 0 {
		return out, nil
	}
	same := make([]*sql.Predicate, len(requests))
	for i, r := range requests {
		same[i] = sql.And(sql.EQ(staffrequest.FieldStaffID, r.Staff), sql.EQ(staffrequest.FieldOperation, r.Operation),
			sql.EQ(staffrequest.FieldIdempotencyKey, r.Key))
	}
	_, err := db.Collect(ctx, tx, tx.SQL().Select(staffrequest.FieldStaffID, staffrequest.FieldOperation, staffrequest.FieldIdempotencyKey,
		staffrequest.FieldRequestHash, staffrequest.FieldResult).From(tx.SQL().Table(staffrequest.Table)).Where(sql.Or(same...)),
		func(row db.Row) (struct{}, error) {
			var (
				of   name
				hash []byte
				made *string
			)
			if err := row.Scan(&of.staff, &of.operation, &of.key, &hash, &made); err != nil {
				return struct{}{}, err
			}
			found := done{hash: Hash(hash)}
			if made != nil {
				found.made = *made
			}
			out.known[of] = found
			return struct{}{}, nil
		})
	if err != nil {
		return nil, fmt.Errorf("look up requests: %w", err)
	}
	return out, nil
}

// Of is what became of one of the requests; a zero Result says that it is to be done. It fails with IDEMPOTENCY_KEY_REUSED.
func (p *Past) Of(r Request) (Result, error) {
	found, ok := p.known[r.name()]
	if ok && found.hash != r.Hash {
		return Result{}, Reused()
	}
	return Result{Repeated: ok, Made: found.made}, nil
}

// Add counts one in that has been done.
func (p *Past) Add(r Request, made string) {
	p.known[r.name()] = done{hash: r.Hash, made: made}
	p.added = append(p.added, added{r, made})
}

// WriteTx writes down what was added, with one statement, for whoever runs under Repeat: a key that somebody else has inserted
// since LookUpTx fails the transaction.
func (p *Past) WriteTx(ctx context.Context, tx *db.Tx) error {
	slices.SortFunc(p.added, func(a, b added) int { // as the unique index has them, so that nobody waits in a circle
		return cmp.Or(a.Staff.Compare(b.Staff.UUID), cmp.Compare(a.Operation, b.Operation), cmp.Compare(a.Key, b.Key))
	})
	rows := make([][]any, len(p.added))
	for i, a := range p.added {
		rows[i] = []any{typeid.New[typeid.StaffRequest](a.Now), a.Staff, a.Operation, a.Key, a.Hash[:], orNull(a.made), a.Now}
	}
	err := tx.Insert(ctx, staffrequest.Table, []string{
		staffrequest.FieldID, staffrequest.FieldStaffID, staffrequest.FieldOperation, staffrequest.FieldIdempotencyKey,
		staffrequest.FieldRequestHash, staffrequest.FieldResult, staffrequest.FieldCreatedAt,
	}, rows)
	if db.IsDuplicate(err) {
		return fmt.Errorf("%w: %w", errInFlight, err)
	}
	return err
}

func orNull(made string) any {
	if made == "" {
		return nil
	}
	return made
}
