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

// attempts is how often a request is planned whose cart moves meanwhile.
const attempts = 5

// errCartMoved says that the cart changed between its reading and the lock.
var errCartMoved = errors.New("the cart has moved")

// Place prices the goods, holds the stock of every line or of none, makes the orders, plans how the money is divided and
// prepares the payment, for a buyer. A repeat of a key that succeeded gives the same checkout as it stands now. With
// PAYMENT_PENDING, and with no other error, there is a checkout too: the goods are held, the provider has not answered.
//
// It fails with INVALID, TOO_MANY, NOT_FOUND, NOT_FOR_SALE, QUANTITY_LIMIT, CURRENCY_MISMATCH, ADDRESS_REQUIRED,
// PRICE_CHANGED, PAYMENT_REFUSED, VERSION_MISMATCH, OUT_OF_STOCK, HOLD_LIMIT_REACHED and IDEMPOTENCY_KEY_REUSED.
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
		p := c.plan(who, in, hash)
		if known := c.soldOut.refuses(p, in); known != nil {
			p.refusal = known
			return c.repeats.Do(ctx, p)
		}
		out, err := c.decide(ctx, who, in, p)
		switch {
		case err != nil:
			return verdict{}, err
		case errors.Is(out.err, errCartMoved) && attempt < attempts:
			continue
		case errors.Is(out.err, errCartMoved):
			return verdict{err: fault.New(fault.VersionMismatch, "the cart has changed since; read it again").At("input", "cartVersion")}, nil
		}
		var short *inventory.ShortError
		if !errors.As(out.err, &short) {
			return out.verdict, nil
		}
		if freed || !c.releaseOverdue(ctx, short) {
			c.soldOut.note(p, short)
			return out.verdict, nil
		}
		freed = true
	}
}

// decide plans a request and has it decided together with others.
func (c *Checkouts) decide(ctx context.Context, who identity.Principal, in Input, p *planned) (result, error) {
	if p.refusal == nil {
		if err := c.planLines(ctx, who, in, p); err != nil {
			c.soldOut.decided(move{place: p})
			return result{}, err
		}
	}
	out, err := c.moves.Do(ctx, move{place: p})
	if fault.Is(err, fault.Overloaded) { // it was not let in
		c.soldOut.decided(move{place: p})
	}
	return out, err
}

// plan is a request with its place in time and its ids. Its lines are not planned yet.
func (c *Checkouts) plan(who identity.Principal, in Input, hash idempotency.Hash) *planned {
	now := c.now()
	return &planned{
		buyer: who.Buyer, mini: who.MiniProgram, key: in.IdempotencyKey, hash: hash, cartVersion: in.CartVersion,
		takeOut: in.RemoveFromCart || in.Lines == nil, refusal: checkInput(in),
		id: typeid.New[typeid.Checkout](now), payment: typeid.New[typeid.Payment](now),
		placedAt: now, heldUntil: now.Add(c.set.Hold),
	}
}

// planLines reads what the request is about, without any lock, and makes its plan, or finds why not.
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

// wish is what a request wants to know of the world before it is planned.
type wish struct {
	mini     typeid.MiniProgram
	variants []typeid.Variant
}

// world is what a plan of these lines needs.
func (c *Checkouts) world(ctx context.Context, mini typeid.MiniProgram, lines []LineInput) (Catalogue, error) {
	w := wish{mini: mini}
	for _, l := range lines[:min(len(lines), MaxLines)] {
		if id, ok := typeid.Parse[typeid.Variant](l.VariantID); ok && !slices.Contains(w.variants, id) {
			w.variants = append(w.variants, id)
		}
	}
	return c.worlds.Do(ctx, w)
}

// readWorlds reads what many requests want to know, together. What one did not ask for is in its answer too.
func (c *Checkouts) readWorlds(ctx context.Context, wishes []wish) ([]Catalogue, error) {
	wanted := make(map[typeid.MiniProgram][]typeid.Variant)
	for _, w := range wishes {
		wanted[w.mini] = append(wanted[w.mini], w.variants...)
	}
	found, err := c.catalog.Offers(ctx, wanted)
	if err != nil {
		return nil, err
	}
	out := make([]Catalogue, len(wishes))
	for i, w := range wishes {
		out[i] = Catalogue{Items: found.Items[w.mini], Rules: found.Rules, Limits: c.provider.Limits(found.AppIDs[w.mini])}
	}
	return out, nil
}

// verdict is what became of one request: the checkout that was made, the one that its key had already, or why it has none.
type verdict struct {
	made *Checkout
	id   typeid.Checkout
	err  error
}

// hold holds the stock of every line of a request, in memory, or says why not.
func (r *round) hold(p *planned, maxOpen int) error {
	version, exists := r.carts[p.buyer]
	switch {
	case !exists:
		return fmt.Errorf("place checkout: buyer %s is gone", p.buyer)
	case r.past.emptied[p.buyer] && (p.cartVersion != nil || p.cartRead != nil):
		return errCartMoved
	case p.cartVersion != nil && *p.cartVersion != version:
		return fault.New(fault.VersionMismatch, "the cart has changed since; read it again").At("input", "cartVersion")
	case p.cartRead != nil && *p.cartRead != version:
		return errCartMoved
	case p.refusal != nil:
		return p.refusal
	case r.past.open[p.buyer] >= maxOpen && p.status() == Open:
		return fault.New(fault.HoldLimitReached, "at most %d checkouts wait for payment; pay or cancel one first", maxOpen)
	}
	return p.take(r.shelf)
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
		return shortOf(short)
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
	keys    map[buyerKey]pastCheckout
	open    map[typeid.Buyer]int
	emptied map[typeid.Buyer]bool // whose carts a winner takes goods out of
}

func newPast() *past {
	return &past{keys: make(map[buyerKey]pastCheckout), open: make(map[typeid.Buyer]int), emptied: make(map[typeid.Buyer]bool)}
}

type buyerKey struct {
	buyer typeid.Buyer
	key   string
}

type pastCheckout struct {
	id   typeid.Checkout
	hash idempotency.Hash
}

// lockTx locks the requests' buyers, and finds the checkouts of their keys and how many they hold, all with one round trip. It looks
// after the buyers are locked, so that whoever used the same key before has committed or is gone.
func (p *past) lockTx(ctx context.Context, tx *db.Tx, requests []*planned, now time.Time) (carts map[typeid.Buyer]int64, err error) {
	buyers := sortedBuyers(requests)
	carts = make(map[typeid.Buyer]int64, len(buyers))
	if err := tx.ReadAll(ctx, cart.Locking(tx, buyers, carts), p.lookUp(keysOf(tx, requests)), p.count(tx, buyers, now)); err != nil {
		return nil, fmt.Errorf("lock buyers, look up idempotency keys: %w", err)
	}
	return carts, nil
}

// keysOf are the checkouts of the requests' keys.
func keysOf(tx *db.Tx, requests []*planned) *sql.Selector {
	same := make([]*sql.Predicate, len(requests))
	for i, r := range requests {
		same[i] = sql.And(sql.EQ(entcheckout.FieldBuyerID, r.buyer), sql.EQ(entcheckout.FieldIdempotencyKey, r.key))
	}
	d := tx.SQL()
	return d.Select(entcheckout.FieldBuyerID, entcheckout.FieldIdempotencyKey, entcheckout.FieldID, entcheckout.FieldRequestHash).
		From(d.Table(entcheckout.Table)).Where(sql.Or(same...))
}

func (p *past) lookUp(query *sql.Selector) db.Read {
	return db.Read{Query: query, Row: func(row db.Row) error {
		var (
			of    buyerKey
			found pastCheckout
			hash  []byte
		)
		if err := row.Scan(&of.buyer, &of.key, &found.id, &hash); err != nil {
			return err
		}
		found.hash = idempotency.Hash(hash)
		p.keys[of] = found
		return nil
	}}
}

// count counts what buyers hold. What is overdue holds nobody back.
func (p *past) count(tx *db.Tx, buyers []typeid.Buyer, now time.Time) db.Read {
	d := tx.SQL()
	query := d.Select(entcheckout.FieldBuyerID, sql.Count("*")).From(d.Table(entcheckout.Table)).Where(sql.And(
		sql.In(entcheckout.FieldBuyerID, db.Args(buyers)...),
		sql.EQ(entcheckout.FieldStatus, string(Open)),
		sql.GT(entcheckout.FieldHeldUntil, now),
	)).GroupBy(entcheckout.FieldBuyerID)
	return db.Read{Query: query, Row: func(row db.Row) error {
		var buyer typeid.Buyer
		var open int
		err := row.Scan(&buyer, &open)
		p.open[buyer] = open
		return err
	}}
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
	p.emptied[r.buyer] = p.emptied[r.buyer] || r.takeOut
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
