package wechat

import (
	"strings"
)

// State says what became of a message or an upload.
type State string

// What Send and the uploads both answer.
const (
	// Done means that it was sent, or is uploaded.
	Done State = "DONE"
	// Later means that nothing was done, and that the same call may do later.
	Later State = "LATER"
	// BadArgument means that the value in Field is not taken, and never will be. Nothing was done.
	BadArgument State = "BAD_ARGUMENT"
	// Refused is every other errcode. Nothing was done, and somebody has to look at Code.
	Refused State = "REFUSED"
)

// What Send answers beside these. Nothing was sent, and the same message will not do later.
const (
	// Declined means that the user has not allowed this message, or that the allowance is used up.
	Declined State = "DECLINED"
	// BadTemplate means that the mini-program has no such template.
	BadTemplate State = "BAD_TEMPLATE"
	// BadPage means that the published version has no such page.
	BadPage State = "BAD_PAGE"
	// BadRecipient means that the mini-program has no such user.
	BadRecipient State = "BAD_RECIPIENT"
)

// What the uploads answer beside these.
const (
	// Unchanged means that WeChat has it already: an earlier answer was lost, or the time of the upload is not later than that of the last.
	Unchanged State = "UNCHANGED"
	// Exhausted means that everything was shipped and the one correction is used up.
	Exhausted State = "EXHAUSTED"
	// NotShippable means that the payment is not in a state to be shipped, such as refunded.
	NotShippable State = "NOT_SHIPPABLE"
	// NoPayment means that WeChat knows no such payment of the mini-program. One that was made just now may be known later.
	NoPayment State = "NO_PAYMENT"
)

// Result is what became of a message or an upload that WeChat has, or would have, answered.
type Result struct {
	State State
	// Field is the value at fault of BadArgument, where it is known: a keyword such as thing3, or a path such as shipping_list.0.item_desc.
	Field string
	// Code is WeChat's errcode; 0 with BadArgument means that it was not asked.
	Code int
	// Reason is WeChat's errmsg, or what is wrong, for operators.
	Reason string
}

func wrong(field, reason string) Result {
	return Result{State: BadArgument, Field: field, Reason: reason}
}

// answered makes a Result of an answer: code 0 is Done, and what states does not know is Later or Refused.
func answered(e Error, states map[int]State) Result {
	if e.Code == 0 {
		return Result{State: Done}
	}
	out := Result{State: states[e.Code], Code: e.Code, Reason: e.Text}
	switch {
	case out.State != "":
	case e.passing():
		out.State = Later
	default:
		out.State = Refused
	}
	return out
}

// keywordIn is the first keyword of a template that an errmsg names: thing3 in "argument invalid! data.thing3.value invalid".
func keywordIn(text string) string {
	_, after, _ := strings.Cut(text, "data.")
	end := strings.IndexFunc(after, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_' })
	if end < 0 {
		end = len(after)
	}
	return after[:end]
}
