// Package notify tells buyers what they want to hear, in subscribe messages of WeChat, and tells WeChat what was shipped. What has to be
// told is a row, written in the transaction of what it is about, with a job of its own: nothing is told that was not committed, and
// nothing that was is forgotten. Where nobody wants to be told, nothing is written and nothing is asked.
//
// A message is sent once at most. WeChat has no numbers by which it would know one again, each takes a consent of the buyer's with it,
// and a second "refunded" looks like a second refund; so a message of which nobody knows whether it was sent ends as REFUSED and says
// so. An upload of what was shipped has its moment by which WeChat knows it again, and is repeated until it is answered.
package notify

import (
	"context"
	"log/slog"
	"time"

	"holdfast/ent"
	"holdfast/ent/notification"
	"holdfast/internal/clock"
	"holdfast/internal/db"
	"holdfast/internal/job"
	"holdfast/internal/typeid"
	"holdfast/internal/wechat"
)

// Kind says what is told.
type Kind string

// The kinds of notifications. All but Shipping are messages to a buyer.
const (
	OrderPaid     Kind = "ORDER_PAID"
	OrderShipped  Kind = "ORDER_SHIPPED"  // all of it
	OrderRefunded Kind = "ORDER_REFUNDED" // one refund of it
	Restocked     Kind = "RESTOCKED"
	Shipping      Kind = "SHIPPING" // for WeChat itself: what was shipped of an order
)

// Status is how a notification stands.
type Status string

// The states of a notification. The last two are its end.
const (
	Pending Status = "PENDING"
	Sent    Status = "SENT"
	Refused Status = "REFUSED"
)

// WeChat is what notifications need of it: see wechat.Client.
type WeChat interface {
	Send(ctx context.Context, m wechat.Message) (wechat.Result, error)
	UploadShipping(ctx context.Context, u wechat.Upload) (wechat.Result, error)
	UploadCombinedShipping(ctx context.Context, u wechat.CombinedUpload) (wechat.Result, error)
}

// Numbers are what WeChat Pay knows the money of an order by.
type Numbers struct {
	Merchant, Number string // who asked for it, and under which number
	// Payer is who asked for the combined payment, and Combined its number; empty for an order that was paid by itself.
	Payer, Combined string
}

// Settings are what a Notifier tells, and through whom.
type Settings struct {
	WeChat WeChat // nil tells nobody anything
	// Apps are the mini-programs at WeChat, by appId, each with its templates, which Templates.Check has found good. WeChat is told of
	// what is shipped for all of them.
	Apps map[string]Templates
	// Numbers finds the numbers of an order that was paid.
	Numbers func(ctx context.Context, paid typeid.Payment, o typeid.Order) (Numbers, error)
}

// has tells whether any mini-program has a template of this kind.
func (s Settings) has(k Kind) bool {
	for _, templates := range s.Apps {
		if _, ok := templates[k]; ok {
			return true
		}
	}
	return false
}

// Notifier writes notifications and sends them. A nil one writes none.
type Notifier struct {
	db   *db.DB
	now  clock.Clock
	jobs *job.Queue
	log  *slog.Logger
	set  Settings
}

// New is the Notifier on d. It handles the queue's jobs about notifications and restocked variants.
func New(d *db.DB, now clock.Clock, jobs *job.Queue, log *slog.Logger, set Settings) *Notifier {
	n := &Notifier{db: d, now: now, jobs: jobs, log: log, set: set}
	jobs.Handle(job.Notification, n.tell)
	jobs.Handle(job.Restock, n.restock)
	return n
}

// Notification is something that is, or was, told.
type Notification struct {
	OrderID typeid.Order // zero if it is about none
	Kind    Kind
	Status  Status
	// Failure is why it was refused, or that WeChat has not answered yet; nil for nothing.
	Failure   *string
	CreatedAt time.Time
	EndedAt   *time.Time // nil while it is PENDING
}

// OfOrders are the notifications about these orders, oldest first. Callers ask who may see them.
func (n *Notifier) OfOrders(ctx context.Context, orders []typeid.Order) ([]*Notification, error) {
	rows, err := n.db.Notification.Query().Where(notification.OrderIDIn(orders...)).Order(notification.ByID()).All(ctx)
	return db.Map(rows, err, "read notifications", notificationOf)
}

func notificationOf(r *ent.Notification) *Notification {
	out := &Notification{Kind: Kind(r.Kind), Status: Status(r.Status), Failure: r.Failure, CreatedAt: r.CreatedAt, EndedAt: r.EndedAt}
	if r.OrderID != nil {
		out.OrderID = *r.OrderID
	}
	return out
}
