package notify

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"entgo.io/ent/dialect/sql"

	"holdfast/ent"
	"holdfast/ent/notification"
	"holdfast/internal/typeid"
	"holdfast/internal/wechat"
)

const (
	// sendWithin is how long WeChat has for one call. A process that stops waits for it: nobody would know what came of it.
	sendWithin = 15 * time.Second
	// staleAfter is when a message is no news any more, and when WeChat should know of a payment.
	staleAfter = 24 * time.Hour
	maxFailure = 500 // characters
)

// unanswered is what a message says from before it is sent until what came of it is written down.
const unanswered = "WeChat was asked and its answer is not known: it may have been sent, and is not sent twice"

// ending is what became of a notification.
type ending struct {
	status  Status
	failure string
}

func refused(text string) *ending { return &ending{Refused, text} }

// tell sends one notification, or says why not. It is the handler of its job.
func (n *Notifier) tell(ctx context.Context, about typeid.UUID) (time.Time, error) {
	row, err := n.db.Notification.Get(ctx, typeid.From[typeid.Notification](about))
	if ent.IsNotFound(err) || err == nil && row.Status != string(Pending) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("read notification: %w", err)
	}
	var end *ending
	switch {
	case n.set.WeChat == nil:
		end = refused("WeChat is not configured any more")
	case Kind(row.Kind) == Shipping:
		end, err = n.upload(ctx, row)
	default:
		end, err = n.send(ctx, row)
	}
	if err != nil {
		return time.Time{}, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendWithin) // it has happened, and is written down
	defer cancel()
	return time.Time{}, n.end(ctx, row, end)
}

func (n *Notifier) end(ctx context.Context, row *ent.Notification, end *ending) error {
	update := n.db.Notification.Update().Where(notification.ID(row.ID), notification.Status(string(Pending))).
		SetStatus(string(end.status)).SetEndedAt(n.now())
	if end.failure == "" {
		update.ClearFailure()
	} else {
		update.Modify(failureIs(end.failure))
	}
	if _, err := update.Save(ctx); err != nil {
		return fmt.Errorf("end notification: %w", err)
	}
	if end.status == Refused {
		n.log.InfoContext(ctx, "a notification was refused", "notification_id", row.ID.String(), "kind", row.Kind, "reason", end.failure)
	}
	return nil
}

// failureIs sets the failure past the builder, which counts bytes.
func failureIs(text string) func(*sql.UpdateBuilder) {
	return func(u *sql.UpdateBuilder) { u.Set(notification.FieldFailure, wechat.Cut(text, maxFailure)) }
}

// send sends a message, once at most: that it is being sent is written down first.
func (n *Notifier) send(ctx context.Context, row *ent.Notification) (*ending, error) {
	if row.Failure != nil { // whoever wrote that has died, or lost the database
		return refused(unanswered), nil
	}
	m, end, err := n.message(ctx, row)
	if end != nil || err != nil {
		return end, err
	}
	mine, err := n.db.Notification.Update().Where(notification.ID(row.ID), notification.Status(string(Pending)), notification.FailureIsNil()).
		Modify(failureIs(unanswered)).Save(ctx)
	if err != nil || mine == 0 {
		return nil, errors.Join(err, errors.New("announce a message: somebody else did"))
	}
	sending, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendWithin)
	defer cancel()
	result, err := n.set.WeChat.Send(sending, m)
	switch {
	case err != nil && !errors.Is(err, wechat.ErrNotAsked):
		n.log.WarnContext(ctx, "nobody knows whether a message was sent", "notification_id", row.ID.String(), "error", err)
		return refused(unanswered), nil
	case err == nil && result.State == wechat.Done:
		return &ending{Sent, ""}, nil
	case err == nil && result.State != wechat.Later:
		return refused(saidOf(result)), nil
	case n.stale(row):
		return refused("it could not be sent for a day, and is no news any more"), nil
	}
	if err == nil {
		err = fmt.Errorf("send a message: %s", saidOf(result))
	}
	_, undone := n.db.Notification.Update().Where(notification.ID(row.ID), notification.Status(string(Pending))).ClearFailure().Save(sending)
	return nil, errors.Join(err, undone)
}

func (n *Notifier) stale(row *ent.Notification) bool { return n.now().Sub(row.CreatedAt) > staleAfter }

// saidOf is what WeChat said, for people.
func saidOf(r wechat.Result) string {
	text := string(r.State)
	if r.Code != 0 {
		text += " " + strconv.Itoa(r.Code)
	}
	if r.Field != "" {
		text += " " + r.Field
	}
	return text + ": " + r.Reason
}
