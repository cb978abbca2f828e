package app_test

import (
	"slices"

	"github.com/anishathalye/porcupine"

	entcheckout "holdfast/ent/checkout"
	"holdfast/ent/staffrequest"
	"holdfast/ent/stockmovement"
	"holdfast/internal/checkout"
	"holdfast/internal/inventory"
	"holdfast/internal/payment"
	"holdfast/internal/typeid"
)

// learn reads from the rows what nobody was told: which of the acts without an answer have happened, and what time has ended. When
// is left open. Without it there are too many possibilities to look through; and rows that lie leave no order either.
func (c *crowd) learn() {
	c.log = slices.DeleteFunc(c.log, func(op porcupine.Operation) bool {
		return op.Output.(answer).unknown && !c.happened(op.Input.(act))
	})
	for i := range c.log {
		if c.log[i].Output.(answer).unknown {
			c.log[i].Return = c.end()
			c.unknown++
			c.find(c.log[i])
		}
	}
	for _, d := range c.deals {
		if c.hasExpired(d) {
			c.log = append(c.log, c.expiry(d))
		}
	}
}

// find finds the checkout of a client who hung up, and whose next try was refused before the first was done.
func (c *crowd) find(op porcupine.Operation) {
	a := op.Input.(act)
	if a.do != doPlace {
		return
	}
	found, err := c.db.Checkout.Query().Where(entcheckout.IdempotencyKey(c.keyOf(a))).Only(c.ctx)
	must(c.t, err)
	c.deals = append(c.deals, &bought{id: found.ID, sku: a.sku, slot: a.slot, quantity: a.quantity, until: found.HeldUntil, asked: op.Call, placed: c.end()})
}

// happened tells whether an act has happened, by anybody's hand.
func (c *crowd) happened(a act) bool {
	var n int
	var err error
	if a.do == doAdjust {
		n, err = c.db.StaffRequest.Query().Where(staffrequest.IdempotencyKey(c.keyOf(a))).Count(c.ctx)
		must(c.t, err)
		return n > 0
	}
	found, err := c.db.Checkout.Query().Where(entcheckout.IdempotencyKey(c.keyOf(a))).All(c.ctx)
	must(c.t, err)
	if len(found) == 0 || a.do == doPlace {
		return len(found) > 0
	}
	if a.do == doCancel {
		return found[0].Status == string(checkout.Cancelled)
	}
	paid, err := c.Payments.ByCheckouts(c.ctx, []typeid.Checkout{found[0].ID})
	must(c.t, err)
	return paid[0].Status != payment.Closed
}

// hasExpired tells whether a checkout is EXPIRED or was: it is PAID, and its goods were held twice.
func (c *crowd) hasExpired(d *bought) bool {
	found, err := c.Checkouts.ByIDs(c.ctx, []typeid.Checkout{d.id})
	must(c.t, err)
	orders, err := c.Orders.ByCheckouts(c.ctx, []typeid.Checkout{d.id})
	must(c.t, err)
	held, err := c.db.StockMovement.Query().Where(stockmovement.OrderID(orders[0].ID), stockmovement.Kind(string(inventory.Held))).Count(c.ctx)
	must(c.t, err)
	return found[0].Status == checkout.Expired || held > 1
}

// expiry is what time did to a checkout: at some moment between the end of its hold and that of the first sweep that could not
// overlook it.
func (c *crowd) expiry(d *bought) porcupine.Operation {
	op := porcupine.Operation{ClientId: clients + 1, Input: act{do: doExpire, sku: d.sku, slot: d.slot, quantity: d.quantity}, Output: answer{}, Return: c.end()}
	due := false
	for _, turn := range c.turns { // in their order
		if !due && !turn.now.Before(d.until) {
			due, op.Call = true, max(turn.begin, d.asked)
		}
		if due && turn.asked >= d.placed {
			op.Return = turn.end
			break
		}
	}
	if !due {
		c.t.Errorf("checkout %s has expired before its time", d.id)
	}
	return op
}
