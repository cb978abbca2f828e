package payment

import (
	"context"
	"fmt"
	"slices"
	"time"

	"entgo.io/ent/dialect/sql"

	"holdfast/ent"
	"holdfast/ent/ledgerentry"
	"holdfast/internal/clock"
	"holdfast/internal/db"
	"holdfast/internal/money"
	"holdfast/internal/page"
	"holdfast/internal/typeid"
)

// Account is whose money something is, or was.
type Account string

// The accounts of the books. Each shop has books of its own.
const (
	// OfBuyer is the buyers' money, outside: below zero by what they paid and did not get back.
	OfBuyer Account = "BUYER"
	// OfOrder is the money of orders that lies at the provider: paid, and neither shared out nor refunded.
	OfOrder Account = "ORDER"
	// OfReceiver is what receivers of shares have, the merchant too.
	OfReceiver Account = "RECEIVER"
	// OfProvider is what the provider has taken for itself.
	OfProvider Account = "PROVIDER"
)

// EntryKind is what moved the money.
type EntryKind string

// The kinds of entries.
const (
	EntryReceived EntryKind = "RECEIVED"
	EntryShared   EntryKind = "SHARED"
	EntryReturned EntryKind = "RETURNED"
	EntryRefunded EntryKind = "REFUNDED"
	EntryFee      EntryKind = "FEE"
	// EntryFeeReturned is a part of a fee that the provider gave back with a refund.
	EntryFeeReturned EntryKind = "FEE_RETURNED"
)

// Entry is one side of one movement of money. It is never changed.
type Entry struct {
	ID   typeid.LedgerEntry
	Kind EntryKind
	// MovementID is the TypeID of what moved: of a payment, split, split return or refund, by kind.
	MovementID string
	OrderID    typeid.Order
	ShopID     typeid.Shop
	Account    Account
	// Receiver is which one, of OfReceiver; nil for all others.
	Receiver *string
	// Amount is how much more is in the account since, or below 0, less.
	Amount    money.Money
	CreatedAt time.Time
}

// Balance is what an account of a shop's books comes to, in one currency.
type Balance struct {
	ShopID  typeid.Shop
	Account Account
	// Receiver is which one, of OfReceiver; nil for all others.
	Receiver *string
	Amount   money.Money
}

// posting is money that goes from one account to another. It is two entries, which add up to zero whatever it says.
type posting struct {
	kind     EntryKind
	movement typeid.UUID
	order    typeid.Order
	shop     typeid.Shop
	from, to Account
	receiver string // of the one that is OfReceiver
	amount   money.Money
	at       time.Time
}

// postTx writes postings into the books. What comes to nothing leaves no trace there.
func postTx(ctx context.Context, tx *db.Tx, list []posting) error {
	var rows [][]any
	var ids []typeid.LedgerEntry
	for _, p := range list {
		if p.amount.Amount == 0 {
			continue
		}
		at := clock.Truncate(p.at)
		ids = append(ids, typeid.New[typeid.LedgerEntry](at), typeid.New[typeid.LedgerEntry](at))
		rows = append(rows, p.row(p.from, -p.amount.Amount, at), p.row(p.to, p.amount.Amount, at))
	}
	if len(rows) == 0 {
		return nil
	}
	// Ids of one moment are in no order: sorted, they have the two sides of each movement stand together.
	slices.SortFunc(ids, func(a, b typeid.LedgerEntry) int { return a.Compare(b.UUID) })
	for i := range rows {
		rows[i][0] = ids[i]
	}
	return tx.InsertLater(ctx, ledgerentry.Table, []string{
		ledgerentry.FieldID, ledgerentry.FieldKind, ledgerentry.FieldMovementID, ledgerentry.FieldOrderID, ledgerentry.FieldShopID,
		ledgerentry.FieldAccount, ledgerentry.FieldReceiver, ledgerentry.FieldAmount, ledgerentry.FieldCurrency, ledgerentry.FieldCreatedAt,
	}, rows)
}

// row is one side of a posting, without its id.
func (p posting) row(a Account, amount int64, at time.Time) []any {
	receiver := ""
	if a == OfReceiver {
		receiver = p.receiver
	}
	return []any{nil, string(p.kind), p.movement, p.order, p.shop, string(a), receiver, amount, string(p.amount.Currency), at}
}

// EntriesOfShops is, for each shop, a page of its books, newest first. Callers ask who may see it. It fails with BAD_REQUEST.
func (p *Payments) EntriesOfShops(ctx context.Context, shops []typeid.Shop, q page.Query) (map[typeid.Shop]page.Page[*Entry], error) {
	if err := q.Validate(); err != nil {
		return nil, err
	}
	rows, err := p.db.LedgerEntry.Query().Where(db.Newest(ledgerentry.FieldShopID, shops, q.After, q.First+1)).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read books: %w", err)
	}
	return page.Deal(rows, q.First, func(r *ent.LedgerEntry) (typeid.Shop, *Entry) { return r.ShopID, entryOf(r) }), nil
}

// EntriesOfOrders are the entries about these orders, oldest first. Callers ask who may see them.
func (p *Payments) EntriesOfOrders(ctx context.Context, orders []typeid.Order) ([]*Entry, error) {
	rows, err := p.db.LedgerEntry.Query().Where(ledgerentry.OrderIDIn(orders...)).Order(ledgerentry.ByID()).All(ctx)
	return db.Map(rows, err, "read books", entryOf)
}

// BalancesOfShops are the accounts of these shops that anything ever moved in, by name and receiver. Callers ask who may see them.
func (p *Payments) BalancesOfShops(ctx context.Context, shops []typeid.Shop) ([]*Balance, error) {
	t := p.db.SQL().Table(ledgerentry.Table)
	of := []string{
		t.C(ledgerentry.FieldShopID), t.C(ledgerentry.FieldAccount), t.C(ledgerentry.FieldReceiver), t.C(ledgerentry.FieldCurrency),
	}
	found, err := db.Collect(ctx, p.db, p.db.SQL().Select(append(of, sql.Sum(t.C(ledgerentry.FieldAmount)))...).From(t).
		Where(sql.In(t.C(ledgerentry.FieldShopID), db.Args(shops)...)).GroupBy(of...).OrderBy(of...), balanceOf)
	if err != nil {
		return nil, fmt.Errorf("read balances: %w", err)
	}
	return found, nil
}

func balanceOf(row db.Row) (*Balance, error) {
	var b Balance
	var receiver string
	err := row.Scan(&b.ShopID, &b.Account, &receiver, &b.Amount.Currency, &b.Amount.Amount)
	b.Receiver = named(receiver)
	return &b, err
}

func entryOf(r *ent.LedgerEntry) *Entry {
	return &Entry{
		ID: r.ID, Kind: EntryKind(r.Kind), MovementID: moved(EntryKind(r.Kind), r.MovementID), OrderID: r.OrderID, ShopID: r.ShopID,
		Account: Account(r.Account), Receiver: named(r.Receiver), Amount: money.New(r.Amount, money.Currency(r.Currency)), CreatedAt: r.CreatedAt,
	}
}

func named(receiver string) *string {
	if receiver == "" {
		return nil
	}
	return &receiver
}

// moved spells the id of what moved. A fee is one of a payment.
func moved(kind EntryKind, id typeid.UUID) string {
	switch kind {
	case EntryReceived, EntryFee:
	case EntryShared:
		return typeid.From[typeid.Split](id).String()
	case EntryReturned:
		return typeid.From[typeid.SplitReturn](id).String()
	case EntryRefunded, EntryFeeReturned:
		return typeid.From[typeid.Refund](id).String()
	}
	return typeid.From[typeid.Payment](id).String()
}
