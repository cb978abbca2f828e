package wechatpay

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/wechatpay-apiv3/wechatpay-go/core"
	"github.com/wechatpay-apiv3/wechatpay-go/core/consts"
)

// refusal is an error that WeChat Pay answered.
type refusal struct {
	Status  int
	Code    string // as it is documented today; older spellings have been brought in line
	Message string // Chinese, for developers
	Request string // WeChat's own number of the request
}

func (r *refusal) Error() string {
	return fmt.Sprintf("WeChat Pay says %d %s: %s (request %s)", r.Status, r.Code, r.Message, r.Request)
}

// The codes that mean something here.
const (
	orderClosed    = "ORDER_CLOSED"
	orderNotExist  = "ORDER_NOT_EXIST"
	orderPaid      = "ORDER_PAID"
	numberUsed     = "OUT_TRADE_NO_USED"
	invalidRequest = "INVALID_REQUEST"
	notEnough      = "NOT_ENOUGH"
	noResource     = "RESOURCE_NOT_EXISTS"
	noRelation     = "NO_RELATION"
)

// spelling is today's of a code: ORDERNOTEXIST and ORDER_NOT_EXIST are one.
func spelling(code string) string {
	switch strings.ReplaceAll(code, "_", "") {
	case "ORDERCLOSED":
		return orderClosed
	case "ORDERNOTEXIST":
		return orderNotExist
	case "ORDERPAID":
		return orderPaid
	case "OUTTRADENOUSED":
		return numberUsed
	case "NOTENOUGH":
		return notEnough
	}
	return code
}

// refusalOf makes a refusal of what the SDK says; its own text would hold all headers.
func refusalOf(err error) error {
	var said *core.APIError
	if !errors.As(err, &said) {
		return err
	}
	return &refusal{Status: said.StatusCode, Code: spelling(said.Code), Message: said.Message, Request: said.Header.Get(consts.RequestID)}
}

// refused is the refusal in an error, or nil.
func refused(err error) *refusal {
	r, _ := errors.AsType[*refusal](err)
	return r
}

// is tells whether an error is a refusal with one of these codes.
func is(err error, codes ...string) bool {
	r := refused(err)
	return r != nil && slices.Contains(codes, r.Code)
}

// final tells whether an error says no for good. Everything else is asked again in the same words: too many requests, trouble on
// WeChat's side, what cannot be done yet, and wrong signatures, which are for an operator to mend.
func final(err error) bool {
	r := refused(err)
	switch {
	case r == nil:
		return false
	case r.Code == "OPENID_MISMATCH" || r.Code == "INVALID_TRANSACTIONID": // WeChat calls these 500
		return true
	case r.Code == "" || r.Status == http.StatusTooManyRequests || r.Status == http.StatusUnauthorized || r.Status >= http.StatusInternalServerError:
		return false
	case strings.Contains(r.Message, "稍后重试") || strings.Contains(r.Message, "频率过高"):
		return false
	}
	switch strings.ReplaceAll(r.Code, "_", "") {
	case "SYSTEMERROR", "BANKERROR", "FREQUENCYLIMITED", "RATELIMITEXCEEDED", "RATELIMITEXCEED":
		return false
	}
	return true
}
