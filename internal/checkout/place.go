package checkout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"entgo.io/ent/dialect/sql"

	entcheckout "holdfast/ent/checkout"
	"holdfast/internal/cart"
	"holdfast/internal/db"
	"holdfast/internal/fault"
	"holdfast/internal/idempotency"
	"holdfast/internal/identity"
	"holdfast/internal/inventory"
	"holdfast/internal/payment"
	"holdfast/internal/typeid"
)

// attempts is how often a request is planned or tried again: a cart that moves meanwhile, a commit whose answer is lost.
const attempts = 5

// errCartMoved says that the cart changed between its reading and the lock.
var errCartMoved = errors.New("the cart has moved")

// Place prices the goods, holds the stock of every line or of none, makes the orders, plans how the money is divided and
// prepares the payment, for a buyer. A repeat of a key that succeeded gives the same checkout as it stands now. With
// PAYMENT_PENDING, and with no other error, there is a checkout too: the goods are held, the provider has not answered.
//
// It fails with INVALID, TOO_MANY, NOT_FOUND, NOT_FOR_SALE, QUANTITY_LIMIT, CURRENCY_MISMATCH, ADDRESS_REQUIRED,
// PRICE_CHANGED, VERSION_MISMATCH, OUT_OF_STOCK, HOLD_LIMIT_REACHED and IDEMPOTENCY_KEY_REUSED.
func (c *Checkouts) Place(ctx context.Context, who identity.Principal, in Input) (*Checkout, error) {
	if err := idempotency.CheckKey(in.IdempotencyKey); err != nil {
		return nil, err
	}
	hash, err := idempotency.HashOf(in)
	if err != nil {
		return nil, err
	}
	v, err := c.hold(ctx, who, in, hash)
	if err != nil {
		return nil, err
	}
	if v.err != nil {
		return nil, v.err
	}
	out := v.made
	if out == nil { // a repeat: as it stands now
		if out, err = c.read(ctx, v.id); err != nil {
			return nil, err
		}
	}
	if out.Payment.Status == payment.Pending && c.prepare(ctx, who, out) != nil {
		return out, pending() // no other code comes with a checkout; Prepare tells what the provider refused
	}
	return out, nil
}

// hold has the request decided. A buyer who is short of stock has what is overdue of it let go first, and is tried once more.
func (c *Checkouts) hold(ctx context.Context, who identity.Principal, in Input, hash idempotency.Hash) (verdict, error) {
	freed := false
	for attempt := 1; ; attempt++ {
		p, err := c.plan(ctx, who, in, hash)
		if err != nil {
			return verdict{}, err
		}
		out, err := db.WithTx(ctx, c.db, func(ctx context.Context, tx *db.Tx) (placed, error) {
			return c.placeTx(ctx, tx, []*planned{p})
		})
		if err == nil {
			c.hub.Committed(out.stocks)
		}
		switch {
		case errors.Is(err, db.ErrUnknownOutcome) && attempt < attempts:
			continue // placing begins with looking the key up, under the buyer's lock: if it was committed, it is found
		case err != nil:
			return verdict{}, err
		case errors.Is(out.verdicts[0].err, errCartMoved) && attempt < attempts:
			continue
		case errors.Is(out.verdicts[0].err, errCartMoved):
			return verdict{err: fault.New(fault.VersionMismatch, "the cart has changed since; read it again").At("input", "cartVersion")}, nil
		}
		var short *inventory.ShortError
		if freed || !errors.As(out.verdicts[0].err, &short) {
			return out.verdicts[0], nil
		}
		if freed = c.releaseOverdue(ctx, short); !freed {
			return out.verdicts[0], nil
		}
	}
}

// plan reads what it must and plans, without any lock.
func (c *Checkouts) plan(ctx context.Context, who identity.Principal, in Input, hash idempotency.Hash) (*planned, error) {
	now := c.now()
	p := &planned{
		buyer: who.Buyer, mini: who.MiniProgram, key: in.IdempotencyKey, hash: hash, cartVersion: in.CartVersion,
		takeOut: in.RemoveFromCart || in.Lines == nil,
		id:      typeid.New[typeid.Checkout](now), payment: typeid.New[typeid.Payment](now),
		placedAt: now, heldUntil: now.Add(c.set.Hold),
	}
	p.refusal = checkInput(in)
	if p.refusal == nil {
		err := c.planLines(ctx, who, in, p)
		return p, err
	}
	return p, nil
}

// planLines reads what the request is about and makes its plan, or finds why not.
func (c *Checkouts) planLines(ctx context.Context, who identity.Principal, in Input, p *planned) error {
	lines := in.Lines
	if lines == nil {
		version, entries, err := c.carts.Entries(ctx, who.Buyer)
		if err != nil {
			return err
		}
		for _, e := range entries {
			lines = append(lines, LineInput{VariantID: e.Variant.String(), Quantity: e.Quantity})
		}
		p.cartRead = &version
	}
	world, err := c.world(ctx, who.MiniProgram, lines)
	if err != nil {
		return err
	}
	p.plan, err = MakePlan(in, lines, world)
	if fault.List(err) != nil {
		p.refusal, err = err, nil
	}
	for i := range p.plan.Orders {
		p.orders = append(p.orders, typeid.New[typeid.Order](p.placedAt.Add(time.Duration(i)*time.Microsecond))) // ids in the plan's order
	}
	return err
}

// world reads what a plan of these lines needs: two statements.
func (c *Checkouts) world(ctx context.Context, mini typeid.MiniProgram, lines []LineInput) (Catalogue, error) {
	var variants []typeid.Variant
	for _, l := range lines[:min(len(lines), MaxLines)] {
		if id, ok := typeid.Parse[typeid.Variant](l.VariantID); ok && !slices.Contains(variants, id) {
			variants = append(variants, id)
		}
	}
	items, err := c.catalog.Items(ctx, mini, variants)
	if err != nil {
		return Catalogue{}, err
	}
	world := Catalogue{Items: items, MaxOrders: c.provider.MaxOrders()}
	var shops []typeid.Shop
	for _, i := range items {
		if !slices.Contains(shops, i.ShopID) {
			shops = append(shops, i.ShopID)
		}
	}
	if len(shops) > 0 {
		world.Rules, err = c.catalog.SplitRules(ctx, shops)
	}
	return world, err
}

// verdict is what became of one request: the checkout that was made, the one that its key had already, or why it has none.
type verdict struct {
	made *Checkout
	id   typeid.Checkout
	err  error
}

// placed is what a transaction has decided, and the stocks that it changed: told once it is committed.
type placed struct {
	verdicts []verdict
	stocks   []inventory.Stock
}

// placeTx decides requests in the order of their arrival and writes those that win; nothing of the others stays. A refusal
// of one is its own verdict and no error of the transaction.
func (c *Checkouts) placeTx(ctx context.Context, tx *db.Tx, requests []*planned) (placed, error) {
	carts, err := cart.LockTx(ctx, tx, sortedBuyers(requests))
	if err != nil {
		return placed{}, err
	}
	past, err := lookUpTx(ctx, tx, requests)
	if err != nil {
		return placed{}, err
	}
	shelf, err := inventory.LockTx(ctx, tx, past.variants(requests))
	if err != nil {
		return placed{}, err
	}
	verdicts := make([]verdict, len(requests))
	var winners []*planned
	for i, r := range requests {
		v, again := past.repeat(r)
		if !again {
			if v.err = c.decide(r, carts, past, shelf); v.err == nil {
				v.made = r.checkout()
				winners = append(winners, r)
				past.add(r)
			}
		}
		verdicts[i] = v
	}
	if err := c.writeTx(ctx, tx, winners, shelf); err != nil {
		return placed{}, err
	}
	return placed{verdicts, shelf.Changed()}, nil // only now: writing gives the stocks their versions
}

// decide holds the stock of every line of a request, in memory, or says why not.
func (c *Checkouts) decide(r *planned, carts map[typeid.Buyer]int64, past *past, shelf *inventory.Shelf) error {
	version, exists := carts[r.buyer]
	switch {
	case !exists:
		return fmt.Errorf("place checkout: buyer %s is gone", r.buyer)
	case r.cartVersion != nil && *r.cartVersion != version:
		return fault.New(fault.VersionMismatch, "the cart has changed since; read it again").At("input", "cartVersion")
	case r.cartRead != nil && *r.cartRead != version:
		return errCartMoved
	case r.refusal != nil:
		return r.refusal
	case past.open[r.buyer] >= c.set.MaxOpen && r.status() == Open:
		return fault.New(fault.HoldLimitReached, "at most %d checkouts wait for payment; pay or cancel one first", c.set.MaxOpen)
	}
	return r.take(shelf)
}

// take moves what the plan wants, all of it or nothing.
func (p *planned) take(shelf *inventory.Shelf) error {
	var short []inventory.Shortage
	for _, o := range p.plan.Orders {
		for _, l := range o.Lines {
			if left := shelf.Available(l.Item.ID); left < l.Quantity {
				short = append(short, inventory.Shortage{Variant: l.Item.ID, Requested: l.Quantity, Available: left})
			}
		}
	}
	if len(short) > 0 {
		e := inventory.Short(short)
		e.Field = []string{"input", "lines"}
		return e
	}
	for i, o := range p.plan.Orders {
		for _, l := range o.Lines {
			err := shelf.Move(inventory.Hold(l.Item.ID, l.Quantity, p.orders[i]))
			if err == nil && p.status() == Paid {
				err = shelf.Move(inventory.Sell(l.Item.ID, l.Quantity, p.orders[i]))
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// past is what the database knows of the requests' keys and buyers.
type past struct {
	keys map[buyerKey]pastCheckout
	open map[typeid.Buyer]int
}

type buyerKey struct {
	buyer typeid.Buyer
	key   string
}

type pastCheckout struct {
	id   typeid.Checkout
	hash idempotency.Hash
}

// lookUpTx finds the checkouts of the requests' keys, and how many their buyers hold, with one statement. It runs after the
// buyers are locked, so that whoever used the same key before has committed or is gone.
func lookUpTx(ctx context.Context, tx *db.Tx, requests []*planned) (*past, error) {
	same := make([]*sql.Predicate, len(requests))
	for i, r := range requests {
		same[i] = sql.And(sql.EQ(entcheckout.FieldBuyerID, r.buyer), sql.EQ(entcheckout.FieldIdempotencyKey, r.key))
	}
	d := tx.SQL()
	query := d.Select(entcheckout.FieldBuyerID, entcheckout.FieldIdempotencyKey, entcheckout.FieldID, entcheckout.FieldRequestHash).
		AppendSelectExpr(sql.Raw("0")).From(d.Table(entcheckout.Table)).Where(sql.Or(same...)).
		UnionAll(d.Select(entcheckout.FieldBuyerID).AppendSelectExpr(sql.Raw("NULL"), sql.Raw("NULL"), sql.Raw("NULL"), sql.Raw("COUNT(*)")).
			From(d.Table(entcheckout.Table)).Where(sql.And(
			sql.In(entcheckout.FieldBuyerID, db.Args(sortedBuyers(requests))...),
			sql.EQ(entcheckout.FieldStatus, string(Open)),
			sql.GT(entcheckout.FieldHeldUntil, requests[0].placedAt), // what is overdue holds nobody back
		)).GroupBy(entcheckout.FieldBuyerID))
	out := &past{keys: make(map[buyerKey]pastCheckout), open: make(map[typeid.Buyer]int)}
	_, err := db.Collect(ctx, tx, query, func(row db.Row) (struct{}, error) {
		var (
			buyer    typeid.Buyer
			key      *string
			id, hash []byte
			open     int
		)
		if err := row.Scan(&buyer, &key, &id, &hash, &open); err != nil {
			return struct{}{}, err
		}
		if key == nil {
			out.open[buyer] = open
			return struct{}{}, nil
		}
		found := pastCheckout{hash: idempotency.Hash(hash)}
		err := found.id.Scan(id)
		out.keys[buyerKey{buyer, *key}] = found
		return struct{}{}, err
	})
	if err != nil {
		return nil, fmt.Errorf("look up idempotency keys: %w", err)
	}
	return out, nil
}

// repeat is the verdict on a request whose key has a checkout already.
func (p *past) repeat(r *planned) (verdict, bool) {
	found, ok := p.keys[buyerKey{r.buyer, r.key}]
	if ok && found.hash != r.hash {
		return verdict{err: idempotency.Reused()}, true
	}
	return verdict{id: found.id}, ok
}

// add counts a winner in for the requests after it.
func (p *past) add(r *planned) {
	p.keys[buyerKey{r.buyer, r.key}] = pastCheckout{id: r.id, hash: r.hash}
	if r.status() == Open {
		p.open[r.buyer]++
	}
}

// variants are those whose stock has to be locked: of repeats and refusals none.
func (p *past) variants(requests []*planned) []typeid.Variant {
	var out []typeid.Variant
	for _, r := range requests {
		if _, again := p.repeat(r); !again && r.refusal == nil {
			out = append(out, r.plan.variants()...)
		}
	}
	return out
}
